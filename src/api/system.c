/* SPDX-License-Identifier: Apache-2.0 */
/* system - health of the service, the trust of the caller's project, the API's own description. */
#include "api/own_cloud.h"
#include "api/resources.h"
#include "api/view.h"

#include "base/secrets.h"
#include "cloud/keystone.h"
#include "cloud/session.h"
#include "store/trust.h"

err_t *healthcheck(struct request *r)
{
    AUTO(db_rows) rows = NULL;
    err_t *e = db_query(r->db, &rows, "SELECT 1", "");
    const char *accept = request_header(r, "Accept");

    if (e != NULL)
        return err_recode(UNAVAILABLE, e, "the database does not answer");
    if (g_str_equal(r->http->method, "HEAD")) {
        reply_empty(r, 204);
        return NULL;
    }
    if (accept != NULL && g_strstr_len(accept, -1, "application/json") != NULL)
        reply_json(r, 200, json_pack("{s:b, s:[s]}", "detailed", 0, "reasons", "OK"));
    else
        http_response_body(r->response, "text/plain", "OK", 2);
    return NULL;
}

err_t *openapi_document(struct request *r)
{
    json_t *paths = json_object();

    for (const struct route *route = routes; route->method != NULL; route++) {
        g_autofree char *path =
            g_strdup_printf("/v1/%s%s",
                            route->flags & (ROUTE_ADMIN | ROUTE_NO_TOKEN) ? "" : "{project_id}/",
                            route->path);
        json_t *item = json_object_get(paths, path);
        if (item == NULL)
            json_set(paths, path, item = json_object());
        g_autofree char *method = g_ascii_strdown(route->method, -1);
        json_t *operation = json_object();
        json_set_str(operation, "summary", route->says);
        json_set_str(operation, "x-policy", route->rule);
        json_set(operation, "responses",
                 json_pack("{s:{s:s}}", "default", "description", "see docs/api.md"));
        json_set(item, method, operation);
    }
    json_t *info = json_pack("{s:s, s:s}", "title", "Protector", "version", API_VERSION_MAX);
    reply_json(r, 200,
               json_pack("{s:s, s:o, s:o}", "openapi", "3.0.3", "info", info, "paths", paths));
    return NULL;
}

/* ---- trusts ---- */

static json_t *trust_view(const struct trust *t)
{
    json_t *out = json_object();

    json_set_str(out, "state", t != NULL ? t->status : "missing");
    view_time(out, "verified_at", t != NULL ? t->verified_at_ms : 0);
    json_set(out, "roles", t != NULL ? json_incref(t->roles) : json_array());
    return out;
}

err_t *trust_show(struct request *r)
{
    g_autoptr(GPtrArray) list = NULL;

    TRY(trust_list(r->db, r->project, &list));
    const struct trust *first = list->len > 0 ? g_ptr_array_index(list, 0) : NULL;
    reply_json(r, 200, json_pack("{s:o}", "trust", trust_view(first)));
    return NULL;
}

/* Whether the service can work with a trust; Keystone decides, not what we once wrote. */
static err_t *trust_lets_in(struct request *r, char *id, bool *ret)
{
    struct keystone_credentials c = own_service(r);
    AUTO(keystone_token) token = NULL;

    c.method = KEYSTONE_TRUST;
    c.trust_id = id;
    c.project_name = NULL;
    c.project_domain_name = NULL;
    err_t *e = own_login(r, &c, &token);
    *ret = e == NULL;
    if (e == NULL || err_code(e) != ERR_CLOUD_TRUST_INVALID)
        return e;
    err_free(e);
    return NULL;
}

/* The same of one we have; '*ret_id' (secret) is its id. */
static err_t *trust_works(struct request *r, const struct trust *t, char **ret_id, bool *ret)
{
    *ret = false;
    TRY(rest_decrypt(r->o->exchange->identity->rest_key, t->trust, ret_id));
    return trust_lets_in(r, *ret_id, ret);
}

/* default_trust_roles that the caller holds. */
static GPtrArray *trust_roles(const struct request *r)
{
    char *const *wanted = conf_list(r->o->conf, "service_credentials", "default_trust_roles");
    GPtrArray *roles = g_ptr_array_new();

    for (size_t i = 0; wanted[i] != NULL; i++) {
        for (size_t k = 0; r->auth->roles[k] != NULL; k++) {
            if (g_ascii_strcasecmp(wanted[i], r->auth->roles[k]) == 0)
                g_ptr_array_add(roles, wanted[i]);
        }
    }
    g_ptr_array_add(roles, NULL);
    return roles;
}

/* Whether a trust of Keystone's list is the caller's to this service, as trust_make makes it. */
static bool trust_is_ours(const struct request *r, const json_t *t, const char *trustee)
{
    return g_strcmp0(json_str(t, "trustee_user_id"), trustee) == 0 &&
           g_strcmp0(json_str(t, "project_id"), r->project) == 0 &&
           json_bool(t, "impersonation", false) && json_str(t, "expires_at") == NULL &&
           !json_is_integer(json_object_get(t, "remaining_uses"));
}

