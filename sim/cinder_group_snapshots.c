/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_group_snapshots - a snapshot of every volume of a group at one instant.
 */
#include "sim/cinder.h"

#include <string.h>

#include "sim/advance.h"

static json_t *gs_summary(struct call *call, json_t *row)
{
    (void)call;
    return js("{s:s, s:O}", "id", json_str(row, "id"), "name", json_object_get(row, "name"));
}

static json_t *gs_view(struct call *call, json_t *row)
{
    json_t *view =
        js("{s:s, s:s, s:s, s:s, s:o, s:O, s:O}", "id", json_str(row, "id"), "group_id",
           json_str(row, "group_id"), "group_type_id", json_str(row, "group_type_id"), "status",
           json_str(row, "status"), "created_at", js_stamp_of(row, "created_ms", STAMP_US), "name",
           json_object_get(row, "name"), "description", json_object_get(row, "description"));
    if (call->mv >= 58 && call->admin)
        json_set(view, "project_id", js_str(json_str(row, "project_id")));
    return view;
}

/* The rows of a table whose 'key' is 'value'; new array of borrowed rows. */
static json_t *rows_with(struct site *site, const char *table, const char *key, const char *value)
{
    json_t *rows = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, table, id, row)
    {
        if (g_strcmp0(json_str(row, key), value) == 0)
            json_array_append(rows, row);
    }
    return rows;
}

struct http_response *sim_cinder_group_snapshot_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "group_snapshot");
    const char *group_id = json_str(asked, "group_id");
    if (group_id == NULL)
        return sim_call_fail(call, 400, "'group_id' is a required property");
    const json_t *group = sim_site_row(call->site, "groups", group_id);
    if (!sim_call_sees(call, group))
        return sim_call_fail(call, 404, "Group %s could not be found.", group_id);
    g_autoptr(json_t) volumes = rows_with(call->site, "volumes", "group_id", group_id);
    if (json_array_size(volumes) == 0)
        return sim_call_fail(call, 400, "Invalid group: The source group %s is empty.", group_id);
    struct http_response *refusal =
        sim_cinder_quota_check(call, 0, 0, (int64_t)json_array_size(volumes), NULL);
    if (refusal != NULL)
        return refusal;
    g_autofree char *id = sim_site_uuid(call->site);
    const char *name = json_str(asked, "name");
    json_t *row =
        sim_site_add(call->site, "group_snapshots",
                     js("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:I}", "id", id, "project_id",
                        json_str(group, "project_id"), "user_id", call->user_id, "group_id",
                        group_id, "group_type_id", json_str(group, "group_type_id"), "name",
                        js_str(name), "description", js_str(json_str(asked, "description")),
                        "status", "creating", "created_ms", (json_int_t)call->sim->now_ms));
    size_t i = 0;
    json_t *volume = NULL;
    json_array_foreach(volumes, i, volume)
        sim_cinder_snapshot_add(call->site, volume, call->user_id, name, NULL, id);
    sim_advance_add(call->site, EVENT_GROUP_SNAPSHOT_DONE, id,
                    call->sim->options.latency.snapshot_ms);
    json_t *view = gs_summary(call, row);
    json_set_str(view, "group_type_id", json_str(row, "group_type_id"));
    return sim_call_json(call, 202, js("{s:o}", "group_snapshot", view));
}

void sim_cinder_group_snapshot_done(struct site *site, const char *id)
{
    json_t *row = sim_site_row(site, "group_snapshots", id);
    if (row == NULL || strcmp(json_str(row, "status"), "creating") != 0)
        return;
    g_autoptr(json_t) snapshots = rows_with(site, "snapshots", "group_snapshot_id", id);
    bool good = true;
    size_t i = 0;
    json_t *snapshot = NULL;
    json_array_foreach(snapshots, i, snapshot)
    {
        sim_cinder_snapshot_done(site, json_str(snapshot, "id"));
        good = good && strcmp(json_str(snapshot, "status"), "available") == 0;
    }
    json_set_str(row, "status", good ? "available" : "error");
}

void sim_cinder_group_snapshot_gone(struct site *site, const char *id)
{
    g_autoptr(json_t) snapshots = rows_with(site, "snapshots", "group_snapshot_id", id);
    size_t i = 0;
    json_t *snapshot = NULL;
    json_array_foreach(snapshots, i, snapshot)
        sim_cinder_snapshot_gone(site, json_str(snapshot, "id"));
    sim_site_drop(site, "group_snapshots", id);
}

struct http_response *sim_cinder_group_snapshot_list(struct call *call)
{
    return sim_cinder_list(call, "group_snapshots", sim_cinder_listed(call, "group_snapshots"),
                           gs_summary);
}

struct http_response *sim_cinder_group_snapshot_detail(struct call *call)
{
    return sim_cinder_list(call, "group_snapshots", sim_cinder_listed(call, "group_snapshots"),
                           gs_view);
}

static json_t *gs_here(struct call *call, struct http_response **ret)
{
    json_t *row = sim_site_row(call->site, "group_snapshots", call->arg[0]);
    if (sim_call_sees(call, row))
        return row;
    *ret = sim_call_fail(call, 404, "GroupSnapshot %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_cinder_group_snapshot_show(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = gs_here(call, &resp);
    return row == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "group_snapshot", gs_view(call, row)));
}

struct http_response *sim_cinder_group_snapshot_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = gs_here(call, &resp);
    if (row == NULL)
        return resp;
    const char *status = json_str(row, "status");
    if (strcmp(status, "available") != 0 && strcmp(status, "error") != 0)
        return sim_call_fail(
            call, 400,
            "Invalid GroupSnapshot: GroupSnapshot status must be available or error, "
            "and no Group can be currently using it as source for its creation.");
    json_set_str(row, "status", "deleting");
    sim_advance_add(call->site, EVENT_GROUP_SNAPSHOT_GONE, call->arg[0],
                    call->sim->options.latency.snapshot_ms);
    return sim_call_empty(call, 202, "text/html; charset=UTF-8");
}
