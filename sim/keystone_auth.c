/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_keystone_auth - POST /v3/auth/tokens, and what a token's holder may ask about himself.
 *
 * Every refusal is the same 401, as Keystone's: who asks must not learn what was wrong.
 */
#include "sim/keystone.h"

#include <string.h>

/* The error text of jsonschema with the whole schema in it; clients see its first line. */
static const char schema_tail[] =
    "\n\nFailed validating 'required' in schema:\n    {'properties': {'identity': {'properties': "
    "{'methods': {'items': {'type': 'string'}, 'type': 'array'}}, 'required': ['methods'], "
    "'type': 'object'}}, 'required': ['identity'], 'type': 'object'}\n\nOn instance:\n    {}";

static struct http_response *unauthorized(struct call *call)
{
    return sim_call_fail(call, 401, "The request you have made requires authentication.");
}

/* A user by id, or by name and domain. */
static json_t *named_user(struct site *site, const json_t *ref)
{
    const char *id = json_str(ref, "id");
    if (id != NULL)
        return sim_site_row(site, "users", id);
    const char *domain = json_str_at(ref, "domain/name");
    const char *domain_id = json_str_at(ref, "domain/id");
    json_t *user = sim_site_find(site, "users", "name", json_str(ref, "name"));
    const json_t *row = sim_site_row(site, "domains", json_str(user, "domain_id"));
    bool fits = g_strcmp0(domain_id, json_str(row, "id")) == 0 ||
                (domain_id == NULL && g_strcmp0(domain, json_str(row, "name")) == 0);
    return fits ? user : NULL;
}

static json_t *named_project(struct site *site, const json_t *ref)
{
    const char *id = json_str(ref, "id");
    if (id != NULL)
        return sim_site_row(site, "projects", id);
    json_t *project = sim_site_find(site, "projects", "name", json_str(ref, "name"));
    const json_t *row = sim_site_row(site, "domains", json_str(project, "domain_id"));
    const char *domain_id = json_str_at(ref, "domain/id");
    bool fits = g_strcmp0(domain_id, json_str(row, "id")) == 0 ||
                (domain_id == NULL &&
                 g_strcmp0(json_str_at(ref, "domain/name"), json_str(row, "name")) == 0);
    return fits ? project : NULL;
}

/* What the methods prove: a user, and with an application credential its scope.  New object. */
static json_t *by_password(struct site *site, const json_t *identity)
{
    const json_t *ref = json_at(identity, "password/user");
    const json_t *user = named_user(site, ref);
    const char *password = json_str(user, "password");
    if (!json_bool(user, "enabled", false) || password == NULL ||
        g_strcmp0(password, json_str(ref, "password")) != 0)
        return NULL;
    return js("{s:s, s:[s]}", "user_id", json_str(user, "id"), "methods", "password");
}

static json_t *by_token(struct site *site, const json_t *identity)
{
    const json_t *token = sim_site_row(site, "tokens", json_str_at(identity, "token/id"));
    bool delegated = json_str(token, "trust_id") != NULL || json_str(token, "app_cred_id") != NULL;
    if (!sim_keystone_token_live(site, token) || delegated)
        return NULL;
    return js("{s:s, s:[s, s]}", "user_id", json_str(token, "user_id"), "methods", "token",
              "password");
}

static json_t *by_app_cred(struct site *site, const json_t *identity)
{
    const json_t *ref = json_obj(identity, "application_credential");
    const json_t *cred = sim_site_row(site, "app_creds", json_str(ref, "id"));
    if (cred == NULL && json_str(ref, "name") != NULL) {
        const json_t *user = named_user(site, json_obj(ref, "user"));
        cred = sim_site_find(site, "app_creds", "name", json_str(ref, "name"));
        if (g_strcmp0(json_str(cred, "user_id"), json_str(user, "id")) != 0)
            cred = NULL;
    }
    if (cred == NULL || g_strcmp0(json_str(cred, "secret"), json_str(ref, "secret")) != 0)
        return NULL;
    return js("{s:s, s:[s], s:s, s:s, s:O}", "user_id", json_str(cred, "user_id"), "methods",
              "application_credential", "app_cred_id", json_str(cred, "id"), "project_id",
              json_str(cred, "project_id"), "role_ids", json_object_get(cred, "role_ids"));
}

static const struct {
    const char *name;
    json_t *(*prove)(struct site *site, const json_t *identity);
} methods[] = {
    {"password", by_password},
    {"token", by_token},
    {"application_credential", by_app_cred},
};

static json_t *prove(struct site *site, const json_t *identity)
{
    const char *method = json_string_value(json_array_get(json_arr(identity, "methods"), 0));
    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        if (g_strcmp0(methods[i].name, method) == 0)
            return methods[i].prove(site, identity);
    }
    return NULL;
}

