/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite - the SQLite back end of db.h.
 *
 * Journal mode WAL, full synchronisation (a committed row survives a power cut: the journal of the
 * runner rests on it), foreign keys on, writers wait for each other in BEGIN IMMEDIATE.  A file
 * that is created gets mode 0600 and, made by root, the owner of its directory, so that `db sync`
 * run as root leaves a database that the service can open.
 */
#include "store/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sqlite {
    sqlite3 *handle;
    GHashTable *statements; /* sql -> sqlite3_stmt */
    char *path;
};

static const struct {
    int code; /* extended */
    enum err_code meaning;
} codes[] = {
    {SQLITE_CONSTRAINT_UNIQUE, ERR_DB_DUPLICATE},
    {SQLITE_CONSTRAINT_PRIMARYKEY, ERR_DB_DUPLICATE},
    {SQLITE_CONSTRAINT_ROWID, ERR_DB_DUPLICATE},
    {SQLITE_BUSY, ERR_DB_DEADLOCK},
    {SQLITE_LOCKED, ERR_DB_DEADLOCK},
    {SQLITE_CANTOPEN, ERR_DB_CONNECT},
    {SQLITE_NOTADB, ERR_DB_CONNECT},
};

static err_t *failed(struct sqlite *s, const char *sql)
{
    int extended = sqlite3_extended_errcode(s->handle);
    enum err_code meaning = ERR_DB;
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
        if (codes[i].code == extended || codes[i].code == (extended & 0xff))
            meaning = codes[i].meaning;
    g_autofree char *shown = db_sql_shown(sql);
    return err_make(__FILE__, __LINE__, meaning, "sqlite %s: '%s' failed: %s (%d)",
                    *s->path != '\0' ? s->path : "in memory", shown, sqlite3_errmsg(s->handle),
                    extended);
}

