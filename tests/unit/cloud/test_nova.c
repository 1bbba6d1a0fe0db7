/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nova - servers read as recorded, requests as the API wants them, cells that are down.
 */
#include "tests/unit/cloud/replay.h"

#include "cloud/nova.h"

#define NOVA  REPLAY_A ":8774/v2.1"
#define WEB_1 replay_id("nova/server-show-web-1-admin-mv")
#define TMP   replay_id("nova/server-delete")

struct fixture {
    struct replay *r;
    struct cloud_session *session;
    struct cloud c;
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    f->r = replay_create();
    replay_basics(f->r);
    f->session = replay_session(f->r, &replay_tenant);
    f->c = cloud_view(f->session, NULL, CLOUD_NO_DEADLINE);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    cloud_session_destroy(f->session);
    replay_destroy(f->r);
    g_free(f);
    return 0;
}

/* ---- reading ---- */

static void a_server_is_read(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) s = NULL;
    replay_sample(f->r, "nova/server-show-web-1-admin-mv");
    assert_ok(nova_server_get(&f->c, WEB_1, &s));
    assert_string_equal(nova_status(s), "ACTIVE");
    assert_null(nova_task(s));
    assert_null(nova_fault(s));
    assert_false(nova_is_locked(s));
    assert_string_equal(nova_metadata(s, "tier"), "web");
    assert_null(nova_metadata(s, "none"));
    assert_string_equal(json_str_at(s, "flavor/original_name"), "m1.tiny");
    assert_string_equal(json_str(s, "OS-EXT-SRV-ATTR:root_device_name"), "/dev/vda");
}

static void a_building_and_a_broken_server(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) building = NULL;
    g_autoptr(json_t) broken = NULL;
    replay_sample(f->r, "nova/server-show-building");
    replay_sample(f->r, "nova/server-show-error-no-valid-host");
    assert_ok(nova_server_get(&f->c, replay_id("nova/server-show-building"), &building));
    assert_string_equal(nova_status(building), "BUILD");
    assert_ok(nova_server_get(&f->c, replay_id("nova/server-show-error-no-valid-host"), &broken));
    assert_string_equal(nova_status(broken), "ERROR");
    assert_string_equal(nova_fault(broken), "No valid host was found. ");
}

static void a_server_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    json_t *none = NULL;
    replay_sample(f->r, "nova/server-404");
    assert_err(nova_server_get(&f->c, "00000000-0000-0000-0000-000000000000", &none),
               ERR_CLOUD_NOT_FOUND, "Instance 00000000");
    assert_null(none);
}

static void a_project_is_listed_by_its_own_or_by_an_admin(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) own = NULL;
    g_autoptr(json_t) others = NULL;
    replay_sample_at(f->r, "GET", NOVA "/servers/detail*", FOREVER, "nova/servers-detail-mv");
    assert_ok(nova_server_list(&f->c, NULL, NULL, &own));
    assert_int_equal(json_array_size(own), 2);
    assert_string_equal(replay_last(f->r)->url, NOVA "/servers/detail");
    assert_ok(nova_server_list(&f->c, "p1", NULL, &others));
    assert_string_equal(replay_last(f->r)->url, NOVA "/servers/detail?all_tenants=1&project_id=p1");
}

/* What Nova documents for a cell that is down. */
#define UNKNOWN                                                                                    \
    "{\"created\": \"2018-06-29T15:07:29Z\", \"status\": \"UNKNOWN\", \"tenant_id\": \"p\", "      \
    "\"id\": \"u1\", \"links\": []}"

