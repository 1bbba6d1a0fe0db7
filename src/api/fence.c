/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fence - the door through which another site's engine comes: the user of this cloud that it logs
 * in as.  Closing it is for the day on which that engine cannot be told to stop (story B6).
 *
 * Keystone decides, in the name of the caller: the service account need not be able to change
 * users.  Which user it is was written here when he was given to the other site; on the day it is
 * needed, that site need not answer.  Whom it came as before is shut out as well: the other site
 * may not have stored the new one.
 *
 *   peer_user of a site   {username, user_domain_name, fenced, before: {username,
 *                         user_domain_name}|absent}
 */
#include "api/own_cloud.h"
#include "api/resources.h"
#include "api/view.h"

#define DOMAIN_DEFAULT "Default" /* as of credentials that name none */

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
    {"username", FIELD_TEXT, false, 1, 255, NULL},
    {"user_domain_name", FIELD_TEXT, false, 1, 255, NULL},
    {0},
};

static const char *user_of(const json_t *user)
{
    return json_str(user, "username");
}

static const char *domain_of(const json_t *user)
{
    return json_str_or(user, "user_domain_name", DOMAIN_DEFAULT);
}

/* What is not said of him stays as it was, as it does at the other site. */
bool peer_user_take(const json_t *given, struct site *site)
{
    const json_t *was = site->peer_user;
    const char *user = json_str_or(given, "username", user_of(was));
    const char *domain = json_str_or(given, "user_domain_name", domain_of(was));

    if (given == NULL || user == NULL ||
        (g_strcmp0(user_of(was), user) == 0 && g_str_equal(domain_of(was), domain)))
        return false;
    json_t *now = json_pack("{s:s, s:s}", "username", user, "user_domain_name", domain);
    if (user_of(was) != NULL)
        json_set(now, "before",
                 json_pack("{s:s, s:s}", "username", user_of(was), "user_domain_name",
                           domain_of(was)));
    json_decref(site->peer_user);
    site->peer_user = now; /* another one is not fenced */
    return true;
}

/* The user of the record, or the one that is named now. */
static err_t *user_named(struct request *r, struct site *site)
{
    if (site->is_local)
        return err(BAD_REQUEST, "site '%s' is this site itself", site->name);
    if (peer_user_take(r->in, site)) /* a correction: it never came as the other one */
        json_object_del(site->peer_user, "before");
    if (user_of(site->peer_user) != NULL)
        return NULL;
    return err_remedy(err(CONFLICT,
                          "nobody has written down which user of this cloud site '%s' logs in as",
                          site->name),
                      "name him: protector site fence-peer %s --user NAME", site->name);
}

/* Those who are fenced by it would not let anybody in again. */
static err_t *not_our_own(struct request *r, const char *site, const json_t *user, const char *id)
{
    g_autofree char *own = NULL;

    TRY(own_service_user(r, &own));
    bool caller = g_strcmp0(r->auth->user_id, id) == 0;
    if (g_strcmp0(own, id) != 0 && !caller)
        return NULL;
    return err_remedy(err(CONFLICT,
                          "site '%s' logs in as user '%s', which is %s: nothing was changed", site,
                          user_of(user),
                          caller ? "who asks for it" : "this site's own service account"),
                      "give it a user of its own (openstack user create, openstack role add), "
                      "tell it: protector site update THIS-SITE --service-username …, and give "
                      "that account another password");
}

static err_t *fence_audit(struct request *r, const struct site *site, const char *action,
                          const json_t *user, const char *id)
{
    return request_audit_with(r, action, site->id,
                              json_pack("{s:s, s:s, s:s, s:s}", "user", user_of(user), "domain",
                                        domain_of(user), "user_id", id, "reason",
                                        json_str_or(r->in, "reason", "")));
}

/* Audited before: what may have happened is written down; and what did not. */
static err_t *enable(struct request *r, const struct cloud *cloud, const struct site *site,
                     const json_t *user, bool enabled)
{
    g_autofree char *id = NULL;

    TRY(keystone_user_find(cloud, user_of(user), domain_of(user), &id));
    if (!enabled)
        TRY(not_our_own(r, site->name, user, id));
    TRY(fence_audit(r, site, enabled ? "site.fence_lift" : "site.fence_peer", user, id));
    err_t *e = keystone_user_enable(cloud, id, enabled);
    if (e == NULL)
        return NULL;
    err_t *noted = fence_audit(r, site, "site.fence_failed", user, id);
    err_free(noted);
    return err_wrap(e, "%s user '%s' of site '%s'", enabled ? "letting in" : "shutting out",
                    user_of(user), site->name);
}

/* One that is gone, or is somebody's own by now, comes in no more as the other site. */
static err_t *before_fenced(struct request *r, const struct cloud *cloud, const struct site *site)
{
    const json_t *before = json_obj(site->peer_user, "before");
    err_t *e = before != NULL ? enable(r, cloud, site, before, false) : NULL;

    if (e == NULL || (!err_is(e, ERR_CLOUD_NOT_FOUND) && !err_is(e, ERR_CONFLICT)))
        return e;
    err_free(e);
    return NULL;
}

struct fencing {
    const char *site_id;
    const json_t *was, *user; /* of the record: when it was read, and as it is to be */
    bool fenced;
    int64_t now_ms;
    struct site *site; /* as it stands afterwards */
};

static bool same_user(const json_t *a, const json_t *b)
{
    return g_strcmp0(user_of(a), user_of(b)) == 0 && g_str_equal(domain_of(a), domain_of(b));
}

/* Read anew: Keystone has taken its time, and the record may have other keys by now. */
static err_t *fencing_tx(struct db *db, void *data)
{
    struct fencing *f = data;

    site_destroy(f->site);
    f->site = NULL;
    TRY(site_get(db, f->site_id, &f->site));
    if (!same_user(f->was, f->site->peer_user))
        return err_remedy(err(CONFLICT, "site '%s' comes as user '%s' since a moment ago",
                              f->site->name, user_of(f->site->peer_user)),
                          "repeat the command");
    json_decref(f->site->peer_user);
    f->site->peer_user = json_deep_copy(f->user);
    json_set_bool(f->site->peer_user, "fenced", f->fenced);
    f->site->updated_at_ms = f->now_ms;
    return site_update(db, f->site);
}

/* Repeatable. */
err_t *sites_fence_peer(struct request *r)
{
    AUTO(site) site = NULL;
    bool lift = json_bool(r->in, "lift", false);

    TRY(site_resolve(r->db, r->params[0], &site));
    g_autoptr(json_t) was = json_deep_copy(site->peer_user);
    TRY(user_named(r, site));
    AUTO(cloud_session) session = own_caller_session(r);
    struct cloud cloud = cloud_view(session, r->request_id, CLOUD_NO_DEADLINE);
    TRY(enable(r, &cloud, site, site->peer_user, lift));
    struct fencing f = {site->id, was, site->peer_user, !lift, r->now_ms, NULL};
    err_t *e = db_tx(r->db, fencing_tx, &f);
    if (e == NULL && !lift)
        e = before_fenced(r, &cloud, site);
    if (e == NULL)
        reply_json(r, 200, json_pack("{s:o}", "site", view_site(f.site, true)));
    site_destroy(f.site);
    return e;
}
