/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_world - the simulated clouds as a whole: the seed, time, exclusivity, faults, power, policy,
 * quotas, the log, dump and load.  What the answers look like is test_contract's business.
 */
#include "bench.h"

#include "sim/nova.h"

/* ---- small helpers ---- */

static const char *status_of(struct bench *b, int site, const char *table, const char *name)
{
    return json_str(sim_find(b->sim, site, table, name), "status");
}

static json_t *boot_body(const char *name, const char *flavor, const char *volume, const char *port)
{
    return json_pack("{s:{s:s, s:s, s:[{s:s}], s:[{s:s, s:s, s:s, s:i, s:b}]}}", "server", "name",
                     name, "flavorRef", flavor, "networks", "port", port, "block_device_mapping_v2",
                     "uuid", volume, "source_type", "volume", "destination_type", "volume",
                     "boot_index", 0, "delete_on_termination", 0);
}

/* A bootable volume and a port, ready for a server; ids in 'ret', to be freed. */
static void prepare(const struct user *u, const char *name, char *ret_volume[1], char *ret_port[1])
{
    struct bench *b = u->bench;
    g_autoptr(json_t) v = expect(u, "POST", "cinder:/volumes",
                                 json_pack("{s:{s:i, s:s, s:s, s:s}}", "volume", "size", 1, "name",
                                           name, "volume_type", "replicated-ssd", "imageRef",
                                           id_by_name(b, SIM_SITE_A, "images", "tiny")),
                                 NULL, 202);
    g_autoptr(json_t) p =
        expect(u, "POST", "neutron:/ports",
               json_pack("{s:{s:s, s:s}}", "port", "network_id",
                         id_by_name(b, SIM_SITE_A, "networks", "net-app"), "name", name),
               NULL, 201);
    bench_settle(b);
    ret_volume[0] = g_strdup(json_str_at(v, "volume/id"));
    ret_port[0] = g_strdup(json_str_at(p, "port/id"));
}

static json_t *action(const char *name)
{
    return json_pack("{s:n}", name);
}

static char *server_path(struct bench *b, int site, const char *name, const char *rest)
{
    return g_strdup_printf("nova:/servers/%s%s", id_by_name(b, site, "servers", name), rest);
}

/* ---- the tests ---- */

static void seeded_as_the_lab(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    g_autoptr(json_t) servers = expect(&prod, "GET", "nova:/servers/detail", NULL, "2.93", 200);
    assert_int_equal(json_array_size(json_arr(servers, "servers")), 2);
    const json_t *db = json_array_get(json_arr(servers, "servers"), 0);
    assert_string_equal(json_str(db, "name"), "db-1");
    assert_string_equal(json_str(db, "status"), "ACTIVE");
    assert_int_equal(json_array_size(json_arr(db, "os-extended-volumes:volumes_attached")), 2);
    struct user other = login(&b, SIM_SITE_B, "prod-user", "prod");
    g_autoptr(json_t) none = expect(&other, "GET", "nova:/servers", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_arr(none, "servers")), 0);
    assert_int_equal(sim_next_due_ms(b.sim), -1);
    logout(&prod);
    logout(&other);
    bench_close(&b);
}

/* The constants of the seed are the checksums of the bytes it stands for. */
static void image_is_what_it_says(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    const json_t *image = sim_find(b.sim, SIM_SITE_A, "images", "tiny");
    gsize head = 0;
    g_autofree guchar *data = g_base64_decode(json_str(image, "data"), &head);
    gsize size = (gsize)json_int(image, "size", 0);
    g_autofree guchar *bytes = g_malloc0(size);
    memcpy(bytes, data, head);
    g_autofree char *md5 = g_compute_checksum_for_data(G_CHECKSUM_MD5, bytes, size);
    g_autofree char *sha = g_compute_checksum_for_data(G_CHECKSUM_SHA512, bytes, size);
    assert_string_equal(md5, json_str(image, "checksum"));
    assert_string_equal(sha, json_str(image, "os_hash_value"));
    bench_close(&b);
}

static void same_seed_same_world(void **state)
{
    (void)state;
    struct bench a, b;
    bench_open(&a, NULL);
    bench_open(&b, NULL);
    g_autoptr(json_t) first = sim_dump(a.sim);
    g_autoptr(json_t) second = sim_dump(b.sim);
    assert_true(json_equal(first, second));
    bench_close(&a);
    bench_close(&b);
}

