/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl - see curl.h.  The only file that includes libcurl.
 *
 * A handle belongs to one call at a time; the pool and the trust table each have a mutex.  What was
 * sent is known from libcurl's pre-request callback, which runs when a connection stands and
 * nothing has been written on it yet: it counts how often the request was about to leave.
 */
#include "net/curl.h"

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

/* An address taken apart by libcurl's own parser. */
struct address {
    char *scheme;
    char *host;
    char *port;
    char *path;
};

/* A row of the trust table. */
struct trust {
    struct address base;
    char *cafile; /* or NULL */
    bool insecure;
};

struct curl_transport {
    struct http_transport table;
    int64_t connect_timeout_ms;
    int64_t timeout_ms;
    size_t body_max_bytes;
    char *user_agent;
    bool environment_proxy;
    CURLSH *share;
    GMutex share_locks[CURL_LOCK_DATA_LAST];
    GMutex lock;       /* of what follows */
    GPtrArray *idle;   /* of CURLM *, a stack: each holds connections that are kept */
    GPtrArray *trusts; /* of struct trust */
};

/* One exchange on its way: what the callbacks need. */
struct exchange {
    struct curl_transport *ct;
    const struct http_request *req;
    struct http_response *resp;
    GByteArray *body;
    size_t head_bytes;
    unsigned departures; /* how often the request was about to be sent */
    bool repeatable;     /* GET, HEAD: libcurl may send it again on a fresh connection */
    bool too_long;
    bool folded; /* a line that continues a header: none of HTTP/1.1 any more */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;
    int64_t took_ms; /* of the last one */
    char error[CURL_ERROR_SIZE];
};

#define SET(handle, option, value) g_assert(curl_easy_setopt(handle, option, value) == CURLE_OK)

/* ---- addresses ---- */

static void address_fini(struct address *a)
{
    curl_free(a->scheme);
    curl_free(a->host);
    curl_free(a->port);
    curl_free(a->path);
}

/* False if 'url' is no absolute http(s) address; 'ret' must then not be used. */
static bool address_init(struct address *ret, const char *url)
{
    CURLU *u = curl_url();
    struct address a = {NULL, NULL, NULL, NULL};
    bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &a.scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &a.host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PORT, &a.port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PATH, &a.path, 0) == CURLUE_OK &&
              (strcmp(a.scheme, "http") == 0 || strcmp(a.scheme, "https") == 0);

    curl_url_cleanup(u);
    if (ok)
        *ret = a;
    else
        address_fini(&a);
    return ok;
}

static bool address_same_origin(const struct address *a, const struct address *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && g_ascii_strcasecmp(a->host, b->host) == 0 &&
           strcmp(a->port, b->port) == 0;
}

static size_t path_size(const char *path)
{
    size_t size = strlen(path);

    while (size > 0 && path[size - 1] == '/')
        size--;
    return size;
}

/* Whether 'base' covers 'a': same origin, and the path is a prefix by whole segments. */
static bool address_covers(const struct address *base, const struct address *a)
{
    size_t size = path_size(base->path);

    return address_same_origin(base, a) && strncmp(base->path, a->path, size) == 0 &&
           (a->path[size] == '\0' || a->path[size] == '/');
}

/* May a GET for 'from' follow a redirect to 'to'? */
static bool redirect_allowed(const char *from, const char *to)
{
    struct address a, b;
    bool ok = false;

    if (!address_init(&a, from))
        return false;
    if (address_init(&b, to)) {
        ok = g_ascii_strcasecmp(a.host, b.host) == 0 &&
             !(strcmp(a.scheme, "https") == 0 && strcmp(b.scheme, "http") == 0);
        address_fini(&b);
    }
    address_fini(&a);
    return ok;
}

/* ---- the trust table ---- */

static void trust_free(gpointer p)
{
    struct trust *t = p;

    address_fini(&t->base);
    g_free(t->cafile);
    g_free(t);
}

