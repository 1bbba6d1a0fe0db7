/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stories B3, B4, B13, B15 and B16 of the sync protocol once more, where they concern what a change
 * meets at the other site: refusals, held resources, unknown fields, who is asked.  What is left of
 * a story stands beside its test with the issue that owns it.
 */
#include "tests/sim/bench.h"

#include "client/client_internal.h"
#include "store/resource.h"
#include "store/tx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"
#define CREATE(primary, secondary)                                                                 \
    "name", "web", "replication-type", "async", "primary-site", (primary), "secondary-site",       \
        (secondary), "volume-type", "replicated-ssd"

static void says(const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        fail_msg("'%s' does not stand in: %s", part, text != NULL ? text : "nothing");
}

static char *path_of(struct bench *b, const char *name)
{
    return g_strdup_printf("%s/%s.json", b->dir, name);
}

static struct bench *group_bench(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE("site-a", "site-b"),
                         "!wait", NULL));
    return b;
}

static int rows(struct bench *b, int site, const char *table)
{
    return (int)json_object_size(sim_table(b->sim, site, table));
}

/* ---- B3 ---- */

/*
 * B3.  The name is taken at the peer by a group that this site has not heard of: refused by its
 * stable code, with what to do, and nothing of it is left; the other group is not touched.
 */
static void test_b3_name_taken(void **state)
{
    AUTO(bench) b = bench_create(60);
    (void)state;

    bench_register(b);
    json_decref(bench_ok(b, "prod-b", "protection-group create", CREATE("site-b", "site-a"),
                         "!no-wait", NULL));
    bench_settle(b);
    bench_fails(b, "protector.peer.refused", "prod-a", "protection-group create",
                CREATE("site-a", "site-b"), "!no-carry", NULL);
    says(b->last_error, "protector.group.name_taken");
    says(b->last_error, "named 'web'");
    says(b->last_error, "choose another name");
    bench_settle(b);
    assert_int_equal(rows(b, SIM_SITE_A, "groups"), 0);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM protection_groups WHERE living_name IS "
                                   "NOT NULL"),
                     0);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_role_is(b, SIM_SITE_A, "STANDBY");
    bench_in_sync(b);
}

static json_t *policy_create(struct bench *b, bool good)
{
    g_autoptr(json_t) made =
        bench_try(b, "prod-a", "protection-group policy-create", WEB, "primary-fa-url",
                  "https://array-a.lab", "primary-fa-token", "T-a", "secondary-fa-url",
                  "https://array-b.lab", "secondary-fa-token", "T-b", "pure-pg-name", "pg-web",
                  "replication-interval", "60", "rpo-minutes", "15", NULL);

    if (good != (made != NULL))
        fail_msg("policy-create: %s", made != NULL ? "was taken" : b->last_error);
    return TAKE(made);
}

/* The arrays whose side of the group is there, in the mock's own records. */
static int64_t sides(struct bench *b, const char *array)
{
    g_autofree char *dsn = g_strdup_printf("sqlite:///%s/arrays/mock.db", b->dir);
    g_autofree char *sql =
        g_strdup_printf("SELECT COUNT(*) FROM sides WHERE array LIKE '%%%s%%'", array);
    AUTO(db) db = NULL;
    AUTO(db_rows) found = NULL;

    assert_null(db_open(dsn, &db));
    assert_null(db_query(db, &found, sql, ""));
    return db_int(found, 0, 0);
}

/*
 * B3, B15.  A policy is made good at B by B's own engine before B accepts.  What B cannot make it
 * refuses with the reason: neither site keeps the policy, A's array group is taken back; later the
 * same policy is taken.
 */
static void test_b15_policy(void **state)
{
    AUTO(bench) b = group_bench(61);
    struct sim_fault no_types = {.site = SIM_SITE_B,
                                 .service = "cinder",
                                 .method = "GET",
                                 .path = "*/types*",
                                 .kind = SIM_FAULT_STATUS,
                                 .status = 200,
                                 .body = "{\"volume_types\": []}"};
    (void)state;

    sim_fault_add(b->sim, &no_types);
    json_decref(policy_create(b, false));
    says(b->last_error, "refused by");
    says(b->last_error, "replicated-ssd");
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM replication_policies"), 0);
    assert_int_equal(sides(b, "array-a"), 0);
    assert_int_equal(sides(b, "array-b"), 0);
    assert_int_equal(rows(b, SIM_SITE_B, "groups"), 1); /* the group's own, which it had before */

    sim_fault_clear(b->sim);
    json_decref(policy_create(b, true));
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM replication_policies"), 1);
    assert_int_equal(sides(b, "array-b"), 1);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type = "
                                   "'realize' AND status = 'completed'"),
                     2); /* of the create and of the policy */
    bench_in_sync(b);
}

