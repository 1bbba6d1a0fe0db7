/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backward - unwinding before the pivot: newest step first, each row journalled, each undo level
 * triggered (it looks for what its make may have left and takes it away), so that it may be
 * repeated after any crash.  What cannot be undone is left as an orphan that the operation names.
 *
 * Every undo is bounded, in tries and in time, so that an unwinding ends whatever the world does; a
 * person (abandon) or another failover (which adopts what is left) may end it sooner.
 */
#include "run/runner_internal.h"

#include "model/mutant.h"

#define UNDO_BEGAN "undo_began_ms" /* key of a row's result */

static bool unwinds_so(const struct pass *pass, const char *how)
{
    return g_strcmp0(json_str(pass->op->result, OPERATION_UNWIND), how) == 0;
}

/* Preempted: nothing of the world is touched any more. */
static bool pass_leaves(const struct pass *pass)
{
    return unwinds_so(pass, OPERATION_UNWIND_LEAVE);
}

static bool pass_tries_once(const struct pass *pass)
{
    return unwinds_so(pass, OPERATION_UNWIND_ONCE);
}

static bool row_undoable(const struct pass *pass, const struct journal_row *row)
{
    if (pass_step(pass, row->step_key)->undo == NULL)
        return false;
    switch (row->state) {
    case ROW_INTENT:
    case ROW_WAITING:
    case ROW_DONE:
    case ROW_UNDO_INTENT:
    case ROW_UNDO_WAITING:
        return true;
    case ROW_FAILED:
    case ROW_PENDING:
    case ROW_SKIPPED: /* of best effort: its make may have had one */
        return row->attempt > 0;
    case ROW_UNDONE:
    case ROW_ORPHANED:
    case ROW_STATE_COUNT:
        break;
    }
    return false;
}

/* The row is over without being done or undone, and its error says why. */
static err_t *row_close(struct pass *pass, const struct journal *j, struct journal_row *row,
                        enum row_state state, const err_t *e)
{
    json_decref(row->error);
    row->error = err_to_json(e);
    row->state = state;
    row->wake_at_ms = 0;
    row->finished_at_ms = pass_now(pass);
    return journal_row_write(j, row, false, pass_now(pass));
}

/* Left where it is: named by the row's error, and still open in the ledger. */
static err_t *row_orphan(struct row_work *w, const err_t *e)
{
    return row_close(w->pass, &w->j, w->row, ROW_ORPHANED, e);
}

/* How long this row's undo has gone on, by its first intent. */
static int64_t undo_lasts_ms(const struct row_work *w)
{
    int64_t now_ms = pass_clock(w->pass);

    return now_ms - json_int(w->row->result, UNDO_BEGAN, now_ms);
}

static bool undo_overdue(const struct row_work *w)
{
    int64_t max_ms = pass_tries_once(w->pass) ? RUN_UNDO_ONCE_MAX_MS : RUN_UNDO_MAX_MS;

    return undo_lasts_ms(w) >= max_ms;
}

static err_t *row_undo_failed(struct row_work *w, err_t *e)
{
    struct journal_row *row = w->row;
    enum err_class class = err_class(e);
    bool again = class == ERR_CLASS_TRANSIENT || class == ERR_CLASS_AMBIGUOUS;
    int tries_max = pass_tries_once(w->pass) ? 1 : RUN_TRIES_MAX;

    row->tries++;
    if (!again || row->tries >= tries_max || undo_overdue(w))
        return row_orphan(w, e);
    json_decref(row->error);
    row->error = err_to_json(e);
    int64_t wait_ms = run_backoff_ms(row->tries, e);
    if (class == ERR_CLASS_AMBIGUOUS)
        wait_ms = MAX(wait_ms, w->pass->runner->o.settle_ms);
    row->wake_at_ms = pass_clock(w->pass) + wait_ms;
    return journal_row_write(&w->j, row, false, pass_now(w->pass));
}

static err_t *row_undone(struct row_work *w, const struct step_call *call, enum step_answer answer)
{
    struct journal_row *row = w->row;

    if (answer != STEP_DONE && undo_overdue(w)) {
        g_autoptr(err_t) e =
            err(TIMEOUT, "it was still being taken back after %" G_GINT64_FORMAT " s",
                undo_lasts_ms(w) / 1000);
        return row_orphan(w, e);
    }
    row->tries = 0;
    if (answer == STEP_DONE) {
        row->state = ROW_UNDONE;
        row->wake_at_ms = 0;
        row->finished_at_ms = pass_now(w->pass);
    } else {
        row->state = ROW_UNDO_WAITING;
        row->wake_at_ms = pass_wake_of(w->pass, call);
    }
    return journal_row_write(&w->j, row, false, pass_now(w->pass));
}

static err_t *row_undo_intent(struct row_work *w)
{
    struct journal_row *row = w->row;

    if (row->state == ROW_UNDO_WAITING)
        return NULL;
    if (row->state != ROW_UNDO_INTENT) {
        row->tries = 0; /* those of the make count no longer */
        json_set_int(row->result, UNDO_BEGAN, pass_clock(w->pass));
    }
    row->state = ROW_UNDO_INTENT;
    row->wake_at_ms = 0;
    return journal_row_write(&w->j, row, false, pass_now(w->pass));
}

/* Whoever preempted this operation makes the same under the same key. */
static err_t *row_leave(struct row_work *w)
{
    g_autoptr(err_t) e = err(OPERATION_ENDED, "left to the operation that preempted this one");

    return row_orphan(w, e);
}

