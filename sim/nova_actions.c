/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_actions - what is done to a server: update, delete, and POST /servers/{id}/action with
 * one row per action.
 */
#include "sim/nova.h"

#include <string.h>

#include "sim/advance.h"
#include "sim/cinder.h"
#include "sim/neutron.h"

typedef struct http_response *action_fn(struct call *call, json_t *server, const json_t *args);

struct http_response *sim_nova_lock_check(struct call *call, const json_t *server)
{
    if (call->admin || !json_bool(server, "locked", false))
        return NULL;
    return sim_call_fail(call, 409, "Instance %s is locked", json_str(server, "id"));
}

struct http_response *sim_nova_state_check(struct call *call, const json_t *server,
                                           const char *verb, const char *states)
{
    const char *task = json_str(server, "task_state");
    const char *state = json_str(server, "vm_state");
    g_auto(GStrv) good = g_strsplit(states, "|", -1);
    if (!g_strv_contains((const char *const *)good, state))
        return sim_call_fail(call, 409, "Cannot '%s' instance %s while it is in vm_state %s", verb,
                             json_str(server, "id"), state);
    if (task != NULL)
        return sim_call_fail(call, 409, "Cannot '%s' instance %s while it is in task_state %s",
                             verb, json_str(server, "id"), task);
    return NULL;
}

static struct http_response *accepted(struct call *call)
{
    return sim_call_empty(call, 202, "application/json");
}

static struct http_response *act_start(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    sim_nova_action_add(call->site, server, "start", call->user_id);
    json_set_str(server, "task_state", "powering-on");
    sim_advance_add(call->site, EVENT_SERVER_STARTED, json_str(server, "id"),
                    call->sim->options.latency.server_start_ms);
    return accepted(call);
}

static struct http_response *act_stop(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    sim_nova_action_add(call->site, server, "stop", call->user_id);
    json_set_str(server, "task_state", "powering-off");
    sim_advance_add(call->site, EVENT_SERVER_STOPPED, json_str(server, "id"),
                    call->sim->options.latency.server_stop_ms);
    return accepted(call);
}

static struct http_response *act_reboot(struct call *call, json_t *server, const json_t *args)
{
    const char *type = json_str_or(args, "type", "");
    bool hard = g_ascii_strcasecmp(type, "HARD") == 0;
    if (!hard && g_ascii_strcasecmp(type, "SOFT") != 0)
        return sim_call_fail(call, 400,
                             "Invalid input for field/attribute type. Value: %s. '%s' is not "
                             "one of ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']",
                             type, type);
    sim_nova_action_add(call->site, server, "reboot", call->user_id);
    json_set_str(server, "task_state", hard ? "rebooting_hard" : "rebooting");
    sim_advance_add(call->site, EVENT_SERVER_REBOOTED, json_str(server, "id"),
                    call->sim->options.latency.server_start_ms);
    return accepted(call);
}

static struct http_response *at_once(struct call *call, json_t *server, const char *action,
                                     const char *vm_state, int power_state)
{
    sim_nova_action_add(call->site, server, action, call->user_id);
    sim_nova_set_state(call->site, server, vm_state, NULL, power_state);
    return accepted(call);
}

static struct http_response *act_pause(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    return at_once(call, server, "pause", "paused", POWER_PAUSED);
}

static struct http_response *act_unpause(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    return at_once(call, server, "unpause", "active", POWER_RUNNING);
}

static struct http_response *act_suspend(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    return at_once(call, server, "suspend", "suspended", POWER_SHUTDOWN);
}

static struct http_response *act_resume(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    return at_once(call, server, "resume", "active", POWER_RUNNING);
}

static struct http_response *act_rescue(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    return at_once(call, server, "rescue", "rescued", POWER_RUNNING);
}

static struct http_response *act_unrescue(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    return at_once(call, server, "unrescue", "active", POWER_RUNNING);
}

