/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - see trust.h.
 */
#include "store/trust.h"

#include "store/record.h"

static void trust_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(trust, id, COLUMN_KEY),
    RECORD_TEXT(trust, project_id, COLUMN_ONCE),
    RECORD_TEXT(trust, user_id, COLUMN_ONCE),
    RECORD_TEXT(trust, trust, 0),
    RECORD_JSON(trust, roles, 0),
    RECORD_TEXT(trust, status, 0),
    RECORD_TEXT(trust, error_message, 0),
    RECORD_TIME(trust, verified_at, 0),
    RECORD_TIME(trust, created_at, COLUMN_ONCE),
    RECORD_TIME(trust, updated_at, 0),
    RECORD_END,
};

static const struct record record = {
    .table = "trusts",
    .what = "trust",
    .columns = columns,
    .size = sizeof(struct trust),
    .destroy = trust_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "id",
};

RECORD_DEFINE(trust, record)

err_t *trust_find(struct db *db, const char *project_id, const char *user_id, struct trust **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "project_id = ? AND user_id = ?", "ss", project_id,
                    user_id));
    *ret = row;
    return NULL;
}

err_t *trust_put(struct db *db, struct trust *trust)
{
    AUTO(trust) there = NULL;
    TRY(trust_find(db, trust->project_id, trust->user_id, &there));
    if (there == NULL)
        return record_insert(db, &record, trust);
    g_free(trust->id);
    trust->id = g_steal_pointer(&there->id);
    return record_update(db, &record, trust, NULL, NULL, "");
}

err_t *trust_list(struct db *db, const char *project_id, GPtrArray **ret)
{
    return record_select(db, &record, true, ret,
                         "WHERE project_id = ? ORDER BY CASE WHEN status = 'verified' THEN 0 ELSE 1"
                         " END, verified_at DESC, id",
                         "s", project_id);
}

err_t *trust_list_stale(struct db *db, int64_t before_ms, int limit, GPtrArray **ret)
{
    return record_select(db, &record, true, ret,
                         "WHERE verified_at < ? ORDER BY verified_at, id LIMIT ?", "ii", before_ms,
                         (int64_t)limit);
}

err_t *trust_checked(struct db *db, const char *id, const char *status, const char *error_message,
                     int64_t now_ms)
{
    return db_exec(db, NULL,
                   "UPDATE trusts SET status = ?, error_message = ?, verified_at = ?,"
                   " updated_at = ? WHERE id = ?",
                   "ssiis", status, error_message, now_ms, now_ms, id);
}

err_t *trust_delete(struct db *db, const char *id)
{
    return record_delete(db, &record, NULL, "id = ?", "s", id);
}
