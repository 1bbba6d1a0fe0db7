/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of an admin on two whole sites: what is written at both, what a repetition does,
 * what is refused with nothing changed, what `site validate` finds; tenant mappings.
 */
#include "tests/sim/bench.h"

#include "store/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CONFLICT "protector.conflict"
#define USAGE    "protector.client.usage"

static void must_say(const struct bench *b, const char *text)
{
    if (strstr(b->last_error, text) == NULL)
        fail_msg("'%s' should be said: %s", text, b->last_error);
}

/* Writes to the database of a site behind everybody's back. */
static void sql_do(struct bench *b, int site, const char *sql)
{
    struct db *db = process_db_get(&b->site[site].p);
    err_t *e = db_exec(db, NULL, sql, "");

    process_db_put(&b->site[site].p, db);
    if (e != NULL)
        fail_msg("%s: %s", sql, err_message(e));
}

/* A value is the same text at both sites. */
static void both_have(struct bench *b, const char *sql, const char *want)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *is = bench_sql(b, i, sql);
        if (g_strcmp0(is, want) != 0)
            fail_msg("%s: %s: %s, not %s", bench_site_name(i), sql, is, want);
    }
}

static void both_count(struct bench *b, const char *sql, int64_t want)
{
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, sql), want);
}

#define SITE_COUNT    "SELECT COUNT(*) FROM sites"
#define MAPPING_COUNT "SELECT COUNT(*) FROM tenant_mappings"

/* Both sites, no mapping. */
static struct bench *sites_bench(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    for (int i = 0; i < BENCH_SITES; i++)
        sql_do(b, i, "DELETE FROM tenant_mappings");
    return b;
}

/* ---- site create, again ---- */

static char *keystone_of(struct bench *b, int site)
{
    return sim_origin(b->sim, site, SIM_KEYSTONE);
}

static void create_again(struct bench *b, const char *name, int site, const char *code)
{
    g_autofree char *keystone = keystone_of(b, site);
    g_autofree char *region = g_strdup_printf("Region%c", 'A' + site);

    if (code != NULL)
        bench_fails(b, code, "site-a", "site create", "name", name, "auth-url", keystone,
                    "region-name", region, NULL);
    else
        json_decref(bench_ok(b, "site-a", "site create", "name", name, "auth-url", keystone,
                             "region-name", region, NULL));
}

/* All of it is there: a conflict, with words.  A part of it is: the rest is written. */
static void test_create_again(void **state)
{
    AUTO(bench) b = sites_bench(801);
    (void)state;

    create_again(b, "site-a", SIM_SITE_A, CONFLICT);
    must_say(b, "registered already at itself");
    create_again(b, "site-b", SIM_SITE_B, CONFLICT);
    must_say(b, "registered already at both sites");
    sql_do(b, SIM_SITE_B, "DELETE FROM sites WHERE is_local = 0");
    create_again(b, "site-b", SIM_SITE_B, NULL);
    sql_do(b, SIM_SITE_B, "DELETE FROM sites WHERE is_local = 1");
    create_again(b, "site-b", SIM_SITE_B, NULL);
    sql_do(b, SIM_SITE_A, "DELETE FROM sites WHERE is_local = 0");
    create_again(b, "site-b", SIM_SITE_B, NULL);
    both_count(b, SITE_COUNT, 2);
    create_again(b, "site-b", SIM_SITE_B, CONFLICT);
}

/* What cannot be the same registration is written at neither site. */
static void test_create_other_values(void **state)
{
    AUTO(bench) b = sites_bench(802);
    g_autofree char *keystone = keystone_of(b, SIM_SITE_B);
    (void)state;

    sql_do(b, SIM_SITE_A, "DELETE FROM sites WHERE is_local = 0");
    create_again(b, "harbour", SIM_SITE_B, CONFLICT);
    must_say(b, "its name is 'site-b', not 'harbour'");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, SITE_COUNT), 1);
    create_again(b, "site-b", SIM_SITE_B, NULL);
    sql_do(b, SIM_SITE_B, "DELETE FROM sites");
    create_again(b, "site-a", SIM_SITE_B, "protector.client.cloud");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, SITE_COUNT), 0);
    create_again(b, "site-b", SIM_SITE_B, NULL);
    bench_fails(b, CONFLICT, "site-a", "site create", "name", "site-b", "auth-url", keystone,
                "region-name", "RegionB", "description", "the hall at the harbour", NULL);
    must_say(b, "its description is '', not 'the hall at the harbour'");
}

