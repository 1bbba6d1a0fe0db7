/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - a complete set of rules: a file's over the defaults.  Never changes once made; policy.c
 * swaps whole sets.
 */
#pragma once

#include "api/auth/check.h"

struct rules;

/*
 * Reads a file's text; 'text' may be NULL: the defaults alone.  'name' is for messages.  Code
 * CONFIG. The set comes with one reference.
 */
err_t *rules_read(const char *text, size_t size, const char *name, struct rules **ret) MUST_CHECK;
/* Exactly the rules of an object, without defaults: to compare with oslo.policy.  Code CONFIG. */
err_t *rules_of(json_t *object, struct rules **ret) MUST_CHECK;
struct rules *rules_ref(struct rules *rules);
void rules_unref(struct rules *rules);
AUTO_DEFINE(rules, rules_unref)

/* Asks the rule 'name' (or "default"); 'target' may be NULL. */
enum check_result rules_ask(const struct rules *rules, const char *name, const json_t *creds,
                            const json_t *target);
/* Of char *; belongs to 'rules'. */
const GPtrArray *rules_warnings(const struct rules *rules);
