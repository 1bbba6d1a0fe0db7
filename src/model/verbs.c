/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs - which verb may begin at this site now: two grids, one column, and what no grid can say.
 *
 * Neighbours: states.c (the status), sync_change.c (checks once more, in the transaction that
 * acts).
 */
#include "model/states.h"

#include <string.h>

enum {
    PEER = 1 << 0,      /* needs a fresh HERE of the peer */
    POLICY = 1 << 1,    /* needs a replication policy */
    EXCLUSIVE = 1 << 2, /* no other operation may run here */
};

static const struct {
    const char *text, *title;
    enum verb_where where;
    int flags;
} verb_rows[VERBS] = {
    [VERB_SHOW] = {"show", "show", WHERE_LOCAL, 0},
    [VERB_CREATE] = {"create", "create", WHERE_ACTIVE, PEER},
    [VERB_UPDATE] = {"update", "update", WHERE_ACTIVE, PEER},
    [VERB_DELETE] = {"delete", "delete", WHERE_ACTIVE, PEER | EXCLUSIVE},
    [VERB_DELETE_PEER_GONE] = {"delete-peer-is-gone", "delete without its peer", WHERE_LOCAL, 0},
    [VERB_WITHDRAW] = {"withdraw", "withdraw", WHERE_ACTIVE, 0},
    [VERB_POLICY_SET] = {"policy-set", "set the policy of", WHERE_ACTIVE, PEER},
    [VERB_POLICY_DELETE] = {"policy-delete", "delete the policy of", WHERE_ACTIVE, PEER | POLICY},
    [VERB_MEMBER_ADD] = {"member-add", "add a member to", WHERE_ACTIVE, PEER},
    [VERB_MEMBER_REMOVE] = {"member-remove", "remove a member from", WHERE_ACTIVE, PEER},
    [VERB_MAPPING_SET] = {"mapping-set", "change mappings of", WHERE_ACTIVE, PEER},
    [VERB_FAILOVER_PLANNED] = {"failover-planned", "fail over", WHERE_HANDOVER,
                               PEER | POLICY | EXCLUSIVE},
    [VERB_FAILOVER_UNPLANNED] = {"failover-unplanned", "force active at this site", WHERE_LOCAL, 0},
    [VERB_FAILBACK] = {"failback", "fail back", WHERE_HANDOVER, PEER | POLICY | EXCLUSIVE},
    [VERB_TEST_FAILOVER] = {"test-failover", "rehearse a failover of", WHERE_STANDBY,
                            POLICY | EXCLUSIVE},
    [VERB_TEST_CLEANUP] = {"test-cleanup", "clean up the drill of", WHERE_STANDBY, 0},
    [VERB_REPLICATE] = {"replicate", "replicate", WHERE_ACTIVE, POLICY},
    [VERB_REPROTECT] = {"reprotect", "reprotect", WHERE_ACTIVE, PEER | POLICY | EXCLUSIVE},
    [VERB_CLEANUP_SOURCE] = {"cleanup-source", "delete what was kept of", WHERE_LOCAL, EXCLUSIVE},
    [VERB_SYNC] = {"sync", "synchronise", WHERE_LOCAL, 0},
    [VERB_SYNC_RESOLVE] = {"sync-resolve", "resolve", WHERE_LOCAL, 0},
    [VERB_UNPROTECT] = {"unprotect", "unprotect", WHERE_LOCAL, 0},
    [VERB_DELETE_UNPROTECTED] = {"delete-unprotected", "delete the unprotected", WHERE_LOCAL,
                                 EXCLUSIVE},
};

