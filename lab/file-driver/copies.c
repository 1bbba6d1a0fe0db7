/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copies - makes copies out of points: recover, clone, overwrite; and reads them again: verify. See
 * file.h; records.c finds them again.
 *
 * In order: the record (making), the bytes in <key>.part, its renaming to <key>.data, the link in
 * V, the record (made).  Each can be the last before a crash; the same call goes on from there. The
 * bytes of the point are checked against their digests while they are read.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy in the making. */
struct job {
    struct protector_handle *h;
    const struct protector_call *call;
    struct record record;
    struct path from;
    struct path expect; /* "" : 'from' is a volume, not a point's file */
    int64_t until_ms;
};

/* ---- what to copy ---- */

/* The member of a sound, complete point; fills from, expect and size of the job. */
static enum protector_status job_member(struct job *job, const struct point *point,
                                        struct protector_error *error)
{
    struct path folder = point_path(job->h, job->call, job->call->site, point->id);
    const struct member *member = NULL;
    char digest[PROTECTOR_KEY_SIZE];
    enum protector_status status;

    for (size_t i = 0; i < point->member_count && member == NULL; i++)
        if (strcmp(point->members[i].subject, job->record.subject) == 0)
            member = &point->members[i];
    if (member == NULL)
        return protector_fail(error, PROTECTOR_NOT_FOUND, "volume %s is not in point '%s'",
                              job->record.subject, point->id);
    job->from = path_of("%s/%s.data", folder.text, member->subject);
    job->expect = path_of("%s/%s.sums", folder.text, member->subject);
    job->record.size_bytes = member->size_bytes;
    status = copy_digest(job->h, job->expect.text, digest, error);
    if (status == PROTECTOR_OK && strcmp(digest, member->digest) == 0)
        return access(job->from.text, R_OK) == 0 ? PROTECTOR_OK
                                                 : small_fail(error, "read", job->from.text);
    if (status == PROTECTOR_OK || status == PROTECTOR_NOT_FOUND)
        return protector_fail(error, PROTECTOR_PERMANENT,
                              "point '%s' is damaged: the digests of volume %s do not fit its "
                              "manifest",
                              point->id, member->subject);
    return status;
}

static enum protector_status job_point(struct job *job, const char *point_id,
                                       struct protector_error *error)
{
    struct point point;
    enum protector_status status =
        point_read(job->h, job->call, job->call->site, point_id, &point, error);

    if (status == PROTECTOR_OK && point.damaged)
        status = protector_fail(error, PROTECTOR_PERMANENT,
                                "point '%s' is damaged: its manifest cannot be believed", point_id);
    else if (status == PROTECTOR_OK && !point.complete)
        status = protector_fail(error, PROTECTOR_TRANSIENT, "point '%s' is not complete", point_id);
    if (status == PROTECTOR_OK)
        status = job_member(job, &point, error);
    point_free(&point);
    return status;
}

static enum protector_status job_init(struct job *job, struct protector_handle *h,
                                      const struct protector_call *call, const char *key,
                                      const char *subject, const char *point_id,
                                      enum protector_purpose purpose, struct protector_error *error)
{
    *job = (struct job){.h = h, .call = call, .until_ms = file_until_ms(h, call)};
    if (!key_fits(key))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%.80s' is no key: 64 hex digits are",
                              key);
    if (!name_fits(subject) || (point_id[0] != '\0' && !name_fits(point_id)))
        return protector_fail(error, PROTECTOR_NOT_FOUND, "there is no volume '%.64s' in '%.64s'",
                              subject, point_id);
    (void)snprintf(job->record.key, sizeof job->record.key, "%s", key);
    (void)snprintf(job->record.subject, sizeof job->record.subject, "%s", subject);
    (void)snprintf(job->record.point_id, sizeof job->record.point_id, "%s", point_id);
    job->record.epoch = call->group->epoch;
    job->record.purpose = purpose;
    return group_check(h, call, call->site, error);
}

/* ---- what is there already ---- */

/*
 * The record of an earlier call: OK and made or released, OK and making, NOT_FOUND, or EXISTS if
 * the key is that of another copy.  One whose volume Cinder has deleted since is removed
 * (NOT_FOUND).
 */
