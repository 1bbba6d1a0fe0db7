/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_sample - prints conf.tbl as a sample protector.conf, in the manner of oslo-config-generator.
 *
 * The sample as it is changes nothing (every option is commented out), and with the '#' of the
 * options taken away it sets every default: a test reads it back both ways.
 */
#include "base/conf.h"

#include <string.h>

#define WRAP_COLUMN 78

static const char *type_text(enum conf_type type)
{
    switch (type) {
    case CONF_STRING:
    case CONF_SECRET:
        return "string value";
    case CONF_INT:
        return "integer value";
    case CONF_BOOL:
        return "boolean value";
    case CONF_LIST:
        return "list value";
    }
    g_assert_not_reached();
}

/* Appends 'text' as comment lines of at most WRAP_COLUMN columns. */
static void append_comment(GString *out, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    size_t column = 0;
    for (int i = 0; words[i] != NULL; i++) {
        size_t length = strlen(words[i]);
        if (column > 0 && column + 1 + length > WRAP_COLUMN) {
            g_string_append_c(out, '\n');
            column = 0;
        }
        g_string_append(out, column == 0 ? "# " : " ");
        g_string_append(out, words[i]);
        column += length + (column == 0 ? 2 : 1);
    }
    g_string_append_c(out, '\n');
}

static void append_option(GString *out, const struct conf_option *option)
{
    g_autofree char *help = g_strdup_printf("%s (%s)", option->help, type_text(option->type));
    g_string_append_c(out, '\n');
    append_comment(out, help);
    if (option->type == CONF_INT)
        g_string_append_printf(out,
                               "# Minimum value: %" G_GINT64_FORMAT
                               "\n# Maximum value: %" G_GINT64_FORMAT "\n",
                               option->min, option->max);
    if (option->choices != NULL) {
        g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);
        g_autofree char *list = g_strjoinv(", ", choices);
        g_string_append_printf(out, "# Possible values: %s\n", list);
    }
    g_string_append_printf(out, "#%s = %s\n", option->name,
                           option->fallback != NULL ? option->fallback : "<None>");
}

char *conf_sample(void)
{
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < conf_options_count; i++) {
        const char *section = conf_options[i].section;
        bool first = i == 0 || strcmp(section, conf_options[i - 1].section) != 0;
        bool pattern = g_str_has_suffix(section, ":");
        if (first && pattern)
            g_string_append_printf(out, "\n\n# One section for each peer.\n#[%sNAME]\n", section);
        else if (first)
            g_string_append_printf(out, "%s[%s]\n", i == 0 ? "" : "\n\n", section);
        append_option(out, &conf_options[i]);
    }
    return g_string_free(out, FALSE);
}
