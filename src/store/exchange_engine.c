/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_engine - what the engine does in the protocol, each under the lease of its operation;
 * see exchange.h. */
#include "store/exchange_internal.h"
#include "store/judge.h"

struct stage_args {
    const struct fence *fence;
    struct body *body;
};

/* From the signature on it is the other site's answer that the operation waits for. */
static err_t *stage_fn(struct exchange_tx *tx)
{
    const struct stage_args *args = tx->data;
    const char *waiting = operation_status_text(OPERATION_WAITING_FOR_PEER);
    const char *self = sync_self(tx->state);
    const char *cinder =
        json_string_value(body_local(body_json(args->body), self, "cinder", "group_id"));

    TRY(sync_stage(tx->state, &tx->context, args->fence->op_id, args->body, tx->effects));
    TRY(operation_write_status(tx->db, args->fence, waiting, NULL, tx->now_ms, tx->now_ms));
    return cinder != NULL ? exchange_cinder_note(tx->db, tx->state, self, cinder, tx->now_ms)
                          : NULL;
}

err_t *exchange_stage(const struct exchange *x, struct db *db, const struct fence *fence,
                      const char *pg_id, struct body *body)
{
    AUTO(body) mine = body;
    struct stage_args args = {fence, mine};
    struct exchange_call call = {.pg_id = pg_id, .fence = fence, .fn = stage_fn, .data = &args};

    return exchange_act(x, db, &call, NULL);
}

static err_t *release_fn(struct exchange_tx *tx)
{
    return sync_release(tx->state, tx->data, tx->effects);
}

err_t *exchange_release(const struct exchange *x, struct db *db, const char *pg_id,
                        const char *op_id)
{
    struct exchange_call call = {.pg_id = pg_id, .fn = release_fn, .data = (void *)op_id};

    return exchange_act(x, db, &call, NULL);
}

/* The slot first: withdrawing a reserved one would cancel the operation that is ending here. */
static err_t *create_failed_fn(struct exchange_tx *tx)
{
    struct sync_state *s = tx->state;

    TRY(sync_release(s, tx->data, tx->effects));
    bool unmade = s->role == ROLE_ACTIVE && sync_is_empty(s) && s->staged.kind == STAGED_NONE;
    if (unmade)
        TRY(sync_withdraw(s, &tx->context, tx->effects));
    return unmade || s->role == ROLE_TOMBSTONE ? exchange_key_forget(tx) : NULL;
}

err_t *exchange_create_failed(const struct exchange *x, struct db *db, const char *pg_id,
                              const char *op_id)
{
    struct exchange_call call = {.pg_id = pg_id, .fn = create_failed_fn, .data = (void *)op_id};

    return exchange_act(x, db, &call, NULL);
}

struct realized_args {
    const char *hash;
    const char *cinder_group;
    const err_t *why;
};

static err_t *realized_fn(struct exchange_tx *tx)
{
    const struct realized_args *args = tx->data;

    TRY(sync_realized(tx->state, &tx->context, args->hash, tx->effects));
    if (args->cinder_group == NULL)
        return NULL;
    return exchange_cinder_note(tx->db, tx->state, sync_self(tx->state), args->cinder_group,
                                tx->now_ms);
}

err_t *exchange_realized(const struct exchange *x, struct db *db, const struct fence *fence,
                         const char *pg_id, const char *hash, const char *cinder_group)
{
    struct realized_args args = {hash, cinder_group, NULL};
    struct exchange_call call = {.pg_id = pg_id, .fence = fence, .fn = realized_fn, .data = &args};

    return exchange_act(x, db, &call, NULL);
}

static err_t *cinder_found_fn(struct exchange_tx *tx)
{
    return exchange_cinder_note(tx->db, tx->state, sync_self(tx->state), tx->data, tx->now_ms);
}

err_t *exchange_cinder_found(const struct exchange *x, struct db *db, const struct fence *fence,
                             const char *pg_id, const char *cinder_group)
{
    struct exchange_call call = {.pg_id = pg_id,
                                 .fence = fence,
                                 .fn = cinder_found_fn,
                                 .data = (void *)cinder_group};

    return exchange_act(x, db, &call, NULL);
}

