/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local - who this site is: the one row of local_site, made by `db sync`, and table incarnations.
 *
 * The counter is raised by every transaction that signs; the daemons keep the highest they have
 * seen in 'state_path', so that a database restored from a backup is noticed.
 */
#pragma once

#include "base/auto.h"
#include "store/db.h"

struct local_site {
    char *site_id;
    char *sign_public;
    char *seal_public;
    char *fingerprint;
    char *incarnation;
    int64_t counter;
    char *key_check; /* a known text encrypted under the key file; NULL: never checked */
    int64_t created_at_ms;
};
struct local_site *local_site_create(void);
void local_site_destroy(struct local_site *local);
AUTO_DEFINE(local_site, local_site_destroy)

/* NULL in '*ret' before the first db sync. */
err_t *local_site_find(struct db *db, struct local_site **ret) MUST_CHECK;
/*
 * Inside a transaction: writes the row if there is none, and its incarnation.  Error: DB_DUPLICATE
 * (two made it at once: read theirs).
 */
err_t *local_site_insert(struct db *db, const struct local_site *local) MUST_CHECK;
/* Inside a transaction: new public keys (rotation), key check. */
err_t *local_site_update_keys(struct db *db, const struct local_site *local) MUST_CHECK;
/* Inside a transaction that signs: raises the counter; '*ret' (may be NULL) is what it is then. */
err_t *local_site_count(struct db *db, int64_t *ret) MUST_CHECK;
/* Inside a transaction: a restore was detected; 'counter' is at least the highest ever seen. */
err_t *local_site_reincarnate(struct db *db, const char *incarnation, int64_t counter,
                              const char *reason, int64_t now_ms) MUST_CHECK;

struct incarnation {
    char *site_id;
    char *incarnation;
    char *reason;
    int64_t began_at_ms;
};
struct incarnation *incarnation_create(void);
void incarnation_destroy(struct incarnation *incarnation);
AUTO_DEFINE(incarnation, incarnation_destroy)
/* All that are known of a site, first seen first. */
err_t *incarnation_list(struct db *db, const char *site_id, GPtrArray **ret) MUST_CHECK;
/* Notes one that was seen; nothing happens if it is known. */
err_t *incarnation_note(struct db *db, const char *site_id, const char *incarnation,
                        const char *reason, int64_t now_ms) MUST_CHECK;
