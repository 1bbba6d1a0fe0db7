/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_change - what users begin at the active site: create, change, handover, fact, and the ends
 * of a group.
 *
 * Neighbours: sync_propose.c (what the peer answers), sync_claim.c (what takes the role).
 */
#include "model/sync_internal.h"

/* ---- challenges ---- */

static void draw_nonce(const struct sync_context *c, char ret[MESSAGE_NONCE_SIZE])
{
    unsigned char random[16];
    c->random(c->data, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        g_snprintf(ret + 2 * i, 3, "%02x", random[i]);
}

static bool proof_fresh(const struct sync_proof *proof, const struct sync_context *c)
{
    int64_t age = c->now_ms - proof->issued_ms;
    return !proof->used && age >= 0 && age <= SYNC_PROOF_TTL_MS;
}

/* Room for one more nonce: those that count no more go first, then the oldest. */
static struct sync_proof *new_proof(struct sync_state *s, const struct sync_context *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->proof_count; i++)
        if (proof_fresh(&s->proofs[i], c))
            s->proofs[kept++] = s->proofs[i];
    if (kept == SYNC_PROOFS_MAX) {
        memmove(s->proofs, s->proofs + 1, (SYNC_PROOFS_MAX - 1) * sizeof s->proofs[0]);
        kept--;
    }
    s->proof_count = kept + 1;
    s->proofs[kept] = (struct sync_proof){.issued_ms = c->now_ms};
    return &s->proofs[kept];
}

static struct sync_proof *find_proof(struct sync_state *s, const char *nonce)
{
    for (size_t i = 0; i < s->proof_count; i++)
        if (strcmp(s->proofs[i].nonce, nonce) == 0)
            return &s->proofs[i];
    return NULL;
}

struct sync_proof *sync_proof_answer(struct act *a, const struct message *m)
{
    struct sync_proof *proof = find_proof(a->s, m->nonce);
    if (proof == NULL || !proof_fresh(proof, a->c))
        return NULL;
    proof->answered = true;
    proof->role = m->type == MESSAGE_AMNESIA ? ROLE_RECOVERING : m->role;
    sync_set_hash(proof->position, m->position);
    g_strlcpy(proof->incarnation, m->incarnation, sizeof proof->incarnation);
    sync_changed(a);
    return proof;
}

/* HELLO(nonce, pos): "A issues a random nonce (stored with A's own time, one use)". */
err_t *sync_hello(struct sync_state *state, const struct sync_context *context,
                  struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    if (state->role == ROLE_TOMBSTONE)
        return err(GROUP_GONE, "group %s is gone", state->group);
    struct sync_proof *proof = new_proof(state, context);
    draw_nonce(context, proof->nonce);
    struct message *m = sync_message(state, context, MESSAGE_HELLO, state->pos);
    g_strlcpy(m->nonce, proof->nonce, sizeof m->nonce);
    sync_send(&a, m);
    return sync_done(&a);
}

/* ---- create ---- */

/* create: "group row with pos = EMPTY (epoch 0, version 0), role := ACTIVE at s; then as change".
 */
err_t *sync_create(struct sync_state *state, const struct sync_context *context,
                   struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    if (state->role == ROLE_TOMBSTONE)
        return err(GROUP_GONE, "the id %s belonged to a group that is gone; it is never used again",
                   state->group);
    if (state->role != ROLE_NONE || state->incoming.position != NULL)
        return err(CONFLICT, "group %s exists at this site already", state->group);
    state->role = ROLE_ACTIVE;
    return sync_done(&a);
}

/* ---- change ---- */

static err_t *not_active(const struct sync_state *s)
{
    if (s->role == ROLE_NONE)
        return err(NOT_FOUND, "there is no group %s", s->group);
    if (s->role == ROLE_TOMBSTONE)
        return err(GROUP_GONE, "group %s is gone", s->group);
    if (s->role == ROLE_RECOVERING)
        return err(SYNC_RECOVERING, "group %s recovers from a restored database", s->group);
    if (s->role == ROLE_FROZEN)
        return err(SYNC_STAGED, "group %s is frozen: a planned operation hands it to the peer",
                   s->group);
    return err_detail(err(GROUP_NOT_ACTIVE, "group %s is active at site %s, not here", s->group,
                          sync_active(s)),
                      "active_site", sync_active(s)); /* STANDBY: in an epoch of the peer (I1) */
}

