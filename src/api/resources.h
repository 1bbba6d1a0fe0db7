/* SPDX-License-Identifier: Apache-2.0 */
/* resources - the handlers that the route table names, by file.  Private to api/. */
#pragma once

#include "api/request.h"

extern const struct body_spec sites_failover_bodies[], sites_create_bodies[], sites_update_bodies[],
    mappings_create_bodies[], groups_create_bodies[], groups_update_bodies[],
    groups_action_bodies[], members_create_bodies[], members_update_bodies[],
    policies_create_bodies[], policies_update_bodies[], resource_mappings_bodies[],
    sync_hello_bodies[], sync_inbox_bodies[], sync_resolve_bodies[], operations_action_bodies[],
    sites_decommission_bodies[], sites_rekey_bodies[], sites_fence_bodies[], groups_plan_bodies[];

/* system.c */
route_handler healthcheck, openapi_document, trust_put_handler, trust_show;
/* sites.c */
route_handler sites_self, sites_index, sites_show, sites_create, sites_update, sites_delete,
    sites_validate, sites_types_read, sites_failover;
/* tenant_mappings.c */
route_handler mappings_index, mappings_show, mappings_create, mappings_delete;
/* groups.c */
route_handler groups_index, groups_show, groups_create, groups_update, groups_delete, groups_action,
    groups_cleanup_source;
/* The parameters of a failover, failback or drill, as its operation keeps them. */
json_t *groups_failover_params(const json_t *in);
err_t *groups_conflict_check(const json_t *in) MUST_CHECK;
/* health.c */
route_handler health_index, health_show;
/* plan.c */
route_handler groups_plan;
/* fence.c */
struct site;
extern const struct field peer_user_fields[];
/* Takes what is given of a "peer_user" over (NULL: nothing); true if that is something new. */
bool peer_user_take(const json_t *given, struct site *site);
route_handler sites_fence_peer;

/* exits.c */
extern const struct field exits_word_fields[];
route_handler exits_delete_alone, exits_delete_unprotected, exits_delete_told, exits_unprotect,
    sites_decommission, sites_rekey;
/* members.c */
route_handler members_index, members_show, members_create, members_update, members_delete;
/* policies.c */
route_handler policies_show, policies_create, policies_update, policies_delete;
/* resource_mappings.c, and the consistency group */
route_handler resource_mappings_show, resource_mappings_update, cgs_show;
/* operations.c */
route_handler operations_index, operations_show, operations_steps, operations_action;
struct operation;
/* The one that the request names; an admin may see those of no project of his (site validate). */
err_t *operation_of(struct request *r, struct operation **ret) MUST_CHECK;
/* report.c */
route_handler operations_report;
/* sync.c */
route_handler sync_show, sync_hello_handler, sync_outbox_handler, sync_inbox_handler,
    sync_resolve_handler, sync_log_handler, sync_project_outbox_handler;
