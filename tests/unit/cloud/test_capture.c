/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture - a whole server from the recorded replies; NIC and volume order, security groups and
 * their references; and every reason against protecting a server.
 */
#include "tests/unit/cloud/replay.h"

#include "cloud/capture.h"
#include "cloud/capture_internal.h"

#define NOVA    REPLAY_A ":8774/v2.1"
#define CINDER  REPLAY_A ":8776/v3/P"
#define NEUTRON REPLAY_A ":9696/v2.0"
#define WEB_1   "nova/server-show-web-1-admin-mv"

static json_t *parse(const char *text)
{
    json_t *j = NULL;
    assert_ok(json_parse(text, strlen(text), "test", &j));
    return j;
}

/* ---- with the recordings ---- */

/* Serves a (possibly changed) object as the answer. */
static void serve(struct replay *r, const char *url, const char *key, json_t *value)
{
    g_autoptr(json_t) body = json_object();
    json_set(body, key, json_incref(value));
    g_autofree char *text = json_print(body);
    replay_text(r, "GET", url, FOREVER, 200, text);
}

/* The recorded web-1 and all around it, in the project of the recorded token. */
static void serve_web_1(struct replay *r)
{
    g_autoptr(json_t) server = replay_body_at(WEB_1, "server");
    g_autoptr(json_t) volumes = replay_body_at("cinder/volumes-detail-mv", "volumes");
    json_set_str(server, "tenant_id", replay_said("keystone/token-project", "token/project/id"));
    size_t i;
    json_t *volume;
    json_array_foreach(volumes, i, volume)
    {
        json_set_str(volume, "os-vol-host-attr:host", "cinder-a@lab#lab"); /* as an admin sees it */
    }
    replay_basics(r);
    serve(r, NOVA "/servers/*", "server", server);
    serve(r, CINDER "/volumes/detail?all_tenants=1&project_id=*", "volumes", volumes);
    replay_sample_at(r, "GET", NOVA "/servers/*/os-volume_attachments", FOREVER,
                     "nova/server-os-volume_attachments-mv");
    replay_sample_at(r, "GET", NOVA "/os-keypairs/lab-key?user_id=*", FOREVER,
                     "nova/os-keypairs-mv");
    /* Neutron filters by device; the recorded list holds everything, so it is filtered here. */
    g_autoptr(json_t) ports = replay_body_at("neutron/ports", "ports");
    for (size_t n = json_array_size(ports); n-- > 0;)
        if (g_strcmp0(json_str(json_array_get(ports, n), "device_id"), json_str(server, "id")) != 0)
            json_array_remove(ports, n);
    serve(r, NEUTRON "/ports?device_id=*", "ports", ports);
    replay_sample_at(r, "GET", NEUTRON "/floatingips?port_id=*", FOREVER, "neutron/floatingips");
    replay_sample_at(r, "GET", NEUTRON "/security-groups", FOREVER, "neutron/security-groups");
    replay_sample_at(r, "GET", NEUTRON "/networks?id=*", FOREVER, "neutron/networks");
    replay_sample_at(r, "GET", NEUTRON "/subnets?network_id=*", FOREVER, "neutron/subnets");
}

