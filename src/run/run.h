/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - the durable runner: executes the rows of a runbook so that a crash is an ordinary event.
 *
 * A runbook is a const table of steps; an operation is one run of it, planned into rows (step ×
 * subject) that are written to the journal (dr_steps) before anything is done.  The runner knows no
 * OpenStack: it calls probe, make and undo of a step and writes down what they say.
 *
 * Rules it keeps (each is asserted here or tested in tests/unit/run):
 *  1. Intent before effect, outcome after: a row is durable in state 'intent' before 'make'.
 *  2. Probe before make, always; also after a crash, then not before 'settle_ms' have passed.
 *  3. The plan is frozen when the operation starts, with the version of its runbook: rows are never
 *     added later, only skipped with a reason (a member that no recovery point holds).  A PIVOT
 * that finds that the plan fits no longer (call->replan) has another one made: in its place if the
 * runbook says that it adopts what was made, else after everything was taken back.
 *  4. Before the first intent of a PIVOT row a failure unwinds, newest row first, journalled.  From
 *     it on only forward: retries by error class, then needs_operator (retry, skip, abandon).  A
 *     pivot that was certainly refused (call->refused) has not happened: past_pivot is cleared in
 *     the journal write that says so.
 *     An unwinding ends: an undo that has failed RUN_TRIES_MAX times or waited RUN_UNDO_MAX_MS is
 *     an orphan, named in the journal and the ledger.
 *  5. One owner: every journal write names the operation's generation and the lease's owner and is
 *     refused (FENCED) when either has changed; then the runner drops the operation without a word
 *     to the journal.  No outside call is made unless its whole time-out fits into the lease.
 *  6. Steps are barriers.  The rows of one step run in parallel, or wave after wave (STEP_IN_WAVES,
 *     STEP_WAVES_BACK).  A member whose row failed (STEP_PER_MEMBER_FAIL) keeps no other one from
 *     going on.
 *  7. No thread waits: a step that waits for the world returns STEP_WAIT and when to look again.
 */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "base/json.h"

struct db;
struct operation; /* store/operation.h */
struct runner;
struct step_call;

/* What one row of a step is about. */
enum step_per {
    STEP_PER_GROUP,
    STEP_PER_VOLUME,
    STEP_PER_MEMBER,
};

enum step_flag {
    STEP_PIVOT = 1u << 0,       /* from its first intent on the operation only goes forward */
    STEP_NO_SKIP = 1u << 1,     /* an operator may not skip it */
    STEP_BEST_EFFORT = 1u << 2, /* a failure is recorded in the row and the operation goes on */
    STEP_FINAL = 1u << 3,       /* runs also after 'abandon' (counters, report) */
    /*
     * A failed row needs the operator only after all that can go on without it: the other rows of
     * its step and, past the pivot, those of the next steps with this flag; later rows of its own
     * subject wait for it.
     */
    STEP_PER_MEMBER_FAIL = 1u << 4,
    STEP_NEEDS_EARLIER = 1u << 5, /* left out with an earlier such row of its subject */
    /*
     * One wave of the plan's entries after the other, the lowest first (backwards: the highest);
     * without one of these all rows of the step are one wave.
     */
    STEP_IN_WAVES = 1u << 6,
    STEP_WAVES_BACK = 1u << 7,
};

/* What probe and make say of the world. */
enum step_answer {
    STEP_ABSENT, /* probe: not there, make it.  make: never */
    STEP_DONE,   /* it is as it shall be */
    STEP_WAIT,   /* under way: probe again at call->wake_at_ms */
};

/*
 * One function of a step.  On success writes '*ret'.  May read and change call->result (a JSON
 * object kept with the row).  The class of its error decides what happens: TRANSIENT is tried
 * again (not sooner than its detail 'retry_after' says, in seconds), AMBIGUOUS is probed again
 * after 'settle_ms', PERMANENT and PERSON fail the row, FENCED stops.
 */
typedef err_t *step_fn(struct step_call *call, enum step_answer *ret);

/*
 * Reads once, for all waiting rows of a step, what their probes need (one list call instead of one
 * call a row); the result is call->observed of each probe.  call->subject is "" here.
 */
typedef err_t *step_observe_fn(struct step_call *call, json_t **ret);

struct step {
    const char *key;  /* API: never renamed, never reused */
    const char *says; /* "Stop the servers at the source site" */
    enum step_per per;
    step_fn
        *probe;    /* NULL: never done before 'make' says so (only for makes that are idempotent) */
    step_fn *make; /* NULL: the step only waits for its probe */
    step_fn *undo; /* NULL: nothing to undo.  '*ret' STEP_DONE or STEP_WAIT */
    step_observe_fn *observe; /* may be NULL */
    unsigned flags;
    int progress; /* percent reached when all rows of the step are done; rising down the table */
    /*
     * How long, in all, a row may answer STEP_WAIT: then it fails with STEP_OVERDUE, and whoever
     * retries it begins anew; in a RUNBOOK_FOREVER the row says so and waits on.  Nobody else ends
     * what a cloud has accepted and never does.  0: RUN_WAITING_MAX_S; STEP_ENDLESS: it waits for
     * a person, for the other site or for data, or has a bound of its own.
     */
    int wait_max_s;
};

