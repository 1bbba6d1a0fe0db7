/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_token - validation against a Keystone of the test's own, behind a fake transport and clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/auth/token.h"
#include "base/secrets.h"
#include "cloud/keystone.h"
#include "cloud/session.h"
#include "net/http.h"

#include <string.h>

#define CACHE_MS 300000
#define START_MS 1795262400000 /* 2026-11-21T12:00:00Z */
#define LIVES_S  3600

/* ---- a Keystone ---- */

struct keystone {
    struct env env;
    struct http_transport transport;
    GMutex lock;
    GCond changed;
    int64_t now_ms;
    int64_t skew_ms; /* how far our clock is ahead of Keystone's */
    int64_t mono_ms;
    int logins;
    int validations;
    int waiting;           /* threads within a validation while 'held' */
    bool held;             /* validations wait */
    enum err_code fails;   /* every exchange; ERR_COUNT: none */
    int login_status;      /* instead of 201, if not 0 */
    int validation_status; /* instead of an answer, if not 0 */
    const char *garbage;   /* instead of a body, if not NULL */
    json_t *tokens;        /* id -> the token object */
    char *last_url;
};

static int64_t fake_now(void *data)
{
    const struct keystone *k = data;

    return k->now_ms + k->skew_ms;
}

static int64_t fake_mono(void *data)
{
    return ((struct keystone *)data)->mono_ms;
}

static void fake_random(void *data, void *buffer, size_t size)
{
    (void)data;
    memset(buffer, 7, size);
}

static void pass(struct keystone *k, int64_t ms)
{
    k->now_ms += ms;
    k->mono_ms += ms;
}

/* A token of 'user' with 'roles' (separated by commas) that ends after 'lives_s'. */
static json_t *token_json(const struct keystone *k, const char *user, const char *roles,
                          int64_t lives_s)
{
    g_autofree char *issued = time_format(k->now_ms);
    g_autofree char *expires = time_format(k->now_ms + lives_s * 1000);
    g_auto(GStrv) names = g_strsplit(roles, ",", -1);
    json_t *list = json_array();

    for (char **name = names; *name != NULL; name++)
        json_array_append_new(list, json_pack("{s:s,s:s}", "id", *name, "name", *name));
    return json_pack("{s:[s],s:{s:s,s:s,s:{s:s,s:s}},s:{s:s,s:s,s:{s:s,s:s}},s:o,s:s,s:s,"
                     "s:[{s:s,s:[]}]}",
                     "methods", "password", "user", "id", user, "name", "Name", "domain", "id",
                     "ud", "name", "UD", "project", "id", "p1", "name", "P1", "domain", "id", "pd",
                     "name", "PD", "roles", list, "issued_at", issued, "expires_at", expires,
                     "catalog", "type", "volumev3", "endpoints");
}

static void add_token(struct keystone *k, const char *id, const char *user, const char *roles)
{
    json_object_set_new(k->tokens, id, token_json(k, user, roles, LIVES_S));
}

static struct http_response *login(struct keystone *k)
{
    struct http_response *resp = http_response_create(k->login_status ? k->login_status : 201);
    g_autoptr(json_t) body = json_pack("{s:o}", "token", token_json(k, "svc", "admin", LIVES_S));

    k->logins++;
    http_response_set(resp, "X-Subject-Token", "SERVICE");
    if (resp->status != 201) {
        json_decref(body);
        body = json_pack("{s:{s:i,s:s}}", "error", "code", resp->status, "message", "no");
    }
    http_response_json(resp, body);
    return resp;
}

static bool is_expired(const struct keystone *k, const json_t *token)
{
    return time_parse(json_str(token, "expires_at")) <= k->now_ms;
}

static struct http_response *validation(struct keystone *k, const struct http_request *req)
{
    const char *subject = http_request_get(req, "X-Subject-Token");
    json_t *token = json_object_get(k->tokens, subject);
    bool expired_too = strstr(req->url, "allow_expired=1") != NULL;
    struct http_response *resp;
    g_autoptr(json_t) body = NULL;