static void a_cell_that_is_down_is_no_absence(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) list = NULL;
    bool partial = false;
    replay_text(f->r, "GET", NOVA "/servers/detail", FOREVER, 200,
                "{\"servers\": [{\"id\": \"s1\", \"status\": \"ACTIVE\"}, " UNKNOWN "]}");
    assert_err(nova_server_list(&f->c, NULL, NULL, &list), ERR_CLOUD_PARTIAL, "cell");
    assert_null(list);
    assert_ok(nova_server_list(&f->c, NULL, &partial, &list));
    assert_true(partial);
    assert_int_equal(json_array_size(list), 2);
    json_t *none = NULL;
    replay_text(f->r, "GET", NOVA "/servers/u1", FOREVER, 200, "{\"server\": " UNKNOWN "}");
    assert_err(nova_server_get(&f->c, "u1", &none), ERR_CLOUD_PARTIAL, "u1");
    replay_text(f->r, "GET", NOVA "/os-services", FOREVER, 200,
                "{\"services\": [{\"binary\": \"nova-compute\", \"host\": \"h\", \"status\": "
                "\"UNKNOWN\"}]}");
    assert_err(nova_service_list(&f->c, &none), ERR_CLOUD_PARTIAL, "cell");
}

static void whole_lists_are_not_partial(void **state)
{
    struct fixture *f = *state;
    bool partial = true;
    g_autoptr(json_t) list = NULL;
    replay_sample(f->r, "nova/servers-detail-mv");
    assert_ok(nova_server_list(&f->c, NULL, &partial, &list));
    assert_false(partial);
}

static void attachments_and_interfaces(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) volumes = NULL;
    g_autoptr(json_t) ports = NULL;
    replay_sample(f->r, "nova/server-os-volume_attachments-mv");
    replay_sample(f->r, "nova/server-os-interface");
    assert_ok(nova_attachment_list(&f->c, WEB_1, &volumes));
    assert_string_equal(json_str(json_array_get(volumes, 1), "device"), "/dev/vdb");
    assert_ok(nova_interface_list(&f->c, WEB_1, &ports));
    assert_true(g_str_has_prefix(json_str(json_array_get(ports, 0), "mac_addr"), "fa:16:3e:"));
}

/* ---- making ---- */

static void a_server_is_made_from_ports_and_volumes(void **state)
{
    struct fixture *f = *state;
    static const char *const ports[] = {"port-1", "port-2"};
    static const struct nova_boot_volume volumes[] = {
        {.volume_id = "root", .device = "/dev/vda", .boot_index = 0},
        {.volume_id = "data", .device = NULL, .boot_index = -1, .tag = "db"},
    };
    g_autoptr(json_t) metadata = json_pack("{s:s}", "protector:epoch", "3");
    g_autoptr(json_t) tags = json_pack("[s]", "blue");
    struct nova_new_server s = {
        .name = "db-1",
        .flavor_id = "f1",
        .key_name = "lab-key",
        .availability_zone = "nova",
        .user_data = "I2Nsb3VkLWNvbmZpZwo=",
        .server_group_id = "g1",
        .config_drive = true,
        .ports = ports,
        .port_count = 2,
        .volumes = volumes,
        .volume_count = 2,
        .metadata = metadata,
        .tags = tags,
    };
    g_autoptr(json_t) made = NULL;
    replay_sample(f->r, "nova/server-create");
    assert_ok(nova_server_create(&f->c, &s, &made));
    assert_string_equal(json_str(made, "id"), replay_said("nova/server-create", "server/id"));
    assert_null(json_str(made, "adminPass"));
    static const char wanted[] =
        "{\"server\": {\"name\": \"db-1\", \"flavorRef\": \"f1\", \"key_name\": \"lab-key\","
        " \"availability_zone\": \"nova\", \"user_data\": \"I2Nsb3VkLWNvbmZpZwo=\","
        " \"config_drive\": true, \"networks\": [{\"port\": \"port-1\"}, {\"port\": \"port-2\"}],"
        " \"block_device_mapping_v2\": [{\"uuid\": \"root\", \"source_type\": \"volume\","
        " \"destination_type\": \"volume\", \"boot_index\": 0, \"delete_on_termination\": false,"
        " \"device_name\": \"/dev/vda\"}, {\"uuid\": \"data\", \"source_type\": \"volume\","
        " \"destination_type\": \"volume\", \"boot_index\": -1, \"delete_on_termination\": false,"
        " \"tag\": \"db\"}], \"metadata\": {\"protector:epoch\": \"3\"}, \"tags\": [\"blue\"]},"
        " \"os:scheduler_hints\": {\"group\": \"g1\"}}";
    g_autoptr(json_t) expected = NULL;
    assert_ok(json_parse(wanted, sizeof(wanted) - 1, "wanted", &expected));
    assert_json_equal(replay_last(f->r)->body, expected);
    assert_string_equal(replay_last(f->r)->microversion, "compute 2.93");
}

