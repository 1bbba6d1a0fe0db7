/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_httpd - the server on a loopback socket: what the handler gets, every limit, threads, the
 * end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/curl.h"
#include "raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define LARGE_BYTES (3 * 1024 * 1024)

/* ---- a server for the tests ---- */

struct service {
    struct httpd *h;
    int port;
    GMutex lock;
    GCond changed;
    unsigned inside; /* handlers that wait in /slow */
    bool open;       /* they may go */
    bool stopped;
    gint refusals;
};

/* Tells what arrived, as JSON. */
static struct http_response *echo(const struct http_request *req)
{
    struct http_response *resp = http_response_create(200);
    g_autoptr(json_t) j = json_object();
    json_t *headers = json_object();

    json_set_str(j, "method", req->method);
    json_set_str(j, "url", req->url);
    json_set_str(j, "peer", req->peer);
    json_set_int(j, "size", (int64_t)req->body_size);
    json_set_int(j, "nul", req->body[req->body_size]);
    for (guint i = 0; i < req->headers->len; i++) {
        const struct http_header *h = req->headers->pdata[i];
        json_set_str(headers, h->name, h->value);
    }
    json_set(j, "headers", headers);
    http_response_json(resp, j);
    http_response_add(resp, "X-Two", "1");
    http_response_add(resp, "X-Two", "2");
    http_response_set(resp, "Content-Length", "7"); /* must not reach the wire */
    return resp;
}

static struct http_response *handler(void *data, const struct http_request *req)
{
    struct service *s = data;
    struct http_response *resp;

    if (g_str_has_prefix(req->url, "/slow")) {
        g_mutex_lock(&s->lock);
        s->inside++;
        g_cond_broadcast(&s->changed);
        while (!s->open)
            g_cond_wait(&s->changed, &s->lock);
        s->inside--;
        g_mutex_unlock(&s->lock);
    }
    if (g_str_has_prefix(req->url, "/nothing")) {
        return http_response_create(204);
    }
    if (g_str_has_suffix(req->url, "/large")) {
        g_autofree char *text = g_strnfill(LARGE_BYTES, 'y');
        resp = http_response_create(200);
        http_response_body(resp, "text/plain", text, strlen(text));
        return resp;
    }
    return echo(req);
}

static size_t body_limit(void *data, const struct http_request *req)
{
    (void)data;
    return g_str_has_suffix(req->url, "/inbox") ? 8 * 1024 * 1024 : HTTPD_BODY_MAX_BYTES;
}

static bool inline_ok(void *data, const struct http_request *req)
{
    (void)data;
    return strcmp(req->url, "/healthcheck") == 0;
}

static struct http_response *refused(void *data, const struct http_request *req, const err_t *e)
{
    struct service *s = data;

    g_atomic_int_inc(&s->refusals);
    return httpd_fault(NULL, req, e);
}

static void service_start(struct service *s, unsigned threads)
{
    const struct httpd_options options = {
        .host = "127.0.0.1",
        .threads = threads,
        .connections_max = 32,
        .idle_timeout_ms = 1000,
        .body_limit = body_limit,
        .inline_ok = inline_ok,
        .refuse = refused,
    };

    memset(s, 0, sizeof *s);
    assert_null(httpd_start(&options, handler, s, &s->h));
    s->port = httpd_port(s->h);
    assert_int_not_equal(s->port, 0);
}

static void service_open(struct service *s)
{
    g_mutex_lock(&s->lock);
    s->open = true;
    g_cond_broadcast(&s->changed);
    g_mutex_unlock(&s->lock);
}

static void service_wait_inside(struct service *s, unsigned count)
{
    g_mutex_lock(&s->lock);
    while (s->inside < count)
        g_cond_wait(&s->changed, &s->lock);
    g_mutex_unlock(&s->lock);
}

/* ---- clients ---- */

