/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_copies - copies: the same key is the same copy, nothing is overwritten, and only what a key
 * names is ever destroyed.
 */
#include "cases.h"

static const struct protector_copy *find(const GArray *copies, const char *key)
{
    for (guint i = 0; i < copies->len; i++) {
        const struct protector_copy *copy = &g_array_index(copies, struct protector_copy, i);

        if (strcmp(copy->key, key) == 0)
            return copy;
    }
    return NULL;
}

static void copy_is_what_was_asked_for(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    char key[PROTECTOR_KEY_SIZE];
    g_autofree char *point = NULL;

    b->group.epoch = 7;
    bench_protect(b);
    point = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    bench_key(1, key);
    assert_string_equal(key, copy.key);
    assert_string_equal(GROUP, copy.group_id);
    assert_string_equal("v1", copy.subject);
    assert_string_equal(point, copy.point_id);
    assert_int_equal(7, copy.epoch);
    assert_int_equal(PROTECTOR_FOR_RECOVERY, copy.purpose);
    assert_int_equal(4 * MIB, copy.size_bytes);
    assert_true(copy.finished);
    assert_false(copy.released);
    if (bench_bytes(b)) {
        assert_int_equal(PROTECTOR_MANAGE, copy.action);
        assert_true(copy.ref_count > 0 && copy.ref[0].value[0] != '\0');
        assert_true(copy.volume_id[0] != '\0');
    } else {
        assert_int_equal(PROTECTOR_CREATE, copy.action);
        assert_int_equal(0, copy.ref_count);
        assert_string_equal("image-1", copy.image_id);
        assert_status(PROTECTOR_OK, bench_recover(b, point, "v2", 2, &copy));
        assert_string_equal("", copy.image_id); /* a data volume: empty */
    }
}

static void copy_has_the_bytes_of_its_point(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    g_autofree char *then = bench_digest(b, 0, "volume-c1");
    g_autofree char *point = NULL;
    g_autofree char *made = NULL;
    g_autofree char *now = NULL;

    bench_protect(b);
    g_free(then);
    then = bench_digest(b, 0, "volume-c1");
    point = bench_point(b, "tick-1");
    bench_volume_make(b, 0, "c1", 4 * MIB, 77); /* written after the point */
    if (!bench_bytes(b))
        return;
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    made = bench_digest(b, 1, copy.ref[0].value);
    now = bench_digest(b, 0, "volume-c1");
    assert_string_equal(then, made);
    assert_string_not_equal(then, now);
}

static void same_key_is_the_same_copy(void **state)
{
    struct bench *b = *state;
    struct protector_copy first;
    struct protector_copy again;
    g_autofree char *point = NULL;
    g_autofree char *names = NULL;
    g_autofree char *after = NULL;
    g_autoptr(GArray) copies = NULL;

    bench_protect(b);
    point = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &first));
    names = bench_names(b, 1);
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &again));
    bench_reopen(b);
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &again));
    assert_memory_equal(&first, &again, sizeof first);
    after = bench_names(b, 1);
    assert_string_equal(names, after);
    copies = bench_copies(b, 1);
    assert_int_equal(1, copies->len);
}

static void key_of_another_copy_is_taken(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    struct protector_copy found;
    struct protector_call there = bench_call(b, 1);
    g_autofree char *p1 = NULL;
    g_autofree char *p2 = NULL;

    bench_protect(b);
    p1 = bench_point(b, "tick-1");
    p2 = bench_point(b, "tick-2");
    assert_status(PROTECTOR_OK, bench_recover(b, p1, "v1", 1, &copy));
    assert_status(PROTECTOR_EXISTS, bench_recover(b, p2, "v1", 1, &found));
    assert_status(PROTECTOR_EXISTS, bench_recover(b, p1, "v2", 1, &found));
    assert_status(PROTECTOR_OK,
                  b->driver->copy_find(b->handle, &there, copy.key, &found, &b->error));
    assert_memory_equal(&copy, &found, sizeof copy);
}

