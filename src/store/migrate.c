/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - see migrate.h.  The expected tables of store_check are those that the migrations make
 * in an empty SQLite database, so that there is no second list to keep.
 */
#include "store/migrate.h"

#include "store/migrations.h"

#include <string.h>

/* How long a sync waits for another one. */
#define LOCK_WAIT_S 30
#define LOCK_NAME   "CONCAT('protector:', DATABASE())"

struct sync_run {
    int64_t now_ms;
    int ran;
};

static err_t *exec(struct db *db, const char *statement)
{
    g_autofree char *sql = migration_sql(statement, db_is_sqlite(db));
    return db_exec(db, NULL, sql, "");
}

const char *store_version_wanted(void)
{
    return migrations[migrations_count - 1].version;
}

static err_t *has_version_table(struct db *db, bool *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 db_is_sqlite(db) ? "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
                                  : "SELECT 1 FROM information_schema.tables"
                                    " WHERE table_schema = DATABASE() AND table_name = ?",
                 "s", "alembic_version"));
    *ret = db_rows_count(rows) > 0;
    return NULL;
}

err_t *store_version(struct db *db, char **ret)
{
    AUTO(db_rows) rows = NULL;
    bool there = false;
    TRY(has_version_table(db, &there));
    if (there)
        TRY(db_query(db, &rows, "SELECT version_num FROM alembic_version", ""));
    *ret = there && db_rows_count(rows) > 0 ? g_strdup(db_str(rows, 0, 0)) : NULL;
    return NULL;
}

/* How many migrations the database has had. */
static err_t *migrations_done(struct db *db, size_t *ret)
{
    g_autofree char *version = NULL;
    TRY(store_version(db, &version));
    if (version == NULL) {
        *ret = 0;
        return NULL;
    }
    for (size_t i = 0; i < migrations_count; i++)
        if (strcmp(migrations[i].version, version) == 0) {
            *ret = i + 1;
            return NULL;
        }
    err_t *e =
        err(DB_SCHEMA, "the database is at version %s, which this program does not know", version);
    return err_remedy(e, "install the version of protector that made it, or a newer one");
}

struct set_version {
    const char *version;
    int64_t now_ms;
};

static err_t *set_version(struct db *db, void *data)
{
    const struct set_version *set = data;
    TRY(db_exec(db, NULL, "DELETE FROM alembic_version", ""));
    TRY(db_exec(db, NULL, "INSERT INTO alembic_version (version_num) VALUES (?)", "s",
                set->version));
    TRY(db_exec(db, NULL, "DELETE FROM schema_history WHERE version_num = ?", "s", set->version));
    return db_exec(db, NULL, "INSERT INTO schema_history (version_num, ran_at) VALUES (?, ?)", "si",
                   set->version, set->now_ms);
}

static err_t *run_one(struct db *db, const struct migration *migration, int64_t now_ms)
{
    for (const char *const *statement = migration->statements; *statement != NULL; statement++)
        TRY(exec(db, *statement));
    struct set_version set = {migration->version, now_ms};
    return db_in_tx(db) ? set_version(db, &set) : db_tx(db, set_version, &set);
}

static err_t *run_missing(struct db *db, void *data)
{
    struct sync_run *run = data;
    size_t done = 0;
    run->ran = 0;
    TRY(exec(db, "CREATE TABLE IF NOT EXISTS alembic_version ("
                 "version_num {word} NOT NULL PRIMARY KEY){end}"));
    TRY(migrations_done(db, &done));
    for (size_t i = done; i < migrations_count; i++) {
        err_t *e = run_one(db, &migrations[i], run->now_ms);
        if (e != NULL)
            return err_wrap(e, "migration %s failed", migrations[i].version);
        run->ran++;
    }
    return NULL;
}

/* MariaDB commits at each CREATE, so a named lock keeps a second sync out. */
static err_t *run_locked(struct db *db, struct sync_run *run)
{
    AUTO(db_rows) got = NULL;
    TRY(db_query(db, &got, "SELECT GET_LOCK(" LOCK_NAME ", " G_STRINGIFY(LOCK_WAIT_S) ")", ""));
    if (db_int(got, 0, 0) != 1)
        return err(DB_SCHEMA, "another db sync has been running for more than %d seconds",
                   LOCK_WAIT_S);
    err_t *e = run_missing(db, run);
    AUTO(db_rows) released = NULL;
    err_t *release = db_query(db, &released, "SELECT RELEASE_LOCK(" LOCK_NAME ")", "");
    err_free(release); /* it ends with the connection */
    return e;
}

err_t *store_sync(struct db *db, int64_t now_ms, int *ret_ran)
{
    struct sync_run run = {.now_ms = now_ms};
    TRY(db_is_sqlite(db) ? db_tx(db, run_missing, &run) : run_locked(db, &run));
    if (ret_ran != NULL)
        *ret_ran = run.ran;
    return NULL;
}

/*
 * ---- store_check.  A schema is a set of lines: "table t", "column t.c type", "unique t (a, b)",
 * "index t (a, b)".
 */

static void add_line(GHashTable *lines, char *line)
{
    g_hash_table_add(lines, line);
}

