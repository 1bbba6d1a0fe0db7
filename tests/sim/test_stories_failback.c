/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_failback - a group comes home, and what becomes of the servers that were kept there
 * (B8).
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static json_t *failback(struct bench *b, const char *cloud)
{
    return bench_ok(b, cloud, "protection-group failback", WEB, NULL);
}

static void go_to_b(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned",
                         "network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_B, "failed_over");
}

/* "10.0.0.5 fa:16:3e:…;" of each port of the servers of that name.  Caller frees. */
static char *addresses(struct bench *b, int site, const char *name)
{
    GString *text = g_string_new(NULL);
    const char *id;
    json_t *port, *server;

    json_object_foreach((json_t *)sim_table(b->sim, site, "ports"), id, port)
    {
        server = json_obj(sim_table(b->sim, site, "servers"), json_str_or(port, "device_id", "-"));
        if (g_strcmp0(json_str(server, "name"), name) == 0)
            g_string_append_printf(text, "%s %s;",
                                   json_str(json_array_get(json_arr(port, "fixed_ips"), 0),
                                            "ip_address"),
                                   json_str(port, "mac_address"));
    }
    return g_string_free(text, FALSE);
}

/* How many servers have a name like 'glob'. */
static int named(struct bench *b, int site, const char *glob)
{
    const char *id;
    json_t *server;
    int count = 0;

    json_object_foreach((json_t *)sim_table(b->sim, site, "servers"), id, server) count +=
        g_pattern_match_simple(glob, json_str_or(server, "name", ""));
    return count;
}

/* Both servers run at the site where they were made, nothing runs at the other. */
static void home_again(struct bench *b)
{
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_servers_are(b, SIM_SITE_B, "stopped locked");
    bench_in_sync(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_status_is(b, i, "active");
        bench_ledger_holds(b, i);
    }
}

/*
 * The servers are those of A again, with the data of B, under the addresses that they always had;
 * what was kept there is renamed and stays.
 */
static void test_failback(void **state)
{
    AUTO(bench) b = bench_create_protected(1201);
    (void)state;

    g_autofree char *web = addresses(b, SIM_SITE_A, "web-1");
    g_autofree char *db = addresses(b, SIM_SITE_A, "db-1");
    go_to_b(b);
    g_autoptr(json_t) op = failback(b, "prod-a");
    assert_string_equal(bench_field(op, "operation_type"), "failback");
    assert_string_equal(bench_field(op, "status"), "completed");
    home_again(b);
    g_autofree char *web_now = addresses(b, SIM_SITE_A, "web-1");
    g_autofree char *db_now = addresses(b, SIM_SITE_A, "db-1");
    assert_string_equal(web, web_now);
    assert_string_equal(db, db_now);
    assert_int_equal(named(b, SIM_SITE_A, "web-1-kept-*"), 1);
    assert_int_equal(named(b, SIM_SITE_A, "web-1"), 1);
}

/*
 * Nova takes the ports' detachment with a 202 and never does it: that has an end, a person is told,
 * and after his retry the group is home.
 */
