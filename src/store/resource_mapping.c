/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource_mapping - see resource_mapping.h.
 */
#include "store/resource_mapping.h"

#include "store/record.h"

static void resource_mapping_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(resource_mapping, pg_id, COLUMN_KEY),
    RECORD_TEXT(resource_mapping, source_site_id, COLUMN_KEY),
    RECORD_TEXT(resource_mapping, kind, COLUMN_KEY),
    RECORD_TEXT(resource_mapping, source, COLUMN_KEY),
    RECORD_TEXT(resource_mapping, target, 0),
    RECORD_END,
};

static const struct record record = {
    .table = "resource_mappings",
    .what = "mapping",
    .columns = columns,
    .size = sizeof(struct resource_mapping),
    .destroy = resource_mapping_destroy_row,
    .absent = ERR_MAPPING_NOT_FOUND,
    .marker_column = "source",
};

RECORD_DEFINE(resource_mapping, record)

err_t *resource_mapping_list(struct db *db, const char *pg_id, GPtrArray **ret)
{
    return record_select(db, &record, true, ret,
                         "WHERE pg_id = ? ORDER BY source_site_id, kind, source", "s", pg_id);
}
