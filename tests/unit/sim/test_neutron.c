/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_neutron - the rules of the simulated Neutron: whose addresses and MACs, collisions, filters,
 * pages, security groups, floating addresses.
 */
#include "bench.h"

struct place {
    struct bench b;
    struct user prod, admin;
    const char *network;
    char *shared; /* a network of the administrator, shared with all */
};

static void place_open(struct place *p)
{
    bench_open(&p->b, NULL);
    p->prod = login(&p->b, SIM_SITE_A, "prod-user", "prod");
    p->admin = login(&p->b, SIM_SITE_A, "admin", "admin");
    p->network = id_by_name(&p->b, SIM_SITE_A, "networks", "net-app");
    json_decref(expect(&p->admin, "POST", "neutron:/networks",
                       json_pack("{s:{s:s, s:b}}", "network", "name", "shared", "shared", 1), NULL,
                       201));
    p->shared = g_strdup(id_by_name(&p->b, SIM_SITE_A, "networks", "shared"));
    json_decref(expect(&p->admin, "POST", "neutron:/subnets",
                       json_pack("{s:{s:s, s:s, s:i, s:s}}", "subnet", "network_id", p->shared,
                                 "cidr", "10.20.0.0/29", "ip_version", 4, "name", "shared-subnet"),
                       NULL, 201));
}

static void place_close(struct place *p)
{
    g_free(p->shared);
    logout(&p->prod);
    logout(&p->admin);
    bench_close(&p->b);
}

static json_t *port_body(const char *network, const char *name, const char *key, json_t *value)
{
    json_t *port = json_pack("{s:s, s:s}", "network_id", network, "name", name);
    if (key != NULL)
        json_object_set_new(port, key, value);
    return json_pack("{s:o}", "port", port);
}

static json_t *fixed(const char *key, const char *value)
{
    return json_pack("[{s:s}]", key, value);
}

/* On a network of others neither address nor MAC may be chosen; the administrator may. */
static void foreign_network(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    const char *url = "neutron:/ports";
    json_decref(expect(&p.prod, "POST", url, port_body(p.shared, "any", NULL, NULL), NULL, 201));
    expect_error(&p.prod, "POST", url,
                 port_body(p.shared, "x", "fixed_ips", fixed("ip_address", "10.20.0.5")), NULL, 403,
                 "PolicyNotAuthorized");
    expect_error(&p.prod, "POST", url,
                 port_body(p.shared, "x", "mac_address", json_string("fa:16:3e:00:00:01")), NULL,
                 403, "create_port:mac_address");
    json_decref(expect(&p.prod, "POST", url,
                       port_body(p.shared, "by-subnet", "fixed_ips",
                                 fixed("subnet_id",
                                       id_by_name(&p.b, SIM_SITE_A, "subnets", "shared-subnet"))),
                       NULL, 201));
    json_t *body = port_body(p.shared, "by-admin", "fixed_ips", fixed("ip_address", "10.20.0.6"));
    json_object_set_new(json_obj(body, "port"), "project_id", json_string(p.prod.project_id));
    json_object_set_new(json_obj(body, "port"), "mac_address", json_string("fa:16:3e:00:00:02"));
    json_decref(expect(&p.admin, "POST", url, body, NULL, 201));
    const json_t *port = sim_find(p.b.sim, SIM_SITE_A, "ports", "by-admin");
    assert_string_equal(json_str(port, "project_id"), p.prod.project_id);
    place_close(&p);
}

static void collisions(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    const char *url = "neutron:/ports";
    json_t *body = port_body(p.network, "one", "fixed_ips", fixed("ip_address", "10.10.1.9"));
    json_object_set_new(json_obj(body, "port"), "mac_address", json_string("fa:16:3e:00:00:03"));
    json_decref(expect(&p.prod, "POST", url, body, NULL, 201));
    expect_error(&p.prod, "POST", url,
                 port_body(p.network, "two", "fixed_ips", fixed("ip_address", "10.10.1.9")), NULL,
                 409, "IpAddressAlreadyAllocated");
    expect_error(&p.prod, "POST", url,
                 port_body(p.network, "two", "mac_address", json_string("FA:16:3E:00:00:03")), NULL,
                 409, "MacAddressInUse");
    expect_error(&p.prod, "POST", url,
                 port_body(p.network, "two", "fixed_ips", fixed("ip_address", "192.0.2.1")), NULL,
                 400, "InvalidIpForNetwork");
    expect_error(&p.prod, "POST", url, port_body("nowhere", "two", NULL, NULL), NULL, 404,
                 "NetworkNotFound");
    assert_null(sim_find(p.b.sim, SIM_SITE_A, "ports", "two"));
    /* an update may keep what the port has, not take what another has */
    g_autofree char *one =
        g_strconcat("neutron:/ports/", id_by_name(&p.b, SIM_SITE_A, "ports", "one"), NULL);
    json_decref(
        expect(&p.prod, "PUT", one,
               json_pack("{s:{s:o}}", "port", "fixed_ips", fixed("ip_address", "10.10.1.9")), NULL,
               200));
    expect_error(&p.prod, "PUT", one,
                 json_pack("{s:{s:o}}", "port", "fixed_ips", fixed("ip_address", "10.10.1.1")),
                 NULL, 409, "IpAddressAlreadyAllocated");
    json_decref(expect(&p.prod, "DELETE", one, NULL, NULL, 204));
    json_decref(expect(&p.prod, "POST", url,
                       port_body(p.network, "two", "fixed_ips", fixed("ip_address", "10.10.1.9")),
                       NULL, 201));
    place_close(&p);
}

