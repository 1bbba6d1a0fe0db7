/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - the world of the conformance suite.  See bench.h.
 */
#include "bench.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "drivers/host.h"
#include "drivers/registry.h"

#define DIED 42

static const char *the_driver = "mock";
static const char *the_filters = "";
static const char *the_modules = NULL;
static char **the_options; /* NAME=VALUE, ended by NULL */

void bench_configure(int argc, char **argv)
{
    if (argc > 1)
        the_driver = argv[1];
    if (argc > 2)
        the_filters = argv[2];
    if (argc > 3)
        the_modules = argv[3];
    the_options = argc > 4 ? argv + 4 : NULL;
}

const char *bench_driver_name(void)
{
    return the_driver;
}

bool bench_filtered(void)
{
    return the_filters[0] != '\0';
}

char *bench_title(void)
{
    return the_filters[0] == '\0' ? g_strdup(the_driver)
                                  : g_strdup_printf("%s under %s", the_driver, the_filters);
}

/* ---- the host's services ---- */

/* Counts a service call, and ends the process if this is the one. */
static void service(struct bench *b)
{
    b->services++;
    if (b->die_in > 0 && --b->die_in == 0)
        _exit(DIED);
    if (b->hook_in > 0 && --b->hook_in == 0)
        b->hook(b);
}

static int64_t clock_now_ms(void *data)
{
    struct bench *b = data;

    service(b);
    return b->now_ms;
}

static int64_t clock_mono_ms(void *data)
{
    struct bench *b = data;

    service(b);
    b->mono_ms += b->mono_step_ms;
    return b->mono_ms;
}

static void no_random(void *data, void *buffer, size_t size)
{
    service(data);
    memset(buffer, 7, size);
}

static const char *option_get(void *data, const char *name)
{
    struct bench *b = data;

    return g_hash_table_lookup(b->options, name);
}

static void log_hear(void *data, enum protector_log_level level, const char *driver,
                     const char *message)
{
    (void)level;
    (void)driver;
    assert_null(strstr(message, "secret-token"));
    service(data);
}

static void pause_ms(void *data, int64_t ms)
{
    struct bench *b = data;

    service(b);
    b->mono_ms += ms;
    b->now_ms += ms;
}

/* ---- life ---- */

void bench_assert_status(struct bench *b, enum protector_status wanted, enum protector_status got,
                         const char *what, const char *file, int line)
{
    if (wanted == got)
        return;
    print_error("%s: wanted %s, got %s: %s\n", what, protector_status_text(wanted),
                protector_status_text(got), b->error.message);
    _fail(file, line);
}

static void driver_load(struct bench *b)
{
    static struct env env = {.now_ms = clock_now_ms, .mono_ms = clock_mono_ms, .random = no_random};
    struct driver_host_config config = {.env = &env,
                                        .data = b,
                                        .option = option_get,
                                        .log = log_hear,
                                        .pause_ms = pause_ms,
                                        .state_dir = b->dir};
    g_autoptr(err_t) e = NULL;

    env.data = b;
    b->registry = registry_create(the_modules);
    e = registry_find(b->registry, the_driver, the_filters, &b->driver);
    if (e != NULL) {
        g_autofree char *text = err_text(e);

        fail_msg("%s", text);
    }
    b->host = driver_host_create(&config, b->driver);
}

static void handle_open(struct bench *b)
{
    assert_status(PROTECTOR_OK, b->driver->open(b->driver, driver_host_table(b->host), &b->pair,
                                                &b->handle, &b->error));
}

static void options_fill(struct bench *b)
{
    b->options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    bench_option(b, "mock_storage_dir", b->dir);
    bench_option(b, "mock_transfer_ms", "1000");
    g_hash_table_insert(b->options, g_strdup("file_arrays"),
                        g_strdup_printf(URL_A "=%s," URL_B "/ = %s/", b->dirs[0], b->dirs[1]));
    for (char **option = the_options; option != NULL && *option != NULL; option++) {
        g_auto(GStrv) parts = g_strsplit(*option, "=", 2);

        assert_non_null(parts[1]);
        bench_option(b, parts[0], parts[1]);
    }
}