/* --service-* of a repetition are kept; for the local site they are refused. */
static void test_create_service(void **state)
{
    AUTO(bench) b = sites_bench(803);
    g_autofree char *keystone = keystone_of(b, SIM_SITE_B);
    g_autofree char *own = keystone_of(b, SIM_SITE_A);
    static const char kept[] = "SELECT COUNT(*) FROM sites WHERE credentials IS NOT NULL";
    (void)state;

    bench_fails(b, USAGE, "site-a", "site create", "name", "site-a", "auth-url", own, "region-name",
                "RegionA", "service-username", "protector", "service-password", "lab", NULL);
    must_say(b, "--service-* are for the cloud of another site");
    bench_fails(b, USAGE, "site-a", "site create", "name", "site-b", "auth-url", keystone,
                "region-name", "RegionB", "service-password", "lab", NULL);
    must_say(b, "give --service-username and --service-password");
    both_count(b, kept, 0);
    for (int i = 0; i < 2; i++) {
        json_decref(bench_ok(b, "site-a", "site create", "name", "site-b", "auth-url", keystone,
                             "region-name", "RegionB", "service-username", "protector",
                             "service-password", i == 0 ? "lab" : "other", NULL));
        bench_fails(b, CONFLICT, "site-a", "site create", "name", "site-b", "auth-url", keystone,
                    "region-name", "RegionB", "service-username", "protector", "service-password",
                    i == 0 ? "lab" : "other", NULL);
    }
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, kept), 1);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, kept), 0);
}

/* ---- site update ---- */

#define UPDATE(site) "site-a", "site update", "site", site

static void test_update_both(void **state)
{
    AUTO(bench) b = sites_bench(804);
    (void)state;

    json_decref(bench_ok(b, UPDATE("site-b"), "description", "harbour", NULL));
    both_have(b, "SELECT description FROM sites WHERE name = 'site-b'", "harbour");
    json_decref(bench_ok(b, UPDATE("site-a"), "description", "hill", NULL));
    both_have(b, "SELECT description FROM sites WHERE name = 'site-a'", "hill");
    bench_fails(b, USAGE, UPDATE("site-b"), NULL);

    json_decref(bench_ok(b, UPDATE("site-a"), "service-username", "u", "service-password", "p",
                         "description", "hill 2", NULL));
    both_have(b, "SELECT description FROM sites WHERE name = 'site-a'", "hill 2");
    static const char kept[] = "SELECT name FROM sites WHERE credentials IS NOT NULL";
    g_autofree char *a = bench_sql(b, SIM_SITE_A, kept);
    g_autofree char *there = bench_sql(b, SIM_SITE_B, kept);
    assert_null(a);
    assert_string_equal(there, "site-a");
}

/* The other site does not answer, refuses, lacks the record, or is another one: nothing is changed
 * anywhere. */
static void test_update_refused(void **state)
{
    AUTO(bench) b = sites_bench(805);
    static const char said[] = "SELECT COUNT(*) FROM sites WHERE description IS NOT NULL";
    (void)state;

    bench_api(b, SIM_SITE_B, false);
    bench_fails(b, "protector.net.refused", UPDATE("site-b"), "description", "x", NULL);
    must_say(b, "nothing was changed");
    bench_fails(b, "protector.net.refused", UPDATE("site-a"), "description", "x", NULL);
    bench_api(b, SIM_SITE_B, true);
    b->secondary = "prod-b";
    bench_fails(b, "protector.forbidden", UPDATE("site-b"), "description", "x", NULL);
    must_say(b, "nothing was changed");
    b->secondary = "site-a";
    bench_fails(b, "protector.client.cloud", UPDATE("site-b"), "description", "x", NULL);
    must_say(b, "is not of site 'site-b' but of 'site-a'");
    b->secondary = NULL;
    bench_fails(b, USAGE, UPDATE("site-b"), "description", "x", "service-password", "p", NULL);
    sql_do(b, SIM_SITE_B, "DELETE FROM sites WHERE is_local = 0");
    bench_fails(b, CONFLICT, UPDATE("site-a"), "description", "x", NULL);
    must_say(b, "has no record of 'site-a'");
    both_count(b, said, 0);
}

/* ---- site delete ---- */

