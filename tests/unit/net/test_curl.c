/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_curl - what the client makes of servers that behave, and of those that do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>

#include "net/curl.h"
#include "raw.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\n\r\nok"

/* Sends with a fresh transport (at most 'limit_ms'); checks the error's code. */
static void check_error(const char *method, const char *url, int64_t limit_ms, enum err_code want)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    AUTO(http_request) req = http_request_create(method, url);
    struct http_response *resp = NULL;
    err_t *e;

    req->timeout_ms = limit_ms;
    e = http_send(curl_transport_http(ct), req, &resp);
    assert_non_null(e);
    if (err_code(e) != want)
        fail_msg("wanted %d, got %s: %s", want, err_code_text(e), err_message(e));
    assert_null(resp);
    err_free(e);
}

static struct http_response *send_ok(struct curl_transport *ct, const char *method, const char *url)
{
    AUTO(http_request) req = http_request_create(method, url);
    struct http_response *resp = NULL;
    err_t *e = http_send(curl_transport_http(ct), req, &resp);

    if (e != NULL)
        fail_msg("%s: %s", err_code_text(e), err_message(e));
    return resp;
}

/* ---- nothing was sent ---- */

static void test_refused(void **state)
{
    int fd = -1;
    g_autofree char *url = NULL;

    (void)state;
    assert_null(httpd_listen("127.0.0.1", 0, &fd));
    url = g_strdup_printf("http://127.0.0.1:%d/", httpd_fd_port(fd));
    close(fd);
    check_error("POST", url, 5000, ERR_NET_REFUSED);
    check_error("GET", "http://no-such-host.invalid/", 5000, ERR_NET_REFUSED);
    check_error("GET", "gopher://127.0.0.1/", 5000, ERR_NET_REFUSED);
    check_error("GET", "no address at all", 5000, ERR_NET_REFUSED);
}

/* A connection alone: nothing is sent over it. */
static void test_connect(void **state)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    const struct http_transport *t = curl_transport_http(ct);
    static const char *const addresses[] = {"127.0.0.1", "::1"};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        int fd = -1;
        assert_null(httpd_listen(addresses[i], 0, &fd));
        int port = httpd_fd_port(fd);
        assert_null(t->connect(t->data, addresses[i], port, 2000));
        struct pollfd waits = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&waits, 1, 2000), 1);
        int peer = accept(fd, NULL, NULL);
        char byte;
        assert_int_equal(read(peer, &byte, 1), 0);
        close(peer);
        close(fd);
        err_t *e = t->connect(t->data, addresses[i], port, 2000);
        assert_non_null(e);
        assert_true(err_is(e, ERR_NET_REFUSED));
        err_free(e);
    }
}

/* A full backlog: the kernel drops the SYN, as a dead host would. */
static void test_connect_timeout(void **state)
{
    int fds[8];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage address = {.ss_family = AF_INET};
    socklen_t size = sizeof address;
    g_autofree char *url = NULL;

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, 16), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    url = g_strdup_printf("http://127.0.0.1:%d/", httpd_fd_port(fd));
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fds[i], (struct sockaddr *)&address, size);
    }
    check_error("POST", url, 300, ERR_NET_REFUSED);
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
    close(fd);
}

/* ---- it may have taken effect ---- */

static void serve_close_at_once(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
}

static void serve_silence(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_drain(fd);
}

static void serve_partial(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
}

static void serve_dribble(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    raw_drain(fd);
}

static void serve_garbage(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "220 mail.example.org ESMTP\r\n");
}

static void serve_bad_length(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n");
}

/* A line that continues a header, where there is none. */
static void serve_folded(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "HTTP/1.1 200 OK\r\n folded: x\r\nContent-Length: 0\r\n\r\n");
}

static void serve_no_status(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "HTTP/1.1 004 What\r\nContent-Length: 0\r\n\r\n");
}

static void check_raw(void (*serve)(struct raw *, int, int), enum err_code want)
{
    static const char *const methods[] = {"POST", "GET", "DELETE"};

    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        struct raw raw;
        g_autofree char *url = NULL;

        raw_start(&raw, serve);
        url = raw_url(&raw, "/x");
        check_error(methods[i], url, 400, want);
        assert_int_equal(g_atomic_int_get(&raw.requests), 1);
        raw_stop(&raw);
    }
}

