/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - the mock's database.  See store.h.
 *
 * Every row belongs to an array (by its url) and a group, so that one file can hold both ends of a
 * pair, or one.
 */
#include "drivers/mock/store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MOCK_WAIT_MAX_MS 5000
#define MOCK_PATH_MAX    4096
#define MOCK_SCHEMA      1 /* the number at the end of 'schema' */

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS sides(array TEXT, grp TEXT, array_name TEXT, source TEXT,"
    " lineage INTEGER, since_ms INTEGER, replicating INTEGER, PRIMARY KEY(array, grp));"
    "CREATE TABLE IF NOT EXISTS members(array TEXT, grp TEXT, subject TEXT, cinder_id TEXT,"
    " size_bytes INTEGER, image_id TEXT, PRIMARY KEY(array, grp, subject));"
    "CREATE TABLE IF NOT EXISTS points(array TEXT, grp TEXT, id TEXT, key TEXT, time_ms INTEGER,"
    " completes_ms INTEGER, lineage INTEGER, made_by TEXT, PRIMARY KEY(array, grp, id));"
    "CREATE TABLE IF NOT EXISTS point_volumes(array TEXT, grp TEXT, point_id TEXT, subject TEXT,"
    " size_bytes INTEGER, image_id TEXT, PRIMARY KEY(array, grp, point_id, subject));"
    "CREATE TABLE IF NOT EXISTS fences(array TEXT, grp TEXT, source TEXT, since_ms INTEGER,"
    " PRIMARY KEY(array, grp, source));"
    "CREATE TABLE IF NOT EXISTS copies(array TEXT, grp TEXT, key TEXT, subject TEXT,"
    " point_id TEXT, epoch INTEGER, purpose INTEGER, size_bytes INTEGER, image_id TEXT,"
    " released INTEGER, PRIMARY KEY(array, grp, key));"
    "CREATE TABLE IF NOT EXISTS tags(array TEXT, grp TEXT, writer TEXT, incarnation TEXT,"
    " minted INTEGER, floor INTEGER, epoch INTEGER, active_site TEXT,"
    " PRIMARY KEY(array, grp, writer));"
    "PRAGMA user_version = 1;";

/* What SQLite's last failure means. */
static enum protector_status store_fail(struct protector_handle *h, const char *what,
                                        struct protector_error *error)
{
    int code = h->db == NULL ? SQLITE_NOMEM : sqlite3_errcode(h->db) & 0xff;
    int transient = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_IOERR ||
                    code == SQLITE_FULL || code == SQLITE_NOMEM;

    error->retry_after_ms = transient ? 200 : 0;
    return protector_fail(error, transient ? PROTECTOR_TRANSIENT : PROTECTOR_PERMANENT,
                          "cannot %s in the mock's database: %s", what,
                          h->db == NULL ? "out of memory" : sqlite3_errmsg(h->db));
}

/* Makes the tables, unless user_version says that they are there (most opens write nothing). */
static enum protector_status tables_make(struct protector_handle *h, struct protector_error *error)
{
    int64_t version = 0;
    enum protector_status status = store_int(h, &version, error, "PRAGMA user_version", "");

    if (status != PROTECTOR_OK || version == MOCK_SCHEMA)
        return status;
    if (version > MOCK_SCHEMA)
        return protector_fail(error, PROTECTOR_PERMANENT,
                              "the mock's database was made by a newer release (schema %lld)",
                              (long long)version);
    if (sqlite3_exec(h->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return store_fail(h, "begin", error);
    if (sqlite3_exec(h->db, schema, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(h->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return PROTECTOR_OK;
    return store_fail(h, "make the tables", error);
}

enum protector_status store_open(struct protector_handle *h, struct protector_error *error)
{
    const char *dir = h->host->option(h->host->data, "mock_storage_dir");
    char path[MOCK_PATH_MAX];

    if (dir == NULL || dir[0] == '\0')
        return protector_fail(error, PROTECTOR_PERMANENT, "[storage] mock_storage_dir is not set");
    if ((size_t)snprintf(path, sizeof path, "%s/mock.db", dir) >= sizeof path)
        return protector_fail(error, PROTECTOR_PERMANENT, "[storage] mock_storage_dir is too long");
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return protector_fail(error, PROTECTOR_PERMANENT, "cannot make folder %s: %s", dir,
                              strerror(errno));
    if (sqlite3_open_v2(path, &h->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        return protector_fail(error, PROTECTOR_PERMANENT,
                              "cannot open %s: %s; the engine's user must be able to write there",
                              path, h->db == NULL ? "out of memory" : sqlite3_errmsg(h->db));
    (void)sqlite3_busy_timeout(h->db, MOCK_WAIT_MAX_MS);
    return tables_make(h, error);
}

/* ---- statements ---- */

static int bind_all(sqlite3_stmt *stmt, const char *types, va_list args)
{
    int code = SQLITE_OK;

    for (int i = 0; types[i] != '\0' && code == SQLITE_OK; i++) {
        if (types[i] == 's')
            code = sqlite3_bind_text(stmt, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else
            code = sqlite3_bind_int64(stmt, i + 1, va_arg(args, int64_t));
    }
    return code;
}

static enum protector_status prepare_args(struct protector_handle *h, sqlite3_stmt **ret,
                                          struct protector_error *error, const char *sql,
                                          const char *types, va_list args)
{
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(h->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return store_fail(h, "prepare a statement", error);
    if (bind_all(stmt, types, args) != SQLITE_OK) {
        enum protector_status status = store_fail(h, "bind values", error);

        (void)sqlite3_finalize(stmt);
        return status;
    }
    *ret = stmt;
    return PROTECTOR_OK;
}

enum protector_status store_prepare(struct protector_handle *h, sqlite3_stmt **ret,
                                    struct protector_error *error, const char *sql,
                                    const char *types, ...)
{
    enum protector_status status;
    va_list args;

    va_start(args, types);
    status = prepare_args(h, ret, error, sql, types, args);
    va_end(args);
    return status;
}

int store_step(struct protector_handle *h, sqlite3_stmt *stmt, enum protector_status *ret_status,
               struct protector_error *error)
{
    int code = sqlite3_step(stmt);

    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE)
        return 0;
    *ret_status = store_fail(h, "read or write", error);
    return -1;
}

enum protector_status store_run(struct protector_handle *h, struct protector_error *error,
                                const char *sql, const char *types, ...)
{
    enum protector_status status;
    sqlite3_stmt *stmt = NULL;
    va_list args;

    va_start(args, types);
    status = prepare_args(h, &stmt, error, sql, types, args);
    va_end(args);
    if (status == PROTECTOR_OK)
        (void)store_step(h, stmt, &status, error);
    (void)sqlite3_finalize(stmt);
    return status;
}

enum protector_status store_int(struct protector_handle *h, int64_t *ret,
                                struct protector_error *error, const char *sql, const char *types,
                                ...)
{
    enum protector_status status;
    sqlite3_stmt *stmt = NULL;
    va_list args;

    va_start(args, types);
    status = prepare_args(h, &stmt, error, sql, types, args);
    va_end(args);
    if (status == PROTECTOR_OK && store_step(h, stmt, &status, error) == 1)
        *ret = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return status;
}

const char *store_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);

    return text == NULL ? "" : (const char *)text;
}

/* ---- transactions ---- */

/* For the debug log; also where tests let the driver die. */
static void store_step_log(struct protector_handle *h, const char *what,
                           const struct protector_call *call)
{
    char line[256];

    (void)snprintf(line, sizeof line, "%s, group %.128s", what, call->group->id);
    h->host->log(h->host->data, PROTECTOR_LOG_DEBUG, line);
}

enum protector_status store_begin(struct protector_handle *h, const struct protector_call *call,
                                  struct protector_error *error)
{
    int64_t wait_ms = call->budget_ms < MOCK_WAIT_MAX_MS ? call->budget_ms : MOCK_WAIT_MAX_MS;

    store_step_log(h, "begin", call);
    (void)sqlite3_busy_timeout(h->db, (int)wait_ms);
    if (sqlite3_exec(h->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return store_fail(h, "begin", error);
    return PROTECTOR_OK;
}

enum protector_status store_end(struct protector_handle *h, const struct protector_call *call,
                                enum protector_status status, struct protector_error *error)
{
    int keep = status == PROTECTOR_OK || status == PROTECTOR_PENDING;

    if (keep && call->phase == PROTECTOR_DO) {
        store_step_log(h, "commit", call);
        if (sqlite3_exec(h->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
            store_step_log(h, "done", call);
            return status;
        }
        status = store_fail(h, "commit", error);
    }
    (void)sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
