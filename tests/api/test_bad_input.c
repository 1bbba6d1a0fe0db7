/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad input: every route of the table × every way to be wrong.  Each request gets the status and
 * the code that it should, and after each the whole of both sites and both clouds is as it was.
 *
 * The requests are made of the route table itself, so that a new route is in here as soon as it
 * stands there.
 */
#include "tests/api/ask.h"

#include "api/auth/policy.h"
#include "api/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BAD "protector.bad_request"

/* ---- the world ---- */

struct world {
    struct bench *b;
    char *tenant, *admin, *other, *unscoped, *expired; /* tokens */
    char *project, *other_project;
    char *before;
    int requests;
};

static struct world w;

static char *sql_of(const char *text)
{
    char *value = bench_sql(w.b, SIM_SITE_A, text);

    if (value == NULL)
        fail_msg("nothing: %s", text);
    return value;
}

static int world_build(void **state)
{
    struct bench *b = bench_create(501);
    (void)state;

    w = (struct world){.b = b};
    ask_make_other(b, SIM_SITE_A);
    w.expired = ask_token(b, SIM_SITE_A, "prod-user", "prod");
    b->clock_ms += 48 * 3600 * 1000;
    bench_register(b);
    bench_protect(b);
    bench_settle(b);
    bench_site_admin(b, SIM_SITE_A, "admin", "admin");
    w.tenant = ask_token(b, SIM_SITE_A, "prod-user", "prod");
    w.admin = ask_token(b, SIM_SITE_A, "admin", "admin");
    w.other = ask_token(b, SIM_SITE_A, "other-user", "other");
    w.unscoped = ask_token(b, SIM_SITE_A, "prod-user", NULL);
    w.project = ask_project(b, SIM_SITE_A, "prod");
    w.other_project = ask_project(b, SIM_SITE_A, "other");
    w.before = ask_snapshot(b);
    return 0;
}

static int world_end(void **state)
{
    char **texts[] = {&w.tenant,  &w.admin,   &w.other,         &w.unscoped,
                      &w.expired, &w.project, &w.other_project, &w.before};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_clear_pointer(texts[i], g_free);
    bench_destroy(w.b);
    return 0;
}

/* ---- paths ---- */

/* What may stand at {…} of a route, and the code of one that is unknown. */
static const struct {
    const char *name;
    const char *sql;
    const char *unknown;
    const char *code;
} params[] = {
    {"{site}", "SELECT id FROM sites WHERE is_local = 0", "0f7d2f38-0000-4000-8000-000000000001",
     "protector.site.not_found"},
    {"{mapping}", "SELECT id FROM tenant_mappings", "0f7d2f38-0000-5000-a000-000000000001",
     "protector.mapping.not_found"},
    {"{pg}", "SELECT id FROM protection_groups WHERE listed = 1",
     "pg-0f7d2f38-0000-4000-8000-000000000001", "protector.group.not_found"},
    {"{member}", "SELECT id FROM pg_members", "member-0f7d2f38-0000-4000-8000-000000000001",
     "protector.member.not_found"},
    {"{op}", "SELECT id FROM dr_operations WHERE operation_type = 'member_add'",
     "op-0f7d2f38-0000-4000-8000-000000000001", "protector.operation.not_found"},
};

static size_t param_of(const char *part)
{
    for (size_t i = 0; i < G_N_ELEMENTS(params); i++) {
        if (strcmp(params[i].name, part) == 0)
            return i;
    }
    fail_msg("a new kind of parameter, %s: give it a row of 'params'", part);
    return 0;
}

/* The path of a route, with 'wrong' (an index of params, or -1) unknown. */
static char *path_of(const struct route *route, const char *project, int wrong)
{
    g_auto(GStrv) parts = g_strsplit(route->path, "/", -1);
    bool bare = (route->flags & (ROUTE_ADMIN | ROUTE_NO_TOKEN)) != 0;
    bool root = strcmp(route->path, "healthcheck") == 0;
    GString *path = g_string_new(root ? "" : "/v1");

    if (!bare)
        g_string_append_printf(path, "/%s", project);
    for (size_t i = 0; parts[i] != NULL; i++) {
        if (parts[i][0] != '{') {
            g_string_append_printf(path, "/%s", parts[i]);
            continue;
        }
        size_t p = param_of(parts[i]);
        g_autofree char *good = (int)p == wrong ? NULL : sql_of(params[p].sql);
        g_string_append_printf(path, "/%s", good != NULL ? good : params[p].unknown);
    }
    return g_string_free(path, FALSE);
}