/* Rows (table, column, type, nullable) into lines; the databases name types a little differently.
 */
static void add_columns(GHashTable *lines, const struct db_rows *rows)
{
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *type = db_str(rows, i, 2);
        if (strcmp(type, "integer") == 0 || g_str_has_prefix(type, "bigint"))
            type = "bigint";
        else if (g_str_has_prefix(type, "smallint"))
            type = "smallint";
        add_line(lines, g_strdup_printf("table %s", db_str(rows, i, 0)));
        add_line(lines, g_strdup_printf("column %s.%s %s%s", db_str(rows, i, 0), db_str(rows, i, 1),
                                        type, db_int(rows, i, 3) ? "" : " not null"));
    }
}

/* Rows (table, key, column, whether unique) in order of columns into lines. */
static void add_keys(GHashTable *lines, const struct db_rows *rows)
{
    g_autoptr(GString) columns = g_string_new("");
    size_t count = db_rows_count(rows);
    for (size_t i = 0; i < count; i++) {
        g_string_append_printf(columns, "%s%s", columns->len > 0 ? ", " : "", db_str(rows, i, 2));
        bool last = i + 1 == count || strcmp(db_str(rows, i, 0), db_str(rows, i + 1, 0)) != 0 ||
                    strcmp(db_str(rows, i, 1), db_str(rows, i + 1, 1)) != 0;
        if (!last)
            continue;
        add_line(lines, g_strdup_printf("%s %s (%s)", db_int(rows, i, 3) ? "unique" : "index",
                                        db_str(rows, i, 0), columns->str));
        g_string_truncate(columns, 0);
    }
}

static err_t *read_schema(struct db *db, GHashTable **ret)
{
    AUTO(db_rows) columns = NULL;
    AUTO(db_rows) keys = NULL;
    bool sqlite = db_is_sqlite(db);
    TRY(db_query(db, &columns,
                 sqlite ? "SELECT m.name, c.name, lower(c.type), c.\"notnull\" = 0"
                          " FROM sqlite_master m, pragma_table_info(m.name) c"
                          " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                        : "SELECT table_name, column_name, lower(column_type), is_nullable = 'YES'"
                          " FROM information_schema.columns WHERE table_schema = DATABASE()",
                 ""));
    TRY(db_query(db, &keys,
                 sqlite ? "SELECT m.name, l.name, i.name, l.\"unique\" FROM sqlite_master m,"
                          " pragma_index_list(m.name) l, pragma_index_info(l.name) i"
                          " WHERE m.type = 'table' AND l.partial = 0"
                          " ORDER BY m.name, l.name, i.seqno"
                        : "SELECT table_name, index_name, column_name, non_unique = 0"
                          " FROM information_schema.statistics"
                          " WHERE table_schema = DATABASE()"
                          " ORDER BY table_name, index_name, seq_in_index",
                 ""));
    GHashTable *lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    add_columns(lines, columns);
    add_keys(lines, keys);
    *ret = lines;
    return NULL;
}

/* The schema that this version makes. */
static err_t *wanted_schema(GHashTable **ret)
{
    AUTO(db) db = NULL;
    TRY(db_open("sqlite://", &db));
    TRY(store_sync(db, 0, NULL));
    return read_schema(db, ret);
}

/* Tables of ours that do not store every character or cannot roll back. */
static err_t *add_wrong_tables(struct db *db, GHashTable *wanted, GPtrArray *faults)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT table_name, engine, table_collation FROM information_schema.tables"
                 " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
                 " AND (engine <> 'InnoDB' OR table_collation <> 'utf8mb4_bin')"
                 " ORDER BY table_name",
                 ""));
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        g_autofree char *line = g_strdup_printf("table %s", db_str(rows, i, 0));
        if (g_hash_table_contains(wanted, line))
            g_ptr_array_add(faults, g_strdup_printf("%s is %s, %s instead of InnoDB, utf8mb4_bin",
                                                    line, db_str(rows, i, 1), db_str(rows, i, 2)));
    }
    return NULL;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

err_t *store_check(struct db *db, GPtrArray **ret_faults)
{
    g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) wanted = NULL;
    g_autoptr(GHashTable) there = NULL;
    g_autofree char *version = NULL;
    TRY(store_version(db, &version));
    TRY(wanted_schema(&wanted));
    TRY(read_schema(db, &there));
    if (g_strcmp0(version, store_version_wanted()) != 0)
        g_ptr_array_add(faults, g_strdup_printf("version is %s instead of %s",
                                                version != NULL ? version : "none",
                                                store_version_wanted()));
    GHashTableIter iter;
    void *line = NULL;
    g_hash_table_iter_init(&iter, wanted);
    while (g_hash_table_iter_next(&iter, &line, NULL))
        if (!g_hash_table_contains(there, line))
            g_ptr_array_add(faults, g_strdup_printf("%s is missing", (const char *)line));
    if (!db_is_sqlite(db))
        TRY(add_wrong_tables(db, wanted, faults));
    g_ptr_array_sort(faults, compare_texts);
    *ret_faults = g_steal_pointer(&faults);
    return NULL;
}