static struct http_response *act_confirm_resize(struct call *call, json_t *server,
                                                const json_t *args)
{
    (void)args;
    struct http_response *resp = at_once(call, server, "confirmResize", "active", POWER_RUNNING);
    resp->status = 204;
    return resp;
}

/* A lock made in the server's own project is the owner's, else an administrator's. */
static struct http_response *act_lock(struct call *call, json_t *server, const json_t *args)
{
    bool owner = g_strcmp0(json_str(server, "project_id"), call->project_id) == 0;
    const char *reason = json_str(args, "locked_reason");
    if (json_is_object(args) && json_object_size(args) > 0 && call->mv < 73)
        return sim_call_fail(call, 400, "Invalid input for field/attribute lock. Value: %s.",
                             "Additional properties are not allowed");
    sim_nova_action_add(call->site, server, "lock", call->user_id);
    if (json_bool(server, "locked", false) && owner)
        return accepted(call);
    json_set_bool(server, "locked", true);
    json_set_str(server, "locked_by", owner ? "owner" : "admin");
    json_set(server, "locked_reason", js_str(reason));
    json_set_int(server, "updated_ms", call->sim->now_ms);
    return accepted(call);
}

static struct http_response *act_unlock(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    if (!call->admin && g_strcmp0(json_str(server, "locked_by"), "admin") == 0)
        return sim_call_forbid(call, "os_compute_api:os-lock-server:unlock:unlock_override");
    sim_nova_action_add(call->site, server, "unlock", call->user_id);
    json_set_bool(server, "locked", false);
    json_set(server, "locked_by", NULL);
    json_set(server, "locked_reason", NULL);
    json_set_int(server, "updated_ms", call->sim->now_ms);
    return accepted(call);
}

static struct http_response *act_reset_state(struct call *call, json_t *server, const json_t *args)
{
    const char *state = json_str_or(args, "state", "");
    if (strcmp(state, "active") != 0 && strcmp(state, "error") != 0)
        return sim_call_fail(call, 400,
                             "Invalid input for field/attribute state. Value: %s. '%s' is "
                             "not one of ['active', 'error']",
                             state, state);
    sim_nova_set_state(call->site, server, state, NULL, (int)json_int(server, "power_state", 0));
    return accepted(call);
}

static void each_port_group(struct site *site, const json_t *server, const char *group, bool add)
{
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_arr(server, "ports"), i, id)
    {
        json_t *groups =
            json_arr(sim_site_row(site, "ports", json_string_value(id)), "security_groups");
        if (add && !js_has(groups, group))
            json_array_append_new(groups, json_string(group));
        if (!add)
            js_remove(groups, group);
    }
}

static struct http_response *change_group(struct call *call, json_t *server, const json_t *args,
                                          bool add)
{
    const char *name = json_str_or(args, "name", "");
    const json_t *group = sim_neutron_group_named(call->site, json_str(server, "project_id"), name);
    if (group == NULL)
        return sim_call_fail(call, 404, "Security group %s not found for project %s.", name,
                             json_str(server, "project_id"));
    each_port_group(call->site, server, json_str(group, "id"), add);
    return accepted(call);
}

static struct http_response *act_add_group(struct call *call, json_t *server, const json_t *args)
{
    return change_group(call, server, args, true);
}

static struct http_response *act_remove_group(struct call *call, json_t *server, const json_t *args)
{
    return change_group(call, server, args, false);
}

static struct http_response *act_console(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    g_autofree char *text =
        g_strdup_printf("FAKE CONSOLE OUTPUT\n%s login: ", json_str(server, "hostname"));
    return sim_call_json(call, 200, js("{s:s}", "output", text));
}

static struct http_response *delete_server(struct call *call, json_t *server)
{
    const char *id = json_str(server, "id");
    sim_advance_cancel(call->site, id);
    if (!json_bool(server, "placed", false)) {
        sim_nova_server_gone(call->site, id);
        return sim_call_empty(call, 204, "application/json");
    }
    sim_nova_action_add(call->site, server, "delete", call->user_id);
    json_set_str(server, "task_state", "deleting");
    sim_advance_add(call->site, EVENT_SERVER_GONE, id, call->sim->options.latency.server_delete_ms);
    return sim_call_empty(call, 204, "application/json");
}

