/* SPDX-License-Identifier: Apache-2.0 */
/* bench_look - what looks at the two sites, and the usual world; see bench.h. */
#include "tests/sim/bench.h"

#include "api/metrics.h"
#include "client/client_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const char *bench_site_name(int site)
{
    return site == SIM_SITE_A ? "site-a" : "site-b";
}

const char *bench_tenant(int site)
{
    return site == SIM_SITE_A ? "prod-a" : "prod-b";
}

const char *bench_field(const json_t *result, const char *key)
{
    const char *value = json_str(json_obj(result, "object"), key);

    return value != NULL ? value : "";
}

json_t *bench_report(struct bench *b, int site, const char *type)
{
    g_autofree char *sql = g_strdup_printf("SELECT id FROM dr_operations WHERE operation_type = "
                                           "'%s' ORDER BY created_at DESC LIMIT 1",
                                           type);
    g_autofree char *id = bench_sql(b, site, sql);
    g_autoptr(json_t) said =
        bench_ok(b, bench_tenant(site), "operation report", "operation", id, NULL);

    return json_incref(json_obj(json_obj(said, "object"), "report"));
}

/* ---- tokens ---- */

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

static int waiting(void *data, int64_t ms)
{
    bench_pass(data, ms);
    return 0;
}

/* The client at a site's cloud, not logged in. */
static struct protector_client *stranger(struct bench *b, const char *cloud, bool patient,
                                         struct end **ret)
{
    struct protector_client_options options = {.size = sizeof options,
                                               .getenv = no_environment,
                                               .wait = patient ? waiting : no_waiting,
                                               .data = b,
                                               .cloud = cloud,
                                               .config_file = b->clouds};
    struct protector_client *client = client_open_with(&options, &b->transport, &b->env);

    assert_null(client_local(client, ret));
    return client;
}

char *bench_token(struct bench *b, const char *cloud)
{
    struct end *end = NULL;
    struct protector_client *client = stranger(b, cloud, false, &end);

    assert_null(end_login(end));
    char *token = g_strdup(end->token);
    protector_client_close(client);
    return token;
}

/* As the cloud's admin, at its Keystone; '*ret' is what it answers, or NULL. */
static void as_admin(struct bench *b, int site, const char *method, const char *path, json_t *body,
                     json_t **ret)
{
    g_autofree char *token = bench_token(b, bench_site_name(site));
    g_autofree char *url =
        g_strdup_printf("http://127.0.%d.1:5000/v3/%s", site == SIM_SITE_A ? 10 : 20, path);
    AUTO(http_request) req = http_request_create(method, url);
    AUTO(http_response) resp = NULL;

    http_request_set(req, "X-Auth-Token", token);
    if (body != NULL)
        http_request_json(req, body);
    json_decref(body);
    assert_null(http_send(sim_transport(b->sim), req, &resp));
    if (resp->status / 100 != 2)
        fail_msg("%s %s: %d %s", method, url, resp->status, resp->body);
    if (ret != NULL)
        *ret = json_loads(resp->body, 0, NULL);
}

void bench_user(struct bench *b, int site, const char *name, const char *password)
{
    as_admin(b, site, "POST", "users",
             json_pack("{s:{s:s, s:s, s:s}}", "user", "name", name, "password", password,
                       "domain_id", "default"),
             NULL);
}

void bench_grant(struct bench *b, int site, const char *user, const char *project, const char *role)
{
    g_autofree char *path =
        g_strdup_printf("projects/%s/users/%s/roles/%s",
                        json_str(sim_find(b->sim, site, "projects", project), "id"),
                        json_str(sim_find(b->sim, site, "users", user), "id"),
                        json_str(sim_find(b->sim, site, "roles", role), "id"));
    as_admin(b, site, "PUT", path, NULL, NULL);
}

void bench_site_admin(struct bench *b, int site, const char *user, const char *project)
{
    as_admin(b, site, "POST", "roles", json_pack("{s:{s:s}}", "role", "name", "dr_site_admin"),
             NULL);
    bench_grant(b, site, user, project, "dr_site_admin");
}

