/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_propose - a proposal at the peer (accept, refuse, else), and the three answers to it.
 *
 * Neighbours: sync_change.c (who stages), sync_recover.c (who stages a REJOIN).
 * Invariants: a refusal is durable before it is sent and for ever binding; what is accepted moves
 * pos in the same transaction.
 */
#include "model/sync_internal.h"

static void refusal(struct sync_refusal *ret, const char *code, const char *text)
{
    g_strlcpy(ret->code, code, sizeof ret->code);
    g_strlcpy(ret->text, text, sizeof ret->text);
}

/* The stable texts of err.tbl: a refusal's reason is one of them. */
static const char *const codes[ERR_COUNT] = {
#define ERR(name, code, status, class, title, remedy) [ERR_##name] = code,
#include "base/err.tbl"
#undef ERR
};

static void reply_accept(struct act *a, const char *hash)
{
    struct message *m = sync_message(a->s, a->c, MESSAGE_ACCEPT, hash);
    if (a->c->observations != NULL)
        m->observations = json_deep_copy(a->c->observations);
    sync_reply(a, m);
}

/* ---- the guard ---- */

/*
 * Part of accept's guard that holds for every kind: "role=STANDBY (parent EMPTY: role=NONE), not
 * SPLIT, serving=-, no local pre-claim operation, p.epoch=pos.epoch, pos in anc(p)".
 */
static bool free_for(const struct act *a, const struct position *p, struct sync_refusal *why)
{
    const struct sync_state *s = a->s;
    const char *code = NULL, *text = NULL;
    if (s->split) {
        code = codes[ERR_SYNC_SPLIT];
        text = "the two sites have diverged";
    } else if (s->peer_gone) {
        code = codes[ERR_GROUP_DELETING];
        text = "the group is being cleaned up at this site";
    } else if (s->serving[0] != '\0' || a->c->operation_blocks) {
        code = codes[ERR_OPERATION_IN_PROGRESS];
        text = "an operation of this group runs at this site";
    } else if (!chain_ancestor(s->chain, s->pos, p->parent)) {
        code = codes[ERR_IF_MATCH];
        text = "this site stands at another position";
    } else if (p->kind == POSITION_HANDOVER && a->c->drill_running) {
        code = codes[ERR_DRILL_RUNNING];
        text = "a drill of this group is not cleaned up at this site";
    } else if (p->kind == POSITION_HANDOVER && a->c->cleanup_running) {
        code = codes[ERR_OPERATION_IN_PROGRESS];
        text = "what this site has kept of the group is being deleted";
    }
    if (code != NULL)
        refusal(why, code, text);
    return code == NULL;
}

/* "content acceptable (name, mapping, schema, delete with no held resources)". */
static bool content_fits(const struct act *a, const struct position *p, const struct body *body,
                         struct sync_refusal *why)
{
    int64_t known = a->c->schema > 0 ? a->c->schema : BODY_SCHEMA;
    if (body_schema(body_json(body)) > known) {
        refusal(why, codes[ERR_BODY_SCHEMA],
                "the metadata is of a newer version than this site knows");
        return false;
    }
    return a->c->acceptable == NULL || a->c->acceptable(a->c->data, a->s, p, body, why);
}

/* "A REJOIN: t (STANDBY or FROZEN, serving=-, pos < it) adopts it"; closed: descendants of pos
 * only. */
static bool rejoin_fits(const struct sync_state *s, const struct position *p)
{
    return (s->role == ROLE_STANDBY || s->role == ROLE_FROZEN) && s->serving[0] == '\0' &&
           chain_before(s->chain, s->pos, p->hash) &&
           (!s->closed || chain_ancestor(s->chain, s->pos, p->hash));
}

/* ---- accept ---- */

static void accept_change(struct act *a, const struct position *p, struct body *body)
{
    struct sync_state *s = a->s;
    AUTO(body) old = body_ref(s->body);
    sync_incoming_clear(s);
    s->role = ROLE_STANDBY;
    sync_move(a, p->hash, body);
    sync_settle(a, old, body);
    if (p->kind != POSITION_HANDOVER)
        return;
    sync_set_hash(s->serving, p->hash);
    sync_order(a, SYNC_OP_HANDOVER, SYNC_START, body_transition_operation(body_json(body)), p->hash,
               NULL);
}

static void accept_rejoin(struct act *a, const struct position *p, const struct body *body)
{
    char known[HASH_HEX_SIZE];
    sync_set_hash(known, a->s->known_peer);
    sync_adopt(a, p->hash, body);
    sync_set_hash(a->s->known_peer, known); /* s has it staged, and does not hold it yet */
}

/* ---- refuse ---- */

