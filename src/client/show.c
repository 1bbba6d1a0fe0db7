/* SPDX-License-Identifier: Apache-2.0 */
/* show - results as the handle gives them out: records, lists, texts; and the reading of arguments.
 */
#include "client/client_internal.h"

const char *arg(const struct call *call, const char *name)
{
    return json_str(call->args, name);
}

bool arg_flag(const struct call *call, const char *name)
{
    return json_bool(call->args, name, false);
}

bool answer_is_yes(const char *answer)
{
    g_autofree char *text = g_strstrip(g_strdup(answer));

    return g_ascii_strcasecmp(text, "y") == 0 || g_ascii_strcasecmp(text, "yes") == 0;
}

static json_t *value_of(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return value != NULL ? json_incref(value) : json_null();
}

json_t *show_record(const json_t *object, const char *columns)
{
    g_auto(GStrv) names = g_strsplit(columns, " ", -1);

    if (object == NULL)
        return NULL;
    json_t *fields = json_array();
    for (size_t i = 0; names[i] != NULL; i++)
        json_array_append_new(fields, json_pack("[s, o]", names[i], value_of(object, names[i])));
    return json_pack("{s:s, s:o, s:O}", "kind", "record", "fields", fields, "object", object);
}

json_t *show_accepted(const json_t *reply, const char *columns)
{
    const json_t *op = json_obj(reply, "operation");
    g_autoptr(json_t) all = json_object();
    g_autoptr(GString) shown = g_string_new(columns);
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)reply, key, value)
    {
        if (value != op && json_is_object(value))
            json_object_update(all, value);
    }
    if (*columns == '\0') {
        json_object_foreach(all, key, value)
            g_string_append_printf(shown, "%s%s", shown->len > 0 ? " " : "", key);
    }
    json_set_str(all, "operation_id", json_str(op, "id"));
    json_set_str(all, "operation_status", json_str(op, "status"));
    g_string_append_printf(shown, "%soperation_id operation_status", shown->len > 0 ? " " : "");
    return show_record(all, shown->str);
}

json_t *show_list(const json_t *objects, const char *columns)
{
    g_auto(GStrv) specs = g_strsplit(columns, "|", -1);
    json_t *heads = json_array();
    json_t *rows = json_array();
    size_t i;
    json_t *object;

    for (size_t k = 0; specs[k] != NULL; k++) {
        g_auto(GStrv) pair = g_strsplit(specs[k], "=", 2);
        json_array_append_new(heads, json_string(pair[1] != NULL ? pair[1] : pair[0]));
    }
    json_array_foreach((json_t *)objects, i, object)
    {
        json_t *row = json_array();
        for (size_t k = 0; specs[k] != NULL; k++) {
            g_auto(GStrv) pair = g_strsplit(specs[k], "=", 2);
            json_array_append_new(row, value_of(object, pair[0]));
        }
        json_array_append_new(rows, row);
    }
    json_t *copy = objects != NULL ? json_incref((json_t *)objects) : json_array();
    return json_pack("{s:s, s:o, s:o, s:o, s:[]}", "kind", "list", "columns", heads, "rows", rows,
                     "objects", copy, "notes");
}

json_t *show_text(GString *takes, json_t *object)
{
    json_t *out = json_pack("{s:s, s:s, s:o}", "kind", "text", "text", takes->str, "object",
                            object != NULL ? object : json_object());

    g_string_free(takes, TRUE);
    return out;
}
