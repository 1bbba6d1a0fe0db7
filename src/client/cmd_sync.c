/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_sync - the state of the metadata between the sites, printed as the manual prints it. */
#include "client/client_internal.h"

static err_t *sync_of(struct end *end, const char *id, json_t **ret)
{
    return end_get_object(end, "sync", ret, "protection-groups/%s/sync", id);
}

/* ---- sync-status ---- */

/* What this very call has obtained of the peer: a proof, which the local site has taken in. */
static err_t *peer_asked(struct pair *pair, struct carrying *how)
{
    g_autofree char *nonce = NULL;

    if (pair->peer == NULL)
        return TAKE(pair->peer_error);
    err_t *e = carry_proof(pair->local, pair->peer, pair_id(pair), NULL, how, &nonce);
    if (how->held_at == NULL)
        return e;
    err_free(e); /* it has answered; that its answer waits for a person is told apart */
    return NULL;
}

/* The peer's word that the local site was not told, as what is shown. */
static void held_show(json_t *sync, const json_t *here)
{
    json_set_str(sync, "status", "FAILED");
    json_set_str(sync, "known_peer", json_str(here, "position"));
    json_set_int(sync, "known_peer_version", json_int(here, "version", 0));
    json_set_int(sync, "known_peer_epoch", json_int(here, "epoch", 0));
}

static char *ago(const json_t *sync)
{
    int64_t now = time_parse(json_str_or(sync, "now", "")),
            then = time_parse(json_str_or(sync, "synced_at", ""));

    if (then <= 0 || now < then)
        return g_strdup("");
    int64_t s = (now - then) / 1000;
    const char *unit = s < 120 ? "seconds" : s < 7200 ? "minutes" : "hours";
    int64_t n = s < 120 ? s : s < 7200 ? s / 60 : s / 3600;
    return g_strdup_printf(" (%" G_GINT64_FORMAT " %s ago)", n, unit);
}

/* The state as the manual names it: the first that matches. */
static const char *state_name(const json_t *sync, bool answered)
{
    const char *status = json_str_or(sync, "status", "FAILED");

    if (g_str_equal(status, "RECOVERING") || g_str_equal(status, "SPLIT"))
        return status;
    return answered ? status : "UNREACHABLE";
}

static void status_print(GString *t, const json_t *sync, const char *state, bool long_form)
{
    int64_t version = json_int(sync, "version", 0),
            remote = json_int(sync, "known_peer_version", 0);
    const char *position = json_str_or(sync, "position", "");
    bool equal = *position != '\0' && g_strcmp0(position, json_str(sync, "known_peer")) == 0;
    bool synced = g_str_equal(state, "SYNCED");
    g_autofree char *when = ago(sync);
    const char *last = json_str(sync, "synced_at");

    g_string_append_printf(t, "Sync Status: %s\n\n", synced ? "✅ IN SYNC" : "❌ OUT OF SYNC");
    g_string_append_printf(t,
                           "Local Metadata:\n  Version: %" G_GINT64_FORMAT
                           "\n  Current Site: %s\n  Last Modified: %s\n",
                           version, json_str_or(sync, "current_site", "None"),
                           json_str_or(sync, "last_modified", "None"));
    if (long_form)
        g_string_append_printf(t, "  Epoch: %" G_GINT64_FORMAT "\n  Position: %s\n  Role: %s\n",
                               json_int(sync, "epoch", 0), json_str_or(sync, "position", ""),
                               json_str_or(sync, "role", ""));
    g_string_append_printf(t,
                           "\nRemote Sync:\n  Status: %s\n  Remote Version: %" G_GINT64_FORMAT
                           "\n  Last Sync: %s%s\n",
                           state, remote, last != NULL ? last : "never", when);
    g_string_append_printf(t,
                           "\nValidation:\n  %s Versions %s (%" G_GINT64_FORMAT
                           " %s %" G_GINT64_FORMAT ")\n",
                           equal ? "✅" : "❌", equal ? "match" : "differ", version,
                           equal ? "=" : "/", remote);
    g_string_append_printf(t, "  %s Sync status is '%s'\n", synced ? "✅" : "❌",
                           g_str_equal(state, "SYNCED") ? "synced" : state);
    g_string_append_printf(t, "  %s\n",
                           synced ? "✅ Last sync is recent" : "❌ Last sync is not recent");
    g_string_append(t, synced ? "\nBoth sites have identical metadata.\n"
                              : "\nThe sites do not have identical metadata.\n");
}

