/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_build - the transitions of servers: placed, built, started, stopped, gone.
 */
#include "sim/nova.h"

#include <string.h>

#include "sim/advance.h"
#include "sim/cinder.h"
#include "sim/neutron.h"

/* What the one host of a site has. */
#define HOST_VCPUS  1000
#define HOST_RAM_MB 800000

void sim_nova_set_state(struct site *site, json_t *server, const char *vm_state,
                        const char *task_state, int power_state)
{
    json_set_str(server, "vm_state", vm_state);
    json_set_str(server, "task_state", task_state);
    json_set_int(server, "power_state", power_state);
    json_set_int(server, "updated_ms", site->sim->now_ms);
}

void sim_nova_action_add(struct site *site, json_t *server, const char *action, const char *user_id)
{
    g_autofree char *request = env_id(site->sim->env, "req-");
    json_array_append_new(json_arr(server, "actions"),
                          js("{s:s, s:s, s:s, s:I}", "action", action, "request_id", request,
                             "user_id", user_id, "start_ms", (json_int_t)site->sim->now_ms));
}

json_t *sim_nova_device_add(struct site *site, json_t *server, const char *volume_id,
                            const char *device, const char *attachment_id,
                            bool delete_on_termination)
{
    json_t *row =
        js("{s:o, s:s, s:o, s:o, s:b, s:n}", "volume_id", js_str(volume_id), "device", device,
           "attachment_id", js_str(attachment_id), "bdm_uuid", js_take(sim_site_uuid(site)),
           "delete_on_termination", delete_on_termination, "tag");
    json_array_append_new(json_arr(server, "volumes"), row);
    return row;
}

json_t *sim_nova_device_of(const json_t *server, const char *volume_id)
{
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(json_arr(server, "volumes"), i, device)
    {
        if (g_strcmp0(json_str(device, "volume_id"), volume_id) == 0)
            return device;
    }
    return NULL;
}

char *sim_nova_next_device(const json_t *server)
{
    bool local_root = json_str(server, "image_id") != NULL;
    for (char letter = local_root ? 'b' : 'a'; letter <= 'z'; letter++) {
        char *name = g_strdup_printf("/dev/vd%c", letter);
        bool taken = false;
        size_t i = 0;
        json_t *device = NULL;
        json_array_foreach(json_arr(server, "volumes"), i, device) taken =
            taken || g_strcmp0(json_str(device, "device"), name) == 0;
        if (!taken)
            return name;
        g_free(name);
    }
    return g_strdup("/dev/vdzz");
}

static void server_fails(struct site *site, json_t *server, const char *format, const char *what)
{
    GString *text = g_string_new(format);
    g_string_replace(text, "%s", what, 0);
    g_autofree char *message = g_string_free(text, FALSE);
    sim_nova_set_state(site, server, "error", NULL, POWER_NONE);
    json_set(server, "fault",
             js("{s:i, s:s, s:I}", "code", 500, "message", message, "created_ms",
                (json_int_t)site->sim->now_ms));
}

/* ---- ports ---- */

/* Lets go of all ports; those made for the server are deleted. */
static void release_ports(struct site *site, json_t *server)
{
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_arr(server, "ports"), i, id)
    {
        json_t *port = sim_site_row(site, "ports", json_string_value(id));
        if (g_strcmp0(json_str(port, "device_id"), json_str(server, "id")) != 0)
            continue;
        if (js_has(json_arr(server, "own_ports"), json_string_value(id)))
            sim_neutron_port_drop(site, json_string_value(id));
        else
            sim_neutron_unbind(site, port);
    }
    json_array_clear(json_arr(server, "ports"));
    json_array_clear(json_arr(server, "own_ports"));
}

/* The port for one requested network; NULL: there is none any more. */
static json_t *take_port(struct site *site, json_t *server, const json_t *want)
{
    const json_t *groups = json_arr(server, "requested_groups");
    const char *port_id = json_str(want, "port");
    if (port_id != NULL) {
        json_t *port = sim_site_row(site, "ports", port_id);
        bool free = port != NULL && strcmp(json_str_or(port, "device_id", ""), "") == 0;
        return free ? port : NULL;
    }
    const json_t *network = sim_site_row(site, "networks", json_str(want, "network"));
    json_t *port = network == NULL
                       ? NULL
                       : sim_neutron_port_for(site, network, json_str(server, "project_id"),
                                              json_array_size(groups) > 0 ? groups : NULL);
    const char *address = json_str(want, "fixed_ip");
    if (port != NULL && address != NULL)
        json_set_str(json_array_get(json_arr(port, "fixed_ips"), 0), "ip_address", address);
    if (port != NULL)
        json_array_append_new(json_arr(server, "own_ports"), json_string(json_str(port, "id")));
    return port;
}

