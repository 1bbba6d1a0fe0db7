/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Story A7 of the sync protocol on two whole sites: a database is put back to an older copy, or
 * lost, under services that run.  The site notices before it signs or does anything, parks what
 * the old copy calls running, and leaves RECOVERING only into an epoch newer than all it forgot.
 */
#include "tests/sim/bench_internal.h"

#include "base/keyfile.h"
#include "base/secrets.h"
#include "store/restored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static int64_t incarnations(struct bench *b, int site)
{
    return bench_sql_int(b, site,
                         "SELECT COUNT(*) FROM incarnations WHERE site_id ="
                         " (SELECT site_id FROM local_site)");
}

static void description_is(struct bench *b, int site, const char *what)
{
    g_autoptr(json_t) r = bench_ok(b, bench_tenant(site), "protection-group show", WEB, NULL);

    assert_string_equal(bench_field(r, "description"), what);
}

static void carried(struct bench *b, int site)
{
    json_decref(bench_ok(b, bench_tenant(site), "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
}

/* Whatever bears the group's keys stands in the ledger again, and is taken away by nobody. */
static void ledger_is_whole(struct bench *b, int site)
{
    static const char *const kinds[] = {"server", "volume", "port", "copy"};

    bench_ledger_holds(b, site);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *sql =
            g_strdup_printf("SELECT COUNT(*) FROM dr_resources WHERE kind = '%s' AND state ="
                            " 'released'",
                            kinds[i]);
        int64_t count = bench_sql_int(b, site, sql);
        if (count == 0 || count % 2 != 0)
            fail_msg("%s: %" G_GINT64_FORMAT " rows of kind %s", bench_site_name(site), count,
                     kinds[i]);
    }
}

/*
 * A is put back to before a change that both hold.  It refuses every verb, does not tell the peer
 * that it still stands there, and takes its role back on top of what the peer holds; its servers
 * run all the time.
 */
static void test_active_forgets_a_change(void **state)
{
    AUTO(bench) b = bench_create_protected(1001);
    (void)state;

    bench_db_keep(b, SIM_SITE_A, "old");
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "kept", NULL));
    bench_in_sync(b);
    bench_db_put_back(b, SIM_SITE_A, "old");
    bench_engine(b, SIM_SITE_A, false);
    bench_engine(b, SIM_SITE_A, true);
    b->cut[SIM_SITE_B] = true;
    bench_fails(b, "protector.peer.unreachable", "prod-a", "protection-group update", WEB,
                "description", "lost", NULL);
    bench_role_is(b, SIM_SITE_A, "RECOVERING");
    bench_status_is(b, SIM_SITE_A, "recovering");
    assert_int_equal(incarnations(b, SIM_SITE_A), 2);
    b->cut[SIM_SITE_B] = false;
    bench_carry(b); /* it carries */
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_in_sync(b);
    description_is(b, SIM_SITE_A, "kept");
    assert_true(bench_epoch(b, SIM_SITE_A) > 0);
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_int_equal(incarnations(b, SIM_SITE_A), 2);
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "on", NULL));
    bench_in_sync(b);
}

/* Any command that reads carries, and so is enough; the engine alone is enough to notice. */
static void test_engine_notices(void **state)
{
    AUTO(bench) b = bench_create_protected(1002);
    (void)state;

    bench_db_keep(b, SIM_SITE_A, "old");
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "kept", NULL));
    bench_settle(b);
    bench_engine(b, SIM_SITE_A, false);
    bench_api(b, SIM_SITE_A, false);
    bench_db_put_back(b, SIM_SITE_A, "old");
    bench_engine(b, SIM_SITE_A, true);
    bench_pass(b, 5 * 60000);
    bench_role_is(b, SIM_SITE_A, "RECOVERING");
    bench_api(b, SIM_SITE_A, true);
    carried(b, SIM_SITE_B);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    description_is(b, SIM_SITE_A, "kept");
}

