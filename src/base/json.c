/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - the one door to jansson.
 *
 * jansson refuses duplicate keys, trailing bytes, NUL and invalid UTF-8 itself; the limit of depth
 * is ours and is checked before it sees the text.  Printed texts come from malloc, which is what
 * g_free frees (GLib >= 2.46).
 */
#include "base/json.h"

#include <string.h>

#define PRINT_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY)

/* The deepest nesting of the text; counts brackets outside strings, valid or not. */
static int depth_of(const char *text, size_t size)
{
    int depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string)
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        deepest = MAX(deepest, depth);
    }
    return deepest;
}

err_t *json_parse(const char *text, size_t size, const char *what, json_t **ret)
{
    json_error_t error;
    if (depth_of(text, size) > JSON_DEPTH_MAX)
        return err(PARSE, "%s is nested deeper than %d levels", what, JSON_DEPTH_MAX);
    json_t *j = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (j == NULL)
        return err(PARSE, "%s is no valid JSON: line %d, column %d: %s", what, error.line,
                   error.column, error.text);
    *ret = j;
    return NULL;
}

static char *print(const json_t *j, size_t flags)
{
    if (j == NULL)
        return g_strdup("null");
    char *text = json_dumps(j, flags);
    g_assert(text != NULL);
    return text;
}

char *json_print(const json_t *j)
{
    return print(j, PRINT_FLAGS | JSON_PRESERVE_ORDER);
}

char *json_print_canonical(const json_t *j)
{
    return print(j, PRINT_FLAGS | JSON_SORT_KEYS);
}

char *json_print_pretty(const json_t *j)
{
    return print(j, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER | JSON_INDENT(2));
}

/* ---- getters ---- */

const char *json_str(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

const char *json_str_or(const json_t *j, const char *key, const char *fallback)
{
    const char *value = json_str(j, key);
    return value != NULL ? value : fallback;
}

int64_t json_int(const json_t *j, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(j, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_bool(const json_t *j, const char *key, bool fallback)
{
    const json_t *value = json_object_get(j, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_t *json_obj(const json_t *j, const char *key)
{
    json_t *value = json_object_get(j, key);
    return json_is_object(value) ? value : NULL;
}

json_t *json_arr(const json_t *j, const char *key)
{
    json_t *value = json_object_get(j, key);
    return json_is_array(value) ? value : NULL;
}

json_t *json_at(const json_t *j, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, "/", -1);
    json_t *value = NULL;
    for (int i = 0; keys[i] != NULL; i++) {
        value = json_object_get(i == 0 ? j : value, keys[i]);
        if (value == NULL)
            return NULL;
    }
    return value;
}

const char *json_str_at(const json_t *j, const char *path)
{
    return json_string_value(json_at(j, path));
}

/* ---- setters ---- */

void json_set(json_t *j, const char *key, json_t *value)
{
    int rc = json_object_set_new(j, key, value != NULL ? value : json_null());
    g_assert(rc == 0);
}

void json_set_str(json_t *j, const char *key, const char *value)
{
    json_t *text = NULL;
    if (value != NULL && (text = json_string(value)) == NULL) {
        g_autofree char *valid = g_utf8_make_valid(value, -1);
        text = json_string(valid);
        g_assert(text != NULL);
    }
    json_set(j, key, text);
}

void json_set_int(json_t *j, const char *key, int64_t value)
{
    json_set(j, key, json_integer(value));
}

void json_set_bool(json_t *j, const char *key, bool value)
{
    json_set(j, key, json_boolean(value));
}
