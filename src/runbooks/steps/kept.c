/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept - the servers that this site kept when the group left it (B8): looked at for the plan; after
 * the claim they give their addresses to the new ones, or, where the other site never had the
 * member, go on themselves.  plan/kept.h decides which.
 *
 * A server that was replaced, or stays beside its new one, bears PLAN_KEPT from then on: it is
 * neither stopped nor started with the group any more.  Nothing is deleted here.
 */
#include "plan/kept.h"

#include "plan/cleanup.h"

#include "cloud/neutron.h"
#include "cloud/nova.h"
#include "model/body.h"
#include "model/safety.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/rest.h"
#include "runbooks/steps/steps.h"

#define LOOK_MS          500
#define DELIVERS_MAX_MS  600000 /* that Nova may take for all that a kept server is asked for */
#define DELIVERS_GAP_MS  300000 /* without a look: what was waited before does not count */
#define DELIVERS_UNTIL   "delivers_until_ms" /* keys of the row's result */
#define DELIVERS_SEEN    "delivers_seen_ms"
#define DELIVERS_REFUSED "delivers_refused"

static const char *kept_id(const json_t *member)
{
    return json_str_or(json_obj(member, "kept"), "server_id", "");
}

static bool verdict_is(const json_t *member, const char *verdict)
{
    return g_strcmp0(plan_kept_verdict(member), verdict) == 0;
}

/* ---- for the plan ---- */

/* Newest first: what is newer than the lock. */
json_t *server_acted_since_lock(const json_t *actions)
{
    static const char *const ours[] = {"stop", "unlock", NULL};
    json_t *out = json_array();
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)actions, i, row)
    {
        const char *action = json_str_or(row, "action", "");
        if (g_str_equal(action, "lock"))
            return out;
        if (!g_strv_contains(ours, action))
            json_array_append_new(out, json_string(action));
    }
    json_array_clear(out); /* it was never locked, which tells enough */
    return out;
}

err_t *kept_read(struct step_call *call, const struct group_now *now, json_t *inventory)
{
    struct cloud service;
    const json_t *servers = json_arr(inventory, "servers");
    json_t *acted = json_object();
    size_t i;
    json_t *member;

    json_set(inventory, "acted", acted);
    TRY(world_service(call, &service));
    json_array_foreach(body_members(now->body), i, member)
    {
        const char *id = group_server_at(now->body, now->self, json_str_or(member, "id", ""));
        g_autoptr(json_t) actions = NULL;
        if (id == NULL || cloud_find(servers, "id", id) == NULL)
            continue;
        TRY(nova_action_list(&service, id, &actions));
        json_set(acted, id, server_acted_since_lock(actions));
    }
    return NULL;
}

void kept_lost(struct step_call *call, const struct group_now *now, const json_t *inventory,
               json_t *plan)
{
    const struct protector_driver *driver = world_options_of(call->world)->driver;
    bool moves = driver != NULL && (driver->can & PROTECTOR_MAKES_IN_CINDER) == 0;
    int64_t lost_ms = plan_lost_after(now->body, sync_epoch(&now->state), moves);
    size_t i;
    json_t *member;

    json_array_foreach(json_arr(plan, "members"), i, member)
    {
        json_t *kept = json_obj(member, "kept");
        const json_t *server =
            cloud_find(json_arr(inventory, "servers"), "id", json_str_or(kept, "server_id", ""));
        if (server == NULL)
            continue;
        g_autofree char *text = plan_lost_text(plan_server_lost_after(server, lost_ms));
        bool changed = json_array_size(json_arr(kept, "differs")) > 0;
        json_set_str(kept, "lost_after", changed ? PLAN_LOST_CHANGED : text);
    }
}

/* ---- giving way ---- */

err_t *kept_observe(struct step_call *call, json_t **ret)
{
    struct cloud service;
    g_autoptr(json_t) seen = json_object();
    json_t *list = NULL;
    const char *project = json_str_or(call->plan, "project_id", "");
    struct neutron_filter mine = {"project_id", (const char *const[]){project, NULL}};

    TRY(world_service(call, &service));
    TRY(nova_server_list(&service, project, NULL, &list));
    json_set(seen, "servers", list);
    TRY(neutron_port_list(&service, &mine, &list));
    json_set(seen, "ports", list);
    *ret = TAKE(seen);
    return NULL;
}

