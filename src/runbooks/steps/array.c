/* SPDX-License-Identifier: Apache-2.0 */
/*
 * array - the group at the arrays: each site's engine makes its own site's part; fences, tags and
 * promotion around a claim.  Every verb may be repeated, so these steps need no probe of their own.
 */
#include "model/body.h"
#include "model/safety.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/op_step.h"
#include "store/operation.h"

/* From where data flows: the site that is active. */
static const char *source_of(const struct group_now *now)
{
    const char *active = sync_active(&now->state);

    return active != NULL ? active : now->self;
}

/* The body an operation is about: what it plans, else what stands. */
static const json_t *body_of(struct step_call *call, const struct group_now *now)
{
    const json_t *planned = json_obj(call->plan, "body");

    return planned != NULL ? planned : now->body;
}

/* Turns a verb's outcome into the step's answer: PENDING waits. */
static err_t *answer(struct step_call *call, struct drive *drive, enum protector_status status,
                     const struct protector_error *error, const char *tried, enum step_answer *ret)
{
    *ret = STEP_DONE;
    if (status == PROTECTOR_PENDING) {
        *ret = STEP_WAIT;
        call->wake_at_ms = call->now_ms + MAX(error->retry_after_ms, 500);
        return NULL;
    }
    return drive_error(drive, status, error, tried);
}

/* ---- configuration ---- */

/*
 * All volumes of the body's members join at this site.  Of a member that could not be recovered
 * here the site that is active holds nothing that is current: its volumes are not replicated from
 * here.  Nor are any while it is becoming active: the body names those of an earlier time then.
 */
static err_t *volumes_join(struct step_call *call, struct drive *drive, const json_t *body,
                           const char *self)
{
    size_t i, k;
    json_t *member, *volume;
    struct protector_error error = {0};

    bool source = drive->group.source == drive->local;
    if (source && g_strcmp0(body_transition_target(body), self) == 0)
        return NULL;
    json_array_foreach(body_members(body), i, member)
    {
        bool lost = g_strcmp0(json_str(member, "status"), "unrecovered") == 0;
        if (lost && source)
            continue;
        json_array_foreach(json_arr(member, "volumes"), k, volume)
        {
            struct protector_volume v =
                drive_volume(volume, group_volume_at(body, self, json_str_or(volume, "id", "")));
            struct protector_call at;
            TRY(drive_call(call, drive, drive->local, &at));
            enum protector_status status =
                drive->driver->volume_add(drive->handle, &at, &v, &error);
            TRY(drive_error(drive, status, &error, "adding a volume to the replication"));
        }
    }
    return NULL;
}

err_t *array_ensure_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};

    TRY(group_now_load(call, &now));
    const json_t *body = body_of(call, now);
    *ret = STEP_DONE;
    if (body_policy(body) == NULL)
        return NULL;
    TRY(drive_open(call, body, source_of(now), sync_epoch(&now->state), &drive));
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status = drive->driver->group_ensure(drive->handle, &at, &error);
    bool awaited = status == PROTECTOR_PENDING; /* the other site's engine makes the other part */
    if (!awaited)
        TRY(drive_error(drive, status, &error, "preparing the replication group"));
    json_set_bool(call->result, "ensured", true);
    return volumes_join(call, drive, body, now->self);
}

err_t *array_ensure_undo(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};

    TRY(group_now_load(call, &now));
    const json_t *body = body_of(call, now);
    *ret = STEP_DONE;
    bool had_one = now->body != NULL && body_policy(now->body) != NULL;
    if (body_policy(body) == NULL || had_one)
        return NULL;
    TRY(drive_open(call, body, source_of(now), sync_epoch(&now->state), &drive));
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    return answer(call, drive, drive->driver->group_delete(drive->handle, &at, &error), &error,
                  "taking the replication group back", ret);
}

/* The captured volumes join (or, undone, leave) the replication at this site. */
static err_t *member_volumes(struct step_call *call, bool join, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    g_autoptr(json_t) captured = NULL;
    struct protector_error error = {0};
    size_t i;
    json_t *volume;

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    if (body_policy(now->body) == NULL)
        return NULL;
    TRY(captured_of(call, &captured));
    TRY(drive_open(call, now->body, source_of(now), sync_epoch(&now->state), &drive));
    json_array_foreach(json_arr(captured, "volumes"), i, volume)
    {
        struct protector_volume v = drive_volume(volume, json_str(volume, "id"));
        struct protector_call at;
        TRY(step_text(call, volume, "id", &v.subject));
        TRY(drive_call(call, drive, drive->local, &at));
        enum protector_status status =
            join ? drive->driver->volume_add(drive->handle, &at, &v, &error)
                 : drive->driver->volume_remove(drive->handle, &at, v.subject, &error);
        TRY(drive_error(drive, status, &error,
                        join ? "adding a volume to the replication"
                             : "taking a volume out of the replication"));
    }
    return NULL;
}