    k->validations++;
    assert_string_equal(http_request_get(req, "X-Auth-Token"), "SERVICE");
    k->waiting++;
    g_cond_broadcast(&k->changed);
    while (k->held)
        g_cond_wait(&k->changed, &k->lock);
    k->waiting--;
    resp = http_response_create(200);
    if (k->validation_status != 0) {
        resp->status = k->validation_status;
        body = json_pack("{s:{s:i,s:s}}", "error", "code", resp->status, "message", "no");
    } else if (token == NULL || (is_expired(k, token) && !expired_too)) {
        resp->status = 404;
        body = json_pack("{s:{s:i,s:s}}", "error", "code", 404, "message", "not recognized");
    } else {
        body = json_pack("{s:O}", "token", token);
    }
    http_response_json(resp, body);
    if (k->garbage != NULL)
        http_response_body(resp, "text/html", k->garbage, strlen(k->garbage));
    return resp;
}

static struct http_response *root(void)
{
    struct http_response *resp = http_response_create(300);
    g_autoptr(json_t) body =
        json_pack("{s:{s:[{s:s,s:s,s:[{s:s,s:s}]}]}}", "versions", "values", "id", "v3.14",
                  "status", "stable", "links", "rel", "self", "href", "http://keystone:5000/v3/");

    http_response_json(resp, body);
    return resp;
}

static err_t *fake_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct keystone *k = data;
    g_autofree char *path = url_path(req->url);
    err_t *e = NULL;

    g_mutex_lock(&k->lock);
    g_free(k->last_url);
    k->last_url = g_strdup(req->url);
    if (k->fails != ERR_COUNT)
        e = err_make(__FILE__, __LINE__, k->fails, "as the test wants it");
    else if (strcmp(path, "/v3/auth/tokens") == 0 && strcmp(req->method, "POST") == 0)
        *ret = login(k);
    else if (strcmp(path, "/v3/auth/tokens") == 0)
        *ret = validation(k, req);
    else
        *ret = root();
    g_mutex_unlock(&k->lock);
    return e;
}

/* ---- a validator in front of it ---- */

struct bench {
    struct keystone k;
    struct cloud_session *session;
    struct token_validator *v;
};

static void bench_start(struct bench *b, int64_t cache_ms, size_t cache_max)
{
    static char *const roles[] = {(char *)"service", (char *)"helper", NULL};
    const struct keystone_credentials credentials = {
        .method = KEYSTONE_PASSWORD,
        .auth_url = "http://keystone:5000", /* without /v3, as the manual has it */
        .username = "protector",
        .password = "secret",
        .project_name = "service",
    };
    struct cloud_options cloud = {.cloud = "site-a", .credentials = &credentials};
    struct token_options options = {.cache_ms = cache_ms,
                                    .cache_max = cache_max,
                                    .service_roles = roles};

    memset(b, 0, sizeof *b);
    b->k.fails = ERR_COUNT;
    b->k.now_ms = START_MS;
    b->k.mono_ms = 1000;
    b->k.tokens = json_object();
    b->k.env = (struct env){&b->k, fake_now, fake_mono, fake_random};
    b->k.transport = (struct http_transport){.data = &b->k, .send = fake_send};
    cloud.env = &b->k.env;
    cloud.transport = &b->k.transport;
    b->session = cloud_session_create(&cloud);
    options.session = b->session;
    options.env = &b->k.env;
    b->v = token_validator_create(&options);
    add_token(&b->k, "T1", "u1", "member,reader");
    add_token(&b->k, "T2", "u2", "member");
    add_token(&b->k, "S", "nova", "Service,admin");
    add_token(&b->k, "S0", "other", "member");
}

static void bench_stop(struct bench *b)
{
    token_validator_destroy(b->v);
    cloud_session_destroy(b->session);
    json_decref(b->k.tokens);
    g_free(b->k.last_url);
}

static void expect_ok(struct bench *b, const char *token, const char *service, const char *user)
{
    AUTO(auth_context) auth = NULL;
    err_t *e = token_validate(b->v, token, service, &auth);

    if (e != NULL) {
        g_autofree char *text = err_text(e);
        fail_msg("%s: %s", token, text);
    }
    assert_string_equal(auth->user_id, user);
}

