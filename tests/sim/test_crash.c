/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine dies at every boundary of the journal (before and after each intent, call and outcome)
 * of create, member-add, policy, failover, demotion and delete, at both sites.  After each death a
 * new engine goes on: the command ends as if nothing had happened, nothing is made twice, and every
 * object under our keys stands in the ledger.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WEB            "protection-group", "web"
#define BOUNDARIES_MAX 400

static void nothing_twice(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
}

static void create(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "web", "replication-type",
                         "async", "primary-site", "site-a", "secondary-site", "site-b",
                         "volume-type", "replicated-ssd", "!wait", NULL));
}

static void created(struct bench *b)
{
    g_autoptr(json_t) group = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);

    assert_string_equal(bench_field(group, "status"), "active");
    for (int i = 0; i < BENCH_SITES; i++) {
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM protection_groups"), 1);
        assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 1);
    }
}

static void member_add(struct bench *b)
{
    bench_member_add(b, "prod-a", "web-1");
}

static void member_added(struct bench *b)
{
    const char *id;
    json_t *group;

    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM pg_members"), 1);
    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_A, "groups"), id, group)
    {
        g_autofree char *text = json_print(group);
        assert_non_null(text);
    }
    int in_group = 0;
    json_t *volume;
    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_A, "volumes"), id, volume) in_group +=
        json_str(volume, "group_id") != NULL;
    assert_int_equal(in_group, 2);
}

static void prepare_group(struct bench *b)
{
    create(b);
}

static void prepare_protected(struct bench *b)
{
    bench_protect(b);
    bench_wait_point(b);
}

static void prepare_lost(struct bench *b)
{
    prepare_protected(b);
    bench_lose(b, SIM_SITE_A);
    bench_bare(b, SIM_SITE_B);
}

static void failover(struct bench *b)
{
    json_decref(bench_failover(b, SIM_SITE_B));
}

static void failed_over(struct bench *b)
{
    static const char *const names[] = {"web-1", "db-1"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *is = bench_server_state(b, SIM_SITE_B, names[i]);
        assert_string_equal(is, "active");
    }
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), 2);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 4);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "volumes"), 4);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "servers"), 2);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "ports"), 2);
    bench_brought(b, SIM_SITE_B);
    g_autoptr(json_t) group =
        bench_ok(b, "prod-b", "protection-group show", WEB, "!no-carry", NULL);
    assert_string_equal(bench_field(group, "status"), "failed_over");
    assert_int_equal(json_int(json_obj(group, "object"), "failover_count", 0), 1);
}

static void prepare_back(struct bench *b)
{
    prepare_lost(b);
    failover(b);
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
}

static void demote(struct bench *b)
{
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
}

static void demoted(struct bench *b)
{
    static const char *const names[] = {"web-1", "db-1"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *is = bench_server_state(b, SIM_SITE_A, names[i]);
        assert_string_equal(is, "stopped locked");
    }
    failed_over(b);
}

static void delete_group(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
}

static void deleted(struct bench *b)
{
    bench_fails(b, "protector.group.not_found", "prod-a", "protection-group show", WEB, NULL);
    bench_fails(b, "protector.group.not_found", "prod-b", "protection-group show", WEB, NULL);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *role = bench_sql(b, i, "SELECT role FROM protection_groups");
        assert_string_equal(role, "TOMBSTONE");
        assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 0);
    }
    for (int i = 0; i < 2; i++) {
        g_autofree char *is = bench_server_state(b, SIM_SITE_A, i == 0 ? "web-1" : "db-1");
        assert_string_equal(is, "active");
    }
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "volumes")), 4);
}

struct sweep {
    const char *name;
    int site;
    const char *type; /* of the operation that dies */
    void (*prepare)(struct bench *b);
    void (*command)(struct bench *b);
    void (*check)(struct bench *b);
    int stride;      /* every so many boundaries; 0: each */
    bool other_host; /* the new engine has no lock file: it waits until the lease has run out */
};

