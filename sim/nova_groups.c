/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_groups - server groups, and the metadata and tags of a server.
 */
#include "sim/nova.h"

#include <string.h>

#define TAGS_MAX 50

/* ---- server groups ---- */

json_t *sim_nova_groups_of(struct site *site, const char *server_id)
{
    json_t *ids = json_array();
    const char *id = NULL;
    json_t *group = NULL;
    sim_site_each(site, "server_groups", id, group)
    {
        if (js_has(json_arr(group, "members"), server_id))
            json_array_append_new(ids, json_string(id));
    }
    return ids;
}

static json_t *group_view(struct call *call, const json_t *group)
{
    const char *policy = json_str(group, "policy");
    json_t *view = js("{s:s, s:s}", "id", json_str(group, "id"), "name", json_str(group, "name"));
    if (call->mv >= 64) {
        json_set_str(view, "policy", policy);
        json_set(view, "rules", json_object());
    } else {
        json_set(view, "policies", js("[s]", policy));
        json_set(view, "metadata", json_object());
    }
    json_set(view, "members", json_deep_copy(json_arr(group, "members")));
    if (call->mv >= 13) {
        json_set_str(view, "project_id", json_str(group, "project_id"));
        json_set_str(view, "user_id", json_str(group, "user_id"));
    }
    return view;
}

struct http_response *sim_nova_group_list(struct call *call)
{
    bool all = call->admin && sim_call_query(call, "all_projects") != NULL;
    json_t *views = json_array();
    const char *id = NULL;
    json_t *group = NULL;
    sim_site_each(call->site, "server_groups", id, group)
    {
        if (all || g_strcmp0(json_str(group, "project_id"), call->project_id) == 0)
            json_array_append_new(views, group_view(call, group));
    }
    return sim_call_json(call, 200, js("{s:o}", "server_groups", views));
}

static json_t *group_here(struct call *call, struct http_response **ret)
{
    json_t *group = sim_site_row(call->site, "server_groups", call->arg[0]);
    if (sim_call_sees(call, group))
        return group;
    *ret = sim_call_fail(call, 404, "Instance group %s could not be found.", call->arg[0]);
    return NULL;
}

struct http_response *sim_nova_group_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *group = group_here(call, &resp);
    return group == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "server_group", group_view(call, group)));
}

struct http_response *sim_nova_group_create(struct call *call)
{
    static const char *const policies[] = {"affinity", "anti-affinity", "soft-affinity",
                                           "soft-anti-affinity", NULL};
    const json_t *asked = json_obj(call->body, "server_group");
    const char *name = json_str(asked, "name");
    const char *policy = call->mv >= 64
                             ? json_str(asked, "policy")
                             : json_string_value(json_array_get(json_arr(asked, "policies"), 0));
    if (name == NULL || policy == NULL || !g_strv_contains(policies, policy))
        return sim_call_fail(call, 400, "Invalid input for field/attribute server_group.");
    int64_t limit = sim_nova_quota_limit(call->site, call->project_id, "server_groups");
    if (limit >= 0 && sim_nova_used(call->site, "server_groups", call->project_id) >= limit)
        return sim_call_fail(call, 403, "Quota exceeded, too many server groups.");
    g_autofree char *id = sim_site_uuid(call->site);
    json_t *group =
        sim_site_add(call->site, "server_groups",
                     js("{s:s, s:s, s:s, s:s, s:s, s:[]}", "id", id, "name", name, "policy", policy,
                        "project_id", call->project_id, "user_id", call->user_id, "members"));
    return sim_call_json(call, 200, js("{s:o}", "server_group", group_view(call, group)));
}

struct http_response *sim_nova_group_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (group_here(call, &resp) == NULL)
        return resp;
    sim_site_drop(call->site, "server_groups", call->arg[0]);
    return sim_call_empty(call, 204, "application/json");
}

/* ---- metadata ---- */

static struct http_response *metadata_answer(struct call *call, const json_t *server)
{
    return sim_call_json(call, 200, js("{s:O}", "metadata", json_obj(server, "metadata")));
}

struct http_response *sim_nova_metadata_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_here(call, &resp);
    return server == NULL ? resp : metadata_answer(call, server);
}

/* A server whose metadata may be changed. */
static json_t *writable(struct call *call, const char *verb, struct http_response **ret)
{
    json_t *server = sim_nova_server_placed_here(call, ret);
    if (server == NULL)
        return NULL;
    *ret = sim_nova_lock_check(call, server);
    if (*ret == NULL && strcmp(json_str(server, "vm_state"), "building") == 0)
        *ret = sim_nova_state_check(call, server, verb, "active|paused|suspended|stopped|error");
    return *ret == NULL ? server : NULL;
}

