/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arrays and what is made at them, on two whole sites: no verb starts that could outlast the
 * lease, tags that are owed, a claim in place without an array, what is made twice, and what an
 * attempt left that chose another recovery point.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB     "protection-group", "web"
#define SLOW_MS 70000 /* of the 90 s of a lease */

/* What the drivers below see and do; one test at a time. */
static struct {
    struct bench *b;
    struct protector_driver real; /* of the engine that is spied upon */
    int slow;                     /* so many calls take SLOW_MS */
    int calls, unfit;
    bool a_is_dead; /* site A's array does not answer */
    int tagged[2];  /* tags written at each end */
    int64_t knows;  /* what B's own tag says was minted; 0: it is as it is */
} spy;

static void spy_on(struct bench *b, int site)
{
    memset(&spy, 0, sizeof spy);
    spy.b = b;
    spy.real = b->site[site].driver;
}

/* ---- leases ---- */

static enum protector_status slow_volume_add(struct protector_handle *handle,
                                             const struct protector_call *call,
                                             const struct protector_volume *volume,
                                             struct protector_error *error)
{
    g_autofree char *op = bench_sql(spy.b, SIM_SITE_A,
                                    "SELECT id FROM dr_operations WHERE is_open = 1 AND "
                                    "operation_type = 'member_add'");

    spy.calls++;
    if (!runner_call_fits(spy.b->site[SIM_SITE_A].runner, op, call->budget_ms))
        spy.unfit++;
    if (spy.slow-- > 0)
        spy.b->clock_ms += SLOW_MS;
    return spy.real.volume_add(handle, call, volume, error);
}

/* A verb whose time-out does not fit into what remains of the lease is not begun. */
static void test_verbs_fit(void **state)
{
    AUTO(bench) b = bench_create(901);
    (void)state;

    bench_register(b);
    spy_on(b, SIM_SITE_A);
    spy.slow = 1;
    b->site[SIM_SITE_A].driver.volume_add = slow_volume_add;
    bench_protect(b);
    bench_settle(b);
    assert_true(spy.calls > 1);
    assert_int_equal(spy.unfit, 0);
    bench_in_sync(b);
}

/* ---- tags ---- */

static enum protector_status spied_tag_set(struct protector_handle *handle,
                                           const struct protector_call *call,
                                           const struct protector_tag *tag,
                                           struct protector_error *error)
{
    if (spy.a_is_dead && call->site == 0)
        return protector_fail(error, PROTECTOR_TRANSIENT, "nothing answers there, by the test");
    spy.tagged[call->site]++;
    return spy.real.tag_set(handle, call, tag, error);
}

static enum protector_status spied_tag_get(struct protector_handle *handle,
                                           const struct protector_call *call,
                                           protector_tag_row *row, void *data,
                                           struct protector_error *error)
{
    struct protector_tag tag = {.minted = spy.knows, .floor = spy.knows, .epoch = spy.knows};

    if (spy.a_is_dead && call->site == 0)
        return protector_fail(error, PROTECTOR_TRANSIENT, "nothing answers there, by the test");
    if (spy.knows == 0)
        return spy.real.tag_get(handle, call, row, data, error);
    g_autofree char *incarnation =
        bench_sql(spy.b, SIM_SITE_B, "SELECT incarnation FROM local_site");
    g_strlcpy(tag.writer, spy.b->site[SIM_SITE_B].p.identity.site_id, sizeof tag.writer);
    g_strlcpy(tag.incarnation, incarnation, sizeof tag.incarnation);
    row(data, &tag);
    return PROTECTOR_OK;
}

static void spy_on_tags(struct bench *b)
{
    spy_on(b, SIM_SITE_B);
    b->site[SIM_SITE_B].driver.tag_set = spied_tag_set;
    b->site[SIM_SITE_B].driver.tag_get = spied_tag_get;
}

/* An array that did not answer at the claim gets its tag as soon as it does, and once. */
static void test_tag_owed(void **state)
{
    AUTO(bench) b = bench_create_protected(902);
    (void)state;

    bench_settle(b);
    spy_on_tags(b);
    spy.a_is_dead = true;
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_servers_are(b, SIM_SITE_B, "active");
    g_autofree char *promoted =
        bench_sql(b, SIM_SITE_B, "SELECT result FROM dr_steps WHERE step_key = 'group.promote'");
    assert_non_null(strstr(promoted, "\"tag_owed\":true"));
    bench_pass(b, 3 * TAGS_ROUND_MS);
    assert_int_equal(spy.tagged[0], 0);
    assert_true(spy.tagged[1] > 0);
    spy.a_is_dead = false;
    bench_pass(b, TAGS_ROUND_MS + 10000);
    assert_int_equal(spy.tagged[0], 1);
    int before = spy.tagged[1];
    bench_pass(b, 5 * TAGS_ROUND_MS);
    assert_int_equal(spy.tagged[0], 1);
    assert_int_equal(spy.tagged[1], before);
}

