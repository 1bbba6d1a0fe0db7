/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site_failover - every group of a site that is lost, whosever it is (B20): an operation with one
 * child for each, begun by the same guards as a failover that its user asks for.  A group that is
 * active here already is left alone, so the whole may be asked for again.
 *
 * So many run at a time (a wave of the plan).  Which child is a group's is looked up by the parent
 * that it bears, so a death between its begin and the journal begins none twice.
 */
#include "model/states.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/group.h"
#include "store/site.h"

#define LOOK_MS 1000
#define PAGE    500

static const char *lost_site(const struct step_call *call)
{
    return json_str_or(call->op->params, "site_id", "");
}

/* ---- the plan */

static err_t *group_plan(struct step_call *call, const char *id, json_t *rows)
{
    AUTO(group_row) g = NULL;
    int64_t parallel = MAX(json_int(call->op->params, "parallel", 1), 1);
    json_t *row = json_object();

    json_set_int(row, "wave", (int64_t)json_array_size(rows) / parallel);
    json_array_append_new(rows, row);
    TRY(group_find(call->db, id, &g));
    json_set_str(row, "id", id);
    json_set_str(row, "name", g != NULL ? g->name : id);
    json_set_str(row, "project_id", g != NULL ? g->project_id : NULL);
    return NULL;
}

err_t *site_failover_plan(struct step_call *call, json_t **ret)
{
    AUTO(site) site = NULL;
    g_autoptr(json_t) plan = json_object();
    json_t *rows = json_array();
    g_autofree char *marker = NULL;
    guint found = PAGE;

    json_set(plan, "members", rows);
    TRY(site_get(call->db, lost_site(call), &site));
    json_set_str(plan, "site", site->name);
    while (found == PAGE) {
        g_autoptr(GPtrArray) ids = NULL;
        TRY(group_list_of_peer(call->db, site->id, marker, PAGE, &ids));
        found = ids->len;
        for (guint i = 0; i < ids->len; i++)
            TRY(group_plan(call, g_ptr_array_index(ids, i), rows));
        g_free(marker);
        marker = found > 0 ? g_strdup(g_ptr_array_index(ids, found - 1)) : NULL;
    }
    *ret = TAKE(plan);
    return NULL;
}

/* ---- one group */

static json_t *child_row(const struct operation *op)
{
    json_t *row = json_object();

    json_set_str(row, "id", op->id);
    json_set_str(row, "group", op->pg_id);
    json_set_str(row, "status", op->status);
    json_set(row, "error", json_incref(op->error));
    return row;
}

err_t *site_children_observe(struct step_call *call, json_t **ret)
{
    g_autoptr(GPtrArray) children = NULL;
    json_t *list = json_array();

    *ret = list;
    TRY(operation_list_children(call->db, call->op->id, &children));
    for (guint i = 0; i < children->len; i++)
        json_array_append_new(list, child_row(g_ptr_array_index(children, i)));
    return NULL;
}

static bool has_failed(const json_t *child)
{
    enum operation_status status = operation_status_of(json_str_or(child, "status", ""));

    return status == OPERATION_NEEDS_OPERATOR ||
           (status != OPERATION_COMPLETED && operation_status_terminal(status));
}

/* It has failed, and this row has said so. */
static bool was_told(const struct step_call *call, const json_t *child)
{
    return json_object_get(json_obj(call->result, "told"), json_str_or(child, "id", "")) != NULL;
}

/* What goes on comes first, then what is to be told, then what a person is asked about. */
static int child_rank(const struct step_call *call, const json_t *child)
{
    enum operation_status status = operation_status_of(json_str_or(child, "status", ""));

    return !has_failed(child)                   ? 0
           : !was_told(call, child)             ? 1
           : status == OPERATION_NEEDS_OPERATOR ? 2
                                                : 3;
}

/*
 * The child of a group that counts; NULL: none was begun.  Each retry begins another one, and their
 * times say nothing: the clock may have been set back between.
 */
static const json_t *child_of(const struct step_call *call, const char *group)
{
    const json_t *found = NULL;
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)call->observed, i, row)
    {
        if (g_strcmp0(json_str(row, "group"), group) == 0 &&
            (found == NULL || child_rank(call, row) < child_rank(call, found)))
            found = row;
    }
    return found;
}

/* Told once; when a person has said retry, an ended child is followed by another one. */
static err_t *child_failed(struct step_call *call, const json_t *child, enum step_answer *ret)
{
    const char *id = json_str_or(child, "id", "");
    g_autoptr(err_t) cause = err_from_json(json_object_get(child, "error"));
    enum operation_status status = operation_status_of(json_str_or(child, "status", ""));

    if (was_told(call, child) && operation_status_terminal(status)) {
        *ret = STEP_ABSENT;
        return NULL;
    }
    if (json_obj(call->result, "told") == NULL)
        json_set(call->result, "told", json_object());
    json_set_bool(json_obj(call->result, "told"), id, true);
    err_t *e = cause != NULL ? TAKE(cause) : err(OPERATION_FAILED, "nothing is told of it");
    return err_remedy(err_recode(OPERATION_FAILED, e, "failover '%s' of group '%s' is %s", id,
                                 json_str_or(call->input, "name", ""),
                                 json_str_or(child, "status", "")),
                      "operation show %s; when it is mended (a failover that needs an operator: "
                      "operation retry or skip, by the group's project): operation retry %s",
                      id, call->op->id);
}

