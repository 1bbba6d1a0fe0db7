/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/db and its back ends: values, errors, transactions, what a lost connection means,
 * and what the filter faulty.c can play (story B14 of the sync protocol).
 */
#include "tests/unit/store/both.h"

#include "store/faulty.h"

static int bare(void **state, int (*open)(void **state))
{
    open(state);
    struct both *b = *state;
    OK(db_exec(b->db, NULL,
               "CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, name varchar(20), body longtext)",
               ""));
    return 0;
}

static int bare_sqlite(void **state)
{
    return bare(state, both_sqlite_bare);
}

static int bare_mariadb(void **state)
{
    return bare(state, both_mariadb_bare);
}

static void insert(struct db *db, int64_t id, const char *name)
{
    OK(db_exec(db, NULL, "INSERT INTO t (id, name) VALUES (?, ?)", "is", id, name));
}

static int64_t count(struct db *db)
{
    AUTO(db_rows) rows = NULL;
    OK(db_query(db, &rows, "SELECT COUNT(*) FROM t", ""));
    return db_int(rows, 0, 0);
}

static void test_values(void **state)
{
    struct both *b = *state;
    g_autofree char *long_text = g_strnfill(100000, 'x');
    AUTO(db_rows) rows = NULL;
    int64_t affected = 0;
    OK(db_exec(b->db, &affected, "INSERT INTO t (id, name, body) VALUES (?, ?, ?)", "iss",
               INT64_MIN, "a'\\\"%;\n", long_text));
    assert_int_equal(affected, 1);
    OK(db_exec(b->db, NULL, "INSERT INTO t (id, name, body) VALUES (?, ?, ?)", "isn", INT64_MAX,
               NULL));
    OK(db_query(b->db, &rows, "SELECT id, name, body FROM t ORDER BY id", ""));
    assert_int_equal(db_rows_count(rows), 2);
    assert_true(db_int(rows, 0, 0) == INT64_MIN);
    assert_string_equal(db_str(rows, 0, 1), "a'\\\"%;\n");
    assert_string_equal(db_str(rows, 0, 2), long_text);
    assert_true(db_int(rows, 1, 0) == INT64_MAX);
    assert_true(db_is_null(rows, 1, 1));
    assert_null(db_str(rows, 1, 2));
    assert_int_equal(db_int(rows, 1, 2), 0);
}

static void test_empty_and_exact_sizes(void **state)
{
    struct both *b = *state;
    for (int64_t size = 254; size <= 258; size++) {
        g_autofree char *text = g_strnfill((gsize)size, 'y');
        AUTO(db_rows) rows = NULL;
        OK(db_exec(b->db, NULL, "INSERT INTO t (id, name, body) VALUES (?, ?, ?)", "iss", size, "",
                   text));
        OK(db_query(b->db, &rows, "SELECT name, body FROM t WHERE id = ?", "i", size));
        assert_string_equal(db_str(rows, 0, 0), "");
        assert_string_equal(db_str(rows, 0, 1), text);
    }
    AUTO(db_rows) none = NULL;
    OK(db_query(b->db, &none, "SELECT id FROM t WHERE id = 1", ""));
    assert_int_equal(db_rows_count(none), 0);
}

/* Rows found count, also if they are written as they were. */
static void test_affected(void **state)
{
    struct both *b = *state;
    int64_t affected = -1;
    insert(b->db, 1, "a");
    OK(db_exec(b->db, &affected, "UPDATE t SET name = 'a' WHERE id = 1", ""));
    assert_int_equal(affected, 1);
    OK(db_exec(b->db, &affected, "UPDATE t SET name = 'a' WHERE id = 2", ""));
    assert_int_equal(affected, 0);
    OK(db_exec(b->db, &affected, "DELETE FROM t WHERE id = 1", ""));
    assert_int_equal(affected, 1);
}

static void test_errors(void **state)
{
    struct both *b = *state;
    insert(b->db, 1, "a");
    FAILS(db_exec(b->db, NULL, "INSERT INTO t (id) VALUES (1)", ""), DB_DUPLICATE);
    g_autoptr(err_t) e = db_exec(b->db, NULL, "INSERT INTO nothing (id) VALUES (1)", "");
    assert_int_equal(err_code(e), ERR_DB);
    g_autofree char *text = err_text(e);
    assert_non_null(strstr(text, "INSERT INTO nothing"));
    assert_null(strstr(text, "PROTECTOR_DBPASS"));
    /* Goes on working. */
    insert(b->db, 2, "b");
    assert_int_equal(count(b->db), 2);
}

