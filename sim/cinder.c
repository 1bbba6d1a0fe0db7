/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cinder - the simulated block storage service: routes, version documents, errors, lists.
 */
#include "sim/cinder.h"

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

static struct http_response *sim_cinder_fail(struct call *call, int status, const char *type,
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
    json_t *fault = js("{s:i, s:s}", "code", status, "message", message);
    if (status == 413)
        json_set_str(fault, "retryAfter", "0");
    struct http_response *resp = sim_call_json(call, status, js("{s:o}", name, fault));
    if (status == 413)
        http_response_set(resp, "Retry-After", "0");
    return resp;
}

static void sim_cinder_decorate(struct call *call, struct http_response *resp)
{
    g_autofree char *id = env_id(call->sim->env, "req-");
    http_response_set(resp, "X-Openstack-Request-Id", id);
    if (resp->status == 401 ||
        (resp->status == 413 && http_response_get(resp, "Retry-After") == NULL))
        return;
    g_autofree char *version = g_strdup_printf("volume 3.%d", call->mv);
    http_response_set(resp, "Openstack-Api-Version", version);
    http_response_set(resp, "Vary", "OpenStack-API-Version");
    const char *type = http_response_get(resp, "Content-Type");
    if (type == NULL || !g_str_has_prefix(type, "text/html")) /* a bare webob.Response has none */
        http_response_set(resp, "X-Compute-Request-Id", id);
}

static json_t *version_list(struct call *call)
{
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *self = g_strconcat(origin, "/v3/", NULL);
    bool zed = call->sim->options.release == SIM_ZED;
    g_autofree char *max =
        g_strdup_printf("3.%d", call->service->version_max[call->sim->options.release]);
    json_t *version =
        js("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s, s:s}, {s:s, s:s}], s:[{s:s, s:s}]}", "id",
           "v3.0", "status", "CURRENT", "version", max, "min_version", "3.0", "updated",
           zed ? "2022-08-31T00:00:00Z" : "2020-09-16T00:00:00Z", "links", "rel", "describedby",
           "type", "text/html", "href", "https://docs.openstack.org/", "rel", "self", "href", self,
           "media-types", "base", "application/json", "type",
           "application/vnd.openstack.volume+json;version=3");
    return js("{s:[o]}", "versions", version);
}

struct http_response *sim_cinder_versions(struct call *call)
{
    call->mv = 0;
    return sim_call_json(call, 300, version_list(call));
}

struct http_response *sim_cinder_version(struct call *call)
{
    return sim_call_json(call, 200, version_list(call));
}

json_t *sim_cinder_links(struct call *call, const char *collection, const char *id)
{
    g_autofree char *origin = sim_call_origin(call);
    const char *project = call->url_project != NULL ? call->url_project : "";
    const char *slash = *project != '\0' ? "/" : "";
    g_autofree char *self =
        g_strdup_printf("%s/v3%s%s/%s/%s", origin, slash, project, collection, id);
    g_autofree char *mark = g_strdup_printf("%s%s%s/%s/%s", origin, slash, project, collection, id);
    return js("[{s:s, s:s}, {s:s, s:s}]", "rel", "self", "href", self, "rel", "bookmark", "href",
              mark);
}

static bool asks_all(const struct call *call)
{
    const char *all = sim_call_query(call, "all_tenants");
    return call->admin && all != NULL && strcmp(all, "0") != 0 && g_ascii_strcasecmp(all, "false");
}

json_t *sim_cinder_listed(struct call *call, const char *table)
{
    bool all = asks_all(call);
    const char *only = all ? sim_call_query(call, "project_id") : call->project_id;
    json_t *rows = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, table, id, row)
    {
        if (only == NULL || g_strcmp0(json_str(row, "project_id"), only) == 0)
            json_array_insert(rows, 0, row);
    }
    return rows;
}

