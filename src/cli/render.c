/* SPDX-License-Identifier: Apache-2.0 */
/* render - see render.h. */
#include "cli/render.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CELL_WIDTH_MAX 72 /* of an object: wider ones are shown in lines */

static const char *const format_names[RENDER_FORMATS] = {"table", "json", "yaml", "value", "csv"};

enum render_format render_format_of(const char *name)
{
    for (int i = 0; i < RENDER_FORMATS; i++) {
        if (strcmp(format_names[i], name) == 0)
            return (enum render_format)i;
    }
    return RENDER_FORMATS;
}

static bool is_kind(const json_t *result, const char *kind)
{
    return strcmp(json_string_value(json_object_get(result, "kind")), kind) == 0;
}

/* ---- cells ---- */

/* A value as a cell shows it: texts bare, null as None, the rest as JSON.  Caller frees. */
static char *cell(const json_t *value)
{
    if (value == NULL || json_is_null(value))
        return g_strdup("None");
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "True" : "False");
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    char *json = json_dumps(value, JSON_ENCODE_ANY);
    char *text = g_strdup(json);
    free(json);
    return text;
}

static void lines_of(GString *out, const json_t *value, int depth)
{
    const char *key;
    json_t *child;
    size_t i;

    json_object_foreach((json_t *)value, key, child)
    {
        bool inner = json_object_size(child) > 0;
        g_autofree char *text = inner ? g_strdup("") : cell(child);
        g_string_append_printf(out, "%*s%s:%s%s\n", depth * 2, "", key, inner ? "" : " ", text);
        if (inner)
            lines_of(out, child, depth + 1);
    }
    json_array_foreach((json_t *)value, i, child)
    {
        gsize at = out->len;
        lines_of(out, child, depth + 1);
        if (out->len > at + (gsize)depth * 2)
            out->str[at + (gsize)depth * 2] = '-';
    }
}

/* As a table shows it: a wide object, or list of objects, in lines.  Caller frees. */
static char *table_cell(const json_t *value)
{
    char *text = cell(value);
    bool objects = json_is_object(value) || json_is_object(json_array_get(value, 0));

    if (!objects || strlen(text) <= CELL_WIDTH_MAX)
        return text;
    g_free(text);
    GString *lines = g_string_new(NULL);
    lines_of(lines, value, 0);
    return g_strchomp(g_string_free(lines, FALSE));
}

/* Columns that a character takes on a terminal. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

/* ---- a grid of texts, which every result becomes ---- */

struct grid {
    GPtrArray *rows; /* of GPtrArray of char *; the first are the headings */
    size_t columns;
};

static GPtrArray *grid_row(struct grid *g)
{
    GPtrArray *row = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(g->rows, row);
    return row;
}

static void grid_fini(struct grid *g)
{
    g_ptr_array_unref(g->rows);
}

/* ---- columns ---- */

static bool same_column(const char *a, const char *b)
{
    return g_ascii_strcasecmp(a, b) == 0;
}

static bool wanted(const struct render *r, const char *field)
{
    for (size_t k = 0; r->columns != NULL && r->columns[k] != NULL; k++) {
        if (same_column(r->columns[k], field))
            return true;
    }
    return r->columns == NULL;
}

/* The names of all columns; of a record those of its fields.  Caller unrefs. */
static GPtrArray *columns_of(const json_t *result)
{
    GPtrArray *list = g_ptr_array_new();
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(result, "fields"), i, item)
        g_ptr_array_add(list, (char *)json_string_value(json_array_get(item, 0)));
    json_array_foreach(json_object_get(result, "columns"), i, item)
        g_ptr_array_add(list, (char *)json_string_value(item));
    return list;
}

/* NULL if every column that is asked for is there, else what is wrong. */
static char *columns_check(const struct render *r, const json_t *result)
{
    g_autoptr(GPtrArray) known = columns_of(result);

    for (size_t k = 0; r->columns != NULL && r->columns[k] != NULL; k++) {
        bool found = false;
        for (guint i = 0; i < known->len; i++)
            found = found || same_column(g_ptr_array_index(known, i), r->columns[k]);
        if (found)
            continue;
        g_ptr_array_add(known, NULL);
        g_autofree char *names = g_strjoinv(", ", (char **)known->pdata);
        return *names != '\0'
                   ? g_strdup_printf("there is no column '%s'; there are: %s", r->columns[k], names)
                   : g_strdup_printf("there is no column '%s': nothing is shown in columns",
                                     r->columns[k]);
    }
    return NULL;
}

