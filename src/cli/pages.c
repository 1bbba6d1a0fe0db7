/* SPDX-License-Identifier: Apache-2.0 */
/* pages - see pages.h. */
#include "cli/pages.h"

#include <protector/client.h>

#include <stdbool.h>
#include <string.h>

static const char *text_of(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

/* What each exit code means, the environment and the files: for the help and the manual page. */
static const char *const exit_codes[] = {
    "done", "failed", "usage", "a site did not answer", "not allowed", "not found", "conflict",
};

/* clang-format off */
static const struct {
    const char *name, *help;
} environment[] = {
    {"OS_CLOUD", "entry of clouds.yaml of the local site"},
    {"OS_SECONDARY_CLOUD", "entry of clouds.yaml of the other site"},
    {"OS_CLIENT_CONFIG_FILE", "clouds.yaml to use instead of those below"},
    {"OS_CLIENT_SECURE_FILE", "secure.yaml to use instead of those below"},
    {"OS_PROTECTOR_API_VERSION", "version of the API, as 1.0; default: the highest that client and site know"},
    {"OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME and so on", "the local site, where no entry is named"},
}, files[] = {
    {"./clouds.yaml, ~/.config/openstack/clouds.yaml, /etc/openstack/clouds.yaml", "the sites and whoever uses them; the first that is there counts"},
    {"secure.yaml", "what of it is secret: in the folder of a clouds.yaml that is named, else in the same places"},
};
/* clang-format on */

/* "--format, -f FORMAT" of a global option.  Caller frees. */
static char *global_head(const struct global_option *g)
{
    return g_strdup_printf("%s%s%s%s%s", g->name, g->letter != NULL ? ", " : "",
                           g->letter != NULL ? g->letter : "", g->value != NULL ? " " : "",
                           g->value != NULL ? g->value : "");
}

/* "--name NAME" of a command's option.  Caller frees. */
static char *option_head(const json_t *option)
{
    const char *value = text_of(option, "value");

    return g_strdup_printf("%s%s%s", text_of(option, "name"), value != NULL ? " " : "",
                           value != NULL ? value : "");
}

static const char *required_text(const json_t *option)
{
    return json_is_true(json_object_get(option, "required")) ? " (required)" : "";
}

/* ---- help ---- */

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
        g_autofree char *head = option_head(x);
        fprintf(out, "  %-34s %s%s\n", head, text_of(x, "help"), required_text(x));
    }
    json_array_foreach(json_object_get(c, "aliases"), i, x)
        fprintf(out, "%salso: protector %s\n", i == 0 ? "\n" : "", json_string_value(x));
}

/* The commands whose name or alias begins with these words; all where they are NULL. */
static bool begins(const json_t *row, const char *words)
{
    size_t k;
    json_t *alias;
    g_autofree char *head = words != NULL ? g_strdup_printf("%s ", words) : g_strdup("");
    bool hit = g_str_has_prefix(text_of(row, "name"), head);

    json_array_foreach(json_object_get(row, "aliases"), k, alias) hit =
        hit || g_str_has_prefix(json_string_value(alias), head);
    return hit;
}

static void commands_help(const struct arguments *a, FILE *out)
{
    size_t i;
    json_t *row;

    fprintf(out, "usage: protector [global options] %s%s<command> [arguments] [options]\n",
            a->prefix != NULL ? a->prefix : "", a->prefix != NULL ? " " : "");
    fputs("       protector [command] --help\n", out);
    if (a->prefix == NULL)
        fputs("       protector complete | man\n", out);
    fputs("\ncommands:\n", out);
    json_array_foreach(a->table, i, row)
    {
        if (begins(row, a->prefix))
            fprintf(out, "  %-34s %s\n", text_of(row, "name"), text_of(row, "summary"));
    }
}

void page_help(const struct arguments *a, FILE *out)
{
    if (a->command != NULL) {
        command_help(a->command, out);
        return;
    }
    commands_help(a, out);
    if (a->prefix != NULL)
        return;
    fputs("\nglobal options:\n", out);
    for (const struct global_option *g = global_options; g->name != NULL; g++) {
        g_autofree char *head = global_head(g);
        fprintf(out, "  %-34s %s\n", head, g->help);
    }
    fputs("\nexit codes: ", out);
    for (size_t i = 0; i < G_N_ELEMENTS(exit_codes); i++)
        fprintf(out, "%s%zu %s", i > 0 ? ", " : "", i, exit_codes[i]);
    fputc('\n', out);
}

/* ---- completion ---- */

