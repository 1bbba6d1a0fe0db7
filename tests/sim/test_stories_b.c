/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stories B1 to B5 and B12 to B17 of the sync protocol, as far as their verbs exist.  Each test
 * bears its number; what is left of a story stands beside its test with the issue that owns it.
 */
#include "tests/sim/bench.h"

#include "client/client_internal.h"
#include "store/faulty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"
#define CREATE                                                                                     \
    "name", "web", "replication-type", "async", "primary-site", "site-a", "secondary-site",        \
        "site-b", "volume-type", "replicated-ssd"

static struct bench *group_bench(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!wait", NULL));
    return b;
}

static int64_t version(struct bench *b, int site)
{
    return bench_sql_int(b, site, "SELECT version FROM protection_groups");
}

static int64_t members(struct bench *b, int site)
{
    return bench_sql_int(b, site, "SELECT COUNT(*) FROM pg_members");
}

/* B1.  The client is gone after the 202: no version without the captured configuration, nor before
 * the peer has it. */
static void test_b1(void **state)
{
    AUTO(bench) b = group_bench(21);
    (void)state;

    int64_t before = version(b, SIM_SITE_A);
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    bench_client_dies_after(b, "POST", "*/members");
    json_decref(
        bench_try(b, "prod-a", "protection-group member-add", WEB, "instance-id", id, NULL));
    bench_client_lives(b);
    bench_pass(b, 3600000);
    assert_int_equal(version(b, SIM_SITE_A), before);
    /* Any command carries. */
    json_decref(bench_ok(b, "prod-a", "protection-group show", WEB, NULL));
    bench_settle(b);
    assert_int_equal(version(b, SIM_SITE_A), before + 1);
    assert_int_equal(version(b, SIM_SITE_B), before + 1);
    g_autofree char *body = bench_sql(b, SIM_SITE_B, "SELECT body FROM protection_groups");
    assert_non_null(strstr(body, "\"flavor\""));
    bench_in_sync(b);
}

/* B2.  Clocks an hour apart, in both directions: nothing of one site is compared with the other's.
 */
static void test_b2(void **state)
{
    static const int64_t skews[] = {-3600000, 3600000};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(skews); i++) {
        AUTO(bench) b = bench_create(22);
        b->site[SIM_SITE_B].skew_ms = skews[i];
        bench_register(b);
        bench_protect(b);
        bench_in_sync(b);
    }
}

/* B2.  A proof of the peer that was long under way is none: nothing changes; the client fetches
 * another. */
static void test_b2_old_proof(void **state)
{
    AUTO(bench) b = group_bench(23);
    (void)state;

    b->stall_at = "/members";
    b->stall_ms = 61000;
    bench_member_add(b, "prod-a", "web-1");
    assert_int_equal(b->stall_ms, 0);
    assert_non_null(strstr(b->trace->str, "/members 428"));
    bench_in_sync(b);
}

/* Groups that were made (a site that was only asked for a group has a row of role NONE). */
static int64_t groups(struct bench *b, int site)
{
    return bench_sql_int(b, site, "SELECT COUNT(*) FROM protection_groups WHERE role <> 'NONE'");
}

static char *export_path(struct bench *b, const char *name)
{
    return g_strdup_printf("%s/%s.json", b->dir, name);
}

/*
 * B3.  The peer cannot make its part: it refuses, signed and for ever; A says so and unwinds.  The
 * refused proposal comes again from a file: it stays refused.
 */
