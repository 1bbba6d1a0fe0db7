/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stories A1 to A11 of the sync protocol that must end well: the critical ones, as far as their
 * verbs exist.  Each test bears its number; what is left of a story stands beside its test with the
 * issue that owns it.  A3 and A4 (handover, drill) belong wholly to "Every DR operation of the
 * manual", A7 (restore) to "Proof"; A8 is test_stories_watch.c.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

/* Failover at B although A's cloud lives: a person says so. */
static void failover_forced(struct bench *b)
{
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "wrong operator", NULL));
}

/*
 * A1.  A takes its group back out of a staged change while B fails over: two epochs, of the two
 * parities, never one with two active sites; the fork is told and nothing is stopped.
 * (The same with a handover: "Every DR operation of the manual".)
 */
static void test_a1(void **state)
{
    AUTO(bench) b = bench_create_protected(11);
    (void)state;

    bench_change_left(b);
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "nobody answers", NULL));
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_api(b, SIM_SITE_B, true);
    bench_api(b, SIM_SITE_A, false);
    failover_forced(b);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_api(b, SIM_SITE_A, true);
    assert_true(bench_epoch(b, SIM_SITE_A) > 0);
    assert_true(bench_epoch(b, SIM_SITE_B) > 0);
    assert_int_not_equal(bench_epoch(b, SIM_SITE_A) % 2, bench_epoch(b, SIM_SITE_B) % 2);

    json_decref(bench_try(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_status_is(b, i, "split_brain");
        bench_servers_are(b, i, "active");
    }
}

/* A2: whenever a server exists at B, B's database says that B is active, in an epoch of its own. */
static void claimed_before_boot(void *data, struct bench_site *site, const char *where,
                                const char *step)
{
    int *seen = data;
    size_t servers = json_object_size(sim_table(site->bench->sim, SIM_SITE_B, "servers"));

    (void)where;
    if (servers == 0)
        return;
    (*seen)++;
    g_autofree char *role =
        bench_sql(site->bench, SIM_SITE_B, "SELECT role FROM protection_groups");
    if (g_strcmp0(role, "ACTIVE") != 0 || bench_epoch(site->bench, SIM_SITE_B) == 0)
        fail_msg("at step %s servers run at site-b, which is %s", step, role);
}

/*
 * A2.  The epoch is raised before the first server boots; and while B prepares, it refuses A's
 * proposals.  (A drill or planned failover at A meanwhile: "Every DR operation of the manual".)
 */
static void test_a2(void **state)
{
    AUTO(bench) b = bench_create_protected(12);
    struct bench_site *site = &b->site[SIM_SITE_B];
    int seen = 0;
    (void)state;

    bench_lose(b, SIM_SITE_A);
    site->on_boundary = claimed_before_boot;
    site->on_boundary_data = &seen;
    site->stays_dead = true;
    bench_crash_at(b, SIM_SITE_B, "failover", 12);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                         "power", "!no-wait", "!yes", NULL));
    bench_pass(b, 30000);
    assert_non_null(site->crash_where);
    bench_role_is(b, SIM_SITE_B, "STANDBY");

    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 5000);
    g_autofree char *before = bench_position(b, SIM_SITE_A);
    bench_fails(b, "protector.peer.refused", "prod-a", "protection-group update", WEB,
                "description", "meanwhile", NULL);
    bench_settle(b);
    g_autofree char *after = bench_position(b, SIM_SITE_A);
    assert_string_equal(before, after);

    site->stays_dead = false;
    bench_engine(b, SIM_SITE_B, true);
    bench_settle(b);
    assert_true(seen > 0);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* A5.  Success is told only when the peer has it; whoever comes next finishes what was begun. */
static void a5_one(int request, bool arrives, bool *ret_died)
{
    AUTO(bench) b = bench_create_protected(13);

    bench_client_dies_at(b, request, arrives);
    g_autoptr(json_t) told =
        bench_try(b, "prod-a", "protection-group update", WEB, "description", "new", NULL);
    *ret_died = b->client_budget == 0;
    bench_client_lives(b);
    g_autofree char *a = bench_sql(b, SIM_SITE_A, "SELECT description FROM protection_groups");
    g_autofree char *z = bench_sql(b, SIM_SITE_B, "SELECT description FROM protection_groups");
    if (told != NULL && g_strcmp0(z, "new") != 0)
        fail_msg("death at request %d: told as done, but site-b has '%s'", request, z);
    if (g_strcmp0(a, "new") == 0 && g_strcmp0(z, "new") != 0)
        fail_msg("death at request %d: site-a committed before site-b had it", request);
    bench_settle(b);
    g_autoptr(json_t) forced = bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL);
    assert_int_equal(json_int(forced, "exit", -1), 0);
    bench_settle(b);
    bench_in_sync(b);
}

