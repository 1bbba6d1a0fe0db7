/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - see metrics.h. */
#include "api/metrics.h"

#include "api/health.h"
#include "api/view.h"
#include "net/httpd.h"
#include "store/operation.h"

#include <protector/version.h>

#include <inttypes.h>
#include <string.h>

enum family {
    BUILD,
    GROUP,
    MEMBERS,
    OUTBOX,
    FAILED_OVER,
    READY,
    LOOKED,
    CHECK,
    LINK,
    LAG,
    RPO,
    RTO,
    OPERATIONS,
    CUT,
    FAMILIES,
};

/* Names are API: never renamed, never reused.  All are gauges. */
/* clang-format off */
static const struct {
    const char *name, *labels, *help;
} families[FAMILIES] = {
    [BUILD] = {"protector_build_info", "`version`", "Always 1."},
    [GROUP] = {"protector_protection_group_info", "those of a group, `role`, `status`, `active_site`",
               "Always 1: the role of this site in the group, its status, and where its servers run."},
    [MEMBERS] = {"protector_protection_group_members", "those of a group", "Servers in the group."},
    [OUTBOX] = {"protector_protection_group_outbox_messages", "those of a group",
                "Signed messages that wait to be carried to the other site."},
    [FAILED_OVER] = {"protector_protection_group_last_failover_timestamp_seconds", "those of a group",
                     "When the group last became active somewhere else; absent: never."},
    [READY] = {"protector_failover_ready", "those of a group",
               "1: it could fail over to this site now, 0: it could not; absent where this site is active, or nobody has looked lately."},
    [LOOKED] = {"protector_readiness_checked_timestamp_seconds", "those of a group",
                "When an engine of this site last looked at the group's readiness."},
    [CHECK] = {"protector_readiness_check_not_ok", "those of a group, `check`, `result`, `then`",
               "1 for each check (docs/readiness.md) that failed or could not be looked at; absent: ok."},
    [LINK] = {"protector_replication_link", "those of a group, `state`",
              "Always 1: what the storage driver says of the arrays' connection."},
    [LAG] = {"protector_replication_lag_seconds", "those of a group",
             "Age of the newest complete recovery point when an engine last looked."},
    [RPO] = {"protector_replication_rpo_seconds", "those of a group", "The policy's objective."},
    [RTO] = {"protector_failover_predicted_seconds", "those of a group",
             "How long a failover to this site would take."},
    [OPERATIONS] = {"protector_operations_open", "`site`, `type`, `status`",
                    "Operations that have not ended, those that wait for a person too."},
    [CUT] = {"protector_metrics_cut", "`site`",
             "1: there are more protection groups than are told of here."},
};
/* clang-format on */

struct scrape {
    const struct api_options *o;
    struct db *db;
    int64_t now_ms;
    char *site; /* this site's name; "" before it is registered */
    struct site_names *names;
    GString *samples[FAMILIES];
};

/* ---- text ---- */

/* ,name="value" with the first comma left out. */
static void label_add(GString *labels, const char *name, const char *value)
{
    g_string_append_printf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
    for (const char *c = value != NULL ? value : ""; *c != '\0'; c++) {
        if (*c == '\n')
            g_string_append(labels, "\\n");
        else if (*c == '"' || *c == '\\')
            g_string_append_printf(labels, "\\%c", *c);
        else
            g_string_append_c(labels, *c);
    }
    g_string_append_c(labels, '"');
}

static GString *labels_of(const struct scrape *s)
{
    GString *labels = g_string_new(NULL);

    label_add(labels, "site", s->site);
    return labels;
}

static void sample(struct scrape *s, enum family family, const char *labels, int64_t value)
{
    g_string_append_printf(s->samples[family], "%s{%s} %" PRId64 "\n", families[family].name,
                           labels, value);
}

/* With further labels: names and values in turn, ended by NULL. */
static G_GNUC_NULL_TERMINATED void sample_with(struct scrape *s, enum family family,
                                               const char *labels, int64_t value, ...)
{
    g_autoptr(GString) all = g_string_new(labels);
    const char *name;
    va_list list;

    va_start(list, value);
    while ((name = va_arg(list, const char *)) != NULL)
        label_add(all, name, va_arg(list, const char *));
    va_end(list);
    sample(s, family, all->str, value);
}

