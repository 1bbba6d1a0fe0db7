/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protection against clouds as they are: more volumes than Cinder moves at once, a storage driver
 * that fails, types named by id, trusts that die, rights that are missing, creates that fail.
 */
#include "tests/sim/bench.h"

#include "cloud/cinder.h"
#include "cloud/nova.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"
#define CREATE                                                                                     \
    "name", "web", "replication-type", "async", "primary-site", "site-a", "secondary-site",        \
        "site-b", "volume-type"

static void must(err_t *e, const char *what)
{
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    err_free(e);
    fail_msg("%s: %s", what, text);
}

/* ---- users of the clouds ---- */

static struct cloud_session *user_of(struct bench *b, int site, const char *name,
                                     const char *project)
{
    g_autofree char *keystone = sim_origin(b->sim, site, SIM_KEYSTONE);
    struct keystone_credentials who = {.method = KEYSTONE_PASSWORD,
                                       .auth_url = keystone,
                                       .username = name,
                                       .password = "lab",
                                       .project_name = project};
    struct cloud_options options = {.transport = sim_transport(b->sim),
                                    .env = &b->env,
                                    .cloud = bench_site_name(site),
                                    .credentials = &who};

    return cloud_session_create(&options);
}

static void ask(struct bench *b, int site, const char *name, const char *project,
                enum cloud_service service, const char *method, const char *path, json_t *body,
                json_t **ret)
{
    AUTO(cloud_session) session = user_of(b, site, name, project);
    struct cloud c = cloud_view(session, NULL, CLOUD_NO_DEADLINE);
    g_autoptr(json_t) mine = body;

    must(cloud_call(&c, service, method, path, mine, ret), path);
}

/* ---- a server with many volumes ---- */

static void volume_attach(struct bench *b, const char *server, const char *name)
{
    g_autofree char *path = g_strdup_printf("/servers/%s/os-volume_attachments",
                                            bench_server_id(b, SIM_SITE_A, server));

    ask(b, SIM_SITE_A, "prod-user", "prod", CLOUD_VOLUME, "POST", "/volumes",
        json_pack("{s:{s:i, s:s, s:s}}", "volume", "size", 1, "name", name, "volume_type",
                  "replicated-ssd"),
        NULL);
    bench_pass(b, 1000);
    ask(b, SIM_SITE_A, "prod-user", "prod", CLOUD_COMPUTE, "POST", path,
        json_pack("{s:{s:s}}", "volumeAttachment", "volumeId",
                  json_str(sim_find(b->sim, SIM_SITE_A, "volumes", name), "id")),
        NULL);
    bench_pass(b, 1000);
}

/* web-1 gets six volumes more: eight in all. */
static void web_grows(struct bench *b)
{
    for (int i = 0; i < 6; i++) {
        g_autofree char *name = g_strdup_printf("more-%d", i);
        volume_attach(b, "web-1", name);
    }
}

/* Volumes of a site that are in some Cinder group. */
static int grouped(struct bench *b, int site)
{
    const char *id;
    json_t *volume;
    int count = 0;

    sim_advance(b->sim);
    json_object_foreach((json_t *)sim_table(b->sim, site, "volumes"), id, volume) count +=
        json_str(volume, "group_id") != NULL;
    return count;
}

static void group_create(struct bench *b)
{
    json_decref(
        bench_ok(b, "prod-a", "protection-group create", CREATE, "replicated-ssd", "!wait", NULL));
}

static void member_remove(struct bench *b, const char *server)
{
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, server));

    json_decref(
        bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", id, NULL));
    bench_settle(b);
}

/* Cinder moves six volumes at once: a server with eight joins and leaves, and a group with ten
 * ends. */
static void many_volumes(void **state)
{
    AUTO(bench) b = bench_create(31);
    (void)state;

    bench_register(b);
    web_grows(b);
    group_create(b);
    bench_member_add(b, "prod-a", "web-1");
    assert_int_equal(grouped(b, SIM_SITE_A), 8);
    bench_member_add(b, "prod-a", "db-1");
    assert_int_equal(grouped(b, SIM_SITE_A), 10);
    member_remove(b, "web-1");
    assert_int_equal(grouped(b, SIM_SITE_A), 2);
    bench_member_add(b, "prod-a", "web-1");
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "TOMBSTONE");
    assert_int_equal(grouped(b, SIM_SITE_A), 0);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "groups")), 0);
    bench_servers_are(b, SIM_SITE_A, "active");
}