struct http_response *sim_cinder_list(struct call *call, const char *collection, json_t *rows,
                                      json_t *(*view)(struct call *call, json_t *row))
{
    g_autofree char *next = NULL;
    g_autoptr(json_t) page = sim_call_page(call, rows, "id", CALL_LIMIT_MAX, &next);
    if (page == NULL)
        return sim_call_fail(call, 404, "Marker %s could not be found.",
                             sim_call_query(call, "marker"));
    json_t *views = json_array();
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(page, i, row) json_array_append_new(views, view(call, row));
    json_t *body = js("{s:o}", collection, views);
    if (next != NULL) {
        g_autofree char *origin = sim_call_origin(call);
        g_autofree char *base = g_strconcat(origin, call->path, NULL);
        g_autofree char *href = sim_call_next_url(call, base, next);
        g_autofree char *key = g_strconcat(collection, "_links", NULL);
        json_set(body, key, js("[{s:s, s:s}]", "rel", "next", "href", href));
    }
    return sim_call_json(call, 200, body);
}

const char *sim_cinder_action(const struct call *call, json_t **ret_value)
{
    void *it = json_object_iter(call->body);
    if (it == NULL || json_object_size(call->body) != 1)
        return NULL;
    *ret_value = json_object_iter_value(it);
    return json_object_iter_key(it);
}

