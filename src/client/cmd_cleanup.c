/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_cleanup - what a site has kept of a group: shown, and deleted when the user says so.  By
 * default at the site that the group has left; at the active one these are servers that gave way.
 */
#include "client/client_internal.h"

#define COLUMNS                                                                                    \
    "id operation_type status progress source_site target_site started_at completed_at "           \
    "steps_completed steps_failed error_message"

static err_t *site_end(struct call *call, struct pair *pair, struct end **ret)
{
    const char *name = arg(call, "site");
    struct end *const ends[] = {pair_standby(pair), pair_active(pair)};

    *ret = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(ends) && *ret == NULL; i++) {
        if (ends[i] != NULL && (name == NULL || g_strcmp0(pair_end_name(pair, ends[i]), name) == 0))
            *ret = ends[i];
        if (name == NULL)
            break; /* the standby, or nothing */
    }
    if (*ret != NULL)
        return NULL;
    if (name != NULL)
        return err(CLIENT_USAGE, "group '%s' has no site '%s' that answers", pair_name(pair), name);
    return pair_unreached(pair);
}

static err_t *ask_for(struct end *end, struct pair *pair, json_t *takes, json_t **ret)
{
    g_autoptr(json_t) in = takes;
    g_autoptr(json_t) body = json_pack("{s:O}", "cleanup_source", in);
    g_autofree char *path = g_strdup_printf("protection-groups/%s/action", pair_id(pair));
    struct ask ask = {.method = "POST", .path = path, .body = body};

    return end_ask(end, &ask, ret, NULL);
}

/* The site's engine looks; '*ret' is the list. */
static err_t *look(struct pair *pair, struct end *end, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;

    trust_rearm(end);
    TRY(ask_for(end, pair, json_pack("{s:b}", "dry_run", 1), &reply));
    TRY(follow(end, json_str_or(json_obj(reply, "operation"), "id", ""), NULL, &op));
    TRY(operation_outcome(op));
    *ret = json_deep_copy(json_obj(op, "result"));
    return NULL;
}

static void left_words(const json_t *plan, GString *words)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(plan, "left"), i, row)
        g_string_append_printf(words, "  left alone: server '%s' (%s): %s\n",
                               json_str_or(row, "name", ""), json_str_or(row, "server_id", ""),
                               json_str_or(row, "why", ""));
}

static void volumes_words(const json_t *plan, const char *server, GString *words)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(plan, "volumes"), i, row)
    {
        if (g_strcmp0(json_str(row, "member"), server) == 0)
            g_string_append_printf(words, "    volume '%s' (%s), %" G_GINT64_FORMAT " GiB\n",
                                   json_str_or(row, "name", ""), json_str_or(row, "id", ""),
                                   json_int(row, "size_gib", 0));
    }
}

static void addresses_words(const json_t *server, const char *key, const char *what, GString *words)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(server, key), i, row)
        g_string_append_printf(words, "    %s %s (%s)\n", what, json_str_or(row, "address", ""),
                               json_str_or(row, "id", ""));
}

/* What would go, what would be lost with it, and what stays. */
static char *plan_words(const json_t *plan, const char *site)
{
    GString *words = g_string_new(NULL);
    size_t i;
    json_t *row;

    g_string_append_printf(words, "These are destroyed at %s, for ever:\n", site);
    json_array_foreach(json_arr(plan, "members"), i, row)
    {
        const char *lost = json_str(row, "lost_after");
        g_string_append_printf(words, "  server '%s' (%s)\n", json_str_or(row, "name", ""),
                               json_str_or(row, "server_id", ""));
        volumes_words(plan, json_str(row, "server_id"), words);
        addresses_words(row, "ports", "port", words);
        addresses_words(row, "floating_ips", "floating IP", words);
        if (lost != NULL)
            g_string_append_printf(words,
                                   "    with what was written to them after %s, which the group's "
                                   "data do not hold\n",
                                   lost);
    }
    left_words(plan, words);
    return g_string_free(words, FALSE);
}

static err_t *nothing(const json_t *plan, const char *site, json_t **ret)
{
    GString *words = g_string_new(NULL);

    g_string_append_printf(words, "Nothing that may be deleted is kept at %s.\n", site);
    left_words(plan, words);
    *ret = show_text(words, json_deep_copy(plan));
    return NULL;
}

/* As the engine would refuse it, before anybody is asked. */
static err_t *newer_check(struct call *call, const json_t *plan)
{
    const char *lost = json_str(plan, "lost_after");

    if (lost == NULL || arg(call, "discard-writes-after") != NULL)
        return NULL;
    return err_remedy(err(CLEANUP_NEWER_WRITES,
                          "what was written to the kept volumes after %s is not in the group's "
                          "data, and would be lost with them",
                          lost),
                      "look with --dry-run; if it may be lost, repeat with "
                      "--discard-writes-after %s",
                      lost);
}

static err_t *destroy(struct call *call, struct pair *pair, struct end *end, const json_t *plan,
                      json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;
    json_t *in = json_object();

    json_set_str(in, "plan", json_str(plan, "hash"));
    json_set_str(in, "discard_writes_after", arg(call, "discard-writes-after"));
    TRY(ask_for(end, pair, in, &reply));
    const json_t *started = json_obj(reply, "operation");
    if (arg_flag(call, "no-wait")) {
        *ret = show_record(started, COLUMNS);
        return NULL;
    }
    TRY(follow(end, json_str_or(started, "id", ""), NULL, &op));
    TRY(operation_outcome(op));
    *ret = show_record(op, COLUMNS);
    return NULL;
}

static err_t *cleanup_run(struct call *call, struct pair *pair, json_t **ret)
{
    struct end *end = NULL;
    g_autoptr(json_t) plan = NULL;

    TRY(site_end(call, pair, &end));
    const char *site = pair_end_name(pair, end);
    TRY(look(pair, end, &plan));
    if (json_array_size(json_arr(plan, "members")) == 0)
        return nothing(plan, site, ret);
    g_autofree char *words = plan_words(plan, site);
    if (arg_flag(call, "dry-run")) {
        *ret = show_text(g_string_new(words), json_deep_copy(plan));
        return NULL;
    }
    TRY(newer_check(call, plan));
    TRY(confirm(call, words));
    return destroy(call, pair, end, plan, ret);
}

err_t *cmd_cleanup_source(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = cleanup_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}
