/* SPDX-License-Identifier: Apache-2.0 */
/* render - see render.h. */
#include "cli/render.h"

#include <glib.h>
#include <string.h>

static const char *const names[RENDER_FORMATS] = {"table", "json", "yaml", "value", "csv"};

enum render_format render_format_of(const char *name)
{
    for (int i = 0; i < RENDER_FORMATS; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum render_format)i;
    }
    return RENDER_FORMATS;
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
    return json_dumps(value, JSON_ENCODE_ANY);
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

/* Which columns of 'heads' are shown, in the order asked for; false if one is missing. */
static bool columns_pick(const struct render *r, const json_t *heads, GArray *ret)
{
    size_t i;
    json_t *head;

    for (size_t k = 0; r->columns != NULL && r->columns[k] != NULL; k++) {
        bool found = false;
        json_array_foreach((json_t *)heads, i, head)
        {
            if (g_ascii_strcasecmp(json_string_value(head), r->columns[k]) == 0) {
                g_array_append_val(ret, i);
                found = true;
                break;
            }
        }
        if (!found)
            return false;
    }
    for (i = 0; r->columns == NULL && i < json_array_size(heads); i++)
        g_array_append_val(ret, i);
    return true;
}

static bool grid_of_list(const struct render *r, const json_t *result, struct grid *g)
{
    const json_t *heads = json_object_get(result, "columns");
    g_autoptr(GArray) pick = g_array_new(FALSE, FALSE, sizeof(size_t));
    size_t i;
    json_t *row;

    if (!columns_pick(r, heads, pick))
        return false;
    g->columns = pick->len;
    GPtrArray *top = grid_row(g);
    for (guint k = 0; k < pick->len; k++)
        g_ptr_array_add(top, g_strdup(json_string_value(
                                 json_array_get(heads, g_array_index(pick, size_t, k)))));
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        GPtrArray *cells = grid_row(g);
        for (guint k = 0; k < pick->len; k++)
            g_ptr_array_add(cells, cell(json_array_get(row, g_array_index(pick, size_t, k))));
    }
    return true;
}

static bool wanted(const struct render *r, const char *field)
{
    for (size_t k = 0; r->columns != NULL && r->columns[k] != NULL; k++) {
        if (strcmp(r->columns[k], field) == 0)
            return true;
    }
    return r->columns == NULL;
}

static bool grid_of_record(const struct render *r, const json_t *result, struct grid *g)
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
        g_ptr_array_add(row, cell(json_array_get(pair, 1)));
    }
    return g->rows->len > 1 || r->columns == NULL;
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

static void table_print(FILE *out, const struct grid *g)
{
    g_autofree size_t *widths = g_new0(size_t, g->columns + 1);

    for (guint i = 0; i < g->rows->len; i++) {
        const GPtrArray *row = g_ptr_array_index(g->rows, i);
        for (guint k = 0; k < row->len; k++)
            widths[k] = MAX(widths[k], width_of(g_ptr_array_index(row, k)));
    }
    rule_print(out, widths, g->columns);
    for (guint i = 0; i < g->rows->len; i++) {
        const GPtrArray *row = g_ptr_array_index(g->rows, i);
        for (guint k = 0; k < row->len; k++) {
            const char *text = g_ptr_array_index(row, k);
            fprintf(out, "| %s%*s ", text, (int)(widths[k] - width_of(text)), "");
        }
        fputs("|\n", out);
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
    const char *kind = json_string_value(json_object_get(result, "kind"));
    g_autoptr(GArray) pick = g_array_new(FALSE, FALSE, sizeof(size_t));
    const json_t *heads = json_object_get(result, "columns");
    size_t i;
    json_t *item;

    if (strcmp(kind, "record") == 0) {
        json_t *out = json_object();
        json_array_foreach(json_object_get(result, "fields"), i, item)
        {
            const char *field = json_string_value(json_array_get(item, 0));
            if (wanted(r, field))
                json_object_set(out, field, json_array_get(item, 1));
        }
        return out;
    }
    if (strcmp(kind, "list") != 0)
        return json_incref(json_object_get(result, "object"));
    json_t *out = json_array();
    (void)columns_pick(r, heads, pick);
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

static bool grid_print(const struct render *r, const json_t *result, bool record)
{
    struct grid g = {g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref), 0};
    bool good = record ? grid_of_record(r, result, &g) : grid_of_list(r, result, &g);

    if (good && r->format == RENDER_TABLE)
        table_print(r->out, &g);
    else if (good && r->format == RENDER_VALUE)
        value_print(r->out, &g, record);
    else if (good)
        csv_print(r->out, &g);
    grid_fini(&g);
    return good;
}

bool render(const struct render *r, const json_t *result)
{
    const char *kind = json_string_value(json_object_get(result, "kind"));

    if (strcmp(kind, "nothing") == 0)
        return true;
    if (r->format == RENDER_JSON || r->format == RENDER_YAML) {
        data_print(r, result);
        return true;
    }
    if (strcmp(kind, "text") == 0) {
        fputs(json_string_value(json_object_get(result, "text")), r->out);
        return true;
    }
    if (strcmp(kind, "list") == 0 && r->format == RENDER_TABLE &&
        json_array_size(json_object_get(result, "rows")) == 0) {
        fputc('\n', r->out); /* an empty list, as OpenStack's client prints it */
        return true;
    }
    return grid_print(r, result, strcmp(kind, "record") == 0);
}
