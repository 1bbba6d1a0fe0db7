/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_form - from what the services gave to a capture (capture.h lists its fields).  Pure.
 *
 * The order of the NICs is that of the server's "addresses", where Nova lists its network cache in
 * order, grouped by network; ports without an address follow, by age.  So the order is exact unless
 * a NIC of another network lies between two of the same one: then those two stand together.
 */
#include <string.h>

#include "cloud/capture.h"
#include "cloud/capture_internal.h"
#include "cloud/nova.h"

static void copy(json_t *to, const char *key, const json_t *from, const char *from_key)
{
    json_t *value = json_object_get(from, from_key);
    json_set(to, key, value != NULL ? json_deep_copy(value) : NULL);
}

/* As copy, of what json_obj() or json_arr() gave, but an empty object or array where there is none.
 */
static void copy_or_empty(json_t *to, const char *key, const json_t *value, bool array)
{
    json_t *empty = array ? json_array() : json_object();
    json_set(to, key, value != NULL ? json_deep_copy(value) : json_incref(empty));
    json_decref(empty);
}

static err_t *missing(const char *cloud, const char *what, const char *id, const json_t *server)
{
    return err(CLOUD_PARTIAL, "%s: %s %s of server '%s' (%s) is in no list of the cloud", cloud,
               what, id, json_str_or(server, "name", "?"), json_str_or(server, "id", "?"));
}

/* ---- the server itself ---- */

static json_t *flavor_of(const json_t *server)
{
    static const char *const fields[][2] = {
        {"name", "original_name"},
        {"vcpus", "vcpus"},
        {"ram_mib", "ram"},
        {"disk_gib", "disk"},
        {"ephemeral_gib", "ephemeral"},
        {"swap_mib", "swap"},
    };
    const json_t *from = json_obj(server, "flavor");
    json_t *flavor = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        copy(flavor, fields[i][0], from, fields[i][1]);
    copy_or_empty(flavor, "extra_specs", json_obj(from, "extra_specs"), false);
    return flavor;
}

static json_t *key_of(const struct capture_facts *f)
{
    const char *name = json_str(f->server, "key_name");
    if (name == NULL)
        return NULL;
    json_t *key = json_object();
    json_set_str(key, "name", name);
    json_set_str(key, "type", json_str_or(f->keypair, "type", "ssh"));
    json_set_str(key, "public_key", json_str(f->keypair, "public_key"));
    json_set_str(key, "fingerprint", json_str(f->keypair, "fingerprint"));
    return key;
}

static json_t *server_group_of(const struct capture_facts *f)
{
    if (f->server_group == NULL)
        return NULL;
    json_t *group = json_object();
    copy(group, "id", f->server_group, "id");
    copy(group, "name", f->server_group, "name");
    copy(group, "policy", f->server_group, "policy");
    copy_or_empty(group, "rules", json_obj(f->server_group, "rules"), false);
    return group;
}

static bool boots_from_image(const json_t *server)
{
    return json_str_at(server, "image/id") != NULL;
}

