/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safety - what may run servers, what may be claimed, which points may be used.
 *
 * Neighbours: safety_watch.c (S1 to S5 over two sites).
 */
#include "model/safety.h"

#include "model/mutant.h"

#include <inttypes.h>
#include <string.h>

static const char *const act_texts[] = {[SAFETY_BOOT] = "boot",
                                        [SAFETY_START] = "start",
                                        [SAFETY_PROMOTE] = "promote",
                                        [SAFETY_UNFENCE] = "unfence"};

bool safety_may_run(const struct sync_state *state)
{
    return state->role == ROLE_ACTIVE && g_strcmp0(sync_active(state), sync_self(state)) == 0;
}

/* Who may act without being active: a row says for which reason, what, and under which state. */
static bool excused(const struct sync_state *s, enum safety_act act, enum safety_why why)
{
    switch (why) {
    case SAFETY_SERVE:
        return false;
    case SAFETY_UNWIND: /* the target, before ABORTED: the source's servers are started again */
        return s->role == ROLE_STANDBY && s->serving[0] != '\0' && act != SAFETY_PROMOTE &&
               act != SAFETY_BOOT;
    case SAFETY_DEMOTE:
        return s->role == ROLE_STANDBY && act == SAFETY_UNFENCE;
    case SAFETY_BEFORE_CLAIM:
        return act == SAFETY_UNFENCE;
    case SAFETY_DRILL:
        return s->role == ROLE_STANDBY && s->serving[0] == '\0' && act == SAFETY_BOOT;
    }
    g_assert_not_reached();
}

err_t *safety_act(const struct sync_state *state, enum safety_act act, enum safety_why why)
{
    if (safety_may_run(state) || excused(state, act, why) || MUTANT(BOOT_BEFORE_CLAIM))
        return NULL;
    const char *active = sync_active(state);
    return err(SAFETY_NOT_ACTIVE,
               "group %s: site %s may not %s servers or volumes of the group: it is %s in epoch "
               "%" PRId64 ", opened by site %s",
               state->group, sync_self(state), act_texts[act], sync_role_text(state->role),
               sync_epoch(state), active != NULL ? active : "?");
}

/* ---- claims ---- */

static err_t *claim_from_point(const struct safety_evidence *evidence)
{
    if (evidence->point == NULL || evidence->volumes_from_point != evidence->volumes)
        return err(SAFETY_MIXED_POINTS, "only %zu of %zu volumes come from recovery point %s",
                   evidence->volumes_from_point, evidence->volumes,
                   evidence->point != NULL ? evidence->point : "(none)");
    if (!evidence->point_complete)
        return err(SAFETY_POINT, "the transfer of recovery point %s was not finished",
                   evidence->point);
    if (!evidence->point_usable)
        return err(SAFETY_POINT, "recovery point %s does not carry the group's lineage",
                   evidence->point);
    return NULL;
}

static err_t *claim_forced(const struct safety_evidence *evidence)
{
    if (!evidence->recorded)
        return err(SAFETY_UNRECORDED, "reason, person and evidence do not stand in the claim");
    if (evidence->data != SAFETY_IN_PLACE && !evidence->fenced && !evidence->fence_impossible)
        return err(SAFETY_UNFENCED, "the old direction of replication was not fenced before its "
                                    "point was chosen");
    return NULL;
}

err_t *safety_claim(const struct safety_evidence *evidence, bool planned)
{
    bool nothing = evidence->data == SAFETY_NOTHING && evidence->volumes == 0;

    if (planned && evidence->data != SAFETY_FROM_POINT && !nothing)
        return err(SAFETY_POINT, "a planned operation takes its data from the point that it made");
    if (planned && !evidence->sources_stopped)
        return err(SAFETY_UNDRAINED,
                   "not every source server was seen stopped and locked after the final point");
    if (!planned)
        TRY(claim_forced(evidence));
    return evidence->data == SAFETY_FROM_POINT ? claim_from_point(evidence) : NULL;
}

err_t *safety_boot_copy(const struct safety_copy *copy)
{
    if (copy->drained || (copy->forced && copy->recorded))
        return NULL;
    return err(SAFETY_UNDRAINED, "%s",
               copy->forced ? "the copy is not drained, and the forced claim does not record it"
                            : "the copy is not drained and nobody forced the claim");
}

/* ---- points ---- */

err_t *safety_point_usable(const struct sync_state *state, const struct safety_point *point)
{
    g_assert(state->body != NULL);
    int64_t lineage = body_lineage(body_json(state->body));
    const char *site = chain_epoch_site(state->chain, state->pos, lineage);
    if (MUTANT(POINT_ANY_LINEAGE))
        return NULL;
    if (point->lineage != lineage)
        return err(SAFETY_POINT,
                   "recovery point %s is of lineage %" PRId64 ", the group's is %" PRId64,
                   point->id, point->lineage, lineage);
    if (site == NULL || g_strcmp0(point->made_by, site) != 0)
        return err(
            SAFETY_POINT,
            "recovery point %s was made by site %s, not by the site active in epoch %" PRId64,
            point->id, point->made_by != NULL ? point->made_by : "?", lineage);
    if (!point->complete)
        return err(SAFETY_POINT, "the transfer of recovery point %s is not finished", point->id);
    return NULL;
}

err_t *safety_skip(bool no_skip, const char *step)
{
    if (no_skip)
        return err(SAFETY_NO_SKIP, "step %s cannot be skipped: safety rests on it", step);
    return NULL;
}
