/* SPDX-License-Identifier: Apache-2.0 */
/* change - see change.h. */
#include "api/change.h"

#include "plan/change.h"
#include "store/sync.h"

#include <string.h>

err_t *change_group(struct request *r, struct group_row **ret)
{
    return group_resolve(r->db, r->project, r->params[0], ret);
}

/* Who holds the slot, since when, with what: whom to follow until it is free. */
static err_t *staged_details(struct request *r, const struct group_row *g, err_t *takes)
{
    AUTO(operation) op = NULL;
    struct sync_state state;
    bool found = false;
    g_autoptr(err_t) no = operation_find(r->db, g->staged_op, &op);
    err_t *e = err_detail(takes, "operation", g->staged_op);

    if (no == NULL && op != NULL) {
        g_autofree char *since = time_format(op->created_at_ms);
        e = err_detail(err_detail(e, "by", op->user_id), "since", since);
    }
    g_autoptr(err_t) unread = store_sync_load(r->db, g->id, &state, &found);
    if (unread != NULL || !found)
        return e;
    if (state.staged.kind == STAGED_PROPOSAL)
        e = err_detail(e, "hash", state.staged.position->hash);
    sync_state_fini(&state);
    return e;
}

err_t *change_allowed(struct request *r, const struct group_row *g, enum verb verb)
{
    struct group_local local;
    struct group_view view;

    TRY(group_local_read(r->db, g->id, &local));
    group_view_of(g, &local, &view);
    err_t *e = verb_check(verb, &view, g->name);
    if (e != NULL && err_is(e, ERR_SYNC_STAGED) && g->staged_op != NULL)
        e = staged_details(r, g, e);
    return e;
}

struct operation *change_operation(struct request *r, const struct group_row *g, const char *type)
{
    struct operation *op = operation_create();
    const char *self = r->o->exchange->identity->site_id;

    op->id = env_id(r->o->env, "op-");
    op->pg_id = g_strdup(g->id);
    op->project_id = g_strdup(g->project_id);
    op->operation_type = g_strdup(type);
    op->runbook = g_strdup(type);
    op->runbook_version = 1;
    op->hidden = !g_str_equal(type, "reprotect"); /* of the manual's types */
    op->source_site_id = g_strdup(self);
    op->target_site_id = g_strdup(g->peer_site_id);
    op->executing_site_id = g_strdup(self);
    op->user_id = g_strdup(r->auth->user_id);
    op->request_id = g_strdup(r->request_id);
    op->idempotency_key = g_strdup(request_header(r, "Idempotency-Key"));
    op->created_at_ms = r->now_ms;
    return op;
}

struct operation *change_local_operation(struct request *r, const struct group_row *g,
                                         const char *type)
{
    struct operation *op = change_operation(r, g, type);

    g_free(op->source_site_id);
    g_free(op->target_site_id);
    op->source_site_id = g_strdup(g->peer_site_id);
    op->target_site_id = g_strdup(r->o->exchange->identity->site_id);
    op->hidden = false;
    return op;
}

err_t *change_body(const struct group_row *g, json_t **ret)
{
    if (g->body != NULL)
        return json_parse(g->body, strlen(g->body), "the metadata of a group", ret);
    *ret = json_object();
    return NULL;
}

/* Tries the change on the present metadata: bad input is refused before anything runs. */
static err_t *change_try(struct request *r, const struct group_row *g, const char *type,
                         const json_t *params)
{
    json_t *body = NULL;
    g_autoptr(json_t) draft = NULL;

    TRY(change_body(g, &body));
    return plan_change(type, params, body, r->now_ms, &draft);
}

/* The open operation that asks for the very same; NULL if there is none. */
static err_t *same_request(struct request *r, const struct group_row *g, const char *type,
                           const json_t *params, char **ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = NULL;
    TRY(operation_list_open(r->db, g->id, &open));
    for (guint i = 0; i < open->len && *ret == NULL; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, type) && json_equal(op->params, (json_t *)params))
            *ret = g_strdup(op->id);
    }
    return NULL;
}

err_t *change_begin(struct request *r, const struct group_row *g, enum verb verb, const char *type,
                    json_t *params, char **ret_op)
{
    struct change_also nothing = {0};

    return change_begin_also(r, g, verb, type, params, &nothing, ret_op);
}

err_t *change_begin_also(struct request *r, const struct group_row *g, enum verb verb,
                         const char *type, json_t *params, const struct change_also *also,
                         char **ret_op)
{
    AUTO(operation) op = change_operation(r, g, type);
    g_autofree char *same = NULL;

    op->params = params;
    TRY(same_request(r, g, type, params, &same));
    if (ret_op != NULL)
        *ret_op = g_strdup(same != NULL ? same : op->id);
    if (same != NULL)
        return NULL;
    err_t *e = change_allowed(r, g, verb);
    if (e == NULL)
        e = change_try(r, g, type, params);
    struct exchange_change change = {
        .op = op,
        .if_match = request_header(r, "If-Match"),
        .nonce = request_header(r, "Protector-Peer"),
        .also = also->fn,
        .also_data = also->data,
    };
    if (e == NULL)
        e = exchange_reserve(r->o->exchange, r->db, &change);
    if (e != NULL && ret_op != NULL) {
        g_free(*ret_op);
        *ret_op = NULL;
    }
    if (e == NULL)
        request_ring(r);
    return e;
}
