/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of servers: what can be read, which are refused, which are a member's. */
#include "tests/unit/plan/golden.h"

#include "plan/checks.h"

#define BODY                                                                                       \
    "{'name': 'web', 'members': [{'id': 'm1', 'instance_id': 'i1', 'instance_name': 'web-1'},"     \
    " {'id': 'm2', 'instance_id': 'i2', 'instance_name': 'db-1', 'start_check': 'tcp:5432'}]}"

/* "" where there is none. */
static const struct {
    const char *text, *kind;
    int64_t port, status;
    const char *path;
} reads[] = {
    {"tcp:1", "tcp", 1, 0, ""},
    {"tcp:65535", "tcp", 65535, 0, ""},
    {"http:80", "http", 80, 200, "/"},
    {"http:8080/", "http", 8080, 200, "/"},
    {"http:8080/health?x=1=204", "http", 8080, 204, "/health?x=1"},
    {"http:8080=599", "http", 8080, 599, "/"},
    {"https:443/a=100", "https", 443, 100, "/a"},
    {"console:*login: ?", "console", 0, 0, ""},
};

static void test_read(void **state)
{
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(reads); i++) {
        json_t *read = NULL;
        OK(plan_check_read(reads[i].text, &read));
        g_autoptr(json_t) check = read;
        assert_string_equal(json_str(check, "check"), reads[i].text);
        assert_string_equal(json_str(check, "kind"), reads[i].kind);
        assert_int_equal(json_int(check, "port", 0), reads[i].port);
        assert_int_equal(json_int(check, "status", 0), reads[i].status);
        assert_string_equal(json_str_or(check, "path", ""), reads[i].path);
    }
}

static void test_unreadable(void **state)
{
    static const char *const texts[] = {
        "",
        "tcp",
        "tcp:",
        "tcp:x",
        "tcp:0",
        "tcp:65536",
        "tcp:22/a",
        "tcp:-1",
        "ldap:389",
        "http:80health",
        "http:80/a b",
        "http:80/\x7f",
        "http:80/a=",
        "http:80/a=x",
        "http:80/a=99",
        "http:80/a=600",
        "http:80/a=204x",
        "https:",
        "console:",
        "http:/a",
    };
    g_autofree char *pattern = g_strnfill(CHECK_TEXT_MAX + 1, 'x');
    g_autofree char *longer = g_strconcat("console:", pattern, NULL);
    (void)state;

    for (size_t i = 0; i <= G_N_ELEMENTS(texts); i++) {
        const char *text = i < G_N_ELEMENTS(texts) ? texts[i] : longer;
        json_t *check = NULL;
        g_autoptr(err_t) e = plan_check_read(text, &check);
        if (e == NULL || check != NULL)
            fail_msg("'%s' was read", text);
        assert_true(err_is(e, ERR_BAD_REQUEST));
    }
}

/* Of each member: by any of its names, once, its own start check first. */
static void test_of_a_member(void **state)
{
    static const struct {
        const char *checks, *member, *wanted;
    } cases[] = {
        {"{}", "m1", ""},
        {"{}", "m2", "tcp:5432"},
        {"{'*': ['tcp:22']}", "m1", "tcp:22"},
        {"{'*': ['tcp:22', 'tcp:5432'], 'db-1': ['tcp:22', 'http:80']}", "m2",
         "tcp:5432 tcp:22 http:80"},
        {"{'i1': ['tcp:1'], 'm1': ['tcp:2'], 'web-1': ['tcp:3']}", "m1", "tcp:1 tcp:2 tcp:3"},
        {"{'i1': ['tcp:1']}", "m2", "tcp:5432"},
        {"{'*': ['of a newer release']}", "m1", ""},
    };
    g_autoptr(json_t) body = json_of(BODY);
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(json_t) checks = json_of(cases[i].checks);
        g_autoptr(json_t) of = plan_checks_of(checks, body_member(body, cases[i].member));
        g_autoptr(GString) is = g_string_new(NULL);
        size_t k;
        json_t *check;
        json_array_foreach(of, k, check)
            g_string_append_printf(is, "%s%s", k > 0 ? " " : "", json_str(check, "check"));
        assert_string_equal(is->str, cases[i].wanted);
    }
}

/* 'count' texts "tcp:1", "tcp:2" … as a list. */
static json_t *many(int from, int count)
{
    json_t *list = json_array();

    for (int i = 0; i < count; i++) {
        g_autofree char *text = g_strdup_printf("tcp:%d", from + i);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static void test_valid(void **state)
{
    static const char *const wrong[] = {
        "{'nobody': ['tcp:22']}",
        "{'web-1': 'tcp:22'}",
        "{'web-1': [22]}",
        "{'web-1': ['tcp:0']}",
    };
    g_autoptr(json_t) body = json_of(BODY);
    g_autoptr(json_t) good = json_of("{'*': ['tcp:22'], 'web-1': ['http:80']}");
    (void)state;

    OK(plan_checks_valid(good, body));
    OK(plan_checks_valid(NULL, body));
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(json_t) checks = json_of(wrong[i]);
        g_autoptr(err_t) e = plan_checks_valid(checks, body);
        if (e == NULL || !err_is(e, ERR_BAD_REQUEST))
            fail_msg("'%s' is no error", wrong[i]);
    }
    g_autoptr(json_t) full = json_object();
    json_set(full, "web-1", many(1, CHECKS_MAX));
    OK(plan_checks_valid(full, body));
    json_set(full, "*", many(100, 1)); /* each list is short enough, the server has one too many */
    g_autoptr(err_t) e = plan_checks_valid(full, body);
    assert_true(err_is(e, ERR_BAD_REQUEST));
    json_set(full, "web-1", many(1, CHECKS_MAX + 1));
    g_autoptr(err_t) longer = plan_checks_valid(full, body);
    assert_true(err_is(longer, ERR_BAD_REQUEST));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_of_a_member),
        cmocka_unit_test(test_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
