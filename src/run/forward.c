/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward - rows towards their goal: probe, intent, make, outcome (rules 1-4, 6, 7 of run.h).
 *
 * A row moves PENDING -> INTENT -> (WAITING ->) DONE.  INTENT means that the outcome of a make is
 * not known: the next thing to happen to it is a probe.  A failed row ends the forward way: before
 * the pivot the operation unwinds, after it a person is asked.
 */
#include "run/runner_internal.h"

#include "model/mutant.h"

static bool row_open(const struct journal_row *row)
{
    return row->state == ROW_PENDING || row->state == ROW_INTENT || row->state == ROW_WAITING;
}

static bool step_by_member(const struct pass *pass, const struct journal_row *row)
{
    return (pass_step(pass, row->step_key)->flags & STEP_PER_MEMBER_FAIL) != 0;
}

/* An earlier row of the same member in a state, or NULL. */
static const struct journal_row *row_earlier(const struct pass *pass, const struct journal_row *row,
                                             enum row_state state)
{
    for (guint i = 0; i < pass->rows->len; i++) {
        const struct journal_row *other = g_ptr_array_index(pass->rows, i);
        if (other->seq < row->seq && other->state == state && *row->subject != '\0' &&
            g_str_equal(other->subject, row->subject) && step_by_member(pass, other))
            return other;
    }
    return NULL;
}

/* How long a busy service asks to be left alone (its Retry-After in seconds; a date is 0). */
static int64_t asked_ms(const err_t *e)
{
    const char *text = e != NULL ? err_detail_get(e, "retry_after") : NULL;
    int64_t asked_s = text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;

    return CLAMP(asked_s, 0, RUN_WAIT_MAX_MS / 1000) * 1000;
}

int64_t run_backoff_ms(int tries, const err_t *e)
{
    g_assert(tries >= 1);
    int64_t ms = RUN_BACKOFF_FIRST_MS;
    for (int i = 1; i < tries && ms < RUN_BACKOFF_MAX_MS; i++)
        ms *= 2;
    return MAX(MIN(ms, RUN_BACKOFF_MAX_MS), asked_ms(e));
}

static bool run_forever(const struct pass *pass)
{
    return (pass->book->flags & RUNBOOK_FOREVER) != 0;
}

/* The pivot was refused: whatever its intent said, the operation is before it. */
static err_t *row_refused_write(struct row_work *w)
{
    TRY(journal_row_refused(&w->j, w->row, pass_now(w->pass)));
    w->pass->op->past_pivot = false;
    return NULL;
}

/* The plan fits no longer: the row waits for the next one. */
static err_t *row_replan(struct row_work *w, err_t *e)
{
    struct journal_row *row = w->row;

    json_decref(row->error);
    row->error = err_to_json(e);
    row->state = ROW_PENDING;
    row->wake_at_ms = 0;
    TRY(row_refused_write(w));
    w->pass->replan = true;
    return NULL;
}

static bool class_passes(enum err_class class)
{
    return class == ERR_CLASS_TRANSIENT || class == ERR_CLASS_AMBIGUOUS;
}

#define HOPE_UNTIL "hope_until_ms" /* keys of the row's result */
#define HOPE_TRIES "hope_tries"

/* Hope has an end, in time and in tries, whatever WAIT the row has answered between them. */
static bool hope_lasts(const struct row_work *w, enum run_hope hope)
{
    int64_t now_ms = pass_clock(w->pass);
    int64_t until_ms = json_int(w->row->result, HOPE_UNTIL, now_ms + RUN_HOPE_MAX_MS);
    int64_t tries = json_int(w->row->result, HOPE_TRIES, 0) + (hope == RUN_HOPE_CAME ? 1 : 0);

    json_set_int(w->row->result, HOPE_UNTIL, MIN(until_ms, now_ms + RUN_HOPE_MAX_MS));
    json_set_int(w->row->result, HOPE_TRIES, tries);
    if (now_ms < until_ms && tries < RUN_TRIES_MAX)
        return true;
    json_object_del(w->row->result, HOPE_UNTIL); /* a person's retry begins anew */
    json_object_del(w->row->result, HOPE_TRIES);
    return false;
}