static enum protector_status job_before(struct job *job, struct record *ret,
                                        struct protector_error *error)
{
    char name[PROTECTOR_ID_SIZE];
    uint64_t inode;
    enum protector_status status = record_read(job->h, job->call, job->record.key, ret, error);

    if (status != PROTECTOR_OK)
        return status;
    if (strcmp(ret->point_id, job->record.point_id) != 0 ||
        strcmp(ret->subject, job->record.subject) != 0 || ret->purpose != job->record.purpose)
        return protector_fail(error, PROTECTOR_EXISTS,
                              "key %s is that of a copy of volume %s of point '%s'", ret->key,
                              ret->subject, ret->point_id);
    if (ret->state == RECORD_MAKING || ret->state == RECORD_REPLACING)
        return PROTECTOR_OK;
    status = copy_name(job->h, job->call, ret->key, name, &inode, error);
    if (status == PROTECTOR_NOT_FOUND && job->call->phase == PROTECTOR_DO)
        (void)record_purge(job->h, job->call, ret->key, error);
    return status;
}

/* Is the copy's name in V free, or the copy's own?  And could a link be made there? */
static enum protector_status name_check(struct job *job, struct protector_error *error)
{
    const struct end *end = &job->h->end[job->call->site];
    struct path own = path_of("%s/protector-%s", end->volumes, job->record.key);
    struct path data = copy_path(job->h, job->call, job->record.key, "data");
    struct stat st;
    struct stat mine;
    struct stat side;

    if (stat(end->volumes, &st) != 0 || stat(end->side, &side) != 0)
        return small_fail(error, "look at", end->volumes);
    if (st.st_dev != side.st_dev)
        return protector_fail(error, PROTECTOR_PERMANENT, "%s and %s are not on one file system",
                              end->volumes, end->side);
    if (stat(own.text, &st) != 0)
        return errno == ENOENT ? PROTECTOR_OK : small_fail(error, "look at", own.text);
    if (stat(data.text, &mine) == 0 && mine.st_ino == st.st_ino)
        return PROTECTOR_OK;
    return protector_fail(error, PROTECTOR_EXISTS, "%s is there and is not ours", own.text);
}

/* ---- making ---- */

/* The file as its neighbours in V are: readable by their owner. */
static void own_as(const char *path, const char *folder)
{
    struct stat st;

    if (chmod(path, 0660) != 0 || stat(folder, &st) != 0)
        return;
    if (chown(path, st.st_uid, st.st_gid) != 0)
        return; /* only root can give a file away; the lab's Cinder runs as who made the folder */
}

/* Has an earlier call got all bytes of the copy? */
static int has_bytes(struct job *job)
{
    return access(copy_path(job->h, job->call, job->record.key, "data").text, F_OK) == 0;
}

static enum protector_status job_bytes(struct job *job, struct protector_error *error)
{
    const char *key = job->record.key;
    struct path data = copy_path(job->h, job->call, key, "data");
    struct path part = copy_path(job->h, job->call, key, "part");
    struct path sums = copy_path(job->h, job->call, key, "sums");
    struct copy copy = {.from = job->from.text,
                        .to = part.text,
                        .sums = sums.text,
                        .expect = job->expect.text[0] == '\0' ? NULL : job->expect.text,
                        .size_bytes = job->record.size_bytes,
                        .until_ms = job->until_ms};
    enum protector_status status;

    if (has_bytes(job))
        return PROTECTOR_OK;
    if (access(part.text, F_OK) != 0) { /* sums without a part speak for nothing */
        status = file_unlink(sums.text, error);
        if (status != PROTECTOR_OK)
            return status;
    }
    status = copy_run(job->h, &copy, error);
    if (status != PROTECTOR_OK)
        return status;
    own_as(part.text, job->h->end[job->call->site].volumes);
    if (rename(part.text, data.text) != 0)
        return small_fail(error, "rename to", data.text);
    file_step(job->h, "copy %s has its bytes", key);
    return PROTECTOR_OK;
}

