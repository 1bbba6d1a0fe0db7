/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd - see httpd.h.  The only file that includes libmicrohttpd.
 *
 * The life of a request (struct exchange): HEAD (method, url and headers are known) → BODY (read up
 * to its limit; beyond it, or when refused, drained) → WORK (connection suspended, a handler thread
 * has it) → DONE (answer queued).  While a connection is suspended only the handler thread touches
 * its exchange; after MHD_resume_connection only the io thread does.
 *
 * 'lock' guards the counters: 'open' counts exchanges from their first line to their completion,
 * 'working' those that are suspended.  MHD_stop_daemon must not meet a suspended connection, hence
 * 'stopping', after which none is suspended any more.
 */
#include "net/httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_TEXT_MAX 256
#define FLUSH_MS     1000 /* for answers of handlers that outlived the grace */

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_WORK, PHASE_DONE };

struct httpd {
    struct httpd_options options;
    http_handler_fn *handler;
    void *data;
    int listen_fd;
    bool owns_fd;
    struct MHD_Daemon *daemon;
    GThreadPool *pool;
    GThread *starter;            /* who called httpd_start */
    char log_text[LOG_TEXT_MAX]; /* libmicrohttpd's last complaint to that thread */
    GAsyncQueue *quiet; /* gets a token whenever the last exchange ends after httpd_quiesce */
    GMutex lock;
    GCond changed;
    unsigned open;
    unsigned working;
    size_t bodies_bytes;
    bool quiesced;
    bool stopping;
};

struct exchange {
    struct httpd *server;
    struct MHD_Connection *connection;
    enum phase phase;
    struct http_request *req;
    GByteArray *body;
    size_t body_limit;
    size_t counted_bytes; /* of this body in server->bodies_bytes */
    size_t drained_bytes;
    err_t *refusal;
    struct http_response *resp;
};

/* ---- faults ---- */

struct http_response *httpd_fault(void *unused, const struct http_request *req, const err_t *e)
{
    struct http_response *resp = http_response_create(err_http_status(e));
    g_autoptr(json_t) fault = json_object();
    g_autoptr(json_t) list = json_array();
    json_t *row = json_object();
    g_autofree char *text = err_text(e);

    (void)unused;
    (void)req;
    json_set_str(row, "request_id", "");
    json_set_str(row, "code", err_code_text(e));
    json_set_int(row, "status", err_http_status(e));
    json_set_str(row, "title", err_title(e));
    json_set_str(row, "detail", text);
    if (err_remedy_text(e)[0] != '\0')
        json_set_str(row, "remedy", err_remedy_text(e));
    json_set(row, "links", json_array());
    json_array_append_new(list, row);
    json_set(fault, "errors", json_incref(list));
    http_response_json(resp, fault);
    return resp;
}

/* Keeps the first reason. */
static void refuse(struct exchange *x, err_t *e)
{
    if (x->refusal == NULL)
        x->refusal = e;
    else
        err_free(e);
}

/* ---- the answer ---- */

/* Headers that belong to the wire: libmicrohttpd writes them. */
static bool is_wire_header(const char *name)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding", "Connection"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_ascii_strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static enum MHD_Result answer(struct exchange *x)
{
    struct http_response *resp = x->resp;
    struct MHD_Response *out;
    enum MHD_Result ok;
    size_t size;
    bool close_after;

    if (resp != NULL && resp->status == 0 && x->server->options.may_be_silent) {
        x->phase = PHASE_DONE;
        return MHD_NO;
    }
    g_assert(resp != NULL && resp->status >= 200 && resp->status <= 599);
    size = resp->body != NULL ? resp->body_size : 0;
    out = MHD_create_response_from_buffer_with_free_callback(size, g_steal_pointer(&resp->body),
                                                             g_free);
    if (out == NULL)
        return MHD_NO;
    for (guint i = 0; i < resp->headers->len; i++) {
        const struct http_header *h = resp->headers->pdata[i];
        if (!is_wire_header(h->name))
            MHD_add_response_header(out, h->name, h->value);
    }
    g_mutex_lock(&x->server->lock);
    close_after = x->server->quiesced;
    g_mutex_unlock(&x->server->lock);
    if (close_after)
        MHD_add_response_header(out, "Connection", "close");
    x->phase = PHASE_DONE;
    ok = MHD_queue_response(x->connection, (unsigned)resp->status, out);
    MHD_destroy_response(out);
    return ok;
}

