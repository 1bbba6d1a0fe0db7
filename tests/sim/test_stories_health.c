/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_health - what engines see of each group while nobody asks: could it fail over now,
 * and the evidence.
 */
#include "api/metrics.h"
#include "tests/sim/bench.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB      "protection-group", "web"
#define ROUND_MS 900000 /* the default of readiness_interval_s */

/* Both engines have looked. */
static struct bench *watched(uint64_t seed)
{
    struct bench *b = bench_create_protected(seed);

    b->foresees = true;
    bench_pass(b, 3700000); /* the look for drift as well */
    bench_settle(b);
    return b;
}

static json_t *health(struct bench *b, const char *cloud)
{
    g_autoptr(json_t) said = bench_ok(b, cloud, "health show", NULL);
    const json_t *objects = json_arr(said, "objects");

    assert_int_equal(json_array_size(objects), 1);
    return json_incref(json_array_get(objects, 0));
}

static const json_t *row_of(const json_t *report, const char *id)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(report, "checks"), i, row)
    {
        if (g_strcmp0(json_str(row, "id"), id) == 0)
            return row;
    }
    return NULL;
}

static void result_is(const json_t *report, const char *id, const char *result)
{
    const char *is = json_str(row_of(report, id), "result");

    if (g_strcmp0(is, result) != 0)
        fail_msg("%s is %s (%s), not %s", id, is, json_str(row_of(report, id), "seen"), result);
}

/* Whichever site is asked, both halves are there, and they say the same. */
static void test_ready(void **state)
{
    AUTO(bench) b = watched(1901);
    (void)state;

    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) report = health(b, bench_tenant(i));
        assert_true(json_is_true(json_object_get(report, "failover_ready")));
        assert_true(json_is_true(json_object_get(report, "in_sync")));
        assert_true(json_is_true(json_object_get(report, "rpo_compliant")));
        assert_string_equal(json_str(report, "link"), "up");
        result_is(report, "members.drift", "ok");
        result_is(report, "quota.instances", "ok");
        assert_true(json_int(json_obj(report, "predicted"), "rto_s", 0) > 0);
    }
    g_autoptr(json_t) said = bench_ok(b, "prod-a", "protection-group health", WEB, NULL);
    assert_int_equal(json_int(said, "exit", -1), 0);
    assert_non_null(strstr(json_str(said, "text"), "failover ready"));
}

/* What goes wrong is seen by the next round, told with its remedy, and forgotten when it is over.
 */
static void test_not_ready(void **state)
{
    AUTO(bench) b = watched(1902);
    (void)state;

    assert_true(sim_set_quota(b->sim, SIM_SITE_B, "nova", "prod", "instances", 1));
    bench_pass(b, ROUND_MS + 60000);
    g_autoptr(json_t) report = health(b, "prod-a");
    assert_true(json_is_false(json_object_get(report, "failover_ready")));
    result_is(report, "quota.instances", "failed");
    g_autoptr(json_t) said = bench_ok(b, "prod-b", "protection-group health", WEB, NULL);
    assert_int_equal(json_int(said, "exit", -1), 1);
    assert_non_null(strstr(json_str(said, "text"), "failover NOT READY"));
    assert_non_null(strstr(json_str(said, "text"), "openstack quota set --instances"));
    assert_true(sim_set_quota(b->sim, SIM_SITE_B, "nova", "prod", "instances", -1));
    bench_pass(b, ROUND_MS + 60000);
    g_autoptr(json_t) again = health(b, "prod-a");
    assert_true(json_is_true(json_object_get(again, "failover_ready")));
}

/* Drift is seen where the servers run, and spoils readiness as seen from either site. */
static void test_drift(void **state)
{
    AUTO(bench) b = watched(1903);
    json_t *server = (json_t *)sim_find(b->sim, SIM_SITE_A, "servers", "web-1");
    (void)state;

    json_set_str(json_obj(server, "flavor"), "name", "m1.huge");
    json_set_int(json_obj(server, "flavor"), "ram", 65536);
    bench_pass(b, 3700000 + ROUND_MS);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) report = health(b, bench_tenant(i));
        assert_true(json_is_false(json_object_get(report, "failover_ready")));
        result_is(report, "members.drift", "failed");
    }
}

