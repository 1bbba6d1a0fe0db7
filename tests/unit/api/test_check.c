/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_check - single rules where oslo.policy and Python are odd: who asks has what no token has,
 * white space of every kind, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/auth/check.h"
#include "api/auth/rules.h"

#include <string.h>

static json_t *parse(const char *text)
{
    json_t *j = NULL;
    err_t *e = json_parse(text, strlen(text), "the test's text", &j);

    if (e != NULL)
        fail_msg("%s", err_message(e));
    return j;
}

/* What one rule says of somebody, and of something. */
static enum check_result ask_of(const char *rule, const char *creds_text, const char *target_text)
{
    g_autoptr(json_t) creds = parse(creds_text);
    g_autoptr(json_t) target = parse(target_text);
    g_autofree char *text = g_strdup_printf("{\"x\":\"%s\"}", rule);
    AUTO(rules) rules = NULL;
    err_t *e = rules_read(text, strlen(text), "f", &rules);

    if (e != NULL)
        fail_msg("%s: %s", rule, err_message(e));
    return rules_ask(rules, "x", creds, target);
}

/* Who asks comes from a token; what no token has breaks the rule, and "not" does not mend it. */
static void test_odd_creds(void **state)
{
    static const struct {
        const char *rule, *creds;
        enum check_result want;
    } rows[] = {
        {"role:a", "{}", CHECK_DENY},
        {"role:a", "{\"roles\":\"a\"}", CHECK_BROKEN},
        {"not role:a", "{\"roles\":{\"a\":1}}", CHECK_BROKEN},
        {"role:a", "{\"roles\":[7]}", CHECK_BROKEN},
        {"role:a", "{\"roles\":[\"A\"]}", CHECK_ALLOW},
        {"role:a", "{\"roles\":[]}", CHECK_DENY},
        {"n:0.5", "{\"n\":0.5}", CHECK_BROKEN},
        {"not n:7", "{\"n\":7}", CHECK_DENY},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (ask_of(rows[i].rule, rows[i].creds, "{}") != rows[i].want)
            fail_msg("%s of %s is not %d", rows[i].rule, rows[i].creds, rows[i].want);
}

/* Whatever Python takes for white space parts words. */
static void test_blanks(void **state)
{
    static const char *const blanks[] = {
        "\\t",          "\\n",          "\x0b",         "\x0c",         "\x1c",
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x8a",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
        "\\u0085", /* as itself it is a line's end to YAML, and folded */
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(blanks); i++) {
        g_autofree char *rule = g_strdup_printf("!%sor%s@", blanks[i], blanks[i]);
        g_autofree char *escaped = g_strdup(rule);
        if ((unsigned char)blanks[i][0] < 0x20) { /* no control character stands in JSON as it is */
            g_free(escaped);
            escaped = g_strdup_printf("!\\u%04xor\\u%04x@", blanks[i][0], blanks[i][0]);
        }
        assert_int_equal(ask_of(escaped, "{}", "{}"), CHECK_ALLOW);
    }
    static const char *const letters[] = {/* to Python */
                                          "\xe2\x80\x8b", "\\u0008", "\\u000e", "\\u001b"};
    for (size_t i = 0; i < G_N_ELEMENTS(letters); i++) {
        g_autofree char *rule = g_strdup_printf("!%sor @", letters[i]);
        assert_int_equal(ask_of(rule, "{}", "{}"), CHECK_DENY);
    }
}

static void test_limits(void **state)
{
    g_autofree char *text = g_strnfill(CHECK_TEXT_MAX + 1, '@');
    g_autoptr(json_t) long_rule = json_string(text);
    g_autoptr(json_t) list = json_array();
    struct check *check = NULL;

    (void)state;
    g_autoptr(err_t) e = check_read(long_rule, NULL, &check);
    assert_int_equal(err_code(e), ERR_CONFIG);
    assert_non_null(strstr(err_message(e), "longer than"));
    for (int i = 0; i <= CHECK_TOKENS_MAX; i++)
        json_array_append_new(list, json_string("@"));
    g_autoptr(err_t) many = check_read(list, NULL, &check);
    assert_int_equal(err_code(many), ERR_CONFIG);
    assert_non_null(strstr(err_message(many), "more than 1000 parts"));
    /* what would be told has nobody to be told to */
    g_autoptr(json_t) odd = json_string("(");
    AUTO(check) quiet = NULL;
    assert_null(check_read(odd, NULL, &quiet));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_creds),
        cmocka_unit_test(test_blanks),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
