/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_dr - failover and failback.  Unplanned: this site is made active, never redirected; what the
 * other site still wants carried is carried first if it answers at once, and what was seen of it
 * goes along.  Planned, and a failback: the active site hands the group over, and the other one
 * runs the operation, whichever of them is the local one.
 */
#include "client/client_internal.h"

#include <string.h>

#define OP_COLUMNS                                                                                 \
    "id operation_type status progress source_site target_site started_at completed_at "           \
    "steps_completed "                                                                             \
    "steps_failed error_message"
#define CARRY_BEFORE_MS 10000

/* --planned, --unplanned, or what the user says when asked. */
static err_t *planned_or_not(struct call *call, struct pair *pair, const json_t *seen,
                             const char *mappings, bool *ret_planned)
{
    bool planned = arg_flag(call, "planned"), unplanned = arg_flag(call, "unplanned");

    *ret_planned = planned;
    if (planned && unplanned)
        return err(CLIENT_USAGE, "--planned and --unplanned exclude each other");
    if (planned || unplanned)
        return NULL;
    g_autofree char *words = seen_words(pair->peer_name, seen);
    g_autofree char *found =
        g_strdup_printf("%s\n%s%s", words, *mappings != '\0' ? "Mappings:\n" : "", mappings);
    g_autofree char *question =
        g_strdup_printf("%sUnplanned failover of '%s' to this site? (yes/no) ", found,
                        pair_name(pair));
    char *answer = call->c->o.ask != NULL ? call->c->o.ask(call->c->o.data, question, 0) : NULL;
    if (answer == NULL)
        return err(CLIENT_USAGE,
                   "%ssay which failover: --unplanned (the other site is lost) or --planned",
                   found);
    bool yes = answer_is_yes(answer);
    free(answer);
    return yes ? NULL : err(CLIENT_USAGE, "nothing was started");
}

static err_t *reason_of(struct call *call, char **ret)
{
    *ret = g_strdup(arg(call, "reason"));
    if (*ret != NULL)
        return NULL;
    char *answer = call->c->o.ask != NULL ? call->c->o.ask(call->c->o.data, "Reason: ", 0) : NULL;
    if (answer == NULL || *answer == '\0') {
        free(answer);
        return err(CLIENT_USAGE,
                   "an unplanned failover is recorded with its reason: give --reason TEXT");
    }
    *ret = g_strdup(answer);
    free(answer);
    return NULL;
}

/*
 * What the peer still wants carried, if its Protector answers at once: towards this site alone, as
 * the other one may be about to die, and not for long.
 */
static void carry_before(struct pair *pair, const json_t *seen)
{
    struct carrying how = {0};

    if (pair->peer == NULL || g_strcmp0(json_str(seen, "protector"), "alive") != 0)
        return;
    client_deadline(pair->client, CARRY_BEFORE_MS);
    g_autoptr(err_t) e = carry_in(pair->peer, pair->local, pair_id(pair), &how);
    client_deadline(pair->client, 0);
    carrying_fini(&how);
    if (e != NULL)
        note_event(pair->client, "warning", "the other site's messages could not be carried: %s",
                   err_message(e));
}

/* A failover of the group runs here already: whoever repeats the command follows it. */
static err_t *failover_running(struct pair *pair, err_t *takes, json_t **ret)
{
    g_autoptr(err_t) e = takes;
    const char *id = err_detail_get(e, "operation");

    if (!err_is(e, ERR_OPERATION_IN_PROGRESS) || id == NULL)
        return TAKE(e);
    note_event(pair->client, "note", "failover '%s' of this group runs already: it is followed",
               id);
    return end_get(pair->local, ret, "operations/%s", id);
}