static void test_b3(void **state)
{
    AUTO(bench) b = bench_create(24);
    struct sim_fault broken = {
        .site = SIM_SITE_B,
        .service = "cinder",
        .method = "POST",
        .path = "*/groups",
        .kind = SIM_FAULT_STATUS,
        .status = 403,
        .body = "{\"forbidden\": {\"message\": \"Policy doesn't allow group:create\"}}"};
    g_autofree char *file = export_path(b, "proposal");
    (void)state;

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!no-wait", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file", file, NULL));
    sim_fault_add(b->sim, &broken);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    bench_fails(b, "protector.group.not_found", "prod-a", "protection-group show", WEB, NULL);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "groups")), 0);
    g_autofree char *error =
        bench_sql(b, SIM_SITE_A, "SELECT error FROM dr_operations WHERE operation_type = 'create'");
    if (error == NULL || strstr(error, "refused") == NULL)
        fail_msg("the create does not say who refused: %s", error);

    sim_fault_clear(b->sim);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-import", "file", file, NULL));
    bench_settle(b);
    bench_fails(b, "protector.group.not_found", "prod-b", "protection-group show", WEB, NULL);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "groups")), 0);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!wait",
                         NULL)); /* the name is free */
    bench_in_sync(b);
}

/*
 * B4.  The client of a delete dies at any request: whoever comes next ends it; a tombstone stays,
 * and an old create from a file raises nobody.  (--peer-is-gone and decommission: "Every DR
 * operation of the manual".)
 */
static bool b4_one(int request)
{
    AUTO(bench) b = group_bench(25);

    bench_client_dies_at(b, request, true);
    json_decref(bench_try(b, "prod-a", "protection-group delete", WEB, NULL));
    bool died = b->client_budget == 0;
    bench_client_lives(b);
    bench_settle(b);
    for (int i = 0; i < 2; i++) {
        json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, NULL));
        json_decref(bench_try(b, "prod-a", "protection-group delete", WEB, NULL));
        json_decref(bench_try(b, "prod-b", "protection-group list", NULL));
        bench_settle(b);
    }
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *role = bench_sql(b, i, "SELECT role FROM protection_groups");
        if (g_strcmp0(role, "TOMBSTONE") != 0)
            fail_msg("death at request %d: %s is %s", request, bench_site_name(i), role);
        assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 0);
    }
    return died;
}

static void test_b4(void **state)
{
    int request = 1;
    (void)state;

    while (request < 100 && b4_one(request))
        request++;
    assert_true(request > 10 && request < 100);
}

static void test_b4_old_create(void **state)
{
    AUTO(bench) b = bench_create(26);
    g_autofree char *file = export_path(b, "create");
    (void)state;

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!no-wait", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file", file, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-import", "file", file, NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "TOMBSTONE");
    bench_fails(b, "protector.group.not_found", "prod-b", "protection-group show", WEB, NULL);
}

/* B5.  The same name at both sites at once: neither group is stuck, and the name can be had again.
 */
static void test_b5(void **state)
{
    AUTO(bench) b = bench_create(27);
    static const char *const living =
        "SELECT COUNT(*) FROM protection_groups WHERE role IN ('ACTIVE', 'STANDBY')";
    (void)state;

    bench_register(b);
    bench_client_dies_after(b, "POST", "*/protection-groups");
    json_decref(bench_try(b, "prod-a", "protection-group create", CREATE, NULL));
    bench_client_lives(b);
    bench_settle(b);
    bench_fails(b, "protector.group.name_taken", "prod-a", "protection-group create", CREATE, NULL);
    json_decref(bench_try(b, "prod-b", "protection-group create", "name", "web", "replication-type",
                          "async", "primary-site", "site-b", "secondary-site", "site-a",
                          "volume-type", "replicated-ssd", NULL));
    bench_settle(b);
    for (int i = 0; i < 3; i++) {
        json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, NULL));
        json_decref(bench_try(b, "prod-b", "protection-group sync-force", WEB, NULL));
        bench_settle(b);
    }
    int64_t a = bench_sql_int(b, SIM_SITE_A, living), z = bench_sql_int(b, SIM_SITE_B, living);
    if (a != z || a > 1)
        fail_msg("%d groups live at site-a, %d at site-b", (int)a, (int)z);
    if (a == 0)
        json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!wait", NULL));
    bench_in_sync(b);
}

