/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup - which of the servers that a site has kept may be destroyed (A10): pure, from the
 * metadata and from what both clouds list.
 *
 * A site that is left keeps its stopped servers with their volumes, and a server that gave way to a
 * new one stays beside it (plan/kept.h).  What is destroyed is only what is as it was left, whose
 * member runs at the other site; everything else is left alone, with the reason.
 *
 * Plan (JSON, frozen into the operation):
 *
 *   members     [{id (the server's), server_id, name, member, status, volumes [ids],
 *               ports [{id, address}: those that Protector made],
 *               floating_ips [{id, address, port_id}: those that it took], lost_after|absent}]
 *
 *   volumes     [{id, member (the server's id), name, size_gib}]
 *
 *   left        [{server_id, name, why}]
 *
 *   lost_after  the earliest of the members', absent if none has one: whoever destroys these
 * volumes gives up what was written to them after that time, which the group's data lack
 *
 *   hash        of what would be destroyed
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

#include <stdint.h>

struct plan_cleanup_input {
    const json_t *body;         /* of the group (model/body.h) */
    const char *self;           /* uuid of the site that has kept them */
    const char *peer;           /* of the one that is active */
    const json_t *own;          /* [{id, member, name}]: the servers that stand in body or ledger */
    const json_t *gave_way;     /* [{id, member}] of those that the ledger knows as replaced */
    const json_t *inventory;    /* here: {"servers" (with details), "volumes", "ports",
                                   "floating_ips", "acted"
                                   {server: ["start" …] since it was locked}} */
    const json_t *there;        /* the servers at the active site; NULL: 'self' is active */
    const json_t *our_ports;    /* [ids] of ports that Protector made */
    const json_t *our_floating; /* [ids] of floating IPs that it took from a network */
    int64_t lost_after_ms;      /* plan_lost_after() of the body */
};

/* New reference. */
json_t *plan_cleanup(const struct plan_cleanup_input *in);

#define PLAN_LOST_NOTHING INT64_MAX
#define PLAN_LOST_ALL     0

/*
 * After which time (ms) the writes of the site that was left are not in the group's data, as the
 * claim of 'epoch' in the body tells: PLAN_LOST_NOTHING after a handover, the time of the recovery
 * point after a forced claim, PLAN_LOST_ALL where nobody can tell.  'moves_data': the storage
 * driver does.
 */
int64_t plan_lost_after(const json_t *body, int64_t epoch, bool moves_data);
/*
 * The same for one server that was stopped: what was verified at rest by a handover has lost
 * nothing; of what something else has stopped nobody knows.
 */
int64_t plan_server_lost_after(const json_t *server, int64_t lost_after_ms);
/* "none", or a time; and back (PLAN_LOST_ALL for what is no time).  Caller frees. */
char *plan_lost_text(int64_t lost_after_ms);
int64_t plan_lost_read(const char *text);

/*
 * NULL if the plan fits what the user has confirmed: 'hash' is the plan's, and nothing is destroyed
 * that was written after 'discard_after_ms' (-1: not given) and is not in the group's data.
 * CLEANUP_CHANGED, CLEANUP_NEWER_WRITES.
 */
err_t *plan_cleanup_confirmed(const json_t *plan, const char *hash,
                              int64_t discard_after_ms) MUST_CHECK;
