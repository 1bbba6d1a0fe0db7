/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - two in-memory sites and a bag, moved one guarded action at a time; for the search and the
 * random walks.  The moves are those of the protocol's model (sync.pml), under its names.
 *
 * Challenges are atomic reads of the peer's present state, as in the model: HELLO and HERE (or
 * AMNESIA, or CLOSE and CLOSED) pass in one move.  "Random" numbers come from the count of
 * positions made, so that two ways to one state give equal states.
 */
#pragma once

#include "tests/lib/bag.h"
#include "model/safety.h"
#ifdef MUTANTS
#include "model/sync_internal.h"
#endif

#define GROUP_ID "pg-00000000-0000-4000-8000-000000000001"
static const char *const world_uuid[SITES] = {"0aaaaaaa-0000-4000-8000-000000000000",
                                              "1bbbbbbb-0000-4000-8000-000000000000"};

enum {
    USERS,
    HANDOVERS,
    FORCES,
    FACTS,
    RESTORES,
    RESOLVES,
    SLOTS,
    LOSSES,
    DELETES,
    ALONES,
    CREATES,
    WITHDRAWALS,
    BUDGETS
};

struct world {
    struct sync_state site[SITES];
    char incarnation[SITES][INCARNATION_SIZE];
    int64_t tag_minted[SITES], tag_floor[SITES];
    struct bag bag;
    struct safety_watch *watch;
    unsigned made;
    int budget[BUDGETS];
    bool created[SITES]; /* it stood at EMPTY once, in a create */
    bool held[SITES];    /* it had the group once */
    bool used[SITES];    /* the same, in a database that was lost: no client draws the id again */
    bool stopped;        /* faults have stopped: the budgets do not count any more */
    bool two_step;       /* CLOSE, CLOSED and the RESOLVE are moves of their own */
    bool refuses;        /* the next PROPOSE finds something not acceptable */
    const char *broken;
    struct sync_state snapshot; /* of a backup; for one mutant */
    int snapshot_of;            /* -1: none */
};

/* ---- bodies ---- */

static struct body *world_body[4]; /* plain, handover to 0, handover to 1, deleting */

static inline struct body *seal_or_die(json_t *draft)
{
    struct body *body = NULL;
    err_t *e = body_seal(draft, &body);
    if (e != NULL)
        g_error("%s", err_message(e));
    return body;
}

static inline void world_bodies(void)
{
    if (world_body[0] != NULL)
        return;
    struct body_create_spec spec = {.group = GROUP_ID,
                                    .name = "web",
                                    .replication_type = "async",
                                    .consistency_group_id = "cg-1",
                                    .primary = {world_uuid[0], "site-a", "project-a", "gold", NULL},
                                    .secondary = {world_uuid[1], "site-b", "project-b", "gold",
                                                  NULL},
                                    .now_ms = 1000};
    json_t *draft = NULL;
    err_t *e = body_create(&spec, &draft);
    if (e != NULL)
        g_error("%s", err_message(e));
    world_body[0] = seal_or_die(draft);
    for (int i = 0; i < SITES; i++) {
        draft = body_draft(world_body[0]);
        body_transition_set(draft, "op-1", world_uuid[i]);
        world_body[1 + i] = seal_or_die(draft);
    }
    draft = body_draft(world_body[0]);
    json_set_bool(draft, "deleting", true);
    world_body[3] = seal_or_die(draft);
}

static inline void world_bodies_free(void)
{
    for (int i = 0; i < 4; i++) {
        body_unref(world_body[i]);
        world_body[i] = NULL;
    }
}

/* ---- the context ---- */

static inline void world_random(void *data, void *buffer, size_t size)
{
    struct world *w = data;
    char hash[HASH_HEX_SIZE];
    hash_hex(&w->made, sizeof w->made, hash);
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = (unsigned char)hash[i % 64];
    w->made++;
}

static inline bool world_acceptable(void *data, const struct sync_state *state,
                                    const struct position *p, const struct body *body,
                                    struct sync_refusal *ret)
{
    (void)state, (void)p, (void)body;
    const struct world *w = data;
    if (w->refuses) {
        g_strlcpy(ret->code, "protector.group.name_taken", sizeof ret->code);
        g_strlcpy(ret->text, "name taken", sizeof ret->text);
    }
    return !w->refuses;
}

static inline struct sync_context world_context(struct world *w, int s)
{
    return (struct sync_context){.now_ms = 1000000,
                                 .incarnation = w->incarnation[s],
                                 .tag_minted = w->tag_minted[s],
                                 .tag_floor = w->tag_floor[s],
                                 .data = w,
                                 .random = world_random,
                                 .acceptable = world_acceptable};
}

/* ---- life ---- */

