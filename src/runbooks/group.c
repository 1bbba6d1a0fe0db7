/* SPDX-License-Identifier: Apache-2.0 */
/* group - see group.h. */
#include "runbooks/group.h"

#include "runbooks/world.h"
#include "store/sync.h"

err_t *group_now_load(struct step_call *call, struct group_now **ret)
{
    struct group_now *now = g_new0(struct group_now, 1);
    bool found = false;
    err_t *e = store_sync_load(call->db, call->op->pg_id, &now->state, &found);

    if (e == NULL && !found)
        e = err(NOT_FOUND, "group '%s' is not known at this site", call->op->pg_id);
    if (e != NULL) {
        g_free(now);
        return e;
    }
    now->body = now->state.body != NULL ? body_json(now->state.body) : NULL;
    now->self = sync_self(&now->state);
    now->peer = sync_peer(&now->state);
    *ret = now;
    return NULL;
}

void group_now_destroy(struct group_now *group)
{
    if (group == NULL)
        return;
    sync_state_fini(&group->state);
    g_free(group);
}

const char *group_server_at(const json_t *body, const char *site, const char *member)
{
    return json_string_value(body_local(body, site, "servers", member));
}

const char *group_volume_at(const json_t *body, const char *site, const char *volume)
{
    return json_string_value(body_local(body, site, "volumes", volume));
}

const char *group_project(const json_t *body, const char *site)
{
    const char *project = body_project(body, site);

    return project != NULL ? project : "";
}