static void test_does_not_make_way(void **state)
{
    struct sim_fault ignores = {.site = SIM_SITE_A,
                                .service = "nova",
                                .method = "DELETE",
                                .path = "*/os-interface/*",
                                .kind = SIM_FAULT_STATUS,
                                .status = 202};
    AUTO(bench) b = bench_create_protected(1211);
    (void)state;

    go_to_b(b);
    sim_fault_add(b->sim, &ignores);
    assert_null(bench_try(b, "prod-a", "protection-group failback", WEB, NULL));
    assert_non_null(strstr(b->last_error, "does not make way"));
    g_autofree char *op = bench_sql(b, SIM_SITE_A,
                                    "SELECT id FROM dr_operations WHERE runbook = 'failback'"
                                    " AND status = 'needs_operator'");
    assert_non_null(op);
    sim_fault_clear(b->sim);
    json_decref(bench_ok(b, "prod-a", "operation retry", "operation", op, NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    home_again(b);
}

/* Before its claim a failback is taken back as a failover is: B's servers run on. */
static void test_unwound(void **state)
{
    AUTO(bench) b = bench_create_protected(1202);
    (void)state;

    go_to_b(b);
    bench_cinder_full(b, SIM_SITE_A, 2, 0);
    assert_null(bench_try(b, "prod-b", "protection-group failback", WEB, NULL));
    sim_fault_clear(b->sim);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_role_is(b, SIM_SITE_A, "STANDBY");
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    assert_int_equal(named(b, SIM_SITE_A, "web-1"), 1); /* nothing was renamed */
    for (int i = 0; i < BENCH_SITES; i++)
        bench_status_is(b, i, "failed_over");
    json_decref(failback(b, "prod-b"));
    home_again(b);
}

static int64_t points_of_a(struct bench *b)
{
    g_autofree char *sql = g_strdup_printf("SELECT COUNT(*) FROM points WHERE made_by = '%s'",
                                           b->site[SIM_SITE_A].p.exchange.identity->site_id);

    return bench_arrays_int(b, sql);
}

/* It stays off, as it was asked for, until a policy is set. */
static void test_replication_left_off(void **state)
{
    AUTO(bench) b = bench_create_protected(1211);
    (void)state;

    go_to_b(b);
    json_decref(
        bench_ok(b, "prod-a", "protection-group failback", WEB, "!no-reverse-replication", NULL));
    home_again(b);
    int64_t before = points_of_a(b);
    bench_pass(b, 200000);
    assert_int_equal(points_of_a(b), before);
    g_autoptr(json_t) off = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);
    assert_string_equal(bench_field(off, "health"), "not replicated");
    json_decref(
        bench_ok(b, "prod-a", "protection-group policy-update", WEB, "rpo-minutes", "20", NULL));
    g_autoptr(json_t) on = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);
    assert_string_equal(bench_field(on, "health"), "ok");
    bench_pass(b, 200000);
    assert_true(points_of_a(b) > before);
}

/* And out again, and home again: each site knows its servers, and gives them the same addresses. */
static void test_again(void **state)
{
    AUTO(bench) b = bench_create_protected(1203);
    (void)state;

    go_to_b(b);
    g_autofree char *at_b = addresses(b, SIM_SITE_B, "web-1");
    json_decref(failback(b, "prod-a"));
    home_again(b);
    go_to_b(b);
    g_autofree char *at_b_now = addresses(b, SIM_SITE_B, "web-1");
    assert_string_equal(at_b, at_b_now);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    json_decref(failback(b, "prod-b"));
    home_again(b);
    assert_int_equal(named(b, SIM_SITE_A, "web-1-kept-*"), 2);
}

/* ---- changed by hand meanwhile ---- */

static void conflict_is(struct bench *b, const char *words)
{
    g_autofree char *plan =
        bench_sql(b, SIM_SITE_A, "SELECT plan FROM dr_operations WHERE runbook = 'failback'");

    if (strstr(plan, "conflict") == NULL || strstr(plan, words) == NULL)
        fail_msg("the plan should name a conflict (%s): %s", words, plan);
}

/* Started by somebody while the site was left: it stays as it is, beside the new one. */
static void test_conflict(void **state)
{
    AUTO(bench) b = bench_create_protected(1204);
    (void)state;

    g_autofree char *kept = addresses(b, SIM_SITE_A, "web-1");
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    go_to_b(b);
    assert_true(bench_start_by_hand(b, SIM_SITE_A, "web-1"));
    json_decref(failback(b, "prod-a"));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_A, "active");
    conflict_is(b, "it is ACTIVE");
    assert_int_equal(named(b, SIM_SITE_A, "web-1"), 2);
    g_autofree char *both = addresses(b, SIM_SITE_A, "web-1");
    assert_non_null(strstr(both, kept));
    assert_true(strlen(both) > strlen(kept));
    const json_t *server = json_obj(sim_table(b->sim, SIM_SITE_A, "servers"), id);
    assert_string_equal(json_str(server, "vm_state"), "active");
    bench_ledger_holds(b, SIM_SITE_A);
    /* it is none of the group's any more */
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned",
                         "network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    assert_string_equal(json_str(server, "vm_state"), "active");
}

static void test_replace(void **state)
{
    AUTO(bench) b = bench_create_protected(1205);
    (void)state;

    g_autofree char *web = addresses(b, SIM_SITE_A, "web-1");
    go_to_b(b);
    assert_true(bench_start_by_hand(b, SIM_SITE_A, "web-1"));
    json_decref(
        bench_ok(b, "prod-a", "protection-group failback", WEB, "on-conflict", "replace", NULL));
    home_again(b);
    g_autofree char *now = addresses(b, SIM_SITE_A, "web-1");
    assert_string_equal(web, now);
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group failback", WEB,
                "on-conflict", "ask", NULL);
}