static char *member_error(struct bench *b)
{
    return bench_sql(b, SIM_SITE_A, "SELECT error_message FROM pg_members");
}

/* The second six are refused: the first six leave the group again, and the row says why. */
static void many_volumes_come_back(void **state)
{
    AUTO(bench) b = bench_create(32);
    struct sim_fault broken = {.site = SIM_SITE_A,
                               .service = "cinder",
                               .method = "PUT",
                               .path = "*/groups/*",
                               .skip = 1,
                               .count = 1,
                               .kind = SIM_FAULT_STATUS,
                               .status = 400,
                               .body = "{\"badRequest\": {\"message\": \"no more volumes\"}}"};
    (void)state;

    bench_register(b);
    web_grows(b);
    group_create(b);
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    sim_fault_add(b->sim, &broken);
    bench_fails(b, "protector.cloud.bad_request", "prod-a", "protection-group member-add", WEB,
                "instance-id", id, NULL);
    bench_settle(b);
    assert_int_equal(grouped(b, SIM_SITE_A), 0);
    g_autofree char *why = member_error(b);
    assert_true(why != NULL && strstr(why, "no more volumes") != NULL);
    bench_member_add(b, "prod-a", "web-1");
    assert_int_equal(grouped(b, SIM_SITE_A), 8);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM pg_members"), 1);
}

/* What the peer refuses leaves no row: nothing is wrong with the server. */
static void refused_add_leaves_no_row(void **state)
{
    AUTO(bench) b = bench_create_protected(35);
    (void)state;

    member_remove(b, "db-1");
    bench_engine(b, SIM_SITE_B, false);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "!force",
                         "reason", "a person at work", "!no-wait", NULL));
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "db-1"));
    bench_fails(b, "protector.peer.refused", "prod-a", "protection-group member-add", WEB,
                "instance-id", id, NULL);
    bench_settle(b);
    assert_int_equal(grouped(b, SIM_SITE_A), 2);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM pg_members"), 1);
}

/* ---- a create that fails ---- */

/* Nothing of a create that failed stays: no group, no name, no key; the next one may begin. */
static void failed_create_leaves_nothing(void **state)
{
    AUTO(bench) b = bench_create(36);
    (void)state;

    bench_register(b);
    for (int i = 0; i < 2; i++) {
        bench_fails(b, "protector.volume_type.not_eligible", "prod-a", "protection-group create",
                    CREATE, "plain", "!wait", NULL);
        bench_settle(b);
        g_autoptr(json_t) list = bench_ok(b, "prod-a", "protection-group list", NULL);
        assert_int_equal(json_array_size(json_arr(list, "rows")), 0);
        assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM idempotency_keys"), 0);
    }
    bench_fails(b, "protector.group.not_found", "prod-a", "protection-group show", WEB, NULL);
    group_create(b);
    bench_in_sync(b);
}

/* The right to manage volumes is missing at a site: the create says so, at the peer by refusal. */
static void missing_right_refuses_a_create(void **state)
{
    static const char *const codes[] = {"protector.cloud.forbidden", "protector.peer.refused"};
    (void)state;

    for (int site = 0; site < BENCH_SITES; site++) {
        AUTO(bench) b = bench_create(50 + (uint64_t)site);
        bench_register(b);
        for (int i = 0; i < BENCH_SITES; i++) { /* as if the array made the volumes */
            b->site[i].driver_lacks = PROTECTOR_MAKES_IN_CINDER;
            bench_engine(b, i, false);
            bench_engine(b, i, true);
        }
        sim_set_policy(b->sim, site, "volume_extension:volume_manage", false);
        bench_fails(b, codes[site], "prod-a", "protection-group create", CREATE, "replicated-ssd",
                    "!wait", NULL);
        assert_non_null(strstr(b->last_error, "volume_extension:volume_manage"));
        bench_settle(b);
        for (int i = 0; i < BENCH_SITES; i++)
            assert_int_equal(json_object_size(sim_table(b->sim, i, "groups")), 0);
        sim_set_policy(b->sim, site, "volume_extension:volume_manage", true);
        group_create(b);
    }
}