static void trust_put(struct curl_transport *ct, struct trust *t)
{
    g_mutex_lock(&ct->lock);
    for (guint i = 0; i < ct->trusts->len; i++) {
        const struct trust *old = ct->trusts->pdata[i];
        if (address_same_origin(&old->base, &t->base) &&
            path_size(old->base.path) == path_size(t->base.path) &&
            address_covers(&old->base, &t->base)) {
            g_ptr_array_remove_index(ct->trusts, i);
            break;
        }
    }
    g_ptr_array_add(ct->trusts, t);
    g_mutex_unlock(&ct->lock);
}

err_t *curl_transport_trust(struct curl_transport *ct, const char *base_url, const char *cafile,
                            bool insecure)
{
    struct address base;
    struct trust *t;

    if (cafile != NULL && access(cafile, R_OK) != 0)
        return err(CONFIG, "the file of CA certificates '%s' for %s cannot be read", cafile,
                   base_url);
    if (!address_init(&base, base_url))
        return err(CONFIG, "'%s' is not an http or https address", base_url);
    t = g_new0(struct trust, 1);
    t->base = base;
    t->cafile = g_strdup(cafile);
    t->insecure = insecure;
    trust_put(ct, t);
    return NULL;
}

/* libcurl copies the file's name, and shares no connection between different answers to this. */
static void verify_with(CURL *handle, const char *cafile, bool insecure)
{
    if (cafile != NULL) {
        SET(handle, CURLOPT_CAINFO, cafile);
        SET(handle, CURLOPT_CAPATH, NULL); /* else the system's folder counts besides */
    }
    if (insecure) {
        SET(handle, CURLOPT_SSL_VERIFYPEER, 0L);
        SET(handle, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* Tells the handle whom to believe: the request's own words, else the table. */
static void trust_apply(struct curl_transport *ct, CURL *handle, const struct http_request *req,
                        const char *url)
{
    const struct trust *best = NULL;
    struct address a;

    if (req->cafile != NULL || req->insecure) {
        verify_with(handle, req->cafile, req->insecure);
        return;
    }

    if (!address_init(&a, url))
        return; /* libcurl will refuse the address itself */
    g_mutex_lock(&ct->lock);
    for (guint i = 0; i < ct->trusts->len; i++) {
        const struct trust *t = ct->trusts->pdata[i];
        if (address_covers(&t->base, &a) &&
            (best == NULL || path_size(t->base.path) > path_size(best->base.path)))
            best = t;
    }
    if (best != NULL)
        verify_with(handle, best->cafile, best->insecure);
    g_mutex_unlock(&ct->lock);
    address_fini(&a);
}

/* ---- the pool ---- */

static void share_lock(CURL *handle, curl_lock_data data, curl_lock_access access, void *p)
{
    struct curl_transport *ct = p;

    (void)handle;
    (void)access;
    g_mutex_lock(&ct->share_locks[data]);
}

static void share_unlock(CURL *handle, curl_lock_data data, void *p)
{
    struct curl_transport *ct = p;

    (void)handle;
    g_mutex_unlock(&ct->share_locks[data]);
}

static CURLM *connections_take(struct curl_transport *ct)
{
    CURLM *connections = NULL;

    g_mutex_lock(&ct->lock);
    if (ct->idle->len > 0)
        connections = g_ptr_array_steal_index(ct->idle, ct->idle->len - 1);
    g_mutex_unlock(&ct->lock);
    if (connections != NULL)
        return connections;
    connections = curl_multi_init();
    g_assert(connections != NULL);
    curl_multi_setopt(connections, CURLMOPT_MAXCONNECTS, (long)CURL_CONNECTIONS_MAX);
    return connections;
}

static void connections_give(struct curl_transport *ct, CURLM *connections)
{
    bool kept;

    g_mutex_lock(&ct->lock);
    kept = ct->idle->len < CURL_HANDLES_IDLE_MAX;
    if (kept)
        g_ptr_array_add(ct->idle, connections);
    g_mutex_unlock(&ct->lock);
    if (!kept)
        curl_multi_cleanup(connections);
}

/* ---- callbacks ---- */

/* A connection stands, nothing is written yet. */
static int on_departure(void *p, char *ip, char *local_ip, int port, int local_port)
{
    struct exchange *x = p;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (x->departures > 0 && !x->repeatable)
        return CURL_PREREQFUNC_ABORT;
    x->departures++;
    /* Anything received from an earlier departure is void. */
    g_byte_array_set_size(x->body, 0);
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *data, size_t size, size_t count, void *p)
{
    struct exchange *x = p;
    size_t total = size * count;
    g_autofree char *line = g_strndup(data, total);
    char *colon = strchr(line, ':');

    x->head_bytes += total;
    if (x->head_bytes > CURL_HEAD_MAX_BYTES) {
        x->too_long = true;
        return 0;
    }
    if (line[0] == ' ' || line[0] == '\t') {
        x->folded = true;
        return 0;
    }
    if (g_str_has_prefix(line, "HTTP/")) {
        g_ptr_array_set_size(x->resp->headers, 0); /* what came before was a 1xx */
    } else if (colon != NULL) {
        *colon = '\0';
        http_response_add(x->resp, g_strchomp(line), g_strstrip(colon + 1));
    }
    return total;
}

static size_t on_body(char *data, size_t size, size_t count, void *p)
{
    struct exchange *x = p;
    size_t total = size * count;

    if (total > x->ct->body_max_bytes - x->body->len) {
        x->too_long = true;
        return 0;
    }
    g_byte_array_append(x->body, (const guint8 *)data, (guint)total);
    return total;
}

/* ---- one exchange ---- */

/* The request's headers as libcurl wants them.  Freed by the caller. */
static struct curl_slist *headers_list(const struct http_request *req)
{
    struct curl_slist *list = NULL;

    for (guint i = 0; i < req->headers->len; i++) {
        const struct http_header *h = req->headers->pdata[i];
        g_autofree char *line = h->value[0] != '\0' ? g_strdup_printf("%s: %s", h->name, h->value)
                                                    : g_strdup_printf("%s;", h->name);
        list = curl_slist_append(list, line);
    }
    if (http_request_get(req, "Content-Type") == NULL)
        list = curl_slist_append(list, "Content-Type:");
    return curl_slist_append(list, "Expect:"); /* an early refusal is noticed without it, too */
}

static void setup_wire(const struct exchange *x, CURL *handle)
{
    SET(handle, CURLOPT_NOSIGNAL, 1L);
    SET(handle, CURLOPT_SHARE, x->ct->share);
    SET(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    /* A name server that is silent must not hold us beyond the time-out. */
    SET(handle, CURLOPT_QUICK_EXIT, 1L);
    SET(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)x->connect_timeout_ms);
    SET(handle, CURLOPT_TIMEOUT_MS, (long)x->timeout_ms);
    if (!x->ct->environment_proxy)
        SET(handle, CURLOPT_PROXY, "");
}

static void setup_message(struct exchange *x, CURL *handle, struct curl_slist *headers)
{
    const struct http_request *req = x->req;
    bool sends = req->body != NULL || strcmp(req->method, "POST") == 0 ||
                 strcmp(req->method, "PUT") == 0 || strcmp(req->method, "PATCH") == 0;

    if (sends) {
        SET(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_size);
        SET(handle, CURLOPT_POSTFIELDS, req->body != NULL ? req->body : "");
    }
    if (strcmp(req->method, "HEAD") == 0)
        SET(handle, CURLOPT_NOBODY, 1L);
    else
        SET(handle, CURLOPT_CUSTOMREQUEST, req->method);
    SET(handle, CURLOPT_HTTPHEADER, headers);
    SET(handle, CURLOPT_USERAGENT, x->ct->user_agent);
    SET(handle, CURLOPT_ERRORBUFFER, x->error);
    SET(handle, CURLOPT_PREREQFUNCTION, on_departure);
    SET(handle, CURLOPT_PREREQDATA, x);
    SET(handle, CURLOPT_HEADERFUNCTION, on_header);
    SET(handle, CURLOPT_HEADERDATA, x);
    SET(handle, CURLOPT_WRITEFUNCTION, on_body);
    SET(handle, CURLOPT_WRITEDATA, x);
}

/* ---- errors ---- */

/* libcurl's results that mean: a certificate or the TLS set-up is wrong. */
static bool is_tls(CURLcode rc, const char *text)
{
    static const CURLcode codes[] = {
        CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
        CURLE_SSL_CERTPROBLEM,          CURLE_SSL_CIPHER,
        CURLE_SSL_ISSUER_ERROR,         CURLE_SSL_ENGINE_NOTFOUND,
        CURLE_SSL_ENGINE_SETFAILED,     CURLE_SSL_ENGINE_INITFAILED,
        CURLE_SSL_CRL_BADFILE,          CURLE_SSL_PINNEDPUBKEYNOTMATCH,
        CURLE_SSL_INVALIDCERTSTATUS,    CURLE_SSL_CLIENTCERT,
        CURLE_USE_SSL_FAILED,
    };
    /* A peer that hangs up in the handshake is one that is down, not one with a bad certificate. */
    static const char *const hung_up[] = {"non-properly terminated", "pull function",
                                          "push function", "SYSCALL"};

    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
        if (rc == codes[i])
            return true;
    if (rc != CURLE_SSL_CONNECT_ERROR)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(hung_up); i++)
        if (strstr(text, hung_up[i]) != NULL)
            return false;
    return true;
}

/* libcurl's results that mean: something came back, and it is no HTTP that we accept. */
static bool is_protocol(CURLcode rc)
{
    return rc == CURLE_WEIRD_SERVER_REPLY || rc == CURLE_UNSUPPORTED_PROTOCOL ||
           rc == CURLE_BAD_CONTENT_ENCODING || rc == CURLE_WRITE_ERROR || rc == CURLE_HTTP2 ||
           rc == CURLE_FILESIZE_EXCEEDED ||
           rc == CURLE_BAD_FUNCTION_ARGUMENT; /* a header that continues none */
}

/* "GET http://h:5000/v3": without credentials and query. */
static char *label(const struct http_request *req, const char *url)
{
    g_autofree char *origin = url_origin(url);
    g_autofree char *path = url_path(url);

    return g_strdup_printf("%s %s%s", req->method, origin != NULL ? origin : "", path);
}

static err_t *failure(const struct exchange *x, const char *url, CURLcode rc)
{
    g_autofree char *what = label(x->req, url);
    const char *text = x->error[0] != '\0' ? x->error : curl_easy_strerror(rc);

    if (x->departures == 0) {
        if (is_tls(rc, text))
            return err(NET_TLS, "%s: %s", what, text);
        if (rc == CURLE_OPERATION_TIMEDOUT)
            return err(NET_REFUSED, "%s: no connection within %" G_GINT64_FORMAT " ms", what,
                       MIN(x->connect_timeout_ms, x->timeout_ms));
        return err(NET_REFUSED, "%s: %s", what, text);
    }
    if (x->too_long)
        return err(NET_PROTOCOL, "%s: the answer is longer than %zu bytes", what,
                   x->head_bytes > CURL_HEAD_MAX_BYTES ? (size_t)CURL_HEAD_MAX_BYTES
                                                       : x->ct->body_max_bytes);
    if (x->folded)
        return err(NET_PROTOCOL, "%s: a header of the answer is continued in a second line", what);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return err(NET_TIMEOUT, "%s: no complete answer within %" G_GINT64_FORMAT " ms", what,
                   x->timeout_ms);
    if (rc == CURLE_ABORTED_BY_CALLBACK)
        return err(NET_LOST, "%s: the connection was lost before an answer came", what);
    if (is_protocol(rc))
        return err(NET_PROTOCOL, "%s: %s", what, text);
    return err(NET_LOST, "%s: %s", what, text);
}

/* ---- sending ---- */

#define STATUS_MIN 100 /* RFC 9110; libcurl takes any number */
#define STATUS_MAX 599
#define POLL_MS    1000 /* at most, between two looks; libcurl's own time-outs wake it before */

/* What curl_easy_perform does, over connections that outlive the handle. */
static CURLcode perform(CURLM *connections, CURL *handle)
{
    CURLcode rc = CURLE_FAILED_INIT;
    CURLMcode ok = curl_multi_add_handle(connections, handle);
    int running = 1, left = 0;
    const CURLMsg *done;

    while (ok == CURLM_OK && running > 0) {
        ok = curl_multi_perform(connections, &running);
        if (ok == CURLM_OK && running > 0)
            ok = curl_multi_poll(connections, NULL, 0, POLL_MS, NULL);
    }
    while ((done = curl_multi_info_read(connections, &left)) != NULL)
        rc = done->data.result;
    curl_multi_remove_handle(connections, handle);
    return rc;
}

static err_t *exchange_with(struct exchange *x, CURLM *connections, CURL *handle, const char *url,
                            char **ret_next)
{
    struct curl_slist *headers = headers_list(x->req);
    const char *next = NULL;
    curl_off_t took_us = 0;
    long status = 0;
    CURLcode rc;

    setup_wire(x, handle);
    setup_message(x, handle, headers);
    trust_apply(x->ct, handle, x->req, url);
    rc = curl_easy_setopt(handle, CURLOPT_URL, url);
    if (rc == CURLE_OK)
        rc = perform(connections, handle);
    curl_slist_free_all(headers);
    if (rc != CURLE_OK)
        return failure(x, url, rc);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &next);
    curl_easy_getinfo(handle, CURLINFO_TOTAL_TIME_T, &took_us);
    if (status < STATUS_MIN || status > STATUS_MAX)
        return err(NET_PROTOCOL, "%s %s: the answer's status %ld is none", x->req->method, url,
                   status);
    x->resp->status = (int)status;
    x->took_ms = (int64_t)(took_us / 1000);
    *ret_next = g_strdup(next);
    return NULL;
}

/*
 * One exchange without redirects.  'ret_next' gets the address of a redirect, or NULL.  Each has a
 * handle of its own: libcurl 7.88 lets a header that continues none write to the freed headers of
 * the handle's exchange before.
 */
static err_t *exchange_run(struct exchange *x, CURLM *connections, const char *url, char **ret_next)
{
    CURL *handle = curl_easy_init();

    g_assert(handle != NULL);
    err_t *e = exchange_with(x, connections, handle, url, ret_next);
    curl_easy_cleanup(handle);
    return e;
}

/* The body as http.h wants it: followed by a NUL. */
static void body_hand_over(struct exchange *x)
{
    x->resp->body_size = x->body->len;
    g_byte_array_append(x->body, (const guint8 *)"", 1);
    x->resp->body = (char *)g_byte_array_free(g_steal_pointer(&x->body), FALSE);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void exchange_begin(struct exchange *x)
{
    http_response_destroy(x->resp);
    x->resp = http_response_create(0);
    g_byte_array_set_size(x->body, 0);
    x->head_bytes = 0;
    x->departures = 0;
    x->error[0] = '\0';
}

/* Follows redirects within the time that is left. */
static err_t *exchange_follow(struct exchange *x, CURLM *connections)
{
    g_autofree char *url = g_strdup(x->req->url);

    for (int hops = 0;; hops++) {
        g_autofree char *next = NULL;

        exchange_begin(x);
        TRY(exchange_run(x, connections, url, &next));
        if (!x->repeatable || x->req->stays || !is_redirect(x->resp->status) || next == NULL ||
            hops == CURL_REDIRECTS_MAX || !redirect_allowed(url, next))
            return NULL;
        x->timeout_ms = MAX(1, x->timeout_ms - x->took_ms);
        g_free(url);
        url = g_steal_pointer(&next);
    }
}

static err_t *transport_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct curl_transport *ct = data;
    struct exchange x = {.ct = ct, .req = req};
    CURLM *connections;
    err_t *e;

    if (strlen(req->url) > CURL_URL_MAX_BYTES)
        return err(NET_REFUSED, "%s: the address is longer than %d bytes", req->method,
                   CURL_URL_MAX_BYTES);
    x.body = g_byte_array_new();
    x.repeatable = strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0;
    x.timeout_ms = req->timeout_ms > 0 ? req->timeout_ms : ct->timeout_ms;
    x.connect_timeout_ms =
        req->connect_timeout_ms > 0 ? req->connect_timeout_ms : ct->connect_timeout_ms;
    connections = connections_take(ct);
    e = exchange_follow(&x, connections);
    connections_give(ct, connections);
    if (e == NULL) {
        body_hand_over(&x);
        *ret = g_steal_pointer(&x.resp);
    } else {
        g_byte_array_unref(x.body);
    }
    http_response_destroy(x.resp);
    return e;
}

/* ---- a connection alone ---- */

static err_t *transport_connect(void *data, const char *address, int port, int64_t timeout_ms)
{
    bool v6 = strchr(address, ':') != NULL;
    g_autofree char *url =
        g_strdup_printf("http://%s%s%s:%d", v6 ? "[" : "", address, v6 ? "]" : "", port);
    char text[CURL_ERROR_SIZE] = "";
    CURL *handle = curl_easy_init();

    (void)data;
    g_assert(handle != NULL);
    SET(handle, CURLOPT_URL, url);
    SET(handle, CURLOPT_CONNECT_ONLY, 1L);
    SET(handle, CURLOPT_NOSIGNAL, 1L);
    SET(handle, CURLOPT_PROXY, "");
    SET(handle, CURLOPT_ERRORBUFFER, text);
    SET(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    CURLcode rc = curl_easy_perform(handle);
    curl_easy_cleanup(handle);
    if (rc == CURLE_OK)
        return NULL;
    return err(NET_REFUSED, "%s port %d: %s", address, port,
               text[0] != '\0' ? text : curl_easy_strerror(rc));
}

/* ---- life ---- */

static void connections_free(gpointer p)
{
    curl_multi_cleanup(p);
}

static gpointer global_init(gpointer unused)
{
    (void)unused;
    g_assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    return NULL;
}

struct curl_transport *curl_transport_create(const struct curl_options *options)
{
    static GOnce once = G_ONCE_INIT;
    static const struct curl_options defaults;
    const struct curl_options *o = options != NULL ? options : &defaults;
    struct curl_transport *ct = g_new0(struct curl_transport, 1);

    g_once(&once, global_init, NULL);
    ct->table.data = ct;
    ct->table.send = transport_send;
    ct->table.connect = transport_connect;
    ct->connect_timeout_ms =
        o->connect_timeout_ms > 0 ? o->connect_timeout_ms : CURL_CONNECT_TIMEOUT_MS;
    ct->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : CURL_TIMEOUT_MS;
    ct->body_max_bytes = o->body_max_bytes > 0 ? o->body_max_bytes : CURL_BODY_MAX_BYTES;
    ct->user_agent = g_strdup(o->user_agent != NULL ? o->user_agent : "protector");
    ct->environment_proxy = o->environment_proxy;
    ct->idle = g_ptr_array_new_with_free_func(connections_free);
    ct->trusts = g_ptr_array_new_with_free_func(trust_free);
    ct->share = curl_share_init();
    g_assert(ct->share != NULL);
    curl_share_setopt(ct->share, CURLSHOPT_LOCKFUNC, share_lock);
    curl_share_setopt(ct->share, CURLSHOPT_UNLOCKFUNC, share_unlock);
    curl_share_setopt(ct->share, CURLSHOPT_USERDATA, ct);
    curl_share_setopt(ct->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    return ct;
}

void curl_transport_destroy(struct curl_transport *ct)
{
    if (ct == NULL)
        return;
    g_ptr_array_unref(ct->idle);
    curl_share_cleanup(ct->share);
    g_ptr_array_unref(ct->trusts);
    g_free(ct->user_agent);
    g_free(ct);
}

const struct http_transport *curl_transport_http(struct curl_transport *ct)
{
    return &ct->table;
}
