/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_handover - planned failovers: a group is handed over while both sites live.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static json_t *planned(struct bench *b, const char *cloud)
{
    return bench_ok(b, cloud, "protection-group failover", WEB, "!planned", "network-mapping",
                    "net-app=net-app", NULL);
}

/*
 * The servers of A come to rest, the final point is made of what they left, and B runs them:
 * nothing is lost.  Whoever is asked tells the same operation.
 */
static void test_handover(void **state)
{
    AUTO(bench) b = bench_create_protected(1101);
    (void)state;

    g_autoptr(json_t) op = planned(b, "prod-a");
    assert_string_equal(bench_field(op, "status"), "completed");
    bench_role_is(b, SIM_SITE_A, "STANDBY");
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_settle(b);
    bench_in_sync(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
}

static json_t *try_planned(struct bench *b, const char *cloud)
{
    return bench_try(b, cloud, "protection-group failover", WEB, "!planned", "network-mapping",
                     "net-app=net-app", NULL);
}

/* As before the handover: A serves, nothing of it is left at B. */
static void taken_back(struct bench *b)
{
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_in_sync(b);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "volumes"), 0);
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_status_is(b, i, "active");
        bench_ledger_holds(b, i);
    }
}

static char *operation_status(struct bench *b, int site)
{
    return bench_sql(b, site,
                     "SELECT status FROM dr_operations WHERE operation_type = 'failover'"
                     " ORDER BY created_at DESC, id LIMIT 1");
}

/* Before the claim everything is taken back, the stop as well, and the source is told. */
static void test_unwound(void **state)
{
    AUTO(bench) b = bench_create_protected(1102);
    (void)state;

    bench_cinder_full(b, SIM_SITE_B, 2, 0);
    assert_null(try_planned(b, "prod-a"));
    taken_back(b);
    g_autofree char *here = operation_status(b, SIM_SITE_B);
    g_autofree char *stub = operation_status(b, SIM_SITE_A);
    assert_string_equal(here, "rolled_back");
    assert_string_equal(stub, "failed");
    sim_fault_clear(b->sim);
    json_decref(planned(b, "prod-b")); /* whichever site is the local one */
    bench_servers_are(b, SIM_SITE_B, "active");
}

/*
 * Of B's operation, the first time that it comes to a step: what happens then.  It must not wait:
 * B's engine is in the midst of its work.
 */
struct meanwhile {
    const char *step;
    void (*what)(struct bench *b);
    bool done;
};

static void on_step(void *data, struct bench_site *site, const char *where, const char *step)
{
    struct meanwhile *m = data;

    if (m->done || !g_str_equal(where, "before-intent") || !g_str_equal(step, m->step))
        return;
    m->done = true;
    m->what(site->bench);
}

static void meanwhile(struct bench *b, struct meanwhile *m)
{
    b->site[SIM_SITE_B].on_boundary = on_step;
    b->site[SIM_SITE_B].on_boundary_data = m;
}

static json_t *reclaim(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group failover", WEB, "!unplanned", "reason",
                     "site-b does not come on", "!force", "!yes", "!no-carry", "!no-wait", NULL);
}

static void a_reclaims(struct bench *b)
{
    bench_api(b, SIM_SITE_B, false);
    json_t *said = reclaim(b);
    if (said == NULL)
        fail_msg("reclaim: %s", b->last_error);
    json_decref(said);
}

/*
 * A3, A4 (d), B6.  The source is frozen and takes its group back while the target still acts: its
 * servers run and bear the stamp of the new epoch, and the target touches none of them any more.
 */
static void test_reclaimed(void **state)
{
    static const char *const steps[] = {"point.final", "source.verify", "volume.manage"};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        AUTO(bench) b = bench_create_protected(1103);
        struct meanwhile m = {steps[i], a_reclaims, false};
        meanwhile(b, &m);
        json_decref(try_planned(b, "prod-b"));
        bench_settle(b);
        assert_true(m.done);
        bench_role_is(b, SIM_SITE_A, "ACTIVE");
        bench_servers_are(b, SIM_SITE_A, "active");
        bench_api(b, SIM_SITE_B, true);
        bench_carry(b);
        taken_back(b);
    }
}

/* B6.  A shuts the engine of B out of its cloud: B's user there is not A's own. */
static struct bench *with_a_user_of_its_own(uint64_t seed)
{
    struct bench *b = bench_create_protected(seed);

