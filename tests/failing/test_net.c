/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request over a socket of loopback, our client to our server, when the n-th call to the kernel
 * fails at either end: an answer that is whole, or an error of the kinds that http.h promises; and
 * the next request succeeds, over the same transport and server.
 */
#include "tests/failing/loop.h"

#include "net/curl.h"
#include "net/httpd.h"

#include <string.h>

#define TIMEOUT_MS 1000
#define BODY       "{\"sites\": [\"site-a\", \"site-b\"]}"

struct room {
    struct httpd *server;
    struct curl_transport *client;
    char *url;
    gint served;
    char *came; /* the body of the last answer */
};

static struct http_response *serve(void *data, const struct http_request *req)
{
    struct room *r = data;
    struct http_response *resp = http_response_create(200);

    g_atomic_int_inc(&r->served);
    http_response_body(resp, "application/json", req->body_size > 0 ? req->body : BODY,
                       req->body_size > 0 ? req->body_size : strlen(BODY));
    return resp;
}

static int room_make(void **state)
{
    struct room *r = g_new0(struct room, 1);
    struct httpd_options options = {.host = "127.0.0.1", .threads = 1};
    struct curl_options client = {.timeout_ms = TIMEOUT_MS, .connect_timeout_ms = TIMEOUT_MS};

    assert_null(httpd_start(&options, serve, r, &r->server));
    r->client = curl_transport_create(&client);
    r->url = g_strdup_printf("http://127.0.0.1:%d/v1/sites", httpd_port(r->server));
    *state = r;
    return 0;
}

static int room_end(void **state)
{
    struct room *r = *state;

    curl_transport_destroy(r->client);
    httpd_stop(r->server, 1000);
    g_free(r->url);
    g_free(r->came);
    g_free(r);
    return 0;
}

static err_t *ask(struct room *r, const char *method, const char *body)
{
    AUTO(http_request) req = http_request_create(method, r->url);
    AUTO(http_response) resp = NULL;

    if (body != NULL)
        http_request_body(req, body, strlen(body));
    g_clear_pointer(&r->came, g_free);
    TRY(http_send(curl_transport_http(r->client), req, &resp));
    assert_int_equal(resp->status, 200);
    r->came = g_strndup(resp->body, resp->body_size);
    return NULL;
}

static void begin(void *data)
{
    g_atomic_int_set(&((struct room *)data)->served, 0);
}

static err_t *get(void *data)
{
    return ask(data, "GET", NULL);
}

static err_t *post(void *data)
{
    err_t *e = ask(data, "POST", "{\"a\": 1}");

    if (e == NULL || err_code(e) != ERR_NET_REFUSED)
        return e;
    /* not one byte has left: nobody has seen it */
    assert_int_equal(g_atomic_int_get(&((struct room *)data)->served), 0);
    return e;
}

static void judge(void *data, bool done)
{
    struct room *r = data;

    if (done)
        assert_true(strcmp(r->came, BODY) == 0 || strcmp(r->came, "{\"a\": 1}") == 0);
    err_t *e = ask(r, "GET", NULL);
    if (e != NULL) {
        g_autofree char *text = err_text(e);
        fail_msg("after %s, asked again: %s", failing_name(), text);
    }
    assert_string_equal(r->came, BODY);
}

/* A POST is never sent twice, whatever fails. */
static void judge_post(void *data, bool done)
{
    struct room *r = data;

    assert_true(g_atomic_int_get(&r->served) <= 1);
    if (done)
        assert_int_equal(g_atomic_int_get(&r->served), 1);
    judge(data, done);
}

static void test_get(void **state)
{
    loop_run(&(struct loop){"GET", begin, get, judge, *state, 1u << FAILING_IO, 2});
}

static void test_post(void **state)
{
    loop_run(&(struct loop){"POST", begin, post, judge_post, *state, 1u << FAILING_IO, 2});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_get), cmocka_unit_test(test_post)};

    return cmocka_run_group_tests(tests, room_make, room_end);
}
