/* SPDX-License-Identifier: Apache-2.0 */
/* readiness - see readiness.h. */
#include "runbooks/readiness.h"

#include "model/body.h"
#include "plan/ready.h"
#include "runbooks/group.h"
#include "runbooks/steps/foresight.h"
#include "store/drift.h"
#include "store/group.h"
#include "store/readiness.h"

struct round {
    struct world *world;
    struct db *db;
    const char *owner;
    GHashTable *before; /* foresight_round */
    const struct readiness_host *host;
};

#define DRIFT_ROUNDS 3 /* that may be missed until what was seen says nothing of now */

static void replication_tell(const struct group_now *now, const json_t *seen, json_t *report)
{
    const json_t *health = json_obj(seen, "health");
    int64_t lag_ms = json_int(health, "lag_ms", -1);
    int64_t rpo_s = json_int(body_policy(now->body), "rpo_minutes", 0) * 60;

    json_set_str(report, "link", json_str(health, "link"));
    json_set(report, "lag_s", lag_ms >= 0 ? json_integer(lag_ms / 1000) : json_null());
    json_set(report, "rpo_s", rpo_s > 0 ? json_integer(rpo_s) : json_null());
    json_set(report, "rpo_compliant",
             lag_ms < 0 || rpo_s == 0 ? json_null() : json_boolean(lag_ms <= rpo_s * 1000));
}

/* All that an unplanned failover to this site would need. */
static err_t *target_report(const struct round *r, struct step_call *call,
                            const struct group_now *now, json_t *report)
{
    AUTO(planned) p = NULL;
    g_autoptr(json_t) seen = NULL;
    json_t *rows = NULL, *predicted = NULL;

    TRY(foresight_checks(call, now, r->before, &p, &seen, &rows));
    json_set(report, "checks", rows);
    replication_tell(now, seen, report);
    if (p == NULL)
        return NULL;
    TRY(foresight_predict(call, p, seen, &predicted));
    json_set(report, PLAN_PREDICTED, predicted);
    return NULL;
}

static char *drift_text(const json_t *found)
{
    GString *text = g_string_new(NULL);
    const char *member;
    size_t i;
    json_t *texts, *said;

    json_object_foreach((json_t *)found, member, texts)
    {
        json_array_foreach(texts, i, said)
            g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "",
                                   json_string_value(said));
    }
    return g_string_free(text, FALSE);
}

/* What is protected here, as the last look for drift saw it. */
static err_t *source_report(const struct round *r, const struct group_now *now, int64_t now_ms,
                            json_t *report)
{
    g_autoptr(json_t) found = NULL;
    int64_t seen_at_ms = 0;
    json_t *rows = json_array();

    json_set(report, "checks", rows);
    TRY(drift_get(r->db, now->state.group, &found, &seen_at_ms));
    g_autofree char *text = drift_text(found);
    int64_t lasts_ms = conf_int(world_options_of(r->world)->conf, "DEFAULT", "drift_interval_s") *
                       1000 * DRIFT_ROUNDS;
    if (seen_at_ms == 0 || now_ms - seen_at_ms > lasts_ms)
        ready_add(rows, READY_UNPLANNED, READY_DRIFT, READY_UNKNOWN,
                  g_strdup(seen_at_ms == 0 ? "nobody has looked yet" : "nobody has looked lately"),
                  NULL, seen_at_ms == 0 ? now_ms : seen_at_ms);
    else
        ready_add(rows, READY_UNPLANNED, READY_DRIFT, *text == '\0' ? READY_OK : READY_FAILED,
                  g_strdup(*text == '\0' ? "nothing differs" : text), NULL, seen_at_ms);
    plan_ready_members(now->body, READY_UNPLANNED, now_ms, rows);
    return NULL;
}

/* One that lives here and is not about to end. */
static bool is_judged(const struct group_row *row)
{
    bool role = g_str_equal(row->role, "STANDBY") || g_str_equal(row->role, "ACTIVE");

    return role && !(row->flags & (GROUP_FLAG_DELETING | GROUP_FLAG_EMPTY));
}

static err_t *group_judge(const struct round *r, const char *pg_id)
{
    AUTO(group_row) row = NULL;
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) params = json_pack("{s:s}", "operation", "failover");
    g_autoptr(json_t) report = json_object();
    int64_t now_ms = env_now_ms(world_options_of(r->world)->env); /* a round may last */
    g_autofree char *at = time_format(now_ms);
    /* by group: what stands for the user in a project is audited once of each */
    g_autofree char *id = g_strdup_printf("readiness of %s", pg_id);
    struct operation op = {.id = id,
                           .pg_id = (char *)pg_id,
                           .operation_type = (char *)"failover",
                           .params = params};
    struct step_call call = world_call(r->world, r->db, &op, r->owner, now_ms);

    TRY(group_find(r->db, pg_id, &row));
    if (row == NULL || !is_judged(row))
        return readiness_forget(r->db, pg_id);
    TRY(group_now_load(&call, &now));
    if (now->body == NULL)
        return readiness_forget(r->db, pg_id);
    bool target = now->state.role == ROLE_STANDBY;
    json_set_str(report, "role", target ? "target" : "source");
    json_set_str(report, "checked_at", at);
    if (target)
        TRY(target_report(r, &call, now, report));
    else
        TRY(source_report(r, now, now_ms, report));
    return readiness_put(r->db, pg_id, report, now_ms);
}

/* What is wrong with one is told, and the others are judged. */
static err_t *group_told(void *data, const char *pg_id)
{
    const struct round *r = data;
    const struct readiness_host *host = r->host;

    if (host->over != NULL && host->over(host->data))
        return NULL;
    g_autoptr(err_t) e = group_judge(r, pg_id);
    if (e != NULL && host->report != NULL)
        host->report(host->data, pg_id, e);
    return NULL;
}

static int64_t interval_ms(const struct world *world)
{
    return conf_int(world_options_of(world)->conf, "DEFAULT", "readiness_interval_s") * 1000;
}

int64_t readiness_first_ms(const struct world *world)
{
    return MIN(interval_ms(world), READINESS_FIRST_MS);
}

err_t *readiness_run(struct world *world, struct db *db, const char *owner, int64_t now_ms,
                     const struct readiness_host *host, int64_t *ret_next_ms)
{
    g_autoptr(GHashTable) before = foresight_round();
    struct round r = {.world = world, .db = db, .owner = owner, .before = before, .host = host};

    *ret_next_ms = now_ms + interval_ms(world);
    return group_each(db, group_told, &r);
}
