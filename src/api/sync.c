/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync - the protocol over REST: the challenge, the outbox, the inbox, and what is shown of it.
 */
#include "api/change.h"
#include "api/resources.h"
#include "api/view.h"

#include "model/sync.h"
#include "store/peer.h"
#include "store/sync.h"
#include "store/sync_log.h"

#define OUTBOX_GROUPS_MAX 200

/* Ids only: a group that is unknown here has no name. */
static err_t *group_id_of(struct request *r, char **ret)
{
    AUTO(group_row) g = NULL;
    const char *text = r->params[0];

    if (g_str_has_prefix(text, "pg-") && uuid_valid(text + 3)) {
        *ret = g_strdup(text);
        return NULL;
    }
    TRY(change_group(r, &g));
    *ret = g_strdup(g->id);
    return NULL;
}

/* Who may carry for every project is not asked for his own. */
static const char *carrier_project(const struct request *r)
{
    g_autoptr(err_t) no = request_allowed(r, "protector:sync:carry", r->project);

    return no == NULL ? NULL : r->project;
}

/* The other site of the token's project, for a group that is unknown here. */
static err_t *hello_peer(struct request *r, const char *id, char **ret)
{
    AUTO(group_row) g = NULL;
    const char *named = json_str(r->body, "peer_site_id");
    AUTO(site) site = NULL;

    TRY(group_find(r->db, id, &g));
    if (g != NULL) {
        *ret = g_strdup(g->peer_site_id);
        return NULL;
    }
    if (named == NULL)
        return err(BAD_REQUEST, "'peer_site_id' is needed for a group that is not known here");
    TRY(site_resolve(r->db, named, &site));
    *ret = g_strdup(site->id);
    return NULL;
}

static const struct field hello_fields[] = {
    {"peer_site_id", FIELD_TEXT, false, 1, 255, NULL},
    {0},
};
const struct body_spec sync_hello_bodies[] = {
    {"", hello_fields, false, "{}"},
    {0},
};

err_t *sync_hello_handler(struct request *r)
{
    g_autofree char *id = NULL;
    g_autofree char *peer = NULL;
    json_t *message = NULL;

    TRY(group_id_of(r, &id));
    TRY(hello_peer(r, id, &peer));
    TRY(exchange_hello(r->o->exchange, r->db, r->project, id, peer, &message));
    reply_json(r, 200, json_pack("{s:o}", "message", message));
    return NULL;
}

/* A group that recovers asks for more than carrying: for challenges in both directions. */
static void recovering_add(json_t *list, const struct group_row *g)
{
    if (g != NULL && g_str_equal(g->role, "RECOVERING"))
        json_array_append_new(list, json_string(g->id));
}

err_t *sync_outbox_handler(struct request *r)
{
    AUTO(group_row) g = NULL;
    AUTO(group_row) after = NULL;
    g_autofree char *id = NULL;
    g_autoptr(json_t) recovering = json_array();
    json_t *messages = NULL;

    TRY(group_id_of(r, &id));
    TRY(group_find(r->db, id, &g));
    if (g == NULL || (!g_str_equal(g->project_id, r->project) && carrier_project(r) != NULL))
        return err(GROUP_NOT_FOUND, "protection group '%s' is not known in this project", id);
    TRY(exchange_outbox(r->o->exchange, r->db, id, &messages));
    size_t count = json_array_size(messages);
    err_t *e = group_find(r->db, id, &after);
    if (e != NULL) {
        json_decref(messages);
        return e;
    }
    recovering_add(recovering, after);
    bool known = after != NULL && !g_str_equal(after->role, "NONE");
    reply_json(r, 200,
               json_pack("{s:o, s:I, s:O, s:b}", "messages", messages, "count", (json_int_t)count,
                         "recovering", recovering, "known", known));
    return NULL;
}

err_t *sync_project_outbox_handler(struct request *r)
{
    g_autoptr(GPtrArray) ids = NULL;
    g_autoptr(json_t) list = json_array();
    g_autoptr(json_t) recovering = json_array();
    const char *marker = request_query(r, "marker");

    TRY(group_list_outbox(r->db, r->project, marker, OUTBOX_GROUPS_MAX, &ids));
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(json_t) messages = NULL;
        AUTO(group_row) g = NULL;
        TRY(exchange_outbox(r->o->exchange, r->db, g_ptr_array_index(ids, i), &messages));
        TRY(group_find(r->db, g_ptr_array_index(ids, i), &g));
        recovering_add(recovering, g);
        json_array_extend(list, messages);
    }
    reply_json(r, 200,
               json_pack("{s:O, s:b, s:O}", "messages", list, "more", ids->len == OUTBOX_GROUPS_MAX,
                         "recovering", recovering));
    return NULL;
}

/* What is in it, the protocol checks. */
const struct body_spec sync_inbox_bodies[] = {
    {"message", NULL, true,
     "{\"payload\": \"…\", \"signature\": {\"key_id\": \"…\", \"signature\": \"…\"}}"},
    {0},
};

