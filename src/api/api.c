/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - from a request to its route and back: version, token, path, body, handler, fault.
 *
 * Order: request id, route by path (404) and method (405), microversion (400, 406), token (401,
 * 503), project of the path against the token's (403 for a member of another, as OpenStack does),
 * query and body (400), policy (403), handler.  Literal names come before the project in a path, so
 * that /v1/admin/… and /v1/health are never taken for a project.
 */
#include "api/request.h"

#include "api/auth/policy.h"
#include "store/audit.h"
#include "store/group.h"

#include <string.h>

struct api {
    struct api_options o;
};

#define BODY_MAX            (112 * 1024)
#define BODY_MAX_INBOX      (8 * 1024 * 1024)
#define PATH_PARTS_MAX      16
#define IDEMPOTENCY_KEY_MAX 255 /* of its column */

/* ---- paths ---- */

/* First segments after /v1 that are no project. */
static const char *const literals[] = {
    "admin",        "health",
    "openapi.json", "protection-groups",
    "operations",   "tenant-mappings",
    "sites",        "sync",
    "trust",        NULL,
};

struct path {
    char **parts; /* below /v1 and the project, decoded; NULL-ended */
    char *project;
    bool versions; /* "/" or "/v1" */
    bool root;
};

static void path_fini(struct path *p)
{
    g_strfreev(p->parts);
    g_free(p->project);
}

static bool is_literal(const char *part)
{
    return g_strv_contains(literals, part);
}

/* Splits and decodes; false if the path is none of ours. */
static bool path_parse(const char *url, struct path *ret)
{
    g_autofree char *path = url_path(url);
    g_auto(GStrv) raw = g_strsplit(path, "/", -1);
    GPtrArray *parts = g_ptr_array_new();
    bool good = true;

    for (size_t i = 0; raw[i] != NULL; i++) {
        char *part = *raw[i] != '\0' ? url_decode(raw[i], strlen(raw[i])) : NULL;
        good = good && (part != NULL || *raw[i] == '\0') && parts->len < PATH_PARTS_MAX;
        if (part != NULL)
            g_ptr_array_add(parts, part);
    }
    g_ptr_array_add(parts, NULL);
    ret->parts = (char **)g_ptr_array_free(parts, FALSE);
    if (!good)
        return false;
    ret->root = ret->parts[0] == NULL;
    ret->versions = ret->root || (g_str_equal(ret->parts[0], "v1") && ret->parts[1] == NULL);
    return true;
}

/* Takes "v1" and the project off the front. */
static bool path_strip(struct path *p)
{
    size_t skip = 1;

    if (g_str_equal(p->parts[0], "healthcheck") && p->parts[1] == NULL)
        return true;
    if (!g_str_equal(p->parts[0], "v1"))
        return false;
    if (p->parts[1] != NULL && !is_literal(p->parts[1])) {
        p->project = g_strdup(p->parts[1]);
        skip = 2;
    }
    g_auto(GStrv) old = p->parts;
    p->parts = g_strdupv(old + skip);
    return p->parts[0] != NULL;
}

static bool route_matches(const struct route *route, char **parts, char *params[REQUEST_PARAMS_MAX])
{
    g_auto(GStrv) want = g_strsplit(route->path, "/", -1);
    size_t count = 0;

    if (g_strv_length(want) != g_strv_length(parts))
        return false;
    for (size_t i = 0; want[i] != NULL; i++) {
        if (*want[i] == '{')
            params[count++] = parts[i];
        else if (!g_str_equal(want[i], parts[i]))
            return false;
    }
    for (; count < REQUEST_PARAMS_MAX; count++)
        params[count] = NULL;
    return true;
}

/* The route, or an error that is 404 or 405 with Allow.  A path with a literal ("self") stands in
 * the table before one with a parameter, which then does not count. */
static err_t *route_find(struct request *r, const struct path *path, const struct route **ret)
{
    g_autoptr(GString) allow = g_string_new(NULL);
    char *params[REQUEST_PARAMS_MAX];
    const char *meant = NULL;

    for (const struct route *route = routes; route->method != NULL; route++) {
        bool admin = (route->flags & ROUTE_ADMIN) != 0;
        bool other = meant != NULL && !g_str_equal(meant, route->path);
        if (other || !route_matches(route, path->parts, params) || (admin && path->project != NULL))
            continue;
        meant = route->path;
        if (g_str_equal(route->method, r->http->method)) {
            memcpy(r->params, params, sizeof params);
            *ret = route;
            return NULL;
        }
        g_string_append_printf(allow, "%s%s", allow->len > 0 ? ", " : "", route->method);
    }
    if (allow->len == 0)
        return err(NOT_FOUND, "there is no resource at this path");
    reply_header(r, "Allow", allow->str);
    return err(METHOD_NOT_ALLOWED, "%s is not allowed here, only %s", r->http->method, allow->str);
}

