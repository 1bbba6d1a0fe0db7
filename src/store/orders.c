/* SPDX-License-Identifier: Apache-2.0 */
/* orders - see orders.h. */
#include "store/orders.h"

#include "model/mutant.h"
#include "store/group.h"
#include "store/idempotency.h"
#include "store/op_step.h"
#include "store/operation.h"
#include "store/sync_log.h"

/* ---- operations that are there already ---- */

static void ending_set(struct operation *op, const char *ending, const char *text)
{
    if (op->result == NULL)
        op->result = json_object();
    json_set_str(op->result, "ending", ending);
    json_set_str(op->result, "ending_text", text);
}

static void status_set(struct operation *op, enum operation_status status)
{
    g_free(op->status);
    op->status = g_strdup(operation_status_text(status));
}

err_t *orders_unwind(struct db *db, struct operation *op, const char *ending, const char *text,
                     int64_t now_ms)
{
    enum operation_status status = operation_status_of(op->status);

    g_assert(op->is_open);
    bool too_late = op->past_pivot && !g_str_equal(ending, "superseded");
    if (too_late ||
        (status == OPERATION_ROLLING_BACK && !json_bool(op->result, "replanning", false)))
        return NULL;
    ending_set(op, ending, text);
    g_autoptr(err_t) why = err(OPERATION_ENDED, "%s", text);
    json_decref(op->error);
    op->error = err_to_json(why);
    if (status == OPERATION_PENDING) {
        status_set(op, operation_status_of(ending));
        op->completed_at_ms = now_ms;
    } else {
        status_set(op, OPERATION_ROLLING_BACK);
        op->wake_at_ms = OPERATION_AT_ONCE;
    }
    return operation_change(db, op, now_ms);
}

err_t *orders_leave(struct db *db, struct operation *op, const char *text, int64_t now_ms)
{
    if (op->result == NULL)
        op->result = json_object();
    if (json_str(op->result, "ending") == NULL)
        ending_set(op, operation_status_text(OPERATION_SUPERSEDED), text);
    json_set_str(op->result, OPERATION_UNWIND, OPERATION_UNWIND_LEAVE);
    op->wake_at_ms = OPERATION_AT_ONCE;
    return operation_change(db, op, now_ms);
}

/* The answer is there: the step that waits for it looks at once. */
static err_t *op_wake(struct exchange_tx *tx, struct operation *op)
{
    op->wake_at_ms = OPERATION_AT_ONCE;
    TRY(op_step_wake(tx->db, op->id));
    return operation_change(tx->db, op, tx->now_ms);
}

/* The change was stored by the peer: only now it is acknowledged. */
static err_t *order_complete(struct exchange_tx *tx, struct operation *op,
                             const struct sync_order *order)
{
    if (op->result == NULL)
        op->result = json_object();
    json_set_str(op->result, "accepted", order->position);
    return op_wake(tx, op);
}

/* The peer refused: the waiting step finds the reason, and the operation unwinds. */
static err_t *order_fail(struct exchange_tx *tx, struct operation *op,
                         const struct sync_order *order)
{
    json_t *refused = json_object();

    if (op->result == NULL)
        op->result = json_object();
    json_set_str(refused, "position", order->position);
    json_set_str(refused, "text", order->text);
    json_set(op->result, "refused", refused);
    if (g_str_equal(op->operation_type, "create")) /* whoever repeats it makes another group */
        TRY(idempotency_forget(tx->db, op->project_id, op->pg_id));
    return op_wake(tx, op);
}

static err_t *order_supersede(struct exchange_tx *tx, struct operation *op,
                              const struct sync_order *order)
{
    return orders_unwind(tx->db, op, "superseded", order->text, tx->now_ms);
}

static err_t *order_cancel(struct exchange_tx *tx, struct operation *op,
                           const struct sync_order *order)
{
    return orders_unwind(tx->db, op, "cancelled", order->text, tx->now_ms);
}

/*
 * What a restored database says of an operation is old: it may have ended since, and what it made
 * may be what runs now.  So nothing of it is done and nothing taken back.
 */
static err_t *order_park(struct exchange_tx *tx, struct operation *op,
                         const struct sync_order *order)
{
    g_assert(op->is_open);
    if (MUTANT(PARK_SKIPPED))
        return NULL;
    g_autoptr(err_t) why = err(OPERATION_ENDED, "parked: %s", order->text);
    json_decref(op->error);
    op->error = err_to_json(why);
    ending_set(op, operation_status_text(OPERATION_SUPERSEDED), order->text);
    json_set_str(op->result, OPERATION_UNWIND, OPERATION_UNWIND_LEAVE);
    status_set(op, OPERATION_SUPERSEDED);
    op->completed_at_ms = tx->now_ms;
    return operation_change(tx->db, op, tx->now_ms);
}