void bench_server_group(struct bench *b, int site, const char *policy)
{
    json_t *groups = (json_t *)sim_table(b->sim, site, "server_groups");
    const json_t *server = sim_find(b->sim, site, "servers", "web-1");
    json_t *row = json_pack("{s:s, s:s, s:s, s:O, s:O, s:[O, s]}", "id",
                            "7a1c5a0e-0000-4000-8000-000000000001", "name", "apart", "policy",
                            policy, "project_id", json_object_get(server, "project_id"), "user_id",
                            json_object_get(server, "user_id"), "members",
                            json_object_get(server, "id"), bench_server_id(b, site, "db-1"));

    json_object_set_new(groups, json_str(row, "id"), row);
}

void bench_deliver(struct bench *b, int site, const char *carried)
{
    struct carrying how = {.forced = true};
    struct end *end = NULL;
    int budget = b->client_budget;
    g_autoptr(json_t) body = json_loads(carried, 0, NULL);
    g_autoptr(json_t) message = json_incref(json_obj(body, "message"));
    g_autoptr(json_t) envelope = envelope_of(message);
    g_autoptr(json_t) reply = NULL;

    b->client_budget = -1;
    struct protector_client *client = stranger(b, bench_tenant(site), false, &end);
    err_t *e = end_login(end);
    if (e == NULL)
        e = deliver(end, json_str_or(envelope, "group", ""), message, &how, &reply);
    err_free(e);
    carrying_fini(&how);
    protector_client_close(client);
    b->client_budget = budget;
}

void bench_carry(struct bench *b)
{
    struct protector_client *client[BENCH_SITES];
    struct end *end[BENCH_SITES];
    struct carrying how = {.forced = true};
    err_t *e = NULL;

    for (int i = 0; i < BENCH_SITES; i++) {
        client[i] = stranger(b, bench_tenant(i), true, &end[i]);
        if (e == NULL)
            e = end_login(end[i]);
    }
    if (e == NULL)
        e = carry_projects(end[0], end[1], &how);
    carrying_fini(&how);
    for (int i = 0; i < BENCH_SITES; i++)
        protector_client_close(client[i]);
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    err_free(e);
    fail_msg("the outboxes cannot be carried: %s", text);
}

/* ---- databases ---- */

struct db_rows *bench_rows(struct bench *b, int site, const char *sql)
{
    struct db *db = process_db_get(&b->site[site].p);
    struct db_rows *rows = NULL;

    b->looks = true;
    err_t *e = db_query(db, &rows, sql, "");
    b->looks = false;
    process_db_put(&b->site[site].p, db);
    if (e != NULL) {
        g_autofree char *text = err_text(e);
        err_free(e);
        fail_msg("%s: %s", sql, text);
    }
    return rows;
}

char *bench_sql(struct bench *b, int site, const char *sql)
{
    AUTO(db_rows) rows = bench_rows(b, site, sql);

    return db_rows_count(rows) > 0 ? g_strdup(db_str(rows, 0, 0)) : NULL;
}

char *bench_metrics(struct bench *b, int site)
{
    AUTO(http_request) req = http_request_create("GET", METRICS_PATH);
    AUTO(http_response) resp = metrics_handle(&b->site[site].api_options, req);

    assert_int_equal(resp->status, 200);
    return g_strdup(resp->body);
}

int64_t bench_sql_int(struct bench *b, int site, const char *sql)
{
    g_autofree char *text = bench_sql(b, site, sql);

    return text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;
}

/* ---- arrays ---- */

/* NULL: no array was asked for anything yet. */
static struct db *arrays_open(struct bench *b)
{
    g_autofree char *path = g_strdup_printf("%s/arrays/mock.db", b->dir);
    g_autofree char *dsn = g_strdup_printf("sqlite:///%s", path);
    struct db *db = NULL;

    if (g_file_test(path, G_FILE_TEST_EXISTS))
        assert_null(db_open(dsn, &db));
    return db;
}

