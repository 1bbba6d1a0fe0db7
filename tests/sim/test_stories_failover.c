/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stories A2, A6, A9, A11 and B14 of the sync protocol once more, where they concern a failover:
 * what the claim precedes, what a death, a partial answer or a database that fails leaves, which
 * point is used, which chain is lost.  What is left of a story stands beside its test with the
 * issue that owns it.
 */
#include "runbooks/runbooks.h"
#include "tests/sim/bench.h"

#include "store/faulty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

/* ---- the mock's own records ---- */

/* ---- A2 ---- */

struct order {
    int64_t tag_before;           /* highest epoch that an array's tag names, before the failover */
    int tagged, promoted, booted; /* boundaries at which that was seen */
};

/* Nothing of the new epoch is seen at the arrays, or runs, while B's database has not claimed. */
static void claim_comes_first(void *data, struct bench_site *site, const char *where,
                              const char *step)
{
    struct order *o = data;
    struct bench *b = site->bench;
    bool tagged = bench_arrays_int(b, "SELECT coalesce(max(epoch), 0) FROM tags") > o->tag_before;
    bool promoting = g_str_equal(step, "group.promote") && !g_str_equal(where, "before-intent");
    bool booted = json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")) > 0;

    o->tagged += tagged;
    o->promoted += promoting;
    o->booted += booted;
    if (!tagged && !promoting && !booted)
        return;
    g_autofree char *role = bench_sql(b, SIM_SITE_B, "SELECT role FROM protection_groups");
    if (g_strcmp0(role, "ACTIVE") != 0)
        fail_msg("%s %s: site-b is %s, and%s%s%s", where, step, role, tagged ? " tagged" : "",
                 promoting ? " promoting" : "", booted ? " booted" : "");
}

/* A2.  Tags, promotion and servers come after the claim, never before it. */
static void test_a2_order(void **state)
{
    AUTO(bench) b = bench_create_protected(80);
    struct bench_site *site = &b->site[SIM_SITE_B];
    struct order order = {0};
    (void)state;

    order.tag_before = bench_arrays_int(b, "SELECT coalesce(max(epoch), 0) FROM tags");
    bench_lose(b, SIM_SITE_A);
    site->on_boundary = claim_comes_first;
    site->on_boundary_data = &order;
    json_decref(bench_failover(b, SIM_SITE_B));
    assert_true(order.tagged > 0 && order.promoted > 0 && order.booted > 0);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
}

static void failed_over_once(struct bench *b)
{
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), 2);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 4);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "ports"), 2);
    bench_ledger_holds(b, SIM_SITE_B);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM positions WHERE kind = 'CLAIM'"),
                     1);
}

/*
 * A2.  B's engine dies after its first boot.  A comes back meanwhile: B's database says that B has
 * taken over, and A's client is told.  The next engine of B goes on and boots no server twice.
 */
static void test_a2_death_after_boot(void **state)
{
    static const struct bench_death deaths[] = {
        {"after-intent", "server.boot", false},
        {"after-call", "server.boot", false},
        {"after-outcome", "server.boot", false},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(deaths); i++) {
        AUTO(bench) b = bench_create_protected(81);
        struct bench_death death = deaths[i];
        bench_lose(b, SIM_SITE_A);
        bench_dies_at(b, SIM_SITE_B, "failover", &death);
        json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                             "power", "!no-wait", NULL));
        bench_pass(b, 60000);
        assert_true(death.died);
        assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "servers")), i > 0);
        bench_role_is(b, SIM_SITE_B, "ACTIVE");
        bench_status_is(b, SIM_SITE_B, "failing_over");
        bench_restore(b, SIM_SITE_A);
        bench_pass(b, 5000);
        bench_fails(b, "protector.client.would_demote", "prod-a", "protection-group update", WEB,
                    "description", "meanwhile", NULL);
        bench_revive(b, SIM_SITE_B);
        bench_settle(b);
        failed_over_once(b);
        assert_int_equal(sim_count(b->sim, SIM_SITE_B, "nova", "POST", "*/servers"), 2);
    }
}

/* ---- A6 ---- */

static void counted(json_t *draft)
{
    json_set_int(draft, "failover_count", body_failover_count(draft) + 1);
}