static err_t *realize_failed_fn(struct exchange_tx *tx)
{
    const struct realized_args *args = tx->data;
    struct sync_refusal why;

    judge_refusal(args->why, &why);
    return sync_realize_failed(tx->state, &tx->context, args->hash, &why, tx->effects);
}

err_t *exchange_realize_failed(const struct exchange *x, struct db *db, const char *pg_id,
                               const char *hash, const err_t *why)
{
    struct realized_args args = {hash, NULL, why};
    struct exchange_call call = {.pg_id = pg_id, .fn = realize_failed_fn, .data = &args};

    return exchange_act(x, db, &call, NULL);
}

/* The operation's own row tells that its fact is made, whatever becomes of the position later. */
static err_t *finish_mark(struct exchange_tx *tx, const struct fence *fence, const json_t *outcome)
{
    AUTO(operation) op = NULL;

    TRY(operation_get(tx->db, fence->op_id, NULL, &op));
    g_autoptr(json_t) result = op->result != NULL ? json_deep_copy(op->result) : json_object();
    json_set(result, EXCHANGE_FINISHED, json_deep_copy(outcome));
    return operation_write_result(tx->db, fence, result, op->wake_at_ms);
}

struct finish_args {
    const struct exchange_finish *what;
    const struct fence *fence;
};

static err_t *finish_fn(struct exchange_tx *tx)
{
    const struct finish_args *args = tx->data;
    bool committed = false;

    TRY(sync_fact(tx->state, &tx->context, args->what->body, &committed, tx->effects));
    if (committed)
        return finish_mark(tx, args->fence, args->what->outcome);
    return err(SYNC_STAGED, "a change is undecided: the fact is folded in after it");
}

err_t *exchange_finish(const struct exchange *x, struct db *db, const struct fence *fence,
                       const char *pg_id, const struct exchange_finish *what)
{
    AUTO(body) mine = what->body;
    struct finish_args args = {what, fence};
    struct exchange_call call = {.pg_id = pg_id, .fence = fence, .fn = finish_fn, .data = &args};

    (void)mine;
    return exchange_act(x, db, &call, NULL);
}

static err_t *force_fn(struct exchange_tx *tx)
{
    return sync_force(tx->state, &tx->context, tx->data, tx->effects);
}

err_t *exchange_force(const struct exchange *x, struct db *db, const struct fence *fence,
                      const char *pg_id, const struct sync_force *force)
{
    AUTO(body) mine = force->body;
    struct exchange_call call = {.pg_id = pg_id,
                                 .fence = fence,
                                 .fn = force_fn,
                                 .data = (void *)force};

    (void)mine;
    return exchange_act(x, db, &call, NULL);
}

static err_t *claim_fn(struct exchange_tx *tx)
{
    const struct exchange_claim *claim = tx->data;

    return sync_claim(tx->state, &tx->context, &claim->plan, claim->evidence, claim->body,
                      tx->effects);
}

err_t *exchange_claim(const struct exchange *x, struct db *db, const struct fence *fence,
                      const char *pg_id, const struct exchange_claim *claim)
{
    AUTO(body) mine = claim->body;
    struct exchange_call call = {.pg_id = pg_id,
                                 .fence = fence,
                                 .fn = claim_fn,
                                 .data = (void *)claim};

    (void)mine;
    return exchange_act(x, db, &call, NULL);
}

static err_t *abort_fn(struct exchange_tx *tx)
{
    const char *handover = tx->data;

    if (strcmp(tx->state->serving, handover) != 0)
        return NULL;
    return sync_abort(tx->state, &tx->context, handover, tx->effects);
}

err_t *exchange_abort(const struct exchange *x, struct db *db, const char *pg_id,
                      const char *handover)
{
    struct exchange_call call = {.pg_id = pg_id, .fn = abort_fn, .data = (void *)handover};

    return exchange_act(x, db, &call, NULL);
}

static err_t *tombstone_fn(struct exchange_tx *tx)
{
    return sync_tombstone(tx->state, &tx->context, tx->effects);
}

err_t *exchange_tombstone(const struct exchange *x, struct db *db, const struct fence *fence,
                          const char *pg_id)
{
    struct exchange_call call = {.pg_id = pg_id, .fence = fence, .fn = tombstone_fn};

    return exchange_act(x, db, &call, NULL);
}