/*
 * The words before the cursor, without options and their values, are what has been typed of the
 * command.  Behind an option that takes one of a few values those are offered, a file where it
 * takes one, nothing where it takes something else (bash gives --name=value as three words).
 */
/* clang-format off */
static const char completion_script[] =
    "_protector()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} line= option= words= i w name\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        w=${COMP_WORDS[i]}\n"
    "        if [[ $w == = ]]; then\n"
    "            option=${COMP_WORDS[i - 1]}\n"
    "        elif [[ -n $option ]]; then\n"
    "            option=\n"
    "        elif [[ $w != -* ]]; then\n"
    "            line+=\"$w \"\n"
    "        elif [[ \" $_protector_valued \" == *\" $w \"* ]]; then\n"
    "            option=$w\n"
    "        fi\n"
    "    done\n"
    "    if [[ $cur == = ]]; then\n"
    "        option=${COMP_WORDS[COMP_CWORD - 1]} cur=\n"
    "    fi\n"
    "    if [[ -n $option ]]; then\n"
    "        _protector_values \"$option\"\n"
    "        return\n"
    "    fi\n"
    "    _protector_options \"$line\"\n"
    "    if [[ $cur == -* ]]; then\n"
    "        words+=\" $_protector_globals\"\n"
    "    elif [[ -z $words ]]; then\n"
    "        while read -r name; do\n"
    "            [[ $name != \"$line\"* ]] || name=${name#\"$line\"} words+=\" ${name%% *}\"\n"
    "        done <<< \"$_protector_commands\"\n"
    "    fi\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
    "}\n"
    "complete -F _protector protector\n";
/* clang-format on */

/* Every name and alias, a line each. */
static void names_print(const struct arguments *a, FILE *out)
{
    size_t i, k;
    json_t *row, *alias;

    fputs("_protector_commands='complete\nman", out);
    json_array_foreach(a->table, i, row)
    {
        fprintf(out, "\n%s", text_of(row, "name"));
        json_array_foreach(json_object_get(row, "aliases"), k, alias)
            fprintf(out, "\n%s", json_string_value(alias));
    }
    fputs("'\n", out);
}

/* The options of every command, and those that take a value. */
static void globals_print(const struct arguments *a, FILE *out)
{
    size_t i, k;
    json_t *row, *o;

    fputs("_protector_globals='", out);
    for (const struct global_option *g = global_options; g->name != NULL; g++)
        fprintf(out, "%s%s", g > global_options ? " " : "", g->name);
    fputs("'\n_protector_valued='", out);
    for (const struct global_option *g = global_options; g->name != NULL; g++) {
        if (g->value != NULL)
            fprintf(out, "%s %s ", g->name, g->letter != NULL ? g->letter : "");
    }
    json_array_foreach(a->table, i, row) json_array_foreach(json_object_get(row, "options"), k, o)
    {
        if (text_of(o, "value") != NULL)
            fprintf(out, "%s ", text_of(o, "name"));
    }
    fputs("'\n", out);
}

static void options_print(const struct arguments *a, FILE *out)
{
    size_t i, k;
    json_t *row, *x;

    fputs("_protector_options()\n{\n    case $1 in\n", out);
    json_array_foreach(a->table, i, row)
    {
        fprintf(out, "        \"%s \"*", text_of(row, "name"));
        json_array_foreach(json_object_get(row, "aliases"), k, x)
            fprintf(out, " | \"%s \"*", json_string_value(x));
        fputs(") words='", out);
        json_array_foreach(json_object_get(row, "options"), k, x)
            fprintf(out, "%s%s", k > 0 ? " " : "", text_of(x, "name"));
        fputs("' ;;\n", out);
    }
    fputs("    esac\n}\n", out);
}

/* One option: its values, or that it takes a file. */
static void value_print(FILE *out, const char *name, const char *letter, const char *value,
                        const char *choices)
{
    if (choices == NULL && g_strcmp0(value, "FILE") != 0)
        return;
    fprintf(out, "        %s%s%s) ", name, letter != NULL ? " | " : "",
            letter != NULL ? letter : "");
    if (choices != NULL)
        fprintf(out, "words='%s' ;;\n", choices);
    else
        fputs("compopt -o filenames 2>/dev/null; "
              "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n",
              out);
}

static void values_print(const struct arguments *a, FILE *out)
{
    size_t i, k, n;
    json_t *row, *o, *choice;

    fputs("_protector_values()\n{\n    case $1 in\n", out);
    for (const struct global_option *g = global_options; g->name != NULL; g++)
        value_print(out, g->name, g->letter, g->value, g->choices);
    json_array_foreach(a->table, i, row) json_array_foreach(json_object_get(row, "options"), k, o)
    {
        g_autoptr(GString) choices = g_string_new(NULL);
        json_array_foreach(json_object_get(o, "choices"), n, choice)
            g_string_append_printf(choices, "%s%s", n > 0 ? " " : "", json_string_value(choice));
        value_print(out, text_of(o, "name"), NULL, text_of(o, "value"),
                    choices->len > 0 ? choices->str : NULL);
    }
    fputs("    esac\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n", out);
}

