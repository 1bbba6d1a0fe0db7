/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is refused because something is there already, is in use or has moved; what may be repeated;
 * lists; trusts.
 */
#include "tests/api/ask.h"

#include "store/idempotency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CONFLICT "protector.conflict"

/* ---- commands ---- */

static void group_create(struct bench *b, const char *name)
{
    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", name, "replication-type",
                         "async", "primary-site", "site-a", "secondary-site", "site-b",
                         "volume-type", "replicated-ssd", "!wait", NULL));
}

#define POLICY(url_a, url_b, name)                                                                 \
    "primary-fa-url", url_a, "primary-fa-token", "T-a", "secondary-fa-url", url_b,                 \
        "secondary-fa-token", "T-b", "pure-pg-name", name, "replication-interval", "60",           \
        "rpo-minutes", "15"
#define ARRAY_A "https://array-a.lab"
#define ARRAY_B "https://array-b.lab"

static void must_say(const struct bench *b, const char *text)
{
    if (strstr(b->last_error, text) == NULL)
        fail_msg("'%s' should be said: %s", text, b->last_error);
}

/* ---- policies ---- */

static void test_second_policy(void **state)
{
    AUTO(bench) b = bench_create_protected(701);
    (void)state;

    bench_fails(b, CONFLICT, "prod-a", "protection-group policy-create", "protection-group", "web",
                POLICY(ARRAY_A, ARRAY_B, "pg-other"), NULL);
    must_say(b, "a replication policy already");
    g_autofree char *name = bench_sql(b, SIM_SITE_A,
                                      "SELECT pure_pg_name FROM "
                                      "replication_policies");
    assert_string_equal(name, "pg-web");
}

static void array_taken(struct bench *b, const char *command, const char *key, const char *value)
{
    bench_fails(b, CONFLICT, "prod-a", command, "protection-group", "two", key, value, NULL);
    must_say(b, "another protection group");
}

/* In two groups at once: by create, by update of the name alone and of the address alone. */
static void test_array_groups(void **state)
{
    AUTO(bench) b = bench_create_protected(702);
    (void)state;

    group_create(b, "two");
    bench_fails(b, CONFLICT, "prod-a", "protection-group policy-create", "protection-group", "two",
                POLICY("https://ARRAY-A.lab/", "https://array-z.lab", "pg-web"), NULL);
    must_say(b, "another protection group");
    bench_fails(b, CONFLICT, "prod-a", "protection-group policy-create", "protection-group", "two",
                POLICY("https://array-y.lab", ARRAY_A, "pg-web"), NULL);
    json_decref(bench_ok(b, "prod-a", "protection-group policy-create", "protection-group", "two",
                         POLICY(ARRAY_A, ARRAY_B, "pg-two"), NULL));
    array_taken(b, "protection-group policy-update", "pure-pg-name", "pg-web");
    json_decref(bench_ok(b, "prod-a", "protection-group policy-update", "protection-group", "two",
                         "primary-fa-url", "https://array-y.lab", "secondary-fa-url",
                         "https://array-z.lab", "pure-pg-name", "pg-web", NULL));
    array_taken(b, "protection-group policy-update", "primary-fa-url", ARRAY_A);
    array_taken(b, "protection-group policy-update", "secondary-fa-url", ARRAY_A);
}

/* The other change is reserved and not committed yet. */
static void test_array_groups_at_once(void **state)
{
    AUTO(bench) b = bench_create(703);
    (void)state;

    bench_register(b);
    group_create(b, "web");
    group_create(b, "two");
    bench_settle(b);
    bench_engine(b, SIM_SITE_A, false);
    bench_client_dies_after(b, "POST", "*/policy");
    json_decref(bench_try(b, "prod-a", "protection-group policy-create", "protection-group", "web",
                          POLICY(ARRAY_A, ARRAY_B, "pg-x"), NULL));
    bench_client_lives(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_operations WHERE "
                                   "operation_type = 'policy_set' AND is_open = 1"),
                     1);
    bench_fails(b, CONFLICT, "prod-a", "protection-group policy-create", "protection-group", "two",
                POLICY(ARRAY_A, "https://array-z.lab", "pg-x"), NULL);
    bench_engine(b, SIM_SITE_A, true);
    bench_settle(b);
    json_decref(
        bench_ok(b, "prod-a", "protection-group sync-force", "protection-group", "web", NULL));
    bench_settle(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM replication_policies"), 1);
}

