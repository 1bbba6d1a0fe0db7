/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Story B4 where the other site is gone for ever: delete --peer-is-gone, unprotect, site
 * decommission, and what becomes of the site that was given up if it returns after all.
 */
#include "tests/sim/bench.h"

#include "store/faulty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB  "protection-group", "web"
#define PAIR "primary-site", "site-a", "secondary-site", "site-b"
#define TYPE "replication-type", "async", "volume-type", "replicated-ssd"

static const char *project(struct bench *b, int site)
{
    return json_str(sim_find(b->sim, site, "projects", "prod"), "id");
}

static void create(struct bench *b, const char *name)
{
    json_decref(
        bench_ok(b, "prod-a", "protection-group create", "name", name, PAIR, TYPE, "!wait", NULL));
}

/* "role" or another column of a group, by its name or, of a tombstone, by the only one. */
static char *column(struct bench *b, int site, const char *group, const char *what)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT %s FROM protection_groups WHERE name = '%s'", what, group);

    return bench_sql(b, site, sql);
}

static void column_is(struct bench *b, int site, const char *group, const char *what,
                      const char *wanted)
{
    g_autofree char *is = column(b, site, group, what);

    if (g_strcmp0(is, wanted) != 0)
        fail_msg("%s: %s of '%s' is %s, not %s", bench_site_name(site), what, group, is, wanted);
}

static void said(const struct bench *b, const char *words)
{
    if (strstr(b->last_error, words) == NULL)
        fail_msg("'%s' is not in: %s", words, b->last_error);
}

static int cinder_groups(struct bench *b, int site)
{
    return (int)json_object_size(sim_table(b->sim, site, "groups"));
}

/* The servers of A run as ever, with their volumes. */
static void untouched(struct bench *b)
{
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "volumes")), 4);
}

/* Who and why stand in the log of the group and in the audit log. */
static void recorded(struct bench *b, int site, const char *event, const char *action,
                     const char *why)
{
    g_autofree char *log = g_strdup_printf(
        "SELECT COUNT(*) FROM sync_log WHERE event = '%s' AND message LIKE '%% by %%: %s'", event,
        why);
    g_autofree char *audit = g_strdup_printf(
        "SELECT COUNT(*) FROM audit_log WHERE action = '%s' AND user_id <> '' AND details LIKE "
        "'%%%s%%'",
        action, why);

    assert_int_equal(bench_sql_int(b, site, log), 1);
    assert_true(bench_sql_int(b, site, audit) >= 1);
}

/* B is back with what it knew; whatever is owed is carried. */
static void b_returns(struct bench *b)
{
    bench_restore(b, SIM_SITE_B);
    bench_pass(b, 20000);
    for (int i = 0; i < 3; i++) {
        bench_carry(b);
        bench_settle(b);
    }
}

/* ---- delete ---- */

/* B4.  Site B is gone for ever: an admin deletes the group at A alone, after he was asked. */
static void test_b4_delete_alone(void **state)
{
    AUTO(bench) b = bench_create_protected(301);
    (void)state;

    bench_lose(b, SIM_SITE_B);
    bench_fails(b, "protector.peer.unreachable", "prod-a", "protection-group delete", WEB, NULL);
    bench_fails(b, "protector.forbidden", "prod-a", "protection-group delete", WEB, "peer-is-gone",
                "burnt down", "!yes", NULL);
    bench_fails(b, "protector.group.not_found", "site-a", "protection-group delete", WEB,
                "peer-is-gone", "burnt down", "!yes", NULL);
    bench_fails(b, "protector.client.usage", "site-a", "protection-group delete", WEB, "project",
                project(b, SIM_SITE_A), "peer-is-gone", "burnt down", NULL);
    said(b, "servers, volumes and ports are not touched");
    said(b, "Protector is dead");
    column_is(b, SIM_SITE_A, "web", "status", "active");

    json_decref(bench_ok(b, "site-a", "protection-group delete", WEB, "project",
                         project(b, SIM_SITE_A), "peer-is-gone", "burnt down", "!yes", NULL));
    column_is(b, SIM_SITE_A, "web", "role", "TOMBSTONE");
    bench_fails(b, "protector.group.not_found", "prod-a", "protection-group show", WEB, NULL);
    assert_int_equal(cinder_groups(b, SIM_SITE_A), 0);
    untouched(b);
    recorded(b, SIM_SITE_A, "alone", "protection_group.delete_peer_gone", "burnt down");
    /* its name and its servers are free, its id is not */
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM pg_members"), 0);

    b_returns(b);
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
    assert_int_equal(cinder_groups(b, SIM_SITE_B), 0);
    create(b, "web");
    bench_in_sync(b);
}