/* SQL mode TRADITIONAL: what does not fit is refused, not cut. */
static void test_strict(void **state)
{
    struct both *b = *state;
    FAILS(db_exec(b->db, NULL, "INSERT INTO t (id, name) VALUES (1, ?)", "s",
                  "more than twenty characters"),
          DB);
    assert_int_equal(count(b->db), 0);
}

static void test_many_statements(void **state)
{
    struct both *b = *state;
    for (int i = 0; i < 500; i++) {
        g_autofree char *sql = g_strdup_printf("SELECT %d FROM t", i);
        AUTO(db_rows) rows = NULL;
        OK(db_query(b->db, &rows, sql, ""));
    }
    insert(b->db, 1, "a");
    AUTO(db_rows) rows = NULL;
    OK(db_query(b->db, &rows, "SELECT 7 FROM t", ""));
    assert_int_equal(db_int(rows, 0, 0), 7);
}

/* ---- transactions */

struct body {
    int runs;
    bool fail;
    int64_t id;
};

static err_t *insert_body(struct db *db, void *data)
{
    struct body *body = data;
    body->runs++;
    assert_true(db_in_tx(db));
    TRY(db_exec(db, NULL, "INSERT INTO t (id) VALUES (?)", "i", body->id));
    return body->fail ? err(CONFLICT, "the body says no") : NULL;
}

static void test_commit_and_rollback(void **state)
{
    struct both *b = *state;
    AUTO(db) other = both_open(b);
    struct body body = {.id = 1};
    OK(db_tx(b->db, insert_body, &body));
    assert_false(db_in_tx(b->db));
    assert_int_equal(count(other), 1);
    body = (struct body){.id = 2, .fail = true};
    FAILS(db_tx(b->db, insert_body, &body), CONFLICT);
    assert_int_equal(body.runs, 1);
    assert_int_equal(count(other), 1);
}

static err_t *swallow_body(struct db *db, void *data)
{
    err_t *e = db_exec(db, NULL, data, "");
    assert_non_null(e);
    err_free(e);
    return db_exec(db, NULL, "INSERT INTO t (id) VALUES (5)", "");
}

/* A duplicate may be an answer; any other error ends the transaction, whatever the body thinks. */
static void test_swallowed_errors(void **state)
{
    struct both *b = *state;
    insert(b->db, 1, "a");
    OK(db_tx(b->db, swallow_body, (char[]){"INSERT INTO t (id) VALUES (1)"}));
    assert_int_equal(count(b->db), 2);
    OK(db_exec(b->db, NULL, "DELETE FROM t WHERE id = 5", ""));
    FAILS(db_tx(b->db, swallow_body, (char[]){"INSERT INTO nothing (id) VALUES (1)"}), DB);
    assert_int_equal(count(b->db), 1);
}

struct racer {
    struct db *other;
    int runs;
};

/*
 * Reads, is overtaken by another connection, and writes what it read: must not lose the other's.
 * (SQLite begins with the write lock: nobody can overtake.)
 */
static err_t *overtaken_body(struct db *db, void *data)
{
    struct racer *racer = data;
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, "SELECT name FROM t WHERE id = 1", ""));
    g_autofree char *next = g_strconcat(db_str(rows, 0, 0), "+", NULL);
    if (racer->runs++ == 0)
        OK(db_exec(racer->other, NULL, "UPDATE t SET name = 'other' WHERE id = 1", ""));
    return db_exec(db, NULL, "UPDATE t SET name = ? WHERE id = 1", "s", next);
}

static void test_no_lost_update(void **state)
{
    struct both *b = *state;
    AUTO(db) other = both_open(b);
    struct racer racer = {.other = other};
    insert(b->db, 1, "a");
    OK(db_tx(b->db, overtaken_body, &racer));
    assert_int_equal(racer.runs, 2);
    AUTO(db_rows) rows = NULL;
    OK(db_query(b->db, &rows, "SELECT name FROM t", ""));
    assert_string_equal(db_str(rows, 0, 0), "other+");
}

