/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog - where a service is: a token's catalog by type, interface and region.
 *
 * Part of keystone.h.  Pure.
 */
#include "cloud/keystone.h"

#include <string.h>

static bool in_list(const GPtrArray *list, const char *text)
{
    for (guint i = 0; i < list->len; i++)
        if (strcmp(list->pdata[i], text) == 0)
            return true;
    return false;
}

static const char *region_of(const json_t *endpoint)
{
    const char *region = json_str(endpoint, "region_id");
    return region != NULL ? region : json_str_or(endpoint, "region", "");
}

/* The texts of a list for a message: "RegionA, RegionB"; "nothing".  Caller frees. */
static char *join(GPtrArray *list)
{
    if (list->len == 0)
        return g_strdup("nothing");
    g_ptr_array_add(list, NULL);
    return g_strjoinv(", ", (char **)list->pdata);
}

static const json_t *find_service(const json_t *catalog, const char *const *types)
{
    for (; *types != NULL; types++) {
        size_t i;
        json_t *service;
        json_array_foreach(catalog, i, service)
        {
            if (g_strcmp0(json_str(service, "type"), *types) == 0)
                return service;
        }
    }
    return NULL;
}

static err_t *no_service(const json_t *catalog, const char *type)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    size_t i;
    json_t *service;
    json_array_foreach(catalog, i, service)
    {
        g_ptr_array_add(types, (char *)json_str_or(service, "type", "?"));
    }
    g_autofree char *text = join(types);
    return err(CLOUD_CATALOG, "the catalog has no service of type '%s'; it has %s", type, text);
}

/* The endpoints of 'interface', in 'region' if one is named; '*ret_regions' are those seen. */
static const json_t *choose(const json_t *service, const char *interface, const char *region,
                            GPtrArray *ret_regions)
{
    const json_t *chosen = NULL;
    size_t i;
    json_t *endpoint;
    json_array_foreach(json_arr(service, "endpoints"), i, endpoint)
    {
        if (g_strcmp0(json_str(endpoint, "interface"), interface) != 0 ||
            json_str(endpoint, "url") == NULL)
            continue;
        if (!in_list(ret_regions, region_of(endpoint)))
            g_ptr_array_add(ret_regions, (char *)region_of(endpoint));
        if (chosen == NULL && (region == NULL || strcmp(region_of(endpoint), region) == 0))
            chosen = endpoint;
    }
    return chosen;
}

err_t *keystone_endpoint(const struct keystone_token *token, const char *const *types,
                         const char *interface, const char *region, char **ret)
{
    g_assert(types[0] != NULL && interface != NULL);
    const json_t *catalog = json_arr(token->json, "catalog");
    const json_t *service = find_service(catalog, types);
    if (service == NULL)
        return no_service(catalog, types[0]);
    g_autoptr(GPtrArray) regions = g_ptr_array_new();
    const json_t *endpoint = choose(service, interface, region, regions);
    bool unclear = region == NULL && regions->len > 1;
    if (endpoint != NULL && !unclear) {
        *ret = g_strdup(json_str(endpoint, "url"));
        return NULL;
    }
    g_autofree char *text = join(regions);
    if (unclear)
        return err(CLOUD_CATALOG,
                   "service '%s' is in several regions (%s) and no region is configured", types[0],
                   text);
    return err(CLOUD_CATALOG, "service '%s' has no %s endpoint in region '%s'; it has them in %s",
               types[0], interface, region != NULL ? region : "", text);
}