void page_completion(const struct arguments *a, FILE *out)
{
    fputs("# bash completion of protector; made by 'protector complete'\n", out);
    names_print(a, out);
    globals_print(a, out);
    options_print(a, out);
    values_print(a, out);
    fputs(completion_script, out);
}

/* ---- the manual page ---- */

/* Text for troff: these characters stay what they are, and no line begins with a request. */
static void troff(FILE *out, const char *text)
{
    static const char plain[] = "-\\'~^`";
    static const char *const escaped[] = {"\\-", "\\e", "\\(aq", "\\(ti", "\\(ha", "\\(ga"};

    if (*text == '.')
        fputs("\\&", out);
    for (; *text != '\0'; text = g_utf8_next_char(text)) {
        const char *at = strchr(plain, *text);
        gunichar c = g_utf8_get_char(text);
        if (at != NULL)
            fputs(escaped[at - plain], out);
        else if (c > 127)
            fprintf(out, "\\[u%04X]", c);
        else
            fputc((int)c, out);
    }
}

/* A tagged paragraph: the tag in bold, then what it is. */
static void man_item(FILE *out, const char *tag, const char *text, const char *more)
{
    fputs(".TP\n.B \"", out);
    troff(out, tag);
    fputs("\"\n", out);
    troff(out, text);
    fprintf(out, "%s\n", more);
}

static void man_command(const json_t *row, FILE *out)
{
    size_t k;
    json_t *x;

    fputs(".SS \"", out);
    troff(out, text_of(row, "name"));
    json_array_foreach(json_object_get(row, "arguments"), k, x)
    {
        fputs(" <", out);
        troff(out, text_of(x, "name"));
        fputc('>', out);
    }
    fputs("\"\n", out);
    troff(out, text_of(row, "summary"));
    fputs(".\n", out);
    json_array_foreach(json_object_get(row, "aliases"), k, x)
    {
        fputs(k == 0 ? "Also: " : ", ", out);
        troff(out, json_string_value(x));
    }
    if (k > 0)
        fputs(".\n", out);
    json_array_foreach(json_object_get(row, "arguments"), k, x)
        man_item(out, text_of(x, "name"), text_of(x, "help"), "");
    json_array_foreach(json_object_get(row, "options"), k, x)
    {
        g_autofree char *head = option_head(x);
        man_item(out, head, text_of(x, "help"), required_text(x));
    }
}

static void man_end(FILE *out)
{
    fputs(".SH \"EXIT STATUS\"\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(exit_codes); i++) {
        g_autofree char *code = g_strdup_printf("%zu", i);
        man_item(out, code, exit_codes[i], "");
    }
    fputs(".SH ENVIRONMENT\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(environment); i++)
        man_item(out, environment[i].name, environment[i].help, "");
    fputs(".SH FILES\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        man_item(out, files[i].name, files[i].help, "");
    fputs(".SH \"SEE ALSO\"\n.BR openstack (1)\n", out);
}

void page_man(const struct arguments *a, FILE *out)
{
    size_t i;
    json_t *row;

    fprintf(out, ".TH PROTECTOR 1 \"\" \"protector %s\"\n", protector_client_version());
    fputs(
        ".SH NAME\nprotector \\- disaster recovery for OpenStack tenants\n"
        ".SH SYNOPSIS\n.B protector\n[global options] command [arguments] [options]\n.br\n"
        ".B protector\n[command] \\-\\-help\n.br\n.B protector\ncomplete | man\n"
        ".SH DESCRIPTION\n"
        "Works on one site, and, where a protection group has two sides, on the other one too: it "
        "logs in at both Keystones and carries signed messages between the two Protectors, which "
        "never talk to each other.\n"
        "Tables go to standard output; progress, notes and errors to standard error.\n"
        ".B protector complete\nprints the completion for bash,\n.B protector man\nthis page.\n"
        ".SH OPTIONS\n",
        out);
    for (const struct global_option *g = global_options; g->name != NULL; g++) {
        g_autofree char *head = global_head(g);
        man_item(out, head, g->help, "");
    }
    fputs(".SH COMMANDS\n", out);
    json_array_foreach(a->table, i, row) man_command(row, out);
    man_end(out);
}