static enum protector_status job_link(struct job *job, struct protector_error *error)
{
    const struct end *end = &job->h->end[job->call->site];
    struct path own = path_of("%s/protector-%s", end->volumes, job->record.key);
    struct path data = copy_path(job->h, job->call, job->record.key, "data");
    enum protector_status status;

    if (link(data.text, own.text) != 0) {
        if (errno != EEXIST)
            return small_fail(error, "link to", own.text);
        status = name_check(job, error);
        if (status != PROTECTOR_OK)
            return status;
    }
    status = dir_sync(end->volumes, error);
    file_step(job->h, "copy %s has its name", job->record.key);
    return status;
}

/* All of it, under the lock of the group's copies. */
static enum protector_status job_make(struct job *job, struct protector_error *error)
{
    enum protector_status status = PROTECTOR_OK;

    job->record.state = RECORD_MAKING;
    status = record_write(job->h, job->call, &job->record, error);
    if (status == PROTECTOR_OK)
        status = name_check(job, error);
    if (status == PROTECTOR_OK)
        status = job_bytes(job, error);
    if (status == PROTECTOR_OK)
        status = job_link(job, error);
    if (status != PROTECTOR_OK)
        return status;
    job->record.state = RECORD_MADE; /* its sums stay, for verify: they are the point's own */
    return record_write(job->h, job->call, &job->record, error);
}

static enum protector_status job_locked(struct job *job,
                                        enum protector_status (*body)(struct job *job,
                                                                      struct protector_error *),
                                        struct protector_error *error)
{
    struct path folder = path_of("%s/copies", path_group(job->h, job->call, job->call->site).text);
    int fd = -1;
    enum protector_status status = dir_make(folder.text, error);

    if (status == PROTECTOR_OK)
        status = lock_work(job->h, path_of("%s/lock", folder.text).text, &fd, error);
    if (status == PROTECTOR_OK)
        status = body(job, error);
    lock_drop(fd);
    return status;
}

/* ---- recover and clone ---- */

static enum protector_status copy_verb(struct protector_handle *h,
                                       const struct protector_call *call,
                                       const struct protector_recover *what,
                                       enum protector_purpose purpose, struct protector_copy *ret,
                                       struct protector_error *error)
{
    struct job job;
    struct record before;
    enum protector_status status =
        job_init(&job, h, call, what->key, what->volume->subject, what->point_id, purpose, error);

    if (status != PROTECTOR_OK)
        return status;
    status = job_before(&job, &before, error);
    if (status != PROTECTOR_OK && status != PROTECTOR_NOT_FOUND)
        return status;
    if (status == PROTECTOR_OK && before.state == RECORD_REPLACING)
        return protector_fail(error, PROTECTOR_EXISTS, "key %s overwrites a volume", what->key);
    if (status == PROTECTOR_OK && before.state != RECORD_MAKING)
        return record_copy(h, call, &before, ret, error);
    if (status == PROTECTOR_OK && has_bytes(&job)) { /* the point may be gone by now */
        job.record.size_bytes = before.size_bytes;
        job.record.epoch = before.epoch;
    } else {
        status = job_point(&job, what->point_id, error);
    }
    if (status == PROTECTOR_OK)
        status = name_check(&job, error);
    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    status = job_locked(&job, job_make, error);
    return status == PROTECTOR_OK ? record_copy(h, call, &job.record, ret, error) : status;
}

enum protector_status file_recover(struct protector_handle *h, const struct protector_call *call,
                                   const struct protector_recover *what, struct protector_copy *ret,
                                   struct protector_error *error)
{
    return copy_verb(h, call, what, PROTECTOR_FOR_RECOVERY, ret, error);
}

enum protector_status file_clone(struct protector_handle *h, const struct protector_call *call,
                                 const struct protector_recover *what, struct protector_copy *ret,
                                 struct protector_error *error)
{
    return copy_verb(h, call, what, PROTECTOR_FOR_DRILL, ret, error);
}

/* ---- overwrite ---- */

/* The safety copy of the existing volume: made, or there already. */
static enum protector_status safety_make(struct protector_handle *h,
                                         const struct protector_call *call,
                                         const struct protector_recover *what,
                                         const struct path *existing, int64_t size, const char *key,
                                         struct protector_copy *ret, struct protector_error *error)
{
    struct job job;
    struct record before;
    enum protector_status status =
        job_init(&job, h, call, key, what->volume->subject, "", PROTECTOR_FOR_SAFETY, error);

