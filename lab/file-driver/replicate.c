/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replicate - makes a point: the array that this driver's storage is not.  See file.h.
 *
 * In order: the plan (what, of which moment), the members' bytes, the manifest.  The manifest is
 * written under the gate of the target, after a look at the fence: so once `fence` has returned, no
 * point of that source becomes complete.  A new point removes what earlier, broken ones left, and
 * complete points beyond file_points_kept (never the one just made), and those of earlier lineages,
 * which nobody can use any more.
 */
#include "file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One call of replicate_now. */
struct making {
    struct protector_handle *h;
    const struct protector_call *call;
    int source;
    int target;
    struct path folder; /* of the point */
    struct point point;
    int64_t until_ms;
};

static int point_key_fits(const char *key)
{
    size_t length = strlen(key);

    return length > 0 && length <= 64 &&
           strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static void state_of(const struct point *point, struct protector_point_state *ret)
{
    *ret = (struct protector_point_state){.time_ms = point->time_ms,
                                          .complete = point->complete,
                                          .progress_permille = point->progress_permille};
    (void)snprintf(ret->id, sizeof ret->id, "%s", point->id);
}

/* ---- may it be made? ---- */

/* EXISTS if the key has made a point of another lineage. */
static enum protector_status key_check(struct making *m, const char *key, const char *point_id,
                                       struct protector_error *error)
{
    struct path tail = path_of(".%.8s.%s", m->h->end[m->source].site, key);
    size_t length = strlen(tail.text);
    char **names = NULL;
    size_t count = 0;
    enum protector_status status =
        dir_list(path_of("%s/points", path_group(m->h, m->call, m->target).text).text, &names,
                 &count, error);

    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        size_t size = strlen(names[i]);

        if (size > length && strcmp(names[i] + size - length, tail.text) == 0 &&
            strcmp(names[i], point_id) != 0)
            status = protector_fail(error, PROTECTOR_EXISTS, "key '%s' has made point %s already",
                                    key, names[i]);
    }
    names_free(names, count);
    return status;
}

static enum protector_status making_begin(struct making *m, const char *key,
                                          struct protector_error *error)
{
    struct side side;
    enum protector_status status = side_read(m->h, m->call, m->source, &side, error);

    if (status != PROTECTOR_OK)
        return status;
    status = side_read(m->h, m->call, m->target, &side, error);
    if (status == PROTECTOR_NOT_FOUND)
        return protector_fail(error, PROTECTOR_TRANSIENT,
                              "%s has not made its part of group %s yet", m->h->end[m->target].name,
                              m->call->group->id);
    if (status != PROTECTOR_OK)
        return status;
    (void)snprintf(m->point.id, sizeof m->point.id, "e%lld.%.8s.%s",
                   (long long)m->call->group->lineage, m->h->end[m->source].site, key);
    m->folder = point_path(m->h, m->call, m->target, m->point.id);
    return key_check(m, key, m->point.id, error);
}

static enum protector_status fence_check(struct making *m, struct protector_error *error)
{
    if (!is_fenced(m->h, m->call))
        return PROTECTOR_OK;
    return protector_fail(error, PROTECTOR_DENIED,
                          "%s takes no points of group %s from %s: it is fenced",
                          m->h->end[m->target].name, m->call->group->id, m->h->end[m->source].name);
}

/* ---- plan ---- */

/* Removes points of this source that were begun and never finished. */
static enum protector_status broken_remove(struct making *m, struct protector_error *error)
{
    struct path folder = path_of("%s/points", path_group(m->h, m->call, m->target).text);
    struct path mark = path_of(".%.8s.", m->h->end[m->source].site);
    char **names = NULL;
    size_t count = 0;
    enum protector_status status = dir_list(folder.text, &names, &count, error);

    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        struct point point;
        enum protector_status found;