static void test_delete_both(void **state)
{
    AUTO(bench) b = sites_bench(806);
    static const char there[] = "SELECT COUNT(*) FROM sites WHERE name = 'site-b'";
    (void)state;

    bench_api(b, SIM_SITE_B, false);
    bench_fails(b, "protector.net.refused", "site-a", "site delete", "site", "site-b", NULL);
    must_say(b, "nothing was changed");
    bench_api(b, SIM_SITE_B, true);
    both_count(b, there, 1);
    json_decref(bench_ok(b, "site-a", "site delete", "site", "site-b", NULL));
    both_count(b, there, 0);

    create_again(b, "site-b", SIM_SITE_B, NULL);
    sql_do(b, SIM_SITE_B, "DELETE FROM sites WHERE is_local = 1");
    json_decref(bench_ok(b, "site-a", "site delete", "site", "site-b", NULL));
    both_count(b, there, 0);
}

/* In use at either site: both keep it. */
static void test_delete_in_use(void **state)
{
    AUTO(bench) b = bench_create(807);
    (void)state;

    bench_register(b);
    sql_do(b, SIM_SITE_B, "DELETE FROM tenant_mappings");
    bench_fails(b, CONFLICT, "site-a", "site delete", "site", "site-b", NULL);
    must_say(b, "in use by tenant mappings");
    both_count(b, SITE_COUNT, 2);
    bench_fails(b, CONFLICT, "site-b", "site delete", "site", "site-a", NULL);
    must_say(b, "nothing was deleted: site 'site-a' refuses");
    both_count(b, SITE_COUNT, 2);
}

/* ---- site validate ---- */

/* The row of a check, "" for any site: its result.  "" if there is none. */
static const char *row_of(const json_t *result, const char *site, const char *check,
                          const char **ret_text)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(result, "objects"), i, row)
    {
        if (!g_str_equal(json_str_or(row, "check", ""), check) ||
            !g_str_equal(json_str_or(row, "site", ""), site))
            continue;
        if (ret_text != NULL)
            *ret_text = json_str_or(row, "text", "");
        return json_str_or(row, "result", "");
    }
    return "";
}

static void row_is(const json_t *result, const char *site, const char *check, const char *want,
                   const char *says)
{
    const char *text = "";
    const char *is = row_of(result, site, check, &text);

    if (g_str_equal(is, want) && (says == NULL || strstr(text, says) != NULL))
        return;
    g_autofree char *all = json_print(result);
    fail_msg("'%s' of %s is '%s' (%s), not '%s' (%s): %s", check, site, is, text, want,
             says != NULL ? says : "", all);
}

/* The command, the row and the records say the same; 'there': the named site's database too. */
static json_t *validated(struct bench *b, const char *site, const char *status, bool there)
{
    g_autofree char *sql = g_strdup_printf("SELECT status FROM sites WHERE name = '%s'", site);
    json_t *result = bench_ok(b, "site-a", "site validate", "site", site, NULL);

    if (g_strcmp0(json_str(result, "status"), status) != 0) {
        g_autofree char *all = json_print(result);
        fail_msg("%s is not %s: %s", site, status, all);
    }
    row_is(result, site, "status", status, NULL);
    for (int i = 0; i < (there ? BENCH_SITES : 1); i++) {
        g_autofree char *is = bench_sql(b, i, sql);
        assert_string_equal(is, status);
    }
    return result;
}

#define CLIENT    "Its Protector and Keystone answer the client"
#define DOOR      "Its Keystone v3 answers this site"
#define PEER_IN   "The peer credentials log in there"
#define NEUTRON   "Neutron v2 answers"
#define GLANCE    "Glance v2 answers"
#define ENGINE    "Its engine checks the site"
#define NOVA      "Nova is of Victoria or later"
#define ALL_SITES "SELECT COUNT(*) FROM sites WHERE status = 'active'"

static void sites_are_names(const json_t *result)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(result, "objects"), i, row)
    {
        const char *site = json_str_or(row, "site", "");
        if (!g_str_equal(site, "site-a") && !g_str_equal(site, "site-b"))
            fail_msg("'%s' is no name of a site", site);
    }
}

