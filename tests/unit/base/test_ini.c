/* SPDX-License-Identifier: Apache-2.0 */
/* ini: the syntax line by line, and that errors name the right one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/ini.h"

/* Writes what is found as "3:s.key=value;" into a GString. */
static err_t *collect(void *data, int line, const char *section, const char *key, const char *value)
{
    GString *out = data;
    if (key == NULL)
        g_string_append_printf(out, "%d:[%s];", line, section);
    else
        g_string_append_printf(out, "%d:%s.%s=%s;", line, section, key, value);
    return NULL;
}

static void test_syntax(void **state G_GNUC_UNUSED)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"\n  \n# c\n; c\n", ""},
        {"[s]", "1:[s];"},
        {"[s]\na=1", "1:[s];2:s.a=1;"},
        {"[s]\na = 1 = 2 : 3\n", "1:[s];2:s.a=1 = 2 : 3;"},
        {"[s]\na: 1 = 2\n", "1:[s];2:s.a=1 = 2;"},
        {"[s]\nurl = http://h:5000\n", "1:[s];2:s.url=http://h:5000;"},
        {"[s]\na =\nb=", "1:[s];2:s.a=;3:s.b=;"},
        {"[s]\na = x # no comment\n", "1:[s];2:s.a=x # no comment;"},
        {"[s]\na = 1\n  2\n\t3\nb=4", "1:[s];2:s.a=1\n2\n3;5:s.b=4;"},
        {"[s]\na = 1\n # more\n", "1:[s];2:s.a=1\n# more;"},
        {"[s]\na = \"x y\"\n", "1:[s];2:s.a=x y;"},
        {"[s]\na = ' x '\n", "1:[s];2:s.a= x ;"},
        {"[s]\na = \"x'\n", "1:[s];2:s.a=\"x';"},
        {"[s]\na = \"\"x\"\"\n", "1:[s];2:s.a=\"x\";"},
        {"[s]\na = \"\n", "1:[s];2:s.a=;"},
        {"[s]\na = 'x\n  y'\n", "1:[s];2:s.a='x\ny';"},
        {"[s]\r\na = 1\r\nb = 2\rc = 3", "1:[s];2:s.a=1;3:s.b=2;4:s.c=3;"},
        {"[s]  \na = 1  \n", "1:[s];2:s.a=1;"},
        {"[ s ]\na=1\n[t]\na=2", "1:[ s ];2: s .a=1;3:[t];4:t.a=2;"},
        {"[s]\na b = 1", "1:[s];2:s.a b=1;"},
        {"[s]]\n", "1:[s]];"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        g_autoptr(err_t) e = ini_parse(rows[i][0], strlen(rows[i][0]), "f", collect, out);
        if (e != NULL)
            fail_msg("'%s' was refused: %s", rows[i][0], err_message(e));
        assert_string_equal(out->str, rows[i][1]);
    }
}

static void test_errors(void **state G_GNUC_UNUSED)
{
    static const struct {
        const char *text;
        size_t size;
        const char *error;
    } rows[] = {
        {"[s]\n[t\n", 0, "f:2: a section must end with ]: '[t'"},
        {"\n[", 0, "f:2: a section must end with ]: '['"},
        {"[]", 0, "f:1: a section needs a name: '[]'"},
        {"a = 1\n", 0, "f:1: option 'a' stands before any [section]"},
        {"[s]\n\nsecret\n", 0, "f:3: the line has neither '=' nor ':'"},
        {"[s]\n = 1\n", 0, "f:2: a line that starts with a blank"},
        {"[s]\n= 1\n", 0, "f:2: the name before '=' or ':' is empty"},
        {"[s]\na=1\n\n  b\n", 0, "f:4: a line that starts with a blank"},
        {"[s]\na=1\n# c\n  b\n", 0, "f:4: a line that starts with a blank"},
        {"  a", 0, "f:1: a line that starts with a blank"},
        {"[s]\na=\xff\n", 0, "f:2: the text is no valid UTF-8"},
        {"[s]\na=1\n\0", 9, "f:3: the text is no valid UTF-8, or holds a NUL"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        size_t size = rows[i].size != 0 ? rows[i].size : strlen(rows[i].text);
        g_autoptr(err_t) e = ini_parse(rows[i].text, size, "f", collect, out);
        if (e == NULL)
            fail_msg("'%s' was accepted", rows[i].text);
        assert_int_equal(err_code(e), ERR_CONFIG);
        if (!g_str_has_prefix(err_message(e), rows[i].error))
            fail_msg("'%s' gave '%s'", rows[i].text, err_message(e));
    }
}

static void test_a_broken_line_is_not_shown(void **state G_GNUC_UNUSED)
{
    const char *text = "[s]\nhunter2\n";
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(err_t) e = ini_parse(text, strlen(text), "f", collect, out);
    assert_null(strstr(err_message(e), "hunter2"));
}

static void test_limits(void **state G_GNUC_UNUSED)
{
    g_autofree char *large = g_malloc(INI_SIZE_MAX + 1);
    memset(large, '\n', INI_SIZE_MAX + 1);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(err_t) e1 = ini_parse(large, INI_SIZE_MAX + 1, "f", collect, out);
    assert_non_null(strstr(err_message(e1), "larger than 1024 KiB"));
    g_autoptr(err_t) e2 = ini_parse(large, INI_LINES_MAX + 1, "f", collect, out);
    assert_non_null(strstr(err_message(e2), "more than 20000 lines"));
    g_autoptr(err_t) e3 = ini_parse(large, INI_LINES_MAX, "f", collect, out);
    assert_null(e3);
}

static err_t *refuse(void *data G_GNUC_UNUSED, int line, const char *section G_GNUC_UNUSED,
                     const char *key, const char *value G_GNUC_UNUSED)
{
    return key != NULL ? err(CONFLICT, "line %d", line) : NULL;
}

static void test_an_error_of_the_caller_ends_it(void **state G_GNUC_UNUSED)
{
    const char *text = "[s]\na=1\nb=2\n";
    g_autoptr(err_t) e = ini_parse(text, strlen(text), "f", refuse, NULL);
    assert_int_equal(err_code(e), ERR_CONFLICT);
    assert_string_equal(err_message(e), "line 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_a_broken_line_is_not_shown),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_an_error_of_the_caller_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
