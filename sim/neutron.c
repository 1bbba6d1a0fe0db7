/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neutron - the simulated network service: routes, version documents, how it words errors.
 */
#include "sim/neutron.h"

#include <string.h>

static struct http_response *sim_neutron_fail(struct call *call, int status, const char *type,
                                              const char *message)
{
    if (status == 401) {
        g_autofree char *uri = sim_origin(call->sim, call->site->index, SIM_KEYSTONE);
        g_autofree char *value = g_strdup_printf("Keystone uri=\"%s\"", uri);
        struct http_response *resp = sim_call_json(call, 401,
                                                   js("{s:{s:i, s:s, s:s}}", "error", "code", 401,
                                                      "title", "Unauthorized", "message", message));
        http_response_set(resp, "Www-Authenticate", value);
        return resp;
    }
    return sim_call_json(call, status,
                         js("{s:{s:s, s:s, s:s}}", "NeutronError", "type",
                            type != NULL ? type : "HTTPBadRequest", "message", message, "detail",
                            ""));
}

static void sim_neutron_decorate(struct call *call, struct http_response *resp)
{
    if (call->parts == NULL || call->parts[0] == NULL)
        return;
    g_autofree char *id = env_id(call->sim->env, "req-");
    http_response_set(resp, "X-Openstack-Request-Id", id);
}

struct http_response *sim_neutron_versions(struct call *call)
{
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *href = g_strconcat(origin, "/v2.0/", NULL);
    return sim_call_json(call, 200,
                         js("{s:[{s:s, s:s, s:[{s:s, s:s}]}]}", "versions", "id", "v2.0", "status",
                            "CURRENT", "links", "rel", "self", "href", href));
}

struct http_response *sim_neutron_resources(struct call *call)
{
    static const char *const names[][2] = {
        {"network", "networks"},
        {"subnet", "subnets"},
        {"subnetpool", "subnetpools"},
        {"port", "ports"},
    };
    if (!g_str_has_suffix(call->path, "/")) /* as the real one: without the slash it is nothing */
        return sim_call_fail_type(call, 404, "HTTPNotFound", "The resource could not be found.");
    g_autofree char *origin = sim_call_origin(call);
    json_t *list = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *href = g_strdup_printf("%s/v2.0/%s", origin, names[i][1]);
        json_array_append_new(list,
                              js("{s:s, s:s, s:[{s:s, s:s}]}", "name", names[i][0], "collection",
                                 names[i][1], "links", "rel", "self", "href", href));
    }
    return sim_call_json(call, 200, js("{s:o}", "resources", list));
}

static const struct {
    const char *alias;
    const char *name;
    const char *updated;
} extensions[] = {
#define EXTENSION(alias, name, updated) {alias, name, updated},
#include "sim/neutron_extensions.tbl"
#undef EXTENSION
};

static json_t *extension_view(size_t i)
{
    return js("{s:s, s:s, s:s, s:s, s:[]}", "name", extensions[i].name, "alias",
              extensions[i].alias, "description", extensions[i].name, "updated",
              extensions[i].updated, "links");
}

struct http_response *sim_neutron_extensions(struct call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++)
        json_array_append_new(list, extension_view(i));
    return sim_call_json(call, 200, js("{s:o}", "extensions", list));
}

struct http_response *sim_neutron_extension_show(struct call *call)
{
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++) {
        if (strcmp(extensions[i].alias, call->arg[0]) == 0)
            return sim_call_json(call, 200, js("{s:o}", "extension", extension_view(i)));
    }
    return sim_call_fail_type(call, 404, "HTTPNotFound", "Extension with alias %s does not exist",
                              call->arg[0]);
}

struct http_response *sim_neutron_agents(struct call *call)
{
    return sim_call_json(call, 200, js("{s:[]}", "agents"));
}

struct http_response *sim_neutron_zones(struct call *call)
{
    return sim_call_json(call, 200, js("{s:[]}", "availability_zones"));
}