/* Nothing happens but by time passing, and all of it in its order. */
static void time_moves_things(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    char *volume = NULL, *port = NULL;
    prepare(&prod, "tmp", &volume, &port);
    json_decref(
        expect(&prod, "POST", "nova:/servers",
               boot_body("tmp", id_by_name(&b, SIM_SITE_A, "flavors", "m1.tiny"), volume, port),
               NULL, 202));
    const json_t *row = sim_find(b.sim, SIM_SITE_A, "servers", "tmp");
    assert_string_equal(json_str(row, "task_state"), "scheduling");
    bench_pass(&b, 29);
    sim_advance(b.sim);
    assert_string_equal(json_str(row, "task_state"), "scheduling");
    bench_pass(&b, 1);
    sim_advance(b.sim);
    assert_string_equal(json_str(row, "task_state"), "spawning");
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "tmp"), "attaching");
    bench_pass(&b, 60);
    sim_advance(b.sim);
    assert_string_equal(json_str(row, "vm_state"), "active");
    assert_int_equal(json_int(row, "launched_ms", 0), b.now_ms);
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "tmp"), "in-use");
    assert_int_equal(sim_next_due_ms(b.sim), -1);
    g_free(volume);
    g_free(port);
    logout(&prod);
    bench_close(&b);
}

static void second_boot_is_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    char *volume = NULL, *port = NULL, *volume2 = NULL, *port2 = NULL;
    prepare(&prod, "one", &volume, &port);
    prepare(&prod, "two", &volume2, &port2);
    const char *flavor = id_by_name(&b, SIM_SITE_A, "flavors", "m1.tiny");
    json_decref(
        expect(&prod, "POST", "nova:/servers", boot_body("one", flavor, volume, port), NULL, 202));
    /* the volume is reserved at once, also before the server is placed */
    expect_error(&prod, "POST", "nova:/servers", boot_body("again", flavor, volume, port2), NULL,
                 400, "current status is reserved");
    assert_null(sim_find(b.sim, SIM_SITE_A, "servers", "again"));
    bench_settle(&b);
    expect_error(&prod, "POST", "nova:/servers", boot_body("again", flavor, volume2, port), NULL,
                 409, "is still in use.");
    expect_error(&prod, "POST", "nova:/servers", boot_body("again", flavor, volume, port2), NULL,
                 400, "current status is in-use");
    /* what the refused request had reserved is free again */
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "two"), "available");
    g_free(volume);
    g_free(port);
    g_free(volume2);
    g_free(port2);
    logout(&prod);
    bench_close(&b);
}

/* Two requests at once with one port: Nova looks at ports early and takes them late. */
static void race_for_a_port(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    char *volume = NULL, *port = NULL, *volume2 = NULL, *port2 = NULL;
    prepare(&prod, "one", &volume, &port);
    prepare(&prod, "two", &volume2, &port2);
    const char *flavor = id_by_name(&b, SIM_SITE_A, "flavors", "m1.tiny");
    json_decref(
        expect(&prod, "POST", "nova:/servers", boot_body("one", flavor, volume, port), NULL, 202));
    json_decref(
        expect(&prod, "POST", "nova:/servers", boot_body("two", flavor, volume2, port), NULL, 202));
    bench_settle(&b);
    assert_string_equal(json_str(sim_find(b.sim, SIM_SITE_A, "servers", "one"), "vm_state"),
                        "active");
    const json_t *loser = sim_find(b.sim, SIM_SITE_A, "servers", "two");
    assert_string_equal(json_str(loser, "vm_state"), "error");
    assert_non_null(strstr(json_str_at(loser, "fault/message"), "is still in use."));
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "two"), "available");
    g_free(volume);
    g_free(port);
    g_free(volume2);
    g_free(port2);
    logout(&prod);
    bench_close(&b);
}

static void deleting_lets_go(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *path = server_path(&b, SIM_SITE_A, "db-1", "");
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "data-db-1"), "in-use");
    size_t ports = json_object_size(sim_table(b.sim, SIM_SITE_A, "ports"));
    json_decref(expect(&prod, "DELETE", path, NULL, NULL, 204));
    json_decref(expect(&prod, "GET", path, NULL, NULL, 200)); /* deleting */
    bench_settle(&b);
    json_decref(expect(&prod, "GET", path, NULL, NULL, 404));
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "root-db-1"), "available");
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "data-db-1"), "available");
    assert_int_equal(json_object_size(sim_table(b.sim, SIM_SITE_A, "ports")), ports - 1);
    assert_int_equal(json_object_size(sim_table(b.sim, SIM_SITE_A, "attachments")), 2);
    logout(&prod);
    bench_close(&b);
}

