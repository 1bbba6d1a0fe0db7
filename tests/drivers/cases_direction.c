/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_direction - fences, the other direction, and arrays that are gone.
 */
#include "cases.h"

static enum protector_status replicate(struct bench *b, const char *key,
                                       struct protector_point_state *ret)
{
    struct protector_call here = bench_call(b, b->group.source);
    enum protector_status status;

    BENCH_UNTIL_DONE(status, b->driver->replicate_now(b->handle, &here, key, ret, &b->error));
    return status;
}

static void fence(struct bench *b)
{
    struct protector_call there = bench_call(b, 1 - b->group.source);

    assert_status(PROTECTOR_OK, b->driver->fence(b->handle, &there, &b->error));
}

static void fenced_source_makes_no_point(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_call check = bench_check(b, 1);
    struct protector_point_state point;
    struct protector_copy copy;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autoptr(GArray) points = NULL;

    if (!bench_can(b, PROTECTOR_CAN_FENCE))
        return;
    bench_protect(b);
    before = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, b->driver->fence(b->handle, &check, &b->error));
    assert_status(PROTECTOR_OK, replicate(b, "tick-2", &point)); /* the check has fenced nothing */
    b->now_ms += 60000;
    fence(b);
    fence(b);
    bench_reopen(b);
    assert_status(PROTECTOR_DENIED, replicate(b, "tick-3", &point));
    b->now_ms += 60000;
    points = bench_points(b);
    assert_int_equal(2, points->len);
    assert_status(PROTECTOR_OK, bench_recover(b, before, "v1", 1, &copy)); /* whole points stay */
    assert_status(PROTECTOR_OK, b->driver->unfence(b->handle, &check, &b->error));
    assert_status(PROTECTOR_DENIED, replicate(b, "tick-3", &point));
    assert_status(PROTECTOR_OK, b->driver->unfence(b->handle, &there, &b->error));
    assert_status(PROTECTOR_OK, b->driver->unfence(b->handle, &there, &b->error));
    after = bench_point(b, "tick-3");
}

static void point_in_flight_never_passes_a_fence(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_call there = bench_call(b, 1);
    struct protector_point_state point;
    struct protector_point_state after;
    struct protector_copy copy;
    enum protector_status status;

    if (!bench_can(b, PROTECTOR_CAN_FENCE))
        return;
    bench_protect(b);
    b->mono_step_ms = 1000;
    here.budget_ms = 1;
    status = b->driver->replicate_now(b->handle, &here, "tick-1", &point, &b->error);
    assert_true(status == PROTECTOR_OK || status == PROTECTOR_PENDING);
    assert_false(point.complete);
    b->mono_step_ms = 0;
    fence(b);
    for (int i = 0; i < 20; i++) { /* whatever the source still tries */
        here.budget_ms = 30000;
        status = b->driver->replicate_now(b->handle, &here, "tick-1", &after, &b->error);
        b->now_ms += 60000;
    }
    assert_status(PROTECTOR_OK,
                  b->driver->point_status(b->handle, &there, point.id, &after, &b->error));
    assert_false(after.complete);
    assert_status(PROTECTOR_TRANSIENT, bench_recover(b, point.id, "v1", 1, &copy));
}

/* ---- a fence that comes while the source is at work ---- */

static struct protector_handle *second;
static enum protector_status fence_result;
static bool complete_then;

static int complete_see(void *data, const struct protector_point *point)
{
    *(bool *)data = *(bool *)data || point->complete;
    return 0;
}

static bool any_complete(struct bench *b, struct protector_handle *handle)
{
    struct protector_call there = bench_call(b, 1);
    bool complete = false;

    assert_status(PROTECTOR_OK,
                  b->driver->points_list(handle, &there, complete_see, &complete, &b->error));
    return complete;
}

static void fence_hook(struct bench *b)
{
    struct protector_call there = bench_call(b, 1);
    struct protector_error error;

    there.budget_ms = 10;
    fence_result = b->driver->fence(second, &there, &error);
    if (fence_result == PROTECTOR_OK)
        complete_then = any_complete(b, second);
}