static char *text_of(const struct scrape *s)
{
    GString *text = g_string_new(NULL);

    for (enum family family = BUILD; family < FAMILIES; family++) {
        const char *name = families[family].name;
        g_string_append_printf(text, "# HELP %s %s\n# TYPE %s gauge\n%s", name,
                               families[family].help, name, s->samples[family]->str);
    }
    return g_string_free(text, FALSE);
}

/* ---- groups ---- */

/* A number that may be unknown. */
static void number(struct scrape *s, enum family family, const char *labels, const json_t *value)
{
    if (json_is_integer(value))
        sample(s, family, labels, json_integer_value(value));
}

static void checks_tell(struct scrape *s, const char *labels, const json_t *report)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(report, "checks"), i, row)
    {
        const char *result = json_str_or(row, "result", "unknown");
        if (!g_str_equal(result, "ok"))
            sample_with(s, CHECK, labels, 1, "check", json_str(row, "id"), "result", result, "then",
                        json_str(row, "then"), NULL);
    }
}

static void health_tell(struct scrape *s, const char *labels, const struct health *h)
{
    g_autoptr(json_t) ready = health_ready(h);
    const char *at = json_str(h->report, "checked_at");

    if (at != NULL)
        sample(s, LOOKED, labels, time_parse(at) / 1000);
    if (h->stale)
        return;
    if (json_is_boolean(ready))
        sample(s, READY, labels, json_is_true(ready) ? 1 : 0);
    checks_tell(s, labels, h->report);
    if (json_str(h->report, "link") != NULL)
        sample_with(s, LINK, labels, 1, "state", json_str(h->report, "link"), NULL);
    number(s, LAG, labels, json_object_get(h->report, "lag_s"));
    number(s, RPO, labels, json_object_get(h->report, "rpo_s"));
    number(s, RTO, labels, json_object_get(json_obj(h->report, "predicted"), "rto_s"));
}

static void group_tell(struct scrape *s, const struct group_row *g, GHashTable *seen)
{
    struct health h = health_of(seen, g, s->o->conf, s->now_ms);
    g_autoptr(GString) labels = labels_of(s);

    label_add(labels, "group_id", g->id);
    label_add(labels, "group", g->name);
    label_add(labels, "project_id", g->project_id);
    sample_with(s, GROUP, labels->str, 1, "role", g->role, "status", g->status, "active_site",
                site_names_get(s->names, g->current_primary_site_id), NULL);
    sample(s, MEMBERS, labels->str, g->member_count);
    sample(s, OUTBOX, labels->str, g->outbox_count);
    if (g->last_failover_at_ms > 0)
        sample(s, FAILED_OVER, labels->str, g->last_failover_at_ms / 1000);
    health_tell(s, labels->str, &h);
}

/* A page after 'marker'; '*ret_last' is the next one's, NULL: this was the last. */
static err_t *page_tell(struct scrape *s, const char *marker, char **ret_last)
{
    struct list_query query = {.limit = LIST_LIMIT_MAX,
                               .marker = marker,
                               .sort_count = 1,
                               .sorts = {{"id", false}}};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GHashTable) seen = NULL;

    *ret_last = NULL;
    TRY(group_list(s->db, NULL, &query, &rows));
    TRY(health_read(s->db, rows, &seen));
    for (guint i = 0; i < rows->len; i++)
        group_tell(s, g_ptr_array_index(rows, i), seen);
    if (rows->len == LIST_LIMIT_MAX)
        *ret_last = g_strdup(((struct group_row *)g_ptr_array_index(rows, rows->len - 1))->id);
    return NULL;
}

static err_t *groups_follow(struct scrape *s, const char *marker, bool *ret)
{
    struct list_query query = {.limit = 1,
                               .marker = marker,
                               .sort_count = 1,
                               .sorts = {{"id", false}}};
    g_autoptr(GPtrArray) rows = NULL;

    TRY(group_list(s->db, NULL, &query, &rows));
    *ret = rows->len > 0;
    return NULL;
}

