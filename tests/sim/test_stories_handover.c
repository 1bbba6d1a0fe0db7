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

static json_t *try_planned(struct bench *b, const char *cloud)
{
    return bench_try(b, cloud, "protection-group failover", WEB, "!planned", "network-mapping",
                     "net-app=net-app", NULL);
}

static void cinder_full(struct bench *b, int site)
{
    struct sim_fault full = {.site = site,
                             .service = "cinder",
                             .method = "POST",
                             .path = "*/volumes",
                             .skip = 2,
                             .kind = SIM_FAULT_STATUS,
                             .status = 400,
                             .body = "{\"badRequest\": {\"message\": \"no\"}}"};

    sim_fault_add(b->sim, &full);
}

/* As before the handover: A serves, nothing of it is left at B. */
static void taken_back(struct bench *b)
{
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_in_sync(b);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "volumes"), 0);
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_status_is(b, i, "active");
        bench_ledger_holds(b, i);
    }
}

static char *operation_status(struct bench *b, int site)
{
    return bench_sql(b, site,
                     "SELECT status FROM dr_operations WHERE operation_type = 'failover'"
                     " ORDER BY created_at DESC, id LIMIT 1");
}

/* Before the claim everything is taken back, the stop as well, and the source is told. */
static void test_unwound(void **state)
{
    AUTO(bench) b = bench_create_protected(1102);
    (void)state;

    cinder_full(b, SIM_SITE_B);
    assert_null(try_planned(b, "prod-a"));
    taken_back(b);
    g_autofree char *here = operation_status(b, SIM_SITE_B);
    g_autofree char *stub = operation_status(b, SIM_SITE_A);
    assert_string_equal(here, "rolled_back");
    assert_string_equal(stub, "failed");
    sim_fault_clear(b->sim);
    json_decref(planned(b, "prod-b")); /* whichever site is the local one */
    bench_servers_are(b, SIM_SITE_B, "active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handover),
        cmocka_unit_test(test_unwound),
    };
    cmocka_set_test_filter(g_getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
