/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_points - points: made once per key, complete only when whole, of a lineage and a maker.
 */
#include "cases.h"

static enum protector_status replicate(struct bench *b, const char *key,
                                       struct protector_point_state *ret)
{
    struct protector_call here = bench_call(b, b->group.source);

    return b->driver->replicate_now(b->handle, &here, key, ret, &b->error);
}

static void point_is_made_once_per_key(void **state)
{
    struct bench *b = *state;
    struct protector_point_state again;
    struct protector_point_state other;
    g_autofree char *id = NULL;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    id = bench_point(b, "tick-1");
    b->now_ms += 60000;
    assert_status(PROTECTOR_OK, replicate(b, "tick-1", &again));
    assert_string_equal(id, again.id);
    assert_true(again.complete);
    bench_reopen(b);
    assert_status(PROTECTOR_OK, replicate(b, "tick-1", &again));
    assert_string_equal(id, again.id);
    assert_status(PROTECTOR_OK, replicate(b, "tick-2", &other));
    assert_string_not_equal(id, other.id);
    points = bench_points(b);
    assert_int_equal(2, points->len);
}

static void point_tells_what_it_is(void **state)
{
    struct bench *b = *state;
    int64_t before_ms;
    g_autofree char *id = NULL;
    g_autoptr(GArray) points = NULL;
    const struct bench_point *point;

    b->group.lineage = 3;
    b->group.epoch = 5;
    bench_protect(b);
    before_ms = b->now_ms;
    id = bench_point(b, "tick-1");
    points = bench_points(b);
    assert_int_equal(1, points->len);
    point = bench_points_find(points, id);
    assert_non_null(point);
    assert_int_equal(3, point->lineage);
    assert_string_equal(SITE_A, point->made_by);
    assert_int_equal(before_ms, point->time_ms);
    assert_true(point->complete);
    assert_string_equal("v1 v2", point->subjects);
    assert_non_null(strstr(id, "e3")); /* the lineage also stands in the name */
}

/* What was made last is kept, whatever the clocks say: a site's may have gone back by a day. */
static void newest_point_is_kept(void **state)
{
    struct bench *b = *state;
    struct protector_point_state point, again;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    for (int i = 0; i < 24; i++) {
        g_autofree char *key = g_strdup_printf("tick-%d", i);
        g_autofree char *id = bench_point(b, key);
        assert_non_null(id);
        b->now_ms += 60000;
    }
    b->now_ms -= 86400000;
    g_autofree char *late = bench_point(b, "late");
    assert_status(PROTECTOR_OK, replicate(b, "late", &point));
    assert_string_equal(late, point.id);
    b->now_ms += 60000;
    assert_status(PROTECTOR_OK, replicate(b, "late", &again));
    assert_int_equal(point.time_ms, again.time_ms); /* made once */
    points = bench_points(b);
    assert_non_null(bench_points_find(points, late));
}

static void points_are_of_the_target(void **state)
{
    struct bench *b = *state;
    g_autofree char *id = NULL;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    id = bench_point(b, "tick-1");
    b->group.source = 1; /* the other direction: its target is A, which holds none */
    points = bench_points(b);
    assert_int_equal(0, points->len);
}

static void key_of_another_lineage_is_taken(void **state)
{
    struct bench *b = *state;
    struct protector_point_state point;
    g_autofree char *id = NULL;

    bench_protect(b);
    id = bench_point(b, "tick-1");
    b->group.lineage = 2;
    assert_status(PROTECTOR_EXISTS, replicate(b, "tick-1", &point));
}

static void lineages_stay_apart(void **state)
{
    struct bench *b = *state;
    g_autofree char *old = NULL;
    g_autofree char *new = NULL;
    g_autoptr(GArray) before = NULL;
    g_autoptr(GArray) points = NULL;
    const struct bench_point *kept;

    bench_protect(b);
    old = bench_point(b, "tick-1");
    before = bench_points(b);
    assert_int_equal(0, bench_points_find(before, old)->lineage);
    b->group.lineage = 4;
    new = bench_point(b, "tick-2");
    points = bench_points(b);
    kept = bench_points_find(points, old); /* a driver may let points of an old life go */
    assert_true(kept == NULL || kept->lineage == 0);
    assert_int_equal(4, bench_points_find(points, new)->lineage);
}

static void point_holds_the_members_of_its_moment(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_volume v3 = bench_volume("v3", "c3");
    struct protector_copy copy;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    first = bench_point(b, "tick-1");
    bench_volume_make(b, 0, "c3", v3.size_bytes, 3);
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &v3, &b->error));
    assert_status(PROTECTOR_OK, b->driver->volume_remove(b->handle, &here, "v2", &b->error));
    b->now_ms += 1000;
    second = bench_point(b, "tick-2");
    points = bench_points(b);
    assert_string_equal("v1 v2", bench_points_find(points, first)->subjects);
    assert_string_equal("v1 v3", bench_points_find(points, second)->subjects);
    assert_status(PROTECTOR_NOT_FOUND, bench_recover(b, first, "v3", 1, &copy));
    assert_status(PROTECTOR_NOT_FOUND, bench_recover(b, second, "v2", 2, &copy));
}

