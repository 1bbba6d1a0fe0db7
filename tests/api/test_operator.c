/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation that needs a person, end to end: a cloud that refuses for good, and the four verbs.
 */
#include "tests/api/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STATE "protector.operation.state"

static void refuse(struct bench *b, const char *service, const char *method, const char *path,
                   int skip, int count)
{
    struct sim_fault fault = {.site = SIM_SITE_B,
                              .service = service,
                              .method = method,
                              .path = path,
                              .skip = skip,
                              .count = count,
                              .kind = SIM_FAULT_STATUS,
                              .status = 400,
                              .body = "{\"badRequest\": {\"code\": 400, \"message\": \"by the "
                                      "test\"}}"};

    sim_fault_add(b->sim, &fault);
}

static char *operation(struct bench *b)
{
    return bench_sql(b, SIM_SITE_B,
                     "SELECT id FROM dr_operations WHERE operation_type = "
                     "'failover' ORDER BY created_at DESC");
}

static void operation_is(struct bench *b, const char *status)
{
    g_autofree char *is = bench_sql(b, SIM_SITE_B,
                                    "SELECT status FROM dr_operations WHERE operation_type = "
                                    "'failover' ORDER BY created_at DESC");

    if (g_strcmp0(is, status) != 0)
        fail_msg("the operation is %s, not %s", is, status);
}

static void begin(struct bench *b)
{
    json_decref(bench_ok(b, "prod-b", "protection-group failover", "protection-group", "web",
                         "!unplanned", "reason", "power", "*network-mapping", "net-app=net-app",
                         "!no-wait", NULL));
}

/* A failover at B that stands still at server.boot, 'count' of whose calls were refused. */
static struct bench *stuck_at_boot(uint64_t seed, int count)
{
    struct bench *b = bench_create_protected(seed);

    bench_lose(b, SIM_SITE_A);
    refuse(b, "nova", "POST", "*/servers", 0, count);
    begin(b);
    bench_settle(b);
    operation_is(b, "needs_operator");
    bench_role_is(b, SIM_SITE_B, "ACTIVE"); /* past the pivot */
    bench_status_is(b, SIM_SITE_B, "error");
    return b;
}

static int servers(struct bench *b)
{
    return (int)json_object_size(sim_table(b->sim, SIM_SITE_B, "servers"));
}

static void test_retry(void **state)
{
    AUTO(bench) b = stuck_at_boot(801, 0);
    g_autofree char *op = operation(b);
    (void)state;

    g_autoptr(json_t) group =
        bench_ok(b, "prod-b", "protection-group show", "protection-group", "web", NULL);
    if (strstr(bench_field(group, "error_message"), "by the test") == NULL)
        fail_msg("the group should say why: %s", bench_field(group, "error_message"));
    bench_fails(b, STATE, "prod-b", "operation cancel", "operation", op, NULL);
    json_decref(bench_ok(b, "prod-b", "operation retry", "operation", op, NULL));
    bench_settle(b);
    operation_is(b, "needs_operator");
    assert_int_equal(servers(b), 0);
    sim_fault_clear(b->sim);
    json_decref(bench_ok(b, "prod-b", "operation retry", "operation", op, NULL));
    bench_settle(b);
    operation_is(b, "completed");
    bench_status_is(b, SIM_SITE_B, "failed_over");
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_ledger_holds(b, SIM_SITE_B);
    bench_fails(b, STATE, "prod-b", "operation retry", "operation", op, NULL);
}

static void sql(struct bench *b, const char *text)
{
    struct db *db = process_db_get(&b->site[SIM_SITE_B].p);

    assert_null(db_exec(db, NULL, text, ""));
    process_db_put(&b->site[SIM_SITE_B].p, db);
}

static void test_skip(void **state)
{
    AUTO(bench) b = stuck_at_boot(802, 1);
    g_autofree char *op = operation(b);
    (void)state;

    sim_fault_clear(b->sim);
    bench_fails(b, "protector.not_found", "prod-b", "operation skip", "operation", op, "step",
                "no.such_step", "reason", "r", NULL);
    bench_fails(b, "protector.not_found", "prod-b", "operation skip", "operation", op, "step",
                "port.create", "reason", "it is done", NULL);
    /* a row that safety needs, as if it had failed */
    sql(b, "UPDATE dr_steps SET state = 'failed' WHERE step_key = 'group.finish'");
    bench_fails(b, "protector.safety.no_skip", "prod-b", "operation skip", "operation", op, "step",
                "group.finish", "reason", "r", NULL);
    sql(b, "UPDATE dr_steps SET state = 'pending' WHERE step_key = 'group.finish'");
    operation_is(b, "needs_operator");
    json_decref(bench_ok(b, "prod-b", "operation skip", "operation", op, "step", "server.boot",
                         "reason", "rebuilt by hand", NULL));
    bench_settle(b);
    operation_is(b, "completed");
    bench_status_is(b, SIM_SITE_B, "failed_over_partial");
    assert_int_equal(servers(b), 1);
    g_autofree char *why = bench_sql(
        b, SIM_SITE_B,
        "SELECT error FROM dr_steps WHERE step_key = 'server.boot' AND state = 'skipped'");
    assert_non_null(strstr(why, "rebuilt by hand"));
}

static void test_abandon_after(void **state)
{
    AUTO(bench) b = stuck_at_boot(803, 0);
    g_autofree char *op = operation(b);
    (void)state;

    json_decref(
        bench_ok(b, "prod-b", "operation abandon", "operation", op, "reason", "no hosts", NULL));
    bench_settle(b);
    operation_is(b, "abandoned");
    bench_role_is(b, SIM_SITE_B, "ACTIVE"); /* the epoch stays claimed */
    bench_status_is(b, SIM_SITE_B, "failed_over_partial");
    assert_int_equal(servers(b), 0);
    bench_fails(b, STATE, "prod-b", "operation abandon", "operation", op, "reason", "r", NULL);
}