static void test_a5(void **state)
{
    bool died = true;
    int request = 1;
    (void)state;

    for (; died && request < 100; request++) {
        a5_one(request, false, &died);
        if (died)
            a5_one(request, true, &died);
    }
    assert_true(request > 10 && request < 100);
}

/* A6.  B goes several positions ahead alone; A adopts them all at once. */
static void test_a6(void **state)
{
    AUTO(bench) b = bench_create_protected(14);
    (void)state;

    int64_t before = bench_sql_int(b, SIM_SITE_A, "SELECT version FROM protection_groups");
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    assert_true(bench_sql_int(b, SIM_SITE_B, "SELECT version FROM protection_groups") >=
                before + 2);
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT version FROM protection_groups"), before);
    g_autoptr(json_t) forced =
        bench_ok(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL);
    assert_int_equal(json_int(forced, "exit", -1), 0);
    bench_settle(b);
    bench_in_sync(b);
    bench_role_is(b, SIM_SITE_A, "STANDBY");
}

static void failed_over_once(struct bench *b)
{
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), 2);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 4);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "ports"), 2);
    bench_ledger_holds(b, SIM_SITE_B);
}

/* A9, first half: the answer of a POST is lost, or comes late: nothing is made twice. */
static void test_a9_lost_answers(void **state)
{
    static const struct sim_fault faults[] = {
        {.service = "nova", .method = "POST", .path = "*/servers"},
        {.service = "cinder", .method = "POST", .path = "*/volumes"},
        {.service = "neutron", .method = "POST", .path = "*/ports*"},
        {.service = "neutron", .method = "POST", .path = "*/security-groups*"},
        {.service = "neutron", .method = "POST", .path = "*/security-group-rules*"},
        {.service = "nova", .method = "POST", .path = "*/os-keypairs*"},
    };
    static const enum sim_fault_kind kinds[] = {SIM_FAULT_TIMEOUT_AFTER, SIM_FAULT_TIMEOUT_BEFORE,
                                                SIM_FAULT_TRUNCATE, SIM_FAULT_DUPLICATE};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(faults) * G_N_ELEMENTS(kinds); i++) {
        AUTO(bench) b = bench_create_protected(15);
        struct sim_fault fault = faults[i % G_N_ELEMENTS(faults)];
        fault.kind = kinds[i / G_N_ELEMENTS(faults)];
        if (fault.kind == SIM_FAULT_DUPLICATE && !g_str_has_suffix(fault.path, "/servers"))
            continue; /* only a boot is exclusive by what it boots from */
        fault.site = SIM_SITE_B;
        fault.count = 1;
        bench_lose(b, SIM_SITE_A);
        bench_bare(b, SIM_SITE_B);
        sim_fault_add(b->sim, &fault);
        json_decref(bench_failover(b, SIM_SITE_B));
        failed_over_once(b);
        bench_brought(b, SIM_SITE_B);
    }
}

/* An engine that was stopped just before its call, while a second one finished the operation. */
struct sleeper {
    const char *step;
    bool slept;
};

static void sleep_before_call(void *data, struct bench_site *site, const char *where,
                              const char *step)
{
    struct sleeper *s = data;
    struct bench_site second = *site;

    if (s->slept || !g_str_equal(where, "after-intent") || !g_str_equal(step, s->step))
        return;
    s->slept = true;
    bench_second_engine(site, &second);
}

/* A9, second half: E1 sleeps before its call, E2 takes over and ends the operation, E1 wakes. */
static void test_a9_sleeper(void **state)
{
    static const char *const steps[] = {"server.boot", "volume.manage", "port.create",
                                        "group.claim"};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        AUTO(bench) b = bench_create_protected(16);
        struct sleeper sleeper = {steps[i], false};
        bench_lose(b, SIM_SITE_A);
        b->site[SIM_SITE_B].lock_file = false;
        b->site[SIM_SITE_B].on_boundary = sleep_before_call;
        b->site[SIM_SITE_B].on_boundary_data = &sleeper;
        json_decref(bench_failover(b, SIM_SITE_B));
        bench_settle(b);
        if (!sleeper.slept)
            fail_msg("no step %s", steps[i]);
        failed_over_once(b);
        bench_role_is(b, SIM_SITE_B, "ACTIVE");
    }
}

