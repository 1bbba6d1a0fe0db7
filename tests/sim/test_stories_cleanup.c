/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_cleanup - what a site has kept of a group is destroyed by a person's word only, and
 * only what is not the last copy, and not somebody's own by now (A10).
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB  "protection-group", "web"
#define EVER "1970-01-01T00:00:00Z"

/* The mock makes empty volumes: as far as what was written goes, it is taken for one that moves it.
 */
static void data_were_moved(struct bench *b, int site)
{
    b->site[site].driver.can &= ~(uint64_t)PROTECTOR_MAKES_IN_CINDER;
}

static void data_were_not(struct bench *b, int site)
{
    b->site[site].driver.can |= PROTECTOR_MAKES_IN_CINDER;
}

static void go_to_b(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned",
                         "network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_B, "failed_over");
    data_were_moved(b, SIM_SITE_A);
}

static void go_home(struct bench *b)
{
    data_were_not(b, SIM_SITE_A);
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_A, "active");
    bench_servers_are(b, SIM_SITE_A, "active");
    data_were_moved(b, SIM_SITE_B);
}

/* Lost, taken over without it, and back: what it wrote after the point only it has. */
static void lost_and_back(struct bench *b)
{
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
}

static size_t servers(struct bench *b, int site)
{
    return json_object_size(sim_table(b->sim, site, "servers"));
}

static size_t volumes(struct bench *b, int site)
{
    return json_object_size(sim_table(b->sim, site, "volumes"));
}

/* All but those of routers and floating IPs. */
static int server_ports(struct bench *b, int site)
{
    const char *id;
    json_t *port;
    int count = 0;

    json_object_foreach((json_t *)sim_table(b->sim, site, "ports"), id, port) count +=
        !g_str_has_prefix(json_str_or(port, "device_owner", ""), "network:");
    return count;
}

static json_t *look(struct bench *b)
{
    return bench_ok(b, "prod-b", "protection-group cleanup-source", WEB, "!dry-run", NULL);
}

/* Why a server is left alone; "" if it is not. */
static const char *left_why(const json_t *looked, const char *name)
{
    const json_t *plan = json_obj(looked, "object");
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(plan, "left"), i, row)
    {
        if (g_strcmp0(json_str(row, "name"), name) == 0)
            return json_str_or(row, "why", "");
    }
    return "";
}

static void left_is(const json_t *looked, const char *name, const char *words)
{
    if (strstr(left_why(looked, name), words) == NULL)
        fail_msg("%s should be left alone (%s), not: '%s'", name, words, left_why(looked, name));
}

/*
 * After a planned failover nothing is lost: servers, volumes and the ports that Nova made are gone,
 * production runs on, and the way home is still there.
 */
static void test_after_a_handover(void **state)
{
    AUTO(bench) b = bench_create_protected(1701);
    (void)state;

    go_to_b(b);
    g_autoptr(json_t) looked = look(b);
    assert_int_equal(json_array_size(json_arr(json_obj(looked, "object"), "members")), 2);
    assert_int_equal(json_array_size(json_arr(json_obj(looked, "object"), "volumes")), 4);
    assert_null(json_str(json_obj(looked, "object"), "lost_after"));
    assert_int_equal(servers(b, SIM_SITE_A), 2);
    bench_fails(b, "protector.client.usage", "prod-b", "protection-group cleanup-source", WEB,
                NULL); /* nobody said yes */
    assert_int_equal(servers(b, SIM_SITE_A), 2);
    g_autoptr(json_t) op =
        bench_ok(b, "prod-a", "protection-group cleanup-source", WEB, "!yes", NULL);
    assert_string_equal(bench_field(op, "operation_type"), "cleanup_source");
    assert_string_equal(bench_field(op, "status"), "completed");
    assert_int_equal(servers(b, SIM_SITE_A), 0);
    assert_int_equal(volumes(b, SIM_SITE_A), 0);
    assert_int_equal(server_ports(b, SIM_SITE_A), 0);
    bench_servers_are(b, SIM_SITE_B, "active");
    g_autoptr(json_t) again =
        bench_ok(b, "prod-b", "protection-group cleanup-source", WEB, "!yes", NULL);
    assert_non_null(strstr(json_str_or(again, "text", ""), "Nothing that may be deleted"));
    go_home(b);
    bench_servers_are(b, SIM_SITE_B, "stopped locked");
    bench_in_sync(b);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
}