static enum MHD_Result answer_refusal(struct exchange *x)
{
    struct httpd *h = x->server;

    x->resp = h->options.refuse(h->data, x->req, x->refusal);
    return answer(x);
}

/* ---- the handler ---- */

/* In a handler thread. */
static void work(gpointer p, gpointer q)
{
    struct exchange *x = p;
    struct httpd *h = q;

    x->resp = h->handler(h->data, x->req);
    MHD_resume_connection(x->connection); /* 'x' is not ours from here on */
    g_mutex_lock(&h->lock);
    h->working--;
    g_cond_broadcast(&h->changed);
    g_mutex_unlock(&h->lock);
}

/* The request is complete: hands it to a handler thread, or answers at once. */
static enum MHD_Result dispatch(struct exchange *x)
{
    struct httpd *h = x->server;
    bool stopping;

    x->req->body_size = x->body->len;
    g_byte_array_append(x->body, (const guint8 *)"", 1);
    x->req->body = (char *)g_byte_array_free(g_steal_pointer(&x->body), FALSE);
    if (h->options.inline_ok != NULL && h->options.inline_ok(h->data, x->req)) {
        x->resp = h->handler(h->data, x->req);
        return answer(x);
    }
    g_mutex_lock(&h->lock);
    stopping = h->stopping;
    if (!stopping)
        h->working++;
    g_mutex_unlock(&h->lock);
    if (stopping) {
        refuse(x, err(UNAVAILABLE, "the service is stopping"));
        return answer_refusal(x);
    }
    x->phase = PHASE_WORK;
    MHD_suspend_connection(x->connection);
    g_thread_pool_push(h->pool, x, NULL);
    return MHD_YES;
}

/* ---- receiving ---- */

static enum MHD_Result on_header(void *p, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct exchange *x = p;

    (void)kind;
    http_request_add(x->req, name, value != NULL ? value : "");
    return MHD_YES;
}

static char *peer_text(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char host[64];
    socklen_t size;

    if (info == NULL || info->client_addr == NULL)
        return NULL;
    size = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                    : sizeof(struct sockaddr_in);
    if (getnameinfo(info->client_addr, size, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        return NULL;
    return g_strdup(host);
}

/* "token" of RFC 9110: what a method is made of. */
static bool is_token(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (!g_ascii_isalnum(*p) && strchr("!#$%&'*+-.^_`|~", *p) == NULL)
            return false;
    }
    return *text != '\0';
}

static void check_head(struct exchange *x)
{
    const char *length = http_request_get(x->req, "Content-Length");
    guint64 size = 0;

    if (!is_token(x->req->method))
        refuse(x, err(BAD_REQUEST, "the method of the request is none"));
    if (length != NULL && http_request_get(x->req, "Transfer-Encoding") != NULL)
        refuse(x, err(BAD_REQUEST, "the request has both Content-Length and Transfer-Encoding"));
    if (length != NULL && !g_ascii_string_to_unsigned(length, 10, 0, G_MAXUINT64, &size, NULL))
        refuse(x, err(BAD_REQUEST, "the Content-Length '%s' is no number", length));
    if (size > x->body_limit)
        refuse(x, err(TOO_LARGE,
                      "the body of %" G_GUINT64_FORMAT " bytes is longer than the %zu "
                      "bytes allowed here",
                      size, x->body_limit));
}

static enum MHD_Result receive_head(struct exchange *x, const char *method)
{
    struct httpd *h = x->server;
    const char *length;

    g_free(x->req->method);
    x->req->method = g_strdup(method);
    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, on_header, x);
    x->req->peer = peer_text(x->connection);
    x->body_limit = h->options.body_limit != NULL ? h->options.body_limit(h->data, x->req)
                                                  : HTTPD_BODY_MAX_BYTES;
    x->phase = PHASE_BODY;
    check_head(x);
    /* Who waits for '100 Continue', or has too much to be worth reading, gets the answer now. */
    length = http_request_get(x->req, "Content-Length");
    if (x->refusal != NULL &&
        (http_request_get(x->req, "Expect") != NULL ||
         (length != NULL && g_ascii_strtoull(length, NULL, 10) > HTTPD_DRAIN_MAX_BYTES)))
        return answer_refusal(x);
    return MHD_YES;
}