/* Whether what was refused may be had later, as the world knows. */
static enum run_hope row_hope(const struct row_work *w, const err_t *e)
{
    const struct runner_options *o = &w->pass->runner->o;

    if (class_passes(err_class(e)) || o->hope == NULL)
        return RUN_HOPE_NONE;
    enum run_hope hope = o->hope(o->world, w->j.db, w->pass->op, e);
    return hope != RUN_HOPE_NONE && hope_lasts(w, hope) ? hope : RUN_HOPE_NONE;
}

#define WAITED    "waited_ms" /* keys of the row's result */
#define WAITED_AT "waited_at_ms"

static void waited_forget(struct journal_row *row)
{
    json_object_del(row->result, WAITED);
    json_object_del(row->result, WAITED_AT);
}

/*
 * Writes down that a try failed: try again later, or the row has failed.  A make whose outcome is
 * not known settles before anything looks at it again, also before its undo.
 */
static err_t *row_failed(struct row_work *w, err_t *e, bool from_make, bool refused)
{
    struct pass *pass = w->pass;
    struct journal_row *row = w->row;
    enum err_class class = err_class(e);
    enum run_hope hope = row_hope(w, e);
    bool again = class_passes(class) || hope != RUN_HOPE_NONE;
    bool unknown = from_make && class == ERR_CLASS_AMBIGUOUS;
    bool coming = hope == RUN_HOPE_COMING;
    int64_t settled_ms = pass_clock(pass) + (unknown ? pass->runner->o.settle_ms : 0);

    row->tries += coming ? 0 : 1;
    json_decref(row->error);
    row->error = err_to_json(e);
    if (run_forever(pass) || (again && row->tries < RUN_TRIES_MAX)) {
        if (refused || (from_make && !unknown))
            row->state = ROW_PENDING;
        int64_t pause_ms = coming ? RUN_COMING_MS : run_backoff_ms(row->tries, e);
        row->wake_at_ms = MAX(pass_clock(pass) + pause_ms, settled_ms);
    } else {
        row->state = w->step->flags & STEP_BEST_EFFORT ? ROW_SKIPPED : ROW_FAILED;
        waited_forget(row); /* a person's retry begins anew */
        row->wake_at_ms = settled_ms;
        row->finished_at_ms = pass_now(pass);
    }
    return refused ? row_refused_write(w) : journal_row_write(&w->j, row, false, pass_now(pass));
}

/* An error of probe or make, as the call tells it. */
static err_t *row_error(struct row_work *w, const struct step_call *call, err_t *e, bool from_make)
{
    bool pivot = (w->step->flags & STEP_PIVOT) != 0;

    if (pivot && call->replan)
        return row_replan(w, e);
    return row_failed(w, e, from_make, pivot && call->refused);
}

/*
 * How long the row has waited, after one WAIT more.  What lies between two of them counts as far as
 * somebody was looking: neither an engine's sleep nor a cloud's silence nor a clock that was set.
 */
static int64_t waited_ms(struct row_work *w)
{
    int64_t now_ms = pass_clock(w->pass);
    int64_t at_ms = json_int(w->row->result, WAITED_AT, now_ms);
    int64_t all_ms = json_int(w->row->result, WAITED, 0);

    all_ms += CLAMP(now_ms - at_ms, 0, RUN_WAIT_MAX_MS);
    json_set_int(w->row->result, WAITED_AT, now_ms);
    json_set_int(w->row->result, WAITED, all_ms);
    return all_ms;
}

/* NULL as long as it may wait. */
static err_t *row_overdue(struct row_work *w)
{
    int max_s = w->step->wait_max_s != 0 ? w->step->wait_max_s : RUN_WAITING_MAX_S;

    if (max_s == STEP_ENDLESS || waited_ms(w) < max_s * 1000LL)
        return NULL;
    err_t *e =
        err(STEP_OVERDUE, "'%s' is still under way after %d minutes", w->step->says, max_s / 60);
    return w->pass->op->past_pivot
               ? err_remedy(e,
                            "see what the cloud or the array says of it, then: operation retry %s",
                            w->pass->op->id)
               : err_remedy(e, "see what the cloud or the array says of it, then begin anew");
}

