/* SPDX-License-Identifier: Apache-2.0 */
/* strike - see strike.h. */
#include "tests/sim/strike.h"

#include <string.h>

#define PATIENCE_MS 60000 /* of a request that does not say */

enum how {
    REFUSED,
    TIMEOUT_BEFORE, /* no effect, no answer */
    TIMEOUT_AFTER,  /* effect, no answer */
    STATUS,         /* no effect, an error of the service */
    MALFORMED,      /* effect, an answer that is no JSON */
    TRUNCATED,      /* effect, half of the answer */
    DUPLICATE,      /* effect twice, the second answer */
};

static const struct {
    const char *name;
    enum how how;
    int status;
} kinds[] = {
    {"refused", REFUSED, 0},
    {"timeout-before", TIMEOUT_BEFORE, 0},
    {"timeout-after", TIMEOUT_AFTER, 0},
    {"401", STATUS, 401},
    {"403", STATUS, 403},
    {"404", STATUS, 404},
    {"409", STATUS, 409},
    {"413", STATUS, 413},
    {"429", STATUS, 429},
    {"500", STATUS, 500},
    {"503", STATUS, 503},
    {"malformed", MALFORMED, 0},
    {"truncated", TRUNCATED, 0},
    {"duplicate", DUPLICATE, 0},
};

/* A row that does not deviate any more fails the full sweep. */
const struct strike_deviation strike_deviations[] = {
    {"create", "* POST */v3/OS-TRUST/trusts", "duplicate",
     "a trust bears no name and no key: a second one of the same request cannot be told from one "
     "that another request of the same user is just making, so nobody may take it away"},
    {0},
};

int strike_kinds(void)
{
    return (int)G_N_ELEMENTS(kinds);
}

const char *strike_name(int kind)
{
    return kinds[kind].name;
}

int strike_kind_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* ---- answers ---- */

static err_t *silence(struct strike *s, const struct http_request *req)
{
    s->bench->clock_ms += req->timeout_ms > 0 ? req->timeout_ms : PATIENCE_MS;
    return err(NET_TIMEOUT, "%s %s: no answer in time", req->method, req->url);
}

static struct http_response *refusal(int status)
{
    struct http_response *resp = http_response_create(status);
    g_autoptr(json_t) body = json_pack("{s{si ss ss}}", "error", "code", status, "title",
                                       "The sweep", "message", "struck by the sweep");

    if (status == 429)
        http_response_set(resp, "Retry-After", "2");
    http_response_json(resp, body);
    return resp;
}

static void damage(struct http_response *resp, enum how how)
{
    static const char garbage[] = "{\"volumes\": [{\"id\": ";

    if (how == MALFORMED) {
        http_response_body(resp, "application/json", garbage, strlen(garbage));
    } else if (resp->body != NULL) {
        resp->body_size /= 2;
        resp->body[resp->body_size] = '\0';
    }
}

static err_t *struck(struct strike *s, const struct http_request *req, struct http_response **ret)
{
    enum how how = kinds[s->kind].how;

    if (how == REFUSED)
        return err(NET_REFUSED, "%s %s: connection refused", req->method, req->url);
    if (how == TIMEOUT_BEFORE)
        return silence(s, req);
    if (how == STATUS) {
        *ret = refusal(kinds[s->kind].status);
        return NULL;
    }
    TRY(bench_route(s->bench, req, ret));
    if (how == MALFORMED || how == TRUNCATED)
        damage(*ret, how);
    if (how != TIMEOUT_AFTER && how != DUPLICATE)
        return NULL;
    http_response_destroy(TAKE(*ret));
    return how == DUPLICATE ? bench_route(s->bench, req, ret) : silence(s, req);
}

/* ---- the hook ---- */

static const char *service_of(struct bench *b, const struct http_request *req)
{
    for (int site = 0; site < BENCH_SITES; site++) {
        for (int service = 0; service < SIM_SERVICES; service++) {
            g_autofree char *origin = sim_origin(b->sim, site, (enum sim_service)service);
            if (g_str_has_prefix(req->url, origin))
                return sim_service_name((enum sim_service)service);
        }
    }
    return "?";
}

static err_t *between(void *data, int site, const struct http_request *req,
                      struct http_response **ret)
{
    struct strike *s = data;

    s->calls++;
    g_autofree char *what =
        g_strdup_printf("%s %s %s", bench_site_name(site), req->method, req->url);
    if (s->calls_told != NULL)
        fprintf(s->calls_told, "%4d %s\n", s->calls, what);
    if (s->calls != s->nth)
        return bench_route(s->bench, req, ret);
    s->what = TAKE(what);
    s->name = g_strdup(service_of(s->bench, req));
    if (g_getenv("BENCH_TRACE") != NULL)
        fprintf(stderr, "       STRUCK by %s: %s\n", kinds[s->kind].name, s->what);
    return struck(s, req, ret);
}

void strike_begin(struct strike *s, struct bench *b)
{
    s->bench = b;
    b->between = between;
    b->between_data = s;
}

void strike_end(struct strike *s)
{
    s->bench->between = NULL;
}

void strike_fini(struct strike *s)
{
    g_free(s->what);
    g_free(s->name);
    s->what = s->name = NULL;
}
