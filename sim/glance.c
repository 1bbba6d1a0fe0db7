/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance - the simulated image service.
 */
#include "sim/glance.h"

#include <string.h>

#define GLANCE_PROPERTIES_MAX 128
#define GLANCE_UPLOAD_MAX     (4 * 1024 * 1024) /* kept in the state */

static struct http_response *sim_glance_fail(struct call *call, int status, const char *type,
                                             const char *message)
{
    (void)type;
    if (status != 401)
        return sim_call_webob(call, status, message);
    g_autofree char *uri = sim_origin(call->sim, call->site->index, SIM_KEYSTONE);
    g_autofree char *value = g_strdup_printf("Keystone uri=\"%s\"", uri);
    struct http_response *resp = sim_call_webob(
        call, 401,
        "This server could not verify that you are authorized to access the document you "
        "requested. Either you supplied the wrong credentials (e.g., bad password), or your "
        "browser does not understand how to supply the credentials required.");
    http_response_set(resp, "Www-Authenticate", value);
    return resp;
}

static void sim_glance_decorate(struct call *call, struct http_response *resp)
{
    if (call->parts == NULL || call->parts[0] == NULL || resp->status == 401)
        return;
    g_autofree char *id = env_id(call->sim->env, "req-");
    http_response_set(resp, "X-Openstack-Request-Id", id);
}

/* 2.14 has never been. */
static const int minor_versions[] = {15, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
#define VICTORIA_MINOR 11

static struct http_response *sim_glance_versions(struct call *call)
{
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *href = g_strconcat(origin, "/v2/", NULL);
    bool zed = call->sim->options.release == SIM_ZED;
    json_t *list = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(minor_versions); i++) {
        if (!zed && minor_versions[i] > VICTORIA_MINOR)
            continue;
        g_autofree char *id = g_strdup_printf("v2.%d", minor_versions[i]);
        json_array_append_new(list, js("{s:s, s:s, s:[{s:s, s:s}]}", "id", id, "status",
                                       json_array_size(list) == 0 ? "CURRENT" : "SUPPORTED",
                                       "links", "rel", "self", "href", href));
    }
    return sim_call_json(call, 300, js("{s:o}", "versions", list));
}

/* ---- images ---- */

const json_t *sim_glance_image_visible(struct site *site, const char *id, const char *project_id,
                                       bool admin)
{
    const json_t *image = sim_site_row(site, "images", id);
    bool open = g_strcmp0(json_str(image, "visibility"), "public") == 0 ||
                g_strcmp0(json_str(image, "visibility"), "community") == 0;
    bool own = g_strcmp0(json_str(image, "owner"), project_id) == 0;
    return image != NULL && (admin || open || own) ? image : NULL;
}

void *sim_glance_image_data(const json_t *image, size_t *ret_size)
{
    const char *text = json_str(image, "data");
    gsize size = 0;
    void *data = text != NULL ? g_base64_decode(text, &size) : NULL;
    *ret_size = size;
    return data;
}

static json_t *image_add(struct site *site, const char *id, const char *owner, const char *name,
                         json_t *properties)
{
    g_autofree char *given = id != NULL ? g_strdup(id) : sim_site_uuid(site);
    return sim_site_add(
        site, "images",
        js("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:n, s:n, s:b, s:b, s:i, s:i, s:[], "
           "s:o, s:I, s:I}",
           "id", given, "name", js_str(name), "owner", owner, "disk_format", "raw",
           "container_format", "bare", "visibility", "shared", "status", "queued", "size",
           "checksum", "protected", 0, "os_hidden", 0, "min_ram", 0, "min_disk", 0, "tags",
           "properties", properties, "created_ms", (json_int_t)site->sim->now_ms, "updated_ms",
           (json_int_t)site->sim->now_ms));
}

static void image_fill(struct site *site, json_t *image, const void *data, size_t data_size,
                       int64_t size)
{
    g_autofree char *md5 = g_compute_checksum_for_data(G_CHECKSUM_MD5, data, data_size);
    g_autofree char *sha = g_compute_checksum_for_data(G_CHECKSUM_SHA512, data, data_size);
    json_set(image, "data", js_take(g_base64_encode(data, data_size)));
    json_set_int(image, "size", size);
    json_set_str(image, "checksum", md5);
    json_set_str(image, "os_hash_value", sha);
    json_set_str(image, "status", "active");
    json_set_int(image, "updated_ms", site->sim->now_ms);
}

void sim_glance_image_seed(struct site *site, const char *project_id, const char *name,
                           const void *data, size_t data_size, int64_t size, const char *md5,
                           const char *sha512, json_t *properties)
{
    json_t *image = image_add(site, NULL, project_id, name, properties);
    json_set_str(image, "visibility", "public");
    image_fill(site, image, data, data_size, size);
    json_set_str(image, "checksum", md5);
    json_set_str(image, "os_hash_value", sha512);
}

