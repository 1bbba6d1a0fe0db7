/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_receive - messages: one table of type x role, one way through it.
 *
 * Rows that a message carries are merged into the chain first, so that order can be judged; they
 * are taken back if nothing changed.
 *
 * Neighbours: the handlers, in sync_propose.c, sync_follow.c, sync_recover.c, sync_resolve.c.
 */
#include "model/sync_internal.h"

struct cell {
    const char *text; /* of the page that is generated */
    sync_handler *handle;
};

#define NOTHING                                                                                    \
    {                                                                                              \
        "", NULL                                                                                   \
    }
#define BURIED                                                                                     \
    {                                                                                              \
        "GONE", sync_on_tombstone                                                                  \
    }
#define PROPOSED                                                                                   \
    {                                                                                              \
        "accept, refuse, else", sync_on_propose                                                    \
    }
#define FOLLOWED                                                                                   \
    {                                                                                              \
        "follow, own epoch, fork", sync_on_state                                                   \
    }
#define ANSWERED                                                                                   \
    {                                                                                              \
        "proof; follow, own epoch, fork", sync_on_here                                             \
    }

/* Roles in the order of enum sync_role: NONE STANDBY ACTIVE FROZEN RECOVERING TOMBSTONE. */
static const struct cell table[MESSAGE_TYPES][SYNC_ROLES] = {
    [MESSAGE_PROPOSE] = {PROPOSED, PROPOSED, PROPOSED, PROPOSED, PROPOSED, BURIED},
    [MESSAGE_ACCEPT] = {NOTHING,
                        NOTHING,
                        {"commit", sync_on_accept},
                        {"commit", sync_on_accept},
                        {"commit", sync_on_accept},
                        BURIED},
    [MESSAGE_REFUSE] = {NOTHING,
                        NOTHING,
                        {"unstage", sync_on_refuse},
                        {"unfreeze", sync_on_refuse},
                        {"unstage", sync_on_refuse},
                        BURIED},
    [MESSAGE_STATE] =
        {{"lost group", sync_on_lost_group}, FOLLOWED, FOLLOWED, FOLLOWED, NOTHING, BURIED},
    [MESSAGE_ABORTED] = {NOTHING,
                         NOTHING,
                         {"unfreeze", sync_on_aborted},
                         {"unfreeze", sync_on_aborted},
                         NOTHING,
                         BURIED},
    [MESSAGE_HELLO] = {{"HERE", sync_on_hello},
                       {"HERE", sync_on_hello},
                       {"HERE", sync_on_hello},
                       {"HERE", sync_on_hello},
                       {"HERE, AMNESIA", sync_on_hello_recovering},
                       BURIED},
    [MESSAGE_HERE] = {{"proof; lost group", sync_on_lost_group},
                      ANSWERED,
                      ANSWERED,
                      ANSWERED,
                      {"taken in, recover", sync_on_here_recovering},
                      BURIED},
    [MESSAGE_CLOSE] = {NOTHING,
                       {"CLOSED if SPLIT", sync_on_close},
                       {"CLOSED if SPLIT", sync_on_close},
                       {"CLOSED if SPLIT", sync_on_close},
                       {"CLOSED", sync_on_close},
                       BURIED},
    [MESSAGE_CLOSED] = {NOTHING,
                        NOTHING,
                        {"resolve", sync_on_closed},
                        {"resolve", sync_on_closed},
                        NOTHING,
                        BURIED},
    [MESSAGE_GONE] = {{"TOMBSTONE", sync_on_gone_none},
                      {"clean up", sync_on_gone_standby},
                      {"accepted delete, alarm", sync_on_gone_active},
                      {"alarm", sync_on_gone_alarm},
                      {"alarm", sync_on_gone_alarm},
                      {"not owed any more", sync_on_gone_tombstone}},
    [MESSAGE_AMNESIA] = {NOTHING,
                         NOTHING,
                         {"rejoin, lost epoch", sync_on_amnesia},
                         {"rejoin", sync_on_amnesia},
                         NOTHING,
                         BURIED},
};

const char *sync_receive_cell(enum message_type type, enum sync_role role)
{
    g_assert(type < MESSAGE_TYPES && role < SYNC_ROLES);
    return table[type][role].text;
}

