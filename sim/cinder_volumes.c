/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_volumes - volumes: printing, listing, changing, deleting.  Their making is in
 * sim_cinder_create.c, their actions in sim_cinder_actions.c.
 */
#include "sim/cinder.h"

#include <string.h>

#include "sim/advance.h"

/* What the API says for a status of the database. */
static const struct {
    const char *row;
    const char *api;
} statuses[] = {
    {"managing", "creating"},
    {"error_managing", "error"},
    {"error_managing_deleting", "deleting"},
    {"unmanaging", "deleting"},
};

static const char *api_status(const json_t *volume)
{
    const char *status = json_str(volume, "status");
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        if (strcmp(statuses[i].row, status) == 0)
            return statuses[i].api;
    }
    return status;
}

static json_t *attachments_view(struct call *call, const char *volume_id)
{
    json_t *views = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, "attachments", id, row)
    {
        if (strcmp(json_str(row, "volume_id"), volume_id) != 0 ||
            strcmp(json_str(row, "status"), "attached") != 0)
            continue;
        json_array_append_new(views, js("{s:s, s:s, s:s, s:o, s:o, s:s, s:o}", "id", volume_id,
                                        "attachment_id", id, "volume_id", volume_id, "server_id",
                                        js_str(json_str(row, "instance")), "host_name",
                                        js_str(call->admin ? json_str(row, "host") : NULL),
                                        "device", json_str_or(row, "device", ""), "attached_at",
                                        js_stamp_of(row, "attached_ms", STAMP_US)));
    }
    return views;
}

/* What later microversions add, in the order of the real view. */
static void view_versions(struct call *call, const json_t *volume, json_t *view)
{
    if (call->mv >= 13)
        json_set(view, "group_id", js_str(json_str(volume, "group_id")));
    if (call->mv >= 21 && call->admin)
        json_set(view, "provider_id", NULL);
    if (call->mv >= 48) {
        json_set_bool(view, "shared_targets", json_str(volume, "service_uuid") == NULL);
        json_set(view, "service_uuid", js_str(json_str(volume, "service_uuid")));
    }
    if (call->mv >= 61 && call->admin)
        json_set(view, "cluster_name", NULL);
    if (call->mv >= 63)
        json_set(view, "volume_type_id", js_str(json_str(volume, "type_id")));
    if (call->mv >= 65)
        json_set_bool(view, "consumes_quota", true);
}

/* What only a volume read back has, not one just made. */
static void view_extensions(struct call *call, const json_t *volume, json_t *view)
{
    json_set_str(view, "os-vol-tenant-attr:tenant_id", json_str(volume, "project_id"));
    if (call->admin) {
        json_set(view, "os-vol-mig-status-attr:migstat", NULL);
        json_set(view, "os-vol-mig-status-attr:name_id", NULL);
        json_set(view, "os-vol-host-attr:host", js_str(json_str(volume, "host")));
    }
    json_t *image = json_obj(volume, "image_metadata");
    if (image != NULL && json_object_size(image) > 0)
        json_set(view, "volume_image_metadata", json_deep_copy(image));
}

static json_t *view_core(struct call *call, const json_t *volume, enum js_stamp form)
{
    const json_t *type = sim_site_row(call->site, "volume_types", json_str(volume, "type_id"));
    const char *id = json_str(volume, "id");
    json_t *view =
        js("{s:s, s:s, s:I, s:s, s:o, s:o, s:O, s:O, s:o, s:O, s:O, s:o, s:o}", "id", id, "status",
           api_status(volume), "size", (json_int_t)json_int(volume, "size", 0), "availability_zone",
           json_str(volume, "availability_zone"), "created_at",
           js_stamp_of(volume, "created_ms", form), "updated_at",
           js_stamp_of(volume, "updated_ms", STAMP_US), "name", json_object_get(volume, "name"),
           "description", json_object_get(volume, "description"), "volume_type",
           js_str(json_str(type, "name")), "snapshot_id", json_object_get(volume, "snapshot_id"),
           "source_volid", json_object_get(volume, "source_volid"), "metadata",
           json_deep_copy(json_obj(volume, "metadata")), "links",
           sim_cinder_links(call, "volumes", id));
    json_set_str(view, "user_id", json_str(volume, "user_id"));
    json_set_str(view, "bootable", json_bool(volume, "bootable", false) ? "true" : "false");
    json_set_bool(view, "encrypted", json_bool(volume, "encrypted", false));
    json_set(view, "replication_status", js_str(json_str(volume, "replication_status")));
    json_set(view, "consistencygroup_id", NULL);
    json_set_bool(view, "multiattach", json_bool(volume, "multiattach", false));
    json_set(view, "attachments", attachments_view(call, id));
    return view;
}

