/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle - what a committed change takes away, done by each site for itself, retried for ever.  The
 * operation's parameters hold the metadata as it was before ("before"); after a delete the last
 * step leaves a tombstone.
 */
#include "cloud/nova.h"
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/group.h"

/* Volumes that the body held before and does not hold now. */
static json_t *volumes_left(const json_t *before, const json_t *body)
{
    json_t *left = json_array();
    size_t i, k, m, n;
    json_t *member, *volume, *other, *kept;

    json_array_foreach(json_arr(before, "members"), i, member)
    {
        json_array_foreach(json_arr(member, "volumes"), k, volume)
        {
            bool found = false;
            json_array_foreach(json_arr(body, "members"), m, other)
            {
                json_array_foreach(json_arr(other, "volumes"), n, kept) found =
                    found || g_strcmp0(json_str(kept, "id"), json_str(volume, "id")) == 0;
            }
            if (!found)
                json_array_append_new(left, json_string(json_str_or(volume, "id", "")));
        }
    }
    return left;
}

/*
 * What is to be taken away must be known first; a drill that the end of its group has overtaken
 * takes back what it made with the same trust; and what this site replicates is known when it has
 * become active.
 */
static err_t *others_run(struct step_call *call, bool *ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = false;
    TRY(operation_list_open(call->db, call->op->pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        bool claims = g_str_equal(op->operation_type, "failover") ||
                      g_str_equal(op->operation_type, "failback");
        *ret = *ret || g_str_equal(op->operation_type, "rebuild") ||
               g_str_equal(op->operation_type, "test_failover") || (claims && op->past_pivot);
    }
    return NULL;
}

err_t *settle_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    const json_t *before = json_obj(call->op->params, "before");
    bool waits = false;

    TRY(others_run(call, &waits));
    if (waits)
        return NULL;
    TRY(group_now_load(call, &now));
    json_t *plan = json_object();
    json_set_str(plan, "group_id", call->op->pg_id);
    json_set_int(plan, "epoch", sync_epoch(&now->state));
    json_set(plan, "before", json_deep_copy(before));
    json_set(plan, "left", volumes_left(before, now->body));
    *ret = plan;
    return NULL;
}

/*
 * A server by its id; NULL if it is gone.  One that is believed to be gone is never looked at
 * again, so the list has to say so too.
 */
static err_t *server_or_gone(const struct cloud *service, const char *project, const char *id,
                             json_t **ret)
{
    g_autoptr(json_t) list = NULL;
    g_autoptr(err_t) e = nova_server_get(service, id, ret);

    if (e == NULL || !err_is(e, ERR_CLOUD_NOT_FOUND))
        return g_steal_pointer(&e);
    TRY(nova_server_list(service, project, NULL, &list));
    if (cloud_find(list, "id", id) == NULL)
        return NULL;
    return err_recode(CLOUD_PARTIAL, g_steal_pointer(&e),
                      "%s: server '%s' is listed and yet not found", cloud_name(service), id);
}

/* Unlocked, if the lock is ours, and without the mark that would have `resume` start it one day. */
static err_t *server_give_back(const struct cloud *service, const json_t *server, json_t *unlocked)
{
    const char *id = json_str_or(server, "id", "");
    bool ours = g_str_has_prefix(json_str_or(server, "locked_reason", ""), "protector");

    if (nova_is_locked(server) && ours) {
        TRY(nova_server_unlock(service, id));
        json_array_append_new(unlocked, json_string(json_str_or(server, "name", id)));
    }
    return nova_metadata(server, SERVER_STOPPED_FOR) != NULL
               ? nova_metadata_delete(service, id, SERVER_STOPPED_FOR)
               : NULL;
}

/* A site that was not active and deletes the group gives back the servers it holds stopped:
 * unlocked, still stopped. */
static err_t *servers_unlock(struct step_call *call, const struct group_now *now)
{
    struct cloud service;
    size_t i;
    json_t *member;

    if (json_arr(call->result, "unlocked") == NULL) /* an earlier attempt's stay in it */
        json_set(call->result, "unlocked", json_array());
    TRY(world_service(call, &service));
    json_array_foreach(body_members(now->body), i, member)
    {
        g_autoptr(json_t) server = NULL;
        const char *id = group_server_at(now->body, now->self, json_str_or(member, "id", ""));
        if (id == NULL)
            continue;
        TRY(server_or_gone(&service, group_project(now->body, now->self), id, &server));
        if (server != NULL)
            TRY(server_give_back(&service, server, json_arr(call->result, "unlocked")));
    }
    return NULL;
}

/*
 * The last group of its project takes the project's trusts with it.  A Keystone that refuses for
 * good keeps no group from going: what is left is told.
 */
static err_t *trusts_end(struct step_call *call, const struct group_now *now)
{
    const char *project = group_project(now->body, now->self);
    bool others = true;
    int count = 0;

    TRY(group_others_live(call->db, project, call->op->pg_id, &others));
    if (others)
        return NULL;
    g_autoptr(err_t) e = world_trusts_end(call, project, &count);
    if (count > 0)
        json_set_int(call->result, "trusts_ended", count);
    bool final =
        e != NULL && (err_class(e) == ERR_CLASS_PERMANENT || err_class(e) == ERR_CLASS_PERSON);
    if (final)
        json_set_str(call->result, "trusts_left", err_message(e));
    return final ? NULL : TAKE(e);
}

err_t *group_settle_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    struct fence fence = {call->op->id, call->op->generation, call->owner};

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    bool gone = now->state.role == ROLE_TOMBSTONE && !now->state.unprotected;
    bool all = json_is_true(json_object_get(call->op->params, "leaving"));
    if (gone ||
        !all) /* what was begun before the end was known has taken away a change's part only */
        return NULL;
    if (now->state.role == ROLE_STANDBY || now->state.role == ROLE_RECOVERING)
        TRY(servers_unlock(call, now));
    TRY(trusts_end(call, now));
    return exchange_tombstone(world_options_of(call->world)->exchange, call->db, &fence,
                              call->op->pg_id);
}

/* Servers that were given back are what the operation leaves: they are stopped, and free. */
err_t *settle_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) settled = NULL;

    (void)status;
    TRY(step_result_of(call, "group.settle", "", &settled));
    if (json_array_size(json_arr(settled, "unlocked")) > 0)
        json_set(call->result, "unlocked", json_incref(json_arr(settled, "unlocked")));
    return NULL;
}