static void incomplete_point_is_never_recovered_from(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_call there = bench_call(b, 1);
    struct protector_point_state point;
    struct protector_copy copy;
    char key[PROTECTOR_KEY_SIZE];
    g_autoptr(GArray) points = NULL;
    g_autoptr(GArray) copies = NULL;
    g_autofree char *names = NULL;
    enum protector_status status;

    bench_protect(b);
    b->mono_step_ms = 1000; /* a slice is over after its first chunk */
    here.budget_ms = 1;
    status = b->driver->replicate_now(b->handle, &here, "tick-1", &point, &b->error);
    assert_true(status == PROTECTOR_OK || status == PROTECTOR_PENDING);
    assert_false(point.complete);
    assert_true(point.progress_permille < 1000);
    b->mono_step_ms = 0;
    points = bench_points(b);
    assert_int_equal(1, points->len);
    assert_false(bench_points_find(points, point.id)->complete);
    assert_status(PROTECTOR_TRANSIENT, bench_recover(b, point.id, "v1", 1, &copy));
    bench_key(1, key);
    assert_status(PROTECTOR_NOT_FOUND,
                  b->driver->copy_find(b->handle, &there, key, &copy, &b->error));
    names = bench_names(b, 1);
    assert_string_equal("", names);
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, key, &b->error));
    copies = bench_copies(b, 1);
    assert_int_equal(0, copies->len);
}

static void progress_grows_to_complete(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_call there = bench_call(b, 1);
    struct protector_point_state point = {0};
    enum protector_status status = PROTECTOR_PENDING;
    int last = 0;

    bench_protect(b);
    b->mono_step_ms = 1000;
    here.budget_ms = 1;
    for (int i = 0; i < 100 && !(status == PROTECTOR_OK && point.complete); i++) {
        status = b->driver->replicate_now(b->handle, &here, "tick-1", &point, &b->error);
        assert_true(status == PROTECTOR_OK || status == PROTECTOR_PENDING);
        assert_status(PROTECTOR_OK,
                      b->driver->point_status(b->handle, &there, point.id, &point, &b->error));
        assert_true(point.progress_permille >= last);
        last = point.progress_permille;
        b->now_ms += 100;
        bench_reopen(b); /* nothing of it may live in the handle */
    }
    assert_true(point.complete);
    assert_int_equal(1000, last);
}

static void unknown_point_is_not_found(void **state)
{
    static const char *const ids[] = {"", "nothing", "../points", "auto-e0-1", "now"};
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_point_state point;
    struct protector_copy copy;

    bench_protect(b);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        assert_status(PROTECTOR_NOT_FOUND,
                      b->driver->point_status(b->handle, &there, ids[i], &point, &b->error));
        if (ids[i][0] != '\0')
            assert_status(PROTECTOR_NOT_FOUND, bench_recover(b, ids[i], "v1", 1, &copy));
    }
}

static void bad_keys_make_no_point(void **state)
{
    static const char *const keys[] = {
        "",   "A",   "a/b",
        "..", "a b", "0123456789012345678901234567890123456789012345678901234567890123x"};
    struct bench *b = *state;
    struct protector_point_state point;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        assert_status(PROTECTOR_PERMANENT, replicate(b, keys[i], &point));
    points = bench_points(b);
    assert_int_equal(0, points->len);
}

static void check_makes_no_point(void **state)
{
    struct bench *b = *state;
    struct protector_call check = bench_check(b, 0);
    struct protector_point_state point;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    assert_status(PROTECTOR_OK,
                  b->driver->replicate_now(b->handle, &check, "tick-1", &point, &b->error));
    points = bench_points(b);
    assert_int_equal(0, points->len);
}

static void group_without_a_source_makes_no_point(void **state)
{
    struct bench *b = *state;
    struct protector_point_state point;

    assert_status(PROTECTOR_NOT_FOUND, replicate(b, "tick-1", &point));
}

static void points_are_made_while_replication_is_off(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    g_autofree char *id = NULL;

    bench_protect(b);
    assert_status(PROTECTOR_OK, b->driver->replication_stop(b->handle, &here, &b->error));
    assert_status(PROTECTOR_OK, b->driver->replication_stop(b->handle, &here, &b->error));
    id = bench_point(b, "final"); /* the final point of a planned failover */
    assert_status(PROTECTOR_OK, b->driver->replication_start(b->handle, &here, &b->error));
}

static int count_one(void *data, const struct protector_point *point)
{
    (void)point;
    return ++*(int *)data; /* no more */
}

static void list_ends_when_told(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    int count = 0;
    g_autofree char *p1 = NULL;
    g_autofree char *p2 = NULL;

    bench_protect(b);
    p1 = bench_point(b, "tick-1");
    p2 = bench_point(b, "tick-2");
    assert_status(PROTECTOR_OK,
                  b->driver->points_list(b->handle, &there, count_one, &count, &b->error));
    assert_int_equal(1, count);
}

static void old_points_go_and_the_newest_stay(void **state)
{
    struct bench *b = *state;
    g_autofree char *first = NULL;
    g_autofree char *last = NULL;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    first = bench_point(b, "tick-0");
    for (int i = 1; i < 30; i++) {
        g_autofree char *key = g_strdup_printf("tick-%d", i);

        g_free(last);
        b->now_ms += b->group.interval_ms;
        last = bench_point(b, key);
    }
    points = bench_points(b);
    assert_true(points->len < 30 && points->len >= 2);
    assert_null(bench_points_find(points, first));
    assert_non_null(bench_points_find(points, last));
}

static const struct CMUnitTest tests[] = {
    CASE(point_is_made_once_per_key),
    CASE(point_tells_what_it_is),
    CASE(newest_point_is_kept),
    CASE(points_are_of_the_target),
    CASE(key_of_another_lineage_is_taken),
    CASE(lineages_stay_apart),
    CASE(point_holds_the_members_of_its_moment),
    CASE(incomplete_point_is_never_recovered_from),
    CASE(progress_grows_to_complete),
    CASE(unknown_point_is_not_found),
    CASE(bad_keys_make_no_point),
    CASE(check_makes_no_point),
    CASE(group_without_a_source_makes_no_point),
    CASE(points_are_made_while_replication_is_off),
    CASE(list_ends_when_told),
    CASE(old_points_go_and_the_newest_stay),
};
CASES(cases_points, tests);
