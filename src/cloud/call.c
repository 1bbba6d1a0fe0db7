/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - calls and lists of a session.  Part of session.h.
 *
 * The only repetition in this room is here: a 401 proves that nothing has happened, so the call is
 * made once more with a new token.
 */
#include <stdarg.h>
#include <string.h>

#include "cloud/keystone.h"
#include "cloud/session.h"
#include "cloud/session_internal.h"

/* ---- one call ---- */

/* A 404 of the way there says nothing of what was to be asked for, which would be taken for gone.
 */
static err_t *not_asked(const struct cloud *c, const struct cloud_request *request, err_t *e)
{
    if (e == NULL || err_code(e) != ERR_CLOUD_NOT_FOUND)
        return e;
    return err_recode(CLOUD_ERROR, e, "%s: %s %s %s was not asked", cloud_name(c),
                      cloud_service_name(request->service), request->method, request->path);
}

/* Makes it once.  '*ret_generation' is that of the token used. */
static err_t *try_once(const struct cloud *c, const struct cloud_request *request,
                       unsigned *ret_generation, json_t **ret)
{
    const struct cloud_service_row *row = cloud_service_row(request->service);
    g_autofree char *microversion = NULL;
    if (row->header != NULL && !request->plain) {
        int minor = 0;
        TRY(cloud_minor(c, request->service, &minor));
        microversion = g_strdup_printf("%s %d.%d", row->header, row->major, minor);
    }
    struct cloud_access access = {0};
    TRY(not_asked(c, request, cloud_access(c, request->service, request->anonymous, &access)));
    *ret_generation = access.generation;
    g_autofree char *url = url_join(access.url, request->path);
    struct wire w = cloud_wire(c);
    struct wire_request r = {
        .service = row->name,
        .method = request->method,
        .url = url,
        .shown = request->path,
        .token = access.token,
        .subject_token = request->subject_token,
        .microversion = microversion,
        .body = request->body,
    };
    json_t *body = NULL;
    err_t *e = wire_call(&w, &r, &body);
    cloud_access_fini(&access);
    if (e == NULL)
        *ret = body;
    return e;
}

err_t *cloud_request(const struct cloud *c, const struct cloud_request *request, json_t **ret)
{
    g_assert(request->path[0] == '/');
    unsigned generation = 0;
    g_autoptr(json_t) body = NULL;
    err_t *e = try_once(c, request, &generation, &body);
    bool again = e != NULL && err_code(e) == ERR_CLOUD_UNAUTHORIZED && generation != 0 &&
                 !request->anonymous && cloud_refused(c, generation);
    if (again) {
        err_free(e);
        e = try_once(c, request, &generation, &body);
    }
    if (e == NULL && ret != NULL)
        *ret = TAKE(body);
    return e;
}

err_t *cloud_call(const struct cloud *c, enum cloud_service service, const char *method,
                  const char *path, const json_t *body, json_t **ret)
{
    struct cloud_request request = {.service = service,
                                    .method = method,
                                    .path = path,
                                    .body = body};
    return cloud_request(c, &request, ret);
}

/* An answer that lacks what it must have: after a call that changes things its effect is unknown.
 */
static err_t *senseless(const struct cloud *c, enum cloud_service service, const char *method,
                        const char *path, const char *key)
{
    enum err_code code = strcmp(method, "GET") == 0 ? ERR_CLOUD_ERROR : ERR_CLOUD_AMBIGUOUS;
    return err_make(__FILE__, __LINE__, code, "%s: %s %s %s answered without '%s'", cloud_name(c),
                    cloud_service_name(service), method, path, key);
}

err_t *cloud_call_object(const struct cloud *c, enum cloud_service service, const char *method,
                         const char *path, const json_t *body, const char *key, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    TRY(cloud_call(c, service, method, path, body, &reply));
    json_t *value = json_object_get(reply, key);
    if (!json_is_object(value) && !json_is_array(value))
        return senseless(c, service, method, path, key);
    if (ret != NULL)
        *ret = json_incref(value);
    return NULL;
}

/* ---- lists ---- */

static const char *next_of_links(const json_t *links)
{
    size_t i;
    json_t *link;
    json_array_foreach(links, i, link)
    {
        if (g_strcmp0(json_str(link, "rel"), "next") == 0)
            return json_str(link, "href");
    }
    return NULL;
}

/* The address of the next page: Glance's "next", Keystone's "links", the others' "<list>_links". */
static const char *next_page(const json_t *reply)
{
    const char *next = json_str(reply, "next");
    if (next == NULL)
        next = json_str_at(reply, "links/next");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)reply, key, value)
    {
        if (next == NULL && g_str_has_suffix(key, "_links"))
            next = next_of_links(value);
    }
    return next;
}

/* Its "marker", else the id of the last item; NULL if neither.  Caller frees. */
static char *marker_of(const char *next, const json_t *page)
{
    GPtrArray *query = NULL;
    char *marker = NULL;
    err_t *e = url_query(next, &query);
    err_free(e);
    for (guint i = 0; query != NULL && i < query->len; i++) {
        const struct http_header *parameter = query->pdata[i];
        if (strcmp(parameter->name, "marker") == 0 && marker == NULL)
            marker = g_strdup(parameter->value);
    }
    if (query != NULL)
        g_ptr_array_unref(query);
    size_t size = json_array_size(page);
    if (marker == NULL && size > 0)
        marker = g_strdup(json_str(json_array_get(page, size - 1), "id"));
    return marker;
}

