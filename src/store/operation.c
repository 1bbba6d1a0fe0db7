/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation - see operation.h.
 */
#include "store/operation.h"

#include "model/states.h"
#include "store/group.h"
#include "store/record.h"

static void operation_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(operation, id, COLUMN_KEY | COLUMN_SORT),
    RECORD_TEXT(operation, pg_id, COLUMN_ONCE | COLUMN_FILTER),
    RECORD_TEXT(operation, project_id, COLUMN_ONCE),
    RECORD_TEXT(operation, parent_id, COLUMN_ONCE | COLUMN_FILTER),
    RECORD_TEXT(operation, operation_type, COLUMN_ONCE | COLUMN_SORT | COLUMN_FILTER),
    RECORD_TEXT(operation, runbook, COLUMN_ONCE),
    RECORD_INT(operation, runbook_version, COLUMN_ONCE),
    RECORD_BOOL(operation, planned, COLUMN_ONCE | COLUMN_FILTER),
    RECORD_TEXT(operation, status, COLUMN_SORT | COLUMN_FILTER),
    RECORD_BOOL(operation, is_open, COLUMN_FILTER),
    RECORD_BOOL(operation, hidden, COLUMN_ONCE),
    RECORD_INT(operation, progress, 0),
    RECORD_TEXT(operation, source_site_id, COLUMN_ONCE),
    RECORD_TEXT(operation, target_site_id, COLUMN_ONCE),
    RECORD_TEXT(operation, executing_site_id, COLUMN_ONCE),
    RECORD_JSON(operation, params, 0),
    RECORD_JSON(operation, plan, COLUMN_ONCE | COLUMN_HEAVY),
    RECORD_JSON(operation, result, 0),
    RECORD_JSON(operation, error, 0),
    RECORD_INT(operation, generation, 0),
    RECORD_BOOL(operation, past_pivot, 0),
    RECORD_TIME(operation, wake_at, 0),
    RECORD_TEXT(operation, user_id, COLUMN_ONCE),
    RECORD_TEXT(operation, request_id, COLUMN_ONCE),
    RECORD_TEXT(operation, idempotency_key, COLUMN_ONCE),
    RECORD_TIME(operation, created_at, COLUMN_ONCE | COLUMN_SORT),
    RECORD_TIME(operation, started_at, 0),
    RECORD_TIME(operation, completed_at, 0),
    RECORD_TIME(operation, updated_at, COLUMN_SORT),
    RECORD_END,
};

#define SHOWN      "hidden = 0"
#define OF_PROJECT "project_id = ?"
#define OF_GROUP   "pg_id = ?"

static const struct record_index indexes[] = {
    {OF_PROJECT, "created_at", "ix_dr_operations_created"},
    {OF_PROJECT " AND " SHOWN, "created_at", "ix_dr_operations_shown"},
    {OF_GROUP, "created_at", "ix_dr_operations_group"},
    {OF_GROUP " AND " SHOWN, "created_at", "ix_dr_operations_group"},
    {OF_PROJECT " AND " OF_GROUP, "created_at", "ix_dr_operations_group"},
    {OF_PROJECT " AND " OF_GROUP " AND " SHOWN, "created_at", "ix_dr_operations_group"},
    {NULL, NULL, NULL},
};

static const struct record record = {
    .table = "dr_operations",
    .what = "operation",
    .columns = columns,
    .size = sizeof(struct operation),
    .destroy = operation_destroy_row,
    .absent = ERR_OPERATION_NOT_FOUND,
    .marker_column = "id",
    .order = {"created_at", true},
    .indexes = indexes,
};

RECORD_DEFINE(operation, record)

static bool status_open(const char *status)
{
    enum operation_status known = operation_status_of(status);
    g_assert(known != OPERATION_STATUSES);
    return !operation_status_terminal(known);
}

err_t *operation_insert(struct db *db, struct operation *op)
{
    if (op->status == NULL)
        op->status = g_strdup(operation_status_text(OPERATION_PENDING));
    if (op->generation == 0)
        op->generation = 1;
    if (op->updated_at_ms == 0)
        op->updated_at_ms = op->created_at_ms;
    op->is_open = status_open(op->status);
    return record_insert(db, &record, op);
}

