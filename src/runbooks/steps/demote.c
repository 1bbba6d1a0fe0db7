/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demote - the other site has become active: this site's servers are locked and stopped, nothing is
 * deleted, and what ran here, and until when, is named.  The service account acts: a lock of the
 * owner's own stops nobody.
 *
 * Own servers are those of every body this site has held up to now (the loser of a fork has servers
 * that the winner's body never knew), those of its ledger, and those that bear the group's name:
 * one that was booted just before the site was overtaken stands in no body at all.
 * The site may become active again while this runs: then it stops nothing more.
 *
 * The same rows stop the servers of a site that is superseded (A8): it is still ACTIVE by its own
 * word, and the epoch watch has seen the other one in a newer epoch.
 */
#include "cloud/nova.h"
#include "model/body.h"
#include "model/mutant.h"
#include "runbooks/group.h"
#include "runbooks/steps/rest.h"
#include "runbooks/steps/steps.h"
#include "store/resource.h"

#define WAIT_FIRST_MS 500
#define WAIT_MAX_MS   60000

/* ---- which servers ---- */

struct own {
    const struct group_now *now;
    const json_t *before;  /* the body that this site held before; NULL: none */
    const json_t *servers; /* of the project */
    json_t *rows;          /* out: rows of the plan */
};

static bool own_has(const struct own *own, const char *server)
{
    return cloud_find(own->rows, "server_id", server) != NULL;
}

/* Servers of one that left the group are not the group's any more. */
static const json_t *own_member(const struct own *own, const char *id)
{
    const json_t *member = body_member(own->now->body, id);

    return member != NULL || own->before == NULL ? member : body_member(own->before, id);
}

static void own_add(struct own *own, const char *member_id, const char *server)
{
    const json_t *member = own_member(own, member_id);

    if (server == NULL || member == NULL || own_has(own, server))
        return;
    const json_t *there = cloud_find(own->servers, "id", server);
    if (nova_metadata(there, PLAN_KEPT) != NULL) /* replaced, or given back to its owner */
        return;
    if (nova_metadata(there, NOVA_KEY_DRILL) != NULL)
        return;
    json_t *row = json_object();
    json_set_str(row, "id", server);
    json_set_str(row, "member", member_id);
    json_set_str(row, "name", json_str(member, "instance_name"));
    json_set_str(row, "server_id", server);
    json_set_int(row, "wave", body_member_priority(member));
    json_set_int(row, "start_delay_s", body_member_start_delay_s(member));
    json_array_append_new(own->rows, row);
}

static void own_of_body(struct own *own, const json_t *body)
{
    size_t i;
    json_t *member;

    json_array_foreach(body_members(body), i, member)
    {
        const char *id = json_str_or(member, "id", "");
        own_add(own, id, group_server_at(body, own->now->self, id));
    }
}

static err_t *own_of_ledger(struct own *own, struct step_call *call)
{
    g_autoptr(GPtrArray) made = NULL;

    TRY(resource_list_group(call->db, call->op->pg_id, NULL, &made));
    for (guint i = 0; i < made->len; i++) {
        const struct resource *r = g_ptr_array_index(made, i);
        bool gone = g_str_equal(r->state, resource_state_text(RESOURCE_GONE));
        if (g_str_equal(r->kind, "server") && !gone)
            own_add(own, r->subject, r->cloud_id);
    }
    return NULL;
}

static void own_of_cloud(struct own *own, const char *group)
{
    size_t i;
    json_t *server;

    json_array_foreach((json_t *)own->servers, i, server)
    {
        const char *subject = nova_metadata(server, "protector:subject");
        if (subject != NULL && g_strcmp0(nova_metadata(server, SERVER_GROUP), group) == 0)
            own_add(own, subject, json_str(server, "id"));
    }
}

err_t *own_servers(struct step_call *call, const struct group_now *now, const json_t *servers,
                   json_t *rows)
{
    struct own own = {now, json_obj(call->op->params, "before"), servers, rows};

    own_of_body(&own, now->body);
    if (own.before != NULL)
        own_of_body(&own, own.before);
    TRY(own_of_ledger(&own, call));
    own_of_cloud(&own, call->op->pg_id);
    return NULL;
}

/* An operation past its pivot may still have a call under way: it ends first. */
static err_t *others_end(struct step_call *call, bool *ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = true;
    TRY(operation_list_open(call->db, call->op->pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        *ret = *ret && (!op->past_pivot || g_str_equal(op->id, call->op->id));
    }
    return NULL;
}

static err_t *servers_list(struct step_call *call, const char *project, json_t **ret)
{
    struct cloud service;

    TRY(world_service(call, &service));
    return nova_server_list(&service, project, NULL, ret);
}

err_t *demote_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) servers = NULL;
    g_autoptr(json_t) rows = json_array();
    bool alone = false;

    TRY(group_now_load(call, &now));
    TRY(others_end(call, &alone));
    if (!alone)
        return NULL;
    const char *project = group_project(now->body, now->self);
    TRY(servers_list(call, project, &servers));
    TRY(own_servers(call, now, servers, rows));
    json_t *plan = json_object();
    json_set_str(plan, "group_id", call->op->pg_id);
    json_set_int(plan, "epoch", json_int(call->op->params, "epoch", sync_epoch(&now->state)));
    json_set_str(plan, "project_id", project);
    json_set(plan, "claim", json_deep_copy(body_claim(now->body)));
    json_set(plan, "members", json_incref(rows));
    *ret = plan;
    return NULL;
}

err_t *own_servers_observe(struct step_call *call, json_t **ret)
{
    return servers_list(call, json_str_or(call->plan, "project_id", ""), ret);
}

/* ---- stopping ---- */

/* What was seen first, before anything was done to it: whether it ran, or since when it does not.
 */