/* ---- B4 ---- */

/* Cinder of B takes no volume back. */
static void keep_volumes(struct bench *b)
{
    struct sim_fault kept = {.site = SIM_SITE_B,
                             .service = "cinder",
                             .method = "DELETE",
                             .path = "*/volumes/*",
                             .kind = SIM_FAULT_STATUS,
                             .status = 403,
                             .body = "{\"forbidden\": {\"message\": \"no\"}}"};

    sim_fault_add(b->sim, &kept);
}

/* B's failover fails at its third volume, and Cinder lets it take none of the first two back. */
static void failover_left_behind(struct bench *b)
{
    struct sim_fault full = {.site = SIM_SITE_B,
                             .service = "cinder",
                             .method = "POST",
                             .path = "*/volumes",
                             .skip = 2,
                             .kind = SIM_FAULT_STATUS,
                             .status = 400,
                             .body = "{\"badRequest\": {\"message\": \"no\"}}"};

    bench_lose(b, SIM_SITE_A);
    sim_fault_add(b->sim, &full);
    keep_volumes(b);
    json_decref(bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                          "power", NULL));
    bench_settle(b);
    sim_fault_clear(b->sim);
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    assert_int_equal(rows(b, SIM_SITE_B, "volumes"), 2);
}

struct handing_over {
    const char *op_id;
    int64_t count;
};

static err_t *hand_over_tx(struct db *db, void *data)
{
    struct handing_over *h = data;

    return resource_hand_over(db, h->op_id, 1, &h->count);
}

/* As `protector-manage orphans release` at B. */
static int64_t hand_over(struct bench *b, const char *op_id)
{
    struct bench_site *site = &b->site[SIM_SITE_B];
    struct db *db = process_db_get(&site->p);
    struct handing_over h = {op_id, 0};
    err_t *e = store_tx(db, &site->env, hand_over_tx, &h);

    process_db_put(&site->p, db);
    assert_null(e);
    return h.count;
}

/* B4: what a site still has to take away is nobody's to cancel: nothing would ask for it again. */
static void test_b4_settles(void **state)
{
    AUTO(bench) b = group_bench(79);
    (void)state;

    bench_engine(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    g_autofree char *op = bench_sql(b, SIM_SITE_B,
                                    "SELECT id FROM dr_operations WHERE operation_type = 'settle'"
                                    " AND is_open <> 0");
    assert_non_null(op);
    bench_fails(b, "protector.operation.state", "prod-b", "operation cancel", "operation", op,
                NULL);
    says(b->last_error, "goes on until it is done");
    bench_engine(b, SIM_SITE_B, true);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_B, "TOMBSTONE");
}

/*
 * B4.  B still holds what a failover left behind: it refuses the delete, names what is held and
 * what to do; nothing changes.  Once a person has handed it over, the group is deleted, and the
 * volumes are still there.  (What a drill holds: "Every DR operation of the manual".)
 */
static void test_b4_held(void **state)
{
    AUTO(bench) b = bench_create_protected(62);
    (void)state;

    failover_left_behind(b);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations WHERE operation_type = 'failover'");
    const char *volume =
        json_object_iter_key(json_object_iter((json_t *)sim_table(b->sim, SIM_SITE_B, "volumes")));
    g_autofree char *before = bench_position(b, SIM_SITE_A);
    bench_fails(b, "protector.peer.refused", "prod-a", "protection-group delete", WEB, NULL);
    says(b->last_error, "protector.group.resources_held");
    says(b->last_error, volume);
    g_autofree char *remedy = g_strdup_printf("protector-manage orphans release %s", op);
    says(b->last_error, remedy);
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *after = bench_position(b, i);
        assert_string_equal(before, after);
        assert_int_equal(rows(b, i, "groups"), 1);
        bench_status_is(b, i, "active");
    }

    assert_int_equal(hand_over(b, op), 2);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "TOMBSTONE");
    bench_role_is(b, SIM_SITE_B, "TOMBSTONE");
    assert_int_equal(rows(b, SIM_SITE_B, "volumes"), 2);
    bench_ledger_holds(b, SIM_SITE_B);
}

/*
 * B4.  The active site refuses by itself what it holds: here volumes of an older point, which the
 * next failover could not take away either.
 */
