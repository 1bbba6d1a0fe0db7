/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_create - POST /volumes: empty, from an image, from a snapshot, from another volume;
 * what the request must satisfy, and the volume becoming available.
 */
#include "sim/cinder.h"

#include <string.h>

#include "sim/advance.h"
#include "sim/glance.h"

/* What a request for a volume comes down to. */
struct wish {
    const json_t *asked;
    int64_t size_gb;
    const json_t *type;
    const json_t *snapshot;
    const json_t *source;
    const json_t *image;
};

json_t *sim_cinder_volume_add(struct site *site, const char *project_id, const char *user_id,
                              const char *type_id, int64_t size_gb, json_t *fields)
{
    g_autofree char *id = sim_site_uuid(site);
    g_autofree char *host = sim_cinder_host(site);
    json_t *volume =
        js("{s:s, s:s, s:s, s:o, s:I, s:s, s:I, s:i, s:n, s:n, s:n, s:n, s:{}, s:b, s:b, s:b, s:n, "
           "s:n, s:s, s:O, s:s}",
           "id", id, "project_id", project_id, "user_id", user_id, "type_id", js_str(type_id),
           "size", (json_int_t)size_gb, "status", "creating", "created_ms",
           (json_int_t)site->sim->now_ms, "updated_ms", -1, "name", "description", "snapshot_id",
           "source_volid", "metadata", "bootable", 0, "encrypted", 0, "multiattach", 0,
           "replication_status", "group_id", "availability_zone", "nova", "service_uuid",
           json_object_get(sim_site_table(site, "cinder"), "service_uuid"), "host", host);
    json_object_update(volume, fields);
    json_decref(fields);
    return sim_site_add(site, "volumes", volume);
}

static struct http_response *bad(struct call *call)
{
    return sim_call_fail(call, 400,
                         "The server could not comply with the request since it is either "
                         "malformed or otherwise incorrect.");
}

/* NULL: the size is one, or is to be taken from the source. */
static struct http_response *wish_size(struct call *call, struct wish *wish)
{
    const json_t *size = json_object_get(wish->asked, "size");
    const char *text = json_string_value(size);
    wish->size_gb = json_is_integer(size) ? json_integer_value(size)
                    : text != NULL        ? g_ascii_strtoll(text, NULL, 10)
                                          : -1;
    if (size != NULL && !json_is_null(size) && wish->size_gb < 1)
        return sim_call_fail(call, 400,
                             "Invalid input for field/attribute size. Value: %" G_GINT64_FORMAT
                             ". %" G_GINT64_FORMAT " is less than the minimum of 1",
                             wish->size_gb, wish->size_gb);
    bool has_source = json_str(wish->asked, "snapshot_id") != NULL ||
                      json_str(wish->asked, "source_volid") != NULL;
    if (wish->size_gb < 1 && !has_source)
        return bad(call);
    return NULL;
}

static struct http_response *wish_snapshot(struct call *call, struct wish *wish)
{
    const char *id = json_str(wish->asked, "snapshot_id");
    if (id == NULL)
        return NULL;
    wish->snapshot = sim_site_row(call->site, "snapshots", id);
    if (!sim_call_sees(call, wish->snapshot))
        return sim_call_fail(call, 404, "Snapshot %s could not be found.", id);
    if (strcmp(json_str(wish->snapshot, "status"), "available") != 0)
        return sim_call_fail(
            call, 400,
            "Invalid snapshot: Originating snapshot status must be one of 'available' "
            "values");
    int64_t least_gb = json_int(wish->snapshot, "size", 1);
    if (wish->size_gb < 1)
        wish->size_gb = least_gb;
    if (wish->size_gb < least_gb)
        return sim_call_fail(call, 400,
                             "Invalid input received: Volume size '%" G_GINT64_FORMAT
                             "'GB cannot be smaller than the snapshot size %" G_GINT64_FORMAT
                             "GB. They must be >= original snapshot size.",
                             wish->size_gb, least_gb);
    return NULL;
}

static struct http_response *wish_source(struct call *call, struct wish *wish)
{
    const char *id = json_str(wish->asked, "source_volid");
    if (id == NULL)
        return NULL;
    wish->source = sim_site_row(call->site, "volumes", id);
    if (!sim_call_sees(call, wish->source))
        return sim_call_fail(call, 404, "Volume %s could not be found.", id);
    const char *status = json_str(wish->source, "status");
    if (strcmp(status, "available") != 0 && strcmp(status, "in-use") != 0)
        return sim_call_fail(call, 400,
                             "Invalid volume: Source volume status must be available or in-use");
    int64_t least_gb = json_int(wish->source, "size", 1);
    if (wish->size_gb < 1)
        wish->size_gb = least_gb;
    if (wish->size_gb < least_gb)
        return sim_call_fail(call, 400,
                             "Invalid input received: Volume size '%" G_GINT64_FORMAT
                             "'GB cannot be smaller than original volume size  %" G_GINT64_FORMAT
                             "GB. They must be >= original volume size.",
                             wish->size_gb, least_gb);
    return NULL;
}

