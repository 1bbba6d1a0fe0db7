/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - see call.h: routing and the middleware.  Answers are made in reply.c, tokens are looked up
 * in sim_keystone_tokens.c.
 */
#include "sim/call.h"

#include <string.h>

#include "sim/keystone.h"

static const struct service *const services[SIM_SERVICES] = {
    [SIM_KEYSTONE] = &sim_keystone_service, [SIM_NOVA] = &sim_nova_service,
    [SIM_CINDER] = &sim_cinder_service,     [SIM_NEUTRON] = &sim_neutron_service,
    [SIM_GLANCE] = &sim_glance_service,     [SIM_PLACEMENT] = &sim_placement_service,
};

static bool is_project_id(const char *part)
{
    return strlen(part) == 32 && strspn(part, "0123456789abcdef") == 32;
}

/* Splits the path, decodes it, and takes the project's id out of Nova's and Cinder's paths. */
static bool sim_call_split(struct call *call)
{
    bool strips = call->service->id == SIM_NOVA || call->service->id == SIM_CINDER;
    g_auto(GStrv) raw = g_strsplit(call->path, "/", -1);
    GPtrArray *parts = g_ptr_array_new();
    bool good = true;
    for (guint i = 0; raw[i] != NULL; i++) {
        if (raw[i][0] == '\0')
            continue;
        char *part = url_decode(raw[i], strlen(raw[i]));
        if (part == NULL)
            good = false;
        else if (strips && parts->len == 1 && is_project_id(part) && call->url_project == NULL)
            call->url_project = part;
        else
            g_ptr_array_add(parts, part);
    }
    g_ptr_array_add(parts, NULL);
    call->parts = (char **)g_ptr_array_free(parts, FALSE);
    return good;
}

/* Compares word by word, without copying: a request is held against every row. */
static bool route_matches(const char *pattern, char **parts, const char **args)
{
    int found = 0;
    const char *word = pattern;
    while (*word != '\0') {
        size_t size = strcspn(word, "/");
        if (*parts == NULL)
            return false;
        if (size == 2 && strncmp(word, "{}", 2) == 0) {
            g_assert(found < CALL_ARGS_MAX);
            args[found++] = *parts;
        } else if (strncmp(word, *parts, size) != 0 || (*parts)[size] != '\0') {
            return false;
        }
        parts++;
        word += size + (word[size] == '/');
    }
    return *parts == NULL;
}

/* NULL: no such route; 'ret_other' then says whether the path is known with another method. */
static const struct route *find_route(struct call *call, bool *ret_other)
{
    *ret_other = false;
    for (const struct route *r = call->service->routes; r->method != NULL; r++) {
        const char *args[CALL_ARGS_MAX] = {NULL};
        if (r->mv > call->mv || !route_matches(r->pattern, call->parts, args))
            continue;
        if (strcmp(r->method, call->req->method) == 0) {
            memcpy(call->arg, args, sizeof args);
            return r;
        }
        *ret_other = true;
    }
    return NULL;
}

/* "compute 2.93", "2.93, volume 3.70": the version of our type; NULL if it is not named. */
static char *version_asked(const struct call *call)
{
    const char *text = http_request_get(call->req, "OpenStack-API-Version");
    g_auto(GStrv) items = g_strsplit(text != NULL ? text : "", ",", -1);
    for (guint i = 0; items[i] != NULL; i++) {
        g_auto(GStrv) words = g_strsplit_set(g_strstrip(items[i]), " \t", -1);
        guint last = g_strv_length(words);
        if (last >= 2 && strcmp(words[0], call->service->version_type) == 0)
            return g_strdup(words[last - 1]);
    }
    const char *old = NULL;
    if (call->service->id == SIM_NOVA)
        old = http_request_get(call->req, "X-OpenStack-Nova-API-Version");
    return g_strdup(old);
}

/* NULL: fine, call->mv is set.  Cinder and Nova answer 400 and 406 in the same words. */
static struct http_response *check_version(struct call *call)
{
    const struct service *s = call->service;
    if (s->version_type == NULL)
        return NULL;
    int max = s->version_max[call->sim->options.release];
    g_autofree char *text = version_asked(call);
    call->mv = s->version_min;
    if (text == NULL)
        return NULL;
    if (strcmp(text, "latest") == 0) {
        call->mv = max;
        return NULL;
    }
    char *rest = NULL;
    guint64 major = g_ascii_strtoull(text, &rest, 10);
    if (rest == text || *rest != '.' || !g_ascii_isdigit(rest[1]))
        return sim_call_fail(call, 400,
                             "API Version String '%s' is of invalid format. Must be of format "
                             "MajorNum.MinorNum.",
                             text);
    guint64 minor = g_ascii_strtoull(rest + 1, NULL, 10);
    call->mv = (int)MIN(minor, 9999);
    if (major == (guint64)s->version_major && call->mv >= s->version_min && call->mv <= max)
        return NULL;
    return sim_call_fail(
        call, 406, "Version %s is not supported by the API. Minimum is %d.%d and maximum is %d.%d.",
        text, s->version_major, s->version_min, s->version_major, max);
}