static bool refuse(struct act *a, const struct position *p, const struct sync_refusal *why,
                   bool owed)
{
    struct sync_state *s = a->s;
    if (s->refused_count >= SYNC_REFUSED_MAX)
        return false;
    struct sync_refused refused = {.epoch = p->epoch,
                                   .rejoin = p->kind == POSITION_REJOIN,
                                   .owed = owed};
    sync_set_hash(refused.hash, p->hash);
    g_strlcpy(refused.reason, why->code, sizeof refused.reason);
    refused.text = g_strdup(why->text);
    sync_reply(a, sync_message_refuse(s, a->c, &refused));
    if (MUTANT(REFUSAL_FORGOTTEN) || (MUTANT(TEXT_REFUSED) && p->epoch != sync_epoch(s))) {
        g_free(refused.text);
        return true;
    }
    s->refused = g_realloc_n(s->refused, s->refused_count + 1, sizeof refused);
    s->refused[s->refused_count++] = refused;
    sync_log(a, "refused", p->hash, p, NULL, why->text);
    sync_changed(a);
    return true;
}

/*
 * "role=STANDBY (parent EMPTY: NONE), p.epoch=pos.epoch, p not in anc(pos), accept's guard false; a
 * REJOIN: role not RECOVERING and its guard false".
 */
static bool refusable(const struct sync_state *s, const struct position *p)
{
    if (MUTANT(TEXT_REFUSE))
        return true;
    if (p->kind == POSITION_REJOIN)
        return s->role != ROLE_RECOVERING;
    enum sync_role role = p->parent[0] == '\0' ? ROLE_NONE : ROLE_STANDBY;
    return s->role == role && p->epoch == sync_epoch(s);
}

/* ---- on PROPOSE(p) ---- */

static bool incoming_is(const struct sync_state *s, const char *hash)
{
    return s->incoming.position != NULL && strcmp(s->incoming.position->hash, hash) == 0;
}

static void propose_rejoin(struct act *a, const struct position *p, const struct body *body)
{
    if (rejoin_fits(a->s, p)) {
        accept_rejoin(a, p, body);
        reply_accept(a, p->hash);
    } else if (refusable(a->s, p)) {
        struct sync_refusal why;
        refusal(&why, codes[ERR_GROUP_STATE], "this site cannot give the group back as it stands");
        refuse(a, p, &why, false);
    }
}

/*
 * "AND realized: what p needs at t has been made by t's own engine; until then neither answer".
 * The order is given at every arrival: a realize that was preempted is begun again, one that runs
 * is not begun twice (store/orders.c).
 */
static void start_realize(struct act *a, const struct position *p, struct body *body)
{
    struct sync_state *s = a->s;
    a->waiting = true;
    if (!incoming_is(s, p->hash)) {
        sync_give_up_incoming(a, "another proposal came");
        s->incoming.position = position_ref(p);
        s->incoming.body = body_ref(body);
        sync_changed(a);
    }
    sync_order(a, SYNC_OP_REALIZE, SYNC_START, NULL, p->hash, NULL);
}

/*
 * "The PROPOSE of a create names the incarnation of the addressee; a site answers one that names
 * another incarnation by STATE alone": it may have accepted this create and lost it, and more.
 */
static bool meant_for(const struct act *a, const struct message *m, const struct position *p)
{
    return p->parent[0] != '\0' || strcmp(m->addressee, a->c->incarnation) == 0 ||
           MUTANT(TEXT_CREATE);
}

static void propose_change(struct act *a, const struct position *p, struct body *body)
{
    const struct sync_state *s = a->s;
    struct sync_refusal why = {.code = ""};
    enum sync_role role = p->parent[0] == '\0' ? ROLE_NONE : ROLE_STANDBY;
    bool here = s->role == role && p->epoch == sync_epoch(s);
    bool fits = here && free_for(a, p, &why) && content_fits(a, p, body, &why);
    bool realized = fits && (a->c->realized == NULL || a->c->realized(a->c->data, s, p, body));
    if (fits && realized) {
        accept_change(a, p, body);
        reply_accept(a, p->hash);
    } else if (fits) {
        start_realize(a, p, body);
    } else if (refusable(s, p)) {
        if (why.code[0] == '\0')
            refusal(&why, codes[ERR_GROUP_STATE], "not in this state");
        if (refuse(a, p, &why, false) && incoming_is(s, p->hash))
            sync_give_up_incoming(a,
                                  why.text); /* what realize makes for it is not wanted any more */
    }
}

/* on PROPOSE(p) at t: "p=pos or p in anc(pos): ACCEPT again.  p in refused: REFUSE again". */
err_t *sync_on_propose(struct act *a, const struct message *m)
{
    const struct position *p = message_row(m);
    bool proposal = p->kind == POSITION_USER || p->kind == POSITION_HANDOVER ||
                    (p->kind == POSITION_REJOIN && p->rejoined[0] == '\0');
    if (!proposal || strcmp(p->minter, m->from) != 0)
        return err(SYNC_POSITION, "position %.12s cannot be proposed by site %s", p->hash, m->from);
    const struct sync_refused *refused = sync_refused_find(a->s, p->hash);
    if (chain_ancestor(a->s->chain, p->hash, a->s->pos))
        reply_accept(a, p->hash);
    else if (refused != NULL)
        sync_reply(a, sync_message_refuse(a->s, a->c, refused));
    else if (p->kind == POSITION_REJOIN)
        propose_rejoin(a, p, m->body);
    else if (meant_for(a, m, p))
        propose_change(a, p, m->body);
    return NULL; /* else: RECOVERING, or another epoch: STATE */
}

