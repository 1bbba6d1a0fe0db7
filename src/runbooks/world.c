/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - see world.h.  Sessions are made at the first use and kept under a name that changes when
 * what they were made of changes (another trust, other credentials), so that nothing stale is used.
 */
#include "runbooks/world.h"

#include "base/secrets.h"
#include "model/body.h"
#include "runbooks/group.h"
#include "store/audit.h"
#include "store/site.h"
#include "store/trust.h"

/* How long a verified trust is taken at its word. */
#define TRUST_VERIFY_MS ((int64_t)3600 * 1000)

struct world {
    struct world_options o;
    GMutex lock;          /* of 'sessions' */
    GHashTable *sessions; /* name -> cloud_session */
    GHashTable *attempts; /* at operations, that have taken the service account */
    GHashTable *told;     /* operations of which the audit log tells it */
};

struct world *world_create(const struct world_options *options)
{
    struct world *w = g_new0(struct world, 1);

    w->o = *options;
    g_mutex_init(&w->lock);
    w->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                        (GDestroyNotify)cloud_session_destroy);
    w->attempts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    w->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return w;
}

void world_destroy(struct world *world)
{
    if (world == NULL)
        return;
    g_hash_table_destroy(world->sessions);
    g_hash_table_destroy(world->attempts);
    g_hash_table_destroy(world->told);
    g_mutex_clear(&world->lock);
    g_free(world);
}

const struct world_options *world_options_of(const struct world *world)
{
    return &world->o;
}

struct step_call world_call(struct world *world, struct db *db, const struct operation *op,
                            const char *owner, int64_t now_ms)
{
    return (struct step_call){
        .op = op,
        .subject = "",
        .db = db,
        .world = world,
        .env = world->o.env,
        .now_ms = now_ms,
        .deadline_mono_ms = INT64_MAX,
        .owner = owner,
    };
}

static struct cloud_session *session_named(struct world *w, const char *name,
                                           const struct cloud_options *options)
{
    g_mutex_lock(&w->lock);
    struct cloud_session *session = g_hash_table_lookup(w->sessions, name);
    if (session == NULL) {
        session = cloud_session_create(options);
        g_hash_table_insert(w->sessions, g_strdup(name), session);
    }
    g_mutex_unlock(&w->lock);
    return session;
}

static struct cloud view(struct step_call *call, struct cloud_session *session)
{
    struct cloud c = cloud_view(session, call->op->request_id, call->deadline_mono_ms);

    c.timeout_ms = world_options_of(call->world)->call_timeout_ms;
    return c;
}

/* ---- this site ---- */

static const char *own(const struct world *w, const char *option)
{
    return conf_str(w->o.conf, "keystone_authtoken", option);
}

/* The name of this site and its region: its own record's, else the configuration's. */
static err_t *local_options(struct step_call *call, struct cloud_options *ret,
                            struct site **ret_site)
{
    struct world *w = call->world;

    TRY(site_find_local(call->db, ret_site));
    *ret = (struct cloud_options){
        .transport = w->o.transport,
        .env = w->o.env,
        .cloud = *ret_site != NULL ? (*ret_site)->name : "this site",
        .region = *ret_site != NULL ? (*ret_site)->region_name : own(w, "region_name"),
        .interface = own(w, "interface"),
        .timeout_ms = w->o.call_timeout_ms,
        .cafile = own(w, "cafile"),
        .insecure = conf_bool(w->o.conf, "keystone_authtoken", "insecure"),
    };
    return NULL;
}

static struct keystone_credentials service_credentials(const struct world *w)
{
    return (struct keystone_credentials){
        .method = KEYSTONE_PASSWORD,
        .auth_url = own(w, "auth_url"),
        .username = own(w, "username"),
        .password = own(w, "password"),
        .user_domain_name = own(w, "user_domain_name"),
        .project_name = own(w, "project_name"),
        .project_domain_name = own(w, "project_domain_name"),
    };
}

err_t *world_service(struct step_call *call, struct cloud *ret)
{
    struct world *w = call->world;
    struct keystone_credentials credentials = service_credentials(w);
    struct cloud_options options;
    AUTO(site) site = NULL;

    TRY(local_options(call, &options, &site));
    TRY(keystone_credentials_check(&credentials));
    options.credentials = &credentials;
    g_autofree char *name =
        g_strdup_printf("service:%s", options.region != NULL ? options.region : "");
    *ret = view(call, session_named(w, name, &options));
    return NULL;
}

