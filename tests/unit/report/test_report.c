/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: each form carries what was signed, shows it, and shows nothing else. */
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(err_t *e, enum err_code code, bool wanted, int line)
{
    bool is = e != NULL && err_is(e, code);
    g_autofree char *text = e != NULL ? err_text(e) : g_strdup("no error");

    err_free(e);
    if (is != wanted || (!wanted && strcmp(text, "no error") != 0)) {
        print_error("%s\n", text);
        _fail(__FILE__, line);
    }
}
#define OK(e)                 check((e), ERR_INTERNAL, false, __LINE__)
#define assert_error(e, code) check((e), (code), true, __LINE__)

/* Each site has other keys. */
static void random_counter(void *data, void *buffer, size_t size)
{
    unsigned char *next = data, *bytes = buffer;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (*next)++;
}
static unsigned char chance;
static const struct env test_env = {.data = &chance, .random = random_counter};

/* What markup would like to be taken for itself. */
#define EVIL "</script><script>alert(1)</script> --> | `rm` *x* & \"y\" 'z'"

static json_t *report(void)
{
    json_t *j = json_object();

    json_set_str(j, "format", REPORT_FORMAT);
    json_set_str(j, "title", "Test failover of web: completed");
    json_set_str(j, "written_at", "2026-11-30T10:00:00Z");
    json_set(j, "group", json_pack("{s:s, s:s}", "id", "pg-1", "name", "web"));
    json_set(j, "operation",
             json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", "op-1", "type", "test_failover",
                       "status", "completed", "source_site", "site-a", "target_site", "site-b",
                       "reason", EVIL));
    json_set(j, "measured", json_pack("{s:i, s:i}", "rto_s", 125, "rpo_s", 47));
    json_set(j, "targets", json_pack("{s:i}", "rpo_s", 900));
    json_set(j, "point", json_pack("{s:s, s:s}", "id", "p-1", "at", "2026-11-30T09:59:00Z"));
    json_set(j, "members",
             json_pack("[{s:s, s:s, s:s, s:[{s:s, s:s, s:s}]}]", "name", "web-1", "server_id",
                       "srv-1", "outcome", "runs", "checks", "check", "server is ACTIVE", "result",
                       "passed", "seen", "ACTIVE"));
    json_set(j, "volumes",
             json_pack("[{s:s, s:s, s:s, s:s}, {s:s, s:s}, {s:s, s:s, s:s}]", "name", "web-root",
                       "verified", "same", "digest_point", "aa11", "digest_copy", "aa11", "name",
                       "web-data", "verified", "differs", "name", "web-log", "verified", "cannot",
                       "verify_error", EVIL));
    json_set(j, "steps",
             json_pack("[{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i}, {s:i, s:s, s:s, s:s, s:s, s:n}]",
                       "seq", 1, "key", "server.boot", "says", "Boot the servers", "name", "web-1",
                       "state", "done", "attempts", 1, "from_ms", 1500, "to_ms", 91500, "seq", 2,
                       "key", "drill.check", "says", EVIL, "name", "web-1", "state", "pending",
                       "from_ms"));
    json_set(j, "made",
             json_pack("[{s:s, s:s, s:s, s:s}]", "kind", "server", "name", "web-1-drill", "id",
                       "srv-1", "state", "made"));
    json_set(j, "mappings",
             json_pack("[{s:s, s:s, s:s, s:s}]", "kind", "network", "source", "a", "target", "b",
                       "how", "same name"));
    json_set(j, "notes", json_pack("[s]", EVIL));
    return j;
}

static json_t *signed_report(void)
{
    chance++;
    AUTO(keypairs) keys = keypairs_create(&test_env);

    return report_sign(keys, "11111111-1111-4111-8111-111111111111", report());
}

static void test_each_form_is_read_back(void **state)
{
    g_autoptr(json_t) is = signed_report();
    (void)state;

    for (int form = 0; form < REPORT_FORMS; form++) {
        g_autofree char *text = report_print(is, (enum report_form)form);
        g_autoptr(json_t) back = NULL;
        OK(report_read(text, strlen(text), &back));
        assert_true(json_equal(is, back));
    }
}