static bool trust_delegates(const json_t *t, const GPtrArray *roles)
{
    const json_t *held = json_arr(t, "roles");
    bool all = json_array_size(held) + 1 == roles->len;

    for (guint i = 0; i + 1 < roles->len && all; i++)
        all = cloud_find(held, "name", g_ptr_array_index(roles, i)) != NULL;
    return all;
}

/*
 * One that an earlier request made and whose answer was lost: it is taken, else it would stay at
 * Keystone for ever and nobody know of it.  '*ret' stays NULL if there is none; 'other' is the id
 * of the one that is to be replaced, or NULL.
 */
static err_t *trust_lost(struct request *r, const struct cloud *view, const char *trustee,
                         const GPtrArray *roles, const char *other, json_t **ret)
{
    g_autoptr(json_t) list = NULL;
    size_t i;
    json_t *t;

    TRY(keystone_trust_list(view, r->auth->user_id, &list));
    json_array_foreach(list, i, t)
    {
        const char *id = json_str_or(t, "id", "");
        g_autoptr(json_t) whole = NULL;
        bool works = false;
        if (!trust_is_ours(r, t, trustee) || g_strcmp0(id, other) == 0)
            continue;
        TRY(cloud_gone_is_fine(keystone_trust_get(view, id, &whole)));
        if (whole != NULL && trust_delegates(whole, roles))
            TRY(trust_lets_in(r, (char *)id, &works));
        if (!works)
            continue;
        *ret = TAKE(whole);
        return NULL;
    }
    return NULL;
}

static err_t *trust_make(struct request *r, const char *other, json_t **ret, GPtrArray *roles)
{
    AUTO(cloud_session) session = own_caller_session(r);
    struct cloud view = cloud_view(session, r->request_id, CLOUD_NO_DEADLINE);
    g_autofree char *trustee = NULL;

    if (roles->len < 2)
        return err_remedy(
            err(FORBIDDEN, "the token holds none of the roles that trusts delegate"),
            "give the user one of [service_credentials] default_trust_roles in the project");
    TRY(own_service_user(r, &trustee));
    TRY(trust_lost(r, &view, trustee, roles, other, ret));
    if (*ret != NULL)
        return NULL;
    return keystone_trust_create(&view, r->auth->user_id, trustee, r->project,
                                 (const char *const *)roles->pdata, ret);
}

/* One that does not work any more is taken away at Keystone, too, if it is still there. */
static void trust_forget(struct request *r, const struct trust *old)
{
    AUTO(cloud_session) session = own_caller_session(r);
    struct cloud view = cloud_view(session, r->request_id, CLOUD_NO_DEADLINE);
    char *id = NULL;

    g_autoptr(err_t) e = rest_decrypt(r->o->exchange->identity->rest_key, old->trust, &id);
    if (e == NULL)
        e = keystone_trust_delete(&view, id);
    if (e != NULL) /* the new one works: nothing for the caller to do */
        request_report(r, e);
    secret_free(id);
}

static err_t *trust_keep(struct request *r, const json_t *made, GPtrArray *roles, struct trust *old)
{
    json_t *names = json_array();
    struct trust row = {.project_id = r->project,
                        .user_id = (char *)r->auth->user_id,
                        .status = "verified",
                        .verified_at_ms = r->now_ms,
                        .created_at_ms = r->now_ms,
                        .updated_at_ms = r->now_ms};
    g_autofree char *secret =
        rest_encrypt(r->o->env, r->o->exchange->identity->rest_key, json_str_or(made, "id", ""));

    for (guint i = 0; i + 1 < roles->len; i++)
        json_array_append_new(names, json_string(g_ptr_array_index(roles, i)));
    row.id = old != NULL ? g_strdup(old->id) : env_id(r->o->env, "trust-");
    row.trust = secret;
    row.roles = names;
    err_t *e = trust_put(r->db, &row);
    if (e == NULL)
        reply_json(r, 200, json_pack("{s:o}", "trust", trust_view(&row)));
    g_free(row.id); /* trust_put may have put another one there */
    json_decref(names);
    return e;
}

/* One per project and user, repeatable: one that works is kept, one that does not is replaced. */
err_t *trust_put_handler(struct request *r)
{
    AUTO(trust) there = NULL;
    g_autoptr(json_t) made = NULL;
    g_autoptr(GPtrArray) roles = trust_roles(r);
    char *id = NULL;
    bool works = false;

    TRY(trust_find(r->db, r->project, r->auth->user_id, &there));
    err_t *e = there != NULL ? trust_works(r, there, &id, &works) : NULL;
    if (e == NULL && !works)
        e = trust_make(r, id, &made, roles);
    secret_free(id);
    if (e != NULL)
        return e;
    if (works) {
        TRY(trust_checked(r->db, there->id, "verified", NULL, r->now_ms));
        there->verified_at_ms = r->now_ms;
        g_free(there->status);
        there->status = g_strdup("verified");
        reply_json(r, 200, json_pack("{s:o}", "trust", trust_view(there)));
        return NULL;
    }
    TRY(request_audit(r, "trust.create", r->project));
    TRY(trust_keep(r, made, roles, there));
    if (there != NULL)
        trust_forget(r, there);
    return NULL;
}
