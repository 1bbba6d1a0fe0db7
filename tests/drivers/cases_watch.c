/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_watch - health, and tags that never go down.
 */
#include "cases.h"

static struct protector_health health_of(struct bench *b)
{
    struct protector_call there = bench_call(b, 1 - b->group.source);
    struct protector_health health;

    assert_status(PROTECTOR_OK, b->driver->health(b->handle, &there, &health, &b->error));
    return health;
}

static void lag_is_measured_from_the_newest_usable_point(void **state)
{
    struct bench *b = *state;
    struct protector_health health;
    int64_t made_ms;
    g_autofree char *p1 = NULL;
    g_autofree char *p2 = NULL;

    bench_protect(b);
    health = health_of(b);
    assert_int_equal(-1, health.lag_ms); /* no point is not "no lag" */
    assert_int_equal(0, health.last_point_ms);
    assert_int_equal(PROTECTOR_LINK_UP, health.link);
    assert_true(health.replicating);
    assert_int_equal(2, health.volume_count);
    p1 = bench_point(b, "tick-1");
    b->now_ms += 300000;
    made_ms = b->now_ms;
    p2 = bench_point(b, "tick-2");
    b->now_ms = made_ms + 120000;
    health = health_of(b);
    assert_int_equal(made_ms, health.last_point_ms);
    assert_int_equal(120000, health.lag_ms);
    b->group.lineage = 8; /* points of the old lineage are of no use to this one */
    health = health_of(b);
    assert_int_equal(-1, health.lag_ms);
}

static void health_tells_of_fence_and_stop(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_call there = bench_call(b, 1);

    bench_protect(b);
    assert_false(health_of(b).fenced);
    assert_status(PROTECTOR_OK, b->driver->replication_stop(b->handle, &here, &b->error));
    assert_false(health_of(b).replicating);
    if (!bench_can(b, PROTECTOR_CAN_FENCE))
        return;
    assert_status(PROTECTOR_OK, b->driver->fence(b->handle, &there, &b->error));
    assert_true(health_of(b).fenced);
}

static void health_of_nothing(void **state)
{
    struct bench *b = *state;
    struct protector_health health = health_of(b);

    assert_int_equal(-1, health.lag_ms);
    assert_int_equal(0, health.volume_count);
    assert_false(health.replicating);
}

static void toy_says_that_it_is_one(void **state)
{
    struct bench *b = *state;

    bench_protect(b);
    if (!bench_bytes(b))
        assert_non_null(strstr(health_of(b).detail, "replicates no data"));
}

/* ---- tags ---- */

struct tags {
    struct protector_tag tag[4];
    int count;
};

static int tag_take(void *data, const struct protector_tag *tag)
{
    struct tags *tags = data;

    assert_true(tags->count < 4);
    tags->tag[tags->count++] = *tag;
    return 0;
}

static struct tags tags_of(struct bench *b, int site)
{
    struct protector_call call = bench_call(b, site);
    struct tags tags = {.count = 0};

    assert_status(PROTECTOR_OK, b->driver->tag_get(b->handle, &call, tag_take, &tags, &b->error));
    return tags;
}

static void tag_put(struct bench *b, int site, const struct protector_tag *tag)
{
    struct protector_call call = bench_call(b, site);

    assert_status(PROTECTOR_OK, b->driver->tag_set(b->handle, &call, tag, &b->error));
}

static const struct protector_tag tag_b = {.writer = SITE_B,
                                           .incarnation = "i1",
                                           .minted = 5,
                                           .floor = 3,
                                           .epoch = 3,
                                           .active_site = SITE_B};

static void tag_comes_back(void **state)
{
    struct bench *b = *state;
    struct protector_call check = bench_check(b, 1);
    struct protector_tag tag_a = tag_b;
    struct tags tags;

    if (!bench_can(b, PROTECTOR_CAN_TAG))
        return;
    assert_int_equal(0, tags_of(b, 1).count);
    assert_status(PROTECTOR_OK, b->driver->tag_set(b->handle, &check, &tag_b, &b->error));
    assert_int_equal(0, tags_of(b, 1).count);
    tag_put(b, 1, &tag_b); /* needs no group_ensure: the claim must always find a place for it */
    bench_reopen(b);
    tags = tags_of(b, 1);
    assert_int_equal(1, tags.count);
    assert_memory_equal(&tag_b, &tags.tag[0], sizeof tag_b);
    assert_int_equal(0, tags_of(b, 0).count); /* the other array has its own */
    (void)g_strlcpy(tag_a.writer, SITE_A, sizeof tag_a.writer);
    tag_put(b, 1, &tag_a);
    assert_int_equal(2, tags_of(b, 1).count);
}

