/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup - what this site has kept of the group's servers is looked at, shown, and destroyed when
 * a person has confirmed exactly that (A10, never by itself).  plan/cleanup.h says what may go.
 *
 * At the standby these are the servers that it ran before the other site became active; at the
 * active site those that gave way to new ones.  Before each call that destroys something the group
 * is looked at again: it still stands as it was confirmed, and so does the server.
 */
#include "plan/cleanup.h"

#include "cloud/cinder.h"
#include "cloud/neutron.h"
#include "cloud/nova.h"
#include "model/body.h"
#include "model/message.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/rest.h"
#include "runbooks/steps/steps.h"
#include "store/resource.h"

#define LOOK_MS 1000

/* ---- the plan ---- */

/* The servers that gave way: [{id, member}]. */
static err_t *gave_way_read(struct step_call *call, json_t **ret)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(json_t) out = json_array();

    TRY(resource_list_group(call->db, call->op->pg_id, NULL, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct resource *r = g_ptr_array_index(rows, i);
        bool gone = g_str_equal(r->state, resource_state_text(RESOURCE_GONE));
        if (g_str_equal(r->kind, "kept_server") && !gone && r->cloud_id != NULL)
            json_array_append_new(out,
                                  json_pack("{s:s, s:s}", "id", r->cloud_id, "member", r->subject));
    }
    *ret = TAKE(out);
    return NULL;
}

/* Of the ledger's rows of a kind that are not gone: the ids of their objects. */
static err_t *ledger_ids(struct step_call *call, const char *kind, json_t **ret)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(json_t) ids = json_array();

    TRY(resource_list_group(call->db, call->op->pg_id, NULL, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct resource *r = g_ptr_array_index(rows, i);
        bool gone = g_str_equal(r->state, resource_state_text(RESOURCE_GONE));
        if (g_str_equal(r->kind, kind) && !gone && r->cloud_id != NULL)
            json_array_append_new(ids, json_string(r->cloud_id));
    }
    *ret = TAKE(ids);
    return NULL;
}

static err_t *acted_read(const struct cloud *c, const char *server, const json_t *servers,
                         json_t *acted)
{
    g_autoptr(json_t) actions = NULL;

    if (cloud_find(servers, "id", server) == NULL)
        return NULL;
    TRY(nova_action_list(c, server, &actions));
    json_set(acted, server, server_acted_since_lock(actions));
    return NULL;
}

/* What was done to each of them since it was locked. */
static err_t *acted_all(const struct cloud *c, const json_t *own, const json_t *gave_way,
                        json_t *inventory)
{
    const json_t *servers = json_arr(inventory, "servers");
    json_t *acted = json_object();
    size_t i;
    json_t *row;

    json_set(inventory, "acted", acted);
    json_array_foreach((json_t *)own, i, row)
        TRY(acted_read(c, json_str_or(row, "id", ""), servers, acted));
    json_array_foreach((json_t *)gave_way, i, row)
        TRY(acted_read(c, json_str_or(row, "id", ""), servers, acted));
    return NULL;
}

static err_t *inventory_read(struct step_call *call, const struct group_now *now, json_t **ret)
{
    const char *project = group_project(now->body, now->self);
    struct neutron_filter mine = {"project_id", (const char *const[]){project, NULL}};
    struct cloud service, tenant;
    g_autoptr(json_t) inventory = json_object();
    json_t *list = NULL;

    TRY(world_service(call, &service));
    TRY(world_tenant(call, project, &tenant));
    TRY(nova_server_list(&service, project, NULL, &list));
    json_set(inventory, "servers", list);
    TRY(neutron_port_list(&service, &mine, &list));
    json_set(inventory, "ports", list);
    TRY(neutron_floating_ip_list(&service, &mine, &list));
    json_set(inventory, "floating_ips", list);
    TRY(cinder_volume_list(&tenant, NULL, NULL, NULL, &list));
    json_set(inventory, "volumes", list);
    *ret = TAKE(inventory);
    return NULL;
}

/* The servers at the active site, as its cloud lists them now: the last copy is not destroyed. */
static err_t *active_servers(struct step_call *call, const struct group_now *now, json_t **ret)
{
    struct cloud peer;

    TRY(world_peer(call, now->peer, &peer));
    return nova_server_list(&peer, group_project(now->body, now->peer), NULL, ret);
}

/* Whether this site may destroy anything now, and of what kind. */
static err_t *role_check(const struct group_now *now)
{
    const struct sync_state *s = &now->state;
    bool fits = s->role == ROLE_STANDBY || s->role == ROLE_ACTIVE;

    if (now->body == NULL || !fits || s->split || s->superseded || *s->serving != '\0')
        return err(GROUP_STATE,
                   "the group is not settled at this site: nothing that was kept of it "
                   "is destroyed");
    return NULL;
}

