/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_tenant - tenant mappings: an admin's records, written at both sites (inverted at the other),
 * each write repeatable.  None is used while only one site has it.
 *
 * Neighbours: cmd_site.c (the sites themselves).
 */
#include "client/client_internal.h"

#define MAPPING_COLUMNS                                                                            \
    "id local_tenant_id remote_site remote_site_id remote_tenant_id description created_at"

static err_t *post_mapping(struct end *end, const char *local, const char *site, const char *remote,
                           const char *description, json_t **ret, int *ret_status)
{
    g_autoptr(json_t) body =
        json_pack("{s:{s:s, s:s, s:s, s:s?}}", "tenant_mapping", "local_tenant_id", local,
                  "remote_site_id", site, "remote_tenant_id", remote, "description", description);
    struct ask ask = {.method = "POST", .path = "tenant-mappings", .body = body};

    return end_ask(end, &ask, ret, ret_status);
}

static err_t *mapping_peer(struct call *call, struct end *local, const char *site_name,
                           struct end **ret, json_t **ret_site)
{
    g_autoptr(json_t) reply = NULL;
    g_autofree char *name = url_encode(site_name);

    TRY(end_login(local));
    TRY(end_get(local, &reply, "sites/%s", name));
    *ret_site = json_incref(json_obj(reply, "site"));
    if (json_bool(*ret_site, "is_local", false))
        return err(CLIENT_USAGE, "'%s' is the local site itself", site_name);
    err_t *e = client_site_end(call->c, *ret_site, ret);
    if (e == NULL)
        e = end_is_site(*ret, *ret_site);
    return e != NULL ? err_wrap(e,
                                "nothing was changed: a mapping stands at both sites, and site "
                                "'%s' was not reached",
                                json_str_or(*ret_site, "name", ""))
                     : NULL;
}

static err_t *mapping_drop(struct end *end, const char *id)
{
    g_autofree char *path = g_strdup_printf("tenant-mappings/%s", id);
    struct ask ask = {.method = "DELETE", .path = path};

    return end_ask(end, &ask, NULL, NULL);
}

/*
 * The peer did not write its side.  If it refused, what this command wrote here is taken back; if
 * it is not known what it did, a repetition completes it.
 */
static err_t *mapping_alone(struct end *local, const json_t *reply, bool was_new, err_t *e)
{
    const char *id = json_str_or(json_obj(reply, "tenant_mapping"), "id", "");
    int status = err_http_status(e);
    bool refused = status >= 400 && status < 500;
    g_autoptr(err_t) left = refused && was_new ? mapping_drop(local, id) : NULL;

    if (refused && left == NULL)
        return err_wrap(e, "the other site refuses: nothing was changed");
    return err_remedy(err_wrap(e, "the mapping is written here, and perhaps not at the other site"),
                      "repeat the command: it completes what is missing");
}

err_t *cmd_mapping_create(struct call *call, json_t **ret)
{
    struct end *local = NULL, *peer = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) there = NULL;
    json_t *self = NULL;
    int status = 0;
    const char *mine = arg(call, "local-tenant"), *theirs = arg(call, "remote-tenant");

    TRY(client_local(call->c, &local));
    TRY(mapping_peer(call, local, arg(call, "remote-site"), &peer, &site));
    TRY(end_identity(local, &self));
    TRY(end_project_check(local, mine));
    TRY(end_project_check(peer, theirs));
    TRY(post_mapping(local, mine, json_str_or(site, "id", ""), theirs, arg(call, "description"),
                     &reply, &status));
    err_t *e = post_mapping(peer, theirs, json_str_or(self, "id", ""), mine,
                            arg(call, "description"), &there, NULL);
    if (e != NULL)
        return mapping_alone(local, reply, status == 201, e);
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

/* The local site refuses after the peer has deleted its side: that is written again. */
static err_t *mapping_back(struct end *local, struct end *peer, const json_t *m, err_t *e)
{
    json_t *self = NULL;
    err_t *left = end_identity(local, &self);

    if (left == NULL)
        left = post_mapping(peer, json_str_or(m, "remote_tenant_id", ""),
                            json_str_or(self, "id", ""), json_str_or(m, "local_tenant_id", ""),
                            json_str(m, "description"), NULL, NULL);
    if (left == NULL)
        return e;
    err_free(left);
    return err_remedy(err_wrap(e, "the mapping is deleted at the other site, not here"),
                      "repeat the command, or restore it with: protector tenant mapping create");
}

/* A mapping to a site that was given up for ever stands at this site alone. */
static err_t *mapping_is_alone(struct end *local, const json_t *m, bool *ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(end_get(local, &reply, "sites/%s", json_str_or(m, "remote_site_id", "")));
    *ret = site_given_up(json_obj(reply, "site"));
    return NULL;
}

err_t *cmd_mapping_delete(struct call *call, json_t **ret)
{
    struct end *local = NULL, *peer = NULL;
    g_autoptr(json_t) m = NULL;
    g_autoptr(json_t) site = NULL;
    bool alone = false;

    TRY(mapping_read(call, &local, &m));
    const char *id = json_str_or(m, "id", "");
    TRY(mapping_is_alone(local, m, &alone));
    if (alone) {
        *ret = json_pack("{s:s}", "kind", "nothing");
        return mapping_drop(local, id);
    }
    TRY(mapping_peer(call, local, json_str_or(m, "remote_site_id", ""), &peer, &site));
    err_t *e = mapping_drop(peer, id);
    bool absent = e != NULL && err_http_status(e) == 404;
    if (e != NULL && !absent)
        return e;
    err_free(e);
    e = mapping_drop(local, id);
    if (e != NULL)
        return absent ? e : mapping_back(local, peer, m, e);
    *ret = json_pack("{s:s}", "kind", "nothing");
    return NULL;
}