err_t *array_volumes_make(struct step_call *call, enum step_answer *ret)
{
    return member_volumes(call, true, ret);
}

err_t *array_volumes_undo(struct step_call *call, enum step_answer *ret)
{
    return member_volumes(call, false, ret);
}

/* ---- settling: the array has what the committed body has ---- */

static err_t *replication_switch(struct step_call *call, struct drive *drive,
                                 const struct group_now *now)
{
    struct protector_error error = {0};
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    bool source = drive->group.source == drive->local;
    bool on = source && now->state.role == ROLE_ACTIVE && body_replicates(now->body);

    if (!source)
        return NULL;
    enum protector_status status = on ? drive->driver->replication_start(drive->handle, &at, &error)
                                      : drive->driver->replication_stop(drive->handle, &at, &error);
    return drive_error(drive, status, &error, "switching the replication");
}

/* Subjects that left: those the change's own parameters or the body before it names. */
static err_t *volumes_leave(struct step_call *call, struct drive *drive)
{
    struct protector_error error = {0};
    size_t i;
    json_t *subject;

    json_array_foreach(json_arr(call->plan, "left"), i, subject)
    {
        struct protector_call at;
        TRY(drive_call(call, drive, drive->local, &at));
        enum protector_status status =
            drive->driver->volume_remove(drive->handle, &at, json_string_value(subject), &error);
        TRY(drive_error(drive, status, &error, "taking a volume out of the replication"));
    }
    return NULL;
}

/*
 * Whether the metadata name the volumes that this site runs on.  In an epoch that was opened since
 * the last claim without another one (a database was put back) they may be those of an earlier
 * time.
 */
static bool names_current(const struct group_now *now, const struct drive *drive)
{
    const json_t *claim = body_claim(now->body);
    bool source = drive->group.source == drive->local;

    return !source || claim == NULL ||
           json_int(json_obj(claim, "plan"), "epoch", -1) == sync_epoch(&now->state);
}

err_t *array_settle_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};
    const json_t *before = json_obj(call->plan, "before");

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    bool over = sync_leaving(&now->state) || body_policy(now->body) == NULL;
    const json_t *body = body_policy(now->body) != NULL ? now->body : before;
    if (body == NULL || body_policy(body) == NULL)
        return NULL;
    TRY(drive_open(call, body, source_of(now), sync_epoch(&now->state), &drive));
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    if (over)
        return answer(call, drive, drive->driver->group_delete(drive->handle, &at, &error), &error,
                      "removing the replication group", ret);
    TRY(answer(call, drive, drive->driver->group_ensure(drive->handle, &at, &error), &error,
               "preparing the replication group", ret));
    if (*ret == STEP_WAIT)
        return NULL;
    if (names_current(now, drive))
        TRY(volumes_join(call, drive, body, now->self));
    TRY(volumes_leave(call, drive));
    return replication_switch(call, drive, now);
}

/* ---- around a claim ---- */

static err_t *fence_open(struct step_call *call, struct group_now **ret_now,
                         struct drive **ret_drive)
{
    TRY(group_now_load(call, ret_now));
    return drive_open(call, (*ret_now)->body, json_str_or(call->plan, "source", ""),
                      sync_epoch(&(*ret_now)->state), ret_drive);
}

err_t *fence_probe(struct step_call *call, enum step_answer *ret)
{
    *ret = json_bool(call->result, "fenced", false) ? STEP_DONE : STEP_ABSENT;
    return NULL;
}

err_t *fence_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};

    TRY(fence_open(call, &now, &drive));
    if (!drive_can(drive, PROTECTOR_CAN_FENCE)) {
        json_set_bool(call->result, "impossible", true);
        *ret = STEP_DONE;
        return NULL;
    }
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    TRY(answer(call, drive, drive->driver->fence(drive->handle, &at, &error), &error,
               "fencing the old direction", ret));
    json_set_bool(call->result, "fenced", *ret == STEP_DONE);
    return NULL;
}

