/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sites - the records of sites, an admin's: written by the client at both sites, each write
 * repeatable.  A site in use cannot be deleted.  Validation and the reading of volume types are the
 * engine's; here they are asked for, and what was found is shown.
 */
#include "api/resources.h"
#include "api/view.h"

#include "base/secrets.h"
#include "model/position.h"
#include "store/local.h"
#include "store/restored.h"
#include "store/site_keys.h"
#include "store/tenant_mapping.h"

#include <string.h>

#define NAME_MAX_CHARS    255
#define FAILOVERS_AT_ONCE 10 /* of a site failover, unless it is said otherwise */
#define FAILOVERS_MAX     100

err_t *sites_self(struct request *r)
{
    AUTO(local_site) local = NULL;
    AUTO(site) site = NULL;
    json_t *out = json_object();

    TRY(local_site_find(r->db, &local));
    TRY(site_find_local(r->db, &site));
    if (local == NULL)
        return err(DB_SCHEMA, "this site has no identity yet: protector-manage db sync makes it");
    json_set_str(out, "id", local->site_id);
    json_set_str(out, "name", site != NULL ? site->name : NULL);
    json_set_str(out, "sign_public", local->sign_public);
    json_set_str(out, "seal_public", local->seal_public);
    json_set_str(out, "fingerprint", local->fingerprint);
    json_set_str(out, "incarnation", local->incarnation);
    json_t *api = json_object();
    json_set_str(api, "min", API_VERSION_MIN);
    json_set_str(api, "max", API_VERSION_MAX);
    json_set(out, "api", api);
    reply_json(r, 200, json_pack("{s:o}", "site", out));
    return NULL;
}

/* As view_site; of this site's own former keys its key file tells, not its row. */
static json_t *site_shown(struct request *r, const struct site *site)
{
    json_t *out = view_site(site, request_is_admin(r));

    if (site->is_local)
        json_set(out, "former_fingerprints",
                 keypairs_former_fingerprints(identity_keys(r->o->exchange->identity)));
    return out;
}

err_t *sites_index(struct request *r)
{
    struct list_query query;
    g_autoptr(GPtrArray) sites = NULL;
    json_t *list = json_array();
    json_t *out = json_object();

    json_set(out, "sites", list);
    err_t *e = request_list(r, "name status", &query);
    if (e == NULL)
        e = site_list(r->db, &query, &sites);
    if (e != NULL) {
        json_decref(out);
        return e;
    }
    for (guint i = 0; i < sites->len; i++)
        json_array_append_new(list, site_shown(r, g_ptr_array_index(sites, i)));
    const struct site *last = sites->len > 0 ? g_ptr_array_index(sites, sites->len - 1) : NULL;
    reply_links(r, out, "sites", last != NULL ? last->id : NULL, sites->len, query.limit);
    reply_json(r, 200, out);
    return NULL;
}

static err_t *site_of(struct request *r, struct site **ret)
{
    return site_resolve(r->db, r->params[0], ret);
}

/* '*ret' what keeps the site from being deleted, in words; NULL: nothing. */
static err_t *site_users(struct request *r, const struct site *site, const char **ret)
{
    bool groups = false, mappings = false;

    TRY(group_uses_site(r->db, site->id, &groups));
    TRY(tenant_mapping_uses_site(r->db, site->id, &mappings));
    *ret = groups ? "protection groups" : mappings ? "tenant mappings" : NULL;
    return NULL;
}

err_t *sites_show(struct request *r)
{
    AUTO(site) site = NULL;
    const char *users = NULL;
    bool admin = request_is_admin(r);

    TRY(site_of(r, &site));
    TRY(site_users(r, site, &users));
    json_t *out = site_shown(r, site);
    if (admin)
        json_set_str(out, "in_use_by", users);
    reply_json(r, 200, json_pack("{s:o}", "site", out));
    return NULL;
}

/* ---- create ---- */

