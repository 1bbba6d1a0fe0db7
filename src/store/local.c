/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local - see local.h.
 */
#include "store/local.h"

#include "store/record.h"

static void local_site_destroy_row(void *row);
static void incarnation_destroy_row(void *row);

static const struct column local_columns[] = {
    RECORD_TEXT(local_site, site_id, 0),
    RECORD_TEXT(local_site, sign_public, 0),
    RECORD_TEXT(local_site, seal_public, 0),
    RECORD_TEXT(local_site, fingerprint, 0),
    RECORD_TEXT(local_site, incarnation, 0),
    RECORD_INT(local_site, counter, 0),
    RECORD_TEXT(local_site, key_check, 0),
    RECORD_TIME(local_site, created_at, 0),
    RECORD_END,
};

static const struct record local_record = {
    .table = "local_site",
    .what = "local site",
    .columns = local_columns,
    .size = sizeof(struct local_site),
    .destroy = local_site_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "site_id",
};

RECORD_DEFINE(local_site, local_record)

static const struct column incarnation_columns[] = {
    RECORD_TEXT(incarnation, site_id, COLUMN_KEY),
    RECORD_TEXT(incarnation, incarnation, COLUMN_KEY),
    RECORD_TEXT(incarnation, reason, 0),
    RECORD_TIME(incarnation, began_at, 0),
    RECORD_END,
};

static const struct record incarnation_record = {
    .table = "incarnations",
    .what = "incarnation",
    .columns = incarnation_columns,
    .size = sizeof(struct incarnation),
    .destroy = incarnation_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "incarnation",
};

RECORD_DEFINE(incarnation, incarnation_record)

err_t *local_site_find(struct db *db, struct local_site **ret)
{
    void *row = NULL;
    TRY(record_find(db, &local_record, &row, "row_id = 1", ""));
    *ret = row;
    return NULL;
}

/* The row's number is 1 always, so that a second one cannot be. */
err_t *local_site_insert(struct db *db, const struct local_site *local)
{
    g_assert(db_in_tx(db));
    TRY(db_exec(db, NULL,
                "INSERT INTO local_site (row_id, site_id, sign_public, seal_public, fingerprint,"
                " incarnation, counter, key_check, created_at) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
                "sssssisi", local->site_id, local->sign_public, local->seal_public,
                local->fingerprint, local->incarnation, local->counter, local->key_check,
                local->created_at_ms));
    return incarnation_note(db, local->site_id, local->incarnation, "first start",
                            local->created_at_ms);
}

err_t *local_site_update_keys(struct db *db, const struct local_site *local)
{
    g_assert(db_in_tx(db));
    return db_exec(db, NULL,
                   "UPDATE local_site SET sign_public = ?, seal_public = ?, fingerprint = ?,"
                   " key_check = ? WHERE row_id = 1 AND site_id = ?",
                   "sssss", local->sign_public, local->seal_public, local->fingerprint,
                   local->key_check, local->site_id);
}

err_t *local_site_count(struct db *db, int64_t *ret)
{
    AUTO(db_rows) rows = NULL;
    int64_t count = 0;
    g_assert(db_in_tx(db));
    TRY(db_exec(db, &count, "UPDATE local_site SET counter = counter + 1 WHERE row_id = 1", ""));
    if (count == 0)
        return err(DB_SCHEMA, "this database does not know yet which site it is of");
    TRY(db_query(db, &rows, "SELECT counter FROM local_site WHERE row_id = 1", ""));
    if (ret != NULL)
        *ret = db_int(rows, 0, 0);
    return NULL;
}

err_t *local_site_reincarnate(struct db *db, const char *incarnation, int64_t counter,
                              const char *reason, int64_t now_ms)
{
    AUTO(db_rows) rows = NULL;
    g_assert(db_in_tx(db));
    TRY(db_exec(db, NULL, "UPDATE local_site SET incarnation = ?, counter = ? WHERE row_id = 1",
                "si", incarnation, counter));
    TRY(db_query(db, &rows, "SELECT site_id FROM local_site WHERE row_id = 1", ""));
    if (db_rows_count(rows) == 0)
        return err(DB_SCHEMA, "this database does not know yet which site it is of");
    return incarnation_note(db, db_str(rows, 0, 0), incarnation, reason, now_ms);
}

err_t *incarnation_list(struct db *db, const char *site_id, GPtrArray **ret)
{
    return record_select(db, &incarnation_record, true, ret,
                         "WHERE site_id = ? ORDER BY began_at, incarnation", "s", site_id);
}

err_t *incarnation_note(struct db *db, const char *site_id, const char *incarnation,
                        const char *reason, int64_t now_ms)
{
    return db_exec(db, NULL,
                   "INSERT INTO incarnations (site_id, incarnation, reason, began_at)"
                   " SELECT ?, ?, ?, ? FROM (SELECT 1 AS one) t WHERE NOT EXISTS"
                   " (SELECT 1 FROM incarnations WHERE site_id = ? AND incarnation = ?)",
                   "sssiss", site_id, incarnation, reason, now_ms, site_id, incarnation);
}
