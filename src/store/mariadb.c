/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mariadb - the MariaDB back end of db.h (also Galera), over libmariadb's prepared statements.
 *
 * A session is utf8mb4, strict, REPEATABLE READ with conflict detection where the server has it
 * (innodb_snapshot_isolation), waits for its Galera node to have caught up before reads
 * (wsrep_sync_wait), and counts rows found, not rows changed, as SQLite does.
 *
 * A lost connection is opened again between transactions, never inside one: the server has rolled
 * back what was open, and the caller must know.  Lost outside a transaction, a read is sent again;
 * a write is not, for it may have happened (DB_COMMIT_UNKNOWN).  As idle connections die of old
 * age, a write outside a transaction pings first.
 */
#include "store/backend.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdint.h>
#include <string.h>

/* A first guess at the size of a text cell; longer ones are fetched again. */
#define CELL_SIZE 256
/* What a packet holds beside the values, generously. */
#define PACKET_OVERHEAD 4096

struct mariadb {
    struct dsn *dsn;
    MYSQL *handle;          /* NULL: not connected */
    GHashTable *statements; /* sql -> MYSQL_STMT, of this connection */
    bool in_tx;
    size_t packet_max; /* the server's max_allowed_packet */
};

static const struct {
    unsigned code;
    enum err_code meaning;
} codes[] = {
    {ER_DUP_ENTRY, ERR_DB_DUPLICATE},
    {ER_DUP_ENTRY_WITH_KEY_NAME, ERR_DB_DUPLICATE},
    {ER_LOCK_DEADLOCK, ERR_DB_DEADLOCK},
    {ER_LOCK_WAIT_TIMEOUT, ERR_DB_DEADLOCK},
    {ER_CHECKREAD, ERR_DB_DEADLOCK}, /* innodb_snapshot_isolation: changed since it was read */
    {ER_UNKNOWN_COM_ERROR, ERR_DB_NOT_READY}, /* Galera: the node has left the cluster */
    {ER_CON_COUNT_ERROR, ERR_DB_CONNECT},
    {ER_ACCESS_DENIED_ERROR, ERR_DB_CONNECT},
    {ER_DBACCESS_DENIED_ERROR, ERR_DB_CONNECT},
    {ER_BAD_DB_ERROR, ERR_DB_CONNECT},
    {CR_CONNECTION_ERROR, ERR_DB_CONNECT},
    {CR_CONN_HOST_ERROR, ERR_DB_CONNECT},
    {CR_UNKNOWN_HOST, ERR_DB_CONNECT},
    {CR_SERVER_GONE_ERROR, ERR_DB_CONNECT},
    {CR_SERVER_LOST, ERR_DB_CONNECT},
    {CR_SERVER_LOST_EXTENDED, ERR_DB_CONNECT},
    {CR_SSL_CONNECTION_ERROR, ERR_DB_CONNECT},
    {ER_SERVER_SHUTDOWN, ERR_DB_CONNECT},
    {ER_CONNECTION_KILLED, ERR_DB_CONNECT},
};

/* True if after this error the connection cannot be used any more. */
static bool is_lost(unsigned code)
{
    static const unsigned lost[] = {CR_SERVER_GONE_ERROR,    CR_SERVER_LOST,
                                    CR_SERVER_LOST_EXTENDED, ER_SERVER_SHUTDOWN,
                                    ER_CONNECTION_KILLED,    CR_COMMANDS_OUT_OF_SYNC};
    for (size_t i = 0; i < G_N_ELEMENTS(lost); i++)
        if (lost[i] == code)
            return true;
    return false;
}

static err_t *failed(const struct mariadb *m, const char *what, unsigned code, const char *message)
{
    enum err_code meaning = ERR_DB;
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
        if (codes[i].code == code)
            meaning = codes[i].meaning;
    g_autofree char *where = dsn_print(m->dsn);
    g_autofree char *shown = db_sql_shown(what);
    return err_make(__FILE__, __LINE__, meaning, "%s: '%s' failed: %s (%u)", where, shown, message,
                    code);
}

static void disconnect(struct mariadb *m)
{
    g_hash_table_remove_all(m->statements);
    g_clear_pointer(&m->handle, mysql_close);
}

/* A statement without parameters and rows that matter. */
static err_t *simple(struct mariadb *m, const char *sql)
{
    if (mysql_real_query(m->handle, sql, strlen(sql)) != 0)
        return failed(m, sql, mysql_errno(m->handle), mysql_error(m->handle));
    MYSQL_RES *result = mysql_store_result(m->handle);
    if (result != NULL)
        mysql_free_result(result);
    return NULL;
}

