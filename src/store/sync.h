/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync - loads and saves the protocol's state of one group (model/sync.h).
 *
 * One transaction of the caller: load, let one of the model's functions act on a copy, save.
 *
 *     store_sync_load(db, group, &before, &found);
 *     sync_state_copy(&before, &after);
 *     sync_<action>(&after, …);
 *     store_sync_save(db, &before, &after, NULL, now_ms);
 *
 * The load locks the row (MariaDB: FOR UPDATE; SQLite: the transaction holds the only write lock),
 * so two actions on one group follow each other; on two nodes of a Galera cluster the later commit
 * fails and is run again.  Use store_tx (tx.h) to know the outcome of a lost COMMIT.
 *
 * Neighbours: exchange.h (the caller), group.h (the row), project.h (what is read from a body).
 */
#pragma once

#include "model/sync.h"
#include "store/group.h"

/* '*ret_found' false: the group is not known here, and '*ret' is not written. */
err_t *store_sync_load(struct db *db, const char *group_id, struct sync_state *ret,
                       bool *ret_found) MUST_CHECK;
/*
 * Inside the transaction that loaded 'before' (for a group that was not found: as sync_state_init
 * left it).  Writes the row, new rows of the chain, and all that is derived from them.  'seed' (may
 * be NULL) tells what a group without any body is called: project_id, name, description,
 * replication_type, volume types, sites; needed for a group that is new and has none.
 * Errors: DB_DEADLOCK (somebody else was faster), DB….
 */
err_t *store_sync_save(struct db *db, const struct sync_state *before,
                       const struct sync_state *after, const struct group_row *seed,
                       int64_t now_ms) MUST_CHECK;
/* When this site first held the row of the position; 0 if it does not. */
err_t *store_position_time(struct db *db, const char *group_id, const char *hash,
                           int64_t *ret_ms) MUST_CHECK;
/*
 * The body of a position as signed, if it is kept: the present one's, and of earlier ones what the
 * peer has not proved to hold.  NULL in '*ret' if not.  Caller frees.
 */
err_t *store_position_body(struct db *db, const char *group_id, const char *hash,
                           char **ret) MUST_CHECK;
