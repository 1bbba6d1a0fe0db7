/* SPDX-License-Identifier: Apache-2.0 */
/* err: the table's invariants, chains, remedies and details, and the way through JSON and back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"

struct row {
    const char *name;
    const char *code;
    int status;
    const char *title;
    const char *remedy;
};

static const struct row rows[] = {
#define ERR(name, code, status, class, title, remedy) {#name, code, status, title, remedy},
#include "base/err.tbl"
#undef ERR
};

static bool code_is_well_formed(const char *code)
{
    const char *rest = code + strlen("protector.");
    return g_str_has_prefix(code, "protector.") &&
           strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789_.") == strlen(rest) && *rest != 0 &&
           !g_str_has_suffix(code, ".");
}

static void test_table_is_sound(void **state G_GNUC_UNUSED)
{
    assert_int_equal(G_N_ELEMENTS(rows), ERR_COUNT);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!code_is_well_formed(rows[i].code))
            fail_msg("code '%s' of ERR_%s is no dotted lower-case name", rows[i].code,
                     rows[i].name);
        if (err_code_of(rows[i].code) != (enum err_code)i)
            fail_msg("code '%s' stands in two rows", rows[i].code);
        if (rows[i].status != 0) /* 0: never told over HTTP */
            assert_in_range(rows[i].status, 400, 599);
        assert_true(g_ascii_isupper(rows[i].title[0]));
        if (g_str_has_suffix(rows[i].remedy, "."))
            fail_msg("the remedy of '%s' ends in a full stop", rows[i].code);
    }
    assert_int_equal(err_code_of("protector.no_such_thing"), ERR_COUNT);
}

static void test_make_says_what_the_table_says(void **state G_GNUC_UNUSED)
{
    g_autoptr(err_t) e = err(TIMEOUT, "asked '%s' %d times", "nova", 3);
    assert_int_equal(err_code(e), ERR_TIMEOUT);
    assert_string_equal(err_code_text(e), "protector.timeout");
    assert_int_equal(err_http_status(e), 504);
    assert_int_equal(err_class(e), ERR_CLASS_AMBIGUOUS);
    assert_string_equal(err_class_text(err_class(e)), "ambiguous");
    assert_string_equal(err_message(e), "asked 'nova' 3 times");
    assert_string_equal(err_title(e), "Timed out");
}

/* What a stranger sent, whole or cut within a character. */
static void test_words_can_be_shown(void **state G_GNUC_UNUSED)
{
    g_autoptr(err_t) e = err(NOT_FOUND, "there is no '%s'", "a\x97\xff");
    e = err_wrap(g_steal_pointer(&e), "asked for '%.4s'",
                 "gr\xc3\xb6\xc3\x9f"
                 "er");
    e = err_remedy(g_steal_pointer(&e), "say another than '%s'", "\x80");
    g_autofree char *text = err_text(e);
    assert_string_equal(text, "asked for 'gr\xc3\xb6': there is no 'a\xef\xbf\xbd\xef\xbf\xbd'");
    assert_true(g_utf8_validate(err_remedy_text(e), -1, NULL));
    g_autoptr(err_t) cut = err(NOT_FOUND, "'%.1s'", "\xc3\xb6");
    assert_string_equal(err_message(cut), "'\xef\xbf\xbd'");
}

static void test_wrap_keeps_the_code_recode_changes_it(void **state G_GNUC_UNUSED)
{
    err_t *inner = err(NET_REFUSED, "connect to h:1: refused");
    err_t *middle = err_wrap(inner, "cannot list servers of '%s'", "site-a");
    assert_int_equal(err_code(middle), ERR_NET_REFUSED);
    g_autoptr(err_t) e = err_recode(UNAVAILABLE, middle, "validation failed");
    assert_int_equal(err_code(e), ERR_UNAVAILABLE);
    assert_true(err_is(e, ERR_NET_REFUSED));
    assert_true(err_is(e, ERR_UNAVAILABLE));
    assert_false(err_is(e, ERR_TIMEOUT));
    assert_false(err_is(NULL, ERR_TIMEOUT));
    g_autofree char *text = err_text(e);
    assert_string_equal(text, "validation failed: cannot list servers of 'site-a': "
                              "connect to h:1: refused");
    g_autofree char *where = err_where(e);
    assert_non_null(strstr(where, "test_err.c:"));
}

static void test_remedy_goes_up_through_wraps_only(void **state G_GNUC_UNUSED)
{
    err_t *e = err_remedy(err(DB_SCHEMA, "old"), "do this to '%s'", "x");
    assert_string_equal(err_remedy_text(e), "do this to 'x'");
    e = err_wrap(e, "starting");
    assert_string_equal(err_remedy_text(e), "do this to 'x'");
    e = err_recode(UNAVAILABLE, e, "not ready");
    assert_string_equal(err_remedy_text(e), "try again in a few seconds");
    e = err_remedy(err_remedy(e, "first"), "second");
    assert_string_equal(err_remedy_text(e), "second");
    err_free(e);
}