static bool needs_admin(const struct route *route)
{
    for (size_t i = 0; i < policy_rules_count; i++) {
        if (route->rule != NULL && strcmp(policy_rules[i].name, route->rule) == 0)
            return strcmp(policy_rules[i].check, "rule:context_is_admin") == 0 ||
                   strcmp(policy_rules[i].check, "role:dr_site_admin") == 0; /* ours is both */
    }
    return false;
}

static const char *good_token(const struct route *route)
{
    if (route->flags & ROUTE_NO_TOKEN)
        return NULL;
    return needs_admin(route) ? w.admin : w.tenant;
}

/* ---- one wrong request ---- */

static void refused(const struct ask *a, const char *what, int status, const char *code,
                    const char *text)
{
    AUTO(answer) got = NULL;
    g_autofree char *whole = g_strdup_printf("%s: %s %s", what, a->method, a->path);

    got = ask(w.b, a);
    if (strcmp(a->method, "HEAD") == 0)
        answer_ok(got, whole, status);
    else
        answer_is(got, whole, status, code, text);
    ask_same(w.b, w.before, whole);
    w.requests++;
}

static struct ask request_of(const struct route *route, const char *path)
{
    return (struct ask){.site = SIM_SITE_A,
                        .method = route->method,
                        .path = path,
                        .token = good_token(route),
                        .body = route->bodies != NULL ? "{\"…\": 1}" : NULL};
}

/* ---- tokens ---- */

static void unauthorized(const struct route *route, const char *path, const char *what,
                         const char *token)
{
    AUTO(answer) got = NULL;
    struct ask a = request_of(route, path);

    a.token = token;
    got = ask(w.b, &a);
    answer_ok(got, what, 401);
    const char *header = http_response_get(got->raw, "WWW-Authenticate");
    if (header == NULL || !g_str_has_prefix(header, "Keystone uri=\"http://"))
        fail_msg("%s %s: WWW-Authenticate is '%s'", route->method, path, header);
    refused(&a, what, 401, "protector.unauthorized", NULL);
}

static void wrong_tokens(const struct route *route, const char *path)
{
    g_autofree char *long_token = g_strnfill(9000, 'x');
    struct ask a = request_of(route, path);

    if (route->flags & ROUTE_NO_TOKEN)
        return;
    a.body = NULL;
    unauthorized(route, path, "no token", NULL);
    unauthorized(route, path, "a garbage token", "gAAAAAB-no-token\xc3\xa4");
    unauthorized(route, path, "a token that is too long", long_token);
    unauthorized(route, path, "an expired token", w.expired);
    a.token = w.unscoped;
    refused(&a, "an unscoped token", 403, "protector.forbidden", "not scoped");
    a.token = w.other;
    if (!(route->flags & ROUTE_ADMIN))
        refused(&a, "a token of another project", 403, "protector.forbidden", "of project");
    a.token = w.tenant;
    a.body = NULL;
}

/* ---- versions, methods, queries ---- */

