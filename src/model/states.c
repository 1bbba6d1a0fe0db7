/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states - the status of a group, row by row, and the statuses of operations.
 *
 * Neighbours: verbs.c (what is allowed in them), states_page.c (the generated page).
 */
#include "model/states.h"
#include "model/states_internal.h"

#include <string.h>

static const char *const status_texts[GROUP_STATUSES] = {
    [GROUP_UNLISTED] = "",
    [GROUP_UNPROTECTED] = "unprotected",
    [GROUP_RECOVERING] = "recovering",
    [GROUP_SPLIT_BRAIN] = "split_brain",
    [GROUP_CREATING] = "creating",
    [GROUP_DELETING] = "deleting",
    [GROUP_ERROR] = "error",
    [GROUP_FAILING_OVER] = "failing_over",
    [GROUP_FAILING_BACK] = "failing_back",
    [GROUP_TESTING] = "testing",
    [GROUP_FAILED_OVER_PARTIAL] = "failed_over_partial",
    [GROUP_FAILED_OVER] = "failed_over",
    [GROUP_ACTIVE] = "active",
};

const char *group_status_text(enum group_status status)
{
    g_assert(status < GROUP_STATUSES);
    return status_texts[status];
}

enum group_status group_status_of(const char *text)
{
    enum group_status status = GROUP_UNPROTECTED;
    while (status < GROUP_STATUSES && g_strcmp0(text, status_texts[status]) != 0)
        status++;
    return status;
}

/* ---- the view ---- */

static void view_body(struct group_view *v, const struct sync_state *s)
{
    if (s->body == NULL)
        return;
    const json_t *j = body_json(s->body);
    const char *primary = body_primary_site(j);
    v->transition = body_transition_operation(j) != NULL && sync_kind(s) != POSITION_HANDOVER;
    v->unrecovered = body_unrecovered(j);
    v->policy = body_policy(j) != NULL;
    v->active_is_primary = g_strcmp0(v->active_site, primary) == 0;
    v->self_is_primary = g_strcmp0(sync_self(s), primary) == 0;
}

void group_view_init(struct group_view *ret, const struct sync_state *state,
                     const struct group_local *local)
{
    *ret = (struct group_view){
        .role = state->role,
        .unprotected = state->unprotected,
        .split = state->split,
        .closed = state->closed,
        .superseded = state->superseded,
        .peer_gone = state->peer_gone,
        .empty = sync_is_empty(state),
        .deleting = sync_deleting(state) || sync_leaving(state),
        .staged = state->staged.kind != STAGED_NONE,
        .owed = sync_owed(state),
        .serving = state->serving[0] != '\0',
        .active_site = sync_active(state),
        .local = *local,
    };
    ret->active_here = g_strcmp0(ret->active_site, sync_self(state)) == 0;
    view_body(ret, state);
}

/* ---- the 14 rows ---- */

static bool row_unlisted(const struct group_view *v)
{
    return (v->role == ROLE_NONE || v->role == ROLE_TOMBSTONE) && !v->unprotected;
}

static bool row_unprotected(const struct group_view *v)
{
    return v->unprotected;
}

static bool row_recovering(const struct group_view *v)
{
    return v->role == ROLE_RECOVERING;
}

static bool row_split(const struct group_view *v)
{
    return v->split;
}

static bool row_creating(const struct group_view *v)
{
    return v->empty;
}

static bool row_deleting(const struct group_view *v)
{
    return v->deleting;
}

static bool row_needs_operator(const struct group_view *v)
{
    return v->local.needs_operator;
}

static bool row_moving(const struct group_view *v)
{
    return v->role == ROLE_FROZEN || v->serving || v->local.unplanned;
}

static bool row_transition(const struct group_view *v)
{
    return v->transition;
}

static bool row_testing(const struct group_view *v)
{
    return v->role == ROLE_STANDBY && v->local.drill;
}

static bool row_partial(const struct group_view *v)
{
    return !v->active_is_primary && v->unrecovered;
}

static bool row_failed_over(const struct group_view *v)
{
    return !v->active_is_primary;
}

static bool row_unrecovered(const struct group_view *v)
{
    return v->unrecovered;
}

static bool row_active(const struct group_view *v)
{
    (void)v;
    return true;
}

/* dir(X) = failing_back if X is primary_site, else failing_over. */
static enum group_status dir(bool target_is_primary)
{
    return target_is_primary ? GROUP_FAILING_BACK : GROUP_FAILING_OVER;
}

static enum group_status dir_target(const struct group_view *v)
{
    bool target_here = v->role != ROLE_FROZEN;
    return dir(target_here == v->self_is_primary);
}

static enum group_status dir_active(const struct group_view *v)
{
    return dir(v->active_is_primary);
}

