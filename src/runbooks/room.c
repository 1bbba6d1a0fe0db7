/* SPDX-License-Identifier: Apache-2.0 */
/* room - see room.h. */
#include "runbooks/room.h"

#include "store/operation.h"

/* VOLUME_ERROR: for what it manages Cinder reserves the quota later, and does not say what failed.
 */
static bool wants_room(const err_t *e)
{
    return err_is(e, ERR_CLOUD_QUOTA) || err_is(e, ERR_CLOUD_ADDRESS_TAKEN) ||
           err_is(e, ERR_VOLUME_ERROR);
}

enum run_hope room_hope(void *world, struct db *db, const struct operation *op, const err_t *e)
{
    bool goes = false, went = false;

    (void)world;
    if (op->pg_id == NULL || !wants_room(e))
        return RUN_HOPE_NONE;
    /* not read: the refusal stands, and a person may say retry */
    g_autoptr(err_t) unread = operation_drill_goes(db, op, &goes, &went);
    if (unread != NULL)
        return RUN_HOPE_NONE;
    return goes ? RUN_HOPE_COMING : went ? RUN_HOPE_CAME : RUN_HOPE_NONE;
}
