/* SPDX-License-Identifier: Apache-2.0 */
/* verbs - see verbs.h. */
#include "tests/sim/verbs.h"

#include "store/restored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

/* ---- create ---- */

static json_t *create(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group create", "name", "web", "replication-type",
                     "async", "primary-site", "site-a", "secondary-site", "site-b", "volume-type",
                     "replicated-ssd", "!wait", NULL);
}

static void created(struct bench *b)
{
    g_autoptr(json_t) group = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);

    assert_string_equal(bench_field(group, "status"), "active");
    for (int i = 0; i < BENCH_SITES; i++) {
        assert_int_equal(bench_sql_int(b, i,
                                       "SELECT COUNT(*) FROM protection_groups WHERE"
                                       " living_name = 'web'"),
                         1);
        assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 1);
    }
}

static void prepare_group(struct bench *b)
{
    json_t *said = create(b);

    if (said == NULL)
        fail_msg("create: %s", b->last_error);
    json_decref(said);
}

/* ---- update ---- */

static json_t *update(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group update", WEB, "description", "told anew", NULL);
}

static void updated(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) group = bench_ok(b, bench_tenant(i), "protection-group show", WEB, NULL);
        assert_string_equal(bench_field(group, "description"), "told anew");
        assert_string_equal(bench_field(group, "status"), "active");
    }
}

/* ---- what was attached since goes into the change ---- */

static void prepare_drifted(struct bench *b)
{
    bench_protect(b);
    bench_attach(b, SIM_SITE_A, "web-1");
    bench_engine_conf(b, SIM_SITE_A, "[DEFAULT]\ndrift_interval_s = 60\n");
    bench_pass(b, 70000);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM drift WHERE differences LIKE"
                                   " '%" BENCH_ATTACHED "%'"),
                     1);
}

/* It is in at both sites, or in neither and still said: a fault keeps nobody from a change. */
static void drift_taken_in(struct bench *b)
{
    static const char in[] =
        "SELECT COUNT(*) FROM cg_volumes WHERE volume_id = '" BENCH_ATTACHED "'";
    static const char said[] = "SELECT COUNT(*) FROM drift WHERE differences LIKE"
                               " '%" BENCH_ATTACHED "%'";

    updated(b);
    int64_t here = bench_sql_int(b, SIM_SITE_A, in);
    assert_int_equal(here, bench_sql_int(b, SIM_SITE_B, in));
    assert_int_equal(here, 1 - bench_sql_int(b, SIM_SITE_A, said));
}

/* ---- policy ---- */

static json_t *policy_set(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group policy-create", WEB, "primary-fa-url",
                     "https://array-a.lab", "primary-fa-token", "T-a", "secondary-fa-url",
                     "https://array-b.lab", "secondary-fa-token", "T-b", "pure-pg-name", "pg-web",
                     "replication-interval", "60", "rpo-minutes", "15", NULL);
}

static void policies_are(struct bench *b, int count)
{
    created(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM replication_policies"), count);
}

static void policy_there(struct bench *b)
{
    policies_are(b, 1);
}

static json_t *policy_delete(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group policy-delete", WEB, NULL);
}

static void policy_gone(struct bench *b)
{
    policies_are(b, 0);
}

static void prepare_policy(struct bench *b)
{
    prepare_group(b);
    json_t *said = policy_set(b);
    if (said == NULL)
        fail_msg("policy-create: %s", b->last_error);
    json_decref(said);
}

/* ---- mappings ---- */

static json_t *mappings_set(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group mapping-set", WEB, "*network-mapping",
                     "net-app=net-app", NULL);
}

static void mapping_there(struct bench *b)
{
    created(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM resource_mappings"), 1);
}

/* ---- members ---- */

static json_t *member_add(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group member-add", WEB, "instance-id",
                     bench_server_id(b, SIM_SITE_A, "web-1"), NULL);
}