static struct http_response *call(const struct service *s, const char *method, const char *path,
                                  size_t body_size)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d%s", s->port, path);
    AUTO(http_request) req = http_request_create(method, url);
    g_autofree char *body = g_strnfill(body_size, 'x');
    struct http_response *resp = NULL;
    err_t *e;

    req->timeout_ms = 10000;
    http_request_set(req, "X-Auth-Token", "t");
    if (body_size > 0)
        http_request_body(req, body, body_size);
    e = http_send(curl_transport_http(ct), req, &resp);
    if (e != NULL)
        fail_msg("%s: %s", err_code_text(e), err_message(e));
    return resp;
}

static json_t *body_json(const struct http_response *resp)
{
    json_t *j = NULL;

    assert_null(json_parse(resp->body, resp->body_size, "the answer", &j));
    return j;
}

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Sends 'text' on a connection of its own and returns all that comes until the server closes. */
static char *converse(int port, const char *text)
{
    GString *got = g_string_new(NULL);
    char buffer[4096];
    int fd = dial(port);
    ssize_t count;

    raw_write(fd, text);
    while ((count = recv(fd, buffer, sizeof buffer, 0)) > 0)
        g_string_append_len(got, buffer, count);
    close(fd);
    return g_string_free(got, FALSE);
}

static void check_starts(const char *text, const char *with)
{
    if (!g_str_has_prefix(text, with))
        fail_msg("not '%s' at the start of: %s", with, text);
}

/* ---- tests ---- */

static void test_what_the_handler_gets(void **state)
{
    struct service s;

    (void)state;
    service_start(&s, 2);
    {
        AUTO(http_response) resp = call(&s, "PUT", "/v1/a%20b?x=%2F&y", 5);
        g_autoptr(json_t) j = body_json(resp);

        assert_int_equal(resp->status, 200);
        assert_string_equal(json_str(j, "method"), "PUT");
        assert_string_equal(json_str(j, "url"), "/v1/a%20b?x=%2F&y");
        assert_string_equal(json_str(j, "peer"), "127.0.0.1");
        assert_int_equal(json_int(j, "size", -1), 5);
        assert_int_equal(json_int(j, "nul", -1), 0);
        assert_string_equal(json_str_at(j, "headers/X-Auth-Token"), "t");
        assert_string_equal(http_response_get(resp, "X-Two"), "1");
        assert_int_not_equal(resp->body_size, 7);
    }
    {
        AUTO(http_response) resp = call(&s, "GET", "/nothing", 0);
        assert_int_equal(resp->status, 204);
        assert_int_equal(resp->body_size, 0);
    }
    {
        AUTO(http_response) resp = call(&s, "HEAD", "/x", 0);
        assert_int_equal(resp->status, 200);
        assert_int_equal(resp->body_size, 0);
    }
    {
        AUTO(http_response) resp = call(&s, "GET", "/large", 0);
        assert_int_equal(resp->body_size, 3 * 1024 * 1024);
    }
    httpd_stop(s.h, 1000);
}

static void check_too_large(const struct http_response *resp)
{
    g_autoptr(json_t) j = body_json(resp);
    const json_t *row = json_array_get(json_arr(j, "errors"), 0);

    assert_int_equal(resp->status, 413);
    assert_string_equal(json_str(row, "code"), "protector.too_large");
    assert_int_equal(json_int(row, "status", 0), 413);
    assert_string_equal(json_str(row, "title"), "Request too large");
    assert_non_null(strstr(json_str(row, "detail"), "114688 bytes"));
    assert_non_null(json_arr(row, "links"));
    assert_non_null(json_str(row, "request_id"));
}

static void test_body_limits(void **state)
{
    static const struct {
        const char *path;
        size_t size;
        int status;
    } cases[] = {
        {"/x", HTTPD_BODY_MAX_BYTES, 200},     {"/x", HTTPD_BODY_MAX_BYTES + 1, 413},
        {"/x", 9 * 1024 * 1024, 413}, /* read to its end, so that the answer arrives */
        {"/sync/inbox", 8 * 1024 * 1024, 200}, {"/sync/inbox", 8 * 1024 * 1024 + 1, 413},
    };
    struct service s;

    (void)state;
    service_start(&s, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO(http_response) resp = call(&s, "POST", cases[i].path, cases[i].size);
        assert_int_equal(resp->status, cases[i].status);
        if (resp->status == 413 && cases[i].path[1] == 'x')
            check_too_large(resp);
    }
    assert_int_equal(g_atomic_int_get(&s.refusals), 3);
    httpd_stop(s.h, 1000);
}

