/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - rows of replication_policies, without the tokens: they stand sealed in the body alone.
 *
 * Neighbours: project.c writes the rows of a body.
 */
#pragma once

#include "base/json.h"
#include "store/db.h"

struct replication_policy {
    char *pg_id;
    char *id;
    char *primary_fa_url;
    char *secondary_fa_url;
    char *pure_pg_name;
    int64_t replication_interval_s;
    int64_t rpo_minutes;
    char *primary_array; /* policy_array_key, or NULL */
    char *secondary_array;
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
struct replication_policy *replication_policy_create(void);
void replication_policy_destroy(struct replication_policy *policy);
AUTO_DEFINE(replication_policy, replication_policy_destroy)

/* NULL in '*ret' if the group has none. */
err_t *policy_find(struct db *db, const char *pg_id, struct replication_policy **ret) MUST_CHECK;
/* Names a group at an array: a hash of both, the URL without case and trailing '/'. */
char *policy_array_key(const char *url, const char *array_group);
/*
 * The group other than 'but' (may be NULL) whose policy names the same group at the same array, at
 * whichever end; NULL: none.
 */
err_t *policy_group_of_array(struct db *db, const char *url, const char *array_group,
                             const char *but, char **ret_group) MUST_CHECK;

/*
 * The same for both ends of 'policy' (as a body has it), also against the changes of other groups'
 * policies that are under way at this site.
 */
err_t *policy_arrays_taken(struct db *db, const json_t *policy, const char *but,
                           char **ret_group) MUST_CHECK;

/* For project.c: writes the policy of a body, or removes it ('policy' NULL). */
err_t *policy_put(struct db *db, const char *pg_id, const json_t *policy,
                  int64_t now_ms) MUST_CHECK;
