/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner - leases, the tick, and what an operation goes through from pending to its end.
 *
 * A lease is (owner, beat).  Ours are beaten by runner_beat(); one of somebody else is taken only
 * after the same beat has been seen unchanged for a whole TTL by our own monotonic clock, by a
 * compare-and-set.  No clock of a database or of another host is ever asked.
 *
 * Lock order: runner->lock is a leaf; nothing is called while it is held but table look-ups.
 */
#include "run/runner_internal.h"

#include "store/lease.h"

/* ---- the clock of waiting ---- */

int64_t runner_clock_ms(const struct runner *runner)
{
    return runner->wall_ms + env_mono_ms(runner->o.env);
}

/* Later than that nobody here asks to be woken: it was written by another clock. */
static int64_t runner_far_ms(const struct runner *runner)
{
    return runner_clock_ms(runner) + RUN_WAIT_MAX_MS + runner->o.settle_ms;
}

/* ---- leases ---- */

static void watch_free(void *data)
{
    struct run_watch *watch = data;

    g_free(watch->owner);
    g_free(watch);
}

/* A copy of the lease, for the thread that beats may take it away at any time; false: not held. */
static bool lease_held(struct runner *runner, const char *op_id, struct run_lease *ret)
{
    g_mutex_lock(&runner->lock);
    const struct run_lease *lease = g_hash_table_lookup(runner->leases, op_id);
    if (lease != NULL)
        *ret = *lease;
    g_mutex_unlock(&runner->lock);
    return lease != NULL;
}

static void lease_keep(struct runner *runner, const char *op_id, int64_t beat, int64_t mono_ms)
{
    struct run_lease *lease = g_new0(struct run_lease, 1);

    lease->beat = beat;
    lease->beaten_mono_ms = mono_ms;
    lease->taken_ms = runner_clock_ms(runner);
    g_mutex_lock(&runner->lock);
    g_hash_table_replace(runner->leases, g_strdup(op_id), lease);
    g_hash_table_remove(runner->watches, op_id);
    g_mutex_unlock(&runner->lock);
}

static void lease_forget(struct runner *runner, const char *op_id)
{
    g_mutex_lock(&runner->lock);
    g_hash_table_remove(runner->leases, op_id);
    g_mutex_unlock(&runner->lock);
}

/* An outcome could not be written: intents wait settle_ms from now, as after a crash. */
static void lease_unsettled(struct runner *runner, const char *op_id)
{
    g_mutex_lock(&runner->lock);
    struct run_lease *lease = g_hash_table_lookup(runner->leases, op_id);
    if (lease != NULL)
        lease->taken_ms = runner_clock_ms(runner);
    g_mutex_unlock(&runner->lock);
}

/* True when the foreign lease has been still for a whole TTL, or its owner is known to be dead. */
static bool lease_abandoned(struct runner *runner, const char *op_id, const struct lease *seen)
{
    int64_t mono_ms = env_mono_ms(runner->o.env);

    if (g_str_equal(seen->owner, runner->o.owner))
        return true; /* we gave it up ourselves, when a write of ours was fenced */
    if (runner->o.lease_is_ours != NULL && runner->o.lease_is_ours(runner->o.world, seen->owner))
        return true;
    g_mutex_lock(&runner->lock);
    struct run_watch *watch = g_hash_table_lookup(runner->watches, op_id);
    bool same =
        watch != NULL && watch->beat == seen->beat && g_str_equal(watch->owner, seen->owner);
    bool still = same && mono_ms - watch->since_mono_ms >= runner->o.lease_ttl_ms;
    if (!same) {
        watch = g_new0(struct run_watch, 1);
        watch->owner = g_strdup(seen->owner);
        watch->beat = seen->beat;
        watch->since_mono_ms = mono_ms;
        g_hash_table_replace(runner->watches, g_strdup(op_id), watch);
    }
    g_mutex_unlock(&runner->lock);
    return still;
}

