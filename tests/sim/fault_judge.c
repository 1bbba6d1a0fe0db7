/* SPDX-License-Identifier: Apache-2.0 */
/* fault_judge - see fault_judge.h. */
#include "tests/sim/fault_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define REST_ROUNDS_MAX 6 /* of carrying until the sites agree */

static const char *const tables[] = {"servers",   "volumes",         "ports",   "groups",
                                     "snapshots", "security_groups", "keypairs"};

/* How many objects each cloud has. */
struct count {
    size_t of[BENCH_SITES][G_N_ELEMENTS(tables)];
};

/* Without the security group that Neutron makes for a project at its first look. */
static size_t count_of(const json_t *table)
{
    const char *id;
    json_t *row;
    size_t count = 0;

    json_object_foreach((json_t *)table, id, row) count +=
        g_strcmp0(json_str(row, "name"), "default") != 0;
    return count;
}

static void count_all(struct bench *b, struct count *ret)
{
    sim_advance(b->sim);
    for (int i = 0; i < BENCH_SITES; i++) {
        for (size_t t = 0; t < G_N_ELEMENTS(tables); t++)
            ret->of[i][t] = count_of(sim_table(b->sim, i, tables[t]));
    }
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICTS] = {"done", "done, told otherwise",
                                                "done after a retry", "refused"};

    return names[verdict];
}

/* ---- words ---- */

static void words_name(const char *text, const struct strike *strike, const char *whose)
{
    g_autofree char *lower = g_ascii_strdown(text != NULL ? text : "", -1);

    if (strike->name == NULL || strstr(lower, strike->name) != NULL)
        return;
    fail_msg("%s does not say that %s was asked: '%s'", whose, strike->name,
             text != NULL ? text : "");
}

/* ---- a person ---- */

/* Operations that wait for a person are told to try again, once. */
static bool person_retries(struct bench *b, const struct strike *strike)
{
    static const char sql[] = "SELECT id, error FROM dr_operations WHERE status = 'needs_operator'";
    bool retried = false;

    for (int i = 0; i < BENCH_SITES; i++) {
        AUTO(db_rows) rows = bench_rows(b, i, sql);
        for (size_t row = 0; row < db_rows_count(rows); row++) {
            words_name(db_str(rows, row, 1), strike, "an operation that needs a person");
            g_autoptr(json_t) said =
                bench_run(b, bench_tenant(i), "operation retry",
                          json_pack("{ss}", "operation", db_str(rows, row, 0)));
            if (said == NULL)
                fail_msg("operation retry: %s", b->last_error);
            retried = true;
        }
    }
    if (!retried)
        return false;
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *error =
            bench_sql(b, i, "SELECT error FROM dr_operations WHERE status = 'needs_operator'");
        if (error != NULL)
            fail_msg("%s: an operation needs a person again: %s", bench_site_name(i), error);
    }
    return true;
}

/* ---- rest ---- */

/* Carries until the sites agree. */
static void agree(struct bench *b, struct oracle *oracle)
{
    const char *why = NULL;

    for (int i = 0; i < REST_ROUNDS_MAX; i++) {
        bench_carry(b);
        bench_settle(b);
        why = oracle_unrest(oracle);
        if (why == NULL)
            return;
    }
    fail_msg("the sites do not agree: %s", why);
}

static void rest(struct bench *b, const struct verb *verb, struct oracle *oracle)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        if (b->site[i].lost)
            bench_restore(b, i);
        if (verb->alone)
            bench_api(b, i, true);
    }
    if (verb->after != NULL)
        verb->after(b);
    bench_settle(b);
    agree(b, oracle);
    oracle_rest(oracle);
}

/* ---- done, or not ---- */

static struct {
    struct bench *b;
    const struct verb *verb;
} trial;

static void trial_run(void **state)
{
    (void)state;
    trial.verb->check(trial.b);
}

