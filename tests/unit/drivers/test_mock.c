/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the conformance suite cannot ask of every driver: the mock with a database per site, and the
 * mock of synchronous replication.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "drivers/mock/mock.h"

#define SITE_A "0a0a0a0a-0000-4000-8000-00000000000a"
#define SITE_B "0b0b0b0b-0000-4000-8000-00000000000b"
#define START  INT64_C(1700000000000)
#define MINUTE INT64_C(60000)

/* One site's engine: its own folder, the same clock. */
struct site {
    char *dir;
    struct protector_host host;
    struct protector_handle *handle;
};

struct world {
    struct site site[2];
    struct protector_end ends[2];
    struct protector_pair pair;
    struct protector_group group;
    struct protector_error error;
};

static int64_t now_ms;
static char heard[512];

static int64_t host_now(void *data)
{
    (void)data;
    return now_ms;
}

static void host_log(void *data, enum protector_log_level level, const char *message)
{
    (void)data;
    if (level == PROTECTOR_LOG_WARNING)
        (void)g_strlcpy(heard, message, sizeof heard);
}

static const char *host_option(void *data, const char *name)
{
    const struct site *site = data;

    return strcmp(name, "mock_storage_dir") == 0   ? site->dir
           : strcmp(name, "mock_transfer_ms") == 0 ? "2000"
                                                   : NULL;
}

static void site_open(struct world *w, int i, const char *dir)
{
    struct site *site = &w->site[i];

    site->dir = g_strdup(dir);
    site->host = (struct protector_host){.size = sizeof site->host,
                                         .data = site,
                                         .now_ms = host_now,
                                         .mono_ms = host_now,
                                         .log = host_log,
                                         .option = host_option};
    assert_int_equal(PROTECTOR_OK, mock_driver.open(&mock_driver, &site->host, &w->pair,
                                                    &site->handle, &w->error));
}

static struct world *world_make(bool shared)
{
    struct world *w = g_new0(struct world, 1);
    g_autofree char *a = g_dir_make_tmp("protector-mock-XXXXXX", NULL);
    g_autofree char *b = shared ? g_strdup(a) : g_dir_make_tmp("protector-mock-XXXXXX", NULL);

    now_ms = START;
    w->ends[0] = (struct protector_end){.site = SITE_A, .name = "site-a", .url = "https://a"};
    w->ends[1] = (struct protector_end){.site = SITE_B, .name = "site-b", .url = "https://b"};
    w->pair = (struct protector_pair){.end = {&w->ends[0], &w->ends[1]}};
    w->group = (struct protector_group){.id = "pg-1", .lineage = 2, .interval_ms = 5 * MINUTE};
    site_open(w, 0, a);
    site_open(w, 1, b);
    return w;
}

static void world_end(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        g_autofree char *db = g_build_filename(w->site[i].dir, "mock.db", NULL);

        mock_driver.close(w->site[i].handle);
        (void)g_remove(db);
        (void)g_rmdir(w->site[i].dir);
        g_free(w->site[i].dir);
    }
    g_free(w);
}

static struct protector_call call_at(struct world *w, int site)
{
    return (struct protector_call){.group = &w->group, .site = site, .budget_ms = 1000};
}

/* Each engine does its own part. */
static void protect(struct world *w)
{
    struct protector_volume v1 = {.subject = "v1",
                                  .cinder_id = "c1",
                                  .size_bytes = 1024,
                                  .bootable = 1,
                                  .image_id = "image-1"};

    for (int i = 0; i < 2; i++) {
        struct protector_call call = call_at(w, i);
        struct protector_handle *h = w->site[i].handle;

        assert_int_equal(PROTECTOR_OK, mock_driver.group_ensure(h, &call, &w->error));
        assert_int_equal(PROTECTOR_OK, mock_driver.volume_add(h, &call, &v1, &w->error));
    }
}

struct seen {
    int count, complete;
    char newest[PROTECTOR_ID_SIZE];
    int64_t newest_ms;
    int64_t lineage;
    size_t subjects;
    char made_by[64];
};

static int see(void *data, const struct protector_point *point)
{
    struct seen *seen = data;

    seen->count++;
    seen->complete += point->complete;
    if (point->complete && point->time_ms > seen->newest_ms) {
        seen->newest_ms = point->time_ms;
        seen->lineage = point->lineage;
        seen->subjects = point->subject_count;
        (void)g_strlcpy(seen->newest, point->id, sizeof seen->newest);
        (void)g_strlcpy(seen->made_by, point->made_by, sizeof seen->made_by);
    }
    return 0;
}

static struct seen look(struct world *w)
{
    struct seen seen = {0};
    struct protector_call call = call_at(w, 1);

    assert_int_equal(PROTECTOR_OK,
                     mock_driver.points_list(w->site[1].handle, &call, see, &seen, &w->error));
    return seen;
}

