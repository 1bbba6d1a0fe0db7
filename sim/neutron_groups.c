/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_groups - security groups and their rules.  A project's group "default" is made when
 * it is first looked for.
 */
#include "sim/neutron.h"

#include <string.h>

static const char *const rule_keys[] = {"security_group_id",
                                        "ethertype",
                                        "direction",
                                        "protocol",
                                        "port_range_min",
                                        "port_range_max",
                                        "remote_ip_prefix",
                                        "remote_address_group_id",
                                        "normalized_cidr",
                                        "remote_group_id",
                                        NULL};

static json_t *rule_view(struct call *call, json_t *row)
{
    (void)call;
    json_t *view = sim_neutron_pick(row, rule_keys);
    json_object_del(view, "tags");
    return view;
}

static json_t *group_view(struct call *call, json_t *row)
{
    (void)call;
    static const char *const keys[] = {"name", "stateful", "shared", NULL};
    json_t *view = sim_neutron_pick(row, keys);
    json_t *rules = json_array();
    const char *id = NULL;
    json_t *rule = NULL;
    sim_site_each(call->site, "security_group_rules", id, rule)
    {
        if (strcmp(json_str(rule, "security_group_id"), json_str(row, "id")) != 0)
            continue;
        json_t *inner = sim_neutron_pick(rule, rule_keys);
        json_set_int(inner, "standard_attr_id", json_int(rule, "standard_attr_id", 0));
        json_array_append_new(rules, inner);
    }
    json_set(view, "security_group_rules", rules);
    return view;
}

const struct sim_neutron_kind sim_neutron_security_groups = {
    .table = "security_groups",
    .path = "security-groups",
    .singular = "security_group",
    .quota = "security_group",
    .not_found = "SecurityGroupNotFound",
    .missing = "Security group %s does not exist",
    .view = group_view,
    .seen = sim_neutron_owned,
};

const struct sim_neutron_kind sim_neutron_security_group_rules = {
    .table = "security_group_rules",
    .path = "security-group-rules",
    .singular = "security_group_rule",
    .quota = "security_group_rule",
    .not_found = "SecurityGroupRuleNotFound",
    .missing = "Security group rule %s does not exist",
    .view = rule_view,
    .seen = sim_neutron_owned,
};

json_t *sim_neutron_rule_add(struct site *site, const json_t *group, const char *direction,
                             const char *ethertype, json_t *fields)
{
    json_t *row =
        js("{s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:I, s:i}", "security_group_id",
           json_str(group, "id"), "direction", direction, "ethertype", ethertype, "protocol",
           "port_range_min", "port_range_max", "remote_ip_prefix", "remote_address_group_id",
           "normalized_cidr", "remote_group_id", "description", "standard_attr_id",
           (json_int_t)sim_site_serial(site, "standard_attr"), "revision_number", 0);
    if (fields != NULL)
        json_object_update(row, fields);
    json_decref(fields);
    return sim_neutron_add(site, &sim_neutron_security_group_rules, json_str(group, "project_id"),
                           row);
}

void sim_neutron_group_default_rules(struct site *site, const json_t *group, bool is_default)
{
    static const char *const types[] = {"IPv4", "IPv6"};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (is_default)
            sim_neutron_rule_add(site, group, "ingress", types[i],
                                 js("{s:s}", "remote_group_id", json_str(group, "id")));
        sim_neutron_rule_add(site, group, "egress", types[i], NULL);
    }
}

json_t *sim_neutron_group_add(struct site *site, const char *project_id, const char *name,
                              const char *description)
{
    json_t *group = sim_neutron_add(site, &sim_neutron_security_groups, project_id,
                                    js("{s:s, s:s, s:b, s:b}", "name", name, "description",
                                       description, "stateful", 1, "shared", 0));
    sim_neutron_group_default_rules(site, group, strcmp(name, "default") == 0);
    return group;
}

json_t *sim_neutron_group_named(struct site *site, const char *project_id, const char *name)
{
    json_t *found = NULL;
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, "security_groups", id, row)
    {
        if (g_strcmp0(json_str(row, "project_id"), project_id) != 0)
            continue;
        if (g_strcmp0(id, name) == 0)
            return row;
        if (g_strcmp0(json_str(row, "name"), name) == 0)
            found = found == NULL ? row : found;
    }
    return found;
}