/* B5.  A create whose client died is repeated with its key: the same group. */
static void test_b5_repeated(void **state)
{
    AUTO(bench) b = bench_create(28);
    (void)state;

    bench_register(b);
    bench_client_dies_after(b, "POST", "*/protection-groups");
    json_decref(
        bench_try(b, "prod-a", "protection-group create", CREATE, "idempotency-key", "k1", NULL));
    bench_client_lives(b);
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "idempotency-key", "k1",
                         "!wait", NULL));
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(groups(b, i), 1);
    bench_in_sync(b);
}

static int cinder_groups(struct bench *b, int site)
{
    return (int)json_object_size(sim_table(b->sim, site, "groups"));
}

/*
 * B5.  A create is withdrawn while the peer is away, which has not heard of it, or has accepted it
 * (and its answer was lost): nothing is left at either site, and the name is free.
 */
static void withdrawn(bool accepted)
{
    AUTO(bench) b = bench_create(accepted ? 36 : 35);

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!no-wait", NULL));
    bench_settle(b);
    assert_int_equal(cinder_groups(b, SIM_SITE_A), 1);
    if (accepted) {
        g_autofree char *file = export_path(b, "proposal");
        json_decref(bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file", file, NULL));
        json_decref(bench_ok(b, "prod-b", "protection-group sync-import", "file", file, NULL));
        bench_settle(b);
        bench_role_is(b, SIM_SITE_B, "STANDBY");
    }
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "TOMBSTONE");
    assert_int_equal(cinder_groups(b, SIM_SITE_A), 0);
    bench_api(b, SIM_SITE_B, true);
    if (accepted)
        json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    assert_int_equal(cinder_groups(b, SIM_SITE_B), 0);
    bench_fails(b, "protector.group.not_found", "prod-b", "protection-group show", WEB, NULL);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!wait", NULL));
    bench_in_sync(b);
}

static void test_b5_withdrawn(void **state)
{
    (void)state;
    withdrawn(false);
}

static void test_b5_withdrawn_accepted(void **state)
{
    (void)state;
    withdrawn(true);
}

/* A group that is being created keeps its name, whatever is asked about it meanwhile. */
static void test_b5_named(void **state)
{
    AUTO(bench) b = bench_create(37);
    (void)state;

    bench_register(b);
    bench_engine(b, SIM_SITE_A, false);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!no-wait", NULL));
    json_decref(bench_try(b, "prod-a", "protection-group sync-status", WEB, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group show", WEB, NULL));
    bench_fails(b, "protector.group.name_taken", "prod-a", "protection-group create", CREATE, NULL);
    bench_engine(b, SIM_SITE_A, true);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_in_sync(b);
}

/*
 * A realize that an unplanned failover preempted, which then found the peer alive: the proposal is
 * answered all the same.
 */
static void test_b15_preempted(void **state)
{
    AUTO(bench) b = bench_create_protected(38);
    g_autofree char *file = export_path(b, "proposal");
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group policy-update", WEB, "rpo-minutes", "20",
                         "!no-wait", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file", file, NULL));
    bench_engine(b, SIM_SITE_B, false);
    bench_client_dies_after(b, "POST", "*/sync/inbox"); /* or it would wait for the engine */
    json_decref(bench_try(b, "prod-b", "protection-group sync-import", "file", file, NULL));
    bench_client_lives(b);
    bench_api(b, SIM_SITE_A, false);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!no-wait",
                         "reason", "in error", NULL));
    bench_api(b, SIM_SITE_A, true);
    bench_engine(b, SIM_SITE_B, true);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    bench_in_sync(b);
}

static void nowhere(const char *where, const char *text, gsize size, const char *secret)
{
    if (g_strstr_len(text, (gssize)size, secret) != NULL ||
        memmem(text, size, secret, strlen(secret)) != NULL)
        fail_msg("%s holds the plain text of a secret", where);
}

