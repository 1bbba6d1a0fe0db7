/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_ask - what the API asks of the protocol on behalf of users; see exchange.h. */
#include "store/exchange_internal.h"

#include "model/safety.h"
#include "store/idempotency.h"
#include "store/orders.h"
#include "store/tenant_mapping.h"

static err_t *reserve_fn(struct exchange_tx *tx)
{
    const struct exchange_change *c = tx->data;

    if (c->create)
        TRY(sync_create(tx->state, &tx->context, tx->effects));
    TRY(sync_reserve(tx->state, &tx->context, c->op->id, c->create ? NULL : c->if_match, c->nonce,
                     tx->effects));
    return NULL;
}

/* The operation is written after the group: its status is derived from it. */
static err_t *reserve_and_insert(struct exchange_tx *tx)
{
    const struct exchange_change *c = tx->data;

    TRY(reserve_fn(tx));
    TRY(operation_insert(tx->db, c->op));
    return c->also != NULL ? c->also(tx->db, c->also_data) : NULL;
}

static void seed_of_create(const struct operation *op, struct group_row *ret)
{
    const json_t *p = op->params;

    *ret = (struct group_row){
        .project_id = op->project_id,
        .name = (char *)json_str(p, "name"),
        .description = (char *)json_str(p, "description"),
        .replication_type = (char *)json_str(p, "replication_type"),
        .consistency_group_id = (char *)json_str(p, "consistency_group_id"),
        .peer_project_id = (char *)json_str(json_obj(p, "secondary"), "project_id"),
        .primary_site_id = (char *)json_str(json_obj(p, "primary"), "uuid"),
        .secondary_site_id = (char *)json_str(json_obj(p, "secondary"), "uuid"),
        .volume_type = (char *)json_str(json_obj(p, "primary"), "volume_type"),
        .secondary_volume_type = (char *)json_str(json_obj(p, "secondary"), "volume_type"),
    };
}

err_t *exchange_reserve(const struct exchange *x, struct db *db,
                        const struct exchange_change *change)
{
    struct exchange_call call = {.pg_id = change->op->pg_id,
                                 .peer = change->create ? change->peer : NULL,
                                 .fn = reserve_and_insert,
                                 .data = (void *)change};
    struct group_row seed;

    seed_of_create(change->op, &seed);
    struct exchange_run a = {.x = x,
                             .call = &call,
                             .project_id = change->op->project_id,
                             .seed = change->create ? &seed : NULL};
    return exchange_run(&a, db, NULL);
}

/*
 * What is before its pivot gives way; a drill is unwound later and never waited for.  A failover
 * that unwinds, and a handover, leaves what it has not taken back: the new one makes it under the
 * same keys.
 */
static err_t *preempt_others(struct db *db, const char *self, const char *pg_id, int64_t now_ms)
{
    static const char why[] = "an unplanned failover was started";
    g_autoptr(GPtrArray) open = NULL;

    TRY(operation_list_open(db, pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        struct operation *op = g_ptr_array_index(open, i);
        bool unwinds = g_str_equal(op->status, "rolling_back");
        if (g_strcmp0(op->executing_site_id, self) != 0)
            continue; /* the stub of a handover: it ends with the claim, or goes on */
        bool handover = exchange_preclaim(op) && op->planned;
        if (handover && !unwinds)
            TRY(orders_unwind(db, op, "superseded", why, now_ms));
        unwinds = g_str_equal(op->status, "rolling_back");
        if (exchange_preclaim(op) && unwinds)
            TRY(orders_leave(db, op, why, now_ms));
        else if (exchange_preclaim(op) && !handover && g_str_equal(op->operation_type, "failover"))
            return err_detail(err(OPERATION_IN_PROGRESS, "failover '%s' of this group runs already",
                                  op->id),
                              "operation", op->id);
        if (g_str_equal(op->operation_type, "realize") ||
            g_str_equal(op->operation_type, "test_failover") ||
            g_str_equal(op->operation_type, "cleanup_source"))
            TRY(orders_unwind(db, op, "superseded", why, now_ms));
    }
    return NULL;
}

/*
 * What a drill has left is taken away beside the failover, which never waits for it: it holds
 * quota, and addresses of a mapped test network.
 */
static err_t *drill_cleared(struct exchange_tx *tx)
{
    g_autofree char *left = NULL;
    AUTO(operation) drill = NULL;
    g_autoptr(GPtrArray) open = NULL;

    TRY(operation_drill_left(tx->db, tx->state->group, &left));
    if (left == NULL)
        return NULL;
    TRY(operation_list_open(tx->db, tx->state->group, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, "test_cleanup"))
            return NULL;
    }
    TRY(operation_get(tx->db, left, NULL, &drill));
    g_autofree char *id = env_id(tx->exchange->env, "op-");
    AUTO(operation) cleanup = operation_cleanup_of(drill, id, tx->now_ms);
    return operation_insert(tx->db, cleanup);
}