/* clang-format off */
static const unsigned char by_status[VERBS][GROUP_STATUSES] = {
    /*                        unl unp rec spl cre del err fov fba tes par fod act */
    [VERB_SHOW]               = {0, 1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1},
    [VERB_CREATE]             = {1, 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0},
    [VERB_UPDATE]             = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  1},
    [VERB_DELETE]             = {0, 0,  0,  0,  0,  0,  1,  0,  0,  0,  1,  1,  1},
    [VERB_DELETE_PEER_GONE]   = {0, 0,  1,  0,  0,  1,  1,  0,  0,  0,  1,  1,  1},
    [VERB_WITHDRAW]           = {0, 0,  1,  0,  1,  0,  0,  0,  0,  0,  0,  0,  0},
    [VERB_POLICY_SET]         = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  1},
    [VERB_POLICY_DELETE]      = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  1},
    [VERB_MEMBER_ADD]         = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  1},
    [VERB_MEMBER_REMOVE]      = {0, 0,  0,  0,  0,  0,  1,  0,  0,  0,  1,  1,  1},
    [VERB_MAPPING_SET]        = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  1},
    [VERB_FAILOVER_PLANNED]   = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  1},
    [VERB_FAILOVER_UNPLANNED] = {0, 0,  1,  1,  0,  0,  1,  1,  1,  1,  1,  1,  1},
    [VERB_FAILBACK]           = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  0},
    [VERB_TEST_FAILOVER]      = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1},
    [VERB_TEST_CLEANUP]       = {0, 1,  1,  1,  0,  0,  1,  1,  1,  1,  1,  1,  1},
    [VERB_REPLICATE]          = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  1},
    [VERB_REPROTECT]          = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  0},
    [VERB_CLEANUP_SOURCE]     = {0, 0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  1},
    [VERB_SYNC]               = {1, 1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1},
    [VERB_SYNC_RESOLVE]       = {0, 0,  0,  1,  0,  0,  0,  0,  0,  0,  0,  0,  0},
    [VERB_UNPROTECT]          = {0, 0,  0,  1,  0,  1,  1,  0,  0,  0,  1,  1,  1},
    [VERB_DELETE_UNPROTECTED] = {0, 1,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0},
};

static const unsigned char by_role[VERBS][SYNC_ROLES] = {
    /*                         NON STA ACT FRO REC TOM */
    [VERB_SHOW]               = {0, 1,  1,  1,  1,  1},
    [VERB_CREATE]             = {1, 0,  0,  0,  0,  0},
    [VERB_UPDATE]             = {0, 0,  1,  0,  0,  0},
    [VERB_DELETE]             = {0, 0,  1,  0,  0,  0},
    [VERB_DELETE_PEER_GONE]   = {0, 1,  1,  0,  1,  0},
    [VERB_WITHDRAW]           = {0, 0,  1,  0,  1,  0},
    [VERB_POLICY_SET]         = {0, 0,  1,  0,  0,  0},
    [VERB_POLICY_DELETE]      = {0, 0,  1,  0,  0,  0},
    [VERB_MEMBER_ADD]         = {0, 0,  1,  0,  0,  0},
    [VERB_MEMBER_REMOVE]      = {0, 0,  1,  0,  0,  0},
    [VERB_MAPPING_SET]        = {0, 0,  1,  0,  0,  0},
    [VERB_FAILOVER_PLANNED]   = {0, 0,  1,  0,  0,  0},
    [VERB_FAILOVER_UNPLANNED] = {0, 1,  1,  1,  1,  0},
    [VERB_FAILBACK]           = {0, 0,  1,  0,  0,  0},
    [VERB_TEST_FAILOVER]      = {0, 1,  0,  0,  0,  0},
    [VERB_TEST_CLEANUP]       = {0, 1,  1,  1,  1,  1},
    [VERB_REPLICATE]          = {0, 0,  1,  0,  0,  0},
    [VERB_REPROTECT]          = {0, 0,  1,  0,  0,  0},
    [VERB_CLEANUP_SOURCE]     = {0, 1,  1,  0,  0,  0},
    [VERB_SYNC]               = {1, 1,  1,  1,  1,  1},
    [VERB_SYNC_RESOLVE]       = {0, 0,  1,  1,  0,  0},
    [VERB_UNPROTECT]          = {0, 0,  1,  0,  0,  0},
    [VERB_DELETE_UNPROTECTED] = {0, 0,  0,  0,  0,  1},
};
/* clang-format on */

const char *verb_text(enum verb verb)
{
    return verb_rows[verb].text;
}

const char *verb_title(enum verb verb)
{
    return verb_rows[verb].title;
}

bool verb_needs_peer(enum verb verb)
{
    return verb_rows[verb].flags & PEER;
}

enum verb_where verb_where(enum verb verb)
{
    return verb_rows[verb].where;
}