/* Cinder of site B never gets done with its group; it stays so during the unwinding, or does not.
 */
static void peer_out_of_time(bool stays)
{
    AUTO(bench) b = bench_create(stays ? 53 : 52);
    struct sim_fault hangs = {.site = SIM_SITE_B,
                              .service = "cinder",
                              .method = "GET",
                              .path = "*/groups/*?list_volume=True",
                              .kind = SIM_FAULT_STATUS,
                              .status = 200,
                              .body = "{\"group\": {\"id\": \"g\", \"status\": \"creating\"}}"};

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "replicated-ssd",
                         "!no-wait", NULL));
    sim_fault_add(b->sim, &hangs);
    bench_pass(b, 10000);
    bench_client_dies_after(b, "POST", "*/sync/inbox"); /* it has carried the proposal */
    json_decref(bench_try(b, "prod-a", "protection-group show", WEB, NULL));
    bench_client_lives(b);
    bench_pass(b, 500000);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "groups")), 1);
    bench_pass(b, 150000);
    if (!stays)
        sim_fault_clear(b->sim);
    bench_pass(b, 900000);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_B, "groups")), stays ? 1 : 0);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B,
                                   "SELECT COUNT(*) FROM dr_steps WHERE state = 'orphaned'"),
                     stays ? 1 : 0);
    json_decref(bench_try(b, "prod-a", "protection-group show", WEB, NULL));
    bench_settle(b);
    g_autofree char *error =
        bench_sql(b, SIM_SITE_A, "SELECT error FROM dr_operations WHERE operation_type = 'create'");
    if (error == NULL || strstr(error, "within 600 s") == NULL)
        fail_msg("the create does not say that the peer ran out of time: %s", error);
    bench_role_is(b, SIM_SITE_A, "TOMBSTONE");
}

/* [DEFAULT] realize_timeout_s: the peer's part unwinds and is refused, and nobody waits for ever.
 */
static void peer_is_given_its_time(void **state)
{
    (void)state;
    peer_out_of_time(false);
    peer_out_of_time(true);
}

/* ---- types named by id ---- */

static const char *type_id(struct bench *b, int site)
{
    return json_str(sim_find(b->sim, site, "volume_types", "replicated-ssd"), "id");
}

static void group_says(struct bench *b, const char *field, const char *want)
{
    g_autoptr(json_t) group = bench_ok(b, "prod-a", "protection-group show", WEB, NULL);

    if (!g_str_equal(bench_field(group, field), want))
        fail_msg("%s is '%s', not '%s'", field, bench_field(group, field), want);
}

/* By id at the primary: it is shown by name, servers join, and the peer takes its own by name. */
static void type_by_id(void **state)
{
    AUTO(bench) b = bench_create(37);
    (void)state;

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, type_id(b, SIM_SITE_A),
                         "!wait", NULL));
    group_says(b, "volume_type", "replicated-ssd");
    group_says(b, "secondary_volume_type", "replicated-ssd");
    g_autoptr(json_t) cg =
        bench_ok(b, "prod-a", "consistency-group show", "protection-group", "web", NULL);
    assert_string_equal(bench_field(cg, "volume_type_name"), "replicated-ssd");
    g_autofree char *id = bench_sql(b, SIM_SITE_A, "SELECT volume_type_id FROM protection_groups");
    assert_string_equal(id, type_id(b, SIM_SITE_A));
    bench_member_add(b, "prod-a", "web-1");
    bench_in_sync(b);
}

/* By id at the other site, with which a failover finds the backend. */
static void peers_type_by_id(void **state)
{
    AUTO(bench) b = bench_create(38);
    (void)state;

    bench_register(b);
    json_decref(bench_ok(b, "prod-a", "protection-group create", CREATE, "replicated-ssd",
                         "secondary-volume-type", type_id(b, SIM_SITE_B), "!wait", NULL));
    bench_protect_group(b);
    bench_wait_point(b);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_servers_are(b, SIM_SITE_B, "active");
    const char *id;
    json_t *volume;
    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_B, "volumes"), id, volume)
        assert_string_equal(json_str(volume, "type_id"), type_id(b, SIM_SITE_B));
}

