/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - policy.yaml, and one rule by itself: a rule that is broken allows nobody, also behind
 * "not"; else "not" says the contrary.
 */
#include "api/auth/policy.h"
#include "api/auth/rules.h"
#include "tests/fuzz/fuzz.h"

static json_t *creds, *target;

void fuzz_init(void)
{
    creds =
        json_pack("{s:s, s:s, s:b, s:[s, s], s:n, s:{s:s}}", "user_id", "u1", "project_id", "p1",
                  "is_admin", 0, "roles", "member", "Reader", "domain_id", "token", "user", "u1");
    target = json_pack("{s:s, s:s, s:i, s:b}", "project_id", "p1", "user_id", "u2", "count", 3,
                       "flag", 1);
}

static void file(const char *data, size_t size)
{
    g_auto(GStrv) warnings = NULL;

    if (fuzz_refused(policy_check(data, size, "policy.yaml", &warnings)))
        FUZZ_MUST(warnings == NULL, "refused, and yet warnings");
}

static void rule(const char *data, size_t size)
{
    g_autofree char *text = g_utf8_make_valid(data, (gssize)size);
    g_autoptr(json_t) object = json_pack("{s:s, s:s}", "r", text, "n", "not rule:r");
    AUTO(rules) rules = NULL;

    if (fuzz_refused(rules_of(object, &rules)))
        return;
    enum check_result yes = rules_ask(rules, "r", creds, target);
    enum check_result no = rules_ask(rules, "n", creds, target);
    if (yes == CHECK_BROKEN)
        FUZZ_MUST(no == CHECK_BROKEN, "the contrary of a broken rule is %d", no);
    else
        FUZZ_MUST(no == (yes == CHECK_ALLOW ? CHECK_DENY : CHECK_ALLOW), "%d and %d", yes, no);
}

void fuzz_one(const char *data, size_t size)
{
    file(data, size);
    rule(data, size);
}