/* Whether the command has done what it says: tried in a process of its own, which may fail. */
static bool has_done(struct bench *b, const struct verb *verb)
{
    const struct CMUnitTest tests[] = {{"trial", trial_run, NULL, NULL, NULL}};
    int status = 0;

    trial.b = b;
    trial.verb = verb;
    bench_still(b);
    bench_save(b, "trial");
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        bench_wake(b);
        _exit(cmocka_run_group_tests_name("trial", tests, NULL, NULL) != 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bench_back(b, "trial");
    bench_forget(b, "trial");
    bench_wake(b);
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        fail_msg("the look at what was done crashed (%d)", status);
    return WEXITSTATUS(status) == 0;
}

/* Nobody has delegated rights to Protector of which it does not know. */
static void trusts_are_known(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        int64_t known = bench_sql_int(b, i, "SELECT COUNT(*) FROM trusts");
        int64_t there = (int64_t)json_object_size(sim_table(b->sim, i, "trusts"));
        if (there != known)
            fail_msg("%s has %d trusts, and Protector knows %d", bench_site_name(i), (int)there,
                     (int)known);
    }
}

static void nothing_left(struct bench *b, const struct count *before)
{
    struct count now;

    count_all(b, &now);
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_ledger_holds(b, i);
        for (size_t t = 0; t < G_N_ELEMENTS(tables); t++) {
            if (now.of[i][t] != before->of[i][t])
                fail_msg("it failed, and %s has %zu %s instead of %zu", bench_site_name(i),
                         now.of[i][t], tables[t], before->of[i][t]);
        }
        g_autofree char *kind = bench_sql(
            b, i,
            "SELECT r.kind || ' ' || r.state || ' of ' || o.operation_type FROM dr_resources r"
            " JOIN dr_operations o ON o.id = r.op_id WHERE r.state IN ('intent', 'made') AND"
            " o.is_open = 0 AND o.status <> 'completed'");
        if (kind != NULL)
            fail_msg("it failed, and the ledger of %s still has a %s", bench_site_name(i), kind);
    }
}

/* What only takes away may fail half done: the ledger tells what is left, and said again it goes.
 */
static bool takes_away(const struct verb *verb)
{
    return strcmp(verb->name, "cleanup") == 0;
}

/* What failed left nothing, and succeeds now. */
static void repeated(struct bench *b, const struct verb *verb, const struct count *before)
{
    if (!takes_away(verb))
        nothing_left(b, before);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
    g_autofree char *first = g_strdup(b->last_error);
    g_autoptr(json_t) said = verb->command(b);
    if (said == NULL)
        fail_msg("said again it failed again: %s\nat first: %s", b->last_error, first);
    bench_settle(b);
}

enum verdict fault_run(struct bench *b, const struct verb *verb, struct strike *strike)
{
    enum verdict verdict = VERDICT_DONE;
    struct count before;
    AUTO(oracle) oracle = oracle_create(b);

    count_all(b, &before);
    oracle_look(oracle);
    strike_begin(strike, b);
    bench_wake(b);
    g_string_truncate(b->events, 0);
    g_autoptr(json_t) said = verb->command(b);
    g_autofree char *words = g_strdup_printf("%s\n%s", b->last_error, b->events->str);
    bench_settle(b);
    if (strike->nth > 0 && strike->what == NULL)
        fail_msg("call %d was not made this time", strike->nth);
    strike->nth = 0;
    strike->during = strike->calls;
    oracle_look(oracle);
    if (person_retries(b, strike))
        verdict = VERDICT_RETRIED;
    if (!verb->alone)
        agree(b, oracle);
    if (said == NULL && !has_done(b, verb)) {
        verdict = VERDICT_REFUSED;
        words_name(words, strike, "what the client was told");
        repeated(b, verb, &before);
    } else if (said == NULL && verdict == VERDICT_DONE) {
        verdict = VERDICT_UNTOLD;
    }
    verb->check(b);
    trusts_are_known(b);
    rest(b, verb, oracle);
    strike_end(strike);
    return verdict;
}
