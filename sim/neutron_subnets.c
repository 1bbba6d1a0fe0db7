/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_subnets - subnets of networks.
 */
#include "sim/neutron.h"

#include <string.h>

static json_t *subnet_view(struct call *call, json_t *row)
{
    (void)call;
    static const char *const keys[] = {"name",
                                       "network_id",
                                       "ip_version",
                                       "subnetpool_id",
                                       "enable_dhcp",
                                       "ipv6_ra_mode",
                                       "ipv6_address_mode",
                                       "gateway_ip",
                                       "cidr",
                                       "allocation_pools",
                                       "host_routes",
                                       "dns_nameservers",
                                       "service_types",
                                       NULL};
    return sim_neutron_pick(row, keys);
}

/* Own ones, and those of shared networks. */
static bool subnet_seen(struct call *call, const json_t *row)
{
    const json_t *network = sim_site_row(call->site, "networks", json_str(row, "network_id"));
    return sim_call_sees(call, row) || sim_call_sees(call, network) ||
           json_bool(network, "shared", false);
}

const struct sim_neutron_kind sim_neutron_subnets = {
    .table = "subnets",
    .path = "subnets",
    .singular = "subnet",
    .quota = "subnet",
    .not_found = "SubnetNotFound",
    .missing = "Subnet %s could not be found.",
    .view = subnet_view,
    .seen = subnet_seen,
};

/* The first address is the gateway's, all others but the last the pool's. */
static void set_range(json_t *row, const char *cidr, bool no_gateway)
{
    uint32_t net = 0, mask = 0, gateway = 0;
    if (!sim_ip_parse_cidr(cidr, &net, &mask))
        return;
    if (json_str(row, "gateway_ip") == NULL && !no_gateway)
        json_set(row, "gateway_ip", js_take(sim_ip_print(net + 1)));
    if (json_arr(row, "allocation_pools") != NULL)
        return;
    bool first = sim_ip_parse(json_str(row, "gateway_ip"), &gateway) && gateway == net + 1;
    json_set(row, "allocation_pools",
             js("[{s:o, s:o}]", "start", js_take(sim_ip_print(net + (first ? 2 : 1))), "end",
                js_take(sim_ip_print((net | ~mask) - 1))));
}

json_t *sim_neutron_subnet_add(struct site *site, const json_t *network, const char *project_id,
                               const char *cidr, json_t *fields)
{
    bool no_gateway = json_is_null(json_object_get(fields, "gateway_ip"));
    json_t *row =
        js("{s:s, s:s, s:i, s:n, s:b, s:n, s:n, s:n, s:s, s:[], s:[], s:[], s:i}", "name", "",
           "network_id", json_str(network, "id"), "ip_version", strchr(cidr, ':') != NULL ? 6 : 4,
           "subnetpool_id", "enable_dhcp", 1, "ipv6_ra_mode", "ipv6_address_mode", "gateway_ip",
           "cidr", cidr, "host_routes", "dns_nameservers", "service_types", "revision_number", 0);
    json_object_update(row, fields);
    json_decref(fields);
    set_range(row, cidr, no_gateway);
    if (json_arr(row, "allocation_pools") == NULL)
        json_set(row, "allocation_pools", json_array());
    sim_neutron_touch(site, sim_site_row(site, "networks", json_str(network, "id")));
    return sim_neutron_add(site, &sim_neutron_subnets, project_id, row);
}

struct http_response *sim_neutron_subnet_list(struct call *call)
{
    return sim_neutron_list(call, &sim_neutron_subnets);
}

struct http_response *sim_neutron_subnet_show(struct call *call)
{
    return sim_neutron_show(call, &sim_neutron_subnets);
}

static const char *const subnet_attributes[] = {"network_id",
                                                "cidr",
                                                "ip_version",
                                                "gateway_ip",
                                                "enable_dhcp",
                                                "allocation_pools",
                                                "host_routes",
                                                "dns_nameservers",
                                                "ipv6_ra_mode",
                                                "ipv6_address_mode",
                                                "service_types",
                                                "subnetpool_id",
                                                NULL};