/* web-1 alone is protected, with both its volumes. */
static void member_added(struct bench *b)
{
    const char *id;
    json_t *volume;
    int in_group = 0;

    created(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM pg_members"), 1);
    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_A, "volumes"), id, volume) in_group +=
        json_str(volume, "group_id") != NULL;
    assert_int_equal(in_group, 2);
}

static json_t *member_update(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group member-update", WEB, "member-id",
                     bench_server_id(b, SIM_SITE_A, "db-1"), "priority", "1", "start-delay", "20",
                     NULL);
}

static void member_updated(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) member = bench_ok(b, bench_tenant(i), "protection-group member-show", WEB,
                                            "member", bench_server_id(b, SIM_SITE_A, "db-1"), NULL);
        assert_int_equal(json_int(json_obj(member, "object"), "priority", 0), 1);
        assert_int_equal(json_int(json_obj(member, "object"), "start_delay_s", 0), 20);
    }
}

static json_t *member_remove(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group member-remove", WEB, "member-id",
                     bench_server_id(b, SIM_SITE_A, "db-1"), NULL);
}

static void member_removed(struct bench *b)
{
    member_added(b); /* only web-1 is left */
    bench_servers_are(b, SIM_SITE_A, "active");
}

static void prepare_protected(struct bench *b)
{
    bench_server_group(b, SIM_SITE_A, "soft-anti-affinity");
    bench_protect(b);
    g_autofree char *floating = bench_floating_mapping(b, SIM_SITE_A);
    json_decref(bench_ok(b, "prod-a", "protection-group mapping-set", WEB, "*floating-ip-mapping",
                         floating, NULL));
    bench_wait_point(b);
}

/* ---- failover ---- */

static void prepare_lost(struct bench *b)
{
    prepare_protected(b);
    bench_lose(b, SIM_SITE_A);
    bench_bare(b, SIM_SITE_B);
}

static json_t *failover(struct bench *b)
{
    return bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                     "the other site lost its power", "*network-mapping", "net-app=net-app", NULL);
}

/* Floating IPs that a failover has taken. */
static int floating_keyed(struct bench *b, int site)
{
    const char *id;
    json_t *row;
    int count = 0;

    json_object_foreach((json_t *)sim_table(b->sim, site, "floatingips"), id, row) count +=
        g_str_has_prefix(json_str_or(row, "description", ""), "protector ");
    return count;
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
    assert_true(floating_keyed(b, SIM_SITE_B) <= 1); /* a fault may have kept it away */
    g_autoptr(json_t) group =
        bench_ok(b, "prod-b", "protection-group show", WEB, "!no-carry", NULL);
    assert_string_equal(bench_field(group, "status"), "failed_over");
    assert_int_equal(json_int(json_obj(group, "object"), "failover_count", 0), 1);
}

/* ---- demotion ---- */

static void prepare_back(struct bench *b)
{
    prepare_lost(b);
    json_decref(bench_failover(b, SIM_SITE_B));
    b->site[SIM_SITE_A].unwatched = true; /* a client tells it */
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
}

static json_t *demote(struct bench *b)
{
    return bench_try(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL);
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

/* ---- handed over ---- */

static void prepare_handover(struct bench *b)
{
    prepare_protected(b);
    bench_bare(b, SIM_SITE_B);
}

static json_t *handover(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group failover", WEB, "!planned", "*network-mapping",
                     "net-app=net-app", NULL);
}

/* ---- a whole site ---- */

static void prepare_site_lost(struct bench *b)
{
    prepare_protected(b);
    bench_site_admin(b, SIM_SITE_B, "prod-user", "prod");
    bench_lose(b, SIM_SITE_A);
    bench_bare(b, SIM_SITE_B);
}

static json_t *site_failover(struct bench *b)
{
    return bench_try(b, "prod-b", "site failover", "site", "site-a", "reason",
                     "the other site lost its power", "!yes", NULL);
}