/* 10.20.0.0/29 has five addresses beside the gateway's. */
static void addresses_run_out(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    for (int i = 0; i < 5; i++)
        json_decref(expect(&p.prod, "POST", "neutron:/ports", port_body(p.shared, "x", NULL, NULL),
                           NULL, 201));
    expect_error(&p.prod, "POST", "neutron:/ports", port_body(p.shared, "x", NULL, NULL), NULL, 409,
                 "IpAddressGenerationFailure");
    place_close(&p);
}

static size_t count(const struct user *u, const char *path, const char *key)
{
    g_autoptr(json_t) body = expect(u, "GET", path, NULL, NULL, 200);
    return json_array_size(json_arr(body, key));
}

static void filters_and_pages(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    const struct user *u = &p.prod;
    json_decref(expect(u, "POST", "neutron:/ports",
                       port_body(p.network, "a b", "description", json_string("key-1")), NULL,
                       201));
    assert_int_equal(count(u, "neutron:/ports", "ports"), 4);
    assert_int_equal(count(u, "neutron:/ports?name=a%20b", "ports"), 1);
    assert_int_equal(count(u, "neutron:/ports?description=key-1", "ports"), 1);
    assert_int_equal(count(u, "neutron:/ports?description=key-2", "ports"), 0);
    assert_int_equal(count(u, "neutron:/ports?device_owner=compute:nova", "ports"), 2);
    assert_int_equal(
        count(u, "neutron:/ports?device_owner=compute:nova&device_owner=network:router_interface",
              "ports"),
        3);
    assert_int_equal(count(u, "neutron:/ports?fixed_ips=ip_address%3D10.10.1.1", "ports"), 1);
    assert_int_equal(count(u, "neutron:/networks?router:external=True", "networks"), 1);
    assert_int_equal(count(u, "neutron:/networks?shared=false&name=net-app", "networks"), 1);
    expect_error(u, "GET", "neutron:/ports?colour=red", NULL, NULL, 400,
                 "is invalid attribute for filtering");
    g_autoptr(json_t) few =
        expect(u, "GET", "neutron:/ports?fields=id&fields=name", NULL, NULL, 200);
    assert_int_equal(json_object_size(json_array_get(json_arr(few, "ports"), 0)), 2);
    /* three pages of two, one and the end */
    g_autofree char *next = g_strdup("http://127.0.10.1:9696/v2.0/ports?limit=3");
    size_t seen = 0;
    int pages = 0;
    while (next != NULL) {
        struct answer a = ask_url(&p.b, u->token, "GET", next, NULL, NULL);
        assert_int_equal(a.status, 200);
        seen += json_array_size(json_arr(a.body, "ports"));
        pages++;
        g_free(next);
        next = g_strdup(json_str(json_array_get(json_arr(a.body, "ports_links"), 0), "href"));
        answer_free(&a);
    }
    assert_int_equal(seen, 4);
    assert_int_equal(pages, 2);
    place_close(&p);
}

static void tenants_are_apart(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    json_decref(expect(&p.admin, "POST", "neutron:/networks",
                       json_pack("{s:{s:s}}", "network", "name", "private"), NULL, 201));
    g_autofree char *path = g_strconcat("neutron:/networks/",
                                        id_by_name(&p.b, SIM_SITE_A, "networks", "private"), NULL);
    expect_error(&p.prod, "GET", path, NULL, NULL, 404, "NetworkNotFound");
    assert_int_equal(count(&p.prod, "neutron:/networks?name=private", "networks"), 0);
    expect_error(&p.prod, "POST", "neutron:/networks",
                 json_pack("{s:{s:b}}", "network", "shared", 1), NULL, 403,
                 "create_network:shared");
    g_autofree char *shared = g_strconcat("neutron:/networks/", p.shared, NULL);
    expect_error(&p.prod, "DELETE", shared, NULL, NULL, 403, "PolicyNotAuthorized");
    place_close(&p);
}