/* ---- members ---- */

static void test_members(void **state)
{
    AUTO(bench) b = bench_create_protected(704);
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    g_autofree char *tenant = ask_token(b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *body = g_strdup_printf("{\"member\": {\"instance_id\": \"%s\"}}", id);
    struct ask a = {.site = SIM_SITE_A,
                    .method = "POST",
                    .path = "/v1/protection-groups/web/members",
                    .token = tenant,
                    .body = body};
    (void)state;

    group_create(b, "two");
    bench_fails(b, CONFLICT, "prod-a", "protection-group member-add", "protection-group", "two",
                "instance-id", id, NULL);
    must_say(b, id);
    bench_settle(b);
    g_autofree char *before = ask_snapshot(b);
    AUTO(answer) again = ask(b, &a);
    answer_ok(again, "the same server again", 200);
    g_autofree char *member = bench_sql(b, SIM_SITE_A,
                                        "SELECT id FROM pg_members WHERE "
                                        "instance_name = 'web-1'");
    assert_string_equal(json_str_or(json_obj(again->body, "member"), "id", ""), member);
    ask_same(b, before, "a repeated member-add");
}

/* A recovered server is the member that it was: in its group, and for every other one. */
static void test_recovered_member(void **state)
{
    AUTO(bench) b = bench_create_protected(705);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    g_autofree char *id =
        g_strdup(json_str(sim_find(b->sim, SIM_SITE_B, "servers", "web-1"), "id"));
    g_autofree char *tenant = ask_token(b, SIM_SITE_B, "prod-user", "prod");
    g_autofree char *body = g_strdup_printf("{\"member\": {\"instance_id\": \"%s\"}}", id);
    struct ask a = {.site = SIM_SITE_B,
                    .method = "POST",
                    .path = "/v1/protection-groups/web/members",
                    .token = tenant,
                    .body = body};
    AUTO(answer) again = ask(b, &a);
    (void)state;

    answer_ok(again, "the recovered server", 200);
    g_autofree char *member = bench_sql(b, SIM_SITE_B,
                                        "SELECT id FROM pg_members WHERE "
                                        "instance_name = 'web-1'");
    assert_string_equal(json_str_or(json_obj(again->body, "member"), "id", ""), member);

    bench_restore(b, SIM_SITE_A);
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", "protection-group", "web",
                         "!yes", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group create", "name", "two", "replication-type",
                         "async", "primary-site", "site-b", "secondary-site", "site-a",
                         "volume-type", "replicated-ssd", "!wait", NULL));
    bench_fails(b, CONFLICT, "prod-b", "protection-group member-add", "protection-group", "two",
                "instance-id", id, NULL);
    must_say(b, "another protection group");
}

/* ---- names, sites, mappings ---- */

static void test_names(void **state)
{
    AUTO(bench) b = bench_create_protected(706);
    (void)state;

    bench_fails(b, "protector.group.name_taken", "prod-a", "protection-group create", "name", "web",
                "replication-type", "async", "primary-site", "site-a", "secondary-site", "site-b",
                "volume-type", "replicated-ssd", NULL);
    group_create(b, "two");
    bench_fails(b, "protector.group.name_taken", "prod-a", "protection-group update",
                "protection-group", "two", "name", "web", NULL);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM protection_groups WHERE listed = 1"),
                     2);
}

static void test_in_use(void **state)
{
    AUTO(bench) b = bench_create_protected(707);
    g_autofree char *mapping = bench_sql(b, SIM_SITE_A, "SELECT id FROM tenant_mappings");
    (void)state;

    bench_fails(b, CONFLICT, "site-a", "site delete", "site", "site-b", NULL);
    must_say(b, "in use by protection groups");
    bench_fails(b, CONFLICT, "site-a", "tenant mapping delete", "mapping", mapping, NULL);
    must_say(b, "use this mapping");
    json_decref(bench_ok(b, "prod-a", "protection-group delete", "protection-group", "web", NULL));
    bench_settle(b);
    bench_fails(b, CONFLICT, "site-a", "site delete", "site", "site-b", NULL);
    must_say(b, "in use by tenant mappings");
    json_decref(bench_ok(b, "site-a", "tenant mapping delete", "mapping", mapping, NULL));
}

