/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation - rows of dr_operations: what was asked for, how far it is, how it ended.
 *
 * An operation lives in the database of the site that executes it.  Its engine writes under a fence
 * (lease.h); everybody else (a person's verb, a message of the peer) changes it with
 * operation_change, which raises the generation, so that the engine's next write is refused and it
 * reads again.
 *
 * Neighbours: op_step.h (the journal), resource.h (the ledger), run/ (who writes), api/ (who
 * shows). Invariants: is_open is false iff the status is terminal (model/states.h); an operation
 * that waits for somebody has wake_at_ms OPERATION_NEVER.
 */
#pragma once

#include "base/json.h"
#include "store/db.h"
#include "store/lease.h"
#include "store/list.h"

#define OPERATION_NEVER   INT64_MAX
#define OPERATION_AT_ONCE 0 /* whatever an engine's clock says */

/* Key of the result: how an operation that unwinds ends before everything is taken back. */
#define OPERATION_UNWIND       "unwind"
#define OPERATION_UNWIND_ONCE  "once"  /* abandoned: what is left to undo is tried once, briefly */
#define OPERATION_UNWIND_LEAVE "leave" /* preempted: nothing is called; what is left is adopted */

struct operation {
    char *id;         /* "op-<uuid>" */
    char *pg_id;      /* NULL: of no group (site validate, site failover) */
    char *project_id; /* of this site */
    char *parent_id;  /* site failover; NULL */
    char *operation_type;
    char *runbook;
    int64_t runbook_version;
    bool planned;
    char *status; /* texts of model/states.h */
    bool is_open;
    bool hidden; /* not a type of the manual: listed with --all only */
    int64_t progress;
    char *source_site_id;
    char *target_site_id;
    char *executing_site_id;
    json_t *params;
    json_t *plan; /* frozen; NULL before the start, and in lists */
    json_t *result;
    json_t *error; /* err_to_json, or NULL */
    int64_t generation;
    bool past_pivot;
    int64_t wake_at_ms;
    char *user_id;
    char *request_id;
    char *idempotency_key;
    int64_t created_at_ms;
    int64_t started_at_ms; /* 0: not yet; so for all times */
    int64_t completed_at_ms;
    int64_t updated_at_ms;
};
struct operation *operation_create(void);
void operation_destroy(struct operation *op);
AUTO_DEFINE(operation, operation_destroy)

/*
 * Writes a new one: status "pending" if none is set, generation 1 if 0; these are filled in 'op'.
 * Errors: DB_DUPLICATE.
 */
err_t *operation_insert(struct db *db, struct operation *op) MUST_CHECK;
/* Whole, with plan.  'project_id' NULL: of any project.  Error: OPERATION_NOT_FOUND. */
err_t *operation_get(struct db *db, const char *id, const char *project_id,
                     struct operation **ret) MUST_CHECK;
/* The same; NULL in '*ret' if there is none. */
err_t *operation_find(struct db *db, const char *id, struct operation **ret) MUST_CHECK;

struct operation_scope {
    const char *project_id; /* NULL: all projects */
    const char *pg_id;      /* NULL: all groups */
    bool all;               /* hidden ones too */
};
/*
 * A page (without plans), newest first if the query names no order.  Sorts: created_at, updated_at,
 * status, operation_type, id.  Filters: status, operation_type, pg_id, planned, is_open, parent_id.
 */
err_t *operation_list(struct db *db, const struct operation_scope *scope,
                      const struct list_query *query, GPtrArray **ret) MUST_CHECK;
/* The open operations of a group, oldest first. */
err_t *operation_list_open(struct db *db, const char *pg_id, GPtrArray **ret) MUST_CHECK;

/*
 * The newest drill of the group that has ended and of which something is still in the ledger; NULL:
 * there is none.  Caller frees.
 */
err_t *operation_drill_left(struct db *db, const char *pg_id, char **ret) MUST_CHECK;
/* The operation 'id' that cleans up after a drill; not written yet.  Caller destroys. */
struct operation *operation_cleanup_of(const struct operation *drill, const char *id,
                                       int64_t now_ms);

/*
 * Whether a drill of the operation's group is being taken away (cleaned up, or unwound) by another
 * operation, and whether one has been, to whatever end, since this one was asked for.
 */
err_t *operation_drill_goes(struct db *db, const struct operation *op, bool *ret_goes,
                            bool *ret_went) MUST_CHECK;

/* Those that an operation has begun (site failover), oldest first; without plans. */
err_t *operation_list_children(struct db *db, const char *parent_id, GPtrArray **ret) MUST_CHECK;
/* The open one of this type and source; NULL in '*ret' if there is none. */
err_t *operation_find_open(struct db *db, const char *type, const char *source_site_id,
                           struct operation **ret) MUST_CHECK;

/* How many are open, by type and status, in order; '*ret' rows: type, status, number. */
err_t *operation_count_open(struct db *db, struct db_rows **ret) MUST_CHECK;
/* The one of this type that was completed last; NULL in '*ret' if there is none. */
err_t *operation_find_last(struct db *db, const char *pg_id, const char *type,
                           struct operation **ret) MUST_CHECK;

/*
 * Ids of at most 'limit' operations that an engine should run now (open, pending, running,
 * waiting for the peer or rolling back, awake), those waiting longest first; one that would wake
 * later than 'far_ms' is awake too, for a clock that was wrong wrote that; '*ret_wake_at_ms':
 * when the next one wakes (OPERATION_NEVER: none).  The array frees its texts.
 */
err_t *operation_list_due(struct db *db, int64_t now_ms, int64_t far_ms, int limit,
                          GPtrArray **ret_ids, int64_t *ret_wake_at_ms) MUST_CHECK;

/*
 * Outside the engine, inside a transaction: writes everything but the plan if the generation is
 * still that of 'op' when it was read, and raises it by one (in 'op' too).  Sets is_open by the
 * status. Errors: DB_DEADLOCK (it has changed since: the transaction runs again and reads anew).
 */
err_t *operation_change(struct db *db, struct operation *op, int64_t now_ms) MUST_CHECK;

/* ---- the engine's writes; inside a transaction, each under the fence (errors: FENCED) */

/*
 * Freezes the plan and the version of the runbook that made it: status "running", started_at.  Rows
 * of the journal go with it.
 */
err_t *operation_write_plan(struct db *db, const struct fence *fence, const json_t *plan,
                            int64_t runbook_version, int64_t now_ms) MUST_CHECK;
/* 'error' NULL clears it. */
err_t *operation_write_status(struct db *db, const struct fence *fence, const char *status,
                              const json_t *error, int64_t wake_at_ms, int64_t now_ms) MUST_CHECK;
err_t *operation_write_progress(struct db *db, const struct fence *fence, int64_t progress,
                                int64_t wake_at_ms) MUST_CHECK;
err_t *operation_write_result(struct db *db, const struct fence *fence, const json_t *result,
                              int64_t wake_at_ms) MUST_CHECK;
err_t *operation_write_pivot(struct db *db, const struct fence *fence, bool past) MUST_CHECK;
/*
 * The plan did not fit any more: another one in its place; 'plan' NULL: pending again, to be
 * planned from the start (its journal goes in the same transaction: op_step_delete).
 */
err_t *operation_write_replan(struct db *db, const struct fence *fence, const json_t *plan,
                              const json_t *result, int64_t now_ms) MUST_CHECK;
/* The end: a terminal status, completed_at; progress 100 if it is "completed". */
err_t *operation_write_end(struct db *db, const struct fence *fence, const char *status,
                           const json_t *error, const json_t *result, int64_t now_ms) MUST_CHECK;