static void wrong_versions(const struct route *route, const char *path)
{
    static const struct {
        const char *version;
        int status;
        const char *code;
    } rows[] = {
        {"protector one", 400, BAD},
        {"protector 1.", 400, BAD},
        {"protector ", 400, BAD},
        {"protector 1.2", 406, "protector.not_acceptable"},
        {"protector 0.9", 406, "protector.not_acceptable"},
        {"compute 2.1, protector 2.0", 406, "protector.not_acceptable"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct ask a = request_of(route, path);
        AUTO(answer) got = NULL;
        a.headers[0] = "OpenStack-API-Version";
        a.headers[1] = rows[i].version;
        refused(&a, rows[i].version, rows[i].status, rows[i].code, NULL);
        if (rows[i].status != 406)
            continue;
        got = ask(w.b, &a);
        const json_t *error = json_array_get(json_arr(got->body, "errors"), 0);
        assert_string_equal(json_str_or(error, "min_version", ""), API_VERSION_MIN);
        assert_string_equal(json_str_or(error, "max_version", ""), API_VERSION_MAX);
    }
}

static void wrong_query(const struct route *route, const char *path)
{
    static const char *const queries[] = {"no_such_parameter=1", "limit=1&colour=red", "a=%zz"};

    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++) {
        g_autofree char *whole = g_strdup_printf("%s?%s", path, queries[i]);
        struct ask a = request_of(route, whole);
        refused(&a, "a wrong query", 400, BAD, NULL);
    }
}

static void wrong_list(const struct route *route, const char *path)
{
    static const char *const queries[] = {
        "limit=0",           "limit=1001",  "limit=ten",
        "limit=-1",          "limit=",      "sort=created_at:up",
        "sort=no_such:desc", "sort=id,,id", "marker=0f7d2f38-no-such"};

    if (route->query == NULL || strstr(route->query, "sort") == NULL)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(queries); i++) {
        g_autofree char *whole = g_strdup_printf("%s?%s", path, queries[i]);
        struct ask a = request_of(route, whole);
        refused(&a, queries[i], 400, BAD, NULL);
    }
}

/* Every method that no route has at this path. */
static void wrong_methods(const struct route *route, const char *path)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "BREW"};
    g_autoptr(GString) allow = g_string_new(NULL);

    for (const struct route *o = routes; o->method != NULL; o++) {
        if (strcmp(o->path, route->path) == 0)
            g_string_append_printf(allow, "%s%s", allow->len > 0 ? ", " : "", o->method);
    }
    g_auto(GStrv) known = g_strsplit(allow->str, ", ", -1);
    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        AUTO(answer) got = NULL;
        struct ask a = request_of(route, path);
        if (g_strv_contains((const char *const *)known, methods[i]))
            continue;
        a.method = methods[i];
        got = ask(w.b, &a);
        answer_ok(got, path, 405);
        assert_string_equal(http_response_get(got->raw, "Allow"), allow->str);
        refused(&a, "a wrong method", 405, "protector.method_not_allowed", NULL);
    }
}

/* ---- bodies ---- */

static json_t *good_value(const struct field *f)
{
    g_autofree char *text = g_strnfill((gsize)MAX(f->min, 1), 'a');

    switch (f->type) {
    case FIELD_TEXT:
        return json_string(text);
    case FIELD_INT:
        return json_integer(f->min);
    case FIELD_BOOL:
        return json_false();
    case FIELD_OBJECT:
    case FIELD_MAP:
    case FIELD_PATCH:
        return json_object();
    }
    fail_msg("a new type of field");
    return NULL;
}

/* Every required field with a value that passes the table. */
static json_t *good_object(const struct field *fields)
{
    json_t *object = json_object();

    for (const struct field *f = fields; f != NULL && f->name != NULL; f++) {
        if (f->required)
            json_set(object, f->name, good_value(f));
    }
    return object;
}

struct wrong_body {
    const struct route *route;
    const char *path;
    const struct body_spec *spec;
    const char *inside; /* the field whose object the fields stand in, or NULL */
};

/* Sends 'object' (taken) as the body's object. */
static void object_refused(const struct wrong_body *at, json_t *object, const char *what,
                           const char *field)
{
    g_autoptr(json_t) whole = object;
    struct ask a = request_of(at->route, at->path);
    g_autofree char *text = g_strdup_printf("'%s'", field);

    if (at->inside != NULL) {
        g_autoptr(json_t) inner = whole;
        whole = good_object(at->spec->fields);
        json_object_set(whole, at->inside, inner);
    }
    if (*at->spec->key != '\0')
        whole = json_pack("{s:o}", at->spec->key, whole);
    g_autofree char *body = json_print(whole);
    a.body = body;
    refused(&a, what, 400, BAD, text);
}

