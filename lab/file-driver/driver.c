/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver - the file driver's constant, its options and handles.  See file.h; the verbs are in
 * groups.c, watch.c, points.c, replicate.c, records.c and copies.c.
 */
#include "file.h"

#include <stdlib.h>
#include <string.h>

static const struct protector_option options[] = {
    {"file_arrays", PROTECTOR_OPTION_STRING, NULL,
     "folders of volume files by the address of their array: "
     "https://array-a.example=/srv/a/volumes,https://array-b.example=/srv/b/volumes"},
    {"file_points_kept", PROTECTOR_OPTION_INTEGER, "3",
     "complete points that the file driver keeps of a group, per lineage"},
    {NULL, PROTECTOR_OPTION_STRING, NULL, NULL},
};

void file_step(struct protector_handle *h, const char *format, ...)
{
    char line[FILE_PATH_SIZE + 64];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    h->host->log(h->host->data, PROTECTOR_LOG_DEBUG, line);
}

int64_t file_until_ms(struct protector_handle *h, const struct protector_call *call)
{
    return h->host->mono_ms(h->host->data) + call->budget_ms * 3 / 4;
}

static char *keep(const char *text, size_t size)
{
    char *copy = strndup(text, size);

    if (copy == NULL)
        abort();
    return copy;
}

/* A piece of a text, without spaces around it and slashes behind it. */
struct piece {
    const char *text;
    size_t size;
};

static struct piece piece_of(const char *text, size_t size)
{
    while (size > 0 && text[0] == ' ') {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '/'))
        size--;
    return (struct piece){text, size};
}

/* The folder of an array in file_arrays ("url=folder,url=folder"), or NULL. */
static char *folder_of(const char *arrays, const char *url)
{
    struct piece wanted = piece_of(url, strlen(url));

    while (*arrays != '\0') {
        size_t entry = strcspn(arrays, ",");
        size_t equals = strcspn(arrays, "=");

        if (equals < entry) {
            struct piece address = piece_of(arrays, equals);
            struct piece folder = piece_of(arrays + equals + 1, entry - equals - 1);

            if (address.size == wanted.size && strncmp(address.text, wanted.text, wanted.size) == 0)
                return keep(folder.text, folder.size);
        }
        arrays += entry + (arrays[entry] == ',');
    }
    return NULL;
}

static enum protector_status file_configure(const struct protector_driver *self,
                                            const struct protector_host *host,
                                            struct protector_error *error)
{
    (void)self;
    if (host->option(host->data, "file_arrays") == NULL)
        return protector_fail(
            error, PROTECTOR_PERMANENT,
            "[storage] file_arrays is not set: it names the folder of each array");
    host->log(host->data, PROTECTOR_LOG_WARNING,
              "the FILE storage driver is in use: for labs only, its points are plain copies and "
              "consistent only if the servers were stopped");
    return PROTECTOR_OK;
}

static void file_close(struct protector_handle *h)
{
    if (h == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        free(h->end[i].site);
        free(h->end[i].name);
        free(h->end[i].url);
        free(h->end[i].volumes);
        free(h->end[i].side);
    }
    free(h);
}

static enum protector_status end_open(struct protector_handle *h, int i,
                                      const struct protector_end *from,
                                      struct protector_error *error)
{
    const char *arrays = h->host->option(h->host->data, "file_arrays");
    struct end *end = &h->end[i];
    struct piece url = piece_of(from->url, strlen(from->url));
    struct path side;

    end->site = keep(from->site, strlen(from->site));
    end->name = keep(from->name, strlen(from->name));
    end->url = keep(url.text, url.size);
    if (!name_fits(end->site))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%.64s' is no site id", end->site);
    end->volumes = arrays == NULL ? NULL : folder_of(arrays, end->url);
    if (end->volumes == NULL)
        return protector_fail(error, PROTECTOR_PERMANENT,
                              "[storage] file_arrays names no folder for %s", end->url);
    if (end->volumes[0] != '/' || strlen(end->volumes) > FILE_DIR_MAX)
        return protector_fail(error, PROTECTOR_PERMANENT,
                              "[storage] file_arrays: '%.200s' is no absolute path of at most %d "
                              "bytes",
                              end->volumes, FILE_DIR_MAX);
    side = path_of("%s.protector", end->volumes);
    end->side = keep(side.text, strlen(side.text));
    return PROTECTOR_OK;
}

static enum protector_status file_open(const struct protector_driver *self,
                                       const struct protector_host *host,
                                       const struct protector_pair *pair,
                                       struct protector_handle **ret, struct protector_error *error)
{
    struct protector_handle *h = calloc(1, sizeof *h);
    enum protector_status status = PROTECTOR_OK;

    (void)self;
    if (h == NULL)
        abort();
    h->host = host;
    for (int i = 0; i < 2 && status == PROTECTOR_OK; i++)
        status = end_open(h, i, pair->end[i], error);
    if (status == PROTECTOR_OK && strcmp(h->end[0].volumes, h->end[1].volumes) == 0)
        status = protector_fail(error, PROTECTOR_PERMANENT, "both arrays of the pair are %s",
                                h->end[0].volumes);
    if (status == PROTECTOR_OK)
        *ret = h;
    else
        file_close(h);
    return status;
}

static const struct protector_driver file_driver = {
    PROTECTOR_DRIVER_STAMP,
    .name = "file",
    .title = "Files in folders (lab only)",
    .version = "1.0",
    .can = PROTECTOR_CAN_ASYNC | PROTECTOR_CAN_FENCE | PROTECTOR_CAN_OVERWRITE | PROTECTOR_CAN_TAG |
           PROTECTOR_CAN_REVERSE | PROTECTOR_CAN_VERIFY | PROTECTOR_NEEDS_TICKS |
           PROTECTOR_FOR_TESTS,
    .threads = PROTECTOR_THREADS_HANDLE,
    .options = options,
    .configure = file_configure,
    .open = file_open,
    .close = file_close,
    .volume_find = file_volume_find,
    .group_ensure = file_group_ensure,
    .group_delete = file_group_delete,
    .volume_add = file_volume_add,
    .volume_remove = file_volume_remove,
    .replication_start = file_replication_start,
    .replication_stop = file_replication_stop,
    .points_list = file_points_list,
    .replicate_now = file_replicate_now,
    .point_status = file_point_status,
    .recover = file_recover,
    .clone = file_clone,
    .overwrite = file_overwrite,
    .copy_find = file_copy_find,
    .copies_list = file_copies_list,
    .copy_release = file_copy_release,
    .copy_delete = file_copy_delete,
    .fence = file_fence,
    .unfence = file_unfence,
    .reverse = file_reverse,
    .health = file_health,
    .tag_get = file_tag_get,
    .tag_set = file_tag_set,
    .verify = file_verify,
};

PROTECTOR_DRIVER(file_driver)