static err_t *groups_tell(struct scrape *s)
{
    g_autofree char *marker = NULL;
    g_autoptr(GString) labels = labels_of(s);

    for (int told = 0; told < METRICS_GROUPS_MAX; told += LIST_LIMIT_MAX) {
        char *last = NULL;
        TRY(page_tell(s, marker, &last));
        g_free(marker);
        marker = last;
        if (marker == NULL)
            break;
    }
    bool more = false;
    if (marker != NULL)
        TRY(groups_follow(s, marker, &more));
    sample(s, CUT, labels->str, more ? 1 : 0);
    return NULL;
}

/* ---- the whole ---- */

static err_t *operations_tell(struct scrape *s)
{
    AUTO(db_rows) rows = NULL;
    g_autoptr(GString) labels = labels_of(s);

    TRY(operation_count_open(s->db, &rows));
    for (size_t i = 0; i < db_rows_count(rows); i++)
        sample_with(s, OPERATIONS, labels->str, db_int(rows, i, 2), "type", db_str(rows, i, 0),
                    "status", db_str(rows, i, 1), NULL);
    return NULL;
}

static err_t *scrape_run(struct scrape *s)
{
    AUTO(site) self = NULL;

    TRY(site_find_local(s->db, &self));
    s->site = g_strdup(self != NULL ? self->name : "");
    TRY(site_names_read(s->db, &s->names));
    sample(s, BUILD, "version=\"" PROTECTOR_VERSION "\"", 1);
    TRY(groups_tell(s));
    return operations_tell(s);
}

static void scrape_fini(struct scrape *s)
{
    for (enum family family = BUILD; family < FAMILIES; family++)
        g_string_free(s->samples[family], TRUE);
    site_names_destroy(s->names);
    g_free(s->site);
}

static err_t *scrape(const struct api_options *o, char **ret)
{
    struct scrape s = {.o = o, .now_ms = env_now_ms(o->env)};

    for (enum family family = BUILD; family < FAMILIES; family++)
        s.samples[family] = g_string_new(NULL);
    s.db = o->db_get(o->db_data);
    err_t *e = scrape_run(&s);
    o->db_put(o->db_data, s.db);
    if (e == NULL)
        *ret = text_of(&s);
    scrape_fini(&s);
    return e;
}

static err_t *answer(const struct api_options *o, const struct http_request *req, char **ret)
{
    g_autofree char *path = url_path(req->url);

    if (!g_str_equal(path, METRICS_PATH))
        return err(NOT_FOUND, "there is no resource at this path, only %s", METRICS_PATH);
    if (!g_str_equal(req->method, "GET"))
        return err(METHOD_NOT_ALLOWED, "%s is not allowed here, only GET", req->method);
    g_autoptr(err_t) e = scrape(o, ret);
    if (e == NULL)
        return NULL;
    if (o->report != NULL)
        o->report(o->report_data, NULL, e);
    /* what happened inside is for the log: who asks here has not logged in */
    return err(UNAVAILABLE, "the metrics cannot be read: see the log of protector-api");
}

struct http_response *metrics_handle(void *data, const struct http_request *req)
{
    const struct api_options *o = data;
    g_autofree char *text = NULL;
    g_autoptr(err_t) e = answer(o, req, &text);

    if (e != NULL)
        return httpd_fault(NULL, req, e);
    struct http_response *resp = http_response_create(200);
    http_response_body(resp, "text/plain; version=0.0.4; charset=utf-8", text, strlen(text));
    return resp;
}

char *metrics_markdown(void)
{
    GString *s = g_string_new("| metric | labels | what it says |\n|---|---|---|\n");

    for (enum family family = BUILD; family < FAMILIES; family++)
        g_string_append_printf(s, "| `%s` | %s | %s |\n", families[family].name,
                               families[family].labels, families[family].help);
    return g_string_free(s, FALSE);
}
