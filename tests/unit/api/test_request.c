/* SPDX-License-Identifier: Apache-2.0 */
/* test_request - bodies against a table of fields: what is taken, and the words for the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/request.h"

static const struct field part_fields[] = {
    {.name = "size", .type = FIELD_INT, .required = true, .min = 1, .max = 9},
    {.name = NULL},
};
static const struct field thing_fields[] = {
    {.name = "name", .type = FIELD_TEXT, .required = true, .min = 1, .max = 4},
    {.name = "note", .type = FIELD_TEXT, .min = 0, .max = 0},
    {.name = "open", .type = FIELD_BOOL},
    {.name = "part", .type = FIELD_OBJECT, .fields = part_fields},
    {.name = "any", .type = FIELD_OBJECT},
    {.name = "map", .type = FIELD_MAP, .max = 3},
    {.name = "patch", .type = FIELD_PATCH, .max = 3},
    {.name = NULL},
};
static const struct field change_fields[] = {
    {.name = "part", .type = FIELD_OBJECT},
    {.name = NULL},
};
static const struct body_spec bodies[] = {
    {.key = "thing", .fields = thing_fields},
    {.key = "change", .fields = change_fields, .not_empty = true},
    {.key = "free"},
    {.key = NULL},
};
static const struct field bare_fields[] = {
    {.name = "size", .type = FIELD_INT, .min = 0, .max = 9},
    {.name = NULL},
};
static const struct body_spec bare[] = {
    {.key = "", .fields = bare_fields},
    {.key = NULL},
};

static err_t *judged(const struct body_spec *specs, const char *text)
{
    struct route route = {.bodies = specs};
    g_autoptr(json_t) body = NULL;
    TRY(json_parse(text, strlen(text), "the test", &body));
    struct request r = {.route = &route, .body = body};
    TRY(request_body_check(&r));
    assert_non_null(r.spec);
    assert_non_null(r.in);
    return NULL;
}

static void test_taken(void **state)
{
    static const char *const rows[] = {
        "{\"thing\":{\"name\":\"a\"}}",
        "{\"thing\":{\"name\":\"\xf0\x9f\x90\x8c\xf0\x9f\x90\x8c\xf0\x9f\x90\x8c\xf0\x9f\x90\x8c\"}"
        "}",
        "{\"thing\":{\"name\":\"a\",\"note\":\"as long as you "
        "like\",\"open\":false,\"part\":{\"size\":9}}}",
        "{\"thing\":{\"name\":\"a\",\"open\":true,\"any\":{\"x\":[]},\"part\":null}}",
        "{\"thing\":{\"name\":\"a\",\"map\":{\"a\":\"b\"},\"patch\":{\"a\":null,\"b\":\"c\"}}}",
        "{\"change\":{\"part\":{\"x\":1}}}",
        "{\"free\":{\"x\":[1]}}",
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(err_t) e = judged(bodies, rows[i]);
        if (e != NULL)
            fail_msg("%s: %s", rows[i], err_message(e));
    }
    assert_null(judged(bare, "{}"));
    assert_null(judged(bare, "{\"size\":3}"));
}

static void test_refused(void **state)
{
    static const struct {
        const struct body_spec *specs;
        const char *text, *words;
    } rows[] = {
        {bodies, "{}", "exactly one key, 'thing', 'change' or 'free'"},
        {bodies, "{\"x\":{}}", "it has 'x'"},
        {bodies, "{\"thing\":{},\"free\":{}}", "exactly one key"},
        {bodies, "{\"thing\":[]}", "'thing' of the body must be an object"},
        {bodies, "{\"thing\":{}}", "'thing' lacks 'name'"},
        {bodies, "{\"thing\":{\"name\":null}}", "'thing' lacks 'name'"},
        {bodies, "{\"thing\":{\"name\":7}}", "'name' of 'thing' must be a string"},
        {bodies, "{\"thing\":{\"name\":\"\"}}", "1 to 4 characters, not 0"},
        {bodies, "{\"thing\":{\"name\":\"12345\"}}", "1 to 4 characters, not 5"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"x\":1}}", "'thing' has 'x', which is not known"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"open\":1}}", "must be true or false"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"part\":[]}}", "must be an object"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"part\":{}}}", "'part' lacks 'size'"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"part\":{\"size\":0}}}", "must be 1 to 9, not 0"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"part\":{\"size\":10}}}", "must be 1 to 9, not 10"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"part\":{\"size\":1.5}}}", "must be an integer"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"map\":7}}", "must be an object of strings"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"patch\":7}}", "an object of strings and nulls"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"map\":{\"a\":null}}}", "'a' is something else"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"patch\":{\"a\":7}}}", "'a' is something else"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"patch\":{\"\":null}}}", "a key in 'patch'"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"map\":{\"1234\":\"a\"}}}", "a key in 'map'"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"map\":{\"a\":\"\"}}}", "'a' in 'map'"},
        {bodies, "{\"thing\":{\"name\":\"a\",\"map\":{\"a\":\"1234\"}}}", "'a' in 'map'"},
        {bodies, "{\"change\":{}}", "'change' says nothing"},
        {bodies, "{\"change\":{\"part\":{\"a\":null,\"b\":{}}}}", "'change' says nothing"},
        {bare, "{\"size\":10}", "'size' of 'the body' must be 0 to 9"},
        {bare, "{\"x\":1}", "'the body' has 'x'"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(err_t) e = judged(rows[i].specs, rows[i].text);
        if (e == NULL)
            fail_msg("taken: %s", rows[i].text);
        assert_int_equal(err_code(e), ERR_BAD_REQUEST);
        if (strstr(err_message(e), rows[i].words) == NULL)
            fail_msg("%s: '%s' does not say '%s'", rows[i].text, err_message(e), rows[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
