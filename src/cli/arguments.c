/* SPDX-License-Identifier: Apache-2.0 */
/* arguments - see arguments.h. */
#include "cli/arguments.h"

#include <protector/client.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

/* ---- options of every command ---- */

struct global {
    const char *name, *letter, *value, *help;
    size_t offset;
};
#define FIELD(x) offsetof(struct arguments, x)
static const struct global globals[] = {
    {"--os-cloud", NULL, "NAME", "entry of clouds.yaml of the local site (OS_CLOUD)", FIELD(cloud)},
    {"--secondary-cloud", NULL, "NAME", "entry of the other site (OS_SECONDARY_CLOUD)",
     FIELD(secondary_cloud)},
    {"--os-region-name", NULL, "REGION", "region of the local site", FIELD(region)},
    {"--os-interface", NULL, "NAME", "public, internal or admin", FIELD(interface)},
    {"--os-client-config-file", NULL, "FILE", "clouds.yaml to use", FIELD(config_file)},
    {"--format", "-f", "FORMAT", "table, json, yaml, value or csv", FIELD(format)},
};

static const struct global *global_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(globals); i++) {
        if (strcmp(globals[i].name, name) == 0 ||
            (globals[i].letter && strcmp(globals[i].letter, name) == 0))
            return &globals[i];
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

static char *parse_global(struct parse *p, const struct global *g, const char *inline_value)
{
    char *value = option_value(p, inline_value);
    char **field = (char **)(void *)((char *)p->a + g->offset);

    if (value == NULL)
        return g_strdup_printf("%s needs %s", g->name, g->value);
    g_free(*field);
    *field = value;
    return NULL;
}

/* True if it was one of the flags that every command has. */
static bool parse_flag(struct parse *p, const char *name)
{
    struct arguments *a = p->a;

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        a->help = TRUE;
    else if (strcmp(name, "--version") == 0)
        a->version = TRUE;
    else if (strcmp(name, "--debug") == 0)
        a->debug = TRUE;
    else
        return false;
    return true;
}

static char *parse_option(struct parse *p, const char *text)
{
    const char *equals = strchr(text, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    const char *inline_value = equals != NULL ? equals + 1 : NULL;
    const struct global *g = global_find(name);
    guint used = 0;

    if (g != NULL)
        return parse_global(p, g, inline_value);
    if (parse_flag(p, name))
        return NULL;
    if (strcmp(name, "-c") == 0 || strcmp(name, "--column") == 0) {
        char *value = option_value(p, inline_value);
        if (value == NULL)
            return g_strdup("-c needs a column");
        g_ptr_array_add(p->a->columns, value);
        return NULL;
    }
    const json_t *command =
        command_match(p->a->table, (char **)p->words->pdata, p->words->len, &used);
    const json_t *option = command != NULL ? option_find(command, name) : NULL;
    if (option == NULL)
        return command == NULL
                   ? g_strdup_printf("'%s' comes before the command, or there is no such command",
                                     name)
                   : g_strdup_printf("'%s' has no option %s", text_of(command, "name"), name);
    if (json_is_null(json_object_get(option, "value"))) {
        value_add(p->a, option, NULL);
        return NULL;
    }
    g_autofree char *value = option_value(p, inline_value);
    if (value == NULL)
        return g_strdup_printf("%s needs %s", name, text_of(option, "value"));
    value_add(p->a, option, value);
    return NULL;
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
    if (strcmp(g_ptr_array_index(p->words, 0), "complete") == 0) {
        a->completion = g_strdup("bash");
        return NULL;
    }
    if (strcmp(g_ptr_array_index(p->words, 0), "man") == 0) {
        a->completion = g_strdup("man");
        return NULL;
    }
    a->command = command_match(a->table, (char **)p->words->pdata, p->words->len, &used);
    if (a->command == NULL && a->help)
        return NULL;
    if (a->command == NULL)
        return g_strdup_printf("'%s' is no command; see protector --help",
                               (char *)g_ptr_array_index(p->words, 0));
    return positionals_take(p, used);
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
    char *texts[] = {a->format,    a->cloud,       a->secondary_cloud, a->region,
                     a->interface, a->config_file, a->completion};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
}

/* ---- help, completion, manual ---- */

static void command_help(const json_t *c, FILE *out)
{
    size_t i;
    json_t *x;

    fprintf(out, "usage: protector %s", text_of(c, "name"));
    json_array_foreach(json_object_get(c, "arguments"), i, x)
        fprintf(out, " <%s>", text_of(x, "name"));
    fprintf(out, " [options]\n\n%s.\n\n", text_of(c, "summary"));
    json_array_foreach(json_object_get(c, "arguments"), i, x)
        fprintf(out, "  %-34s %s\n", text_of(x, "name"), text_of(x, "help"));
    json_array_foreach(json_object_get(c, "options"), i, x)
    {
        g_autofree char *head = g_strdup_printf("%s %s", text_of(x, "name"),
                                                text_of(x, "value") ? text_of(x, "value") : "");
        fprintf(out, "  %-34s %s%s\n", head, text_of(x, "help"),
                json_is_true(json_object_get(x, "required")) ? " (required)" : "");
    }
    json_array_foreach(json_object_get(c, "aliases"), i, x)
        fprintf(out, "\nalso: protector %s\n", json_string_value(x));
}

void arguments_help(const struct arguments *a, FILE *out)
{
    size_t i;
    json_t *row;

    if (a->command != NULL) {
        command_help(a->command, out);
        return;
    }
    fputs("usage: protector [global options] <command> [arguments] [options]\n\ncommands:\n", out);
    json_array_foreach(a->table, i, row)
        fprintf(out, "  %-34s %s\n", text_of(row, "name"), text_of(row, "summary"));
    fputs("\nglobal options:\n", out);
    for (i = 0; i < G_N_ELEMENTS(globals); i++) {
        g_autofree char *head =
            g_strdup_printf("%s%s%s %s", globals[i].name, globals[i].letter ? ", " : "",
                            globals[i].letter ? globals[i].letter : "", globals[i].value);
        fprintf(out, "  %-34s %s\n", head, globals[i].help);
    }
    fputs("  -c COLUMN                          only this column (repeatable)\n"
          "  --version                          of the client and, with a cloud, the API's range\n"
          "\nexit codes: 0 done, 1 failed, 2 usage, 3 a site did not answer, 4 not allowed, 5 not "
          "found, 6 conflict\n",
          out);
}

void arguments_completion(const struct arguments *a, FILE *out)
{
    size_t i, k;
    json_t *row, *o;

    fputs("# bash completion of protector; generated by 'protector complete'\n_protector()\n{\n"
          "    local line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" words=\"\"\n    case \"$line\" in\n",
          out);
    json_array_foreach(a->table, i, row)
    {
        fprintf(out, "        \"%s\"*) words=\"", text_of(row, "name"));
        json_array_foreach(json_object_get(row, "options"), k, o)
            fprintf(out, "%s ", text_of(o, "name"));
        fputs("\" ;;\n", out);
    }
    fputs("        *) words=\"", out);
    json_array_foreach(a->table, i, row)
    {
        g_auto(GStrv) parts = g_strsplit(text_of(row, "name"), " ", -1);
        for (k = 0; parts[k] != NULL; k++)
            fprintf(out, "%s ", parts[k]);
    }
    fputs("\" ;;\n    esac\n    COMPREPLY=($(compgen -W \"$words\" -- "
          "\"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
          "complete -F _protector protector\n",
          out);
}

void arguments_man(const struct arguments *a, FILE *out)
{
    size_t i, k;
    json_t *row, *o;

    fputs(".TH PROTECTOR 1\n.SH NAME\nprotector \\- disaster recovery for OpenStack tenants\n.SH "
          "SYNOPSIS\n"
          ".B protector\n[global options] command [arguments] [options]\n.SH COMMANDS\n",
          out);
    json_array_foreach(a->table, i, row)
    {
        fprintf(out, ".SS %s\n%s.\n", text_of(row, "name"), text_of(row, "summary"));
        json_array_foreach(json_object_get(row, "options"), k, o)
            fprintf(out, ".TP\n.B %s %s\n%s\n", text_of(o, "name"),
                    text_of(o, "value") ? text_of(o, "value") : "", text_of(o, "help"));
    }
    fputs(".SH EXIT STATUS\n0 done, 1 failed, 2 usage, 3 a site did not answer, 4 not allowed, 5 "
          "not found, 6 conflict\n",
          out);
}