#define STEP_ENDLESS (-1)

enum runbook_flag {
    RUNBOOK_FOREVER = 1u << 0, /* never fails and needs nobody: retried for ever (demote, settle) */
    RUNBOOK_HIDDEN = 1u << 1,  /* not a type of the manual: listed with --all only */
    RUNBOOK_PRECLAIM = 1u << 2, /* blocks acceptance of the peer's proposals until its claim */
    RUNBOOK_KEEPS = 1u << 3,    /* what it made stays its own in the ledger when it has completed */
};

struct runbook {
    const char *name; /* the operation's type */
    int version;
    const struct step *steps; /* ended by a row without key */
    unsigned flags;
    /*
     * Makes the frozen plan: {"members":[{"id",…,"wave":0}],
     * "volumes":[{"id","member",…,"wave":0}], …}.  Reads only.  Errors end the operation as failed
     * with nothing made (TRANSIENT: tried again).  call->wake_at_ms may be set with '*ret' NULL:
     * not yet.
     */
    err_t *(*plan)(struct step_call *call, json_t **ret);
    /*
     * Asked before each pass over an operation that is before its pivot: '*ret_why' is why it shall
     * end now (it unwinds), NULL to go on.  NULL: it has all the time it needs.
     */
    err_t *(*expired)(struct step_call *call, err_t **ret_why);
    /*
     * Whether rows and objects of the plan 'before' serve 'after' as they are: the same rows, the
     * same keys.  NULL: never.
     */
    bool (*adopts)(const json_t *before, const json_t *after);
    /*
     * The operation has ended (status as given in 'status'); runs inside the transaction that
     * writes that end.  May add to call->result, which becomes the operation's.  NULL: nothing to
     * do.
     */
    err_t *(*ended)(struct step_call *call, const char *status);
};

/* What a function of a step gets. */
struct step_call {
    const struct operation *op; /* as loaded; read-only */
    const struct step *step;    /* NULL in plan and ended */
    const char *subject;        /* "" for the group, else the id of a volume or member */
    const json_t *input;        /* the subject's entry in the plan; for the group the plan itself */
    const json_t *plan;         /* NULL while planning */
    const json_t *observed;     /* of step->observe, or NULL */
    json_t *result;             /* of this row: kept over attempts, written with the outcome */
    int attempt;                /* 1 for the first make */
    struct db *db;              /* a connection of this call's own */
    void *world;                /* what the runbooks work on (runbooks/world.h) */
    struct runner *runner;
    const struct env *env;
    int64_t now_ms;
    int64_t deadline_mono_ms; /* no outside call may end later than this (INT64_MAX: none) */
    int64_t wake_at_ms;       /* out, with STEP_WAIT; 0 = the runner's poll interval */
    bool refused;  /* out, with an error of a PIVOT step: it is certain that it has not happened */
    bool replan;   /* out, with 'refused': the plan fits no longer */
    json_t *skips; /* out: object subject -> reason; their later rows will be skipped */
    const char *owner; /* of the lease, for writes that must be conditional on it */
};

/* The result of an earlier row of this operation, {} if it has none.  New reference. */
err_t *step_result_of(struct step_call *call, const char *step_key, const char *subject,
                      json_t **ret) MUST_CHECK;
/*
 * How an earlier row of this operation ended: '*ret_done' iff it is DONE; '*ret_why' (caller frees)
 * is what it failed or was skipped for, else NULL; '*ret_result' as step_result_of gives it.
 */
err_t *step_outcome_of(struct step_call *call, const char *step_key, const char *subject,
                       bool *ret_done, char **ret_why, json_t **ret_result) MUST_CHECK;
/*
 * A text that an entry of the frozen plan, or the result of an earlier row, must have: DB if it has
 * none, for a hand has written it.  Belongs to 'from', which may be NULL.
 */
err_t *step_text(const struct step_call *call, const json_t *from, const char *key,
                 const char **ret) MUST_CHECK;
/* Marks later rows of 'subject' (and of the volumes of member 'subject') as skipped with a reason.
 */
void step_skip_subject(struct step_call *call, const char *subject, const char *reason);

/* How rows of one step are run at the same time: calls 'fn' for each item and returns when all
 * have. */
struct run_executor {
    void *data;
    void (*map)(void *data, void (*fn)(void *item), void **items, size_t count);
};
/* One after the other, in the caller's thread: for simulations and tests. */
extern const struct run_executor run_executor_inline;