static inline void world_incarnate(struct world *w, int s)
{
    char next[INCARNATION_SIZE];
    unsigned char random[16] = {(unsigned char)s};
    const char *known[] = {w->incarnation[s]};
    incarnation_next(known, 1, random, next);
    memcpy(w->incarnation[s], next, sizeof next);
}

static inline void world_put_gone(struct world *w, int s)
{
    struct message *m = message_create(MESSAGE_GONE);
    g_strlcpy(m->from, sync_self(&w->site[s]), sizeof m->from);
    g_strlcpy(m->to, sync_peer(&w->site[s]), sizeof m->to);
    g_strlcpy(m->incarnation, w->incarnation[s], sizeof m->incarnation);
    g_strlcpy(m->group, w->site[s].group, sizeof m->group);
    g_strlcpy(m->position, w->site[s].last, sizeof m->position);
    bag_put(&w->bag, m, false);
    message_destroy(m);
}

/* STATE, or GONE: what may be told of a site from now on. */
static inline void world_put_state(struct world *w, int s)
{
    struct sync_context c = world_context(w, s);
    if (w->site[s].role == ROLE_TOMBSTONE)
        world_put_gone(w, s);
    if (w->site[s].role == ROLE_NONE || w->site[s].role == ROLE_TOMBSTONE)
        return;
    struct message *m = message_create(MESSAGE_STATE);
    g_strlcpy(m->from, sync_self(&w->site[s]), sizeof m->from);
    g_strlcpy(m->to, sync_peer(&w->site[s]), sizeof m->to);
    g_strlcpy(m->incarnation, c.incarnation, sizeof m->incarnation);
    g_strlcpy(m->group, w->site[s].group, sizeof m->group);
    g_strlcpy(m->position, w->site[s].pos, sizeof m->position);
    m->role = w->site[s].role;
    m->epoch = sync_epoch(&w->site[s]);
    m->version = sync_version(&w->site[s]);
    if (w->site[s].body != NULL) {
        m->body = body_ref(w->site[s].body);
        m->history = chain_history(w->site[s].chain, w->site[s].pos);
    }
    bag_put(&w->bag, m, false);
    message_destroy(m);
}

/* No site has the group: it must be created. */
static inline void world_init_empty(struct world *w, const int budget[BUDGETS])
{
    world_bodies();
    memset(w, 0, sizeof *w);
    memcpy(w->budget, budget, sizeof w->budget);
    w->watch = safety_watch_create();
    w->snapshot_of = -1;
    bag_init(&w->bag);
    for (int s = 0; s < SITES; s++) {
        sync_state_init(&w->site[s], GROUP_ID, world_uuid[s], world_uuid[1 - s]);
        world_incarnate(w, s);
    }
}

/* Both sites hold the common start: epoch 0, version 1, by site 0. */
static inline void world_init(struct world *w, const int budget[BUDGETS])
{
    world_init_empty(w, budget);
    struct position start = {.version = 1, .kind = POSITION_USER};
    g_strlcpy(start.minter, world_uuid[0], UUID_SIZE);
    memset(start.claim_id, '0', CLAIM_ID_SIZE - 1);
    g_strlcpy(start.body_hash, body_hash(world_body[0]), HASH_HEX_SIZE);
    position_seal(&start);
    AUTO(position) p = position_new(&start);
    for (int s = 0; s < SITES; s++) {
        struct sync_state *state = &w->site[s];
        err_t *e = chain_add(state->chain, p);
        g_assert(e == NULL);
        g_strlcpy(state->pos, p->hash, HASH_HEX_SIZE);
        g_strlcpy(state->known_peer, p->hash, HASH_HEX_SIZE);
        state->body = body_ref(world_body[0]);
        state->role = s == 0 ? ROLE_ACTIVE : ROLE_STANDBY;
        w->held[s] = true;
    }
    for (int s = 0; s < SITES; s++)
        world_put_state(w, s);
}

static inline void world_fini(struct world *w)
{
    for (int s = 0; s < SITES; s++)
        sync_state_fini(&w->site[s]);
    if (w->snapshot_of >= 0)
        sync_state_fini(&w->snapshot);
    bag_fini(&w->bag);
    safety_watch_destroy(w->watch);
}

static inline void world_copy(const struct world *w, struct world *ret)
{
    *ret = *w;
    for (int s = 0; s < SITES; s++)
        sync_state_copy(&w->site[s], &ret->site[s]);
    if (w->snapshot_of >= 0)
        sync_state_copy(&w->snapshot, &ret->snapshot);
    bag_copy(&w->bag, &ret->bag);
    ret->watch = safety_watch_copy(w->watch);
}

/* Whether faults may still happen. */
static inline bool world_has(const struct world *w, int budget)
{
    return !w->stopped && w->budget[budget] > 0;
}

