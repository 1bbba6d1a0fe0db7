/* SPDX-License-Identifier: Apache-2.0 */
/* conf: the table, the manual's file, precedence, substitution, types, warnings, the sample. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/conf.h"

static struct conf *parsed(const char *text)
{
    struct conf *conf = conf_create(NULL, NULL);
    g_autoptr(err_t) e = conf_parse(conf, text, strlen(text), "f");
    if (e == NULL)
        e = conf_check(conf);
    if (e != NULL)
        fail_msg("'%s' was refused: %s", text, err_message(e));
    return conf;
}

/* The message 'text' is refused with.  Caller frees. */
static char *refusal(const char *text)
{
    AUTO(conf) conf = conf_create(NULL, NULL);
    g_autoptr(err_t) e = conf_parse(conf, text, strlen(text), "f");
    if (e == NULL)
        e = conf_check(conf);
    if (e == NULL)
        fail_msg("'%s' was accepted", text);
    assert_int_equal(err_code(e), ERR_CONFIG);
    return err_text(e);
}

static void test_table_is_sound(void **state G_GNUC_UNUSED)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < conf_options_count; i++) {
        const struct conf_option *o = &conf_options[i];
        assert_true(g_hash_table_add(seen, g_strdup_printf("%s %s", o->section, o->name)));
        assert_true(o->min <= o->max);
        assert_true(g_str_has_suffix(o->help, "."));
        assert_true(o->type == CONF_BOOL || o->type == CONF_INT || o->max > 0);
        if (o->type == CONF_INT || o->type == CONF_BOOL)
            assert_non_null(o->fallback);
    }
}

static void test_defaults(void **state G_GNUC_UNUSED)
{
    AUTO(conf) conf = parsed("");
    assert_false(conf_bool(conf, "DEFAULT", "debug"));
    assert_int_equal(conf_int(conf, "api", "bind_port"), 8788);
    assert_string_equal(conf_str(conf, "api", "bind_host"), "0.0.0.0");
    assert_string_equal(conf_str(conf, "storage", "driver"), "pure");
    assert_string_equal(conf_str(conf, "storage", "mock_storage_dir"),
                        "/var/lib/protector/mock_storage");
    assert_null(conf_str(conf, "database", "connection"));
    char *const *roles = conf_list(conf, "service_credentials", "default_trust_roles");
    assert_string_equal(roles[0], "member");
    assert_string_equal(roles[1], "_member_");
    assert_null(roles[2]);
    assert_null(conf_list(conf, "keystone_authtoken", "memcached_servers")[0]);
    assert_int_equal(conf_int(conf, "DEFAULT", "realize_timeout_s"), 600);
    assert_int_equal(conf_int(conf, "DEFAULT", "epoch_watch_interval_s"), 60);
    assert_string_equal(conf_str(conf, "site", "on_superseded"), "stop");
    assert_string_equal(conf_str(conf, "service_credentials", "fallback"), "none");
    assert_false(conf_is_set(conf, "api", "bind_port"));
    g_autofree char *where = conf_where(conf, "api", "bind_port");
    assert_string_equal(where, "default");
    assert_int_equal(conf_sites(conf)->len, 0);
}

static void test_the_manuals_file(void **state G_GNUC_UNUSED)
{
    g_autofree char *path =
        g_build_filename(g_getenv("SOURCE_ROOT"), "tests", "manual", "protector.conf", NULL);
    AUTO(conf) conf = conf_create(NULL, NULL);
    g_autoptr(err_t) e = conf_read(conf, path);
    assert_null(e);
    e = conf_check(conf);
    assert_null(e);
    assert_int_equal(conf_warnings(conf)->len, 0);
    assert_string_equal(conf_str(conf, "DEFAULT", "log_dir"), "/var/log/protector");
    assert_string_equal(conf_str(conf, "DEFAULT", "state_path"), "/var/lib/protector");
    assert_string_equal(conf_str(conf, "database", "connection"),
                        "mysql+pymysql://protector:PROTECTOR_DBPASS@controller/protector");
    assert_string_equal(conf_str(conf, "keystone_authtoken", "auth_url"), "http://controller:5000");
    assert_string_equal(conf_str(conf, "keystone_authtoken", "password"), "PROTECTOR_PASS");
    assert_string_equal(conf_str(conf, "keystone_authtoken", "project_name"), "service");
    assert_string_equal(conf_list(conf, "keystone_authtoken", "memcached_servers")[0],
                        "controller:11211");
    assert_int_equal(conf_int(conf, "api", "workers"), 4);
    assert_true(conf_is_set(conf, "api", "workers"));
    assert_false(conf_is_set(conf, "storage", "driver"));
}

