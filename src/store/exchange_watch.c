/* SPDX-License-Identifier: Apache-2.0 */
/* exchange_watch - see exchange_watch.h. */
#include "store/exchange_watch.h"

#include "store/group.h"
#include "store/operation.h"
#include "store/orders.h"

/* ---- who is watched ---- */

void watched_group_destroy(void *group)
{
    struct watched_group *g = group;

    g_free(g->id);
    g_free(g->peer);
    g_free(g->peer_project);
    g_free(g->peer_array);
    g_free(g);
}

static struct watched_group *watched_read(const struct db_rows *rows, size_t i)
{
    struct watched_group *g = g_new0(struct watched_group, 1);
    bool ours_first = g_strcmp0(db_str(rows, i, 1), db_str(rows, i, 3)) != 0;

    g->id = g_strdup(db_str(rows, i, 0));
    g->peer = g_strdup(db_str(rows, i, 1));
    g->peer_project = g_strdup(db_str(rows, i, 2));
    g->peer_array = g_strdup(db_str(rows, i, ours_first ? 5 : 4));
    g->epoch = db_int(rows, i, 6);
    return g;
}

err_t *watched_group_list(struct db *db, const char *marker, int limit, GPtrArray **ret)
{
    static const char sql[] =
        "SELECT g.id, g.peer_site_id, g.peer_project_id, g.primary_site_id, p.primary_fa_url,"
        " p.secondary_fa_url, g.epoch FROM protection_groups g LEFT JOIN replication_policies p"
        " ON p.pg_id = g.id WHERE g.role = 'ACTIVE' AND (g.flags & ?) = 0 AND g.id > ?"
        " ORDER BY g.id LIMIT ?";
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows, sql, "isi", (int64_t)(GROUP_FLAG_SPLIT | GROUP_FLAG_EMPTY),
                 marker != NULL ? marker : "", (int64_t)limit));
    *ret = g_ptr_array_new_with_free_func(watched_group_destroy);
    for (size_t i = 0; i < db_rows_count(rows); i++)
        g_ptr_array_add(*ret, watched_read(rows, i));
    return NULL;
}

/* ---- what was seen ---- */

struct sighting {
    const struct exchange_sighting *seen;
    bool news; /* out */
};

/* What has claimed boots nothing more; what a person forces here and has not claimed goes on. */
static err_t *claimed_end(struct exchange_tx *tx)
{
    g_autoptr(GPtrArray) open = NULL;

    TRY(operation_list_open(tx->db, tx->state->group, &open));
    for (guint i = 0; i < open->len; i++) {
        struct operation *op = g_ptr_array_index(open, i);
        if (op->past_pivot)
            TRY(orders_unwind(tx->db, op, "superseded", "the peer was seen in a newer epoch",
                              tx->now_ms));
    }
    return NULL;
}

static bool is_stop_at(const struct operation *op, const char *position)
{
    return g_str_equal(op->operation_type, WATCH_STOP) &&
           g_strcmp0(json_str(op->params, "position"), position) == 0;
}

/* Whether the servers were, or are being, stopped since this site came to its position. */
static err_t *stop_known(struct exchange_tx *tx, bool *ret)
{
    g_autoptr(GPtrArray) open = NULL;
    AUTO(operation) last = NULL;

    TRY(operation_find_last(tx->db, tx->state->group, WATCH_STOP, &last));
    TRY(operation_list_open(tx->db, tx->state->group, &open));
    *ret = last != NULL && is_stop_at(last, tx->state->pos);
    for (guint i = 0; i < open->len; i++)
        *ret = *ret || is_stop_at(g_ptr_array_index(open, i), tx->state->pos);
    return NULL;
}

static err_t *stop_start(struct exchange_tx *tx, int64_t epoch)
{
    AUTO(operation) op = operation_create();
    AUTO(group_row) row = NULL;
    bool known = false;

    TRY(stop_known(tx, &known));
    if (known)
        return NULL;
    TRY(group_find(tx->db, tx->state->group, &row));
    op->id = env_id(tx->exchange->env, "op-");
    op->pg_id = g_strdup(tx->state->group);
    op->project_id = g_strdup(row->project_id);
    op->operation_type = g_strdup(WATCH_STOP);
    op->runbook = g_strdup(WATCH_STOP);
    op->runbook_version = 1;
    op->hidden = true;
    op->executing_site_id = g_strdup(sync_self(tx->state));
    op->source_site_id = g_strdup(sync_self(tx->state));
    op->target_site_id = g_strdup(sync_peer(tx->state));
    op->params = json_object();
    json_set_str(op->params, "position", tx->state->pos);
    json_set_int(op->params, "epoch", epoch);
    op->created_at_ms = tx->now_ms;
    return operation_insert(tx->db, op);
}

static err_t *superseded_fn(struct exchange_tx *tx)
{
    struct sighting *s = tx->data;
    bool before = tx->state->superseded;

    TRY(sync_superseded(tx->state, s->seen->epoch, tx->effects));
    s->news = tx->state->superseded && !before;
    if (s->news)
        TRY(claimed_end(tx));
    return tx->state->superseded && s->seen->stop ? stop_start(tx, s->seen->epoch) : NULL;
}

err_t *exchange_superseded(const struct exchange *x, struct db *db, const char *pg_id,
                           const struct exchange_sighting *seen, bool *ret_news)
{
    struct sighting s = {.seen = seen};
    struct exchange_call call = {.pg_id = pg_id, .fn = superseded_fn, .data = &s};

    TRY(exchange_act(x, db, &call, NULL));
    *ret_news = s.news;
    return NULL;
}