/* Counts 'size' more bytes among all bodies under way; false if that would be too many. */
static bool bodies_add(struct exchange *x, size_t size)
{
    struct httpd *h = x->server;
    bool ok;

    g_mutex_lock(&h->lock);
    ok = size <= HTTPD_BODIES_MAX_BYTES - h->bodies_bytes;
    if (ok) {
        h->bodies_bytes += size;
        x->counted_bytes += size;
    }
    g_mutex_unlock(&h->lock);
    return ok;
}

/* Forgets what has come of a body that is refused: the rest is only drained. */
static void drop_body(struct exchange *x)
{
    struct httpd *h = x->server;

    g_byte_array_unref(x->body);
    x->body = g_byte_array_new();
    g_mutex_lock(&h->lock);
    h->bodies_bytes -= x->counted_bytes;
    g_mutex_unlock(&h->lock);
    x->counted_bytes = 0;
}

static enum MHD_Result receive_body(struct exchange *x, const char *data, size_t size)
{
    if (x->refusal == NULL && size > x->body_limit - x->body->len)
        refuse(x,
               err(TOO_LARGE, "the body is longer than the %zu bytes allowed here", x->body_limit));
    if (x->refusal == NULL && !bodies_add(x, size))
        refuse(x, err(UNAVAILABLE, "too many large requests are under way"));
    if (x->refusal == NULL) {
        g_byte_array_append(x->body, (const guint8 *)data, (guint)size);
        return MHD_YES;
    }
    if (x->body->len > 0)
        drop_body(x);
    x->drained_bytes += size;
    return x->drained_bytes <= HTTPD_DRAIN_MAX_BYTES ? MHD_YES : MHD_NO;
}

/* ---- libmicrohttpd's callbacks ---- */

/* The first line of a request has come. */
static void *on_begin(void *p, const char *url, struct MHD_Connection *connection)
{
    struct httpd *h = p;
    struct exchange *x = g_new0(struct exchange, 1);

    x->server = h;
    x->connection = connection;
    x->req = http_request_create("", url);
    x->body = g_byte_array_new();
    g_mutex_lock(&h->lock);
    h->open++;
    g_mutex_unlock(&h->lock);
    return x;
}

static enum MHD_Result on_access(void *p, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **context)
{
    struct exchange *x = *context;

    (void)p;
    (void)connection;
    (void)path;
    (void)version;
    switch (x->phase) {
    case PHASE_HEAD:
        return receive_head(x, method);
    case PHASE_BODY:
        if (*size > 0) {
            size_t count = *size;
            *size = 0;
            return receive_body(x, data, count);
        }
        return x->refusal != NULL ? answer_refusal(x) : dispatch(x);
    case PHASE_WORK:
        return answer(x);
    case PHASE_DONE:
        break;
    }
    return MHD_NO;
}

