/* SPDX-License-Identifier: Apache-2.0 */
/* verb - see verb.h. */
#include "store/verb.h"

#include "model/safety.h"
#include "store/group.h"
#include "store/op_step.h"
#include "store/operation.h"

static void set_status(struct operation *op, enum operation_status status)
{
    g_free(op->status);
    op->status = g_strdup(operation_status_text(status));
    op->wake_at_ms = OPERATION_AT_ONCE;
}

/* It begins anew; one whose outcome is not known keeps the time until which it settles. */
static err_t *row_retry(struct db *db, struct op_step *s)
{
    g_free(s->state);
    s->state = g_strdup("pending");
    s->tries = 0;
    return op_step_change(db, s);
}

/* All failed rows. */
static err_t *rows_retry(struct db *db, const struct operation *op)
{
    g_autoptr(GPtrArray) rows = NULL;

    TRY(op_step_list(db, op->id, &rows));
    for (guint i = 0; i < rows->len; i++) {
        struct op_step *s = g_ptr_array_index(rows, i);
        if (g_str_equal(s->state, "failed"))
            TRY(row_retry(db, s));
    }
    return NULL;
}

/* Marks rows as skipped for a reason a person gave; 'final' ones are kept (abandon), and run. */
static err_t *rows_skip(struct db *db, const struct verb_call *v, bool all)
{
    g_autoptr(GPtrArray) rows = NULL;
    bool found = false;

    TRY(op_step_list(db, v->op_id, &rows));
    for (guint i = 0; i < rows->len; i++) {
        struct op_step *s = g_ptr_array_index(rows, i);
        bool open = !g_str_equal(s->state, "done") && !g_str_equal(s->state, "skipped");
        bool meant = all ? open && !op_step_flag(s, OP_STEP_FINAL)
                         : g_strcmp0(s->step_key, v->step) == 0 &&
                               g_str_equal(s->state, "failed") &&
                               (v->subject == NULL || g_str_equal(s->subject, v->subject));
        if (all && op_step_flag(s, OP_STEP_FINAL) && g_str_equal(s->state, "failed"))
            TRY(row_retry(db, s));
        if (!meant)
            continue;
        if (!all)
            TRY(safety_skip(op_step_flag(s, OP_STEP_NO_SKIP), s->step_key));
        g_autoptr(err_t) why = err(SKIPPED, "%s", v->reason != NULL ? v->reason : "abandoned");
        json_decref(s->error);
        s->error = err_to_json(why);
        g_free(s->state);
        s->state = g_strdup("skipped");
        TRY(op_step_change(db, s));
        found = true;
    }
    return found || all ? NULL
                        : err(NOT_FOUND, "no failed step '%s' of this operation",
                              v->step != NULL ? v->step : "");
}

/* An undo that hangs now is given up: what it was to take away is an orphan. */
static err_t *rows_give_up(struct db *db, const struct verb_call *v)
{
    g_autoptr(GPtrArray) rows = NULL;

    TRY(op_step_list(db, v->op_id, &rows));
    for (guint i = 0; i < rows->len; i++) {
        struct op_step *s = g_ptr_array_index(rows, i);
        if (!g_str_equal(s->state, "undo_intent") && !g_str_equal(s->state, "undo_waiting"))
            continue;
        g_autoptr(err_t) e = s->error != NULL
                                 ? err_from_json(s->error)
                                 : err(OPERATION_ENDED, "it was still being taken back");
        e = err_wrap(TAKE(e), "given up%s%s", v->reason != NULL ? ": " : "",
                     v->reason != NULL ? v->reason : "");
        json_decref(s->error);
        s->error = err_to_json(e);
        g_free(s->state);
        s->state = g_strdup("orphaned");
        s->finished_at_ms = v->now_ms;
        TRY(op_step_change(db, s));
    }
    return NULL;
}

/*
 * It unwinds already and a person waits no longer: what hangs is left, what was not tried yet is
 * tried once.
 */
static err_t *unwinding_abandon(struct db *db, const struct verb_call *v, struct operation *op)
{
    if (op->past_pivot)
        return err(OPERATION_STATE,
                   "operation '%s' was overtaken past its pivot: it takes nothing back and ends by "
                   "itself",
                   op->id);
    if (op->result == NULL)
        op->result = json_object();
    json_set_str(op->result, "ending", "abandoned");
    json_set_str(op->result, "ending_text", v->reason);
    json_set_str(op->result, OPERATION_UNWIND, OPERATION_UNWIND_ONCE);
    set_status(op, OPERATION_ROLLING_BACK);
    return rows_give_up(db, v);
}

/* Before the pivot everything is taken back; after it the rest is left out and the outcome
 * recorded. */
static err_t *verb_end(struct db *db, const struct verb_call *v, struct operation *op,
                       const char *ending)
{
    if (op->result == NULL)
        op->result = json_object();
    json_set_str(op->result, "ending", ending);
    json_set_str(op->result, "ending_text", v->reason);
    if (!op->past_pivot) {
        set_status(op, OPERATION_ROLLING_BACK);
        return NULL;
    }
    TRY(rows_skip(db, v, true));
    set_status(op, OPERATION_RUNNING);
    return NULL;
}

static err_t *cancel_allowed(struct db *db, const struct operation *op)
{
    AUTO(group_row) g = NULL;

    if (operation_type_endless(op->operation_type))
        return err(OPERATION_STATE,
                   "operation '%s' (%s) is what the group's state asks for: it goes on until it is "
                   "done",
                   op->id, op->operation_type);
    if (op->past_pivot)
        return err(OPERATION_STATE, "operation '%s' is past its pivot: it only goes forward",
                   op->id);
    if (op->pg_id != NULL)
        TRY(group_find(db, op->pg_id, &g));
    if (g != NULL && g->staged != NULL && g_strcmp0(g->staged_op, op->id) == 0)
        return err_remedy(err(SYNC_STAGED,
                              "the change is signed: only the other site's answer ends it"),
                          "carry it: protector protection-group sync-force %s", g->name);
    return NULL;
}

static err_t *apply(struct db *db, const struct verb_call *v, struct operation *op)
{
    switch (v->verb) {
    case OPERATION_RETRY:
        TRY(rows_retry(db, op));
        set_status(op, OPERATION_RUNNING);
        return NULL;
    case OPERATION_SKIP:
        TRY(rows_skip(db, v, false));
        set_status(op, OPERATION_RUNNING);
        return NULL;
    case OPERATION_ABANDON:
        if (operation_status_of(op->status) == OPERATION_ROLLING_BACK)
            return unwinding_abandon(db, v, op);
        return verb_end(db, v, op, "abandoned");
    case OPERATION_CANCEL:
        TRY(cancel_allowed(db, op));
        return verb_end(db, v, op, "cancelled");
    case OPERATION_VERBS:
        break;
    }
    g_assert_not_reached();
}

static err_t *verb_tx(struct db *db, void *data)
{
    const struct verb_call *v = data;
    AUTO(operation) op = NULL;

    TRY(operation_get(db, v->op_id, NULL, &op));
    TRY(operation_verb_check(v->verb, operation_status_of(op->status)));
    TRY(apply(db, v, op));
    TRY(operation_change(db, op, v->now_ms));
    return op->pg_id != NULL ? group_refresh(db, op->pg_id, v->now_ms) : NULL;
}

err_t *verb_apply(struct db *db, const struct verb_call *verb)
{
    return db_tx(db, verb_tx, (void *)verb);
}
