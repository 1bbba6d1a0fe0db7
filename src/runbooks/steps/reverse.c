/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reverse - which way the arrays replicate: turned around for a failback before anything stops, so
 * that only the last interval is downtime; and, once the group is home, towards the other site
 * again.
 *
 * Both ends are touched, with the tokens of the policy.  The other array is asked first whether its
 * site has become active in a newer epoch (design section 6, rule 12): then nothing is turned.
 */
#include "model/safety.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"

#define LOOK_MS 500

struct floor_of {
    const char *writer;
    int64_t floor;
};

static int floor_note(void *data, const struct protector_tag *tag)
{
    struct floor_of *f = data;

    if (g_strcmp0(tag->writer, f->writer) == 0)
        f->floor = MAX(f->floor, tag->floor);
    return 0;
}

/* SYNC_SUPERSEDED if the other site was active in an epoch after 'epoch'. */
static err_t *not_superseded(struct step_call *call, struct drive *drive,
                             const struct group_now *now, int64_t epoch)
{
    struct floor_of seen = {now->peer, 0};
    struct protector_error error = {0};
    struct protector_call at;

    if (!drive_can(drive, PROTECTOR_CAN_TAG))
        return NULL;
    TRY(drive_call(call, drive, 1 - drive->local, &at));
    enum protector_status status =
        drive->driver->tag_get(drive->handle, &at, floor_note, &seen, &error);
    TRY(drive_error(drive, status, &error, "looking for a newer epoch at the other array"));
    if (seen.floor <= epoch)
        return NULL;
    return err(SYNC_SUPERSEDED,
               "site %s has been active in epoch %" G_GINT64_FORMAT ": its array's replication is "
               "not turned",
               drive->ends[1 - drive->local].name, seen.floor);
}

/* From 'source' to the other one of the two. */
static err_t *turn(struct step_call *call, const struct group_now *now, const char *source,
                   enum step_answer *ret)
{
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};
    struct protector_call at;

    *ret = STEP_DONE;
    TRY(drive_open(call, now->body, source, sync_epoch(&now->state), &drive));
    if (!drive_can(drive, PROTECTOR_CAN_REVERSE)) {
        json_set_bool(call->result, "impossible", true);
        return NULL;
    }
    TRY(not_superseded(call, drive, now, sync_epoch(&now->state)));
    TRY(drive_call(call, drive, drive->group.source, &at));
    enum protector_status status = drive->driver->reverse(drive->handle, &at, &error);
    if (status == PROTECTOR_PENDING) {
        *ret = STEP_WAIT;
        call->wake_at_ms = call->now_ms + MAX(error.retry_after_ms, LOOK_MS);
        return NULL;
    }
    return drive_error(drive, status, &error, "turning the replication around");
}

/* Nothing runs here: points of the active site are let in, which is what a standby is for. */
err_t *reverse_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;

    TRY(group_now_load(call, &now));
    if (!safety_may_run(&now->state))
        TRY(safety_act(&now->state, SAFETY_UNFENCE, SAFETY_DEMOTE));
    return turn(call, now, now->peer, ret);
}

/* Home again: this site's points go to the other one, unless the user wants it off. */
err_t *replicate_on_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_PROMOTE, SAFETY_SERVE));
    if (!json_bool(call->op->params, "reverse_replication", true)) {
        json_set_str(call->result, "note", "left off, as it was asked for");
        return NULL;
    }
    return turn(call, now, now->self, ret);
}
