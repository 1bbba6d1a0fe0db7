/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - whole requests to a site that protects a group: a first line "METHOD /path", headers, an
 * empty line, a body.  "@admin", "@user" (tokens), "@pg", "@member", "@op", "@site", "@peer",
 * "@project" stand for what the world has.  Each input finds the same world: what it writes is
 * rolled back in place of the commit.  Whatever comes, the answer is the request's fault, in the
 * form of docs/api.md, never 500 and never a database that complains.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/sim/bench.h"

#include "store/backend.h"

static struct bench *b;
static int64_t clock_ms;
static bool dry; /* nothing is kept any more */

/* ---- a database that forgets ---- */

struct forgetful {
    const struct db_ops *next;
    void *backend;
    bool in_tx;
};

static err_t *begin(void *backend)
{
    struct forgetful *f = backend;

    f->in_tx = true;
    return f->next->begin(f->backend);
}

static err_t *commit(void *backend)
{
    struct forgetful *f = backend;

    f->in_tx = false;
    if (!dry)
        return f->next->commit(f->backend);
    f->next->rollback(f->backend);
    return NULL;
}

static void rollback(void *backend)
{
    struct forgetful *f = backend;

    f->in_tx = false;
    f->next->rollback(f->backend);
}

static err_t *run(void *backend, const char *sql, const struct db_value *values, size_t count,
                  struct db_rows **ret_rows, int64_t *ret_affected)
{
    struct forgetful *f = backend;
    bool alone = dry && !f->in_tx;

    if (alone)
        TRY(f->next->begin(f->backend));
    err_t *e = f->next->run(f->backend, sql, values, count, ret_rows, ret_affected);
    if (alone)
        f->next->rollback(f->backend);
    return e;
}

static void close_it(void *backend)
{
    struct forgetful *f = backend;

    f->next->close(f->backend);
    g_free(f);
}

static const struct db_ops forgetful_ops = {
    .name = "sqlite",
    .run = run,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .close = close_it,
};

static void forget(void *data G_GNUC_UNUSED, struct bench_site *site G_GNUC_UNUSED, struct db *db)
{
    if (db_has_ops(db, &forgetful_ops))
        return;
    struct forgetful *f = g_new0(struct forgetful, 1);
    db_stack(db, &forgetful_ops, f, &f->next, &f->backend);
}

/* ---- the world ---- */

static struct word {
    const char *name;
    char *value;
} words[] = {{"@admin", NULL}, {"@user", NULL}, {"@pg", NULL},   {"@member", NULL},
             {"@op", NULL},    {"@site", NULL}, {"@peer", NULL}, {"@project", NULL}};

static void words_read(void)
{
    char *values[] = {
        bench_token(b, "site-a"),
        bench_token(b, bench_tenant(SIM_SITE_A)),
        bench_sql(b, SIM_SITE_A, "SELECT id FROM protection_groups"),
        bench_sql(b, SIM_SITE_A, "SELECT id FROM pg_members ORDER BY id LIMIT 1"),
        bench_sql(b, SIM_SITE_A, "SELECT id FROM dr_operations ORDER BY id LIMIT 1"),
        bench_sql(b, SIM_SITE_A, "SELECT id FROM sites WHERE name = 'site-a'"),
        bench_sql(b, SIM_SITE_A, "SELECT id FROM sites WHERE name = 'site-b'"),
        bench_sql(b, SIM_SITE_A, "SELECT project_id FROM protection_groups"),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        words[i].value = values[i];
}

void fuzz_init(void)
{
    b = bench_create(3);
    for (int i = 0; i < BENCH_SITES; i++)
        b->site[i].on_take = forget;
    bench_register(b);
    bench_protect(b);
    bench_settle(b);
    words_read();
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        FUZZ_MUST(words[i].value != NULL, "the world lacks %s", words[i].name);
    clock_ms = b->clock_ms;
    dry = true;
}

/* ---- requests ---- */

static char *with_words(const char *data, size_t size, size_t *ret_size)
{
    GString *text = g_string_new_len(data, (gssize)size);

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        g_string_replace(text, words[i].name, words[i].value, 0);
    *ret_size = text->len;
    return g_string_free(text, FALSE);
}

/* As the server of production lets it through (net/httpd.c); NULL: it does not. */
static struct http_request *request_of(const char *data, size_t size)
{
    g_autofree char *line = fuzz_line(&data, &size);
    g_auto(GStrv) parts = g_strsplit(line, " ", 2);

    if (g_strv_length(parts) != 2 || parts[1][0] != '/')
        return NULL;
    struct http_request *req = http_request_create(parts[0], parts[1]);
    while (size > 0) {
        g_autofree char *header = fuzz_line(&data, &size);
        char *colon = strchr(header, ':');
        if (*header == '\0')
            break;
        if (colon == NULL)
            continue;
        *colon = '\0';
        http_request_add(req, header, g_strstrip(colon + 1));
    }
    req->peer = g_strdup("192.0.2.1");
    if (size > 0)
        http_request_body(req, data, size);
    return req;
}

static void judge(const struct http_request *req, const struct http_response *resp)
{
    g_autoptr(json_t) said = NULL;
    const char *type = http_response_get(resp, "Content-Type");
    bool json = resp->body_size > 0 && type != NULL && g_str_has_prefix(type, "application/json");

    if (json)
        FUZZ_MUST(json_parse(resp->body, resp->body_size, "the answer", &said) == NULL, "no JSON");
    FUZZ_MUST(http_response_get(resp, "x-openstack-request-id") != NULL, "no request id");
    if (resp->status < 400)
        return;
    const json_t *fault = json_array_get(json_arr(said, "errors"), 0);
    const char *code = json_str_or(fault, "code", "");
    FUZZ_MUST(resp->status != 500 && !g_str_has_prefix(code, "protector.db"), "%s %s: %d %s\n%s",
              req->method, req->url, resp->status, resp->body, b->log->str);
    FUZZ_MUST(*code != '\0' && *json_str_or(fault, "title", "") != '\0', "%d without words: %s",
              resp->status, resp->body);
}

void fuzz_one(const char *data, size_t size)
{
    size_t length = 0;
    g_autofree char *text = with_words(data, size, &length);
    AUTO(http_request) req = request_of(text, length);

    if (req == NULL)
        return;
    b->clock_ms = clock_ms;
    g_string_truncate(b->log, 0);
    g_string_truncate(b->trace, 0);
    AUTO(http_response) resp = api_handle(b->site[SIM_SITE_A].api, req);
    judge(req, resp);
}
