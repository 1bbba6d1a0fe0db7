/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_routers - routers as far as floating addresses need them: gateway and interfaces.
 */
#include "sim/neutron.h"

#include <string.h>

static json_t *router_view(struct call *call, json_t *row)
{
    (void)call;
    static const char *const keys[] = {"name",
                                       "admin_state_up",
                                       "status",
                                       "external_gateway_info",
                                       "availability_zones",
                                       "availability_zone_hints",
                                       "routes",
                                       "flavor_id",
                                       NULL};
    return sim_neutron_pick(row, keys);
}

const struct sim_neutron_kind sim_neutron_routers = {
    .table = "routers",
    .path = "routers",
    .singular = "router",
    .quota = "router",
    .not_found = "RouterNotFound",
    .missing = "Router %s could not be found",
    .view = router_view,
    .seen = sim_neutron_owned,
};

json_t *sim_neutron_router_add(struct site *site, const char *project_id, const char *name)
{
    return sim_neutron_add(site, &sim_neutron_routers, project_id,
                           js("{s:s, s:b, s:s, s:n, s:[], s:[], s:[], s:n}", "name", name,
                              "admin_state_up", 1, "status", "ACTIVE", "external_gateway_info",
                              "availability_zones", "availability_zone_hints", "routes",
                              "flavor_id"));
}

/* A port of the router on the subnet's network; NULL: the address is taken or none is left. */
static json_t *router_port(struct site *site, const json_t *router, const json_t *subnet,
                           const char *address, const char *owner, const char *project_id)
{
    g_autofree char *given = address != NULL ? g_strdup(address) : sim_ip_allocate(site, subnet);
    if (given == NULL || sim_ip_taken(site, json_str(subnet, "id"), given))
        return NULL;
    const json_t *network = sim_site_row(site, "networks", json_str(subnet, "network_id"));
    return sim_neutron_port_add(site, network, project_id,
                                js("[{s:s, s:s}]", "subnet_id", json_str(subnet, "id"),
                                   "ip_address", given),
                                js("{s:s, s:s, s:b}", "device_id", json_str(router, "id"),
                                   "device_owner", owner, "port_security_enabled", 0));
}

static void drop_gateway(struct site *site, json_t *router)
{
    const char *id = NULL;
    json_t *port = NULL;
    sim_site_each(site, "ports", id, port)
    {
        if (g_strcmp0(json_str(port, "device_id"), json_str(router, "id")) == 0 &&
            strcmp(json_str(port, "device_owner"), "network:router_gateway") == 0) {
            sim_neutron_port_drop(site, id);
            break;
        }
    }
    json_set(router, "external_gateway_info", NULL);
}

bool sim_neutron_router_gateway(struct site *site, json_t *router, const json_t *network)
{
    const json_t *subnet = sim_site_find(site, "subnets", "network_id", json_str(network, "id"));
    drop_gateway(site, router);
    const json_t *port =
        subnet == NULL ? NULL
                       : router_port(site, router, subnet, NULL, "network:router_gateway", "");
    if (port == NULL)
        return false;
    json_set(router, "external_gateway_info",
             js("{s:s, s:O, s:b}", "network_id", json_str(network, "id"), "external_fixed_ips",
                json_arr(port, "fixed_ips"), "enable_snat", 1));
    sim_neutron_touch(site, router); /* for the port, and for the gateway */
    sim_neutron_touch(site, router);
    return true;
}

bool sim_neutron_router_interface(struct site *site, json_t *router, const json_t *subnet)
{
    json_t *port = router_port(site, router, subnet, json_str(subnet, "gateway_ip"),
                               "network:router_interface", json_str(router, "project_id"));
    if (port == NULL)
        return false;
    sim_neutron_touch(site, port); /* made first, then given to the router */
    sim_neutron_touch(site, router);
    return true;
}

struct http_response *sim_neutron_router_list(struct call *call)
{
    return sim_neutron_list(call, &sim_neutron_routers);
}

struct http_response *sim_neutron_router_show(struct call *call)
{
    return sim_neutron_show(call, &sim_neutron_routers);
}

static const char *const router_attributes[] = {"admin_state_up", "external_gateway_info",
                                                "routes",         "ha",
                                                "distributed",    NULL};

/* Sets or clears the gateway as asked; NULL: done. */
static struct http_response *set_gateway(struct call *call, json_t *router, const json_t *asked)
{
    const json_t *info = json_object_get(asked, "external_gateway_info");
    if (info == NULL)
        return NULL;
    const char *network_id = json_str(info, "network_id");
    if (network_id == NULL) {
        drop_gateway(call->site, router);
        return NULL;
    }
    const json_t *network = sim_neutron_network_seen(call, network_id);
    if (network == NULL)
        return sim_neutron_missing(call, &sim_neutron_networks, network_id);
    if (!json_bool(network, "router:external", false))
        return sim_call_fail_type(call, 400, "BadRequest",
                                  "Bad router request: Network %s is not an external network.",
                                  network_id);
    if (!sim_neutron_router_gateway(call->site, router, network))
        return sim_call_fail_type(call, 409, "IpAddressGenerationFailure",
                                  "No more IP addresses available on network %s.", network_id);
    return NULL;
}

