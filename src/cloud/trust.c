/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust - the calls of a logged-in identity to Keystone: validation, trusts, roles, version.
 *
 * Part of keystone.h; session.h is below.
 */
#include "cloud/keystone.h"

#include <string.h>

#include "cloud/session.h"
#include "cloud/session_internal.h"
#include "cloud/wire.h"

/* Keystone 3.14 came with Ussuri; Victoria changed nothing in its API. */
#define KEYSTONE_MINOR_MIN 14

err_t *keystone_validate(const struct cloud *c, const char *token, bool allow_expired,
                         struct keystone_token **ret)
{
    g_autoptr(json_t) body = NULL;
    const char *path = allow_expired ? "/auth/tokens?allow_expired=1" : "/auth/tokens";
    struct cloud_request request = {.service = CLOUD_IDENTITY,
                                    .method = "GET",
                                    .path = path,
                                    .subject_token = token};
    TRY(cloud_request(c, &request, &body));
    if (json_obj(body, "token") == NULL)
        return err(CLOUD_ERROR, "%s: keystone GET /auth/tokens answered without a token",
                   cloud_name(c));
    err_t *e = keystone_token_decode(token, json_obj(body, "token"), ret);
    return e != NULL ? err_wrap(e, "%s: keystone GET /auth/tokens", cloud_name(c)) : NULL;
}

static json_t *trust_body(const char *trustor_id, const char *trustee_id, const char *project_id,
                          const char *const *roles)
{
    json_t *names = json_array();
    for (; *roles != NULL; roles++) {
        json_t *role = json_object();
        json_set_str(role, "name", *roles);
        json_array_append_new(names, role);
    }
    json_t *trust = json_object();
    json_set_str(trust, "trustor_user_id", trustor_id);
    json_set_str(trust, "trustee_user_id", trustee_id);
    json_set_str(trust, "project_id", project_id);
    json_set_bool(trust, "impersonation", true);
    json_set(trust, "roles", names);
    json_set_bool(trust, "allow_redelegation", false);
    json_set_str(trust, "expires_at", NULL);
    json_t *body = json_object();
    json_set(body, "trust", trust);
    return body;
}

err_t *keystone_trust_create(const struct cloud *c, const char *trustor_id, const char *trustee_id,
                             const char *project_id, const char *const *roles, json_t **ret)
{
    g_autoptr(json_t) body = trust_body(trustor_id, trustee_id, project_id, roles);
    err_t *e = cloud_call_object(c, CLOUD_IDENTITY, "POST", "/OS-TRUST/trusts", body, "trust", ret);
    if (e != NULL && err_code(e) == ERR_CLOUD_FORBIDDEN)
        return err_remedy(err_wrap(e, "%s: this token cannot make trusts", cloud_name(c)),
                          "log in with a password: a token that comes from a trust or from an "
                          "application credential cannot make trusts");
    return e;
}

err_t *keystone_trust_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/OS-TRUST/trusts/%s", id);
    return cloud_call_object(c, CLOUD_IDENTITY, "GET", path, NULL, "trust", ret);
}

/* Nobody asks about it again: it is gone if Keystone says so twice. */
err_t *keystone_trust_delete(const struct cloud *c, const char *id)
{
    g_autofree char *path = cloud_path("/OS-TRUST/trusts/%s", id);
    g_autoptr(json_t) there = NULL;
    err_t *e = cloud_call(c, CLOUD_IDENTITY, "DELETE", path, NULL, NULL);
    if (e == NULL || err_code(e) != ERR_CLOUD_NOT_FOUND)
        return e;
    err_free(e);
    TRY(cloud_gone_is_fine(keystone_trust_get(c, id, &there)));
    if (there == NULL)
        return NULL;
    return err(CLOUD_PARTIAL, "%s: keystone DELETE %s answered 404, and the trust is there",
               cloud_name(c), path);
}

err_t *keystone_trust_list(const struct cloud *c, const char *trustor_id, json_t **ret)
{
    g_autofree char *path = cloud_path("/OS-TRUST/trusts?trustor_user_id=%s", trustor_id);
    return cloud_list(c, CLOUD_IDENTITY, path, "trusts", ret);
}

err_t *keystone_role_find(const struct cloud *c, const char *name, char **ret)
{
    g_autofree char *path = cloud_path("/roles?name=%s", name);
    g_autoptr(json_t) roles = NULL;
    TRY(cloud_list(c, CLOUD_IDENTITY, path, "roles", &roles));
    json_t *role = cloud_find(roles, "name", name);
    if (role == NULL || json_str(role, "id") == NULL)
        return err(CLOUD_NOT_FOUND, "%s: there is no role '%s'", cloud_name(c), name);
    *ret = g_strdup(json_str(role, "id"));
    return NULL;
}

err_t *keystone_version(const struct cloud *c, char **ret)
{
    g_autoptr(json_t) body = NULL;
    struct cloud_request request = {.service = CLOUD_IDENTITY,
                                    .method = "GET",
                                    .path = "/",
                                    .anonymous = true};
    TRY(cloud_request(c, &request, &body));
    const char *id = json_str_at(body, "version/id");
    int minor = 0;
    if (id == NULL || !cloud_version_parse(id[0] == 'v' ? id + 1 : id, 3, &minor))
        return err(CLOUD_VERSION, "%s: keystone does not say its version", cloud_name(c));
    if (minor < KEYSTONE_MINOR_MIN)
        return err(CLOUD_VERSION, "%s: keystone offers version 3.%d, older than Victoria's 3.%d",
                   cloud_name(c), minor, KEYSTONE_MINOR_MIN);
    if (ret != NULL)
        *ret = g_strdup(id + 1);
    return NULL;
}