/* Not yet: when to look again; or it has lasted too long. */
static err_t *row_waits(struct row_work *w, const struct step_call *call)
{
    struct journal_row *row = w->row;
    g_autoptr(err_t) overdue = row_overdue(w);

    if (overdue != NULL && !run_forever(w->pass))
        return row_failed(w, overdue, false, false);
    row->error = overdue != NULL ? err_to_json(overdue) : NULL;
    row->state = ROW_WAITING;
    row->wake_at_ms = pass_wake_of(w->pass, call);
    return journal_row_write(&w->j, row, false, pass_now(w->pass));
}

/* Writes down an answer of probe or make.  'DONE' ends the row, 'WAIT' says when to look again. */
static err_t *row_answered(struct row_work *w, const struct step_call *call,
                           enum step_answer answer)
{
    struct pass *pass = w->pass;
    struct journal_row *row = w->row;

    bool pivot = (w->step->flags & STEP_PIVOT) != 0; /* found done: as good as begun */

    g_assert(answer != STEP_ABSENT);
    row->tries = 0;
    json_decref(row->error);
    row->error = NULL;
    if (answer == STEP_WAIT)
        return row_waits(w, call);
    waited_forget(row);
    row->state = ROW_DONE;
    row->wake_at_ms = 0;
    row->finished_at_ms = pass_now(pass);
    pass->op->past_pivot = pass->op->past_pivot || pivot;
    return journal_row_done(&w->j, row, pivot, call->skips, pass_now(pass));
}

static err_t *row_intent(struct row_work *w)
{
    struct journal_row *row = w->row;

    row->state = ROW_INTENT;
    row->attempt++;
    row->wake_at_ms = 0;
    if (row->started_at_ms == 0)
        row->started_at_ms = pass_now(w->pass);
    bool pivot = (w->step->flags & STEP_PIVOT) != 0;
    TRY(journal_row_write(&w->j, row, pivot, pass_now(w->pass)));
    w->pass->op->past_pivot = w->pass->op->past_pivot || pivot;
    return NULL;
}

/* Calls 'make' between its intent and its outcome. */
static err_t *row_make(struct row_work *w, struct step_call *call)
{
    struct pass *pass = w->pass;
    enum step_answer answer = STEP_WAIT;

    if (pass_boundary(pass, "before-intent", w->row))
        return pass_crashed(pass);
    TRY(pass_lasts(pass)); /* the probe may have taken its time */
    TRY(row_intent(w));
    if (pass_boundary(pass, "after-intent", w->row))
        return pass_crashed(pass);
    call->attempt = w->row->attempt;
    if (MUTANT(OUTCOME_FIRST)) {
        TRY(row_answered(w, call, STEP_DONE));
        if (pass_boundary(pass, "after-outcome", w->row))
            return pass_crashed(pass);
    }
    err_t *e = w->step->make(call, &answer);
    if (pass_boundary(pass, "after-call", w->row)) {
        err_free(e);
        return pass_crashed(pass);
    }
    if (e != NULL && err_class(e) == ERR_CLASS_FENCED)
        return e;
    err_t *written = e != NULL ? row_error(w, call, e, true) : row_answered(w, call, answer);
    err_free(e);
    if (written == NULL && pass_boundary(pass, "after-outcome", w->row))
        return pass_crashed(pass);
    return written;
}

/* A person has left out what this row needs: it is left out for the same reason. */
static err_t *row_left_out(struct row_work *w, const struct journal_row *earlier)
{
    struct journal_row *row = w->row;

    json_decref(row->error);
    row->error = json_incref(earlier->error);
    row->state = ROW_SKIPPED;
    row->wake_at_ms = 0;
    row->finished_at_ms = pass_now(w->pass);
    return journal_row_write(&w->j, row, false, pass_now(w->pass));
}

