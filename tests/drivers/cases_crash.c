/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_crash - the process dies at every service call of a verb (for the file driver these lie
 * between its file operations); then nothing half made may look whole, and the same call must
 * finish the work.
 *
 * Bodies run in the child that dies: no assert in them.
 */
#include "cases.h"

#include <string.h>

static void prepare(struct bench *b)
{
    bench_protect(b);
}

static void prepare_point(struct bench *b)
{
    g_autofree char *point = NULL;

    bench_protect(b);
    point = bench_point(b, "tick-1");
}

static void prepare_copies(struct bench *b)
{
    struct protector_copy copy;
    g_autofree char *point = NULL;
    g_autoptr(GArray) points = NULL;

    prepare_point(b);
    points = bench_points(b);
    point = g_strdup(g_array_index(points, struct bench_point, 0).id);
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v2", 2, &copy));
}

/* The id of the only point there is. */
static char *only_point(struct bench *b)
{
    g_autoptr(GArray) points = bench_points(b);

    assert_int_equal(1, points->len);
    return g_strdup(g_array_index(points, struct bench_point, 0).id);
}

/* ---- a point ---- */

static void replicate_body(struct bench *b)
{
    struct protector_call here = bench_call(b, 0);
    struct protector_point_state point;
    enum protector_status status;

    b->mono_step_ms = 20000; /* several slices */
    BENCH_UNTIL_DONE(status,
                     b->driver->replicate_now(b->handle, &here, "tick-1", &point, &b->error));
    (void)status;
}

static void replicate_after(struct bench *b)
{
    g_autofree char *id = NULL;
    g_autoptr(GArray) points = bench_points(b);
    struct protector_copy copy;

    for (guint i = 0; i < points->len; i++) {
        const struct bench_point *point = &g_array_index(points, struct bench_point, i);

        if (point->complete) /* then it is whole: */
            assert_status(PROTECTOR_OK, bench_recover(b, point->id, "v2", 7, &copy));
        else
            assert_status(PROTECTOR_TRANSIENT, bench_recover(b, point->id, "v2", 7, &copy));
    }
    id = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, id, "v1", 1, &copy));
    if (bench_bytes(b)) {
        g_autofree char *source = bench_digest(b, 0, "volume-c1");
        g_autofree char *made = bench_digest(b, 1, copy.ref[0].value);

        assert_string_equal(source, made);
    }
    g_array_unref(g_steal_pointer(&points));
    points = bench_points(b);
    assert_int_equal(1, points->len);
}

static void death_while_making_a_point(void **state)
{
    assert_true(bench_crash_sweep(state, prepare, replicate_body, replicate_after) > 0);
}

/* After the death another point is asked for: the broken one goes away. */
static void replicate_other_after(struct bench *b)
{
    g_autofree char *id = bench_point(b, "tick-2");
    g_autoptr(GArray) points = bench_points(b);

    for (guint i = 0; i < points->len; i++)
        assert_true(!bench_bytes(b) || g_array_index(points, struct bench_point, i).complete);
    assert_non_null(bench_points_find(points, id));
}

/* The volume is written between death and resumption: the point is a mixture, but a sound one. */
static void replicate_changed_after(struct bench *b)
{
    struct protector_copy copy;
    g_autofree char *id = NULL;

    bench_volume_make(b, 0, "c1", 4 * MIB, -1);
    bench_volume_make(b, 0, "c2", 3 * MIB, -1);
    id = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, id, "v1", 1, &copy));
    assert_status(PROTECTOR_OK, bench_recover(b, id, "v2", 2, &copy));
}

static void resumed_points_are_sound(void **state)
{
    assert_true(bench_crash_sweep(state, prepare, replicate_body, replicate_changed_after) > 0);
}

static void broken_points_are_cleared_by_the_next(void **state)
{
    assert_true(bench_crash_sweep(state, prepare, replicate_body, replicate_other_after) > 0);
}

/* ---- a copy ---- */

static const char *the_point; /* of the sweep's bench, for the child */

static void recover_before(struct bench *b)
{
    prepare_point(b);
    g_free((gpointer)the_point);
    the_point = only_point(b);
}

static void recover_body(struct bench *b)
{
    struct protector_copy copy;

    b->mono_step_ms = 20000;
    (void)bench_recover(b, the_point, "v1", 1, &copy);
}

