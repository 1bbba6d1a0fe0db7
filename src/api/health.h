/* SPDX-License-Identifier: Apache-2.0 */
/* health - what this site's engines saw last of groups, and whether it still says something. */
#pragma once

#include "base/conf.h"
#include "base/json.h"
#include "store/group.h"

/* What was seen of the groups 'rows' (struct group_row), for health_of.  Caller unrefs. */
err_t *health_read(struct db *db, const GPtrArray *rows, GHashTable **ret) MUST_CHECK;

struct health {
    const json_t *report; /* as runbooks/readiness.c wrote it; NULL: nobody has looked */
    bool stale;           /* what it says is not of now */
};
/* Of one group; what was seen of it in another role says nothing of this one.  Borrows 'seen'. */
struct health health_of(GHashTable *seen, const struct group_row *g, const struct conf *conf,
                        int64_t now_ms);
/* Whether it could fail over to this site; null where this is not the site, or nobody knows. */
json_t *health_ready(const struct health *h);
