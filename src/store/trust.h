/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - rows of trusts: what lets the engine work in a tenant's project at this site.  One per
 * project and user; the id of the trust at Keystone is a secret and rests encrypted.
 */
#pragma once

#include "base/json.h"
#include "store/db.h"

struct trust {
    char *id;
    char *project_id;
    char *user_id;
    char *trust;   /* Keystone's id, encrypted at rest */
    json_t *roles; /* names */
    char *status;  /* "verified", "unverified", "failed" */
    char *error_message;
    int64_t verified_at_ms;
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
struct trust *trust_create(void);
void trust_destroy(struct trust *trust);
AUTO_DEFINE(trust, trust_destroy)

/* Inserts, or overwrites the one of the same project and user (its id stays the row's). */
err_t *trust_put(struct db *db, struct trust *trust) MUST_CHECK;
/* NULL in '*ret' if there is none. */
err_t *trust_find(struct db *db, const char *project_id, const char *user_id,
                  struct trust **ret) MUST_CHECK;
/* All of a project: verified ones first, then the one verified last. */
err_t *trust_list(struct db *db, const char *project_id, GPtrArray **ret) MUST_CHECK;
/* Those whose last check is older than 'before_ms': for the regular verification. */
err_t *trust_list_stale(struct db *db, int64_t before_ms, int limit, GPtrArray **ret) MUST_CHECK;
/* The outcome of a check; 'error_message' NULL clears it. */
err_t *trust_checked(struct db *db, const char *id, const char *status, const char *error_message,
                     int64_t now_ms) MUST_CHECK;
err_t *trust_delete(struct db *db, const char *id) MUST_CHECK;
