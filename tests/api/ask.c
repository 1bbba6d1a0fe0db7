/* SPDX-License-Identifier: Apache-2.0 */
/* ask - see ask.h. */
#include "tests/api/ask.h"

#include "store/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

void answer_destroy(struct answer *a)
{
    if (a == NULL)
        return;
    json_decref(a->body);
    http_response_destroy(a->raw);
    g_free(a);
}

struct answer *ask(struct bench *b, const struct ask *a)
{
    g_autofree char *url = g_strconcat(b->site[a->site].api_origin, a->path, NULL);
    AUTO(http_request) req = http_request_create(a->method, url);

    if (a->token != NULL)
        http_request_set(req, "X-Auth-Token", a->token);
    for (size_t i = 0; a->headers[i] != NULL; i += 2)
        http_request_set(req, a->headers[i], a->headers[i + 1]);
    if (a->body != NULL)
        http_request_body(req, a->body, a->body_size > 0 ? a->body_size : strlen(a->body));
    struct answer *ret = g_new0(struct answer, 1);
    err_t *e = http_send(&b->transport, req, &ret->raw);
    if (e != NULL)
        fail_msg("%s %s: %s", a->method, a->path, err_message(e));
    ret->status = ret->raw->status;
    if (ret->raw->body_size > 0)
        err_free(json_parse(ret->raw->body, ret->raw->body_size, "the answer", &ret->body));
    return ret;
}

static const json_t *first_error(const struct answer *a)
{
    return json_array_get(json_arr(a->body, "errors"), 0);
}

const char *answer_code(const struct answer *a)
{
    return json_str_or(first_error(a), "code", "");
}

const char *answer_detail(const struct answer *a)
{
    return json_str_or(first_error(a), "detail", "");
}

static const char *told(const struct answer *a)
{
    return a->raw->body_size > 0 ? a->raw->body : "";
}

void answer_is(const struct answer *a, const char *what, int status, const char *code,
               const char *text)
{
    if (a->status != status || strcmp(answer_code(a), code) != 0)
        fail_msg("%s: %d %s wanted, this came: %d %.600s", what, status, code, a->status, told(a));
    if (text != NULL && strstr(answer_detail(a), text) == NULL)
        fail_msg("%s: the detail should name %s: %.600s", what, text, told(a));
    const char *id = http_response_get(a->raw, "x-openstack-request-id");
    if (id == NULL || strcmp(json_str_or(first_error(a), "request_id", ""), id) != 0)
        fail_msg("%s: no request id, or two: %.600s", what, told(a));
}

void answer_ok(const struct answer *a, const char *what, int status)
{
    if (a->status != status)
        fail_msg("%s: %d wanted, this came: %d %.600s", what, status, a->status, told(a));
}

/* ---- Keystone ---- */

static void keystone(struct bench *b, int site, const char *method, const char *path,
                     const char *token, json_t *takes, struct http_response **ret)
{
    g_autofree char *origin = sim_origin(b->sim, site, SIM_KEYSTONE);
    g_autofree char *url = g_strconcat(origin, path, NULL);
    AUTO(http_request) req = http_request_create(method, url);

    if (token != NULL)
        http_request_set(req, "X-Auth-Token", token);
    if (takes != NULL)
        http_request_json(req, takes);
    json_decref(takes);
    assert_null(http_send(sim_transport(b->sim), req, ret));
    if ((*ret)->status >= 300)
        fail_msg("keystone %s %s: %d %s", method, path, (*ret)->status, (*ret)->body);
}

char *ask_token(struct bench *b, int site, const char *user, const char *project)
{
    AUTO(http_response) resp = NULL;
    json_t *auth =
        json_pack("{s:{s:[s], s:{s:{s:s, s:{s:s}, s:s}}}}", "identity", "methods", "password",
                  "password", "user", "name", user, "domain", "id", "default", "password", "lab");

    if (project != NULL)
        json_set(auth, "scope",
                 json_pack("{s:{s:s, s:{s:s}}}", "project", "name", project, "domain", "id",
                           "default"));
    keystone(b, site, "POST", "/v3/auth/tokens", NULL, json_pack("{s:o}", "auth", auth), &resp);
    return g_strdup(http_response_get(resp, "X-Subject-Token"));
}