static void test_later_wins(void **state G_GNUC_UNUSED)
{
    AUTO(conf) conf = conf_create(NULL, NULL);
    const char *first = "[api]\nworkers = 1\nworkers = 2\nbind_port = 1\n";
    const char *second = "[API]\nbind_port = 2\n[DEFAULT]\ndebug = on\n[Api]\nbind_host = h\n";
    g_autoptr(err_t) e = conf_parse(conf, first, strlen(first), "one");
    assert_null(e);
    e = conf_parse(conf, second, strlen(second), "two");
    assert_null(e);
    e = conf_check(conf);
    assert_null(e);
    assert_int_equal(conf_int(conf, "api", "workers"), 2);
    assert_int_equal(conf_int(conf, "api", "bind_port"), 2);
    assert_string_equal(conf_str(conf, "api", "bind_host"), "h");
    g_autofree char *where = conf_where(conf, "api", "bind_port");
    assert_string_equal(where, "two:2");
}

static const char *environment(void *data G_GNUC_UNUSED, const char *name)
{
    static const char *const rows[][2] = {
        {"OS_API__BIND_PORT", "99"},
        {"OS_DEFAULT__DEBUG", "yes"},
        {"OS_KEYSTONE_AUTHTOKEN__PASSWORD", "p$$w"},
        {"OS_STORAGE__DRIVER", "$username"},
        {"OS_SITE:SITE-B__USERNAME", "$project_name-user"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i][0], name) == 0)
            return rows[i][1];
    return NULL;
}

static void test_environment_is_judged_as_a_file_is(void **state G_GNUC_UNUSED)
{
    AUTO(conf) conf = conf_create(environment, NULL);
    const char *text = "[storage]\ndriver = mock\n";
    g_autoptr(err_t) e = conf_parse(conf, text, strlen(text), "f");
    assert_null(e);
    e = conf_check(conf);
    assert_non_null(strstr(err_message(e),
                           "environment OS_STORAGE__DRIVER: [storage] driver refers "
                           "by '$' to $username, which is no option"));
}

static const char *good_environment(void *data, const char *name)
{
    return strcmp(name, "OS_STORAGE__DRIVER") == 0 ? "mock" : environment(data, name);
}

static void test_environment_wins(void **state G_GNUC_UNUSED)
{
    AUTO(conf) conf = conf_create(good_environment, NULL);
    const char *text = "[api]\nbind_port = 1\n[site:site-b]\nproject_name = x\n";
    g_autoptr(err_t) e = conf_parse(conf, text, strlen(text), "f");
    assert_null(e);
    e = conf_check(conf);
    assert_null(e);
    assert_int_equal(conf_int(conf, "api", "bind_port"), 99);
    assert_true(conf_bool(conf, "DEFAULT", "debug"));
    assert_string_equal(conf_str(conf, "keystone_authtoken", "password"), "p$w");
    assert_string_equal(conf_str(conf, "site:site-b", "username"), "x-user");
    g_autofree char *where = conf_where(conf, "api", "bind_port");
    assert_string_equal(where, "environment OS_API__BIND_PORT");
}

static void test_substitution(void **state G_GNUC_UNUSED)
{
    AUTO(conf)
    conf = parsed("[DEFAULT]\nstate_path = /s\nlog_dir = ${state_path}log/$api.bind_port\n"
                  "[api]\nbind_port = 0080\nbind_host = $bind_port/$state_path/$$x\\$y$\n"
                  "[storage]\nmock_storage_dir = $api.bind_host\n"
                  "driver_path = $debug $database.connection-$default_trust_roles_x${"
                  "\n[service_credentials]\ndefault_trust_roles = a , b\n"
                  "[storage]\ndriver_path = $debug|$database.connection|"
                  "$service_credentials.default_trust_roles|${|$1|${debug\n");
    assert_string_equal(conf_str(conf, "DEFAULT", "log_dir"), "/slog/80");
    assert_string_equal(conf_str(conf, "api", "bind_host"), "80//s/$x$y$");
    assert_string_equal(conf_str(conf, "storage", "mock_storage_dir"), "80//s/$x$y$");
    assert_string_equal(conf_str(conf, "storage", "driver_path"), "False||a,b|${|$1|${debug");
}