int64_t bench_arrays_int(struct bench *b, const char *sql)
{
    AUTO(db) db = arrays_open(b);
    AUTO(db_rows) rows = NULL;

    if (db == NULL)
        return 0;
    assert_null(db_query(db, &rows, sql, ""));
    return db_rows_count(rows) > 0 ? db_int(rows, 0, 0) : 0;
}

bool bench_plant(struct bench *b, int site, const char *id, const char *lineage,
                 const char *made_by)
{
    AUTO(db) db = arrays_open(b);
    g_autofree char *at = g_strdup_printf("%" G_GINT64_FORMAT, env_now_ms(&b->env));
    g_autofree char *newest = g_strdup_printf(" FROM points WHERE array LIKE '%%array-%c%%' AND id "
                                              "NOT LIKE 'planted%%' ORDER BY time_ms DESC LIMIT 1",
                                              'a' + site);
    g_autofree char *volumes = g_strdup_printf(
        "INSERT INTO point_volumes SELECT array, grp, '%s', subject, size_bytes, image_id FROM "
        "point_volumes WHERE array LIKE '%%array-%c%%' AND point_id = (SELECT id%s)",
        id, 'a' + site, newest);
    g_autofree char *point =
        g_strdup_printf("INSERT INTO points SELECT array, grp, '%s', '%s', %s, %s, %s, %s%s", id,
                        id, at, at, lineage != NULL ? lineage : "lineage",
                        made_by != NULL ? made_by : "made_by", newest);
    int64_t count = 0;

    if (db == NULL)
        return false;
    assert_null(db_exec(db, &count, volumes, ""));
    if (count == 0)
        return false;
    assert_null(db_exec(db, &count, point, ""));
    assert_int_equal(count, 1);
    return true;
}

/* ---- clouds ---- */

const char *bench_server_id(struct bench *b, int site, const char *name)
{
    const json_t *server = sim_find(b->sim, site, "servers", name);

    if (server == NULL)
        fail_msg("no server %s at %s", name, bench_site_name(site));
    return json_str(server, "id");
}

char *bench_server_state(struct bench *b, int site, const char *name)
{
    sim_advance(b->sim);
    const json_t *server = sim_find(b->sim, site, "servers", name);

    if (server == NULL)
        return g_strdup("");
    return g_strdup_printf("%s%s", json_str_or(server, "vm_state", "?"),
                           json_bool(server, "locked", false) ? " locked" : "");
}

static const char *const made_tables[] = {"servers",         "volumes",   "ports",    "groups",
                                          "security_groups", "snapshots", "networks", "subnets"};

/* ---- whose it is ---- */

static const char *project_of(struct bench *b, int site, const char *name)
{
    return json_str_or(sim_find(b->sim, site, "projects", name), "id", "?");
}

/* The service's project holds nothing but the group that Neutron gives to every project. */
static void service_holds_nothing(struct bench *b, int site, const char *table)
{
    const char *id;
    json_t *row;

    json_object_foreach((json_t *)sim_table(b->sim, site, table), id, row)
    {
        if (g_strcmp0(json_str(row, "project_id"), project_of(b, site, "service")) == 0 &&
            g_strcmp0(json_str(row, "name"), "default") != 0)
            fail_msg("%s: %s %s was made in the service's project", bench_site_name(site), table,
                     id);
    }
}

/* Every row of the ledger names the tenant's project of this site. */
static void ledger_is_the_tenants(struct bench *b, int site)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT kind FROM dr_resources WHERE project_id IS NULL OR"
                        " project_id <> '%s'",
                        project_of(b, site, "prod"));
    g_autofree char *kind = bench_sql(b, site, sql);

    if (kind != NULL)
        fail_msg("%s: the ledger has a %s that is not of the tenant's project",
                 bench_site_name(site), kind);
    g_autofree char *lost = bench_sql(b, site,
                                      "SELECT kind FROM dr_resources WHERE cloud_id IS NULL AND"
                                      " state IN ('made', 'released')");
    if (lost != NULL)
        fail_msg("%s: the ledger has a %s and does not know which", bench_site_name(site), lost);
}