static err_t *driver_check(struct step_call *call)
{
    const struct protector_driver *driver = world_options_of(call->world)->driver;

    if (driver != NULL && (driver->can & PROTECTOR_CAN_PROMOTE))
        return err(GROUP_STATE,
                   "storage driver '%s' replicates onto the volumes that were kept: they stay",
                   driver->name);
    return NULL;
}

static bool moves_data(struct step_call *call)
{
    const struct protector_driver *driver = world_options_of(call->world)->driver;

    return driver != NULL && (driver->can & PROTECTOR_MAKES_IN_CINDER) == 0;
}

static err_t *kept_plan(struct step_call *call, const struct group_now *now, json_t **ret)
{
    bool active = now->state.role == ROLE_ACTIVE;
    struct cloud service;
    g_autoptr(json_t) inventory = NULL;
    g_autoptr(json_t) there = NULL;
    g_autoptr(json_t) own = json_array();
    g_autoptr(json_t) gave_way = NULL;
    g_autoptr(json_t) ports = NULL;
    g_autoptr(json_t) floating = NULL;

    TRY(inventory_read(call, now, &inventory));
    if (!active) {
        TRY(active_servers(call, now, &there));
        TRY(own_servers(call, now, json_arr(inventory, "servers"), own));
    }
    TRY(gave_way_read(call, &gave_way));
    TRY(ledger_ids(call, "port", &ports));
    TRY(ledger_ids(call, "floating_ip", &floating));
    TRY(world_service(call, &service));
    TRY(acted_all(&service, own, gave_way, inventory));
    struct plan_cleanup_input in = {
        .body = now->body,
        .self = now->self,
        .peer = now->peer,
        .own = own,
        .gave_way = gave_way,
        .inventory = inventory,
        .there = there,
        .our_ports = ports,
        .our_floating = floating,
        .lost_after_ms = plan_lost_after(now->body, sync_epoch(&now->state), moves_data(call)),
    };
    *ret = plan_cleanup(&in);
    return NULL;
}

static err_t *kept_look(struct step_call *call, struct group_now **ret_now, json_t **ret)
{
    TRY(group_now_load(call, ret_now));
    TRY(role_check(*ret_now));
    TRY(driver_check(call));
    return kept_plan(call, *ret_now, ret);
}

/* ---- shown ---- */

err_t *cleanup_look_plan(struct step_call *call, json_t **ret)
{
    *ret = json_object();
    json_set_str(*ret, "group_id", call->op->pg_id);
    return NULL;
}

err_t *cleanup_look_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) plan = NULL;

    *ret = STEP_DONE;
    TRY(kept_look(call, &now, &plan));
    json_object_update(call->result, plan);
    return NULL;
}

err_t *cleanup_look_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) seen = NULL;

    if (!g_str_equal(status, "completed"))
        return NULL;
    TRY(step_result_of(call, "kept.look", "", &seen));
    json_object_update(call->result, seen);
    return NULL;
}

/* ---- confirmed ---- */

err_t *cleanup_source_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) plan = NULL;
    const json_t *params = call->op->params;
    const char *discard = json_str(params, "discard_writes_after");

    TRY(kept_look(call, &now, &plan));
    TRY(plan_cleanup_confirmed(plan, json_str(params, "plan"),
                               discard != NULL ? time_parse(discard) : -1));
    json_set_str(plan, "group_id", call->op->pg_id);
    json_set_str(plan, "project_id", group_project(now->body, now->self));
    json_set_int(plan, "epoch", sync_epoch(&now->state));
    json_set_str(plan, "role", sync_role_text(now->state.role));
    *ret = TAKE(plan);
    return NULL;
}

/* The plan's volumes whose servers have gone.  New reference. */
err_t *cleanup_volumes(struct step_call *call, json_t **ret)
{
    g_autoptr(json_t) out = json_array();
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(call->plan, "volumes"), i, row)
    {
        g_autoptr(json_t) result = NULL;
        g_autofree char *why = NULL;
        bool went = false;
        TRY(step_outcome_of(call, "kept.delete", json_str_or(row, "member", ""), &went, &why,
                            &result));
        if (went)
            json_array_append(out, row);
    }
    *ret = TAKE(out);
    return NULL;
}

err_t *cleanup_confirmed(struct step_call *call)
{
    AUTO(group_now) now = NULL;

    TRY(group_now_load(call, &now));
    TRY(role_check(now));
    bool same = sync_epoch(&now->state) == json_int(call->plan, "epoch", -1) &&
                g_strcmp0(sync_role_text(now->state.role), json_str(call->plan, "role")) == 0;
    return same ? NULL
                : err(CLEANUP_CHANGED, "the group has moved since: nothing more is destroyed");
}

