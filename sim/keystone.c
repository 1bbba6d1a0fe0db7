/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystone - the simulated identity service: routes, version documents, how it words errors.
 */
#include "sim/keystone.h"

#include <string.h>

static struct http_response *sim_keystone_fail(struct call *call, int status, const char *type,
                                               const char *message)
{
    (void)type;
    struct http_response *resp =
        sim_call_json(call, status,
                      js("{s:{s:i, s:s, s:s}}", "error", "code", status, "message", message,
                         "title", sim_call_reason(status)));
    if (status == 401) {
        g_autofree char *origin = sim_call_origin(call);
        g_autofree char *value = g_strdup_printf("Keystone uri=\"%s/v3\"", origin);
        http_response_set(resp, "WWW-Authenticate", value);
    }
    return resp;
}

static void sim_keystone_decorate(struct call *call, struct http_response *resp)
{
    if (resp->status == 413) /* refused in front of Keystone */
        return;
    g_autofree char *id = env_id(call->sim->env, "req-");
    http_response_set(resp, "Vary", "X-Auth-Token");
    http_response_set(resp, "x-openstack-request-id", id);
}

static json_t *version_view(struct call *call)
{
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *href = g_strconcat(origin, "/v3/", NULL);
    return js("{s:s, s:s, s:s, s:[{s:s, s:s}], s:[{s:s, s:s}]}", "id", "v3.14", "status", "stable",
              "updated", "2020-04-07T00:00:00Z", "links", "rel", "self", "href", href,
              "media-types", "base", "application/json", "type",
              "application/vnd.openstack.identity-v3+json");
}

struct http_response *sim_keystone_versions(struct call *call)
{
    struct http_response *resp =
        sim_call_json(call, 300, js("{s:{s:[o]}}", "versions", "values", version_view(call)));
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *href = g_strconcat(origin, "/v3/", NULL);
    http_response_set(resp, "Location", href);
    return resp;
}

struct http_response *sim_keystone_version(struct call *call)
{
    return sim_call_json(call, 200, js("{s:o}", "version", version_view(call)));
}

json_t *sim_keystone_link(struct call *call, json_t *view, const char *path, const char *id)
{
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *self = g_strdup_printf("%s/v3/%s/%s", origin, path, id);
    json_set(view, "links", js("{s:s}", "self", self));
    return view;
}

struct http_response *sim_keystone_list(struct call *call, const char *collection, json_t *items)
{
    g_autofree char *origin = sim_call_origin(call);
    const char *query = strchr(call->req->url, '?');
    g_autofree char *self = g_strconcat(origin, call->path, query, NULL);
    return sim_call_json(call, 200,
                         js("{s:o, s:{s:n, s:s, s:n}}", collection, items, "links", "next", "self",
                            self, "previous"));
}

struct http_response *sim_keystone_missing(struct call *call, const char *what, const char *id)
{
    return sim_call_fail(call, 404, "Could not find %s: %s.", what, id);
}