/*
 * The active site is lost: the standby alone says whether it could take over.  An engine that has
 * stopped looking says nothing of now.
 */
static void test_lost_and_stale(void **state)
{
    AUTO(bench) b = watched(1904);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    bench_pass(b, 2 * ROUND_MS + 60000);
    g_autoptr(json_t) report = health(b, "prod-b");
    result_is(report, "group.in_sync", "unknown");
    result_is(report, "replication.lag", "failed"); /* which the loss brings with it */
    assert_true(json_is_true(json_object_get(report, "failover_ready")));
    g_autoptr(json_t) plan = bench_ok(b, "prod-b", "protection-group plan", WEB, NULL);
    assert_int_equal(json_int(plan, "exit", -1), 0);
    bench_engine(b, SIM_SITE_B, false);
    bench_pass(b, 4 * ROUND_MS);
    g_autoptr(json_t) later = health(b, "prod-b");
    assert_true(json_is_null(json_object_get(later, "failover_ready")));
}

/* Nobody has looked yet; then the group is gone, and so is what was seen of it. */
static void test_never_and_gone(void **state)
{
    AUTO(bench) b = bench_create_protected(1905);
    (void)state;

    g_autoptr(json_t) never = health(b, "prod-a");
    assert_true(json_is_null(json_object_get(never, "failover_ready")));
    b->foresees = true;
    bench_pass(b, ROUND_MS);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM readiness"), 1);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, "!yes", NULL));
    bench_pass(b, 2 * ROUND_MS);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM readiness"), 0);
}

/* What several groups of a project need is asked for once a round. */
static void test_calls(void **state)
{
    AUTO(bench) b = bench_create_two(1906);
    (void)state;

    b->site[SIM_SITE_B].driver_lacks = PROTECTOR_MAKES_IN_CINDER; /* volumes would be managed */
    bench_engine_conf(b, SIM_SITE_B, "");
    b->foresees = true;
    bench_pass(b, ROUND_MS);
    bench_settle(b);
    sim_log_clear(b->sim);
    bench_pass(b, ROUND_MS);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM readiness"), 2);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "nova", "GET", "*/limits*"), 1);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "cinder", "GET", "*/os-quota-sets/*"), 1);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "nova", "GET", "*/os-keypairs*"), 1);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "nova", "GET", "*/servers/detail*"), 1);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "cinder", "GET", "*/types*"), 1);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "neutron", "GET", "*/ports*"), 1);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "cinder", "POST", "*/manageable_volumes"), 1);
    for (size_t i = 0; i < sim_log(b->sim)->len; i++) {
        const struct sim_log *line = g_ptr_array_index(sim_log(b->sim), i);
        bool login = g_str_has_suffix(line->path, "/auth/tokens");
        bool asks = g_strcmp0(line->method, "GET") == 0 ||
                    g_str_has_suffix(line->path, "/manageable_volumes"); /* of no host */
        if (!login && !asks)
            fail_msg("a look has said %s %s", line->method, line->path);
    }
}

/* A host that tells one full page, whatever it is asked for. */
struct endless_host {
    struct http_transport real;
    json_t *report;
    int asked;
};

static err_t *endless_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct endless_host *h = data;
    g_autoptr(json_t) page = json_array();

    TRY(http_send(&h->real, req, ret));
    if (strstr(req->url, "/health?limit=") == NULL)
        return NULL;
    if (h->asked++ == 0) {
        g_autoptr(json_t) real = json_loads((*ret)->body, 0, NULL);
        h->report = json_incref(json_array_get(json_arr(real, "health"), 0));
    }
    for (int i = 0; i < 200; i++)
        json_array_append(page, h->report);
    g_autoptr(json_t) body = json_pack("{s:O}", "health", page);
    http_response_json(*ret, body);
    return NULL;
}