/* The peer's absence, or its refusal, with what to do about it. */
static void silence_print(GString *t, const err_t *silent, const struct pair *pair)
{
    const char *remedy = err_remedy_text(silent);

    if (end_is_unreachable(silent))
        g_string_append_printf(
            t, "%s did not answer (%s). When it does: protector protection-group sync-force %s\n",
            pair->peer_name, err_message(silent), pair_name(pair));
    else
        g_string_append_printf(t, "%s was not asked: %s%s%s\n", pair->peer_name,
                               err_message(silent), *remedy != '\0' ? "\nAction: " : "", remedy);
}

static void advice_print(GString *t, const json_t *sync, const char *state, const struct pair *pair)
{
    if (g_str_equal(state, "SPLIT"))
        g_string_append_printf(
            t,
            "The sites have diverged; both keep what they run. Decide: protector "
            "protection-group sync-resolve %s --keep SITE\n",
            pair_name(pair));
    else if (g_str_equal(state, "FAILED"))
        g_string_append_printf(t, "%s. Carry it: protector protection-group sync-force %s\n",
                               json_str(sync, "staged") != NULL
                                   ? "A change waits for the other site"
                                   : "The other site does not hold this version",
                               pair_name(pair));
}

static err_t *held_print(GString *t, const struct pair *pair, const struct carrying *how)
{
    g_autoptr(err_t) why = held_error(pair, how);

    g_string_append_printf(t, "%s\nAction: %s\n", err_message(why), err_remedy_text(why));
    return NULL;
}

static err_t *status_show(struct call *call, struct pair *pair, struct carrying *how, json_t **ret)
{
    g_autoptr(json_t) sync = NULL;
    g_autoptr(err_t) silent = peer_asked(pair, how);

    TRY(sync_of(pair->local, pair_id(pair), &sync));
    if (how->held_at != NULL)
        held_show(sync, how->held);
    g_autofree char *state = g_strdup(state_name(sync, silent == NULL));
    GString *t = g_string_new(NULL);
    json_set_str(sync, "status", state);
    status_print(t, sync, state, arg_flag(call, "long"));
    if (how->held_at != NULL)
        TRY(held_print(t, pair, how));
    else if (silent != NULL)
        silence_print(t, silent, pair);
    else
        advice_print(t, sync, state, pair);
    *ret = show_text(t, json_incref(sync));
    return NULL;
}

err_t *cmd_sync_status(struct call *call, json_t **ret)
{
    struct pair pair;
    struct carrying how = {0};

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = status_show(call, &pair, &how, ret);
    carrying_fini(&how);
    pair_close(&pair);
    return e;
}

/* ---- sync-force ---- */

static err_t *force_unreachable(GString *t, const struct pair *pair, err_t *why, json_t **ret)
{
    const char *remedy = err_remedy_text(why);
    json_t *told = json_pack("{s:s, s:s, s:s, s:s}", "status", "UNREACHABLE", "peer_site",
                             pair->peer_name, "reason", err_message(why), "remedy", remedy);

    g_string_append_printf(
        t,
        "  ❌ %s is not reachable: %s\n%s%s%s\nNothing was carried. Where no client reaches both "
        "sites, messages travel as a file:\nprotector protection-group sync-export %s --file "
        "FILE\n",
        pair->peer_name, err_message(why), *remedy != '\0' ? "     Action: " : "", remedy,
        *remedy != '\0' ? "\n" : "", pair_name(pair));
    err_free(why);
    *ret = show_text(t, told);
    json_set_int(*ret, "exit", 1);
    return NULL;
}

static void force_print(GString *t, const struct pair *pair, const json_t *sync, int64_t ms)
{
    bool done = g_str_equal(json_str_or(sync, "status", ""), "SYNCED");
    int64_t version = json_int(sync, "version", 0);

    g_string_append_printf(t,
                           "\nRemote Site Response:\n  Status: %s\n  Version: %" G_GINT64_FORMAT
                           "\n  Duration: %" G_GINT64_FORMAT "ms\n\n",
                           done ? "success" : json_str_or(sync, "status", "FAILED"),
                           json_int(sync, "known_peer_version", 0), ms);
    if (done)
        g_string_append_printf(
            t, "✅ Sync completed successfully\nBoth sites now at version %" G_GINT64_FORMAT "\n",
            version);
    else
        g_string_append_printf(
            t, "❌ The sites are not in sync: %s. See: protector protection-group sync-status %s\n",
            json_str_or(sync, "status", ""), pair_name(pair));
}

