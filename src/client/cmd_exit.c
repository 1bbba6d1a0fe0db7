/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_exit - the ways out when the other site is gone for ever: delete --peer-is-gone, unprotect,
 * site decommission.  Each says what it sees of that site and what will happen, and asks.
 *
 * Neighbours: cmd_group.c (the delete with both sites), cmd_site.c, look.c.
 */
#include "client/client_internal.h"

#include <stdlib.h>

#define GROUP_COLUMNS                                                                              \
    "id name status primary_site secondary_site current_primary_site role member_count updated_at"
#define DONE_LIST "id=ID|name=Name|project_id=Project|did=Done"

err_t *confirm(struct call *call, const char *words)
{
    if (arg_flag(call, "yes"))
        return NULL;
    g_autofree char *question = g_strdup_printf("%s\nGo on? (yes/no) ", words);
    char *answer = call->c->o.ask != NULL ? call->c->o.ask(call->c->o.data, question, 0) : NULL;
    if (answer == NULL)
        return err(CLIENT_USAGE, "%s\nConfirm with --yes", words);
    bool yes = answer_is_yes(answer);
    free(answer);
    return yes ? NULL : err(CLIENT_USAGE, "nothing was changed");
}

/* {"reason", "force", "client_probe"} under the key of an action. */
static json_t *word_body(struct call *call, const char *action, const char *reason,
                         const json_t *seen)
{
    return json_pack("{s:{s:s, s:b, s:O}}", action, "reason", reason, "force",
                     arg_flag(call, "force"), "client_probe", seen);
}

/* An admin may name the project whose group it is; a token of his own does for it. */
static err_t *group_open(struct call *call, struct pair *ret)
{
    struct end *local = NULL;

    TRY(client_local(call->c, &local));
    if (arg(call, "project") != NULL) {
        g_free(local->project);
        local->project = g_strdup(arg(call, "project"));
    }
    return pair_open(call->c, arg(call, "protection-group"), ret);
}

/* The other site hears of it, should it answer after all; nothing depends on it. */
static void peer_tell(struct call *call, struct pair *pair, const json_t *seen)
{
    if (g_strcmp0(json_str(seen, "protector"), "alive") == 0)
        carry_first(call, pair);
}

/* ---- delete ---- */

static err_t *delete_confirm(struct call *call, const struct pair *pair, const json_t *seen)
{
    g_autofree char *sees = seen_words(pair->peer_name, seen);
    g_autofree char *words = g_strdup_printf(
        "%s\n'%s' will be deleted at this site without it: its Cinder group and its replication "
        "here are taken away; servers, volumes and ports are not touched.  Should %s return, it is "
        "told that the group is gone.",
        sees, pair_name(pair), pair->peer_name);

    return confirm(call, words);
}

/* Follows what takes this site's part away; nothing is left to follow when that has ended. */
static err_t *delete_follow(struct call *call, struct pair *pair, const json_t *reply, json_t **ret)
{
    const char *op_id = json_str(json_obj(reply, "operation"), "id");
    g_autoptr(json_t) op = NULL;

    *ret = json_pack("{s:s}", "kind", "nothing");
    if (op_id == NULL)
        return NULL;
    if (arg_flag(call, "no-wait")) {
        json_decref(*ret);
        *ret = show_accepted(reply, "");
        return NULL;
    }
    TRY(follow(pair->local, op_id, NULL, &op));
    return operation_outcome(op);
}

static err_t *delete_run(struct call *call, struct pair *pair, json_t **ret)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s/action", pair_id(pair));
    g_autoptr(json_t) seen = NULL;
    g_autoptr(json_t) reply = NULL;

    TRY(peer_look(pair, &seen));
    TRY(delete_confirm(call, pair, seen));
    g_autoptr(json_t) body = word_body(call, "delete_peer_gone", arg(call, "peer-is-gone"), seen);
    struct ask ask = {.method = "POST", .path = path, .body = body};
    TRY(end_ask(pair->local, &ask, &reply, NULL));
    TRY(delete_follow(call, pair, reply, ret));
    peer_tell(call, pair, seen);
    return NULL;
}

