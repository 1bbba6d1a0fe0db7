/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_site - a whole site is lost (B20): every group of it is failed over by one command,
 * so many at a time; asked for again, it goes on where it was.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A group of one server, at both sites. */
/* Two groups, and somebody at B who may fail a site over. */
static struct bench *two_groups(uint64_t seed)
{
    struct bench *b = bench_create_two(seed);

    bench_site_admin(b, SIM_SITE_B, "prod-user", "prod");
    return b;
}

static json_t *fail_over(struct bench *b, const char *more, const char *value)
{
    return bench_try(b, "prod-b", "site failover", "site", "site-a", "reason", "fire", "!yes", more,
                     value, NULL);
}

static void active_at_b(struct bench *b, const char *group)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT role FROM protection_groups WHERE name = '%s'", group);
    g_autofree char *role = bench_sql(b, SIM_SITE_B, sql);

    assert_string_equal(role, "ACTIVE");
}

static const char *outcome_of(const json_t *said, const char *group)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(said, "objects"), i, row)
    {
        if (g_strcmp0(json_str(row, "name"), group) == 0)
            return json_str_or(row, "outcome", "");
    }
    return "no such group";
}

/* The most children that were open at once. */
static int most_at_once(struct bench *b)
{
    return (int)bench_sql_int(
        b, SIM_SITE_B,
        "SELECT MAX(n) FROM (SELECT (SELECT COUNT(*) FROM dr_operations o WHERE o.parent_id IS NOT"
        " NULL AND o.created_at <= c.created_at AND o.completed_at > c.created_at) AS n FROM"
        " dr_operations c WHERE c.parent_id IS NOT NULL) x");
}

static void test_b20_all(void **state)
{
    (void)state;
    static const char *const parallel[] = {"10", "1"};

    for (size_t i = 0; i < G_N_ELEMENTS(parallel); i++) {
        AUTO(bench) b = two_groups(1601);
        bench_lose(b, SIM_SITE_A);
        g_autoptr(json_t) said = fail_over(b, "parallel", parallel[i]);
        if (said == NULL)
            fail_msg("%s", b->last_error);
        active_at_b(b, "web");
        active_at_b(b, "db");
        assert_string_equal(outcome_of(said, "web"), "failed over");
        assert_string_equal(outcome_of(said, "db"), "failed over");
        assert_int_equal(most_at_once(b), i == 0 ? 2 : 1);
        g_autofree char *reason = bench_sql(
            b, SIM_SITE_B,
            "SELECT params FROM dr_operations WHERE parent_id IS NOT NULL ORDER BY id LIMIT 1");
        assert_non_null(strstr(reason, "fire"));
        /* again: nothing is left to do */
        g_autoptr(json_t) again = fail_over(b, "parallel", "5");
        assert_string_equal(outcome_of(again, "web"), "was active here");
        assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                       "SELECT COUNT(*) FROM dr_operations WHERE parent_id IS NOT"
                                       " NULL"),
                         2);
    }
}

/* A group that was failed over by its user before is left alone. */
static void test_b20_one_is_here_already(void **state)
{
    AUTO(bench) b = two_groups(1602);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    g_autoptr(json_t) said = fail_over(b, "parallel", "5");
    assert_string_equal(outcome_of(said, "web"), "was active here");
    assert_string_equal(outcome_of(said, "db"), "failed over");
    active_at_b(b, "db");
}

/* The first group fails: the others go on, or are not begun; and what is mended is retried. */
static void test_b20_one_fails(void **state)
{
    (void)state;

    for (int stop = 0; stop < 2; stop++) {
        AUTO(bench) b = two_groups(1603);
        bench_lose(b, SIM_SITE_A);
        bench_cinder_full(b, SIM_SITE_B, 0, 1);
        json_t *args = json_pack("{s:s, s:s, s:b, s:s, s:b}", "site", "site-a", "reason", "fire",
                                 "yes", 1, "parallel", "1", "stop-on-error", stop);
        json_t *said = bench_run(b, "prod-b", "site failover", args);
        assert_null(said);
        assert_non_null(strstr(b->last_error, "of group"));
        assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                       "SELECT COUNT(*) FROM protection_groups WHERE role ="
                                       " 'ACTIVE'"),
                         stop ? 0 : 1);
        g_autofree char *op =
            bench_sql(b, SIM_SITE_B,
                      "SELECT id FROM dr_operations WHERE operation_type = 'site_failover'");
        json_decref(bench_ok(b, "prod-b", "operation retry", "operation", op, NULL));
        bench_settle(b);
        active_at_b(b, "web");
        active_at_b(b, "db");
        g_autofree char *status =
            bench_sql(b, SIM_SITE_B,
                      "SELECT status FROM dr_operations WHERE operation_type = 'site_failover'");
        assert_string_equal(status, "completed");
    }
}