/* The same while a group is taken away: another one of the project keeps the trust alive. */
static void test_a9_sleeper_of_a_settling(void **state)
{
    AUTO(bench) b = bench_create_protected(18);
    struct sleeper sleeper = {"cg.settle", false};
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "other",
                         "replication-type", "async", "primary-site", "site-a", "secondary-site",
                         "site-b", "volume-type", "replicated-ssd", "!wait", NULL));
    b->site[SIM_SITE_A].lock_file = false;
    b->site[SIM_SITE_A].on_boundary = sleep_before_call;
    b->site[SIM_SITE_A].on_boundary_data = &sleeper;
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    assert_true(sleeper.slept);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "groups")), 1);
}

/* A9: an operation that failed before its claim is unwound; the next one makes everything once. */
static void test_a9_second_operation(void **state)
{
    AUTO(bench) b = bench_create_protected(17);
    struct sim_fault full = {.site = SIM_SITE_B,
                             .service = "cinder",
                             .method = "POST",
                             .path = "*/volumes",
                             .skip = 2,
                             .kind = SIM_FAULT_STATUS,
                             .status = 400,
                             .body = "{\"badRequest\": {\"message\": \"no\"}}"};
    (void)state;

    bench_lose(b, SIM_SITE_A);
    sim_fault_add(b->sim, &full);
    json_decref(bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                          "power", NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 0);
    bench_ledger_holds(b, SIM_SITE_B);
    sim_fault_clear(b->sim);
    json_decref(bench_failover(b, SIM_SITE_B));
    failed_over_once(b);
}

/*
 * A, alive, serves on and claims out of a staged change after B was made active: neither position
 * covers the other.  Both sites keep what they run, and know of the fork.
 */
static void fork_made(struct bench *b)
{
    bench_change_left(b);
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "alone", NULL));
    bench_api(b, SIM_SITE_B, true);
    bench_api(b, SIM_SITE_A, false);
    failover_forced(b);
    bench_api(b, SIM_SITE_A, true);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_status_is(b, i, "split_brain");
        bench_servers_are(b, i, "active");
    }
}

/* What the loser held stands in its own log, with its bundle. */
static void losing_chain_kept(struct bench *b, int loser, const char *lost)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT COUNT(*) FROM sync_log WHERE event = 'lost' AND position = '%s' AND bundle IS NOT "
        "NULL",
        lost);

    assert_int_equal(bench_sql_int(b, loser, sql), 1);
}

/* The demotion's result names each server that ran, and until when; it is inside [from, now]. */
static void ran_until(struct bench *b, int site, int64_t from_ms)
{
    static const char *const names[] = {"web-1", "db-1"};
    g_autofree char *text =
        bench_sql(b, site, "SELECT result FROM dr_operations WHERE operation_type = 'demote'");
    g_autoptr(json_t) result = NULL;
    size_t i;
    json_t *row;

    if (text == NULL)
        fail_msg("no demotion at %s", bench_site_name(site));
    assert_null(json_parse(text, strlen(text), "result", &result));
    assert_int_equal(json_array_size(json_arr(result, "ran")), G_N_ELEMENTS(names));
    json_array_foreach(json_arr(result, "ran"), i, row)
    {
        int64_t until_ms = time_parse(json_str_or(row, "until", ""));
        const json_t *server = sim_find(b->sim, site, "servers", json_str_or(row, "name", ""));
        assert_non_null(server);
        assert_string_equal(json_str_or(row, "server_id", ""), json_str_or(server, "id", "?"));
        if (until_ms < from_ms || until_ms > env_now_ms(&b->env))
            fail_msg("%s: ran until %s", text, json_str_or(row, "until", "?"));
        if (strstr(json_str_or(result, "text", ""), json_str_or(row, "until", "?")) == NULL)
            fail_msg("the time is not told: %s", text);
    }
}

/*
 * A10.  A fork stays until a person decides, for either site; then the loser's servers are stopped,
 * also those that no body of the winner ever held; nothing is deleted, what ran and until when is
 * named, the losing chain is kept.
 * (cleanup_source: "Every DR operation of the manual".)
 */
