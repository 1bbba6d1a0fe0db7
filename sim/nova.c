/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nova - the simulated compute service: routes, version documents, how it words errors.
 */
#include "sim/nova.h"

#include <string.h>

static const struct {
    int status;
    const char *name;
} sim_fault_names[] = {
    {400, "badRequest"},     {401, "unauthorized"},       {403, "forbidden"},
    {404, "itemNotFound"},   {405, "badMethod"},          {409, "conflictingRequest"},
    {413, "overLimit"},      {415, "badMediaType"},       {429, "overLimit"},
    {501, "notImplemented"}, {503, "serviceUnavailable"},
};

static struct http_response *sim_nova_fail(struct call *call, int status, const char *type,
                                           const char *message)
{
    (void)type;
    if (status == 401) {
        g_autofree char *uri = sim_origin(call->sim, call->site->index, SIM_KEYSTONE);
        g_autofree char *value = g_strdup_printf("Keystone uri=\"%s\"", uri);
        struct http_response *resp = sim_call_json(call, 401,
                                                   js("{s:{s:i, s:s, s:s}}", "error", "code", 401,
                                                      "title", "Unauthorized", "message", message));
        http_response_set(resp, "Www-Authenticate", value);
        return resp;
    }
    const char *name = "computeFault";
    for (size_t i = 0; i < G_N_ELEMENTS(sim_fault_names); i++) {
        if (sim_fault_names[i].status == status)
            name = sim_fault_names[i].name;
    }
    struct http_response *resp =
        sim_call_json(call, status, js("{s:{s:i, s:s}}", name, "code", status, "message", message));
    http_response_set(resp, "Content-Type", "application/json; charset=UTF-8");
    return resp;
}

static void sim_nova_decorate(struct call *call, struct http_response *resp)
{
    if (call->parts == NULL || call->parts[0] == NULL) /* the root knows nothing */
        return;
    g_autofree char *id = env_id(call->sim->env, "req-");
    http_response_set(resp, "X-Openstack-Request-Id", id);
    http_response_set(resp, "X-Compute-Request-Id", id);
    if (resp->status == 401 || resp->status == 413)
        return;
    g_autofree char *version = g_strdup_printf("2.%d", call->mv);
    g_autofree char *typed = g_strconcat("compute ", version, NULL);
    http_response_set(resp, "Openstack-Api-Version", typed);
    http_response_set(resp, "X-Openstack-Nova-Api-Version", version);
    http_response_set(resp, "Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version");
}

static json_t *version_view(struct call *call, const char *id, bool current)
{
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *href = g_strdup_printf("%s/%s/", origin, current ? "v2.1" : "v2");
    g_autofree char *max =
        g_strdup_printf("2.%d", call->service->version_max[call->sim->options.release]);
    return js("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}]}", "id", id, "status",
              current ? "CURRENT" : "SUPPORTED", "version", current ? max : "", "min_version",
              current ? "2.1" : "", "updated",
              current ? "2013-07-23T11:33:21Z" : "2011-01-21T11:33:21Z", "links", "rel", "self",
              "href", href);
}

struct http_response *sim_nova_versions(struct call *call)
{
    return sim_call_json(call, 200,
                         js("{s:[o, o]}", "versions", version_view(call, "v2.0", false),
                            version_view(call, "v2.1", true)));
}

struct http_response *sim_nova_version(struct call *call)
{
    json_t *version = version_view(call, "v2.1", true);
    json_array_append_new(json_arr(version, "links"),
                          js("{s:s, s:s, s:s}", "rel", "describedby", "type", "text/html", "href",
                             "http://docs.openstack.org/"));
    json_set(version, "media-types",
             js("[{s:s, s:s}]", "base", "application/json", "type",
                "application/vnd.openstack.compute+json;version=2.1"));
    return sim_call_json(call, 200, js("{s:o}", "version", version));
}

static const struct {
    const char *alias;
    const char *name;
} extensions[] = {
#define EXTENSION(alias, name) {alias, name},
#include "sim/nova_extensions.tbl"
#undef EXTENSION
};

