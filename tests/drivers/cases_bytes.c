/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_bytes - for drivers that move bytes: damage, names that are taken, what Cinder does with a
 * copy afterwards, overwriting in place.  Written for volumes that are files; other drivers skip
 * it.
 */
#include "cases.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Does the bench see the driver's volumes, as files? */
#define ONLY_FILES(b)                                                                              \
    do {                                                                                           \
        if (strcmp(bench_driver_name(), "file") != 0)                                              \
            skip();                                                                                \
    } while (0)

static void flip(const char *path, off_t at)
{
    char byte = 0;
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(1, pread(fd, &byte, 1, at));
    byte = (char)~byte;
    assert_int_equal(1, pwrite(fd, &byte, 1, at));
    (void)close(fd);
}

static char *point_file(struct bench *b, const char *point, const char *name)
{
    return g_strdup_printf("%s.protector/groups/" GROUP "/points/%s/%s", b->dirs[1], point, name);
}

static void damaged_bytes_are_never_recovered(void **state)
{
    static const char *const names[] = {"v1.data", "v1.sums", "manifest"};
    struct bench *b = *state;

    ONLY_FILES(b);
    bench_protect(b);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *key = g_strdup_printf("tick-%zu", i);
        g_autofree char *point = bench_point(b, key);
        g_autofree char *path = point_file(b, point, names[i]);
        g_autofree char *before = bench_names(b, 1);
        g_autofree char *after = NULL;
        struct protector_copy copy;

        flip(path, 30);
        assert_status(PROTECTOR_PERMANENT, bench_recover(b, point, "v1", 1 + (int)i, &copy));
        assert_non_null(strstr(b->error.message, "damaged"));
        after = bench_names(b, 1);
        assert_string_equal(before, after);
        b->now_ms += 1000;
    }
}

static void damaged_manifest_is_not_complete(void **state)
{
    struct bench *b = *state;
    g_autofree char *point = NULL;
    g_autofree char *path = NULL;
    g_autofree char *healed = NULL;
    g_autoptr(GArray) points = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    path = point_file(b, point, "manifest");
    assert_int_equal(0, truncate(path, 50)); /* torn */
    points = bench_points(b);
    assert_false(bench_points_find(points, point)->complete);
    healed = bench_point(b, "tick-1");
    assert_string_equal(point, healed);
}

static void lost_bytes_are_damage(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    g_autofree char *point = NULL;
    g_autofree char *path = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    path = point_file(b, point, "v1.data");
    assert_int_equal(0, truncate(path, MIB));
    assert_status(PROTECTOR_PERMANENT, bench_recover(b, point, "v1", 1, &copy));
}

static void move_into(struct bench *b, const char *from, const char *to, const char *name)
{
    g_autofree char *old = point_file(b, from, name);
    g_autofree char *new = point_file(b, to, name);

    assert_int_equal(0, rename(old, new));
}

static void bytes_of_another_point_are_damage(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    first = bench_point(b, "tick-1");
    bench_scribble(b, 0, "volume-c1");
    b->now_ms += 1000;
    second = bench_point(b, "tick-2");
    move_into(b, first, second, "v1.data"); /* sound in themselves */
    move_into(b, first, second, "v1.sums");
    assert_status(PROTECTOR_PERMANENT, bench_recover(b, second, "v1", 1, &copy));
}

static void torn_sums_are_cut_off(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_point_state point;
    struct protector_copy copy;
    g_autofree char *path = NULL;
    g_autofree char *done = NULL;
    int fd;

    ONLY_FILES(b);
    bench_protect(b);
    b->mono_step_ms = 1000;
    here.budget_ms = 1;
    assert_status(PROTECTOR_PENDING,
                  b->driver->replicate_now(b->handle, &here, "tick-1", &point, &b->error));
    b->mono_step_ms = 0;
    path = point_file(b, point.id, "v1.sums");
    fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(7, write(fd, "a1b2c3d", 7)); /* the power went in the middle of a line */
    (void)close(fd);
    done = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, done, "v1", 1, &copy));
}

