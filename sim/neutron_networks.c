/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_networks - networks.  A tenant sees his own, shared and external ones.
 */
#include "sim/neutron.h"

#include <string.h>

#define VXLAN_FIRST 1000

static json_t *subnets_of(struct site *site, const char *network_id)
{
    json_t *ids = json_array();
    const char *id = NULL;
    json_t *subnet = NULL;
    sim_site_each(site, "subnets", id, subnet)
    {
        if (strcmp(json_str(subnet, "network_id"), network_id) == 0)
            json_array_append_new(ids, json_string(id));
    }
    return ids;
}

static json_t *network_view(struct call *call, json_t *row)
{
    static const char *const keys[] = {"name",
                                       "admin_state_up",
                                       "mtu",
                                       "status",
                                       "shared",
                                       "port_security_enabled",
                                       "router:external",
                                       "availability_zone_hints",
                                       "availability_zones",
                                       "ipv4_address_scope",
                                       "ipv6_address_scope",
                                       NULL};
    static const char *const admin_keys[] = {"provider:network_type", "provider:physical_network",
                                             "provider:segmentation_id"};
    json_t *view = sim_neutron_pick(row, keys);
    json_set(view, "subnets", subnets_of(call->site, json_str(row, "id")));
    if (json_bool(row, "router:external", false))
        json_set_bool(view, "is_default", false);
    for (size_t i = 0; call->admin && i < G_N_ELEMENTS(admin_keys); i++)
        json_object_set(view, admin_keys[i], json_object_get(row, admin_keys[i]));
    return view;
}

static bool network_seen(struct call *call, const json_t *row)
{
    return sim_call_sees(call, row) || json_bool(row, "shared", false) ||
           json_bool(row, "router:external", false);
}

const struct sim_neutron_kind sim_neutron_networks = {
    .table = "networks",
    .path = "networks",
    .singular = "network",
    .quota = "network",
    .not_found = "NetworkNotFound",
    .missing = "Network %s could not be found.",
    .view = network_view,
    .seen = network_seen,
};

json_t *sim_neutron_network_seen(struct call *call, const char *id)
{
    json_t *row = sim_site_row(call->site, "networks", id);
    return row != NULL && network_seen(call, row) ? row : NULL;
}

json_t *sim_neutron_network_add(struct site *site, const char *project_id, const char *name,
                                json_t *fields)
{
    const char *type = json_str_or(fields, "provider:network_type", "vxlan");
    bool vxlan = strcmp(type, "vxlan") == 0;
    json_t *row =
        js("{s:s, s:b, s:i, s:s, s:b, s:b, s:b, s:[], s:[], s:n, s:n, s:s, s:n, s:o}", "name", name,
           "admin_state_up", 1, "mtu", vxlan ? 1450 : 1500, "status", "ACTIVE", "shared", 0,
           "port_security_enabled", 1, "router:external", 0, "availability_zone_hints",
           "availability_zones", "ipv4_address_scope", "ipv6_address_scope",
           "provider:network_type", type, "provider:physical_network", "provider:segmentation_id",
           vxlan ? json_integer(VXLAN_FIRST + sim_site_serial(site, "vxlan")) : json_null());
    json_object_update(row, fields);
    json_decref(fields);
    return sim_neutron_add(site, &sim_neutron_networks, project_id, row);
}

struct http_response *sim_neutron_network_list(struct call *call)
{
    return sim_neutron_list(call, &sim_neutron_networks);
}

struct http_response *sim_neutron_network_show(struct call *call)
{
    return sim_neutron_show(call, &sim_neutron_networks);
}

static const char *const network_attributes[] = {"admin_state_up",
                                                 "shared",
                                                 "router:external",
                                                 "provider:network_type",
                                                 "provider:physical_network",
                                                 "provider:segmentation_id",
                                                 "mtu",
                                                 "port_security_enabled",
                                                 "availability_zone_hints",
                                                 "is_default",
                                                 "dns_domain",
                                                 NULL};

