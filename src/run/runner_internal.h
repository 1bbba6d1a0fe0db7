/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner_internal - what the files of the runner share: runner.c (leases and the tick), forward.c
 * (rows towards their goal), backward.c (unwinding).  Private to run/.
 */
#pragma once

#include "run/journal.h"
#include "run/run.h"
#include "store/operation.h"

/* A lease this runner holds. */
struct run_lease {
    int64_t beat;
    int64_t beaten_mono_ms; /* when the last beat was certainly not yet written */
    int64_t taken_ms;       /* intents of an earlier life wait settle_ms from here */
};

/* A lease of somebody else, watched by our own monotonic clock. */
struct run_watch {
    char *owner;
    int64_t beat;
    int64_t since_mono_ms;
};

struct runner {
    struct runner_options o;
    GMutex lock;         /* of the three tables */
    GHashTable *leases;  /* op id -> run_lease */
    GHashTable *watches; /* op id -> run_watch */
    int64_t wall_ms;     /* added to the monotonic clock: see runner_clock_ms */
    GHashTable *left;    /* ids of operations whose runbook this engine lacks: said once */
};

/* One pass over one operation. */
struct pass {
    struct runner *runner;
    const struct runbook *book;
    struct operation *op;
    struct journal j;
    GPtrArray *rows;        /* of journal_row, ordered by seq */
    int64_t settle_from_ms; /* when this life took the lease */
    bool replan;            /* a pivot has said that the plan fits no longer */
    int64_t wake_at_ms;     /* out: earliest time anything of it is due */
};

/* What the inline or pooled executor runs: one row. */
struct row_work {
    struct pass *pass;
    struct journal j; /* with a connection of this row's own: rows of a step run in parallel */
    const struct step *step;
    struct journal_row *row;
    const json_t *observed;
    err_t *observe_error; /* borrowed */
    err_t *fatal;         /* out: fenced or database */
};

/* Runs due rows until nothing is due, the operation has ended, or somebody else took over. */
err_t *pass_forward(struct pass *pass) MUST_CHECK;
err_t *pass_backward(struct pass *pass) MUST_CHECK;
/* After a pivot that found its plan unfit: another one, or the unwinding that comes before it. */
err_t *pass_replan(struct pass *pass) MUST_CHECK;
/* Everything of an unfit plan is taken back: pending again.  False: this is no such unwinding. */
bool pass_unwinds_for_plan(const struct pass *pass);
err_t *pass_plan_again(struct pass *pass) MUST_CHECK;
/* Ends the forward way at a failed row: unwinds, or waits for a person. */
err_t *pass_failed(struct pass *pass, const struct journal_row *row) MUST_CHECK;

/* The wall clock, read anew: a call may have taken a minute.  For people to read. */
int64_t pass_now(const struct pass *pass);
/* What waits are counted by: runner_clock_ms. */
int64_t pass_clock(const struct pass *pass);
/* When a step that answered 'not yet' wants to be asked again. */
int64_t pass_wake_of(const struct pass *pass, const struct step_call *call);
/* Whether the lease still lasts: else FENCED, and nothing is asked of the world. */
err_t *pass_lasts(const struct pass *pass) MUST_CHECK;
/* Reads the rows again: a finished row may have skipped others. */
err_t *pass_reload(struct pass *pass) MUST_CHECK;
/* Fills a call for 'row' (NULL: for the operation as a whole). */
void pass_call_init(struct pass *pass, struct db *db, const struct step *step,
                    const struct journal_row *row, struct step_call *ret);
const struct step *pass_step(const struct pass *pass, const char *key);
/* When 'row' may be touched: its wake time or, after an intent of an earlier life, the settling. */
int64_t pass_row_due_at(const struct pass *pass, const struct journal_row *row);
void pass_wake(struct pass *pass, int64_t at_ms);
/* Runs 'work' items through the executor; the first fatal error, if any. */
err_t *pass_map(struct pass *pass, void (*fn)(void *item), GPtrArray *work) MUST_CHECK;
bool pass_boundary(struct pass *pass, const char *where, const struct journal_row *row);
err_t *pass_crashed(const struct pass *pass) MUST_CHECK;
/* Until the next try; not sooner than 'e' (may be NULL) says that a busy service asked for. */
int64_t run_backoff_ms(int tries, const err_t *e);
err_t *pass_end(struct pass *pass, const char *status, const err_t *e) MUST_CHECK;
/* Another status ("rolling_back", "needs_operator") for the reason 'e', written and reported. */
err_t *pass_turn(struct pass *pass, const char *status, const err_t *e) MUST_CHECK;
void pass_report(struct pass *pass, const char *event, const err_t *e);
/* The reason kept for why this operation unwinds ("cancelled", "superseded"), or NULL. */
const char *pass_ending(const struct pass *pass);
