/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demote - the one message that is never carried unasked: a newer epoch for a site that is still
 * active, which makes it stop and lock its servers of the group.
 *
 * A site follows a position that covers its own; it then stands in the position's history, or was
 * given up there.  Where neither covers the other the two have diverged: that is told at once, as
 * nothing is stopped by it.
 */
#include "client/client_internal.h"

#include "model/message.h"

#include <string.h>

#define SERVERS_NONE "(none is seen running)"
#define LOOK_MS      10000 /* the site's engine is given so long to see which servers run */

/* ---- the message ---- */

/* 'hash' stands in the history, or among what was given up on its way. */
static bool covered(const GPtrArray *history, const char *hash)
{
    for (guint i = 0; history != NULL && i < history->len; i++) {
        const struct position *p = g_ptr_array_index(history, i);
        if (strcmp(p->hash, hash) == 0)
            return true;
        for (size_t k = 0; k < p->drop_count; k++) {
            if (strcmp(p->drop[k], hash) == 0)
                return true;
        }
    }
    return false;
}

static err_t *sync_at(struct end *end, const char *pg_id, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    *ret = NULL;
    err_t *e = end_get(end, &reply, "protection-groups/%s/sync", pg_id);
    if (e != NULL && err_http_status(e) == 404) { /* a group that is unknown there runs nothing */
        err_free(e);
        return NULL;
    }
    if (e == NULL)
        *ret = json_incref(json_obj(reply, "sync"));
    return e;
}

/* The sender has taken 'to' in: what it tells makes that site its standby. */
static bool takes_in(const struct message *m)
{
    bool found = false;

    for (guint i = 0; i < m->history->len; i++) {
        const struct position *p = g_ptr_array_index(m->history, i);
        found = found || (p->kind == POSITION_REJOIN && p->rejoined[0] != '\0' &&
                          strcmp(p->minter, m->from) == 0);
    }
    return m->type == MESSAGE_HERE && found;
}

/* A site whose database was restored may run servers that it does not know to be its own. */
static err_t *recovering_runs(struct end *to, const char *pg_id, const struct message *m, bool *ret)
{
    g_autofree char *servers = NULL;

    *ret = false;
    if (!takes_in(m))
        return NULL;
    TRY(servers_of(to, pg_id, &servers));
    *ret = !g_str_equal(servers, SERVERS_NONE);
    return NULL;
}

err_t *would_demote(struct end *to, const char *pg_id, const json_t *message, bool *ret)
{
    AUTO(message) m = NULL;
    g_autoptr(json_t) sync = NULL;

    *ret = false;
    g_autoptr(err_t) bad = message_decode(message, NULL, NULL, &m);
    if (bad != NULL || (m->type != MESSAGE_STATE && m->type != MESSAGE_HERE) || m->history == NULL)
        return NULL; /* the site refuses it, or cannot follow it */
    TRY(sync_at(to, pg_id, &sync));
    if (g_strcmp0(json_str(sync, "role"), "RECOVERING") == 0)
        return recovering_runs(to, pg_id, m, ret);
    *ret = g_strcmp0(json_str(sync, "role"), "ACTIVE") == 0 &&
           m->epoch > json_int(sync, "epoch", 0) && strcmp(message_row(m)->minter, m->to) != 0 &&
           covered(m->history, json_str_or(sync, "position", ""));
    return NULL;
}

/* ---- the servers ---- */

/* What the site's own engine sees now: rows of its members; NULL if it does not tell in time. */
static json_t *servers_look(struct end *end, const char *pg_id)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s/action", pg_id);
    g_autoptr(json_t) body = json_pack("{s:{}}", "look");
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;
    struct ask ask = {.method = "POST", .path = path, .body = body};

    client_deadline(end->client, LOOK_MS);
    g_autoptr(err_t) e = end_ask(end, &ask, &reply, NULL);
    if (e == NULL)
        e = follow(end, json_str_or(json_obj(reply, "operation"), "id", ""), NULL, &op);
    client_deadline(end->client, 0);
    return e == NULL ? json_incref(json_arr(json_obj(op, "result"), "servers")) : NULL;
}

/* Of one member: "web-1", "web-1 (not known whether it runs)", or nothing if it does not run. */
static void server_name(GString *t, const json_t *member, const json_t *seen)
{
    const char *id = json_str_or(member, "id", "");
    const json_t *row = NULL;
    size_t i;
    json_t *one;

    json_array_foreach((json_t *)seen, i, one)
    {
        if (g_strcmp0(json_str(one, "id"), id) == 0)
            row = one;
    }
    bool known = row != NULL && json_is_boolean(json_object_get(row, "runs"));
    if (known && !json_bool(row, "runs", false))
        return;
    g_string_append_printf(t, "%s%s%s", t->len > 0 ? ", " : "",
                           json_str_or(member, "instance_name",
                                       json_str_or(member, "instance_id", "")),
                           known ? "" : " (not known whether it runs)");
}

err_t *servers_of(struct end *end, const char *pg_id, char **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) seen = servers_look(end, pg_id);
    g_autoptr(GString) t = g_string_new(NULL);
    size_t i;
    json_t *m;

    TRY(end_get(end, &reply, "protection-groups/%s/members?limit=1000", pg_id));
    json_array_foreach(json_arr(reply, "members"), i, m)
    {
        if (json_bool(m, "in_metadata", true))
            server_name(t, m, seen);
    }
    *ret = g_strdup(t->len > 0 ? t->str : SERVERS_NONE);
    return NULL;
}

err_t *held_error(const struct pair *pair, const struct carrying *how)
{
    g_autofree char *servers = NULL;
    const char *behind = pair_end_name(pair, how->held_at);
    const char *ahead = how->held_at == pair->peer ? pair->local_name : pair->peer_name;

    TRY(servers_of(how->held_at, pair_id(pair), &servers));
    return err_remedy(err(WOULD_DEMOTE,
                          "'%s' is active at %s, and %s, which is behind, still runs its servers "
                          "%s: nothing can be changed until it has followed",
                          pair_name(pair), ahead, behind, servers),
                      "stop them and let it follow: protector protection-group sync-force %s "
                      "(it asks first)",
                      pair_name(pair));
}

err_t *demotion_confirm(struct call *call, const struct pair *pair, struct end *behind)
{
    g_autofree char *servers = NULL;
    const char *name = pair_end_name(pair, behind);

    if (arg_flag(call, "yes"))
        return NULL;
    TRY(servers_of(behind, pair_id(pair), &servers));
    g_autofree char *question =
        g_strdup_printf("%s is behind and active: its servers %s will be stopped and locked "
                        "(nothing is deleted). Go on? (yes/no) ",
                        name, servers);
    char *answer = call->c->o.ask != NULL ? call->c->o.ask(call->c->o.data, question, 0) : NULL;
    if (answer == NULL)
        return err(CLIENT_USAGE,
                   "%s is behind and active: its servers %s would be stopped and locked (nothing "
                   "is deleted): confirm with --yes",
                   name, servers);
    bool yes = answer_is_yes(answer);
    free(answer);
    return yes ? NULL : err(CLIENT_USAGE, "nothing was stopped: %s runs its servers on", name);
}