/* What a transaction does after the database has rolled it back must not commit by itself. */
static err_t *goes_on_body(struct db *db, void *data)
{
    struct racer *racer = data;
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, "SELECT name FROM t WHERE id = 1", ""));
    if (racer->runs++ == 0)
        OK(db_exec(racer->other, NULL, "UPDATE t SET name = 'other' WHERE id = 1", ""));
    err_t *rolled_back = db_exec(db, NULL, "UPDATE t SET name = 'mine' WHERE id = 1", "");
    assert_true((rolled_back != NULL) == (racer->runs == 1));
    err_free(rolled_back);
    err_t *after = db_exec(db, NULL, "INSERT INTO t (id) VALUES (77)", "");
    err_free(after);
    return err(CONFLICT, "no");
}

static void test_goes_on_after_rollback(void **state)
{
    struct both *b = *state;
    AUTO(db) other = both_open(b);
    struct racer racer = {.other = other};
    insert(b->db, 1, "a");
    FAILS(db_tx(b->db, goes_on_body, &racer), CONFLICT);
    assert_int_equal(count(other), 1);
}

/* ---- B14, played by the filter */

static void test_deadlock_is_retried(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    struct body body = {.id = 1};
    faulty_arm(faulty, FAULTY_STATEMENT, 1, 2, ERR_DB_DEADLOCK, false);
    OK(db_tx(b->db, insert_body, &body));
    assert_int_equal(body.runs, 3);
    body = (struct body){.id = 2};
    faulty_arm(faulty, FAULTY_COMMIT, 1, 1, ERR_DB_DEADLOCK, false);
    OK(db_tx(b->db, insert_body, &body));
    assert_int_equal(body.runs, 2);
    assert_int_equal(count(b->db), 2);
}

static void test_deadlock_for_ever(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    struct body body = {.id = 1};
    faulty_arm(faulty, FAULTY_COMMIT, 1, 0, ERR_DB_DEADLOCK, false);
    FAILS(db_tx(b->db, insert_body, &body), DB_DEADLOCK);
    assert_int_equal(body.runs, DB_TX_TRIES_MAX);
    assert_int_equal(faulty_failed(faulty, FAULTY_COMMIT), DB_TX_TRIES_MAX);
    faulty_arm(faulty, FAULTY_COMMIT, 0, 0, ERR_DB, false);
    assert_int_equal(count(b->db), 0);
}

static err_t *swallow_deadlock_body(struct db *db, void *data)
{
    struct body *body = data;
    body->runs++;
    err_t *first = db_exec(db, NULL, "INSERT INTO t (id) VALUES (1)", "");
    err_free(first);
    /* After a deadlock this must not be committed by itself. */
    err_t *second = db_exec(db, NULL, "INSERT INTO t (id) VALUES (?)", "i", body->id);
    err_free(second);
    return NULL;
}

static void test_swallowed_deadlock(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    struct body body = {.id = 2};
    faulty_arm(faulty, FAULTY_STATEMENT, 1, 1, ERR_DB_DEADLOCK, false);
    OK(db_tx(b->db, swallow_deadlock_body, &body));
    assert_int_equal(body.runs, 2);
    assert_int_equal(count(b->db), 2);
}

static void test_not_ready_stops(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    for (int point = 0; point < FAULTY_POINT_COUNT; point++) {
        struct body body = {.id = 1};
        faulty_arm(faulty, (enum faulty_point)point, 1, 1, ERR_DB_NOT_READY, false);
        err_t *e = db_tx(b->db, insert_body, &body);
        assert_non_null(e);
        assert_int_equal(err_class(e), ERR_CLASS_FENCED);
        FAILS(e, DB_NOT_READY);
        assert_int_equal(body.runs, point == FAULTY_BEGIN ? 0 : 1);
        assert_int_equal(count(b->db), 0);
    }
}

static void test_lost_commit(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    struct body body = {.id = 1};
    faulty_arm(faulty, FAULTY_COMMIT, 1, 1, ERR_DB_COMMIT_UNKNOWN, true);
    FAILS(db_tx(b->db, insert_body, &body), DB_COMMIT_UNKNOWN);
    assert_int_equal(body.runs, 1);
    assert_int_equal(count(b->db), 1);
    body.id = 2;
    faulty_arm(faulty, FAULTY_COMMIT, 1, 1, ERR_DB_COMMIT_UNKNOWN, false);
    FAILS(db_tx(b->db, insert_body, &body), DB_COMMIT_UNKNOWN);
    assert_int_equal(count(b->db), 1);
}

