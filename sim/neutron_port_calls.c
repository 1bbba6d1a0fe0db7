/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_port_calls - the requests about ports: what a tenant may ask for and what collides.
 *
 * On a network that he does not own a tenant gets neither an address nor a MAC of his choice (403).
 */
#include "sim/neutron.h"

#include <string.h>

static const char *const port_attributes[] = {"network_id",
                                              "admin_state_up",
                                              "mac_address",
                                              "fixed_ips",
                                              "device_id",
                                              "device_owner",
                                              "security_groups",
                                              "allowed_address_pairs",
                                              "extra_dhcp_opts",
                                              "port_security_enabled",
                                              "binding:vnic_type",
                                              "binding:host_id",
                                              "binding:profile",
                                              "tags",
                                              NULL};

struct http_response *sim_neutron_port_list(struct call *call)
{
    return sim_neutron_list(call, &sim_neutron_ports);
}

struct http_response *sim_neutron_port_show(struct call *call)
{
    return sim_neutron_show(call, &sim_neutron_ports);
}

/* ---- who may ---- */

static bool asks_fixed(const json_t *asked, const char *key)
{
    size_t i = 0;
    json_t *fixed = NULL;
    json_array_foreach(json_arr(asked, "fixed_ips"), i, fixed)
    {
        if (json_str(fixed, key) != NULL)
            return true;
    }
    return false;
}

/* NULL: the attributes are the caller's to set. */
static struct http_response *port_gate(struct call *call, const json_t *asked,
                                       const json_t *network, const char *action, bool update)
{
    if (call->admin)
        return NULL;
    bool owner = sim_neutron_owned(call, network);
    bool shared = json_bool(network, "shared", false);
    if (json_str(asked, "binding:host_id") != NULL)
        return sim_neutron_policy(call, action, "binding:host_id");
    if (json_obj(asked, "binding:profile") != NULL)
        return sim_neutron_policy(call, action, "binding:profile");
    if (json_str(asked, "mac_address") != NULL && (!owner || update))
        return sim_neutron_policy(call, action, "mac_address");
    if (!owner && asks_fixed(asked, "ip_address"))
        return sim_neutron_policy(call, action, "fixed_ips:sim_ip_address");
    if (!owner && !shared && json_array_size(json_arr(asked, "fixed_ips")) > 0)
        return sim_neutron_policy(call, action, "fixed_ips");
    if (!owner && json_object_get(asked, "port_security_enabled") != NULL)
        return sim_neutron_policy(call, action, "port_security_enabled");
    if (!owner && json_array_size(json_arr(asked, "allowed_address_pairs")) > 0)
        return sim_neutron_policy(call, action, "allowed_address_pairs");
    const char *device = json_str(asked, "device_owner");
    if (!owner && device != NULL && g_str_has_prefix(device, "network:"))
        return sim_neutron_policy(call, action, "device_owner");
    return NULL;
}

/* NULL: the groups exist. */
static struct http_response *groups_check(struct call *call, const json_t *asked)
{
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_arr(asked, "security_groups"), i, id)
    {
        const json_t *group = sim_site_row(call->site, "security_groups", json_string_value(id));
        if (!sim_call_sees(call, group))
            return sim_neutron_missing(call, &sim_neutron_security_groups, json_string_value(id));
    }
    return NULL;
}

static struct http_response *mac_check(struct call *call, const json_t *asked,
                                       const json_t *network, const char *port_id)
{
    const char *mac = json_str(asked, "mac_address");
    if (mac == NULL)
        return NULL;
    if (!g_regex_match_simple("^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", mac, 0, 0))
        return sim_call_fail_type(call, 400, "HTTPBadRequest",
                                  "Invalid input for mac_address. Reason: '%s' is not a valid MAC "
                                  "address.",
                                  mac);
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, "ports", id, row)
    {
        if (g_strcmp0(id, port_id) != 0 &&
            strcmp(json_str(row, "network_id"), json_str(network, "id")) == 0 &&
            g_ascii_strcasecmp(json_str(row, "mac_address"), mac) == 0)
            return sim_call_fail_type(
                call, 409, "MacAddressInUse",
                "Unable to complete operation for network %s. The mac address %s "
                "is in use.",
                json_str(network, "id"), mac);
    }
    return NULL;
}

/* ---- addresses ---- */

/* The subnet of the network that holds the address; NULL if none does. */
static json_t *subnet_with(struct site *site, const json_t *network, const char *address)
{
    const char *id = NULL;
    json_t *subnet = NULL;
    sim_site_each(site, "subnets", id, subnet)
    {
        if (strcmp(json_str(subnet, "network_id"), json_str(network, "id")) == 0 &&
            sim_ip_in_subnet(subnet, address))
            return subnet;
    }
    return NULL;
}

