/* SPDX-License-Identifier: Apache-2.0 */
/*
 * js - see js.h.
 */
#include "sim/js.h"

#include <stdarg.h>

json_t *js(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    json_error_t error;
    json_t *j = json_vpack_ex(&error, 0, format, ap);
    va_end(ap);
    if (j == NULL)
        g_error("json_pack of \"%s\": %s", format, error.text);
    return j;
}

json_t *js_str(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

json_t *js_take(char *text)
{
    json_t *j = js_str(text);
    g_free(text);
    return j;
}

bool js_has(const json_t *array, const char *text)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(array, i, item)
    {
        if (g_strcmp0(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

void js_remove(json_t *array, const char *text)
{
    for (size_t i = json_array_size(array); i > 0; i--) {
        if (g_strcmp0(json_string_value(json_array_get(array, i - 1)), text) == 0)
            json_array_remove(array, i - 1);
    }
}

json_t *js_stamp(int64_t time_ms, enum js_stamp form)
{
    if (time_ms < 0)
        return json_null();
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_ms / 1000);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    switch (form) {
    case STAMP_Z:
        return js_take(g_strconcat(text, "Z", NULL));
    case STAMP_US:
        return js_take(g_strconcat(text, ".000000", NULL));
    case STAMP_EXACT:
        return js_take(g_strdup_printf("%s.%03d000", text, (int)(time_ms % 1000)));
    case STAMP_ZULU_US:
        return js_take(g_strconcat(text, ".000000Z", NULL));
    }
    g_assert_not_reached();
}

json_t *js_stamp_of(const json_t *row, const char *key, enum js_stamp form)
{
    return js_stamp(json_int(row, key, -1), form);
}
