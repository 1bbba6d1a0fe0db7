/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replan - a pivot has found that its plan fits no longer (rule 3 of run.h): the world that it was
 * made from has moved while the operation prepared.
 *
 * Another plan is made.  If the runbook says that it adopts what was made, it takes the place of
 * the old one and the rows stay as they are.  Else everything is taken back under the old plan's
 * keys, and the operation is pending again.  A crash between two of these writes finds the pivot's
 * row pending: its probe says the same once more.
 */
#include "run/runner_internal.h"

#define REPLANS    "replans"
#define REPLANNING "replanning"

static struct journal_row *pivot_row(struct pass *pass)
{
    for (guint i = 0;; i++) {
        g_assert(i < pass->rows->len); /* it is a pivot that has asked for the plan */
        struct journal_row *row = g_ptr_array_index(pass->rows, i);
        if (pass_step(pass, row->step_key)->flags & STEP_PIVOT)
            return row;
    }
}

/* There is no other plan: the pivot has failed, before it happened. */
static err_t *replan_failed(struct pass *pass, const err_t *e)
{
    struct journal_row *row = pivot_row(pass);

    json_decref(row->error);
    row->error = err_to_json(e);
    row->state = ROW_FAILED;
    row->finished_at_ms = pass_now(pass);
    TRY(journal_row_write(&pass->j, row, false, pass_now(pass)));
    return pass_failed(pass, row);
}

static err_t *replan_later(struct pass *pass, int64_t tries)
{
    pass_wake(pass, pass_clock(pass) + run_backoff_ms((int)tries, NULL));
    return journal_result(&pass->j, pass->op->result, pass->wake_at_ms);
}

static err_t *replan_make(struct pass *pass, json_t **ret)
{
    struct step_call call;

    *ret = NULL;
    pass_call_init(pass, pass->j.db, NULL, NULL, &call);
    call.plan = NULL;
    err_t *e = pass->book->plan(&call, ret);
    json_decref(call.result);
    json_decref(call.skips);
    return e;
}

static err_t *replan_unwind(struct pass *pass)
{
    g_autoptr(err_t) why = err_from_json(pivot_row(pass)->error);

    pass_report(pass, "planned anew, after taking back what was made", why);
    json_set_bool(pass->op->result, REPLANNING, true);
    TRY(journal_unwind(&pass->j, pass->op->result, why, pass_now(pass)));
    g_free(pass->op->status);
    pass->op->status = g_strdup("rolling_back");
    return pass_backward(pass);
}

err_t *pass_replan(struct pass *pass)
{
    g_autoptr(json_t) plan = NULL;
    int64_t tries = json_int(pass->op->result, REPLANS, 0) + 1;

    pass->replan = false;
    json_set_int(pass->op->result, REPLANS, tries);
    if (tries > RUN_REPLANS_MAX) {
        g_autoptr(err_t) last = err_from_json(pivot_row(pass)->error);
        return replan_failed(pass, last);
    }
    g_autoptr(err_t) e = replan_make(pass, &plan);
    if (e != NULL && err_class(e) == ERR_CLASS_FENCED)
        return TAKE(e);
    if (e != NULL && err_class(e) != ERR_CLASS_TRANSIENT && err_class(e) != ERR_CLASS_AMBIGUOUS)
        return replan_failed(pass, e);
    if (plan == NULL)
        return replan_later(pass, tries);
    if (pass->book->adopts == NULL || !pass->book->adopts(pass->op->plan, plan))
        return replan_unwind(pass);
    pass_report(pass, "planned anew, adopting what was made", NULL);
    TRY(journal_replan(&pass->j, plan, pass->op->result, pass_now(pass)));
    json_decref(pass->op->plan);
    pass->op->plan = TAKE(plan);
    return pass_forward(pass);
}

bool pass_unwinds_for_plan(const struct pass *pass)
{
    return json_bool(pass->op->result, REPLANNING, false);
}

err_t *pass_plan_again(struct pass *pass)
{
    json_object_del(pass->op->result, REPLANNING);
    TRY(journal_again(&pass->j, pass->op->result, pass_now(pass)));
    pass_wake(pass, pass_clock(pass));
    return NULL;
}
