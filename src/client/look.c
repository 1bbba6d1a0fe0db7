/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look - what the client sees of a site without logging in there: does anything answer at the
 * addresses of its Keystone, Nova and Protector?
 */
#include "client/client_internal.h"

#define PROBE_TIMEOUT_MS 5000
#define PROBE_AGAIN_MS   1000 /* where the same host was silent a moment ago */

/* Who was waited for in vain: whether another port of a silent host takes a connection shows soon;
 * the answer may take its time. */
struct looking {
    struct protector_client *c;
    char *silent; /* the host part of an address, or NULL */
};

/* "a.example" of "https://a.example:5000/v3".  Caller frees; NULL if there is none. */
static char *host_of(const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);

    return uri != NULL ? g_strdup(g_uri_get_host(uri)) : NULL;
}

static void silent_set(struct looking *l, const char *url)
{
    g_free(l->silent);
    l->silent = host_of(url);
}

/* Any HTTP answer is alive. */
static const char *look(struct looking *l, const char *url)
{
    AUTO(http_response) resp = NULL;

    if (url == NULL)
        return "unknown";
    g_autofree char *host = host_of(url);
    bool known = l->silent != NULL && g_strcmp0(host, l->silent) == 0;
    AUTO(http_request) req = http_request_create("GET", url);
    req->timeout_ms = PROBE_TIMEOUT_MS;
    req->connect_timeout_ms = known ? PROBE_AGAIN_MS : PROBE_TIMEOUT_MS;
    g_autoptr(err_t) e = http_send(l->c->transport, req, &resp);
    if (e != NULL && err_is(e, ERR_NET_TIMEOUT))
        silent_set(l, url);
    return e == NULL || err_is(e, ERR_NET_TLS) ? "alive" : "dead";
}

json_t *site_look(struct protector_client *c, const json_t *site, const char *protector,
                  const char *silent_url)
{
    struct looking l = {c, NULL};
    json_t *seen = json_object();

    if (json_str(site, "protector_url") != NULL)
        protector = json_str(site, "protector_url");
    if (silent_url != NULL)
        silent_set(&l, silent_url);
    json_set_str(seen, "keystone", look(&l, json_str(site, "auth_url")));
    json_set_str(seen, "nova", look(&l, json_str(site, "compute_url")));
    json_set_str(seen, "protector", look(&l, protector));
    g_free(l.silent);
    return seen;
}

err_t *peer_look(struct pair *pair, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(end_get(pair->local, &reply, "sites/%s", json_str_or(pair->group, "peer_site_id", "")));
    const json_t *site = json_obj(reply, "site");
    bool silent = pair->peer_error != NULL && err_is(pair->peer_error, ERR_NET_TIMEOUT);
    *ret = site_look(pair->client, site, pair->peer != NULL ? pair->peer->endpoint : NULL,
                     silent ? json_str_or(site, "auth_url", "") : NULL);
    return NULL;
}

char *seen_words(const char *site, const json_t *seen)
{
    return g_strdup_printf("Site '%s': Keystone is %s, Nova is %s, Protector is %s.", site,
                           json_str_or(seen, "keystone", "?"), json_str_or(seen, "nova", "?"),
                           json_str_or(seen, "protector", "?"));
}

bool site_given_up(const json_t *site)
{
    const char *status = json_str_or(site, "status", "");

    return g_str_equal(status, "decommissioning") || g_str_equal(status, "decommissioned");
}
