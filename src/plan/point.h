/* SPDX-License-Identifier: Apache-2.0 */
/*
 * point - which recovery point an operation uses, and whom it leaves out.  Pure.
 *
 * The newest point that holds every member is preferred only if it is not older than the newest
 * usable one by more than one replication interval; else the newest usable one, and members with a
 * volume missing from it are left out, each named with the reason.
 *
 * Points (JSON): [{"id", "name", "time_ms", "subjects": {<volume id>: true}, "rejected"}]; of each,
 * "rejected" is why it is not usable (model/safety.h: its lineage, its maker, its transfer), absent
 * if it is.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

/*
 * The chosen point's row, with "left_out" {member: reason} and "rejected" {point: reason}.
 * 'plan' names the volumes and their members (plan/failover.h), 'group' is for the message.
 * Error: NO_POINT, with the first rejected points and why.
 */
err_t *plan_point(const char *group, const json_t *points, const json_t *plan, int64_t interval_ms,
                  json_t **ret) MUST_CHECK;
