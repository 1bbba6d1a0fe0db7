/* SPDX-License-Identifier: Apache-2.0 */
/* ready - see ready.h.  Neighbours: addresses.c counts the free addresses, quota.c what is wanted.
 */
#include "plan/ready.h"

#include "model/body.h"
#include "plan/failover.h"
#include "plan/ready_internal.h"

#define DAY_MS INT64_C(86400000)

static void judged(struct judging *j, enum ready_check check, enum ready_result result, char *seen)
{
    ready_add(j->rows, j->in->kind, check, result, seen, NULL, j->in->now_ms);
}

void judged_ok(struct judging *j, enum ready_check check, char *seen)
{
    judged(j, check, READY_OK, seen);
}

void judged_failed(struct judging *j, enum ready_check check, char *seen)
{
    judged(j, check, READY_FAILED, seen);
}

void judged_unknown(struct judging *j, enum ready_check check, char *seen)
{
    judged(j, check, READY_UNKNOWN, seen);
}

const json_t *judged_look(struct judging *j, enum ready_check check, const char *key)
{
    const json_t *look = json_object_get(j->in->seen, key);
    const char *error = json_str(look, "error");

    if (look != NULL && !json_is_null(look) && error == NULL)
        return look;
    judged(j, check, json_bool(look, "certain", false) ? READY_FAILED : READY_UNKNOWN,
           g_strdup(error != NULL ? error : "nobody has looked"));
    return NULL;
}

bool judged_planned(struct judging *j, enum ready_check check)
{
    const json_t *why = json_obj(j->in->seen, "inventory");

    if (j->in->plan != NULL)
        return true;
    judged(j, check, READY_UNKNOWN,
           g_strdup_printf("there is no plan: %s", json_str_or(why, "error", "nobody has looked")));
    return false;
}

/* Whether a look that needs no words went well. */
static void judge_look(struct judging *j, enum ready_check check, const char *key, const char *well)
{
    if (judged_look(j, check, key) != NULL)
        judged_ok(j, check, g_strdup(well));
}

/* ---- the group ---- */

static void judge_members(struct judging *j)
{
    g_autoptr(GString) text = g_string_new(NULL);
    bool home = j->in->kind == READY_HANDOVER && j->in->plan != NULL &&
                g_strcmp0(json_str(j->in->plan, "operation"), "failback") == 0;
    size_t i, count = json_array_size(body_members(j->in->body));
    json_t *member;

    json_array_foreach(body_members(j->in->body), i, member)
    {
        const char *status = json_str_or(member, "status", "unknown");
        bool stayed = home && g_str_equal(status, "unrecovered"); /* it has never left */
        if (!g_str_equal(status, "protected") && !stayed)
            g_string_append_printf(text, "%s%s is %s", text->len > 0 ? ", " : "",
                                   json_str_or(member, "instance_name", "?"), status);
    }
    if (text->len > 0)
        judged_failed(j, READY_MEMBERS, g_strdup(text->str));
    else
        judged_ok(j, READY_MEMBERS,
                  count > 0 ? g_strdup_printf("all %zu", count)
                            : g_strdup("the group has no members: only its role would move"));
}

static void judge_policy(struct judging *j)
{
    const json_t *policy = body_policy(j->in->body);

    if (policy == NULL)
        judged_failed(j, READY_POLICY, g_strdup("none is set"));
    else
        judged_ok(j, READY_POLICY, g_strdup(json_str_or(policy, "pure_pg_name", "")));
}

/* ---- the plan's own problems ---- */

/* The kinds of problems of planning.h that each check is about. */
static const struct {
    enum ready_check check;
    const char *code;
} problems[] = {
    {READY_NETWORKS, "network"}, {READY_FLAVORS, "flavor"}, {READY_IMAGES, "image"},
    {READY_OUTSIDE, "outside"},  {READY_KEPT, "kept"},
};