/*
 * A6.  A change is acknowledged, the reply of what told B of it is lost, and A's engine adds facts:
 * several versions ahead, B follows at once.
 */
static void test_a6_lost_reply(void **state)
{
    AUTO(bench) b = bench_create_protected(82);
    (void)state;

    int64_t before = bench_sql_int(b, SIM_SITE_B, "SELECT version FROM protection_groups");
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "told", NULL));
    bench_fact(b, counted);
    bench_client_dies_after(b, "POST", "*127.0.20.1*/sync/inbox"); /* B has it, A is not told */
    json_decref(bench_try(b, "prod-a", "protection-group show", WEB, NULL));
    assert_int_equal(b->client_budget, 0);
    bench_client_lives(b);
    bench_fact(b, counted);
    bench_fact(b, counted);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    bench_in_sync(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT version FROM protection_groups"),
                     before + 4);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT failover_count FROM protection_groups"),
                     3);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
}

/*
 * A6.  B has stored a change whose acceptance never came back; A takes its group back out of it.
 * B rolls the change back by following, and its log keeps it, with its bundle; A's operation says
 * that it is undecided.
 */
static void test_a6_lost_chain(void **state)
{
    AUTO(bench) b = bench_create_protected(83);
    g_autofree char *file = g_strdup_printf("%s/proposal.json", b->dir);
    (void)state;

    bench_change_left(b);
    g_autofree char *lost = bench_sql(b, SIM_SITE_A, "SELECT staged FROM protection_groups");
    json_decref(bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file", file, NULL));
    json_decref(bench_ok(b, "prod-b", "protection-group sync-import", "file", file, NULL));
    g_autofree char *held = bench_position(b, SIM_SITE_B);
    assert_string_equal(held, lost);
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "nobody answers", NULL));
    bench_api(b, SIM_SITE_B, true);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_in_sync(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *is = bench_sql(b, i, "SELECT description FROM protection_groups");
        assert_string_not_equal(is != NULL ? is : "", "undecided");
    }
    g_autofree char *kept = g_strdup_printf(
        "SELECT COUNT(*) FROM sync_log WHERE event = 'lost' AND position = '%s' AND bundle LIKE "
        "'%%undecided%%'",
        lost);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, kept), 1);
    g_autofree char *said =
        bench_sql(b, SIM_SITE_A,
                  "SELECT status || ' ' || error FROM dr_operations WHERE operation_type = "
                  "'update'");
    if (!g_str_has_prefix(said, "superseded ") ||
        strstr(said, "undecided: the peer may hold it") == NULL)
        fail_msg("A's operation does not say that it is undecided: %s", said);
}

/* ---- A9 ---- */

/* A cell of B's Nova goes down right after the first boot, whose answer was lost. */
struct cell {
    int lists; /* so many lists miss what lies in it */
    bool down;
};

static void cell_down(void *data, struct bench_site *site, const char *where, const char *step)
{
    struct cell *cell = data;
    struct sim_fault partial = {
        .site = SIM_SITE_B,
        .service = "nova",
        .method = "GET",
        .path = "*/servers/detail*",
        .count = cell->lists,
        .kind = SIM_FAULT_STATUS,
        .status = 200,
        .body = "{\"servers\": [{\"id\": \"0d2e4d2c-6a5c-4b8e-9d7e-1f6a3c2b1a00\", \"status\": "
                "\"UNKNOWN\", \"created\": \"2026-11-21T14:15:43Z\", \"links\": []}]}"};

    if (cell->down || !g_str_equal(where, "after-call") || !g_str_equal(step, "server.boot"))
        return;
    cell->down = true;
    sim_fault_add(site->bench->sim, &partial);
}

/*
 * A9.  "A Nova cell is down: the list is partial": what lies in it is not known, never absent.  No
 * boot is tried again until the list is whole; then the first server is found.
 */
static void test_a9_cell_down(void **state)
{
    AUTO(bench) b = bench_create_protected(84);
    struct sim_fault lost = {.site = SIM_SITE_B,
                             .service = "nova",
                             .method = "POST",
                             .path = "*/servers",
                             .count = 1,
                             .kind = SIM_FAULT_TIMEOUT_AFTER};
    struct cell cell = {.lists = 4};
    (void)state;

    bench_lose(b, SIM_SITE_A);
    sim_fault_add(b->sim, &lost);
    b->site[SIM_SITE_B].on_boundary = cell_down;
    b->site[SIM_SITE_B].on_boundary_data = &cell;
    json_decref(bench_failover(b, SIM_SITE_B));
    assert_true(cell.down);
    failed_over_once(b);
    assert_int_equal(sim_count(b->sim, SIM_SITE_B, "nova", "POST", "*/servers"), 2);
}