/* NULL: all ports are the server's.  Else the id of the one that is not to be had. */
static const char *take_ports(struct site *site, json_t *server)
{
    size_t i = 0;
    json_t *want = NULL;
    json_array_foreach(json_arr(server, "requested_networks"), i, want)
    {
        json_t *port = take_port(site, server, want);
        if (port == NULL)
            return json_str_or(want, "port", json_str(want, "network"));
        json_array_append_new(json_arr(server, "ports"), json_string(json_str(port, "id")));
        sim_neutron_claim(site, port, json_str(server, "id"));
    }
    return NULL;
}

/* ---- volumes ---- */

/* Makes the volume of a device that asks for a new one, and reserves it. */
static bool make_volume(struct site *site, json_t *server, json_t *device)
{
    const char *source = json_str_or(device, "source", "blank");
    const char *uuid = json_str(device, "uuid");
    bool from_image = strcmp(source, "image") == 0;
    bool from_snapshot = strcmp(source, "snapshot") == 0;
    if (!from_image && !from_snapshot && g_strcmp0(json_str(device, "destination"), "volume") != 0)
        return true; /* a local disk: nothing at Cinder */
    int64_t size_gb = json_int(device, "size_gb", 1);
    if (from_snapshot)
        size_gb = MAX(size_gb, json_int(sim_site_row(site, "snapshots", uuid), "size", 1));
    json_t *volume = sim_cinder_volume_add(
        site, json_str(server, "project_id"), json_str(server, "user_id"),
        json_str(sim_cinder_default_type(site), "id"), size_gb,
        js("{s:s, s:o, s:o, s:b}", "name", "", "image_id", js_str(from_image ? uuid : NULL),
           "snapshot_id", js_str(from_snapshot ? uuid : NULL), "becomes_bootable", from_image));
    sim_cinder_volume_done(site, json_str(volume, "id"));
    json_t *attachment =
        sim_cinder_reserve(site, volume, json_str(server, "id"), json_str(device, "device"));
    if (attachment == NULL)
        return false;
    json_set_str(device, "volume_id", json_str(volume, "id"));
    json_set_str(device, "attachment_id", json_str(attachment, "id"));
    return true;
}

static bool make_volumes(struct site *site, json_t *server)
{
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(json_arr(server, "volumes"), i, device)
    {
        if (json_str(device, "volume_id") == NULL && !make_volume(site, server, device))
            return false;
    }
    return true;
}

/* Lets go of all volumes; those that go with the server are deleted. */
static void release_volumes(struct site *site, json_t *server)
{
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(json_arr(server, "volumes"), i, device)
    {
        const char *volume_id = json_str(device, "volume_id");
        if (json_str(device, "attachment_id") != NULL)
            sim_cinder_release(site, json_str(device, "attachment_id"));
        json_t *volume = sim_site_row(site, "volumes", volume_id);
        if (volume != NULL && json_bool(device, "delete_on_termination", false) &&
            strcmp(json_str(volume, "status"), "available") == 0)
            sim_cinder_volume_delete_now(site, volume);
    }
    json_array_clear(json_arr(server, "volumes"));
}

/* A site has one host: a second server of an anti-affinity group finds none. */
static bool kept_apart(struct site *site, const char *id)
{
    const char *group_id;
    json_t *group, *member;
    size_t i;

    sim_site_each(site, "server_groups", group_id, group)
    {
        json_t *members = json_arr(group, "members");
        if (strcmp(json_str(group, "policy"), "anti-affinity") != 0 || !js_has(members, id))
            continue;
        json_array_foreach(members, i, member)
        {
            const char *other = json_string_value(member);
            if (strcmp(other, id) != 0 &&
                json_bool(sim_site_row(site, "servers", other), "placed", false))
                return true;
        }
    }
    return false;
}

/* ---- transitions ---- */