static void the_recorded_server_is_captured(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    serve_web_1(r);
    AUTO(cloud_session) s = replay_session(r, &replay_tenant);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_server(&c, &c, replay_id(WEB_1), &capture));
    assert_string_equal(json_str(capture, "id"), replay_id(WEB_1));
    assert_string_equal(json_str(capture, "name"), "web-1");
    assert_string_equal(json_str(capture, "status"), "ACTIVE");
    assert_string_equal(json_str(capture, "boot"), "volume");
    assert_string_equal(json_str(capture, "availability_zone"), "nova");
    assert_string_equal(json_str(capture, "root_device"), "/dev/vda");
    assert_false(json_bool(capture, "config_drive", true));
    assert_false(json_bool(capture, "locked", true));
    assert_string_equal(json_str_at(capture, "flavor/name"), "m1.tiny");
    assert_int_equal(json_int(json_obj(capture, "flavor"), "ram_mib", 0), 512);
    assert_int_equal(json_int(json_obj(capture, "flavor"), "vcpus", 0), 1);
    assert_int_equal(json_int(json_obj(capture, "flavor"), "disk_gib", 0), 1);
    assert_string_equal(json_str_at(capture, "image/name"), "tiny");
    assert_string_equal(json_str_at(capture, "key/name"), "lab-key");
    assert_true(g_str_has_prefix(json_str_at(capture, "key/public_key"), "ssh-rsa "));
    assert_string_equal(json_str_at(capture, "metadata/tier"), "web");
    assert_int_equal(json_array_size(json_arr(capture, "tags")), 0);
    assert_true(json_is_null(json_object_get(capture, "server_group")));
    assert_true(json_is_null(json_object_get(capture, "user_data")));

    assert_int_equal(json_array_size(json_arr(capture, "volumes")), 2);
    const json_t *root = json_array_get(json_arr(capture, "volumes"), 0);
    assert_string_equal(json_str(root, "name"), "root-web-1");
    assert_string_equal(json_str(root, "device"), "/dev/vda");
    assert_int_equal(json_int(root, "boot_index", -5), 0);
    assert_int_equal(json_int(root, "size", 0), 1);
    assert_true(json_bool(root, "bootable", false));
    assert_string_equal(json_str(root, "type"), "replicated-ssd");
    assert_string_equal(json_str(root, "host"), "cinder-a@lab#lab");
    assert_string_equal(json_str_at(root, "image_metadata/hw_disk_bus"), "virtio");
    const json_t *data = json_array_get(json_arr(capture, "volumes"), 1);
    assert_int_equal(json_int(data, "boot_index", -5), -1);
    assert_false(json_bool(data, "bootable", true));

    assert_int_equal(json_array_size(json_arr(capture, "ports")), 1);
    const json_t *port = json_array_get(json_arr(capture, "ports"), 0);
    const json_t *ip = json_array_get(json_arr(port, "fixed_ips"), 0);
    const json_t *floating = json_array_get(json_arr(port, "floating_ips"), 0);
    assert_string_equal(json_str(port, "network_name"), "net-app");
    assert_true(g_str_has_prefix(json_str(port, "mac"), "fa:16:3e:"));
    assert_string_equal(json_str(ip, "cidr"), "10.10.1.0/24");
    assert_string_equal(json_str(ip, "subnet_name"), "subnet-app");
    assert_string_equal(json_str(floating, "network_name"), "public");
    assert_string_equal(json_str(floating, "fixed_ip"), json_str(ip, "ip"));
    assert_int_equal(json_array_size(json_arr(port, "security_groups")), 2);
    const json_t *groups = json_arr(capture, "security_groups");
    assert_int_equal(json_array_size(groups), 2);
    const json_t *web = cloud_find(groups, "name", "web");
    assert_int_equal(json_array_size(json_arr(web, "rules")), 5);
    const json_t *own = cloud_find(json_arr(cloud_find(groups, "name", "default"), "rules"),
                                   "remote_group", "default");
    assert_non_null(own); /* the default group lets its own members in */

    unsigned logins = replay_count(r, "POST", "*"), documents = 2;
    assert_true(r->asked->len - logins - documents <= 11);
    replay_destroy(r);
}

static void a_server_of_another_project_is_not_found(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    serve_web_1(r);
    g_autoptr(json_t) server = replay_body_at(WEB_1, "server");
    json_set_str(server, "tenant_id", "somebody-elses");
    serve(r, NOVA "/servers/*", "server", server);
    AUTO(cloud_session) s = replay_session(r, &replay_tenant);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    json_t *none = NULL;
    assert_err(capture_server(&c, &c, replay_id(WEB_1), &none), ERR_CLOUD_NOT_FOUND,
               "could not be found");
    replay_destroy(r);
}

static void a_key_that_was_deleted_is_no_error(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    serve_web_1(r);
    replay_text(r, "GET", NOVA "/os-keypairs/*", FOREVER, 404,
                "{\"itemNotFound\": {\"message\": \"Keypair not found\"}}");
    AUTO(cloud_session) s = replay_session(r, &replay_tenant);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_server(&c, &c, replay_id(WEB_1), &capture));
    assert_string_equal(json_str_at(capture, "key/name"), "lab-key");
    assert_true(json_is_null(json_at(capture, "key/public_key")));
    replay_destroy(r);
}