err_t *operation_get(struct db *db, const char *id, const char *project_id, struct operation **ret)
{
    void *row = NULL;
    if (project_id == NULL)
        TRY(record_get(db, &record, &row, id, "id = ?", "s", id));
    else
        TRY(record_get(db, &record, &row, id, "id = ? AND project_id = ?", "ss", id, project_id));
    *ret = row;
    return NULL;
}

err_t *operation_find(struct db *db, const char *id, struct operation **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "id = ?", "s", id));
    *ret = row;
    return NULL;
}

err_t *operation_list(struct db *db, const struct operation_scope *scope,
                      const struct list_query *query, GPtrArray **ret)
{
    const char *project = scope->project_id;
    const char *group = scope->pg_id;
    g_autoptr(GString) base = g_string_new(project != NULL ? OF_PROJECT : "");
    if (group != NULL)
        g_string_append_printf(base, "%s" OF_GROUP, base->len > 0 ? " AND " : "");
    if (!scope->all)
        g_string_append_printf(base, "%s" SHOWN, base->len > 0 ? " AND " : "");
    const char *where = base->len > 0 ? base->str : NULL;
    if (project != NULL && group != NULL)
        return record_list(db, &record, query, ret, where, "ss", project, group);
    if (project != NULL || group != NULL)
        return record_list(db, &record, query, ret, where, "s", project != NULL ? project : group);
    return record_list(db, &record, query, ret, where, "");
}

err_t *operation_drill_left(struct db *db, const char *pg_id, char **ret)
{
    AUTO(db_rows) rows = NULL;

    *ret = NULL;
    TRY(db_query(db, &rows,
                 "SELECT d.id FROM dr_operations d WHERE d.pg_id = ? AND d.is_open = 0 AND"
                 " d.operation_type = 'test_failover' AND EXISTS (SELECT 1 FROM dr_resources r"
                 " WHERE r.op_id = d.id AND r.state IN ('intent', 'made'))"
                 " ORDER BY d.created_at DESC, d.id LIMIT 1",
                 "s", pg_id));
    if (db_rows_count(rows) > 0)
        *ret = g_strdup(db_str(rows, 0, 0));
    return NULL;
}

err_t *operation_drill_goes(struct db *db, const struct operation *op, bool *ret_goes,
                            bool *ret_went)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows,
                 "SELECT is_open, status, completed_at, operation_type FROM dr_operations"
                 " WHERE pg_id = ? AND operation_type IN ('test_cleanup', 'test_failover')"
                 " AND id <> ? AND (is_open = 1 OR completed_at >= ?)",
                 "ssi", op->pg_id, op->id, op->created_at_ms));
    *ret_goes = *ret_went = false;
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        bool open = db_int(rows, i, 0) != 0;
        const char *status = db_str(rows, i, 1);
        bool cleans = g_str_equal(db_str(rows, i, 3), "test_cleanup");
        bool begun = cleans && !g_str_equal(status, "needs_operator");
        *ret_goes |= open && (begun || g_str_equal(status, "rolling_back"));
        *ret_went |= !open && (cleans || !g_str_equal(status, "completed"));
    }
    return NULL;
}

struct operation *operation_cleanup_of(const struct operation *drill, const char *id,
                                       int64_t now_ms)
{
    struct operation *op = operation_create();

    op->id = g_strdup(id);
    op->pg_id = g_strdup(drill->pg_id);
    op->project_id = g_strdup(drill->project_id);
    op->operation_type = g_strdup("test_cleanup");
    op->runbook = g_strdup("test_cleanup");
    op->runbook_version = 1;
    op->executing_site_id = g_strdup(drill->executing_site_id);
    op->source_site_id = g_strdup(drill->source_site_id);
    op->target_site_id = g_strdup(drill->target_site_id);
    op->user_id = g_strdup(drill->user_id);
    op->params = json_object();
    json_set_str(op->params, "drill", drill->id);
    op->created_at_ms = now_ms;
    return op;
}

err_t *operation_list_open(struct db *db, const char *pg_id, GPtrArray **ret)
{
    return record_select(db, &record, false, ret,
                         "WHERE pg_id = ? AND is_open = 1 ORDER BY created_at, id", "s", pg_id);
}

