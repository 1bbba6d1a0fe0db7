/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_create - POST /servers: what the request must satisfy, and the row of the new server.
 * Devices and networks are checked in sim_nova_create_checks.c; the server is built in
 * sim_nova_build.c.
 */
#include "sim/nova.h"

#include <string.h>

#include "sim/advance.h"
#include "sim/cinder.h"
#include "sim/glance.h"
#include "sim/neutron.h"

static struct http_response *missing_property(struct call *call, const json_t *asked,
                                              const char *name)
{
    g_autofree char *text = json_print(asked != NULL ? asked : call->body);
    g_strdelimit(text, "\"", '\'');
    GString *python = g_string_new(text);
    g_string_replace(python, "':'", "': '", 0);
    g_autofree char *value = g_string_free(python, FALSE);
    return sim_call_fail(call, 400,
                         "Invalid input for field/attribute server. Value: %s. '%s' is a required "
                         "property",
                         value, name);
}

/* NULL: the fields that every server has are there. */
static struct http_response *boot_basics(struct call *call, struct boot *boot)
{
    const json_t *asked = boot->asked;
    const char *name = json_str(asked, "name");
    if (json_str(asked, "flavorRef") == NULL &&
        !json_is_integer(json_object_get(asked, "flavorRef")))
        return missing_property(call, asked, "flavorRef");
    if (name == NULL || *name == '\0' || strlen(name) > 255)
        return missing_property(call, asked, "name");
    if (call->mv >= 37 && json_object_get(asked, "networks") == NULL)
        return missing_property(call, asked, "networks");
    const char *flavor = sim_nova_ref(json_str(asked, "flavorRef"));
    boot->flavor = sim_nova_flavor(call->site, flavor);
    if (boot->flavor == NULL)
        return sim_call_fail(call, 400, "Flavor %s could not be found.", flavor);
    const char *zone = json_str(asked, "availability_zone");
    g_auto(GStrv) parts = g_strsplit(zone != NULL ? zone : "nova", ":", -1);
    if (strcmp(parts[0], "nova") != 0)
        return sim_call_fail(call, 400, "The requested availability zone is not available");
    boot->key_name = json_str(asked, "key_name");
    if (boot->key_name != NULL &&
        sim_nova_keypair(call->site, call->user_id, boot->key_name) == NULL)
        return sim_call_fail(call, 400, "Invalid key_name provided.");
    return NULL;
}

static struct http_response *boot_user_data(struct call *call, struct boot *boot)
{
    const char *text = json_str(boot->asked, "user_data");
    if (text == NULL)
        return NULL;
    gsize size = 0;
    g_autofree guchar *bytes = g_base64_decode(text, &size);
    g_autofree char *again = g_base64_encode(bytes, size);
    g_autofree char *plain = g_strdup(text);
    if (strlen(text) > 65535 || strcmp(g_strstrip(plain), again) != 0)
        return sim_call_fail(
            call, 400,
            "Invalid input for field/attribute user_data. Value: %.40s. '%.40s' is not "
            "a 'base64'",
            text, text);
    return NULL;
}

static struct http_response *boot_metadata(struct call *call, struct boot *boot)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(json_obj(boot->asked, "metadata"), key, value)
    {
        if (!json_is_string(value) || strlen(json_string_value(value)) > 255 || strlen(key) > 255)
            return sim_call_fail(
                call, 400,
                "Invalid input for field/attribute %s. Value: not a string of at most "
                "255 characters",
                key);
    }
    return NULL;
}

static struct http_response *boot_image(struct call *call, struct boot *boot)
{
    const char *ref = sim_nova_ref(json_str(boot->asked, "imageRef"));
    if (ref == NULL || *ref == '\0')
        return NULL;
    boot->image = sim_glance_image_visible(call->site, ref, call->project_id, call->admin);
    if (boot->image == NULL)
        return sim_call_fail(call, 400, "Can not find requested image");
    if (strcmp(json_str(boot->image, "status"), "active") != 0)
        return sim_call_fail(call, 400, "Image %s is not active.", ref);
    return NULL;
}

