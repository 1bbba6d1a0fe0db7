/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_report - reports of operations: fetched and printed, and verified; see report/report.h. */
#include "client/client_internal.h"

#include "report/report.h"

/* By what is asked for, else by the file's name, else Markdown. */
static err_t *form_of(struct call *call, enum report_form *ret)
{
    const char *as = arg(call, "as"), *file = arg(call, "file");

    *ret = REPORT_MARKDOWN;
    if (as != NULL)
        *ret = report_form_of(as);
    else if (file != NULL && g_str_has_suffix(file, ".html"))
        *ret = REPORT_HTML;
    else if (file != NULL && g_str_has_suffix(file, ".json"))
        *ret = REPORT_JSON;
    if (*ret == REPORT_FORMS)
        return err(CLIENT_USAGE, "--as is markdown, html or json, not '%s'", as);
    return NULL;
}

static err_t *report_write(const char *path, const char *text)
{
    g_autoptr(GError) why = NULL;

    if (!g_file_set_contents(path, text, -1, &why))
        return err(IO, "cannot write '%s': %s", path, why->message);
    return NULL;
}

err_t *cmd_op_report(struct call *call, json_t **ret)
{
    struct end *end = NULL;
    enum report_form form = REPORT_MARKDOWN;
    g_autoptr(json_t) op = NULL;
    g_autoptr(json_t) report = NULL;
    const char *file = arg(call, "file");

    TRY(form_of(call, &form));
    TRY(op_find(call, &end, &op));
    TRY(end_get(end, &report, "operations/%s/report", json_str_or(op, "id", "")));
    g_autofree char *text = report_print(report, form);
    if (file == NULL) {
        *ret = show_text(g_string_new(text), json_incref(report));
        return NULL;
    }
    TRY(report_write(file, text));
    GString *said = g_string_new(NULL);
    g_string_append_printf(said, "%s\nwritten to %s, signed with keys %s\n",
                           json_str_or(json_obj(report, "report"), "title", "?"), file,
                           json_str_or(json_obj(report, "signature"), "fingerprint", "?"));
    *ret = show_text(said, json_incref(report));
    return NULL;
}

/* ---- verifying */

static bool listed(const json_t *list, const char *text)
{
    size_t i;
    json_t *entry;

    json_array_foreach((json_t *)list, i, entry)
    {
        if (g_strcmp0(json_string_value(entry), text) == 0)
            return true;
    }
    return false;
}

/* The site that has, or had, keys of the fingerprint; "" if none of those that are known. */
static err_t *signer_find(struct call *call, const char *fingerprint, char **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) sites = NULL;
    size_t i;
    json_t *site;

    TRY(client_local(call->c, &local));
    TRY(end_get(local, &sites, "sites"));
    json_array_foreach(json_arr(sites, "sites"), i, site)
    {
        const char *name = json_str_or(site, "name", "?");
        if (g_strcmp0(json_str(site, "fingerprint"), fingerprint) == 0)
            *ret = g_strdup_printf("site '%s'", name);
        else if (listed(json_arr(site, "former_fingerprints"), fingerprint))
            *ret = g_strdup_printf("site '%s', with keys that it has changed since", name);
    }
    return *ret != NULL ? NULL
                        : err(REPORT_KEYS,
                              "the report is whole, and its keys %s are those of no site that '%s' "
                              "knows",
                              fingerprint, local->cloud);
}

static err_t *signer_check(struct call *call, const char *fingerprint, char **ret)
{
    const char *wanted = arg(call, "fingerprint");

    if (wanted == NULL)
        return signer_find(call, fingerprint, ret);
    if (g_ascii_strcasecmp(wanted, fingerprint) != 0)
        return err(REPORT_KEYS, "the report is whole, and was signed with keys %s, not %s",
                   fingerprint, wanted);
    *ret = g_strdup("the keys of that fingerprint");
    return NULL;
}

err_t *cmd_op_report_verify(struct call *call, json_t **ret)
{
    const char *path = arg(call, "file");
    g_autofree char *text = NULL;
    g_autofree char *signer = NULL;
    g_autoptr(GError) why = NULL;
    g_autoptr(json_t) report = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, &why))
        return err(IO, "cannot read '%s': %s", path, why->message);
    TRY(report_read(text, size, &report));
    const char *fingerprint = json_str_or(json_obj(report, "signature"), "fingerprint", "");
    TRY(signer_check(call, fingerprint, &signer));
    GString *said = g_string_new(NULL);
    g_string_append_printf(said, "%s\nwhole, and signed by %s (%s)\n",
                           json_str_or(json_obj(report, "report"), "title", "?"), signer,
                           fingerprint);
    *ret = show_text(said, json_incref(report));
    return NULL;
}