static void recover_after(struct bench *b)
{
    struct protector_call there = bench_call(b, 1);
    char key[PROTECTOR_KEY_SIZE];
    struct protector_copy found;
    struct protector_copy copy;
    enum protector_status status;
    g_autofree char *names = NULL;

    bench_key(1, key);
    status = b->driver->copy_find(b->handle, &there, key, &found, &b->error);
    if (status == PROTECTOR_OK && bench_bytes(b)) { /* found is whole */
        g_autofree char *source = bench_digest(b, 0, "volume-c1");
        g_autofree char *made = bench_digest(b, 1, found.ref[0].value);

        assert_string_equal(source, made);
    } else {
        assert_true(status == PROTECTOR_OK || status == PROTECTOR_NOT_FOUND);
    }
    assert_status(PROTECTOR_OK, bench_recover(b, the_point, "v1", 1, &copy));
    names = bench_names(b, 1);
    if (bench_bytes(b)) {
        g_autofree char *source = bench_digest(b, 0, "volume-c1");
        g_autofree char *made = bench_digest(b, 1, copy.ref[0].value);

        assert_string_equal(copy.ref[0].value, names); /* one volume, not two */
        assert_string_equal(source, made);
    }
}

static void death_while_making_a_copy(void **state)
{
    assert_true(bench_crash_sweep(state, recover_before, recover_body, recover_after) > 0);
}

/* After the death the copy is not wanted any more. */
static void recover_undo_after(struct bench *b)
{
    struct protector_call there = bench_call(b, 1);
    char key[PROTECTOR_KEY_SIZE];
    g_autofree char *names = NULL;
    g_autoptr(GArray) copies = NULL;

    bench_key(1, key);
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, key, &b->error));
    names = bench_names(b, 1);
    assert_string_equal("", names);
    copies = bench_copies(b, 1);
    assert_int_equal(0, copies->len);
}

/* After the death the point is pruned: the copy is finished from its own bytes, or not at all. */
static void recover_pruned_after(struct bench *b)
{
    struct protector_copy copy;
    enum protector_status status;

    bench_option(b, "file_points_kept", "1");
    b->now_ms += 1000;
    g_free(bench_point(b, "tick-2"));
    status = bench_recover(b, the_point, "v1", 1, &copy);
    assert_true(status == PROTECTOR_OK || status == PROTECTOR_NOT_FOUND);
    if (status == PROTECTOR_OK && bench_bytes(b)) {
        g_autofree char *source = bench_digest(b, 0, "volume-c1");
        g_autofree char *made = bench_digest(b, 1, copy.ref[0].value);

        assert_string_equal(source, made);
    }
    recover_undo_after(b);
}

static void copies_outlive_their_point(void **state)
{
    assert_true(bench_crash_sweep(state, recover_before, recover_body, recover_pruned_after) > 0);
}

static void half_made_copies_can_be_deleted(void **state)
{
    assert_true(bench_crash_sweep(state, recover_before, recover_body, recover_undo_after) > 0);
}

static void delete_body(struct bench *b)
{
    struct protector_call there = bench_call(b, 1);
    char key[PROTECTOR_KEY_SIZE];

    bench_key(1, key);
    (void)b->driver->copy_delete(b->handle, &there, key, &b->error);
}

/* The copy was in use before it is deleted. */
static void delete_before(struct bench *b)
{
    struct protector_call there = bench_call(b, 1);
    char key[PROTECTOR_KEY_SIZE];
    struct protector_copy copy;

    prepare_copies(b);
    if (!bench_bytes(b))
        return;
    bench_key(1, key);
    assert_status(PROTECTOR_OK, b->driver->copy_find(b->handle, &there, key, &copy, &b->error));
    bench_scribble(b, 1, copy.ref[0].value);
}

