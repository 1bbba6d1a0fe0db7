/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - ReplicationHealthReport: of each group what this site's engines saw last, whether it
 * could fail over to this site, and the evidence.  What only somebody who reaches both sites can
 * tell (client/cmd_health.c) is not in it.
 */
#include "api/health.h"

#include "api/change.h"
#include "api/resources.h"
#include "api/view.h"
#include "model/readiness.h"
#include "store/readiness.h"

#define STALE_ROUNDS 3 /* an engine that has missed so many says nothing of now */

err_t *health_read(struct db *db, const GPtrArray *rows, GHashTable **ret)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new();

    for (guint i = 0; i < rows->len; i++)
        g_ptr_array_add(ids, ((const struct group_row *)g_ptr_array_index(rows, i))->id);
    return readiness_list(db, (const char *const *)ids->pdata, ids->len, ret);
}

static bool is_target(const json_t *report)
{
    return g_strcmp0(json_str(report, "role"), "target") == 0;
}

struct health health_of(GHashTable *seen, const struct group_row *g, const struct conf *conf,
                        int64_t now_ms)
{
    const json_t *report = g_hash_table_lookup(seen, g->id);
    int64_t interval_ms = conf_int(conf, "DEFAULT", "readiness_interval_s") * 1000;

    if (report == NULL || is_target(report) != g_str_equal(g->role, "STANDBY"))
        return (struct health){.stale = true};
    const char *at = json_str(report, "checked_at");
    bool stale = at == NULL || now_ms - time_parse(at) > STALE_ROUNDS * interval_ms;
    return (struct health){.report = report, .stale = stale};
}

json_t *health_ready(const struct health *h)
{
    if (h->stale || !is_target(h->report))
        return json_null();
    return json_boolean(ready_all(json_arr(h->report, "checks")));
}

static json_t *report_view(const struct request *r, const struct group_row *g,
                           const struct site_names *names, GHashTable *seen)
{
    static const char *const keys[] = {"role",          "link",      "lag_s",     "rpo_s",
                                       "rpo_compliant", "predicted", "checked_at"};
    struct health h = health_of(seen, g, r->o->conf, r->now_ms);
    json_t *out = json_object();

    json_set_str(out, "id", g->id);
    json_set_str(out, "name", g->name);
    json_set_str(out, "project_id", g->project_id);
    json_set_str(out, "status", g->status);
    json_set_str(out, "current_primary_site", site_names_get(names, g->current_primary_site_id));
    json_set_int(out, "version", g->version);
    json_set_str(out, "position", g->position);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(h.report, keys[i]);
        json_set(out, keys[i], value != NULL ? json_incref(value) : json_null());
    }
    json_set_bool(out, "stale", h.stale);
    json_set(out, "failover_ready", health_ready(&h));
    json_t *checks = json_arr(h.report, "checks");
    json_set(out, "checks", checks != NULL ? json_incref(checks) : json_array());
    return out;
}

err_t *health_index(struct request *r)
{
    struct list_query query;
    AUTO(site_names) names = NULL;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GHashTable) seen = NULL;

    TRY(request_list(r, "name status", &query));
    TRY(site_names_read(r->db, &names));
    TRY(group_list(r->db, r->project, &query, &rows));
    TRY(health_read(r->db, rows, &seen));
    g_autoptr(json_t) list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, report_view(r, g_ptr_array_index(rows, i), names, seen));
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
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    g_autoptr(GHashTable) seen = NULL;

    TRY(change_group(r, &g));
    TRY(site_names_read(r->db, &names));
    g_ptr_array_add(rows, g);
    TRY(health_read(r->db, rows, &seen));
    reply_json(r, 200, json_pack("{s:o}", "health", report_view(r, g, names, seen)));
    return NULL;
}
