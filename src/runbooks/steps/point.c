/* SPDX-License-Identifier: Apache-2.0 */
/*
 * point - which recovery point a failover uses, and the copies made of it at this site's array.
 *
 * A point is usable iff it is complete, carries the group's lineage and was made by the site active
 * in it (safety_point_usable); which of the usable ones is taken, and whom it leaves out, is
 * plan/point.h.
 */
#include "model/safety.h"
#include "plan/point.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"
#include "store/group.h"
#include "store/resource.h"

#include <string.h>

#define POINTS_MAX 10000

struct gather {
    const struct sync_state *state;
    json_t *points; /* plan/point.h */
};

static int gather_point(void *data, const struct protector_point *point)
{
    struct gather *g = data;
    struct safety_point sp = {.id = point->id,
                              .lineage = point->lineage,
                              .made_by = point->made_by,
                              .complete = point->complete != 0};

    if (json_array_size(g->points) >= POINTS_MAX + 1)
        return 1;
    g_autoptr(err_t) no = safety_point_usable(g->state, &sp);
    json_t *row = json_object();
    json_t *subjects = json_object();
    json_set_str(row, "id", point->id);
    json_set_str(row, "name", point->name);
    json_set_int(row, "time_ms", point->time_ms);
    json_set_int(row, "lineage", point->lineage);
    json_set_str(row, "made_by", point->made_by);
    json_set_bool(row, "complete", point->complete != 0);
    if (no != NULL)
        json_set_str(row, "rejected", err_message(no));
    for (size_t i = 0; i < point->subject_count; i++)
        json_set_bool(subjects, point->subjects[i], true);
    json_set(row, "subjects", subjects);
    json_array_append_new(g->points, row);
    return 0;
}

/* What the arrays at this site list, judged. */
static err_t *points_read(struct step_call *call, const struct group_now *group,
                          struct drive *drive, json_t *points)
{
    struct gather g = {&group->state, points};
    struct protector_error error = {0};
    struct protector_call at;

    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status =
        drive->driver->points_list(drive->handle, &at, gather_point, &g, &error);
    TRY(drive_error(drive, status, &error, "listing the recovery points"));
    if (json_array_size(points) > POINTS_MAX)
        return err(NO_POINT, "the array lists more than %d recovery points", POINTS_MAX);
    return NULL;
}

err_t *point_of(struct step_call *call, json_t **ret)
{
    *ret = json_incref(json_obj(call->plan, "point")); /* of the drill that is cleaned up */
    if (*ret != NULL)
        return NULL;
    TRY(step_result_of(call, "point.final", "", ret));
    if (json_str(*ret, "id") != NULL)
        return NULL;
    json_decref(*ret);
    return step_result_of(call, "point.choose", "", ret);
}

err_t *point_look(struct step_call *call, const struct group_now *now, const json_t *plan,
                  json_t **ret)
{
    AUTO(drive) drive = NULL;
    g_autoptr(json_t) points = json_array();

    TRY(drive_open(call, now->body, json_str_or(plan, "source", ""),
                   json_int(plan, "epoch", sync_epoch(&now->state)), &drive));
    TRY(points_read(call, now, drive, points));
    return plan_point(body_name(now->body), points, plan, drive->group.interval_ms, ret);
}

err_t *point_choose_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) group = NULL;
    g_autoptr(json_t) choice = NULL;
    const char *member;
    json_t *why;

    *ret = STEP_DONE;
    if (json_obj(call->plan, "left_out") != NULL) {
        json_set_str(call->result, "id", POINT_KEPT);
        json_set(call->result, "left_out", json_deep_copy(json_obj(call->plan, "left_out")));
        return NULL;
    }
    if (json_array_size(json_arr(call->plan, "volumes")) == 0) {
        json_set_str(call->result, "id", "none");
        return NULL;
    }
    TRY(group_now_load(call, &group));
    TRY(point_look(call, group, call->plan, &choice));
    json_object_update(call->result, choice);
    json_object_foreach(json_obj(choice, "left_out"), member, why)
        step_skip_subject(call, member, json_string_value(why));
    return NULL;
}

