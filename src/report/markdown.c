/* SPDX-License-Identifier: Apache-2.0 */
/* markdown - the report as Markdown. */
#include "report/report_internal.h"

#include <stdarg.h>
#include <string.h>

/* A cell of a table: one line, no bar, nothing that is markup. */
static void cell(GString *out, const char *text)
{
    for (const char *c = text != NULL ? text : ""; *c != '\0'; c++) {
        if (*c == '\n' || *c == '\r')
            g_string_append_c(out, ' ');
        else if (strchr("|\\`*_<>[]", *c) != NULL)
            g_string_append_printf(out, "\\%c", *c);
        else
            g_string_append_c(out, *c);
    }
}

/* A row of texts, ended by NULL; an absent one is given as "". */
static void row(GString *out, const char *first, ...)
{
    va_list texts;

    va_start(texts, first);
    for (const char *text = first; text != NULL; text = va_arg(texts, const char *)) {
        g_string_append(out, "| ");
        cell(out, text);
        g_string_append_c(out, ' ');
    }
    va_end(texts);
    g_string_append(out, "|\n");
}

static void facts_print(GString *out, const json_t *signed_)
{
    g_autoptr(GPtrArray) facts = report_facts(signed_);

    g_string_append(out, "| | |\n|---|---|\n");
    for (guint i = 0; i < facts->len; i++) {
        const struct report_fact *fact = g_ptr_array_index(facts, i);
        row(out, fact->name, fact->value, NULL);
    }
}

static void members_print(GString *out, const json_t *report)
{
    size_t i;
    json_t *member;

    if (json_array_size(json_arr(report, "members")) == 0)
        return;
    g_string_append(out, "\n## Servers\n\n| server | outcome | checks | id |\n|---|---|---|---|\n");
    json_array_foreach(json_arr(report, "members"), i, member)
    {
        g_autofree char *checks = report_checks(member);
        row(out, json_str_or(member, "name", ""), json_str_or(member, "outcome", ""), checks,
            json_str_or(member, "server_id", ""), NULL);
    }
}

static void volumes_print(GString *out, const json_t *report)
{
    size_t i;
    json_t *volume;

    if (json_array_size(json_arr(report, "volumes")) == 0)
        return;
    g_string_append(out, "\n## Volumes, compared with the recovery point\n\n"
                         "| volume | is | digest in the point | digest now |\n|---|---|---|---|\n");
    json_array_foreach(json_arr(report, "volumes"), i, volume)
    {
        g_autofree char *compared = report_compared(volume);
        row(out, json_str_or(volume, "name", ""), compared, json_str_or(volume, "digest_point", ""),
            json_str_or(volume, "digest_copy", ""), NULL);
    }
}

static void steps_print(GString *out, const json_t *report)
{
    size_t i;
    json_t *step;

    if (json_array_size(json_arr(report, "steps")) == 0)
        return;
    g_string_append(out, "\n## Steps\n\n| # | step | for | state | after | took | error |\n"
                         "|---|---|---|---|---|---|---|\n");
    json_array_foreach(json_arr(report, "steps"), i, step)
    {
        g_autofree char *seq = g_strdup_printf("%" G_GINT64_FORMAT, report_number(step, "seq"));
        g_autofree char *after = report_duration(report_number(step, "from_ms"));
        g_autofree char *took = report_duration(report_step_ms(step));
        row(out, seq, json_str_or(step, "says", ""), json_str_or(step, "name", ""),
            json_str_or(step, "state", ""), after, took, json_str_or(step, "error", ""), NULL);
    }
}

static void made_print(GString *out, const json_t *report)
{
    size_t i;
    json_t *made;

    if (json_array_size(json_arr(report, "made")) == 0)
        return;
    g_string_append(out, "\n## What was made\n\n| kind | name | id | now |\n|---|---|---|---|\n");
    json_array_foreach(json_arr(report, "made"), i, made)
        row(out, json_str_or(made, "kind", ""), json_str_or(made, "name", ""),
            json_str_or(made, "id", ""), json_str_or(made, "state", ""), NULL);
}

static void plan_print(GString *out, const json_t *report)
{
    size_t i;
    json_t *item;

    if (json_array_size(json_arr(report, "mappings")) > 0)
        g_string_append(out, "\n## Mappings\n\n| kind | from | to | why |\n|---|---|---|---|\n");
    json_array_foreach(json_arr(report, "mappings"), i, item)
        row(out, json_str_or(item, "kind", ""), json_str_or(item, "source", ""),
            json_str_or(item, "target", ""), json_str_or(item, "how", ""), NULL);
    if (json_array_size(json_arr(report, "notes")) > 0)
        g_string_append(out, "\n## Notes\n\n");
    json_array_foreach(json_arr(report, "notes"), i, item)
    {
        g_string_append(out, "- ");
        cell(out, json_string_value(item));
        g_string_append_c(out, '\n');
    }
}

char *report_markdown(const json_t *signed_)
{
    const json_t *report = json_obj(signed_, "report");
    GString *out = g_string_new("# ");
    g_autofree char *embedded = report_embedded(signed_);

    cell(out, json_str_or(report, "title", "Report"));
    g_string_append(out, "\n\n");
    facts_print(out, signed_);
    members_print(out, report);
    volumes_print(out, report);
    steps_print(out, report);
    made_print(out, report);
    plan_print(out, report);
    g_string_append_printf(out, "\n%s%s%s\n", REPORT_BEGINS_MARKDOWN, embedded,
                           REPORT_ENDS_MARKDOWN);
    return g_string_free(out, FALSE);
}
