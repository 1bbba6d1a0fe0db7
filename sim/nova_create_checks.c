/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_create_checks - the block devices, networks and security groups of a request for a
 * server. Nothing is changed here.
 */
#include "sim/nova.h"

#include <string.h>

#include "sim/cinder.h"
#include "sim/glance.h"
#include "sim/neutron.h"

/* ---- block devices ---- */

static int64_t boot_index(const json_t *item)
{
    const json_t *value = json_object_get(item, "boot_index");
    const char *text = json_string_value(value);
    if (text != NULL)
        return g_ascii_strtoll(text, NULL, 10);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* NULL: the volume is there and, to boot from, bootable. */
static struct http_response *check_volume(struct call *call, const json_t *item)
{
    const char *id = json_str_or(item, "uuid", json_str_or(item, "volume_id", ""));
    const json_t *volume = sim_site_row(call->site, "volumes", id);
    if (!sim_call_sees(call, volume))
        return sim_call_fail(call, 400, "Block Device Mapping is Invalid: failed to get volume %s.",
                             id);
    if (boot_index(item) == 0 && !json_bool(volume, "bootable", false))
        return sim_call_fail(call, 400, "Block Device %s is not bootable.", id);
    if (json_bool(volume, "multiattach", false) && call->mv < 60)
        return sim_call_fail(call, 400,
                             "Multiattach volumes are only supported starting with compute "
                             "API version 2.60.");
    return NULL;
}

static struct http_response *check_other(struct call *call, const json_t *item, const char *source)
{
    const char *id = json_str_or(item, "uuid", "");
    bool to_volume = strcmp(json_str_or(item, "destination_type", "local"), "volume") == 0;
    if (strcmp(source, "image") == 0 &&
        sim_glance_image_visible(call->site, id, call->project_id, call->admin) == NULL)
        return sim_call_fail(call, 400, "Block Device Mapping is Invalid: failed to get image %s.",
                             id);
    if (strcmp(source, "snapshot") == 0 &&
        !sim_call_sees(call, sim_site_row(call->site, "snapshots", id)))
        return sim_call_fail(call, 400,
                             "Block Device Mapping is Invalid: failed to get snapshot %s.", id);
    bool sized = json_object_get(item, "volume_size") != NULL;
    if (to_volume && !sized && strcmp(source, "snapshot") != 0)
        return sim_call_fail(call, 400, "%s need to have a non-zero size%s",
                             strcmp(source, "image") == 0
                                 ? "Images with destination_type 'volume'"
                                 : "Blank volumes (source: 'blank', dest: 'volume')",
                             strcmp(source, "image") == 0 ? " specified" : "");
    return NULL;
}

static json_t *device_of(const json_t *item, const char *source)
{
    bool volume = strcmp(source, "volume") == 0;
    const char *id = json_str_or(item, "uuid", json_str(item, "volume_id"));
    const json_t *size = json_object_get(item, "volume_size");
    const char *text = json_string_value(size);
    int64_t size_gb =
        text != NULL ? g_ascii_strtoll(text, NULL, 10) : json_int(item, "volume_size", 1);
    json_t *device = js("{s:s, s:o, s:I, s:I, s:b, s:o}", "source", source, "uuid", js_str(id),
                        "size_gb", (json_int_t)size_gb, "boot_index", (json_int_t)boot_index(item),
                        "delete_on_termination", json_bool(item, "delete_on_termination", false),
                        "destination", js_str(json_str(item, "destination_type")));
    if (volume)
        json_set_str(device, "volume_id", id);
    return device;
}

/* Bootable devices must have the indexes 0, 1, 2 … */
static bool sequence_fits(const json_t *items, bool image)
{
    size_t bootable = 0;
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(items, i, item) bootable += boot_index(item) >= 0;
    for (size_t want = 0; want < bootable; want++) {
        bool found = false;
        json_array_foreach(items, i, item) found = found || boot_index(item) == (int64_t)want;
        if (!found)
            return false;
    }
    return bootable > 0 || image;
}

/* Appends the devices with the given test of the boot index, in the order of the request. */
static void append_devices(json_t *devices, const json_t *items, bool root)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(items, i, item)
    {
        const char *source = json_str_or(item, "source_type", "volume");
        bool local_image = strcmp(source, "image") == 0 &&
                           strcmp(json_str_or(item, "destination_type", "local"), "volume") != 0;
        if ((boot_index(item) == 0) == root && !local_image)
            json_array_append_new(devices, device_of(item, source));
    }
}

struct http_response *sim_nova_boot_devices(struct call *call, struct boot *boot)
{
    const json_t *items = json_arr(boot->asked, "block_device_mapping_v2");
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(items, i, item)
    {
        const char *source = json_str_or(item, "source_type", "volume");
        struct http_response *refusal = strcmp(source, "volume") == 0
                                            ? check_volume(call, item)
                                            : check_other(call, item, source);
        if (refusal != NULL)
            return refusal;
    }
    if (i == 0 && boot->image == NULL)
        return sim_call_fail(call, 400,
                             "Block Device Mapping is Invalid: Boot sequence for the "
                             "instance and image/block device mapping combination is not "
                             "valid.");
    if (!sequence_fits(items, boot->image != NULL))
        return sim_call_fail(call, 400,
                             "Block Device Mapping is Invalid: Boot sequence for the "
                             "instance and image/block device mapping combination is not "
                             "valid.");
    if (boot->image != NULL && json_int(boot->flavor, "disk", 0) == 0 && !call->admin)
        return sim_call_fail(call, 403,
                             "Only volume-backed servers are allowed for flavors with zero "
                             "disk.");
    append_devices(boot->devices, items, true);
    append_devices(boot->devices, items, false);
    return NULL;
}