/* Takes the lease of an operation or finds that we hold it already. */
static err_t *lease_take(struct runner *runner, struct db *db, const char *op_id, bool *ret_held)
{
    AUTO(lease) seen = NULL;
    struct run_lease held;
    int64_t mono_ms = env_mono_ms(runner->o.env);
    int64_t beat = 0;

    *ret_held = lease_held(runner, op_id, &held);
    if (*ret_held)
        return NULL;
    TRY(lease_get(db, op_id, &seen));
    if (seen == NULL) {
        TRY(lease_claim(db, op_id, runner->o.owner, NULL, &beat, ret_held));
    } else if (lease_abandoned(runner, op_id, seen)) {
        TRY(lease_claim(db, op_id, runner->o.owner, seen, &beat, ret_held));
    }
    if (*ret_held)
        lease_keep(runner, op_id, beat, mono_ms);
    return NULL;
}

static err_t *lease_beat_one(struct runner *runner, struct db *db, const char *op_id)
{
    struct run_lease seen, *lease;
    int64_t mono_ms = env_mono_ms(runner->o.env);
    int64_t beat = 0;
    bool held = false;

    if (!lease_held(runner, op_id, &seen))
        return NULL;
    TRY(lease_renew(db, op_id, runner->o.owner, seen.beat, &beat, &held));
    if (!held) {
        lease_forget(runner, op_id);
        return NULL;
    }
    g_mutex_lock(&runner->lock);
    lease = g_hash_table_lookup(runner->leases, op_id);
    if (lease != NULL && lease->beat == seen.beat) {
        lease->beat = beat;
        lease->beaten_mono_ms = mono_ms;
    }
    g_mutex_unlock(&runner->lock);
    return NULL;
}

static int id_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that nothing depends on the order of a hash table. */
static GPtrArray *leases_held(struct runner *runner)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    void *key = NULL;

    g_mutex_lock(&runner->lock);
    g_hash_table_iter_init(&iter, runner->leases);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(ids, g_strdup(key));
    g_mutex_unlock(&runner->lock);
    g_ptr_array_sort(ids, id_compare);
    return ids;
}

err_t *runner_beat(struct runner *runner)
{
    g_autoptr(GPtrArray) ids = leases_held(runner);
    struct db *db = runner->o.db_get(runner->o.world);
    err_t *first = NULL;

    for (guint i = 0; i < ids->len; i++) {
        err_t *e = lease_beat_one(runner, db, g_ptr_array_index(ids, i));
        if (first == NULL)
            first = e;
        else
            err_free(e);
    }
    runner->o.db_put(runner->o.world, db);
    return first;
}

static int64_t lease_deadline(struct runner *runner, const char *op_id)
{
    g_mutex_lock(&runner->lock);
    const struct run_lease *lease = g_hash_table_lookup(runner->leases, op_id);
    int64_t deadline = lease != NULL ? lease->beaten_mono_ms + runner->o.lease_ttl_ms : 0;
    g_mutex_unlock(&runner->lock);
    return deadline;
}

bool runner_call_fits(const struct runner *runner, const char *op_id, int64_t timeout_ms)
{
    return env_mono_ms(runner->o.env) + timeout_ms <=
           lease_deadline((struct runner *)runner, op_id);
}

/* ---- a pass over one operation ---- */

int64_t pass_now(const struct pass *pass)
{
    return env_now_ms(pass->runner->o.env);
}

int64_t pass_clock(const struct pass *pass)
{
    return runner_clock_ms(pass->runner);
}

int64_t pass_wake_of(const struct pass *pass, const struct step_call *call)
{
    int64_t wait_ms = pass->runner->o.poll_ms;

    if (call->wake_at_ms > 0)
        wait_ms = call->wake_at_ms - call->now_ms;
    return pass_clock(pass) + CLAMP(wait_ms, 0, RUN_WAIT_MAX_MS);
}

void pass_wake(struct pass *pass, int64_t at_ms)
{
    pass->wake_at_ms = MIN(pass->wake_at_ms, at_ms);
}

