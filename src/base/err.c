/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - error objects: a code of err.tbl, a message, details, and a chain of causes.
 *
 * Everything about a code (status, class, title, remedy) stands in err.tbl and nowhere else.
 * Invariant: a node made by err_wrap has the code of its cause ('inherits'); such a node also takes
 * the remedy of its cause unless it was given one of its own.
 */
#include "base/err.h"

#include <string.h>

#include "base/json.h"

/* A chain read from JSON is cut at this length; a longer one is no error of ours. */
#define CAUSES_MAX 64

struct detail {
    char *key;
    char *value;
};

struct err {
    enum err_code code;
    bool inherits; /* made by err_wrap */
    int line;
    const char *file; /* a literal, or "" for an error that came as JSON */
    char *message;
    char *remedy;       /* NULL: the table's */
    GPtrArray *details; /* of struct detail, NULL while there is none */
    err_t *cause;
};

struct row {
    const char *code;
    int status;
    enum err_class class;
    const char *title;
    const char *remedy;
};

static const struct row rows[ERR_COUNT] = {
#define ERR(name, code, status, class, title, remedy)                                              \
    [ERR_##name] = {code, status, ERR_CLASS_##class, title, remedy},
#include "base/err.tbl"
#undef ERR
};

/* ---- making ---- */

static void detail_destroy(gpointer data)
{
    struct detail *detail = data;
    g_free(detail->key);
    g_free(detail->value);
    g_free(detail);
}

static err_t *err_new(const char *file, int line, enum err_code code, char *message)
{
    g_assert(code < ERR_COUNT);
    err_t *e = g_new0(err_t, 1);
    e->code = code;
    e->file = file;
    e->line = line;
    e->message = message;
    return e;
}

/* Foreign bytes may stand in it, and a limit may cut one in two: shown and sent is UTF-8. */
static char *words(const char *format, va_list args) G_GNUC_PRINTF(1, 0);
static char *words(const char *format, va_list args)
{
    char *text = g_strdup_vprintf(format, args);

    if (g_utf8_validate(text, -1, NULL))
        return text;
    char *valid = g_utf8_make_valid(text, -1);
    g_free(text);
    return valid;
}

err_t *err_make(const char *file, int line, enum err_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_t *e = err_new(file, line, code, words(format, args));
    va_end(args);
    return e;
}

err_t *err_wrap_at(const char *file, int line, err_t *cause, const char *format, ...)
{
    g_assert(cause != NULL);
    va_list args;
    va_start(args, format);
    err_t *e = err_new(file, line, cause->code, words(format, args));
    va_end(args);
    e->inherits = true;
    e->cause = cause;
    return e;
}

err_t *err_recode_at(const char *file, int line, enum err_code code, err_t *cause,
                     const char *format, ...)
{
    g_assert(cause != NULL);
    va_list args;
    va_start(args, format);
    err_t *e = err_new(file, line, code, words(format, args));
    va_end(args);
    e->cause = cause;
    return e;
}

err_t *err_remedy(err_t *e, const char *format, ...)
{
    g_assert(e != NULL);
    va_list args;
    va_start(args, format);
    g_free(e->remedy);
    e->remedy = words(format, args);
    va_end(args);
    return e;
}

err_t *err_detail(err_t *e, const char *key, const char *value)
{
    g_assert(e != NULL);
    if (e->details == NULL)
        e->details = g_ptr_array_new_with_free_func(detail_destroy);
    struct detail *detail = g_new0(struct detail, 1);
    detail->key = g_strdup(key);
    detail->value = g_strdup(value);
    g_ptr_array_add(e->details, detail);
    return e;
}

void err_free(err_t *e)
{
    while (e != NULL) {
        err_t *cause = e->cause;
        g_free(e->message);
        g_free(e->remedy);
        if (e->details != NULL)
            g_ptr_array_unref(e->details);
        g_free(e);
        e = cause;
    }
}

/* ---- reading ---- */

enum err_code err_code(const err_t *e)
{
    return e->code;
}

const char *err_code_text(const err_t *e)
{
    return rows[e->code].code;
}

int err_http_status(const err_t *e)
{
    return rows[e->code].status;
}

enum err_class err_class(const err_t *e)
{
    return rows[e->code].class;
}

const char *err_class_text(enum err_class class)
{
    switch (class) {
    case ERR_CLASS_PERMANENT:
        return "permanent";
    case ERR_CLASS_TRANSIENT:
        return "transient";
    case ERR_CLASS_AMBIGUOUS:
        return "ambiguous";
    case ERR_CLASS_PERSON:
        return "person";
    case ERR_CLASS_FENCED:
        return "fenced";
    case ERR_CLASS_BUG:
        return "bug";
    }
    g_assert_not_reached();
}

const char *err_title(const err_t *e)
{
    return rows[e->code].title;
}

const char *err_remedy_text(const err_t *e)
{
    while (e->remedy == NULL && e->inherits && e->cause != NULL)
        e = e->cause;
    return e->remedy != NULL ? e->remedy : rows[e->code].remedy;
}

static const char *own_detail(const err_t *e, const char *key)
{
    for (guint i = 0; e->details != NULL && i < e->details->len; i++) {
        const struct detail *detail = g_ptr_array_index(e->details, i);
        if (strcmp(detail->key, key) == 0)
            return detail->value;
    }
    return NULL;
}

const char *err_detail_get(const err_t *e, const char *key)
{
    const char *value = NULL;
    for (; e != NULL && value == NULL; e = e->cause)
        value = own_detail(e, key);
    return value;
}

const char *err_message(const err_t *e)
{
    return e->message;
}

char *err_text(const err_t *e)
{
    GString *text = g_string_new(e->message);
    for (e = e->cause; e != NULL; e = e->cause)
        g_string_append_printf(text, ": %s", e->message);
    return g_string_free(text, FALSE);
}

char *err_where(const err_t *e)
{
    while (e->cause != NULL)
        e = e->cause;
    return g_strdup_printf("%s:%d", e->file, e->line);
}

bool err_is(const err_t *e, enum err_code code)
{
    for (; e != NULL; e = e->cause)
        if (e->code == code)
            return true;
    return false;
}

enum err_code err_code_of(const char *text)
{
    for (int code = 0; code < ERR_COUNT; code++)
        if (strcmp(rows[code].code, text) == 0)
            return (enum err_code)code;
    return ERR_COUNT;
}

/* ---- JSON ---- */

/* Adds the details of this node that 'ret' does not have yet: the first one of a chain wins. */
static void details_merge(const err_t *e, json_t *ret)
{
    for (guint i = 0; e->details != NULL && i < e->details->len; i++) {
        const struct detail *detail = g_ptr_array_index(e->details, i);
        if (json_object_get(ret, detail->key) == NULL)
            json_set_str(ret, detail->key, detail->value);
    }
}

static json_t *cause_to_json(const err_t *e)
{
    json_t *j = json_object();
    json_t *details = json_object();
    json_set_str(j, "code", err_code_text(e));
    json_set_str(j, "message", e->message);
    if (e->remedy != NULL)
        json_set_str(j, "remedy", e->remedy);
    details_merge(e, details);
    json_set(j, "details", details);
    return j;
}

json_t *err_to_json(const err_t *e)
{
    json_t *j = json_object();
    json_t *details = json_object();
    json_t *causes = json_array();
    json_set_str(j, "code", err_code_text(e));
    json_set_str(j, "title", err_title(e));
    json_set_str(j, "message", e->message);
    json_set_str(j, "remedy", err_remedy_text(e));
    details_merge(e, details);
    for (e = e->cause; e != NULL; e = e->cause) {
        details_merge(e, details);
        json_array_append_new(causes, cause_to_json(e));
    }
    json_set(j, "details", details);
    json_set(j, "causes", causes);
    return j;
}

/* One node, without its causes. */
static err_t *node_from_json(const json_t *j)
{
    const char *text = json_str_or(j, "code", "");
    const char *remedy = json_str(j, "remedy");
    enum err_code code = err_code_of(text);
    bool known = code != ERR_COUNT;
    err_t *e = err_new("", 0, known ? code : ERR_INTERNAL,
                       g_strdup(json_str_or(j, "message", "an error without a message")));
    if (remedy != NULL && strcmp(remedy, rows[e->code].remedy) != 0)
        e->remedy = g_strdup(remedy);
    const char *key;
    json_t *value;
    json_object_foreach(json_obj(j, "details"), key, value)
    {
        if (json_is_string(value))
            e = err_detail(e, key, json_string_value(value));
    }
    if (!known && own_detail(e, "code") == NULL)
        e = err_detail(e, "code", text);
    return e;
}

err_t *err_from_json(const json_t *j)
{
    err_t *head = node_from_json(j);
    err_t *last = head;
    const json_t *causes = json_arr(j, "causes");
    for (size_t i = 0; i < json_array_size(causes) && i < CAUSES_MAX; i++) {
        last->cause = node_from_json(json_array_get(causes, i));
        last = last->cause;
    }
    return head;
}
