/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups - the mock's groups, members, fences, direction, health and tags: rows, and nothing else.
 *
 * Every verb runs in one transaction, which a check rolls back (store_end).
 */
#include "drivers/mock/verbs.h"

#include <string.h>

#define URL(h, call)    ((h)->url[(call)->site])
#define SOURCE(h, call) ((h)->url[(call)->group->source])
#define TARGET(h, call) ((h)->url[protector_target((call)->group)])

enum protector_status mock_side_check(struct protector_handle *h, const struct protector_call *call,
                                      int site, struct protector_error *error)
{
    int64_t there = 0;
    enum protector_status status =
        store_int(h, &there, error, "SELECT 1 FROM sides WHERE array=? AND grp=?", "ss",
                  h->url[site], call->group->id);

    if (status == PROTECTOR_OK && there == 0)
        return protector_fail(error, PROTECTOR_NOT_FOUND,
                              "group %s is not known at the array of %s (%s)", call->group->id,
                              h->name[site], h->url[site]);
    return status;
}

enum protector_status mock_fenced_since(struct protector_handle *h,
                                        const struct protector_call *call, int64_t *ret_ms,
                                        struct protector_error *error)
{
    *ret_ms = -1;
    return store_int(h, ret_ms, error,
                     "SELECT since_ms FROM fences WHERE array=? AND grp=? AND source=?", "sss",
                     TARGET(h, call), call->group->id, h->site[call->group->source]);
}

/* ---- volumes ---- */

enum protector_status mock_volume_find(struct protector_handle *h,
                                       const struct protector_call *call,
                                       const struct protector_volume *volume,
                                       struct protector_volume_place *ret,
                                       struct protector_error *error)
{
    const char *id = volume->name_id != NULL ? volume->name_id : volume->cinder_id;

    (void)h;
    (void)call;
    if (id == NULL || strlen(id) > 64)
        return protector_fail(error, PROTECTOR_NOT_FOUND, "a volume without an id has no place");
    *ret = (struct protector_volume_place){.size_bytes = volume->size_bytes};
    (void)snprintf(ret->id, sizeof ret->id, "mock:%s", id);
    (void)snprintf(ret->name, sizeof ret->name, "volume-%s", id);
    return PROTECTOR_OK;
}

static int subject_fits(const char *subject)
{
    size_t length = subject == NULL ? 0 : strlen(subject);
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";

    return length > 0 && length <= 128 && subject[0] != '.' && strspn(subject, allowed) == length;
}

enum protector_status mock_volume_add(struct protector_handle *h, const struct protector_call *call,
                                      const struct protector_volume *volume,
                                      struct protector_error *error)
{
    enum protector_status status;

    if (!subject_fits(volume->subject))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%s' is no subject for a volume",
                              volume->subject == NULL ? "" : volume->subject);
    status = store_begin(h, call, error);
    if (status != PROTECTOR_OK)
        return status;
    status = mock_side_check(h, call, call->site, error);
    if (status == PROTECTOR_OK)
        status =
            store_run(h, error,
                      "INSERT OR REPLACE INTO members(array, grp, subject, cinder_id,"
                      " size_bytes, image_id) VALUES(?, ?, ?, ?, ?, ?)",
                      "ssssis", URL(h, call), call->group->id, volume->subject, volume->cinder_id,
                      volume->size_bytes, volume->bootable ? volume->image_id : NULL);
    return store_end(h, call, status, error);
}

enum protector_status mock_volume_remove(struct protector_handle *h,
                                         const struct protector_call *call, const char *subject,
                                         struct protector_error *error)
{
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    status = store_run(h, error, "DELETE FROM members WHERE array=? AND grp=? AND subject=?", "sss",
                       URL(h, call), call->group->id, subject);
    return store_end(h, call, status, error);
}

/* ---- the group at one end ---- */

/* Makes or renews the row of one end; since_ms and replicating stay if it was there. */
static enum protector_status side_put(struct protector_handle *h, const struct protector_call *call,
                                      int site, struct protector_error *error)
{
    const struct protector_group *group = call->group;

    return store_run(h, error,
                     "INSERT INTO sides(array, grp, array_name, source, lineage, since_ms,"
                     " replicating) VALUES(?, ?, ?, ?, ?, ?, 0) ON CONFLICT(array, grp) DO UPDATE"
                     " SET array_name=excluded.array_name, source=excluded.source,"
                     " lineage=excluded.lineage",
                     "ssssii", h->url[site], group->id, group->array_name, h->site[group->source],
                     group->lineage, h->host->now_ms(h->host->data));
}

enum protector_status mock_group_ensure(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error)
{
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    status = side_put(h, call, call->site, error);
    return store_end(h, call, status, error);
}