/* Which of 'heads' are shown, in the order asked for. */
static void columns_pick(const struct render *r, const json_t *heads, GArray *ret)
{
    size_t i;
    json_t *head;

    for (size_t k = 0; r->columns != NULL && r->columns[k] != NULL; k++) {
        json_array_foreach((json_t *)heads, i, head)
        {
            if (same_column(json_string_value(head), r->columns[k]))
                g_array_append_val(ret, i);
        }
    }
    for (i = 0; r->columns == NULL && i < json_array_size(heads); i++)
        g_array_append_val(ret, i);
}

static char *grid_cell(const struct render *r, const json_t *value)
{
    return r->format == RENDER_TABLE ? table_cell(value) : cell(value);
}

static void grid_of_list(const struct render *r, const json_t *result, struct grid *g)
{
    const json_t *heads = json_object_get(result, "columns");
    g_autoptr(GArray) pick = g_array_new(FALSE, FALSE, sizeof(size_t));
    size_t i;
    json_t *row;

    columns_pick(r, heads, pick);
    g->columns = pick->len;
    GPtrArray *top = grid_row(g);
    for (guint k = 0; k < pick->len; k++)
        g_ptr_array_add(top, g_strdup(json_string_value(
                                 json_array_get(heads, g_array_index(pick, size_t, k)))));
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        GPtrArray *cells = grid_row(g);
        for (guint k = 0; k < pick->len; k++)
            g_ptr_array_add(cells,
                            grid_cell(r, json_array_get(row, g_array_index(pick, size_t, k))));
    }
}

static void grid_of_record(const struct render *r, const json_t *result, struct grid *g)
{
    size_t i;
    json_t *pair;

    g->columns = 2;
    GPtrArray *top = grid_row(g);
    g_ptr_array_add(top, g_strdup("Field"));
    g_ptr_array_add(top, g_strdup("Value"));
    json_array_foreach(json_object_get(result, "fields"), i, pair)
    {
        const char *field = json_string_value(json_array_get(pair, 0));
        if (!wanted(r, field))
            continue;
        GPtrArray *row = grid_row(g);
        g_ptr_array_add(row, g_strdup(field));
        g_ptr_array_add(row, grid_cell(r, json_array_get(pair, 1)));
    }
}

/* ---- tables ---- */

static void rule_print(FILE *out, const size_t *widths, size_t columns)
{
    for (size_t k = 0; k < columns; k++) {
        fputc('+', out);
        for (size_t i = 0; i < widths[k] + 2; i++)
            fputc('-', out);
    }
    fputs("+\n", out);
}

/* One row, as many lines high as its highest cell. */
static void row_print(FILE *out, const GPtrArray *row, const size_t *widths)
{
    bool more = true;

    for (guint line = 0; more; line++) {
        more = false;
        for (guint k = 0; k < row->len; k++) {
            g_auto(GStrv) lines = g_strsplit(g_ptr_array_index(row, k), "\n", -1);
            guint count = g_strv_length(lines);
            const char *text = line < count ? lines[line] : "";
            fprintf(out, "| %s%*s ", text, (int)(widths[k] - width_of(text)), "");
            more = more || line + 1 < count;
        }
        fputs("|\n", out);
    }
}

static void widths_add(const GPtrArray *row, size_t *widths)
{
    for (guint k = 0; k < row->len; k++) {
        g_auto(GStrv) lines = g_strsplit(g_ptr_array_index(row, k), "\n", -1);
        for (guint i = 0; lines[i] != NULL; i++)
            widths[k] = MAX(widths[k], width_of(lines[i]));
    }
}

static void table_print(FILE *out, const struct grid *g)
{
    g_autofree size_t *widths = g_new0(size_t, g->columns + 1);

    for (guint i = 0; i < g->rows->len; i++)
        widths_add(g_ptr_array_index(g->rows, i), widths);
    rule_print(out, widths, g->columns);
    for (guint i = 0; i < g->rows->len; i++) {
        row_print(out, g_ptr_array_index(g->rows, i), widths);
        if (i == 0)
            rule_print(out, widths, g->columns);
    }
    rule_print(out, widths, g->columns);
}

/* ---- other formats ---- */

static void value_print(FILE *out, const struct grid *g, bool record)
{
    for (guint i = 1; i < g->rows->len; i++) {
        const GPtrArray *row = g_ptr_array_index(g->rows, i);
        for (guint k = record ? 1 : 0; k < row->len; k++)
            fprintf(out, "%s%s", k > (record ? 1u : 0u) ? " " : "",
                    (const char *)g_ptr_array_index(row, k));
        fputc('\n', out);
    }
}

static void csv_print(FILE *out, const struct grid *g)
{
    for (guint i = 0; i < g->rows->len; i++) {
        const GPtrArray *row = g_ptr_array_index(g->rows, i);
        for (guint k = 0; k < row->len; k++) {
            g_auto(GStrv) parts = g_strsplit(g_ptr_array_index(row, k), "\"", -1);
            g_autofree char *quoted = g_strjoinv("\"\"", parts);
            fprintf(out, "%s\"%s\"", k > 0 ? "," : "", quoted);
        }
        fputc('\n', out);
    }
}

