/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - a fake transport for the tests of the cloud room: answers by rules, most of them the
 * recorded exchanges of lab/openstack/samples, and keeps what was asked.
 *
 * A rule is method, address pattern (with '*') and an answer, for a number of times; the youngest
 * that fits wins.  A request that no rule fits fails the test.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/env.h"
#include "base/json.h"
#include "cloud/keystone.h"
#include "cloud/session.h"
#include "net/http.h"

#define REPLAY_A "http://127.0.10.1"
#define FOREVER  -1

struct replay_rule {
    char *method;
    GPatternSpec *url;
    int times;
    int status;
    json_t *headers;
    char *body;
    enum err_code fails; /* instead of an answer; ERR_COUNT: answers */
};

struct replay_asked {
    char *method;
    char *url;
    char *token;
    char *microversion;
    char *request_id;
    char *cafile;
    bool insecure;
    json_t *body;
};

struct replay {
    GPtrArray *rules;
    GPtrArray *asked;
    int64_t mono_ms;
    int64_t takes_ms; /* each exchange moves the clock on */
    GMutex lock;      /* the rules and what was asked: several threads may send */
    struct env env;
    struct http_transport transport;
};

static void replay_rule_free(void *data)
{
    struct replay_rule *rule = data;
    g_free(rule->method);
    g_pattern_spec_free(rule->url);
    json_decref(rule->headers);
    g_free(rule->body);
    g_free(rule);
}

static void replay_asked_free(void *data)
{
    struct replay_asked *asked = data;
    g_free(asked->method);
    g_free(asked->url);
    g_free(asked->token);
    g_free(asked->microversion);
    g_free(asked->request_id);
    g_free(asked->cafile);
    json_decref(asked->body);
    g_free(asked);
}

/* The address with the project's id (Cinder's have it) as "P": recordings differ in it. */
static inline char *replay_plain(const char *url)
{
    g_autoptr(GRegex) id = g_regex_new("/v3/[0-9a-f]{32}", 0, 0, NULL);
    return g_regex_replace_literal(id, url, -1, 0, "/v3/P", 0, NULL);
}

static void replay_keep(struct replay *r, const struct http_request *req)
{
    struct replay_asked *asked = g_new0(struct replay_asked, 1);
    asked->method = g_strdup(req->method);
    asked->url = replay_plain(req->url);
    asked->token = g_strdup(http_request_get(req, "X-Auth-Token"));
    asked->microversion = g_strdup(http_request_get(req, "OpenStack-API-Version"));
    asked->request_id = g_strdup(http_request_get(req, "X-Openstack-Request-Id"));
    asked->cafile = g_strdup(req->cafile);
    asked->insecure = req->insecure;
    if (req->body != NULL)
        err_free(json_parse(req->body, req->body_size, "body", &asked->body));
    g_ptr_array_add(r->asked, asked);
}

static struct replay_rule *replay_find(struct replay *r, const struct http_request *req)
{
    g_autofree char *url = replay_plain(req->url);
    for (guint i = r->rules->len; i-- > 0;) {
        struct replay_rule *rule = r->rules->pdata[i];
        if (rule->times != 0 && strcmp(rule->method, req->method) == 0 &&
            g_pattern_spec_match_string(rule->url, url))
            return rule;
    }
    return NULL;
}

static err_t *replay_answer(struct replay *r, const struct http_request *req,
                            struct http_response **ret)
{
    replay_keep(r, req);
    r->mono_ms += r->takes_ms;
    struct replay_rule *rule = replay_find(r, req);
    if (rule == NULL)
        fail_msg("no rule for %s %s", req->method, req->url);
    if (rule->times > 0)
        rule->times--;
    if (rule->fails != ERR_COUNT)
        return err_make(__FILE__, __LINE__, rule->fails, "as the test wants it");
    struct http_response *resp = http_response_create(rule->status);
    const char *name;
    json_t *value;
    json_object_foreach(rule->headers, name, value)
    {
        http_response_set(resp, name, json_string_value(value));
    }
    if (rule->body != NULL)
        http_response_body(resp, "application/json", rule->body, strlen(rule->body));
    *ret = resp;
    return NULL;
}

