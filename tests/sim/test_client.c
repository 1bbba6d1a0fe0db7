/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the client does with two whole sites, a test for each promise: what it shows, what it
 * refuses before anything is made, what it carries by itself, and the exchange by files alone.
 */
#include "tests/sim/bench.h"

#include "store/sync_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"
#define CREATE                                                                                     \
    "name", "web", "replication-type", "async", "primary-site", "site-a", "secondary-site",        \
        "site-b", "volume-type", "replicated-ssd"
#define POLICY                                                                                     \
    "primary-fa-url", "https://array-a.lab", "primary-fa-token", "T-a", "secondary-fa-url",        \
        "https://array-b.lab", "secondary-fa-token", "T-b", "pure-pg-name", "pg-web",              \
        "replication-interval", "60", "rpo-minutes", "15"

static struct bench *group_bench(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!wait", NULL));
    return b;
}

static void holds(const char *text, const char *what)
{
    if (text == NULL || strstr(text, what) == NULL)
        fail_msg("'%s' is not in: %s", what, text);
}

static int64_t members(struct bench *b, int site)
{
    return bench_sql_int(b, site, "SELECT COUNT(*) FROM pg_members");
}

/* ---- what is shown ---- */

/* --no-wait shows what the site has taken on, not what is not there yet. */
static void test_no_wait(void **state)
{
    AUTO(bench) b = group_bench(71);
    (void)state;

    g_autoptr(json_t) policy =
        bench_ok(b, "prod-a", "protection-group policy-create", WEB, POLICY, "!no-wait", NULL);
    assert_true(g_str_has_prefix(bench_field(policy, "operation_id"), "op-"));
    bench_settle(b);
    g_autoptr(json_t) member =
        bench_ok(b, "prod-a", "protection-group member-add", WEB, "instance-id",
                 bench_server_id(b, SIM_SITE_A, "web-1"), "!no-wait", NULL);
    assert_string_equal(bench_field(member, "status"), "adding");
    g_autoptr(json_t) shown = bench_ok(b, "prod-a", "operation show", "operation",
                                       bench_field(member, "operation_id"), NULL);
    assert_string_equal(bench_field(shown, "operation_type"), "member_add");
}

/* Both sites' trusts by the sites' names; the other one's is "not asked" when it is not reached. */
static void test_trusts_of_both(void **state)
{
    AUTO(bench) b = group_bench(72);
    (void)state;

    g_autoptr(json_t) both = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);
    const json_t *trusts = json_obj(json_obj(both, "object"), "trusts");
    assert_string_equal(json_str(trusts, "site-a"), "verified");
    assert_string_equal(json_str(trusts, "site-b"), "verified");
    bench_api(b, SIM_SITE_B, false);
    g_autoptr(json_t) one = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);
    trusts = json_obj(json_obj(one, "object"), "trusts");
    assert_string_equal(json_str(trusts, "site-a"), "verified");
    assert_string_equal(json_str(trusts, "site-b"), "not asked");
}

/* "Last Modified" is the position's time, whoever has asked since. */
static void test_last_modified(void **state)
{
    AUTO(bench) b = group_bench(73);
    (void)state;

    g_autoptr(json_t) first = bench_ok(b, "prod-a", "protection-group sync-status", WEB, NULL);
    bench_pass(b, 120000);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) later =
            bench_ok(b, bench_tenant(i), "protection-group sync-status", WEB, NULL);
        if (i == SIM_SITE_A)
            assert_string_equal(bench_field(later, "last_modified"),
                                bench_field(first, "last_modified"));
        assert_string_not_equal(bench_field(later, "last_modified"), bench_field(later, "now"));
    }
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "new", NULL));
    g_autoptr(json_t) after = bench_ok(b, "prod-a", "protection-group sync-status", WEB, NULL);
    assert_string_not_equal(bench_field(after, "last_modified"),
                            bench_field(first, "last_modified"));
}

static int log_rows(struct bench *b, int site, const char *event)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT COUNT(*) FROM sync_log WHERE event = '%s'", event);

    return (int)bench_sql_int(b, site, sql);
}

