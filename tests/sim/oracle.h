/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle - judges a bench from outside: what must hold of two whole sites after whatever happened.
 *
 * It reads both databases and both clouds and remembers what users were told; nothing of the
 * product decides what it looks at but model/safety.h, which states the properties themselves.
 *
 *   oracle_look   after every event: S1 to S4 and the invariants of the protocol for every group,
 *                 epochs that never fall, no server started where it may not run, the ledger
 *   oracle_rest   when faults have stopped and outboxes were carried: L1, nothing open, nothing
 *                 made twice, members run at the active site alone, journals can be retold
 *
 * Both end the test with words (fail_msg).
 */
#pragma once

#include "tests/sim/bench.h"

struct oracle;

/* Watches what the engines of 'b' send from now on (bench's on_engine).  Never NULL. */
struct oracle *oracle_create(struct bench *b);
void oracle_destroy(struct oracle *o);
AUTO_DEFINE(oracle, oracle_destroy)

/*
 * The database of a site was put back to a copy.  If that has been 'noticed' no operation of it
 * goes on; a copy that lacks nothing is no older one, and nothing is to be noticed.  What is
 * compared with what it said before begins anew, and its ledger is judged again once it has been
 * rebuilt.
 */
void oracle_restored(struct oracle *o, int site, bool noticed);

void oracle_look(struct oracle *o);
/* NULL if the two sites have come to rest, else why not yet; owned by the oracle. */
const char *oracle_unrest(struct oracle *o);
void oracle_rest(struct oracle *o);