/* The ledger's keys at a site: key -> state. */
static GHashTable *ledger_keys(struct bench *b, int site)
{
    GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    AUTO(db_rows) rows = bench_rows(b, site, "SELECT resource_key, state FROM dr_resources");

    for (size_t i = 0; i < db_rows_count(rows); i++)
        g_hash_table_insert(keys, g_strdup(db_str(rows, i, 0)), g_strdup(db_str(rows, i, 1)));
    return keys;
}

static const char *key_in(GHashTable *keys, const char *text)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, keys);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (strstr(text, key) != NULL)
            return key;
    }
    return NULL;
}

static bool looks_ours(const char *text)
{
    return strstr(text, "protector:key") != NULL || strstr(text, "protector pg-") != NULL;
}

/*
 * A group that was being created when its site forgot it: of which no database knows any more, or
 * which has ended at the other site, as the alarm tells a person here (GONE_UNKNOWN).
 */
static bool forgotten(struct bench *b, int site, const char *text)
{
    const char *id = strstr(text, "pg-");

    if (!b->site[site].forgets || id == NULL)
        return false;
    g_autofree char *known = g_strdup_printf(
        "SELECT COUNT(*) FROM protection_groups WHERE id = '%.39s' AND role <> 'NONE'", id);
    g_autofree char *told = g_strdup_printf("SELECT COUNT(*) FROM sync_log WHERE pg_id = '%.39s'"
                                            " AND message LIKE 'GONE_UNKNOWN: %%'",
                                            id);
    return bench_sql_int(b, 0, known) + bench_sql_int(b, 1, known) == 0 ||
           bench_sql_int(b, site, told) > 0;
}

static int table_holds(struct bench *b, int site, const char *table, GHashTable *keys)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const char *id;
    json_t *row;
    int count = 0;

    json_object_foreach((json_t *)sim_table(b->sim, site, table), id, row)
    {
        g_autofree char *text = json_print(row);
        const char *key = key_in(keys, text);
        if (key == NULL && (!looks_ours(text) || forgotten(b, site, text)))
            continue;
        if (key == NULL)
            fail_msg("%s: %s %s is ours and in no ledger: %s", bench_site_name(site), table, id,
                     text);
        if (g_str_equal(g_hash_table_lookup(keys, key), "gone"))
            fail_msg("%s: %s %s is there, the ledger says gone", bench_site_name(site), table, id);
        if (!g_hash_table_add(seen, (gpointer)key))
            fail_msg("%s: two %s under the key %s", bench_site_name(site), table, key);
        if (g_strcmp0(json_str(row, "project_id"), project_of(b, site, "prod")) != 0)
            fail_msg("%s: %s %s is not of the tenant's project", bench_site_name(site), table, id);
        count++;
    }
    return count;
}

int bench_keyed(struct bench *b, int site, const char *table)
{
    g_autoptr(GHashTable) keys = ledger_keys(b, site);

    return table_holds(b, site, table, keys);
}

void bench_ledger_holds(struct bench *b, int site)
{
    g_autoptr(GHashTable) keys = ledger_keys(b, site);

    sim_advance(b->sim);
    ledger_is_the_tenants(b, site);
    for (size_t i = 0; i < G_N_ELEMENTS(made_tables); i++) {
        if (sim_table(b->sim, site, made_tables[i]) == NULL)
            continue;
        table_holds(b, site, made_tables[i], keys);
        service_holds_nothing(b, site, made_tables[i]);
    }
}

static void forget(struct bench *b, int site, const char *table, const char *name)
{
    json_t *rows = (json_t *)sim_table(b->sim, site, table);
    const char *id;
    void *next;
    json_t *row;

    json_object_foreach_safe(rows, next, id, row)
    {
        if (g_strcmp0(json_str(row, "name"), name) == 0)
            json_object_del(rows, id);
    }
}

void bench_bare(struct bench *b, int site)
{
    forget(b, site, "keypairs", "lab-key");
    forget(b, site, "security_groups", "web");
}

