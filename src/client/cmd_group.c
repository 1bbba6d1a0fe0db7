/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_group - protection groups and what belongs to one: members, policy, mappings. */
#include "client/client_internal.h"

#include "model/body.h"

#define PANEL_COLUMNS                                                                              \
    "id name status replication_type primary_site secondary_site consistency_group_id "            \
    "failover_count created_at"
#define SHOW_COLUMNS                                                                               \
    "id name description status replication_type primary_site secondary_site "                     \
    "current_primary_site volume_type "                                                            \
    "secondary_volume_type consistency_group_id failover_count last_failover_at "                  \
    "last_replication_at version "                                                                 \
    "role member_count has_policy trusts health health_details error_message created_at "          \
    "updated_at"

static err_t *group_show(struct end *end, const char *id, const char *columns, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(end_get(end, &reply, "protection-groups/%s", id));
    *ret = show_record(json_obj(reply, "protection_group"), columns);
    return NULL;
}

/* ---- create ---- */

static err_t *site_named(struct end *end, const char *name, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autofree char *encoded = url_encode(name);

    TRY(end_get(end, &reply, "sites/%s", encoded));
    *ret = json_incref(json_obj(reply, "site"));
    return NULL;
}

/* The two ends of a create: where the primary is, and the other one. */
struct creating {
    struct end *primary, *secondary;
    json_t *primary_site, *secondary_site;
    char *id;
};

static void creating_fini(struct creating *cr)
{
    json_decref(cr->primary_site);
    json_decref(cr->secondary_site);
    g_free(cr->id);
}

static err_t *creating_end(struct call *call, struct end *local, const json_t *site,
                           struct end **ret)
{
    *ret = local;
    if (json_bool(site, "is_local", false))
        return NULL;
    TRY(client_site_end(call->c, site, ret));
    return peer_project_check(local, local->project_id, *ret, json_str_or(site, "id", ""));
}

static err_t *creating_open(struct call *call, struct creating *cr)
{
    struct end *local = NULL;
    char uuid[37];

    TRY(client_local(call->c, &local));
    TRY(end_login(local));
    TRY(site_named(local, arg(call, "primary-site"), &cr->primary_site));
    TRY(site_named(local, arg(call, "secondary-site"), &cr->secondary_site));
    if (g_strcmp0(json_str(cr->primary_site, "id"), json_str(cr->secondary_site, "id")) == 0)
        return err(CLIENT_USAGE,
                   "--primary-site and --secondary-site are both '%s': a group joins two sites",
                   json_str_or(cr->primary_site, "name", ""));
    TRY(creating_end(call, local, cr->primary_site, &cr->primary));
    if (arg(call, "proof") == NULL)
        TRY(creating_end(call, local, cr->secondary_site, &cr->secondary));
    env_uuid(call->c->env, uuid);
    cr->id = arg(call, "id") != NULL ? g_strdup(arg(call, "id")) : g_strdup_printf("pg-%s", uuid);
    return NULL;
}

err_t *trust_put_at(struct end *end)
{
    struct ask ask = {.method = "PUT", .path = "trust"};

    TRY(end_login(end));
    return end_ask(end, &ask, NULL, NULL);
}

void trust_rearm(struct end *end)
{
    g_autoptr(err_t) e = trust_put_at(end);

    if (e != NULL)
        note_event(end->client, "warning",
                   "cloud '%s' may have no trust of the project that works, and this user could "
                   "not give one: %s",
                   end->cloud, err_message(e));
}

static err_t *create_ask(struct call *call, struct creating *cr, json_t **ret)
{
    json_t *pg = json_object();
    g_autoptr(json_t) body = json_pack("{s:o}", "protection_group", pg);
    g_autofree char *nonce = NULL;
    struct carrying how = {0};

    nonce = g_strdup(arg(call, "proof"));
    TRY(trust_put_at(cr->primary));
    if (nonce == NULL) {
        TRY(trust_put_at(cr->secondary));
        TRY(carry_proof(cr->primary, cr->secondary, cr->id, json_str(cr->secondary_site, "id"),
                        &how, &nonce));
    }
    json_set_str(pg, "id", cr->id);
    json_set_str(pg, "name", arg(call, "name"));
    if (arg(call, "description") != NULL)
        json_set_str(pg, "description", arg(call, "description"));
    json_set_str(pg, "replication_type", arg(call, "replication-type"));
    json_set_str(pg, "primary_site_id", json_str(cr->primary_site, "id"));
    json_set_str(pg, "secondary_site_id", json_str(cr->secondary_site, "id"));
    json_set_str(pg, "volume_type", arg(call, "volume-type"));
    if (arg(call, "secondary-volume-type") != NULL)
        json_set_str(pg, "secondary_volume_type", arg(call, "secondary-volume-type"));
    struct ask ask = {.method = "POST",
                      .path = "protection-groups",
                      .body = body,
                      .nonce = nonce,
                      .idempotency_key = arg(call, "idempotency-key")};
    return end_ask(cr->primary, &ask, ret, NULL);
}

