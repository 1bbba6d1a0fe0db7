/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange - see exchange.h.  One function, act_in_tx, is the whole of it: load, act, save, write
 * what was ordered.  Everything is signed after the commit; what is signed is derived from the
 * state, so a reply that got lost is made again by repeating the request.
 */
#include "store/exchange.h"

#include "base/secrets.h"
#include "model/mutant.h"
#include "store/cg.h"
#include "store/group.h"
#include "store/idempotency.h"
#include "store/judge.h"
#include "store/operation.h"
#include "store/orders.h"
#include "store/peer.h"
#include "store/site.h"
#include "store/sync.h"
#include "store/tenant_mapping.h"
#include "store/tx.h"

/* ---- Cinder's groups: each site knows its own, and the peer's by its word ---- */

static bool is_primary(const struct group_row *row, const char *site)
{
    return g_strcmp0(row->primary_site_id, site) == 0;
}

err_t *exchange_cinder_group(struct db *db, const char *pg_id, const char *site, char **ret)
{
    AUTO(group_row) row = NULL;
    AUTO(cg) cg = NULL;

    *ret = NULL;
    TRY(group_find(db, pg_id, &row));
    TRY(cg_find(db, pg_id, &cg));
    if (row != NULL && cg != NULL)
        *ret = g_strdup(is_primary(row, site) ? cg->primary_cg_id : cg->secondary_cg_id);
    return NULL;
}

/* The body that tells what the group is called: of pos, staged, or on its way in. */
static const json_t *any_body(const struct sync_state *s)
{
    const struct body *b = s->staged.body != NULL     ? s->staged.body
                           : s->incoming.body != NULL ? s->incoming.body
                                                      : s->body;

    return b != NULL ? body_json(b) : NULL;
}

/* Records the Cinder group of a site, once it is known. */
static err_t *cinder_group_note(struct db *db, const struct sync_state *s, const char *site,
                                const char *id, int64_t now_ms)
{
    AUTO(cg) cg = NULL;
    const json_t *body = any_body(s);

    if (body == NULL)
        return NULL;
    const char *primary = body_primary_site(body);
    TRY(cg_find(db, s->group, &cg));
    if (cg == NULL) {
        cg = cg_create();
        cg->pg_id = g_strdup(s->group);
        cg->id = g_strdup(json_str_or(body, "consistency_group_id", s->group));
        cg->volume_type_name = g_strdup(body_volume_type(body, primary));
        cg->status = g_strdup("active");
        cg->created_at_ms = now_ms;
    }
    char **field = g_strcmp0(primary, site) == 0 ? &cg->primary_cg_id : &cg->secondary_cg_id;
    g_free(*field);
    *field = g_strdup(id);
    cg->updated_at_ms = now_ms;
    return cg_put(db, cg);
}

/* ---- what the state does not know ---- */

static void draw(void *data, void *buffer, size_t size)
{
    const struct exchange *x = data;

    x->env->random(x->env->data, buffer, size);
}

/* The context's callbacks are pure for the model: what they need was read before. */
struct knowledge {
    const struct exchange *exchange;
    struct db *db;
    const char *project_id; /* of the group at this site, or of the token for an unknown group */
    err_t *error;           /* of a query a callback made */
};

static bool acceptable(void *data, const struct sync_state *state, const struct position *p,
                       const struct body *body, struct sync_refusal *ret)
{
    struct knowledge *k = data;

    (void)p;
    err_t *e = judge_content(k->db, k->project_id, state, body);
    if (e == NULL)
        return true;
    bool judged = err_class(e) == ERR_CLASS_PERMANENT || err_class(e) == ERR_CLASS_PERSON;
    if (!judged && k->error == NULL) {
        k->error =
            err_wrap(e, "judging a proposal"); /* the database's: no refusal, the call fails */
        return false;
    }
    judge_refusal(e, ret);
    err_free(e);
    return false;
}

/* Only a create (its Cinder group) and a changed policy (the array's group) need something made. */
static bool realized(void *data, const struct sync_state *state, const struct position *p,
                     const struct body *body)
{
    const json_t *before = state->body != NULL ? body_json(state->body) : NULL;
    const json_t *next = body_json(body);

    (void)data;
    (void)p;
    if (MUTANT(REALIZE_SKIPPED))
        return true;
    if (before == NULL)
        return false;
    return body_policy(next) == NULL || body_deleting(next) ||
           json_equal(json_object_get(before, "policy"), json_object_get(next, "policy"));
}

