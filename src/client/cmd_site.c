/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_site - sites and tenant mappings: an admin's records, written at both sites, each write
 * repeatable.  Neither is used while only one site has it.
 */
#include "client/client_internal.h"

#define SITE_COLUMNS                                                                               \
    "id name description site_type auth_url region_name status is_local fingerprint created_at"
#define SITE_LIST "id=id|name=name|site_type=type|auth_url=auth_url|status=status"

static err_t *admin_ask(struct end *end, const char *method, const char *path, const json_t *body,
                        json_t **ret)
{
    struct ask ask = {.method = method, .path = path, .admin = true, .body = body};

    return end_ask(end, &ask, ret, NULL);
}

/* A site's own word about itself: id and keys. */
static err_t *identity_of(struct end *end, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    if (end->self == NULL) {
        TRY(end_get(end, &reply, "admin/sites/self"));
        end->self = json_incref(json_obj(reply, "site"));
    }
    *ret = end->self;
    return NULL;
}

static err_t *nobody_knows(const char *name, const char *auth_url)
{
    return err_remedy(err(CLIENT_CLOUD,
                          "clouds.yaml has no entry for site '%s'%s%s: nothing was written", name,
                          auth_url != NULL ? " at " : "", auth_url != NULL ? auth_url : ""),
                      "add an entry named '%s'%s", name,
                      auth_url == NULL ? ", or give its address: --auth-url" : "");
}

/*
 * The cloud of the site to register: by name in clouds.yaml, else by address; the local one only
 * where the address is its own.  (Whoever answers there is registered, with its keys.)
 */
static err_t *site_cloud(struct call *call, struct end **ret)
{
    struct protector_client *c = call->c;
    const char *name = arg(call, "name"), *auth_url = arg(call, "auth-url");
    const char *found = NULL;
    g_autoptr(json_t) entry = NULL;
    struct end *local = NULL;

    TRY(client_local(c, &local));
    g_autoptr(err_t) no = clouds_entry(c, name, &entry);
    if (no == NULL) {
        const char *there = json_str_at(entry, "auth/auth_url");
        if (auth_url != NULL && there != NULL && !clouds_same_url(auth_url, there))
            return err_remedy(err(CLIENT_CLOUD,
                                  "the entry '%s' of clouds.yaml is of %s, not of %s: nothing was "
                                  "written",
                                  name, there, auth_url),
                              "correct the entry or --auth-url");
        return client_end(c, name, ret);
    }
    if (auth_url == NULL)
        return nobody_knows(name, auth_url);
    TRY(clouds_find(c, auth_url, arg(call, "region-name"), &found));
    if (found != NULL)
        return client_end(c, found, ret);
    if (local->auth_url == NULL || !clouds_same_url(local->auth_url, auth_url))
        return nobody_knows(name, auth_url);
    *ret = local;
    return NULL;
}

/*
 * 'key' of an endpoint in a login's catalog: of 'type' (NULL: any) and 'region' (NULL: any), of the
 * end's interface.  '*ret_several': they differ.
 */
static const char *catalog_find(const struct end *end, const char *type, const char *region,
                                const char *key, bool *ret_several)
{
    const char *found = NULL;
    size_t i, k;
    json_t *service, *e;

    *ret_several = false;
    json_array_foreach(json_arr(end->token_body, "catalog"), i, service)
    {
        if (type != NULL && g_strcmp0(json_str(service, "type"), type) != 0)
            continue;
        json_array_foreach(json_arr(service, "endpoints"), k, e)
        {
            const char *value = json_str(e, key);
            if (g_strcmp0(json_str(e, "interface"), end->interface) != 0 || value == NULL ||
                (region != NULL && g_strcmp0(json_str(e, "region_id"), region) != 0))
                continue;
            *ret_several = *ret_several || (found != NULL && !g_str_equal(found, value));
            found = value;
        }
    }
    return found;
}

/* --region-name, else the entry's, else the catalog's only one. */
static err_t *region_of(struct call *call, const struct end *end, const char **ret)
{
    bool several = false;

    *ret = arg(call, "region-name") != NULL ? arg(call, "region-name") : end->region;
    if (*ret == NULL)
        *ret = catalog_find(end, NULL, NULL, "region_id", &several);
    if (*ret != NULL && !several)
        return NULL;
    return err_remedy(err(CLIENT_USAGE, "the catalog of site '%s' names %s", arg(call, "name"),
                          several ? "several regions" : "no region"),
                      "say which one: --region-name");
}

/* The record of a site as both databases keep it.  Nova's address is for the probe of a dead site,
 * which asks it without a token. */