static void delete_after(struct bench *b)
{
    struct protector_call there = bench_call(b, 1);
    char key[PROTECTOR_KEY_SIZE];
    struct protector_copy copy;
    g_autofree char *point = NULL;

    bench_key(1, key);
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, key, &b->error));
    assert_status(PROTECTOR_NOT_FOUND,
                  b->driver->copy_find(b->handle, &there, key, &copy, &b->error));
    bench_key(2, key);
    assert_status(PROTECTOR_OK, b->driver->copy_find(b->handle, &there, key, &copy, &b->error));
    if (bench_bytes(b)) {
        g_autofree char *names = bench_names(b, 1);

        assert_string_equal(copy.ref[0].value, names);
    }
    point = only_point(b); /* asked for anew, it is made anew: nothing of the old one is left */
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    if (bench_bytes(b)) {
        g_autofree char *source = bench_digest(b, 0, "volume-c1");
        g_autofree char *made = bench_digest(b, 1, copy.ref[0].value);

        assert_string_equal(source, made);
    }
}

static void death_while_deleting_a_copy(void **state)
{
    assert_true(bench_crash_sweep(state, delete_before, delete_body, delete_after) > 0);
}

/* ---- several processes at once: an engine that was thought dead ---- */

static bool recover_in_the_end(struct bench *b)
{
    struct protector_copy copy;
    enum protector_status status = PROTECTOR_TRANSIENT;

    b->mono_step_ms = 20000;
    for (int i = 0; i < 5000 && status != PROTECTOR_OK; i++) {
        status = bench_recover(b, the_point, "v1", 1, &copy);
        g_usleep(1000);
    }
    return status == PROTECTOR_OK;
}

static bool replicate_in_the_end(struct bench *b)
{
    struct protector_call here = bench_call(b, 0);
    struct protector_point_state point;
    enum protector_status status = PROTECTOR_TRANSIENT;

    b->mono_step_ms = 20000;
    for (int i = 0; i < 5000 && status != PROTECTOR_OK; i++) {
        status = b->driver->replicate_now(b->handle, &here, "tick-1", &point, &b->error);
        g_usleep(1000);
    }
    return status == PROTECTOR_OK;
}

static void several_processes_make_one_of_each(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    g_autofree char *done = NULL;
    g_autofree char *names = NULL;

    prepare(b);
    bench_parallel(b, 4, replicate_in_the_end);
    done = bench_point(b, "tick-1");
    g_free((gpointer)the_point);
    the_point = only_point(b);
    assert_string_equal(done, the_point);
    bench_parallel(b, 4, recover_in_the_end);
    assert_status(PROTECTOR_OK, bench_recover(b, the_point, "v1", 1, &copy));
    names = bench_names(b, 1);
    if (bench_bytes(b)) {
        g_autofree char *source = bench_digest(b, 0, "volume-c1");
        g_autofree char *made = bench_digest(b, 1, copy.ref[0].value);

        assert_string_equal(copy.ref[0].value, names);
        assert_string_equal(source, made);
    }
}

/* ---- settings ---- */

static void settings_body(struct bench *b)
{
    static const struct protector_tag tag = {
        .writer = SITE_B, .incarnation = "i1", .minted = 3, .floor = 3, .epoch = 3};
    struct protector_call there = bench_call(b, 1);

    (void)b->driver->fence(b->handle, &there, &b->error);
    (void)b->driver->tag_set(b->handle, &there, &tag, &b->error);
    (void)b->driver->unfence(b->handle, &there, &b->error);
}

static void settings_after(struct bench *b)
{
    struct protector_health health;
    struct protector_call there = bench_call(b, 1);
    struct protector_call here = bench_call(b, 0);
    g_autofree char *id = NULL;

    assert_status(PROTECTOR_OK, b->driver->health(b->handle, &there, &health, &b->error));
    assert_status(PROTECTOR_OK, b->driver->unfence(b->handle, &there, &b->error));
    assert_status(PROTECTOR_OK, b->driver->replication_start(b->handle, &here, &b->error));
    id = bench_point(b, "tick-1");
}

static void death_while_fencing_and_tagging(void **state)
{
    assert_true(bench_crash_sweep(state, prepare, settings_body, settings_after) > 0);
}

static const struct CMUnitTest tests[] = {
    CASE(resumed_points_are_sound),
    CASE(death_while_making_a_point),
    CASE(broken_points_are_cleared_by_the_next),
    CASE(death_while_making_a_copy),
    CASE(half_made_copies_can_be_deleted),
    CASE(copies_outlive_their_point),
    CASE(death_while_deleting_a_copy),
    CASE(several_processes_make_one_of_each),
    CASE(death_while_fencing_and_tagging),
};
CASES(cases_crash, tests);
