/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_nova - the rules of the simulated Nova that a failover meets: what a boot demands, devices
 * and their order, ports, what only administrators see, metadata, tags, pages.
 */
#include "bench.h"

struct place {
    struct bench b;
    struct user prod, admin;
    const char *flavor, *network;
};

static void place_open(struct place *p)
{
    bench_open(&p->b, NULL);
    p->prod = login(&p->b, SIM_SITE_B, "prod-user", "prod");
    p->admin = login(&p->b, SIM_SITE_B, "protector", "service");
    p->flavor = id_by_name(&p->b, SIM_SITE_B, "flavors", "m1.tiny");
    p->network = id_by_name(&p->b, SIM_SITE_B, "networks", "net-app");
}

static void place_close(struct place *p)
{
    logout(&p->prod);
    logout(&p->admin);
    bench_close(&p->b);
}

static const char *volume(struct place *p, const char *name, bool bootable)
{
    json_t *v = json_pack("{s:i, s:s}", "size", 1, "name", name);
    if (bootable)
        json_object_set_new(v, "imageRef",
                            json_string(id_by_name(&p->b, SIM_SITE_B, "images", "tiny")));
    json_decref(
        expect(&p->prod, "POST", "cinder:/volumes", json_pack("{s:o}", "volume", v), NULL, 202));
    bench_settle(&p->b);
    return id_by_name(&p->b, SIM_SITE_B, "volumes", name);
}

static json_t *disk(const char *id, int boot_index, bool goes)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:b}", "uuid", id, "source_type", "volume",
                     "destination_type", "volume", "boot_index", boot_index,
                     "delete_on_termination", goes);
}

/* A request with the given disks (taken) on the tenant's network. */
static json_t *boot(const struct place *p, const char *name, json_t *disks)
{
    return json_pack("{s:{s:s, s:s, s:[{s:s}], s:o}}", "server", "name", name, "flavorRef",
                     p->flavor, "networks", "uuid", p->network, "block_device_mapping_v2", disks);
}

static void devices_in_order(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    const char *root = volume(&p, "root", true);
    const char *one = volume(&p, "one", false);
    const char *two = volume(&p, "two", false);
    /* the root is first whatever its place in the request */
    json_t *disks =
        json_pack("[o, o, o]", disk(one, -1, false), disk(root, 0, true), disk(two, -1, false));
    json_decref(expect(&p.prod, "POST", "nova:/servers", boot(&p, "s", disks), NULL, 202));
    bench_settle(&p.b);
    const char *id = id_by_name(&p.b, SIM_SITE_B, "servers", "s");
    g_autofree char *path = g_strdup_printf("nova:/servers/%s/os-volume_attachments", id);
    g_autoptr(json_t) list = expect(&p.prod, "GET", path, NULL, NULL, 200);
    static const char *const devices[] = {"/dev/vda", "/dev/vdb", "/dev/vdc"};
    const char *const volumes[] = {root, one, two};
    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        const json_t *item = json_array_get(json_arr(list, "volumeAttachments"), i);
        assert_string_equal(json_str(item, "device"), devices[i]);
        assert_string_equal(json_str(item, "volumeId"), volumes[i]);
    }
    /* what is detached leaves its name free for the next */
    g_autofree char *vdb = g_strdup_printf("%s/%s", path, one);
    json_decref(expect(&p.prod, "DELETE", vdb, NULL, NULL, 202));
    bench_settle(&p.b);
    const char *three = volume(&p, "three", false);
    g_autoptr(json_t) made =
        expect(&p.prod, "POST", path, json_pack("{s:{s:s}}", "volumeAttachment", "volumeId", three),
               NULL, 200);
    assert_string_equal(json_str_at(made, "volumeAttachment/device"), "/dev/vdb");
    bench_settle(&p.b);
    g_autofree char *vda = g_strdup_printf("%s/%s", path, root);
    expect_error(&p.prod, "DELETE", vda, NULL, NULL, 403, "Cannot detach a root device volume");
    /* delete_on_termination is kept to */
    g_autofree char *server = g_strconcat("nova:/servers/", id, NULL);
    json_decref(expect(&p.prod, "DELETE", server, NULL, NULL, 204));
    bench_settle(&p.b);
    assert_null(sim_find(p.b.sim, SIM_SITE_B, "volumes", "root"));
    assert_string_equal(json_str(sim_find(p.b.sim, SIM_SITE_B, "volumes", "two"), "status"),
                        "available");
    place_close(&p);
}