static void mapping_refused(struct bench *b, const char *local, const char *remote)
{
    g_autofree char *admin = ask_token(b, SIM_SITE_A, "admin", "admin");
    g_autofree char *body =
        g_strdup_printf("{\"tenant_mapping\": {\"local_tenant_id\": \"%s\", \"remote_site_id\": "
                        "\"site-b\", \"remote_tenant_id\": \"%s\"}}",
                        local, remote);
    struct ask a = {.site = SIM_SITE_A,
                    .method = "POST",
                    .path = "/v1/tenant-mappings",
                    .token = admin,
                    .body = body};
    g_autofree char *before = ask_snapshot(b);
    AUTO(answer) got = ask(b, &a);

    answer_is(got, body, 409, CONFLICT, "is mapped to project");
    ask_same(b, before, body);
}

/* Neither project may be of two pairs; what the database says of it is nobody's business. */
static void test_mapped_already(void **state)
{
    AUTO(bench) b = bench_create(708);
    (void)state;

    bench_register(b);
    g_autofree char *here = ask_project(b, SIM_SITE_A, "prod");
    g_autofree char *there = ask_project(b, SIM_SITE_B, "prod");
    mapping_refused(b, here, "another-project");
    mapping_refused(b, "another-project", there);
}

static void test_site_not_active(void **state)
{
    AUTO(bench) b = bench_create(709);
    g_autofree char *admin = NULL;
    struct ask a = {.site = SIM_SITE_A,
                    .method = "PUT",
                    .path = "/v1/admin/sites/site-b",
                    .body = "{\"site\": {\"status\": \"error\"}}"};
    (void)state;

    bench_register(b);
    a.token = admin = ask_token(b, SIM_SITE_A, "admin", "admin");
    AUTO(answer) got = ask(b, &a);
    answer_ok(got, "site update", 200);
    bench_fails(b, CONFLICT, "prod-a", "protection-group create", "name", "web", "replication-type",
                "async", "primary-site", "site-a", "secondary-site", "site-b", "volume-type",
                "replicated-ssd", NULL);
    must_say(b, "site 'site-b' is error");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM dr_operations"), 0);
}

static void site_put(struct bench *b, const char *site, const char *service, struct answer **ret)
{
    g_autofree char *admin = ask_token(b, SIM_SITE_A, "admin", "admin");
    g_autofree char *path = g_strdup_printf("/v1/admin/sites/%s", site);
    g_autofree char *body = g_strdup_printf("{\"site\": {\"service\": %s}}", service);
    struct ask a = {
        .site = SIM_SITE_A, .method = "PUT", .path = path, .token = admin, .body = body};

    *ret = ask(b, &a);
}

/*
 * Credentials are for another site's cloud, and whole: a part of them is merged with what is kept,
 * and refused where nothing is.
 */
static void test_service_credentials(void **state)
{
    AUTO(bench) b = bench_create(715);
    AUTO(answer) own = NULL;
    AUTO(answer) part = NULL;
    AUTO(answer) whole = NULL;
    AUTO(answer) more = NULL;
    (void)state;

    bench_register(b);
    g_autofree char *before = ask_snapshot(b);
    site_put(b, "site-a", "{\"username\": \"u\", \"password\": \"p\"}", &own);
    answer_is(own, "of its own cloud", 400, "protector.bad_request", "another site");
    site_put(b, "site-b", "{\"password\": \"p\"}", &part);
    answer_is(part, "a password alone", 400, "protector.bad_request", "no username");
    ask_same(b, before, "refused credentials");
    site_put(b, "site-b", "{\"username\": \"u\", \"password\": \"p\"}", &whole);
    answer_ok(whole, "both", 200);
    site_put(b, "site-b", "{\"password\": \"other\"}", &more);
    answer_ok(more, "another password", 200);
}

/*
 * An admin's own group, whose project is mapped at one site only: the other site refuses it with
 * its reason, although who carries for every project says not whose the group is.
 */