/* Where a crash may be played: return true and the runner stops as if the process had died there.
 */
typedef bool run_boundary_fn(void *data, const char *op_id, const char *where, const char *step_key,
                             const char *subject);

/* What becomes of the cause for which a row would fail. */
enum run_hope {
    RUN_HOPE_NONE,   /* nothing that is known */
    RUN_HOPE_COMING, /* another operation is taking it away: the row waits, RUN_HOPE_MAX_MS at most
                      */
    RUN_HOPE_CAME,   /* it has been taken away since: another try may succeed */
};

struct runner_options {
    const struct env *env;
    const struct runbook *const *runbooks; /* NULL-ended; older versions of a name stay in it */
    void *world;
    /* Connections: one per call; put() takes it back. */
    struct db *(*db_get)(void *world);
    void (*db_put)(void *world, struct db *db);
    const struct run_executor *executor;
    const char *owner; /* unique per engine process: "host:pid:uuid" */
    int64_t lease_ttl_ms;
    int64_t settle_ms;
    int64_t poll_ms;           /* how soon to look again after STEP_WAIT without a time */
    run_boundary_fn *boundary; /* may be NULL */
    void *boundary_data;
    /* True iff leases of this host's earlier engine may be taken at once: it holds the lock file.
     */
    bool (*lease_is_ours)(void *world, const char *owner);
    /*
     * Asked before an operation is worked on: an error, and nothing is (a database that was put
     * back to an older copy parks its operations here).  May be NULL.
     */
    err_t *(*guard)(void *world, struct db *db);
    /* Asked when a row would fail (class PERSON or PERMANENT).  May be NULL: there is no hope. */
    enum run_hope (*hope)(void *world, struct db *db, const struct operation *op, const err_t *e);
    /* Told of what a person should see in the log; may be NULL.  'e' is borrowed, may be NULL. */
    void (*report)(void *world, const char *op_id, const char *event, const err_t *e);
};

#define RUN_TRIES_MAX        8 /* of a row, before its error counts as final */
#define RUN_REPLANS_MAX      8 /* plans of an operation that did not fit at its pivot */
#define RUN_UNDO_MAX_MS      (15 * 60 * 1000) /* that one undo may wait for the world */
#define RUN_UNDO_ONCE_MAX_MS 60000            /* the same in an operation that was abandoned */
#define RUN_BACKOFF_FIRST_MS 500
#define RUN_BACKOFF_MAX_MS   60000
#define RUN_HOPE_MAX_MS      600000 /* from the first refusal of a row */
#define RUN_COMING_MS        2000   /* between tries of what RUN_HOPE_COMING is said of */
#define RUN_WAIT_MAX_MS      120000 /* that a step may ask for, or a backoff last */
#define RUN_WAITING_MAX_S    1800   /* that a row answers WAIT, unless its step says otherwise */
#define RUN_OPS_PER_TICK_MAX 64

struct runner *runner_create(const struct runner_options *options);
void runner_destroy(struct runner *runner);

/*
 * Does what is due now: takes free or abandoned leases, runs each due operation as far as it goes
 * without waiting.  'ret_wake_at_ms': when to come back by runner_clock_ms (0: at once, INT64_MAX:
 * when rung).
 * An error is the database's; the caller logs it and comes back.
 */
err_t *runner_tick(struct runner *runner, int64_t *ret_wake_at_ms) MUST_CHECK;
/* The operations that are due, for a caller that runs each with runner_run in a thread of its own.
 */
err_t *runner_due(struct runner *runner, GPtrArray **ret_ids, int64_t *ret_wake_at_ms) MUST_CHECK;
/*
 * Runs one operation if it is due and the lease is free; false in 'ret_ran' otherwise, and if
 * 'runbooks' lacks the table that made its plan: the lease is then left to another engine.
 */
err_t *runner_run(struct runner *runner, const char *op_id, bool *ret_ran) MUST_CHECK;
/*
 * What wake times are in: the wall clock as it was when the runner was made, and the monotonic
 * clock since.  A wall clock that jumps neither lets an operation sleep for a day nor shortens the
 * settling; a wake time from an engine whose clock was far ahead counts as due.
 */
int64_t runner_clock_ms(const struct runner *runner);
/* Beats the leases this runner holds; call more often than a third of the TTL (own thread). */
err_t *runner_beat(struct runner *runner) MUST_CHECK;
/* True when 'mono_ms' passed since the last beat would leave no room for a call of 'timeout_ms'. */
bool runner_call_fits(const struct runner *runner, const char *op_id, int64_t timeout_ms);

/* The runbook as Markdown: key, sentence, per, flags.  Caller frees. */
char *runbook_print(const struct runbook *book);