/* Volumes that somebody attached are not left behind in silence. */
static void test_conflict_of_volumes(void **state)
{
    AUTO(bench) b = bench_create_protected(1206);
    (void)state;

    go_to_b(b);
    bench_attach(b, SIM_SITE_A, "web-1");
    json_decref(failback(b, "prod-a"));
    bench_settle(b);
    conflict_is(b, "volume " BENCH_ATTACHED " was attached");
}

/* An administrator started and stopped it again: it looks as it did, and Nova remembers. */
static void test_conflict_in_the_past(void **state)
{
    AUTO(bench) b = bench_create_protected(1207);
    (void)state;

    go_to_b(b);
    json_t *server =
        json_obj(sim_table(b->sim, SIM_SITE_A, "servers"), bench_server_id(b, SIM_SITE_A, "web-1"));
    json_array_append_new(json_arr(server, "actions"),
                          json_pack("{s:s, s:s, s:s, s:I}", "action", "start", "user_id", "u",
                                    "request_id", "req-1", "start_ms", (json_int_t)b->clock_ms));
    json_array_append_new(json_arr(server, "actions"),
                          json_pack("{s:s, s:s, s:s, s:I}", "action", "stop", "user_id", "u",
                                    "request_id", "req-2", "start_ms", (json_int_t)b->clock_ms));
    json_decref(failback(b, "prod-a"));
    bench_settle(b);
    conflict_is(b, "after it was stopped: start");
    assert_int_equal(named(b, SIM_SITE_A, "web-1"), 2);
}

/* ---- members that never left ---- */

static void boots_refused(struct bench *b, int skip)
{
    struct sim_fault no = {.site = SIM_SITE_B,
                           .service = "nova",
                           .method = "POST",
                           .path = "*/servers",
                           .skip = skip,
                           .count = 0,
                           .kind = SIM_FAULT_STATUS,
                           .status = 403,
                           .body = "{\"forbidden\": {\"message\": \"by the test\"}}"};

    sim_fault_add(b->sim, &no);
}

/* One server could not be booted at B: its newest data are A's own, and there it goes on. */
static void test_partial(void **state)
{
    AUTO(bench) b = bench_create_protected(1208);
    (void)state;

    g_autofree char *web = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    g_autofree char *db = g_strdup(bench_server_id(b, SIM_SITE_A, "db-1"));
    boots_refused(b, 1);
    json_decref(bench_try(b, "prod-a", "protection-group failover", WEB, "!planned", "!no-wait",
                          "network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    sim_fault_clear(b->sim);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations WHERE runbook = 'handover'");
    json_decref(bench_ok(b, "prod-b", "operation skip", "operation", op, "step", "server.boot",
                         "reason", "no host for it", NULL));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_B, "failed_over_partial");
    json_decref(failback(b, "prod-b"));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_A, "active");
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_in_sync(b);
    bool web_is = g_str_equal(web, bench_server_id(b, SIM_SITE_A, "web-1"));
    bool db_is = g_str_equal(db, bench_server_id(b, SIM_SITE_A, "db-1"));
    assert_true(web_is != db_is); /* one of them never left */
    bench_ledger_holds(b, SIM_SITE_A);
    go_to_b(b); /* all of it */
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* ---- after an unplanned failover ---- */

/* The lost site is back, follows, and gets its group again. */
static void test_after_a_loss(void **state)
{
    AUTO(bench) b = bench_create_protected(1209);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    json_decref(failback(b, "prod-b"));
    home_again(b);
    g_autofree char *result =
        bench_sql(b, SIM_SITE_A, "SELECT result FROM dr_operations WHERE runbook = 'failback'");
    assert_non_null(strstr(result, "\"zero_loss\":true"));
}

/*
 * Home again by force, then the database is put back to what it was before the group ever left: the
 * servers that were kept then are not started beside those that took their place (walk 2442 of
 * its time).
 */