/* Until the peer has accepted or refused. */
static err_t *create_finish(struct creating *cr, const json_t *reply)
{
    const char *op_id = json_str(json_obj(reply, "operation"), "id");
    const char *pg = json_str_or(json_obj(reply, "protection_group"), "id", cr->id);

    return op_id != NULL ? change_follow(cr->primary, cr->secondary, pg, op_id) : NULL;
}

err_t *cmd_pg_create(struct call *call, json_t **ret)
{
    struct creating cr = {0};
    g_autoptr(json_t) reply = NULL;

    err_t *e = creating_open(call, &cr);
    if (e == NULL) {
        if (arg(call, "proof") == NULL)
            carry_project_first(call, cr.primary);
        e = create_ask(call, &cr, &reply);
    }
    if (e != NULL)
        e = peer_failed(call->c, arg(call, "name"), e);
    bool at_once = arg_flag(call, "no-wait") || arg(call, "proof") != NULL;
    if (e == NULL && !at_once)
        e = create_finish(&cr, reply);
    const json_t *pg = json_obj(reply, "protection_group");
    if (e == NULL && arg_flag(call, "wait"))
        e = group_show(cr.primary, json_str_or(pg, "id", cr.id), SHOW_COLUMNS, ret);
    else if (e == NULL && at_once)
        *ret = show_accepted(reply, PANEL_COLUMNS);
    else if (e == NULL)
        *ret = show_record(pg, PANEL_COLUMNS);
    creating_fini(&cr);
    return e;
}

/* ---- reading ---- */

err_t *cmd_pg_list(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) reply = NULL;
    const char *limit = arg(call, "limit"), *marker = arg(call, "marker");

    TRY(client_local(call->c, &local));
    TRY(end_login(local));
    g_autofree char *query =
        g_strdup_printf("?limit=%s%s%s", limit != NULL ? limit : "1000",
                        marker != NULL ? "&marker=" : "", marker != NULL ? marker : "");
    carry_project_first(call, local);
    TRY(end_get(local, &reply, "protection-groups%s", query));
    *ret =
        show_list(json_arr(reply, "protection_groups"),
                  arg_flag(call, "long")
                      ? "id=ID|name=Name|status=Status|replication_type=Replication "
                        "Type|primary_site=Primary Site|"
                        "secondary_site=Secondary Site|current_primary_site=Current Primary Site|"
                        "member_count=Members|version=Version|epoch=Epoch|position=Position"
                      : "id=ID|name=Name|status=Status|replication_type=Replication Type|"
                        "primary_site=Primary Site|secondary_site=Secondary Site|"
                        "current_primary_site=Current Primary Site");
    return NULL;
}

/* {"site-a": "verified", "site-b": "missing"}: the peer's word if it is reached, else "not asked".
 */
static json_t *trusts_of_both(const struct pair *pair, const json_t *here)
{
    g_autoptr(json_t) reply = NULL;
    json_t *out = json_object();

    json_set_str(out, pair->local_name, json_str_or(here, "local", "missing"));
    g_autoptr(err_t) e = pair->peer != NULL
                             ? end_get(pair->peer, &reply, "protection-groups/%s", pair_id(pair))
                             : NULL;
    const char *there = json_str_at(reply, "protection_group/trusts/local");
    json_set_str(out, pair->peer_name, e == NULL && there != NULL ? there : "not asked");
    return out;
}

static err_t *show_both(struct call *call, struct pair *pair, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(end_get(pair->local, &reply, "protection-groups/%s", pair_id(pair)));
    json_t *group = json_obj(reply, "protection_group");
    json_t *here = json_object_get(group, "trusts");
    if (here != NULL)
        json_set(group, "trusts", trusts_of_both(pair, here));
    *ret =
        show_record(group, arg_flag(call, "long") ? SHOW_COLUMNS " epoch position" : SHOW_COLUMNS);
    return NULL;
}