static int volumes(struct bench *b)
{
    return (int)json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes"));
}

/* A failover at B that has made a volume and has not claimed yet; '*ret_before': what was there. */
static struct bench *under_way(uint64_t seed, int *ret_before)
{
    struct bench *b = bench_create_protected(seed);
    static const char running[] = "SELECT COUNT(*) FROM dr_operations WHERE operation_type = "
                                  "'failover' AND status = 'running' AND past_pivot = 0";

    bench_settle(b);
    *ret_before = volumes(b);
    bench_lose(b, SIM_SITE_A);
    begin(b);
    for (int i = 0; i < 200 && volumes(b) == *ret_before; i++)
        bench_pass(b, 20);
    assert_true(volumes(b) > *ret_before);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, running), 1);
    return b;
}

static void taken_back(struct bench *b, int before)
{
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    assert_int_equal(volumes(b), before);
    assert_int_equal(servers(b), 0);
    bench_ledger_holds(b, SIM_SITE_B);
    json_decref(bench_failover(b, SIM_SITE_B)); /* nothing stands in the way of the next one */
    bench_servers_are(b, SIM_SITE_B, "active");
}

/*
 * Before its pivot an operation that fails unwinds by itself; that it stands still there can only
 * be written into the database (an engine of another release may have done so).
 */
static void test_abandon_before(void **state)
{
    int before = 0;
    AUTO(bench) b = under_way(804, &before);
    g_autofree char *op = operation(b);
    (void)state;

    bench_engine(b, SIM_SITE_B, false);
    sql(b, "UPDATE dr_operations SET status = 'needs_operator' WHERE operation_type = 'failover'");
    json_decref(
        bench_ok(b, "prod-b", "operation abandon", "operation", op, "reason", "later", NULL));
    bench_engine(b, SIM_SITE_B, true);
    bench_settle(b);
    operation_is(b, "abandoned");
    taken_back(b, before);
}

/* Everything that it made is taken back. */
static void test_cancel(void **state)
{
    int before = 0;
    AUTO(bench) b = under_way(805, &before);
    g_autofree char *op = operation(b);
    (void)state;

    json_decref(
        bench_ok(b, "prod-b", "operation cancel", "operation", op, "reason", "false alarm", NULL));
    bench_settle(b);
    operation_is(b, "cancelled");
    bench_fails(b, STATE, "prod-b", "operation cancel", "operation", op, NULL);
    taken_back(b, before);
}

/* A failover at B that was cancelled and cannot take a volume back: Cinder refuses. */
static struct bench *unwinding_hangs(uint64_t seed, int *ret_before)
{
    struct bench *b = under_way(seed, ret_before);
    g_autofree char *op = operation(b);
    struct sim_fault busy = {.site = SIM_SITE_B,
                             .service = "cinder",
                             .method = "DELETE",
                             .path = "*/volumes/*",
                             .kind = SIM_FAULT_STATUS,
                             .status = 503,
                             .body = "busy, by the test"};

    sim_fault_add(b->sim, &busy);
    json_decref(
        bench_ok(b, "prod-b", "operation cancel", "operation", op, "reason", "false alarm", NULL));
    bench_pass(b, 10000);
    operation_is(b, "rolling_back");
    assert_true(volumes(b) > *ret_before);
    return b;
}

static char *ended_as(struct bench *b, const char *op)
{
    g_autofree char *sql = g_strdup_printf("SELECT status FROM dr_operations WHERE id = '%s'", op);

    return bench_sql(b, SIM_SITE_B, sql);
}

/* A person need not wait for an unwinding that hangs: what is left is an orphan, and adopted. */
static void test_abandon_unwinding(void **state)
{
    int before = 0;
    AUTO(bench) b = unwinding_hangs(806, &before);
    g_autofree char *op = operation(b);
    (void)state;

    json_decref(
        bench_ok(b, "prod-b", "operation abandon", "operation", op, "reason", "no time", NULL));
    bench_pass(b, 10000);
    operation_is(b, "abandoned");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    assert_true(
        bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM dr_steps WHERE state = 'orphaned'") > 0);
    assert_true(bench_sql_int(b, SIM_SITE_B,
                              "SELECT COUNT(*) FROM dr_resources WHERE kind = 'volume' AND "
                              "state IN ('intent', 'made')") > 0);
    bench_fails(b, STATE, "prod-b", "operation abandon", "operation", op, "reason", "r", NULL);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_ledger_holds(b, SIM_SITE_B);
}

/* A failover waits for no unwinding: the earlier one ends, and what it made is taken over. */
static void test_failover_preempts_unwinding(void **state)
{
    int before = 0;
    AUTO(bench) b = unwinding_hangs(807, &before);
    g_autofree char *op = operation(b);
    (void)state;

    json_decref(bench_failover(b, SIM_SITE_B)); /* Cinder refuses still */
    g_autofree char *ended = ended_as(b, op);
    assert_string_equal(ended, "cancelled");
    operation_is(b, "completed");
    bench_status_is(b, SIM_SITE_B, "failed_over");
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_ledger_holds(b, SIM_SITE_B);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE state IN ('intent', "
                                   "'made')"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_abandon_after),
        cmocka_unit_test(test_abandon_before),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_abandon_unwinding),
        cmocka_unit_test(test_failover_preempts_unwinding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