/* In memory if it can be: the crash sweeps sync some 100,000 times. */
static char *dir_make(void)
{
    char *dir = g_strdup("/dev/shm/protector-drivers-XXXXXX");

    if (g_getenv("TMPDIR") == NULL && g_mkdtemp(dir) != NULL)
        return dir;
    g_free(dir);
    return g_dir_make_tmp("protector-drivers-XXXXXX", NULL);
}

static struct bench *bench_create(void)
{
    struct bench *b = g_new0(struct bench, 1);

    b->dir = dir_make();
    assert_non_null(b->dir);
    for (int i = 0; i < 2; i++) {
        b->dirs[i] = g_strdup_printf("%s/array-%c", b->dir, 'a' + i);
        assert_int_equal(0, g_mkdir(b->dirs[i], 0755));
    }
    options_fill(b);
    b->now_ms = INT64_C(1700000000000);
    b->mono_ms = 1000;
    b->budget_ms = 30000;
    b->ends[0] = (struct protector_end){.site = SITE_A,
                                        .name = "site-a",
                                        .url = URL_A,
                                        .token = "secret-token-a"};
    b->ends[1] = (struct protector_end){.site = SITE_B,
                                        .name = "site-b",
                                        .url = URL_B,
                                        .token = "secret-token-b"};
    b->pair = (struct protector_pair){.end = {&b->ends[0], &b->ends[1]}, .local = 1};
    b->group = (struct protector_group){.id = GROUP,
                                        .array_name = "web",
                                        .source = 0,
                                        .mode = PROTECTOR_ASYNC,
                                        .interval_ms = 300000};
    return b;
}

int bench_setup(void **state)
{
    struct bench *b = bench_create();

    driver_load(b);
    handle_open(b);
    *state = b;
    return 0;
}

static void tree_remove(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *entry = g_build_filename(path, name, NULL);

        tree_remove(entry);
    }
    if (dir != NULL)
        g_dir_close(dir);
    (void)g_remove(path);
}

int bench_teardown(void **state)
{
    struct bench *b = *state;

    b->driver->close(b->handle);
    registry_destroy(b->registry);
    driver_host_destroy(b->host);
    tree_remove(b->dir);
    g_hash_table_unref(b->options);
    g_free(b->dirs[0]);
    g_free(b->dirs[1]);
    g_free(b->dir);
    g_free(b);
    return 0;
}

void bench_reopen(struct bench *b)
{
    b->driver->close(b->handle);
    b->handle = NULL;
    handle_open(b);
}

struct protector_handle *bench_second(struct bench *b)
{
    struct protector_handle *handle = NULL;

    assert_status(PROTECTOR_OK, b->driver->open(b->driver, driver_host_table(b->host), &b->pair,
                                                &handle, &b->error));
    return handle;
}

bool bench_bytes(const struct bench *b)
{
    return !bench_can(b, PROTECTOR_MAKES_IN_CINDER);
}

bool bench_can(const struct bench *b, uint64_t bit)
{
    return (b->driver->can & bit) != 0;
}

void bench_option(struct bench *b, const char *name, const char *value)
{
    g_hash_table_insert(b->options, g_strdup(name), g_strdup(value));
}

struct protector_call bench_call(struct bench *b, int site)
{
    return (struct protector_call){.group = &b->group,
                                   .phase = PROTECTOR_DO,
                                   .site = site,
                                   .budget_ms = b->budget_ms};
}

struct protector_call bench_check(struct bench *b, int site)
{
    struct protector_call call = bench_call(b, site);

    call.phase = PROTECTOR_CHECK;
    return call;
}

/* ---- volumes as files ---- */

struct protector_volume bench_volume(const char *subject, const char *id)
{
    bool boot = strcmp(subject, "v1") == 0;

    return (struct protector_volume){.subject = subject,
                                     .cinder_id = id,
                                     .host = "ctl@file#file",
                                     .size_bytes = boot ? 4 * MIB : 3 * MIB,
                                     .bootable = boot,
                                     .image_id = boot ? "image-1" : NULL};
}

char *bench_path(struct bench *b, int site, const char *name)
{
    return g_build_filename(b->dirs[site], name, NULL);
}

