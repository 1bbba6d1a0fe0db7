/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume_type - types, group types, and the backends that serve a type.  Part of cinder.h.
 */
#include <string.h>

#include "cloud/cinder.h"

#define GROUP_SPEC      "consistent_group_snapshot_enabled"
#define CGSNAPSHOT_TYPE "default_cgsnapshot_type"

/* ---- types ---- */

err_t *cinder_type_list(const struct cloud *c, json_t **ret)
{
    return cloud_list(c, CLOUD_VOLUME, "/types?is_public=None", "volume_types", ret);
}

err_t *cinder_type_find(const struct cloud *c, const char *id_or_name, json_t **ret)
{
    g_autoptr(json_t) types = NULL;
    json_t *type = NULL;
    TRY(cinder_type_list(c, &types));
    TRY(cloud_find_named(c, types, "volume type", id_or_name, &type));
    *ret = json_incref(type);
    return NULL;
}

/* Whether a property says "<operator> word"; blanks and case do not count. */
static bool says(const char *value, const char *operator, const char * word)
{
    if (value == NULL)
        return false;
    const char *p = value + strspn(value, " ");
    if (!g_str_has_prefix(p, operator))
        return false;
    g_autofree char *rest = g_strstrip(g_strdup(p + strlen(operator)));
    return g_ascii_strcasecmp(rest, word) == 0;
}

static err_t *not_eligible(const char *site, const char *name, const char *property,
                           const char *wanted, const char *value)
{
    g_autofree char *is =
        value != NULL ? g_strdup_printf("is '%s'", value) : g_strdup("is missing");
    err_t *e = err(VOLUME_TYPE_NOT_ELIGIBLE,
                   "volume type '%s' is not eligible for replication at site '%s': the volume type "
                   "does not support replication, its property %s %s and must be '%s'",
                   name, site, property, is, wanted);
    e = err_detail(err_detail(e, "site", site), "property", property);
    return err_remedy(e, "at site %s: openstack volume type set --property %s='%s' %s", site,
                      property, wanted, name);
}

err_t *cinder_type_eligible(const char *site, const json_t *type, const char *replication_type)
{
    const json_t *specs = json_obj(type, "extra_specs");
    const char *name = json_str_or(type, "name", "?");
    const char *enabled = json_str(specs, "replication_enabled");
    const char *kind = json_str(specs, "replication_type");
    if (!says(enabled, "<is>", "true"))
        return not_eligible(site, name, "replication_enabled", "<is> True", enabled);
    bool async = says(kind, "<in>", "async"), sync = says(kind, "<in>", "sync");
    bool right = replication_type == NULL ? async || sync : says(kind, "<in>", replication_type);
    if (right)
        return NULL;
    g_autofree char *wanted =
        g_strdup_printf("<in> %s", replication_type != NULL ? replication_type : "async");
    return not_eligible(site, name, "replication_type", wanted, kind);
}

/* ---- group types ---- */

err_t *cinder_group_type_list(const struct cloud *c, json_t **ret)
{
    return cloud_list(c, CLOUD_VOLUME, "/group_types?is_public=None", "group_types", ret);
}

json_t *cinder_group_type_pick(const json_t *group_types)
{
    json_t *picked = NULL;
    size_t i;
    json_t *type;
    json_array_foreach(group_types, i, type)
    {
        const char *name = json_str_or(type, "name", "");
        bool fits = says(json_str(json_obj(type, "group_specs"), GROUP_SPEC), "<is>", "true") &&
                    strcmp(name, CGSNAPSHOT_TYPE) != 0;
        if (fits && (picked == NULL || strcmp(name, json_str_or(picked, "name", "")) < 0))
            picked = type;
    }
    return picked;
}

err_t *cinder_group_type_create(const struct cloud *c, const char *name, json_t **ret)
{
    json_t *specs = json_object();
    json_set_str(specs, GROUP_SPEC, "<is> True");
    json_t *type = json_object();
    json_set_str(type, "name", name);
    json_set_bool(type, "is_public", true);
    json_set(type, "group_specs", specs);
    g_autoptr(json_t) body = json_object();
    json_set(body, "group_type", type);
    return cloud_call_object(c, CLOUD_VOLUME, "POST", "/group_types", body, "group_type", ret);
}

/* ---- the backend ---- */

#define VOLUME_BINARY   "cinder-volume"
#define UNHEARD_RETRY_S "10"

