/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - one exchange with a service of a cloud: a request, its reply, and what a refusal means.
 *
 * The lowest layer of this room: keystone.c logs in over it, session.c does everything else over
 * it. It knows no tokens and never repeats a call.  Here stands the table that turns statuses and
 * the services' own error bodies into codes; no other file of this room judges a status.
 *
 * Invariant: no exchange starts unless its full time-out fits before the deadline (code
 * CLOUD_DEADLINE, class FENCED), so that a caller who holds a lease never acts after it ended.
 */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "base/json.h"
#include "net/http.h"

#define WIRE_TIMEOUT_MS 60000 /* of an exchange, when the caller names none */
#define WIRE_BODY_MAX   (16u << 20)
#define WIRE_TEXT_MAX   500 /* characters of a service's own text that an error keeps */

/* "There is no deadline." */
#define WIRE_NO_DEADLINE INT64_MAX

struct wire {
    const struct http_transport *transport;
    const struct env *env;
    const char *cloud;          /* the site's name, for messages */
    const char *request_id;     /* global request id to pass on, or NULL */
    int64_t timeout_ms;         /* 0 = WIRE_TIMEOUT_MS */
    int64_t connect_timeout_ms; /* 0 = the transport's */
    int64_t deadline_mono_ms;   /* by env's monotonic clock, or WIRE_NO_DEADLINE */
    const char *cafile;         /* as http_request's: certificates of this cloud */
    bool insecure;
};

struct wire_request {
    const char *service; /* "nova", for messages */
    const char *method;
    const char *url;
    const char *shown;         /* the path for messages; NULL = the url's */
    const char *token;         /* X-Auth-Token, or NULL */
    const char *subject_token; /* X-Subject-Token, or NULL */
    const char *microversion;  /* OpenStack-API-Version, "compute 2.93", or NULL */
    const json_t *body;        /* or NULL */
    bool secret;   /* the body holds secrets: the text of a 400, which may echo it, is not quoted */
    bool harmless; /* may be repeated although it is no GET (a login) */
};

/*
 * Sends and waits.  Any HTTP answer is success.  Else CLOUD_DEADLINE; CLOUD_UNREACHABLE (TRANSIENT:
 * nothing was sent, or the call only reads), CLOUD_AMBIGUOUS (it may have taken effect), NET_TLS.
 */
err_t *wire_send(const struct wire *w, const struct wire_request *r,
                 struct http_response **ret) MUST_CHECK;

/*
 * What the reply means: NULL for 2xx, else an error that names cloud, service, call, status, the
 * service's own text and its request id (details "cloud", "service", "cloud_status",
 * "cloud_request_id", "cloud_message", "cloud_type" (Neutron's name of the error), and
 * "retry_after" where given).
 */
err_t *wire_judge(const struct wire *w, const struct wire_request *r,
                  const struct http_response *resp) MUST_CHECK;

/* The reply's body as JSON; '*ret' is NULL if it has none.  CLOUD_ERROR or CLOUD_AMBIGUOUS if it is
 * none though the status was 2xx. */
err_t *wire_body(const struct wire *w, const struct wire_request *r,
                 const struct http_response *resp, json_t **ret) MUST_CHECK;

/* The three together. */
err_t *wire_call(const struct wire *w, const struct wire_request *r, json_t **ret) MUST_CHECK;

/* The service's own words in an error reply, one line, cut to WIRE_TEXT_MAX; NULL if the reply is
 * not of a kind that an OpenStack service gives.  Caller frees. */
char *wire_text(const struct http_response *resp);