size_t api_body_max(const char *path)
{
    return g_str_has_suffix(path, "/sync/inbox") ? BODY_MAX_INBOX : BODY_MAX;
}

/* ---- versions ---- */

/* "protector 1.1" out of a header that may name several services. */
static err_t *version_negotiate(struct request *r)
{
    const char *header = request_header(r, "OpenStack-API-Version");
    g_auto(GStrv) parts = g_strsplit(header != NULL ? header : "", ",", 16);
    guint64 minor = 0;

    for (size_t i = 0; parts[i] != NULL; i++) {
        const char *part = g_strstrip(parts[i]);
        if (!g_str_equal(part, "protector") && !g_str_has_prefix(part, "protector "))
            continue;
        const char *number = part + strlen("protector");
        number += strspn(number, " ");
        if (g_str_equal(number, "latest")) {
            minor = 1;
            continue;
        }
        if (!g_str_has_prefix(number, "1.") ||
            !g_ascii_string_to_unsigned(number + 2, 10, 0, 1000000, &minor, NULL)) {
            bool numeric = g_regex_match_simple("^[0-9]+\\.[0-9]+$", number, 0, 0);
            err_t *e = numeric ? err(NOT_ACCEPTABLE, "version %s is not supported", number)
                               : err(BAD_REQUEST, "'%s' is no microversion", number);
            return e;
        }
    }
    if (minor > 1)
        return err(NOT_ACCEPTABLE, "version 1.%" G_GUINT64_FORMAT " is not supported", minor);
    r->minor = (int)minor;
    return NULL;
}

static void versions_reply(struct request *r, bool root)
{
    const char *host = request_header(r, "Host");
    /* what ends TLS in front of us says so; a lie changes its teller's own answer only */
    const char *proto = request_header(r, "X-Forwarded-Proto");
    bool tls = proto != NULL && g_ascii_strcasecmp(proto, "https") == 0;
    g_autofree char *href = g_strdup_printf("%s://%s/v1/", tls ? "https" : "http",
                                            host != NULL ? host : "localhost:8788");
    json_t *version =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}]}", "id", "v1.0", "status", "CURRENT",
                  "min_version", API_VERSION_MIN, "version", API_VERSION_MAX, "updated",
                  "2026-11-21T00:00:00Z", "links", "rel", "self", "href", href);

    reply_json(r, root ? 300 : 200, json_pack("{s:[o]}", "versions", version));
}

static err_t *versions_method(struct request *r)
{
    reply_header(r, "Allow", "GET");
    return err(METHOD_NOT_ALLOWED, "%s is not allowed here, only GET", r->http->method);
}

/* ---- faults ---- */

/* What happened inside is for the log: statements, paths and addresses of the database, too. */
static bool is_inside(const err_t *e)
{
    return err_http_status(e) == 500 || g_str_has_prefix(err_code_text(e), "protector.db");
}

/* The same beneath a message of ours. */
static bool has_inside(const err_t *e)
{
    static const enum err_code codes[] = {
        ERR_DB,           ERR_DB_CONNECT, ERR_DB_DEADLOCK, ERR_DB_NOT_READY, ERR_DB_COMMIT_UNKNOWN,
        ERR_DB_DUPLICATE, ERR_DB_SCHEMA,  ERR_IO,          ERR_CONFIG};

    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (err_is(e, codes[i]))
            return true;
    }
    return false;
}

static char *fault_detail(const err_t *e)
{
    if (is_inside(e))
        return g_strdup(err_title(e));
    return has_inside(e) ? g_strdup(err_message(e)) : err_text(e);
}