static void set_tls(MYSQL *handle, const struct dsn *dsn)
{
    if (dsn->ssl_ca == NULL && dsn->ssl_cert == NULL && dsn->ssl_key == NULL)
        return;
    my_bool on = 1;
    my_bool check = dsn->ssl_ca != NULL && dsn->ssl_check_host;
    mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &on);
    mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &check);
    if (dsn->ssl_ca != NULL)
        mysql_optionsv(handle, MYSQL_OPT_SSL_CA, dsn->ssl_ca);
    if (dsn->ssl_cert != NULL)
        mysql_optionsv(handle, MYSQL_OPT_SSL_CERT, dsn->ssl_cert);
    if (dsn->ssl_key != NULL)
        mysql_optionsv(handle, MYSQL_OPT_SSL_KEY, dsn->ssl_key);
}

/* Without a socket in the DSN it is TCP, also to localhost: as PyMySQL does it. */
static void set_options(MYSQL *handle, const struct dsn *dsn)
{
    unsigned protocol = dsn->unix_socket != NULL ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    mysql_optionsv(handle, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &dsn->connect_timeout_s);
    mysql_optionsv(handle, MYSQL_OPT_READ_TIMEOUT, &dsn->read_timeout_s);
    mysql_optionsv(handle, MYSQL_OPT_WRITE_TIMEOUT, &dsn->write_timeout_s);
    set_tls(handle, dsn);
}