/* A row each of who has looked, named by sites, and the status as a row: any format has it. */
static void test_validate_rows(void **state)
{
    AUTO(bench) b = sites_bench(808);
    (void)state;

    g_autoptr(json_t) own = validated(b, "site-a", "active", true);
    row_is(own, "site-a", CLIENT, "ok", "API 1.0 to");
    row_is(own, "site-a", NOVA, "ok", NULL);
    assert_string_equal(row_of(own, "site-b", CLIENT, NULL), "");
    g_autoptr(json_t) peer = validated(b, "site-b", "active", true);
    row_is(peer, "site-a", CLIENT, "ok", b->site[SIM_SITE_A].api_origin);
    row_is(peer, "site-b", CLIENT, "ok", b->site[SIM_SITE_B].api_origin);
    row_is(peer, "site-b", NOVA, "ok", NULL);
    row_is(peer, "site-b", NEUTRON, "ok", "v2.0");
    row_is(peer, "site-b", GLANCE, "ok", "v2.15");
    row_is(peer, "site-a", DOOR, "ok", NULL);
    row_is(peer, "site-a", PEER_IN, "ok", "as protector in service");
    sites_are_names(peer);
}

static void service_refuses(struct bench *b, const char *service)
{
    struct sim_fault fault = {.site = SIM_SITE_B, .service = service, .kind = SIM_FAULT_REFUSE};

    sim_fault_add(b->sim, &fault);
}

/* What answered a moment ago is asked anew, each service itself. */
static void test_validate_services(void **state)
{
    AUTO(bench) b = sites_bench(809);
    (void)state;

    json_decref(validated(b, "site-b", "active", true));
    service_refuses(b, "nova");
    g_autoptr(json_t) nova = validated(b, "site-b", "error", true);
    row_is(nova, "site-b", NOVA, "failed", NULL);
    sim_fault_clear(b->sim);
    service_refuses(b, "neutron");
    g_autoptr(json_t) neutron = validated(b, "site-b", "error", true);
    row_is(neutron, "site-b", NEUTRON, "failed", NULL);
    row_is(neutron, "site-b", NOVA, "ok", NULL);
    sim_fault_clear(b->sim);
    service_refuses(b, "glance");
    g_autoptr(json_t) glance = validated(b, "site-b", "active", true);
    row_is(glance, "site-b", GLANCE, "warning", NULL);
    sim_fault_clear(b->sim);
    json_decref(validated(b, "site-b", "active", true));
}

/* Either site's verdict counts. */
static void test_validate_worst(void **state)
{
    AUTO(bench) b = sites_bench(810);
    (void)state;

    sql_do(b, SIM_SITE_A,
           "UPDATE sites SET auth_url = 'http://127.0.99.1:5000/v3' WHERE is_local = 0");
    g_autoptr(json_t) result = validated(b, "site-b", "unreachable", true);
    row_is(result, "site-b", NOVA, "ok", NULL);
    row_is(result, "site-a", DOOR, "failed", NULL);
}

/* Protector is silent, then its engine: the command succeeds and tells. */
static void test_validate_silent(void **state)
{
    AUTO(bench) b = sites_bench(811);
    (void)state;

    bench_api(b, SIM_SITE_B, false);
    g_autoptr(json_t) api = validated(b, "site-b", "unreachable", false);
    row_is(api, "site-a", CLIENT, "ok", NULL);
    row_is(api, "site-b", CLIENT, "failed", "does not answer");
    row_is(api, "site-a", DOOR, "ok", NULL);
    bench_api(b, SIM_SITE_B, true);
    bench_engine(b, SIM_SITE_B, false);
    g_autoptr(json_t) engine = validated(b, "site-b", "error", true);
    row_is(engine, "site-b", ENGINE, "failed", "has not ended operation");
    bench_engine(b, SIM_SITE_B, true);
    json_decref(validated(b, "site-b", "active", true));
}

/* The volume types of another site are read by its engine, if it is that site and has one. */
static void test_types(void **state)
{
    AUTO(bench) b = sites_bench(820);
    (void)state;

    g_autoptr(json_t) list =
        bench_ok(b, "site-a", "site list-volume-types", "site", "site-b", NULL);
    assert_int_equal(json_array_size(json_arr(list, "rows")), 1);
    b->secondary = "site-a";
    bench_fails(b, "protector.client.cloud", "site-a", "site list-volume-types", "site", "site-b",
                NULL);
    b->secondary = NULL;
    bench_engine(b, SIM_SITE_B, false);
    int64_t since_ms = b->clock_ms;
    bench_fails(b, "protector.operation.failed", "site-a", "site list-volume-types", "site",
                "site-b", NULL);
    must_say(b, "whether protector-engine runs");
    assert_true(b->clock_ms - since_ms < 10 * 60 * 1000);
}