static struct http_response *act_force_delete(struct call *call, json_t *server, const json_t *args)
{
    (void)args;
    struct http_response *resp = delete_server(call, server);
    resp->status = 202;
    return resp;
}

#define SETTLED "active|stopped|paused|suspended|error"

static const struct {
    const char *name;   /* in the body */
    const char *verb;   /* in the refusals */
    const char *states; /* vm_states it is allowed in; NULL: any */
    action_fn *fn;
    bool locks; /* a locked server refuses it */
    const char *policy;
} actions[] = {
    {"os-start", "start", "stopped", act_start, true, NULL},
    {"os-stop", "stop", "active|error", act_stop, true, NULL},
    {"reboot", "reboot", "active|stopped|paused|suspended|error", act_reboot, true, NULL},
    {"pause", "pause", "active", act_pause, true, NULL},
    {"unpause", "unpause", "paused", act_unpause, true, NULL},
    {"suspend", "suspend", "active", act_suspend, true, NULL},
    {"resume", "resume", "suspended", act_resume, true, NULL},
    {"rescue", "rescue", "active|stopped|error", act_rescue, true, NULL},
    {"unrescue", "unrescue", "rescued", act_unrescue, true, NULL},
    {"confirmResize", "confirmResize", "resized", act_confirm_resize, true, NULL},
    {"lock", "lock", NULL, act_lock, false, NULL},
    {"unlock", "unlock", NULL, act_unlock, false, NULL},
    {"os-resetState", "reset", NULL, act_reset_state, false,
     "os_compute_api:os-admin-actions:reset_state"},
    {"addSecurityGroup", "addSecurityGroup", SETTLED, act_add_group, false, NULL},
    {"removeSecurityGroup", "removeSecurityGroup", SETTLED, act_remove_group, false, NULL},
    {"os-getConsoleOutput", "getConsoleOutput", NULL, act_console, false, NULL},
    {"forceDelete", "forceDelete", NULL, act_force_delete, true, NULL},
};

struct http_response *sim_nova_server_action(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    json_t *args = NULL;
    const char *name = sim_cinder_action(call, &args);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (g_strcmp0(actions[i].name, name) != 0)
            continue;
        if (actions[i].policy != NULL && !sim_call_allowed(call, actions[i].policy))
            return sim_call_forbid(call, actions[i].policy);
        if (actions[i].locks)
            resp = sim_nova_lock_check(call, server);
        if (resp == NULL && actions[i].states != NULL)
            resp = sim_nova_state_check(call, server, actions[i].verb, actions[i].states);
        return resp != NULL ? resp : actions[i].fn(call, server, args);
    }
    return sim_call_fail(call, 400, "There is no such action: %s", name != NULL ? name : "None");
}

struct http_response *sim_nova_server_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_here(call, &resp);
    if (server == NULL)
        return resp;
    resp = sim_nova_lock_check(call, server);
    return resp != NULL ? resp : delete_server(call, server);
}

struct http_response *sim_nova_server_update(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_here(call, &resp);
    if (server == NULL)
        return resp;
    const json_t *asked = json_obj(call->body, "server");
    const char *name = json_str(asked, "name");
    if (name != NULL && (*name == '\0' || strlen(name) > 255))
        return sim_call_fail(call, 400, "Invalid input for field/attribute name. Value: %s.", name);
    if (name != NULL)
        json_set_str(server, "name", name);
    if (call->mv >= 19 && json_object_get(asked, "description") != NULL)
        json_set(server, "description", js_str(json_str(asked, "description")));
    if (call->mv >= 90 && json_str(asked, "hostname") != NULL)
        json_set_str(server, "hostname", json_str(asked, "hostname"));
    json_set_int(server, "updated_ms", call->sim->now_ms);
    return sim_call_json(call, 200,
                         js("{s:o}", "server", sim_nova_server_view(call, server, false)));
}
