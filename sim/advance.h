/* SPDX-License-Identifier: Apache-2.0 */
/*
 * advance - transitions that are due: rows of the table "events", each a kind and the id it is
 * about.
 *
 * A transition runs with sim->now_ms at the instant it was due, in the order of these instants
 * (rows of the same instant in the order of their making), whenever a request looks.  A kind is a
 * row of the const table in advance.c; a transition whose object is gone does nothing.
 */
#pragma once

#include "sim/site.h"

enum event {
    EVENT_VOLUME_DONE,   /* volume: creating, extending … -> available */
    EVENT_VOLUME_MANAGE, /* volume: managing -> available or error_managing */
    EVENT_VOLUME_GONE,   /* volume: deleting or unmanaging -> no more */
    EVENT_ATTACHED,      /* attachment: attaching -> attached */
    EVENT_DETACHED,      /* attachment: detaching -> no more */
    EVENT_SNAPSHOT_DONE,
    EVENT_SNAPSHOT_GONE,
    EVENT_GROUP_DONE,
    EVENT_GROUP_GONE,
    EVENT_GROUP_SNAPSHOT_DONE,
    EVENT_GROUP_SNAPSHOT_GONE,
    EVENT_SERVER_PLACED, /* server: scheduling -> spawning, or ERROR: no valid host */
    EVENT_SERVER_BUILT,
    EVENT_SERVER_STARTED,
    EVENT_SERVER_STOPPED,
    EVENT_SERVER_REBOOTED,
    EVENT_SERVER_GONE,
    EVENT_SERVER_POWERED, /* server: started by its host after a power cut */
    EVENT_COUNT
};

/* Lets 'kind' happen to the object 'id' after so many milliseconds. */
void sim_advance_add(struct site *site, enum event kind, const char *id, int64_t after_ms);
/* True iff such a transition waits. */
bool sim_advance_waits(struct site *site, enum event kind, const char *id);
/* Forgets all that waits for the object. */
void sim_advance_cancel(struct site *site, const char *id);
/* Shifts all that waits (a power cut lasted so long). */
void sim_advance_shift(struct site *site, int64_t by_ms);