/* Sums whose bytes are gone speak for nothing: the volume is sent anew. */
static void sums_without_bytes_are_cut_off(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_point_state point;
    struct protector_copy copy;
    g_autofree char *path = NULL;
    g_autofree char *done = NULL;
    g_autofree char *source = NULL;
    g_autofree char *made = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    b->mono_step_ms = 1000;
    here.budget_ms = 1;
    assert_status(PROTECTOR_PENDING,
                  b->driver->replicate_now(b->handle, &here, "tick-1", &point, &b->error));
    b->mono_step_ms = 0;
    path = point_file(b, point.id, "v1.data");
    assert_int_equal(0, unlink(path));
    done = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, done, "v1", 1, &copy));
    source = bench_digest(b, 0, "volume-c1");
    made = bench_digest(b, 1, copy.ref[0].value);
    assert_string_equal(source, made);
}

static int lock_hold(struct bench *b, const char *name)
{
    g_autofree char *path = g_strdup_printf("%s.protector/groups/" GROUP "/%s", b->dirs[1], name);
    int fd = open(path, O_RDWR | O_CREAT, 0640);

    assert_true(fd >= 0);
    assert_int_equal(0, flock(fd, LOCK_EX | LOCK_NB));
    return fd;
}

/* While another process copies, however long: come back, and not "it failed, try again". */
static void work_of_another_is_awaited(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_call there = bench_call(b, 1);
    struct protector_volume volume = bench_volume("v1", "c1");
    struct protector_recover what = {.volume = &volume, .name = "web"};
    struct protector_point_state point = {.time_ms = -1};
    struct protector_copy copy;
    char key[PROTECTOR_KEY_SIZE];
    g_autofree char *done = NULL;
    int fd;

    ONLY_FILES(b);
    bench_protect(b);
    done = bench_point(b, "tick-1");
    fd = lock_hold(b, "lock-points");
    assert_status(PROTECTOR_PENDING,
                  b->driver->replicate_now(b->handle, &here, "tick-2", &point, &b->error));
    assert_non_null(strstr(point.id, "tick-2")); /* written also then */
    assert_int_equal(0, point.complete);
    (void)close(fd);
    bench_key(1, key);
    what.key = key;
    what.point_id = done;
    assert_status(PROTECTOR_OK, bench_recover(b, done, "v2", 2, &copy)); /* makes the folder */
    fd = lock_hold(b, "copies/lock");
    assert_status(PROTECTOR_PENDING,
                  b->driver->recover(b->handle, &there, &what, &copy, &b->error));
    assert_non_null(strstr(b->error.message, "another process works"));
    (void)close(fd);
    assert_status(PROTECTOR_OK, bench_recover(b, done, "v1", 1, &copy));
}

/* Points of a lineage that is over go with the next point, but for one that a copy is made of. */
static void old_lineages_go(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    g_autofree char *kept = NULL;
    g_autofree char *old = NULL;
    g_autofree char *new = NULL;
    g_autoptr(GArray) points = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    kept = bench_point(b, "tick-1");
    b->now_ms += 1000;
    old = bench_point(b, "tick-2");
    assert_status(PROTECTOR_OK, bench_recover(b, kept, "v1", 1, &copy));
    b->now_ms += 1000;
    b->group.lineage++;
    new = bench_point(b, "tick-3");
    points = bench_points(b);
    assert_non_null(bench_points_find(points, new));
    assert_non_null(bench_points_find(points, kept));
    assert_null(bench_points_find(points, old));
}

static void name_that_is_taken_is_left_alone(void **state)
{
    struct bench *b = *state;
    char key[PROTECTOR_KEY_SIZE];
    struct protector_copy copy;
    struct protector_call there = bench_call(b, 1);
    g_autofree char *point = NULL;
    g_autofree char *name = NULL;
    g_autofree char *path = NULL;
    g_autofree char *content = NULL;

    ONLY_FILES(b);
    bench_key(1, key);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    name = g_strconcat("protector-", key, NULL);
    path = bench_path(b, 1, name);
    assert_true(g_file_set_contents(path, "somebody's", -1, NULL));
    assert_status(PROTECTOR_EXISTS, bench_recover(b, point, "v1", 1, &copy));
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, key, &b->error));
    assert_true(g_file_get_contents(path, &content, NULL, NULL));
    assert_string_equal("somebody's", content);
}

