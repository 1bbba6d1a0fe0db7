/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers and volume types that cannot be protected, from the command to the words that come back;
 * an add that fails at the Cinder group; and where secrets must not appear.
 */
#include "tests/api/ask.h"

#include "api/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static void group_create(struct bench *b, const char *name, const char *type)
{
    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", name, "replication-type",
                         "async", "primary-site", "site-a", "secondary-site", "site-b",
                         "volume-type", type, "!wait", NULL));
}

static struct bench *with_group(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    group_create(b, "web", "replicated-ssd");
    bench_settle(b);
    return b;
}

static void must_say(const struct bench *b, const char *what, const char *text)
{
    if (strstr(b->last_error, text) == NULL)
        fail_msg("%s: '%s' should be said: %s", what, text, b->last_error);
}

static int64_t members(struct bench *b)
{
    return bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM pg_members");
}

/* ---- servers ---- */

/* What is changed at the cloud, and what then is said; "%id" is the id of the thing. */
static const struct {
    const char *table, *name, *key, *value;
    const char *code, *says[4];
} cases[] = {
    /* clang-format off */
    {"servers", "web-1", "vm_state", "\"paused\"", "protector.member.status", {"web-1", "PAUSED", "ACTIVE or SHUTOFF"}},
    {"servers", "web-1", "image_id", "IMAGE", "protector.member.image_booted", {"web-1", "tiny", "ephemeral", "replicated"}},
    {"servers", "web-1", "flavor.swap", "512", "protector.member.local_disk", {"web-1", "swap", "m1.tiny", "512"}},
    {"servers", "web-1", "flavor.ephemeral", "10", "protector.member.local_disk", {"web-1", "ephemeral", "m1.tiny", "10"}},
    {"volumes", "data-web-1", "type_id", "TYPE", "protector.member.volume_type_mismatch", {"volume type mismatch", "data-web-1", "plain", "replicated-ssd"}},
    {"volumes", "data-web-1", "encrypted", "true", "protector.member.encrypted", {"data-web-1", "encrypted"}},
    {"volumes", "root-web-1", "multiattach", "true", "protector.member.multiattach", {"root-web-1"}},
    {"volumes", "data-web-1", "group_id", "\"0f7d2f38-0000-4000-8000-00000000000a\"", "protector.member.other_group",
     {"data-web-1", "0f7d2f38-0000-4000-8000-00000000000a"}},
    {"ports", NULL, "binding:vnic_type", "\"direct\"", "protector.member.vnic_type", {"direct"}},
    /* clang-format on */
};

static json_t *value_of(struct bench *b, const char *text)
{
    json_t *value = NULL;

    if (strcmp(text, "IMAGE") == 0)
        return json_incref(json_object_get(sim_find(b->sim, SIM_SITE_A, "images", "tiny"), "id"));
    if (strcmp(text, "TYPE") == 0)
        return json_incref(
            json_object_get(sim_find(b->sim, SIM_SITE_A, "volume_types", "plain"), "id"));
    assert_null(json_parse(text, strlen(text), "a value", &value));
    return value;
}

/* The object that carries the key: the row, or its flavor; the server's port has no name. */
static json_t *object_of(struct bench *b, size_t i, const char **ret_key)
{
    const json_t *server = sim_find(b->sim, SIM_SITE_A, "servers", "web-1");
    const json_t *row;

    if (cases[i].name != NULL)
        row = sim_find(b->sim, SIM_SITE_A, cases[i].table, cases[i].name);
    else
        row = json_object_get(sim_table(b->sim, SIM_SITE_A, "ports"),
                              json_string_value(json_array_get(json_arr(server, "ports"), 0)));
    assert_non_null(row);
    bool flavor = g_str_has_prefix(cases[i].key, "flavor.");
    *ret_key = flavor ? cases[i].key + strlen("flavor.") : cases[i].key;
    return flavor ? json_obj(row, "flavor") : (json_t *)row;
}

