/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fence - the door through which another site's engine comes: the user of this cloud that it logs
 * in as.  Closing it is for the day on which that engine cannot be told to stop (story B6).
 *
 * Keystone decides, in the name of the caller: the service account need not be able to change
 * users.  Which user it is was written here when he was given to the other site; on the day it is
 * needed, that site need not answer.
 */
#include "api/own_cloud.h"
#include "api/resources.h"
#include "api/view.h"

static const struct field fence_fields[] = {
    {"reason", FIELD_TEXT, true, 1, 1024, NULL},
    {"lift", FIELD_BOOL, false, 0, 0, NULL},
    {"username", FIELD_TEXT, false, 1, 255, NULL},
    {"user_domain_name", FIELD_TEXT, false, 1, 255, NULL},
    {0},
};
const struct body_spec sites_fence_bodies[] = {
    {"fence_peer", fence_fields, true, "{\"reason\": \"its engine cannot be stopped\"}"},
    {0},
};

const struct field peer_user_fields[] = {
    {"username", FIELD_TEXT, true, 1, 255, NULL},
    {"user_domain_name", FIELD_TEXT, false, 1, 255, NULL},
    {0},
};

bool peer_user_take(const json_t *in, struct site *site)
{
    const json_t *given = json_obj(in, "peer_user");
    const char *user = json_str(given, "username"), *domain = json_str(given, "user_domain_name");

    if (given == NULL || (g_strcmp0(json_str(site->peer_user, "username"), user) == 0 &&
                          g_strcmp0(json_str(site->peer_user, "user_domain_name"), domain) == 0))
        return false;
    json_decref(site->peer_user);
    site->peer_user = json_object(); /* another one is not fenced */
    json_set_str(site->peer_user, "username", user);
    if (domain != NULL)
        json_set_str(site->peer_user, "user_domain_name", domain);
    return true;
}

/* The user of the record, or the one that is named now. */
static err_t *user_named(struct request *r, struct site *site)
{
    if (site->is_local)
        return err(BAD_REQUEST, "site '%s' is this site itself", site->name);
    if (json_str(r->in, "username") != NULL) {
        g_autoptr(json_t) named = json_pack("{s:O}", "peer_user", r->in);
        (void)peer_user_take(named, site);
    }
    if (json_str(site->peer_user, "username") != NULL)
        return NULL;
    return err_remedy(err(CONFLICT,
                          "nobody has written down which user of this cloud site '%s' logs in as",
                          site->name),
                      "name him: protector site fence-peer %s --user NAME", site->name);
}

/* Our own service account would be locked out with it. */
static err_t *not_our_own(struct request *r, const struct site *site, const char *user_id)
{
    g_autofree char *own = NULL;

    TRY(own_service_user(r, &own));
    if (g_strcmp0(own, user_id) != 0)
        return NULL;
    return err_remedy(err(CONFLICT,
                          "site '%s' logs in as user '%s', which is this site's own service "
                          "account: nothing was changed",
                          site->name, json_str_or(site->peer_user, "username", "")),
                      "give it a user of its own (openstack user create, openstack role add), "
                      "tell it: protector site update THIS-SITE --service-username …, and give "
                      "this site's own account another password");
}

static err_t *enable(struct request *r, const struct site *site, bool enabled)
{
    AUTO(cloud_session) session = own_caller_session(r);
    struct cloud cloud = cloud_view(session, r->request_id, CLOUD_NO_DEADLINE);
    g_autofree char *id = NULL;

    TRY(keystone_user_find(&cloud, json_str_or(site->peer_user, "username", ""),
                           json_str(site->peer_user, "user_domain_name"), &id));
    if (!enabled)
        TRY(not_our_own(r, site, id));
    return keystone_user_enable(&cloud, id, enabled);
}

/* Repeatable.  Audited before: what may have happened is written down. */
err_t *sites_fence_peer(struct request *r)
{
    AUTO(site) site = NULL;
    bool lift = json_bool(r->in, "lift", false);

    TRY(site_resolve(r->db, r->params[0], &site));
    TRY(user_named(r, site));
    const char *user = json_str_or(site->peer_user, "username", "");
    TRY(request_audit_with(r, lift ? "site.fence_lift" : "site.fence_peer", site->id,
                           json_pack("{s:s, s:s}", "user", user, "reason",
                                     json_str_or(r->in, "reason", ""))));
    err_t *e = enable(r, site, lift);
    if (e != NULL)
        return err_wrap(e, "%s user '%s' of site '%s'", lift ? "letting in" : "shutting out", user,
                        site->name);
    json_set_bool(site->peer_user, "fenced", !lift);
    site->updated_at_ms = r->now_ms;
    TRY(site_update(r->db, site));
    reply_json(r, 200, json_pack("{s:o}", "site", view_site(site, true)));
    return NULL;
}
