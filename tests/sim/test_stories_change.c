/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stories B3, B4, B13 and B15 of the sync protocol once more, where they concern what a change meets
 * at the other site: refusals, held resources, unknown fields.  What is left of
 * a story stands beside its test with the issue that owns it.
 */
#include "tests/sim/bench.h"

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
    struct sim_fault kept = {.site = SIM_SITE_B,
                             .service = "cinder",
                             .method = "DELETE",
                             .path = "*/volumes/*",
                             .kind = SIM_FAULT_STATUS,
                             .status = 403,
                             .body = "{\"forbidden\": {\"message\": \"no\"}}"};

    bench_lose(b, SIM_SITE_A);
    sim_fault_add(b->sim, &full);
    sim_fault_add(b->sim, &kept);
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
 * B4.  The active site refuses by itself what it holds: here volumes of a member that left the
 * group before the next failover, which took over the others'.
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
    json_decref(bench_failover(b, SIM_SITE_B));
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b3_name_taken),
        cmocka_unit_test(test_b15_policy),
        cmocka_unit_test(test_b4_held),
        cmocka_unit_test(test_b4_held_here),
        cmocka_unit_test(test_b4_type_is_gone),
        cmocka_unit_test(test_b13_unknown_fields),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stories of changes", tests, NULL, NULL);
}
