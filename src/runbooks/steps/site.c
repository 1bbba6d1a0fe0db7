/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - what an engine checks of a site: of its own cloud everything that protection needs, of the
 * peer's whether it is reached with the peer credentials.  A table of checks; each leaves one row
 * {check, says, result: ok|failed|warning|not checked, text, remedy}.  The operation completes
 * whatever they find; the status tells.
 */
#include "cloud/cinder.h"
#include "cloud/keystone.h"
#include "cloud/nova.h"
#include "model/readiness.h"
#include "runbooks/steps/steps.h"
#include "store/site.h"
#include "store/trust.h"

struct site_check {
    const char *key;
    const char *says;
    err_t *(*check)(struct step_call *call, const struct cloud *service, char **ret_text);
    bool needed; /* its failure makes the status 'error'; others only warn */
};

static err_t *check_keystone(struct step_call *call, const struct cloud *c, char **ret_text)
{
    (void)call;
    return keystone_version(c, ret_text);
}

static err_t *check_login(struct step_call *call, const struct cloud *c, char **ret_text)
{
    AUTO(keystone_token) token = NULL;

    (void)call;
    TRY(cloud_token(c, &token));
    *ret_text = g_strdup_printf("as %s in %s", token->user_name,
                                token->project_name != NULL ? token->project_name : "no project");
    if (!keystone_token_has_role(token, "admin"))
        return err_remedy(err(SITE_CHECK, "the service user '%s' has not the role admin",
                              token->user_name),
                          "openstack role add --project service --user %s admin", token->user_name);
    return NULL;
}

static err_t *check_compute(struct step_call *call, const struct cloud *c, char **ret_text)
{
    (void)call;
    return cloud_microversion(c, CLOUD_COMPUTE, ret_text);
}

static err_t *check_volume(struct step_call *call, const struct cloud *c, char **ret_text)
{
    (void)call;
    return cloud_microversion(c, CLOUD_VOLUME, ret_text);
}

static err_t *check_network(struct step_call *call, const struct cloud *c, char **ret_text)
{
    (void)call;
    return cloud_version(c, CLOUD_NETWORK, ret_text);
}

static err_t *check_image(struct step_call *call, const struct cloud *c, char **ret_text)
{
    (void)call;
    return cloud_version(c, CLOUD_IMAGE, ret_text);
}

static err_t *check_types(struct step_call *call, const struct cloud *c, char **ret_text)
{
    g_autoptr(json_t) types = NULL;
    GString *names = g_string_new(NULL);
    size_t i;
    json_t *type;

    (void)call;
    err_t *e = cinder_type_list(c, &types);
    json_array_foreach(types, i, type)
    {
        g_autoptr(err_t) no = cinder_type_eligible(cloud_name(c), type, NULL);
        if (no == NULL)
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "",
                                   json_str_or(type, "name", "?"));
    }
    bool none = names->len == 0;
    *ret_text = g_string_free(names, FALSE);
    if (e != NULL || !none)
        return e;
    return err_remedy(err(SITE_CHECK, "no volume type is eligible for replication"),
                      "openstack volume type set TYPE --property replication_enabled='<is> True' "
                      "--property replication_type='<in> async'");
}

static err_t *check_group_type(struct step_call *call, const struct cloud *c, char **ret_text)
{
    g_autoptr(json_t) types = NULL;

    (void)call;
    TRY(cinder_group_type_list(c, &types));
    const json_t *type = cinder_group_type_pick(types);
    if (type == NULL)
        return err_remedy(err(SITE_CHECK, "no group type has consistent_group_snapshot_enabled"),
                          "cinder group-type-create protector; cinder group-type-key protector set "
                          "consistent_group_snapshot_enabled='<is> True'");
    *ret_text = g_strdup(json_str(type, "name"));
    return NULL;
}

static err_t *check_services(struct step_call *call, const struct cloud *c, char **ret_text)
{
    g_autoptr(json_t) services = NULL;

    (void)call;
    TRY(cinder_service_list(c, &services));
    *ret_text = g_strdup_printf("%zu cinder-volume services", json_array_size(services));
    return NULL;
}