static void locks(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    struct user admin = login(&b, SIM_SITE_A, "protector", "service");
    g_autofree char *act = server_path(&b, SIM_SITE_A, "db-1", "/action");
    g_autofree char *metadata = server_path(&b, SIM_SITE_A, "db-1", "/metadata");
    /* the owner's lock binds the owner, and he may undo it */
    json_decref(expect(&prod, "POST", act, action("lock"), NULL, 202));
    expect_error(&prod, "POST", act, action("os-stop"), NULL, 409, "is locked");
    expect_error(&prod, "POST", metadata, json_pack("{s:{s:s}}", "metadata", "a", "b"), NULL, 409,
                 "is locked");
    json_decref(expect(&prod, "POST", act, action("unlock"), NULL, 202));
    /* the administrator's binds the owner, who may not undo it */
    json_decref(expect(&admin, "POST", act, action("lock"), NULL, 202));
    expect_error(&prod, "POST", act, action("unlock"), NULL, 403, "unlock_override");
    expect_error(&prod, "POST", act, action("os-stop"), NULL, 409, "is locked");
    json_decref(expect(&admin, "POST", act, action("os-stop"), NULL, 202));
    bench_settle(&b);
    g_autofree char *path = server_path(&b, SIM_SITE_A, "db-1", "");
    expect_error(&prod, "DELETE", path, NULL, NULL, 409, "is locked");
    g_autoptr(json_t) shown = expect(&prod, "GET", path, NULL, "2.93", 200);
    assert_string_equal(json_str_at(shown, "server/status"), "SHUTOFF");
    assert_true(json_bool(json_obj(shown, "server"), "locked", false));
    logout(&prod);
    logout(&admin);
    bench_close(&b);
}

static void power_fails(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *stop = server_path(&b, SIM_SITE_A, "web-1", "/action");
    json_decref(expect(&prod, "POST", stop, action("os-stop"), NULL, 202));
    bench_settle(&b);
    char *volume = NULL, *port = NULL;
    prepare(&prod, "tmp", &volume, &port);
    json_decref(
        expect(&prod, "POST", "nova:/servers",
               boot_body("tmp", id_by_name(&b, SIM_SITE_A, "flavors", "m1.tiny"), volume, port),
               NULL, 202));
    sim_power_cut(b.sim, SIM_SITE_A);
    assert_int_equal(ask(&prod, "GET", "nova:/servers", NULL, NULL).status, 0);
    assert_int_equal(sim_next_due_ms(b.sim), -1); /* nothing goes on there */
    const json_t *db = sim_find(b.sim, SIM_SITE_A, "servers", "db-1");
    assert_int_equal(json_int(db, "power_state", -1), POWER_SHUTDOWN);
    bench_pass(&b, 3600000);
    sim_power_restore(b.sim, SIM_SITE_A);
    bench_settle(&b);
    /* what ran starts by itself; what was stopped stays so; what was being built is built */
    assert_int_equal(json_int(db, "power_state", -1), POWER_RUNNING);
    assert_string_equal(json_str(sim_find(b.sim, SIM_SITE_A, "servers", "web-1"), "vm_state"),
                        "stopped");
    assert_string_equal(json_str(sim_find(b.sim, SIM_SITE_A, "servers", "tmp"), "vm_state"),
                        "active");
    g_free(volume);
    g_free(port);
    logout(&prod);
    bench_close(&b);
}

static void services_go_down(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    sim_site_down(b.sim, SIM_SITE_A, "nova", true);
    assert_int_equal(ask(&prod, "GET", "nova:/servers", NULL, NULL).status, 0);
    json_decref(expect(&prod, "GET", "cinder:/volumes", NULL, NULL, 200));
    sim_site_down(b.sim, SIM_SITE_A, NULL, true);
    AUTO(http_request) req = http_request_create("GET", "http://127.0.10.1:5000/v3");
    struct http_response *resp = NULL;
    g_autoptr(err_t) e = http_send(sim_transport(b.sim), req, &resp);
    assert_int_equal(err_code(e), ERR_NET_REFUSED);
    struct user other = login(&b, SIM_SITE_B, "prod-user", "prod"); /* the other site lives */
    sim_site_down(b.sim, SIM_SITE_A, NULL, false);
    json_decref(expect(&prod, "GET", "nova:/servers", NULL, NULL, 200));
    AUTO(http_request) nobody = http_request_create("GET", "http://127.0.99.1:5000/v3");
    g_autoptr(err_t) none = http_send(sim_transport(b.sim), nobody, &resp);
    assert_int_equal(err_code(none), ERR_NET_REFUSED);
    logout(&prod);
    logout(&other);
    bench_close(&b);
}