err_t *fence_undo(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};

    TRY(fence_open(call, &now, &drive));
    *ret = STEP_DONE;
    if (!drive_can(drive, PROTECTOR_CAN_FENCE))
        return NULL;
    TRY(safety_act(&now->state, SAFETY_UNFENCE, SAFETY_BEFORE_CLAIM));
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    return answer(call, drive, drive->driver->unfence(drive->handle, &at, &error), &error,
                  "lifting the fence", ret);
}

/* The tag at one array; one that does not answer is owed it (runbooks/tags.h), which is recorded.
 */
static err_t *tag_write(struct step_call *call, struct drive *drive, const struct group_now *now,
                        int site)
{
    err_t *e = drive_tag(call, drive, &now->state, site);

    if (e != NULL && err_class(e) == ERR_CLASS_FENCED)
        return e;
    json_set_str(call->result, drive->ends[site].name, e == NULL ? "tagged" : err_message(e));
    if (e != NULL)
        json_set_bool(call->result, "tag_owed", true);
    err_free(e);
    return NULL;
}

static err_t *tags_write(struct step_call *call, struct drive *drive, const struct group_now *now)
{
    json_object_del(call->result, "tag_owed");
    if (!drive_can(drive, PROTECTOR_CAN_TAG))
        return NULL;
    TRY(tag_write(call, drive, now, drive->local));
    return tag_write(call, drive, now, 1 - drive->local);
}

/* Claimed in place: the volumes are in use here already, and nothing of it needs the array. */
static err_t *promote_in_place(struct step_call *call, const struct group_now *now)
{
    AUTO(drive) drive = NULL;
    g_autoptr(err_t) e = drive_open(call, now->body, now->self, sync_epoch(&now->state), &drive);

    if (e == NULL)
        return tags_write(call, drive, now);
    json_set_str(call->result, "array", err_message(e));
    json_set_bool(call->result, "tag_owed", true);
    return NULL;
}

static err_t *member_leaves(struct step_call *call, struct drive *drive, const json_t *member)
{
    struct protector_error error = {0};
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(member, "volumes"), i, volume)
    {
        struct protector_call at;
        TRY(drive_call(call, drive, drive->local, &at));
        enum protector_status status =
            drive->driver->volume_remove(drive->handle, &at, json_str_or(volume, "id", ""), &error);
        TRY(drive_error(drive, status, &error, "taking an old volume out of the replication"));
    }
    return NULL;
}

/* The member's own server of before goes on here, with its volumes. */
static bool goes_on(const struct step_call *call, const char *member)
{
    const json_t *row = cloud_find(json_arr(call->plan, "members"), "id", member);

    return g_strcmp0(plan_kept_verdict(row), PLAN_RESUMES) == 0;
}

/*
 * What this site replicated when the group ran here before is old: until array.join puts the new
 * volumes in their place (or for ever, where it cannot) no point of this epoch may hold it.
 */
static err_t *old_volumes_leave(struct step_call *call, struct drive *drive, const json_t *body)
{
    size_t i;
    json_t *member;

    json_array_foreach(body_members(body), i, member)
    {
        if (!goes_on(call, json_str_or(member, "id", "")))
            TRY(member_leaves(call, drive, member));
    }
    return NULL;
}

err_t *promote_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_PROMOTE, SAFETY_SERVE));
    if (body_policy(now->body) == NULL)
        return NULL;
    if (json_bool(call->plan, "in_place", false))
        return promote_in_place(call, now);
    TRY(drive_open(call, now->body, now->self, sync_epoch(&now->state), &drive));
    TRY(old_volumes_leave(call, drive, now->body));
    if (drive_can(drive, PROTECTOR_CAN_PROMOTE)) {
        struct protector_call at;
        TRY(drive_call(call, drive, drive->local, &at));
        TRY(answer(call, drive, drive->driver->promote(drive->handle, &at, &error), &error,
                   "making the volumes writable", ret));
        if (*ret == STEP_WAIT)
            return NULL;
    }
    return tags_write(call, drive, now);
}

/* ---- before a point is made ---- */

/* How far the operation that made this site active has come with the array. */
struct turned {
    bool known;    /* it is here, with its rows */
    bool open;     /* it goes on */
    bool promoted; /* the old volumes have left */
    bool tried;    /* each new one has joined, or could not */
    bool joined;   /* each has */
};