/* ---- the project's trust ---- */

/* The session of one trust; another one after the trust was replaced. */
static err_t *trust_session(struct step_call *call, const struct trust *trust,
                            struct cloud_options *options, struct cloud *ret)
{
    struct world *w = call->world;
    struct keystone_credentials credentials = service_credentials(w);
    char hash[HASH_HEX_SIZE];
    char *trust_id = NULL;

    TRY(rest_decrypt(w->o.exchange->identity->rest_key, trust->trust, &trust_id));
    hash_hex(trust->trust, strlen(trust->trust), hash);
    credentials.method = KEYSTONE_TRUST;
    credentials.trust_id = trust_id;
    credentials.project_name = NULL;
    credentials.project_domain_name = NULL;
    options->credentials = &credentials;
    g_autofree char *name = g_strdup_printf("tenant:%s:%s:%s", trust->project_id, trust->id, hash);
    *ret = view(call, session_named(w, name, options));
    options->credentials = NULL;
    secret_free(trust_id);
    return NULL;
}

/* That the service user gets in at all: else the trust is not what is wrong. */
static err_t *service_gets_in(struct step_call *call)
{
    AUTO(keystone_token) token = NULL;
    struct cloud service;

    TRY(world_service(call, &service));
    cloud_session_forget(service.session);
    return cloud_token(&service, &token);
}

/*
 * Whether the trust lets us in.  Keystone is asked if we have no token of it, and once in
 * TRUST_VERIFY_MS in any case; what it says is recorded.  CLOUD_TRUST_INVALID: it does not.
 */
static err_t *trust_check(struct step_call *call, const struct trust *trust, struct cloud *c)
{
    AUTO(keystone_token) token = NULL;
    bool verified = g_str_equal(trust->status, "verified");
    bool fresh = verified && call->now_ms - trust->verified_at_ms < TRUST_VERIFY_MS;

    if (!fresh)
        cloud_session_forget(c->session);
    err_t *e = cloud_token(c, &token);
    if (e == NULL)
        return fresh ? NULL : trust_checked(call->db, trust->id, "verified", NULL, call->now_ms);
    if (!err_is(e, ERR_CLOUD_TRUST_INVALID))
        return e;
    err_t *other = service_gets_in(call);
    if (other == NULL)
        other = trust_checked(call->db, trust->id, "failed",
                              "Keystone does not let the service user in with this trust: it is "
                              "gone, or a role of it was taken from the user who made it",
                              call->now_ms);
    if (other == NULL)
        return e;
    err_free(e);
    return other;
}

/* ---- without a trust: [service_credentials] fallback */

static err_t *audit_tx(struct db *db, void *entry)
{
    return audit_append(db, entry);
}

#define FALLBACK_ACTION "service_credentials.fallback"

static err_t *fallback_audit(struct step_call *call, const char *project_id, const err_t *why)
{
    AUTO(audit_entry) entry = audit_entry_create();
    AUTO(db_rows) before = NULL;
    g_autofree char *text = err_text(why);

    TRY(db_query(call->db, &before,
                 "SELECT seq FROM audit_log WHERE action = ? AND target = ? LIMIT 1", "ss",
                 FALLBACK_ACTION, call->op->id));
    if (db_rows_count(before) > 0)
        return NULL;
    entry->project_id = g_strdup(project_id);
    entry->user_id = g_strdup(call->op->user_id);
    entry->request_id = g_strdup(call->op->request_id);
    entry->action = g_strdup(FALLBACK_ACTION);
    entry->target = g_strdup(call->op->id);
    entry->outcome = g_strdup("done");
    entry->details = json_pack("{s:s}", "why", text);
    entry->created_at_ms = call->now_ms;
    return db_tx(call->db, audit_tx, entry);
}