/* A, active in its old copy, comes back after a failover to B: it becomes the standby. */
static void test_old_active_meets_the_new_one(void **state)
{
    AUTO(bench) b = bench_create_protected(1003);
    (void)state;

    bench_db_keep(b, SIM_SITE_A, "old");
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "kept", NULL));
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_db_put_back(b, SIM_SITE_A, "old");
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 60000);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    carried(b, SIM_SITE_B);
    bench_role_is(b, SIM_SITE_A, "STANDBY");
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_in_sync(b);
    description_is(b, SIM_SITE_A, "kept");
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* What is kept of B's database in the middle of a failover: prepared, and not claimed yet. */
static void keep_before_the_claim(void *data, struct bench_site *site, const char *where,
                                  const char *step)
{
    int *kept = data;

    if (*kept > 0 || !g_str_equal(step, "group.claim") || !g_str_equal(where, "before-intent"))
        return;
    *kept = 1;
    bench_db_copy(site->bench, site->index, "old");
}

/*
 * B's failover has claimed, and its servers run; its database goes back to before the claim, where
 * the operation is running.  No engine goes on with it: it is parked, nothing that runs is taken
 * away.  A, which knows nothing of the failover, is back: B was active in an epoch that A never
 * heard of and B has lost, so a person decides.
 */
static void lost_claim(struct bench *b)
{
    int kept = 0;

    bench_lose(b, SIM_SITE_A);
    b->site[SIM_SITE_B].on_boundary = keep_before_the_claim;
    b->site[SIM_SITE_B].on_boundary_data = &kept;
    json_decref(bench_failover(b, SIM_SITE_B));
    b->site[SIM_SITE_B].on_boundary = NULL;
    assert_int_equal(kept, 1);
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_db_put_back(b, SIM_SITE_B, "old");
    bench_pass(b, 10 * 60000);
    bench_role_is(b, SIM_SITE_B, "RECOVERING");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE is_open = 1"),
                     0);
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), 2);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 4);
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 60000);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_status_is(b, SIM_SITE_A, "split_brain");
    bench_role_is(b, SIM_SITE_B, "RECOVERING");
}

/* The person keeps A: B's servers are stopped, the group is whole again. */
static void test_lost_claim_is_given_up(void **state)
{
    AUTO(bench) b = bench_create_protected(1004);
    (void)state;

    lost_claim(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-resolve", WEB, "keep", "site-a",
                         "reason", "A serves", "!yes", NULL));
    carried(b, SIM_SITE_A);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_in_sync(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_servers_are(b, SIM_SITE_B, "stopped locked");
    ledger_is_whole(b, SIM_SITE_B);
}

/*
 * A failover at B from a recovery point would run the members twice, and give up what they wrote
 * since: it is refused, and nothing is touched.
 */
static void test_lost_claim_is_not_forced(void **state)
{
    AUTO(bench) b = bench_create_protected(1005);
    (void)state;

    lost_claim(b);
    bench_fails(b, "protector.safety.forgotten_servers", "prod-b", "protection-group failover", WEB,
                "!unplanned", "!force", "reason", "B serves", "!yes", NULL);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "RECOVERING");
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), 2);
}

/* What its operator says again: which site the peer is, and which projects belong together. */
static void register_again(struct bench *b)
{
    g_autofree char *keystone = sim_origin(b->sim, SIM_SITE_B, SIM_KEYSTONE);
    const json_t *here = sim_find(b->sim, SIM_SITE_A, "projects", "prod");
    const json_t *there = sim_find(b->sim, SIM_SITE_B, "projects", "prod");

    json_decref(bench_ok(b, "site-a", "site create", "name", "site-b", "auth-url", keystone,
                         "region-name", "RegionB", NULL));
    json_decref(bench_ok(b, "site-a", "tenant mapping create", "local-tenant", json_str(here, "id"),
                         "remote-site", "site-b", "remote-tenant", json_str(there, "id"), NULL));
}

