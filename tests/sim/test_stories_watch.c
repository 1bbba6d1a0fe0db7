/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Story A8 of the sync protocol on two whole sites: the dead come back before any client does.  The
 * epoch watch of their engine sees at the other site's array, or in its cloud, that it was
 * superseded, and stops their servers, or tells only.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB        "protection-group", "web"
#define INTERVAL_S 60 /* the default */

/* B has taken over while A had no power; A's servers start with its power. */
static void taken_over(struct bench *b)
{
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
}

static void comes_back(struct bench *b)
{
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
}

static int64_t flagged(struct bench *b, int site)
{
    return bench_sql_int(b, site,
                         "SELECT COUNT(*) FROM protection_groups WHERE role = 'ACTIVE' AND"
                         " state LIKE '%\"superseded\":true%'");
}

static int64_t alarms(struct bench *b, int site)
{
    return bench_sql_int(b, site,
                         "SELECT COUNT(*) FROM sync_log WHERE event = 'alarm' AND"
                         " message LIKE 'SUPERSEDED:%'");
}

static int64_t stops(struct bench *b, const char *status)
{
    g_autofree char *sql = g_strdup_printf("SELECT COUNT(*) FROM dr_operations WHERE"
                                           " operation_type = 'superseded_stop' AND status = '%s'",
                                           status);
    return bench_sql_int(b, SIM_SITE_A, sql);
}

/* Lines of the log of both sites with these words. */
static int said(struct bench *b, const char *words)
{
    int count = 0;

    for (const char *at = b->log->str; (at = strstr(at, words)) != NULL; at += strlen(words))
        count++;
    return count;
}

/* What A's API itself says, whoever asks. */
static void refused_at_a(struct bench *b)
{
    g_autofree char *token = bench_token(b, "prod-a");
    g_autofree char *pg = bench_sql(b, SIM_SITE_A, "SELECT id FROM protection_groups");
    g_autofree char *url =
        g_strdup_printf("%s/v1/%s/protection-groups/%s", b->site[SIM_SITE_A].api_origin,
                        json_str(sim_find(b->sim, SIM_SITE_A, "projects", "prod"), "id"), pg);
    AUTO(http_request) req = http_request_create("PUT", url);
    AUTO(http_response) resp = NULL;
    const char body[] = "{\"protection_group\": {\"description\": \"meanwhile\"}}";

    http_request_add(req, "X-Auth-Token", token);
    http_request_add(req, "Content-Type", "application/json");
    http_request_body(req, body, strlen(body));
    assert_null(bench_route(b, req, &resp));
    if (resp->status != 409)
        fail_msg("%d %s", resp->status, resp->body);
    assert_non_null(strstr(resp->body, "protector.sync.superseded"));
}

/* No client comes: A's servers are stopped and locked all the same, for the epoch that was seen. */
static void test_stopped_before_any_client(void **state)
{
    AUTO(bench) b = bench_create_protected(951);
    (void)state;

    taken_over(b);
    comes_back(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    assert_int_equal(flagged(b, SIM_SITE_A), 1);
    assert_int_equal(flagged(b, SIM_SITE_B), 0);
    assert_int_equal(alarms(b, SIM_SITE_A), 1);
    const json_t *web = sim_find(b->sim, SIM_SITE_A, "servers", "web-1");
    g_autofree char *reason =
        g_strdup_printf("active at the other site since epoch %" G_GINT64_FORMAT,
                        bench_epoch(b, SIM_SITE_B));
    assert_non_null(strstr(json_str_or(web, "locked_reason", ""), reason));
    refused_at_a(b);

    bench_pass(b, 10 * INTERVAL_S * 1000); /* once is enough */
    assert_int_equal(alarms(b, SIM_SITE_A), 1);
    assert_int_equal(stops(b, "completed"), 1);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_operations WHERE"
                                   " operation_type = 'superseded_stop'"),
                     1);
    assert_int_equal(said(b, "was active in epoch"), 1);
}