bool verb_allowed_in(enum verb verb, enum group_status status)
{
    return by_status[verb][status];
}

bool verb_allowed_as(enum verb verb, enum sync_role role)
{
    return by_role[verb][role];
}

/* ---- refusals in words ---- */

struct question {
    enum verb verb;
    const struct group_view *v;
    const char *group;
    enum group_status status;
};

static err_t *detailed(err_t *e, const struct question *q)
{
    e = err_detail(e, "status", group_status_text(q->status));
    e = err_detail(e, "role", sync_role_text(q->v->role));
    if (q->v->active_site != NULL)
        e = err_detail(e, "active_site", q->v->active_site);
    return e;
}

/* "active, failed_over": the statuses of a verb's row. */
static char *allowed_statuses(enum verb verb)
{
    GString *text = g_string_new(NULL);
    for (enum group_status s = GROUP_UNPROTECTED; s < GROUP_STATUSES; s++)
        if (by_status[verb][s])
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", group_status_text(s));
    return g_string_free(text, FALSE);
}

/* Groups that are not listed here: nothing but a create, and messages. */
static err_t *check_listed(const struct question *q)
{
    if (q->status != GROUP_UNLISTED || q->verb == VERB_SYNC)
        return NULL;
    if (q->v->role == ROLE_TOMBSTONE && q->verb == VERB_CREATE)
        return err(GROUP_GONE, "the id of group '%s' belonged to one that is gone", q->group);
    if (q->verb == VERB_CREATE)
        return NULL;
    return err(NOT_FOUND, "there is no group '%s'", q->group);
}

/* Of a peer that has ended the group meanwhile nothing is left that could be kept or resolved. */
static err_t *diverged(const struct question *q)
{
    err_t *e = err(SYNC_SPLIT, "cannot %s group '%s': the two sites have diverged",
                   verb_title(q->verb), q->group);

    return q->v->peer_gone
               ? err_remedy(e,
                            "the other site has ended the group since: an administrator takes it "
                            "out of protection here: protection-group unprotect %s --reason TEXT",
                            q->group)
               : e;
}

/*
 * "every verb but show, sync and force refused"; of a peer that has said GONE no STATE will come
 * that ends it: there a person ends the group.
 */
static err_t *check_flags(const struct question *q)
{
    bool ends = q->verb == VERB_DELETE_PEER_GONE || q->verb == VERB_UNPROTECT;
    bool always = q->verb == VERB_SHOW || q->verb == VERB_SYNC ||
                  q->verb == VERB_FAILOVER_UNPLANNED || q->verb == VERB_TEST_CLEANUP ||
                  (q->verb == VERB_SYNC_RESOLVE && q->v->split); /* the fork is known by now */
    if (q->v->superseded && !always && !(ends && q->v->peer_gone))
        return err(SYNC_SUPERSEDED, "cannot %s group '%s': the peer was seen in a newer epoch",
                   verb_title(q->verb), q->group);
    if (q->status == GROUP_SPLIT_BRAIN && !by_status[q->verb][q->status])
        return diverged(q);
    if (q->status == GROUP_RECOVERING && !by_status[q->verb][q->status])
        return err(SYNC_RECOVERING, "cannot %s group '%s': it recovers from a restored database",
                   verb_title(q->verb), q->group);
    if (q->verb == VERB_WITHDRAW && !q->v->empty)
        return err(GROUP_NOT_CREATING, "cannot withdraw group '%s': the peer accepted it",
                   q->group);
    return NULL;
}

static err_t *check_role(const struct question *q)
{
    enum sync_role role = q->v->role;
    if (by_role[q->verb][role])
        return NULL;
    if (q->verb == VERB_SYNC_RESOLVE && role == ROLE_STANDBY)
        return err(SYNC_KEEP_HAS_NO_SERVERS,
                   "cannot keep this site of group '%s': it is not active", q->group);
    if (role == ROLE_STANDBY)
        return err(GROUP_NOT_ACTIVE, "cannot %s group '%s' at this site: it is active at site %s",
                   verb_title(q->verb), q->group,
                   q->v->active_site != NULL ? q->v->active_site : "?");
    if (q->verb == VERB_TEST_FAILOVER || q->verb == VERB_CLEANUP_SOURCE)
        return err(GROUP_STATE, "cannot %s group '%s' at this site: it is active here",
                   verb_title(q->verb), q->group);
    return err(GROUP_STATE, "cannot %s group '%s' while it is %s", verb_title(q->verb), q->group,
               group_status_text(q->status));
}

