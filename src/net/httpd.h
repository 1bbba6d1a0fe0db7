/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd - the HTTP server of production: libmicrohttpd around an http_handler_fn.
 *
 * One thread (or more) moves bytes by epoll and never blocks; a fixed number of other threads run
 * the handler, so that a slow database or Keystone stops nobody else.  Requests that never wait
 * (discovery, health) may be answered by the thread that moves the bytes, see inline_ok.
 *
 * Limits, all on: connections, size of a request's head (431), size of a body per request (413),
 * all bodies together (503), silence on a connection, strictness of the parser.  Start it after
 * fork(); any number of processes may serve one listening socket.
 */
#pragma once

#include "net/http.h"

#define HTTPD_THREADS          8
#define HTTPD_THREADS_MAX      256
#define HTTPD_CONNECTIONS_MAX  1024
#define HTTPD_HEAD_MAX_BYTES   (32 * 1024)
#define HTTPD_BODY_MAX_BYTES   (112 * 1024)
#define HTTPD_BODIES_MAX_BYTES (64 * 1024 * 1024) /* of all requests under way together */
#define HTTPD_DRAIN_MAX_BYTES                                                                      \
    (16 * 1024 * 1024) /* of a refused body, read so that the answer arrives */
#define HTTPD_IDLE_TIMEOUT_MS 30000
#define HTTPD_BACKLOG         1024

struct httpd_options {
    const char *host;    /* to listen here, on 'port' … */
    int port;            /* (0: any free one) */
    int listen_fd;       /* … or, if host is NULL, on this socket, which stays the caller's */
    unsigned threads;    /* that run the handler; 0 = HTTPD_THREADS */
    unsigned io_threads; /* 0 = 1 */
    unsigned connections_max;        /* 0 = HTTPD_CONNECTIONS_MAX */
    unsigned connections_per_ip_max; /* 0 = no limit */
    size_t head_max_bytes;           /* 0 = HTTPD_HEAD_MAX_BYTES */
    int64_t idle_timeout_ms;         /* rounded up to seconds; 0 = HTTPD_IDLE_TIMEOUT_MS */
    const char *cert_file;           /* PEM, the whole chain; with key_file: serve TLS */
    const char *key_file;

    /*
     * What follows gets the handler's 'data'.  Both may be called by any io thread and must not
     * block; the request has its method, url, headers and peer, but no body yet.
     */
    /* The longest body this request may have; NULL = HTTPD_BODY_MAX_BYTES for all. */
    size_t (*body_limit)(void *data, const struct http_request *req);
    /* Whether the handler will answer this request without waiting for anything.  NULL = none. */
    bool (*inline_ok)(void *data, const struct http_request *req);
    /*
     * The handler may answer with status 0: the connection is then closed without an answer (the
     * simulated clouds have services that die).  Otherwise a status outside 200 to 599 is a bug.
     */
    bool may_be_silent;
    /* The answer to what is refused before the handler sees it.  NULL = httpd_fault. */
    struct http_response *(*refuse)(void *data, const struct http_request *req, const err_t *e);
};

struct httpd;

/*
 * Starts serving.  'options' is copied, except that host, cert_file and key_file are only read now.
 * Codes CONFIG (address, certificate or key) and IO (cannot listen or start).
 */
err_t *httpd_start(const struct httpd_options *options, http_handler_fn *handler, void *data,
                   struct httpd **ret) MUST_CHECK;
/* The port that is listened on. */
int httpd_port(const struct httpd *h);
/* Accepts no more connections; those that stand are served, one more request each. */
void httpd_quiesce(struct httpd *h);
/*
 * Quiesces, gives requests under way 'grace_ms' to be answered, then closes every connection and
 * frees 'h'.  A handler that runs is always waited for, and a second is given to its answer.
 * Accepts NULL.
 */
void httpd_stop(struct httpd *h, int64_t grace_ms);

/*
 * Opens a listening socket (close on exec, non-blocking).  host: numeric or a name, "::" serves
 * IPv4 too; port 0 takes any free one.  Codes CONFIG (no such address) and IO.
 */
err_t *httpd_listen(const char *host, int port, int *ret_fd) MUST_CHECK;
/* The port a socket is bound to. */
int httpd_fd_port(int fd);

/* An error as the guidelines of OpenStack's API-SIG want it: {"errors": [{…}]}. */
struct http_response *httpd_fault(void *unused, const struct http_request *req, const err_t *e);