/* While a message of 'type' waits at A: the file that holds it. */
static void export_holds_no_secret(struct bench *b, const char *type, const char *const *secrets,
                                   size_t count)
{
    g_autofree char *file = export_path(b, "outbox");
    g_autofree char *exported = NULL;

    json_decref(bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file", file, NULL));
    assert_true(g_file_get_contents(file, &exported, NULL, NULL));
    if (strstr(exported, type) == NULL)
        fail_msg("no %s waits in %s", type, exported);
    for (size_t s = 0; s < count; s++)
        nowhere("an exported file", exported, strlen(exported), secrets[s]);
}

/* B12.  The arrays' tokens and a server's user data: in no message, no file, no view, no database;
 * yet both engines can use them. */
static void test_b12(void **state)
{
    static const char *const secrets[] = {"T-secret-of-a", "T-secret-of-b",
                                          "dXNlci1kYXRhIHNlY3JldA=="};
    static const char *const files[] = {"protector.db", "protector.db-wal"};
    AUTO(bench) b = group_bench(29);
    (void)state;

    json_set_str((json_t *)sim_find(b->sim, SIM_SITE_A, "servers", "web-1"), "user_data",
                 secrets[2]);
    bench_client_dies_after(b, "POST", "*/members");
    json_decref(bench_try(b, "prod-a", "protection-group member-add", WEB, "instance-id",
                          bench_server_id(b, SIM_SITE_A, "web-1"), NULL));
    bench_client_lives(b);
    bench_settle(b);
    export_holds_no_secret(b, "PROPOSE", secrets, G_N_ELEMENTS(secrets));
    bench_client_dies_after(b, "POST", "*/policy");
    json_decref(bench_try(b, "prod-a", "protection-group policy-create", WEB, "primary-fa-url",
                          "https://array-a.lab", "primary-fa-token", secrets[0], "secondary-fa-url",
                          "https://array-b.lab", "secondary-fa-token", secrets[1], "pure-pg-name",
                          "pg-web", "replication-interval", "60", "rpo-minutes", "15", NULL));
    bench_client_lives(b);
    bench_settle(b);
    export_holds_no_secret(b, "PROPOSE", secrets, G_N_ELEMENTS(secrets));
    json_decref(bench_ok(b, "prod-a", "protection-group show", WEB, NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) policy =
            bench_ok(b, bench_tenant(i), "protection-group policy-show", WEB, NULL);
        g_autoptr(json_t) member =
            bench_ok(b, bench_tenant(i), "protection-group member-show", WEB, "member",
                     bench_server_id(b, SIM_SITE_A, "web-1"), NULL);
        g_autoptr(json_t) ops = bench_ok(b, bench_tenant(i), "operation list", "!all", NULL);
        g_autoptr(json_t) all = json_pack("[O, O, O]", policy, member, ops);
        g_autofree char *views = json_print(all);
        for (size_t s = 0; s < G_N_ELEMENTS(secrets); s++)
            nowhere("a view", views, strlen(views), secrets[s]);
    }
    for (size_t s = 0; s < G_N_ELEMENTS(secrets); s++) {
        nowhere("a carried message", b->carried->str, b->carried->len, secrets[s]);
        for (size_t i = 0; i < BENCH_SITES * G_N_ELEMENTS(files); i++) {
            g_autofree char *path =
                g_strdup_printf("%s/%s/%s", b->dir, bench_site_name((int)i % 2), files[i / 2]);
            g_autofree char *bytes = NULL;
            gsize size = 0;
            if (g_file_get_contents(path, &bytes, &size, NULL))
                nowhere(path, bytes, size, secrets[s]);
        }
    }
    bench_member_add(b, "prod-a", "db-1");
    bench_wait_point(b); /* A's engine opened its box */
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B)); /* B's, too */
}

static char *chain(struct bench *b, int site)
{
    return bench_sql(
        b, site,
        "SELECT p.hash || ' ' || p.body_hash || ' ' || hex(g.body) FROM positions p JOIN"
        " protection_groups g ON g.id = p.pg_id AND g.position = p.hash");
}