static err_t *slot_taken(const struct sync_state *s)
{
    bool proposal = s->staged.kind == STAGED_PROPOSAL;
    err_t *e = err(SYNC_STAGED, "group %s: operation %s %s", s->group, s->staged.operation,
                   proposal ? "waits for the peer's answer to its change" : "prepares a change");
    e = err_detail(e, "operation", s->staged.operation);
    return proposal ? err_detail(e, "position", s->staged.position->hash) : e;
}

/* role=ACTIVE, not SPLIT, not superseded, not deleting, not owed. */
static err_t *may_change(const struct sync_state *s)
{
    if (s->role != ROLE_ACTIVE)
        return not_active(s);
    if (s->split)
        return err(SYNC_SPLIT, "group %s: the two sites have diverged", s->group);
    if (s->superseded)
        return err(SYNC_SUPERSEDED, "group %s: the peer was seen in a newer epoch", s->group);
    if (sync_deleting(s))
        return err(GROUP_DELETING, "group %s is being deleted", s->group);
    if (sync_owed(s))
        return err(SYNC_OWED, "group %s: the peer does not hold version %" PRId64 " yet", s->group,
                   sync_version(s));
    return NULL;
}

/* Of a full history only a delete, and what opens an epoch, goes on. */
static err_t *has_room(const struct sync_state *s, const struct body *body)
{
    size_t limit = body_deleting(body_json(body)) ? CHAIN_ROWS_MAX : CHAIN_ROWS_CHANGE;
    if (chain_count(s->chain) >= limit)
        return err(SYNC_HISTORY_FULL, "group %s has had %zu versions; no further change is taken",
                   s->group, chain_count(s->chain));
    return NULL;
}

static err_t *if_match_fits(const struct sync_state *s, const char *if_match)
{
    if (sync_is_empty(s) && if_match == NULL)
        return NULL;
    if (if_match == NULL)
        return err(IF_MATCH,
                   "group %s: a change must name the position it was made from (If-Match)",
                   s->group);
    if (strcmp(if_match, s->pos) != 0)
        return err(IF_MATCH, "group %s stands at %.12s now, not at %.12s", s->group, s->pos,
                   if_match);
    return NULL;
}

/* "fresh HERE(nonce, pos) from t": answered, of this position, not used, 60 s by our own clock. */
static err_t *take_proof(struct sync_state *s, const struct sync_context *c, const char *nonce,
                         struct sync_proof **ret)
{
    struct sync_proof *proof = nonce != NULL && nonce[0] != '\0' ? find_proof(s, nonce) : NULL;
    if (proof == NULL || !proof_fresh(proof, c) || !proof->answered)
        return err(PEER_PROOF, "group %s: no fresh answer of the peer stands behind this change",
                   s->group);
    if (strcmp(proof->position, s->pos) != 0)
        return err(PEER_PROOF, "group %s: the peer's answer was about position %.12s, not %.12s",
                   s->group, proof->position, s->pos);
    *ret = proof;
    return NULL;
}

/*
 * change, first half: "role=ACTIVE, staged=-, not SPLIT, not owed, fresh HERE(nonce, pos) from t,
 * If-Match = pos, all checked in one transaction that writes the operation and reserves the slot".
 */
err_t *sync_reserve(struct sync_state *state, const struct sync_context *context,
                    const char *operation, const char *if_match, const char *nonce,
                    struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    struct sync_proof *proof = NULL;
    g_assert(operation[0] != '\0' && strlen(operation) < OPERATION_SIZE);
    if (state->role == ROLE_ACTIVE && state->staged.kind != STAGED_NONE)
        return slot_taken(state);
    TRY(may_change(state));
    TRY(if_match_fits(state, if_match));
    TRY(take_proof(state, context, nonce, &proof));
    proof->used = true;
    state->staged.kind = STAGED_RESERVED;
    state->staged.since_ms = context->now_ms;
    g_strlcpy(state->staged.operation, operation, OPERATION_SIZE);
    if (sync_is_empty(state))
        g_strlcpy(state->staged.addressee, proof->incarnation, INCARNATION_SIZE);
    return sync_done(&a);
}

/* "A reserved slot is local: cancel or abandon frees it". */
err_t *sync_release(struct sync_state *state, const char *operation, struct sync_effects *ret)
{
    struct act a = {.s = state, .e = ret};
    if (state->staged.kind != STAGED_RESERVED || strcmp(state->staged.operation, operation) != 0)
        return NULL;
    sync_staged_clear(state);
    return sync_done(&a);
}

