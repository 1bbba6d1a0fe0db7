/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room - whether a make that was refused for want of room (a quota, an address) may succeed later.
 *
 * A failover does not wait for the cleanup of the drill that it has preempted
 * (store/exchange_ask.c): it runs beside it.  Only what it is refused meanwhile waits for the room
 * that the cleanup makes.
 */
#pragma once

#include "run/run.h"

/* For runner_options.hope. */
enum run_hope room_hope(void *world, struct db *db, const struct operation *op, const err_t *e);
