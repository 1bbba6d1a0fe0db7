/* SPDX-License-Identifier: Apache-2.0 */
/* user - users of a Keystone, for whoever may change them; see keystone.h. */
#include "cloud/keystone.h"

#include "cloud/session.h"

/* "" if no domain is named. */
static err_t *domain_query(const struct cloud *c, const char *domain, char **ret)
{
    g_autofree char *path = domain != NULL ? cloud_path("/domains?name=%s", domain) : NULL;
    g_autoptr(json_t) domains = NULL;

    *ret = g_strdup("");
    if (path == NULL)
        return NULL;
    TRY(cloud_list(c, CLOUD_IDENTITY, path, "domains", &domains));
    const char *id = json_str(cloud_find(domains, "name", domain), "id");
    if (id == NULL)
        return err(CLOUD_NOT_FOUND, "%s: there is no domain '%s'", cloud_name(c), domain);
    g_free(*ret);
    *ret = cloud_path("&domain_id=%s", id);
    return NULL;
}

err_t *keystone_user_find(const struct cloud *c, const char *name, const char *domain, char **ret)
{
    g_autofree char *named = cloud_path("/users?name=%s", name);
    g_autofree char *in = NULL;
    g_autoptr(json_t) users = NULL;
    json_t *user, *found = NULL;
    int count = 0;
    size_t i;

    TRY(domain_query(c, domain, &in));
    g_autofree char *path = g_strconcat(named, in, NULL);
    TRY(cloud_list(c, CLOUD_IDENTITY, path, "users", &users));
    json_array_foreach(users, i, user)
    {
        if (g_strcmp0(json_str(user, "name"), name) != 0 || json_str(user, "id") == NULL)
            continue;
        found = user;
        count++;
    }
    if (count == 0)
        return err(CLOUD_NOT_FOUND, "%s: there is no user '%s'", cloud_name(c), name);
    if (count > 1)
        return err_remedy(err(CONFLICT, "%s: %d domains have a user '%s'", cloud_name(c), count,
                              name),
                          "say which: --user-domain-name");
    *ret = g_strdup(json_str(found, "id"));
    return NULL;
}

err_t *keystone_user_enable(const struct cloud *c, const char *id, bool enabled)
{
    g_autofree char *path = cloud_path("/users/%s", id);
    g_autoptr(json_t) body = json_pack("{s:{s:b}}", "user", "enabled", enabled);

    return cloud_call(c, CLOUD_IDENTITY, "PATCH", path, body, NULL);
}