static void test_refused_to_an_admin(void **state)
{
    AUTO(bench) b = bench_create(716);
    (void)state;

    bench_register(b);
    g_autofree char *here = ask_project(b, SIM_SITE_A, "admin");
    g_autofree char *there = ask_project(b, SIM_SITE_B, "admin");
    json_decref(bench_ok(b, "site-a", "tenant mapping create", "local-tenant", here, "remote-site",
                         "site-b", "remote-tenant", there, NULL));
    g_autofree char *sql =
        g_strdup_printf("SELECT id FROM tenant_mappings WHERE local_project_id = '%s'", there);
    g_autofree char *mapping = bench_sql(b, SIM_SITE_B, sql);
    g_autofree char *admin = ask_token(b, SIM_SITE_B, "admin", "admin");
    g_autofree char *path = g_strdup_printf("/v1/tenant-mappings/%s", mapping);
    struct ask a = {.site = SIM_SITE_B, .method = "DELETE", .path = path, .token = admin};
    AUTO(answer) got = ask(b, &a);
    answer_ok(got, "mapping delete", 204);
    g_autoptr(json_t) made =
        bench_try(b, "site-a", "protection-group create", "name", "web", "replication-type",
                  "async", "primary-site", "site-a", "secondary-site", "site-b", "volume-type",
                  "replicated-ssd", "!wait", NULL);
    assert_null(made);
    must_say(b, "not mapped");
    assert_null(strstr(b->trace->str, " 500"));
    g_autofree char *whose = bench_sql(b, SIM_SITE_B, "SELECT project_id FROM protection_groups");
    assert_string_equal(whose, there);
}

/*
 * The mapping stands at one site only: the peer refuses, nothing is left, the Idempotency-Key is
 * free again and stands for the group that is then made.
 */
static void test_mapping_at_one_site(void **state)
{
    AUTO(bench) b = bench_create(710);
    (void)state;

    bench_register(b);
    g_autofree char *mapping = bench_sql(b, SIM_SITE_B, "SELECT id FROM tenant_mappings");
    g_autofree char *admin = ask_token(b, SIM_SITE_B, "admin", "admin");
    g_autofree char *path = g_strdup_printf("/v1/tenant-mappings/%s", mapping);
    struct ask a = {.site = SIM_SITE_B, .method = "DELETE", .path = path, .token = admin};
    AUTO(answer) got = ask(b, &a);
    answer_ok(got, "mapping delete", 204);
    json_t *made =
        bench_try(b, "prod-a", "protection-group create", "name", "web", "replication-type",
                  "async", "primary-site", "site-a", "secondary-site", "site-b", "volume-type",
                  "replicated-ssd", "idempotency-key", "once", "!wait", NULL);
    assert_null(made);
    must_say(b, "not mapped");
    bench_settle(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM idempotency_keys"), 0);
    g_autofree char *here = ask_project(b, SIM_SITE_A, "prod");
    g_autofree char *there = ask_project(b, SIM_SITE_B, "prod");
    json_decref(bench_ok(b, "site-a", "tenant mapping create", "local-tenant", here, "remote-site",
                         "site-b", "remote-tenant", there, NULL));
    for (int i = 0; i < 2; i++)
        json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "web",
                             "replication-type", "async", "primary-site", "site-a",
                             "secondary-site", "site-b", "volume-type", "replicated-ssd",
                             "idempotency-key", "once", "!wait", NULL));
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM protection_groups WHERE listed = 1"),
                     1);
}

/* ---- keys, positions, proofs ---- */

/* A database that refuses the key refuses the group with it. */
static void test_key_with_its_group(void **state)
{
    AUTO(bench) b = bench_create(711);
    struct db *db;
    (void)state;

    bench_register(b);
    db = process_db_get(&b->site[SIM_SITE_A].p);
    assert_null(db_exec(db, NULL, "DROP TABLE idempotency_keys", ""));
    assert_null(db_exec(db, NULL,
                        "CREATE TABLE idempotency_keys (project_id text, idem_key text, verb text,"
                        " request_hash text, subject_id text, operation_id text,"
                        " created_at integer CHECK (created_at < 0))",
                        ""));
    process_db_put(&b->site[SIM_SITE_A].p, db);
    json_t *made =
        bench_try(b, "prod-a", "protection-group create", "name", "web", "replication-type",
                  "async", "primary-site", "site-a", "secondary-site", "site-b", "volume-type",
                  "replicated-ssd", "idempotency-key", "once", NULL);
    assert_null(made);
    assert_null(strstr(b->last_error, "idempotency_keys")); /* no statement in an answer */
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM dr_operations"), 0);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM protection_groups WHERE "
                                   "role NOT IN ('NONE', '')"),
                     0);
}