/* Signs a successor of pos into the slot; takes nothing. */
static void stage(struct act *a, enum position_kind kind, const char *operation, struct body *body)
{
    struct sync_state *s = a->s;
    struct sync_new how = {.kind = kind, .parent = s->pos, .epoch = sync_epoch(s), .body = body};
    g_autofree char *addressee = g_strdup(s->staged.addressee);
    sync_staged_clear(s);
    s->staged.kind = STAGED_PROPOSAL;
    g_strlcpy(s->staged.addressee, addressee, INCARNATION_SIZE);
    s->staged.position = sync_new_position(a, &how);
    s->staged.body = body_ref(body);
    s->staged.since_ms = a->c->now_ms;
    g_strlcpy(s->staged.operation, operation, OPERATION_SIZE);
    sync_send(a, sync_message_propose(s, a->c));
}

static err_t *body_fits(const struct sync_state *s, const struct body *body)
{
    if (g_strcmp0(body_group(body_json(body)), s->group) != 0)
        return err(BODY_INVALID, "the metadata is of group %s, not of %s",
                   body_group(body_json(body)), s->group);
    return NULL;
}

/* change, second half: "re-checks all but freshness => staged := USER(parent pos); send PROPOSE".
 */
err_t *sync_stage(struct sync_state *state, const struct sync_context *context,
                  const char *operation, struct body *body, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    bool mine = strcmp(state->staged.operation, operation) == 0;
    if (state->staged.kind == STAGED_PROPOSAL && mine) {
        sync_send(&a, sync_message_propose(state, context));
        return NULL;
    }
    if (state->staged.kind != STAGED_RESERVED || !mine)
        return err(SYNC_CANCELLED, "group %s: the slot of operation %s was given up", state->group,
                   operation);
    TRY(may_change(state));
    TRY(has_room(state, body));
    TRY(body_fits(state, body));
    stage(&a, POSITION_USER, operation, body);
    if (MUTANT(LOCAL_FIRST)) {
        TRY(sync_commit(&a));
        state->known_peer[0] = '\0';
    }
    return sync_done(&a);
}

/*
 * handover: "as change, plus no local operation => staged := HANDOVER; role := FROZEN;
 * frozen_for := staged".
 */
err_t *sync_handover(struct sync_state *state, const struct sync_context *context,
                     const char *operation, const char *if_match, const char *nonce,
                     struct body *body, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    struct sync_proof *proof = NULL;
    if (state->role == ROLE_ACTIVE && state->staged.kind != STAGED_NONE)
        return slot_taken(state);
    TRY(may_change(state));
    if (sync_is_empty(state))
        return err(GROUP_CREATING, "group %s is not created yet", state->group);
    if (context->operation_any)
        return err(OPERATION_IN_PROGRESS, "group %s: an operation runs at this site", state->group);
    TRY(if_match_fits(state, if_match));
    TRY(take_proof(state, context, nonce, &proof));
    TRY(has_room(state, body));
    TRY(body_fits(state, body));
    if (g_strcmp0(body_transition_operation(body_json(body)), operation) != 0 ||
        g_strcmp0(body_transition_target(body_json(body)), sync_peer(state)) != 0)
        return err(BODY_INVALID, "the metadata does not name operation %s and target %s", operation,
                   sync_peer(state));
    proof->used = true;
    stage(&a, POSITION_HANDOVER, operation, body);
    state->role = MUTANT(FREEZE_LATE) ? ROLE_ACTIVE : ROLE_FROZEN;
    sync_set_hash(state->frozen_for, state->staged.position->hash);
    g_strlcpy(state->stub, operation, sizeof state->stub);
    sync_order(&a, SYNC_OP_STUB, SYNC_START, operation, state->frozen_for, NULL);
    return sync_done(&a);
}

/* ---- facts ---- */

/*
 * fact: "role=ACTIVE, staged=-, not SPLIT => pos := FACT(parent pos).  If staged or SPLIT: keep as
 * local, fold later".  A superseded site keeps its facts local as well: it would fork itself; so
 * does one that is deleting: nothing comes after that.
 */
err_t *sync_fact(struct sync_state *state, const struct sync_context *context, struct body *body,
                 bool *ret_committed, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    if (state->role != ROLE_ACTIVE && state->role != ROLE_FROZEN)
        return not_active(state);
    bool staged = state->staged.kind != STAGED_NONE && !MUTANT(FACT_WHILE_STAGED);
    if (state->role == ROLE_FROZEN || staged || state->split || state->superseded ||
        sync_is_empty(state) || sync_deleting(state) ||
        chain_count(state->chain) >= CHAIN_ROWS_CHANGE) {
        *ret_committed = false;
        return NULL;
    }
    TRY(body_fits(state, body));
    struct sync_new how = {.kind = POSITION_FACT,
                           .parent = state->pos,
                           .epoch = sync_epoch(state),
                           .body = body};
    AUTO(position) p = sync_new_position(&a, &how);
    TRY(sync_add(&a, p));
    sync_move(&a, p->hash, body);
    *ret_committed = true;
    return sync_done(&a);
}

