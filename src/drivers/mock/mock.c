/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock - the driver's constant, its options and handles.  See mock.h; the verbs are in groups.c,
 * points.c and copies.c.
 */
#include "drivers/mock/mock.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/mock/verbs.h"

static const struct protector_option options[] = {
    {"mock_storage_dir", PROTECTOR_OPTION_STRING, "/var/lib/protector/mock_storage",
     "folder of the mock driver's database; two sites on one machine may share it"},
    {"mock_transfer_ms", PROTECTOR_OPTION_INTEGER, "2000",
     "how long a point of the mock driver takes from being made to being complete"},
    {NULL, PROTECTOR_OPTION_STRING, NULL, NULL},
};

static enum protector_status mock_configure(const struct protector_driver *self,
                                            const struct protector_host *host,
                                            struct protector_error *error)
{
    (void)self;
    (void)error;
    host->log(host->data, PROTECTOR_LOG_WARNING,
              "the MOCK storage driver is in use: NO VOLUME DATA IS REPLICATED, servers recover on "
              "new volumes of their image or empty ones; never use it in production");
    return PROTECTOR_OK;
}

static void mock_close(struct protector_handle *h)
{
    if (h == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        free(h->url[i]);
        free(h->site[i]);
        free(h->name[i]);
    }
    (void)sqlite3_close(h->db);
    free(h);
}

static char *keep(const char *text)
{
    char *copy = strdup(text == NULL ? "" : text);

    if (copy == NULL)
        abort();
    return copy;
}

/* The address without trailing slashes: what rows are filed under. */
static char *keep_url(const char *url)
{
    char *copy = keep(url);

    for (size_t n = strlen(copy); n > 0 && copy[n - 1] == '/'; n--)
        copy[n - 1] = '\0';
    return copy;
}

static enum protector_status mock_open(const struct protector_driver *self,
                                       const struct protector_host *host,
                                       const struct protector_pair *pair,
                                       struct protector_handle **ret, struct protector_error *error)
{
    struct protector_handle *h = calloc(1, sizeof *h);
    enum protector_status status;

    (void)self;
    if (h == NULL)
        abort();
    h->host = host;
    for (int i = 0; i < 2; i++) {
        h->url[i] = keep_url(pair->end[i]->url);
        h->site[i] = keep(pair->end[i]->site);
        h->name[i] = keep(pair->end[i]->name);
    }
    if (h->url[0][0] == '\0' || strcmp(h->url[0], h->url[1]) == 0)
        status = protector_fail(error, PROTECTOR_PERMANENT,
                                "the two arrays of a pair need two different addresses, not '%s' "
                                "and '%s'",
                                h->url[0], h->url[1]);
    else
        status = store_open(h, error);
    if (status == PROTECTOR_OK)
        *ret = h;
    else
        mock_close(h);
    return status;
}

const struct protector_driver mock_driver = {
    PROTECTOR_DRIVER_STAMP,
    .name = "mock",
    .title = "Mock (no data is replicated)",
    .version = "1.0",
    .can = PROTECTOR_CAN_ASYNC | PROTECTOR_CAN_SYNC | PROTECTOR_CAN_FENCE | PROTECTOR_CAN_TAG |
           PROTECTOR_CAN_TAG_LIST | PROTECTOR_CAN_REVERSE | PROTECTOR_NEEDS_TICKS |
           PROTECTOR_MAKES_IN_CINDER | PROTECTOR_FOR_TESTS,
    .threads = PROTECTOR_THREADS_HANDLE,
    .options = options,
    .configure = mock_configure,
    .open = mock_open,
    .close = mock_close,
    .volume_find = mock_volume_find,
    .group_ensure = mock_group_ensure,
    .group_delete = mock_group_delete,
    .volume_add = mock_volume_add,
    .volume_remove = mock_volume_remove,
    .replication_start = mock_replication_start,
    .replication_stop = mock_replication_stop,
    .points_list = mock_points_list,
    .replicate_now = mock_replicate_now,
    .point_status = mock_point_status,
    .recover = mock_recover,
    .clone = mock_clone,
    .copy_find = mock_copy_find,
    .copies_list = mock_copies_list,
    .copy_release = mock_copy_release,
    .copy_delete = mock_copy_delete,
    .fence = mock_fence,
    .unfence = mock_unfence,
    .reverse = mock_reverse,
    .health = mock_health,
    .tag_get = mock_tag_get,
    .tag_set = mock_tag_set,
    .tag_list = mock_tag_list,
};
