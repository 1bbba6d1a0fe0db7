/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_look - a failover, failback or drill is looked ahead to: what it would make at this site,
 * and whether it would succeed.  Nothing is made.
 */
#include "runbooks/steps/steps.h"

static const struct step plan_look_steps[] = {
    {"plan.look", "Look what would be made, and whether it would succeed", STEP_PER_GROUP,
     .make = plan_look_make, .progress = 100},
    {0},
};

const struct runbook runbook_plan_look = {
    .name = "plan_look",
    .version = 1,
    .steps = plan_look_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = plan_look_plan,
    .ended = plan_look_ended,
};