/* The ledger's row of an object that is gone, if there is one. */
static err_t *object_gone(struct step_call *call, const char *cloud_id)
{
    AUTO(resource) row = NULL;

    TRY(resource_find_cloud(call->db, cloud_id, &row));
    if (row == NULL || g_str_equal(row->state, resource_state_text(RESOURCE_GONE)))
        return NULL;
    struct made made = {row->kind, row->service, row->subject, row->name, row->point_id, ""};
    g_strlcpy(made.key, row->resource_key, sizeof made.key);
    return ledger_gone(call, &made);
}

/*
 * Whether the server of a later row has gone: one that a person has skipped is left alone, with all
 * that is its own.
 */
static err_t *server_went(struct step_call *call, const char *server, bool *ret)
{
    g_autoptr(json_t) result = NULL;
    g_autofree char *why = NULL;

    TRY(step_outcome_of(call, "kept.delete", server, ret, &why, &result));
    if (!*ret)
        json_set_str(call->result, "left", "its server was not deleted");
    return NULL;
}

/* The call was made, or may have been. */
static err_t *asked_note(struct step_call *call, err_t *e)
{
    if (e == NULL || err_class(e) == ERR_CLASS_AMBIGUOUS)
        json_set_bool(call->result, "asked", true);
    return e;
}

/* ---- servers ---- */

err_t *kept_servers_observe(struct step_call *call, json_t **ret)
{
    struct cloud service;

    TRY(world_service(call, &service));
    return nova_server_list(&service, json_str_or(call->plan, "project_id", ""), NULL, ret);
}

static bool locked_by_us(const json_t *server)
{
    return nova_is_locked(server) &&
           g_str_has_prefix(json_str_or(server, "locked_reason", ""), "protector");
}

/*
 * One that the list lacks is gone only if its cloud says so of itself: with a list that was cut its
 * ports would be taken from a server that stays.
 */
static err_t *server_gone(struct step_call *call)
{
    struct cloud service;
    g_autoptr(json_t) server = NULL;

    TRY(world_service(call, &service));
    err_t *e = nova_server_get(&service, call->subject, &server);
    if (e == NULL)
        return err(CLOUD_PARTIAL, "%s: the list of servers lacks '%s', which is there",
                   cloud_name(&service), json_str_or(server, "name", call->subject));
    if (!err_is(e, ERR_CLOUD_NOT_FOUND))
        return e;
    err_free(e);
    return object_gone(call, call->subject);
}

err_t *kept_delete_probe(struct step_call *call, enum step_answer *ret)
{
    const json_t *server = cloud_find(call->observed, "id", call->subject);

    *ret = STEP_DONE;
    if (server == NULL)
        return server_gone(call);
    bool rests = server_rest(server) == REST_IS && locked_by_us(server);
    bool goes = g_strcmp0(nova_task(server), "deleting") == 0 ||
                g_strcmp0(nova_task(server), "soft-deleting") == 0;
    if (!rests && !goes)
        return err(CLEANUP_CHANGED, "server '%s' (%s) is %s%s now: it is not destroyed",
                   json_str_or(server, "name", ""), call->subject, nova_status(server),
                   locked_by_us(server) ? "" : " and not locked");
    *ret = nova_task(server) != NULL ? STEP_WAIT : STEP_ABSENT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    return NULL;
}

err_t *kept_delete_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud service;

    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    TRY(cleanup_confirmed(call));
    TRY(world_service(call, &service));
    return nova_server_delete(&service, call->subject);
}

/* ---- their ports and floating IPs ---- */

err_t *kept_ports_observe(struct step_call *call, json_t **ret)
{
    const char *project = json_str_or(call->plan, "project_id", "");
    struct neutron_filter mine = {"project_id", (const char *const[]){project, NULL}};
    struct cloud service;
    g_autoptr(json_t) seen = json_object();
    json_t *list = NULL;

    TRY(world_service(call, &service));
    TRY(neutron_port_list(&service, &mine, &list));
    json_set(seen, "ports", list);
    TRY(neutron_floating_ip_list(&service, &mine, &list));
    json_set(seen, "floating_ips", list);
    *ret = TAKE(seen);
    return NULL;
}

/* Somebody has taken it since: a port for another server, a floating IP for another port. */
static bool taken(const struct step_call *call, const json_t *object, const json_t *row,
                  const char *key)
{
    bool port = g_str_equal(key, "ports");
    const char *holder = json_str(object, port ? "device_id" : "port_id");
    const char *was = port ? call->subject : json_str(row, "port_id");

    return holder != NULL && *holder != '\0' && g_strcmp0(holder, was) != 0;
}