/* What has no end is told as that, and not taken for all that there is. */
static void test_no_end(void **state)
{
    AUTO(bench) b = bench_create_protected(1907);
    struct endless_host h = {.real = b->transport};
    (void)state;

    b->transport = (struct http_transport){.data = &h, .send = endless_send};
    bench_fails(b, "protector.net.protocol", "prod-a", "health show", NULL);
    b->transport = h.real;
    json_decref(h.report);
    assert_non_null(strstr(b->last_error, "has not ended after 500 pages"));
    assert_int_equal(h.asked, 500);
}

/* ---- what Prometheus gets ---- */

/* How many lines begin so, up to the value; '*ret' that of the last one. */
static int lines(const char *text, const char *begin, const char *has, int64_t *ret)
{
    g_auto(GStrv) all = g_strsplit(text, "\n", -1);
    int count = 0;

    for (size_t i = 0; all[i] != NULL; i++) {
        if (!g_str_has_prefix(all[i], begin) || strstr(all[i], has) == NULL)
            continue;
        *ret = g_ascii_strtoll(strrchr(all[i], ' '), NULL, 10);
        count++;
    }
    return count;
}

static void metric_is(const char *text, const char *begin, const char *has, int64_t value)
{
    int64_t is = -1;
    int count = lines(text, begin, has, &is);

    if (count != 1 || is != value)
        fail_msg("%d times %s … %s, %" PRId64 " in:\n%s", count, begin, has, is, text);
}

static void metric_lacks(const char *text, const char *begin, const char *has)
{
    int64_t is;

    if (lines(text, begin, has, &is) != 0)
        fail_msg("%s … %s in:\n%s", begin, has, text);
}

/* Readiness, the check that spoils it, and what is nobody's knowledge any more. */
static void test_metrics(void **state)
{
    AUTO(bench) b = watched(1908);
    (void)state;

    assert_true(sim_set_quota(b->sim, SIM_SITE_B, "nova", "prod", "instances", 1));
    bench_pass(b, ROUND_MS + 60000);
    g_autofree char *a = bench_metrics(b, SIM_SITE_A), *to = bench_metrics(b, SIM_SITE_B);
    metric_is(a, "protector_protection_group_info{site=\"site-a\"", "role=\"ACTIVE\"", 1);
    metric_is(to, "protector_protection_group_info{site=\"site-b\"", "active_site=\"site-a\"", 1);
    metric_is(to, "protector_failover_ready{", "group=\"web\"", 0);
    metric_is(to, "protector_readiness_check_not_ok{",
              "check=\"quota.instances\",result=\"failed\",then=\"partial\"}", 1);
    metric_is(to, "protector_replication_link{", "state=\"up\"", 1);
    metric_lacks(a, "protector_failover_ready{", ""); /* it runs there */
    metric_is(a, "protector_readiness_checked_timestamp_seconds{", "group=\"web\"",
              bench_sql_int(b, SIM_SITE_A, "SELECT checked_at / 1000 FROM readiness"));
    assert_true(sim_set_quota(b->sim, SIM_SITE_B, "nova", "prod", "instances", -1));
    bench_pass(b, ROUND_MS + 60000);
    g_autofree char *ready = bench_metrics(b, SIM_SITE_B);
    metric_is(ready, "protector_failover_ready{", "", 1);
    metric_lacks(ready, "protector_readiness_check_not_ok{", "check=\"quota.instances\"");
    bench_engine(b, SIM_SITE_B, false);
    bench_pass(b, 4 * ROUND_MS);
    g_autofree char *stale = bench_metrics(b, SIM_SITE_B);
    metric_lacks(stale, "protector_failover_ready{", "");
    metric_lacks(stale, "protector_replication_lag_seconds{", "");
    metric_is(stale, "protector_readiness_checked_timestamp_seconds{", "", /* the same */
              bench_sql_int(b, SIM_SITE_B, "SELECT checked_at / 1000 FROM readiness"));
}