/* One death; false if the operation has fewer boundaries. */
static bool one(const struct sweep *sweep, int nth)
{
    AUTO(bench) b = bench_create(3);

    bench_register(b);
    if (sweep->prepare != NULL)
        sweep->prepare(b);
    bench_settle(b);
    b->site[sweep->site].lock_file = !sweep->other_host;
    bench_crash_at(b, sweep->site, sweep->type, nth);
    sweep->command(b);
    bench_settle(b);
    bool died = b->site[sweep->site].crash_where != NULL;
    if (died && g_getenv("BENCH_TRACE") != NULL)
        fprintf(stderr, "%s: died at %s, now judged\n", sweep->name,
                b->site[sweep->site].crash_where);
    sweep->check(b);
    nothing_twice(b);
    return died;
}

static void sweep_run(void **state)
{
    const struct sweep *sweep = *state;
    int nth = 1;

    while (nth <= BOUNDARIES_MAX && one(sweep, nth))
        nth += MAX(sweep->stride, 1);
    assert_true(nth <= BOUNDARIES_MAX);
    if (nth < 4)
        fail_msg("%s: only %d boundaries were swept", sweep->name, nth - 1);
    print_message("%s: %d boundaries\n", sweep->name, nth - 1);
}

static void policy(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group policy-create", WEB, "primary-fa-url",
                         "https://array-a.lab", "primary-fa-token", "T-a", "secondary-fa-url",
                         "https://array-b.lab", "secondary-fa-token", "T-b", "pure-pg-name",
                         "pg-web", "replication-interval", "60", "rpo-minutes", "15", NULL));
}

static void policy_there(struct bench *b)
{
    created(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM replication_policies"), 1);
}

static void member_remove(struct bench *b)
{
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "db-1"));

    json_decref(
        bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", id, NULL));
}

static void member_removed(struct bench *b)
{
    member_added(b); /* only web-1 is left */
    bench_servers_are(b, SIM_SITE_A, "active");
}

static struct sweep sweeps[] = {
    {"create", SIM_SITE_A, "create", NULL, create, created, 0, false},
    {"realize of a create", SIM_SITE_B, "realize", NULL, create, created, 0, false},
    {"member_add", SIM_SITE_A, "member_add", prepare_group, member_add, member_added, 0, false},
    {"failover", SIM_SITE_B, "failover", prepare_lost, failover, failed_over, 0, false},
    {"failover, another host", SIM_SITE_B, "failover", prepare_lost, failover, failed_over, 7,
     true},
    {"member_add, another host", SIM_SITE_A, "member_add", prepare_group, member_add, member_added,
     2, true},
    {"policy_set", SIM_SITE_A, "policy_set", prepare_group, policy, policy_there, 0, false},
    {"member_remove", SIM_SITE_A, "member_remove", prepare_protected, member_remove, member_removed,
     0, false},
    {"settle of a member_remove", SIM_SITE_A, "settle", prepare_protected, member_remove,
     member_removed, 0, false},
    {"demote", SIM_SITE_A, "demote", prepare_back, demote, demoted, 0, false},
    {"delete", SIM_SITE_A, "delete", prepare_protected, delete_group, deleted, 0, false},
    {"settle of a delete", SIM_SITE_A, "settle", prepare_protected, delete_group, deleted, 0,
     false},
    {"settle of a delete at the peer", SIM_SITE_B, "settle", prepare_protected, delete_group,
     deleted, 0, false},
};

int main(int argc, char **argv)
{
    struct CMUnitTest tests[G_N_ELEMENTS(sweeps)];
    size_t count = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(sweeps); i++) {
        if (argc > 1 && strcmp(argv[1], sweeps[i].name) != 0)
            continue;
        tests[count++] = (struct CMUnitTest){sweeps[i].name, sweep_run, NULL, NULL, &sweeps[i]};
    }
    return _cmocka_run_group_tests("crash", tests, count, NULL, NULL);
}