static enum protector_status recover(struct world *w, const char *point, struct protector_copy *ret)
{
    struct protector_call call = call_at(w, 1);
    struct protector_volume v1 = {.subject = "v1",
                                  .bootable = 1,
                                  .image_id = "image-1",
                                  .size_bytes = 1024};
    struct protector_recover what = {
        .point_id = point,
        .volume = &v1,
        .key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    return mock_driver.recover(w->site[1].handle, &call, &what, ret, &w->error);
}

static void lone_target_lets_points_appear_by_the_interval(void **state)
{
    struct world *w = world_make(false);
    struct protector_copy copy;
    struct seen seen;

    (void)state;
    protect(w);
    assert_int_equal(0, look(w).count);
    now_ms = START + 5 * MINUTE + 1000; /* the first is on its way */
    seen = look(w);
    assert_int_equal(1, seen.count);
    assert_int_equal(0, seen.complete);
    now_ms = START + 63 * MINUTE;
    seen = look(w);
    assert_int_equal(3, seen.count); /* the last few */
    assert_int_equal(3, seen.complete);
    assert_true(seen.newest_ms == START + 60 * MINUTE);
    assert_int_equal(2, seen.lineage);
    assert_int_equal(1, seen.subjects);
    assert_string_equal(SITE_A, seen.made_by);
    assert_int_equal(PROTECTOR_OK, recover(w, seen.newest, &copy));
    assert_string_equal("image-1", copy.image_id);
    assert_int_equal(PROTECTOR_CREATE, copy.action);
    now_ms += 300 * MINUTE; /* not listed any more, but the same copy */
    assert_int_equal(PROTECTOR_OK, recover(w, seen.newest, &copy));
    world_end(w);
}

static void lone_target_fenced_sees_no_later_point(void **state)
{
    struct world *w = world_make(false);
    struct protector_call call;
    struct protector_copy copy;
    struct protector_health health;
    struct seen seen;

    (void)state;
    protect(w);
    now_ms = START + 10 * MINUTE + 1000; /* the second is in flight */
    call = call_at(w, 1);
    assert_int_equal(PROTECTOR_OK, mock_driver.fence(w->site[1].handle, &call, &w->error));
    now_ms = START + 90 * MINUTE;
    seen = look(w);
    assert_int_equal(2, seen.count);
    assert_int_equal(1, seen.complete);
    assert_true(seen.newest_ms == START + 5 * MINUTE);
    assert_int_equal(PROTECTOR_TRANSIENT, recover(w, "auto-e2-2", &copy));
    assert_int_equal(PROTECTOR_NOT_FOUND, recover(w, "auto-e2-3", &copy));
    assert_int_equal(PROTECTOR_NOT_FOUND, recover(w, "auto-e2-0", &copy));
    assert_int_equal(PROTECTOR_NOT_FOUND, recover(w, "auto-e2--1", &copy));
    assert_int_equal(PROTECTOR_NOT_FOUND, recover(w, "auto-e1-1", &copy));
    assert_int_equal(PROTECTOR_OK,
                     mock_driver.health(w->site[1].handle, &call, &health, &w->error));
    assert_true(health.fenced);
    assert_true(health.last_point_ms == START + 5 * MINUTE);
    world_end(w);
}

static void shared_target_sees_only_what_the_source_made(void **state)
{
    struct world *w = world_make(true);

    (void)state;
    protect(w);
    now_ms = START + 63 * MINUTE; /* nobody ticked */
    assert_int_equal(0, look(w).count);
    world_end(w);
}

static void sync_is_always_now(void **state)
{
    struct world *w = world_make(true);
    struct protector_call call;
    struct protector_point_state point;
    struct protector_copy copy;
    struct seen seen;

    (void)state;
    w->group.mode = PROTECTOR_SYNC;
    w->group.interval_ms = 0;
    assert_int_equal(0, look(w).count); /* no group, no point */
    protect(w);
    now_ms += 12345;
    seen = look(w);
    assert_int_equal(1, seen.complete);
    assert_string_equal("now", seen.newest);
    assert_true(seen.newest_ms == now_ms);
    assert_int_equal(2, seen.lineage);
    call = call_at(w, 0);
    assert_int_equal(PROTECTOR_OK, mock_driver.replicate_now(w->site[0].handle, &call, "final",
                                                             &point, &w->error));
    assert_string_equal("now", point.id);
    assert_true(point.complete);
    assert_int_equal(PROTECTOR_OK, recover(w, "now", &copy));
    call = call_at(w, 1);
    assert_int_equal(PROTECTOR_OK, mock_driver.fence(w->site[1].handle, &call, &w->error));
    now_ms += 50000; /* cut off: what is here is of the moment of the fence */
    assert_true(look(w).newest_ms == now_ms - 50000);
    world_end(w);
}

static void mock_is_loud(void **state)
{
    struct world *w = world_make(true);

    (void)state;
    heard[0] = '\0';
    assert_int_equal(PROTECTOR_OK,
                     mock_driver.configure(&mock_driver, &w->site[0].host, &w->error));
    assert_non_null(strstr(heard, "NO VOLUME DATA IS REPLICATED"));
    assert_non_null(strstr(heard, "never use it in production"));
    world_end(w);
}

static void folder_that_cannot_be_used_is_named(void **state)
{
    struct world *w = world_make(true);
    struct protector_handle *handle = NULL;
    struct site site = {.dir = "/proc/nothing/here"};
    struct protector_host host = w->site[0].host;

    (void)state;
    host.data = &site;
    assert_int_equal(PROTECTOR_PERMANENT,
                     mock_driver.open(&mock_driver, &host, &w->pair, &handle, &w->error));
    assert_non_null(strstr(w->error.message, "/proc/nothing/here"));
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lone_target_lets_points_appear_by_the_interval),
        cmocka_unit_test(lone_target_fenced_sees_no_later_point),
        cmocka_unit_test(shared_target_sees_only_what_the_source_made),
        cmocka_unit_test(sync_is_always_now),
        cmocka_unit_test(mock_is_loud),
        cmocka_unit_test(folder_that_cannot_be_used_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