static void a10(int keep)
{
    AUTO(bench) b = bench_create_protected(18);
    int loser = 1 - keep;

    fork_made(b);
    bench_fails(b, "protector.sync.split_brain", "prod-a", "protection-group update", WEB,
                "description", "x", NULL);
    g_autofree char *lost = bench_position(b, loser);
    int64_t volumes = (int64_t)json_object_size(sim_table(b->sim, loser, "volumes"));
    int64_t decided_ms = env_now_ms(&b->env) - 1000; /* times are printed in seconds */

    json_decref(bench_ok(b, bench_tenant(keep), "protection-group sync-resolve", WEB, "keep",
                         bench_site_name(keep), "!yes", NULL));
    bench_settle(b);
    bench_servers_are(b, loser, "stopped locked");
    bench_servers_are(b, keep, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, loser, "volumes")), volumes);
    bench_role_is(b, loser, "STANDBY");
    bench_role_is(b, keep, "ACTIVE");
    bench_in_sync(b);
    losing_chain_kept(b, loser, lost);
    ran_until(b, loser, decided_ms);
    bench_ledger_holds(b, loser);
}

/* B claims and is stopped there, while A claims out of a staged change: a fork, and A is kept. */
static void overtake(struct bench *b, struct bench_death *o)
{
    struct sim_fault no_boot = {.site = SIM_SITE_B,
                                .service = "nova",
                                .method = "POST",
                                .path = "*/servers",
                                .kind = SIM_FAULT_STATUS,
                                .status = 400,
                                .body = "{\"badRequest\": {\"message\": \"no\"}}"};

    bench_change_left(b);
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "alone", NULL));
    bench_api(b, SIM_SITE_B, true);
    bench_api(b, SIM_SITE_A, false);
    bench_dies_at(b, SIM_SITE_B, "failover", o);
    if (o->step == NULL)
        sim_fault_add(b->sim, &no_boot);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "wrong operator", "!no-wait", "!yes", NULL));
    bench_pass(b, 60000);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    assert_int_equal(o->died, o->step != NULL);
    bench_api(b, SIM_SITE_A, true);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group sync-resolve", WEB, "keep", "site-a",
                         "!yes", NULL));
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_revive(b, SIM_SITE_B);
    sim_fault_clear(b->sim);
}

/* Everything that B's overtaken failover booted is stopped and locked; it boots nothing more. */
static void overtaken_ended(struct bench *b)
{
    const char *id;
    json_t *server;
    g_autofree char *status =
        bench_sql(b, SIM_SITE_B,
                  "SELECT status FROM dr_operations WHERE operation_type = 'failover'");

    assert_string_equal(status, "superseded");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE is_open = 1"),
                     0);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE state IN ('intent', "
                                   "'made')"),
                     0);
    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_B, "servers"), id, server)
    {
        g_autofree char *is = bench_server_state(b, SIM_SITE_B, json_str_or(server, "name", ""));
        assert_string_equal(is, "stopped locked");
    }
    bench_status_is(b, SIM_SITE_B, "active");
}

/*
 * A site that is overtaken in the midst of its failover ends it: nothing more is made, what was
 * booted is stopped, nobody is asked.
 */
static void test_a10_overtaken(void **state)
{
    static const struct bench_death cases[] = {
        {"after-outcome", "group.claim", false},  {"before-intent", "port.create", false},
        {"after-intent", "server.boot", false},   {"after-call", "server.boot", false},
        {"before-intent", "group.finish", false}, {NULL, NULL, false},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO(bench) b = bench_create_protected(20);
        struct bench_death o = cases[i];
        overtake(b, &o);
        size_t servers = json_object_size(sim_table(b->sim, SIM_SITE_B, "servers"));
        size_t ports = json_object_size(sim_table(b->sim, SIM_SITE_B, "ports"));
        bench_settle(b);
        bench_pass(b, 60000);
        overtaken_ended(b);
        assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), servers);
        assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "ports")), ports);
        bench_servers_are(b, SIM_SITE_A, "active");
        bench_in_sync(b);
    }
}

static void test_a10_keep_a(void **state)
{
    (void)state;
    a10(SIM_SITE_A);
}

static void test_a10_keep_b(void **state)
{
    (void)state;
    a10(SIM_SITE_B);
}

/* ---- a claim whose plan was overtaken (design section 6, rule 4) ---- */

/* B's failover dies while it prepares, or with the claim's intent written; A moves on, B is told.
 */