static const json_t *kept_server(const struct step_call *call, const json_t *servers)
{
    return cloud_find(servers, "id", kept_id(call->input));
}

static char *kept_name(const struct step_call *call)
{
    g_autofree char *suffix =
        g_strdup_printf("-kept-%" G_GINT64_FORMAT, json_int(call->plan, "epoch", 0));

    return plan_name_with(json_str_or(call->input, "name", ""), suffix);
}

static void kept_made(struct step_call *call, struct made *ret)
{
    made_init(call, "kept_server", "nova", call->subject, json_str(call->input, "name"), NULL, ret);
}

/* What is left to do with the server: one thing at a time, in this order. */
enum todo { TODO_NOTHING, TODO_REST, TODO_PORTS, TODO_NAME, TODO_MARK };

static enum todo todo_of(const struct step_call *call, const json_t *server, const json_t *ports)
{
    g_autofree char *name = kept_name(call);
    bool gives_way = verdict_is(call->input, PLAN_TAKES_OVER);

    if (server == NULL || (!gives_way && !verdict_is(call->input, PLAN_KEEPS_BOTH)))
        return TODO_NOTHING;
    if (gives_way && server_rest(server) != REST_IS)
        return TODO_REST;
    if (gives_way && json_array_size(ports) > 0)
        return TODO_PORTS;
    if (gives_way && g_strcmp0(json_str(server, "name"), name) != 0)
        return TODO_NAME;
    bool marked = nova_metadata(server, PLAN_KEPT) != NULL &&
                  nova_metadata(server, SERVER_STOPPED_FOR) == NULL;
    return marked ? TODO_NOTHING : TODO_MARK;
}

err_t *kept_release_probe(struct step_call *call, enum step_answer *ret)
{
    const json_t *server = kept_server(call, json_arr(call->observed, "servers"));
    g_autoptr(json_t) ports =
        plan_server_ports(json_arr(call->observed, "ports"), kept_id(call->input));
    struct made made;

    *ret = todo_of(call, server, ports) == TODO_NOTHING ? STEP_DONE : STEP_ABSENT;
    if (*ret == STEP_ABSENT || server == NULL || nova_metadata(server, PLAN_KEPT) == NULL)
        return NULL;
    kept_made(call, &made);
    json_set_str(call->result, "kept_server", json_str(server, "id"));
    return ledger_made(call, &made, json_str(server, "id"));
}

static err_t *ports_detach(const struct cloud *c, const char *server, const json_t *ports)
{
    size_t i;
    json_t *port;

    json_array_foreach((json_t *)ports, i, port)
        TRY(nova_interface_detach(c, server, json_str_or(port, "id", "")));
    return NULL;
}

/* From now on it runs or rests without the group. */
static err_t *kept_mark(struct step_call *call, const struct cloud *c, const char *server)
{
    g_autoptr(json_t) mark = json_object();
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, json_int(call->plan, "epoch", 0));

    json_set_str(mark, PLAN_KEPT, epoch);
    json_set_str(mark, PLAN_LOST_AFTER, json_str(json_obj(call->input, "kept"), "lost_after"));
    TRY(nova_metadata_set(c, server, mark));
    return nova_metadata_delete(c, server, SERVER_STOPPED_FOR);
}

static err_t *todo_do(struct step_call *call, const struct cloud *c, const json_t *server,
                      const json_t *ports)
{
    g_autofree char *name = kept_name(call);
    const char *id = json_str_or(server, "id", "");

    switch (todo_of(call, server, ports)) {
    case TODO_REST:
        return server_to_rest(c, id, server_rest(server));
    case TODO_PORTS:
        return ports_detach(c, id, ports);
    case TODO_NAME:
        return nova_server_rename(c, id, name);
    case TODO_MARK:
        return kept_mark(call, c, id);
    case TODO_NOTHING:
        break;
    }
    return NULL;
}

/* What Nova said when it refused last; NULL: it took all that it was asked for. */
static const char *refused_last(const struct step_call *call)
{
    return json_str(call->result, DELIVERS_REFUSED);
}