void pass_report(struct pass *pass, const char *event, const err_t *e)
{
    if (pass->runner->o.report != NULL)
        pass->runner->o.report(pass->runner->o.world, pass->op->id, event, e);
}

bool pass_boundary(struct pass *pass, const char *where, const struct journal_row *row)
{
    const struct runner_options *o = &pass->runner->o;

    return o->boundary != NULL &&
           o->boundary(o->boundary_data, pass->op->id, where, row->step_key, row->subject);
}

err_t *pass_crashed(const struct pass *pass)
{
    return err(FENCED, "operation '%s': the engine dies here", pass->op->id);
}

static const struct step *step_find(const struct runbook *book, const char *key)
{
    for (const struct step *s = book->steps; s->key != NULL; s++) {
        if (g_str_equal(s->key, key))
            return s;
    }
    return NULL;
}

const struct step *pass_step(const struct pass *pass, const char *key)
{
    const struct step *step = step_find(pass->book, key);

    if (step == NULL)
        g_error("operation '%s' has a row of step '%s' that runbook '%s' lacks", pass->op->id, key,
                pass->book->name);
    return step;
}

int64_t pass_row_due_at(const struct pass *pass, const struct journal_row *row)
{
    bool unknown = row->state == ROW_INTENT || row->state == ROW_UNDO_INTENT;

    int64_t settled_ms = pass->settle_from_ms + pass->runner->o.settle_ms;

    if (row->wake_at_ms > runner_far_ms(pass->runner))
        return settled_ms;
    return unknown ? MAX(settled_ms, row->wake_at_ms) : row->wake_at_ms;
}

err_t *pass_lasts(const struct pass *pass)
{
    if (runner_call_fits(pass->runner, pass->op->id, 1))
        return NULL;
    return err(FENCED, "operation '%s': the lease has run out before it was beaten", pass->op->id);
}

/* The plan's entry of a subject, or NULL. */
static const json_t *plan_entry(const json_t *plan, enum step_per per, const char *subject)
{
    const json_t *list =
        per == STEP_PER_MEMBER ? json_arr(plan, "members") : json_arr(plan, "volumes");
    size_t i;
    json_t *entry;

    json_array_foreach((json_t *)list, i, entry)
    {
        if (g_strcmp0(json_str(entry, "id"), subject) == 0)
            return entry;
    }
    return NULL;
}

void pass_call_init(struct pass *pass, struct db *db, const struct step *step,
                    const struct journal_row *row, struct step_call *ret)
{
    *ret = (struct step_call){
        .op = pass->op,
        .step = step,
        .subject = row != NULL ? row->subject : "",
        .plan = pass->op->plan,
        .input = pass->op->plan,
        .result = row != NULL ? row->result : json_object(),
        .attempt = row != NULL ? row->attempt : 0,
        .db = db,
        .world = pass->runner->o.world,
        .runner = pass->runner,
        .env = pass->runner->o.env,
        .now_ms = pass_now(pass),
        .deadline_mono_ms = lease_deadline(pass->runner, pass->op->id),
        .skips = json_object(),
        .owner = pass->runner->o.owner,
    };
    if (row != NULL && *row->subject)
        ret->input = plan_entry(pass->op->plan, step->per, row->subject);
}

err_t *pass_map(struct pass *pass, void (*fn)(void *item), GPtrArray *work)
{
    const struct run_executor *executor = pass->runner->o.executor;
    err_t *fatal = NULL;

    executor->map(executor->data, fn, work->pdata, work->len);
    for (guint i = 0; i < work->len; i++) {
        struct row_work *w = g_ptr_array_index(work, i);
        if (fatal == NULL)
            fatal = w->fatal;
        else
            err_free(w->fatal);
    }
    return fatal;
}

/* What pass_step relies on. */
static err_t *rows_fit(const struct pass *pass, const GPtrArray *rows)
{
    for (guint i = 0; i < rows->len; i++) {
        const struct journal_row *row = g_ptr_array_index(rows, i);
        if (step_find(pass->book, row->step_key) == NULL)
            return err(DB,
                       "row %" G_GINT64_FORMAT
                       " of operation %s is damaged: runbook '%s' has no step '%s'",
                       row->seq, pass->op->id, pass->book->name, row->step_key);
    }
    return NULL;
}