static void test_lost_and_timeout(void **state)
{
    (void)state;
    check_raw(serve_close_at_once, ERR_NET_LOST);
    check_raw(serve_partial, ERR_NET_LOST);
    check_raw(serve_silence, ERR_NET_TIMEOUT);
    check_raw(serve_dribble, ERR_NET_TIMEOUT);
}

static void test_protocol(void **state)
{
    (void)state;
    check_raw(serve_garbage, ERR_NET_PROTOCOL);
    check_raw(serve_bad_length, ERR_NET_PROTOCOL);
    check_raw(serve_folded, ERR_NET_PROTOCOL);
    check_raw(serve_no_status, ERR_NET_PROTOCOL);
}

/* ---- too long ---- */

static void serve_long_body(struct raw *raw, int fd, int nth)
{
    g_autofree char *chunk = g_strnfill(1000, 'x');

    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n");
    for (int i = 0; i < 3; i++)
        raw_write(fd, chunk);
    raw_drain(fd);
}

static void serve_long_head(struct raw *raw, int fd, int nth)
{
    g_autofree char *chunk = g_strnfill(4000, 'x');

    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < CURL_HEAD_MAX_BYTES / 4000 + 1; i++) {
        raw_write(fd, "X-Long: ");
        raw_write(fd, chunk);
        raw_write(fd, "\r\n");
    }
    raw_write(fd, "\r\n");
    raw_drain(fd);
}

static err_t *send_limited(size_t body_max_bytes, const char *url, struct http_response **ret)
{
    const struct curl_options options = {.body_max_bytes = body_max_bytes};
    AUTO(curl_transport) ct = curl_transport_create(&options);
    AUTO(http_request) req = http_request_create("GET", url);

    req->timeout_ms = 5000;
    return http_send(curl_transport_http(ct), req, ret);
}

static void test_too_long(void **state)
{
    struct raw raw;
    g_autofree char *url = NULL;
    AUTO(http_response) resp = NULL;
    err_t *e;

    (void)state;
    raw_start(&raw, serve_long_body);
    url = raw_url(&raw, "/");
    assert_null(send_limited(3000, url, &resp));
    assert_int_equal(resp->body_size, 3000);
    http_response_destroy(TAKE(resp));
    e = send_limited(2999, url, &resp);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_NET_PROTOCOL);
    assert_non_null(strstr(err_message(e), "longer than 2999 bytes"));
    err_free(e);
    raw_stop(&raw);

    raw_start(&raw, serve_long_head);
    g_free(url);
    url = raw_url(&raw, "/");
    e = send_limited(0, url, &resp);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_NET_PROTOCOL);
    err_free(e);
    raw_stop(&raw);
}

/* ---- kept connections ---- */

static void serve_keep(struct raw *raw, int fd, int nth)
{
    (void)nth;
    while (raw_read_request(raw, fd, 0))
        raw_write(fd, ANSWER);
}

static void test_reuse_and_headers(void **state)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    struct raw raw;
    g_autofree char *url = NULL;

    (void)state;
    raw_start(&raw, serve_keep);
    url = raw_url(&raw, "/x?y=z");
    for (int i = 0; i < 5; i++) {
        AUTO(http_response) resp = send_ok(ct, i % 2 == 0 ? "GET" : "POST", url);
        assert_int_equal(resp->status, 200);
        assert_string_equal(resp->body, "ok");
        assert_string_equal(http_response_get(resp, "x-a"), "1");
        assert_int_equal(resp->headers->len, 3);
    }
    assert_int_equal(g_atomic_int_get(&raw.connections), 1);
    curl_transport_destroy(TAKE(ct));
    raw_stop(&raw);
}

/* Answers the first request of each connection; reads the second and hangs up. */
static void serve_hang_up_on_second(struct raw *raw, int fd, int nth)
{
    (void)nth;
    if (raw_read_request(raw, fd, 0))
        raw_write(fd, ANSWER);
    raw_read_request(raw, fd, 0);
}