/* B13.  Both sites hold the bytes that were signed, though times and ids differ between them. */
static void test_b13(void **state)
{
    AUTO(bench) b = bench_create_protected(30);
    (void)state;

    for (int round = 0; round < 2; round++) {
        g_autofree char *a = chain(b, SIM_SITE_A);
        g_autofree char *z = chain(b, SIM_SITE_B);
        assert_non_null(a);
        assert_string_equal(a, z);
        bench_lose(b, SIM_SITE_A);
        if (round == 0)
            json_decref(bench_failover(b, SIM_SITE_B));
        bench_restore(b, SIM_SITE_A);
        bench_pass(b, 20000);
        json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
        bench_settle(b);
    }
}

/* ---- B14 ---- */

struct trouble {
    int site;
    int left; /* commits until it strikes */
    enum err_code code;
    bool happens;
    struct faulty *last;
};

static void trouble_on(void *data, struct bench_site *site, struct db *db)
{
    struct trouble *t = data;

    if (site->index != t->site || t->last != NULL)
        return;
    t->last = faulty_stack(db);
    faulty_arm(t->last, FAULTY_COMMIT, t->left, 1, t->code, t->happens);
}

/* A command may fail when the database does; repeated it must end well. */
static void repeated(struct bench *b, const char *cloud, const char *command, const char *key,
                     const char *value)
{
    for (int i = 0; i < 4; i++) {
        g_autoptr(json_t) done = bench_try(b, cloud, command, WEB, key, value, NULL);
        bench_settle(b);
        if (done != NULL)
            return;
    }
    fail_msg("%s never ends well: %s", command, b->last_error);
}

/* Returns how many commits were seen by the connection in trouble. */
static bool b14_one(int site, int nth, enum err_code code, bool happens)
{
    AUTO(bench) b = group_bench(31);
    struct trouble t = {site, nth, code, happens, NULL};
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));

    g_ptr_array_set_size(b->site[site].p.idle, 0);
    b->site[site].on_db = trouble_on;
    b->site[site].on_db_data = &t;
    repeated(b, "prod-a", "protection-group member-add", "instance-id", id);
    if (t.last != NULL)
        faulty_arm(t.last, FAULTY_COMMIT, 0, 1, code,
                   happens); /* the judge's own questions are not its */
    bool struck = t.last != NULL && faulty_failed(t.last, FAULTY_COMMIT) > 0;
    if (members(b, SIM_SITE_A) != 1 || members(b, SIM_SITE_B) != 1)
        fail_msg("commit %d at %s: %d members at site-a, %d at site-b", nth, bench_site_name(site),
                 (int)members(b, SIM_SITE_A), (int)members(b, SIM_SITE_B));
    bench_in_sync(b);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
    return struck;
}

/* B14.  1213/1205, 1047, a COMMIT whose answer is lost (done or not), at every commit of a
 * member-add. */
static void test_b14(void **state)
{
    static const struct {
        enum err_code code;
        bool happens;
    } kinds[] = {
        {ERR_DB_DEADLOCK, false},
        {ERR_DB_NOT_READY, false},
        {ERR_DB_COMMIT_UNKNOWN, false},
        {ERR_DB_COMMIT_UNKNOWN, true},
    };
    int struck = 0;
    (void)state;

    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        for (int site = 0; site < BENCH_SITES; site++) {
            for (int nth = 1; nth < 100 && b14_one(site, nth, kinds[k].code, kinds[k].happens);
                 nth++)
                struck++;
        }
    }
    if (struck < 40)
        fail_msg("only %d commits failed", struck);
}

/* B15.  Everything in B's cloud is made by B's engine: its group before it accepts, taken away if
 * it refuses. */