/* B4.  A delete that B never answered is ended: its operation is completed, not given up. */
static void test_b4_staged_delete(void **state)
{
    AUTO(bench) b = bench_create_protected(302);
    static const char ended[] = "SELECT status FROM dr_operations WHERE operation_type = 'delete'";
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, "!no-wait", NULL));
    bench_lose(b, SIM_SITE_B);
    bench_settle(b);
    column_is(b, SIM_SITE_A, "web", "status", "deleting");
    for (int i = 0; i < 2; i++) /* the second time there is nothing left to do */
        json_decref(bench_try(b, "site-a", "protection-group delete", WEB, "project",
                              project(b, SIM_SITE_A), "peer-is-gone", "burnt down", "!yes", NULL));
    column_is(b, SIM_SITE_A, "web", "role", "TOMBSTONE");
    g_autofree char *status = bench_sql(b, SIM_SITE_A, ended);
    assert_string_equal(status, "completed");
    untouched(b);
    b_returns(b);
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
}

/* B4.  Another change that nobody answers stands in the way: a reclaim takes the group out of it.
 */
static void test_b4_other_change(void **state)
{
    AUTO(bench) b = bench_create_protected(303);
    (void)state;

    bench_change_left(b);
    bench_lose(b, SIM_SITE_B);
    bench_fails(b, "protector.sync.staged", "site-a", "protection-group delete", WEB, "project",
                project(b, SIM_SITE_A), "peer-is-gone", "burnt down", "!yes", NULL);
    said(b, "failover");
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "alone", NULL));
    json_decref(bench_ok(b, "site-a", "protection-group delete", WEB, "project",
                         project(b, SIM_SITE_A), "peer-is-gone", "burnt down", "!yes", NULL));
    column_is(b, SIM_SITE_A, "web", "role", "TOMBSTONE");
    untouched(b);
}

/* A site whose Protector answers is not gone, unless somebody insists. */
static void test_b4_alive(void **state)
{
    AUTO(bench) b = bench_create_protected(304);
    (void)state;

    bench_fails(b, "protector.peer.alive", "site-a", "protection-group delete", WEB, "project",
                project(b, SIM_SITE_A), "peer-is-gone", "so they say", "!yes", NULL);
    bench_fails(b, "protector.peer.alive", "site-a", "protection-group unprotect", WEB, "project",
                project(b, SIM_SITE_A), "reason", "so they say", "!yes", NULL);
    bench_fails(b, "protector.peer.alive", "site-a", "site decommission", "site", "site-b",
                "reason", "so they say", "!yes", NULL);
    bench_in_sync(b);
    json_decref(bench_ok(b, "site-a", "protection-group delete", WEB, "project",
                         project(b, SIM_SITE_A), "peer-is-gone", "so they say", "!yes", "!force",
                         NULL));
    bench_carry(b);
    bench_settle(b);
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
    untouched(b);
}

/* B4.  At a standby the delete gives up what could still be made of a recovery point: by force. */
static void test_b4_standby(void **state)
{
    AUTO(bench) b = bench_create_protected(305);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    bench_fails(b, "protector.group.not_active", "site-b", "protection-group delete", WEB,
                "project", project(b, SIM_SITE_B), "peer-is-gone", "burnt down", "!yes", NULL);
    said(b, "failover web --unplanned");
    column_is(b, SIM_SITE_B, "web", "role", "STANDBY");
    json_decref(bench_ok(b, "site-b", "protection-group delete", WEB, "project",
                         project(b, SIM_SITE_B), "peer-is-gone", "burnt down", "!yes", "!force",
                         NULL));
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
    assert_int_equal(cinder_groups(b, SIM_SITE_B), 0);
    recorded(b, SIM_SITE_B, "alone", "protection_group.delete_peer_gone", "burnt down");

    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    bench_carry(b);
    bench_settle(b);
    column_is(b, SIM_SITE_A, "web", "role", "ACTIVE"); /* told, and nothing is stopped */
    column_is(b, SIM_SITE_A, "web", "status", "active");
    untouched(b);
}