        if (strstr(names[i], mark.text) == NULL || strcmp(names[i], m->point.id) == 0)
            continue;
        found = point_read(m->h, m->call, m->target, names[i], &point, error);
        if (found == PROTECTOR_NOT_FOUND || (found == PROTECTOR_OK && !point.complete))
            status = dir_remove(path_of("%s/%s", folder.text, names[i]).text, NULL, error);
        point_free(&point);
    }
    names_free(names, count);
    return status;
}

/* Reads the plan of an earlier call, or writes one for this moment. */
static enum protector_status plan_ensure(struct making *m, struct protector_error *error)
{
    struct text text = {0};
    struct point *point = &m->point;
    const char *id = strrchr(m->folder.text, '/') + 1;
    enum protector_status status = point_read(m->h, m->call, m->target, id, point, error);

    if (status != PROTECTOR_NOT_FOUND)
        return status;
    (void)snprintf(point->id, sizeof point->id, "%.*s", PROTECTOR_ID_SIZE - 1, id);
    point->time_ms = m->h->host->now_ms(m->h->host->data);
    point->lineage = m->call->group->lineage;
    (void)snprintf(point->made_by, sizeof point->made_by, "%s", m->h->end[m->source].site);
    status = broken_remove(m, error);
    if (status == PROTECTOR_OK)
        status = dir_remove(m->folder.text, NULL, error); /* begun, without a plan */
    if (status == PROTECTOR_OK)
        status =
            members_read(m->h, m->call, m->source, &point->members, &point->member_count, error);
    if (status == PROTECTOR_OK)
        status = dir_make(m->folder.text, error);
    if (status == PROTECTOR_OK) {
        point_print(point, &text);
        status = small_write(m->h, path_of("%s/plan", m->folder.text).text, &text, error);
        text_free(&text);
    }
    return status;
}

/* ---- bytes ---- */

/* Sums speak for bytes that are there; without those they are begun anew. */
static enum protector_status sums_check(const char *to, const char *sums, int64_t size_bytes,
                                        struct protector_error *error)
{
    struct stat st;

    if (stat(to, &st) == 0 && st.st_size >= copy_done_bytes(sums, size_bytes))
        return PROTECTOR_OK;
    return file_unlink(sums, error);
}

static enum protector_status member_send(struct making *m, struct member *member,
                                         struct protector_error *error)
{
    struct path from = path_of("%s/%s", m->h->end[m->source].volumes, member->file);
    struct path to = path_of("%s/%s.data", m->folder.text, member->subject);
    struct path sums = path_of("%s/%s.sums", m->folder.text, member->subject);
    struct copy copy = {.from = from.text,
                        .to = to.text,
                        .sums = sums.text,
                        .size_bytes = member->size_bytes,
                        .until_ms = m->until_ms};
    enum protector_status status = sums_check(to.text, sums.text, member->size_bytes, error);

    if (status == PROTECTOR_OK)
        status = copy_run(m->h, &copy, error);
    if (status == PROTECTOR_OK)
        status = copy_digest(m->h, sums.text, member->digest, error);
    return status;
}

/* Goes through the members; a call that has sent something stops when its time is up. */
static enum protector_status members_send(struct making *m, struct protector_error *error)
{
    enum protector_status status = PROTECTOR_OK;
    int worked = 0;

    for (size_t i = 0; i < m->point.member_count && status == PROTECTOR_OK; i++) {
        struct member *member = &m->point.members[i];
        struct path sums = path_of("%s/%s.sums", m->folder.text, member->subject);
        int done = copy_done_bytes(sums.text, member->size_bytes) >= member->size_bytes;

        if (!done && worked && m->h->host->mono_ms(m->h->host->data) >= m->until_ms)
            return protector_fail(error, PROTECTOR_PENDING, "sent %zu of %zu volumes", i,
                                  m->point.member_count);
        status = member_send(m, member, error);
        worked |= !done;
    }
    return status;
}

/* ---- manifest ---- */

/* Under the gate: the moment at which the point becomes complete. */
static enum protector_status manifest_write(struct making *m, struct protector_error *error)
{
    struct text text = {0};
    enum protector_status status = fence_check(m, error);