static void a_server_without_ports_gets_no_network(void **state)
{
    struct fixture *f = *state;
    struct nova_new_server s = {.name = "x", .flavor_id = "f"};
    g_autoptr(json_t) made = NULL;
    replay_sample(f->r, "nova/server-create");
    assert_ok(nova_server_create(&f->c, &s, &made));
    assert_string_equal(json_str_at(replay_last(f->r)->body, "server/networks"), "none");
    assert_null(json_at(replay_last(f->r)->body, "server/tags"));
    assert_null(json_at(replay_last(f->r)->body, "server/key_name"));
}

static void refusals_of_a_create(void **state)
{
    struct fixture *f = *state;
    struct nova_new_server s = {.name = "x", .flavor_id = "f"};
    json_t *none = NULL;
    replay_sample(f->r, "nova/over-quota-403");
    assert_err(nova_server_create(&f->c, &s, &none), ERR_CLOUD_QUOTA, "already used 2 of 2");
    replay_sample(f->r, "nova/server-create-409-port-in-use");
    assert_err(nova_server_create(&f->c, &s, &none), ERR_CLOUD_CONFLICT, "is still in use");
    replay_fails(f->r, "POST", NOVA "/servers", FOREVER, ERR_NET_LOST);
    assert_err(nova_server_create(&f->c, &s, &none), ERR_CLOUD_AMBIGUOUS, "POST /servers");
}

static void actions_are_sent_as_recorded(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) start = replay_request_body("nova/server-start");
    g_autoptr(json_t) stop = replay_request_body("nova/server-stop");
    replay_sample(f->r, "nova/server-start");
    assert_ok(nova_server_start(&f->c, WEB_1));
    assert_json_equal(replay_last(f->r)->body, start);
    assert_ok(nova_server_stop(&f->c, WEB_1));
    assert_json_equal(replay_last(f->r)->body, stop);
    assert_ok(nova_server_lock(&f->c, WEB_1, "protector: demoted"));
    assert_string_equal(json_str_at(replay_last(f->r)->body, "lock/locked_reason"),
                        "protector: demoted");
    assert_ok(nova_server_unlock(&f->c, WEB_1));
    assert_true(json_is_null(json_object_get(replay_last(f->r)->body, "unlock")));
    replay_sample(f->r, "nova/server-stop-409");
    assert_err(nova_server_stop(&f->c, WEB_1), ERR_CLOUD_CONFLICT, "vm_state stopped");
}

static void a_delete_is_fine_with_gone(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "nova/server-delete");
    assert_ok(nova_server_delete(&f->c, TMP));
    replay_sample_at(f->r, "DELETE", NOVA "/servers/*", FOREVER, "nova/server-404");
    assert_ok(nova_server_delete(&f->c, TMP));
    replay_text(f->r, "DELETE", NOVA "/servers/*", FOREVER, 404, "<html>");
    assert_err(nova_server_delete(&f->c, TMP), ERR_CLOUD_ERROR, NULL);
}

static void metadata_is_added(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) pairs = json_pack("{s:s}", NOVA_KEY_EPOCH, "7");
    replay_sample_at(f->r, "POST", NOVA "/servers/*/metadata", FOREVER, "nova/server-metadata");
    assert_ok(nova_metadata_set(&f->c, WEB_1, pairs));
    assert_string_equal(json_str_at(replay_last(f->r)->body, "metadata/protector:epoch"), "7");
    replay_text(f->r, "DELETE", NOVA "/servers/*/metadata/protector%3Aepoch", FOREVER, 404,
                "{\"itemNotFound\": {\"message\": \"Metadata item was not found\"}}");
    assert_ok(nova_metadata_delete(&f->c, WEB_1, NOVA_KEY_EPOCH));
}

