/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drill - the rehearsal of a failover at the standby site, and its cleanup.
 *
 * Read the tables from top to bottom.  Nothing is claimed, so there is no pivot: until it has ended
 * a drill is taken back whole.  What it leaves for a look stays in the ledger under its own keys,
 * and the cleanup takes away exactly that.  Neighbours: failover.c, whose rows these are.
 */
#include "runbooks/steps/steps.h"

static const struct step drill_steps[] = {
    {"validate_target", "Check this site: types, flavors, networks, rights", STEP_PER_GROUP,
     .make = target_validate_make, .progress = 10},
    {"point.choose", "Choose the newest complete recovery point of this lineage", STEP_PER_GROUP,
     .make = point_choose_make, .progress = 20},
    {"storage_promo", "Make clones of the recovery point", STEP_PER_VOLUME, .probe = copy_probe,
     .make = copy_make, .undo = copy_undo, .progress = 45, .wait_max_s = STEP_ENDLESS},
    {"volume.manage", "Manage the clones into Cinder", STEP_PER_VOLUME, .probe = volume_probe,
     .make = volume_make, .undo = volume_undo, .observe = volumes_observe, .progress = 55,
     .wait_max_s = VOLUME_WAIT_MAX_S},
    {"network.isolated", "Make networks that nothing reaches", STEP_PER_GROUP,
     .make = networks_make, .undo = networks_undo, .progress = 60},
    {"network.security_groups", "Bring the security groups", STEP_PER_GROUP,
     .make = security_groups_make, .undo = security_groups_undo, .progress = 65},
    {"compute.keypairs", "Bring the key pairs", STEP_PER_GROUP, .make = keypairs_make,
     .undo = keypairs_undo, .progress = 68},
    {"compute.server_groups", "Make the server groups", STEP_PER_GROUP, .make = server_groups_make,
     .undo = server_groups_undo, .progress = 70},
    {"port.create", "Create the ports", STEP_PER_MEMBER, .probe = ports_probe, .make = ports_make,
     .undo = ports_undo, .observe = ports_observe, .progress = 75},
    {"server.boot", "Boot the servers", STEP_PER_MEMBER, .probe = server_probe, .make = server_make,
     .undo = server_undo, .observe = servers_observe, .flags = STEP_IN_WAVES, .progress = 90,
     .wait_max_s = SERVER_WAIT_MAX_S},
    {"server.sweep", "Take away servers that were made twice", STEP_PER_MEMBER,
     .probe = sweep_probe, .make = sweep_make, .observe = servers_observe, .progress = 92},
    {"drill.check", "Check what came up", STEP_PER_MEMBER, .probe = drill_check_probe,
     .observe = servers_observe, .progress = 100, .wait_max_s = STEP_ENDLESS},
    {0},
};

const struct runbook runbook_test_failover = {
    .name = "test_failover",
    .version = 1,
    .steps = drill_steps,
    .flags = RUNBOOK_KEEPS,
    .plan = drill_plan,
    .expired = drill_expired,
    .ended = drill_ended,
};

static const struct step cleanup_steps[] = {
    {"drill.servers", "Delete the servers of the drill", STEP_PER_MEMBER, .make = server_undo,
     .progress = 30},
    {"drill.ports", "Delete its ports", STEP_PER_MEMBER, .make = ports_undo, .progress = 45},
    {"drill.keypairs", "Delete the key pairs that it brought", STEP_PER_GROUP,
     .make = keypairs_undo, .progress = 50},
    {"drill.server_groups", "Delete its server groups", STEP_PER_GROUP, .make = server_groups_undo,
     .progress = 52},
    {"drill.security_groups", "Delete the security groups that it brought", STEP_PER_GROUP,
     .make = security_groups_undo, .progress = 55},
    {"drill.networks", "Delete its networks", STEP_PER_GROUP, .make = networks_undo,
     .progress = 60},
    {"drill.volumes", "Take the clones out of Cinder", STEP_PER_VOLUME, .make = volume_undo,
     .progress = 80},
    {"drill.clones", "Delete the clones at the array", STEP_PER_VOLUME, .make = copy_undo,
     .progress = 100},
    {0},
};

const struct runbook runbook_test_cleanup = {
    .name = "test_cleanup",
    .version = 1,
    .steps = cleanup_steps,
    .plan = cleanup_plan,
};