/* ---- home again ---- */

static void prepare_away(struct bench *b)
{
    prepare_handover(b);
    json_decref(handover(b));
    bench_settle(b);
}

static json_t *failback(struct bench *b)
{
    return bench_try(b, "prod-b", "protection-group failback", WEB, NULL);
}

/* New servers of the final point, with the addresses of the kept ones; nothing was deleted. */
static void home_again(struct bench *b)
{
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_servers_are(b, SIM_SITE_B, "stopped locked");
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_status_is(b, SIM_SITE_A, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "servers")), 4);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "volumes")), 8);
    assert_int_equal(bench_keyed(b, SIM_SITE_A, "servers"), 2);
    assert_int_equal(bench_keyed(b, SIM_SITE_A, "volumes"), 4);
}

/* ---- what was kept ---- */

static json_t *cleanup_source(struct bench *b)
{
    return bench_try(b, "prod-b", "protection-group cleanup-source", WEB, "!yes",
                     "discard-writes-after", "1970-01-01T00:00:00Z", NULL);
}

/* Site A has nothing of it any more; the group runs on at B. */
static void source_clean(struct bench *b)
{
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "servers")), 0);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "volumes")), 0);
    failed_over(b);
}

/* ---- with what was kept ---- */

/* B has the group and is lost, before a point of it has come to A. */
static void prepare_away_lost(struct bench *b)
{
    prepare_away(b);
    bench_lose(b, SIM_SITE_B);
}

static json_t *from_kept(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group failover", WEB, "!unplanned", "reason",
                     "site-b burnt down", "from", "kept", NULL);
}

/* A's own servers run again, and nothing was made. */
static void started_again(struct bench *b)
{
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "servers")), 2);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "volumes")), 4);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
}

/* ---- at home where it is ---- */

static json_t *reprotect(struct bench *b)
{
    return bench_try(b, "prod-b", "protection-group reprotect", WEB, NULL);
}

static void reprotected(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) group = bench_ok(b, bench_tenant(i), "protection-group show", WEB, NULL);
        assert_string_equal(bench_field(group, "primary_site"), "site-b");
        assert_string_equal(bench_field(group, "status"), "active");
    }
    bench_servers_are(b, SIM_SITE_B, "active");
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
}

/* ---- a point now ---- */

static json_t *point_now(struct bench *b)
{
    return bench_try(b, "prod-a", "consistency-group sync", WEB, NULL);
}

static void point_made(struct bench *b)
{
    assert_true(bench_sql_int(b, SIM_SITE_A,
                              "SELECT COUNT(*) FROM dr_operations WHERE operation_type = 'sync' AND"
                              " status = 'completed'") > 0);
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_status_is(b, SIM_SITE_A, "active");
}

/* ---- rehearsed ---- */

static json_t *drill(struct bench *b)
{
    return bench_try(b, "prod-b", "protection-group test-failover", WEB, NULL);
}

static void production_runs(struct bench *b)
{
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
}

static void rehearsed(struct bench *b)
{
    g_autofree char *web = bench_server_state(b, SIM_SITE_B, "web-1-drill");
    g_autofree char *db = bench_server_state(b, SIM_SITE_B, "db-1-drill");

    assert_string_equal(web, "active");
    assert_string_equal(db, "active");
    bench_status_is(b, SIM_SITE_B, "testing");
    assert_true(json_object_size(sim_table(b->sim, SIM_SITE_B, "server_groups")) > 0);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "servers"), 2);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "volumes"), 4);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "ports"), 2);
    production_runs(b);
}

static void prepare_rehearsed(struct bench *b)
{
    prepare_handover(b);
    json_t *said = drill(b);
    if (said == NULL)
        fail_msg("test-failover: %s", b->last_error);
    json_decref(said);
}

static json_t *clean_up(struct bench *b)
{
    return bench_try(b, "prod-b", "protection-group test-cleanup", WEB, NULL);
}

