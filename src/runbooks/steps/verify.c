/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - a copy is read again and compared with the recovery point, where the group's policy says
 * verify_data: after it was made, before Cinder has it and anything can write to it.
 *
 * What differs ends a planned failover, a failback and a drill: nothing has been lost yet.  An
 * unplanned failover goes on with what there is, and says so: nothing shows that another copy would
 * be better, or could be made at all.  That something could not be compared ends nothing.
 */
#include "runbooks/steps/steps.h"
#include "store/db.h"

#define LOOK_MS   200
#define AGAIN_MS  5000 /* until an array that did not answer is asked again */
#define TRIES_MAX 3

#define SAME    "same"
#define DIFFERS "differs"
#define CANNOT  "cannot"

bool copy_wants_verify(const struct step_call *call)
{
    return json_bool(call->plan, PLAN_VERIFY, false) && json_str(call->result, "verified") == NULL;
}

/* Production goes on where it is if this operation ends now. */
static bool can_end(const struct step_call *call)
{
    return json_bool(call->plan, "handover", false) || json_str(call->plan, "drill_op") != NULL;
}

static err_t *cannot(struct step_call *call, err_t *takes)
{
    g_autofree char *why = err_text(takes);

    json_set_str(call->result, "verified", CANNOT);
    json_set_str(call->result, "verify_error", why);
    err_free(takes);
    return NULL;
}

/*
 * Tried a few times, and none of them counts as a try of the row: an array that is away ends no
 * failover that has made its copies.
 */
err_t *copy_verify_failed(struct step_call *call, err_t *takes, enum step_answer *ret)
{
    int64_t tries = json_int(call->result, "verify_tries", 0) + 1;
    bool again = err_class(takes) == ERR_CLASS_TRANSIENT || err_class(takes) == ERR_CLASS_AMBIGUOUS;

    *ret = STEP_DONE;
    json_set_int(call->result, "verify_tries", tries);
    if (!again || tries >= TRIES_MAX)
        return cannot(call, takes);
    err_free(takes);
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + AGAIN_MS;
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

/* Another volume of the operation has failed: it ends, and nobody waits for this one to be read. */
static err_t *others_stand(struct step_call *call)
{
    AUTO(db_rows) failed = NULL;

    TRY(db_query(call->db, &failed,
                 "SELECT 1 FROM dr_steps WHERE op_id = ? AND step_key = 'storage_promo' AND "
                 "state = 'failed' LIMIT 1",
                 "s", call->op->id));
    return db_rows_count(failed) == 0
               ? NULL
               : err(OPERATION_ENDED, "not compared: another volume has failed");
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
    TRY(others_stand(call));
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status =
        drive->driver->verify(drive->handle, &at, what, &digests, &error);
    if (status == PROTECTOR_PENDING) {
        *ret = STEP_WAIT;
        call->wake_at_ms = call->now_ms + MAX(error.retry_after_ms, LOOK_MS);
        return NULL;
    }
    err_t *e = drive_error(drive, status, &error, "reading a volume of the recovery point again");
    return e != NULL ? copy_verify_failed(call, e, ret) : compared(call, what, &digests);
}
