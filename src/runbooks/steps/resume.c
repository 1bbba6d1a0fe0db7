/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume - this site is active by right again: servers that it held stopped are unlocked, and those
 * that ran are started.
 *
 * Which they are stands at the servers themselves, not in a database: whoever stopped one wrote
 * SERVER_STOPPED_FOR and SERVER_WAS into its metadata before (demote.c).  The mark is taken away
 * last, so that a server whose mark is gone needs nothing more.
 *
 * Story B6: the other site may still be stopping servers here, for a handover that is over.  So all
 * servers get the stamp of the present epoch first, which keeps it from touching them again; and
 * after a claim they are looked at once more when a call that was under way must have ended.
 */
#include "cloud/nova.h"
#include "model/safety.h"
#include "plan/failover.h"
#include "runbooks/group.h"
#include "runbooks/steps/rest.h"
#include "runbooks/steps/steps.h"
#include "store/exchange_watch.h"
#include "store/operation.h"

#define START_MAX_MS (10 * 60 * 1000)

/* What stops servers has ended: no call of it is still under way. */
static err_t *stops_ended(struct step_call *call, bool *ret)
{
    static const char *const stops[] = {"demote", WATCH_STOP, NULL};
    g_autoptr(GPtrArray) open = NULL;

    *ret = true;
    TRY(operation_list_open(call->db, call->op->pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        *ret = *ret && !g_strv_contains(stops, op->operation_type);
    }
    return NULL;
}

err_t *resume_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    struct cloud service;
    g_autoptr(json_t) servers = NULL;
    g_autoptr(json_t) own = json_array();
    bool alone = false;

    TRY(group_now_load(call, &now));
    TRY(stops_ended(call, &alone));
    if (!alone)
        return NULL;
    const char *project = group_project(now->body, now->self);
    TRY(world_service(call, &service));
    TRY(nova_server_list(&service, project, NULL, &servers));
    TRY(own_servers(call, now, servers, own));
    *ret = json_object();
    json_set_str(*ret, "group_id", call->op->pg_id);
    json_set_str(*ret, "project_id", project);
    plan_waves_end(own);
    json_set(*ret, "members", json_incref(own));
    json_set_bool(*ret, "settles", sync_kind(&now->state) == POSITION_CLAIM);
    return NULL;
}

static bool may_run(const struct group_now *now)
{
    return safety_may_run(&now->state) && !now->state.superseded;
}

/* ---- the stamp ---- */

static const json_t *own_server(const struct step_call *call)
{
    return cloud_find(call->observed, "id", json_str_or(call->input, "server_id", ""));
}

static char *epoch_text(const struct group_now *now)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, sync_epoch(&now->state));
}

err_t *stamped_probe(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    const json_t *server = own_server(call);

    TRY(group_now_load(call, &now));
    g_autofree char *epoch = epoch_text(now);
    bool bears = g_strcmp0(nova_metadata(server, NOVA_KEY_EPOCH), epoch) == 0;
    *ret = server == NULL || bears || !may_run(now) ? STEP_DONE : STEP_ABSENT;
    return NULL;
}

err_t *stamp_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    struct cloud service;
    g_autoptr(json_t) stamps = json_object();

    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms;
    TRY(group_now_load(call, &now));
    g_autofree char *epoch = epoch_text(now);
    json_set_str(stamps, NOVA_KEY_EPOCH, epoch);
    json_set_str(stamps, SERVER_GROUP, now->state.group);
    TRY(world_service(call, &service));
    return nova_metadata_set(&service, json_str_or(call->input, "server_id", ""), stamps);
}

/* What the other site had begun before the stamp has come to its end, or never will. */
err_t *stops_settled_probe(struct step_call *call, enum step_answer *ret)
{
    const struct conf *conf = world_options_of(call->world)->conf;
    bool settles = json_bool(call->plan, "settles", false);
    int64_t settle_ms = settles ? conf_int(conf, "DEFAULT", "settle_ms") : 0;

    *ret = pause_over(call, "until_ms", settle_ms) ? STEP_DONE : STEP_WAIT;
    return NULL;
}

/* ---- starting ---- */

/* It is tried for ever; after a while it holds up no other server (run.h, RUNBOOK_FOREVER). */
static err_t *start_is_late(struct step_call *call, const json_t *server)
{
    bool late = pause_over(call, "late_ms", START_MAX_MS);

    call->wake_at_ms = 0;
    return late ? err(TIMEOUT, "server '%s' does not start: it is %s",
                      json_str_or(server, "name", ""), nova_status(server))
                : NULL;
}

static err_t *still_stopped(struct step_call *call, const json_t *server, enum step_answer *ret)
{
    *ret = nova_task(server) != NULL ? STEP_WAIT : STEP_ABSENT;
    return *ret == STEP_WAIT ? start_is_late(call, server) : NULL;
}

err_t *resumed_probe(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    const json_t *server = own_server(call);
    int64_t delay_ms = json_int(call->input, "start_delay_s", 0) * 1000;

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    if (!may_run(now))
        json_set_bool(call->result, "let_rest", true);
    else if (server != NULL && nova_metadata(server, SERVER_STOPPED_FOR) != NULL)
        return still_stopped(call, server, ret);
    else if (json_bool(call->result, "started", false))
        *ret = pause_over(call, "until_ms", delay_ms) ? STEP_DONE : STEP_WAIT;
    return NULL;
}

/* A lock of somebody else's stays; the service account starts what bears one. */
err_t *resume_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    struct cloud service;
    const char *id = json_str_or(call->input, "server_id", "");
    const json_t *server = cloud_find(call->observed, "id", id);

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    if (server == NULL || !may_run(now))
        return NULL;
    TRY(safety_act(&now->state, SAFETY_START, SAFETY_SERVE));
    TRY(world_service(call, &service));
    TRY(server_unlock(&service, server));
    if (!server_wants_start(server))
        return nova_metadata_delete(&service, id, SERVER_STOPPED_FOR);
    *ret = STEP_WAIT;
    json_set_bool(call->result, "started", true);
    err_t *e = nova_server_start(&service, id);
    if (e != NULL && !err_is(e, ERR_CLOUD_CONFLICT))
        return e;
    err_free(e); /* it has changed by itself meanwhile: the next look tells */
    return start_is_late(call, server);
}