static void form_server(json_t *capture, const struct capture_facts *f)
{
    static const char *const fields[][2] = {
        {"id", "id"},
        {"name", "name"},
        {"description", "description"},
        {"status", "status"},
        {"project_id", "tenant_id"},
        {"user_id", "user_id"},
        {"availability_zone", "OS-EXT-AZ:availability_zone"},
        {"root_device", "OS-EXT-SRV-ATTR:root_device_name"},
        {"user_data", "OS-EXT-SRV-ATTR:user_data"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        copy(capture, fields[i][0], f->server, fields[i][1]);
    json_set_bool(capture, "locked", nova_is_locked(f->server));
    json_set_str(capture, "boot", boots_from_image(f->server) ? "image" : "volume");
    const char *drive = json_str_or(f->server, "config_drive", "");
    json_set_bool(capture, "config_drive", g_ascii_strcasecmp(drive, "true") == 0);
    json_set(capture, "flavor", flavor_of(f->server));
    json_set(capture, "key", key_of(f));
    copy_or_empty(capture, "metadata", json_obj(f->server, "metadata"), false);
    copy_or_empty(capture, "tags", json_arr(f->server, "tags"), true);
    json_set(capture, "server_group", server_group_of(f));
}

/* ---- volumes ---- */

static json_t *volume_of(const json_t *volume, const json_t *attachment)
{
    static const char *const fields[][2] = {
        {"id", "id"},
        {"name", "name"},
        {"description", "description"},
        {"size", "size"},
        {"type", "volume_type"},
        {"type_id", "volume_type_id"},
        {"host", "os-vol-host-attr:host"},
        {"group_id", "group_id"},
        {"status", "status"},
        {"availability_zone", "availability_zone"},
    };
    json_t *v = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        copy(v, fields[i][0], volume, fields[i][1]);
    json_set_str(v, "device", json_str(attachment, "device"));
    json_set_int(v, "boot_index", -1);
    json_set_bool(v, "bootable", g_strcmp0(json_str(volume, "bootable"), "true") == 0);
    json_set_bool(v, "encrypted", json_bool(volume, "encrypted", false));
    json_set_bool(v, "multiattach", json_bool(volume, "multiattach", false));
    json_set_bool(v, "delete_on_termination",
                  json_bool(attachment, "delete_on_termination", false));
    copy_or_empty(v, "metadata", json_obj(volume, "metadata"), false);
    copy_or_empty(v, "image_metadata", json_obj(volume, "volume_image_metadata"), false);
    return v;
}

/* "/dev/vdz" before "/dev/vdaa". */
static int compare_devices(gconstpointer a, gconstpointer b)
{
    const char *left = json_str_or(*(json_t *const *)a, "device", "");
    const char *right = json_str_or(*(json_t *const *)b, "device", "");
    if (strlen(left) != strlen(right))
        return strlen(left) < strlen(right) ? -1 : 1;
    return strcmp(left, right);
}

/* The root among volumes sorted by device: the root device's, else the only bootable one, else the
 * first. */
static guint root_of(const GPtrArray *volumes, const char *root_device)
{
    guint bootable = 0, last = 0;
    for (guint i = 0; i < volumes->len; i++) {
        if (root_device != NULL &&
            g_strcmp0(json_str(volumes->pdata[i], "device"), root_device) == 0)
            return i;
        if (json_bool(volumes->pdata[i], "bootable", false)) {
            bootable++;
            last = i;
        }
    }
    return bootable == 1 ? last : 0;
}

static err_t *form_volumes(json_t *capture, const char *cloud, const struct capture_facts *f)
{
    g_autoptr(GPtrArray) volumes = g_ptr_array_new();
    json_t *array = json_array();
    json_set(capture, "volumes", array);
    size_t i;
    json_t *attachment;
    json_array_foreach(f->attachments, i, attachment)
    {
        const char *id = json_str_or(attachment, "volumeId", "?");
        const json_t *volume = cloud_find(f->volumes, "id", id);
        if (volume == NULL)
            return missing(cloud, "volume", id, f->server);
        json_t *v = volume_of(volume, attachment);
        json_array_append_new(array, v);
        g_ptr_array_add(volumes, v);
    }
    g_ptr_array_sort(volumes, compare_devices);
    if (!boots_from_image(f->server) && volumes->len > 0) {
        guint root = root_of(volumes, json_str(capture, "root_device"));
        json_t *v = g_ptr_array_steal_index(volumes, root);
        json_set_int(v, "boot_index", 0);
        g_ptr_array_insert(volumes, 0, v);
    }
    json_t *sorted = json_array();
    for (guint n = 0; n < volumes->len; n++)
        json_array_append(sorted, volumes->pdata[n]);
    json_set(capture, "volumes", sorted);
    return NULL;
}

static void form_image(json_t *capture, const struct capture_facts *f)
{
    const json_t *root = json_array_get(json_arr(capture, "volumes"), 0);
    const json_t *properties = json_obj(root, "image_metadata");
    bool own = boots_from_image(f->server);
    const char *id = own ? json_str_at(f->server, "image/id") : json_str(properties, "image_id");
    const char *name = own ? json_str(f->image, "name") : json_str(properties, "image_name");
    json_t *image = NULL;
    if (id != NULL) {
        image = json_object();
        json_set_str(image, "id", id);
        json_set_str(image, "name", name);
    }
    json_set(capture, "image", image);
}

/* ---- ports ---- */

/* The place of a MAC in the server's addresses; a large one if it is not there. */
static int place_of(const json_t *server, const char *mac)
{
    int place = 0;
    const char *label;
    json_t *list;
    json_object_foreach(json_obj(server, "addresses"), label, list)
    {
        size_t i;
        json_t *address;
        json_array_foreach(list, i, address)
        {
            if (g_strcmp0(json_str(address, "OS-EXT-IPS-MAC:mac_addr"), mac) == 0)
                return place;
            place++;
        }
    }
    return G_MAXINT;
}

static int compare_ports(gconstpointer a, gconstpointer b, gpointer server)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    int l = place_of(server, json_str(left, "mac_address"));
    int r = place_of(server, json_str(right, "mac_address"));
    if (l != r)
        return l < r ? -1 : 1;
    int age = g_strcmp0(json_str(left, "created_at"), json_str(right, "created_at"));
    return age != 0 ? age : g_strcmp0(json_str(left, "id"), json_str(right, "id"));
}

static json_t *fixed_ips_of(const json_t *port, const json_t *subnets)
{
    json_t *ips = json_array();
    size_t i;
    json_t *from;
    json_array_foreach(json_arr(port, "fixed_ips"), i, from)
    {
        const char *subnet_id = json_str(from, "subnet_id");
        const json_t *subnet = cloud_find(subnets, "id", subnet_id);
        json_t *ip = json_object();
        json_set_str(ip, "ip", json_str(from, "ip_address"));
        json_set_str(ip, "subnet_id", subnet_id);
        json_set_str(ip, "subnet_name", json_str(subnet, "name"));
        json_set_str(ip, "cidr", json_str(subnet, "cidr"));
        json_array_append_new(ips, ip);
    }
    return ips;
}

static json_t *floating_ips_of(const char *port_id, const struct capture_facts *f)
{
    json_t *ips = json_array();
    size_t i;
    json_t *from;
    json_array_foreach(f->floating_ips, i, from)
    {
        if (g_strcmp0(json_str(from, "port_id"), port_id) != 0)
            continue;
        const char *network_id = json_str(from, "floating_network_id");
        json_t *ip = json_object();
        json_set_str(ip, "id", json_str(from, "id"));
        json_set_str(ip, "ip", json_str(from, "floating_ip_address"));
        json_set_str(ip, "fixed_ip", json_str(from, "fixed_ip_address"));
        json_set_str(ip, "network_id", network_id);
        json_set_str(ip, "network_name",
                     json_str(cloud_find(f->networks, "id", network_id), "name"));
        json_array_append_new(ips, ip);
    }
    return ips;
}

static err_t *group_names_of(const char *cloud, const json_t *port, const struct capture_facts *f,
                             json_t *names)
{
    size_t i;
    json_t *id;
    json_array_foreach(json_arr(port, "security_groups"), i, id)
    {
        const char *text = json_string_value(id);
        const json_t *group = cloud_find(f->security_groups, "id", text);
        if (group == NULL)
            return missing(cloud, "security group", text != NULL ? text : "?", f->server);
        json_array_append_new(names, json_string(json_str_or(group, "name", "")));
    }
    return NULL;
}

static err_t *port_of(const char *cloud, const json_t *from, const struct capture_facts *f,
                      json_t *port)
{
    const json_t *network = cloud_find(f->networks, "id", json_str(from, "network_id"));
    json_t *names = json_array();
    copy(port, "id", from, "id");
    copy(port, "name", from, "name");
    copy(port, "description", from, "description");
    copy(port, "network_id", from, "network_id");
    json_set_str(port, "network_name", json_str(network, "name"));
    copy(port, "mac", from, "mac_address");
    json_set_str(port, "vnic_type", json_str_or(from, "binding:vnic_type", "normal"));
    json_set_bool(port, "admin_state_up", json_bool(from, "admin_state_up", true));
    json_set_bool(port, "port_security", json_bool(from, "port_security_enabled", true));
    json_set(port, "fixed_ips", fixed_ips_of(from, f->subnets));
    json_set(port, "floating_ips", floating_ips_of(json_str(from, "id"), f));
    json_set(port, "security_groups", names);
    copy_or_empty(port, "security_group_ids", json_arr(from, "security_groups"), true);
    copy_or_empty(port, "allowed_address_pairs", json_arr(from, "allowed_address_pairs"), true);
    copy_or_empty(port, "tags", json_arr(from, "tags"), true);
    return group_names_of(cloud, from, f, names);
}

static err_t *form_ports(json_t *capture, const char *cloud, const struct capture_facts *f)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    json_t *ports = json_array();
    json_set(capture, "ports", ports);
    size_t i;
    json_t *from;
    json_array_foreach(f->ports, i, from)
    {
        g_ptr_array_add(order, from);
    }
    g_ptr_array_sort_with_data(order, compare_ports, f->server);
    for (guint n = 0; n < order->len; n++) {
        json_t *port = json_object();
        json_array_append_new(ports, port);
        TRY(port_of(cloud, order->pdata[n], f, port));
    }
    return NULL;
}