static void every_failing_call_fails_the_capture(void **state)
{
    (void)state;
    static const char *const urls[] = {
        NOVA "/servers/*",
        NOVA "/servers/*/os-volume_attachments",
        CINDER "/volumes/*",
        NEUTRON "/ports*",
        NEUTRON "/floatingips*",
        NEUTRON "/security-groups",
        NEUTRON "/networks*",
        NEUTRON "/subnets*",
        NOVA "/os-keypairs/lab-key?*",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        struct replay *r = replay_create();
        serve_web_1(r);
        replay_text(r, "GET", urls[i], FOREVER, 503, "{\"message\": \"no\"}");
        AUTO(cloud_session) s = replay_session(r, &replay_tenant);
        struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
        json_t *none = NULL;
        assert_err(capture_server(&c, &c, replay_id(WEB_1), &none), ERR_CLOUD_BUSY,
                   "cannot read the configuration of server");
        assert_null(none);
        replay_destroy(r);
    }
}

/* ---- forming ---- */

static struct capture_facts facts(const char *server)
{
    return (struct capture_facts){
        .server = parse(server),
        .attachments = json_array(),
        .volumes = json_array(),
        .ports = json_array(),
        .floating_ips = json_array(),
        .security_groups = json_array(),
        .networks = json_array(),
        .subnets = json_array(),
    };
}

static void add_volume(struct capture_facts *f, const char *id, const char *device, bool bootable)
{
    json_array_append_new(f->attachments, json_pack("{s:s, s:s, s:b}", "volumeId", id, "device",
                                                    device, "delete_on_termination", 1));
    json_array_append_new(f->volumes,
                          json_pack("{s:s, s:s, s:i, s:s}", "id", id, "name", id, "size", 3,
                                    "bootable", bootable ? "true" : "false"));
}

/* The ids at 'key' of the capture, with commas. */
static char *ids(const json_t *capture, const char *key)
{
    GString *text = g_string_new(NULL);
    size_t i;
    json_t *item;
    json_array_foreach(json_arr(capture, key), i, item)
    {
        g_string_append_printf(text, "%s%s", i > 0 ? "," : "", json_str(item, "id"));
    }
    return g_string_free(text, FALSE);
}

static void volumes_come_root_first_then_by_device(void **state)
{
    (void)state;
    struct capture_facts f = facts("{\"id\": \"s\", \"image\": \"\", "
                                   "\"OS-EXT-SRV-ATTR:root_device_name\": \"/dev/vdb\"}");
    add_volume(&f, "aa", "/dev/vdaa", false);
    add_volume(&f, "c", "/dev/vdc", false);
    add_volume(&f, "root", "/dev/vdb", true);
    add_volume(&f, "a", "/dev/vda", true);
    add_volume(&f, "ab", "/dev/vdab", false);
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_form("site-a", &f, &capture));
    g_autofree char *order = ids(capture, "volumes");
    assert_string_equal(order, "root,a,c,aa,ab");
    const json_t *root = json_array_get(json_arr(capture, "volumes"), 0);
    assert_int_equal(json_int(root, "boot_index", -5), 0);
    assert_true(json_bool(root, "delete_on_termination", false));
    capture_facts_fini(&f);
}

static void without_a_root_device_the_bootable_volume_is_the_root(void **state)
{
    (void)state;
    struct capture_facts f = facts("{\"id\": \"s\", \"image\": \"\"}");
    add_volume(&f, "a", "/dev/vda", false);
    add_volume(&f, "b", "/dev/vdb", true);
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_form("site-a", &f, &capture));
    g_autofree char *order = ids(capture, "volumes");
    assert_string_equal(order, "b,a");
    add_volume(&f, "c", "/dev/vdc", true); /* one of two: the first device then */
    g_autoptr(json_t) again = NULL;
    assert_ok(capture_form("site-a", &f, &again));
    g_autofree char *both = ids(again, "volumes");
    assert_string_equal(both, "a,b,c");
    capture_facts_fini(&f);
}

