/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - the epoch watch (A8 of the sync protocol): the dead come back before any client does.
 *
 * Each engine looks, at its start and every epoch_watch_interval_s, whether the other site has
 * become active in an epoch that this site does not know: at the tag that the peer wrote to its own
 * array, and where no array tells, at the stamp `protector:epoch` that its servers bear in its
 * cloud.  Best effort: what does not answer is not waited for, and is told of once.  Nothing is
 * written at the peer.
 *
 * A round asks each array once if the driver lists the tags of all groups (tag_list), else once for
 * each group that is active here; an array that did not answer is not asked again in that round.
 *
 * Neighbours: store/exchange_watch.h (what follows), tags.h (who writes the tags).
 */
#pragma once

#include "runbooks/world.h"

#define WATCH_GROUPS_AT 200 /* read from the database at once */

struct watch; /* what this engine has told of already */
/* 'world' must live longer. */
struct watch *watch_create(struct world *world);
void watch_destroy(struct watch *watch);
AUTO_DEFINE(watch, watch_destroy)

/*
 * One round over the groups that are active here.  '*ret_next_ms': when to come back.  'report'
 * (may be NULL) is told of each group that is found superseded (SYNC_SUPERSEDED), and of what did
 * not answer, once until it answers again; the round goes on.
 */
err_t *watch_run(struct watch *watch, struct db *db, const char *owner, int64_t now_ms,
                 void (*report)(void *data, const char *pg_id, const err_t *e), void *report_data,
                 int64_t *ret_next_ms) MUST_CHECK;