/* ---- security groups ---- */

static json_t *rule_of(const json_t *from, const json_t *groups)
{
    static const char *const fields[][2] = {
        {"direction", "direction"},
        {"ethertype", "ethertype"},
        {"protocol", "protocol"},
        {"port_min", "port_range_min"},
        {"port_max", "port_range_max"},
        {"remote_ip_prefix", "remote_ip_prefix"},
        {"remote_group_id", "remote_group_id"},
        {"remote_address_group_id", "remote_address_group_id"},
        {"description", "description"},
    };
    json_t *rule = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        copy(rule, fields[i][0], from, fields[i][1]);
    const json_t *remote = cloud_find(groups, "id", json_str(from, "remote_group_id"));
    json_set_str(rule, "remote_group", json_str(remote, "name"));
    return rule;
}

static json_t *group_of(const json_t *from, const json_t *groups)
{
    json_t *group = json_object();
    json_t *rules = json_array();
    copy(group, "id", from, "id");
    copy(group, "name", from, "name");
    copy(group, "description", from, "description");
    json_set_bool(group, "stateful", json_bool(from, "stateful", true));
    size_t i;
    json_t *rule;
    json_array_foreach(json_arr(from, "security_group_rules"), i, rule)
    {
        json_array_append_new(rules, rule_of(rule, groups));
    }
    json_set(group, "rules", rules);
    return group;
}