const char *sim_neutron_default_group(struct site *site, const char *project_id)
{
    const json_t *group = sim_neutron_group_named(site, project_id, "default");
    if (group == NULL)
        group = sim_neutron_group_add(site, project_id, "default", "Default security group");
    return json_str(group, "id");
}

/* ---- groups ---- */

struct http_response *sim_neutron_group_list(struct call *call)
{
    return sim_neutron_list(call, &sim_neutron_security_groups);
}

struct http_response *sim_neutron_group_show(struct call *call)
{
    return sim_neutron_show(call, &sim_neutron_security_groups);
}

static const char *const group_attributes[] = {"stateful", "shared", NULL};

struct http_response *sim_neutron_group_create(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *asked =
        sim_neutron_asked(call, &sim_neutron_security_groups, group_attributes, &resp);
    if (asked == NULL)
        return resp;
    const char *name = json_str_or(asked, "name", "");
    const char *owner = sim_neutron_owner(call, asked);
    sim_neutron_default_group(call->site, owner);
    if (strcmp(name, "default") == 0)
        return sim_call_fail_type(call, 409, "SecurityGroupDefaultAlreadyExists",
                                  "Default security group already exists.");
    resp = sim_neutron_quota_check(call, &sim_neutron_security_groups, owner);
    if (resp != NULL)
        return resp;
    json_t *group =
        sim_neutron_group_add(call->site, owner, name, json_str_or(asked, "description", ""));
    return sim_neutron_answer(call, &sim_neutron_security_groups, 201, group);
}

struct http_response *sim_neutron_group_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = sim_neutron_here(call, &sim_neutron_security_groups, &resp);
    if (row == NULL)
        return resp;
    json_t *asked = sim_neutron_asked(call, &sim_neutron_security_groups, group_attributes, &resp);
    if (asked == NULL)
        return resp;
    json_object_update(row, asked);
    sim_neutron_touch(call->site, row);
    return sim_neutron_answer(call, &sim_neutron_security_groups, 200, row);
}

static bool group_used(struct site *site, const char *group_id)
{
    const char *id = NULL;
    json_t *port = NULL;
    sim_site_each(site, "ports", id, port)
    {
        if (js_has(json_arr(port, "security_groups"), group_id))
            return true;
    }
    return false;
}

struct http_response *sim_neutron_group_delete(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *row = sim_neutron_here(call, &sim_neutron_security_groups, &resp);
    if (row == NULL)
        return resp;
    if (group_used(call->site, call->arg[0]))
        return sim_call_fail_type(call, 409, "SecurityGroupInUse", "Security Group %s in use.",
                                  call->arg[0]);
    if (strcmp(json_str(row, "name"), "default") == 0 && !call->admin)
        return sim_call_fail_type(call, 409, "SecurityGroupCannotRemoveDefault",
                                  "Insufficient rights for removing default security group.");
    json_t *rule = NULL;
    while ((rule = sim_site_find(call->site, "security_group_rules", "security_group_id",
                                 call->arg[0])) != NULL) {
        g_autofree char *id = g_strdup(json_str(rule, "id"));
        sim_site_drop(call->site, "security_group_rules", id);
    }
    sim_site_drop(call->site, "security_groups", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}

/* ---- rules ---- */

struct http_response *sim_neutron_rule_list(struct call *call)
{
    return sim_neutron_list(call, &sim_neutron_security_group_rules);
}

struct http_response *sim_neutron_rule_show(struct call *call)
{
    return sim_neutron_show(call, &sim_neutron_security_group_rules);
}

/* The same rule in the group, or NULL. */
static const json_t *rule_twin(struct site *site, const json_t *fields, const char *group_id,
                               const char *direction, const char *ethertype)
{
    static const char *const keys[] = {"protocol", "port_range_min", "port_range_max",
                                       "remote_ip_prefix", "remote_group_id"};
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, "security_group_rules", id, row)
    {
        bool same = strcmp(json_str(row, "security_group_id"), group_id) == 0 &&
                    strcmp(json_str(row, "direction"), direction) == 0 &&
                    strcmp(json_str(row, "ethertype"), ethertype) == 0;
        for (size_t i = 0; same && i < G_N_ELEMENTS(keys); i++) {
            json_t *want = json_object_get(fields, keys[i]);
            json_t *have = json_object_get(row, keys[i]);
            same = want == NULL ? json_is_null(have) : json_equal(want, have);
        }
        if (same)
            return row;
    }
    return NULL;
}