/* ---- the ends of a group ---- */

/* Role := TOMBSTONE: answers GONE, adopts nothing. */
static void bury(struct act *a, const char *last, bool owed)
{
    struct sync_state *s = a->s;
    sync_set_hash(s->last, last);
    s->role = ROLE_TOMBSTONE;
    s->gone_owed = owed;
    s->split = s->closed = s->superseded = s->leaving = false;
    s->frozen_for[0] = s->stub[0] = s->serving[0] = s->rival[0] = s->aborted[0] = '\0';
    sync_set_body(&s->rival_body, NULL);
    sync_staged_clear(s);
    sync_incoming_clear(s);
    sync_resolving_clear(s);
    s->proof_count = 0;
    sync_refused_clear(s);
    sync_changed(a);
}

/*
 * withdraw: "pos = EMPTY => staged into drop; role := TOMBSTONE".  A group that was lost here and
 * lives at the peer is no create (its rival is known).
 */
err_t *sync_withdraw(struct sync_state *state, const struct sync_context *context,
                     struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    bool begun = state->role == ROLE_ACTIVE || state->role == ROLE_RECOVERING;
    if (!sync_is_empty(state) || state->rival[0] != '\0' || !begun)
        return state->role == ROLE_NONE || state->role == ROLE_TOMBSTONE
                   ? not_active(state)
                   : err(GROUP_NOT_CREATING, "group %s was accepted by the peer", state->group);
    const char *proposal = sync_drop(state);
    g_autofree char *last = g_strdup(proposal != NULL ? proposal : "");
    bool owed = proposal != NULL || state->role == ROLE_RECOVERING;
    sync_give_up_staged(&a, "the create was withdrawn");
    bury(&a, last, owed);
    return sync_done(&a);
}

/*
 * RECOVERING, in an accepted delete or after a GONE of the peer: a person says that nobody is left
 * to ask.
 */
static err_t *delete_recovering(struct act *a, const char *words)
{
    struct sync_state *s = a->s;
    if (!sync_deleting(s) && !s->peer_gone)
        return not_active(s);
    if (s->leaving)
        return NULL;      /* repeated */
    sync_staged_clear(s); /* a REJOIN that nobody will answer, on the peer's accepted delete */
    s->leaving = s->body == NULL || !body_deleting(body_json(s->body));
    s->peer_gone = true;    /* it may be known already, by a GONE: nothing was begun then */
    if (sync_is_empty(s)) { /* a lost group: nothing of it is known here */
        bury(a, "", true);
        return sync_done(a);
    }
    sync_log(a, "alone", s->pos, chain_find(s->chain, s->pos), s->body, words);
    sync_rebuild(a); /* what the backup has forgotten is entered before the group ends */
    sync_order(a, SYNC_OP_SETTLE, SYNC_START, NULL, s->pos, words);
    return sync_done(a);
}

/* STANDBY: the person's word stands for the GONE that the peer will never send. */
static err_t *delete_standby(struct act *a, const char *words)
{
    struct sync_state *s = a->s;
    if (sync_leaving(s))
        return NULL; /* repeated, or an accepted delete: the settle that ends it is under way */
    sync_log(a, "alone", s->pos, chain_find(s->chain, s->pos), s->body, words);
    sync_leave(a, words);
    return sync_done(a);
}

/* delete --peer-is-gone: "ends a delete", without the peer. */
err_t *sync_delete_alone(struct sync_state *state, const struct sync_context *context,
                         struct body *body, const char *who, const char *reason,
                         struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    g_autofree char *words = g_strdup_printf("deleted without the peer by %s: %s", who, reason);
    if (state->role == ROLE_RECOVERING)
        return delete_recovering(&a, words);
    if (state->role == ROLE_STANDBY)
        return delete_standby(&a, words);
    if (state->role != ROLE_ACTIVE)
        return not_active(state);
    if (sync_is_empty(state))
        return err(GROUP_CREATING, "group %s is not created yet: withdraw it", state->group);
    if (body_deleting(body_json(state->body)))
        return NULL; /* repeated: the settle that ends it is under way */
    bool deleting = state->staged.body != NULL && body_deleting(body_json(state->staged.body));
    if (state->staged.kind != STAGED_NONE && !deleting)
        return slot_taken(state);
    if (!deleting) {
        if (body == NULL || !body_deleting(body_json(body)))
            return err(GROUP_STATE, "group %s: no delete is waiting for the peer", state->group);
        TRY(has_room(state, body));
        TRY(body_fits(state, body));
        stage(&a, POSITION_USER, "", body);
    }
    const struct position *p = state->staged.position;
    sync_log(&a, "alone", p->hash, p, state->staged.body, words);
    char known[HASH_HEX_SIZE];
    sync_set_hash(known, state->known_peer);
    TRY(sync_commit(&a));
    sync_set_hash(state->known_peer, known);
    return sync_done(&a);
}

