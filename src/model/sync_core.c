/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_core - the moves that several actions share.
 *
 * Neighbours: sync_change.c, sync_claim.c, sync_propose.c, sync_follow.c, sync_recover.c,
 * sync_resolve.c.  Invariant: only sync_add and sync_commit can fail, and they fail before anything
 * is changed; everything else here takes effect.
 */
#include "model/sync_internal.h"

#ifdef MUTANTS
enum mutant mutant = MUTANT_NONE;
#endif

void sync_changed(struct act *a)
{
    a->e->changed = true;
}

err_t *sync_done(struct act *a)
{
#ifndef MUTANTS
    g_autoptr(err_t) wrong = sync_check(a->s);
    if (wrong != NULL)
        g_error("%s", err_message(wrong));
#endif
    sync_changed(a);
    return NULL;
}

/* ---- positions ---- */

bool sync_knows_floor(const struct sync_state *s, const char *q, const char *site, int64_t floor)
{
    if (MUTANT(TEXT_FLOOR))
        return floor <= chain_epoch(s->chain, q);
    return floor <= chain_floor(s->chain, q, site);
}

struct position *sync_new_position(const struct act *a, const struct sync_new *how)
{
    const struct sync_state *s = a->s;
    struct position p = {.kind = how->kind,
                         .epoch = how->epoch,
                         .floor2 = how->floor2,
                         .forced = how->forced};
    sync_set_hash(p.parent, how->parent);
    sync_set_hash(p.parent2, how->parent2 != NULL ? how->parent2 : "");
    p.version = chain_version(s->chain, how->parent) + 1;
    g_strlcpy(p.minter, sync_self(s), sizeof p.minter);
    unsigned char random[16];
    a->c->random(a->c->data, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        g_snprintf(p.claim_id + 2 * i, 3, "%02x", random[i]);
    sync_set_hash(p.body_hash, body_hash(how->body));
    if (position_opens_epoch(p.kind))
        g_strlcpy(p.incarnation, sync_incarnation(a), sizeof p.incarnation);
    if (how->rejoined != NULL)
        g_strlcpy(p.rejoined, how->rejoined, sizeof p.rejoined);
    if (how->drop != NULL)
        sync_set_hash(p.drop[p.drop_count++], how->drop);
    position_seal(&p);
    return position_new(&p);
}

err_t *sync_add(struct act *a, const struct position *p)
{
    return chain_add(a->s->chain, p);
}

void sync_move(struct act *a, const char *to, const struct body *body)
{
    struct sync_state *s = a->s;
    sync_set_hash(s->pos, to);
    sync_set_body(&s->body, body);
    sync_refused_prune(s);
    s->aborted[0] = '\0'; /* it names the position that is left */
    sync_changed(a);
}

void sync_mint(struct act *a, int64_t epoch)
{
    a->s->minted = MAX(a->s->minted, epoch);
    a->e->write_tag = true;
    sync_changed(a);
}

void sync_open(struct act *a, const struct position *to, const struct body *body)
{
    sync_move(a, to->hash, body);
    sync_mint(a, to->epoch);
    a->s->role = ROLE_ACTIVE;
    a->s->floor = MAX(a->s->floor, to->epoch);
}

struct body *sync_body_in_place(const struct body *body, bool clear)
{
    if (!clear || body_transition_operation(body_json(body)) == NULL)
        return body_ref(body);
    json_t *draft = body_draft(body);
    body_transition_clear(draft);
    struct body *ret = NULL;
    err_t *e = body_seal(draft, &ret); /* takes away from what was valid: cannot fail */
    g_assert(e == NULL);
    return ret;
}

/* ---- endings of what was under way ---- */

const char *sync_drop(const struct sync_state *s)
{
    return s->staged.kind == STAGED_PROPOSAL ? s->staged.position->hash : NULL;
}

void sync_give_up_staged(struct act *a, const char *words)
{
    struct sync_staged *staged = &a->s->staged;
    if (staged->kind == STAGED_RESERVED)
        sync_order(a, SYNC_OP_CHANGE, SYNC_CANCEL, staged->operation, NULL, words);
    if (staged->kind == STAGED_PROPOSAL) {
        const struct position *p = staged->position;
        sync_log(a, "superseded", p->hash, p, staged->body, words);
        if (p->kind != POSITION_HANDOVER && staged->operation[0] != '\0')
            sync_order(a, SYNC_OP_CHANGE, SYNC_SUPERSEDE, staged->operation, p->hash, words);
    }
    if (staged->kind != STAGED_NONE)
        sync_changed(a);
    sync_staged_clear(a->s);
}

void sync_give_up_incoming(struct act *a, const char *words)
{
    const struct position *p = a->s->incoming.position;
    if (p == NULL)
        return;
    sync_order(a, SYNC_OP_REALIZE, SYNC_CANCEL, NULL, p->hash, words);
    sync_incoming_clear(a->s);
    sync_changed(a);
}

void sync_unfreeze(struct act *a, enum sync_verdict stub, const char *words)
{
    struct sync_state *s = a->s;
    if (s->frozen_for[0] == '\0')
        return;
    sync_order(a, SYNC_OP_STUB, stub, s->stub, s->frozen_for, words);
    sync_order(a, SYNC_OP_RESUME, SYNC_START, NULL, s->frozen_for, words);
    s->frozen_for[0] = s->stub[0] = '\0';
    s->role = ROLE_ACTIVE;
    sync_changed(a);
}

void sync_rebuild(struct act *a)
{
    sync_order(a, SYNC_OP_REBUILD, SYNC_START, NULL, a->s->pos, "the database was restored");
}

/*
 * A base of NULL: nobody knows what was settled.  So it is after a restore, which parks what was
 * being settled: the metadata that stand may be those of the change already.
 */
void sync_settle(struct act *a, const struct body *base, const struct body *next)
{
    if (body_needs_settle(base != NULL ? body_json(base) : NULL, body_json(next)))
        sync_order(a, SYNC_OP_SETTLE, SYNC_START, NULL, a->s->pos, NULL);
}

void sync_log_lost(struct act *a, const char *x, const char *y, const char *bundle_of,
                   struct body *bundle)
{
    g_autoptr(GPtrArray) rows = chain_lost(a->s->chain, x, y);
    for (guint i = 0; i < rows->len; i++) {
        const struct position *p = g_ptr_array_index(rows, i);
        bool here = strcmp(p->hash, bundle_of) == 0;
        sync_log(a, "lost", p->hash, p, here ? bundle : NULL,
                 "not in the content of the chain that was followed");
    }
}

/* ---- acknowledged ---- */

/* What ends when a proposal commits: a handover's stub goes on, a REJOIN makes this site active. */
static void acknowledge(struct act *a, const struct position *p, const char *operation)
{
    struct sync_state *s = a->s;
    if (p->kind == POSITION_REJOIN) {
        s->role = ROLE_ACTIVE;
        s->closed = false; /* who accepted it is not going to resolve */
        s->peer_nonce[0] = '\0';
        s->floor = MAX(s->floor, p->epoch);
        a->e->write_tag = true;
        sync_rebuild(a);
        sync_order(a, SYNC_OP_RESUME, SYNC_START, NULL, p->hash, "active again after a restore");
    } else if (p->kind == POSITION_USER) {
        sync_order(a, SYNC_OP_CHANGE, SYNC_COMPLETE, operation, p->hash, NULL);
    }
    if (MUTANT(FREEZE_LATE) && p->kind == POSITION_HANDOVER)
        s->role = ROLE_FROZEN;
}

err_t *sync_commit(struct act *a)
{
    struct sync_state *s = a->s;
    TRY(sync_add(a, s->staged.position));
    struct sync_staged staged = s->staged;
    s->staged = (struct sync_staged){0};
    AUTO(body) old = body_ref(s->body);
    sync_move(a, staged.position->hash, staged.body);
    sync_set_hash(s->known_peer, s->pos);
    sync_settle(a, staged.position->kind == POSITION_REJOIN ? NULL : old, staged.body);
    acknowledge(a, staged.position, staged.operation);
    position_unref(staged.position);
    body_unref(staged.body);
    return NULL;
}

/* ---- fast-forward ---- */

/* "if staged in the first-parent line of q: acknowledge it, else if staged: superseded". */
static void adopt_staged(struct act *a, const char *q)
{
    struct sync_staged *staged = &a->s->staged;
    if (staged->kind != STAGED_PROPOSAL || !chain_in_line(a->s->chain, staged->position->hash, q)) {
        sync_give_up_staged(a, "overtaken by a newer epoch of the peer");
        return;
    }
    if (staged->position->kind == POSITION_USER)
        sync_order(a, SYNC_OP_CHANGE, SYNC_COMPLETE, staged->operation, staged->position->hash,
                   NULL);
    sync_staged_clear(a->s);
}

/* The stub of the handover we are frozen for, and the operation of the one we serve. */
static void adopt_handover(struct act *a, const char *q)
{
    struct sync_state *s = a->s;
    if (s->frozen_for[0] != '\0') {
        bool claimed = chain_claimed(s->chain, q, s->frozen_for);
        sync_order(a, SYNC_OP_STUB, claimed ? SYNC_COMPLETE : SYNC_SUPERSEDE, s->stub,
                   s->frozen_for, claimed ? NULL : "overtaken by a newer epoch of the peer");
    }
    if (s->serving[0] != '\0')
        sync_order(a, SYNC_OP_HANDOVER, SYNC_SUPERSEDE, NULL, s->serving,
                   "the source took the group back");
    s->frozen_for[0] = s->stub[0] = s->serving[0] = '\0';
}

/* "operation demote: stop + lock own servers …; alarm if they ran". */
static void adopt_demote(struct act *a, enum sync_role before, int64_t epoch_before)
{
    struct sync_state *s = a->s;
    bool held = before == ROLE_ACTIVE || before == ROLE_FROZEN;
    if (held) {
        sync_order(a, SYNC_OP_LOCAL, SYNC_SUPERSEDE, NULL, s->pos,
                   "this site is not active any more");
        sync_alarm(a, "DEMOTED", "group %s: site %s is active in epoch %" PRId64 " now", s->group,
                   sync_peer(s), sync_epoch(s));
    }
    if (before != ROLE_STANDBY || sync_epoch(s) != epoch_before)
        sync_order(a, SYNC_OP_DEMOTE, SYNC_START, NULL, s->pos, NULL);
}

void sync_adopt(struct act *a, const char *q, const struct body *body)
{
    struct sync_state *s = a->s;
    char old[HASH_HEX_SIZE];
    enum sync_role before = s->role;
    int64_t epoch = sync_epoch(s);
    AUTO(body) old_body = body_ref(s->body);
    sync_set_hash(old, s->pos);
    adopt_staged(a, q);
    adopt_handover(a, q);
    sync_give_up_incoming(a, "overtaken by a newer position of the peer");
    sync_log_lost(a, old, q, old, old_body);
    sync_move(a, q, body);
    sync_set_hash(s->known_peer, q);
    s->role = ROLE_STANDBY;
    s->split = s->closed = s->superseded = s->peer_gone = false;
    s->rival[0] = s->peer_nonce[0] = '\0';
    sync_set_body(&s->rival_body, NULL);
    sync_resolving_clear(s);
    if (before == ROLE_RECOVERING)
        sync_rebuild(a);
    if (old[0] == '\0')
        sync_order(a, SYNC_OP_REALIZE, SYNC_START, NULL, q, "the group was lost here");
    adopt_demote(a, before, epoch);
    sync_settle(a, before == ROLE_RECOVERING ? NULL : old_body, body);
}
