/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune - what a database forgets by and by (B23), in rounds of an engine.
 *
 * Kept for ever: the rows of the chain, tombstones, the log of what was lost.  Bodies of positions
 * are cut by the transaction that learns that the peer holds them (sync.c), refused hashes with
 * their epoch (model/sync_state.c).  Here goes the rest: rows that only bridge a moment, and of a
 * deleted group whatever it is not known by: its metadata, and each sealed secret in its log and
 * operations.
 *
 * Every part may be repeated and may be left out; two engines may do it at once.
 */
#pragma once

#include "store/db.h"

#define PRUNE_ROUND_MS (3600 * (int64_t)1000)
/* A group that nobody made after a hello. */
#define PRUNE_HELLO_MS (24 * PRUNE_ROUND_MS)
/* How long an Idempotency-Key is known. */
#define PRUNE_KEY_MS       (30 * 24 * PRUNE_ROUND_MS)
#define PRUNE_LOOK_MS      (24 * PRUNE_ROUND_MS) /* what was only looked at */
#define PRUNE_GROUPS_AT    100                   /* deleted groups in one round */
#define PRUNE_REST_AT_ONCE 200 /* rows of log or operations that are read at once */

/* One round.  '*ret_next_ms': when to come back. */
err_t *prune_run(struct db *db, int64_t now_ms, int64_t *ret_next_ms) MUST_CHECK;
