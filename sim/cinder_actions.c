/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_actions - POST /volumes/{id}/action: one row per action; and a volume's metadata.
 */
#include "sim/cinder.h"

#include <string.h>

#include "sim/advance.h"

typedef struct http_response *action_fn(struct call *call, json_t *volume, const json_t *args);

static bool has_status(const json_t *volume, const char *status)
{
    return strcmp(json_str(volume, "status"), status) == 0;
}

static void touch(struct call *call, json_t *volume)
{
    json_set_int(volume, "updated_ms", call->sim->now_ms);
}

static struct http_response *act_extend(struct call *call, json_t *volume, const json_t *args)
{
    int64_t size_gb = json_int(args, "new_size", -1);
    int64_t old_gb = json_int(volume, "size", 1);
    bool online = has_status(volume, "in-use") && call->mv >= 42;
    if (!has_status(volume, "available") && !online)
        return sim_call_fail(
            call, 400, "Invalid volume: Volume %s status must be '%s' to extend, currently %s.",
            json_str(volume, "id"), "available", json_str(volume, "status"));
    if (size_gb <= old_gb)
        return sim_call_fail(
            call, 400,
            "Invalid input received: New size for extend must be greater than current "
            "size. (current: %" G_GINT64_FORMAT ", extended: %" G_GINT64_FORMAT ").",
            old_gb, size_gb);
    const json_t *type = sim_site_row(call->site, "volume_types", json_str(volume, "type_id"));
    struct http_response *refusal = sim_cinder_quota_check(call, 0, size_gb - old_gb, 0, type);
    if (refusal != NULL)
        return refusal;
    json_set_str(volume, "status", "extending");
    json_set_int(volume, "new_size", size_gb);
    sim_advance_add(call->site, EVENT_VOLUME_DONE, json_str(volume, "id"),
                    call->sim->options.latency.volume_ms);
    return sim_call_empty(call, 202, "application/json");
}

static struct http_response *act_set_bootable(struct call *call, json_t *volume, const json_t *args)
{
    const json_t *value = json_object_get(args, "bootable");
    const char *text = json_string_value(value);
    if (!json_is_boolean(value) && text == NULL)
        return sim_call_fail(call, 400, "Invalid input for field/attribute os-set_bootable.");
    bool on = json_is_true(value) || (text != NULL && g_ascii_strcasecmp(text, "true") == 0);
    json_set_bool(volume, "bootable", on);
    return sim_call_empty(call, 200, "application/json");
}

static struct http_response *act_reset_status(struct call *call, json_t *volume, const json_t *args)
{
    const char *status = json_str(args, "status");
    const char *attach = json_str(args, "attach_status");
    if (status == NULL && attach == NULL)
        return sim_call_fail(call, 400,
                             "Must specify 'status', 'attach_status' or "
                             "'migration_status' in request body.");
    if (status != NULL)
        json_set_str(volume, "status", status);
    touch(call, volume);
    return sim_call_empty(call, 202, "application/json");
}

static struct http_response *act_image_metadata(struct call *call, json_t *volume,
                                                const json_t *args)
{
    json_t *given = json_obj(args, "metadata");
    if (given == NULL)
        return sim_call_fail(call, 400, "Invalid input for field/attribute os-set_image_metadata.");
    json_t *metadata = json_obj(volume, "image_metadata");
    if (metadata == NULL) {
        metadata = json_object();
        json_set(volume, "image_metadata", metadata);
    }
    json_object_update(metadata, given);
    return sim_call_json(call, 200, js("{s:O}", "metadata", metadata));
}

static struct http_response *act_unset_image_metadata(struct call *call, json_t *volume,
                                                      const json_t *args)
{
    const char *key = json_str(args, "key");
    if (json_obj(volume, "image_metadata") == NULL || key == NULL)
        return sim_call_fail(call, 404, "Metadata does not exist.");
    json_object_del(json_obj(volume, "image_metadata"), key);
    return sim_call_empty(call, 200, "application/json");
}

static struct http_response *act_show_image_metadata(struct call *call, json_t *volume,
                                                     const json_t *args)
{
    (void)args;
    json_t *metadata = json_obj(volume, "image_metadata");
    return sim_call_json(call, 200,
                         js("{s:o}", "metadata",
                            metadata != NULL ? json_deep_copy(metadata) : json_object()));
}

static struct http_response *act_unmanage(struct call *call, json_t *volume, const json_t *args)
{
    (void)args;
    const char *id = json_str(volume, "id");
    if (!has_status(volume, "available") && !has_status(volume, "error"))
        return sim_call_fail(call, 400,
                             "Invalid volume: Volume status must be available or error or "
                             "error_restoring or error_extending or error_managing and must not be "
                             "migrating, attached, belong to a group, have snapshots, awaiting a "
                             "transfer, or be disassociated from snapshots after volume transfer.");
    if (sim_cinder_volume_has_snapshots(call->site, id) || json_str(volume, "group_id") != NULL)
        return sim_call_fail(call, 400, "Invalid volume: Volume has snapshots or is in a group.");
    json_set_str(volume, "status", "unmanaging");
    sim_advance_add(call->site, EVENT_VOLUME_GONE, id, call->sim->options.latency.manage_ms);
    return sim_call_empty(call, 202, "text/html; charset=UTF-8");
}

static struct http_response *act_force_delete(struct call *call, json_t *volume, const json_t *args)
{
    (void)args;
    if (sim_cinder_volume_attached(call->site, json_str(volume, "id")))
        return sim_call_fail(call, 400, "Invalid volume: Volume is attached, detach it first.");
    sim_cinder_volume_delete_now(call->site, volume);
    return sim_call_empty(call, 202, "text/html; charset=UTF-8");
}

