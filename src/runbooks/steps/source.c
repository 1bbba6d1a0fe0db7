/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source - what a handover does at the other site's cloud, with the credentials that its operator
 * gave us: its servers are stopped and locked before the final recovery point, looked at once more
 * after it, and started again if the handover is taken back.
 *
 * Each stop writes before it, into the server's metadata, for which handover it is and what the
 * server was (demote.c): should nobody here be left to start it again, its own site does (resume.c)
 * as soon as it hears that the handover is over.  Story B6: a server that bears the stamp of a
 * newer epoch has been taken back by its site; then nothing is touched any more.
 */
#include "cloud/nova.h"
#include "model/body.h"
#include "model/mutant.h"
#include "model/safety.h"
#include "runbooks/group.h"
#include "runbooks/steps/rest.h"
#include "runbooks/steps/steps.h"

#define LOOK_MS     500
#define STOP_MAX_MS 600000 /* a guest that does not shut down is cut off by Nova before */

static err_t *source_cloud(struct step_call *call, struct cloud *ret)
{
    return world_peer(call, json_str_or(call->plan, "source", ""), ret);
}

err_t *source_servers_observe(struct step_call *call, json_t **ret)
{
    struct cloud peer;

    TRY(source_cloud(call, &peer));
    return nova_server_list(&peer, json_str_or(call->plan, "source_project", ""), NULL, ret);
}

static const json_t *source_server(const json_t *servers, const json_t *member)
{
    return cloud_find(servers, "id", json_str_or(member, "source_server", ""));
}

/*
 * A server that the list lacks is gone only if its cloud says so of itself: a list that was cut
 * would let one run on while the group is claimed.  CLOUD_PARTIAL: it is there.
 */
static err_t *source_gone(struct step_call *call, const json_t *member)
{
    const char *id = json_str(member, "source_server");
    g_autoptr(json_t) server = NULL;
    struct cloud peer;

    if (id == NULL || *id == '\0')
        return NULL; /* none was ever known */
    TRY(source_cloud(call, &peer));
    err_t *e = nova_server_get(&peer, id, &server);
    if (e == NULL)
        return err(CLOUD_PARTIAL, "%s: the list of servers lacks '%s', which is there",
                   cloud_name(&peer), json_str_or(server, "name", id));
    if (!err_is(e, ERR_CLOUD_NOT_FOUND))
        return e;
    err_free(e);
    return NULL;
}

/* B6: its site has claimed since. */
static bool taken_back(const struct step_call *call, const json_t *server)
{
    const char *stamp = nova_metadata(server, NOVA_KEY_EPOCH);
    int64_t epoch = stamp != NULL ? g_ascii_strtoll(stamp, NULL, 10) : 0;

    return epoch > json_int(call->plan, "source_epoch", 0);
}

static err_t *taken_back_error(const json_t *server)
{
    return err(SYNC_SUPERSEDED, "server '%s' bears the stamp of epoch %s: its site is active again",
               json_str_or(server, "name", ""), nova_metadata(server, NOVA_KEY_EPOCH));
}

/* ---- stopping ---- */

static void note_first(struct step_call *call, const json_t *server)
{
    if (json_str(call->result, "was") != NULL)
        return;
    json_set_str(call->result, "was", nova_status(server));
    json_set_int(call->result, "seen_at_ms", call->now_ms);
}

err_t *source_stopped_probe(struct step_call *call, enum step_answer *ret)
{
    const json_t *server = source_server(call->observed, call->input);

    *ret = STEP_DONE;
    if (server == NULL) {
        TRY(source_gone(call, call->input));
        json_set_str(call->result, "was", "GONE");
        return NULL;
    }
    if (taken_back(call, server))
        return taken_back_error(server);
    note_first(call, server);
    enum rest rest = server_rest(server);
    if (rest == REST_IS && nova_is_locked(server))
        return NULL;
    if (call->now_ms - json_int(call->result, "seen_at_ms", call->now_ms) > STOP_MAX_MS)
        return err(TIMEOUT, "server '%s' does not stop: it is %s", json_str_or(server, "name", ""),
                   nova_status(server));
    *ret = rest == REST_WAIT && nova_is_locked(server) ? STEP_WAIT : STEP_ABSENT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    return NULL;
}

/* "handover:0123456789ab": what a server that this handover has stopped bears. */
static char *mark_of(const struct step_call *call)
{
    return g_strdup_printf(PLAN_STOPPED_BY_HANDOVER "%.12s",
                           json_str_or(call->op->params, "position", ""));
}