static json_t *keypair(const char *name)
{
    return json_pack("{s:{s:s, s:s}}", "keypair", "name", name, "public_key", "ssh-rsa AAAA x");
}

/* The error code of a POST of a keypair; 0 if there was an answer, with its status. */
static enum err_code post_keypair(const struct user *u, const char *name, int *ret_status)
{
    AUTO(http_request)
    req = http_request_create("POST", "http://127.0.10.1:8774/v2.1/os-keypairs");
    http_request_set(req, "X-Auth-Token", u->token);
    g_autoptr(json_t) body = keypair(name);
    http_request_json(req, body);
    req->timeout_ms = 5000;
    struct http_response *resp = NULL;
    g_autoptr(err_t) e = http_send(sim_transport(u->bench->sim), req, &resp);
    *ret_status = e == NULL ? resp->status : 0;
    http_response_destroy(resp);
    return e == NULL ? ERR_COUNT : err_code(e);
}

static bool has_keypair(struct bench *b, const char *name)
{
    return sim_find(b->sim, SIM_SITE_A, "keypairs", name) != NULL;
}

static void faults_strike(void **state)
{
    (void)state;
    static const struct {
        enum sim_fault_kind kind;
        enum err_code code; /* ERR_COUNT: an answer */
        int status;
        bool effect;
        int64_t passes_ms;
    } rows[] = {
        {SIM_FAULT_STATUS, ERR_COUNT, 503, false, 0},
        {SIM_FAULT_REFUSE, ERR_NET_REFUSED, 0, false, 0},
        {SIM_FAULT_TIMEOUT_BEFORE, ERR_NET_TIMEOUT, 0, false, 5000},
        {SIM_FAULT_TIMEOUT_AFTER, ERR_NET_TIMEOUT, 0, true, 5000},
        {SIM_FAULT_TRUNCATE, ERR_COUNT, 200, true, 0},
        {SIM_FAULT_DUPLICATE, ERR_COUNT, 409, true, 0},
        {SIM_FAULT_DELAY, ERR_COUNT, 200, true, 700},
    };
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strdup_printf("key-%zu", i);
        g_autofree char *second = g_strdup_printf("key-%zu-b", i);
        struct sim_fault fault = {.site = SIM_SITE_A,
                                  .service = "nova",
                                  .method = "POST",
                                  .path = "*/os-keypairs*",
                                  .skip = 0,
                                  .count = 1,
                                  .kind = rows[i].kind,
                                  .status = 503,
                                  .body = "{}",
                                  .delay_ms = rows[i].kind == SIM_FAULT_DELAY ? 700 : 0};
        sim_fault_add(b.sim, &fault);
        int status = 0;
        int64_t before_ms = b.now_ms;
        assert_int_equal(post_keypair(&prod, name, &status), rows[i].code);
        assert_int_equal(status, rows[i].status);
        assert_int_equal(has_keypair(&b, name), rows[i].effect);
        assert_int_equal(b.now_ms - before_ms, rows[i].passes_ms);
        assert_int_equal(post_keypair(&prod, second, &status), ERR_COUNT); /* once only */
        assert_int_equal(status, 200);
    }
    logout(&prod);
    bench_close(&b);
}

static void faults_skip_and_end(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    struct sim_fault fault = {
        .site = -1, .path = "*/os-keypairs*", .skip = 1, .count = 2, .kind = SIM_FAULT_REFUSE};
    static const bool good[] = {true, false, false, true};
    sim_fault_add(b.sim, &fault);
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *name = g_strdup_printf("key-%zu", i);
        int status = 0;
        post_keypair(&prod, name, &status);
        assert_int_equal(status, good[i] ? 200 : 0);
    }
    fault.skip = 0;
    fault.count = 0; /* for ever, until cleared */
    sim_fault_add(b.sim, &fault);
    int status = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(post_keypair(&prod, "x", &status), ERR_NET_REFUSED);
    sim_fault_clear(b.sim);
    assert_int_equal(post_keypair(&prod, "x", &status), ERR_COUNT);
    logout(&prod);
    bench_close(&b);
}

