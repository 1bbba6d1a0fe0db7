/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tenant_mapping - see tenant_mapping.h.
 */
#include "store/tenant_mapping.h"

#include "store/record.h"

static void tenant_mapping_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(tenant_mapping, id, COLUMN_KEY | COLUMN_SORT),
    RECORD_TEXT(tenant_mapping, local_site_id, 0),
    RECORD_TEXT(tenant_mapping, local_project_id, COLUMN_FILTER),
    RECORD_TEXT(tenant_mapping, remote_site_id, COLUMN_FILTER),
    RECORD_TEXT(tenant_mapping, remote_project_id, COLUMN_FILTER),
    RECORD_TEXT(tenant_mapping, description, 0),
    RECORD_TIME(tenant_mapping, created_at, COLUMN_SORT),
    RECORD_END,
};

static const struct record record = {
    .table = "tenant_mappings",
    .what = "tenant mapping",
    .columns = columns,
    .size = sizeof(struct tenant_mapping),
    .destroy = tenant_mapping_destroy_row,
    .absent = ERR_MAPPING_NOT_FOUND,
    .marker_column = "id",
    .order = {"created_at", false},
};

RECORD_DEFINE(tenant_mapping, record)

err_t *tenant_mapping_get(struct db *db, const char *local_project_id, const char *id,
                          struct tenant_mapping **ret)
{
    void *row = NULL;
    if (local_project_id == NULL)
        TRY(record_get(db, &record, &row, id, "id = ?", "s", id));
    else
        TRY(record_get(db, &record, &row, id, "id = ? AND local_project_id = ?", "ss", id,
                       local_project_id));
    *ret = row;
    return NULL;
}

err_t *tenant_mapping_find(struct db *db, const char *local_project_id, const char *remote_site_id,
                           struct tenant_mapping **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "local_project_id = ? AND remote_site_id = ?", "ss",
                    local_project_id, remote_site_id));
    *ret = row;
    return NULL;
}

err_t *tenant_mapping_find_remote(struct db *db, const char *remote_site_id,
                                  const char *remote_project_id, struct tenant_mapping **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "remote_site_id = ? AND remote_project_id = ?", "ss",
                    remote_site_id, remote_project_id));
    *ret = row;
    return NULL;
}

err_t *tenant_mapping_list(struct db *db, const char *local_project_id,
                           const struct list_query *query, GPtrArray **ret)
{
    return local_project_id == NULL ? record_list(db, &record, query, ret, NULL, "")
                                    : record_list(db, &record, query, ret, "local_project_id = ?",
                                                  "s", local_project_id);
}

err_t *tenant_mapping_insert(struct db *db, const struct tenant_mapping *mapping)
{
    return record_insert(db, &record, mapping);
}

err_t *tenant_mapping_delete(struct db *db, const char *id)
{
    int64_t count = 0;
    TRY(record_delete(db, &record, &count, "id = ?", "s", id));
    return count > 0 ? NULL : err(MAPPING_NOT_FOUND, "tenant mapping %s does not exist", id);
}

err_t *tenant_mapping_uses_site(struct db *db, const char *site_id, bool *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT 1 FROM tenant_mappings WHERE local_site_id = ? OR remote_site_id = ?"
                 " LIMIT 1",
                 "ss", site_id, site_id));
    *ret = db_rows_count(rows) > 0;
    return NULL;
}

err_t *tenant_mapping_exists(struct db *db, const char *local_project_id,
                             const char *remote_site_id, const char *remote_project_id, bool *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT 1 FROM tenant_mappings WHERE local_project_id = ? AND remote_site_id = ?"
                 " AND remote_project_id = ?",
                 "sss", local_project_id, remote_site_id, remote_project_id));
    *ret = db_rows_count(rows) > 0;
    return NULL;
}
