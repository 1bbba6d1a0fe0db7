/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_log - see sync_log.h.
 */
#include "store/sync_log.h"

#include "store/record.h"
#include "store/sync.h"

static void sync_log_entry_destroy_row(void *row);
static void outbox_item_destroy_row(void *row);

static const struct column log_columns[] = {
    RECORD_INT(sync_log_entry, id, COLUMN_KEY),
    RECORD_TEXT(sync_log_entry, pg_id, 0),
    RECORD_TEXT(sync_log_entry, project_id, 0),
    RECORD_TEXT(sync_log_entry, event, 0),
    RECORD_TEXT(sync_log_entry, position, 0),
    RECORD_INT(sync_log_entry, epoch, 0),
    RECORD_INT(sync_log_entry, version, 0),
    RECORD_TEXT(sync_log_entry, message, 0),
    RECORD_TEXT(sync_log_entry, bundle, COLUMN_HEAVY),
    RECORD_TEXT(sync_log_entry, user_id, 0),
    RECORD_TIME(sync_log_entry, created_at, 0),
    RECORD_END,
};

static const struct record log_record = {
    .table = "sync_log",
    .what = "log row",
    .columns = log_columns,
    .size = sizeof(struct sync_log_entry),
    .destroy = sync_log_entry_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "id",
};

RECORD_DEFINE(sync_log_entry, log_record)

#define ROUTINE_EVENTS "'proposed', 'accepted', 'carried'"

static const struct column outbox_columns[] = {
    RECORD_INT(outbox_item, id, COLUMN_KEY),
    RECORD_TEXT(outbox_item, pg_id, 0),
    RECORD_TEXT(outbox_item, message_type, 0),
    RECORD_TEXT(outbox_item, position, 0),
    RECORD_TEXT(outbox_item, message, 0),
    RECORD_TIME(outbox_item, created_at, 0),
    RECORD_END,
};

static const struct record outbox_record = {
    .table = "outbox",
    .what = "message",
    .columns = outbox_columns,
    .size = sizeof(struct outbox_item),
    .destroy = outbox_item_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "id",
};

RECORD_DEFINE(outbox_item, outbox_record)

err_t *sync_log_add(struct db *db, const struct sync_log_entry *entry)
{
    g_autofree char *kept = NULL;
    if (entry->bundle == NULL)
        TRY(store_position_body(db, entry->pg_id, entry->position, &kept));
    return db_exec(db, NULL,
                   "INSERT INTO sync_log (pg_id, project_id, event, position, epoch, version,"
                   " message, bundle, user_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "ssssiisssi", entry->pg_id, entry->project_id, entry->event, entry->position,
                   entry->epoch, entry->version, entry->message,
                   entry->bundle == NULL    ? kept
                   : *entry->bundle != '\0' ? entry->bundle
                                            : NULL,
                   entry->user_id, entry->created_at_ms);
}

err_t *sync_log_prune(struct db *db, const char *pg_id)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows,
                 "SELECT id FROM sync_log WHERE pg_id = ? AND event IN (" ROUTINE_EVENTS ")"
                 " ORDER BY id DESC LIMIT 1 OFFSET ?",
                 "si", pg_id, (int64_t)SYNC_LOG_ROUTINE_MAX));
    if (db_rows_count(rows) == 0)
        return NULL;
    return db_exec(db, NULL,
                   "DELETE FROM sync_log WHERE pg_id = ? AND id <= ? AND event IN (" ROUTINE_EVENTS
                   ")",
                   "si", pg_id, db_int(rows, 0, 0));
}

err_t *sync_log_list(struct db *db, const char *pg_id, int64_t before, int limit, GPtrArray **ret)
{
    return record_select(db, &log_record, false, ret,
                         "WHERE pg_id = ? AND id < ? ORDER BY id DESC LIMIT ?", "sii", pg_id,
                         before > 0 ? before : INT64_MAX, (int64_t)limit);
}

err_t *sync_log_get(struct db *db, const char *pg_id, int64_t id, struct sync_log_entry **ret)
{
    void *row = NULL;
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, id);
    TRY(record_get(db, &log_record, &row, text, "pg_id = ? AND id = ?", "si", pg_id, id));
    *ret = row;
    return NULL;
}

err_t *outbox_put(struct db *db, const struct outbox_item *item)
{
    AUTO(db_rows) rows = NULL;
    TRY(record_delete(db, &outbox_record, NULL, "pg_id = ? AND message_type = ? AND position = ?",
                      "sss", item->pg_id, item->message_type, item->position));
    TRY(db_query(db, &rows, "SELECT COUNT(*) FROM outbox WHERE pg_id = ?", "s", item->pg_id));
    if (db_int(rows, 0, 0) >= OUTBOX_ITEMS_MAX)
        return err(CONFLICT, "group %s has %d messages that nobody has carried", item->pg_id,
                   OUTBOX_ITEMS_MAX);
    return db_exec(db, NULL,
                   "INSERT INTO outbox (pg_id, message_type, position, message, created_at)"
                   " VALUES (?, ?, ?, ?, ?)",
                   "ssssi", item->pg_id, item->message_type, item->position, item->message,
                   item->created_at_ms);
}

err_t *outbox_list(struct db *db, const char *pg_id, GPtrArray **ret)
{
    return record_select(db, &outbox_record, true, ret, "WHERE pg_id = ? ORDER BY id", "s", pg_id);
}

err_t *outbox_delete(struct db *db, const char *pg_id, const char *message_type)
{
    return *message_type == '\0'
               ? record_delete(db, &outbox_record, NULL, "pg_id = ?", "s", pg_id)
               : record_delete(db, &outbox_record, NULL, "pg_id = ? AND message_type = ?", "ss",
                               pg_id, message_type);
}
