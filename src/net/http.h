/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - requests and responses as values, and the two tables of functions they travel through.
 *
 * A transport sends a request and waits for its response (in production libcurl, curl.h; in a
 * simulation a function call).  A handler answers a request (in production behind libmicrohttpd,
 * httpd.h).  So the same client, API and simulated clouds run over sockets and in one process.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "base/json.h"

struct http_request {
    char *method;       /* "GET" */
    char *url;          /* client: absolute; server: path and query as received */
    GPtrArray *headers; /* of struct http_header */
    char *body;         /* NULL or 'body_size' bytes, followed by a NUL that is not counted */
    size_t body_size;
    int64_t timeout_ms;         /* client: of the whole exchange; 0 = 60 s */
    int64_t connect_timeout_ms; /* client: 0 = 5 s */
    char *peer;                 /* server: address of the client, or NULL */
    char *cafile;               /* client: PEM file whose authorities alone count for this request,
                                   or NULL: what the transport trusts */
    bool insecure;              /* client: no certificate is verified for this request */
    bool stays;                 /* client: a redirect is an answer and is not followed */
};

struct http_response {
    int status;
    GPtrArray *headers;
    char *body; /* as above */
    size_t body_size;
};

struct http_header {
    char *name;
    char *value;
};

struct http_request *http_request_create(const char *method, const char *url);
void http_request_destroy(struct http_request *req);
struct http_response *http_response_create(int status);
void http_response_destroy(struct http_response *resp);
AUTO_DEFINE(http_request, http_request_destroy)
AUTO_DEFINE(http_response, http_response_destroy)

/*
 * Headers: set replaces, names compare without case; get gives NULL if there is none (the first of
 * several).  Control characters in a value become blanks, so that no value can add a header.
 */
void http_request_set(struct http_request *req, const char *name, const char *value);
/* Adds another header of the same name. */
void http_request_add(struct http_request *req, const char *name, const char *value);
/* Drops all headers of that name. */
void http_request_unset(struct http_request *req, const char *name);
const char *http_request_get(const struct http_request *req, const char *name);
void http_response_set(struct http_response *resp, const char *name, const char *value);
/* Adds another header of the same name (Link, Vary …). */
void http_response_add(struct http_response *resp, const char *name, const char *value);
const char *http_response_get(const struct http_response *resp, const char *name);

/* Bodies: copies 'size' bytes; the json forms print compactly and set Content-Type. */
void http_request_body(struct http_request *req, const char *body, size_t size);
void http_request_json(struct http_request *req, const json_t *j);
void http_response_body(struct http_response *resp, const char *type, const char *body,
                        size_t size);
void http_response_json(struct http_response *resp, const json_t *j);

struct http_transport {
    void *data;
    /*
     * Sends 'req' and waits.  Any HTTP answer, of whatever status (100 to 599), is success.
     * Errors: NET_REFUSED (nothing was sent), NET_TIMEOUT and NET_LOST (it may have taken effect),
     * NET_TLS, NET_PROTOCOL.
     */
    err_t *(*send)(void *data, const struct http_request *req, struct http_response **ret);
    /*
     * Opens a TCP connection to an address ("10.0.0.5", "fd00::5") and closes it again.  NULL: this
     * transport opens none.  Error: NET_REFUSED, also when there is none in time.
     */
    err_t *(*connect)(void *data, const char *address, int port, int64_t timeout_ms);
};

static inline err_t *MUST_CHECK http_send(const struct http_transport *t,
                                          const struct http_request *req,
                                          struct http_response **ret)
{
    return t->send(t->data, req, ret);
}

/* Answers a request.  Never NULL.  Called by several threads at once unless the server says
 * otherwise. */
typedef struct http_response *http_handler_fn(void *data, const struct http_request *req);

/* ---- addresses ---- */

/* %-encodes everything but unreserved characters.  Caller frees. */
char *url_encode(const char *text);
/* NULL if the encoding is broken or the result is not UTF-8 or holds a NUL.  Caller frees. */
char *url_decode(const char *text, size_t size);
/* 'base' without trailing slashes, then '/' and 'path' (leading slashes dropped).  Caller frees. */
char *url_join(const char *base, const char *path);
/*
 * Scheme, host and port only: "http://h:5000" of "http://user@h:5000/v3/x".  Caller frees; NULL if
 * there is none.
 */
char *url_origin(const char *url);
/* The path of an absolute or server-side url, without query, still encoded; "/" if it has none.
 * Caller frees. */
char *url_path(const char *url);
/*
 * The query's parameters in order, decoded ('+' is a blank): array of struct http_header, freed by
 * g_ptr_array_unref. Code BAD_REQUEST if the encoding is broken.
 */
err_t *url_query(const char *url, GPtrArray **ret) MUST_CHECK;