static void test_b4_held_here(void **state)
{
    AUTO(bench) b = bench_create_protected(63);
    (void)state;

    failover_left_behind(b);
    const json_t *volume = json_object_iter_value(
        json_object_iter((json_t *)sim_table(b->sim, SIM_SITE_B, "volumes")));
    const char *left = strstr(json_str_or(volume, "name", ""), "db-1") != NULL ? "db-1" : "web-1";
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, left));
    json_decref(
        bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", id, NULL));
    bench_settle(b);
    bench_wait_point(b);
    bench_lose(b, SIM_SITE_A);
    keep_volumes(b);
    json_decref(bench_failover(b, SIM_SITE_B));
    sim_fault_clear(b->sim);
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_fails(b, "protector.group.resources_held", "prod-b", "protection-group delete", WEB,
                NULL);
    says(b->last_error, "protector-manage orphans release");
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_in_sync(b);
}

/* B4.  A delete needs nothing of the cloud that it is not about: the volume type may be gone. */
static void test_b4_type_is_gone(void **state)
{
    AUTO(bench) b = bench_create_protected(64);
    struct sim_fault no_types = {.site = -1,
                                 .service = "cinder",
                                 .method = "GET",
                                 .path = "*/types*",
                                 .kind = SIM_FAULT_STATUS,
                                 .status = 200,
                                 .body = "{\"volume_types\": []}"};
    (void)state;

    sim_fault_add(b->sim, &no_types);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_role_is(b, i, "TOMBSTONE");
        assert_int_equal(rows(b, i, "groups"), 0);
    }
}

/* ---- A5 ---- */

static char *shown_status(struct bench *b, const char *op, const char *version)
{
    b->api_version = version;
    g_autoptr(json_t) shown = bench_ok(b, "prod-a", "operation show", "operation", op, NULL);
    b->api_version = NULL;
    return g_strdup(bench_field(shown, "status"));
}

/*
 * A5.  Until the peer has stored it a change says so; API 1.0 knows it as running, and nobody can
 * cancel what is signed.  It is not asked for all the time: the acceptance wakes it.
 */
static void test_a5_waiting(void **state)
{
    AUTO(bench) b = group_bench(72);
    (void)state;

    bench_change_left(b);
    bench_pass(b, 120000);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_A, "SELECT id FROM dr_operations WHERE operation_type = 'update'");
    g_autofree char *now = shown_status(b, op, "1.1");
    g_autofree char *then = shown_status(b, op, "1.0");
    assert_string_equal(now, "waiting_for_peer");
    assert_string_equal(then, "running");
    bench_fails(b, "protector.operation.state", "prod-a", "operation cancel", "operation", op,
                NULL);
    says(b->last_error, "sync-force");
    static const char looks_at[] =
        "SELECT wake_at FROM dr_steps WHERE step_key = 'peer.commit' AND state = 'waiting'";
    int looks = 0;
    for (int64_t last = 0, i = 0; i < 50; i++) {
        int64_t next = bench_sql_int(b, SIM_SITE_A, looks_at);
        assert_true(next > 0);
        looks += last != 0 && next != last;
        last = next;
        bench_pass(b, 1000);
    }
    assert_true(looks <= 1);

    json_decref(bench_ok(b, "prod-a", "protection-group show", WEB, NULL)); /* carries */
    bench_pass(b, 1000);
    g_autofree char *done = shown_status(b, op, "1.1");
    assert_string_equal(done, "completed");
    bench_in_sync(b);
}

/* ---- B13 ---- */

static void later_fields(json_t *draft)
{
    json_set(draft, "later", json_pack("{s:[i, s]}", "of a newer release", 7, "x"));
    json_set_str(json_array_get(json_arr(draft, "members"), 0), "later", "of this member");
}

static void later_fields_are(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *body = bench_sql(b, i, "SELECT body FROM protection_groups");
        says(body, "\"later\":{\"of a newer release\":[7,\"x\"]}");
        says(body, "\"later\":\"of this member\"");
    }
}

/*
 * B13.  Fields that this release does not know stay where they are: through a change, a claim of
 * the other site and its facts.  (A newer schema is refused: model/test_stories_b.  There is no
 * older one than the first.)
 */
static void test_b13_unknown_fields(void **state)
{
    AUTO(bench) b = bench_create_protected(65);
    (void)state;

    bench_fact(b, later_fields);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    later_fields_are(b);
    json_decref(
        bench_ok(b, "prod-a", "protection-group update", WEB, "description", "changed", NULL));
    later_fields_are(b);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    later_fields_are(b);
    json_decref(
        bench_ok(b, "prod-b", "protection-group update", WEB, "description", "again", NULL));
    later_fields_are(b);
    bench_in_sync(b);
}

/* ---- B16 ---- */

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

