/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group - rows of protection_groups: what lists and pages show of a group at this site.
 *
 * The truth of a group is the protocol's state (sync.h: column 'state', the body, the chain); all
 * other columns are derived from it when it is saved, so that lists need not read it.  'status' is
 * derived too, from the state and the local operations (model/states.h).
 *
 * (The struct is group_row, as <grp.h> has a struct group.)
 */
#pragma once

#include "model/states.h"
#include "store/db.h"
#include "store/list.h"

struct group_row {
    char *id;
    char *project_id; /* at this site */
    char *peer_project_id;
    char *name;
    char *living_name; /* 'name' while it is taken, NULL when it is free again */
    char *description;
    char *status;  /* text of enum group_status; "" = not listed */
    char *role;    /* text of enum sync_role */
    int64_t flags; /* of enum group_flag */
    bool listed;   /* shown to users: neither NONE nor a tombstone (but for an unprotected one) */
    char *primary_site_id;
    char *secondary_site_id;
    char *current_primary_site_id; /* active(pos) */
    char *peer_site_id;
    char *replication_type;
    char *volume_type; /* at the primary site */
    char *volume_type_id;
    char *secondary_volume_type;
    char *secondary_volume_type_id;
    char *consistency_group_id;
    int64_t epoch;
    int64_t version;
    char *position; /* hash; "" = EMPTY */
    char *known_peer;
    char *staged;    /* hash of the proposal, or NULL */
    char *staged_op; /* the operation that reserved or staged, or NULL */
    char *serving;
    char *frozen_for;
    char *rival;
    int64_t minted;
    int64_t floor;
    int64_t lineage;
    int64_t member_count;
    int64_t failover_count;
    int64_t last_failover_at_ms;
    int64_t last_replication_at_ms;
    int64_t outbox_count; /* the N of Protector-Outbox */
    bool owing;           /* something is to be carried, or asked: outbox_count > 0, RECOVERING */
    char *body;           /* as signed; NULL at EMPTY and in lists */
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
struct group_row *group_row_create(void);
void group_row_destroy(struct group_row *group);
AUTO_DEFINE(group_row, group_row_destroy)

/* Bits of struct group_view that are kept in 'flags'. */
enum group_flag {
    GROUP_FLAG_UNPROTECTED = 1 << 0,
    GROUP_FLAG_SPLIT = 1 << 1,
    GROUP_FLAG_CLOSED = 1 << 2,
    GROUP_FLAG_SUPERSEDED = 1 << 3,
    GROUP_FLAG_PEER_GONE = 1 << 4,
    GROUP_FLAG_EMPTY = 1 << 5,
    GROUP_FLAG_DELETING = 1 << 6,
    GROUP_FLAG_STAGED = 1 << 7,
    GROUP_FLAG_OWED = 1 << 8,
    GROUP_FLAG_SERVING = 1 << 9,
    GROUP_FLAG_TRANSITION = 1 << 10,
    GROUP_FLAG_UNRECOVERED = 1 << 11,
    GROUP_FLAG_POLICY = 1 << 12,
    GROUP_FLAG_ACTIVE_HERE = 1 << 13,
    GROUP_FLAG_ACTIVE_IS_PRIMARY = 1 << 14,
    GROUP_FLAG_SELF_IS_PRIMARY = 1 << 15,
};
int64_t group_flags_of(const struct group_view *view);
/* The view of a row; its active_site belongs to 'row'. */
void group_view_of(const struct group_row *row, const struct group_local *local,
                   struct group_view *ret);

/*
 * A listed group, with its body.  'project_id' NULL: of any project.  Error: GROUP_NOT_FOUND.
 */
err_t *group_get(struct db *db, const char *project_id, const char *id,
                 struct group_row **ret) MUST_CHECK;
/* By id, else by name.  Without a project a name must be of one group only (CONFLICT). */
err_t *group_resolve(struct db *db, const char *project_id, const char *id_or_name,
                     struct group_row **ret) MUST_CHECK;
/* In any role, tombstones too; NULL in '*ret' if there is none. */
err_t *group_find(struct db *db, const char *id, struct group_row **ret) MUST_CHECK;
/* Whether a living group of the project other than 'but' (may be NULL) has the name. */
err_t *group_name_taken(struct db *db, const char *project_id, const char *name, const char *but,
                        bool *ret) MUST_CHECK;
/*
 * A page of listed groups (no bodies), newest first if the query names no order.  'project_id'
 * NULL: all.  Sorts: created_at, updated_at, name, status, id.  Filters: name, status,
 * replication_type, role, primary_site_id, secondary_site_id, current_primary_site_id, volume_type,
 * id.
 */
err_t *group_list(struct db *db, const char *project_id, const struct list_query *query,
                  GPtrArray **ret) MUST_CHECK;
/* Ids of groups that want something carried, tombstones too, after 'marker' (NULL: from the first).
 */
err_t *group_list_outbox(struct db *db, const char *project_id, const char *marker, int limit,
                         GPtrArray **ret_ids) MUST_CHECK;
/* Ids of all groups of any role, after 'marker': for engines that walk them. */
err_t *group_list_ids(struct db *db, const char *marker, int limit, GPtrArray **ret_ids) MUST_CHECK;
/* Calls 'fn' for each of them; its first error ends it. */
err_t *group_each(struct db *db, err_t *(*fn)(void *data, const char *pg_id),
                  void *data) MUST_CHECK;
/* How many groups are RECOVERING at this site. */
err_t *group_count_recovering(struct db *db, int64_t *ret) MUST_CHECK;
/* Ids of the groups that live at this site with 'site_id' as their other one, after 'marker'. */
err_t *group_list_of_peer(struct db *db, const char *site_id, const char *marker, int limit,
                          GPtrArray **ret_ids) MUST_CHECK;
/* Whether any listed group has the site (a uuid), or the pair of projects, at its ends. */
err_t *group_uses_site(struct db *db, const char *site_id, bool *ret) MUST_CHECK;
/* Whether another group of the project lives at this site, is being made here or is unprotected.
 */
err_t *group_others_live(struct db *db, const char *project_id, const char *but,
                         bool *ret) MUST_CHECK;
err_t *group_uses_projects(struct db *db, const char *project_id, const char *peer_project_id,
                           bool *ret) MUST_CHECK;

/* What the local operations add to a group's status. */
err_t *group_local_read(struct db *db, const char *id, struct group_local *ret) MUST_CHECK;
/*
 * Derives 'status' anew; for whoever changes an operation of the group, in the same transaction.
 * No error if there is no such group.
 */
err_t *group_refresh(struct db *db, const char *id, int64_t now_ms) MUST_CHECK;
/* The same for the group of an operation, when its own state has changed. */
err_t *group_refresh_of(struct db *db, const char *op_id, int64_t now_ms) MUST_CHECK;
/* Observations, in no version. */
err_t *group_replicated(struct db *db, const char *id, int64_t last_replication_at_ms) MUST_CHECK;
/*
 * Forgets NONE rows (a hello that no create followed) that have not changed since 'before_ms'; not
 * one that has refused a create: it must refuse it for ever.
 */
err_t *group_prune(struct db *db, int64_t before_ms) MUST_CHECK;

/* For sync.c: writes a row whole (but for the body and the times that are observations). */
err_t *group_insert(struct db *db, const struct group_row *row) MUST_CHECK;
/* '*ret_found' false: nothing with this id stands at 'position' in 'role' any more. */
err_t *group_update(struct db *db, const struct group_row *row, const char *position,
                    const char *role, bool *ret_found) MUST_CHECK;
