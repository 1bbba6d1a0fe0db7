/* SPDX-License-Identifier: Apache-2.0 */
/* handover - a planned failover or a failback, begun at the active site.  See handover.c. */
#pragma once

#include "api/request.h"
#include "model/states.h"
#include "store/group.h"

/*
 * Hands the group over, by VERB_FAILOVER_PLANNED or VERB_FAILBACK, and answers 202 with the
 * operation that runs at the other site.  'params' (mappings, reason, on_conflict,
 * reverse_replication) are taken.  Asked for again while it waits: the same operation.
 */
err_t *handover_begin(struct request *r, const struct group_row *g, enum verb verb,
                      json_t *params) MUST_CHECK;
