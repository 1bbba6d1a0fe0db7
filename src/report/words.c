/* SPDX-License-Identifier: Apache-2.0 */
/* words - the sentences that Markdown and HTML have in common. */
#include "report/report_internal.h"

#define REPORT_NUMBER_MAX 1000000000000 /* thirty years in ms */

static void fact_destroy(void *data)
{
    struct report_fact *fact = data;

    g_free(fact->name);
    g_free(fact->value);
    g_free(fact);
}

/* Takes 'value'; one that is NULL or "" is left out. */
static void fact_add(GPtrArray *facts, const char *name, char *value)
{
    if (value == NULL || *value == '\0') {
        g_free(value);
        return;
    }
    struct report_fact *fact = g_new0(struct report_fact, 1);
    fact->name = g_strdup(name);
    fact->value = value;
    g_ptr_array_add(facts, fact);
}

char *report_duration(int64_t ms)
{
    if (ms < 0)
        return g_strdup("");
    if (ms < 10000)
        return g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT " s", ms / 1000,
                               ms % 1000 / 100);
    if (ms < 60000)
        return g_strdup_printf("%" G_GINT64_FORMAT " s", ms / 1000);
    return g_strdup_printf("%" G_GINT64_FORMAT " min %" G_GINT64_FORMAT " s", ms / 60000,
                           ms % 60000 / 1000);
}

int64_t report_number(const json_t *from, const char *key)
{
    return CLAMP(json_int(from, key, -1), -1, REPORT_NUMBER_MAX);
}

int64_t report_step_ms(const json_t *step)
{
    int64_t from_ms = report_number(step, "from_ms"), to_ms = report_number(step, "to_ms");

    return from_ms < 0 || to_ms < from_ms ? -1 : to_ms - from_ms;
}

char *report_checks(const json_t *member)
{
    GString *text = g_string_new(NULL);
    size_t i;
    json_t *check;

    json_array_foreach(json_arr(member, "checks"), i, check)
    {
        g_string_append_printf(text, "%s%s: %s", i > 0 ? "; " : "",
                               json_str_or(check, "check", "?"), json_str_or(check, "result", "?"));
        if (json_str(check, "seen") != NULL)
            g_string_append_printf(text, " (%s)", json_str(check, "seen"));
    }
    return g_string_free(text, FALSE);
}

char *report_compared(const json_t *volume)
{
    const char *verified = json_str_or(volume, "verified", "differs");

    if (g_str_equal(verified, "same"))
        return g_strdup("the same");
    if (g_str_equal(verified, "differs"))
        return g_strdup("DIFFERS");
    return g_strdup_printf("not compared: %s", json_str_or(volume, "verify_error", ""));
}

static char *seconds(const json_t *from, const char *key)
{
    int64_t s = report_number(from, key);

    return s < 0 ? NULL : report_duration(s * 1000);
}

/* "47 s, within the objective of 15 min 0 s" */
static char *rpo_text(const json_t *report)
{
    g_autofree char *is = seconds(json_obj(report, "measured"), "rpo_s");
    g_autofree char *wanted = seconds(json_obj(report, "targets"), "rpo_s");

    if (is == NULL || wanted == NULL)
        return g_strdup(is);
    bool met = json_int(json_obj(report, "measured"), "rpo_s", 0) <=
               json_int(json_obj(report, "targets"), "rpo_s", 0);
    return g_strdup_printf("%s, %s the objective of %s", is, met ? "within" : "BEYOND", wanted);
}

/* "47 s; predicted were 1 min 5 s (as test_failover op-… took …)" */
static char *rto_text(const json_t *report)
{
    const json_t *predicted = json_obj(report, "predicted");
    g_autofree char *is = seconds(json_obj(report, "measured"), "rto_s");
    g_autofree char *before = seconds(predicted, "rto_s");

    if (is == NULL || before == NULL)
        return g_strdup(is);
    return g_strdup_printf("%s; predicted: %s (%s)", is, before,
                           json_str_or(predicted, "rto_from", "?"));
}

static char *site_text(const json_t *operation)
{
    const char *source = json_str(operation, "source_site");
    const char *target = json_str(operation, "target_site");

    if (source == NULL || target == NULL || g_str_equal(source, target))
        return g_strdup(target);
    return g_strdup_printf("from %s to %s", source, target);
}

static char *point_text(const json_t *report)
{
    const json_t *point = json_obj(report, "point");

    if (point == NULL)
        return NULL;
    return g_strdup_printf("%s (%s)", json_str_or(point, "at", "?"), json_str_or(point, "id", "?"));
}

/* "failed: 3 passed, 1 failed, 2 not checked (100 % must pass)" */
static char *verdict_text(const json_t *measured)
{
    const json_t *checks = json_obj(measured, "checks");
    const char *verdict = json_str(measured, "verdict");

    if (verdict == NULL || checks == NULL)
        return NULL;
    return g_strdup_printf("%s: %" G_GINT64_FORMAT " passed, %" G_GINT64_FORMAT
                           " failed, %" G_GINT64_FORMAT " not checked (%" G_GINT64_FORMAT
                           " %% of those checked must pass)",
                           verdict, report_number(checks, "passed"),
                           report_number(checks, "failed"), report_number(checks, "not_checked"),
                           report_number(checks, "threshold_percent"));
}

static void measured_facts(const json_t *report, GPtrArray *facts)
{
    const json_t *measured = json_obj(report, "measured");

    fact_add(facts, "checks", verdict_text(measured));
    fact_add(facts, "recovery point", point_text(report));
    fact_add(facts, "data loss window (RPO)", rpo_text(report));
    fact_add(facts, "data loss predicted", seconds(json_obj(report, "predicted"), "data_loss_s"));
    fact_add(facts, "time to recover (RTO)", rto_text(report));
    fact_add(facts, "downtime", seconds(measured, "downtime_s"));
    if (json_bool(measured, "zero_loss", false))
        fact_add(facts, "loss", g_strdup("none: the servers rested when the point was made"));
    fact_add(facts, "data", g_strdup(json_str(measured, "data")));
}

static char *signer_text(const json_t *signature)
{
    return g_strdup_printf("site %s, keys %s", json_str_or(signature, "site", "?"),
                           json_str_or(signature, "fingerprint", "?"));
}

GPtrArray *report_facts(const json_t *signed_)
{
    const json_t *report = json_obj(signed_, "report");
    const json_t *operation = json_obj(report, "operation");
    GPtrArray *facts = g_ptr_array_new_with_free_func(fact_destroy);

    fact_add(facts, "operation", g_strdup(json_str(operation, "id")));
    fact_add(facts, "type", g_strdup(json_str(operation, "type")));
    fact_add(facts, "status", g_strdup(json_str(operation, "status")));
    fact_add(facts, "error", g_strdup(json_str(operation, "error")));
    fact_add(facts, "reason", g_strdup(json_str(operation, "reason")));
    fact_add(facts, "group", g_strdup(json_str(json_obj(report, "group"), "id")));
    fact_add(facts, "sites", site_text(operation));
    fact_add(facts, "begun", g_strdup(json_str(operation, "created_at")));
    fact_add(facts, "ended", g_strdup(json_str(operation, "completed_at")));
    fact_add(facts, "asked for by", g_strdup(json_str(operation, "user_id")));
    fact_add(facts, "request", g_strdup(json_str(operation, "request_id")));
    measured_facts(report, facts);
    fact_add(facts, "written", g_strdup(json_str(report, "written_at")));
    fact_add(facts, "signed by", signer_text(json_obj(signed_, "signature")));
    return facts;
}
