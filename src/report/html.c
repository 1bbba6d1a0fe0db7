/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html - the report as one page that needs nothing else: no script that runs, no link, no font.
 * The timeline is an SVG: a line for each step of the runbook, a bar for each of its rows.
 */
#include "report/report_internal.h"

#include <stdarg.h>

#define CHART_LABEL 200 /* pixels left of the bars */
#define CHART_BARS  600
#define CHART_LINE  20
#define BAR_HEIGHT  12
#define BAR_LEAST   2 /* pixels of a bar that took no time */

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;"
    "color:#1d2733}h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d9e0e6;"
    "padding:.25rem .6rem .25rem 0;text-align:left;vertical-align:top}th{font-weight:600}"
    ".facts td:first-child{color:#5b6b7b;width:14rem}svg{width:100%;height:auto}"
    "svg text{font:12px system-ui,sans-serif;fill:#1d2733}svg .t{fill:#5b6b7b}"
    ".done{fill:#2f7d4f}.skipped{fill:#a8b3bd}.failed,.orphaned{fill:#b3261e}"
    ".undone,.undo_waiting,.undo_intent{fill:#b7791f}.waiting,.intent,.pending{fill:#3466aa}";

static void escaped(GString *out, const char *text)
{
    g_autofree char *safe = g_markup_escape_text(text != NULL ? text : "", -1);

    g_string_append(out, safe);
}

/* A row of texts, ended by NULL; 'tag' is "td" or "th". */
static void row(GString *out, const char *tag, const char *first, ...)
{
    va_list texts;

    g_string_append(out, "<tr>");
    va_start(texts, first);
    for (const char *text = first; text != NULL; text = va_arg(texts, const char *)) {
        g_string_append_printf(out, "<%s>", tag);
        escaped(out, text);
        g_string_append_printf(out, "</%s>", tag);
    }
    va_end(texts);
    g_string_append(out, "</tr>\n");
}

/* The head of a part with a table; false if the report has nothing for it. */
static bool part(GString *out, const char *title, const json_t *list)
{
    if (json_array_size(list) > 0)
        g_string_append_printf(out, "<h2>%s</h2>\n<table>\n", title);
    return json_array_size(list) > 0;
}

static void facts_print(GString *out, const json_t *signed_)
{
    g_autoptr(GPtrArray) facts = report_facts(signed_);

    g_string_append(out, "<table class=\"facts\">\n");
    for (guint i = 0; i < facts->len; i++) {
        const struct report_fact *fact = g_ptr_array_index(facts, i);
        row(out, "td", fact->name, fact->value, NULL);
    }
    g_string_append(out, "</table>\n");
}

/* ---- the timeline ---- */

/* The last moment that any row knows of; at least 1. */
static int64_t chart_end(const json_t *steps)
{
    int64_t end_ms = 1;
    size_t i;
    json_t *step;

    json_array_foreach((json_t *)steps, i, step)
    {
        end_ms = MAX(end_ms, report_number(step, "from_ms"));
        end_ms = MAX(end_ms, report_number(step, "to_ms"));
    }
    return end_ms;
}

static void bar(GString *out, const json_t *step, int line, int64_t end_ms)
{
    int64_t from_ms = report_number(step, "from_ms"), to_ms = report_number(step, "to_ms");
    g_autofree char *took = report_duration(report_step_ms(step));
    g_autofree char *state = g_markup_escape_text(json_str_or(step, "state", ""), -1);

    if (from_ms < 0)
        from_ms = to_ms; /* found done at its first look */
    if (from_ms < 0)
        return;
    to_ms = MAX(to_ms < 0 ? end_ms : to_ms, from_ms);
    int64_t x = CHART_LABEL + from_ms * CHART_BARS / end_ms;
    int64_t width = MAX((to_ms - from_ms) * CHART_BARS / end_ms, BAR_LEAST);
    g_string_append_printf(out,
                           "<rect class=\"%s\" x=\"%" G_GINT64_FORMAT "\" y=\"%d\" "
                           "width=\"%" G_GINT64_FORMAT "\" height=\"%d\" opacity=\".75\"><title>",
                           state, x, line * CHART_LINE + (CHART_LINE - BAR_HEIGHT) / 2, width,
                           BAR_HEIGHT);
    escaped(out, json_str_or(step, "name", ""));
    g_string_append_printf(out, " %s %s</title></rect>\n", state, took);
}

/* Rows of one step stand side by side in the journal. */
static int lines_print(GString *out, const json_t *steps, int64_t end_ms)
{
    const char *key = NULL;
    int line = 0;
    size_t i;
    json_t *step;

    json_array_foreach((json_t *)steps, i, step)
    {
        const char *now = json_str_or(step, "key", "");
        line += g_strcmp0(key, now) != 0;
        if (g_strcmp0(key, now) != 0) {
            g_string_append_printf(out, "<text x=\"0\" y=\"%d\">", line * CHART_LINE + 14);
            escaped(out, now);
            g_string_append(out, "</text>\n");
        }
        key = now;
        bar(out, step, line, end_ms);
    }
    return line + 1;
}

