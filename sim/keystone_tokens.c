/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_keystone_tokens - tokens: issuing, printing, who takes them.
 *
 * A token's row keeps the roles it was issued with (what services that cached it go by); Keystone
 * itself looks at the assignments, the trust and the application credential anew each time.
 */
#include "sim/keystone.h"

#include <string.h>

static bool trust_live(struct site *site, const json_t *token)
{
    const json_t *trust = sim_site_row(site, "trusts", json_str(token, "trust_id"));
    if (trust == NULL)
        return false;
    int64_t expires_ms = json_int(trust, "expires_ms", -1);
    if (expires_ms >= 0 && expires_ms <= site->sim->now_ms)
        return false;
    g_autoptr(json_t) held = sim_keystone_roles_of(site, json_str(trust, "trustor_user_id"),
                                                   json_str(trust, "project_id"));
    size_t i = 0;
    json_t *role = NULL;
    json_array_foreach(json_arr(trust, "role_ids"), i, role)
    {
        if (!js_has(held, json_string_value(role)))
            return false;
    }
    return true;
}

static bool scope_live(struct site *site, const json_t *token)
{
    const char *project_id = json_str(token, "project_id");
    if (project_id == NULL)
        return true;
    if (!json_bool(sim_site_row(site, "projects", project_id), "enabled", false))
        return false;
    if (json_str(token, "trust_id") != NULL)
        return trust_live(site, token);
    if (json_str(token, "app_cred_id") != NULL &&
        sim_site_row(site, "app_creds", json_str(token, "app_cred_id")) == NULL)
        return false;
    g_autoptr(json_t) held = sim_keystone_roles_of(site, json_str(token, "user_id"), project_id);
    return json_array_size(held) > 0;
}

bool sim_keystone_token_live(struct site *site, const json_t *token)
{
    return token != NULL && json_int(token, "expires_ms", 0) > site->sim->now_ms &&
           !json_bool(token, "revoked", false) &&
           json_bool(sim_site_row(site, "users", json_str(token, "user_id")), "enabled", false) &&
           scope_live(site, token);
}

json_t *sim_keystone_token_accept(struct site *site, enum sim_service service, const char *id)
{
    json_t *token = sim_site_row(site, "tokens", id);
    if (token == NULL || json_int(token, "expires_ms", 0) <= site->sim->now_ms)
        return NULL;
    if (service == SIM_KEYSTONE)
        return sim_keystone_token_live(site, token) ? token : NULL;
    json_t *seen = json_obj(token, "seen");
    int64_t seen_ms = json_int(seen, sim_service_name(service), -1);
    if (seen_ms >= 0 && site->sim->now_ms - seen_ms < KEYSTONE_CACHE_MS)
        return token;
    if (!sim_keystone_token_live(site, token))
        return NULL;
    json_set_int(seen, sim_service_name(service), site->sim->now_ms);
    return token;
}

bool sim_keystone_token_has_role(struct site *site, const json_t *token, const char *name)
{
    const json_t *role = sim_site_find(site, "roles", "name", name);
    return role != NULL && js_has(json_arr(token, "role_ids"), json_str(role, "id"));
}

json_t *sim_keystone_token_issue(struct site *site, json_t *token)
{
    bool scoped = json_str(token, "project_id") != NULL;
    g_autofree char *tail = sim_site_secret(site, scoped ? 176 : 155);
    g_autofree char *id = g_strconcat("gAAAAAB", tail, NULL);
    int64_t now_ms = site->sim->now_ms / 1000 * 1000;
    json_set_str(token, "id", id);
    json_set(token, "audit_id", js_take(sim_site_secret(site, 22)));
    json_set_int(token, "issued_ms", now_ms);
    json_set_int(token, "expires_ms", now_ms + KEYSTONE_TOKEN_MS);
    json_set_bool(token, "revoked", false);
    json_set(token, "seen", json_object());
    return sim_site_add(site, "tokens", token);
}

void sim_keystone_token_revoke(struct site *site, const char *key, const char *value)
{
    const char *id = NULL;
    json_t *token = NULL;
    sim_site_each(site, "tokens", id, token)
    {
        if (g_strcmp0(json_str(token, key), value) == 0)
            json_set_bool(token, "revoked", true);
    }
}

/* ---- printing ---- */

static json_t *domain_view(struct site *site, const char *id)
{
    const json_t *domain = sim_site_row(site, "domains", id);
    return js("{s:s, s:s}", "id", id, "name", json_str_or(domain, "name", id));
}

static json_t *user_view(struct site *site, const json_t *token)
{
    const json_t *user = sim_site_row(site, "users", json_str(token, "user_id"));
    return js("{s:o, s:s, s:s, s:n}", "domain", domain_view(site, json_str(user, "domain_id")),
              "id", json_str(user, "id"), "name", json_str(user, "name"), "password_expires_at");
}

