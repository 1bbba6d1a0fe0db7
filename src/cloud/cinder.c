/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cinder - volumes, groups and what the array made.  See cinder.h; types and backends:
 * volume_type.c.
 */
#include "cloud/cinder.h"

#include <string.h>

/* A host that no cloud has: asked for to learn whether the policy lets us ask at all. */
#define NO_SUCH_HOST "protector-policy-check@nowhere#none"

static void set_if(json_t *j, const char *key, const char *value)
{
    if (value != NULL)
        json_set_str(j, key, value);
}

static json_t *envelope(const char *key, json_t *value)
{
    json_t *body = json_object();
    json_set(body, key, value);
    return body;
}

/* ---- volumes ---- */

err_t *cinder_volume_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/volumes/%s", id);
    return cloud_call_object(c, CLOUD_VOLUME, "GET", path, NULL, "volume", ret);
}

/* {"key":"value"}: JSON of plain texts, which is what Cinder reads as a Python literal. */
static char *metadata_filter(const char *key, const char *value)
{
    g_autoptr(json_t) pair = json_object();
    json_set_str(pair, key, value);
    return json_print(pair);
}

static char *list_path(const char *project_id, const char *filter)
{
    if (project_id != NULL && filter != NULL)
        return cloud_path("/volumes/detail?all_tenants=1&project_id=%s&metadata=%s", project_id,
                          filter);
    if (project_id != NULL)
        return cloud_path("/volumes/detail?all_tenants=1&project_id=%s", project_id);
    return filter != NULL ? cloud_path("/volumes/detail?metadata=%s", filter)
                          : g_strdup("/volumes/detail");
}

err_t *cinder_volume_list(const struct cloud *c, const char *project_id, const char *key,
                          const char *value, json_t **ret)
{
    g_autofree char *filter = key != NULL ? metadata_filter(key, value) : NULL;
    g_autofree char *path = list_path(project_id, filter);
    g_autoptr(json_t) volumes = NULL;
    TRY(cloud_list(c, CLOUD_VOLUME, path, "volumes", &volumes));
    /* A cloud may be told to ignore the filter (resource_filters.json): look again. */
    for (size_t i = json_array_size(volumes); key != NULL && i-- > 0;) {
        json_t *volume = json_array_get(volumes, i);
        if (g_strcmp0(json_str(json_obj(volume, "metadata"), key), value) != 0)
            json_array_remove(volumes, i);
    }
    *ret = TAKE(volumes);
    return NULL;
}

char *cinder_backend(const char *host)
{
    return g_strndup(host, strcspn(host, "#"));
}

err_t *cinder_volume_create(const struct cloud *c, const struct cinder_new_volume *v, json_t **ret)
{
    json_t *volume = json_object();
    json_set_int(volume, "size", v->size_gib);
    set_if(volume, "name", v->name);
    set_if(volume, "description", v->description);
    set_if(volume, "volume_type", v->type);
    set_if(volume, "availability_zone", v->availability_zone);
    set_if(volume, "imageRef", v->image_id);
    if (v->metadata != NULL)
        json_set(volume, "metadata", json_deep_copy(v->metadata));
    g_autoptr(json_t) body = envelope("volume", volume);
    return cloud_call_object(c, CLOUD_VOLUME, "POST", "/volumes", body, "volume", ret);
}

err_t *cinder_volume_delete(const struct cloud *c, const char *id)
{
    g_autofree char *path = cloud_path("/volumes/%s", id);
    return cloud_gone_is_fine(cloud_call(c, CLOUD_VOLUME, "DELETE", path, NULL, NULL));
}

/* POST …/action {"<action>": value}.  Takes 'value'. */
static err_t *act(const struct cloud *c, const char *id, const char *action, json_t *value)
{
    g_autofree char *path = cloud_path("/volumes/%s/action", id);
    g_autoptr(json_t) body = envelope(action, value);
    return cloud_call(c, CLOUD_VOLUME, "POST", path, body, NULL);
}

err_t *cinder_volume_set_bootable(const struct cloud *c, const char *id, bool bootable)
{
    json_t *value = json_object();
    json_set_bool(value, "bootable", bootable);
    return act(c, id, "os-set_bootable", value);
}

err_t *cinder_metadata_set(const struct cloud *c, const char *id, const json_t *metadata)
{
    g_autofree char *path = cloud_path("/volumes/%s/metadata", id);
    g_autoptr(json_t) body = envelope("metadata", json_deep_copy(metadata));
    return cloud_call(c, CLOUD_VOLUME, "POST", path, body, NULL);
}

err_t *cinder_image_metadata_set(const struct cloud *c, const char *id, const json_t *metadata)
{
    return act(c, id, "os-set_image_metadata", envelope("metadata", json_deep_copy(metadata)));
}

/* ---- volumes that the array made ---- */

/* Names the remedy where Cinder's policy is the reason.  Takes 'e'; NULL stays NULL. */
static err_t *policy_remedy(err_t *e)
{
    if (e == NULL || err_code(e) != ERR_CLOUD_FORBIDDEN)
        return e;
    return err_remedy(e, "add to /etc/cinder/policy.yaml of that site: "
                         "\"volume_extension:volume_manage\": \"rule:admin_or_owner\" and "
                         "\"volume_extension:volume_unmanage\": \"rule:admin_or_owner\", then "
                         "restart cinder-api");
}