/* A proposal that its site still waits to hear of. */
static inline bool waited(const struct world *w, const char *hash)
{
    for (int s = 0; s < SITES; s++)
        if (w->site[s].staged.kind == STAGED_PROPOSAL &&
            strcmp(w->site[s].staged.position->hash, hash) == 0)
            return true;
    return false;
}

/* ---- one transaction at site s is over ---- */

/* The question of a person, by its nonce: it still stands. */
static inline bool asked(const struct world *w, const char *nonce)
{
    for (int s = 0; s < SITES; s++)
        if (w->site[s].resolving.nonce[0] != '\0' && strcmp(w->site[s].resolving.nonce, nonce) == 0)
            return true;
    return false;
}

/* An answer that changed nothing at its sender: ACCEPT again, REFUSE again, CLOSED again.  True if
 * it is new. */
static inline bool world_answer(struct world *w, const struct message *reply)
{
    if (reply == NULL)
        return false;
    bool answer = reply->type == MESSAGE_ACCEPT || reply->type == MESSAGE_REFUSE;
    bool heard = reply->type == MESSAGE_CLOSED ? asked(w, reply->nonce)
                                               : answer && waited(w, reply->position);
    return heard && bag_put(&w->bag, reply, false);
}

static inline bool world_done(struct world *w, int s, err_t *e, struct sync_effects *effects)
{
    bool changed = e == NULL && effects->changed;
    if (changed) {
        safety_watch_effects(w->watch, effects);
        bag_put_effects(&w->bag, effects, false);
        if (effects->incarnation[0] != '\0')
            memcpy(w->incarnation[s], effects->incarnation, INCARNATION_SIZE);
        w->tag_minted[s] = MAX(w->tag_minted[s], w->site[s].minted);
        w->tag_floor[s] = MAX(w->tag_floor[s], w->site[s].floor);
        w->held[s] |= w->created[s] || w->site[s].pos[0] != '\0';
        world_put_state(w, s);
    } else if (e == NULL) {
        changed = world_answer(w, effects->reply);
    }
    err_free(e);
    sync_effects_fini(effects);
    return changed;
}

/* ---- the moves ---- */

enum move_kind {
    MOVE_CHANGE,
    MOVE_HANDOVER,
    MOVE_RESERVE, /* the two halves of a change, and their end */
    MOVE_STAGE,
    MOVE_RELEASE,
    MOVE_CREATE, /* at EMPTY; then as change */
    MOVE_WITHDRAW,
    MOVE_DELETE,
    MOVE_DELETE_ALONE, /* the peer is gone: an ACTIVE site */
    MOVE_DELETE_RECOVERING,
    MOVE_DELETE_STANDBY,
    MOVE_UNPROTECT,
    MOVE_TOMBSTONE, /* this site's part is taken away */
    MOVE_FACT,
    MOVE_FORCE,
    MOVE_CLAIM,
    MOVE_ABORT,
    MOVE_DELIVER,
    MOVE_DELIVER_REFUSED, /* a PROPOSE that is not acceptable */
    MOVE_HERE,            /* s challenges, the peer's HERE arrives */
    MOVE_AMNESIA,         /* s challenges, the peer's AMNESIA arrives */
    MOVE_RESOLVE,
    MOVE_RESOLVE_GONE,
    MOVE_CLOSE,    /* two_step: the question alone */
    MOVE_RESTORE,  /* to the position of a STATE that it once signed */
    MOVE_LOSE,     /* the database is lost, and the group with it */
    MOVE_SNAPSHOT, /* for the mutant that resumes */
    MOVE_STOP,     /* faults stop */
    MOVES
};
struct move {
    enum move_kind kind;
    int site;
    guint letter;
};

static const struct safety_evidence evidence_planned = {.data = SAFETY_FROM_POINT,
                                                        .point = "p",
                                                        .volumes = 1,
                                                        .volumes_from_point = 1,
                                                        .point_complete = true,
                                                        .point_usable = true,
                                                        .sources_stopped = true};
static const struct safety_evidence evidence_forced = {.data = SAFETY_IN_PLACE, .recorded = true};

/* s gets a fresh nonce and the peer's answer of 'want' to it; NULL if the peer answers otherwise.
 */
static inline struct message *world_challenge(struct world *w, int s, enum message_type want,
                                              struct sync_effects *keep)
{
    struct sync_context c = world_context(w, s), ct = world_context(w, 1 - s);
    struct sync_effects there;
    unsigned made = w->made;
    sync_effects_init(keep);
    sync_effects_init(&there);
    struct message *answer = NULL;
    err_t *e = sync_hello(&w->site[s], &c, keep);
    w->made = made;
    if (e == NULL)
        e = sync_receive(&w->site[1 - s], g_ptr_array_index(keep->messages, 0), &ct, &there);
    if (e == NULL && there.reply != NULL && there.reply->type == want)
        answer = TAKE(there.reply);
    for (guint i = 0; e == NULL && answer == NULL && i < there.messages->len; i++) {
        struct message *m = g_ptr_array_index(there.messages, i);
        if (m->type == want)
            answer = message_copy(m);
    }
    w->site[1 - s].peer_nonce[0] = '\0';
    err_free(e);
    sync_effects_fini(keep);
    sync_effects_fini(&there);
    return answer;
}