static void one_refusal(struct bench *b, size_t i)
{
    const char *key = NULL;
    json_t *object = object_of(b, i, &key);
    g_autoptr(json_t) before = json_deep_copy(json_object_get(object, key));
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    g_autofree char *position = bench_position(b, SIM_SITE_A);

    json_object_set_new(object, key, value_of(b, cases[i].value));
    bench_fails(b, cases[i].code, "prod-a", "protection-group member-add", WEB, "instance-id", id,
                NULL);
    for (size_t t = 0; t < G_N_ELEMENTS(cases[i].says) && cases[i].says[t] != NULL; t++)
        must_say(b, cases[i].key, cases[i].says[t]);
    bench_settle(b);
    if (members(b) != 0)
        fail_msg("%s: a member was left", cases[i].key);
    g_autofree char *after = bench_position(b, SIM_SITE_A);
    assert_string_equal(position, after);
    if (before != NULL)
        json_object_set(object, key, before);
    else
        json_object_del(object, key);
}

static void test_servers(void **state)
{
    AUTO(bench) b = with_group(601);
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        one_refusal(b, i);
    bench_member_add(b, "prod-a", "web-1");
    assert_int_equal(members(b), 1);
}

/* ---- volume types ---- */

static void type_refused(struct bench *b, const char *specs, const char *site, const char *property)
{
    json_t *fresh = NULL;

    assert_null(json_parse(specs, strlen(specs), "specs", &fresh));
    int at = strcmp(site, "site-a") == 0 ? SIM_SITE_A : SIM_SITE_B;
    g_autoptr(json_t) before =
        ask_set(b, at, "volume_types", "replicated-ssd", "extra_specs", fresh);
    json_t *made =
        bench_try(b, "prod-a", "protection-group create", "name", "typed", "replication-type",
                  "async", "primary-site", "site-a", "secondary-site", "site-b", "volume-type",
                  "replicated-ssd", "!wait", NULL);
    if (made != NULL)
        fail_msg("a group of a type with %s at %s was made", specs, site);
    must_say(b, specs, "not eligible for replication");
    must_say(b, specs, "does not support replication");
    must_say(b, specs, site);
    must_say(b, specs, property);
    json_decref(
        ask_set(b, at, "volume_types", "replicated-ssd", "extra_specs", json_incref(before)));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i,
                                       "SELECT COUNT(*) FROM protection_groups WHERE name = "
                                       "'typed' AND listed = 1"),
                         0);
}

static void test_volume_types(void **state)
{
    AUTO(bench) b = bench_create(602);
    (void)state;

    bench_register(b);
    type_refused(b, "{\"volume_backend_name\": \"lab\"}", "site-a", "replication_enabled");
    type_refused(b, "{\"replication_enabled\": \"<is> True\", \"replication_type\": \"<in> sync\"}",
                 "site-a", "replication_type");
    type_refused(b, "{\"volume_backend_name\": \"lab\"}", "site-b", "replication_enabled");
    group_create(b, "typed", "replicated-ssd");
}

/* ---- the Cinder group ---- */

static void add_fails(struct bench *b, const char *id)
{
    g_autoptr(json_t) made =
        bench_try(b, "prod-a", "protection-group member-add", WEB, "instance-id", id, NULL);

    assert_null(made);
    bench_settle(b);
    g_autofree char *row =
        bench_sql(b, SIM_SITE_A,
                  "SELECT status || ' ' || in_body || ' ' || instance_id FROM pg_members");
    g_autofree char *want = g_strdup_printf("error 0 %s", id);
    assert_string_equal(row, want);
    g_autofree char *why = bench_sql(b, SIM_SITE_A, "SELECT error_message FROM pg_members");
    assert_true(why != NULL && *why != '\0');
}