static err_t *already_here(struct step_call *call, bool *ret)
{
    AUTO(group_row) g = NULL;

    TRY(group_find(call->db, call->subject, &g));
    *ret = g != NULL && g_str_equal(g->role, "ACTIVE");
    return NULL;
}

err_t *site_group_probe(struct step_call *call, enum step_answer *ret)
{
    const json_t *child = child_of(call, call->subject);
    bool here = false;

    *ret = STEP_DONE;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    if (child != NULL && has_failed(child))
        return child_failed(call, child, ret);
    if (child != NULL) {
        bool over = operation_status_of(json_str_or(child, "status", "")) == OPERATION_COMPLETED;
        json_set_str(call->result, "operation", json_str(child, "id"));
        json_set_str(call->result, "outcome", over ? "failed over" : "failing over");
        *ret = over ? STEP_DONE : STEP_WAIT;
        return NULL;
    }
    TRY(already_here(call, &here));
    json_set_str(call->result, "outcome", here ? "was active here" : NULL);
    *ret = here ? STEP_DONE : STEP_ABSENT;
    return NULL;
}

static bool another_failed(const struct step_call *call)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)call->observed, i, row)
    {
        const char *group = json_str_or(row, "group", "");
        if (!g_str_equal(group, call->subject) && has_failed(child_of(call, group)))
            return true;
    }
    return false;
}

/* As a failover that the group's user would ask for. */
static struct operation *child_create(struct step_call *call, const struct group_row *g)
{
    struct operation *op = operation_create();
    json_t *params = json_object();

    op->id = env_id(call->env, "op-");
    op->parent_id = g_strdup(call->op->id);
    op->pg_id = g_strdup(g->id);
    op->project_id = g_strdup(g->project_id);
    op->operation_type = g_strdup("failover");
    op->runbook = g_strdup("failover");
    op->runbook_version = 1;
    op->source_site_id = g_strdup(g->peer_site_id);
    op->target_site_id = g_strdup(call->op->executing_site_id);
    op->executing_site_id = g_strdup(call->op->executing_site_id);
    op->user_id = g_strdup(call->op->user_id);
    op->request_id = g_strdup(call->op->request_id);
    op->created_at_ms = call->now_ms;
    op->params = params;
    json_set(params, "mappings", json_object());
    json_set_str(params, "reason", json_str(call->op->params, "reason"));
    json_set_bool(params, "force", json_bool(call->op->params, "force", false));
    json_set_str(params, "from", "point");
    json_set_str(params, "on_conflict", PLAN_KEEP_BOTH);
    json_set_bool(params, "reverse_replication", true);
    json_set_bool(params, "verify_data", json_bool(call->op->params, "verify_data", true));
    json_set(params, "client_probe", json_deep_copy(json_obj(call->op->params, "client_probe")));
    return op;
}

static err_t *allowed(struct step_call *call, const struct group_row *g)
{
    struct group_local local;
    struct group_view view;

    if (!g_str_equal(g->role, "STANDBY"))
        return err_remedy(err(GROUP_STATE, "group '%s' is %s here", g->name, g->role),
                          "its own user decides: protection-group failover --unplanned");
    TRY(group_local_read(call->db, g->id, &local));
    group_view_of(g, &local, &view);
    return verb_check(VERB_FAILOVER_UNPLANNED, &view, g->name);
}

err_t *site_group_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_row) g = NULL;
    struct fence fence = {call->op->id, call->op->generation, call->owner};

    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    if (json_bool(call->op->params, "stop_on_error", false) && another_failed(call))
        return err_remedy(err(OPERATION_FAILED,
                              "not begun, as the failover of another group has failed"),
                          "operation retry %s begins it, once that is mended", call->op->id);
    TRY(group_find(call->db, call->subject, &g));
    if (g == NULL)
        return err(GROUP_NOT_FOUND, "group '%s' is gone", json_str_or(call->input, "name", ""));
    TRY(allowed(call, g));
    AUTO(operation) child = child_create(call, g);
    TRY(exchange_begin_child(world_options_of(call->world)->exchange, call->db, &fence, child));
    json_set_str(call->result, "operation", child->id);
    return NULL;
}

/* ---- the summary */

err_t *site_failover_ended(struct step_call *call, const char *status)
{
    json_t *groups = json_array();
    size_t i;
    json_t *member;

    (void)status;
    json_set(call->result, "groups", groups);
    json_array_foreach(json_arr(call->plan, "members"), i, member)
    {
        g_autoptr(json_t) result = NULL;
        g_autofree char *why = NULL;
        bool done = false;
        TRY(step_outcome_of(call, "group.failover", json_str_or(member, "id", ""), &done, &why,
                            &result));
        json_t *row = json_object();
        json_set_str(row, "id", json_str(member, "id"));
        json_set_str(row, "name", json_str(member, "name"));
        json_set_str(row, "project_id", json_str(member, "project_id"));
        json_set_str(row, "operation", json_str(result, "operation"));
        json_set_str(row, "outcome",
                     why != NULL ? why : json_str_or(result, "outcome", "not begun"));
        json_array_append_new(groups, row);
    }
    return NULL;
}
