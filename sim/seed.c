/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seed - see seed.h.  Every password is "lab".  Identity is seeded in any case; flavors, types,
 * image, networks, keypair and servers not when sim_options.empty asks for bare clouds.
 */
#include "sim/seed.h"

#include <string.h>

#include "sim/advance.h"
#include "sim/cinder.h"
#include "sim/glance.h"
#include "sim/keystone.h"
#include "sim/neutron.h"
#include "sim/nova.h"

static const char lab_key[] =
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCdU6z0BZBdMyQ0Dr688f7zVTu6RQyhPSNNgwJ8RSO7pMig5eXeRz08iK"
    "LgMJYFXuy7rnkZS32vn45YhjYZ8KjBzC0TSktrYlR4dYeAzpG6ndliuRhVYUrmFAz1U0Al4mBaulE0sQ6AtGQcJi9gNHmQ"
    "00SxNTiii4TNZtD0NmD3Z1oXTMPlEH3RI240PrQ6GHrPRCmCsZmErpn1nh8XmsgjDV5e+HGx8d6hOstFBFH1nqgUiLeIgI"
    "XXKN9ij+rCCZBmpC2VJ8Tz7ENvtcbYia9nEystRO3T9C0N9R+sfJUWfp9ueo6YoSzwD3alaJLXgH0bb47sYHOr139d7y75"
    "cgu7 lab\n";

/* ---- identity ---- */

static const char *id_of(struct site *site, const char *table, const char *name)
{
    const json_t *row = sim_site_find(site, table, "name", name);
    g_assert(row != NULL);
    return json_str(row, "id");
}

static void add_project(struct site *site, const char *name, const char *description)
{
    g_autofree char *id = sim_site_hex(site);
    sim_site_add(site, "projects",
                 js("{s:s, s:s, s:s, s:s, s:b, s:s, s:b, s:[], s:{}}", "id", id, "name", name,
                    "domain_id", "default", "description", description, "enabled", 1, "parent_id",
                    "default", "is_domain", 0, "tags", "options"));
}

static const struct {
    const char *user;
    const char *project;
    const char *roles; /* by comma */
    bool mail;
} users[] = {
    {"admin", "admin", "admin", false},
    {"nova", "service", "admin,service", true},
    {"glance", "service", "admin,service", true},
    {"placement", "service", "admin,service", true},
    {"neutron", "service", "admin,service", true},
    {"cinder", "service", "admin,service", true},
    {"protector", "service", "admin", true},
    {"prod-user", "prod", "member", true},
};

static void add_user(struct site *site, size_t i)
{
    g_autofree char *id = sim_site_hex(site);
    g_autofree char *mail =
        users[i].mail ? g_strdup_printf("%s@%s.example", users[i].user, site->options.name) : NULL;
    sim_site_add(site, "users",
                 js("{s:s, s:s, s:s, s:s, s:o, s:b}", "id", id, "name", users[i].user, "domain_id",
                    "default", "password", "lab", "email", js_str(mail), "enabled", 1));
    g_auto(GStrv) roles = g_strsplit(users[i].roles, ",", -1);
    for (guint r = 0; roles[r] != NULL; r++)
        sim_keystone_role_add(site, id, id_of(site, "projects", users[i].project),
                              id_of(site, "roles", roles[r]));
}

static void seed_people(struct site *site)
{
    static const char *const roles[] = {"admin", "member", "reader", "service"};
    sim_site_add(site, "domains", js("{s:s, s:s}", "id", "default", "name", "Default"));
    for (size_t i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_autofree char *id = sim_site_hex(site);
        sim_site_add(site, "roles",
                     js("{s:s, s:s, s:b, s:n}", "id", id, "name", roles[i], "immutable",
                        strcmp(roles[i], "service") != 0, "description"));
    }
    add_project(site, "admin", "Bootstrap project for initializing the cloud.");
    add_project(site, "service", "");
    add_project(site, "prod", "");
    for (size_t i = 0; i < G_N_ELEMENTS(users); i++)
        add_user(site, i);
}

