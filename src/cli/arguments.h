/* SPDX-License-Identifier: Apache-2.0 */
/* arguments - a command line becomes a command and its JSON arguments, by the library's table. */
#pragma once

#include <glib.h>
#include <jansson.h>

struct arguments {
    json_t *table;         /* protector_commands_json, parsed */
    const json_t *command; /* row of the table; NULL: none was given */
    json_t *values;
    GPtrArray *columns; /* of -c */
    char *format;       /* of -f */
    char *cloud, *secondary_cloud, *region, *interface, *config_file;
    gboolean help, version, debug;
    char *completion; /* "bash": print the completion; "man": the man page */
};

/* Returns NULL, or what is wrong (caller frees). */
char *arguments_parse(int argc, char **argv, struct arguments *ret);
void arguments_fini(struct arguments *args);
/* Help of all commands, of those that begin with some words, or of one. */
void arguments_help(const struct arguments *args, FILE *out);
void arguments_completion(const struct arguments *args, FILE *out);
void arguments_man(const struct arguments *args, FILE *out);
