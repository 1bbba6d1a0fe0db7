/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases - the conformance cases, by subject; suite.c runs them.  Every case holds for every driver;
 * where a driver lacks a capability, or moves no bytes, the case says what holds instead.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench.h"

struct cases {
    const struct CMUnitTest *tests;
    size_t count;
};

extern const struct cases cases_groups;    /* life, groups, volumes */
extern const struct cases cases_points;    /* points and their lineage */
extern const struct cases cases_copies;    /* recover, clone, find, release, delete */
extern const struct cases cases_direction; /* fence, reverse, loss of an array */
extern const struct cases cases_watch;     /* health, tags */
extern const struct cases cases_crash;     /* death at every service call */
extern const struct cases cases_bytes;     /* damage, overwrite, Cinder's hands */

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name, bench_setup, bench_teardown, NULL                                             \
    }
#define CASES(x, tests_) const struct cases x = {tests_, sizeof tests_ / sizeof *tests_}
