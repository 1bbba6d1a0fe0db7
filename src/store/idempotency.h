/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idempotency - rows of idempotency_keys: which request an Idempotency-Key stands for, so that a
 * repeated create is the same create.
 */
#pragma once

#include "base/auto.h"
#include "store/db.h"

struct idempotency {
    char *project_id;
    char *idem_key;
    char *verb;         /* "protection_group.create" */
    char *request_hash; /* of the body: another request under the key is refused */
    char *subject_id;   /* what was made */
    char *operation_id;
    int64_t created_at_ms;
};
struct idempotency *idempotency_create(void);
void idempotency_destroy(struct idempotency *row);
AUTO_DEFINE(idempotency, idempotency_destroy)

/* NULL in '*ret' if the key is new. */
err_t *idempotency_find(struct db *db, const char *project_id, const char *key,
                        struct idempotency **ret) MUST_CHECK;
/* Error: DB_DUPLICATE (another request took the key: read it). */
err_t *idempotency_insert(struct db *db, const struct idempotency *row) MUST_CHECK;
/* The create was refused or withdrawn: the key is free again. */
err_t *idempotency_forget(struct db *db, const char *project_id, const char *subject_id) MUST_CHECK;
err_t *idempotency_prune(struct db *db, int64_t before_ms) MUST_CHECK;