/* Sets what only some servers have. */
static err_t *set_up_optional(struct mariadb *m)
{
    static const struct {
        const char *variable;
        const char *sql;
    } wanted[] = {
        {"wsrep_sync_wait", "SET SESSION wsrep_sync_wait = 1"},
        {"innodb_snapshot_isolation", "SET SESSION innodb_snapshot_isolation = ON"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autofree char *ask =
            g_strdup_printf("SHOW SESSION VARIABLES LIKE '%s'", wanted[i].variable);
        if (mysql_query(m->handle, ask) != 0)
            return failed(m, ask, mysql_errno(m->handle), mysql_error(m->handle));
        MYSQL_RES *result = mysql_store_result(m->handle);
        bool there = result != NULL && mysql_num_rows(result) > 0;
        mysql_free_result(result);
        if (there)
            TRY(simple(m, wanted[i].sql));
    }
    return NULL;
}

static err_t *read_packet_max(struct mariadb *m)
{
    static const char sql[] = "SELECT @@SESSION.max_allowed_packet";
    if (mysql_real_query(m->handle, sql, strlen(sql)) != 0)
        return failed(m, sql, mysql_errno(m->handle), mysql_error(m->handle));
    MYSQL_RES *result = mysql_store_result(m->handle);
    MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
    m->packet_max = row != NULL && row[0] != NULL ? g_ascii_strtoull(row[0], NULL, 10) : 0;
    mysql_free_result(result);
    return NULL;
}

static err_t *set_up(struct mariadb *m)
{
    static const char *const settings[] = {
        "SET SESSION sql_mode = 'TRADITIONAL'",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION autocommit = 1",
        ("SET SESSION innodb_lock_wait_timeout = " G_STRINGIFY(DB_LOCK_WAIT_S)),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
        TRY(simple(m, settings[i]));
    TRY(read_packet_max(m));
    return set_up_optional(m);
}

static err_t *try_connect(struct mariadb *m)
{
    m->handle = mysql_init(NULL);
    g_assert(m->handle != NULL);
    const struct dsn *dsn = m->dsn;
    set_options(m->handle, dsn);
    if (mysql_real_connect(m->handle, dsn->host, dsn->user, dsn->password, dsn->database, dsn->port,
                           dsn->unix_socket, CLIENT_FOUND_ROWS) == NULL) {
        err_t *e = failed(m, "connect", mysql_errno(m->handle), mysql_error(m->handle));
        return err_is(e, ERR_DB_CONNECT) ? e : err_recode(DB_CONNECT, e, "no connection");
    }
    return set_up(m);
}

static err_t *connected(struct mariadb *m)
{
    if (m->handle != NULL)
        return NULL;
    err_t *e = try_connect(m);
    if (e != NULL)
        disconnect(m);
    return e;
}

static err_t *stmt_failed(struct mariadb *m, MYSQL_STMT *stmt, const char *sql, bool *ret_lost)
{
    unsigned code = mysql_stmt_errno(stmt);
    *ret_lost = is_lost(code);
    return failed(m, sql, code, mysql_stmt_error(stmt));
}

static err_t *prepare(struct mariadb *m, const char *sql, MYSQL_STMT **ret, bool *ret_lost)
{
    MYSQL_STMT *stmt = g_hash_table_lookup(m->statements, sql);
    if (stmt == NULL) {
        stmt = mysql_stmt_init(m->handle);
        g_assert(stmt != NULL);
        if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
            err_t *e = stmt_failed(m, stmt, sql, ret_lost);
            mysql_stmt_close(stmt);
            return e;
        }
        if (g_hash_table_size(m->statements) >= DB_STATEMENTS_MAX)
            g_hash_table_remove_all(m->statements);
        g_hash_table_insert(m->statements, g_strdup(sql), stmt);
    }
    *ret = stmt;
    return NULL;
}

static void bind_values(MYSQL_STMT *stmt, const struct db_value *values, size_t count,
                        MYSQL_BIND *binds, unsigned long *sizes)
{
    g_assert(mysql_stmt_param_count(stmt) == count);
    memset(binds, 0, sizeof(*binds) * count);
    for (size_t i = 0; i < count; i++) {
        if (values[i].type == 's') {
            sizes[i] = strlen(values[i].text);
            binds[i].buffer_type = MYSQL_TYPE_STRING;
            binds[i].buffer = (void *)(uintptr_t)values[i].text;
            binds[i].buffer_length = sizes[i];
            binds[i].length = &sizes[i];
        } else if (values[i].type == 'i') {
            binds[i].buffer_type = MYSQL_TYPE_LONGLONG;
            binds[i].buffer = (void *)(uintptr_t)&values[i].number;
        } else {
            binds[i].buffer_type = MYSQL_TYPE_NULL;
        }
    }
    if (count > 0)
        mysql_stmt_bind_param(stmt, binds);
}

/* The cells of a row while it is fetched. */
struct cell {
    char text[CELL_SIZE];
    unsigned long size;
    my_bool null;
    my_bool cut;
};

static void add_cell(MYSQL_STMT *stmt, unsigned column, const struct cell *cell,
                     struct db_rows *rows)
{
    if (cell->null) {
        db_rows_add(rows, NULL, 0);
        return;
    }
    if (cell->size <= sizeof(cell->text)) {
        db_rows_add(rows, cell->text, cell->size);
        return;
    }
    g_autofree char *text = g_malloc(cell->size);
    unsigned long size = 0;
    MYSQL_BIND whole = {
        .buffer_type = MYSQL_TYPE_STRING,
        .buffer = text,
        .buffer_length = cell->size,
        .length = &size,
    };
    int code = mysql_stmt_fetch_column(stmt, &whole, column, 0);
    g_assert(code == 0);
    db_rows_add(rows, text, cell->size);
}

static err_t *fetch(struct mariadb *m, MYSQL_STMT *stmt, const char *sql, struct db_rows **ret,
                    bool *ret_lost)
{
    unsigned columns = mysql_stmt_field_count(stmt);
    AUTO(db_rows) rows = db_rows_create(columns);
    g_autofree struct cell *cells = g_new0(struct cell, columns);
    g_autofree MYSQL_BIND *binds = g_new0(MYSQL_BIND, columns);
    for (unsigned i = 0; i < columns; i++) {
        binds[i].buffer_type = MYSQL_TYPE_STRING;
        binds[i].buffer = cells[i].text;
        binds[i].buffer_length = sizeof(cells[i].text);
        binds[i].length = &cells[i].size;
        binds[i].is_null = &cells[i].null;
        binds[i].error = &cells[i].cut;
    }
    if (columns > 0 && (mysql_stmt_bind_result(stmt, binds) || mysql_stmt_store_result(stmt) != 0))
        return stmt_failed(m, stmt, sql, ret_lost);
    int code = MYSQL_NO_DATA;
    while (columns > 0 && ((code = mysql_stmt_fetch(stmt)) == 0 || code == MYSQL_DATA_TRUNCATED))
        for (unsigned i = 0; i < columns; i++)
            add_cell(stmt, i, &cells[i], rows);
    if (code != MYSQL_NO_DATA)
        return stmt_failed(m, stmt, sql, ret_lost);
    *ret = TAKE(rows);
    return NULL;
}

/* The server would cut the connection over it, and that would look like a lost one. */
static err_t *check_size(const struct mariadb *m, const struct db_value *values, size_t count)
{
    size_t size = PACKET_OVERHEAD;
    for (size_t i = 0; i < count; i++)
        size += values[i].type == 's' ? strlen(values[i].text) : sizeof(int64_t);
    if (m->packet_max == 0 || size <= m->packet_max)
        return NULL;
    return err_remedy(err(TOO_LARGE,
                          "a statement of %zu bytes does not fit into the %zu bytes of MariaDB's"
                          " max_allowed_packet",
                          size, m->packet_max),
                      "raise max_allowed_packet at the database server, 64M is good");
}

static err_t *run_once(struct mariadb *m, const char *sql, const struct db_value *values,
                       size_t count, struct db_rows **ret_rows, int64_t *ret_affected,
                       bool *ret_lost)
{
    MYSQL_STMT *stmt = NULL;
    MYSQL_BIND binds[DB_VALUES_MAX];
    unsigned long sizes[DB_VALUES_MAX];
    TRY(check_size(m, values, count));
    TRY(prepare(m, sql, &stmt, ret_lost));
    bind_values(stmt, values, count, binds, sizes);
    if (mysql_stmt_execute(stmt) != 0)
        return stmt_failed(m, stmt, sql, ret_lost);
    err_t *e = NULL;
    if (ret_rows != NULL)
        e = fetch(m, stmt, sql, ret_rows, ret_lost);
    else if (ret_affected != NULL)
        *ret_affected = (int64_t)mysql_stmt_affected_rows(stmt);
    mysql_stmt_free_result(stmt);
    return e;
}

/* Connects if needed and makes sure that a write outside a transaction meets a living connection.
 */
static err_t *ready(struct mariadb *m, bool ping)
{
    if (m->in_tx && m->handle == NULL)
        return err(DB_CONNECT, "the connection to the database was lost inside a transaction");
    if (ping && m->handle != NULL && mysql_ping(m->handle) != 0)
        disconnect(m);
    return connected(m);
}

static err_t *run(void *backend, const char *sql, const struct db_value *values, size_t count,
                  struct db_rows **ret_rows, int64_t *ret_affected)
{
    struct mariadb *m = backend;
    bool write = ret_rows == NULL;
    for (bool again = true;; again = false) {
        bool lost = false;
        TRY(ready(m, write && !m->in_tx));
        err_t *e = run_once(m, sql, values, count, ret_rows, ret_affected, &lost);
        if (!lost)
            return e;
        disconnect(m);
        if (m->in_tx || (!write && !again))
            return e;
        if (write)
            return err_recode(DB_COMMIT_UNKNOWN, e, "the connection was lost in a write");
        err_free(e);
    }
}

static err_t *begin(void *backend)
{
    struct mariadb *m = backend;
    for (bool again = true;; again = false) {
        TRY(connected(m));
        err_t *e = simple(m, "START TRANSACTION");
        m->in_tx = e == NULL;
        if (e == NULL || !is_lost(mysql_errno(m->handle)))
            return e;
        disconnect(m);
        if (!again)
            return e;
        err_free(e);
    }
}

/* What the server answered to COMMIT with certainty is passed on; all else leaves it open. */
static err_t *commit(void *backend)
{
    struct mariadb *m = backend;
    if (m->handle == NULL)
        return err(DB_CONNECT, "the connection to the database was lost inside a transaction");
    err_t *e = simple(m, "COMMIT");
    if (e == NULL) {
        m->in_tx = false;
        return NULL;
    }
    if (err_is(e, ERR_DB_DEADLOCK) || err_is(e, ERR_DB_NOT_READY))
        return e;
    disconnect(m);
    return err_recode(DB_COMMIT_UNKNOWN, e, "COMMIT was not confirmed");
}

static void rollback(void *backend)
{
    struct mariadb *m = backend;
    m->in_tx = false;
    if (m->handle == NULL)
        return;
    err_t *e = simple(m, "ROLLBACK");
    if (e != NULL)
        disconnect(m); /* the server rolls back what a closed connection has open */
    err_free(e);
}

static void mariadb_close(void *backend)
{
    struct mariadb *m = backend;
    disconnect(m);
    g_hash_table_unref(m->statements);
    dsn_destroy(m->dsn);
    g_free(m);
}

const struct db_ops mariadb_ops = {
    .name = "mariadb",
    .run = run,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .close = mariadb_close,
};

static void close_statement(void *stmt)
{
    mysql_stmt_close(stmt);
}

err_t *mariadb_open(struct dsn *dsn, void **ret)
{
    static gsize once = 0;
    if (g_once_init_enter(&once)) {
        mysql_library_init(0, NULL, NULL);
        g_once_init_leave(&once, 1);
    }
    struct mariadb *m = g_new0(struct mariadb, 1);
    m->dsn = dsn;
    m->statements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_statement);
    err_t *e = connected(m);
    if (e != NULL) {
        mariadb_close(m);
        return e;
    }
    *ret = m;
    return NULL;
}