static void holes_stay_holes(void **state)
{
    struct bench *b = *state;
    struct protector_call here = bench_call(b, 0);
    struct protector_volume big = bench_volume("v3", "c3");
    struct protector_copy copy;
    g_autofree char *point = NULL;
    g_autofree char *path = NULL;
    struct stat st;

    ONLY_FILES(b);
    bench_protect(b);
    bench_volume_make(b, 0, "c3", 1, 3);
    path = bench_path(b, 0, "volume-c3");
    assert_int_equal(0, truncate(path, 1024 * MIB)); /* 1 GiB, one block of it used */
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &big, &b->error));
    point = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v3", 1, &copy));
    g_free(path);
    path = bench_path(b, 1, copy.ref[0].value);
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(1024 * MIB, st.st_size);
    assert_true(st.st_blocks * 512 < MIB);
}

/* What the lab's Cinder does: manage renames the file, delete unlinks it. */
static void cinder_manages(struct bench *b, const struct protector_copy *copy, const char *id)
{
    g_autofree char *from = bench_path(b, 1, copy->ref[0].value);
    g_autofree char *name = g_strconcat("volume-", id, NULL);
    g_autofree char *to = bench_path(b, 1, name);

    assert_int_equal(0, rename(from, to));
}

static void copy_is_found_under_cinders_name(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_volume managed = bench_volume("v1", "new-id");
    struct protector_volume_place place;
    struct protector_copy copy;
    struct protector_copy found;
    g_autofree char *point = NULL;
    g_autofree char *names = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    cinder_manages(b, &copy, "new-id");
    bench_reopen(b);
    assert_status(PROTECTOR_OK,
                  b->driver->copy_find(b->handle, &there, copy.key, &found, &b->error));
    assert_string_equal("volume-new-id", found.volume_name);
    assert_string_equal(copy.volume_id, found.volume_id);
    assert_status(PROTECTOR_OK,
                  b->driver->volume_find(b->handle, &there, &managed, &place, &b->error));
    assert_string_equal(copy.volume_id, place.id); /* the two probes agree on which volume it is */
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &found)); /* no second one */
    names = bench_names(b, 1);
    assert_string_equal("volume-new-id", names);
    /* unmanaged by Cinder, then unwound by us */
    assert_status(PROTECTOR_OK, b->driver->copy_delete(b->handle, &there, copy.key, &b->error));
    g_free(names);
    names = bench_names(b, 1);
    assert_string_equal("", names);
}

static void copy_that_cinder_deleted_is_gone(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_copy copy;
    g_autofree char *point = NULL;
    g_autofree char *path = NULL;
    g_autofree char *source = NULL;
    g_autofree char *made = NULL;
    g_autoptr(GArray) copies = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    cinder_manages(b, &copy, "new-id");
    path = bench_path(b, 1, "volume-new-id");
    flip(path, 0); /* it was used */
    assert_int_equal(0, unlink(path));
    assert_status(PROTECTOR_NOT_FOUND,
                  b->driver->copy_find(b->handle, &there, copy.key, &copy, &b->error));
    copies = bench_copies(b, 1);
    assert_int_equal(0, copies->len);
    assert_status(PROTECTOR_OK,
                  bench_recover(b, point, "v1", 1, &copy)); /* made anew, of the point */
    source = bench_digest(b, 0, "volume-c1");
    made = bench_digest(b, 1, copy.ref[0].value);
    assert_string_equal(source, made);
}

static void resumed_copy_needs_no_point_any_more(void **state)
{
    struct bench *b = *state;
    struct protector_copy copy;
    g_autofree char *point = NULL;

    ONLY_FILES(b);
    bench_option(b, "file_points_kept", "1");
    bench_protect(b);
    point = bench_point(b, "tick-1");
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    b->now_ms += 1000;
    g_free(bench_point(b, "tick-2"));
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    assert_status(PROTECTOR_NOT_FOUND, bench_recover(b, point, "v2", 2, &copy));
}

/* ---- read again ---- */