/* What a move of an active site takes out of which budget, behind a fresh HERE. */
static inline bool move_change(struct world *w, int s, enum move_kind kind)
{
    static const int budgets[MOVES] = {[MOVE_CHANGE] = USERS,
                                       [MOVE_HANDOVER] = HANDOVERS,
                                       [MOVE_DELETE] = DELETES,
                                       [MOVE_RESERVE] = SLOTS};
    struct sync_state *state = &w->site[s];
    struct sync_effects e;
    bool staged = state->staged.kind != STAGED_NONE;
    if (kind == MOVE_DELETE && sync_is_empty(state))
        return false; /* what is not created yet is withdrawn: model/states.c */
    if (!world_has(w, budgets[kind]) || state->role != ROLE_ACTIVE || staged || state->split ||
        strcmp(state->pos, w->site[1 - s].pos) != 0 || sync_owed(state))
        return false;
    AUTO(message) here = world_challenge(w, s, MESSAGE_HERE, &e);
    struct sync_context c = world_context(w, s);
    sync_effects_init(&e);
    err_t *err = here == NULL ? err(INTERNAL, "no answer") : sync_receive(state, here, &c, &e);
    sync_effects_fini(&e);
    sync_effects_init(&e);
    if (err == NULL && kind == MOVE_HANDOVER)
        err =
            sync_handover(state, &c, "op-1", state->pos, here->nonce, world_body[1 + (1 - s)], &e);
    else if (err == NULL)
        err = sync_reserve(state, &c, "op-2", state->pos, here->nonce, &e);
    if (err == NULL && (kind == MOVE_CHANGE || kind == MOVE_DELETE))
        err = sync_stage(state, &c, "op-2", world_body[kind == MOVE_DELETE ? 3 : 0], &e);
    state->proof_count = 0;
    w->budget[budgets[kind]] -= err == NULL;
    return world_done(w, s, err, &e);
}

/* Clients draw ids: a site that lost a group is not asked to create it again. */
static inline bool move_create(struct world *w, int s)
{
    struct sync_effects e;
    struct sync_context c = world_context(w, s);
    if (!world_has(w, CREATES) || w->used[s] || w->site[s].role != ROLE_NONE)
        return false;
    sync_effects_init(&e);
    err_t *err = sync_create(&w->site[s], &c, &e);
    w->budget[CREATES] -= err == NULL;
    w->created[s] |= err == NULL;
    return world_done(w, s, err, &e);
}

/* Nobody answers the create any more, or nothing is proposed. */
static inline bool world_unanswered(const struct world *w, int s)
{
    const struct sync_state *a = &w->site[s], *b = &w->site[1 - s];
    bool idle = a->role == ROLE_ACTIVE && a->staged.kind == STAGED_NONE;
    bool rivals = b->role == ROLE_ACTIVE && sync_is_empty(b);
    bool nobody = a->role == ROLE_RECOVERING &&
                  (b->role == ROLE_RECOVERING || b->role == ROLE_NONE || b->role == ROLE_TOMBSTONE);
    bool forgot = b->role == ROLE_NONE && a->staged.kind == STAGED_PROPOSAL &&
                  strcmp(a->staged.addressee, w->incarnation[1 - s]) != 0;
    return idle || a->peer_gone || rivals || nobody || forgot;
}

static inline bool move_withdraw(struct world *w, int s)
{
    struct sync_effects e;
    struct sync_context c = world_context(w, s);
    if (!world_has(w, WITHDRAWALS) && !(w->stopped && world_unanswered(w, s)))
        return false;
    sync_effects_init(&e);
    err_t *err = sync_withdraw(&w->site[s], &c, &e);
    w->budget[WITHDRAWALS] -= err == NULL && !w->stopped;
    return world_done(w, s, err, &e);
}

/* The operation that has reserved the slot stages its change, or gives the slot back. */
static inline bool move_reserved(struct world *w, int s, bool stage)
{
    struct sync_effects e;
    struct sync_state *state = &w->site[s];
    struct sync_context c = world_context(w, s);
    if (state->staged.kind != STAGED_RESERVED)
        return false;
    sync_effects_init(&e);
    err_t *err =
        stage ? sync_stage(state, &c, "op-2", world_body[0], &e) : sync_release(state, "op-2", &e);
    return world_done(w, s, err, &e);
}

