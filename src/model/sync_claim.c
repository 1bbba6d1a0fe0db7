/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_claim - how a site becomes active: the planned claim, its abort, and a person's force.
 *
 * Neighbours: safety.c (the evidence), sync_core.c (sync_open).
 * Invariant: every claim opens an epoch of this site's own parity above all it ever used.
 */
#include "model/safety.h"
#include "model/sync_internal.h"

static err_t *plan_fits(const struct sync_state *s, const struct sync_plan *plan)
{
    int64_t epoch = sync_next_epoch(s);
    if (strcmp(plan->position, s->pos) == 0 && plan->epoch == epoch)
        return NULL;
    return err(SYNC_REPLAN,
               "group %s: the plan was made at %.12s for epoch %" PRId64
               ", the group stands at %.12s and would claim epoch %" PRId64,
               s->group, plan->position, plan->epoch, s->pos, epoch);
}

err_t *sync_claim_check(const struct sync_state *state, const struct sync_plan *plan,
                        const struct safety_evidence *evidence)
{
    if (state->role != ROLE_STANDBY || state->serving[0] == '\0')
        return err(SYNC_NOT_SERVING, "group %s: no handover runs at this site", state->group);
    if (state->split)
        return err(SYNC_SPLIT, "group %s: the two sites have diverged", state->group);
    TRY(plan_fits(state, plan));
    /* GCOVR_EXCL_START: sync_check keeps the two together, unless a mutant does not */
    if (strcmp(state->serving, state->pos) != 0)
        return err(SYNC_REPLAN, "group %s has moved on from its handover", state->group);
    /* GCOVR_EXCL_STOP */
    return safety_claim(evidence, true);
}

/*
 * claim at t (planned PIVOT): "serving=h, pos=h = the position the plan was made from, not SPLIT,
 * all volumes from one point, source servers verified stopped and locked after the final point,
 * point complete here => epoch := next(t, pos.epoch); pos := CLAIM(parent h); role := ACTIVE; floor
 * := epoch; serving := -; tag arrays; then boot".
 */
err_t *sync_claim(struct sync_state *state, const struct sync_context *context,
                  const struct sync_plan *plan, const struct safety_evidence *evidence,
                  struct body *body, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    TRY(sync_claim_check(state, plan, evidence));
    struct sync_new how = {.kind = POSITION_CLAIM,
                           .parent = state->pos,
                           .epoch = plan->epoch,
                           .body = body};
    AUTO(position) p = sync_new_position(&a, &how);
    TRY(sync_add(&a, p));
    state->serving[0] = '\0';
    sync_open(&a, p, body);
    return sync_done(&a);
}

/* abort at t: "serving=h, no claim yet, unwinding finished (source restarted) => serving := -; send
 * ABORTED(h).  Never claim for h again". */
err_t *sync_abort(struct sync_state *state, const struct sync_context *context,
                  const char *handover, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    if (state->serving[0] == '\0' || strcmp(state->serving, handover) != 0)
        return err(SYNC_NOT_SERVING, "group %s: handover %.12s does not run at this site",
                   state->group, handover);
    sync_set_hash(state->aborted, state->serving);
    if (!MUTANT(ABORT_NOT_FINAL))
        state->serving[0] = '\0';
    sync_send(&a, sync_message(state, context, MESSAGE_ABORTED, state->aborted));
    return sync_done(&a);
}

/* ---- force ---- */

/*
 * "role in STANDBY, FROZEN, RECOVERING, or ACTIVE with staged != - or superseded; not
 * creating/deleting".
 */
err_t *sync_force_allowed(const struct sync_state *state)
{
    if (state->role == ROLE_NONE)
        return err(NOT_FOUND, "there is no group %s", state->group);
    if (state->role == ROLE_TOMBSTONE)
        return err(GROUP_GONE, "group %s is gone", state->group);
    if (sync_deleting(state) || sync_leaving(state))
        return err(GROUP_DELETING, "group %s is being deleted", state->group);
    if (sync_is_empty(state) &&
        state->rival[0] == '\0') /* nor lost here: its create was restored */
        return err(GROUP_CREATING, "group %s is not created yet: withdraw it", state->group);
    if (state->role == ROLE_ACTIVE && state->staged.kind == STAGED_NONE && !state->superseded)
        return err_detail(err(GROUP_ALREADY_ACTIVE,
                              "group %s is active at this site and nothing is "
                              "undecided",
                              state->group),
                          "active_site", sync_self(state));
    return NULL;
}

/* The operation of the handover we serve, unless it is the one that forces (at its own PIVOT). */
static void give_up_serving(struct act *a, const char *forcing)
{
    struct sync_state *s = a->s;
    if (s->serving[0] == '\0')
        return;
    const char *operation = body_transition_operation(body_json(s->body));
    if (g_strcmp0(operation, forcing) != 0)
        sync_order(a, SYNC_OP_HANDOVER, SYNC_SUPERSEDE, operation, s->serving,
                   "a forced failover took over");
    s->serving[0] = '\0';
}

/* "preempts local drill and pre-claim operation"; what was staged is undecided. */
static void preempt(struct act *a, const struct sync_force *force)
{
    struct sync_state *s = a->s;
    sync_give_up_staged(a, "undecided: the peer may hold it"); /* before the rest: in these words */
    sync_order(a, SYNC_OP_LOCAL, SYNC_PREEMPT, force->operation, NULL,
               "a forced failover took over");
    sync_give_up_incoming(a, "a forced failover took over");
    give_up_serving(a, force->operation);
    if (s->superseded)
        sync_order(a, SYNC_OP_RESUME, SYNC_START, NULL, s->pos,
                   "taken back after being superseded");
    sync_unfreeze(a, SYNC_SUPERSEDE, "the source took the group back");
}

err_t *sync_force_check(const struct sync_state *state, const struct sync_force *force)
{
    TRY(sync_force_allowed(state));
    TRY(plan_fits(state, &force->plan));
    return safety_claim(force->evidence, false);
}

/*
 * force: "epoch := next(s, pos.epoch); pos := CLAIM(parent pos, drop {staged}, forced, reason,
 * who); staged, serving, frozen_for := -; role := ACTIVE; floor := epoch; closed off; SPLIT stays
 * until resolved".
 */
err_t *sync_force(struct sync_state *state, const struct sync_context *context,
                  const struct sync_force *force, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    TRY(sync_force_check(state, force));
    struct sync_new how = {.kind = POSITION_CLAIM,
                           .parent = state->pos,
                           .epoch = force->plan.epoch,
                           .drop = sync_drop(state),
                           .forced = true,
                           .body = force->body};
    AUTO(position) p = sync_new_position(&a, &how);
    TRY(sync_add(&a, p));
    bool recovered = state->role == ROLE_RECOVERING;
    preempt(&a, force);
    state->closed = state->superseded = state->peer_gone = false;
    state->peer_nonce[0] = '\0';
    if (!state->split) { /* of a lost group */
        state->rival[0] = '\0';
        sync_set_body(&state->rival_body, NULL);
    }
    sync_open(&a, p, force->body);
    if (recovered)
        sync_rebuild(&a);
    g_autofree char *words = g_strdup_printf("forced by %s: %s", force->who, force->reason);
    sync_log(&a, "forced", p->hash, p, force->body, words);
    return sync_done(&a);
}
