/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_state - the durable state of one group at one site: its life, its invariants, questions to
 * it.
 *
 * Neighbours: sync_codec.c (as JSON), sync_core.c (who changes it).
 */
#include "model/sync_internal.h"

/* ---- fields ---- */

void sync_set_hash(char field[HASH_HEX_SIZE], const char *hash)
{
    g_strlcpy(field, hash, HASH_HEX_SIZE);
}

void sync_set_body(struct body **field, const struct body *body)
{
    struct body *old = *field;
    *field = body_ref(body);
    body_unref(old);
}

bool sync_staged_is(const struct sync_state *s, const char *hash)
{
    return s->staged.kind == STAGED_PROPOSAL && strcmp(s->staged.position->hash, hash) == 0;
}

void sync_staged_clear(struct sync_state *s)
{
    position_unref(s->staged.position);
    body_unref(s->staged.body);
    s->staged = (struct sync_staged){0};
}

void sync_incoming_clear(struct sync_state *s)
{
    position_unref(s->incoming.position);
    body_unref(s->incoming.body);
    s->incoming = (struct sync_incoming){0};
}

void sync_resolving_clear(struct sync_state *s)
{
    g_free(s->resolving.who);
    g_free(s->resolving.reason);
    s->resolving = (struct sync_resolving){0};
}

struct sync_refused *sync_refused_find(const struct sync_state *s, const char *hash)
{
    for (size_t i = 0; i < s->refused_count; i++)
        if (strcmp(s->refused[i].hash, hash) == 0)
            return &s->refused[i];
    return NULL;
}

void sync_refused_prune(struct sync_state *s)
{
    int64_t epoch = sync_epoch(s);
    size_t kept = 0;
    for (size_t i = 0; i < s->refused_count; i++) {
        bool rejoin = s->refused[i].rejoin && !MUTANT(TEXT_REFUSED);
        if (rejoin || s->refused[i].epoch >= epoch)
            s->refused[kept++] = s->refused[i];
        else
            g_free(s->refused[i].text);
    }
    s->refused_count = kept;
}

void sync_refused_clear(struct sync_state *s)
{
    while (s->refused_count > 0)
        g_free(s->refused[--s->refused_count].text);
}

/* ---- life ---- */

void sync_state_init(struct sync_state *state, const char *group, const char *self,
                     const char *peer)
{
    memset(state, 0, sizeof *state);
    g_strlcpy(state->group, group, sizeof state->group);
    state->self = site_ordinal(self, peer);
    g_strlcpy(state->site[state->self], self, UUID_SIZE);
    g_strlcpy(state->site[1 - state->self], peer, UUID_SIZE);
    state->role = ROLE_NONE;
    state->chain = chain_create();
}

void sync_state_fini(struct sync_state *state)
{
    sync_staged_clear(state);
    sync_incoming_clear(state);
    sync_resolving_clear(state);
    body_unref(state->body);
    body_unref(state->rival_body);
    for (size_t i = 0; i < state->refused_count; i++)
        g_free(state->refused[i].text);
    g_free(state->refused);
    chain_destroy(state->chain);
    memset(state, 0, sizeof *state);
}

void sync_state_copy(const struct sync_state *state, struct sync_state *ret)
{
    *ret = *state;
    body_ref(ret->body);
    body_ref(ret->rival_body);
    body_ref(ret->staged.body);
    body_ref(ret->incoming.body);
    if (ret->staged.position != NULL)
        position_ref(ret->staged.position);
    if (ret->incoming.position != NULL)
        position_ref(ret->incoming.position);
    ret->resolving.who = g_strdup(state->resolving.who);
    ret->resolving.reason = g_strdup(state->resolving.reason);
    ret->refused = g_memdup2(state->refused, state->refused_count * sizeof *state->refused);
    for (size_t i = 0; i < ret->refused_count; i++)
        ret->refused[i].text = g_strdup(state->refused[i].text);
    ret->chain = chain_copy(state->chain);
}

