/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protect - the runbooks of protection itself: create a group, its members, its policy, its end.
 *
 * Each change of a user is prepared here, offered to the other site as one signed proposal, and is
 * done only when the other site has stored it (peer.commit).  What adds is made before the proposal
 * and taken back on refusal; what takes away is done afterwards by each site, by 'settle'.
 */
#include "runbooks/steps/steps.h"

#define STAGE_AND_COMMIT                                                                           \
    {"group.stage",      "Sign the change and offer it to the other site",                         \
     STEP_PER_GROUP,     .probe = stage_probe,                                                     \
     .make = stage_make, .flags = STEP_NO_SKIP,                                                    \
     .progress = 80},                                                                              \
    {                                                                                              \
        "peer.commit", "Wait until the other site has stored it", STEP_PER_GROUP,                  \
            .probe = commit_probe, .flags = STEP_NO_SKIP, .progress = 100,                         \
            .wait_max_s = STEP_ENDLESS                                                             \
    }

/*
 * What differs from the metadata goes into the next change (B22): rows only of members that do.
 * Best effort: it keeps nobody from changing something else.
 */
#define RECAPTURE(first, second, third)                                                            \
    {"member.recapture",  "Read the servers that were changed anew",                               \
     STEP_PER_MEMBER,     .make = recapture_make,                                                  \
     .progress = (first), .flags = STEP_BEST_EFFORT | STEP_IN_WAVES},                              \
        {"member.join",           "Add volumes that were attached since to the consistency group", \
         STEP_PER_MEMBER,         .probe = cg_volumes_probe,                                       \
         .make = cg_volumes_make, .undo = cg_volumes_undo,                                         \
         .progress = (second),    .flags = STEP_BEST_EFFORT | STEP_IN_WAVES},                      \
    {                                                                                              \
        "member.replicate", "Add these volumes to the replication", STEP_PER_MEMBER,               \
            .make = array_volumes_make, .undo = array_volumes_undo, .progress = (third),           \
            .flags = STEP_BEST_EFFORT | STEP_IN_WAVES                                              \
    }

static const struct step create_steps[] = {
    {"type.check", "Check the volume type", STEP_PER_GROUP, .make = type_check_make,
     .progress = 20},
    {"rights.check", "Check that the project may manage volumes into Cinder", STEP_PER_GROUP,
     .make = rights_check_make, .progress = 30},
    {"cg.create", "Create the Cinder consistency group", STEP_PER_GROUP, .probe = cg_probe,
     .make = cg_make, .undo = cg_undo, .progress = 60},
    STAGE_AND_COMMIT,
    {0},
};

const struct runbook runbook_create = {
    .name = "create",
    .version = 1,
    .steps = create_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = change_plan,
    .ended = create_ended,
};

static const struct step member_add_steps[] = {
    RECAPTURE(3, 6, 9),
    {"server.capture", "Read the server's configuration and check it", STEP_PER_GROUP,
     .make = capture_make, .progress = 20},
    {"cg.add", "Add its volumes to the consistency group", STEP_PER_GROUP,
     .probe = cg_volumes_probe, .make = cg_volumes_make, .undo = cg_volumes_undo, .progress = 50},
    {"array.add", "Add its volumes to the replication", STEP_PER_GROUP, .make = array_volumes_make,
     .undo = array_volumes_undo, .progress = 70},
    STAGE_AND_COMMIT,
    {0},
};

const struct runbook runbook_member_add = {
    .name = "member_add",
    .version = 1,
    .steps = member_add_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = change_plan,
    .ended = member_add_ended,
};

static const struct step policy_steps[] = {
    RECAPTURE(10, 20, 30),
    {"array.ensure", "Prepare the replication group at the array", STEP_PER_GROUP,
     .make = array_ensure_make, .undo = array_ensure_undo, .progress = 50},
    STAGE_AND_COMMIT,
    {0},
};

const struct runbook runbook_policy_set = {
    .name = "policy_set",
    .version = 1,
    .steps = policy_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = change_plan,
    .ended = change_ended,
};

/* Changes that need nothing made beforehand: name, description, mappings, and all that takes away.
 */
static const struct step change_steps[] = {
    RECAPTURE(20, 40, 60),
    STAGE_AND_COMMIT,
    {0},
};

#define CHANGE(variable, text, table)                                                              \
    const struct runbook variable = {                                                              \
        .name = (text),                                                                            \
        .version = 1,                                                                              \
        .steps = table,                                                                            \
        .flags = RUNBOOK_HIDDEN,                                                                   \
        .plan = change_plan,                                                                       \
        .ended = change_ended,                                                                     \
    }

/* A delete takes nothing in. */
static const struct step delete_steps[] = {
    STAGE_AND_COMMIT,
    {0},
};

/* The roles of the two sites are swapped: the present one is the primary, and replicates. */
static const struct step reprotect_steps[] = {
    RECAPTURE(10, 20, 30),
    {"replication.on", "Replicate to the other site", STEP_PER_GROUP, .make = replicate_on_make,
     .progress = 60, .wait_max_s = STEP_ENDLESS},
    STAGE_AND_COMMIT,
    {0},
};

