/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pytext - values as Python 3.11 writes them (each row is what its str() gives), and what its
 * ast.literal_eval takes for a constant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/auth/pytext.h"

static void test_written(void **state)
{
    static const struct {
        const char *json, *python; /* NULL: not written */
    } rows[] = {
        {"\"it's\"", "it's"},
        {"[\"it's\"]", "[\"it's\"]"},
        {"[\"it's \\\"x\\\"\"]", "['it\\'s \"x\"']"},
        {"[\"a\\\\b\"]", "['a\\\\b']"},
        {"[\"\\n\\r\\t\"]", "['\\n\\r\\t']"},
        {"[\"\\u0001\\u007f\\u0085\\u00a0\"]", "['\\x01\\x7f\\x85\\xa0']"},
        {"[\"\\u2028\\u3000\"]", "['\\u2028\\u3000']"},
        {"[\"\\udb40\\udc01\"]", "['\\U000e0001']"},
        {"[\"\xc3\xbc \xf0\x9f\x90\x8c\"]", "['\xc3\xbc \xf0\x9f\x90\x8c']"},
        {"[null,true,false,-7]", "[None, True, False, -7]"},
        {"{\"a\":{\"b\":[]},\"c\":1}", "{'a': {'b': []}, 'c': 1}"},
        {"0.5", NULL},
        {"[1,0.5]", NULL},
        {"{\"a\":0.5}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) value = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        g_autofree char *text = pytext_str(value);
        if (rows[i].python == NULL)
            assert_null(text);
        else
            assert_string_equal(text, rows[i].python);
    }
}

static void test_read(void **state)
{
    static const struct {
        const char *text;
        enum pytext_kind kind;
        const char *literal;
    } rows[] = {
        {" None ", PYTEXT_LITERAL, "None"}, {"'a b'", PYTEXT_LITERAL, "a b"},
        {"\"x\"", PYTEXT_LITERAL, "x"},     {"'a'b'", PYTEXT_BROKEN, NULL},
        {"'a\\n'", PYTEXT_BROKEN, NULL},    {"'", PYTEXT_BROKEN, NULL},
        {"1_000", PYTEXT_LITERAL, "1000"},  {"1__0", PYTEXT_BROKEN, NULL},
        {"1_", PYTEXT_BROKEN, NULL},        {"1.5", PYTEXT_BROKEN, NULL},
        {"1a", PYTEXT_BROKEN, NULL},        {"01", PYTEXT_BROKEN, NULL},
        {"00", PYTEXT_LITERAL, "0"},        {"-0", PYTEXT_LITERAL, "0"},
        {"-7", PYTEXT_LITERAL, "-7"},       {"+7", PYTEXT_LITERAL, "7"},
        {"-", PYTEXT_BROKEN, NULL},         {"a.b.c", PYTEXT_PATH, NULL},
        {"_a", PYTEXT_PATH, NULL},          {"-a", PYTEXT_PATH, NULL},
        {"7-a", PYTEXT_PATH, NULL},         {"a-", PYTEXT_BROKEN, NULL},
        {"a.", PYTEXT_BROKEN, NULL},        {"a.None", PYTEXT_BROKEN, NULL},
        {"a.if", PYTEXT_BROKEN, NULL},      {"if", PYTEXT_BROKEN, NULL},
        {"a b", PYTEXT_BROKEN, NULL},       {"", PYTEXT_BROKEN, NULL},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *literal = NULL;
        enum pytext_kind kind = pytext_literal(rows[i].text, &literal);
        if (kind != rows[i].kind)
            fail_msg("'%s' is %d, not %d", rows[i].text, kind, rows[i].kind);
        if (rows[i].literal == NULL)
            assert_null(literal);
        else
            assert_string_equal(literal, rows[i].literal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
