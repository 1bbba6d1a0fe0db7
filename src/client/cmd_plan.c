/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_plan - what an operation would make, and whether it would succeed: asked of the site where
 * the servers would start, with what only somebody sees who reaches both sites.
 */
#include "client/client_internal.h"
#include "model/readiness.h"
#include "model/states.h"

/* What the client itself judges, and of what. */
struct ahead {
    struct pair *pair;
    struct end *end; /* where the servers would start */
    enum ready_kind kind;
    enum verb verb;
    json_t *here,
        *there; /* the group as that site and the other one have it; 'there' may be NULL */
    json_t *rows;
    int64_t now_ms;
};

/* ---- asked of the site ---- */

static err_t *look_ask(struct end *end, struct pair *pair, const json_t *in, json_t **ret)
{
    g_autoptr(json_t) body = json_pack("{s:O}", "plan", in);
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;
    g_autofree char *path = g_strdup_printf("protection-groups/%s/plan", pair_id(pair));
    struct ask ask = {.method = "POST", .path = path, .body = body};

    TRY(end_ask(end, &ask, &reply, NULL));
    TRY(follow(end, json_str_or(json_obj(reply, "operation"), "id", ""), NULL, &op));
    TRY(operation_outcome(op));
    *ret = json_deep_copy(json_obj(op, "result"));
    return *ret != NULL ? NULL : err(NET_PROTOCOL, "the site's answer has no plan");
}

/* ---- judged by whoever reaches both ---- */

static void row(struct ahead *a, enum ready_check check, enum ready_result result, char *seen)
{
    ready_add(a->rows, a->kind, check, result, seen, NULL, a->now_ms);
}

static struct end *other_end(struct pair *pair, const struct end *end)
{
    return end == pair->local ? pair->peer : pair->local;
}

static void judge_status(const struct ahead *a, const json_t *group, const struct end *end,
                         bool *may, GString *text)
{
    const char *status = json_str(group, "status");

    *may = *may && verb_allowed_in(a->verb, group_status_of(status));
    g_string_append_printf(text, "%s%s at %s", text->len > 0 ? ", " : "", status,
                           pair_end_name(a->pair, end));
}

/* As it stands where the operation would begin; a handover needs both. */
static void judge_state(struct ahead *a)
{
    g_autoptr(GString) text = g_string_new(NULL);
    bool both = a->kind == READY_HANDOVER, may = true;

    if (json_str(a->here, "status") == NULL || (both && json_str(a->there, "status") == NULL)) {
        row(a, READY_STATE, READY_UNKNOWN,
            g_strdup("the site where it would begin does not answer"));
        return;
    }
    judge_status(a, a->here, a->end, &may, text);
    if (both)
        judge_status(a, a->there, other_end(a->pair, a->end), &may, text);
    const char *staged = both ? json_str(a->there, "staged_operation") : NULL;
    if (staged != NULL) {
        may = false;
        g_string_append_printf(text, "; a change is under way: %s", staged);
    }
    row(a, READY_STATE, may ? READY_OK : READY_FAILED, g_strdup(text->str));
}

static void judge_in_sync(struct ahead *a)
{
    const char *here = json_str(a->here, "position"), *there = json_str(a->there, "position");

    if (a->there == NULL)
        row(a, READY_IN_SYNC, READY_UNKNOWN, g_strdup("the other site does not answer"));
    else
        row(a, READY_IN_SYNC, g_strcmp0(here, there) == 0 ? READY_OK : READY_FAILED,
            g_strdup_printf("version %" G_GINT64_FORMAT " here, %" G_GINT64_FORMAT " there",
                            json_int(a->here, "version", 0), json_int(a->there, "version", 0)));
}

static err_t *judge_peer(struct ahead *a)
{
    g_autoptr(json_t) seen = NULL;

    TRY(peer_look(a->pair, &seen));
    bool lives = g_strcmp0(json_str(seen, "keystone"), "alive") == 0 &&
                 g_strcmp0(json_str(seen, "protector"), "alive") == 0;
    row(a, READY_PEER, lives ? READY_OK : READY_FAILED, seen_words(a->pair->peer_name, seen));
    return NULL;
}

