/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neutron - what the files of the simulated Neutron share, and what Nova asks it.
 *
 * Tables: networks, subnets, ports, security_groups, security_group_rules, floatingips, routers,
 * sim_neutron_quotas.  Rows hold the attributes under their API names; times as created_ms,
 * updated_ms. Invariants: no two ports of a network have one MAC, no two ports one address of a
 * subnet.
 */
#pragma once

#include "sim/call.h"

/* ---- for Nova: sim_neutron_ports.c ---- */

/*
 * A port for a server on a network; security_groups: ids (array, borrowed; NULL: the default
 * group). NULL if the network has no address left.
 */
json_t *sim_neutron_port_for(struct site *site, const json_t *network, const char *project_id,
                             const json_t *security_groups);
/* A server takes the port, its host binds it. */
void sim_neutron_bind(struct site *site, json_t *port, const char *server_id, const char *host);
/* Marks the port as a server's before its host is known. */
void sim_neutron_claim(struct site *site, json_t *port, const char *server_id);
/* The server lets go of it; the port stays. */
void sim_neutron_unbind(struct site *site, json_t *port);
void sim_neutron_port_drop(struct site *site, const char *port_id);
/* The floating address of a port's fixed address, or NULL. */
const char *sim_neutron_floating_of(struct site *site, const char *port_id, const char *fixed_ip);
/* NULL: the caller may not see it. */
json_t *sim_neutron_network_seen(struct call *call, const char *id);
/* The id of a project's default security group, made when it is missing. */
const char *sim_neutron_default_group(struct site *site, const char *project_id);
/* A row of a project by id or name; NULL if there is none or more than one. */
json_t *sim_neutron_group_named(struct site *site, const char *project_id, const char *name);

/* ---- sim_neutron_ip.c: IPv4 addresses ---- */

bool sim_ip_parse(const char *text, uint32_t *ret);
/* "10.0.0.1"; caller frees. */
char *sim_ip_print(uint32_t ip);
/* "10.0.0.0/24": the network's address and its mask; false if it is none. */
bool sim_ip_parse_cidr(const char *text, uint32_t *ret_net, uint32_t *ret_mask);
/* True iff the subnet's cidr holds the address. */
bool sim_ip_in_subnet(const json_t *subnet, const char *address);
/* True iff a port has it. */
bool sim_ip_taken(struct site *site, const char *subnet_id, const char *address);
/* A free address of the subnet's pools; NULL if there is none.  Caller frees. */
char *sim_ip_allocate(struct site *site, const json_t *subnet);

/* ---- shared by the files ---- */

typedef json_t *sim_neutron_view_fn(struct call *call, json_t *row);

/* What is common to a kind of object. */
struct sim_neutron_kind {
    const char *table;     /* "ports"; also the plural of the bodies and the path */
    const char *path;      /* "security-groups" */
    const char *singular;  /* "port" */
    const char *quota;     /* "port" */
    const char *not_found; /* "PortNotFound" */
    const char *missing;   /* "Port %s could not be found." */
    sim_neutron_view_fn *view;
    bool (*seen)(struct call *call, const json_t *row);
};

extern const struct sim_neutron_kind sim_neutron_networks, sim_neutron_subnets, sim_neutron_ports,
    sim_neutron_security_groups, sim_neutron_security_group_rules, sim_neutron_floatingips,
    sim_neutron_routers;

/* GET of a collection and of one object. */
struct http_response *sim_neutron_list(struct call *call, const struct sim_neutron_kind *kind);
struct http_response *sim_neutron_show(struct call *call, const struct sim_neutron_kind *kind);
/* The object of the path; NULL and the 404. */
json_t *sim_neutron_here(struct call *call, const struct sim_neutron_kind *kind,
                         struct http_response **ret);
struct http_response *sim_neutron_missing(struct call *call, const struct sim_neutron_kind *kind,
                                          const char *id);
/* {"<singular>": view} */
struct http_response *sim_neutron_answer(struct call *call, const struct sim_neutron_kind *kind,
                                         int status, json_t *row);
/* The request's object; NULL and a 400 if it is missing or has an attribute not in 'known' (NULL
 * ends). */
