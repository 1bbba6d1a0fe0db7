/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - ReplicationHealthReport: of each group what this site's engines saw last, whether it
 * could fail over to this site, and the evidence.  What only somebody who reaches both sites can
 * tell (client/cmd_health.c) is not in it.
 */
#include "api/change.h"
#include "api/resources.h"
#include "api/view.h"
#include "base/conf.h"
#include "model/readiness.h"
#include "store/readiness.h"

#define STALE_ROUNDS 3 /* an engine that has missed so many says nothing of now */

/* What was seen in another role says nothing of this one. */
static err_t *report_read(struct request *r, const struct group_row *g, json_t **ret)
{
    g_autoptr(json_t) report = NULL;

    *ret = NULL;
    TRY(readiness_get(r->db, g->id, &report));
    bool target = g_strcmp0(json_str(report, "role"), "target") == 0;
    if (report != NULL && target == g_str_equal(g->role, "STANDBY"))
        *ret = TAKE(report);
    return NULL;
}

static bool is_stale(const struct request *r, const json_t *report)
{
    const char *at = json_str(report, "checked_at");
    int64_t interval_ms = conf_int(r->o->conf, "DEFAULT", "readiness_interval_s") * 1000;

    return at == NULL || r->now_ms - time_parse(at) > STALE_ROUNDS * interval_ms;
}

/* Whether it could fail over to this site; null where this is not the site, or nobody knows. */
static json_t *ready_view(const json_t *report, bool stale)
{
    bool target = g_strcmp0(json_str(report, "role"), "target") == 0;

    if (!target || stale)
        return json_null();
    return json_boolean(ready_all(json_arr(report, "checks")));
}

static err_t *report_view(struct request *r, const struct group_row *g,
                          const struct site_names *names, json_t **ret)
{
    static const char *const keys[] = {"role",          "link",      "lag_s",     "rpo_s",
                                       "rpo_compliant", "predicted", "checked_at"};
    g_autoptr(json_t) report = NULL;
    json_t *out = json_object();

    *ret = out;
    json_set_str(out, "id", g->id);
    json_set_str(out, "name", g->name);
    json_set_str(out, "project_id", g->project_id);
    json_set_str(out, "status", g->status);
    json_set_str(out, "current_primary_site", site_names_get(names, g->current_primary_site_id));
    json_set_int(out, "version", g->version);
    json_set_str(out, "position", g->position);
    TRY(report_read(r, g, &report));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(report, keys[i]);
        json_set(out, keys[i], value != NULL ? json_incref(value) : json_null());
    }
    bool stale = report == NULL || is_stale(r, report);
    json_set_bool(out, "stale", stale);
    json_set(out, "failover_ready", ready_view(report, stale));
    json_t *checks = json_arr(report, "checks");
    json_set(out, "checks", checks != NULL ? json_incref(checks) : json_array());
    return NULL;
}

err_t *health_index(struct request *r)
{
    struct list_query query;
    AUTO(site_names) names = NULL;
    g_autoptr(GPtrArray) rows = NULL;

    TRY(request_list(r, "name status", &query));
    TRY(site_names_read(r->db, &names));
    TRY(group_list(r->db, r->project, &query, &rows));
    g_autoptr(json_t) list = json_array();
    for (guint i = 0; i < rows->len; i++) {
        json_t *view = NULL;
        err_t *e = report_view(r, g_ptr_array_index(rows, i), names, &view);
        json_array_append_new(list, view);
        TRY(e);
    }
    json_t *out = json_pack("{s:O}", "health", list);
    const struct group_row *last = rows->len > 0 ? g_ptr_array_index(rows, rows->len - 1) : NULL;
    reply_links(r, out, "health", last != NULL ? last->id : NULL, rows->len, query.limit);
    reply_json(r, 200, out);
    return NULL;
}

err_t *health_show(struct request *r)
{
    AUTO(group_row) g = NULL;
    AUTO(site_names) names = NULL;
    json_t *view = NULL;

    TRY(change_group(r, &g));
    TRY(site_names_read(r->db, &names));
    err_t *e = report_view(r, g, names, &view);
    if (e != NULL) {
        json_decref(view);
        return e;
    }
    reply_json(r, 200, json_pack("{s:o}", "health", view));
    return NULL;
}
