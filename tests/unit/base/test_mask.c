/* SPDX-License-Identifier: Apache-2.0 */
/* mask: what must not reach a log, in every shape it comes in, and what must stay readable. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "base/secrets.h"

#define FERNET "gAAAAABnQ2xZ0aBcDeFgHiJkLmNoPqRsTuVwXyZ-_123456"

struct row {
    const char *text;
    const char *masked; /* NULL: stays as it is */
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *wanted = rows[i].masked != NULL ? rows[i].masked : rows[i].text;
        g_autofree char *got = secrets_mask(rows[i].text);
        if (strcmp(got, wanted) != 0)
            fail_msg("\n   %s\nis %s\nnot %s", rows[i].text, got, wanted);
        g_autofree char *again = secrets_mask(got);
        assert_string_equal(again, got);
    }
}

static void test_trusts(void **state G_GNUC_UNUSED)
{
    static const struct row rows[] = {
        {"Could not find trust: 782108ac7a3e4f8ea7dc307ede7f0e57.", "Could not find trust: ***."},
        {"GET http://h:5000/v3/OS-TRUST/trusts/782108ac7a3e4f8ea7dc307ede7f0e57 answered 404",
         "GET http://h:5000/v3/OS-TRUST/trusts/*** answered 404"},
        {"user 'p' with trust '782108ac7a3e4f8ea7dc307ede7f0e57'", "user 'p' with trust '***'"},
        {"the trust of project 782108ac7a3e4f8ea7dc307ede7f0e57", NULL},
        {"trust 782108ac7a3e4f8ea7dc307ede7f0e57a", NULL}, /* no id */
        {"/OS-TRUST/trusts?trustor_user_id=abc", NULL},
    };
    check(rows, G_N_ELEMENTS(rows));
}

