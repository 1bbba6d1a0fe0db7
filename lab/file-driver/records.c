/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records - what is known of copies, and finding them again.  See file.h; copies.c makes them.
 *
 * A copy has two names: one in V, which Cinder changes when it manages the volume, and <key>.data
 * among our own files, which stays.  Both are links to one file, so the file's inode tells which
 * name in V it has now, and when Cinder has deleted the volume no name is left there: the copy is
 * gone, and its bytes with our link at the next list.
 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCAN_TRIES 3 /* a rename during a scan can hide a name */

struct path copy_path(struct protector_handle *h, const struct protector_call *call,
                      const char *key, const char *what)
{
    return path_of("%s/copies/%s.%s", path_group(h, call, call->site).text, key, what);
}

/* ---- records ---- */

static const char *const state_names[] = {"making", "made", "released", "replacing"};

enum protector_status record_read(struct protector_handle *h, const struct protector_call *call,
                                  const char *key, struct record *ret,
                                  struct protector_error *error)
{
    char state[16];
    struct text text;
    enum protector_status status =
        small_read(h, copy_path(h, call, key, "record").text, &text, error);

    if (status == PROTECTOR_NOT_FOUND)
        return protector_fail(error, status, "there is no copy with key %s at the array of %s", key,
                              h->end[call->site].name);
    if (status != PROTECTOR_OK)
        return status;
    *ret = (struct record){.epoch = text_int(&text, "epoch", 0),
                           .purpose = (enum protector_purpose)text_int(&text, "purpose", 0),
                           .size_bytes = text_int(&text, "size", 0)};
    text_get(&text, "key", ret->key, sizeof ret->key);
    text_get(&text, "subject", ret->subject, sizeof ret->subject);
    text_get(&text, "point", ret->point_id, sizeof ret->point_id);
    text_get(&text, "state", state, sizeof state);
    for (size_t i = 0; i < sizeof state_names / sizeof *state_names; i++)
        if (strcmp(state, state_names[i]) == 0)
            ret->state = (enum record_state)i;
    text_free(&text);
    if (strcmp(ret->key, key) != 0)
        return protector_fail(error, PROTECTOR_PERMANENT,
                              "the record of copy %s at the array of %s is damaged: it names '%s'",
                              key, h->end[call->site].name, ret->key);
    return PROTECTOR_OK;
}

enum protector_status record_write(struct protector_handle *h, const struct protector_call *call,
                                   const struct record *record, struct protector_error *error)
{
    struct text text = {0};
    enum protector_status status;

    text_add(
        &text,
        "key %s\ngroup %s\nsubject %s\npoint %s\nepoch %lld\npurpose %d\nsize %lld\nstate %s\n",
        record->key, call->group->id, record->subject, record->point_id, (long long)record->epoch,
        (int)record->purpose, (long long)record->size_bytes, state_names[record->state]);
    status = small_write(h, copy_path(h, call, record->key, "record").text, &text, error);
    text_free(&text);
    return status;
}

/* ---- finding the file ---- */

/* One look through V for the inode: OK, NOT_FOUND. */
static enum protector_status scan(const char *volumes, ino_t inode, char ret[PROTECTOR_ID_SIZE],
                                  struct protector_error *error)
{
    DIR *dir = opendir(volumes);
    enum protector_status status = PROTECTOR_NOT_FOUND;
    struct dirent *entry;

    if (dir == NULL) {
        (void)small_fail(error, "list", volumes);
        return PROTECTOR_TRANSIENT;
    }
    errno = 0;
    while (status == PROTECTOR_NOT_FOUND && (entry = readdir(dir)) != NULL) {
        if (entry->d_ino == inode) {
            (void)snprintf(ret, PROTECTOR_ID_SIZE, "%.255s", entry->d_name);
            status = PROTECTOR_OK;
        }
    }
    if (status == PROTECTOR_NOT_FOUND && errno != 0)
        status = protector_fail(error, PROTECTOR_TRANSIENT, "cannot list %s: %s", volumes,
                                strerror(errno));
    (void)closedir(dir);
    return status;
}