/* ---- the final point of a handover ---- */

#define FINAL_LOOK_MS 1000

/*
 * At the source's array, by the tokens of the policy; the same key means the same point.
 * '*ret_id' NULL: not yet.
 */
static err_t *source_replicate(struct step_call *call, struct drive *drive, const char *name,
                               char **ret_id)
{
    g_autofree char *key =
        g_strdup_printf("%s-%.24s", name, json_str_or(call->op->params, "position", ""));
    struct protector_point_state point = {0};
    struct protector_error error = {0};
    struct protector_call at;

    *ret_id = NULL;
    TRY(drive_call(call, drive, drive->group.source, &at));
    enum protector_status status =
        drive->driver->replicate_now(drive->handle, &at, key, &point, &error);
    if (status == PROTECTOR_PENDING)
        return NULL;
    TRY(drive_error(drive, status, &error, "making a recovery point of the source"));
    *ret_id = g_strdup(point.id);
    return NULL;
}

/* The point as this site's array knows it; NULL while its transfer goes on. */
static err_t *final_arrived(struct step_call *call, const struct group_now *group,
                            struct drive *drive, const char *id, json_t **ret)
{
    g_autoptr(json_t) points = json_array();

    *ret = NULL;
    TRY(points_read(call, group, drive, points));
    const json_t *point = cloud_find(points, "id", id);
    if (point == NULL || !json_bool(point, "complete", false))
        return NULL;
    if (json_str(point, "rejected") != NULL)
        return err(NO_POINT, "the final %s", json_str(point, "rejected"));
    *ret = json_pack("[O]", point);
    return NULL;
}

/* Exactly this point is used, and whole: a handover leaves nobody out. */
err_t *point_final_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) group = NULL;
    AUTO(drive) drive = NULL;
    g_autoptr(json_t) final = NULL;
    g_autoptr(json_t) choice = NULL;
    g_autofree char *id = NULL;

    *ret = STEP_DONE;
    if (json_array_size(json_arr(call->plan, "volumes")) == 0) {
        json_set_str(call->result, "id", "none");
        return NULL;
    }
    TRY(group_now_load(call, &group));
    TRY(drive_open(call, group->body, json_str_or(call->plan, "source", ""),
                   json_int(call->plan, "source_epoch", 0), &drive));
    TRY(source_replicate(call, drive, "final", &id));
    if (id != NULL)
        TRY(final_arrived(call, group, drive, id, &final));
    if (final == NULL) {
        *ret = STEP_WAIT;
        call->wake_at_ms = call->now_ms + FINAL_LOOK_MS;
        return NULL;
    }
    TRY(plan_point(body_name(group->body), final, call->plan, drive->group.interval_ms, &choice));
    if (json_object_size(json_obj(choice, "left_out")) > 0)
        return err(NO_POINT, "the final recovery point %s lacks volumes of %zu members", id,
                   json_object_size(json_obj(choice, "left_out")));
    json_object_update(call->result, choice);
    return NULL;
}

/* ---- the first point of a direction ---- */

static const json_t *usable_point(const json_t *points)
{
    size_t i;
    json_t *point;

    json_array_foreach((json_t *)points, i, point)
    {
        if (json_str(point, "rejected") == NULL)
            return point;
    }
    return NULL;
}

/*
 * While the servers run on: one whole point of the present lineage has arrived here.  The first one
 * takes long; the final point, for which they stand still, is then no more than what changed since.
 */