/* Every change can be read afterwards: proposed, stored, carried; and a refused one as refused. */
static void test_sync_log(void **state)
{
    AUTO(bench) b = group_bench(74);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "new", NULL));
    assert_int_equal(log_rows(b, SIM_SITE_A, "proposed"), 2); /* create and update */
    assert_int_equal(log_rows(b, SIM_SITE_A, "accepted"), 2);
    assert_int_equal(log_rows(b, SIM_SITE_B, "accepted"), 2);
    g_autoptr(json_t) shown = bench_ok(b, "prod-b", "protection-group sync-log", WEB, NULL);
    g_autofree char *text = json_print(shown);
    holds(text, "version 2 of the other site is stored here");
    json_decref(bench_ok(b, "prod-b", "protection-group sync-status", WEB, NULL));
    int rows = (int)bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM sync_log");
    json_decref(bench_ok(b, "prod-b", "protection-group sync-status", WEB, NULL));
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM sync_log"), rows);
}

/* The ordinary rows are bounded; what was lost or forced stays. */
static void test_sync_log_bound(void **state)
{
    AUTO(bench) b = group_bench(75);
    struct db *db = process_db_get(&b->site[SIM_SITE_A].p);
    g_autofree char *id = bench_sql(b, SIM_SITE_A, "SELECT id FROM protection_groups");
    (void)state;

    for (int i = 0; i < SYNC_LOG_ROUTINE_MAX + 20; i++) {
        struct sync_log_entry row = {.pg_id = id,
                                     .event = (char *)(i == 0 ? "forced" : "accepted"),
                                     .bundle = (char *)"",
                                     .created_at_ms = 1};
        assert_null(sync_log_add(db, &row));
    }
    process_db_put(&b->site[SIM_SITE_A].p, db);
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "new", NULL));
    assert_int_equal(log_rows(b, SIM_SITE_A, "forced"), 1);
    assert_int_equal(log_rows(b, SIM_SITE_A, "accepted") + log_rows(b, SIM_SITE_A, "proposed") +
                         log_rows(b, SIM_SITE_A, "carried"),
                     SYNC_LOG_ROUTINE_MAX);
}

/* ---- what is refused before anything is made ---- */

static int64_t trusts(struct bench *b, int site)
{
    return bench_sql_int(b, site, "SELECT COUNT(*) FROM trusts");
}

static void test_create_refused(void **state)
{
    AUTO(bench) b = bench_create(76);
    (void)state;

    bench_register(b);
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group create", "name", "web",
                "replication-type", "async", "primary-site", "site-a", "secondary-site", "site-a",
                "volume-type", "replicated-ssd", NULL);
    b->secondary = "site-b"; /* the admin's entry: of another project than the mapped one */
    bench_fails(b, "protector.client.cloud", "prod-a", "protection-group create", CREATE, NULL);
    holds(b->last_error, "--secondary-cloud");
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(trusts(b, i), 0);
    b->secondary = NULL;
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!wait", NULL));
}

static void test_update_of_nothing(void **state)
{
    AUTO(bench) b = group_bench(77);
    (void)state;

    bench_fails(b, "protector.client.usage", "prod-a", "protection-group update", WEB, NULL);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT version FROM protection_groups"), 1);
}

/* What makes no sense is refused, and what is not there is no match. */
static void test_bad_options(void **state)
{
    AUTO(bench) b = bench_create(94);
    (void)state;

    bench_register(b);
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group create", CREATE, "!wait",
                "!no-wait", NULL);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!no-wait", NULL));
    g_autofree char *text = bench_sync_text(b, "prod-a", "web");
    assert_null(strstr(text, "Versions match"));
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group failover",
                "protection-group", "web", "!unplanned", "from", "nonsense", "reason", "x", NULL);
}

/* An entry of clouds.yaml like prod-b, with another password. */
static void wrong_password(struct bench *b)
{
    g_autofree char *text = NULL;
    g_autofree char *keystone = sim_origin(b->sim, SIM_SITE_B, SIM_KEYSTONE);

    assert_true(g_file_get_contents(b->clouds, &text, NULL, NULL));
    g_autofree char *more = g_strdup_printf(
        "%s  wrong-b:\n    auth:\n      auth_url: %s/v3\n      username: prod\n      password: "
        "nonsense\n      project_name: prod\n      user_domain_name: Default\n      "
        "project_domain_name: Default\n    region_name: RegionB\n",
        text, keystone);
    assert_true(g_file_set_contents(b->clouds, more, -1, NULL));
    b->secondary = "wrong-b";
}