/* The result as data: a record is an object of its fields, a list an array of objects. */
static json_t *data_of(const struct render *r, const json_t *result)
{
    g_autoptr(GArray) pick = g_array_new(FALSE, FALSE, sizeof(size_t));
    const json_t *heads = json_object_get(result, "columns");
    size_t i;
    json_t *item;

    if (is_kind(result, "record")) {
        json_t *out = json_object();
        json_array_foreach(json_object_get(result, "fields"), i, item)
        {
            const char *field = json_string_value(json_array_get(item, 0));
            if (wanted(r, field))
                json_object_set(out, field, json_array_get(item, 1));
        }
        return out;
    }
    json_t *out = json_array();
    columns_pick(r, heads, pick);
    json_array_foreach(json_object_get(result, "rows"), i, item)
    {
        json_t *row = json_object();
        for (guint k = 0; k < pick->len; k++) {
            size_t at = g_array_index(pick, size_t, k);
            json_object_set(row, json_string_value(json_array_get(heads, at)),
                            json_array_get(item, at));
        }
        json_array_append_new(out, row);
    }
    return out;
}

/* YAML of JSON values; texts are quoted as JSON, which YAML understands. */
static void yaml_value(FILE *out, const json_t *value, int depth, bool inline_first)
{
    const char *key;
    json_t *child;
    size_t i;

    if (json_is_object(value) && json_object_size(value) > 0) {
        bool first = inline_first;
        json_object_foreach((json_t *)value, key, child)
        {
            fprintf(out, "%*s%s:", first ? 0 : depth * 2, "", key);
            first = false;
            bool block = (json_is_object(child) && json_object_size(child) > 0) ||
                         (json_is_array(child) && json_array_size(child) > 0);
            fputs(block ? "\n" : " ", out);
            yaml_value(out, child, depth + 1, false);
        }
    } else if (json_is_array(value) && json_array_size(value) > 0) {
        json_array_foreach((json_t *)value, i, child)
        {
            fprintf(out, "%*s- ", depth * 2, "");
            yaml_value(out, child, depth + 1, true);
        }
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        fprintf(out, "%s\n", text);
        free(text);
    }
}

static void data_print(const struct render *r, const json_t *result)
{
    json_t *data = data_of(r, result);

    if (r->format == RENDER_JSON) {
        char *text = json_dumps(data, JSON_INDENT(2) | JSON_ENCODE_ANY);
        fprintf(r->out, "%s\n", text);
        free(text);
    } else {
        yaml_value(r->out, data, 0, false);
    }
    json_decref(data);
}

static void grid_print(const struct render *r, const json_t *result, bool record)
{
    struct grid g = {g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref), 0};

    if (record)
        grid_of_record(r, result, &g);
    else
        grid_of_list(r, result, &g);
    if (r->format == RENDER_TABLE)
        table_print(r->out, &g);
    else if (r->format == RENDER_VALUE)
        value_print(r->out, &g, record);
    else
        csv_print(r->out, &g);
    grid_fini(&g);
}

/* A text's object as a record: for the formats of machines, and where columns are asked for. */
static json_t *record_of(const json_t *text)
{
    const char *key;
    json_t *value, *fields = json_array();
    json_t *object = json_object_get(text, "object");

    json_object_foreach(object, key, value)
        json_array_append_new(fields, json_pack("[s, O]", key, value));
    return json_pack("{s:s, s:o, s:O}", "kind", "record", "fields", fields, "object", object);
}

static char *columns_render(const struct render *r, const json_t *result)
{
    bool record = is_kind(result, "record");
    char *wrong = columns_check(r, result);

    if (wrong != NULL)
        return wrong;
    if (r->format == RENDER_JSON || r->format == RENDER_YAML)
        data_print(r, result);
    else if (!record && r->format == RENDER_TABLE &&
             json_array_size(json_object_get(result, "rows")) == 0)
        fputc('\n', r->out); /* an empty list, as OpenStack's client prints it */
    else
        grid_print(r, result, record);
    return NULL;
}

char *render(const struct render *r, const json_t *result)
{
    if (is_kind(result, "nothing"))
        return columns_check(r, result);
    if (!is_kind(result, "text"))
        return columns_render(r, result);
    if (r->format == RENDER_TABLE && r->columns == NULL) {
        fputs(json_string_value(json_object_get(result, "text")), r->out);
        return NULL;
    }
    json_t *record = record_of(result);
    char *wrong = columns_render(r, record);
    json_decref(record);
    return wrong;
}
