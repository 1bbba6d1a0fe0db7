/* SPDX-License-Identifier: Apache-2.0 */
/*
 * both - runs a test of store/ twice: on SQLite (a file in a temporary folder) and on a real
 * MariaDB (a fresh database each time).  For the programs in this folder only.
 *
 *     const struct CMUnitTest tests[] = {BOTH(test_x), BOTH(test_y)};
 *     return cmocka_run_group_tests(tests, both_start, both_stop);
 *
 * A test gets struct both *b = *state, with the tables made.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/db.h"
#include "store/migrate.h"
#include "tests/lib/mariadb.h"

#include <glib/gstdio.h>

#define BOTH_NOW ((int64_t)1800000000000)

struct both {
    struct db *db;
    char *dsn;
    char *folder; /* sqlite */
};

static struct mariadb_server *both_server;

static inline int both_start(void **state)
{
    (void)state;
    both_server = mariadb_start();
    return 0;
}

static inline int both_stop(void **state)
{
    (void)state;
    g_clear_pointer(&both_server, mariadb_stop);
    return 0;
}

/* Fails the test with the error's text; takes 'e'. */
static inline void check_ok(err_t *e, const char *file, int line)
{
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    err_free(e);
    print_error("%s\n", text);
    _fail(file, line);
}
#define OK(expr) check_ok((expr), __FILE__, __LINE__)

static inline void check_error(err_t *e, enum err_code code, const char *file, int line)
{
    if (e == NULL) {
        print_error("no error\n");
        _fail(file, line);
    }
    g_autofree char *text = err_text(e);
    bool right = err_code(e) == code;
    err_free(e);
    if (!right) {
        print_error("another error: %s\n", text);
        _fail(file, line);
    }
}
#define FAILS(expr, name) check_error((expr), ERR_##name, __FILE__, __LINE__)

/* Another connection to the same database. */
static inline struct db *both_open(const struct both *b)
{
    struct db *db = NULL;
    OK(db_open(b->dsn, &db));
    return db;
}

static inline int both_sqlite_bare(void **state)
{
    struct both *b = g_new0(struct both, 1);
    b->folder = g_dir_make_tmp("protector-store-XXXXXX", NULL);
    b->dsn = g_strdup_printf("sqlite:///%s/test.db", b->folder);
    b->db = both_open(b);
    *state = b;
    return 0;
}

static inline int both_mariadb_bare(void **state)
{
    struct both *b = g_new0(struct both, 1);
    mariadb_fresh(both_server, "protector");
    b->dsn = mariadb_dsn(both_server, "protector");
    b->db = both_open(b);
    *state = b;
    return 0;
}

static inline int both_sqlite(void **state)
{
    both_sqlite_bare(state);
    OK(store_sync(((struct both *)*state)->db, BOTH_NOW, NULL));
    return 0;
}

static inline int both_mariadb(void **state)
{
    both_mariadb_bare(state);
    OK(store_sync(((struct both *)*state)->db, BOTH_NOW, NULL));
    return 0;
}

static inline int both_close(void **state)
{
    struct both *b = *state;
    db_destroy(b->db);
    if (b->folder != NULL) {
        static const char *const names[] = {"test.db", "test.db-wal", "test.db-shm"};
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
            g_autofree char *path = g_build_filename(b->folder, names[i], NULL);
            g_unlink(path);
        }
        g_rmdir(b->folder);
    }
    g_free(b->folder);
    g_free(b->dsn);
    g_free(b);
    return 0;
}

#define BOTH(test)                                                                                 \
    {#test " (sqlite)", test, both_sqlite, both_close, NULL},                                      \
    {                                                                                              \
#test " (mariadb)", test, both_mariadb, both_close, NULL                                   \
    }
#define BOTH_BARE(test)                                                                            \
    {#test " (sqlite)", test, both_sqlite_bare, both_close, NULL},                                 \
    {                                                                                              \
#test " (mariadb)", test, both_mariadb_bare, both_close, NULL                              \
    }
