/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_log - what happened to a group's metadata between the sites (what a fork or a failover gave
 * up is named here, with its bundle, and never deleted; of what was proposed, accepted and carried
 * in ordinary life the last SYNC_LOG_ROUTINE_MAX rows are kept), and table outbox: messages that
 * were made once and cannot be derived from the state again.
 */
#pragma once

#include "base/auto.h"
#include "store/db.h"
#include "store/list.h"

struct sync_log_entry {
    int64_t id; /* rises */
    char *pg_id;
    char *project_id;
    char *event;    /* "proposed", "accepted", "carried", "refused", "lost", "fork", "forced" … */
    char *position; /* or NULL */
    int64_t epoch;
    int64_t version;
    char *message; /* for people */
    char *bundle;  /* the body of 'position', if it is at hand; NULL in lists */
    char *user_id;
    int64_t created_at_ms;
};
struct sync_log_entry *sync_log_entry_create(void);
void sync_log_entry_destroy(struct sync_log_entry *entry);
AUTO_DEFINE(sync_log_entry, sync_log_entry_destroy)

#define SYNC_LOG_ROUTINE_MAX 500 /* of a group */

/* 'id' is given by the database.  A bundle that is NULL is looked for among the positions kept; ""
 * is none. */
err_t *sync_log_add(struct db *db, const struct sync_log_entry *entry) MUST_CHECK;
/* Deletes the routine rows of a group beyond the last SYNC_LOG_ROUTINE_MAX. */
err_t *sync_log_prune(struct db *db, const char *pg_id) MUST_CHECK;
/* The last 'limit' rows, newest first, older than row 'before' (0: from the newest); no bundles. */
err_t *sync_log_list(struct db *db, const char *pg_id, int64_t before, int limit,
                     GPtrArray **ret) MUST_CHECK;
/* One row with its bundle.  Error: NOT_FOUND. */
err_t *sync_log_get(struct db *db, const char *pg_id, int64_t id,
                    struct sync_log_entry **ret) MUST_CHECK;

struct outbox_item {
    int64_t id; /* rises */
    char *pg_id;
    char *message_type;
    char *position;
    char *message; /* in its carried form */
    int64_t created_at_ms;
};
struct outbox_item *outbox_item_create(void);
void outbox_item_destroy(struct outbox_item *item);
AUTO_DEFINE(outbox_item, outbox_item_destroy)

#define OUTBOX_ITEMS_MAX 64 /* of a group; beyond it putting is refused (CONFLICT) */

/* Replaces an item of the same type and position. */
err_t *outbox_put(struct db *db, const struct outbox_item *item) MUST_CHECK;
/* All of a group, oldest first. */
err_t *outbox_list(struct db *db, const char *pg_id, GPtrArray **ret) MUST_CHECK;
/* Removes those of a type ("" = any) of a group. */
err_t *outbox_delete(struct db *db, const char *pg_id, const char *message_type) MUST_CHECK;