err_t *cinder_volume_manage(const struct cloud *c, const struct cinder_managed_volume *v,
                            json_t **ret)
{
    g_assert(v->host != NULL && v->ref != NULL);
    json_t *volume = json_object();
    json_set_str(volume, "host", v->host);
    json_set(volume, "ref", json_deep_copy(v->ref));
    set_if(volume, "name", v->name);
    set_if(volume, "description", v->description);
    set_if(volume, "volume_type", v->type);
    set_if(volume, "availability_zone", v->availability_zone);
    json_set_bool(volume, "bootable", v->bootable);
    if (v->metadata != NULL)
        json_set(volume, "metadata", json_deep_copy(v->metadata));
    g_autoptr(json_t) body = envelope("volume", volume);
    return policy_remedy(
        cloud_call_object(c, CLOUD_VOLUME, "POST", "/manageable_volumes", body, "volume", ret));
}

err_t *cinder_volume_unmanage(const struct cloud *c, const char *id)
{
    return policy_remedy(cloud_gone_is_fine(act(c, id, "os-unmanage", json_object())));
}

err_t *cinder_manage_check(const struct cloud *c)
{
    json_t *ref = json_object();
    json_set_str(ref, "source-name", "protector-policy-check");
    json_t *volume = json_object();
    json_set_str(volume, "host", NO_SUCH_HOST);
    json_set(volume, "ref", ref);
    g_autoptr(json_t) body = envelope("volume", volume);
    err_t *e = cloud_call(c, CLOUD_VOLUME, "POST", "/manageable_volumes", body, NULL);
    if (e == NULL)
        return err(CLOUD_ERROR, "%s: cinder took a volume of host '%s', which cannot exist",
                   cloud_name(c), NO_SUCH_HOST);
    /* A 400 that does not speak of the host came before the policy was asked. */
    const char *text = err_detail_get(e, "cloud_message");
    bool asked = err_code(e) == ERR_CLOUD_BAD_REQUEST && text != NULL &&
                 (strstr(text, NO_SUCH_HOST) != NULL || strstr(text, "not found") != NULL);
    if (!asked)
        return policy_remedy(e);
    err_free(e);
    return NULL;
}

err_t *cinder_manageable_list(const struct cloud *c, const char *host, json_t **ret)
{
    g_autofree char *path = cloud_path("/manageable_volumes/detail?host=%s", host);
    return cloud_list(c, CLOUD_VOLUME, path, "manageable-volumes", ret);
}

/* ---- groups ---- */

err_t *cinder_group_create(const struct cloud *c, const char *name, const char *description,
                           const char *group_type_id, const char *const *volume_types,
                           const char *availability_zone, json_t **ret)
{
    json_t *types = json_array();
    for (; *volume_types != NULL; volume_types++)
        json_array_append_new(types, json_string(*volume_types));
    json_t *group = json_object();
    json_set_str(group, "name", name);
    set_if(group, "description", description);
    json_set_str(group, "group_type", group_type_id);
    json_set(group, "volume_types", types);
    set_if(group, "availability_zone", availability_zone);
    g_autoptr(json_t) body = envelope("group", group);
    return cloud_call_object(c, CLOUD_VOLUME, "POST", "/groups", body, "group", ret);
}

err_t *cinder_group_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/groups/%s?list_volume=True", id);
    return cloud_call_object(c, CLOUD_VOLUME, "GET", path, NULL, "group", ret);
}

err_t *cinder_group_list(const struct cloud *c, json_t **ret)
{
    return cloud_list(c, CLOUD_VOLUME, "/groups/detail", "groups", ret);
}

/* Sets 'key' to the ids with commas, if there are any. */
static void set_ids(json_t *group, const char *key, const char *const *ids)
{
    if (ids == NULL || ids[0] == NULL)
        return;
    g_assert(g_strv_length((char **)ids) <= CINDER_GROUP_VOLUMES_MAX);
    g_autofree char *text = g_strjoinv(",", (char **)ids);
    json_set_str(group, key, text);
}

err_t *cinder_group_update(const struct cloud *c, const char *id, const char *const *add,
                           const char *const *remove)
{
    json_t *group = json_object();
    set_ids(group, "add_volumes", add);
    set_ids(group, "remove_volumes", remove);
    g_autoptr(json_t) body = envelope("group", group);
    g_autofree char *path = cloud_path("/groups/%s", id);
    if (json_object_size(group) == 0)
        return NULL;
    return cloud_call(c, CLOUD_VOLUME, "PUT", path, body, NULL);
}

err_t *cinder_group_delete(const struct cloud *c, const char *id, bool delete_volumes)
{
    json_t *flags = json_object();
    json_set_bool(flags, "delete-volumes", delete_volumes);
    g_autoptr(json_t) body = envelope("delete", flags);
    g_autofree char *path = cloud_path("/groups/%s/action", id);
    return cloud_gone_is_fine(cloud_call(c, CLOUD_VOLUME, "POST", path, body, NULL));
}

/* ---- quotas ---- */

err_t *cinder_quota(const struct cloud *c, const char *project_id, json_t **ret)
{
    g_autofree char *path = cloud_path("/os-quota-sets/%s?usage=True", project_id);
    return cloud_call_object(c, CLOUD_VOLUME, "GET", path, NULL, "quota_set", ret);
}