static void expect_error(struct bench *b, const char *token, const char *service,
                         enum err_code want, int status)
{
    struct auth_context *auth = NULL;
    err_t *e = token_validate(b->v, token, service, &auth);
    g_autofree char *text = NULL;

    assert_non_null(e);
    text = err_text(e);
    if (err_code(e) != want)
        fail_msg("not %d but %s: %s", want, err_code_text(e), text);
    assert_int_equal(err_http_status(e), status);
    if (token != NULL && strlen(token) > 4)
        assert_null(strstr(text, token));
    assert_null(strstr(text, "secret"));
    assert_null(auth);
    err_free(e);
}

static void expect_invalid(struct bench *b, const char *token)
{
    expect_error(b, token, NULL, ERR_UNAUTHORIZED, 401);
}

/* ---- who it is ---- */

static void test_fields(void **state)
{
    struct bench b;
    AUTO(auth_context) auth = NULL;
    g_autoptr(json_t) catalog = NULL;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    assert_null(token_validate(b.v, "  T1 ", NULL, &auth));
    assert_string_equal(auth->token, "T1");
    assert_string_equal(auth->user_id, "u1");
    assert_string_equal(auth->user_name, "Name");
    assert_string_equal(auth->user_domain_id, "ud");
    assert_string_equal(auth->user_domain_name, "UD");
    assert_string_equal(auth->project_id, "p1");
    assert_string_equal(auth->project_name, "P1");
    assert_string_equal(auth->project_domain_id, "pd");
    assert_string_equal(auth->project_domain_name, "PD");
    assert_null(auth->domain_id);
    assert_false(auth->is_system_scoped);
    assert_true(auth->is_admin_project); /* unless the token says otherwise */
    assert_false(auth->is_admin);
    assert_string_equal(auth->roles[1], "reader");
    assert_null(auth->roles[2]);
    assert_true(auth_context_has_role(auth, "MEMBER"));
    assert_false(auth_context_has_role(auth, "admin"));
    assert_string_equal(auth->methods[0], "password");
    assert_null(auth->trust_id);
    assert_false(auth->is_application_credential);
    assert_true(auth->expires_at_ms == START_MS + LIVES_S * 1000);
    catalog = auth_context_catalog(auth);
    assert_string_equal(json_str(json_array_get(catalog, 0), "type"), "volumev3");
    assert_null(auth->service_user_id);
    assert_null(auth->service_roles[0]);
    assert_int_equal(b.k.logins, 1);
    bench_stop(&b);
}

static void test_scopes(void **state)
{
    struct bench b;
    json_t *t;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    t = json_object_get(b.k.tokens, "T1");
    json_object_del(t, "project");
    json_object_del(t, "catalog");
    json_object_set_new(t, "domain", json_pack("{s:s}", "id", "d1"));
    json_object_set_new(t, "is_admin_project", json_false());
    json_object_set_new(t, "methods", json_pack("[s]", "application_credential"));
    json_object_set_new(t, "application_credential", json_pack("{s:s}", "id", "ac"));
    t = json_object_get(b.k.tokens, "T2");
    json_object_del(t, "project");
    json_object_set_new(t, "system", json_pack("{s:b}", "all", 1));
    json_object_set_new(t, "OS-TRUST:trust", json_pack("{s:s}", "id", "tr"));
    {
        AUTO(auth_context) auth = NULL;
        g_autoptr(json_t) catalog = NULL;
        assert_null(token_validate(b.v, "T1", NULL, &auth));
        assert_null(auth->project_id);
        assert_string_equal(auth->domain_id, "d1");
        assert_false(auth->is_admin_project);
        assert_true(auth->is_application_credential);
        catalog = auth_context_catalog(auth);
        assert_int_equal(json_array_size(catalog), 0);
    }
    {
        AUTO(auth_context) auth = NULL;
        assert_null(token_validate(b.v, "T2", NULL, &auth));
        assert_true(auth->is_system_scoped);
        assert_string_equal(auth->trust_id, "tr");
    }
    bench_stop(&b);
}

