/* SPDX-License-Identifier: Apache-2.0 */
/* render - results in the formats that OpenStack's clients have: table, json, yaml, value, csv. */
#pragma once

#include <jansson.h>
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
    const char *const *columns; /* NULL-ended: only these, in any case; NULL: all */
};
/*
 * Prints a result of protector_client_run.  Returns NULL, or what is wrong (caller frees): a column
 * that is not there, with those that are; then nothing was printed.
 */
char *render(const struct render *r, const json_t *result);
