/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - see token.h: the cache of answers, and the calls under way.
 *
 * 'lock' guards both tables and every answer and flight in them; no call is made while it is held.
 * A flight is one call to Keystone: its leader makes it, others wait for 'landed'.  It lives until
 * the last of them has read its outcome.  Answers in the cache hold no token, only its hash.
 *
 * How long an answer is kept is measured by the monotonic clock.  That Keystone has just accepted a
 * token is believed whatever our own clock says; that clock only shortens the time it is kept.
 */
#include "api/auth/token.h"

#include <string.h>

#include "api/auth/context.h"
#include "base/secrets.h"
#include "cloud/keystone.h"
#include "cloud/session.h"

/* An answer that is kept. */
struct answer {
    char key[HASH_HEX_SIZE];
    struct auth_context *auth; /* NULL: invalid */
    int64_t until_mono_ms;
    GList link; /* in 'order' */
};

/* A call under way. */
struct flight {
    unsigned refs;
    bool landed;
    struct auth_context *auth; /* or … */
    json_t *error;             /* … why not */
};

struct token_validator {
    struct cloud_session *session;
    const struct env *env;
    int64_t cache_ms;
    char **service_roles;
    size_t cache_max;
    int64_t timeout_ms;
    GMutex lock;
    GCond landed;
    GHashTable *answers; /* key -> struct answer */
    GQueue order;        /* of struct answer; used last at the head */
    GHashTable *flights; /* key -> struct flight */
};

/* ---- the cache; with the lock held ---- */

static void answer_drop(struct token_validator *v, struct answer *answer)
{
    g_queue_unlink(&v->order, &answer->link);
    g_hash_table_remove(v->answers, answer->key);
    auth_context_destroy(answer->auth);
    g_free(answer);
}

static struct answer *answer_find(struct token_validator *v, const char *key)
{
    struct answer *answer = g_hash_table_lookup(v->answers, key);

    if (answer == NULL)
        return NULL;
    if (env_mono_ms(v->env) >= answer->until_mono_ms) {
        answer_drop(v, answer);
        return NULL;
    }
    g_queue_unlink(&v->order, &answer->link);
    g_queue_push_head_link(&v->order, &answer->link);
    return answer;
}

/* Keeps a copy of 'auth' (NULL: invalid) for 'keep_ms'. */
static void answer_keep(struct token_validator *v, const char *key, const struct auth_context *auth,
                        int64_t keep_ms)
{
    struct answer *answer;

    if (keep_ms <= 0)
        return;
    answer = g_hash_table_lookup(v->answers, key);
    if (answer != NULL)
        answer_drop(v, answer);
    while (v->order.length >= v->cache_max)
        answer_drop(v, v->order.tail->data);
    answer = g_new0(struct answer, 1);
    g_strlcpy(answer->key, key, sizeof answer->key);
    answer->auth = auth != NULL ? auth_context_copy(auth) : NULL;
    answer->until_mono_ms = env_mono_ms(v->env) + keep_ms;
    answer->link.data = answer;
    g_queue_push_head_link(&v->order, &answer->link);
    g_hash_table_insert(v->answers, answer->key, answer);
}

/* ---- flights ---- */

static void flight_unref(struct flight *flight)
{
    if (--flight->refs > 0)
        return;
    auth_context_destroy(flight->auth);
    json_decref(flight->error);
    g_free(flight);
}

static err_t *flight_outcome(const struct flight *flight, struct auth_context **ret)
{
    if (flight->auth == NULL)
        return err_from_json(flight->error);
    *ret = auth_context_copy(flight->auth);
    return NULL;
}

static err_t *invalid(void)
{
    return err(UNAUTHORIZED, "the token is not valid, or not any more");
}

/* What a refusal of the cloud room means to the user. */
static err_t *judge(err_t *e)
{
    enum err_code code = err_code(e);

    if (code == ERR_CLOUD_NOT_FOUND || code == ERR_CLOUD_BAD_REQUEST) {
        err_free(e);
        return invalid();
    }
    if (code == ERR_CLOUD_UNAUTHORIZED || code == ERR_CLOUD_FORBIDDEN)
        return err_recode(AUTH_SERVICE, e,
                          "Keystone refuses this service's own account, so that no token can be "
                          "checked");
    return err_recode(UNAVAILABLE, e, "the Keystone service is temporarily unavailable");
}

/* Asks Keystone.  Without the lock. */
static err_t *fetch(struct token_validator *v, const char *token, bool allow_expired,
                    struct auth_context **ret)
{
    struct cloud c = cloud_view(v->session, NULL, CLOUD_NO_DEADLINE);
    AUTO(keystone_token) found = NULL;
    err_t *e;

    c.timeout_ms = v->timeout_ms;
    e = keystone_validate(&c, token, allow_expired, &found);
    if (e != NULL)
        return judge(e);
    *ret = auth_context_of(found);
    return NULL;
}

/* How long to keep that a token is valid. */
static int64_t keep_ms(const struct token_validator *v, const struct auth_context *auth,
                       bool allow_expired)
{
    int64_t left_ms = auth->expires_at_ms - env_now_ms(v->env);

    return allow_expired ? v->cache_ms : MIN(v->cache_ms, left_ms);
}

