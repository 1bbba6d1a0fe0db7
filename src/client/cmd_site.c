/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_site - the records of sites: an admin's, written at both sites, each write repeatable.  None
 * is used while only one site has it.
 *
 * Neighbours: cmd_site_look.c (what is seen of a site), cmd_tenant.c (the other records of an
 * admin).
 */
#include "client/client_internal.h"

#define SITES_MAX 1000 /* the longest page of a list */
#define SITE_LIST "id=id|name=name|site_type=type|auth_url=auth_url|status=status"

err_t *admin_ask(struct end *end, const char *method, const char *path, const json_t *body,
                 json_t **ret)
{
    struct ask ask = {.method = method, .path = path, .admin = true, .body = body};

    return end_ask(end, &ask, ret, NULL);
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

const char *catalog_find(const struct end *end, const char *type, const char *region,
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

/* --service-*, as the API takes it; NULL if none is given. */
static json_t *service_of(struct call *call)
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
        return service;
    json_decref(service);
    return NULL;
}

/* The user of 'service', for the record of the site that will log in as him: {"peer_user": …}. */
static void peer_user_add(const json_t *service, json_t *record)
{
    static const char *const keys[] = {"username", "user_domain_name"};
    g_autoptr(json_t) user = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (json_str(service, keys[i]) != NULL)
            json_set_str(user, keys[i], json_str(service, keys[i]));
    }
    if (json_object_size(user) > 0)
        json_set(record, "peer_user", json_incref(user));
}

/* 'service' (may be NULL) with what 'record' tells to be kept has a user and a password. */
static bool service_whole(const json_t *service, const json_t *record)
{
    return service == NULL || json_bool(record, "has_credentials", false) ||
           (json_str(service, "username") != NULL && json_str(service, "password") != NULL);
}

static err_t *service_lacks(const char *name)
{
    return err(CLIENT_USAGE,
               "no credentials for the cloud of '%s' are kept yet: give --service-username and "
               "--service-password",
               name);
}

/* '*written' becomes true if the site had not all of it yet. */
static err_t *post_site(struct end *end, const json_t *record, bool *written, json_t **ret)
{
    g_autoptr(json_t) body = json_pack("{s:O}", "site", record);
    struct ask ask = {.method = "POST", .path = "admin/sites", .admin = true, .body = body};
    int status = 0;

    TRY(end_ask(end, &ask, ret, &status));
    *written = *written || status == 201;
    return NULL;
}

/* A record at the site that is found by 'key'; NULL in '*ret' if there is none. */
static err_t *record_find(struct end *end, const char *key, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;
    g_autofree char *encoded = url_encode(key);
    err_t *e = end_get(end, &reply, "admin/sites/%s", encoded);

    *ret = NULL;
    if (e != NULL && err_http_status(e) == 404) {
        err_free(e);
        return NULL;
    }
    if (e == NULL)
        *ret = json_incref(json_obj(reply, "site"));
    return e;
}

static err_t *keys_remedy(err_t *takes, const json_t *site)
{
    return err_remedy(takes,
                      "if that site's keys were changed: carry a group (protection-group "
                      "sync-force); if they were lost or stolen: protector site rekey %s",
                      json_str_or(site, "name", ""));
}

/* The site has this record, or none of the name: what would be refused at one site is written at
 * neither. */
static err_t *record_fits(struct end *end, const json_t *record)
{
    static const char *const keys[] = {"name", "auth_url", "region_name", "fingerprint"};
    const char *name = json_str_or(record, "name", "");
    g_autoptr(json_t) same = NULL;
    g_autoptr(json_t) named = NULL;

    TRY(record_find(end, json_str_or(record, "id", ""), &same));
    for (size_t i = 0; same != NULL && i < G_N_ELEMENTS(keys); i++) {
        if (g_strcmp0(json_str(same, keys[i]), json_str(record, keys[i])) == 0)
            continue;
        err_t *e = err(CONFLICT,
                       "site '%s' is registered already at cloud '%s', with other values: its %s "
                       "is '%s', not '%s'; nothing was written",
                       json_str_or(same, "name", ""), end->cloud, keys[i],
                       json_str_or(same, keys[i], ""), json_str_or(record, keys[i], ""));
        return g_str_equal(keys[i], "fingerprint") ? keys_remedy(e, same) : e;
    }
    TRY(record_find(end, name, &named));
    if (named == NULL || g_strcmp0(json_str(named, "id"), json_str(record, "id")) == 0)
        return NULL;
    return err(
        CONFLICT,
        "a site named '%s' is registered at cloud '%s' with another key; nothing was written", name,
        end->cloud);
}

