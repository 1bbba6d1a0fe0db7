/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge - whether this site can take what a proposal holds: "content acceptable (name, mapping,
 * schema, delete with no held resources)", and what a refusal says of it.
 *
 * Neighbours: exchange.c (accept's guard asks it), model/sync_propose.c (what else the guard is).
 */
#pragma once

#include "model/sync.h"
#include "store/db.h"

/*
 * NULL: acceptable.  'project_id' is the token's or the group's own at this site; NULL: any.  Codes
 * BODY_INVALID, FORBIDDEN, BODY_SCHEMA, GROUP_NAME_TAKEN, MAPPING_MISSING, TRUST_MISSING, CONFLICT,
 * DELETE_HELD, SITE_DECOMMISSIONED; those of the database mean that nothing was judged.
 */
err_t *judge_content(struct db *db, const char *project_id, const struct sync_state *state,
                     const struct body *body) MUST_CHECK;
/*
 * DELETE_HELD if this site still holds what a failover or a drill of the group made: servers,
 * ports, volumes, copies that were neither taken back nor handed over.  It names them.
 * DRILL_RUNNING if a drill has not ended.
 */
err_t *judge_held(struct db *db, const char *pg_id) MUST_CHECK;
/* An error as the reason of a refusal: its code, its whole chain of words, and what to do. */
void judge_refusal(const err_t *why, struct sync_refusal *ret);