static err_t *failover_post(struct call *call, struct pair *pair, const json_t *seen, json_t *in,
                            json_t **ret)
{
    g_autoptr(json_t) body = json_pack("{s:O}", "failover", in);
    g_autofree char *path = g_strdup_printf("protection-groups/%s/action", pair_id(pair));
    g_autofree char *reason = NULL;

    json_set_bool(in, "planned", false);
    TRY(reason_of(call, &reason));
    json_set_str(in, "reason", reason);
    json_set_bool(in, "force", arg_flag(call, "force"));
    if (arg(call, "on-conflict") != NULL)
        json_set_str(in, "on_conflict", arg(call, "on-conflict"));
    if (arg(call, "from") != NULL)
        json_set_str(in, "from", arg(call, "from"));
    if (arg_flag(call, "no-verify-data"))
        json_set_bool(in, "verify_data", false);
    plan_given(call, in);
    json_set(in, "client_probe", json_deep_copy(seen));
    struct ask ask = {.method = "POST", .path = path, .body = body};
    err_t *e = end_ask(pair->local, &ask, ret, NULL);
    bool agreed = arg(call, "plan") != NULL; /* the site knows whether what runs is by that plan */
    return e != NULL && !agreed ? failover_running(pair, e, ret) : e;
}

/* The other site hears of it: at once if it runs nothing any more, else when the user says so. */
static err_t *failover_carry(struct call *call, struct pair *pair, struct carrying *how)
{
    TRY(carry_group(pair->local, pair->peer, pair_id(pair), how));
    if (how->held_at == NULL)
        return NULL;
    TRY(demotion_confirm(call, pair, how->held_at));
    how->forced = true;
    return carry_group(pair->local, pair->peer, pair_id(pair), how);
}

static void failover_tell(struct call *call, struct pair *pair)
{
    struct carrying how = {0};
    g_autoptr(err_t) e = failover_carry(call, pair, &how);

    carrying_fini(&how);
    if (e != NULL)
        note_event(call->c, "note",
                   "%s was not told yet (%s); this tells it: protector protection-group "
                   "sync-force %s",
                   pair->peer_name, err_message(e), pair_name(pair));
}

static err_t *failover_follow(struct call *call, struct pair *pair, const json_t *reply,
                              json_t **ret)
{
    const json_t *started = json_obj(reply, "operation");
    g_autoptr(json_t) op = NULL;

    if (arg_flag(call, "no-wait")) {
        *ret = show_record(started, OP_COLUMNS);
        return NULL;
    }
    TRY(follow(pair->local, json_str_or(started, "id", ""), NULL, &op));
    TRY(operation_outcome(op));
    if (pair->peer != NULL)
        failover_tell(call, pair);
    *ret = show_record(op, OP_COLUMNS);
    return NULL;
}

/* ---- planned ---- */

/*
 * The operation runs at the site that takes over; where that has refused, only the stub at the
 * active site tells.  '*ret': the record of whichever there is.
 */
static err_t *handover_operation(struct pair *pair, const char *id, bool wait, json_t **ret)
{
    g_autoptr(json_t) there = NULL;
    err_t *e = end_get_object(pair_standby(pair), "operation", &there, "operations/%s", id);

    if (e == NULL && wait)
        return follow(pair_standby(pair), id, NULL, ret);
    if (e == NULL)
        *ret = TAKE(there);
    if (e == NULL || !err_is(e, ERR_OPERATION_NOT_FOUND))
        return e;
    err_free(e);
    return end_get_object(pair_active(pair), "operation", ret, "operations/%s", id);
}

/* Handed over at the active site, carried, run at the other one, and the end carried back. */
static err_t *handover_run(struct call *call, struct pair *pair, const char *action, json_t *in,
                           json_t **ret)
{
    g_autoptr(json_t) body = json_pack("{s:O}", action, in);
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;
    struct carrying how = {0};

    json_set_str(in, "reason", arg(call, "reason"));
    if (arg(call, "on-conflict") != NULL)
        json_set_str(in, "on_conflict", arg(call, "on-conflict"));
    plan_given(call, in);
    if (pair->peer != NULL)
        trust_rearm(pair_standby(pair));
    TRY(change_run(pair, "POST", "/action", body, false, &reply));
    const char *id = json_str_or(json_obj(reply, "operation"), "id", "");
    err_t *e = carry_group(pair->local, pair->peer, pair_id(pair), &how);
    if (e == NULL)
        e = handover_operation(pair, id, !arg_flag(call, "no-wait"), &op);
    if (e == NULL && !arg_flag(call, "no-wait"))
        e = carry_group(pair->local, pair->peer, pair_id(pair), &how);
    carrying_fini(&how);
    if (e == NULL && !arg_flag(call, "no-wait"))
        e = operation_outcome(op);
    if (e == NULL)
        *ret = show_record(op, OP_COLUMNS);
    return e;
}

