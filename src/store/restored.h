/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restored - a database that was put back to an older copy is noticed and admitted (story A7 of the
 * sync protocol; "restore detected").
 *
 * Every transaction that changes a group raises local_site.counter.  What a controller has seen of
 * it, with the incarnation and the epochs of each group, it keeps in state_path (marks of
 * base/keyfile.h), written before anything leaves that was signed after the change.  A database
 * that knows less than the marks, or another incarnation, has forgotten something: the site takes a
 * new incarnation, all its groups become RECOVERING and all their operations are parked, in one
 * transaction.
 *
 * Several controllers have marks of their own.  One that finds an incarnation which the database
 * says has followed its own learns it, unless its marks still know more of some group's epochs.
 *
 * Neighbours: exchange.c asks in each of its transactions; the daemons at their start; the runner
 * before it works on an operation; tags.c, where an array's tag knows more.
 */
#pragma once

#include "base/keyfile.h"
#include "store/exchange.h"
#include "store/local.h"

/* What this site's tag of a group at an array tells. */
struct restored_tag {
    const char *pg_id;
    const char *incarnation;
    int64_t minted, floor;
};

/* What is remembered outside the database; empty marks if nothing is. */
err_t *restored_recall(const struct exchange *x, struct marks **ret) MUST_CHECK;
/*
 * '*ret_why' NULL: the database knows all that 'marks' do.  They must have been read before the
 * transaction that 'local' is read in began: else a commit between the two looks like a restore.
 */
err_t *restored_notice(struct db *db, const struct marks *marks, const struct local_site *local,
                       char **ret_why) MUST_CHECK;
/*
 * Remembers, on disk, before what was signed leaves: 'local' as the transaction left it, and the
 * epochs of a group.  'marks' is what was recalled before.  FENCED: the site got another
 * incarnation meanwhile, what was signed must not leave.
 */
err_t *restored_remember(const struct exchange *x, const struct marks *marks,
                         const struct local_site *local, const char *pg_id, int64_t minted,
                         int64_t floor) MUST_CHECK;

/* Recalls, notices and admits; '*ret' (may be NULL): the database was restored. */
err_t *restored_check(const struct exchange *x, struct db *db, bool *ret) MUST_CHECK;
/* The same without a look: a person (tag NULL) or an array's tag says so. */
err_t *restored_admit(const struct exchange *x, struct db *db, const char *why,
                      const struct restored_tag *tag) MUST_CHECK;

/* A site's keys that an admin has compared, in place of those that were lost or stolen. */
struct restored_pin {
    const char *site_id;
    const char *sign_public;
    const char *seal_public;
};
/*
 * Story B11: pins them and forgets those before; the site takes a new incarnation, and the groups
 * that it shares with the other become RECOVERING, as what that site signed lately may be a
 * thief's.  One transaction.
 */
err_t *restored_rekey(const struct exchange *x, struct db *db,
                      const struct restored_pin *pin) MUST_CHECK;

/*
 * Inside a transaction that has given the site a new incarnation: every group but 'but' (may be
 * NULL) goes through sync_restored.
 */
err_t *restored_groups(const struct exchange *x, struct db *db, const char *but,
                       const struct restored_tag *tag) MUST_CHECK;