err_t *sync_inbox_handler(struct request *r)
{
    g_autofree char *id = NULL;
    g_autofree char *op = NULL;
    g_autoptr(json_t) reply = NULL;

    TRY(group_id_of(r, &id));
    TRY(exchange_receive(r->o->exchange, r->db, carrier_project(r), id, r->in, &reply, &op));
    request_ring(r);
    if (op != NULL)
        return reply_operation(r, op, NULL);
    reply_json(r, 200, json_pack("{s:O?}", "reply", reply));
    return NULL;
}

static const struct field resolve_fields[] = {
    {"keep", FIELD_TEXT, true, 1, 255, NULL},
    {"reason", FIELD_TEXT, true, 1, 1024, NULL},
    {0},
};
const struct body_spec sync_resolve_bodies[] = {
    {"resolve", resolve_fields, true,
     "{\"keep\": \"site-b\", \"reason\": \"its servers took the orders\"}"},
    {0},
};

err_t *sync_resolve_handler(struct request *r)
{
    const json_t *in = r->in;
    AUTO(group_row) g = NULL;
    AUTO(site) keep = NULL;

    TRY(change_group(r, &g));
    TRY(site_resolve(r->db, json_str_or(in, "keep", ""), &keep));
    if (!keep->is_local)
        return err_detail(err(CONFLICT, "a group is resolved at the site that is kept, '%s'",
                              keep->name),
                          "see_other", keep->id);
    TRY(change_allowed(r, g, VERB_SYNC_RESOLVE));
    TRY(exchange_resolve(r->o->exchange, r->db, g->id, r->auth->user_id,
                         json_str_or(in, "reason", "")));
    TRY(request_audit(r, "protection_group.resolve", g->id));
    return sync_show(r);
}

err_t *sync_log_handler(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autoptr(GPtrArray) rows = NULL;
    const char *limit = request_query(r, "limit");
    guint64 count = 100;

    if (limit != NULL && !g_ascii_string_to_unsigned(limit, 10, 1, 1000, &count, NULL))
        return err(BAD_REQUEST, "'limit' must be 1 to 1000, not '%s'", limit);
    TRY(change_group(r, &g));
    TRY(sync_log_list(r->db, g->id, 0, (int)count, &rows));
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++) {
        const struct sync_log_entry *e = g_ptr_array_index(rows, i);
        json_t *out = json_object();
        view_time(out, "at", e->created_at_ms);
        json_set_str(out, "event", e->event);
        json_set_int(out, "epoch", e->epoch);
        json_set_int(out, "version", e->version);
        json_set_str(out, "position", e->position);
        json_set_str(out, "message", e->message);
        json_array_append_new(list, out);
    }
    reply_json(r, 200, json_pack("{s:o}", "sync_log", list));
    return NULL;
}

static json_t *sync_view(const struct sync_state *s, const struct group_row *g,
                         const struct peer_state *peer, const struct site_names *names)
{
    json_t *out = json_object();

    json_set_str(out, "group_id", g->id);
    json_set_str(out, "role", sync_role_text(s->role));
    json_set_int(out, "version", sync_version(s));
    json_set_int(out, "epoch", sync_epoch(s));
    json_set_str(out, "position", s->pos);
    json_set_str(out, "status", sync_status_text(sync_status(s, true)));
    json_set_str(out, "current_site", site_names_get(names, sync_active(s)));
    json_set_str(out, "peer_site", site_names_get(names, sync_peer(s)));
    json_set_str(out, "peer_site_id", sync_peer(s));
    json_set_bool(out, "owed", sync_owed(s));
    json_set_bool(out, "split", s->split);
    json_set_str(out, "staged", s->staged.kind != STAGED_NONE ? s->staged.operation : NULL);
    json_set_bool(out, "staged_signed", s->staged.kind == STAGED_PROPOSAL);
    json_set_str(out, "rival", *s->rival ? s->rival : NULL);
    json_set_int(out, "outbox", (int64_t)sync_outbox_count(s));
    json_set_str(out, "known_peer", s->known_peer);
    json_set_int(out, "known_peer_version", chain_version(s->chain, s->known_peer));
    json_set_int(out, "known_peer_epoch", chain_epoch(s->chain, s->known_peer));
    view_time(out, "synced_at", peer != NULL ? peer->synced_at_ms : 0);
    view_time(out, "proven_at", peer != NULL ? peer->proven_at_ms : 0);
    json_set(out, "observations", peer != NULL ? json_incref(peer->observations) : NULL);
    return out;
}

err_t *sync_show(struct request *r)
{
    AUTO(group_row) g = NULL;
    AUTO(site_names) names = NULL;
    AUTO(peer_state) peer = NULL;
    struct sync_state state;
    int64_t modified_ms = 0;
    bool found = false;

    TRY(change_group(r, &g));
    TRY(site_names_read(r->db, &names));
    TRY(peer_state_find(r->db, g->id, &peer));
    TRY(store_position_time(r->db, g->id, g->position != NULL ? g->position : "", &modified_ms));
    TRY(store_sync_load(r->db, g->id, &state, &found));
    g_assert(found);
    json_t *out = sync_view(&state, g, peer, names);
    view_time(out, "last_modified", modified_ms);
    view_time(out, "now", r->now_ms);
    sync_state_fini(&state);
    reply_json(r, 200, json_pack("{s:o}", "sync", out));
    return NULL;
}
