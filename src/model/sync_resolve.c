/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_resolve - one person's decision after a fork (close, closed, resolve), and GONE.
 *
 * Neighbours: sync_follow.c (finds the fork), sync_change.c (makes tombstones).
 * Invariant: a site that has signed CLOSED(pos) adopts nothing but what covers pos and does not
 * resolve; where both have, ordinal 0 does, or the one whose peer cannot: RECOVERING, it has
 * forgotten that it was to resolve; STANDBY, it has no servers to keep.
 */
#include "model/sync_internal.h"

/* ---- resolve ---- */

/* "SPLIT (at a STANDBY: refused KEEP_HAS_NO_SERVERS), closed … may not resolve". */
static err_t *may_resolve(const struct sync_state *s, bool may_reopen)
{
    if (s->role == ROLE_NONE)
        return err(NOT_FOUND, "there is no group %s", s->group);
    if (!s->split)
        return err(SYNC_NOT_SPLIT, "group %s: the two sites have not diverged", s->group);
    if (s->role == ROLE_STANDBY)
        return err(SYNC_KEEP_HAS_NO_SERVERS, "group %s is not active at this site", s->group);
    if (s->closed && !may_reopen)
        return err(SYNC_CLOSED, "group %s: this site has signed its closing position for the other",
                   s->group);
    return NULL;
}

/* A peer in this role will never resolve, whatever it has meant to. */
static bool resolves_not(enum sync_role role)
{
    return role == ROLE_RECOVERING || (role == ROLE_STANDBY && !MUTANT(TEXT_REOPEN));
}

/* A fresh HERE told that the peer is in such a role. */
static bool peer_resolves_not(const struct sync_state *s, const struct sync_context *c)
{
    for (size_t i = 0; i < s->proof_count; i++) {
        const struct sync_proof *proof = &s->proofs[i];
        int64_t age = c->now_ms - proof->issued_ms;
        if (proof->answered && resolves_not(proof->role) && age >= 0 && age <= SYNC_PROOF_TTL_MS)
            return true;
    }
    return false;
}

/* resolve, first half: CLOSE(rival) asks the loser for its closing position. */
err_t *sync_close(struct sync_state *state, const struct sync_context *context, const char *who,
                  const char *reason, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    TRY(may_resolve(state, state->self == 0 || peer_resolves_not(state, context)));
    if (state->resolving.nonce[0] == '\0') {
        unsigned char random[16];
        context->random(context->data, random, sizeof random);
        for (size_t i = 0; i < sizeof random; i++)
            g_snprintf(state->resolving.nonce + 2 * i, 3, "%02x", random[i]);
        state->resolving.who = g_strdup(who);
        state->resolving.reason = g_strdup(reason);
    }
    struct message *m = sync_message(state, context, MESSAGE_CLOSE, state->rival);
    g_strlcpy(m->nonce, state->resolving.nonce, sizeof m->nonce);
    sync_send(&a, m);
    return sync_done(&a);
}

/*
 * resolve(s keeps): "sync_log += every position of anc(x) not in the first-parent line of pos, with
 * bundles; epoch := next(s, max(pos.epoch, x.epoch, floor of t)); pos := RESOLVE(pos, x); role :=
 * ACTIVE; floor := epoch; SPLIT, rival, staged (into drop), serving, frozen_for := -".
 */
static err_t *resolve(struct act *a, const char *x, const struct body *bundle, int64_t floor,
                      const char *words)
{
    struct sync_state *s = a->s;
    int64_t above = MAX(MAX(sync_epoch(s), chain_epoch(s->chain, x)), floor);
    AUTO(body) body = sync_body_in_place(s->body, s->role == ROLE_FROZEN);
    struct sync_new how = {.kind = POSITION_RESOLVE,
                           .parent = s->pos,
                           .parent2 = x,
                           .floor2 = floor,
                           .epoch = sync_next(s, above),
                           .drop = sync_drop(s),
                           .body = body};
    AUTO(position) p = sync_new_position(a, &how);
    TRY(sync_add(a, p));
    sync_log_lost(a, x, s->pos, x, (struct body *)bundle);
    sync_log(a, "resolved", p->hash, p, body, words);
    sync_give_up_staged(a, "undecided: the peer may hold it");
    sync_unfreeze(a, SYNC_SUPERSEDE, "the fork was resolved");
    if (s->superseded)
        sync_order(a, SYNC_OP_RESUME, SYNC_START, NULL, s->pos, "kept after being superseded");
    s->split = s->closed = s->superseded = false;
    s->rival[0] = s->serving[0] = '\0';
    sync_set_body(&s->rival_body, NULL);
    sync_resolving_clear(s);
    sync_open(a, p, body);
    return NULL;
}

/* resolve with "t declared gone, recorded". */
err_t *sync_resolve_gone(struct sync_state *state, const struct sync_context *context,
                         const char *who, const char *reason, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    TRY(may_resolve(state, false));
    g_autofree char *x = g_strdup(state->rival);
    AUTO(body) bundle = body_ref(state->rival_body);
    g_autofree char *words = g_strdup_printf("the peer was declared gone by %s: %s", who, reason);
    TRY(resolve(&a, x, bundle, 0, words));
    return sync_done(&a);
}

