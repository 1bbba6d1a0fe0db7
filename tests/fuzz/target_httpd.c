/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd - the bytes of a connection.  What reaches the handler is a request that holds no control
 * characters and no more than it may; what comes back is HTTP or nothing.
 */
#include "net/httpd.h"
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is no whole request may wait for its rest until the idle time-out: then we hang up. */
#define PATIENCE_MS 50

static struct httpd *server;
static int port;

static void clean(const char *what, const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        FUZZ_MUST((unsigned char)*p >= ' ' || *p == '\t', "%s has a %d: %s", what, *p, text);
}

static struct http_response *handle(void *data G_GNUC_UNUSED, const struct http_request *req)
{
    g_autofree char *path = url_path(req->url);
    g_autoptr(GPtrArray) query = NULL;

    FUZZ_MUST(*req->method != '\0', "no method");
    clean("a method", req->method);
    for (guint i = 0; i < req->headers->len; i++) {
        const struct http_header *h = g_ptr_array_index(req->headers, i);
        clean("a header's name", h->name);
        clean("a header", h->value);
    }
    FUZZ_MUST(req->body_size <= HTTPD_BODY_MAX_BYTES, "%zu bytes", req->body_size);
    FUZZ_MUST(req->body == NULL || req->body[req->body_size] == '\0', "no NUL behind the body");
    fuzz_refused(url_query(req->url, &query));
    struct http_response *resp = http_response_create(200);
    http_response_body(resp, "text/plain", path, strlen(path));
    http_response_set(resp, "X-Method", req->method);
    return resp;
}

void fuzz_init(void)
{
    struct httpd_options options = {.host = "127.0.0.1", .threads = 1, .idle_timeout_ms = 2000};

    FUZZ_MUST(httpd_start(&options, handle, NULL, &server) == NULL, "no server");
    port = httpd_port(server);
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    FUZZ_MUST(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "no connection");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(GString) came = g_string_new(NULL);
    char buffer[4096];
    ssize_t got;
    int fd = dial();

    (void)!send(fd, data, size, MSG_NOSIGNAL); /* it may hang up before it has heard all */
    shutdown(fd, SHUT_WR);
    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
        g_string_append_len(came, buffer, got);
    FUZZ_MUST(came->len == 0 || g_str_has_prefix(came->str, "HTTP/1."), "came: %s", came->str);
    close(fd);
}
