/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realize - the other site's part of a proposed change, made before it accepts: "I hold it and have
 * what it needs".  What fails is unwound and signed as a refusal with its reason.
 */
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"

static const struct exchange *exchange_of(struct step_call *call)
{
    return world_options_of(call->world)->exchange;
}

static const char *proposal_of(struct step_call *call)
{
    return json_str_or(call->op->params, "position", "");
}

err_t *realize_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;

    TRY(group_now_load(call, &now));
    const struct sync_incoming *in = &now->state.incoming;
    if (in->position == NULL || !g_str_equal(in->position->hash, proposal_of(call)))
        return err(SYNC_CANCELLED, "the proposal is not wanted any more");
    json_t *plan = json_object();
    json_set(plan, "body", json_deep_copy(body_json(in->body)));
    json_set_str(plan, "group_id", call->op->pg_id);
    json_set_int(plan, "epoch", in->position->epoch);
    *ret = plan;
    return NULL;
}

/* Decided: the proposal is held, or another message has settled its fate. */
err_t *accept_probe(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;

    TRY(group_now_load(call, &now));
    const struct sync_incoming *in = &now->state.incoming;
    bool waiting = in->position != NULL && g_str_equal(in->position->hash, proposal_of(call));
    if (!waiting && !chain_in_line(now->state.chain, proposal_of(call), now->state.pos))
        return err(SYNC_CANCELLED, "the proposal was decided otherwise");
    *ret = waiting ? STEP_ABSENT : STEP_DONE;
    return NULL;
}

err_t *accept_make(struct step_call *call, enum step_answer *ret)
{
    struct fence fence = {call->op->id, call->op->generation, call->owner};
    g_autoptr(json_t) cg = NULL;

    TRY(step_result_of(call, "cg.create", "", &cg));
    TRY(exchange_realized(exchange_of(call), call->db, &fence, call->op->pg_id, proposal_of(call),
                          json_str(cg, "group_id")));
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms;
    return NULL;
}

bool realize_overdue(const struct step_call *call, int times)
{
    const struct conf *conf = world_options_of(call->world)->conf;
    int64_t timeout_ms = conf_int(conf, "DEFAULT", "realize_timeout_s") * 1000;

    return g_str_equal(call->op->operation_type, "realize") &&
           call->now_ms - call->op->created_at_ms >= times * timeout_ms;
}

/* The peer waits for an answer: after so long it is no.  What was answered already stands. */
err_t *realize_expired(struct step_call *call, err_t **ret_why)
{
    AUTO(group_now) now = NULL;
    const struct conf *conf = world_options_of(call->world)->conf;

    if (!realize_overdue(call, 1))
        return NULL;
    TRY(group_now_load(call, &now));
    const struct sync_incoming *in = &now->state.incoming;
    if (in->position == NULL || !g_str_equal(in->position->hash, proposal_of(call)))
        return NULL;
    int64_t timeout_s = conf_int(conf, "DEFAULT", "realize_timeout_s");
    *ret_why = err_remedy(err(REALIZE_FAILED,
                              "this site could not make its part within %" G_GINT64_FORMAT " s",
                              timeout_s),
                          "see operation steps %s at this site; [DEFAULT] realize_timeout_s is how "
                          "long it tries",
                          call->op->id);
    return NULL;
}

err_t *realize_ended(struct step_call *call, const char *status)
{
    if (g_str_equal(status, "completed"))
        return NULL;
    g_autoptr(err_t) why = call->op->error != NULL ? err_from_json(call->op->error)
                                                   : err(REALIZE_FAILED, "this site gave up");
    return exchange_realize_failed(exchange_of(call), call->db, call->op->pg_id, proposal_of(call),
                                   why);
}