static err_t *simple(struct sqlite *s, const char *sql)
{
    return sqlite3_exec(s->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? NULL : failed(s, sql);
}

static err_t *prepare(struct sqlite *s, const char *sql, sqlite3_stmt **ret)
{
    sqlite3_stmt *stmt = g_hash_table_lookup(s->statements, sql);
    if (stmt == NULL) {
        const char *tail = NULL;
        if (sqlite3_prepare_v3(s->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &tail) !=
            SQLITE_OK)
            return failed(s, sql);
        g_assert(stmt != NULL && *tail == '\0'); /* one statement at a time */
        if (g_hash_table_size(s->statements) >= DB_STATEMENTS_MAX)
            g_hash_table_remove_all(s->statements);
        g_hash_table_insert(s->statements, g_strdup(sql), stmt);
    }
    *ret = stmt;
    return NULL;
}

static void bind(sqlite3_stmt *stmt, const struct db_value *values, size_t count)
{
    g_assert(sqlite3_bind_parameter_count(stmt) == (int)count);
    for (size_t i = 0; i < count; i++) {
        int at = (int)i + 1;
        int code = SQLITE_OK;
        if (values[i].type == 's')
            code = sqlite3_bind_text64(stmt, at, values[i].text, strlen(values[i].text),
                                       SQLITE_STATIC, SQLITE_UTF8);
        else if (values[i].type == 'i')
            code = sqlite3_bind_int64(stmt, at, values[i].number);
        else
            code = sqlite3_bind_null(stmt, at);
        g_assert(code == SQLITE_OK || code == SQLITE_TOOBIG);
    }
}

static void add_row(sqlite3_stmt *stmt, struct db_rows *rows)
{
    int columns = sqlite3_column_count(stmt);
    for (int i = 0; i < columns; i++) {
        const char *text = (const char *)sqlite3_column_text(stmt, i);
        db_rows_add(rows, text, (size_t)sqlite3_column_bytes(stmt, i));
    }
}

static err_t *run(void *backend, const char *sql, const struct db_value *values, size_t count,
                  struct db_rows **ret_rows, int64_t *ret_affected)
{
    struct sqlite *s = backend;
    sqlite3_stmt *stmt = NULL;
    TRY(prepare(s, sql, &stmt));
    bind(stmt, values, count);
    AUTO(db_rows) rows = db_rows_create((size_t)sqlite3_column_count(stmt));
    int code = SQLITE_OK;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
        add_row(stmt, rows);
    err_t *e = code == SQLITE_DONE ? NULL : failed(s, sql);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    if (e != NULL)
        return e;
    if (ret_affected != NULL)
        *ret_affected = sqlite3_changes64(s->handle);
    if (ret_rows != NULL)
        *ret_rows = TAKE(rows);
    return NULL;
}

static err_t *begin(void *backend)
{
    return simple(backend, "BEGIN IMMEDIATE");
}

/*
 * A failed COMMIT that leaves the transaction open has done nothing; one that does not may have
 * written its frames to the log, and a recovery after a crash would find them.
 */
static err_t *commit(void *backend)
{
    struct sqlite *s = backend;
    g_assert(sqlite3_get_autocommit(s->handle) == 0);
    err_t *e = simple(s, "COMMIT");
    if (e != NULL && sqlite3_get_autocommit(s->handle) != 0)
        return err_recode(DB_COMMIT_UNKNOWN, e, "COMMIT failed half-way");
    return e;
}

static void rollback(void *backend)
{
    struct sqlite *s = backend;
    if (sqlite3_get_autocommit(s->handle) == 0)
        sqlite3_exec(s->handle, "ROLLBACK", NULL, NULL, NULL);
}

static void sqlite_close(void *backend)
{
    struct sqlite *s = backend;
    g_hash_table_unref(s->statements);
    sqlite3_close_v2(s->handle);
    g_free(s->path);
    g_free(s);
}

const struct db_ops sqlite_ops = {
    .name = "sqlite",
    .run = run,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .close = sqlite_close,
};

/* Makes an empty file for SQLite to find, see the head of this file. */
static err_t *create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return NULL;
    if (fd < 0)
        return err(DB_CONNECT, "cannot create the database file %s: %s", path, g_strerror(errno));
    g_autofree char *folder = g_path_get_dirname(path);
    struct stat owner;
    err_t *e = NULL;
    if (geteuid() == 0 && stat(folder, &owner) == 0 && fchown(fd, owner.st_uid, owner.st_gid) != 0)
        e = err(DB_CONNECT, "cannot give the database file %s to the owner of %s: %s", path, folder,
                g_strerror(errno));
    close(fd);
    return e;
}

static void finalize(void *stmt)
{
    sqlite3_finalize(stmt);
}

static err_t *set_up(struct sqlite *s)
{
    static const char *const pragmas[] = {
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
    };
    sqlite3_busy_timeout(s->handle, DB_LOCK_WAIT_S * 1000);
    for (size_t i = 0; i < G_N_ELEMENTS(pragmas); i++)
        TRY(simple(s, pragmas[i]));
    return NULL;
}

err_t *sqlite_open(const struct dsn *dsn, void **ret)
{
    bool in_memory = *dsn->path == '\0';
    if (!in_memory)
        TRY(create_file(dsn->path));
    struct sqlite *s = g_new0(struct sqlite, 1);
    s->path = g_strdup(dsn->path);
    s->statements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, finalize);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(in_memory ? ":memory:" : dsn->path, &s->handle,
                               in_memory ? flags | SQLITE_OPEN_MEMORY : flags, NULL);
    err_t *e = code == SQLITE_OK ? set_up(s) : NULL;
    if (code != SQLITE_OK)
        e = err(DB_CONNECT, "cannot open the sqlite database %s: %s", dsn->path,
                s->handle != NULL ? sqlite3_errmsg(s->handle) : sqlite3_errstr(code));
    if (e != NULL) {
        sqlite_close(s);
        return e;
    }
    *ret = s;
    return NULL;
}