void bench_attach(struct bench *b, int site, const char *server)
{
    json_t *volumes = (json_t *)sim_table(b->sim, site, "volumes");
    json_t *devices = json_arr(sim_find(b->sim, site, "servers", server), "volumes");
    json_t *device = json_deep_copy(json_array_get(devices, 1));
    json_t *volume = json_deep_copy(json_object_get(volumes, json_str_or(device, "volume_id", "")));
    json_t *attachment = json_array_get(json_arr(volume, "attachments"), 0);

    json_set_str(volume, "id", BENCH_ATTACHED);
    json_set_str(volume, "name", "logs");
    json_set(volume, "group_id", NULL);
    if (attachment != NULL) {
        json_set_str(attachment, "volume_id", BENCH_ATTACHED);
        json_set_str(attachment, "device", "/dev/vdz");
    }
    json_set_str(device, "volume_id", BENCH_ATTACHED);
    json_set_str(device, "device", "/dev/vdz");
    json_array_append_new(devices, device);
    json_set(volumes, BENCH_ATTACHED, volume);
}

void bench_brought(struct bench *b, int site)
{
    const json_t *user = sim_find(b->sim, site, "users", "prod-user");
    const json_t *key = sim_find(b->sim, site, "keypairs", "lab-key");
    const json_t *group = sim_find(b->sim, site, "security_groups", "web");

    assert_non_null(key);
    assert_string_equal(json_str(key, "user_id"), json_str(user, "id"));
    assert_non_null(group);
    assert_string_equal(json_str(group, "project_id"), project_of(b, site, "prod"));
    assert_int_equal(bench_sql_int(b, site,
                                   "SELECT COUNT(*) FROM dr_resources WHERE kind IN"
                                   " ('keypair', 'security_group')"),
                     2);
}

const json_t *bench_floating(struct bench *b, int site, const char *server)
{
    const char *id;
    json_t *row;

    json_object_foreach((json_t *)sim_table(b->sim, site, "floatingips"), id, row)
    {
        const json_t *port =
            json_obj(sim_table(b->sim, site, "ports"), json_str_or(row, "port_id", "-"));
        const json_t *holder =
            json_obj(sim_table(b->sim, site, "servers"), json_str_or(port, "device_id", "-"));
        if (g_strcmp0(json_str(holder, "name"), server) == 0)
            return row;
    }
    return NULL;
}

char *bench_floating_mapping(struct bench *b, int site)
{
    const json_t *floating = bench_floating(b, site, "web-1");

    return g_strdup_printf("%s=public",
                           json_str_or(floating, "floating_ip_address", "203.0.113.1"));
}

char *bench_sync_text(struct bench *b, const char *cloud, const char *group)
{
    g_autoptr(json_t) result =
        bench_ok(b, cloud, "protection-group sync-status", "protection-group", group, NULL);

    return g_strdup(json_str_or(result, "text", ""));
}

/* ---- what stories ask ---- */

void bench_role_is(struct bench *b, int site, const char *role)
{
    g_autofree char *is =
        bench_sql(b, site,
                  "SELECT role FROM protection_groups ORDER BY role IN ('NONE', 'TOMBSTONE')");

    if (g_strcmp0(is, role) != 0)
        fail_msg("the role at %s is %s, not %s", bench_site_name(site), is, role);
}

int64_t bench_epoch(struct bench *b, int site)
{
    return bench_sql_int(
        b, site, "SELECT epoch FROM protection_groups ORDER BY role IN ('NONE', 'TOMBSTONE')");
}

char *bench_position(struct bench *b, int site)
{
    return bench_sql(
        b, site, "SELECT position FROM protection_groups ORDER BY role IN ('NONE', 'TOMBSTONE')");
}

void bench_servers_are(struct bench *b, int site, const char *state)
{
    static const char *const names[] = {"web-1", "db-1"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *is = bench_server_state(b, site, names[i]);
        if (!g_str_equal(is, state))
            fail_msg("%s at %s is '%s', not '%s'", names[i], bench_site_name(site), is, state);
    }
}

