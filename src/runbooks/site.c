/* SPDX-License-Identifier: Apache-2.0 */
/* site - the runbooks that look at a site: they make nothing. */
#include "runbooks/steps/steps.h"

static err_t *look_plan(struct step_call *call, json_t **ret)
{
    (void)call;
    *ret = json_object();
    return NULL;
}

/* What the only step found is the operation's result. */
static err_t *look_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) found = NULL;
    const char *step =
        g_str_equal(call->op->operation_type, "site_validate") ? "site.validate" : "site.types";

    if (!g_str_equal(status, "completed"))
        return NULL;
    TRY(step_result_of(call, step, "", &found));
    json_object_update(call->result, found);
    return NULL;
}

static const struct step validate_steps[] = {
    {"site.validate", "Check the site's cloud", STEP_PER_GROUP, .make = site_validate_make,
     .progress = 100},
    {0},
};

const struct runbook runbook_site_validate = {
    .name = "site_validate",
    .version = 1,
    .steps = validate_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = look_plan,
    .ended = look_ended,
};

static const struct step types_steps[] = {
    {"site.types", "Read the volume types that may be protected", STEP_PER_GROUP,
     .make = site_types_make, .progress = 100},
    {0},
};

const struct runbook runbook_site_types = {
    .name = "site_volume_types",
    .version = 1,
    .steps = types_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = look_plan,
    .ended = look_ended,
};