/* ---- trusts ---- */

static void entry_add(struct bench *b, int site, const char *entry, const char *user)
{
    g_autofree char *keystone = sim_origin(b->sim, site, SIM_KEYSTONE);
    g_autofree char *text = NULL;

    assert_true(g_file_get_contents(b->clouds, &text, NULL, NULL));
    g_autofree char *more = g_strdup_printf(
        "%s  %s:\n    auth:\n      auth_url: %s/v3\n      username: %s\n"
        "      password: lab\n      project_name: prod\n      user_domain_name: Default\n"
        "      project_domain_name: Default\n    region_name: Region%c\n",
        text, entry, keystone, user, 'A' + site);
    assert_true(g_file_set_contents(b->clouds, more, -1, NULL));
}

/* A second user of the tenant's project at site A; clouds.yaml calls him "second-a". */
static void second_user(struct bench *b)
{
    const char *project = json_str(sim_find(b->sim, SIM_SITE_A, "projects", "prod"), "id");
    const char *role = json_str(sim_find(b->sim, SIM_SITE_A, "roles", "member"), "id");
    g_autoptr(json_t) made = NULL;

    ask(b, SIM_SITE_A, "admin", "admin", CLOUD_IDENTITY, "POST", "/users",
        json_pack("{s:{s:s, s:s}}", "user", "name", "second", "password", "lab"), &made);
    g_autofree char *grant = g_strdup_printf("/projects/%s/users/%s/roles/%s", project,
                                             json_str_at(made, "user/id"), role);
    ask(b, SIM_SITE_A, "admin", "admin", CLOUD_IDENTITY, "PUT", grant, NULL, NULL);
    entry_add(b, SIM_SITE_A, "second-a", "second");
    entry_add(b, SIM_SITE_B, "second-b", "prod-user");
}

/* The trust of a user at site A is gone at Keystone. */
static void trust_dies(struct bench *b, const char *user)
{
    const char *id;
    json_t *trust;

    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_A, "trusts"), id, trust)
    {
        const char *trustor = json_str(sim_find(b->sim, SIM_SITE_A, "users", user), "id");
        g_autofree char *path = g_strdup_printf("/OS-TRUST/trusts/%s", id);
        if (g_strcmp0(json_str(trust, "trustor_user_id"), trustor) != 0)
            continue;
        ask(b, SIM_SITE_A, "admin", "admin", CLOUD_IDENTITY, "DELETE", path, NULL, NULL);
        return;
    }
    fail_msg("%s has no trust", user);
}

/*
 * An add is begun, and before the engine comes to it trusts die: with their tokens, of which the
 * engine still keeps one and the services remember for some minutes that it was good.
 */
static void add_while_trusts_die(struct bench *b, const char *const *users)
{
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));

    bench_client_dies_after(b, "POST", "*/members");
    json_decref(
        bench_try(b, "prod-a", "protection-group member-add", WEB, "instance-id", id, NULL));
    bench_client_lives(b);
    for (int i = 0; users[i] != NULL; i++)
        trust_dies(b, users[i]);
    b->clock_ms += 600000;
    bench_settle(b);
}

static int64_t trusts_with(struct bench *b, const char *status)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT COUNT(*) FROM trusts WHERE status = '%s'", status);

    return bench_sql_int(b, SIM_SITE_A, sql);
}

static struct bench *two_trusts(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    second_user(b);
    group_create(b);
    json_decref(bench_ok(b, "second-a", "protection-group create", "name", "other",
                         "replication-type", "async", "primary-site", "site-a", "secondary-site",
                         "site-b", "volume-type", "replicated-ssd", "!wait", NULL));
    assert_int_equal(trusts_with(b, "verified"), 2);
    return b;
}

