/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource - rows of dr_resources: the ledger of everything created in the clouds and at the
 * arrays.
 *
 * A row is written as 'intent' before the call that makes the object, then it is 'made', and ends
 * as 'gone' (deleted by us) or 'released' (handed over to the tenant: never deleted by an
 * operation).
 *
 * Neighbours: model/keys.h makes the keys, runbooks/steps write, api/ and manage list orphans.
 */
#pragma once

#include "base/json.h"
#include "store/db.h"
#include "store/lease.h"

enum resource_state {
    RESOURCE_INTENT,
    RESOURCE_MADE,
    RESOURCE_RELEASED,
    RESOURCE_GONE,
    RESOURCE_STATE_COUNT,
};
const char *resource_state_text(enum resource_state state); /* "intent" … */

struct resource {
    char *resource_key; /* model/keys.h */
    char *op_id;        /* the operation that made or adopted it */
    char *pg_id;
    int64_t epoch;
    char *subject;
    char *kind;
    char *site_id;
    char *service;  /* "nova", "cinder", "array" … */
    char *cloud_id; /* NULL while only intended */
    char *name;
    char *project_id; /* owning project there */
    char *state;
    char *point_id; /* the recovery point it was made from, or NULL */
    json_t *details;
    int64_t created_at_ms;
    int64_t updated_at_ms;
};
struct resource *resource_create(void);
void resource_destroy(struct resource *resource);
AUTO_DEFINE(resource, resource_destroy)

/* NULL in '*ret' if there is none. */
err_t *resource_find(struct db *db, const char *key, struct resource **ret) MUST_CHECK;
/* By op or by group, in the order of making; 'state' NULL: any. */
err_t *resource_list_op(struct db *db, const char *op_id, const char *state,
                        GPtrArray **ret) MUST_CHECK;
err_t *resource_list_group(struct db *db, const char *pg_id, const char *state,
                           GPtrArray **ret) MUST_CHECK;
/*
 * What failovers and drills of the group have made, or meant to make, and neither taken back nor
 * handed over: intended and made rows, but for the group's own Cinder group.  In the order of
 * making.
 */
err_t *resource_list_held(struct db *db, const char *pg_id, GPtrArray **ret) MUST_CHECK;
/* Who owns an object of a cloud; NULL if it is none of ours. */
err_t *resource_find_cloud(struct db *db, const char *cloud_id, struct resource **ret) MUST_CHECK;

/* Inside a transaction, under the fence of the operation named in it (errors: FENCED). */

/* Inserts the row, or overwrites what is there under the key (an attempt after another, adoption).
 */
err_t *resource_write(struct db *db, const struct fence *fence,
                      const struct resource *resource) MUST_CHECK;
/* Intended and made rows of the operation become 'released'. */
err_t *resource_release_all(struct db *db, const struct fence *fence, int64_t now_ms) MUST_CHECK;
/*
 * The same for an operation that has ended, by a person's word: what it left is the project's from
 * now on.  '*ret_count': rows.  Error: OPERATION_STATE (it has not ended).
 */
err_t *resource_hand_over(struct db *db, const char *op_id, int64_t now_ms,
                          int64_t *ret_count) MUST_CHECK;
/* Inside a transaction, of all operations of a group: what an old database says may not be so. */
err_t *resource_release_group(struct db *db, const char *pg_id, int64_t now_ms,
                              int64_t *ret_count) MUST_CHECK;
/* Inside a transaction, for what no operation does (doctor, a ledger rebuilt from the cloud). */
err_t *resource_put(struct db *db, const struct resource *resource) MUST_CHECK;