static json_t *image_view(const json_t *image)
{
    static const char *const keys[] = {"name",       "disk_format", "container_format",
                                       "visibility", "size",        "status",
                                       "checksum",   "protected",   "min_ram",
                                       "min_disk",   "owner",       "os_hidden"};
    const char *id = json_str(image, "id");
    bool active = strcmp(json_str(image, "status"), "active") == 0;
    json_t *view = json_copy(json_obj(image, "properties"));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        json_object_set(view, keys[i], json_object_get(image, keys[i]));
    json_object_set(view, "virtual_size", json_object_get(image, "size"));
    json_set(view, "os_hash_algo", js_str(active ? "sha512" : NULL));
    json_set(view, "os_hash_value", js_str(json_str(image, "os_hash_value")));
    json_set_str(view, "id", id);
    json_set(view, "created_at", js_stamp_of(image, "created_ms", STAMP_Z));
    json_set(view, "updated_at", js_stamp_of(image, "updated_ms", STAMP_Z));
    json_set(view, "tags", json_deep_copy(json_arr(image, "tags")));
    json_set(view, "self", js_take(g_strconcat("/v2/images/", id, NULL)));
    json_set(view, "file", js_take(g_strconcat("/v2/images/", id, "/file", NULL)));
    json_set_str(view, "schema", "/v2/schemas/image");
    if (active)
        json_set_str(view, "stores", "file");
    return view;
}

/* ---- listing ---- */

static bool image_matches(const struct call *call, const json_t *image)
{
    static const char *const keys[] = {"name", "status", "visibility", "owner", "disk_format"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *want = sim_call_query(call, keys[i]);
        if (want != NULL && g_strcmp0(want, json_str(image, keys[i])) != 0)
            return false;
    }
    return true;
}

static struct http_response *sim_glance_list(struct call *call)
{
    json_t *rows = json_array();
    const char *id = NULL;
    json_t *image = NULL;
    sim_site_each(call->site, "images", id, image)
    {
        if (sim_glance_image_visible(call->site, id, call->project_id, call->admin) != NULL &&
            image_matches(call, image))
            json_array_insert(rows, 0, image);
    }
    g_autofree char *next = NULL;
    g_autoptr(json_t) page = sim_call_page(call, rows, "id", CALL_LIMIT_MAX, &next);
    if (page == NULL)
        return sim_call_fail(call, 400, "Invalid marker. Image could not be found.");
    json_t *views = json_array();
    size_t i = 0;
    json_array_foreach(page, i, image) json_array_append_new(views, image_view(image));
    json_t *body = js("{s:o, s:s, s:s}", "images", views, "first", "/v2/images", "schema",
                      "/v2/schemas/images");
    if (next != NULL)
        json_set(body, "next", js_take(sim_call_next_url(call, "/v2/images", next)));
    return sim_call_json(call, 200, body);
}

static json_t *image_here(struct call *call, struct http_response **ret)
{
    const json_t *image =
        sim_glance_image_visible(call->site, call->arg[0], call->project_id, call->admin);
    if (image != NULL)
        return (json_t *)image;
    *ret = sim_call_fail(call, 404, "No image found with ID %s", call->arg[0]);
    return NULL;
}

static struct http_response *sim_glance_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *image = image_here(call, &resp);
    return image == NULL ? resp : sim_call_json(call, 200, image_view(image));
}

/* ---- making ---- */

/* The attributes of an image that are no properties. */
static const char *const base_keys[] = {"name",       "disk_format", "container_format",
                                        "visibility", "protected",   "min_ram",
                                        "min_disk",   "os_hidden"};

static bool is_base(const char *key)
{
    for (size_t i = 0; i < G_N_ELEMENTS(base_keys); i++) {
        if (strcmp(base_keys[i], key) == 0)
            return true;
    }
    return strcmp(key, "id") == 0 || strcmp(key, "tags") == 0;
}

/* NULL: the request makes an image. */
static struct http_response *create_check(struct call *call)
{
    const json_t *name = json_object_get(call->body, "name");
    const char *id = json_str(call->body, "id");
    if (name != NULL && !json_is_string(name) && !json_is_null(name)) {
        g_autofree char *text = json_print(name);
        return sim_call_fail(
            call, 400,
            "Provided object does not match schema 'image': %s is not of type 'null', "
            "'string'\n\nFailed validating 'type' in schema['properties']['name']:\n   "
            " {'description': 'Descriptive name for the image',\n     'maxLength': "
            "255,\n     'type': ['null', 'string']}\n\nOn instance['name']:\n    %s",
            text, text);
    }
    if (id != NULL && sim_site_row(call->site, "images", id) != NULL)
        return sim_call_fail(call, 409, "Image ID %s already exists!", id);
    size_t count = 0;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(call->body, key, value) count += !is_base(key);
    if (count > GLANCE_PROPERTIES_MAX)
        return sim_call_fail(
            call, 413,
            "The limit has been exceeded on the number of allowed image properties. "
            "Attempted: %zu, Maximum: %d",
            count, GLANCE_PROPERTIES_MAX);
    const char *visibility = json_str(call->body, "visibility");
    if (g_strcmp0(visibility, "public") == 0 && !call->admin)
        return sim_call_fail(call, 403,
                             "You are not authorized to complete publicize_image action.");
    return NULL;
}