static void test_single_statement_is_retried(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    faulty_arm(faulty, FAULTY_STATEMENT, 1, 3, ERR_DB_DEADLOCK, false);
    insert(b->db, 1, "a");
    assert_int_equal(faulty_failed(faulty, FAULTY_STATEMENT), 3);
    assert_int_equal(count(b->db), 1);
}

/* ---- real ones */

static void kill_connection(struct db *victim)
{
    AUTO(db_rows) rows = NULL;
    OK(db_query(victim, &rows, "SELECT CONNECTION_ID()", ""));
    g_autofree char *sql = g_strdup_printf("KILL CONNECTION %s", db_str(rows, 0, 0));
    mariadb_sql(both_server, sql);
}

struct killer {
    int64_t kill_after; /* statements */
    int runs;
};

static err_t *killed_body(struct db *db, void *data)
{
    struct killer *killer = data;
    killer->runs++;
    for (int64_t i = 0; i < 3; i++) {
        if (i == killer->kill_after)
            kill_connection(db);
        TRY(db_exec(db, NULL, "INSERT INTO t (id) VALUES (?)", "i", i));
    }
    if (killer->kill_after == 3)
        kill_connection(db);
    return NULL;
}

/* An idle connection that died is opened again; inside a transaction it is an error. */
static void test_lost_connection(void **state)
{
    struct both *b = *state;
    insert(b->db, 100, "a");
    kill_connection(b->db);
    assert_int_equal(count(b->db), 1); /* a read */
    kill_connection(b->db);
    insert(b->db, 101, "a"); /* a write */
    kill_connection(b->db);
    struct body body = {.id = 102};
    OK(db_tx(b->db, insert_body, &body)); /* BEGIN */
    assert_int_equal(body.runs, 1);
    for (int64_t i = 0; i < 3; i++) {
        struct killer killer = {.kill_after = i};
        FAILS(db_tx(b->db, killed_body, &killer), DB_CONNECT);
        assert_int_equal(killer.runs, 1);
    }
    struct killer killer = {.kill_after = 3};
    FAILS(db_tx(b->db, killed_body, &killer), DB_COMMIT_UNKNOWN);
    assert_int_equal(count(b->db), 3);
}

static void test_server_down(void **state)
{
    struct both *b = *state;
    insert(b->db, 1, "a");
    mariadb_kill(both_server);
    AUTO(db_rows) rows = NULL;
    FAILS(db_query(b->db, &rows, "SELECT COUNT(*) FROM t", ""), DB_CONNECT);
    struct body body = {.id = 2};
    FAILS(db_tx(b->db, insert_body, &body), DB_CONNECT);
    assert_int_equal(body.runs, 0);
    struct db *none = NULL;
    FAILS(db_open(b->dsn, &none), DB_CONNECT);
    mariadb_restart(both_server, NULL);
    assert_int_equal(count(b->db), 1);
    OK(db_tx(b->db, insert_body, &body));
}

struct locker {
    struct db *other;
    enum err_code code;
};

static err_t *locking_body(struct db *db, void *data)
{
    struct locker *locker = data;
    TRY(db_exec(db, NULL, "UPDATE t SET name = 'x' WHERE id = 1", ""));
    err_t *e = db_exec(locker->other, NULL, "UPDATE t SET name = 'y' WHERE id = 1", "");
    locker->code = e != NULL ? err_code(e) : ERR_COUNT;
    err_free(e);
    return NULL;
}

/* 1205 and SQLITE_BUSY: who waits too long may try again. */
static void test_lock_wait(void **state)
{
    struct both *b = *state;
    AUTO(db) other = both_open(b);
    struct locker locker = {.other = other};
    insert(b->db, 1, "a");
    if (db_is_sqlite(b->db))
        OK(db_exec(other, NULL, "PRAGMA busy_timeout = 10", ""));
    else
        OK(db_exec(other, NULL, "SET SESSION innodb_lock_wait_timeout = 0", ""));
    OK(db_tx(b->db, locking_body, &locker));
    assert_int_equal(locker.code, ERR_DB_DEADLOCK);
    OK(db_exec(other, NULL, "UPDATE t SET name = 'y' WHERE id = 1", ""));
}

