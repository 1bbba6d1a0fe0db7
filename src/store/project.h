/* SPDX-License-Identifier: Apache-2.0 */
/*
 * project - writes the tables that show parts of a group's body: pg_members, cg_volumes,
 * replication_policies, resource_mappings.  The body decides; these rows are for lists and for the
 * questions that go over all groups ("is this server in another group?").  Private to store/.
 */
#pragma once

#include "base/json.h"
#include "store/db.h"

/* Inside a transaction.  'body' NULL: the group has none (any more). */
err_t *project_body(struct db *db, const char *group_id, const json_t *body,
                    int64_t now_ms) MUST_CHECK;