static void overtaken_claim(struct bench_death o, bool other_epoch)
{
    AUTO(bench) b = bench_create_protected(23);

    if (other_epoch)
        bench_change_left(b);
    bench_dies_at(b, SIM_SITE_B, "failover", &o);
    bench_api(b, SIM_SITE_A, false);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "seems dead", "!no-wait", "!yes", NULL));
    bench_api(b, SIM_SITE_A, true);
    bench_pass(b, 60000);
    assert_true(o.died);
    bench_api(b, SIM_SITE_B, false);
    if (other_epoch)
        json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                             "reason", "nobody answers", NULL));
    else
        bench_fact(b, NULL);
    bench_api(b, SIM_SITE_B, true);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    g_autofree char *moved = bench_position(b, SIM_SITE_A);
    g_autofree char *told = bench_position(b, SIM_SITE_B);
    assert_string_equal(moved, told);
    bench_role_is(b, SIM_SITE_B, "STANDBY");

    bench_revive(b, SIM_SITE_B);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    failed_over_once(b);
    if (g_str_equal(o.step, "group.claim")) /* all was made before A moved on */
        assert_int_equal(sim_count(b->sim, SIM_SITE_B, "cinder", "POST", "*/volumes"),
                         other_epoch ? 8 : 4);
    g_autofree char *status =
        bench_sql(b, SIM_SITE_B,
                  "SELECT status FROM dr_operations WHERE operation_type = 'failover'");
    assert_string_equal(status, "completed");
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_in_sync(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
}

/* In the same epoch what was made is adopted; in another one it is taken back first. */
static void test_claim_overtaken(void **state)
{
    static const struct bench_death cases[] = {
        {"before-intent", "volume.manage", false},
        {"before-intent", "group.claim", false},
        {"after-intent", "group.claim", false},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        if (i > 0)
            overtaken_claim(cases[i], false);
        overtaken_claim(cases[i], true);
    }
}

/* While A prepares to take its group back, the peer's acceptance comes: there is nothing to force,
 * whatever the claim's intent said. */
static void test_claim_needless(void **state)
{
    static const struct bench_death cases[] = {
        {"after-outcome", "peer.probe", false},
        {"before-intent", "group.claim", false},
        {"after-intent", "group.claim", false},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO(bench) b = bench_create_protected(24);
        struct bench_death o = cases[i];
        bench_change_left(b);
        bench_dies_at(b, SIM_SITE_A, "reclaim", &o);
        bench_api(b, SIM_SITE_B, false);
        json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                             "reason", "nobody answers", "!no-wait", "!yes", NULL));
        bench_pass(b, 30000);
        bench_api(b, SIM_SITE_B, true);
        assert_true(o.died);
        json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
        bench_revive(b, SIM_SITE_A);
        bench_settle(b);
        g_autofree char *status =
            bench_sql(b, SIM_SITE_A,
                      "SELECT status FROM dr_operations WHERE operation_type = 'reclaim'");
        assert_string_equal(status, "failed");
        assert_int_equal(bench_epoch(b, SIM_SITE_A), 0);
        bench_role_is(b, SIM_SITE_A, "ACTIVE");
        bench_status_is(b, SIM_SITE_A, "active");
        bench_in_sync(b);
    }
}

/* A server of site A as the cloud keeps it, for what a tenant or a dead host does to it. */
static json_t *server_at_a(struct bench *b, const char *name)
{
    json_t *server = (json_t *)sim_find(b->sim, SIM_SITE_A, "servers", name);

    assert_non_null(server);
    return server;
}

static void server_is(struct bench *b, int site, const char *name, const char *state)
{
    g_autofree char *is = bench_server_state(b, site, name);

    if (!g_str_equal(is, state))
        fail_msg("%s at %s is '%s', not '%s'", name, bench_site_name(site), is, state);
}

static void failed_over_to_b(struct bench *b)
{
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    b->site[SIM_SITE_A].unwatched = true; /* what a client brings is what stops them */
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
}

/*
 * A demotion stops what it finds in whatever state: paused and suspended servers rest already,
 * rescued ones and unconfirmed resizes are made ordinary ones first.
 */