/*
 * Without peer credentials (the bench's are of site-b by name): its Keystone is looked at all the
 * same, and Nova's address is learned.
 */
static void test_validate_no_credentials(void **state)
{
    AUTO(bench) b = bench_create(812);
    static const char nova[] = "SELECT compute_url FROM sites WHERE name = 'harbour'";
    (void)state;

    create_again(b, "site-a", SIM_SITE_A, NULL);
    create_again(b, "harbour", SIM_SITE_B, NULL);
    g_autofree char *url = bench_sql(b, SIM_SITE_A, nova);
    assert_non_null(url);
    for (int i = 0; i < BENCH_SITES; i++)
        sql_do(b, i, "UPDATE sites SET compute_url = NULL");
    g_autoptr(json_t) result = validated(b, "harbour", "active", true);
    row_is(result, "site-a", DOOR, "ok", NULL);
    row_is(result, "site-a", PEER_IN, "warning", "no credentials");
    both_have(b, nova, url);

    json_decref(bench_ok(b, UPDATE("harbour"), "compute-url", "http://127.0.99.1:8774/v2.1", NULL));
    g_autoptr(json_t) other = validated(b, "harbour", "active", true);
    row_is(other, "harbour", "Nova's address in the record is the catalog's", "warning", url);
    both_have(b, nova, "http://127.0.99.1:8774/v2.1");
    sql_do(b, SIM_SITE_A,
           "UPDATE sites SET auth_url = 'http://127.0.99.1:5000/v3' WHERE is_local = 0");
    json_decref(validated(b, "harbour", "unreachable", true));
}

/* A password alone replaces that of the user who is kept. */
static void test_service_merged(void **state)
{
    AUTO(bench) b = sites_bench(813);
    (void)state;

    json_decref(bench_ok(b, UPDATE("site-b"), "service-username", "protector", "service-password",
                         "wrong", NULL));
    g_autoptr(json_t) wrong = validated(b, "site-b", "active", true);
    row_is(wrong, "site-a", PEER_IN, "warning", "protector");
    json_decref(bench_ok(b, UPDATE("site-b"), "service-password", "lab", NULL));
    g_autoptr(json_t) right = validated(b, "site-b", "active", true);
    row_is(right, "site-a", PEER_IN, "ok", "as protector in service");
}

/* Whom it is not allowed, or whose clouds.yaml is wrong, is told so; no site is in error for it. */
static void test_validate_refused(void **state)
{
    AUTO(bench) b = sites_bench(814);
    (void)state;

    bench_fails(b, "protector.forbidden", "prod-a", "site validate", "site", "site-a", NULL);
    bench_fails(b, "protector.forbidden", "prod-a", "site validate", "site", "site-b", NULL);
    b->secondary = "prod-b";
    bench_fails(b, "protector.forbidden", "site-a", "site validate", "site", "site-b", NULL);
    b->secondary = "site-a";
    bench_fails(b, "protector.client.cloud", "site-a", "site validate", "site", "site-b", NULL);
    both_count(b, ALL_SITES, 2);
}

/* ---- tenant mappings ---- */

static const char *project(struct bench *b, int site, const char *name)
{
    return json_str(sim_find(b->sim, site, "projects", name), "id");
}

#define MAP(here, there)                                                                           \
    "site-a", "tenant mapping create", "local-tenant", here, "remote-site", "site-b",              \
        "remote-tenant", there

/* A project that is not there, at either site: told, and nothing is written. */
static void test_mapping_projects(void **state)
{
    AUTO(bench) b = sites_bench(815);
    g_autofree char *here = g_strdup(project(b, SIM_SITE_A, "prod"));
    g_autofree char *there = g_strdup(project(b, SIM_SITE_B, "prod"));
    (void)state;

    bench_fails(b, "protector.not_found", MAP("prod", there), NULL);
    must_say(b, "cloud 'site-a' has no project with the id 'prod'");
    bench_fails(b, "protector.not_found", MAP(here, here), NULL);
    must_say(b, "cloud 'site-b' has no project");
    both_count(b, MAPPING_COUNT, 0);
    json_decref(bench_ok(b, MAP(here, there), NULL));
    json_decref(bench_ok(b, MAP(here, there), NULL));
    both_count(b, MAPPING_COUNT, 1);
}