static void want(GPtrArray *wanted, const char *id)
{
    if (id != NULL && !g_ptr_array_find_with_equal_func(wanted, id, g_str_equal, NULL))
        g_ptr_array_add(wanted, (char *)id);
}

/* The groups of the ports, then those that their rules name, and so on: each once, in that order.
 */
static void form_security_groups(json_t *capture, const struct capture_facts *f)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new();
    json_t *groups = json_array();
    size_t i, n;
    json_t *port, *id, *rule;
    json_array_foreach(f->ports, i, port)
    {
        json_array_foreach(json_arr(port, "security_groups"), n, id)
        {
            want(wanted, json_string_value(id));
        }
    }
    for (guint next = 0; next < wanted->len; next++) {
        const json_t *group = cloud_find(f->security_groups, "id", wanted->pdata[next]);
        if (group == NULL)
            continue;
        json_array_append_new(groups, group_of(group, f->security_groups));
        json_array_foreach(json_arr(group, "security_group_rules"), i, rule)
        {
            want(wanted, json_str(rule, "remote_group_id"));
        }
    }
    json_set(capture, "security_groups", groups);
}

err_t *capture_form(const char *cloud, const struct capture_facts *f, json_t **ret)
{
    if (json_array_size(f->attachments) > CAPTURE_VOLUMES_MAX ||
        json_array_size(f->ports) > CAPTURE_PORTS_MAX)
        return err(CLOUD_BAD_REQUEST, "%s: the server has more than %d volumes or %d ports", cloud,
                   CAPTURE_VOLUMES_MAX, CAPTURE_PORTS_MAX);
    g_autoptr(json_t) capture = json_object();
    form_server(capture, f);
    TRY(form_volumes(capture, cloud, f));
    form_image(capture, f);
    TRY(form_ports(capture, cloud, f));
    form_security_groups(capture, f);
    *ret = TAKE(capture);
    return NULL;
}

json_t *capture_member(const json_t *capture)
{
    json_t *member = json_object();
    json_t *config = json_deep_copy(capture);
    json_t *volumes = json_incref(json_arr(config, "volumes"));
    json_object_del(config, "volumes");
    json_set_str(member, "instance_id", json_str(capture, "id"));
    json_set_str(member, "instance_name", json_str(capture, "name"));
    json_set(member, "config", config);
    json_set(member, "volumes", volumes);
    return member;
}
