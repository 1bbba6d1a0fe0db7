/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - a copy is read again and compared with the recovery point, where the group's policy says
 * verify_data: after it was made, before Cinder has it and anything can write to it.
 *
 * What differs ends a planned failover, a failback and a drill: nothing has been lost yet.  An
 * unplanned failover goes on and says so: there may be no other copy of these data.
 */
#include "runbooks/steps/steps.h"

#include "model/body.h"

#define LOOK_MS 200

#define SAME    "same"
#define DIFFERS "differs"
#define CANNOT  "cannot"

bool copy_wants_verify(const struct step_call *call, const json_t *body)
{
    return body_verifies(body) && json_str(call->result, "verified") == NULL;
}

/* Production goes on where it is if this operation ends now. */
static bool can_end(const struct step_call *call)
{
    return json_bool(call->plan, "handover", false) || json_str(call->plan, "drill_op") != NULL;
}

static err_t *cannot(struct step_call *call, err_t *e)
{
    g_autofree char *why = err_text(e);

    json_set_str(call->result, "verified", CANNOT);
    json_set_str(call->result, "verify_error", why);
    err_free(e);
    return NULL;
}

static err_t *compared(struct step_call *call, const struct protector_recover *what,
                       const struct protector_digests *digests)
{
    bool same = g_str_equal(digests->point, digests->copy);

    json_set_str(call->result, "digest_point", digests->point);
    json_set_str(call->result, "digest_copy", digests->copy);
    if (!same && can_end(call))
        return err(COPY_DIFFERS,
                   "the volume made of '%s' does not hold what recovery point '%s' does: its "
                   "digest is %s, not %s",
                   what->name, what->point_id, digests->copy, digests->point);
    json_set_str(call->result, "verified", same ? SAME : DIFFERS);
    return NULL;
}

err_t *copy_verify(struct step_call *call, const struct drive *drive,
                   const struct protector_recover *what, enum step_answer *ret)
{
    struct protector_digests digests = {{0}, {0}};
    struct protector_error error = {0};
    struct protector_call at;

    *ret = STEP_DONE;
    if (!drive_can(drive, PROTECTOR_CAN_VERIFY))
        return cannot(call, err(DRIVER_UNSUPPORTED, "storage driver '%s' cannot read volumes again",
                                drive->driver->name));
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status =
        drive->driver->verify(drive->handle, &at, what, &digests, &error);
    if (status == PROTECTOR_PENDING) {
        *ret = STEP_WAIT;
        call->wake_at_ms = call->now_ms + MAX(error.retry_after_ms, LOOK_MS);
        return NULL;
    }
    err_t *e = drive_error(drive, status, &error, "reading a volume of the recovery point again");
    if (e == NULL)
        return compared(call, what, &digests);
    bool again = err_class(e) == ERR_CLASS_TRANSIENT || err_class(e) == ERR_CLASS_AMBIGUOUS;
    return again || can_end(call) ? e : cannot(call, e);
}