err_t *cmd_pg_show(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    carry_first(call, &pair);
    err_t *e = show_both(call, &pair, ret);
    pair_close(&pair);
    return e;
}

/* ---- changes ---- */

/* Runs a change of a group and gives the group, or what 'after' makes of the pair. */
static err_t *change(struct call *call, const char *method, const char *path, json_t *takes,
                     err_t *(*after)(struct call *, struct pair *, const json_t *reply,
                                     json_t **ret),
                     json_t **ret)
{
    g_autoptr(json_t) body = takes;
    g_autoptr(json_t) reply = NULL;
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    pair.proof = arg(call, "proof");
    err_t *e = change_run(&pair, method, path, body, !arg_flag(call, "no-wait"), &reply);
    if (e == NULL && (pair.proof != NULL || arg_flag(call, "no-wait")) &&
        json_obj(reply, "operation") != NULL)
        *ret = show_accepted(reply, "");
    else if (e == NULL)
        e = after(call, &pair, reply, ret);
    pair_close(&pair);
    return e;
}

static err_t *after_group(struct call *call, struct pair *pair, const json_t *reply, json_t **ret)
{
    (void)call;
    (void)reply;
    return group_show(pair_active(pair), pair_id(pair), SHOW_COLUMNS, ret);
}

static err_t *after_nothing(struct call *call, struct pair *pair, const json_t *reply, json_t **ret)
{
    (void)call;
    (void)pair;
    (void)reply;
    *ret = json_pack("{s:s}", "kind", "nothing");
    return NULL;
}

err_t *cmd_pg_update(struct call *call, json_t **ret)
{
    json_t *pg = json_object();

    if (arg(call, "name") != NULL)
        json_set_str(pg, "name", arg(call, "name"));
    if (arg(call, "description") != NULL)
        json_set_str(pg, "description", arg(call, "description"));
    if (json_object_size(pg) == 0) {
        json_decref(pg);
        return err(CLIENT_USAGE, "nothing to change: give --name or --description");
    }
    return change(call, "PUT", "", json_pack("{s:o}", "protection_group", pg), after_group, ret);
}

/* What a command tells that takes something away: nothing once it is done, else what was begun. */
static json_t *taken_away(struct call *call, const json_t *reply)
{
    bool begun = arg_flag(call, "no-wait") || arg(call, "proof") != NULL;

    return begun && json_obj(reply, "operation") != NULL ? show_accepted(reply, "")
                                                         : json_pack("{s:s}", "kind", "nothing");
}

/* Nobody else has to be asked: the peer never accepted it, or said that it is gone there. */
static bool deleted_alone(const struct pair *pair)
{
    bool recovering = g_strcmp0(json_str(pair->group, "role"), "RECOVERING") == 0;

    return *json_str_or(pair->group, "position", "") == '\0' ||
           g_strcmp0(json_str(pair->group, "status"), "unprotected") == 0 ||
           (json_bool(pair->group, "peer_gone", false) && (pair->local_is_active || recovering));
}

static err_t *delete_here(struct pair *pair, json_t **ret)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s", pair_id(pair));
    struct ask ask = {.method = "DELETE", .path = path};

    return end_ask(pair->local, &ask, ret, NULL);
}

/* With both sites; where the other one answers that the group is gone there, without it. */
static err_t *delete_with_both(struct call *call, struct pair *pair, json_t **ret)
{
    err_t *e = change_run(pair, "DELETE", "", NULL, !arg_flag(call, "no-wait"), ret);

    if (e == NULL || pair->peer == NULL || pair->proof != NULL)
        return e;
    g_autoptr(err_t) unread = pair_refresh(pair);
    if (unread != NULL || !deleted_alone(pair))
        return e;
    err_free(e);
    return delete_here(pair, ret);
}

err_t *cmd_pg_delete(struct call *call, json_t **ret)
{
    struct pair pair;
    g_autoptr(json_t) reply = NULL;

    if (arg(call, "peer-is-gone") != NULL)
        return pg_delete_alone(call, ret);
    if (arg(call, "project") != NULL || arg_flag(call, "force"))
        return err(CLIENT_USAGE, "--project and --force go with --peer-is-gone");
    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    pair.proof = arg(call, "proof");
    err_t *e =
        deleted_alone(&pair) ? delete_here(&pair, &reply) : delete_with_both(call, &pair, &reply);
    pair_close(&pair);
    if (e == NULL)
        *ret = taken_away(call, reply);
    return e;
}

