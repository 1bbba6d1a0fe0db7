/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_order - the start order: servers of a lower priority start first, in every
 * operation that starts any, and stop last.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB     "protection-group", "web"
#define DELAY_S 40

static void order_set(struct bench *b, const char *cloud, const char *server, const char *priority,
                      const char *delay)
{
    const char *id = bench_server_id(b, SIM_SITE_A, server);

    g_autoptr(json_t) said = bench_ok(b, cloud, "protection-group member-update", WEB, "member-id",
                                      id, "priority", priority, "start-delay", delay, NULL);
    assert_string_equal(bench_field(said, "instance_name"), server);
}

/* db-1 first; web-1 when it has run for DELAY_S. */
static struct bench *ordered(uint64_t seed)
{
    struct bench *b = bench_create_protected(seed);

    order_set(b, "prod-a", "web-1", "4", "0");
    order_set(b, "prod-a", "db-1", "2", G_STRINGIFY(DELAY_S));
    bench_settle(b);
    bench_wait_point(b);
    return b;
}

/* When a server last came up, in ms. */
static int64_t launched(struct bench *b, int site, const char *name)
{
    const json_t *server =
        json_object_get(sim_table(b->sim, site, "servers"), bench_server_id(b, site, name));

    assert_non_null(server);
    return json_int(server, "launched_ms", 0);
}

/* When the row of a member of the last operation of a type was begun or ended, in ms. */
static int64_t row_at(struct bench *b, int site, const char *step, const char *server,
                      const char *what)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT s.%s FROM dr_steps s JOIN pg_members m ON m.id = s.subject WHERE s.step_key = '%s'"
        " AND m.instance_name = '%s' ORDER BY s.op_id, s.%s DESC LIMIT 1",
        what, step, server, what);

    int64_t at = bench_sql_int(b, site, sql);
    assert_true(at > 0);
    return at;
}

static void db_came_first(struct bench *b, int site, const char *suffix)
{
    g_autofree char *web = g_strconcat("web-1", suffix, NULL);
    g_autofree char *db = g_strconcat("db-1", suffix, NULL);

    assert_in_range(launched(b, site, web) - launched(b, site, db), DELAY_S * 1000,
                    (DELAY_S + 15) * 1000);
}

static void test_unplanned(void **state)
{
    AUTO(bench) b = ordered(1401);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_servers_are(b, SIM_SITE_B, "active");
    db_came_first(b, SIM_SITE_B, "");
}

/* Both ways, and the servers that stop stop in the other order. */
static void test_there_and_back(void **state)
{
    AUTO(bench) b = ordered(1402);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    db_came_first(b, SIM_SITE_B, "");
    assert_true(row_at(b, SIM_SITE_B, "source.stop", "web-1", "finished_at") <=
                row_at(b, SIM_SITE_B, "source.stop", "db-1", "started_at"));
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    db_came_first(b, SIM_SITE_A, "");
}

/* ---- what later priorities wait for beside ACTIVE */

#define ANSWERS_AT 3 /* the database answers at the third look */

/* data: how often its port was looked at. */
static int database(void *data, const char *address, int port, const char *path)
{
    int *looks = data;

    return g_str_has_prefix(address, "10.") && port == 5432 && path == NULL ? ++*looks >= ANSWERS_AT
                                                                            : -1;
}

/* db-1 first; web-1 when db-1 passes the check, or 20 s later. */
static struct bench *checked(uint64_t seed, const char *check, int *looks)
{
    struct bench *b = bench_create_protected(seed);
    const char *id = bench_server_id(b, SIM_SITE_A, "db-1");

    *looks = 0;
    b->guest = database;
    b->guest_data = looks;
    for (int i = 0; i < BENCH_SITES; i++)
        bench_engine_conf(b, i, "[drill]\ncheck_networks = 10.0.0.0/8\n");
    json_decref(bench_ok(b, "prod-a", "protection-group member-update", WEB, "member-id", id,
                         "priority", "1", "start-check", check, "start-timeout", "20", NULL));
    bench_settle(b);
    bench_wait_point(b);
    return b;
}

/* What the report of the last operation of a type says of db-1's check: "RESULT (SEEN)". */
static char *told(struct bench *b, int site, const char *type)
{
    g_autoptr(json_t) report = bench_report(b, site, type);
    size_t i;
    json_t *member;

    json_array_foreach(json_arr(report, "members"), i, member)
    {
        const json_t *row = json_array_get(json_arr(member, "checks"), 0);
        if (g_str_has_prefix(json_str_or(member, "name", ""), "db-1"))
            return g_strdup_printf("%s (%s)", json_str_or(row, "result", "-"),
                                   json_str_or(row, "seen", "-"));
    }
    return g_strdup("no such member");
}