static void judge_problem(struct judging *j, enum ready_check check, const char *code)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) remedy = g_string_new(NULL);

    if (!judged_planned(j, check))
        return;
    plan_problem_words(j->in->plan, code, text, remedy);
    if (text->len > 0)
        ready_add(j->rows, j->in->kind, check, READY_FAILED, g_strdup(text->str), remedy->str,
                  j->in->now_ms);
    else
        judged_ok(j, check, g_strdup("nothing is missing"));
}

static void judge_kept(struct judging *j)
{
    if (j->in->plan == NULL || json_obj(j->in->plan, "left_out") != NULL) /* --from kept */
        judge_problem(j, READY_KEPT, "kept");
}

/* "ssh-ed25519 AAAA… name": what counts is without the name. */
static bool same_key(const char *a, const char *b)
{
    g_auto(GStrv) left = g_strsplit(a != NULL ? a : "", " ", 3);
    g_auto(GStrv) right = g_strsplit(b != NULL ? b : "", " ", 3);

    for (int i = 0; i < 2; i++) {
        if (g_strcmp0(left[i], right[i]) != 0)
            return false;
        if (left[i] == NULL)
            return true;
    }
    return true;
}

static void judge_keypairs(struct judging *j)
{
    const json_t *there = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    size_t i;
    json_t *key;

    if (!judged_planned(j, READY_KEYPAIRS) ||
        (there = judged_look(j, READY_KEYPAIRS, "keypairs")) == NULL)
        return;
    json_array_foreach(json_arr(j->in->plan, "keys"), i, key)
    {
        const char *name = json_str_or(key, "name", "");
        const char *other = json_str(json_obj(there, "list"), name);
        if (other != NULL && !same_key(other, json_str(key, "public_key")))
            g_string_append_printf(text, "%s'%s' is another key at this site, and servers get it",
                                   text->len > 0 ? ", " : "", name);
    }
    if (text->len > 0)
        judged_failed(j, READY_KEYPAIRS, g_strdup(text->str));
    else
        judged_ok(j, READY_KEYPAIRS,
                  g_strdup_printf("%zu wanted", json_array_size(json_arr(j->in->plan, "keys"))));
}

/* ---- replication ---- */

static char *point_text(const struct judging *j, const json_t *point)
{
    int64_t time_ms = json_int(point, "time_ms", 0);
    g_autofree char *at = time_format(time_ms);

    return g_strdup_printf("%s, %" G_GINT64_FORMAT " s ago", at,
                           MAX(j->in->now_ms - time_ms, 0) / 1000);
}

static void judge_point_whole(struct judging *j, const json_t *point)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *member;
    json_t *why;

    json_object_foreach(json_obj(point, "left_out"), member, why)
    {
        const json_t *known = body_member(j->in->body, member);
        g_string_append_printf(text, "%s%s: %s", text->len > 0 ? "; " : "",
                               json_str_or(known, "instance_name", member), json_string_value(why));
    }
    if (text->len > 0)
        judged_failed(j, READY_POINT_WHOLE, g_strdup(text->str));
    else
        judged_ok(j, READY_POINT_WHOLE, g_strdup("every volume of every member"));
}

static void judge_point(struct judging *j)
{
    bool kept = json_obj(j->in->plan, "left_out") != NULL;
    bool empty = json_array_size(json_arr(j->in->plan, "volumes")) == 0;
    const json_t *point = NULL;

    if (ready_then(READY_POINT, j->in->kind) == READY_NOTHING)
        return;
    if (j->in->plan != NULL && (kept || empty)) {
        judged_ok(j, READY_POINT,
                  g_strdup(kept ? "none is used: what was kept here" : "none is used: no volumes"));
        return;
    }
    if (!judged_planned(j, READY_POINT) || (point = judged_look(j, READY_POINT, "point")) == NULL)
        return;
    judged_ok(j, READY_POINT, point_text(j, point));
    judge_point_whole(j, point);
}

/* What is degraded may carry all that is needed: nobody knows. */
static void judge_link(struct judging *j, const json_t *health)
{
    const char *link = json_str_or(health, "link", "unknown");
    const char *detail = json_str_or(health, "detail", "");
    bool up = g_str_equal(link, "up"), down = g_str_equal(link, "down");

    judged(j, READY_LINK,
           up     ? READY_OK
           : down ? READY_FAILED
                  : READY_UNKNOWN,
           g_strdup_printf("%s%s%s", link, *detail != '\0' ? ": " : "", detail));
}

