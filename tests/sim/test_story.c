/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of README.md on the bench: two servers are protected, their site loses its power, they
 * run at the other site, the lost site comes back and is told.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static void validated(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) rows =
            bench_ok(b, "site-a", "site validate", "site", bench_site_name(i), NULL);
        g_autofree char *text = json_print(rows);
        if (strcmp(json_str_or(rows, "status", ""), "active") != 0)
            fail_msg("site validate %s: %s", bench_site_name(i), text);
        g_autoptr(json_t) site =
            bench_ok(b, "site-a", "site show", "site", bench_site_name(i), NULL);
        assert_string_equal(bench_field(site, "status"), "active");
    }
}

static void in_sync(struct bench *b, const char *cloud)
{
    g_autofree char *text = bench_sync_text(b, cloud, "web");

    if (strstr(text, "IN SYNC") == NULL || strstr(text, "Status: SYNCED") == NULL)
        fail_msg("%s is not in sync: %s", cloud, text);
}

static void protected_members(struct bench *b)
{
    g_autoptr(json_t) list = bench_ok(b, "prod-a", "protection-group member-list", WEB, NULL);
    size_t i;
    json_t *member;

    assert_int_equal(json_array_size(json_arr(list, "objects")), 2);
    json_array_foreach(json_arr(list, "objects"), i, member)
        assert_string_equal(json_str_or(member, "status", ""), "protected");
}

/* Site B's Protector does not answer: the manual's refusal, and nothing changes anywhere. */
static void refused_alone(struct bench *b)
{
    g_autofree char *before = bench_sql(b, SIM_SITE_A, "SELECT position FROM protection_groups");
    g_autofree char *server = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));

    bench_api(b, SIM_SITE_B, false);
    bench_fails(b, "protector.peer.unreachable", "prod-a", "protection-group member-add", WEB,
                "instance-id", server, NULL);
    assert_non_null(
        strstr(b->last_error, "Cannot modify protection group - remote site unreachable"));
    assert_non_null(
        strstr(b->last_error,
               "Modification requires both sites to be reachable to prevent metadata divergence."));
    bench_api(b, SIM_SITE_B, true);
    g_autofree char *after = bench_sql(b, SIM_SITE_A, "SELECT position FROM protection_groups");
    assert_string_equal(before, after);
    protected_members(b);
}

static void servers_are(struct bench *b, int site, const char *state)
{
    static const char *const names[] = {"web-1", "db-1"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *is = bench_server_state(b, site, names[i]);
        if (!g_str_equal(is, state))
            fail_msg("%s at %s is '%s', not '%s'", names[i], bench_site_name(site), is, state);
    }
}

static void failed_over(struct bench *b)
{
    bench_lose(b, SIM_SITE_A);
    bench_bare(b, SIM_SITE_B);
    g_autoptr(json_t) op = bench_failover(b, SIM_SITE_B);
    bench_brought(b, SIM_SITE_B);
    servers_are(b, SIM_SITE_B, "active");
    g_autoptr(json_t) group = bench_ok(b, "prod-b", "protection-group show", WEB, NULL);
    assert_string_equal(bench_field(group, "status"), "failed_over");
    assert_string_equal(bench_field(group, "current_primary_site"), "site-b");
    assert_int_equal(json_int(json_obj(group, "object"), "failover_count", 0), 1);
    g_autoptr(json_t) shown =
        bench_ok(b, "prod-b", "operation show", "operation", bench_field(op, "id"), NULL);
    assert_string_equal(bench_field(shown, "status"), "completed");
    assert_int_equal(json_int(json_obj(shown, "object"), "progress", 0), 100);
    assert_true(json_array_size(json_arr(json_obj(shown, "object"), "steps_completed")) > 5);
    g_autofree char *text = bench_sync_text(b, "prod-b", "web");
    assert_non_null(strstr(text, "UNREACHABLE"));
}

static void demoted(struct bench *b)
{
    b->site[SIM_SITE_A].unwatched = true; /* the client is the first who tells it */
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    servers_are(b, SIM_SITE_A, "active"); /* as after a power cut: they start by themselves */
    g_autofree char *text = bench_sync_text(b, "prod-b", "web");
    assert_non_null(strstr(text, "OUT OF SYNC"));
    g_autoptr(json_t) forced =
        bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL);
    assert_int_equal(json_int(forced, "exit", -1), 0);
    bench_settle(b);
    servers_are(b, SIM_SITE_A, "stopped locked");
    servers_are(b, SIM_SITE_B, "active");
    in_sync(b, "prod-b");
    in_sync(b, "prod-a");
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
}

static void story(struct bench *b)
{
    bench_register(b);
    validated(b);
    bench_protect(b);
    in_sync(b, "prod-a");
    protected_members(b);
    bench_wait_point(b);
    refused_alone(b);
    failed_over(b);
    demoted(b);
}

static void test_story(void **state)
{
    (void)state;
    AUTO(bench) b = bench_create(1);

    story(b);
}

/* The log of what both clouds were asked. */
static char *requests(struct bench *b)
{
    const GPtrArray *log = sim_log(b->sim);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < log->len; i++) {
        const struct sim_log *l = g_ptr_array_index(log, i);
        g_string_append_printf(text, "%d %d %s %s %d\n", l->site, l->service, l->method, l->path,
                               l->status);
    }
    return g_string_free(text, FALSE);
}

static char *told(uint64_t seed)
{
    AUTO(bench) b = bench_create(seed);

    story(b);
    return requests(b);
}

static void test_same_seed_same_run(void **state)
{
    (void)state;
    g_autofree char *one = told(7);
    g_autofree char *two = told(7);
    g_autofree char *other = told(8);

    assert_string_equal(one, two);
    assert_string_not_equal(one, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_story),
        cmocka_unit_test(test_same_seed_same_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