static void test_post_is_never_sent_twice(void **state)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    AUTO(http_request) req = NULL;
    struct http_response *resp = NULL;
    struct raw raw;
    g_autofree char *url = NULL;
    err_t *e;

    (void)state;
    raw_start(&raw, serve_hang_up_on_second);
    url = raw_url(&raw, "/");
    http_response_destroy(send_ok(ct, "GET", url));
    req = http_request_create("POST", url);
    e = http_send(curl_transport_http(ct), req, &resp);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_NET_LOST);
    err_free(e);
    assert_int_equal(g_atomic_int_get(&raw.requests), 2);
    /* A GET may be repeated, and is. */
    http_response_destroy(send_ok(ct, "GET", url));
    http_response_destroy(send_ok(ct, "GET", url));
    curl_transport_destroy(TAKE(ct));
    raw_stop(&raw);
}

/* ---- the request as it goes out ---- */

static GString *seen_of(const char *method, const char *body)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    AUTO(http_request) req = NULL;
    AUTO(http_response) resp = NULL;
    struct raw raw;
    GString *seen;
    g_autofree char *url = NULL;

    raw_start(&raw, serve_keep);
    url = raw_url(&raw, "/p%20q");
    req = http_request_create(method, url);
    http_request_set(req, "X-Auth-Token", "secret");
    http_request_set(req, "X-Empty", "");
    if (body != NULL)
        http_request_body(req, body, strlen(body));
    assert_null(http_send(curl_transport_http(ct), req, &resp));
    curl_transport_destroy(TAKE(ct));
    seen = g_string_new_len(raw.seen->str, (gssize)raw.seen->len);
    raw_stop(&raw);
    return seen;
}

static void check_has(const GString *seen, const char *text)
{
    if (strstr(seen->str, text) == NULL)
        fail_msg("no '%s' in: %s", text, seen->str);
}

static void check_lacks(const GString *seen, const char *text)
{
    if (strstr(seen->str, text) != NULL)
        fail_msg("'%s' in: %s", text, seen->str);
}

static void test_what_is_sent(void **state)
{
    g_autoptr(GString) get = seen_of("GET", NULL);
    g_autoptr(GString) head = seen_of("HEAD", NULL);
    g_autoptr(GString) delete = seen_of("DELETE", NULL);
    g_autoptr(GString) post = seen_of("POST", NULL);
    g_autoptr(GString) put = seen_of("PUT", "{}");

    (void)state;
    check_has(get, "GET /p%20q HTTP/1.1\r\n");
    check_has(get, "X-Auth-Token: secret\r\n");
    check_has(get, "X-Empty:\r\n");
    check_has(get, "User-Agent: protector\r\n");
    check_lacks(get, "Content-");
    check_has(head, "HEAD /p%20q HTTP/1.1\r\n");
    check_has(delete, "DELETE /p%20q HTTP/1.1\r\n");
    check_lacks(delete, "Content-");
    check_has(post, "POST /p%20q HTTP/1.1\r\n");
    check_has(post, "Content-Length: 0\r\n");
    check_lacks(post, "Content-Type");
    check_has(put, "PUT /p%20q HTTP/1.1\r\n");
    check_has(put, "Content-Length: 2\r\n");
    check_has(put, "\r\n\r\n{}");
    check_lacks(put, "Expect");
}

/* ---- redirects ---- */

static void serve_redirect(struct raw *raw, int fd, int nth)
{
    (void)nth;
    while (raw_read_request(raw, fd, 0)) {
        g_autofree char *away =
            g_strdup_printf("HTTP/1.1 302 Found\r\nContent-Length: 4\r\nLocation: "
                            "http://localhost:%d/end\r\n\r\naway",
                            raw->port);
        if (strstr(raw->seen->str, " /end ") != NULL)
            raw_write(fd, ANSWER);
        else if (strstr(raw->seen->str, " /away ") != NULL)
            raw_write(fd, away);
        else if (strstr(raw->seen->str, " /loop ") != NULL)
            raw_write(fd, "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: /loop\r\n\r\n");
        else
            raw_write(fd, "HTTP/1.1 307 Moved\r\nContent-Length: 4\r\nLocation: end\r\n\r\nmove");
    }
}

