/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_watch - what the epoch watch (A8) has seen, taken into a group's state.
 *
 * Neighbours: exchange.h (the transaction), runbooks/watch.h (who looks).
 */
#pragma once

#include "store/exchange.h"

#define WATCH_STOP "superseded_stop" /* runbook that stops and locks the servers here */

/* A group that is active here and whose fork, if there is one, is not known. */
struct watched_group {
    char *id;
    char *peer;         /* uuid of the other site */
    char *peer_project; /* may be NULL */
    char *peer_array;   /* url; NULL: it has no policy */
    int64_t epoch;
};
void watched_group_destroy(void *group);
/* A page of them after 'marker' (NULL: from the first), by id.  The array frees them. */
err_t *watched_group_list(struct db *db, const char *marker, int limit, GPtrArray **ret) MUST_CHECK;

struct exchange_sighting {
    int64_t epoch; /* in which the peer was active, as its tag or its servers' stamp says */
    bool stop;     /* [site] on_superseded */
};

/*
 * The group is superseded, if the sighting says so under what this site holds now: an alarm is
 * logged, what has claimed here makes nothing more, and with 'stop' the operation that stops the
 * servers of this site is written, unless there was one since this site came to its position.
 * Repeating it changes nothing.  '*ret_news': the flag was not on before.
 */
err_t *exchange_superseded(const struct exchange *x, struct db *db, const char *pg_id,
                           const struct exchange_sighting *seen, bool *ret_news) MUST_CHECK;
