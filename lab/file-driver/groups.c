/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups - what an end knows of a group: its part, members, fences, direction.  See file.h.
 *
 * Every verb first looks whether the array's folder is there, so that a missing file below it means
 * that the thing does not exist, not that the array is gone.
 */
#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GATE_WAIT_MS 2000

/* ---- the part of one end ---- */

enum protector_status group_check(struct protector_handle *h, const struct protector_call *call,
                                  int site, struct protector_error *error)
{
    if (!name_fits(call->group->id))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%.64s' is no group id",
                              call->group->id);
    if (call->group->mode != PROTECTOR_ASYNC)
        return protector_fail(error, PROTECTOR_UNSUPPORTED,
                              "the file driver replicates asynchronously only");
    return array_check(h, site, error);
}

static struct path side_path(struct protector_handle *h, const struct protector_call *call,
                             int site)
{
    struct path group = path_group(h, call, site);

    return path_of("%s/side", group.text);
}

enum protector_status side_read(struct protector_handle *h, const struct protector_call *call,
                                int site, struct side *ret, struct protector_error *error)
{
    struct text text = {0};
    enum protector_status status = group_check(h, call, site, error);

    if (status == PROTECTOR_OK)
        status = small_read(h, side_path(h, call, site).text, &text, error);
    if (status == PROTECTOR_NOT_FOUND)
        return protector_fail(error, status, "group %s is not known at the array of %s (%s)",
                              call->group->id, h->end[site].name, h->end[site].url);
    if (status != PROTECTOR_OK)
        return status;
    text_get(&text, "source", ret->source, sizeof ret->source);
    ret->lineage = text_int(&text, "lineage", -1);
    ret->replicating = (int)text_int(&text, "replicating", 0);
    text_free(&text);
    return PROTECTOR_OK;
}

static enum protector_status side_write(struct protector_handle *h,
                                        const struct protector_call *call, int site,
                                        int replicating, struct protector_error *error)
{
    struct path path = side_path(h, call, site);
    struct text text = {0};
    enum protector_status status;

    text_add(&text, "group %s\nsource %s\nlineage %lld\nreplicating %d\n", call->group->id,
             h->end[call->group->source].site, (long long)call->group->lineage, replicating);
    status = small_write(h, path.text, &text, error);
    text_free(&text);
    return status;
}

enum protector_status file_group_ensure(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error)
{
    static const char *const folders[] = {"members", "points", "copies"};
    struct path group;
    struct side side = {.replicating = 0};
    enum protector_status status = group_check(h, call, call->site, error);

    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    group = path_group(h, call, call->site);
    for (size_t i = 0; i < sizeof folders / sizeof *folders && status == PROTECTOR_OK; i++) {
        struct path folder = path_of("%s/%s", group.text, folders[i]);

        status = dir_make(folder.text, error);
    }
    if (status == PROTECTOR_OK)
        status = side_read(h, call, call->site, &side, error);
    if (status == PROTECTOR_OK || status == PROTECTOR_NOT_FOUND)
        status = side_write(h, call, call->site, side.replicating, error);
    return status;
}

/* Marks every copy of the group as released, so that nothing of ours deletes one any more. */
static enum protector_status copies_release(struct protector_handle *h,
                                            const struct protector_call *call,
                                            struct protector_error *error)
{
    struct path folder = path_of("%s/copies", path_group(h, call, call->site).text);
    char **names = NULL;
    size_t count = 0;
    enum protector_status status = dir_list(folder.text, &names, &count, error);

    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        char key[PROTECTOR_KEY_SIZE];
        struct record record;

        (void)snprintf(key, sizeof key, "%s", names[i]);
        if (!key_fits(key) || strcmp(names[i] + PROTECTOR_KEY_SIZE - 1, ".record") != 0)
            continue;
        status = record_read(h, call, key, &record, error);
        if (status != PROTECTOR_OK || record.state != RECORD_MADE)
            continue;
        record.state = RECORD_RELEASED;
        status = record_write(h, call, &record, error);
    }
    names_free(names, count);
    return status;
}

enum protector_status file_group_delete(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error)
{
    enum protector_status status = group_check(h, call, call->site, error);
    struct path group;

    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    group = path_group(h, call, call->site);
    status = copies_release(h, call, error);
    if (status == PROTECTOR_OK)
        status = dir_remove(group.text, "copies", error);
    return status;
}

/* ---- volumes ---- */

