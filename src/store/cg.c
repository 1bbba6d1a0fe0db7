/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cg - see cg.h.
 */
#include "store/cg.h"

#include "store/record.h"

static void cg_destroy_row(void *row);
static void cg_volume_destroy_row(void *row);

static const struct column cg_columns[] = {
    RECORD_TEXT(cg, pg_id, COLUMN_KEY),   RECORD_TEXT(cg, id, 0),
    RECORD_TEXT(cg, volume_type_name, 0), RECORD_TEXT(cg, backend_name, 0),
    RECORD_TEXT(cg, local_cg_id, 0),      RECORD_TEXT(cg, peer_cg_id, 0),
    RECORD_TEXT(cg, status, 0),           RECORD_TIME(cg, created_at, COLUMN_ONCE),
    RECORD_TIME(cg, updated_at, 0),       RECORD_END,
};

static const struct record cg_record = {
    .table = "consistency_groups",
    .what = "consistency group",
    .columns = cg_columns,
    .size = sizeof(struct cg),
    .destroy = cg_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "pg_id",
};

RECORD_DEFINE(cg, cg_record)

static const struct column volume_columns[] = {
    RECORD_TEXT(cg_volume, pg_id, COLUMN_KEY),
    RECORD_TEXT(cg_volume, volume_id, COLUMN_KEY),
    RECORD_TEXT(cg_volume, consistency_group_id, 0),
    RECORD_TEXT(cg_volume, member_id, 0),
    RECORD_TEXT(cg_volume, name, 0),
    RECORD_TEXT(cg_volume, volume_type, 0),
    RECORD_TEXT(cg_volume, device, 0),
    RECORD_INT(cg_volume, size_gb, 0),
    RECORD_INT(cg_volume, boot_index, 0),
    RECORD_BOOL(cg_volume, bootable, 0),
    RECORD_END,
};

static const struct record volume_record = {
    .table = "cg_volumes",
    .what = "volume",
    .columns = volume_columns,
    .size = sizeof(struct cg_volume),
    .destroy = cg_volume_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "volume_id",
};

RECORD_DEFINE(cg_volume, volume_record)

err_t *cg_find(struct db *db, const char *pg_id, struct cg **ret)
{
    void *row = NULL;
    TRY(record_find(db, &cg_record, &row, "pg_id = ?", "s", pg_id));
    *ret = row;
    return NULL;
}

err_t *cg_put(struct db *db, const struct cg *cg)
{
    bool found = false;
    TRY(record_update(db, &cg_record, cg, &found, NULL, ""));
    return found ? NULL : record_insert(db, &cg_record, cg);
}

err_t *cg_delete(struct db *db, const char *pg_id)
{
    return record_delete(db, &cg_record, NULL, "pg_id = ?", "s", pg_id);
}

err_t *cg_volume_list(struct db *db, const char *pg_id, GPtrArray **ret)
{
    return record_select(db, &volume_record, true, ret,
                         "WHERE pg_id = ? ORDER BY member_id, boot_index, device, volume_id", "s",
                         pg_id);
}

err_t *cg_volume_count(struct db *db, const char *pg_id, int64_t *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, "SELECT COUNT(*) FROM cg_volumes WHERE pg_id = ?", "s", pg_id));
    *ret = db_int(rows, 0, 0);
    return NULL;
}
