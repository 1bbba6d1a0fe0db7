/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend - what sqlite.c, mariadb.c and filters share with db.c: how to open a back end, how to
 * fill rows, how to keep prepared statements.  Private to store/.
 */
#pragma once

#include "store/db.h"
#include "store/dsn.h"

/* How long a statement waits for another transaction before it fails with DB_DEADLOCK. */
#define DB_LOCK_WAIT_S 5
/* Prepared statements kept by a connection; when they are so many, all are dropped. */
#define DB_STATEMENTS_MAX 192
/* Parameters of one statement. */
#define DB_VALUES_MAX 96
/* How much of a statement an error message shows. */
#define DB_SQL_SHOWN_MAX 100

extern const struct db_ops sqlite_ops;
extern const struct db_ops mariadb_ops;

/* Opens a back end for the ops above.  Errors: DB_CONNECT.  mariadb takes a copy of nothing: 'dsn'
 * belongs to the back end from then on, also after an error. */
err_t *sqlite_open(const struct dsn *dsn, void **ret) MUST_CHECK;
err_t *mariadb_open(struct dsn *dsn, void **ret) MUST_CHECK;

/* Rows are filled cell by cell, row after row. */
struct db_rows *db_rows_create(size_t columns);
/* Appends a cell of 'size' bytes; NULL is SQL NULL. */
void db_rows_add(struct db_rows *rows, const char *text, size_t size);

/*
 * Puts a filter between 'db' and its back end: from now on 'ops' are called with 'filter', which
 * passes on to what is returned.  The filter's close closes what it stands on.
 */
void db_stack(struct db *db, const struct db_ops *ops, void *filter, const struct db_ops **ret_next,
              void **ret_next_backend);

/* The beginning of a statement, for messages.  Caller frees. */
char *db_sql_shown(const char *sql);