/* ---- A11 ---- */

/*
 * A11.  At A's array stand newer complete points, one of the lineage that ended with B's failover,
 * one that was not made by the site active in the group's lineage: neither is used, each is
 * rejected with its reason, and what is used is the newest that B made in its epoch.
 * (Failback, drills, planned failovers: "Every DR operation of the manual".)
 */
static void test_a11_planted(void **state)
{
    AUTO(bench) b = bench_create_protected(85);
    (void)state;

    g_autofree char *a = bench_sql(b, SIM_SITE_A, "SELECT primary_site_id FROM protection_groups");
    g_autofree char *made_by_a = g_strdup_printf("'%s'", a);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_pass(b, 180000);
    assert_true(bench_plant(b, SIM_SITE_A, "planted-lineage", "0", NULL));
    assert_true(bench_plant(b, SIM_SITE_A, "planted-maker", NULL, made_by_a));
    bench_pass(b, 2000);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "back", NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    g_autofree char *text = bench_sql(
        b, SIM_SITE_A,
        "SELECT s.result FROM dr_steps s JOIN dr_operations o ON o.id = s.op_id WHERE s.step_key ="
        " 'point.choose' AND o.operation_type = 'failover'");
    g_autoptr(json_t) chosen = NULL;
    assert_null(json_parse(text, strlen(text), "the choice", &chosen));
    const json_t *rejected = json_obj(chosen, "rejected");
    if (g_str_has_prefix(json_str_or(chosen, "id", "planted"), "planted"))
        fail_msg("a planted point was used: %s", text);
    assert_non_null(strstr(json_str_or(rejected, "planted-lineage", ""), "is of lineage 0"));
    assert_non_null(strstr(json_str_or(rejected, "planted-maker", ""), "was made by site"));
    assert_int_equal(bench_arrays_int(b,
                                      "SELECT COUNT(*) FROM copies WHERE point_id LIKE 'planted%'"),
                     0);
}

/* ---- B14 ---- */

#define TROUBLED_MAX 64

/* Every connection of B's database; those that are open fail together. */
struct trouble {
    struct faulty *connections[TROUBLED_MAX];
    size_t count;
    enum err_code code;
    bool happens, struck;
    const char *where; /* at this boundary of group.claim */
    int times;         /* so many commits fail */
};

static void trouble_on(void *data, struct bench_site *site, struct db *db)
{
    struct trouble *t = data;

    if (site->index != SIM_SITE_B)
        return;
    assert_true(t->count < TROUBLED_MAX);
    t->connections[t->count++] = faulty_stack(db);
}

static void strike_at_claim(void *data, struct bench_site *site, const char *where,
                            const char *step)
{
    struct trouble *t = data;

    (void)site;
    if (t->struck || !g_str_equal(where, t->where) || !g_str_equal(step, "group.claim"))
        return;
    t->struck = true;
    for (size_t i = 0; i < t->count; i++)
        faulty_arm(t->connections[i], FAULTY_COMMIT, 1, t->times, t->code, t->happens);
}

static int failed(const struct trouble *t)
{
    int count = 0;

    for (size_t i = 0; i < t->count; i++)
        count += faulty_failed(t->connections[i], FAULTY_COMMIT);
    return count;
}

/*
 * B14.  The commit of the claim's intent, of the claim itself and of its outcome: the answer is
 * lost though it happened, or did not; the node is none of the cluster any more (1047); a deadlock.
 * One epoch is opened, once, and the failover ends well.  (A real Galera: "Proof".)
 */