/* ---- networks ---- */

static bool has_subnet(struct site *site, const char *network_id)
{
    return sim_site_find(site, "subnets", "network_id", network_id) != NULL;
}

/* NULL: the port may be used; it is added. */
static struct http_response *check_port(struct call *call, struct boot *boot, const char *id)
{
    const json_t *port = sim_site_row(call->site, "ports", id);
    if (!sim_call_sees(call, port))
        return sim_call_fail(call, 400, "Port id %s could not be found.", id);
    if (strcmp(json_str_or(port, "device_id", ""), "") != 0)
        return sim_call_fail(call, 409, "Port %s is still in use.", id);
    if (json_array_size(json_arr(port, "fixed_ips")) == 0)
        return sim_call_fail(call, 400, "Port %s requires a FixedIP in order to be used.", id);
    json_array_append_new(boot->networks, js("{s:s}", "port", id));
    return NULL;
}

static const json_t *subnet_of_address(struct site *site, const char *network_id,
                                       const char *address)
{
    const char *id = NULL;
    json_t *subnet = NULL;
    sim_site_each(site, "subnets", id, subnet)
    {
        if (strcmp(json_str(subnet, "network_id"), network_id) == 0 &&
            sim_ip_in_subnet(subnet, address))
            return subnet;
    }
    return NULL;
}

static struct http_response *check_network(struct call *call, struct boot *boot, const char *id,
                                           const char *address)
{
    const json_t *network = sim_neutron_network_seen(call, id);
    if (network == NULL)
        return sim_call_fail(call, 400, "Network %s could not be found.", id);
    if (json_bool(network, "router:external", false) && !json_bool(network, "shared", false) &&
        !call->admin)
        return sim_call_fail(call, 403,
                             "It is not allowed to create an interface on external network %s", id);
    if (!has_subnet(call->site, id))
        return sim_call_fail(call, 400,
                             "Network %s requires a subnet in order to boot instances on.", id);
    if (address != NULL) {
        const json_t *subnet = subnet_of_address(call->site, id, address);
        if (subnet == NULL)
            return sim_call_fail(call, 400, "Fixed IP %s is not a valid ip address for network %s.",
                                 address, id);
        if (sim_ip_taken(call->site, json_str(subnet, "id"), address))
            return sim_call_fail(call, 400,
                                 "Fixed IP address %s is already in use on instance None.",
                                 address);
    }
    json_array_append_new(boot->networks,
                          js("{s:s, s:o}", "network", id, "fixed_ip", js_str(address)));
    return NULL;
}

/* Without networks: the project's only one. */
static struct http_response *check_default(struct call *call, struct boot *boot)
{
    const char *found = NULL;
    const char *id = NULL;
    json_t *network = NULL;
    sim_site_each(call->site, "networks", id, network)
    {
        if (g_strcmp0(json_str(network, "project_id"), call->project_id) != 0 ||
            !has_subnet(call->site, id) || json_bool(network, "router:external", false))
            continue;
        if (found != NULL)
            return sim_call_fail(call, 409,
                                 "More than one possible network found. Specify network "
                                 "ID(s) to select which one(s) to connect to.");
        found = id;
    }
    return found != NULL ? check_network(call, boot, found, NULL) : NULL;
}

struct http_response *sim_nova_boot_networks(struct call *call, struct boot *boot)
{
    const json_t *networks = json_object_get(boot->asked, "networks");
    const char *word = json_string_value(networks);
    if (word != NULL && strcmp(word, "none") == 0)
        return NULL;
    if (json_array_size(networks) == 0)
        return check_default(call, boot);
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(networks, i, item)
    {
        const char *port = json_str(item, "port");
        struct http_response *refusal =
            port != NULL ? check_port(call, boot, port)
                         : check_network(call, boot, json_str_or(item, "uuid", ""),
                                         json_str(item, "fixed_ip"));
        if (refusal != NULL)
            return refusal;
    }
    return NULL;
}

/* ---- security groups ---- */

struct http_response *sim_nova_boot_groups(struct call *call, struct boot *boot)
{
    sim_neutron_default_group(call->site, call->project_id);
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(json_arr(boot->asked, "security_groups"), i, item)
    {
        const char *name = json_str_or(item, "name", "");
        const json_t *group = sim_neutron_group_named(call->site, call->project_id, name);
        if (group == NULL)
            return sim_call_fail(call, 400, "Security group %s not found for project %s.", name,
                                 call->project_id);
        if (!js_has(boot->groups, json_str(group, "id")))
            json_array_append_new(boot->groups, json_string(json_str(group, "id")));
    }
    return NULL;
}