/* ---- questions ---- */

const char *sync_self(const struct sync_state *state)
{
    return state->site[state->self];
}

const char *sync_peer(const struct sync_state *state)
{
    return state->site[1 - state->self];
}

bool sync_is_empty(const struct sync_state *state)
{
    return state->pos[0] == '\0';
}

bool sync_owed(const struct sync_state *state)
{
    return strcmp(state->known_peer, state->pos) != 0;
}

int64_t sync_epoch(const struct sync_state *state)
{
    return chain_epoch(state->chain, state->pos);
}

int64_t sync_version(const struct sync_state *state)
{
    return chain_version(state->chain, state->pos);
}

enum position_kind sync_kind(const struct sync_state *state)
{
    const struct position *p = chain_find(state->chain, state->pos);
    return p != NULL ? p->kind : POSITION_KINDS;
}

const char *sync_active(const struct sync_state *state)
{
    const char *active = chain_active(state->chain, state->pos);
    if (active == NULL && state->role == ROLE_ACTIVE)
        return sync_self(state);
    return active;
}

int64_t sync_next(const struct sync_state *s, int64_t above)
{
    if (MUTANT(EPOCH_PLUS_ONE))
        return above + 1;
    return position_next_epoch(s->self, above, s->minted);
}

int64_t sync_next_epoch(const struct sync_state *state)
{
    return sync_next(state, sync_epoch(state));
}

void sync_plan_init(const struct sync_state *state, struct sync_plan *ret)
{
    sync_set_hash(ret->position, state->pos);
    ret->epoch = sync_next_epoch(state);
}

bool sync_deleting(const struct sync_state *state)
{
    const struct body *staged = state->staged.body;
    return (state->body != NULL && body_deleting(body_json(state->body))) ||
           (staged != NULL && body_deleting(body_json(staged)));
}

bool sync_leaving(const struct sync_state *state)
{
    return (state->body != NULL && body_deleting(body_json(state->body))) ||
           (state->role == ROLE_STANDBY && state->peer_gone) || state->leaving;
}

json_t *sync_draft(const struct sync_state *state)
{
    if (state->body == NULL && state->role == ROLE_RECOVERING && state->rival_body != NULL)
        return body_draft(state->rival_body); /* a lost group */
    if (state->body == NULL)
        return NULL;
    json_t *draft = body_draft(state->body);
    if (sync_kind(state) == POSITION_HANDOVER && state->role == ROLE_ACTIVE)
        body_transition_clear(draft); /* the first position after an ABORTED */
    return draft;
}

enum sync_status sync_status(const struct sync_state *state, bool answered)
{
    if (state->role == ROLE_RECOVERING)
        return SYNC_RECOVERING;
    if (state->split)
        return SYNC_SPLIT;
    if (!answered)
        return SYNC_UNREACHABLE;
    return state->staged.kind != STAGED_NONE || sync_owed(state) ? SYNC_FAILED : SYNC_SYNCED;
}

const char *sync_status_text(enum sync_status status)
{
    static const char *const texts[] = {
        [SYNC_RECOVERING] = "RECOVERING",   [SYNC_SPLIT] = "SPLIT",
        [SYNC_UNREACHABLE] = "UNREACHABLE", [SYNC_FAILED] = "FAILED",
        [SYNC_SYNCED] = "SYNCED",
    };
    return texts[status];
}

/* ---- invariants ---- */