static err_t *check_trust_roles(struct step_call *call, const struct cloud *c, char **ret_text)
{
    const struct conf *conf = world_options_of(call->world)->conf;
    char *const *roles = conf_list(conf, "service_credentials", "default_trust_roles");
    GString *found = g_string_new(NULL);

    for (size_t i = 0; roles[i] != NULL; i++) {
        g_autofree char *id = NULL;
        g_autoptr(err_t) e = keystone_role_find(c, roles[i], &id);
        if (e == NULL)
            g_string_append_printf(found, "%s%s", found->len > 0 ? ", " : "", roles[i]);
    }
    bool none = found->len == 0;
    *ret_text = g_string_free(found, FALSE);
    if (!none)
        return NULL;
    return err_remedy(err(SITE_CHECK,
                          "none of the roles of [service_credentials] default_trust_roles exists"),
                      "openstack role create member");
}

static err_t *check_driver(struct step_call *call, const struct cloud *c, char **ret_text)
{
    const struct world_options *o = world_options_of(call->world);

    (void)c;
    if (o->driver == NULL)
        return err(DRIVER_ABSENT, "%s", o->driver_problem);
    *ret_text =
        g_strdup_printf("%s%s", o->driver->name,
                        o->driver->can & PROTECTOR_FOR_TESTS ? " (for tests only: NO DATA IS SAFE)"
                                                             : "");
    return NULL;
}

static const struct site_check own_checks[] = {
    {"keystone", "Keystone v3 answers", check_keystone, true},
    {"login", "The service user logs in and is admin", check_login, true},
    {"compute", "Nova is of Victoria or later", check_compute, true},
    {"volume", "Cinder is of Victoria or later", check_volume, true},
    {"network", "Neutron v2 answers", check_network, true},
    {"image", "Glance v2 answers", check_image, false},
    {"volume_type", "A volume type is eligible for replication", check_types, true},
    {"group_type", "A group type takes consistent snapshots", check_group_type, true},
    {"services", "The service user lists cinder-volume services", check_services, true},
    {"trust_roles", "The roles of trusts exist", check_trust_roles, true},
    {"driver", "The storage driver is there", check_driver, false},
};

static const struct site_check peer_checks[] = {
    {"peer_keystone", "Its Keystone v3 answers this site", check_keystone, true},
    {"peer_login", "The peer credentials log in there", check_login, false},
};

/* ---- rows ---- */

static void row_add(json_t *rows, const struct site_check *check, const char *result,
                    const char *text, const char *remedy)
{
    json_t *row = json_object();

    json_set_str(row, "check", check->key);
    json_set_str(row, "says", check->says);
    json_set_str(row, "result", result);
    json_set_str(row, "text", text);
    json_set_str(row, "remedy", remedy);
    json_array_append_new(rows, row);
}

/*
 * Runs a table; returns false if a needed check failed.  A Keystone that does not answer ends it.
 * What was known of the cloud is thrown away first: nothing is ok because it once was.
 */
static bool rows_run(struct step_call *call, const struct cloud *c, const struct site_check *checks,
                     size_t count, json_t *rows, bool *ret_unreachable)
{
    bool good = true;

    cloud_session_forget(c->session);
    for (size_t i = 0; i < count; i++) {
        g_autofree char *text = NULL;
        g_autoptr(err_t) e = checks[i].check(call, c, &text);
        if (e == NULL) {
            row_add(rows, &checks[i], "ok", text != NULL ? text : "", "");
            continue;
        }
        g_autofree char *why = err_text(e);
        row_add(rows, &checks[i], checks[i].needed ? "failed" : "warning", why, err_remedy_text(e));
        good = good && !checks[i].needed;
        if (i == 0 && err_is(e, ERR_CLOUD_UNREACHABLE)) {
            *ret_unreachable = true;
            return false;
        }
    }
    return good;
}

/* volume_manage is the tenants' right: asked with a trust, if there is any yet. */
static err_t *manage_row(struct step_call *call, json_t *rows, bool *good)
{
    const struct site_check check = {"volume_manage", ready_says(READY_RIGHTS), NULL, true};
    g_autoptr(GPtrArray) trusts = NULL;
    struct cloud tenant;

    TRY(trust_list_stale(call->db, INT64_MAX, 1, &trusts));
    if (trusts->len == 0) {
        row_add(rows, &check, "not checked", "no tenant trust yet", "");
        return NULL;
    }
    err_t *e =
        world_by_trust(call, ((struct trust *)g_ptr_array_index(trusts, 0))->project_id, &tenant);
    if (e == NULL)
        e = cinder_manage_check(&tenant);
    bool no_trust = e != NULL && err_is(e, ERR_TRUST_MISSING); /* this project's matter alone */
    g_autofree char *why = e != NULL ? err_text(e) : NULL;
    row_add(rows, &check,
            e == NULL  ? "ok"
            : no_trust ? "warning"
                       : "failed",
            why != NULL ? why : "", e != NULL ? err_remedy_text(e) : "");
    *good = *good && (e == NULL || no_trust);
    err_free(e);
    return NULL;
}