struct http_response *sim_nova_extensions(struct call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++)
        json_array_append_new(list, js("{s:s, s:s, s:[], s:s, s:s, s:s}", "alias",
                                       extensions[i].alias, "description", extensions[i].name,
                                       "links", "name", extensions[i].name, "namespace",
                                       "http://docs.openstack.org/compute/ext/fake_xml", "updated",
                                       "2014-12-03T00:00:00Z"));
    return sim_call_json(call, 200, js("{s:o}", "extensions", list));
}

json_t *sim_nova_links(struct call *call, const char *collection, const char *id)
{
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *self = g_strdup_printf("%s/v2.1/%s/%s", origin, collection, id);
    g_autofree char *mark = g_strdup_printf("%s/%s/%s", origin, collection, id);
    return js("[{s:s, s:s}, {s:s, s:s}]", "rel", "self", "href", self, "rel", "bookmark", "href",
              mark);
}

const char *sim_nova_ref(const char *ref)
{
    const char *slash = ref != NULL ? strrchr(ref, '/') : NULL;
    return slash != NULL ? slash + 1 : ref;
}

char *sim_nova_host(struct site *site)
{
    return g_strconcat("compute-", site->options.suffix, NULL);
}

#define SERVER "v2.1/servers/{}"

static const struct route routes[] = {
    {"GET", "", sim_nova_versions, NULL, 0, ROUTE_PUBLIC},
    {"GET", "v2.1", sim_nova_version, NULL, 0, ROUTE_PUBLIC},
    {"GET", "v2.1/extensions", sim_nova_extensions, NULL, 0, 0},
    {"POST", "v2.1/servers", sim_nova_server_create, NULL, 0, 0},
    {"GET", "v2.1/servers", sim_nova_server_list, NULL, 0, 0},
    {"GET", "v2.1/servers/detail", sim_nova_server_detail, NULL, 0, 0},
    {"GET", SERVER, sim_nova_server_show, NULL, 0, 0},
    {"PUT", SERVER, sim_nova_server_update, NULL, 0, 0},
    {"DELETE", SERVER, sim_nova_server_delete, NULL, 0, 0},
    {"POST", SERVER "/action", sim_nova_server_action, NULL, 0, 0},
    {"GET", SERVER "/ips", sim_nova_server_ips, NULL, 0, 0},
    {"GET", SERVER "/os-instance-actions", sim_nova_instance_actions, NULL, 0, 0},
    {"GET", SERVER "/os-security-groups", sim_nova_security_groups, NULL, 0, 0},
    {"GET", SERVER "/metadata", sim_nova_metadata_show, NULL, 0, 0},
    {"POST", SERVER "/metadata", sim_nova_metadata_add, NULL, 0, 0},
    {"PUT", SERVER "/metadata", sim_nova_metadata_put, NULL, 0, 0},
    {"GET", SERVER "/metadata/{}", sim_nova_metadata_item, NULL, 0, 0},
    {"PUT", SERVER "/metadata/{}", sim_nova_metadata_item_put, NULL, 0, 0},
    {"DELETE", SERVER "/metadata/{}", sim_nova_metadata_item_delete, NULL, 0, 0},
    {"GET", SERVER "/tags", sim_nova_tags_show, NULL, 26, 0},
    {"PUT", SERVER "/tags", sim_nova_tags_put, NULL, 26, 0},
    {"DELETE", SERVER "/tags", sim_nova_tags_delete, NULL, 26, 0},
    {"GET", SERVER "/tags/{}", sim_nova_tag_check, NULL, 26, 0},
    {"PUT", SERVER "/tags/{}", sim_nova_tag_put, NULL, 26, 0},
    {"DELETE", SERVER "/tags/{}", sim_nova_tag_delete, NULL, 26, 0},
    {"GET", SERVER "/os-volume_attachments", sim_nova_attachment_list, NULL, 0, 0},
    {"POST", SERVER "/os-volume_attachments", sim_nova_attachment_create, NULL, 0, 0},
    {"GET", SERVER "/os-volume_attachments/{}", sim_nova_attachment_show, NULL, 0, 0},
    {"PUT", SERVER "/os-volume_attachments/{}", sim_nova_attachment_update, NULL, 85, 0},
    {"DELETE", SERVER "/os-volume_attachments/{}", sim_nova_attachment_delete, NULL, 0, 0},
    {"GET", SERVER "/os-interface", sim_nova_interface_list, NULL, 0, 0},
    {"POST", SERVER "/os-interface", sim_nova_interface_create, NULL, 0, 0},
    {"GET", SERVER "/os-interface/{}", sim_nova_interface_show, NULL, 0, 0},
    {"DELETE", SERVER "/os-interface/{}", sim_nova_interface_delete, NULL, 0, 0},
    {"GET", "v2.1/flavors", sim_nova_flavor_list, NULL, 0, 0},
    {"GET", "v2.1/flavors/detail", sim_nova_flavor_detail, NULL, 0, 0},
    {"POST", "v2.1/flavors", sim_nova_flavor_create, "os_compute_api:os-flavor-manage:create", 0,
     0},
    {"GET", "v2.1/flavors/{}", sim_nova_flavor_show, NULL, 0, 0},
    {"DELETE", "v2.1/flavors/{}", sim_nova_flavor_delete, "os_compute_api:os-flavor-manage:delete",
     0, 0},
    {"GET", "v2.1/flavors/{}/os-extra_specs", sim_nova_flavor_specs, NULL, 0, 0},
    {"POST", "v2.1/flavors/{}/os-extra_specs", sim_nova_flavor_specs_add,
     "os_compute_api:os-flavor-extra-specs:create", 0, 0},
    {"GET", "v2.1/os-keypairs", sim_nova_keypair_list, NULL, 0, 0},
    {"POST", "v2.1/os-keypairs", sim_nova_keypair_create, NULL, 0, 0},
    {"GET", "v2.1/os-keypairs/{}", sim_nova_keypair_show, NULL, 0, 0},
    {"DELETE", "v2.1/os-keypairs/{}", sim_nova_keypair_delete, NULL, 0, 0},
    {"GET", "v2.1/os-server-groups", sim_nova_group_list, NULL, 0, 0},
    {"POST", "v2.1/os-server-groups", sim_nova_group_create, NULL, 0, 0},
    {"GET", "v2.1/os-server-groups/{}", sim_nova_group_show, NULL, 0, 0},
    {"DELETE", "v2.1/os-server-groups/{}", sim_nova_group_delete, NULL, 0, 0},
    {"GET", "v2.1/os-availability-zone", sim_nova_zones, NULL, 0, 0},
    {"GET", "v2.1/os-availability-zone/detail", sim_nova_zones_detail,
     "os_compute_api:os-availability-zone:detail", 0, 0},
    {"GET", "v2.1/os-services", sim_nova_services, "os_compute_api:os-services:list", 0, 0},
    {"GET", "v2.1/os-hypervisors", sim_nova_hypervisors, "os_compute_api:os-hypervisors:list", 0,
     0},
    {"GET", "v2.1/os-hypervisors/detail", sim_nova_hypervisors_detail,
     "os_compute_api:os-hypervisors:list-detail", 0, 0},
    {"GET", "v2.1/limits", sim_nova_limits, NULL, 0, 0},
    {"GET", "v2.1/os-quota-sets/{}", sim_nova_quota_show, NULL, 0, 0},
    {"PUT", "v2.1/os-quota-sets/{}", sim_nova_quota_update, "os_compute_api:os-quota-sets:update",
     0, 0},
    {"DELETE", "v2.1/os-quota-sets/{}", sim_nova_quota_delete,
     "os_compute_api:os-quota-sets:delete", 0, 0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const struct service sim_nova_service = {
    .id = SIM_NOVA,
    .routes = routes,
    .version_type = "compute",
    .version_major = 2,
    .version_min = 1,
    .version_max = {[SIM_ZED] = 93, [SIM_VICTORIA] = 87},
    .fail = sim_nova_fail,
    .decorate = sim_nova_decorate,
};