static void test_b14_claim(void **state)
{
    static const char *const wheres[] = {"before-intent", "after-intent", "after-call"};
    static const struct {
        enum err_code code;
        bool happens;
    } kinds[] = {
        {ERR_DB_COMMIT_UNKNOWN, true},
        {ERR_DB_COMMIT_UNKNOWN, false},
        {ERR_DB_NOT_READY, false},
        {ERR_DB_DEADLOCK, false},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(wheres) * G_N_ELEMENTS(kinds); i++) {
        AUTO(bench) b = bench_create_protected(86);
        struct bench_site *site = &b->site[SIM_SITE_B];
        struct trouble t = {.code = kinds[i % G_N_ELEMENTS(kinds)].code,
                            .happens = kinds[i % G_N_ELEMENTS(kinds)].happens,
                            .where = wheres[i / G_N_ELEMENTS(kinds)],
                            .times = 1};
        bench_lose(b, SIM_SITE_A);
        g_ptr_array_set_size(site->p.idle, 0);
        site->on_db = trouble_on;
        site->on_db_data = &t;
        site->on_boundary = strike_at_claim;
        site->on_boundary_data = &t;
        json_decref(bench_failover(b, SIM_SITE_B));
        bench_settle(b);
        if (!t.struck || failed(&t) == 0)
            fail_msg("nothing struck at %s of the claim", t.where);
        failed_over_once(b);
        g_autofree char *status =
            bench_sql(b, SIM_SITE_B,
                      "SELECT status FROM dr_operations WHERE operation_type = 'failover'");
        assert_string_equal(status, "completed");
    }
}

/* ---- who is stopped ---- */

static void asks(struct bench *b, const char *names)
{
    g_autofree char *would = g_strdup_printf("its servers %s would be stopped", names);

    bench_fails(b, "protector.client.usage", "prod-b", "protection-group sync-force", WEB, NULL);
    if (strstr(b->last_error, would) == NULL)
        fail_msg("'%s' is not asked: %s", would, b->last_error);
}

/*
 * Before servers are stopped those are named that the site's own engine sees running; of the others
 * it is said that it is not known, when it is not.  What it saw goes along with its answers.
 */
static void test_servers_seen(void **state)
{
    AUTO(bench) b = bench_create_protected(90);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    b->site[SIM_SITE_A].unwatched = true;
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    asks(b, "web-1, db-1");
    json_t *server = (json_t *)sim_find(b->sim, SIM_SITE_A, "servers", "db-1");
    json_set_str(server, "vm_state", "stopped");
    json_set_int(server, "power_state", 4);
    asks(b, "web-1");
    json_decref(bench_ok(b, "prod-b", "protection-group sync-status", WEB, NULL));
    g_autofree char *told = bench_sql(b, SIM_SITE_B, "SELECT observations FROM sync_states");
    g_autoptr(json_t) observations = NULL;
    assert_null(json_parse(told, strlen(told), "observations", &observations));
    const json_t *servers = json_arr(observations, "servers");
    assert_int_equal(json_array_size(servers), 2);
    for (size_t i = 0; i < json_array_size(servers); i++) {
        const json_t *row = json_array_get(servers, i);
        bool web = g_str_equal(json_str_or(row, "name", ""), "web-1");
        assert_int_equal(json_bool(row, "runs", !web), web);
    }
    assert_non_null(json_str(observations, "servers_seen_at"));
    bench_engine(b, SIM_SITE_A, false);
    asks(b, "web-1 (not known whether it runs), db-1 (not known whether it runs)");
    bench_engine(b, SIM_SITE_A, true);
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* ---- a site without its storage driver ---- */

static void driver_is(struct bench *b, int site, bool there)
{
    b->site[site].driver_absent = !there;
    bench_engine(b, site, false);
    bench_engine(b, site, true);
}

static void failover_refused(struct bench *b)
{
    bench_fails(b, "protector.driver.absent", "prod-b", "protection-group failover", WEB,
                "!unplanned", "reason", "power", NULL);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_status_is(b, SIM_SITE_B, "active");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE is_open = 1"),
                     0);
}

/* A failover at a site without a driver is refused before anything is made, and may be repeated. */
static void test_no_driver(void **state)
{
    AUTO(bench) b = bench_create_protected(87);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    driver_is(b, SIM_SITE_B, false);
    failover_refused(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind <> "
                                   "'cinder_group'"),
                     0);
    assert_int_equal(bench_arrays_int(b, "SELECT COUNT(*) FROM fences"), 0);
    driver_is(b, SIM_SITE_B, true);
    json_decref(bench_failover(b, SIM_SITE_B));
    failed_over_once(b);
}

