/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ready - the checks of model/readiness.h that an engine can judge, from what it has seen.  Pure.
 *
 * 'seen' (JSON), a key for each look.  {"error": text, "certain": bool} in its place: it could not
 * be looked at or, if "certain", the answer was no.
 *
 *   trust, rights, source   {} if all is well
 *   backend      {type: name of the volume type}
 *   inventory    {} or why there is no plan
 *   compute      Nova's absolute limits; volume: Cinder's quotas with their use;
 *                network: Neutron's quota
 *   server_groups  [those there are]; keypairs: {list: {name:
 *                public key}}, without a list where they are brought under names of their own
 *   point        the choice of plan/point.h; absent: the operation makes its own
 *   health       {link: "up"|"degraded"|"down"|"unknown", lag_ms, last_point_ms, detail}
 *   tags         bool: the driver can tag arrays
 *   drill_left   {plan: {target, members, volumes} of a drill that gives way, as far as they are
 *                there}; what it holds is not in the inventory's ports and security groups
 *   drill        {ended_at_ms, passed: bool}; absent: none has ended
 *
 * Neighbours: readiness.h (the table), runbooks/foresight.c (who looks).
 */
#pragma once

#include "model/readiness.h"

#define READY_DRILL_MAX_DAYS 90 /* after that a drill says little of what would happen today */

struct plan_ready_input {
    enum ready_kind kind;
    const json_t *body;
    const json_t *plan;      /* plan/failover.h; NULL: it could not be made */
    const json_t *inventory; /* of the plan; NULL with it */
    const json_t *seen;
    int64_t now_ms;
};

/* Rows of model/readiness.h, in the order of the table.  New reference. */
json_t *plan_ready(const struct plan_ready_input *in);
/* The row of READY_MEMBERS alone: what the active site can tell too. */
void plan_ready_members(const json_t *body, enum ready_kind kind, int64_t now_ms, json_t *rows);
