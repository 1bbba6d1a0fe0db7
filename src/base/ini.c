/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ini - line by line through a file in the dialect of oslo.config, see ini.h.
 *
 * A value is complete when something other than a continuation follows, so the pending one is kept
 * in the parser and handed over by flush().
 */
#include "base/ini.h"

#include <string.h>

#define BLANKS " \t\r\n\v\f"

struct parser {
    const char *name;
    ini_found_fn *found;
    void *data;
    char *section; /* NULL before the first one */
    char *key;     /* of the pending assignment, or NULL */
    GString *value;
    int key_line;
    int line;
};

static err_t *syntax_error(const struct parser *p, const char *line, const char *what)
{
    return err(CONFIG, "%s:%d: %s: '%.40s'", p->name, p->line, what, line);
}

/* Hands the pending assignment over, if there is one. */
static err_t *flush(struct parser *p)
{
    if (p->key == NULL)
        return NULL;
    g_autofree char *key = g_steal_pointer(&p->key);
    return p->found(p->data, p->key_line, p->section, key, p->value->str);
}

static err_t *section_line(struct parser *p, const char *line)
{
    size_t length = strlen(line);
    if (line[length - 1] != ']')
        return syntax_error(p, line, "a section must end with ]");
    if (length <= 2)
        return syntax_error(p, line, "a section needs a name");
    g_free(p->section);
    p->section = g_strndup(line + 1, length - 2);
    return p->found(p->data, p->line, p->section, NULL, NULL);
}

/* Takes one pair of equal quotes off, in place.  A single quote character becomes nothing. */
static char *unquoted(char *value)
{
    size_t length = strlen(value);
    if ((value[0] != '"' && value[0] != '\'') || value[0] != value[length - 1])
        return value;
    value[length - 1] = 0;
    return length == 1 ? value : value + 1;
}

/* The text of a broken assignment is not shown: it may hold a secret. */
static err_t *assignment_line(struct parser *p, char *line)
{
    size_t key_length = strcspn(line, "=:");
    if (line[key_length] == 0)
        return err(CONFIG,
                   "%s:%d: the line has neither '=' nor ':'; it should be 'option = value', "
                   "'[section]' or a comment",
                   p->name, p->line);
    char *value = unquoted(g_strstrip(line + key_length + 1));
    line[key_length] = 0;
    g_strstrip(line);
    if (line[0] == 0)
        return err(CONFIG, "%s:%d: the name before '=' or ':' is empty", p->name, p->line);
    if (p->section == NULL)
        return err(CONFIG, "%s:%d: option '%s' stands before any [section]", p->name, p->line,
                   line);
    p->key = g_strdup(line);
    p->key_line = p->line;
    g_string_assign(p->value, value);
    return NULL;
}

/* One line, without blanks at its end. */
static err_t *take_line(struct parser *p, char *line)
{
    bool continues = line[0] == ' ' || line[0] == '\t';
    if (line[0] == 0)
        return flush(p);
    if (continues && p->key == NULL)
        return syntax_error(p, line,
                            "a line that starts with a blank continues an option, but there "
                            "is none before it");
    if (continues) {
        g_string_append_printf(p->value, "\n%s", g_strchug(line));
        return NULL;
    }
    TRY(flush(p));
    if (line[0] == '#' || line[0] == ';')
        return NULL;
    return line[0] == '[' ? section_line(p, line) : assignment_line(p, line);
}

static err_t *take_text(struct parser *p, char *text)
{
    for (char *line = text; *line != 0;) {
        size_t length = strcspn(line, "\r\n");
        char *next = line + length + (strncmp(line + length, "\r\n", 2) == 0) + (line[length] != 0);
        line[length] = 0;
        if (++p->line > INI_LINES_MAX)
            return err(CONFIG, "%s has more than %d lines", p->name, INI_LINES_MAX);
        TRY(take_line(p, g_strchomp(line)));
        line = next;
    }
    return flush(p);
}

err_t *ini_parse(const char *text, size_t size, const char *name, ini_found_fn *found, void *data)
{
    const char *end = NULL;
    if (size > INI_SIZE_MAX)
        return err(CONFIG, "%s is larger than %d KiB", name, INI_SIZE_MAX / 1024);
    if (!g_utf8_validate(text, (gssize)size, &end)) {
        int line = 1;
        for (const char *at = text; at < end; at++)
            line += *at == '\n';
        return err(CONFIG, "%s:%d: the text is no valid UTF-8, or holds a NUL", name, line);
    }
    struct parser p = {.name = name, .found = found, .data = data, .value = g_string_new(NULL)};
    g_autofree char *copy = g_strndup(text, size);
    err_t *e = take_text(&p, copy);
    g_free(p.section);
    g_free(p.key);
    g_string_free(p.value, TRUE);
    return e;
}
