/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl - what some server answers, as bytes, twice over one handle.  It becomes a response that
 * holds no control characters and no more than it may, or an error of the kinds that http.h
 * promises.
 */
#include "net/curl.h"
#include "net/httpd.h"
#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX    100000
#define PATIENCE_MS 3000

static struct curl_transport *client;
static char *url;
static int listener;
static GMutex lock;
static GBytes *answer; /* to the connections that come, also to one that comes late */

/* Reads the head of a request, answers it, hangs up. */
static void serve(int fd)
{
    g_autoptr(GString) head = g_string_new(NULL);
    char buffer[4096];
    ssize_t got;

    while (strstr(head->str, "\r\n\r\n") == NULL && (got = recv(fd, buffer, sizeof buffer, 0)) > 0)
        g_string_append_len(head, buffer, got);
    g_mutex_lock(&lock);
    g_autoptr(GBytes) bytes = g_bytes_ref(answer);
    g_mutex_unlock(&lock);
    (void)!send(fd, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), MSG_NOSIGNAL);
    close(fd);
}

static void *server(void *data G_GNUC_UNUSED)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            serve(fd);
        else
            g_usleep(1000); /* the listener does not block */
    }
    return NULL;
}

void fuzz_init(void)
{
    struct curl_options options = {.timeout_ms = PATIENCE_MS, .body_max_bytes = BODY_MAX};

    client = curl_transport_create(&options);
    FUZZ_MUST(httpd_listen("127.0.0.1", 0, &listener) == NULL, "no port");
    url = g_strdup_printf("http://127.0.0.1:%d/x", httpd_fd_port(listener));
    g_thread_unref(g_thread_new("server", server, NULL));
}

static void judge(const struct http_response *resp)
{
    FUZZ_MUST(resp->status >= 100 && resp->status <= 599, "status %d", resp->status);
    FUZZ_MUST(resp->body_size <= BODY_MAX, "%zu bytes", resp->body_size);
    for (guint i = 0; i < resp->headers->len; i++) {
        const struct http_header *h = g_ptr_array_index(resp->headers, i);
        for (const char *p = h->value; *p != '\0'; p++)
            FUZZ_MUST(*p != '\r' && *p != '\n', "a header has a %d", *p);
    }
}

static void ask(void)
{
    AUTO(http_request) req = http_request_create("GET", url);
    AUTO(http_response) resp = NULL;

    err_t *e = http_send(curl_transport_http(client), req, &resp);
    if (e == NULL) {
        judge(resp);
        return;
    }
    FUZZ_MUST(resp == NULL, "an error, and yet a response");
    FUZZ_MUST(!err_is(e, ERR_NET_REFUSED), "refused, and yet it was sent");
    fuzz_refused(e);
}

void fuzz_one(const char *data, size_t size)
{
    g_mutex_lock(&lock);
    g_clear_pointer(&answer, g_bytes_unref);
    answer = g_bytes_new(data, size);
    g_mutex_unlock(&lock);
    ask();
    ask();
}