static void test_demote_states(void **state)
{
    static const char *const cases[][3] = {
        {"paused", "paused locked", "PAUSED"},    {"suspended", "suspended locked", "SUSPENDED"},
        {"rescued", "stopped locked", "RESCUE"},  {"resized", "stopped locked", "VERIFY_RESIZE"},
        {"stopped", "stopped locked", "SHUTOFF"},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO(bench) b = bench_create_protected(21);
        failed_over_to_b(b);
        json_t *server = server_at_a(b, "web-1");
        json_set_str(server, "vm_state", cases[i][0]);
        json_set(server, "metadata",
                 json_pack("{s:s, s:s}", "protector:was", "an earlier one", "protector:stopped_for",
                           "-1"));
        json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
        bench_settle(b);
        server_is(b, SIM_SITE_A, "web-1", cases[i][1]);
        server_is(b, SIM_SITE_A, "db-1", "stopped locked");
        assert_string_equal(json_str_or(json_obj(server, "metadata"), "protector:was", ""),
                            cases[i][2]);
        assert_int_equal(sim_count(b->sim, SIM_SITE_A, "nova", "POST", "*/metadata"), 2);
    }
}

/* A demotion that waits for a dead host stops nothing of a site that is active again. */
static void test_demote_ends(void **state)
{
    AUTO(bench) b = bench_create_protected(22);
    (void)state;

    failed_over_to_b(b);
    json_set_str(server_at_a(b, "db-1"), "task_state", "powering-off");
    json_decref(
        bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", "!no-wait", NULL));
    bench_pass(b, 120000);
    server_is(b, SIM_SITE_A, "db-1", "active locked");
    bench_lose(b, SIM_SITE_B);
    json_decref(bench_failover(b, SIM_SITE_A));
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    json_set(server_at_a(b, "db-1"), "task_state", NULL);
    int asked = sim_count(b->sim, SIM_SITE_A, "nova", "POST", "*/action");
    bench_settle(b);
    bench_pass(b, 120000);
    server_is(b, SIM_SITE_A, "db-1", "active locked");
    assert_int_equal(sim_count(b->sim, SIM_SITE_A, "nova", "POST", "*/action"), asked);
    g_autofree char *status =
        bench_sql(b, SIM_SITE_A,
                  "SELECT status FROM dr_operations WHERE operation_type = 'demote'");
    assert_string_equal(status, "superseded");
}

static int64_t points(struct bench *b)
{
    g_autofree char *dsn = g_strdup_printf("sqlite:///%s/arrays/mock.db", b->dir);
    AUTO(db) db = NULL;
    AUTO(db_rows) rows = NULL;

    assert_null(db_open(dsn, &db));
    assert_null(
        db_query(db, &rows, "SELECT COUNT(*) FROM points WHERE array LIKE '%array-b%'", ""));
    return db_int(rows, 0, 0);
}

/*
 * A11.  After the failover A returns and its engine goes on pushing: nothing arrives, as B fenced
 * the old direction before its first copy; and a failover back takes a point that B made in its
 * epoch.  (Failback from a point of the reversed direction: "Every DR operation of the manual".)
 */
static void test_a11(void **state)
{
    AUTO(bench) b = bench_create_protected(19);
    (void)state;

    int64_t before = points(b);
    bench_pass(b, 180000);
    assert_true(points(b) >= before + 2);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    int64_t lineage_of_b = bench_epoch(b, SIM_SITE_B);
    int64_t after = points(b);
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 600000);
    assert_int_equal(points(b), after);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "back", NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    g_autofree char *chosen = bench_sql(
        b, SIM_SITE_A,
        "SELECT s.result FROM dr_steps s JOIN dr_operations o ON o.id = s.op_id WHERE s.step_key ="
        " 'point.choose' AND o.operation_type = 'failover'");
    g_autofree char *lineage = g_strdup_printf("\"lineage\":%" G_GINT64_FORMAT ",", lineage_of_b);
    if (chosen == NULL || strstr(chosen, lineage) == NULL)
        fail_msg("the recovery point is not of the lineage %s: %s", lineage, chosen);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind = 'server' AND "
                                   "state = 'released'"),
                     2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a1),
        cmocka_unit_test(test_a2),
        cmocka_unit_test(test_a5),
        cmocka_unit_test(test_a6),
        cmocka_unit_test(test_a9_lost_answers),
        cmocka_unit_test(test_a9_sleeper),
        cmocka_unit_test(test_a9_sleeper_of_a_settling),
        cmocka_unit_test(test_a9_second_operation),
        cmocka_unit_test(test_a10_overtaken),
        cmocka_unit_test(test_a10_keep_a),
        cmocka_unit_test(test_a10_keep_b),
        cmocka_unit_test(test_claim_overtaken),
        cmocka_unit_test(test_claim_needless),
        cmocka_unit_test(test_demote_states),
        cmocka_unit_test(test_demote_ends),
        cmocka_unit_test(test_a11),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stories A", tests, NULL, NULL);
}