static void test_substitution_errors(void **state G_GNUC_UNUSED)
{
    g_autofree char *unknown = refusal("[api]\nbind_host = $nope\n");
    assert_string_equal(unknown, "f:2: [api] bind_host refers by '$' to $nope, which is no option; "
                                 "write '$$' for a dollar, '${name}' where letters or dots follow");
    g_autofree char *line = refusal("[api]\nbind_host = $_nope\n");
    assert_non_null(strstr(line, "$_nope, which is no option"));
    g_autofree char *dot = refusal("[api]\nbind_host = $bind_port.\n");
    assert_non_null(strstr(dot, "$bind_port., which"));
    g_autofree char *circle = refusal("[DEFAULT]\nlog_dir=$state_path\nstate_path=x$log_dir\n");
    assert_non_null(strstr(circle, "stands for itself"));
    g_autofree char *self = refusal("[DEFAULT]\nlog_dir=$log_dir\n");
    assert_non_null(strstr(self, "stands for itself"));
    g_autofree char *secret = refusal("[keystone_authtoken]\npassword = pa$sword\n");
    assert_null(strstr(secret, "sword,"));
    assert_null(strstr(secret, "$sword"));
}

static void test_numbers(void **state G_GNUC_UNUSED)
{
    static const struct {
        const char *text;
        int64_t lease_ms; /* -1: refused */
    } rows[] = {
        {"1000", 1000},
        {" 1000 ", 1000},
        {"+1000", 1000},
        {"5s", 5000},
        {"5 s", 5000},
        {"1min", 60000},
        {"1h", 3600000},
        {"700ms", 700},
        {"'800'", 800},
        {"", 90000},
        {"499", -1},
        {"2h", -1},
        {"-5", -1},
        {"5x", -1},
        {"5S", -1},
        {"0x500", -1},
        {"1000.0", -1},
        {"1e4", -1},
        {"1_000", -1},
        {"s", -1},
        {"9999999999999999999", -1},
        {"9223372036854775807h", -1},
        {"5 5", -1},
        {"--5", -1},
        {"+-5000", -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf("[DEFAULT]\nlease_ttl_ms = %s\n", rows[i].text);
        if (rows[i].lease_ms < 0) {
            g_free(refusal(text));
            continue;
        }
        AUTO(conf) conf = parsed(text);
        assert_int_equal(conf_int(conf, "DEFAULT", "lease_ttl_ms"), rows[i].lease_ms);
    }
    g_autofree char *fraction = refusal("[DEFAULT]\nrealize_timeout_s = 1500ms\n");
    g_autofree char *no_unit = refusal("[api]\nworkers = 4s\n");
    assert_string_equal(no_unit, "f:2: [api] workers = '4s' must be a number from 1 to 256");
    assert_string_equal(fraction,
                        "f:2: [DEFAULT] realize_timeout_s = '1500ms' must be a number from "
                        "1 to 86400, or with a unit: ms s min h d");
}

static void test_other_types(void **state G_GNUC_UNUSED)
{
    AUTO(conf)
    conf = parsed("[DEFAULT]\ndebug = YES\n[keystone_authtoken]\ninsecure = 0\n"
                  "service_token_roles = , a,, b ,,\nmemcached_servers =\n"
                  "[storage]\ndriver = file\n[site]\non_superseded = alarm\n");
    assert_true(conf_bool(conf, "DEFAULT", "debug"));
    assert_false(conf_bool(conf, "keystone_authtoken", "insecure"));
    char *const *roles = conf_list(conf, "keystone_authtoken", "service_token_roles");
    assert_int_equal(g_strv_length((char **)roles), 4);
    assert_string_equal(roles[1], "a");
    assert_string_equal(roles[3], "b");
    g_autofree char *truth = refusal("[DEFAULT]\ndebug = maybe\n");
    assert_string_equal(truth, "f:2: [DEFAULT] debug = 'maybe' must be true or false");
    g_autofree char *choice = refusal("[site]\non_superseded = Stop\n");
    assert_string_equal(choice, "f:2: [site] on_superseded = 'Stop' must be one of stop|alarm");
    g_autofree char *empty = refusal("[DEFAULT]\n\nlog_dir =\n");
    assert_string_equal(empty, "f:3: [DEFAULT] log_dir = '' must be a text of 1 to 4095 bytes");
    g_autofree char *roles_none = refusal("[service_credentials]\ndefault_trust_roles = ,\n");
    assert_non_null(strstr(roles_none, "must be 1 to 64 items separated by commas"));
    g_autofree char *long_value = g_strnfill(5000, 'q');
    g_autofree char *text = g_strdup_printf("[keystone_authtoken]\npassword = %s\n", long_value);
    g_autofree char *secret = refusal(text);
    assert_string_equal(secret,
                        "f:2: [keystone_authtoken] password must be a text of 0 to 4095 bytes");
}

static void test_sites(void **state G_GNUC_UNUSED)
{
    AUTO(conf)
    conf = parsed("[site:Site-B]\nauth_url = http://b:5000\nusername = u\n"
                  "[SITE:c]\ninsecure = true\n[site:Site-B]\npassword = p\n");
    assert_int_equal(conf_sites(conf)->len, 2);
    assert_string_equal(g_ptr_array_index(conf_sites(conf), 0), "Site-B");
    assert_string_equal(g_ptr_array_index(conf_sites(conf), 1), "c");
    assert_string_equal(conf_str(conf, "site:Site-B", "auth_url"), "http://b:5000");
    assert_string_equal(conf_str(conf, "site:Site-B", "password"), "p");
    assert_string_equal(conf_str(conf, "site:Site-B", "user_domain_name"), "Default");
    assert_null(conf_str(conf, "site:c", "auth_url"));
    assert_true(conf_bool(conf, "site:c", "insecure"));
    assert_null(conf_str(conf, "site:absent", "auth_url"));
    assert_string_equal(conf_str(conf, "site:absent", "interface"), "public");
    g_autofree char *bad = refusal("[site:b]\ninsecure = x\n");
    assert_string_equal(bad, "f:2: [site:b] insecure = 'x' must be true or false");
    g_autofree char *nameless = refusal("\n[site:]\n");
    assert_string_equal(nameless, "f:2: [site:] lacks the name of the site");
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i <= CONF_SITES_MAX; i++)
        g_string_append_printf(many, "[site:s%d]\n", i);
    g_autofree char *too_many = refusal(many->str);
    assert_string_equal(too_many, "f:65: more than 64 sections [site:NAME]");
}

