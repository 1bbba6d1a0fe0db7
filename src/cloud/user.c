/* SPDX-License-Identifier: Apache-2.0 */
/* user - users of a Keystone, for whoever may change them; see keystone.h. */
#include "cloud/keystone.h"

#include "cloud/session.h"

static err_t *domain_find(const struct cloud *c, const char *name, char **ret)
{
    g_autofree char *path = cloud_path("/domains?name=%s", name);
    g_autoptr(json_t) domains = NULL;

    TRY(cloud_list(c, CLOUD_IDENTITY, path, "domains", &domains));
    *ret = g_strdup(json_str(cloud_find(domains, "name", name), "id"));
    return *ret != NULL ? NULL
                        : err(CLOUD_NOT_FOUND, "%s: there is no domain '%s'", cloud_name(c), name);
}

err_t *keystone_user_find(const struct cloud *c, const char *name, const char *domain, char **ret)
{
    g_autofree char *domain_id = NULL;
    g_autoptr(json_t) users = NULL;
    json_t *user;
    size_t i;

    TRY(domain_find(c, domain, &domain_id));
    g_autofree char *path = cloud_path("/users?name=%s&domain_id=%s", name, domain_id);
    TRY(cloud_list(c, CLOUD_IDENTITY, path, "users", &users));
    json_array_foreach(users, i, user)
    {
        if (g_strcmp0(json_str(user, "name"), name) == 0 &&
            g_strcmp0(json_str(user, "domain_id"), domain_id) == 0)
            *ret = g_strdup(json_str(user, "id"));
        if (*ret != NULL)
            return NULL;
    }
    return err(CLOUD_NOT_FOUND, "%s: domain '%s' has no user '%s'", cloud_name(c), domain, name);
}

err_t *keystone_user_enable(const struct cloud *c, const char *id, bool enabled)
{
    g_autofree char *path = cloud_path("/users/%s", id);
    g_autoptr(json_t) body = json_pack("{s:{s:b}}", "user", "enabled", enabled);

    return cloud_call(c, CLOUD_IDENTITY, "PATCH", path, body, NULL);
}
