/* SPDX-License-Identifier: Apache-2.0 */
/* reply - answers, and the reading of lists' queries; see request.h. */
#include "api/request.h"
#include "store/list.h"

#include <string.h>

void reply_json(struct request *r, int status, json_t *takes)
{
    g_autoptr(json_t) j = takes;

    r->response->status = status;
    http_response_json(r->response, j);
}

void reply_empty(struct request *r, int status)
{
    r->response->status = status;
}

void reply_header(struct request *r, const char *name, const char *value)
{
    http_response_set(r->response, name, value);
}

const char *request_header(const struct request *r, const char *name)
{
    return http_request_get(r->http, name);
}

const char *request_query(const struct request *r, const char *name)
{
    for (guint i = 0; i < r->query->len; i++) {
        const struct http_header *q = g_ptr_array_index(r->query, i);
        if (g_str_equal(q->name, name))
            return q->value;
    }
    return NULL;
}

void request_ring(const struct request *r)
{
    if (r->o->ring != NULL)
        r->o->ring(r->o->ring_data);
}

void request_report(const struct request *r, const err_t *e)
{
    if (r->o->report != NULL)
        r->o->report(r->o->report_data, r->request_id, e);
}

/* ---- lists ---- */

static const char *keep(const struct request *r, char *takes)
{
    g_ptr_array_add(r->keep, takes);
    return takes;
}

static err_t *list_sort_read(const struct request *r, const char *text, struct list_query *ret)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", LIST_SORTS_MAX + 1);

    for (size_t i = 0; parts[i] != NULL; i++) {
        char *colon = strchr(parts[i], ':');
        if (i == LIST_SORTS_MAX)
            return err(BAD_REQUEST, "'sort' may name %d keys", LIST_SORTS_MAX);
        const char *direction = colon != NULL ? colon + 1 : "asc";
        if (!g_str_equal(direction, "asc") && !g_str_equal(direction, "desc"))
            return err(BAD_REQUEST, "'sort' is KEY:asc or KEY:desc, not '%s'", parts[i]);
        if (colon != NULL)
            *colon = '\0';
        if (*parts[i] == '\0')
            return err(BAD_REQUEST, "'sort' has an empty key: '%s'", text);
        ret->sorts[i] =
            (struct list_sort){keep(r, g_strdup(parts[i])), g_str_equal(direction, "desc")};
        ret->sort_count = (int)i + 1;
    }
    return NULL;
}

err_t *request_list(const struct request *r, const char *filters, struct list_query *ret)
{
    const char *limit = request_query(r, "limit");
    const char *sort = request_query(r, "sort");
    g_auto(GStrv) names = g_strsplit(filters, " ", -1);
    guint64 number = 100;

    *ret = (struct list_query){.marker = request_query(r, "marker")};
    if (limit != NULL && !g_ascii_string_to_unsigned(limit, 10, 1, LIST_LIMIT_MAX, &number, NULL))
        return err(BAD_REQUEST, "'limit' must be 1 to %d, not '%s'", LIST_LIMIT_MAX, limit);
    ret->limit = (int64_t)number;
    if (sort != NULL && strlen(sort) > 200)
        return err(BAD_REQUEST, "'sort' is too long");
    if (sort != NULL)
        TRY(list_sort_read(r, sort, ret));
    for (size_t i = 0; names[i] != NULL && *names[i] != '\0'; i++) {
        const char *value = request_query(r, names[i]);
        if (value == NULL)
            continue;
        ret->filters[ret->filter_count++] =
            (struct list_filter){keep(r, g_strdup(names[i])), value};
    }
    return NULL;
}

void reply_links(struct request *r, json_t *out, const char *noun, const char *last_id,
                 size_t count, int64_t limit)
{
    g_autofree char *key = g_strdup_printf("%s_links", noun);
    g_autofree char *path = url_path(r->http->url);
    json_t *links = json_array();

    if (last_id != NULL && (int64_t)count == limit) {
        GString *href = g_string_new(path);
        g_string_append_printf(href, "?limit=%" G_GINT64_FORMAT "&marker=%s", limit, last_id);
        for (guint i = 0; i < r->query->len; i++) {
            const struct http_header *q = g_ptr_array_index(r->query, i);
            if (g_str_equal(q->name, "limit") || g_str_equal(q->name, "marker"))
                continue;
            g_autofree char *value = url_encode(q->value);
            g_string_append_printf(href, "&%s=%s", q->name, value);
        }
        json_t *link = json_object();
        json_set_str(link, "rel", "next");
        json_set_str(link, "href", href->str);
        json_array_append_new(links, link);
        g_string_free(href, TRUE);
    }
    json_set(out, key, links);
}
