/* SPDX-License-Identifier: Apache-2.0 */
/* report - signing and verifying; see report.h. */
#include "report/report_internal.h"

#include <string.h>

static const char *const forms[REPORT_FORMS] = {"json", "markdown", "html"};

enum report_form report_form_of(const char *text)
{
    enum report_form form = REPORT_JSON;

    while (form < REPORT_FORMS && strcmp(forms[form], text) != 0)
        form++;
    return form;
}

/* What is signed.  Caller frees. */
static char *signed_bytes(const json_t *report)
{
    g_autofree char *text = json_print_canonical(report);

    return g_strconcat(REPORT_DOMAIN, text, NULL);
}

json_t *report_sign(const struct keypairs *keys, const char *site, json_t *report)
{
    g_autofree char *bytes = signed_bytes(report);
    g_autofree char *value = keypairs_sign(keys, bytes, strlen(bytes));
    json_t *signature = json_object();
    json_t *out = json_object();

    json_set_str(signature, "site", site);
    json_set_str(signature, "sign_public", keypairs_sign_public(keys));
    json_set_str(signature, "seal_public", keypairs_seal_public(keys));
    json_set_str(signature, "fingerprint", keypairs_fingerprint(keys));
    json_set_str(signature, "value", value);
    json_set(out, "report", report);
    json_set(out, "signature", signature);
    return out;
}

char *report_embedded(const json_t *signed_)
{
    g_autofree char *text = json_print_canonical(signed_);
    GString *out = g_string_new(text);

    g_string_replace(out, "<", "\\u003c", 0); /* they stand in texts only */
    g_string_replace(out, ">", "\\u003e", 0);
    return g_string_free(out, FALSE);
}

char *report_print(const json_t *signed_, enum report_form form)
{
    switch (form) {
    case REPORT_JSON:
        return json_print_pretty(signed_);
    case REPORT_MARKDOWN:
        return report_markdown(signed_);
    case REPORT_HTML:
        return report_html(signed_);
    case REPORT_FORMS:
        break;
    }
    g_assert_not_reached();
}

/* ---- verifying ---- */

static err_t *changed(const char *what)
{
    return err(REPORT_CHANGED, "%s", what);
}

/* The text between the marks, or NULL.  Caller frees. */
static char *between(const char *text, const char *begins, const char *ends)
{
    const char *from = strstr(text, begins);

    if (from == NULL)
        return NULL;
    from += strlen(begins);
    const char *to = strstr(from, ends);
    return to != NULL ? g_strndup(from, (gsize)(to - from)) : NULL;
}

/* The JSON in the file, and in which form it stands there. */
static char *find_json(const char *text, enum report_form *ret_form)
{
    char *html = between(text, REPORT_BEGINS_HTML, REPORT_ENDS_HTML);
    char *markdown =
        html == NULL ? between(text, REPORT_BEGINS_MARKDOWN, REPORT_ENDS_MARKDOWN) : NULL;

    *ret_form = html != NULL ? REPORT_HTML : markdown != NULL ? REPORT_MARKDOWN : REPORT_JSON;
    return html != NULL ? html : markdown != NULL ? markdown : g_strdup(text);
}

static err_t *signature_check(const json_t *signed_)
{
    const json_t *signature = json_obj(signed_, "signature");
    const char *sign_public = json_str_or(signature, "sign_public", "");
    const char *seal_public = json_str_or(signature, "seal_public", "");
    g_autofree char *bytes = signed_bytes(json_obj(signed_, "report"));

    if (!public_key_valid(sign_public) || !public_key_valid(seal_public))
        return changed("the report names no keys that could have signed it");
    g_autofree char *fingerprint = keys_fingerprint(sign_public, seal_public);
    if (g_strcmp0(fingerprint, json_str(signature, "fingerprint")) != 0)
        return changed("the fingerprint in the report is not that of its keys");
    if (!signature_valid(sign_public, bytes, strlen(bytes), json_str_or(signature, "value", "")))
        return changed("the signature is not that of this report: something in it was changed");
    return NULL;
}

/* JSON may be laid out anew on its way; a page shows what it shows. */
static err_t *page_check(const json_t *signed_, enum report_form form, const char *text)
{
    if (form == REPORT_JSON)
        return NULL;
    g_autofree char *page = report_print(signed_, form);
    g_autofree char *given = g_strchomp(g_strdup(text));
    g_strchomp(page);
    if (strcmp(page, given) == 0)
        return NULL;
    return changed("what the page shows is not what was signed");
}

err_t *report_read(const char *text, size_t size, json_t **ret_signed)
{
    enum report_form form = REPORT_JSON;
    g_autoptr(json_t) signed_ = NULL;

    if (size > REPORT_SIZE_MAX)
        return err(TOO_LARGE, "a report has at most %d bytes", REPORT_SIZE_MAX);
    g_autofree char *whole = g_strndup(text, size);
    g_autofree char *json = find_json(whole, &form);
    TRY(json_parse(json, strlen(json), "the report", &signed_));
    const json_t *report = json_obj(signed_, "report");
    if (g_strcmp0(json_str(report, "format"), REPORT_FORMAT) != 0)
        return err(PARSE, "this is no report of Protector (" REPORT_FORMAT ")");
    TRY(signature_check(signed_));
    TRY(page_check(signed_, form, whole));
    *ret_signed = g_steal_pointer(&signed_);
    return NULL;
}
