/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw - a TCP server on loopback that does what a test tells it, for answers that no HTTP server
 * would give.  One thread; connections are served one after the other.
 */
#pragma once

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/httpd.h"

struct raw {
    int fd;
    int port;
    GThread *thread;
    /* Serves the nth connection (from 0); the socket is closed afterwards. */
    void (*serve)(struct raw *raw, int fd, int nth);
    gint connections;
    gint requests; /* whole heads that raw_read_request has seen */
    GString *seen; /* of the last request */
};

static inline char *raw_url(const struct raw *raw, const char *path)
{
    return g_strdup_printf("http://127.0.0.1:%d%s", raw->port, path);
}

/* Reads up to the end of a request's head and 'body_size' bytes more; false at the end of file. */
static inline bool raw_read_request(struct raw *raw, int fd, size_t body_size)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];
    const char *end = NULL;

    while ((end = strstr(text->str, "\r\n\r\n")) == NULL ||
           text->len - (size_t)(end + 4 - text->str) < body_size) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got <= 0)
            return false;
        g_string_append_len(text, buffer, got);
    }
    g_string_assign(raw->seen, text->str);
    g_atomic_int_inc(&raw->requests);
    return true;
}

static inline void raw_write(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Waits until the other side closes. */
static inline void raw_drain(int fd)
{
    char buffer[4096];

    while (recv(fd, buffer, sizeof buffer, 0) > 0)
        ;
}

static inline gpointer raw_thread(gpointer p)
{
    struct raw *raw = p;
    int fd;

    while ((fd = accept(raw->fd, NULL, NULL)) >= 0) {
        raw->serve(raw, fd, g_atomic_int_add(&raw->connections, 1));
        close(fd);
    }
    return NULL;
}

static inline void raw_start(struct raw *raw, void (*serve)(struct raw *raw, int fd, int nth))
{
    int fd = -1;

    g_assert(httpd_listen("127.0.0.1", 0, &fd) == NULL);
    memset(raw, 0, sizeof *raw);
    raw->fd = fd;
    /* accept() is to wait */
    g_assert(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) == 0);
    raw->port = httpd_fd_port(fd);
    raw->serve = serve;
    raw->seen = g_string_new(NULL);
    raw->thread = g_thread_new("raw", raw_thread, raw);
}

static inline void raw_stop(struct raw *raw)
{
    shutdown(raw->fd, SHUT_RDWR);
    g_thread_join(raw->thread);
    close(raw->fd);
    g_string_free(raw->seen, TRUE);
}