static void test_cinder_group_fails(void **state)
{
    AUTO(bench) b = with_group(603);
    struct sim_fault fault = {.site = SIM_SITE_A,
                              .service = "cinder",
                              .method = "PUT",
                              .path = "*/groups/*",
                              .kind = SIM_FAULT_STATUS,
                              .status = 400,
                              .body = "{\"badRequest\": {\"code\": 400, \"message\": \"Invalid "
                                      "volume: the backend refuses\"}}"};
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    (void)state;

    sim_fault_add(b->sim, &fault);
    add_fails(b, id);
    bench_api(b, SIM_SITE_B, false); /* the peer need not know */
    json_decref(
        bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", id, NULL));
    bench_api(b, SIM_SITE_B, true);
    assert_int_equal(members(b), 0);

    add_fails(b, id);
    add_fails(b, id); /* replaced */
    sim_fault_clear(b->sim);
    bench_member_add(b, "prod-a", "web-1");
    assert_int_equal(members(b), 1);
    g_autofree char *status = bench_sql(b, SIM_SITE_A, "SELECT status FROM pg_members");
    assert_string_equal(status, "protected");
}

/* ---- secrets ---- */

static const char *const secrets[] = {"S3CR3T-array-a", "S3CR3T-array-b", "S3CR3T-service",
                                      "S3CR3T-user-data", "UzNDUjNULXVzZXItZGF0YQ=="};

static void no_secret(const char *text, const char *where)
{
    for (size_t i = 0; i < G_N_ELEMENTS(secrets); i++) {
        const char *at = strstr(text, secrets[i]);
        if (at != NULL)
            fail_msg("%s tells %s: …%.200s", where, secrets[i], MAX(at - 100, text));
    }
}

/* Every GET of the route table with the group's, member's and operation's ids. */
static void replies_tell_nothing(struct bench *b, int site, const char *user, const char *project)
{
    g_autofree char *token = ask_token(b, site, user, project);
    g_autofree char *pg = bench_sql(b, site, "SELECT id FROM protection_groups");
    g_autofree char *member = bench_sql(b, site, "SELECT id FROM pg_members");
    g_autoptr(GPtrArray) ops = g_ptr_array_new_with_free_func(g_free);
    int seen = 0;

    for (int i = 0; i < 20; i++) {
        g_autofree char *sql =
            g_strdup_printf("SELECT id FROM dr_operations ORDER BY id LIMIT 1 OFFSET %d", i);
        char *op = bench_sql(b, site, sql);
        if (op != NULL)
            g_ptr_array_add(ops, op);
    }
    for (const struct route *route = routes; route->method != NULL; route++) {
        for (guint o = 0; o < ops->len; o++) {
            g_autoptr(GString) path = g_string_new(route->path);
            if (strcmp(route->method, "GET") != 0 || strcmp(route->path, "healthcheck") == 0)
                continue;
            g_string_replace(path, "{pg}", pg, 0);
            g_string_replace(path, "{member}", member, 0);
            g_string_replace(path, "{op}", g_ptr_array_index(ops, o), 0);
            g_string_replace(path, "{site}", "site-b", 0);
            g_string_replace(path, "{mapping}", "none", 0);
            g_string_prepend(path, "/v1/");
            struct ask a = {.site = site,
                            .method = "GET",
                            .path = path->str,
                            .token = token,
                            .headers = {"OpenStack-API-Version", "protector latest"}};
            AUTO(answer) got = ask(b, &a);
            seen += got->status == 200;
            if (got->raw->body != NULL)
                no_secret(got->raw->body, path->str);
        }
    }
    assert_true(seen > 15);
}

static void test_secrets(void **state)
{
    AUTO(bench) b = bench_create(604);
    (void)state;

    json_decref(ask_set(b, SIM_SITE_A, "servers", "web-1", "user_data",
                        json_string("UzNDUjNULXVzZXItZGF0YQ==")));
    bench_register(b);
    json_decref(bench_ok(b, "site-a", "site update", "site", "site-b", "service-username",
                         "protector", "service-password", "S3CR3T-service", NULL));
    group_create(b, "web", "replicated-ssd");
    json_decref(bench_ok(b, "prod-a", "protection-group policy-create", WEB, "primary-fa-url",
                         "https://array-a.lab", "primary-fa-token", "S3CR3T-array-a",
                         "secondary-fa-url", "https://array-b.lab", "secondary-fa-token",
                         "S3CR3T-array-b", "pure-pg-name", "pg-web", "replication-interval", "60",
                         "rpo-minutes", "15", NULL));
    bench_member_add(b, "prod-a", "web-1");
    bench_wait_point(b);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    bench_settle(b);
    g_autofree char *databases = ask_databases(b);
    no_secret(databases, "a database");
    no_secret(b->carried->str, "a message");
    no_secret(b->log->str, "a log");
    assert_true(b->carried->len > 1000 && b->log->len > 0);
    for (int i = 0; i < BENCH_SITES; i++) {
        replies_tell_nothing(b, i, "prod-user", "prod");
        replies_tell_nothing(b, i, "admin", "admin");
    }
    /* it has arrived all the same */
    const json_t *server = sim_find(b->sim, SIM_SITE_B, "servers", "web-1");
    assert_string_equal(json_str(server, "user_data"), "UzNDUjNULXVzZXItZGF0YQ==");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_volume_types),
        cmocka_unit_test(test_cinder_group_fails),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
