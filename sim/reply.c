/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - the answering half of call.h: bodies, errors, pages.
 */
#include "sim/call.h"

#include <stdarg.h>
#include <string.h>

struct http_response *sim_call_json(struct call *call, int status, json_t *body)
{
    (void)call;
    struct http_response *resp = http_response_create(status);
    http_response_json(resp, body);
    json_decref(body);
    return resp;
}

struct http_response *sim_call_empty(struct call *call, int status, const char *type)
{
    (void)call;
    struct http_response *resp = http_response_create(status);
    if (type != NULL)
        http_response_set(resp, "Content-Type", type);
    return resp;
}

struct http_response *sim_call_fail(struct call *call, int status, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *message = g_strdup_vprintf(format, ap);
    va_end(ap);
    return call->service->fail(call, status, NULL, message);
}

struct http_response *sim_call_fail_type(struct call *call, int status, const char *type,
                                         const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *message = g_strdup_vprintf(format, ap);
    va_end(ap);
    return call->service->fail(call, status, type, message);
}

struct http_response *sim_call_forbid(struct call *call, const char *rule)
{
    switch (call->service->id) {
    case SIM_KEYSTONE:
        return sim_call_fail(call, 403,
                             "You are not authorized to perform the requested action: %s.", rule);
    case SIM_NEUTRON:
        return sim_call_fail_type(call, 403, "PolicyNotAuthorized",
                                  "rule:%s is disallowed by policy", rule);
    case SIM_GLANCE:
        return sim_call_fail(call, 403, "You are not authorized to complete %s action.", rule);
    case SIM_NOVA:
    case SIM_CINDER:
    case SIM_PLACEMENT:
    case SIM_SERVICES:
        return sim_call_fail(call, 403, "Policy doesn't allow %s to be performed.", rule);
    }
    g_assert_not_reached();
}

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {400, "Bad Request"},        {401, "Unauthorized"},
    {403, "Forbidden"},          {404, "Not Found"},
    {405, "Method Not Allowed"}, {406, "Not Acceptable"},
    {409, "Conflict"},           {413, "Request Entity Too Large"},
    {429, "Too Many Requests"},  {500, "Internal Server Error"},
    {501, "Not Implemented"},    {503, "Service Unavailable"},
};

const char *sim_call_reason(int status)
{
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Error";
}

struct http_response *sim_call_webob(struct call *call, int status, const char *message)
{
    g_autofree char *text = g_strconcat(message, "<br /><br />\n\n\n", NULL);
    g_autofree char *code = g_strdup_printf("%d %s", status, sim_call_reason(status));
    return sim_call_json(call, status,
                         js("{s:s, s:s, s:s}", "message", text, "code", code, "title",
                            sim_call_reason(status)));
}

const char *sim_call_query(const struct call *call, const char *name)
{
    for (guint i = 0; i < call->query->len; i++) {
        const struct http_header *h = g_ptr_array_index(call->query, i);
        if (strcmp(h->name, name) == 0)
            return h->value;
    }
    return NULL;
}

char *sim_call_origin(const struct call *call)
{
    return sim_origin(call->sim, call->site->index, call->service->id);
}

/* The number of rows of a page; -1: no limit. */
static int64_t page_limit(const struct call *call, int64_t limit_max)
{
    const char *text = sim_call_query(call, "limit");
    int64_t limit = text != NULL ? g_ascii_strtoll(text, NULL, 10) : -1;
    if (limit_max > 0 && (limit < 0 || limit > limit_max))
        return limit_max;
    return limit;
}

json_t *sim_call_page(struct call *call, json_t *rows, const char *id_key, int64_t limit_max,
                      char **ret_next)
{
    const char *marker = sim_call_query(call, "marker");
    int64_t limit = page_limit(call, limit_max);
    bool open = marker == NULL || *marker == '\0';
    json_t *page = json_array();
    *ret_next = NULL;
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(rows, i, row)
    {
        if (!open) {
            open = g_strcmp0(json_str(row, id_key), marker) == 0;
        } else if (limit < 0 || (int64_t)json_array_size(page) < limit) {
            json_array_append(page, row);
        } else {
            json_t *last = json_array_get(page, json_array_size(page) - 1);
            *ret_next = g_strdup(last != NULL ? json_str(last, id_key) : NULL);
            break;
        }
    }
    json_decref(rows);
    if (open)
        return page;
    json_decref(page);
    return NULL;
}

char *sim_call_next_url(struct call *call, const char *path, const char *marker)
{
    GString *url = g_string_new(path);
    char sign = '?';
    for (guint i = 0; i < call->query->len; i++) {
        const struct http_header *h = g_ptr_array_index(call->query, i);
        if (strcmp(h->name, "marker") == 0)
            continue;
        g_autofree char *name = url_encode(h->name);
        g_autofree char *value = url_encode(h->value);
        g_string_append_printf(url, "%c%s=%s", sign, name, value);
        sign = '&';
    }
    g_autofree char *id = url_encode(marker);
    g_string_append_printf(url, "%cmarker=%s", sign, id);
    return g_string_free(url, FALSE);
}
