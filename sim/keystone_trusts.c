/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_keystone_trusts - OS-TRUST: who may make, see and end a trust.
 */
#include "sim/keystone.h"

#include <string.h>

/* NULL: the token may manage trusts.  One made from an application credential may not. */
static struct http_response *refuse_delegated(struct call *call)
{
    if (!js_has(json_arr(call->token, "methods"), "application_credential"))
        return NULL;
    return sim_call_forbid(call, "Delegated tokens cannot manage trusts.");
}

static json_t *trust_view(struct call *call, const json_t *trust)
{
    json_t *view =
        js("{s:s, s:s, s:s, s:o, s:b, s:o, s:O, s:n, s:n, s:i}", "id", json_str(trust, "id"),
           "trustor_user_id", json_str(trust, "trustor_user_id"), "trustee_user_id",
           json_str(trust, "trustee_user_id"), "project_id", js_str(json_str(trust, "project_id")),
           "impersonation", json_bool(trust, "impersonation", true), "expires_at",
           js_stamp_of(trust, "expires_ms", STAMP_ZULU_US), "remaining_uses",
           json_object_get(trust, "remaining_uses"), "deleted_at", "redelegated_trust_id",
           "redelegation_count", 0);
    return sim_keystone_link(call, view, "OS-TRUST/trusts", json_str(trust, "id"));
}

static json_t *trust_role_views(struct call *call, const json_t *trust)
{
    json_t *views = json_array();
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_arr(trust, "role_ids"), i, id)
    {
        const json_t *role = sim_site_row(call->site, "roles", json_string_value(id));
        if (role != NULL)
            json_array_append_new(views, sim_keystone_link(call, sim_keystone_role_view(role),
                                                           "roles", json_str(role, "id")));
    }
    return views;
}

static struct http_response *trust_answer(struct call *call, int status, const json_t *trust)
{
    g_autofree char *origin = sim_call_origin(call);
    g_autofree char *self = g_strdup_printf("%s/v3/%s/roles", origin, json_str(trust, "id"));
    json_t *view = trust_view(call, trust);
    json_set(view, "roles", trust_role_views(call, trust));
    json_set(view, "roles_links", js("{s:s, s:n, s:n}", "self", self, "next", "previous"));
    return sim_call_json(call, status, js("{s:o}", "trust", view));
}

/* Ids of the roles asked for; NULL and the answer if one is unknown or the trustor lacks it. */
static json_t *trust_roles(struct call *call, const json_t *asked, struct http_response **ret)
{
    json_t *ids = json_array();
    g_autoptr(json_t) held =
        sim_keystone_roles_of(call->site, call->user_id, json_str(asked, "project_id"));
    size_t i = 0;
    json_t *ref = NULL;
    json_array_foreach(json_arr(asked, "roles"), i, ref)
    {
        const json_t *role = sim_keystone_role_ref(call->site, ref);
        const char *id = json_str(role, "id");
        if (id == NULL || !js_has(held, id)) {
            const char *name = json_str_or(ref, "id", json_str(ref, "name"));
            *ret = sim_keystone_missing(call, "role", id != NULL ? id : name);
            json_decref(ids);
            return NULL;
        }
        json_array_append_new(ids, json_string(id));
    }
    return ids;
}

/* NULL: the request may go on to its roles. */
static struct http_response *trust_check(struct call *call, const json_t *asked)
{
    if (g_strcmp0(json_str(asked, "trustor_user_id"), call->user_id) != 0)
        return sim_call_forbid(call, "identity:create_trust");
    if (json_str(asked, "trustee_user_id") == NULL ||
        !json_is_boolean(json_object_get(asked, "impersonation")))
        return sim_call_fail(call, 400, "'%s' is a required property",
                             json_str(asked, "trustee_user_id") == NULL ? "trustee_user_id"
                                                                        : "impersonation");
    struct http_response *refusal = refuse_delegated(call);
    if (refusal != NULL)
        return refusal;
    if (json_str(asked, "project_id") != NULL && json_array_size(json_arr(asked, "roles")) == 0)
        return sim_call_forbid(call, "At least one role should be specified");
    if (sim_site_row(call->site, "users", json_str(asked, "trustee_user_id")) == NULL)
        return sim_keystone_missing(call, "user", json_str(asked, "trustee_user_id"));
    if (json_str(asked, "project_id") != NULL &&
        sim_site_row(call->site, "projects", json_str(asked, "project_id")) == NULL)
        return sim_keystone_missing(call, "project", json_str(asked, "project_id"));
    const char *expires = json_str(asked, "expires_at");
    if (expires != NULL && time_parse(expires) < 0)
        return sim_call_fail(call, 400,
                             "Timestamp not in expected format. The server could not comply "
                             "with the request since it is either malformed or otherwise "
                             "incorrect. The client is assumed to be in error.");
    if (expires != NULL && time_parse(expires) <= call->sim->now_ms)
        return sim_call_fail(call, 400,
                             "The 'expires_at' must not be before now. The server could not "
                             "comply with the request since it is either malformed or "
                             "otherwise incorrect. The client is assumed to be in error.");
    return NULL;
}