/* B, the standby, loses its whole database: the group comes back from A, and only then serves. */
static void test_standby_loses_all(void **state)
{
    AUTO(bench) b = bench_create_protected(1006);
    (void)state;

    g_autofree char *site = bench_sql(b, SIM_SITE_B, "SELECT site_id FROM local_site");
    bench_db_lose(b, SIM_SITE_B);
    g_autofree char *again = bench_sql(b, SIM_SITE_B, "SELECT site_id FROM local_site");
    assert_string_equal(site, again);
    register_again(b);
    carried(b, SIM_SITE_A);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_in_sync(b);
    bench_ledger_holds(b, SIM_SITE_B);
    g_autofree char *cinder =
        bench_sql(b, SIM_SITE_B, "SELECT local_cg_id FROM consistency_groups");
    assert_non_null(json_object_get(sim_table(b->sim, SIM_SITE_B, "groups"), cinder));
    bench_wait_point(b);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* Kept once, when the create has been answered by Cinder and is not signed yet. */
static void keep_mid_create(void *data, struct bench_site *site, const char *where,
                            const char *step)
{
    bool *kept = data;

    if (*kept || !g_str_equal(step, "cg.create") || !g_str_equal(where, "after-outcome"))
        return;
    *kept = true;
    bench_db_copy(site->bench, site->index, "mid-create");
}

/*
 * The database is put back to the midst of the create, which was accepted since: its operation is
 * parked, and Cinder's group, which it made, is the group's own all the same.
 */
static void test_put_back_into_the_create(void **state)
{
    AUTO(bench) b = bench_create(1016);
    bool kept = false;
    (void)state;

    bench_register(b);
    b->site[SIM_SITE_A].on_boundary = keep_mid_create;
    b->site[SIM_SITE_A].on_boundary_data = &kept;
    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "web", "replication-type",
                         "async", "primary-site", "site-a", "secondary-site", "site-b",
                         "volume-type", "replicated-ssd", "!wait", NULL));
    bench_settle(b);
    assert_true(kept);
    b->site[SIM_SITE_A].on_boundary = NULL;
    bench_db_put_back(b, SIM_SITE_A, "mid-create");
    carried(b, SIM_SITE_A);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_in_sync(b);
    bench_ledger_holds(b, SIM_SITE_A);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_resources r JOIN dr_operations o ON"
                                   " o.id = r.op_id WHERE r.state IN ('intent', 'made') AND"
                                   " o.is_open = 0 AND o.status <> 'completed'"),
                     0);
}

/*
 * B's database is put back to before a delete that A has not settled yet; the trust that it knows
 * was given back.  Whoever tells B of the end gives it one, with which it takes away what it holds.
 */
static void test_end_without_trust(void **state)
{
    AUTO(bench) b = bench_create_protected(1008);
    struct bench_death death = {"after-intent", "array.settle", false};
    (void)state;

    bench_db_keep(b, SIM_SITE_B, "old");
    bench_dies_at(b, SIM_SITE_A, "settle", &death);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    assert_true(death.died);
    bench_role_is(b, SIM_SITE_B, "TOMBSTONE");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "trusts")), 0);
    bench_db_put_back(b, SIM_SITE_B, "old");
    bench_pass(b, 20000);
    json_decref(bench_ok(b, "prod-a", "protection-group show", WEB, NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "TOMBSTONE");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "groups")), 0);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "trusts")), 0);
}

static void cinder_down(struct bench *b, int site)
{
    struct sim_fault down = {.site = site,
                             .service = "cinder",
                             .count = 100000,
                             .kind = SIM_FAULT_STATUS,
                             .status = 503};

    sim_fault_add(b->sim, &down);
}

/*
 * A delete is agreed, and neither site has settled it; A's database is put back to just then.  A
 * recovers into a group that is being deleted, and what it had begun to settle was parked.
 */
