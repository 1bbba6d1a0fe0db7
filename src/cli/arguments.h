/* SPDX-License-Identifier: Apache-2.0 */
/* arguments - a command line becomes a command and its JSON arguments, by the library's table. */
#pragma once

#include <glib.h>
#include <jansson.h>

struct arguments {
    json_t *table;         /* protector_commands_json, parsed */
    const json_t *command; /* row of the table; NULL: none was given */
    json_t *values;
    char *prefix;       /* the words that were given where they are no command; NULL: none */
    GPtrArray *columns; /* of -c */
    char *format;       /* of -f */
    char *cloud, *secondary_cloud, *region, *interface, *config_file;
    gboolean help, version, debug;
    char *page; /* "complete": print the completion for bash; "man": the manual page */
};

/* An option of every command; the last row of the table has no name. */
struct global_option {
    const char *name, *letter; /* "--format", "-f" or NULL */
    const char *value;         /* "FORMAT"; NULL: a flag */
    const char *help;
    const char *choices; /* the values there are, separated by blanks; NULL: any */
    size_t offset;       /* of what it sets in struct arguments: char *, gboolean of a flag */
    gboolean repeat;     /* adds to a GPtrArray there */
};
extern const struct global_option global_options[];

/* Returns NULL, or what is wrong (caller frees). */
char *arguments_parse(int argc, char **argv, struct arguments *ret);
void arguments_fini(struct arguments *args);
