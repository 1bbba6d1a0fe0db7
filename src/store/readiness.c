/* SPDX-License-Identifier: Apache-2.0 */
/* readiness - see readiness.h. */
#include "store/readiness.h"

#include <string.h>

struct look {
    const char *pg_id;
    const char *text;
    int64_t now_ms;
};

static err_t *put_tx(struct db *db, void *data)
{
    const struct look *look = data;

    TRY(readiness_forget(db, look->pg_id));
    return db_exec(db, NULL, "INSERT INTO readiness (pg_id, report, checked_at) VALUES (?, ?, ?)",
                   "ssi", look->pg_id, look->text, look->now_ms);
}

err_t *readiness_put(struct db *db, const char *pg_id, const json_t *report, int64_t now_ms)
{
    g_autofree char *text = json_print(report);
    struct look look = {pg_id, text, now_ms};

    return db_tx(db, put_tx, &look);
}

err_t *readiness_get(struct db *db, const char *pg_id, json_t **ret)
{
    AUTO(db_rows) rows = NULL;

    *ret = NULL;
    TRY(db_query(db, &rows, "SELECT report FROM readiness WHERE pg_id = ?", "s", pg_id));
    const char *text = db_rows_count(rows) > 0 ? db_str(rows, 0, 0) : NULL;
    return text != NULL ? json_parse(text, strlen(text), "what was seen of a group", ret) : NULL;
}

err_t *readiness_forget(struct db *db, const char *pg_id)
{
    return db_exec(db, NULL, "DELETE FROM readiness WHERE pg_id = ?", "s", pg_id);
}
