/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tags - what a claim writes to both arrays as far as they answer (group.promote), and what is owed
 * to one that did not answer then: written by a later round of the engine.
 *
 * A tag is a floor and an alarm, and tag_set merges: numbers never go down.  So it needs no lease,
 * and no row says that it is owed: an engine writes each tag once after its start, and again when
 * its numbers have moved, until both arrays have it.
 */
#pragma once

#include "runbooks/world.h"

#define TAGS_ROUND_MS 60000 /* between two looks at all groups, and two tries at an array */

struct tags; /* what this engine has written */
/* 'world' must live longer. */
struct tags *tags_create(struct world *world);
void tags_destroy(struct tags *tags);
AUTO_DEFINE(tags, tags_destroy)

/*
 * One round over all groups.  '*ret_next_ms': when to come back.  'report' (may be NULL) is told of
 * each tag that could not be written; the round goes on.
 */
err_t *tags_run(struct tags *tags, struct db *db, const char *owner, int64_t now_ms,
                void (*report)(void *data, const char *pg_id, const err_t *e), void *report_data,
                int64_t *ret_next_ms) MUST_CHECK;
