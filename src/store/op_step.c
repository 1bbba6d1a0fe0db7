/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op_step - see op_step.h.
 */
#include "store/op_step.h"

#include "store/record.h"

static void op_step_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(op_step, op_id, COLUMN_KEY),
    RECORD_INT(op_step, seq, COLUMN_KEY | COLUMN_SORT),
    RECORD_TEXT(op_step, step_key, COLUMN_ONCE),
    RECORD_TEXT(op_step, subject, COLUMN_ONCE),
    RECORD_TEXT(op_step, says, COLUMN_ONCE),
    RECORD_INT(op_step, wave, COLUMN_ONCE),
    RECORD_TEXT(op_step, state, 0),
    RECORD_INT(op_step, attempt, 0),
    RECORD_INT(op_step, tries, 0),
    RECORD_INT(op_step, flags, COLUMN_ONCE),
    RECORD_TIME(op_step, wake_at, 0),
    RECORD_JSON(op_step, result, 0),
    RECORD_JSON(op_step, error, 0),
    RECORD_TIME(op_step, started_at, 0),
    RECORD_TIME(op_step, finished_at, 0),
    RECORD_END,
};

static const struct record record = {
    .table = "dr_steps",
    .what = "step",
    .columns = columns,
    .size = sizeof(struct op_step),
    .destroy = op_step_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "seq",
    .order = {"seq", false},
};

RECORD_DEFINE(op_step, record)

err_t *op_step_list(struct db *db, const char *op_id, GPtrArray **ret)
{
    return record_select(db, &record, true, ret, "WHERE op_id = ? ORDER BY seq", "s", op_id);
}

err_t *op_step_find(struct db *db, const char *op_id, const char *step_key, const char *subject,
                    struct op_step **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "op_id = ? AND step_key = ? AND subject = ?", "sss", op_id,
                    step_key, subject));
    *ret = row;
    return NULL;
}

err_t *op_step_insert(struct db *db, const struct fence *fence, const GPtrArray *rows)
{
    TRY(fence_hold(db, fence));
    for (guint i = 0; i < rows->len; i++) {
        const struct op_step *row = g_ptr_array_index(rows, i);
        g_assert_cmpstr(row->op_id, ==, fence->op_id);
        TRY(record_insert(db, &record, row));
    }
    return NULL;
}

err_t *op_step_change(struct db *db, const struct op_step *row)
{
    bool found = false;
    g_assert(db_in_tx(db));
    TRY(record_update(db, &record, row, &found, NULL, ""));
    return found ? NULL
                 : err(NOT_FOUND, "operation %s has no row %" G_GINT64_FORMAT " in its journal",
                       row->op_id, row->seq);
}

err_t *op_step_wake(struct db *db, const char *op_id)
{
    g_assert(db_in_tx(db));
    return db_exec(db, NULL,
                   "UPDATE dr_steps SET wake_at = 0 WHERE op_id = ? AND state = 'waiting'", "s",
                   op_id);
}

err_t *op_step_delete(struct db *db, const struct fence *fence)
{
    TRY(fence_hold(db, fence));
    return db_exec(db, NULL, "DELETE FROM dr_steps WHERE op_id = ?", "s", fence->op_id);
}

err_t *op_step_write(struct db *db, const struct fence *fence, const struct op_step *row)
{
    g_assert_cmpstr(row->op_id, ==, fence->op_id);
    TRY(fence_hold(db, fence));
    return op_step_change(db, row);
}

err_t *op_step_write_subject(struct db *db, const struct fence *fence, const char *subject,
                             const char *from, const char *to, const json_t *error, int64_t now_ms,
                             int64_t *ret_count)
{
    g_autofree char *text = error != NULL ? json_print(error) : NULL;
    TRY(fence_hold(db, fence));
    return db_exec(db, ret_count,
                   "UPDATE dr_steps SET state = ?, error = ?, finished_at = ?"
                   " WHERE op_id = ? AND subject = ? AND state = ?",
                   "ssisss", to, text, now_ms, fence->op_id, subject, from);
}
