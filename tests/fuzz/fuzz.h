/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz - what a target is: one parser that eats foreign bytes, and what must hold whatever they
 * are.
 *
 * Each target_<name>.c is a program fuzz-<name> of its own, linked with fuzz.c and main.c.  Built
 * by clang with -Dfuzz=true its main is libFuzzer's (tools/fuzz); else it replays the files and
 * folders that it is given, corpus/<name>/ in `make check`.  A file that once failed stays in the
 * corpus: it is the test of its mending.
 *
 * Beyond "does not crash, leaks nothing" a target says with FUZZ_MUST what else holds.
 */
#pragma once

#include "base/auto.h"
#include "base/env.h"
#include "base/err.h"
#include "base/json.h"

#include <string.h>

/* Of the target: once, before the first input; and each input, 'size' bytes without a NUL. */
void fuzz_init(void);
void fuzz_one(const char *data, size_t size);

/* SIGABRT, which libFuzzer takes for a finding (g_error's SIGTRAP it does not). */
void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Ends the program with words: the input has found something. */
#define FUZZ_MUST(holds, ...)                                                                      \
    do {                                                                                           \
        if (!(holds))                                                                              \
            fuzz_fail(__VA_ARGS__);                                                                \
    } while (0)

/* A clock that stands and chance that repeats itself: the same input tells the same story. */
extern const struct env fuzz_env;
/* Begins chance anew; main.c does so before each input. */
void fuzz_env_reset(void);

/*
 * A refusal: it has a code, words that can be shown, and survives its own JSON.  INTERNAL is no
 * answer to foreign bytes.  Takes 'e'; false if it is NULL.
 */
bool fuzz_refused(err_t *e);

/* The same text, or the program ends and shows both. */
void fuzz_same(const char *what, const char *before, const char *after);
/* The same for two values as canonical JSON. */
void fuzz_same_json(const char *what, const json_t *before, const json_t *after);

/* The input as JSON if it is an object; else NULL. */
json_t *fuzz_object(const char *data, size_t size);

/*
 * Inputs of several parts: the first line without its end (and without NULs), and what is left.
 * Caller frees.
 */
char *fuzz_line(const char **data, size_t *size);