void bench_volume_make(struct bench *b, int site, const char *id, int64_t size_bytes, int seed)
{
    g_autofree char *name = g_strconcat("volume-", id, NULL);
    g_autofree char *path = bench_path(b, site, name);
    char block[4096];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(0, ftruncate(fd, size_bytes));
    for (int64_t at = 0; at < size_bytes && seed >= 0; at += MIB + 12288) {
        memset(block, (int)(seed + at / 4096), sizeof block);
        block[0] = (char)seed;
        assert_int_equal(sizeof block, pwrite(fd, block, sizeof block, at));
    }
    assert_int_equal(0, close(fd));
}

void bench_scribble(struct bench *b, int site, const char *name)
{
    g_autofree char *path = bench_path(b, site, name);
    int fd = open(path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(9, pwrite(fd, "scribbled", 9, MIB + 5));
    assert_int_equal(0, close(fd));
}

char *bench_digest(struct bench *b, int site, const char *name)
{
    g_autofree char *path = bench_path(b, site, name);
    g_autofree char *data = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &data, &size, NULL))
        return NULL;
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)data, size);
}

static gint compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *bench_names(struct bench *b, int site)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(b->dirs[site], 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(names, g_strdup(name));
    if (dir != NULL)
        g_dir_close(dir);
    g_ptr_array_sort(names, compare_strings);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static void array_move(struct bench *b, int site, bool away)
{
    g_autofree char *there = g_strdup_printf("%s-away", b->dirs[site]);

    assert_int_equal(0, away ? rename(b->dirs[site], there) : rename(there, b->dirs[site]));
}

void bench_array_lose(struct bench *b, int site)
{
    array_move(b, site, true);
}

void bench_array_return(struct bench *b, int site)
{
    array_move(b, site, false);
}

/* ---- protecting ---- */

void bench_protect(struct bench *b)
{
    int source = b->group.source;
    struct protector_call here = bench_call(b, source);
    struct protector_call there = bench_call(b, 1 - source);
    struct protector_volume v1 = bench_volume("v1", "c1");
    struct protector_volume v2 = bench_volume("v2", "c2");

    bench_volume_make(b, source, "c1", v1.size_bytes, 1);
    bench_volume_make(b, source, "c2", v2.size_bytes, 2);
    assert_status(PROTECTOR_OK, b->driver->group_ensure(b->handle, &here, &b->error));
    assert_status(PROTECTOR_OK, b->driver->group_ensure(b->handle, &there, &b->error));
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &v1, &b->error));
    assert_status(PROTECTOR_OK, b->driver->volume_add(b->handle, &here, &v2, &b->error));
    assert_status(PROTECTOR_OK, b->driver->replication_start(b->handle, &here, &b->error));
}

char *bench_point(struct bench *b, const char *key)
{
    struct protector_call here = bench_call(b, b->group.source);
    struct protector_call there = bench_call(b, 1 - b->group.source);
    struct protector_point_state point = {0};
    enum protector_status status;

    BENCH_UNTIL_DONE(status, b->driver->replicate_now(b->handle, &here, key, &point, &b->error));
    assert_status(PROTECTOR_OK, status);
    for (int i = 0; i < 100 && !point.complete; i++) {
        b->now_ms += 1000;
        assert_status(PROTECTOR_OK,
                      b->driver->point_status(b->handle, &there, point.id, &point, &b->error));
    }
    assert_true(point.complete);
    assert_int_equal(1000, point.progress_permille);
    return g_strdup(point.id);
}

void bench_key(int nth, char ret[PROTECTOR_KEY_SIZE])
{
    (void)g_snprintf(ret, PROTECTOR_KEY_SIZE, "%064x", (unsigned)nth);
}

enum protector_status bench_recover(struct bench *b, const char *point, const char *subject,
                                    int nth, struct protector_copy *ret)
{
    char key[PROTECTOR_KEY_SIZE];
    struct protector_call there = bench_call(b, 1 - b->group.source);
    struct protector_volume volume = bench_volume(subject, "gone");
    struct protector_recover what = {.point_id = point, .volume = &volume, .key = key};
    enum protector_status status;

    bench_key(nth, key);
    BENCH_UNTIL_DONE(status, b->driver->recover(b->handle, &there, &what, ret, &b->error));
    return status;
}

enum protector_status bench_verify(struct bench *b, const char *point, const char *subject, int nth,
                                   struct protector_digests *ret)
{
    char key[PROTECTOR_KEY_SIZE];
    struct protector_call there = bench_call(b, 1);
    struct protector_volume volume = bench_volume(subject, "c1");
    struct protector_recover what = {.point_id = point, .volume = &volume, .key = key};
    enum protector_status status;