static void test_details_are_found_in_the_whole_chain(void **state G_GNUC_UNUSED)
{
    err_t *e = err_detail(err(CONFLICT, "x"), "active_site", "site-b");
    e = err_detail(e, "volume_id", "v1");
    e = err_detail(err_wrap(e, "y"), "volume_id", "v2");
    assert_string_equal(err_detail_get(e, "active_site"), "site-b");
    assert_string_equal(err_detail_get(e, "volume_id"), "v2");
    assert_null(err_detail_get(e, "absent"));
    err_free(e);
}

static err_t *sample_chain(void)
{
    err_t *e = err(NET_TIMEOUT, "GET http://h/v3: no answer in 5 s");
    e = err_detail(e, "url", "http://h/v3");
    e = err_remedy(e, "look at the firewall");
    e = err_wrap(e, "cannot read the catalog");
    e = err_recode(UNAVAILABLE, e, "cannot validate the token");
    return err_detail(e, "service", "keystone");
}

static void test_json_form(void **state G_GNUC_UNUSED)
{
    g_autoptr(err_t) e = sample_chain();
    g_autoptr(json_t) j = err_to_json(e);
    g_autofree char *text = json_print(j);
    assert_string_equal(text,
                        "{\"code\":\"protector.unavailable\",\"title\":\"Service unavailable\","
                        "\"message\":\"cannot validate the token\","
                        "\"remedy\":\"try again in a few seconds\","
                        "\"details\":{\"service\":\"keystone\",\"url\":\"http://h/v3\"},"
                        "\"causes\":[{\"code\":\"protector.net.timeout\","
                        "\"message\":\"cannot read the catalog\",\"details\":{}},"
                        "{\"code\":\"protector.net.timeout\","
                        "\"message\":\"GET http://h/v3: no answer in 5 s\","
                        "\"remedy\":\"look at the firewall\","
                        "\"details\":{\"url\":\"http://h/v3\"}}]}");
}

static void test_json_round_trip(void **state G_GNUC_UNUSED)
{
    g_autoptr(err_t) e = sample_chain();
    g_autoptr(json_t) j = err_to_json(e);
    g_autoptr(err_t) back = err_from_json(j);
    g_autoptr(json_t) again = err_to_json(back);
    assert_true(json_equal(j, again));
    g_autofree char *text = err_text(e);
    g_autofree char *text_back = err_text(back);
    assert_string_equal(text, text_back);
    assert_true(err_is(back, ERR_NET_TIMEOUT));
    assert_int_equal(err_class(back), ERR_CLASS_TRANSIENT);
}

static void test_json_of_a_stranger(void **state G_GNUC_UNUSED)
{
    g_autoptr(json_t) newer = json_pack("{s:s, s:s, s:{s:i}}", "code", "protector.from.the_future",
                                        "message", "m", "details", "n", 1);
    g_autoptr(err_t) e = err_from_json(newer);
    assert_int_equal(err_code(e), ERR_INTERNAL);
    assert_string_equal(err_message(e), "m");
    assert_string_equal(err_detail_get(e, "code"), "protector.from.the_future");
    g_autoptr(err_t) nothing = err_from_json(NULL);
    assert_int_equal(err_code(nothing), ERR_INTERNAL);
    assert_string_equal(err_message(nothing), "an error without a message");
}

static void test_json_chain_is_bounded(void **state G_GNUC_UNUSED)
{
    g_autoptr(json_t) j =
        json_pack("{s:s, s:s, s:[]}", "code", "protector.io", "message", "m", "causes");
    for (int i = 0; i < 1000; i++)
        json_array_append_new(json_arr(j, "causes"),
                              json_pack("{s:s, s:s}", "code", "protector.io", "message", "m"));
    g_autoptr(err_t) e = err_from_json(j);
    g_autoptr(json_t) back = err_to_json(e);
    assert_int_equal(json_array_size(json_arr(back, "causes")), 64);
}

static err_t *fails(int *count)
{
    *count += 1;
    return err(IO, "x");
}

static err_t *tries(int *count)
{
    TRY(NULL);
    TRY(fails(count));
    *count += 100;
    return NULL;
}

static void test_try_returns_early_and_evaluates_once(void **state G_GNUC_UNUSED)
{
    int count = 0;
    g_autoptr(err_t) e = tries(&count);
    assert_non_null(e);
    assert_int_equal(count, 1);
    err_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_make_says_what_the_table_says),
        cmocka_unit_test(test_words_can_be_shown),
        cmocka_unit_test(test_wrap_keeps_the_code_recode_changes_it),
        cmocka_unit_test(test_remedy_goes_up_through_wraps_only),
        cmocka_unit_test(test_details_are_found_in_the_whole_chain),
        cmocka_unit_test(test_json_form),
        cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_json_of_a_stranger),
        cmocka_unit_test(test_json_chain_is_bounded),
        cmocka_unit_test(test_try_returns_early_and_evaluates_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