/* That the peer's cloud refuses us, or is not configured, is no "remote site unreachable". */
static void test_peer_refuses(void **state)
{
    AUTO(bench) b = group_bench(78);
    (void)state;

    wrong_password(b);
    bench_fails(b, "protector.unauthorized", "prod-a", "protection-group update", WEB,
                "description", "x", NULL);
    holds(b->last_error, "wrong-b");
    g_autofree char *status = bench_sync_text(b, "prod-a", "web");
    holds(status, "site-b was not asked: Keystone of cloud 'wrong-b'");
    g_autoptr(json_t) forced = bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL);
    assert_int_equal(json_int(forced, "exit", 0), 1);
    holds(json_str(forced, "text"), "Action: check user, password");

    b->secondary = NULL;
    bench_api(b, SIM_SITE_B, false);
    g_string_truncate(b->events, 0);
    bench_fails(b, "protector.peer.unreachable", "prod-a", "protection-group update", WEB,
                "description", "x", NULL);
    holds(b->events->str, "does not answer");
}

/* Keystone of the asked site is away: that is no silence of the remote one, and told as it is. */
static void test_own_site_is_not_remote(void **state)
{
    AUTO(bench) b = bench_create(93);
    struct sim_fault no_keystone = {.site = SIM_SITE_A,
                                    .service = "keystone",
                                    .method = "GET",
                                    .path = "/v3/auth/tokens*",
                                    .count = 1,
                                    .kind = SIM_FAULT_STATUS,
                                    .status = 503};
    (void)state;

    bench_register(b);
    sim_fault_add(b->sim, &no_keystone);
    bench_fails(b, "protector.unavailable", "prod-a", "protection-group create", "name", "web",
                "replication-type", "async", "primary-site", "site-a", "secondary-site", "site-b",
                "volume-type", "replicated-ssd", NULL);
    holds(b->last_error, "Protector of cloud 'prod-a' answers 503");
    holds(b->last_error, "Keystone");

    bench_protect(b);
    no_keystone.site = SIM_SITE_B;
    sim_fault_add(b->sim, &no_keystone);
    g_string_truncate(b->events, 0);
    bench_fails(b, "protector.peer.unreachable", "prod-a", "protection-group update", WEB,
                "description", "x", NULL);
    holds(b->events->str, "Protector of cloud 'prod-b' answers 503");
    holds(b->events->str, "Keystone");
}

/* ---- what is carried without being asked for ---- */

static void update_left(struct bench *b)
{
    bench_client_dies_after(b, "PUT", "*/protection-groups/pg-*");
    json_decref(
        bench_try(b, "prod-a", "protection-group update", WEB, "description", "left", NULL));
    bench_client_lives(b);
    bench_settle(b);
}

/* A command that only reads carries what its answer says is owed; not with --no-carry. */
static void test_reading_carries(void **state)
{
    static const char *const commands[] = {"protection-group member-list", "consistency-group show",
                                           "protection-group mapping-list",
                                           "protection-group sync-log"};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        AUTO(bench) b = group_bench(79 + i);
        update_left(b);
        json_decref(bench_ok(b, "prod-a", commands[i], WEB, "!no-carry", NULL));
        bench_settle(b);
        assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT version FROM protection_groups"), 1);
        json_decref(bench_ok(b, "prod-a", commands[i], WEB, NULL));
        bench_settle(b);
        for (int site = 0; site < BENCH_SITES; site++)
            assert_int_equal(bench_sql_int(b, site, "SELECT version FROM protection_groups"), 2);
    }
}

/* A deleted group has no name any more: what it still owes goes with the project's outbox. */
static void test_list_carries_the_deleted(void **state)
{
    AUTO(bench) b = bench_create(84);
    (void)state;

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "!no-wait", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL)); /* withdrawn at A */
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "TOMBSTONE");
    json_decref(bench_ok(b, "prod-a", "protection-group list", "!no-carry", NULL));
    int64_t outbox = bench_sql_int(b, SIM_SITE_A, "SELECT outbox_count FROM protection_groups");
    assert_true(outbox > 0);
    json_decref(bench_ok(b, "prod-a", "protection-group list", NULL));
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT outbox_count FROM protection_groups"), 0);
}

/* ---- the failover ---- */

