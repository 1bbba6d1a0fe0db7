/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - one rule of the policy language as a tree, and what it says about a request.
 *
 * The language is oslo.policy's (Zed), with its grammar, its greedy reduction and its comparisons
 * by Python's texts.  What oslo.policy answers with an exception (a broken format, a dotted path
 * through a text, rules that go round in circles) is CHECK_BROKEN here and passes through 'not',
 * 'and' and 'or' as an exception would; whoever asks treats it as a refusal.
 *
 * Left out: http: and https: checks, which are refused when the rule is read; formats other than
 * %(name)s and %%, and literals other than whole numbers, plain strings, True, False, None on the
 * left side, which are broken (a warning says so).
 */
#pragma once

#include "base/auto.h"
#include "base/json.h"

#define CHECK_TEXT_MAX   65536 /* bytes of a rule */
#define CHECK_TOKENS_MAX 1000
#define CHECK_DEPTH_MAX  100 /* of checks within rules within checks … */

enum check_result { CHECK_DENY, CHECK_ALLOW, CHECK_BROKEN };

struct check;

/*
 * Reads a rule: a text, or the old form, a list of texts or lists (outer: or, inner: and).  What is
 * legal but surely not meant is told in 'warnings' (of char *, may be NULL).  A text that makes no
 * sense is a check that denies, with a warning.  Code CONFIG: a value that is neither text nor
 * list, an http: check, a limit.
 */
err_t *check_read(const json_t *rule, GPtrArray *warnings, struct check **ret) MUST_CHECK;
void check_destroy(struct check *check);
AUTO_DEFINE(check, check_destroy)

/* Where a check is asked. */
struct check_world {
    const json_t *creds;  /* who asks: an object */
    const json_t *target; /* about what: an object */
    /* The rule of that name, or NULL. */
    const struct check *(*rule)(void *data, const char *name);
    void *data;
};
enum check_result check_ask(const struct check *check, const struct check_world *world);

/* Calls 'found' with the name of every rule that the check refers to. */
void check_references(const struct check *check, void (*found)(void *data, const char *name),
                      void *data);