static void fault_reply(struct request *r, const err_t *e)
{
    json_t *error = err_to_json(e);
    json_t *row = json_object();
    int status = err_http_status(e);
    g_autofree char *text = fault_detail(e);

    json_set_str(row, "request_id", r->request_id);
    json_set_str(row, "code", err_code_text(e));
    json_set_int(row, "status", status);
    json_set_str(row, "title", err_title(e));
    json_set_str(row, "detail", text);
    json_set_str(row, "remedy", err_remedy_text(e));
    json_set(row, "details", json_incref(json_obj(error, "details")));
    json_set(row, "links", json_array());
    json_decref(error);
    if (status == 406) {
        json_set_str(row, "min_version", API_VERSION_MIN);
        json_set_str(row, "max_version", API_VERSION_MAX);
    }
    if (status == 401) {
        const char *uri = conf_str(r->o->conf, "keystone_authtoken", "www_authenticate_uri");
        g_autofree char *value = g_strdup_printf("Keystone uri=\"%s\"", uri != NULL ? uri : "");
        reply_header(r, "WWW-Authenticate", value);
    }
    reply_json(r, status, json_pack("{s:[o]}", "errors", row));
    if (status >= 500 || is_inside(e))
        request_report(r, e);
}

/* ---- who may ---- */

bool request_is_admin(const struct request *r)
{
    return r->auth != NULL && r->auth->is_admin;
}

err_t *request_allowed(const struct request *r, const char *rule, const char *project)
{
    g_autoptr(json_t) target = json_object();

    /* a token without a project must not be equal to an object without one */
    if (project != NULL)
        json_set_str(target, "project_id", project);
    json_set_str(target, "user_id", r->auth->user_id);
    if (policy_allows(r->o->policy, rule, r->auth, target))
        return NULL;
    return err(FORBIDDEN, "%s is disallowed by policy", rule);
}

static err_t *request_authenticate(struct request *r, const struct path *path)
{
    const char *token = request_header(r, "X-Auth-Token");

    if (token == NULL)
        token = request_header(r, "X-Storage-Token");
    TRY(token_validate(r->o->tokens, token, request_header(r, "X-Service-Token"), &r->auth));
    r->auth->is_admin = policy_is_admin(r->o->policy, r->auth);
    const char *own = r->auth->project_id;
    if ((r->route->flags & ROUTE_ADMIN) && r->auth->is_admin) {
        r->project = g_strdup(own);
        return NULL;
    }
    if (own == NULL || *own == '\0')
        return err(FORBIDDEN, "the token is not scoped to a project");
    if (path->project != NULL && !g_str_equal(path->project, own) && !r->auth->is_admin)
        return err(FORBIDDEN, "the token is of project '%s', the path of '%s'", own, path->project);
    r->project = g_strdup(path->project != NULL ? path->project : own);
    return NULL;
}

/* ---- reading ---- */

static err_t *query_check(struct request *r)
{
    g_auto(GStrv) known = g_strsplit(r->route->query != NULL ? r->route->query : "", " ", -1);

    TRY(url_query(r->http->url, &r->query));
    for (guint i = 0; i < r->query->len; i++) {
        const struct http_header *q = g_ptr_array_index(r->query, i);
        if (!g_strv_contains((const char *const *)known, q->name))
            return err(BAD_REQUEST, "query parameter '%s' is not known here", q->name);
    }
    return NULL;
}

static err_t *body_read(struct request *r)
{
    g_autofree char *path = url_path(r->http->url);

    if (r->http->body_size > api_body_max(path))
        return err(TOO_LARGE, "the body has %zu bytes, more than %zu", r->http->body_size,
                   api_body_max(path));
    bool wanted = r->route->bodies != NULL;
    if (r->http->body == NULL || r->http->body_size == 0)
        return wanted ? err(BAD_REQUEST, "a JSON object is expected as body") : NULL;
    err_t *e = json_parse(r->http->body, r->http->body_size, "the body", &r->body);
    if (e != NULL)
        return err_recode(BAD_REQUEST, e, "the body cannot be read");
    if (!json_is_object(r->body))
        return err(BAD_REQUEST, "a JSON object is expected as body");
    if (wanted)
        return request_body_check(r);
    return json_object_size(r->body) == 0 ? NULL : err(BAD_REQUEST, "no body is expected here");
}

static void outbox_header(struct request *r)
{
    AUTO(group_row) g = NULL;

    if (!(r->route->flags & ROUTE_GROUP) || r->params[0] == NULL)
        return;
    g_autoptr(err_t) e = g_str_has_prefix(r->params[0], "pg-")
                             ? group_find(r->db, r->params[0], &g)
                             : group_resolve(r->db, r->project, r->params[0], &g);
    if (e != NULL || g == NULL || g_strcmp0(g->project_id, r->project) != 0)
        return;
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, g->outbox_count);
    reply_header(r, "Protector-Outbox", text);
}