const struct runbook runbook_reprotect = {
    .name = "reprotect",
    .version = 1,
    .steps = reprotect_steps,
    .plan = change_plan,
    .ended = change_ended,
};

/* A point now, not when the interval is over: nothing of the metadata changes. */
static const struct step sync_steps[] = {
    {"point.make", "Make a recovery point and wait until all of it has arrived", STEP_PER_GROUP,
     .make = point_now_make, .progress = 100, .wait_max_s = STEP_ENDLESS},
    {0},
};

const struct runbook runbook_sync = {
    .name = "sync",
    .version = 1,
    .steps = sync_steps,
    .plan = point_now_plan,
    .ended = point_now_ended,
};

CHANGE(runbook_update, "update", change_steps);
CHANGE(runbook_mappings_set, "mappings_set", change_steps);
CHANGE(runbook_member_update, "member_update", change_steps);
CHANGE(runbook_member_remove, "member_remove", change_steps);
CHANGE(runbook_policy_delete, "policy_delete", change_steps);
CHANGE(runbook_delete, "delete", delete_steps);

/* The other site's part of a change, before it accepts: "I hold it and have what it needs". */
static const struct step realize_steps[] = {
    {"type.check", "Check the volume type", STEP_PER_GROUP, .make = type_check_make,
     .progress = 20},
    {"rights.check", "Check that the project may manage volumes into Cinder", STEP_PER_GROUP,
     .make = rights_check_make, .progress = 30},
    {"cg.create", "Create the Cinder consistency group", STEP_PER_GROUP, .probe = cg_probe,
     .make = cg_make, .undo = cg_undo, .progress = 60, .wait_max_s = STEP_ENDLESS},
    {"array.ensure", "Prepare the replication group at the array", STEP_PER_GROUP,
     .make = array_ensure_make, .undo = array_ensure_undo, .progress = 80},
    {"group.accept", "Store the change and sign the acceptance", STEP_PER_GROUP,
     .probe = accept_probe, .make = accept_make, .flags = STEP_NO_SKIP, .progress = 100},
    {0},
};

const struct runbook runbook_realize = {
    .name = "realize",
    .version = 1,
    .steps = realize_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = realize_plan,
    .expired = realize_expired,
    .ended = realize_ended,
};

/* After a committed change, at each site: take away what it no longer needs.  Retried for ever. */
static const struct step settle_steps[] = {
    {"array.settle", "Bring the array's group to the change", STEP_PER_GROUP,
     .make = array_settle_make, .progress = 40},
    {"cg.settle", "Bring the Cinder consistency group to the change", STEP_PER_GROUP,
     .probe = cg_settle_probe, .make = cg_settle_make, .progress = 80},
    {"group.settle", "Record that the change is settled", STEP_PER_GROUP, .make = group_settle_make,
     .progress = 100},
    {0},
};

const struct runbook runbook_settle = {
    .name = "settle",
    .version = 1,
    .steps = settle_steps,
    .flags = RUNBOOK_HIDDEN | RUNBOOK_FOREVER,
    .plan = settle_plan,
    .ended = settle_ended,
};

/* The other site has become active: stop and lock, delete nothing.  Retried for ever. */
static const struct step demote_steps[] = {
    {"server.stop", "Stop and lock the servers of this site", STEP_PER_MEMBER,
     .probe = stopped_probe, .make = stop_make, .observe = own_servers_observe, .progress = 60},
    {"array.demote", "Stop pushing points and open the array to the active site", STEP_PER_GROUP,
     .make = array_demote_make, .progress = 90},
    {"group.report", "Name what ran here after the recovery point", STEP_PER_GROUP,
     .make = demote_report_make, .progress = 100},
    {0},
};

const struct runbook runbook_demote = {
    .name = "demote",
    .version = 1,
    .steps = demote_steps,
    .flags = RUNBOOK_HIDDEN | RUNBOOK_FOREVER,
    .plan = demote_plan,
    .ended = demote_ended,
};

/*
 * The database was restored, and the group recovers: the ledger learns what it has forgotten.
 * Makes nothing.
 */
static const struct step rebuild_steps[] = {
    {"ledger.rebuild", "Enter what bears the group's keys into the ledger", STEP_PER_GROUP,
     .make = ledger_rebuild_make, .progress = 100},
    {0},
};

const struct runbook runbook_rebuild = {
    .name = "rebuild",
    .version = 1,
    .steps = rebuild_steps,
    .flags = RUNBOOK_HIDDEN | RUNBOOK_FOREVER,
    .plan = ledger_rebuild_plan,
};

/* Before this site's servers are stopped by a message: which of them run?  Makes nothing. */
static const struct step look_steps[] = {
    {"servers.look", "Look which servers of the group run", STEP_PER_GROUP,
     .make = servers_look_make, .progress = 100},
    {0},
};

const struct runbook runbook_look = {
    .name = "look",
    .version = 1,
    .steps = look_steps,
    .flags = RUNBOOK_HIDDEN,
    .plan = servers_look_plan,
    .ended = servers_look_ended,
};