static json_t *object_with(const struct field *fields, const char *name, json_t *takes)
{
    json_t *object = good_object(fields);

    json_set(object, name, takes);
    return object;
}

static void wrong_types(const struct wrong_body *at, const struct field *fields,
                        const struct field *f)
{
    json_t *values[] = {json_string("a"),         json_integer(7),
                        json_real(1.5),           json_true(),
                        json_pack("[s]", "a"),    json_pack("{s:i}", "a", 1),
                        json_pack("{s:[]}", "a"), json_integer(INT64_MAX)};
    static const enum field_type fits[] = {FIELD_TEXT, FIELD_INT,    FIELD_INT,    FIELD_BOOL,
                                           FIELD_INT,  FIELD_OBJECT, FIELD_OBJECT, FIELD_INT};
    static const bool whole[] = {true, true, false, true, false, true, true, true};

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        bool good = whole[i] && fits[i] == f->type;
        if (good)
            json_decref(values[i]);
        else
            object_refused(at, object_with(fields, f->name, values[i]), "a wrong type", f->name);
    }
}

static json_t *long_text(int64_t length)
{
    g_autofree char *text = g_strnfill((gsize)length, 'a');

    return json_string(text);
}

static void wrong_lengths(const struct wrong_body *at, const struct field *fields,
                          const struct field *f)
{
    if (f->type == FIELD_TEXT && f->max > 0)
        object_refused(at, object_with(fields, f->name, long_text(f->max + 1)), "too long",
                       f->name);
    if (f->type == FIELD_TEXT && f->min > 0)
        object_refused(at, object_with(fields, f->name, long_text(f->min - 1)), "too short",
                       f->name);
    if (f->type == FIELD_INT) {
        object_refused(at, object_with(fields, f->name, json_integer(f->min - 1)), "too small",
                       f->name);
        object_refused(at, object_with(fields, f->name, json_integer(f->max + 1)), "too large",
                       f->name);
    }
    if (f->type != FIELD_MAP && f->type != FIELD_PATCH)
        return;
    g_autofree char *name = g_strnfill((gsize)f->max + 1, 'k');
    object_refused(at, object_with(fields, f->name, json_pack("{s:s}", name, "v")), "a long key",
                   f->name);
    object_refused(at, object_with(fields, f->name, json_pack("{s:o}", "k", long_text(f->max + 1))),
                   "a long value", f->name);
    object_refused(at, object_with(fields, f->name, json_pack("{s:s}", "", "v")), "an empty key",
                   f->name);
    object_refused(at, object_with(fields, f->name, json_pack("{s:s}", "k", "")), "an empty value",
                   f->name);
}

static void wrong_fields(const struct wrong_body *at, const struct field *fields)
{
    object_refused(at, object_with(fields, "no_such_field", json_string("x")), "an unknown field",
                   "no_such_field");
    for (const struct field *f = fields; f->name != NULL; f++) {
        wrong_types(at, fields, f);
        wrong_lengths(at, fields, f);
        if (f->required) {
            json_t *without = good_object(fields);
            json_object_del(without, f->name);
            object_refused(at, without, "a field is missing", f->name);
            object_refused(at, object_with(fields, f->name, NULL), "a null", f->name);
        }
        if (f->type == FIELD_OBJECT && f->fields != NULL) {
            struct wrong_body inner = *at;
            assert_null(at->inside);
            inner.inside = f->name;
            wrong_fields(&inner, f->fields);
        }
    }
}

static void wrong_spec(const struct route *route, const char *path, const struct body_spec *spec)
{
    struct wrong_body at = {route, path, spec, NULL};
    struct ask a = request_of(route, path);

    if (spec->fields != NULL)
        wrong_fields(&at, spec->fields);
    if (*spec->key == '\0')
        return;
    g_autofree char *list = g_strdup_printf("{\"%s\": []}", spec->key);
    g_autofree char *null = g_strdup_printf("{\"%s\": null}", spec->key);
    g_autofree char *more = g_strdup_printf("{\"%s\": %s, \"x\": 1}", spec->key, spec->example);
    g_autofree char *twice =
        g_strdup_printf("{\"%s\": %s, \"%s\": {}}", spec->key, spec->example, spec->key);
    const char *bodies[] = {list, null, more, twice};
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        a.body = bodies[i];
        refused(&a, bodies[i], 400, BAD, NULL);
    }
    if (!spec->not_empty)
        return;
    g_autofree char *empty = g_strdup_printf("{\"%s\": {}}", spec->key);
    a.body = empty;
    refused(&a, "an empty object", 400, BAD, NULL);
}