static const struct route routes[] = {
    {"GET", "", sim_keystone_versions, NULL, 0, ROUTE_PUBLIC},
    {"GET", "v3", sim_keystone_version, NULL, 0, ROUTE_PUBLIC},
    {"POST", "v3/auth/tokens", sim_keystone_auth, NULL, 0, ROUTE_PUBLIC},
    {"GET", "v3/auth/tokens", sim_keystone_validate, NULL, 0, 0},
    {"HEAD", "v3/auth/tokens", sim_keystone_check, NULL, 0, 0},
    {"DELETE", "v3/auth/tokens", sim_keystone_revoke, NULL, 0, 0},
    {"GET", "v3/auth/projects", sim_keystone_auth_projects, NULL, 0, 0},
    {"GET", "v3/auth/catalog", sim_keystone_auth_catalog, NULL, 0, 0},
    {"POST", "v3/OS-TRUST/trusts", sim_keystone_trust_create, NULL, 0, 0},
    {"GET", "v3/OS-TRUST/trusts", sim_keystone_trust_list, NULL, 0, 0},
    {"GET", "v3/OS-TRUST/trusts/{}", sim_keystone_trust_show, NULL, 0, 0},
    {"DELETE", "v3/OS-TRUST/trusts/{}", sim_keystone_trust_delete, NULL, 0, 0},
    {"GET", "v3/OS-TRUST/trusts/{}/roles", sim_keystone_trust_roles, NULL, 0, 0},
    {"POST", "v3/users/{}/application_credentials", sim_keystone_cred_create, NULL, 0, 0},
    {"GET", "v3/users/{}/application_credentials", sim_keystone_cred_list, NULL, 0, 0},
    {"GET", "v3/users/{}/application_credentials/{}", sim_keystone_cred_show, NULL, 0, 0},
    {"DELETE", "v3/users/{}/application_credentials/{}", sim_keystone_cred_delete, NULL, 0, 0},
    {"POST", "v3/users", sim_keystone_user_create, "identity:create_user", 0, 0},
    {"GET", "v3/users", sim_keystone_user_list, "identity:list_users", 0, 0},
    {"GET", "v3/users/{}", sim_keystone_user_show, NULL, 0, 0},
    {"PATCH", "v3/users/{}", sim_keystone_user_update, "identity:update_user", 0, 0},
    {"DELETE", "v3/users/{}", sim_keystone_user_delete, "identity:delete_user", 0, 0},
    {"GET", "v3/users/{}/projects", sim_keystone_user_projects, NULL, 0, 0},
    {"POST", "v3/projects", sim_keystone_project_create, "identity:create_project", 0, 0},
    {"GET", "v3/projects", sim_keystone_project_list, "identity:list_projects", 0, 0},
    {"GET", "v3/projects/{}", sim_keystone_project_show, NULL, 0, 0},
    {"PATCH", "v3/projects/{}", sim_keystone_project_update, "identity:update_project", 0, 0},
    {"DELETE", "v3/projects/{}", sim_keystone_project_delete, "identity:delete_project", 0, 0},
    {"GET", "v3/projects/{}/users/{}/roles", sim_keystone_grant_list, "identity:list_grants", 0, 0},
    {"PUT", "v3/projects/{}/users/{}/roles/{}", sim_keystone_grant_put, "identity:create_grant", 0,
     0},
    {"HEAD", "v3/projects/{}/users/{}/roles/{}", sim_keystone_grant_check, "identity:check_grant",
     0, 0},
    {"GET", "v3/projects/{}/users/{}/roles/{}", sim_keystone_grant_check, "identity:check_grant", 0,
     0},
    {"DELETE", "v3/projects/{}/users/{}/roles/{}", sim_keystone_grant_delete,
     "identity:revoke_grant", 0, 0},
    {"GET", "v3/role_assignments", sim_keystone_assignment_list, "identity:list_role_assignments",
     0, 0},
    {"GET", "v3/domains", sim_keystone_domain_list, "identity:list_domains", 0, 0},
    {"GET", "v3/domains/{}", sim_keystone_domain_show, NULL, 0, 0},
    {"POST", "v3/roles", sim_keystone_role_create, "identity:create_role", 0, 0},
    {"GET", "v3/roles", sim_keystone_role_list, "identity:list_roles", 0, 0},
    {"GET", "v3/roles/{}", sim_keystone_role_show, "identity:get_role", 0, 0},
    {"POST", "v3/services", sim_keystone_service_create, "identity:create_service", 0, 0},
    {"GET", "v3/services", sim_keystone_service_list, "identity:list_services", 0, 0},
    {"GET", "v3/services/{}", sim_keystone_service_show, "identity:get_service", 0, 0},
    {"DELETE", "v3/services/{}", sim_keystone_service_delete, "identity:delete_service", 0, 0},
    {"POST", "v3/endpoints", sim_keystone_endpoint_create, "identity:create_endpoint", 0, 0},
    {"GET", "v3/endpoints", sim_keystone_endpoint_list, "identity:list_endpoints", 0, 0},
    {"GET", "v3/endpoints/{}", sim_keystone_endpoint_show, "identity:get_endpoint", 0, 0},
    {"DELETE", "v3/endpoints/{}", sim_keystone_endpoint_delete, "identity:delete_endpoint", 0, 0},
    {"GET", "v3/regions", sim_keystone_region_list, NULL, 0, 0},
    {"GET", "v3/regions/{}", sim_keystone_region_show, NULL, 0, 0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const struct service sim_keystone_service = {
    .id = SIM_KEYSTONE,
    .routes = routes,
    .fail = sim_keystone_fail,
    .decorate = sim_keystone_decorate,
};
