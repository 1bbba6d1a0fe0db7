/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readiness - rows of table readiness: what an engine last saw of a group's readiness at this site.
 * An observation: in no version, carried nowhere.
 *
 * Neighbours: runbooks/readiness.h (who looks), api/health.c (who shows).
 */
#pragma once

#include "base/json.h"
#include "store/db.h"

/* Takes the place of what was seen before. */
err_t *readiness_put(struct db *db, const char *pg_id, const json_t *report,
                     int64_t now_ms) MUST_CHECK;
/* NULL in '*ret': nobody has looked yet. */
err_t *readiness_get(struct db *db, const char *pg_id, json_t **ret) MUST_CHECK;
/*
 * Of many: '*ret' is by id, each value the json_t of readiness_get; one that nobody has looked at
 * is not in it.  Caller unrefs.
 */
err_t *readiness_list(struct db *db, const char *const *ids, size_t count,
                      GHashTable **ret) MUST_CHECK;
/* Inside a transaction or not: nothing is known any more. */
err_t *readiness_forget(struct db *db, const char *pg_id) MUST_CHECK;
