/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx - a transaction whose outcome is known even if the answer to its COMMIT is lost.
 *
 * The transaction writes a row with a random nonce first.  After DB_COMMIT_UNKNOWN the same
 * transaction is run again under the same nonce: if the row is there the first one was committed;
 * if the first one is still under way, the insert waits for its end; and once the second has
 * written the row, the first can never be committed.  So the body's effects happen exactly once.
 */
#pragma once

#include "base/env.h"
#include "store/db.h"

#define TX_UNKNOWN_TRIES_MAX 3
/* Rows of 'commits' older than this are of no use any more. */
#define TX_KEEP_MS (7 * 24 * 3600 * (int64_t)1000) /* longer than a clock is ever wrong */

/*
 * As db_tx, but DB_COMMIT_UNKNOWN comes back only if the database cannot be asked.  What 'body'
 * wrote into 'data' in its last run holds.
 */
err_t *store_tx(struct db *db, const struct env *env, db_tx_fn *body, void *data) MUST_CHECK;
/* Removes old rows of 'commits'; call now and then. */
err_t *store_tx_prune(struct db *db, int64_t now_ms) MUST_CHECK;