static void add_service(struct site *site, const char *name, const char *type, const char *url)
{
    static const char *const interfaces[] = {"admin", "internal", "public"};
    g_autofree char *id = sim_site_hex(site);
    sim_site_add(site, "services", js("{s:s, s:s, s:s}", "id", id, "name", name, "type", type));
    for (size_t i = 0; i < G_N_ELEMENTS(interfaces); i++) {
        g_autofree char *endpoint = sim_site_hex(site);
        sim_site_add(site, "endpoints",
                     js("{s:s, s:s, s:s, s:s, s:s}", "id", endpoint, "service_id", id, "interface",
                        interfaces[i], "region_id", site->options.region, "url", url));
    }
}

static void seed_catalog(struct site *site)
{
    static const struct {
        enum sim_service service;
        const char *name;
        const char *type;
        const char *path;
    } rows[] = {
        {SIM_GLANCE, "glance", "image", ""},
        {SIM_CINDER, "cinderv3", "volumev3", "/v3/%(project_id)s"},
        {SIM_NEUTRON, "neutron", "network", ""},
        {SIM_KEYSTONE, "keystone", "identity", "/v3/"},
        {SIM_NOVA, "nova", "compute", "/v2.1"},
        {SIM_PLACEMENT, "placement", "placement", ""},
    };
    sim_site_add(site, "regions", js("{s:s}", "id", site->options.region));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *origin = sim_origin(site->sim, site->index, rows[i].service);
        g_autofree char *url = g_strconcat(origin, rows[i].path, NULL);
        add_service(site, rows[i].name, rows[i].type, url);
    }
    if (site->options.protector_url != NULL)
        add_service(site, "protector", "protector", site->options.protector_url);
}

/* As in the lab, whose tenants may manage volumes; what they may list the database still refuses.
 */
