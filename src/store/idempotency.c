/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idempotency - see idempotency.h.
 */
#include "store/idempotency.h"

#include "store/record.h"

static void idempotency_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(idempotency, project_id, COLUMN_KEY),
    RECORD_TEXT(idempotency, idem_key, COLUMN_KEY),
    RECORD_TEXT(idempotency, verb, 0),
    RECORD_TEXT(idempotency, request_hash, 0),
    RECORD_TEXT(idempotency, subject_id, 0),
    RECORD_TEXT(idempotency, operation_id, 0),
    RECORD_TIME(idempotency, created_at, 0),
    RECORD_END,
};

static const struct record record = {
    .table = "idempotency_keys",
    .what = "idempotency key",
    .columns = columns,
    .size = sizeof(struct idempotency),
    .destroy = idempotency_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "idem_key",
};

RECORD_DEFINE(idempotency, record)

err_t *idempotency_find(struct db *db, const char *project_id, const char *key,
                        struct idempotency **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "project_id = ? AND idem_key = ?", "ss", project_id, key));
    *ret = row;
    return NULL;
}

err_t *idempotency_insert(struct db *db, const struct idempotency *row)
{
    return record_insert(db, &record, row);
}

err_t *idempotency_forget(struct db *db, const char *project_id, const char *subject_id)
{
    return record_delete(db, &record, NULL, "project_id = ? AND subject_id = ?", "ss", project_id,
                         subject_id);
}

err_t *idempotency_prune(struct db *db, int64_t before_ms)
{
    return record_delete(db, &record, NULL, "created_at < ?", "i", before_ms);
}