static void test_warnings(void **state G_GNUC_UNUSED)
{
    AUTO(conf)
    conf = parsed("[api]\nbindhost = x\n\nworkerz: 5\nxyz = 1\n[unheard]\na = 1\n"
                  "[oslo_messaging_rabbit]\nrabbit_qos = 1\n[cors]\nx=$nope\n[default]\n"
                  "[site:b]\nusernam = x\n");
    static const char *const wanted[] = {
        "f:2: unknown option 'bindhost' in [api], ignoring it; did you mean 'bind_host'?",
        "f:4: unknown option 'workerz' in [api], ignoring it; did you mean 'workers'?",
        "f:5: unknown option 'xyz' in [api], ignoring it",
        "f:6: unknown section [unheard], ignoring it",
        "f:12: unknown section [default], ignoring it",
        "f:14: unknown option 'usernam' in [site:b], ignoring it; did you mean 'username'?",
    };
    const GPtrArray *warnings = conf_warnings(conf);
    assert_int_equal(warnings->len, G_N_ELEMENTS(wanted));
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
        assert_string_equal(g_ptr_array_index(warnings, i), wanted[i]);
}

/* Names longer than any option's are compared with none; of warnings a hundred are kept. */
static void test_warnings_have_limits(void **state G_GNUC_UNUSED)
{
    g_autofree char *name = g_strnfill(500, 'x');
    g_autofree char *text = g_strdup_printf("[api]\n%s = 1\n", name);
    AUTO(conf) one = parsed(text);
    g_autofree char *wanted =
        g_strdup_printf("f:2: unknown option '%s' in [api], ignoring it", name);
    assert_string_equal(g_ptr_array_index(conf_warnings(one), 0), wanted);
    g_autoptr(GString) many = g_string_new("[api]\n");
    for (int i = 0; i < 2000; i++)
        g_string_append_printf(many, "xyz%d = 1\n", i);
    AUTO(conf) conf = parsed(many->str);
    guint kept = conf_warnings(conf)->len;
    assert_true(kept > 10 && kept < 2000);
    g_string_append(many, "abc = 1\n");
    AUTO(conf) more = parsed(many->str);
    assert_int_equal(conf_warnings(more)->len, kept);
}