/* As many groups more, with names of nobody. */
static void groups_multiply(struct bench *b, int site, int count)
{
    static const char *const steps[] = {
        "CREATE TABLE copies AS SELECT g.* FROM protection_groups g, numbers",
        "UPDATE copies SET id = 'pg-copy-' || rowid, living_name = NULL",
        "INSERT INTO protection_groups SELECT * FROM copies",
    };
    g_autofree char *numbers =
        g_strdup_printf("CREATE TABLE numbers AS WITH RECURSIVE n(i) AS"
                        " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n",
                        count);

    g_free(bench_sql(b, site, numbers));
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        g_free(bench_sql(b, site, steps[i]));
}

/* What a tenant writes stays a label's value; what is open is counted; an end to how much is told.
 */
static void test_metrics_limits(void **state)
{
    AUTO(bench) b = bench_create_protected(1909);
    (void)state;

    bench_engine(b, SIM_SITE_A, false);
    json_decref(bench_ok(b, "prod-a", "consistency-group sync", WEB, "!no-wait", NULL));
    g_autofree char *open = bench_metrics(b, SIM_SITE_A);
    metric_is(open, "protector_operations_open{site=\"site-a\",type=\"sync\"", "pending", 1);
    g_free(bench_sql(b, SIM_SITE_A,
                     "UPDATE protection_groups SET name = 'a\"b\\c' || char(10) || 'd'"));
    g_autofree char *named = bench_metrics(b, SIM_SITE_A);
    metric_is(named, "protector_protection_group_members{", "group=\"a\\\"b\\\\c\\nd\",", 2);
    metric_is(named, "protector_metrics_cut{", "", 0);
    groups_multiply(b, SIM_SITE_A, METRICS_GROUPS_MAX);
    g_free(bench_sql(b, SIM_SITE_A, "DELETE FROM protection_groups WHERE id = 'pg-copy-1'"));
    g_autofree char *all = bench_metrics(b, SIM_SITE_A); /* just so many */
    metric_is(all, "protector_metrics_cut{", "", 0);
    g_free(bench_sql(b, SIM_SITE_A,
                     "INSERT INTO protection_groups SELECT * FROM copies WHERE id = 'pg-copy-1'"));
    g_autofree char *many = bench_metrics(b, SIM_SITE_A);
    metric_is(many, "protector_metrics_cut{", "", 1);
    assert_int_equal(lines(many, "protector_protection_group_info{", "", &(int64_t){0}),
                     METRICS_GROUPS_MAX);
    g_free(bench_sql(b, SIM_SITE_A, "DELETE FROM protection_groups WHERE id LIKE 'pg-copy-%'"));
}

static int metrics_status(struct bench *b, const char *method, const char *path)
{
    AUTO(http_request) req = http_request_create(method, path);
    AUTO(http_response) resp = metrics_handle(&b->site[SIM_SITE_A].api_options, req);

    return resp->status;
}

static void test_metrics_refused(void **state)
{
    AUTO(bench) b = bench_create_protected(1910);
    (void)state;

    assert_int_equal(metrics_status(b, "POST", "/metrics"), 405);
    assert_int_equal(metrics_status(b, "GET", "/v1/health"), 404);
    assert_int_equal(metrics_status(b, "GET", "/metrics?name[]=x"), 200);
    b->site[SIM_SITE_A].db_down = true;
    AUTO(http_request) req = http_request_create("GET", METRICS_PATH);
    AUTO(http_response) resp = metrics_handle(&b->site[SIM_SITE_A].api_options, req);
    assert_int_equal(resp->status, 503);
    assert_null(strstr(resp->body, "by the test")); /* what happened inside is for the log */
    assert_non_null(strstr(b->log->str, "by the test"));
    b->site[SIM_SITE_A].db_down = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready),          cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_drift),          cmocka_unit_test(test_lost_and_stale),
        cmocka_unit_test(test_never_and_gone), cmocka_unit_test(test_calls),
        cmocka_unit_test(test_no_end),         cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_metrics_limits), cmocka_unit_test(test_metrics_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