static err_t *turned_read(struct step_call *call, const char *op_id, struct turned *ret)
{
    g_autoptr(GPtrArray) rows = NULL;
    AUTO(operation) op = NULL;

    *ret = (struct turned){.tried = true, .joined = true};
    TRY(operation_find(call->db, op_id, &op));
    TRY(op_step_list(call->db, op_id, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct op_step *row = g_ptr_array_index(rows, i);
        bool done = g_str_equal(row->state, "done");
        if (g_str_equal(row->step_key, "group.promote")) {
            ret->known = op != NULL;
            ret->promoted = done;
        }
        if (g_str_equal(row->step_key, "array.join")) {
            ret->tried = ret->tried && (done || g_str_equal(row->state, "skipped"));
            ret->joined = ret->joined && done;
        }
    }
    ret->open = op != NULL && op->is_open;
    return NULL;
}

/* Of whom nothing current is here leaves; the others join, with what they run on. */
static err_t *turn_now(struct step_call *call, const struct group_now *now)
{
    AUTO(drive) drive = NULL;
    size_t i;
    json_t *member;

    TRY(drive_open(call, now->body, now->self, sync_epoch(&now->state), &drive));
    json_array_foreach(body_members(now->body), i, member)
    {
        if (g_strcmp0(json_str(member, "status"), "unrecovered") == 0)
            TRY(member_leaves(call, drive, member));
    }
    return volumes_join(call, drive, now->body, now->self);
}

err_t *array_is_current(struct step_call *call, const struct group_now *now, bool *ret)
{
    const json_t *claim = body_claim(now->body);
    bool of_this = json_int(json_obj(claim, "plan"), "epoch", -1) == sync_epoch(&now->state);
    const char *op = of_this ? json_str(claim, "operation") : NULL;
    struct turned turned;

    *ret = true;
    if (op == NULL) /* nobody has claimed this epoch: it was opened after a restore, or never was */
        return NULL;
    TRY(turned_read(call, op, &turned));
    if (!turned.known || (turned.promoted && turned.joined))
        return NULL;
    *ret = !turned.open || (turned.promoted && turned.tried);
    return turned.open ? NULL : turn_now(call, now);
}

static json_t *body_volume(const json_t *body, const char *id)
{
    size_t i;
    json_t *member;

    json_array_foreach(body_members(body), i, member)
    {
        json_t *volume = cloud_find(json_arr(member, "volumes"), "id", id);
        if (volume != NULL)
            return volume;
    }
    return NULL;
}

/* From now on the points of this site hold the volume that it was recovered to. */
err_t *array_join_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    g_autoptr(json_t) made = NULL;
    struct protector_error error = {0};

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_PROMOTE, SAFETY_SERVE));
    TRY(step_result_of(call, "volume.manage", call->subject, &made));
    const json_t *row = body_volume(now->body, call->subject);
    if (row == NULL || json_str(made, "volume_id") == NULL)
        return NULL;
    TRY(drive_open(call, now->body, now->self, sync_epoch(&now->state), &drive));
    struct protector_volume volume = drive_volume(row, json_str(made, "volume_id"));
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status = drive->driver->volume_add(drive->handle, &at, &volume, &error);
    TRY(drive_error(drive, status, &error, "adding a recovered volume to the replication"));
    return copy_hand_over(call, drive);
}

/* A site that is not active any more pushes nothing and lets the active one's points in. */
err_t *array_demote_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    if (now->state.role != ROLE_STANDBY) /* it is active again, or gone: nothing of it is turned */
        return NULL;
    if (now->body == NULL || body_policy(now->body) == NULL)
        return NULL;
    TRY(drive_open(call, now->body, now->self, sync_epoch(&now->state), &drive));
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    TRY(drive_error(drive, drive->driver->replication_stop(drive->handle, &at, &error), &error,
                    "stopping the replication from this site"));
    drive_close(TAKE(drive));
    TRY(drive_open(call, now->body, source_of(now), sync_epoch(&now->state), &drive));
    if (!drive_can(drive, PROTECTOR_CAN_FENCE))
        return NULL;
    TRY(safety_act(&now->state, SAFETY_UNFENCE, SAFETY_DEMOTE));
    TRY(drive_call(call, drive, drive->local, &at));
    return answer(call, drive, drive->driver->unfence(drive->handle, &at, &error), &error,
                  "opening the array to the active site", ret);
}