bool bench_start_by_hand(struct bench *b, int site, const char *name)
{
    const char *id;
    json_t *server;
    bool found = false;

    json_object_foreach((json_t *)sim_table(b->sim, site, "servers"), id, server)
    {
        if (found || g_strcmp0(json_str(server, "name"), name) != 0 ||
            g_strcmp0(json_str(server, "vm_state"), "stopped") != 0)
            continue;
        json_set_str(server, "vm_state", "active");
        json_set_int(server, "power_state", 1);
        json_set_bool(server, "by_hand", true);
        found = true;
    }
    return found;
}

void bench_in_sync(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *text = bench_sync_text(b, bench_tenant(i), "web");
        if (strstr(text, "IN SYNC") == NULL || strstr(text, "Status: SYNCED") == NULL)
            fail_msg("%s is not in sync: %s", bench_site_name(i), text);
    }
    g_autofree char *a = bench_position(b, SIM_SITE_A);
    g_autofree char *z = bench_position(b, SIM_SITE_B);
    assert_string_equal(a, z);
}

void bench_status_is(struct bench *b, int site, const char *status)
{
    g_autoptr(json_t) group = bench_ok(b, bench_tenant(site), "protection-group show",
                                       "protection-group", "web", "!no-carry", NULL);

    if (!g_str_equal(bench_field(group, "status"), status))
        fail_msg("the status at %s is %s, not %s", bench_site_name(site),
                 bench_field(group, "status"), status);
}

/* ---- the usual world ---- */

struct bench *bench_create_protected(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    bench_protect(b);
    bench_wait_point(b);
    return b;
}

void bench_register(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *keystone = sim_origin(b->sim, i, SIM_KEYSTONE);
        g_autofree char *region = g_strdup_printf("Region%c", 'A' + i);
        json_decref(bench_ok(b, "site-a", "site create", "name", bench_site_name(i), "auth-url",
                             keystone, "region-name", region, NULL));
    }
    g_autofree char *there =
        g_strdup(json_str(sim_find(b->sim, SIM_SITE_B, "projects", "prod"), "id"));
    json_decref(bench_ok(b, "site-a", "tenant mapping create", "local-tenant",
                         json_str(sim_find(b->sim, SIM_SITE_A, "projects", "prod"), "id"),
                         "remote-site", "site-b", "remote-tenant", there, NULL));
}

void bench_member_add(struct bench *b, const char *cloud, const char *server)
{
    g_autofree char *id = g_strdup(bench_server_id(b, SIM_SITE_A, server));

    json_decref(bench_ok(b, cloud, "protection-group member-add", "protection-group", "web",
                         "instance-id", id, NULL));
}

void bench_protect(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "web", "replication-type",
                         "async", "primary-site", "site-a", "secondary-site", "site-b",
                         "volume-type", "replicated-ssd", "!wait", NULL));
    bench_protect_group(b);
}

void bench_protect_group(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group policy-create", "protection-group", "web",
                         "primary-fa-url", "https://array-a.lab", "primary-fa-token", "T-a",
                         "secondary-fa-url", "https://array-b.lab", "secondary-fa-token", "T-b",
                         "pure-pg-name", "pg-web", "replication-interval", "60", "rpo-minutes",
                         "15", NULL));
    bench_member_add(b, "prod-a", "web-1");
    bench_member_add(b, "prod-a", "db-1");
}

void bench_wait_point(struct bench *b)
{
    static const char sql[] = "SELECT last_replication_at FROM protection_groups";
    int64_t since = env_now_ms(&b->env);

    for (int i = 0; i < 300; i++) {
        bench_pass(b, 1000);
        if (bench_sql_int(b, SIM_SITE_A, sql) > since) {
            bench_pass(b, 3000); /* its transfer */
            return;
        }
    }
    fail_msg("no recovery point comes");
}

json_t *bench_failover(struct bench *b, int site)
{
    return bench_ok(b, bench_tenant(site), "protection-group failover", "protection-group", "web",
                    "!unplanned", "reason", "the other site lost its power", "*network-mapping",
                    "net-app=net-app", NULL);
}