/* The bytes on disk are told, not those that were meant to be there; and only of what is whole. */
static void a_copy_is_read_again(void **state)
{
    struct bench *b = *state;
    struct protector_digests digests = {{0}, {0}};
    struct protector_copy copy;
    g_autofree char *point = NULL;

    if (!bench_can(b, PROTECTOR_CAN_VERIFY))
        skip();
    bench_protect(b);
    point = bench_point(b, "tick-1");
    assert_status(PROTECTOR_NOT_FOUND, bench_verify(b, point, "v1", 1, &digests));
    assert_string_equal(digests.copy, ""); /* written only when it is OK */
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    for (int i = 0; i < 2; i++) { /* in one go, and a slice at a time */
        b->budget_ms = i == 0 ? 30000 : 1;
        digests = (struct protector_digests){{0}, {0}};
        assert_status(PROTECTOR_OK, bench_verify(b, point, "v1", 1, &digests));
        assert_int_equal(strlen(digests.copy), PROTECTOR_KEY_SIZE - 1);
        assert_string_equal(digests.point, digests.copy);
    }
    ONLY_FILES(b);
    g_autofree char *path = bench_path(b, 1, copy.volume_name);
    flip(path, 3 * MIB + 1);
    assert_status(PROTECTOR_OK, bench_verify(b, point, "v1", 1, &digests));
    assert_string_not_equal(digests.point, digests.copy);
    flip(path, 3 * MIB + 1);
    assert_status(PROTECTOR_OK, bench_verify(b, point, "v1", 1, &digests));
    assert_string_equal(digests.point, digests.copy);
    assert_int_equal(0, truncate(path, MIB));
    assert_status(PROTECTOR_PERMANENT, bench_verify(b, point, "v1", 1, &digests));
}

/* ---- in place ---- */

static enum protector_status overwrite(struct bench *b, const char *point, int nth, int safety,
                                       struct protector_copy *ret)
{
    char key[PROTECTOR_KEY_SIZE];
    char safety_key[PROTECTOR_KEY_SIZE];
    struct protector_call there = bench_call(b, 1);
    struct protector_volume volume = bench_volume("v1", "c1");
    struct protector_volume existing = bench_volume("v1", "kept");
    struct protector_recover what = {.point_id = point, .volume = &volume, .key = key};
    enum protector_status status;

    bench_key(nth, key);
    bench_key(safety, safety_key);
    BENCH_UNTIL_DONE(status, b->driver->overwrite(b->handle, &there, &what, &existing, safety_key,
                                                  ret, &b->error));
    return status;
}

static void overwrite_keeps_identity_and_a_safety_copy(void **state)
{
    struct bench *b = *state;
    struct protector_call there = bench_call(b, 1);
    struct protector_volume existing = bench_volume("v1", "kept");
    struct protector_volume_place before;
    struct protector_volume_place after;
    struct protector_copy safety;
    char key[PROTECTOR_KEY_SIZE];
    g_autofree char *point = NULL;
    g_autofree char *source = NULL;
    g_autofree char *old = NULL;
    g_autofree char *now = NULL;
    g_autofree char *saved = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    bench_volume_make(b, 1, "kept", 4 * MIB, 50);
    old = bench_digest(b, 1, "volume-kept");
    assert_status(PROTECTOR_OK,
                  b->driver->volume_find(b->handle, &there, &existing, &before, &b->error));
    assert_status(PROTECTOR_OK, overwrite(b, point, 1, 2, &safety));
    assert_status(PROTECTOR_OK,
                  b->driver->volume_find(b->handle, &there, &existing, &after, &b->error));
    assert_string_equal(before.id, after.id);
    source = bench_digest(b, 0, "volume-c1");
    now = bench_digest(b, 1, "volume-kept");
    saved = bench_digest(b, 1, safety.ref[0].value);
    assert_string_equal(source, now);
    assert_string_equal(old, saved);
    assert_int_equal(PROTECTOR_FOR_SAFETY, safety.purpose);
    /* the user's own volume is never ours to delete */
    bench_key(1, key);
    assert_status(PROTECTOR_DENIED, b->driver->copy_delete(b->handle, &there, key, &b->error));
}

