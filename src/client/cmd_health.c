/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_health - whether groups could fail over now: each site tells what its engines saw last; who
 * reaches both sites puts the halves together, and sees what neither can: that both hold the same.
 *
 * A group is ready if its standby says so and nothing that the active site sees speaks against it.
 */
#include "client/client_internal.h"
#include "model/readiness.h"

#define REPORTS_AT 200 /* of a page: a report is some 15 KiB */
#define PAGES_MAX  500 /* more, and the site tells the same again and again */

/* Both halves of a group's report; either may be missing. */
struct halves {
    const json_t *target, *source;
};

static bool is_target(const json_t *report)
{
    return g_strcmp0(json_str(report, "role"), "target") == 0;
}

static struct halves halves_of(const json_t *here, const json_t *there)
{
    struct halves h = {is_target(here) ? here : there, is_target(here) ? there : here};

    return h;
}

/* The source's rows stand for both: it knows the servers. */
static bool said_by(const json_t *rows, const char *id)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)rows, i, row)
    {
        if (g_strcmp0(json_str(row, "id"), id) == 0)
            return true;
    }
    return false;
}

/* What is stale says nothing of now. */
static json_t *row_now(const json_t *row, bool stale)
{
    json_t *out = json_copy((json_t *)row);

    if (stale) {
        g_autofree char *text =
            g_strdup_printf("nobody has looked since: %s", json_str_or(row, "seen", ""));
        json_set_str(out, "result", "unknown");
        json_set_str(out, "seen", text);
    }
    return out;
}

static void rows_add(json_t *rows, const json_t *report)
{
    bool stale = json_bool(report, "stale", false);
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(report, "checks"), i, row)
    {
        if (!said_by(rows, json_str(row, "id")))
            json_array_append_new(rows, row_now(row, stale));
    }
}

static void peer_add(json_t *rows, const struct halves *h, int64_t now_ms)
{
    bool both = h->target != NULL && h->source != NULL;

    ready_add(rows, READY_UNPLANNED, READY_PEER, both ? READY_OK : READY_FAILED,
              g_strdup(both ? "both sites have told" : "one of the sites does not answer"), NULL,
              now_ms);
}

static void in_sync_add(json_t *rows, const struct halves *h, int64_t now_ms)
{
    const char *here = json_str(h->target, "position"), *there = json_str(h->source, "position");

    if (h->target == NULL || h->source == NULL)
        ready_add(rows, READY_UNPLANNED, READY_IN_SYNC, READY_UNKNOWN,
                  g_strdup("one of the sites does not answer"), NULL, now_ms);
    else
        ready_add(rows, READY_UNPLANNED, READY_IN_SYNC,
                  g_strcmp0(here, there) == 0 ? READY_OK : READY_FAILED,
                  g_strdup_printf("version %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
                                  json_int(h->target, "version", 0),
                                  json_int(h->source, "version", 0)),
                  NULL, now_ms);
}

/* null: the standby has not told, or not lately. */
static json_t *ready_of(const struct halves *h, const json_t *rows)
{
    if (h->target == NULL || json_is_null(json_object_get(h->target, "failover_ready")))
        return json_null();
    return json_boolean(ready_all(rows));
}

static json_t *merged(const json_t *here, const json_t *there, int64_t now_ms)
{
    static const char *const told[] = {"link",          "lag_s",     "rpo_s",
                                       "rpo_compliant", "predicted", "checked_at"};
    struct halves h = halves_of(here, there);
    json_t *out = json_object();
    json_t *rows = json_array();

    in_sync_add(rows, &h, now_ms);
    peer_add(rows, &h, now_ms);
    rows_add(rows, h.source);
    rows_add(rows, h.target);
    json_set_str(out, "id", json_str(here, "id"));
    json_set_str(out, "name", json_str(here, "name"));
    json_set_str(out, "status", json_str(here, "status"));
    json_set_str(out, "current_primary_site", json_str(here, "current_primary_site"));
    for (size_t i = 0; i < G_N_ELEMENTS(told); i++) {
        json_t *value = json_object_get(h.target, told[i]);
        json_set(out, told[i], value != NULL ? json_incref(value) : json_null());
    }
    json_set(out, "in_sync",
             h.target == NULL || h.source == NULL
                 ? json_null()
                 : json_boolean(g_strcmp0(json_str(h.target, "position"),
                                          json_str(h.source, "position")) == 0));
    json_set(out, "failover_ready", ready_of(&h, rows));
    json_set(out, "checks", rows);
    return out;
}

/* ---- all groups ---- */

