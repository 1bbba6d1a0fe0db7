/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction on SQLite when the n-th call to the kernel fails: all of it is there or nothing,
 * what was said to be committed stays, and the next transaction succeeds.
 */
#include "tests/failing/loop.h"

#include "store/migrate.h"
#include "store/tx.h"

#include <glib/gstdio.h>
#include <string.h>

struct room {
    char *dir, *dsn;
    struct env env;
    uint64_t drawn;
    int64_t kept; /* pairs that were said to be committed */
};

static int64_t clock_stands(void *data G_GNUC_UNUSED)
{
    return 1764000000000;
}

static void chance(void *data, void *buffer, size_t size)
{
    struct room *r = data;

    for (size_t i = 0; i < size; i++) {
        r->drawn = r->drawn * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)buffer)[i] = (unsigned char)(r->drawn >> 56);
    }
}

static void good(err_t *e, const char *what)
{
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    fail_msg("after %s, %s: %s", failing_name(), what, text);
}

static int room_make(void **state)
{
    struct room *r = g_new0(struct room, 1);
    AUTO(db) db = NULL;

    r->dir = g_dir_make_tmp("protector-failing-XXXXXX", NULL);
    r->dsn = g_strdup_printf("sqlite:///%s/x.db", r->dir);
    r->env = (struct env){r, clock_stands, clock_stands, chance};
    good(db_open(r->dsn, &db), "open");
    good(store_sync(db, 1, NULL), "tables");
    good(db_exec(db, NULL, "CREATE TABLE pairs (n INTEGER, side INTEGER)", ""), "table");
    *state = r;
    return 0;
}

static int room_end(void **state)
{
    struct room *r = *state;
    g_autoptr(GDir) dir = g_dir_open(r->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(r->dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(r->dir);
    g_free(r->dir);
    g_free(r->dsn);
    g_free(r);
    return 0;
}

static err_t *both_sides(struct db *db, void *data)
{
    struct room *r = data;

    TRY(db_exec(db, NULL, "INSERT INTO pairs VALUES (?, 0)", "i", r->kept));
    return db_exec(db, NULL, "INSERT INTO pairs VALUES (?, 1)", "i", r->kept);
}

/* A connection of its own, as a process that starts. */
static err_t *write_pair(void *data)
{
    struct room *r = data;
    AUTO(db) db = NULL;

    TRY(db_open(r->dsn, &db));
    return store_tx(db, &r->env, both_sides, r);
}

static int64_t count(struct db *db, const char *sql, int64_t n)
{
    AUTO(db_rows) rows = NULL;

    good(db_query(db, &rows, sql, "i", n), "looked at");
    return db_int(rows, 0, 0);
}

static void judge(void *data, bool done)
{
    struct room *r = data;
    AUTO(db) db = NULL;

    good(db_open(r->dsn, &db), "opened");
    int64_t written = count(db, "SELECT COUNT(*) FROM pairs WHERE n = ?", r->kept);
    if (written != 0 && written != 2)
        fail_msg("after %s there are %d rows of a pair", failing_name(), (int)written);
    if (done)
        assert_int_equal(written, 2);
    assert_int_equal(count(db, "SELECT COUNT(DISTINCT n) FROM pairs WHERE n < ?", r->kept),
                     r->kept);
    if (written == 0)
        good(store_tx(db, &r->env, both_sides, r), "said again");
    r->kept++;
}

static void test_transaction(void **state)
{
    loop_run(&(struct loop){"transaction", NULL, write_pair, judge, *state,
                            1u << FAILING_IO | 1u << FAILING_FULL, 10});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transaction)};

    return cmocka_run_group_tests(tests, room_make, room_end);
}