/*
 * Nova takes each of these with a 202 and does it later, or does not, or refuses for as long as
 * something else is going on: after so long a person is asked.  His retry begins anew, and so does
 * an engine that has not looked for a while.
 */
static err_t *nova_delivers(struct step_call *call, const json_t *server, const char *what)
{
    int64_t seen_ms = json_int(call->result, DELIVERS_SEEN, 0);

    if (ABS(call->now_ms - seen_ms) > DELIVERS_GAP_MS)
        json_object_del(call->result, DELIVERS_UNTIL);
    json_set_int(call->result, DELIVERS_SEEN, call->now_ms);
    bool over = pause_over(call, DELIVERS_UNTIL, DELIVERS_MAX_MS);
    call->wake_at_ms = call->now_ms + LOOK_MS;
    if (!over)
        return NULL;
    json_object_del(call->result, DELIVERS_UNTIL);
    const char *task = nova_task(server), *refused = refused_last(call);
    return err_remedy(
        err(SERVER_ERROR,
            "server '%s' (%s), which was kept at this site, does not %s: it is %s%s%s;"
            " %s%s",
            json_str_or(server, "name", "?"), json_str_or(server, "id", "?"), what,
            nova_status(server), task != NULL ? ", " : "", task != NULL ? task : "",
            refused != NULL ? "Nova: " : "Nova accepts what it is asked for",
            refused != NULL ? refused : ""),
        "see nova-compute's log at this site, then: operation retry %s", call->op->id);
}

/* Changed by itself meanwhile, or busy: the next look tells. */
static err_t *moved_is_fine(struct step_call *call, err_t *e)
{
    json_object_del(call->result, DELIVERS_REFUSED);
    if (e == NULL || !err_is(e, ERR_CLOUD_CONFLICT))
        return e;
    json_set_str(call->result, DELIVERS_REFUSED, err_message(e));
    err_free(e);
    return NULL;
}

err_t *kept_release_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    struct cloud service;
    struct made made;
    g_autoptr(json_t) ports =
        plan_server_ports(json_arr(call->observed, "ports"), kept_id(call->input));

    *ret = STEP_WAIT;
    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_BOOT, SAFETY_SERVE));
    TRY(world_service(call, &service));
    kept_made(call, &made);
    TRY(ledger_intend(call, &made)); /* before the first thing that is done to it */
    const json_t *server = kept_server(call, json_arr(call->observed, "servers"));
    TRY(nova_delivers(call, server, "make way"));
    return moved_is_fine(call, todo_do(call, &service, server, ports));
}

/* ---- going on, in server.boot ---- */

/* With --from kept one without the mark of a stop, which somebody took away, is started too. */
static bool stands_still(const struct step_call *call, const json_t *server)
{
    return json_obj(call->plan, "left_out") != NULL &&
           nova_metadata(server, SERVER_STOPPED_FOR) == NULL && server_wants_start(server);
}

/* The mark of the stop goes last: one without it needs nothing more. */
err_t *kept_start_probe(struct step_call *call, enum step_answer *ret)
{
    const json_t *server = kept_server(call, call->observed);

    *ret = STEP_DONE;
    if (server == NULL)
        return err(SERVER_ERROR, "server '%s' (%s), which was kept at this site, is gone",
                   json_str_or(call->input, "name", ""), kept_id(call->input));
    json_set_str(call->result, "server_id", json_str(server, "id"));
    if (nova_metadata(server, SERVER_STOPPED_FOR) != NULL || stands_still(call, server))
        *ret = nova_task(server) != NULL ? STEP_WAIT : STEP_ABSENT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    return *ret == STEP_WAIT ? nova_delivers(call, server, "start") : NULL;
}

err_t *kept_start_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    struct cloud service;
    const json_t *server = kept_server(call, call->observed);
    const char *id = json_str_or(server, "id", "");

    *ret = STEP_WAIT;
    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_START, SAFETY_SERVE));
    TRY(nova_delivers(call, server, "start"));
    TRY(world_service(call, &service));
    TRY(server_unlock(&service, server));
    if (server_wants_start(server))
        return moved_is_fine(call, nova_server_start(&service, id));
    return nova_metadata_delete(&service, id, SERVER_STOPPED_FOR);
}
