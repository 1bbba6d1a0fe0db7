/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drift - see drift.h.  A row per member that differs, and one without a member that says when all
 * were looked at.
 */
#include "store/drift.h"

#include <string.h>

#define LOOKED "" /* member of the row that tells of the look itself */

struct look {
    const char *pg_id;
    const json_t *found;
    int64_t now_ms;
};

static err_t *row_put(struct db *db, const struct look *look, const char *member,
                      const json_t *texts)
{
    g_autofree char *printed = texts != NULL ? json_print(texts) : NULL;

    return db_exec(db, NULL,
                   "INSERT INTO drift (pg_id, member_id, differences, seen_at) VALUES (?, ?, ?, ?)",
                   "sssi", look->pg_id, member, printed, look->now_ms);
}

static err_t *put_tx(struct db *db, void *data)
{
    const struct look *look = data;
    const char *member;
    json_t *texts;

    TRY(drift_forget(db, look->pg_id));
    TRY(row_put(db, look, LOOKED, NULL));
    json_object_foreach((json_t *)look->found, member, texts) TRY(row_put(db, look, member, texts));
    return NULL;
}

err_t *drift_put(struct db *db, const char *pg_id, const json_t *found, int64_t now_ms)
{
    struct look look = {pg_id, found, now_ms};

    return db_tx(db, put_tx, &look);
}

err_t *drift_get(struct db *db, const char *pg_id, json_t **ret, int64_t *ret_seen_at_ms)
{
    AUTO(db_rows) rows = NULL;
    g_autoptr(json_t) found = json_object();

    *ret_seen_at_ms = 0;
    TRY(db_query(db, &rows,
                 "SELECT member_id, differences, seen_at FROM drift WHERE pg_id = ?"
                 " ORDER BY member_id",
                 "s", pg_id));
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *text = db_str(rows, i, 1);
        json_t *texts = NULL;
        *ret_seen_at_ms = db_int(rows, i, 2);
        if (text == NULL)
            continue;
        TRY(json_parse(text, strlen(text), "what differs of a member", &texts));
        json_set(found, db_str(rows, i, 0), texts);
    }
    *ret = TAKE(found);
    return NULL;
}

err_t *drift_forget(struct db *db, const char *pg_id)
{
    return db_exec(db, NULL, "DELETE FROM drift WHERE pg_id = ?", "s", pg_id);
}

err_t *drift_forget_member(struct db *db, const char *pg_id, const char *member)
{
    return db_exec(db, NULL, "DELETE FROM drift WHERE pg_id = ? AND member_id = ?", "ss", pg_id,
                   member);
}