static err_t *row_forward(struct row_work *w, struct db *db)
{
    struct step_call call;
    enum step_answer answer = STEP_ABSENT;
    err_t *e = NULL;
    const struct journal_row *earlier =
        w->step->flags & STEP_NEEDS_EARLIER ? row_earlier(w->pass, w->row, ROW_SKIPPED) : NULL;

    if (earlier != NULL)
        return row_left_out(w, earlier);

    TRY(pass_lasts(w->pass));
    pass_call_init(w->pass, db, w->step, w->row, &call);
    call.observed = w->observed;
    g_autoptr(json_t) skips G_GNUC_UNUSED = call.skips;
    if (w->step->probe != NULL && !(MUTANT(PROBE_SKIPPED) && w->row->state != ROW_WAITING))
        e = w->step->probe(&call, &answer);
    if (e == NULL && answer == STEP_ABSENT && w->step->make == NULL)
        answer = STEP_WAIT;
    if (e == NULL && answer == STEP_ABSENT)
        return row_make(w, &call);
    if (e != NULL && err_class(e) == ERR_CLASS_FENCED)
        return e;
    err_t *written = e != NULL ? row_error(w, &call, e, false) : row_answered(w, &call, answer);
    err_free(e);
    return written;
}

static void row_forward_item(void *item)
{
    struct row_work *w = item;
    const struct runner_options *o = &w->pass->runner->o;
    struct db *db = o->db_get(o->world);

    w->j = w->pass->j;
    w->j.db = db;
    w->fatal = w->observe_error != NULL ? row_failed(w, w->observe_error, false, false)
                                        : row_forward(w, db);
    o->db_put(o->world, db);
}

static struct journal_row *rows_failed(const struct pass *pass)
{
    for (guint i = 0; i < pass->rows->len; i++) {
        struct journal_row *row = g_ptr_array_index(pass->rows, i);
        if (row->state == ROW_FAILED)
            return row;
    }
    return NULL;
}

/* Whether rows of a step are not finished: for a mutant. */
static inline bool rows_wait(const struct pass *pass, const char *key)
{
    for (guint i = 0; i < pass->rows->len; i++) {
        const struct journal_row *row = g_ptr_array_index(pass->rows, i);
        if (g_str_equal(row->step_key, key) && row_open(row))
            return true;
    }
    return false;
}

/* In a runbook that nobody can help, a row that does not get on holds up no later wave. */
static bool row_holds_wave(const struct pass *pass, const struct journal_row *row)
{
    return !run_forever(pass) || row->tries == 0;
}

/*
 * The rows of the first step, and in it of the first wave, that are not finished.  Behind a failed
 * row only what goes on without it: see STEP_PER_MEMBER_FAIL.
 */
static const struct step *pass_front(struct pass *pass, GPtrArray *front)
{
    const struct journal_row *failed = rows_failed(pass);
    const struct step *step = NULL;
    const struct journal_row *holds = NULL; /* the first row of the wave */

    for (guint i = 0; i < pass->rows->len; i++) {
        struct journal_row *row = g_ptr_array_index(pass->rows, i);
        if (!row_open(row))
            continue;
        if (MUTANT(BOOT_BEFORE_CLAIM) && g_str_equal(row->step_key, "group.claim") &&
            rows_wait(pass, "server.boot"))
            continue;
        bool same = failed != NULL && g_str_equal(row->step_key, failed->step_key);
        if (failed != NULL && !same && (!pass->op->past_pivot || !step_by_member(pass, row)))
            break;
        if (step_by_member(pass, row) && row_earlier(pass, row, ROW_FAILED) != NULL)
            continue;
        if (step == NULL)
            step = pass_step(pass, row->step_key);
        if (!g_str_equal(row->step_key, step->key))
            continue;
        if (holds == NULL && row_holds_wave(pass, row))
            holds = row;
        if (holds == NULL || holds->wave == row->wave || !row_holds_wave(pass, row))
            g_ptr_array_add(front, row);
    }
    return step;
}

/* One list call for all waiting rows; its failure counts as the failed probe of each. */
static err_t *front_observe(struct pass *pass, const struct step *step, json_t **ret)
{
    struct step_call call;

    if (step->observe == NULL)
        return NULL;
    TRY(pass_lasts(pass));
    const struct runner_options *o = &pass->runner->o;
    struct db *db = o->db_get(o->world);
    pass_call_init(pass, db, step, NULL, &call);
    call.step = step;
    err_t *e = step->observe(&call, ret);
    json_decref(call.result);
    json_decref(call.skips);
    o->db_put(o->world, db);
    return e;
}