static void test_redirects(void **state)
{
    static const struct {
        const char *method, *path;
        int status, requests;
    } cases[] = {
        {"GET", "/start", 200, 2},
        {"POST", "/start", 307, 1},
        {"DELETE", "/start", 307, 1},
        {"GET", "/away", 302, 1},
        {"GET", "/loop", 301, 1 + CURL_REDIRECTS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO(curl_transport) ct = curl_transport_create(NULL);
        AUTO(http_response) resp = NULL;
        struct raw raw;
        g_autofree char *url = NULL;

        raw_start(&raw, serve_redirect);
        url = raw_url(&raw, cases[i].path);
        resp = send_ok(ct, cases[i].method, url);
        assert_int_equal(resp->status, cases[i].status);
        assert_int_equal(g_atomic_int_get(&raw.requests), cases[i].requests);
        if (resp->status == 200)
            assert_string_equal(resp->body, "ok");
        curl_transport_destroy(TAKE(ct));
        raw_stop(&raw);
    }
}

/* Who asks for an answer, not for what stands behind it. */
static void test_redirect_is_an_answer(void **state)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    const struct http_transport *t = curl_transport_http(ct);
    AUTO(http_response) resp = NULL;
    struct raw raw;

    (void)state;
    raw_start(&raw, serve_redirect);
    g_autofree char *url = raw_url(&raw, "/start");
    AUTO(http_request) req = http_request_create("GET", url);
    req->stays = true;
    assert_null(http_send(t, req, &resp));
    assert_int_equal(resp->status, 307);
    assert_int_equal(g_atomic_int_get(&raw.requests), 1);
    curl_transport_destroy(TAKE(ct));
    raw_stop(&raw);
}

static void serve_continue(struct raw *raw, int fd, int nth)
{
    (void)nth;
    raw_read_request(raw, fd, 0);
    raw_write(fd, "HTTP/1.1 100 Continue\r\nX-B: 1\r\n\r\n" ANSWER);
}

static void test_continue_is_skipped(void **state)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    AUTO(http_response) resp = NULL;
    struct raw raw;
    g_autofree char *url = NULL;

    (void)state;
    raw_start(&raw, serve_continue);
    url = raw_url(&raw, "/");
    resp = send_ok(ct, "POST", url);
    assert_int_equal(resp->status, 200);
    assert_null(http_response_get(resp, "X-B"));
    assert_string_equal(http_response_get(resp, "X-A"), "1");
    raw_stop(&raw);
}

/* ---- TLS ---- */

static struct http_response *hello(void *data, const struct http_request *req)
{
    struct http_response *resp = http_response_create(200);

    (void)data;
    (void)req;
    http_response_body(resp, "text/plain", "hello", 5);
    return resp;
}

static char *fixture(const char *name)
{
    return g_build_filename(g_getenv("SOURCE_ROOT"), "tests/unit/net/tls", name, NULL);
}

static struct httpd *tls_server(void)
{
    g_autofree char *cert = fixture("cert.pem");
    g_autofree char *key = fixture("key.pem");
    const struct httpd_options options = {.host = "127.0.0.1",
                                          .threads = 1,
                                          .cert_file = cert,
                                          .key_file = key};
    struct httpd *h = NULL;
    err_t *e = httpd_start(&options, hello, NULL, &h);

    if (e != NULL)
        fail_msg("%s", err_message(e));
    return h;
}

/* Sends with one row in the trust table (none if 'base' is NULL); the code of the error or -1. */
static int send_trusting(const char *url, const char *base, const char *cafile, bool insecure)
{
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    AUTO(http_request) req = http_request_create("GET", url);
    AUTO(http_response) resp = NULL;
    err_t *e;
    int code = -1;

    if (base != NULL)
        assert_null(curl_transport_trust(ct, base, cafile, insecure));
    e = http_send(curl_transport_http(ct), req, &resp);
    if (e != NULL)
        code = (int)err_code(e);
    err_free(e);
    return code;
}

