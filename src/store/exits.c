/* SPDX-License-Identifier: Apache-2.0 */
/* exits - see exits.h. */
#include "store/exits.h"

#include "store/group.h"
#include "store/judge.h"
#include "store/operation.h"

#include <string.h>

#define PAGE 200

/* ---- inside the transaction ---- */

/* The verb as it is allowed now; the API asked before, and the group may have moved since. */
static err_t *allowed(struct exchange_tx *tx, enum verb verb)
{
    AUTO(group_row) row = NULL;
    struct group_local local;
    struct group_view view;

    TRY(group_find(tx->db, tx->state->group, &row));
    TRY(group_local_read(tx->db, tx->state->group, &local));
    group_view_init(&view, tx->state, &local);
    return verb_check(verb, &view, row != NULL ? row->name : tx->state->group);
}

/* Of what runs here only looks and what never ends go along; of the slot the model judges. */
static err_t *nothing_else_runs(struct exchange_tx *tx)
{
    g_autoptr(GPtrArray) open = NULL;

    TRY(operation_list_open(tx->db, tx->state->group, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->id, tx->state->staged.operation) ||
            operation_type_looks(op->operation_type) || operation_type_endless(op->operation_type))
            continue;
        err_t *e = err(OPERATION_IN_PROGRESS, "operation '%s' (%s) of this group has not ended",
                       op->id, op->operation_type);
        return err_remedy(err_detail(e, "operation", op->id),
                          "wait for it, or end it: protector operation cancel %s, or abandon",
                          op->id);
    }
    return NULL;
}

/* The body that is committed where no delete was staged. */
static err_t *deleting_body(const struct exchange_tx *tx, struct body **ret)
{
    json_t *draft = sync_draft(tx->state);

    *ret = NULL;
    if (draft == NULL)
        return NULL;
    err_t *e = body_delete(draft);
    if (e != NULL) {
        json_decref(draft);
        return e;
    }
    body_touch(draft, tx->now_ms);
    return body_seal(draft, ret);
}

/* Its settle is under way; a RECOVERING site has none. */
static bool ends_by_itself(const struct sync_state *s)
{
    return sync_leaving(s) && (s->role == ROLE_ACTIVE || s->role == ROLE_STANDBY);
}

/* What replicates here may be all that is left of the servers: that is given up by force only. */
static err_t *standby_check(const struct exchange_tx *tx, const struct exit_word *word)
{
    const struct sync_state *s = tx->state;

    if (s->role != ROLE_STANDBY || word->force || s->body == NULL ||
        body_policy(body_json(s->body)) == NULL)
        return NULL;
    return err_remedy(err(GROUP_NOT_ACTIVE,
                          "group '%s' is standby at this site: its servers may still be made of a "
                          "recovery point",
                          body_name(body_json(s->body))),
                      "make it active here: protector protection-group failover %s --unplanned; or "
                      "repeat with --force to give up what was replicated",
                      body_name(body_json(s->body)));
}

static err_t *delete_alone_fn(struct exchange_tx *tx)
{
    const struct exit_word *word = tx->data;
    AUTO(body) body = NULL;

    if (ends_by_itself(tx->state)) /* repeated */
        return NULL;
    TRY(allowed(tx, VERB_DELETE_PEER_GONE));
    TRY(standby_check(tx, word));
    TRY(judge_held(tx->db, tx->state->group));
    TRY(nothing_else_runs(tx));
    if (!sync_deleting(tx->state) && tx->state->role == ROLE_ACTIVE)
        TRY(deleting_body(tx, &body));
    err_t *e =
        sync_delete_alone(tx->state, &tx->context, body, word->who, word->reason, tx->effects);
    return e != NULL && err_is(e, ERR_SYNC_STAGED)
               ? err_remedy(e, "take the group out of that change first: protector "
                               "protection-group failover PG --unplanned at this site")
               : e;
}