static err_t *restored_fn(struct exchange_tx *tx)
{
    return sync_restored(tx->state, &tx->context, tx->effects);
}

/* B4.  A database that was put back, in a delete that was accepted: nobody is left to ask. */
static void test_b4_recovering(void **state)
{
    AUTO(bench) b = bench_create_protected(306);
    struct bench_death death = {"after-intent", "array.settle", false};
    g_autofree char *id = column(b, SIM_SITE_A, "web", "id");
    struct exchange_call restored = {.pg_id = id, .fn = restored_fn};
    (void)state;

    bench_dies_at(b, SIM_SITE_A, "settle", &death);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    assert_true(death.died);
    struct db *db = process_db_get(&b->site[SIM_SITE_A].p);
    err_t *e = exchange_act(&b->site[SIM_SITE_A].p.exchange, db, &restored, NULL);
    process_db_put(&b->site[SIM_SITE_A].p, db);
    assert_null(e);
    bench_lose(b, SIM_SITE_B);
    bench_revive(b, SIM_SITE_A);
    bench_pass(b, 60000);
    column_is(b, SIM_SITE_A, "web", "status", "recovering");
    json_decref(bench_ok(b, "site-a", "protection-group delete", WEB, "project",
                         project(b, SIM_SITE_A), "peer-is-gone", "burnt down", "!yes", NULL));
    column_is(b, SIM_SITE_A, "web", "role", "TOMBSTONE");
    assert_int_equal(cinder_groups(b, SIM_SITE_A), 0);
    untouched(b);
}

/* ---- unprotect ---- */

/*
 * B4.  B is still settling a removed member, and has done its array's part, when it is told that
 * the group is gone: all of it goes, not only what the older settling had yet to do.
 */
static void test_b4_gone_while_settling(void **state)
{
    AUTO(bench) b = bench_create_protected(318);
    struct bench_death death = {"after-outcome", "array.settle", false};
    g_autofree char *server = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    const char *sides = "SELECT COUNT(*) FROM sides WHERE array LIKE '%b%'";
    (void)state;

    assert_true(bench_arrays_int(b, sides) > 0);
    bench_dies_at(b, SIM_SITE_B, "settle", &death);
    json_decref(
        bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", server, NULL));
    bench_settle(b);
    assert_true(death.died);
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "site-a", "protection-group delete", WEB, "project",
                         project(b, SIM_SITE_A), "peer-is-gone", "burnt down", "!yes", NULL));
    bench_api(b, SIM_SITE_B, true);
    bench_carry(b);
    bench_revive(b, SIM_SITE_B);
    b_returns(b);
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
    assert_int_equal(cinder_groups(b, SIM_SITE_B), 0);
    assert_int_equal(bench_arrays_int(b, sides), 0);
}

static void unprotect(struct bench *b)
{
    json_decref(bench_ok(b, "site-a", "protection-group unprotect", WEB, "project",
                         project(b, SIM_SITE_A), "reason", "burnt down", "!yes", NULL));
}

static json_t *listed(struct bench *b, const char *cloud)
{
    g_autoptr(json_t) list = bench_ok(b, cloud, "protection-group list", "!no-carry", NULL);

    return json_incref(json_object_get(list, "rows"));
}

