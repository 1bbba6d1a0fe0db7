/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foresight - what an operation at this site would make and meet, before it begins: planning.c
 * makes the plan, foresight.c looks at what the plan needs.  The same code for a plan that is shown
 * and for the one that is executed.
 */
#pragma once

#include "base/auto.h"
#include "model/readiness.h"
#include "runbooks/group.h"

struct operation;

struct planned {
    enum ready_kind kind;
    json_t *inventory; /* plan/failover.h */
    json_t *plan;      /* whatever problems it holds */
};
void planned_destroy(struct planned *p);
AUTO_DEFINE(planned, planned_destroy)

/* The operation's type or, of a look, that of the operation that it looks ahead to. */
const char *planning_type(const struct operation *op);
enum ready_kind planning_kind(const struct operation *op);
/*
 * Reads this site's cloud.  'call->op' says what is asked for: its type, planned, params.
 * 'before': what was read of projects for other groups in the same round, which is not read again
 * (foresight_round); NULL: nothing.
 */
err_t *planning_look(struct step_call *call, const struct group_now *now, GHashTable *before,
                     struct planned **ret) MUST_CHECK;

/* What is read once for all groups of a round.  Caller unrefs. */
GHashTable *foresight_round(void);
/* Both do nothing where 'before' is NULL; the first is borrowed. */
json_t *foresight_before(GHashTable *before, const char *key);
void foresight_keep(GHashTable *before, const char *key, json_t *value);

/*
 * The checks of the operation that 'call->op' stands for, rows of model/readiness.h, in
 * '*ret_rows';
 * '*ret_seen' is what they were judged by (plan/ready.h).  '*ret_plan' NULL: none could be made.
 */
err_t *foresight_checks(struct step_call *call, const struct group_now *now, GHashTable *before,
                        struct planned **ret_plan, json_t **ret_seen, json_t **ret_rows) MUST_CHECK;

/*
 * PLAN_NOT_READY if a check says that it would not succeed, with each that does; what could not be
 * looked at refuses nothing.  What was seen is added to 'seen'.
 */
err_t *foresight_required(struct step_call *call, const struct group_now *now,
                          const struct planned *p, json_t *seen) MUST_CHECK;
/*
 * What a drill of the group still holds at this site: {ids: {of objects: true}, plan: {target,
 * members, volumes}, as far as they are there}; NULL in '*ret': nothing.
 */
err_t *foresight_drill_left(struct step_call *call, const char *pg_id, json_t **ret) MUST_CHECK;
/*
 * The inventory without ports, security groups and floating IPs of these ids, or of networks of
 * these ids.  New reference.
 */
json_t *foresight_without(const json_t *inventory, const json_t *ids);

/*
 * {rto_s, rto_from: words, data_loss_s (absent: nobody knows)}: from what was measured here, else
 * by a rule of thumb.  Kept in the plan under PLAN_PREDICTED, for comparison with what comes of it.
 * 'seen': what foresight has looked at for it, or NULL.
 */
#define PLAN_PREDICTED "predicted"
err_t *foresight_predict(struct step_call *call, const struct planned *p, const json_t *seen,
                         json_t **ret) MUST_CHECK;
