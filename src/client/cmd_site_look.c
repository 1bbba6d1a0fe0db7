/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_site_look - what is seen of a site: validate, and the volume types that may be protected. The
 * client looks itself, and has the engines of both sites look.
 *
 * Neighbours: cmd_site.c (the records).
 */
#include "client/client_internal.h"

#define ENGINE_MS (180 * 1000) /* that an engine is given for a look at a site */

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

/* The worst that was found. */
static const char *worse(const char *a, const char *b)
{
    static const char *const order[] = {"unreachable", "error"};

    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        if (g_str_equal(a, order[i]) || g_str_equal(b, order[i]))
            return order[i];
    }
    return "active";
}

/* The caller's own matter says nothing about a site: the command fails. */
static bool callers_matter(const err_t *e)
{
    int status = err_http_status(e);

    return status == 401 || status == 403 || err_is(e, ERR_CLIENT_CLOUD);
}

/* A row of what failed; takes 'e', or gives it back if it is none of the site's. */
static err_t *row_failed(json_t *rows, const char *where, const char *check, err_t *e,
                         const char **status)
{
    if (callers_matter(e))
        return e;
    g_autofree char *why = err_text(e);
    row_add(rows, where, check, "failed", why, err_remedy_text(e));
    *status = worse(*status, end_is_unreachable(e) ? "unreachable" : "error");
    err_free(e);
    return NULL;
}

/* What the client sees of a site: its Keystone lets it in, its Protector is the one that is meant.
 */
static err_t *client_look(struct end *end, const char *name, const json_t *site, json_t *rows,
                          const char **status)
{
    static const char check[] = "Its Protector and Keystone answer the client";
    json_t *range = NULL;
    err_t *e = end_range(end, &range);

    if (e == NULL && site != NULL)
        e = end_is_site(end, site);
    if (e != NULL)
        return row_failed(rows, name, check, e, status);
    g_autofree char *text =
        g_strdup_printf("%s, API %s to %s", end->endpoint, json_str_or(range, "min", "?"),
                        json_str_or(range, "max", "?"));
    row_add(rows, name, check, "ok", text, "");
    return NULL;
}

/*
 * Has the engine of 'end' do 'what' ("validate", "volume-types") with a site.  An engine that does
 * not run is not waited for.  '*ret' the operation, which has ended.
 */
static err_t *engine_run(struct end *end, const char *site_id, const char *what, json_t **ret)
{
    g_autofree char *path = g_strdup_printf("admin/sites/%s/%s", site_id, what);
    g_autoptr(json_t) reply = NULL;

    TRY(admin_ask(end, "POST", path, NULL, &reply));
    const char *id = json_str_or(json_obj(reply, "operation"), "id", "");
    client_deadline(end->client, ENGINE_MS);
    err_t *e = follow(end, id, NULL, ret);
    client_deadline(end->client, 0);
    if (e == NULL || !err_is(e, ERR_TIMEOUT))
        return e;
    return err_remedy(err_recode(OPERATION_FAILED, e,
                                 "the engine at cloud '%s' has not ended operation '%s' within %d "
                                 "s",
                                 end->cloud, id, ENGINE_MS / 1000),
                      "look at that site whether protector-engine runs");
}

/* Lets the engine of 'end' check the site, and takes its rows. */
static err_t *validate_at(struct end *end, const char *name, const char *site_id, json_t *rows,
                          const char **status)
{
    g_autoptr(json_t) op = NULL;
    size_t i;
    json_t *check;

    TRY(engine_run(end, site_id, "validate", &op));
    err_t *e = operation_outcome(op);
    if (e != NULL) /* the engine's failure, whatever its cloud answered */
        return err_recode(OPERATION_FAILED, e, "its engine could not check it");
    json_array_foreach(json_arr(json_obj(op, "result"), "checks"), i, check)
        row_add(rows, name, json_str(check, "says"), json_str(check, "result"),
                json_str(check, "text"), json_str(check, "remedy"));
    *status = worse(*status, json_str_or(json_obj(op, "result"), "status", "error"));
    return NULL;
}

static err_t *engine_look(struct end *end, const char *name, const char *site_id, json_t *rows,
                          const char **status)
{
    err_t *e = validate_at(end, name, site_id, rows, status);

    return e != NULL ? row_failed(rows, name, "Its engine checks the site", e, status) : NULL;
}

/*
 * Nova's address, for the probe of a dead site: '*ret' the catalog's where the record has none.
 * One that an admin gave may differ on purpose; what stands behind the host is no difference.
 */
