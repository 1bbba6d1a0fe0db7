/* SPDX-License-Identifier: Apache-2.0 */
/* target - whether this site can take the group: the rights and types that every later step needs.
 */
#include "cloud/cinder.h"
#include "cloud/nova.h"
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"

/* Whether copies of the array become Cinder's volumes by 'manage', which tenants need a right for.
 */
static bool volumes_are_managed(struct step_call *call)
{
    const struct protector_driver *driver = world_options_of(call->world)->driver;

    return driver != NULL && (driver->can & PROTECTOR_MAKES_IN_CINDER) == 0;
}

/* Asked when this site gets its part of a new group: a failover must not be the first to learn it.
 */
err_t *rights_check_make(struct step_call *call, enum step_answer *ret)
{
    const char *self = world_options_of(call->world)->exchange->identity->site_id;
    const char *project = body_project(json_obj(call->plan, "body"), self);
    g_autofree char *known = NULL;
    struct cloud tenant;

    *ret = STEP_DONE;
    TRY(world_cinder_group(call, call->op->pg_id, &known));
    if (known != NULL || !volumes_are_managed(call))
        return NULL;
    TRY(world_by_trust(call, project != NULL ? project : "", &tenant));
    return cinder_manage_check(&tenant);
}

/*
 * A site that has lost its database may run servers of the group that it knows nothing of: what
 * they wrote is newer than any recovery point.
 */
static err_t *nothing_runs(struct step_call *call, const struct cloud *service)
{
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) servers = NULL;

    TRY(group_now_load(call, &now));
    if (now->state.role != ROLE_RECOVERING)
        return NULL;
    TRY(nova_server_list(service, json_str_or(call->plan, "project_id", ""), NULL, &servers));
    const json_t *server = servers_find_keyed(servers, now->state.group, NULL);
    if (server == NULL)
        return NULL;
    return err(SAFETY_FORGOTTEN,
               "server '%s' of group '%s' runs at this site since epoch %s, which its restored "
               "database does not know",
               json_str_or(server, "name", json_str_or(server, "id", "")), now->state.group,
               nova_metadata(server, "protector:epoch"));
}

err_t *target_validate_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud tenant, service;
    g_autoptr(json_t) type = NULL;
    g_autoptr(json_t) pools = NULL;

    TRY(world_tenant(call, json_str_or(call->plan, "project_id", ""), &tenant));
    TRY(world_service(call, &service));
    TRY(nothing_runs(call, &service));
    g_autofree char *nova = NULL;
    TRY(cloud_microversion(&tenant, CLOUD_COMPUTE, &nova));
    TRY(cinder_type_find(&service, json_str_or(call->plan, "volume_type", ""), &type));
    TRY(cinder_type_pools(&service, type, &pools));
    if (volumes_are_managed(call))
        TRY(cinder_manage_check(&tenant));
    json_set_str(call->result, "compute", nova);
    *ret = STEP_DONE;
    return NULL;
}
