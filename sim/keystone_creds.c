/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_keystone_creds - application credentials of a user.
 */
#include "sim/keystone.h"

#include <string.h>

/* NULL: the path's user is the caller. */
static struct http_response *creds_gate(struct call *call, const char *rule)
{
    if (!call->admin && g_strcmp0(call->arg[0], call->user_id) != 0)
        return sim_call_forbid(call, rule);
    if (sim_site_row(call->site, "users", call->arg[0]) == NULL)
        return sim_keystone_missing(call, "user", call->arg[0]);
    return NULL;
}

static json_t *cred_view(struct call *call, const json_t *cred)
{
    json_t *roles = json_array();
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_arr(cred, "role_ids"), i, id)
    {
        const json_t *role = sim_site_row(call->site, "roles", json_string_value(id));
        if (role != NULL)
            json_array_append_new(roles, sim_keystone_role_view(role));
    }
    json_t *view =
        js("{s:s, s:s, s:O, s:s, s:s, s:n, s:n, s:O, s:o}", "id", json_str(cred, "id"), "name",
           json_str(cred, "name"), "description", json_object_get(cred, "description"), "user_id",
           json_str(cred, "user_id"), "project_id", json_str(cred, "project_id"), "system",
           "expires_at", "unrestricted", json_object_get(cred, "unrestricted"), "roles", roles);
    return sim_keystone_link(call, view, "application_credentials", json_str(cred, "id"));
}

/* Ids of the roles asked for, by default the token's; NULL if one is not the token's. */
static json_t *cred_roles(struct call *call, const json_t *asked)
{
    json_t *own = json_arr(call->token, "role_ids");
    if (json_arr(asked, "roles") == NULL)
        return json_deep_copy(own);
    json_t *ids = json_array();
    size_t i = 0;
    json_t *ref = NULL;
    json_array_foreach(json_arr(asked, "roles"), i, ref)
    {
        const json_t *role = sim_keystone_role_ref(call->site, ref);
        if (role == NULL || !js_has(own, json_str(role, "id"))) {
            json_decref(ids);
            return NULL;
        }
        json_array_append_new(ids, json_string(json_str(role, "id")));
    }
    return ids;
}

struct http_response *sim_keystone_cred_create(struct call *call)
{
    struct http_response *refusal = creds_gate(call, "identity:create_application_credential");
    if (refusal != NULL)
        return refusal;
    const json_t *asked = json_obj(call->body, "application_credential");
    const char *name = json_str(asked, "name");
    if (name == NULL)
        return sim_call_fail(call, 400, "'name' is a required property");
    if (json_str(call->token, "app_cred_id") != NULL || json_str(call->token, "trust_id") != NULL ||
        call->project_id == NULL)
        return sim_call_forbid(call, "Using method 'application_credential' is not allowed for "
                                     "managing additional application credentials.");
    json_t *roles = cred_roles(call, asked);
    if (roles == NULL)
        return sim_call_fail(call, 400,
                             "Invalid application credential: Could not find role "
                             "assignment.");
    g_autofree char *id = sim_site_hex(call->site);
    g_autofree char *given = g_strdup(json_str(asked, "secret"));
    g_autofree char *secret =
        given != NULL ? g_steal_pointer(&given) : sim_site_secret(call->site, 86);
    json_t *cred =
        sim_site_add(call->site, "app_creds",
                     js("{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:s}", "id", id, "name", name,
                        "description", js_str(json_str(asked, "description")), "user_id",
                        call->user_id, "project_id", call->project_id, "unrestricted",
                        json_bool(asked, "unrestricted", false) ? json_true() : json_null(),
                        "role_ids", roles, "secret", secret));
    json_t *view = cred_view(call, cred);
    json_set_str(view, "secret", secret);
    return sim_call_json(call, 201, js("{s:o}", "application_credential", view));
}

struct http_response *sim_keystone_cred_list(struct call *call)
{
    struct http_response *refusal = creds_gate(call, "identity:list_application_credentials");
    if (refusal != NULL)
        return refusal;
    json_t *views = json_array();
    const char *id = NULL;
    json_t *cred = NULL;
    sim_site_each(call->site, "app_creds", id, cred)
    {
        if (g_strcmp0(json_str(cred, "user_id"), call->arg[0]) == 0)
            json_array_append_new(views, cred_view(call, cred));
    }
    return sim_keystone_list(call, "application_credentials", views);
}

/* The credential of the path; NULL and the answer if it is not there. */
static json_t *cred_here(struct call *call, const char *rule, struct http_response **ret)
{
    *ret = creds_gate(call, rule);
    if (*ret != NULL)
        return NULL;
    json_t *cred = sim_site_row(call->site, "app_creds", call->arg[1]);
    if (cred != NULL && g_strcmp0(json_str(cred, "user_id"), call->arg[0]) == 0)
        return cred;
    *ret = sim_keystone_missing(call, "Application Credential", call->arg[1]);
    return NULL;
}

struct http_response *sim_keystone_cred_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *cred = cred_here(call, "identity:get_application_credential", &resp);
    return cred == NULL
               ? resp
               : sim_call_json(call, 200,
                               js("{s:o}", "application_credential", cred_view(call, cred)));
}

struct http_response *sim_keystone_cred_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (cred_here(call, "identity:delete_application_credential", &resp) == NULL)
        return resp;
    sim_keystone_token_revoke(call->site, "app_cred_id", call->arg[1]);
    sim_site_drop(call->site, "app_creds", call->arg[1]);
    return sim_call_empty(call, 204, NULL);
}
