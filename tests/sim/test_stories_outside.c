/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_outside - what ties servers to the cloud around them: floating IPs and availability
 * zones, which go by mapping at the other site and are what they were at home.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static json_t *floating_ips(struct bench *b, int site)
{
    return (json_t *)sim_table(b->sim, site, "floatingips");
}

/* "203.0.113.7", by which web-1 is reached at A.  Caller frees. */
static char *address_at_a(struct bench *b)
{
    const json_t *floating = bench_floating(b, SIM_SITE_A, "web-1");

    assert_non_null(floating);
    return g_strdup(json_str(floating, "floating_ip_address"));
}

static char *mapping(const char *from, const char *to)
{
    return g_strdup_printf("%s=%s", from, to);
}

/* One is taken from the network that is named, for the new server's port, once; at home it is the
 * old one. */
static void test_from_a_network(void **state)
{
    AUTO(bench) b = bench_create_protected(1801);
    (void)state;

    g_autofree char *home = address_at_a(b);
    g_autofree char *map = mapping(home, "public");
    size_t before = json_object_size(floating_ips(b, SIM_SITE_B));
    json_decref(bench_ok(b, "prod-a", "protection-group mapping-set", WEB, "*floating-ip-mapping",
                         map, NULL));
    g_autoptr(json_t) list = bench_ok(b, "prod-b", "protection-group mapping-list", WEB, NULL);
    g_autofree char *listed = json_print(list);
    assert_non_null(strstr(listed, home));
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned",
                         "*network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    assert_non_null(bench_floating(b, SIM_SITE_B, "web-1"));
    assert_int_equal(json_object_size(floating_ips(b, SIM_SITE_B)), before + 1);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind = 'floating_ip'"
                                   " AND state = 'released'"),
                     1);
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL));
    bench_settle(b);
    g_autofree char *now = address_at_a(b);
    assert_string_equal(now, home);
    /* and out again: the kept port has one already, no other is taken */
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned",
                         "*network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    assert_non_null(bench_floating(b, SIM_SITE_B, "web-1"));
    assert_int_equal(json_object_size(floating_ips(b, SIM_SITE_B)), before + 1);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
}

/* What was taken for a server that is deleted is given back. */
static void test_given_back(void **state)
{
    AUTO(bench) b = bench_create_protected(1806);
    (void)state;

    g_autofree char *home = address_at_a(b);
    g_autofree char *map = mapping(home, "public");
    size_t before = json_object_size(floating_ips(b, SIM_SITE_B));
    json_decref(bench_ok(b, "prod-a", "protection-group mapping-set", WEB, "*floating-ip-mapping",
                         map, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned",
                         "*network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL));
    bench_settle(b);
    assert_int_equal(json_object_size(floating_ips(b, SIM_SITE_B)), before + 1);
    json_decref(bench_ok(b, "prod-a", "protection-group cleanup-source", WEB, "!yes",
                         "discard-writes-after", "1970-01-01T00:00:00Z", NULL));
    assert_int_equal(json_object_size(floating_ips(b, SIM_SITE_B)), before);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind = 'floating_ip'"
                                   " AND state = 'gone'"),
                     1);
    bench_ledger_holds(b, SIM_SITE_B);
}

/* A floating IP of the project there: it goes to the new server, and it is the project's. */
static void test_of_the_project(void **state)
{
    AUTO(bench) b = bench_create_protected(1802);
    (void)state;

    g_autofree char *home = address_at_a(b);
    const json_t *project = sim_find(b->sim, SIM_SITE_B, "projects", "prod");
    const json_t *public = sim_find(b->sim, SIM_SITE_B, "networks", "public");
    json_object_set_new(floating_ips(b, SIM_SITE_B), "fip-b",
                        json_pack("{s:s, s:O, s:s, s:O, s:n, s:n, s:n, s:s, s:s, s:i}", "id",
                                  "fip-b", "project_id", json_object_get(project, "id"),
                                  "floating_ip_address", "198.51.100.7", "floating_network_id",
                                  json_object_get(public, "id"), "port_id", "router_id",
                                  "fixed_ip_address", "status", "DOWN", "description", "mine",
                                  "revision_number", 1));
    g_autofree char *map = mapping(home, "198.51.100.7");
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                         "fire", "*network-mapping", "net-app=net-app", "*floating-ip-mapping", map,
                         NULL));
    bench_settle(b);
    const json_t *now = bench_floating(b, SIM_SITE_B, "web-1");
    assert_non_null(now);
    assert_string_equal(json_str(now, "id"), "fip-b");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind = 'floating_ip'"),
                     0);
}