/* B4.  Unprotected: listed, readable, unchangeable; its servers run; a user may delete it. */
static void test_b4_unprotect(void **state)
{
    AUTO(bench) b = bench_create_protected(311);
    (void)state;

    bench_lose(b, SIM_SITE_B);
    bench_fails(b, "protector.forbidden", "prod-a", "protection-group unprotect", WEB, "reason",
                "burnt down", "!yes", NULL);
    unprotect(b);
    bench_settle(b);
    column_is(b, SIM_SITE_A, "web", "role", "TOMBSTONE");
    column_is(b, SIM_SITE_A, "web", "status", "unprotected");
    recorded(b, SIM_SITE_A, "unprotected", "protection_group.unprotect", "burnt down");
    untouched(b);
    assert_int_equal(cinder_groups(b, SIM_SITE_A), 1);

    g_autoptr(json_t) group = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);
    assert_string_equal(bench_field(group, "status"), "unprotected");
    g_autoptr(json_t) rows = listed(b, "prod-a");
    assert_int_equal(json_array_size(rows), 1);
    json_decref(bench_ok(b, "prod-a", "protection-group member-list", WEB, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group sync-log", WEB, NULL));
    bench_fails(b, "protector.group.state", "prod-a", "protection-group failover", WEB,
                "!unplanned", "reason", "x", NULL);
    assert_null(bench_try(b, "prod-a", "protection-group update", WEB, "description", "x", NULL));
    bench_fails(b, "protector.group.state", "site-a", "protection-group unprotect", WEB, "project",
                project(b, SIM_SITE_A), "reason", "again", "!yes", NULL);

    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    bench_fails(b, "protector.group.not_found", "prod-a", "protection-group show", WEB, NULL);
    assert_int_equal(cinder_groups(b, SIM_SITE_A), 0);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM pg_members"), 0);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "trusts")), 0);
    untouched(b);
}

/* B4.  The standby that was given up returns: it is told, takes its side away, and ends. */
static void test_b4_standby_returns(void **state)
{
    AUTO(bench) b = bench_create_protected(312);
    (void)state;

    bench_lose(b, SIM_SITE_B);
    unprotect(b);
    b_returns(b);
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
    assert_int_equal(cinder_groups(b, SIM_SITE_B), 0);
    column_is(b, SIM_SITE_A, "web", "status", "unprotected");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT outbox_count FROM protection_groups"), 0);
    untouched(b);
}

static int64_t alarms(struct bench *b, int site)
{
    return bench_sql_int(b, site,
                         "SELECT COUNT(*) FROM sync_log WHERE event = 'alarm' AND message LIKE "
                         "'PEER_GONE%'");
}

/* B runs the servers in an epoch that A, which gave it up, never heard of. */
static struct bench *b_lives(uint64_t seed)
{
    struct bench *b = bench_create_protected(seed);

    bench_api(b, SIM_SITE_B, false); /* A's people see nothing of B */
    unprotect(b);
    bench_api(b, SIM_SITE_B, true);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    bench_carry(b);
    bench_settle(b);
    column_is(b, SIM_SITE_B, "web", "role", "ACTIVE");
    assert_int_equal(alarms(b, SIM_SITE_B), 1);
    bench_servers_are(b, SIM_SITE_B, "active");
    return b;
}

/* B4.  Told GONE in its own epoch, B raises an alarm and stops nothing; its delete needs nobody. */
static void test_b4_active_returns(void **state)
{
    AUTO(bench) b = b_lives(313);
    (void)state;

    json_decref(bench_ok(b, "prod-b", "protection-group delete", WEB, NULL));
    bench_settle(b);
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_carry(b);
    column_is(b, SIM_SITE_A, "web", "status", "unprotected");
}

/* B4.  Nor does its unprotect, though A answers. */
static void test_b4_active_unprotects(void **state)
{
    AUTO(bench) b = b_lives(314);
    (void)state;

    json_decref(bench_ok(b, "site-b", "protection-group unprotect", WEB, "project",
                         project(b, SIM_SITE_B), "reason", "A gave it up", "!yes", NULL));
    column_is(b, SIM_SITE_B, "web", "status", "unprotected");
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* B4.  A delete at B meets the GONE in its own call: it goes on without A. */
static void test_b4_delete_meets_gone(void **state)
{
    AUTO(bench) b = bench_create_protected(315);
    (void)state;

    b->site[SIM_SITE_A].unwatched = true; /* else it knows of B's epoch, and deletes nothing */
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "site-a", "protection-group delete", WEB, "project",
                         project(b, SIM_SITE_A), "peer-is-gone", "they say", "!yes", NULL));
    bench_api(b, SIM_SITE_B, true);
    json_decref(bench_ok(b, "prod-b", "protection-group delete", WEB, NULL));
    bench_settle(b);
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* An unprotect ends what runs for the group: a change that nobody answers, and its operation. */
static void test_b4_unprotect_undecided(void **state)
{
    AUTO(bench) b = bench_create_protected(316);
    (void)state;

    bench_change_left(b);
    bench_lose(b, SIM_SITE_B);
    unprotect(b);
    bench_settle(b);
    column_is(b, SIM_SITE_A, "web", "status", "unprotected");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_operations WHERE is_open = 1"),
                     0);
    g_autofree char *status =
        bench_sql(b, SIM_SITE_A,
                  "SELECT status FROM dr_operations WHERE operation_type = 'update'");
    assert_string_equal(status, "superseded");
    untouched(b);
}

/* ---- a whole site ---- */