char *ask_project(struct bench *b, int site, const char *name)
{
    return g_strdup(json_str(sim_find(b->sim, site, "projects", name), "id"));
}

void ask_make_other(struct bench *b, int site)
{
    g_autofree char *admin = ask_token(b, site, "admin", "admin");
    AUTO(http_response) project = NULL;
    AUTO(http_response) user = NULL;
    AUTO(http_response) grant = NULL;

    keystone(b, site, "POST", "/v3/projects", admin,
             json_pack("{s:{s:s, s:s}}", "project", "name", "other", "domain_id", "default"),
             &project);
    keystone(b, site, "POST", "/v3/users", admin,
             json_pack("{s:{s:s, s:s, s:s}}", "user", "name", "other-user", "domain_id", "default",
                       "password", "lab"),
             &user);
    g_autofree char *path =
        g_strdup_printf("/v3/projects/%s/users/%s/roles/%s",
                        json_str(sim_find(b->sim, site, "projects", "other"), "id"),
                        json_str(sim_find(b->sim, site, "users", "other-user"), "id"),
                        json_str(sim_find(b->sim, site, "roles", "member"), "id"));
    keystone(b, site, "PUT", path, admin, NULL, &grant);
}

/* ---- everything ---- */

/* One text of a table: its rows in the order of their making. */
static void table_dump(struct db *db, const char *table, GString *out)
{
    AUTO(db_rows) columns = NULL;
    AUTO(db_rows) rows = NULL;
    g_autofree char *info = g_strdup_printf("SELECT name FROM pragma_table_info('%s')", table);
    g_autoptr(GString) sql = g_string_new("SELECT ");

    assert_null(db_query(db, &columns, info, ""));
    for (size_t i = 0; i < db_rows_count(columns); i++)
        g_string_append_printf(sql, "%squote(%s)", i > 0 ? "||','||" : "", db_str(columns, i, 0));
    g_string_append_printf(sql, " FROM %s ORDER BY 1", table);
    assert_null(db_query(db, &rows, sql->str, ""));
    for (size_t i = 0; i < db_rows_count(rows); i++)
        g_string_append_printf(out, "%s: %s\n", table, db_str(rows, i, 0));
}

/* The audit log may tell of a refusal, and each of its transactions has a mark. */
static const char tables[] = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT "
                             "LIKE 'sqlite_%' AND name NOT LIKE 'audit_%' AND name <> 'commits' "
                             "ORDER BY name";

char *ask_databases(struct bench *b)
{
    GString *out = g_string_new(NULL);

    for (int i = 0; i < BENCH_SITES; i++) {
        struct db *db = process_db_get(&b->site[i].p);
        AUTO(db_rows) names = NULL;
        g_string_append_printf(out, "# %s\n", bench_site_name(i));
        assert_null(db_query(db, &names, tables, ""));
        assert_true(db_rows_count(names) > 20);
        for (size_t t = 0; t < db_rows_count(names); t++)
            table_dump(db, db_str(names, t, 0), out);
        process_db_put(&b->site[i].p, db);
    }
    return g_string_free(out, FALSE);
}

char *ask_snapshot(struct bench *b)
{
    g_autofree char *databases = ask_databases(b);
    g_autoptr(json_t) dump = sim_dump(b->sim);

    for (int i = 0; i < BENCH_SITES; i++) /* reading is allowed to log in */
        json_object_del(json_obj(dump, bench_site_name(i)), "tokens");
    g_autofree char *clouds = json_print_canonical(dump);
    return g_strconcat(databases, clouds, NULL);
}

json_t *ask_set(struct bench *b, int site, const char *table, const char *name, const char *key,
                json_t *value)
{
    json_t *row = (json_t *)sim_find(b->sim, site, table, name);

    if (row == NULL)
        fail_msg("no '%s' among the %s", name, table);
    json_t *before = json_deep_copy(json_object_get(row, key));
    json_set(row, key, value);
    return before;
}

void ask_same(struct bench *b, const char *before, const char *what)
{
    g_autofree char *after = ask_snapshot(b);
    size_t at = 0;

    if (strcmp(before, after) == 0)
        return;
    while (before[at] == after[at])
        at++;
    size_t from = at > 200 ? at - 200 : 0;
    fail_msg("%s changed something:\n- %.500s\n+ %.500s", what, before + from, after + from);
}
