/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neutron and glance - lists with filters, ports, security groups, floating IPs, images.
 */
#include "tests/unit/cloud/replay.h"

#include "cloud/glance.h"
#include "cloud/neutron.h"

#define NEUTRON REPLAY_A ":9696/v2.0"
#define GLANCE  REPLAY_A ":9292/v2"
#define NET_APP replay_asked_for("neutron/port-create", "port/network_id")

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

static void lists_as_recorded(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sample;
        err_t *(*list)(const struct cloud *, const struct neutron_filter *, json_t **);
        size_t min;
    } table[] = {
        {"neutron/networks", neutron_network_list, 2},
        {"neutron/subnets", neutron_subnet_list, 1},
        {"neutron/ports", neutron_port_list, 2},
        {"neutron/security-groups", neutron_security_group_list, 2},
        {"neutron/floatingips", neutron_floating_ip_list, 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(json_t) items = NULL;
        replay_sample(f->r, table[i].sample);
        assert_ok(table[i].list(&f->c, NULL, &items));
        assert_true(json_array_size(items) >= table[i].min);
        assert_null(replay_last(f->r)->microversion);
    }
}

static void a_filter_has_several_values(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"a", "b/c", NULL};
    static const char *const nothing[] = {NULL};
    struct neutron_filter filter = {.field = "device_id", .values = values};
    g_autoptr(json_t) ports = NULL, none = NULL;
    replay_sample_at(f->r, "GET", NEUTRON "/ports?*", FOREVER, "neutron/ports");
    assert_ok(neutron_port_list(&f->c, &filter, &ports));
    assert_string_equal(replay_last(f->r)->url, NEUTRON "/ports?device_id=a&device_id=b%2Fc");
    guint before = f->r->asked->len;
    filter.values = nothing;
    assert_ok(neutron_port_list(&f->c, &filter, &none));
    assert_int_equal(json_array_size(none), 0); /* of none of them, none: not all */
    assert_int_equal(f->r->asked->len, before);
}

static void many_values_are_asked_for_in_parts(void **state)
{
    struct fixture *f = *state;
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < 2 * NEUTRON_FILTER_MAX + 1; i++)
        g_ptr_array_add(values, g_strdup_printf("id-%d", i));
    g_ptr_array_add(values, NULL);
    struct neutron_filter filter = {.field = "port_id",
                                    .values = (const char *const *)values->pdata};
    g_autoptr(json_t) all = NULL;
    replay_text(f->r, "GET", NEUTRON "/floatingips?*", FOREVER, 200,
                "{\"floatingips\": [{\"id\": \"x\"}]}");
    assert_ok(neutron_floating_ip_list(&f->c, &filter, &all));
    assert_int_equal(replay_count(f->r, "GET", NEUTRON "/floatingips?*"), 3);
    assert_int_equal(json_array_size(all), 3);
    assert_string_equal(replay_last(f->r)->url, NEUTRON "/floatingips?port_id=id-400");
}

static void a_port_is_made(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) ips = json_pack("[{s:s}]", "ip_address", "10.10.1.77");
    g_autoptr(json_t) groups = json_pack("[s]", "g1");
    g_autoptr(json_t) recorded = replay_request_body("neutron/port-create");
    struct neutron_new_port p = {.name = "dr-port", .network_id = NET_APP, .fixed_ips = ips};
    g_autoptr(json_t) made = NULL, again = NULL, open = NULL;
    replay_sample(f->r, "neutron/port-create");
    assert_ok(neutron_port_create(&f->c, &p, &made));
    assert_json_equal(replay_last(f->r)->body, recorded);
    assert_true(g_str_has_prefix(json_str(made, "mac_address"), "fa:16:3e:"));
    p.project_id = "p1";
    p.mac_address = "fa:16:3e:00:00:01";
    p.security_groups = groups;
    p.description = "protector";
    assert_ok(neutron_port_create(&f->c, &p, &again));
    const json_t *port = json_obj(replay_last(f->r)->body, "port");
    assert_string_equal(json_str(port, "tenant_id"), "p1");
    assert_string_equal(json_str(port, "mac_address"), "fa:16:3e:00:00:01");
    assert_json_equal(json_arr(port, "security_groups"), groups);
    p.without_port_security = true;
    assert_ok(neutron_port_create(&f->c, &p, &open));
    port = json_obj(replay_last(f->r)->body, "port");
    assert_false(json_bool(port, "port_security_enabled", true));
    assert_int_equal(json_array_size(json_arr(port, "security_groups")), 0);
}