static void boot_is_refused(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    const char *data = volume(&p, "data", false);
    const char *root = volume(&p, "root", true);
    const char *url = "nova:/servers";
    expect_error(&p.prod, "POST", url, boot(&p, "s", json_pack("[o]", disk(data, 0, false))), NULL,
                 400, "is not bootable");
    expect_error(&p.prod, "POST", url, boot(&p, "s", json_pack("[o]", disk("none", 0, false))),
                 NULL, 400, "failed to get volume none");
    expect_error(&p.prod, "POST", url, boot(&p, "s", json_pack("[o]", disk(root, 1, false))), NULL,
                 400, "Boot sequence");
    expect_error(&p.prod, "POST", url, boot(&p, "s", json_array()), NULL, 400, "Boot sequence");
    static const struct {
        const char *key;
        const char *value;
        int status;
        const char *text;
    } rows[] = {
        {"flavorRef", "none", 400, "Flavor none could not be found."},
        {"key_name", "none", 400, "Invalid key_name provided."},
        {"availability_zone", "mars", 400, "availability zone is not available"},
        {"user_data", "not base64!", 400, "is not a 'base64'"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        json_t *body = boot(&p, "s", json_pack("[o]", disk(root, 0, false)));
        json_object_set_new(json_obj(body, "server"), rows[i].key, json_string(rows[i].value));
        expect_error(&p.prod, "POST", url, body, NULL, rows[i].status, rows[i].text);
    }
    json_t *body = boot(&p, "s", json_pack("[o]", disk(root, 0, false)));
    json_object_set_new(json_obj(body, "server"), "networks",
                        json_pack("[{s:s}]", "uuid",
                                  id_by_name(&p.b, SIM_SITE_B, "networks", "public")));
    expect_error(&p.prod, "POST", url, body, NULL, 403, "external network");
    body = boot(&p, "s", json_pack("[o]", disk(root, 0, false)));
    json_object_set_new(json_obj(body, "server"), "security_groups",
                        json_pack("[{s:s}]", "name", "none"));
    expect_error(&p.prod, "POST", url, body, NULL, 400, "Security group none not found");
    body = boot(&p, "s", json_pack("[o]", disk(root, 0, false)));
    json_object_del(json_obj(body, "server"), "networks");
    expect_error(&p.prod, "POST", url, body, "2.93", 400, "'networks' is a required property");
    sim_set_quota(p.b.sim, SIM_SITE_B, "nova", "prod", "cores", 0);
    expect_error(&p.prod, "POST", url, boot(&p, "s", json_pack("[o]", disk(root, 0, false))), NULL,
                 403, "Quota exceeded for cores: Requested 1, but already used 0 of 0 cores");
    /* no refusal has left anything behind */
    assert_int_equal(json_object_size(sim_table(p.b.sim, SIM_SITE_B, "servers")), 0);
    assert_int_equal(json_object_size(sim_table(p.b.sim, SIM_SITE_B, "attachments")), 0);
    assert_string_equal(json_str(sim_find(p.b.sim, SIM_SITE_B, "volumes", "root"), "status"),
                        "available");
    place_close(&p);
}

/* user_data and device names are the administrator's to see; Keystone's role decides. */
static void only_admins_see(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    json_t *body = boot(&p, "s", json_pack("[o]", disk(volume(&p, "root", true), 0, false)));
    json_object_set_new(json_obj(body, "server"), "user_data", json_string("I2Nsb3VkLWNvbmZpZwo="));
    json_decref(expect(&p.prod, "POST", "nova:/servers", body, NULL, 202));
    bench_settle(&p.b);
    g_autofree char *path =
        g_strconcat("nova:/servers/", id_by_name(&p.b, SIM_SITE_B, "servers", "s"), NULL);
    static const struct {
        bool admin;
        const char *version;
        const char *key;
        bool there;
    } rows[] = {
        {true, "2.3", "OS-EXT-SRV-ATTR:user_data", true},
        {true, "2.2", "OS-EXT-SRV-ATTR:user_data", false},
        {true, "2.1", "OS-EXT-SRV-ATTR:host", true},
        {false, "2.93", "OS-EXT-SRV-ATTR:user_data", false},
        {false, "2.93", "OS-EXT-SRV-ATTR:host", false},
        {false, "2.93", "OS-EXT-SRV-ATTR:hostname", true},
        {false, "2.89", "OS-EXT-SRV-ATTR:hostname", false},
        {false, "2.72", "locked_reason", false},
        {false, "2.73", "locked_reason", true},
        {false, "2.25", "tags", false},
        {false, "2.26", "tags", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) got =
            expect(rows[i].admin ? &p.admin : &p.prod, "GET", path, NULL, rows[i].version, 200);
        bool there = json_object_get(json_obj(got, "server"), rows[i].key) != NULL;
        if (there != rows[i].there)
            fail_msg("%s at %s: %d", rows[i].key, rows[i].version, there);
    }
    g_autoptr(json_t) got = expect(&p.admin, "GET", path, NULL, "2.93", 200);
    assert_string_equal(json_str(json_obj(got, "server"), "OS-EXT-SRV-ATTR:user_data"),
                        "I2Nsb3VkLWNvbmZpZwo=");
    place_close(&p);
}

static void metadata_and_tags(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user u = login(&b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *base =
        g_strconcat("nova:/servers/", id_by_name(&b, SIM_SITE_A, "servers", "web-1"), NULL);
    g_autofree char *metadata = g_strconcat(base, "/metadata", NULL);
    g_autofree char *epoch = g_strconcat(metadata, "/protector:epoch", NULL);
    g_autofree char *tags = g_strconcat(base, "/tags", NULL);
    g_autofree char *tag = g_strconcat(base, "/tags/dr", NULL);
    g_autoptr(json_t) put =
        expect(&u, "PUT", epoch, json_pack("{s:{s:s}}", "meta", "protector:epoch", "3"), NULL, 200);
    assert_string_equal(json_str_at(put, "meta/protector:epoch"), "3");
    expect_error(&u, "PUT", epoch, json_pack("{s:{s:s}}", "meta", "other", "3"), NULL, 400,
                 "mismatch");
    expect_error(&u, "POST", metadata, json_pack("{s:{s:i}}", "metadata", "a", 1), NULL, 400,
                 "Invalid input");
    g_autoptr(json_t) all =
        expect(&u, "PUT", metadata, json_pack("{s:{s:s}}", "metadata", "only", "this"), NULL, 200);
    assert_int_equal(json_object_size(json_obj(all, "metadata")), 1);
    json_decref(expect(&u, "GET", epoch, NULL, NULL, 404));
    expect_error(&u, "GET", tags, NULL, "2.25", 404, "could not be found"); /* not yet known */
    json_decref(expect(&u, "PUT", tag, NULL, "2.26", 201));
    json_decref(expect(&u, "PUT", tag, NULL, "2.26", 204));
    g_autoptr(json_t) listed = expect(&u, "GET", "nova:/servers?tags=dr", NULL, "2.26", 200);
    assert_int_equal(json_array_size(json_arr(listed, "servers")), 1);
    json_decref(expect(&u, "DELETE", tag, NULL, "2.26", 204));
    json_decref(expect(&u, "GET", tag, NULL, "2.26", 404));
    logout(&u);
    bench_close(&b);
}

static void interfaces(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user u = login(&b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *path = g_strdup_printf("nova:/servers/%s/os-interface",
                                            id_by_name(&b, SIM_SITE_A, "servers", "web-1"));
    g_autoptr(json_t) port =
        expect(&u, "POST", "neutron:/ports",
               json_pack("{s:{s:s, s:s}}", "port", "network_id",
                         id_by_name(&b, SIM_SITE_A, "networks", "net-app"), "name", "second"),
               NULL, 201);
    const char *id = json_str_at(port, "port/id");
    json_decref(expect(&u, "POST", path,
                       json_pack("{s:{s:s}}", "interfaceAttachment", "port_id", id), NULL, 200));
    expect_error(&u, "POST", path, json_pack("{s:{s:s}}", "interfaceAttachment", "port_id", id),
                 NULL, 400, "is still in use.");
    assert_string_equal(json_str(sim_find(b.sim, SIM_SITE_A, "ports", "second"), "status"),
                        "ACTIVE");
    g_autofree char *one = g_strdup_printf("%s/%s", path, id);
    json_decref(expect(&u, "DELETE", one, NULL, NULL, 202));
    json_decref(expect(&u, "GET", one, NULL, NULL, 404));
    /* it was the tenant's own port: it stays, free */
    assert_string_equal(json_str(sim_find(b.sim, SIM_SITE_A, "ports", "second"), "device_id"), "");
    logout(&u);
    bench_close(&b);
}

static void listing(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user u = login(&b, SIM_SITE_A, "prod-user", "prod");
    static const struct {
        const char *query;
        size_t count;
    } rows[] = {
        {"", 2},
        {"?name=web", 1},
        {"?name=%5Edb-1%24", 1},
        {"?status=ACTIVE", 2},
        {"?status=SHUTOFF", 0},
        {"?limit=1", 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strconcat("nova:/servers/detail", rows[i].query, NULL);
        g_autoptr(json_t) got = expect(&u, "GET", path, NULL, NULL, 200);
        assert_int_equal(json_array_size(json_arr(got, "servers")), rows[i].count);
    }
    expect_error(&u, "GET", "nova:/servers?marker=nobody", NULL, NULL, 400,
                 "marker [nobody] not found");
    expect_error(&u, "GET", "nova:/servers/detail?all_tenants=1", NULL, NULL, 403,
                 "get_all_tenants");
    logout(&u);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_in_order), cmocka_unit_test(boot_is_refused),
        cmocka_unit_test(only_admins_see),  cmocka_unit_test(metadata_and_tags),
        cmocka_unit_test(interfaces),       cmocka_unit_test(listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
