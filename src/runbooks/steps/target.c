/* SPDX-License-Identifier: Apache-2.0 */
/* target - whether this site can take the group: the rights and types that every later step needs.
 */
#include "cloud/cinder.h"
#include "cloud/nova.h"
#include "model/body.h"
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
    TRY(world_tenant(call, project != NULL ? project : "", &tenant));
    return cinder_manage_check(&tenant);
}

err_t *target_validate_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud tenant, service;
    g_autoptr(json_t) type = NULL;
    g_autoptr(json_t) pools = NULL;

    TRY(world_tenant(call, json_str_or(call->plan, "project_id", ""), &tenant));
    TRY(world_service(call, &service));
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
