/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member - rows of pg_members: the servers of the groups, as the bodies name them, and those whose
 * adding failed (in_body false: a local row in no version, in status "error").
 *
 * Neighbours: project.c writes the rows of a body.
 */
#pragma once

#include "base/json.h"
#include "store/db.h"
#include "store/list.h"

struct member {
    char *pg_id;
    char *id; /* "member-<uuid>"; unique in the group */
    char *instance_id;
    char *instance_name;
    char *status;
    char *error_message;
    int64_t volume_count;
    json_t *config;  /* as captured; NULL in lists */
    json_t *volumes; /* NULL in lists */
    bool in_body;
    char *digest; /* of the body's entry */
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
struct member *member_create(void);
void member_destroy(struct member *member);
AUTO_DEFINE(member, member_destroy)

/* By its id or its server's.  Error: MEMBER_NOT_FOUND. */
err_t *member_get(struct db *db, const char *pg_id, const char *id_or_instance,
                  struct member **ret) MUST_CHECK;
/* NULL in '*ret' if there is none. */
err_t *member_find(struct db *db, const char *pg_id, const char *id_or_instance,
                   struct member **ret) MUST_CHECK;
/*
 * A page, in the order of adding if the query names none.  Sorts: created_at, updated_at,
 * instance_name, status, id.  Filters: status, instance_id, instance_name.
 */
err_t *member_list(struct db *db, const char *pg_id, const struct list_query *query,
                   GPtrArray **ret) MUST_CHECK;
/*
 * The group other than 'but' (may be NULL) whose body has the server (also as one that was
 * recovered here) or volume; NULL: none.
 */
err_t *member_group_of_instance(struct db *db, const char *instance_id, const char *but,
                                char **ret_group) MUST_CHECK;
err_t *member_group_of_volume(struct db *db, const char *volume_id, const char *but,
                              char **ret_group) MUST_CHECK;

/*
 * Leaves a local row for an add that failed; 'member' as it would have stood in the body, 'error'
 * as err_to_json makes it.  Replaces an earlier one; does nothing if the body has the server.
 */
err_t *member_failed(struct db *db, const char *pg_id, const json_t *member, const json_t *error,
                     int64_t now_ms) MUST_CHECK;
/* Drops such a row.  '*ret_dropped' false: there is none, or it stands in the body. */
err_t *member_drop(struct db *db, const char *pg_id, const char *id_or_instance,
                   bool *ret_dropped) MUST_CHECK;

/* For project.c. */
err_t *member_put(struct db *db, const struct member *member) MUST_CHECK;
/* The row that an entry of a body makes.  Never NULL. */
struct member *member_of_body(const char *pg_id, const json_t *entry, int64_t now_ms);
