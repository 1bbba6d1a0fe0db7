/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_handover - planned failovers: a group is handed over while both sites live.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static json_t *planned(struct bench *b, const char *cloud)
{
    return bench_ok(b, cloud, "protection-group failover", WEB, "!planned", "network-mapping",
                    "net-app=net-app", NULL);
}

/*
 * The servers of A come to rest, the final point is made of what they left, and B runs them:
 * nothing is lost.  Whoever is asked tells the same operation.
 */
static void test_handover(void **state)
{
    AUTO(bench) b = bench_create_protected(1101);
    (void)state;

    g_autoptr(json_t) op = planned(b, "prod-a");
    assert_string_equal(bench_field(op, "status"), "completed");
    bench_role_is(b, SIM_SITE_A, "STANDBY");
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_settle(b);
    bench_in_sync(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handover),
    };
    cmocka_set_test_filter(g_getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