/* "a TOMBSTONE answers GONE to everything". */
err_t *sync_on_tombstone(struct act *a, const struct message *m)
{
    (void)m;
    sync_reply(a, sync_message(a->s, a->c, MESSAGE_GONE, a->s->last));
    return NULL;
}

/* HELLO(nonce, pos) -> HERE(nonce, pos, role, …[, body, history iff pos differs]). */
err_t *sync_on_hello(struct act *a, const struct message *m)
{
    const struct sync_state *s = a->s;
    struct message *here = sync_message(s, a->c, MESSAGE_HERE, s->pos);
    g_strlcpy(here->nonce, m->nonce, sizeof here->nonce);
    if (a->c->observations != NULL)
        here->observations = json_deep_copy(a->c->observations);
    if (strcmp(m->position, s->pos) != 0 && s->body != NULL) {
        here->body = body_ref(s->body);
        here->history = chain_history(s->chain, s->pos);
    }
    sync_reply(a, here);
    return NULL;
}

/* "AMNESIA by RECOVERING s, fresh: nonce of a HELLO of t, beside the HERE". */
err_t *sync_on_hello_recovering(struct act *a, const struct message *m)
{
    struct sync_state *s = a->s;
    a->e->changed |= strcmp(s->peer_nonce, m->nonce) != 0;
    g_strlcpy(s->peer_nonce, m->nonce, sizeof s->peer_nonce);
    struct message *amnesia = sync_message(s, a->c, MESSAGE_AMNESIA, s->pos);
    g_strlcpy(amnesia->nonce, m->nonce, sizeof amnesia->nonce);
    if (!sync_is_empty(s))
        amnesia->history = chain_history(s->chain, s->pos);
    sync_send(a, amnesia);
    return sync_on_hello(a, m);
}

/* ---- the way through ---- */

/* Rows of the pair only, epochs opened by the site of their parity. */
static err_t *check_rows(const struct sync_state *s, const GPtrArray *rows)
{
    for (guint i = 0; i < rows->len; i++) {
        const struct position *p = g_ptr_array_index(rows, i);
        bool pair = strcmp(p->minter, s->site[0]) == 0 || strcmp(p->minter, s->site[1]) == 0;
        bool parity = !position_opens_epoch(p->kind) || MUTANT(EPOCH_PLUS_ONE) ||
                      strcmp(p->minter, s->site[p->epoch % SITES]) == 0;
        if (!pair || !parity)
            return err(SYNC_POSITION,
                       "group %s: position %.12s is by site %s in epoch %" PRId64
                       ", which is not that site's",
                       s->group, p->hash, p->minter, p->epoch);
    }
    return NULL;
}

/*
 * "everything else -> STATE(pos), without body when it equals the position received"; who has
 * become a TOMBSTONE answers GONE.
 */
static void default_reply(struct act *a, const struct message *m)
{
    struct sync_context c = *a->c;
    c.incarnation = sync_incarnation(a);
    bool same = strcmp(m->position, a->s->pos) == 0;
    if (a->e->reply == NULL && a->s->role == ROLE_TOMBSTONE)
        sync_reply(a, sync_message(a->s, &c, MESSAGE_GONE, a->s->last));
    if (a->e->reply == NULL && !a->waiting)
        sync_reply(a, sync_message_state(a->s, &c, !same));
}

static err_t *handle(struct act *a, const struct message *m)
{
    const struct cell *cell = &table[m->type][a->s->role];
    if (m->history != NULL && a->s->role != ROLE_TOMBSTONE) {
        TRY(check_rows(a->s, m->history));
        TRY(chain_merge(a->s->chain, m->history));
    }
    if (cell->handle != NULL)
        TRY(cell->handle(a, m));
    default_reply(a, m);
    return NULL;
}

err_t *sync_receive(struct sync_state *state, const struct message *m,
                    const struct sync_context *context, struct sync_effects *ret)
{
    struct act a = {.s = state, .c = context, .e = ret};
    size_t rows = chain_count(state->chain);
    TRY(message_check_address(m, sync_self(state), sync_peer(state), state->group));
    err_t *e = handle(&a, m);
    if (e != NULL || !ret->changed)
        chain_rollback(state->chain, rows);
    if (e != NULL) {
        sync_effects_fini(ret);
        sync_effects_init(ret);
        return e;
    }
    return ret->changed ? sync_done(&a) : NULL;
}