static void test_end_is_settled_anew(void **state)
{
    AUTO(bench) b = bench_create_protected(1012);
    (void)state;

    for (int i = 0; i < BENCH_SITES; i++)
        cinder_down(b, i);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_pass(b, 5000);
    bench_db_copy(b, SIM_SITE_A, "agreed");
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_db_put_back(b, SIM_SITE_A, "agreed");
    bench_pass(b, 5000);
    json_decref(bench_try(b, "prod-b", "protection-group sync-force", WEB, NULL));
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    sim_fault_clear(b->sim);
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_role_is(b, i, "TOMBSTONE");
        assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 0);
    }
}

static char *role_of_other(struct bench *b, int site)
{
    return bench_sql(b, site, "SELECT role FROM protection_groups WHERE living_name = 'other'");
}

/*
 * The whole machine of A is put back, with what remembers: A cannot notice.  B knows a change that
 * A has signed and does not know, and tells of it; so every group of A recovers, not this one
 * alone.
 */
static void test_peer_knows_more(void **state)
{
    AUTO(bench) b = bench_create_protected(1009);
    const char *folder = process_state_path(&b->site[SIM_SITE_A].p);
    char *marks = NULL;
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "other",
                         "replication-type", "async", "primary-site", "site-a", "secondary-site",
                         "site-b", "volume-type", "replicated-ssd", "!wait", NULL));
    bench_settle(b);
    bench_db_keep(b, SIM_SITE_A, "old");
    bench_must(keyfile_read(folder, KEYFILE_MARKS, &marks), KEYFILE_MARKS);
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "kept", NULL));
    bench_in_sync(b);
    bench_db_put_back(b, SIM_SITE_A, "old");
    bench_must(keyfile_replace(&b->site[SIM_SITE_A].env, folder, KEYFILE_MARKS, marks),
               KEYFILE_MARKS);
    bench_engine(b, SIM_SITE_A, false);
    bench_engine(b, SIM_SITE_A, true);
    bench_pass(b, 60000);
    bench_role_is(b, SIM_SITE_A, "ACTIVE"); /* as far as it knows */
    assert_int_equal(incarnations(b, SIM_SITE_A), 1);
    carried(b, SIM_SITE_A);
    assert_int_equal(incarnations(b, SIM_SITE_A), 2);
    g_autofree char *recovering = role_of_other(b, SIM_SITE_A);
    assert_string_equal(recovering, "RECOVERING");
    bench_carry(b);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_in_sync(b);
    description_is(b, SIM_SITE_A, "kept");
    g_autofree char *other = role_of_other(b, SIM_SITE_A);
    assert_string_equal(other, "ACTIVE");
    bench_servers_are(b, SIM_SITE_A, "active");
    secret_free(marks);
}

/* The operator's word is enough where the marks are as old as the database. */
static void test_operator_says_so(void **state)
{
    AUTO(bench) b = bench_create_protected(1007);
    struct process *p = &b->site[SIM_SITE_A].p;
    (void)state;

    struct db *db = process_db_get(p);
    err_t *e = restored_admit(&p->exchange, db, "said by the operator", NULL);
    process_db_put(p, db);
    assert_null(e);
    bench_role_is(b, SIM_SITE_A, "RECOVERING");
    carried(b, SIM_SITE_A);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_in_sync(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_active_forgets_a_change),
        cmocka_unit_test(test_engine_notices),
        cmocka_unit_test(test_old_active_meets_the_new_one),
        cmocka_unit_test(test_lost_claim_is_given_up),
        cmocka_unit_test(test_lost_claim_is_not_forced),
        cmocka_unit_test(test_put_back_into_the_create),
        cmocka_unit_test(test_standby_loses_all),
        cmocka_unit_test(test_end_without_trust),
        cmocka_unit_test(test_end_is_settled_anew),
        cmocka_unit_test(test_peer_knows_more),
        cmocka_unit_test(test_operator_says_so),
    };
    cmocka_set_test_filter(g_getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