static err_t *begin_force_fn(struct exchange_tx *tx)
{
    struct operation *op = tx->data;

    TRY(sync_force_allowed(tx->state));
    TRY(preempt_others(tx->db, sync_self(tx->state), tx->state->group, tx->now_ms));
    TRY(drill_cleared(tx));
    TRY(operation_insert(tx->db, op));
    return group_refresh(tx->db, tx->state->group, tx->now_ms);
}

err_t *exchange_begin_force(const struct exchange *x, struct db *db, struct operation *op)
{
    struct exchange_call call = {.pg_id = op->pg_id, .fn = begin_force_fn, .data = op};

    return exchange_act(x, db, &call, NULL);
}

err_t *exchange_begin_child(const struct exchange *x, struct db *db, const struct fence *fence,
                            struct operation *op)
{
    struct exchange_call call = {.pg_id = op->pg_id,
                                 .fence = fence,
                                 .fn = begin_force_fn,
                                 .data = op};

    return exchange_act(x, db, &call, NULL);
}

static err_t *begin_drill_fn(struct exchange_tx *tx)
{
    struct operation *op = tx->data;

    TRY(safety_act(tx->state, SAFETY_BOOT, SAFETY_DRILL));
    if (tx->context.drill_running)
        return err(OPERATION_IN_PROGRESS, "a drill of this group is not cleaned up at this site");
    tx->effects->changed = true; /* counted: an older database does not know what the drill makes */
    TRY(operation_insert(tx->db, op));
    return group_refresh(tx->db, tx->state->group, tx->now_ms);
}

err_t *exchange_begin_drill(const struct exchange *x, struct db *db, struct operation *op)
{
    struct exchange_call call = {.pg_id = op->pg_id, .fn = begin_drill_fn, .data = op};

    return exchange_act(x, db, &call, NULL);
}

static err_t *handover_fn(struct exchange_tx *tx)
{
    const struct exchange_handover *h = tx->data;

    TRY(sync_handover(tx->state, &tx->context, h->op->id, h->if_match, h->nonce, h->body,
                      tx->effects));
    return operation_insert(tx->db, h->op);
}

err_t *exchange_handover(const struct exchange *x, struct db *db,
                         const struct exchange_handover *handover)
{
    AUTO(body) mine = handover->body;
    struct exchange_call call = {.pg_id = handover->op->pg_id,
                                 .fn = handover_fn,
                                 .data = (void *)handover};

    (void)mine;
    return exchange_act(x, db, &call, NULL);
}

err_t *exchange_key_forget(struct exchange_tx *tx)
{
    AUTO(group_row) row = NULL;

    TRY(group_find(tx->db, tx->state->group, &row));
    g_assert(row != NULL); /* its state was loaded from it */
    return idempotency_forget(tx->db, row->project_id, row->id);
}

static err_t *withdraw_fn(struct exchange_tx *tx)
{
    TRY(sync_withdraw(tx->state, &tx->context, tx->effects));
    return exchange_key_forget(tx);
}

err_t *exchange_withdraw(const struct exchange *x, struct db *db, const char *pg_id)
{
    struct exchange_call call = {.pg_id = pg_id, .fn = withdraw_fn};

    return exchange_act(x, db, &call, NULL);
}

struct resolve_args {
    const char *who, *reason;
};

static err_t *resolve_fn(struct exchange_tx *tx)
{
    const struct resolve_args *args = tx->data;

    return sync_close(tx->state, &tx->context, args->who, args->reason, tx->effects);
}

err_t *exchange_resolve(const struct exchange *x, struct db *db, const char *pg_id, const char *who,
                        const char *reason)
{
    struct resolve_args args = {who, reason};
    struct exchange_call call = {.pg_id = pg_id, .fn = resolve_fn, .data = &args};

    return exchange_act(x, db, &call, NULL);
}
