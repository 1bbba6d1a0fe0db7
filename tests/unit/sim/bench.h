/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - what the tests of the simulated clouds share: a virtual clock, a seeded source of chance,
 * and a client that logs in and asks.  Included by each test program; time passes only by
 * bench_pass.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"

#define UNUSED __attribute__((unused))

struct bench {
    int64_t now_ms;
    uint64_t seed;
    struct env env;
    struct sim *sim;
};

/* Who asks: a token and the addresses of its catalog. */
struct user {
    struct bench *bench;
    char *token;
    char *user_id;
    char *project_id;
    json_t *catalog;
};

/* What came back; freed by answer_free. */
struct answer {
    int status;
    json_t *body;
    struct http_response *resp;
};

static int64_t bench_now(void *data)
{
    return ((struct bench *)data)->now_ms;
}

static void bench_random(void *data, void *buffer, size_t size)
{
    struct bench *b = data;
    unsigned char *bytes = buffer;
    for (size_t i = 0; i < size; i++) {
        b->seed = b->seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(b->seed >> 33);
    }
}

static void bench_pass(struct bench *b, int64_t time_ms)
{
    b->now_ms += time_ms;
}

static void bench_pass_data(void *data, int64_t time_ms)
{
    bench_pass(data, time_ms);
}

static UNUSED void bench_open(struct bench *b, struct sim_options *options)
{
    struct sim_options own;
    if (options == NULL) {
        sim_options_init(&own);
        options = &own;
    }
    *b = (struct bench){.now_ms = 1795232356000, .seed = 42};
    b->env =
        (struct env){.data = b, .now_ms = bench_now, .mono_ms = bench_now, .random = bench_random};
    options->pass = bench_pass_data;
    options->pass_data = b;
    b->sim = sim_create(&b->env, options);
}

static UNUSED void bench_close(struct bench *b)
{
    sim_destroy(b->sim);
}

/* Until nothing is due any more. */
static UNUSED void bench_settle(struct bench *b)
{
    int64_t due_ms = sim_next_due_ms(b->sim);
    while (due_ms >= 0) {
        b->now_ms = MAX(b->now_ms, due_ms);
        sim_advance(b->sim);
        due_ms = sim_next_due_ms(b->sim);
    }
}

static UNUSED void answer_free(struct answer *a)
{
    json_decref(a->body);
    http_response_destroy(a->resp);
    *a = (struct answer){0};
}

/* Sends a request to an absolute address; 'body' is taken. */
static struct answer ask_url(struct bench *b, const char *token, const char *method,
                             const char *url, json_t *body, const char *version)
{
    AUTO(http_request) req = http_request_create(method, url);
    if (token != NULL)
        http_request_set(req, "X-Auth-Token", token);
    if (version != NULL)
        http_request_set(req, "OpenStack-API-Version", version);
    if (body != NULL)
        http_request_json(req, body);
    json_decref(body);
    struct answer a = {0};
    g_autoptr(err_t) e = http_send(sim_transport(b->sim), req, &a.resp);
    if (e != NULL)
        return a;
    a.status = a.resp->status;
    if (a.resp->body_size > 0) {
        g_autoptr(err_t) bad = json_parse(a.resp->body, a.resp->body_size, "answer", &a.body);
        assert_null(bad);
    }
    return a;
}

static json_t *auth_body(const char *name, const char *password, const char *project)
{
    return json_pack("{s:{s:{s:[s], s:{s:{s:s, s:s, s:{s:s}}}}, s:{s:{s:s, s:{s:s}}}}}", "auth",
                     "identity", "methods", "password", "password", "user", "name", name,
                     "password", password, "domain", "name", "Default", "scope", "project", "name",
                     project, "domain", "name", "Default");
}

static UNUSED struct user user_of(struct bench *b, struct answer *a)
{
    assert_int_equal(a->status, 201);
    const json_t *token = json_obj(a->body, "token");
    struct user u = {.bench = b,
                     .token = g_strdup(http_response_get(a->resp, "X-Subject-Token")),
                     .user_id = g_strdup(json_str_at(token, "user/id")),
                     .project_id = g_strdup(json_str_at(token, "project/id")),
                     .catalog = json_deep_copy(json_arr(token, "catalog"))};
    answer_free(a);
    return u;
}