/* The trust in use dies: it is marked, and the project's next one serves. */
static void next_trust_serves(void **state)
{
    AUTO(bench) b = two_trusts(40);
    static const char *const users[] = {"second", NULL}; /* the one verified last */
    (void)state;

    add_while_trusts_die(b, users);
    assert_int_equal(grouped(b, SIM_SITE_A), 2);
    assert_int_equal(trusts_with(b, "failed"), 1);
    assert_int_equal(trusts_with(b, "verified"), 1);
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_in_sync(b);
}

/* None is left: the operation says so, and each row why. */
static void no_trust_serves(void **state)
{
    AUTO(bench) b = two_trusts(43);
    static const char *const users[] = {"second", "prod-user", NULL};
    (void)state;

    add_while_trusts_die(b, users);
    assert_int_equal(grouped(b, SIM_SITE_A), 0);
    assert_int_equal(trusts_with(b, "failed"), 2);
    g_autofree char *why =
        bench_sql(b, SIM_SITE_A,
                  "SELECT error FROM dr_operations WHERE operation_type = 'member_add'");
    assert_true(why != NULL && strstr(why, "protector.trust.missing") != NULL);
    assert_non_null(strstr(why, "keystone POST")); /* who was asked, and what came back */
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM trusts WHERE error_message IS NULL"),
                     0);

    /* what the remedy says */
    json_decref(
        bench_ok(b, "prod-a", "protection-group sync-force", "protection-group", "web", NULL));
    bench_member_add(b, "prod-a", "db-1");
    assert_int_equal(trusts_with(b, "verified"), 1);
}

/* An engine that works on looks every hour whether the trust still lets it in. */
static void trusts_are_verified(void **state)
{
    AUTO(bench) b = bench_create(44);
    (void)state;

    bench_register(b);
    group_create(b);
    int64_t before = bench_sql_int(b, SIM_SITE_A, "SELECT verified_at FROM trusts");
    bench_member_add(b, "prod-a", "web-1");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT verified_at FROM trusts"), before);
    bench_pass(b, 3600000);
    bench_member_add(b, "prod-a", "db-1");
    assert_true(bench_sql_int(b, SIM_SITE_A, "SELECT verified_at FROM trusts") >= before + 3600000);
    assert_int_equal(trusts_with(b, "verified"), 1);
}

/* ---- a storage driver that fails ---- */

/* What the remedy says: an admin sets the states of the group and of its volumes. */
static void admin_resets(struct bench *b)
{
    const char *id;
    json_t *row;

    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_A, "groups"), id, row)
    {
        g_autofree char *path = g_strdup_printf("/groups/%s/action", id);
        ask(b, SIM_SITE_A, "admin", "admin", CLOUD_VOLUME, "POST", path,
            json_pack("{s:{s:s}}", "reset_status", "status", "available"), NULL);
    }
    json_object_foreach((json_t *)sim_table(b->sim, SIM_SITE_A, "volumes"), id, row)
    {
        g_autofree char *path = g_strdup_printf("/volumes/%s/action", id);
        if (g_str_equal(json_str_or(row, "status", ""), "error"))
            ask(b, SIM_SITE_A, "admin", "admin", CLOUD_VOLUME, "POST", path,
                json_pack("{s:{s:s}}", "os-reset_status", "status", "in-use"), NULL);
    }
}

static void says_how_to_reset(const char *text, const char *group)
{
    g_autofree char *command = g_strdup_printf("--type group --state available %s", group);

    if (text == NULL || strstr(text, command) == NULL ||
        strstr(text, "openstack volume set --state in-use ") == NULL)
        fail_msg("no way out is told: %s", text);
}

/* An add that the driver fails: unwound; the row tells the way out, and after it the add works. */
static void driver_fails_an_add(void **state)
{
    AUTO(bench) b = bench_create(33);
    (void)state;

    bench_register(b);
    group_create(b);
    g_autofree char *group = bench_sql(b, SIM_SITE_A, "SELECT local_cg_id FROM consistency_groups");
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    sim_driver_fails(b->sim, SIM_SITE_A, 1);
    bench_fails(b, "protector.volume.error", "prod-a", "protection-group member-add", WEB,
                "instance-id", id, NULL);
    bench_settle(b);
    g_autofree char *ended =
        bench_sql(b, SIM_SITE_A,
                  "SELECT status FROM dr_operations WHERE operation_type = 'member_add'");
    assert_string_equal(ended, "rolled_back");
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM dr_steps WHERE state = 'orphaned'"),
                     0);
    g_autofree char *why = member_error(b);
    says_how_to_reset(why, group);
    admin_resets(b);
    bench_member_add(b, "prod-a", "web-1");
    assert_int_equal(grouped(b, SIM_SITE_A), 2);
    bench_in_sync(b);
}