static err_t *unprotect_fn(struct exchange_tx *tx)
{
    const struct exit_word *word = tx->data;

    TRY(allowed(tx, VERB_UNPROTECT));
    return sync_unprotect(tx->state, &tx->context, word->who, word->reason, tx->effects);
}

static err_t *delete_unprotected_fn(struct exchange_tx *tx)
{
    if (tx->state->leaving) /* repeated */
        return NULL;
    TRY(allowed(tx, VERB_DELETE_UNPROTECTED));
    TRY(judge_held(tx->db, tx->state->group));
    return sync_delete_unprotected(tx->state, &tx->context, tx->data, tx->effects);
}

/* ---- one group ---- */

/* The operation that takes this site's part away; NULL when it has ended already. */
static err_t *settle_of(struct db *db, const char *pg_id, char **ret)
{
    g_autoptr(GPtrArray) open = NULL;

    if (ret == NULL)
        return NULL;
    *ret = NULL;
    TRY(operation_list_open(db, pg_id, &open));
    for (guint i = open->len; i > 0 && *ret == NULL; i--) {
        const struct operation *op = g_ptr_array_index(open, i - 1);
        if (g_str_equal(op->operation_type, "settle"))
            *ret = g_strdup(op->id);
    }
    return NULL;
}

err_t *exit_delete_alone(const struct exchange *x, struct db *db, const char *pg_id,
                         const struct exit_word *word, char **ret_op)
{
    struct exchange_call call = {.pg_id = pg_id, .fn = delete_alone_fn, .data = (void *)word};

    TRY(exchange_act(x, db, &call, NULL));
    return settle_of(db, pg_id, ret_op);
}

err_t *exit_unprotect(const struct exchange *x, struct db *db, const char *pg_id,
                      const struct exit_word *word)
{
    struct exchange_call call = {.pg_id = pg_id, .fn = unprotect_fn, .data = (void *)word};

    return exchange_act(x, db, &call, NULL);
}

err_t *exit_delete_unprotected(const struct exchange *x, struct db *db, const char *pg_id,
                               const char *who, char **ret_op)
{
    struct exchange_call call = {.pg_id = pg_id, .fn = delete_unprotected_fn, .data = (void *)who};

    TRY(exchange_act(x, db, &call, NULL));
    return settle_of(db, pg_id, ret_op);
}

/* ---- a whole site ---- */

enum way {
    WAY_NONE,     /* its end is under way: its own 'settle' takes its part away */
    WAY_WITHDRAW, /* the peer never accepted it */
    WAY_DELETE,   /* a delete that nobody will answer */
    WAY_UNPROTECT,
    WAY_BLOCKED, /* it must be made active here first */
};

static bool may(enum verb verb, const struct group_view *view)
{
    g_autoptr(err_t) e = verb_check(verb, view, "");

    return e == NULL;
}

static enum way way_of(const struct group_view *view)
{
    bool ending = view->role == ROLE_RECOVERING ? view->peer_gone : !view->staged;

    if (view->deleting && (view->role == ROLE_STANDBY || ending))
        return WAY_NONE;
    if (view->empty && may(VERB_WITHDRAW, view))
        return WAY_WITHDRAW;
    bool nothing_here = view->role == ROLE_STANDBY && !view->policy; /* no failover of it can be */
    if ((view->deleting || nothing_here) && may(VERB_DELETE_PEER_GONE, view))
        return WAY_DELETE;
    return may(VERB_UNPROTECT, view) ? WAY_UNPROTECT : WAY_BLOCKED;
}

static err_t *view_read(struct db *db, const char *id, struct group_row **ret_row,
                        struct group_view *ret)
{
    struct group_local local;

    TRY(group_find(db, id, ret_row));
    if (*ret_row == NULL)
        return err(GROUP_NOT_FOUND, "protection group '%s' is not known any more", id);
    TRY(group_local_read(db, id, &local));
    group_view_of(*ret_row, &local, ret);
    return NULL;
}