/* Home again: what ran at B may go, with the ports that were made for it; and what gave way at A.
 */
static void test_after_a_failback(void **state)
{
    AUTO(bench) b = bench_create_protected(1702);
    (void)state;

    go_to_b(b);
    go_home(b);
    assert_int_equal(servers(b, SIM_SITE_A), 4);
    json_decref(bench_ok(b, "prod-a", "protection-group cleanup-source", WEB, "!yes", NULL));
    assert_int_equal(servers(b, SIM_SITE_B), 0);
    assert_int_equal(volumes(b, SIM_SITE_B), 0);
    assert_int_equal(server_ports(b, SIM_SITE_B), 0);
    json_decref(bench_ok(b, "prod-a", "protection-group cleanup-source", WEB, "site", "site-a",
                         "!yes", "discard-writes-after", EVER, NULL)); /* the mock moved nothing */
    assert_int_equal(servers(b, SIM_SITE_A), 2);
    assert_int_equal(volumes(b, SIM_SITE_A), 4);
    bench_servers_are(b, SIM_SITE_A, "active");
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
    data_were_not(b, SIM_SITE_B);
    go_to_b(b);
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* After a forced failover the volumes hold writes that nobody else has: a time must be said. */
static void test_newer_writes(void **state)
{
    AUTO(bench) b = bench_create_protected(1703);
    (void)state;

    lost_and_back(b);
    g_autoptr(json_t) all = look(b);
    assert_string_equal(json_str(json_obj(all, "object"), "lost_after"), EVER);
    data_were_moved(b, SIM_SITE_A);
    g_autoptr(json_t) looked = look(b);
    const char *lost = json_str(json_obj(looked, "object"), "lost_after");
    g_autofree char *claim = bench_sql(b, SIM_SITE_B,
                                       "SELECT result FROM dr_operations WHERE"
                                       " operation_type = 'failover'");
    assert_non_null(lost);
    assert_non_null(strstr(claim, lost)); /* the recovery point's time */
    bench_fails(b, "protector.cleanup.newer_writes", "prod-b", "protection-group cleanup-source",
                WEB, "!yes", NULL);
    g_autofree char *later = time_format(time_parse(lost) + 1000);
    bench_fails(b, "protector.cleanup.newer_writes", "prod-b", "protection-group cleanup-source",
                WEB, "!yes", "discard-writes-after", later, NULL);
    bench_fails(b, "protector.bad_request", "prod-b", "protection-group cleanup-source", WEB,
                "!yes", "discard-writes-after", "yesterday", NULL);
    assert_int_equal(servers(b, SIM_SITE_A), 2);
    assert_int_equal(volumes(b, SIM_SITE_A), 4);
    json_decref(bench_ok(b, "prod-b", "protection-group cleanup-source", WEB, "!yes",
                         "discard-writes-after", lost, NULL));
    assert_int_equal(servers(b, SIM_SITE_A), 0);
    assert_int_equal(volumes(b, SIM_SITE_A), 0);
}

/* What gave way at home after a loss still holds such writes, however long ago it was. */
static void test_newer_writes_of_what_gave_way(void **state)
{
    AUTO(bench) b = bench_create_protected(1704);
    (void)state;

    lost_and_back(b);
    go_home(b);
    bench_fails(b, "protector.cleanup.newer_writes", "prod-a", "protection-group cleanup-source",
                WEB, "!yes", "site", "site-a", NULL);
    json_decref(bench_ok(b, "prod-a", "protection-group cleanup-source", WEB, "!yes", NULL));
    assert_int_equal(servers(b, SIM_SITE_B), 0); /* those of B were drained */
}

/* Somebody uses what was kept: it is his. */
static void test_changed_by_hand(void **state)
{
    AUTO(bench) b = bench_create_protected(1705);
    (void)state;

    go_to_b(b);
    bench_attach(b, SIM_SITE_A, "web-1");
    g_autoptr(json_t) attached = look(b);
    left_is(attached, "web-1", "volume " BENCH_ATTACHED " was attached");
    assert_true(bench_start_by_hand(b, SIM_SITE_A, "db-1"));
    g_autoptr(json_t) started = look(b);
    left_is(started, "db-1", "it is ACTIVE");
    g_autoptr(json_t) nothing =
        bench_ok(b, "prod-b", "protection-group cleanup-source", WEB, "!yes", NULL);
    assert_non_null(strstr(json_str_or(nothing, "text", ""), "left alone: server 'web-1'"));
    assert_int_equal(servers(b, SIM_SITE_A), 2);
}

/* The active site's server is gone, or its cloud does not tell: the copy here may be the last. */
static void test_last_copy(void **state)
{
    AUTO(bench) b = bench_create_protected(1706);
    (void)state;

    go_to_b(b);
    json_object_del((json_t *)sim_table(b->sim, SIM_SITE_B, "servers"),
                    bench_server_id(b, SIM_SITE_B, "web-1"));
    g_autoptr(json_t) looked = look(b);
    left_is(looked, "web-1", "is not there");
    assert_string_equal(left_why(looked, "db-1"), "");
    bench_lose(b, SIM_SITE_B);
    assert_null(bench_try(b, "prod-a", "protection-group cleanup-source", WEB, "!yes", NULL));
    assert_int_equal(servers(b, SIM_SITE_A), 2);
}

static void boots_refused(struct bench *b, int skip)
{
    struct sim_fault no = {.site = SIM_SITE_B,
                           .service = "nova",
                           .method = "POST",
                           .path = "*/servers",
                           .skip = skip,
                           .kind = SIM_FAULT_STATUS,
                           .status = 403,
                           .body = "{\"forbidden\": {\"message\": \"by the test\"}}"};

    sim_fault_add(b->sim, &no);
}

/* A member that never ran at B: its newest data are here. */
static void test_unrecovered(void **state)
{
    AUTO(bench) b = bench_create_protected(1707);
    (void)state;

    boots_refused(b, 1);
    json_decref(bench_try(b, "prod-a", "protection-group failover", WEB, "!planned",
                          "network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    sim_fault_clear(b->sim);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations WHERE runbook = 'handover'");
    json_decref(bench_ok(b, "prod-b", "operation skip", "operation", op, "step", "server.boot",
                         "reason", "no host for it", NULL));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_B, "failed_over_partial");
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, NULL));
    data_were_moved(b, SIM_SITE_A);
    g_autoptr(json_t) looked = look(b);
    bool web = *left_why(looked, "web-1") != '\0', db = *left_why(looked, "db-1") != '\0';
    assert_true(web != db);
    left_is(looked, web ? "web-1" : "db-1", "its member is unrecovered");
    json_decref(bench_ok(b, "prod-b", "protection-group cleanup-source", WEB, "!yes", NULL));
    assert_int_equal(servers(b, SIM_SITE_A), 1);
    go_home(b);
}