static err_t *check_status(const struct question *q)
{
    if (by_status[q->verb][q->status])
        return NULL;
    if (q->status == GROUP_CREATING)
        return err(GROUP_CREATING, "cannot %s group '%s': the peer has not accepted it yet",
                   verb_title(q->verb), q->group);
    if (q->status == GROUP_DELETING)
        return err(GROUP_DELETING, "cannot %s group '%s': it is being deleted", verb_title(q->verb),
                   q->group);
    g_autofree char *allowed = allowed_statuses(q->verb);
    return err(GROUP_STATE, "cannot %s group '%s' while it is %s (allowed in: %s)",
               verb_title(q->verb), q->group, group_status_text(q->status), allowed);
}

/*
 * A RECOVERING group that was being deleted is ended, not forced; another one is not ended, unless
 * the peer itself has said that it is gone.
 */
static err_t *check_deleting(const struct question *q)
{
    const struct group_view *v = q->v;
    if (q->verb == VERB_FAILOVER_UNPLANNED && v->deleting)
        return err(GROUP_DELETING, "cannot %s group '%s': it is being deleted", verb_title(q->verb),
                   q->group);
    if (q->verb == VERB_DELETE_PEER_GONE && v->role == ROLE_RECOVERING && !v->deleting &&
        !v->peer_gone)
        return err(SYNC_RECOVERING, "cannot %s group '%s': it recovers from a restored database",
                   verb_title(q->verb), q->group);
    return NULL;
}

/* A force where nothing is undecided; a verb that needs a policy, a drill, a free slot. */
static err_t *check_rest(const struct question *q)
{
    const struct group_view *v = q->v;
    int flags = verb_rows[q->verb].flags;
    bool from_point = q->verb == VERB_FAILOVER_UNPLANNED && v->role == ROLE_STANDBY;
    if (q->verb == VERB_FAILOVER_UNPLANNED && v->role == ROLE_ACTIVE && !v->staged &&
        !v->superseded)
        return err(GROUP_ALREADY_ACTIVE,
                   "cannot %s group '%s': it is active here and nothing is undecided",
                   verb_title(q->verb), q->group);
    if (((flags & POLICY) || from_point) && !v->policy)
        return err(GROUP_NO_POLICY, "cannot %s group '%s': it has no replication policy",
                   verb_title(q->verb), q->group);
    if (q->verb == VERB_TEST_CLEANUP && !v->local.drill)
        return err(GROUP_STATE, "group '%s' has no drill at this site", q->group);
    if ((flags & EXCLUSIVE) && (v->local.running || v->local.drill))
        return err(OPERATION_IN_PROGRESS, "cannot %s group '%s': an operation runs at this site",
                   verb_title(q->verb), q->group);
    if ((flags & PEER) && v->staged)
        return err(SYNC_STAGED, "cannot %s group '%s': another change is under way",
                   verb_title(q->verb), q->group);
    if ((flags & PEER) && v->owed)
        return err(SYNC_OWED,
                   "cannot %s group '%s': the peer does not hold its present version yet",
                   verb_title(q->verb), q->group);
    return NULL;
}

err_t *verb_check(enum verb verb, const struct group_view *view, const char *group)
{
    struct question q = {verb, view, group, group_status(view, NULL)};
    err_t *(*const checks[])(const struct question *) = {check_listed, check_flags,    check_role,
                                                         check_status, check_deleting, check_rest};
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
        err_t *e = checks[i](&q);
        if (e != NULL)
            return detailed(e, &q);
    }
    return NULL;
}

uint32_t verbs_allowed(const struct group_view *view)
{
    uint32_t allowed = 0;
    for (enum verb verb = VERB_SHOW; verb < VERBS; verb++) {
        g_autoptr(err_t) e = verb_check(verb, view, "");
        if (e == NULL)
            allowed |= 1U << verb;
    }
    return allowed;
}
