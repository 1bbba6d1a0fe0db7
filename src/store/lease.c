/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease - see lease.h.
 */
#include "store/lease.h"

#include "model/mutant.h"
#include "store/record.h"

static void lease_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(lease, lease_key, COLUMN_KEY),
    RECORD_TEXT(lease, owner, 0),
    RECORD_INT(lease, beat, 0),
    RECORD_INT(lease, writes, 0),
    RECORD_END,
};

static const struct record record = {
    .table = "leases",
    .what = "lease",
    .columns = columns,
    .size = sizeof(struct lease),
    .destroy = lease_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "lease_key",
};

RECORD_DEFINE(lease, record)

err_t *lease_get(struct db *db, const char *key, struct lease **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "lease_key = ? AND owner <> ''", "s", key));
    *ret = row;
    return NULL;
}

/* A key that never had a lease: whose insert comes first has it. */
static err_t *claim_new(struct db *db, const char *key, const char *owner, bool *ret_held)
{
    err_t *e =
        db_exec(db, NULL, "INSERT INTO leases (lease_key, owner, beat, writes) VALUES (?, ?, 1, 0)",
                "ss", key, owner);
    *ret_held = e == NULL;
    if (e != NULL && err_is(e, ERR_DB_DUPLICATE)) {
        err_free(e);
        return NULL;
    }
    return e;
}

static err_t *claim_seen(struct db *db, const char *key, const char *owner, const char *seen_owner,
                         int64_t seen_beat, bool *ret_held)
{
    int64_t count = 0;
    TRY(db_exec(db, &count,
                "UPDATE leases SET owner = ?, beat = beat + 1, writes = writes + 1"
                " WHERE lease_key = ? AND owner = ? AND beat = ?",
                "sssi", owner, key, seen_owner, seen_beat));
    *ret_held = count == 1;
    return NULL;
}

err_t *lease_claim(struct db *db, const char *key, const char *owner, const struct lease *seen,
                   int64_t *ret_beat, bool *ret_held)
{
    g_assert(*owner != '\0');
    if (seen != NULL) {
        TRY(claim_seen(db, key, owner, seen->owner, seen->beat, ret_held));
        *ret_beat = seen->beat + 1;
        return NULL;
    }
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, "SELECT beat FROM leases WHERE lease_key = ?", "s", key));
    if (db_rows_count(rows) > 0) {
        int64_t beat = db_int(rows, 0, 0);
        TRY(claim_seen(db, key, owner, "", beat, ret_held));
        *ret_beat = beat + 1;
        return NULL;
    }
    TRY(claim_new(db, key, owner, ret_held));
    *ret_beat = 1;
    return NULL;
}

err_t *lease_renew(struct db *db, const char *key, const char *owner, int64_t beat,
                   int64_t *ret_beat, bool *ret_held)
{
    int64_t count = 0;
    TRY(db_exec(db, &count,
                "UPDATE leases SET beat = beat + 1 WHERE lease_key = ? AND owner = ? AND beat = ?",
                "ssi", key, owner, beat));
    *ret_held = count == 1;
    *ret_beat = beat + 1;
    return NULL;
}

err_t *lease_release(struct db *db, const char *key, const char *owner)
{
    return db_exec(
        db, NULL, "UPDATE leases SET owner = '', beat = beat + 1 WHERE lease_key = ? AND owner = ?",
        "ss", key, owner);
}

err_t *fence_hold(struct db *db, const struct fence *fence)
{
    g_assert(db_in_tx(db));
    int64_t count = 0;
    TRY(db_exec(db, &count,
                "UPDATE leases SET writes = writes + 1 WHERE lease_key = ? AND owner = ? AND EXISTS"
                " (SELECT 1 FROM dr_operations WHERE id = ? AND generation = ?)",
                "sssi", fence->op_id, fence->owner, fence->op_id, fence->generation));
    if (count == 1 || MUTANT(LEASE_IGNORED))
        return NULL;
    return err(FENCED, "operation %s: lease or generation %" G_GINT64_FORMAT " is no longer ours",
               fence->op_id, fence->generation);
}

err_t *fence_break(struct db *db, const char *op_id)
{
    g_assert(db_in_tx(db));
    return db_exec(db, NULL, "UPDATE leases SET writes = writes + 1 WHERE lease_key = ?", "s",
                   op_id);
}
