/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strike - exactly one call of an engine or API to a cloud meets exactly one fault; with
 * strike_db.c in place of strike.c: one statement, BEGIN or COMMIT.
 *
 * The calls of both sites are counted as they are sent, whatever they ask: the same world and the
 * same command send the same calls, so a number is a call, and a new call of a runbook is struck
 * without a line here.
 */
#pragma once

#include "tests/sim/bench.h"

#include <stdio.h>

/* Kinds are numbers from 0; their names are "refused", "timeout-after", "409" … */
int strike_kinds(void);
const char *strike_name(int kind);
/* -1 if there is none of the name. */
int strike_kind_of(const char *name);

/* What ends in no allowed world, and why it is left so. */
struct strike_deviation {
    const char *verb, *call, *kind; /* 'call' is a glob over "site-a POST http://…" */
    const char *why;
};
#define STRIKE_DEVIATIONS_MAX 8
extern const struct strike_deviation strike_deviations[]; /* ended by a row without verb */

struct strike {
    struct bench *bench;
    int nth;          /* which call, from 1; 0: none, they are only counted */
    int kind;         /* what it meets */
    int calls;        /* sent so far */
    int during;       /* sent until the command had come to rest */
    char *what;       /* the call that was struck, "site-b POST http://… "; NULL: none yet */
    char *name;       /* of its service, "nova"; NULL: none that words must name */
    FILE *calls_told; /* gets a line for each call; may be NULL */
};

/* Stands between the sites of 'b' and their clouds until strike_end, which keeps the names. */
void strike_begin(struct strike *s, struct bench *b);
void strike_end(struct strike *s);
void strike_fini(struct strike *s);