/* The request's fields as a row keeps them. */
static json_t *rule_fields(const json_t *asked)
{
    static const char *const keys[] = {"port_range_min", "port_range_max", "remote_ip_prefix",
                                       "remote_group_id"};
    json_t *fields = json_object();
    json_set_str(fields, "description", json_str_or(asked, "description", ""));
    json_t *protocol = json_object_get(asked, "protocol");
    if (json_is_integer(protocol))
        json_set(fields, "protocol",
                 js_take(g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(protocol))));
    else if (json_is_string(protocol) && strcmp(json_string_value(protocol), "any") != 0)
        json_object_set(fields, "protocol", protocol);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(asked, keys[i]);
        if (value != NULL)
            json_object_set(fields, keys[i], value);
    }
    if (json_str(asked, "remote_ip_prefix") != NULL)
        json_set_str(fields, "normalized_cidr", json_str(asked, "remote_ip_prefix"));
    return fields;
}

static const char *const rule_attributes[] = {"security_group_id",
                                              "direction",
                                              "ethertype",
                                              "protocol",
                                              "port_range_min",
                                              "port_range_max",
                                              "remote_ip_prefix",
                                              "remote_group_id",
                                              "remote_address_group_id",
                                              NULL};

/* NULL: the rule makes sense. */
static struct http_response *rule_check(struct call *call, const json_t *asked)
{
    const char *direction = json_str(asked, "direction");
    const char *group_id = json_str(asked, "security_group_id");
    if (direction == NULL ||
        (strcmp(direction, "ingress") != 0 && strcmp(direction, "egress") != 0))
        return sim_call_fail_type(call, 400, "HTTPBadRequest",
                                  "Invalid input for direction. Reason: '%s' is not in ['ingress', "
                                  "'egress'].",
                                  direction != NULL ? direction : "None");
    if (!sim_call_sees(call, sim_site_row(call->site, "security_groups", group_id)))
        return sim_neutron_missing(call, &sim_neutron_security_groups, group_id);
    const char *remote = json_str(asked, "remote_group_id");
    if (remote != NULL && sim_site_row(call->site, "security_groups", remote) == NULL)
        return sim_neutron_missing(call, &sim_neutron_security_groups, remote);
    if (remote != NULL && json_str(asked, "remote_ip_prefix") != NULL)
        return sim_call_fail_type(call, 400, "SecurityGroupMultipleRemoteEntites",
                                  "Only one of remote_ip_prefix, remote_group_id or "
                                  "remote_address_group_id may be provided.");
    return sim_neutron_quota_check(call, &sim_neutron_security_group_rules, call->project_id);
}

struct http_response *sim_neutron_rule_create(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *asked =
        sim_neutron_asked(call, &sim_neutron_security_group_rules, rule_attributes, &resp);
    if (asked == NULL)
        return resp;
    resp = rule_check(call, asked);
    if (resp != NULL)
        return resp;
    const char *group_id = json_str(asked, "security_group_id");
    const char *direction = json_str(asked, "direction");
    const char *ethertype = json_str_or(asked, "ethertype", "IPv4");
    g_autoptr(json_t) fields = rule_fields(asked);
    const json_t *twin = rule_twin(call->site, fields, group_id, direction, ethertype);
    if (twin != NULL)
        return sim_call_fail_type(call, 409, "SecurityGroupRuleExists",
                                  "Security group rule already exists. Rule id is %s.",
                                  json_str(twin, "id"));
    json_t *group = sim_site_row(call->site, "security_groups", group_id);
    json_t *rule =
        sim_neutron_rule_add(call->site, group, direction, ethertype, g_steal_pointer(&fields));
    sim_neutron_touch(call->site, group);
    return sim_neutron_answer(call, &sim_neutron_security_group_rules, 201, rule);
}

struct http_response *sim_neutron_rule_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (sim_neutron_here(call, &sim_neutron_security_group_rules, &resp) == NULL)
        return resp;
    sim_site_drop(call->site, "security_group_rules", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}