static inline bool move_fact(struct world *w, int s)
{
    struct sync_effects e;
    bool committed = false;
    if (!world_has(w, FACTS))
        return false;
    struct sync_context c = world_context(w, s);
    sync_effects_init(&e);
    err_t *err = sync_fact(&w->site[s], &c, world_body[0], &committed, &e);
    w->budget[FACTS] -= committed;
    return world_done(w, s, err, &e);
}

/* A person forces: out of the budget, or where nobody else can act any more. */
static inline bool move_force(struct world *w, int s)
{
    const struct sync_state *a = &w->site[s], *b = &w->site[1 - s];
    bool both = a->role == ROLE_RECOVERING && b->role == ROLE_RECOVERING;
    bool nobody_keeps = a->role == ROLE_RECOVERING && b->role == ROLE_STANDBY && b->split;
    bool alone = a->peer_gone && (a->role == ROLE_RECOVERING || a->role == ROLE_FROZEN);
    if (!world_has(w, FORCES) && !(w->stopped && (both || nobody_keeps || alone)))
        return false;
    struct sync_effects e;
    struct sync_context c = world_context(w, s);
    struct sync_force force = {.evidence = &evidence_forced,
                               .body = world_body[0],
                               .operation = "op-3",
                               .reason = "fire",
                               .who = "admin"};
    sync_plan_init(a, &force.plan);
    sync_effects_init(&e);
    err_t *err = sync_force(&w->site[s], &c, &force, &e);
    if (err == NULL && !w->stopped)
        w->budget[FORCES]--;
    return world_done(w, s, err, &e);
}

/* A person gives the peer up: out of the budget, or where it is known to be gone. */
static inline bool move_alone(struct world *w, int s, enum move_kind kind)
{
    struct sync_state *state = &w->site[s];
    bool recovering = kind == MOVE_DELETE_RECOVERING, standby = kind == MOVE_DELETE_STANDBY;
    const struct sync_state *b = &w->site[1 - s]; /* a STANDBY in SPLIT keeps nothing */
    bool nobody = b->role == ROLE_RECOVERING || (b->role == ROLE_STANDBY && b->split);
    bool gone = !standby && ((recovering && nobody) || state->peer_gone);
    bool deleted = state->body != NULL && body_deleting(body_json(state->body));
    bool told = state->peer_gone && deleted; /* its settle is under way */
    enum sync_role role = recovering ? ROLE_RECOVERING : standby ? ROLE_STANDBY : ROLE_ACTIVE;
    if (!(world_has(w, ALONES) || (w->stopped && gone)) || (recovering && told) ||
        state->role != role)
        return false;
    struct sync_effects e;
    struct sync_context c = world_context(w, s);
    sync_effects_init(&e);
    err_t *err = kind == MOVE_UNPROTECT
                     ? sync_unprotect(state, &c, "root", "burnt", &e)
                     : sync_delete_alone(state, &c, world_body[3], "root", "burnt", &e);
    w->budget[ALONES] -= err == NULL && e.changed && !w->stopped && w->budget[ALONES] > 0;
    return world_done(w, s, err, &e);
}

static inline bool move_tombstone(struct world *w, int s)
{
    if (w->site[s].role == ROLE_TOMBSTONE)
        return false; /* what is left of an unprotected group is no message's business */
    struct sync_effects e;
    struct sync_context c = world_context(w, s);
    sync_effects_init(&e);
    return world_done(w, s, sync_tombstone(&w->site[s], &c, &e), &e);
}

static inline bool move_claim(struct world *w, int s)
{
    struct sync_effects e;
    struct sync_plan plan;
    struct sync_context c = world_context(w, s);
    sync_plan_init(&w->site[s], &plan);
    sync_effects_init(&e);
    return world_done(w, s,
                      sync_claim(&w->site[s], &c, &plan, &evidence_planned, world_body[0], &e), &e);
}

static inline bool move_abort(struct world *w, int s)
{
    struct sync_effects e;
    struct sync_context c = world_context(w, s);
    char h[HASH_HEX_SIZE];
    memcpy(h, w->site[s].serving, sizeof h);
    if (h[0] == '\0')
        return false;
    sync_effects_init(&e);
    bool again = strcmp(w->site[s].aborted, h) == 0; /* only where an abort is not final */
    bool changed = world_done(w, s, sync_abort(&w->site[s], &c, h, &e), &e);
    return changed && !again;
}