static void test_tls_verification(void **state)
{
    struct httpd *h = tls_server();
    g_autofree char *ca = fixture("cert.pem");
    g_autofree char *base = g_strdup_printf("https://localhost:%d", httpd_port(h));
    g_autofree char *url = g_strdup_printf("%s/v3/x", base);
    g_autofree char *by_number = g_strdup_printf("https://127.0.0.1:%d/v3/x", httpd_port(h));
    g_autofree char *segment = g_strdup_printf("%s/v3/", base);
    g_autofree char *no_segment = g_strdup_printf("%s/v", base);
    g_autofree char *shouted = g_strdup_printf("HTTPS://LOCALHOST:%d/", httpd_port(h));
    g_autofree char *other = g_strdup_printf("https://localhost:%d", httpd_port(h) / 10);

    (void)state;
    assert_int_equal(send_trusting(url, NULL, NULL, false), ERR_NET_TLS);
    assert_int_equal(send_trusting(url, base, ca, false), -1);
    assert_int_equal(send_trusting(url, segment, ca, false), -1);
    assert_int_equal(send_trusting(url, shouted, ca, false), -1);
    assert_int_equal(send_trusting(url, base, NULL, true), -1);
    /* the row of another place says nothing about this one */
    assert_int_equal(send_trusting(url, no_segment, ca, false), ERR_NET_TLS);
    assert_int_equal(send_trusting(url, other, NULL, true), ERR_NET_TLS);
    /* the name must be in the certificate, unless told otherwise */
    assert_int_equal(send_trusting(by_number, by_number, ca, false), ERR_NET_TLS);
    assert_int_equal(send_trusting(by_number, by_number, NULL, true), -1);
    httpd_stop(h, 1000);
}

/* What the request itself says counts, whatever the table says and whatever connection is open. */
static void test_trust_of_a_request(void **state)
{
    struct httpd *h = tls_server();
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    g_autofree char *ca = fixture("cert.pem");
    g_autofree char *url = g_strdup_printf("https://localhost:%d/v3/x", httpd_port(h));
    static const struct {
        bool ca, insecure;
        int code;
    } rows[] = {
        {false, false, ERR_NET_TLS}, {true, false, -1}, {false, false, ERR_NET_TLS},
        {false, true, -1},           {true, false, -1}, {false, false, ERR_NET_TLS},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(http_request) req = http_request_create("GET", url);
        AUTO(http_response) resp = NULL;
        req->cafile = rows[i].ca ? g_strdup(ca) : NULL;
        req->insecure = rows[i].insecure;
        g_autoptr(err_t) e = http_send(curl_transport_http(ct), req, &resp);
        assert_int_equal(e != NULL ? (int)err_code(e) : -1, rows[i].code);
    }
    httpd_stop(h, 1000);
}

static void test_trust_table(void **state)
{
    struct httpd *h = tls_server();
    AUTO(curl_transport) ct = curl_transport_create(NULL);
    g_autofree char *ca = fixture("cert.pem");
    g_autofree char *base = g_strdup_printf("https://localhost:%d", httpd_port(h));
    g_autofree char *longer = g_strdup_printf("%s/v3", base);
    g_autofree char *url = g_strdup_printf("%s/v3/x", base);
    AUTO(http_request) req = http_request_create("GET", url);
    struct http_response *resp = NULL;
    err_t *e;

    (void)state;
    e = curl_transport_trust(ct, base, "/no/such/file", false);
    assert_int_equal(err_code(e), ERR_CONFIG);
    err_free(e);
    e = curl_transport_trust(ct, "localhost:5000", NULL, true);
    assert_int_equal(err_code(e), ERR_CONFIG);
    err_free(e);
    /* the longest base wins, a later row for the same base replaces */
    assert_null(curl_transport_trust(ct, longer, NULL, false));
    assert_null(curl_transport_trust(ct, base, ca, false));
    e = http_send(curl_transport_http(ct), req, &resp);
    assert_int_equal(err_code(e), ERR_NET_TLS);
    err_free(e);
    assert_null(curl_transport_trust(ct, longer, ca, false));
    assert_null(http_send(curl_transport_http(ct), req, &resp));
    http_response_destroy(resp);
    assert_null(curl_transport_trust(ct, longer, NULL, false));
    e = http_send(curl_transport_http(ct), req, &resp);
    assert_int_equal(err_code(e), ERR_NET_TLS); /* although a verified connection is open */
    err_free(e);
    httpd_stop(h, 1000);
}