err_t *numbers_take(struct call *call, const char *const *options, json_t *out)
{
    for (; *options != NULL; options++) {
        g_autofree char *key = g_strdelimit(g_strdup(*options), "-", '_');
        const char *text = arg(call, *options);
        gint64 value = 0;
        if (text == NULL)
            continue;
        if (!g_ascii_string_to_signed(text, 10, 0, G_MAXINT32, &value, NULL))
            return err(CLIENT_USAGE, "--%s wants a number, not '%s'", *options, text);
        json_set_int(out, key, value);
    }
    return NULL;
}

/* ---- policy ---- */

#define POLICY_COLUMNS                                                                             \
    "primary_fa_url primary_fa_token secondary_fa_url secondary_fa_token pure_pg_name "            \
    "replication_interval rpo_minutes"

/* The manual's table, and what it does not know where that was asked for. */
static json_t *policy_shown(const json_t *policy)
{
    bool verifies = json_bool(policy, "verify_data", false);

    return show_record(policy, verifies ? POLICY_COLUMNS " verify_data" : POLICY_COLUMNS);
}

static err_t *verify_take(struct call *call, json_t *policy)
{
    bool on = arg_flag(call, "verify-data"), off = arg_flag(call, "no-verify-data");

    if (on && off)
        return err(CLIENT_USAGE, "--verify-data and --no-verify-data exclude each other");
    if (on || off)
        json_set_bool(policy, "verify_data", on);
    return NULL;
}

static err_t *policy_body(struct call *call, json_t **ret)
{
    static const char *const texts[] = {"primary-fa-url", "primary-fa-token", "secondary-fa-url",
                                        "secondary-fa-token", "pure-pg-name"};
    static const char *const numbers[] = {"replication-interval", "rpo-minutes", NULL};
    json_t *policy = json_object();
    g_autoptr(json_t) body = json_pack("{s:o}", "policy", policy);

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *key = g_strdelimit(g_strdup(texts[i]), "-", '_');
        if (arg(call, texts[i]) != NULL)
            json_set_str(policy, key, arg(call, texts[i]));
    }
    TRY(numbers_take(call, numbers, policy));
    TRY(verify_take(call, policy));
    *ret = TAKE(body);
    return NULL;
}

static err_t *after_policy(struct call *call, struct pair *pair, const json_t *reply, json_t **ret)
{
    g_autoptr(json_t) got = NULL;

    (void)call;
    (void)reply;
    TRY(end_get(pair_active(pair), &got, "protection-groups/%s/policy", pair_id(pair)));
    *ret = policy_shown(json_obj(got, "policy"));
    return NULL;
}

err_t *cmd_policy_create(struct call *call, json_t **ret)
{
    json_t *body = NULL;

    TRY(policy_body(call, &body));
    return change(call, "POST", "/policy", body, after_policy, ret);
}

err_t *cmd_policy_update(struct call *call, json_t **ret)
{
    json_t *body = NULL;

    TRY(policy_body(call, &body));
    return change(call, "PUT", "/policy", body, after_policy, ret);
}

err_t *cmd_policy_delete(struct call *call, json_t **ret)
{
    return change(call, "DELETE", "/policy", NULL, after_nothing, ret);
}

err_t *below(struct call *call, const char *what, json_t **ret)
{
    struct end *local = NULL;
    g_autofree char *group = url_encode(arg(call, "protection-group"));
    struct pair pair;

    TRY(client_local(call->c, &local));
    TRY(end_login(local));
    TRY(end_get(local, ret, "protection-groups/%s/%s", group, what));
    if (local->outbox == 0 || arg_flag(call, "no-carry"))
        return NULL;
    json_decref(*ret);
    *ret = NULL;
    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    carry_first(call, &pair);
    pair_close(&pair);
    return end_get(local, ret, "protection-groups/%s/%s", group, what);
}

err_t *cmd_policy_show(struct call *call, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(below(call, "policy", &reply));
    *ret = policy_shown(json_obj(reply, "policy"));
    return NULL;
}

/* ---- members ---- */