    bench_key(nth, key);
    BENCH_UNTIL_DONE(status, b->driver->verify(b->handle, &there, &what, ret, &b->error));
    return status;
}

/* ---- lists ---- */

static int point_take(void *data, const struct protector_point *row)
{
    struct bench_point point = {.lineage = row->lineage,
                                .time_ms = row->time_ms,
                                .complete = row->complete};
    g_autofree char *subjects = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (size_t i = 0; i < row->subject_count; i++)
        g_ptr_array_add(names, (gpointer)row->subjects[i]);
    g_ptr_array_sort(names, compare_strings);
    g_ptr_array_add(names, NULL);
    subjects = g_strjoinv(" ", (char **)names->pdata);
    (void)g_strlcpy(point.id, row->id, sizeof point.id);
    (void)g_strlcpy(point.made_by, row->made_by, sizeof point.made_by);
    (void)g_strlcpy(point.subjects, subjects, sizeof point.subjects);
    g_array_append_val((GArray *)data, point);
    return 0;
}

GArray *bench_points(struct bench *b)
{
    GArray *points = g_array_new(FALSE, TRUE, sizeof(struct bench_point));
    struct protector_call there = bench_call(b, 1 - b->group.source);

    assert_status(PROTECTOR_OK,
                  b->driver->points_list(b->handle, &there, point_take, points, &b->error));
    return points;
}

const struct bench_point *bench_points_find(const GArray *points, const char *id)
{
    for (guint i = 0; i < points->len; i++) {
        const struct bench_point *point = &g_array_index(points, struct bench_point, i);

        if (strcmp(point->id, id) == 0)
            return point;
    }
    return NULL;
}

static int copy_take(void *data, const struct protector_copy *row)
{
    g_array_append_vals(data, row, 1);
    return 0;
}

GArray *bench_copies(struct bench *b, int site)
{
    GArray *copies = g_array_new(FALSE, TRUE, sizeof(struct protector_copy));
    struct protector_call call = bench_call(b, site);

    assert_status(PROTECTOR_OK,
                  b->driver->copies_list(b->handle, &call, copy_take, copies, &b->error));
    return copies;
}

/* ---- crashes ---- */

/* Runs 'body' in a child that dies at its n-th service call; true if it died there. */
static bool child_run(struct bench *b, int64_t n, void (*body)(struct bench *b))
{
    int status = 0;
    pid_t pid;

    b->driver->close(b->handle);
    b->handle = NULL;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* no assert here: it would go on with the next test in this child */
        if (b->driver->open(b->driver, driver_host_table(b->host), &b->pair, &b->handle,
                            &b->error) != PROTECTOR_OK)
            _exit(DIED + 1);
        b->die_in = n;
        body(b);
        _exit(0);
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DIED);
    handle_open(b);
    return WEXITSTATUS(status) == DIED;
}

int bench_crash_sweep(void **state, void (*before)(struct bench *b), void (*body)(struct bench *b),
                      void (*after)(struct bench *b))
{
    bool died = true;
    int deaths = 0;

    for (int64_t n = 1; died && n < 2000; n++) {
        struct bench *b;

        bench_teardown(state);
        bench_setup(state);
        b = *state;
        before(b);
        died = child_run(b, n, body);
        deaths += died;
        after(b);
    }
    assert_false(died);
    return deaths;
}

void bench_parallel(struct bench *b, int count, bool (*body)(struct bench *b))
{
    pid_t pids[8];
    int status = 0;

    assert_true(count <= (int)G_N_ELEMENTS(pids));
    b->driver->close(b->handle);
    b->handle = NULL;
    for (int i = 0; i < count; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) /* no assert here, as above */
            _exit(b->driver->open(b->driver, driver_host_table(b->host), &b->pair, &b->handle,
                                  &b->error) == PROTECTOR_OK &&
                          body(b)
                      ? 0
                      : 1);
    }
    for (int i = 0; i < count; i++) {
        assert_int_equal(pids[i], waitpid(pids[i], &status, 0));
        assert_true(WIFEXITED(status));
        assert_int_equal(0, WEXITSTATUS(status));
    }
    handle_open(b);
}
