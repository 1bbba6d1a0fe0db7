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

/* ---- what is checked beside ACTIVE */

/* Guests accept at port 22 and answer 204 at /health of port 8080, from the second look on. */
static int guest(void *data, const char *address, int port, const char *path)
{
    int *looks = data;

    if (!g_str_has_prefix(address, "10."))
        return -1;
    if (path == NULL)
        return port == 22 ? 1 : -1;
    (*looks)++;
    return port != 8080 ? -1 : *looks > 1 && strcmp(path, "/health") == 0 ? 204 : 503;
}

/* A drill with the checks, in a mapped network; its result. */
static json_t *checked(struct bench *b, const char *const *checks, const char *more)
{
    json_t *args = json_pack("{s:s, s:[s], s:s}", "protection-group", "web", "network-mapping",
                             "net-app=net-app", "check-timeout", "10");
    json_t *list = json_array();

    for (; *checks != NULL; checks++)
        json_array_append_new(list, json_string(*checks));
    json_object_set_new(args, "check", list);
    if (more != NULL)
        json_object_set_new(args, more, json_true());
    g_autoptr(json_t) said = bench_run(b, "prod-a", "protection-group test-failover", args);
    if (said == NULL)
        fail_msg("%s", b->last_error);
    g_autofree char *result =
        bench_sql(b, SIM_SITE_B,
                  "SELECT result FROM dr_operations WHERE operation_type = 'test_failover' ORDER BY"
                  " created_at DESC LIMIT 1");
    return json_loads(result, 0, NULL);
}

static const char *result_of(const json_t *result, const char *server, const char *check)
{
    size_t i, k;
    json_t *member, *row;

    json_array_foreach(json_arr(result, "members"), i, member)
    {
        json_array_foreach(json_arr(member, "checks"), k, row)
        {
            if (strcmp(json_str_or(member, "name", ""), server) == 0 &&
                strcmp(json_str_or(row, "check", ""), check) == 0)
                return json_str_or(row, "result", "nothing");
        }
    }
    return "no such check";
}

static const char *const checks[] = {"tcp:22",
                                     "web-1=http:8080/health=204",
                                     "db-1=tcp:5432",
                                     "db-1=https:443/",
                                     "web-1=console:*",
                                     "db-1=console:no such line",
                                     NULL};