static inline bool move_deliver(struct world *w, const struct move *mv)
{
    const struct message *m = bag_at(&w->bag, mv->letter);
    struct sync_effects e;
    struct sync_context c = world_context(w, mv->site);
    w->refuses = mv->kind == MOVE_DELIVER_REFUSED;
    if (m->type == MESSAGE_REFUSE && w->site[mv->site].staged.kind == STAGED_PROPOSAL &&
        strcmp(w->site[mv->site].staged.position->hash, m->position) == 0)
        safety_watch_refused(w->watch, m->position); /* also a REJOIN, which is nobody's change */
    sync_effects_init(&e);
    bool changed = world_done(w, mv->site, sync_receive(&w->site[mv->site], m, &c, &e), &e);
    w->refuses = false;
    return changed;
}

/* s reads the peer; 'want' HERE or AMNESIA.  Only what moves s counts, not the nonce. */
static inline bool move_read(struct world *w, int s, enum message_type want)
{
    struct sync_state *state = &w->site[s];
    struct sync_effects e;
    bool applies = want == MESSAGE_HERE ? state->role == ROLE_RECOVERING
                                        : w->site[1 - s].role == ROLE_RECOVERING;
    if (!applies)
        return false;
    char pos[HASH_HEX_SIZE];
    memcpy(pos, state->pos, sizeof pos);
    enum sync_role role = state->role;
    bool split = state->split, staged = state->staged.kind != STAGED_NONE;
    AUTO(message) answer = world_challenge(w, s, want, &e);
    struct sync_context c = world_context(w, s);
    sync_effects_init(&e);
    err_t *err = answer == NULL ? err(INTERNAL, "no answer") : sync_receive(state, answer, &c, &e);
    state->proof_count = 0;
    bool moved = strcmp(pos, state->pos) != 0 || role != state->role || split != state->split ||
                 staged != (state->staged.kind != STAGED_NONE);
    if (!moved)
        e.changed = false;
    return world_done(w, s, err, &e);
}

/* A HERE came first: s knows the peer's role. */
static inline void world_read_role(struct world *w, int s)
{
    struct sync_context c = world_context(w, s);
    w->site[s].proofs[0] =
        (struct sync_proof){.issued_ms = c.now_ms, .answered = true, .role = w->site[1 - s].role};
    w->site[s].proof_count = 1;
}

/* A person decides to keep s. */
static inline bool move_close(struct world *w, int s)
{
    struct sync_state *state = &w->site[s];
    if (!w->two_step || state->resolving.nonce[0] != '\0' ||
        !(w->stopped || world_has(w, RESOLVES)))
        return false;
    struct sync_effects e;
    struct sync_context c = world_context(w, s);
    world_read_role(w, s);
    sync_effects_init(&e);
    err_t *err = sync_close(state, &c, "admin", "keep", &e);
    state->proof_count = 0;
    w->budget[RESOLVES] -= err == NULL && !w->stopped;
    return world_done(w, s, err, &e);
}

/* CLOSE, CLOSED and the RESOLVE in one move; taken back where it does not come to the end. */
static inline bool move_resolve(struct world *w, int s)
{
    struct sync_state *state = &w->site[s];
    if (w->two_step || !state->split || !(w->stopped || world_has(w, RESOLVES)))
        return false;
    struct world trial;
    struct sync_effects e, et;
    world_copy(w, &trial);
    struct sync_context c = world_context(&trial, s), ct = world_context(&trial, 1 - s);
    sync_effects_init(&e);
    sync_effects_init(&et);
    unsigned made = trial.made;
    world_read_role(&trial, s);
    err_t *err = sync_close(&trial.site[s], &c, "admin", "keep", &e);
    trial.made = made;
    if (err == NULL)
        err = sync_receive(&trial.site[1 - s], g_ptr_array_index(e.messages, 0), &ct, &et);
    bool closed = err == NULL && et.reply->type == MESSAGE_CLOSED;
    if (closed) {
        sync_effects_fini(&e);
        sync_effects_init(&e);
        err = sync_receive(&trial.site[s], et.reply, &c, &e);
    }
    sync_effects_fini(&et);
    trial.site[s].proof_count = 0;
    bool resolved = err == NULL && closed && !trial.site[s].split;
    if (!resolved) {
        err_free(err);
        sync_effects_fini(&e);
        world_fini(&trial);
        return false;
    }
    if (!w->stopped)
        trial.budget[RESOLVES]--;
    world_fini(w);
    *w = trial;
    return world_done(w, s, NULL, &e);
}

static inline bool move_resolve_gone(struct world *w, int s)
{
    struct sync_effects e;
    if (!world_has(w, RESOLVES) || w->stopped)
        return false;
    struct sync_context c = world_context(w, s);
    sync_effects_init(&e);
    err_t *err = sync_resolve_gone(&w->site[s], &c, "admin", "burnt", &e);
    w->budget[RESOLVES] -= err == NULL;
    return world_done(w, s, err, &e);
}