/* True iff the port itself has the address already. */
static bool has_address(const json_t *port, const char *subnet_id, const char *address)
{
    size_t i = 0;
    json_t *fixed = NULL;
    json_array_foreach(json_arr(port, "fixed_ips"), i, fixed)
    {
        if (g_strcmp0(json_str(fixed, "subnet_id"), subnet_id) == 0 &&
            g_strcmp0(json_str(fixed, "ip_address"), address) == 0)
            return true;
    }
    return false;
}

/* The address for one item of fixed_ips; NULL and the answer. */
static json_t *resolve_one(struct call *call, const json_t *network, const json_t *item,
                           const json_t *port, struct http_response **ret)
{
    const char *address = json_str(item, "ip_address");
    const char *subnet_id = json_str(item, "subnet_id");
    const json_t *subnet = subnet_id != NULL ? sim_site_row(call->site, "subnets", subnet_id)
                           : address != NULL ? subnet_with(call->site, network, address)
                                             : NULL;
    if (subnet_id != NULL &&
        (subnet == NULL || strcmp(json_str(subnet, "network_id"), json_str(network, "id")) != 0)) {
        *ret = subnet == NULL ? sim_neutron_missing(call, &sim_neutron_subnets, subnet_id)
                              : sim_call_fail_type(
                                    call, 400, "InvalidInput",
                                    "Invalid input for operation: Failed to create port on network "
                                    "%s, because fixed_ips included invalid subnet %s.",
                                    json_str(network, "id"), subnet_id);
        return NULL;
    }
    if (subnet == NULL || (address != NULL && !sim_ip_in_subnet(subnet, address))) {
        *ret = sim_call_fail_type(call, 400,
                                  subnet == NULL ? "InvalidIpForNetwork" : "InvalidIpForSubnet",
                                  "IP address %s is not a valid IP for %s.", address,
                                  subnet == NULL ? "any of the subnets on the specified network"
                                                 : "the specified subnet");
        return NULL;
    }
    subnet_id = json_str(subnet, "id");
    if (address != NULL && sim_ip_taken(call->site, subnet_id, address) &&
        !has_address(port, subnet_id, address)) {
        *ret =
            sim_call_fail_type(call, 409, "IpAddressAlreadyAllocated",
                               "IP address %s already allocated in subnet %s", address, subnet_id);
        return NULL;
    }
    g_autofree char *given =
        address != NULL ? g_strdup(address) : sim_ip_allocate(call->site, subnet);
    if (given == NULL) {
        *ret = sim_call_fail_type(call, 409, "IpAddressGenerationFailure",
                                  "No more IP addresses available on network %s.",
                                  json_str(network, "id"));
        return NULL;
    }
    return js("{s:s, s:s}", "subnet_id", subnet_id, "ip_address", given);
}

/* The addresses for a request's fixed_ips, or NULL and the answer. */
static json_t *resolve(struct call *call, const json_t *network, const json_t *list,
                       const json_t *port, struct http_response **ret)
{
    g_autoptr(json_t) fixed_ips = json_array();
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        json_t *one = resolve_one(call, network, item, port, ret);
        if (one == NULL)
            return NULL;
        size_t k = 0;
        json_t *other = NULL;
        json_array_foreach(fixed_ips, k, other)
        {
            if (json_equal(one, other)) {
                json_decref(one);
                *ret = sim_call_fail_type(
                    call, 400, "HTTPBadRequest",
                    "Invalid input for fixed_ips. Reason: Duplicate IP address.");
                return NULL;
            }
        }
        json_array_append_new(fixed_ips, one);
    }
    return g_steal_pointer(&fixed_ips);
}

/* ---- create ---- */

static json_t *port_fields(struct call *call, const json_t *asked, const char *owner)
{
    json_t *fields = json_deep_copy(asked);
    static const char *const drop[] = {"tenant_id", "project_id", "fixed_ips", "network_id",
                                       "tags"};
    for (size_t i = 0; i < G_N_ELEMENTS(drop); i++)
        json_object_del(fields, drop[i]);
    bool secured = json_bool(asked, "port_security_enabled", true);
    const char *device = json_str_or(asked, "device_owner", "");
    if (json_arr(asked, "security_groups") == NULL)
        json_set(fields, "security_groups",
                 secured && !g_str_has_prefix(device, "network:")
                     ? js("[s]", sim_neutron_default_group(call->site, owner))
                     : json_array());
    const char *host = json_str(asked, "binding:host_id");
    if (host != NULL && *host != '\0')
        json_set_str(fields, "status", "ACTIVE");
    return fields;
}

/* Everything but the addresses; NULL: fine. */
static struct http_response *port_check(struct call *call, const json_t *asked,
                                        const json_t *network)
{
    struct http_response *resp = port_gate(call, asked, network, "create_port", false);
    if (resp == NULL)
        resp = groups_check(call, asked);
    if (resp == NULL)
        resp = mac_check(call, asked, network, NULL);
    if (resp == NULL)
        resp = sim_neutron_quota_check(call, &sim_neutron_ports, sim_neutron_owner(call, asked));
    return resp;
}