    bench_fails(b, "protector.conflict", "site-a", "site fence-peer", "site", "site-b", "reason",
                "it runs wild", NULL);
    assert_non_null(strstr(b->last_error, "--user NAME"));
    bench_fails(b, "protector.conflict", "site-a", "site fence-peer", "site", "site-b", "reason",
                "it runs wild", "user", "protector", NULL);
    assert_non_null(strstr(b->last_error, "own service account"));
    bench_fails(b, "protector.conflict", "site-a", "site fence-peer", "site", "site-b", "reason",
                "it runs wild", "user", "admin", NULL);
    assert_non_null(strstr(b->last_error, "who asks for it"));
    bench_fails(b, "protector.cloud.not_found", "site-a", "site fence-peer", "site", "site-b",
                "reason", "it runs wild", "user", "protector", "user-domain-name", "nosuch", NULL);
    bench_user(b, SIM_SITE_A, "protector-b", "lab-b");
    bench_grant(b, SIM_SITE_A, "protector-b", "service", "admin");
    json_decref(bench_ok(b, "site-b", "site update", "site", "site-a", "service-username",
                         "protector-b", "service-password", "lab-b", NULL));
    return b;
}

static json_t *fence(struct bench *b, const char *more)
{
    return bench_ok(b, "site-a", "site fence-peer", "site", "site-b", "reason", "it runs wild",
                    more, NULL);
}

static void a_fences(struct bench *b)
{
    bench_api(b, SIM_SITE_B, false); /* who is fenced need not be reached */
    json_decref(fence(b, NULL));
    bench_api(b, SIM_SITE_B, true);
}

/* Services believe a token that they have seen for five minutes more; then nothing gets in. */
static void test_fenced(void **state)
{
    AUTO(bench) b = with_a_user_of_its_own(1120);
    (void)state;

    a_fences(b);
    bench_pass(b, 301000);
    assert_null(try_planned(b, "prod-a"));
    assert_non_null(strstr(b->last_error, "cannot log in user 'protector-b'"));
    bench_settle(b);
    bench_carry(b);
    taken_back(b);
    g_autoptr(json_t) shown = bench_ok(b, "site-a", "site show", "site", "site-b", NULL);
    assert_string_equal(bench_field(shown, "peer_user"), "protector-b");
    json_decref(fence(b, "!lift"));
    json_decref(fence(b, "!lift")); /* again: nothing more */
    g_autoptr(json_t) lifted = bench_ok(b, "site-a", "site show", "site", "site-b", NULL);
    assert_false(json_bool(json_obj(lifted, "object"), "peer_fenced", true));
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM audit_log WHERE action LIKE "
                                   "'site.fence%' AND details LIKE '%it runs wild%'"),
                     3);
    json_decref(planned(b, "prod-a"));
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_fails(b, "protector.forbidden", "prod-b", "site fence-peer", "site", "site-a", "reason",
                "mine", NULL);
}

static bool enabled(struct bench *b, const char *user)
{
    return json_bool(sim_find(b->sim, SIM_SITE_A, "users", user), "enabled", false);
}

/* Whom the other site came as before is shut out too, and keys that were pinned meanwhile stay. */
static void test_fenced_both(void **state)
{
    AUTO(bench) b = with_a_user_of_its_own(1121);
    (void)state;

    bench_user(b, SIM_SITE_A, "protector-c", "lab-c");
    bench_grant(b, SIM_SITE_A, "protector-c", "service", "admin");
    json_decref(bench_ok(b, "site-a", "site update", "site", "site-a", "service-username",
                         "protector-c", "service-password", "lab-c", NULL));
    json_decref(fence(b, NULL));
    assert_false(enabled(b, "protector-b"));
    assert_false(enabled(b, "protector-c"));
    assert_true(enabled(b, "protector"));
    json_decref(fence(b, "!lift"));
    assert_false(enabled(b, "protector-b"));
    assert_true(enabled(b, "protector-c"));
    bench_pass(b, 301000);
    json_decref(planned(b, "prod-a"));
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* A3.  From the moment that it is handed over nothing is changed but by the handover. */
static void add_member(struct bench *b)
{
    g_autoptr(json_t) said =
        bench_try(b, "prod-a", "protection-group update", WEB, "description", "too late", NULL);
    if (said != NULL)
        fail_msg("a change was taken while the group was handed over");
}

static void test_frozen(void **state)
{
    AUTO(bench) b = bench_create_protected(1104);
    struct meanwhile m = {"source.stop", add_member, false};
    (void)state;

    meanwhile(b, &m);
    json_decref(planned(b, "prod-a"));
    assert_true(m.done);
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* B7.  Somebody unlocks and starts a server after the final point was made: nothing is claimed. */
static void a_starts_one(struct bench *b)
{
    assert_true(bench_start_by_hand(b, SIM_SITE_A, "web-1"));
}

static void test_started_meanwhile(void **state)
{
    static const char *const steps[] = {"source.verify", "volume.manage"};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        AUTO(bench) b = bench_create_protected(1105);
        struct meanwhile m = {steps[i], a_starts_one, false};
        meanwhile(b, &m);
        g_autoptr(json_t) said = try_planned(b, "prod-a");
        assert_true(m.done);
        assert_null(said);
        assert_non_null(strstr(b->last_error, "what it wrote since is not in the point"));
        taken_back(b);
    }
}

/* B7, and the engine that was about to claim dies: the one that goes on looks anew. */
static void test_started_while_nobody_looks(void **state)
{
    AUTO(bench) b = bench_create_protected(1109);
    struct bench_death death = {"before-intent", "group.claim", false};
    (void)state;

    bench_dies_at(b, SIM_SITE_B, "handover", &death);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned", "!no-wait",
                         "network-mapping", "net-app=net-app", NULL));
    bench_pass(b, 60000);
    assert_true(death.died);
    assert_true(bench_start_by_hand(b, SIM_SITE_A, "web-1"));
    bench_revive(b, SIM_SITE_B);
    bench_settle(b);
    bench_carry(b);
    taken_back(b);
}

