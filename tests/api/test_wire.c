/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API behind its real server, on a loopback socket: what is refused before there is a whole
 * request has the form of every other refusal.
 */
#include "tests/api/ask.h"

#include "net/httpd.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static size_t body_limit(void *data, const struct http_request *req)
{
    g_autofree char *path = url_path(req->url);

    (void)data;
    return api_body_max(path);
}

/* Sends 'text' on a connection of its own and returns all that comes until the server closes. */
static char *talk(int port, const char *text, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    GString *all = g_string_new(NULL);
    char buffer[4096];
    ssize_t n;

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    for (size_t sent = 0; sent < size; sent += (size_t)n) {
        n = send(fd, text + sent, size - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
    }
    shutdown(fd, SHUT_WR);
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        g_string_append_len(all, buffer, n);
    close(fd);
    return g_string_free(all, FALSE);
}

static char *header_of(const char *answer, const char *name)
{
    g_autofree char *pattern = g_strdup_printf("(?im)^%s: *([^\r\n]*)", name);
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    return g_regex_match(regex, answer, 0, &match) ? g_match_info_fetch(match, 1) : NULL;
}

static void refused(int port, const char *request, size_t size, int status, const char *code)
{
    g_autofree char *answer = talk(port, request, size);
    g_autofree char *line = g_strdup_printf("HTTP/1.1 %d ", status);
    g_autofree char *id = header_of(answer, "x-openstack-request-id");
    g_autofree char *version = header_of(answer, "OpenStack-API-Version");
    const char *text = strstr(answer, "\r\n\r\n");
    g_autoptr(json_t) body = NULL;

    if (!g_str_has_prefix(answer, line) || text == NULL)
        fail_msg("%d wanted for %.80s: %.300s", status, request, answer);
    err_t *e = json_parse(text + 4, strlen(text + 4), "the answer", &body);
    if (e != NULL)
        fail_msg("%s: %s", err_message(e), answer);
    const json_t *row = json_array_get(json_arr(body, "errors"), 0);
    assert_string_equal(json_str_or(row, "code", ""), code);
    if (id == NULL || !g_str_has_prefix(id, "req-"))
        fail_msg("no request id: %.400s", answer);
    assert_string_equal(json_str_or(row, "request_id", ""), id);
    assert_non_null(version);
}

static void test_refused_early(void **state)
{
    AUTO(bench) b = bench_create(901);
    struct httpd_options options = {.host = "127.0.0.1",
                                    .body_limit = body_limit,
                                    .refuse = api_refuse};
    struct httpd *server = NULL;
    static const char both[] = "POST /v1/protection-groups HTTP/1.1\r\nHost: a\r\nConnection: "
                               "close\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "2\r\n{}\r\n0\r\n\r\n";
    static const char nobody[] = "GET /v1/protection-groups HTTP/1.1\r\nHost: a\r\nConnection: "
                                 "close\r\n\r\n";
    g_autoptr(GString) large = g_string_new("POST /v1/protection-groups HTTP/1.1\r\nHost: a\r\n"
                                            "Connection: close\r\nContent-Length: 114689\r\n\r\n");
    (void)state;

    for (int i = 0; i < 114689; i++)
        g_string_append_c(large, ' ');
    g_autofree char *before = ask_snapshot(b);
    assert_null(httpd_start(&options, api_handle, b->site[SIM_SITE_A].api, &server));
    int port = httpd_port(server);
    refused(port, large->str, large->len, 413, "protector.too_large");
    refused(port, both, sizeof both - 1, 400, "protector.bad_request");
    refused(port, nobody, sizeof nobody - 1, 401, "protector.unauthorized");
    /* what is no HTTP at all is closed or refused, and the server lives on */
    g_autofree char *garbage = talk(port, "\x16\x03\x01 hello\r\n\r\n", 12);
    assert_true(*garbage == '\0' || g_str_has_prefix(garbage, "HTTP/1.1 400") ||
                g_str_has_prefix(garbage, "HTTP/1.0 400"));
    refused(port, nobody, sizeof nobody - 1, 401, "protector.unauthorized");
    httpd_stop(server, 1000);
    ask_same(b, before, "garbage on the wire");
}

static char *href(struct bench *b, const char *proto)
{
    struct ask a = {.site = SIM_SITE_A,
                    .method = "GET",
                    .path = "/v1/",
                    .headers = {"Host", "protector.example:8788",
                                proto != NULL ? "X-Forwarded-Proto" : NULL, proto}};
    AUTO(answer) got = ask(b, &a);
    const json_t *version = json_array_get(json_arr(got->body, "versions"), 0);

    return g_strdup(json_str(json_array_get(json_arr(version, "links"), 0), "href"));
}

/* Who ends TLS in front says so. */
static void test_version_link(void **state)
{
    AUTO(bench) b = bench_create(902);
    g_autofree char *plain = href(b, NULL);
    g_autofree char *tls = href(b, "https");
    g_autofree char *odd = href(b, "javascript");
    (void)state;

    assert_string_equal(plain, "http://protector.example:8788/v1/");
    assert_string_equal(tls, "https://protector.example:8788/v1/");
    assert_string_equal(odd, "http://protector.example:8788/v1/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_early),
        cmocka_unit_test(test_version_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