static void check_makes_nothing_and_do_keeps_its_word(void **state)
{
    struct bench *b = *state;
    char key[PROTECTOR_KEY_SIZE];
    struct protector_call check = bench_check(b, 1);
    struct protector_call there = bench_call(b, 1);
    struct protector_volume volume = bench_volume("v1", "gone");
    struct protector_recover what = {.volume = &volume, .key = key};
    struct protector_copy copy;
    g_autofree char *point = NULL;
    g_autofree char *names = NULL;
    g_autoptr(GArray) copies = NULL;

    bench_key(1, key);
    bench_protect(b);
    what.point_id = "nothing";
    assert_status(PROTECTOR_NOT_FOUND,
                  b->driver->recover(b->handle, &check, &what, &copy, &b->error));
    point = bench_point(b, "tick-1");
    what.point_id = point;
    assert_status(PROTECTOR_OK, b->driver->recover(b->handle, &check, &what, &copy, &b->error));
    copies = bench_copies(b, 1);
    assert_int_equal(0, copies->len);
    names = bench_names(b, 1);
    assert_string_equal("", names);
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    check = bench_check(b, 1);
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &check, key, &b->error));
    assert_status(PROTECTOR_OK, b->driver->copy_release(b->handle, &check, key, &b->error));
    assert_status(PROTECTOR_OK, b->driver->copy_find(b->handle, &there, key, &copy, &b->error));
    assert_false(copy.released);
}

static void bad_keys_make_no_copy(void **state)
{
    static const char *const keys[] = {
        "", "abc", "../../../../../../../../../../../../../../../../../../../../etc/p",
        "000000000000000000000000000000000000000000000000000000000000000G",
        "00000000000000000000000000000000000000000000000000000000000000000"};
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_volume volume = bench_volume("v1", "gone");
    struct protector_copy copy;
    g_autofree char *point = NULL;

    bench_protect(b);
    point = bench_point(b, "tick-1");
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        struct protector_recover what = {.point_id = point, .volume = &volume, .key = keys[i]};

        assert_status(PROTECTOR_PERMANENT,
                      b->driver->recover(b->handle, &there, &what, &copy, &b->error));
        assert_status(PROTECTOR_PERMANENT,
                      b->driver->copy_delete(b->handle, &there, keys[i], &b->error));
    }
}

static void clone_is_for_a_drill(void **state)
{
    struct bench *b = *state;
    char key[PROTECTOR_KEY_SIZE];
    struct protector_call there = bench_call(b, 1);
    struct protector_volume volume = bench_volume("v1", "gone");
    struct protector_recover what = {.volume = &volume, .key = key};
    struct protector_copy copy;
    enum protector_status status;
    g_autofree char *point = NULL;
    g_autofree char *later = NULL;

    bench_key(9, key);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    what.point_id = point;
    BENCH_UNTIL_DONE(status, b->driver->clone(b->handle, &there, &what, &copy, &b->error));
    assert_status(PROTECTOR_OK, status);
    assert_int_equal(PROTECTOR_FOR_DRILL, copy.purpose);
    /* one key is not both */
    assert_status(PROTECTOR_EXISTS, bench_recover(b, point, "v1", 9, &copy));
    later = bench_point(b, "tick-2"); /* replication goes on */
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, key, &b->error));
    assert_status(PROTECTOR_NOT_FOUND,
                  b->driver->copy_find(b->handle, &there, key, &copy, &b->error));
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy)); /* the point stays */
}

static void delete_destroys_what_the_key_names(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_copy one;
    struct protector_copy two;
    struct protector_copy found;
    g_autofree char *point = NULL;
    g_autofree char *before_a = NULL;
    g_autofree char *after_a = NULL;
    g_autofree char *after_b = NULL;
    g_autoptr(GArray) copies = NULL;
    g_autoptr(GArray) points = NULL;

    bench_protect(b);
    bench_volume_make(b, 1, "bystander", MIB, 5);
    point = bench_point(b, "tick-1");
    before_a = bench_names(b, 0);
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &one));
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v2", 2, &two));
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, one.key, &b->error));
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, one.key, &b->error));
    copies = bench_copies(b, 1);
    assert_int_equal(1, copies->len);
    assert_non_null(find(copies, two.key));
    assert_status(PROTECTOR_OK,
                  b->driver->copy_find(b->handle, &there, two.key, &found, &b->error));
    points = bench_points(b);
    assert_true(bench_points_find(points, point)->complete);
    after_a = bench_names(b, 0);
    after_b = bench_names(b, 1);
    assert_string_equal(before_a, after_a);
    if (bench_bytes(b)) {
        g_autofree char *wanted = g_strdup_printf("%s volume-bystander", two.ref[0].value);

        assert_string_equal(wanted, after_b);
    }
}