static err_t *headers_check(const struct request *r)
{
    const char *key = request_header(r, "Idempotency-Key");

    if (key == NULL || (*key != '\0' && g_utf8_validate(key, -1, NULL) &&
                        g_utf8_strlen(key, -1) <= IDEMPOTENCY_KEY_MAX))
        return NULL;
    return err(BAD_REQUEST, "Idempotency-Key must have 1 to %d characters", IDEMPOTENCY_KEY_MAX);
}

static err_t *request_run(struct request *r, struct path *path)
{
    if (!path_strip(path))
        return err(NOT_FOUND, "there is no resource at this path");
    TRY(route_find(r, path, &r->route));
    TRY(version_negotiate(r));
    TRY(headers_check(r));
    if (!(r->route->flags & ROUTE_NO_TOKEN))
        TRY(request_authenticate(r, path));
    TRY(query_check(r));
    TRY(body_read(r));
    if (r->route->rule != NULL)
        TRY(request_allowed(r, r->route->rule, r->project));
    r->db = r->o->db_get(r->o->db_data);
    err_t *e = r->route->handler(r);
    outbox_header(r);
    r->o->db_put(r->o->db_data, r->db);
    return e;
}

static err_t *audit_tx(struct db *db, void *data)
{
    return audit_append(db, data);
}

err_t *request_audit(struct request *r, const char *action, const char *target)
{
    return request_audit_with(r, action, target, NULL);
}

err_t *request_audit_with(struct request *r, const char *action, const char *target, json_t *takes)
{
    AUTO(audit_entry) entry = audit_entry_create();

    entry->details = takes;
    entry->project_id = g_strdup(r->project);
    entry->user_id = g_strdup(r->auth->user_id);
    entry->request_id = g_strdup(r->request_id);
    entry->action = g_strdup(action);
    entry->target = g_strdup(target);
    entry->outcome = g_strdup("allowed");
    entry->created_at_ms = r->now_ms;
    return db_tx(r->db, audit_tx, entry);
}

/* ---- the whole ---- */

static void request_init(struct request *r, struct api *api, const struct http_request *http)
{
    char uuid[37];

    *r = (struct request){.api = api, .o = &api->o, .http = http};
    env_uuid(api->o.env, uuid);
    r->request_id = g_strdup_printf("req-%s", uuid);
    r->now_ms = env_now_ms(api->o.env);
    r->keep = g_ptr_array_new_with_free_func(g_free);
    r->response = http_response_create(200);
    reply_header(r, "x-openstack-request-id", r->request_id);
    reply_header(r, "Vary", "OpenStack-API-Version");
}

static void request_fini(struct request *r)
{
    g_free(r->request_id);
    g_free(r->project);
    g_ptr_array_unref(r->keep);
    if (r->query != NULL)
        g_ptr_array_unref(r->query);
    json_decref(r->body);
    auth_context_destroy(r->auth);
}

struct http_response *api_handle(void *data, const struct http_request *http)
{
    struct request r;
    struct path path = {0};
    err_t *e = NULL;

    request_init(&r, data, http);
    if (!path_parse(http->url, &path))
        e = err(NOT_FOUND, "there is no resource at this path");
    else if (path.versions && g_str_equal(http->method, "GET"))
        versions_reply(&r, path.root);
    else if (path.versions)
        e = versions_method(&r);
    else
        e = request_run(&r, &path);
    g_autofree char *version = g_strdup_printf("protector 1.%d", r.minor);
    reply_header(&r, "OpenStack-API-Version", version);
    if (e != NULL)
        fault_reply(&r, e);
    err_free(e);
    struct http_response *response = r.response;
    request_fini(&r);
    path_fini(&path);
    return response;
}

struct http_response *api_refuse(void *data, const struct http_request *http, const err_t *e)
{
    struct request r;

    request_init(&r, data, http);
    reply_header(&r, "OpenStack-API-Version", "protector 1.0");
    fault_reply(&r, e);
    struct http_response *response = r.response;
    request_fini(&r);
    return response;
}

struct api *api_create(const struct api_options *options)
{
    struct api *api = g_new0(struct api, 1);

    g_assert(options->env != NULL && options->exchange != NULL && options->db_get != NULL);
    api->o = *options;
    return api;
}

void api_destroy(struct api *api)
{
    g_free(api);
}