err_t *pass_reload(struct pass *pass)
{
    g_autoptr(GPtrArray) rows = NULL;

    TRY(journal_rows(&pass->j, &rows));
    TRY(rows_fit(pass, rows));
    if (pass->rows != NULL)
        g_ptr_array_unref(pass->rows);
    pass->rows = TAKE(rows);
    return NULL;
}

const char *pass_ending(const struct pass *pass)
{
    return json_str(pass->op->result, "ending");
}

struct ended_data {
    struct pass *pass;
    const struct runbook *book;
};

static err_t *pass_ended(void *data, struct db *db, const char *status, json_t *result)
{
    struct ended_data *d = data;
    struct step_call call;

    if (d->book->ended == NULL)
        return NULL;
    pass_call_init(d->pass, db, NULL, NULL, &call);
    json_decref(call.result);
    call.result = result;
    err_t *e = d->book->ended(&call, status);
    json_decref(call.skips);
    return e;
}

err_t *pass_end(struct pass *pass, const char *status, const err_t *e)
{
    struct ended_data data = {pass, pass->book};
    g_autoptr(json_t) result = json_deep_copy(pass->op->result);
    const char *ending = pass_ending(pass);

    if (ending != NULL && g_str_equal(status, "completed"))
        status = ending;
    if (e != NULL) {
        json_decref(pass->op->error);
        pass->op->error = err_to_json(e);
    }
    bool keeps = pass->book != NULL && (pass->book->flags & RUNBOOK_KEEPS) != 0;
    bool release = pass->op->past_pivot || (!keeps && g_str_equal(status, "completed"));
    TRY(journal_end(&pass->j, status, e, result, release, pass_ended, &data, pass_now(pass)));
    g_free(pass->op->status);
    pass->op->status = g_strdup(status);
    lease_forget(pass->runner, pass->op->id);
    pass_report(pass, status, e);
    return NULL;
}

/* ---- planning ---- */

static void rows_add(GPtrArray *rows, const struct step *step, const char *subject, int wave)
{
    struct journal_row *row = g_new0(struct journal_row, 1);

    row->seq = (int64_t)rows->len + 1;
    row->step_key = g_strdup(step->key);
    row->subject = g_strdup(subject);
    row->says = g_strdup(step->says);
    row->wave = wave;
    row->flags = (step->flags & STEP_NO_SKIP ? OP_STEP_NO_SKIP : 0) |
                 (step->flags & STEP_FINAL ? OP_STEP_FINAL : 0);
    row->result = json_object();
    g_ptr_array_add(rows, row);
}

static int step_wave(const struct step *step, const json_t *entry)
{
    int wave = (int)json_int(entry, "wave", 0);

    return step->flags & STEP_IN_WAVES ? wave : step->flags & STEP_WAVES_BACK ? -wave : 0;
}

static int entry_wave_compare(const void *a, const void *b, void *step)
{
    return step_wave(step, *(json_t *const *)a) - step_wave(step, *(json_t *const *)b);
}

/* Rows of one step, ordered by wave (and inside it as the plan lists them). */
static void rows_add_step(GPtrArray *rows, const struct step *step, const json_t *plan)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new();
    size_t i;
    json_t *entry;

    if (step->per == STEP_PER_GROUP) {
        rows_add(rows, step, "", 0);
        return;
    }
    json_array_foreach(json_arr(plan, step->per == STEP_PER_MEMBER ? "members" : "volumes"), i,
                       entry) g_ptr_array_add(entries, entry);
    g_ptr_array_sort_with_data(entries, entry_wave_compare, (void *)step);
    for (guint k = 0; k < entries->len; k++) {
        entry = g_ptr_array_index(entries, k);
        rows_add(rows, step, json_str_or(entry, "id", ""), step_wave(step, entry));
    }
}

