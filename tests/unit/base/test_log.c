/* SPDX-License-Identifier: Apache-2.0 */
/* log: the lines of oslo.log, masking, foreign control characters, rotation, many threads. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define THREADS_COUNT 8
#define LINES_COUNT   200

static int64_t fixed_now(void *data G_GNUC_UNUSED)
{
    return INT64_C(1795261124007); /* 2026-11-21 11:38:44.007 UTC */
}

static const struct env env = {.now_ms = fixed_now};

struct world {
    char *dir;
    char *path;
    struct log *log;
};

static int setup(void **state)
{
    struct world *w = g_new0(struct world, 1);
    w->dir = g_dir_make_tmp("log-XXXXXX", NULL);
    w->path = g_build_filename(w->dir, "protector-api.log", NULL);
    g_autoptr(err_t) e = log_create(&env, "protector-api", w->dir, &w->log);
    assert_null(e);
    log_set_stderr(w->log, false);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    log_destroy(w->log);
    g_unlink(w->path);
    g_rmdir(w->dir);
    g_free(w->path);
    g_free(w->dir);
    g_free(w);
    return 0;
}

/* All lines so far.  Caller frees. */
static char *lines(const struct world *w)
{
    char *text = NULL;
    assert_true(g_file_get_contents(w->path, &text, NULL, NULL));
    return text;
}

static void test_line_without_context(void **state)
{
    struct world *w = *state;
    log_write(w->log, LOG_LEVEL_INFO, "protector.api", NULL, "listening on %s:%d", "0.0.0.0", 8788);
    g_autofree char *text = lines(w);
    g_autofree char *wanted = g_strdup_printf("2026-11-21 11:38:44.007 %d INFO protector.api [-] "
                                              "listening on 0.0.0.0:8788\n",
                                              (int)getpid());
    assert_string_equal(text, wanted);
}

static void test_line_with_context(void **state)
{
    struct world *w = *state;
    const struct log_context some = {.request_id = "req-1",
                                     .user = "u",
                                     .project = "p",
                                     .user_domain = "default",
                                     .project_domain = "default"};
    const struct log_context all = {"req-0", "req-1", "u", "p", "d", "all", "ud", "pd"};
    log_write(w->log, LOG_LEVEL_WARNING, "x", &some, "a");
    log_write(w->log, LOG_LEVEL_CRITICAL, "x", &all, "b");
    g_autofree char *text = lines(w);
    assert_non_null(strstr(text, " WARNING x [None req-1 u p - - default default] a\n"));
    assert_non_null(strstr(text, " CRITICAL x [req-0 req-1 u p d all ud pd] b\n"));
}

static void test_levels(void **state)
{
    struct world *w = *state;
    log_write(w->log, LOG_LEVEL_DEBUG, "x", NULL, "unseen");
    assert_false(log_is_debug(w->log));
    log_set_debug(w->log, true);
    log_write(w->log, LOG_LEVEL_DEBUG, "x", NULL, "seen");
    assert_true(log_is_debug(w->log));
    log_set_debug(w->log, false);
    g_autoptr(err_t) e = err(IO, "unseen too");
    log_err(w->log, LOG_LEVEL_DEBUG, "x", NULL, e, "doing");
    log_write(w->log, LOG_LEVEL_ERROR, "x", NULL, "last");
    g_autofree char *text = lines(w);
    assert_null(strstr(text, "unseen"));
    assert_non_null(strstr(text, " DEBUG x [-] seen\n"));
    assert_non_null(strstr(text, " ERROR x [-] last\n"));
}

static void test_secrets_are_masked_at_every_level(void **state)
{
    struct world *w = *state;
    const struct log_context context = {.request_id = "password=hunter2"};
    g_autoptr(err_t) e = err(NET_TLS, "X-Auth-Token: hunter2");
    log_set_debug(w->log, true);
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_CRITICAL; level++) {
        log_write(w->log, (enum log_level)level, "x", NULL, "{\"password\": \"hunter2\"}");
        log_err(w->log, (enum log_level)level, "x", NULL, e, "connecting");
    }
    log_write(w->log, LOG_LEVEL_INFO, "x", &context, "y");
    g_autofree char *text = lines(w);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "{\"password\": \"***\"}"));
}

static void test_foreign_text_cannot_forge_a_line(void **state)
{
    struct world *w = *state;
    const struct log_context context = {.user = "u\n2026 forged"};
    log_write(w->log, LOG_LEVEL_INFO, "x", &context, "a\nb\r\tc\x1b[31m\x7f\xff é😀 %s",
              "\xc2\x85\xe2\x80\xa8|");
    g_autofree char *text = lines(w);
    assert_int_equal(strlen(text) - 1, strcspn(text, "\n"));
    assert_non_null(strstr(text, " u\\n2026 forged "));
    assert_non_null(strstr(text, "a\\nb\\r\\tc\\x1b[31m\\x7f\\xff é😀 \\u0085\\u2028|\n"));
}

static void test_long_lines_are_cut(void **state)
{
    struct world *w = *state;
    g_autofree char *much = g_strnfill(LOG_LINE_MAX + 1000, 'y');
    log_write(w->log, LOG_LEVEL_INFO, "x", NULL, "%s", much);
    g_autofree char *text = lines(w);
    assert_non_null(strstr(text, "yyy… (1000 bytes cut)\n"));
    assert_in_range(strlen(text), LOG_LINE_MAX, LOG_LINE_MAX + 200);
}