static void security_groups(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    const char *web = id_by_name(&p.b, SIM_SITE_A, "security_groups", "web");
    g_autofree char *path = g_strconcat("neutron:/security-groups/", web, NULL);
    expect_error(&p.prod, "DELETE", path, NULL, NULL, 409, "SecurityGroupInUse");
    expect_error(&p.prod, "POST", "neutron:/security-group-rules",
                 json_pack("{s:{s:s, s:s, s:s, s:i, s:i, s:s}}", "security_group_rule",
                           "security_group_id", web, "direction", "ingress", "protocol", "tcp",
                           "port_range_min", 22, "port_range_max", 22, "remote_ip_prefix",
                           "0.0.0.0/0"),
                 NULL, 409, "SecurityGroupRuleExists");
    g_autofree char *def =
        g_strconcat("neutron:/security-groups/",
                    id_by_name(&p.b, SIM_SITE_A, "security_groups", "default"), NULL);
    g_autofree char *all = g_strdup("neutron:/security-groups");
    expect_error(&p.prod, "POST", all, json_pack("{s:{s:s}}", "security_group", "name", "default"),
                 NULL, 409, "SecurityGroupDefaultAlreadyExists");
    json_decref(expect(&p.prod, "GET", def, NULL, NULL, 200));
    /* every project has its own default group, as soon as somebody looks */
    assert_int_equal(count(&p.admin, "neutron:/security-groups?name=default", "security_groups"),
                     2);
    place_close(&p);
}

static void floating_addresses(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    const char *public = id_by_name(&p.b, SIM_SITE_A, "networks", "public");
    json_decref(expect(&p.prod, "POST", "neutron:/ports", port_body(p.network, "spare", NULL, NULL),
                       NULL, 201));
    const char *spare = id_by_name(&p.b, SIM_SITE_A, "ports", "spare");
    g_autoptr(json_t) made = expect(&p.prod, "POST", "neutron:/floatingips",
                                    json_pack("{s:{s:s, s:s}}", "floatingip", "floating_network_id",
                                              public, "port_id", spare),
                                    NULL, 201);
    assert_non_null(json_str_at(made, "floatingip/router_id"));
    expect_error(&p.prod, "POST", "neutron:/floatingips",
                 json_pack("{s:{s:s, s:s}}", "floatingip", "floating_network_id", public, "port_id",
                           spare),
                 NULL, 409, "FloatingIPPortAlreadyAssociated");
    expect_error(&p.prod, "POST", "neutron:/floatingips",
                 json_pack("{s:{s:s}}", "floatingip", "floating_network_id", p.network), NULL, 400,
                 "not a valid external network");
    g_autofree char *path =
        g_strconcat("neutron:/floatingips/", json_str_at(made, "floatingip/id"), NULL);
    g_autoptr(json_t) freed =
        expect(&p.prod, "PUT", path, json_pack("{s:{s:n}}", "floatingip", "port_id"), NULL, 200);
    assert_true(json_is_null(json_object_get(json_obj(freed, "floatingip"), "port_id")));
    size_t ports = json_object_size(sim_table(p.b.sim, SIM_SITE_A, "ports"));
    json_decref(expect(&p.prod, "DELETE", path, NULL, NULL, 204));
    assert_int_equal(json_object_size(sim_table(p.b.sim, SIM_SITE_A, "ports")), ports - 1);
    place_close(&p);
}

static void tags(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    g_autofree char *path = g_strdup_printf("neutron:/networks/%s/tags", p.network);
    json_decref(expect(&p.prod, "PUT", path, json_pack("{s:[s, s]}", "tags", "a", "b"), NULL, 200));
    assert_int_equal(count(&p.prod, "neutron:/networks?tags=a,b", "networks"), 1);
    assert_int_equal(count(&p.prod, "neutron:/networks?tags=a,c", "networks"), 0);
    g_autofree char *one = g_strconcat(path, "/c", NULL);
    json_decref(expect(&p.prod, "PUT", one, NULL, NULL, 201));
    assert_int_equal(count(&p.prod, "neutron:/networks?tags=a,c", "networks"), 1);
    json_decref(expect(&p.prod, "DELETE", one, NULL, NULL, 204));
    json_decref(expect(&p.prod, "DELETE", one, NULL, NULL, 404));
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_network),    cmocka_unit_test(collisions),
        cmocka_unit_test(addresses_run_out),  cmocka_unit_test(filters_and_pages),
        cmocka_unit_test(tenants_are_apart),  cmocka_unit_test(security_groups),
        cmocka_unit_test(floating_addresses), cmocka_unit_test(tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