/* How much would be lost, if it happened now. */
static void judge_lag(struct judging *j, const json_t *health)
{
    int64_t lag_ms = json_int(health, "lag_ms", -1);
    bool any = json_int(health, "last_point_ms", 0) > 0;
    int64_t rpo_ms = json_int(body_policy(j->in->body), "rpo_minutes", 0) * 60000;
    bool sync = g_strcmp0(body_replication_type(j->in->body), "sync") == 0;

    if (lag_ms < 0) {
        judged(j, READY_LAG, any ? READY_UNKNOWN : READY_FAILED,
               g_strdup(any ? "the arrays cannot tell" : "no whole recovery point is here"));
        return;
    }
    char *text = sync ? g_strdup("replicated with each write")
                      : g_strdup_printf("%" G_GINT64_FORMAT " s of %" G_GINT64_FORMAT " s",
                                        lag_ms / 1000, rpo_ms / 1000);
    judged(j, READY_LAG, rpo_ms > 0 && lag_ms > rpo_ms ? READY_FAILED : READY_OK, text);
}

static void judge_replication(struct judging *j)
{
    bool nothing = json_array_size(body_members(j->in->body)) == 0;
    const json_t *health = judged_look(j, READY_LINK, "health");

    if (health != NULL)
        judge_link(j, health);
    if (nothing) /* there is nothing to make points of */
        return;
    health = judged_look(j, READY_LAG, "health");
    if (health != NULL)
        judge_lag(j, health);
}

/* ---- around ---- */

static void judge_witness(struct judging *j)
{
    if (json_bool(j->in->seen, "tags", false))
        judged_ok(j, READY_WITNESS, g_strdup("tags of the array"));
    else
        judged_failed(j, READY_WITNESS, g_strdup("the storage driver cannot tag"));
}

static void judge_rehearsed(struct judging *j)
{
    const json_t *drill = json_obj(j->in->seen, "drill");
    int64_t days = (j->in->now_ms - json_int(drill, "ended_at_ms", 0)) / DAY_MS;

    if (drill == NULL)
        judged_failed(j, READY_REHEARSED, g_strdup("none has been completed at this site"));
    else if (!json_bool(drill, "passed", false))
        judged_failed(j, READY_REHEARSED, g_strdup("the checks of the last one failed"));
    else
        judged(j, READY_REHEARSED, days > READY_DRILL_MAX_DAYS ? READY_FAILED : READY_OK,
               g_strdup_printf("%" G_GINT64_FORMAT " days ago", MAX(days, 0)));
}

json_t *plan_ready(const struct plan_ready_input *in)
{
    struct judging j = {in, json_array()};

    judge_members(&j);
    judge_policy(&j);
    judge_look(&j, READY_TRUST, "trust", "it lets this site in");
    judge_look(&j, READY_RIGHTS, "rights", "Cinder lets them");
    judge_look(&j, READY_BACKEND, "backend", "up and enabled");
    if (ready_then(READY_SOURCE, in->kind) != READY_NOTHING)
        judge_look(&j, READY_SOURCE, "source", "its service credentials work");
    for (size_t i = 0; i < G_N_ELEMENTS(problems); i++) {
        if (problems[i].check == READY_KEPT)
            judge_kept(&j);
        else
            judge_problem(&j, problems[i].check, problems[i].code);
    }
    judge_keypairs(&j);
    judge_quotas(&j);
    judge_point(&j);
    judge_replication(&j);
    judge_witness(&j);
    judge_rehearsed(&j);
    return j.rows;
}

void plan_ready_members(const json_t *body, enum ready_kind kind, int64_t now_ms, json_t *rows)
{
    struct plan_ready_input in = {.kind = kind, .body = body, .now_ms = now_ms};
    struct judging j = {&in, rows};

    judge_members(&j);
}
