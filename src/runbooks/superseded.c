/* SPDX-License-Identifier: Apache-2.0 */
/*
 * superseded - the epoch watch has seen the other site in a newer epoch (A8): the servers of this
 * site are stopped and locked before any client comes, unless [site] on_superseded says otherwise;
 * and the way back, when a person decides that this site is active after all.
 *
 * Nothing is deleted, and nothing at the arrays is turned: this site may not know yet where the
 * data flows.  Both are retried for ever and need nobody.  Neighbours: watch.h, steps/demote.c.
 */
#include "runbooks/steps/steps.h"
#include "store/exchange_watch.h"

static const struct step stop_steps[] = {
    {"server.stop", "Stop and lock the servers of this site", STEP_PER_MEMBER,
     .probe = stopped_probe, .make = stop_make, .observe = own_servers_observe, .progress = 90},
    {"group.report", "Name what ran here after the recovery point", STEP_PER_GROUP,
     .make = demote_report_make, .progress = 100},
    {0},
};

const struct runbook runbook_superseded_stop = {
    .name = WATCH_STOP,
    .version = 1,
    .steps = stop_steps,
    .flags = RUNBOOK_HIDDEN | RUNBOOK_FOREVER,
    .plan = demote_plan,
    .ended = demote_ended,
};

static const struct step resume_steps[] = {
    {"server.stamp", "Stamp the servers with the epoch: no other site touches them any more",
     STEP_PER_MEMBER, .probe = stamped_probe, .make = stamp_make, .observe = own_servers_observe,
     .progress = 20},
    {"server.resume", "Unlock the servers of this site and start those that ran", STEP_PER_MEMBER,
     .probe = resumed_probe, .make = resume_make, .observe = own_servers_observe,
     .flags = STEP_IN_WAVES, .progress = 60, .wait_max_s = SERVER_WAIT_MAX_S},
    {"servers.settle", "Wait until what the other site had begun has ended", STEP_PER_GROUP,
     .probe = stops_settled_probe, .progress = 80, .wait_max_s = STEP_ENDLESS},
    {"server.again", "Start those that were stopped meanwhile", STEP_PER_MEMBER,
     .probe = resumed_probe, .make = resume_make, .observe = own_servers_observe,
     .flags = STEP_IN_WAVES, .progress = 100, .wait_max_s = SERVER_WAIT_MAX_S},
    {0},
};

const struct runbook runbook_resume = {
    .name = "resume",
    .version = 1,
    .steps = resume_steps,
    .flags = RUNBOOK_HIDDEN | RUNBOOK_FOREVER,
    .plan = resume_plan,
};
