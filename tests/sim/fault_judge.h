/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault_judge - one command of which one call met one fault: runs it and judges, from outside, in
 * which of the allowed worlds it ends.
 *
 *   done      the command has done what it says, as if nothing had happened
 *   untold    likewise, but the client was told that it failed or that nobody knows
 *   retried   likewise, after the operation asked for a person, who said `operation retry` once
 *   refused   it failed with words that name what was tried; nothing of it is left over, the sites
 *             agree, and the same command, said again, does what it says
 *
 * Anything else fails the test with words: what was made twice or is in no ledger, a server started
 * where it may not run, an operation that does not come to rest, sites that do not agree.
 */
#pragma once

#include "tests/sim/oracle.h"
#include "tests/sim/strike.h"
#include "tests/sim/verbs.h"

enum verdict { VERDICT_DONE, VERDICT_UNTOLD, VERDICT_RETRIED, VERDICT_REFUSED, VERDICTS };

const char *verdict_name(enum verdict verdict);

/* The engines of 'b' are stopped (bench_still); nothing has been struck yet. */
enum verdict fault_run(struct bench *b, const struct verb *verb, struct strike *strike);