json_t *sim_cinder_volume_view(struct call *call, json_t *volume, enum sim_cinder_view form)
{
    json_t *view = view_core(call, volume, form == CINDER_VIEW_FULL ? STAMP_US : STAMP_EXACT);
    if (call->admin)
        json_set(view, "migration_status", NULL);
    if (form != CINDER_VIEW_MANAGED)
        view_versions(call, volume, view);
    if (form == CINDER_VIEW_FULL)
        view_extensions(call, volume, view);
    return view;
}

static json_t *detail_view(struct call *call, json_t *volume)
{
    return sim_cinder_volume_view(call, volume, CINDER_VIEW_FULL);
}

static json_t *summary_view(struct call *call, json_t *volume)
{
    const char *id = json_str(volume, "id");
    return js("{s:s, s:O, s:o}", "id", id, "name", json_object_get(volume, "name"), "links",
              sim_cinder_links(call, "volumes", id));
}

/* ---- listing ---- */

/* metadata={'k': 'v'} as the clients print it. */
static bool metadata_matches(const json_t *volume, const char *wanted)
{
    g_autofree char *text = g_strdup(wanted);
    g_strdelimit(text, "'", '"');
    g_autoptr(json_t) want = NULL;
    g_autoptr(err_t) e = json_parse(text, strlen(text), "metadata", &want);
    if (e != NULL || !json_is_object(want))
        return false;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(want, key, value)
    {
        if (!json_equal(json_object_get(json_obj(volume, "metadata"), key), value))
            return false;
    }
    return true;
}

static bool list_matches(const struct call *call, const json_t *volume)
{
    static const char *const keys[] = {"name", "status", "group_id", "snapshot_id"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *want = sim_call_query(call, keys[i]);
        const char *have =
            strcmp(keys[i], "status") == 0 ? api_status(volume) : json_str(volume, keys[i]);
        if (want != NULL && g_strcmp0(want, have) != 0)
            return false;
    }
    const char *bootable = sim_call_query(call, "bootable");
    if (bootable != NULL &&
        (g_ascii_strcasecmp(bootable, "true") == 0) != json_bool(volume, "bootable", false))
        return false;
    const char *metadata = sim_call_query(call, "metadata");
    return metadata == NULL || metadata_matches(volume, metadata);
}

static json_t *listed_volumes(struct call *call)
{
    g_autoptr(json_t) all = sim_cinder_listed(call, "volumes");
    json_t *rows = json_array();
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(all, i, row)
    {
        if (list_matches(call, row))
            json_array_append(rows, row);
    }
    return rows;
}

struct http_response *sim_cinder_volume_list(struct call *call)
{
    return sim_cinder_list(call, "volumes", listed_volumes(call), summary_view);
}

struct http_response *sim_cinder_volume_detail(struct call *call)
{
    return sim_cinder_list(call, "volumes", listed_volumes(call), detail_view);
}

/* ---- one volume ---- */

static json_t *volume_here(struct call *call, struct http_response **ret)
{
    json_t *volume = sim_site_row(call->site, "volumes", call->arg[0]);
    if (sim_call_sees(call, volume))
        return volume;
    *ret = sim_call_fail(call, 404, "Volume %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_cinder_volume_show(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *volume = volume_here(call, &resp);
    return volume == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "volume", detail_view(call, volume)));
}

