/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Story B22 of the sync protocol on two whole sites: what was attached, resized or taken away after
 * the capture is in no version.  The engine sees it, says it, and the next change of a user carries
 * it.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB         "protection-group", "web"
#define INTERVAL_MS 3600000 /* the default */

static json_t *server(struct bench *b, const char *name)
{
    json_t *row = (json_t *)sim_find(b->sim, SIM_SITE_A, "servers", name);

    assert_non_null(row);
    return row;
}

/* A person resizes a server, and gives it another name. */
static void resize(struct bench *b, const char *name)
{
    json_t *flavor = json_obj(server(b, name), "flavor");

    json_set_str(flavor, "name", "m1.huge");
    json_set_int(flavor, "ram", 65536);
}

/* Its volume 'n'. */
static json_t *volume(struct bench *b, const char *name, size_t n)
{
    const json_t *device = json_array_get(json_arr(server(b, name), "volumes"), n);

    return json_object_get(sim_table(b->sim, SIM_SITE_A, "volumes"),
                           json_str_or(device, "volume_id", ""));
}

static char *health(struct bench *b, int site, char **ret_details)
{
    g_autoptr(json_t) group =
        bench_ok(b, bench_tenant(site), "protection-group show", WEB, "!no-carry", NULL);
    const json_t *object = json_obj(group, "object");

    if (ret_details != NULL)
        *ret_details = json_print(json_arr(object, "health_details"));
    return g_strdup(json_str_or(object, "health", ""));
}

static void health_is(struct bench *b, int site, const char *word)
{
    g_autofree char *details = NULL;
    g_autofree char *is = health(b, site, &details);

    if (!g_str_equal(is, word))
        fail_msg("health at %s is %s, not %s: %s", bench_site_name(site), is, word, details);
}

static void health_says(struct bench *b, const char *text)
{
    g_autofree char *details = NULL;
    g_autofree char *is = health(b, SIM_SITE_A, &details);

    if (strstr(details, text) == NULL)
        fail_msg("health (%s) does not say '%s': %s", is, text, details);
}

static const char *body_of(struct bench *b, int site, char **owner)
{
    g_free(*owner);
    *owner = bench_sql(b, site, "SELECT body FROM protection_groups");
    return *owner;
}

static void look_passes(struct bench *b)
{
    bench_pass(b, INTERVAL_MS + 60000);
}

/* Nothing differs, and nobody says so; three lists a round, whatever there is. */
static void test_nothing_differs(void **state)
{
    AUTO(bench) b = bench_create_protected(971);
    (void)state;

    look_passes(b);
    health_is(b, SIM_SITE_A, "ok");
    health_is(b, SIM_SITE_B, "ok");
    int before = sim_count(b->sim, SIM_SITE_A, "nova", "GET", "*");
    look_passes(b);
    assert_int_equal(sim_count(b->sim, SIM_SITE_A, "nova", "GET", "*"), before + 1);
}

/* Each thing is said with its member; nothing of it is a version, nothing is told to the peer. */
static void test_differs(void **state)
{
    AUTO(bench) b = bench_create_protected(972);
    (void)state;

    bench_in_sync(b);
    g_autofree char *position = bench_position(b, SIM_SITE_A);
    resize(b, "web-1");
    json_set_int(volume(b, "web-1", 0), "size", 77);
    bench_attach(b, SIM_SITE_A, "web-1");
    json_array_remove(json_arr(server(b, "db-1"), "volumes"), 1);
    look_passes(b);
    health_is(b, SIM_SITE_A, "drift");
    health_is(b, SIM_SITE_B, "ok");
    health_says(b, "web-1: its flavor is 'm1.huge', captured as 'm1.tiny'");
    health_says(b, "has 77 GiB, captured with");
    health_says(b, "web-1: volume 'logs' (" BENCH_ATTACHED ") is attached and not captured");
    health_says(b, "is captured and not attached any more");
    g_autofree char *after = bench_position(b, SIM_SITE_A);
    assert_string_equal(position, after);
    bench_in_sync(b);

    g_autoptr(json_t) members = bench_ok(b, "prod-a", "protection-group member-list", WEB, NULL);
    g_autofree char *text = json_print(json_arr(members, "objects"));
    assert_non_null(strstr(text, "\"health\":\"drift\""));
    assert_null(strstr(text, "\"health\":\"ok\""));
}