/* The clock of B is set back before the retry: the child that follows is told from the failed one.
 */
static void test_b20_clock_set_back(void **state)
{
    AUTO(bench) b = two_groups(1606);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    bench_cinder_full(b, SIM_SITE_B, 0, 1);
    assert_null(fail_over(b, "parallel", "1"));
    b->site[SIM_SITE_B].skew_ms = -30000;
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B,
                  "SELECT id FROM dr_operations WHERE operation_type = 'site_failover'");
    json_decref(bench_ok(b, "prod-b", "operation retry", "operation", op, NULL));
    bench_settle(b);
    active_at_b(b, "web");
    active_at_b(b, "db");
    assert_int_equal(
        bench_sql_int(b, SIM_SITE_B,
                      "SELECT COUNT(*) FROM dr_operations WHERE parent_id IS NOT NULL"),
        3);
    g_autofree char *status =
        bench_sql(b, SIM_SITE_B,
                  "SELECT status FROM dr_operations WHERE operation_type = 'site_failover'");
    assert_string_equal(status, "completed");
}

/*
 * B10: nobody can act in the tenants' name at B any more.  The site's admin is told so, group by
 * group; any member of the project gives new trust, and the same operation goes on.
 */
static void test_b10_trust_is_gone(void **state)
{
    AUTO(bench) b = two_groups(1608);
    (void)state;

    json_object_clear((json_t *)sim_table(b->sim, SIM_SITE_B, "trusts"));
    bench_lose(b, SIM_SITE_A);
    assert_null(fail_over(b, "parallel", "2"));
    assert_non_null(strstr(b->last_error, "rust"));
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM protection_groups WHERE role = 'ACTIVE'"),
                     0);
    json_decref(
        bench_try(b, "prod-b", "protection-group sync-force", "protection-group", "web", NULL));
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B,
                  "SELECT id FROM dr_operations WHERE operation_type = 'site_failover'");
    json_decref(bench_ok(b, "prod-b", "operation retry", "operation", op, NULL));
    bench_settle(b);
    active_at_b(b, "web");
    active_at_b(b, "db");
}

static const char *key_of(struct bench *b, const char *server)
{
    return json_str_or(sim_find(b->sim, SIM_SITE_B, "servers", server), "key_name", "");
}

/* The operator has allowed it, and given the service account a role: nobody need log in. */
static void test_b10_service_account(void **state)
{
    AUTO(bench) b = two_groups(1609);
    (void)state;

    json_object_clear((json_t *)sim_table(b->sim, SIM_SITE_B, "trusts"));
    bench_engine_conf(b, SIM_SITE_B, "[service_credentials]\nfallback = service_admin\n");
    bench_lose(b, SIM_SITE_A);
    assert_null(fail_over(b, "parallel", "2"));
    assert_non_null(strstr(b->last_error, "has no role in project"));
    g_autofree char *why =
        bench_sql(b, SIM_SITE_B,
                  "SELECT error FROM dr_operations WHERE operation_type = 'failover' LIMIT 1");
    assert_non_null(strstr(why, "openstack role add --project"));
    bench_grant(b, SIM_SITE_B, "protector", "prod", "member");
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B,
                  "SELECT id FROM dr_operations WHERE operation_type = 'site_failover'");
    json_decref(bench_ok(b, "prod-b", "operation retry", "operation", op, NULL));
    bench_settle(b);
    active_at_b(b, "web");
    active_at_b(b, "db");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM audit_log WHERE action = "
                                   "'service_credentials.fallback' AND target IN (SELECT id FROM "
                                   "dr_operations WHERE operation_type = 'failover')"),
                     2);
    assert_true(bench_sql_int(b, SIM_SITE_B,
                              "SELECT COUNT(*) FROM dr_steps WHERE step_key = 'server.boot' AND "
                              "result LIKE '%the service account%'") == 2);
    /* not by the name that another project's key may have */
    assert_true(g_str_has_prefix(key_of(b, "web-1"), "protector-"));
}

/* A drill that is cleaned up beside a failover takes its key pair away between two of its steps. */
static void key_goes(void *data, struct bench_site *site, const char *where, const char *step)
{
    bool *done = data;

    if (*done || !g_str_equal(where, "before-intent") || !g_str_equal(step, "server.boot"))
        return;
    *done = true;
    bench_bare(site->bench, SIM_SITE_B);
}