/* NULL: the caller may set what he asks for. */
static struct http_response *network_gate(struct call *call, const json_t *asked,
                                          const char *action)
{
    static const char *const for_admins[] = {"shared", "router:external", "provider:network_type",
                                             "provider:physical_network",
                                             "provider:segmentation_id"};
    for (size_t i = 0; !call->admin && i < G_N_ELEMENTS(for_admins); i++) {
        const json_t *value = json_object_get(asked, for_admins[i]);
        if (value != NULL && !json_is_false(value))
            return sim_neutron_policy(call, action, for_admins[i]);
    }
    return NULL;
}

/* The attributes of the request but those of every object. */
static json_t *fields_of(const json_t *asked)
{
    json_t *fields = json_copy((json_t *)asked);
    static const char *const drop[] = {"tenant_id", "project_id", "name", "is_default"};
    for (size_t i = 0; i < G_N_ELEMENTS(drop); i++)
        json_object_del(fields, drop[i]);
    return fields;
}

struct http_response *sim_neutron_network_create(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *asked = sim_neutron_asked(call, &sim_neutron_networks, network_attributes, &resp);
    if (asked == NULL)
        return resp;
    resp = network_gate(call, asked, "create_network");
    const char *owner = sim_neutron_owner(call, asked);
    if (resp == NULL)
        resp = sim_neutron_quota_check(call, &sim_neutron_networks, owner);
    if (resp != NULL)
        return resp;
    json_t *row = sim_neutron_network_add(call->site, owner, json_str_or(asked, "name", ""),
                                          fields_of(asked));
    json_t *view = network_view(call, row);
    json_set_bool(view, "is_default", false);
    return sim_call_json(call, 201, js("{s:o}", "network", view));
}

/* The network of the path if the caller owns it; else NULL and the answer. */
static json_t *own_network(struct call *call, const char *action, struct http_response **ret)
{
    json_t *row = sim_neutron_here(call, &sim_neutron_networks, ret);
    if (row == NULL || sim_neutron_owned(call, row))
        return row;
    *ret = sim_call_forbid(call, action);
    return NULL;
}

struct http_response *sim_neutron_network_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = own_network(call, "update_network", &resp);
    if (row == NULL)
        return resp;
    const json_t *asked = sim_neutron_asked(call, &sim_neutron_networks, network_attributes, &resp);
    if (asked == NULL)
        return resp;
    resp = network_gate(call, asked, "update_network");
    if (resp != NULL)
        return resp;
    g_autoptr(json_t) fields = fields_of(asked);
    json_object_update(row, fields);
    if (json_str(asked, "name") != NULL)
        json_set_str(row, "name", json_str(asked, "name"));
    sim_neutron_touch(call->site, row);
    return sim_neutron_answer(call, &sim_neutron_networks, 200, row);
}

/* The ports that keep a network, by comma; NULL if there is none. */
static char *ports_in_use(struct site *site, const char *network_id)
{
    GString *ids = g_string_new(NULL);
    const char *id = NULL;
    json_t *port = NULL;
    sim_site_each(site, "ports", id, port)
    {
        if (strcmp(json_str(port, "network_id"), network_id) == 0)
            g_string_append_printf(ids, "%s%s", ids->len > 0 ? "," : "", id);
    }
    return g_string_free(ids, ids->len == 0);
}

struct http_response *sim_neutron_network_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (own_network(call, "delete_network", &resp) == NULL)
        return resp;
    g_autofree char *ports = ports_in_use(call->site, call->arg[0]);
    if (ports != NULL)
        return sim_call_fail_type(
            call, 409, "NetworkInUse",
            "Unable to complete operation on network %s. There are one or more "
            "ports still in use on the network, id for these ports is: %s.",
            call->arg[0], ports);
    g_autoptr(json_t) subnets = subnets_of(call->site, call->arg[0]);
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(subnets, i, id) sim_site_drop(call->site, "subnets", json_string_value(id));
    sim_site_drop(call->site, "networks", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}