/* NULL: fine, or nothing to check. */
static struct http_response *check_token(struct call *call)
{
    const char *id = http_request_get(call->req, "X-Auth-Token");
    call->token = sim_keystone_token_accept(call->site, call->service->id, id);
    if (call->token == NULL)
        return sim_call_fail_type(call, 401, NULL, "%s",
                                  "The request you have made requires authentication.");
    call->user_id = json_str(call->token, "user_id");
    call->project_id = json_str(call->token, "project_id");
    call->admin = sim_keystone_token_has_role(call->site, call->token, "admin");
    return NULL;
}

static struct http_response *check_body(struct call *call, const struct route *route)
{
    if (call->req->body_size == 0 || (route->flags & ROUTE_RAW) != 0)
        return NULL;
    g_autoptr(err_t) e = json_parse(call->req->body, call->req->body_size, "body", &call->body);
    if (e == NULL && json_is_object(call->body))
        return NULL;
    switch (call->service->id) {
    case SIM_NEUTRON:
        return sim_call_fail_type(call, 400, "HTTPBadRequest", "Body contains invalid data");
    case SIM_GLANCE:
        if (e == NULL) /* a patch is an array */
            return NULL;
        return sim_call_fail(call, 400, "Malformed JSON in request body.");
    case SIM_KEYSTONE:
    case SIM_NOVA:
    case SIM_CINDER:
    case SIM_PLACEMENT:
    case SIM_SERVICES:
        return sim_call_fail(call, 400, "Malformed request body");
    }
    g_assert_not_reached();
}

static bool size_limited(const struct call *call)
{
    enum sim_service id = call->service->id;
    return id == SIM_KEYSTONE || id == SIM_NOVA || id == SIM_CINDER;
}

static struct http_response *no_route(struct call *call, bool other)
{
    if (other)
        return sim_call_fail_type(call, 405, "HTTPMethodNotAllowed",
                                  "The method %s is not allowed for this resource.",
                                  call->req->method);
    return sim_call_fail_type(call, 404, "HTTPNotFound", "The resource could not be found.");
}

/* Public routes are looked for before the token, all others after it. */
static struct http_response *sim_call_answer(struct call *call)
{
    if (size_limited(call) && call->req->body_size > CALL_BODY_MAX_BYTES)
        return sim_call_webob(call, 413,
                              "Request is too large. Larger than max_request_body_size (114688).");
    bool other = false;
    const struct route *route = find_route(call, &other);
    bool is_public = route != NULL && (route->flags & ROUTE_PUBLIC) != 0;
    struct http_response *refusal = is_public ? NULL : check_token(call);
    if (refusal == NULL)
        refusal = check_version(call);
    if (refusal != NULL)
        return refusal;
    route = find_route(call, &other);
    if (route == NULL)
        return no_route(call, other);
    if (call->service->id == SIM_CINDER && call->url_project != NULL && call->token != NULL &&
        g_strcmp0(call->url_project, call->project_id) != 0)
        return sim_call_fail(call, 400, "Malformed request url");
    if (route->policy != NULL && !sim_call_allowed(call, route->policy))
        return sim_call_forbid(call, route->policy);
    refusal = check_body(call, route);
    return refusal != NULL ? refusal : route->fn(call);
}

static void sim_call_fini(struct call *call)
{
    g_free(call->path);
    g_strfreev(call->parts);
    g_free(call->url_project);
    if (call->query != NULL)
        g_ptr_array_unref(call->query);
    json_decref(call->body);
}

struct http_response *sim_call_serve(struct site *site, enum sim_service service,
                                     const struct http_request *req, json_t **ret_token)
{
    struct call call = {.sim = site->sim, .site = site, .service = services[service], .req = req};
    call.path = url_path(req->url);
    if (call.path == NULL)
        call.path = g_strdup("/");
    call.mv = call.service->version_max[site->sim->options.release];
    g_autoptr(err_t) bad = url_query(req->url, &call.query);
    struct http_response *resp = NULL;
    if (!sim_call_split(&call) || bad != NULL)
        resp = sim_call_fail(&call, 400, "Malformed request url");
    else
        resp = sim_call_answer(&call);
    if (call.service->decorate != NULL)
        call.service->decorate(&call, resp);
    *ret_token = call.token;
    sim_call_fini(&call);
    return resp;
}

bool sim_call_allowed(const struct call *call, const char *rule)
{
    return call->admin || json_bool(sim_site_table(call->site, "policy"), rule, false);
}

bool sim_call_sees(const struct call *call, const json_t *row)
{
    return row != NULL &&
           (call->admin || g_strcmp0(json_str(row, "project_id"), call->project_id) == 0);
}
