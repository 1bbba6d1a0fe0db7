/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_keystone_users - users, and their application credentials in sim_keystone_creds.c.
 */
#include "sim/keystone.h"

#include <string.h>

static json_t *user_view(struct call *call, const json_t *user)
{
    json_t *view = json_object();
    if (json_str(user, "email") != NULL)
        json_set_str(view, "email", json_str(user, "email"));
    json_set_str(view, "id", json_str(user, "id"));
    json_set_str(view, "name", json_str(user, "name"));
    json_set_str(view, "domain_id", json_str(user, "domain_id"));
    json_set_bool(view, "enabled", json_bool(user, "enabled", true));
    json_set(view, "password_expires_at", NULL);
    json_set(view, "options", json_object());
    return sim_keystone_link(call, view, "users", json_str(user, "id"));
}

/* The user of the path if the caller may act on it, else NULL and the answer. */
static json_t *user_here(struct call *call, const char *rule, struct http_response **ret)
{
    json_t *user = sim_site_row(call->site, "users", call->arg[0]);
    if (!call->admin && g_strcmp0(call->arg[0], call->user_id) != 0)
        *ret = sim_call_forbid(call, rule);
    else if (user == NULL)
        *ret = sim_keystone_missing(call, "user", call->arg[0]);
    else
        return user;
    return NULL;
}

struct http_response *sim_keystone_user_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "user");
    const char *name = json_str(asked, "name");
    if (name == NULL)
        return sim_call_fail(call, 400, "'name' is a required property");
    if (sim_site_find(call->site, "users", "name", name) != NULL)
        return sim_call_fail(
            call, 409,
            "Conflict occurred attempting to store user - Duplicate entry found with "
            "name %s at domain ID default.",
            name);
    g_autofree char *id = sim_site_hex(call->site);
    json_t *user = sim_site_add(call->site, "users",
                                js("{s:s, s:s, s:s, s:o, s:o, s:b}", "id", id, "name", name,
                                   "domain_id", json_str_or(asked, "domain_id", "default"),
                                   "password", js_str(json_str(asked, "password")), "email",
                                   js_str(json_str(asked, "email")), "enabled",
                                   json_bool(asked, "enabled", true)));
    return sim_call_json(call, 201, js("{s:o}", "user", user_view(call, user)));
}

struct http_response *sim_keystone_user_list(struct call *call)
{
    const char *name = sim_call_query(call, "name");
    json_t *views = json_array();
    const char *id = NULL;
    json_t *user = NULL;
    sim_site_each(call->site, "users", id, user)
    {
        if (name == NULL || strcmp(name, json_str(user, "name")) == 0)
            json_array_append_new(views, user_view(call, user));
    }
    return sim_keystone_list(call, "users", views);
}

struct http_response *sim_keystone_user_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *user = user_here(call, "identity:get_user", &resp);
    return user == NULL ? resp
                        : sim_call_json(call, 200, js("{s:o}", "user", user_view(call, user)));
}

struct http_response *sim_keystone_user_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *user = user_here(call, "identity:update_user", &resp);
    if (user == NULL)
        return resp;
    static const char *const keys[] = {"name", "email", "password", "enabled"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(json_obj(call->body, "user"), keys[i]);
        if (value != NULL)
            json_set(user, keys[i], json_incref(value));
    }
    return sim_call_json(call, 200, js("{s:o}", "user", user_view(call, user)));
}

struct http_response *sim_keystone_user_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (user_here(call, "identity:delete_user", &resp) == NULL)
        return resp;
    sim_keystone_token_revoke(call->site, "user_id", call->arg[0]);
    sim_site_drop(call->site, "users", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}

struct http_response *sim_keystone_user_projects(struct call *call)
{
    struct http_response *resp = NULL;
    if (user_here(call, "identity:list_user_projects", &resp) == NULL)
        return resp;
    json_t *views = json_array();
    const char *id = NULL;
    json_t *project = NULL;
    sim_site_each(call->site, "projects", id, project)
    {
        g_autoptr(json_t) roles = sim_keystone_roles_of(call->site, call->arg[0], id);
        if (json_array_size(roles) > 0)
            json_array_append_new(views,
                                  sim_keystone_link(call, json_deep_copy(project), "projects", id));
    }
    return sim_keystone_list(call, "projects", views);
}