err_t *operation_list_children(struct db *db, const char *parent_id, GPtrArray **ret)
{
    return record_select(db, &record, false, ret, "WHERE parent_id = ? ORDER BY created_at, id",
                         "s", parent_id);
}

err_t *operation_find_open(struct db *db, const char *type, const char *source_site_id,
                           struct operation **ret)
{
    g_autoptr(GPtrArray) rows = NULL;
    TRY(record_select(db, &record, false, &rows,
                      "WHERE is_open = 1 AND operation_type = ? AND source_site_id = ? LIMIT 1",
                      "ss", type, source_site_id));
    *ret = rows->len > 0 ? g_ptr_array_steal_index(rows, 0) : NULL;
    return NULL;
}

err_t *operation_find_last(struct db *db, const char *pg_id, const char *type,
                           struct operation **ret)
{
    g_autoptr(GPtrArray) rows = NULL;
    TRY(record_select(db, &record, true, &rows,
                      "WHERE pg_id = ? AND operation_type = ? AND status = 'completed'"
                      " ORDER BY completed_at DESC, id DESC LIMIT 1",
                      "ss", pg_id, type));
    *ret = rows->len > 0 ? g_ptr_array_steal_index(rows, 0) : NULL;
    return NULL;
}

err_t *operation_count_open(struct db *db, struct db_rows **ret)
{
    return db_query(db, ret,
                    "SELECT operation_type, status, COUNT(*) FROM dr_operations WHERE is_open = 1"
                    " GROUP BY operation_type, status ORDER BY operation_type, status",
                    "");
}

/* One statement: engines ask this twice a second. */
#define OPEN                                                                                       \
    "id, wake_at FROM dr_operations WHERE is_open = 1 AND status IN"                               \
    " ('pending', 'running', 'waiting_for_peer', 'rolling_back') AND wake_at "
#define FIRST " ORDER BY wake_at, id LIMIT ?"
static const char due_sql[] =
    "SELECT what, id, wake_at FROM ("
    "SELECT * FROM (SELECT 0 AS what, " OPEN "<= ?" FIRST ") due UNION ALL "
    "SELECT * FROM (SELECT 1 AS what, " OPEN "> ? AND wake_at < ?" FIRST ") far UNION ALL "
    "SELECT * FROM (SELECT 2 AS what, " OPEN "> ?" FIRST ") later) all_of_them "
    "ORDER BY what, wake_at, id";

err_t *operation_list_due(struct db *db, int64_t now_ms, int64_t far_ms, int limit,
                          GPtrArray **ret_ids, int64_t *ret_wake_at_ms)
{
    AUTO(db_rows) rows = NULL;
    int64_t most = limit;
    TRY(db_query(db, &rows, due_sql, "iiiiiii", now_ms, most, far_ms, OPERATION_NEVER, most, now_ms,
                 (int64_t)1));
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    *ret_wake_at_ms = OPERATION_NEVER;
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        if (db_int(rows, i, 0) == 2)
            *ret_wake_at_ms = db_int(rows, i, 2);
        else if (ids->len < (guint)limit)
            g_ptr_array_add(ids, g_strdup(db_str(rows, i, 1)));
    }
    *ret_ids = ids;
    return NULL;
}

err_t *operation_change(struct db *db, struct operation *op, int64_t now_ms)
{
    int64_t seen = op->generation;
    bool found = false;
    TRY(fence_break(db, op->id));
    op->generation = seen + 1;
    op->is_open = status_open(op->status);
    op->updated_at_ms = now_ms;
    err_t *e = record_update(db, &record, op, &found, "generation = ?", "i", seen);
    if (e == NULL && !found)
        e = err(DB_DEADLOCK, "operation %s has changed since it was read", op->id);
    if (e != NULL)
        op->generation = seen;
    return e;
}

/* A document as text for a statement; NULL stays NULL.  Caller frees. */
static char *text_of(const json_t *j)
{
    return j != NULL ? json_print(j) : NULL;
}

err_t *operation_write_plan(struct db *db, const struct fence *fence, const json_t *plan,
                            int64_t runbook_version, int64_t now_ms)
{
    g_autofree char *text = text_of(plan);
    TRY(fence_hold(db, fence));
    return db_exec(db, NULL,
                   "UPDATE dr_operations SET plan = ?, runbook_version = ?, status = 'running',"
                   " started_at = ?, wake_at = ?, updated_at = ? WHERE id = ?",
                   "siiiis", text, runbook_version, now_ms, now_ms, now_ms, fence->op_id);
}

