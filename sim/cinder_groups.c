/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_groups - generic volume groups: create, show with list_volume, update, delete, from a
 * source.
 *
 * What an update adds and removes is checked when it is asked for and happens when it is due; the
 * row keeps it meanwhile in "adding" and "removing".
 */
#include "sim/cinder.h"

#include <string.h>

#include "sim/advance.h"

#define TEXT_MAX 255 /* characters, also of a list of ids: cinder/api/schemas/groups.py */

/* ---- printing ---- */

static json_t *group_volumes(struct site *site, const char *group_id)
{
    json_t *ids = json_array();
    const char *id = NULL;
    json_t *volume = NULL;
    sim_site_each(site, "volumes", id, volume)
    {
        if (g_strcmp0(json_str(volume, "group_id"), group_id) == 0)
            json_array_append_new(ids, json_string(id));
    }
    return ids;
}

static json_t *group_summary(struct call *call, json_t *group)
{
    (void)call;
    return js("{s:s, s:O}", "id", json_str(group, "id"), "name", json_object_get(group, "name"));
}

static json_t *group_view(struct call *call, json_t *group)
{
    const char *id = json_str(group, "id");
    json_t *view =
        js("{s:s, s:s, s:s, s:o, s:O, s:O, s:s, s:O}", "id", id, "status",
           json_str(group, "status"), "availability_zone", "nova", "created_at",
           js_stamp_of(group, "created_ms", STAMP_US), "name", json_object_get(group, "name"),
           "description", json_object_get(group, "description"), "group_type",
           json_str(group, "group_type_id"), "volume_types", json_arr(group, "volume_type_ids"));
    if (call->mv >= 14) {
        json_set(view, "group_snapshot_id", js_str(json_str(group, "group_snapshot_id")));
        json_set(view, "source_group_id", js_str(json_str(group, "source_group_id")));
    }
    const char *list = sim_call_query(call, "list_volume");
    if (call->mv >= 25 && list != NULL && g_ascii_strcasecmp(list, "true") == 0)
        json_set(view, "volumes", group_volumes(call->site, id));
    if (call->mv >= 38)
        json_set(view, "replication_status", js_str(json_str(group, "replication_status")));
    if (call->mv >= 58 && call->admin)
        json_set(view, "project_id", js_str(json_str(group, "project_id")));
    return view;
}

/* ---- making ---- */

static json_t *group_add(struct call *call, const json_t *asked, const char *group_type_id,
                         json_t *type_ids)
{
    g_autofree char *id = sim_site_uuid(call->site);
    g_autofree char *host = sim_cinder_host(call->site);
    return sim_site_add(call->site, "groups",
                        js("{s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:I, s:n, s:n, s:s, s:s}",
                           "id", id, "project_id", call->project_id, "user_id", call->user_id,
                           "name", js_str(json_str(asked, "name")), "description",
                           js_str(json_str(asked, "description")), "status", "creating",
                           "group_type_id", group_type_id, "volume_type_ids", type_ids,
                           "created_ms", (json_int_t)call->sim->now_ms, "group_snapshot_id",
                           "source_group_id", "replication_status", "disabled", "host", host));
}

/* Ids of the volume types asked for; NULL and the answer if one is unknown. */
static json_t *type_ids_of(struct call *call, const json_t *names, struct http_response **ret)
{
    json_t *ids = json_array();
    size_t i = 0;
    json_t *name = NULL;
    json_array_foreach(names, i, name)
    {
        const json_t *type = json_is_string(name)
                                 ? sim_cinder_type_named(call->site, json_string_value(name))
                                 : NULL;
        if (type == NULL) {
            *ret = sim_call_fail(call, 404, "Volume type with name %s could not be found.",
                                 json_is_string(name) ? json_string_value(name) : "?");
            json_decref(ids);
            return NULL;
        }
        json_array_append_new(ids, json_string(json_str(type, "id")));
    }
    return ids;
}

static json_t *group_type_named(struct site *site, const char *name)
{
    json_t *type = sim_site_row(site, "group_types", name);
    return type != NULL ? type : sim_site_find(site, "group_types", "name", name);
}

