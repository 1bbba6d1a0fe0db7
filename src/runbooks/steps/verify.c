/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - a copy is read again and compared with the recovery point, where the group's policy says
 * verify_data: after it was made, before Cinder has it and anything can write to it.
 *
 * What differs ends a planned failover, a failback and a drill: nothing has been lost yet.  An
 * unplanned failover makes the copy once more; then it goes on with what there is, and says so.
 * That something could not be compared ends nothing.
 */
#include "runbooks/steps/steps.h"
#include "store/op_step.h"

#define LOOK_MS   200
#define TRIES_MAX 3 /* of an array that does not answer */

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

/* Tried a few times; no array that is away holds up or ends a failover that has made its copies. */
static err_t *failed(struct step_call *call, err_t *takes)
{
    int64_t tries = json_int(call->result, "verify_tries", 0) + 1;
    bool again = err_class(takes) == ERR_CLASS_TRANSIENT ||
                 err_class(takes) == ERR_CLASS_AMBIGUOUS || err_class(takes) == ERR_CLASS_FENCED;

    json_set_int(call->result, "verify_tries", tries);
    return again && tries < TRIES_MAX ? takes : cannot(call, takes);
}

/* The point is still there: what is wrong is the copy. */
static err_t *once_more(struct step_call *call, const struct drive *drive, const char *key,
                        enum step_answer *ret)
{
    struct protector_error error = {0};
    struct protector_call at;

    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms;
    TRY(drive_call(call, drive, drive->local, &at));
    TRY(drive_error(drive, drive->driver->copy_delete(drive->handle, &at, key, &error), &error,
                    "deleting a volume that is not as its recovery point"));
    json_set_bool(call->result, "made_again", true);
    return NULL;
}

static err_t *compared(struct step_call *call, const struct drive *drive,
                       const struct protector_recover *what,
                       const struct protector_digests *digests, enum step_answer *ret)
{
    bool same = g_str_equal(digests->point, digests->copy);

    json_set_str(call->result, "digest_point", digests->point);
    json_set_str(call->result, "digest_copy", digests->copy);
    if (!same && can_end(call))
        return err(COPY_DIFFERS,
                   "the volume made of '%s' does not hold what recovery point '%s' does: its "
                   "digest is %s, not %s",
                   what->name, what->point_id, digests->copy, digests->point);
    if (!same && !json_bool(call->result, "made_again", false))
        return once_more(call, drive, what->key, ret);
    json_set_str(call->result, "verified", same ? SAME : DIFFERS);
    return NULL;
}

/* Another volume of the operation has failed: it ends, and nobody waits for this one to be read. */
static err_t *others_stand(struct step_call *call)
{
    g_autoptr(GPtrArray) rows = NULL;

    TRY(op_step_list(call->db, call->op->id, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct op_step *row = g_ptr_array_index(rows, i);
        if (g_str_equal(row->step_key, "storage_promo") && g_str_equal(row->state, "failed"))
            return err(OPERATION_ENDED, "not compared: another volume has failed");
    }
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
    return e != NULL ? failed(call, e) : compared(call, drive, what, &digests, ret);
}
