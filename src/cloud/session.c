/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session - the identity of a session: its token, renewed in time, and where the services are.
 *
 * Locks: 'lock' guards the token and Keystone's address and is held while logging in, so that one
 * thread logs in and the others wait for its result.  A service's negotiation (version.c) has a
 * lock of its own, taken before this one.  All other fields are fixed at creation.
 *
 * The age of a token is measured by our monotonic clock from the moment it came, with the lifetime
 * that Keystone gave it: neither clock's error matters.
 */
#include "cloud/session.h"

#include <string.h>

#include "base/secrets.h"
#include "cloud/keystone.h"
#include "cloud/session_internal.h"

#define RENEW_EARLY_MS   120000 /* a token is renewed this long before it ends, … */
#define RENEW_EARLY_PART 4      /* … but not before a quarter of its life is left */
#define RENEW_PAUSE_MS   30000  /* between attempts while the old token still serves */

struct cloud_session {
    const struct http_transport *transport;
    const struct env *env;
    char *cloud;
    char *region;
    char *interface;
    struct keystone_credentials *credentials;
    int64_t timeout_ms;
    int64_t connect_timeout_ms;
    char *cafile;
    bool insecure;

    GMutex lock;
    char *v3_url;                 /* NULL: not found yet */
    struct keystone_token *token; /* NULL: not logged in */
    unsigned generation;          /* of 'token'; grows with each login */
    int64_t renew_mono_ms;
    int64_t expiry_mono_ms;

    struct cloud_negotiated negotiated[CLOUD_SERVICE_COUNT];
};

struct cloud_session *cloud_session_create(const struct cloud_options *o)
{
    g_assert(o->transport != NULL && o->env != NULL && o->cloud != NULL);
    struct cloud_session *s = g_new0(struct cloud_session, 1);
    s->transport = o->transport;
    s->env = o->env;
    s->cloud = g_strdup(o->cloud);
    s->region = g_strdup(o->region);
    s->interface = g_strdup(o->interface != NULL ? o->interface : "public");
    s->credentials = keystone_credentials_copy(o->credentials);
    s->timeout_ms = o->timeout_ms;
    s->connect_timeout_ms = o->connect_timeout_ms;
    s->cafile = g_strdup(o->cafile);
    s->insecure = o->insecure;
    g_mutex_init(&s->lock);
    for (int i = 0; i < CLOUD_SERVICE_COUNT; i++)
        g_mutex_init(&s->negotiated[i].lock);
    return s;
}

void cloud_session_destroy(struct cloud_session *s)
{
    if (s == NULL)
        return;
    keystone_token_destroy(s->token);
    keystone_credentials_destroy(s->credentials);
    g_free(s->v3_url);
    g_free(s->cloud);
    g_free(s->region);
    g_free(s->interface);
    g_free(s->cafile);
    g_mutex_clear(&s->lock);
    for (int i = 0; i < CLOUD_SERVICE_COUNT; i++)
        g_mutex_clear(&s->negotiated[i].lock);
    g_free(s);
}

void cloud_session_forget(struct cloud_session *s)
{
    for (int i = 0; i < CLOUD_SERVICE_COUNT; i++) {
        g_mutex_lock(&s->negotiated[i].lock);
        s->negotiated[i].minor = 0;
        g_mutex_unlock(&s->negotiated[i].lock);
    }
    g_mutex_lock(&s->lock);
    g_clear_pointer(&s->token, keystone_token_destroy);
    g_clear_pointer(&s->v3_url, g_free);
    g_mutex_unlock(&s->lock);
}

const char *cloud_name(const struct cloud *c)
{
    return c->session->cloud;
}

struct wire cloud_wire(const struct cloud *c)
{
    const struct cloud_session *s = c->session;
    return (struct wire){
        .transport = s->transport,
        .env = s->env,
        .cloud = s->cloud,
        .request_id = c->request_id,
        .timeout_ms = c->timeout_ms > 0 ? c->timeout_ms : s->timeout_ms,
        .connect_timeout_ms = s->connect_timeout_ms,
        .deadline_mono_ms = c->deadline_mono_ms,
        .cafile = s->cafile,
        .insecure = s->insecure,
    };
}

struct cloud_negotiated *cloud_negotiated(const struct cloud *c, enum cloud_service service)
{
    return &c->session->negotiated[service];
}

/* ---- the token; all with 'lock' held ---- */

static bool can_log_in_again(const struct cloud_session *s)
{
    const struct keystone_credentials *k = s->credentials;
    return k->method != KEYSTONE_TOKEN || k->project_id != NULL || k->project_name != NULL;
}

static err_t *find_keystone(const struct cloud *c)
{
    struct cloud_session *s = c->session;
    if (s->v3_url != NULL)
        return NULL;
    if (s->credentials->auth_url == NULL)
        return keystone_credentials_check(s->credentials);
    struct wire w = cloud_wire(c);
    return keystone_discover(&w, s->credentials->auth_url, &s->v3_url);
}