static void an_image_booted_server_has_no_root_volume(void **state)
{
    (void)state;
    struct capture_facts f = facts("{\"id\": \"s\", \"image\": {\"id\": \"i1\"}}");
    f.image = parse("{\"id\": \"i1\", \"name\": \"tiny\"}");
    add_volume(&f, "data", "/dev/vdb", true);
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_form("site-a", &f, &capture));
    assert_string_equal(json_str(capture, "boot"), "image");
    assert_string_equal(json_str_at(capture, "image/name"), "tiny");
    const json_t *data = json_array_get(json_arr(capture, "volumes"), 0);
    assert_int_equal(json_int(data, "boot_index", -5), -1);
    capture_facts_fini(&f);
}

static void a_volume_in_no_list_is_partial(void **state)
{
    (void)state;
    struct capture_facts f = facts("{\"id\": \"s\", \"name\": \"web\", \"image\": \"\"}");
    add_volume(&f, "a", "/dev/vda", true);
    json_array_clear(f.volumes);
    json_t *none = NULL;
    assert_err(capture_form("site-a", &f, &none), ERR_CLOUD_PARTIAL, "volume a of server 'web'");
    capture_facts_fini(&f);
}

static void add_port(struct capture_facts *f, const char *id, const char *mac, const char *age,
                     const char *group)
{
    json_array_append_new(f->ports, json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "id", id,
                                              "mac_address", mac, "created_at", age, "network_id",
                                              "n", "security_groups", group));
}

static void nics_come_in_the_order_of_the_addresses(void **state)
{
    (void)state;
    struct capture_facts f =
        facts("{\"id\": \"s\", \"image\": \"\", \"addresses\": {"
              "\"z-net\": [{\"OS-EXT-IPS-MAC:mac_addr\": \"m1\"}, {\"OS-EXT-IPS-MAC:mac_addr\": "
              "\"m2\"}], \"a-net\": [{\"OS-EXT-IPS-MAC:mac_addr\": \"m3\"}]}}");
    json_array_append_new(f.security_groups, parse("{\"id\": \"g\", \"name\": \"web\"}"));
    add_port(&f, "young", "none-2", "2026-02-02", "g");
    add_port(&f, "third", "m3", "2026-01-01", "g");
    add_port(&f, "old", "none-1", "2026-02-01", "g");
    add_port(&f, "second", "m2", "2026-01-01", "g");
    add_port(&f, "first", "m1", "2026-03-01", "g");
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_form("site-a", &f, &capture));
    g_autofree char *order = ids(capture, "ports");
    assert_string_equal(order, "first,second,third,old,young");
    const json_t *port = json_array_get(json_arr(capture, "ports"), 0);
    assert_string_equal(json_string_value(json_array_get(json_arr(port, "security_groups"), 0)),
                        "web");
    assert_string_equal(json_str(port, "vnic_type"), "normal");
    assert_true(json_bool(port, "port_security", false));
    assert_int_equal(json_array_size(json_arr(port, "allowed_address_pairs")), 0);
    capture_facts_fini(&f);
}

static void groups_that_rules_name_come_along_once(void **state)
{
    (void)state;
    struct capture_facts f = facts("{\"id\": \"s\", \"image\": \"\"}");
    f.security_groups = (json_decref(f.security_groups),
                         parse("[{\"id\": \"x\", \"name\": \"unused\"},"
                               " {\"id\": \"b\", \"name\": \"db\", \"stateful\": false,"
                               "  \"security_group_rules\": [{\"remote_group_id\": \"a\"}]},"
                               " {\"id\": \"a\", \"name\": \"web\", \"security_group_rules\":"
                               "  [{\"remote_group_id\": \"b\", \"direction\": \"ingress\","
                               "    \"protocol\": \"tcp\", \"port_range_min\": 1,"
                               "    \"port_range_max\": 2},"
                               "   {\"remote_group_id\": \"foreign\"}]}]"));
    add_port(&f, "p", "m", "t", "a");
    add_port(&f, "q", "m2", "t", "a");
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_form("site-a", &f, &capture));
    g_autofree char *order = ids(capture, "security_groups");
    assert_string_equal(order, "a,b");
    const json_t *web = json_array_get(json_arr(capture, "security_groups"), 0);
    const json_t *db = json_array_get(json_arr(capture, "security_groups"), 1);
    const json_t *rule = json_array_get(json_arr(web, "rules"), 0);
    const json_t *foreign = json_array_get(json_arr(web, "rules"), 1);
    assert_string_equal(json_str(rule, "remote_group"), "db");
    assert_int_equal(json_int(rule, "port_max", 0), 2);
    assert_null(json_str(foreign, "remote_group"));
    assert_string_equal(json_str(foreign, "remote_group_id"), "foreign");
    assert_false(json_bool(db, "stateful", true));
    assert_true(json_bool(web, "stateful", false));
    json_array_clear(f.security_groups);
    json_t *none = NULL;
    assert_err(capture_form("site-a", &f, &none), ERR_CLOUD_PARTIAL, "security group a");
    json_t *port = json_array_get(f.ports, 0);
    json_set(port, "security_groups", parse("[7]"));
    assert_err(capture_form("site-a", &f, &none), ERR_CLOUD_PARTIAL, "security group ?");
    capture_facts_fini(&f);
}