/* CLOSE -> CLOSED in SPLIT or RECOVERING; else STATE. */
err_t *sync_on_close(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (!s->split && s->role != ROLE_RECOVERING)
        return NULL;
    a->e->changed |= !s->closed;
    s->closed = true;
    struct message *reply = sync_message(s, a->c, MESSAGE_CLOSED, s->pos);
    g_strlcpy(reply->nonce, m->nonce, sizeof reply->nonce);
    if (!sync_is_empty(s)) {
        reply->body = body_ref(s->body);
        reply->history = chain_history(s->chain, s->pos);
    }
    sync_reply(a, reply);
    return NULL;
}

/*
 * A RECOVERING loser whose position is covered here, and that was active in no epoch unknown here,
 * has nothing to give up: the rejoin takes it in and ends the SPLIT.
 */
static bool rejoin_will_do(const struct sync_state *s, const struct message *m)
{
    return m->role == ROLE_RECOVERING && chain_covered(s->chain, m->position, s->pos) &&
           sync_knows_floor(s, s->pos, sync_peer(s), m->floor);
}

/* CLOSED(x, floor) from t: "t in SPLIT or RECOVERING, closed"; it answers the CLOSE of a person
 * here. */
err_t *sync_on_closed(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    bool answers = s->resolving.nonce[0] != '\0' && strcmp(s->resolving.nonce, m->nonce) == 0;
    bool recovering = m->role == ROLE_RECOVERING && !MUTANT(TEXT_RESOLVE);
    if (!answers || !(m->split || recovering))
        return NULL;
    g_autoptr(err_t) refused = may_resolve(s, s->self == 0 || resolves_not(m->role));
    if (refused != NULL || !chain_knows(s->chain, m->position) || rejoin_will_do(s, m))
        return NULL;
    g_autofree char *words =
        g_strdup_printf("resolved by %s: %s", s->resolving.who, s->resolving.reason);
    return resolve(a, m->position, m->body, m->floor, words);
}

/* ---- GONE ---- */

static void reply_gone(struct act *a)
{
    sync_reply(a, sync_message(a->s, a->c, MESSAGE_GONE, a->s->last));
}

/*
 * on GONE(g, x) at s: "NONE: cancel and unwind a realize of g, role := TOMBSTONE, answer GONE".  A
 * database that was put back may have forgotten what it made for g, and nobody will tell it again.
 */
err_t *sync_on_gone_none(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (incarnation_number(a->c->incarnation) > 1)
        sync_alarm(a, "GONE_UNKNOWN",
                   "group %s has ended at the peer, and this site's database, which was restored, "
                   "does not know it: what was made for it here is listed by "
                   "'protector-manage orphans'",
                   s->group);
    sync_give_up_incoming(a, "the peer withdrew the group");
    s->role = ROLE_TOMBSTONE;
    s->gone_owed = false;
    s->proof_count = 0;
    sync_refused_clear(s);
    sync_set_hash(s->last, m->position);
    sync_changed(a);
    reply_gone(a);
    return NULL;
}

err_t *sync_on_gone_tombstone(struct act *a, const struct message *m)
{
    (void)m;
    a->e->changed |= a->s->gone_owed;
    a->s->gone_owed = false;
    reply_gone(a);
    return NULL;
}

/* An accepted delete of this very position: the peer has finished its part. */
static bool accepted_delete(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (s->body == NULL || !body_deleting(body_json(s->body)) || strcmp(s->pos, m->position) != 0)
        return false;
    a->e->changed |= sync_owed(s);
    sync_set_hash(s->known_peer, s->pos);
    return true;
}

void sync_leave(struct act *a, const char *words)
{
    struct sync_state *s = a->s;
    s->peer_gone = true;
    if (s->serving[0] != '\0')
        sync_order(a, SYNC_OP_HANDOVER, SYNC_SUPERSEDE, NULL, s->serving, "the peer is gone");
    s->serving[0] = '\0';
    sync_give_up_incoming(a, "the peer is gone");
    sync_order(a, SYNC_OP_SETTLE, SYNC_START, NULL, s->pos, words);
    sync_changed(a);
}

/* "STANDBY: clean up, TOMBSTONE": settle runs, then sync_tombstone. */
err_t *sync_on_gone_standby(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (accepted_delete(a, m) || s->peer_gone)
        return NULL;
    sync_leave(a, "the peer has deleted the group");
    return NULL;
}

/* "ACTIVE in an epoch x does not know, FROZEN or RECOVERING: alarm PEER_GONE, nothing stopped". */
err_t *sync_on_gone_alarm(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (s->peer_gone)
        return NULL;
    s->peer_gone = true;
    sync_alarm(a, "PEER_GONE", "group %s lives at this site and is gone at the peer (last %.12s)",
               s->group, m->position);
    sync_changed(a);
    return NULL;
}

/* "Own staged or accepted delete = x: as ACCEPT". */
err_t *sync_on_gone_active(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    bool staged = sync_staged_is(s, m->position) && body_deleting(body_json(s->staged.body));
    if (staged && !s->closed)
        return sync_commit(a);
    return accepted_delete(a, m) ? NULL : sync_on_gone_alarm(a, m);
}