static const struct route routes[] = {
    {"GET", "", sim_neutron_versions, NULL, 0, ROUTE_PUBLIC},
    {"GET", "v2.0", sim_neutron_resources, NULL, 0, 0},
    {"GET", "v2.0/extensions", sim_neutron_extensions, NULL, 0, 0},
    {"GET", "v2.0/extensions/{}", sim_neutron_extension_show, NULL, 0, 0},
    {"GET", "v2.0/agents", sim_neutron_agents, NULL, 0, 0},
    {"GET", "v2.0/availability_zones", sim_neutron_zones, NULL, 0, 0},
    {"GET", "v2.0/networks", sim_neutron_network_list, NULL, 0, 0},
    {"POST", "v2.0/networks", sim_neutron_network_create, NULL, 0, 0},
    {"GET", "v2.0/networks/{}", sim_neutron_network_show, NULL, 0, 0},
    {"PUT", "v2.0/networks/{}", sim_neutron_network_update, NULL, 0, 0},
    {"DELETE", "v2.0/networks/{}", sim_neutron_network_delete, NULL, 0, 0},
    {"GET", "v2.0/subnets", sim_neutron_subnet_list, NULL, 0, 0},
    {"POST", "v2.0/subnets", sim_neutron_subnet_create, NULL, 0, 0},
    {"GET", "v2.0/subnets/{}", sim_neutron_subnet_show, NULL, 0, 0},
    {"PUT", "v2.0/subnets/{}", sim_neutron_subnet_update, NULL, 0, 0},
    {"DELETE", "v2.0/subnets/{}", sim_neutron_subnet_delete, NULL, 0, 0},
    {"GET", "v2.0/ports", sim_neutron_port_list, NULL, 0, 0},
    {"POST", "v2.0/ports", sim_neutron_port_create, NULL, 0, 0},
    {"GET", "v2.0/ports/{}", sim_neutron_port_show, NULL, 0, 0},
    {"PUT", "v2.0/ports/{}", sim_neutron_port_update, NULL, 0, 0},
    {"DELETE", "v2.0/ports/{}", sim_neutron_port_delete, NULL, 0, 0},
    {"GET", "v2.0/security-groups", sim_neutron_group_list, NULL, 0, 0},
    {"POST", "v2.0/security-groups", sim_neutron_group_create, NULL, 0, 0},
    {"GET", "v2.0/security-groups/{}", sim_neutron_group_show, NULL, 0, 0},
    {"PUT", "v2.0/security-groups/{}", sim_neutron_group_update, NULL, 0, 0},
    {"DELETE", "v2.0/security-groups/{}", sim_neutron_group_delete, NULL, 0, 0},
    {"GET", "v2.0/security-group-rules", sim_neutron_rule_list, NULL, 0, 0},
    {"POST", "v2.0/security-group-rules", sim_neutron_rule_create, NULL, 0, 0},
    {"GET", "v2.0/security-group-rules/{}", sim_neutron_rule_show, NULL, 0, 0},
    {"DELETE", "v2.0/security-group-rules/{}", sim_neutron_rule_delete, NULL, 0, 0},
    {"GET", "v2.0/routers", sim_neutron_router_list, NULL, 0, 0},
    {"POST", "v2.0/routers", sim_neutron_router_create, NULL, 0, 0},
    {"GET", "v2.0/routers/{}", sim_neutron_router_show, NULL, 0, 0},
    {"PUT", "v2.0/routers/{}", sim_neutron_router_update, NULL, 0, 0},
    {"DELETE", "v2.0/routers/{}", sim_neutron_router_delete, NULL, 0, 0},
    {"PUT", "v2.0/routers/{}/add_router_interface", sim_neutron_router_add_interface, NULL, 0, 0},
    {"PUT", "v2.0/routers/{}/remove_router_interface", sim_neutron_router_remove_interface, NULL, 0,
     0},
    {"GET", "v2.0/floatingips", sim_neutron_floating_list, NULL, 0, 0},
    {"POST", "v2.0/floatingips", sim_neutron_floating_create, NULL, 0, 0},
    {"GET", "v2.0/floatingips/{}", sim_neutron_floating_show, NULL, 0, 0},
    {"PUT", "v2.0/floatingips/{}", sim_neutron_floating_update, NULL, 0, 0},
    {"DELETE", "v2.0/floatingips/{}", sim_neutron_floating_delete, NULL, 0, 0},
    {"GET", "v2.0/quotas/{}", sim_neutron_quota_show, NULL, 0, 0},
    {"PUT", "v2.0/quotas/{}", sim_neutron_quota_update, "update_quota", 0, 0},
    {"DELETE", "v2.0/quotas/{}", sim_neutron_quota_delete, "delete_quota", 0, 0},
    {"GET", "v2.0/quotas/{}/details.json", sim_neutron_quota_details, NULL, 0, 0},
    {"GET", "v2.0/{}/{}/tags", sim_neutron_tags_show, NULL, 0, 0},
    {"PUT", "v2.0/{}/{}/tags", sim_neutron_tags_put, NULL, 0, 0},
    {"PUT", "v2.0/{}/{}/tags/{}", sim_neutron_tag_put, NULL, 0, 0},
    {"DELETE", "v2.0/{}/{}/tags/{}", sim_neutron_tag_delete, NULL, 0, 0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const struct service sim_neutron_service = {
    .id = SIM_NEUTRON,
    .routes = routes,
    .fail = sim_neutron_fail,
    .decorate = sim_neutron_decorate,
};