static void test_json(void **state G_GNUC_UNUSED)
{
    static const struct row rows[] = {
        {"{\"password\": \"s3cret\"}", "{\"password\": \"***\"}"},
        {"{\"password\":\"s3\\\"cr,et\",\"a\":1}", "{\"password\":\"***\",\"a\":1}"},
        {"{\"password\":\"ends in \\\\\",\"a\":1}", "{\"password\":\"***\",\"a\":1}"},
        {"{\"primary_fa_token\":\"T-1\",\"b\":2}", "{\"primary_fa_token\":\"***\",\"b\":2}"},
        {"{\"adminPass\":\"x\"}", "{\"adminPass\":\"***\"}"},
        {"{\"accessToken\":\"x\",\"tokenAge\":1}", "{\"accessToken\":\"***\",\"tokenAge\":1}"},
        {"{\"password\":12345}", "{\"password\":***}"},
        {"{\"password\":\"\"}", "{\"password\":\"***\"}"},
        {"{\"secrets\":1,\"secret\":[\"a\",\"b\"],\"c\":1}",
         "{\"secrets\":1,\"secret\":***,\"c\":1}"},
        {"{\"a\":\"{\\\"password\\\":\\\"x\\\",\\\"b\\\":1}\"}",
         "{\"a\":\"{\\\"password\\\":\\\"***\\\",\\\"b\\\":1}\"}"},
        {"{\"a\":\"{\\\"password\\\":\\\"x\\\\\\\"y\\\",\\\"b\\\":1}\"}",
         "{\"a\":\"{\\\"password\\\":\\\"***\\\",\\\"b\\\":1}\"}"},
        {"{'user_data': 'I2Nsb3Vk', 'name': 'vm'}", "{'user_data': '***', 'name': 'vm'}"},
        {"{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"id\":\"u\","
         "\"password\":\"x\"}}}}",
         "{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":{\"id\":\"u\","
         "\"password\":\"***\"}}}}"},
        {"{\"OS-TRUST:trust\":{\"id\":\"t\"},\"trust_id\":\"abc\"}",
         "{\"OS-TRUST:trust\":{\"id\":\"t\"},\"trust_id\":\"***\"}"},
        {"{\"password\": \"never closed", "{\"password\": \"***"},
        {"{\"a\":\"{\\\"password\\\":\\\"cut\",\"b\":1}",
         "{\"a\":\"{\\\"password\\\":\\\"***\",\"b\":1}"},
        {"{\"password\": \"ends in \\", "{\"password\": \"***"},
        {"{\"secret\":[\"never\",[\"closed\"]", "{\"secret\":***"},
    };
    check(rows, G_N_ELEMENTS(rows));
}

static void test_headers_and_options(void **state G_GNUC_UNUSED)
{
    static const struct row rows[] = {
        {"X-Auth-Token: abc-DEF_123\r\nAccept: */*", "X-Auth-Token: ***\r\nAccept: */*"},
        {"x-subject-token:abc", "x-subject-token:***"},
        {"Authorization: Bearer abc def\nnext", "Authorization: ***\nnext"},
        {"Set-Cookie: a=b; c=d\nnext", "Set-Cookie: ***\nnext"},
        {"password = hunter2", "password = ***"},
        {"password: hunter", "password: ***"},
        {"got password=hunter2, user=x", "got password=***, user=x"},
        {"GET /x?token=abc&y=1 HTTP/1.1", "GET /x?token=***&y=1 HTTP/1.1"},
        {"policy-create --primary-fa-token T-12 --rpo 5",
         "policy-create --primary-fa-token *** --rpo 5"},
        {"--os-password='a b' x", "--os-password='***' x"},
        {"mysql+pymysql://protector:PASS@db/protector?charset=utf8",
         "mysql+pymysql://protector:***@db/protector?charset=utf8"},
        {"at rabbit://u:p@ss@h:5672/ and http://h:80/a:b@c",
         "at rabbit://u:***@h:5672/ and http://h:80/a:b@c"},
        {"Could not find token: " FERNET "==.", "Could not find token: ***"},
        {"saw " FERNET " go by", "saw *** go by"},
        {"the token: T-12ab was refused", "the token: *** was refused"},
        {"the token: can't", NULL},
        {"the token: abcdefghijklmnopqrstuvwxyz", "the token: ***"},
        {"the token: abc, and", "the token: ***, and"},
        {" token: abc", " token: ***"},
        {": token: abc", ": token: ***"},
        {"password=\r\nnext", NULL},
        {"password={\"a\":1}", NULL},
        {"token://host/", NULL},
        {"token=//host/", "token=***"},
        {"password=,", NULL},
    };
    check(rows, G_N_ELEMENTS(rows));
}

static void test_readable_text_stays(void **state G_GNUC_UNUSED)
{
    static const struct row rows[] = {
        {"", NULL},
        {"cannot validate the token: keystone answered 503", NULL},
        {"the password is wrong", NULL},
        {"tokenizer=fast, token_count=3, secretary=bob", NULL},
        {"--password", NULL},
        {"password:", NULL},
        {"http://controller:5000/v3 answered 300", NULL},
        {"key=pg-1 idempotency_key=abc", NULL},
        {"if token == x", NULL},
        {"[keystone_authtoken] auth_url=http://h:5000", NULL},
        {"gAAAAAshort", NULL},
        {"café 😀 \xff password", NULL},
    };
    check(rows, G_N_ELEMENTS(rows));
}

/* Whatever stands around it: a marked value behind a secret's name never survives. */
static void test_random_surroundings(void **state G_GNUC_UNUSED)
{
    static const char *const shapes[] = {"\"%s\":\"%s\"", "\\\"%s\\\": \\\"%s\\\"",
                                         "%s=%s",         "'%s': '%s'",
                                         "--%s %s",       "--%s=%s"};
    static const char *const names[] = {"password", "secondary-fa-token", "User_Data",
                                        "OS_PASSWORD"};
    static const char noise[] = "ab :=,;\"'\\{}[]\n\t&?-_";
    g_autoptr(GRand) random = g_rand_new_with_seed(11);
    for (int i = 0; i < 20000; i++) {
        GString *text = g_string_new(NULL);
        for (int n = g_rand_int_range(random, 0, 12); n > 0; n--)
            g_string_append_c(text, noise[g_rand_int_range(random, 0, sizeof noise - 1)]);
        g_string_append_c(text, ' '); /* the name must start a word */
        const char *shape = shapes[g_rand_int_range(random, 0, G_N_ELEMENTS(shapes))];
        const char *name = names[g_rand_int_range(random, 0, G_N_ELEMENTS(names))];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        g_string_append_printf(text, shape, name, "MARK1");
#pragma GCC diagnostic pop
        g_autofree char *masked = secrets_mask(text->str);
        if (strstr(masked, "MARK1") != NULL)
            fail_msg("'%s' became '%s'", text->str, masked);
        g_string_free(text, TRUE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_trusts),
        cmocka_unit_test(test_headers_and_options),
        cmocka_unit_test(test_readable_text_stays),
        cmocka_unit_test(test_random_surroundings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