/* The same key is the same policy; for another request it is refused. */
static void test_key_of_a_policy(void **state)
{
    AUTO(bench) b = bench_create(712);
    static const char good[] =
        "{\"policy\": {\"primary_fa_url\": \"https://array-a.lab\", \"primary_fa_token\": \"T\", "
        "\"secondary_fa_url\": \"https://array-b.lab\", \"secondary_fa_token\": \"T\", "
        "\"pure_pg_name\": \"pg-web\", \"replication_interval\": 60, \"rpo_minutes\": %d}}";
    g_autofree char *tenant = NULL;
    (void)state;

    bench_register(b);
    group_create(b, "web");
    json_decref(bench_ok(b, "prod-a", "protection-group policy-create", "protection-group", "web",
                         POLICY(ARRAY_A, ARRAY_B, "pg-web"), NULL));
    json_decref(
        bench_ok(b, "prod-a", "protection-group policy-delete", "protection-group", "web", NULL));
    bench_settle(b);
    struct ask a = {.site = SIM_SITE_A,
                    .method = "POST",
                    .path = "/v1/protection-groups/web/policy",
                    .headers = {"Idempotency-Key", "once"}};
    g_autofree char *body = g_strdup_printf(good, 15);
    g_autofree char *other = g_strdup_printf(good, 16);
    a.token = tenant = ask_token(b, SIM_SITE_A, "prod-user", "prod");
    a.body = body;
    g_autofree char *position = bench_position(b, SIM_SITE_A);
    a.headers[2] = "If-Match";
    a.headers[3] = position;
    AUTO(answer) unproven = ask(b, &a);
    answer_is(unproven, "without a proof", 428, "protector.sync.peer_proof_required", NULL);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM idempotency_keys"), 0);

    g_autofree char *project = ask_project(b, SIM_SITE_A, "prod");
    g_autofree char *pg = bench_sql(b, SIM_SITE_A, "SELECT id FROM protection_groups");
    struct db *db = process_db_get(&b->site[SIM_SITE_A].p);
    char hash[HASH_HEX_SIZE];
    g_autoptr(json_t) parsed = NULL;
    assert_null(json_parse(body, strlen(body), "body", &parsed));
    g_autofree char *text = json_print_canonical(json_obj(parsed, "policy"));
    hash_strings(hash, "policy.create", pg, text, NULL);
    g_autofree char *op = bench_sql(b, SIM_SITE_A,
                                    "SELECT id FROM dr_operations WHERE "
                                    "operation_type = 'policy_set'");
    struct idempotency row = {project, "once", "policy.create", hash, "subject", op, 1};
    assert_null(idempotency_insert(db, &row));
    process_db_put(&b->site[SIM_SITE_A].p, db);
    AUTO(answer) again = ask(b, &a);
    answer_ok(again, "the same request", 202);
    assert_string_equal(json_str_or(json_obj(again->body, "operation"), "id", ""), op);
    a.body = other;
    AUTO(answer) refused = ask(b, &a);
    answer_is(refused, "another request", 409, CONFLICT, "used for another request");
}

