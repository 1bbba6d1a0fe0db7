/* SPDX-License-Identifier: Apache-2.0 */
/* runbooks - see runbooks.h. */
#include "runbooks/runbooks.h"

/* clang-format off */
#define RUNBOOKS(X)                                                                                \
    X(create) X(update) X(mappings_set) X(member_add) X(member_update) X(member_remove) X(policy_set)               \
    X(policy_delete) X(delete) X(realize) X(settle) X(demote) X(rebuild) X(superseded_stop)        \
    X(resume) X(look) X(plan_look) X(failover) X(handover) X(failback) X(reclaim) \
    X(test_failover) X(test_cleanup) X(cleanup_look) X(cleanup_source) X(reprotect) X(sync) X(site_validate) X(site_types) X(site_failover)
/* clang-format on */

#define DECLARE(name) extern const struct runbook runbook_##name;
RUNBOOKS(DECLARE)

#define ROW(name) &runbook_##name,
const struct runbook *const runbooks_all[] = {RUNBOOKS(ROW) NULL};
