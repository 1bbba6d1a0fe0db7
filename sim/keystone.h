/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystone - what the files of the simulated Keystone share, and what the other services ask it.
 *
 * Tables: domains, projects, users, roles, assignments (id "user/project/role"), tokens, trusts,
 * app_creds, services, endpoints, regions.
 */
#pragma once

#include "sim/call.h"

#define KEYSTONE_TOKEN_MS 14400000 /* four hours, as in the lab */
#define KEYSTONE_CACHE_MS 300000   /* how long a service's middleware takes a token it has seen */

/* ---- sim_keystone_tokens.c ---- */

/*
 * The token that a service accepts, or NULL.  As the services' middleware does, one that it has
 * seen within KEYSTONE_CACHE_MS is taken without asking Keystone, even if it is revoked meanwhile.
 */
json_t *sim_keystone_token_accept(struct site *site, enum sim_service service, const char *id);
/* True iff Keystone itself would validate it now. */
bool sim_keystone_token_live(struct site *site, const json_t *token);
/* True iff the token carries a role of that name. */
bool sim_keystone_token_has_role(struct site *site, const json_t *token, const char *name);
/* Makes a token out of {"user_id", "methods", "project_id"?, "trust_id"?, …} (taken); borrowed. */
json_t *sim_keystone_token_issue(struct site *site, json_t *token);
/* {"token": …} as Keystone prints it. */
json_t *sim_keystone_token_view(struct call *call, const json_t *token, bool catalog);
/* Revokes the tokens whose string 'key' is 'value' (a trust, an application credential). */
void sim_keystone_token_revoke(struct site *site, const char *key, const char *value);

/* ---- sim_keystone_roles.c ---- */

/* Ids of the roles that a user has in a project, implied ones too.  New array. */
json_t *sim_keystone_roles_of(struct site *site, const char *user_id, const char *project_id);
/* Adds the roles that those of the array imply (admin -> member -> reader). */
void sim_keystone_roles_imply(struct site *site, json_t *role_ids);
/* The role named by {"id"} or {"name"}, or NULL. */
json_t *sim_keystone_role_ref(struct site *site, const json_t *ref);
void sim_keystone_role_add(struct site *site, const char *user_id, const char *project_id,
                           const char *role_id);
/* {"id", "name", "domain_id", "description", "options"} */
json_t *sim_keystone_role_view(const json_t *role);

/* ---- answers ---- */

/* {"<collection>": items (taken), "links": {…}} */
struct http_response *sim_keystone_list(struct call *call, const char *collection, json_t *items);
/* Adds links.self = "<origin>/v3/<path>/<id>" to a view; returns it. */
json_t *sim_keystone_link(struct call *call, json_t *view, const char *path, const char *id);
/* The whole catalog for a project (NULL: unscoped). */
json_t *sim_keystone_catalog(struct call *call, const char *project_id);
/* "Could not find <what>: <id>." */
struct http_response *sim_keystone_missing(struct call *call, const char *what, const char *id);

sim_call_fn sim_keystone_versions, sim_keystone_version;
sim_call_fn sim_keystone_auth, sim_keystone_validate, sim_keystone_check, sim_keystone_revoke,
    sim_keystone_auth_projects, sim_keystone_auth_catalog;
sim_call_fn sim_keystone_trust_create, sim_keystone_trust_list, sim_keystone_trust_show,
    sim_keystone_trust_delete, sim_keystone_trust_roles;
sim_call_fn sim_keystone_cred_create, sim_keystone_cred_list, sim_keystone_cred_show,
    sim_keystone_cred_delete;
sim_call_fn sim_keystone_user_create, sim_keystone_user_list, sim_keystone_user_show,
    sim_keystone_user_update, sim_keystone_user_delete, sim_keystone_user_projects;
sim_call_fn sim_keystone_project_create, sim_keystone_project_list, sim_keystone_project_show,
    sim_keystone_project_update, sim_keystone_project_delete;
sim_call_fn sim_keystone_domain_list, sim_keystone_domain_show;
sim_call_fn sim_keystone_role_create, sim_keystone_role_list, sim_keystone_role_show,
    sim_keystone_grant_put, sim_keystone_grant_check, sim_keystone_grant_delete,
    sim_keystone_grant_list, sim_keystone_assignment_list;
sim_call_fn sim_keystone_service_create, sim_keystone_service_list, sim_keystone_service_show,
    sim_keystone_service_delete;
sim_call_fn sim_keystone_endpoint_create, sim_keystone_endpoint_list, sim_keystone_endpoint_show,
    sim_keystone_endpoint_delete;
sim_call_fn sim_keystone_region_list, sim_keystone_region_show;