/* False: the user has nothing to say in that project. */
static bool scope_project(struct site *site, json_t *token, const json_t *ref)
{
    const json_t *project = named_project(site, ref);
    const char *project_id = json_str(project, "id");
    if (project_id == NULL || !json_bool(project, "enabled", false))
        return false;
    if (json_str(token, "app_cred_id") != NULL)
        return g_strcmp0(json_str(token, "project_id"), project_id) == 0;
    json_t *roles = sim_keystone_roles_of(site, json_str(token, "user_id"), project_id);
    json_set_str(token, "project_id", project_id);
    json_set(token, "role_ids", roles);
    return json_array_size(roles) > 0;
}

/* The status of the refusal, 0 if the trust is usable by the user. */
static int scope_trust(struct site *site, json_t *token, const char *trust_id)
{
    json_t *trust = sim_site_row(site, "trusts", trust_id);
    if (trust == NULL || json_str(token, "app_cred_id") != NULL)
        return 401;
    if (g_strcmp0(json_str(trust, "trustee_user_id"), json_str(token, "user_id")) != 0)
        return 403;
    json_t *roles = json_deep_copy(json_arr(trust, "role_ids"));
    sim_keystone_roles_imply(site, roles);
    json_set(token, "role_ids", roles);
    json_set_str(token, "trust_id", trust_id);
    json_set_str(token, "trustee_user_id", json_str(token, "user_id"));
    json_set_str(token, "project_id", json_str(trust, "project_id"));
    if (json_bool(trust, "impersonation", true))
        json_set_str(token, "user_id", json_str(trust, "trustor_user_id"));
    json_set_int(token, "expires_ms", INT64_MAX);
    json_set_bool(token, "revoked", false);
    int64_t expires_ms = json_int(trust, "expires_ms", -1);
    if (!sim_keystone_token_live(site, token))
        return expires_ms >= 0 && expires_ms <= site->sim->now_ms ? 401 : 403;
    int64_t uses = json_int(trust, "remaining_uses", -1);
    if (uses == 0)
        return 403;
    if (uses > 0)
        json_set_int(trust, "remaining_uses", uses - 1);
    return 0;
}

static struct http_response *scope_refused(struct call *call, int status)
{
    if (status == 403)
        return sim_call_fail(call, 403, "You are not authorized to perform the requested action.");
    return unauthorized(call);
}

struct http_response *sim_keystone_auth(struct call *call)
{
    struct site *site = call->site;
    const json_t *identity = json_at(call->body, "auth/identity");
    if (!json_is_object(identity) || json_arr(identity, "methods") == NULL)
        return sim_call_fail(call, 400, "'%s' is a required property%s",
                             json_obj(call->body, "auth") == NULL ? "auth"
                             : identity == NULL                   ? "identity"
                                                                  : "methods",
                             schema_tail);
    g_autoptr(json_t) proved = prove(site, identity);
    if (proved == NULL)
        return unauthorized(call);
    const json_t *scope = json_at(call->body, "auth/scope");
    const char *trust_id = json_str_at(scope, "OS-TRUST:trust/id");
    int refusal = 0;
    if (trust_id != NULL)
        refusal = scope_trust(site, proved, trust_id);
    else if (json_obj(scope, "project") != NULL)
        refusal = scope_project(site, proved, json_obj(scope, "project")) ? 0 : 401;
    else if (json_is_object(scope) && json_object_size(scope) > 0)
        refusal = 401; /* system and domain scopes are not simulated */
    if (refusal != 0)
        return scope_refused(call, refusal);
    const json_t *token = sim_keystone_token_issue(site, g_steal_pointer(&proved));
    bool catalog = sim_call_query(call, "nocatalog") == NULL;
    struct http_response *resp =
        sim_call_json(call, 201, sim_keystone_token_view(call, token, catalog));
    http_response_set(resp, "X-Subject-Token", json_str(token, "id"));
    return resp;
}

struct http_response *sim_keystone_auth_projects(struct call *call)
{
    g_autofree char *wanted = g_strdup(call->user_id);
    json_t *views = json_array();
    const char *id = NULL;
    json_t *project = NULL;
    sim_site_each(call->site, "projects", id, project)
    {
        g_autoptr(json_t) roles = sim_keystone_roles_of(call->site, wanted, id);
        if (json_array_size(roles) > 0)
            json_array_append_new(views,
                                  sim_keystone_link(call, json_deep_copy(project), "projects", id));
    }
    return sim_keystone_list(call, "projects", views);
}

struct http_response *sim_keystone_auth_catalog(struct call *call)
{
    if (call->project_id == NULL)
        return sim_call_fail(call, 403, "You are not authorized to perform the requested action.");
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *self = g_strconcat(origin, "/v3/auth/catalog", NULL);
    return sim_call_json(call, 200,
                         js("{s:o, s:{s:s}}", "catalog",
                            sim_keystone_catalog(call, call->project_id), "links", "self", self));
}