/* The local site's own record, for the peer; it must exist first. */
static err_t *local_record(struct end *local, json_t **ret)
{
    static const char *const keys[] = {"id",          "name",          "description", "site_type",
                                       "auth_url",    "region_name",   "sign_public", "seal_public",
                                       "fingerprint", "protector_url", "compute_url"};
    g_autoptr(json_t) reply = NULL;
    json_t *identity = NULL;

    TRY(end_identity(local, &identity));
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

static err_t *there_already(struct call *call, const char *where)
{
    return err_remedy(err(CONFLICT, "site '%s' is registered already at %s", arg(call, "name"),
                          where),
                      "nothing is left to do: protector site show %s", arg(call, "name"));
}

/* This site's own record.  Nobody needs credentials for his own cloud. */
static err_t *create_own(struct call *call, struct end *local, const json_t *record, json_t **ret)
{
    g_autoptr(json_t) service = service_of(call);
    bool written = false;

    if (service != NULL)
        return err_remedy(
            err(CLIENT_USAGE,
                "'%s' is the local site: --service-* are for the cloud of another "
                "site, and kept at the site that uses them",
                arg(call, "name")),
            "leave them out; when the other site is registered: protector site update "
            "%s --service-username …",
            arg(call, "name"));
    TRY(post_site(local, record, &written, ret));
    return written ? NULL : there_already(call, "itself");
}

/*
 * There its own record and ours, here the pin: each is repeatable, so that a repetition completes
 * what was left half done.
 */
static err_t *create_peer(struct call *call, struct end *local, struct end *end,
                          const json_t *record, json_t **ret)
{
    g_autoptr(json_t) mine = NULL;
    g_autoptr(json_t) own = NULL;
    g_autoptr(json_t) ours = NULL;
    g_autoptr(json_t) there = NULL;
    g_autoptr(json_t) pinned = json_deep_copy(record);
    g_autoptr(json_t) service = service_of(call);
    bool written = false;

    TRY(local_record(local, &mine));
    TRY(record_find(local, json_str_or(record, "id", ""), &there));
    if (!service_whole(service, there))
        return service_lacks(arg(call, "name"));
    if (service != NULL)
        json_set(pinned, "service", json_incref(service));
    peer_user_add(service, mine);
    TRY(record_fits(local, record));
    TRY(record_fits(end, record));
    TRY(record_fits(end, mine));
    TRY(post_site(end, record, &written, &own));
    err_t *e = post_site(end, mine, &written, &ours);
    if (e == NULL)
        e = post_site(local, pinned, &written, ret);
    if (e != NULL)
        return err_remedy(err_wrap(e, "site '%s' is not registered at both sites yet",
                                   arg(call, "name")),
                          "repeat the command: it completes what is missing");
    return written ? NULL : there_already(call, "both sites");
}

err_t *cmd_site_create(struct call *call, json_t **ret)
{
    struct end *end = NULL, *local = NULL;
    json_t *self = NULL, *own = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) record = NULL;

    TRY(client_local(call->c, &local));
    TRY(site_cloud(call, &end));
    TRY(end_catalog(end));
    TRY(end_identity(end, &self));
    TRY(end_identity(local, &own));
    const char *wanted = arg(call, "fingerprint");
    if (wanted != NULL && g_strcmp0(wanted, json_str(self, "fingerprint")) != 0)
        return err(CONFLICT,
                   "the site says its fingerprint is '%s', not '%s': nothing was registered",
                   json_str_or(self, "fingerprint", ""), wanted);
    TRY(record_of(call, end, self, &record));
    if (g_strcmp0(json_str(self, "id"), json_str(own, "id")) == 0)
        TRY(create_own(call, local, record, &reply));
    else
        TRY(create_peer(call, local, end, record, &reply));
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
    *ret = show_list(json_arr(reply, "sites"),
                     arg_flag(call, "long") ? SITE_LIST "|fingerprint=fingerprint" : SITE_LIST);
    return NULL;
}

err_t *site_read(struct call *call, struct end **ret_local, json_t **ret)
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
    GString *columns = g_string_new(SITE_COLUMNS " validated_at");
    if (json_array_size(json_arr(site, "former_fingerprints")) > 0)
        g_string_append(columns, " former_fingerprints");
    if (json_str(site, "status_reason") != NULL)
        g_string_append(columns, " status_reason");
    if (json_bool(site, "peer_fenced", false))
        g_string_append(columns, " peer_user peer_fenced");
    *ret = show_record(site, columns->str);
    g_string_free(columns, TRUE);
    return NULL;
}

