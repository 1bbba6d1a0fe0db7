/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticks - recovery points by the interval, for drivers whose arrays do not replicate by themselves
 * (PROTECTOR_NEEDS_TICKS): the active site's engine makes them, under a lease, each in a bucket of
 * time that names it, so that two engines or a crash make no point twice.
 */
#pragma once

#include "runbooks/world.h"

#define TICKS_GROUPS_MAX 1000 /* looked at in one round */

/*
 * What an engine remembers between two rounds: since when it has seen the lease of another one
 * unchanged.  'lease_ttl_ms': an engine that has not given a lease back for so long, by our
 * monotonic clock, is dead.  'world' must live longer.
 */
struct ticks;
struct ticks *ticks_create(struct world *world, int64_t lease_ttl_ms);
void ticks_destroy(struct ticks *ticks);
AUTO_DEFINE(ticks, ticks_destroy)

/*
 * One round over all groups.  '*ret_next_ms': when to come back.  'report' (may be NULL) is told of
 * groups whose point could not be made; the round goes on.
 */
err_t *ticks_run(struct ticks *ticks, struct db *db, const char *owner, int64_t now_ms,
                 void (*report)(void *data, const char *pg_id, const err_t *e), void *report_data,
                 int64_t *ret_next_ms) MUST_CHECK;