static err_t *record_of(struct call *call, struct end *end, const json_t *self, json_t **ret)
{
    static const char *const keys[] = {"id", "sign_public", "seal_public", "fingerprint"};
    const char *region = NULL;
    bool several = false;

    TRY(region_of(call, end, &region));
    json_t *out = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        json_set_str(out, keys[i], json_str(self, keys[i]));
    json_set_str(out, "name", arg(call, "name"));
    if (arg(call, "description") != NULL)
        json_set_str(out, "description", arg(call, "description"));
    if (arg(call, "site-type") != NULL)
        json_set_str(out, "site_type", arg(call, "site-type"));
    json_set_str(out, "auth_url",
                 arg(call, "auth-url") != NULL ? arg(call, "auth-url") : end->auth_url);
    json_set_str(out, "region_name", region);
    json_set_str(out, "protector_url", end->endpoint);
    const char *nova = catalog_find(end, "compute", region, "url", &several);
    if (nova != NULL)
        json_set_str(out, "compute_url", nova);
    *ret = out;
    return NULL;
}

static void service_add(struct call *call, json_t *record)
{
    static const char *const options[] = {"username", "password", "project-name",
                                          "user-domain-name", "project-domain-name"};
    json_t *service = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *name = g_strdup_printf("service-%s", options[i]);
        g_autofree char *key = g_strdelimit(g_strdup(options[i]), "-", '_');
        if (arg(call, name) != NULL)
            json_set_str(service, key, arg(call, name));
    }
    if (json_object_size(service) > 0)
        json_set(record, "service", service);
    else
        json_decref(service);
}

static err_t *post_site(struct end *end, json_t *record, json_t **ret)
{
    g_autoptr(json_t) body = json_pack("{s:O}", "site", record);

    return admin_ask(end, "POST", "admin/sites", body, ret);
}

/* The local site's own record, for the peer; it must exist first. */
static err_t *local_record(struct end *local, json_t **ret)
{
    static const char *const keys[] = {"id",          "name",          "description", "site_type",
                                       "auth_url",    "region_name",   "sign_public", "seal_public",
                                       "fingerprint", "protector_url", "compute_url"};
    g_autoptr(json_t) reply = NULL;
    json_t *identity = NULL;

    TRY(identity_of(local, &identity));
    err_t *e = end_get(local, &reply, "admin/sites/%s", json_str_or(identity, "id", ""));
    if (e != NULL && err_http_status(e) == 404) {
        err_free(e);
        return err_remedy(err(CONFLICT, "this site is not registered at itself yet"),
                          "register the local site first: protector site create --name NAME …");
    }
    if (e != NULL)
        return e;
    json_t *out = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *value = json_str(json_obj(reply, "site"), keys[i]);
        if (value != NULL)
            json_set_str(out, keys[i], value);
    }
    *ret = out;
    return NULL;
}

err_t *cmd_site_create(struct call *call, json_t **ret)
{
    struct end *end = NULL, *local = NULL;
    json_t *self = NULL, *own = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) ignored = NULL;

    TRY(client_local(call->c, &local));
    TRY(site_cloud(call, &end));
    TRY(end_login(end));
    TRY(identity_of(end, &self));
    TRY(identity_of(local, &own));
    const char *wanted = arg(call, "fingerprint");
    if (wanted != NULL && g_strcmp0(wanted, json_str(self, "fingerprint")) != 0)
        return err(CONFLICT,
                   "the site says its fingerprint is '%s', not '%s': nothing was registered",
                   json_str_or(self, "fingerprint", ""), wanted);
    g_autoptr(json_t) record = NULL;
    TRY(record_of(call, end, self, &record));
    bool is_local = g_strcmp0(json_str(self, "id"), json_str(own, "id")) == 0;
    if (is_local) {
        TRY(post_site(local, record, &reply));
    } else {
        g_autoptr(json_t) mine = NULL;
        g_autoptr(json_t) pinned = json_deep_copy(record);
        TRY(local_record(local, &mine));
        service_add(call, pinned);
        TRY(post_site(local, pinned, &reply));
        TRY(post_site(end, record, &ignored));
        json_decref(ignored);
        ignored = NULL;
        TRY(post_site(end, mine, &ignored));
    }
    *ret = show_record(json_obj(reply, "site"), SITE_COLUMNS);
    return NULL;
}

err_t *cmd_site_list(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) reply = NULL;

    TRY(client_local(call->c, &local));
    TRY(end_login(local));
    TRY(end_get(local, &reply, "sites"));
    *ret = show_list(json_arr(reply, "sites"), SITE_LIST);
    return NULL;
}

static err_t *site_read(struct call *call, struct end **ret_local, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autofree char *name = url_encode(arg(call, "site"));

    TRY(client_local(call->c, ret_local));
    TRY(end_login(*ret_local));
    TRY(end_get(*ret_local, &reply, "sites/%s", name));
    *ret = json_incref(json_obj(reply, "site"));
    return NULL;
}