json_t *sim_neutron_asked(struct call *call, const struct sim_neutron_kind *kind,
                          const char *const *known, struct http_response **ret);
/* NULL: so many more fit. */
struct http_response *sim_neutron_quota_check(struct call *call,
                                              const struct sim_neutron_kind *kind,
                                              const char *project_id);
/* The project of a new object: the caller's, or for admins the one named. */
const char *sim_neutron_owner(struct call *call, const json_t *asked);
/* Adds id, tenant's ids, times, tags, description, revision to 'row' (taken) and stores it. */
json_t *sim_neutron_add(struct site *site, const struct sim_neutron_kind *kind,
                        const char *project_id, json_t *row);
/* A change: revision_number and updated_at go on. */
void sim_neutron_touch(struct site *site, json_t *row);
/* The attributes of the row named in 'keys' (NULL ends), and those that all kinds end with. */
json_t *sim_neutron_pick(const json_t *row, const char *const *keys);
bool sim_neutron_owned(struct call *call, const json_t *row);
/* True iff a query parameter of one value asks for it, or it is not asked about. */
struct http_response *sim_neutron_policy(struct call *call, const char *action,
                                         const char *attribute);

/* The rules of a new group: egress for all. */
void sim_neutron_group_default_rules(struct site *site, const json_t *group, bool is_default);
json_t *sim_neutron_group_add(struct site *site, const char *project_id, const char *name,
                              const char *description);
json_t *sim_neutron_rule_add(struct site *site, const json_t *group, const char *direction,
                             const char *ethertype, json_t *fields);
json_t *sim_neutron_network_add(struct site *site, const char *project_id, const char *name,
                                json_t *fields);
json_t *sim_neutron_subnet_add(struct site *site, const json_t *network, const char *project_id,
                               const char *cidr, json_t *fields);
json_t *sim_neutron_router_add(struct site *site, const char *project_id, const char *name);
/* False if the external network has no address left. */
bool sim_neutron_router_gateway(struct site *site, json_t *router, const json_t *network);
bool sim_neutron_router_interface(struct site *site, json_t *router, const json_t *subnet);
/* NULL if no address is left. */
json_t *sim_neutron_floating_add(struct site *site, const json_t *network, const char *project_id);
void sim_neutron_floating_set(struct site *site, json_t *floating, const json_t *port,
                              const char *fixed_ip);
/* A port; 'fixed_ips' taken. */
json_t *sim_neutron_port_add(struct site *site, const json_t *network, const char *project_id,
                             json_t *fixed_ips, json_t *fields);

sim_call_fn sim_neutron_versions, sim_neutron_resources, sim_neutron_extensions,
    sim_neutron_extension_show, sim_neutron_agents, sim_neutron_zones;
sim_call_fn sim_neutron_network_list, sim_neutron_network_show, sim_neutron_network_create,
    sim_neutron_network_update, sim_neutron_network_delete;
sim_call_fn sim_neutron_subnet_list, sim_neutron_subnet_show, sim_neutron_subnet_create,
    sim_neutron_subnet_update, sim_neutron_subnet_delete;
sim_call_fn sim_neutron_port_list, sim_neutron_port_show, sim_neutron_port_create,
    sim_neutron_port_update, sim_neutron_port_delete;
sim_call_fn sim_neutron_group_list, sim_neutron_group_show, sim_neutron_group_create,
    sim_neutron_group_update, sim_neutron_group_delete;
sim_call_fn sim_neutron_rule_list, sim_neutron_rule_show, sim_neutron_rule_create,
    sim_neutron_rule_delete;
sim_call_fn sim_neutron_router_list, sim_neutron_router_show, sim_neutron_router_create,
    sim_neutron_router_update, sim_neutron_router_delete, sim_neutron_router_add_interface,
    sim_neutron_router_remove_interface;
sim_call_fn sim_neutron_floating_list, sim_neutron_floating_show, sim_neutron_floating_create,
    sim_neutron_floating_update, sim_neutron_floating_delete;
sim_call_fn sim_neutron_quota_show, sim_neutron_quota_update, sim_neutron_quota_delete,
    sim_neutron_quota_details;
sim_call_fn sim_neutron_tags_show, sim_neutron_tags_put, sim_neutron_tag_put,
    sim_neutron_tag_delete;