const struct status_row status_rows[STATUS_ROWS] = {
    {row_unlisted, GROUP_UNLISTED, NULL, "NONE (also while realizing a create), TOMBSTONE"},
    {row_unprotected, GROUP_UNPROTECTED, NULL, "unprotected recorded"},
    {row_recovering, GROUP_RECOVERING, NULL, "RECOVERING"},
    {row_split, GROUP_SPLIT_BRAIN, NULL, "SPLIT"},
    {row_creating, GROUP_CREATING, NULL, "pos EMPTY"},
    {row_deleting, GROUP_DELETING, NULL, "deleting in pos, or in staged"},
    {row_needs_operator, GROUP_ERROR, NULL,
     "local failover, failback, reclaim or drill in needs_operator"},
    {row_moving, GROUP_STATUSES, dir_target,
     "FROZEN; or serving; or local unplanned failover before its claim"},
    {row_transition, GROUP_STATUSES, dir_active, "transition in pos, set by a CLAIM"},
    {row_testing, GROUP_TESTING, NULL, "STANDBY, drill here not cleaned up"},
    {row_partial, GROUP_FAILED_OVER_PARTIAL, NULL,
     "active site is not primary, a member unrecovered"},
    {row_failed_over, GROUP_FAILED_OVER, NULL, "active site is not primary"},
    {row_unrecovered, GROUP_ERROR, NULL,
     "active site is primary, a member unrecovered since a claim"},
    {row_active, GROUP_ACTIVE, NULL, "active site is primary"},
};

enum group_status group_status(const struct group_view *view, int *ret_row)
{
    int i = 0;
    while (!status_rows[i].matches(view))
        i++;
    if (ret_row != NULL)
        *ret_row = i + 1;
    return status_rows[i].dir != NULL ? status_rows[i].dir(view) : status_rows[i].status;
}

/* ---- operations ---- */

static const struct {
    const char *text, *text_v1_0;
    bool terminal;
} operation_rows[OPERATION_STATUSES] = {
    [OPERATION_PENDING] = {"pending", "pending", false},
    [OPERATION_RUNNING] = {"running", "running", false},
    [OPERATION_WAITING_FOR_PEER] = {"waiting_for_peer", "running", false},
    [OPERATION_ROLLING_BACK] = {"rolling_back", "rolling_back", false},
    [OPERATION_NEEDS_OPERATOR] = {"needs_operator", "failed", false},
    [OPERATION_COMPLETED] = {"completed", "completed", true},
    [OPERATION_FAILED] = {"failed", "failed", true},
    [OPERATION_ROLLED_BACK] = {"rolled_back", "failed", true},
    [OPERATION_CANCELLED] = {"cancelled", "failed", true},
    [OPERATION_ABANDONED] = {"abandoned", "failed", true},
    [OPERATION_SUPERSEDED] = {"superseded", "failed", true},
};

/* From a row to a column.  Terminal rows are empty: what has ended stays as it ended. */
static const unsigned char operation_moves[OPERATION_STATUSES][OPERATION_STATUSES] = {
    /*                       pen run wai rol nee com fai rob can aba sup */
    [OPERATION_PENDING] = {1, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1},
    [OPERATION_RUNNING] = {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1},
    [OPERATION_WAITING_FOR_PEER] = {0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1},
    [OPERATION_ROLLING_BACK] = {0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1},
    [OPERATION_NEEDS_OPERATOR] = {1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1},
};

const char *operation_status_text(enum operation_status status)
{
    return operation_rows[status].text;
}

const char *operation_status_text_v1_0(enum operation_status status)
{
    return operation_rows[status].text_v1_0;
}

enum operation_status operation_status_of(const char *text)
{
    enum operation_status status = OPERATION_PENDING;
    while (status < OPERATION_STATUSES && g_strcmp0(text, operation_rows[status].text) != 0)
        status++;
    return status;
}

bool operation_status_terminal(enum operation_status status)
{
    return operation_rows[status].terminal;
}

bool operation_type_endless(const char *type)
{
    static const char *const types[] = {"demote",  "settle",          "resume",
                                        "rebuild", "superseded_stop", NULL};

    return g_strv_contains(types, type);
}

bool operation_type_looks(const char *type)
{
    static const char *const types[] = {"look", "cleanup_look", "plan_look", NULL};

    return g_strv_contains(types, type);
}

bool operation_status_may(enum operation_status from, enum operation_status to)
{
    return operation_moves[from][to];
}

static const char *const operation_verb_texts[OPERATION_VERBS] = {
    [OPERATION_RETRY] = "retry",
    [OPERATION_SKIP] = "skip",
    [OPERATION_ABANDON] = "abandon",
    [OPERATION_CANCEL] = "cancel",
};

const unsigned char operation_verb_grid[OPERATION_VERBS][OPERATION_STATUSES] = {
    /*                      pen run wai rol nee com fai rob can aba sup */
    [OPERATION_RETRY] = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
    [OPERATION_SKIP] = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
    [OPERATION_ABANDON] = {0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0},
    [OPERATION_CANCEL] = {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0},
};

const char *operation_verb_text(enum operation_verb verb)
{
    return operation_verb_texts[verb];
}

err_t *operation_verb_check(enum operation_verb verb, enum operation_status status)
{
    if (operation_verb_grid[verb][status])
        return NULL;
    err_t *e = err(OPERATION_STATE, "an operation that is %s cannot be given the verb %s",
                   operation_status_text(status), operation_verb_text(verb));
    return status == OPERATION_WAITING_FOR_PEER
               ? err_remedy(e, "the change is signed: only the other site's answer ends it; carry "
                               "it: protector protection-group sync-force")
               : e;
}
