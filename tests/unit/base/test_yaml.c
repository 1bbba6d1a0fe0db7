/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_yaml - what YAML becomes, where things stand, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/yaml.h"

#include <string.h>

static void check_flags(const char *text, enum yaml_flag flags, const char *want)
{
    AUTO(yaml) yaml = NULL;
    g_autofree char *got = NULL;
    err_t *e = yaml_parse(text, strlen(text), "f", flags, &yaml);

    if (e != NULL)
        fail_msg("%s: %s", text, err_message(e));
    got = json_print(yaml_root(yaml));
    assert_string_equal(got, want);
}

static void check(const char *text, const char *want)
{
    check_flags(text, YAML_DEFAULT, want);
}

static void check_error(const char *text, const char *want)
{
    struct yaml *yaml = NULL;
    err_t *e = yaml_parse(text, strlen(text), "f", YAML_DEFAULT, &yaml);

    if (e == NULL)
        fail_msg("accepted: %s", text);
    assert_int_equal(err_code(e), ERR_PARSE);
    if (strstr(err_message(e), want) == NULL)
        fail_msg("no '%s' in: %s", want, err_message(e));
    assert_null(yaml);
    err_free(e);
}

static void test_values(void **state)
{
    (void)state;
    check("", "null");
    check("# only a comment\n", "null");
    check("---\n...\n", "null");
    check("a: 1\nb: -2\nc: 0\nd: 007\ne: 9223372036854775808\nf: 1_000\n",
          "{\"a\":1,\"b\":-2,\"c\":0,\"d\":\"007\",\"e\":\"9223372036854775808\",\"f\":\"1_000\"}");
    check("[yes, No, on, OFF, true, 'true', ~, null, '', 1.5, 2020-01-01]",
          "[true,false,true,false,true,\"true\",null,null,\"\",\"1.5\",\"2020-01-01\"]");
    check("a:\nb: ~\n", "{\"a\":null,\"b\":null}");
    check("1: x\nyes: y\n? k\n: z\n", "{\"1\":\"x\",\"yes\":\"y\",\"k\":\"z\"}");
    check("a: |\n  one\n  two\nb: >\n  one\n  two\n",
          "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\\n\"}");
    check("a: !!str 5\nb: \"\\u00fc\\x41\"\n", "{\"a\":\"5\",\"b\":\"\xc3\xbc\x41\"}");
    check("{\"a\": [1, {\"b\": null}]}", "{\"a\":[1,{\"b\":null}]}");
    check("\"x:y\": \"role:admin or project_id:%(project_id)s\"\n",
          "{\"x:y\":\"role:admin or project_id:%(project_id)s\"}");
    check("a: role:admin # comment\n", "{\"a\":\"role:admin\"}");
}

static void test_text(void **state)
{
    (void)state;
    check_flags("a: 0123\nb: yes\nc: ~\nd: ''\ne:\n", YAML_TEXT,
                "{\"a\":\"0123\",\"b\":\"yes\",\"c\":null,\"d\":\"\",\"e\":null}");
}

static void test_anchors_and_merges(void **state)
{
    (void)state;
    check("a: &x {p: 1, q: [2]}\nb: *x\nc: &y 5\nd: *y\n",
          "{\"a\":{\"p\":1,\"q\":[2]},\"b\":{\"p\":1,\"q\":[2]},\"c\":5,\"d\":5}");
    check("d: &d {p: 1, q: 2}\ne:\n  q: 3\n  <<: *d\n",
          "{\"d\":{\"p\":1,\"q\":2},\"e\":{\"q\":3,\"p\":1}}");
    check("d: &d {p: 1}\nf: &f {p: 2, r: 3}\ne:\n  <<: [*d, *f]\n",
          "{\"d\":{\"p\":1},\"f\":{\"p\":2,\"r\":3},\"e\":{\"p\":1,\"r\":3}}");
    check("'<<': 1\n", "{\"<<\":1}");
    check_error("a: *x\n", "f:1: there is no '&x'");
    check_error("a: &x [*x]\n", "there is no '&x'");
    check_error("a:\n  <<: 5\n", "f:2: '<<' needs");
    check_error("a:\n  <<: [5]\n", "f:2: '<<' needs");
}

