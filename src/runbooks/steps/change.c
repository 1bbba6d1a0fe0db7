/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change - a user's change of the metadata: built from the position that stands, signed, offered,
 * and done when the other site has stored it.  Until then nobody is told that it happened.
 */
#include "model/body.h"
#include "plan/change.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"

#define COMMIT_LOOK_MS 60000 /* who brings the answer wakes the step: this is for a bug of ours */

static const struct exchange *exchange_of(struct step_call *call)
{
    return world_options_of(call->world)->exchange;
}

static struct fence fence_of(struct step_call *call)
{
    return (struct fence){call->op->id, call->op->generation, call->owner};
}

/* What this site made for the change, into its own section of the body. */
static err_t *draft_locals(struct step_call *call, const char *self, json_t *draft)
{
    g_autoptr(json_t) cg = NULL;
    g_autoptr(json_t) captured = NULL;
    size_t i;
    json_t *volume;

    TRY(step_result_of(call, "cg.create", "", &cg));
    if (json_str(cg, "group_id") != NULL)
        TRY(body_local_set(draft, self, "cinder", "group_id",
                           json_string(json_str(cg, "group_id"))));
    TRY(step_result_of(call, "server.capture", "", &captured));
    const json_t *member = json_obj(captured, "member");
    if (member == NULL)
        return NULL;
    TRY(body_local_set(draft, self, "servers", json_str_or(member, "id", ""),
                       json_string(json_str_or(member, "instance_id", ""))));
    if (json_str(captured, "backend") != NULL)
        TRY(body_local_set(draft, self, "cinder", "backend",
                           json_string(json_str(captured, "backend"))));
    json_array_foreach(json_arr(member, "volumes"), i, volume)
    {
        const char *id = json_str_or(volume, "id", "");
        TRY(body_local_set(draft, self, "volumes", id, json_string(id)));
    }
    return NULL;
}

/*
 * A create's types as the clouds call them: the primary's by name and id, whichever of them was
 * given; the other site's, where none was given for it, by the same name, as ids are each cloud's
 * own.
 */
static err_t *create_types(struct step_call *call, json_t *params)
{
    g_autoptr(json_t) checked = NULL;
    json_t *primary = json_obj(params, "primary");
    json_t *secondary = json_obj(params, "secondary");

    TRY(step_result_of(call, "type.check", "", &checked));
    const char *name = json_str(checked, "volume_type");
    if (name == NULL || primary == NULL)
        return NULL;
    if (g_strcmp0(json_str(secondary, "volume_type"), json_str(primary, "volume_type")) == 0)
        json_set_str(secondary, "volume_type", name);
    json_set_str(primary, "volume_type", name);
    json_set_str(primary, "volume_type_id", json_str(checked, "volume_type_id"));
    return NULL;
}

/* The next body: the present one with the operation's change applied.  '*ret' is a draft. */
static err_t *change_draft(struct step_call *call, const struct group_now *now, json_t **ret)
{
    g_autoptr(json_t) params = json_deep_copy(call->op->params);
    g_autoptr(json_t) captured = NULL;
    g_autoptr(json_t) draft = NULL;
    const char *type = call->op->operation_type;

    TRY(step_result_of(call, "server.capture", "", &captured));
    if (json_obj(captured, "member") != NULL)
        json_set(params, "captured", json_incref(json_obj(captured, "member")));
    TRY(create_types(call, params));
    json_t *base = sync_is_empty(&now->state) ? NULL : sync_draft(&now->state);
    TRY(plan_change(type, params, base, call->now_ms, &draft));
    TRY(draft_locals(call, now->self, draft));
    TRY(recapture_fold(call, now->self, draft));
    TRY(reseal(call, now, draft));
    *ret = TAKE(draft);
    return NULL;
}

/*
 * What the last change takes away is still being taken away, and this one would add to the same
 * groups at Cinder and the array: the two would undo each other for ever.  Nor is it known what
 * there is while the ledger is being rebuilt.
 */
static err_t *waits_for_others(struct step_call *call, bool *ret)
{
    static const char *const adding[] = {"member_add", "policy_set", NULL};
    g_autoptr(GPtrArray) open = NULL;

    *ret = false;
    if (!g_strv_contains(adding, call->op->operation_type))
        return NULL;
    TRY(operation_list_open(call->db, call->op->pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        *ret = *ret || g_str_equal(op->operation_type, "settle") ||
               g_str_equal(op->operation_type, "rebuild");
    }
    return NULL;
}

/* The plan: the body as the change would make it now; signed is what stands at the signing. */
err_t *change_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    bool waits = false;

    TRY(waits_for_others(call, &waits));
    if (waits)
        return NULL;
    TRY(group_now_load(call, &now));
    json_t *plan = json_object();
    g_autoptr(json_t) params = json_deep_copy(call->op->params);
    json_t *base = sync_is_empty(&now->state) ? NULL : sync_draft(&now->state);
    json_t *body = NULL;
    err_t *e = plan_change(call->op->operation_type, params, base, call->now_ms, &body);
    json_set(plan, "body", body);
    json_set_str(plan, "group_id", call->op->pg_id);
    json_set_int(plan, "epoch", sync_epoch(&now->state));
    json_set(plan, "members", recapture_plan(call, now->body, now->self));
    if (e != NULL) {
        json_decref(plan);
        return e;
    }
    *ret = plan;
    return NULL;
}

/* Whose change is staged: this operation's, or nobody's of ours any more. */
static bool staged_is_ours(struct step_call *call, const struct sync_state *state)
{
    return state->staged.kind == STAGED_PROPOSAL &&
           g_str_equal(state->staged.operation, call->op->id);
}

err_t *stage_probe(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;

    TRY(group_now_load(call, &now));
    *ret = staged_is_ours(call, &now->state) ? STEP_DONE : STEP_ABSENT;
    if (*ret == STEP_DONE)
        json_set_str(call->result, "position", now->state.staged.position->hash);
    return NULL;
}

err_t *stage_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    json_t *draft = NULL;
    struct body *body = NULL;
    struct fence fence = fence_of(call);

    TRY(group_now_load(call, &now));
    TRY(change_draft(call, now, &draft));
    TRY(body_seal(draft, &body));
    TRY(exchange_stage(exchange_of(call), call->db, &fence, call->op->pg_id, body));
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms;
    return NULL;
}

/*
 * The order that ended the change stands in the operation's result (written with the acceptance or
 * the refusal, in one transaction): "accepted" a hash, or "refused" {code, text}.
 */
err_t *commit_probe(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    const json_t *refused = json_obj(call->op->result, "refused");

    if (json_str(call->op->result, "accepted") != NULL) {
        *ret = STEP_DONE;
        return NULL;
    }
    if (refused != NULL)
        return err(PEER_REFUSED, "%s",
                   json_str_or(refused, "text", "refused by the other site without a reason"));
    TRY(group_now_load(call, &now));
    if (!staged_is_ours(call, &now->state))
        return err(SYNC_CANCELLED, "the change was given up: it is not staged any more");
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + COMMIT_LOOK_MS;
    return NULL;
}

/* Frees the slot of a change that ended without having been signed. */
err_t *change_ended(struct step_call *call, const char *status)
{
    if (g_str_equal(status, "completed"))
        return recapture_ended(call);
    return exchange_release(exchange_of(call), call->db, call->op->pg_id, call->op->id);
}

/* A create that ended unmade leaves no group behind. */
err_t *create_ended(struct step_call *call, const char *status)
{
    if (g_str_equal(status, "completed"))
        return NULL;
    return exchange_create_failed(exchange_of(call), call->db, call->op->pg_id, call->op->id);
}
