/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states - what people see: the status of a group and of an operation, and which verb is allowed
 * when.
 *
 * The status is derived, never stored: the first row of a table that matches.  Verbs are rows; two
 * grids (verb x status, verb x role at this site) and one column (needs the peer) decide, and from
 * them come the API's 409s, the CLI's hints and the page of the documentation.
 *
 * Neighbours: sync.h (the state), api/ and client/ (who ask), docs (states_markdown).
 */
#pragma once

#include "model/sync.h"

enum group_status {
    GROUP_UNLISTED, /* row 1: not listed, 404 */
    GROUP_UNPROTECTED,
    GROUP_RECOVERING,
    GROUP_SPLIT_BRAIN,
    GROUP_CREATING,
    GROUP_DELETING,
    GROUP_ERROR,
    GROUP_FAILING_OVER,
    GROUP_FAILING_BACK,
    GROUP_TESTING,
    GROUP_FAILED_OVER_PARTIAL,
    GROUP_FAILED_OVER,
    GROUP_ACTIVE,
    GROUP_STATUSES
};
const char *group_status_text(enum group_status status); /* "active"; "" for GROUP_UNLISTED */
enum group_status group_status_of(const char *text);     /* GROUP_STATUSES if it names none */

/* What the local database knows beside the protocol's state. */
struct group_local {
    bool needs_operator; /* a local failover, failback, reclaim or drill waits for a person */
    bool unplanned;      /* a local unplanned failover (or reclaim) runs and has not claimed */
    bool drill;          /* a drill here is not cleaned up */
    bool running; /* some operation of the group is not terminal here (a reserved change counts) */
};

/* Everything that status and verbs are derived from. */
struct group_view {
    enum sync_role role;
    bool unprotected, split, closed, superseded, peer_gone;
    bool empty;    /* pos = EMPTY */
    bool deleting; /* in pos or in what is staged */
    bool staged;   /* a signed proposal or a reserved slot */
    bool owed;
    bool serving;
    bool transition; /* in pos, set by a CLAIM */
    bool unrecovered;
    bool policy;            /* the group has one */
    bool active_here;       /* active(pos) = this site */
    bool active_is_primary; /* active(pos) = primary_site */
    bool self_is_primary;
    const char *active_site; /* uuid of active(pos); belongs to the state; may be NULL */
    struct group_local local;
};
void group_view_init(struct group_view *ret, const struct sync_state *state,
                     const struct group_local *local);
/* The first row of the table that matches; '*ret_row' (may be NULL) its number, 1 to 14. */
enum group_status group_status(const struct group_view *view, int *ret_row);

/* ---- operations */

enum operation_status {
    OPERATION_PENDING,
    OPERATION_RUNNING,
    OPERATION_WAITING_FOR_PEER,
    OPERATION_ROLLING_BACK,
    OPERATION_NEEDS_OPERATOR,
    OPERATION_COMPLETED,
    OPERATION_FAILED,
    OPERATION_ROLLED_BACK,
    OPERATION_CANCELLED,
    OPERATION_ABANDONED,
    OPERATION_SUPERSEDED,
    OPERATION_STATUSES
};
const char *operation_status_text(enum operation_status status);
enum operation_status operation_status_of(const char *text);
/* As API 1.0 shows it: needs_operator … superseded as "failed", waiting_for_peer as "running". */
const char *operation_status_text_v1_0(enum operation_status status);
bool operation_status_terminal(enum operation_status status);
/*
 * What the group's state asks for (demote, settle, resume): retried for ever, and nobody ends it,
 * for nothing would ask for it again.
 */
bool operation_type_endless(const char *type);
/* It only looks, and holds up nobody: look, cleanup_look, plan_look. */
bool operation_type_looks(const char *type);
/* May an operation go from one status to another?  (a grid) */
bool operation_status_may(enum operation_status from, enum operation_status to);

enum operation_verb {
    OPERATION_RETRY,
    OPERATION_SKIP,
    OPERATION_ABANDON,
    OPERATION_CANCEL,
    OPERATION_VERBS
};
const char *operation_verb_text(enum operation_verb verb);
/* Code OPERATION_STATE. */
err_t *operation_verb_check(enum operation_verb verb, enum operation_status status) MUST_CHECK;

/* ---- verbs of groups */

enum verb {
    VERB_SHOW, /* show, list, status pages, exports: reading */
    VERB_CREATE,
    VERB_UPDATE,
    VERB_DELETE,
    VERB_DELETE_PEER_GONE,
    VERB_WITHDRAW,
    VERB_POLICY_SET,
    VERB_POLICY_DELETE,
    VERB_MEMBER_ADD,
    VERB_MEMBER_REMOVE,
    VERB_MAPPING_SET,
    VERB_FAILOVER_PLANNED,
    VERB_FAILOVER_UNPLANNED, /* at a frozen or staged source shown as reclaim */
    VERB_FAILBACK,
    VERB_TEST_FAILOVER,
    VERB_TEST_CLEANUP,
    VERB_REPLICATE, /* consistency-group sync now */
    VERB_REPROTECT,
    VERB_CLEANUP_SOURCE,
    VERB_SYNC, /* sync-force, outbox, inbox, hello */
    VERB_SYNC_RESOLVE,
    VERB_UNPROTECT,
    VERB_DELETE_UNPROTECTED,
    VERBS
};
enum verb_where {
    WHERE_LOCAL,  /* the site that was asked */
    WHERE_ACTIVE, /* the active site; the client follows */
    WHERE_STANDBY,
    WHERE_HANDOVER, /* staged at the active site, run at the other */
};
const char *verb_text(enum verb verb);  /* "member-add" */
const char *verb_title(enum verb verb); /* "add a member" */
bool verb_needs_peer(enum verb verb);   /* a fresh HERE of the peer is a precondition */
enum verb_where verb_where(enum verb verb);
bool verb_allowed_in(enum verb verb, enum group_status status);
bool verb_allowed_as(enum verb verb, enum sync_role role);
/*
 * May this verb begin at this site now?  NULL, or the refusal in words, with details "status",
 * "role", "active_site".  'group' names it in the text.  Codes NOT_FOUND, GROUP_STATE,
 * GROUP_NOT_ACTIVE, GROUP_ALREADY_ACTIVE, GROUP_NO_POLICY, SYNC_STAGED, SYNC_SUPERSEDED,
 * OPERATION_IN_PROGRESS …
 */
err_t *verb_check(enum verb verb, const struct group_view *view, const char *group) MUST_CHECK;
/* The verbs that verb_check allows now: a bit per verb. */
uint32_t verbs_allowed(const struct group_view *view);
/* The tables as a page of Markdown.  Caller frees with g_free. */
char *states_markdown(void);
