/* SPDX-License-Identifier: Apache-2.0 */
/* json: what is refused, what is printed, and that getters never fail. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/json.h"

struct text {
    const char *text;
    size_t size; /* 0: strlen */
};

static err_t *parse(const struct text *t, json_t **ret)
{
    return json_parse(t->text, t->size != 0 ? t->size : strlen(t->text), "the body", ret);
}

static void test_refused(void **state G_GNUC_UNUSED)
{
    static const struct text bad[] = {
        {"", 0},
        {"{", 0},
        {"{\"a\":1,\"a\":2}", 0},         /* duplicate key */
        {"{\"a\":{\"b\":1,\"b\":1}}", 0}, /* deeper */
        {"{} x", 0},                      /* trailing bytes */
        {"{}{}", 0},
        {"{}\0", 3}, /* a NUL behind */
        {"{\"a\":\"\\u0000\"}", 0},
        {"{\"a\":\"\xff\"}", 0},         /* no UTF-8 */
        {"{\"a\":\"\xed\xa0\x80\"}", 0}, /* a surrogate */
        {"{\"a\":\"\\ud800\"}", 0},
        {"{\"a\":9223372036854775808}", 0}, /* 2^63 */
        {"{\"a\":1e999}", 0},
        {"{\"a\":01}", 0},
        {"{\"a\":NaN}", 0},
        {"{'a':1}", 0},
        {"{\"a\":1,}", 0},
        {"{\"a\":\"line\nbreak\"}", 0},
        {"\xef\xbb\xbf{}", 0}, /* byte order mark */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        json_t *j = (json_t *)0x1;
        g_autoptr(err_t) e = parse(&bad[i], &j);
        if (e == NULL)
            fail_msg("row %zu was accepted: %s", i, bad[i].text);
        assert_int_equal(err_code(e), ERR_PARSE);
        assert_ptr_equal(j, (json_t *)0x1); /* written on success only */
    }
}

static void test_error_says_where(void **state G_GNUC_UNUSED)
{
    json_t *j = NULL;
    g_autoptr(err_t) e = json_parse("{\n  \"a\": ?\n}", 12, "the plan", &j);
    assert_non_null(strstr(err_message(e), "the plan is no valid JSON: line 2, column "));
}

static void test_accepted(void **state G_GNUC_UNUSED)
{
    static const char *const good[] = {
        "{}",
        "[]",
        " { \"a\" : null } \n",
        "[9223372036854775807,-9223372036854775808]",
        "\"x\"",
        "3",
        "true",
        "{\"\\u00e9\\ud83d\\ude00\":\"é😀\"}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(json_t) j = NULL;
        g_autoptr(err_t) e = json_parse(good[i], strlen(good[i]), "text", &j);
        if (e != NULL)
            fail_msg("'%s' was refused: %s", good[i], err_message(e));
        assert_non_null(j);
    }
}

static char *nested(int depth)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < depth; i++)
        g_string_append_c(text, '[');
    for (int i = 0; i < depth; i++)
        g_string_append_c(text, ']');
    return g_string_free(text, FALSE);
}

static void test_depth(void **state G_GNUC_UNUSED)
{
    g_autofree char *most = nested(JSON_DEPTH_MAX);
    g_autofree char *more = nested(JSON_DEPTH_MAX + 1);
    g_autofree char *much = nested(1000000);
    g_autoptr(json_t) j = NULL;
    g_autoptr(err_t) e = json_parse(most, strlen(most), "text", &j);
    assert_null(e);
    json_t *none = NULL;
    g_autoptr(err_t) e1 = json_parse(more, strlen(more), "text", &none);
    g_autoptr(err_t) e2 = json_parse(much, strlen(much), "text", &none);
    assert_non_null(strstr(err_message(e1), "deeper than 64"));
    assert_non_null(e2);
    g_autofree char *in_string = g_strdup_printf("{\"a\\\"\":\"%s\"}", more);
    g_autoptr(json_t) quoted = NULL;
    g_autoptr(err_t) e3 = json_parse(in_string, strlen(in_string), "text", &quoted);
    assert_null(e3);
}

static void test_printing(void **state G_GNUC_UNUSED)
{
    const char *text = "{\"b\":[1,{\"z\":null,\"a\":\"é/\\n\"}],\"a\":true}";
    g_autoptr(json_t) j = NULL;
    g_autoptr(err_t) e = json_parse(text, strlen(text), "text", &j);
    assert_null(e);
    g_autofree char *plain = json_print(j);
    assert_string_equal(plain, text);
    g_autofree char *canonical = json_print_canonical(j);
    assert_string_equal(canonical, "{\"a\":true,\"b\":[1,{\"a\":\"é/\\n\",\"z\":null}]}");
    g_autoptr(json_t) one = json_pack("{s:i}", "a", 1);
    g_autofree char *pretty = json_print_pretty(one);
    assert_string_equal(pretty, "{\n  \"a\": 1\n}");
    g_autofree char *null = json_print(NULL);
    assert_string_equal(null, "null");
}

static void test_getters_never_fail(void **state G_GNUC_UNUSED)
{
    g_autoptr(json_t) j =
        json_pack("{s:s, s:I, s:b, s:{s:{s:s}}, s:[i], s:n}", "s", "text", "i",
                  (json_int_t)G_MAXINT64, "b", 1, "o", "x", "y", "deep", "l", 1, "n");
    assert_string_equal(json_str(j, "s"), "text");
    assert_null(json_str(j, "i"));
    assert_null(json_str(j, "n"));
    assert_null(json_str(NULL, "s"));
    assert_string_equal(json_str_or(j, "absent", "f"), "f");
    assert_int_equal(json_int(j, "i", 0), G_MAXINT64);
    assert_int_equal(json_int(j, "s", -7), -7);
    assert_true(json_bool(j, "b", false));
    assert_true(json_bool(j, "s", true));
    assert_non_null(json_obj(j, "o"));
    assert_null(json_obj(j, "l"));
    assert_non_null(json_arr(j, "l"));
    assert_null(json_arr(j, "o"));
    assert_string_equal(json_str_at(j, "o/x/y"), "deep");
    assert_null(json_at(j, "o/x/z"));
    assert_null(json_at(j, "s/x"));
    assert_null(json_at(NULL, "s"));
}

static void test_setters(void **state G_GNUC_UNUSED)
{
    g_autoptr(json_t) j = json_object();
    json_set_str(j, "s", "x");
    json_set_str(j, "n", NULL);
    json_set_str(j, "bad",
                 "a\xff"
                 "b");
    json_set_int(j, "i", -1);
    json_set_bool(j, "b", false);
    json_set(j, "o", json_object());
    json_set(j, "none", NULL);
    g_autofree char *text = json_print(j);
    assert_string_equal(text, "{\"s\":\"x\",\"n\":null,\"bad\":\"a\xef\xbf\xbd"
                              "b\",\"i\":-1,\"b\":false,\"o\":{},\"none\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_error_says_where),
        cmocka_unit_test(test_accepted), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_printing), cmocka_unit_test(test_getters_never_fail),
        cmocka_unit_test(test_setters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