static struct http_response *boot_group_hint(struct call *call, struct boot *boot)
{
    (void)boot;
    const char *id = json_str(json_obj(call->body, "os:scheduler_hints"), "group");
    if (id == NULL || sim_call_sees(call, sim_site_row(call->site, "server_groups", id)))
        return NULL;
    return sim_call_fail(call, 400, "Instance group %s could not be found.", id);
}

static struct http_response *boot_quota(struct call *call, struct boot *boot)
{
    return sim_nova_quota_check(call, 1, json_int(boot->flavor, "vcpus", 1),
                                json_int(boot->flavor, "ram", 0));
}

/* In the order of the real service; devices last, for they reserve volumes. */
static struct http_response *(*const checks[])(struct call *call, struct boot *boot) = {
    boot_basics, boot_user_data,         boot_metadata,
    boot_image,  boot_group_hint,        sim_nova_boot_groups,
    boot_quota,  sim_nova_boot_networks, sim_nova_boot_devices,
};

/* ---- the row ---- */

/* A host name of a server's name: letters, digits and dashes. */
static char *hostname_of(const char *name)
{
    GString *text = g_string_new(NULL);
    for (const char *p = name; *p != '\0' && text->len < 63; p++) {
        if (g_ascii_isalnum(*p))
            g_string_append_c(text, g_ascii_tolower(*p));
        else if (*p == ' ' || *p == '_' || *p == '-' || *p == '.')
            g_string_append_c(text, '-');
    }
    return g_string_free(text, FALSE);
}

static json_t *new_row(struct call *call, const struct boot *boot)
{
    struct site *site = call->site;
    const json_t *asked = boot->asked;
    g_autofree char *id = sim_site_uuid(site);
    g_autofree char *hostname = hostname_of(json_str(asked, "name"));
    g_autofree char *hex = sim_site_hex(site);
    g_autofree char *reservation = g_strdup_printf("r-%.8s", hex);
    json_t *metadata = json_obj(asked, "metadata");
    json_t *tags = call->mv >= 52 ? json_arr(asked, "tags") : NULL;
    json_t *row =
        js("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:i, s:o, s:o, s:s, s:o}", "id", id,
           "name", json_str(asked, "name"), "hostname", hostname, "project_id", call->project_id,
           "user_id", call->user_id, "metadata",
           metadata != NULL ? json_deep_copy(metadata) : json_object(), "flavor",
           json_deep_copy(boot->flavor), "image_id", js_str(json_str(boot->image, "id")),
           "created_ms", (json_int_t)call->sim->now_ms, "updated_ms", (json_int_t)call->sim->now_ms,
           "launched_ms", -1, "key_name", js_str(boot->key_name), "user_data",
           js_str(json_str(asked, "user_data")), "reservation_id", reservation, "tags",
           tags != NULL ? json_deep_copy(tags) : json_array());
    const json_t *drive = json_object_get(asked, "config_drive");
    const char *drive_text = json_string_value(drive);
    json_set_bool(row, "config_drive",
                  json_is_true(drive) ||
                      (drive_text != NULL && g_ascii_strcasecmp(drive_text, "true") == 0));
    const char *description = json_str(asked, "description");
    json_set(row, "description", js_str(call->mv < 19 ? json_str(asked, "name") : description));
    json_set_str(row, "vm_state", "building");
    json_set_str(row, "task_state", "scheduling");
    json_set_int(row, "power_state", POWER_NONE);
    json_set_bool(row, "placed", false);
    json_set_bool(row, "locked", false);
    json_set_int(row, "serial", sim_site_serial(site, "instance"));
    static const char *const lists[] = {"volumes", "ports", "own_ports", "actions"};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        json_set(row, lists[i], json_array());
    return row;
}

