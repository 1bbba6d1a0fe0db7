/* SPDX-License-Identifier: Apache-2.0 */
/* site - the runbooks of a whole site: those that look at it, and the failover of all its groups.
 */
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

/*
 * Every group of a lost site, a failover each, so many at a time.  There is nothing to take back:
 * what has begun goes on by itself, and what has failed waits for a person (retry, skip).
 */
static const struct step failover_steps[] = {
    {"group.failover", "Fail the group over to this site", STEP_PER_MEMBER,
     .probe = site_group_probe, .make = site_group_make, .observe = site_children_observe,
     .flags = STEP_PIVOT | STEP_PER_MEMBER_FAIL | STEP_IN_WAVES, .progress = 100,
     .wait_max_s = STEP_ENDLESS},
    {0},
};

const struct runbook runbook_site_failover = {
    .name = "site_failover",
    .version = 1,
    .steps = failover_steps,
    .plan = site_failover_plan,
    .ended = site_failover_ended,
};