/* An engine that starts anew does not know what is owed: it writes once more, the numbers merge. */
static void test_tag_owed_over_a_restart(void **state)
{
    AUTO(bench) b = bench_create_protected(903);
    (void)state;

    bench_settle(b);
    spy_on_tags(b);
    spy.a_is_dead = true;
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_engine(b, SIM_SITE_B, false);
    bench_engine(b, SIM_SITE_B, true);
    spy_on_tags(b);
    bench_pass(b, TAGS_ROUND_MS + 10000);
    assert_int_equal(spy.tagged[0], 1);
    assert_int_equal(spy.tagged[1], 1);
}

/*
 * A tag that knows more than the database is a witness of its restore: the site admits it, takes
 * the tag's numbers over, and writes none that is lower.
 */
static void test_tag_is_a_witness(void **state)
{
    AUTO(bench) b = bench_create_protected(904);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_engine(b, SIM_SITE_B, false);
    bench_engine(b, SIM_SITE_B, true);
    spy_on_tags(b);
    spy.knows = 99;
    bench_pass(b, 3 * TAGS_ROUND_MS);
    assert_non_null(strstr(b->log->str, "knows more of this site than its database"));
    bench_role_is(b, SIM_SITE_B, "RECOVERING");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT minted FROM protection_groups"), 99);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT floor FROM protection_groups"), 99);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM incarnations WHERE "
                                   "site_id = (SELECT site_id FROM local_site)"),
                     2); /* once, not in each round */
}

static enum protector_status no_open(const struct protector_driver *self,
                                     const struct protector_host *host,
                                     const struct protector_pair *pair,
                                     struct protector_handle **ret, struct protector_error *error)
{
    (void)self, (void)host, (void)pair, (void)ret;
    return protector_fail(error, PROTECTOR_PERMANENT, "no array here, by the test");
}

/* A site that takes its group back in place needs no array for it: its servers run already. */
static void test_reclaim_without_array(void **state)
{
    AUTO(bench) b = bench_create_protected(905);
    (void)state;

    bench_client_dies_after(b, "PUT", "*/protection-groups/pg-*");
    json_decref(
        bench_try(b, "prod-a", "protection-group update", WEB, "description", "undecided", NULL));
    bench_client_lives(b);
    bench_settle(b);
    bench_lose(b, SIM_SITE_B);
    b->site[SIM_SITE_A].driver.open = no_open;
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "nobody answers", "!yes", NULL));
    bench_settle(b);
    g_autofree char *status =
        bench_sql(b, SIM_SITE_A,
                  "SELECT status FROM dr_operations WHERE operation_type = 'reclaim'");
    assert_string_equal(status, "completed");
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_status_is(b, SIM_SITE_A, "active");
    bench_servers_are(b, SIM_SITE_A, "active");
}

/* ---- made twice ---- */

/* Each request of a kind is delivered twice; the second answer is the one that arrives. */
static void twice(struct bench *b, const char *service, const char *path)
{
    struct sim_fault fault = {.site = -1,
                              .service = service,
                              .method = "POST",
                              .path = path,
                              .kind = SIM_FAULT_DUPLICATE};

    sim_fault_add(b->sim, &fault);
}

/* What was made twice is made once in the end: Cinder's groups, at both sites. */
static void test_groups_twice(void **state)
{
    AUTO(bench) b = bench_create(906);
    (void)state;

    bench_register(b);
    twice(b, "cinder", "*/groups");
    bench_protect(b);
    sim_fault_clear(b->sim);
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 1);
        bench_ledger_holds(b, i);
    }
    bench_in_sync(b);
}

/* Volumes, security groups, key pairs and ports of a failover; no address is given up for it. */
static void test_failover_twice(void **state)
{
    AUTO(bench) b = bench_create_protected(907);
    (void)state;

    bench_settle(b);
    bench_bare(b, SIM_SITE_B);
    bench_lose(b, SIM_SITE_A);
    twice(b, "cinder", "*/volumes");
    twice(b, "neutron", "*/ports");
    twice(b, "neutron", "*/security-groups");
    json_decref(bench_failover(b, SIM_SITE_B));
    sim_fault_clear(b->sim);
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_brought(b, SIM_SITE_B);
    bench_ledger_holds(b, SIM_SITE_B);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_steps WHERE step_key = 'port.create' "
                                   "AND result LIKE '%\"note\"%'"),
                     0);
    assert_true(bench_sql_int(b, SIM_SITE_B,
                              "SELECT COUNT(*) FROM dr_steps WHERE step_key = 'volume.manage' AND "
                              "result LIKE '%\"swept\"%'") > 0);
}