static err_t *plan_failed(struct pass *pass, err_t *cause)
{
    g_autoptr(err_t) e = cause;
    enum err_class class = err_class(e);
    bool again = class == ERR_CLASS_TRANSIENT || class == ERR_CLASS_AMBIGUOUS;

    if (class == ERR_CLASS_FENCED)
        return TAKE(e);
    int64_t tries = json_int(pass->op->result, "plan_tries", 0) + 1;
    if ((again && tries < RUN_TRIES_MAX) || (pass->book->flags & RUNBOOK_FOREVER)) {
        json_set_int(pass->op->result, "plan_tries", tries);
        pass_wake(pass, pass_clock(pass) + run_backoff_ms((int)tries, e));
        return journal_result(&pass->j, pass->op->result, pass->wake_at_ms);
    }
    return pass_end(pass, "failed", e); /* nobody ends what is pending: it is over at once */
}

static err_t *pass_plan(struct pass *pass, struct db *db)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)journal_row_destroy);
    g_autoptr(json_t) plan = NULL;
    struct step_call call;

    TRY(pass_lasts(pass));
    pass_call_init(pass, db, NULL, NULL, &call);
    err_t *e = pass->book->plan(&call, &plan);
    json_decref(call.result);
    json_decref(call.skips);
    if (e != NULL)
        return plan_failed(pass, e);
    if (plan == NULL) {
        pass_wake(pass, pass_wake_of(pass, &call));
        return journal_progress(&pass->j, 0, pass->wake_at_ms);
    }
    for (const struct step *s = pass->book->steps; s->key != NULL; s++)
        rows_add_step(rows, s, plan);
    TRY(journal_start(&pass->j, plan, pass->book->version, rows, pass_now(pass)));
    json_decref(pass->op->plan);
    pass->op->plan = TAKE(plan);
    g_free(pass->op->status);
    pass->op->status = g_strdup("running");
    return NULL;
}

/* ---- one operation, and the tick ---- */

/* Ends an operation whose runbook gives it no more time: nothing was made yet, or it unwinds. */
static err_t *pass_expire(struct pass *pass, struct db *db)
{
    bool pending = g_str_equal(pass->op->status, "pending");
    bool running = g_str_equal(pass->op->status, "running");
    g_autoptr(err_t) why = NULL;
    struct step_call call;

    if (pass->book->expired == NULL || pass->op->past_pivot || (!pending && !running))
        return NULL;
    pass_call_init(pass, db, NULL, NULL, &call);
    err_t *e = pass->book->expired(&call, &why);
    json_decref(call.result);
    json_decref(call.skips);
    if (e != NULL || why == NULL)
        return e;
    return pending ? pass_end(pass, "failed", why) : pass_turn(pass, "rolling_back", why);
}

static err_t *pass_run(struct pass *pass, struct db *db)
{
    TRY(pass_expire(pass, db));
    if (g_str_equal(pass->op->status, "pending"))
        TRY(pass_plan(pass, db));
    bool forward = g_str_equal(pass->op->status, "running") ||
                   g_str_equal(pass->op->status, "waiting_for_peer");
    bool backward = g_str_equal(pass->op->status, "rolling_back");
    if (!forward && !backward)
        return NULL;
    TRY(pass_reload(pass));
    return forward ? pass_forward(pass) : pass_backward(pass);
}

/*
 * The table that made the plan; of an operation that has none yet, the newest of that name.  NULL:
 * this engine lacks it, a newer or older one must run the operation.
 */
static const struct runbook *book_find(const struct runner *runner, const struct operation *op)
{
    const struct runbook *newest = NULL;

    for (const struct runbook *const *b = runner->o.runbooks; *b != NULL; b++) {
        if (!g_str_equal((*b)->name, op->runbook))
            continue;
        if (op->plan != NULL && (*b)->version == op->runbook_version)
            return *b;
        if (op->plan == NULL && (newest == NULL || (*b)->version > newest->version))
            newest = *b;
    }
    return newest;
}