static void chart_print(GString *out, const json_t *steps)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    int64_t end_ms = chart_end(steps);
    g_autofree char *end = report_duration(end_ms);

    if (json_array_size(steps) == 0)
        return;
    int count = lines_print(lines, steps, end_ms);
    g_string_append_printf(
        out,
        "<h2>Timeline</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Timeline\">\n"
        "<text class=\"t\" x=\"%d\" y=\"14\">0</text>\n"
        "<text class=\"t\" x=\"%d\" y=\"14\" text-anchor=\"end\">%s</text>\n%s</svg>\n",
        CHART_LABEL + CHART_BARS + 10, count * CHART_LINE, CHART_LABEL, CHART_LABEL + CHART_BARS,
        end, lines->str);
}

/* ---- the tables ---- */

static void members_print(GString *out, const json_t *members)
{
    size_t i;
    json_t *member;

    if (!part(out, "Servers", members))
        return;
    row(out, "th", "server", "outcome", "checks", "id", NULL);
    json_array_foreach((json_t *)members, i, member)
    {
        g_autofree char *checks = report_checks(member);
        row(out, "td", json_str_or(member, "name", ""), json_str_or(member, "outcome", ""), checks,
            json_str_or(member, "server_id", ""), NULL);
    }
    g_string_append(out, "</table>\n");
}

static void volumes_print(GString *out, const json_t *volumes)
{
    size_t i;
    json_t *volume;

    if (!part(out, "Volumes, compared with the recovery point", volumes))
        return;
    row(out, "th", "volume", "is", "digest in the point", "digest now", NULL);
    json_array_foreach((json_t *)volumes, i, volume)
    {
        g_autofree char *compared = report_compared(volume);
        row(out, "td", json_str_or(volume, "name", ""), compared,
            json_str_or(volume, "digest_point", ""), json_str_or(volume, "digest_copy", ""), NULL);
    }
    g_string_append(out, "</table>\n");
}

static void steps_print(GString *out, const json_t *steps)
{
    size_t i;
    json_t *step;

    if (!part(out, "Steps", steps))
        return;
    row(out, "th", "#", "step", "for", "state", "after", "took", "error", NULL);
    json_array_foreach((json_t *)steps, i, step)
    {
        g_autofree char *seq = g_strdup_printf("%" G_GINT64_FORMAT, report_number(step, "seq"));
        g_autofree char *after = report_duration(report_number(step, "from_ms"));
        g_autofree char *took = report_duration(report_step_ms(step));
        row(out, "td", seq, json_str_or(step, "says", ""), json_str_or(step, "name", ""),
            json_str_or(step, "state", ""), after, took, json_str_or(step, "error", ""), NULL);
    }
    g_string_append(out, "</table>\n");
}

static void made_print(GString *out, const json_t *list)
{
    size_t i;
    json_t *made;

    if (!part(out, "What was made", list))
        return;
    row(out, "th", "kind", "name", "id", "now", NULL);
    json_array_foreach((json_t *)list, i, made)
        row(out, "td", json_str_or(made, "kind", ""), json_str_or(made, "name", ""),
            json_str_or(made, "id", ""), json_str_or(made, "state", ""), NULL);
    g_string_append(out, "</table>\n");
}

static void mappings_print(GString *out, const json_t *list)
{
    size_t i;
    json_t *item;

    if (!part(out, "Mappings", list))
        return;
    row(out, "th", "kind", "from", "to", "why", NULL);
    json_array_foreach((json_t *)list, i, item)
        row(out, "td", json_str_or(item, "kind", ""), json_str_or(item, "source", ""),
            json_str_or(item, "target", ""), json_str_or(item, "how", ""), NULL);
    g_string_append(out, "</table>\n");
}

static void notes_print(GString *out, const json_t *notes)
{
    size_t i;
    json_t *note;

    if (json_array_size(notes) == 0)
        return;
    g_string_append(out, "<h2>Notes</h2>\n<ul>\n");
    json_array_foreach((json_t *)notes, i, note)
    {
        g_string_append(out, "<li>");
        escaped(out, json_string_value(note));
        g_string_append(out, "</li>\n");
    }
    g_string_append(out, "</ul>\n");
}

char *report_html(const json_t *signed_)
{
    const json_t *report = json_obj(signed_, "report");
    const char *title = json_str_or(report, "title", "Report");
    g_autofree char *embedded = report_embedded(signed_);
    GString *out =
        g_string_new("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
                     "\n<title>");

    escaped(out, title);
    g_string_append_printf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    escaped(out, title);
    g_string_append(out, "</h1>\n");
    facts_print(out, signed_);
    chart_print(out, json_arr(report, "steps"));
    members_print(out, json_arr(report, "members"));
    volumes_print(out, json_arr(report, "volumes"));
    steps_print(out, json_arr(report, "steps"));
    made_print(out, json_arr(report, "made"));
    mappings_print(out, json_arr(report, "mappings"));
    notes_print(out, json_arr(report, "notes"));
    g_string_append_printf(out, "%s%s%s\n</body>\n</html>\n", REPORT_BEGINS_HTML, embedded,
                           REPORT_ENDS_HTML);
    return g_string_free(out, FALSE);
}