/* SYNC_START is order_start's: no operation is there yet. */
static err_t *(*const order_apply[SYNC_VERDICTS])(struct exchange_tx *tx, struct operation *op,
                                                  const struct sync_order *order) = {
    [SYNC_COMPLETE] = order_complete,   [SYNC_FAIL] = order_fail,
    [SYNC_SUPERSEDE] = order_supersede, [SYNC_PREEMPT] = order_supersede,
    [SYNC_CANCEL] = order_cancel,       [SYNC_PARK] = order_park,
};

/*
 * A stub runs nowhere: this site handed the group over, and the operation of that id runs at the
 * other one.  No engine here looks at it (it is never due), so it ends with the order.
 */
static bool is_stub(const struct exchange_tx *tx, const struct operation *op)
{
    return g_strcmp0(op->executing_site_id, sync_self(tx->state)) != 0;
}

static err_t *stub_end(struct exchange_tx *tx, struct operation *op, const struct sync_order *order)
{
    enum operation_status status = order->verdict == SYNC_COMPLETE ? OPERATION_COMPLETED
                                   : order->verdict == SYNC_FAIL   ? OPERATION_FAILED
                                                                   : OPERATION_SUPERSEDED;

    if (order->text != NULL && status != OPERATION_COMPLETED) {
        g_autoptr(err_t) why = err(OPERATION_ENDED, "%s", order->text);
        json_decref(op->error);
        op->error = err_to_json(why);
    }
    status_set(op, status);
    op->progress = status == OPERATION_COMPLETED ? 100 : op->progress;
    op->completed_at_ms = tx->now_ms;
    return operation_change(tx->db, op, tx->now_ms);
}

/*
 * What an order without an id means: which open operations of the group.  A force preempts what has
 * not claimed yet, and a demotion: this site is active again.  A site that was overtaken ends also
 * what has claimed.
 */
static bool order_means_local(const struct exchange_tx *tx, const struct sync_order *order,
                              const struct operation *op)
{
    static const char *const kept[] = {"demote",  "settle",       "resume", "realize",
                                       "rebuild", "test_cleanup", NULL};
    bool preempt = order->verdict == SYNC_PREEMPT;

    if (order->verdict == SYNC_PARK)
        return true;

    bool acknowledged = json_str(op->result, "accepted") != NULL;

    if (g_str_equal(op->id, order->id) || (preempt && op->past_pivot) || acknowledged ||
        is_stub(tx, op))
        return false;
    if (preempt && g_str_equal(op->operation_type, "demote"))
        return true;
    return !g_strv_contains(kept, op->operation_type);
}

static bool is_of(const struct operation *op, const struct sync_order *order, const char *runbook)
{
    return g_str_equal(op->runbook, runbook) &&
           g_strcmp0(json_str(op->params, "position"), order->position) == 0;
}

static bool order_means(const struct exchange_tx *tx, const struct sync_order *order,
                        const struct operation *op)
{
    if (*order->id != '\0' && order->verdict != SYNC_PREEMPT)
        return g_str_equal(op->id, order->id);
    if (order->operation == SYNC_OP_REALIZE)
        return is_of(op, order, "realize");
    if (order->operation == SYNC_OP_HANDOVER)
        return is_of(op, order, "handover") || is_of(op, order, "failback");
    return order->operation == SYNC_OP_LOCAL && order_means_local(tx, order, op);
}

static err_t *order_existing(struct exchange_tx *tx, const struct sync_order *order)
{
    g_autoptr(GPtrArray) open = NULL;

    TRY(operation_list_open(tx->db, tx->state->group, &open));
    for (guint i = 0; i < open->len; i++) {
        struct operation *op = g_ptr_array_index(open, i);
        if (order_means(tx, order, op))
            TRY(order->operation == SYNC_OP_STUB ? stub_end(tx, op, order)
                                                 : order_apply[order->verdict](tx, op, order));
    }
    return NULL;
}

/* ---- operations that begin ---- */

/* What an order to start becomes here.  A stub is written by who signs its handover. */
static const struct {
    enum sync_operation operation;
    const char *runbook;
} started[] = {
    {SYNC_OP_REALIZE, "realize"}, {SYNC_OP_DEMOTE, "demote"}, {SYNC_OP_SETTLE, "settle"},
    {SYNC_OP_REBUILD, "rebuild"}, {SYNC_OP_RESUME, "resume"}, {SYNC_OP_HANDOVER, "handover"},
};

static const char *runbook_of(enum sync_operation operation)
{
    for (size_t i = 0; i < G_N_ELEMENTS(started); i++) {
        if (started[i].operation == operation)
            return started[i].runbook;
    }
    return NULL;
}

/* A handover becomes a failover or a failback; both run under the position that hands over. */
static bool begun_by(const struct operation *op, const struct sync_order *order)
{
    return is_of(op, order, runbook_of(order->operation)) ||
           (order->operation == SYNC_OP_HANDOVER && is_of(op, order, "failback"));
}

/* Begun while the group is given up here, or before that was known: then it takes away less. */
static bool as_much(const struct exchange_tx *tx, const struct operation *op)
{
    return json_bool(op->params, "leaving", false) || !sync_leaving(tx->state);
}