/* Who may not look at projects maps all the same; a Keystone that fails is no answer. */
static void test_mapping_unseen(void **state)
{
    AUTO(bench) b = sites_bench(816);
    g_autofree char *here = g_strdup(project(b, SIM_SITE_A, "prod"));
    g_autofree char *there = g_strdup(project(b, SIM_SITE_B, "prod"));
    struct sim_fault fault = {.site = SIM_SITE_B,
                              .service = "keystone",
                              .path = "/v3/projects/*",
                              .kind = SIM_FAULT_STATUS,
                              .status = 503};
    (void)state;

    sim_fault_add(b->sim, &fault);
    bench_fails(b, "protector.unavailable", MAP(here, there), NULL);
    both_count(b, MAPPING_COUNT, 0);
    sim_fault_clear(b->sim);
    fault.status = 403;
    sim_fault_add(b->sim, &fault);
    json_decref(bench_ok(b, MAP(here, there), NULL));
    both_count(b, MAPPING_COUNT, 1);
}

/* The other site refuses its side, or is silent: this one keeps nothing. */
static void test_mapping_both_or_none(void **state)
{
    AUTO(bench) b = bench_create(817);
    (void)state;

    bench_register(b);
    g_autofree char *there = g_strdup(project(b, SIM_SITE_B, "prod"));
    g_autofree char *other = g_strdup(project(b, SIM_SITE_A, "admin"));
    sql_do(b, SIM_SITE_A, "DELETE FROM tenant_mappings");
    bench_fails(b, CONFLICT, MAP(other, there), NULL);
    must_say(b, "the other site refuses: nothing was changed");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, MAPPING_COUNT), 0);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, MAPPING_COUNT), 1);
    bench_api(b, SIM_SITE_B, false);
    bench_fails(b, "protector.net.refused", MAP(other, there), NULL);
    must_say(b, "nothing was changed");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, MAPPING_COUNT), 0);
}

/* The local site refuses after the other one has deleted its side. */
static void test_mapping_delete_refused(void **state)
{
    AUTO(bench) b = bench_create_protected(818);
    g_autofree char *mapping = bench_sql(b, SIM_SITE_A, "SELECT id FROM tenant_mappings");
    (void)state;

    sql_do(b, SIM_SITE_B, "UPDATE protection_groups SET listed = 0");
    bench_fails(b, CONFLICT, "site-a", "tenant mapping delete", "mapping", mapping, NULL);
    must_say(b, "use this mapping");
    both_count(b, MAPPING_COUNT, 1);
}

/* ---- names ---- */

/* A site is shown by its name. */
static void test_mapping_list(void **state)
{
    AUTO(bench) b = bench_create(819);
    (void)state;

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "web", "replication-type",
                         "async", "primary-site", "site-a", "secondary-site", "site-b",
                         "volume-type", "replicated-ssd", "!wait", NULL));
    g_autoptr(json_t) list =
        bench_ok(b, "prod-a", "protection-group mapping-set", "protection-group", "web",
                 "*network-mapping", "net-app=net-app", NULL);
    const json_t *row = json_array_get(json_arr(list, "rows"), 0);
    assert_int_equal(json_array_size(json_arr(list, "rows")), 1);
    assert_string_equal(json_string_value(json_array_get(row, 3)), "site-a");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_again),
        cmocka_unit_test(test_create_other_values),
        cmocka_unit_test(test_create_service),
        cmocka_unit_test(test_update_both),
        cmocka_unit_test(test_update_refused),
        cmocka_unit_test(test_delete_both),
        cmocka_unit_test(test_delete_in_use),
        cmocka_unit_test(test_validate_rows),
        cmocka_unit_test(test_validate_services),
        cmocka_unit_test(test_validate_worst),
        cmocka_unit_test(test_validate_silent),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_validate_no_credentials),
        cmocka_unit_test(test_service_merged),
        cmocka_unit_test(test_validate_refused),
        cmocka_unit_test(test_mapping_projects),
        cmocka_unit_test(test_mapping_unseen),
        cmocka_unit_test(test_mapping_both_or_none),
        cmocka_unit_test(test_mapping_delete_refused),
        cmocka_unit_test(test_mapping_list),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("sites", tests, NULL, NULL);
}
