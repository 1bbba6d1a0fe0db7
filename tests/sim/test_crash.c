/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine dies at every boundary of the journal (before and after each intent, call and outcome)
 * of create, member-add, policy, failover, demotion and delete, at both sites.  After each death a
 * new engine goes on: the command ends as if nothing had happened, nothing is made twice, and every
 * object under our keys stands in the ledger.
 */
#include "tests/sim/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BOUNDARIES_MAX 400

struct sweep {
    const char *name;
    int site;
    const char *type; /* of the operation that dies */
    const char *verb; /* the command, see verbs.h */
    int stride;       /* every so many boundaries; 0: each */
    bool other_host;  /* the new engine has no lock file: it waits until the lease has run out */
};

/* One death; false if the operation has fewer boundaries. */
static bool one(const struct sweep *sweep, int nth)
{
    AUTO(bench) b = bench_create(3);
    const struct verb *verb = verb_of(sweep->verb);

    bench_register(b);
    if (verb->prepare != NULL)
        verb->prepare(b);
    bench_settle(b);
    b->site[sweep->site].lock_file = !sweep->other_host;
    bench_crash_at(b, sweep->site, sweep->type, nth);
    g_autoptr(json_t) said = verb->command(b);
    if (said == NULL)
        fail_msg("%s: %s", sweep->name, b->last_error);
    bench_settle(b);
    bool died = b->site[sweep->site].crash_where != NULL;
    if (died && g_getenv("BENCH_TRACE") != NULL)
        fprintf(stderr, "%s: died at %s, now judged\n", sweep->name,
                b->site[sweep->site].crash_where);
    verb->check(b);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
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

static struct sweep sweeps[] = {
    {"create", SIM_SITE_A, "create", "create", 0, false},
    {"realize of a create", SIM_SITE_B, "realize", "create", 0, false},
    {"member_add", SIM_SITE_A, "member_add", "member_add", 0, false},
    {"failover", SIM_SITE_B, "failover", "failover", 0, false},
    {"failover, another host", SIM_SITE_B, "failover", "failover", 7, true},
    {"member_add, another host", SIM_SITE_A, "member_add", "member_add", 2, true},
    {"policy_set", SIM_SITE_A, "policy_set", "policy_set", 0, false},
    {"member_remove", SIM_SITE_A, "member_remove", "member_remove", 0, false},
    {"settle of a member_remove", SIM_SITE_A, "settle", "member_remove", 0, false},
    {"demote", SIM_SITE_A, "demote", "demote", 0, false},
    {"update that takes in drift", SIM_SITE_A, "update", "take_in", 0, false},
    {"superseded_stop", SIM_SITE_A, "superseded_stop", "superseded", 0, false},
    {"resume", SIM_SITE_A, "resume", "take_back", 0, false},
    {"delete", SIM_SITE_A, "delete", "delete", 0, false},
    {"settle of a delete", SIM_SITE_A, "settle", "delete", 0, false},
    {"settle of a delete alone", SIM_SITE_A, "settle", "delete_alone", 0, false},
    {"settle of what was unprotected", SIM_SITE_A, "settle", "delete_unprotected", 0, false},
    {"settle of a delete at the peer", SIM_SITE_B, "settle", "delete", 0, false},
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