/* delete: "after commit each site removes …, then role := TOMBSTONE (answers GONE, adopts
 * nothing)". */
err_t *sync_tombstone(struct sync_state *state, const struct sync_context *context,
                      struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    if (state->unprotected && sync_leaving(state)) {
        state->unprotected = state->leaving = false;
        return sync_done(&a);
    }
    if (state->role == ROLE_TOMBSTONE)
        return NULL;
    bool deleted = state->body != NULL && body_deleting(body_json(state->body));
    bool deleting = deleted && (state->role == ROLE_ACTIVE || state->role == ROLE_STANDBY);
    bool recovering = state->role == ROLE_RECOVERING && (deleted || state->leaving);
    bool gone = state->peer_gone && (state->role == ROLE_STANDBY || recovering);
    if (!deleting && !gone)
        return err(GROUP_STATE, "group %s is not being deleted", state->group);
    g_autofree char *last = g_strdup(state->pos);
    bury(&a, last, true);
    return sync_done(&a);
}

/*
 * unprotect: "an admin, role ACTIVE, the peer gone for ever => recorded; towards the peer as a
 * TOMBSTONE (GONE owed, adopts nothing), here listed as unprotected; servers untouched".
 */
err_t *sync_unprotect(struct sync_state *state, const struct sync_context *context, const char *who,
                      const char *reason, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    if (state->role != ROLE_ACTIVE)
        return not_active(state);
    if (sync_is_empty(state))
        return err(GROUP_CREATING, "group %s is not created yet: withdraw it", state->group);
    g_autofree char *words = g_strdup_printf("unprotected by %s: %s", who, reason);
    sync_give_up_staged(&a, words);
    sync_log(&a, "unprotected", state->pos, chain_find(state->chain, state->pos), state->body,
             words);
    sync_order(&a, SYNC_OP_LOCAL, SYNC_SUPERSEDE, NULL, NULL, words);
    g_autofree char *last = g_strdup(state->pos);
    bury(&a, last, true);
    state->unprotected = true;
    return sync_done(&a);
}

/* An unprotected group is a TOMBSTONE towards the peer already: what is left of it is ours alone.
 */
err_t *sync_delete_unprotected(struct sync_state *state, const struct sync_context *context,
                               const char *who, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    if (!state->unprotected)
        return err(GROUP_STATE, "group %s is not unprotected", state->group);
    if (state->leaving)
        return NULL;
    g_autofree char *words = g_strdup_printf("deleted by %s after it was unprotected", who);
    sync_log(&a, "alone", state->pos, chain_find(state->chain, state->pos), state->body, words);
    sync_order(&a, SYNC_OP_SETTLE, SYNC_START, NULL, state->pos, words);
    state->leaving = true;
    return sync_done(&a);
}

/*
 * Epoch watch (A8): "a higher epoch on a chain we do not know: flag superseded over ACTIVE, alarm".
 * Of a fork that is known a person decides.  The number counts as used: a force opens an epoch
 * above it, else the watch would find this site superseded again by what that person knew.
 */
err_t *sync_superseded(struct sync_state *state, int64_t epoch, struct sync_effects *ret)
{
    struct act a = {.s = state, .e = ret};
    bool known = state->split || state->superseded;
    if (state->role != ROLE_ACTIVE || epoch <= sync_epoch(state) || known)
        return NULL;
    state->superseded = true;
    sync_mint(&a, epoch);
    if (state->staged.kind == STAGED_RESERVED)
        sync_give_up_staged(&a, "the peer was seen in a newer epoch");
    sync_alarm(&a, "SUPERSEDED",
               "group %s: a tag at the peer names epoch %" PRId64 ", this site knows %" PRId64,
               state->group, epoch, sync_epoch(state));
    return sync_done(&a);
}