/* What is no body for anybody. */
static void garbage(const struct route *route, const char *path)
{
    static const char *const bodies[] = {"{",
                                         "garbage",
                                         "[]",
                                         "7",
                                         "\"text\"",
                                         "null",
                                         "{\"a\": 1} x",
                                         "{\"a\": 1, \"a\": 2}",
                                         "{\"a\": \"\\u0000\"}",
                                         "{\"\xff\": 1}",
                                         "{\"no_such_key\": {}}",
                                         "\xef\xbb\xbf{}"};
    g_autofree char *deep = g_strnfill(2000, '[');
    struct ask a = request_of(route, path);

    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        a.body = bodies[i];
        refused(&a, bodies[i], 400, BAD, NULL);
    }
    a.body = deep;
    refused(&a, "a deep body", 400, BAD, NULL);
    a.body = "{\"a\0b\": 1}";
    a.body_size = 10;
    refused(&a, "a body with a NUL", 400, BAD, NULL);
}

static void too_large(const struct route *route, const char *path)
{
    struct ask a = request_of(route, path);
    size_t size = api_body_max(path) + 1;
    g_autofree char *body = g_strnfill(size, ' ');

    assert_int_equal(size, route->flags & ROUTE_LARGE ? 8 * 1024 * 1024 + 1 : 112 * 1024 + 1);
    body[0] = '{';
    body[size - 1] = '}';
    a.body = body;
    refused(&a, "a body over the limit", 413, "protector.too_large", NULL);
    if (route->bodies == NULL)
        return;
    a.body = NULL;
    refused(&a, "no body", 400, BAD, NULL);
}

/* ---- ids ---- */

/*
 * Routes whose unknown or foreign id is no 404, and why: the challenge of a group that the peer
 * knows and this site does not yet (a create on its way) must be given, with the peer named; and an
 * inbox judges the message before the group.
 */
static const char *const ids_exceptions[] = {"protection-groups/{pg}/sync/hello",
                                             "protection-groups/{pg}/sync/inbox", NULL};

static char *example_of(const struct route *route)
{
    const struct body_spec *spec = route->bodies;

    if (spec == NULL)
        return NULL;
    assert_non_null(spec->example);
    return *spec->key == '\0' ? g_strdup(spec->example)
                              : g_strdup_printf("{\"%s\": %s}", spec->key, spec->example);
}

static void wrong_ids(const struct route *route)
{
    g_autofree char *body = example_of(route);
    bool except = g_strv_contains(ids_exceptions, route->path);

    for (size_t i = 0; i < G_N_ELEMENTS(params); i++) {
        if (strstr(route->path, params[i].name) == NULL)
            continue;
        g_autofree char *path = path_of(route, w.project, (int)i);
        struct ask a = request_of(route, path);
        a.body = body;
        refused(&a, "an unknown id", except ? 400 : 404,
                except && strstr(path, "hello") != NULL ? BAD
                : except                                ? "protector.sync.envelope"
                                                        : params[i].code,
                NULL);
    }
}

/* The ids of this project, asked for from within another. */
static void foreign_ids(const struct route *route)
{
    g_autofree char *body = example_of(route);
    const char *first = strchr(route->path, '{');

    if (first == NULL || needs_admin(route) || (route->flags & ROUTE_ADMIN) ||
        g_str_has_prefix(first, "{site}") || g_str_has_suffix(route->path, "/inbox"))
        return;
    g_autofree char *name = g_strndup(first, (gsize)(strchr(first, '}') - first) + 1);
    g_autofree char *path = path_of(route, w.other_project, -1);
    struct ask a = request_of(route, path);
    a.token = w.other;
    a.body = body;
    refused(&a, "an id of another project", 404, params[param_of(name)].code, NULL);
}