/* No more than a trust would give: an administrator's token sees other projects, too. */
static err_t *fallback_roles(struct step_call *call, const char *project_id,
                             const struct keystone_token *token)
{
    const struct conf *conf = world_options_of(call->world)->conf;
    char *const *wanted = conf_list(conf, "service_credentials", "default_trust_roles");

    for (char **role = token->roles; *role != NULL; role++) {
        bool known = g_ascii_strcasecmp(*role, "reader") == 0; /* members are that as well */
        for (size_t i = 0; wanted[i] != NULL; i++)
            known = known || g_ascii_strcasecmp(*role, wanted[i]) == 0;
        if (!known)
            return err_remedy(err(TRUST_MISSING,
                                  "the service account has role '%s' in project '%s', which no "
                                  "trust gives: it does not act there with it",
                                  *role, project_id),
                              "give it one of [service_credentials] default_trust_roles there, and "
                              "no other");
    }
    return NULL;
}

/* Once of each attempt at an operation: roles may have been given or taken meanwhile. */
static void fallback_begins(struct step_call *call, struct cloud_session *session)
{
    struct world *w = call->world;
    g_autofree char *attempt =
        g_strdup_printf("%s/%" G_GINT64_FORMAT, call->op->id, (int64_t)call->op->generation);

    g_mutex_lock(&w->lock);
    bool first = g_hash_table_add(w->attempts, TAKE(attempt));
    g_mutex_unlock(&w->lock);
    if (first) /* not under our lock: it waits for whoever is just logging in */
        cloud_session_forget(session);
}

/* Once of each operation; what could not be written down is not done. */
static err_t *fallback_tell(struct step_call *call, const char *project_id, const err_t *why)
{
    struct world *w = call->world;

    g_mutex_lock(&w->lock);
    bool told = g_hash_table_contains(w->told, call->op->id);
    g_mutex_unlock(&w->lock);
    if (told)
        return NULL;
    TRY(fallback_audit(call, project_id, why));
    g_mutex_lock(&w->lock);
    g_hash_table_add(w->told, g_strdup(call->op->id));
    g_mutex_unlock(&w->lock);
    return NULL;
}

static err_t *fallback_refused(struct step_call *call, const char *project_id, const char *site,
                               err_t *takes)
{
    const char *user =
        conf_str(world_options_of(call->world)->conf, "keystone_authtoken", "username");
    g_autoptr(err_t) why = takes;

    TRY(service_gets_in(call));
    return err_remedy(
        err_recode(TRUST_MISSING, TAKE(why),
                   "the service account has no role in project '%s' at site '%s', and no trust of "
                   "it works",
                   project_id, site),
        "give new trust, or the role: openstack role add --project %s --user %s member", project_id,
        user);
}

/*
 * The service account itself in the project, where it must hold a role: nothing is granted here.
 * Takes 'why', for which no trust can be used.
 */
static err_t *fallback(struct step_call *call, const char *project_id,
                       struct cloud_options *options, err_t *takes, struct cloud *ret)
{
    struct keystone_credentials credentials = service_credentials(call->world);
    AUTO(keystone_token) token = NULL;
    g_autoptr(err_t) why = takes;

    credentials.project_id = project_id;
    credentials.project_name = credentials.project_domain_name = NULL;
    TRY(keystone_credentials_check(&credentials));
    options->credentials = &credentials;
    g_autofree char *name = g_strdup_printf("fallback:%s:%s", project_id,
                                            options->region != NULL ? options->region : "");
    *ret = view(call, session_named(call->world, name, options));
    fallback_begins(call, ret->session);
    err_t *e = cloud_token(ret, &token);
    if (e != NULL && err_is(e, ERR_CLOUD_UNAUTHORIZED)) {
        err_free(e);
        return fallback_refused(call, project_id, options->cloud, TAKE(why));
    }
    if (e == NULL)
        e = fallback_roles(call, project_id, token);
    if (e == NULL)
        e = fallback_tell(call, project_id, why);
    if (e == NULL && call->result != NULL)
        json_set_str(call->result, WORLD_ACTED_AS, "the service account");
    return e;
}

/* ---- in the project */

static err_t *trusts_try(struct step_call *call, const char *project_id,
                         struct cloud_options *options, struct cloud *ret)
{
    g_autoptr(GPtrArray) trusts = NULL;

