/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_follow - what a site does with a position of its peer: on STATE(q)/HERE(q) at s.
 *
 * Neighbours: sync_core.c (sync_adopt), sync_recover.c (a RECOVERING site follows other rules).
 */
#include "model/sync_internal.h"

/* What the peer is seen to know: refusals told, an abort taken in. */
static void seen(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (strcmp(s->aborted, m->position) == 0 && s->aborted[0] != '\0' && m->frozen_for[0] == '\0') {
        s->aborted[0] = '\0';
        sync_changed(a);
    }
    for (size_t i = 0; i < s->refused_count; i++) {
        a->e->changed |= s->refused[i].owed;
        s->refused[i].owed = false;
    }
    if (m->type == MESSAGE_HERE && m->schema != s->peer_schema) {
        s->peer_schema = m->schema;
        sync_changed(a);
    }
}

/*
 * "A STATE of an incarnation of t that a position on my chain has replaced": anc(pos) names a later
 * one of t's.
 */
static bool old_incarnation(const struct sync_state *s, const struct message *m)
{
    const char *named = chain_incarnation(s->chain, s->pos, m->from);
    return !MUTANT(TEXT_LOST) && named[0] != '\0' && strcmp(named, m->incarnation) != 0 &&
           incarnation_number(m->incarnation) <= incarnation_number(named);
}

/* "A fast-forward, force or fork cancels a reservation". */
static void fork_found(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    const struct position *row = chain_find(s->chain, m->position);
    if (s->split && !chain_covered(s->chain, s->rival, m->position))
        return; /* an older STATE of the chain that is known to diverge */
    if (s->split && strcmp(s->rival, m->position) == 0)
        return;
    if (!s->split) {
        if (s->staged.kind == STAGED_RESERVED)
            sync_give_up_staged(a, "the two sites have diverged");
        sync_alarm(
            a, "SPLIT_BRAIN",
            "group %s: this site stands at %.12s, the peer at %.12s, and neither covers the other",
            s->group, s->pos, m->position);
    }
    s->split = true;
    sync_set_hash(s->rival, m->position);
    sync_set_body(&s->rival_body, m->body);
    sync_log(a, "fork", m->position, row, m->body, "a position of the peer that diverges");
    sync_changed(a);
}

/* "pos < q, active(q)=s => if staged=q treat as ACCEPT(q), else as restore detected". */
static err_t *own_epoch(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (sync_staged_is(s, m->position))
        return s->closed ? NULL : sync_commit(a);
    unsigned char random[16];
    const char *known[] = {a->c->incarnation};
    a->c->random(a->c->data, random, sizeof random);
    incarnation_next(known, 1, random, a->e->incarnation);
    sync_forget(a, "the peer knows more of this site's own epoch than this site");
    return NULL;
}

/* on STATE(q)/HERE(q) at s, role STANDBY, ACTIVE or FROZEN. */
err_t *sync_on_state(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    const char *q = m->position;
    seen(a, m);
    if (strcmp(q, s->pos) == 0) {
        a->e->changed |= sync_owed(s);
        sync_set_hash(s->known_peer, q);
        return NULL;
    }
    if (!chain_knows(s->chain, q) || chain_covered(s->chain, q, s->pos))
        return NULL;
    if (!chain_covered(s->chain, s->pos, q)) {
        if (old_incarnation(s, m))
            sync_log(a, "old incarnation", q, chain_find(s->chain, q), m->body,
                     "said by an incarnation of the peer that a restore has ended");
        else
            fork_found(a, m);
        return NULL;
    }
    if (strcmp(chain_active(s->chain, q), sync_self(s)) == 0)
        return own_epoch(a, m);
    /* A fast-forward takes one step of any length.  A closed site takes it too: q descends from the
     * position that it has signed, or drops it. */
    if (m->body == NULL ||
        (MUTANT(SUCCESSOR_ONLY) && strcmp(chain_find(s->chain, q)->parent, s->pos) != 0) ||
        (MUTANT(TEXT_CLOSED_DROPPED) && s->closed && !chain_ancestor(s->chain, s->pos, q)))
        return NULL;
    sync_adopt(a, q, m->body);
    return NULL;
}

err_t *sync_on_here(struct act *a, const struct message *m)
{
    sync_proof_answer(a, m);
    return sync_on_state(a, m);
}

/*
 * lost group: "role NONE and q != EMPTY => RECOVERING with pos EMPTY, floor from the array; realize
 * runs before it serves".
 */
err_t *sync_on_lost_group(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    seen(a, m);
    if (m->type == MESSAGE_HERE)
        sync_proof_answer(a, m);
    if (m->position[0] == '\0')
        return NULL;
    sync_give_up_incoming(a, "the group existed here and was lost");
    s->role = ROLE_RECOVERING;
    sync_set_hash(s->rival, m->position); /* the bundle that a person could force from */
    sync_set_body(&s->rival_body, m->body);
    s->minted = MAX(s->minted, MAX(a->c->tag_minted, a->c->tag_floor));
    s->floor = MAX(s->floor, a->c->tag_floor);
    s->proof_count = 0;
    sync_alarm(a, "RESTORED", "group %s is known to the peer and was lost here", s->group);
    sync_changed(a);
    return NULL;
}