static struct http_response *sim_glance_create(struct call *call)
{
    struct http_response *refusal = create_check(call);
    if (refusal != NULL)
        return refusal;
    json_t *properties = json_object();
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(call->body, key, value)
    {
        if (!is_base(key))
            json_object_set(properties, key, value);
    }
    json_t *image = image_add(call->site, json_str(call->body, "id"), call->project_id,
                              json_str(call->body, "name"), properties);
    for (size_t i = 0; i < G_N_ELEMENTS(base_keys); i++) {
        value = json_object_get(call->body, base_keys[i]);
        if (value != NULL)
            json_object_set(image, base_keys[i], value);
    }
    struct http_response *resp = sim_call_json(call, 201, image_view(image));
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *location = g_strdup_printf("%s/v2/images/%s", origin, json_str(image, "id"));
    http_response_set(resp, "Location", location);
    http_response_set(resp, "Openstack-Image-Import-Methods",
                      "glance-direct,web-download,copy-image");
    return resp;
}

/* NULL: the image is the caller's. */
static struct http_response *owner_gate(struct call *call, const json_t *image)
{
    if (call->admin || g_strcmp0(json_str(image, "owner"), call->project_id) == 0)
        return NULL;
    return sim_call_fail(call, 403, "You do not own this image");
}

static struct http_response *sim_glance_upload(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *image = image_here(call, &resp);
    if (image == NULL)
        return resp;
    resp = owner_gate(call, image);
    if (resp != NULL)
        return resp;
    const char *status = json_str(image, "status");
    if (strcmp(status, "queued") != 0)
        return sim_call_fail(call, 409, "Image status transition from %s to saving is not allowed",
                             status);
    size_t kept = MIN(call->req->body_size, GLANCE_UPLOAD_MAX);
    image_fill(call->site, image, call->req->body != NULL ? call->req->body : "", kept,
               (int64_t)call->req->body_size);
    return sim_call_empty(call, 204, "text/html; charset=UTF-8");
}

static struct http_response *sim_glance_download(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *image = image_here(call, &resp);
    if (image == NULL)
        return resp;
    size_t size = 0;
    g_autofree char *data = sim_glance_image_data(image, &size);
    int64_t whole = json_int(image, "size", 0);
    if (data == NULL)
        return sim_call_empty(call, 204, NULL);
    g_autofree char *bytes = g_malloc0((size_t)MAX(whole, (int64_t)size));
    memcpy(bytes, data, size);
    resp = http_response_create(200);
    http_response_body(resp, "application/octet-stream", bytes, (size_t)whole);
    return resp;
}

/* A JSON patch of add, replace and remove at the top level. */
static struct http_response *sim_glance_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *image = image_here(call, &resp);
    if (image == NULL)
        return resp;
    resp = owner_gate(call, image);
    if (resp != NULL)
        return resp;
    size_t i = 0;
    json_t *op = NULL;
    json_array_foreach(call->body, i, op)
    {
        const char *path = json_str_or(op, "path", "");
        const char *key = path[0] == '/' ? path + 1 : path;
        json_t *target = is_base(key) ? image : json_obj(image, "properties");
        if (g_strcmp0(json_str(op, "op"), "remove") == 0)
            json_object_del(target, key);
        else if (json_object_get(op, "value") != NULL)
            json_object_set(target, key, json_object_get(op, "value"));
    }
    json_set_int(image, "updated_ms", call->sim->now_ms);
    return sim_call_json(call, 200, image_view(image));
}

static struct http_response *sim_glance_delete(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *image = image_here(call, &resp);
    if (image == NULL)
        return resp;
    resp = owner_gate(call, image);
    if (resp != NULL)
        return resp;
    if (json_bool(image, "protected", false))
        return sim_call_fail(call, 403, "Image %s is protected and cannot be deleted.",
                             call->arg[0]);
    sim_site_drop(call->site, "images", call->arg[0]);
    return sim_call_empty(call, 204, "text/html; charset=UTF-8");
}

static const struct route routes[] = {
    {"GET", "", sim_glance_versions, NULL, 0, ROUTE_PUBLIC},
    {"GET", "versions", sim_glance_versions, NULL, 0, ROUTE_PUBLIC},
    {"GET", "v2/images", sim_glance_list, NULL, 0, 0},
    {"POST", "v2/images", sim_glance_create, NULL, 0, 0},
    {"GET", "v2/images/{}", sim_glance_show, NULL, 0, 0},
    {"PATCH", "v2/images/{}", sim_glance_update, NULL, 0, 0},
    {"DELETE", "v2/images/{}", sim_glance_delete, NULL, 0, 0},
    {"PUT", "v2/images/{}/file", sim_glance_upload, NULL, 0, ROUTE_RAW},
    {"GET", "v2/images/{}/file", sim_glance_download, NULL, 0, 0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const struct service sim_glance_service = {
    .id = SIM_GLANCE,
    .routes = routes,
    .fail = sim_glance_fail,
    .decorate = sim_glance_decorate,
};