static void cleaned_up(struct bench *b)
{
    static const char *const emptied[] = {"servers", "volumes", "ports", "networks", "subnets"};

    for (size_t i = 0; i < G_N_ELEMENTS(emptied); i++) {
        int left = bench_keyed(b, SIM_SITE_B, emptied[i]);
        if (left > 0)
            fail_msg("%d %s are left", left, emptied[i]);
    }
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "server_groups")), 0);
    bench_status_is(b, SIM_SITE_B, "active");
    production_runs(b);
}

/* ---- superseded ---- */

/* B has taken over; no client comes: A's engine finds it out by itself when it is back. */
static void prepare_superseded(struct bench *b)
{
    prepare_lost(b);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_api(b, SIM_SITE_B, false);
    sim_power_restore(b->sim, SIM_SITE_A);
    bench_pass(b, 20000);
}

static json_t *come_back(struct bench *b)
{
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 120000);
    return json_object();
}

static void superseded(struct bench *b)
{
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type ="
                                   " 'superseded_stop' AND status = 'completed'"),
                     1);
}

/* A person decides that A is active after all, while B cannot be reached. */
static void prepare_taken_back(struct bench *b)
{
    prepare_superseded(b);
    json_decref(come_back(b));
    superseded(b);
    bench_lose(b, SIM_SITE_B);
}

static json_t *take_back(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group failover", WEB, "!unplanned", "reason",
                     "site-b burnt down", "!yes", NULL);
}

static void taken_back(struct bench *b)
{
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type ="
                                   " 'resume' AND status = 'completed'"),
                     1);
}

/* B is back: a fork, and the person who took the group back keeps it. */
static void keep_a(struct bench *b)
{
    bench_settle(b);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group sync-resolve", WEB, "keep", "site-a",
                         "reason", "it was taken back", "!yes", NULL));
}

/* ---- in place ---- */

/* A change of A that nobody answers, and B is lost. */
static void prepare_undecided(struct bench *b)
{
    prepare_protected(b);
    bench_change_left(b);
    bench_settle(b);
    bench_lose(b, SIM_SITE_B);
}

static void reclaimed(struct bench *b)
{
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_status_is(b, SIM_SITE_A, "active");
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_int_equal(bench_epoch(b, SIM_SITE_A), 2);
}

/* ---- a look before a question ---- */

static json_t *demote_asked(struct bench *b)
{
    b->answer = "yes";
    json_t *said = bench_try(b, "prod-b", "protection-group sync-force", WEB, NULL);
    b->answer = NULL;
    return said;
}

static void looked(struct bench *b)
{
    demoted(b);
    assert_true(bench_sql_int(b, SIM_SITE_A,
                              "SELECT COUNT(*) FROM dr_operations WHERE operation_type = 'look' AND"
                              " status = 'completed'") > 0);
}

/* ---- the plan before the act ---- */

static json_t *look_ahead(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group plan", WEB, "!planned", NULL);
}

/* It was told, and nothing is as it was not before. */
static void looked_ahead(struct bench *b)
{
    production_runs(b);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), 0);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 0);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind IN"
                                   " ('server', 'volume', 'port', 'copy')"),
                     0);
    g_autofree char *result = bench_sql(b, SIM_SITE_B,
                                        "SELECT result FROM dr_operations WHERE operation_type ="
                                        " 'plan_look' AND status = 'completed'");
    assert_non_null(result);
    assert_non_null(strstr(result, "\"hash\""));
}

/* ---- a database that is lost ---- */

/*
 * B has failed over and is active; A is back and follows.  Then B's operator says that its database
 * was put back to an older copy, one from before the ledger's rows.
 */