static void test_session(void **state)
{
    struct both *b = *state;
    static const struct {
        const char *variable;
        const char *value;
    } rows[] = {
        {"wsrep_sync_wait", "1"},
        {"character_set_client", "utf8mb4"},
        {"character_set_connection", "utf8mb4"},
        {"tx_isolation", "REPEATABLE-READ"},
        {"innodb_snapshot_isolation", "ON"},
        {"autocommit", "ON"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(db_rows) there = NULL;
        OK(db_query(b->db, &there,
                    "SELECT variable_value FROM information_schema.session_variables"
                    " WHERE variable_name = ?",
                    "s", rows[i].variable));
        assert_string_equal(db_str(there, 0, 0), rows[i].value);
    }
}

/* What the server would not take is refused with words, and the connection lives on. */
static void test_too_large(void **state)
{
    struct both *b = *state;
    g_autofree char *text = g_strnfill(20 * 1024 * 1024, 'x');
    insert(b->db, 1, "a");
    g_autoptr(err_t) e = db_exec(b->db, NULL, "UPDATE t SET body = ? WHERE id = 1", "s", text);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_TOO_LARGE);
    assert_non_null(strstr(err_remedy_text(e), "max_allowed_packet"));
    text[15 * 1024 * 1024] = '\0';
    OK(db_exec(b->db, NULL, "UPDATE t SET body = ? WHERE id = 1", "s", text));
    AUTO(db_rows) rows = NULL;
    OK(db_query(b->db, &rows, "SELECT body FROM t", ""));
    assert_int_equal(strlen(db_str(rows, 0, 0)), 15 * 1024 * 1024);
}

/* Opens 'dsn' with more parameters; the cipher, or NULL if it does not connect. */
static char *cipher_with(const struct both *b, const char *more)
{
    g_autofree char *dsn = g_strconcat(b->dsn, more, NULL);
    AUTO(db) db = NULL;
    AUTO(db_rows) rows = NULL;
    err_t *e = db_open(dsn, &db);
    if (e != NULL) {
        FAILS(e, DB_CONNECT);
        return NULL;
    }
    OK(db_query(db, &rows, "SHOW STATUS LIKE 'Ssl_cipher'", ""));
    return g_strdup(db_str(rows, 0, 1));
}

static void test_tls(void **state)
{
    struct both *b = *state;
    const char *root = g_getenv("SOURCE_ROOT");
    g_autofree char *cert = g_strdup_printf("%s/tests/unit/net/tls/cert.pem", root);
    g_autofree char *cert_option = g_strdup_printf("--ssl-cert=%s", cert);
    g_autofree char *key_option = g_strdup_printf("--ssl-key=%s/tests/unit/net/tls/key.pem", root);
    const char *const options[] = {cert_option, key_option, NULL};
    g_autofree char *right = g_strdup_printf("&ssl_ca=%s", cert);
    g_autofree char *without = cipher_with(b, right);
    assert_null(without); /* a server without TLS is not talked to in clear */
    mariadb_kill(both_server);
    mariadb_restart(both_server, options);
    g_autofree char *verified = cipher_with(b, right);
    assert_non_null(verified);
    assert_string_not_equal(verified, "");
    g_autofree char *unknown_ca = cipher_with(b, "&ssl_ca=/dev/null");
    assert_null(unknown_ca);
    g_autofree char *plain = cipher_with(b, "");
    assert_string_equal(plain, "");
    mariadb_kill(both_server);
    mariadb_restart(both_server, NULL);
}

#define HERE(test)                                                                                 \
    {#test " (sqlite)", test, bare_sqlite, both_close, NULL},                                      \
    {                                                                                              \
#test " (mariadb)", test, bare_mariadb, both_close, NULL                                   \
    }

#define MARIADB(test)                                                                              \
    {                                                                                              \
#test " (mariadb)", test, bare_mariadb, both_close, NULL                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        HERE(test_values),
        HERE(test_empty_and_exact_sizes),
        HERE(test_affected),
        HERE(test_errors),
        MARIADB(test_strict),
        HERE(test_many_statements),
        HERE(test_commit_and_rollback),
        HERE(test_swallowed_errors),
        MARIADB(test_no_lost_update),
        MARIADB(test_goes_on_after_rollback),
        HERE(test_deadlock_is_retried),
        HERE(test_deadlock_for_ever),
        HERE(test_swallowed_deadlock),
        HERE(test_not_ready_stops),
        HERE(test_lost_commit),
        HERE(test_single_statement_is_retried),
        MARIADB(test_lost_connection),
        MARIADB(test_server_down),
        HERE(test_lock_wait),
        MARIADB(test_too_large),
        MARIADB(test_tls),
        MARIADB(test_session),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
