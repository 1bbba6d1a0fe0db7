/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease - who may work on an operation (or on anything else that has a key).
 *
 * A lease is (owner, beat).  Nobody compares clocks: a taker must have seen the same owner and beat
 * for a whole time to live by its own monotonic clock, then claims by compare-and-set on both.
 *
 * Every write to a journal names owner and generation (struct fence).  fence_hold raises the
 * lease's 'writes' in the same transaction, so that a write and a claim, or a write and a raised
 * generation, always touch one common row: one of the two fails, also when they happen on two nodes
 * of a Galera cluster, where a mere condition would see neither.
 */
#pragma once

#include "store/db.h"

struct lease {
    char *lease_key; /* operation id, or e.g. "tick:pg-…" */
    char *owner;     /* "" = free */
    int64_t beat;
    int64_t writes;
};
struct lease *lease_create(void);
void lease_destroy(struct lease *lease);
AUTO_DEFINE(lease, lease_destroy)

/* Whose writes these are. */
struct fence {
    const char *op_id;
    int64_t generation;
    const char *owner;
};

/* The lease as it stands; NULL in '*ret' if nobody holds it. */
err_t *lease_get(struct db *db, const char *key, struct lease **ret) MUST_CHECK;
/*
 * Takes a lease that was seen as 'seen' (owner and beat; NULL: seen free).  '*ret_held' false: it
 * has changed since.  Success is the commit's: call it outside a transaction, or read it as of
 * there.
 */
err_t *lease_claim(struct db *db, const char *key, const char *owner, const struct lease *seen,
                   int64_t *ret_beat, bool *ret_held) MUST_CHECK;
/* Beats: the same owner, the next beat.  '*ret_held' false: somebody else has it. */
err_t *lease_renew(struct db *db, const char *key, const char *owner, int64_t beat,
                   int64_t *ret_beat, bool *ret_held) MUST_CHECK;
/* Gives it up.  Not an error if it is somebody else's. */
err_t *lease_release(struct db *db, const char *key, const char *owner) MUST_CHECK;
/*
 * Inside a transaction: holds owner and generation fast until its end.  Errors: FENCED (another
 * owner or generation: write nothing).
 */
err_t *fence_hold(struct db *db, const struct fence *fence) MUST_CHECK;
/* Inside a transaction, before the generation is raised: makes fence_hold of others wait or fail.
 */
err_t *fence_break(struct db *db, const char *op_id) MUST_CHECK;