static void on_completed(void *p, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct httpd *h = p;
    struct exchange *x = *context;

    (void)connection;
    (void)why;
    if (x == NULL)
        return;
    *context = NULL;
    g_mutex_lock(&h->lock);
    h->open--;
    h->bodies_bytes -= x->counted_bytes;
    if (h->open == 0 && h->quiesced)
        g_async_queue_push(h->quiet, h);
    g_mutex_unlock(&h->lock);
    http_request_destroy(x->req);
    http_response_destroy(x->resp);
    if (x->body != NULL)
        g_byte_array_unref(x->body);
    err_free(x->refusal);
    g_free(x);
}

/* Libraries never log: only the reason of a failed start is kept. */
static void on_log(void *p, const char *format, va_list arguments)
{
    struct httpd *h = p;

    if (g_thread_self() != h->starter)
        return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    g_vsnprintf(h->log_text, sizeof h->log_text, format, arguments);
#pragma GCC diagnostic pop
    g_strchomp(h->log_text);
}

/* ---- sockets ---- */

static err_t *listen_on(const struct addrinfo *a, const char *host, int port, int *ret_fd)
{
    int one = 1, zero = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return err(IO, "cannot make a socket for %s port %d: %s", host, port, g_strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, HTTPD_BACKLOG) != 0) {
        err_t *e = err(IO, "cannot listen on %s port %d: %s", host, port, g_strerror(errno));
        close(fd);
        return e;
    }
    *ret_fd = fd;
    return NULL;
}

err_t *httpd_listen(const char *host, int port, int *ret_fd)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[16];
    err_t *e;
    int rc;

    if (port < 0 || port > 65535)
        return err(CONFIG, "%d is no port to listen on", port);
    g_snprintf(service, sizeof service, "%d", port);
    rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0)
        return err(CONFIG, "cannot listen on '%s': %s", host, gai_strerror(rc));
    e = listen_on(found, host, port, ret_fd);
    freeaddrinfo(found);
    return e;
}

int httpd_fd_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char service[16];

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, NULL, 0, service, sizeof service,
                    NI_NUMERICSERV) != 0)
        return 0;
    return (int)g_ascii_strtoll(service, NULL, 10);
}

/* ---- life ---- */

static void options_complete(struct httpd_options *o)
{
    if (o->threads == 0)
        o->threads = HTTPD_THREADS;
    if (o->io_threads == 0)
        o->io_threads = 1;
    if (o->connections_max == 0)
        o->connections_max = HTTPD_CONNECTIONS_MAX;
    if (o->head_max_bytes == 0)
        o->head_max_bytes = HTTPD_HEAD_MAX_BYTES;
    if (o->idle_timeout_ms == 0)
        o->idle_timeout_ms = HTTPD_IDLE_TIMEOUT_MS;
    if (o->refuse == NULL)
        o->refuse = httpd_fault;
    g_assert(o->threads <= HTTPD_THREADS_MAX && o->io_threads <= HTTPD_THREADS_MAX);
}

static err_t *read_pem(const char *file, const char *what, char **ret)
{
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(file, ret, NULL, &error))
        return err(CONFIG, "the %s cannot be read: %s", what, error->message);
    return NULL;
}

/* Starts the daemon; 'cert' and 'key' are PEM texts or both NULL. */
static err_t *start_daemon(struct httpd *h, const char *cert, const char *key)
{
    const struct httpd_options *o = &h->options;
    struct MHD_OptionItem more[4] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_Daemon *daemon;
    int count = 0;

    if (o->io_threads > 1)
        more[count++] =
            (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->io_threads, NULL};
    if (cert != NULL) {
        flags |= MHD_USE_TLS;
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key};
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)cert};
    }
    more[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, on_access, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, h,
                         MHD_OPTION_LISTEN_SOCKET, h->listen_fd, MHD_OPTION_URI_LOG_CALLBACK,
                         on_begin, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
                         MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT,
                         o->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                         o->connections_per_ip_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         o->head_max_bytes, MHD_OPTION_CONNECTION_TIMEOUT,
                         (unsigned)((o->idle_timeout_ms + 999) / 1000), MHD_OPTION_ARRAY, more,
                         MHD_OPTION_END);
    if (daemon == NULL)
        return err(CONFIG, "cannot start the HTTP server: %s",
                   h->log_text[0] != '\0' ? h->log_text : "libmicrohttpd gave no reason");
    h->daemon = daemon;
    return NULL;
}