#define MEMBER_COLUMNS "id instance_id instance_name status volumes_added"

static err_t *after_member(struct call *call, struct pair *pair, const json_t *reply, json_t **ret)
{
    g_autoptr(json_t) got = NULL;
    const char *id = json_str_or(json_obj(reply, "member"), "id", "");

    (void)call;
    TRY(end_get(pair_active(pair), &got, "protection-groups/%s/members/%s", pair_id(pair), id));
    *ret = show_record(json_obj(got, "member"), MEMBER_COLUMNS);
    return NULL;
}

/* Times are in seconds, as the API says in their names. */
static err_t *order_take(struct call *call, json_t *member)
{
    static const char *const numbers[] = {"priority", "start-delay", "start-timeout", NULL};
    static const char *const keys[][2] = {{"priority", "priority"},
                                          {"start_delay", "start_delay_s"},
                                          {"start_timeout", "start_timeout_s"}};
    g_autoptr(json_t) given = json_object();

    TRY(numbers_take(call, numbers, given));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(given, keys[i][0]);
        if (value != NULL)
            json_object_set(member, keys[i][1], value);
    }
    if (arg(call, "start-check") != NULL)
        json_set_str(member, "start_check", arg(call, "start-check"));
    return NULL;
}

err_t *cmd_member_add(struct call *call, json_t **ret)
{
    g_autoptr(json_t) member = json_pack("{s:s}", "instance_id", arg(call, "instance-id"));

    TRY(order_take(call, member));
    return change(call, "POST", "/members", json_pack("{s:O}", "member", member), after_member,
                  ret);
}

err_t *cmd_member_update(struct call *call, json_t **ret)
{
    g_autoptr(json_t) member = json_object();
    g_autofree char *id = url_encode(arg(call, "member-id"));
    g_autofree char *path = g_strdup_printf("/members/%s", id);

    TRY(order_take(call, member));
    if (json_object_size(member) == 0)
        return err(
            CLIENT_USAGE,
            "nothing to change: give --priority, --start-delay, --start-check or --start-timeout");
    return change(call, "PUT", path, json_pack("{s:O}", "member", member), after_member, ret);
}

err_t *cmd_member_list(struct call *call, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(below(call, "members?limit=1000", &reply));
    *ret = show_list(json_arr(reply, "members"),
                     "id=ID|instance_name=Instance Name|instance_id=Instance "
                     "ID|status=Status|volumes_added=Volumes");
    return NULL;
}

err_t *cmd_member_show(struct call *call, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autofree char *id = url_encode(arg(call, "member"));
    g_autofree char *what = g_strdup_printf("members/%s", id);

    TRY(below(call, what, &reply));
    *ret = show_record(json_obj(reply, "member"),
                       MEMBER_COLUMNS " priority start_delay_s start_check start_timeout_s health "
                                      "health_details error_message volumes servers created_at");
    return NULL;
}

/*
 * The member as a site shows it: the local one, or the other one, where alone the row of an add
 * stands that failed there.  '*ret_end' is who has it.
 */
static err_t *member_look(struct pair *pair, const char *path, struct end **ret_end, json_t **ret)
{
    err_t *e = end_get(pair->local, ret, "%s", path);

    *ret_end = pair->local;
    if (e == NULL || err_http_status(e) != 404 || pair->peer == NULL || pair->proof != NULL)
        return e;
    g_autoptr(err_t) there = end_get(pair->peer, ret, "%s", path);
    if (there != NULL)
        return e;
    *ret_end = pair->peer;
    err_free(e);
    return NULL;
}

static err_t *member_remove(struct call *call, struct pair *pair, const char *path, json_t **ret)
{
    g_autofree char *whole = g_strdup_printf("protection-groups/%s%s", pair_id(pair), path);
    g_autoptr(json_t) shown = NULL;
    struct end *at = NULL;
    struct ask ask = {.method = "DELETE", .path = whole};

    TRY(member_look(pair, whole, &at, &shown));
    if (!json_bool(json_obj(shown, "member"), "in_metadata", true))
        return end_ask(at, &ask, NULL, NULL); /* it stands in no version: the peer need not know */
    return change_run(pair, "DELETE", path, NULL, !arg_flag(call, "no-wait"), ret);
}