static void prepare_forgotten(struct bench *b)
{
    struct process *p = &b->site[SIM_SITE_B].p;

    prepare_back(b);
    json_decref(demote(b));
    bench_settle(b);
    struct db *db = process_db_get(p);
    g_autoptr(err_t) e = db_exec(db, NULL, "DELETE FROM dr_resources", "");
    if (e == NULL)
        e = restored_admit(&p->exchange, db, "said by the operator", NULL);
    process_db_put(p, db);
    if (e != NULL)
        fail_msg("restored: %s", err_message(e));
}

static void rebuilt(struct bench *b)
{
    static const char *const kinds[] = {"server", "volume", "port", "copy"};

    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_role_is(b, SIM_SITE_A, "STANDBY");
    bench_servers_are(b, SIM_SITE_B, "active");
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *sql =
            g_strdup_printf("SELECT COUNT(*) FROM dr_resources WHERE kind = '%s' AND state ="
                            " 'released'",
                            kinds[i]);
        int64_t due = g_str_equal(kinds[i], "volume") || g_str_equal(kinds[i], "copy") ? 4 : 2;
        assert_int_equal(bench_sql_int(b, SIM_SITE_B, sql), due);
    }
}

/* ---- sites ---- */

static json_t *site_validate(struct bench *b)
{
    return bench_try(b, "site-a", "site validate", "site", "site-b", NULL);
}

static json_t *site_types(struct bench *b)
{
    return bench_try(b, "site-a", "site list-volume-types", "site", "site-b", NULL);
}

/* At the site where the engine was asked. */
static void completed(struct bench *b, const char *type)
{
    g_autofree char *sql = g_strdup_printf("SELECT COUNT(*) FROM dr_operations WHERE operation_type"
                                           " = '%s' AND status = 'completed'",
                                           type);

    assert_true(bench_sql_int(b, SIM_SITE_B, sql) > 0);
}

static void site_validated(struct bench *b)
{
    completed(b, "site_validate");
}

static void site_types_told(struct bench *b)
{
    completed(b, "site_volume_types");
}

/* ---- delete ---- */

static json_t *delete_group(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group delete", WEB, NULL);
}

/*
 * The last group of the project takes its trusts with it.  A Keystone that refuses (401, 403, 413
 * …) keeps no group from going: then the trust stays on record, and the settling tells of it.
 */
static void trusts_ended(struct bench *b, int site)
{
    size_t left = json_object_size(sim_table(b->sim, site, "trusts"));

    if (left == 0)
        return;
    assert_int_equal(bench_sql_int(b, site, "SELECT COUNT(*) FROM trusts"), left);
    assert_int_equal(bench_sql_int(b, site,
                                   "SELECT COUNT(*) FROM dr_steps WHERE step_key = 'group.settle'"
                                   " AND result LIKE '%trusts_left%'"),
                     1);
}

static void deleted(struct bench *b)
{
    bench_fails(b, "protector.group.not_found", "prod-a", "protection-group show", WEB, NULL);
    bench_fails(b, "protector.group.not_found", "prod-b", "protection-group show", WEB, NULL);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *role = bench_sql(b, i, "SELECT role FROM protection_groups");
        assert_string_equal(role, "TOMBSTONE");
        assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 0);
        trusts_ended(b, i);
    }
    for (int i = 0; i < 2; i++) {
        g_autofree char *is = bench_server_state(b, SIM_SITE_A, i == 0 ? "web-1" : "db-1");
        assert_string_equal(is, "active");
    }
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "volumes")), 4);
}

/* ---- the other site is gone for ever ---- */

static void prepare_gone(struct bench *b)
{
    prepare_protected(b);
    bench_lose(b, SIM_SITE_B);
}

static json_t *as_admin(struct bench *b, const char *command, const char *option)
{
    return bench_try(b, "site-a", command, WEB, "project",
                     json_str(sim_find(b->sim, SIM_SITE_A, "projects", "prod"), "id"), option,
                     "burnt down", "!yes", NULL);
}

