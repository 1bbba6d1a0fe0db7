/* SPDX-License-Identifier: Apache-2.0 */
/* seeds - what the files of fuzz-seeds share. */
#pragma once

#include "tests/sim/bench.h"

/* Writes FOLDER/<target>/<name>. */
void seed_write(const char *target, const char *name, const char *text);

/* What the client is answered from now on, command by command: a world that is registered, its
 * group, a failover and what comes after. */
void seeds_client(void);
/* Operations as their databases have them. */
void seeds_steps(void);