static err_t *start(struct httpd *h)
{
    const struct httpd_options *o = &h->options;
    g_autofree char *cert = NULL;
    g_autofree char *key = NULL;

    if ((o->cert_file == NULL) != (o->key_file == NULL))
        return err(CONFIG, "a certificate needs its key and a key its certificate: only one of "
                           "the two files is given");
    if (o->cert_file != NULL) {
        TRY(read_pem(o->cert_file, "certificate", &cert));
        TRY(read_pem(o->key_file, "key of the certificate", &key));
    }
    if (o->host != NULL) {
        TRY(httpd_listen(o->host, o->port, &h->listen_fd));
        h->owns_fd = true;
    }
    fcntl(h->listen_fd, F_SETFL, fcntl(h->listen_fd, F_GETFL) | O_NONBLOCK);
    h->pool = g_thread_pool_new(work, h, (int)o->threads, TRUE, NULL);
    g_assert(h->pool != NULL);
    return start_daemon(h, cert, key);
}

static void httpd_free(struct httpd *h)
{
    if (h->pool != NULL)
        g_thread_pool_free(h->pool, FALSE, TRUE);
    if (h->owns_fd)
        close(h->listen_fd);
    g_async_queue_unref(h->quiet);
    g_free(h);
}

err_t *httpd_start(const struct httpd_options *options, http_handler_fn *handler, void *data,
                   struct httpd **ret)
{
    struct httpd *h = g_new0(struct httpd, 1);
    err_t *e;

    h->options = *options;
    options_complete(&h->options);
    h->handler = handler;
    h->data = data;
    h->listen_fd = options->listen_fd;
    h->starter = g_thread_self();
    h->quiet = g_async_queue_new();
    e = start(h);
    h->options.host = h->options.cert_file = h->options.key_file = NULL;
    if (e != NULL) {
        httpd_free(h);
        return e;
    }
    *ret = h;
    return NULL;
}

int httpd_port(const struct httpd *h)
{
    return httpd_fd_port(h->listen_fd);
}

void httpd_quiesce(struct httpd *h)
{
    bool first;

    g_mutex_lock(&h->lock);
    first = !h->quiesced;
    h->quiesced = true;
    g_mutex_unlock(&h->lock);
    if (first)
        MHD_quiesce_daemon(h->daemon);
}

/* Waits at most 'grace_ms' until no request is under way; new ones may come on kept connections. */
static void wait_quiet(struct httpd *h, int64_t grace_ms)
{
    bool quiet;

    g_mutex_lock(&h->lock);
    quiet = h->open == 0;
    while (g_async_queue_try_pop(h->quiet) != NULL)
        ; /* tokens of earlier ends: a request has come since */
    g_mutex_unlock(&h->lock);
    if (!quiet && grace_ms > 0)
        (void)g_async_queue_timeout_pop(h->quiet, (guint64)grace_ms * 1000);
}

void httpd_stop(struct httpd *h, int64_t grace_ms)
{
    if (h == NULL)
        return;
    httpd_quiesce(h);
    wait_quiet(h, grace_ms);
    g_mutex_lock(&h->lock);
    h->stopping = true;
    while (h->working > 0)
        g_cond_wait(&h->changed, &h->lock);
    g_mutex_unlock(&h->lock);
    wait_quiet(h, FLUSH_MS); /* what was done must be told: the caller would do it again */
    MHD_stop_daemon(h->daemon);
    httpd_free(h);
}