/* The n-th moment of a replicate_now; false if it was over before. */
static bool fence_at(struct bench *b, int64_t n)
{
    struct protector_point_state point;

    second = bench_second(b);
    fence_result = PROTECTOR_TRANSIENT;
    b->hook = fence_hook;
    b->hook_in = n;
    (void)replicate(b, "tick-1", &point);
    n = b->hook_in;
    b->hook_in = 0;
    if (fence_result == PROTECTOR_OK) {
        b->now_ms += 60000;
        (void)replicate(b, "tick-1", &point);
        assert_int_equal(complete_then, any_complete(b, b->handle));
    }
    b->driver->close(second);
    return n == 0;
}

static void fence_is_final_at_any_moment(void **state)
{
    bool more = bench_can(*state, PROTECTOR_CAN_FENCE);

    for (int64_t n = 1; more; n++) {
        bench_teardown(state);
        bench_setup(state);
        bench_protect(*state);
        more = fence_at(*state, n);
    }
}

static void fence_needs_no_group_and_no_source(void **state)
{
    struct bench *b = *state;

    if (!bench_can(b, PROTECTOR_CAN_FENCE))
        return;
    bench_array_lose(b, 0);
    fence(b);
    bench_array_return(b, 0);
}

static void fence_is_of_one_direction(void **state)
{
    struct bench *b = *state;
    struct protector_call call;
    struct protector_volume v1 = bench_volume("v1", "c1-at-b");
    struct protector_point_state point;
    g_autofree char *old = NULL;
    g_autofree char *new = NULL;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    old = bench_point(b, "tick-1");
    if (bench_can(b, PROTECTOR_CAN_FENCE))
        fence(b);
    b->group.source = 1; /* failed over: B serves in lineage 1 */
    b->group.lineage = 1;
    bench_volume_make(b, 1, "c1-at-b", v1.size_bytes, 11);
    call = bench_call(b, 1);
    assert_status(PROTECTOR_OK, b->driver->group_ensure(b->handle, &call, &b->error));
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &call, &v1, &b->error));
    call = bench_call(b, 0);
    assert_status(PROTECTOR_OK, b->driver->group_ensure(b->handle, &call, &b->error));
    new = bench_point(b, "tick-2");
    points = bench_points(b);
    assert_int_equal(1, points->len);
    assert_int_equal(1, bench_points_find(points, new)->lineage);
    assert_string_equal(SITE_B, bench_points_find(points, new)->made_by);
    assert_string_equal("v1", bench_points_find(points, new)->subjects);
    b->group.source = 0; /* the old direction is still shut */
    if (bench_can(b, PROTECTOR_CAN_FENCE))
        assert_status(PROTECTOR_DENIED, replicate(b, "tick-9", &point));
}

static void reverse_turns_replication_around(void **state)
{
    struct bench *b = *state;
    struct protector_call call;
    struct protector_call check;
    struct protector_health health;
    struct protector_volume v1 = bench_volume("v1", "c1-at-b");
    g_autofree char *old = NULL;
    g_autofree char *new = NULL;

    if (!bench_can(b, PROTECTOR_CAN_REVERSE))
        return;
    bench_protect(b);
    old = bench_point(b, "tick-1");
    b->group.source = 1;
    b->group.lineage = 1;
    fence(b); /* as A did when it was active and B was the target of nothing: must be lifted */
    bench_volume_make(b, 1, "c1-at-b", v1.size_bytes, 11);
    call = bench_call(b, 1);
    check = bench_check(b, 1);
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &call, &v1, &b->error));
    assert_status(PROTECTOR_OK, b->driver->reverse(b->handle, &check, &b->error));
    call = bench_call(b, 0);
    assert_status(PROTECTOR_OK, b->driver->health(b->handle, &call, &health, &b->error));
    assert_true(health.fenced && !health.replicating); /* the check has turned nothing */
    call = bench_call(b, 1);
    assert_status(PROTECTOR_OK, b->driver->reverse(b->handle, &call, &b->error));
    assert_status(PROTECTOR_OK, b->driver->reverse(b->handle, &call, &b->error));
    new = bench_point(b, "tick-2");
    call = bench_call(b, 0);
    assert_status(PROTECTOR_OK, b->driver->health(b->handle, &call, &health, &b->error));
    assert_true(!health.fenced && health.replicating);
    b->group.source = 0;
    call = bench_call(b, 1);
    assert_status(PROTECTOR_OK, b->driver->health(b->handle, &call, &health, &b->error));
    assert_false(health.replicating); /* the old direction is off */
}