/* Runs the due rows of the front.  '*ret_ran' counts them. */
static err_t *front_run(struct pass *pass, const struct step *step, GPtrArray *front,
                        guint *ret_ran)
{
    g_autoptr(GPtrArray) work = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < front->len; i++) {
        struct journal_row *row = g_ptr_array_index(front, i);
        if (pass_row_due_at(pass, row) > pass_clock(pass))
            continue;
        struct row_work *w = g_new0(struct row_work, 1);
        w->pass = pass;
        w->step = step;
        w->row = row;
        g_ptr_array_add(work, w);
    }
    *ret_ran = work->len;
    if (work->len == 0)
        return NULL;
    g_autoptr(json_t) observed = NULL;
    g_autoptr(err_t) observe_error = front_observe(pass, step, &observed);
    if (observe_error != NULL && err_class(observe_error) == ERR_CLASS_FENCED)
        return g_steal_pointer(&observe_error);
    for (guint i = 0; i < work->len; i++) {
        struct row_work *w = g_ptr_array_index(work, i);
        w->observed = observed;
        w->observe_error = observe_error;
    }
    return pass_map(pass, row_forward_item, work);
}

/* A failed row, unless others are still under way, or can go on, and shall end first. */
static struct journal_row *front_failed(struct pass *pass)
{
    g_autoptr(GPtrArray) front = g_ptr_array_new();
    struct journal_row *failed = rows_failed(pass);

    if (failed == NULL)
        return NULL;
    bool goes_on = pass_front(pass, front) != NULL;
    for (guint i = 0; i < front->len && !step_by_member(pass, failed); i++) {
        const struct journal_row *row = g_ptr_array_index(front, i);
        goes_on = row->state == ROW_INTENT || row->state == ROW_WAITING;
        if (goes_on)
            break;
    }
    return goes_on ? NULL : failed;
}

/* Of an operation that has open rows: less than 100. */
static int rows_progress(const struct pass *pass)
{
    int before = 0;

    for (const struct step *s = pass->book->steps;; s++) {
        int total = 0, open = 0;
        g_assert(s->key != NULL);
        for (guint i = 0; i < pass->rows->len; i++) {
            const struct journal_row *row = g_ptr_array_index(pass->rows, i);
            if (!g_str_equal(row->step_key, s->key))
                continue;
            total++;
            open += row_open(row) || row->state == ROW_FAILED;
        }
        if (open > 0)
            return before + (s->progress - before) * (total - open) / total;
        before = s->progress;
    }
}

err_t *pass_turn(struct pass *pass, const char *status, const err_t *e)
{
    pass_report(pass, status, e);
    TRY(journal_status(&pass->j, status, e, pass_now(pass)));
    json_decref(pass->op->error);
    pass->op->error = err_to_json(e);
    g_free(pass->op->status);
    pass->op->status = g_strdup(status);
    return NULL;
}

err_t *pass_failed(struct pass *pass, const struct journal_row *row)
{
    g_autoptr(err_t) cause = err_from_json(row->error);
    g_autoptr(err_t) e =
        err_wrap(TAKE(cause), "step '%s' (%s) failed%s%s", row->step_key,
                 pass_step(pass, row->step_key)->says, *row->subject ? " for " : "", row->subject);
    bool forward_only = pass->op->past_pivot;
    const char *status = forward_only ? "needs_operator" : "rolling_back";

    TRY(pass_turn(pass, status, e));
    return forward_only ? NULL : pass_backward(pass);
}

/* Notes when the rows of the front, none of which is due, are due again, and the progress. */
static err_t *forward_rest(struct pass *pass, const GPtrArray *front)
{
    for (guint i = 0; i < front->len; i++)
        pass_wake(pass, pass_row_due_at(pass, g_ptr_array_index(front, i)));
    return journal_progress(&pass->j, rows_progress(pass), pass->wake_at_ms);
}

err_t *pass_forward(struct pass *pass)
{
    for (;;) {
        g_autoptr(GPtrArray) front = g_ptr_array_new();
        guint ran = 0;
        struct journal_row *failed = front_failed(pass);
        if (failed != NULL)
            return pass_failed(pass, failed);
        const struct step *step = pass_front(pass, front);
        if (step == NULL)
            return pass_end(pass, "completed", NULL);
        TRY(front_run(pass, step, front, &ran));
        if (ran == 0)
            return forward_rest(pass, front);
        TRY(pass_reload(pass));
        if (pass->replan)
            return pass_replan(pass);
    }
}
