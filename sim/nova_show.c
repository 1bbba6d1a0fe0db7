/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_show - printing servers, and finding those a request is about.
 */
#include "sim/nova.h"

#include <string.h>

#include "sim/neutron.h"

/* vm_state -> status; a task may say more. */
static const struct {
    const char *vm_state;
    const char *task_state; /* NULL: any other */
    const char *status;
} statuses[] = {
    {"building", NULL, "BUILD"},
    {"active", "rebooting", "REBOOT"},
    {"active", "rebooting_hard", "HARD_REBOOT"},
    {"active", NULL, "ACTIVE"},
    {"stopped", NULL, "SHUTOFF"},
    {"paused", NULL, "PAUSED"},
    {"suspended", NULL, "SUSPENDED"},
    {"rescued", NULL, "RESCUE"},
    {"resized", NULL, "VERIFY_RESIZE"},
    {"error", NULL, "ERROR"},
};

static const char *server_status(const json_t *server)
{
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        if (strcmp(statuses[i].vm_state, json_str(server, "vm_state")) == 0 &&
            (statuses[i].task_state == NULL ||
             g_strcmp0(statuses[i].task_state, json_str(server, "task_state")) == 0))
            return statuses[i].status;
    }
    return "UNKNOWN";
}

static json_t *image_view(struct call *call, const json_t *server)
{
    const char *id = json_str(server, "image_id");
    if (id == NULL)
        return json_string("");
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *href = g_strdup_printf("%s/images/%s", origin, id);
    return js("{s:s, s:[{s:s, s:s}]}", "id", id, "links", "rel", "bookmark", "href", href);
}

static json_t *flavor_view(struct call *call, const json_t *server)
{
    const json_t *flavor = json_obj(server, "flavor");
    if (call->mv < 47) {
        const char *id = json_str(flavor, "id");
        g_autofree char *origin = sim_call_origin(call);
        g_autofree char *href = g_strdup_printf("%s/flavors/%s", origin, id);
        return js("{s:s, s:[{s:s, s:s}]}", "id", id, "links", "rel", "bookmark", "href", href);
    }
    return js("{s:O, s:O, s:O, s:O, s:O, s:O, s:O}", "vcpus", json_object_get(flavor, "vcpus"),
              "ram", json_object_get(flavor, "ram"), "disk", json_object_get(flavor, "disk"),
              "ephemeral", json_object_get(flavor, "ephemeral"), "swap",
              json_object_get(flavor, "swap"), "original_name", json_object_get(flavor, "name"),
              "extra_specs", json_obj(flavor, "extra_specs"));
}

/* {"net-app": [{"version": 4, "addr": …}]} of the server's ports; 'full' with type and MAC. */
static json_t *addresses_view(struct site *site, const json_t *server, bool full)
{
    json_t *networks = json_object();
    size_t i = 0;
    json_t *port_id = NULL;
    json_array_foreach(json_arr(server, "ports"), i, port_id)
    {
        const json_t *port = sim_site_row(site, "ports", json_string_value(port_id));
        const json_t *network = sim_site_row(site, "networks", json_str(port, "network_id"));
        if (network == NULL)
            continue;
        json_t *list = json_arr(networks, json_str(network, "name"));
        if (list == NULL) {
            list = json_array();
            json_set(networks, json_str(network, "name"), list);
        }
        size_t k = 0;
        json_t *fixed = NULL;
        json_array_foreach(json_arr(port, "fixed_ips"), k, fixed)
        {
            const char *address = json_str(fixed, "ip_address");
            const char *const pair[] = {address, sim_neutron_floating_of(site, json_str(port, "id"),
                                                                         address)};
            for (int p = 0; p < 2 && pair[p] != NULL; p++) {
                json_t *item = js("{s:i, s:s}", "version", strchr(pair[p], ':') != NULL ? 6 : 4,
                                  "addr", pair[p]);
                if (full) {
                    json_set_str(item, "OS-EXT-IPS:type", p == 0 ? "fixed" : "floating");
                    json_set_str(item, "OS-EXT-IPS-MAC:mac_addr", json_str(port, "mac_address"));
                }
                json_array_append_new(list, item);
            }
        }
    }
    return networks;
}