/* Between the look and the word. */
static bool start_before_the_word(void *data, const struct http_request *req)
{
    struct bench *b = data;
    bool word = req->body != NULL && strstr(req->body, "\"plan\"") != NULL;

    if (word)
        assert_true(bench_start_by_hand(b, SIM_SITE_A, "db-1"));
    return word;
}

/* What was confirmed is what goes, or nothing. */
static void test_changed_since(void **state)
{
    AUTO(bench) b = bench_create_protected(1708);
    (void)state;

    go_to_b(b);
    b->on_client = start_before_the_word;
    b->on_client_data = b;
    bench_fails(b, "protector.cleanup.changed", "prod-b", "protection-group cleanup-source", WEB,
                "!yes", NULL);
    assert_int_equal(servers(b, SIM_SITE_A), 2);
    assert_int_equal(volumes(b, SIM_SITE_A), 4);
}

/* Nova takes the deletion and never does it: a person is asked, and his retry ends it. */
static void test_does_not_go(void **state)
{
    struct sim_fault ignores = {.site = SIM_SITE_A,
                                .service = "nova",
                                .method = "DELETE",
                                .path = "*/servers/*",
                                .kind = SIM_FAULT_STATUS,
                                .status = 204};
    AUTO(bench) b = bench_create_protected(1712);
    (void)state;

    go_to_b(b);
    bench_pass(b, 130000); /* points from B */
    sim_fault_add(b->sim, &ignores);
    assert_null(bench_try(b, "prod-b", "protection-group cleanup-source", WEB, "!yes", NULL));
    assert_non_null(strstr(b->last_error, "is still under way after 10 minutes"));
    g_autofree char *op = bench_sql(b, SIM_SITE_A,
                                    "SELECT id FROM dr_operations WHERE runbook ="
                                    " 'cleanup_source' AND status = 'needs_operator'");
    assert_non_null(op);
    sim_fault_clear(b->sim);
    json_decref(bench_ok(b, "prod-a", "operation retry", "operation", op, NULL));
    bench_settle(b);
    bench_ledger_holds(b, SIM_SITE_A);
    g_autofree char *status =
        bench_sql(b, SIM_SITE_A,
                  "SELECT status FROM dr_operations WHERE operation_type = 'cleanup_source'");
    assert_string_equal(status, "completed");
}

