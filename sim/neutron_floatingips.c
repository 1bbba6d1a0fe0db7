/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_floatingips - floating addresses.  Without an L3 agent they stay DOWN, as in the lab.
 */
#include "sim/neutron.h"

#include <string.h>

static json_t *port_details(struct site *site, const char *port_id)
{
    const json_t *port = sim_site_row(site, "ports", port_id);
    if (port == NULL)
        return json_null();
    return js("{s:s, s:s, s:s, s:b, s:s, s:s, s:s}", "name", json_str(port, "name"), "network_id",
              json_str(port, "network_id"), "mac_address", json_str(port, "mac_address"),
              "admin_state_up", json_bool(port, "admin_state_up", true), "status",
              json_str(port, "status"), "device_id", json_str(port, "device_id"), "device_owner",
              json_str(port, "device_owner"));
}

static json_t *floating_view(struct call *call, json_t *row)
{
    static const char *const keys[] = {"floating_ip_address",
                                       "floating_network_id",
                                       "router_id",
                                       "port_id",
                                       "fixed_ip_address",
                                       "status",
                                       NULL};
    json_t *view = sim_neutron_pick(row, keys);
    json_set(view, "port_details", port_details(call->site, json_str(row, "port_id")));
    return view;
}

const struct sim_neutron_kind sim_neutron_floatingips = {
    .table = "floatingips",
    .path = "floatingips",
    .singular = "floatingip",
    .quota = "floatingip",
    .not_found = "FloatingIPNotFound",
    .missing = "Floating IP %s could not be found",
    .view = floating_view,
    .seen = sim_neutron_owned,
};

const char *sim_neutron_floating_of(struct site *site, const char *port_id, const char *fixed_ip)
{
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, "floatingips", id, row)
    {
        if (g_strcmp0(json_str(row, "port_id"), port_id) == 0 &&
            g_strcmp0(json_str(row, "fixed_ip_address"), fixed_ip) == 0)
            return json_str(row, "floating_ip_address");
    }
    return NULL;
}

/* The router that leads from the port's subnet to the external network; NULL: none does. */
static const char *router_between(struct site *site, const json_t *port, const char *network_id)
{
    const char *own = json_str(json_array_get(json_arr(port, "fixed_ips"), 0), "subnet_id");
    const char *id = NULL;
    json_t *other = NULL;
    sim_site_each(site, "ports", id, other)
    {
        const json_t *fixed = json_array_get(json_arr(other, "fixed_ips"), 0);
        if (strcmp(json_str(other, "device_owner"), "network:router_interface") != 0 ||
            g_strcmp0(json_str(fixed, "subnet_id"), own) != 0)
            continue;
        const json_t *router = sim_site_row(site, "routers", json_str(other, "device_id"));
        if (g_strcmp0(json_str_at(router, "external_gateway_info/network_id"), network_id) == 0)
            return json_str(router, "id");
    }
    return NULL;
}

void sim_neutron_floating_set(struct site *site, json_t *floating, const json_t *port,
                              const char *fixed_ip)
{
    const char *first = json_str(json_array_get(json_arr(port, "fixed_ips"), 0), "ip_address");
    json_set(floating, "port_id", js_str(json_str(port, "id")));
    json_set(floating, "fixed_ip_address", js_str(fixed_ip != NULL ? fixed_ip : first));
    json_set(floating, "router_id",
             js_str(port == NULL
                        ? NULL
                        : router_between(site, port, json_str(floating, "floating_network_id"))));
    sim_neutron_touch(site, floating);
}

json_t *sim_neutron_floating_add(struct site *site, const json_t *network, const char *project_id)
{
    const json_t *subnet = sim_site_find(site, "subnets", "network_id", json_str(network, "id"));
    g_autofree char *address = subnet != NULL ? sim_ip_allocate(site, subnet) : NULL;
    if (address == NULL)
        return NULL;
    json_t *port = sim_neutron_port_add(site, network, "",
                                        js("[{s:s, s:s}]", "subnet_id", json_str(subnet, "id"),
                                           "ip_address", address),
                                        js("{s:s, s:b, s:s}", "device_owner", "network:floatingip",
                                           "port_security_enabled", 0, "status", "N/A"));
    json_t *row =
        sim_neutron_add(site, &sim_neutron_floatingips, project_id,
                        js("{s:s, s:s, s:n, s:n, s:n, s:s, s:s, s:i}", "floating_ip_address",
                           address, "floating_network_id", json_str(network, "id"), "router_id",
                           "port_id", "fixed_ip_address", "status", "DOWN", "own_port_id",
                           json_str(port, "id"), "revision_number", 0));
    json_set_str(port, "device_id", json_str(row, "id"));
    sim_neutron_touch(site, port);
    return row;
}

struct http_response *sim_neutron_floating_list(struct call *call)
{
    return sim_neutron_list(call, &sim_neutron_floatingips);
}

struct http_response *sim_neutron_floating_show(struct call *call)
{
    return sim_neutron_show(call, &sim_neutron_floatingips);
}