static void needs_admin_is_asked(const struct route *route, const char *path)
{
    g_autofree char *body = example_of(route);
    struct ask a = request_of(route, path);

    if (!needs_admin(route))
        return;
    a.token = w.tenant;
    a.body = body;
    refused(&a, "a tenant", 403, "protector.forbidden", route->rule);
}

static void wrong_key(const struct route *route, const char *path)
{
    g_autofree char *key = g_strnfill(256, 'k');
    struct ask a = request_of(route, path);

    a.headers[0] = "Idempotency-Key";
    a.headers[1] = key;
    refused(&a, "a long Idempotency-Key", 400, BAD, "Idempotency-Key");
}

/* ---- the tests ---- */

static void each_route(void (*wrong)(const struct route *route, const char *path))
{
    for (const struct route *route = routes; route->method != NULL; route++) {
        g_autofree char *path = path_of(route, w.project, -1);
        wrong(route, path);
    }
}

static void test_tokens(void **state)
{
    (void)state;
    each_route(wrong_tokens);
    each_route(needs_admin_is_asked);
}

static void test_versions(void **state)
{
    (void)state;
    each_route(wrong_versions);
    each_route(wrong_key);
}

static void test_queries(void **state)
{
    (void)state;
    each_route(wrong_query);
    each_route(wrong_list);
}

static void test_methods(void **state)
{
    static const char *const paths[] = {"/", "/v1", "/v1/"};
    (void)state;

    each_route(wrong_methods);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        AUTO(answer) got = NULL;
        struct ask a = {.method = "POST", .path = paths[i], .body = "{}"};
        got = ask(w.b, &a);
        answer_is(got, paths[i], 405, "protector.method_not_allowed", NULL);
        assert_string_equal(http_response_get(got->raw, "Allow"), "GET");
    }
}

static void test_bodies(void **state)
{
    (void)state;
    each_route(garbage);
    each_route(too_large);
    for (const struct route *route = routes; route->method != NULL; route++) {
        g_autofree char *path = path_of(route, w.project, -1);
        for (const struct body_spec *s = route->bodies; s != NULL && s->key != NULL; s++)
            wrong_spec(route, path, s);
    }
}

static void test_ids(void **state)
{
    (void)state;
    for (const struct route *route = routes; route->method != NULL; route++) {
        wrong_ids(route);
        foreign_ids(route);
    }
}

static void test_paths(void **state)
{
    static const char *const paths[] = {"/v2",
                                        "/v1/nothing",
                                        "/v1/admin",
                                        "/v1/%zz/sites",
                                        "/v1/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q",
                                        "/v1/admin/sites/a/b/c",
                                        "/favicon.ico",
                                        "/v1/../etc/passwd"};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        struct ask a = {.method = "GET", .path = paths[i], .token = w.admin};
        refused(&a, "no such path", 404, "protector.not_found", NULL);
    }
}

/* ---- values that the table lets pass ---- */

#define SITE(more)                                                                                 \
    "{\"site\": {\"id\": \"0f7d2f38-0000-4000-8000-00000000000c\", \"name\": \"c\", "              \
    "\"region_name\": \"R\", \"sign_public\": \"a\", \"seal_public\": \"b\", \"fingerprint\": "    \
    "\"c\", " more "}}"
#define GROUP(more)                                                                                \
    "{\"protection_group\": {\"name\": \"n\", \"volume_type\": \"replicated-ssd\", " more "}}"
#define AB "\"primary_site_id\": \"site-a\", \"secondary_site_id\": \"site-b\""

