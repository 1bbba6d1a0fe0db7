/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_volumes - os-volume_attachments of a server.
 */
#include "sim/nova.h"

#include <string.h>

#include "sim/advance.h"
#include "sim/cinder.h"

static json_t *device_view(struct call *call, const json_t *device)
{
    const char *volume_id = json_str(device, "volume_id");
    json_t *view = json_object();
    if (call->mv < 89)
        json_set_str(view, "id", volume_id);
    json_set_str(view, "serverId", call->arg[0]);
    json_set_str(view, "volumeId", volume_id);
    json_set_str(view, "device", json_str(device, "device"));
    if (call->mv >= 70)
        json_set(view, "tag", js_str(json_str(device, "tag")));
    if (call->mv >= 79)
        json_set_bool(view, "delete_on_termination",
                      json_bool(device, "delete_on_termination", false));
    if (call->mv >= 89) {
        json_set(view, "attachment_id", js_str(json_str(device, "attachment_id")));
        json_set_str(view, "bdm_uuid", json_str(device, "bdm_uuid"));
    }
    return view;
}

struct http_response *sim_nova_attachment_list(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    json_t *views = json_array();
    size_t i = 0;
    json_t *device = NULL;
    json_array_foreach(json_arr(server, "volumes"), i, device)
    {
        if (json_str(device, "volume_id") != NULL)
            json_array_append_new(views, device_view(call, device));
    }
    return sim_call_json(call, 200, js("{s:o}", "volumeAttachments", views));
}

/* The device of the path; NULL and the 404. */
static json_t *device_here(struct call *call, json_t **ret_server, struct http_response **ret)
{
    *ret_server = sim_nova_server_placed_here(call, ret);
    if (*ret_server == NULL)
        return NULL;
    json_t *device = sim_nova_device_of(*ret_server, call->arg[1]);
    if (device == NULL)
        *ret = sim_call_fail(call, 404, "Instance %s is not attached to volume %s", call->arg[0],
                             call->arg[1]);
    return device;
}

struct http_response *sim_nova_attachment_show(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = NULL;
    const json_t *device = device_here(call, &server, &resp);
    return device == NULL
               ? resp
               : sim_call_json(call, 200,
                               js("{s:o}", "volumeAttachment", device_view(call, device)));
}

struct http_response *sim_nova_volume_refused(struct call *call, const json_t *volume, bool boot)
{
    const char *id = json_str(volume, "id");
    const char *server = sim_nova_volume_server(call->site, id);
    if (server != NULL && !boot && !json_bool(volume, "multiattach", false))
        return sim_call_fail(call, 400,
                             "Invalid volume: volume %s is already attached to instances: %s", id,
                             server);
    g_autofree char *request = env_id(call->sim->env, "req-");
    return sim_call_fail(
        call, 400,
        "%sInvalid input received: Invalid volume: Volume %s status must be available "
        "or downloading to reserve, but the current status is %s. (HTTP 400) "
        "(Request-ID: %s)",
        boot ? "Invalid volume: " : "", id, json_str(volume, "status"), request);
}

/* NULL: the server may take another volume. */
static struct http_response *attach_check(struct call *call, const json_t *server,
                                          const char *volume_id)
{
    struct http_response *resp = sim_nova_lock_check(call, server);
    if (resp == NULL)
        resp =
            sim_nova_state_check(call, server, "attach_volume", "active|paused|stopped|suspended");
    if (resp != NULL)
        return resp;
    if (volume_id == NULL)
        return sim_call_fail(call, 400,
                             "Invalid input for field/attribute volumeAttachment. 'volumeId' "
                             "is a required property");
    if (!sim_call_sees(call, sim_site_row(call->site, "volumes", volume_id)))
        return sim_call_fail(call, 404, "Volume %s could not be found.", volume_id);
    return NULL;
}

struct http_response *sim_nova_attachment_create(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    const json_t *asked = json_obj(call->body, "volumeAttachment");
    const char *volume_id = json_str(asked, "volumeId");
    resp = attach_check(call, server, volume_id);
    if (resp != NULL)
        return resp;
    json_t *volume = sim_site_row(call->site, "volumes", volume_id);
    g_autofree char *name = sim_nova_next_device(server);
    json_t *attachment = sim_nova_device_of(server, volume_id) != NULL
                             ? NULL
                             : sim_cinder_reserve(call->site, volume, call->arg[0], name);
    if (attachment == NULL)
        return sim_nova_volume_refused(call, volume, false);
    sim_cinder_attach(call->site, attachment, json_str(server, "host"));
    json_t *device =
        sim_nova_device_add(call->site, server, volume_id, name, json_str(attachment, "id"),
                            call->mv >= 79 && json_bool(asked, "delete_on_termination", false));
    if (call->mv >= 49)
        json_set(device, "tag", js_str(json_str(asked, "tag")));
    sim_nova_action_add(call->site, server, "attach_volume", call->user_id);
    return sim_call_json(call, 200, js("{s:o}", "volumeAttachment", device_view(call, device)));
}

struct http_response *sim_nova_attachment_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = NULL;
    json_t *device = device_here(call, &server, &resp);
    if (device == NULL)
        return resp;
    const json_t *asked = json_obj(call->body, "volumeAttachment");
    if (g_strcmp0(json_str(asked, "volumeId"), call->arg[1]) != 0)
        return sim_call_forbid(call, "os_compute_api:os-volumes-attachments:swap");
    json_set_bool(device, "delete_on_termination",
                  json_bool(asked, "delete_on_termination", false));
    return sim_call_empty(call, 202, "application/json");
}

struct http_response *sim_nova_attachment_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = NULL;
    json_t *device = device_here(call, &server, &resp);
    if (device == NULL)
        return resp;
    resp = sim_nova_lock_check(call, server);
    if (resp == NULL)
        resp =
            sim_nova_state_check(call, server, "detach_volume", "active|paused|stopped|suspended");
    if (resp != NULL)
        return resp;
    bool root = g_strcmp0(json_str(device, "device"), "/dev/vda") == 0;
    if (root && strcmp(json_str(server, "vm_state"), "stopped") != 0)
        return sim_call_fail(call, 403, "Cannot detach a root device volume");
    const char *attachment = json_str(device, "attachment_id");
    if (sim_advance_waits(call->site, EVENT_ATTACHED, attachment)) {
        sim_advance_cancel(call->site, attachment);
        sim_cinder_attached(call->site, attachment);
    }
    sim_cinder_detach(call->site, attachment);
    json_t *devices = json_arr(server, "volumes");
    for (size_t i = json_array_size(devices); i > 0; i--) {
        if (json_array_get(devices, i - 1) == device)
            json_array_remove(devices, i - 1);
    }
    sim_nova_action_add(call->site, server, "detach_volume", call->user_id);
    return sim_call_empty(call, 202, "application/json");
}
