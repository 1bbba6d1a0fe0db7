/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drift - rows of table drift: what an engine last saw to differ between the metadata of a group
 * and the cloud of this site (B22).  An observation of this site: in no version, carried nowhere.
 *
 * Neighbours: runbooks/drift.h (who looks), api/ (who shows).
 */
#pragma once

#include "base/json.h"
#include "store/db.h"

/*
 * Takes the place of what was seen before, in a transaction of its own.  'found': {member id: [text
 * …]}, members without a difference left out.
 */
err_t *drift_put(struct db *db, const char *pg_id, const json_t *found, int64_t now_ms) MUST_CHECK;
/* The same object, {} if nothing differs; '*ret_seen_at_ms' 0: nobody has looked yet. */
err_t *drift_get(struct db *db, const char *pg_id, json_t **ret,
                 int64_t *ret_seen_at_ms) MUST_CHECK;
/* Of one member nothing differs any more. */
err_t *drift_forget_member(struct db *db, const char *pg_id, const char *member) MUST_CHECK;
/* Inside a transaction or not: nothing is known any more. */
err_t *drift_forget(struct db *db, const char *pg_id) MUST_CHECK;