/* A list that lacks servers without a word is not believed: they run, and nothing is claimed. */
static void test_empty_list_is_not_believed(void **state)
{
    AUTO(bench) b = bench_create_protected(1110);
    struct sim_fault empty = {.site = SIM_SITE_A,
                              .service = "nova",
                              .method = "GET",
                              .path = "*/servers/detail*",
                              .count = 100000,
                              .kind = SIM_FAULT_STATUS,
                              .status = 200,
                              .body = "{\"servers\": []}"};
    (void)state;

    sim_fault_add(b->sim, &empty);
    assert_null(try_planned(b, "prod-a"));
    assert_non_null(strstr(b->last_error, "which is there"));
    sim_fault_clear(b->sim);
    bench_settle(b);
    bench_carry(b);
    taken_back(b);
}

/* B cannot start A's servers again: A's own engine does as soon as it is told. */
static void test_resumed_by_itself(void **state)
{
    AUTO(bench) b = bench_create_protected(1106);
    struct sim_fault none = {.site = SIM_SITE_A,
                             .service = "nova",
                             .method = "POST",
                             .path = "*/servers/*/action",
                             .skip = 4, /* two locks, two stops */
                             .count = 1000,
                             .kind = SIM_FAULT_STATUS,
                             .status = 403,
                             .body = "{\"forbidden\": {\"message\": \"no\"}}"};
    (void)state;

    sim_fault_add(b->sim, &none);
    bench_cinder_full(b, SIM_SITE_B, 2, 0);
    assert_null(try_planned(b, "prod-a"));
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    sim_fault_clear(b->sim);
    taken_back(b);
}

/* A person cancels it while the final point is on its way: the same way back. */
static void cancel(struct bench *b)
{
    g_autofree char *id =
        bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations WHERE runbook = 'handover'");

    json_decref(bench_ok(b, "prod-b", "operation cancel", "operation", id, NULL));
}

static void test_cancelled(void **state)
{
    AUTO(bench) b = bench_create_protected(1107);
    struct meanwhile m = {"point.final", cancel, false};
    (void)state;

    meanwhile(b, &m);
    assert_null(try_planned(b, "prod-a"));
    assert_true(m.done);
    taken_back(b);
    g_autofree char *here = operation_status(b, SIM_SITE_B);
    assert_string_equal(here, "cancelled");
}

/* At the source there is a stub; the client shows the operation where it runs. */
static void shown_at_the_source(struct bench *b)
{
    g_autofree char *id =
        bench_sql(b, SIM_SITE_A, "SELECT id FROM dr_operations WHERE runbook = 'handover'");
    g_autoptr(json_t) shown = bench_ok(b, "prod-a", "operation show", "operation", id, NULL);

    assert_string_equal(bench_field(shown, "status"), "running"); /* as B tells it */
}

static void test_shown_where_it_runs(void **state)
{
    AUTO(bench) b = bench_create_protected(1108);
    struct meanwhile m = {"source.verify", shown_at_the_source, false};
    (void)state;

    meanwhile(b, &m);
    json_decref(planned(b, "prod-a"));
    assert_true(m.done);
}

/* A group without members: only its role moves. */
static void test_without_members(void **state)
{
    AUTO(bench) b = bench_create_protected(1111);
    (void)state;

    for (int i = 0; i < 2; i++) {
        const char *id = bench_server_id(b, SIM_SITE_A, i == 0 ? "web-1" : "db-1");
        json_decref(
            bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", id, NULL));
    }
    bench_settle(b);
    json_decref(planned(b, "prod-a"));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_in_sync(b);
    json_decref(bench_ok(b, "prod-a", "protection-group failback", WEB, NULL));
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handover),
        cmocka_unit_test(test_unwound),
        cmocka_unit_test(test_reclaimed),
        cmocka_unit_test(test_fenced),
        cmocka_unit_test(test_fenced_both),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_started_meanwhile),
        cmocka_unit_test(test_started_while_nobody_looks),
        cmocka_unit_test(test_empty_list_is_not_believed),
        cmocka_unit_test(test_resumed_by_itself),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_shown_where_it_runs),
        cmocka_unit_test(test_without_members),
    };
    cmocka_set_test_filter(g_getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