/* A client's request at a site's API must be refused.  The error. */
static err_t *refused(struct bench *b, int site, const char *path)
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
    err_t *e = end_get(end, NULL, "%s", path);
    protector_client_close(client);
    assert_non_null(e);
    return e;
}

/* B16.  An operation of the other site: 404 with where to ask; an id of nobody is told the same. */
static void test_b16_see_other(void **state)
{
    AUTO(bench) b = group_bench(66);
    static const char *const below[] = {"", "/steps"};
    (void)state;

    g_autofree char *op =
        bench_sql(b, SIM_SITE_A, "SELECT id FROM dr_operations WHERE operation_type = 'create'");
    g_autofree char *a = bench_sql(b, SIM_SITE_B, "SELECT primary_site_id FROM protection_groups");
    for (size_t i = 0; i < G_N_ELEMENTS(below); i++) {
        g_autofree char *path = g_strdup_printf("operations/%s%s", op, below[i]);
        g_autoptr(err_t) e = refused(b, SIM_SITE_B, path);
        assert_string_equal(err_code_text(e), "protector.operation.not_found");
        assert_int_equal(err_http_status(e), 404);
        assert_string_equal(err_detail_get(e, "see_other"), a);
        says(err_remedy_text(e), "'site-a'");
    }
    g_autoptr(json_t) shown = bench_ok(b, "prod-b", "operation show", "operation", op, NULL);
    assert_string_equal(bench_field(shown, "id"), op);
}

/* The other site becomes active, and the local one hears of it, just before the change arrives. */
struct overtaking {
    struct bench *b;
    bool done;
};

static bool overtaken(void *data, const struct http_request *req)
{
    struct overtaking *o = data;

    if (strcmp(req->method, "PUT") != 0 ||
        !g_pattern_match_simple("*/protection-groups/pg-*", req->url))
        return false;
    json_decref(bench_ok(o->b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "!yes", "reason", "meanwhile", NULL));
    json_decref(bench_ok(o->b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_role_is(o->b, SIM_SITE_A, "STANDBY");
    o->done = true;
    return true;
}

/* B16.  The site that was asked is not active any more: the client takes the change to the other.
 */
static void test_b16_redirected(void **state)
{
    AUTO(bench) b = bench_create_protected(67);
    struct overtaking o = {b, false};
    (void)state;

    b->on_client = overtaken;
    b->on_client_data = &o;
    json_decref(
        bench_ok(b, "prod-a", "protection-group update", WEB, "description", "redirected", NULL));
    assert_true(o.done);
    says(b->trace->str, "/protection-groups/pg-");
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *is = bench_sql(b, i, "SELECT description FROM protection_groups");
        assert_string_equal(is, "redirected");
    }
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type = "
                                   "'update' AND status = 'completed'"),
                     1);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type = "
                                   "'update'"),
                     0);
    bench_settle(b);
    bench_in_sync(b);
}

/* B16.  Whoever repeats a failover that runs follows it: one operation, one epoch. */
static void test_b16_repeated_failover(void **state)
{
    AUTO(bench) b = bench_create_protected(68);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    bench_engine(b, SIM_SITE_B, false);
    g_autoptr(json_t) first = bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned",
                                       "reason", "power", "!no-wait", NULL);
    g_autofree char *id = g_strdup(bench_field(first, "id"));
    bench_engine(b, SIM_SITE_B, true);
    g_autoptr(json_t) second = bench_failover(b, SIM_SITE_B);
    assert_string_equal(bench_field(second, "id"), id);
    assert_string_equal(bench_field(second, "status"), "completed");
    says(b->events->str, "runs already");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_operations WHERE operation_type = "
                                   "'failover'"),
                     1);
    bench_servers_are(b, SIM_SITE_B, "active");
}

/* ---- members, wherever they are asked for ---- */

/* The row of an add that failed stands at the active site alone: it is dropped from either. */
static void test_remove_error_row(void **state)
{
    AUTO(bench) b = group_bench(69);
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    (void)state;

    for (int site = 0; site < BENCH_SITES; site++) {
        struct sim_fault no_update = {.site = SIM_SITE_A,
                                      .service = "cinder",
                                      .method = "PUT",
                                      .path = "*/groups/*",
                                      .kind = SIM_FAULT_STATUS,
                                      .status = 400,
                                      .body = "{\"badRequest\": {\"message\": \"no\"}}"};
        sim_fault_add(b->sim, &no_update);
        g_autoptr(json_t) none =
            bench_try(b, "prod-a", "protection-group member-add", WEB, "instance-id", id, NULL);
        assert_null(none);
        bench_settle(b);
        sim_fault_clear(b->sim);
        assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                       "SELECT COUNT(*) FROM pg_members WHERE status = 'error'"),
                         1);
        json_decref(bench_ok(b, bench_tenant(site), "protection-group member-remove", WEB,
                             "member-id", id, NULL));
        assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM pg_members"), 0);
    }
    bench_fails(b, "protector.member.not_found", "prod-b", "protection-group member-remove", WEB,
                "member-id", id, NULL);
}