/* What a committed change takes away waits for the operator, says so, and goes on by itself. */
static void driver_fails_a_removal(void **state)
{
    AUTO(bench) b = bench_create(34);
    static const char sql[] = "SELECT error FROM dr_steps WHERE step_key = 'cg.settle'";
    (void)state;

    bench_register(b);
    group_create(b);
    bench_member_add(b, "prod-a", "web-1");
    g_autofree char *group = bench_sql(b, SIM_SITE_A, "SELECT local_cg_id FROM consistency_groups");
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    sim_driver_fails(b->sim, SIM_SITE_A, 1);
    json_decref(
        bench_ok(b, "prod-a", "protection-group member-remove", WEB, "member-id", id, NULL));
    bench_pass(b, 300000);
    assert_int_equal(grouped(b, SIM_SITE_A), 2);
    g_autofree char *why = bench_sql(b, SIM_SITE_A, sql);
    says_how_to_reset(why, group);
    admin_resets(b);
    bench_settle(b);
    assert_int_equal(grouped(b, SIM_SITE_A), 0);
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "TOMBSTONE");
}

/* An engine that died while it made a point: another one makes the next points all the same. */
static void test_points_after_a_death(void **state)
{
    AUTO(bench) b = bench_create_protected(371);
    struct bench_site *site = &b->site[SIM_SITE_A];
    struct db *db = process_db_get(&site->p);
    (void)state;

    must(db_exec(db, NULL,
                 "UPDATE leases SET owner = 'elsewhere:1:dead', beat = beat + 1 WHERE lease_key "
                 "LIKE 'tick:%'",
                 ""),
         "a dead engine's lease");
    process_db_put(&site->p, db);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM leases WHERE owner = 'elsewhere:1:dead'"),
                     1);
    bench_wait_point(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A,
                                   "SELECT COUNT(*) FROM leases WHERE owner = 'elsewhere:1:dead'"),
                     0);
}

static int trusts(struct bench *b, int site)
{
    int64_t known = bench_sql_int(b, site, "SELECT COUNT(*) FROM trusts");

    assert_int_equal(json_object_size(sim_table(b->sim, site, "trusts")), known);
    return (int)known;
}

/* Keystone made a trust and its answer was lost: the next request takes it, and makes no other. */
static void lost_trust_is_taken(void **state)
{
    static const struct sim_fault lost = {.site = SIM_SITE_A,
                                          .service = "keystone",
                                          .method = "POST",
                                          .path = "*/OS-TRUST/trusts",
                                          .count = 1,
                                          .kind = SIM_FAULT_TIMEOUT_AFTER};
    AUTO(bench) b = bench_create(383);
    (void)state;

    bench_register(b);
    sim_fault_add(b->sim, &lost);
    json_decref(bench_try(b, "prod-a", "protection-group create", CREATE, "replicated-ssd", NULL));
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM trusts"), 0);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "trusts")), 1);
    group_create(b);
    assert_int_equal(trusts(b, SIM_SITE_A), 1);
    bench_member_add(b, "prod-a", "web-1");
}

/* A service says once of something that is there that it is not. */
static void one_404(struct bench *b, const char *service, const char *method, const char *path)
{
    const struct sim_fault lie = {.site = SIM_SITE_A,
                                  .service = service,
                                  .method = method,
                                  .path = path,
                                  .count = 1,
                                  .kind = SIM_FAULT_STATUS,
                                  .status = 404,
                                  .body = "{\"error\": {\"message\": \"it is not there\"}}"};

    sim_fault_add(b->sim, &lie);
}