static const struct {
    bool admin;
    const char *method, *path, *body;
    int status;
    const char *code, *text;
} values[] = {
    /* clang-format off */
    {true, "POST", "admin/sites", SITE("\"auth_url\": \"http://c/v3\""), 400, BAD, "fingerprint"},
    {true, "POST", "admin/sites", SITE("\"auth_url\": \"ftp://c/v3\""), 400, BAD, "auth_url"},
    {true, "POST", "admin/sites", SITE("\"auth_url\": \"http://c\", \"site_type\": \"third\""), 400, BAD, "site_type"},
    {true, "PUT", "admin/sites/site-b", "{\"site\": {\"status\": \"happy\"}}", 400, BAD, "status"},
    {true, "PUT", "admin/sites/site-b", "{\"site\": {\"auth_url\": \"site-b\"}}", 400, BAD, "auth_url"},
    {true, "PUT", "admin/sites/site-b", "{\"site\": {\"description\": null}}", 400, BAD, "nothing"},
    {true, "POST", "tenant-mappings",
     "{\"tenant_mapping\": {\"local_tenant_id\": \"a\", \"remote_site_id\": \"site-a\", \"remote_tenant_id\": \"b\"}}",
     400, BAD, "this site itself"},
    {true, "POST", "tenant-mappings",
     "{\"tenant_mapping\": {\"local_tenant_id\": \"a\", \"remote_site_id\": \"site-x\", \"remote_tenant_id\": \"b\"}}",
     400, BAD, "remote_site_id"},
    {false, "POST", "protection-groups", GROUP(AB ", \"replication_type\": \"both\""), 400, "protector.body.invalid", "replication_type"},
    {false, "POST", "protection-groups",
     GROUP(AB ", \"replication_type\": \"async\", \"id\": \"pg-zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz\""),
     400, BAD, "pg-<uuid>"},
    {false, "POST", "protection-groups",
     GROUP("\"replication_type\": \"async\", \"primary_site_id\": \"site-a\", \"secondary_site_id\": \"site-a\""),
     400, BAD, "must differ"},
    {false, "POST", "protection-groups",
     GROUP("\"replication_type\": \"async\", \"primary_site_id\": \"site-x\", \"secondary_site_id\": \"site-a\""),
     400, BAD, "primary_site_id"},
    {false, "POST", "protection-groups",
     GROUP("\"replication_type\": \"async\", \"primary_site_id\": \"site-b\", \"secondary_site_id\": \"site-a\""),
     409, "protector.group.not_active", "site-b"},
    {false, "POST", "protection-groups",
     "{\"protection_group\": {\"name\": \"a\\nb\", \"replication_type\": \"async\", \"volume_type\": \"t\", " AB "}}",
     400, "protector.body.invalid", "control characters"},
    {false, "PUT", "protection-groups/web", "{\"protection_group\": {\"name\": null}}", 400, BAD, "nothing"},
    {false, "POST", "protection-groups/web/members", "{\"member\": {\"instance_id\": \"web-2\"}}", 400, BAD, "uuid"},
    {false, "PUT", "protection-groups/web/policy", "{\"policy\": {\"primary_fa_url\": \"http://array\"}}", 400, "protector.body.invalid", "https"},
    {false, "PUT", "protection-groups/web/policy", "{\"policy\": {\"pure_pg_name\": \"\\u0007\"}}", 400, "protector.body.invalid", "control characters"},
    {false, "PUT", "protection-groups/web/mappings", "{\"mappings\": {}}", 400, BAD, "nothing"},
    {false, "PUT", "protection-groups/web/mappings", "{\"mappings\": {\"network\": {}}}", 400, BAD, "nothing"},
    {false, "PUT", "protection-groups/web/mappings", "{\"mappings\": {\"network\": {\"no-such\": null}}}", 404, "protector.not_found", "no-such"},
    {false, "POST", "protection-groups/web/action", "{\"cleanup_source\": {}}", 400, BAD, "cleanup_source"},
    {false, "POST", "protection-groups/web/plan", "{\"plan\": {}}", 400, BAD, "operation"},
    {false, "POST", "protection-groups/web/plan", "{\"plan\": {\"operation\": \"reprotect\"}}", 400, BAD, "failover, failback or test_failover"},
    {false, "POST", "protection-groups/web/plan", "{\"plan\": {\"operation\": \"failback\", \"planned\": true}}", 400, BAD, "planned"},
    {false, "POST", "protection-groups/web/plan", "{\"plan\": {\"operation\": \"failover\", \"from\": \"x\"}}", 400, BAD, "point or kept"},
    {false, "POST", "protection-groups/web/plan", "{\"plan\": {\"operation\": \"test_failover\", \"from\": \"kept\"}}", 400, BAD, "unplanned"},
    {false, "POST", "protection-groups/web/plan", "{\"plan\": {\"operation\": \"failover\", \"on_conflict\": \"ask\"}}", 400, BAD, "keep-both"},
    {false, "POST", "protection-groups/web/plan", "{\"plan\": {\"operation\": \"failover\"}}",
     409, "protector.group.already_active", "where its servers would start"},
    {false, "POST", "protection-groups/no-such/plan", "{\"plan\": {\"operation\": \"failover\"}}", 404, "protector.group.not_found", NULL},
    {false, "POST", "protection-groups/web/action", "{\"failover\": {\"reason\": \"r\", \"plan\": \"abc\"}}", 400, BAD, "plan"},
    {false, "GET", "protection-groups/no-such/health", NULL, 404, "protector.group.not_found", NULL},
    {false, "GET", "health?sort=colour", NULL, 400, BAD, NULL},
    {false, "POST", "protection-groups/web/action", "{\"failback\": {}}", 409, "protector.group.state", "fail back"},
    {false, "POST", "protection-groups/web/action", "{\"failback\": {\"on_conflict\": \"ask\"}}", 400, BAD, "keep-both"},
    {false, "POST", "protection-groups/web/action", "{\"failover\": {\"planned\": true, \"on_conflict\": \"ask\"}}", 400, BAD, "keep-both"},
    {false, "POST", "protection-groups/web/action", "{\"failover\": {\"planned\": true}}", 412, "protector.sync.if_match", NULL},
    {false, "POST", "protection-groups/web/action", "{\"failover\": {}}", 400, BAD, "reason"},
    {false, "POST", "protection-groups/web/action", "{\"failover\": {\"reason\": \"\"}}", 400, BAD, "reason"},
    {false, "POST", "protection-groups/web/action", "{\"failover\": {\"reason\": \"r\", \"from\": \"nowhere\"}}", 400, BAD, "point or kept"},
    {false, "POST", "protection-groups/web/action", "{\"failover\": {\"planned\": true, \"from\": \"kept\"}}", 400, BAD, "the point that it makes"},
    {false, "POST", "protection-groups/web/action", "{\"failover\": {\"reason\": \"r\"}}", 409, "protector.group.already_active", NULL},
    {false, "POST", "protection-groups/web/sync/resolve",
     "{\"resolve\": {\"keep\": \"site-x\", \"reason\": \"r\"}}",
     404, "protector.site.not_found", "site-x"},
    {false, "POST", "protection-groups/web/sync/inbox", "{\"message\": {\"a\": 1}}", 400, "protector.sync.envelope", NULL},
    {false, "GET", "protection-groups/web/sync/log?limit=0", NULL, 400, BAD, "limit"},
    {false, "GET", "protection-groups/no-such-name", NULL, 404, "protector.group.not_found", "no-such-name"},
    /* clang-format on */
};

static void test_values(void **state)
{
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *path = g_strdup_printf("/v1/%s%s%s", values[i].admin ? "" : w.project,
                                                values[i].admin ? "" : "/", values[i].path);
        struct ask a = {.site = SIM_SITE_A,
                        .method = values[i].method,
                        .path = path,
                        .token = values[i].admin ? w.admin : w.tenant,
                        .body = values[i].body};
        refused(&a, values[i].body != NULL ? values[i].body : "a value", values[i].status,
                values[i].code, values[i].text);
    }
}

/* The table must not have become empty by a mistake. */
static void test_enough(void **state)
{
    (void)state;

    print_message("%d wrong requests\n", w.requests);
    assert_true(w.requests > 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),  cmocka_unit_test(test_versions),
        cmocka_unit_test(test_queries), cmocka_unit_test(test_methods),
        cmocka_unit_test(test_bodies),  cmocka_unit_test(test_ids),
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_values),
        cmocka_unit_test(test_enough),
    };
    return cmocka_run_group_tests(tests, world_build, world_end);
}