err_t *cmd_member_remove(struct call *call, json_t **ret)
{
    const char *member =
        arg(call, "member-id") != NULL ? arg(call, "member-id") : arg(call, "member");
    struct pair pair;
    g_autoptr(json_t) reply = NULL;

    if (member == NULL)
        return err(CLIENT_USAGE, "which member? give --member-id ID");
    g_autofree char *id = url_encode(member);
    g_autofree char *path = g_strdup_printf("/members/%s", id);
    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    pair.proof = arg(call, "proof");
    err_t *e = member_remove(call, &pair, path, &reply);
    pair_close(&pair);
    if (e == NULL)
        *ret = taken_away(call, reply);
    return e;
}

/* ---- consistency group and mappings ---- */

err_t *cmd_cg_show(struct call *call, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(below(call, "consistency-group", &reply));
    *ret = show_record(
        json_obj(reply, "consistency_group"),
        "id protection_group_id volume_type_name backend_name primary_cg_id secondary_cg_id status "
        "volume_count");
    return NULL;
}

/* "--network-mapping SRC=DST", several times, into {"network": {SRC: DST}}. */
static err_t *mappings_read(struct call *call, bool unset, json_t *ret)
{
    for (size_t k = 0; body_mapping_kinds[k] != NULL; k++) {
        g_autofree char *option = mapping_option(body_mapping_kinds[k]);
        json_t *list = json_arr(call->args, option);
        json_t *rows = json_object();
        size_t i;
        json_t *text;
        json_array_foreach(list, i, text)
        {
            g_auto(GStrv) pair = g_strsplit(json_string_value(text), "=", 2);
            if (!unset &&
                (pair[0] == NULL || pair[1] == NULL || *pair[0] == '\0' || *pair[1] == '\0')) {
                json_decref(rows);
                return err(CLIENT_USAGE, "--%s wants SRC=DST, not '%s'", option,
                           json_string_value(text));
            }
            json_set_str(rows, pair[0], unset ? NULL : pair[1]);
        }
        if (json_object_size(rows) > 0)
            json_set(ret, body_mapping_kinds[k], rows);
        else
            json_decref(rows);
    }
    return NULL;
}

static err_t *after_mappings(struct call *call, struct pair *pair, const json_t *reply,
                             json_t **ret)
{
    (void)pair;
    (void)reply;
    return cmd_map_list(call, ret);
}

static err_t *mappings_change(struct call *call, bool unset, json_t **ret)
{
    g_autoptr(json_t) mappings = json_object();

    TRY(mappings_read(call, unset, mappings));
    if (json_object_size(mappings) == 0)
        return err(CLIENT_USAGE, "give --network-mapping, --flavor-mapping, --image-mapping, "
                                 "--floating-ip-mapping or --availability-zone-mapping");
    return change(call, "PUT", "/mappings", json_pack("{s:O}", "mappings", mappings),
                  after_mappings, ret);
}

err_t *cmd_map_set(struct call *call, json_t **ret)
{
    return mappings_change(call, false, ret);
}

err_t *cmd_map_unset(struct call *call, json_t **ret)
{
    return mappings_change(call, true, ret);
}

/* The name of a site in the list of the local one; its id if it is not there. */
static const char *site_name(const json_t *sites, const char *id)
{
    size_t i;
    json_t *site;

    json_array_foreach((json_t *)sites, i, site)
    {
        if (g_strcmp0(json_str(site, "id"), id) == 0)
            return json_str_or(site, "name", id);
    }
    return id;
}

static void map_rows(const json_t *kinds, const char *id, const char *name, json_t *list)
{
    const char *kind, *source;
    json_t *rows, *target;

    json_object_foreach((json_t *)kinds, kind, rows)
    {
        json_object_foreach(rows, source, target)
        {
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", name,
                                                  "site_id", id, "kind", kind, "source", source,
                                                  "target", json_string_value(target)));
        }
    }
}

err_t *cmd_map_list(struct call *call, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) sites = NULL;
    g_autoptr(json_t) list = json_array();
    struct end *local = NULL;
    const char *id;
    json_t *kinds;

    TRY(below(call, "mappings", &reply));
    TRY(client_local(call->c, &local));
    TRY(end_get(local, &sites, "sites?limit=1000"));
    json_object_foreach(json_obj(reply, "mappings"), id, kinds)
        map_rows(kinds, id, site_name(json_arr(sites, "sites"), id), list);
    *ret = show_list(list, "kind=Kind|source=Source|target=Target|site=Source Site");
    return NULL;
}