static void test_what_is_shown(void **state)
{
    g_autoptr(json_t) is = signed_report();
    static const char *const said[] = {"Test failover of web: completed",
                                       "47 s, within the objective of 15 min 0 s",
                                       "2 min 5 s",
                                       "server is ACTIVE: passed (ACTIVE)",
                                       "1 min 30 s",
                                       "web-1-drill",
                                       "from site-a to site-b"};
    (void)state;

    for (int form = REPORT_MARKDOWN; form < REPORT_FORMS; form++) {
        g_autofree char *text = report_print(is, (enum report_form)form);
        for (size_t i = 0; i < G_N_ELEMENTS(said); i++) {
            g_autofree char *plain = g_strdup(text);
            char *to = plain; /* Markdown's escapes say nothing */
            for (const char *c = text; *c != '\0'; c++)
                if (*c != '\\')
                    *to++ = *c;
            *to = '\0';
            if (strstr(plain, said[i]) == NULL)
                fail_msg("form %d does not say '%s':\n%s", form, said[i], text);
        }
    }
}

/* No text of a report becomes markup of the page. */
static void test_texts_stay_texts(void **state)
{
    g_autoptr(json_t) is = signed_report();
    g_autofree char *html = report_print(is, REPORT_HTML);
    g_autofree char *markdown = report_print(is, REPORT_MARKDOWN);
    (void)state;

    assert_null(strstr(html, "<script>"));
    assert_null(strstr(html, "alert(1)<"));
    const char *script = strstr(html, "<script");
    assert_non_null(script);
    assert_null(strstr(script + 1, "<script"));
    const char *end = strstr(markdown, "-->");
    assert_non_null(end);
    assert_null(strstr(end + 1, "-->"));
    assert_null(strstr(markdown, "<script>"));
}

/* Whatever is changed in a page, in what is shown or in what was signed. */
static void test_changed(void **state)
{
    g_autoptr(json_t) is = signed_report();
    static const char *const changes[][2] = {
        {"completed", "cancelled"}, {"47 s", "07 s"},     {"\"rpo_s\":47", "\"rpo_s\":40"},
        {"srv-1", "srv-2"},         {"passed", "failed"},
    };
    (void)state;

    for (int form = REPORT_MARKDOWN; form < REPORT_FORMS; form++) {
        g_autofree char *text = report_print(is, (enum report_form)form);
        for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
            GString *other = g_string_new(text);
            g_autoptr(json_t) back = NULL;
            assert_int_equal(g_string_replace(other, changes[i][0], changes[i][1], 1), 1);
            assert_error(report_read(other->str, other->len, &back), ERR_REPORT_CHANGED);
            assert_null(back);
            g_string_free(other, TRUE);
        }
    }
}

/* JSON may be laid out anew; nothing in it may be changed, nor the keys exchanged. */
static void test_json(void **state)
{
    g_autoptr(json_t) is = signed_report();
    g_autoptr(json_t) other = signed_report(); /* of other keys */
    g_autofree char *compact = json_print(is);
    g_autoptr(json_t) back = NULL;
    (void)state;

    OK(report_read(compact, strlen(compact), &back));
    json_t *signature = json_obj(is, "signature");
    static const char *const keys[] = {"value", "sign_public", "seal_public", "fingerprint"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *was = g_strdup(json_str(signature, keys[i]));
        json_set_str(signature, keys[i], json_str(json_obj(other, "signature"), keys[i]));
        g_autofree char *text = json_print(is);
        g_autoptr(json_t) none = NULL;
        assert_error(report_read(text, strlen(text), &none), ERR_REPORT_CHANGED);
        json_set_str(signature, keys[i], "nonsense");
        g_autofree char *nonsense = json_print(is);
        assert_error(report_read(nonsense, strlen(nonsense), &none), ERR_REPORT_CHANGED);
        json_set_str(signature, keys[i], was);
    }
    static const char *const none[] = {"", "{}", "[]", "# A page", "{\"report\": {}}"};
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++) {
        g_autoptr(json_t) read = NULL;
        assert_error(report_read(none[i], strlen(none[i]), &read), ERR_PARSE);
    }
}

static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(report_form_of("json"), REPORT_JSON);
    assert_int_equal(report_form_of("markdown"), REPORT_MARKDOWN);
    assert_int_equal(report_form_of("html"), REPORT_HTML);
    assert_int_equal(report_form_of("pdf"), REPORT_FORMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_form_is_read_back),
        cmocka_unit_test(test_what_is_shown),
        cmocka_unit_test(test_texts_stay_texts),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_forms),
    };
    secrets_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