#ifdef MUTANTS
/* A backup is taken, and put back as it was: nobody notices. */
static inline bool move_snapshot(struct world *w, int s)
{
    if (mutant != MUTANT_RESTORE_RESUMES || w->snapshot_of >= 0 || !world_has(w, RESTORES))
        return false;
    sync_state_copy(&w->site[s], &w->snapshot);
    w->snapshot_of = s;
    return true;
}

static inline bool move_resume(struct world *w, int s)
{
    if (w->snapshot_of != s || !world_has(w, RESTORES))
        return false;
    sync_state_fini(&w->site[s]);
    sync_state_copy(&w->snapshot, &w->site[s]);
    w->site[s].minted = MAX(w->site[s].minted, w->tag_minted[s]);
    w->site[s].floor = MAX(w->site[s].floor, w->tag_floor[s]);
    w->budget[RESTORES]--;
    safety_watch_restored(w->watch, s);
    return true;
}
#endif

/* The database of s is put back to a state in which it held the position of this letter. */
static inline bool move_restore(struct world *w, const struct move *mv)
{
    const struct message *m = bag_at(&w->bag, mv->letter);
    int s = mv->site;
    bool empty = m->position[0] == '\0' && w->created[s];
#ifdef MUTANTS
    if (mutant == MUTANT_RESTORE_RESUMES)
        return mv->letter == 0 && move_resume(w, s);
#endif
    if (!world_has(w, RESTORES) || m->type != MESSAGE_STATE || (m->history == NULL && !empty) ||
        strcmp(m->from, world_uuid[s]) != 0 || w->site[s].role == ROLE_NONE)
        return false;
    struct sync_state *state = &w->site[s];
    sync_state_fini(state);
    sync_state_init(state, GROUP_ID, world_uuid[s], world_uuid[1 - s]);
    err_t *e = empty ? NULL : chain_merge(state->chain, m->history);
    g_assert(e == NULL);
    memcpy(state->pos, m->position, HASH_HEX_SIZE);
    state->body = empty ? NULL : body_ref(m->body);
    bool mine = empty || strcmp(message_row(m)->minter, world_uuid[s]) == 0;
    state->role = mine ? ROLE_ACTIVE : ROLE_STANDBY;
    w->used[s] = w->held[s];
    w->budget[RESTORES]--;
    safety_watch_restored(w->watch, s);
    world_incarnate(w, s);
    struct sync_effects effects;
    struct sync_context c = world_context(w, s);
    sync_effects_init(&effects);
    return world_done(w, s, sync_restored(state, &c, &effects), &effects);
}

/* The database of s is gone: s does not know of the group. */
static inline bool move_lose(struct world *w, int s)
{
    struct sync_state *state = &w->site[s];
    if (!world_has(w, LOSSES) || state->role == ROLE_NONE)
        return false;
    sync_state_fini(state);
    sync_state_init(state, GROUP_ID, world_uuid[s], world_uuid[1 - s]);
    w->used[s] = w->held[s];
    w->budget[LOSSES]--;
    safety_watch_restored(w->watch, s);
    world_incarnate(w, s);
    return true;
}

static inline bool world_move(struct world *w, const struct move *mv)
{
    switch (mv->kind) {
    case MOVE_CHANGE:
    case MOVE_HANDOVER:
    case MOVE_RESERVE:
    case MOVE_DELETE:
        return move_change(w, mv->site, mv->kind);
    case MOVE_STAGE:
    case MOVE_RELEASE:
        return move_reserved(w, mv->site, mv->kind == MOVE_STAGE);
    case MOVE_CREATE:
        return move_create(w, mv->site);
    case MOVE_WITHDRAW:
        return move_withdraw(w, mv->site);
    case MOVE_FACT:
        return move_fact(w, mv->site);
    case MOVE_FORCE:
        return move_force(w, mv->site);
    case MOVE_CLAIM:
        return move_claim(w, mv->site);
    case MOVE_ABORT:
        return move_abort(w, mv->site);
    case MOVE_DELIVER:
    case MOVE_DELIVER_REFUSED:
        return move_deliver(w, mv);
    case MOVE_HERE:
        return move_read(w, mv->site, MESSAGE_HERE);
    case MOVE_AMNESIA:
        return move_read(w, mv->site, MESSAGE_AMNESIA);
    case MOVE_RESOLVE:
        return move_resolve(w, mv->site);
    case MOVE_RESOLVE_GONE:
        return move_resolve_gone(w, mv->site);
    case MOVE_CLOSE:
        return move_close(w, mv->site);
    case MOVE_RESTORE:
        return move_restore(w, mv);
    case MOVE_DELETE_ALONE:
    case MOVE_DELETE_RECOVERING:
    case MOVE_DELETE_STANDBY:
    case MOVE_UNPROTECT:
        return move_alone(w, mv->site, mv->kind);
    case MOVE_TOMBSTONE:
        return move_tombstone(w, mv->site);
    case MOVE_LOSE:
        return move_lose(w, mv->site);
    case MOVE_SNAPSHOT:
#ifdef MUTANTS
        return move_snapshot(w, mv->site);
#endif
    case MOVES:
        return false;
    case MOVE_STOP: {
        bool was = w->stopped;
        w->stopped = true;
        return !was && mv->site == 0;
    }
    }
    g_assert_not_reached();
}