/* ---- around servers ---- */

static void flavors_keys_zones_limits(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) flavors = NULL, key = NULL, zones = NULL, limits = NULL, services = NULL;
    replay_sample_at(f->r, "GET", NOVA "/flavors/detail*", FOREVER, "nova/flavors-detail-mv");
    assert_ok(nova_flavor_list(&f->c, true, &flavors));
    assert_int_equal(json_array_size(flavors), 3);
    assert_string_equal(replay_last(f->r)->url, NOVA "/flavors/detail?is_public=none");
    replay_sample_at(f->r, "GET", NOVA "/os-keypairs/lab-key*", FOREVER, "nova/os-keypairs-mv");
    assert_ok(nova_keypair_get(&f->c, "lab-key", "u1", &key));
    assert_string_equal(replay_last(f->r)->url, NOVA "/os-keypairs/lab-key?user_id=u1");
    assert_string_equal(json_str(key, "type"), "ssh");
    replay_sample(f->r, "nova/os-availability-zone");
    assert_ok(nova_zone_list(&f->c, &zones));
    assert_string_equal(json_str(json_array_get(zones, 0), "zoneName"), "nova");
    replay_sample(f->r, "nova/limits");
    assert_ok(nova_limits(&f->c, &limits));
    assert_int_equal(json_int(limits, "totalInstancesUsed", -5), 2);
    replay_sample(f->r, "nova/os-services");
    assert_ok(nova_service_list(&f->c, &services));
    assert_int_equal(json_array_size(services), 3);
}

static void a_key_is_imported(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) key = NULL;
    json_t *none = NULL;
    replay_sample_at(f->r, "POST", NOVA "/os-keypairs", FOREVER, "nova/os-keypairs-mv");
    assert_ok(nova_keypair_create(&f->c, "lab-key", NULL, "ssh-rsa AAA", &key));
    const json_t *body = json_obj(replay_last(f->r)->body, "keypair");
    assert_string_equal(json_str(body, "public_key"), "ssh-rsa AAA");
    assert_string_equal(json_str(body, "type"), "ssh");
    replay_sample(f->r, "nova/keypair-409");
    assert_err(nova_keypair_create(&f->c, "lab-key", NULL, "ssh-rsa AAA", &none),
               ERR_CLOUD_CONFLICT, "already exists");
}

static void server_groups(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) list = NULL, made = NULL;
    replay_sample(f->r, "nova/os-server-groups");
    assert_ok(nova_group_list(&f->c, &list));
    assert_int_equal(json_array_size(list), 0);
    g_autoptr(json_t) rules = json_pack("{s:i}", "max_server_per_host", 2);
    replay_text(f->r, "POST", NOVA "/os-server-groups", FOREVER, 200,
                "{\"server_group\": {\"id\": \"g\", \"policy\": \"anti-affinity\"}}");
    assert_ok(nova_group_create(&f->c, "app", "anti-affinity", rules, &made));
    const json_t *body = json_obj(replay_last(f->r)->body, "server_group");
    assert_string_equal(json_str(body, "policy"), "anti-affinity");
    assert_int_equal(json_int(json_obj(body, "rules"), "max_server_per_host", 0), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_is_read),
        TEST(a_building_and_a_broken_server),
        TEST(a_server_that_is_not_there),
        TEST(a_project_is_listed_by_its_own_or_by_an_admin),
        TEST(a_cell_that_is_down_is_no_absence),
        TEST(whole_lists_are_not_partial),
        TEST(attachments_and_interfaces),
        TEST(a_server_is_made_from_ports_and_volumes),
        TEST(a_server_without_ports_gets_no_network),
        TEST(refusals_of_a_create),
        TEST(actions_are_sent_as_recorded),
        TEST(a_delete_is_fine_with_gone),
        TEST(metadata_is_added),
        TEST(flavors_keys_zones_limits),
        TEST(a_key_is_imported),
        TEST(server_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
