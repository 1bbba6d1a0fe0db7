/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_keystone_roles - roles, what they imply, and who has which in which project.
 */
#include "sim/keystone.h"

#include <string.h>

/* admin implies member implies reader; the others imply nothing. */
static const struct {
    const char *prior;
    const char *implied;
} implications[] = {
    {"admin", "member"},
    {"member", "reader"},
};

void sim_keystone_roles_imply(struct site *site, json_t *role_ids)
{
    for (size_t i = 0; i < G_N_ELEMENTS(implications); i++) {
        const json_t *prior = sim_site_find(site, "roles", "name", implications[i].prior);
        const json_t *implied = sim_site_find(site, "roles", "name", implications[i].implied);
        if (prior != NULL && implied != NULL && js_has(role_ids, json_str(prior, "id")) &&
            !js_has(role_ids, json_str(implied, "id")))
            json_array_append_new(role_ids, json_string(json_str(implied, "id")));
    }
}

json_t *sim_keystone_roles_of(struct site *site, const char *user_id, const char *project_id)
{
    json_t *ids = json_array();
    const char *key = NULL;
    json_t *row = NULL;
    sim_site_each(site, "assignments", key, row)
    {
        if (g_strcmp0(json_str(row, "user_id"), user_id) == 0 &&
            g_strcmp0(json_str(row, "project_id"), project_id) == 0)
            json_array_append_new(ids, json_string(json_str(row, "role_id")));
    }
    sim_keystone_roles_imply(site, ids);
    return ids;
}

json_t *sim_keystone_role_ref(struct site *site, const json_t *ref)
{
    const char *id = json_str(ref, "id");
    if (id != NULL)
        return sim_site_row(site, "roles", id);
    return sim_site_find(site, "roles", "name", json_str_or(ref, "name", ""));
}

static char *assignment_id(const char *user_id, const char *project_id, const char *role_id)
{
    return g_strdup_printf("%s/%s/%s", user_id, project_id, role_id);
}

void sim_keystone_role_add(struct site *site, const char *user_id, const char *project_id,
                           const char *role_id)
{
    g_autofree char *id = assignment_id(user_id, project_id, role_id);
    if (sim_site_row(site, "assignments", id) == NULL)
        sim_site_add(site, "assignments",
                     js("{s:s, s:s, s:s, s:s}", "id", id, "user_id", user_id, "project_id",
                        project_id, "role_id", role_id));
}

json_t *sim_keystone_role_view(const json_t *role)
{
    json_t *options = json_object();
    if (json_bool(role, "immutable", false))
        json_set_bool(options, "immutable", true);
    return js("{s:s, s:s, s:n, s:o, s:o}", "id", json_str(role, "id"), "name",
              json_str(role, "name"), "domain_id", "description",
              js_str(json_str(role, "description")), "options", options);
}

static json_t *role_linked(struct call *call, const json_t *role)
{
    return sim_keystone_link(call, sim_keystone_role_view(role), "roles", json_str(role, "id"));
}

struct http_response *sim_keystone_role_create(struct call *call)
{
    const char *name = json_str_at(call->body, "role/name");
    if (name == NULL)
        return sim_call_fail(call, 400, "'name' is a required property");
    if (sim_site_find(call->site, "roles", "name", name) != NULL)
        return sim_call_fail(
            call, 409,
            "Conflict occurred attempting to store role - Duplicate entry found with "
            "name %s.",
            name);
    g_autofree char *id = sim_site_hex(call->site);
    json_t *role =
        sim_site_add(call->site, "roles",
                     js("{s:s, s:s, s:b, s:o}", "id", id, "name", name, "immutable", 0,
                        "description", js_str(json_str_at(call->body, "role/description"))));
    return sim_call_json(call, 201, js("{s:o}", "role", role_linked(call, role)));
}

struct http_response *sim_keystone_role_list(struct call *call)
{
    const char *name = sim_call_query(call, "name");
    json_t *views = json_array();
    const char *id = NULL;
    json_t *role = NULL;
    sim_site_each(call->site, "roles", id, role)
    {
        if (name == NULL || g_strcmp0(name, json_str(role, "name")) == 0)
            json_array_append_new(views, role_linked(call, role));
    }
    return sim_keystone_list(call, "roles", views);
}