static void test_checks(void **state)
{
    AUTO(bench) b = bench_create_protected(1310);
    int looks = 0;
    (void)state;

    b->guest = guest;
    b->guest_data = &looks;
    bench_engine_conf(b, SIM_SITE_B, "[drill]\ncheck_networks = 192.168.0.0/16, 10.0.0.0/8\n");
    g_autoptr(json_t) result = checked(b, checks, NULL);
    static const char *const results[][3] = {
        {"web-1-drill", "server is ACTIVE", "passed"},
        {"web-1-drill", "tcp:22", "passed"},
        {"db-1-drill", "tcp:22", "passed"},
        {"web-1-drill", "http:8080/health=204", "passed"},
        {"db-1-drill", "tcp:5432", "failed"},
        {"db-1-drill", "https:443/", "failed"},
        {"web-1-drill", "console:*", "passed"},
        {"db-1-drill", "console:no such line", "failed"},
        {"web-1-drill", "tcp:5432", "no such check"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++)
        assert_string_equal(result_of(result, results[i][0], results[i][1]), results[i][2]);
    assert_int_equal(looks > 1, true);
    assert_string_equal(json_str(result, "verdict"), "failed");
    assert_int_equal(json_int(json_obj(result, "checks"), "passed", 0), 6);
    assert_int_equal(json_int(json_obj(result, "checks"), "failed", 0), 3);
    undisturbed(b);
}

/* Who asked for the cleanup gets it; who wants to see why checks failed says so. */
static void test_checks_and_cleanup(void **state)
{
    (void)state;
    static const char *const fails[] = {"tcp:5432", NULL};
    static const char *const passes[] = {"tcp:22", NULL};
    static const struct {
        const char *const *checks;
        bool keep, stays;
    } cases[] = {{fails, false, false}, {fails, true, true}, {passes, true, false}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO(bench) b = bench_create_protected(1311);
        int looks = 0;
        b->guest = guest;
        b->guest_data = &looks;
        bench_engine_conf(b, SIM_SITE_B, "[drill]\ncheck_networks = 10.0.0.0/8\n");
        json_t *args =
            json_pack("{s:s, s:[s], s:s, s:[s], s:b, s:b}", "protection-group", "web",
                      "network-mapping", "net-app=net-app", "check-timeout", "4", "check",
                      cases[i].checks[0], "auto-cleanup", 1, "keep", cases[i].keep);
        json_decref(bench_run(b, "prod-a", "protection-group test-failover", args));
        bench_settle(b);
        bench_status_is(b, SIM_SITE_B, cases[i].stays ? "testing" : "active");
    }
}

/* Nothing is connected to where the operator has allowed nothing, nor in an isolated network. */
static void test_not_checked(void **state)
{
    (void)state;
    static const char *const allowed[] = {"", "[drill]\ncheck_networks = 192.168.0.0/16\n"};
    static const char *const asked[] = {"tcp:22", "http:8080/health=204", NULL};

    for (size_t i = 0; i < G_N_ELEMENTS(allowed); i++) {
        AUTO(bench) b = bench_create_protected(1312);
        int looks = 0;
        b->guest = guest;
        b->guest_data = &looks;
        bench_engine_conf(b, SIM_SITE_B, allowed[i]);
        g_autoptr(json_t) result = checked(b, asked, NULL);
        assert_string_equal(result_of(result, "web-1-drill", "tcp:22"), "not checked");
        assert_string_equal(result_of(result, "db-1-drill", "http:8080/health=204"), "not checked");
        assert_int_equal(looks, 0);
        assert_string_equal(json_str(result, "verdict"), "passed"); /* both are ACTIVE */
        assert_int_equal(json_int(json_obj(result, "checks"), "not_checked", 0), 4);
    }
    AUTO(bench) b = bench_create_protected(1313);
    bench_engine_conf(b, SIM_SITE_B, "[drill]\ncheck_networks = 0.0.0.0/0\n");
    json_decref(
        bench_ok(b, "prod-a", "protection-group test-failover", WEB, "*check", "tcp:22", NULL));
    g_autofree char *text =
        bench_sql(b, SIM_SITE_B,
                  "SELECT result FROM dr_operations WHERE operation_type = 'test_failover'");
    assert_non_null(strstr(text, "its networks are isolated"));
}

static void test_checks_refused(void **state)
{
    AUTO(bench) b = bench_create_protected(1314);
    (void)state;
    static const char *const wrong[] = {"tcp:0",         "tcp:22x",  "udp:53",   "tcp",
                                        "nobody=tcp:22", "http:80x", "console:", "http:80/=99",
                                        "http:80/a b",   "tcp:65536"};

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        bench_fails(b, "protector.bad_request", "prod-a", "protection-group test-failover", WEB,
                    "*check", wrong[i], NULL);
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group test-failover", WEB,
                "check-timeout", "soon", NULL);
    bench_fails(b, "protector.bad_request", "prod-a", "protection-group test-failover", WEB,
                "check-threshold", "101", NULL);
    bench_status_is(b, SIM_SITE_B, "active");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type ="
                                   " 'test_failover'"),
                     0);
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