static void test_errors(void **state)
{
    (void)state;
    check_error("a: 1\nb: [1,\n", "f:3:");
    check_error("a: 1\n  b: 2\n", "f:2:");
    check_error("a: @\n", "f:1:");
    check_error("a: 1\nb: 2\na: 3\n", "f:3: the key 'a' stands here and in line 1");
    check_error("x:\n  a: 1\n  'a': 3\n", "f:3: the key 'a' stands here and in line 2");
    check_error("[a]: 1\n", "f:1: a key must be plain text");
    check_error("a: !!python/object:os.system x\n", "is not known");
    check_error("a: !x [1]\n", "the tag '!x' is not known");
    check_error("a: 1\n---\nb: 2\n", "f:2: a second document");
    check_error("a: \"x\\0y\"\n", "f:1: the text holds a NUL");
    check_error("a: \xff\n", "f:");
    check_error("\"x\\0y\": 1\n", "f:1: the key holds a NUL");
    check_error("!x a: 1\n", "the tag '!x' is not known");
    check("a: [-1, +2, -x, 99999999999999999999]\n",
          "{\"a\":[-1,2,\"-x\",\"99999999999999999999\"]}");
}

/* libyaml takes UTF-8 only: as bytes, and as what an escape makes; values and keys rest on it. */
static void test_utf8(void **state)
{
    static const char *const bad[] = {
        "\xff",             /* no UTF-8 */
        "\xc3",             /* cut */
        "\xc0\x80",         /* longer than need be */
        "\xed\xa0\x80",     /* half of a pair */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\\ud800",
        "\\U00110000",
        "\\UFFFFFFFF",
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *value = g_strdup_printf("a: \"%s\"\n", bad[i]);
        g_autofree char *key = g_strdup_printf("\"%s\": 1\n", bad[i]);
        check_error(value, "no valid YAML");
        check_error(key, "no valid YAML");
    }
    check("\"\\uffff\": \"\\U0010ffff\"\n", "{\"\xef\xbf\xbf\":\"\xf4\x8f\xbf\xbf\"}");
}

static void test_limits(void **state)
{
    g_autoptr(GString) deep = g_string_new(NULL);
    g_autoptr(GString) laughs = g_string_new("a0: &a0 [x]\n");
    g_autofree char *large = g_strnfill(YAML_SIZE_MAX + 1, ' ');

    (void)state;
    for (int i = 0; i < YAML_DEPTH_MAX + 2; i++)
        g_string_append_c(deep, '[');
    check_error(deep->str, "nested deeper than 64");
    for (int i = 1; i < 12; i++)
        g_string_append_printf(laughs, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1,
                               i - 1, i - 1, i - 1);
    check_error(laughs->str, "more than 100000 values");
    check_error(large, "longer than");
}

static void test_lines(void **state)
{
    static const char text[] =
        "# c\nclouds:\n  a:\n    auth: {x: 1,\n      y: 2}\n  b: [p,\n  q]\n";
    AUTO(yaml) yaml = NULL;

    (void)state;
    assert_null(yaml_parse(text, strlen(text), "f", YAML_DEFAULT, &yaml));
    assert_int_equal(yaml_line(yaml, "clouds"), 2);
    assert_int_equal(yaml_line(yaml, "clouds/a"), 3);
    assert_int_equal(yaml_line(yaml, "clouds/a/auth/y"), 5);
    assert_int_equal(yaml_line(yaml, "clouds/b/1"), 7);
    assert_int_equal(yaml_line(yaml, "clouds/none"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_anchors_and_merges),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