/* What it would be, at the site that would be made active. */
static err_t *failover_look(struct call *call, struct pair *pair, json_t *takes, json_t **ret)
{
    bool planned = arg_flag(call, "planned"), unplanned = arg_flag(call, "unplanned");

    if (planned == unplanned) {
        json_decref(takes);
        return err(CLIENT_USAGE, "say which failover: --unplanned (the other site is lost) or "
                                 "--planned");
    }
    if (arg(call, "on-conflict") != NULL)
        json_set_str(takes, "on_conflict", arg(call, "on-conflict"));
    if (arg(call, "from") != NULL)
        json_set_str(takes, "from", arg(call, "from"));
    return plan_show(call, pair, planned ? pair_standby(pair) : pair->local, "failover", planned,
                     takes, ret);
}

static err_t *failover_run(struct call *call, struct pair *pair, json_t **ret)
{
    g_autoptr(json_t) in = json_object();
    g_autoptr(json_t) seen = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autofree char *mappings = NULL;
    bool planned = false;

    TRY(mappings_given(call, in));
    if (arg_flag(call, "dry-run"))
        return failover_look(call, pair, json_incref(in), ret);
    TRY(peer_look(pair, &seen));
    TRY(mappings_effective(pair, arg_flag(call, "planned"), in, &mappings));
    if (*mappings != '\0')
        note_event(call->c, "note", "Mappings:\n%.*s", (int)strlen(mappings) - 1, mappings);
    TRY(planned_or_not(call, pair, seen, mappings, &planned));
    if (planned) {
        json_set_bool(in, "planned", true);
        json_set_str(in, "from", arg(call, "from"));
        if (arg_flag(call, "no-verify-data"))
            json_set_bool(in, "verify_data", false);
        return handover_run(call, pair, "failover", in, ret);
    }
    carry_before(pair, seen);
    trust_rearm(pair->local);
    TRY(failover_post(call, pair, seen, in, &reply));
    return failover_follow(call, pair, reply, ret);
}

err_t *cmd_failover(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = failover_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}

/* ---- failback ---- */

/* Home, servers are what they were: a mapping is needed only for what has changed there. */
static err_t *failback_run(struct call *call, struct pair *pair, json_t **ret)
{
    g_autoptr(json_t) in = json_object();
    bool on = arg_flag(call, "reverse-replication"), off = arg_flag(call, "no-reverse-replication");

    if (on && off)
        return err(CLIENT_USAGE,
                   "--reverse-replication and --no-reverse-replication exclude each other");
    TRY(mappings_given(call, in));
    if (arg(call, "on-conflict") != NULL)
        json_set_str(in, "on_conflict", arg(call, "on-conflict"));
    if (arg_flag(call, "dry-run"))
        return plan_show(call, pair, pair_standby(pair), "failback", false, json_incref(in), ret);
    json_set_bool(in, "reverse_replication", !off);
    return handover_run(call, pair, "failback", in, ret);
}

err_t *cmd_failback(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = failback_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}

/* ---- drills ---- */

/* By that site's own API alone, and followed there. */
static err_t *action_at(struct call *call, struct pair *pair, struct end *end, const char *action,
                        json_t *in, json_t **ret)
{
    g_autoptr(json_t) body = json_pack("{s:O}", action, in);
    g_autofree char *path = g_strdup_printf("protection-groups/%s/action", pair_id(pair));
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;
    struct ask ask = {.method = "POST", .path = path, .body = body};

    if (end == NULL)
        return pair_unreached(pair);
    trust_rearm(end);
    TRY(end_ask(end, &ask, &reply, NULL));
    const json_t *started = json_obj(reply, "operation");
    if (arg_flag(call, "no-wait")) {
        *ret = show_record(started, OP_COLUMNS);
        return NULL;
    }
    TRY(follow(end, json_str_or(started, "id", ""), NULL, &op));
    TRY(operation_outcome(op));
    *ret = show_record(op, OP_COLUMNS);
    return NULL;
}

