/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_types - volume types and group types.  A tenant sees of a type's extra specs only what
 * the real service shows him, and none of a group type's specs.
 */
#include "sim/cinder.h"

#include <string.h>

/* USER_VISIBLE_EXTRA_SPECS of Cinder. */
static const char *const visible_specs[] = {"RESKEY:availability_zones", "multiattach",
                                            "replication_enabled"};

json_t *sim_cinder_type_named(struct site *site, const char *name)
{
    json_t *type = sim_site_row(site, "volume_types", name);
    return type != NULL ? type : sim_site_find(site, "volume_types", "name", name);
}

json_t *sim_cinder_default_type(struct site *site)
{
    json_t *type = sim_site_find(site, "volume_types", "name", "plain");
    return type != NULL ? type : sim_site_find(site, "volume_types", "name", "__DEFAULT__");
}

static json_t *specs_view(struct call *call, const json_t *type)
{
    json_t *specs = json_obj(type, "extra_specs");
    if (call->admin)
        return json_deep_copy(specs);
    json_t *view = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(visible_specs); i++) {
        const char *value = json_str(specs, visible_specs[i]);
        if (value != NULL)
            json_set_str(view, visible_specs[i], value);
    }
    return view;
}

static json_t *type_view(struct call *call, const json_t *type, bool access)
{
    json_t *view =
        js("{s:s, s:s, s:b, s:O, s:o}", "id", json_str(type, "id"), "name", json_str(type, "name"),
           "is_public", json_bool(type, "is_public", true), "description",
           json_object_get(type, "description"), "extra_specs", specs_view(call, type));
    if (call->admin)
        json_set(view, "qos_specs_id", NULL);
    if (access)
        json_set_bool(view, "os-volume-type-access:is_public", json_bool(type, "is_public", true));
    return view;
}

static bool type_seen(struct call *call, const json_t *type)
{
    return type != NULL && (call->admin || json_bool(type, "is_public", true));
}

struct http_response *sim_cinder_type_list(struct call *call)
{
    json_t *views = json_array();
    const char *id = NULL;
    json_t *type = NULL;
    sim_site_each(call->site, "volume_types", id, type)
    {
        if (type_seen(call, type))
            json_array_insert_new(views, 0, type_view(call, type, true));
    }
    return sim_call_json(call, 200, js("{s:o}", "volume_types", views));
}

static json_t *type_here(struct call *call, struct http_response **ret)
{
    json_t *type = strcmp(call->arg[0], "default") == 0
                       ? sim_cinder_default_type(call->site)
                       : sim_site_row(call->site, "volume_types", call->arg[0]);
    if (type_seen(call, type))
        return type;
    *ret = sim_call_fail(call, 404, "Volume type %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_cinder_type_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *type = type_here(call, &resp);
    if (type == NULL)
        return resp;
    bool access = strcmp(call->arg[0], "default") != 0;
    return sim_call_json(call, 200, js("{s:o}", "volume_type", type_view(call, type, access)));
}

struct http_response *sim_cinder_type_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "volume_type");
    const char *name = json_str(asked, "name");
    if (name == NULL || *name == '\0')
        return sim_call_fail(call, 400, "'name' is a required property");
    if (sim_site_find(call->site, "volume_types", "name", name) != NULL)
        return sim_call_fail(call, 409, "Volume Type %s already exists.", name);
    json_t *specs = json_obj(asked, "extra_specs");
    g_autofree char *id = sim_site_uuid(call->site);
    json_t *type =
        sim_site_add(call->site, "volume_types",
                     js("{s:s, s:s, s:b, s:o, s:o}", "id", id, "name", name, "is_public",
                        json_bool(asked, "os-volume-type-access:is_public", true), "description",
                        js_str(json_str(asked, "description")), "extra_specs",
                        specs != NULL ? json_deep_copy(specs) : json_object()));
    return sim_call_json(call, 200, js("{s:o}", "volume_type", type_view(call, type, true)));
}