/* Changes the type in place; moving the bytes to another backend is not simulated. */
static struct http_response *act_retype(struct call *call, json_t *volume, const json_t *args)
{
    const json_t *type = sim_cinder_type_named(call->site, json_str_or(args, "new_type", ""));
    if (type == NULL)
        return sim_call_fail(call, 404, "Volume type with name %s could not be found.",
                             json_str_or(args, "new_type", ""));
    if (json_str(volume, "group_id") != NULL ||
        (!has_status(volume, "available") && !has_status(volume, "in-use")))
        return sim_call_fail(
            call, 400,
            "Invalid volume: Volume status must be available or in-use and must not "
            "be part of a group.");
    json_set_str(volume, "type_id", json_str(type, "id"));
    json_set_str(volume, "replication_status",
                 sim_cinder_type_replicated(type) ? "enabled" : "disabled");
    touch(call, volume);
    return sim_call_empty(call, 202, "application/json");
}

static struct http_response *act_readonly(struct call *call, json_t *volume, const json_t *args)
{
    json_set_bool(volume, "readonly", json_bool(args, "readonly", false));
    return sim_call_empty(call, 202, "application/json");
}

/* What services say to each other; a tenant must go through Nova. */
static struct http_response *act_by_nova(struct call *call, json_t *volume, const json_t *args)
{
    (void)args;
    const json_t *row =
        sim_site_find(call->site, "attachments", "volume_id", json_str(volume, "id"));
    if (row == NULL)
        return sim_call_fail(call, 400,
                             "Invalid volume: Volume attachments can not be changed here.");
    return sim_call_fail(call, 409,
                         "ConflictNovaUsingAttachment: Detach volume from instance %s using the "
                         "Compute API",
                         json_str_or(row, "instance", ""));
}

static const struct {
    const char *name;
    action_fn *fn;
    const char *policy;
} actions[] = {
    {"os-extend", act_extend, NULL},
    {"os-set_bootable", act_set_bootable, NULL},
    {"os-reset_status", act_reset_status, "volume_extension:volume_admin_actions:reset_status"},
    {"os-set_image_metadata", act_image_metadata, NULL},
    {"os-unset_image_metadata", act_unset_image_metadata, NULL},
    {"os-show_image_metadata", act_show_image_metadata, NULL},
    {"os-unmanage", act_unmanage, "volume_extension:volume_unmanage"},
    {"os-force_delete", act_force_delete, "volume_extension:volume_admin_actions:force_delete"},
    {"os-retype", act_retype, NULL},
    {"os-update_readonly_flag", act_readonly, NULL},
    {"os-detach", act_by_nova, NULL},
    {"os-force_detach", act_by_nova, "volume_extension:volume_admin_actions:force_detach"},
    {"os-begin_detaching", act_by_nova, NULL},
    {"os-terminate_connection", act_by_nova, NULL},
};

static json_t *volume_here(struct call *call, struct http_response **ret)
{
    json_t *volume = sim_site_row(call->site, "volumes", call->arg[0]);
    if (sim_call_sees(call, volume))
        return volume;
    *ret = sim_call_fail(call, 404, "Volume %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_cinder_volume_action(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *volume = volume_here(call, &resp);
    if (volume == NULL)
        return resp;
    json_t *args = NULL;
    const char *name = sim_cinder_action(call, &args);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (g_strcmp0(actions[i].name, name) != 0)
            continue;
        if (actions[i].policy != NULL && !sim_call_allowed(call, actions[i].policy))
            return sim_call_forbid(call, actions[i].policy);
        return actions[i].fn(call, volume, args);
    }
    return sim_call_fail(call, 400, "There is no such action: %s", name != NULL ? name : "None");
}

/* ---- metadata ---- */

static struct http_response *metadata_answer(struct call *call, const json_t *volume)
{
    return sim_call_json(call, 200,
                         js("{s:o}", "metadata", json_deep_copy(json_obj(volume, "metadata"))));
}

struct http_response *sim_cinder_metadata_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *volume = volume_here(call, &resp);
    return volume == NULL ? resp : metadata_answer(call, volume);
}

static struct http_response *metadata_write(struct call *call, bool replace)
{
    struct http_response *resp = NULL;
    json_t *volume = volume_here(call, &resp);
    if (volume == NULL)
        return resp;
    json_t *given = json_obj(call->body, "metadata");
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(given, key, value)
    {
        if (!json_is_string(value) || strlen(json_string_value(value)) > 255 || strlen(key) > 255)
            return sim_call_fail(call, 400,
                                 "Invalid input for field/attribute metadata. Value: %s. "
                                 "The value is no string of at most 255 characters.",
                                 key);
    }
    if (given == NULL)
        return sim_call_fail(call, 400, "'metadata' is a required property");
    if (replace)
        json_set(volume, "metadata", json_deep_copy(given));
    else
        json_object_update(json_obj(volume, "metadata"), given);
    touch(call, volume);
    return metadata_answer(call, volume);
}

struct http_response *sim_cinder_metadata_add(struct call *call)
{
    return metadata_write(call, false);
}

struct http_response *sim_cinder_metadata_put(struct call *call)
{
    return metadata_write(call, true);
}

struct http_response *sim_cinder_metadata_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *volume = volume_here(call, &resp);
    if (volume == NULL)
        return resp;
    if (json_object_get(json_obj(volume, "metadata"), call->arg[1]) == NULL)
        return sim_call_fail(call, 404, "Volume %s has no metadata with key %s.", call->arg[0],
                             call->arg[1]);
    json_object_del(json_obj(volume, "metadata"), call->arg[1]);
    touch(call, volume);
    return sim_call_empty(call, 200, "text/html; charset=UTF-8");
}
