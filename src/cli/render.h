/* SPDX-License-Identifier: Apache-2.0 */
/* render - results in the formats that OpenStack's clients have: table, json, yaml, value, csv. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum render_format {
    RENDER_TABLE,
    RENDER_JSON,
    RENDER_YAML,
    RENDER_VALUE,
    RENDER_CSV,
    RENDER_FORMATS
};
/* RENDER_FORMATS if there is none of the name. */
enum render_format render_format_of(const char *name);

struct render {
    FILE *out;
    enum render_format format;
    const char *const *columns; /* NULL-ended: only these; NULL: all */
};
/* Prints a result of protector_client_run.  False if 'columns' names one that is not there. */
bool render(const struct render *r, const json_t *result);
