/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolated - the networks of a drill: one of its own for each network of the source, without a
 * router, so that clones run under the addresses of what they rehearse and nobody meets them.
 */
#include "plan/addresses.h"
#include "plan/planning.h"

#include <arpa/inet.h>
#include <string.h>

#define POOL 14 /* addresses for Neutron's own ports (DHCP), and for ports that have none */

bool planning_isolates(const struct planning *p, const json_t *port)
{
    const json_t *mapped = json_obj(p->in->call_mappings, "network");

    return p->in->drill && json_str(mapped, json_str_or(port, "network_id", "")) == NULL &&
           json_str(mapped, json_str_or(port, "network_name", "")) == NULL;
}

static json_t *row_of(json_t *rows, const char *key, const char *value)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        if (g_strcmp0(json_str(row, key), value) == 0)
            return row;
    }
    row = json_object();
    json_set_str(row, key, value);
    json_array_append_new(rows, row);
    return row;
}

void planning_isolate(struct planning *p, const char *server, const json_t *port, json_t *nic)
{
    const char *id = json_str_or(port, "network_id", "");
    const char *name = json_str_or(port, "network_name", id);
    json_t *network = row_of(p->networks, "id", id);
    json_t *subnets = json_arr(network, "subnets"), *ips = json_array();
    size_t i;
    json_t *fixed;

    json_set_str(network, "name", name);
    if (subnets == NULL)
        json_set(network, "subnets", subnets = json_array());
    json_array_foreach(json_arr(port, "fixed_ips"), i, fixed)
    {
        const char *ip = json_str_or(fixed, "ip", ""), *cidr = json_str(fixed, "cidr");
        if (cidr == NULL || !address_in_cidr(ip, cidr)) {
            planning_note(p, g_strdup_printf("%s: address %s is not kept (its range is not known)",
                                             server, ip));
            continue;
        }
        json_t *taken = row_of(subnets, "cidr", cidr);
        if (json_arr(taken, "taken") == NULL)
            json_set(taken, "taken", json_array());
        json_array_append_new(json_arr(taken, "taken"), json_string(ip));
        json_array_append_new(ips, json_pack("{s:s, s:s}", "ip_address", ip, "cidr", cidr));
    }
    json_set_str(nic, "isolated", id);
    json_set_str(nic, "network_name", name);
    json_set(nic, "fixed_ips", ips);
    json_set_str(nic, "mac", json_str(port, "mac"));
    json_set_bool(nic, "foreign", false);
}

static char *ipv4_text(uint32_t host)
{
    struct in_addr a = {.s_addr = htonl(host)};
    char text[INET_ADDRSTRLEN];

    return g_strdup(inet_ntop(AF_INET, &a, text, sizeof text));
}

static bool taken_between(const json_t *taken, uint32_t first, uint32_t last)
{
    size_t i;
    json_t *ip;
    struct in_addr a;

    json_array_foreach((json_t *)taken, i, ip)
    {
        if (inet_pton(AF_INET, json_string_value(ip), &a) == 1 && ntohl(a.s_addr) >= first &&
            ntohl(a.s_addr) <= last)
            return true;
    }
    return false;
}

/* {start, end} of POOL addresses that no member has, from the end of an IPv4 subnet; NULL: none. */
static json_t *pool_of(const char *cidr, const json_t *taken)
{
    g_auto(GStrv) parts = g_strsplit(cidr, "/", 2);
    guint64 bits = 0;
    struct in_addr net;

    if (parts[0] == NULL || parts[1] == NULL || inet_pton(AF_INET, parts[0], &net) != 1 ||
        !g_ascii_string_to_unsigned(parts[1], 10, 8, 27, &bits, NULL))
        return NULL;
    uint32_t size = 1u << (32 - bits), first = ntohl(net.s_addr) & ~(size - 1);
    for (uint32_t end = first + size - 2; end > first + POOL; end -= POOL) {
        uint32_t start = end - POOL + 1;
        if (taken_between(taken, start, end))
            continue;
        g_autofree char *from = ipv4_text(start);
        g_autofree char *to = ipv4_text(end);
        return json_pack("{s:s, s:s}", "start", from, "end", to);
    }
    return NULL;
}

void planning_pools(struct planning *p)
{
    size_t i, k;
    json_t *network, *subnet;

    json_array_foreach(p->networks, i, network)
    {
        json_array_foreach(json_arr(network, "subnets"), k, subnet)
        {
            json_set(subnet, "pool",
                     pool_of(json_str_or(subnet, "cidr", ""), json_arr(subnet, "taken")));
            json_object_del(subnet, "taken");
        }
    }
}
