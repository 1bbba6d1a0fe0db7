/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readiness - could each group fail over now?  Engines look every readiness_interval_s: the standby
 * at all that an unplanned failover to it would need (steps/foresight.c), the active site at what
 * is protected there.  What is seen is an observation (store/readiness.h), never a version; drift
 * is told, never taken over by itself.
 *
 * The report of a site (JSON):
 *   {role: "target"|"source", checks: [rows of model/readiness.h], link, lag_s, rpo_s,
 *    rpo_compliant, predicted {rto_s, rto_from, data_loss_s}, checked_at}
 * link and lag_s are null where nobody could tell.
 *
 * What several groups of a project need is read once a round.
 */
#pragma once

#include "runbooks/world.h"

/* After an engine's start, or the interval if that is shorter. */
#define READINESS_FIRST_MS 120000

/* How long until the first round. */
int64_t readiness_first_ms(const struct world *world);

struct readiness_host {
    /* Told of groups that could not be judged; the round goes on.  May be NULL. */
    void (*report)(void *data, const char *pg_id, const err_t *e);
    /* Nothing more is to be looked at: the engine stops.  May be NULL. */
    bool (*over)(void *data);
    void *data;
};
/* One round.  '*ret_next_ms': when to come back. */
err_t *readiness_run(struct world *world, struct db *db, const char *owner, int64_t now_ms,
                     const struct readiness_host *host, int64_t *ret_next_ms) MUST_CHECK;