static json_t *delete_alone(struct bench *b)
{
    return as_admin(b, "protection-group delete", "peer-is-gone");
}

static void prepare_unprotected(struct bench *b)
{
    prepare_gone(b);
    json_t *said = as_admin(b, "protection-group unprotect", "reason");
    if (said == NULL)
        fail_msg("unprotect: %s", b->last_error);
    json_decref(said);
}

/* Site A's part is gone, its servers run as they did. */
static void deleted_here(struct bench *b)
{
    bench_fails(b, "protector.group.not_found", "prod-a", "protection-group show", WEB, NULL);
    g_autofree char *role = bench_sql(b, SIM_SITE_A, "SELECT role FROM protection_groups");
    assert_string_equal(role, "TOMBSTONE");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "groups")), 0);
    trusts_ended(b, SIM_SITE_A);
    bench_servers_are(b, SIM_SITE_A, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "volumes")), 4);
}

/* ---- the table ---- */

/* clang-format off */
const struct verb verbs_all[] = {
    {"create", NULL, create, created, false, NULL},
    {"update", prepare_group, update, updated, false, NULL},
    {"take_in", prepare_drifted, update, drift_taken_in, false, NULL},
    {"policy_set", prepare_group, policy_set, policy_there, false, NULL},
    {"policy_delete", prepare_policy, policy_delete, policy_gone, false, NULL},
    {"member_add", prepare_group, member_add, member_added, false, NULL},
    {"member_update", prepare_protected, member_update, member_updated, false, NULL},
    {"member_remove", prepare_protected, member_remove, member_removed, false, NULL},
    {"failover", prepare_lost, failover, failed_over, true, NULL},
    {"site_failover", prepare_site_lost, site_failover, failed_over, true, NULL},
    {"handover", prepare_handover, handover, demoted, false, NULL},
    {"reprotect", prepare_away, reprotect, reprotected, false, NULL},
    {"sync", prepare_protected, point_now, point_made, false, NULL},
    {"drill", prepare_handover, drill, rehearsed, false, NULL},
    {"cleanup", prepare_rehearsed, clean_up, cleaned_up, false, NULL},
    {"cleanup_source", prepare_away, cleanup_source, source_clean, false, NULL},
    {"from_kept", prepare_away_lost, from_kept, started_again, true, NULL},
    {"failback", prepare_away, failback, home_again, false, NULL},
    {"demote", prepare_back, demote, demoted, false, NULL},
    {"superseded", prepare_superseded, come_back, superseded, true, NULL},
    {"take_back", prepare_taken_back, take_back, taken_back, true, keep_a},
    {"delete", prepare_protected, delete_group, deleted, false, NULL},
    {"delete_alone", prepare_gone, delete_alone, deleted_here, true, NULL},
    {"delete_unprotected", prepare_unprotected, delete_group, deleted_here, true, NULL},
    {"mappings_set", prepare_group, mappings_set, mapping_there, false, NULL},
    {"reclaim", prepare_undecided, take_back, reclaimed, true, NULL},
    {0},
};

/* What judges faults cannot judge these: they begin with a ledger that is not whole, or change
 * nothing. */
static const struct verb verbs_more[] = {
    {"look", prepare_back, demote_asked, looked, false, NULL},
    {"plan", prepare_handover, look_ahead, looked_ahead, false, NULL},
    {"rebuild", prepare_forgotten, demote, rebuilt, false, NULL},
    {"site_validate", NULL, site_validate, site_validated, false, NULL},
    {"site_types", NULL, site_types, site_types_told, false, NULL},
    {0},
};
/* clang-format on */

const struct verb *verb_of(const char *name)
{
    const struct verb *const tables[] = {verbs_all, verbs_more};

    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const struct verb *v = tables[i]; v->name != NULL; v++) {
            if (strcmp(v->name, name) == 0)
                return v;
        }
    }
    fail_msg("there is no verb '%s'", name);
    return NULL;
}
