/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readiness - whether an operation would succeed: the one table of checks, what each needs to be
 * judged, who can judge it, what its failure would do to which operation, and what to do about it.
 *
 * A plan that is shown, an operation that refuses to begin, and `health` judge by these rows; the
 * page docs/readiness.md is printed from them.  What was seen becomes a row of JSON:
 *
 *   {id, says, result: "ok"|"failed"|"unknown", seen: what was seen, in words, at: when,
 *    then: READY_THEN of the operation, means: the same in words, remedy}
 *
 * "unknown": it could not be looked at, 'seen' says why.  Rows without a bearing on the operation
 * are left out.
 *
 * Neighbours: plan/ready.h (who judges what an engine has seen), client/ (who judges what only
 * somebody who reaches both sites can see).
 */
#pragma once

#include "base/json.h"

/* The operations that make servers at a site. */
enum ready_kind {
    READY_UNPLANNED, /* this site is made active, without the other one */
    READY_HANDOVER,  /* planned failover, failback */
    READY_DRILL,
    READY_KINDS,
};
const char *ready_kind_text(enum ready_kind kind); /* "unplanned failover" */

/* What comes of it if a check fails, from harmless to fatal. */
enum ready_then {
    READY_NOTHING, /* no bearing on this operation */
    READY_NOTE,    /* it succeeds all the same */
    READY_LESS,    /* it succeeds, with less than was protected */
    READY_PARTIAL, /* the site is active, some servers wait for a person: failed_over_partial */
    READY_HALTS,   /* the site is active, and no server starts until a person says so */
    READY_UNDONE,  /* it fails before anything is active, and is taken back */
    READY_REFUSED, /* it ends before anything is made */
    READY_THENS,
};
const char *ready_then_text(enum ready_then then); /* "partial" */
enum ready_then ready_then_of(const char *text);   /* READY_THENS if it names none */

enum ready_by {
    READY_BY_TARGET, /* the engine of the site where the servers would start */
    READY_BY_CLIENT, /* whoever reaches both sites */
};

enum ready_check {
    READY_STATE,
    READY_IN_SYNC,
    READY_PEER,
    READY_MEMBERS,
    READY_POLICY,
    READY_DRIFT,
    READY_TRUST,
    READY_RIGHTS,
    READY_BACKEND,
    READY_SOURCE,
    READY_NETWORKS,
    READY_FLAVORS,
    READY_IMAGES,
    READY_OUTSIDE,
    READY_KEPT,
    READY_KEYPAIRS,
    READY_ADDRESSES,
    READY_INSTANCES,
    READY_CORES,
    READY_RAM,
    READY_SERVER_GROUPS,
    READY_VOLUMES,
    READY_GIGABYTES,
    READY_VOLUMES_OF_TYPE,
    READY_GIGABYTES_OF_TYPE,
    READY_VOLUME_SIZE,
    READY_PORTS,
    READY_SECURITY_GROUPS,
    READY_SECURITY_RULES,
    READY_FLOATING_IPS,
    READY_DRILL_NETWORKS,
    READY_DRILL_SUBNETS,
    READY_POINT,
    READY_POINT_WHOLE,
    READY_LINK,
    READY_LAG,
    READY_WITNESS,
    READY_REHEARSED,
    READY_CHECKS,
};
const char *ready_id(enum ready_check check);   /* "quota.instances"; API, never renamed */
const char *ready_says(enum ready_check check); /* "Quota of instances" */
enum ready_by ready_by(enum ready_check check);
enum ready_then ready_then(enum ready_check check, enum ready_kind kind);
const char *ready_remedy(enum ready_check check);

enum ready_result {
    READY_OK,
    READY_FAILED,
    READY_UNKNOWN,
};
/*
 * Adds a row to 'rows' unless the check has no bearing on 'kind'.  'seen' is taken; 'remedy' NULL:
 * that of the table.
 */
void ready_add(json_t *rows, enum ready_kind kind, enum ready_check check, enum ready_result result,
               char *seen, const char *remedy, int64_t now_ms);
/*
 * Nothing failed that would do more than be noted, and nothing is unknown that could keep a server
 * from running.  (What only a lost site could tell must not make its failover look hopeless: where
 * the row of READY_PEER is not "ok", nor does what makes it succeed with less.)
 */
bool ready_all(const json_t *rows);
/* The rows that failed with at least this consequence, "quota.ports: 3 wanted …; …".  Caller
 * frees; NULL: none. */
char *ready_failed(const json_t *rows, enum ready_then least, char **ret_remedy);

/* The table as a page of Markdown.  Caller frees. */
char *readiness_markdown(void);