static json_t *decommission(struct bench *b)
{
    return bench_try(b, "site-a", "site decommission", "site", "site-b", "reason", "burnt down",
                     "!yes", NULL);
}

static void site_status_is(struct bench *b, const char *wanted)
{
    g_autofree char *is =
        bench_sql(b, SIM_SITE_A, "SELECT status FROM sites WHERE name = 'site-b'");

    assert_string_equal(is, wanted);
}

static void recorded_site(struct bench *b, const char *why)
{
    g_autofree char *reason =
        bench_sql(b, SIM_SITE_A, "SELECT status_reason FROM sites WHERE name = 'site-b'");

    assert_non_null(strstr(reason, why));
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM audit_log WHERE action = "
                                   "'site.decommission'"),
                     1);
}

/* No group is made with B any more, neither here nor on its own proposal, and no look opens it. */
static void site_is_closed_for_all(struct bench *b)
{
    bench_fails(b, "protector.site.decommissioned", "prod-a", "protection-group create", "name",
                "new", PAIR, TYPE, NULL);
    g_autofree char *keystone = sim_origin(b->sim, SIM_SITE_B, SIM_KEYSTONE);
    bench_fails(b, "protector.site.decommissioned", "site-a", "site create", "name", "site-b",
                "auth-url", keystone, "region-name", "RegionB", NULL);
    json_decref(bench_try(b, "site-a", "site validate", "site", "site-b", NULL));
    site_status_is(b, "decommissioned");
    assert_null(bench_try(b, "prod-b", "protection-group create", "name", "late", "primary-site",
                          "site-b", "secondary-site", "site-a", TYPE, "!wait", NULL));
    said(b, "decommissioned");
    bench_settle(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM protection_groups WHERE name = 'late' AND "
                                   "listed = 1"),
                     0);
}

/* Groups of every kind at A when B is lost: web is active, other is B's with A as standby, bare
 * likewise but without a policy: nothing of it can be failed over. */
static void every_kind(struct bench *b)
{
    create(b, "dying");
    json_decref(bench_ok(b, "prod-a", "protection-group delete", "protection-group", "dying",
                         "!no-wait", NULL));
    json_decref(bench_ok(b, "prod-b", "protection-group create", "name", "other", "primary-site",
                         "site-b", "secondary-site", "site-a", TYPE, "!wait", NULL));
    json_decref(bench_ok(b, "prod-b", "protection-group policy-create", "protection-group", "other",
                         "primary-fa-url", "https://array-b.lab", "primary-fa-token", "T-b",
                         "secondary-fa-url", "https://array-a.lab", "secondary-fa-token", "T-a",
                         "pure-pg-name", "pg-other", "replication-interval", "60", "rpo-minutes",
                         "15", NULL));
    json_decref(bench_ok(b, "prod-b", "protection-group create", "name", "bare", "primary-site",
                         "site-b", "secondary-site", "site-a", TYPE, "!wait", NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "unborn", PAIR, TYPE,
                         "!no-wait", "!no-carry", NULL));
    bench_lose(b, SIM_SITE_B);
    bench_settle(b);
}