static void test_files_have_a_limit(void **state G_GNUC_UNUSED)
{
    AUTO(conf) conf = conf_create(NULL, NULL);
    err_t *e = NULL;
    int files = 0;
    while (e == NULL && files < 10000) {
        e = conf_parse(conf, "", 0, "f");
        files++;
    }
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_CONFIG);
    g_autofree char *wanted = g_strdup_printf("more than %d configuration files", files - 1);
    assert_non_null(strstr(err_message(e), wanted));
    err_free(e);
}

static void test_options_of_a_driver(void **state G_GNUC_UNUSED)
{
    AUTO(conf) conf = parsed("[storage]\nmock_transfer_ms = 5\nfile_speed = 1\ndriver = mock\n");
    assert_string_equal(conf_driver_option(conf, "mock_transfer_ms"), "5");
    assert_null(conf_driver_option(conf, "mock_other"));
    assert_int_equal(conf_warnings(conf)->len, 1); /* another driver's */
    assert_string_equal(g_ptr_array_index(conf_warnings(conf), 0),
                        "f:3: unknown option 'file_speed' in [storage], ignoring it");
}

static void test_driver_knows_its_own(void **state G_GNUC_UNUSED)
{
    g_autofree char *longer = g_strdup_printf("mock_xyz_%0100d", 0); /* is near to nothing */
    const char *const known[] = {"mock_storage_dir", longer, "mock_transfer_ms", NULL};
    AUTO(conf)
    conf = parsed("[storage]\ndriver = mock\nmock_transfer_ms = 5\n"
                  "mock_transfer_m = 6\nmock_xyz = 7\nfile_speed = 1\n");
    g_autoptr(GPtrArray) warnings = conf_driver_warnings(conf, known);
    assert_int_equal(warnings->len, 2);
    assert_string_equal(warnings->pdata[0], "f:4: unknown option 'mock_transfer_m' in [storage], "
                                            "ignoring it; did you mean 'mock_transfer_ms'?");
    assert_string_equal(warnings->pdata[1],
                        "f:5: unknown option 'mock_xyz' in [storage], ignoring it");
}