static const struct field service_fields[] = {
    {"username", FIELD_TEXT, false, 1, 255, NULL},
    {"password", FIELD_TEXT, false, 1, 4096, NULL},
    {"project_name", FIELD_TEXT, false, 1, 255, NULL},
    {"user_domain_name", FIELD_TEXT, false, 1, 255, NULL},
    {"project_domain_name", FIELD_TEXT, false, 1, 255, NULL},
    {0},
};
static const struct field create_fields[] = {
    {"id", FIELD_TEXT, true, 36, 36, NULL},
    {"name", FIELD_TEXT, true, 1, NAME_MAX_CHARS, NULL},
    {"description", FIELD_TEXT, false, 0, 1024, NULL},
    {"site_type", FIELD_TEXT, false, 1, 32, NULL},
    {"auth_url", FIELD_TEXT, true, 1, 255, NULL},
    {"region_name", FIELD_TEXT, true, 1, 255, NULL},
    {"sign_public", FIELD_TEXT, true, 1, 255, NULL},
    {"seal_public", FIELD_TEXT, true, 1, 255, NULL},
    {"fingerprint", FIELD_TEXT, true, 1, 64, NULL},
    {"protector_url", FIELD_TEXT, false, 0, 1024, NULL},
    {"compute_url", FIELD_TEXT, false, 0, 1024, NULL},
    {"service", FIELD_OBJECT, false, 0, 0, service_fields},
    {"peer_user", FIELD_OBJECT, false, 0, 0, peer_user_fields},
    {0},
};
const struct body_spec sites_create_bodies[] = {
    {"site", create_fields, true,
     "{\"id\": \"cd4d0bb2-4c90-4eec-a3b8-a0c4323ac2a1\", \"name\": \"site-c\", \"auth_url\": "
     "\"https://keystone.site-c.example/v3\", \"region_name\": \"RegionC\", \"sign_public\": "
     "\"…\", \"seal_public\": \"…\", \"fingerprint\": \"…\"}"},
    {0},
};

static err_t *site_type_check(const char *type)
{
    if (type == NULL || g_str_equal(type, "primary") || g_str_equal(type, "secondary"))
        return NULL;
    return err(BAD_REQUEST, "'site_type' must be primary or secondary, not '%s'", type);
}

