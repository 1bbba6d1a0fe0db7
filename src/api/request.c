/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - checks a request's body against the route's table of fields; see request.h.
 *
 * Whatever a handler reads has been here: a wrong type, a text longer than its column, a field that
 * nobody knows never reach it.  Nulls are as absent fields.
 */
#include "api/request.h"

static const char *type_says(enum field_type type)
{
    switch (type) {
    case FIELD_TEXT:
        return "a string";
    case FIELD_INT:
        return "an integer";
    case FIELD_BOOL:
        return "true or false";
    case FIELD_OBJECT:
        return "an object";
    case FIELD_MAP:
        return "an object of strings";
    case FIELD_PATCH:
        return "an object of strings and nulls";
    }
    g_assert_not_reached();
}

static bool has_type(const struct field *f, const json_t *value)
{
    switch (f->type) {
    case FIELD_TEXT:
        return json_is_string(value);
    case FIELD_INT:
        return json_is_integer(value);
    case FIELD_BOOL:
        return json_is_boolean(value);
    case FIELD_OBJECT:
    case FIELD_MAP:
    case FIELD_PATCH:
        return json_is_object(value);
    }
    g_assert_not_reached();
}

static err_t *text_check(const char *key, const struct field *f, const char *text)
{
    int64_t length = g_utf8_strlen(text, -1);

    if (length >= f->min && (f->max == 0 || length <= f->max))
        return NULL;
    return err(BAD_REQUEST,
               "'%s' of '%s' must have %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
               " characters, not %" G_GINT64_FORMAT,
               f->name, key, f->min, f->max, length);
}

static err_t *int_check(const char *key, const struct field *f, int64_t number)
{
    if (number >= f->min && number <= f->max)
        return NULL;
    return err(BAD_REQUEST,
               "'%s' of '%s' must be %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
               ", not %" G_GINT64_FORMAT,
               f->name, key, f->min, f->max, number);
}

static err_t *map_check(const char *key, const struct field *f, const json_t *map)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)map, name, value)
    {
        bool null = f->type == FIELD_PATCH && json_is_null(value);
        if (!null && !json_is_string(value))
            return err(BAD_REQUEST, "'%s' of '%s' must be %s: '%.64s' is something else", f->name,
                       key, type_says(f->type), name);
        if (*name == '\0' || g_utf8_strlen(name, -1) > f->max)
            return err(BAD_REQUEST,
                       "a key in '%s' of '%s' must have 1 to %" G_GINT64_FORMAT " characters",
                       f->name, key, f->max);
        if (null)
            continue;
        const char *text = json_string_value(value);
        if (*text == '\0' || g_utf8_strlen(text, -1) > f->max)
            return err(BAD_REQUEST,
                       "'%.64s' in '%s' of '%s' must have 1 to %" G_GINT64_FORMAT " characters",
                       name, f->name, key, f->max);
    }
    return NULL;
}

static err_t *fields_check(const char *key, const struct field *fields, const json_t *object);

static err_t *field_check(const char *key, const struct field *f, const json_t *value)
{
    if (value == NULL || json_is_null(value))
        return f->required ? err(BAD_REQUEST, "'%s' lacks '%s'", key, f->name) : NULL;
    if (!has_type(f, value))
        return err(BAD_REQUEST, "'%s' of '%s' must be %s", f->name, key, type_says(f->type));
    switch (f->type) {
    case FIELD_TEXT:
        return text_check(key, f, json_string_value(value));
    case FIELD_INT:
        return int_check(key, f, json_integer_value(value));
    case FIELD_BOOL:
        return NULL;
    case FIELD_OBJECT:
        return f->fields != NULL ? fields_check(f->name, f->fields, value) : NULL;
    case FIELD_MAP:
    case FIELD_PATCH:
        return map_check(key, f, value);
    }
    g_assert_not_reached();
}

static const struct field *field_find(const struct field *fields, const char *name)
{
    for (const struct field *f = fields; f->name != NULL; f++) {
        if (g_str_equal(f->name, name))
            return f;
    }
    return NULL;
}

/* "" is the body itself. */
static err_t *fields_check(const char *key, const struct field *fields, const json_t *object)
{
    const char *where = *key != '\0' ? key : "the body";
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        if (field_find(fields, name) == NULL)
            return err(BAD_REQUEST, "'%s' has '%.64s', which is not known here", where, name);
    }
    for (const struct field *f = fields; f->name != NULL; f++)
        TRY(field_check(where, f, json_object_get(object, f->name)));
    return NULL;
}

static bool says_nothing(const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        bool empty = json_is_null(value) || (json_is_object(value) && says_nothing(value));
        if (!empty)
            return false;
    }
    return true;
}

/* "a, b or c" */
static char *keys_text(const struct body_spec *bodies)
{
    GString *text = g_string_new(NULL);

    for (const struct body_spec *b = bodies; b->key != NULL; b++)
        g_string_append_printf(text, "%s'%s'",
                               text->len == 0     ? ""
                               : b[1].key == NULL ? " or "
                                                  : ", ",
                               b->key);
    return g_string_free(text, FALSE);
}

static err_t *spec_find(const struct request *r, const struct body_spec **ret)
{
    const char *key = json_object_iter_key(json_object_iter(r->body));
    g_autofree char *known = keys_text(r->route->bodies);

    *ret = r->route->bodies;
    if (*r->route->bodies->key == '\0')
        return NULL;
    for (const struct body_spec *b = r->route->bodies; b->key != NULL; b++) {
        if (json_object_size(r->body) == 1 && g_str_equal(b->key, key)) {
            *ret = b;
            return NULL;
        }
    }
    return err(BAD_REQUEST, "the body must be an object with exactly one key, %s%s%.64s%s", known,
               key != NULL ? ", it has '" : "", key != NULL ? key : "", key != NULL ? "'" : "");
}

err_t *request_body_check(struct request *r)
{
    const struct body_spec *spec = NULL;

    TRY(spec_find(r, &spec));
    const json_t *in = *spec->key != '\0' ? json_object_get(r->body, spec->key) : r->body;
    if (!json_is_object(in))
        return err(BAD_REQUEST, "'%s' of the body must be an object", spec->key);
    if (spec->fields != NULL)
        TRY(fields_check(spec->key, spec->fields, in));
    if (spec->not_empty && says_nothing(in))
        return err(BAD_REQUEST, "'%s' says nothing", spec->key);
    r->spec = spec;
    r->in = in;
    return NULL;
}
