/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_interfaces - os-interface: the ports of a server.
 */
#include "sim/nova.h"

#include <string.h>

#include "sim/neutron.h"

static json_t *interface_view(const json_t *port)
{
    return js("{s:s, s:s, s:s, s:s, s:O}", "net_id", json_str(port, "network_id"), "port_id",
              json_str(port, "id"), "mac_addr", json_str(port, "mac_address"), "port_state",
              json_str(port, "status"), "fixed_ips", json_arr(port, "fixed_ips"));
}

struct http_response *sim_nova_interface_list(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    json_t *views = json_array();
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_arr(server, "ports"), i, id)
    {
        const json_t *port = sim_site_row(call->site, "ports", json_string_value(id));
        if (port != NULL)
            json_array_append_new(views, interface_view(port));
    }
    return sim_call_json(call, 200, js("{s:o}", "interfaceAttachments", views));
}

/* The port of the path, if it is the server's; NULL and the 404. */
static json_t *port_here(struct call *call, json_t **ret_server, struct http_response **ret)
{
    *ret_server = sim_nova_server_placed_here(call, ret);
    if (*ret_server == NULL)
        return NULL;
    json_t *port = sim_site_row(call->site, "ports", call->arg[1]);
    if (port != NULL && js_has(json_arr(*ret_server, "ports"), call->arg[1]))
        return port;
    *ret = sim_call_fail(call, 404, "Port id %s could not be found.", call->arg[1]);
    return NULL;
}

struct http_response *sim_nova_interface_show(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = NULL;
    const json_t *port = port_here(call, &server, &resp);
    return port == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "interfaceAttachment", interface_view(port)));
}

/* The port asked for, free; NULL and the answer. */
static json_t *wanted_port(struct call *call, json_t *server, const json_t *asked,
                           struct http_response **ret)
{
    const char *port_id = json_str(asked, "port_id");
    const char *network_id = json_str(asked, "net_id");
    if (port_id != NULL) {
        json_t *port = sim_site_row(call->site, "ports", port_id);
        if (!sim_call_sees(call, port)) {
            *ret = sim_call_fail(call, 404, "Port id %s could not be found.", port_id);
            return NULL;
        }
        if (strcmp(json_str_or(port, "device_id", ""), "") != 0) {
            *ret = sim_call_fail(call, 400, "Port %s is still in use.", port_id);
            return NULL;
        }
        return port;
    }
    const json_t *network = sim_neutron_network_seen(call, network_id);
    json_t *port = network == NULL ? NULL
                                   : sim_neutron_port_for(call->site, network,
                                                          json_str(server, "project_id"), NULL);
    if (port == NULL)
        *ret = sim_call_fail(call, 400, "Network %s could not be found.",
                             network_id != NULL ? network_id : "None");
    else
        json_array_append_new(json_arr(server, "own_ports"), json_string(json_str(port, "id")));
    return port;
}

struct http_response *sim_nova_interface_create(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = sim_nova_server_placed_here(call, &resp);
    if (server == NULL)
        return resp;
    resp = sim_nova_lock_check(call, server);
    if (resp == NULL)
        resp = sim_nova_state_check(call, server, "attach_interface", "active|paused|stopped");
    if (resp != NULL)
        return resp;
    json_t *port = wanted_port(call, server, json_obj(call->body, "interfaceAttachment"), &resp);
    if (port == NULL)
        return resp;
    json_array_append_new(json_arr(server, "ports"), json_string(json_str(port, "id")));
    sim_neutron_bind(call->site, port, call->arg[0], json_str(server, "host"));
    sim_nova_action_add(call->site, server, "attach_interface", call->user_id);
    return sim_call_json(call, 200, js("{s:o}", "interfaceAttachment", interface_view(port)));
}

struct http_response *sim_nova_interface_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *server = NULL;
    json_t *port = port_here(call, &server, &resp);
    if (port == NULL)
        return resp;
    resp = sim_nova_lock_check(call, server);
    if (resp == NULL)
        resp = sim_nova_state_check(call, server, "detach_interface", "active|paused|stopped");
    if (resp != NULL)
        return resp;
    js_remove(json_arr(server, "ports"), call->arg[1]);
    if (js_has(json_arr(server, "own_ports"), call->arg[1])) {
        js_remove(json_arr(server, "own_ports"), call->arg[1]);
        sim_neutron_port_drop(call->site, call->arg[1]);
    } else {
        sim_neutron_unbind(call->site, port);
    }
    sim_nova_action_add(call->site, server, "detach_interface", call->user_id);
    return sim_call_empty(call, 202, "application/json");
}