static void test_b15(void **state)
{
    AUTO(bench) b = bench_create(32);
    g_autofree char *file = export_path(b, "proposal");
    (void)state;

    bench_register(b);
    bench_engine(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!no-wait", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file", file, NULL));
    for (int i = 0; i < 3; i++) { /* a proposal that arrives again begins nothing a second time */
        bench_client_dies_after(b, "POST", "*/sync/inbox");
        json_decref(bench_try(b, "prod-b", "protection-group sync-import", "file", file, NULL));
        bench_client_lives(b);
    }
    bench_engine(b, SIM_SITE_B, true);
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM dr_operations"), 1);

    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "groups")), 1);
    assert_non_null(strstr(b->trace->str, "site-b POST http://127.0.20.1:8776"));
    for (int service = SIM_NOVA; service < SIM_SERVICES; service++) {
        g_autofree char *origin = sim_origin(b->sim, SIM_SITE_B, (enum sim_service)service);
        static const char *const methods[] = {"POST", "PUT", "DELETE"};
        for (size_t m = 0; m < G_N_ELEMENTS(methods); m++) {
            g_autofree char *line = g_strdup_printf("site-a %s %s", methods[m], origin);
            if (strstr(b->trace->str, line) != NULL)
                fail_msg("site A's engine made something at site B: %s", line);
        }
    }
    g_autofree char *there =
        bench_sql(b, SIM_SITE_B, "SELECT cloud_id FROM dr_resources WHERE service = 'cinder'");
    g_autofree char *id = g_strdup(
        json_object_iter_key(json_object_iter((json_t *)sim_table(b->sim, SIM_SITE_B, "groups"))));
    assert_string_equal(there, id);
}

/* B16.  The client finds an operation at either site, lists both, and takes a change to the active
 * site. */
static void test_b16(void **state)
{
    AUTO(bench) b = group_bench(33);
    (void)state;

    bench_member_add(b, "prod-b", "web-1"); /* local is the standby */
    assert_int_equal(members(b, SIM_SITE_A), 1);
    assert_int_equal(members(b, SIM_SITE_B), 1);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_A,
                  "SELECT id FROM dr_operations WHERE operation_type = 'member_add'");
    g_autoptr(json_t) shown = bench_ok(b, "prod-b", "operation show", "operation", op, NULL);
    assert_string_equal(bench_field(shown, "id"), op);
    g_autoptr(json_t) list = bench_ok(b, "prod-b", "operation list", "!all", NULL);
    g_autofree char *text = json_print(list);
    assert_non_null(strstr(text, "site-a"));
    assert_non_null(strstr(text, "site-b"));
    assert_non_null(strstr(text, op));
}

static const char *no_environment(void *data, const char *name)
{
    (void)data;
    (void)name;
    return NULL;
}

static int no_waiting(void *data, int64_t ms)
{
    (void)data;
    (void)ms;
    return 1;
}

/* A raw request of a client at a site's API: must be answered with the code.  The error. */
static err_t *refused(struct bench *b, int site, const struct ask *ask, const char *code)
{
    g_autofree char *token = bench_token(b, bench_tenant(site));
    g_autofree char *project = g_strdup(json_str(sim_find(b->sim, site, "projects", "prod"), "id"));
    g_autofree char *endpoint = g_strdup_printf("%s/v1/%s", b->site[site].api_origin, project);
    struct protector_client_options options = {.size = sizeof options,
                                               .getenv = no_environment,
                                               .wait = no_waiting,
                                               .token = token,
                                               .endpoint = endpoint};
    struct protector_client *client = client_open_with(&options, &b->transport, &b->env);
    struct end *end = NULL;

    assert_null(client_local(client, &end));
    err_t *e = end_ask(end, ask, NULL, NULL);
    if (e == NULL || strcmp(err_code_text(e), code) != 0)
        fail_msg("%s %s is answered with %s, not %s", ask->method, ask->path,
                 e != NULL ? err_code_text(e) : "success", code);
    protector_client_close(client);
    return e;
}