/* B4.  B is given up: what is standby here is failed over first; then each group goes its way. */
static void test_b4_decommission(void **state)
{
    AUTO(bench) b = bench_create_protected(321);
    (void)state;

    every_kind(b);
    bench_fails(b, "protector.forbidden", "prod-a", "site decommission", "site", "site-b", "reason",
                "burnt down", "!yes", NULL);
    bench_fails(b, "protector.bad_request", "site-a", "site decommission", "site", "site-a",
                "reason", "burnt down", "!yes", "!force", NULL);
    bench_fails(b, "protector.conflict", "site-a", "site decommission", "site", "site-b", "reason",
                "burnt down", "!yes", NULL);
    said(b, "'other'");
    said(b, "protector protection-group failover pg-");
    site_status_is(b, "active");
    column_is(b, SIM_SITE_A, "web", "status", "active");

    bench_wait_point(b);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", "protection-group", "other",
                         "!unplanned", "reason", "burnt down", NULL));
    for (int i = 0; i < 2; i++) { /* a repetition finds all of it done */
        json_t *done = decommission(b);
        if (done == NULL)
            fail_msg("decommission: %s", b->last_error);
        json_decref(done);
        bench_settle(b);
        site_status_is(b, "decommissioned");
    }
    column_is(b, SIM_SITE_A, "web", "status", "unprotected");
    column_is(b, SIM_SITE_A, "other", "status", "unprotected");
    column_is(b, SIM_SITE_A, "dying", "role", "TOMBSTONE");
    column_is(b, SIM_SITE_A, "unborn", "role", "TOMBSTONE");
    column_is(b, SIM_SITE_A, "bare", "role", "TOMBSTONE");
    column_is(b, SIM_SITE_A, "dying", "listed", "0");
    column_is(b, SIM_SITE_A, "unborn", "listed", "0");
    assert_int_equal(cinder_groups(b, SIM_SITE_A), 2);
    recorded_site(b, "burnt down");
    untouched(b);

    b_returns(b);
    column_is(b, SIM_SITE_B, "web", "role", "TOMBSTONE");
    column_is(b, SIM_SITE_B, "dying", "role", "TOMBSTONE");
    /* B never heard what A did with its own: it is told, and it stays owed until B ends them, too
     */
    static const char *const own[] = {"other", "bare"};
    static const char owed[] = "SELECT SUM(outbox_count) FROM protection_groups";
    assert_int_equal(alarms(b, SIM_SITE_B), 2);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, owed), 2);
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
        column_is(b, SIM_SITE_B, own[i], "role", "ACTIVE");
        json_decref(
            bench_ok(b, "prod-b", "protection-group delete", "protection-group", own[i], NULL));
        bench_settle(b);
        bench_carry(b);
        column_is(b, SIM_SITE_B, own[i], "role", "TOMBSTONE");
    }
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, owed), 0);
    site_is_closed_for_all(b);
}

/* B4.  Nothing of a site that is given up waits for it: groups, mappings and its record go. */
static void test_b4_forgotten(void **state)
{
    AUTO(bench) b = bench_create_protected(322);
    (void)state;

    bench_lose(b, SIM_SITE_B);
    json_t *done = decommission(b);
    if (done == NULL)
        fail_msg("decommission: %s", b->last_error);
    json_decref(done);
    bench_fails(b, "protector.conflict", "site-a", "site delete", "site", "site-b", NULL);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    g_autofree char *mapping = bench_sql(b, SIM_SITE_A, "SELECT id FROM tenant_mappings");
    json_decref(bench_ok(b, "site-a", "tenant mapping delete", "mapping", mapping, NULL));
    json_decref(bench_ok(b, "site-a", "site delete", "site", "site-b", NULL));
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM sites"), 1);
    untouched(b);
}

/* B4.  The client dies in the midst of it: the site is closed, and a repetition completes it. */
static void test_b4_decommission_again(void **state)
{
    AUTO(bench) b = bench_create_protected(323);
    (void)state;

    create(b, "more");
    bench_lose(b, SIM_SITE_B);
    bench_client_dies_after(b, "POST", "*/decommission");
    assert_null(decommission(b));
    bench_client_lives(b);
    json_t *done = decommission(b);
    if (done == NULL)
        fail_msg("decommission: %s", b->last_error);
    json_decref(done);
    site_status_is(b, "decommissioned");
    column_is(b, SIM_SITE_A, "web", "status", "unprotected");
    column_is(b, SIM_SITE_A, "more", "status", "unprotected");
}

struct trouble {
    enum faulty_point point;
    int nth, times;
    bool happens;
    struct faulty *last;
};

static void trouble_on(void *data, struct bench_site *site, struct db *db)
{
    struct trouble *t = data;

    (void)site;
    if (t->last != NULL)
        return;
    t->last = faulty_stack(db);
    faulty_arm(t->last, t->point, t->nth, t->times, ERR_DB, t->happens);
}

/* A group that was given up before a failure that stays is in its words. */
static void told_what_ended(struct bench *b)
{
    static const char *const names[] = {"web", "more"};

    for (size_t i = 0; i < G_N_ELEMENTS(names) && b->last_error != NULL; i++) {
        g_autofree char *role = column(b, SIM_SITE_A, names[i], "role");
        if (g_str_equal(role, "TOMBSTONE"))
            said(b, names[i]);
    }
}

