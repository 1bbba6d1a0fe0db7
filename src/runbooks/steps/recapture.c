/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recapture - what the look for drift found reaches the metadata folded into the next change of a
 * user (B22): each member that differs is read anew, volumes that were attached since join Cinder's
 * group and the replication, and the change is signed with what is so.
 *
 * All of it is best effort: a server that is gone, that may not be protected any more, or whose
 * cloud does not answer keeps no user from changing something else; it stays as it was captured,
 * and drift.  A server that was recovered here stays, too: its flavor and networks are mapped ones.
 */
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/drift.h"
#include "store/operation.h"

/*
 * Rows of the plan: the members that differ, one wave each, as they change the same Cinder group.
 * Never fails: who cannot read what was seen folds nothing.
 */
json_t *recapture_plan(struct step_call *call, const json_t *body, const char *self)
{
    g_autoptr(json_t) found = NULL;
    json_t *rows = json_array();
    int64_t seen_at_ms = 0;
    const char *id;
    json_t *texts;
    g_autoptr(err_t) e = drift_get(call->db, call->op->pg_id, &found, &seen_at_ms);

    if (e != NULL)
        return rows;
    json_object_foreach(found, id, texts)
    {
        const char *instance = json_str(body_member(body, id), "instance_id");
        bool leaves = g_strcmp0(json_str(call->op->params, "member_id"), id) == 0;
        if (instance == NULL || leaves || g_strcmp0(group_server_at(body, self, id), instance) != 0)
            continue;
        json_t *row = json_object();
        json_set_str(row, "id", id);
        json_set_str(row, "instance_id", instance);
        json_set_int(row, "wave", (int64_t)json_array_size(rows));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* Volumes of 'member' that 'before' does not have. */
static json_t *volumes_added(const json_t *member, const json_t *before)
{
    json_t *added = json_array();
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(member, "volumes"), i, volume)
    {
        if (cloud_find(json_arr(before, "volumes"), "id", json_str_or(volume, "id", "")) == NULL)
            json_array_append(added, volume);
    }
    return added;
}

err_t *recapture_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    g_autofree char *backend = NULL;
    json_t *member = NULL;

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    TRY(member_read(call, call->subject, json_str_or(call->input, "instance_id", ""), &member,
                    &backend));
    json_t *added = volumes_added(member, body_member(now->body, call->subject));
    json_set(call->result, "member", member);
    json_set(call->result, "volumes", added);
    json_set(call->result, "volume_ids", volume_ids(added));
    return NULL;
}

err_t *captured_of(struct step_call *call, json_t **ret)
{
    bool anew = *call->subject != '\0';

    return step_result_of(call, anew ? "member.recapture" : "server.capture", call->subject, ret);
}

/* ---- into the change ---- */

/* This site's own names of its volumes: those that left are forgotten, new ones are their own. */
static err_t *volumes_name(const json_t *before, const json_t *after, const char *self,
                           json_t *draft)
{
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(before, "volumes"), i, volume)
    {
        const char *id = json_str_or(volume, "id", "");
        if (cloud_find(json_arr(after, "volumes"), "id", id) == NULL)
            TRY(body_local_set(draft, self, "volumes", id, NULL));
    }
    json_array_foreach(json_arr(after, "volumes"), i, volume)
    {
        const char *id = json_str_or(volume, "id", "");
        TRY(body_local_set(draft, self, "volumes", id, json_string(id)));
    }
    return NULL;
}

/* Whether the rows that bring in its volumes have done so; without new ones there is nothing to do.
 */
static err_t *joined(struct step_call *call, const char *id, const json_t *captured, bool *ret)
{
    static const char *const rows[] = {"member.join", "member.replicate"};

    *ret = json_obj(captured, "member") != NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(rows) && *ret; i++) {
        g_autoptr(json_t) result = NULL;
        g_autofree char *why = NULL;
        bool done = false;
        TRY(step_outcome_of(call, rows[i], id, &done, &why, &result));
        *ret = done || json_array_size(json_arr(captured, "volumes")) == 0;
    }
    return NULL;
}

err_t *recapture_fold(struct step_call *call, const char *self, json_t *draft)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(call->plan, "members"), i, row)
    {
        const char *id = json_str_or(row, "id", "");
        g_autoptr(json_t) captured = NULL;
        g_autoptr(json_t) before = json_deep_copy(body_member(draft, id));
        bool in = false;
        TRY(step_result_of(call, "member.recapture", id, &captured));
        TRY(joined(call, id, captured, &in));
        if (before == NULL || !in)
            continue;
        const json_t *member = json_obj(captured, "member");
        TRY(body_member_renew(draft, json_deep_copy(member)));
        TRY(volumes_name(before, member, self, draft));
    }
    return NULL;
}

/* Whether the metadata has the member as it was read anew, whoever signed it. */
static bool taken_in(const json_t *body, const char *id, const json_t *captured)
{
    const json_t *is = body_member(body, id), *read = json_obj(captured, "member");

    return is != NULL && read != NULL &&
           json_equal(json_obj(is, "config"), json_obj(read, "config")) &&
           json_equal(json_arr(is, "volumes"), json_arr(read, "volumes"));
}

/* The change stands: what it took in differs no more. */
err_t *recapture_ended(struct step_call *call)
{
    AUTO(group_now) now = NULL;
    size_t i;
    json_t *row;

    if (json_array_size(json_arr(call->plan, "members")) == 0)
        return NULL;
    TRY(group_now_load(call, &now));
    json_array_foreach(json_arr(call->plan, "members"), i, row)
    {
        const char *id = json_str_or(row, "id", "");
        g_autoptr(json_t) captured = NULL;
        TRY(step_result_of(call, "member.recapture", id, &captured));
        if (taken_in(now->body, id, captured))
            TRY(drift_forget_member(call->db, call->op->pg_id, id));
    }
    return NULL;
}