static void test_restored(void **state)
{
    AUTO(bench) b = bench_create_protected(1210);
    (void)state;

    bench_db_copy(b, SIM_SITE_A, "before");
    go_to_b(b);
    bench_pass(b, 70000); /* a point of B arrives at A */
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "by the test", NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    home_again(b);
    bench_db_put_back(b, SIM_SITE_A, "before");
    json_decref(bench_try(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    home_again(b);
    const char *id;
    json_t *server;
    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_A, "servers"), id, server)
        assert_true(!g_pattern_match_simple("*-kept-*", json_str_or(server, "name", "")) ||
                    g_str_equal(json_str_or(server, "vm_state", ""), "stopped"));
}

/* ---- or it stays ---- */

/* Each site knows its own Cinder group, whichever of them is the primary: also to the end. */
static void test_reprotect_keeps_cinders_groups(void **state)
{
    AUTO(bench) b = bench_create_protected(1213);
    (void)state;

    go_to_b(b);
    json_decref(bench_ok(b, "prod-a", "protection-group reprotect", WEB, NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) cg = bench_ok(b, bench_tenant(i), "consistency-group show", WEB, NULL);
        const char *fields[] = {"secondary_cg_id", "primary_cg_id"};
        for (int site = 0; site < BENCH_SITES; site++)
            assert_non_null(
                json_object_get(sim_table(b->sim, site, "groups"), bench_field(cg, fields[site])));
    }
    json_decref(bench_ok(b, "prod-b", "protection-group delete", WEB, NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 0);
}

/* Where it is active it is at home from now on: the roles of the sites are swapped, in all things.
 */
static void test_reprotect(void **state)
{
    AUTO(bench) b = bench_create_protected(1212);
    (void)state;

    bench_fails(b, "protector.group.state", "prod-a", "protection-group reprotect", WEB, NULL);
    go_to_b(b);
    g_autoptr(json_t) op = bench_ok(b, "prod-a", "protection-group reprotect", WEB, NULL);
    assert_string_equal(bench_field(op, "operation_type"), "reprotect");
    assert_string_equal(bench_field(op, "status"), "completed");
    bench_settle(b);
    bench_in_sync(b);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_status_is(b, i, "active");
    g_autoptr(json_t) group = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);
    assert_string_equal(bench_field(group, "primary_site"), "site-b");
    assert_string_equal(bench_field(group, "current_primary_site"), "site-b");
    g_autoptr(json_t) policy = bench_ok(b, "prod-a", "protection-group policy-show", WEB, NULL);
    assert_string_equal(bench_field(policy, "primary_fa_url"), "https://array-b.lab");
    bench_pass(b, 130000);
    bench_fails(b, "protector.group.state", "prod-a", "protection-group failback", WEB, NULL);
    /* the same code in the other direction */
    json_decref(
        bench_ok(b, "prod-a", "protection-group test-failover", WEB, "!auto-cleanup", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!planned", NULL));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_A, "failed_over");
    bench_servers_are(b, SIM_SITE_A, "active");
    json_decref(failback(b, "prod-a"));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_B, "active");
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    bench_ledger_holds(b, SIM_SITE_A);
    bench_ledger_holds(b, SIM_SITE_B);
}

/* A point now: whole at the other site when the command ends. */
static void test_point_now(void **state)
{
    AUTO(bench) b = bench_create_protected(1213);
    (void)state;

    int64_t before = points_of_a(b);
    g_autoptr(json_t) op =
        bench_ok(b, "prod-b", "consistency-group sync", WEB, NULL); /* at the active site */
    assert_string_equal(bench_field(op, "operation_type"), "sync");
    assert_int_equal(points_of_a(b), before + 1);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type ="
                                   " 'sync' AND result LIKE '%\"point\"%'"),
                     1);
}

/* ---- from what was kept ---- */

static json_t *from_kept(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group failover", WEB, "!unplanned", "reason",
                     "site-b burnt down", "from", "kept", NULL);
}

