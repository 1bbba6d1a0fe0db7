/* SPDX-License-Identifier: Apache-2.0 */
/* capture_drift - what a member's cloud shows and its capture does not, in words (B22). */
#include "cloud/capture_drift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"

static json_t *parse(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);

    assert_non_null(j);
    return j;
}

/* Site "s" holds member m as server s1, with volumes v1 (2 GiB) and v2, and one port. */
static const char body_text[] =
    "{\"members\":[{\"id\":\"m\",\"instance_id\":\"s1\",\"instance_name\":\"web\",\"config\":{"
    "\"flavor\":{\"name\":\"tiny\",\"vcpus\":1,\"ram_mib\":512,\"disk_gib\":0},\"ports\":[{\"id\":"
    "\"p1\",\"network_id\":\"n1\",\"network_name\":\"app\",\"fixed_ips\":[{\"ip\":\"10.0.0.5\"},"
    "{\"ip\":\"10.0.0.4\"}]}]},\"volumes\":[{\"id\":\"v1\",\"name\":\"root\",\"size\":2},{\"id\":"
    "\"v2\",\"name\":\"data\",\"size\":3}]}],\"sites\":{\"s\":{\"local\":{\"servers\":{\"m\":"
    "\"s1\"},\"volumes\":{\"v1\":\"v1\",\"v2\":\"v2\"}}}}}";
static const char server_text[] =
    "{\"id\":\"s1\",\"name\":\"web\",\"flavor\":{\"original_name\":\"tiny\",\"vcpus\":1,\"ram\":"
    "512,\"disk\":0},\"os-extended-volumes:volumes_attached\":[{\"id\":\"v1\"},{\"id\":\"v2\"}]}";
static const char volumes_text[] = "[{\"id\":\"v1\",\"size\":2},{\"id\":\"v2\",\"size\":3},"
                                   "{\"id\":\"v3\",\"name\":\"logs\",\"size\":1}]";
static const char ports_text[] =
    "[{\"id\":\"p1\",\"device_id\":\"s1\",\"network_id\":\"n1\",\"fixed_ips\":[{\"ip_address\":"
    "\"10.0.0.4\"},{\"ip_address\":\"10.0.0.5\"}]},{\"id\":\"p9\",\"device_id\":\"s9\","
    "\"network_id\":\"n1\",\"fixed_ips\":[]}]";

struct cloud_now {
    json_t *body, *servers, *volumes, *ports;
};

static void drift_is(const struct cloud_now *now, const char *expected)
{
    struct capture_lists lists = {now->servers, now->volumes, now->ports};
    const json_t *member = json_array_get(json_arr(now->body, "members"), 0);
    g_autoptr(json_t) found = capture_drift(now->body, "s", member, &lists);
    g_autofree char *text = json_print(found);

    assert_string_equal(text, expected);
}

/* 'at' (a path, "" the list itself) of 'which' becomes 'to' (JSON). */
static const struct row {
    const char *which, *at, *to, *says;
} rows[] = {
    {"", "", "", "[]"},
    {"server", "name", "\"other\"", "[\"it is called 'other', captured as 'web'\"]"},
    {"server", "flavor", "{\"original_name\":\"big\",\"vcpus\":1,\"ram\":512,\"disk\":0}",
     "[\"its flavor is 'big', captured as 'tiny'\"]"},
    {"server", "flavor", "{\"original_name\":\"tiny\",\"vcpus\":1,\"ram\":1024,\"disk\":0}",
     "[\"its flavor is 'tiny', captured as 'tiny'\"]"},
    {"server", "os-extended-volumes:volumes_attached",
     "[{\"id\":\"v1\"},{\"id\":\"v2\"},{\"id\":\"v3\"}]",
     "[\"volume 'logs' (v3) is attached and not captured\"]"},
    {"server", "os-extended-volumes:volumes_attached", "[{\"id\":\"v1\"}]",
     "[\"volume 'data' (v2) is captured and not attached any more\"]"},
    {"volume", "size", "5", "[\"volume 'root' (v1) has 5 GiB, captured with 2\"]"},
    {"port", "device_id", "\"s9\"",
     "[\"port p1 on network 'app' is captured and not attached any more\"]"},
    {"port", "network_id", "\"n2\"", "[\"port p1 is on network n2, captured on 'app'\"]"},
    {"port", "fixed_ips", "[{\"ip_address\":\"10.0.0.4\"}]",
     "[\"port p1 on network 'app' has the addresses (10.0.0.4), captured with (10.0.0.4, "
     "10.0.0.5)\"]"},
    {"other port", "device_id", "\"s1\"",
     "[\"port p9 () on network n1 is attached and not captured\"]"},
};

static void each_thing_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) body = parse(body_text);
        g_autoptr(json_t) servers = json_pack("[o]", parse(server_text));
        g_autoptr(json_t) volumes = parse(volumes_text);
        g_autoptr(json_t) ports = parse(ports_text);
        struct cloud_now now = {body, servers, volumes, ports};
        json_t *which = g_str_equal(rows[i].which, "server")       ? json_array_get(servers, 0)
                        : g_str_equal(rows[i].which, "volume")     ? json_array_get(volumes, 0)
                        : g_str_equal(rows[i].which, "port")       ? json_array_get(ports, 0)
                        : g_str_equal(rows[i].which, "other port") ? json_array_get(ports, 1)
                                                                   : NULL;
        if (which != NULL)
            json_object_set_new(which, rows[i].at, json_loads(rows[i].to, JSON_DECODE_ANY, NULL));
        drift_is(&now, rows[i].says);
    }
}

static void a_server_that_is_gone(void **state)
{
    g_autoptr(json_t) body = parse(body_text);
    g_autoptr(json_t) none = json_array();
    struct cloud_now now = {body, none, none, none};
    (void)state;

    drift_is(&now, "[\"its server (s1) is gone\"]");
}

/* Recovered as another server: what was mapped is no drift, a volume that was attached is. */
static void a_recovered_server(void **state)
{
    g_autoptr(json_t) body = parse(body_text);
    g_autoptr(json_t) servers = json_pack("[o]", parse(server_text));
    g_autoptr(json_t) volumes = parse(volumes_text);
    g_autoptr(json_t) none = json_array();
    json_t *server = json_array_get(servers, 0);
    struct cloud_now now = {body, servers, volumes, none};
    (void)state;

    json_object_set_new(json_array_get(json_arr(body, "members"), 0), "instance_id",
                        json_string("elsewhere"));
    json_set_str(json_obj(server, "flavor"), "original_name", "mapped");
    drift_is(&now, "[]");
    json_array_append_new(json_arr(server, "os-extended-volumes:volumes_attached"),
                          json_pack("{s:s}", "id", "v3"));
    drift_is(&now, "[\"volume 'logs' (v3) is attached and not captured\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thing_is_said),
        cmocka_unit_test(a_server_that_is_gone),
        cmocka_unit_test(a_recovered_server),
    };
    return cmocka_run_group_tests_name("drift", tests, NULL, NULL);
}