/*
 * The driver vanishes while a failover prepares: it unwinds as far as it can, the group is as it
 * was, what is left is named, and the next failover takes it over.
 */
static void test_driver_vanishes(void **state)
{
    AUTO(bench) b = bench_create_protected(88);
    struct bench_death death = {"before-intent", "volume.manage", false};
    (void)state;

    bench_lose(b, SIM_SITE_A);
    bench_dies_at(b, SIM_SITE_B, "failover", &death);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                         "power", "!no-wait", NULL));
    bench_pass(b, 60000);
    assert_true(death.died);
    b->site[SIM_SITE_B].driver_absent = true;
    bench_revive(b, SIM_SITE_B);
    bench_settle(b);
    g_autofree char *ended =
        bench_sql(b, SIM_SITE_B,
                  "SELECT status || ' ' || error FROM dr_operations WHERE operation_type = "
                  "'failover'");
    if (!g_str_has_prefix(ended, "rolled_back ") ||
        strstr(ended, "protector-manage orphans") == NULL)
        fail_msg("it does not say what it left: %s", ended);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 0);
    failover_refused(b);
    driver_is(b, SIM_SITE_B, true);
    json_decref(bench_failover(b, SIM_SITE_B));
    failed_over_once(b);
}

/* A group without a policy has no recovery point: refused with words, nothing is begun. */
static void test_no_policy(void **state)
{
    AUTO(bench) b = bench_create_protected(89);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group policy-delete", WEB, NULL));
    bench_settle(b);
    bench_lose(b, SIM_SITE_A);
    bench_fails(b, "protector.group.no_policy", "prod-b", "protection-group failover", WEB,
                "!unplanned", "reason", "power", NULL);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_status_is(b, SIM_SITE_B, "active");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind <> "
                                   "'cinder_group'"),
                     0);
}

/* B21: what makes a claim true is never left out, by whomever; run/test_verbs shows the refusal. */
static void test_b21_evidence_is_never_skipped(void **state)
{
    static const char *const evidence[] = {"source.fence", "source.stop",         "source.verify",
                                           "point.choose", "point.first",         "point.final",
                                           "group.claim",  "replication.reverse", "group.finish",
                                           "group.stage",  "peer.commit",         "group.accept"};
    size_t found = 0;
    (void)state;

    for (const struct runbook *const *book = runbooks_all; *book != NULL; book++) {
        bool drill = ((*book)->flags & RUNBOOK_KEEPS) != 0; /* it claims nothing */
        for (const struct step *s = (*book)->steps; s->key != NULL; s++) {
            for (size_t i = 0; i < G_N_ELEMENTS(evidence) && !drill; i++) {
                if (strcmp(s->key, evidence[i]) != 0)
                    continue;
                found++;
                if (!(s->flags & STEP_NO_SKIP))
                    fail_msg("%s of %s may be skipped", s->key, (*book)->name);
            }
        }
    }
    assert_true(found > 20);
}

/* ---- server groups ---- */

static struct bench *grouped(uint64_t seed, const char *policy)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    bench_server_group(b, SIM_SITE_A, policy);
    bench_protect(b);
    bench_wait_point(b);
    return b;
}

/* How many groups of the name a site has, and how many servers stand in the fullest. */
static void groups_are(struct bench *b, int site, const char *name, int count, int members)
{
    const char *id;
    json_t *group;
    int found = 0, most = 0;

    json_object_foreach((json_t *)sim_table(b->sim, site, "server_groups"), id, group)
    {
        if (!g_str_has_prefix(json_str_or(group, "name", ""), name))
            continue;
        found++;
        most = MAX(most, (int)json_array_size(json_arr(group, "members")));
    }
    assert_int_equal(found, count);
    assert_int_equal(most, members);
}

/* There and back: servers that were kept stay in their group, and new ones get another. */
static void test_server_groups(void **state)
{
    AUTO(bench) b = grouped(77, "soft-anti-affinity");
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group test-failover", WEB, NULL));
    groups_are(b, SIM_SITE_B, "apart-drill", 1, 2);
    json_decref(bench_ok(b, "prod-a", "protection-group test-cleanup", WEB, NULL));
    bench_settle(b);
    groups_are(b, SIM_SITE_B, "apart-drill", 0, 0);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned", NULL));
    bench_settle(b);
    groups_are(b, SIM_SITE_B, "apart", 1, 2);
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    groups_are(b, SIM_SITE_A, "apart", 2, 2);
}

