/* SPDX-License-Identifier: Apache-2.0 */
/* pair - a group with both its ends: who is active, what the peer is called, whether it is reached.
 */
#include "client/client_internal.h"

err_t *client_site_end(struct protector_client *c, const json_t *site, struct end **ret)
{
    const char *secondary = c->o.secondary_cloud != NULL
                                ? c->o.secondary_cloud
                                : c->o.getenv(c->o.data, "OS_SECONDARY_CLOUD");
    const char *name = json_str_or(site, "name", "");
    const char *found = NULL;
    g_autoptr(json_t) entry = NULL;

    if (secondary != NULL && *secondary != '\0') {
        TRY(client_end(c, secondary, ret));
    } else {
        TRY(clouds_find(c, json_str_or(site, "auth_url", ""), json_str(site, "region_name"),
                        &found));
        g_autoptr(err_t) no = clouds_entry(c, name, &entry);
        if (no == NULL && json_str_at(entry, "auth/auth_url") != NULL)
            found = name;
        if (found == NULL)
            return err_remedy(err(CLIENT_CLOUD, "clouds.yaml has no entry for site '%s' (%s)", name,
                                  json_str_or(site, "auth_url", "")),
                              "add an entry named '%s', or name one: --secondary-cloud", name);
        TRY(client_end(c, found, ret));
    }
    if ((*ret)->site == NULL)
        (*ret)->site = json_incref((json_t *)site);
    return NULL;
}

err_t *peer_project_check(struct end *local, const char *project_id, struct end *peer,
                          const char *peer_site_id)
{
    g_autoptr(json_t) reply = NULL;
    size_t i;
    json_t *m;

    TRY(end_login(peer));
    TRY(end_get(local, &reply, "tenant-mappings"));
    json_array_foreach(json_arr(reply, "tenant_mappings"), i, m)
    {
        if (g_strcmp0(json_str(m, "remote_site_id"), peer_site_id) != 0 ||
            g_strcmp0(json_str(m, "local_tenant_id"), project_id) != 0)
            continue;
        if (g_strcmp0(json_str(m, "remote_tenant_id"), peer->project_id) == 0)
            return NULL;
        return err_remedy(
            err(CLIENT_CLOUD,
                "the entry '%s' is of project '%s', the one that is mapped at that site is '%s'",
                peer->cloud, peer->project_id, json_str_or(m, "remote_tenant_id", "")),
            "name an entry of the mapped project: --secondary-cloud");
    }
    return NULL;
}

static err_t *peer_open(struct pair *pair)
{
    g_autoptr(json_t) site = NULL;
    const char *id = json_str_or(pair->group, "peer_site_id", "");

    TRY(end_get_object(pair->local, "site", &site, "sites/%s", id));
    g_free(pair->peer_name);
    pair->peer_name = g_strdup(json_str_or(site, "name", "the other site"));
    TRY(client_site_end(pair->client, site, &pair->peer));
    return peer_project_check(pair->local, json_str(pair->group, "project_id"), pair->peer, id);
}

/* Who is active, and what the local site is called: of the two it is not the peer. */
static void names_read(struct pair *pair)
{
    const char *role = json_str_or(pair->group, "role", "");
    bool second = g_strcmp0(json_str(pair->group, "primary_site_id"),
                            json_str(pair->group, "peer_site_id")) == 0;
    const char *name = json_str(pair->group, second ? "secondary_site" : "primary_site");

    pair->local_is_active = g_str_equal(role, "ACTIVE") || g_str_equal(role, "FROZEN");
    g_free(pair->local_name);
    pair->local_name = g_strdup(name != NULL ? name : "this site");
}

err_t *pair_open(struct protector_client *c, const char *group, struct pair *ret)
{
    *ret = (struct pair){.client = c};
    TRY(client_local(c, &ret->local));
    g_autofree char *name = url_encode(group);
    TRY(end_get_object(ret->local, "protection_group", &ret->group, "protection-groups/%s", name));
    ret->peer_name = g_strdup("the other site");
    names_read(ret);
    ret->peer_error = peer_open(ret);
    if (ret->peer_error != NULL)
        ret->peer = NULL;
    return NULL;
}