err_t *cinder_service_list(const struct cloud *c, json_t **ret)
{
    return cloud_list(c, CLOUD_VOLUME, "/os-services?binary=" VOLUME_BINARY, "services", ret);
}

err_t *cinder_pool_list(const struct cloud *c, json_t **ret)
{
    return cloud_list(c, CLOUD_VOLUME, "/scheduler-stats/get_pools?detail=True", "pools", ret);
}

bool cinder_pool_serves(const json_t *pool, const json_t *type)
{
    const json_t *specs = json_obj(type, "extra_specs");
    const char *wanted = json_str(specs, "volume_backend_name");
    if (wanted == NULL)
        wanted = json_str(specs, "capabilities:volume_backend_name");
    return wanted == NULL ||
           g_strcmp0(json_str_at(pool, "capabilities/volume_backend_name"), wanted) == 0;
}

/*
 * As whom the scheduler knows a service: several of one cluster (active/active) share its name
 * (Service.service_topic_queue in cinder/objects/service.py, pools in scheduler/host_manager.py).
 */
static const char *known_as(const json_t *service)
{
    const char *cluster = json_str(service, "cluster");
    return cluster != NULL && *cluster != '\0' ? cluster : json_str_or(service, "host", "?");
}

static bool is_up(const json_t *service)
{
    return g_strcmp0(json_str(service, "state"), "up") == 0 &&
           g_strcmp0(json_str(service, "status"), "enabled") == 0;
}

/* Whether the cinder-volume of a pool is up and enabled. */
static bool pool_is_up(const json_t *services, const char *pool)
{
    g_autofree char *backend = cinder_backend(pool);
    size_t i;
    json_t *service;
    json_array_foreach(services, i, service)
    {
        if (is_up(service) && g_str_equal(known_as(service), backend))
            return true;
    }
    return false;
}

static bool has_pool(const json_t *pools, const char *backend)
{
    size_t i;
    json_t *pool;
    json_array_foreach(pools, i, pool)
    {
        g_autofree char *of = cinder_backend(json_str_or(pool, "name", ""));
        if (g_str_equal(of, backend))
            return true;
    }
    return false;
}

/*
 * A cinder-volume that is up and enabled and of whose pools the scheduler has not heard, or NULL.
 * A scheduler that starts knows none; each cinder-volume tells it when it has started itself, and
 * then every minute (publish_service_capabilities in cinder/manager.py).
 */
static const char *unheard_of(const json_t *services, const json_t *pools)
{
    size_t i;
    json_t *service;
    json_array_foreach(services, i, service)
    {
        bool volume = g_str_equal(json_str_or(service, "binary", ""), VOLUME_BINARY);
        if (volume && is_up(service) && !has_pool(pools, known_as(service)))
            return known_as(service);
    }
    return NULL;
}

/* None serves the type: for good, or until the scheduler knows more. */
static err_t *no_pool_serves(const struct cloud *c, const json_t *type, const json_t *services,
                             const json_t *pools)
{
    const char *name = json_str_or(type, "name", "?");
    const char *unheard = unheard_of(services, pools);

    if (unheard == NULL)
        return err(
            CLOUD_NOT_FOUND,
            "%s: no backend that is up and enabled serves volume type '%s' (%zu pools known)",
            cloud_name(c), name, json_array_size(pools));
    err_t *e = err(CLOUD_BUSY,
                   "%s: no backend serves volume type '%s' yet: the cinder-volume %s is up, and"
                   " Cinder's scheduler has not heard of its pools (it does within a minute)",
                   cloud_name(c), name, unheard);
    return err_detail(e, "retry_after", UNHEARD_RETRY_S);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

err_t *cinder_type_pools(const struct cloud *c, const json_t *type, json_t **ret)
{
    g_autoptr(json_t) pools = NULL;
    g_autoptr(json_t) services = NULL;
    TRY(cinder_pool_list(c, &pools));
    TRY(cinder_service_list(c, &services));
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    size_t i;
    json_t *pool;
    json_array_foreach(pools, i, pool)
    {
        const char *name = json_str(pool, "name");
        if (name != NULL && cinder_pool_serves(pool, type) && pool_is_up(services, name))
            g_ptr_array_add(names, (char *)name);
    }
    if (names->len == 0)
        return no_pool_serves(c, type, services, pools);
    g_ptr_array_sort(names, compare_names);
    *ret = json_array();
    for (guint n = 0; n < names->len; n++)
        json_array_append_new(*ret, json_string(names->pdata[n]));
    return NULL;
}
