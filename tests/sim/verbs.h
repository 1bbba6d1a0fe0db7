/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs - the commands that sweeps strike: the world each needs, the command, and what must hold
 * when it has done what it says.  test_crash.c kills engines in them, test_faults.c fails calls.
 */
#pragma once

#include "tests/sim/bench.h"

struct verb {
    const char *name;
    void (*prepare)(struct bench *b); /* after bench_register; may be NULL */
    /* What the client says; NULL if it was refused, then b->last_error has the words. */
    json_t *(*command)(struct bench *b);
    /* Fails the test unless the command has done what it says. */
    void (*check)(struct bench *b);
    bool alone; /* the other site is away: nothing can be carried */
    /* What a person does when it is back, before both can come to rest; may be NULL. */
    void (*after)(struct bench *b);
};

/* Those that may be struck anywhere; ended by a row without name. */
extern const struct verb verbs_all[];
/* One of these, or of those that only a death may strike; fails the test if there is none. */
const struct verb *verb_of(const char *name);