/* Operations that have not claimed yet and would be overtaken by a change. */
static bool is_preclaim(const struct operation *op)
{
    return (g_str_equal(op->operation_type, "failover") ||
            g_str_equal(op->operation_type, "reclaim") ||
            g_str_equal(op->operation_type, "failback")) &&
           !op->past_pivot;
}

static err_t *context_read(const struct exchange *x, struct db *db, const char *pg_id,
                           struct knowledge *k, int64_t now_ms, struct sync_context *ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = (struct sync_context){
        .now_ms = now_ms,
        .incarnation = x->identity->incarnation,
        .schema = BODY_SCHEMA,
        .data = k,
        .random = NULL,
        .acceptable = acceptable,
        .realized = realized,
    };
    TRY(operation_list_open(db, pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        ret->operation_any = true;
        ret->operation_blocks = ret->operation_blocks || is_preclaim(op);
        ret->drill_running = ret->drill_running || g_str_equal(op->operation_type, "test_failover");
    }
    return NULL;
}

/* ---- the transaction ---- */

struct act {
    const struct exchange *x;
    const struct exchange_call *call;
    const char *project_id;
    const struct group_row *seed;
    bool challenge; /* what is asked for is a message of our own, not a reply */
    json_t *observations;
    struct message *reply; /* out */
    struct knowledge knowledge;
};

static err_t *state_load(struct act *a, struct db *db, struct sync_state *ret)
{
    const struct exchange_call *call = a->call;
    bool found = false;

    TRY(store_sync_load(db, call->pg_id, ret, &found));
    if (found)
        return NULL;
    if (call->peer == NULL)
        return err(GROUP_NOT_FOUND, "protection group '%s' is not known at this site", call->pg_id);
    sync_state_init(ret, call->pg_id, a->x->identity->site_id, call->peer);
    return NULL;
}

/* What this site tells beside its acceptance: its own Cinder group, the servers last seen running.
 */
static err_t *observations_read(struct act *a, struct db *db)
{
    AUTO(operation) look = NULL;
    g_autofree char *id = NULL;

    json_decref(a->observations);
    a->observations = json_object();
    TRY(exchange_cinder_group(db, a->call->pg_id, a->x->identity->site_id, &id));
    if (id != NULL)
        json_set_str(a->observations, "cinder_group", id);
    TRY(operation_find_last(db, a->call->pg_id, "look", &look));
    if (look == NULL)
        return NULL;
    json_set(a->observations, "servers", json_deep_copy(json_arr(look->result, "servers")));
    json_set_str(a->observations, "servers_seen_at", json_str(look->result, "seen_at"));
    return NULL;
}

static void draw_for_model(void *data, void *buffer, size_t size)
{
    const struct knowledge *k = data;

    draw((void *)k->exchange, buffer, size);
}

static err_t *act_save(struct act *a, struct exchange_tx *tx, const struct sync_state *before)
{
    struct sync_effects *e = tx->effects;

    if (a->knowledge.error != NULL)
        return TAKE(a->knowledge.error);
    if (*e->incarnation != '\0')
        return err_remedy(err(SYNC_RECOVERING,
                              "the peer knows more of this site than its database does: "
                              "it was restored from an older copy"),
                          "make the other site active: protector protection-group failover PG "
                          "--unplanned there");
    if (e->changed)
        TRY(store_sync_save(tx->db, before, tx->state, a->seed, tx->now_ms));
    TRY(orders_write(tx, before->body));
    TRY(exchange_log_routine(tx, before));
    message_destroy(a->reply);
    a->reply = TAKE(e->reply);
    if (a->challenge && e->messages->len > 0)
        a->reply = message_copy(g_ptr_array_index(e->messages, 0));
    return NULL;
}

static err_t *act_on(struct act *a, struct exchange_tx *tx)
{
    struct sync_state before, after;
    struct sync_effects effects;

    TRY(state_load(a, tx->db, &before));
    sync_state_copy(&before, &after);
    sync_effects_init(&effects);
    tx->state = &after;
    tx->effects = &effects;
    a->knowledge.error = NULL;
    err_t *e = a->call->fn(tx);
    if (e == NULL)
        e = act_save(a, tx, &before);
    sync_effects_fini(&effects);
    sync_state_fini(&after);
    sync_state_fini(&before);
    return e;
}

static err_t *act_in_tx(struct db *db, void *data)
{
    struct act *a = data;
    struct exchange_tx tx = {
        .exchange = a->x,
        .db = db,
        .now_ms = env_now_ms(a->x->env),
        .data = a->call->data,
    };

    if (a->call->fence != NULL)
        TRY(fence_hold(db, a->call->fence));
    a->knowledge = (struct knowledge){a->x, db, a->project_id, NULL};
    TRY(context_read(a->x, db, a->call->pg_id, &a->knowledge, tx.now_ms, &tx.context));
    TRY(observations_read(a, db));
    tx.context.observations = a->observations;
    tx.context.random = draw_for_model;
    return act_on(a, &tx);
}

/* ---- signing ---- */

static char *sign(void *data, const void *bytes, size_t size)
{
    const struct exchange *x = data;

    return keypairs_sign(x->identity->keys, bytes, size);
}

static err_t *encode(const struct exchange *x, struct message *m, json_t **ret)
{
    return message_encode(m, x->identity->key_id, sign, (void *)x, ret);
}

static err_t *act_run(struct act *a, struct db *db, json_t **ret_reply)
{
    err_t *e = db_in_tx(db) ? act_in_tx(db, a) : store_tx(db, a->x->env, act_in_tx, a);

    if (e == NULL && ret_reply != NULL)
        *ret_reply = NULL;
    if (e == NULL && ret_reply != NULL && a->reply != NULL)
        e = encode(a->x, a->reply, ret_reply);
    message_destroy(a->reply);
    json_decref(a->observations);
    return e;
}

err_t *exchange_act(const struct exchange *x, struct db *db, const struct exchange_call *call,
                    json_t **ret_reply)
{
    struct act a = {.x = x, .call = call};

    return act_run(&a, db, ret_reply);
}

/* ---- messages ---- */

struct verify {
    struct db *db;
    err_t *error;
};

/* The public key of a site that has this id: the present one, or one it had before a rotation. */
static const char *site_key(const struct site *site, const char *key_id)
{
    g_autofree char *present = site->sign_public != NULL ? keys_id(site->sign_public) : NULL;
    size_t i;
    json_t *old;

    if (g_strcmp0(present, key_id) == 0)
        return site->sign_public;
    json_array_foreach(site->old_keys, i, old)
    {
        if (g_strcmp0(json_str(old, "key_id"), key_id) == 0)
            return json_str(old, "sign_public");
    }
    return NULL;
}

static bool verify(void *data, const char *from, const char *key_id, const void *bytes, size_t size,
                   const char *signature)
{
    struct verify *v = data;
    AUTO(site) site = NULL;

    err_t *e = site_find(v->db, from, &site);
    if (e != NULL) {
        err_free(v->error);
        v->error = e;
        return false;
    }
    const char *public_key = site != NULL ? site_key(site, key_id) : NULL;
    return public_key != NULL && signature_valid(public_key, bytes, size, signature);
}

/* What the message showed of the peer: for pages, decided by nothing. */
static err_t *peer_heard(struct exchange_tx *tx, const struct message *m)
{
    AUTO(peer_state) peer = NULL;
    bool equal = g_str_equal(tx->state->pos, tx->state->known_peer);

    if (tx->state->role == ROLE_NONE)
        return NULL;
    TRY(peer_state_find(tx->db, tx->state->group, &peer));
    if (peer == NULL) {
        peer = peer_state_create();
        peer->pg_id = g_strdup(tx->state->group);
        peer->peer_site_id = g_strdup(sync_peer(tx->state));
        peer->status = g_strdup("");
    }
    if (m->type == MESSAGE_HERE || m->type == MESSAGE_STATE || m->type == MESSAGE_CLOSED) {
        g_free(peer->remote_role);
        peer->remote_role = g_strdup(sync_role_text(m->role));
    }
    g_free(peer->remote_position);
    peer->remote_position = g_strdup(tx->state->known_peer);
    peer->remote_epoch = chain_epoch(tx->state->chain, tx->state->known_peer);
    peer->remote_version = chain_version(tx->state->chain, tx->state->known_peer);
    peer->remote_schema = tx->state->peer_schema;
    peer->attempted_at_ms = tx->now_ms;
    if (m->type == MESSAGE_HERE)
        peer->proven_at_ms = tx->now_ms;
    if (equal)
        peer->synced_at_ms = tx->now_ms;
    g_free(peer->status);
    peer->status = g_strdup(sync_status_text(sync_status(tx->state, true)));
    if (m->observations != NULL) {
        json_decref(peer->observations);
        peer->observations = json_incref(m->observations);
    }
    return peer_state_put(tx->db, peer);
}

static err_t *receive_fn(struct exchange_tx *tx)
{
    TRY(message_check_address(tx->data, sync_self(tx->state), sync_peer(tx->state),
                              tx->state->group));
    TRY(sync_receive(tx->state, tx->data, &tx->context, tx->effects));
    const struct message *m = tx->data;
    const char *cinder = json_str(m->observations, "cinder_group");
    if (cinder != NULL)
        TRY(cinder_group_note(tx->db, tx->state, sync_peer(tx->state), cinder, tx->now_ms));
    return peer_heard(tx, m);
}

/* The group's own project, or NULL if the group is unknown here. */
static err_t *project_check(struct db *db, const char *project_id, const char *pg_id)
{
    AUTO(group_row) row = NULL;

    TRY(group_find(db, pg_id, &row));
    if (row != NULL && project_id != NULL && !g_str_equal(row->project_id, project_id))
        return err(GROUP_NOT_FOUND, "protection group '%s' is not known in this project", pg_id);
    return NULL;
}

/* The operation that a PROPOSE waits for, if it does. */
static err_t *waiting_for(struct db *db, const struct message *m, const json_t *reply, char **ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = NULL;
    if (reply != NULL || m->type != MESSAGE_PROPOSE)
        return NULL;
    TRY(operation_list_open(db, m->group, &open));
    for (guint i = 0; i < open->len && *ret == NULL; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, "realize"))
            *ret = g_strdup(op->id);
    }
    return NULL;
}

