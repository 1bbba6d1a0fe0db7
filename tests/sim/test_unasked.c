/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nobody stops a running server unasked: where one site is still active and the other one in a
 * newer epoch, no command of the whole table, at either site, makes the still active one follow,
 * unless it is one that names the servers, asks, and is told yes.
 */
#include "tests/sim/bench.h"

#include "client/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

/* ---- the situations: site A is active and runs its servers, site B is in a newer epoch ---- */

static void b_takes_over(struct bench *b)
{
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    b->site[SIM_SITE_A].unwatched = true; /* commands alone are judged here */
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    bench_servers_are(b, SIM_SITE_A, "active");
}

/* A change of A that the client leaves behind as soon as it has its 202. */
static void change_left(struct bench *b)
{
    bench_client_dies_after(b, "PUT", "*/protection-groups/pg-*");
    json_decref(
        bench_try(b, "prod-a", "protection-group update", WEB, "description", "undecided", NULL));
    bench_client_lives(b);
    bench_settle(b);
}

static void staged_when_lost(struct bench *b)
{
    change_left(b);
    b_takes_over(b);
}

/* Both were made active; a person keeps B, and the client dies before A hears of it. */
static void resolved_unheard(struct bench *b)
{
    change_left(b);
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "alone", NULL));
    bench_api(b, SIM_SITE_B, true);
    bench_api(b, SIM_SITE_A, false);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "wrong operator", NULL));
    bench_api(b, SIM_SITE_A, true);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_status_is(b, SIM_SITE_B, "split_brain");
    bench_client_dies_after(b, "POST", "*/sync/resolve");
    json_decref(bench_try(b, "prod-b", "protection-group sync-resolve", WEB, "keep", "site-b",
                          "!yes", NULL));
    bench_client_lives(b);
    json_decref(
        bench_ok(b, "prod-b", "protection-group show", WEB, NULL)); /* A closes, B is kept */
    bench_status_is(b, SIM_SITE_B, "failed_over");
    bench_servers_are(b, SIM_SITE_A, "active");
}

/* ---- arguments of every command ---- */

static char *sql_value(struct bench *b, int site, const char *sql)
{
    char *value = bench_sql(b, site, sql);

    return value != NULL ? value : g_strdup("none");
}

