/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver - the file driver's options and small files: a first line "option" and the value of
 * file_arrays ("@" is this run's folder), or the name of a small file and its contents.  Whatever a
 * disk gives back, every verb that reads answers, and a failure has words.
 */
#include "lab/file-driver/file.h"

#include "base/secrets.h"
#include "tests/fuzz/fuzz.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SITE  "00000000-0000-4000-8000-00000000000a"
#define OTHER "00000000-0000-4000-8000-00000000000b"
#define GROUP "pg-00000000-0000-4000-8000-000000000001"

extern const struct protector_driver *const protector_driver_entry;

static char *dir, *arrays;
static const char *option_value;
static const struct protector_driver *driver;
static struct protector_handle *world;

static const struct protector_end ends[2] = {
    {.site = SITE, .name = "site-a", .url = "https://a"},
    {.site = OTHER, .name = "site-b", .url = "https://b"},
};
static const struct protector_pair pair = {.end = {&ends[0], &ends[1]}, .local = 1};
static const struct protector_group group = {
    .id = GROUP, .source = 0, .epoch = 1, .lineage = 1, .interval_ms = 300000};
static const struct protector_call call = {.group = &group,
                                           .phase = PROTECTOR_DO,
                                           .site = 1,
                                           .budget_ms = 10000};

/* ---- the host ---- */

static int64_t now(void *data G_GNUC_UNUSED)
{
    return 1764000000000;
}

static void pause_ms(void *data G_GNUC_UNUSED, int64_t ms G_GNUC_UNUSED)
{
}

static void tell(void *data G_GNUC_UNUSED, enum protector_log_level level G_GNUC_UNUSED,
                 const char *line G_GNUC_UNUSED)
{
}

static const char *option(void *data G_GNUC_UNUSED, const char *name)
{
    return strcmp(name, "file_arrays") == 0 ? option_value : "3";
}

static void digest(void *data G_GNUC_UNUSED, const void *bytes, size_t size,
                   char ret[PROTECTOR_KEY_SIZE])
{
    hash_hex(bytes, size, ret);
}

static const struct protector_host host = {.size = sizeof host,
                                           .now_ms = now,
                                           .mono_ms = now,
                                           .pause_ms = pause_ms,
                                           .log = tell,
                                           .option = option,
                                           .digest = digest};

/* ---- the arrays ---- */

static void wipe(void)
{
    g_autofree char *rm = g_strdup_printf("%s", dir);
    const char *argv[] = {"rm", "-rf", rm, NULL};

    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                 NULL);
}

static void make(const char *format, const char *name)
{
    g_autofree char *path = g_strdup_printf(format, dir, name);

    FUZZ_MUST(g_mkdir_with_parents(path, 0750) == 0, "no folder %s", path);
}

void fuzz_init(void)
{
    struct protector_error error = {0};

    secrets_init();
    const char *base = g_file_test("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir();
    dir = g_mkdtemp(g_build_filename(base, "protector-fuzz-XXXXXX", NULL));
    atexit(wipe);
    arrays = g_strdup_printf("https://a=%s/a,https://b=%s/b", dir, dir);
    make("%s/%s", "a");
    make("%s/%s", "b");
    option_value = arrays;
    driver = protector_driver_entry;
    FUZZ_MUST(driver->open(driver, &host, &pair, &world, &error) == PROTECTOR_OK, "%s",
              error.message);
    FUZZ_MUST(driver->group_ensure(world, &call, &error) == PROTECTOR_OK, "%s", error.message);
    make("%s/b.protector/groups/" GROUP "/%s", "points/p1");
}

/* ---- what is read ---- */

static void answered(enum protector_status status, const struct protector_error *error)
{
    FUZZ_MUST((unsigned)status < PROTECTOR_STATUS_COUNT, "status %d", (int)status);
    FUZZ_MUST(status == PROTECTOR_OK || error->message[0] != '\0', "%s without words",
              protector_status_text(status));
}

static int point_row(void *data G_GNUC_UNUSED, const struct protector_point *point)
{
    FUZZ_MUST(point->id[0] != '\0' && point->progress_permille <= 1000, "a point of %d",
              point->progress_permille);
    return 0;
}

static int copy_row(void *data G_GNUC_UNUSED, const struct protector_copy *copy)
{
    FUZZ_MUST(strlen(copy->key) == PROTECTOR_KEY_SIZE - 1, "a copy '%s'", copy->key);
    return 0;
}

static int tag_row(void *data G_GNUC_UNUSED, const struct protector_tag *tag)
{
    FUZZ_MUST(tag->writer[0] != '\0', "a tag of nobody");
    return 0;
}

static void read_all(void)
{
    struct protector_error error = {0};
    struct protector_point_state state;
    struct protector_copy copy;
    struct protector_health health;

    answered(driver->points_list(world, &call, point_row, NULL, &error), &error);
    answered(driver->point_status(world, &call, "p1", &state, &error), &error);
    answered(driver->copies_list(world, &call, copy_row, NULL, &error), &error);
    answered(driver->copy_find(world, &call, KEY, &copy, &error), &error);
    answered(driver->tag_get(world, &call, tag_row, NULL, &error), &error);
    answered(driver->health(world, &call, &health, &error), &error);
}

static void small(const char *name, const char *data, size_t size)
{
    static const char *const names[] = {
        "side",           "members/v1",         "tag-" SITE,
        "points/p1/plan", "points/p1/manifest", "copies/" KEY ".record"};
    struct protector_error error = {0};
    struct text text = {0};
    const char *known = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(names[i], name) == 0)
            known = names[i];
    if (known == NULL)
        return;
    g_autofree char *path = g_strdup_printf("%s/b.protector/groups/" GROUP "/%s", dir, known);
    g_autofree char *before = NULL;
    gsize before_size = 0;
    bool there = g_file_get_contents(path, &before, &before_size, NULL);
    text_add(&text, "%.*s", (int)size, data);
    if (small_write(world, path, &text, &error) == PROTECTOR_OK)
        read_all();
    FUZZ_MUST(g_file_set_contents(path, data, (gssize)size, NULL), "no file %s", path);
    read_all(); /* without its digest */
    if (there)
        FUZZ_MUST(g_file_set_contents(path, before, (gssize)before_size, NULL), "no %s", path);
    else
        g_unlink(path);
    text_free(&text);
}

static void options(const char *data, size_t size)
{
    g_autofree char *text = g_strndup(size > 0 ? data : "", size);
    g_auto(GStrv) parts = g_strsplit(text, "@", -1);
    g_autofree char *value = g_strjoinv(dir, parts);
    struct protector_error error = {0};
    struct protector_handle *h = NULL;

    option_value = value;
    answered(driver->configure(driver, &host, &error), &error);
    enum protector_status status = driver->open(driver, &host, &pair, &h, &error);
    answered(status, &error);
    FUZZ_MUST((status == PROTECTOR_OK) == (h != NULL), "refused, and yet a handle");
    driver->close(h);
    option_value = arrays;
}

void fuzz_one(const char *data, size_t size)
{
    g_autofree char *name = fuzz_line(&data, &size);

    if (strcmp(name, "option") == 0)
        options(data, size);
    else
        small(name, data, size);
}