enum protector_status copy_name(struct protector_handle *h, const struct protector_call *call,
                                const char *key, char ret[PROTECTOR_ID_SIZE], uint64_t *ret_inode,
                                struct protector_error *error)
{
    const char *volumes = h->end[call->site].volumes;
    struct path data = copy_path(h, call, key, "data");
    struct path own = path_of("%s/protector-%s", volumes, key);
    enum protector_status status = PROTECTOR_NOT_FOUND;
    struct stat st;
    struct stat named;

    if (stat(data.text, &st) != 0)
        return small_fail(error, "find", data.text);
    *ret_inode = (uint64_t)st.st_ino;
    if (stat(own.text, &named) == 0 && named.st_ino == st.st_ino && named.st_dev == st.st_dev) {
        (void)snprintf(ret, PROTECTOR_ID_SIZE, "protector-%s", key);
        return PROTECTOR_OK;
    }
    for (int i = 0; i < SCAN_TRIES && status == PROTECTOR_NOT_FOUND; i++)
        status = st.st_nlink > 1 ? scan(volumes, st.st_ino, ret, error) : status;
    if (status == PROTECTOR_NOT_FOUND)
        return protector_fail(error, status, "the volume made as copy %s is no longer in %s", key,
                              volumes);
    return status;
}

enum protector_status record_copy(struct protector_handle *h, const struct protector_call *call,
                                  const struct record *record, struct protector_copy *ret,
                                  struct protector_error *error)
{
    uint64_t inode = 0;
    enum protector_status status;

    *ret = (struct protector_copy){.epoch = record->epoch,
                                   .purpose = record->purpose,
                                   .action = PROTECTOR_MANAGE,
                                   .size_bytes = record->size_bytes,
                                   .finished = record->state == RECORD_MADE ||
                                               record->state == RECORD_RELEASED,
                                   .released = record->state == RECORD_RELEASED ||
                                               record->state == RECORD_REPLACING};
    (void)snprintf(ret->key, sizeof ret->key, "%s", record->key);
    (void)snprintf(ret->group_id, sizeof ret->group_id, "%s", call->group->id);
    (void)snprintf(ret->subject, sizeof ret->subject, "%s", record->subject);
    (void)snprintf(ret->point_id, sizeof ret->point_id, "%s", record->point_id);
    if (!ret->finished)
        return PROTECTOR_OK;
    status = copy_name(h, call, record->key, ret->volume_name, &inode, error);
    if (status != PROTECTOR_OK)
        return status;
    (void)snprintf(ret->volume_id, sizeof ret->volume_id, "inode-%llu", (unsigned long long)inode);
    (void)snprintf(ret->ref[0].key, sizeof ret->ref[0].key, "source-name");
    (void)snprintf(ret->ref[0].value, sizeof ret->ref[0].value, "%s", ret->volume_name);
    ret->ref_count = 1;
    return PROTECTOR_OK;
}

/* ---- removing ---- */

enum protector_status record_purge(struct protector_handle *h, const struct protector_call *call,
                                   const char *key, struct protector_error *error)
{
    static const char *const files[] = {"data", "part", "sums", "seen", "record"};
    char name[PROTECTOR_ID_SIZE];
    uint64_t inode;
    enum protector_status status = copy_name(h, call, key, name, &inode, error);

    if (status == PROTECTOR_OK)
        status = file_unlink(path_of("%s/%s", h->end[call->site].volumes, name).text, error);
    else if (status == PROTECTOR_NOT_FOUND)
        status = PROTECTOR_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && status == PROTECTOR_OK; i++) {
        file_step(h, "removing %s of copy %s", files[i], key);
        status = file_unlink(copy_path(h, call, key, files[i]).text, error);
    }
    return status;
}

/* ---- verbs ---- */

static enum protector_status key_check(struct protector_handle *h,
                                       const struct protector_call *call, const char *key,
                                       struct protector_error *error)
{
    if (!key_fits(key))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%.80s' is no key: 64 hex digits are",
                              key);
    return group_check(h, call, call->site, error);
}

