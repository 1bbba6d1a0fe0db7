/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_attachments - attachments: Nova's way to a volume, and what tenants may see and do of
 * it.
 *
 * Invariant: a volume that is not multiattach has at most one row here, whatever its status.
 */
#include "sim/cinder.h"

#include <string.h>

#include "sim/advance.h"

json_t *sim_cinder_reserve(struct site *site, json_t *volume, const char *server_id,
                           const char *device)
{
    const char *status = json_str(volume, "status");
    bool multiattach = json_bool(volume, "multiattach", false);
    bool available = strcmp(status, "available") == 0;
    if (!available && !(multiattach && strcmp(status, "in-use") == 0))
        return NULL;
    if (!multiattach && sim_cinder_volume_attached(site, json_str(volume, "id")))
        return NULL;
    g_autofree char *id = sim_site_uuid(site);
    json_set_str(volume, "status", "reserved");
    json_set_int(volume, "updated_ms", site->sim->now_ms);
    return sim_site_add(site, "attachments",
                        js("{s:s, s:s, s:o, s:s, s:o, s:n, s:s, s:i}", "id", id, "volume_id",
                           json_str(volume, "id"), "instance", js_str(server_id), "project_id",
                           json_str(volume, "project_id"), "device", js_str(device), "host",
                           "status", "reserved", "attached_ms", -1));
}

void sim_cinder_attach(struct site *site, json_t *attachment, const char *host)
{
    json_set_str(attachment, "status", "attaching");
    json_set_str(attachment, "host", host);
    json_set_str(sim_site_row(site, "volumes", json_str(attachment, "volume_id")), "status",
                 "attaching");
    sim_advance_add(site, EVENT_ATTACHED, json_str(attachment, "id"),
                    site->sim->options.latency.attach_ms);
}

void sim_cinder_attached(struct site *site, const char *id)
{
    json_t *row = sim_site_row(site, "attachments", id);
    json_t *volume = sim_site_row(site, "volumes", json_str(row, "volume_id"));
    if (row == NULL || volume == NULL)
        return;
    json_set_str(row, "status", "attached");
    json_set_int(row, "attached_ms", site->sim->now_ms);
    json_set_str(volume, "status", "in-use");
    json_set_int(volume, "updated_ms", site->sim->now_ms);
}

void sim_cinder_detached(struct site *site, const char *id)
{
    g_autoptr(json_t) row = json_incref(sim_site_row(site, "attachments", id));
    if (row == NULL)
        return;
    sim_advance_cancel(site, id);
    sim_site_drop(site, "attachments", id);
    json_t *volume = sim_site_row(site, "volumes", json_str(row, "volume_id"));
    if (volume == NULL)
        return;
    bool still = sim_cinder_volume_attached(site, json_str(volume, "id"));
    json_set_str(volume, "status", still ? "in-use" : "available");
    json_set_int(volume, "updated_ms", site->sim->now_ms);
}

void sim_cinder_detach(struct site *site, const char *attachment_id)
{
    json_t *row = sim_site_row(site, "attachments", attachment_id);
    if (row == NULL || sim_advance_waits(site, EVENT_DETACHED, attachment_id))
        return;
    if (strcmp(json_str(row, "status"), "reserved") == 0) {
        sim_cinder_detached(site, attachment_id);
        return;
    }
    json_set_str(row, "status", "detaching");
    json_set_str(sim_site_row(site, "volumes", json_str(row, "volume_id")), "status", "detaching");
    sim_advance_add(site, EVENT_DETACHED, attachment_id, site->sim->options.latency.attach_ms);
}

void sim_cinder_release(struct site *site, const char *attachment_id)
{
    sim_cinder_detached(site, attachment_id);
}

/* ---- the tenant's view ---- */