/* Names of the security groups of the ports, each once, sorted as the database gives them. */
static json_t *group_names(struct site *site, const json_t *server)
{
    json_t *names = json_array();
    const char *id = NULL;
    json_t *group = NULL;
    sim_site_each(site, "security_groups", id, group)
    {
        bool used = false;
        size_t i = 0;
        json_t *port_id = NULL;
        json_array_foreach(json_arr(server, "ports"), i, port_id)
        {
            const json_t *port = sim_site_row(site, "ports", json_string_value(port_id));
            used = used || js_has(json_arr(port, "security_groups"), id);
        }
        if (used)
            json_array_append_new(names, js("{s:s}", "name", json_str(group, "name")));
    }
    return names;
}

static json_t *volumes_view(struct call *call, const json_t *server)
{
    json_t *list = json_array();
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(json_arr(server, "volumes"), i, device)
    {
        if (!json_bool(server, "placed", false) || json_str(device, "volume_id") == NULL)
            continue;
        json_t *item = js("{s:s}", "id", json_str(device, "volume_id"));
        if (call->mv >= 3)
            json_set_bool(item, "delete_on_termination",
                          json_bool(device, "delete_on_termination", false));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *host_id(struct site *site, const json_t *server)
{
    if (!json_bool(server, "placed", false) || json_str(server, "host") == NULL)
        return json_string("");
    (void)site;
    g_autofree char *text =
        g_strconcat(json_str(server, "project_id"), json_str(server, "host"), NULL);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    sum[56] = '\0';
    return json_string(sum);
}

/* What only administrators see. */
static void view_admin(struct call *call, const json_t *server, json_t *view)
{
    const char *host = json_str(server, "host");
    g_autofree char *name =
        g_strdup_printf("instance-%08x", (unsigned)json_int(server, "serial", 0));
    json_set(view, "OS-EXT-SRV-ATTR:host", js_str(host));
    json_set_str(view, "OS-EXT-SRV-ATTR:instance_name", name);
    json_set(view, "OS-EXT-SRV-ATTR:hypervisor_hostname", js_str(host));
    if (call->mv >= 3) {
        json_set(view, "OS-EXT-SRV-ATTR:reservation_id",
                 js_str(json_str(server, "reservation_id")));
        json_set_int(view, "OS-EXT-SRV-ATTR:launch_index", 0);
        json_set_str(view, "OS-EXT-SRV-ATTR:hostname", json_str(server, "hostname"));
        json_set_str(view, "OS-EXT-SRV-ATTR:kernel_id", "");
        json_set_str(view, "OS-EXT-SRV-ATTR:ramdisk_id", "");
        json_set(view, "OS-EXT-SRV-ATTR:root_device_name",
                 js_str(json_bool(server, "placed", false) ? "/dev/vda" : NULL));
        json_set(view, "OS-EXT-SRV-ATTR:user_data", js_str(json_str(server, "user_data")));
    }
    if (call->mv >= 16)
        json_set_str(view, "host_status", host != NULL ? "UP" : "");
}

/* What later microversions add. */
static void view_versions(struct call *call, const json_t *server, json_t *view, bool single)
{
    if (call->mv >= 9)
        json_set_bool(view, "locked", json_bool(server, "locked", false));
    if (call->mv >= 73)
        json_set(view, "locked_reason", js_str(json_str(server, "locked_reason")));
    if (call->mv >= 19)
        json_set(view, "description", js_str(json_str(server, "description")));
    if (call->mv >= 26)
        json_set(view, "tags", json_deep_copy(json_arr(server, "tags")));
    if (call->mv >= 63)
        json_set(view, "trusted_image_certificates", NULL);
    if (call->mv >= 71 && single)
        json_set(view, "server_groups", sim_nova_groups_of(call->site, json_str(server, "id")));
    if (call->mv >= 90)
        json_set_str(view, "OS-EXT-SRV-ATTR:hostname", json_str(server, "hostname"));
}

static void view_states(struct call *call, const json_t *server, json_t *view)
{
    const char *status = server_status(server);
    json_t *fault = json_obj(server, "fault");
    bool placed = json_bool(server, "placed", false);
    if (fault != NULL && strcmp(status, "ERROR") == 0) {
        json_t *shown = js("{s:O, s:o, s:O}", "code", json_object_get(fault, "code"), "created",
                           js_stamp_of(fault, "created_ms", STAMP_Z), "message",
                           json_object_get(fault, "message"));
        if (call->admin)
            json_set_str(shown, "details", "");
        json_set(view, "fault", shown);
    }
    if (strcmp(status, "ACTIVE") == 0 || strcmp(status, "BUILD") == 0)
        json_set_int(view, "progress", 0);
    json_set_str(view, "OS-EXT-AZ:availability_zone",
                 placed && json_str(server, "host") != NULL ? "nova" : "");
    json_set_str(view, "config_drive", json_bool(server, "config_drive", false) ? "True" : "");
    json_set(view, "key_name", js_str(json_str(server, "key_name")));
    json_set(view, "OS-SRV-USG:launched_at", js_stamp_of(server, "launched_ms", STAMP_US));
    json_set(view, "OS-SRV-USG:terminated_at", NULL);
    json_t *groups = group_names(call->site, server);
    if (placed && json_array_size(groups) > 0)
        json_object_set(view, "security_groups", groups);
    json_decref(groups);
    json_set(view, "OS-EXT-STS:task_state", js_str(json_str(server, "task_state")));
    json_set_str(view, "OS-EXT-STS:vm_state", json_str(server, "vm_state"));
    json_set_int(view, "OS-EXT-STS:power_state", json_int(server, "power_state", 0));
    json_set(view, "os-extended-volumes:volumes_attached", volumes_view(call, server));
}

json_t *sim_nova_server_view(struct call *call, json_t *server, bool single)
{
    const char *id = json_str(server, "id");
    json_t *view =
        js("{s:s, s:s, s:s, s:s, s:s, s:O, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:s}", "id",
           id, "name", json_str(server, "name"), "status", server_status(server), "tenant_id",
           json_str(server, "project_id"), "user_id", json_str(server, "user_id"), "metadata",
           json_obj(server, "metadata"), "hostId", host_id(call->site, server), "image",
           image_view(call, server), "flavor", flavor_view(call, server), "created",
           js_stamp_of(server, "created_ms", STAMP_Z), "updated",
           js_stamp_of(server, "updated_ms", STAMP_Z), "addresses",
           addresses_view(call->site, server, true), "accessIPv4", "", "accessIPv6", "", "links",
           sim_nova_links(call, "servers", id), "OS-DCF:diskConfig", "MANUAL");
    view_states(call, server, view);
    if (call->admin)
        view_admin(call, server, view);
    view_versions(call, server, view, single);
    return view;
}

/* ---- finding ---- */

json_t *sim_nova_server_here(struct call *call, struct http_response **ret)
{
    json_t *server = sim_site_row(call->site, "servers", call->arg[0]);
    if (sim_call_sees(call, server))
        return server;
    *ret = sim_call_fail(call, 404, "Instance %s could not be found.", call->arg[0]);
    return NULL;
}

json_t *sim_nova_server_placed_here(struct call *call, struct http_response **ret)
{
    json_t *server = sim_nova_server_here(call, ret);
    if (server == NULL || json_bool(server, "placed", false))
        return server;
    *ret = sim_call_fail(call, 404, "Instance %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_nova_server_show(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_here(call, &resp);
    return server == NULL
               ? resp
               : sim_call_json(call, 200,
                               js("{s:o}", "server", sim_nova_server_view(call, server, true)));
}

static bool regex_fits(const char *pattern, const char *text)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    return regex != NULL && g_regex_match(regex, text, 0, NULL);
}

static bool list_matches(struct call *call, const json_t *server)
{
    const char *name = sim_call_query(call, "name");
    const char *status = sim_call_query(call, "status");
    const char *flavor = sim_call_query(call, "flavor");
    const char *host = call->admin ? sim_call_query(call, "host") : NULL;
    const char *tags = call->mv >= 26 ? sim_call_query(call, "tags") : NULL;
    if (name != NULL && !regex_fits(name, json_str(server, "name")))
        return false;
    if (status != NULL && g_ascii_strcasecmp(status, server_status(server)) != 0)
        return false;
    if (flavor != NULL && g_strcmp0(flavor, json_str(json_obj(server, "flavor"), "id")) != 0)
        return false;
    if (host != NULL && g_strcmp0(host, json_str(server, "host")) != 0)
        return false;
    g_auto(GStrv) wanted = g_strsplit(tags != NULL ? tags : "", ",", -1);
    for (guint i = 0; wanted[i] != NULL; i++) {
        if (wanted[i][0] != '\0' && !js_has(json_arr(server, "tags"), wanted[i]))
            return false;
    }
    return true;
}

/* The servers that the request lists, newest first. */
static json_t *listed(struct call *call)
{
    const char *all = sim_call_query(call, "all_tenants");
    bool wide = call->admin && all != NULL && strcmp(all, "0") != 0 &&
                g_ascii_strcasecmp(all, "false") != 0;
    const char *only = wide ? sim_call_query(call, "project_id") : call->project_id;
    json_t *rows = json_array();
    const char *id = NULL;
    json_t *server = NULL;
    sim_site_each(call->site, "servers", id, server)
    {
        if ((only == NULL || g_strcmp0(json_str(server, "project_id"), only) == 0) &&
            list_matches(call, server))
            json_array_insert(rows, 0, server);
    }
    return rows;
}

static struct http_response *list_answer(struct call *call, bool detail)
{
    const char *all = sim_call_query(call, "all_tenants");
    if (all != NULL && !call->admin && strcmp(all, "0") != 0 &&
        g_ascii_strcasecmp(all, "false") != 0)
        return sim_call_forbid(call, detail ? "os_compute_api:servers:detail:get_all_tenants"
                                            : "os_compute_api:servers:index:get_all_tenants");
    g_autofree char *next = NULL;
    g_autoptr(json_t) page = sim_call_page(call, listed(call), "id", CALL_LIMIT_MAX, &next);
    if (page == NULL)
        return sim_call_fail(call, 400, "marker [%s] not found", sim_call_query(call, "marker"));
    json_t *views = json_array();
    size_t i = 0;
    json_t *server = NULL;
    json_array_foreach(page, i, server)
    {
        const char *id = json_str(server, "id");
        json_array_append_new(views, detail ? sim_nova_server_view(call, server, false)
                                            : js("{s:s, s:s, s:o}", "id", id, "name",
                                                 json_str(server, "name"), "links",
                                                 sim_nova_links(call, "servers", id)));
    }
    json_t *body = js("{s:o}", "servers", views);
    if (next != NULL) {
        g_autofree char *origin = sim_call_origin(call);
        g_autofree char *base = g_strconcat(origin, call->path, NULL);
        g_autofree char *href = sim_call_next_url(call, base, next);
        json_set(body, "servers_links", js("[{s:s, s:s}]", "rel", "next", "href", href));
    }
    return sim_call_json(call, 200, body);
}

struct http_response *sim_nova_server_list(struct call *call)
{
    return list_answer(call, false);
}

struct http_response *sim_nova_server_detail(struct call *call)
{
    return list_answer(call, true);
}

struct http_response *sim_nova_server_ips(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_here(call, &resp);
    return server == NULL
               ? resp
               : sim_call_json(call, 200,
                               js("{s:o}", "addresses", addresses_view(call->site, server, false)));
}

struct http_response *sim_nova_instance_actions(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_here(call, &resp);
    if (server == NULL)
        return resp;
    json_t *views = json_array();
    size_t i = 0;
    json_t *action = NULL;
    json_array_foreach(json_arr(server, "actions"), i, action)
    {
        json_t *view =
            js("{s:O, s:s, s:O, s:O, s:s, s:o, s:n}", "action", json_object_get(action, "action"),
               "instance_uuid", call->arg[0], "request_id", json_object_get(action, "request_id"),
               "user_id", json_object_get(action, "user_id"), "project_id",
               json_str(server, "project_id"), "start_time",
               js_stamp_of(action, "start_ms", STAMP_US), "message");
        if (call->mv >= 58)
            json_set(view, "updated_at", js_stamp_of(action, "start_ms", STAMP_US));
        json_array_insert_new(views, 0, view);
    }
    return sim_call_json(call, 200, js("{s:o}", "instanceActions", views));
}

/* ---- security groups, in the old words of nova-network ---- */

static json_t *old_rule_view(struct site *site, const json_t *rule)
{
    const json_t *remote = sim_site_row(site, "security_groups", json_str(rule, "remote_group_id"));
    const char *protocol = json_str(rule, "protocol");
    bool no_ports = protocol != NULL && json_is_null(json_object_get(rule, "port_range_min"));
    json_t *from =
        no_ports ? json_integer(-1) : json_incref(json_object_get(rule, "port_range_min"));
    json_t *to = no_ports ? json_integer(-1) : json_incref(json_object_get(rule, "port_range_max"));
    json_t *group = remote == NULL ? json_object()
                                   : js("{s:s, s:s}", "name", json_str(remote, "name"), "tenant_id",
                                        json_str(remote, "project_id"));
    json_t *range = remote != NULL
                        ? json_object()
                        : js("{s:s}", "cidr", json_str_or(rule, "remote_ip_prefix", "0.0.0.0/0"));
    return js("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", json_str(rule, "id"), "parent_group_id",
              json_str(rule, "security_group_id"), "ip_protocol", js_str(protocol), "from_port",
              from, "to_port", to, "group", group, "ip_range", range);
}

static json_t *old_group_view(struct site *site, const json_t *group)
{
    json_t *rules = json_array();
    const char *id = NULL;
    json_t *rule = NULL;
    sim_site_each(site, "security_group_rules", id, rule)
    {
        if (strcmp(json_str(rule, "security_group_id"), json_str(group, "id")) == 0 &&
            strcmp(json_str(rule, "direction"), "ingress") == 0)
            json_array_append_new(rules, old_rule_view(site, rule));
    }
    return js("{s:s, s:s, s:s, s:s, s:o}", "id", json_str(group, "id"), "description",
              json_str(group, "description"), "name", json_str(group, "name"), "tenant_id",
              json_str(group, "project_id"), "rules", rules);
}

struct http_response *sim_nova_security_groups(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_here(call, &resp);
    if (server == NULL)
        return resp;
    json_t *views = json_array();
    const char *id = NULL;
    json_t *group = NULL;
    sim_site_each(call->site, "security_groups", id, group)
    {
        bool used = false;
        size_t i = 0;
        json_t *port_id = NULL;
        json_array_foreach(json_arr(server, "ports"), i, port_id)
        {
            const json_t *port = sim_site_row(call->site, "ports", json_string_value(port_id));
            used = used || js_has(json_arr(port, "security_groups"), id);
        }
        if (used)
            json_array_append_new(views, old_group_view(call->site, group));
    }
    return sim_call_json(call, 200, js("{s:o}", "security_groups", views));
}