/* A server that was deleted; and one that cannot be seen is not called deleted. */
static void test_gone(void **state)
{
    AUTO(bench) b = bench_create_protected(973);
    (void)state;

    json_object_del((json_t *)sim_table(b->sim, SIM_SITE_A, "servers"),
                    bench_server_id(b, SIM_SITE_A, "db-1"));
    sim_site_down(b->sim, SIM_SITE_A, "cinder", true);
    look_passes(b);
    health_is(b, SIM_SITE_A, "ok");
    assert_non_null(strstr(b->log->str, "cinder"));
    sim_site_down(b->sim, SIM_SITE_A, "cinder", false);
    look_passes(b);
    health_is(b, SIM_SITE_A, "drift");
    health_says(b, "db-1: its server (");
    /* a change of something else is not kept from anybody, and takes in what it can */
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "d", NULL));
    health_is(b, SIM_SITE_A, "drift");
    bench_in_sync(b);
}

/* The next change of a user takes it along: at both sites, in Cinder's group, at the array. */
static void test_folded(void **state)
{
    AUTO(bench) b = bench_create_protected(974);
    g_autofree char *body = NULL;
    (void)state;

    resize(b, "web-1");
    bench_attach(b, SIM_SITE_A, "web-1");
    json_array_remove(json_arr(server(b, "db-1"), "volumes"), 1);
    look_passes(b);
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "d", NULL));
    bench_settle(b);
    bench_in_sync(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        assert_non_null(strstr(body_of(b, i, &body), "m1.huge"));
        assert_non_null(strstr(body, BENCH_ATTACHED));
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM cg_volumes"), 4);
    }
    health_is(b, SIM_SITE_A, "ok"); /* at once, and in the next round */
    look_passes(b);
    health_is(b, SIM_SITE_A, "ok");
    const json_t *logs = json_object_get(sim_table(b->sim, SIM_SITE_A, "volumes"), BENCH_ATTACHED);
    assert_non_null(json_str(logs, "group_id"));
    assert_int_equal(bench_arrays_int(b, "SELECT COUNT(*) FROM members WHERE array LIKE"
                                         " '%array-a%'"),
                     4);
    bench_wait_point(b);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                         "gone", "*network-mapping", "net-app=net-app", "*flavor-mapping",
                         "m1.huge=m1.small", NULL));
    bench_servers_are(b, SIM_SITE_B, "active");
    const json_t *recovered = sim_find(b->sim, SIM_SITE_B, "servers", "web-1");
    assert_int_equal(json_array_size(json_arr(recovered, "volumes")), 3);
    look_passes(b); /* what was mapped is no drift */
    health_is(b, SIM_SITE_B, "ok");
}

/* A change that the peer refuses takes nothing in, and leaves nothing behind. */
static void test_refused(void **state)
{
    AUTO(bench) b = bench_create_protected(975);
    (void)state;

    bench_attach(b, SIM_SITE_A, "web-1");
    look_passes(b);
    json_decref(bench_ok(b, "prod-b", "protection-group create", "name", "taken",
                         "replication-type", "async", "primary-site", "site-b", "secondary-site",
                         "site-a", "volume-type", "replicated-ssd", "!wait", NULL));
    json_decref(bench_try(b, "prod-a", "protection-group update", WEB, "name", "taken", NULL));
    bench_settle(b);
    health_is(b, SIM_SITE_A, "drift");
    const json_t *logs = json_object_get(sim_table(b->sim, SIM_SITE_A, "volumes"), BENCH_ATTACHED);
    assert_null(json_str(logs, "group_id"));
    bench_ledger_holds(b, SIM_SITE_A);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_differs),
        cmocka_unit_test(test_differs),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_folded),
        cmocka_unit_test(test_refused),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stories B22", tests, NULL, NULL);
}