static const char *const floating_attributes[] = {"floating_network_id", "port_id",
                                                  "fixed_ip_address",    "floating_ip_address",
                                                  "subnet_id",           NULL};

/* NULL: the port may be reached from the network; 'ret_port' gets it (NULL: none asked). */
static struct http_response *association(struct call *call, const json_t *asked,
                                         const char *network_id, const char *floating_id,
                                         json_t **ret_port)
{
    const char *port_id = json_str(asked, "port_id");
    *ret_port = NULL;
    if (port_id == NULL)
        return NULL;
    json_t *port = sim_site_row(call->site, "ports", port_id);
    if (!sim_neutron_owned(call, port))
        return sim_neutron_missing(call, &sim_neutron_ports, port_id);
    if (router_between(call->site, port, network_id) == NULL)
        return sim_call_fail_type(
            call, 404, "ExternalGatewayForFloatingIPNotFound",
            "External network %s is not reachable from subnet %s.  Therefore, "
            "cannot associate Port %s with a Floating IP.",
            network_id, json_str(json_array_get(json_arr(port, "fixed_ips"), 0), "subnet_id"),
            port_id);
    const char *fixed =
        json_str_or(asked, "fixed_ip_address",
                    json_str(json_array_get(json_arr(port, "fixed_ips"), 0), "ip_address"));
    const json_t *other = sim_site_find(call->site, "floatingips", "port_id", port_id);
    if (other != NULL && g_strcmp0(json_str(other, "id"), floating_id) != 0 &&
        g_strcmp0(json_str(other, "fixed_ip_address"), fixed) == 0)
        return sim_call_fail_type(
            call, 409, "FloatingIPPortAlreadyAssociated",
            "Cannot associate floating IP %s (%s) with port %s using fixed IP %s, "
            "as that fixed IP already has a floating IP on external network %s.",
            json_str(other, "floating_ip_address"), json_str(other, "id"), port_id, fixed,
            network_id);
    *ret_port = port;
    return NULL;
}

struct http_response *sim_neutron_floating_create(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *asked =
        sim_neutron_asked(call, &sim_neutron_floatingips, floating_attributes, &resp);
    if (asked == NULL)
        return resp;
    const char *network_id = json_str(asked, "floating_network_id");
    const json_t *network = sim_neutron_network_seen(call, network_id);
    if (network == NULL)
        return sim_neutron_missing(call, &sim_neutron_networks, network_id);
    if (!json_bool(network, "router:external", false))
        return sim_call_fail_type(
            call, 400, "BadRequest",
            "Bad floatingip request: Network %s is not a valid external network.", network_id);
    if (json_str(asked, "floating_ip_address") != NULL && !call->admin)
        return sim_neutron_policy(call, "create_floatingip", "floating_ip_address");
    const char *owner = sim_neutron_owner(call, asked);
    json_t *port = NULL;
    resp = sim_neutron_quota_check(call, &sim_neutron_floatingips, owner);
    if (resp == NULL)
        resp = association(call, asked, network_id, NULL, &port);
    if (resp != NULL)
        return resp;
    json_t *row = sim_neutron_floating_add(call->site, network, owner);
    if (row == NULL)
        return sim_call_fail_type(call, 409, "IpAddressGenerationFailure",
                                  "No more IP addresses available on network %s.", network_id);
    if (json_str(asked, "description") != NULL)
        json_set_str(row, "description", json_str(asked, "description"));
    if (port != NULL)
        sim_neutron_floating_set(call->site, row, port, json_str(asked, "fixed_ip_address"));
    return sim_neutron_answer(call, &sim_neutron_floatingips, 201, row);
}

struct http_response *sim_neutron_floating_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = sim_neutron_here(call, &sim_neutron_floatingips, &resp);
    if (row == NULL)
        return resp;
    const json_t *asked =
        sim_neutron_asked(call, &sim_neutron_floatingips, floating_attributes, &resp);
    if (asked == NULL)
        return resp;
    json_t *port = NULL;
    resp = association(call, asked, json_str(row, "floating_network_id"), call->arg[0], &port);
    if (resp != NULL)
        return resp;
    if (json_object_get(asked, "port_id") != NULL || json_object_size(asked) == 0)
        sim_neutron_floating_set(call->site, row, port, json_str(asked, "fixed_ip_address"));
    if (json_str(asked, "description") != NULL)
        json_set_str(row, "description", json_str(asked, "description"));
    return sim_neutron_answer(call, &sim_neutron_floatingips, 200, row);
}

struct http_response *sim_neutron_floating_delete(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *row = sim_neutron_here(call, &sim_neutron_floatingips, &resp);
    if (row == NULL)
        return resp;
    g_autofree char *own = g_strdup(json_str(row, "own_port_id"));
    sim_site_drop(call->site, "floatingips", call->arg[0]);
    sim_neutron_port_drop(call->site, own);
    return sim_call_empty(call, 204, NULL);
}