    if (status != PROTECTOR_OK)
        return status;
    point_print(&m->point, &text);
    status = small_write(m->h, path_of("%s/manifest", m->folder.text).text, &text, error);
    text_free(&text);
    return status;
}

static enum protector_status point_complete(struct making *m, struct protector_error *error)
{
    int gate = -1;
    enum protector_status status = dir_sync(m->folder.text, error);

    if (status == PROTECTOR_OK)
        status = gate_take(m->h, m->call, &gate, error);
    if (status == PROTECTOR_OK)
        status = manifest_write(m, error);
    lock_drop(gate);
    if (status == PROTECTOR_OK) {
        m->point.complete = 1;
        m->point.progress_permille = 1000;
    }
    return status;
}

/* ---- keeping few ---- */

struct aged {
    char id[PROTECTOR_ID_SIZE];
    int64_t time_ms;
};

static int newer_first(const void *a, const void *b)
{
    const struct aged *x = a;
    const struct aged *y = b;

    return (x->time_ms < y->time_ms) - (x->time_ms > y->time_ms);
}

/* The complete points of this lineage and source, newest first; freed by free. */
static enum protector_status aged_list(struct making *m, struct aged **ret, size_t *ret_count,
                                       struct protector_error *error)
{
    struct path mark =
        path_of("e%lld.%.8s.", (long long)m->point.lineage, m->h->end[m->source].site);
    char **names = NULL;
    size_t count = 0;
    enum protector_status status =
        dir_list(path_of("%s/points", path_group(m->h, m->call, m->target).text).text, &names,
                 &count, error);
    struct aged *aged = calloc(count + 1, sizeof *aged);

    if (aged == NULL)
        abort();
    *ret_count = 0;
    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        struct point point;

        if (strncmp(names[i], mark.text, strlen(mark.text)) != 0)
            continue;
        if (point_read(m->h, m->call, m->target, names[i], &point, error) == PROTECTOR_OK &&
            point.complete) {
            struct aged *one = &aged[(*ret_count)++];

            (void)snprintf(one->id, sizeof one->id, "%s", point.id);
            one->time_ms = point.time_ms;
        }
        point_free(&point);
    }
    names_free(names, count);
    qsort(aged, *ret_count, sizeof *aged, newer_first);
    *ret = aged;
    return status;
}

/* Removes the manifest first, so that nothing half removed looks complete. */
static enum protector_status point_remove(struct making *m, const char *id,
                                          struct protector_error *error)
{
    struct path folder = point_path(m->h, m->call, m->target, id);
    enum protector_status status = file_unlink(path_of("%s/manifest", folder.text).text, error);

    if (status == PROTECTOR_OK)
        status = dir_sync(folder.text, error);
    return status == PROTECTOR_OK ? dir_remove(folder.text, NULL, error) : status;
}

/* Is a copy made of the point, that its user has not been given yet?  When in doubt: yes. */
static int point_in_use(struct making *m, const char *id)
{
    struct protector_call there = *m->call;
    struct protector_error unseen;
    char **names = NULL;
    size_t count = 0;
    int used = 0;

    there.site = m->target;
    if (dir_list(path_of("%s/copies", path_group(m->h, &there, m->target).text).text, &names,
                 &count, &unseen) != PROTECTOR_OK)
        return 1;
    for (size_t i = 0; i < count && !used; i++) {
        char key[PROTECTOR_KEY_SIZE];
        struct record record;

        (void)snprintf(key, sizeof key, "%.64s", names[i]);
        if (!key_fits(key) || strcmp(names[i] + PROTECTOR_KEY_SIZE - 1, ".record") != 0)
            continue;
        used = record_read(m->h, &there, key, &record, &unseen) != PROTECTOR_OK ||
               (record.state != RECORD_RELEASED && strcmp(record.point_id, id) == 0);
    }
    names_free(names, count);
    return used;
}

