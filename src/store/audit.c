/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - see audit.h.  audit_head holds the end of the chain: its row is what two appends at once
 * wait for, and what tells that the last rows were cut off.
 */
#include "store/audit.h"

#include "base/secrets.h"
#include "store/record.h"

#include <string.h>

#define PAGE 500

static void audit_entry_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_INT(audit_entry, seq, COLUMN_KEY), RECORD_TEXT(audit_entry, project_id, 0),
    RECORD_TEXT(audit_entry, user_id, 0),     RECORD_TEXT(audit_entry, request_id, 0),
    RECORD_TEXT(audit_entry, action, 0),      RECORD_TEXT(audit_entry, target, 0),
    RECORD_TEXT(audit_entry, outcome, 0),     RECORD_JSON(audit_entry, details, 0),
    RECORD_TIME(audit_entry, created_at, 0),  RECORD_TEXT(audit_entry, previous_hash, 0),
    RECORD_TEXT(audit_entry, hash, 0),        RECORD_END,
};

static const struct record record = {
    .table = "audit_log",
    .what = "audit row",
    .columns = columns,
    .size = sizeof(struct audit_entry),
    .destroy = audit_entry_destroy_row,
    .absent = ERR_NOT_FOUND,
    .marker_column = "seq",
};

RECORD_DEFINE(audit_entry, record)

/* The hash over everything in the row but itself; absent texts differ from empty ones. */
static void hash_entry(const struct audit_entry *entry, char ret[HASH_HEX_SIZE])
{
    g_autoptr(json_t) j = json_array();
    json_array_append_new(j, json_integer(entry->seq));
    json_array_append_new(j, json_integer(entry->created_at_ms));
    const char *texts[] = {entry->project_id, entry->user_id, entry->request_id,   entry->action,
                           entry->target,     entry->outcome, entry->previous_hash};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        json_array_append_new(j, texts[i] != NULL ? json_string(texts[i]) : json_null());
    json_array_append_new(j, entry->details != NULL ? json_incref(entry->details) : json_null());
    g_autofree char *text = json_print_canonical(j);
    hash_hex(text, strlen(text), ret);
}

/* Holds the end of the chain fast and reads it. */
static err_t *take_head(struct db *db, struct db_rows **ret)
{
    int64_t count = 0;
    TRY(db_exec(db, &count, "UPDATE audit_head SET seq = seq + 1 WHERE row_id = 1", ""));
    if (count == 0) {
        err_t *e =
            db_exec(db, NULL, "INSERT INTO audit_head (row_id, seq, hash) VALUES (1, 1, '')", "");
        if (e != NULL && err_is(e, ERR_DB_DUPLICATE))
            return err_recode(DB_DEADLOCK, e, "two transactions began the audit log");
        TRY(e);
    }
    return db_query(db, ret, "SELECT seq, hash FROM audit_head WHERE row_id = 1", "");
}

err_t *audit_append(struct db *db, struct audit_entry *entry)
{
    AUTO(db_rows) head = NULL;
    char hash[HASH_HEX_SIZE];
    g_assert(db_in_tx(db));
    TRY(take_head(db, &head));
    entry->seq = db_int(head, 0, 0);
    g_free(entry->previous_hash);
    g_free(entry->hash);
    entry->previous_hash = g_strdup(db_str(head, 0, 1));
    hash_entry(entry, hash);
    entry->hash = g_strdup(hash);
    TRY(record_insert(db, &record, entry));
    return db_exec(db, NULL, "UPDATE audit_head SET hash = ? WHERE row_id = 1", "s", hash);
}

err_t *audit_list(struct db *db, int64_t after_seq, int limit, GPtrArray **ret)
{
    return record_select(db, &record, true, ret, "WHERE seq > ? ORDER BY seq LIMIT ?", "ii",
                         after_seq, (int64_t)limit);
}

static err_t *check_head(struct db *db, int64_t seq, const char *hash, int64_t *ret_bad_seq)
{
    AUTO(db_rows) head = NULL;
    TRY(db_query(db, &head, "SELECT seq, hash FROM audit_head WHERE row_id = 1", ""));
    bool none = db_rows_count(head) == 0;
    bool right =
        none ? seq == 0 : db_int(head, 0, 0) == seq && strcmp(db_str(head, 0, 1), hash) == 0;
    *ret_bad_seq = right ? 0 : seq + 1;
    return NULL;
}

err_t *audit_verify(struct db *db, int64_t *ret_bad_seq)
{
    char last[HASH_HEX_SIZE] = "";
    int64_t seq = 0;
    for (;;) {
        g_autoptr(GPtrArray) rows = NULL;
        TRY(audit_list(db, seq, PAGE, &rows));
        for (guint i = 0; i < rows->len; i++) {
            const struct audit_entry *entry = g_ptr_array_index(rows, i);
            char hash[HASH_HEX_SIZE];
            hash_entry(entry, hash);
            if (entry->seq != ++seq || strcmp(entry->previous_hash, last) != 0 ||
                strcmp(entry->hash, hash) != 0) {
                *ret_bad_seq = seq;
                return NULL;
            }
            g_strlcpy(last, hash, sizeof(last));
        }
        if (rows->len < PAGE)
            return check_head(db, seq, last, ret_bad_seq);
    }
}