static void serve_hang_up(struct raw *raw, int fd, int nth)
{
    char buffer[2048];

    (void)raw;
    (void)nth;
    (void)!recv(fd, buffer, sizeof buffer, 0);
}

static void serve_plain(struct raw *raw, int fd, int nth)
{
    char buffer[2048];

    (void)raw;
    (void)nth;
    (void)!recv(fd, buffer, sizeof buffer, 0);
    raw_write(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    raw_drain(fd);
}

/* As serve_silence, for bytes that are no HTTP. */
static void serve_nothing(struct raw *raw, int fd, int nth)
{
    (void)raw;
    (void)nth;
    raw_drain(fd);
}

static void test_tls_against_others(void **state)
{
    struct raw raw;
    g_autofree char *url = NULL;

    (void)state;
    /* speaks plain HTTP: a person must mend the address */
    raw_start(&raw, serve_plain);
    url = g_strdup_printf("https://localhost:%d/", raw.port);
    check_error("POST", url, 5000, ERR_NET_TLS);
    raw_stop(&raw);
    /* hangs up within the handshake, as a balancer without back ends: it is down */
    raw_start(&raw, serve_hang_up);
    g_free(url);
    url = g_strdup_printf("https://localhost:%d/", raw.port);
    check_error("POST", url, 5000, ERR_NET_REFUSED);
    raw_stop(&raw);
    /* is silent within the handshake */
    raw_start(&raw, serve_nothing);
    g_free(url);
    url = g_strdup_printf("https://localhost:%d/", raw.port);
    check_error("POST", url, 300, ERR_NET_REFUSED);
    raw_stop(&raw);
}

/* ---- proxies ---- */

/* The environment's proxy is for those who ask for it. */
static void test_proxy(void **state)
{
    const struct curl_options asking = {.environment_proxy = true};
    AUTO(curl_transport) plain = curl_transport_create(NULL);
    AUTO(curl_transport) proxied = curl_transport_create(&asking);
    AUTO(http_request) req = NULL;
    AUTO(http_response) resp = NULL;
    struct http_response *none = NULL;
    struct raw raw;
    g_autofree char *url = NULL;
    err_t *e;

    (void)state;
    raw_start(&raw, serve_keep);
    url = raw_url(&raw, "/");
    req = http_request_create("GET", url);
    g_unsetenv("no_proxy");
    g_setenv("http_proxy", "http://127.0.0.1:1", TRUE);
    resp = send_ok(plain, "GET", url);
    assert_int_equal(resp->status, 200);
    e = http_send(curl_transport_http(proxied), req, &none);
    assert_int_equal(err_code(e), ERR_NET_REFUSED);
    err_free(e);
    g_unsetenv("http_proxy");
    curl_transport_destroy(TAKE(plain));
    raw_stop(&raw);
}

/* ---- threads ---- */

struct crowd {
    struct curl_transport *ct;
    char *url;
};

static gpointer crowd_member(gpointer p)
{
    struct crowd *crowd = p;

    for (int i = 0; i < 50; i++)
        http_response_destroy(send_ok(crowd->ct, i % 2 == 0 ? "GET" : "POST", crowd->url));
    return NULL;
}

static void test_threads(void **state)
{
    const struct httpd_options options = {.host = "127.0.0.1"};
    struct httpd *h = NULL;
    struct crowd crowd = {.ct = curl_transport_create(NULL)};
    GThread *threads[8];

    (void)state;
    assert_null(httpd_start(&options, hello, NULL, &h));
    crowd.url = g_strdup_printf("http://localhost:%d/", httpd_port(h));
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("crowd", crowd_member, &crowd);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    curl_transport_destroy(crowd.ct);
    g_free(crowd.url);
    httpd_stop(h, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_lost_and_timeout),
        cmocka_unit_test(test_protocol),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_reuse_and_headers),
        cmocka_unit_test(test_post_is_never_sent_twice),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_redirect_is_an_answer),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_continue_is_skipped),
        cmocka_unit_test(test_tls_verification),
        cmocka_unit_test(test_trust_of_a_request),
        cmocka_unit_test(test_trust_table),
        cmocka_unit_test(test_tls_against_others),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
