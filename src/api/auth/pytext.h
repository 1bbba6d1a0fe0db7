/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pytext - how Python writes and reads the values that policy rules compare.
 *
 * oslo.policy compares texts made by Python's str(), and tries the left side of a check as a Python
 * literal.  Rules written for it mean the same here only if both are copied.
 */
#pragma once

#include "base/json.h"

/* str(value), as Python has it for what json.loads gives; NULL for fractions.  Caller frees. */
char *pytext_str(const json_t *value);

enum pytext_kind {
    PYTEXT_LITERAL, /* a constant: None, True, False, a whole number, a simple string */
    PYTEXT_PATH,    /* an expression that is no constant: a name, a.b.c, a-b */
    PYTEXT_BROKEN,  /* no expression, or one of a sort that no rule needs (fractions, tuples) */
};
/* What ast.literal_eval makes of 'text'; for a literal '*ret' is its str(), which the caller frees.
 */
enum pytext_kind pytext_literal(const char *text, char **ret);