static void refusals_of_a_port(void **state)
{
    struct fixture *f = *state;
    struct neutron_new_port p = {.name = "x", .network_id = NET_APP};
    json_t *none = NULL;
    replay_sample(f->r, "neutron/port-409-address-in-use");
    assert_err(neutron_port_create(&f->c, &p, &none), ERR_CLOUD_ADDRESS_TAKEN, "10.10.1.77");
    static const struct {
        const char *type;
        enum err_code code;
    } table[] = {
        {"MacAddressInUse", ERR_CLOUD_ADDRESS_TAKEN},
        {"IpAddressGenerationFailure", ERR_CLOUD_ADDRESS_TAKEN},
        {"OverQuota", ERR_CLOUD_QUOTA},
        {"SomethingElse", ERR_CLOUD_CONFLICT},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *body = g_strdup_printf(
            "{\"NeutronError\": {\"type\": \"%s\", \"message\": \"no\", \"detail\": \"\"}}",
            table[i].type);
        replay_text(f->r, "POST", NEUTRON "/ports", FOREVER, 409, body);
        assert_err(neutron_port_create(&f->c, &p, &none), table[i].code, "409");
    }
}

static void single_objects(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) network = NULL, port = NULL, quota = NULL, extensions = NULL;
    json_t *none = NULL;
    replay_sample(f->r, "neutron/port-show-bound");
    assert_ok(neutron_port_get(&f->c, replay_id("neutron/port-show-bound"), &port));
    assert_string_equal(json_str(port, "device_owner"), "compute:nova");
    replay_text(f->r, "GET", NEUTRON "/networks/*", 1, 200,
                "{\"network\": {\"id\": \"n\", \"name\": \"net-app\"}}");
    assert_ok(neutron_network_get(&f->c, NET_APP, &network));
    assert_string_equal(json_str(network, "name"), "net-app");
    replay_sample_at(f->r, "GET", NEUTRON "/networks/*", 1, "neutron/network-404");
    assert_err(neutron_network_get(&f->c, "00000000-0000-0000-0000-000000000000", &none),
               ERR_CLOUD_NOT_FOUND, NULL);
    replay_sample(f->r, "neutron/quota");
    assert_ok(
        neutron_quota(&f->c, replay_said("keystone/token-project", "token/project/id"), &quota));
    assert_int_equal(json_int(quota, "port", 0), -1);
    replay_sample(f->r, "neutron/extensions");
    assert_ok(neutron_extension_list(&f->c, &extensions));
    assert_non_null(cloud_find(extensions, "alias", "port-security"));
}

static void deletes_are_fine_with_gone(void **state)
{
    struct fixture *f = *state;
    static err_t *(*const deletes[])(const struct cloud *, const char *) = {
        neutron_port_delete,
        neutron_security_group_delete,
        neutron_security_group_rule_delete,
        neutron_floating_ip_delete,
    };
    for (size_t i = 0; i < G_N_ELEMENTS(deletes); i++) {
        replay_text(f->r, "DELETE", NEUTRON "/*/x", 1, 204, "");
        assert_ok(deletes[i](&f->c, "x"));
        replay_sample_at(f->r, "DELETE", NEUTRON "/*/x", 1, "neutron/network-404");
        assert_ok(deletes[i](&f->c, "x"));
        replay_sample_at(f->r, "DELETE", NEUTRON "/*/x", 1, "neutron/network-delete-409");
        assert_err(deletes[i](&f->c, "x"), ERR_CLOUD_CONFLICT, "still in use");
    }
}

