/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_recover - after a database was restored: how a site admits what it may have forgotten, and
 * how the two get it back in.
 *
 * Neighbours: sync_follow.c (own epoch, lost group lead here), sync_propose.c (answers a REJOIN).
 * Invariant: a site leaves RECOVERING only into an epoch newer than anything it may have forgotten.
 */
#include "model/sync_internal.h"

/* "role := RECOVERING; staged, serving, frozen_for, SPLIT, rival, closed := -; operations parked".
 */
void sync_forget(struct act *a, const char *words)
{
    struct sync_state *s = a->s;
    if (s->staged.kind == STAGED_PROPOSAL)
        sync_log(a, "forgotten", s->staged.position->hash, s->staged.position, s->staged.body,
                 words);
    s->role = ROLE_RECOVERING;
    sync_staged_clear(s);
    sync_incoming_clear(s);
    sync_resolving_clear(s);
    s->serving[0] = s->frozen_for[0] = s->stub[0] = s->aborted[0] = s->rival[0] = '\0';
    sync_set_body(&s->rival_body, NULL);
    s->split = s->closed = s->superseded = s->peer_gone = s->leaving = false;
    s->known_peer[0] = s->peer_nonce[0] = '\0';
    s->proof_count = 0;
    s->minted = MAX(s->minted, MAX(a->c->tag_minted, a->c->tag_floor));
    s->floor = MAX(s->floor, a->c->tag_floor);
    sync_order(a, SYNC_OP_LOCAL, SYNC_PARK, NULL, NULL, words);
    sync_alarm(a, "RESTORED", "group %s: %s", s->group, words);
    sync_changed(a);
}

static err_t *restored(struct sync_state *state, const struct sync_context *context,
                       const char *words, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    if (state->role == ROLE_TOMBSTONE)
        return NULL;
    if (state->role == ROLE_NONE) { /* a create that came: it may have been accepted since */
        state->proof_count = 0;
        if (state->incoming.position != NULL)
            sync_order(&a, SYNC_OP_LOCAL, SYNC_PARK, NULL, NULL, words);
        sync_incoming_clear(state);
        return sync_done(&a);
    }
    if (MUTANT(RESTORE_RESUMES)) {
        state->minted = MAX(state->minted, context->tag_minted);
        state->floor = MAX(state->floor, context->tag_floor);
        return sync_done(&a);
    }
    sync_forget(&a, words);
    return sync_done(&a);
}

/* restore detected at s. */
err_t *sync_restored(struct sync_state *state, const struct sync_context *context,
                     struct sync_effects *ret)
{
    return restored(state, context, "the database was restored from a backup", ret);
}

err_t *sync_rekeyed(struct sync_state *state, const struct sync_context *context,
                    struct sync_effects *ret)
{
    return restored(state, context, "the other site's keys were lost or stolen", ret);
}

/* ---- at the site that recovers ---- */

/* "only if q descends from a REJOIN that names my present incarnation". */
static bool taken_in(const struct act *a, const char *q)
{
    const struct sync_state *s = a->s;
    if (MUTANT(TEXT_ADOPT))
        return s->floor <= chain_epoch(s->chain, q);
    return chain_names(s->chain, q, a->c->incarnation);
}

/*
 * recover at s: "RECOVERING, staged=-, not closed or HERE says that t is not SPLIT, fresh HERE(q)
 * of t, t.serving=-, t in STANDBY or FROZEN, active(q)=s or q does not know floor_s, covered(pos,
 * q)". Who is not SPLIT resolves nothing: what we have signed for it binds nobody any more.
 */
static bool may_recover(const struct sync_state *s, const struct message *m)
{
    const char *q = m->position, *active = chain_active(s->chain, q);
    bool yields = m->role == ROLE_STANDBY || m->role == ROLE_FROZEN;
    bool was_mine =
        g_strcmp0(active, sync_self(s)) == 0 || !sync_knows_floor(s, q, sync_self(s), s->floor);
    bool closed = s->closed && (m->split || MUTANT(TEXT_CLOSED));
    return s->staged.kind == STAGED_NONE && !closed && yields && m->serving[0] == '\0' &&
           was_mine && active != NULL && chain_covered(s->chain, s->pos, q);
}

/* "=> epoch := next(s, q.epoch); staged := REJOIN(parent q, minter s)". */
static err_t *recover(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    const struct body *base = m->body != NULL ? m->body : s->body;
    AUTO(body) body = sync_body_in_place(base, true);
    struct sync_new how = {.kind = POSITION_REJOIN,
                           .parent = m->position,
                           .epoch = sync_next(s, chain_epoch(s->chain, m->position)),
                           .body = body};
    struct sync_staged staged = {.kind = STAGED_PROPOSAL, .since_ms = a->c->now_ms};
    staged.position = sync_new_position(a, &how);
    staged.body = body_ref(body);
    s->staged = staged;
    s->closed = false;
    sync_mint(a, staged.position->epoch);
    sync_send(a, sync_message_propose(s, a->c));
    return MUTANT(RECOVER_ALONE) ? sync_commit(a) : NULL;
}