static void seed_policy(struct site *site)
{
    static const char *const rules[] = {
        "volume_extension:volume_manage",
        "volume_extension:volume_unmanage",
        "volume_extension:services:index",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        json_set_bool(sim_site_table(site, "policy"), rules[i], true);
}

/* ---- what administrators make ---- */

static void add_type(struct site *site, const char *name, const char *description, json_t *specs)
{
    g_autofree char *id = sim_site_uuid(site);
    sim_site_add(site, "volume_types",
                 js("{s:s, s:s, s:b, s:o, s:o}", "id", id, "name", name, "is_public", 1,
                    "description", js_str(description), "extra_specs", specs));
}

static void add_group_type(struct site *site, const char *name, const char *description)
{
    g_autofree char *id = sim_site_uuid(site);
    sim_site_add(site, "group_types",
                 js("{s:s, s:s, s:b, s:o, s:{s:s}}", "id", id, "name", name, "is_public", 1,
                    "description", js_str(description), "group_specs",
                    "consistent_group_snapshot_enabled", "<is> True"));
}

/* The first 512 bytes of the lab's image: a text, and the mark of a boot sector. */
static void seed_image(struct site *site)
{
    char sector[512];
    static const char text[] = "two-site lab tiny image\n";
    for (size_t i = 0; i < 510; i++)
        sector[i] = text[i % (sizeof text - 1)];
    sector[510] = 0x55;
    sector[511] = (char)0xaa;
    sim_glance_image_seed(site, id_of(site, "projects", "admin"), "tiny", sector, sizeof sector,
                          4 * 1024 * 1024, "c6805d6ea230b59fbd643949fac5f906",
                          "f0b44e75a35f334a31a31333d15b5522573065712cd4f2d7f743d21cf8ab995a"
                          "8ec8efc3f7d8bbf01a49b9e75488e7d20bb7afe6537388ff23a0a723e519d972",
                          js("{s:s, s:s, s:s, s:s, s:s}", "os_distro", "none", "hw_disk_bus",
                             "virtio", "owner_specified.openstack.md5", "",
                             "owner_specified.openstack.sha256", "",
                             "owner_specified.openstack.object", "images/tiny"));
}

static void seed_admin(struct site *site)
{
    sim_nova_flavor_add(site, NULL, "m1.tiny", 1, 512, 1);
    sim_nova_flavor_add(site, NULL, "m1.small", 1, 2048, 20);
    sim_nova_flavor_add(site, NULL, "m1.medium", 2, 4096, 40);
    add_type(site, "__DEFAULT__", "Default Volume Type", json_object());
    add_type(site, "replicated-ssd", NULL,
             js("{s:s, s:s, s:s}", "volume_backend_name", CINDER_BACKEND, "replication_enabled",
                "<is> True", "replication_type", "<in> async"));
    add_type(site, "plain", NULL, js("{s:s}", "volume_backend_name", CINDER_BACKEND));
    add_group_type(site, "default_cgsnapshot_type", "Default group type for migrating cgsnapshot");
    add_group_type(site, "consistent", NULL);
    seed_image(site);
    const char *admin = id_of(site, "projects", "admin");
    json_t *network =
        sim_neutron_network_add(site, admin, "public",
                                js("{s:b, s:s, s:s}", "router:external", 1, "provider:network_type",
                                   "flat", "provider:physical_network", "physnet1"));
    sim_neutron_subnet_add(site, network, admin, site->options.external_cidr,
                           js("{s:s, s:b}", "name", "public-subnet", "enable_dhcp", 0));
}

/* ---- what the tenant makes ---- */

static void add_web_rules(struct site *site, json_t *group)
{
    sim_neutron_rule_add(site, group, "ingress", "IPv4",
                         js("{s:s, s:i, s:i, s:s, s:s, s:s}", "protocol", "tcp", "port_range_min",
                            22, "port_range_max", 22, "remote_ip_prefix", "0.0.0.0/0",
                            "normalized_cidr", "0.0.0.0/0", "description", ""));
    sim_neutron_rule_add(site, group, "ingress", "IPv4",
                         js("{s:s, s:i, s:i, s:s, s:s, s:s}", "protocol", "tcp", "port_range_min",
                            443, "port_range_max", 443, "remote_ip_prefix", "198.51.100.0/24",
                            "normalized_cidr", "198.51.100.0/24", "description", ""));
    sim_neutron_rule_add(site, group, "ingress", "IPv4",
                         js("{s:s, s:s, s:s, s:s}", "protocol", "icmp", "remote_ip_prefix",
                            "0.0.0.0/0", "normalized_cidr", "0.0.0.0/0", "description", ""));
    for (int i = 0; i < 3; i++)
        sim_neutron_touch(site, group);
}

static void seed_tenant(struct site *site)
{
    const char *prod = id_of(site, "projects", "prod");
    const char *user = id_of(site, "users", "prod-user");
    json_t *network = sim_neutron_network_add(site, prod, "net-app", json_object());
    json_t *subnet = sim_neutron_subnet_add(site, network, prod, site->options.tenant_cidr,
                                            js("{s:s, s:[s]}", "name", "subnet-app",
                                               "dns_nameservers", "192.0.2.53"));
    json_t *router = sim_neutron_router_add(site, prod, "router-app");
    sim_neutron_router_gateway(site, router, sim_site_find(site, "networks", "name", "public"));
    sim_neutron_router_interface(site, router, subnet);
    sim_neutron_default_group(site, prod);
    add_web_rules(site, sim_neutron_group_add(site, prod, "web", "web servers"));
    sim_nova_keypair_add(site, user, "lab-key", lab_key);
}

/* ---- the servers of the first site, made by its own services ---- */

static void post(struct site *site, enum sim_service service, const json_t *token, const char *path,
                 json_t *body)
{
    AUTO(http_request) req = http_request_create("POST", path);
    http_request_set(req, "X-Auth-Token", json_str(token, "id"));
    http_request_set(req, "OpenStack-API-Version", "compute 2.87"); /* Victoria knows it too */
    http_request_json(req, body);
    json_decref(body);
    json_t *seen = NULL;
    AUTO(http_response) resp = sim_call_serve(site, service, req, &seen);
    if (resp->status >= 300)
        g_error("seed: POST %s gave %d: %s", path, resp->status, resp->body);
}

static char *make_volume(struct site *site, const json_t *token, const char *name, int size_gb,
                         bool root)
{
    json_t *volume =
        js("{s:i, s:s, s:s}", "size", size_gb, "name", name, "volume_type", "replicated-ssd");
    if (root)
        json_set_str(volume, "imageRef", id_of(site, "images", "tiny"));
    else
        json_set(volume, "metadata", js("{s:s}", "app", "shop"));
    post(site, SIM_CINDER, token, "/v3/volumes", js("{s:o}", "volume", volume));
    json_t *row = sim_site_find(site, "volumes", "name", name);
    sim_cinder_volume_done(site, json_str(row, "id"));
    sim_advance_cancel(site, json_str(row, "id"));
    return g_strdup(json_str(row, "id"));
}

static void finish_server(struct site *site, const char *name)
{
    g_autofree char *id = g_strdup(id_of(site, "servers", name));
    sim_nova_server_placed(site, id);
    sim_advance_cancel(site, id);
    sim_nova_server_built(site, id);
    sim_advance_cancel(site, id);
}

static void attach(struct site *site, const json_t *token, const char *server,
                   const char *volume_id)
{
    g_autofree char *path =
        g_strdup_printf("/v2.1/servers/%s/os-volume_attachments", id_of(site, "servers", server));
    post(site, SIM_NOVA, token, path, js("{s:{s:s}}", "volumeAttachment", "volumeId", volume_id));
    json_t *row = sim_site_find(site, "attachments", "volume_id", volume_id);
    sim_advance_cancel(site, json_str(row, "id"));
    sim_cinder_attached(site, json_str(row, "id"));
}

static void make_server(struct site *site, const json_t *token, const char *name, int data_gb,
                        const char *flavor, bool drive)
{
    g_autofree char *root_name = g_strconcat("root-", name, NULL);
    g_autofree char *data_name = g_strconcat("data-", name, NULL);
    g_autofree char *root = make_volume(site, token, root_name, 1, true);
    g_autofree char *data = make_volume(site, token, data_name, data_gb, false);
    g_auto(GStrv) tier = g_strsplit(name, "-", 2);
    json_t *server =
        js("{s:s, s:s, s:s, s:b, s:{s:s, s:s}, s:[{s:s}], s:[{s:s}, {s:s}], "
           "s:[{s:s, s:s, s:s, s:i, s:b}]}",
           "name", name, "flavorRef", id_of(site, "flavors", flavor), "key_name", "lab-key",
           "config_drive", drive, "metadata", "app", "shop", "tier", tier[0], "networks", "uuid",
           id_of(site, "networks", "net-app"), "security_groups", "name", "web", "name", "default",
           "block_device_mapping_v2", "uuid", root, "source_type", "volume", "destination_type",
           "volume", "boot_index", 0, "delete_on_termination", 0);
    post(site, SIM_NOVA, token, "/v2.1/servers", js("{s:o}", "server", server));
    finish_server(site, name);
    attach(site, token, name, data);
}

static void seed_servers(struct site *site)
{
    const char *prod = id_of(site, "projects", "prod");
    const char *user = id_of(site, "users", "prod-user");
    json_t *roles = sim_keystone_roles_of(site, user, prod);
    const json_t *token =
        sim_keystone_token_issue(site, js("{s:s, s:s, s:[s], s:o}", "user_id", user, "project_id",
                                          prod, "methods", "password", "role_ids", roles));
    make_server(site, token, "web-1", 1, "m1.tiny", false);
    make_server(site, token, "db-1", 2, "m1.small", true);
    json_t *floating =
        sim_neutron_floating_add(site, sim_site_find(site, "networks", "name", "public"), prod);
    const json_t *web = sim_site_find(site, "servers", "name", "web-1");
    const char *port = json_string_value(json_array_get(json_arr(web, "ports"), 0));
    sim_neutron_floating_set(site, floating, sim_site_row(site, "ports", port), NULL);
    g_autofree char *id = g_strdup(json_str(token, "id"));
    sim_site_drop(site, "tokens", id);
}

void sim_seed_site(struct site *site)
{
    g_autofree char *uuid = sim_site_uuid(site);
    json_set_str(sim_site_table(site, "cinder"), "service_uuid", uuid);
    seed_people(site);
    seed_catalog(site);
    seed_policy(site);
    if (site->sim->options.empty)
        return;
    seed_admin(site);
    seed_tenant(site);
    if (site->options.servers)
        seed_servers(site);
}