/* What an argument or option of this name is given; NULL: it is left out. */
static char *value_of(struct bench *b, int site, const char *name, bool required)
{
    static const struct {
        const char *name, *value;
    } fixed[] = {
        {"protection-group", "web"},
        {"site", "site-b"},
        {"name", "site-b"},
        {"description", "changed"},
        {"replication-type", "async"},
        {"primary-site", "site-a"},
        {"secondary-site", "site-b"},
        {"volume-type", "replicated-ssd"},
        {"force", "!"},
        {"reason", "a test"},
        {"keep", "site-b"},
        {"network-mapping", "net-app=x"},
        {"primary-fa-url", "https://array-a.lab"},
        {"remote-site", "site-b"},
        {"all", "!"},
        {"auth-url", "http://127.0.20.1:5000/v3"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        if (strcmp(fixed[i].name, name) == 0)
            return g_strdup(fixed[i].value);
    }
    /* at A it may take the group back out of a staged change: a fork, which stops nobody */
    if (g_str_equal(name, "unplanned"))
        return site == SIM_SITE_B ? g_strdup("!") : NULL;
    if (g_str_equal(name, "operation"))
        return sql_value(b, site, "SELECT id FROM dr_operations ORDER BY created_at DESC");
    if (g_str_equal(name, "member") || g_str_equal(name, "member-id"))
        return sql_value(b, site, "SELECT id FROM pg_members");
    if (g_str_equal(name, "mapping"))
        return sql_value(b, site, "SELECT id FROM tenant_mappings");
    if (g_str_equal(name, "instance-id"))
        return g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    if (g_str_equal(name, "file"))
        return g_strdup_printf("%s/messages-of-b.json", b->dir);
    return required ? g_strdup("1") : NULL;
}

static void value_add(json_t *args, const char *name, bool repeat, char *takes)
{
    g_autofree char *value = takes;

    if (value == NULL)
        return;
    if (g_str_equal(value, "!"))
        json_object_set_new(args, name, json_true());
    else if (repeat)
        json_object_set_new(args, name, json_pack("[s]", value));
    else
        json_object_set_new(args, name, json_string(value));
}

static json_t *arguments_of(struct bench *b, int site, const struct command *c)
{
    json_t *args = json_object();

    for (size_t i = 0; i < COMMAND_ARGUMENTS_MAX && c->arguments[i].name != NULL; i++)
        value_add(args, c->arguments[i].name, false, value_of(b, site, c->arguments[i].name, true));
    for (size_t i = 0; i < COMMAND_OPTIONS_MAX && c->options[i].name != NULL; i++) {
        const struct option *o = &c->options[i];
        bool gone = g_str_equal(c->name, "protection-group delete") && /* of --peer-is-gone only */
                    g_str_equal(o->name, "--force");
        bool writes = g_str_equal(c->name, "operation report") && g_str_equal(o->name, "--file");
        if (!g_str_equal(o->name, "--yes") && !gone && !writes)
            value_add(args, o->name + 2, o->flags & OPTION_REPEAT,
                      value_of(b, site, o->name + 2, o->flags & OPTION_REQUIRED));
    }
    return args;
}

/* ---- the rule ---- */

/* May stop servers when it is told yes. */
static bool asks(const char *command)
{
    static const char *const which[] = {"protection-group sync-force", "protection-group failover",
                                        "protection-group sync-resolve",
                                        "protection-group sync-import"};

    for (size_t i = 0; i < G_N_ELEMENTS(which); i++) {
        if (g_str_equal(command, which[i]))
            return true;
    }
    return false;
}

/* Looked at at once: a demotion is an operation before it stops anything. */
static void still_active(struct bench *b, const char *situation, const char *cloud,
                         const char *command)
{
    static const char demotions[] =
        "SELECT COUNT(*) FROM dr_operations o JOIN protection_groups g ON g.id = o.pg_id"
        " WHERE o.operation_type = 'demote' AND g.name = 'web'";
    g_autofree char *role =
        bench_sql(b, SIM_SITE_A, "SELECT role FROM protection_groups WHERE name = 'web'");

    if (g_strcmp0(role, "ACTIVE") != 0 || bench_sql_int(b, SIM_SITE_A, demotions) > 0)
        fail_msg("%s: %s at %s made site-a %s", situation, command, cloud, role);
}

static void every_command(struct bench *b, const char *situation, const char *answer)
{
    b->answer = answer;
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (answer != NULL && asks(c->name))
            continue;
        for (int site = 0; site < BENCH_SITES; site++) {
            json_decref(bench_run(b, bench_tenant(site), c->name, arguments_of(b, site, c)));
            still_active(b, situation, bench_tenant(site), c->name);
        }
    }
    bench_settle(b);
    still_active(b, situation, "either site", "all of it");
    bench_servers_are(b, SIM_SITE_A, "active");
}

static void nobody_is_stopped(uint64_t seed, const char *situation, void (*make)(struct bench *b))
{
    AUTO(bench) b = bench_create_protected(seed);
    g_autofree char *file = g_strdup_printf("%s/messages-of-b.json", b->dir);

    make(b);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-export", WEB, "file", file, NULL));
    every_command(b, situation, NULL);
    every_command(b, situation, "yes");

    b->answer = "no";
    g_string_truncate(b->asked, 0);
    for (int site = 0; site < BENCH_SITES; site++)
        bench_fails(b, "protector.client.usage", bench_tenant(site), "protection-group sync-force",
                    WEB, NULL);
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group sync-import", "file", file,
                NULL);
    still_active(b, situation, "either site", "sync-force, answered no");
    assert_non_null(strstr(b->asked->str, "site-a is behind and active: its servers web-1, db-1"));

    b->answer = "yes";
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    bench_in_sync(b);
}

static void test_taken_over(void **state)
{
    (void)state;
    nobody_is_stopped(61, "B has taken over", b_takes_over);
}

static void test_staged_when_lost(void **state)
{
    (void)state;
    nobody_is_stopped(62, "B has taken over from a staged change", staged_when_lost);
}

static void test_resolved_unheard(void **state)
{
    (void)state;
    nobody_is_stopped(63, "B was kept after a fork", resolved_unheard);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_over),
        cmocka_unit_test(test_staged_when_lost),
        cmocka_unit_test(test_resolved_unheard),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("unasked", tests, NULL, NULL);
}
