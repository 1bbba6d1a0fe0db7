/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_log - the ordinary life of the metadata as rows of the log: what was proposed, stored
 * and carried.  They are read off the state before and after the transaction that made it so.
 * Refusals, forks and what was lost are the model's own entries (orders.c).
 *
 * Kept: the last SYNC_LOG_ROUTINE_MAX of a group, without bundles; the others stay for ever.
 */
#include "store/orders.h"
#include "store/sync.h"
#include "store/sync_log.h"

#include <string.h>

static err_t *routine_row(struct exchange_tx *tx, const char *event, const char *hash,
                          int64_t epoch, int64_t version, const char *text)
{
    struct sync_log_entry row = {
        .pg_id = tx->state->group,
        .event = (char *)event,
        .position = (char *)hash,
        .epoch = epoch,
        .version = version,
        .message = (char *)text,
        .bundle = (char *)"", /* none: a routine row names its position only */
        .created_at_ms = tx->now_ms,
    };

    return sync_log_add(tx->db, &row);
}

static bool proposes(const struct sync_state *s)
{
    return s->staged.kind == STAGED_PROPOSAL;
}

static err_t *log_proposed(struct exchange_tx *tx, const struct sync_state *before, bool *ret)
{
    const struct sync_state *s = tx->state;

    if (!proposes(s) || proposes(before)) /* no action replaces a proposal by another */
        return NULL;
    const struct position *p = s->staged.position;
    g_autofree char *text =
        g_strdup_printf("version %" G_GINT64_FORMAT
                        " is signed and waits for the other site (operation %s)",
                        p->version, s->staged.operation);
    *ret = true;
    return routine_row(tx, "proposed", p->hash, p->epoch, p->version, text);
}

static err_t *log_accepted(struct exchange_tx *tx, const struct sync_state *before, bool *ret)
{
    const struct sync_state *s = tx->state;
    bool own = proposes(before) && strcmp(before->staged.position->hash, s->pos) == 0;

    if (strcmp(before->pos, s->pos) == 0 || (!own && s->role != ROLE_STANDBY))
        return NULL;
    g_autofree char *text =
        own ? g_strdup_printf("version %" G_GINT64_FORMAT
                              " is stored at the other site: done (operation %s)",
                              sync_version(s), before->staged.operation)
            : g_strdup_printf("version %" G_GINT64_FORMAT " of the other site is stored here",
                              sync_version(s));
    *ret = true;
    return routine_row(tx, "accepted", s->pos, sync_epoch(s), sync_version(s), text);
}

/* What was owed has arrived. */
static err_t *log_carried(struct exchange_tx *tx, const struct sync_state *before, bool *ret)
{
    const struct sync_state *s = tx->state;

    if (*s->pos == '\0' || strcmp(before->pos, s->pos) != 0 ||
        strcmp(before->known_peer, s->pos) == 0 || strcmp(s->known_peer, s->pos) != 0)
        return NULL;
    g_autofree char *text =
        g_strdup_printf("version %" G_GINT64_FORMAT " was carried: the other site holds it",
                        sync_version(s));
    *ret = true;
    return routine_row(tx, "carried", s->pos, sync_epoch(s), sync_version(s), text);
}

err_t *exchange_log_routine(struct exchange_tx *tx, const struct sync_state *before)
{
    bool logged = false;

    TRY(log_proposed(tx, before, &logged));
    TRY(log_accepted(tx, before, &logged));
    TRY(log_carried(tx, before, &logged));
    return logged ? sync_log_prune(tx->db, tx->state->group) : NULL;
}