static UNUSED struct user login_with(struct bench *b, int site, const char *name,
                                     const char *password, const char *project)
{
    g_autofree char *origin = sim_origin(b->sim, site, SIM_KEYSTONE);
    g_autofree char *url = g_strconcat(origin, "/v3/auth/tokens", NULL);
    struct answer a = ask_url(b, NULL, "POST", url, auth_body(name, password, project), NULL);
    return user_of(b, &a);
}

static UNUSED struct user login(struct bench *b, int site, const char *name, const char *project)
{
    return login_with(b, site, name, "lab", project);
}

static UNUSED void logout(struct user *u)
{
    g_free(u->token);
    g_free(u->user_id);
    g_free(u->project_id);
    json_decref(u->catalog);
}

/* The public address of a service type. */
static const char *endpoint(const struct user *u, const char *type)
{
    size_t i = 0;
    json_t *service = NULL;
    json_array_foreach(u->catalog, i, service)
    {
        size_t k = 0;
        json_t *e = NULL;
        if (strcmp(json_str(service, "type"), type) != 0)
            continue;
        json_array_foreach(json_arr(service, "endpoints"), k, e)
        {
            if (strcmp(json_str(e, "interface"), "public") == 0)
                return json_str(e, "url");
        }
    }
    fail_msg("no endpoint of type %s", type);
    return NULL;
}

static const struct {
    const char *prefix;
    const char *type;
    const char *suffix;
    const char *version;
} bench_services[] = {
    {"nova:", "compute", "", "compute "}, {"cinder:", "volumev3", "", "volume "},
    {"neutron:", "network", "/v2.0", ""}, {"glance:", "image", "/v2", ""},
    {"keystone:", "identity", "", ""},    {"placement:", "placement", "", ""},
};

/* "nova:/servers", at a microversion ("2.93") or NULL.  'body' is taken. */
static UNUSED struct answer ask(const struct user *u, const char *method, const char *path,
                                json_t *body, const char *version)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bench_services); i++) {
        if (!g_str_has_prefix(path, bench_services[i].prefix))
            continue;
        g_autofree char *base = g_strdup(endpoint(u, bench_services[i].type));
        size_t size = strlen(base);
        if (base[size - 1] == '/')
            base[size - 1] = '\0';
        g_autofree char *url = g_strconcat(base, bench_services[i].suffix,
                                           path + strlen(bench_services[i].prefix), NULL);
        g_autofree char *full =
            version != NULL ? g_strconcat(bench_services[i].version, version, NULL) : NULL;
        return ask_url(u->bench, u->token, method, url, body, full);
    }
    fail_msg("which service: %s", path);
    return (struct answer){0};
}

/* The same, with the expected status; the body, owned by the caller. */
static UNUSED json_t *expect(const struct user *u, const char *method, const char *path,
                             json_t *body, const char *version, int status)
{
    struct answer a = ask(u, method, path, body, version);
    if (a.status != status)
        fail_msg("%s %s gave %d, not %d: %s", method, path, a.status, status,
                 a.resp != NULL && a.resp->body != NULL ? a.resp->body : "");
    json_t *got = json_incref(a.body);
    answer_free(&a);
    return got;
}

/* The row that was added last; NULL if the table is empty. */
static const json_t *last_row(struct bench *b, int site, const char *table)
{
    json_t *last = NULL;
    const char *key = NULL;
    json_t *row = NULL;
    json_object_foreach((json_t *)sim_table(b->sim, site, table), key, row) last = row;
    return last;
}

/* The id of a row by name ("last": the newest); fails if it is not there. */
static UNUSED const char *id_by_name(struct bench *b, int site, const char *table, const char *name)
{
    const json_t *row =
        strcmp(name, "last") == 0 ? last_row(b, site, table) : sim_find(b->sim, site, table, name);
    if (row == NULL)
        fail_msg("no %s in %s", name, table);
    return json_str(row, "id");
}

/* Asserts the text of an error, wherever the service puts it. */
static UNUSED void expect_error(const struct user *u, const char *method, const char *path,
                                json_t *body, const char *version, int status, const char *part)
{
    struct answer a = ask(u, method, path, body, version);
    if (a.status != status || a.resp->body == NULL || strstr(a.resp->body, part) == NULL)
        fail_msg("%s %s gave %d %s, not %d with \"%s\"", method, path, a.status,
                 a.resp != NULL && a.resp->body != NULL ? a.resp->body : "", status, part);
    answer_free(&a);
}
