/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db - one connection to a database, SQLite or MariaDB, behind one table of functions.
 *
 * Statements are written once, with '?' for parameters and SQL that both understand.  Parameters
 * are described by a type string, a letter each:  s  const char * (NULL is SQL NULL)   i  int64_t
 * n  SQL NULL (no argument).  Results are materialised (small pages are the rule: every list has a
 * LIMIT).  A connection serves one thread at a time and is never taken through fork().
 *
 * Errors: DB, DB_CONNECT, DB_DUPLICATE (unique key), DB_DEADLOCK (1213, 1205, SQLITE_BUSY: the
 * transaction is gone, run it again), DB_NOT_READY (1047: stop acting), DB_COMMIT_UNKNOWN (the
 * connection was lost in COMMIT: read back what the transaction would have written).
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#include <stdarg.h>

struct db;
struct db_rows;

/* One parameter, for the back ends. */
struct db_value {
    char type; /* 's', 'i' or 'n' */
    const char *text;
    int64_t number;
};

/* What a back end (sqlite.c, mariadb.c) or a filter stacked on one (fault injection) provides. */
struct db_ops {
    const char *name; /* "sqlite", "mariadb" */
    err_t *(*run)(void *backend, const char *sql, const struct db_value *values, size_t count,
                  struct db_rows **ret_rows, int64_t *ret_affected);
    err_t *(*begin)(void *backend);
    err_t *(*commit)(void *backend);
    void (*rollback)(void *backend); /* also after a failed commit; never fails */
    void (*close)(void *backend);
};

/*
 * Opens what an SQLAlchemy DSN names: sqlite:///relative, sqlite:////absolute, sqlite:// (in
 * memory), mysql+pymysql://user:password@host[:port]/name?charset=…&unix_socket=…&ssl_ca=…
 */
err_t *db_open(const char *dsn, struct db **ret) MUST_CHECK;
/* Wraps a back end; takes it. */
struct db *db_create(const struct db_ops *ops, void *backend);
void db_destroy(struct db *db);
AUTO_DEFINE(db, db_destroy)
bool db_is_sqlite(const struct db *db);
/* True if it was made by db_create with these. */
bool db_has_ops(const struct db *db, const struct db_ops *ops);

/* Runs a statement without result.  'ret_affected' (may be NULL): rows found and changed. */
err_t *db_exec(struct db *db, int64_t *ret_affected, const char *sql, const char *types,
               ...) MUST_CHECK;
/* The same with the values in an array, for statements that are put together. */
err_t *db_exec_values(struct db *db, int64_t *ret_affected, const char *sql,
                      const struct db_value *values, size_t count) MUST_CHECK;
/* Runs a query.  Rows are freed by db_rows_destroy. */
err_t *db_query(struct db *db, struct db_rows **ret, const char *sql, const char *types,
                ...) MUST_CHECK;
/* The same with the values in an array, for statements that are put together. */
err_t *db_query_values(struct db *db, struct db_rows **ret, const char *sql,
                       const struct db_value *values, size_t count) MUST_CHECK;

size_t db_rows_count(const struct db_rows *rows);
/* By position; NULL for SQL NULL.  Belongs to 'rows'. */
const char *db_str(const struct db_rows *rows, size_t row, size_t column);
int64_t db_int(const struct db_rows *rows, size_t row, size_t column); /* 0 for SQL NULL */
bool db_is_null(const struct db_rows *rows, size_t row, size_t column);
void db_rows_destroy(struct db_rows *rows);
AUTO_DEFINE(db_rows, db_rows_destroy)

/*
 * Runs 'body' in a transaction (SQLite: BEGIN IMMEDIATE; MariaDB: READ COMMITTED is not assumed,
 * rows that decide are re-checked in WHERE), commits if it returns NULL, else rolls back and
 * returns its error.  DB_DEADLOCK runs the body again, up to DB_TX_TRIES_MAX times: it must have no
 * effect but through 'db'.  Transactions do not nest (asserted).
 */
#define DB_TX_TRIES_MAX 8
typedef err_t *db_tx_fn(struct db *db, void *data);
err_t *db_tx(struct db *db, db_tx_fn *body, void *data) MUST_CHECK;
/* True inside db_tx. */
bool db_in_tx(const struct db *db);