static void a_server_has_a_size(void **state)
{
    (void)state;
    struct capture_facts f = facts("{\"id\": \"s\", \"image\": \"\"}");
    json_t *none = NULL;
    for (int i = 0; i <= CAPTURE_VOLUMES_MAX; i++) {
        g_autofree char *device = g_strdup_printf("/dev/vd%03d", i);
        add_volume(&f, device, device, i == 0);
    }
    assert_err(capture_form("site-a", &f, &none), ERR_CLOUD_BAD_REQUEST, "more than 64 volumes");
    json_array_remove(f.attachments, CAPTURE_VOLUMES_MAX);
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_form("site-a", &f, &capture));
    assert_int_equal(json_array_size(json_arr(capture, "volumes")), CAPTURE_VOLUMES_MAX);
    json_array_append_new(f.security_groups, parse("{\"id\": \"g\", \"name\": \"web\"}"));
    for (int i = 0; i <= CAPTURE_PORTS_MAX; i++) {
        g_autofree char *id = g_strdup_printf("port-%d", i);
        add_port(&f, id, id, "2026-01-01", "g");
    }
    assert_err(capture_form("site-a", &f, &none), ERR_CLOUD_BAD_REQUEST, "or 64 ports");
    capture_facts_fini(&f);
}

static void the_rest_of_a_server(void **state)
{
    (void)state;
    struct capture_facts f =
        facts("{\"id\": \"s\", \"name\": \"db\", \"image\": \"\", \"config_drive\": \"True\","
              " \"locked\": true, \"tags\": [\"t\"], \"OS-EXT-SRV-ATTR:user_data\": \"AA==\","
              " \"description\": \"d\", \"flavor\": {\"original_name\": \"f\", \"ephemeral\": 1,"
              " \"swap\": 2, \"extra_specs\": {\"hw:x\": \"1\"}}}");
    f.server_group = parse("{\"id\": \"g\", \"name\": \"apart\", \"policy\": \"anti-affinity\","
                           " \"rules\": {\"max_server_per_host\": 2}, \"members\": [\"s\"]}");
    g_autoptr(json_t) capture = NULL;
    assert_ok(capture_form("site-a", &f, &capture));
    assert_true(json_bool(capture, "config_drive", false));
    assert_true(json_bool(capture, "locked", false));
    assert_string_equal(json_str(capture, "user_data"), "AA==");
    assert_int_equal(json_array_size(json_arr(capture, "tags")), 1);
    assert_string_equal(json_str_at(capture, "server_group/policy"), "anti-affinity");
    assert_int_equal(json_int(json_at(capture, "server_group/rules"), "max_server_per_host", 0), 2);
    assert_string_equal(json_str_at(capture, "flavor/extra_specs/hw:x"), "1");
    assert_true(json_is_null(json_object_get(capture, "key")));
    assert_true(json_is_null(json_object_get(capture, "image")));
    g_autoptr(json_t) member = capture_member(capture);
    assert_string_equal(json_str(member, "instance_id"), "s");
    assert_string_equal(json_str(member, "instance_name"), "db");
    assert_true(json_is_array(json_object_get(member, "volumes")));
    assert_null(json_at(member, "config/volumes"));
    assert_string_equal(json_str_at(member, "config/user_data"), "AA==");
    assert_non_null(json_arr(capture, "volumes")); /* the capture itself stays whole */
    capture_facts_fini(&f);
}

/* ---- refusals ---- */