static struct http_response *wish_image(struct call *call, struct wish *wish)
{
    const char *ref = json_str_or(wish->asked, "imageRef", json_str(wish->asked, "image_id"));
    if (ref == NULL || *ref == '\0')
        return NULL;
    const char *slash = strrchr(ref, '/');
    wish->image = sim_glance_image_visible(call->site, slash != NULL ? slash + 1 : ref,
                                           call->project_id, call->admin);
    if (wish->image == NULL)
        return sim_call_fail(call, 400,
                             "Invalid image identifier or unable to access requested image.");
    if (strcmp(json_str(wish->image, "status"), "active") != 0)
        return sim_call_fail(call, 400, "Invalid input received: Image %s is not active.",
                             json_str(wish->image, "id"));
    int64_t image_gb = (json_int(wish->image, "size", 0) + CINDER_GIB - 1) / CINDER_GIB;
    int64_t least_gb = MAX(image_gb, json_int(wish->image, "min_disk", 0));
    if (wish->size_gb < least_gb)
        return sim_call_fail(call, 400,
                             "Invalid input received: Size of specified image %" G_GINT64_FORMAT
                             "GB is larger than volume size %" G_GINT64_FORMAT "GB.",
                             least_gb, wish->size_gb);
    return NULL;
}

static struct http_response *wish_type(struct call *call, struct wish *wish)
{
    const char *name = json_str(wish->asked, "volume_type");
    const json_t *from =
        wish->snapshot != NULL
            ? sim_site_row(call->site, "volumes", json_str(wish->snapshot, "volume_id"))
            : wish->source;
    if (name != NULL && *name != '\0')
        wish->type = sim_cinder_type_named(call->site, name);
    else if (from != NULL)
        wish->type = sim_site_row(call->site, "volume_types", json_str(from, "type_id"));
    else
        wish->type = sim_cinder_default_type(call->site);
    if (wish->type == NULL && name != NULL)
        return sim_call_fail(call, 404, "Volume type with name %s could not be found.", name);
    return NULL;
}

static struct http_response *wish_zone(struct call *call, struct wish *wish)
{
    const char *zone = json_str(wish->asked, "availability_zone");
    if (zone == NULL || *zone == '\0' || strcmp(zone, "nova") == 0)
        return NULL;
    return sim_call_fail(call, 400, "Availability zone '%s' is invalid.", zone);
}

static struct http_response *(*const checks[])(struct call *call, struct wish *wish) = {
    wish_size, wish_snapshot, wish_source, wish_image, wish_type, wish_zone,
};

static bool is_spec(const json_t *type, const char *key)
{
    const char *value = json_str(json_obj(type, "extra_specs"), key);
    return value != NULL && g_ascii_strcasecmp(value, "<is> true") == 0;
}

bool sim_cinder_type_replicated(const json_t *type)
{
    return is_spec(type, "replication_enabled");
}

static json_t *image_metadata(const json_t *image)
{
    json_t *metadata = js("{s:s}", "signature_verified", "False");
    json_object_update(metadata, json_obj(image, "properties"));
    static const char *const keys[] = {"checksum", "container_format", "disk_format"};
    json_set_str(metadata, "image_id", json_str(image, "id"));
    json_set_str(metadata, "image_name", json_str_or(image, "name", ""));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        json_set_str(metadata, keys[i], json_str_or(image, keys[i], ""));
    static const char *const numbers[] = {"min_disk", "min_ram", "size"};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        json_set(metadata, numbers[i],
                 js_take(g_strdup_printf("%" G_GINT64_FORMAT, json_int(image, numbers[i], 0))));
    return metadata;
}

