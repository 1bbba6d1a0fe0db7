/* SPDX-License-Identifier: Apache-2.0 */
/* journal - see journal.h. */
#include "run/journal.h"

#include "store/group.h"
#include "store/op_step.h"
#include "store/resource.h"
#include "store/tx.h"

static const char *const state_texts[ROW_STATE_COUNT] = {
    "pending", "intent",      "waiting",      "done",   "skipped",
    "failed",  "undo_intent", "undo_waiting", "undone", "orphaned",
};

const char *row_state_text(enum row_state state)
{
    g_assert(state < ROW_STATE_COUNT);
    return state_texts[state];
}

enum row_state row_state_of(const char *text)
{
    for (int i = 0; i < ROW_STATE_COUNT; i++) {
        if (g_strcmp0(state_texts[i], text) == 0)
            return (enum row_state)i;
    }
    return ROW_STATE_COUNT;
}

void journal_row_destroy(struct journal_row *row)
{
    if (row == NULL)
        return;
    g_free(row->step_key);
    g_free(row->subject);
    g_free(row->says);
    json_decref(row->result);
    json_decref(row->error);
    g_free(row);
}

static struct fence journal_fence(const struct journal *j)
{
    return (struct fence){j->op_id, j->generation, j->owner};
}

/* What another version, or a hand, has written is no state of ours: DB. */
static err_t *row_check(const struct op_step *s)
{
    if (row_state_of(s->state) == ROW_STATE_COUNT)
        return err(DB,
                   "row %" G_GINT64_FORMAT " of operation %s is damaged: state '%s' is not known",
                   s->seq, s->op_id, s->state);
    if (s->result != NULL && !json_is_object(s->result))
        return err(DB,
                   "row %" G_GINT64_FORMAT " of operation %s is damaged: its result is no object",
                   s->seq, s->op_id);
    return NULL;
}

static struct journal_row *row_from_store(const struct op_step *s)
{
    struct journal_row *row = g_new0(struct journal_row, 1);

    row->seq = s->seq;
    row->step_key = g_strdup(s->step_key);
    row->subject = g_strdup(s->subject);
    row->says = g_strdup(s->says);
    row->wave = (int)s->wave;
    row->state = row_state_of(s->state);
    row->attempt = (int)s->attempt;
    row->tries = (int)s->tries;
    row->flags = s->flags;
    row->wake_at_ms = s->wake_at_ms;
    row->result = s->result != NULL ? json_incref(s->result) : json_object();
    row->error = json_incref(s->error);
    row->started_at_ms = s->started_at_ms;
    row->finished_at_ms = s->finished_at_ms;
    return row;
}

/* Borrows everything from 'row'. */
static struct op_step row_to_store(const struct journal *j, const struct journal_row *row)
{
    return (struct op_step){
        .op_id = (char *)j->op_id,
        .seq = row->seq,
        .step_key = row->step_key,
        .subject = row->subject,
        .says = row->says,
        .wave = row->wave,
        .state = (char *)row_state_text(row->state),
        .attempt = row->attempt,
        .tries = row->tries,
        .flags = row->flags,
        .wake_at_ms = row->wake_at_ms,
        .result = row->result,
        .error = row->error,
        .started_at_ms = row->started_at_ms,
        .finished_at_ms = row->finished_at_ms,
    };
}

err_t *journal_rows(const struct journal *j, GPtrArray **ret)
{
    g_autoptr(GPtrArray) stored = NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)journal_row_destroy);

    TRY(op_step_list(j->db, j->op_id, &stored));
    for (guint i = 0; i < stored->len; i++) {
        const struct op_step *s = g_ptr_array_index(stored, i);
        TRY(row_check(s));
        g_ptr_array_add(rows, row_from_store(s));
    }
    *ret = g_steal_pointer(&rows);
    return NULL;
}

err_t *journal_row_find(const struct journal *j, const char *step_key, const char *subject,
                        struct journal_row **ret)
{
    AUTO(op_step) stored = NULL;

    TRY(op_step_find(j->db, j->op_id, step_key, subject, &stored));
    if (stored != NULL)
        TRY(row_check(stored));
    *ret = stored != NULL ? row_from_store(stored) : NULL;
    return NULL;
}

/* What the transactions below write; which of it is set depends on the function. */
struct journal_tx {
    const struct journal *j;
    struct fence fence;
    const json_t *plan;
    int64_t version;
    const GPtrArray *rows;
    const struct journal_row *row;
    const json_t *skips;
    bool pivot;
    bool refused; /* the pivot has not happened */
    const char *status;
    json_t *error;
    json_t *result;
    int64_t progress;
    int64_t wake_at_ms;
    int64_t now_ms;
    journal_ended_fn *ended;
    void *ended_data;
};

static struct journal_tx journal_tx(const struct journal *j, int64_t now_ms)
{
    return (struct journal_tx){.j = j, .fence = journal_fence(j), .now_ms = now_ms};
}

static err_t *tx_start(struct db *db, void *data)
{
    struct journal_tx *t = data;
    g_autoptr(GPtrArray) stored = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < t->rows->len; i++) {
        struct op_step *s = g_new(struct op_step, 1);
        *s = row_to_store(t->j, g_ptr_array_index(t->rows, i));
        g_ptr_array_add(stored, s);
    }
    TRY(operation_write_plan(db, &t->fence, t->plan, t->version, t->now_ms));
    return op_step_insert(db, &t->fence, stored);
}

err_t *journal_start(const struct journal *j, const json_t *plan, int version,
                     const GPtrArray *rows, int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);

    t.plan = plan;
    t.version = version;
    t.rows = rows;
    return store_tx(j->db, j->env, tx_start, &t);
}