/* Those of the row's objects under 'key' that are to go; what is gone is noted.  New reference. */
static err_t *to_go(struct step_call *call, const char *key, json_t **ret)
{
    g_autoptr(json_t) ids = json_array();
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(call->input, key), i, row)
    {
        const char *id = json_str_or(row, "id", "");
        const json_t *there = cloud_find(json_arr(call->observed, key), "id", id);
        if (there == NULL)
            TRY(object_gone(call, id));
        else if (!taken(call, there, row, key))
            json_array_append_new(ids, json_string(id));
    }
    *ret = TAKE(ids);
    return NULL;
}

err_t *kept_ports_probe(struct step_call *call, enum step_answer *ret)
{
    g_autoptr(json_t) ports = NULL;
    g_autoptr(json_t) floating = NULL;
    bool went = false;

    *ret = STEP_DONE;
    TRY(server_went(call, call->subject, &went));
    if (!went)
        return NULL;
    TRY(to_go(call, "floating_ips", &floating));
    TRY(to_go(call, "ports", &ports));
    if (json_array_size(floating) + json_array_size(ports) > 0)
        *ret = STEP_ABSENT;
    return NULL;
}

err_t *kept_ports_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud service;
    g_autoptr(json_t) ports = NULL;
    g_autoptr(json_t) floating = NULL;
    size_t i;
    json_t *id;

    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms;
    TRY(cleanup_confirmed(call));
    TRY(to_go(call, "floating_ips", &floating));
    TRY(to_go(call, "ports", &ports));
    TRY(world_service(call, &service));
    json_array_foreach(floating, i, id)
        TRY(neutron_floating_ip_delete(&service, json_string_value(id)));
    json_array_foreach(ports, i, id) TRY(neutron_port_delete(&service, json_string_value(id)));
    return NULL;
}

/* ---- their volumes ---- */

/* Attached to something else than the server that has gone. */
static bool used_elsewhere(const struct step_call *call, const json_t *volume)
{
    const char *server = json_str_or(call->input, "member", "");
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(volume, "attachments"), i, row)
    {
        if (g_strcmp0(json_str(row, "server_id"), server) != 0)
            return true;
    }
    return false;
}

err_t *kept_volumes_probe(struct step_call *call, enum step_answer *ret)
{
    const json_t *volume = cloud_find(call->observed, "id", call->subject);
    const char *status = cinder_status(volume);
    bool broken = g_str_has_prefix(status, "error"), went = false;

    *ret = STEP_DONE;
    TRY(server_went(call, json_str_or(call->input, "member", ""), &went));
    if (!went)
        return NULL;
    if (volume == NULL)
        return object_gone(call, call->subject);
    if (used_elsewhere(call, volume))
        return err(CLEANUP_CHANGED, "volume '%s' (%s) was attached to another server: it stays",
                   json_str_or(volume, "name", ""), call->subject);
    if (broken && json_bool(call->result, "asked", false)) {
        json_object_del(call->result, "asked"); /* a person's retry asks anew */
        return err_remedy(err(VOLUME_ERROR, "volume '%s' (%s) does not go: it is %s",
                              json_str_or(volume, "name", ""), call->subject, status),
                          "see cinder-volume's log, then: operation retry %s", call->op->id);
    }
    *ret = g_str_equal(status, "available") || broken ? STEP_ABSENT : STEP_WAIT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    return NULL;
}

err_t *kept_volumes_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud tenant;

    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + LOOK_MS;
    TRY(cleanup_confirmed(call));
    TRY(world_tenant(call, json_str_or(call->plan, "project_id", ""), &tenant));
    return asked_note(call, cinder_volume_delete(&tenant, call->subject));
}

/* ---- the outcome ---- */

/* Rows of the plan whose step has ended well, and the others. */
static err_t *gone_rows(struct step_call *call, const char *step, const json_t *rows, json_t *out,
                        json_t *others)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)rows, i, row)
    {
        g_autoptr(json_t) result = NULL;
        g_autofree char *why = NULL;
        bool done = false;
        TRY(step_outcome_of(call, step, json_str_or(row, "id", ""), &done, &why, &result));
        done = done && json_str(result, "left") == NULL;
        json_array_append_new(done ? out : others,
                              json_pack("{s:s, s:s}", "id", json_str_or(row, "id", ""), "name",
                                        json_str_or(row, "name", "")));
    }
    return NULL;
}

err_t *cleanup_source_ended(struct step_call *call, const char *status)
{
    json_t *servers = json_array(), *volumes = json_array(), *remaining = json_array();

    (void)status;
    json_set(call->result, "servers", servers);
    json_set(call->result, "volumes", volumes);
    json_set(call->result, "remaining", remaining);
    if (call->plan == NULL)
        return NULL;
    json_set(call->result, "left", json_deep_copy(json_arr(call->plan, "left")));
    TRY(gone_rows(call, "kept.delete", json_arr(call->plan, "members"), servers, remaining));
    return gone_rows(call, "kept.volumes", json_arr(call->plan, "volumes"), volumes, remaining);
}
