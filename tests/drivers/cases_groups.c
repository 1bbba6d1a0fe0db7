/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_groups - life, groups and their volumes.
 */
#include "cases.h"

#include "drivers/host.h"
#include "drivers/registry.h"

#include <protector/version.h>

static void literal_is_sound(void **state)
{
    struct bench *b = *state;
    g_autoptr(err_t) e = registry_check(b->driver, "the test");

    assert_null(e);
    assert_string_equal(bench_driver_name(), b->driver->name);
    if (b->driver->configure != NULL)
        assert_status(PROTECTOR_OK,
                      b->driver->configure(b->driver, driver_host_table(b->host), &b->error));
    for (const struct protector_option *o = b->driver->options; o != NULL && o->name; o++) {
        assert_true(g_str_has_prefix(o->name, b->driver->name));
        assert_non_null(o->help);
    }
}

static void headers_are_of_this_release(void **state)
{
    g_autofree char *numbers = g_strdup_printf("%d.%d.%d", PROTECTOR_VERSION_MAJOR,
                                               PROTECTOR_VERSION_MINOR, PROTECTOR_VERSION_PATCH);

    (void)state;
    assert_string_equal(PROJECT_VERSION, PROTECTOR_VERSION);
    assert_string_equal(PROJECT_VERSION, numbers);
}

static void open_asks_no_array(void **state)
{
    struct bench *b = *state;

    bench_array_lose(b, 0);
    bench_array_lose(b, 1);
    bench_reopen(b);
    bench_array_return(b, 0);
    bench_array_return(b, 1);
}

static void open_refuses_one_array_twice(void **state)
{
    struct bench *b = *state;
    struct protector_end twin = b->ends[0];
    struct protector_pair pair = {.end = {&b->ends[0], &twin}};
    struct protector_handle *handle = NULL;

    assert_status(PROTECTOR_PERMANENT, b->driver->open(b->driver, driver_host_table(b->host), &pair,
                                                       &handle, &b->error));
    assert_null(handle);
    assert_true(b->error.message[0] != '\0');
}

static void group_is_made_once_and_again(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_call check = bench_check(b, 0);
    struct protector_volume v1 = bench_volume("v1", "c1");

    bench_volume_make(b, 0, "c1", v1.size_bytes, 1);
    assert_status(PROTECTOR_OK, b->driver->group_ensure(b->handle, &check, &b->error));
    /* the check has made nothing: */
    assert_status(PROTECTOR_NOT_FOUND, b->driver->volume_add(b->handle, &here, &v1, &b->error));
    assert_status(PROTECTOR_OK, b->driver->group_ensure(b->handle, &here, &b->error));
    assert_status(PROTECTOR_OK, b->driver->group_ensure(b->handle, &here, &b->error));
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &v1, &b->error));
    assert_status(PROTECTOR_OK, b->driver->group_ensure(b->handle, &here, &b->error));
    bench_reopen(b);
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &v1, &b->error));
}

static int members(struct bench *b)
{
    struct protector_call there = bench_call(b, 1);
    struct protector_health health;

    assert_status(PROTECTOR_OK, b->driver->health(b->handle, &there, &health, &b->error));
    return health.volume_count;
}

static void volume_joins_and_leaves(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_call check = bench_check(b, 0);
    struct protector_volume v3 = bench_volume("v3", "c3");

    bench_protect(b);
    bench_volume_make(b, 0, "c3", v3.size_bytes, 3);
    assert_int_equal(2, members(b));
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &check, &v3, &b->error));
    assert_int_equal(2, members(b));
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &v3, &b->error));
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &v3, &b->error));
    assert_int_equal(3, members(b));
    assert_status(PROTECTOR_OK, b->driver->volume_remove(b->handle, &check, "v3", &b->error));
    assert_int_equal(3, members(b));
    assert_status(PROTECTOR_OK, b->driver->volume_remove(b->handle, &here, "v3", &b->error));
    assert_status(PROTECTOR_OK, b->driver->volume_remove(b->handle, &here, "v3", &b->error));
    assert_int_equal(2, members(b));
}

static void volume_changes_its_cinder_id(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_volume v2 = bench_volume("v2", "c2-retyped");

    bench_protect(b);
    bench_volume_make(b, 0, "c2-retyped", v2.size_bytes, 9);
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &v2, &b->error));
    assert_int_equal(2, members(b));
}

static void volume_at_the_target_is_made_known(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_volume v1 = bench_volume("v1", "c1");

    bench_protect(b);
    /* site B has no such Cinder volume, and needs none */
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &there, &v1, &b->error));
    assert_int_equal(2, members(b));
}