/* ---- invalid ---- */

static void test_invalid(void **state)
{
    struct bench b;
    g_autofree char *endless = g_strnfill(TOKEN_SIZE_MAX + 1, 'x');

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    expect_invalid(&b, NULL);
    expect_invalid(&b, "");
    expect_invalid(&b, "   ");
    expect_invalid(&b, "T1\r\nX-Auth-Token: T2");
    expect_invalid(&b, "T\xc3\xbc");
    expect_invalid(&b, endless);
    assert_int_equal(b.k.validations, 0); /* Keystone is not bothered with these */
    expect_invalid(&b, "garbage");
    expect_invalid(&b, "garbage");
    assert_int_equal(b.k.validations, 1);
    /* not for long: it may have been made since */
    add_token(&b.k, "garbage", "u3", "member");
    pass(&b.k, TOKEN_INVALID_MS);
    expect_ok(&b, "garbage", NULL, "u3");
    /* 400 is Keystone's word for what cannot be a token */
    b.k.validation_status = 400;
    expect_invalid(&b, "T2");
    bench_stop(&b);
}

/* ---- the cache ---- */

static void test_cache(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    expect_ok(&b, "T1", NULL, "u1");
    expect_ok(&b, " T1", NULL, "u1");
    assert_int_equal(b.k.validations, 1);
    pass(&b.k, CACHE_MS - 1);
    expect_ok(&b, "T1", NULL, "u1");
    assert_int_equal(b.k.validations, 1);
    json_object_del(b.k.tokens, "T1"); /* revoked */
    pass(&b.k, 1);
    expect_invalid(&b, "T1");
    assert_int_equal(b.k.validations, 2);
    /* what is kept serves while Keystone is away */
    expect_ok(&b, "T2", NULL, "u2");
    b.k.fails = ERR_NET_REFUSED;
    expect_ok(&b, "T2", NULL, "u2");
    bench_stop(&b);
}

static void test_cache_ends_with_the_token(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    json_object_set_new(b.k.tokens, "short", token_json(&b.k, "u4", "member", 60));
    expect_ok(&b, "short", NULL, "u4");
    pass(&b.k, 59999);
    expect_ok(&b, "short", NULL, "u4");
    assert_int_equal(b.k.validations, 1);
    pass(&b.k, 1);
    expect_invalid(&b, "short");
    bench_stop(&b);
}

/* Our clock may be a day off: Keystone's word counts.  Ahead of it nothing can be kept. */
static void test_wrong_clock(void **state)
{
    const int64_t day_ms = 86400000;
    struct bench b;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    b.k.skew_ms = day_ms;
    expect_ok(&b, "T1", NULL, "u1");
    expect_ok(&b, "T1", NULL, "u1");
    assert_int_equal(b.k.validations, 2);
    b.k.skew_ms = -day_ms;
    expect_ok(&b, "T1", NULL, "u1");
    expect_ok(&b, "T1", NULL, "u1");
    assert_int_equal(b.k.validations, 3);
    pass(&b.k, CACHE_MS);
    expect_ok(&b, "T1", NULL, "u1");
    assert_int_equal(b.k.validations, 4);
    assert_int_equal(b.k.logins, 1);
    bench_stop(&b);
}

/* token_cache_time = -1 */
static void test_no_cache(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, -1000, 0);
    expect_ok(&b, "T1", NULL, "u1");
    expect_ok(&b, "T1", NULL, "u1");
    expect_invalid(&b, "none");
    expect_invalid(&b, "none");
    assert_int_equal(b.k.validations, 4);
    bench_stop(&b);
}

static void test_cache_is_bounded(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, CACHE_MS, 2);
    expect_ok(&b, "T1", NULL, "u1");
    expect_ok(&b, "T2", NULL, "u2");
    expect_ok(&b, "T1", NULL, "u1"); /* used last */
    expect_invalid(&b, "x");         /* takes T2's place */
    assert_int_equal(b.k.validations, 3);
    expect_ok(&b, "T1", NULL, "u1");
    assert_int_equal(b.k.validations, 3);
    expect_ok(&b, "T2", NULL, "u2");
    assert_int_equal(b.k.validations, 4);
    bench_stop(&b);
}

