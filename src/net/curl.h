/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curl - the http_transport of production: HTTP/1.1 and TLS by libcurl.
 *
 * Any number of threads may send through one transport at once; each call uses one set of
 * connections of a pool and waits in the calling thread.  Connections are kept and reused (sets are
 * taken last-in first-out, so that a lone thread always finds its warm ones); the DNS cache is
 * shared by all.  No signals, no cookies, no credentials from ~/.netrc; no proxy unless
 * asked for.
 *
 * What the errors promise (http.h): NET_REFUSED means that not one byte of the request left: no
 * address, no connection, none in time, no handshake in time.  NET_TLS means the same, because of a
 * certificate or a protocol that a person must mend.  After the first byte it is NET_TIMEOUT,
 * NET_LOST or NET_PROTOCOL.  A request other than GET and HEAD is never sent twice: libcurl would
 * repeat it by itself when a kept connection breaks; here that ends as NET_LOST.
 *
 * Redirects are followed for GET and HEAD only, on the same host only, never from https to http.
 *
 * Make no transport before fork(): what libcurl keeps does not survive it.
 */
#pragma once

#include "net/http.h"

#define CURL_CONNECT_TIMEOUT_MS 5000
#define CURL_TIMEOUT_MS         60000
#define CURL_BODY_MAX_BYTES     (16 * 1024 * 1024)
#define CURL_HEAD_MAX_BYTES     (256 * 1024)
#define CURL_URL_MAX_BYTES      (64 * 1024)
#define CURL_REDIRECTS_MAX      3
#define CURL_HANDLES_IDLE_MAX   32 /* sets; more are closed when they come back */
#define CURL_CONNECTIONS_MAX    16 /* kept open per set */

struct curl_options {
    int64_t connect_timeout_ms; /* where the request says 0; 0 = CURL_CONNECT_TIMEOUT_MS */
    int64_t timeout_ms;         /* where the request says 0; 0 = CURL_TIMEOUT_MS */
    size_t body_max_bytes;      /* a longer answer is NET_PROTOCOL; 0 = CURL_BODY_MAX_BYTES */
    const char *user_agent;     /* NULL = "protector" */
    bool environment_proxy;     /* obey http_proxy, https_proxy, no_proxy (for the client) */
};

struct curl_transport;

/* Never NULL.  'options' may be NULL and is copied. */
struct curl_transport *curl_transport_create(const struct curl_options *options);
/* No thread may be sending any more.  Accepts NULL. */
void curl_transport_destroy(struct curl_transport *ct);
AUTO_DEFINE(curl_transport, curl_transport_destroy)

/* The table to send through; lives as long as 'ct'. */
const struct http_transport *curl_transport_http(struct curl_transport *ct);

/*
 * How to verify servers, where a request itself says nothing of it, whose address begins with
 * 'base_url' (scheme, host and port equal, path a prefix by whole segments; the longest such base
 * wins; a second call for the same base replaces). cafile: PEM file instead of the system's, or
 * NULL.  insecure: verify nothing.  Any time, any thread. Code CONFIG if 'base_url' is no http(s)
 * address or 'cafile' cannot be read.
 */
err_t *curl_transport_trust(struct curl_transport *ct, const char *base_url, const char *cafile,
                            bool insecure) MUST_CHECK;