/* B is lost before a point of it has come: A's own servers go on as they were left. */
static void test_from_kept(void **state)
{
    AUTO(bench) b = bench_create_protected(1220);
    (void)state;

    g_autofree char *web = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    go_to_b(b);
    bench_lose(b, SIM_SITE_B);
    bench_fails(b, "protector.point.none", "prod-a", "protection-group failover", WEB, "!unplanned",
                "reason", "site-b burnt down", NULL);
    assert_non_null(strstr(b->last_error, "--from kept"));
    g_autoptr(json_t) op = from_kept(b);
    if (op == NULL)
        fail_msg("%s", b->last_error);
    assert_string_equal(bench_field(op, "status"), "completed");
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_string_equal(bench_server_id(b, SIM_SITE_A, "web-1"), web);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "servers")), 2);
    bench_status_is(b, SIM_SITE_A, "active");
    g_autofree char *result =
        bench_sql(b, SIM_SITE_A,
                  "SELECT result FROM dr_operations WHERE operation_type = 'failover' AND"
                  " status = 'completed' AND planned = 0");
    assert_non_null(strstr(result, "is missing"));
    bench_ledger_holds(b, SIM_SITE_A);
    bench_restore(b, SIM_SITE_B); /* and it follows */
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "stopped locked");
    bench_in_sync(b);
    go_to_b(b); /* all goes on from here */
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* One of the two is gone: it is left out, by name. */
static void test_from_kept_in_part(void **state)
{
    AUTO(bench) b = bench_create_protected(1221);
    (void)state;

    go_to_b(b);
    json_object_del((json_t *)sim_table(b->sim, SIM_SITE_A, "servers"),
                    bench_server_id(b, SIM_SITE_A, "db-1"));
    bench_lose(b, SIM_SITE_B);
    json_decref(from_kept(b));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    g_autofree char *web = bench_server_state(b, SIM_SITE_A, "web-1");
    assert_string_equal(web, "active");
    g_autoptr(json_t) member = bench_ok(b, "prod-a", "protection-group member-list", WEB, NULL);
    g_autofree char *text = json_print(member);
    assert_non_null(strstr(text, "unrecovered"));
}

/* It is accepted and does not happen, or hangs half-way: that has an end here too. */
static void test_from_kept_does_not_start(void **state)
{
    struct sim_fault ignores = {.site = SIM_SITE_A,
                                .service = "nova",
                                .method = "POST",
                                .path = "*/servers/*/action",
                                .kind = SIM_FAULT_STATUS,
                                .status = 202};
    (void)state;

    for (int hangs = 0; hangs < 2; hangs++) {
        AUTO(bench) b = bench_create_protected(1223);
        go_to_b(b);
        bench_lose(b, SIM_SITE_B);
        json_t *web = (json_t *)sim_find(b->sim, SIM_SITE_A, "servers", "web-1");
        if (hangs)
            json_set_str(web, "task_state", "powering-on");
        else
            sim_fault_add(b->sim, &ignores);
        assert_null(from_kept(b));
        assert_non_null(strstr(b->last_error, "does not start"));
        assert_int_equal(strstr(b->last_error, "powering-on") != NULL, hangs);
        sim_fault_clear(b->sim);
        json_set(web, "task_state", json_null());
        g_autofree char *op = bench_sql(b, SIM_SITE_A,
                                        "SELECT id FROM dr_operations WHERE runbook = 'failover'"
                                        " AND status = 'needs_operator'");
        assert_non_null(op);
        json_decref(bench_ok(b, "prod-a", "operation retry", "operation", op, NULL));
        bench_settle(b);
        bench_servers_are(b, SIM_SITE_A, "active");
        bench_restore(b, SIM_SITE_B);
    }
}

/* Nothing is kept: nothing is done. */
static void test_from_kept_nothing(void **state)
{
    AUTO(bench) b = bench_create_protected(1222);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    assert_null(bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                          "fire", "from", "kept", NULL));
    assert_non_null(strstr(b->last_error, "has kept no server"));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_servers_are(b, SIM_SITE_B, "active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failback),
        cmocka_unit_test(test_unwound),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_conflict),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_conflict_of_volumes),
        cmocka_unit_test(test_conflict_in_the_past),
        cmocka_unit_test(test_partial),
        cmocka_unit_test(test_after_a_loss),
        cmocka_unit_test(test_restored),
        cmocka_unit_test(test_replication_left_off),
        cmocka_unit_test(test_reprotect),
        cmocka_unit_test(test_reprotect_keeps_cinders_groups),
        cmocka_unit_test(test_point_now),
        cmocka_unit_test(test_does_not_make_way),
        cmocka_unit_test(test_from_kept),
        cmocka_unit_test(test_from_kept_in_part),
        cmocka_unit_test(test_from_kept_does_not_start),
        cmocka_unit_test(test_from_kept_nothing),
    };
    cmocka_set_test_filter(g_getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
