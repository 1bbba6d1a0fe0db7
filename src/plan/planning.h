/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planning - a failover's plan in the making, for the files of this folder that make it: failover.c
 * (members and volumes), mappings.c (names of the source and of the target), at_target.c (what is
 * kept there), outside.c (zones and floating IPs).
 */
#pragma once

#include "plan/failover.h"

struct planning {
    const struct plan_failover_input *in;
    json_t *plan;
    json_t *mappings, *problems, *notes, *members, *volumes, *groups, *keys, *server_groups;
    json_t *ports;     /* planned so far, as Neutron lists them; not part of the plan */
    json_t *networks;  /* of a drill */
    json_t *floating;  /* ids of floating IPs that a member gets; not part of the plan */
    json_t *kept;      /* member id -> plan/kept.h */
    json_t *inventory; /* that of 'in', without the ports that kept servers give up */
    bool here;         /* the member in hand was captured at the target: its names are the target's
                        */
};

/* For people; 'text' is taken. */
void planning_note(struct planning *p, char *text);
/*
 * Keeps the plan from being executed; 'text' and 'remedy' are taken.  'code': "network", "flavor",
 * "image", "outside" (what else a mapping names) or "kept"; each is a check of ready.h.
 */
void planning_problem(struct planning *p, const char *code, const char *member, char *text,
                      char *remedy);

/* mappings.c */

/* The item whose id is 'text', else the first of that name; NULL: none. */
json_t *planning_item(const json_t *items, const char *text);
/*
 * What a mapping given at the call or stored says about 'id' or 'name'; NULL: nothing.  What was
 * captured at the target itself needs no stored one.
 */
const char *planning_said(struct planning *p, const char *kind, const char *id, const char *name,
                          const char **ret_how);
/* A mapping as it is used, once. */
void planning_mapped(struct planning *p, const char *kind, const char *source, const json_t *target,
                     const char *how);
/*
 * The target's network, flavor or image for the source's.  Said by a mapping, else the same id,
 * else the same name.  NULL, with a problem noted, if there is none.
 */
json_t *planning_map(struct planning *p, const char *kind, const char *list, const char *member,
                     const char *id, const char *name);
/* A mapping that is given at the call and names nothing of the group is a slip: it is not left out
 * in silence. */
void planning_unknown(struct planning *p);

/* isolated.c */

/* Whether the nic of a drill gets an isolated network: none is mapped at the call. */
bool planning_isolates(const struct planning *p, const json_t *port);
/* The nic of 'server' in it, with the addresses that it has at the source. */
void planning_isolate(struct planning *p, const char *server, const json_t *port, json_t *nic);
/* When all nics are known: from where Neutron may take addresses of its own. */
void planning_pools(struct planning *p);

/* outside.c */

/* The zone that 'member' (a row of the plan) is booted in. */
void planning_zone(struct planning *p, const json_t *config, json_t *member);
/* The floating IPs that the nic of 'server' gets. */
void planning_floating(struct planning *p, const char *server, const json_t *port, json_t *nic);

/* at_target.c */

/* Whether a member was captured at the target: a network of its ports is one of the target's. */
bool planning_captured_here(const struct planning *p, const json_t *config);
/* Looks for what is kept of each member, and which ports that frees. */
void planning_kept(struct planning *p);
void planning_kept_notes(struct planning *p, const char *server, const json_t *kept);
/* The port of the kept server that the nic gets: on its network, of its MAC if there is one. */
const json_t *planning_taken_over(struct planning *p, const char *member, const json_t *nic,
                                  const json_t *port);
