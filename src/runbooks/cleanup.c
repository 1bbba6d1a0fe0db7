/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup - the servers that a site has kept of a group, shown, and destroyed by a person's word.
 * What is gone cannot be taken back: from the first server on there is only forward, or a person
 * who gives the rest up.
 */
#include "runbooks/steps/steps.h"

static const struct step look_steps[] = {
    {"kept.look", "Look what this site has kept of the group", STEP_PER_GROUP,
     .make = cleanup_look_make, .progress = 100},
    {0},
};

const struct runbook runbook_cleanup_look = {
    .name = "cleanup_look",
    .version = 1,
    .steps = look_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = cleanup_look_plan,
    .ended = cleanup_look_ended,
};

#define GONE_MAX_S 600 /* that a server, or a volume, may take to go */

static const struct step source_steps[] = {
    {"kept.delete", "Delete the servers that were kept", STEP_PER_MEMBER,
     .probe = kept_delete_probe, .make = kept_delete_make, .observe = kept_servers_observe,
     .flags = STEP_PIVOT, .progress = 40, .wait_max_s = GONE_MAX_S},
    {"kept.ports", "Delete the ports and floating IPs that were made for them", STEP_PER_MEMBER,
     .probe = kept_ports_probe, .make = kept_ports_make, .observe = kept_ports_observe,
     .progress = 50},
    {"kept.ungroup", "Take their volumes out of the consistency group", STEP_PER_GROUP,
     .probe = cg_kept_probe, .make = cg_kept_make, .progress = 65, .wait_max_s = VOLUME_WAIT_MAX_S},
    {"kept.volumes", "Delete their volumes", STEP_PER_VOLUME, .probe = kept_volumes_probe,
     .make = kept_volumes_make, .observe = volumes_observe, .progress = 100,
     .wait_max_s = GONE_MAX_S},
    {0},
};

const struct runbook runbook_cleanup_source = {
    .name = "cleanup_source",
    .version = 1,
    .steps = source_steps,
    .plan = cleanup_source_plan,
    .ended = cleanup_source_ended,
};