static void stop_of_the_old_direction_leaves_the_new_one(void **state)
{
    struct bench *b = *state;
    struct protector_call call;
    struct protector_health health;

    if (!bench_can(b, PROTECTOR_CAN_REVERSE))
        return;
    bench_protect(b);
    b->group.source = 1;
    call = bench_call(b, 1);
    assert_status(PROTECTOR_OK, b->driver->reverse(b->handle, &call, &b->error));
    b->group.source = 0; /* A is demoted, late: "stop pushing" */
    call = bench_call(b, 0);
    assert_status(PROTECTOR_OK, b->driver->replication_stop(b->handle, &call, &b->error));
    b->group.source = 1;
    call = bench_call(b, 0);
    assert_status(PROTECTOR_OK, b->driver->health(b->handle, &call, &health, &b->error));
    assert_true(health.replicating);
}

static int count_tags(void *data, const struct protector_tag *tag)
{
    (void)tag;
    ++*(int *)data;
    return 0;
}

static void target_works_when_the_source_is_gone(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_tag tag = {.writer = SITE_B, .epoch = 1, .minted = 1};
    struct protector_copy copy;
    struct protector_health health;
    g_autofree char *point = NULL;
    g_autoptr(GArray) points = NULL;
    g_autoptr(GArray) copies = NULL;
    int tags = 0;

    bench_protect(b);
    point = bench_point(b, "tick-1");
    bench_array_lose(b, 0);
    bench_reopen(b);
    if (bench_can(b, PROTECTOR_CAN_FENCE))
        fence(b);
    points = bench_points(b);
    assert_int_equal(1, points->len);
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v2", 2, &copy));
    copies = bench_copies(b, 1);
    assert_int_equal(2, copies->len);
    if (bench_can(b, PROTECTOR_CAN_TAG)) {
        assert_status(PROTECTOR_OK, b->driver->tag_set(b->handle, &there, &tag, &b->error));
        assert_status(PROTECTOR_OK,
                      b->driver->tag_get(b->handle, &there, count_tags, &tags, &b->error));
        assert_int_equal(1, tags);
    }
    assert_status(PROTECTOR_OK, b->driver->health(b->handle, &there, &health, &b->error));
    if (bench_bytes(b))
        assert_int_equal(PROTECTOR_LINK_DOWN, health.link);
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, copy.key, &b->error));
    bench_array_return(b, 0);
}

static int no_row(void *data, const struct protector_point *point)
{
    (void)data;
    (void)point;
    fail_msg("a lost array has shown a point");
    return 0;
}

static void lost_array_is_not_an_empty_one(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_copy copy;
    struct protector_point_state state_of;
    char key[PROTECTOR_KEY_SIZE];
    g_autofree char *point = NULL;

    bench_protect(b);
    point = bench_point(b, "tick-1");
    if (!bench_bytes(b))
        return; /* its arrays cannot be lost */
    bench_key(1, key);
    bench_array_lose(b, 1);
    assert_status(PROTECTOR_TRANSIENT,
                  b->driver->points_list(b->handle, &there, no_row, NULL, &b->error));
    assert_status(PROTECTOR_TRANSIENT,
                  b->driver->point_status(b->handle, &there, point, &state_of, &b->error));
    assert_status(PROTECTOR_TRANSIENT,
                  b->driver->copy_find(b->handle, &there, key, &copy, &b->error));
    assert_status(PROTECTOR_TRANSIENT, bench_recover(b, point, "v1", 1, &copy));
    assert_status(PROTECTOR_TRANSIENT, replicate(b, "tick-2", &state_of));
    assert_status(PROTECTOR_TRANSIENT, b->driver->group_ensure(b->handle, &there, &b->error));
    bench_array_return(b, 1);
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
}

static const struct CMUnitTest tests[] = {
    CASE(fenced_source_makes_no_point),
    CASE(point_in_flight_never_passes_a_fence),
    CASE(fence_is_final_at_any_moment),
    CASE(fence_needs_no_group_and_no_source),
    CASE(fence_is_of_one_direction),
    CASE(reverse_turns_replication_around),
    CASE(stop_of_the_old_direction_leaves_the_new_one),
    CASE(target_works_when_the_source_is_gone),
    CASE(lost_array_is_not_an_empty_one),
};
CASES(cases_direction, tests);
