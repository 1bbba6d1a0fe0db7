/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_drill - rehearsals: clones beside a production that is not touched, and nothing left
 * after the cleanup (B9).
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static json_t *drill(struct bench *b, const char *cloud)
{
    return bench_ok(b, cloud, "protection-group test-failover", WEB, NULL);
}

static json_t *cleanup(struct bench *b, const char *cloud)
{
    return bench_ok(b, cloud, "protection-group test-cleanup", WEB, NULL);
}

static const char *const tables[] = {"servers", "volumes",         "ports",   "networks",
                                     "subnets", "security_groups", "keypairs"};
#define TABLES G_N_ELEMENTS(tables)

struct held {
    size_t count[TABLES];
};

/* But for "default", which Neutron makes when a project is first looked at. */
static struct held held(struct bench *b, int site)
{
    struct held h = {0};
    const char *id;
    json_t *row;

    for (size_t i = 0; i < TABLES; i++) {
        json_object_foreach((json_t *)sim_table(b->sim, site, tables[i]), id, row) h.count[i] +=
            g_strcmp0(json_str(row, "name"), "default") != 0;
    }
    return h;
}

static void held_as(struct bench *b, int site, const struct held *before)
{
    struct held now = held(b, site);

    for (size_t i = 0; i < TABLES; i++) {
        if (now.count[i] != before->count[i])
            fail_msg("%s: %zu %s, there were %zu", bench_site_name(site), now.count[i], tables[i],
                     before->count[i]);
    }
}

/* Production runs on, whatever happens at the standby. */
static void undisturbed(struct bench *b)
{
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_status_is(b, SIM_SITE_A, "active");
}

/* The clones run under the addresses of what they rehearse, where nothing reaches them. */
static void test_drill(void **state)
{
    AUTO(bench) b = bench_create_protected(1301);
    (void)state;

    bench_bare(b, SIM_SITE_B);
    struct held production = held(b, SIM_SITE_A), before = held(b, SIM_SITE_B);
    g_autoptr(json_t) op = drill(b, "prod-a");
    assert_string_equal(bench_field(op, "operation_type"), "test_failover");
    assert_string_equal(bench_field(op, "status"), "completed");
    undisturbed(b);
    bench_status_is(b, SIM_SITE_B, "testing");
    bench_ledger_holds(b, SIM_SITE_B);
    static const char *const names[] = {"web-1-drill", "db-1-drill"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *is = bench_server_state(b, SIM_SITE_B, names[i]);
        assert_string_equal(is, "active");
    }
    g_autofree char *result =
        bench_sql(b, SIM_SITE_B,
                  "SELECT result FROM dr_operations WHERE operation_type = 'test_failover'");
    assert_non_null(strstr(result, "\"rto_s\""));
    assert_non_null(strstr(result, "server is ACTIVE"));
    bench_fails(b, "protector.group.state", "prod-b", "protection-group test-failover", WEB, NULL);
    held_as(b, SIM_SITE_A, &production);
    json_decref(cleanup(b, "prod-b"));
    bench_settle(b);
    held_as(b, SIM_SITE_B, &before);
    held_as(b, SIM_SITE_A, &production);
    bench_status_is(b, SIM_SITE_B, "active");
    undisturbed(b);
    bench_in_sync(b);
    bench_fails(b, "protector.group.state", "prod-b", "protection-group test-cleanup", WEB, NULL);
    json_decref(drill(b, "prod-b")); /* and again */
    json_decref(cleanup(b, "prod-a"));
    bench_settle(b);
    held_as(b, SIM_SITE_B, &before);
}

static void test_auto_cleanup(void **state)
{
    AUTO(bench) b = bench_create_protected(1302);
    (void)state;

    struct held before = held(b, SIM_SITE_B);
    json_decref(
        bench_ok(b, "prod-a", "protection-group test-failover", WEB, "!auto-cleanup", NULL));
    bench_settle(b);
    held_as(b, SIM_SITE_B, &before);
    bench_status_is(b, SIM_SITE_B, "active");
}

