/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nova - what the files of the simulated Nova share, and what advance.c asks it.
 *
 * Tables: servers, flavors, keypairs (id "user/name"), server_groups, sim_nova_quotas.
 *
 * A server's row: vm_state, task_state, power_state as in Nova's database; "placed" is false until
 * the scheduler has found a host; "volumes" are its block devices in order, each with volume_id,
 * device, attachment_id; "ports" the ids of its ports in order, "own_ports" those that go with the
 * server.
 *
 * Exclusivity, as in the real services: a volume is reserved at Cinder while the request for a
 * server is answered, so a second boot from it is refused; a port is looked at then, but taken when
 * the server is built, so of two requests at once the second server ends in ERROR.
 */
#pragma once

#include "sim/call.h"

enum {
    POWER_NONE = 0,
    POWER_RUNNING = 1,
    POWER_PAUSED = 3,
    POWER_SHUTDOWN = 4,
};

/* ---- transitions, by id ---- */

void sim_nova_server_placed(struct site *site, const char *id);
void sim_nova_server_built(struct site *site, const char *id);
void sim_nova_server_started(struct site *site, const char *id);
void sim_nova_server_stopped(struct site *site, const char *id);
void sim_nova_server_rebooted(struct site *site, const char *id);
void sim_nova_server_gone(struct site *site, const char *id);
void sim_nova_server_powered(struct site *site, const char *id);

/* ---- shared by the files ---- */

/* The server of the path; NULL and the 404.  Not yet placed servers can be shown only. */
json_t *sim_nova_server_here(struct call *call, struct http_response **ret);
json_t *sim_nova_server_placed_here(struct call *call, struct http_response **ret);
/* NULL: not locked, or the caller is an admin. */
struct http_response *sim_nova_lock_check(struct call *call, const json_t *server);
/* 409 "Cannot 'stop' instance …" if vm_state is not in 'states' (by '|') or a task runs; else NULL.
 */
struct http_response *sim_nova_state_check(struct call *call, const json_t *server,
                                           const char *verb, const char *states);
json_t *sim_nova_server_view(struct call *call, json_t *server, bool single);
json_t *sim_nova_links(struct call *call, const char *collection, const char *id);
/* Writes a line of os-instance-actions. */
void sim_nova_action_add(struct site *site, json_t *server, const char *action,
                         const char *user_id);
void sim_nova_set_state(struct site *site, json_t *server, const char *vm_state,
                        const char *task_state, int power_state);
/* The next free "/dev/vdX".  Caller frees. */
char *sim_nova_next_device(const json_t *server);
char *sim_nova_host(struct site *site);
/* Adds a block device to the row; returns it borrowed. */
json_t *sim_nova_device_add(struct site *site, json_t *server, const char *volume_id,
                            const char *device, const char *attachment_id,
                            bool delete_on_termination);
json_t *sim_nova_device_of(const json_t *server, const char *volume_id);
/* The refusal of a volume's reservation in Cinder's words, as Nova wraps it. */
struct http_response *sim_nova_volume_refused(struct call *call, const json_t *volume, bool boot);
/* The volume's server, or NULL. */
const char *sim_nova_volume_server(struct site *site, const char *volume_id);
/* Flavor by id. */
json_t *sim_nova_flavor(struct site *site, const char *id);
void sim_nova_flavor_add(struct site *site, const char *id, const char *name, int vcpus, int ram_mb,
                         int disk_gb);
void sim_nova_keypair_add(struct site *site, const char *user_id, const char *name,
                          const char *public_key);
json_t *sim_nova_keypair(struct site *site, const char *user_id, const char *name);
/* NULL: so much more fits. */
struct http_response *sim_nova_quota_check(struct call *call, int64_t servers, int64_t cores,
                                           int64_t ram_mb);
int64_t sim_nova_quota_limit(struct site *site, const char *project_id, const char *name);
/* The number of rows of a table that are the project's. */
int64_t sim_nova_used(struct site *site, const char *table, const char *project_id);
/* The groups a server is in: array of ids, new. */
json_t *sim_nova_groups_of(struct site *site, const char *server_id);
/* "…/servers/<id>" or "<id>" -> id.  Borrowed. */
const char *sim_nova_ref(const char *ref);

/* What a POST /servers comes down to, filled by the checks of sim_nova_create*.c. */
struct boot {
    const json_t *asked;
    const json_t *flavor;
    const json_t *image;
    json_t *devices;  /* of {volume_id?, source, size, uuid, boot_index, delete_on_termination} */
    json_t *networks; /* of {port} or {network, fixed_ip?} */
    json_t *groups;   /* ids of security groups */
    const char *key_name;
};

struct http_response *sim_nova_boot_devices(struct call *call, struct boot *boot);
struct http_response *sim_nova_boot_networks(struct call *call, struct boot *boot);
struct http_response *sim_nova_boot_groups(struct call *call, struct boot *boot);

sim_call_fn sim_nova_versions, sim_nova_version, sim_nova_extensions;
sim_call_fn sim_nova_server_create, sim_nova_server_list, sim_nova_server_detail,
    sim_nova_server_show, sim_nova_server_update, sim_nova_server_delete, sim_nova_server_action;
sim_call_fn sim_nova_server_ips, sim_nova_server_groups_list, sim_nova_instance_actions,
    sim_nova_security_groups;
sim_call_fn sim_nova_metadata_show, sim_nova_metadata_add, sim_nova_metadata_put,
    sim_nova_metadata_item, sim_nova_metadata_item_put, sim_nova_metadata_item_delete;
sim_call_fn sim_nova_tags_show, sim_nova_tags_put, sim_nova_tags_delete, sim_nova_tag_check,
    sim_nova_tag_put, sim_nova_tag_delete;
sim_call_fn sim_nova_attachment_list, sim_nova_attachment_show, sim_nova_attachment_create,
    sim_nova_attachment_update, sim_nova_attachment_delete;
sim_call_fn sim_nova_interface_list, sim_nova_interface_show, sim_nova_interface_create,
    sim_nova_interface_delete;
sim_call_fn sim_nova_flavor_list, sim_nova_flavor_detail, sim_nova_flavor_show,
    sim_nova_flavor_create, sim_nova_flavor_delete, sim_nova_flavor_specs,
    sim_nova_flavor_specs_add;
sim_call_fn sim_nova_keypair_list, sim_nova_keypair_show, sim_nova_keypair_create,
    sim_nova_keypair_delete;
sim_call_fn sim_nova_group_list, sim_nova_group_show, sim_nova_group_create, sim_nova_group_delete;
sim_call_fn sim_nova_zones, sim_nova_zones_detail, sim_nova_services, sim_nova_hypervisors,
    sim_nova_hypervisors_detail, sim_nova_limits, sim_nova_quota_show, sim_nova_quota_update,
    sim_nova_quota_delete;