/* ---- update, delete: at all sites that have the record ---- */

/* A site that has the record. */
struct place {
    struct end *end;
    char *id;       /* of the site */
    char *name;     /* likewise */
    bool is_own;    /* the record is its own */
    json_t *record; /* as it stands there; NULL: it does not */
};

static void place_destroy(struct place *place)
{
    g_free(place->id);
    g_free(place->name);
    json_decref(place->record);
    g_free(place);
}

/* The named site, if it has moved, is found at its new address too. */
static err_t *moved_end(struct call *call, const json_t *site, bool is_named, struct end **ret)
{
    g_autoptr(json_t) moved = json_deep_copy(site);
    err_t *e = client_site_end(call->c, site, ret);

    if (e == NULL || !is_named || !err_is(e, ERR_CLIENT_CLOUD) || arg(call, "auth-url") == NULL)
        return e;
    json_set_str(moved, "auth_url", arg(call, "auth-url"));
    if (arg(call, "region-name") != NULL)
        json_set_str(moved, "region_name", arg(call, "region-name"));
    err_free(e);
    return client_site_end(call->c, moved, ret);
}

/* Adds the site 'at', which must answer. */
static err_t *place_add(struct call *call, const json_t *at, const json_t *site, GPtrArray *places)
{
    struct end *end = NULL;
    g_autoptr(json_t) record = NULL;
    const char *name = json_str_or(at, "name", "");
    bool is_own = g_strcmp0(json_str(at, "id"), json_str(site, "id")) == 0;

    err_t *e = moved_end(call, at, is_own, &end);
    if (e == NULL)
        e = end_is_site(end, at);
    if (e == NULL)
        e = record_find(end, json_str_or(site, "id", ""), &record);
    if (e != NULL)
        return err_wrap(e,
                        "nothing was changed: the record of a site is changed at both sites, and "
                        "site '%s' was not reached",
                        name);
    struct place *place = g_new0(struct place, 1);
    place->end = end;
    place->id = g_strdup(json_str(at, "id"));
    place->name = g_strdup(name);
    place->is_own = is_own;
    place->record = g_steal_pointer(&record);
    g_ptr_array_add(places, place);
    return NULL;
}

static struct place *place_local(struct end *local, const json_t *self, const json_t *site)
{
    struct place *place = g_new0(struct place, 1);

    place->end = local;
    place->id = g_strdup(json_str(self, "id"));
    place->name = g_strdup(end_site_name(local));
    place->is_own = json_bool(site, "is_local", false);
    place->record = json_incref((json_t *)site);
    return place;
}

/*
 * Where the record of 'site' stands, all of them reached, the local site last: the site itself, or
 * every other one for the local site's own.  One that was given up for ever is waited for by
 * nobody.
 */
static err_t *places_of(struct call *call, struct end *local, const json_t *site, GPtrArray *places)
{
    g_autoptr(json_t) reply = NULL;
    json_t *self = NULL, *at;
    size_t i;

    TRY(end_identity(local, &self));
    TRY(end_get(local, &reply, "admin/sites?limit=%d", SITES_MAX));
    json_array_foreach(json_arr(reply, "sites"), i, at)
    {
        bool other = !json_bool(at, "is_local", false);
        bool named = g_strcmp0(json_str(at, "id"), json_str(site, "id")) == 0;
        if (other && !site_given_up(at) && (named || json_bool(site, "is_local", false)))
            TRY(place_add(call, at, site, places));
    }
    g_ptr_array_add(places, place_local(local, self, site));
    return NULL;
}

/* After the first write the sites differ until the command is repeated. */
static err_t *left_half(err_t *e, const GPtrArray *places, guint at, const char *done)
{
    const struct place *failed = g_ptr_array_index(places, at);

    if (at == 0)
        return err_wrap(e, "nothing was %s: site '%s' refuses or was not reached", done,
                        failed->name);
    return err_remedy(err_wrap(e, "it was %s at site '%s', not at site '%s'", done,
                               ((struct place *)g_ptr_array_index(places, 0))->name, failed->name),
                      "repeat the command: it does what is missing");
}