static void write_file(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *n = dir ? g_dir_read_name(dir) : NULL; n != NULL; n = g_dir_read_name(dir)) {
        g_autofree char *child = g_build_filename(path, n, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static void test_directories(void **state G_GNUC_UNUSED)
{
    g_autofree char *folder = g_dir_make_tmp("conf-XXXXXX", NULL);
    write_file(folder, "20-b.conf", "[api]\nworkers = 2\n");
    write_file(folder, "10-a.conf", "[api]\nworkers = 1\nbind_port = 7\n");
    write_file(folder, ".hidden.conf", "broken\n");
    write_file(folder, "notes.txt", "broken\n");
    AUTO(conf) conf = conf_create(NULL, NULL);
    g_autoptr(err_t) e = conf_read(conf, folder);
    assert_null(e);
    e = conf_check(conf);
    assert_null(e);
    assert_int_equal(conf_int(conf, "api", "workers"), 2);
    assert_int_equal(conf_int(conf, "api", "bind_port"), 7);
    remove_tree(folder);
    AUTO(conf) none = conf_create(NULL, NULL);
    e = conf_read(none, folder);
    assert_int_equal(err_code(e), ERR_CONFIG);
    assert_non_null(strstr(err_message(e), folder));
}

/* There is a folder of configuration, and it cannot be read: that is said. */
static void test_unreadable_directory(void **state G_GNUC_UNUSED)
{
    g_autofree char *folder = g_dir_make_tmp("conf-XXXXXX", NULL);
    struct rlimit before, none;
    AUTO(conf) conf = conf_create(NULL, NULL);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    g_autoptr(err_t) e = conf_read(conf, folder);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(err_code(e), ERR_CONFIG);
    assert_non_null(strstr(err_message(e), "cannot read configuration directory"));
    assert_non_null(strstr(err_message(e), folder));
    remove_tree(folder);
}

static void test_default_paths(void **state G_GNUC_UNUSED)
{
    g_autofree char *root = g_dir_make_tmp("conf-XXXXXX", NULL);
    g_autofree char *etc = g_build_filename(root, "etc", "protector", NULL);
    g_autofree char *dropins = g_build_filename(etc, "protector.conf.d", NULL);
    g_autofree char *home = g_build_filename(root, "home", NULL);
    assert_int_equal(g_mkdir_with_parents(dropins, 0700), 0);
    assert_int_equal(g_mkdir_with_parents(home, 0700), 0);
    write_file(etc, "protector.conf", "");
    write_file(etc, "protector-api.conf", "");
    write_file(home, "protector.conf", "");
    g_auto(GStrv) system = conf_default_paths("protector-api", NULL, root);
    assert_int_equal(g_strv_length(system), 3);
    assert_true(g_str_has_suffix(system[0], "/etc/protector/protector.conf"));
    assert_true(g_str_has_suffix(system[1], "/etc/protector/protector-api.conf"));
    assert_true(g_str_has_suffix(system[2], "/etc/protector/protector.conf.d"));
    g_auto(GStrv) user = conf_default_paths("protector-engine", "/home", root);
    assert_int_equal(g_strv_length(user), 2);
    assert_true(g_str_has_suffix(user[0], "/home/protector.conf"));
    remove_tree(root);
}

/* The sample with its options switched on: "#name = value" loses its '#', "<None>" stays off. */
static char *switched_on(const char *sample)
{
    g_auto(GStrv) lines = g_strsplit(sample, "\n", -1);
    for (int i = 0; lines[i] != NULL; i++)
        if (lines[i][0] == '#' && lines[i][1] != ' ' && strstr(lines[i], "<None>") == NULL)
            memmove(lines[i], lines[i] + 1, strlen(lines[i]));
    return g_strjoinv("\n", lines);
}

static void test_sample_reads_back(void **state G_GNUC_UNUSED)
{
    g_autofree char *sample = conf_sample();
    g_autofree char *on = switched_on(sample);
    AUTO(conf) as_it_is = parsed(sample);
    AUTO(conf) conf = parsed(on);
    assert_int_equal(conf_warnings(as_it_is)->len, 0);
    assert_int_equal(conf_sites(as_it_is)->len, 0);
    assert_int_equal(conf_warnings(conf)->len, 0);
    assert_string_equal(g_ptr_array_index(conf_sites(conf), 0), "NAME");
    for (size_t i = 0; i < conf_options_count; i++) {
        const struct conf_option *o = &conf_options[i];
        bool pattern = strcmp(o->section, "site:") == 0;
        const char *section = pattern ? "site:NAME" : o->section;
        assert_false(conf_is_set(as_it_is, o->section, o->name));
        assert_int_equal(conf_is_set(conf, section, o->name), o->fallback != NULL);
    }
    g_auto(GStrv) lines = g_strsplit(sample, "\n", -1);
    for (int i = 0; lines[i] != NULL; i++)
        assert_in_range(strlen(lines[i]), 0, 79);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_the_manuals_file),
        cmocka_unit_test(test_later_wins),
        cmocka_unit_test(test_environment_is_judged_as_a_file_is),
        cmocka_unit_test(test_environment_wins),
        cmocka_unit_test(test_substitution),
        cmocka_unit_test(test_substitution_errors),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_sites),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_warnings_have_limits),
        cmocka_unit_test(test_files_have_a_limit),
        cmocka_unit_test(test_options_of_a_driver),
        cmocka_unit_test(test_driver_knows_its_own),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_unreadable_directory),
        cmocka_unit_test(test_default_paths),
        cmocka_unit_test(test_sample_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