struct http_response *sim_cinder_group_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "group");
    const char *name = json_str(asked, "group_type");
    if (name == NULL || json_array_size(json_arr(asked, "volume_types")) == 0)
        return sim_call_fail(call, 400,
                             "Invalid input for field/attribute group. '%s' is a required "
                             "property",
                             name == NULL ? "group_type" : "volume_types");
    const char *zone = json_str(asked, "availability_zone");
    if (zone != NULL && strcmp(zone, "nova") != 0)
        return sim_call_fail(call, 400,
                             "Invalid input received: Availability zone '%s' is invalid.", zone);
    const json_t *group_type = group_type_named(call->site, name);
    if (group_type == NULL)
        return sim_call_fail(call, 404, "Group type %s could not be found.", name);
    if (strcmp(json_str(group_type, "name"), "default_cgsnapshot_type") == 0)
        return sim_call_fail(
            call, 400,
            "Group_type %s is reserved for migrating CGs. Migrated group can only be "
            "operated by CG APIs.",
            json_str(group_type, "id"));
    struct http_response *resp = sim_cinder_quota_groups(call);
    if (resp != NULL)
        return resp;
    json_t *type_ids = type_ids_of(call, json_arr(asked, "volume_types"), &resp);
    if (type_ids == NULL)
        return resp;
    json_t *group = group_add(call, asked, json_str(group_type, "id"), type_ids);
    sim_advance_add(call->site, EVENT_GROUP_DONE, json_str(group, "id"),
                    call->sim->options.latency.group_ms);
    return sim_call_json(call, 202, js("{s:o}", "group", group_summary(call, group)));
}

/* A volume of the new group, made from a snapshot or a volume. */
static void member_from(struct call *call, const json_t *group, const json_t *source,
                        const char *key)
{
    const json_t *volume = strcmp(key, "snapshot_id") == 0
                               ? sim_site_row(call->site, "volumes", json_str(source, "volume_id"))
                               : source;
    json_t *fields = js("{s:s, s:s, s:O, s:b}", key, json_str(source, "id"), "group_id",
                        json_str(group, "id"), "name", json_object_get(volume, "name"),
                        "becomes_bootable", json_bool(volume, "bootable", false));
    json_t *made =
        sim_cinder_volume_add(call->site, call->project_id, call->user_id,
                              json_str(volume, "type_id"), json_int(source, "size", 1), fields);
    sim_advance_add(call->site, EVENT_VOLUME_DONE, json_str(made, "id"),
                    call->sim->options.latency.volume_ms);
}

/* Makes the members; returns how many. */
static size_t members_from(struct call *call, const json_t *group, const char *table,
                           const char *link, const char *source_id, const char *key)
{
    g_autoptr(json_t) sources = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, table, id, row)
    {
        if (g_strcmp0(json_str(row, link), source_id) == 0)
            json_array_append(sources, row);
    }
    size_t i = 0;
    json_array_foreach(sources, i, row) member_from(call, group, row, key);
    return json_array_size(sources);
}

struct http_response *sim_cinder_group_from_src(struct call *call)
{
    const json_t *asked = json_obj(call->body, "create-from-src");
    const char *snapshot_id = json_str(asked, "group_snapshot_id");
    const char *group_id = json_str(asked, "source_group_id");
    const json_t *source = sim_site_row(call->site, "groups", group_id);
    const json_t *snapshot = sim_site_row(call->site, "group_snapshots", snapshot_id);
    if ((snapshot_id == NULL) == (group_id == NULL))
        return sim_call_fail(call, 400, "Invalid input for field/attribute create-from-src.");
    if (snapshot_id != NULL && !sim_call_sees(call, snapshot))
        return sim_call_fail(call, 404, "GroupSnapshot %s could not be found.", snapshot_id);
    if (group_id != NULL && !sim_call_sees(call, source))
        return sim_call_fail(call, 404, "Group %s could not be found.", group_id);
    if (snapshot != NULL)
        source = sim_site_row(call->site, "groups", json_str(snapshot, "group_id"));
    struct http_response *refusal = sim_cinder_quota_groups(call);
    if (refusal != NULL)
        return refusal;
    json_t *group = group_add(call, asked, json_str(source, "group_type_id"),
                              json_deep_copy(json_arr(source, "volume_type_ids")));
    json_set(group, "group_snapshot_id", js_str(snapshot_id));
    json_set(group, "source_group_id", js_str(group_id));
    size_t made = snapshot != NULL
                      ? members_from(call, group, "snapshots", "group_snapshot_id", snapshot_id,
                                     "snapshot_id")
                      : members_from(call, group, "volumes", "group_id", group_id, "source_volid");
    if (made == 0) {
        sim_site_drop(call->site, "groups", json_str(group, "id"));
        return sim_call_fail(call, 400, "Invalid group: %s is empty. No group will be created.",
                             snapshot != NULL ? "Group snapshot" : "Source Group");
    }
    sim_advance_add(call->site, EVENT_GROUP_DONE, json_str(group, "id"),
                    call->sim->options.latency.volume_ms + call->sim->options.latency.group_ms);
    return sim_call_json(call, 202, js("{s:o}", "group", group_summary(call, group)));
}