static char *page_path(const char *path, const char *marker)
{
    if (marker == NULL)
        return g_strdup(path);
    g_autofree char *encoded = url_encode(marker);
    return g_strdup_printf("%s%cmarker=%s", path, strchr(path, '?') != NULL ? '&' : '?', encoded);
}

static err_t *cut(const struct cloud *c, enum cloud_service service, const char *path,
                  const char *why)
{
    return err(CLOUD_PARTIAL, "%s: the list %s GET %s cannot be read to its end: %s", cloud_name(c),
               cloud_service_name(service), path, why);
}

/* Reads one page into 'items'; '*marker' is that of the next one, NULL after the last. */
static err_t *read_page(const struct cloud *c, enum cloud_service service, const char *path,
                        const char *key, char **marker, json_t *items)
{
    g_autofree char *page = page_path(path, *marker);
    g_autoptr(json_t) reply = NULL;
    TRY(cloud_call(c, service, "GET", page, NULL, &reply));
    const json_t *found = json_arr(reply, key);
    if (found == NULL)
        return senseless(c, service, "GET", page, key);
    json_array_extend(items, (json_t *)found);
    const char *next = next_page(reply);
    g_autofree char *following = next != NULL ? marker_of(next, found) : NULL;
    if (next != NULL && (following == NULL || g_strcmp0(following, *marker) == 0))
        return cut(c, service, page, "the next page has no place to start from");
    if (next != NULL && json_array_size(found) == 0)
        return cut(c, service, page, "an empty page is followed by another");
    g_free(*marker);
    *marker = TAKE(following);
    return NULL;
}

err_t *cloud_list(const struct cloud *c, enum cloud_service service, const char *path,
                  const char *key, json_t **ret)
{
    g_autoptr(json_t) items = json_array();
    g_autofree char *marker = NULL;
    for (int page = 0; page < CLOUD_PAGES_MAX; page++) {
        TRY(read_page(c, service, path, key, &marker, items));
        if (json_array_size(items) > CLOUD_ITEMS_MAX)
            return cut(c, service, path, "too many items");
        if (marker == NULL) {
            *ret = TAKE(items);
            return NULL;
        }
    }
    return cut(c, service, path, "too many pages");
}

/* ---- small helpers ---- */

err_t *cloud_alive(const struct cloud_options *options, const char *service, const char *url,
                   int64_t deadline_mono_ms, int *ret_status)
{
    struct wire w = {
        .transport = options->transport,
        .env = options->env,
        .cloud = options->cloud,
        .timeout_ms = options->timeout_ms,
        .connect_timeout_ms = options->connect_timeout_ms,
        .deadline_mono_ms = deadline_mono_ms,
        .cafile = options->cafile,
        .insecure = options->insecure,
    };
    struct wire_request r = {.service = service, .method = "GET", .url = url};
    AUTO(http_response) resp = NULL;
    TRY(wire_send(&w, &r, &resp));
    if (ret_status != NULL)
        *ret_status = resp->status;
    return NULL;
}

err_t *cloud_gone_is_fine(err_t *e)
{
    if (e == NULL || err_code(e) != ERR_CLOUD_NOT_FOUND)
        return e;
    err_free(e);
    return NULL;
}

char *cloud_path(const char *format, ...)
{
    va_list args;
    GString *path = g_string_new(NULL);
    va_start(args, format);
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%') {
            g_string_append_c(path, *p);
            continue;
        }
        p++;
        g_assert(*p == 's' || *p == 'd');
        if (*p == 'd') {
            g_string_append_printf(path, "%d", va_arg(args, int));
        } else {
            g_autofree char *encoded = url_encode(va_arg(args, const char *));
            g_string_append(path, encoded);
        }
    }
    va_end(args);
    return g_string_free(path, FALSE);
}

json_t *cloud_find(const json_t *items, const char *field, const char *value)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        if (value != NULL && g_strcmp0(json_str(item, field), value) == 0)
            return item;
    }
    return NULL;
}

err_t *cloud_find_named(const struct cloud *c, const json_t *items, const char *what,
                        const char *text, json_t **ret)
{
    json_t *found = cloud_find(items, "id", text);
    size_t i, count = 0;
    json_t *item;
    if (found != NULL) {
        *ret = found;
        return NULL;
    }
    json_array_foreach(items, i, item)
    {
        if (g_strcmp0(json_str(item, "name"), text) == 0 && count++ == 0)
            found = item;
    }
    if (count == 0)
        return err(CLOUD_NOT_FOUND, "%s: there is no %s '%s'", cloud_name(c), what, text);
    if (count > 1)
        return err(CLOUD_CONFLICT,
                   "%s: the name '%s' of a %s is not unique (%zu have it): give the id",
                   cloud_name(c), text, what, count);
    *ret = found;
    return NULL;
}
