/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_internal - the tree that check_read.c makes and check.c walks.  Nobody else includes it.
 */
#pragma once

#include "api/auth/check.h"

enum kind {
    KIND_TRUE,
    KIND_FALSE,
    KIND_BROKEN,
    KIND_NOT,
    KIND_AND,
    KIND_OR,
    KIND_RULE,
    KIND_ROLE,
    KIND_LITERAL, /* generic, the left side is a constant */
    KIND_PATH,    /* generic, the left side is a path into the credentials */
};

/* The right side of a check: texts, and names to be looked up in the target. */
struct piece {
    bool is_name;
    char *text;
};

struct check {
    enum kind kind;
    GPtrArray *children; /* NOT, AND, OR: of struct check */
    char *text;          /* RULE: its name; LITERAL: the constant's text */
    char **path;         /* PATH */
    GArray *match;       /* ROLE, LITERAL, PATH: of struct piece */
    bool match_broken;   /* after its pieces comes a format that we do not have */
};

struct check *check_new(enum kind kind);
/* A node over 'first' and, unless NULL, 'second'; takes both. */
struct check *check_of(enum kind kind, struct check *first, struct check *second);
/* Takes 'child'; returns 'c'. */
struct check *check_add(struct check *c, struct check *child);