/* A server that may be protected. */
#define GOOD                                                                                       \
    "{\"id\": \"s1\", \"name\": \"web-1\", \"status\": \"ACTIVE\", \"boot\": \"volume\","          \
    " \"image\": {\"id\": \"i1\", \"name\": \"tiny\"},"                                            \
    " \"flavor\": {\"name\": \"m1\", \"ephemeral_gib\": 0, \"swap_mib\": 0},"                      \
    " \"ports\": [{\"id\": \"p1\", \"name\": \"eth\", \"vnic_type\": \"normal\"}],"                \
    " \"volumes\": [{\"id\": \"v1\", \"name\": \"root\", \"type\": \"gold\", \"host\": "           \
    "\"h@b#p1\", \"group_id\": null, \"encrypted\": false, \"multiattach\": false},"               \
    " {\"id\": \"v2\", \"name\": \"data\", \"type\": \"gold\", \"host\": \"h@b#p2\","              \
    " \"group_id\": \"own\", \"encrypted\": false, \"multiattach\": false}]}"

static const struct capture_rules rules = {.site = "site-a",
                                           .volume_type = "gold",
                                           .backend = "h@b",
                                           .group_id = "own"};

static void a_good_server_is_not_refused(void **state)
{
    (void)state;
    g_autoptr(json_t) good = parse(GOOD);
    assert_ok(capture_refusal(&rules, good));
    struct capture_rules first = rules;
    first.backend = NULL; /* the first member: it says which backend */
    assert_ok(capture_refusal(&first, good));
    json_set_str(good, "status", "SHUTOFF");
    assert_ok(capture_refusal(&rules, good));
}

/* The id of the group's type counts where both sides have it: names may be given anew. */
static void types_are_compared_by_id(void **state)
{
    (void)state;
    g_autoptr(json_t) capture = parse(GOOD);
    json_t *data = json_array_get(json_arr(capture, "volumes"), 1);
    struct capture_rules by_id = rules;
    by_id.volume_type_id = "t1";
    assert_ok(capture_refusal(&by_id, capture)); /* no ids in Victoria: the name */
    json_set_str(data, "type_id", "t1");
    json_set_str(data, "type", "renamed");
    assert_ok(capture_refusal(&by_id, capture));
    json_set_str(data, "type_id", "t2");
    json_set_str(data, "type", "gold");
    assert_err(capture_refusal(&by_id, capture), ERR_MEMBER_VOLUME_TYPE, "'data' (v2)");
}

/* Changes the good server by one patch: 'path' to an object ("volumes/1" = index), key, JSON. */
struct patch {
    const char *check; /* the row that must refuse */
    const char *where;
    int index; /* in the array 'where', -1: the object 'where' ("" = the server) */
    const char *key;
    const char *value;
    enum err_code code;
    const char *needles[4];
};

static const struct patch patches[] = {
    {"status", "", -1, "status", "\"BUILD\"", ERR_MEMBER_STATUS, {"'web-1' (s1)", "'BUILD'"}},
    {"status", "", -1, "status", "null", ERR_MEMBER_STATUS, {"web-1"}},
    {"boot",
     "",
     -1,
     "boot",
     "\"image\"",
     ERR_MEMBER_IMAGE_BOOTED,
     {"'web-1' (s1)", "'tiny' (i1)", "ephemeral"}},
    {"local_disk",
     "flavor",
     -1,
     "ephemeral_gib",
     "20",
     ERR_MEMBER_LOCAL_DISK,
     {"ephemeral disk", "'m1'", "20 GiB"}},
    {"local_disk",
     "flavor",
     -1,
     "swap_mib",
     "512",
     ERR_MEMBER_LOCAL_DISK,
     {"swap disk", "512 MiB"}},
    {"volume", "", -1, "volumes", "[]", ERR_MEMBER_NO_VOLUME, {"web-1"}},
    {"volume_type",
     "volumes",
     1,
     "type",
     "\"plain\"",
     ERR_MEMBER_VOLUME_TYPE,
     {"volume type mismatch", "'data' (v2)", "'plain'", "'gold'"}},
    {"volume_type",
     "volumes",
     0,
     "type",
     "null",
     ERR_MEMBER_VOLUME_TYPE,
     {"volume type mismatch", "'root' (v1)"}},
    {"backend",
     "volumes",
     1,
     "host",
     "\"h@other#p\"",
     ERR_MEMBER_VOLUME_TYPE,
     {"volume type mismatch", "'data' (v2)", "'h@other'", "'h@b'"}},
    {"backend", "volumes", 1, "host", "null", ERR_CLOUD_FORBIDDEN, {"'data' (v2)", "no admin"}},
    {"encrypted", "volumes", 0, "encrypted", "true", ERR_MEMBER_ENCRYPTED, {"'root' (v1)"}},
    {"multiattach", "volumes", 0, "multiattach", "true", ERR_MEMBER_MULTIATTACH, {"'root' (v1)"}},
    {"other_group",
     "volumes",
     1,
     "group_id",
     "\"theirs\"",
     ERR_MEMBER_OTHER_GROUP,
     {"'data' (v2)", "theirs"}},
    {"vnic_type",
     "ports",
     0,
     "vnic_type",
     "\"direct\"",
     ERR_MEMBER_VNIC_TYPE,
     {"'eth' (p1)", "'direct'", "web-1"}},
};

