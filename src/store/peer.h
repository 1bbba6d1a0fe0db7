/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - what is known of the other site's side of a group (sync_states: shown, decided by
 * nothing), and the challenges that prove it reachable (peer_proofs).
 *
 * A proof is made (HELLO), answered once (HERE) and used once by one change.  The protocol's state
 * holds the same nonces (model/sync.h); the rows here make "used once" hold between API workers.
 */
#pragma once

#include "base/json.h"
#include "store/db.h"

struct peer_state {
    char *pg_id;
    char *peer_site_id;
    char *status; /* as last seen: SYNCED, FAILED, UNREACHABLE, SPLIT, RECOVERING; "" = never */
    char *remote_role;
    char *remote_position;
    int64_t remote_epoch;
    int64_t remote_version;
    int64_t remote_schema;
    json_t *observations; /* beside ACCEPT and HERE: ids made there, servers seen running */
    char *error_message;
    int64_t attempted_at_ms;
    int64_t proven_at_ms; /* the last HERE, by this site's clock */
    int64_t synced_at_ms; /* when both were last seen to be equal */
};
struct peer_state *peer_state_create(void);
void peer_state_destroy(struct peer_state *peer);
AUTO_DEFINE(peer_state, peer_state_destroy)

/* NULL in '*ret' if nothing is known. */
err_t *peer_state_find(struct db *db, const char *pg_id, struct peer_state **ret) MUST_CHECK;
/* Inserts or overwrites. */
err_t *peer_state_put(struct db *db, const struct peer_state *peer) MUST_CHECK;
err_t *peer_state_delete(struct db *db, const char *pg_id) MUST_CHECK;

err_t *peer_proof_insert(struct db *db, const char *nonce, const char *pg_id,
                         int64_t now_ms) MUST_CHECK;
/* The HERE has come.  '*ret_first' false: not ours, answered before, or older than 'ttl_ms'. */
err_t *peer_proof_answer(struct db *db, const char *nonce, const char *pg_id, const char *position,
                         const char *role, int64_t now_ms, int64_t ttl_ms,
                         bool *ret_first) MUST_CHECK;
/*
 * Uses it up.  '*ret_used' false: not answered, used before, answered more than 'ttl_ms' ago, or of
 * another group.
 */
err_t *peer_proof_use(struct db *db, const char *nonce, const char *pg_id, int64_t now_ms,
                      int64_t ttl_ms, bool *ret_used) MUST_CHECK;
/* Forgets those issued before. */
err_t *peer_proof_prune(struct db *db, int64_t before_ms) MUST_CHECK;