static void test_positions_and_proofs(void **state)
{
    AUTO(bench) b = bench_create_protected(713);
    g_autofree char *tenant = ask_token(b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *position = bench_position(b, SIM_SITE_A);
    struct ask a = {.site = SIM_SITE_A,
                    .method = "PUT",
                    .path = "/v1/protection-groups/web",
                    .token = tenant,
                    .body = "{\"protection_group\": {\"description\": \"new\"}}"};
    (void)state;

    bench_settle(b);
    g_autofree char *before = ask_snapshot(b);
    AUTO(answer) neither = ask(b, &a);
    answer_is(neither, "neither", 412, "protector.sync.if_match", "must name the position");
    a.headers[0] = "If-Match";
    a.headers[1] = position;
    AUTO(answer) position_only = ask(b, &a);
    answer_is(position_only, "a position only", 428, "protector.sync.peer_proof_required", NULL);
    a.headers[1] = "0000000000000000000000000000000000000000000000000000000000000000";
    AUTO(answer) moved = ask(b, &a);
    answer_is(moved, "another position", 412, "protector.sync.if_match", NULL);
    a.headers[1] = position;
    a.headers[2] = "Protector-Peer";
    a.headers[3] = "0123456789abcdef0123456789abcdef";
    AUTO(answer) forged = ask(b, &a);
    answer_is(forged, "a nonce of nobody", 428, "protector.sync.peer_proof_required", NULL);
    ask_same(b, before, "a change without position and proof");
}

/* ---- lists ---- */

static struct answer *get(struct bench *b, const char *token, const char *path)
{
    struct ask a = {.site = SIM_SITE_A, .method = "GET", .path = path, .token = token};

    return ask(b, &a);
}

static const char *next_of(const struct answer *a)
{
    const json_t *links = json_arr(a->body, "protection_groups_links");

    return json_str(json_array_get(links, 0), "href");
}

/* Names in order, by comma, following the links. */
static char *names(struct bench *b, const char *token, const char *query, int *ret_pages)
{
    GString *out = g_string_new(NULL);
    g_autofree char *path = g_strconcat("/v1/protection-groups", query, NULL);

    for (*ret_pages = 0; path != NULL && *ret_pages < 20; (*ret_pages)++) {
        AUTO(answer) page = get(b, token, path);
        size_t i;
        json_t *group;
        answer_ok(page, path, 200);
        json_array_foreach(json_arr(page->body, "protection_groups"), i, group)
        {
            g_string_append_printf(out, "%s%s", out->len > 0 ? "," : "",
                                   json_str_or(group, "name", "?"));
        }
        g_free(path);
        path = g_strdup(next_of(page));
    }
    return g_string_free(out, FALSE);
}

static void listed(struct bench *b, const char *token, const char *query, const char *want,
                   int pages)
{
    int seen = 0;
    g_autofree char *is = names(b, token, query, &seen);

    if (strcmp(is, want) != 0 || (pages > 0 && seen != pages))
        fail_msg("%s: %s on %d pages, not %s on %d", query, is, seen, want, pages);
}

static void test_lists(void **state)
{
    AUTO(bench) b = bench_create(714);
    g_autofree char *token = NULL;
    (void)state;

    ask_make_other(b, SIM_SITE_A);
    bench_register(b);
    group_create(b, "one");
    group_create(b, "two");
    group_create(b, "three");
    bench_settle(b);
    token = ask_token(b, SIM_SITE_A, "prod-user", "prod");
    listed(b, token, "?sort=name:asc", "one,three,two", 1);
    listed(b, token, "?sort=name:desc", "two,three,one", 1);
    listed(b, token, "?sort=name:asc&limit=1", "one,three,two", 4);
    listed(b, token, "?sort=name:desc&limit=2", "two,three,one", 2);
    listed(b, token, "?limit=2", "three,two,one", 2);
    listed(b, token, "?name=two", "two", 1);
    listed(b, token, "?status=active&sort=created_at:asc", "one,two,three", 1);
    listed(b, token, "?status=failed_over", "", 1);
    listed(b, token, "?replication_type=sync", "", 1);
    g_autofree char *other = ask_token(b, SIM_SITE_A, "other-user", "other");
    listed(b, other, "", "", 1);
}

/* ---- trusts ---- */

static char *trust_put(struct bench *b, int status)
{
    g_autofree char *token = ask_token(b, SIM_SITE_A, "prod-user", "prod");
    struct ask a = {.site = SIM_SITE_A, .method = "PUT", .path = "/v1/trust", .token = token};
    AUTO(answer) got = ask(b, &a);

    answer_ok(got, "PUT trust", status);
    return bench_sql(b, SIM_SITE_A, "SELECT trust FROM trusts");
}

/* One that works is kept; one that is gone at Keystone is replaced, and the group works again. */
static void test_trust_replaced(void **state)
{
    AUTO(bench) b = bench_create_protected(715);
    (void)state;

    g_autofree char *first = bench_sql(b, SIM_SITE_A, "SELECT trust FROM trusts");
    g_autofree char *same = trust_put(b, 200);
    assert_string_equal(first, same);
    json_t *trusts = (json_t *)sim_table(b->sim, SIM_SITE_A, "trusts");
    assert_int_equal(json_object_size(trusts), 1);
    json_object_clear(trusts);
    g_autofree char *second = trust_put(b, 200);
    assert_string_not_equal(first, second);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "trusts")), 1);
    g_autofree char *third = trust_put(b, 200);
    assert_string_equal(second, third);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", "protection-group", "web", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_policy),
        cmocka_unit_test(test_array_groups),
        cmocka_unit_test(test_array_groups_at_once),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_recovered_member),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_in_use),
        cmocka_unit_test(test_mapped_already),
        cmocka_unit_test(test_site_not_active),
        cmocka_unit_test(test_service_credentials),
        cmocka_unit_test(test_refused_to_an_admin),
        cmocka_unit_test(test_mapping_at_one_site),
        cmocka_unit_test(test_key_with_its_group),
        cmocka_unit_test(test_key_of_a_policy),
        cmocka_unit_test(test_positions_and_proofs),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_trust_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