enum protector_status volume_file(struct protector_handle *h, const struct protector_call *call,
                                  const struct protector_volume *volume, struct path *ret,
                                  int64_t *ret_size, uint64_t *ret_inode,
                                  struct protector_error *error)
{
    const char *id = volume->name_id != NULL ? volume->name_id : volume->cinder_id;
    const struct end *end = &h->end[call->site];
    enum protector_status status = array_check(h, call->site, error);
    struct stat st;

    if (status != PROTECTOR_OK)
        return status;
    if (!name_fits(id))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%.64s' is no Cinder id",
                              id == NULL ? "" : id);
    *ret = path_of("%s/volume-%s", end->volumes, id);
    if (stat(ret->text, &st) != 0)
        return small_fail(error, "find the volume", ret->text);
    if (!S_ISREG(st.st_mode))
        return protector_fail(error, PROTECTOR_PERMANENT, "%s is no file", ret->text);
    *ret_size = st.st_size;
    *ret_inode = (uint64_t)st.st_ino;
    return PROTECTOR_OK;
}

enum protector_status file_volume_find(struct protector_handle *h,
                                       const struct protector_call *call,
                                       const struct protector_volume *volume,
                                       struct protector_volume_place *ret,
                                       struct protector_error *error)
{
    struct path path;
    int64_t size = 0;
    uint64_t inode = 0;
    enum protector_status status = volume_file(h, call, volume, &path, &size, &inode, error);

    if (status != PROTECTOR_OK)
        return status;
    *ret = (struct protector_volume_place){.size_bytes = size};
    (void)snprintf(ret->id, sizeof ret->id, "inode-%llu", (unsigned long long)inode);
    (void)snprintf(ret->name, sizeof ret->name, "%.*s", PROTECTOR_ID_SIZE - 1,
                   strrchr(path.text, '/') + 1);
    return PROTECTOR_OK;
}

static enum protector_status member_write(struct protector_handle *h,
                                          const struct protector_call *call,
                                          const struct protector_volume *volume,
                                          const struct path *file, int64_t size,
                                          struct protector_error *error)
{
    struct path path =
        path_of("%s/members/%s", path_group(h, call, call->site).text, volume->subject);
    int image = volume->bootable && name_fits(volume->image_id);
    struct text text = {0};
    enum protector_status status;

    text_add(&text, "subject %s\nfile %s\nsize %lld\nimage %s\n", volume->subject,
             strrchr(file->text, '/') + 1, (long long)size, image ? volume->image_id : "-");
    status = small_write(h, path.text, &text, error);
    text_free(&text);
    return status;
}

enum protector_status file_volume_add(struct protector_handle *h, const struct protector_call *call,
                                      const struct protector_volume *volume,
                                      struct protector_error *error)
{
    struct side side;
    struct path path;
    int64_t size = 0;
    uint64_t inode = 0;
    enum protector_status status;

    if (!name_fits(volume->subject))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%.64s' is no subject for a volume",
                              volume->subject == NULL ? "" : volume->subject);
    status = side_read(h, call, call->site, &side, error);
    if (status != PROTECTOR_OK || call->site != call->group->source)
        return status; /* the target needs to know nothing: points tell */
    status = volume_file(h, call, volume, &path, &size, &inode, error);
    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    return member_write(h, call, volume, &path, size, error);
}

enum protector_status file_volume_remove(struct protector_handle *h,
                                         const struct protector_call *call, const char *subject,
                                         struct protector_error *error)
{
    enum protector_status status = group_check(h, call, call->site, error);
    struct path path;

    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    if (!name_fits(subject))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%.64s' is no subject for a volume",
                              subject);
    path = path_of("%s/members/%s", path_group(h, call, call->site).text, subject);
    return file_unlink(path.text, error);
}

enum protector_status members_read(struct protector_handle *h, const struct protector_call *call,
                                   int site, struct member **ret, size_t *ret_count,
                                   struct protector_error *error)
{
    struct path folder = path_of("%s/members", path_group(h, call, site).text);
    char **names = NULL;
    size_t count = 0;
    struct member *members = NULL;
    enum protector_status status = dir_list(folder.text, &names, &count, error);

    *ret_count = 0;
    if (status == PROTECTOR_OK && count > FILE_VOLUMES_MAX)
        status = protector_fail(error, PROTECTOR_PERMANENT, "group %s has more than %d volumes",
                                call->group->id, FILE_VOLUMES_MAX);
    members = calloc(count + 1, sizeof *members);
    if (members == NULL)
        abort();
    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        struct path path = path_of("%s/%s", folder.text, names[i]);
        struct member *member = &members[*ret_count];
        struct text text;