struct http_response *sim_keystone_trust_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "trust");
    struct http_response *resp = trust_check(call, asked);
    if (resp != NULL)
        return resp;
    g_autoptr(json_t) role_ids = trust_roles(call, asked, &resp);
    if (role_ids == NULL)
        return resp;
    if (json_str(call->token, "trust_id") != NULL) /* redelegation was not allowed to it */
        return sim_call_fail(call, 403, "You are not authorized to perform the requested action.");
    const char *expires = json_str(asked, "expires_at");
    g_autofree char *id = sim_site_hex(call->site);
    json_t *uses = json_object_get(asked, "remaining_uses");
    json_t *trust =
        sim_site_add(call->site, "trusts",
                     js("{s:s, s:s, s:s, s:o, s:b, s:I, s:o, s:O}", "id", id, "trustor_user_id",
                        call->user_id, "trustee_user_id", json_str(asked, "trustee_user_id"),
                        "project_id", js_str(json_str(asked, "project_id")), "impersonation",
                        json_bool(asked, "impersonation", true), "expires_ms",
                        (json_int_t)(expires != NULL ? time_parse(expires) : -1), "remaining_uses",
                        json_is_integer(uses) ? json_incref(uses) : json_null(), "role_ids",
                        role_ids));
    return trust_answer(call, 201, trust);
}

/* The trust of the path, if it exists and has not expired. */
static json_t *trust_here(struct call *call)
{
    json_t *trust = sim_site_row(call->site, "trusts", call->arg[0]);
    int64_t expires_ms = json_int(trust, "expires_ms", -1);
    return trust != NULL && (expires_ms < 0 || expires_ms > call->sim->now_ms) ? trust : NULL;
}

static bool is_party(const struct call *call, const json_t *trust, const char *key)
{
    return g_strcmp0(json_str(trust, key), call->user_id) == 0;
}

static struct http_response *trust_gate(struct call *call, const json_t *trust, const char *rule)
{
    if (trust == NULL)
        return sim_keystone_missing(call, "trust", call->arg[0]);
    if (!call->admin && !is_party(call, trust, "trustor_user_id") &&
        !is_party(call, trust, "trustee_user_id"))
        return sim_call_forbid(call, rule);
    return refuse_delegated(call);
}

struct http_response *sim_keystone_trust_show(struct call *call)
{
    const json_t *trust = trust_here(call);
    struct http_response *refusal = trust_gate(call, trust, "identity:get_trust");
    return refusal != NULL ? refusal : trust_answer(call, 200, trust);
}

struct http_response *sim_keystone_trust_roles(struct call *call)
{
    const json_t *trust = trust_here(call);
    struct http_response *refusal = trust_gate(call, trust, "identity:list_roles_for_trust");
    return refusal != NULL ? refusal
                           : sim_keystone_list(call, "roles", trust_role_views(call, trust));
}

struct http_response *sim_keystone_trust_delete(struct call *call)
{
    const json_t *trust = trust_here(call);
    if (trust == NULL)
        return sim_keystone_missing(call, "trust", call->arg[0]);
    if (!call->admin && !is_party(call, trust, "trustor_user_id"))
        return sim_call_forbid(call, "identity:delete_trust");
    struct http_response *refusal = refuse_delegated(call);
    if (refusal != NULL)
        return refusal;
    sim_keystone_token_revoke(call->site, "trust_id", call->arg[0]);
    sim_site_drop(call->site, "trusts", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}

struct http_response *sim_keystone_trust_list(struct call *call)
{
    const char *trustor = sim_call_query(call, "trustor_user_id");
    const char *trustee = sim_call_query(call, "trustee_user_id");
    const char *own = trustor != NULL ? trustor : trustee;
    if (!call->admin && g_strcmp0(own, call->user_id) != 0)
        return sim_call_forbid(call, trustor != NULL   ? "identity:list_trusts_for_trustor"
                                     : trustee != NULL ? "identity:list_trusts_for_trustee"
                                                       : "identity:list_trusts");
    struct http_response *refusal = refuse_delegated(call);
    if (refusal != NULL)
        return refusal;
    json_t *views = json_array();
    const char *id = NULL;
    json_t *trust = NULL;
    sim_site_each(call->site, "trusts", id, trust)
    {
        if ((trustor == NULL || g_strcmp0(json_str(trust, "trustor_user_id"), trustor) == 0) &&
            (trustee == NULL || g_strcmp0(json_str(trust, "trustee_user_id"), trustee) == 0))
            json_array_append_new(views, trust_view(call, trust));
    }
    return sim_keystone_list(call, "trusts", views);
}