/* Leaves the operation to an engine that has its runbook.  Said once. */
static err_t *operation_leave(struct pass *pass, struct db *db)
{
    struct runner *runner = pass->runner;
    const struct operation *op = pass->op;

    g_mutex_lock(&runner->lock);
    bool fresh = g_hash_table_add(runner->left, g_strdup(op->id));
    g_mutex_unlock(&runner->lock);
    if (fresh) {
        g_autoptr(err_t) e =
            err_remedy(err(INTERNAL,
                           "operation '%s' wants version %" G_GINT64_FORMAT
                           " of runbook '%s', which this "
                           "engine lacks",
                           op->id, op->runbook_version, op->runbook),
                       "run an engine of the release that began it, or of a later one");
        pass_report(pass, "not run", e);
    }
    lease_forget(runner, op->id);
    return lease_release(db, op->id, runner->o.owner);
}

static err_t *operation_run(struct runner *runner, struct db *db, const char *op_id, bool *ret_ran)
{
    AUTO(operation) op = NULL;
    struct pass pass = {.runner = runner, .wake_at_ms = INT64_MAX};
    struct run_lease lease;

    TRY(operation_find(db, op_id, &op));
    if (op == NULL)
        return NULL;
    if (op->result == NULL)
        op->result = json_object();
    pass.op = op;
    pass.book = book_find(runner, op);
    if (pass.book == NULL) {
        *ret_ran = false;
        return operation_leave(&pass, db);
    }
    if (!lease_held(runner, op_id, &lease))
        return err(FENCED, "the lease of operation '%s' is lost", op_id);
    pass.j = (struct journal){db, runner->o.env, op->id, op->generation, runner->o.owner};
    pass.settle_from_ms = lease.taken_ms;
    err_t *e = pass_run(&pass, db);
    if (pass.rows != NULL)
        g_ptr_array_unref(pass.rows);
    return e;
}

err_t *runner_run(struct runner *runner, const char *op_id, bool *ret_ran)
{
    struct db *db = runner->o.db_get(runner->o.world);

    *ret_ran = false;
    err_t *e = runner->o.guard != NULL ? runner->o.guard(runner->o.world, db) : NULL;
    if (e == NULL)
        e = lease_take(runner, db, op_id, ret_ran);
    if (e == NULL && *ret_ran)
        e = operation_run(runner, db, op_id, ret_ran);
    if (e != NULL && err_class(e) == ERR_CLASS_FENCED) {
        lease_forget(runner, op_id);
        err_free(e);
        e = NULL;
    }
    if (e != NULL)
        lease_unsettled(runner, op_id);
    runner->o.db_put(runner->o.world, db);
    return e;
}

err_t *runner_due(struct runner *runner, GPtrArray **ret_ids, int64_t *ret_wake_at_ms)
{
    struct db *db = runner->o.db_get(runner->o.world);
    err_t *e = operation_list_due(db, runner_clock_ms(runner), runner_far_ms(runner),
                                  RUN_OPS_PER_TICK_MAX, ret_ids, ret_wake_at_ms);
    runner->o.db_put(runner->o.world, db);
    return e;
}

err_t *runner_tick(struct runner *runner, int64_t *ret_wake_at_ms)
{
    g_autoptr(GPtrArray) ids = NULL;
    g_autoptr(GPtrArray) later = NULL;
    err_t *first = NULL;

    TRY(runner_due(runner, &ids, ret_wake_at_ms));
    for (guint i = 0; i < ids->len; i++) {
        bool ran = false;
        err_t *e = runner_run(runner, g_ptr_array_index(ids, i), &ran);
        if (first == NULL)
            first = e;
        else
            err_free(e);
    }
    if (first == NULL && ids->len > 0)
        first = runner_due(runner, &later, ret_wake_at_ms); /* what has run wakes at other times */
    if (first == NULL && later != NULL && later->len > 0)
        *ret_wake_at_ms = 0;
    return first;
}

static void inline_map(void *data, void (*fn)(void *item), void **items, size_t count)
{
    (void)data;
    for (size_t i = 0; i < count; i++)
        fn(items[i]);
}

