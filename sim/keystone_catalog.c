/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_keystone_catalog - services, endpoints, regions, and the catalog made of them.
 */
#include "sim/keystone.h"

#include <string.h>

/* Replaces %(project_id)s and %(tenant_id)s.  Caller frees. */
static char *expand(const char *url, const char *project_id)
{
    static const char *const marks[] = {"%(project_id)s", "%(tenant_id)s", "$(project_id)s",
                                        "$(tenant_id)s"};
    GString *text = g_string_new(url);
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
        g_string_replace(text, marks[i], project_id, 0);
    return g_string_free(text, FALSE);
}

static json_t *catalog_endpoints(struct site *site, const char *service_id, const char *project_id)
{
    json_t *views = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, "endpoints", id, row)
    {
        if (strcmp(json_str(row, "service_id"), service_id) != 0)
            continue;
        g_autofree char *url = expand(json_str(row, "url"), project_id);
        json_array_append_new(views, js("{s:s, s:s, s:s, s:s, s:s}", "id", id, "interface",
                                        json_str(row, "interface"), "region_id",
                                        json_str(row, "region_id"), "url", url, "region",
                                        json_str(row, "region_id")));
    }
    return views;
}

json_t *sim_keystone_catalog(struct call *call, const char *project_id)
{
    json_t *catalog = json_array();
    const char *id = NULL;
    json_t *service = NULL;
    sim_site_each(call->site, "services", id, service)
    {
        json_array_append_new(catalog,
                              js("{s:o, s:s, s:s, s:s}", "endpoints",
                                 catalog_endpoints(call->site, id, project_id), "id", id, "type",
                                 json_str(service, "type"), "name", json_str(service, "name")));
    }
    return catalog;
}

/* ---- services ---- */

static json_t *service_view(struct call *call, const json_t *service)
{
    json_t *view = js("{s:s, s:s, s:s, s:b}", "name", json_str(service, "name"), "id",
                      json_str(service, "id"), "type", json_str(service, "type"), "enabled", 1);
    return sim_keystone_link(call, view, "services", json_str(service, "id"));
}

struct http_response *sim_keystone_service_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "service");
    if (json_str(asked, "type") == NULL)
        return sim_call_fail(call, 400, "'type' is a required property");
    g_autofree char *id = sim_site_hex(call->site);
    json_t *service =
        sim_site_add(call->site, "services",
                     js("{s:s, s:s, s:s}", "id", id, "name", json_str_or(asked, "name", ""), "type",
                        json_str(asked, "type")));
    return sim_call_json(call, 201, js("{s:o}", "service", service_view(call, service)));
}

struct http_response *sim_keystone_service_list(struct call *call)
{
    const char *type = sim_call_query(call, "type");
    const char *name = sim_call_query(call, "name");
    json_t *views = json_array();
    const char *id = NULL;
    json_t *service = NULL;
    sim_site_each(call->site, "services", id, service)
    {
        if ((type == NULL || strcmp(type, json_str(service, "type")) == 0) &&
            (name == NULL || strcmp(name, json_str(service, "name")) == 0))
            json_array_append_new(views, service_view(call, service));
    }
    return sim_keystone_list(call, "services", views);
}

struct http_response *sim_keystone_service_show(struct call *call)
{
    const json_t *service = sim_site_row(call->site, "services", call->arg[0]);
    if (service == NULL)
        return sim_keystone_missing(call, "service", call->arg[0]);
    return sim_call_json(call, 200, js("{s:o}", "service", service_view(call, service)));
}

