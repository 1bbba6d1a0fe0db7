/* SPDX-License-Identifier: Apache-2.0 */
/* arguments - see arguments.h. */
#include "cli/arguments.h"

#include <protector/client.h>

#include <stdbool.h>
#include <string.h>

static const char *text_of(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

/* ---- options of every command ---- */

/* clang-format off */
#define FIELD(x) offsetof(struct arguments, x)
const struct global_option global_options[] = {
    {"--os-cloud", NULL, "NAME", "entry of clouds.yaml of the local site (OS_CLOUD)", NULL, FIELD(cloud), FALSE},
    {"--secondary-cloud", NULL, "NAME", "entry of the other site (OS_SECONDARY_CLOUD)", NULL, FIELD(secondary_cloud), FALSE},
    {"--os-region-name", NULL, "REGION", "region of the local site", NULL, FIELD(region), FALSE},
    {"--os-interface", NULL, "NAME", "public, internal or admin", "public internal admin", FIELD(interface), FALSE},
    {"--os-client-config-file", NULL, "FILE", "clouds.yaml to use (OS_CLIENT_CONFIG_FILE)", NULL, FIELD(config_file), FALSE},
    {"--format", "-f", "FORMAT", "table, json, yaml, value or csv", "table json yaml value csv", FIELD(format), FALSE},
    {"--column", "-c", "COLUMN", "only this column (repeatable)", NULL, FIELD(columns), TRUE},
    {"--debug", NULL, NULL, "requests and replies to standard error, without secrets", NULL, FIELD(debug), FALSE},
    {"--help", "-h", NULL, "of all commands, of those that begin so, or of one", NULL, FIELD(help), FALSE},
    {"--version", NULL, NULL, "of the client and, with a cloud, the API's range", NULL, FIELD(version), FALSE},
    {0},
};
/* clang-format on */

static const struct global_option *global_find(const char *name)
{
    for (const struct global_option *g = global_options; g->name != NULL; g++) {
        if (strcmp(g->name, name) == 0 || (g->letter != NULL && strcmp(g->letter, name) == 0))
            return g;
    }
    return NULL;
}

/* ---- the command ---- */

/* The row whose name or alias begins the words; '*ret_used' words of them. */
static const json_t *command_match(const json_t *table, char **words, guint count, guint *ret_used)
{
    const json_t *best = NULL;
    size_t i, k;
    json_t *row, *alias;

    *ret_used = 0;
    for (guint n = 1; n <= count && n <= 4; n++) {
        g_autofree char *name = NULL;
        g_auto(GStrv) head = g_new0(char *, n + 1);
        for (guint w = 0; w < n; w++)
            head[w] = g_strdup(words[w]);
        name = g_strjoinv(" ", head);
        json_array_foreach((json_t *)table, i, row)
        {
            bool hit = strcmp(text_of(row, "name"), name) == 0;
            json_array_foreach(json_object_get(row, "aliases"), k, alias) hit =
                hit || strcmp(json_string_value(alias), name) == 0;
            if (hit) {
                best = row;
                *ret_used = n;
            }
        }
    }
    return best;
}

/* True if a command's name or alias begins with these words. */
static bool begins_any(const json_t *table, const char *words)
{
    size_t i, k;
    json_t *row, *alias;
    g_autofree char *head = g_strdup_printf("%s ", words);

    json_array_foreach((json_t *)table, i, row)
    {
        if (g_str_has_prefix(text_of(row, "name"), head))
            return true;
        json_array_foreach(json_object_get(row, "aliases"), k, alias)
        {
            if (g_str_has_prefix(json_string_value(alias), head))
                return true;
        }
    }
    return false;
}

static const json_t *option_find(const json_t *command, const char *name)
{
    size_t i;
    json_t *o;

    json_array_foreach(json_object_get(command, "options"), i, o)
    {
        if (strcmp(text_of(o, "name"), name) == 0)
            return o;
    }
    return NULL;
}

/* ---- parsing ---- */

static void value_add(struct arguments *a, const json_t *option, const char *value)
{
    const char *key = text_of(option, "name") + 2;

    if (value == NULL) {
        json_object_set_new(a->values, key, json_true());
    } else if (json_is_true(json_object_get(option, "repeat"))) {
        json_t *list = json_object_get(a->values, key);
        if (list == NULL)
            json_object_set_new(a->values, key, list = json_array());
        json_array_append_new(list, json_string(value));
    } else {
        json_object_set_new(a->values, key, json_string(value));
    }
}

struct parse {
    struct arguments *a;
    int argc, at;
    char **argv;
    GPtrArray *words;   /* what is no option */
    GPtrArray *options; /* "--name" and value pairs, until the command is known */
};

/* "--name=value" or "--name value".  NULL if there is no value. */
static char *option_value(struct parse *p, const char *inline_value)
{
    if (inline_value != NULL)
        return g_strdup(inline_value);
    return p->at + 1 < p->argc ? g_strdup(p->argv[++p->at]) : NULL;
}

static char *parse_global(struct parse *p, const struct global_option *g, const char *inline_value)
{
    void *field = (char *)p->a + g->offset;

    if (g->value == NULL && inline_value != NULL)
        return g_strdup_printf("%s takes no value", g->name);
    if (g->value == NULL) {
        *(gboolean *)field = TRUE;
        return NULL;
    }
    char *value = option_value(p, inline_value);
    if (value == NULL)
        return g_strdup_printf("%s needs %s", g->name, g->value);
    if (g->repeat) {
        g_ptr_array_add(*(GPtrArray **)field, value);
    } else {
        g_free(*(char **)field);
        *(char **)field = value;
    }
    return NULL;
}

static char *parse_value(struct parse *p, const json_t *option, const char *inline_value)
{
    const char *name = text_of(option, "name");

    if (json_is_null(json_object_get(option, "value"))) {
        if (inline_value != NULL)
            return g_strdup_printf("%s takes no value", name);
        value_add(p->a, option, NULL);
        return NULL;
    }
    g_autofree char *value = option_value(p, inline_value);
    if (value == NULL)
        return g_strdup_printf("%s needs %s", name, text_of(option, "value"));
    value_add(p->a, option, value);
    return NULL;
}

static char *parse_option(struct parse *p, const char *text)
{
    const char *equals = strchr(text, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    const char *inline_value = equals != NULL ? equals + 1 : NULL;
    const struct global_option *g = global_find(name);
    guint used = 0;

    if (g != NULL)
        return parse_global(p, g, inline_value);
    const json_t *command =
        command_match(p->a->table, (char **)p->words->pdata, p->words->len, &used);
    const json_t *option = command != NULL ? option_find(command, name) : NULL;
    if (option != NULL)
        return parse_value(p, option, inline_value);
    return command == NULL
               ? g_strdup_printf("'%s' comes before the command, or there is no such command", name)
               : g_strdup_printf("'%s' has no option %s", text_of(command, "name"), name);
}

static char *positionals_take(struct parse *p, guint used)
{
    const json_t *expected = json_object_get(p->a->command, "arguments");

    if (p->words->len - used > json_array_size(expected))
        return g_strdup_printf("'%s' takes %zu arguments; '%s' is too much",
                               text_of(p->a->command, "name"), json_array_size(expected),
                               (char *)g_ptr_array_index(p->words,
                                                         used + (guint)json_array_size(expected)));
    for (guint i = used; i < p->words->len; i++)
        json_object_set_new(p->a->values, text_of(json_array_get(expected, i - used), "name"),
                            json_string(g_ptr_array_index(p->words, i)));
    return NULL;
}

static char *command_take(struct parse *p)
{
    struct arguments *a = p->a;
    guint used = 0;

    if (p->words->len == 0)
        return NULL;
    const char *first = g_ptr_array_index(p->words, 0);
    if (strcmp(first, "complete") == 0 || strcmp(first, "man") == 0) {
        a->page = g_strdup(first);
        return NULL;
    }
    a->command = command_match(a->table, (char **)p->words->pdata, p->words->len, &used);
    if (a->command != NULL)
        return positionals_take(p, used);
    g_ptr_array_add(p->words, NULL);
    a->prefix = g_strjoinv(" ", (char **)p->words->pdata);
    if (!begins_any(a->table, a->prefix))
        return g_strdup_printf("'%s' is no command; see protector --help", a->prefix);
    return a->help ? NULL
                   : g_strdup_printf("'%s' begins a command; protector %s --help lists which",
                                     a->prefix, a->prefix);
}

char *arguments_parse(int argc, char **argv, struct arguments *ret)
{
    struct parse p = {.a = ret, .argc = argc, .argv = argv};
    bool options = true;
    char *wrong = NULL;

    *ret = (struct arguments){.table = json_loads(protector_commands_json(), 0, NULL),
                              .values = json_object()};
    ret->columns = g_ptr_array_new_with_free_func(g_free);
    p.words = g_ptr_array_new();
    for (p.at = 1; p.at < argc && wrong == NULL; p.at++) {
        char *text = argv[p.at];
        if (options && strcmp(text, "--") == 0)
            options = false;
        else if (options && text[0] == '-' && text[1] != '\0')
            wrong = parse_option(&p, text);
        else
            g_ptr_array_add(p.words, text);
    }
    if (wrong == NULL)
        wrong = command_take(&p);
    g_ptr_array_unref(p.words);
    return wrong;
}

void arguments_fini(struct arguments *a)
{
    json_decref(a->table);
    json_decref(a->values);
    g_ptr_array_unref(a->columns);
    char *texts[] = {a->format,      a->cloud, a->secondary_cloud, a->region, a->interface,
                     a->config_file, a->page,  a->prefix};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
}