enum protector_status mock_group_delete(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error)
{
    static const char *const statements[] = {
        "DELETE FROM sides WHERE array=? AND grp=?",
        "DELETE FROM members WHERE array=? AND grp=?",
        "DELETE FROM points WHERE array=? AND grp=?",
        "DELETE FROM point_volumes WHERE array=? AND grp=?",
        "DELETE FROM fences WHERE array=? AND grp=?",
        "DELETE FROM tags WHERE array=? AND grp=?",
        "UPDATE copies SET released=1 WHERE array=? AND grp=?",
    };
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    for (size_t i = 0; i < sizeof statements / sizeof *statements && status == PROTECTOR_OK; i++)
        status = store_run(h, error, statements[i], "ss", URL(h, call), call->group->id);
    return store_end(h, call, status, error);
}

/* ---- direction ---- */

static enum protector_status replicating_set(struct protector_handle *h,
                                             const struct protector_call *call, int site, int on,
                                             struct protector_error *error)
{
    return store_run(h, error,
                     "UPDATE sides SET replicating=?, lineage=? WHERE array=? AND grp=? AND"
                     " source=?",
                     "iisss", (int64_t)on, call->group->lineage, h->url[site], call->group->id,
                     h->site[call->group->source]);
}

static enum protector_status replication_turn(struct protector_handle *h,
                                              const struct protector_call *call, int on,
                                              struct protector_error *error)
{
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    status = mock_side_check(h, call, call->group->source, error);
    if (status == PROTECTOR_OK)
        status = replicating_set(h, call, call->group->source, on, error);
    else if (status == PROTECTOR_NOT_FOUND && !on)
        status = PROTECTOR_OK;
    return store_end(h, call, status, error);
}

enum protector_status mock_replication_start(struct protector_handle *h,
                                             const struct protector_call *call,
                                             struct protector_error *error)
{
    return replication_turn(h, call, 1, error);
}

enum protector_status mock_replication_stop(struct protector_handle *h,
                                            const struct protector_call *call,
                                            struct protector_error *error)
{
    return replication_turn(h, call, 0, error);
}

enum protector_status mock_fence(struct protector_handle *h, const struct protector_call *call,
                                 struct protector_error *error)
{
    int64_t now_ms = h->host->now_ms(h->host->data);
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    status =
        store_run(h, error,
                  "INSERT OR IGNORE INTO fences(array, grp, source, since_ms)"
                  " VALUES(?, ?, ?, ?)",
                  "sssi", TARGET(h, call), call->group->id, h->site[call->group->source], now_ms);
    if (status == PROTECTOR_OK) /* what is in flight never arrives */
        status = store_run(h, error,
                           "UPDATE points SET completes_ms=? WHERE array=? AND grp=? AND made_by=?"
                           " AND completes_ms>?",
                           "isssi", INT64_MAX, TARGET(h, call), call->group->id,
                           h->site[call->group->source], now_ms);
    return store_end(h, call, status, error);
}

static enum protector_status fence_lift(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error)
{
    return store_run(h, error, "DELETE FROM fences WHERE array=? AND grp=? AND source=?", "sss",
                     TARGET(h, call), call->group->id, h->site[call->group->source]);
}

enum protector_status mock_unfence(struct protector_handle *h, const struct protector_call *call,
                                   struct protector_error *error)
{
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    status = fence_lift(h, call, error);
    return store_end(h, call, status, error);
}

enum protector_status mock_reverse(struct protector_handle *h, const struct protector_call *call,
                                   struct protector_error *error)
{
    int source = call->group->source;
    int target = protector_target(call->group);
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    status = mock_side_check(h, call, source, error);
    if (status == PROTECTOR_OK)
        status = side_put(h, call, target, error);
    if (status == PROTECTOR_OK)
        status = replicating_set(h, call, target, 0, error);
    if (status == PROTECTOR_OK)
        status = fence_lift(h, call, error);
    if (status == PROTECTOR_OK)
        status = side_put(h, call, source, error);
    if (status == PROTECTOR_OK)
        status = replicating_set(h, call, source, 1, error);
    return store_end(h, call, status, error);
}

/* ---- watching ---- */

static enum protector_status health_read(struct protector_handle *h,
                                         const struct protector_call *call,
                                         struct protector_health *ret,
                                         struct protector_error *error)
{
    int64_t fenced_ms = -1;
    int64_t replicating = 0;
    int64_t members = -1;
    enum protector_status status = mock_fenced_since(h, call, &fenced_ms, error);

