/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - rows of sites: the clouds that are registered here, this one (is_local) and its peers,
 * with the public keys that are pinned for them.
 *
 * Neighbours: local.h (who we are ourselves), api/ (writes them), exchange.c (verifies by the
 * keys).
 */
#pragma once

#include "base/json.h"
#include "store/db.h"
#include "store/list.h"

struct site {
    char *id; /* the uuid that the site made for itself */
    char *name;
    char *description;
    char *site_type; /* "primary" or "secondary": a label of the manual, nothing more */
    char *auth_url;
    char *region_name;
    char *status; /* active, unreachable, error, or one of the two below */
    char *status_reason;
    bool is_local;
    char *protector_url; /* of its API, as its catalog told; NULL while unknown */
    char *compute_url;   /* of its Nova, for the probe without a token */
    char *sign_public;
    char *seal_public;
    char *fingerprint;
    json_t *old_keys;  /* [{"key_id","sign_public"}]: keys before a rotation; NULL: none */
    char *credentials; /* --service-*, encrypted at rest; NULL: none */
    json_t *checks;    /* rows of the last validate */
    json_t *peer_user; /* whom it logs in as at our cloud: {username, user_domain_name, fenced} */
    int64_t validated_at_ms;
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
struct site *site_create(void);
void site_destroy(struct site *site);
AUTO_DEFINE(site, site_destroy)

#define SITE_DECOMMISSIONING "decommissioning" /* closed; groups with it are left (exits.h) */
#define SITE_DECOMMISSIONED  "decommissioned"
/* Given up for ever: no group is made with it, no proposal of it is accepted. */
bool site_is_closed(const struct site *site);
/* SITE_DECOMMISSIONED if it is closed. */
err_t *site_open_check(const struct site *site) MUST_CHECK;

/* Error: SITE_NOT_FOUND. */
err_t *site_get(struct db *db, const char *id, struct site **ret) MUST_CHECK;
/* By id, else by name.  Error: SITE_NOT_FOUND. */
err_t *site_resolve(struct db *db, const char *id_or_name, struct site **ret) MUST_CHECK;
/* NULL in '*ret' if there is none. */
err_t *site_find(struct db *db, const char *id, struct site **ret) MUST_CHECK;
err_t *site_find_name(struct db *db, const char *name, struct site **ret) MUST_CHECK;
err_t *site_find_cloud(struct db *db, const char *auth_url, const char *region_name,
                       struct site **ret) MUST_CHECK;
err_t *site_find_local(struct db *db, struct site **ret) MUST_CHECK;
/*
 * A page, by name if the query names no order.  Sorts: name, created_at, updated_at, status, id.
 * Filters: name, status, site_type, region_name, is_local.
 */
err_t *site_list(struct db *db, const struct list_query *query, GPtrArray **ret) MUST_CHECK;
/* Errors: DB_DUPLICATE (id, name, or auth_url with region_name). */
err_t *site_insert(struct db *db, const struct site *site) MUST_CHECK;
/* Error: SITE_NOT_FOUND, DB_DUPLICATE. */
err_t *site_update(struct db *db, const struct site *site) MUST_CHECK;
/* Error: SITE_NOT_FOUND. */
err_t *site_delete(struct db *db, const char *id) MUST_CHECK;