static const struct route routes[] = {
    {"GET", "", sim_cinder_versions, NULL, 0, ROUTE_PUBLIC},
    {"GET", "v3", sim_cinder_version, NULL, 0, 0},
    {"POST", "v3/volumes", sim_cinder_volume_create, NULL, 0, 0},
    {"GET", "v3/volumes", sim_cinder_volume_list, NULL, 0, 0},
    {"GET", "v3/volumes/detail", sim_cinder_volume_detail, NULL, 0, 0},
    {"GET", "v3/volumes/{}", sim_cinder_volume_show, NULL, 0, 0},
    {"PUT", "v3/volumes/{}", sim_cinder_volume_update, NULL, 0, 0},
    {"DELETE", "v3/volumes/{}", sim_cinder_volume_delete, NULL, 0, 0},
    {"POST", "v3/volumes/{}/action", sim_cinder_volume_action, NULL, 0, 0},
    {"GET", "v3/volumes/{}/metadata", sim_cinder_metadata_show, NULL, 0, 0},
    {"POST", "v3/volumes/{}/metadata", sim_cinder_metadata_add, NULL, 0, 0},
    {"PUT", "v3/volumes/{}/metadata", sim_cinder_metadata_put, NULL, 0, 0},
    {"DELETE", "v3/volumes/{}/metadata/{}", sim_cinder_metadata_delete, NULL, 0, 0},
    {"POST", "v3/types", sim_cinder_type_create, "volume_extension:type_create", 0, 0},
    {"GET", "v3/types", sim_cinder_type_list, NULL, 0, 0},
    {"GET", "v3/types/{}", sim_cinder_type_show, NULL, 0, 0},
    {"DELETE", "v3/types/{}", sim_cinder_type_delete, "volume_extension:type_delete", 0, 0},
    {"GET", "v3/types/{}/extra_specs", sim_cinder_type_specs, NULL, 0, 0},
    {"POST", "v3/types/{}/extra_specs", sim_cinder_type_specs_add,
     "volume_extension:types_extra_specs:create", 0, 0},
    {"POST", "v3/group_types", sim_cinder_group_type_create, "group:group_types_manage", 11, 0},
    {"GET", "v3/group_types", sim_cinder_group_type_list, NULL, 11, 0},
    {"GET", "v3/group_types/{}", sim_cinder_group_type_show, NULL, 11, 0},
    {"GET", "v3/group_types/{}/group_specs", sim_cinder_group_type_specs, "group:group_types_specs",
     11, 0},
    {"POST", "v3/group_types/{}/group_specs", sim_cinder_group_type_specs_add,
     "group:group_types_specs", 11, 0},
    {"POST", "v3/groups", sim_cinder_group_create, NULL, 13, 0},
    {"GET", "v3/groups", sim_cinder_group_list, NULL, 13, 0},
    {"GET", "v3/groups/detail", sim_cinder_group_detail, NULL, 13, 0},
    {"POST", "v3/groups/action", sim_cinder_group_from_src, NULL, 14, 0},
    {"GET", "v3/groups/{}", sim_cinder_group_show, NULL, 13, 0},
    {"PUT", "v3/groups/{}", sim_cinder_group_update, NULL, 13, 0},
    {"POST", "v3/groups/{}/action", sim_cinder_group_action, NULL, 13, 0},
    {"POST", "v3/group_snapshots", sim_cinder_group_snapshot_create, NULL, 14, 0},
    {"GET", "v3/group_snapshots", sim_cinder_group_snapshot_list, NULL, 14, 0},
    {"GET", "v3/group_snapshots/detail", sim_cinder_group_snapshot_detail, NULL, 14, 0},
    {"GET", "v3/group_snapshots/{}", sim_cinder_group_snapshot_show, NULL, 14, 0},
    {"DELETE", "v3/group_snapshots/{}", sim_cinder_group_snapshot_delete, NULL, 14, 0},
    {"POST", "v3/snapshots", sim_cinder_snapshot_create, NULL, 0, 0},
    {"GET", "v3/snapshots", sim_cinder_snapshot_list, NULL, 0, 0},
    {"GET", "v3/snapshots/detail", sim_cinder_snapshot_detail, NULL, 0, 0},
    {"GET", "v3/snapshots/{}", sim_cinder_snapshot_show, NULL, 0, 0},
    {"DELETE", "v3/snapshots/{}", sim_cinder_snapshot_delete, NULL, 0, 0},
    {"POST", "v3/os-volume-manage", sim_cinder_manage_create, "volume_extension:volume_manage", 0,
     0},
    {"GET", "v3/os-volume-manage", sim_cinder_manage_list, "volume_extension:list_manageable", 0,
     0},
    {"GET", "v3/os-volume-manage/detail", sim_cinder_manage_detail,
     "volume_extension:list_manageable", 0, 0},
    {"POST", "v3/manageable_volumes", sim_cinder_manage_create, "volume_extension:volume_manage", 8,
     0},
    {"GET", "v3/manageable_volumes", sim_cinder_manage_list, "volume_extension:list_manageable", 8,
     0},
    {"GET", "v3/manageable_volumes/detail", sim_cinder_manage_detail,
     "volume_extension:list_manageable", 8, 0},
    {"POST", "v3/attachments", sim_cinder_attachment_create, NULL, 27, 0},
    {"GET", "v3/attachments", sim_cinder_attachment_list, NULL, 27, 0},
    {"GET", "v3/attachments/detail", sim_cinder_attachment_detail, NULL, 27, 0},
    {"GET", "v3/attachments/{}", sim_cinder_attachment_show, NULL, 27, 0},
    {"DELETE", "v3/attachments/{}", sim_cinder_attachment_delete, NULL, 27, 0},
    {"GET", "v3/os-services", sim_cinder_services, "volume_extension:services:index", 0, 0},
    {"GET", "v3/scheduler-stats/get_pools", sim_cinder_pools,
     "scheduler_extension:scheduler_stats:get_pools", 0, 0},
    {"GET", "v3/limits", sim_cinder_limits, NULL, 0, 0},
    {"GET", "v3/os-quota-sets/{}", sim_cinder_quota_show, NULL, 0, 0},
    {"PUT", "v3/os-quota-sets/{}", sim_cinder_quota_update, "volume_extension:quotas:update", 0, 0},
    {"DELETE", "v3/os-quota-sets/{}", sim_cinder_quota_delete, "volume_extension:quotas:delete", 0,
     0},
    {"GET", "v3/messages", sim_cinder_messages, NULL, 3, 0},
    {"GET", "v3/os-availability-zone", sim_cinder_zones, NULL, 0, 0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const struct service sim_cinder_service = {
    .id = SIM_CINDER,
    .routes = routes,
    .version_type = "volume",
    .version_major = 3,
    .version_min = 0,
    .version_max = {[SIM_ZED] = 70, [SIM_VICTORIA] = 62},
    .fail = sim_cinder_fail,
    .decorate = sim_cinder_decorate,
};