static err_t *replay_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct replay *r = data;
    g_mutex_lock(&r->lock);
    err_t *e = replay_answer(r, req, ret);
    g_mutex_unlock(&r->lock);
    return e;
}

static int64_t replay_now(void *data)
{
    (void)data;
    return 1795232356000; /* 2026-11-21T03:39:16Z */
}

static int64_t replay_mono(void *data)
{
    return ((struct replay *)data)->mono_ms;
}

static void replay_random(void *data, void *buffer, size_t size)
{
    (void)data;
    memset(buffer, 7, size);
}

static inline struct replay *replay_create(void)
{
    struct replay *r = g_new0(struct replay, 1);
    r->rules = g_ptr_array_new_with_free_func(replay_rule_free);
    r->asked = g_ptr_array_new_with_free_func(replay_asked_free);
    r->mono_ms = 1000;
    g_mutex_init(&r->lock);
    r->env = (struct env){r, replay_now, replay_mono, replay_random};
    r->transport = (struct http_transport){.data = r, .send = replay_send};
    return r;
}

static inline void replay_destroy(struct replay *r)
{
    g_ptr_array_unref(r->rules);
    g_ptr_array_unref(r->asked);
    g_mutex_clear(&r->lock);
    g_free(r);
}

static inline struct replay_rule *replay_add(struct replay *r, const char *method, const char *url,
                                             int times)
{
    struct replay_rule *rule = g_new0(struct replay_rule, 1);
    rule->method = g_strdup(method);
    g_autofree char *plain = replay_plain(url);
    rule->url = g_pattern_spec_new(plain);
    rule->times = times;
    rule->headers = json_object();
    rule->fails = ERR_COUNT;
    g_ptr_array_add(r->rules, rule);
    return rule;
}

/* Answers with a status and a body ("" = none). */
static inline struct replay_rule *replay_text(struct replay *r, const char *method, const char *url,
                                              int times, int status, const char *body)
{
    struct replay_rule *rule = replay_add(r, method, url, times);
    rule->status = status;
    rule->body = *body != '\0' ? g_strdup(body) : NULL;
    return rule;
}

/* Answers with silence. */
static inline void replay_fails(struct replay *r, const char *method, const char *url, int times,
                                enum err_code code)
{
    replay_add(r, method, url, times)->fails = code;
}

/* "keystone/token-project" -> the recorded exchange {request, response}.  Caller frees. */
static inline json_t *replay_read(const char *name)
{
    json_t *j = NULL;
    g_autofree char *text = NULL;
    gsize size = 0;
    g_autofree char *path =
        g_strdup_printf("%s/lab/openstack/samples/%s.json", g_getenv("SOURCE_ROOT"), name);
    if (!g_file_get_contents(path, &text, &size, NULL))
        fail_msg("no sample %s", path);
    err_t *e = json_parse(text, size, name, &j);
    if (e != NULL)
        fail_msg("%s", err_message(e));
    return j;
}

/* The recorded answer, at another address. */
static inline struct replay_rule *replay_sample_at(struct replay *r, const char *method,
                                                   const char *url, int times, const char *name)
{
    g_autoptr(json_t) sample = replay_read(name);
    const json_t *response = json_obj(sample, "response");
    struct replay_rule *rule = replay_add(r, method, url, times);
    rule->status = (int)json_int(response, "status", 0);
    json_decref(rule->headers);
    rule->headers = json_deep_copy(json_obj(response, "headers"));
    const json_t *body = json_object_get(response, "body");
    rule->body = body != NULL && !json_is_null(body) ? json_print(body) : NULL;
    return rule;
}

/* The recorded answer to the recorded request. */
static inline struct replay_rule *replay_sample(struct replay *r, const char *name)
{
    g_autoptr(json_t) sample = replay_read(name);
    const json_t *request = json_obj(sample, "request");
    return replay_sample_at(r, json_str(request, "method"), json_str(request, "url"), FOREVER,
                            name);
}

/* What the recorded answer has at 'path' (segments by '/').  New reference. */
static inline json_t *replay_body_at(const char *name, const char *path)
{
    g_autoptr(json_t) sample = replay_read(name);
    json_t *found = json_at(json_at(sample, "response/body"), path);
    assert_non_null(found);
    return json_incref(found);
}

