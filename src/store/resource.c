/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource - see resource.h.
 */
#include "store/resource.h"

#include "store/operation.h"
#include "store/record.h"

static void resource_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(resource, resource_key, COLUMN_KEY),
    RECORD_TEXT(resource, op_id, 0),
    RECORD_TEXT(resource, pg_id, 0),
    RECORD_INT(resource, epoch, 0),
    RECORD_TEXT(resource, subject, 0),
    RECORD_TEXT(resource, kind, 0),
    RECORD_TEXT(resource, site_id, 0),
    RECORD_TEXT(resource, service, 0),
    RECORD_TEXT(resource, cloud_id, 0),
    RECORD_TEXT(resource, name, 0),
    RECORD_TEXT(resource, project_id, 0),
    RECORD_TEXT(resource, state, 0),
    RECORD_TEXT(resource, point_id, 0),
    RECORD_JSON(resource, details, 0),
    RECORD_TIME(resource, created_at, COLUMN_ONCE),
    RECORD_TIME(resource, updated_at, 0),
    RECORD_END,
};

static const struct record record = {
    .table = "dr_resources",
    .what = "resource",
    .columns = columns,
    .size = sizeof(struct resource),
    .destroy = resource_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "resource_key",
};

RECORD_DEFINE(resource, record)

const char *resource_state_text(enum resource_state state)
{
    static const char *const texts[] = {"intent", "made", "released", "gone"};
    G_STATIC_ASSERT(G_N_ELEMENTS(texts) == RESOURCE_STATE_COUNT);
    g_assert(state < RESOURCE_STATE_COUNT);
    return texts[state];
}

err_t *resource_find(struct db *db, const char *key, struct resource **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "resource_key = ?", "s", key));
    *ret = row;
    return NULL;
}

static err_t *list_by(struct db *db, const char *column, const char *id, const char *state,
                      GPtrArray **ret)
{
    g_autofree char *tail = g_strdup_printf("WHERE %s = ?%s ORDER BY created_at, resource_key",
                                            column, state != NULL ? " AND state = ?" : "");
    return state != NULL ? record_select(db, &record, true, ret, tail, "ss", id, state)
                         : record_select(db, &record, true, ret, tail, "s", id);
}

err_t *resource_list_op(struct db *db, const char *op_id, const char *state, GPtrArray **ret)
{
    return list_by(db, "op_id", op_id, state, ret);
}

err_t *resource_list_group(struct db *db, const char *pg_id, const char *state, GPtrArray **ret)
{
    return list_by(db, "pg_id", pg_id, state, ret);
}

err_t *resource_list_held(struct db *db, const char *pg_id, GPtrArray **ret)
{
    return record_select(db, &record, true, ret,
                         "WHERE pg_id = ? AND state IN ('intent', 'made')"
                         " AND kind <> 'cinder_group' ORDER BY created_at, resource_key",
                         "s", pg_id);
}

err_t *resource_find_cloud(struct db *db, const char *cloud_id, struct resource **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "cloud_id = ?", "s", cloud_id));
    *ret = row;
    return NULL;
}

err_t *resource_put(struct db *db, const struct resource *resource)
{
    bool found = false;
    g_assert(db_in_tx(db));
    TRY(record_update(db, &record, resource, &found, NULL, ""));
    return found ? NULL : record_insert(db, &record, resource);
}

err_t *resource_hand_over(struct db *db, const char *op_id, int64_t now_ms, int64_t *ret_count)
{
    AUTO(operation) op = NULL;
    g_assert(db_in_tx(db));
    TRY(operation_get(db, op_id, NULL, &op));
    if (op->is_open)
        return err_remedy(err(OPERATION_STATE,
                              "operation '%s' is %s: it may still take back what it made", op_id,
                              op->status),
                          "wait until it ends, or abandon it");
    return db_exec(db, ret_count,
                   "UPDATE dr_resources SET state = 'released', updated_at = ?"
                   " WHERE op_id = ? AND state IN ('intent', 'made') AND kind <> 'cinder_group'",
                   "is", now_ms, op_id);
}

err_t *resource_release_group(struct db *db, const char *pg_id, int64_t now_ms, int64_t *ret_count)
{
    g_assert(db_in_tx(db));
    return db_exec(db, ret_count,
                   "UPDATE dr_resources SET state = 'released', updated_at = ?"
                   " WHERE pg_id = ? AND state IN ('intent', 'made') AND kind <> 'cinder_group'",
                   "is", now_ms, pg_id);
}

err_t *resource_write(struct db *db, const struct fence *fence, const struct resource *resource)
{
    g_assert_cmpstr(resource->op_id, ==, fence->op_id);
    TRY(fence_hold(db, fence));
    return resource_put(db, resource);
}

err_t *resource_release_all(struct db *db, const struct fence *fence, int64_t now_ms)
{
    TRY(fence_hold(db, fence));
    return db_exec(db, NULL,
                   "UPDATE dr_resources SET state = 'released', updated_at = ?"
                   " WHERE op_id = ? AND state IN ('intent', 'made')",
                   "is", now_ms, fence->op_id);
}
