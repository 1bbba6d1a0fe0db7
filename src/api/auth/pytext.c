/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pytext - see pytext.h.
 */
#include "api/auth/pytext.h"

#include <string.h>

/* ---- writing ---- */

static bool repr(GString *out, const json_t *value);

static void repr_char(GString *out, gunichar c, char quote)
{
    if (c == (gunichar)quote || c == '\\')
        g_string_append_printf(out, "\\%c", (char)c);
    else if (c == '\n')
        g_string_append(out, "\\n");
    else if (c == '\r')
        g_string_append(out, "\\r");
    else if (c == '\t')
        g_string_append(out, "\\t");
    else if (c == ' ' || (g_unichar_isprint(c) && !g_unichar_isspace(c)))
        g_string_append_unichar(out, c);
    else if (c < 0x100)
        g_string_append_printf(out, "\\x%02x", c);
    else if (c < 0x10000)
        g_string_append_printf(out, "\\u%04x", c);
    else
        g_string_append_printf(out, "\\U%08x", c);
}

static void repr_string(GString *out, const char *text)
{
    char quote = strchr(text, '\'') != NULL && strchr(text, '"') == NULL ? '"' : '\'';

    g_string_append_c(out, quote);
    for (; *text != '\0'; text = g_utf8_next_char(text))
        repr_char(out, g_utf8_get_char(text), quote);
    g_string_append_c(out, quote);
}

static bool repr_array(GString *out, const json_t *array)
{
    const json_t *value;
    size_t i;

    g_string_append_c(out, '[');
    json_array_foreach(array, i, value)
    {
        if (i > 0)
            g_string_append(out, ", ");
        if (!repr(out, value))
            return false;
    }
    g_string_append_c(out, ']');
    return true;
}

static bool repr_object(GString *out, const json_t *object)
{
    const char *separator = "";
    const char *key;
    json_t *value;

    g_string_append_c(out, '{');
    json_object_foreach((json_t *)object, key, value)
    {
        g_string_append(out, separator);
        repr_string(out, key);
        g_string_append(out, ": ");
        if (!repr(out, value))
            return false;
        separator = ", ";
    }
    g_string_append_c(out, '}');
    return true;
}

/* False for what we do not write as Python does. */
static bool repr(GString *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        g_string_append(out, "None");
        return true;
    case JSON_TRUE:
        g_string_append(out, "True");
        return true;
    case JSON_FALSE:
        g_string_append(out, "False");
        return true;
    case JSON_INTEGER:
        g_string_append_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return true;
    case JSON_STRING:
        repr_string(out, json_string_value(value));
        return true;
    case JSON_ARRAY:
        return repr_array(out, value);
    case JSON_OBJECT:
        return repr_object(out, value);
    case JSON_REAL:
        break;
    }
    return false;
}

char *pytext_str(const json_t *value)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    return repr(out, value) ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

/* ---- reading ---- */

static bool is_constant(const char *word)
{
    return strcmp(word, "None") == 0 || strcmp(word, "True") == 0 || strcmp(word, "False") == 0;
}

static bool is_keyword(const char *word)
{
    static const char *const words[] = {
        "and",    "as",   "assert", "async",  "await",  "break",   "class",    "continue",
        "def",    "del",  "elif",   "else",   "except", "finally", "for",      "from",
        "global", "if",   "import", "in",     "is",     "lambda",  "nonlocal", "not",
        "or",     "pass", "raise",  "return", "try",    "while",   "with",     "yield",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static bool is_name_char(gunichar c, bool first)
{
    return c == '_' || (first ? g_unichar_isalpha(c) : g_unichar_isalnum(c));
}

/* Takes a name off '*text'; NULL if there is none.  Caller frees. */
static char *take_name(const char **text)
{
    const char *start = *text;

    while (is_name_char(g_utf8_get_char(*text), *text == start))
        *text = g_utf8_next_char(*text);
    return *text == start ? NULL : g_strndup(start, (gsize)(*text - start));
}

/* Takes decimal digits as Python allows them (1_000, 00, not 01); NULL if there are none.  The
 * result has neither underscores nor leading zeros.  Caller frees. */
static char *take_number(const char **text)
{
    g_autoptr(GString) digits = g_string_new(NULL);
    const char *c = *text;
    gsize zeros;

    while (g_ascii_isdigit(*c)) {
        g_string_append_c(digits, *c++);
        if (*c == '_' && g_ascii_isdigit(c[1]))
            c++;
    }
    zeros = strspn(digits->str, "0");
    if (digits->len == 0 || (zeros > 0 && zeros < digits->len) || *c == '_' || *c == '.' ||
        g_ascii_isalpha(*c))
        return NULL;
    *text = c;
    return g_strdup(zeros > 0 ? "0" : digits->str);
}

/* a, a.b, 17; None, True and False only at the front. */
static bool take_operand(const char **text)
{
    g_autofree char *first = NULL;

    *text += strspn(*text, "+-~");
    if (g_ascii_isdigit(**text)) {
        g_autofree char *number = take_number(text);
        return number != NULL;
    }
    first = take_name(text);
    if (first == NULL || is_keyword(first))
        return false;
    while (**text == '.') {
        g_autofree char *name = NULL;
        (*text)++;
        name = take_name(text);
        if (name == NULL || is_keyword(name) || is_constant(name))
            return false;
    }
    return true;
}

static bool is_expression(const char *text)
{
    if (!take_operand(&text))
        return false;
    while (*text != '\0') {
        if (strchr("+-*/%|&^@<>", *text) == NULL)
            return false;
        text++;
        if (!take_operand(&text))
            return false;
    }
    return true;
}

/* A string in one pair of quotes, without escapes. */
static char *quoted(const char *text)
{
    gsize size = strlen(text);
    g_autofree char *inside = NULL;

    if (size < 2 || (text[0] != '"' && text[0] != '\'') || text[size - 1] != text[0])
        return NULL;
    inside = g_strndup(text + 1, size - 2);
    if (strchr(inside, text[0]) != NULL || strpbrk(inside, "\\\r\n") != NULL)
        return NULL;
    return g_steal_pointer(&inside);
}

static char *whole_number(const char *text)
{
    bool negative = *text == '-';
    g_autofree char *number = NULL;

    if (*text == '-' || *text == '+')
        text++;
    number = take_number(&text);
    if (number == NULL || *text != '\0')
        return NULL;
    if (!negative || strcmp(number, "0") == 0)
        return g_steal_pointer(&number);
    return g_strconcat("-", number, NULL);
}

enum pytext_kind pytext_literal(const char *text, char **ret)
{
    g_autofree char *bare = g_strdup(text);

    g_strstrip(bare);
    *ret = NULL;
    if (is_constant(bare))
        *ret = g_strdup(bare);
    if (*ret == NULL)
        *ret = quoted(bare);
    if (*ret == NULL)
        *ret = whole_number(bare);
    if (*ret != NULL)
        return PYTEXT_LITERAL;
    return is_expression(bare) ? PYTEXT_PATH : PYTEXT_BROKEN;
}
