/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - the runner's view of the database: the rows of one operation and its end.
 *
 * Every write names the operation's generation and the lease's owner; when either has changed it
 * writes nothing and returns FENCED.  SQL lies in store/; this file only joins its nouns into the
 * transactions that the runner's rules ask for.  Private to run/.
 */
#pragma once

#include "base/auto.h"
#include "base/env.h"
#include "base/json.h"
#include "store/db.h"
#include "store/op_step.h"
#include "store/operation.h"

enum row_state {
    ROW_PENDING, /* nothing done */
    ROW_INTENT,  /* 'make' may have been called; its outcome is not known */
    ROW_WAITING, /* 'make' has answered; the world is on its way */
    ROW_DONE,
    ROW_SKIPPED, /* with a reason in 'error' */
    ROW_FAILED,
    ROW_UNDO_INTENT, /* 'undo' may have been called */
    ROW_UNDO_WAITING,
    ROW_UNDONE,
    ROW_ORPHANED, /* could not be undone: listed for a person */
    ROW_STATE_COUNT,
};

struct journal_row {
    int64_t seq;
    char *step_key;
    char *subject;
    char *says; /* the step's sentence for a person */
    int wave;
    int64_t flags; /* enum op_step_flag, for the verbs of a person */
    enum row_state state;
    int attempt; /* makes */
    int tries;   /* errors in a row */
    int64_t wake_at_ms;
    json_t *result; /* object, never NULL */
    json_t *error;  /* of the last try, or NULL */
    int64_t started_at_ms;
    int64_t finished_at_ms;
};

const char *row_state_text(enum row_state state);
enum row_state row_state_of(const char *text); /* ROW_STATE_COUNT if unknown */
void journal_row_destroy(struct journal_row *row);

/* Whose writes these are. */
struct journal {
    struct db *db;
    const struct env *env;
    const char *op_id;
    int64_t generation;
    const char *owner;
};

/* Loads all rows in the order of seq; array frees its rows.  DB: one is damaged. */
err_t *journal_rows(const struct journal *j, GPtrArray **ret) MUST_CHECK;
/* One row by step and subject; NULL in '*ret' if there is none. */
err_t *journal_row_find(const struct journal *j, const char *step_key, const char *subject,
                        struct journal_row **ret) MUST_CHECK;
/* Writes plan, the runbook's version and rows (PENDING), status 'running', in one transaction. */
err_t *journal_start(const struct journal *j, const json_t *plan, int version,
                     const GPtrArray *rows, int64_t now_ms) MUST_CHECK;
/* Writes a row's state, attempt, tries, wake time, result and error.  'pivot': sets past_pivot too.
 */
err_t *journal_row_write(const struct journal *j, const struct journal_row *row, bool pivot,
                         int64_t now_ms) MUST_CHECK;
/* The same, of a PIVOT row that certainly has not happened: past_pivot is cleared with it. */
err_t *journal_row_refused(const struct journal *j, const struct journal_row *row,
                           int64_t now_ms) MUST_CHECK;
/* The same and, in the same transaction, skips pending rows of the subjects in 'skips'. */
err_t *journal_row_done(const struct journal *j, const struct journal_row *row, bool pivot,
                        const json_t *skips, int64_t now_ms) MUST_CHECK;
err_t *journal_status(const struct journal *j, const char *status, const err_t *e,
                      int64_t now_ms) MUST_CHECK;
/* Another plan for the rows that are there. */
err_t *journal_replan(const struct journal *j, const json_t *plan, json_t *result,
                      int64_t now_ms) MUST_CHECK;
/* Begins to unwind, with the result that says why. */
err_t *journal_unwind(const struct journal *j, json_t *result, const err_t *e,
                      int64_t now_ms) MUST_CHECK;
/* Pending again, without plan and rows. */
err_t *journal_again(const struct journal *j, json_t *result, int64_t now_ms) MUST_CHECK;
/* Keeps the operation's result while it runs. */
err_t *journal_result(const struct journal *j, json_t *result, int64_t wake_at_ms) MUST_CHECK;
err_t *journal_progress(const struct journal *j, int progress, int64_t wake_at_ms) MUST_CHECK;
/*
 * Ends the operation: status, error, result, completed_at; with 'release' its resources are handed
 * over (it completed, or was past its pivot: design section 6, rule 2); drops the lease.
 * 'ended' runs inside the transaction.
 */
typedef err_t *journal_ended_fn(void *data, struct db *db, const char *status, json_t *result);
err_t *journal_end(const struct journal *j, const char *status, const err_t *e, json_t *result,
                   bool release, journal_ended_fn *ended, void *data, int64_t now_ms) MUST_CHECK;
AUTO_DEFINE(journal_row, journal_row_destroy)