void pair_close(struct pair *pair)
{
    json_decref(pair->group);
    g_free(pair->peer_name);
    g_free(pair->local_name);
    err_free(pair->peer_error);
}

err_t *pair_refresh(struct pair *pair)
{
    json_t *group = NULL;

    TRY(end_get_object(pair->local, "protection_group", &group, "protection-groups/%s",
                       pair_id(pair)));
    json_decref(pair->group);
    pair->group = group;
    names_read(pair);
    return NULL;
}

const char *pair_end_name(const struct pair *pair, const struct end *end)
{
    return end == pair->peer ? pair->peer_name : pair->local_name;
}

struct end *pair_active(struct pair *pair)
{
    return pair->local_is_active ? pair->local : pair->peer;
}

struct end *pair_standby(struct pair *pair)
{
    return pair->local_is_active ? pair->peer : pair->local;
}

const char *pair_id(const struct pair *pair)
{
    return json_str_or(pair->group, "id", "");
}

const char *pair_name(const struct pair *pair)
{
    return json_str_or(pair->group, "name", "");
}

err_t *peer_unreachable(const char *group, err_t *cause)
{
    g_autofree char *why = err_text(cause);

    err_free(cause);
    return err_detail(err(PEER_UNREACHABLE,
                          "Cannot modify protection group - remote site unreachable.\n"
                          "Reason: Modification requires both sites to be reachable to prevent "
                          "metadata divergence.\n"
                          "Action: Wait for the remote site to recover, then run:\n"
                          "openstack protector protection-group sync-force %s",
                          group),
                      "seen", why);
}

err_t *pair_unreached(const struct pair *pair)
{
    return err_remedy(err(PEER_UNREACHABLE,
                          "it runs at the other site, %s, which does not answer: %s",
                          pair->peer_name != NULL ? pair->peer_name : "the other one",
                          pair->peer_error != NULL ? err_message(pair->peer_error) : "no reason"),
                      "repeat it when that site answers");
}

/* ---- what is carried before a command ---- */

void carry_first(struct call *call, struct pair *pair)
{
    struct carrying how = {0};

    if (arg_flag(call, "no-carry") || pair->peer == NULL)
        return;
    client_deadline(call->c, CARRY_FIRST_MS);
    g_autoptr(err_t) e = carry_group(pair->local, pair->peer, pair_id(pair), &how);
    client_deadline(call->c, 0);
    carrying_fini(&how);
    if (e != NULL && !end_is_unreachable(e))
        note_event(call->c, "warning", "not everything was carried: %s", err_message(e));
}

/* One other site of the local one: the outboxes of both projects, deleted groups' too. */
static err_t *project_carry(struct call *call, struct end *local, const json_t *site)
{
    struct carrying how = {0};
    struct end *peer = NULL;

    TRY(client_site_end(call->c, site, &peer));
    TRY(peer_project_check(local, local->project_id, peer, json_str_or(site, "id", "")));
    err_t *e = carry_projects(local, peer, &how);
    carrying_fini(&how);
    return e;
}

void carry_project_first(struct call *call, struct end *local)
{
    g_autoptr(json_t) outbox = NULL;
    g_autoptr(json_t) sites = NULL;
    size_t i;
    json_t *site;

    if (arg_flag(call, "no-carry"))
        return;
    g_autoptr(err_t) e = end_get(local, &outbox, "sync/outbox");
    bool quiet = json_array_size(json_arr(outbox, "messages")) == 0 &&
                 json_array_size(json_arr(outbox, "recovering")) == 0;
    if (e != NULL || quiet)
        return;
    e = end_get(local, &sites, "sites");
    client_deadline(call->c, CARRY_FIRST_MS);
    json_array_foreach(json_arr(sites, "sites"), i, site)
    {
        if (e == NULL && !json_bool(site, "is_local", false))
            e = project_carry(call, local, site);
    }
    client_deadline(call->c, 0);
    if (e != NULL && !end_is_unreachable(e) && !err_is(e, ERR_CLIENT_CLOUD))
        note_event(call->c, "warning", "not everything was carried: %s", err_message(e));
}