static void set_token(struct cloud_session *s, struct keystone_token *token)
{
    int64_t now = env_mono_ms(s->env);
    int64_t early = MIN(RENEW_EARLY_MS, token->lifetime_ms / RENEW_EARLY_PART);
    bool known = token->lifetime_ms > 0 && can_log_in_again(s);
    keystone_token_destroy(s->token);
    s->token = token;
    s->generation++;
    s->expiry_mono_ms = known ? now + token->lifetime_ms : INT64_MAX;
    s->renew_mono_ms = known ? s->expiry_mono_ms - early : INT64_MAX;
}

static err_t *log_in(const struct cloud *c)
{
    struct keystone_token *token = NULL;
    struct wire w = cloud_wire(c);
    TRY(keystone_credentials_check(c->session->credentials));
    TRY(find_keystone(c));
    TRY(keystone_authenticate(&w, c->session->v3_url, c->session->credentials, &token));
    set_token(c->session, token);
    return NULL;
}

/* Has a token that serves, or says why not.  While the old one serves, a Keystone that does not
 * answer is no error. */
static err_t *ensure_token(const struct cloud *c)
{
    struct cloud_session *s = c->session;
    int64_t now = env_mono_ms(s->env);
    if (s->token != NULL && now < s->renew_mono_ms)
        return NULL;
    err_t *e = log_in(c);
    if (e == NULL || s->token == NULL || now >= s->expiry_mono_ms ||
        err_class(e) != ERR_CLASS_TRANSIENT)
        return e;
    err_free(e);
    s->renew_mono_ms = now + RENEW_PAUSE_MS;
    return NULL;
}

/* ---- endpoints ---- */

static char *without_slash(char *url)
{
    while (g_str_has_suffix(url, "/"))
        url[strlen(url) - 1] = '\0';
    return url;
}

static err_t *endpoint_of(const struct cloud_session *s, enum cloud_service service, char **ret)
{
    const struct cloud_service_row *row = cloud_service_row(service);
    g_autofree char *url = NULL;
    err_t *e = keystone_endpoint(s->token, row->types, s->interface, s->region, &url);
    if (e != NULL)
        return err_wrap(e, "%s: cannot find %s", s->cloud, row->name);
    without_slash(url);
    if (row->needs != NULL && strstr(url, row->needs) == NULL)
        return err(CLOUD_CATALOG, "%s: the address of %s in the catalog is '%s', without '%s'",
                   s->cloud, row->name, url, row->needs);
    bool add = row->suffix != NULL && !g_str_has_suffix(url, row->suffix);
    *ret = add ? g_strconcat(url, row->suffix, NULL) : TAKE(url);
    return NULL;
}

void cloud_access_fini(struct cloud_access *access)
{
    g_free(access->url);
    secret_free(access->token);
    *access = (struct cloud_access){0};
}

static err_t *access_locked(const struct cloud *c, enum cloud_service service, bool anonymous,
                            struct cloud_access *ret)
{
    struct cloud_session *s = c->session;
    char *url = NULL;
    TRY(anonymous ? find_keystone(c) : ensure_token(c));
    if (service == CLOUD_IDENTITY)
        url = g_strdup(s->v3_url);
    else
        TRY(endpoint_of(s, service, &url));
    ret->url = url;
    ret->token = anonymous ? NULL : g_strdup(s->token->id);
    ret->generation = s->generation;
    return NULL;
}

err_t *cloud_access(const struct cloud *c, enum cloud_service service, bool anonymous,
                    struct cloud_access *ret)
{
    g_assert(!anonymous || service == CLOUD_IDENTITY);
    g_mutex_lock(&c->session->lock);
    err_t *e = access_locked(c, service, anonymous, ret);
    g_mutex_unlock(&c->session->lock);
    return e;
}

bool cloud_refused(const struct cloud *c, unsigned generation)
{
    struct cloud_session *s = c->session;
    g_mutex_lock(&s->lock);
    bool again = can_log_in_again(s);
    if (again && s->generation == generation)
        g_clear_pointer(&s->token, keystone_token_destroy);
    g_mutex_unlock(&s->lock);
    return again;
}

err_t *cloud_token(const struct cloud *c, struct keystone_token **ret)
{
    struct cloud_session *s = c->session;
    g_mutex_lock(&s->lock);
    err_t *e = ensure_token(c);
    if (e == NULL)
        *ret = keystone_token_copy(s->token);
    g_mutex_unlock(&s->lock);
    return e;
}

err_t *cloud_project_id(const struct cloud *c, char **ret)
{
    struct cloud_session *s = c->session;
    g_mutex_lock(&s->lock);
    err_t *e = ensure_token(c);
    if (e == NULL)
        *ret = g_strdup(s->token->project_id != NULL ? s->token->project_id : "");
    g_mutex_unlock(&s->lock);
    return e;
}

err_t *cloud_endpoint(const struct cloud *c, enum cloud_service service, char **ret)
{
    struct cloud_access access = {0};
    TRY(cloud_access(c, service, false, &access));
    *ret = TAKE(access.url);
    cloud_access_fini(&access);
    return NULL;
}
