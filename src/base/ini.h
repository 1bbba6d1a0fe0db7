/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ini - the syntax of oslo.config files (oslo_config/iniparser.py, Zed), nothing of their meaning.
 *
 *     [section]            names keep their case and blanks; "DEFAULT" is not special here
 *     key = value          or key: value, whichever sign comes first; no trailing comments
 *       more of it         a line that starts with a blank continues, joined by a line break
 *     # or ;               a comment, at the start of a line only; it ends a value, as a blank line
 * does
 *
 * One pair of quotes around the value's first line is taken off.  What a key means, which one wins
 * and what '$' does is conf.c's.
 */
#pragma once

#include "base/err.h"

#define INI_SIZE_MAX  (1024 * 1024)
#define INI_LINES_MAX 20000

/*
 * What is found, in the order of the file.  'key' and 'value' are NULL where a section starts;
 * 'line' is where the key stands.  An error ends the parse and is returned as it is.
 */
typedef err_t *ini_found_fn(void *data, int line, const char *section, const char *key,
                            const char *value);

/* Parses 'size' bytes; 'name' (a path) stands before the line number in errors, code CONFIG. */
err_t *ini_parse(const char *text, size_t size, const char *name, ini_found_fn *found,
                 void *data) MUST_CHECK;
