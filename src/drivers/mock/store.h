/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store - the mock's database: opening it, its tables, statements and transactions.
 *
 * Only the mock's own; knows SQLite and the driver interface.
 */
#pragma once

#include <sqlite3.h>

#include <protector/driver.h>

#define MOCK_COPY_COLUMNS "key, subject, point_id, epoch, purpose, size_bytes, image_id, released"

struct protector_handle {
    const struct protector_host *host;
    sqlite3 *db;
    char *url[2];
    char *site[2];
    char *name[2];
};

/* Opens (and makes, if need be) the database of the handle's host. */
enum protector_status store_open(struct protector_handle *h, struct protector_error *error);

/*
 * Prepares 'sql' and binds by 'types': s = const char * (NULL is NULL), i = int64_t.  'ret' is
 * given back by sqlite3_finalize.
 */
enum protector_status store_prepare(struct protector_handle *h, sqlite3_stmt **ret,
                                    struct protector_error *error, const char *sql,
                                    const char *types, ...);
/* Steps; 1: a row, 0: the end, -1: 'error' is filled and 'ret_status' set. */
int store_step(struct protector_handle *h, sqlite3_stmt *stmt, enum protector_status *ret_status,
               struct protector_error *error);
/* Runs a statement without rows. */
enum protector_status store_run(struct protector_handle *h, struct protector_error *error,
                                const char *sql, const char *types, ...);
/* The first column of the first row; 'ret' stays if there is no row. */
enum protector_status store_int(struct protector_handle *h, int64_t *ret,
                                struct protector_error *error, const char *sql, const char *types,
                                ...);

/*
 * A transaction around a verb, by its call (waits for others as long as the budget allows).  end
 * commits on OK and PENDING in phase DO, else rolls back (so a check runs the very same code), and
 * gives the verb's outcome.
 */
enum protector_status store_begin(struct protector_handle *h, const struct protector_call *call,
                                  struct protector_error *error);
enum protector_status store_end(struct protector_handle *h, const struct protector_call *call,
                                enum protector_status status, struct protector_error *error);

/* The text of a column; "" for NULL. */
const char *store_text(sqlite3_stmt *stmt, int column);