static err_t *update_check(struct call *call, const json_t *change, const json_t *service,
                           const GPtrArray *places)
{
    bool kept = false;

    if (json_object_size(change) == 0 && service == NULL)
        return err(CLIENT_USAGE, "nothing is to be changed: give --description, --auth-url, "
                                 "--region-name, --compute-url or --service-*");
    for (guint i = 0; i < places->len; i++) {
        const struct place *p = g_ptr_array_index(places, i);
        if (p->record == NULL)
            return err_remedy(err(CONFLICT, "nothing was changed: site '%s' has no record of '%s'",
                                  p->name, arg(call, "site")),
                              "complete the registration: protector site create");
        kept = kept || !p->is_own;
        if (!p->is_own && !service_whole(service, p->record))
            return service_lacks(arg(call, "site"));
    }
    return service == NULL || kept
               ? NULL
               : err(CLIENT_USAGE,
                     "--service-* are kept at the other site, and none is registered");
}

/* --service-* go to the sites that are not the named one. */
static err_t *place_update(const struct place *place, const char *id, const json_t *change,
                           const json_t *service, json_t **ret)
{
    g_autofree char *path = g_strdup_printf("admin/sites/%s", id);
    g_autoptr(json_t) mine = json_deep_copy(change);

    if (service != NULL && !place->is_own)
        json_set(mine, "service", json_deep_copy(service));
    if (json_object_size(mine) == 0) {
        *ret = json_pack("{s:O}", "site", place->record);
        return NULL;
    }
    g_autoptr(json_t) body = json_pack("{s:O}", "site", mine);
    return admin_ask(place->end, "PUT", path, body, ret);
}

/* Who was given credentials for the named site's cloud: there it is written down as whom he comes.
 */
static err_t *peer_users_write(const GPtrArray *places, const struct place *own,
                               const json_t *service)
{
    g_autoptr(json_t) change = json_object();

    peer_user_add(service, change);
    for (guint i = 0; i < places->len && json_object_size(change) > 0; i++) {
        const struct place *p = g_ptr_array_index(places, i);
        g_autofree char *path = g_strdup_printf("admin/sites/%s", p->id);
        g_autoptr(json_t) body = json_pack("{s:O}", "site", change);
        err_t *e = p != own ? admin_ask(own->end, "PUT", path, body, NULL) : NULL;
        if (e != NULL)
            return err_remedy(err_wrap(e, "site '%s' was not told as whom site '%s' comes",
                                       own->name, p->name),
                              "repeat the command: it does what is missing");
    }
    return NULL;
}

err_t *cmd_site_update(struct call *call, json_t **ret)
{
    static const char *const options[] = {"description", "auth-url", "region-name", "compute-url"};
    struct end *local = NULL;
    g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func((GDestroyNotify)place_destroy);
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) change = json_object();
    g_autoptr(json_t) service = service_of(call);
    g_autoptr(json_t) reply = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *key = g_strdelimit(g_strdup(options[i]), "-", '_');
        if (arg(call, options[i]) != NULL)
            json_set_str(change, key, arg(call, options[i]));
    }
    TRY(site_read(call, &local, &site));
    TRY(places_of(call, local, site, places));
    TRY(update_check(call, change, service, places));
    for (guint i = 0; i < places->len; i++) {
        json_decref(reply);
        reply = NULL;
        const struct place *place = g_ptr_array_index(places, i);
        err_t *e = place_update(place, json_str_or(site, "id", ""), change, service, &reply);
        if (e != NULL)
            return left_half(e, places, i, "changed");
        if (place->is_own)
            TRY(peer_users_write(places, place, service));
    }
    *ret = show_record(json_obj(reply, "site"), SITE_COLUMNS);
    return NULL;
}

/* What the API would refuse here, before the other site has deleted it. */
static err_t *in_use(const json_t *site)
{
    const char *users = json_str(site, "in_use_by");

    if (users == NULL)
        return NULL;
    return err_remedy(err(CONFLICT, "site '%s' is in use by %s", json_str_or(site, "name", ""),
                          users),
                      "delete these first");
}

err_t *cmd_site_delete(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func((GDestroyNotify)place_destroy);
    g_autoptr(json_t) site = NULL;

    TRY(site_read(call, &local, &site));
    TRY(in_use(site));
    TRY(places_of(call, local, site, places));
    g_autofree char *path = g_strdup_printf("admin/sites/%s", json_str_or(site, "id", ""));
    for (guint i = 0; i < places->len; i++) {
        const struct place *place = g_ptr_array_index(places, i);
        err_t *e = admin_ask(place->end, "DELETE", path, NULL, NULL);
        bool gone = e != NULL && err_http_status(e) == 404 && place->end != local;
        if (e != NULL && !gone)
            return left_half(e, places, i, "deleted");
        err_free(e);
    }
    *ret = json_pack("{s:s}", "kind", "nothing");
    return NULL;
}
