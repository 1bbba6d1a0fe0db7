/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_step - rows of dr_steps, the journal of an operation: step x subject, made when the plan is
 * frozen, then only ever written under the fence of the engine that holds the operation.
 *
 * Neighbours: run/journal.c (the states and what they mean), api/ (operation steps).
 */
#pragma once

#include "base/json.h"
#include "store/db.h"
#include "store/lease.h"

struct op_step {
    char *op_id;
    int64_t seq;
    char *step_key;
    char *subject; /* "" for the group */
    char *says;    /* the step's sentence for a person, as the runbook had it; may be NULL */
    int64_t wave;
    char *state; /* texts of run/journal.h */
    int64_t attempt;
    int64_t tries;
    int64_t flags; /* of enum op_step_flag: what a person may do with the row */
    int64_t wake_at_ms;
    json_t *result; /* may be NULL */
    json_t *error;  /* may be NULL */
    int64_t started_at_ms;
    int64_t finished_at_ms;
};
enum op_step_flag {
    OP_STEP_NO_SKIP = 1 << 0, /* safety: never skipped */
    OP_STEP_FINAL = 1 << 1,   /* runs also when the operation is abandoned */
};
static inline bool op_step_flag(const struct op_step *step, enum op_step_flag flag)
{
    return (step->flags & flag) != 0;
}
struct op_step *op_step_create(void);
void op_step_destroy(struct op_step *step);
AUTO_DEFINE(op_step, op_step_destroy)

/* All rows, by seq.  The array frees them. */
err_t *op_step_list(struct db *db, const char *op_id, GPtrArray **ret) MUST_CHECK;
/* One row; NULL in '*ret' if there is none. */
err_t *op_step_find(struct db *db, const char *op_id, const char *step_key, const char *subject,
                    struct op_step **ret) MUST_CHECK;

/* Inside a transaction, each under the fence (errors: FENCED). */

/* Writes new rows (struct op_step *; their op_id is the fence's). */
err_t *op_step_insert(struct db *db, const struct fence *fence, const GPtrArray *rows) MUST_CHECK;
/* Takes the rows away: the operation is planned anew from the start. */
err_t *op_step_delete(struct db *db, const struct fence *fence) MUST_CHECK;
/* Writes a row's state, attempt, tries, wake time, result, error and times.  Named by seq. */
err_t *op_step_write(struct db *db, const struct fence *fence,
                     const struct op_step *row) MUST_CHECK;
/* Turns rows of 'subject' in state 'from' into state 'to' with 'error'.  'ret_count' may be NULL.
 */
err_t *op_step_write_subject(struct db *db, const struct fence *fence, const char *subject,
                             const char *from, const char *to, const json_t *error, int64_t now_ms,
                             int64_t *ret_count) MUST_CHECK;
/*
 * Inside a transaction, for a person's verb (retry, skip): the same without a fence; raise the
 * generation with operation_change in the same transaction.  Errors: NOT_FOUND.
 */
err_t *op_step_change(struct db *db, const struct op_step *row) MUST_CHECK;
/*
 * Inside a transaction, for who brings what an operation waits for: its waiting rows are looked at
 * at once; operation_change as above.
 */
err_t *op_step_wake(struct db *db, const char *op_id) MUST_CHECK;
