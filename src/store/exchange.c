/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange - see exchange.h.  One function, act_in_tx, is the whole of it: load, act, save, write
 * what was ordered.  Everything is signed after the commit; what is signed is derived from the
 * state, so a reply that got lost is made again by repeating the request.
 */
#include "model/mutant.h"
#include "store/cg.h"
#include "store/exchange_internal.h"
#include "store/judge.h"
#include "store/orders.h"
#include "store/peer.h"
#include "store/sync.h"
#include "store/tenant_mapping.h"
#include "store/tx.h"

/* ---- Cinder's groups: each site knows its own, and the peer's by its word ---- */

err_t *exchange_cinder_group(struct db *db, const char *pg_id, char **ret)
{
    AUTO(cg) cg = NULL;

    *ret = NULL;
    TRY(cg_find(db, pg_id, &cg));
    if (cg != NULL)
        *ret = g_strdup(cg->local_cg_id);
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

err_t *exchange_cinder_note(struct db *db, const struct sync_state *s, const char *site,
                            const char *id, int64_t now_ms)
{
    AUTO(cg) cg = NULL;
    const json_t *body = any_body(s);

    if (body == NULL)
        return NULL;
    TRY(cg_find(db, s->group, &cg));
    if (cg == NULL) {
        cg = cg_create();
        cg->pg_id = g_strdup(s->group);
        cg->id = g_strdup(json_str_or(body, "consistency_group_id", s->group));
        cg->volume_type_name = g_strdup(body_volume_type(body, body_primary_site(body)));
        cg->status = g_strdup("active");
        cg->created_at_ms = now_ms;
    }
    char **field = g_strcmp0(sync_self(s), site) == 0 ? &cg->local_cg_id : &cg->peer_cg_id;
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

static bool acceptable(void *data, const struct sync_state *state, const struct position *p,
                       const struct body *body, struct sync_refusal *ret)
{
    struct knowledge *k = data;

    (void)p;
    err_t *e = judge_content(k->db, k->project_id, state, body);
    if (e == NULL)
        return true;
    bool judged = err_class(e) == ERR_CLASS_PERMANENT || err_class(e) == ERR_CLASS_PERSON;
    if (!judged) { /* the database's: no refusal, the call fails */
        err_free(k->error);
        k->error = err_wrap(e, "judging a proposal");
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

bool exchange_preclaim(const struct operation *op)
{
    return (g_str_equal(op->operation_type, "failover") ||
            g_str_equal(op->operation_type, "reclaim") ||
            g_str_equal(op->operation_type, "failback")) &&
           !op->past_pivot;
}

static err_t *context_read(const struct exchange_run *r, struct db *db, struct knowledge *k,
                           int64_t now_ms, struct sync_context *ret)
{
    const char *pg_id = r->call->pg_id;
    g_autoptr(GPtrArray) open = NULL;
    struct group_local here;

    *ret = (struct sync_context){
        .now_ms = now_ms,
        .incarnation = r->local->incarnation,
        .schema = BODY_SCHEMA,
        .data = k,
        .random = NULL,
        .acceptable = acceptable,
        .realized = realized,
    };
    marks_epochs(r->marks, pg_id, &ret->tag_minted, &ret->tag_floor);
    TRY(operation_list_open(db, pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        ret->operation_any = ret->operation_any || !operation_type_looks(op->operation_type);
        ret->operation_blocks = ret->operation_blocks || exchange_preclaim(op);
        ret->cleanup_running =
            ret->cleanup_running || g_str_equal(op->operation_type, "cleanup_source");
    }
    TRY(group_local_read(db, pg_id, &here));
    ret->drill_running = here.drill;
    return NULL;
}

/* ---- the transaction ---- */

static err_t *state_load(struct exchange_run *a, struct db *db, struct sync_state *ret)
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
static err_t *observations_read(struct exchange_run *a, struct db *db)
{
    AUTO(operation) look = NULL;
    g_autofree char *id = NULL;

    json_decref(a->observations);
    a->observations = json_object();
    TRY(exchange_cinder_group(db, a->call->pg_id, &id));
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

/* The message showed that this database was restored: so it is told to every other group too. */
static err_t *act_reborn(struct exchange_run *a, struct exchange_tx *tx)
{
    const char *incarnation = tx->effects->incarnation;

    TRY(local_site_reincarnate(tx->db, incarnation, MAX(a->local->counter, a->marks->counter) + 1,
                               "the peer knows more of this site than its database", tx->now_ms));
    g_free(a->local->incarnation);
    a->local->incarnation = g_strdup(incarnation);
    return restored_groups(a->x, tx->db, tx->state->group, NULL);
}

/* "The database holds a counter raised by every transaction that signs": whatever changed, last. */
static err_t *act_count(struct exchange_run *a, struct exchange_tx *tx)
{
    a->minted = tx->state->minted;
    a->floor = tx->state->floor;
    if (*tx->effects->incarnation != '\0')
        TRY(act_reborn(a, tx));
    return tx->effects->changed ? local_site_count(tx->db, &a->local->counter) : NULL;
}

static err_t *act_save(struct exchange_run *a, struct exchange_tx *tx,
                       const struct sync_state *before)
{
    struct sync_effects *e = tx->effects;

    if (e->changed)
        TRY(store_sync_save(tx->db, before, tx->state, a->seed, tx->now_ms));
    TRY(orders_write(tx, before->body));
    TRY(act_count(a, tx));
    TRY(exchange_log_routine(tx, before));
    message_destroy(a->reply);
    a->reply = TAKE(e->reply);
    if (a->challenge) /* sync_hello always makes one */
        a->reply = message_copy(g_ptr_array_index(e->messages, 0));
    return NULL;
}

static err_t *act_on(struct exchange_run *a, struct exchange_tx *tx)
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
    if (a->knowledge.error != NULL) { /* nothing was judged, whatever came of it */
        err_free(e);
        e = TAKE(a->knowledge.error);
    }
    if (e == NULL)
        e = act_save(a, tx, &before);
    sync_effects_fini(&effects);
    sync_state_fini(&after);
    sync_state_fini(&before);
    return e;
}

/* First in the transaction: is this the database that the marks were taken from? */
static err_t *act_compare(struct exchange_run *a, struct db *db)
{
    g_autofree char *why = NULL;

    g_clear_pointer(&a->local, local_site_destroy);
    TRY(local_site_find(db, &a->local));
    if (a->local == NULL)
        return err(DB_SCHEMA, "this database does not know yet which site it is of");
    TRY(exchange_keys_current(a->x, db, a->local));
    if (a->nested)
        return NULL;
    TRY(restored_notice(db, a->marks, a->local, &why));
    a->restored = why != NULL;
    return a->restored ? err(FENCED, "the database was restored from an older copy: %s", why)
                       : NULL;
}

static err_t *act_in_tx(struct db *db, void *data)
{
    struct exchange_run *a = data;
    struct exchange_tx tx = {
        .exchange = a->x,
        .db = db,
        .now_ms = env_now_ms(a->x->env),
        .data = a->call->data,
    };

    TRY(act_compare(a, db));
    if (a->call->fence != NULL)
        TRY(fence_hold(db, a->call->fence));
    a->knowledge = (struct knowledge){a->x, db, a->project_id, NULL};
    TRY(context_read(a, db, &a->knowledge, tx.now_ms, &tx.context));
    TRY(observations_read(a, db));
    tx.context.observations = a->observations;
    tx.context.random = draw_for_model;
    return act_on(a, &tx);
}

/* ---- running ---- */

static err_t *act_once(struct exchange_run *a, struct db *db)
{
    a->restored = false;
    g_clear_pointer(&a->marks, marks_destroy);
    TRY(restored_recall(a->x, &a->marks));
    return a->nested ? act_in_tx(db, a) : store_tx(db, a->x->env, act_in_tx, a);
}

/* A restore that is noticed is admitted, and the action judged by what the group is then. */
static err_t *act(struct exchange_run *a, struct db *db)
{
    err_t *e = act_once(a, db);

    if (!a->restored)
        return e;
    err_free(e);
    TRY(restored_check(a->x, db, NULL));
    return act_once(a, db);
}

/* Before anything leaves that was signed after the change. */
static err_t *act_remember(const struct exchange_run *a)
{
    if (a->nested)
        return NULL; /* not committed yet: whatever signs next does it */
    return restored_remember(a->x, a->marks, a->local, a->call->pg_id, a->minted, a->floor);
}

err_t *exchange_run(struct exchange_run *a, struct db *db, json_t **ret_reply)
{
    a->nested = db_in_tx(db);
    err_t *e = act(a, db);

    if (e == NULL && ret_reply != NULL)
        *ret_reply = NULL;
    if (e == NULL)
        e = act_remember(a);
    if (e == NULL && ret_reply != NULL && a->reply != NULL)
        e = exchange_sign(a->x, a->reply, ret_reply);
    message_destroy(a->reply);
    json_decref(a->observations);
    marks_destroy(a->marks);
    local_site_destroy(a->local);
    return e;
}

err_t *exchange_act(const struct exchange *x, struct db *db, const struct exchange_call *call,
                    json_t **ret_reply)
{
    struct exchange_run a = {.x = x, .call = call};

    return exchange_run(&a, db, ret_reply);
}

/* ---- messages ---- */

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
    const struct message *m = tx->data;
    struct exchange_key key;

    TRY(message_check_address(m, sync_self(tx->state), sync_peer(tx->state), tx->state->group));
    TRY(exchange_key_judge(tx->db, m, &key));
    TRY(sync_receive(tx->state, m, &tx->context, tx->effects));
    TRY(exchange_key_done(tx, m, &key));
    if (key.overtaken)
        return NULL;
    const char *cinder = json_str(m->observations, "cinder_group");
    if (cinder != NULL)
        TRY(exchange_cinder_note(tx->db, tx->state, sync_peer(tx->state), cinder, tx->now_ms));
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

/* The operation that a PROPOSE without a reply waits for. */
static err_t *waiting_for(struct db *db, const char *pg_id, const json_t *reply, char **ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = NULL;
    if (reply != NULL)
        return NULL;
    TRY(operation_list_open(db, pg_id, &open));
    for (guint i = 0; i < open->len && *ret == NULL; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, "realize"))
            *ret = g_strdup(op->id);
    }
    return NULL;
}

/* The message, its signature verified; a new key of the peer's that it shows is pinned. */
static err_t *exchange_read(const struct exchange *x, struct db *db, const json_t *carried,
                            struct message **ret)
{
    struct exchange_verify v = {.db = db, .env = x->env, .carried = carried};
    AUTO(message) m = NULL;

    err_t *e = message_decode(carried, exchange_verify, &v, &m);
    if (e != NULL && v.error != NULL) { /* which says more than that it is not valid */
        err_free(e);
        e = TAKE(v.error);
    }
    if (e == NULL)
        e = exchange_adopt(&v);
    exchange_verify_fini(&v);
    if (e == NULL)
        *ret = TAKE(m);
    return e;
}

err_t *exchange_receive(const struct exchange *x, struct db *db, const char *project_id,
                        const char *pg_id, const json_t *carried, json_t **ret_reply,
                        char **ret_operation)
{
    AUTO(message) m = NULL;
    AUTO(tenant_mapping) mapping = NULL;

    TRY(exchange_read(x, db, carried, &m));
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
    struct exchange_run a = {.x = x, .call = &call, .project_id = project_id, .seed = &seed};
    TRY(exchange_run(&a, db, ret_reply));
    return waiting_for(db, pg_id, *ret_reply, ret_operation);
}

static err_t *outbox_sign(const struct exchange *x, const GPtrArray *messages, json_t **ret)
{
    g_autoptr(json_t) list = json_array();

    for (guint i = 0; i < messages->len; i++) {
        json_t *carried = NULL;
        TRY(exchange_sign(x, g_ptr_array_index(messages, i), &carried));
        json_array_append_new(list, carried);
    }
    *ret = TAKE(list);
    return NULL;
}

/* The counter is read after the state: what is remembered is no less than what is signed. */
static err_t *outbox_of(struct exchange_run *a, struct db *db, const struct sync_state *state,
                        json_t **ret)
{
    struct knowledge k = {a->x, db, NULL, NULL};
    struct sync_context context;

    TRY(restored_recall(a->x, &a->marks));
    TRY(local_site_find(db, &a->local));
    TRY(exchange_keys_current(a->x, db, a->local));
    TRY(context_read(a, db, &k, env_now_ms(a->x->env), &context));
    TRY(observations_read(a, db));
    context.observations = a->observations;
    context.random = draw_for_model;
    a->minted = state->minted;
    a->floor = state->floor;
    TRY(act_remember(a));
    g_autoptr(GPtrArray) messages = sync_outbox(state, &context);
    return outbox_sign(a->x, messages, ret);
}

err_t *exchange_outbox(const struct exchange *x, struct db *db, const char *pg_id, json_t **ret)
{
    struct exchange_call call = {.pg_id = pg_id};
    struct exchange_run a = {.x = x, .call = &call};
    struct sync_state state;
    bool found = false;

    TRY(restored_check(x, db, NULL));
    TRY(store_sync_load(db, pg_id, &state, &found));
    if (!found)
        return err(GROUP_NOT_FOUND, "protection group '%s' is not known at this site", pg_id);
    err_t *e = outbox_of(&a, db, &state, ret);
    json_decref(a.observations);
    marks_destroy(a.marks);
    local_site_destroy(a.local);
    sync_state_fini(&state);
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
    struct exchange_run a = {.x = x, .call = &call, .project_id = project_id, .seed = &seed};

    a.challenge = true;
    TRY(project_check(db, project_id, pg_id));
    return exchange_run(&a, db, ret);
}