static void compute_look(struct end *named, const json_t *site, json_t *rows, const char **ret)
{
    bool several = false;
    const char *kept = json_str_or(site, "compute_url", "");
    const char *found =
        catalog_find(named, "compute", json_str(site, "region_name"), "url", &several);

    *ret = *kept == '\0' ? found : NULL;
    if (*kept == '\0' || found == NULL)
        return;
    g_autofree char *one = url_origin(kept);
    g_autofree char *two = url_origin(found);
    if (g_strcmp0(one, two) == 0)
        return;
    g_autofree char *text = g_strdup_printf("%s, its catalog says %s", kept, found);
    row_add(rows, json_str_or(site, "name", ""), "Nova's address in the record is the catalog's",
            "warning", text, "protector site update --compute-url, unless it is meant so");
}

/* Pinned is another key than the site has: it was changed, and nothing was carried since. */
static void keys_look(struct end *named, const json_t *site, json_t *rows)
{
    const char *pinned = json_str_or(site, "fingerprint", ""),
               *name = json_str_or(site, "name", "");
    json_t *self = NULL;
    g_autoptr(err_t) e = end_identity(named, &self);
    const char *present = e == NULL ? json_str_or(self, "fingerprint", pinned) : pinned;

    if (g_str_equal(pinned, present))
        return;
    g_autofree char *text = g_strdup_printf("%s, the site says %s", pinned, present);
    g_autofree char *remedy = g_strdup_printf(
        "carry a group (protection-group sync-force); if it is refused: site rekey %s", name);
    row_add(rows, name, "Its key is the one that is pinned here", "warning", text, remedy);
}

/* The status is local to the database asked: written at the local and at the named site. */
static void status_write(struct end *end, const char *name, const json_t *site, const char *status,
                         const char *compute_url, json_t *rows)
{
    g_autofree char *path = g_strdup_printf("admin/sites/%s", json_str_or(site, "id", ""));
    g_autoptr(json_t) body =
        json_pack("{s:{s:s, s:s*}}", "site", "status", status, "compute_url", compute_url);
    g_autoptr(err_t) e = admin_ask(end, "PUT", path, body, NULL);

    if (e != NULL)
        row_add(rows, name, "The status is written", "warning", err_message(e), err_remedy_text(e));
}

/* All looks at a site: the client's, its own engine's, that of the local one. */
static err_t *looks(struct call *call, struct end *local, const json_t *site, json_t *rows,
                    const char **status)
{
    const char *id = json_str_or(site, "id", ""), *name = json_str_or(site, "name", "");
    const char *compute = NULL;
    struct end *named = local;
    json_t *self = NULL;

    TRY(end_identity(local, &self));
    bool is_local = g_strcmp0(json_str(self, "id"), id) == 0;
    if (!is_local)
        TRY(client_site_end(call->c, site, &named));
    TRY(client_look(local, end_site_name(local), NULL, rows, status));
    if (!is_local)
        TRY(client_look(named, name, site, rows, status));
    bool answers = g_str_equal(*status, "active");
    if (answers) {
        TRY(engine_look(named, name, id, rows, status));
        TRY(end_catalog(named));
        compute_look(named, site, rows, &compute);
        keys_look(named, site, rows);
    }
    if (!is_local)
        TRY(engine_look(local, end_site_name(local), id, rows, status));
    if (answers)
        status_write(named, name, site, *status, compute, rows);
    if (!is_local)
        status_write(local, end_site_name(local), site, *status, compute, rows);
    return NULL;
}

err_t *cmd_site_validate(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) rows = json_array();
    const char *status = "active";

    TRY(site_read(call, &local, &site));
    TRY(looks(call, local, site, rows, &status));
    row_add(rows, json_str_or(site, "name", ""), "status", status, "", "");
    json_t *out = show_list(rows, "site=Site|check=Check|result=Result|text=Detail|remedy=Remedy");
    json_set_str(out, "status", status);
    *ret = out;
    return NULL;
}

err_t *cmd_site_types(struct call *call, json_t **ret)
{
    struct end *local = NULL, *named = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) op = NULL;

    TRY(site_read(call, &local, &site));
    if (json_bool(site, "is_local", false))
        named = local;
    else
        TRY(client_site_end(call->c, site, &named));
    TRY(end_is_site(named, site));
    TRY(engine_run(named, json_str_or(site, "id", ""), "volume-types", &op));
    TRY(operation_outcome(op));
    *ret = show_list(json_arr(json_obj(op, "result"), "volume_types"),
                     "id=id|name=name|replication_enabled=replication_enabled|replication_type="
                     "replication_type");
    return NULL;
}