static err_t *url_check(const char *url)
{
    if (g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://"))
        return NULL;
    return err(BAD_REQUEST, "'auth_url' must begin with http:// or https://, not '%s'", url);
}

static err_t *fingerprint_check(const json_t *in)
{
    g_autofree char *fingerprint =
        keys_fingerprint(json_str_or(in, "sign_public", ""), json_str_or(in, "seal_public", ""));

    if (g_strcmp0(fingerprint, json_str(in, "fingerprint")) == 0)
        return NULL;
    return err(BAD_REQUEST, "the fingerprint '%s' is not of these keys (it would be '%s')",
               json_str_or(in, "fingerprint", ""), fingerprint);
}

/* The keys must be those of the fingerprint, and of this site's own record our own. */
static err_t *keys_check(struct request *r, const json_t *in, bool *ret_local)
{
    AUTO(local_site) local = NULL;
    const char *fingerprint = json_str(in, "fingerprint");

    TRY(fingerprint_check(in));
    TRY(local_site_find(r->db, &local));
    *ret_local = local != NULL && g_strcmp0(local->site_id, json_str(in, "id")) == 0;
    if (*ret_local && g_strcmp0(local->fingerprint, fingerprint) != 0)
        return err(CONFLICT, "the keys are not this site's own");
    return NULL;
}

/* ---- credentials for the peer's cloud, encrypted at rest ---- */

static err_t *service_check(const json_t *in, bool local)
{
    if (!local || json_obj(in, "service") == NULL)
        return NULL;
    return err_remedy(
        err(BAD_REQUEST, "'service' is for the cloud of another site; this site's own "
                         "is of [keystone_authtoken]"),
        "give it to the other site: protector site update with --service-*, once both "
        "are registered");
}

/* '*ret' what is kept for the site, {} if nothing is. */
static err_t *credentials_read(struct request *r, const struct site *site, json_t **ret)
{
    char *plain = NULL;

    if (site->credentials == NULL) {
        *ret = json_object();
        return NULL;
    }
    TRY(rest_decrypt(r->o->exchange->identity->rest_key, site->credentials, &plain));
    err_t *e = json_parse(plain, strlen(plain), "stored credentials", ret);
    secret_free(plain);
    return e;
}

/* What is given of 'service' over what is kept of it.  '*ret_changed': that is something new. */
static err_t *credentials_merge(struct request *r, const json_t *in, struct site *site,
                                bool *ret_changed)
{
    const json_t *service = json_obj(in, "service");
    g_autoptr(json_t) kept = NULL;
    g_autoptr(json_t) merged = NULL;

    *ret_changed = false;
    if (service == NULL)
        return NULL;
    TRY(credentials_read(r, site, &kept));
    merged = json_deep_copy(kept);
    json_object_update(merged, (json_t *)service);
    if (json_str(merged, "username") == NULL || json_str(merged, "password") == NULL)
        return err(BAD_REQUEST, "'service' needs a username and a password; there is no %s",
                   json_str(merged, "username") == NULL ? "username" : "password");
    if (json_equal(kept, merged))
        return NULL;
    char *plain = json_print(merged);
    g_free(site->credentials);
    site->credentials = rest_encrypt(r->o->env, r->o->exchange->identity->rest_key, plain);
    secret_free(plain);
    *ret_changed = true;
    return NULL;
}

/* Without credentials. */
static struct site *site_from(struct request *r, const json_t *in, bool local)
{
    struct site *s = site_create();

    s->id = g_strdup(json_str(in, "id"));
    s->name = g_strdup(json_str(in, "name"));
    s->description = g_strdup(json_str(in, "description"));
    s->site_type = g_strdup(json_str(in, "site_type"));
    s->auth_url = g_strdup(json_str(in, "auth_url"));
    s->region_name = g_strdup(json_str(in, "region_name"));
    s->sign_public = g_strdup(json_str(in, "sign_public"));
    s->seal_public = g_strdup(json_str(in, "seal_public"));
    s->fingerprint = g_strdup(json_str(in, "fingerprint"));
    s->protector_url = g_strdup(json_str(in, "protector_url"));
    s->compute_url = g_strdup(json_str(in, "compute_url"));
    s->is_local = local;
    s->status = g_strdup("active");
    s->created_at_ms = s->updated_at_ms = r->now_ms;
    return s;
}

/* What was left out is no other value; Protector's and Nova's addresses may be found anew. */
static err_t *same_site(const struct site *there, const struct site *given)
{
    const struct {
        const char *what, *there, *given;
    } values[] = {
        {"name", there->name, given->name},
        {"auth_url", there->auth_url, given->auth_url},
        {"region_name", there->region_name, given->region_name},
        {"fingerprint", there->fingerprint, given->fingerprint},
        {"description", there->description, given->description},
        {"site_type", there->site_type, given->site_type},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        if (values[i].given == NULL || g_strcmp0(values[i].there, values[i].given) == 0)
            continue;
        bool key = values[i].there == there->fingerprint;
        return err_remedy(err(CONFLICT,
                              "site '%s' is registered already, with other values: its %s is '%s', "
                              "not '%s'",
                              there->name, values[i].what,
                              values[i].there != NULL ? values[i].there : "", values[i].given),
                          key ? "if its keys were changed, carry a group; if they were lost or "
                                "stolen: protector site rekey %s"
                              : "give the same values, or change the record: protector site "
                                "update %s",
                          there->name);
    }
    return NULL;
}

/* A record with the name or the cloud of another key. */
static err_t *site_clash(struct request *r, const struct site *s)
{
    AUTO(site) named = NULL;
    AUTO(site) at = NULL;

    TRY(site_find_name(r->db, s->name, &named));
    if (named != NULL && g_strcmp0(named->id, s->id) != 0)
        return err(CONFLICT, "a site named '%s' is registered with another key", s->name);
    TRY(site_find_cloud(r->db, s->auth_url, s->region_name, &at));
    if (at != NULL && g_strcmp0(at->id, s->id) != 0)
        return err(CONFLICT, "the cloud %s, region %s, is registered as site '%s'", s->auth_url,
                   s->region_name, at->name);
    return NULL;
}

/* 201: something was written; 200: all of it was there already. */
err_t *sites_create(struct request *r)
{
    const json_t *in = r->in;
    AUTO(site) before = NULL;
    bool local = false, changed = false;

    if (!uuid_valid(json_str_or(in, "id", "")))
        return err(BAD_REQUEST, "'id' must be the uuid that the site made for itself");
    TRY(site_type_check(json_str(in, "site_type")));
    TRY(url_check(json_str_or(in, "auth_url", "")));
    TRY(keys_check(r, in, &local));
    TRY(service_check(in, local));
    AUTO(site) site = site_from(r, in, local);
    TRY(site_clash(r, site));
    TRY(site_find(r->db, site->id, &before));
    if (before != NULL)
        TRY(site_open_check(before));
    if (before != NULL)
        TRY(same_site(before, site));
    struct site *kept = before != NULL ? before : site;
    TRY(credentials_merge(r, in, kept, &changed));
    changed = peer_user_take(json_obj(in, "peer_user"), kept) || changed;
    kept->updated_at_ms = before == NULL || changed ? r->now_ms : before->updated_at_ms;
    if (before == NULL)
        TRY(site_insert(r->db, kept));
    else if (changed)
        TRY(site_update(r->db, kept));
    TRY(request_audit(r, "site.create", kept->id));
    reply_json(r, before == NULL || changed ? 201 : 200,
               json_pack("{s:o}", "site", view_site(kept, true)));
    return NULL;
}

/* ---- update, delete ---- */

static const struct field update_fields[] = {
    {"description", FIELD_TEXT, false, 0, 1024, NULL},
    {"auth_url", FIELD_TEXT, false, 1, 255, NULL},
    {"region_name", FIELD_TEXT, false, 1, 255, NULL},
    {"protector_url", FIELD_TEXT, false, 0, 1024, NULL},
    {"compute_url", FIELD_TEXT, false, 0, 1024, NULL},
    {"status", FIELD_TEXT, false, 1, 32, NULL},
    {"service", FIELD_OBJECT, false, 0, 0, service_fields},
    {"peer_user", FIELD_OBJECT, false, 0, 0, peer_user_fields},
    {0},
};
const struct body_spec sites_update_bodies[] = {
    {"site", update_fields, true, "{\"description\": \"the hall at the harbour\"}"},
    {0},
};

static void text_set(char **field, const json_t *in, const char *key)
{
    const char *value = json_str(in, key);

    if (value == NULL)
        return;
    g_free(*field);
    *field = g_strdup(value);
}

static err_t *status_check(const char *status)
{
    static const char *const known[] = {"active", "unreachable", "error", NULL};

    if (status == NULL || g_strv_contains(known, status))
        return NULL;
    return err(BAD_REQUEST, "'status' must be active, unreachable or error, not '%s'", status);
}

err_t *sites_update(struct request *r)
{
    const json_t *in = r->in;
    AUTO(site) site = NULL;
    bool changed = false;

    TRY(status_check(json_str(in, "status")));
    TRY(json_str(in, "auth_url") != NULL ? url_check(json_str(in, "auth_url")) : NULL);
    TRY(site_of(r, &site));
    if (json_str(in, "status") != NULL)
        TRY(site_open_check(site));
    TRY(service_check(in, site->is_local));
    TRY(credentials_merge(r, in, site, &changed));
    bool comes_as = peer_user_take(json_obj(in, "peer_user"), site);
    text_set(&site->description, in, "description");
    text_set(&site->auth_url, in, "auth_url");
    text_set(&site->region_name, in, "region_name");
    text_set(&site->protector_url, in, "protector_url");
    text_set(&site->compute_url, in, "compute_url");
    text_set(&site->status, in, "status");
    TRY(site_clash(r, site));
    site->updated_at_ms = r->now_ms;
    TRY(site_update(r->db, site));
    TRY(request_audit_with(r, "site.update", site->id,
                           comes_as ? json_pack("{s:O}", "peer_user", site->peer_user) : NULL));
    reply_json(r, 200, json_pack("{s:o}", "site", view_site(site, true)));
    return NULL;
}

err_t *sites_delete(struct request *r)
{
    AUTO(site) site = NULL;
    const char *users = NULL;

    TRY(site_of(r, &site));
    TRY(site_users(r, site, &users));
    if (users != NULL)
        return err_remedy(err(CONFLICT, "site '%s' is in use by %s", site->name, users),
                          "delete these first");
    TRY(site_delete(r->db, site->id));
    TRY(request_audit(r, "site.delete", site->id));
    reply_empty(r, 204);
    return NULL;
}

/* ---- keys that were lost or stolen ---- */

static const struct field rekey_fields[] = {
    {"sign_public", FIELD_TEXT, true, 1, 255, NULL},
    {"seal_public", FIELD_TEXT, true, 1, 255, NULL},
    {"fingerprint", FIELD_TEXT, true, 1, 64, NULL},
    {0},
};
const struct body_spec sites_rekey_bodies[] = {
    {"rekey", rekey_fields, true,
     "{\"sign_public\": \"…\", \"seal_public\": \"…\", \"fingerprint\": \"…\"}"},
    {0},
};

static err_t *rekey_check(const struct site *site, const json_t *in)
{
    TRY(fingerprint_check(in));
    if (!public_key_valid(json_str(in, "sign_public")) ||
        !public_key_valid(json_str(in, "seal_public")))
        return err(BAD_REQUEST, "'sign_public' and 'seal_public' must be 32 bytes in base64");
    if (site->is_local)
        return err_remedy(err(BAD_REQUEST, "site '%s' is this site itself: its keys are not pinned",
                              site->name),
                          "to change them: protector-manage keys rotate");
    return site_open_check(site);
}

static err_t *rekey_audit(struct request *r, const struct site *before)
{
    json_t *details = json_object();

    json_set_str(details, "before", before->fingerprint);
    json_set_str(details, "fingerprint", json_str(r->in, "fingerprint"));
    return request_audit_with(r, "site.rekey", before->id, details);
}

/* Nothing that the keys before have signed counts any more; a repetition changes nothing. */
err_t *sites_rekey(struct request *r)
{
    AUTO(site) before = NULL;
    AUTO(site) site = NULL;
    int64_t recovering = 0;

    TRY(site_of(r, &before));
    TRY(rekey_check(before, r->in));
    bool done = g_strcmp0(before->fingerprint, json_str(r->in, "fingerprint")) == 0 &&
                json_array_size(before->old_keys) == 0;
    struct restored_pin pin = {before->id, json_str(r->in, "sign_public"),
                               json_str(r->in, "seal_public")};
    if (!done) {
        TRY(rekey_audit(r, before)); /* first: nothing else tells who pinned what */
        TRY(restored_rekey(r->o->exchange, r->db, &pin));
        request_ring(r);
    }
    TRY(site_get(r->db, before->id, &site));
    TRY(group_count_recovering(r->db, &recovering));
    reply_json(r, 200,
               json_pack("{s:o, s:b, s:I}", "site", view_site(site, true), "changed", !done,
                         "recovering", (json_int_t)recovering));
    return NULL;
}

/* ---- what the engine does ---- */

static struct operation *site_operation_of(struct request *r, const struct site *site,
                                           const char *type)
{
    struct operation *op = operation_create();

    op->id = env_id(r->o->env, "op-");
    op->project_id = g_strdup(r->auth->project_id != NULL ? r->auth->project_id : "");
    op->operation_type = g_strdup(type);
    op->runbook = g_strdup(type);
    op->runbook_version = 1;
    op->hidden = true;
    op->executing_site_id = g_strdup(r->o->exchange->identity->site_id);
    op->target_site_id = g_strdup(site->id);
    op->params = json_object();
    json_set_str(op->params, "site_id", site->id);
    op->user_id = g_strdup(r->auth->user_id);
    op->request_id = g_strdup(r->request_id);
    op->created_at_ms = r->now_ms;
    return op;
}

static err_t *site_operation(struct request *r, const struct site *site, const char *type)
{
    AUTO(operation) op = site_operation_of(r, site, type);

    TRY(operation_insert(r->db, op));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}

err_t *sites_validate(struct request *r)
{
    AUTO(site) site = NULL;

    TRY(site_of(r, &site));
    return site_operation(r, site, "site_validate");
}

static const struct field failover_fields[] = {
    {"reason", FIELD_TEXT, true, 1, 1024, NULL},
    {"parallel", FIELD_INT, false, 1, FAILOVERS_MAX, NULL},
    {"stop_on_error", FIELD_BOOL, false, 0, 0, NULL},
    {"force", FIELD_BOOL, false, 0, 0, NULL},
    {"verify_data", FIELD_BOOL, false, 0, 0, NULL},
    {"client_probe", FIELD_OBJECT, false, 0, 0, NULL},
    {0},
};
const struct body_spec sites_failover_bodies[] = {
    {"failover", failover_fields, true,
     "{\"reason\": \"site-b lost its power\", \"parallel\": 10}"},
    {0},
};

static json_t *site_failover_params(const struct request *r, const struct site *site)
{
    static const char *const keys[] = {"reason", "stop_on_error", "force", "verify_data",
                                       "client_probe"};
    json_t *params = json_object();

    json_set_str(params, "site_id", site->id);
    json_set_int(params, "parallel", json_int(r->in, "parallel", FAILOVERS_AT_ONCE));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(r->in, keys[i]);
        if (value != NULL)
            json_set(params, keys[i], json_deep_copy(value));
    }
    return params;
}