/* NULL: keys and values are strings of at most 255 characters. */
static struct http_response *metadata_check(struct call *call, json_t *given)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (given == NULL)
        return sim_call_fail(call, 400, "Invalid input for field/attribute metadata.");
    json_object_foreach(given, key, value)
    {
        if (!json_is_string(value) || strlen(json_string_value(value)) > 255 || strlen(key) > 255 ||
            *key == '\0')
            return sim_call_fail(
                call, 400,
                "Invalid input for field/attribute %s. Value: no string of at most 255 "
                "characters",
                key);
    }
    return NULL;
}

static struct http_response *metadata_write(struct call *call, bool replace)
{
    struct http_response *resp = NULL;
    json_t *server = writable(call, "update metadata", &resp);
    if (server == NULL)
        return resp;
    json_t *given = json_obj(call->body, "metadata");
    resp = metadata_check(call, given);
    if (resp != NULL)
        return resp;
    json_t *old = json_obj(server, "metadata");
    json_t *merged = replace ? json_object() : json_deep_copy(old);
    json_object_update(merged, given);
    if (json_object_size(merged) > 128) {
        json_decref(merged);
        return sim_call_fail(call, 403, "Maximum number of metadata items exceeds 128");
    }
    json_set(server, "metadata", merged);
    json_set_int(server, "updated_ms", call->sim->now_ms);
    return metadata_answer(call, server);
}

struct http_response *sim_nova_metadata_add(struct call *call)
{
    return metadata_write(call, false);
}

struct http_response *sim_nova_metadata_put(struct call *call)
{
    return metadata_write(call, true);
}

static struct http_response *meta_answer(struct call *call, const json_t *server)
{
    const char *value = json_str(json_obj(server, "metadata"), call->arg[1]);
    if (value == NULL)
        return sim_call_fail(call, 404, "Metadata item was not found");
    return sim_call_json(call, 200, js("{s:{s:s}}", "meta", call->arg[1], value));
}

struct http_response *sim_nova_metadata_item(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_here(call, &resp);
    return server == NULL ? resp : meta_answer(call, server);
}

struct http_response *sim_nova_metadata_item_put(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = writable(call, "update metadata", &resp);
    if (server == NULL)
        return resp;
    json_t *given = json_obj(call->body, "meta");
    resp = metadata_check(call, given);
    if (resp != NULL)
        return resp;
    if (json_str(given, call->arg[1]) == NULL)
        return sim_call_fail(call, 400, "Request body and URI mismatch");
    json_object_update(json_obj(server, "metadata"), given);
    return meta_answer(call, server);
}

struct http_response *sim_nova_metadata_item_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = writable(call, "delete metadata", &resp);
    if (server == NULL)
        return resp;
    if (json_str(json_obj(server, "metadata"), call->arg[1]) == NULL)
        return sim_call_fail(call, 404, "Metadata item was not found");
    json_object_del(json_obj(server, "metadata"), call->arg[1]);
    return sim_call_empty(call, 204, "application/json");
}

/* ---- tags ---- */

struct http_response *sim_nova_tags_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_here(call, &resp);
    return server == NULL ? resp
                          : sim_call_json(call, 200, js("{s:O}", "tags", json_arr(server, "tags")));
}

struct http_response *sim_nova_tags_put(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    json_t *given = json_arr(call->body, "tags");
    if (given == NULL || json_array_size(given) > TAGS_MAX)
        return sim_call_fail(call, 400, "Invalid input for field/attribute tags.");
    json_set(server, "tags", json_deep_copy(given));
    return sim_call_json(call, 200, js("{s:O}", "tags", given));
}

struct http_response *sim_nova_tags_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    json_set(server, "tags", json_array());
    return sim_call_empty(call, 204, "application/json");
}

static struct http_response *no_tag(struct call *call)
{
    return sim_call_fail(call, 404, "Server %s has no tag '%s'", call->arg[0], call->arg[1]);
}

struct http_response *sim_nova_tag_check(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_here(call, &resp);
    if (server == NULL)
        return resp;
    return js_has(json_arr(server, "tags"), call->arg[1])
               ? sim_call_empty(call, 204, "application/json")
               : no_tag(call);
}

struct http_response *sim_nova_tag_put(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    json_t *tags = json_arr(server, "tags");
    if (js_has(tags, call->arg[1]))
        return sim_call_empty(call, 204, "application/json");
    if (json_array_size(tags) >= TAGS_MAX)
        return sim_call_fail(call, 400, "The number of tags exceeded the per-server limit %d",
                             TAGS_MAX);
    json_array_append_new(tags, json_string(call->arg[1]));
    return sim_call_empty(call, 201, "application/json");
}

struct http_response *sim_nova_tag_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    if (!js_has(json_arr(server, "tags"), call->arg[1]))
        return no_tag(call);
    js_remove(json_arr(server, "tags"), call->arg[1]);
    return sim_call_empty(call, 204, "application/json");
}