void sim_nova_server_placed(struct site *site, const char *id)
{
    json_t *server = sim_site_row(site, "servers", id);
    if (server == NULL)
        return;
    const json_t *flavor = json_obj(server, "flavor");
    json_set_bool(server, "placed", true);
    if (json_int(flavor, "vcpus", 0) > HOST_VCPUS || json_int(flavor, "ram", 0) > HOST_RAM_MB ||
        kept_apart(site, id)) {
        server_fails(site, server, "No valid host was found. ", "");
        return;
    }
    g_autofree char *host = sim_nova_host(site);
    json_set_str(server, "host", host);
    const char *missing = take_ports(site, server);
    if (missing != NULL || !make_volumes(site, server)) {
        g_autofree char *what =
            g_strdup_printf(missing != NULL ? "Port %s is still in use."
                                            : "a volume could not be made for %s.",
                            missing != NULL ? missing : id);
        release_ports(site, server);
        release_volumes(site, server);
        json_set_str(server, "host", NULL);
        server_fails(site, server, "Build of instance aborted: %s", what);
        return;
    }
    sim_nova_set_state(site, server, "building", "spawning", POWER_NONE);
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(json_arr(server, "volumes"), i, device)
    {
        json_t *attachment = sim_site_row(site, "attachments", json_str(device, "attachment_id"));
        if (attachment != NULL)
            sim_cinder_attach(site, attachment, host);
    }
    int64_t build_ms = site->sim->options.latency.server_build_ms;
    sim_advance_add(site, EVENT_SERVER_BUILT, id, build_ms - build_ms / 3);
}

/* The attachments of a server that is up are attached, whatever their latency. */
static void settle_volumes(struct site *site, const json_t *server)
{
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(json_arr(server, "volumes"), i, device)
    {
        const char *attachment = json_str(device, "attachment_id");
        if (attachment != NULL && sim_advance_waits(site, EVENT_ATTACHED, attachment)) {
            sim_advance_cancel(site, attachment);
            sim_cinder_attached(site, attachment);
        }
    }
}

void sim_nova_server_built(struct site *site, const char *id)
{
    json_t *server = sim_site_row(site, "servers", id);
    if (server == NULL || strcmp(json_str(server, "vm_state"), "building") != 0)
        return;
    settle_volumes(site, server);
    size_t i = 0;
    json_t *port_id = NULL;
    json_array_foreach(json_arr(server, "ports"), i, port_id)
    {
        json_t *port = sim_site_row(site, "ports", json_string_value(port_id));
        if (port != NULL)
            sim_neutron_bind(site, port, id, json_str(server, "host"));
    }
    json_set_int(server, "launched_ms", site->sim->now_ms);
    sim_nova_set_state(site, server, "active", NULL, POWER_RUNNING);
}

void sim_nova_server_started(struct site *site, const char *id)
{
    json_t *server = sim_site_row(site, "servers", id);
    if (server != NULL)
        sim_nova_set_state(site, server, "active", NULL, POWER_RUNNING);
}

void sim_nova_server_stopped(struct site *site, const char *id)
{
    json_t *server = sim_site_row(site, "servers", id);
    if (server != NULL)
        sim_nova_set_state(site, server, "stopped", NULL, POWER_SHUTDOWN);
}

void sim_nova_server_rebooted(struct site *site, const char *id)
{
    sim_nova_server_started(site, id);
}

void sim_nova_server_powered(struct site *site, const char *id)
{
    json_t *server = sim_site_row(site, "servers", id);
    if (server == NULL || strcmp(json_str(server, "vm_state"), "active") != 0)
        return;
    json_set_int(server, "power_state", POWER_RUNNING);
    json_set_int(server, "updated_ms", site->sim->now_ms);
}

static void leave_groups(struct site *site, const char *id)
{
    const char *group_id = NULL;
    json_t *group = NULL;
    sim_site_each(site, "server_groups", group_id, group)
    {
        js_remove(json_arr(group, "members"), id);
    }
}

void sim_nova_server_gone(struct site *site, const char *id)
{
    json_t *server = sim_site_row(site, "servers", id);
    if (server == NULL)
        return;
    sim_advance_cancel(site, id);
    release_ports(site, server);
    release_volumes(site, server);
    leave_groups(site, id);
    sim_site_drop(site, "servers", id);
}

const char *sim_nova_volume_server(struct site *site, const char *volume_id)
{
    const char *id = NULL;
    json_t *server = NULL;
    sim_site_each(site, "servers", id, server)
    {
        if (sim_nova_device_of(server, volume_id) != NULL)
            return id;
    }
    return NULL;
}