static void overwrite_happens_once(void **state)
{
    struct bench *b = *state;
    struct protector_copy safety;
    struct protector_copy copy;
    g_autofree char *point = NULL;
    g_autofree char *used = NULL;
    g_autofree char *now = NULL;
    g_autofree char *path = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    bench_volume_make(b, 1, "kept", 4 * MIB, 50);
    assert_status(PROTECTOR_OK, overwrite(b, point, 1, 2, &safety));
    path = bench_path(b, 1, "volume-kept");
    flip(path, 5); /* the server is back at work */
    used = bench_digest(b, 1, "volume-kept");
    assert_status(PROTECTOR_OK, overwrite(b, point, 1, 2, &copy));
    assert_string_equal(safety.key, copy.key);
    now = bench_digest(b, 1, "volume-kept");
    assert_string_equal(used, now);
    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    assert_string_equal("volume-kept", copy.volume_name); /* the key is that volume */
}

static void overwrite_of_another_size_is_refused(void **state)
{
    struct bench *b = *state;
    struct protector_copy safety;
    g_autofree char *point = NULL;
    g_autofree char *old = NULL;
    g_autofree char *now = NULL;

    ONLY_FILES(b);
    bench_protect(b);
    point = bench_point(b, "tick-1");
    bench_volume_make(b, 1, "kept", 8 * MIB, 50);
    old = bench_digest(b, 1, "volume-kept");
    assert_status(PROTECTOR_PERMANENT, overwrite(b, point, 1, 2, &safety));
    now = bench_digest(b, 1, "volume-kept");
    assert_string_equal(old, now);
}

static const char *overwrite_point;

static void overwrite_before(struct bench *b)
{
    bench_protect(b);
    g_free((gpointer)overwrite_point);
    overwrite_point = bench_point(b, "tick-1");
    bench_volume_make(b, 1, "kept", 4 * MIB, 50);
}

static void overwrite_body(struct bench *b)
{
    struct protector_copy safety;

    b->mono_step_ms = 20000;
    (void)overwrite(b, overwrite_point, 1, 2, &safety);
}

static void overwrite_after(struct bench *b)
{
    struct protector_call there = bench_call(b, 1);
    struct protector_copy safety;
    char key[PROTECTOR_KEY_SIZE];
    g_autofree char *pattern = NULL;
    g_autofree char *source = bench_digest(b, 0, "volume-c1");
    g_autofree char *now = NULL;
    g_autofree char *saved = NULL;

    bench_key(1, key); /* in any state, it is not for us to delete */
    (void)b->driver->copy_delete(b->handle, &there, key, &b->error);
    now = bench_digest(b, 1, "volume-kept");
    assert_non_null(now);
    g_free(now);
    assert_status(PROTECTOR_OK, overwrite(b, overwrite_point, 1, 2, &safety));
    now = bench_digest(b, 1, "volume-kept");
    assert_string_equal(source, now);
    bench_volume_make(b, 0, "pattern", 4 * MIB, 50);
    pattern = bench_digest(b, 0, "volume-pattern");
    saved = bench_digest(b, 1, safety.ref[0].value);
    assert_string_equal(pattern, saved); /* never made of what is half replaced */
}

static void death_while_overwriting(void **state)
{
    ONLY_FILES(*state);
    if (bench_filtered())
        skip();
    assert_true(bench_crash_sweep(state, overwrite_before, overwrite_body, overwrite_after) > 0);
}

static const struct CMUnitTest tests[] = {
    CASE(damaged_bytes_are_never_recovered),
    CASE(damaged_manifest_is_not_complete),
    CASE(lost_bytes_are_damage),
    CASE(bytes_of_another_point_are_damage),
    CASE(torn_sums_are_cut_off),
    CASE(sums_without_bytes_are_cut_off),
    CASE(work_of_another_is_awaited),
    CASE(old_lineages_go),
    CASE(name_that_is_taken_is_left_alone),
    CASE(holes_stay_holes),
    CASE(copy_is_found_under_cinders_name),
    CASE(copy_that_cinder_deleted_is_gone),
    CASE(resumed_copy_needs_no_point_any_more),
    CASE(a_copy_is_read_again),
    CASE(overwrite_keeps_identity_and_a_safety_copy),
    CASE(overwrite_happens_once),
    CASE(overwrite_of_another_size_is_refused),
    CASE(death_while_overwriting),
};
CASES(cases_bytes, tests);