static void test_errors_say_all(void **state)
{
    struct world *w = *state;
    g_autoptr(err_t) e = err_wrap(err(DB_SCHEMA, "revision is '3'"), "cannot open the database");
    log_err(w->log, LOG_LEVEL_ERROR, "protector.engine", NULL, e, "starting as '%s'", "engine-1");
    g_autofree char *text = lines(w);
    assert_non_null(strstr(text,
                           " ERROR protector.engine [-] starting as 'engine-1': cannot open the "
                           "database: revision is '3'; run protector-manage db sync "
                           "(protector.db.schema, "));
    assert_non_null(strstr(text, "test_log.c:"));
}

static void test_rotation(void **state)
{
    struct world *w = *state;
    g_autofree char *old = g_strconcat(w->path, ".1", NULL);
    log_write(w->log, LOG_LEVEL_INFO, "x", NULL, "first");
    assert_int_equal(g_rename(w->path, old), 0);
    log_write(w->log, LOG_LEVEL_INFO, "x", NULL, "second");
    g_autoptr(err_t) e = log_reopen(w->log);
    assert_null(e);
    log_write(w->log, LOG_LEVEL_INFO, "x", NULL, "third");
    g_autofree char *before = NULL;
    assert_true(g_file_get_contents(old, &before, NULL, NULL));
    g_autofree char *after = lines(w);
    assert_non_null(strstr(before, "second"));
    assert_null(strstr(before, "third"));
    assert_null(strstr(after, "second"));
    assert_non_null(strstr(after, "third"));
    g_unlink(old);
}

static void test_file_mode_and_append(void **state)
{
    struct world *w = *state;
    struct stat st;
    log_write(w->log, LOG_LEVEL_INFO, "x", NULL, "first");
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0640u, 0);
    AUTO(log) second = NULL;
    g_autoptr(err_t) e = log_create(&env, "protector-api", w->dir, &second);
    assert_null(e);
    log_set_stderr(second, false);
    log_write(second, LOG_LEVEL_INFO, "x", NULL, "second");
    g_autofree char *text = lines(w);
    assert_non_null(strstr(text, "first"));
    assert_non_null(strstr(text, "second"));
}

static void test_root_gives_the_file_to_the_owner_of_the_directory(void **state)
{
    struct world *w = *state;
    struct stat st;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(w->dir, 12345, 23456), 0);
    assert_int_equal(g_unlink(w->path), 0);
    g_autoptr(err_t) e = log_reopen(w->log);
    assert_null(e);
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_uid, 12345);
    assert_int_equal(st.st_gid, 23456);
}

static void test_no_directory(void **state G_GNUC_UNUSED)
{
    struct log *log = NULL;
    g_autoptr(err_t) e = log_create(&env, "protector-api", "/nonexistent/dir", &log);
    assert_int_equal(err_code(e), ERR_CONFIG);
    assert_non_null(strstr(err_message(e), "'/nonexistent/dir/protector-api.log': No such file"));
    assert_non_null(strstr(err_remedy_text(e), "'/nonexistent/dir'"));
    assert_null(log);
    AUTO(log) plain = NULL;
    g_autoptr(err_t) none = log_create(&env, "protector-api", NULL, &plain);
    assert_null(none);
    g_autoptr(err_t) reopened = log_reopen(plain);
    assert_null(reopened);
}

static void test_stderr_gets_the_same_lines(void **state)
{
    struct world *w = *state;
    g_autofree char *path = g_build_filename(w->dir, "stderr", NULL);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), saved = dup(STDERR_FILENO);
    assert_true(file >= 0 && saved >= 0);
    dup2(file, STDERR_FILENO);
    log_set_stderr(w->log, true);
    log_write(w->log, LOG_LEVEL_INFO, "x", NULL, "both");
    log_set_stderr(w->log, false);
    log_write(w->log, LOG_LEVEL_INFO, "x", NULL, "file alone");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(file);
    g_autofree char *seen = NULL;
    assert_true(g_file_get_contents(path, &seen, NULL, NULL));
    g_autofree char *text = lines(w);
    assert_true(g_str_has_prefix(text, seen));
    assert_non_null(strstr(seen, "both\n"));
    assert_null(strstr(seen, "alone"));
    g_unlink(path);
}

static gpointer writer(gpointer data)
{
    g_autofree char *filler = g_strnfill(700, 'z');
    for (int i = 0; i < LINES_COUNT; i++) {
        log_write(data, LOG_LEVEL_INFO, "x", NULL, "begin %s end", filler);
        if (i % 50 == 0)
            err_free(log_reopen(data));
    }
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    struct world *w = *state;
    GThread *threads[THREADS_COUNT];
    for (int i = 0; i < THREADS_COUNT; i++)
        threads[i] = g_thread_new("writer", writer, w->log);
    for (int i = 0; i < THREADS_COUNT; i++)
        g_thread_join(threads[i]);
    g_autofree char *text = lines(w);
    g_auto(GStrv) all = g_strsplit(text, "\n", -1);
    assert_int_equal(g_strv_length(all), THREADS_COUNT * LINES_COUNT + 1);
    for (int i = 0; i < THREADS_COUNT * LINES_COUNT; i++) {
        assert_non_null(strstr(all[i], "begin zzz"));
        assert_true(g_str_has_suffix(all[i], "zzz end"));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    g_setenv("TZ", "UTC", TRUE);
    const struct CMUnitTest tests[] = {
        CASE(test_line_without_context),
        CASE(test_line_with_context),
        CASE(test_levels),
        CASE(test_secrets_are_masked_at_every_level),
        CASE(test_foreign_text_cannot_forge_a_line),
        CASE(test_long_lines_are_cut),
        CASE(test_errors_say_all),
        CASE(test_rotation),
        CASE(test_file_mode_and_append),
        CASE(test_root_gives_the_file_to_the_owner_of_the_directory),
        CASE(test_stderr_gets_the_same_lines),
        CASE(test_lines_of_threads_do_not_mix),
        cmocka_unit_test(test_no_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