err_t *point_first_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) group = NULL;
    AUTO(drive) drive = NULL;
    g_autoptr(json_t) points = json_array();
    g_autofree char *id = NULL;

    *ret = STEP_DONE;
    if (json_array_size(json_arr(call->plan, "volumes")) == 0)
        return NULL;
    TRY(group_now_load(call, &group));
    TRY(drive_open(call, group->body, json_str_or(call->plan, "source", ""),
                   json_int(call->plan, "source_epoch", 0), &drive));
    TRY(points_read(call, group, drive, points));
    const json_t *point = usable_point(points);
    if (point != NULL) {
        json_set_str(call->result, "point", json_str(point, "id"));
        return NULL;
    }
    TRY(source_replicate(call, drive, "first", &id));
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + FINAL_LOOK_MS;
    return NULL;
}

/* ---- a point now (consistency-group sync) ---- */

#define STALL_MS 300000

/* Only the active site makes points, and this one was when it was asked. */
err_t *point_now_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;

    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_PROMOTE, SAFETY_SERVE));
    *ret = json_object();
    json_set_str(*ret, "group_id", call->op->pg_id);
    json_set_int(*ret, "epoch", sync_epoch(&now->state));
    return NULL;
}

/* A transfer that lives moves; one that was cut off (a fence, a lost target) never ends. */
static err_t *still_moves(struct step_call *call, int permille)
{
    int64_t since_ms = json_int(call->result, "moved_at_ms", 0);
    bool moved = permille > json_int(call->result, "progress_permille", -1);

    if (moved || since_ms > call->now_ms) {
        json_set_int(call->result, "progress_permille", permille);
        json_set_int(call->result, "moved_at_ms", call->now_ms);
        return NULL;
    }
    if (call->now_ms - since_ms < STALL_MS)
        return NULL;
    return err(NO_POINT, "the recovery point has not moved for %d s: it is %d per mille complete",
               STALL_MS / 1000, permille);
}

err_t *point_now_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    g_autofree char *key = g_strdup_printf("now-%.36s", call->op->id + strlen("op-"));
    bool current = false;
    struct protector_point_state point = {0};
    struct protector_error error = {0};
    struct protector_call at;

    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_PROMOTE, SAFETY_SERVE));
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + FINAL_LOOK_MS;
    TRY(array_is_current(call, now, &current));
    if (!current)
        return still_moves(call, 0);
    TRY(drive_open(call, now->body, now->self, sync_epoch(&now->state), &drive));
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status =
        drive->driver->replicate_now(drive->handle, &at, key, &point, &error);
    if (status == PROTECTOR_PENDING)
        return still_moves(call, 0);
    TRY(drive_error(drive, status, &error, "making a recovery point"));
    json_set_str(call->result, "id", point.id);
    json_set_int(call->result, "time_ms", point.time_ms);
    if (!point.complete)
        return still_moves(call, point.progress_permille);
    *ret = STEP_DONE;
    return group_replicated(call->db, call->op->pg_id, point.time_ms);
}

err_t *point_now_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) point = NULL;

    if (!g_str_equal(status, "completed"))
        return NULL;
    TRY(step_result_of(call, "point.make", "", &point));
    g_autofree char *at = time_format(json_int(point, "time_ms", 0));
    json_set(call->result, "point",
             json_pack("{s:s, s:s}", "id", json_str_or(point, "id", ""), "at", at));
    return NULL;
}

/* ---- copies ---- */

struct copy_of {
    struct made made;
    json_t *point; /* of point.choose, or NULL */
    char key[HASH_HEX_SIZE];
};

static void copy_name(struct step_call *call, const char *subject, const char *name,
                      const char *point, struct copy_of *ret)
{
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, json_int(call->plan, "epoch", 0));

    const char *drill = json_str(call->plan, "drill_op");

    made_init(call, "copy", "array", subject, name, point, &ret->made);
    hash_strings(ret->key, drill != NULL ? "drill" : "copy",
                 json_str_or(call->plan, "group_id", ""), drill != NULL ? drill : epoch, subject,
                 point, NULL);
}

static err_t *copy_init(struct step_call *call, struct copy_of *ret)
{
    TRY(point_of(call, &ret->point));
    copy_name(call, call->subject, json_str(call->input, "name"), json_str_or(ret->point, "id", ""),
              ret);
    return NULL;
}

