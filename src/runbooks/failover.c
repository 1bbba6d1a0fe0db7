/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failover - this site is made active: unplanned, without asking the other one, or as the target of
 * a handover: a planned failover, or a failback.
 *
 * Read the table from top to bottom.  Everything above group.claim is taken back when it fails;
 * from the claim on there is only forward.  Nothing boots and nothing becomes writable before it.
 * Neighbours: plan/failover.c says what will be made, steps/ how.
 */
#include "runbooks/steps/steps.h"

/* From the claim on there is only forward, whoever claimed how. */
/* clang-format off */
#define AFTER_THE_CLAIM                                                                            \
    {"group.promote", "Make the volumes writable and tag the arrays with the epoch",               \
     STEP_PER_GROUP, .make = promote_make, .progress = 60},                                        \
    {"array.join", "Put the new volumes under replication", STEP_PER_VOLUME,                       \
     .make = array_join_make, .flags = STEP_BEST_EFFORT, .progress = 61},                          \
    {"kept.release", "Take the addresses over from servers that were kept here", STEP_PER_MEMBER,  \
     .probe = kept_release_probe, .make = kept_release_make, .observe = kept_observe,              \
     .flags = STEP_PER_MEMBER_FAIL, .progress = 62},                                               \
    {"network.security_groups", "Bring the security groups", STEP_PER_GROUP,                       \
     .make = security_groups_make, .progress = 65},                                                \
    {"compute.keypairs", "Bring the key pairs", STEP_PER_GROUP, .make = keypairs_make,             \
     .progress = 68},                                                                              \
    {"compute.server_groups", "Bring the server groups", STEP_PER_GROUP,                           \
     .make = server_groups_make, .flags = STEP_BEST_EFFORT, .progress = 70},                       \
    {"port.create", "Create the ports", STEP_PER_MEMBER, .probe = ports_probe, .make = ports_make, \
     .observe = ports_observe, .flags = STEP_PER_MEMBER_FAIL, .progress = 75},                     \
    {"server.boot", "Boot the servers, or start those that the other site never had",              \
     STEP_PER_MEMBER, .probe = server_probe, .make = server_make, .observe = servers_observe,      \
     .flags = STEP_PER_MEMBER_FAIL | STEP_NEEDS_EARLIER | STEP_IN_WAVES, .progress = 90,           \
     .wait_max_s = SERVER_WAIT_MAX_S},                                                             \
    {"server.sweep", "Take away servers that were made twice", STEP_PER_MEMBER,                    \
     .probe = sweep_probe, .make = sweep_make, .observe = servers_observe,                         \
     .flags = STEP_PER_MEMBER_FAIL, .progress = 92},                                               \
    {"network.floating_ips", "Give the servers their floating IPs", STEP_PER_MEMBER,               \
     .probe = floating_probe, .make = floating_make, .observe = floating_observe,                  \
     .flags = STEP_BEST_EFFORT | STEP_PER_MEMBER_FAIL | STEP_NEEDS_EARLIER, .progress = 94}
#define THE_OUTCOME                                                                                \
    {"group.finish", "Record the outcome", STEP_PER_GROUP, .probe = finish_probe,                  \
     .make = finish_make, .flags = STEP_NO_SKIP | STEP_FINAL, .progress = 100,                     \
     .wait_max_s = STEP_ENDLESS}
/* clang-format on */

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
     .make = copy_make, .undo = copy_undo, .progress = 45, .wait_max_s = STEP_ENDLESS},
    {"volume.manage", "Manage volumes into Cinder", STEP_PER_VOLUME, .probe = volume_probe,
     .make = volume_make, .undo = volume_undo, .observe = volumes_observe, .progress = 55,
     .wait_max_s = VOLUME_WAIT_MAX_S},
    {"group.claim", "Open the epoch: this site is active", STEP_PER_GROUP, .probe = claim_probe,
     .make = claim_make, .flags = STEP_PIVOT | STEP_NO_SKIP, .progress = 58,
     .wait_max_s = STEP_ENDLESS},
    AFTER_THE_CLAIM,
    THE_OUTCOME,
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

/*
 * The planned failover: the other site has handed the group over.  Its servers come to rest before
 * the last recovery point is made, and exactly that one is used; until the claim everything can be
 * taken back, the stop as well.
 */