struct http_response *sim_keystone_role_show(struct call *call)
{
    const json_t *role = sim_site_row(call->site, "roles", call->arg[0]);
    if (role == NULL)
        return sim_keystone_missing(call, "role", call->arg[0]);
    return sim_call_json(call, 200, js("{s:o}", "role", role_linked(call, role)));
}

/* NULL: project, user and role of the path exist. */
static struct http_response *grant_check(struct call *call)
{
    static const char *const kinds[] = {"project", "user", "role"};
    static const char *const tables[] = {"projects", "users", "roles"};
    for (int i = 0; i < 3 && call->arg[i] != NULL; i++) {
        if (sim_site_row(call->site, tables[i], call->arg[i]) == NULL)
            return sim_keystone_missing(call, kinds[i], call->arg[i]);
    }
    return NULL;
}

struct http_response *sim_keystone_grant_put(struct call *call)
{
    struct http_response *refusal = grant_check(call);
    if (refusal != NULL)
        return refusal;
    sim_keystone_role_add(call->site, call->arg[1], call->arg[0], call->arg[2]);
    return sim_call_empty(call, 204, NULL);
}

static struct http_response *no_grant(struct call *call)
{
    return sim_call_fail(
        call, 404,
        "Could not find role assignment with role: %s, user or group: %s, project, "
        "domain, or system: %s.",
        call->arg[2], call->arg[1], call->arg[0]);
}

struct http_response *sim_keystone_grant_check(struct call *call)
{
    struct http_response *refusal = grant_check(call);
    if (refusal != NULL)
        return refusal;
    g_autofree char *id = assignment_id(call->arg[1], call->arg[0], call->arg[2]);
    return sim_site_row(call->site, "assignments", id) != NULL ? sim_call_empty(call, 204, NULL)
                                                               : no_grant(call);
}

struct http_response *sim_keystone_grant_delete(struct call *call)
{
    struct http_response *refusal = grant_check(call);
    if (refusal != NULL)
        return refusal;
    g_autofree char *id = assignment_id(call->arg[1], call->arg[0], call->arg[2]);
    if (sim_site_row(call->site, "assignments", id) == NULL)
        return no_grant(call);
    sim_site_drop(call->site, "assignments", id);
    return sim_call_empty(call, 204, NULL);
}

struct http_response *sim_keystone_grant_list(struct call *call)
{
    struct http_response *refusal = grant_check(call);
    if (refusal != NULL)
        return refusal;
    json_t *views = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, "assignments", id, row)
    {
        if (g_strcmp0(json_str(row, "project_id"), call->arg[0]) == 0 &&
            g_strcmp0(json_str(row, "user_id"), call->arg[1]) == 0)
            json_array_append_new(views, role_linked(call, sim_site_row(call->site, "roles",
                                                                        json_str(row, "role_id"))));
    }
    return sim_keystone_list(call, "roles", views);
}

struct http_response *sim_keystone_assignment_list(struct call *call)
{
    const char *user = sim_call_query(call, "user.id");
    const char *project = sim_call_query(call, "scope.project.id");
    const char *role = sim_call_query(call, "role.id");
    json_t *views = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, "assignments", id, row)
    {
        const char *own_user = json_str(row, "user_id");
        const char *own_project = json_str(row, "project_id");
        const char *own_role = json_str(row, "role_id");
        if ((user != NULL && strcmp(user, own_user) != 0) ||
            (project != NULL && strcmp(project, own_project) != 0) ||
            (role != NULL && strcmp(role, own_role) != 0))
            continue;
        g_autofree char *path =
            g_strdup_printf("projects/%s/users/%s/roles", own_project, own_user);
        g_autoptr(json_t) link = sim_keystone_link(call, json_object(), path, own_role);
        json_array_append_new(views,
                              js("{s:{s:s}, s:{s:s}, s:{s:{s:s}}, s:{s:s}}", "role", "id", own_role,
                                 "user", "id", own_user, "scope", "project", "id", own_project,
                                 "links", "assignment", json_str_at(link, "links/self")));
    }
    return sim_keystone_list(call, "role_assignments", views);
}
