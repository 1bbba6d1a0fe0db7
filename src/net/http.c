/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - requests and responses as values; headers, bodies and addresses.
 *
 * Knows no socket: curl.c and httpd.c move these values over the wire, a simulation passes them by
 * hand.  Invariants: a body is followed by a NUL; no header holds a control character (they become
 * blanks when set), so that nobody's input can smuggle a header into a message.
 */
#include "net/http.h"

#include <string.h>

/* ---- headers ---- */

static void header_free(gpointer p)
{
    struct http_header *h = p;

    g_free(h->name);
    g_free(h->value);
    g_free(h);
}

static char *header_clean(const char *text)
{
    char *copy = g_strdup(text);

    for (char *c = copy; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c) && *c != '\t')
            *c = ' ';
    return copy;
}

static void headers_add(GPtrArray *headers, const char *name, const char *value)
{
    struct http_header *h = g_new0(struct http_header, 1);

    h->name = header_clean(name);
    h->value = header_clean(value);
    g_ptr_array_add(headers, h);
}

static struct http_header *headers_find(const GPtrArray *headers, const char *name)
{
    for (guint i = 0; i < headers->len; i++) {
        struct http_header *h = headers->pdata[i];
        if (g_ascii_strcasecmp(h->name, name) == 0)
            return h;
    }
    return NULL;
}

static void headers_set(GPtrArray *headers, const char *name, const char *value)
{
    g_autofree char *kept = g_strdup(value); /* 'value' may be the very header that goes */
    struct http_header *h;

    while ((h = headers_find(headers, name)) != NULL)
        g_ptr_array_remove(headers, h);
    headers_add(headers, name, kept);
}

static const char *headers_get(const GPtrArray *headers, const char *name)
{
    const struct http_header *h = headers_find(headers, name);

    return h != NULL ? h->value : NULL;
}

/* ---- requests and responses ---- */

struct http_request *http_request_create(const char *method, const char *url)
{
    struct http_request *req = g_new0(struct http_request, 1);

    req->method = g_strdup(method);
    req->url = g_strdup(url);
    req->headers = g_ptr_array_new_with_free_func(header_free);
    return req;
}

void http_request_destroy(struct http_request *req)
{
    if (req == NULL)
        return;
    g_free(req->method);
    g_free(req->url);
    g_ptr_array_unref(req->headers);
    g_free(req->body);
    g_free(req->peer);
    g_free(req->cafile);
    g_free(req);
}

struct http_response *http_response_create(int status)
{
    struct http_response *resp = g_new0(struct http_response, 1);

    resp->status = status;
    resp->headers = g_ptr_array_new_with_free_func(header_free);
    return resp;
}

void http_response_destroy(struct http_response *resp)
{
    if (resp == NULL)
        return;
    g_ptr_array_unref(resp->headers);
    g_free(resp->body);
    g_free(resp);
}

void http_request_set(struct http_request *req, const char *name, const char *value)
{
    headers_set(req->headers, name, value);
}

void http_request_add(struct http_request *req, const char *name, const char *value)
{
    headers_add(req->headers, name, value);
}

void http_request_unset(struct http_request *req, const char *name)
{
    struct http_header *h;

    while ((h = headers_find(req->headers, name)) != NULL)
        g_ptr_array_remove(req->headers, h);
}

const char *http_request_get(const struct http_request *req, const char *name)
{
    return headers_get(req->headers, name);
}

void http_response_set(struct http_response *resp, const char *name, const char *value)
{
    headers_set(resp->headers, name, value);
}

void http_response_add(struct http_response *resp, const char *name, const char *value)
{
    headers_add(resp->headers, name, value);
}

const char *http_response_get(const struct http_response *resp, const char *name)
{
    return headers_get(resp->headers, name);
}

static void body_set(char **body, size_t *body_size, const char *data, size_t size)
{
    char *copy = g_malloc(size + 1);

    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    g_free(*body);
    *body = copy;
    *body_size = size;
}

void http_request_body(struct http_request *req, const char *body, size_t size)
{
    body_set(&req->body, &req->body_size, body, size);
}

void http_request_json(struct http_request *req, const json_t *j)
{
    g_autofree char *text = json_print(j);

    http_request_body(req, text, strlen(text));
    http_request_set(req, "Content-Type", "application/json");
}