static void test_key_goes_meanwhile(void **state)
{
    AUTO(bench) b = two_groups(1612);
    bool done = false;
    (void)state;

    bench_lose(b, SIM_SITE_A);
    b->site[SIM_SITE_B].on_boundary = key_goes;
    b->site[SIM_SITE_B].on_boundary_data = &done;
    json_decref(bench_ok(b, "prod-b", "protection-group failover", "protection-group", "web",
                         "!unplanned", "reason", "fire", NULL));
    assert_true(done);
    bench_settle(b);
    active_at_b(b, "web");
    assert_string_equal(key_of(b, "web-1"), "lab-key");
}

/* Who acts changes before the servers are booted: a member has given trust. */
static void trust_comes(void *data, struct bench_site *site, const char *where, const char *step)
{
    bool *done = data;

    if (*done || !g_str_equal(where, "before-intent") || !g_str_equal(step, "server.boot"))
        return;
    *done = true;
    json_decref(bench_try(site->bench, "prod-b", "protection-group sync-force", "protection-group",
                          "web", NULL));
}

static void test_b10_trust_comes_meanwhile(void **state)
{
    AUTO(bench) b = two_groups(1610);
    bool done = false;
    (void)state;

    json_object_clear((json_t *)sim_table(b->sim, SIM_SITE_B, "trusts"));
    bench_engine_conf(b, SIM_SITE_B, "[service_credentials]\nfallback = service_admin\n");
    bench_grant(b, SIM_SITE_B, "protector", "prod", "member");
    bench_bare(b, SIM_SITE_B);
    bench_lose(b, SIM_SITE_A);
    b->site[SIM_SITE_B].on_boundary = trust_comes;
    b->site[SIM_SITE_B].on_boundary_data = &done;
    json_decref(fail_over(b, "parallel", "1"));
    assert_true(done);
    bench_settle(b);
    active_at_b(b, "web");
    active_at_b(b, "db");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind = 'keypair' AND "
                                   "name LIKE 'protector-%'"),
                     1); /* of the one that had begun without */
    assert_string_equal(key_of(b, "web-1"), "lab-key");
    assert_string_equal(key_of(b, "db-1"), "lab-key");
}

/* It acts with no more than a trust would give. */
static void test_b10_no_administrator(void **state)
{
    AUTO(bench) b = two_groups(1611);
    (void)state;

    json_object_clear((json_t *)sim_table(b->sim, SIM_SITE_B, "trusts"));
    bench_engine_conf(b, SIM_SITE_B, "[service_credentials]\nfallback = service_admin\n");
    bench_grant(b, SIM_SITE_B, "protector", "prod", "admin");
    bench_lose(b, SIM_SITE_A);
    assert_null(fail_over(b, "parallel", "2"));
    assert_non_null(strstr(b->last_error, "has role 'admin' in project"));
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM protection_groups WHERE role = 'ACTIVE'"),
                     0);
}

static void test_b20_refused(void **state)
{
    AUTO(bench) b = bench_create_protected(1604);
    (void)state;

    bench_fails(b, "protector.forbidden", "prod-b", "site failover", "site", "site-a", "reason",
                "fire", "!yes", NULL);
    bench_site_admin(b, SIM_SITE_B, "prod-user", "prod");
    bench_fails(b, "protector.client.usage", "prod-b", "site failover", "site", "site-a", "reason",
                "fire", NULL);
    bench_fails(b, "protector.bad_request", "prod-b", "site failover", "site", "site-b", "reason",
                "fire", "!yes", NULL);
    bench_fails(b, "protector.bad_request", "prod-b", "site failover", "site", "site-a", "reason",
                "fire", "!yes", "parallel", "0", NULL);
    /* the other site answers: each group's own guard says so */
    json_t *said = fail_over(b, "parallel", "5");
    assert_null(said);
    assert_non_null(strstr(b->last_error, "Nova of site 'site-a' answers"));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_servers_are(b, SIM_SITE_A, "active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b20_all),
        cmocka_unit_test(test_b20_one_is_here_already),
        cmocka_unit_test(test_b20_one_fails),
        cmocka_unit_test(test_b20_clock_set_back),
        cmocka_unit_test(test_b10_trust_is_gone),
        cmocka_unit_test(test_b10_service_account),
        cmocka_unit_test(test_b10_trust_comes_meanwhile),
        cmocka_unit_test(test_key_goes_meanwhile),
        cmocka_unit_test(test_b10_no_administrator),
        cmocka_unit_test(test_b20_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