/* ---- Keystone's troubles ---- */

static void test_keystone_down(void **state)
{
    static const enum err_code codes[] = {ERR_NET_REFUSED, ERR_NET_TIMEOUT, ERR_NET_LOST,
                                          ERR_NET_TLS, ERR_NET_PROTOCOL};
    struct bench b;

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        bench_start(&b, CACHE_MS, 0);
        b.k.fails = codes[i]; /* from the beginning */
        expect_error(&b, "T1", NULL, ERR_UNAVAILABLE, 503);
        b.k.fails = ERR_COUNT;
        expect_ok(&b, "T1", NULL, "u1"); /* at once: an outage is not kept */
        b.k.fails = codes[i];
        expect_error(&b, "T2", NULL, ERR_UNAVAILABLE, 503);
        bench_stop(&b);
    }
    bench_start(&b, CACHE_MS, 0);
    b.k.validation_status = 500;
    expect_error(&b, "T1", NULL, ERR_UNAVAILABLE, 503);
    b.k.validation_status = 429;
    expect_error(&b, "T1", NULL, ERR_UNAVAILABLE, 503);
    b.k.validation_status = 0;
    b.k.garbage = "<html>";
    expect_error(&b, "T1", NULL, ERR_UNAVAILABLE, 503);
    b.k.garbage = "{\"token\":{}}";
    expect_error(&b, "T1", NULL, ERR_UNAVAILABLE, 503);
    bench_stop(&b);
}

static void test_service_account_refused(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    b.k.login_status = 401;
    expect_error(&b, "T1", NULL, ERR_AUTH_SERVICE, 401);
    b.k.login_status = 0;
    b.k.validation_status = 403;
    expect_error(&b, "T1", NULL, ERR_AUTH_SERVICE, 401);
    b.k.validation_status = 401; /* the service's token; one new login, then the same again */
    expect_error(&b, "T1", NULL, ERR_AUTH_SERVICE, 401);
    b.k.validation_status = 0;
    expect_ok(&b, "T1", NULL, "u1"); /* none of it is kept */
    bench_stop(&b);
}

static void test_service_token_is_renewed(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    expect_ok(&b, "T1", NULL, "u1");
    assert_int_equal(b.k.logins, 1);
    pass(&b.k, LIVES_S * 1000LL);
    add_token(&b.k, "T3", "u3", "member");
    expect_ok(&b, "T3", NULL, "u3");
    assert_int_equal(b.k.logins, 2);
    bench_stop(&b);
}

/* ---- service tokens ---- */

static void test_service_tokens(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    pass(&b.k, LIVES_S * 1000LL); /* T1 has expired; the services' tokens are new */
    add_token(&b.k, "S", "nova", "Service,admin");
    add_token(&b.k, "S0", "other", "member");
    expect_invalid(&b, "T1");
    {
        AUTO(auth_context) auth = NULL;
        assert_null(token_validate(b.v, "T1", "S", &auth));
        assert_string_equal(auth->user_id, "u1");
        assert_string_equal(auth->service_user_id, "nova");
        assert_string_equal(auth->service_user_domain_id, "ud");
        assert_string_equal(auth->service_project_id, "p1");
        assert_string_equal(auth->service_project_domain_id, "pd");
        assert_string_equal(auth->service_roles[0], "Service");
        assert_string_equal(auth->token, "T1");
    }
    expect_invalid(&b, "T1"); /* without the service it is as expired as before */
    expect_error(&b, "T1", "S0", ERR_UNAUTHORIZED, 401); /* not a role that may */
    expect_error(&b, "T1", "garbage", ERR_UNAUTHORIZED, 401);
    expect_error(&b, "T1", "", ERR_UNAUTHORIZED, 401);
    expect_error(&b, "none", "S", ERR_UNAUTHORIZED, 401);
    add_token(&b.k, "T5", "u5", "member");
    expect_ok(&b, "T5", "S0", "u5");                          /* a living one needs no help */
    expect_error(&b, "T5", "garbage", ERR_UNAUTHORIZED, 401); /* but no false one beside it */
    pass(&b.k, LIVES_S * 1000LL);
    expect_error(&b, "T5", "S", ERR_UNAUTHORIZED, 401); /* the service's own has expired */
    bench_stop(&b);
}