    TRY(trust_list(call->db, project_id, &trusts));
    if (trusts->len == 0)
        return err(TRUST_MISSING, "site '%s' has no trust of project '%s'", options->cloud,
                   project_id);
    g_autoptr(err_t) last = NULL;
    for (guint i = 0; i < trusts->len; i++) {
        TRY(trust_session(call, g_ptr_array_index(trusts, i), options, ret));
        err_t *e = trust_check(call, g_ptr_array_index(trusts, i), ret);
        if (e == NULL || !err_is(e, ERR_CLOUD_TRUST_INVALID))
            return e;
        err_free(last);
        last = e;
    }
    return err_recode(TRUST_MISSING, TAKE(last),
                      "none of the %u trusts of project '%s' at site '%s' works any more",
                      trusts->len, project_id, options->cloud);
}

err_t *world_by_trust(struct step_call *call, const char *project_id, struct cloud *ret)
{
    struct cloud_options options;
    AUTO(site) site = NULL;

    TRY(local_options(call, &options, &site));
    TRY(trusts_try(call, project_id, &options, ret));
    if (call->result != NULL)
        json_object_del(call->result, WORLD_ACTED_AS);
    return NULL;
}

static bool fallback_allowed(const struct step_call *call)
{
    const struct conf *conf = world_options_of(call->world)->conf;

    return g_strcmp0(conf_str(conf, "service_credentials", "fallback"), "service_admin") == 0;
}

err_t *world_without_trust(struct step_call *call, const char *project_id, err_t *takes,
                           struct cloud *ret)
{
    struct cloud_options options;
    AUTO(site) site = NULL;
    g_autoptr(err_t) why = takes;

    if (!fallback_allowed(call))
        return TAKE(why);
    TRY(local_options(call, &options, &site));
    return fallback(call, project_id, &options, TAKE(why), ret);
}

err_t *world_tenant(struct step_call *call, const char *project_id, struct cloud *ret)
{
    err_t *e = world_by_trust(call, project_id, ret);

    return e != NULL && err_is(e, ERR_TRUST_MISSING) ? world_without_trust(call, project_id, e, ret)
                                                     : e;
}

err_t *world_trusts_end(struct step_call *call, const char *project_id, int *ret_count)
{
    const struct site_identity *self = world_options_of(call->world)->exchange->identity;
    struct cloud service;
    g_autoptr(GPtrArray) trusts = NULL;

    *ret_count = 0;
    TRY(trust_list(call->db, project_id, &trusts));
    if (trusts->len > 0)
        TRY(world_service(call, &service));
    for (guint i = 0; i < trusts->len; i++) {
        const struct trust *trust = g_ptr_array_index(trusts, i);
        char *id = NULL;
        TRY(rest_decrypt(self->rest_key, trust->trust, &id));
        err_t *e = keystone_trust_delete(&service, id);
        secret_free(id);
        if (e != NULL)
            return e;
        TRY(trust_delete(call->db, trust->id));
        ++*ret_count;
    }
    return NULL;
}

/* ---- the peer ---- */

static const char *site_conf(const struct world *w, const struct site *site, const char *option)
{
    g_autofree char *section = g_strdup_printf("site:%s", site->name);

    return conf_str(w->o.conf, section, option);
}

/* Credentials given with 'site create --service-*' (encrypted at rest), as JSON; NULL: none. */
static err_t *stored_credentials(const struct world *w, const struct site *site, json_t **ret)
{
    char *text = NULL;

    *ret = NULL;
    if (site->credentials == NULL)
        return NULL;
    TRY(rest_decrypt(w->o.exchange->identity->rest_key, site->credentials, &text));
    err_t *e = json_parse(text, strlen(text), "stored credentials", ret);
    secret_free(text);
    return e;
}

/* How the peer's cloud is reached: [site:NAME], else its record. */
static struct cloud_options peer_options(const struct world *w, const struct site *site)
{
    g_autofree char *section = g_strdup_printf("site:%s", site->name);
    const char *region = site_conf(w, site, "region_name");

    return (struct cloud_options){
        .transport = w->o.transport,
        .env = w->o.env,
        .cloud = site->name,
        .region = region != NULL ? region : site->region_name,
        .interface = site_conf(w, site, "interface"),
        .timeout_ms = w->o.call_timeout_ms,
        .cafile = site_conf(w, site, "cafile"),
        .insecure = conf_bool(w->o.conf, section, "insecure"),
    };
}

