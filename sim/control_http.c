/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_http - what tests do to the world, as requests: /sim/control.  The server program offers
 * it on a port of its own, so that scripts can break things; one row per request.
 *
 *     POST   /sim/control/down      {"site", "service"?, "down": bool}
 *     POST   /sim/control/power     {"site", "on": bool}
 *     POST   /sim/control/faults    {"site"?, "service"?, "method"?, "path"?, "skip"?, "count"?,
 *                                    "kind", "status"?, "body"?, "delay_ms"?}
 *     DELETE /sim/control/faults    no faults any more
 *     POST   /sim/control/quota     {"site", "service", "project", "resource", "limit"}
 *     POST   /sim/control/policy    {"site", "rule", "tenants": bool}
 *     POST   /sim/control/backend   {"site", "name", "size_gb"}
 *     POST   /sim/control/driver    {"site", "failures": of the next changes of a Cinder group}
 *     GET    /sim/control/log       ?site=&service=&method=&path=          DELETE: empties it
 *     GET    /sim/control/dump      all objects
 *     GET    /sim/control/clouds    clouds.yaml
 */
#include "sim/sim.h"

#include <string.h>

#include "sim/js.h"

struct control {
    struct sim *sim;
    const struct http_request *req;
    json_t *body;
    int site; /* of the body; -1: none named, or no such site */
};

typedef struct http_response *control_fn(struct control *c);

static struct http_response *reply(int status, json_t *body)
{
    struct http_response *resp = http_response_create(status);
    if (body != NULL)
        http_response_json(resp, body);
    json_decref(body);
    return resp;
}

static struct http_response *bad(const char *what)
{
    return reply(400, js("{s:s}", "error", what));
}

static int site_named(const struct sim *sim, const char *name)
{
    for (int i = 0; i < SIM_SITES; i++) {
        if (g_strcmp0(name, sim_site_name(sim, i)) == 0)
            return i;
    }
    return -1;
}

static struct http_response *set_down(struct control *c)
{
    const char *service = json_str(c->body, "service");
    if (c->site < 0)
        return bad("no such site");
    if (service != NULL && sim_service_of(service) == SIM_SERVICES)
        return bad("no such service");
    sim_site_down(c->sim, c->site, service, json_bool(c->body, "down", true));
    return reply(204, NULL);
}

static struct http_response *set_power(struct control *c)
{
    if (c->site < 0)
        return bad("no such site");
    if (json_bool(c->body, "on", true))
        sim_power_restore(c->sim, c->site);
    else
        sim_power_cut(c->sim, c->site);
    return reply(204, NULL);
}

static struct http_response *add_fault(struct control *c)
{
    struct sim_fault fault = {.site = c->site,
                              .service = json_str(c->body, "service"),
                              .method = json_str(c->body, "method"),
                              .path = json_str(c->body, "path"),
                              .skip = (int)json_int(c->body, "skip", 0),
                              .count = (int)json_int(c->body, "count", 1),
                              .status = (int)json_int(c->body, "status", 500),
                              .body = json_str(c->body, "body"),
                              .delay_ms = json_int(c->body, "delay_ms", 0)};
    if (json_str(c->body, "site") != NULL && c->site < 0)
        return bad("no such site");
    if (fault.service != NULL && sim_service_of(fault.service) == SIM_SERVICES)
        return bad("no such service");
    if (!sim_fault_kind_of(json_str(c->body, "kind"), &fault.kind))
        return bad(
            "no such kind of fault: status, refuse, timeout-before, timeout-after, truncate, "
            "duplicate, delay");
    if (fault.status < 200 || fault.status > 599)
        return bad("status must be 200 to 599");
    sim_fault_add(c->sim, &fault);
    return reply(204, NULL);
}

static struct http_response *clear_faults(struct control *c)
{
    sim_fault_clear(c->sim);
    return reply(204, NULL);
}

static struct http_response *set_quota(struct control *c)
{
    if (c->site < 0 ||
        !sim_set_quota(c->sim, c->site, json_str(c->body, "service"), json_str(c->body, "project"),
                       json_str_or(c->body, "resource", ""), json_int(c->body, "limit", -1)))
        return bad("no such site, service or project");
    return reply(204, NULL);
}

static struct http_response *set_policy(struct control *c)
{
    const char *rule = json_str(c->body, "rule");
    if (c->site < 0 || rule == NULL)
        return bad("no such site, or no rule");
    sim_set_policy(c->sim, c->site, rule, json_bool(c->body, "tenants", true));
    return reply(204, NULL);
}