/* Points of earlier lineages, whoever made them. */
static enum protector_status lineages_prune(struct making *m, struct protector_error *error)
{
    char **names = NULL;
    size_t count = 0;
    enum protector_status status =
        dir_list(path_of("%s/points", path_group(m->h, m->call, m->target).text).text, &names,
                 &count, error);

    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        struct point point;
        struct protector_error unseen;
        int old = point_read(m->h, m->call, m->target, names[i], &point, &unseen) == PROTECTOR_OK &&
                  !point.damaged && point.lineage >= 0 && point.lineage < m->point.lineage;

        point_free(&point);
        if (old && !point_in_use(m, names[i]))
            status = point_remove(m, names[i], error);
    }
    names_free(names, count);
    return status;
}

static enum protector_status points_prune(struct making *m, struct protector_error *error)
{
    const char *option = m->h->host->option(m->h->host->data, "file_points_kept");
    int64_t kept = option == NULL ? 3 : strtoll(option, NULL, 10);
    struct aged *aged = NULL;
    size_t count = 0;
    enum protector_status status = aged_list(m, &aged, &count, error);

    for (size_t i = kept < 1 ? 1 : (size_t)kept; i < count && status == PROTECTOR_OK; i++) {
        if (strcmp(aged[i].id, m->point.id) !=
            0) /* the clock may have gone back since the others */
            status = point_remove(m, aged[i].id, error);
    }
    free(aged);
    return status == PROTECTOR_OK ? lineages_prune(m, error) : status;
}

/* ---- the verb ---- */

/* Under the lock of the group's points. */
static enum protector_status point_make(struct making *m, struct protector_error *error)
{
    enum protector_status status = plan_ensure(m, error);

    if (status != PROTECTOR_OK || m->point.complete)
        return status;
    status = members_send(m, error);
    if (status == PROTECTOR_OK)
        status = point_complete(m, error);
    if (status == PROTECTOR_OK)
        status = points_prune(m, error);
    return status;
}

/* Is every member's volume there? */
static enum protector_status members_check(struct making *m, struct protector_error *error)
{
    struct member *members = NULL;
    size_t count = 0;
    enum protector_status status = members_read(m->h, m->call, m->source, &members, &count, error);

    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        struct protector_volume volume = {.cinder_id = members[i].file + strlen("volume-")};
        struct protector_call call = *m->call;
        struct path path;
        int64_t size;
        uint64_t inode;

        call.site = m->source;
        status = volume_file(m->h, &call, &volume, &path, &size, &inode, error);
    }
    free(members);
    return status;
}

static enum protector_status making_run(struct making *m, struct protector_error *error)
{
    struct path lock = path_of("%s/lock-points", path_group(m->h, m->call, m->target).text);
    int fd = -1;
    enum protector_status status = fence_check(m, error);

    if (status == PROTECTOR_OK)
        status = members_check(m, error);
    if (status != PROTECTOR_OK || m->call->phase == PROTECTOR_CHECK)
        return status;
    status = lock_work(m->h, lock.text, &fd, error);
    if (status == PROTECTOR_OK)
        status = point_make(m, error);
    lock_drop(fd);
    return status;
}

enum protector_status file_replicate_now(struct protector_handle *h,
                                         const struct protector_call *call, const char *key,
                                         struct protector_point_state *ret,
                                         struct protector_error *error)
{
    struct making m = {.h = h,
                       .call = call,
                       .source = call->group->source,
                       .target = protector_target(call->group),
                       .until_ms = file_until_ms(h, call)};
    enum protector_status status;

    if (!point_key_fits(key))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%.80s' is no key for a point", key);
    status = making_begin(&m, key, error);
    if (status != PROTECTOR_OK)
        return status;
    status = file_point_status(h, call, m.point.id, ret, error);
    if (status == PROTECTOR_OK && ret->complete)
        return status;
    status = making_run(&m, error);
    if (status == PROTECTOR_PENDING) {
        struct protector_error unseen; /* another has only just begun it */

        if (file_point_status(h, call, m.point.id, ret, &unseen) != PROTECTOR_OK)
            state_of(&m.point, ret);
    } else if (status == PROTECTOR_OK && call->phase == PROTECTOR_DO)
        state_of(&m.point, ret);
    point_free(&m.point);
    return status;
}
