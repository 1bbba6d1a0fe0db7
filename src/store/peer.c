/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - see peer.h.
 */
#include "store/peer.h"

#include "store/record.h"

static void peer_state_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(peer_state, pg_id, COLUMN_KEY),  RECORD_TEXT(peer_state, peer_site_id, 0),
    RECORD_TEXT(peer_state, status, 0),          RECORD_TEXT(peer_state, remote_role, 0),
    RECORD_TEXT(peer_state, remote_position, 0), RECORD_INT(peer_state, remote_epoch, 0),
    RECORD_INT(peer_state, remote_version, 0),   RECORD_INT(peer_state, remote_schema, 0),
    RECORD_JSON(peer_state, observations, 0),    RECORD_TEXT(peer_state, error_message, 0),
    RECORD_TIME(peer_state, attempted_at, 0),    RECORD_TIME(peer_state, proven_at, 0),
    RECORD_TIME(peer_state, synced_at, 0),       RECORD_END,
};

static const struct record record = {
    .table = "sync_states",
    .what = "sync state",
    .columns = columns,
    .size = sizeof(struct peer_state),
    .destroy = peer_state_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "pg_id",
};

RECORD_DEFINE(peer_state, record)

err_t *peer_state_find(struct db *db, const char *pg_id, struct peer_state **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "pg_id = ?", "s", pg_id));
    *ret = row;
    return NULL;
}

err_t *peer_state_put(struct db *db, const struct peer_state *peer)
{
    bool found = false;
    TRY(record_update(db, &record, peer, &found, NULL, ""));
    return found ? NULL : record_insert(db, &record, peer);
}

err_t *peer_state_delete(struct db *db, const char *pg_id)
{
    return record_delete(db, &record, NULL, "pg_id = ?", "s", pg_id);
}

err_t *peer_proof_insert(struct db *db, const char *nonce, const char *pg_id, int64_t now_ms)
{
    return db_exec(db, NULL,
                   "INSERT INTO peer_proofs (nonce, pg_id, issued_at, answered_at, used_at)"
                   " VALUES (?, ?, ?, 0, 0)",
                   "ssi", nonce, pg_id, now_ms);
}

err_t *peer_proof_answer(struct db *db, const char *nonce, const char *pg_id, const char *position,
                         const char *role, int64_t now_ms, int64_t ttl_ms, bool *ret_first)
{
    int64_t count = 0;
    TRY(db_exec(db, &count,
                "UPDATE peer_proofs SET answered_at = ?, position = ?, role = ? WHERE nonce = ?"
                " AND pg_id = ? AND answered_at = 0 AND issued_at >= ?",
                "issssi", now_ms, position, role, nonce, pg_id, now_ms - ttl_ms));
    *ret_first = count > 0;
    return NULL;
}

err_t *peer_proof_use(struct db *db, const char *nonce, const char *pg_id, int64_t now_ms,
                      int64_t ttl_ms, bool *ret_used)
{
    int64_t count = 0;
    TRY(db_exec(db, &count,
                "UPDATE peer_proofs SET used_at = ? WHERE nonce = ? AND pg_id = ? AND used_at = 0"
                " AND answered_at > 0 AND answered_at >= ?",
                "issi", now_ms, nonce, pg_id, now_ms - ttl_ms));
    *ret_used = count > 0;
    return NULL;
}

err_t *peer_proof_prune(struct db *db, int64_t before_ms)
{
    return db_exec(db, NULL, "DELETE FROM peer_proofs WHERE issued_at < ?", "i", before_ms);
}