struct http_response *sim_keystone_service_delete(struct call *call)
{
    if (sim_site_row(call->site, "services", call->arg[0]) == NULL)
        return sim_keystone_missing(call, "service", call->arg[0]);
    const char *id = NULL;
    json_t *row = NULL;
    void *next = NULL;
    json_object_foreach_safe(sim_site_table(call->site, "endpoints"), next, id, row)
    {
        if (strcmp(json_str(row, "service_id"), call->arg[0]) == 0)
            sim_site_drop(call->site, "endpoints", id);
    }
    sim_site_drop(call->site, "services", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}

/* ---- endpoints ---- */

static json_t *endpoint_view(struct call *call, const json_t *row)
{
    json_t *view = js("{s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "id", json_str(row, "id"), "interface",
                      json_str(row, "interface"), "region_id", json_str(row, "region_id"),
                      "service_id", json_str(row, "service_id"), "url", json_str(row, "url"),
                      "enabled", 1, "region", json_str(row, "region_id"));
    return sim_keystone_link(call, view, "endpoints", json_str(row, "id"));
}

struct http_response *sim_keystone_endpoint_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "endpoint");
    const char *service_id = json_str_or(asked, "service_id", "");
    const char *region = json_str_or(asked, "region_id", json_str_or(asked, "region", ""));
    if (json_str(asked, "url") == NULL || json_str(asked, "interface") == NULL)
        return sim_call_fail(call, 400, "'%s' is a required property",
                             json_str(asked, "url") == NULL ? "url" : "interface");
    if (sim_site_row(call->site, "services", service_id) == NULL)
        return sim_call_fail(call, 400, "Could not find service: %s.", service_id);
    if (sim_site_row(call->site, "regions", region) == NULL)
        return sim_call_fail(call, 400, "Could not find region: %s.", region);
    g_autofree char *id = sim_site_hex(call->site);
    json_t *row = sim_site_add(call->site, "endpoints",
                               js("{s:s, s:s, s:s, s:s, s:s}", "id", id, "service_id", service_id,
                                  "interface", json_str(asked, "interface"), "region_id", region,
                                  "url", json_str(asked, "url")));
    return sim_call_json(call, 201, js("{s:o}", "endpoint", endpoint_view(call, row)));
}

struct http_response *sim_keystone_endpoint_list(struct call *call)
{
    const char *service_id = sim_call_query(call, "service_id");
    const char *interface = sim_call_query(call, "interface");
    json_t *views = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, "endpoints", id, row)
    {
        if ((service_id == NULL || strcmp(service_id, json_str(row, "service_id")) == 0) &&
            (interface == NULL || strcmp(interface, json_str(row, "interface")) == 0))
            json_array_append_new(views, endpoint_view(call, row));
    }
    return sim_keystone_list(call, "endpoints", views);
}

struct http_response *sim_keystone_endpoint_show(struct call *call)
{
    const json_t *row = sim_site_row(call->site, "endpoints", call->arg[0]);
    if (row == NULL)
        return sim_keystone_missing(call, "endpoint", call->arg[0]);
    return sim_call_json(call, 200, js("{s:o}", "endpoint", endpoint_view(call, row)));
}

struct http_response *sim_keystone_endpoint_delete(struct call *call)
{
    if (sim_site_row(call->site, "endpoints", call->arg[0]) == NULL)
        return sim_keystone_missing(call, "endpoint", call->arg[0]);
    sim_site_drop(call->site, "endpoints", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}

/* ---- regions ---- */

static json_t *region_view(struct call *call, const char *id)
{
    return sim_keystone_link(call,
                             js("{s:s, s:s, s:n}", "id", id, "description", "", "parent_region_id"),
                             "regions", id);
}

struct http_response *sim_keystone_region_list(struct call *call)
{
    json_t *views = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, "regions", id, row)
    {
        json_array_append_new(views, region_view(call, id));
    }
    return sim_keystone_list(call, "regions", views);
}

struct http_response *sim_keystone_region_show(struct call *call)
{
    if (sim_site_row(call->site, "regions", call->arg[0]) == NULL)
        return sim_keystone_missing(call, "region", call->arg[0]);
    return sim_call_json(call, 200, js("{s:o}", "region", region_view(call, call->arg[0])));
}