struct http_response *sim_cinder_volume_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *volume = volume_here(call, &resp);
    if (volume == NULL)
        return resp;
    const json_t *asked = json_obj(call->body, "volume");
    if (asked == NULL || json_object_size(asked) == 0)
        return sim_call_fail(call, 400, "Invalid input for field/attribute volume.");
    static const char *const keys[] = {"name", "description", "metadata"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(asked, keys[i]);
        if (value != NULL)
            json_set(volume, keys[i], json_deep_copy(value));
    }
    json_set_int(volume, "updated_ms", call->sim->now_ms);
    return sim_call_json(call, 200,
                         js("{s:o}", "volume",
                            sim_cinder_volume_view(call, volume, CINDER_VIEW_NEW)));
}

bool sim_cinder_volume_attached(struct site *site, const char *volume_id)
{
    return sim_site_find(site, "attachments", "volume_id", volume_id) != NULL;
}

bool sim_cinder_volume_has_snapshots(struct site *site, const char *volume_id)
{
    return sim_site_find(site, "snapshots", "volume_id", volume_id) != NULL;
}

static bool may_delete(struct site *site, const json_t *volume)
{
    static const char *const good[] = {"available", "error", "error_restoring", "error_extending",
                                       "error_managing"};
    const char *status = json_str(volume, "status");
    bool known = false;
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        known = known || strcmp(good[i], status) == 0;
    const char *id = json_str(volume, "id");
    return known && json_str(volume, "group_id") == NULL && !sim_cinder_volume_attached(site, id) &&
           !sim_cinder_volume_has_snapshots(site, id);
}

void sim_cinder_volume_delete_now(struct site *site, json_t *volume)
{
    bool managing = strcmp(json_str(volume, "status"), "error_managing") == 0;
    json_set_str(volume, "status", managing ? "error_managing_deleting" : "deleting");
    json_set_int(volume, "updated_ms", site->sim->now_ms);
    sim_advance_cancel(site, json_str(volume, "id"));
    sim_advance_add(site, EVENT_VOLUME_GONE, json_str(volume, "id"),
                    site->sim->options.latency.volume_ms);
}

static void drop_snapshots(struct site *site, const char *volume_id)
{
    json_t *snapshot = NULL;
    while ((snapshot = sim_site_find(site, "snapshots", "volume_id", volume_id)) != NULL) {
        g_autofree char *id = g_strdup(json_str(snapshot, "id"));
        sim_cinder_snapshot_gone(site, id);
    }
}

struct http_response *sim_cinder_volume_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *volume = volume_here(call, &resp);
    if (volume == NULL)
        return resp;
    const char *cascade = sim_call_query(call, "cascade");
    bool all = cascade != NULL && g_ascii_strcasecmp(cascade, "true") == 0;
    if (all && sim_cinder_volume_has_snapshots(call->site, call->arg[0]) &&
        json_str(volume, "group_id") == NULL)
        drop_snapshots(call->site, call->arg[0]);
    if (!may_delete(call->site, volume))
        return sim_call_fail(call, 400,
                             "Invalid volume: Volume status must be available or error or "
                             "error_restoring or error_extending or error_managing and must not be "
                             "migrating, attached, belong to a group, have snapshots, awaiting a "
                             "transfer, or be disassociated from snapshots after volume transfer.");
    sim_cinder_volume_delete_now(call->site, volume);
    return sim_call_empty(call, 202, "text/html; charset=UTF-8");
}

void sim_cinder_volume_gone(struct site *site, const char *id)
{
    json_t *volume = sim_site_row(site, "volumes", id);
    if (volume == NULL)
        return;
    g_autofree char *name = sim_cinder_volume_name(id);
    if (strcmp(json_str(volume, "status"), "unmanaging") != 0)
        sim_cinder_file_remove(site, name);
    sim_advance_cancel(site, id);
    sim_site_drop(site, "volumes", id);
}