static json_t *patched(const struct patch *p)
{
    json_t *capture = parse(GOOD);
    json_t *where = *p->where != '\0' ? json_object_get(capture, p->where) : capture;
    if (p->index >= 0)
        where = json_array_get(where, (size_t)p->index);
    json_set(where, p->key, parse(p->value));
    return capture;
}

static void each_reason_is_told_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(patches); i++) {
        const struct patch *p = &patches[i];
        g_autoptr(json_t) capture = patched(p);
        g_autoptr(err_t) e = capture_refusal(&rules, capture);
        if (e == NULL || err_code(e) != p->code)
            fail_msg("patch %zu (%s) gave %s", i, p->check,
                     e != NULL ? err_code_text(e) : "no refusal");
        assert_non_null(strstr(err_message(e), "site-a"));
        for (size_t n = 0; n < 4 && p->needles[n] != NULL; n++)
            if (strstr(err_message(e), p->needles[n]) == NULL)
                fail_msg("'%s' is not in '%s'", p->needles[n], err_message(e));
    }
}

static void each_check_sees_its_own_reason_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(patches); i++) {
        g_autoptr(json_t) capture = patched(&patches[i]);
        for (const struct capture_check *row = capture_checks; row->key != NULL; row++) {
            g_autoptr(err_t) e = row->check(&rules, capture);
            bool wanted = strcmp(row->key, patches[i].check) == 0;
            if ((e != NULL) != wanted)
                fail_msg("check '%s' %s patch %zu (%s)", row->key, wanted ? "misses" : "refuses", i,
                         patches[i].check);
        }
    }
}

static void every_check_has_a_test(void **state)
{
    (void)state;
    for (const struct capture_check *row = capture_checks; row->key != NULL; row++) {
        bool found = false;
        for (size_t i = 0; i < G_N_ELEMENTS(patches); i++)
            found = found || strcmp(patches[i].check, row->key) == 0;
        if (!found)
            fail_msg("no test refuses by '%s'", row->key);
        assert_non_null(row->says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recorded_server_is_captured),
        cmocka_unit_test(a_server_of_another_project_is_not_found),
        cmocka_unit_test(a_key_that_was_deleted_is_no_error),
        cmocka_unit_test(every_failing_call_fails_the_capture),
        cmocka_unit_test(volumes_come_root_first_then_by_device),
        cmocka_unit_test(without_a_root_device_the_bootable_volume_is_the_root),
        cmocka_unit_test(an_image_booted_server_has_no_root_volume),
        cmocka_unit_test(a_volume_in_no_list_is_partial),
        cmocka_unit_test(nics_come_in_the_order_of_the_addresses),
        cmocka_unit_test(groups_that_rules_name_come_along_once),
        cmocka_unit_test(a_server_has_a_size),
        cmocka_unit_test(the_rest_of_a_server),
        cmocka_unit_test(a_good_server_is_not_refused),
        cmocka_unit_test(types_are_compared_by_id),
        cmocka_unit_test(each_reason_is_told_in_words),
        cmocka_unit_test(each_check_sees_its_own_reason_and_no_other),
        cmocka_unit_test(every_check_has_a_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