static struct http_response *fail_driver(struct control *c)
{
    if (c->site < 0)
        return bad("no such site");
    sim_driver_fails(c->sim, c->site, (int)json_int(c->body, "failures", 1));
    return reply(204, NULL);
}

static struct http_response *put_backend(struct control *c)
{
    const char *name = json_str(c->body, "name");
    if (c->site < 0 || name == NULL)
        return bad("no such site, or no name");
    g_autoptr(err_t) e = sim_backend_put(c->sim, c->site, name, json_int(c->body, "size_gb", 1));
    return e != NULL ? bad(err_message(e)) : reply(204, NULL);
}

/* The first value of a query parameter, or NULL. */
static const char *query_of(GPtrArray *query, const char *name)
{
    for (guint i = 0; i < query->len; i++) {
        const struct http_header *h = g_ptr_array_index(query, i);
        if (strcmp(h->name, name) == 0 && h->value[0] != '\0')
            return h->value;
    }
    return NULL;
}

static json_t *line_view(const struct sim *sim, const struct sim_log *line)
{
    return js("{s:s, s:s, s:s, s:s, s:o, s:o, s:i, s:I}", "site", sim_site_name(sim, line->site),
              "service", sim_service_name(line->service), "method", line->method, "path",
              line->path, "user", js_str(line->user), "project", js_str(line->project), "status",
              line->status, "at_ms", (json_int_t)line->at_ms);
}

static struct http_response *show_log(struct control *c)
{
    g_autoptr(GPtrArray) query = NULL;
    g_autoptr(err_t) e = url_query(c->req->url, &query);
    if (e != NULL)
        return bad(err_message(e));
    const char *site = query_of(query, "site");
    const char *service = query_of(query, "service");
    const char *method = query_of(query, "method");
    const char *path = query_of(query, "path");
    json_t *lines = json_array();
    const GPtrArray *log = sim_log(c->sim);
    for (guint i = 0; i < log->len; i++) {
        const struct sim_log *line = g_ptr_array_index(log, i);
        if ((site == NULL || site_named(c->sim, site) == line->site) &&
            (service == NULL || sim_service_of(service) == line->service) &&
            (method == NULL || strcmp(method, line->method) == 0) &&
            (path == NULL || g_pattern_match_simple(path, line->path)))
            json_array_append_new(lines, line_view(c->sim, line));
    }
    return reply(200,
                 js("{s:I, s:o}", "count", (json_int_t)json_array_size(lines), "requests", lines));
}

static struct http_response *clear_log(struct control *c)
{
    sim_log_clear(c->sim);
    return reply(204, NULL);
}

static struct http_response *show_dump(struct control *c)
{
    sim_advance(c->sim);
    return reply(200, sim_dump(c->sim));
}

static struct http_response *show_clouds(struct control *c)
{
    g_autofree char *text = sim_clouds_yaml(c->sim);
    struct http_response *resp = http_response_create(200);
    http_response_body(resp, "application/yaml", text, strlen(text));
    return resp;
}

static const struct {
    const char *method;
    const char *path;
    control_fn *fn;
} rows[] = {
    {"POST", "/sim/control/down", set_down},       {"POST", "/sim/control/power", set_power},
    {"POST", "/sim/control/faults", add_fault},    {"DELETE", "/sim/control/faults", clear_faults},
    {"POST", "/sim/control/quota", set_quota},     {"POST", "/sim/control/policy", set_policy},
    {"POST", "/sim/control/backend", put_backend}, {"POST", "/sim/control/driver", fail_driver},
    {"GET", "/sim/control/log", show_log},         {"DELETE", "/sim/control/log", clear_log},
    {"GET", "/sim/control/dump", show_dump},       {"GET", "/sim/control/clouds", show_clouds},
};

struct http_response *sim_control(struct sim *sim, const struct http_request *req)
{
    g_autofree char *path = url_path(req->url);
    g_autoptr(json_t) body = NULL;
    if (req->body_size > 0) {
        g_autoptr(err_t) e = json_parse(req->body, req->body_size, "body", &body);
        if (e != NULL)
            return bad(err_message(e));
    }
    struct control c = {.sim = sim, .req = req, .body = body};
    c.site = site_named(sim, json_str(body, "site"));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].method, req->method) == 0 && g_strcmp0(rows[i].path, path) == 0)
            return rows[i].fn(&c);
    }
    return reply(404, js("{s:s}", "error", "no such control; see sim/control_http.c"));
}