static void tag_never_goes_down(void **state)
{
    struct bench *b = *state;
    struct protector_tag low = {.writer = SITE_B,
                                .incarnation = "i2",
                                .minted = 1,
                                .floor = 1,
                                .epoch = 1,
                                .active_site = SITE_A};
    struct protector_tag high = {.writer = SITE_B,
                                 .incarnation = "i2",
                                 .minted = 9,
                                 .floor = 3,
                                 .epoch = 8,
                                 .active_site = SITE_A};
    struct tags tags;

    if (!bench_can(b, PROTECTOR_CAN_TAG))
        return;
    tag_put(b, 1, &tag_b);
    tag_put(b, 1, &low); /* a restored database, which has forgotten */
    tags = tags_of(b, 1);
    assert_int_equal(5, tags.tag[0].minted);
    assert_int_equal(3, tags.tag[0].floor);
    assert_int_equal(3, tags.tag[0].epoch);
    assert_string_equal(SITE_B, tags.tag[0].active_site);
    assert_string_equal("i2", tags.tag[0].incarnation);
    tag_put(b, 1, &high);
    tags = tags_of(b, 1);
    assert_int_equal(1, tags.count);
    assert_int_equal(9, tags.tag[0].minted);
    assert_int_equal(8, tags.tag[0].epoch);
    assert_string_equal(SITE_A, tags.tag[0].active_site);
}

static void tag_is_of_one_group(void **state)
{
    struct bench *b = *state;

    if (!bench_can(b, PROTECTOR_CAN_TAG))
        return;
    tag_put(b, 1, &tag_b);
    b->group.id = "pg-99999999-2222-4333-8444-555555555555";
    assert_int_equal(0, tags_of(b, 1).count);
}

static void tag_needs_a_writer(void **state)
{
    struct bench *b = *state;
    struct protector_call call = bench_call(b, 1);
    struct protector_tag tag = {.epoch = 1};

    if (!bench_can(b, PROTECTOR_CAN_TAG))
        return;
    assert_status(PROTECTOR_PERMANENT, b->driver->tag_set(b->handle, &call, &tag, &b->error));
}

struct listed {
    struct tags tags;
    char group[4][64];
};

static int tag_listed(void *data, const char *group, const struct protector_tag *tag)
{
    struct listed *l = data;

    (void)g_strlcpy(l->group[MIN(l->tags.count, 3)], group, sizeof l->group[0]);
    return tag_take(&l->tags, tag);
}

/* One call tells of all groups at an array, and of that array alone. */
static void tags_are_listed(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1), here = bench_call(b, 0);
    struct protector_group other = b->group;
    struct listed listed = {.tags.count = 0}, none = {.tags.count = 0};

    if (!bench_can(b, PROTECTOR_CAN_TAG_LIST))
        return;
    tag_put(b, 1, &tag_b);
    other.id = "pg-another";
    there.group = &other;
    assert_status(PROTECTOR_OK, b->driver->tag_set(b->handle, &there, &tag_b, &b->error));
    assert_status(PROTECTOR_OK,
                  b->driver->tag_list(b->handle, &there, tag_listed, &listed, &b->error));
    assert_int_equal(2, listed.tags.count);
    assert_string_not_equal(listed.group[0], listed.group[1]);
    assert_memory_equal(&tag_b, &listed.tags.tag[1], sizeof tag_b);
    assert_status(PROTECTOR_OK,
                  b->driver->tag_list(b->handle, &here, tag_listed, &none, &b->error));
    assert_int_equal(0, none.tags.count);
}

static const struct CMUnitTest tests[] = {
    CASE(lag_is_measured_from_the_newest_usable_point),
    CASE(health_tells_of_fence_and_stop),
    CASE(health_of_nothing),
    CASE(toy_says_that_it_is_one),
    CASE(tag_comes_back),
    CASE(tag_never_goes_down),
    CASE(tag_is_of_one_group),
    CASE(tag_needs_a_writer),
    CASE(tags_are_listed),
};
CASES(cases_watch, tests);