/* ---- single flight ---- */

struct asker {
    struct bench *b;
    const char *token;
    enum err_code code; /* ERR_COUNT: valid */
};

static gpointer asker_thread(gpointer p)
{
    struct asker *a = p;
    AUTO(auth_context) auth = NULL;
    err_t *e = token_validate(a->b->v, a->token, NULL, &auth);

    a->code = e != NULL ? err_code(e) : ERR_COUNT;
    err_free(e);
    return NULL;
}

#define ASKERS 6

/* All ask while Keystone hesitates; 'want' is what each of them is told. */
static void check_flight(struct bench *b, const char *token, enum err_code want)
{
    struct asker askers[ASKERS];
    GThread *threads[ASKERS];
    int before = b->k.validations;

    b->k.held = true;
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){b, token, ERR_COUNT};
        threads[i] = g_thread_new("asker", asker_thread, &askers[i]);
    }
    g_mutex_lock(&b->k.lock);
    while (b->k.waiting == 0)
        g_cond_wait(&b->k.changed, &b->k.lock);
    g_mutex_unlock(&b->k.lock);
    g_usleep(
        50000); /* so that the others have come to wait, too; if not, the test is only milder */
    g_mutex_lock(&b->k.lock);
    b->k.held = false;
    g_cond_broadcast(&b->k.changed);
    g_mutex_unlock(&b->k.lock);
    for (int i = 0; i < ASKERS; i++) {
        g_thread_join(threads[i]);
        assert_int_equal(askers[i].code, want);
    }
    assert_int_equal(b->k.validations, before + 1);
}

static void test_single_flight(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    check_flight(&b, "T1", ERR_COUNT);
    check_flight(&b, "none", ERR_UNAUTHORIZED);
    b.k.validation_status = 500;
    check_flight(&b, "T2", ERR_UNAVAILABLE);
    bench_stop(&b);
}

/* Different tokens do not wait for each other. */
static void test_flights_are_apart(void **state)
{
    struct bench b;
    struct asker first, second;
    GThread *threads[2];

    (void)state;
    bench_start(&b, CACHE_MS, 0);
    expect_ok(&b, "S", NULL, "nova"); /* logged in */
    first = (struct asker){&b, "T1", ERR_COUNT};
    second = (struct asker){&b, "T2", ERR_COUNT};
    b.k.held = true;
    threads[0] = g_thread_new("first", asker_thread, &first);
    threads[1] = g_thread_new("second", asker_thread, &second);
    g_mutex_lock(&b.k.lock);
    while (b.k.waiting < 2)
        g_cond_wait(&b.k.changed, &b.k.lock);
    g_mutex_unlock(&b.k.lock);
    expect_ok(&b, "S", NULL, "nova"); /* what is kept needs no call */
    g_mutex_lock(&b.k.lock);
    b.k.held = false;
    g_cond_broadcast(&b.k.changed);
    g_mutex_unlock(&b.k.lock);
    g_thread_join(threads[0]);
    g_thread_join(threads[1]);
    assert_int_equal(first.code, ERR_COUNT);
    assert_int_equal(second.code, ERR_COUNT);
    bench_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_cache_ends_with_the_token),
        cmocka_unit_test(test_wrong_clock),
        cmocka_unit_test(test_no_cache),
        cmocka_unit_test(test_cache_is_bounded),
        cmocka_unit_test(test_keystone_down),
        cmocka_unit_test(test_service_account_refused),
        cmocka_unit_test(test_service_token_is_renewed),
        cmocka_unit_test(test_service_tokens),
        cmocka_unit_test(test_single_flight),
        cmocka_unit_test(test_flights_are_apart),
    };

    secrets_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