static bool overlaps(struct site *site, const char *network_id, const char *cidr)
{
    uint32_t net = 0, mask = 0;
    if (!sim_ip_parse_cidr(cidr, &net, &mask))
        return false;
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, "subnets", id, row)
    {
        uint32_t other = 0, other_mask = 0;
        if (strcmp(json_str(row, "network_id"), network_id) == 0 &&
            sim_ip_parse_cidr(json_str(row, "cidr"), &other, &other_mask) &&
            (net & mask & other_mask) == (other & mask & other_mask))
            return true;
    }
    return false;
}

/* NULL: the subnet may be made on the network. */
static struct http_response *subnet_check(struct call *call, const json_t *asked,
                                          const json_t *network)
{
    const char *cidr = json_str(asked, "cidr");
    uint32_t net = 0, mask = 0;
    if (!sim_neutron_owned(call, network))
        return sim_call_forbid(call, "create_subnet");
    if (cidr == NULL)
        return sim_call_fail_type(
            call, 400, "BadRequest",
            "Bad subnets request: a subnetpool must be specified in the absence "
            "of a cidr.");
    if (strchr(cidr, ':') == NULL && !sim_ip_parse_cidr(cidr, &net, &mask))
        return sim_call_fail_type(call, 400, "HTTPBadRequest",
                                  "Invalid input for cidr. Reason: '%s' is not a valid IP subnet.",
                                  cidr);
    if (overlaps(call->site, json_str(network, "id"), cidr))
        return sim_call_fail_type(call, 400, "InvalidInput",
                                  "Invalid input for operation: Requested subnet with cidr: %s for "
                                  "network: %s overlaps with another subnet.",
                                  cidr, json_str(network, "id"));
    return NULL;
}

struct http_response *sim_neutron_subnet_create(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *asked = sim_neutron_asked(call, &sim_neutron_subnets, subnet_attributes, &resp);
    if (asked == NULL)
        return resp;
    const json_t *network = sim_neutron_network_seen(call, json_str(asked, "network_id"));
    if (network == NULL)
        return sim_neutron_missing(call, &sim_neutron_networks, json_str(asked, "network_id"));
    resp = subnet_check(call, asked, network);
    const char *owner = sim_neutron_owner(call, asked);
    if (resp == NULL)
        resp = sim_neutron_quota_check(call, &sim_neutron_subnets, owner);
    if (resp != NULL)
        return resp;
    json_t *fields = json_copy((json_t *)asked);
    json_object_del(fields, "tenant_id");
    json_object_del(fields, "project_id");
    json_t *row =
        sim_neutron_subnet_add(call->site, network, owner, json_str(asked, "cidr"), fields);
    return sim_neutron_answer(call, &sim_neutron_subnets, 201, row);
}

static json_t *own_subnet(struct call *call, const char *action, struct http_response **ret)
{
    json_t *row = sim_neutron_here(call, &sim_neutron_subnets, ret);
    if (row == NULL || sim_neutron_owned(call, row))
        return row;
    *ret = sim_call_forbid(call, action);
    return NULL;
}

struct http_response *sim_neutron_subnet_update(struct call *call)
{
    static const char *const attributes[] = {"gateway_ip",  "enable_dhcp",     "allocation_pools",
                                             "host_routes", "dns_nameservers", NULL};
    struct http_response *resp = NULL;
    json_t *row = own_subnet(call, "update_subnet", &resp);
    if (row == NULL)
        return resp;
    json_t *asked = sim_neutron_asked(call, &sim_neutron_subnets, attributes, &resp);
    if (asked == NULL)
        return resp;
    json_object_update(row, asked);
    sim_neutron_touch(call->site, row);
    return sim_neutron_answer(call, &sim_neutron_subnets, 200, row);
}

struct http_response *sim_neutron_subnet_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (own_subnet(call, "delete_subnet", &resp) == NULL)
        return resp;
    const char *id = NULL;
    json_t *port = NULL;
    sim_site_each(call->site, "ports", id, port)
    {
        size_t i = 0;
        json_t *fixed = NULL;
        json_array_foreach(json_arr(port, "fixed_ips"), i, fixed)
        {
            if (g_strcmp0(json_str(fixed, "subnet_id"), call->arg[0]) == 0)
                return sim_call_fail_type(call, 409, "SubnetInUse",
                                          "Unable to complete operation on subnet %s: One or more "
                                          "ports have an IP allocation from this subnet.",
                                          call->arg[0]);
        }
    }
    sim_site_drop(call->site, "subnets", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}