static json_t *connection_view(struct site *site, const json_t *row)
{
    const char *volume_id = json_str(row, "volume_id");
    if (strcmp(json_str(row, "status"), "attached") != 0)
        return json_object();
    g_autofree char *name = sim_cinder_volume_name(volume_id);
    const char *dir = site->options.volumes_dir != NULL ? site->options.volumes_dir : "/dev/sim";
    g_autofree char *path = g_build_filename(dir, name, NULL);
    return js("{s:s, s:s, s:n, s:s, s:b, s:b, s:s, s:s}", "device_path", path, "volume_id",
              volume_id, "qos_specs", "access_mode", "rw", "encrypted", 0, "cacheable", 0,
              "driver_volume_type", "local", "attachment_id", json_str(row, "id"));
}

static json_t *attachment_summary(struct call *call, json_t *row)
{
    (void)call;
    return js("{s:s, s:s, s:O, s:s}", "id", json_str(row, "id"), "status", json_str(row, "status"),
              "instance", json_object_get(row, "instance"), "volume_id",
              json_str(row, "volume_id"));
}

static json_t *attachment_view(struct call *call, json_t *row)
{
    json_t *view = attachment_summary(call, row);
    json_t *at = js_stamp_of(row, "attached_ms", STAMP_US);
    json_set(view, "attached_at", json_is_null(at) ? json_string("") : json_incref(at));
    json_decref(at);
    json_set_str(view, "detached_at", "");
    json_set_str(view, "attach_mode", "rw");
    json_set(view, "connection_info", connection_view(call->site, row));
    return view;
}

static json_t *listed(struct call *call)
{
    const char *volume = sim_call_query(call, "volume_id");
    const char *instance = sim_call_query(call, "instance_id");
    g_autoptr(json_t) all = sim_cinder_listed(call, "attachments");
    json_t *rows = json_array();
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(all, i, row)
    {
        if ((volume == NULL || g_strcmp0(volume, json_str(row, "volume_id")) == 0) &&
            (instance == NULL || g_strcmp0(instance, json_str(row, "instance")) == 0))
            json_array_append(rows, row);
    }
    return rows;
}

struct http_response *sim_cinder_attachment_list(struct call *call)
{
    return sim_cinder_list(call, "attachments", listed(call), attachment_summary);
}

struct http_response *sim_cinder_attachment_detail(struct call *call)
{
    return sim_cinder_list(call, "attachments", listed(call), attachment_view);
}

static json_t *attachment_here(struct call *call, struct http_response **ret)
{
    json_t *row = sim_site_row(call->site, "attachments", call->arg[0]);
    if (sim_call_sees(call, row))
        return row;
    *ret = sim_call_fail(call, 404,
                         "Volume attachment could not be found with filter: attachment_id = %s.",
                         call->arg[0]);
    return NULL;
}

struct http_response *sim_cinder_attachment_show(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = attachment_here(call, &resp);
    return row == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "attachment", attachment_view(call, row)));
}

struct http_response *sim_cinder_attachment_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "attachment");
    const char *volume_id = json_str(asked, "volume_uuid");
    if (volume_id == NULL)
        return sim_call_fail(call, 400, "'volume_uuid' is a required property");
    json_t *volume = sim_site_row(call->site, "volumes", volume_id);
    if (!sim_call_sees(call, volume))
        return sim_call_fail(call, 404, "Volume %s could not be found.", volume_id);
    json_t *row = sim_cinder_reserve(call->site, volume, json_str(asked, "instance_uuid"), NULL);
    if (row == NULL)
        return sim_call_fail(call, 400,
                             "Invalid volume: Volume %s status must be available or downloading to "
                             "reserve, but the current status is %s.",
                             volume_id, json_str(volume, "status"));
    return sim_call_json(call, 200, js("{s:o}", "attachment", attachment_view(call, row)));
}

struct http_response *sim_cinder_attachment_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = attachment_here(call, &resp);
    if (row == NULL)
        return resp;
    const char *instance = json_str(row, "instance");
    if (instance != NULL && sim_site_row(call->site, "servers", instance) != NULL)
        return sim_call_fail(
            call, 409,
            "ConflictNovaUsingAttachment: Detach volume from instance %s using the "
            "Compute API",
            instance);
    sim_cinder_release(call->site, call->arg[0]);
    return sim_call_json(call, 200, js("{s:[]}", "attachments"));
}