err_t *cmd_site_show(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) site = NULL;

    TRY(site_read(call, &local, &site));
    *ret = show_record(site, SITE_COLUMNS " validated_at");
    return NULL;
}

err_t *cmd_site_update(struct call *call, json_t **ret)
{
    static const char *const options[] = {"description", "auth-url", "region-name", "compute-url"};
    struct end *local = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) reply = NULL;
    json_t *change = json_object();
    g_autoptr(json_t) body = json_pack("{s:o}", "site", change);

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *key = g_strdelimit(g_strdup(options[i]), "-", '_');
        if (arg(call, options[i]) != NULL)
            json_set_str(change, key, arg(call, options[i]));
    }
    service_add(call, change);
    TRY(site_read(call, &local, &site));
    g_autofree char *path = g_strdup_printf("admin/sites/%s", json_str_or(site, "id", ""));
    TRY(admin_ask(local, "PUT", path, body, &reply));
    *ret = show_record(json_obj(reply, "site"), SITE_COLUMNS);
    return NULL;
}

err_t *cmd_site_delete(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) site = NULL;

    TRY(site_read(call, &local, &site));
    g_autofree char *path = g_strdup_printf("admin/sites/%s", json_str_or(site, "id", ""));
    TRY(admin_ask(local, "DELETE", path, NULL, NULL));
    *ret = json_pack("{s:s}", "kind", "nothing");
    return NULL;
}

/* ---- validation ---- */

static void row_add(json_t *rows, const char *where, const char *check, const char *result,
                    const char *text, const char *remedy)
{
    json_t *row = json_object();

    json_set_str(row, "site", where);
    json_set_str(row, "check", check);
    json_set_str(row, "result", result);
    json_set_str(row, "text", text);
    json_set_str(row, "remedy", remedy);
    json_array_append_new(rows, row);
}

/* Lets the engine of 'end' check the site, and takes its rows. */
static err_t *validate_at(struct end *end, const char *site_id, json_t *rows,
                          const char **ret_status)
{
    g_autofree char *path = g_strdup_printf("admin/sites/%s/validate", site_id);
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;
    size_t i;
    json_t *check;

    TRY(admin_ask(end, "POST", path, NULL, &reply));
    TRY(follow(end, json_str_or(json_obj(reply, "operation"), "id", ""), NULL, &op));
    TRY(operation_outcome(op));
    json_array_foreach(json_arr(json_obj(op, "result"), "checks"), i, check)
        row_add(rows, end->cloud, json_str(check, "says"), json_str(check, "result"),
                json_str(check, "text"), json_str(check, "remedy"));
    const char *status = json_str_or(json_obj(op, "result"), "status", "error");
    *ret_status = g_str_equal(status, "active")        ? "active"
                  : g_str_equal(status, "unreachable") ? "unreachable"
                                                       : "error";
    return NULL;
}

/* The status is local to the database asked: written at the local and at the named site. */
static void status_write(struct end *end, const char *site_id, const char *status, json_t *rows)
{
    g_autofree char *path = g_strdup_printf("admin/sites/%s", site_id);
    g_autoptr(json_t) body = json_pack("{s:{s:s}}", "site", "status", status);
    g_autoptr(err_t) e = admin_ask(end, "PUT", path, body, NULL);

    if (e != NULL)
        row_add(rows, end->cloud, "The status is written", "warning", err_message(e),
                err_remedy_text(e));
}

err_t *cmd_site_validate(struct call *call, json_t **ret)
{
    struct end *local = NULL, *named = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) rows = json_array();
    const char *status = "active", *seen = "active";

    TRY(site_read(call, &local, &site));
    const char *id = json_str_or(site, "id", "");
    bool is_local = json_bool(site, "is_local", false);
    err_t *e = is_local ? NULL : client_site_end(call->c, site, &named);
    if (is_local)
        named = local;
    if (e == NULL)
        e = validate_at(named, id, rows, &status);
    if (e != NULL) {
        g_autofree char *why = err_text(e);
        status = end_is_unreachable(e) ? "unreachable" : "error";
        row_add(rows, json_str(site, "name"), "Its Protector and Keystone answer the client",
                "failed", why, err_remedy_text(e));
        err_free(e);
    } else {
        row_add(rows, json_str(site, "name"), "Its Protector and Keystone answer the client", "ok",
                "", "");
        status_write(named, id, status, rows);
    }
    if (!is_local) {
        TRY(validate_at(local, id, rows, &seen));
        status_write(local, id, status, rows);
    }
    json_t *out = show_list(rows, "site=Site|check=Check|result=Result|text=Detail|remedy=Remedy");
    g_autofree char *note = g_strdup_printf("status: %s", status);
    json_array_append_new(json_object_get(out, "notes"), json_string(note));
    json_set_str(out, "status", status);
    *ret = out;
    return NULL;
}