/* ---- reading ---- */

struct http_response *sim_cinder_group_list(struct call *call)
{
    return sim_cinder_list(call, "groups", sim_cinder_listed(call, "groups"), group_summary);
}

struct http_response *sim_cinder_group_detail(struct call *call)
{
    return sim_cinder_list(call, "groups", sim_cinder_listed(call, "groups"), group_view);
}

static json_t *group_here(struct call *call, struct http_response **ret)
{
    json_t *group = sim_site_row(call->site, "groups", call->arg[0]);
    if (sim_call_sees(call, group))
        return group;
    *ret = sim_call_fail(call, 404, "Group %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_cinder_group_show(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *group = group_here(call, &resp);
    return group == NULL ? resp
                         : sim_call_json(call, 200, js("{s:o}", "group", group_view(call, group)));
}

/* ---- update ---- */

static bool status_fits_group(const json_t *volume)
{
    const char *status = json_str(volume, "status");
    return strcmp(status, "available") == 0 || strcmp(status, "in-use") == 0;
}

/* NULL: the volume may join. */
static struct http_response *check_add(struct call *call, const json_t *group, const char *id)
{
    const json_t *volume = sim_site_row(call->site, "volumes", id);
    const char *group_id = json_str(group, "id");
    if (!sim_call_sees(call, volume))
        return sim_call_fail(
            call, 400,
            "Invalid volume: Cannot add volume %s to group %s because volume cannot "
            "be found.",
            id, group_id);
    if (json_str(volume, "group_id") != NULL)
        return sim_call_fail(
            call, 400,
            "Invalid volume: Cannot add volume %s to group %s because it is already "
            "in group %s.",
            id, group_id, json_str(volume, "group_id"));
    if (strcmp(json_str(volume, "project_id"), json_str(group, "project_id")) != 0)
        return sim_call_fail(call, 400,
                             "Invalid volume: Cannot add volume %s to group %s as they belong to "
                             "different projects.",
                             id, group_id);
    if (!js_has(json_arr(group, "volume_type_ids"), json_str(volume, "type_id")))
        return sim_call_fail(
            call, 400,
            "Invalid volume: Cannot add volume %s to group %s because volume type %s "
            "is not supported by the group.",
            id, group_id, json_str(volume, "type_id"));
    if (!status_fits_group(volume))
        return sim_call_fail(
            call, 400,
            "Invalid volume: Cannot add volume %s to group %s because volume is in an "
            "invalid state: %s. Valid states are: ('available', 'in-use').",
            id, group_id, json_str(volume, "status"));
    return NULL;
}

/* NULL: the volume may leave. */
static struct http_response *check_remove(struct call *call, const json_t *group, const char *id)
{
    const json_t *volume = sim_site_row(call->site, "volumes", id);
    const char *group_id = json_str(group, "id");
    if (volume == NULL || g_strcmp0(json_str(volume, "group_id"), group_id) != 0)
        return sim_call_fail(
            call, 400,
            "Invalid volume: Cannot remove volume %s from group %s because it is not "
            "in the group.",
            id, group_id);
    const char *status = json_str(volume, "status");
    if (!status_fits_group(volume) && !g_str_has_prefix(status, "error"))
        return sim_call_fail(
            call, 400,
            "Invalid volume: Cannot remove volume %s from group %s because volume is "
            "in an invalid state: %s. Valid states are: ('available', 'in-use', "
            "'error', 'error_deleting').",
            id, group_id, status);
    return NULL;
}

/*
 * Checks the ids of a comma list; returns those that change something, NULL and the answer on a
 * refusal.
 */
static json_t *checked_ids(struct call *call, const json_t *group, const char *list, bool add,
                           struct http_response **ret)
{
    g_autoptr(json_t) ids = json_array();
    g_auto(GStrv) items = g_strsplit(list != NULL ? list : "", ",", -1);
    for (guint i = 0; items[i] != NULL; i++) {
        const json_t *volume = sim_site_row(call->site, "volumes", items[i]);
        bool inside =
            volume != NULL && g_strcmp0(json_str(volume, "group_id"), json_str(group, "id")) == 0;
        if (items[i][0] == '\0' || (add && inside))
            continue;
        *ret = add ? check_add(call, group, items[i]) : check_remove(call, group, items[i]);
        if (*ret != NULL)
            return NULL;
        json_array_append_new(ids, json_string(items[i]));
    }
    return g_steal_pointer(&ids);
}

/* What Cinder's schema says of an update before anything is looked up. */
static struct http_response *check_lengths(struct call *call, const json_t *asked)
{
    static const char *const texts[] = {"name", "description", "add_volumes", "remove_volumes"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *text = json_str(asked, texts[i]);
        if (text != NULL && g_utf8_strlen(text, -1) > TEXT_MAX)
            return sim_call_fail(
                call, 400, "Invalid input for field/attribute %s. Value: %s. '%s' is too long",
                texts[i], text, text);
    }
    return NULL;
}

static bool is_new(const char *given, const char *old)
{
    return given != NULL && g_strcmp0(given, old) != 0;
}

struct http_response *sim_cinder_group_update(struct call *call)
{
    const json_t *asked = json_obj(call->body, "group");
    struct http_response *resp = check_lengths(call, asked);
    json_t *group = resp == NULL ? group_here(call, &resp) : NULL;
    if (group == NULL)
        return resp;
    g_autoptr(json_t) adding =
        checked_ids(call, group, json_str(asked, "add_volumes"), true, &resp);
    if (adding == NULL)
        return resp;
    g_autoptr(json_t) removing =
        checked_ids(call, group, json_str(asked, "remove_volumes"), false, &resp);
    if (removing == NULL)
        return resp;
    bool moves = json_array_size(adding) + json_array_size(removing) > 0;
    const char *name = json_str(asked, "name");
    const char *description = json_str(asked, "description");
    if (!moves && !is_new(name, json_str(group, "name")) &&
        !is_new(description, json_str(group, "description")))
        return sim_call_fail(call, 400,
                             "Invalid group: Cannot update group %s because no valid name, "
                             "description, add_volumes, or remove_volumes were provided.",
                             call->arg[0]);
    if (moves && strcmp(json_str(group, "status"), "available") != 0)
        return sim_call_fail(call, 400, "Invalid group: Group status must be available.");
    if (name != NULL)
        json_set_str(group, "name", name);
    if (description != NULL)
        json_set_str(group, "description", description);
    if (moves) {
        json_set_str(group, "status", "updating");
        json_set(group, "adding", g_steal_pointer(&adding));
        json_set(group, "removing", g_steal_pointer(&removing));
        sim_advance_add(call->site, EVENT_GROUP_DONE, call->arg[0],
                        call->sim->options.latency.group_ms);
    }
    return sim_call_empty(call, 202, "text/html; charset=UTF-8");
}

static void move_volumes(struct site *site, const json_t *ids, const char *group_id)
{
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(ids, i, id)
    {
        json_t *volume = sim_site_row(site, "volumes", json_string_value(id));
        if (volume == NULL)
            continue;
        json_set_str(volume, "group_id", group_id);
        json_set_int(volume, "updated_ms", site->sim->now_ms);
    }
}

static void spoil_volumes(struct site *site, const json_t *ids)
{
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(ids, i, id)
    {
        json_t *volume = sim_site_row(site, "volumes", json_string_value(id));
        if (volume != NULL)
            json_set_str(volume, "status", "error");
    }
}

/* Whether the driver fails this time (sim_driver_fails). */
static bool driver_fails(struct site *site)
{
    json_t *driver = sim_site_table(site, "driver");
    int64_t failures = json_int(driver, "failures", 0);
    if (failures > 0)
        json_set_int(driver, "failures", failures - 1);
    return failures > 0;
}

/* update_group of cinder/volume/manager.py: on a failure nothing moves and all of it is in error.
 */
void sim_cinder_group_done(struct site *site, const char *id)
{
    json_t *group = sim_site_row(site, "groups", id);
    const char *status = json_str(group, "status");
    if (group == NULL || strcmp(status, "deleting") == 0)
        return;
    bool failed = driver_fails(site);
    if (failed) {
        spoil_volumes(site, json_arr(group, "adding"));
        spoil_volumes(site, json_arr(group, "removing"));
    } else {
        move_volumes(site, json_arr(group, "adding"), id);
        move_volumes(site, json_arr(group, "removing"), NULL);
    }
    json_object_del(group, "adding");
    json_object_del(group, "removing");
    json_set_str(group, "status", failed ? "error" : "available");
}

/* ---- actions ---- */

/* NULL: the group may be deleted. */
static struct http_response *check_delete(struct call *call, const json_t *group, bool with_volumes)
{
    const char *id = json_str(group, "id");
    const char *status = json_str(group, "status");
    if (!with_volumes && strcmp(status, "available") != 0 && strcmp(status, "error") != 0)
        return sim_call_fail(call, 400,
                             "Invalid group: Group status must be available or error, but current "
                             "status is: %s",
                             status);
    if (sim_site_find(call->site, "group_snapshots", "group_id", id) != NULL)
        return sim_call_fail(call, 400, "Invalid group: Group has existing snapshots.");
    g_autoptr(json_t) volumes = group_volumes(call->site, id);
    if (json_array_size(volumes) > 0 && !with_volumes)
        return sim_call_fail(
            call, 400,
            "Invalid group: Group %s still contains volumes. The delete-volumes flag "
            "is required to delete it.",
            id);
    size_t i = 0;
    json_t *volume_id = NULL;
    json_array_foreach(volumes, i, volume_id)
    {
        if (sim_cinder_volume_attached(call->site, json_string_value(volume_id)))
            return sim_call_fail(
                call, 400, "Invalid group: Volume in group %s is attached. Need to detach first.",
                id);
        if (sim_cinder_volume_has_snapshots(call->site, json_string_value(volume_id)))
            return sim_call_fail(call, 400,
                                 "Invalid group: Volume in group still has dependent snapshots.");
    }
    return NULL;
}

static struct http_response *group_delete(struct call *call, json_t *group, const json_t *args)
{
    bool with_volumes = json_bool(args, "delete-volumes", false);
    struct http_response *refusal = check_delete(call, group, with_volumes);
    if (refusal != NULL)
        return refusal;
    json_set_str(group, "status", "deleting");
    g_autoptr(json_t) volumes = group_volumes(call->site, json_str(group, "id"));
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(volumes, i, id)
        json_set_str(sim_site_row(call->site, "volumes", json_string_value(id)), "status",
                     "deleting");
    sim_advance_cancel(call->site, json_str(group, "id"));
    sim_advance_add(call->site, EVENT_GROUP_GONE, json_str(group, "id"),
                    call->sim->options.latency.group_ms);
    return sim_call_empty(call, 202, "text/html; charset=UTF-8");
}

struct http_response *sim_cinder_group_action(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *group = group_here(call, &resp);
    if (group == NULL)
        return resp;
    json_t *args = NULL;
    const char *name = sim_cinder_action(call, &args);
    if (g_strcmp0(name, "delete") == 0)
        return group_delete(call, group, args);
    if (g_strcmp0(name, "reset_status") == 0 && call->mv >= 20) {
        if (!sim_call_allowed(call, "group:reset_status"))
            return sim_call_forbid(call, "group:reset_status");
        json_set_str(group, "status", json_str_or(args, "status", "available"));
        return sim_call_empty(call, 202, "text/html; charset=UTF-8");
    }
    return sim_call_fail(call, 400, "There is no such action: %s", name != NULL ? name : "None");
}

void sim_cinder_group_gone(struct site *site, const char *id)
{
    if (sim_site_row(site, "groups", id) == NULL)
        return;
    g_autoptr(json_t) volumes = group_volumes(site, id);
    size_t i = 0;
    json_t *volume_id = NULL;
    json_array_foreach(volumes, i, volume_id)
        sim_cinder_volume_gone(site, json_string_value(volume_id));
    sim_site_drop(site, "groups", id);
}