/* Without fixed_ips an address of the first subnet that has one is given. */
static json_t *port_addresses(struct call *call, const json_t *asked, const json_t *network,
                              struct http_response **ret)
{
    if (json_arr(asked, "fixed_ips") != NULL)
        return resolve(call, network, json_arr(asked, "fixed_ips"), NULL, ret);
    g_autoptr(json_t) list = json_array();
    const char *id = NULL;
    json_t *subnet = NULL;
    sim_site_each(call->site, "subnets", id, subnet)
    {
        if (json_array_size(list) == 0 && json_int(subnet, "ip_version", 4) == 4 &&
            strcmp(json_str(subnet, "network_id"), json_str(network, "id")) == 0)
            json_array_append_new(list, js("{s:s}", "subnet_id", id));
    }
    return resolve(call, network, list, NULL, ret);
}

struct http_response *sim_neutron_port_create(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *asked = sim_neutron_asked(call, &sim_neutron_ports, port_attributes, &resp);
    if (asked == NULL)
        return resp;
    const json_t *network = sim_neutron_network_seen(call, json_str(asked, "network_id"));
    if (network == NULL)
        return sim_neutron_missing(call, &sim_neutron_networks, json_str(asked, "network_id"));
    resp = port_check(call, asked, network);
    if (resp != NULL)
        return resp;
    json_t *fixed_ips = port_addresses(call, asked, network, &resp);
    if (fixed_ips == NULL)
        return resp;
    const char *owner = sim_neutron_owner(call, asked);
    json_t *row = sim_neutron_port_add(call->site, network, owner, fixed_ips,
                                       port_fields(call, asked, owner));
    if (json_arr(asked, "tags") != NULL)
        json_set(row, "tags", json_deep_copy(json_arr(asked, "tags")));
    return sim_neutron_answer(call, &sim_neutron_ports, 201, row);
}

/* ---- update, delete ---- */

/* NULL: the change fits; 'ret_fixed' gets the new addresses if they change. */
static struct http_response *update_check(struct call *call, const json_t *asked, json_t *row,
                                          json_t **ret_fixed)
{
    const json_t *network = sim_site_row(call->site, "networks", json_str(row, "network_id"));
    struct http_response *resp = port_gate(call, asked, network, "update_port", true);
    if (resp == NULL)
        resp = groups_check(call, asked);
    if (resp == NULL)
        resp = mac_check(call, asked, network, json_str(row, "id"));
    if (resp != NULL)
        return resp;
    const char *mac = json_str(asked, "mac_address");
    if (mac != NULL && strcmp(json_str_or(row, "binding:host_id", ""), "") != 0 &&
        g_ascii_strcasecmp(mac, json_str(row, "mac_address")) != 0)
        return sim_call_fail_type(
            call, 409, "PortBound",
            "Unable to complete operation on port %s, port is already bound, port "
            "type: ovs, old_mac %s, new_mac %s.",
            json_str(row, "id"), json_str(row, "mac_address"), mac);
    if (json_arr(asked, "fixed_ips") != NULL)
        *ret_fixed = resolve(call, network, json_arr(asked, "fixed_ips"), row, &resp);
    return resp;
}

struct http_response *sim_neutron_port_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = sim_neutron_here(call, &sim_neutron_ports, &resp);
    if (row == NULL)
        return resp;
    json_t *asked = sim_neutron_asked(call, &sim_neutron_ports, port_attributes, &resp);
    if (asked == NULL)
        return resp;
    json_t *fixed_ips = NULL;
    resp = update_check(call, asked, row, &fixed_ips);
    if (resp != NULL)
        return resp;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(asked, key, value)
    {
        if (strcmp(key, "fixed_ips") != 0 && strcmp(key, "network_id") != 0)
            json_object_set_new(row, key, json_deep_copy(value));
    }
    if (fixed_ips != NULL)
        json_set(row, "fixed_ips", fixed_ips);
    if (json_object_get(asked, "binding:host_id") != NULL)
        json_set_str(row, "status",
                     strcmp(json_str_or(row, "binding:host_id", ""), "") != 0 ? "ACTIVE" : "DOWN");
    sim_neutron_touch(call->site, row);
    return sim_neutron_answer(call, &sim_neutron_ports, 200, row);
}

struct http_response *sim_neutron_port_delete(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *row = sim_neutron_here(call, &sim_neutron_ports, &resp);
    if (row == NULL)
        return resp;
    const char *owner = json_str_or(row, "device_owner", "");
    if (g_str_has_prefix(owner, "network:router") || strcmp(owner, "network:floatingip") == 0)
        return sim_call_fail_type(call, 409, "ServicePortInUse",
                                  "Port %s cannot be deleted directly via the port API: has device "
                                  "owner %s.",
                                  call->arg[0], owner);
    sim_neutron_port_drop(call->site, call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}