/* Both outboxes and a proof; once more, as the proof may have shown one that it lost the group. */
static err_t *carry_and_prove(struct pair *pair, struct carrying *how)
{
    g_autofree char *nonce = NULL;

    TRY(carry_group(pair->local, pair->peer, pair_id(pair), how));
    TRY(carry_proof(pair->local, pair->peer, pair_id(pair), NULL, how, &nonce));
    return carry_group(pair->local, pair->peer, pair_id(pair), how);
}

/*
 * Everything that may be carried without a question, both ways; then, if something is held, the
 * question and the rest.
 */
static err_t *force_carry(struct call *call, struct pair *pair, struct carrying *how)
{
    err_t *e = carry_and_prove(pair, how);

    if (how->held_at == NULL)
        return e;
    err_free(e);
    TRY(demotion_confirm(call, pair, how->held_at));
    how->forced = true;
    return carry_and_prove(pair, how);
}

static err_t *force_run(struct call *call, struct pair *pair, GString *t, json_t **ret)
{
    g_autoptr(json_t) sync = NULL;
    g_autoptr(json_t) before = NULL;
    int64_t began = env_mono_ms(call->c->env);
    struct carrying how = {0};

    TRY(sync_of(pair->local, pair_id(pair), &before));
    g_string_append_printf(t,
                           "  ✅ %s is reachable\n\nSyncing metadata (version %" G_GINT64_FORMAT
                           ")...\n"
                           "  Gathering current metadata... ✓\n  Calculating checksum... ✓\n",
                           pair->peer_name, json_int(before, "version", 0));
    trust_rearm(pair->peer); /* without one nothing is made of what is carried */
    err_t *e = force_carry(call, pair, &how);
    carrying_fini(&how);
    if (e != NULL)
        return e;
    g_string_append_printf(t, "  Pushing to %s... ✓\n", pair->peer_name);
    TRY(sync_of(pair->local, pair_id(pair), &sync));
    force_print(t, pair, sync, env_mono_ms(call->c->env) - began);
    json_set_int(sync, "carried", how.count);
    bool done = g_str_equal(json_str_or(sync, "status", ""), "SYNCED");
    *ret = show_text(t, json_incref(sync));
    json_set_int(*ret, "exit", done ? 0 : 1);
    return NULL;
}

err_t *cmd_sync_force(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    trust_rearm(pair.local); /* also where the other site is lost: a failover here needs it most */
    GString *t = g_string_new("Force Sync Initiated...\n\nChecking remote site connectivity...\n");
    err_t *e = pair.peer != NULL ? force_run(call, &pair, t, ret) : TAKE(pair.peer_error);
    if (e != NULL && (pair.peer == NULL || end_is_unreachable(e)))
        e = force_unreachable(t, &pair, e, ret);
    else if (e != NULL)
        g_string_free(t, TRUE);
    pair_close(&pair);
    return e;
}

/* ---- log, files, resolve ---- */

err_t *cmd_sync_log(struct call *call, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autofree char *what =
        g_strdup_printf("sync/log?limit=%s",
                        arg(call, "limit") != NULL ? arg(call, "limit") : "100");

    TRY(below(call, what, &reply));
    *ret = show_list(json_arr(reply, "sync_log"),
                     "at=At|event=Event|epoch=Epoch|version=Version|message=Message");
    return NULL;
}

static err_t *messages_write(const char *path, const char *group, json_t *messages)
{
    g_autoptr(json_t) file = json_pack("{s:s, s:s, s:O}", "format", "protector-messages/1", "group",
                                       group, "messages", messages);
    g_autofree char *text = json_print_pretty(file);
    g_autoptr(GError) why = NULL;

    if (!g_file_set_contents(path, text, -1, &why))
        return err(IO, "cannot write '%s': %s", path, why->message);
    return NULL;
}

/* The id of what is exported: a group by name or id, also a deleted one by its id; "new": of a
 * group that is to be created. */
static err_t *export_id(struct call *call, struct end *local, char **ret)
{
    const char *named = arg(call, "protection-group");
    g_autofree char *encoded = url_encode(named);
    g_autoptr(json_t) reply = NULL;
    char uuid[37];

    env_uuid(call->c->env, uuid);
    if (g_str_equal(named, "new")) {
        *ret = g_strdup_printf("pg-%s", uuid);
        return NULL;
    }
    err_t *e = end_get(local, &reply, "protection-groups/%s", encoded);
    if (e != NULL && err_http_status(e) == 404 && g_str_has_prefix(named, "pg-")) {
        err_free(e);
        *ret = g_strdup(named);
        return NULL;
    }
    if (e == NULL)
        *ret = g_strdup(json_str_at(reply, "protection_group/id"));
    return e;
}