const struct run_executor run_executor_inline = {NULL, inline_map};

struct runner *runner_create(const struct runner_options *options)
{
    struct runner *runner = g_new0(struct runner, 1);

    g_assert(options->env != NULL && options->executor != NULL && options->owner != NULL);
    g_assert(options->lease_ttl_ms > 0 && options->settle_ms >= 0 && options->poll_ms > 0);
    runner->o = *options;
    runner->wall_ms = env_now_ms(options->env) - env_mono_ms(options->env);
    g_mutex_init(&runner->lock);
    runner->leases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    runner->watches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, watch_free);
    runner->left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return runner;
}

void runner_destroy(struct runner *runner)
{
    if (runner == NULL)
        return;
    g_hash_table_destroy(runner->leases);
    g_hash_table_destroy(runner->watches);
    g_hash_table_destroy(runner->left);
    g_mutex_clear(&runner->lock);
    g_free(runner);
}

/* ---- what steps ask of the runner ---- */

err_t *step_result_of(struct step_call *call, const char *step_key, const char *subject,
                      json_t **ret)
{
    struct journal j = {call->db, call->env, call->op->id, call->op->generation, call->owner};
    AUTO(journal_row) row = NULL;

    TRY(journal_row_find(&j, step_key, subject, &row));
    *ret = row != NULL ? json_incref(row->result) : json_object();
    return NULL;
}

err_t *step_outcome_of(struct step_call *call, const char *step_key, const char *subject,
                       bool *ret_done, char **ret_why, json_t **ret_result)
{
    struct journal j = {call->db, call->env, call->op->id, call->op->generation, call->owner};
    AUTO(journal_row) row = NULL;

    TRY(journal_row_find(&j, step_key, subject, &row));
    bool open = row != NULL && row->state != ROW_DONE && row->error != NULL;
    g_autoptr(err_t) why = open ? err_from_json(row->error) : NULL;
    *ret_done = row != NULL && row->state == ROW_DONE;
    *ret_why = why != NULL ? g_strdup(err_message(why)) : NULL;
    *ret_result = row != NULL ? json_incref(row->result) : json_object();
    return NULL;
}

err_t *step_text(const struct step_call *call, const json_t *from, const char *key,
                 const char **ret)
{
    *ret = json_str(from, key);
    if (*ret != NULL)
        return NULL;
    return err_remedy(err(DB, "operation %s is damaged: its plan has no '%s' for step '%s' of '%s'",
                          call->op->id, key, call->step->key, call->subject),
                      "end it and begin anew: protector operation abandon %s", call->op->id);
}

void step_skip_subject(struct step_call *call, const char *subject, const char *reason)
{
    size_t i;
    json_t *volume;

    json_set_str(call->skips, subject, reason);
    json_array_foreach(json_arr(call->plan, "volumes"), i, volume)
    {
        if (g_strcmp0(json_str(volume, "member"), subject) == 0)
            json_set_str(call->skips, json_str_or(volume, "id", ""), reason);
    }
}

char *runbook_print(const struct runbook *book)
{
    static const char *const per[] = {"group", "volume", "member"};
    GString *text = g_string_new(NULL);

    g_string_append_printf(
        text, "## %s (version %d)\n\n| step | what it does | per | |\n|---|---|---|---|\n",
        book->name, book->version);
    for (const struct step *s = book->steps; s->key != NULL; s++) {
        g_string_append_printf(text, "| `%s` | %s | %s | %s%s%s%s%s |\n", s->key, s->says,
                               per[s->per], s->flags & STEP_PIVOT ? "**pivot** " : "",
                               s->flags & STEP_IN_WAVES     ? "in waves "
                               : s->flags & STEP_WAVES_BACK ? "in waves, backwards "
                                                            : "",
                               s->flags & STEP_NO_SKIP ? "no skip " : "",
                               s->flags & STEP_BEST_EFFORT ? "best effort " : "",
                               s->undo != NULL ? "undone on failure" : "");
    }
    return g_string_free(text, FALSE);
}