/* What the active site's engine saw to differ from what was captured. */
static void judge_drift(struct ahead *a)
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t i;
    json_t *detail;

    if (a->there == NULL) {
        row(a, READY_DRIFT, READY_UNKNOWN, g_strdup("the site where they run does not answer"));
        return;
    }
    bool drifts = g_strcmp0(json_str(a->there, "health"), "drift") == 0;
    if (!drifts && json_str(a->there, "health_seen_at") == NULL) {
        row(a, READY_DRIFT, READY_UNKNOWN, g_strdup("nobody has looked yet"));
        return;
    }
    json_array_foreach(json_arr(a->there, "health_details"), i, detail)
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "", json_string_value(detail));
    row(a, READY_DRIFT, drifts ? READY_FAILED : READY_OK,
        g_strdup(drifts ? text->str : "nothing differs"));
}

/* The group at a site that may not answer: then NULL, and no error. */
static json_t *group_at(struct ahead *a, struct end *end)
{
    json_t *group = NULL;
    err_t *e = end == NULL ? NULL
                           : end_get_object(end, "protection_group", &group, "protection-groups/%s",
                                            pair_id(a->pair));

    err_free(e);
    return group;
}

static err_t *ahead_judge(struct ahead *a)
{
    a->here = group_at(a, a->end);
    a->there = group_at(a, other_end(a->pair, a->end));
    judge_state(a);
    judge_in_sync(a);
    err_t *e = judge_peer(a);
    judge_drift(a);
    json_decref(a->here);
    json_decref(a->there);
    return e;
}

/* ---- shown ---- */

static void predicted_words(const json_t *plan, enum ready_kind kind, GString *words)
{
    const json_t *p = json_obj(plan, "predicted");
    int64_t loss_s = json_int(p, "data_loss_s", -1);

    if (p == NULL)
        return;
    g_string_append_printf(words, "would take about %" G_GINT64_FORMAT " s (%s)\n",
                           json_int(p, "rto_s", 0), json_str_or(p, "rto_from", "?"));
    if (kind == READY_HANDOVER)
        g_string_append(words, "would lose nothing\n");
    else if (kind == READY_UNPLANNED && loss_s >= 0)
        g_string_append_printf(words,
                               "would lose what was written in the last %" G_GINT64_FORMAT " s\n",
                               MAX(loss_s, 1)); /* less than a second is not nothing */
    else if (loss_s >= 0)
        g_string_append_printf(words, "would use a recovery point of %" G_GINT64_FORMAT " s ago\n",
                               loss_s);
}

static void steps_words(const json_t *plan, GString *words)
{
    size_t i;
    json_t *step;

    if (json_array_size(json_arr(plan, "steps")) > 0)
        g_string_append(words, "\nsteps\n");
    json_array_foreach(json_arr(plan, "steps"), i, step)
    {
        int64_t count = json_int(step, "subjects", 1);
        g_string_append_printf(words, "  %2zu. %s", i + 1, json_str_or(step, "says", "?"));
        if (count != 1)
            g_string_append_printf(words, " (%" G_GINT64_FORMAT ")", count);
        g_string_append_c(words, '\n');
    }
}

void checks_words(const json_t *checks, GString *words)
{
    size_t i;
    json_t *check;

    g_string_append(words, "\nchecks\n");
    json_array_foreach((json_t *)checks, i, check)
    {
        const char *result = json_str_or(check, "result", "?");
        bool ok = g_str_equal(result, "ok");
        g_string_append_printf(words, "  %-8s%s: %s\n",
                               g_str_equal(result, "failed") ? "FAILED" : result,
                               json_str_or(check, "says", "?"), json_str_or(check, "seen", ""));
        if (!ok)
            g_string_append_printf(words, "          %s: %s\n          -> %s\n",
                                   json_str_or(check, "id", "?"), json_str_or(check, "means", ""),
                                   json_str_or(check, "remedy", ""));
    }
}