/* After a failover a member is known by the server that runs now, too. */
static void test_remove_recovered(void **state)
{
    AUTO(bench) b = bench_create_protected(70);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_pass(b, 20000);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    g_autofree char *now = g_strdup(bench_server_id(b, SIM_SITE_B, "web-1"));
    g_autofree char *then = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    assert_string_not_equal(now, then);
    g_autoptr(json_t) shown =
        bench_ok(b, "prod-a", "protection-group member-show", WEB, "member", now, NULL);
    assert_string_equal(bench_field(shown, "instance_name"), "web-1");
    json_decref(
        bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", now, NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM pg_members"), 1);
    g_autofree char *is = bench_server_state(b, SIM_SITE_B, "web-1");
    assert_string_equal(is, "active");
}

/* ---- what takes away, by files alone ---- */

/* One way, and the direct answers back. */
static void file_carry(struct bench *b, const char *group)
{
    g_autofree char *there = path_of(b, "there");
    g_autofree char *back = path_of(b, "back");

    json_decref(bench_ok(b, "prod-a", "protection-group sync-export", "protection-group", group,
                         "file", there, NULL));
    json_decref(
        bench_ok(b, "prod-b", "protection-group sync-import", "file", there, "reply", back, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group sync-import", "file", back, NULL));
    bench_settle(b);
}

/* A fresh proof of B at A. */
static char *file_proof(struct bench *b)
{
    g_autofree char *there = path_of(b, "challenge");
    g_autofree char *back = path_of(b, "answer");
    g_autoptr(json_t) told = bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file",
                                      there, "!challenge", NULL);

    json_decref(
        bench_ok(b, "prod-b", "protection-group sync-import", "file", there, "reply", back, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group sync-import", "file", back, NULL));
    return g_strdup(bench_field(told, "proof"));
}

/*
 * No client reaches both sites: a mapping, a member, the policy and the group are taken away with a
 * proof that came as a file.
 */
static void test_proofs(void **state)
{
    AUTO(bench) b = bench_create_protected(71);
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    g_autofree char *group = bench_sql(b, SIM_SITE_A, "SELECT id FROM protection_groups");
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group mapping-set", WEB, "*flavor-mapping",
                         "m1.tiny=m1.medium", NULL));
    b->secondary = "nowhere";
    g_autofree char *first = file_proof(b);
    json_decref(bench_ok(b, "prod-a", "protection-group mapping-unset", WEB, "*flavor-mapping",
                         "m1.tiny", "proof", first, NULL));
    bench_settle(b);
    file_carry(b, "web");
    g_autofree char *second = file_proof(b);
    json_decref(bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", id,
                         "proof", second, NULL));
    bench_settle(b);
    file_carry(b, "web");
    g_autofree char *third = file_proof(b);
    json_decref(bench_ok(b, "prod-a", "protection-group policy-delete", WEB, "proof", third, NULL));
    bench_settle(b);
    file_carry(b, "web");
    for (int i = 0; i < BENCH_SITES; i++) {
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM resource_mappings"), 0);
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM pg_members"), 1);
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM replication_policies"), 0);
    }
    g_autofree char *fourth = file_proof(b);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, "proof", fourth, NULL));
    bench_settle(b);
    file_carry(b, group);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_role_is(b, i, "TOMBSTONE");
    assert_null(strstr(b->trace->str, "nowhere"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b3_name_taken),
        cmocka_unit_test(test_b15_policy),
        cmocka_unit_test(test_b4_settles),
        cmocka_unit_test(test_b4_held),
        cmocka_unit_test(test_b4_held_here),
        cmocka_unit_test(test_b4_type_is_gone),
        cmocka_unit_test(test_a5_waiting),
        cmocka_unit_test(test_b13_unknown_fields),
        cmocka_unit_test(test_b16_see_other),
        cmocka_unit_test(test_b16_redirected),
        cmocka_unit_test(test_b16_repeated_failover),
        cmocka_unit_test(test_remove_error_row),
        cmocka_unit_test(test_remove_recovered),
        cmocka_unit_test(test_proofs),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stories of changes", tests, NULL, NULL);
}