/* ---- what an attempt leaves ---- */

static int volumes(struct bench *b)
{
    return (int)json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes"));
}

/*
 * A failover at B that made volumes, was cancelled, could not take them back, and was abandoned.
 * '*ret_before': volumes that were there before.
 */
static void left_behind(struct bench *b, int *ret_before)
{
    struct sim_fault busy = {.site = SIM_SITE_B,
                             .service = "cinder",
                             .method = "DELETE",
                             .path = "*/volumes/*",
                             .kind = SIM_FAULT_STATUS,
                             .status = 503,
                             .body = "busy, by the test"};

    bench_settle(b);
    *ret_before = volumes(b);
    bench_lose(b, SIM_SITE_A);
    sim_fault_add(b->sim, &busy);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                         "power", "*network-mapping", "net-app=net-app", "!no-wait", NULL));
    for (int i = 0; i < 200 && volumes(b) == *ret_before; i++)
        bench_pass(b, 20);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations WHERE operation_type = 'failover'");
    json_decref(bench_ok(b, "prod-b", "operation cancel", "operation", op, "reason", "r", NULL));
    bench_pass(b, 5000);
    json_decref(bench_ok(b, "prod-b", "operation abandon", "operation", op, "reason", "r", NULL));
    bench_settle(b);
    sim_fault_clear(b->sim);
    assert_true(volumes(b) > *ret_before);
}

/* Left rows of the ledger at B, of volumes and copies. */
static int left_open(struct bench *b)
{
    return (int)bench_sql_int(b, SIM_SITE_B,
                              "SELECT COUNT(*) FROM dr_resources WHERE kind IN ('volume', 'copy') "
                              "AND state IN ('intent', 'made')");
}

/* The next attempt chooses a newer point: what the first one made of the older is taken away. */
static void test_another_point(void **state)
{
    AUTO(bench) b = bench_create_protected(908);
    int before = 0;
    (void)state;

    left_behind(b, &before);
    assert_true(left_open(b) > 0);
    bench_restore(b, SIM_SITE_A);
    bench_wait_point(b);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_ledger_holds(b, SIM_SITE_B);
    assert_int_equal(left_open(b), 0);
    assert_int_equal(volumes(b), before + 4);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_steps WHERE step_key = 'point.purge' "
                                   "AND result LIKE '%\"swept\"%'"),
                     1);
}

/* A copy stays while Cinder's volume of it could not be taken away: it stands on its bytes. */
static void test_copy_is_kept(void **state)
{
    AUTO(bench) b = bench_create_protected(909);
    int before = 0;
    (void)state;

    b->site[SIM_SITE_B].driver_lacks = PROTECTOR_MAKES_IN_CINDER;
    bench_engine(b, SIM_SITE_B, false);
    bench_engine(b, SIM_SITE_B, true);
    left_behind(b, &before);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources v WHERE v.kind = 'volume' "
                                   "AND v.state = 'made' AND NOT EXISTS (SELECT 1 FROM "
                                   "dr_resources c WHERE c.kind = 'copy' AND c.state = 'made' AND "
                                   "c.subject = v.subject)"),
                     0);
    g_autofree char *why =
        bench_sql(b, SIM_SITE_B,
                  "SELECT error FROM dr_steps WHERE step_key = 'storage_promo' AND state = "
                  "'orphaned'");
    assert_non_null(why);
    assert_non_null(strstr(why, "may still use it"));
}

/* ---- nothing old is replicated ---- */

static enum protector_status no_volume_add(struct protector_handle *handle,
                                           const struct protector_call *call,
                                           const struct protector_volume *volume,
                                           struct protector_error *error)
{
    (void)handle;
    (void)call;
    (void)volume;
    g_snprintf(error->message, sizeof error->message, "the array takes no volume");
    return PROTECTOR_PERMANENT;
}

/* Volumes in points that B has made in its present epoch. */
static int64_t in_points_of_b(struct bench *b)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT COUNT(*) FROM point_volumes v JOIN points p ON p.id = v.point_id AND p.grp = v.grp"
        " AND p.array = v.array WHERE p.made_by = '%s' AND p.lineage = %" G_GINT64_FORMAT,
        b->site[SIM_SITE_B].p.exchange.identity->site_id,
        bench_sql_int(b, SIM_SITE_B, "SELECT lineage FROM protection_groups"));

    return bench_arrays_int(b, sql);
}

/* How many of B's volumes of an earlier time its array still replicates. */
static int64_t old_members(struct bench *b, const char *ids)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT COUNT(*) FROM members WHERE array LIKE '%%array-b%%' AND cinder_id IN (%s)", ids);

    return bench_arrays_int(b, sql);
}