static GString *plan_words(const struct pair *pair, enum ready_kind kind, const json_t *plan)
{
    GString *words = g_string_new(NULL);
    const char *hash = json_str(plan, "hash");

    g_string_append_printf(words, "%s of %s, from %s to %s: %s\n",
                           json_str_or(plan, "operation", "?"), pair_name(pair),
                           json_str_or(plan, "source", "?"), json_str_or(plan, "target", "?"),
                           json_bool(plan, "ready", false) ? "ready" : "NOT READY");
    predicted_words(plan, kind, words);
    steps_words(plan, words);
    if (json_str(plan, "text") != NULL)
        g_string_append_printf(words, "\n%s", json_str(plan, "text"));
    checks_words(json_arr(plan, "checks"), words);
    if (hash != NULL)
        g_string_append_printf(words, "\nplan %s\n", hash);
    return words;
}

static void ahead_init(struct ahead *a, struct pair *pair, struct end *end, const char *operation,
                       bool planned)
{
    bool drill = g_str_equal(operation, "test_failover");
    bool back = g_str_equal(operation, "failback");

    *a = (struct ahead){.pair = pair, .end = end, .now_ms = env_now_ms(pair->client->env)};
    a->kind = drill ? READY_DRILL : planned || back ? READY_HANDOVER : READY_UNPLANNED;
    a->verb = drill     ? VERB_TEST_FAILOVER
              : back    ? VERB_FAILBACK
              : planned ? VERB_FAILOVER_PLANNED
                        : VERB_FAILOVER_UNPLANNED;
}

err_t *plan_show(struct call *call, struct pair *pair, struct end *end, const char *operation,
                 bool planned, json_t *takes, json_t **ret)
{
    g_autoptr(json_t) in = takes;
    g_autoptr(json_t) plan = NULL;
    struct ahead a;

    if (end == NULL)
        return pair_unreached(pair);
    json_set_str(in, "operation", operation);
    if (planned)
        json_set_bool(in, "planned", true);
    ahead_init(&a, pair, end, operation, planned);
    if (a.kind != READY_UNPLANNED) /* as the operation would: what is left is what it would meet */
        carry_first(call, pair);
    trust_rearm(end);
    TRY(look_ask(end, pair, in, &plan));
    a.rows = json_array();
    err_t *e = ahead_judge(&a);
    json_array_extend(a.rows, json_arr(plan, "checks"));
    json_set(plan, "checks", a.rows);
    TRY(e);
    bool ready = ready_all(a.rows);
    json_set_bool(plan, "ready", ready);
    *ret = show_text(plan_words(pair, a.kind, plan), json_incref(plan));
    json_set_int(*ret, "exit", ready ? 0 : 1);
    return NULL;
}

void plan_given(const struct call *call, json_t *into)
{
    if (arg(call, "plan") != NULL)
        json_set_str(into, "plan", arg(call, "plan"));
}

/* ---- the command ---- */

static err_t *plan_run(struct call *call, struct pair *pair, json_t **ret)
{
    g_autofree char *operation =
        g_strdelimit(g_strdup(arg(call, "operation") != NULL ? arg(call, "operation") : "failover"),
                     "-", '_');
    bool planned = arg_flag(call, "planned");
    g_autoptr(json_t) in = json_object();

    if (planned && arg_flag(call, "unplanned"))
        return err(CLIENT_USAGE, "--planned and --unplanned exclude each other");
    TRY(mappings_given(call, in));
    if (arg(call, "on-conflict") != NULL)
        json_set_str(in, "on_conflict", arg(call, "on-conflict"));
    if (arg(call, "from") != NULL)
        json_set_str(in, "from", arg(call, "from"));
    return plan_show(call, pair, pair_standby(pair), operation, planned, json_incref(in), ret);
}

err_t *cmd_plan(struct call *call, json_t **ret)
{
    struct pair pair;

    TRY(pair_open(call->c, arg(call, "protection-group"), &pair));
    err_t *e = plan_run(call, &pair, ret);
    pair_close(&pair);
    return e;
}