static void note_first(struct step_call *call, const json_t *server)
{
    if (json_str(call->result, "was") != NULL)
        return;
    json_set_str(call->result, "was", nova_status(server));
    json_set_int(call->result, "seen_at_ms", call->now_ms);
    if (server_rest(server) == REST_IS && nova_updated(server) != NULL)
        json_set_str(call->result, "until", nova_updated(server));
}

/* It rests: if it ran when it was seen first, it was stopped by us, now. */
static void note_rest(struct step_call *call)
{
    g_autofree char *at = time_format(call->now_ms);

    if (json_str(call->result, "until") == NULL)
        json_set_str(call->result, "until", at);
}

/* A host that is down may take days: asked ever more seldom. */
static void wait_longer(struct step_call *call)
{
    int64_t waited_ms = call->now_ms - json_int(call->result, "seen_at_ms", call->now_ms);

    call->wake_at_ms = call->now_ms + CLAMP(waited_ms / 4, WAIT_FIRST_MS, WAIT_MAX_MS);
}

static bool must_rest(const struct group_now *now)
{
    return now->state.role == ROLE_STANDBY || now->state.superseded;
}

err_t *stopped_probe(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    const json_t *server =
        cloud_find(call->observed, "id", json_str_or(call->input, "server_id", ""));

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    if (MUTANT(DEMOTE_BLIND))
        return NULL;
    if (!must_rest(now)) {
        json_set_bool(call->result, "let_run", true);
        return NULL;
    }
    if (server == NULL) {
        json_set_str(call->result, "was", "GONE");
        return NULL;
    }
    note_first(call, server);
    enum rest rest = server_rest(server);
    if (rest == REST_IS)
        note_rest(call);
    if (rest == REST_IS && nova_is_locked(server))
        return NULL;
    *ret = rest == REST_WAIT && nova_is_locked(server) ? STEP_WAIT : STEP_ABSENT;
    wait_longer(call);
    return NULL;
}

/* Of this demotion; what an earlier one wrote is another story. */
static json_t *stop_stamps(struct step_call *call, const json_t *server)
{
    json_t *m = json_object();
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, json_int(call->plan, "epoch", 0));

    if (g_strcmp0(nova_metadata(server, SERVER_STOPPED_FOR), epoch) == 0)
        return m;
    json_set_str(m, SERVER_STOPPED_FOR, epoch);
    json_set_str(m, NOVA_KEY_EPOCH, epoch);
    json_set_str(m, SERVER_WAS, json_str_or(call->result, "was", nova_status(server)));
    return m;
}

/* Lock first, so that nobody starts it again, then stop. */
err_t *stop_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud service;
    const char *id = json_str_or(call->input, "server_id", "");
    const json_t *server = cloud_find(call->observed, "id", id);
    g_autofree char *reason = g_strdup_printf(
        "protector: group %s is active at the other site since epoch %" G_GINT64_FORMAT,
        call->op->pg_id, json_int(call->plan, "epoch", 0));

    *ret = STEP_WAIT;
    wait_longer(call);
    if (server == NULL)
        return NULL;
    g_autoptr(json_t) stamps = stop_stamps(call, server);
    TRY(world_service(call, &service));
    if (json_object_size(stamps) > 0)
        TRY(nova_metadata_set(&service, id, stamps));
    if (!nova_is_locked(server))
        TRY(nova_server_lock(&service, id, reason));
    err_t *e = server_to_rest(&service, id, server_rest(server));
    if (e != NULL && err_is(e, ERR_CLOUD_CONFLICT)) {
        err_free(e);
        return NULL; /* it has changed by itself meanwhile: the next look tells */
    }
    return e;
}

/* ---- the report ---- */

/* "web-1" ran until …, as a row and as words. */
static err_t *report_one(struct step_call *call, const json_t *member, json_t *ran, GString *words)
{
    g_autoptr(json_t) stopped = NULL;

    TRY(step_result_of(call, "server.stop", json_str_or(member, "id", ""), &stopped));
    const char *until = json_str(stopped, "until");
    if (until == NULL)
        return NULL;
    json_t *row = json_object();
    json_set_str(row, "name", json_str(member, "name"));
    json_set_str(row, "server_id", json_str(member, "server_id"));
    json_set_str(row, "was", json_str(stopped, "was"));
    json_set_str(row, "until", until);
    json_array_append_new(ran, row);
    g_string_append_printf(words, "%s'%s' until %s", words->len > 0 ? ", " : "",
                           json_str_or(member, "name", ""), until);
    return NULL;
}

err_t *demote_report_make(struct step_call *call, enum step_answer *ret)
{
    g_autoptr(GString) words = g_string_new(NULL);
    json_t *ran = json_array();
    const char *point = json_str(json_obj(json_obj(call->plan, "claim"), "point"), "at");
    size_t i;
    json_t *member;

    json_set(call->result, "ran", ran);
    json_array_foreach(json_arr(call->plan, "members"), i, member)
        TRY(report_one(call, member, ran, words));
    json_set_str(call->result, "recovery_point_at", point);
    if (words->len > 0) {
        g_autofree char *text = g_strdup_printf(
            "servers ran at this site: %s; writes %s%s are not in epoch %" G_GINT64_FORMAT,
            words->str, point != NULL ? "after the recovery point of " : "that only this site has",
            point != NULL ? point : "", json_int(call->plan, "epoch", 0));
        json_set_str(call->result, "text", text);
    }
    *ret = STEP_DONE;
    return NULL;
}

/* The report's row is what the operation leaves: who ran here, and since when it does not count. */
err_t *demote_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) report = NULL;

    (void)status;
    TRY(step_result_of(call, "group.report", "", &report));
    json_object_update(call->result, report);
    return NULL;
}