static void delete_of_nothing_is_ok(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    char key[PROTECTOR_KEY_SIZE];

    bench_key(3, key);
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, key, &b->error));
    bench_protect(b);
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, key, &b->error));
}

static void released_copy_is_never_deleted(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_call check = bench_check(b, 1);
    struct protector_copy copy;
    struct protector_copy again;
    g_autofree char *point = NULL;
    g_autoptr(GArray) copies = NULL;

    bench_protect(b);
    point = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    assert_status(PROTECTOR_OK, b->driver->copy_release(b->handle, &there, copy.key, &b->error));
    assert_status(PROTECTOR_OK, b->driver->copy_release(b->handle, &there, copy.key, &b->error));
    assert_status(PROTECTOR_DENIED, b->driver->copy_delete(b->handle, &check, copy.key, &b->error));
    assert_status(PROTECTOR_DENIED, b->driver->copy_delete(b->handle, &there, copy.key, &b->error));
    copies = bench_copies(b, 1);
    assert_int_equal(1, copies->len);
    assert_true(find(copies, copy.key)->released);
    /* whoever asks again for the same copy gets it, released as it is */
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &again));
    assert_true(again.released);
}

static void release_of_nothing_is_not_found(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    char key[PROTECTOR_KEY_SIZE];

    bench_key(3, key);
    bench_protect(b);
    assert_status(PROTECTOR_NOT_FOUND, b->driver->copy_release(b->handle, &there, key, &b->error));
}

static void slices_make_the_same_copy(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    struct protector_call there = bench_call(b, 1);
    char key[PROTECTOR_KEY_SIZE];
    struct protector_volume volume = bench_volume("v1", "gone");
    struct protector_recover what = {.volume = &volume, .key = key};
    enum protector_status status = PROTECTOR_PENDING;
    g_autofree char *point = NULL;

    bench_protect(b);
    point = bench_point(b, "tick-1");
    what.point_id = point;
    bench_key(1, key);
    b->mono_step_ms = 1000;
    there.budget_ms = 1;
    for (int i = 0; i < 100 && status == PROTECTOR_PENDING; i++) {
        g_autofree char *names = NULL;

        status = b->driver->recover(b->handle, &there, &what, &copy, &b->error);
        bench_reopen(b);
        names = bench_names(b, 1);
        if (status == PROTECTOR_PENDING) /* not to be seen before it is whole */
            assert_string_equal("", names);
    }
    assert_status(PROTECTOR_OK, status);
    if (bench_bytes(b)) {
        g_autofree char *source = bench_digest(b, 0, "volume-c1");
        g_autofree char *made = bench_digest(b, 1, copy.ref[0].value);

        assert_string_equal(source, made);
    }
}

static const struct CMUnitTest tests[] = {
    CASE(copy_is_what_was_asked_for),
    CASE(copy_has_the_bytes_of_its_point),
    CASE(same_key_is_the_same_copy),
    CASE(key_of_another_copy_is_taken),
    CASE(check_makes_nothing_and_do_keeps_its_word),
    CASE(bad_keys_make_no_copy),
    CASE(clone_is_for_a_drill),
    CASE(delete_destroys_what_the_key_names),
    CASE(delete_of_nothing_is_ok),
    CASE(released_copy_is_never_deleted),
    CASE(release_of_nothing_is_not_found),
    CASE(slices_make_the_same_copy),
};
CASES(cases_copies, tests);