    if (status == PROTECTOR_OK)
        status = store_int(h, &replicating, error,
                           "SELECT max(replicating) FROM sides WHERE array IN(?, ?) AND grp=?"
                           " AND source=?",
                           "ssss", SOURCE(h, call), TARGET(h, call), call->group->id,
                           h->site[call->group->source]);
    if (status == PROTECTOR_OK)
        status =
            store_int(h, &members, error, "SELECT count(*) FROM members WHERE array=? AND grp=?",
                      "ss", SOURCE(h, call), call->group->id);
    if (status == PROTECTOR_OK)
        status = mock_newest_ms(h, call, &ret->last_point_ms, error);
    ret->fenced = fenced_ms >= 0;
    ret->replicating = (int)replicating;
    ret->volume_count = (int)members;
    return status;
}

enum protector_status mock_health(struct protector_handle *h, const struct protector_call *call,
                                  struct protector_health *ret, struct protector_error *error)
{
    struct protector_health health = {.link = PROTECTOR_LINK_UP};
    int64_t now_ms = h->host->now_ms(h->host->data);
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    status = health_read(h, call, &health, error);
    health.lag_ms = health.last_point_ms == 0 ? -1 : now_ms - health.last_point_ms;
    (void)snprintf(health.detail, sizeof health.detail,
                   "the mock driver replicates no data: never for production");
    status = store_end(h, call, status, error);
    if (status == PROTECTOR_OK)
        *ret = health;
    return status;
}

/* ---- tags ---- */

#define TAGS_SELECT                                                                                \
    "SELECT writer, incarnation, minted, floor, epoch, active_site, grp FROM tags WHERE array=?"
#define TAG_SELECT TAGS_SELECT " AND grp=?"

static struct protector_tag tag_read(sqlite3_stmt *stmt)
{
    struct protector_tag tag = {.minted = sqlite3_column_int64(stmt, 2),
                                .floor = sqlite3_column_int64(stmt, 3),
                                .epoch = sqlite3_column_int64(stmt, 4)};

    (void)snprintf(tag.writer, sizeof tag.writer, "%s", store_text(stmt, 0));
    (void)snprintf(tag.incarnation, sizeof tag.incarnation, "%s", store_text(stmt, 1));
    (void)snprintf(tag.active_site, sizeof tag.active_site, "%s", store_text(stmt, 5));
    return tag;
}

enum protector_status mock_tag_get(struct protector_handle *h, const struct protector_call *call,
                                   protector_tag_row *row, void *data,
                                   struct protector_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum protector_status status = store_prepare(h, &stmt, error, TAG_SELECT " ORDER BY writer",
                                                 "ss", URL(h, call), call->group->id);

    while (status == PROTECTOR_OK && store_step(h, stmt, &status, error) == 1) {
        struct protector_tag tag = tag_read(stmt);

        if (row(data, &tag) != 0)
            break;
    }
    (void)sqlite3_finalize(stmt);
    return status;
}

enum protector_status mock_tag_list(struct protector_handle *h, const struct protector_call *call,
                                    protector_tag_of_row *row, void *data,
                                    struct protector_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum protector_status status =
        store_prepare(h, &stmt, error, TAGS_SELECT " ORDER BY grp, writer", "s", URL(h, call));

    while (status == PROTECTOR_OK && store_step(h, stmt, &status, error) == 1) {
        struct protector_tag tag = tag_read(stmt);

        if (row(data, store_text(stmt, 6), &tag) != 0)
            break;
    }
    (void)sqlite3_finalize(stmt);
    return status;
}

static enum protector_status tag_store(struct protector_handle *h,
                                       const struct protector_call *call,
                                       const struct protector_tag *tag,
                                       struct protector_error *error)
{
    struct protector_tag merged = *tag;
    sqlite3_stmt *stmt = NULL;
    enum protector_status status = store_prepare(h, &stmt, error, TAG_SELECT " AND writer=?", "sss",
                                                 URL(h, call), call->group->id, tag->writer);

    if (status == PROTECTOR_OK && store_step(h, stmt, &status, error) == 1) {
        struct protector_tag before = tag_read(stmt);

        merged = protector_tag_merge(&before, tag);
    }
    (void)sqlite3_finalize(stmt);
    if (status != PROTECTOR_OK)
        return status;
    return store_run(h, error, "INSERT OR REPLACE INTO tags VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                     "ssssiiis", URL(h, call), call->group->id, merged.writer, merged.incarnation,
                     merged.minted, merged.floor, merged.epoch, merged.active_site);
}

enum protector_status mock_tag_set(struct protector_handle *h, const struct protector_call *call,
                                   const struct protector_tag *tag, struct protector_error *error)
{
    enum protector_status status;

    if (tag->writer[0] == '\0')
        return protector_fail(error, PROTECTOR_PERMANENT, "a tag needs a writer");
    status = store_begin(h, call, error);
    if (status != PROTECTOR_OK)
        return status;
    status = tag_store(h, call, tag, error);
    return store_end(h, call, status, error);
}