/* "'1f…', '2a…'" of all that B's Cinder has.  Caller frees. */
static char *volumes_of_b(struct bench *b)
{
    GString *ids = g_string_new("''");
    const char *id;
    json_t *row;

    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_B, "volumes"), id, row)
        g_string_append_printf(ids, ", '%s'", id);
    return g_string_free(ids, FALSE);
}

static void away_and_home(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned",
                         "*network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL));
    bench_settle(b);
    bench_wait_point(b);
}

/*
 * B ran the group before; it is made active again, and its array takes none of the new volumes:
 * what B held an epoch ago is no recovery point of this one.
 */
static void test_old_volumes_are_not_replicated(void **state)
{
    AUTO(bench) b = bench_create_protected(913);
    (void)state;

    away_and_home(b);
    b->site[SIM_SITE_B].driver.volume_add = no_volume_add;
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 200000);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    assert_int_equal(in_points_of_b(b), 0);
}

/* The same while the servers cannot be booted, for hours, and after a person has given it up. */
static void test_old_volumes_of_what_was_given_up(void **state)
{
    AUTO(bench) b = bench_create_protected(914);
    struct sim_fault no = {.site = SIM_SITE_B,
                           .service = "nova",
                           .method = "POST",
                           .path = "*/servers",
                           .kind = SIM_FAULT_STATUS,
                           .status = 403,
                           .body = "{\"forbidden\": {\"message\": \"by the test\"}}"};
    (void)state;

    away_and_home(b);
    g_autofree char *old = volumes_of_b(b);
    assert_true(old_members(b, old) > 0); /* they are known until it is active again */
    sim_fault_add(b->sim, &no);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                          "fire", "network-mapping", "net-app=net-app", NULL));
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 200000);
    assert_int_equal(old_members(b, old), 0);
    g_autofree char *op = bench_sql(b, SIM_SITE_B,
                                    "SELECT id FROM dr_operations WHERE"
                                    " operation_type = 'failover' AND is_open = 1");
    json_decref(bench_ok(b, "prod-b", "operation abandon", "operation", op, NULL));
    json_decref(bench_try(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    json_decref(bench_try(b, "prod-b", "protection-group policy-update", WEB, "rpo-minutes", "30",
                          NULL)); /* settled: the members join anew */
    bench_settle(b);
    bench_pass(b, 200000);
    assert_int_equal(old_members(b, old), 0);
}

/*
 * Home again, and one server waits for a person; meanwhile a member is removed: what settles that
 * must not put the volumes of an earlier time in the place of the new ones.
 */
static void test_settling_puts_nothing_old_back(void **state)
{
    AUTO(bench) b = bench_create_protected(915);
    struct sim_fault no = {.site = SIM_SITE_B,
                           .service = "nova",
                           .method = "POST",
                           .path = "*/servers",
                           .skip = 1,
                           .kind = SIM_FAULT_STATUS,
                           .status = 403,
                           .body = "{\"forbidden\": {\"message\": \"by the test\"}}"};
    (void)state;

    away_and_home(b);
    g_autofree char *old = volumes_of_b(b);
    sim_fault_add(b->sim, &no);
    json_decref(bench_try(b, "prod-a", "protection-group failover", WEB, "!planned",
                          "*network-mapping", "net-app=net-app", NULL));
    bench_settle(b);
    bench_status_is(b, SIM_SITE_B, "error");
    json_decref(bench_try(b, "prod-b", "protection-group sync-force", WEB, NULL));
    json_decref(bench_try(b, "prod-b", "protection-group member-remove", WEB, "member-id",
                          bench_server_id(b, SIM_SITE_A, "db-1"), NULL));
    bench_pass(b, 60000);
    assert_int_equal(old_members(b, old), 0);
    sim_fault_clear(b->sim);
    g_autofree char *op = bench_sql(b, SIM_SITE_B,
                                    "SELECT id FROM dr_operations WHERE runbook = 'handover' AND"
                                    " is_open = 1");
    json_decref(bench_ok(b, "prod-b", "operation retry", "operation", op, NULL));
    bench_settle(b);
    bench_pass(b, 60000);
    assert_int_equal(old_members(b, old), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs_fit),
        cmocka_unit_test(test_tag_owed),
        cmocka_unit_test(test_tag_owed_over_a_restart),
        cmocka_unit_test(test_tag_is_a_witness),
        cmocka_unit_test(test_reclaim_without_array),
        cmocka_unit_test(test_groups_twice),
        cmocka_unit_test(test_failover_twice),
        cmocka_unit_test(test_another_point),
        cmocka_unit_test(test_copy_is_kept),
        cmocka_unit_test(test_old_volumes_are_not_replicated),
        cmocka_unit_test(test_old_volumes_of_what_was_given_up),
        cmocka_unit_test(test_settling_puts_nothing_old_back),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