/* Whoever comes first then makes it a standby: nothing is left to be stopped. */
static void test_then_a_client_comes(void **state)
{
    AUTO(bench) b = bench_create_protected(952);
    (void)state;

    taken_over(b);
    comes_back(b);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "STANDBY");
    bench_in_sync(b);
    assert_int_equal(flagged(b, SIM_SITE_A), 0);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    assert_int_equal(sim_count(b->sim, SIM_SITE_A, "nova", "POST", "*/metadata"), 2);
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* on_superseded = alarm: everything as above, and nothing is stopped. */
static void test_alarm_only(void **state)
{
    AUTO(bench) b = bench_create_protected(953);
    (void)state;

    bench_engine_conf(b, SIM_SITE_A, "[site]\non_superseded = alarm\n");
    taken_over(b);
    comes_back(b);
    bench_pass(b, 3 * INTERVAL_S * 1000);
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_int_equal(flagged(b, SIM_SITE_A), 1);
    assert_int_equal(alarms(b, SIM_SITE_A), 1);
    assert_int_equal(said(b, "nothing is stopped"), 1);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_operations WHERE"
                                   " operation_type = 'superseded_stop'"),
                     0);
    refused_at_a(b);
    /* the operator thinks better of it: the next round stops them */
    bench_engine_conf(b, SIM_SITE_A, "[site]\non_superseded = stop\n");
    bench_pass(b, 2 * INTERVAL_S * 1000);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    assert_int_equal(alarms(b, SIM_SITE_A), 1);
}

/* A cloud that is down makes it need nobody: it is stopped when it can be. */
static void test_cloud_is_down(void **state)
{
    AUTO(bench) b = bench_create_protected(954);
    (void)state;

    taken_over(b);
    sim_site_down(b->sim, SIM_SITE_A, "nova", true);
    comes_back(b);
    bench_pass(b, 3600000);
    assert_int_equal(flagged(b, SIM_SITE_A), 1);
    assert_int_equal(stops(b, "completed") + stops(b, "needs_operator") + stops(b, "failed"), 0);
    sim_site_down(b->sim, SIM_SITE_A, "nova", false);
    bench_pass(b, 180000);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    assert_int_equal(stops(b, "completed"), 1);
}

/* A person takes the group back at A: the flag is off, the servers run, and it stays so. */
static void test_taken_back(void **state)
{
    AUTO(bench) b = bench_create_protected(955);
    (void)state;

    taken_over(b);
    comes_back(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    bench_lose(b, SIM_SITE_B);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "reason",
                         "site-b burnt down", "!yes", NULL));
    bench_settle(b);
    assert_int_equal(flagged(b, SIM_SITE_A), 0);
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_true(bench_epoch(b, SIM_SITE_A) > bench_epoch(b, SIM_SITE_B));
    const json_t *web = sim_find(b->sim, SIM_SITE_A, "servers", "web-1");
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, bench_epoch(b, SIM_SITE_A));
    assert_string_equal(json_str_at(web, "metadata/protector:epoch"), epoch);
    assert_null(json_str_at(web, "metadata/protector:stopped_for"));

    /* now B is the one that comes back: its engine sees A's epoch, and stops B's servers */
    bench_restore(b, SIM_SITE_B);
    bench_pass(b, 5 * INTERVAL_S * 1000);
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_servers_are(b, SIM_SITE_B, "stopped locked");
    assert_int_equal(flagged(b, SIM_SITE_A), 0);
    assert_int_equal(flagged(b, SIM_SITE_B), 1);
}

/* The fork is then known, and a person may keep either: also the one that was stopped. */
static void keep(int site)
{
    AUTO(bench) b = bench_create_protected(956);
    int other = 1 - site;

    taken_over(b);
    comes_back(b);
    bench_lose(b, SIM_SITE_B);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "reason",
                         "site-b burnt down", "!yes", NULL));
    bench_restore(b, SIM_SITE_B);
    bench_settle(b);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_status_is(b, i, "split_brain");
    json_decref(bench_ok(b, bench_tenant(site), "protection-group sync-resolve", WEB, "keep",
                         bench_site_name(site), "reason", "it has the newer orders", "!yes", NULL));
    bench_settle(b);
    bench_role_is(b, site, "ACTIVE");
    bench_role_is(b, other, "STANDBY");
    bench_servers_are(b, site, "active");
    bench_servers_are(b, other, "stopped locked");
    bench_in_sync(b);
    bench_pass(b, 5 * INTERVAL_S * 1000);
    bench_servers_are(b, site, "active");
    assert_int_equal(flagged(b, site), 0);
}

static void test_fork_keep_a(void **state)
{
    (void)state;
    keep(SIM_SITE_A);
}

static void test_fork_keep_b(void **state)
{
    (void)state;
    keep(SIM_SITE_B);
}

/* ---- what it asks ---- */

static struct {
    struct protector_driver real;
    int lists;
    bool dead; /* B's array does not answer */
} spy;

static enum protector_status spied_tag_list(struct protector_handle *handle,
                                            const struct protector_call *call,
                                            protector_tag_of_row *row, void *data,
                                            struct protector_error *error)
{
    spy.lists++;
    if (spy.dead)
        return protector_fail(error, PROTECTOR_TRANSIENT, "nothing answers there, by the test");
    return spy.real.tag_list(handle, call, row, data, error);
}

