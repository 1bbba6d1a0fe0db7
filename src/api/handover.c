/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover - a planned failover, or a failback, as the active site begins it: the group is handed
 * over in one transaction, and the operation runs at the other site as soon as that has accepted.
 */
#include "api/handover.h"

#include "api/change.h"
#include "model/body.h"
#include "store/operation.h"
#include "store/sync.h"

/* What differs between the two. */
struct kind {
    enum verb verb;
    const char *type;    /* of the operation */
    const char *audit;   /* what is written down of the call */
    const char *runbook; /* that the other site runs */
};

static const struct kind kinds[] = {
    {VERB_FAILOVER_PLANNED, "failover", "protection_group.failover", "handover"},
    {VERB_FAILBACK, "failback", "protection_group.failback", "failback"},
};

static const struct kind *kind_of(enum verb verb)
{
    return verb == VERB_FAILBACK ? &kinds[1] : &kinds[0];
}

/*
 * A handover whose operation waits for the other site: whoever asks again follows that one, unless
 * he has agreed on another plan.
 */
static err_t *handover_open(struct request *r, const struct group_row *g, const struct kind *kind,
                            const char *plan, char **ret)
{
    g_autoptr(GPtrArray) open = NULL;
    const char *self = r->o->exchange->identity->site_id;

    *ret = NULL;
    TRY(operation_list_open(r->db, g->id, &open));
    for (guint i = 0; i < open->len && *ret == NULL; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, kind->type) && op->planned &&
            g_strcmp0(op->executing_site_id, self) != 0) {
            if (plan != NULL && g_strcmp0(json_str(op->params, "plan"), plan) != 0)
                return err_detail(err(OPERATION_IN_PROGRESS,
                                      "operation '%s' runs, which was not begun by this plan",
                                      op->id),
                                  "operation", op->id);
            *ret = g_strdup(op->id);
        }
    }
    return NULL;
}

/*
 * Of a member that is not protected the other site may hold nothing that could be booted.  A
 * failback takes those that were not recovered as well: they have never left.
 */
static err_t *members_protected(const struct group_row *g, const struct kind *kind,
                                const json_t *body)
{
    bool back = kind->verb == VERB_FAILBACK;
    size_t i;
    json_t *member;

    json_array_foreach(body_members(body), i, member)
    {
        const char *status = json_str_or(member, "status", "unknown");
        if (!g_str_equal(status, "protected") && !(back && g_str_equal(status, "unrecovered")))
            return err_remedy(err(GROUP_STATE,
                                  "member '%s' of group '%s' is %s: a %s takes members that are "
                                  "protected",
                                  json_str_or(member, "instance_name", ""), g->name, status,
                                  back ? "failback" : "planned failover"),
                              "remove the member and add it again, then repeat");
    }
    return NULL;
}

static json_t *asked_of(const struct request *r, const json_t *params)
{
    json_t *asked = json_object();

    json_set_str(asked, "user_id", r->auth->user_id);
    json_set_str(asked, "reason", json_str(params, "reason"));
    json_set(asked, "mappings", json_deep_copy(json_obj(params, "mappings")));
    json_set_str(asked, "on_conflict", json_str(params, "on_conflict"));
    json_set_bool(asked, "reverse_replication", json_bool(params, "reverse_replication", true));
    if (json_str(params, "plan") != NULL)
        json_set_str(asked, "plan", json_str(params, "plan"));
    return asked;
}

static err_t *handover_body(struct request *r, const struct group_row *g, const struct kind *kind,
                            const struct operation *op, struct body **ret)
{
    struct sync_state state;
    bool found = false;

    TRY(store_sync_load(r->db, g->id, &state, &found));
    json_t *draft = found ? sync_draft(&state) : NULL;
    if (found)
        sync_state_fini(&state);
    if (draft == NULL)
        return err(GROUP_CREATING, "group '%s' is not created yet", g->name);
    err_t *e = members_protected(g, kind, draft);
    if (e != NULL) {
        json_decref(draft);
        return e;
    }
    body_transition_set(draft, op->id, g->peer_site_id);
    body_transition_ask(draft, asked_of(r, op->params));
    body_touch(draft, r->now_ms);
    return body_seal(draft, ret);
}

/* A stub: the one operation of the handover runs at the other site, under the same id. */
static struct operation *stub_new(struct request *r, const struct group_row *g,
                                  const struct kind *kind, json_t *params)
{
    struct operation *op = change_operation(r, g, kind->type);

    g_free(op->executing_site_id);
    g_free(op->runbook);
    op->executing_site_id = g_strdup(g->peer_site_id);
    op->runbook = g_strdup(kind->runbook);
    op->status = g_strdup(operation_status_text(OPERATION_WAITING_FOR_PEER));
    op->wake_at_ms = OPERATION_NEVER;
    op->planned = true;
    op->hidden = false;
    op->params = params;
    return op;
}

err_t *handover_begin(struct request *r, const struct group_row *g, enum verb verb, json_t *params)
{
    const struct kind *kind = kind_of(verb);
    AUTO(operation) op = stub_new(r, g, kind, params);
    g_autofree char *open = NULL;
    struct exchange_handover handover = {
        .op = op,
        .if_match = request_header(r, "If-Match"),
        .nonce = request_header(r, "Protector-Peer"),
    };

    TRY(handover_open(r, g, kind, json_str(params, "plan"), &open));
    if (open != NULL)
        return reply_operation(r, open, NULL);
    TRY(change_allowed(r, g, verb));
    TRY(handover_body(r, g, kind, op, &handover.body));
    TRY(exchange_handover(r->o->exchange, r->db, &handover));
    TRY(request_audit(r, kind->audit, g->id));
    return reply_operation(r, op->id, NULL);
}