err_t *exchange_receive(const struct exchange *x, struct db *db, const char *project_id,
                        const char *pg_id, const json_t *carried, json_t **ret_reply,
                        char **ret_operation)
{
    struct verify v = {db, NULL};
    AUTO(message) m = NULL;
    AUTO(tenant_mapping) mapping = NULL;

    err_t *e = message_decode(carried, verify, &v, &m);
    g_autoptr(err_t) of_database = v.error;
    if (e != NULL && of_database != NULL) {
        err_free(e);
        return TAKE(of_database);
    }
    if (e != NULL)
        return e;
    if (!g_str_equal(m->group, pg_id))
        return err(SYNC_ADDRESSEE, "the message is about group '%s', not '%s'", m->group, pg_id);
    TRY(project_check(db, project_id, pg_id));
    if (project_id != NULL)
        TRY(tenant_mapping_find(db, project_id, m->from, &mapping));
    if (project_id != NULL && mapping == NULL)
        return err(MAPPING_MISSING, "project '%s' is not mapped to site '%s'", project_id, m->from);
    struct exchange_call call = {.pg_id = pg_id, .peer = m->from, .fn = receive_fn, .data = m};
    /* whoever carries for every project: the message says whose it is, also one that is refused */
    const char *project = project_id == NULL && m->body != NULL
                              ? body_project(body_json(m->body), x->identity->site_id)
                              : project_id;
    struct group_row seed = {.project_id = (char *)project};
    struct act a = {.x = x, .call = &call, .project_id = project_id, .seed = &seed};
    TRY(act_run(&a, db, ret_reply));
    return waiting_for(db, m, *ret_reply, ret_operation);
}