/* All that a site tells, page by page; NET_PROTOCOL if that has no end. */
static err_t *reports_read(struct end *end, json_t *ret)
{
    g_autofree char *marker = g_strdup("");
    size_t count = REPORTS_AT;

    for (int page_count = 0; count == REPORTS_AT && page_count < PAGES_MAX; page_count++) {
        g_autoptr(json_t) reply = NULL;
        TRY(end_get(end, &reply, "health?limit=%d%s", REPORTS_AT, marker));
        json_t *page = json_arr(reply, "health");
        count = json_array_size(page);
        json_array_extend(ret, page);
        const char *last = count > 0 ? json_str(json_array_get(page, count - 1), "id") : NULL;
        g_free(marker);
        marker = g_strdup_printf("&marker=%s", last != NULL ? last : "");
    }
    if (count == REPORTS_AT)
        return err(NET_PROTOCOL, "GET health of '%s' has not ended after %d pages of %d groups",
                   end->cloud, PAGES_MAX, REPORTS_AT);
    return NULL;
}

/* The reports of another site, by group, into 'by_id'; one that does not answer is told. */
static void peer_reports(struct call *call, const json_t *site, json_t *by_id)
{
    struct end *end = NULL;
    g_autoptr(json_t) reports = json_array();
    size_t i;
    json_t *report;

    err_t *e = client_site_end(call->c, site, &end);
    if (e == NULL)
        e = reports_read(end, reports);
    if (e != NULL)
        note_event(call->c, "warning", "site '%s' does not tell what it sees: %s",
                   json_str_or(site, "name", "?"), err_message(e));
    err_free(e);
    json_array_foreach(reports, i, report)
        json_object_set(by_id, json_str_or(report, "id", ""), report);
}

static err_t *peers_reports(struct call *call, struct end *local, json_t *by_id)
{
    g_autoptr(json_t) reply = NULL;
    size_t i;
    json_t *site;

    TRY(end_get(local, &reply, "sites"));
    json_array_foreach(json_arr(reply, "sites"), i, site)
    {
        if (!json_bool(site, "is_local", false) && !site_given_up(site))
            peer_reports(call, site, by_id);
    }
    return NULL;
}

err_t *cmd_health_show(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) reports = json_array();
    g_autoptr(json_t) by_id = json_object();
    g_autoptr(json_t) list = json_array();
    size_t i;
    json_t *report;

    TRY(client_local(call->c, &local));
    TRY(reports_read(local, reports));
    TRY(peers_reports(call, local, by_id));
    json_array_foreach(reports, i, report)
        json_array_append_new(list,
                              merged(report, json_object_get(by_id, json_str_or(report, "id", "")),
                                     env_now_ms(call->c->env)));
    *ret = show_list(list, arg_flag(call, "long")
                               ? "id=ID|name=Protection Group|status=Status|"
                                 "current_primary_site=Current Primary Site|link=Link|lag_s=Lag|"
                                 "rpo_s=RPO|rpo_compliant=RPO Compliant|in_sync=In Sync|"
                                 "failover_ready=Failover Ready|checked_at=Checked At"
                               : "name=Protection Group|link=Link|lag_s=Lag|"
                                 "rpo_compliant=RPO Compliant|in_sync=In Sync|"
                                 "failover_ready=Failover Ready");
    return NULL;
}

/* ---- one group ---- */

static json_t *report_at(struct end *end, const char *pg_id, err_t **ret_why)
{
    json_t *report = NULL;

    *ret_why = end_get_object(end, "health", &report, "protection-groups/%s/health", pg_id);
    return report;
}

static const char *ready_word(const json_t *report)
{
    const json_t *ready = json_object_get(report, "failover_ready");

    return json_is_true(ready) ? "ready" : json_is_false(ready) ? "NOT READY" : "not known";
}

static GString *report_words(const json_t *report)
{
    GString *words = g_string_new(NULL);
    int64_t lag_s = json_int(report, "lag_s", -1);

    g_string_append_printf(words, "%s, active at %s: failover %s\n",
                           json_str_or(report, "name", "?"),
                           json_str_or(report, "current_primary_site", "?"), ready_word(report));
    g_string_append_printf(words, "replication %s", json_str_or(report, "link", "not known"));
    if (lag_s >= 0)
        g_string_append_printf(words, ", lag %" G_GINT64_FORMAT " s of %" G_GINT64_FORMAT " s",
                               lag_s, json_int(report, "rpo_s", 0));
    g_string_append_printf(words, "\nchecked %s\n", json_str_or(report, "checked_at", "never"));
    checks_words(json_arr(report, "checks"), words);
    return words;
}

static err_t *group_run(struct call *call, struct pair *pair, json_t **ret)
{
    err_t *here_no = NULL, *there_no = NULL;
    g_autoptr(json_t) here = report_at(pair->local, pair_id(pair), &here_no);
    g_autoptr(json_t) there = here_no == NULL && pair->peer != NULL
                                  ? report_at(pair->peer, pair_id(pair), &there_no)
                                  : NULL;

    err_free(there_no); /* a site that does not answer is a row of the evidence */
    TRY(here_no);
    g_autoptr(json_t) report = merged(here, there, env_now_ms(call->c->env));
    bool ready = json_is_true(json_object_get(report, "failover_ready"));
    *ret = show_text(report_words(report), json_incref(report));
    json_set_int(*ret, "exit", ready ? 0 : 1);
    return NULL;
}

err_t *cmd_health_group(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = group_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}