static void copy_result(struct step_call *call, const struct copy_of *of,
                        const struct protector_copy *copy)
{
    json_t *ref = json_object();

    for (size_t i = 0; i < copy->ref_count; i++)
        json_set_str(ref, copy->ref[i].key, copy->ref[i].value);
    json_set_str(call->result, "action", copy->action == PROTECTOR_MANAGE ? "manage" : "create");
    json_set(call->result, "ref", ref);
    json_set_str(call->result, "point", json_str_or(of->point, "id", ""));
    json_set_str(call->result, "array_volume", copy->volume_name);
}

static err_t *array_open(struct step_call *call, struct group_now **ret_group,
                         struct drive **ret_drive)
{
    TRY(group_now_load(call, ret_group));
    return drive_open(call, (*ret_group)->body, json_str_or(call->plan, "source", ""),
                      json_int(call->plan, "epoch", 0), ret_drive);
}

/* The open array and the copy's key; everything the functions below begin with. */
static err_t *copy_open(struct step_call *call, struct copy_of *of, struct group_now **ret_group,
                        struct drive **ret_drive)
{
    TRY(copy_init(call, of));
    return array_open(call, ret_group, ret_drive);
}

err_t *copy_probe(struct step_call *call, enum step_answer *ret)
{
    struct copy_of of = {0};
    AUTO(group_now) group = NULL;
    AUTO(drive) drive = NULL;
    struct protector_copy copy;
    struct protector_error error = {0};

    err_t *e = copy_open(call, &of, &group, &drive);
    g_autoptr(json_t) point G_GNUC_UNUSED = of.point;
    if (e != NULL)
        return e;
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status =
        drive->driver->copy_find(drive->handle, &at, of.key, &copy, &error);
    if (status == PROTECTOR_NOT_FOUND) {
        *ret = STEP_ABSENT;
        return NULL;
    }
    err_t *unseen = drive_error(drive, status, &error, "looking for a copy");
    if (unseen != NULL && copy_wants_verify(call) && json_str(call->result, "array_volume") != NULL)
        return copy_verify_failed(call, unseen, ret);
    TRY(unseen);
    copy_result(call, &of, &copy);
    *ret = copy_wants_verify(call) ? STEP_ABSENT : STEP_DONE;
    return ledger_made(call, &of.made, copy.volume_name);
}

static const json_t *body_volume_find(const json_t *body, const char *id)
{
    size_t i, k;
    json_t *member, *volume;

    json_array_foreach(body_members(body), i, member)
    {
        json_array_foreach(json_arr(member, "volumes"), k, volume)
        {
            if (g_strcmp0(json_str(volume, "id"), id) == 0)
                return volume;
        }
    }
    return NULL;
}

err_t *copy_make(struct step_call *call, enum step_answer *ret)
{
    struct copy_of of = {0};
    AUTO(group_now) group = NULL;
    AUTO(drive) drive = NULL;
    struct protector_copy copy;
    struct protector_error error = {0};

    err_t *e = copy_open(call, &of, &group, &drive);
    g_autoptr(json_t) point G_GNUC_UNUSED = of.point;
    if (e != NULL)
        return e;
    const json_t *row = body_volume_find(group->body, call->subject);
    struct protector_volume volume = drive_volume(row, NULL);
    TRY(step_text(call, row, "id", &volume.subject));
    struct protector_recover what = {
        .point_id = json_str_or(point, "id", ""),
        .volume = &volume,
        .key = of.key,
        .name = json_str_or(call->input, "name", ""),
    };
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    TRY(ledger_intend(call, &of.made));
    bool drill = json_str(call->plan, "drill_op") != NULL;
    enum protector_status status =
        drill ? drive->driver->clone(drive->handle, &at, &what, &copy, &error)
              : drive->driver->recover(drive->handle, &at, &what, &copy, &error);
    *ret = STEP_WAIT;
    if (status == PROTECTOR_PENDING) {
        call->wake_at_ms = call->now_ms + MAX(error.retry_after_ms, 200);
        return NULL;
    }
    TRY(drive_error(drive, status, &error, "making a volume of the recovery point"));
    copy_result(call, &of, &copy);
    *ret = STEP_DONE;
    TRY(ledger_made(call, &of.made, copy.volume_name));
    return copy_wants_verify(call) ? copy_verify(call, drive, &what, ret) : NULL;
}

