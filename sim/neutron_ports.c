/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_ports - ports: rows, views, what Nova does with them.  The requests are in
 * sim_neutron_port_calls.c.
 */
#include "sim/neutron.h"

#include <string.h>

static json_t *vif_details(const json_t *row)
{
    if (strcmp(json_str_or(row, "binding:host_id", ""), "") == 0)
        return json_object();
    return js("{s:b, s:b, s:s, s:s, s:s, s:{s:s}}", "port_filter", 1, "ovs_hybrid_plug", 0,
              "connectivity", "l2", "bridge_name", "br-int", "datapath_type", "system",
              "bound_drivers", "0", "lab");
}

static json_t *port_view(struct call *call, json_t *row)
{
    static const char *const keys[] = {"name",
                                       "network_id",
                                       "mac_address",
                                       "admin_state_up",
                                       "status",
                                       "device_id",
                                       "device_owner",
                                       "fixed_ips",
                                       "allowed_address_pairs",
                                       "extra_dhcp_opts",
                                       "security_groups",
                                       "binding:vnic_type",
                                       "port_security_enabled",
                                       NULL};
    json_t *view = sim_neutron_pick(row, keys);
    if (!call->admin)
        return view;
    json_t *profile = json_obj(row, "binding:profile");
    const char *host = json_str_or(row, "binding:host_id", "");
    json_set(view, "binding:profile", profile != NULL ? json_deep_copy(profile) : json_object());
    json_set_str(view, "binding:host_id", host);
    json_set_str(view, "binding:vif_type", *host != '\0' ? "ovs" : "unbound");
    json_set(view, "binding:vif_details", vif_details(row));
    return view;
}

/* Own ports, and those on own networks. */
static bool port_seen(struct call *call, const json_t *row)
{
    return sim_call_sees(call, row) ||
           sim_call_sees(call, sim_site_row(call->site, "networks", json_str(row, "network_id")));
}

const struct sim_neutron_kind sim_neutron_ports = {
    .table = "ports",
    .path = "ports",
    .singular = "port",
    .quota = "port",
    .not_found = "PortNotFound",
    .missing = "Port %s could not be found.",
    .view = port_view,
    .seen = port_seen,
};

static bool mac_taken(struct site *site, const char *network_id, const char *mac)
{
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, "ports", id, row)
    {
        if (g_ascii_strcasecmp(json_str(row, "mac_address"), mac) == 0 &&
            strcmp(json_str(row, "network_id"), network_id) == 0)
            return true;
    }
    return false;
}

static char *new_mac(struct site *site, const char *network_id)
{
    for (;;) {
        uint32_t r = sim_site_random(site, 1u << 24);
        char *mac =
            g_strdup_printf("fa:16:3e:%02x:%02x:%02x", r >> 16 & 255, r >> 8 & 255, r & 255);
        if (!mac_taken(site, network_id, mac))
            return mac;
        g_free(mac);
    }
}

json_t *sim_neutron_port_add(struct site *site, const json_t *network, const char *project_id,
                             json_t *fixed_ips, json_t *fields)
{
    json_t *row =
        js("{s:s, s:s, s:b, s:s, s:s, s:s, s:o, s:[], s:[], s:[], s:s, s:b, s:s}", "name", "",
           "network_id", json_str(network, "id"), "admin_state_up", 1, "status", "DOWN",
           "device_id", "", "device_owner", "", "fixed_ips", fixed_ips, "allowed_address_pairs",
           "extra_dhcp_opts", "security_groups", "binding:vnic_type", "normal",
           "port_security_enabled", 1, "binding:host_id", "");
    json_object_update(row, fields);
    json_decref(fields);
    if (json_str(row, "mac_address") == NULL)
        json_set(row, "mac_address", js_take(new_mac(site, json_str(network, "id"))));
    return sim_neutron_add(site, &sim_neutron_ports, project_id, row);
}

/* One address of the network's first IPv4 subnet that has one; [] if the network has no subnet. */
static json_t *any_address(struct site *site, const json_t *network)
{
    const char *id = NULL;
    json_t *subnet = NULL;
    bool any = false;
    sim_site_each(site, "subnets", id, subnet)
    {
        if (strcmp(json_str(subnet, "network_id"), json_str(network, "id")) != 0 ||
            json_int(subnet, "ip_version", 4) != 4)
            continue;
        any = true;
        g_autofree char *address = sim_ip_allocate(site, subnet);
        if (address != NULL)
            return js("[{s:s, s:s}]", "subnet_id", id, "ip_address", address);
    }
    return any ? NULL : json_array();
}

json_t *sim_neutron_port_for(struct site *site, const json_t *network, const char *project_id,
                             const json_t *security_groups)
{
    json_t *fixed_ips = any_address(site, network);
    if (fixed_ips == NULL)
        return NULL;
    json_t *groups = security_groups != NULL
                         ? json_deep_copy(security_groups)
                         : js("[s]", sim_neutron_default_group(site, project_id));
    return sim_neutron_port_add(site, network, project_id, fixed_ips,
                                js("{s:o}", "security_groups", groups));
}

void sim_neutron_claim(struct site *site, json_t *port, const char *server_id)
{
    json_set_str(port, "device_id", server_id);
    json_set_str(port, "device_owner", "compute:nova");
    sim_neutron_touch(site, port);
}

void sim_neutron_bind(struct site *site, json_t *port, const char *server_id, const char *host)
{
    json_set_str(port, "device_id", server_id);
    json_set_str(port, "device_owner", "compute:nova");
    json_set_str(port, "binding:host_id", host);
    json_set_str(port, "status", "ACTIVE");
    sim_neutron_touch(site, port);
}

void sim_neutron_unbind(struct site *site, json_t *port)
{
    json_set_str(port, "device_id", "");
    json_set_str(port, "device_owner", "");
    json_set_str(port, "binding:host_id", "");
    json_set_str(port, "status", "DOWN");
    sim_neutron_touch(site, port);
}

void sim_neutron_port_drop(struct site *site, const char *port_id)
{
    const char *id = NULL;
    json_t *floating = NULL;
    sim_site_each(site, "floatingips", id, floating)
    {
        if (g_strcmp0(json_str(floating, "port_id"), port_id) == 0)
            sim_neutron_floating_set(site, floating, NULL, NULL);
    }
    sim_site_drop(site, "ports", port_id);
}
