/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - the REST surface as one function: a request in, a response out.
 *
 * The daemon puts it behind net/httpd.h, a bench calls it.  It validates tokens, checks policy and
 * input, writes intents to the database and rings the engine; it never calls Nova, Cinder, Neutron
 * or an array.  docs/api.md says what it answers.
 */
#pragma once

#include "base/conf.h"
#include "net/http.h"
#include "store/exchange.h"

struct policy;
struct token_validator;

struct api_options {
    const struct env *env;
    const struct conf *conf;
    const struct exchange *exchange;
    struct policy *policy;
    struct token_validator *tokens;
    const struct http_transport *transport; /* to this site's Keystone, for trusts */
    /* Connections, one per thread of control. */
    struct db *(*db_get)(void *data);
    void (*db_put)(void *data, struct db *db);
    void *db_data;
    /* Wakes the engines of this site; may be NULL. */
    void (*ring)(void *data);
    void *ring_data;
    /* Told of errors that a person should see in the log; 'e' is borrowed.  May be NULL. */
    void (*report)(void *data, const char *request_id, const err_t *e);
    void *report_data;
};

struct api;
struct api *api_create(const struct api_options *options);
void api_destroy(struct api *api);
AUTO_DEFINE(api, api_destroy)

/* An http_handler_fn; 'data' is the api. */
struct http_response *api_handle(void *data, const struct http_request *req);
/* The answer to what the server refuses before there is a whole request; for httpd's 'refuse'. */
struct http_response *api_refuse(void *data, const struct http_request *req, const err_t *e);
/* The limit of a request's body by path, for httpd. */
size_t api_body_max(const char *path);

#define API_VERSION_MIN "1.0"
#define API_VERSION_MAX "1.1"