static err_t *tx_row(struct db *db, void *data)
{
    struct journal_tx *t = data;
    struct op_step s = row_to_store(t->j, t->row);
    const char *subject;
    json_t *reason;

    TRY(op_step_write(db, &t->fence, &s));
    if (t->pivot || t->refused)
        TRY(operation_write_pivot(db, &t->fence, t->pivot));
    json_object_foreach((json_t *)t->skips, subject, reason)
    {
        g_autoptr(err_t) why = err(SKIPPED, "%s", json_string_value(reason));
        g_autoptr(json_t) why_json = err_to_json(why);
        TRY(op_step_write_subject(db, &t->fence, subject, row_state_text(ROW_PENDING),
                                  row_state_text(ROW_SKIPPED), why_json, t->now_ms, NULL));
    }
    return NULL;
}

err_t *journal_row_write(const struct journal *j, const struct journal_row *row, bool pivot,
                         int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);

    t.row = row;
    t.pivot = pivot;
    return store_tx(j->db, j->env, tx_row, &t);
}

err_t *journal_row_refused(const struct journal *j, const struct journal_row *row, int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);

    t.row = row;
    t.refused = true;
    return store_tx(j->db, j->env, tx_row, &t);
}

err_t *journal_row_done(const struct journal *j, const struct journal_row *row, bool pivot,
                        const json_t *skips, int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);

    t.row = row;
    t.pivot = pivot;
    t.skips = skips;
    return store_tx(j->db, j->env, tx_row, &t);
}

static err_t *tx_status(struct db *db, void *data)
{
    struct journal_tx *t = data;

    TRY(operation_write_status(db, &t->fence, t->status, t->error, t->wake_at_ms, t->now_ms));
    return group_refresh_of(db, t->j->op_id, t->now_ms);
}

err_t *journal_status(const struct journal *j, const char *status, const err_t *e, int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);
    g_autoptr(json_t) error = err_to_json(e);

    t.status = status;
    t.error = error;
    t.wake_at_ms = g_str_equal(status, "needs_operator") ? OPERATION_NEVER : OPERATION_AT_ONCE;
    return store_tx(j->db, j->env, tx_status, &t);
}

static err_t *tx_replan(struct db *db, void *data)
{
    struct journal_tx *t = data;

    return operation_write_replan(db, &t->fence, t->plan, t->result, t->now_ms);
}

err_t *journal_replan(const struct journal *j, const json_t *plan, json_t *result, int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);

    t.plan = plan;
    t.result = result;
    return store_tx(j->db, j->env, tx_replan, &t);
}

static err_t *tx_unwind(struct db *db, void *data)
{
    struct journal_tx *t = data;

    TRY(operation_write_result(db, &t->fence, t->result, t->now_ms));
    return operation_write_status(db, &t->fence, "rolling_back", t->error, t->now_ms, t->now_ms);
}

err_t *journal_unwind(const struct journal *j, json_t *result, const err_t *e, int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);
    g_autoptr(json_t) error = err_to_json(e);

    t.result = result;
    t.error = error;
    return store_tx(j->db, j->env, tx_unwind, &t);
}

static err_t *tx_again(struct db *db, void *data)
{
    struct journal_tx *t = data;

    TRY(op_step_delete(db, &t->fence));
    return operation_write_replan(db, &t->fence, NULL, t->result, t->now_ms);
}

err_t *journal_again(const struct journal *j, json_t *result, int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);

    t.result = result;
    return store_tx(j->db, j->env, tx_again, &t);
}

static err_t *tx_progress(struct db *db, void *data)
{
    struct journal_tx *t = data;

    return operation_write_progress(db, &t->fence, t->progress, t->wake_at_ms);
}

err_t *journal_progress(const struct journal *j, int progress, int64_t wake_at_ms)
{
    struct journal_tx t = journal_tx(j, 0);

    t.progress = progress;
    t.wake_at_ms = wake_at_ms;
    return store_tx(j->db, j->env, tx_progress, &t);
}

static err_t *tx_result(struct db *db, void *data)
{
    struct journal_tx *t = data;

    return operation_write_result(db, &t->fence, t->result, t->wake_at_ms);
}

err_t *journal_result(const struct journal *j, json_t *result, int64_t wake_at_ms)
{
    struct journal_tx t = journal_tx(j, 0);

    t.result = result;
    t.wake_at_ms = wake_at_ms;
    return store_tx(j->db, j->env, tx_result, &t);
}

static err_t *tx_end(struct db *db, void *data)
{
    struct journal_tx *t = data;

    TRY(t->ended(t->ended_data, db, t->status, t->result));
    TRY(operation_write_end(db, &t->fence, t->status, t->error, t->result, t->now_ms));
    if (t->pivot)
        TRY(resource_release_all(db, &t->fence, t->now_ms));
    TRY(group_refresh_of(db, t->j->op_id, t->now_ms));
    return lease_release(db, t->j->op_id, t->j->owner);
}

err_t *journal_end(const struct journal *j, const char *status, const err_t *e, json_t *result,
                   bool release, journal_ended_fn *ended, void *data, int64_t now_ms)
{
    struct journal_tx t = journal_tx(j, now_ms);
    g_autoptr(json_t) error = e != NULL ? err_to_json(e) : NULL;

    t.status = status;
    t.error = error;
    t.result = result;
    t.pivot = release;
    t.ended = ended;
    t.ended_data = data;
    return store_tx(j->db, j->env, tx_end, &t);
}