    if (status == PROTECTOR_OK)
        status = job_before(&job, &before, error);
    if (status == PROTECTOR_OK && before.state != RECORD_MAKING)
        return record_copy(h, call, &before, ret, error);
    if (status != PROTECTOR_OK && status != PROTECTOR_NOT_FOUND)
        return status;
    job.from = *existing;
    job.record.size_bytes = size;
    if (call->phase == PROTECTOR_CHECK)
        return name_check(&job, error);
    status = job_locked(&job, job_make, error);
    return status == PROTECTOR_OK ? record_copy(h, call, &job.record, ret, error) : status;
}

/*
 * Replaces the contents.  <key>.data becomes a link to the existing volume and the record is
 * released from the beginning of its being made: this copy is the user's own volume, nobody deletes
 * it.
 */
static enum protector_status replace(struct job *job, struct protector_error *error)
{
    struct path data = copy_path(job->h, job->call, job->record.key, "data");
    struct path sums = copy_path(job->h, job->call, job->record.key, "sums");
    struct copy copy = {.from = job->from.text,
                        .to = data.text,
                        .sums = sums.text,
                        .expect = job->expect.text,
                        .size_bytes = job->record.size_bytes,
                        .in_place = 1,
                        .until_ms = job->until_ms};
    enum protector_status status;

    status = copy_run(job->h, &copy, error);
    if (status != PROTECTOR_OK)
        return status;
    if (truncate(data.text, job->record.size_bytes) != 0)
        return small_fail(error, "size", data.text);
    job->record.state = RECORD_RELEASED;
    status = record_write(job->h, job->call, &job->record, error);
    return status == PROTECTOR_OK ? file_unlink(sums.text, error) : status;
}

/* Links the existing volume as <key>.data, so that a repeated call meets the very same file. */
static enum protector_status replace_begin(struct job *job, const struct path *existing,
                                           uint64_t inode, struct protector_error *error)
{
    struct path data = copy_path(job->h, job->call, job->record.key, "data");
    enum protector_status status;
    struct stat st;

    job->record.state = RECORD_REPLACING;
    status = record_write(job->h, job->call, &job->record, error);
    if (status != PROTECTOR_OK)
        return status;
    if (link(existing->text, data.text) != 0 && errno != EEXIST)
        return small_fail(error, "link", existing->text);
    if (stat(data.text, &st) != 0)
        return small_fail(error, "look at", data.text);
    if ((uint64_t)st.st_ino != inode)
        return protector_fail(error, PROTECTOR_EXISTS, "key %s is that of another volume",
                              job->record.key);
    return PROTECTOR_OK;
}

/* Has an overwrite with this key been done?  EXISTS if the key is that of a copy. */
static enum protector_status replace_before(struct job *job, int *ret_done,
                                            struct protector_error *error)
{
    struct record before;
    enum protector_status status = job_before(job, &before, error);

    *ret_done = 0;
    if (status == PROTECTOR_NOT_FOUND)
        return PROTECTOR_OK;
    if (status != PROTECTOR_OK)
        return status;
    if (before.state == RECORD_MAKING || before.state == RECORD_MADE)
        return protector_fail(error, PROTECTOR_EXISTS, "key %s is that of a copy", before.key);
    *ret_done = before.state == RECORD_RELEASED;
    return PROTECTOR_OK;
}

static enum protector_status overwrite_run(struct job *job, const struct protector_recover *what,
                                           const struct protector_volume *existing,
                                           const char *safety_key,
                                           struct protector_copy *ret_safety,
                                           struct protector_error *error)
{
    struct path path;
    int64_t size = 0;
    uint64_t inode = 0;
    enum protector_status status =
        volume_file(job->h, job->call, existing, &path, &size, &inode, error);