err_t *copy_result_of(struct step_call *call, json_t **ret)
{
    const char *copies = json_str(call->plan, "copies");
    const json_t *point = json_obj(call->plan, "point");

    if (copies == NULL)
        return step_result_of(call, "storage_promo", call->subject, ret);
    *ret = json_object();
    json_set_str(*ret, "action", copies);
    json_set_str(*ret, "point", json_str_or(point, "id", ""));
    return NULL;
}

/*
 * A managed volume that could not be taken out of Cinder stands on the copy's bytes: then the copy
 * stays with it.
 */
static err_t *copy_free(struct step_call *call, const struct drive *drive, const struct made *copy)
{
    AUTO(resource) row = NULL;
    struct made volume;

    if (drive->driver->can & PROTECTOR_MAKES_IN_CINDER) /* it has bytes of its own */
        return NULL;
    made_init(call, "volume", "cinder", copy->subject, copy->name, copy->point, &volume);
    TRY(resource_find(call->db, volume.key, &row));
    if (row == NULL || g_str_equal(row->state, resource_state_text(RESOURCE_GONE)))
        return NULL;
    return err_remedy(err(CONFLICT,
                          "the copy of volume '%s' is kept: Cinder's volume %s may still use it",
                          copy->name != NULL ? copy->name : copy->subject,
                          row->cloud_id != NULL ? row->cloud_id : "of the same key"),
                      "unmanage the volume in Cinder, then delete the copy at the array");
}

static err_t *copy_delete(struct step_call *call, struct drive *drive, const struct copy_of *of,
                          enum step_answer *ret)
{
    struct protector_error error = {0};
    struct protector_call at;

    TRY(copy_free(call, drive, &of->made));
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status = drive->driver->copy_delete(drive->handle, &at, of->key, &error);
    if (status == PROTECTOR_PENDING) {
        *ret = STEP_WAIT;
        return NULL;
    }
    TRY(drive_error(drive, status, &error, "deleting a copy"));
    *ret = STEP_DONE;
    return ledger_gone(call, &of->made);
}

err_t *copy_take_away(struct step_call *call, const char *subject, const char *name,
                      const char *point, enum step_answer *ret)
{
    struct copy_of of = {0};
    AUTO(group_now) group = NULL;
    AUTO(drive) drive = NULL;

    copy_name(call, subject, name, point, &of);
    TRY(array_open(call, &group, &drive));
    return copy_delete(call, drive, &of, ret);
}

err_t *copy_undo(struct step_call *call, enum step_answer *ret)
{
    struct copy_of of = {0};
    AUTO(group_now) group = NULL;
    AUTO(drive) drive = NULL;

    err_t *e = copy_open(call, &of, &group, &drive);
    g_autoptr(json_t) point G_GNUC_UNUSED = of.point;
    return e != NULL ? e : copy_delete(call, drive, &of, ret);
}

err_t *copy_hand_over(struct step_call *call, struct drive *drive)
{
    struct copy_of of = {0};
    struct protector_error error = {0};
    struct protector_call at;

    err_t *e = copy_init(call, &of);
    g_autoptr(json_t) point G_GNUC_UNUSED = of.point;
    if (e != NULL)
        return e;
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status = drive->driver->copy_release(drive->handle, &at, of.key, &error);
    return status == PROTECTOR_NOT_FOUND
               ? NULL
               : drive_error(drive, status, &error, "handing a copy over to its user");
}
