/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context - who asks, as a value: made from Keystone's token, copied out of the cache.  See
 * token.h.
 */
#include "api/auth/context.h"

#include <string.h>

#include "base/secrets.h"
#include "cloud/keystone.h"

void auth_context_destroy(struct auth_context *a)
{
    if (a == NULL)
        return;
    secret_free(a->token);
    g_free(a->user_id);
    g_free(a->user_name);
    g_free(a->user_domain_id);
    g_free(a->user_domain_name);
    g_free(a->project_id);
    g_free(a->project_name);
    g_free(a->project_domain_id);
    g_free(a->project_domain_name);
    g_free(a->domain_id);
    g_strfreev(a->roles);
    g_strfreev(a->methods);
    g_free(a->trust_id);
    if (a->catalog != NULL)
        g_ref_string_release(a->catalog);
    g_free(a->service_user_id);
    g_free(a->service_user_domain_id);
    g_free(a->service_project_id);
    g_free(a->service_project_domain_id);
    g_strfreev(a->service_roles);
    g_free(a);
}

struct auth_context *auth_context_copy(const struct auth_context *a)
{
    struct auth_context *copy = g_new0(struct auth_context, 1);

    *copy = *a;
    copy->token = g_strdup(a->token);
    copy->user_id = g_strdup(a->user_id);
    copy->user_name = g_strdup(a->user_name);
    copy->user_domain_id = g_strdup(a->user_domain_id);
    copy->user_domain_name = g_strdup(a->user_domain_name);
    copy->project_id = g_strdup(a->project_id);
    copy->project_name = g_strdup(a->project_name);
    copy->project_domain_id = g_strdup(a->project_domain_id);
    copy->project_domain_name = g_strdup(a->project_domain_name);
    copy->domain_id = g_strdup(a->domain_id);
    copy->roles = g_strdupv(a->roles);
    copy->methods = g_strdupv(a->methods);
    copy->trust_id = g_strdup(a->trust_id);
    copy->catalog = g_ref_string_acquire(a->catalog);
    copy->service_user_id = g_strdup(a->service_user_id);
    copy->service_user_domain_id = g_strdup(a->service_user_domain_id);
    copy->service_project_id = g_strdup(a->service_project_id);
    copy->service_project_domain_id = g_strdup(a->service_project_domain_id);
    copy->service_roles = g_strdupv(a->service_roles);
    return copy;
}

void auth_context_add_service(struct auth_context *a, const struct auth_context *service)
{
    g_assert(a->service_user_id == NULL);
    a->service_user_id = g_strdup(service->user_id);
    a->service_user_domain_id = g_strdup(service->user_domain_id);
    a->service_project_id = g_strdup(service->project_id);
    a->service_project_domain_id = g_strdup(service->project_domain_id);
    g_strfreev(a->service_roles);
    a->service_roles = g_strdupv(service->roles);
}

static char **texts_of(const json_t *list)
{
    GPtrArray *texts = g_ptr_array_new();
    const json_t *value;
    size_t i;

    json_array_foreach(list, i, value) if (json_is_string(value))
        g_ptr_array_add(texts, g_strdup(json_string_value(value)));
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

static char *catalog_of(const json_t *token)
{
    const json_t *catalog = json_arr(token, "catalog");
    g_autofree char *text = catalog != NULL ? json_print(catalog) : g_strdup("[]");

    return g_ref_string_new(text);
}

struct auth_context *auth_context_of(const struct keystone_token *t)
{
    struct auth_context *a = g_new0(struct auth_context, 1);

    a->user_id = g_strdup(t->user_id);
    a->user_name = g_strdup(t->user_name);
    a->user_domain_id = g_strdup(t->user_domain_id);
    a->user_domain_name = g_strdup(t->user_domain_name);
    a->project_id = g_strdup(t->project_id);
    a->project_name = g_strdup(t->project_name);
    a->project_domain_id = g_strdup(t->project_domain_id);
    a->project_domain_name = g_strdup(t->project_domain_name);
    a->domain_id = g_strdup(json_str_at(t->json, "domain/id"));
    a->is_system_scoped = json_bool(json_obj(t->json, "system"), "all", false);
    a->roles = g_strdupv(t->roles);
    a->is_admin_project = json_bool(t->json, "is_admin_project", true);
    a->methods = texts_of(json_arr(t->json, "methods"));
    a->trust_id = g_strdup(t->trust_id);
    a->is_application_credential = t->is_application_credential;
    a->expires_at_ms = t->expires_at_ms;
    a->catalog = catalog_of(t->json);
    a->service_roles = g_new0(char *, 1);
    return a;
}

bool auth_context_has_role(const struct auth_context *a, const char *name)
{
    for (char **role = a->roles; role != NULL && *role != NULL; role++)
        if (g_ascii_strcasecmp(*role, name) == 0)
            return true;
    return false;
}

json_t *auth_context_catalog(const struct auth_context *a)
{
    json_t *catalog = NULL;

    if (a->catalog == NULL)
        return json_array();
    g_assert(json_parse(a->catalog, strlen(a->catalog), "the catalog", &catalog) == NULL);
    return catalog;
}
