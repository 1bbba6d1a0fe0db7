/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - rows of audit_log, each with a hash over its own text and the hash of the row before:
 * what was written cannot be changed, taken out or reordered without notice.
 */
#pragma once

#include "base/json.h"
#include "store/db.h"

struct audit_entry {
    int64_t seq; /* from 1, without gaps */
    char *project_id;
    char *user_id;
    char *request_id;
    char *action;    /* "protection_group.create" */
    char *target;    /* id, or NULL */
    char *outcome;   /* "allowed", "denied", "done", "failed" */
    json_t *details; /* no secrets; may be NULL */
    int64_t created_at_ms;
    char *previous_hash;
    char *hash;
};
struct audit_entry *audit_entry_create(void);
void audit_entry_destroy(struct audit_entry *entry);
AUTO_DEFINE(audit_entry, audit_entry_destroy)

/* Inside a transaction; seq and hashes are filled in.  Two at once follow each other. */
err_t *audit_append(struct db *db, struct audit_entry *entry) MUST_CHECK;
/* Rows after 'seq', in order. */
err_t *audit_list(struct db *db, int64_t after_seq, int limit, GPtrArray **ret) MUST_CHECK;
/* Walks the whole chain.  '*ret_bad_seq': the first row that does not fit, 0 if all do. */
err_t *audit_verify(struct db *db, int64_t *ret_bad_seq) MUST_CHECK;