err_t *exchange_outbox(const struct exchange *x, struct db *db, const char *pg_id, json_t **ret)
{
    struct knowledge k = {x, db, NULL, NULL};
    struct sync_context context;
    struct sync_state state;
    g_autoptr(json_t) list = json_array();
    bool found = false;
    err_t *e = NULL;

    TRY(store_sync_load(db, pg_id, &state, &found));
    if (!found)
        return err(GROUP_NOT_FOUND, "protection group '%s' is not known at this site", pg_id);
    struct exchange_call call = {.pg_id = pg_id};
    struct act a = {.x = x, .call = &call};
    e = context_read(x, db, pg_id, &k, env_now_ms(x->env), &context);
    if (e == NULL)
        e = observations_read(&a, db);
    context.observations = a.observations;
    context.random = draw_for_model;
    g_autoptr(GPtrArray) messages = e == NULL ? sync_outbox(&state, &context) : g_ptr_array_new();
    for (guint i = 0; i < messages->len && e == NULL; i++) {
        json_t *carried = NULL;
        e = encode(x, g_ptr_array_index(messages, i), &carried);
        if (e == NULL)
            json_array_append_new(list, carried);
    }
    json_decref(a.observations);
    sync_state_fini(&state);
    if (e == NULL)
        *ret = TAKE(list);
    return e;
}

