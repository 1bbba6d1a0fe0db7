/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drift - does the cloud still have what the metadata says (B22)?  The engine of the active site
 * looks every drift_interval_s at all members of all groups that serve here: three lists for each
 * project, whatever it has.  What differs is an observation (store/drift.h): health, never a
 * version. It reaches the metadata with the next change of a user (steps/recapture.c).
 *
 * A list that is not whole says nothing: then the groups of its project keep what was seen before.
 */
#pragma once

#include "runbooks/world.h"

#define DRIFT_FIRST_MS 600000 /* after an engine's start, or the interval if that is shorter */

/* How long until the first round. */
int64_t drift_first_ms(const struct world *world);
/*
 * One round.  '*ret_next_ms': when to come back.  'report' (may be NULL) is told of projects whose
 * cloud could not be read; the round goes on.
 */
err_t *drift_run(struct world *world, struct db *db, const char *owner, int64_t now_ms,
                 void (*report)(void *data, const char *pg_id, const err_t *e), void *report_data,
                 int64_t *ret_next_ms) MUST_CHECK;