/* A challenge of this site beside the rest; the nonce is what a change names with --proof. */
static err_t *export_challenge(struct call *call, struct end *local, const char *id,
                               json_t *messages, char **ret_nonce)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s/sync/hello", id);
    g_autoptr(json_t) body = json_object();
    g_autoptr(json_t) reply = NULL;
    struct ask ask = {.method = "POST", .path = path, .body = body};

    if (arg(call, "peer-site") != NULL)
        json_set_str(body, "peer_site_id", arg(call, "peer-site"));
    TRY(end_ask(local, &ask, &reply, NULL));
    json_t *message = json_obj(reply, "message");
    g_autoptr(json_t) envelope = envelope_of(message);
    *ret_nonce = g_strdup(json_str(envelope, "nonce"));
    json_array_append(messages, message);
    return NULL;
}

static json_t *export_show(const struct call *call, const char *id, size_t count, const char *nonce)
{
    GString *t = g_string_new(NULL);

    g_string_append_printf(t, "%zu messages written to %s\n", count, arg(call, "file"));
    if (nonce != NULL)
        g_string_append_printf(t,
                               "Group: %s\nProof: %s\nOnce the other site's answer was taken in "
                               "here, a change that is begun within a minute names it: --proof\n",
                               id, nonce);
    return show_text(t, json_pack("{s:s, s:I, s:s?}", "group", id, "messages", (json_int_t)count,
                                  "proof", nonce));
}

err_t *cmd_sync_export(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autofree char *id = NULL;
    g_autofree char *nonce = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) messages = json_array();

    TRY(client_local(call->c, &local));
    TRY(end_login(local));
    TRY(export_id(call, local, &id));
    bool challenge = arg_flag(call, "challenge");
    err_t *e = end_get(local, &reply, "protection-groups/%s/sync/outbox", id);
    if (e != NULL && !(challenge && err_http_status(e) == 404))
        return e;
    err_free(e);
    json_array_extend(messages, json_arr(reply, "messages"));
    if (challenge)
        TRY(export_challenge(call, local, id, messages, &nonce));
    TRY(messages_write(arg(call, "file"), id, messages));
    *ret = export_show(call, id, json_array_size(messages), nonce);
    return NULL;
}

/* What an import is about, once its messages are read. */
struct import {
    struct end *local;
    const json_t *file;
    struct carrying how;
    json_t *replies; /* direct answers */
};

/* The site's direct answer goes back: it may be in no outbox. */
static err_t *import_messages(struct import *im)
{
    const char *group = json_str_or(im->file, "group", "");
    size_t i;
    json_t *message;

    json_array_foreach(json_arr(im->file, "messages"), i, message)
    {
        g_autoptr(json_t) envelope = envelope_of(message);
        json_t *reply = NULL;
        /* what is proposed is worked on with a trust of a member of the project */
        if (g_strcmp0(json_str(envelope, "type"), "PROPOSE") == 0)
            TRY(trust_put_at(im->local));
        TRY(deliver(im->local, group, message, &im->how, &reply));
        if (reply != NULL)
            json_array_append_new(im->replies, reply);
    }
    return NULL;
}

/* Names the servers that this site would stop, and asks, as sync-force does. */
static err_t *import_held(struct call *call, struct import *im)
{
    struct pair pair;

    TRY(pair_open(call->c, json_str_or(im->file, "group", ""), &pair));
    err_t *e = demotion_confirm(call, &pair, pair.local);
    pair_close(&pair);
    if (e != NULL)
        return e;
    im->how.forced = true;
    return import_messages(im);
}

static err_t *messages_read(const char *path, json_t **ret)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    g_autoptr(json_t) file = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, &why))
        return err(IO, "cannot read '%s': %s", path, why->message);
    TRY(json_parse(text, size, path, &file));
    if (g_strcmp0(json_str(file, "format"), "protector-messages/1") != 0 ||
        json_arr(file, "messages") == NULL)
        return err(PARSE, "'%s' is no file of sync-export", path);
    *ret = TAKE(file);
    return NULL;
}

