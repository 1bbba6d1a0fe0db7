/* SPDX-License-Identifier: Apache-2.0 */
/* readiness - see readiness.h. */
#include "store/readiness.h"

#include "store/backend.h"

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

static void report_destroy(void *report)
{
    json_decref(report);
}

static err_t *rows_parse(const struct db_rows *rows, GHashTable *ret)
{
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *text = db_str(rows, i, 1);
        json_t *report = NULL;
        TRY(json_parse(text, strlen(text), "what was seen of a group", &report));
        g_hash_table_insert(ret, g_strdup(db_str(rows, i, 0)), report);
    }
    return NULL;
}

/* No more than DB_VALUES_MAX of them. */
static err_t *some_list(struct db *db, const char *const *ids, size_t count, GHashTable *ret)
{
    AUTO(db_rows) rows = NULL;
    g_autoptr(GString) sql = g_string_new("SELECT pg_id, report FROM readiness WHERE pg_id IN (");
    struct db_value values[DB_VALUES_MAX];

    for (size_t i = 0; i < count; i++) {
        g_string_append(sql, i == 0 ? "?" : ",?");
        values[i] = (struct db_value){.type = 's', .text = ids[i]};
    }
    g_string_append_c(sql, ')');
    TRY(db_query_values(db, &rows, sql->str, values, count));
    return rows_parse(rows, ret);
}

err_t *readiness_list(struct db *db, const char *const *ids, size_t count, GHashTable **ret)
{
    g_autoptr(GHashTable) found =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, report_destroy);

    for (size_t i = 0; i < count; i += DB_VALUES_MAX)
        TRY(some_list(db, ids + i, MIN(count - i, DB_VALUES_MAX), found));
    *ret = TAKE(found);
    return NULL;
}

err_t *readiness_forget(struct db *db, const char *pg_id)
{
    return db_exec(db, NULL, "DELETE FROM readiness WHERE pg_id = ?", "s", pg_id);
}
