/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db - see db.h.  Neighbours: sqlite.c and mariadb.c (back ends), faulty.c (a filter), backend.h.
 *
 * A transaction in which a statement failed with anything but DB_DUPLICATE can only be rolled back:
 * the database may have done so already (a deadlock does), and what came after it would commit on
 * its own.  So later statements of it are refused and its commit is never sent.
 */
#include "store/backend.h"

#include <string.h>

struct db {
    const struct db_ops *ops;
    void *backend;
    bool sqlite;
    bool in_tx;
    bool tx_broken;
    enum err_code tx_error;
};

struct db_rows {
    size_t columns;
    GPtrArray *cells;
};

err_t *db_open(const char *text, struct db **ret)
{
    AUTO(dsn) dsn = NULL;
    TRY(dsn_parse(text, &dsn));
    void *backend = NULL;
    switch (dsn->kind) {
    case DSN_SQLITE:
        TRY(sqlite_open(dsn, &backend));
        *ret = db_create(&sqlite_ops, backend);
        return NULL;
    case DSN_MARIADB:
        TRY(mariadb_open(TAKE(dsn), &backend));
        *ret = db_create(&mariadb_ops, backend);
        return NULL;
    }
    g_assert_not_reached();
}

struct db *db_create(const struct db_ops *ops, void *backend)
{
    struct db *db = g_new0(struct db, 1);
    db->ops = ops;
    db->backend = backend;
    db->sqlite = strcmp(ops->name, "sqlite") == 0;
    return db;
}

void db_destroy(struct db *db)
{
    if (db == NULL)
        return;
    g_assert(!db->in_tx);
    db->ops->close(db->backend);
    g_free(db);
}

bool db_has_ops(const struct db *db, const struct db_ops *ops)
{
    return db->ops == ops;
}

bool db_is_sqlite(const struct db *db)
{
    return db->sqlite;
}

void db_stack(struct db *db, const struct db_ops *ops, void *filter, const struct db_ops **ret_next,
              void **ret_next_backend)
{
    *ret_next = db->ops;
    *ret_next_backend = db->backend;
    db->ops = ops;
    db->backend = filter;
}

static err_t *run_in_tx(struct db *db, const char *sql, const struct db_value *values, size_t count,
                        struct db_rows **rows, int64_t *affected)
{
    if (db->tx_broken)
        return err_make(__FILE__, __LINE__, db->tx_error,
                        "the transaction has failed before this statement");
    err_t *e = db->ops->run(db->backend, sql, values, count, rows, affected);
    if (e != NULL && !err_is(e, ERR_DB_DUPLICATE)) {
        db->tx_broken = true;
        db->tx_error = err_code(e);
    }
    return e;
}

/* A statement outside a transaction is one by itself: rolled back by the database, it runs again.
 */
static err_t *run(struct db *db, const char *sql, const struct db_value *values, size_t count,
                  struct db_rows **rows, int64_t *affected)
{
    g_assert(count <= DB_VALUES_MAX);
    if (db->in_tx)
        return run_in_tx(db, sql, values, count, rows, affected);
    err_t *e = NULL;
    for (int tries = 0; tries < DB_TX_TRIES_MAX; tries++) {
        err_free(e);
        e = db->ops->run(db->backend, sql, values, count, rows, affected);
        if (e == NULL || !err_is(e, ERR_DB_DEADLOCK))
            break;
    }
    return e;
}

static size_t gather(const char *types, va_list args, struct db_value *values)
{
    size_t count = 0;
    for (const char *type = types; *type != '\0'; type++) {
        g_assert(count < DB_VALUES_MAX);
        struct db_value *value = &values[count++];
        *value = (struct db_value){.type = *type};
        if (*type == 's')
            value->text = va_arg(args, const char *);
        else if (*type == 'i')
            value->number = va_arg(args, int64_t);
        else
            g_assert(*type == 'n');
        if (*type == 's' && value->text == NULL)
            value->type = 'n';
    }
    return count;
}

err_t *db_exec(struct db *db, int64_t *ret_affected, const char *sql, const char *types, ...)
{
    struct db_value values[DB_VALUES_MAX];
    va_list args;
    va_start(args, types);
    size_t count = gather(types, args, values);
    va_end(args);
    return db_exec_values(db, ret_affected, sql, values, count);
}