        if (!name_fits(names[i]))
            continue; /* a temporary file that a crash left */
        status = small_read(h, path.text, &text, error);
        if (status != PROTECTOR_OK)
            break;
        text_get(&text, "subject", member->subject, sizeof member->subject);
        text_get(&text, "file", member->file, sizeof member->file);
        text_get(&text, "image", member->image_id, sizeof member->image_id);
        member->size_bytes = text_int(&text, "size", 0);
        text_free(&text);
        (*ret_count)++;
    }
    names_free(names, count);
    *ret = members;
    return status;
}

/* ---- fences ---- */

static struct path fence_path(struct protector_handle *h, const struct protector_call *call)
{
    struct path group = path_group(h, call, protector_target(call->group));

    return path_of("%s/fence-%s", group.text, h->end[call->group->source].site);
}

int is_fenced(struct protector_handle *h, const struct protector_call *call)
{
    struct path path = fence_path(h, call);

    return access(path.text, F_OK) == 0 || errno != ENOENT; /* when in doubt: yes */
}

enum protector_status gate_take(struct protector_handle *h, const struct protector_call *call,
                                int *ret_fd, struct protector_error *error)
{
    struct path group = path_group(h, call, protector_target(call->group));
    struct path gate = path_of("%s/gate", group.text);
    int64_t now_ms = h->host->mono_ms(h->host->data);
    int64_t wait_ms = call->budget_ms / 4 < GATE_WAIT_MS ? call->budget_ms / 4 : GATE_WAIT_MS;

    return lock_take(h, gate.text, now_ms + wait_ms, ret_fd, error);
}

enum protector_status file_fence(struct protector_handle *h, const struct protector_call *call,
                                 struct protector_error *error)
{
    int target = protector_target(call->group);
    struct path path;
    struct text text = {0};
    int gate = -1;
    enum protector_status status = group_check(h, call, target, error);

    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    path = fence_path(h, call);
    status = dir_make(path_group(h, call, target).text, error);
    if (status == PROTECTOR_OK)
        status = gate_take(h, call, &gate, error);
    if (status == PROTECTOR_OK && !is_fenced(h, call)) {
        text_add(&text, "fenced_ms %lld\n", (long long)h->host->now_ms(h->host->data));
        status = small_write(h, path.text, &text, error);
        text_free(&text);
    }
    lock_drop(gate);
    return status;
}

static enum protector_status fence_lift(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error)
{
    struct path group = path_group(h, call, protector_target(call->group));
    struct path path = fence_path(h, call);
    enum protector_status status;

    if (access(path.text, F_OK) != 0 && errno == ENOENT)
        return PROTECTOR_OK;
    status = file_unlink(path.text, error);
    return status == PROTECTOR_OK ? dir_sync(group.text, error) : status;
}

enum protector_status file_unfence(struct protector_handle *h, const struct protector_call *call,
                                   struct protector_error *error)
{
    enum protector_status status = group_check(h, call, protector_target(call->group), error);

    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    return fence_lift(h, call, error);
}

/* ---- direction ---- */

enum protector_status file_replication_start(struct protector_handle *h,
                                             const struct protector_call *call,
                                             struct protector_error *error)
{
    int target = protector_target(call->group);
    struct side side;
    enum protector_status status = side_read(h, call, call->group->source, &side, error);

    if (status != PROTECTOR_OK)
        return status;
    status = side_read(h, call, target, &side, error);
    if (status == PROTECTOR_NOT_FOUND)
        status = call->phase == PROTECTOR_CHECK ? PROTECTOR_OK : PROTECTOR_PENDING;
    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    return side_write(h, call, call->group->source, 1, error);
}

enum protector_status file_replication_stop(struct protector_handle *h,
                                            const struct protector_call *call,
                                            struct protector_error *error)
{
    struct side side;
    enum protector_status status = side_read(h, call, call->group->source, &side, error);

    if (status == PROTECTOR_NOT_FOUND)
        return PROTECTOR_OK;
    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK || !side.replicating)
        return status; /* off, also when this end is the target by now */
    return side_write(h, call, call->group->source, 0, error);
}

enum protector_status file_reverse(struct protector_handle *h, const struct protector_call *call,
                                   struct protector_error *error)
{
    int source = call->group->source;
    int target = protector_target(call->group);
    struct side side;
    enum protector_status status = side_read(h, call, source, &side, error);

    if (status == PROTECTOR_OK)
        status = side_read(h, call, target, &side, error);
    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    status = side_write(h, call, target, 0, error);
    if (status == PROTECTOR_OK)
        status = fence_lift(h, call, error);
    if (status == PROTECTOR_OK)
        status = side_write(h, call, source, 1, error);
    return status;
}