/* Reserves the volumes that exist; the others are made when the server is placed. */
static struct http_response *reserve_devices(struct call *call, json_t *server,
                                             const struct boot *boot)
{
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(boot->devices, i, device)
    {
        const char *volume_id = json_str(device, "volume_id");
        bool goes = json_bool(device, "delete_on_termination", false);
        g_autofree char *name = sim_nova_next_device(server);
        if (volume_id == NULL) {
            json_t *row = sim_nova_device_add(call->site, server, NULL, name, NULL, goes);
            json_object_update_missing(row, device);
            continue;
        }
        json_t *volume = sim_site_row(call->site, "volumes", volume_id);
        json_t *attachment = sim_cinder_reserve(call->site, volume, json_str(server, "id"), name);
        if (attachment == NULL)
            return sim_nova_volume_refused(call, volume, true);
        sim_nova_device_add(call->site, server, volume_id, name, json_str(attachment, "id"), goes);
    }
    return NULL;
}

static void undo_reservations(struct site *site, const json_t *server)
{
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(json_arr(server, "volumes"), i, device)
    {
        if (json_str(device, "attachment_id") != NULL)
            sim_cinder_release(site, json_str(device, "attachment_id"));
    }
}

static void join_group(struct call *call, const char *server_id)
{
    const char *id = json_str(json_obj(call->body, "os:scheduler_hints"), "group");
    json_t *group = sim_site_row(call->site, "server_groups", id);
    if (group != NULL)
        json_array_append_new(json_arr(group, "members"), json_string(server_id));
}

static struct http_response *created(struct call *call, const json_t *server)
{
    const char *id = json_str(server, "id");
    json_t *names = json_array();
    size_t i = 0;
    json_t *group = NULL;
    json_array_foreach(json_arr(json_obj(call->body, "server"), "security_groups"), i, group)
        json_array_append_new(names, js("{s:s}", "name", json_str_or(group, "name", "")));
    if (i == 0)
        json_array_append_new(names, js("{s:s}", "name", "default"));
    json_t *view =
        js("{s:s, s:o, s:s, s:o, s:o}", "id", id, "links", sim_nova_links(call, "servers", id),
           "OS-DCF:diskConfig", "MANUAL", "security_groups", names, "adminPass",
           js_take(sim_site_secret(call->site, 12)));
    struct http_response *resp = sim_call_json(call, 202, js("{s:o}", "server", view));
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *location = g_strdup_printf("%s/v2.1/servers/%s", origin, id);
    http_response_set(resp, "Location", location);
    return resp;
}

static struct http_response *create_with(struct call *call, struct boot *boot)
{
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        struct http_response *refusal = checks[i](call, boot);
        if (refusal != NULL)
            return refusal;
    }
    g_autoptr(json_t) row = new_row(call, boot);
    struct http_response *refusal = reserve_devices(call, row, boot);
    if (refusal != NULL) {
        undo_reservations(call->site, row);
        return refusal;
    }
    json_t *server = sim_site_add(call->site, "servers", g_steal_pointer(&row));
    json_set(server, "requested_networks", json_incref(boot->networks));
    json_set(server, "requested_groups", json_incref(boot->groups));
    sim_nova_action_add(call->site, server, "create", call->user_id);
    join_group(call, json_str(server, "id"));
    sim_advance_add(call->site, EVENT_SERVER_PLACED, json_str(server, "id"),
                    call->sim->options.latency.server_build_ms / 3);
    return created(call, server);
}

struct http_response *sim_nova_server_create(struct call *call)
{
    struct boot boot = {.asked = json_obj(call->body, "server"),
                        .devices = json_array(),
                        .networks = json_array(),
                        .groups = json_array()};
    struct http_response *resp =
        boot.asked == NULL ? missing_property(call, NULL, "server") : create_with(call, &boot);
    json_decref(boot.devices);
    json_decref(boot.networks);
    json_decref(boot.groups);
    return resp;
}