/* None is left in the project's quota: the servers run all the same, and it is said. */
static void test_none_left(void **state)
{
    AUTO(bench) b = bench_create_protected(1803);
    struct sim_fault none = {
        .site = SIM_SITE_B,
        .service = "neutron",
        .method = "POST",
        .path = "*/floatingips",
        .kind = SIM_FAULT_STATUS,
        .status = 409,
        .body = "{\"NeutronError\": {\"type\": \"OverQuota\", \"message\": \"Quota exceeded for "
                "resources: ['floatingip'].\", \"detail\": \"\"}}"};
    (void)state;

    g_autofree char *home = address_at_a(b);
    g_autofree char *map = mapping(home, "public");
    sim_fault_add(b->sim, &none);
    bench_lose(b, SIM_SITE_A);
    g_autoptr(json_t) op =
        bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason", "fire",
                 "*network-mapping", "net-app=net-app", "*floating-ip-mapping", map, NULL);
    assert_string_equal(bench_field(op, "status"), "completed");
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_null(bench_floating(b, SIM_SITE_B, "web-1"));
    g_autofree char *error =
        bench_sql(b, SIM_SITE_B,
                  "SELECT error FROM dr_steps WHERE step_key = 'network.floating_ips' AND"
                  " error IS NOT NULL");
    assert_non_null(strstr(error, "Quota"));
    bench_ledger_holds(b, SIM_SITE_B);
}

/* A drill takes none: what production is reached by stays where it is. */
static void test_drill_takes_none(void **state)
{
    AUTO(bench) b = bench_create_protected(1804);
    (void)state;

    g_autofree char *home = address_at_a(b);
    g_autofree char *map = mapping(home, "public");
    size_t before = json_object_size(floating_ips(b, SIM_SITE_B));
    json_decref(bench_ok(b, "prod-a", "protection-group mapping-set", WEB, "*floating-ip-mapping",
                         map, NULL));
    json_decref(bench_ok(b, "prod-b", "protection-group test-failover", WEB, "*network-mapping",
                         "net-app=net-app", NULL));
    assert_int_equal(json_object_size(floating_ips(b, SIM_SITE_B)), before);
}

/* db-1 does not boot: web-1, which does, is reached all the same. */
static void test_others_are_reached(void **state)
{
    bool seen = false;
    (void)state;

    for (int skip = 0; skip < 2; skip++) {
        struct sim_fault no = {.site = SIM_SITE_B,
                               .service = "nova",
                               .method = "POST",
                               .path = "*/servers",
                               .skip = skip,
                               .kind = SIM_FAULT_STATUS,
                               .status = 403,
                               .body = "{\"forbidden\": {\"message\": \"by the test\"}}"};
        AUTO(bench) c = bench_create_protected(1808);
        g_autofree char *home = address_at_a(c);
        g_autofree char *map = mapping(home, "public");
        sim_fault_add(c->sim, &no);
        bench_lose(c, SIM_SITE_A);
        json_decref(bench_try(c, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                              "fire", "*network-mapping", "net-app=net-app", "*floating-ip-mapping",
                              map, NULL));
        g_autofree char *web = bench_server_state(c, SIM_SITE_B, "web-1");
        if (!g_str_equal(web, "active"))
            continue;
        assert_non_null(bench_floating(c, SIM_SITE_B, "web-1"));
        seen = true;
    }
    assert_true(seen);
}

/* ---- zones ---- */

static void note_zone(void *data, int site, const struct http_request *req)
{
    int *seen = data;
    bool boots = site == SIM_SITE_B && g_str_has_suffix(req->url, "/servers") && req->body != NULL;

    *seen += boots && strstr(req->body, "\"availability_zone\":\"nova\"") != NULL;
}

static void test_zone(void **state)
{
    (void)state;

    for (int mapped = 0; mapped < 2; mapped++) {
        AUTO(bench) b = bench_create_protected(1805);
        int seen = 0;
        b->on_engine = note_zone;
        b->on_engine_data = &seen;
        bench_lose(b, SIM_SITE_A);
        json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                             "fire", "*network-mapping", "net-app=net-app",
                             mapped ? "*availability-zone-mapping" : NULL, "nova=nova", NULL));
        bench_servers_are(b, SIM_SITE_B, "active");
        assert_int_equal(seen, mapped ? 2 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_a_network),
        cmocka_unit_test(test_of_the_project),
        cmocka_unit_test(test_given_back),
        cmocka_unit_test(test_none_left),
        cmocka_unit_test(test_drill_takes_none),
        cmocka_unit_test(test_others_are_reached),
        cmocka_unit_test(test_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