err_t *cmd_site_types(struct call *call, json_t **ret)
{
    struct end *local = NULL, *named = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;

    TRY(site_read(call, &local, &site));
    if (json_bool(site, "is_local", false))
        named = local;
    else
        TRY(client_site_end(call->c, site, &named));
    g_autofree char *path =
        g_strdup_printf("admin/sites/%s/volume-types", json_str_or(site, "id", ""));
    TRY(admin_ask(named, "POST", path, NULL, &reply));
    TRY(follow(named, json_str_or(json_obj(reply, "operation"), "id", ""), NULL, &op));
    TRY(operation_outcome(op));
    *ret = show_list(json_arr(json_obj(op, "result"), "volume_types"),
                     "id=id|name=name|replication_enabled=replication_enabled|replication_type="
                     "replication_type");
    return NULL;
}

/* ---- tenant mappings ---- */

#define MAPPING_COLUMNS                                                                            \
    "id local_tenant_id remote_site remote_site_id remote_tenant_id description created_at"

static err_t *post_mapping(struct end *end, const char *local, const char *site, const char *remote,
                           const char *description, json_t **ret)
{
    g_autoptr(json_t) body =
        json_pack("{s:{s:s, s:s, s:s, s:s?}}", "tenant_mapping", "local_tenant_id", local,
                  "remote_site_id", site, "remote_tenant_id", remote, "description", description);
    struct ask ask = {.method = "POST", .path = "tenant-mappings", .body = body};

    return end_ask(end, &ask, ret, NULL);
}

static err_t *mapping_peer(struct call *call, struct end *local, const char *site_name,
                           struct end **ret, json_t **ret_site)
{
    g_autoptr(json_t) reply = NULL;
    g_autofree char *name = url_encode(site_name);

    TRY(end_login(local));
    TRY(end_get(local, &reply, "sites/%s", name));
    *ret_site = json_incref(json_obj(reply, "site"));
    TRY(client_site_end(call->c, *ret_site, ret));
    return end_login(*ret);
}

err_t *cmd_mapping_create(struct call *call, json_t **ret)
{
    struct end *local = NULL, *peer = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) there = NULL;
    json_t *self = NULL;
    const char *mine = arg(call, "local-tenant"), *theirs = arg(call, "remote-tenant");

    TRY(client_local(call->c, &local));
    TRY(mapping_peer(call, local, arg(call, "remote-site"), &peer, &site));
    TRY(identity_of(local, &self));
    TRY(post_mapping(local, mine, json_str_or(site, "id", ""), theirs, arg(call, "description"),
                     &reply));
    TRY(post_mapping(peer, theirs, json_str_or(self, "id", ""), mine, arg(call, "description"),
                     &there));
    *ret = show_record(json_obj(reply, "tenant_mapping"), MAPPING_COLUMNS);
    return NULL;
}

err_t *cmd_mapping_list(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) reply = NULL;

    TRY(client_local(call->c, &local));
    TRY(end_login(local));
    TRY(end_get(local, &reply, "tenant-mappings"));
    *ret = show_list(json_arr(reply, "tenant_mappings"),
                     "id=ID|local_tenant_id=Local Tenant|remote_site=Remote "
                     "Site|remote_tenant_id=Remote Tenant");
    return NULL;
}

static err_t *mapping_read(struct call *call, struct end **ret_local, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(client_local(call->c, ret_local));
    TRY(end_login(*ret_local));
    g_autofree char *id = url_encode(arg(call, "mapping"));
    TRY(end_get(*ret_local, &reply, "tenant-mappings/%s", id));
    *ret = json_incref(json_obj(reply, "tenant_mapping"));
    return NULL;
}

err_t *cmd_mapping_show(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) m = NULL;

    TRY(mapping_read(call, &local, &m));
    *ret = show_record(m, MAPPING_COLUMNS);
    return NULL;
}

err_t *cmd_mapping_delete(struct call *call, json_t **ret)
{
    struct end *local = NULL, *peer = NULL;
    g_autoptr(json_t) m = NULL;
    g_autoptr(json_t) site = NULL;

    TRY(mapping_read(call, &local, &m));
    TRY(mapping_peer(call, local, json_str_or(m, "remote_site_id", ""), &peer, &site));
    g_autofree char *path = g_strdup_printf("tenant-mappings/%s", json_str_or(m, "id", ""));
    struct ask ask = {.method = "DELETE", .path = path};
    err_t *e = end_ask(peer, &ask, NULL, NULL);
    if (e != NULL && err_http_status(e) != 404)
        return e;
    err_free(e);
    TRY(end_ask(local, &ask, NULL, NULL));
    *ret = json_pack("{s:s}", "kind", "nothing");
    return NULL;
}