struct http_response *sim_cinder_type_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (type_here(call, &resp) == NULL)
        return resp;
    if (sim_site_find(call->site, "volumes", "type_id", call->arg[0]) != NULL)
        return sim_call_fail(call, 400, "Target volume type is still in use.");
    sim_site_drop(call->site, "volume_types", call->arg[0]);
    return sim_call_empty(call, 202, "text/html; charset=UTF-8");
}

struct http_response *sim_cinder_type_specs(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *type = type_here(call, &resp);
    return type == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "extra_specs", specs_view(call, type)));
}

struct http_response *sim_cinder_type_specs_add(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *type = type_here(call, &resp);
    if (type == NULL)
        return resp;
    json_t *given = json_obj(call->body, "extra_specs");
    if (given == NULL)
        return sim_call_fail(call, 400, "'extra_specs' is a required property");
    json_object_update(json_obj(type, "extra_specs"), given);
    return sim_call_json(call, 200, js("{s:O}", "extra_specs", given));
}

/* ---- group types ---- */

static json_t *group_type_view(struct call *call, const json_t *type)
{
    json_t *view = js("{s:s, s:s, s:O, s:b}", "id", json_str(type, "id"), "name",
                      json_str(type, "name"), "description", json_object_get(type, "description"),
                      "is_public", json_bool(type, "is_public", true));
    if (call->admin)
        json_set(view, "group_specs", json_deep_copy(json_obj(type, "group_specs")));
    return view;
}

struct http_response *sim_cinder_group_type_list(struct call *call)
{
    json_t *views = json_array();
    const char *id = NULL;
    json_t *type = NULL;
    sim_site_each(call->site, "group_types", id, type)
    {
        if (type_seen(call, type))
            json_array_insert_new(views, 0, group_type_view(call, type));
    }
    return sim_call_json(call, 200, js("{s:o}", "group_types", views));
}

static json_t *group_type_here(struct call *call, struct http_response **ret)
{
    json_t *type = strcmp(call->arg[0], "default") == 0
                       ? NULL
                       : sim_site_row(call->site, "group_types", call->arg[0]);
    if (type_seen(call, type))
        return type;
    *ret = sim_call_fail(call, 404, "Group type %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_cinder_group_type_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *type = group_type_here(call, &resp);
    return type == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "group_type", group_type_view(call, type)));
}

struct http_response *sim_cinder_group_type_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "group_type");
    const char *name = json_str(asked, "name");
    if (name == NULL || *name == '\0')
        return sim_call_fail(call, 400, "'name' is a required property");
    if (sim_site_find(call->site, "group_types", "name", name) != NULL)
        return sim_call_fail(call, 409, "Group Type %s already exists.", name);
    json_t *specs = json_obj(asked, "group_specs");
    g_autofree char *id = sim_site_uuid(call->site);
    json_t *type = sim_site_add(call->site, "group_types",
                                js("{s:s, s:s, s:b, s:o, s:o}", "id", id, "name", name, "is_public",
                                   json_bool(asked, "is_public", true), "description",
                                   js_str(json_str(asked, "description")), "group_specs",
                                   specs != NULL ? json_deep_copy(specs) : json_object()));
    return sim_call_json(call, 202, js("{s:o}", "group_type", group_type_view(call, type)));
}

struct http_response *sim_cinder_group_type_specs(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *type = group_type_here(call, &resp);
    return type == NULL ? resp
                        : sim_call_json(call, 200,
                                        js("{s:O}", "group_specs", json_obj(type, "group_specs")));
}

struct http_response *sim_cinder_group_type_specs_add(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *type = group_type_here(call, &resp);
    if (type == NULL)
        return resp;
    json_t *given = json_obj(call->body, "group_specs");
    if (given == NULL)
        return sim_call_fail(call, 400, "'group_specs' is a required property");
    json_object_update(json_obj(type, "group_specs"), given);
    return sim_call_json(call, 202, js("{s:O}", "group_specs", given));
}