/* What cannot be planned is said, and makes nothing. */
static void test_no_plan(void **state)
{
    AUTO(bench) b = bench_create_protected(1315);
    (void)state;

    struct held before = held(b, SIM_SITE_B);
    json_t *said = bench_try(b, "prod-b", "protection-group test-failover", WEB, "*flavor-mapping",
                             "m1.tiny=no-such-flavor", NULL);
    assert_null(said);
    assert_non_null(strstr(b->last_error, "no-such-flavor"));
    held_as(b, SIM_SITE_B, &before);
    bench_status_is(b, SIM_SITE_B, "active");
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

/* B9, of a delete: it waits as well, also while the drill holds nothing yet (walk 8894). */
static void test_delete_is_refused(void **state)
{
    AUTO(bench) b = bench_create_protected(1313);
    (void)state;

    bench_engine(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-b", "protection-group test-failover", WEB, "!no-wait", NULL));
    assert_null(bench_try(b, "prod-a", "protection-group delete", WEB, NULL));
    assert_non_null(strstr(b->last_error, "drill"));
    bench_engine(b, SIM_SITE_B, true);
    bench_settle(b);
    undisturbed(b);
    json_decref(cleanup(b, "prod-b"));
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "TOMBSTONE");
}

/* The group ends at the other site without a question: the drill ends too, and takes back all. */
static void test_group_ends_under_it(void **state)
{
    (void)state;

    for (int made = 0; made < 2; made++) {
        AUTO(bench) b = bench_create_protected(1314);
        struct held before = held(b, SIM_SITE_B);
        struct bench_death death = {"after-outcome", "port.create", false};
        if (made)
            bench_dies_at(b, SIM_SITE_B, "test_failover", &death);
        else
            bench_engine(b, SIM_SITE_B, false);
        json_decref(bench_ok(b, "prod-b", "protection-group test-failover", WEB, "!no-wait", NULL));
        bench_pass(b, 10000);
        assert_true(death.died == (made == 1));
        json_decref(bench_ok(b, "site-a", "protection-group delete", WEB, "project",
                             json_str(sim_find(b->sim, SIM_SITE_A, "projects", "prod"), "id"),
                             "peer-is-gone", "burnt down", "!yes", "!force", NULL));
        json_decref(bench_try(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
        if (made)
            bench_revive(b, SIM_SITE_B);
        else
            bench_engine(b, SIM_SITE_B, true);
        bench_settle(b);
        bench_role_is(b, SIM_SITE_B, "TOMBSTONE");
        assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                       "SELECT COUNT(*) FROM dr_operations WHERE is_open = 1"),
                         0);
        struct held now = held(b, SIM_SITE_B);
        assert_int_equal(now.count[0], before.count[0]);
        assert_int_equal(now.count[1], before.count[1]);
        assert_int_equal(now.count[2], before.count[2]);
    }
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

/*
 * A drill was kept, and the project has no room for both: the failover waits with what it is
 * refused until the drill's cleanup has made room, and is not taken back for it.
 */
static void test_gives_way(void **state)
{
    static const struct {
        const char *service, *resource;
        int64_t limit;
    } tight[] = {{"cinder", "volumes", 4},
                 {"cinder", "gigabytes_replicated-ssd", 5},
                 {"nova", "instances", 2}};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(tight); i++) {
        AUTO(bench) b = bench_create_protected(1308);
        json_decref(drill(b, "prod-b"));
        assert_true(sim_set_quota(b->sim, SIM_SITE_B, tight[i].service, "prod", tight[i].resource,
                                  tight[i].limit));
        bench_lose(b, SIM_SITE_A);
        json_decref(bench_failover(b, SIM_SITE_B));
        bench_settle(b);
        bench_servers_are(b, SIM_SITE_B, "active");
        bench_status_is(b, SIM_SITE_B, "failed_over");
        g_autofree char *left = bench_server_state(b, SIM_SITE_B, "web-1-drill");
        assert_string_equal(left, "");
        bench_ledger_holds(b, SIM_SITE_B);
        bench_restore(b, SIM_SITE_A);
    }
}

/* The cleanup itself, refused for the same reasons, waits for nobody. */
static void test_cleanup_refused(void **state)
{
    struct sim_fault full = {.site = SIM_SITE_B,
                             .service = "cinder",
                             .method = "DELETE",
                             .path = "*/volumes/*",
                             .kind = SIM_FAULT_STATUS,
                             .status = 413,
                             .body = "{\"overLimit\": {\"code\": 413, \"message\": \"exceeded\"}}"};
    AUTO(bench) b = bench_create_protected(1309);
    (void)state;

    json_decref(drill(b, "prod-b"));
    sim_fault_add(b->sim, &full);
    assert_null(bench_try(b, "prod-b", "protection-group test-cleanup", WEB, NULL));
    bench_settle(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type ="
                                   " 'test_cleanup' AND status = 'running'"),
                     0);
    sim_fault_clear(b->sim);
}

/* Nova takes the servers' deletion and never does it: the cleanup ends, says so, and may be
 * repeated; until then the drill is still known to be there. */
static void test_cleanup_stuck(void **state)
{
    struct sim_fault ignores = {.site = SIM_SITE_B,
                                .service = "nova",
                                .method = "DELETE",
                                .path = "*/servers/*",
                                .kind = SIM_FAULT_STATUS,
                                .status = 204};
    AUTO(bench) b = bench_create_protected(1311);
    (void)state;

    struct held before = held(b, SIM_SITE_B);
    json_decref(drill(b, "prod-b"));
    sim_fault_add(b->sim, &ignores);
    assert_null(bench_try(b, "prod-b", "protection-group test-cleanup", WEB, NULL));
    assert_non_null(strstr(b->last_error, "is still under way after 30 minutes"));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_B, "testing");
    sim_fault_clear(b->sim);
    json_decref(cleanup(b, "prod-b"));
    bench_settle(b);
    held_as(b, SIM_SITE_B, &before);
    undisturbed(b);
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
        cmocka_unit_test(test_drill),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_checks_and_cleanup),
        cmocka_unit_test(test_not_checked),
        cmocka_unit_test(test_checks_refused),
        cmocka_unit_test(test_auto_cleanup),
        cmocka_unit_test(test_unwound),
        cmocka_unit_test(test_no_plan),
        cmocka_unit_test(test_handover_is_refused),
        cmocka_unit_test(test_delete_is_refused),
        cmocka_unit_test(test_group_ends_under_it),
        cmocka_unit_test(test_preempted),
        cmocka_unit_test(test_gives_way),
        cmocka_unit_test(test_cleanup_refused),
        cmocka_unit_test(test_cleanup_stuck),
        cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_restored),
    };
    cmocka_set_test_filter(g_getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