err_t *db_exec_values(struct db *db, int64_t *ret_affected, const char *sql,
                      const struct db_value *values, size_t count)
{
    int64_t affected = 0;
    TRY(run(db, sql, values, count, NULL, &affected));
    if (ret_affected != NULL)
        *ret_affected = affected;
    return NULL;
}

err_t *db_query(struct db *db, struct db_rows **ret, const char *sql, const char *types, ...)
{
    struct db_value values[DB_VALUES_MAX];
    va_list args;
    va_start(args, types);
    size_t count = gather(types, args, values);
    va_end(args);
    return db_query_values(db, ret, sql, values, count);
}

err_t *db_query_values(struct db *db, struct db_rows **ret, const char *sql,
                       const struct db_value *values, size_t count)
{
    struct db_rows *rows = NULL;
    TRY(run(db, sql, values, count, &rows, NULL));
    *ret = rows;
    return NULL;
}

static err_t *tx_once(struct db *db, db_tx_fn *body, void *data)
{
    TRY(db->ops->begin(db->backend));
    db->in_tx = true;
    db->tx_broken = false;
    err_t *e = body(db, data);
    if (e == NULL && db->tx_broken)
        e = err_make(__FILE__, __LINE__, db->tx_error, "a statement of the transaction has failed");
    else if (e != NULL && db->tx_broken && db->tx_error == ERR_DB_DEADLOCK &&
             !err_is(e, ERR_DB_DEADLOCK))
        e = err_recode(DB_DEADLOCK, e, "the transaction was rolled back by the database");
    if (e == NULL)
        e = db->ops->commit(db->backend);
    if (e != NULL)
        db->ops->rollback(db->backend);
    db->in_tx = false;
    return e;
}

err_t *db_tx(struct db *db, db_tx_fn *body, void *data)
{
    g_assert(!db->in_tx);
    err_t *e = NULL;
    for (int tries = 0; tries < DB_TX_TRIES_MAX; tries++) {
        err_free(e);
        e = tx_once(db, body, data);
        if (e == NULL || !err_is(e, ERR_DB_DEADLOCK))
            return e;
    }
    return err_wrap(e, "gave up a transaction that was rolled back %d times", DB_TX_TRIES_MAX);
}

bool db_in_tx(const struct db *db)
{
    return db->in_tx;
}

struct db_rows *db_rows_create(size_t columns)
{
    struct db_rows *rows = g_new0(struct db_rows, 1);
    rows->columns = columns;
    rows->cells = g_ptr_array_new_with_free_func(g_free);
    return rows;
}

void db_rows_add(struct db_rows *rows, const char *text, size_t size)
{
    char *cell = NULL;
    if (text != NULL) {
        cell = g_malloc(size + 1);
        memcpy(cell, text, size);
        cell[size] = '\0';
    }
    g_ptr_array_add(rows->cells, cell);
}

void db_rows_destroy(struct db_rows *rows)
{
    if (rows == NULL)
        return;
    g_ptr_array_unref(rows->cells);
    g_free(rows);
}

size_t db_rows_count(const struct db_rows *rows)
{
    return rows->columns == 0 ? 0 : rows->cells->len / rows->columns;
}

const char *db_str(const struct db_rows *rows, size_t row, size_t column)
{
    g_assert(column < rows->columns && row < db_rows_count(rows));
    return g_ptr_array_index(rows->cells, row * rows->columns + column);
}

int64_t db_int(const struct db_rows *rows, size_t row, size_t column)
{
    const char *text = db_str(rows, row, column);
    return text == NULL ? 0 : g_ascii_strtoll(text, NULL, 10);
}

bool db_is_null(const struct db_rows *rows, size_t row, size_t column)
{
    return db_str(rows, row, column) == NULL;
}

char *db_sql_shown(const char *sql)
{
    return strlen(sql) <= DB_SQL_SHOWN_MAX ? g_strdup(sql)
                                           : g_strdup_printf("%.*s…", DB_SQL_SHOWN_MAX, sql);
}