/* It dies in the middle; meanwhile the site is made active: what is left is not destroyed. */
static void test_failover_preempts(void **state)
{
    AUTO(bench) b = bench_create_protected(1709);
    struct bench_death death = {"after-outcome", "kept.delete", false};
    (void)state;

    go_to_b(b);
    bench_pass(b, 130000); /* points from B */
    bench_dies_at(b, SIM_SITE_A, "cleanup_source", &death);
    json_decref(
        bench_try(b, "prod-b", "protection-group cleanup-source", WEB, "!yes", "!no-wait", NULL));
    bench_pass(b, 5000);
    assert_true(death.died);
    bench_lose(b, SIM_SITE_B);
    bench_revive(b, SIM_SITE_A);
    data_were_not(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_A));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_ledger_holds(b, SIM_SITE_A);
    g_autofree char *status =
        bench_sql(b, SIM_SITE_A,
                  "SELECT status FROM dr_operations WHERE operation_type = 'cleanup_source'");
    assert_string_equal(status, "superseded");
}

/* The other way round: the group does not come here while it is being cleaned up. */
static void test_handover_waits(void **state)
{
    AUTO(bench) b = bench_create_protected(1710);
    struct bench_death death = {"after-intent", "kept.delete", false};
    (void)state;

    go_to_b(b);
    bench_dies_at(b, SIM_SITE_A, "cleanup_source", &death);
    json_decref(
        bench_try(b, "prod-b", "protection-group cleanup-source", WEB, "!yes", "!no-wait", NULL));
    bench_pass(b, 5000);
    assert_null(bench_try(b, "prod-b", "protection-group failback", WEB, NULL));
    assert_non_null(strstr(b->last_error, "is being deleted"));
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_revive(b, SIM_SITE_A);
    data_were_moved(b, SIM_SITE_A);
    bench_settle(b);
    assert_int_equal(servers(b, SIM_SITE_A), 0);
    go_home(b);
}

/* Between the word and the deletion somebody starts a server; a person skips it: all of it stays.
 */