/* What fails is taken back whole, and said. */
static void test_unwound(void **state)
{
    static const char *const paths[] = {"*/servers", "*/ports", "*/networks", "*/subnets",
                                        "*/volumes"};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        AUTO(bench) b = bench_create_protected(1303);
        struct sim_fault no = {.site = SIM_SITE_B,
                               .method = "POST",
                               .path = paths[i],
                               .skip = i < 2 ? 1 : 0,
                               .count = 1000,
                               .kind = SIM_FAULT_STATUS,
                               .status = 403,
                               .body = "{\"forbidden\": {\"message\": \"by the test\"}}"};
        struct held before = held(b, SIM_SITE_B);
        sim_fault_add(b->sim, &no);
        g_autoptr(json_t) said =
            bench_try(b, "prod-b", "protection-group test-failover", WEB, NULL);
        if (said != NULL)
            fail_msg("%s: the drill should fail", paths[i]);
        bench_settle(b);
        held_as(b, SIM_SITE_B, &before);
        bench_status_is(b, SIM_SITE_B, "active");
        undisturbed(b);
        sim_fault_clear(b->sim);
    }
}

/* B9: a handover waits until the drill is cleaned up. */
static void test_handover_is_refused(void **state)
{
    AUTO(bench) b = bench_create_protected(1304);
    (void)state;

    json_decref(drill(b, "prod-b"));
    g_autoptr(json_t) said = bench_try(b, "prod-a", "protection-group failover", WEB, "!planned",
                                       "network-mapping", "net-app=net-app", NULL);
    assert_null(said);
    assert_non_null(strstr(b->last_error, "drill"));
    bench_settle(b);
    undisturbed(b);
    json_decref(cleanup(b, "prod-b"));
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned",
                         "network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* B9: an unplanned failover does not; what the drill has left goes by itself. */
static void test_preempted(void **state)
{
    (void)state;

    for (int waits = 0; waits < 2; waits++) {
        AUTO(bench) b = bench_create_protected(1305);
        json_decref(bench_try(b, "prod-b", "protection-group test-failover", WEB,
                              waits ? NULL : "!no-wait", NULL));
        bench_lose(b, SIM_SITE_A);
        json_decref(bench_failover(b, SIM_SITE_B));
        bench_settle(b);
        bench_servers_are(b, SIM_SITE_B, "active");
        bench_status_is(b, SIM_SITE_B, "failed_over");
        g_autofree char *left = bench_server_state(b, SIM_SITE_B, "web-1-drill");
        assert_string_equal(left, "");
        assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 4);
        bench_ledger_holds(b, SIM_SITE_B);
        bench_restore(b, SIM_SITE_A);
    }
}

/* A mapped test network is used as it is, under what addresses it has to give. */
static void test_mapped(void **state)
{
    AUTO(bench) b = bench_create_protected(1306);
    (void)state;

    struct held before = held(b, SIM_SITE_B);
    json_decref(bench_ok(b, "prod-b", "protection-group test-failover", WEB, "*network-mapping",
                         "net-app=net-app", NULL));
    struct held now = held(b, SIM_SITE_B);
    assert_int_equal(now.count[3], before.count[3]); /* networks */
    json_decref(cleanup(b, "prod-b"));
    bench_settle(b);
    held_as(b, SIM_SITE_B, &before);
}

/*
 * The database is put back to before the drill, which has signed nothing: it is noticed all the
 * same, and what the drill made is in the ledger again (walks 37043, 37082 of their time).
 */
static void test_restored(void **state)
{
    AUTO(bench) b = bench_create_protected(1307);
    (void)state;

    bench_db_copy(b, SIM_SITE_B, "before");
    json_decref(drill(b, "prod-b"));
    bench_db_put_back(b, SIM_SITE_B, "before");
    for (int i = 0; i < 2; i++) {
        json_decref(
            bench_try(b, bench_tenant(i), "protection-group sync-force", WEB, "!yes", NULL));
        bench_settle(b);
    }
    undisturbed(b);
    bench_ledger_holds(b, SIM_SITE_B);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type ="
                                   " 'rebuild' AND status = 'completed'"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drill),     cmocka_unit_test(test_auto_cleanup),
        cmocka_unit_test(test_unwound),   cmocka_unit_test(test_handover_is_refused),
        cmocka_unit_test(test_preempted), cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_restored),
    };
    cmocka_set_test_filter(g_getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