/* The nth COMMIT or statement fails, or 'times' from there on; true if it came so far. */
static bool cut_off(enum faulty_point point, int nth, int times, bool happens)
{
    AUTO(bench) b = bench_create(331);
    struct trouble t = {point, nth, times, happens, NULL};
    static const char left[] = "SELECT COUNT(*) FROM protection_groups WHERE role <> 'TOMBSTONE'";

    bench_register(b);
    create(b, "web");
    create(b, "more");
    bench_lose(b, SIM_SITE_B);
    bench_engine(b, SIM_SITE_A, false);
    g_ptr_array_set_size(b->site[SIM_SITE_A].p.idle, 0);
    b->site[SIM_SITE_A].on_db = trouble_on;
    b->site[SIM_SITE_A].on_db_data = &t;
    json_decref(decommission(b));
    if (!happens) /* else the site itself does not know */
        told_what_ended(b);
    assert_non_null(t.last);
    bool struck = faulty_failed(t.last, point) > 0;
    b->site[SIM_SITE_A].on_db = NULL;
    g_ptr_array_set_size(b->site[SIM_SITE_A].p.idle, 0);
    bench_engine(b, SIM_SITE_A, true);
    json_t *done = decommission(b);
    if (done == NULL)
        fail_msg("%d: not completed: %s", nth, b->last_error);
    json_decref(done);
    site_status_is(b, "decommissioned");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, left), 0);
    return struck;
}

/* B4.  The database fails at any COMMIT, done or not, or statement: a repetition completes it. */
static void test_b4_cut_off(void **state)
{
    static const struct {
        enum faulty_point point;
        bool happens;
        int stride, least, times;
    } kinds[] = {
        {FAULTY_COMMIT, false, 1, 4, 1},
        {FAULTY_COMMIT, true, 1, 4, 1},
        {FAULTY_COMMIT, false, 1, 4, 1000},
        {FAULTY_STATEMENT, false, 5, 40, 1},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        int nth = 1;
        while (nth < 400 && cut_off(kinds[i].point, nth, kinds[i].times, kinds[i].happens))
            nth += kinds[i].stride;
        if (nth < kinds[i].least || nth >= 400)
            fail_msg("the last one was number %d", nth);
    }
}

/*
 * B4.  A has deleted the group together with B, its database is put back to before that, and a
 * person claims there; B has ended its part meanwhile.  A fork with nothing on the other side: no
 * verb but one fits, and the words name it (walk 213 of its time).
 */
static void test_b4_fork_with_an_end(void **state)
{
    AUTO(bench) b = bench_create_protected(491);
    (void)state;

    bench_db_copy(b, SIM_SITE_A, "before");
    bench_engine(b, SIM_SITE_B, false); /* its settling waits */
    json_decref(bench_try(b, "prod-a", "protection-group delete", WEB, "!no-wait", NULL));
    bench_pass(b, 5000);
    bench_carry(b);
    bench_pass(b, 5000);
    bench_api(b, SIM_SITE_B, false);
    bench_db_put_back(b, SIM_SITE_A, "before");
    bench_db_noticed(b, SIM_SITE_A);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "reason",
                         "it was lost", "!force", "!yes", NULL));
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_api(b, SIM_SITE_B, true);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_status_is(b, SIM_SITE_A, "split_brain");
    bench_engine(b, SIM_SITE_B, true);
    bench_settle(b);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_fails(b, "protector.sync.split_brain", "prod-a", "protection-group delete", WEB, NULL);
    assert_non_null(strstr(b->last_error, "protection-group unprotect web"));
    unprotect(b);
    bench_settle(b);
    column_is(b, SIM_SITE_A, "web", "status", "unprotected");
    bench_servers_are(b, SIM_SITE_A, "active");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b4_delete_alone),
        cmocka_unit_test(test_b4_fork_with_an_end),
        cmocka_unit_test(test_b4_staged_delete),
        cmocka_unit_test(test_b4_other_change),
        cmocka_unit_test(test_b4_alive),
        cmocka_unit_test(test_b4_standby),
        cmocka_unit_test(test_b4_recovering),
        cmocka_unit_test(test_b4_gone_while_settling),
        cmocka_unit_test(test_b4_unprotect),
        cmocka_unit_test(test_b4_standby_returns),
        cmocka_unit_test(test_b4_active_returns),
        cmocka_unit_test(test_b4_active_unprotects),
        cmocka_unit_test(test_b4_delete_meets_gone),
        cmocka_unit_test(test_b4_unprotect_undecided),
        cmocka_unit_test(test_b4_decommission),
        cmocka_unit_test(test_b4_forgotten),
        cmocka_unit_test(test_b4_decommission_again),
        cmocka_unit_test(test_b4_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
