/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_http - requests, responses and addresses as values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/http.h"

#include <string.h>

static void test_headers(void **state)
{
    AUTO(http_request) req = http_request_create("GET", "http://h/");
    AUTO(http_response) resp = http_response_create(200);

    (void)state;
    assert_null(http_request_get(req, "X-Auth-Token"));
    http_request_set(req, "X-Auth-Token", "one");
    http_request_set(req, "x-auth-token", "two");
    assert_int_equal(req->headers->len, 1);
    assert_string_equal(http_request_get(req, "X-AUTH-TOKEN"), "two");
    http_request_set(req, "X-Auth-Token", http_request_get(req, "X-Auth-Token"));
    assert_string_equal(http_request_get(req, "X-Auth-Token"), "two");
    http_request_add(req, "X-Auth-Token", "three");
    assert_int_equal(req->headers->len, 2);
    assert_string_equal(http_request_get(req, "X-Auth-Token"), "two");
    http_request_unset(req, "X-AUTH-Token");
    assert_int_equal(req->headers->len, 0);

    http_response_add(resp, "Vary", "a");
    http_response_add(resp, "Vary", "b");
    assert_int_equal(resp->headers->len, 2);
    http_response_set(resp, "vary", "c");
    assert_int_equal(resp->headers->len, 1);
    assert_string_equal(http_response_get(resp, "Vary"), "c");
}

static void test_no_header_within_a_header(void **state)
{
    AUTO(http_response) resp = http_response_create(200);

    (void)state;
    http_response_set(resp, "Location", "/x\r\nSet-Cookie: a=b");
    assert_string_equal(http_response_get(resp, "Location"), "/x  Set-Cookie: a=b");
    http_response_set(resp, "X-A\nB", "tab\tstays");
    assert_string_equal(http_response_get(resp, "X-A B"), "tab\tstays");
}

static void test_bodies(void **state)
{
    AUTO(http_request) req = http_request_create("POST", "http://h/");
    AUTO(http_response) resp = http_response_create(200);
    g_autoptr(json_t) j = json_pack("{s:i}", "a", 1);

    (void)state;
    http_request_body(req, "a\0b", 3);
    assert_int_equal(req->body_size, 3);
    assert_memory_equal(req->body, "a\0b\0", 4);
    http_request_json(req, j);
    assert_string_equal(req->body, "{\"a\":1}");
    assert_int_equal(req->body_size, 7);
    assert_string_equal(http_request_get(req, "Content-Type"), "application/json");
    http_response_body(resp, "text/plain", "", 0);
    assert_string_equal(resp->body, "");
    assert_int_equal(resp->body_size, 0);
    http_response_json(resp, j);
    assert_string_equal(http_response_get(resp, "content-type"), "application/json");
}

static void test_encode(void **state)
{
    g_autofree char *text = url_encode("a B/ü?~-._");

    (void)state;
    assert_string_equal(text, "a%20B%2F%C3%BC%3F~-._");
}

static void check_decode(const char *text, const char *want)
{
    g_autofree char *got = url_decode(text, strlen(text));

    if (want == NULL)
        assert_null(got);
    else
        assert_string_equal(got, want);
}

static void test_decode(void **state)
{
    (void)state;
    check_decode("a%20B%2f+%C3%BC", "a B/+ü");
    check_decode("", "");
    check_decode("%", NULL);
    check_decode("%2", NULL);
    check_decode("%2g", NULL);
    check_decode("%00", NULL);
    check_decode("%ff", NULL);
}

static void check_join(const char *base, const char *path, const char *want)
{
    g_autofree char *got = url_join(base, path);

    assert_string_equal(got, want);
}

static void test_join(void **state)
{
    (void)state;
    check_join("http://h:5000", "v3", "http://h:5000/v3");
    check_join("http://h:5000//", "/v3/x", "http://h:5000/v3/x");
    check_join("http://h/v2.1/", "", "http://h/v2.1/");
}

static void check_origin(const char *url, const char *want_origin, const char *want_path)
{
    g_autofree char *origin = url_origin(url);
    g_autofree char *path = url_path(url);

    if (want_origin == NULL)
        assert_null(origin);
    else
        assert_string_equal(origin, want_origin);
    assert_string_equal(path, want_path);
}

static void test_origin_and_path(void **state)
{
    (void)state;
    check_origin("http://h:5000/v3/x?y=/z", "http://h:5000", "/v3/x");
    check_origin("https://user:p@ss@h/v3", "https://h", "/v3");
    check_origin("http://h?x", "http://h", "/");
    check_origin("http://[::1]:80", "http://[::1]:80", "/");
    check_origin("/v1/a%20b?x#y", NULL, "/v1/a%20b");
    check_origin("/v1?u=http://h/", NULL, "/v1");
    check_origin("http:///x", NULL, "/x");
    check_origin("http://user@/x", NULL, "/x");
    check_origin("", NULL, "/");
}

static void check_query(const char *url, const char *want)
{
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(GString) got = g_string_new(NULL);

    assert_null(url_query(url, &found));
    for (guint i = 0; i < found->len; i++) {
        const struct http_header *h = found->pdata[i];
        g_string_append_printf(got, "[%s=%s]", h->name, h->value);
    }
    assert_string_equal(got->str, want);
}

static void test_query(void **state)
{
    GPtrArray *none = NULL;
    err_t *e;

    (void)state;
    check_query("/v1", "");
    check_query("/v1?", "");
    check_query("/v1?a=1&&b=x%26y+z&c&d=&a=2#e=f", "[a=1][b=x&y z][c=][d=][a=2]");
    check_query("http://h/v1?a=b=c", "[a=b=c]");
    check_query("/v1#?a=b", "");
    e = url_query("/v1?a=%zz", &none);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_BAD_REQUEST);
    assert_null(none);
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers), cmocka_unit_test(test_no_header_within_a_header),
        cmocka_unit_test(test_bodies),  cmocka_unit_test(test_encode),
        cmocka_unit_test(test_decode),  cmocka_unit_test(test_join),
        cmocka_unit_test(test_query),   cmocka_unit_test(test_origin_and_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