/* The leader's part: the call, and its outcome for all.  With the lock held, but for the call. */
static void fly(struct token_validator *v, const char *key, struct flight *flight,
                const char *token, bool allow_expired)
{
    struct auth_context *auth = NULL;
    err_t *e;

    g_mutex_unlock(&v->lock);
    e = fetch(v, token, allow_expired, &auth);
    g_mutex_lock(&v->lock);
    if (e == NULL)
        answer_keep(v, key, auth, keep_ms(v, auth, allow_expired));
    else if (err_code(e) == ERR_UNAUTHORIZED)
        answer_keep(v, key, NULL, MIN(v->cache_ms, TOKEN_INVALID_MS));
    flight->auth = auth;
    flight->error = e != NULL ? err_to_json(e) : NULL;
    flight->landed = true;
    err_free(e);
    g_hash_table_remove(v->flights, key);
    g_cond_broadcast(&v->landed);
}

/* With the lock held. */
static err_t *validate_locked(struct token_validator *v, const char *key, const char *token,
                              bool allow_expired, struct auth_context **ret)
{
    const struct answer *answer = answer_find(v, key);
    struct flight *flight;
    err_t *e;

    if (answer != NULL) {
        if (answer->auth == NULL)
            return invalid();
        *ret = auth_context_copy(answer->auth);
        return NULL;
    }
    flight = g_hash_table_lookup(v->flights, key);
    if (flight == NULL) {
        flight = g_new0(struct flight, 1);
        flight->refs = 1;
        g_hash_table_insert(v->flights, (gpointer)key, flight);
        fly(v, key, flight, token, allow_expired);
    } else {
        flight->refs++;
        while (!flight->landed)
            g_cond_wait(&v->landed, &v->lock);
    }
    e = flight_outcome(flight, ret);
    flight_unref(flight);
    return e;
}

/* ---- tokens ---- */

/* Whether it can be a token at all: visible ASCII, not too long. */
static bool is_plausible(const char *token)
{
    size_t size = strlen(token);

    if (size == 0 || size > TOKEN_SIZE_MAX)
        return false;
    for (const char *c = token; *c != '\0'; c++)
        if (!g_ascii_isgraph(*c))
            return false;
    return true;
}

static err_t *validate_one(struct token_validator *v, const char *text, bool allow_expired,
                           struct auth_context **ret)
{
    g_autofree char *token = g_strstrip(g_strdup(text != NULL ? text : ""));
    char key[HASH_HEX_SIZE];
    err_t *e;

    if (*token == '\0')
        return err(UNAUTHORIZED, "the request you have made requires authentication");
    if (!is_plausible(token))
        return invalid();
    hash_strings(key, token, allow_expired ? "expired" : "", NULL);
    g_mutex_lock(&v->lock);
    e = validate_locked(v, key, token, allow_expired, ret);
    g_mutex_unlock(&v->lock);
    if (e == NULL)
        (*ret)->token = g_steal_pointer(&token);
    secret_free(g_steal_pointer(&token));
    return e;
}

static bool is_trusted_service(const struct token_validator *v, const struct auth_context *service)
{
    for (char **role = v->service_roles; *role != NULL; role++)
        if (auth_context_has_role(service, *role))
            return true;
    return false;
}

err_t *token_validate(struct token_validator *v, const char *token, const char *service_token,
                      struct auth_context **ret)
{
    AUTO(auth_context) service = NULL;
    AUTO(auth_context) user = NULL;
    bool allow_expired = false;

    if (service_token != NULL) {
        err_t *e = validate_one(v, service_token, false, &service);
        if (e != NULL)
            return err_wrap(e, "the service token");
        allow_expired = is_trusted_service(v, service);
    }
    TRY(validate_one(v, token, allow_expired, &user));
    if (service != NULL)
        auth_context_add_service(user, service);
    *ret = TAKE(user);
    return NULL;
}

/* ---- life ---- */

struct token_validator *token_validator_create(const struct token_options *o)
{
    struct token_validator *v = g_new0(struct token_validator, 1);

    v->session = o->session;
    v->env = o->env;
    v->cache_ms = o->cache_ms;
    v->service_roles =
        o->service_roles != NULL ? g_strdupv((char **)o->service_roles) : g_new0(char *, 1);
    v->cache_max = o->cache_max > 0 ? o->cache_max : TOKEN_CACHE_MAX;
    v->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TOKEN_TIMEOUT_MS;
    g_mutex_init(&v->lock);
    g_cond_init(&v->landed);
    v->answers = g_hash_table_new(g_str_hash, g_str_equal);
    g_queue_init(&v->order);
    v->flights = g_hash_table_new(g_str_hash, g_str_equal);
    return v;
}

void token_validator_destroy(struct token_validator *v)
{
    if (v == NULL)
        return;
    g_assert(g_hash_table_size(v->flights) == 0);
    while (v->order.length > 0)
        answer_drop(v, v->order.tail->data);
    g_hash_table_unref(v->answers);
    g_hash_table_unref(v->flights);
    g_strfreev(v->service_roles);
    g_mutex_clear(&v->lock);
    g_cond_clear(&v->landed);
    g_free(v);
}
