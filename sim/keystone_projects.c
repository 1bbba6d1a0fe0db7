/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_keystone_projects - projects and domains.  A project's row is what is printed, but its links.
 */
#include "sim/keystone.h"

#include <string.h>

static json_t *project_view(struct call *call, const json_t *project)
{
    return sim_keystone_link(call, json_deep_copy(project), "projects", json_str(project, "id"));
}

struct http_response *sim_keystone_project_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "project");
    const char *name = json_str(asked, "name");
    if (name == NULL)
        return sim_call_fail(call, 400, "'name' is a required property");
    g_autofree char *id = sim_site_hex(call->site);
    if (sim_site_find(call->site, "projects", "name", name) != NULL)
        return sim_call_fail(
            call, 409,
            "Conflict occurred attempting to store project - it is not permitted to "
            "have two projects with either the same name or same id in the same "
            "domain: name is %s, project id %s.",
            name, id);
    const char *domain_id = json_str_or(asked, "domain_id", "default");
    json_t *project = sim_site_add(call->site, "projects",
                                   js("{s:s, s:s, s:s, s:s, s:b, s:s, s:b, s:[], s:{}}", "id", id,
                                      "name", name, "domain_id", domain_id, "description",
                                      json_str_or(asked, "description", ""), "enabled",
                                      json_bool(asked, "enabled", true), "parent_id", domain_id,
                                      "is_domain", 0, "tags", "options"));
    return sim_call_json(call, 201, js("{s:o}", "project", project_view(call, project)));
}

struct http_response *sim_keystone_project_list(struct call *call)
{
    const char *name = sim_call_query(call, "name");
    json_t *views = json_array();
    const char *id = NULL;
    json_t *project = NULL;
    sim_site_each(call->site, "projects", id, project)
    {
        if (name == NULL || strcmp(name, json_str(project, "name")) == 0)
            json_array_append_new(views, project_view(call, project));
    }
    return sim_keystone_list(call, "projects", views);
}

struct http_response *sim_keystone_project_show(struct call *call)
{
    const json_t *project = sim_site_row(call->site, "projects", call->arg[0]);
    g_autoptr(json_t) roles = sim_keystone_roles_of(call->site, call->user_id, call->arg[0]);
    if (!call->admin && json_array_size(roles) == 0)
        return sim_call_forbid(call, "identity:get_project");
    if (project == NULL)
        return sim_keystone_missing(call, "project", call->arg[0]);
    return sim_call_json(call, 200, js("{s:o}", "project", project_view(call, project)));
}

struct http_response *sim_keystone_project_update(struct call *call)
{
    json_t *project = sim_site_row(call->site, "projects", call->arg[0]);
    if (project == NULL)
        return sim_keystone_missing(call, "project", call->arg[0]);
    static const char *const keys[] = {"name", "description", "enabled"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(json_obj(call->body, "project"), keys[i]);
        if (value != NULL)
            json_set(project, keys[i], json_incref(value));
    }
    return sim_call_json(call, 200, js("{s:o}", "project", project_view(call, project)));
}

struct http_response *sim_keystone_project_delete(struct call *call)
{
    if (sim_site_row(call->site, "projects", call->arg[0]) == NULL)
        return sim_keystone_missing(call, "project", call->arg[0]);
    sim_site_drop(call->site, "projects", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}

static json_t *domain_view(struct call *call, const json_t *domain)
{
    json_t *view = js("{s:s, s:s, s:s, s:b, s:[], s:{}}", "id", json_str(domain, "id"), "name",
                      json_str(domain, "name"), "description", "The default domain", "enabled", 1,
                      "tags", "options");
    return sim_keystone_link(call, view, "domains", json_str(domain, "id"));
}

struct http_response *sim_keystone_domain_list(struct call *call)
{
    json_t *views = json_array();
    const char *id = NULL;
    json_t *domain = NULL;
    sim_site_each(call->site, "domains", id, domain)
    {
        json_array_append_new(views, domain_view(call, domain));
    }
    return sim_keystone_list(call, "domains", views);
}

struct http_response *sim_keystone_domain_show(struct call *call)
{
    const json_t *domain = sim_site_row(call->site, "domains", call->arg[0]);
    if (domain == NULL)
        return sim_keystone_missing(call, "domain", call->arg[0]);
    return sim_call_json(call, 200, js("{s:o}", "domain", domain_view(call, domain)));
}