static json_t *roles_view(struct site *site, const json_t *token)
{
    bool full = json_str(token, "trust_id") != NULL;
    json_t *views = json_array();
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_arr(token, "role_ids"), i, id)
    {
        const json_t *role = sim_site_row(site, "roles", json_string_value(id));
        if (role == NULL)
            continue;
        json_array_append_new(views, full ? sim_keystone_role_view(role)
                                          : js("{s:s, s:s}", "id", json_str(role, "id"), "name",
                                               json_str(role, "name")));
    }
    return views;
}

static void add_trust(struct site *site, const json_t *token, json_t *view)
{
    const json_t *trust = sim_site_row(site, "trusts", json_str(token, "trust_id"));
    if (trust == NULL)
        return;
    json_set(view, "OS-TRUST:trust",
             js("{s:s, s:{s:s}, s:{s:s}, s:b}", "id", json_str(trust, "id"), "trustor_user", "id",
                json_str(trust, "trustor_user_id"), "trustee_user", "id",
                json_str(trust, "trustee_user_id"), "impersonation",
                json_bool(trust, "impersonation", true)));
}

static void add_scope(struct call *call, const json_t *token, json_t *view, bool catalog)
{
    struct site *site = call->site;
    const json_t *project = sim_site_row(site, "projects", json_str(token, "project_id"));
    if (project == NULL)
        return;
    add_trust(site, token, view);
    json_set(view, "project",
             js("{s:o, s:s, s:s}", "domain", domain_view(site, json_str(project, "domain_id")),
                "id", json_str(project, "id"), "name", json_str(project, "name")));
    if (json_str(token, "trust_id") == NULL)
        json_set_bool(view, "is_domain", false);
    json_set(view, "roles", roles_view(site, token));
    if (catalog)
        json_set(view, "catalog", sim_keystone_catalog(call, json_str(project, "id")));
    const json_t *cred = sim_site_row(site, "app_creds", json_str(token, "app_cred_id"));
    if (cred != NULL)
        json_set(view, "application_credential",
                 js("{s:s, s:s, s:b}", "id", json_str(cred, "id"), "name", json_str(cred, "name"),
                    "restricted", !json_bool(cred, "unrestricted", false)));
}

json_t *sim_keystone_token_view(struct call *call, const json_t *token, bool catalog)
{
    json_t *view =
        js("{s:O, s:o, s:[s], s:o, s:o}", "methods", json_object_get(token, "methods"), "user",
           user_view(call->site, token), "audit_ids", json_str(token, "audit_id"), "expires_at",
           js_stamp_of(token, "expires_ms", STAMP_ZULU_US), "issued_at",
           js_stamp_of(token, "issued_ms", STAMP_ZULU_US));
    add_scope(call, token, view, catalog);
    return js("{s:o}", "token", view);
}

/* ---- GET, HEAD, DELETE /v3/auth/tokens ---- */

/* The token of X-Subject-Token; NULL and an answer if there is none or it is not the caller's. */
static json_t *subject(struct call *call, struct http_response **ret)
{
    json_t *token =
        sim_site_row(call->site, "tokens", http_request_get(call->req, "X-Subject-Token"));
    bool expired_ok = sim_call_query(call, "allow_expired") != NULL;
    bool good = sim_keystone_token_live(call->site, token);
    if (!good && token != NULL && expired_ok)
        good = !json_bool(token, "revoked", false);
    if (!good) {
        *ret = sim_call_fail(call, 404,
                             token == NULL ? "Could not recognize Fernet token"
                                           : "Failed to validate token");
        return NULL;
    }
    if (!call->admin && !sim_keystone_token_has_role(call->site, call->token, "service") &&
        g_strcmp0(json_str(token, "user_id"), call->user_id) != 0) {
        *ret = sim_call_forbid(call, "identity:validate_token");
        return NULL;
    }
    return token;
}

struct http_response *sim_keystone_validate(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *token = subject(call, &resp);
    if (token == NULL)
        return resp;
    bool catalog = sim_call_query(call, "nocatalog") == NULL;
    resp = sim_call_json(call, 200, sim_keystone_token_view(call, token, catalog));
    http_response_set(resp, "X-Subject-Token", json_str(token, "id"));
    return resp;
}

struct http_response *sim_keystone_check(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *token = subject(call, &resp);
    if (token == NULL)
        return resp;
    resp = sim_call_empty(call, 200, "application/json");
    http_response_set(resp, "X-Subject-Token", json_str(token, "id"));
    return resp;
}

struct http_response *sim_keystone_revoke(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *token = subject(call, &resp);
    if (token == NULL)
        return resp;
    json_set_bool(token, "revoked", true);
    return sim_call_empty(call, 204, NULL);
}