static json_t *group_said(const struct group_row *row)
{
    json_t *out = json_object();

    json_set_str(out, "id", row->id);
    json_set_str(out, "name", row->name);
    json_set_str(out, "project_id", row->project_id);
    return out;
}

/* Every group of the site, page by page, until one says that it is enough. */
struct walk {
    struct db *db;
    const char *site_id;
    err_t *(*each)(struct walk *walk, const char *id);
    json_t *list; /* out */
    bool enough;
    const struct exchange *exchange;
    const struct exit_word *word;
    size_t limit;
};

static err_t *walk_groups(struct walk *w)
{
    g_autofree char *marker = NULL;
    guint count = PAGE;

    w->list = json_array();
    while (count == PAGE && !w->enough) {
        g_autoptr(GPtrArray) ids = NULL;
        TRY(group_list_of_peer(w->db, w->site_id, marker, PAGE, &ids));
        count = ids->len;
        for (guint i = 0; i < count && !w->enough; i++)
            TRY(w->each(w, g_ptr_array_index(ids, i)));
        g_free(marker);
        marker = count > 0 ? g_strdup(g_ptr_array_index(ids, count - 1)) : NULL;
    }
    return NULL;
}

static err_t *blocker_add(struct walk *w, const char *id)
{
    AUTO(group_row) row = NULL;
    struct group_view view;

    TRY(view_read(w->db, id, &row, &view));
    if (way_of(&view) != WAY_BLOCKED)
        return NULL;
    g_autoptr(err_t) why = verb_check(VERB_UNPROTECT, &view, row->name);
    json_t *out = group_said(row);
    json_set_str(out, "status", row->status);
    json_set_str(out, "role", row->role);
    json_set_str(out, "reason", err_message(why));
    json_array_append_new(w->list, out);
    return NULL;
}

err_t *exit_site_blockers(struct db *db, const char *site_id, json_t **ret)
{
    struct walk w = {.db = db, .site_id = site_id, .each = blocker_add};

    err_t *e = walk_groups(&w);
    if (e != NULL)
        json_decref(w.list);
    else
        *ret = w.list;
    return e;
}

/* Goes a group's way; what was done of it in one word, NULL: nothing. */
static err_t *way_go(const struct walk *w, const char *id, enum way way, const char **ret_did)
{
    *ret_did = NULL;
    switch (way) {
    case WAY_WITHDRAW:
        *ret_did = "withdrawn";
        return exchange_withdraw(w->exchange, w->db, id);
    case WAY_DELETE:
        *ret_did = "deleted";
        return exit_delete_alone(w->exchange, w->db, id, w->word, NULL);
    case WAY_UNPROTECT:
        *ret_did = "unprotected";
        return exit_unprotect(w->exchange, w->db, id, w->word);
    case WAY_NONE:
    case WAY_BLOCKED:
        return NULL;
    }
    g_assert_not_reached();
}

static err_t *group_end(struct walk *w, const char *id)
{
    AUTO(group_row) row = NULL;
    struct group_view view;
    const char *did = NULL;

    TRY(view_read(w->db, id, &row, &view));
    err_t *e = way_go(w, id, way_of(&view), &did);
    if (e != NULL)
        return err_wrap(e, "group '%s' (%s) could not be given up", row->name, id);
    if (did == NULL)
        return NULL;
    json_t *out = group_said(row);
    json_set_str(out, "did", did);
    json_array_append_new(w->list, out);
    w->enough = json_array_size(w->list) >= w->limit;
    return NULL;
}

err_t *exit_site_groups(const struct exchange *x, struct db *db, const char *site_id,
                        const struct exit_word *word, int limit, json_t **ret, bool *ret_more)
{
    struct walk w = {.db = db,
                     .site_id = site_id,
                     .each = group_end,
                     .exchange = x,
                     .word = word,
                     .limit = (size_t)limit};

    err_t *e = walk_groups(&w);
    *ret = w.list;
    *ret_more = w.enough;
    return e;
}