/* The fields of the new row that the request decides. */
static json_t *wish_fields(const struct wish *wish)
{
    json_t *metadata = json_obj(wish->asked, "metadata");
    const json_t *origin = wish->source;
    json_t *fields = js("{s:o, s:o, s:o, s:o, s:o}", "name", js_str(json_str(wish->asked, "name")),
                        "description", js_str(json_str(wish->asked, "description")), "snapshot_id",
                        js_str(json_str(wish->snapshot, "id")), "source_volid",
                        js_str(json_str(wish->source, "id")), "metadata",
                        metadata != NULL ? json_deep_copy(metadata) : json_object());
    json_set_bool(fields, "multiattach", is_spec(wish->type, "multiattach"));
    if (wish->image != NULL) {
        json_set_str(fields, "image_id", json_str(wish->image, "id"));
        json_set(fields, "image_metadata", image_metadata(wish->image));
    }
    if (origin != NULL && json_obj(origin, "image_metadata") != NULL)
        json_set(fields, "image_metadata", json_deep_copy(json_obj(origin, "image_metadata")));
    json_set_bool(fields, "becomes_bootable",
                  wish->image != NULL || json_bool(origin, "bootable", false) ||
                      json_bool(wish->snapshot, "bootable", false));
    return fields;
}

struct http_response *sim_cinder_volume_create(struct call *call)
{
    struct wish wish = {.asked = json_obj(call->body, "volume")};
    if (wish.asked == NULL)
        return bad(call);
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        struct http_response *refusal = checks[i](call, &wish);
        if (refusal != NULL)
            return refusal;
    }
    struct http_response *refusal = sim_cinder_quota_size(call, wish.size_gb);
    if (refusal == NULL)
        refusal = sim_cinder_quota_check(call, 1, wish.size_gb, 0, wish.type);
    if (refusal != NULL)
        return refusal;
    json_t *volume =
        sim_cinder_volume_add(call->site, call->project_id, call->user_id,
                              json_str(wish.type, "id"), wish.size_gb, wish_fields(&wish));
    sim_advance_add(call->site, EVENT_VOLUME_DONE, json_str(volume, "id"),
                    call->sim->options.latency.volume_ms);
    return sim_call_json(call, 202,
                         js("{s:o}", "volume",
                            sim_cinder_volume_view(call, volume, CINDER_VIEW_NEW)));
}

/* ---- becoming available ---- */

static bool fill(struct site *site, const json_t *volume, const char *name)
{
    int64_t size_gb = json_int(volume, "size", 1);
    const char *snapshot = json_str(volume, "snapshot_id");
    const char *source = json_str(volume, "source_volid");
    if (snapshot != NULL || source != NULL) {
        g_autofree char *from =
            snapshot != NULL ? sim_cinder_snapshot_name(snapshot) : sim_cinder_volume_name(source);
        return sim_cinder_file_copy(site, from, name, size_gb);
    }
    if (!sim_cinder_file_create(site, name, size_gb))
        return false;
    size_t size = 0;
    g_autofree void *data =
        sim_glance_image_data(sim_site_row(site, "images", json_str(volume, "image_id")), &size);
    return data == NULL || sim_cinder_file_write(site, name, data, size);
}

/* A type that names a backend we do not have finds no host. */
static bool has_backend(const json_t *type)
{
    const char *name = json_str(json_obj(type, "extra_specs"), "volume_backend_name");
    return name == NULL || strcmp(name, CINDER_BACKEND) == 0;
}

static void created(struct site *site, json_t *volume)
{
    const char *id = json_str(volume, "id");
    const json_t *type = sim_site_row(site, "volume_types", json_str(volume, "type_id"));
    g_autofree char *name = sim_cinder_volume_name(id);
    bool good = has_backend(type) && fill(site, volume, name);
    json_set_str(volume, "status", good ? "available" : "error");
    if (good)
        json_set_str(volume, "replication_status",
                     sim_cinder_type_replicated(type) ? "enabled" : "disabled");
    else
        json_set_str(volume, "host", NULL);
    json_set_bool(volume, "bootable", json_bool(volume, "becomes_bootable", false));
}

static void extended(struct site *site, json_t *volume)
{
    g_autofree char *name = sim_cinder_volume_name(json_str(volume, "id"));
    int64_t size_gb = json_int(volume, "new_size", 1);
    bool good = sim_cinder_file_extend(site, name, size_gb);
    if (good)
        json_set_int(volume, "size", size_gb);
    bool used = sim_cinder_volume_attached(site, json_str(volume, "id"));
    json_set_str(volume, "status", !good ? "error_extending" : used ? "in-use" : "available");
}

void sim_cinder_volume_done(struct site *site, const char *id)
{
    json_t *volume = sim_site_row(site, "volumes", id);
    const char *status = json_str(volume, "status");
    if (g_strcmp0(status, "creating") == 0)
        created(site, volume);
    else if (g_strcmp0(status, "extending") == 0)
        extended(site, volume);
    else
        return;
    json_set_int(volume, "updated_ms", site->sim->now_ms);
}