/* B16.  Who asks the standby for a change is told which site is active. */
static void test_b16_not_active(void **state)
{
    AUTO(bench) b = group_bench(35);
    g_autoptr(json_t) body = json_pack("{s:{s:s}}", "protection_group", "description", "x");
    struct ask ask = {.method = "PUT", .path = "protection-groups/web", .body = body};
    (void)state;

    g_autoptr(err_t) e = refused(b, SIM_SITE_B, &ask, "protector.group.not_active");
    g_autofree char *a = bench_sql(b, SIM_SITE_B, "SELECT primary_site_id FROM protection_groups");
    assert_string_equal(err_detail_get(e, "active_site"), a);
    assert_int_equal(err_http_status(e), 409);
}

/* B17.  The slot is held: 409 says by whom, since when and what; an old position: 412; none: 428.
 */
static void test_b17_answers(void **state)
{
    AUTO(bench) b = group_bench(36);
    g_autoptr(json_t) body = json_pack("{s:{s:s}}", "protection_group", "description", "x");
    struct ask ask = {.method = "PUT", .path = "protection-groups/web", .body = body};
    (void)state;

    g_autofree char *position = bench_position(b, SIM_SITE_A);
    g_autoptr(err_t) unproven = NULL;
    ask.if_match = position;
    unproven = refused(b, SIM_SITE_A, &ask, "protector.sync.peer_proof_required");
    assert_int_equal(err_http_status(unproven), 428);
    ask.if_match = "0000000000000000000000000000000000000000000000000000000000000000";
    g_autoptr(err_t) old = refused(b, SIM_SITE_A, &ask, "protector.sync.if_match");
    assert_int_equal(err_http_status(old), 412);

    bench_client_dies_after(b, "PUT", "*/protection-groups/pg-*");
    json_decref(
        bench_try(b, "prod-a", "protection-group update", WEB, "description", "first", NULL));
    bench_client_lives(b);
    bench_settle(b);
    ask.if_match = position;
    g_autoptr(err_t) e = refused(b, SIM_SITE_A, &ask, "protector.sync.staged");
    g_autofree char *op =
        bench_sql(b, SIM_SITE_A, "SELECT id FROM dr_operations WHERE operation_type = 'update'");
    g_autofree char *user =
        bench_sql(b, SIM_SITE_A,
                  "SELECT user_id FROM dr_operations WHERE operation_type = 'update'");
    assert_string_equal(err_detail_get(e, "operation"), op);
    assert_string_equal(err_detail_get(e, "by"), user);
    assert_non_null(err_detail_get(e, "since"));
    assert_int_equal(strlen(err_detail_get(e, "hash")), 64);
}

/* B17.  A second client meets the first one's staged change: it carries it, then makes its own. */
static void test_b17(void **state)
{
    AUTO(bench) b = group_bench(34);
    g_autofree char *web = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    (void)state;

    bench_client_dies_after(b, "POST", "*/members");
    json_decref(
        bench_try(b, "prod-a", "protection-group member-add", WEB, "instance-id", web, NULL));
    bench_client_lives(b);
    bench_member_add(b, "prod-a", "db-1"); /* at once: the first is not even staged */
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(members(b, i), 2);
    bench_member_add(b, "prod-a", "web-1"); /* the first client's user repeats it */
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(members(b, i), 2);
    bench_in_sync(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b1),
        cmocka_unit_test(test_b2),
        cmocka_unit_test(test_b2_old_proof),
        cmocka_unit_test(test_b3),
        cmocka_unit_test(test_b4),
        cmocka_unit_test(test_b4_old_create),
        cmocka_unit_test(test_b5),
        cmocka_unit_test(test_b5_repeated),
        cmocka_unit_test(test_b5_withdrawn),
        cmocka_unit_test(test_b5_withdrawn_accepted),
        cmocka_unit_test(test_b5_named),
        cmocka_unit_test(test_b15_preempted),
        cmocka_unit_test(test_b12),
        cmocka_unit_test(test_b13),
        cmocka_unit_test(test_b14),
        cmocka_unit_test(test_b15),
        cmocka_unit_test(test_b16),
        cmocka_unit_test(test_b17),
        cmocka_unit_test(test_b16_not_active),
        cmocka_unit_test(test_b17_answers),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stories B", tests, NULL, NULL);
}