static err_t *import_run(struct call *call, struct import *im, json_t **ret)
{
    const char *reply = arg(call, "reply");
    size_t count = json_array_size(json_arr(im->file, "messages"));

    TRY(import_messages(im));
    if (im->how.held_at != NULL)
        TRY(import_held(call, im));
    size_t answers = json_array_size(im->replies);
    if (reply != NULL)
        TRY(messages_write(reply, json_str_or(im->file, "group", ""), im->replies));
    GString *t = g_string_new(NULL);
    g_string_append_printf(t, "%zu messages taken in, %zu direct answers%s%s\n", count, answers,
                           reply != NULL ? " written to "
                                         : " (give --reply FILE to take them back)",
                           reply != NULL ? reply : "");
    g_string_append(t,
                    "What else this site wants carried: protector protection-group sync-export\n");
    *ret = show_text(t, json_pack("{s:I, s:I}", "messages", (json_int_t)count, "answers",
                                  (json_int_t)answers));
    return NULL;
}

err_t *cmd_sync_import(struct call *call, json_t **ret)
{
    g_autoptr(json_t) file = NULL;
    g_autoptr(json_t) replies = json_array();
    struct import im = {.replies = replies};

    TRY(client_local(call->c, &im.local));
    TRY(end_login(im.local));
    TRY(messages_read(arg(call, "file"), &file));
    im.file = file;
    err_t *e = import_run(call, &im, ret);
    carrying_fini(&im.how);
    return e;
}

/* ---- resolve ---- */

/* The site that is not kept will follow, and stop what it runs: that is what is decided here. */
static err_t *loser_confirm(struct call *call, struct pair *pair, struct end *kept)
{
    struct end *loser = kept == pair->local ? pair->peer : pair->local;
    g_autoptr(json_t) sync = NULL;

    TRY(sync_of(loser, pair_id(pair), &sync));
    bool active = g_strcmp0(json_str(sync, "role"), "ACTIVE") == 0;
    return active ? demotion_confirm(call, pair, loser) : NULL;
}

static err_t *resolve_run(struct call *call, struct pair *pair, struct end *kept, json_t **ret)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s/sync/resolve", pair_id(pair));
    g_autoptr(json_t) body =
        json_pack("{s:{s:s, s:s}}", "resolve", "keep", arg(call, "keep"), "reason",
                  arg(call, "reason") != NULL ? arg(call, "reason") : "decided by a person");
    struct ask ask = {.method = "POST", .path = path, .body = body};
    g_autoptr(json_t) sync = NULL;
    struct carrying how = {0};

    err_t *e = carry_group(pair->local, pair->peer, pair_id(pair), &how);
    if (e == NULL)
        e = loser_confirm(call, pair, kept);
    if (e == NULL)
        e = end_ask(kept, &ask, NULL, NULL);
    how.forced = true;
    if (e == NULL)
        e = carry_group(pair->local, pair->peer, pair_id(pair), &how);
    carrying_fini(&how);
    if (e == NULL)
        e = sync_of(kept, pair_id(pair), &sync);
    if (e == NULL)
        *ret = show_record(sync, "group_id status role current_site epoch version position");
    return e;
}

/* No client reaches both sites: this one asks for the other one's closing position, as a file. */
static err_t *resolve_by_file(struct call *call, struct pair *pair, json_t **ret)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s/sync/resolve", pair_id(pair));
    g_autoptr(json_t) body =
        json_pack("{s:{s:s, s:s}}", "resolve", "keep", arg(call, "keep"), "reason",
                  arg(call, "reason") != NULL ? arg(call, "reason") : "decided by a person");
    struct ask ask = {.method = "POST", .path = path, .body = body};
    g_autoptr(json_t) sync = NULL;

    TRY(end_ask(pair->local, &ask, NULL, NULL));
    TRY(sync_of(pair->local, pair_id(pair), &sync));
    note_event(call->c, "note",
               "%s is asked by file: sync-export here, sync-import --reply there, sync-import of "
               "the reply here; then sync-export here and sync-import there, which asks before "
               "it stops servers",
               pair->peer_name);
    *ret = show_record(sync, "group_id status role current_site epoch version position");
    return NULL;
}

/* At the site that is kept; its peer signs its closing position, and follows. */
err_t *cmd_sync_resolve(struct call *call, json_t **ret)
{
    struct pair pair;
    const char *keep = arg(call, "keep");

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    bool peer_kept = g_strcmp0(keep, pair.peer_name) == 0 ||
                     g_strcmp0(keep, json_str(pair.group, "peer_site_id")) == 0;
    err_t *e = arg_flag(call, "by-file") ? resolve_by_file(call, &pair, ret)
               : pair.peer == NULL
                   ? peer_failed(call->c, pair_name(&pair), TAKE(pair.peer_error))
                   : resolve_run(call, &pair, peer_kept ? pair.peer : pair.local, ret);
    pair_close(&pair);
    return e;
}