/* ---- realize ---- */

static err_t *answer_incoming(struct sync_state *state, const struct sync_context *context,
                              const struct sync_refusal *why, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    AUTO(position) p = position_ref(state->incoming.position);
    AUTO(body) body = body_ref(state->incoming.body);
    struct sync_refusal own = {.code = ""};
    g_assert(refusable(state, p)); /* whatever moves role or epoch gives up what was coming */
    bool fits = why == NULL && free_for(&a, p, &own) && content_fits(&a, p, body, &own);
    if (fits) {
        TRY(sync_add(&a, p));
        accept_change(&a, p, body);
        reply_accept(&a, p->hash);
        return sync_done(&a);
    }
    if (!refuse(&a, p, why != NULL ? why : &own, true))
        return err(TOO_LARGE, "group %s: too many refusals are kept already", state->group);
    if (why == NULL)
        sync_give_up_incoming(&a, own.text); /* made, and not wanted: unwind */
    sync_incoming_clear(state);
    return sync_done(&a);
}

err_t *sync_realized(struct sync_state *state, const struct sync_context *context, const char *hash,
                     struct sync_effects *ret)
{
    return incoming_is(state, hash) ? answer_incoming(state, context, NULL, ret) : NULL;
}

err_t *sync_realize_failed(struct sync_state *state, const struct sync_context *context,
                           const char *hash, const struct sync_refusal *why,
                           struct sync_effects *ret)
{
    return incoming_is(state, hash) ? answer_incoming(state, context, why, ret) : NULL;
}

/* ---- the answers, at s ---- */

/*
 * on ACCEPT(p) at s: "staged=p => pos := p; known_peer := p; staged := -; operation completed: ONLY
 * NOW acknowledged.  else ignore".  A closed site ignores it, but for a REJOIN: the peer that
 * accepted that stands in it, and has given up to resolve.
 */
err_t *sync_on_accept(struct act *a, const struct message *m)
{
    bool closed = a->s->closed && a->s->role != ROLE_RECOVERING;
    if (!sync_staged_is(a->s, m->position) || closed)
        return NULL;
    return sync_commit(a);
}

/* withdraw: "Also on REFUSE of a create: name and Idempotency-Key are free again". */
static void refused_create(struct act *a, const struct position *p)
{
    sync_set_hash(a->s->last, p->hash);
    a->s->role = ROLE_TOMBSTONE;
    a->s->gone_owed = false;
    a->s->proof_count = 0;
    sync_refused_clear(a->s);
}

/*
 * on REFUSE(p) at s: "staged=p => staged := -; unwind; HANDOVER: role := ACTIVE, frozen_for := -,
 * operation resume.  else ignore".
 */
err_t *sync_on_refuse(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    if (!sync_staged_is(s, m->position))
        return NULL;
    AUTO(position) p = position_ref(s->staged.position);
    g_autofree char *words = g_strdup_printf("refused by the other site: %s: %s", m->reason,
                                             m->text != NULL ? m->text : "");
    sync_log(a, "refused", p->hash, p, s->staged.body, words);
    if (p->kind == POSITION_USER)
        sync_order(a, SYNC_OP_CHANGE, SYNC_FAIL, s->staged.operation, p->hash, words);
    sync_staged_clear(s);
    sync_changed(a);
    if (strcmp(s->frozen_for, p->hash) == 0)
        sync_unfreeze(a, SYNC_FAIL, words);
    if (sync_is_empty(s) && s->role == ROLE_ACTIVE)
        refused_create(a, p);
    return NULL;
}

/*
 * on ABORTED(h) at s: "frozen_for=h => if staged=h treat as ACCEPT(h); role := ACTIVE; frozen_for
 * := -; operation resume.  else ignore".  A closed site ignores what would move pos.
 */
err_t *sync_on_aborted(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    bool bound = strcmp(s->frozen_for, m->position) == 0;
    if (s->frozen_for[0] == '\0' || (!bound && !MUTANT(ABORT_UNBOUND)))
        return NULL;
    bool staged = sync_staged_is(s, s->frozen_for);
    if (staged && s->closed)
        return NULL;
    if (MUTANT(ABORT_UNBOUND) && staged && !bound)
        sync_staged_clear(s);
    else if (staged)
        TRY(sync_commit(a));
    sync_unfreeze(a, SYNC_FAIL, "aborted by the target");
    return NULL;
}
