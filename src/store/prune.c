/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune - see prune.h.
 *
 * A deleted group's body stays until no operation of it is open: what unwinds may still need an
 * array's token.  It is taken away last, and so says what is still to be done.
 */
#include "store/prune.h"

#include "base/json.h"
#include "store/drift.h"
#include "store/group.h"
#include "store/idempotency.h"
#include "store/readiness.h"
#include "store/tx.h"

#include <string.h>

/* ---- secrets in documents ---- */

/* Sealed boxes stand under these names, wherever a document of a group has them. */
static bool is_secret(const char *key)
{
    return g_str_equal(key, "tokens") || g_str_equal(key, "user_data");
}

/* Puts null in the place of each; true if there was one. */
static bool secrets_out(json_t *j)
{
    bool found = false;
    const char *key;
    size_t i;
    json_t *value;

    json_array_foreach(j, i, value) found = secrets_out(value) || found;
    json_object_foreach(j, key, value)
    {
        if (!is_secret(key))
            found = secrets_out(value) || found;
        else if (!json_is_null(value)) {
            json_object_set_new(j, key, json_null());
            found = true;
        }
    }
    return found;
}

/* '*ret' is NULL if the text holds none, or is no document. */
static char *text_without(const char *text)
{
    json_t *parsed = NULL;
    g_autoptr(err_t) e =
        text != NULL ? json_parse(text, strlen(text), "a document", &parsed) : NULL;
    g_autoptr(json_t) j = parsed;

    return e == NULL && j != NULL && secrets_out(j) ? json_print(j) : NULL;
}

/* ---- a deleted group ---- */

/* Columns with documents, and how their rows are found by the group. */
static const struct {
    const char *select; /* the row's key, the document */
    const char *update;
} documents[] = {
    {"SELECT id, bundle FROM sync_log WHERE pg_id = ? AND bundle IS NOT NULL AND id > ?"
     " ORDER BY id LIMIT ?",
     "UPDATE sync_log SET bundle = ? WHERE id = ?"},
    {"SELECT id, params FROM dr_operations WHERE pg_id = ? AND params IS NOT NULL AND id > ?"
     " ORDER BY id LIMIT ?",
     "UPDATE dr_operations SET params = ? WHERE id = ?"},
    {"SELECT id, plan FROM dr_operations WHERE pg_id = ? AND plan IS NOT NULL AND id > ?"
     " ORDER BY id LIMIT ?",
     "UPDATE dr_operations SET plan = ? WHERE id = ?"},
    {"SELECT id, result FROM dr_operations WHERE pg_id = ? AND result IS NOT NULL AND id > ?"
     " ORDER BY id LIMIT ?",
     "UPDATE dr_operations SET result = ? WHERE id = ?"},
};

static err_t *documents_clean(struct db *db, size_t which, const char *pg_id)
{
    g_autofree char *marker = g_strdup(which == 0 ? "0" : "");
    size_t count = PRUNE_REST_AT_ONCE;

    while (count == PRUNE_REST_AT_ONCE) {
        AUTO(db_rows) rows = NULL;
        TRY(db_query(db, &rows, documents[which].select, "ssi", pg_id, marker,
                     (int64_t)PRUNE_REST_AT_ONCE));
        count = db_rows_count(rows);
        for (size_t i = 0; i < count; i++) {
            g_autofree char *clean = text_without(db_str(rows, i, 1));
            if (clean != NULL)
                TRY(db_exec(db, NULL, documents[which].update, "ss", clean, db_str(rows, i, 0)));
        }
        g_free(marker);
        marker = count > 0 ? g_strdup(db_str(rows, count - 1, 0)) : NULL;
    }
    return NULL;
}

/* The results of the operations' steps: a row is known by operation and number. */
static err_t *steps_clean(struct db *db, const char *pg_id)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows,
                 "SELECT s.op_id, s.seq, s.result FROM dr_steps s JOIN dr_operations o ON"
                 " o.id = s.op_id WHERE o.pg_id = ? AND (s.result LIKE '%user_data%' OR"
                 " s.result LIKE '%tokens%')",
                 "s", pg_id));
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        g_autofree char *clean = text_without(db_str(rows, i, 2));
        if (clean != NULL)
            TRY(db_exec(db, NULL, "UPDATE dr_steps SET result = ? WHERE op_id = ? AND seq = ?",
                        "ssi", clean, db_str(rows, i, 0), db_int(rows, i, 1)));
    }
    return NULL;
}

static err_t *group_clean(struct db *db, void *data)
{
    const char *pg_id = data;

    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++)
        TRY(documents_clean(db, i, pg_id));
    TRY(steps_clean(db, pg_id));
    TRY(drift_forget(db, pg_id));
    TRY(readiness_forget(db, pg_id));
    TRY(db_exec(db, NULL, "UPDATE positions SET body = NULL WHERE pg_id = ? AND body IS NOT NULL",
                "s", pg_id));
    return db_exec(db, NULL,
                   "UPDATE protection_groups SET body = NULL WHERE id = ? AND role = 'TOMBSTONE'",
                   "s", pg_id);
}

/* One that is listed (unprotected) is not deleted: its servers live, and it is shown. */
static err_t *deleted_clean(struct db *db)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows,
                 "SELECT g.id FROM protection_groups g WHERE g.role = 'TOMBSTONE' AND g.listed = 0"
                 " AND g.body IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dr_operations o WHERE"
                 " o.pg_id = g.id AND o.is_open = 1) ORDER BY g.id LIMIT ?",
                 "i", (int64_t)PRUNE_GROUPS_AT));
    for (size_t i = 0; i < db_rows_count(rows); i++)
        TRY(db_tx(db, group_clean, (void *)db_str(rows, i, 0)));
    return NULL;
}

/* What was only looked at is told to whoever asked, and stands in no history. */
static err_t *looks_clean(struct db *db, int64_t before_ms)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows,
                 "SELECT id FROM dr_operations WHERE operation_type IN ('look', 'cleanup_look',"
                 " 'plan_look') AND is_open = 0 AND updated_at < ? ORDER BY updated_at LIMIT ?",
                 "ii", before_ms, (int64_t)PRUNE_REST_AT_ONCE));
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        TRY(db_exec(db, NULL, "DELETE FROM dr_steps WHERE op_id = ?", "s", db_str(rows, i, 0)));
        TRY(db_exec(db, NULL, "DELETE FROM dr_operations WHERE id = ?", "s", db_str(rows, i, 0)));
    }
    return NULL;
}

err_t *prune_run(struct db *db, int64_t now_ms, int64_t *ret_next_ms)
{
    *ret_next_ms = now_ms + PRUNE_ROUND_MS;
    TRY(store_tx_prune(db, now_ms));
    TRY(group_prune(db, now_ms - PRUNE_HELLO_MS));
    TRY(idempotency_prune(db, now_ms - PRUNE_KEY_MS));
    TRY(looks_clean(db, now_ms - PRUNE_LOOK_MS));
    return deleted_clean(db);
}