static const char *const move_texts[MOVES] = {
    [MOVE_CREATE] = "create",
    [MOVE_WITHDRAW] = "withdraw",
    [MOVE_DELETE] = "delete",
    [MOVE_DELETE_ALONE] = "delete, alone,",
    [MOVE_DELETE_RECOVERING] = "delete, alone and recovering,",
    [MOVE_DELETE_STANDBY] = "delete, alone and standing by,",
    [MOVE_UNPROTECT] = "unprotect",
    [MOVE_TOMBSTONE] = "tombstone",
    [MOVE_LOSE] = "lose",
    [MOVE_RESERVE] = "reserve",
    [MOVE_STAGE] = "stage",
    [MOVE_RELEASE] = "release",
    [MOVE_CHANGE] = "change",
    [MOVE_HANDOVER] = "handover",
    [MOVE_FACT] = "fact",
    [MOVE_FORCE] = "force",
    [MOVE_CLAIM] = "claim",
    [MOVE_ABORT] = "abort",
    [MOVE_DELIVER] = "on",
    [MOVE_DELIVER_REFUSED] = "on, not acceptable,",
    [MOVE_HERE] = "on fresh HERE",
    [MOVE_AMNESIA] = "on fresh AMNESIA",
    [MOVE_RESOLVE] = "resolve",
    [MOVE_RESOLVE_GONE] = "resolve (peer declared gone)",
    [MOVE_CLOSE] = "close",
    [MOVE_RESTORE] = "restore to",
    [MOVE_SNAPSHOT] = "snapshot",
    [MOVE_STOP] = "-- faults stop",
};

static inline bool move_has_letter(enum move_kind kind)
{
    return kind == MOVE_DELIVER || kind == MOVE_DELIVER_REFUSED || kind == MOVE_RESTORE;
}

static inline char *move_text(const struct world *w, const struct move *mv)
{
    if (!move_has_letter(mv->kind))
        return g_strdup_printf("%s(%d)", move_texts[mv->kind], mv->site);
    const struct message *m = bag_at(&w->bag, mv->letter);
    return g_strdup_printf("%s %s(%d, %.6s)", move_texts[mv->kind], message_type_text(m->type),
                           mv->site, m->position);
}

static inline char *world_text(const struct world *w)
{
    GString *t = g_string_new(NULL);
    for (int s = 0; s < SITES; s++) {
        const struct sync_state *a = &w->site[s];
        const char *staged = a->staged.kind == STAGED_PROPOSAL ? a->staged.position->hash : "-";
        g_string_append_printf(t,
                               "   [%d] %s%s%s pos %.6s (%d,%d %s) staged %.6s serving %.6s frozen "
                               "%.6s owed %d floor %d\n",
                               s, sync_role_text(a->role), a->split ? " SPLIT" : "",
                               a->closed ? " closed" : "", a->pos, (int)sync_epoch(a),
                               (int)sync_version(a),
                               sync_is_empty(a) ? "EMPTY" : position_kind_text(sync_kind(a)),
                               staged, a->serving, a->frozen_for, sync_owed(a), (int)a->floor);
    }
    return g_string_free(t, FALSE);
}

/* What is wrong with this world, after a move from 'before'.  'lenient': the properties alone, not
 * the invariants of each state (of a mutant these would hide what its guard is for). */
static inline const char *world_wrong(const struct world *before, const struct world *w,
                                      const struct move *mv, bool lenient)
{
    const struct sync_state *const sites[SITES] = {&w->site[0], &w->site[1]};
    bool person = mv->kind == MOVE_FORCE || mv->kind == MOVE_RESOLVE ||
                  mv->kind == MOVE_RESOLVE_GONE || mv->kind == MOVE_RESTORE;
    const char *wrong = lenient ? NULL : safety_all(w->watch, sites);
    if (lenient) {
        const char *all[] = {safety_s1(sites), safety_s2(sites), safety_s3(w->watch, sites),
                             safety_s4(w->watch, sites)};
        for (size_t i = 0; i < G_N_ELEMENTS(all) && wrong == NULL; i++)
            wrong = all[i];
    }
    for (int s = 0; s < SITES && wrong == NULL; s++)
        wrong = safety_s5(&before->site[s], &w->site[s], person);
    return wrong;
}