/* What would be used is shown, in the question too; a slip is refused before anything is made. */
static void test_failover_mappings(void **state)
{
    AUTO(bench) b = bench_create_protected(85);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    bench_fails(b, "protector.client.usage", "prod-b", "protection-group failover", WEB,
                "*flavor-mapping", "m1.tiny=m1.medium", NULL);
    holds(b->last_error, "Keystone is dead");
    holds(b->asked->str, "flavor m1.tiny -> m1.medium (given)");
    holds(b->asked->str, "network net-app -> net-app (the same name)");
    holds(b->events->str, "flavor m1.tiny -> m1.medium (given)");

    bench_fails(b, "protector.plan.incomplete", "prod-b", "protection-group failover", WEB,
                "!unplanned", "reason", "power", "*flavor-mapping", "nosuch=m1.medium", NULL);
    holds(b->last_error, "the flavor mapping nosuch=m1.medium fits nothing");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "volumes")), 0);
    json_decref(bench_failover(b, SIM_SITE_B));
}

/* A living peer's servers are named and asked for after a forced failover; until then they run. */
static void test_failover_tells_nobody_unasked(void **state)
{
    AUTO(bench) b = bench_create_protected(86);
    (void)state;

    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "a fire", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    holds(b->asked->str, "site-a is behind and active: its servers web-1, db-1");
    holds(b->events->str, "site-a was not told yet");
}

static void test_failover_yes(void **state)
{
    AUTO(bench) b = bench_create_protected(87);
    (void)state;

    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "!yes", "reason", "a fire", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    bench_in_sync(b);
}

/* B's own engine is down and A's outbox wants something realized there: the failover begins all the
 * same, and soon. */
static void test_failover_is_not_held(void **state)
{
    AUTO(bench) b = bench_create_protected(88);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group policy-update", WEB, "pure-pg-name",
                         "pg-web2", "!no-wait", NULL));
    bench_settle(b);
    bench_engine(b, SIM_SITE_B, false);
    int64_t began = b->clock_ms;
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "!no-wait", "reason", "a fire", NULL));
    if (b->clock_ms - began > 30000)
        fail_msg("the failover waited %d ms", (int)(b->clock_ms - began));
}

/* ---- versions, sessions ---- */

/* A site whose host takes no connection: what the client has asked of it, and how long it would
 * have waited. */
struct silent_host {
    struct http_transport real;
    int asked;
    int64_t connecting_ms, answer_ms;
};

static err_t *silent_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct silent_host *s = data;

    if (strstr(req->url, "//127.0.10.1:") == NULL)
        return http_send(&s->real, req, ret);
    s->asked++;
    s->connecting_ms += req->connect_timeout_ms;
    s->answer_ms = req->timeout_ms;
    return err(NET_TIMEOUT, "%s: no answer in time", req->url);
}

/* Each of its services is looked at, but its silence is waited for once; whoever takes the
 * connection has as long as ever to answer. */
static void test_silent_site_is_waited_for_once(void **state)
{
    AUTO(bench) b = bench_create_protected(95);
    struct silent_host s = {.real = b->transport};
    (void)state;

    b->transport = (struct http_transport){.data = &s, .send = silent_send};
    bench_fails(b, "protector.client.usage", "prod-b", "protection-group failover", WEB, NULL);
    b->transport = s.real;
    holds(b->last_error, "Keystone is dead, Nova is dead, Protector is dead");
    assert_int_equal(s.asked, 4); /* the login, and a look at each */
    assert_int_equal(s.connecting_ms, 8000);
    assert_int_equal(s.answer_ms, 5000);
}

static void test_api_version(void **state)
{
    AUTO(bench) b = group_bench(89);
    (void)state;

    g_autoptr(json_t) latest = bench_ok(b, "prod-a", "protection-group show", WEB, "!long", NULL);
    assert_non_null(json_object_get(json_obj(latest, "object"), "epoch"));
    b->api_version = "1.0";
    g_autoptr(json_t) old = bench_ok(b, "prod-a", "protection-group show", WEB, "!long", NULL);
    assert_null(json_object_get(json_obj(old, "object"), "epoch"));
    b->api_version = "1.7";
    bench_fails(b, "protector.not_acceptable", "prod-a", "protection-group show", WEB, NULL);
    holds(b->last_error, "1.7");
    holds(b->last_error, "1.0 to 1.1");
}

