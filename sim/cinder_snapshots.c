/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_snapshots - snapshots of volumes, and of whole groups.
 */
#include "sim/cinder.h"

#include <string.h>

#include "sim/advance.h"

static json_t *snapshot_summary(struct call *call, json_t *row)
{
    json_t *view =
        js("{s:s, s:o, s:o, s:O, s:O, s:s, s:s, s:I, s:O}", "id", json_str(row, "id"), "created_at",
           js_stamp_of(row, "created_ms", STAMP_US), "updated_at",
           js_stamp_of(row, "updated_ms", STAMP_US), "name", json_object_get(row, "name"),
           "description", json_object_get(row, "description"), "volume_id",
           json_str(row, "volume_id"), "status", json_str(row, "status"), "size",
           (json_int_t)json_int(row, "size", 1), "metadata", json_obj(row, "metadata"));
    if (call->mv >= 14)
        json_set(view, "group_snapshot_id", js_str(json_str(row, "group_snapshot_id")));
    if (call->mv >= 41)
        json_set_str(view, "user_id", json_str(row, "user_id"));
    if (call->mv >= 65)
        json_set_bool(view, "consumes_quota", true);
    return view;
}

static json_t *snapshot_view(struct call *call, json_t *row)
{
    bool done = strcmp(json_str(row, "status"), "available") == 0;
    json_t *view = snapshot_summary(call, row);
    json_set_str(view, "os-extended-snapshot-attributes:project_id", json_str(row, "project_id"));
    json_set_str(view, "os-extended-snapshot-attributes:progress", done ? "100%" : "0%");
    return view;
}

json_t *sim_cinder_snapshot_add(struct site *site, const json_t *volume, const char *user_id,
                                const char *name, const char *description,
                                const char *group_snapshot)
{
    g_autofree char *id = sim_site_uuid(site);
    json_t *row =
        sim_site_add(site, "snapshots",
                     js("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:I, s:{}, s:I, s:i, s:o, s:b}", "id",
                        id, "volume_id", json_str(volume, "id"), "project_id",
                        json_str(volume, "project_id"), "user_id", user_id, "name", js_str(name),
                        "description", js_str(description), "status", "creating", "size",
                        (json_int_t)json_int(volume, "size", 1), "metadata", "created_ms",
                        (json_int_t)site->sim->now_ms, "updated_ms", -1, "group_snapshot_id",
                        js_str(group_snapshot), "bootable", json_bool(volume, "bootable", false)));
    sim_advance_add(site, EVENT_SNAPSHOT_DONE, id, site->sim->options.latency.snapshot_ms);
    return row;
}

void sim_cinder_snapshot_done(struct site *site, const char *id)
{
    json_t *row = sim_site_row(site, "snapshots", id);
    if (row == NULL || strcmp(json_str(row, "status"), "creating") != 0)
        return;
    g_autofree char *from = sim_cinder_volume_name(json_str(row, "volume_id"));
    g_autofree char *to = sim_cinder_snapshot_name(id);
    bool good = sim_cinder_file_copy(site, from, to, 0);
    json_set_str(row, "status", good ? "available" : "error");
    json_set_int(row, "updated_ms", site->sim->now_ms);
}

void sim_cinder_snapshot_gone(struct site *site, const char *id)
{
    if (sim_site_row(site, "snapshots", id) == NULL)
        return;
    g_autofree char *name = sim_cinder_snapshot_name(id);
    sim_cinder_file_remove(site, name);
    sim_advance_cancel(site, id);
    sim_site_drop(site, "snapshots", id);
}

static bool asked_bool(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_true(value) || (text != NULL && g_ascii_strcasecmp(text, "true") == 0);
}

struct http_response *sim_cinder_snapshot_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "snapshot");
    const char *volume_id = json_str(asked, "volume_id");
    if (volume_id == NULL)
        return sim_call_fail(call, 400,
                             "Invalid input for field/attribute snapshot. 'volume_id' is a "
                             "required property");
    const json_t *volume = sim_site_row(call->site, "volumes", volume_id);
    if (!sim_call_sees(call, volume))
        return sim_call_fail(call, 404, "Volume %s could not be found.", volume_id);
    const char *status = json_str(volume, "status");
    bool force = asked_bool(json_object_get(asked, "force")) || call->mv >= 66;
    bool good = strcmp(status, "available") == 0 || (force && strcmp(status, "in-use") == 0);
    if (!good)
        return sim_call_fail(
            call, 400,
            "Invalid volume: Volume %s status must be available, but current status "
            "is: %s.",
            volume_id, status);
    const json_t *type = sim_site_row(call->site, "volume_types", json_str(volume, "type_id"));
    struct http_response *refusal =
        sim_cinder_quota_check(call, 0, json_int(volume, "size", 1), 1, type);
    if (refusal != NULL)
        return refusal;
    json_t *row =
        sim_cinder_snapshot_add(call->site, volume, call->user_id, json_str(asked, "name"),
                                json_str(asked, "description"), NULL);
    json_t *metadata = json_obj(asked, "metadata");
    if (metadata != NULL)
        json_set(row, "metadata", json_deep_copy(metadata));
    json_t *view = snapshot_summary(call, row);
    json_set(view, "created_at", js_stamp_of(row, "created_ms", STAMP_EXACT));
    return sim_call_json(call, 202, js("{s:o}", "snapshot", view));
}

static json_t *listed(struct call *call)
{
    g_autoptr(json_t) all = sim_cinder_listed(call, "snapshots");
    json_t *rows = json_array();
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(all, i, row)
    {
        static const char *const keys[] = {"volume_id", "name", "status"};
        bool fits = true;
        for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
            const char *want = sim_call_query(call, keys[k]);
            fits = fits && (want == NULL || g_strcmp0(want, json_str(row, keys[k])) == 0);
        }
        if (fits)
            json_array_append(rows, row);
    }
    return rows;
}

struct http_response *sim_cinder_snapshot_list(struct call *call)
{
    return sim_cinder_list(call, "snapshots", listed(call), snapshot_summary);
}

struct http_response *sim_cinder_snapshot_detail(struct call *call)
{
    return sim_cinder_list(call, "snapshots", listed(call), snapshot_view);
}

static json_t *snapshot_here(struct call *call, struct http_response **ret)
{
    json_t *row = sim_site_row(call->site, "snapshots", call->arg[0]);
    if (sim_call_sees(call, row))
        return row;
    *ret = sim_call_fail(call, 404, "Snapshot %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_cinder_snapshot_show(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = snapshot_here(call, &resp);
    return row == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "snapshot", snapshot_view(call, row)));
}

struct http_response *sim_cinder_snapshot_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = snapshot_here(call, &resp);
    if (row == NULL)
        return resp;
    const char *status = json_str(row, "status");
    if ((strcmp(status, "available") != 0 && strcmp(status, "error") != 0) ||
        json_str(row, "group_snapshot_id") != NULL)
        return sim_call_fail(call, 400,
                             "Invalid snapshot: Snapshot status must be available or error "
                             "and must not be part of a group snapshot.");
    json_set_str(row, "status", "deleting");
    sim_advance_add(call->site, EVENT_SNAPSHOT_GONE, call->arg[0],
                    call->sim->options.latency.snapshot_ms);
    return sim_call_empty(call, 202, "text/html; charset=UTF-8");
}