static void volume_is_found(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_volume v1 = bench_volume("v1", "c1");
    struct protector_volume_place place;
    struct protector_volume_place again;

    bench_protect(b);
    assert_status(PROTECTOR_OK, b->driver->volume_find(b->handle, &here, &v1, &place, &b->error));
    assert_status(PROTECTOR_OK, b->driver->volume_find(b->handle, &here, &v1, &again, &b->error));
    assert_string_equal(place.id, again.id);
    assert_true(place.id[0] != '\0' && place.name[0] != '\0');
    assert_int_equal(v1.size_bytes, place.size_bytes);
    v1.name_id = "migrated"; /* Cinder's other id decides */
    if (!bench_bytes(b))
        return;
    assert_status(PROTECTOR_NOT_FOUND,
                  b->driver->volume_find(b->handle, &here, &v1, &place, &b->error));
    bench_volume_make(b, 0, "migrated", v1.size_bytes, 1);
    assert_status(PROTECTOR_OK, b->driver->volume_find(b->handle, &here, &v1, &place, &b->error));
    assert_string_not_equal(place.id, again.id);
}

static void volume_that_is_not_there_cannot_join(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_volume v9 = bench_volume("v9", "nowhere");

    bench_protect(b);
    if (!bench_bytes(b))
        return;
    assert_status(PROTECTOR_NOT_FOUND, b->driver->volume_add(b->handle, &here, &v9, &b->error));
    assert_int_equal(2, members(b));
}

static void bad_names_are_refused(void **state)
{
    static const char *const bad[] = {"", "../v1", "a/b", ".hidden", "a b", "a\nb"};
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);

    bench_protect(b);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct protector_volume volume = bench_volume(bad[i], "c1");

        assert_status(PROTECTOR_PERMANENT,
                      b->driver->volume_add(b->handle, &here, &volume, &b->error));
        assert_true(b->error.message[0] != '\0');
    }
    assert_int_equal(2, members(b));
}

static void delete_takes_one_end_and_no_volume(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_call there = bench_call(b, 1);
    struct protector_call check = bench_check(b, 1);
    g_autofree char *point = NULL;
    g_autofree char *volumes_a = NULL;
    g_autofree char *volumes_b = NULL;
    g_autofree char *after_a = NULL;
    g_autofree char *after_b = NULL;
    g_autoptr(GArray) points = NULL;
    g_autoptr(GArray) copies = NULL;
    struct protector_copy copy;

    bench_protect(b);
    point = bench_point(b, "p1");
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    volumes_a = bench_names(b, 0);
    volumes_b = bench_names(b, 1);
    assert_status(PROTECTOR_OK, b->driver->group_delete(b->handle, &check, &b->error));
    assert_status(PROTECTOR_OK, b->driver->group_delete(b->handle, &there, &b->error));
    assert_status(PROTECTOR_OK, b->driver->group_delete(b->handle, &there, &b->error));
    points = bench_points(b);
    assert_int_equal(0, points->len);
    assert_int_equal(2, members(b)); /* the source's end is as it was */
    copies = bench_copies(b, 1);
    assert_int_equal(1, copies->len);
    assert_true(g_array_index(copies, struct protector_copy, 0).released);
    assert_status(PROTECTOR_DENIED, b->driver->copy_delete(b->handle, &there, copy.key, &b->error));
    assert_status(PROTECTOR_OK, b->driver->group_delete(b->handle, &here, &b->error));
    after_a = bench_names(b, 0);
    after_b = bench_names(b, 1);
    assert_string_equal(volumes_a, after_a);
    assert_string_equal(volumes_b, after_b);
}

static void delete_check_changes_nothing(void **state)
{
    struct bench *b = *state;
    struct protector_call check = bench_check(b, 1);
    g_autofree char *point = NULL;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    point = bench_point(b, "p1");
    assert_status(PROTECTOR_OK, b->driver->group_delete(b->handle, &check, &b->error));
    points = bench_points(b);
    assert_int_equal(1, points->len);
}

static void verbs_beyond_the_capabilities_say_so(void **state)
{
    struct bench *b = *state;
    struct protector_call call = bench_call(b, 1);

    bench_protect(b);
    if (!bench_can(b, PROTECTOR_CAN_PROMOTE)) {
        assert_status(PROTECTOR_UNSUPPORTED, b->driver->promote(b->handle, &call, &b->error));
        assert_status(PROTECTOR_UNSUPPORTED, b->driver->demote(b->handle, &call, &b->error));
        assert_non_null(strstr(b->error.message, "demote"));
    }
}

static const struct CMUnitTest tests[] = {
    CASE(literal_is_sound),
    CASE(headers_are_of_this_release),
    CASE(open_asks_no_array),
    CASE(open_refuses_one_array_twice),
    CASE(group_is_made_once_and_again),
    CASE(volume_joins_and_leaves),
    CASE(volume_changes_its_cinder_id),
    CASE(volume_at_the_target_is_made_known),
    CASE(volume_is_found),
    CASE(volume_that_is_not_there_cannot_join),
    CASE(bad_names_are_refused),
    CASE(delete_takes_one_end_and_no_volume),
    CASE(delete_check_changes_nothing),
    CASE(verbs_beyond_the_capabilities_say_so),
};
CASES(cases_groups, tests);