/* Where the peer's Keystone is: [site:NAME], else its record. */
static const char *peer_auth_url(const struct world *w, const struct site *site)
{
    const char *url = site_conf(w, site, "auth_url");

    return url != NULL ? url : site->auth_url;
}

err_t *world_peer_door(struct step_call *call, const char *site_id, struct cloud *ret)
{
    struct world *w = call->world;
    AUTO(site) site = NULL;

    TRY(site_get(call->db, site_id, &site));
    struct keystone_credentials nobody = {.method = KEYSTONE_PASSWORD,
                                          .auth_url = peer_auth_url(w, site)};
    struct cloud_options options = peer_options(w, site);
    options.credentials = &nobody;
    g_autofree char *name =
        g_strdup_printf("door:%s:%" G_GINT64_FORMAT, site->id, site->updated_at_ms);
    *ret = view(call, session_named(w, name, &options));
    return NULL;
}

err_t *world_peer(struct step_call *call, const char *site_id, struct cloud *ret)
{
    struct world *w = call->world;
    AUTO(site) site = NULL;
    g_autoptr(json_t) stored = NULL;

    TRY(site_get(call->db, site_id, &site));
    TRY(stored_credentials(w, site, &stored));
    struct keystone_credentials credentials = service_credentials(w);
    bool shared = conf_bool(w->o.conf, "DEFAULT", "share_service_password");
    if (stored != NULL) {
        credentials.username = json_str(stored, "username");
        credentials.password = json_str(stored, "password");
        credentials.project_name = json_str_or(stored, "project_name", "service");
        credentials.user_domain_name = json_str_or(stored, "user_domain_name", "Default");
        credentials.project_domain_name = json_str_or(stored, "project_domain_name", "Default");
    } else if (site_conf(w, site, "username") != NULL) {
        credentials.username = site_conf(w, site, "username");
        credentials.password = site_conf(w, site, "password");
        credentials.project_name = site_conf(w, site, "project_name");
        credentials.user_domain_name = site_conf(w, site, "user_domain_name");
        credentials.project_domain_name = site_conf(w, site, "project_domain_name");
    } else if (!shared) {
        return err(PEER_CREDENTIALS_MISSING, "no credentials for the cloud of site '%s'",
                   site->name);
    }
    credentials.auth_url = peer_auth_url(w, site);
    struct cloud_options options = peer_options(w, site);
    options.credentials = &credentials;
    g_autofree char *name =
        g_strdup_printf("peer:%s:%" G_GINT64_FORMAT, site->id, site->updated_at_ms);
    *ret = view(call, session_named(w, name, &options));
    return NULL;
}

/* ---- records and secrets ---- */

err_t *world_cinder_group(struct step_call *call, const char *pg_id, char **ret)
{
    return exchange_cinder_group(call->db, pg_id, ret);
}

err_t *world_seal_for_pair(struct step_call *call, const char *plain, json_t *boxes)
{
    AUTO(group_now) now = NULL;
    const struct site_identity *self = world_options_of(call->world)->exchange->identity;
    AUTO(site) peer = NULL;

    TRY(group_now_load(call, &now));
    TRY(site_get(call->db, now->peer, &peer));
    g_autofree char *mine = seal(call->env, keypairs_seal_public(identity_keys(self)), plain);
    g_autofree char *theirs =
        peer->seal_public != NULL ? seal(call->env, peer->seal_public, plain) : NULL;
    if (theirs == NULL)
        return err(CONFIG, "site '%s' has no key to seal secrets to", peer->name);
    json_set_str(boxes, now->self, mine);
    json_set_str(boxes, now->peer, theirs);
    return NULL;
}

err_t *world_user_data(struct step_call *call, const char *member, char **ret)
{
    AUTO(group_now) now = NULL;
    const struct site_identity *self = world_options_of(call->world)->exchange->identity;

    *ret = NULL;
    TRY(group_now_load(call, &now));
    const json_t *config = json_obj(body_member(now->body, member), "config");
    const char *box = json_str(json_obj(config, "user_data"), now->self);
    return box != NULL ? keypairs_open(identity_keys(self), box, ret) : NULL;
}