/* What is taken for gone is never looked at again: one 404 is not enough for it. */
static void one_404_is_not_believed(void **state)
{
    AUTO(bench) b = bench_create(382);
    (void)state;

    bench_register(b);
    bench_protect(b);
    one_404(b, "cinder", "GET", "*/groups/*list_volume*");
    member_remove(b, "db-1");
    bench_settle(b);
    assert_int_equal(grouped(b, SIM_SITE_A), 2); /* those of web-1 */
    one_404(b, "cinder", "GET", "/v3/");         /* not even about the group */
    one_404(b, "keystone", "DELETE", "*/OS-TRUST/trusts/*");
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "groups")), 0);
    assert_int_equal(json_object_size(sim_table(b->sim, SIM_SITE_A, "trusts")), 0);
}

/*
 * The site that held the servers stopped gives them back with the group, and says which; the last
 * group of a project takes its trusts with it, and no earlier one.
 */
static void delete_gives_back(void **state)
{
    AUTO(bench) b = bench_create_protected(381);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "other",
                         "replication-type", "async", "primary-site", "site-a", "secondary-site",
                         "site-b", "volume-type", "replicated-ssd", "!wait", NULL));
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "stopped locked");
    one_404(b, "nova", "GET", "*/servers/*-*");
    json_decref(bench_ok(b, "prod-b", "protection-group delete", WEB, NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "stopped");
    g_autofree char *settled =
        bench_sql(b, SIM_SITE_A,
                  "SELECT result FROM dr_operations WHERE operation_type = 'settle' AND result "
                  "LIKE '%unlocked%'");
    assert_non_null(settled);
    assert_non_null(strstr(settled, "web-1"));
    assert_non_null(strstr(settled, "db-1"));
    for (int i = 0; i < BENCH_SITES; i++)
        assert_true(trusts(b, i) > 0);
    json_decref(
        bench_ok(b, "prod-a", "protection-group delete", "protection-group", "other", NULL));
    bench_settle(b);
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(trusts(b, i), 0);
    bench_protect(b); /* and a new group makes new ones */
    bench_in_sync(b);
}

/*
 * A server that is added again while what its removal takes away is still being taken: the two do
 * not undo each other for ever.
 */
static void removed_and_added_at_once(void **state)
{
    AUTO(bench) b = bench_create(431);
    static const char begun[] = "SELECT COUNT(*) FROM dr_operations WHERE operation_type ="
                                " 'member_add' AND is_open <> 0 AND plan IS NOT NULL";
    (void)state;

    bench_register(b);
    bench_protect(b);
    bench_settle(b);
    sim_site_down(b->sim, SIM_SITE_A, "cinder", true);
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, "web-1"));
    json_decref(bench_ok(b, "prod-a", "protection-group member-remove", "protection-group", "web",
                         "member-id", id, NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group member-add", "protection-group", "web",
                         "instance-id", id, "!no-wait", NULL));
    bench_pass(b, 20000);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, begun), 0);
    sim_site_down(b->sim, SIM_SITE_A, "cinder", false);
    bench_settle(b);
    bench_carry(b);
    bench_settle(b);
    bench_in_sync(b);
    assert_int_equal(bench_sql_int(b, SIM_SITE_A, "SELECT COUNT(*) FROM pg_members"), 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removed_and_added_at_once),
        cmocka_unit_test(test_points_after_a_death),
        cmocka_unit_test(many_volumes),
        cmocka_unit_test(many_volumes_come_back),
        cmocka_unit_test(refused_add_leaves_no_row),
        cmocka_unit_test(failed_create_leaves_nothing),
        cmocka_unit_test(missing_right_refuses_a_create),
        cmocka_unit_test(peer_is_given_its_time),
        cmocka_unit_test(type_by_id),
        cmocka_unit_test(peers_type_by_id),
        cmocka_unit_test(next_trust_serves),
        cmocka_unit_test(no_trust_serves),
        cmocka_unit_test(trusts_are_verified),
        cmocka_unit_test(driver_fails_an_add),
        cmocka_unit_test(driver_fails_a_removal),
        cmocka_unit_test(lost_trust_is_taken),
        cmocka_unit_test(one_404_is_not_believed),
        cmocka_unit_test(delete_gives_back),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("protect", tests, NULL, NULL);
}
