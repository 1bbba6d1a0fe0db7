/* SPDX-License-Identifier: Apache-2.0 */
/* commands - the table's rows.  Private to client/. */
#pragma once

#include "client/client_internal.h"

#define COMMAND_ARGUMENTS_MAX 3
#define COMMAND_OPTIONS_MAX   20

enum option_flag {
    OPTION_REQUIRED = 1 << 0,
    OPTION_REPEAT = 1 << 1,
    OPTION_SECRET = 1 << 2,    /* given as @FILE, or asked for when it is required and missing */
    OPTION_WITH_USER = 1 << 3, /* a secret: asked for when --service-username is given */
};

struct option {
    const char *name;  /* "--volume-type" */
    const char *value; /* "NAME"; "async|sync": one of these; NULL: a flag */
    int flags;
    const char *help;
};

struct command {
    const char *name;
    const char *aliases; /* separated by '|', or NULL */
    const char *summary;
    command_fn *run;
    const char *shows; /* record, list, text, nothing */
    struct {
        const char *name, *help;
    } arguments[COMMAND_ARGUMENTS_MAX]; /* ended by a row without name, or full */
    struct option options[COMMAND_OPTIONS_MAX];
};

extern const struct command commands[]; /* ended by a row without name */
/* The values that there are; NULL: any.  Caller frees. */
char **option_choices(const struct option *o);
/* By name or alias; NULL if there is none. */
const struct command *command_find(const char *name);
/* The table as JSON text (client.h).  Caller frees. */
char *commands_print(void);