/* A realize of the same proposal runs already: a repeated PROPOSE does not start a second one. */
static err_t *already_runs(struct exchange_tx *tx, const struct sync_order *order, bool *ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = false;
    TRY(operation_list_open(tx->db, tx->state->group, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        *ret = *ret || (begun_by(op, order) && as_much(tx, op));
    }
    return NULL;
}

static struct operation *operation_new(struct exchange_tx *tx, const struct sync_order *order,
                                       const char *project)
{
    struct operation *op = operation_create();
    const char *runbook = runbook_of(order->operation);

    op->id = *order->id != '\0' ? g_strdup(order->id) : env_id(tx->exchange->env, "op-");
    op->pg_id = g_strdup(tx->state->group);
    op->project_id = g_strdup(project);
    op->operation_type = g_strdup(runbook);
    op->runbook = g_strdup(runbook);
    op->runbook_version = 1;
    op->hidden = true;
    op->executing_site_id = g_strdup(sync_self(tx->state));
    op->source_site_id = g_strdup(sync_peer(tx->state));
    op->target_site_id = g_strdup(sync_self(tx->state));
    op->params = json_object();
    json_set_str(op->params, "position", order->position);
    if (sync_leaving(tx->state))
        json_set_bool(op->params, "leaving", true);
    op->created_at_ms = tx->now_ms;
    return op;
}

/*
 * The one operation of a handover, which its source has named: one of the manual's, for all to see.
 * Towards the site where the group is at home it is a failback.
 */
static void handover_init(struct exchange_tx *tx, struct operation *op)
{
    const json_t *body = body_json(tx->state->body);
    const json_t *asked = body_transition_asked(body);
    bool home = g_strcmp0(body_primary_site(body), sync_self(tx->state)) == 0;

    g_free(op->operation_type);
    op->operation_type = g_strdup(home ? "failback" : "failover");
    if (home) {
        g_free(op->runbook);
        op->runbook = g_strdup("failback");
    }
    op->planned = true;
    op->hidden = false;
    op->user_id = g_strdup(json_str(asked, "user_id"));
    json_set(op->params, "mappings", json_deep_copy(json_obj(asked, "mappings")));
    json_set_str(op->params, "reason", json_str(asked, "reason"));
    json_set_str(op->params, "on_conflict", json_str(asked, "on_conflict"));
    json_set_bool(op->params, "reverse_replication", json_bool(asked, "reverse_replication", true));
    if (json_str(asked, "plan") != NULL)
        json_set_str(op->params, "plan", json_str(asked, "plan"));
}

static err_t *order_start(struct exchange_tx *tx, const struct sync_order *order,
                          const struct body *before)
{
    AUTO(group_row) row = NULL;
    bool runs = false;

    if (runbook_of(order->operation) == NULL ||
        (order->operation == SYNC_OP_RESUME && MUTANT(RESUME_SKIPPED)))
        return NULL;
    TRY(already_runs(tx, order, &runs));
    if (runs)
        return NULL;
    TRY(group_find(tx->db, tx->state->group, &row));
    g_assert(row != NULL);
    AUTO(operation) op = operation_new(tx, order, row->project_id);
    if (order->operation == SYNC_OP_HANDOVER)
        handover_init(tx, op);
    else if (before != NULL)
        json_set(op->params, "before", json_deep_copy(body_json(before)));
    return operation_insert(tx->db, op);
}

/* ---- log ---- */

static err_t *log_write(struct exchange_tx *tx)
{
    const struct sync_effects *e = tx->effects;

    for (guint i = 0; i < e->entries->len; i++) {
        const struct sync_entry *entry = g_ptr_array_index(e->entries, i);
        struct sync_log_entry row = {
            .pg_id = tx->state->group,
            .event = (char *)entry->event,
            .position = (char *)entry->position,
            .epoch = entry->epoch,
            .version = entry->version,
            .message = entry->text,
            .bundle = entry->body != NULL ? (char *)body_text(entry->body) : NULL,
            .created_at_ms = tx->now_ms,
        };
        TRY(sync_log_add(tx->db, &row));
    }
    for (guint i = 0; i < e->alarms->len; i++) {
        const struct sync_alarm *alarm = g_ptr_array_index(e->alarms, i);
        struct sync_log_entry row = {
            .pg_id = tx->state->group,
            .event = "alarm",
            .position = tx->state->pos,
            .epoch = sync_epoch(tx->state),
            .version = sync_version(tx->state),
            .created_at_ms = tx->now_ms,
        };
        g_autofree char *text = g_strdup_printf("%s: %s", alarm->code, alarm->text);
        row.message = text;
        TRY(sync_log_add(tx->db, &row));
    }
    return NULL;
}

err_t *orders_write(struct exchange_tx *tx, const struct body *before)
{
    for (guint i = 0; i < tx->effects->orders->len; i++) {
        const struct sync_order *order = g_ptr_array_index(tx->effects->orders, i);
        if (order->verdict == SYNC_START)
            TRY(order_start(tx, order, before));
        else
            TRY(order_existing(tx, order));
    }
    TRY(log_write(tx));
    return group_refresh(tx->db, tx->state->group, tx->now_ms);
}