/* The host's own session: token and endpoint, and no login. */
static void test_session(void **state)
{
    AUTO(bench) b = group_bench(90);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group list", NULL));
    const char *project = json_str(sim_find(b->sim, SIM_SITE_A, "projects", "prod"), "id");
    g_autofree char *endpoint =
        g_strdup_printf("%s/v1/%s", b->site[SIM_SITE_A].api_origin, project);
    g_autofree char *token = bench_token(b, "prod-a");
    b->token = token;
    b->endpoint = endpoint;
    g_string_truncate(b->trace, 0);
    g_autoptr(json_t) list = bench_ok(b, "prod-a", "protection-group list", NULL);
    assert_int_equal(json_array_size(json_arr(list, "objects")), 1);
    assert_null(strstr(b->trace->str, "client POST http://127.0.10.1:5000"));
    b->token = "no-such-token"; /* or one that has expired: the cloud that is named logs in again */
    json_decref(bench_ok(b, "prod-a", "protection-group list", NULL));
    bench_fails(b, "protector.client.cloud", "site-a", "protection-group list", NULL);
    holds(b->last_error, "of another project");
    bench_fails(b, "protector.unauthorized", "nosuch-a", "protection-group list", NULL);
    b->token = NULL;
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group list", NULL);
}

/* What the client tells while it works: messages carried, and steps in words. */
static void test_events(void **state)
{
    AUTO(bench) b = group_bench(91);
    (void)state;

    bench_member_add(b, "prod-a", "web-1");
    assert_int_equal(members(b, SIM_SITE_B), 1);
    holds(b->events->str, "\"event\":\"carry\"");
    holds(b->events->str, "\"type\":\"PROPOSE\"");
    holds(b->events->str, "\"says\":\"");
}

/* ---- by files alone: no client reaches both sites ---- */

static char *path_of(struct bench *b, const char *name)
{
    return g_strdup_printf("%s/%s.json", b->dir, name);
}

/* One way, and the direct answers back. */
static void file_carry(struct bench *b, int from, const char *group)
{
    g_autofree char *there = path_of(b, "there");
    g_autofree char *back = path_of(b, "back");

    json_decref(bench_ok(b, bench_tenant(from), "protection-group sync-export", "protection-group",
                         group, "file", there, NULL));
    json_decref(bench_ok(b, bench_tenant(1 - from), "protection-group sync-import", "file", there,
                         "reply", back, NULL));
    json_decref(
        bench_ok(b, bench_tenant(from), "protection-group sync-import", "file", back, NULL));
    bench_settle(b);
}

/* A proof of B at A: the nonce; 'group' may be "new", '*ret_id' its id. */
static char *file_proof(struct bench *b, const char *group, char **ret_id)
{
    g_autofree char *there = path_of(b, "challenge");
    g_autofree char *back = path_of(b, "answer");
    g_autoptr(json_t) told =
        bench_ok(b, "prod-a", "protection-group sync-export", "protection-group", group, "file",
                 there, "!challenge", "peer-site", "site-b", NULL);

    json_decref(
        bench_ok(b, "prod-b", "protection-group sync-import", "file", there, "reply", back, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group sync-import", "file", back, NULL));
    if (ret_id != NULL)
        *ret_id = g_strdup(bench_field(told, "group"));
    return g_strdup(bench_field(told, "proof"));
}

/* A create, a change and a refusal; the two clients have no entry for the other site. */
static void test_by_file(void **state)
{
    AUTO(bench) b = bench_create(92);
    g_autofree char *id = NULL;
    (void)state;

    bench_register(b);
    json_decref(bench_ok(b, "prod-b", "protection-group create", "name", "other",
                         "replication-type", "async", "primary-site", "site-b", "secondary-site",
                         "site-a", "volume-type", "replicated-ssd", "!no-wait", NULL));
    bench_settle(b);
    b->secondary = "nowhere";
    g_autofree char *first = file_proof(b, "new", &id);
    json_decref(
        bench_ok(b, "prod-a", "protection-group create", CREATE, "id", id, "proof", first, NULL));
    bench_settle(b);
    file_carry(b, SIM_SITE_A, id);
    file_carry(b, SIM_SITE_B, id);
    g_autofree char *a = bench_sql(b, SIM_SITE_A,
                                   "SELECT role || version FROM protection_groups "
                                   "WHERE name = 'web'");
    g_autofree char *z = bench_sql(b, SIM_SITE_B,
                                   "SELECT role || version FROM protection_groups "
                                   "WHERE name = 'web'");
    assert_string_equal(a, "ACTIVE1");
    assert_string_equal(z, "STANDBY1");

    g_autofree char *second = file_proof(b, "web", NULL);
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "by file",
                         "proof", second, NULL));
    bench_settle(b);
    file_carry(b, SIM_SITE_A, "web");
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *is =
            bench_sql(b, i,
                      "SELECT description || version FROM protection_groups WHERE name = 'web'");
        assert_string_equal(is, "by file2");
    }

    g_autofree char *third = file_proof(b, "web", NULL);
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "name", "other", "proof",
                         third, NULL));
    bench_settle(b);
    file_carry(b, SIM_SITE_A, "web"); /* the refusal is a direct answer */
    g_autofree char *ended =
        bench_sql(b, SIM_SITE_A, "SELECT error FROM dr_operations WHERE status = 'failed'");
    holds(ended, "other");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM protection_groups WHERE name = 'web' "
                                   "AND version = 2"),
                     1);
    assert_null(strstr(b->trace->str, "nowhere"));
}

