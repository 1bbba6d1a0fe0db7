/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cg - rows of consistency_groups (the Cinder generic group of a protection group at both sites)
 * and cg_volumes (the volumes that the body names; written by project.c).
 *
 * The ids at Cinder are observations: this site's is its own engine's record, the peer's comes
 * beside ACCEPT and HERE.
 */
#pragma once

#include "base/auto.h"
#include "store/db.h"

struct cg {
    char *pg_id;
    char *id; /* "cg-<uuid>", the same at both sites */
    char *volume_type_name;
    char *backend_name; /* "pure@backend-a"; NULL while unknown */
    char *local_cg_id;  /* Cinder's, at this site; NULL while unknown */
    char *peer_cg_id;   /* at the other one */
    char *status;       /* "creating", "active", "error" … */
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
struct cg *cg_create(void);
void cg_destroy(struct cg *cg);
AUTO_DEFINE(cg, cg_destroy)

struct cg_volume {
    char *pg_id;
    char *volume_id;
    char *consistency_group_id;
    char *member_id;
    char *name;
    char *volume_type;
    char *device;
    int64_t size_gb;
    int64_t boot_index;
    bool bootable;
};
struct cg_volume *cg_volume_create(void);
void cg_volume_destroy(struct cg_volume *volume);
AUTO_DEFINE(cg_volume, cg_volume_destroy)

/* NULL in '*ret' if the group has none here. */
err_t *cg_find(struct db *db, const char *pg_id, struct cg **ret) MUST_CHECK;
/* Inserts or overwrites the row of 'cg->pg_id'. */
err_t *cg_put(struct db *db, const struct cg *cg) MUST_CHECK;
err_t *cg_delete(struct db *db, const char *pg_id) MUST_CHECK;
/* All volumes, by member and boot index. */
err_t *cg_volume_list(struct db *db, const char *pg_id, GPtrArray **ret) MUST_CHECK;
err_t *cg_volume_count(struct db *db, const char *pg_id, int64_t *ret) MUST_CHECK;
