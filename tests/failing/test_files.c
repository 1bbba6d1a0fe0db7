/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a service: keys, marks, protector.conf, the log.  Whatever call fails, a file is
 * whole or not there, nothing else is left in the folder, and the next try succeeds.
 */
#include "tests/failing/loop.h"

#include "base/conf.h"
#include "base/keyfile.h"
#include "base/log.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SITE        "00000000-0000-4000-8000-00000000000a"
#define INCARNATION "1-00000000000000000000000000000001"
#define LINE        "the line that is written"

/* ---- the folder ---- */

struct room {
    char *dir;
    struct env env;
    unsigned char drawn;
    /* what the last run gave */
    unsigned char key[REST_KEY_SIZE];
    struct keypairs *keys;
    struct log *log;
    struct conf *conf;
};

static int64_t clock_stands(void *data G_GNUC_UNUSED)
{
    return 1764000000000;
}

static void chance(void *data, void *buffer, size_t size)
{
    struct room *r = data;

    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = r->drawn++;
}

static void empty(struct room *r)
{
    g_autoptr(GDir) dir = g_dir_open(r->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(r->dir, name, NULL);
        g_unlink(path);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in the folder, sorted: "a b". */
static char *names(const struct room *r)
{
    g_autoptr(GDir) dir = g_dir_open(r->dir, 0, NULL);
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    const char *name;
    GString *text = g_string_new(NULL);

    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(list, (char *)g_intern_string(name));
    g_ptr_array_sort(list, by_name);
    for (guint i = 0; i < list->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", (char *)list->pdata[i]);
    return g_string_free(text, FALSE);
}

static void only(const struct room *r, const char *a, const char *b)
{
    g_autofree char *there = names(r);

    if (strcmp(there, a) == 0 || (b != NULL && strcmp(there, b) == 0))
        return;
    if (g_str_has_prefix(failing_name(), "unlink")) /* what cannot be removed stays */
        return;
    fail_msg("after %s the folder holds '%s'", failing_name(), there);
}

static void good(err_t *e)
{
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    fail_msg("after %s, said again: %s", failing_name(), text);
}

static int folder_make(void **state)
{
    struct room *r = g_new0(struct room, 1);

    secrets_init();
    r->dir = g_dir_make_tmp("protector-failing-XXXXXX", NULL);
    r->env = (struct env){r, clock_stands, clock_stands, chance};
    *state = r;
    return 0;
}

static int folder_end(void **state)
{
    struct room *r = *state;

    empty(r);
    g_rmdir(r->dir);
    g_free(r->dir);
    g_free(r);
    return 0;
}

/* ---- keys ---- */

static void begin_empty(void *data)
{
    empty(data);
}

static err_t *rest(void *data)
{
    struct room *r = data;

    return keyfile_rest(&r->env, r->dir, true, r->key);
}

static void rest_judge(void *data, bool done)
{
    struct room *r = data;
    unsigned char now[REST_KEY_SIZE], again[REST_KEY_SIZE];

    only(r, KEYFILE_REST, done ? NULL : "");
    good(keyfile_rest(&r->env, r->dir, true, now));
    if (done)
        assert_memory_equal(now, r->key, sizeof now);
    good(keyfile_rest(&r->env, r->dir, false, again));
    assert_memory_equal(now, again, sizeof now);
}

static void test_rest_made(void **state)
{
    loop_run(
        &(struct loop){"encryption.key made", begin_empty, rest, rest_judge, *state, LOOP_ALL, 8});
}

static void begin_rest(void *data)
{
    struct room *r = data;

    empty(r);
    good(keyfile_rest(&r->env, r->dir, true, r->key));
}

static err_t *rest_read(void *data)
{
    struct room *r = data;
    unsigned char key[REST_KEY_SIZE];

    TRY(keyfile_rest(&r->env, r->dir, true, key));
    assert_memory_equal(key, r->key, sizeof key); /* never another one */
    return NULL;
}

static void test_rest_read(void **state)
{
    loop_run(&(struct loop){"encryption.key read", begin_rest, rest_read, rest_judge, *state,
                            LOOP_ALL, 2});
}

static err_t *site(void *data)
{
    struct room *r = data;

    g_clear_pointer(&r->keys, keypairs_destroy);
    return keyfile_site(&r->env, r->dir, true, &r->keys);
}

static void site_judge(void *data, bool done)
{
    struct room *r = data;
    AUTO(keypairs) now = NULL;

    only(r, KEYFILE_SITE, done ? NULL : "");
    assert_true(done == (r->keys != NULL));
    good(keyfile_site(&r->env, r->dir, true, &now));
    if (done)
        assert_string_equal(keypairs_fingerprint(now), keypairs_fingerprint(r->keys));
    g_clear_pointer(&r->keys, keypairs_destroy);
}

static void test_site_made(void **state)
{
    loop_run(&(struct loop){"site.keys made", begin_empty, site, site_judge, *state, LOOP_ALL, 8});
}

/* Of a rotation that fails anywhere the keys before stay, or the new ones are there whole. */
static void begin_site(void *data)
{
    struct room *r = data;

    begin_empty(data);
    g_clear_pointer(&r->keys, keypairs_destroy);
    good(keyfile_site(&r->env, r->dir, true, &r->keys));
}

static err_t *site_rotated(void *data)
{
    struct room *r = data;
    AUTO(keypairs) now = NULL;

    return keyfile_site_rotate(&r->env, r->dir, "11111111-1111-4111-8111-111111111111", &now);
}

static void rotated_judge(void *data, bool done)
{
    struct room *r = data;
    AUTO(keypairs) now = NULL;

    good(keyfile_site(&r->env, r->dir, false, &now));
    bool same = g_str_equal(keypairs_fingerprint(now), keypairs_fingerprint(r->keys));
    bool follows = keypairs_were(now, keypairs_fingerprint(r->keys));
    assert_true(done ? follows : same || follows);
    g_clear_pointer(&r->keys, keypairs_destroy);
}

static void test_site_rotated(void **state)
{
    loop_run(&(struct loop){"site.keys rotated", begin_site, site_rotated, rotated_judge, *state,
                            LOOP_ALL, 8});
}

/* ---- marks ---- */

static void begin_marks(void *data)
{
    struct room *r = data;
    AUTO(marks) marks = marks_create(SITE, INCARNATION, 5);

    empty(r);
    marks_epochs_raise(marks, "pg-1", 2, 1);
    good(keyfile_marks_set(&r->env, r->dir, marks));
}

static err_t *raise_marks(void *data)
{
    struct room *r = data;
    AUTO(marks) marks = marks_create(SITE, INCARNATION, 9);

    marks_epochs_raise(marks, "pg-1", 4, 3);
    return keyfile_marks_raise(&r->env, r->dir, marks);
}

/* Both are as before, or both as after. */
static void marks_judge(void *data, bool done)
{
    struct room *r = data;
    AUTO(marks) now = NULL;
    int64_t minted = 0, floor = 0;

    only(r, KEYFILE_MARKS " marks.lock", NULL);
    good(keyfile_marks(r->dir, &now));
    marks_epochs(now, "pg-1", &minted, &floor);
    if (done || now->counter != 5)
        assert_int_equal(now->counter, 9);
    assert_int_equal(minted, now->counter == 9 ? 4 : 2);
    assert_int_equal(floor, now->counter == 9 ? 3 : 1);
    assert_string_equal(now->incarnation, INCARNATION);
    good(raise_marks(r));
}

static void test_marks_raised(void **state)
{
    loop_run(&(struct loop){"marks.json raised", begin_marks, raise_marks, marks_judge, *state,
                            LOOP_ALL, 10});
}

/* ---- protector.conf ---- */

static void begin_conf(void *data)
{
    struct room *r = data;
    g_autofree char *path = g_build_filename(r->dir, "protector.conf", NULL);

    assert_true(g_file_set_contents(path, "[api]\nbind_port = 1234\n", -1, NULL));
}

static err_t *conf_load(void *data)
{
    struct room *r = data;
    g_autofree char *path = g_build_filename(r->dir, "protector.conf", NULL);

    g_clear_pointer(&r->conf, conf_destroy);
    r->conf = conf_create(NULL, NULL);
    TRY(conf_read(r->conf, path));
    return conf_check(r->conf);
}

/* What could not be read is never taken for what says nothing. */
static void conf_judge(void *data, bool done)
{
    struct room *r = data;

    if (done)
        assert_int_equal(conf_int(r->conf, "api", "bind_port"), 1234);
    g_clear_pointer(&r->conf, conf_destroy);
}

static void test_conf_read(void **state)
{
    loop_run(&(struct loop){"protector.conf read", begin_conf, conf_load, conf_judge, *state,
                            LOOP_ALL, 2});
}

/* ---- the log ---- */

static void begin_log(void *data)
{
    struct room *r = data;

    empty(r);
    g_clear_pointer(&r->log, log_destroy);
    good(log_create(&r->env, "program", r->dir, &r->log));
    log_set_stderr(r->log, false);
}

/* The file is renamed, as logrotate does, and opened anew. */
static err_t *rotate(void *data)
{
    struct room *r = data;
    g_autofree char *path = g_build_filename(r->dir, "program.log", NULL);
    g_autofree char *old = g_strconcat(path, ".1", NULL);

    if (g_rename(path, old) != 0)
        return NULL; /* logrotate's own failure: nothing was rotated */
    err_t *e = log_reopen(r->log);
    log_write(r->log, LOG_LEVEL_INFO, "test", NULL, LINE);
    return e;
}

/* A line is written where it can be: in the new file, or in the old one. */
static void log_judge(void *data, bool done G_GNUC_UNUSED)
{
    struct room *r = data;
    g_autofree char *path = g_build_filename(r->dir, "program.log", NULL);
    g_autofree char *old = g_strconcat(path, ".1", NULL);
    g_autofree char *text = NULL, *before = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    g_file_get_contents(old, &before, NULL, NULL);
    bool lost = g_str_equal(failing_name(), "writev") || g_str_equal(failing_name(), "rename");
    if (!lost && (text == NULL || strstr(text, LINE) == NULL) &&
        (before == NULL || strstr(before, LINE) == NULL))
        fail_msg("after %s the line is nowhere", failing_name());
    good(log_reopen(r->log));
    log_write(r->log, LOG_LEVEL_INFO, "test", NULL, "and another");
    g_autofree char *now = NULL;
    assert_true(g_file_get_contents(path, &now, NULL, NULL));
    assert_non_null(strstr(now, "and another"));
}

static void test_log_rotated(void **state)
{
    struct room *r = *state;

    loop_run(&(struct loop){"log rotated", begin_log, rotate, log_judge, *state,
                            1u << FAILING_IO | 1u << FAILING_FULL | 1u << FAILING_SIGNAL, 2});
    g_clear_pointer(&r->log, log_destroy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rest_made),    cmocka_unit_test(test_rest_read),
        cmocka_unit_test(test_site_made),    cmocka_unit_test(test_site_rotated),
        cmocka_unit_test(test_marks_raised), cmocka_unit_test(test_conf_read),
        cmocka_unit_test(test_log_rotated),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_end);
}