/* on HERE(q) at a RECOVERING s: "only a HERE answering own nonce counts". */
err_t *sync_on_here_recovering(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    const char *q = m->position;
    struct sync_proof *proof = sync_proof_answer(a, m);
    bool has_bytes = m->body != NULL || (strcmp(q, s->pos) == 0 && s->body != NULL);
    if (proof == NULL || !chain_knows(s->chain, q) || s->leaving)
        return NULL; /* leaving: a person has ended it here, nothing is taken in any more */
    proof->used = true;
    if (sync_staged_is(s, q))
        return sync_commit(a);
    bool follows = m->body != NULL && chain_before(s->chain, s->pos, q) &&
                   strcmp(chain_active(s->chain, q), sync_self(s)) != 0;
    if (follows && taken_in(a, q))
        sync_adopt(a, q, m->body);
    else if (has_bytes && may_recover(s, m))
        return recover(a, m);
    return NULL;
}

/* ---- at the other site: on AMNESIA(nonce, incarnation, floor_s, pos_s) ---- */

/*
 * rejoin at t for s: "fresh AMNESIA, no REJOIN for i in anc(pos), role ACTIVE or FROZEN, pos knows
 * floor_s, covered(pos_s, pos)".  Nor may the rival name i: then s has acted in i since.  (No other
 * role hears an AMNESIA: sync_receive.c.)
 */
static bool may_rejoin(const struct sync_state *s, const struct message *m)
{
    bool floor_fits =
        sync_knows_floor(s, s->pos, sync_peer(s), m->floor) || MUTANT(REJOIN_IGNORES_FLOOR);
    return !sync_is_empty(s) && floor_fits && chain_covered(s->chain, m->position, s->pos) &&
           !chain_names(s->chain, s->pos, m->incarnation) &&
           !chain_names(s->chain, s->rival, m->incarnation);
}

/*
 * "=> epoch := next(t, pos.epoch); pos := REJOIN(parent pos, for i, drop {staged}); role := ACTIVE;
 * floor := epoch; staged, frozen_for, SPLIT, rival, closed := -; what was staged or SPLIT goes to
 * sync_log".
 */
static err_t *rejoin(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    AUTO(body) body = sync_body_in_place(s->body, s->role == ROLE_FROZEN);
    struct sync_new how = {.kind = POSITION_REJOIN,
                           .parent = s->pos,
                           .epoch = sync_next(s, sync_epoch(s)),
                           .drop = sync_drop(s),
                           .rejoined = m->incarnation,
                           .body = body};
    AUTO(position) p = sync_new_position(a, &how);
    TRY(sync_add(a, p));
    sync_give_up_staged(a, "undecided: the peer may hold it");
    sync_unfreeze(a, SYNC_SUPERSEDE, "the target was restored from a backup");
    if (s->split)
        sync_log_lost(a, s->rival, s->pos, s->rival, s->rival_body);
    s->split = s->closed = s->superseded = false;
    s->rival[0] = '\0';
    sync_set_body(&s->rival_body, NULL);
    sync_resolving_clear(s);
    sync_open(a, p, body);
    return NULL;
}

/*
 * lost epoch at t: "AMNESIA with a floor_s that pos does not know, role ACTIVE: SPLIT, alarm (s was
 * active in an epoch that t never heard of and s has lost)".
 */
static void lost_epoch(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (s->staged.kind == STAGED_RESERVED)
        sync_give_up_staged(a, "the two sites have diverged");
    s->split = true;
    sync_set_hash(s->rival, m->position);
    sync_set_body(&s->rival_body, NULL);
    sync_alarm(a, "LOST_EPOCH",
               "group %s: the peer was active in epoch %" PRId64
               ", which it lost with its database; "
               "the newest of its epochs that this site knows of is %" PRId64,
               s->group, m->floor, chain_floor(s->chain, s->pos, sync_peer(s)));
    sync_changed(a);
}

err_t *sync_on_amnesia(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    struct sync_proof *proof = sync_proof_answer(a, m);
    if (proof == NULL || !chain_knows(s->chain, m->position))
        return NULL;
    proof->used = true;
    if (may_rejoin(s, m))
        return rejoin(a, m);
    if (s->role == ROLE_ACTIVE && !s->split && !sync_is_empty(s) &&
        !sync_knows_floor(s, s->pos, sync_peer(s), m->floor))
        lost_epoch(a, m);
    return NULL;
}
