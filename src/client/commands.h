/* SPDX-License-Identifier: Apache-2.0 */
/* commands - the table's rows.  Private to client/. */
#pragma once

#include "client/client_internal.h"

#define COMMAND_ARGUMENTS_MAX 3
#define COMMAND_OPTIONS_MAX   16

enum option_flag {
    OPTION_REQUIRED = 1 << 0,
    OPTION_REPEAT = 1 << 1,
    OPTION_SECRET = 1 << 2, /* asked for at a prompt when it is required and missing */
};

struct option {
    const char *name;  /* "--volume-type" */
    const char *value; /* "TYPE"; NULL: a flag */
    int flags;
    const char *help;
};

struct command {
    const char *name;
    const char *alias; /* or NULL */
    const char *summary;
    command_fn *run;
    const char *shows; /* record, list, text, nothing */
    struct {
        const char *name, *help;
    } arguments[COMMAND_ARGUMENTS_MAX]; /* ended by a row without name, or full */
    struct option options[COMMAND_OPTIONS_MAX];
};

extern const struct command commands[]; /* ended by a row without name */
/* By name or alias; NULL if there is none. */
const struct command *command_find(const char *name);
/* The table as JSON text (client.h).  Caller frees. */
char *commands_print(void);