/* What a group's page says follows from its operations: derived anew with each change of theirs. */
static err_t *group_follows(struct db *db, const char *op_id, int64_t now_ms)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows, "SELECT pg_id FROM dr_operations WHERE id = ?", "s", op_id));
    const char *pg_id = db_rows_count(rows) > 0 ? db_str(rows, 0, 0) : NULL;
    return pg_id != NULL && *pg_id != '\0' ? group_refresh(db, pg_id, now_ms) : NULL;
}

err_t *operation_write_status(struct db *db, const struct fence *fence, const char *status,
                              const json_t *error, int64_t wake_at_ms, int64_t now_ms)
{
    g_autofree char *text = text_of(error);
    TRY(fence_hold(db, fence));
    TRY(db_exec(db, NULL,
                "UPDATE dr_operations SET status = ?, is_open = ?, error = ?, wake_at = ?,"
                " updated_at = ? WHERE id = ?",
                "sisiis", status, (int64_t)status_open(status), text, wake_at_ms, now_ms,
                fence->op_id));
    return group_follows(db, fence->op_id, now_ms);
}

err_t *operation_write_progress(struct db *db, const struct fence *fence, int64_t progress,
                                int64_t wake_at_ms)
{
    TRY(fence_hold(db, fence));
    return db_exec(db, NULL, "UPDATE dr_operations SET progress = ?, wake_at = ? WHERE id = ?",
                   "iis", progress, wake_at_ms, fence->op_id);
}

err_t *operation_write_result(struct db *db, const struct fence *fence, const json_t *result,
                              int64_t wake_at_ms)
{
    g_autofree char *text = text_of(result);
    TRY(fence_hold(db, fence));
    return db_exec(db, NULL, "UPDATE dr_operations SET result = ?, wake_at = ? WHERE id = ?", "sis",
                   text, wake_at_ms, fence->op_id);
}

err_t *operation_write_pivot(struct db *db, const struct fence *fence, bool past)
{
    TRY(fence_hold(db, fence));
    return db_exec(db, NULL, "UPDATE dr_operations SET past_pivot = ? WHERE id = ?", "is",
                   (int64_t)past, fence->op_id);
}

err_t *operation_write_replan(struct db *db, const struct fence *fence, const json_t *plan,
                              const json_t *result, int64_t now_ms)
{
    g_autofree char *plan_text = text_of(plan);
    g_autofree char *result_text = text_of(result);
    TRY(fence_hold(db, fence));
    if (plan == NULL)
        return db_exec(db, NULL,
                       "UPDATE dr_operations SET plan = NULL, status = 'pending', result = ?,"
                       " error = NULL, progress = 0, wake_at = ?, updated_at = ? WHERE id = ?",
                       "siis", result_text, (int64_t)OPERATION_AT_ONCE, now_ms, fence->op_id);
    return db_exec(db, NULL,
                   "UPDATE dr_operations SET plan = ?, result = ?, wake_at = ?, updated_at = ?"
                   " WHERE id = ?",
                   "ssiis", plan_text, result_text, (int64_t)OPERATION_AT_ONCE, now_ms,
                   fence->op_id);
}

err_t *operation_write_end(struct db *db, const struct fence *fence, const char *status,
                           const json_t *error, const json_t *result, int64_t now_ms)
{
    g_autofree char *error_text = text_of(error);
    g_autofree char *result_text = text_of(result);
    g_assert(!status_open(status));
    TRY(fence_hold(db, fence));
    TRY(db_exec(db, NULL,
                "UPDATE dr_operations SET status = ?, is_open = 0, error = ?, result = ?,"
                " progress = CASE WHEN ? = 'completed' THEN 100 ELSE progress END, wake_at = ?,"
                " completed_at = ?, updated_at = ? WHERE id = ?",
                "ssssiiis", status, error_text, result_text, status, OPERATION_NEVER, now_ms,
                now_ms, fence->op_id));
    return group_follows(db, fence->op_id, now_ms);
}
