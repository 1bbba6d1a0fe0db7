/* SPDX-License-Identifier: Apache-2.0 */
/* debug - every request and its reply, told as an event: what `protector --debug` shows.  Whatever
 * is secret in them is masked before anybody sees it. */
#include "client/client_internal.h"

#include "base/secrets.h"

#define DEBUG_TEXT_MAX 8192 /* bytes of one request or reply that are told */

static void headers_add(GString *text, char mark, const GPtrArray *headers)
{
    for (guint i = 0; headers != NULL && i < headers->len; i++) {
        const struct http_header *h = g_ptr_array_index(headers, i);
        g_string_append_printf(text, "%c %s: %s\n", mark, h->name, h->value);
    }
}

/* Masked as a whole, and only then cut: half of a secret would not be known as one. */
static void tell(struct protector_client *c, const GString *text)
{
    g_autofree char *masked = secrets_mask(text->str);
    gsize length = strlen(masked);

    if (length > DEBUG_TEXT_MAX) {
        masked[DEBUG_TEXT_MAX] = '\0';
        g_autofree char *valid = g_utf8_make_valid(masked, -1);
        note_event(c, "debug", "%s … (%zu bytes in all)", valid, length);
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(g_strchomp(masked), -1);
    note_event(c, "debug", "%s", valid);
}

static err_t *debug_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct protector_client *c = data;
    g_autoptr(GString) text = g_string_new(NULL);
    int64_t start_ms = env_mono_ms(c->env);

    g_string_append_printf(text, "> %s %s\n", req->method, req->url);
    headers_add(text, '>', req->headers);
    if (req->body != NULL)
        g_string_append_printf(text, "> %s\n", req->body);
    tell(c, text);
    err_t *e = http_send(c->inner, req, ret);
    int64_t ms = env_mono_ms(c->env) - start_ms;
    if (e != NULL) {
        note_event(c, "debug", "< nothing after %" G_GINT64_FORMAT " ms: %s", ms, err_message(e));
        return e;
    }
    g_string_truncate(text, 0);
    g_string_append_printf(text, "< %d after %" G_GINT64_FORMAT " ms\n", (*ret)->status, ms);
    headers_add(text, '<', (*ret)->headers);
    if ((*ret)->body != NULL)
        g_string_append_printf(text, "< %s\n", (*ret)->body);
    tell(c, text);
    return NULL;
}

const struct http_transport *debug_transport(struct protector_client *c,
                                             const struct http_transport *inner)
{
    c->inner = inner;
    c->told = (struct http_transport){.data = c, .send = debug_send};
    return &c->told;
}
