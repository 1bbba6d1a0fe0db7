/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_ip - IPv4 addresses as numbers, and giving them out.  IPv6 addresses are kept as they
 * are given, compared as text, and never given out.
 */
#include "sim/neutron.h"

#include <string.h>

bool sim_ip_parse(const char *text, uint32_t *ret)
{
    uint32_t ip = 0;
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ".", 5);
    if (g_strv_length(parts) != 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char *end = NULL;
        guint64 byte = g_ascii_strtoull(parts[i], &end, 10);
        if (end == parts[i] || *end != '\0' || byte > 255 || !g_ascii_isdigit(parts[i][0]))
            return false;
        ip = ip << 8 | (uint32_t)byte;
    }
    *ret = ip;
    return true;
}

char *sim_ip_print(uint32_t ip)
{
    return g_strdup_printf("%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

bool sim_ip_parse_cidr(const char *text, uint32_t *ret_net, uint32_t *ret_mask)
{
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", "/", 3);
    uint32_t ip = 0;
    if (g_strv_length(parts) != 2 || !sim_ip_parse(parts[0], &ip))
        return false;
    char *end = NULL;
    guint64 bits = g_ascii_strtoull(parts[1], &end, 10);
    if (end == parts[1] || *end != '\0' || bits > 32)
        return false;
    *ret_mask = bits == 0 ? 0 : ~(uint32_t)0 << (32 - bits);
    *ret_net = ip & *ret_mask;
    return true;
}

bool sim_ip_in_subnet(const json_t *subnet, const char *address)
{
    uint32_t net = 0, mask = 0, ip = 0;
    if (!sim_ip_parse_cidr(json_str(subnet, "cidr"), &net, &mask))
        return json_int(subnet, "ip_version", 4) == 6 && strchr(address, ':') != NULL;
    return sim_ip_parse(address, &ip) && (ip & mask) == net && ip != net && ip != (net | ~mask);
}

bool sim_ip_taken(struct site *site, const char *subnet_id, const char *address)
{
    const char *id = NULL;
    json_t *port = NULL;
    sim_site_each(site, "ports", id, port)
    {
        size_t i = 0;
        json_t *fixed = NULL;
        json_array_foreach(json_arr(port, "fixed_ips"), i, fixed)
        {
            if (g_strcmp0(json_str(fixed, "subnet_id"), subnet_id) == 0 &&
                g_strcmp0(json_str(fixed, "ip_address"), address) == 0)
                return true;
        }
    }
    return false;
}

/* A free address of first..last, searched from a random place. */
static char *allocate_from(struct site *site, const char *subnet_id, uint32_t first, uint32_t last)
{
    uint32_t count = last - first + 1;
    uint32_t start = sim_site_random(site, count);
    for (uint32_t i = 0; i < count; i++) {
        char *address = sim_ip_print(first + (start + i) % count);
        if (!sim_ip_taken(site, subnet_id, address))
            return address;
        g_free(address);
    }
    return NULL;
}

char *sim_ip_allocate(struct site *site, const json_t *subnet)
{
    size_t i = 0;
    json_t *pool = NULL;
    json_array_foreach(json_arr(subnet, "allocation_pools"), i, pool)
    {
        uint32_t first = 0, last = 0;
        if (!sim_ip_parse(json_str(pool, "start"), &first) ||
            !sim_ip_parse(json_str(pool, "end"), &last) || last < first)
            continue;
        char *address = allocate_from(site, json_str(subnet, "id"), first, last);
        if (address != NULL)
            return address;
    }
    return NULL;
}