/* A site with too few hosts: one server does not come up, and does so alone when a person says. */
static void test_server_group_too_strict(void **state)
{
    AUTO(bench) b = grouped(79, "anti-affinity");
    (void)state;

    bench_lose(b, SIM_SITE_A);
    g_autoptr(json_t) said = bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned",
                                       "reason", "fire", NULL);
    assert_null(said);
    assert_non_null(strstr(b->last_error, "No valid host"));
    groups_are(b, SIM_SITE_B, "apart", 1, 2);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations WHERE operation_type = 'failover'");
    json_decref(bench_ok(b, "prod-b", "operation retry", "operation", op, NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    groups_are(b, SIM_SITE_B, "apart", 1, 1);
}

/* An empty group of the name serves; a quota that has none left keeps nobody from running. */
static void test_server_groups_there_or_refused(void **state)
{
    (void)state;

    for (int there = 0; there < 2; there++) {
        AUTO(bench) b = grouped(78, "soft-affinity");
        struct sim_fault none = {.site = SIM_SITE_B,
                                 .service = "nova",
                                 .method = "POST",
                                 .path = "*/os-server-groups",
                                 .kind = SIM_FAULT_STATUS,
                                 .status = 403,
                                 .body = "{\"forbidden\": {\"message\": \"too many\"}}"};
        const json_t *project = sim_find(b->sim, SIM_SITE_B, "projects", "prod");
        if (there)
            json_object_set_new((json_t *)sim_table(b->sim, SIM_SITE_B, "server_groups"), "g-1",
                                json_pack("{s:s, s:s, s:s, s:O, s:s, s:[]}", "id", "g-1", "name",
                                          "apart", "policy", "soft-affinity", "project_id",
                                          json_object_get(project, "id"), "user_id", "u",
                                          "members"));
        sim_fault_add(b->sim, &none);
        bench_lose(b, SIM_SITE_A);
        json_decref(bench_failover(b, SIM_SITE_B));
        bench_servers_are(b, SIM_SITE_B, "active");
        groups_are(b, SIM_SITE_B, "apart", there, there ? 2 : 0);
    }
}

/*
 * No server can be booted, and a person gives it up: what was refused does not stand in the ledger
 * as something that nobody can name (walk 2069 of its time).
 */
static void test_given_up(void **state)
{
    AUTO(bench) b = bench_create_protected(1217);
    struct sim_fault no = {.site = SIM_SITE_B,
                           .service = "nova",
                           .method = "POST",
                           .path = "*/servers",
                           .kind = SIM_FAULT_STATUS,
                           .status = 404,
                           .body = "{\"itemNotFound\": {\"message\": \"by the test\"}}"};
    (void)state;

    bench_lose(b, SIM_SITE_A);
    sim_fault_add(b->sim, &no);
    json_decref(bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                          "fire", "network-mapping", "net-app=net-app", NULL));
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations WHERE operation_type = 'failover'");
    json_decref(bench_ok(b, "prod-b", "operation abandon", "operation", op, NULL));
    sim_fault_clear(b->sim);
    bench_settle(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_resources WHERE cloud_id IS NULL AND"
                                   " state <> 'gone'"),
                     0);
    bench_ledger_holds(b, SIM_SITE_B);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_groups),
        cmocka_unit_test(test_server_group_too_strict),
        cmocka_unit_test(test_server_groups_there_or_refused),
        cmocka_unit_test(test_b21_evidence_is_never_skipped),
        cmocka_unit_test(test_a2_order),
        cmocka_unit_test(test_a2_death_after_boot),
        cmocka_unit_test(test_a6_lost_reply),
        cmocka_unit_test(test_a6_lost_chain),
        cmocka_unit_test(test_a9_cell_down),
        cmocka_unit_test(test_a11_planted),
        cmocka_unit_test(test_b14_claim),
        cmocka_unit_test(test_no_driver),
        cmocka_unit_test(test_driver_vanishes),
        cmocka_unit_test(test_no_policy),
        cmocka_unit_test(test_servers_seen),
        cmocka_unit_test(test_given_up),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stories of failovers", tests, NULL, NULL);
}