static void test_skipped_stays_whole(void **state)
{
    AUTO(bench) b = bench_create_protected(1711);
    struct bench_death death = {"before-intent", "kept.delete", false};
    (void)state;

    go_to_b(b);
    bench_dies_at(b, SIM_SITE_A, "cleanup_source", &death);
    json_decref(
        bench_try(b, "prod-b", "protection-group cleanup-source", WEB, "!yes", "!no-wait", NULL));
    bench_pass(b, 5000);
    assert_true(death.died);
    assert_true(bench_start_by_hand(b, SIM_SITE_A, "db-1"));
    bench_revive(b, SIM_SITE_A);
    data_were_moved(b, SIM_SITE_A);
    bench_settle(b);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_A,
                  "SELECT id FROM dr_operations WHERE operation_type = 'cleanup_source'");
    json_decref(bench_ok(b, "prod-a", "operation skip", "operation", op, "step", "kept.delete",
                         "reason", "it is used", NULL));
    bench_settle(b);
    g_autofree char *db = bench_server_state(b, SIM_SITE_A, "db-1");
    assert_true(g_str_has_prefix(db, "active"));
    assert_int_equal(servers(b, SIM_SITE_A), 1);
    assert_int_equal(volumes(b, SIM_SITE_A), 2);
    assert_int_equal(server_ports(b, SIM_SITE_A), 1);
    g_autofree char *result =
        bench_sql(b, SIM_SITE_A,
                  "SELECT result FROM dr_operations WHERE operation_type = 'cleanup_source'");
    g_autoptr(json_t) told = json_loads(result, 0, NULL);
    assert_int_equal(json_array_size(json_arr(told, "volumes")), 2);
    assert_int_equal(json_array_size(json_arr(told, "remaining")), 3); /* a server, two volumes */
}

/* A list that lacks the servers is no proof that they are gone: nothing of theirs is touched
 * before. */
static void test_list_cut(void **state)
{
    AUTO(bench) b = bench_create_protected(1713);
    struct bench_death death = {"before-intent", "kept.delete", false};
    struct sim_fault cut = {.site = SIM_SITE_A,
                            .service = "nova",
                            .method = "GET",
                            .path = "*/servers/detail*",
                            .count = 1,
                            .kind = SIM_FAULT_STATUS,
                            .status = 200,
                            .body = "{\"servers\": []}"};
    (void)state;

    go_to_b(b);
    bench_dies_at(b, SIM_SITE_A, "cleanup_source", &death);
    json_decref(
        bench_try(b, "prod-b", "protection-group cleanup-source", WEB, "!yes", "!no-wait", NULL));
    bench_pass(b, 5000);
    assert_true(death.died);
    sim_fault_add(b->sim, &cut);
    bench_revive(b, SIM_SITE_A);
    bench_settle(b);
    assert_int_equal(servers(b, SIM_SITE_A), 0);
    assert_int_equal(volumes(b, SIM_SITE_A), 0);
}

/* A volume that somebody attached before the failover is his, also when its server gave way. */
static void test_attached_before(void **state)
{
    AUTO(bench) b = bench_create_protected(1712);
    (void)state;

    bench_attach(b, SIM_SITE_A, "web-1");
    go_to_b(b);
    data_were_not(b, SIM_SITE_A);
    json_decref(
        bench_ok(b, "prod-b", "protection-group failback", WEB, "on-conflict", "replace", NULL));
    bench_settle(b);
    g_autoptr(json_t) looked = bench_ok(b, "prod-a", "protection-group cleanup-source", WEB, "site",
                                        "site-a", "!dry-run", NULL);
    const json_t *left = json_arr(json_obj(looked, "object"), "left");
    assert_int_equal(json_array_size(left), 1);
    assert_string_equal(json_str(json_array_get(left, 0), "why"),
                        "it was changed before it gave way");
    json_decref(bench_ok(b, "prod-a", "protection-group cleanup-source", WEB, "site", "site-a",
                         "!yes", "discard-writes-after", EVER, NULL));
    assert_non_null(json_object_get(sim_table(b->sim, SIM_SITE_A, "volumes"), BENCH_ATTACHED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_a_handover),
        cmocka_unit_test(test_after_a_failback),
        cmocka_unit_test(test_newer_writes),
        cmocka_unit_test(test_newer_writes_of_what_gave_way),
        cmocka_unit_test(test_changed_by_hand),
        cmocka_unit_test(test_last_copy),
        cmocka_unit_test(test_unrecovered),
        cmocka_unit_test(test_changed_since),
        cmocka_unit_test(test_does_not_go),
        cmocka_unit_test(test_failover_preempts),
        cmocka_unit_test(test_handover_waits),
        cmocka_unit_test(test_skipped_stays_whole),
        cmocka_unit_test(test_attached_before),
        cmocka_unit_test(test_list_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