void http_response_body(struct http_response *resp, const char *type, const char *body, size_t size)
{
    body_set(&resp->body, &resp->body_size, body, size);
    http_response_set(resp, "Content-Type", type);
}

void http_response_json(struct http_response *resp, const json_t *j)
{
    g_autofree char *text = json_print(j);

    http_response_body(resp, "application/json", text, strlen(text));
}

/* ---- addresses ---- */

char *url_encode(const char *text)
{
    GString *out = g_string_sized_new(strlen(text) + 16);

    for (const char *c = text; *c != '\0'; c++) {
        if (g_ascii_isalnum(*c) || strchr("-._~", *c) != NULL)
            g_string_append_c(out, *c);
        else
            g_string_append_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
    }
    return g_string_free(out, FALSE);
}

static char *decode(const char *text, size_t size, bool plus_is_blank)
{
    g_autoptr(GString) out = g_string_sized_new(size);

    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '+' && plus_is_blank) {
            c = ' ';
        } else if (c == '%') {
            if (size - i < 3 || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2]))
                return NULL;
            c = (char)(g_ascii_xdigit_value(text[i + 1]) * 16 + g_ascii_xdigit_value(text[i + 2]));
            i += 2;
        }
        g_string_append_c(out, c);
    }
    if (!g_utf8_validate(out->str, (gssize)out->len, NULL)) /* also refuses a NUL within */
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

char *url_decode(const char *text, size_t size)
{
    return decode(text, size, false);
}

char *url_join(const char *base, const char *path)
{
    size_t size = strlen(base);

    while (size > 0 && base[size - 1] == '/')
        size--;
    while (*path == '/')
        path++;
    return g_strdup_printf("%.*s/%s", (int)size, base, path);
}

/* Where the authority of an absolute url begins, or NULL. */
static const char *url_authority(const char *url)
{
    const char *mark = strstr(url, "://");

    if (mark == NULL || mark == url)
        return NULL;
    for (const char *c = url; c < mark; c++)
        if (!g_ascii_isalnum(*c) && strchr("+-.", *c) == NULL)
            return NULL;
    return mark + 3;
}

char *url_origin(const char *url)
{
    const char *authority = url_authority(url);
    const char *end;

    if (authority == NULL)
        return NULL;
    end = authority + strcspn(authority, "/?#");
    for (const char *c = end; c > authority; c--)
        if (c[-1] == '@')
            return c == end ? NULL
                            : g_strdup_printf("%.*s%.*s", (int)(authority - url), url,
                                              (int)(end - c), c);
    return end == authority ? NULL : g_strndup(url, (size_t)(end - url));
}

char *url_path(const char *url)
{
    const char *authority = url_authority(url);
    const char *start = authority != NULL ? authority + strcspn(authority, "/?#") : url;
    size_t size = strcspn(start, "?#");

    return size == 0 ? g_strdup("/") : g_strndup(start, size);
}

/* Decodes one "name=value"; false if the encoding is broken. */
static bool query_piece(const char *piece, size_t size, GPtrArray *into)
{
    const char *sign = memchr(piece, '=', size);
    size_t name_size = sign != NULL ? (size_t)(sign - piece) : size;
    g_autofree char *name = decode(piece, name_size, true);
    g_autofree char *value =
        sign != NULL ? decode(sign + 1, size - name_size - 1, true) : g_strdup("");
    struct http_header *h;

    if (name == NULL || value == NULL)
        return false;
    h = g_new0(struct http_header, 1);
    h->name = g_steal_pointer(&name);
    h->value = g_steal_pointer(&value);
    g_ptr_array_add(into, h);
    return true;
}

err_t *url_query(const char *url, GPtrArray **ret)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(header_free);
    const char *c = url + strcspn(url, "?#");

    if (*c == '?') {
        c++;
        while (*c != '\0' && *c != '#') {
            size_t size = strcspn(c, "&#");
            if (size > 0 && !query_piece(c, size, found))
                return err(BAD_REQUEST, "the query parameter '%.*s' is not properly encoded",
                           (int)MIN(size, 100), c);
            c += size;
            if (*c == '&')
                c++;
        }
    }
    *ret = g_steal_pointer(&found);
    return NULL;
}