/* One that runs already is followed, not begun again. */
err_t *sites_failover(struct request *r)
{
    AUTO(site) site = NULL;
    AUTO(operation) open = NULL;

    TRY(site_of(r, &site));
    if (site->is_local)
        return err_remedy(err(BAD_REQUEST, "site '%s' is this site itself", site->name),
                          "ask the site that takes its groups over");
    TRY(operation_find_open(r->db, "site_failover", site->id, &open));
    if (open != NULL)
        return reply_operation(r, open->id, NULL);
    AUTO(operation) op = site_operation_of(r, site, "site_failover");
    op->hidden = false;
    g_free(op->target_site_id);
    op->target_site_id = g_strdup(r->o->exchange->identity->site_id);
    op->source_site_id = g_strdup(site->id);
    json_decref(op->params);
    op->params = site_failover_params(r, site);
    TRY(operation_insert(r->db, op));
    TRY(request_audit(r, "site.failover", site->id));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}

err_t *sites_types_read(struct request *r)
{
    AUTO(site) site = NULL;

    TRY(site_of(r, &site));
    if (!site->is_local)
        return err_detail(err(CONFLICT, "the volume types of site '%s' are asked there",
                              site->name),
                          "see_other", site->id);
    return site_operation(r, site, "site_volume_types");
}