static void security_groups_and_rules(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) group = NULL, made = NULL;
    g_autoptr(json_t) recorded = replay_request_body("neutron/security-group-rule-create");
    replay_sample(f->r, "neutron/security-group-create");
    assert_ok(neutron_security_group_create(&f->c, "tmp", NULL, true, &group));
    assert_null(json_at(replay_last(f->r)->body, "security_group/stateful"));
    g_autoptr(json_t) rule = json_deep_copy(json_obj(recorded, "security_group_rule"));
    json_object_del(rule, "security_group_id");
    replay_sample(f->r, "neutron/security-group-rule-create");
    assert_ok(neutron_security_group_rule_create(
        &f->c, json_str_at(recorded, "security_group_rule/security_group_id"), rule, &made));
    assert_json_equal(replay_last(f->r)->body, recorded);
    assert_null(json_str(rule, "security_group_id")); /* the caller's stays as it is */
    json_t *none = NULL;
    replay_sample(f->r, "neutron/security-group-rule-409");
    assert_ok(neutron_security_group_rule_create(&f->c, "g", rule, &none));
    assert_null(none);
    replay_sample_at(f->r, "POST", NEUTRON "/security-group-rules", FOREVER,
                     "neutron/over-quota-409");
    assert_err(neutron_security_group_rule_create(&f->c, "g", rule, NULL), ERR_CLOUD_QUOTA, NULL);
}

static void floating_ips(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) made = NULL;
    replay_text(f->r, "POST", NEUTRON "/floatingips", FOREVER, 201,
                "{\"floatingip\": {\"id\": \"f\", \"floating_ip_address\": \"203.0.113.9\"}}");
    assert_ok(neutron_floating_ip_create(&f->c, "public", "p", NULL, "protector", &made));
    const json_t *body = json_obj(replay_last(f->r)->body, "floatingip");
    assert_string_equal(json_str(body, "port_id"), "p");
    assert_null(json_object_get(body, "floating_ip_address"));
    replay_text(f->r, "PUT", NEUTRON "/floatingips/f", FOREVER, 200, "{\"floatingip\": {}}");
    assert_ok(neutron_floating_ip_associate(&f->c, "f", NULL));
    assert_true(json_is_null(json_at(replay_last(f->r)->body, "floatingip/port_id")));
}

static void images(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) image = NULL, list = NULL;
    json_t *none = NULL;
    replay_sample(f->r, "glance/image-show");
    assert_ok(glance_image_get(&f->c, replay_id("glance/image-show"), &image));
    assert_string_equal(json_str(image, "hw_disk_bus"), "virtio");
    replay_sample(f->r, "glance/image-404");
    assert_err(glance_image_get(&f->c, "00000000-0000-0000-0000-000000000000", &none),
               ERR_CLOUD_NOT_FOUND, "No image found");
    replay_sample_at(f->r, "GET", GLANCE "/images?limit=1000&name=tiny", FOREVER, "glance/images");
    assert_ok(glance_image_list(&f->c, "tiny", &list));
    assert_int_equal(json_array_size(list), 1);
    replay_text(f->r, "GET", GLANCE "/images/i", FOREVER, 200, "{}");
    assert_err(glance_image_get(&f->c, "i", &none), ERR_CLOUD_ERROR, "without an image");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_as_recorded),
        TEST(a_filter_has_several_values),
        TEST(many_values_are_asked_for_in_parts),
        TEST(a_port_is_made),
        TEST(refusals_of_a_port),
        TEST(single_objects),
        TEST(deletes_are_fine_with_gone),
        TEST(security_groups_and_rules),
        TEST(floating_ips),
        TEST(images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
