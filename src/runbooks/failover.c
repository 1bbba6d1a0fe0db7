/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failover - the unplanned failover: make this site active, without asking the other one.
 *
 * Read the table from top to bottom.  Everything above group.claim is taken back when it fails;
 * from the claim on there is only forward.  Nothing boots and nothing becomes writable before it.
 * Neighbours: plan/failover.c says what will be made, steps/ how.
 */
#include "runbooks/steps/steps.h"

static const struct step unplanned_steps[] = {
    {"peer.probe", "Look whether the other site answers", STEP_PER_GROUP, .make = peer_probe_make,
     .progress = 5},
    {"validate_target", "Check this site: types, flavors, networks, rights", STEP_PER_GROUP,
     .make = target_validate_make, .progress = 15},
    {"source.fence", "Stop recovery points coming from the other site", STEP_PER_GROUP,
     .probe = fence_probe, .make = fence_make, .undo = fence_undo, .flags = STEP_NO_SKIP,
     .progress = 20},
    {"point.choose", "Choose the newest complete recovery point of this lineage", STEP_PER_GROUP,
     .make = point_choose_make, .flags = STEP_NO_SKIP, .progress = 25},
    {"point.purge", "Take away what was made of another recovery point", STEP_PER_GROUP,
     .make = purge_make, .flags = STEP_BEST_EFFORT, .progress = 26},
    {"storage_promo", "Make volumes of the recovery point", STEP_PER_VOLUME, .probe = copy_probe,
     .make = copy_make, .undo = copy_undo, .progress = 45},
    {"volume.manage", "Manage volumes into Cinder", STEP_PER_VOLUME, .probe = volume_probe,
     .make = volume_make, .undo = volume_undo, .observe = volumes_observe, .progress = 55},
    {"group.claim", "Open the epoch: this site is active", STEP_PER_GROUP, .probe = claim_probe,
     .make = claim_make, .flags = STEP_PIVOT | STEP_NO_SKIP, .progress = 58},
    {"group.promote", "Make the volumes writable and tag the arrays with the epoch", STEP_PER_GROUP,
     .make = promote_make, .progress = 60},
    {"network.security_groups", "Bring the security groups", STEP_PER_GROUP,
     .make = security_groups_make, .progress = 65},
    {"compute.keypairs", "Bring the key pairs", STEP_PER_GROUP, .make = keypairs_make,
     .progress = 68},
    {"port.create", "Create the ports", STEP_PER_MEMBER, .probe = ports_probe, .make = ports_make,
     .observe = ports_observe, .flags = STEP_PER_MEMBER_FAIL, .progress = 75},
    {"server.boot", "Boot the servers", STEP_PER_MEMBER, .probe = server_probe, .make = server_make,
     .observe = servers_observe, .flags = STEP_PER_MEMBER_FAIL | STEP_NEEDS_EARLIER,
     .progress = 90},
    {"server.sweep", "Take away servers that were made twice", STEP_PER_MEMBER,
     .probe = sweep_probe, .make = sweep_make, .observe = servers_observe,
     .flags = STEP_PER_MEMBER_FAIL, .progress = 92},
    {"array.join", "Put the new volumes under replication", STEP_PER_VOLUME,
     .make = array_join_make, .flags = STEP_BEST_EFFORT, .progress = 94},
    {"group.finish", "Record the outcome", STEP_PER_GROUP, .probe = finish_probe,
     .make = finish_make, .flags = STEP_NO_SKIP | STEP_FINAL, .progress = 100},
    {0},
};

const struct runbook runbook_failover = {
    .name = "failover",
    .version = 1,
    .steps = unplanned_steps,
    .flags = RUNBOOK_PRECLAIM,
    .plan = failover_plan,
    .adopts = failover_adopts,
    .ended = failover_ended,
};

/* `force` at a site that is active with a change nobody answers: claim in place, servers untouched.
 */
static const struct step reclaim_steps[] = {
    {"peer.probe", "Look whether the other site answers", STEP_PER_GROUP, .make = peer_probe_make,
     .progress = 20},
    {"group.claim", "Open the epoch: this site is active", STEP_PER_GROUP, .probe = claim_probe,
     .make = claim_make, .flags = STEP_PIVOT | STEP_NO_SKIP, .progress = 80},
    {"group.promote", "Tag the arrays with the epoch", STEP_PER_GROUP, .make = promote_make,
     .progress = 100},
    {0},
};

const struct runbook runbook_reclaim = {
    .name = "reclaim",
    .version = 1,
    .steps = reclaim_steps,
    .flags = RUNBOOK_PRECLAIM,
    .plan = reclaim_plan,
    .adopts = failover_adopts,
};