static err_t *hello_fn(struct exchange_tx *tx)
{
    return sync_hello(tx->state, &tx->context, tx->effects);
}

err_t *exchange_hello(const struct exchange *x, struct db *db, const char *project_id,
                      const char *pg_id, const char *peer, json_t **ret)
{
    struct exchange_call call = {.pg_id = pg_id, .peer = peer, .fn = hello_fn};
    struct group_row seed = {.project_id = (char *)project_id};
    struct act a = {.x = x, .call = &call, .project_id = project_id, .seed = &seed};

    a.challenge = true;
    TRY(project_check(db, project_id, pg_id));
    return act_run(&a, db, ret);
}

/* ---- what the API asks ---- */

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
    struct act a = {.x = x,
                    .call = &call,
                    .project_id = change->op->project_id,
                    .seed = change->create ? &seed : NULL};
    return act_run(&a, db, NULL);
}

/*
 * What is before its pivot gives way; a drill is unwound later and never waited for.  A failover
 * that unwinds leaves what it has not taken back: the new one makes it under the same keys.
 */
static err_t *preempt_others(struct db *db, const char *pg_id, int64_t now_ms)
{
    static const char why[] = "an unplanned failover was started";
    g_autoptr(GPtrArray) open = NULL;

    TRY(operation_list_open(db, pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        struct operation *op = g_ptr_array_index(open, i);
        bool unwinds = g_str_equal(op->status, "rolling_back");
        if (is_preclaim(op) && unwinds)
            TRY(orders_leave(db, op, why, now_ms));
        else if (is_preclaim(op) && g_str_equal(op->operation_type, "failover"))
            return err_detail(err(OPERATION_IN_PROGRESS, "failover '%s' of this group runs already",
                                  op->id),
                              "operation", op->id);
        if (g_str_equal(op->operation_type, "realize"))
            TRY(orders_unwind(db, op, "superseded", why, now_ms));
    }
    return NULL;
}

static err_t *begin_force_fn(struct exchange_tx *tx)
{
    struct operation *op = tx->data;

    TRY(sync_force_allowed(tx->state));
    TRY(preempt_others(tx->db, tx->state->group, tx->now_ms));
    TRY(operation_insert(tx->db, op));
    return group_refresh(tx->db, tx->state->group, tx->now_ms);
}

err_t *exchange_begin_force(const struct exchange *x, struct db *db, struct operation *op)
{
    struct exchange_call call = {.pg_id = op->pg_id, .fn = begin_force_fn, .data = op};

    return exchange_act(x, db, &call, NULL);
}

/* The group was never made: its Idempotency-Key stands for nothing. */
static err_t *key_forget(struct exchange_tx *tx)
{
    AUTO(group_row) row = NULL;

    TRY(group_find(tx->db, tx->state->group, &row));
    return row != NULL ? idempotency_forget(tx->db, row->project_id, row->id) : NULL;
}

static err_t *withdraw_fn(struct exchange_tx *tx)
{
    TRY(sync_withdraw(tx->state, &tx->context, tx->effects));
    return key_forget(tx);
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

/* ---- what the engine does ---- */

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
    return cinder != NULL ? cinder_group_note(tx->db, tx->state, self, cinder, tx->now_ms) : NULL;
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
    return unmade || s->role == ROLE_TOMBSTONE ? key_forget(tx) : NULL;
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
    return cinder_group_note(tx->db, tx->state, sync_self(tx->state), args->cinder_group,
                             tx->now_ms);
}

err_t *exchange_realized(const struct exchange *x, struct db *db, const struct fence *fence,
                         const char *pg_id, const char *hash, const char *cinder_group)
{
    struct realized_args args = {hash, cinder_group, NULL};
    struct exchange_call call = {.pg_id = pg_id, .fence = fence, .fn = realized_fn, .data = &args};

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