static const struct step handover_steps[] = {
    {"validate_target", "Check this site: types, flavors, networks, rights", STEP_PER_GROUP,
     .make = target_validate_make, .progress = 10},
    {"source.stop", "Stop and lock the servers at the source site", STEP_PER_MEMBER,
     .probe = source_stopped_probe, .make = source_stop_make, .undo = source_start_undo,
     .observe = source_servers_observe, .flags = STEP_NO_SKIP | STEP_WAVES_BACK, .progress = 20},
    {"point.final", "Make the final recovery point and wait until all of it is here",
     STEP_PER_GROUP, .make = point_final_make, .flags = STEP_NO_SKIP, .progress = 30,
     .wait_max_s = STEP_ENDLESS},
    {"source.verify", "Check that the servers at the source are still stopped and locked",
     STEP_PER_GROUP, .make = source_verify_make, .flags = STEP_NO_SKIP, .progress = 32},
    {"point.purge", "Take away what was made of another recovery point", STEP_PER_GROUP,
     .make = purge_make, .flags = STEP_BEST_EFFORT, .progress = 33},
    {"storage_promo", "Make volumes of the recovery point", STEP_PER_VOLUME, .probe = copy_probe,
     .make = copy_make, .undo = copy_undo, .progress = 45, .wait_max_s = STEP_ENDLESS},
    {"volume.manage", "Manage volumes into Cinder", STEP_PER_VOLUME, .probe = volume_probe,
     .make = volume_make, .undo = volume_undo, .observe = volumes_observe, .progress = 55,
     .wait_max_s = VOLUME_WAIT_MAX_S},
    {"group.claim", "Open the epoch: this site is active", STEP_PER_GROUP, .probe = claim_probe,
     .make = claim_make, .flags = STEP_PIVOT | STEP_NO_SKIP, .progress = 58,
     .wait_max_s = STEP_ENDLESS},
    AFTER_THE_CLAIM,
    THE_OUTCOME,
    {0},
};

const struct runbook runbook_handover = {
    .name = "handover",
    .version = 1,
    .steps = handover_steps,
    .flags = RUNBOOK_PRECLAIM,
    .plan = handover_plan,
    .adopts = failover_adopts,
    .ended = failover_ended,
};

/*
 * The way home: the same, and the replication is turned around before anything stops, so that the
 * servers stand still for no longer than the last interval takes.
 */
static const struct step failback_steps[] = {
    {"validate_target", "Check this site: types, flavors, networks, rights", STEP_PER_GROUP,
     .make = target_validate_make, .progress = 5},
    {"replication.reverse", "Turn the replication around: from the present site to this one",
     STEP_PER_GROUP, .make = reverse_make, .flags = STEP_NO_SKIP, .progress = 8,
     .wait_max_s = STEP_ENDLESS},
    {"point.first", "Wait until one whole recovery point is here, while the servers run on",
     STEP_PER_GROUP, .make = point_first_make, .flags = STEP_NO_SKIP, .progress = 15,
     .wait_max_s = STEP_ENDLESS},
    {"source.stop", "Stop and lock the servers at the source site", STEP_PER_MEMBER,
     .probe = source_stopped_probe, .make = source_stop_make, .undo = source_start_undo,
     .observe = source_servers_observe, .flags = STEP_NO_SKIP | STEP_WAVES_BACK, .progress = 20},
    {"point.final", "Make the final recovery point and wait until all of it is here",
     STEP_PER_GROUP, .make = point_final_make, .flags = STEP_NO_SKIP, .progress = 30,
     .wait_max_s = STEP_ENDLESS},
    {"source.verify", "Check that the servers at the source are still stopped and locked",
     STEP_PER_GROUP, .make = source_verify_make, .flags = STEP_NO_SKIP, .progress = 32},
    {"point.purge", "Take away what was made of another recovery point", STEP_PER_GROUP,
     .make = purge_make, .flags = STEP_BEST_EFFORT, .progress = 33},
    {"storage_promo", "Make volumes of the recovery point", STEP_PER_VOLUME, .probe = copy_probe,
     .make = copy_make, .undo = copy_undo, .progress = 45, .wait_max_s = STEP_ENDLESS},
    {"volume.manage", "Manage volumes into Cinder", STEP_PER_VOLUME, .probe = volume_probe,
     .make = volume_make, .undo = volume_undo, .observe = volumes_observe, .progress = 55,
     .wait_max_s = VOLUME_WAIT_MAX_S},
    {"group.claim", "Open the epoch: this site is active", STEP_PER_GROUP, .probe = claim_probe,
     .make = claim_make, .flags = STEP_PIVOT | STEP_NO_SKIP, .progress = 58,
     .wait_max_s = STEP_ENDLESS},
    AFTER_THE_CLAIM,
    {"replication.on", "Replicate to the other site again", STEP_PER_GROUP,
     .make = replicate_on_make, .flags = STEP_BEST_EFFORT, .progress = 96,
     .wait_max_s = STEP_ENDLESS},
    THE_OUTCOME,
    {0},
};

const struct runbook runbook_failback = {
    .name = "failback",
    .version = 1,
    .steps = failback_steps,
    .flags = RUNBOOK_PRECLAIM,
    .plan = handover_plan,
    .adopts = failover_adopts,
    .ended = failover_ended,
};

/* `force` at a site that is active with a change nobody answers: claim in place, servers untouched.
 */
static const struct step reclaim_steps[] = {
    {"peer.probe", "Look whether the other site answers", STEP_PER_GROUP, .make = peer_probe_make,
     .progress = 20},
    {"group.claim", "Open the epoch: this site is active", STEP_PER_GROUP, .probe = claim_probe,
     .make = claim_make, .flags = STEP_PIVOT | STEP_NO_SKIP, .progress = 80,
     .wait_max_s = STEP_ENDLESS},
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
