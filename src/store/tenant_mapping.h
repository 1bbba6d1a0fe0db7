/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tenant_mapping - rows of tenant_mappings: which project here is which project there.  An admin's
 * record, immutable, written by the client at both sites, inverted at the peer.
 */
#pragma once

#include "base/auto.h"
#include "store/db.h"
#include "store/list.h"

struct tenant_mapping {
    char *id; /* made of the sorted (site, project) pairs: the same at both sites */
    char *local_site_id;
    char *local_project_id;
    char *remote_site_id;
    char *remote_project_id;
    char *description;
    int64_t created_at_ms;
};
struct tenant_mapping *tenant_mapping_create(void);
void tenant_mapping_destroy(struct tenant_mapping *mapping);
AUTO_DEFINE(tenant_mapping, tenant_mapping_destroy)

/* 'local_project_id' NULL: of any project.  Error: MAPPING_NOT_FOUND. */
err_t *tenant_mapping_get(struct db *db, const char *local_project_id, const char *id,
                          struct tenant_mapping **ret) MUST_CHECK;
/* The mapping of a project towards a site, or back; NULL in '*ret' if there is none. */
err_t *tenant_mapping_find(struct db *db, const char *local_project_id, const char *remote_site_id,
                           struct tenant_mapping **ret) MUST_CHECK;
err_t *tenant_mapping_find_remote(struct db *db, const char *remote_site_id,
                                  const char *remote_project_id,
                                  struct tenant_mapping **ret) MUST_CHECK;
/*
 * A page, oldest first if the query names no order.  'local_project_id' NULL: all.  Sorts:
 * created_at, id.  Filters: remote_site_id, local_project_id, remote_project_id.
 */
err_t *tenant_mapping_list(struct db *db, const char *local_project_id,
                           const struct list_query *query, GPtrArray **ret) MUST_CHECK;
/* Errors: DB_DUPLICATE (the id, the project towards that site, or the remote project is mapped). */
err_t *tenant_mapping_insert(struct db *db, const struct tenant_mapping *mapping) MUST_CHECK;
/* Error: MAPPING_NOT_FOUND. */
err_t *tenant_mapping_delete(struct db *db, const char *id) MUST_CHECK;
/* Whether any mapping names the site. */
err_t *tenant_mapping_uses_site(struct db *db, const char *site_id, bool *ret) MUST_CHECK;
/* Whether exactly this pair is mapped. */
err_t *tenant_mapping_exists(struct db *db, const char *local_project_id,
                             const char *remote_site_id, const char *remote_project_id,
                             bool *ret) MUST_CHECK;