/* Which site the epoch of pos belongs to, against the role. */
static const char *wrong_role(const struct sync_state *s)
{
    const char *active = sync_active(s);
    bool mine = g_strcmp0(active, sync_self(s)) == 0;
    bool theirs = g_strcmp0(active, sync_peer(s)) == 0;
    switch (s->role) {
    case ROLE_NONE:
        return sync_is_empty(s) ? NULL : "NONE with a position";
    case ROLE_STANDBY:
        return theirs ? NULL : "STANDBY in an epoch that is not the peer's (I1)";
    case ROLE_ACTIVE:
        return mine ? NULL : "ACTIVE in an epoch that is not its own (I1)";
    case ROLE_FROZEN:
        return mine ? NULL : "FROZEN in an epoch that is not its own (I1)";
    case ROLE_RECOVERING:
    case ROLE_TOMBSTONE:
    case SYNC_ROLES: /* none is in it */
        return NULL;
    }
    g_assert_not_reached();
}

static const char *wrong_flags(const struct sync_state *s)
{
    bool stands = s->role == ROLE_STANDBY || s->role == ROLE_ACTIVE || s->role == ROLE_FROZEN;
    if (s->split && !stands)
        return "SPLIT over a role that cannot be";
    if (s->closed && !s->split && s->role != ROLE_RECOVERING)
        return "closed without SPLIT";
    if (s->superseded && s->role != ROLE_ACTIVE)
        return "superseded without ACTIVE";
    if (s->unprotected && s->role != ROLE_TOMBSTONE)
        return "unprotected without TOMBSTONE";
    if (s->leaving && !s->unprotected && !(s->role == ROLE_RECOVERING && s->peer_gone))
        return "an unprotected group is deleted that is none";
    if (s->resolving.nonce[0] != '\0' && !s->split)
        return "resolving without SPLIT";
    if (s->floor > s->minted)
        return "a floor above the highest number minted";
    return NULL;
}

static const char *wrong_handover(const struct sync_state *s)
{
    bool frozen = s->role == ROLE_FROZEN;
    if (s->serving[0] != '\0' && (s->role != ROLE_STANDBY || strcmp(s->serving, s->pos) != 0))
        return "serving a handover that it does not stand in";
    if (frozen != (s->frozen_for[0] != '\0'))
        return "FROZEN and frozen_for do not go together";
    if (frozen && !sync_staged_is(s, s->frozen_for) && strcmp(s->frozen_for, s->pos) != 0)
        return "frozen for a handover that is neither staged nor held";
    return NULL;
}

static const char *wrong_staged(const struct sync_state *s)
{
    const struct sync_staged *staged = &s->staged;
    bool proposal = staged->kind == STAGED_PROPOSAL;
    if (proposal != (staged->position != NULL) || proposal != (staged->body != NULL))
        return "a proposal without its bytes";
    if (staged->kind == STAGED_RESERVED && s->role != ROLE_ACTIVE)
        return "a reserved slot without ACTIVE";
    if (!proposal)
        return NULL;
    if (s->role == ROLE_RECOVERING)
        return staged->position->kind == POSITION_REJOIN ? NULL : "RECOVERING proposes a change";
    if (s->role != ROLE_ACTIVE && s->role != ROLE_FROZEN)
        return "a proposal by a site that may not propose";
    return strcmp(staged->position->parent, s->pos) == 0 ? NULL : "staged on another position";
}

static const char *wrong_position(const struct sync_state *s)
{
    const struct position *p = chain_find(s->chain, s->pos);
    if (p == NULL && !sync_is_empty(s))
        return "a position that is not in its history";
    if (s->role == ROLE_TOMBSTONE)
        return NULL;
    if ((p != NULL) != (s->body != NULL))
        return "a position without its bytes";
    return p == NULL || strcmp(p->body_hash, body_hash(s->body)) == 0 ? NULL : "bytes of another";
}

err_t *sync_check(const struct sync_state *state)
{
    const char *(*const rules[])(const struct sync_state *) = {wrong_role, wrong_flags,
                                                               wrong_handover, wrong_staged,
                                                               wrong_position};
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        const char *wrong = rules[i](state);
        if (wrong != NULL)
            return err(INTERNAL, "group %s at site %s is in a state that cannot be: %s",
                       state->group, sync_self(state), wrong);
    }
    return NULL;
}