static void log_tells(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    sim_log_clear(b.sim);
    json_decref(expect(&prod, "GET", "nova:/servers/detail?limit=1", NULL, NULL, 200));
    json_decref(expect(&prod, "GET", "cinder:/volumes", NULL, NULL, 200));
    sim_site_down(b.sim, SIM_SITE_A, "nova", true);
    ask(&prod, "GET", "nova:/servers", NULL, NULL);
    assert_int_equal(sim_count(b.sim, -1, NULL, NULL, NULL), 3);
    assert_int_equal(sim_count(b.sim, SIM_SITE_A, "nova", "GET", "/v2.1/servers*"), 2);
    assert_int_equal(sim_count(b.sim, SIM_SITE_A, "nova", "POST", NULL), 0);
    assert_int_equal(sim_count(b.sim, SIM_SITE_B, NULL, NULL, NULL), 0);
    const struct sim_log *line = g_ptr_array_index(sim_log(b.sim), 0);
    assert_string_equal(line->user, "prod-user");
    assert_string_equal(line->project, "prod");
    assert_string_equal(line->path, "/v2.1/servers/detail?limit=1");
    assert_int_equal(line->status, 200);
    line = g_ptr_array_index(sim_log(b.sim), 2);
    assert_int_equal(line->status, 0);
    logout(&prod);
    bench_close(&b);
}

static void quotas_and_policy(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_B, "prod-user", "prod");
    assert_true(sim_set_quota(b.sim, SIM_SITE_B, "cinder", "prod", "volumes", 0));
    assert_false(sim_set_quota(b.sim, SIM_SITE_B, "glance", "prod", "images", 0));
    assert_false(sim_set_quota(b.sim, SIM_SITE_B, "nova", "nobody", "instances", 0));
    expect_error(&prod, "POST", "cinder:/volumes", json_pack("{s:{s:i}}", "volume", "size", 1),
                 NULL, 413, "Maximum number of volumes allowed (0)");
    assert_true(sim_set_quota(b.sim, SIM_SITE_B, "neutron", "prod", "port", 0));
    expect_error(&prod, "POST", "neutron:/ports",
                 json_pack("{s:{s:s}}", "port", "network_id",
                           id_by_name(&b, SIM_SITE_B, "networks", "net-app")),
                 NULL, 409, "Quota exceeded for resources: ['port'].");
    const char *rule = "volume_extension:volume_manage";
    json_t *body =
        json_pack("{s:{s:s, s:{s:s}}}", "volume", "host", "nowhere@x#y", "ref", "source-name", "a");
    json_incref(body);
    expect_error(&prod, "POST", "cinder:/os-volume-manage", body, NULL, 400,
                 "Host 'nowhere@x#y' not found");
    sim_set_policy(b.sim, SIM_SITE_B, rule, false);
    expect_error(&prod, "POST", "cinder:/os-volume-manage", body, NULL, 403,
                 "Policy doesn't allow volume_extension:volume_manage to be performed.");
    logout(&prod);
    bench_close(&b);
}

/* A dump holds all: a world made of it goes on where the first one stood. */
static void dump_and_load(void **state)
{
    (void)state;
    struct bench a, b;
    bench_open(&a, NULL);
    struct user prod = login(&a, SIM_SITE_A, "prod-user", "prod");
    json_decref(expect(&prod, "POST", "cinder:/volumes",
                       json_pack("{s:{s:i, s:s}}", "volume", "size", 1, "name", "late"), NULL,
                       202));
    g_autoptr(json_t) dump = sim_dump(a.sim);
    struct sim_options options;
    sim_options_init(&options);
    options.empty = true;
    bench_open(&b, &options);
    assert_null(sim_find(b.sim, SIM_SITE_A, "volumes", "late"));
    g_autoptr(err_t) e = sim_load(b.sim, dump);
    assert_null(e);
    b.now_ms = a.now_ms;
    prod.bench = &b;
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "late"), "creating");
    bench_settle(&b);
    assert_string_equal(status_of(&b, SIM_SITE_A, "volumes", "late"), "available");
    json_decref(expect(&prod, "GET", "nova:/servers", NULL, NULL, 200)); /* the token too */
    g_autoptr(json_t) rubbish = json_object();
    g_autoptr(err_t) bad = sim_load(b.sim, rubbish);
    assert_int_equal(err_code(bad), ERR_PARSE);
    logout(&prod);
    bench_close(&a);
    bench_close(&b);
}

