/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/dsn: the URLs that SQLAlchemy takes, and the words for those it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/dsn.h"

static struct dsn *parse(const char *text)
{
    struct dsn *dsn = NULL;
    err_t *e = dsn_parse(text, &dsn);
    assert_null(e);
    return dsn;
}

static void test_sqlite(void **state)
{
    static const struct {
        const char *text;
        const char *path;
    } rows[] = {
        {"sqlite://", ""},
        {"sqlite:///", ""},
        {"sqlite:///:memory:", ""},
        {"sqlite:///relative/x.db", "relative/x.db"},
        {"sqlite:////var/lib/protector/x.db", "/var/lib/protector/x.db"},
        {"sqlite+pysqlite:////x.db?timeout=5", "/x.db"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(dsn) dsn = parse(rows[i].text);
        assert_int_equal(dsn->kind, DSN_SQLITE);
        assert_string_equal(dsn->path, rows[i].path);
    }
}

static void test_mariadb(void **state)
{
    (void)state;
    AUTO(dsn)
    dsn = parse("mysql+pymysql://protector:p%40ss%2Fw%25rd:x@db.example:3307/prot?charset="
                "utf8mb4&ssl_ca=/etc/ca%20x.pem&ssl_check_hostname=false&read_timeout=7");
    assert_int_equal(dsn->kind, DSN_MARIADB);
    assert_string_equal(dsn->user, "protector");
    assert_string_equal(dsn->password, "p@ss/w%rd:x");
    assert_string_equal(dsn->host, "db.example");
    assert_int_equal(dsn->port, 3307);
    assert_string_equal(dsn->database, "prot");
    assert_string_equal(dsn->ssl_ca, "/etc/ca x.pem");
    assert_false(dsn->ssl_check_host);
    assert_int_equal(dsn->read_timeout_s, 7);
    assert_int_equal(dsn->connect_timeout_s, DSN_CONNECT_TIMEOUT_S);
}

static void test_mariadb_short(void **state)
{
    (void)state;
    AUTO(dsn) plain = parse("mysql://u@h/n");
    assert_null(plain->password);
    assert_int_equal(plain->port, 3306);
    assert_true(plain->ssl_check_host);
    AUTO(dsn) bare = parse("mysql+pymysql:///n?unix_socket=/run/x.sock");
    assert_null(bare->user);
    assert_string_equal(bare->host, "localhost");
    assert_string_equal(bare->unix_socket, "/run/x.sock");
    AUTO(dsn) six = parse("mariadb+pymysql://u:@[fd00::1]:33/n");
    assert_string_equal(six->password, "");
    assert_string_equal(six->host, "fd00::1");
    assert_int_equal(six->port, 33);
    /* The password may hold what does not end it. */
    AUTO(dsn) odd = parse("mysql+pymysql://u:a/b?c#d@h/n");
    assert_non_null(odd);
    AUTO(dsn) no = parse("mysql://u@h/n?use_unicode=1&ssl_verify_identity=0");
    assert_false(no->ssl_check_host);
    AUTO(dsn) yes = parse("mysql://u@h/n?ssl_verify_identity=true");
    assert_true(yes->ssl_check_host);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        const char *word;
    } rows[] = {
        {"protector", "not of the form"},
        {"postgresql://u:secret@h/n", "'postgresql' is not known"},
        {"mysql+pymysql://u:secret@h", "no database name"},
        {"mysql+pymysql://u:secret@h/", "no database name"},
        {"mysql+pymysql://u:secret@h:none/n", "port 'none'"},
        {"mysql+pymysql://u:secret@h:70000/n", "port '70000'"},
        {"mysql+pymysql://u:secret%zz@h/n", "percent-encoded"},
        {"mysql+pymysql://u:secret%00@h/n", "percent-encoded"},
        {"mysql+pymysql://u:secret@[::1/n", "closing ']'"},
        {"mysql+pymysql://u:secret@h/n?shape=round", "unknown parameter 'shape'"},
        {"mysql+pymysql://u:secret@h/n?connect_timeout=soon", "connect_timeout 'soon'"},
        {"mysql+pymysql://u:secret@h/n%ff", "the database name is not properly encoded"},
        {"mysql+pymysql://u:secret%ff@h/n", "percent-encoded"},
        {"mysql+pymysql://u:secret@h/n?ssl_ca=%zz", "the value of 'ssl_ca'"},
        {"mysql+pymysql://u:secret@[::1]x/n", "closing ']'"},
        {"sqlite:x.db", "not of the form"},
        {"sqlite://x.db", "three slashes"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct dsn *dsn = NULL;
        g_autoptr(err_t) e = dsn_parse(rows[i].text, &dsn);
        assert_non_null(e);
        assert_int_equal(err_code(e), ERR_CONFIG);
        g_autofree char *text = err_text(e);
        assert_non_null(strstr(text, rows[i].word));
        assert_null(strstr(text, "secret"));
    }
}

static void test_print_hides_password(void **state)
{
    (void)state;
    AUTO(dsn) dsn = parse("mysql+pymysql://u:secret@h/n");
    g_autofree char *text = dsn_print(dsn);
    assert_string_equal(text, "mysql://u@h:3306/n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sqlite),
        cmocka_unit_test(test_mariadb),
        cmocka_unit_test(test_mariadb_short),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_print_hides_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