static void test_waits_until_it_serves(void **state)
{
    int looks = 0;
    AUTO(bench) b = checked(1410, "tcp:5432", &looks);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_int_equal(looks, ANSWERS_AT);
    assert_in_range(launched(b, SIM_SITE_B, "web-1") - launched(b, SIM_SITE_B, "db-1"), 4000,
                    19000);
    g_autofree char *says = told(b, SIM_SITE_B, "failover");
    assert_true(g_str_has_prefix(says, "passed (10."));
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL)); /* and home */
    bench_settle(b);
    assert_int_equal(looks, ANSWERS_AT + 1);
    bench_servers_are(b, SIM_SITE_A, "active");
}

/* Nobody waits for ever, and what did not pass is told. */
static void test_does_not_serve(void **state)
{
    int looks = 0;
    AUTO(bench) b = checked(1411, "tcp:5433", &looks);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_in_range(launched(b, SIM_SITE_B, "web-1") - launched(b, SIM_SITE_B, "db-1"), 20000,
                    35000);
    g_autofree char *says = told(b, SIM_SITE_B, "failover");
    assert_true(g_str_has_prefix(says, "failed ("));
    bench_status_is(b, SIM_SITE_B, "failed_over");
}

/* Servers that a site had kept are looked at by the addresses they have. */
static void test_kept_server_serves(void **state)
{
    int looks = 0;
    AUTO(bench) b = checked(1412, "tcp:5432", &looks);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned", NULL));
    bench_settle(b);
    looks = 0;
    bench_lose(b, SIM_SITE_B);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "from",
                         "kept", "reason", "the other site is lost", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_int_equal(looks, ANSWERS_AT);
}

/* A rehearsal looks at it too, if it can: what is isolated holds up nobody. */
static void test_drill_checks(void **state)
{
    int looks = 0;
    AUTO(bench) b = checked(1413, "tcp:5432", &looks);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group test-failover", WEB, NULL));
    assert_int_equal(looks, 0);
    json_decref(bench_ok(b, "prod-a", "protection-group test-cleanup", WEB, NULL));
    bench_settle(b);
    json_t *args =
        json_pack("{s:s, s:[s]}", "protection-group", "web", "network-mapping", "net-app=net-app");
    json_decref(bench_run(b, "prod-a", "protection-group test-failover", args));
    assert_int_equal(looks, ANSWERS_AT + 1); /* before web-1, and at the end */
}

static void test_drill(void **state)
{
    AUTO(bench) b = ordered(1403);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group test-failover", WEB, NULL));
    db_came_first(b, SIM_SITE_B, "-drill");
}

/* A handover that is taken back starts the source again as it would have been started. */
static void test_taken_back(void **state)
{
    AUTO(bench) b = ordered(1404);
    (void)state;

    bench_cinder_full(b, SIM_SITE_B, 0, 0);
    json_decref(bench_try(b, "prod-a", "protection-group failover", WEB, "!planned", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_true(launched(b, SIM_SITE_A, "db-1") <= launched(b, SIM_SITE_A, "web-1"));
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
}

/* It is said when a member is added, too, and stays when the member is shown anywhere. */
static void test_said(void **state)
{
    AUTO(bench) b = bench_create_protected(1405);
    (void)state;

    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    json_decref(
        bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", id, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group member-add", WEB, "instance-id", id,
                         "priority", "1", "start-delay", "5", NULL));
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) shown =
            bench_ok(b, bench_tenant(i), "protection-group member-show", WEB, "member", id, NULL);
        assert_int_equal(json_int(json_obj(shown, "object"), "priority", -1), 1);
        assert_int_equal(json_int(json_obj(shown, "object"), "start_delay_s", -1), 5);
    }
    json_decref(bench_ok(b, "prod-b", "protection-group member-update", WEB, "member-id", id,
                         "priority", "5", NULL));
    g_autoptr(json_t) shown =
        bench_ok(b, "prod-b", "protection-group member-show", WEB, "member", id, NULL);
    assert_int_equal(json_int(json_obj(shown, "object"), "priority", -1), 5);
    assert_int_equal(json_int(json_obj(shown, "object"), "start_delay_s", -1), 5);
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group member-update", WEB,
                "member-id", id, NULL);
    static const char *const wrong[][2] = {{"priority", "0"},
                                           {"priority", "6"},
                                           {"start-delay", "3601"},
                                           {"start-check", "ldap:389"},
                                           {"start-timeout", "0"}};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        bench_fails(b, "protector.bad_request", "prod-a", "protection-group member-update", WEB,
                    "member-id", id, wrong[i][0], wrong[i][1], NULL);
    bench_fails(b, "protector.member.not_found", "prod-a", "protection-group member-update", WEB,
                "member-id", "nobody", "priority", "1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_said),           cmocka_unit_test(test_unplanned),
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_drill),
        cmocka_unit_test(test_taken_back),     cmocka_unit_test(test_waits_until_it_serves),
        cmocka_unit_test(test_does_not_serve), cmocka_unit_test(test_kept_server_serves),
        cmocka_unit_test(test_drill_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