/* A fork is resolved: the loser's closing position is a direct answer; its servers stop when its
 * own client is told yes. */
static void test_by_file_resolve(void **state)
{
    AUTO(bench) b = bench_create_protected(93);
    g_autofree char *last = path_of(b, "last");
    (void)state;

    update_left(b);
    bench_api(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "alone", NULL));
    bench_api(b, SIM_SITE_B, true);
    bench_api(b, SIM_SITE_A, false);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "wrong operator", NULL));
    bench_api(b, SIM_SITE_A, true);
    b->secondary = "nowhere";
    file_carry(b, SIM_SITE_A, "web");
    bench_status_is(b, SIM_SITE_B, "split_brain");
    json_decref(bench_ok(b, "prod-b", "protection-group sync-resolve", WEB, "keep", "site-b",
                         "!by-file", NULL));
    file_carry(b, SIM_SITE_B, "web");
    bench_servers_are(b, SIM_SITE_A, "active");
    json_decref(bench_ok(b, "prod-b", "protection-group sync-export", WEB, "file", last, NULL));
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group sync-import", "file", last,
                NULL);
    bench_servers_are(b, SIM_SITE_A, "active");
    json_decref(bench_ok(b, "prod-a", "protection-group sync-import", "file", last, "!yes", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
}

/*
 * A site that no entry of clouds.yaml names is not registered: neither with the local site's keys,
 * nor with those of an entry that has another address.
 */
static void test_site_nobody_knows(void **state)
{
    AUTO(bench) b = bench_create(340);
    g_autofree char *there = sim_origin(b->sim, SIM_SITE_B, SIM_KEYSTONE);
    (void)state;

    bench_fails(b, "protector.client.cloud", "site-a", "site create", "name", "site-x", NULL);
    bench_fails(b, "protector.client.cloud", "site-a", "site create", "name", "site-x", "auth-url",
                "http://nowhere:5000/v3", NULL);
    assert_non_null(strstr(b->last_error, "nothing was written"));
    bench_fails(b, "protector.client.cloud", "site-a", "site create", "name", "site-a", "auth-url",
                there, NULL);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM sites"), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_site_nobody_knows),
        cmocka_unit_test(test_no_wait),
        cmocka_unit_test(test_trusts_of_both),
        cmocka_unit_test(test_last_modified),
        cmocka_unit_test(test_sync_log),
        cmocka_unit_test(test_sync_log_bound),
        cmocka_unit_test(test_create_refused),
        cmocka_unit_test(test_update_of_nothing),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_peer_refuses),
        cmocka_unit_test(test_own_site_is_not_remote),
        cmocka_unit_test(test_reading_carries),
        cmocka_unit_test(test_list_carries_the_deleted),
        cmocka_unit_test(test_failover_mappings),
        cmocka_unit_test(test_failover_tells_nobody_unasked),
        cmocka_unit_test(test_failover_yes),
        cmocka_unit_test(test_failover_is_not_held),
        cmocka_unit_test(test_silent_site_is_waited_for_once),
        cmocka_unit_test(test_api_version),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_by_file),
        cmocka_unit_test(test_by_file_resolve),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
