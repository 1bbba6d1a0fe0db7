/* SPDX-License-Identifier: Apache-2.0 */
/* addresses - see addresses.h. */
#include "plan/addresses.h"

#include <arpa/inet.h>
#include <string.h>

bool address_in_cidr(const char *ip, const char *cidr)
{
    unsigned char a[16], b[16];
    g_auto(GStrv) parts = g_strsplit(cidr, "/", 2);
    int family = strchr(ip, ':') != NULL ? AF_INET6 : AF_INET;
    guint64 bits = 0;

    if (parts[0] == NULL || parts[1] == NULL ||
        !g_ascii_string_to_unsigned(parts[1], 10, 0, family == AF_INET ? 32 : 128, &bits, NULL))
        return false;
    if (inet_pton(family, ip, a) != 1 || inet_pton(family, parts[0], b) != 1)
        return false;
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned mask = bits % 8 ? 0xffu << (8 - bits % 8) & 0xffu : 0;
    return mask == 0 || (a[bits / 8] & mask) == (b[bits / 8] & mask);
}

/* The subnet of 'network' that holds 'ip', or NULL. */
static const json_t *subnet_for(const json_t *inventory, const char *network_id, const char *ip)
{
    size_t i;
    json_t *subnet;

    json_array_foreach(json_arr(inventory, "subnets"), i, subnet)
    {
        if (g_strcmp0(json_str(subnet, "network_id"), network_id) == 0 &&
            address_in_cidr(ip, json_str_or(subnet, "cidr", "")))
            return subnet;
    }
    return NULL;
}

static bool port_has_ip(const json_t *port, const char *ip)
{
    size_t i;
    json_t *fixed;

    json_array_foreach(json_arr(port, "fixed_ips"), i, fixed)
    {
        if (g_strcmp0(json_str(fixed, "ip_address"), ip) == 0)
            return true;
    }
    return false;
}

/* A port of 'ports' on 'network' that holds 'ip' or 'mac' (either may be NULL) already. */
static bool ports_hold(const json_t *ports, const char *network_id, const char *ip, const char *mac)
{
    size_t i;
    json_t *port;

    json_array_foreach((json_t *)ports, i, port)
    {
        if (g_strcmp0(json_str(port, "network_id"), network_id) != 0)
            continue;
        if (ip != NULL && port_has_ip(port, ip))
            return true;
        if (mac != NULL && g_ascii_strcasecmp(json_str_or(port, "mac_address", ""), mac) == 0)
            return true;
    }
    return false;
}

/* Why 'ip' or 'mac' cannot be had on the network; NULL: it can. */
static const char *address_taken(const json_t *inventory, const json_t *planned,
                                 const char *network_id, const char *ip, const char *mac)
{
    if (ports_hold(json_arr(inventory, "ports"), network_id, ip, mac))
        return "taken at the target";
    if (ports_hold(planned, network_id, ip, mac))
        return "taken by another port of this plan";
    return NULL;
}

static void note(json_t *notes, char *text)
{
    json_array_append_new(notes, json_string(text));
    g_free(text);
}

/* The list for Neutron; NULL if one of the addresses cannot be kept. */
static json_t *fixed_ips_keep(const json_t *inventory, const json_t *planned,
                              const char *network_id, const json_t *port, const char *server,
                              json_t *notes)
{
    json_t *keep = json_array();
    size_t i;
    json_t *fixed;

    json_array_foreach(json_arr(port, "fixed_ips"), i, fixed)
    {
        const char *ip = json_str_or(fixed, "ip", "");
        const json_t *subnet = subnet_for(inventory, network_id, ip);
        const char *taken = address_taken(inventory, planned, network_id, ip, NULL);
        if (subnet == NULL || taken != NULL) {
            note(notes, g_strdup_printf("%s: address %s is not kept (%s)", server, ip,
                                        taken != NULL ? taken : "no subnet there holds it"));
            json_decref(keep);
            return NULL;
        }
        json_t *row = json_object();
        json_set_str(row, "subnet_id", json_str(subnet, "id"));
        json_set_str(row, "ip_address", ip);
        json_array_append_new(keep, row);
    }
    if (json_array_size(keep) > 0)
        return keep;
    json_decref(keep);
    return NULL;
}

/* The nic as a port of Neutron's list, for those that are planned after it. */
static void planned_add(json_t *planned, const json_t *nic, const char *network_id)
{
    json_t *row = json_object();

    json_set_str(row, "network_id", network_id);
    json_set_str(row, "mac_address", json_str(nic, "mac"));
    json_set(row, "fixed_ips", json_deep_copy(json_arr(nic, "fixed_ips")));
    json_array_append_new(planned, row);
}

void plan_addresses(const json_t *inventory, const json_t *network, const json_t *port,
                    const char *server, json_t *planned, json_t *nic, json_t *notes)
{
    const char *network_id = json_str_or(network, "id", "");
    const char *mac = json_str(port, "mac");
    const char *owner = json_str(network, "project_id");
    const char *project = json_str(inventory, "project_id");

    json_set(nic, "fixed_ips", fixed_ips_keep(inventory, planned, network_id, port, server, notes));
    const char *taken =
        mac != NULL ? address_taken(inventory, planned, network_id, NULL, mac) : NULL;
    if (taken != NULL) {
        note(notes, g_strdup_printf("%s: MAC %s is not kept (%s)", server, mac, taken));
        mac = NULL;
    }
    json_set_str(nic, "mac", mac);
    planned_add(planned, nic, network_id);
    json_set_bool(nic, "foreign", owner != NULL && project != NULL && !g_str_equal(owner, project));
}

/* ---- what is left ---- */

/* In host order; 0: no IPv4 address. */
static uint32_t ipv4(const char *text)
{
    struct in_addr a;

    return text != NULL && inet_pton(AF_INET, text, &a) == 1 ? ntohl(a.s_addr) : 0;
}

static int64_t pool_size(const json_t *pool)
{
    uint32_t first = ipv4(json_str(pool, "start")), last = ipv4(json_str(pool, "end"));

    return first != 0 && last >= first ? (int64_t)last - first + 1 : 0;
}

/* How many addresses of the rows lie in the pool. */
static int64_t pool_held(const json_t *pool, const json_t *rows, const char *network_id)
{
    uint32_t first = ipv4(json_str(pool, "start")), last = ipv4(json_str(pool, "end"));
    int64_t count = 0; /* of an IPv6 pool: none, for first is 0 and last too */
    size_t i, k;
    json_t *row, *fixed;

    json_array_foreach((json_t *)rows, i, row)
    {
        if (g_strcmp0(json_str(row, "network_id"), network_id) != 0)
            continue;
        json_array_foreach(json_arr(row, "fixed_ips"), k, fixed)
        {
            uint32_t ip = ipv4(json_str(fixed, "ip_address"));
            count += ip != 0 && ip >= first && ip <= last;
        }
    }
    return count;
}

int64_t plan_addresses_free(const json_t *inventory, const char *network_id, const json_t *asked)
{
    int64_t free = 0;
    bool any = false;
    size_t i, k;
    json_t *subnet, *pool;

    json_array_foreach(json_arr(inventory, "subnets"), i, subnet)
    {
        if (g_strcmp0(json_str(subnet, "network_id"), network_id) != 0)
            continue;
        any = any || json_int(subnet, "ip_version", 4) == 4;
        json_array_foreach(json_arr(subnet, "allocation_pools"), k, pool) free +=
            pool_size(pool) - pool_held(pool, json_arr(inventory, "ports"), network_id) -
            pool_held(pool, asked, network_id);
    }
    return any ? MAX(free, 0) : -1;
}