/* "web-1=tcp:22" is web-1's; "tcp:22", and "http:80/=204", are each server's. */
static void check_given(const char *text, json_t *checks)
{
    static const char *const kinds[] = {"tcp:", "http:", "https:", "console:"};
    const char *equals = strchr(text, '=');
    bool each = equals == NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        each = each || g_str_has_prefix(text, kinds[i]);
    g_autofree char *server = each ? g_strdup("*") : g_strndup(text, (gsize)(equals - text));
    json_t *list = json_arr(checks, server);
    if (list == NULL)
        json_set(checks, server, list = json_array());
    json_array_append_new(list, json_string(each ? text : equals + 1));
}

static err_t *checks_given(struct call *call, json_t *in)
{
    static const char *const options[] = {"check-timeout", "check-threshold", NULL};
    static const char *const keys[] = {"check_timeout_s", "check_threshold_percent"};
    g_autoptr(json_t) numbers = json_object();
    json_t *checks = json_object();
    size_t i;
    json_t *text;

    json_set(in, "checks", checks);
    json_array_foreach(json_arr(call->args, "check"), i, text)
        check_given(json_string_value(text), checks);
    TRY(numbers_take(call, options, numbers));
    for (i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *given = g_strdelimit(g_strdup(options[i]), "-", '_');
        json_t *value = json_object_get(numbers, given);
        if (value != NULL)
            json_object_set(in, keys[i], value);
    }
    return NULL;
}

static err_t *drill_run(struct call *call, struct pair *pair, json_t **ret)
{
    g_autoptr(json_t) in = json_object();

    TRY(mappings_given(call, in));
    if (arg_flag(call, "dry-run"))
        return plan_show(call, pair, pair_standby(pair), "test_failover", false, json_incref(in),
                         ret);
    plan_given(call, in);
    TRY(checks_given(call, in));
    json_set_bool(in, "auto_cleanup", arg_flag(call, "auto-cleanup"));
    json_set_bool(in, "keep", arg_flag(call, "keep"));
    return action_at(call, pair, pair_standby(pair), "test_failover", in, ret);
}

err_t *cmd_test_failover(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = drill_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}

/* Where the drill is: at the standby, or at a site that has become active since. */
static err_t *cleanup_run(struct call *call, struct pair *pair, json_t **ret)
{
    g_autoptr(json_t) in = json_object();
    err_t *e = action_at(call, pair, pair_standby(pair), "test_cleanup", in, ret);

    if (e == NULL || pair_active(pair) == NULL ||
        !(err_is(e, ERR_GROUP_STATE) || err_is(e, ERR_PEER_UNREACHABLE)))
        return e;
    err_t *other = action_at(call, pair, pair_active(pair), "test_cleanup", in, ret);
    if (other == NULL) {
        err_free(e);
        return NULL;
    }
    err_free(other); /* it has none either */
    return e;
}

err_t *cmd_test_cleanup(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = cleanup_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}

/* ---- reprotect, a point now ---- */

static err_t *reprotect_run(struct call *call, struct pair *pair, json_t **ret)
{
    g_autoptr(json_t) body = json_pack("{s:{}}", "reprotect");
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;

    TRY(change_run(pair, "POST", "/action", body, !arg_flag(call, "no-wait"), &reply));
    const char *id = json_str_or(json_obj(reply, "operation"), "id", "");
    TRY(end_get_object(pair_active(pair), "operation", &op, "operations/%s", id));
    *ret = show_record(op, OP_COLUMNS);
    return NULL;
}

err_t *cmd_reprotect(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = reprotect_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}

err_t *cmd_cg_sync(struct call *call, json_t **ret)
{
    g_autoptr(json_t) in = json_object();
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = action_at(call, &pair, pair_active(&pair), "sync", in, ret);
    pair_close(&pair);
    return e;
}