static void victoria(void **state)
{
    (void)state;
    struct sim_options options;
    sim_options_init(&options);
    options.release = SIM_VICTORIA;
    struct bench b;
    bench_open(&b, &options);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    json_decref(expect(&prod, "GET", "nova:/servers", NULL, "2.87", 200));
    expect_error(&prod, "GET", "nova:/servers", NULL, "2.88", 406, "maximum is 2.87");
    json_decref(expect(&prod, "GET", "cinder:/volumes", NULL, "3.62", 200));
    expect_error(&prod, "GET", "cinder:/volumes", NULL, "3.63", 406, "maximum is 3.62");
    struct answer a = ask(&prod, "GET", "nova:/servers", NULL, "latest");
    assert_string_equal(http_response_get(a.resp, "OpenStack-API-Version"), "compute 2.87");
    answer_free(&a);
    logout(&prod);
    bench_close(&b);
}

static void control_by_http(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *path;
        const char *body;
        int status;
    } rows[] = {
        {"POST", "/sim/control/down", "{\"site\":\"site-a\",\"service\":\"glance\"}", 204},
        {"POST", "/sim/control/down", "{\"site\":\"nowhere\"}", 400},
        {"POST", "/sim/control/down", "{\"site\":\"site-a\",\"service\":\"swift\"}", 400},
        {"POST", "/sim/control/power", "{\"site\":\"site-b\",\"on\":false}", 204},
        {"POST", "/sim/control/faults", "{\"kind\":\"refuse\",\"path\":\"*\"}", 204},
        {"POST", "/sim/control/faults", "{\"kind\":\"fire\"}", 400},
        {"DELETE", "/sim/control/faults", NULL, 204},
        {"POST", "/sim/control/quota",
         "{\"site\":\"site-a\",\"service\":\"nova\",\"project\":\"prod\",\"resource\":\"cores\","
         "\"limit\":4}",
         204},
        {"POST", "/sim/control/policy", "{\"site\":\"site-a\",\"rule\":\"x\",\"tenants\":false}",
         204},
        {"POST", "/sim/control/backend", "{\"site\":\"site-b\",\"name\":\"replica-1\"}", 204},
        {"POST", "/sim/control/backend", "{\"site\":\"site-b\",\"name\":\"../x\"}", 400},
        {"POST", "/sim/control/backend", "{\"site\":", 400},
        {"GET", "/sim/control/log?service=nova", NULL, 200},
        {"GET", "/sim/control/dump", NULL, 200},
        {"GET", "/sim/control/clouds", NULL, 200},
        {"GET", "/sim/control/nothing", NULL, 404},
    };
    struct bench b;
    bench_open(&b, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(http_request) req = http_request_create(rows[i].method, rows[i].path);
        if (rows[i].body != NULL)
            http_request_body(req, rows[i].body, strlen(rows[i].body));
        AUTO(http_response) resp = sim_control(b.sim, req);
        if (resp->status != rows[i].status)
            fail_msg("%s %s gave %d", rows[i].path, rows[i].body, resp->status);
    }
    assert_true(sim_is_down(b.sim, SIM_SITE_A, SIM_GLANCE));
    assert_false(sim_is_down(b.sim, SIM_SITE_A, SIM_NOVA));
    assert_true(sim_is_down(b.sim, SIM_SITE_B, SIM_KEYSTONE));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded_as_the_lab),
        cmocka_unit_test(image_is_what_it_says),
        cmocka_unit_test(same_seed_same_world),
        cmocka_unit_test(time_moves_things),
        cmocka_unit_test(second_boot_is_refused),
        cmocka_unit_test(race_for_a_port),
        cmocka_unit_test(deleting_lets_go),
        cmocka_unit_test(locks),
        cmocka_unit_test(power_fails),
        cmocka_unit_test(services_go_down),
        cmocka_unit_test(faults_strike),
        cmocka_unit_test(faults_skip_and_end),
        cmocka_unit_test(log_tells),
        cmocka_unit_test(quotas_and_policy),
        cmocka_unit_test(dump_and_load),
        cmocka_unit_test(victoria),
        cmocka_unit_test(control_by_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
