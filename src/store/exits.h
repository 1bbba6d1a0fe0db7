/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exits - the ways out when the other site is gone for ever: a delete without it, unprotect, the
 * delete of what is unprotected, and all of it for every group of a site (decommission).
 *
 * Each call judges the verb once more in the transaction that acts.  A person's word stands behind
 * it: who and why go to the log of the group.  Nothing here touches a server; what a site holds of
 * a group's configuration is taken away by its own operation 'settle'.
 *
 * Neighbours: exchange.h (the transaction), model/sync.h (the actions), api/exits.c (who asks).
 */
#pragma once

#include "store/exchange.h"

/* Who says that the peer is gone, and why. */
struct exit_word {
    const char *who, *reason;
    bool force; /* also where a failover could still make servers of what is here */
};

/*
 * delete --peer-is-gone: ends a delete that waits for the peer, or commits one without it; a
 * standby is given up: GROUP_NOT_ACTIVE while a failover could be tried and 'force' is not given.
 * '*ret_op' (may be NULL): the operation that takes this site's part away; caller frees.  Repeating
 * it is no error.  Errors: of verb_check, DELETE_HELD, SYNC_STAGED (another change is undecided),
 * OPERATION_IN_PROGRESS.
 */
err_t *exit_delete_alone(const struct exchange *x, struct db *db, const char *pg_id,
                         const struct exit_word *word, char **ret_op) MUST_CHECK;
/* unprotect: what runs for the group ends as superseded, the slot is free.  Errors: of verb_check.
 */
err_t *exit_unprotect(const struct exchange *x, struct db *db, const char *pg_id,
                      const struct exit_word *word) MUST_CHECK;
/* The delete of an unprotected group; '*ret_op' as above.  Errors: of verb_check, DELETE_HELD. */
err_t *exit_delete_unprotected(const struct exchange *x, struct db *db, const char *pg_id,
                               const char *who, char **ret_op) MUST_CHECK;

/* ---- a whole site ---- */

/*
 * Groups of the site (any project) that must be made active here before it can be given up: an
 * array of {"id", "name", "project_id", "status", "role", "reason"}.  New reference.
 */
err_t *exit_site_blockers(struct db *db, const char *site_id, json_t **ret) MUST_CHECK;
/*
 * Gives up at most 'limit' groups, each in a transaction of its own: withdrawn, deleted or
 * unprotected, as its state has it; those that must be made active here first are left.  '*ret' an
 * array of {"id", "name", "project_id", "did"}, "did" one of withdrawn, deleted, unprotected;
 * '*ret_more': there may be others.  What is done stays done, whatever fails later, and is in
 * '*ret' with an error, too; a repetition goes on.
 */
err_t *exit_site_groups(const struct exchange *x, struct db *db, const char *site_id,
                        const struct exit_word *word, int limit, json_t **ret,
                        bool *ret_more) MUST_CHECK;