    if (status == PROTECTOR_OK)
        status = job_point(job, what->point_id, error);
    if (status == PROTECTOR_OK && size != job->record.size_bytes)
        status = protector_fail(error, PROTECTOR_PERMANENT,
                                "%s has %lld bytes, the volume in the point %lld", path.text,
                                (long long)size, (long long)job->record.size_bytes);
    if (status == PROTECTOR_OK)
        status = safety_make(job->h, job->call, what, &path, size, safety_key, ret_safety, error);
    if (status != PROTECTOR_OK || job->call->phase == PROTECTOR_CHECK)
        return status;
    status = replace_begin(job, &path, inode, error);
    return status == PROTECTOR_OK ? job_locked(job, replace, error) : status;
}

enum protector_status file_overwrite(struct protector_handle *h, const struct protector_call *call,
                                     const struct protector_recover *what,
                                     const struct protector_volume *existing,
                                     const char *safety_key, struct protector_copy *ret_safety,
                                     struct protector_error *error)
{
    struct job job;
    int done = 0;
    enum protector_status status = job_init(&job, h, call, what->key, what->volume->subject,
                                            what->point_id, PROTECTOR_FOR_RECOVERY, error);

    if (status == PROTECTOR_OK)
        status = replace_before(&job, &done, error);
    if (status != PROTECTOR_OK)
        return status;
    if (!done)
        return overwrite_run(&job, what, existing, safety_key, ret_safety, error);
    *ret_safety =
        (struct protector_copy){0}; /* done before: never again, the volume may be in use */
    status = file_copy_find(h, call, safety_key, ret_safety, error);
    return status == PROTECTOR_NOT_FOUND ? PROTECTOR_OK : status;
}

/* ---- verify ---- */

/* The copy's own bytes, read anew: their digest, when all of them have been read. */
static enum protector_status read_again(struct job *job, struct protector_digests *ret,
                                        struct protector_error *error)
{
    struct path data = copy_path(job->h, job->call, job->record.key, "data");
    struct path seen = copy_path(job->h, job->call, job->record.key, "seen");
    struct copy copy = {.from = data.text,
                        .sums = seen.text,
                        .size_bytes = job->record.size_bytes,
                        .until_ms = job->until_ms};
    struct stat st;
    enum protector_status status;

    if (stat(data.text, &st) != 0)
        return small_fail(error, "look at", data.text);
    if (st.st_size != job->record.size_bytes)
        return protector_fail(error, PROTECTOR_PERMANENT, "%s has %lld bytes, not %lld", data.text,
                              (long long)st.st_size, (long long)job->record.size_bytes);
    status = copy_run(job->h, &copy, error);
    if (status == PROTECTOR_OK)
        status = copy_digest(job->h, seen.text, ret->copy, error);
    return status == PROTECTOR_OK ? file_unlink(seen.text, error) : status;
}

enum protector_status file_verify(struct protector_handle *h, const struct protector_call *call,
                                  const struct protector_recover *what,
                                  struct protector_digests *ret, struct protector_error *error)
{
    struct job job;
    struct record record;
    struct protector_digests digests;
    int fd = -1;
    enum protector_status status = job_init(&job, h, call, what->key, what->volume->subject,
                                            what->point_id, PROTECTOR_FOR_RECOVERY, error);

    if (status == PROTECTOR_OK)
        status = record_read(h, call, what->key, &record, error);
    if (status == PROTECTOR_OK)
        job.record.purpose = record.purpose; /* a drill's copy as well */
    if (status == PROTECTOR_OK)
        status = job_before(&job, &record, error);
    if (status == PROTECTOR_OK && record.state != RECORD_MADE)
        status = protector_fail(error, PROTECTOR_NOT_FOUND, "copy %s is not finished, or in use",
                                what->key);
    if (status == PROTECTOR_OK) { /* each was held against the point's when the copy was made */
        job.record.size_bytes = record.size_bytes;
        status = copy_digest(h, copy_path(h, call, what->key, "sums").text, digests.point, error);
    }
    if (status == PROTECTOR_OK)
        status = lock_work(h, path_of("%s/copies/lock", path_group(h, call, call->site).text).text,
                           &fd, error);
    if (status == PROTECTOR_OK)
        status = read_again(&job, &digests, error);
    lock_drop(fd);
    if (status == PROTECTOR_OK)
        *ret = digests;
    return status;
}
