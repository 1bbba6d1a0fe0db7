/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failover - what a failover would make at the target: pure, from metadata, inventory and mappings.
 *
 * The same function makes the plan that is executed and the one that is shown.  It never stops at
 * the first problem: all of them are listed, each with what to do.
 *
 * Inventory (JSON, lists as OpenStack gives them): {"flavors", "networks", "subnets", "ports",
 * "security_groups", "images", "zones", "floating_ips", "servers" (with their details), "acted"
 * {server: [what was done to it since it was stopped]}, and the "project_id" there}.  A list that
 * is absent is empty.
 *
 * Plan (JSON, frozen into the operation):
 *
 *   source, target   uuids
 *   operation        "failover" | "failback" | "test failover"
 *   members          [{id, name, instance_id, wave (its priority), start_delay_s, start_check
 *                    (plan/checks.h, as read)|absent, start_timeout_s|absent, flavor_id,
 *                    flavor_name, availability_zone|absent, key_name, server_group, config_drive,
 *                    metadata{}, tags[],
 *                    root_device, description, nics, kept (plan/kept.h)}]
 *   nics             [{index, network_id, network_name, fixed_ips|null, mac|null, port_security,
 *                    security_groups[names], allowed_address_pairs[], foreign: bool, taken_over: id
 *                    of a kept server's port|absent, floating_ips [{source, id, address, holder
 *                    (the port that has it)|null} or {source, network_id, network_name}]|absent}]
 *   volumes          [{id, member, name, size_gib, bootable, boot_index, device, image_id,
 *                    image_name}]
 *   mappings         [{kind, source, target, how}]; how: "call", "stored", "same name", "same id"
 *   security_groups  [{name, description, rules[], exists: bool, id|null, source_id}]
 *   keys             [{name, type, public_key}]
 *   server_groups    [{name, policy, rules}]
 *   networks         of a drill, isolated, one for each network of the source: [{id, name, subnets
 *                    [{cidr, pool|null}]}]; a nic in it has "isolated" (its id there) in place of
 *                    network_id, and fixed_ips [{ip_address, cidr}]
 *   left_out         with from_kept: {member: why} of those of whom nothing is kept
 *   problems         [{code, member, text, remedy}]
 *   notes            ["…"]
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "base/secrets.h"

struct plan_failover_input {
    const json_t *body;          /* of the group (model/body.h) */
    const char *source;          /* uuid of the site whose servers are recovered */
    const char *target;          /* uuid of the site where */
    const json_t *call_mappings; /* {"network": {SRC: DST}, …}: body_mapping_kinds; or NULL */
    const json_t *inventory;
    bool makes_in_cinder; /* the storage driver moves no data: boot volumes come from images */
    bool planned;         /* a handover: what was not recovered elsewhere goes on here */
    bool replace;         /* kept servers that were changed by hand give way (plan/kept.h) */
    bool from_kept;       /* no recovery point: the servers that stayed here are started */
    bool drill;           /* clones beside what runs: isolated networks, or mapped at the call */
};

/* The plan, whatever problems it holds.  Errors only for a body that is none. */
err_t *plan_failover(const struct plan_failover_input *input, json_t **ret) MUST_CHECK;

/* Adds what is wrong in a plan, and what to do about it: of problems with that code, of all if it
 * is NULL.  What many members have in common is said once. */
void plan_problem_words(const json_t *plan, const char *code, GString *text, GString *remedy);

/* NULL if the plan has no problems, else PLAN_INCOMPLETE naming every one and its remedy. */
err_t *plan_problems(const json_t *plan) MUST_CHECK;

/* Of rows with "wave", "start_delay_s", "start_check": nobody waits after the last wave. */
void plan_waves_end(json_t *members);

/*
 * What a plan would make, in 64 hex digits: equal for two plans that would make the same of the
 * same.  What is added to a plan later (position, epoch, predictions) is not in it.
 */
void plan_hash(const json_t *plan, char ret[HASH_HEX_SIZE]);
/* The plan is the one that was shown: PLAN_CHANGED if not.  'hash' NULL: none was. */
err_t *plan_agreed(const json_t *plan, const char *hash) MUST_CHECK;

/* The plan for people, a page that reads like a runbook.  Caller frees. */
char *plan_print(const json_t *plan);

/* True if the other site must make something of its own before it can accept 'next'. */
bool plan_needs_realize(const json_t *base_body, const json_t *next_body);