enum protector_status file_copy_find(struct protector_handle *h, const struct protector_call *call,
                                     const char *key, struct protector_copy *ret,
                                     struct protector_error *error)
{
    struct protector_copy copy;
    struct record record;
    enum protector_status status = key_check(h, call, key, error);

    if (status == PROTECTOR_OK)
        status = record_read(h, call, key, &record, error);
    if (status == PROTECTOR_OK)
        status = record_copy(h, call, &record, &copy, error);
    if (status == PROTECTOR_OK && !copy.finished)
        return protector_fail(error, PROTECTOR_NOT_FOUND, "copy %s is not finished", key);
    if (status == PROTECTOR_OK)
        *ret = copy;
    return status;
}

enum protector_status file_copies_list(struct protector_handle *h,
                                       const struct protector_call *call, protector_copy_row *row,
                                       void *data, struct protector_error *error)
{
    char **names = NULL;
    size_t count = 0;
    int ended = 0;
    enum protector_status status = group_check(h, call, call->site, error);

    if (status != PROTECTOR_OK)
        return status;
    status = dir_list(path_of("%s/copies", path_group(h, call, call->site).text).text, &names,
                      &count, error);
    for (size_t i = 0; i < count && status == PROTECTOR_OK && !ended; i++) {
        char key[PROTECTOR_KEY_SIZE];
        struct protector_copy copy;
        struct record record;

        (void)snprintf(key, sizeof key, "%.64s", names[i]);
        if (!key_fits(key) || strcmp(names[i] + PROTECTOR_KEY_SIZE - 1, ".record") != 0)
            continue;
        status = record_read(h, call, key, &record, error);
        if (status == PROTECTOR_OK)
            status = record_copy(h, call, &record, &copy, error);
        if (status == PROTECTOR_NOT_FOUND) /* deleted by Cinder: free its bytes */
            status = record_purge(h, call, key, error);
        else if (status == PROTECTOR_OK)
            ended = row(data, &copy) != 0;
    }
    names_free(names, count);
    return status;
}

static enum protector_status copies_lock(struct protector_handle *h,
                                         const struct protector_call *call, int *ret_fd,
                                         struct protector_error *error)
{
    struct path lock = path_of("%s/copies/lock", path_group(h, call, call->site).text);

    return lock_take(h, lock.text, file_until_ms(h, call), ret_fd, error);
}

enum protector_status file_copy_release(struct protector_handle *h,
                                        const struct protector_call *call, const char *key,
                                        struct protector_error *error)
{
    struct protector_copy copy;
    struct record record;
    int fd = -1;
    enum protector_status status = key_check(h, call, key, error);

    if (status == PROTECTOR_OK)
        status = file_copy_find(h, call, key, &copy, error);
    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    status = copies_lock(h, call, &fd, error);
    if (status == PROTECTOR_OK)
        status = record_read(h, call, key, &record, error);
    if (status == PROTECTOR_OK && record.state == RECORD_MADE) {
        record.state = RECORD_RELEASED;
        status = record_write(h, call, &record, error);
    }
    lock_drop(fd);
    return status;
}

enum protector_status file_copy_delete(struct protector_handle *h,
                                       const struct protector_call *call, const char *key,
                                       struct protector_error *error)
{
    struct record record;
    int fd = -1;
    enum protector_status status = key_check(h, call, key, error);

    if (status == PROTECTOR_OK)
        status = record_read(h, call, key, &record, error);
    if (status == PROTECTOR_NOT_FOUND)
        return PROTECTOR_OK;
    if (status == PROTECTOR_OK &&
        (record.state == RECORD_RELEASED || record.state == RECORD_REPLACING))
        return protector_fail(error, PROTECTOR_DENIED,
                              "copy %s was released: it belongs to its user", key);
    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    status = copies_lock(h, call, &fd, error);
    if (status == PROTECTOR_OK)
        status = record_purge(h, call, key, error);
    lock_drop(fd);
    return status;
}