static json_t *stamps_of(const struct step_call *call, const json_t *server)
{
    json_t *m = json_object();
    g_autofree char *mark = mark_of(call);

    if (g_strcmp0(nova_metadata(server, SERVER_STOPPED_FOR), mark) == 0)
        return m;
    json_set_str(m, SERVER_STOPPED_FOR, mark);
    json_set_str(m, SERVER_GROUP, call->op->pg_id);
    json_set_str(m, SERVER_WAS, nova_status(server));
    return m;
}

/*
 * Lock first, so that nobody starts it again, then stop.  One call at a time, and a look between
 * two: once its site has stamped a server no more than one call is on its way to it.
 */
err_t *source_stop_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud peer;
    const json_t *server = source_server(call->observed, call->input);
    const char *id = json_str_or(server, "id", "");
    g_autofree char *reason =
        g_strdup_printf("protector: group %s is handed over to the other site (%s)",
                        call->op->pg_id, call->op->id);

    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    if (server == NULL)
        return NULL;
    g_autoptr(json_t) stamps = stamps_of(call, server);
    TRY(source_cloud(call, &peer));
    if (json_object_size(stamps) > 0 || !nova_is_locked(server)) {
        call->wake_at_ms = call->now_ms;
        return json_object_size(stamps) > 0 ? nova_metadata_set(&peer, id, stamps)
                                            : nova_server_lock(&peer, id, reason);
    }
    err_t *e = server_to_rest(&peer, id, server_rest(server));
    if (e == NULL || !err_is(e, ERR_CLOUD_CONFLICT))
        return e;
    err_free(e);
    return NULL; /* it has changed by itself meanwhile: the next look tells */
}

/* ---- starting again ---- */

/* The handover is still ours to take back, and this server was stopped by it. */
static err_t *ours_to_start(struct step_call *call, const json_t *server, bool *ret)
{
    AUTO(group_now) now = NULL;
    g_autofree char *mark = mark_of(call);

    TRY(group_now_load(call, &now));
    *ret = server != NULL && !taken_back(call, server) &&
           g_strcmp0(nova_metadata(server, SERVER_STOPPED_FOR), mark) == 0 &&
           g_strcmp0(now->state.serving, json_str(call->op->params, "position")) == 0;
    return *ret ? safety_act(&now->state, SAFETY_START, SAFETY_UNWIND) : NULL;
}

/* The mark goes last: one without it needs nothing more. */
err_t *source_start_undo(struct step_call *call, enum step_answer *ret)
{
    struct cloud peer;
    g_autoptr(json_t) servers = NULL;
    bool ours = false;

    *ret = STEP_DONE;
    TRY(source_servers_observe(call, &servers));
    const json_t *server = source_server(servers, call->input);
    TRY(ours_to_start(call, server, &ours));
    if (!ours)
        return NULL;
    const char *id = json_str_or(server, "id", "");
    TRY(source_cloud(call, &peer));
    TRY(server_unlock(&peer, server));
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    if (nova_task(server) != NULL)
        return NULL;
    if (!server_wants_start(server)) {
        *ret = STEP_DONE;
        return nova_metadata_delete(&peer, id, SERVER_STOPPED_FOR);
    }
    err_t *e = nova_server_start(&peer, id);
    if (e == NULL || !err_is(e, ERR_CLOUD_CONFLICT))
        return e;
    err_free(e);
    return NULL;
}

/* ---- after the final point (B7) ---- */

static err_t *undrained(const json_t *server)
{
    return err(SAFETY_UNDRAINED,
               "server '%s' was stopped and locked before the final recovery point, and is %s%s "
               "now: what it wrote since is not in the point",
               json_str_or(server, "name", ""), nova_status(server),
               nova_is_locked(server) ? "" : " and not locked");
}

err_t *sources_at_rest(struct step_call *call)
{
    g_autoptr(json_t) servers = NULL;
    size_t i;
    json_t *member;

    if (MUTANT(DRAIN_UNCHECKED))
        return NULL;
    TRY(source_servers_observe(call, &servers));
    json_array_foreach(json_arr(call->plan, "members"), i, member)
    {
        const json_t *server = source_server(servers, member);
        if (server == NULL)
            TRY(source_gone(call, member));
        if (server != NULL && taken_back(call, server))
            return taken_back_error(server);
        if (server != NULL && (server_rest(server) != REST_IS || !nova_is_locked(server)))
            return undrained(server);
    }
    const json_t *other = servers_find_keyed(servers, call->op->pg_id, NULL);
    if (other != NULL)
        return err(SAFETY_UNDRAINED,
                   "server '%s' bears the group's name and runs at the source, and no member of "
                   "the group is known to be it",
                   json_str_or(other, "name", json_str_or(other, "id", "")));
    return NULL;
}

err_t *source_verify_make(struct step_call *call, enum step_answer *ret)
{
    TRY(sources_at_rest(call));
    *ret = STEP_DONE;
    return NULL;
}