err_t *pg_delete_alone(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(group_open(call, &pair));
    err_t *e = delete_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}

/* ---- unprotect ---- */

static err_t *unprotect_confirm(struct call *call, const struct pair *pair, const json_t *seen)
{
    g_autofree char *sees = seen_words(pair->peer_name, seen);
    g_autofree char *words = g_strdup_printf(
        "%s\n'%s' will be unprotected: its servers run on untouched, there is no failover of it "
        "any more, and no change but its delete.  Should %s return, it is told that the group is "
        "gone.  This cannot be taken back.",
        sees, pair_name(pair), pair->peer_name);

    return confirm(call, words);
}

static err_t *unprotect_run(struct call *call, struct pair *pair, json_t **ret)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s/action", pair_id(pair));
    g_autoptr(json_t) seen = NULL;
    g_autoptr(json_t) reply = NULL;

    TRY(peer_look(pair, &seen));
    TRY(unprotect_confirm(call, pair, seen));
    g_autoptr(json_t) body = word_body(call, "unprotect", arg(call, "reason"), seen);
    struct ask ask = {.method = "POST", .path = path, .body = body};
    TRY(end_ask(pair->local, &ask, &reply, NULL));
    *ret = show_record(json_obj(reply, "protection_group"), GROUP_COLUMNS);
    peer_tell(call, pair, seen);
    return NULL;
}

err_t *cmd_pg_unprotect(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(group_open(call, &pair));
    err_t *e = unprotect_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}

/* ---- a whole site ---- */

static err_t *decommission_confirm(struct call *call, const json_t *site, const json_t *seen)
{
    const char *name = json_str_or(site, "name", "");
    g_autofree char *sees = seen_words(name, seen);
    g_autofree char *words = g_strdup_printf(
        "%s\nSite '%s' will be given up for ever: groups that are active here, of every project, "
        "become unprotected, deletes and creates that wait for it end, no group is made with it "
        "any more.  No server is touched.  This cannot be taken back.",
        sees, name);

    return confirm(call, words);
}

/* What was given up before 'e', which it takes, is told with it. */
static err_t *with_done(err_t *e, const json_t *groups)
{
    g_autoptr(GString) done = g_string_new(NULL);
    size_t i;
    json_t *group;

    json_array_foreach(groups, i, group)
    {
        g_string_append_printf(done, "%s'%s' (%s)", i > 0 ? ", " : "",
                               json_str_or(group, "name", ""), json_str_or(group, "did", ""));
    }
    return e == NULL || done->len == 0 ? e : err_wrap(e, "given up before that: %s", done->str);
}

/* A call gives up a number of groups; what is done stays done, and a repetition goes on. */
static err_t *decommission_run(struct end *local, const char *id, const json_t *body, json_t *done,
                               json_t **ret)
{
    g_autofree char *path = g_strdup_printf("admin/sites/%s/decommission", id);
    struct ask ask = {.method = "POST", .path = path, .admin = true, .body = body};
    bool more = true;

    while (more) {
        json_decref(*ret);
        *ret = NULL;
        TRY(end_ask(local, &ask, ret, NULL));
        json_array_extend(done, json_arr(*ret, "groups"));
        more = json_bool(*ret, "more", false);
    }
    return NULL;
}

err_t *cmd_site_decommission(struct call *call, json_t **ret)
{
    g_autofree char *name = url_encode(arg(call, "site"));
    g_autoptr(json_t) found = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) done = json_array();
    struct end *local = NULL;

    TRY(client_local(call->c, &local));
    TRY(end_get(local, &found, "admin/sites/%s", name));
    const json_t *site = json_obj(found, "site");
    g_autoptr(json_t) seen = site_look(call->c, site, NULL, NULL);
    TRY(decommission_confirm(call, site, seen));
    g_autoptr(json_t) body = word_body(call, "decommission", arg(call, "reason"), seen);
    TRY(with_done(decommission_run(local, json_str_or(site, "id", ""), body, done, &reply), done));
    note_event(call->c, "note", "site '%s' is %s", json_str_or(site, "name", ""),
               json_str_or(json_obj(reply, "site"), "status", ""));
    *ret = show_list(done, DONE_LIST);
    return NULL;
}