static void spy_on_a(struct bench *b)
{
    memset(&spy, 0, sizeof spy);
    spy.real = b->site[SIM_SITE_A].driver;
    b->site[SIM_SITE_A].driver.tag_list = spied_tag_list;
}

static void second_group(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "two", "replication-type",
                         "async", "primary-site", "site-a", "secondary-site", "site-b",
                         "volume-type", "replicated-ssd", "!wait", NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group policy-create", "protection-group", "two",
                         "primary-fa-url", "https://array-a.lab", "primary-fa-token", "T-a",
                         "secondary-fa-url", "https://array-b.lab", "secondary-fa-token", "T-b",
                         "pure-pg-name", "pg-two", "replication-interval", "60", "rpo-minutes",
                         "15", NULL));
}

/* An array is asked once a round, however many groups it has, and the cloud not at all. */
static void test_one_call_per_array(void **state)
{
    AUTO(bench) b = bench_create_protected(957);
    (void)state;

    second_group(b);
    bench_settle(b);
    spy_on_a(b);
    int nova = sim_count(b->sim, SIM_SITE_B, "nova", "GET", "*/servers/detail*");
    bench_pass(b, 10 * INTERVAL_S * 1000);
    assert_in_range(spy.lists, 9, 11);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "nova", "GET", "*/servers/detail*"), nova);
    bench_in_sync(b);
    assert_int_equal(flagged(b, SIM_SITE_A), 0);
}

/* What cannot be seen is no reason for anything; it is said once, and again after an answer. */
static void test_nothing_answers(void **state)
{
    AUTO(bench) b = bench_create_protected(958);
    (void)state;

    second_group(b);
    bench_settle(b);
    spy_on_a(b);
    spy.dead = true;
    bench_lose(b, SIM_SITE_B);
    bench_pass(b, 10 * INTERVAL_S * 1000);
    assert_in_range(spy.lists, 9, 11);
    assert_int_equal(said(b, "looking for a newer epoch at the other array"), 1);
    assert_int_equal(flagged(b, SIM_SITE_A) + alarms(b, SIM_SITE_A), 0);
    bench_servers_are(b, SIM_SITE_A, "active");
    spy.dead = false;
    bench_pass(b, 2 * INTERVAL_S * 1000);
    spy.dead = true;
    bench_pass(b, 2 * INTERVAL_S * 1000);
    assert_int_equal(said(b, "looking for a newer epoch at the other array"), 2);
}

/* Where no array tells, the stamps of the other cloud's servers do: a list for each project. */
static void test_stamps_tell(void **state)
{
    static const uint64_t lacks[] = {PROTECTOR_CAN_TAG | PROTECTOR_CAN_TAG_LIST,
                                     PROTECTOR_CAN_TAG_LIST};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(lacks); i++) {
        AUTO(bench) b = bench_create_protected(959);
        b->site[SIM_SITE_A].driver_lacks = lacks[i];
        taken_over(b);
        comes_back(b);
        bench_servers_are(b, SIM_SITE_A, "stopped locked");
        bench_servers_are(b, SIM_SITE_B, "active");
        assert_int_equal(said(b, i == 0 ? "a server in its cloud" : "a tag at its array"), 1);
    }
}

/* What A has claimed itself goes no further when it is superseded: nothing more is booted. */
static void test_claimed_ends(void **state)
{
    AUTO(bench) b = bench_create_protected(960);
    struct bench_death death = {"before-intent", "server.boot", false};
    (void)state;

    bench_dies_at(b, SIM_SITE_B, "failover", &death);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                          "gone", "*network-mapping", "net-app=net-app", "!no-wait", NULL));
    bench_pass(b, 60000);
    assert_true(death.died);
    bench_api(b, SIM_SITE_B, false); /* no client meets both */
    comes_back(b);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "b is dead", "!yes", NULL));
    bench_pass(b, 60000);
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_revive(b, SIM_SITE_B);
    bench_settle(b);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), 0);
    g_autofree char *status =
        bench_sql(b, SIM_SITE_B,
                  "SELECT status FROM dr_operations WHERE operation_type = 'failover'");
    assert_string_equal(status, "superseded");
    bench_servers_are(b, SIM_SITE_A, "active");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped_before_any_client),
        cmocka_unit_test(test_then_a_client_comes),
        cmocka_unit_test(test_alarm_only),
        cmocka_unit_test(test_cloud_is_down),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_fork_keep_a),
        cmocka_unit_test(test_fork_keep_b),
        cmocka_unit_test(test_one_call_per_array),
        cmocka_unit_test(test_nothing_answers),
        cmocka_unit_test(test_stamps_tell),
        cmocka_unit_test(test_claimed_ends),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stories A8", tests, NULL, NULL);
}
