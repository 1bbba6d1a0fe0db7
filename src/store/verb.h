/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb - what a person may do to an operation: retry, skip, abandon, cancel.  Each raises the
 * operation's generation, so that the engine's next write is refused and it reads anew.
 *
 * retry    failed rows begin anew
 * skip     failed rows of one step are left out for a reason; a NO_SKIP row never is
 * abandon  past the pivot: what is not done is left out, but the rows that record the outcome;
 *          before it: everything is taken back
 * cancel   before the pivot only: everything is taken back
 *
 * Which verb in which status: model/states.h.  Neighbours: api/operations.c calls it, run/ goes on.
 */
#pragma once

#include "model/states.h"
#include "store/db.h"

struct verb_call {
    const char *op_id;
    enum operation_verb verb;
    const char *step;    /* skip: of which step */
    const char *subject; /* skip: of which subject; NULL: all of the step */
    const char *reason;  /* skip: why; else NULL or what a person had to say */
    int64_t now_ms;
};

/*
 * Applies it in a transaction of its own.  Errors: OPERATION_NOT_FOUND, OPERATION_STATE (not in
 * this status, or past the pivot), SAFETY_NO_SKIP, NOT_FOUND (no such failed row), SYNC_STAGED (a
 * signed change ends only by the peer's answer).
 */
err_t *verb_apply(struct db *db, const struct verb_call *verb) MUST_CHECK;