/* A body without Content-Length. */
static void test_chunked_body_limit(void **state)
{
    struct service s;
    g_autofree char *chunk = g_strnfill(0x1000, 'x');
    g_autoptr(GString) text = g_string_new(
        "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    g_autofree char *got = NULL;
    g_autofree char *small = NULL;

    (void)state;
    service_start(&s, 1);
    for (int i = 0; i < 40; i++)
        g_string_append_printf(text, "1000\r\n%s\r\n", chunk);
    g_string_append(text, "0\r\n\r\n");
    got = converse(s.port, text->str);
    check_starts(got, "HTTP/1.1 413 ");
    small = converse(s.port, "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    check_starts(small, "HTTP/1.1 200 ");
    assert_non_null(strstr(small, "\"size\":2"));
    httpd_stop(s.h, 1000);
}

/* All bodies under way share one allowance, until their requests are answered. */
static void test_bodies_together(void **state)
{
    enum { COUNT = 8, SIZE = HTTPD_BODIES_MAX_BYTES / COUNT };
    struct service s;
    int fds[COUNT];
    g_autofree char *head = g_strdup_printf("POST /slow/inbox HTTP/1.1\r\nHost: h\r\n"
                                            "Connection: close\r\nContent-Length: %d\r\n\r\n",
                                            SIZE);
    g_autofree char *body = g_strnfill(SIZE, 'x');

    (void)state;
    service_start(&s, COUNT);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = dial(s.port);
        raw_write(fds[i], head);
        raw_write(fds[i], body);
    }
    service_wait_inside(&s, COUNT);
    {
        AUTO(http_response) resp = call(&s, "POST", "/inbox", 1);
        assert_int_equal(resp->status, 503);
    }
    service_open(&s);
    for (int i = 0; i < COUNT; i++) {
        raw_drain(fds[i]);
        close(fds[i]);
    }
    {
        AUTO(http_response) resp = call(&s, "POST", "/inbox", SIZE);
        assert_int_equal(resp->status, 200);
    }
    httpd_stop(s.h, 1000);
}

static void test_bad_requests(void **state)
{
    static const struct {
        const char *text, *answer;
    } cases[] = {
        {"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 "}, /* no Host */
        {"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
         "Connection: close\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400 "},
        {"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: -2\r\nConnection: close\r\n\r\n",
         "HTTP/1.1 400 "},
        {"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n",
         "HTTP/1.1 413 "},
        {"GE\001T /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HTTP/1.1 400 "},
        {"nonsense\r\n\r\n", ""},
        {"", ""}, /* silence: closed after the idle time */
        {"GET /x HTTP/1.1\r\nHost: h\r\nX-Slow", ""},
    };
    struct service s;

    (void)state;
    service_start(&s, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = converse(s.port, cases[i].text);
        check_starts(got, cases[i].answer);
    }
    httpd_stop(s.h, 1000);
}

static void test_long_head(void **state)
{
    struct service s;
    g_autofree char *value = g_strnfill(HTTPD_HEAD_MAX_BYTES, 'x');
    g_autofree char *text = g_strdup_printf("GET /x HTTP/1.1\r\nHost: h\r\nX-A: %s\r\n\r\n", value);
    g_autofree char *url = g_strdup_printf("GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", value);
    g_autofree char *got = NULL;
    g_autofree char *got_url = NULL;

    (void)state;
    service_start(&s, 1);
    got = converse(s.port, text);
    check_starts(got, "HTTP/1.1 431 ");
    got_url = converse(s.port, url);
    check_starts(got_url, "HTTP/1.1 414 ");
    httpd_stop(s.h, 1000);
}

struct caller {
    struct service *s;
    const char *path;
    int status;
};

static gpointer caller_thread(gpointer p)
{
    struct caller *c = p;
    AUTO(http_response) resp = call(c->s, "GET", c->path, 0);

    c->status = resp->status;
    return NULL;
}

/* With every handler thread waiting, what is inline still answers; what is not waits its turn. */
static void test_slow_handlers(void **state)
{
    struct service s;
    struct caller slow[2], late;
    GThread *threads[3];

    (void)state;
    service_start(&s, 2);
    for (int i = 0; i < 2; i++) {
        slow[i] = (struct caller){&s, "/slow", 0};
        threads[i] = g_thread_new("slow", caller_thread, &slow[i]);
    }
    service_wait_inside(&s, 2);
    late = (struct caller){&s, "/late", 0};
    threads[2] = g_thread_new("late", caller_thread, &late);
    {
        AUTO(http_response) resp = call(&s, "GET", "/healthcheck", 0);
        assert_int_equal(resp->status, 200);
    }
    service_open(&s);
    for (int i = 0; i < 3; i++)
        g_thread_join(threads[i]);
    assert_int_equal(slow[0].status, 200);
    assert_int_equal(slow[1].status, 200);
    assert_int_equal(late.status, 200);
    httpd_stop(s.h, 1000);
}

static gpointer stopper(gpointer p)
{
    httpd_stop(p, 5000);
    return NULL;
}

/* Whom the server has begun to serve gets the answer; nobody new comes in. */
static void test_stop_is_graceful(void **state)
{
    struct service s;
    struct caller slow;
    GThread *caller, *stopping;
    g_autofree char *kept = NULL;
    char buffer[4096];
    int fd;

    (void)state;
    service_start(&s, 1);
    fd = dial(s.port); /* a connection that stands, used after the server is quiesced */
    raw_write(fd, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(recv(fd, buffer, sizeof buffer, 0) > 0);
    slow = (struct caller){&s, "/slow", 0};
    caller = g_thread_new("slow", caller_thread, &slow);
    service_wait_inside(&s, 1);
    httpd_quiesce(s.h);
    raw_write(fd, "GET /healthcheck HTTP/1.1\r\nHost: h\r\n\r\n");
    kept = g_malloc0(sizeof buffer);
    assert_true(recv(fd, kept, sizeof buffer - 1, 0) > 0);
    check_starts(kept, "HTTP/1.1 200 ");
    assert_non_null(strstr(kept, "Connection: close"));
    stopping = g_thread_new("stop", stopper, s.h);
    g_usleep(100000); /* it is waiting now */
    service_open(&s);
    g_thread_join(caller);
    g_thread_join(stopping);
    assert_int_equal(slow.status, 200);
    close(fd);
}

static gpointer impatient_stopper(gpointer p)
{
    struct service *s = p;

    httpd_stop(s->h, 1);
    g_mutex_lock(&s->lock);
    s->stopped = true;
    g_mutex_unlock(&s->lock);
    return NULL;
}

/* The grace is over, but a handler that runs cannot be taken away, and what it did is told. */
static void test_stop_waits_for_handlers(void **state)
{
    struct service s;
    GThread *stopping;
    char buffer[4096] = "";
    int fd;

    (void)state;
    service_start(&s, 1);
    fd = dial(s.port);
    raw_write(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    service_wait_inside(&s, 1);
    stopping = g_thread_new("stop", impatient_stopper, &s);
    g_usleep(100000);
    g_mutex_lock(&s.lock);
    assert_false(s.stopped);
    g_mutex_unlock(&s.lock);
    service_open(&s);
    g_thread_join(stopping);
    assert_true(recv(fd, buffer, sizeof buffer - 1, 0) > 0);
    check_starts(buffer, "HTTP/1.1 200 ");
    close(fd);
}

/* A request that comes after the server was quiet once more is waited for as any other. */
static void test_stop_waits_again(void **state)
{
    struct service s;
    GThread *stopping;
    char buffer[4096] = "";
    ssize_t got, size = 0;
    int fds[2];

    (void)state;
    service_start(&s, 1);
    for (int i = 0; i < 2; i++) { /* connections that stand */
        fds[i] = dial(s.port);
        raw_write(fds[i], "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_true(recv(fds[i], buffer, sizeof buffer, 0) > 0);
    }
    httpd_quiesce(s.h);
    raw_write(fds[0], "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    while (recv(fds[0], buffer, sizeof buffer, 0) > 0)
        ; /* until it is closed: the server is quiet */
    raw_write(fds[1], "GET /slow/large HTTP/1.1\r\nHost: h\r\n\r\n");
    service_wait_inside(&s, 1);
    stopping = g_thread_new("stop", impatient_stopper, &s);
    g_usleep(100000);
    service_open(&s);
    while ((got = recv(fds[1], buffer, sizeof buffer, 0)) > 0)
        size += got;
    g_thread_join(stopping);
    assert_true(size > LARGE_BYTES);
    close(fds[0]);
    close(fds[1]);
}

/* Two servers on one inherited socket, as prefork does it. */
static void test_inherited_socket(void **state)
{
    struct httpd_options options = {0};
    struct service s = {0};
    struct httpd *second = NULL;
    int fd = -1;

    (void)state;
    assert_null(httpd_listen("127.0.0.1", 0, &fd));
    options.listen_fd = fd;
    s.port = httpd_fd_port(fd);
    assert_null(httpd_start(&options, handler, &s, &s.h));
    assert_null(httpd_start(&options, handler, &s, &second));
    for (int i = 0; i < 20; i++)
        http_response_destroy(call(&s, "GET", "/x", 0));
    httpd_stop(s.h, 1000);
    for (int i = 0; i < 5; i++)
        http_response_destroy(call(&s, "GET", "/x", 0)); /* the other one is still there */
    httpd_stop(second, 1000);
    assert_int_equal(httpd_fd_port(fd), s.port); /* still ours */
    close(fd);
}

static void check_start_fails(struct httpd_options options, enum err_code want, const char *text)
{
    struct httpd *h = NULL;
    err_t *e = httpd_start(&options, handler, NULL, &h);

    assert_non_null(e);
    assert_int_equal(err_code(e), want);
    if (strstr(err_message(e), text) == NULL)
        fail_msg("no '%s' in: %s", text, err_message(e));
    assert_null(h);
    err_free(e);
}

static void test_start_failures(void **state)
{
    struct service s;
    g_autofree char *pem =
        g_build_filename(g_getenv("SOURCE_ROOT"), "tests/unit/net/tls/cert.pem", NULL);

    (void)state;
    service_start(&s, 1);
    check_start_fails((struct httpd_options){.host = "127.0.0.1", .port = s.port}, ERR_IO,
                      "Address already in use");
    check_start_fails((struct httpd_options){.host = "no-such-host.invalid"}, ERR_CONFIG,
                      "no-such-host.invalid");
    check_start_fails((struct httpd_options){.host = "127.0.0.1", .port = 70000}, ERR_CONFIG,
                      "70000");
    check_start_fails((struct httpd_options){.host = "127.0.0.1", .cert_file = pem}, ERR_CONFIG,
                      "its key");
    check_start_fails((struct httpd_options){.host = "127.0.0.1",
                                             .cert_file = "/none",
                                             .key_file = pem},
                      ERR_CONFIG, "/none");
    check_start_fails((struct httpd_options){.host = "127.0.0.1",
                                             .cert_file = pem,
                                             .key_file = pem},
                      ERR_CONFIG, "");
    httpd_stop(s.h, 1000);
    httpd_stop(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_handler_gets),
        cmocka_unit_test(test_body_limits),
        cmocka_unit_test(test_chunked_body_limit),
        cmocka_unit_test(test_bodies_together),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_long_head),
        cmocka_unit_test(test_slow_handlers),
        cmocka_unit_test(test_stop_is_graceful),
        cmocka_unit_test(test_inherited_socket),
        cmocka_unit_test(test_stop_waits_for_handlers),
        cmocka_unit_test(test_stop_waits_again),
        cmocka_unit_test(test_start_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
