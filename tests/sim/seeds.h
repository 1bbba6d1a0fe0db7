/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds - walks over many seeds, each in a process of its own, two at a time: a walk that dies
 * takes nothing with it, and its whole story is kept.
 */
#pragma once

#include "tests/sim/walk.h"

struct seeds;

struct seeds *seeds_create(void);
void seeds_destroy(struct seeds *s);
AUTO_DEFINE(seeds, seeds_destroy)

/* Runs this process' own walk: exit code. */
int seeds_here(uint64_t seed);
/* Begins a seed as soon as there is room. */
void seeds_start(struct seeds *s, uint64_t seed);
/* Until all have ended. */
void seeds_wait(struct seeds *s);

int seeds_passed(const struct seeds *s);
int seeds_failed(const struct seeds *s);
/* The seed that failed first, and the line of its story that says why; NULL if none did. */
const char *seeds_failure(const struct seeds *s, uint64_t *ret_seed);
/* Failed walks tell their stories at once (default: true). */
void seeds_tell(struct seeds *s, bool tell);
/*
 * On standard output: how often each event happened, a line each; then each seed that failed, and
 * why: whoever sees only the last lines must see that.
 */
void seeds_print(const struct seeds *s);
