/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site_keys - the keys of sites as a database has them: our own, which follow site.keys; a peer's,
 * which follow its certificates (base/certificate.h); and which of a peer's keys each group has
 * heard.
 *
 * A peer's keys stand in an order: those before in site.old_keys, oldest first, then the pinned
 * one. A key counts for a group until the group has heard a later one: docs/decisions/keys.md.
 *
 * Neighbours: exchange_keys.c (asks for each message), api/sites.c (rekey), daemons/process.c.
 */
#pragma once

#include "base/certificate.h"
#include "store/local.h"
#include "store/site.h"

#define SITE_KEY_UNKNOWN (-1)

/* ---- our own ---- */

/*
 * Inside a transaction: the rows of this site follow 'keys'; so does 'local'.  '*ret_fits' false:
 * neither are they the row's nor have they ever been, nothing is written.
 */
err_t *site_keys_own(struct db *db, const struct keypairs *keys, struct local_site *local,
                     int64_t now_ms, bool *ret_fits) MUST_CHECK;

/* The same of keys that follow nothing, as those before were lost. */
err_t *site_keys_put(struct db *db, const struct keypairs *keys, struct local_site *local,
                     int64_t now_ms) MUST_CHECK;

/* ---- a peer's ---- */

/* The place of a key in the order, or SITE_KEY_UNKNOWN. */
int site_keys_place(const struct site *site, const char *key_id);
/* The public key at a place that there is.  Borrowed. */
const char *site_keys_at(const struct site *site, int place);
/* Inside a transaction: the pin moves along 'way' (certificates_follow from the pinned key). */
err_t *site_keys_adopt(struct db *db, struct site *site, const GPtrArray *way,
                       int64_t now_ms) MUST_CHECK;
/* Another pin in place of all that was known of the site's keys; the row is not written. */
void site_keys_replace(struct site *site, const char *sign_public, const char *seal_public);
/* Its keys were changed here at some time: boxes may be sealed to one that it had before. */
bool site_keys_changed(const struct site *site);

/* ---- what a group has heard ---- */

/* The latest key that signed what the group holds; NULL in '*ret': none that is remembered. */
err_t *site_keys_heard(struct db *db, const char *pg_id, char **ret) MUST_CHECK;
err_t *site_keys_hear(struct db *db, const char *pg_id, const char *key_id) MUST_CHECK;
