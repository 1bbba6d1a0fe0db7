/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look - which member servers of this site run, for who is about to have them stopped.  What was
 * seen last is an observation: it stands in the operation's result, in no version.
 */
#include "cloud/nova.h"
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"

const json_t *servers_find_keyed(const json_t *servers, const char *group, const char *member)
{
    size_t i;
    json_t *server;

    json_array_foreach((json_t *)servers, i, server)
    {
        const char *subject = nova_metadata(server, "protector:subject");
        bool ours = g_strcmp0(nova_metadata(server, SERVER_GROUP), group) == 0 &&
                    nova_metadata(server, PLAN_KEPT) == NULL &&
                    nova_metadata(server, NOVA_KEY_DRILL) == NULL;
        if (ours && subject != NULL && (member == NULL || g_str_equal(subject, member)) &&
            nova_has_power(server))
            return server;
    }
    return NULL;
}

/* The one that the body names, unless it stands still and another one of the member's runs. */
static const json_t *look_server(const struct group_now *now, const char *member, const char *id,
                                 const json_t *servers)
{
    const json_t *named = id != NULL ? cloud_find(servers, "id", id) : NULL;
    const json_t *keyed = servers_find_keyed(servers, now->state.group, member);

    return keyed != NULL && (named == NULL || !nova_has_power(named)) ? keyed : named;
}

/* "runs" is null where the cloud could not tell. */
static json_t *look_row(const struct group_now *now, const json_t *member, const json_t *servers,
                        bool partial)
{
    const char *member_id = json_str_or(member, "id", "");
    const char *id = group_server_at(now->body, now->self, member_id);
    const json_t *server = look_server(now, member_id, id, servers);
    bool unknown =
        id != NULL && (server != NULL ? g_str_equal(nova_status(server), "UNKNOWN") : partial);
    json_t *row = json_object();

    json_set_str(row, "id", json_str(member, "id"));
    json_set_str(row, "name", json_str(member, "instance_name"));
    json_set_str(row, "server_id", id);
    json_set_str(row, "status", server != NULL ? nova_status(server) : NULL);
    json_set(row, "runs",
             unknown ? json_null() : json_boolean(server != NULL && nova_has_power(server)));
    return row;
}

err_t *servers_look_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    struct cloud service;
    g_autoptr(json_t) servers = NULL;
    json_t *rows = json_array();
    bool partial = false;
    size_t i;
    json_t *member;

    json_set(call->result, "servers", rows);
    TRY(group_now_load(call, &now));
    TRY(world_service(call, &service));
    if (now->body != NULL)
        TRY(nova_server_list(&service, group_project(now->body, now->self), &partial, &servers));
    json_array_foreach(body_members(now->body), i, member)
        json_array_append_new(rows, look_row(now, member, servers, partial));
    g_autofree char *at = time_format(call->now_ms);
    json_set_str(call->result, "seen_at", at);
    *ret = STEP_DONE;
    return NULL;
}

err_t *servers_look_plan(struct step_call *call, json_t **ret)
{
    *ret = json_object();
    json_set_str(*ret, "group_id", call->op->pg_id);
    return NULL;
}

err_t *servers_look_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) seen = NULL;

    if (!g_str_equal(status, "completed"))
        return NULL;
    TRY(step_result_of(call, "servers.look", "", &seen));
    json_object_update(call->result, seen);
    return NULL;
}
