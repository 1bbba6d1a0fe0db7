/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safety - what must hold whatever happens: pure predicates, asked by the runner before every boot,
 * start, promote, unfence, claim and skip, and by every simulator after every step.
 *
 * Neighbours: sync.h (the state it judges), run/ and runbooks/ (who ask), sim and tests (the
 * oracle).
 */
#pragma once

#include "model/sync.h"

/* ---- WHAT MAY RUN SERVERS */

enum safety_act { SAFETY_BOOT, SAFETY_START, SAFETY_PROMOTE, SAFETY_UNFENCE };
enum safety_why {
    SAFETY_SERVE,  /* the ordinary reason */
    SAFETY_UNWIND, /* the target unwinds its own handover before ABORTED: restart at the source */
    SAFETY_DEMOTE, /* the fence this site put on points coming from the active site is lifted */
    SAFETY_BEFORE_CLAIM, /* undo, before a claim, of what the same operation fenced */
    SAFETY_DRILL,        /* a standby boots clones of a point, where nothing meets them */
};
/*
 * "role=ACTIVE and its pos.epoch was minted by s (or is epoch 0 at the creator), or it unwinds its
 * own handover before ABORTED; only demote and the undo before a claim may unfence without it."
 * Code SAFETY_NOT_ACTIVE.
 */
err_t *safety_act(const struct sync_state *state, enum safety_act act,
                  enum safety_why why) MUST_CHECK;
bool safety_may_run(const struct sync_state *state);

/* ---- claims */

enum safety_data {
    SAFETY_IN_PLACE,   /* reclaim, staged change: the own servers as they stand */
    SAFETY_FROM_POINT, /* every volume from one recovery point */
    SAFETY_FROM_KEPT,  /* this site's own kept volumes, asked for by a person */
    SAFETY_NOTHING,    /* no volume is booted from: the role moves alone, or with what stayed here
                        */
};
struct safety_evidence {
    enum safety_data data;
    const char *point;         /* SAFETY_FROM_POINT: its id */
    size_t volumes;            /* volumes that the plan boots from */
    size_t volumes_from_point; /* of these: made from 'point' */
    bool point_complete;       /* its transfer was finished */
    bool point_usable;         /* safety_point_usable said yes */
    bool sources_stopped; /* planned: every source server seen SHUTOFF and locked after the point */
    bool fenced;          /* unplanned: the old direction is fenced, or … */
    bool fence_impossible; /* … the driver cannot, and that is recorded */
    bool recorded;         /* forced: reason, who and evidence stand in the body */
};
/*
 * "all volumes from one point; source servers verified stopped and locked after the final point,
 * point complete here".  'planned' false: a forced claim.  Codes SAFETY_MIXED_POINTS, SAFETY_POINT,
 * SAFETY_UNDRAINED, SAFETY_UNFENCED, SAFETY_UNRECORDED.
 */
err_t *safety_claim(const struct safety_evidence *evidence, bool planned) MUST_CHECK;

/* One copy of data that is about to be booted. */
struct safety_copy {
    bool drained;  /* the site that wrote last was stopped and locked before the point, and still is
                    */
    bool forced;   /* a person forced this claim */
    bool recorded; /* and that is recorded in it */
};
/* "never boot on an undrained copy unless forced and recorded".  Code SAFETY_UNDRAINED. */
err_t *safety_boot_copy(const struct safety_copy *copy) MUST_CHECK;

/* ---- recovery points (A11) */

struct safety_point {
    const char *id;
    int64_t lineage;     /* as name or tag carries it; < 0: it carries none */
    const char *made_by; /* uuid of the site whose data it is */
    bool complete;
};
/*
 * "A point is usable iff it carries the group's lineage and was made by the site active in it", and
 * is complete.  Code SAFETY_POINT says which part fails.
 */
err_t *safety_point_usable(const struct sync_state *state,
                           const struct safety_point *point) MUST_CHECK;

/* ---- steps */

/* A step with NO_SKIP is never skipped; safety evidence that a person skips makes the claim forced.
 */
err_t *safety_skip(bool no_skip, const char *step) MUST_CHECK;

/* ---- S1 to S5 over two sites: the oracle of simulators and tests */

struct safety_watch;
struct safety_watch *safety_watch_create(void);
void safety_watch_destroy(struct safety_watch *w);
AUTO_DEFINE(safety_watch, safety_watch_destroy)
struct safety_watch *safety_watch_copy(const struct safety_watch *w);
/* What users were told. */
void safety_watch_acknowledged(struct safety_watch *w, const char *position);
void safety_watch_refused(struct safety_watch *w, const char *position);
void safety_watch_logged(struct safety_watch *w, const char *position);
void safety_watch_restored(struct safety_watch *w, int ordinal);
/* Takes orders and log entries of an action at 'ordinal' in. */
void safety_watch_effects(struct safety_watch *w, const struct sync_effects *effects);
/* A text of what the watch knows, equal for equal knowledge.  Appended to 'ret'. */
void safety_watch_print(const struct safety_watch *w, GString *ret);

/* NULL, or which property is broken and how (static or owned by the watch).  'sites' by ordinal. */
const char *safety_s1(const struct sync_state *const sites[SITES]);
const char *safety_s2(const struct sync_state *const sites[SITES]);
const char *safety_s3(const struct safety_watch *w, const struct sync_state *const sites[SITES]);
const char *safety_s4(const struct safety_watch *w, const struct sync_state *const sites[SITES]);
/* 'by_person': the step was a person's (force, resolve, unprotect, delete). */
const char *safety_s5(const struct sync_state *before, const struct sync_state *after,
                      bool by_person);
/* S1 to S4 and sync_check of both. */
const char *safety_all(const struct safety_watch *w, const struct sync_state *const sites[SITES]);
/* L1, where nothing moves any more: equal, one ACTIVE, one STANDBY, nothing open. */
const char *safety_l1(const struct sync_state *const sites[SITES]);
