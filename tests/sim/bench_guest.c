/* SPDX-License-Identifier: Apache-2.0 */
/* bench_guest - what the guests of the clouds' servers answer (bench.h, 'guest'). */
#include "tests/sim/bench.h"

#define CONNECT_MS 2

/* An address that is no service of the clouds: a guest's, if the test has any. */
bool bench_guest_answers(struct bench *b, const struct http_request *req,
                         struct http_response **ret)
{
    g_autoptr(GUri) uri = b->guest != NULL ? g_uri_parse(req->url, G_URI_FLAGS_NONE, NULL) : NULL;
    const char *host = uri != NULL ? g_uri_get_host(uri) : NULL;
    int status =
        host != NULL ? b->guest(b->guest_data, host, g_uri_get_port(uri), g_uri_get_path(uri)) : -1;

    if (status > 0)
        *ret = http_response_create(status);
    return status > 0;
}

/* Servers of a drill serve what the test says. */
err_t *bench_guest_connect(void *data, const char *address, int port, int64_t timeout_ms)
{
    struct bench_link *link = data;
    struct bench *b = link->bench;

    (void)timeout_ms;
    b->clock_ms += CONNECT_MS;
    if (b->guest != NULL && b->guest(b->guest_data, address, port, NULL) > 0)
        return NULL;
    return err(NET_REFUSED, "%s port %d: connection refused", address, port);
}
