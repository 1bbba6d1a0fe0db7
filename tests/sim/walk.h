/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk - one random walk of users, operators and trouble over two whole sites (bench.h), judged by
 * the oracle after every event.
 *
 * A seed decides everything: what the users do, what goes wrong, when, and every random number of
 * the product.  A walk: the world is built, EVENTS happen one after another (trouble also strikes
 * in the middle of a command), then faults stop, outboxes are carried, a person decides where only
 * a person may, and both sites must come to rest.
 *
 * Neighbours: walk_events.c (what may happen, one table), oracle.c (what must hold), test_walk.c
 * (seeds, processes, figures).
 */
#pragma once

#include "tests/sim/oracle.h"

struct walk {
    struct bench *b;
    struct oracle *oracle;
    uint64_t chance;          /* of the walk's own decisions */
    int depth;                /* commands within a command */
    int mid_at;               /* requests of the client until trouble strikes; 0: none is armed */
    bool sleeps[BENCH_SITES]; /* its engine is paused at its next intent, and another takes over */
    unsigned kept[BENCH_SITES]; /* copies of its database */
    bool restored;              /* one was put back: a walk has one such day */
    unsigned told;              /* for names nobody has used */
    GString *story;             /* one line per event */
};

/* How often each event of the table happened, over all walks of this process. */
struct walk_count {
    const char *name;
    unsigned happened, succeeded; /* a command: what the client was told */
};

/*
 * One walk; fails the test with words if anything does not hold.  'story' gets what happened and
 * every exchange.
 */
void walk_run(uint64_t seed, GString *story);
/* Rows of the table with their counts; '*ret' of them. */
const struct walk_count *walk_counts(size_t *ret);

/* From now on this event of the table, too, happens more often; NULL: none does. */
void walk_favour(const char *event);

/* ---- between walk.c and walk_events.c ---- */

/* 0 … sides - 1 */
unsigned walk_dice(struct walk *w, unsigned sides);
void walk_say(struct walk *w, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Chooses an event and lets it happen.  'trouble': only one that strikes from outside. */
void walk_event(struct walk *w, bool trouble);
/* What stops when faults stop: everything is up, nobody is dead, nothing is cut. */
void walk_heal(struct walk *w);
/* Somebody looks at each group where it lives. */
void walk_visit(struct walk *w);
/* What only a person may decide: forks, operations that ask, sites that both wait. */
void walk_decide(struct walk *w);