static err_t *row_backward(struct row_work *w, struct db *db)
{
    struct pass *pass = w->pass;
    struct step_call call;
    enum step_answer answer = STEP_DONE;

    if (pass_boundary(pass, "before-undo-intent", w->row))
        return pass_crashed(pass);
    TRY(pass_lasts(pass));
    if (pass_leaves(pass))
        return row_leave(w);
    TRY(row_undo_intent(w));
    if (pass_boundary(pass, "after-undo-intent", w->row))
        return pass_crashed(pass);
    pass_call_init(pass, db, w->step, w->row, &call);
    g_autoptr(json_t) skips G_GNUC_UNUSED = call.skips;
    g_autoptr(err_t) e = MUTANT(UNDO_SKIPPED) ? NULL : w->step->undo(&call, &answer);
    if (pass_boundary(pass, "after-undo-call", w->row))
        return pass_crashed(pass);
    if (e != NULL && err_class(e) == ERR_CLASS_FENCED)
        return TAKE(e);
    return e != NULL ? row_undo_failed(w, e) : row_undone(w, &call, answer);
}

static void row_backward_item(void *item)
{
    struct row_work *w = item;
    const struct runner_options *o = &w->pass->runner->o;
    struct db *db = o->db_get(o->world);

    w->j = w->pass->j;
    w->j.db = db;
    w->fatal = row_backward(w, db);
    o->db_put(o->world, db);
}

/*
 * When the row's undo is due.  One that is only left needs not wait for the world, but for calls
 * whose outcome is not known: what adopts the object must see it as it will be.
 */
static int64_t row_undo_due_at(const struct pass *pass, const struct journal_row *row)
{
    bool known = row->state == ROW_DONE || row->state == ROW_UNDO_WAITING;

    return known && pass_leaves(pass) ? 0 : pass_row_due_at(pass, row);
}

/* The undoable rows of the last step that has any. */
static const struct step *backward_front(struct pass *pass, GPtrArray *front)
{
    const struct step *step = NULL;

    for (guint i = pass->rows->len; i > 0; i--) {
        struct journal_row *row = g_ptr_array_index(pass->rows, i - 1);
        if (!row_undoable(pass, row))
            continue;
        if (step == NULL)
            step = pass_step(pass, row->step_key);
        if (!g_str_equal(row->step_key, step->key))
            break;
        g_ptr_array_add(front, row);
    }
    return step;
}

/* An ended operation has nothing begun: what nobody will ask about any more says so. */
static err_t *rows_close(struct pass *pass)
{
    g_autoptr(err_t) e =
        err(OPERATION_ENDED, "the operation ended before it was known what came of this step");

    for (guint i = 0; i < pass->rows->len; i++) {
        struct journal_row *row = g_ptr_array_index(pass->rows, i);
        bool begun = row->state == ROW_INTENT || row->state == ROW_WAITING ||
                     row->state == ROW_UNDO_INTENT || row->state == ROW_UNDO_WAITING;
        bool undoable = pass_step(pass, row->step_key)->undo != NULL;
        if (begun)
            TRY(row_close(pass, &pass->j, row, undoable ? ROW_ORPHANED : ROW_FAILED, e));
    }
    return NULL;
}

static err_t *backward_end(struct pass *pass)
{
    bool made = false, orphans = false;

    for (guint i = 0; i < pass->rows->len; i++) {
        const struct journal_row *row = g_ptr_array_index(pass->rows, i);
        made = made || row->state == ROW_UNDONE;
        orphans = orphans || row->state == ROW_ORPHANED;
    }
    g_autoptr(err_t) e = pass->op->error != NULL ? err_from_json(pass->op->error) : NULL;
    if (orphans)
        e = e != NULL
                ? err_wrap(TAKE(e), "not everything could be taken back; the rest is listed by "
                                    "protector-manage orphans")
                : err(CONFLICT, "not everything could be taken back; the rest is listed by "
                                "protector-manage orphans");
    const char *ending = pass_ending(pass);
    if (ending == NULL && pass_unwinds_for_plan(pass))
        return pass_plan_again(pass);
    TRY(rows_close(pass));
    if (ending == NULL)
        ending = made || orphans ? "rolled_back" : "failed";
    return pass_end(pass, ending, e);
}

/* The site was overtaken after the pivot: nothing is taken back, what was made is handed over. */
static err_t *backward_overtaken(struct pass *pass)
{
    const char *ending = pass_ending(pass);
    g_autoptr(err_t) e = pass->op->error != NULL ? err_from_json(pass->op->error) : NULL;

    TRY(rows_close(pass));
    return pass_end(pass, ending != NULL ? ending : "superseded", e);
}

err_t *pass_backward(struct pass *pass)
{
    if (pass->op->past_pivot)
        return backward_overtaken(pass);
    for (;;) {
        g_autoptr(GPtrArray) front = g_ptr_array_new();
        g_autoptr(GPtrArray) work = g_ptr_array_new_with_free_func(g_free);
        const struct step *step = backward_front(pass, front);
        if (step == NULL)
            return backward_end(pass);
        for (guint i = 0; i < front->len; i++) {
            struct journal_row *row = g_ptr_array_index(front, i);
            int64_t due_at_ms = row_undo_due_at(pass, row);
            pass_wake(pass, MAX(due_at_ms, pass_clock(pass) + 1));
            if (due_at_ms > pass_clock(pass))
                continue;
            struct row_work *w = g_new0(struct row_work, 1);
            w->pass = pass;
            w->step = step;
            w->row = row;
            g_ptr_array_add(work, w);
        }
        if (work->len == 0)
            return journal_progress(&pass->j, (int)pass->op->progress, pass->wake_at_ms);
        pass->wake_at_ms = INT64_MAX;
        TRY(pass_map(pass, row_backward_item, work));
    }
}