static inline json_t *replay_request_body(const char *name)
{
    g_autoptr(json_t) sample = replay_read(name);
    return json_incref(json_at(sample, "request/body"));
}

/* A text of the recorded answer; lives for ever. */
static inline const char *replay_said(const char *name, const char *path)
{
    g_autoptr(json_t) value = replay_body_at(name, path);
    assert_non_null(json_string_value(value));
    return g_intern_string(json_string_value(value));
}

/* A text of the recorded request's body; lives for ever. */
static inline const char *replay_asked_for(const char *name, const char *path)
{
    g_autoptr(json_t) body = replay_request_body(name);
    assert_non_null(json_str_at(body, path));
    return g_intern_string(json_str_at(body, path));
}

/* The uuid in the recorded request's address; lives for ever. */
static inline const char *replay_id(const char *name)
{
    g_autoptr(json_t) sample = replay_read(name);
    g_autoptr(GRegex) uuid = g_regex_new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(uuid, json_str_at(sample, "request/url"), 0, &match))
        fail_msg("no uuid in the address of %s", name);
    g_autofree char *id = g_match_info_fetch(match, 0);
    return g_intern_string(id);
}

static inline struct replay_asked *replay_asked(struct replay *r, guint i)
{
    assert_true(i < r->asked->len);
    return r->asked->pdata[i];
}

static inline struct replay_asked *replay_last(struct replay *r)
{
    return replay_asked(r, r->asked->len - 1);
}

static inline unsigned replay_count(struct replay *r, const char *method, const char *pattern)
{
    unsigned count = 0;
    for (guint i = 0; i < r->asked->len; i++) {
        struct replay_asked *a = r->asked->pdata[i];
        count += strcmp(a->method, method) == 0 && g_pattern_match_simple(pattern, a->url);
    }
    return count;
}

/* ---- a session as the lab's tenant ---- */

static const struct keystone_credentials replay_tenant = {
    .method = KEYSTONE_PASSWORD,
    .auth_url = REPLAY_A ":5000/v3",
    .username = "prod-user",
    .password = "lab",
    .user_domain_name = "Default",
    .project_name = "prod",
    .project_domain_name = "Default",
};

/* Login and version documents as recorded. */
static inline void replay_basics(struct replay *r)
{
    replay_sample(r, "keystone/token-project");
    replay_sample(r, "nova/version-v2.1");
    replay_sample(r, "cinder/version-v3");
}

static inline struct cloud_session *replay_session(struct replay *r,
                                                   const struct keystone_credentials *credentials)
{
    struct cloud_options options = {.transport = &r->transport,
                                    .env = &r->env,
                                    .cloud = "site-a",
                                    .credentials = credentials};
    return cloud_session_create(&options);
}

/* ---- asserting ---- */

#define assert_ok(expr)                                                                            \
    do {                                                                                           \
        err_t *ok_e_ = (expr);                                                                     \
        if (ok_e_ != NULL) {                                                                       \
            char *ok_text_ = err_text(ok_e_);                                                      \
            fail_msg("%s: %s: %s", #expr, err_code_text(ok_e_), ok_text_);                         \
        }                                                                                          \
    } while (0)

/* Fails with that code; the text of the chain must hold 'needle' (NULL: anything). */
#define assert_err(expr, wanted, needle)                                                           \
    do {                                                                                           \
        g_autoptr(err_t) bad_e_ = (expr);                                                          \
        assert_non_null(bad_e_);                                                                   \
        g_autofree char *bad_text_ = err_text(bad_e_);                                             \
        const char *bad_needle_ = (needle);                                                        \
        if (err_code(bad_e_) != (wanted))                                                          \
            fail_msg("%s gave %s: %s", #expr, err_code_text(bad_e_), bad_text_);                   \
        if (bad_needle_ != NULL && strstr(bad_text_, bad_needle_) == NULL)                         \
            fail_msg("'%s' is not in: %s", bad_needle_, bad_text_);                                \
    } while (0)

#define assert_json_equal(a, b)                                                                    \
    do {                                                                                           \
        g_autofree char *json_a_ = json_print_canonical(a);                                        \
        g_autofree char *json_b_ = json_print_canonical(b);                                        \
        assert_string_equal(json_a_, json_b_);                                                     \
    } while (0)