/* Its Keystone is looked at in any case, with the peer credentials whether they let us in. */
static err_t *peer_rows(struct step_call *call, const struct site *site, json_t *rows,
                        bool *ret_unreachable, bool *ret_good)
{
    struct cloud c;
    g_autofree char *compute = NULL;

    err_t *none = world_peer(call, site->id, &c);
    if (none == NULL) {
        *ret_good =
            rows_run(call, &c, peer_checks, G_N_ELEMENTS(peer_checks), rows, ret_unreachable);
        g_autoptr(err_t) no = *ret_good ? cloud_endpoint(&c, CLOUD_COMPUTE, &compute) : NULL;
        json_set_str(call->result, "compute_url", no == NULL ? compute : NULL);
        return NULL;
    }
    err_t *e = world_peer_door(call, site->id, &c);
    if (e == NULL) {
        *ret_good = rows_run(call, &c, peer_checks, 1, rows, ret_unreachable);
        row_add(rows, &peer_checks[1], "warning", err_message(none), err_remedy_text(none));
    }
    err_free(none);
    return e;
}

static err_t *site_rows(struct step_call *call, const struct site *site, json_t *rows,
                        const char **ret_status)
{
    struct cloud c;
    bool unreachable = false, good = false;

    if (site->is_local) {
        TRY(world_service(call, &c));
        good = rows_run(call, &c, own_checks, G_N_ELEMENTS(own_checks), rows, &unreachable);
        if (!unreachable)
            TRY(manage_row(call, rows, &good));
    } else {
        TRY(peer_rows(call, site, rows, &unreachable, &good));
    }
    *ret_status = unreachable ? "unreachable" : good ? "active" : "error";
    return NULL;
}

/*
 * What was found becomes the record's, as it stands now: the looks have taken their time.  The
 * peer's compute address serves the probe of a dead site; one that an admin gave is kept.
 */
static err_t *site_record(struct step_call *call, const char *site_id, const char *status,
                          json_t *rows)
{
    const char *compute = json_str(call->result, "compute_url");
    AUTO(site) site = NULL;

    TRY(site_get(call->db, site_id, &site));
    if (!site_is_closed(site)) { /* a person gave it up: no look takes that back */
        g_free(site->status);
        site->status = g_strdup(status);
    }
    json_decref(site->checks);
    site->checks = json_incref(rows);
    if (compute != NULL && (site->compute_url == NULL || *site->compute_url == '\0')) {
        g_free(site->compute_url);
        site->compute_url = g_strdup(compute);
    }
    site->validated_at_ms = call->now_ms;
    return site_update(call->db, site);
}

err_t *site_validate_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(site) site = NULL;
    json_t *rows = json_array();
    const char *status = "error";

    json_set(call->result, "checks", rows);
    TRY(site_get(call->db, json_str_or(call->op->params, "site_id", ""), &site));
    TRY(site_rows(call, site, rows, &status));
    json_set_str(call->result, "status", status);
    *ret = STEP_DONE;
    return site_record(call, site->id, status, rows);
}

err_t *site_types_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) types = NULL;
    json_t *rows = json_array();
    size_t i;
    json_t *type;

    json_set(call->result, "volume_types", rows);
    TRY(world_service(call, &c));
    TRY(cinder_type_list(&c, &types));
    json_array_foreach(types, i, type)
    {
        g_autoptr(err_t) no = cinder_type_eligible(cloud_name(&c), type, NULL);
        if (no != NULL)
            continue;
        const json_t *specs = json_obj(type, "extra_specs");
        json_t *row = json_object();
        json_set_str(row, "id", json_str(type, "id"));
        json_set_str(row, "name", json_str(type, "name"));
        json_set_str(row, "replication_enabled", json_str(specs, "replication_enabled"));
        json_set_str(row, "replication_type", json_str(specs, "replication_type"));
        json_array_append_new(rows, row);
    }
    *ret = STEP_DONE;
    return NULL;
}