struct http_response *sim_neutron_router_create(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *asked = sim_neutron_asked(call, &sim_neutron_routers, router_attributes, &resp);
    if (asked == NULL)
        return resp;
    const char *owner = sim_neutron_owner(call, asked);
    resp = sim_neutron_quota_check(call, &sim_neutron_routers, owner);
    if (resp != NULL)
        return resp;
    json_t *router = sim_neutron_router_add(call->site, owner, json_str_or(asked, "name", ""));
    resp = set_gateway(call, router, asked);
    if (resp != NULL) {
        sim_site_drop(call->site, "routers", json_str(router, "id"));
        return resp;
    }
    return sim_neutron_answer(call, &sim_neutron_routers, 201, router);
}

struct http_response *sim_neutron_router_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *router = sim_neutron_here(call, &sim_neutron_routers, &resp);
    if (router == NULL)
        return resp;
    const json_t *asked = sim_neutron_asked(call, &sim_neutron_routers, router_attributes, &resp);
    if (asked == NULL)
        return resp;
    resp = set_gateway(call, router, asked);
    if (resp != NULL)
        return resp;
    static const char *const keys[] = {"name", "description", "admin_state_up", "routes"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(asked, keys[i]);
        if (value != NULL)
            json_object_set(router, keys[i], value);
    }
    sim_neutron_touch(call->site, router);
    return sim_neutron_answer(call, &sim_neutron_routers, 200, router);
}

/* A port of the router that is an interface, of the subnet if one is named. */
static json_t *interface_of(struct site *site, const char *router_id, const char *subnet_id)
{
    const char *id = NULL;
    json_t *port = NULL;
    sim_site_each(site, "ports", id, port)
    {
        const json_t *fixed = json_array_get(json_arr(port, "fixed_ips"), 0);
        if (g_strcmp0(json_str(port, "device_id"), router_id) == 0 &&
            strcmp(json_str(port, "device_owner"), "network:router_interface") == 0 &&
            (subnet_id == NULL || g_strcmp0(json_str(fixed, "subnet_id"), subnet_id) == 0))
            return port;
    }
    return NULL;
}

struct http_response *sim_neutron_router_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *router = sim_neutron_here(call, &sim_neutron_routers, &resp);
    if (router == NULL)
        return resp;
    if (interface_of(call->site, call->arg[0], NULL) != NULL)
        return sim_call_fail_type(call, 409, "RouterInUse", "Router %s still has ports",
                                  call->arg[0]);
    drop_gateway(call->site, router);
    sim_site_drop(call->site, "routers", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}

static struct http_response *interface_answer(struct call *call, const json_t *port)
{
    const char *subnet_id = json_str(json_array_get(json_arr(port, "fixed_ips"), 0), "subnet_id");
    return sim_call_json(call, 200,
                         js("{s:s, s:s, s:s, s:s, s:s, s:[s]}", "id", call->arg[0], "tenant_id",
                            json_str(port, "project_id"), "port_id", json_str(port, "id"),
                            "network_id", json_str(port, "network_id"), "subnet_id", subnet_id,
                            "subnet_ids", subnet_id));
}

struct http_response *sim_neutron_router_add_interface(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *router = sim_neutron_here(call, &sim_neutron_routers, &resp);
    if (router == NULL)
        return resp;
    const char *subnet_id = json_str(call->body, "subnet_id");
    json_t *port = sim_site_row(call->site, "ports", json_str(call->body, "port_id"));
    if (port != NULL && sim_neutron_owned(call, port)) {
        json_set_str(port, "device_id", call->arg[0]);
        json_set_str(port, "device_owner", "network:router_interface");
        return interface_answer(call, port);
    }
    const json_t *subnet = sim_site_row(call->site, "subnets", subnet_id);
    if (subnet == NULL)
        return sim_neutron_missing(call, &sim_neutron_subnets, subnet_id);
    if (!sim_neutron_router_interface(call->site, router, subnet))
        return sim_call_fail_type(call, 400, "BadRequest",
                                  "Bad router request: Router already has a port on subnet %s.",
                                  subnet_id);
    return interface_answer(call, interface_of(call->site, call->arg[0], subnet_id));
}

struct http_response *sim_neutron_router_remove_interface(struct call *call)
{
    struct http_response *resp = NULL;
    if (sim_neutron_here(call, &sim_neutron_routers, &resp) == NULL)
        return resp;
    const char *subnet_id = json_str(call->body, "subnet_id");
    const char *port_id = json_str(call->body, "port_id");
    const json_t *port = port_id != NULL ? sim_site_row(call->site, "ports", port_id)
                                         : interface_of(call->site, call->arg[0], subnet_id);
    if (port == NULL || g_strcmp0(json_str(port, "device_id"), call->arg[0]) != 0)
        return sim_call_fail_type(call, 404, "RouterInterfaceNotFoundForSubnet",
                                  "Router %s has no interface on subnet %s", call->arg[0],
                                  subnet_id != NULL ? subnet_id : "None");
    resp = interface_answer(call, port);
    sim_neutron_port_drop(call->site, json_str(port, "id"));
    return resp;
}
