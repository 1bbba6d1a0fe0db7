/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim - the pivot of a failover, unplanned or as the target of a handover, and its outcome.
 *
 * The claim opens a new epoch in one transaction, before the first server boots or volume becomes
 * writable; its body names the point, who forced it, why, and what was seen of the peer.
 */
#include "model/safety.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"

#define FINISH_LATER_MS 5000

static const struct exchange *exchange_of(struct step_call *call)
{
    return world_options_of(call->world)->exchange;
}

/* ---- the pivot ---- */

static bool claimed_by(struct step_call *call, const struct group_now *now)
{
    return now->body != NULL &&
           g_strcmp0(json_str(body_claim(now->body), "operation"), call->op->id) == 0;
}

/* What the volumes were made of: counted from their rows, so that safety judges what is, not what
 * was wanted. */
static err_t *evidence_count(struct step_call *call, const char *point,
                             struct safety_evidence *evidence)
{
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(call->plan, "volumes"), i, volume)
    {
        g_autoptr(json_t) copy = NULL;
        TRY(step_result_of(call, "storage_promo", json_str_or(volume, "id", ""), &copy));
        if (json_str(copy, "point") == NULL)
            continue;
        evidence->volumes++;
        evidence->volumes_from_point += g_strcmp0(json_str(copy, "point"), point) == 0;
    }
    return NULL;
}

/* What the chosen point is, judged again under what this site holds now. */
static void evidence_point(const struct group_now *now, const json_t *point,
                           struct safety_evidence *evidence)
{
    struct safety_point sp = {.id = json_str(point, "id"),
                              .lineage = json_int(point, "lineage", -1),
                              .made_by = json_str(point, "made_by"),
                              .complete = json_bool(point, "complete", false)};
    g_autoptr(err_t) no = safety_point_usable(&now->state, &sp);

    evidence->data = SAFETY_FROM_POINT;
    evidence->point = sp.id;
    evidence->point_complete = sp.complete;
    evidence->point_usable = no == NULL;
}

static bool is_handover(const struct step_call *call)
{
    return json_bool(call->plan, "handover", false);
}

/* 'ret->point' is borrowed from 'point'. */
static err_t *evidence_read(struct step_call *call, const struct group_now *now,
                            const json_t *point, struct safety_evidence *ret)
{
    g_autoptr(json_t) fence = NULL;

    *ret = (struct safety_evidence){.data = SAFETY_IN_PLACE, .recorded = true};
    if (json_bool(call->plan, "in_place", false))
        return NULL;
    ret->sources_stopped = json_bool(call->result, "sources_stopped", false); /* by the probe */
    TRY(step_result_of(call, "source.fence", "", &fence));
    ret->fenced = json_bool(fence, "fenced", false);
    ret->fence_impossible = json_bool(fence, "impossible", false);
    if (g_strcmp0(json_str(point, "id"), POINT_KEPT) == 0) {
        ret->data = SAFETY_FROM_KEPT;
        return NULL;
    }
    if (g_strcmp0(json_str(point, "id"), "none") == 0) {
        ret->data = SAFETY_NOTHING;
        ret->volumes = json_array_size(json_arr(call->plan, "volumes"));
        return NULL;
    }
    evidence_point(now, point, ret);
    return evidence_count(call, ret->point, ret);
}

static void claim_force(struct step_call *call, const struct safety_evidence *evidence,
                        struct sync_force *ret)
{
    *ret = (struct sync_force){.operation = call->op->id,
                               .reason = json_str_or(call->op->params, "reason", ""),
                               .who = call->op->user_id,
                               .evidence = evidence};
    g_strlcpy(ret->plan.position, json_str_or(call->plan, "position", ""),
              sizeof ret->plan.position);
    ret->plan.epoch = json_int(call->plan, "epoch", 0);
}

/* It was there when the plan was made; without it nothing could be promoted after the claim. */
static err_t *driver_there(struct step_call *call)
{
    const struct world_options *o = world_options_of(call->world);
    bool in_place = json_bool(call->plan, "in_place", false);

    return in_place || o->driver != NULL ? NULL : err(DRIVER_ABSENT, "%s", o->driver_problem);
}

/*
 * Making volumes takes long, and whoever takes the group back at the source may not reach this
 * site: so they are looked at right before each claim, whatever was seen before.
 */
static err_t *sources_stopped(struct step_call *call)
{
    json_set_bool(call->result, "sources_stopped", false);
    TRY(sources_at_rest(call));
    json_set_bool(call->result, "sources_stopped", true);
    return NULL;
}

/* The whole guard of the claim, read only: asked before its intent is written. */
static err_t *claim_check(struct step_call *call, const struct group_now *now)
{
    g_autoptr(json_t) point = NULL;
    struct safety_evidence evidence;
    struct sync_force force;

    if (is_handover(call))
        TRY(sources_stopped(call));
    else
        TRY(sync_force_allowed(&now->state));
    TRY(driver_there(call));
    TRY(point_of(call, &point));
    TRY(evidence_read(call, now, point, &evidence));
    claim_force(call, &evidence, &force);
    return is_handover(call) ? sync_claim_check(&now->state, &force.plan, &evidence)
                             : sync_force_check(&now->state, &force);
}

err_t *claim_probe(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;

    TRY(group_now_load(call, &now));
    *ret = claimed_by(call, now) ? STEP_DONE : STEP_ABSENT;
    if (*ret == STEP_DONE) {
        json_set_int(call->result, "epoch", sync_epoch(&now->state));
        return NULL;
    }
    err_t *e = claim_check(call, now);
    call->refused = e != NULL;
    call->replan = e != NULL && err_is(e, ERR_SYNC_REPLAN);
    return e;
}

/* The plan in short, and by the hash of its text, which stands in the operation. */
static json_t *claim_plan(struct step_call *call, const json_t *point)
{
    const char *id = json_str(point, "id");
    bool in_place = json_bool(call->plan, "in_place", false);
    json_t *plan = json_object();
    g_autofree char *text = json_print(call->plan);
    char hash[HASH_HEX_SIZE];

    hash_strings(hash, "plan", text, NULL);
    json_set_str(plan, "hash", hash);
    json_set_str(plan, "position", json_str(call->plan, "position"));
    json_set_int(plan, "epoch", json_int(call->plan, "epoch", 0));
    json_set_str(plan, "from",
                 in_place                         ? "in place"
                 : g_strcmp0(id, "none") == 0     ? "nothing"
                 : g_strcmp0(id, POINT_KEPT) == 0 ? "kept"
                                                  : "point");
    json_set_int(plan, "members", (int64_t)json_array_size(json_arr(call->plan, "members")));
    json_set_int(plan, "volumes", (int64_t)json_array_size(json_arr(call->plan, "volumes")));
    return plan;
}

static err_t *claim_fence(struct step_call *call, json_t *claim)
{
    g_autoptr(json_t) fence = NULL;

    if (json_bool(call->plan, "in_place", false) || is_handover(call))
        return NULL;
    TRY(step_result_of(call, "source.fence", "", &fence));
    json_set_str(claim, "fence",
                 json_bool(fence, "fenced", false) ? "done" : "impossible with this driver");
    return NULL;
}

/* The claim's record: what a person must be able to read years later. */
static json_t *claim_record(struct step_call *call, const json_t *point, const json_t *probe)
{
    json_t *claim = json_object();
    g_autofree char *at = time_format(call->now_ms);

    json_set_str(claim, "operation", call->op->id);
    json_set_bool(claim, "forced", !is_handover(call));
    json_set_str(claim, "reason", json_str_or(call->op->params, "reason", ""));
    json_set_str(claim, "who", call->op->user_id);
    json_set_str(claim, "at", at);
    json_set(claim, "evidence", json_deep_copy(probe));
    json_set(claim, "plan", claim_plan(call, point));
    json_set(claim, "client_probe", json_deep_copy(json_obj(call->op->params, "client_probe")));
    if (g_strcmp0(json_str(point, "id"), POINT_KEPT) == 0) {
        json_t *p = json_object();
        json_set_bool(p, "kept", true);
        json_set_str(p, "since", json_str(call->plan, "kept_since"));
        json_set(claim, "point", p);
        json_set(claim, "left_out", json_deep_copy(json_obj(point, "left_out")));
    } else if (json_str(point, "id") != NULL) {
        g_autofree char *time = time_format(json_int(point, "time_ms", 0));
        json_t *p = json_object();
        json_set_str(p, "id", json_str(point, "id"));
        json_set_str(p, "at", time);
        json_set(claim, "point", p);
        json_set(claim, "left_out", json_deep_copy(json_obj(point, "left_out")));
    }
    return claim;
}

/* A claim in place takes no data: of which point they are stays said. */
static void data_from_set(json_t *claim, const json_t *before)
{
    const json_t *from =
        json_obj(before, json_obj(before, "point") != NULL ? "point" : "data_from");

    if (from != NULL)
        json_set(claim, "data_from", json_deep_copy(from));
}

static err_t *claim_draft(struct step_call *call, const struct group_now *now, const json_t *point,
                          json_t *draft)
{
    g_autoptr(json_t) probe = NULL;
    bool in_place = json_bool(call->plan, "in_place", false);
    int64_t lineage = in_place ? -1 : json_int(call->plan, "epoch", 0);
    const char *member;
    json_t *why;

    TRY(step_result_of(call, "peer.probe", "", &probe));
    if (in_place) /* no servers to boot: what was under way is over */
        body_transition_clear(draft);
    else
        body_transition_set(draft, call->op->id, now->self);
    json_object_foreach(json_obj(point, "left_out"), member, why)
        TRY(body_member_status(draft, member, "unrecovered", json_string_value(why)));
    json_t *claim = claim_record(call, point, probe);
    if (in_place)
        data_from_set(claim, body_claim(now->body));
    body_claim_set(draft, claim, lineage);
    body_touch(draft, call->now_ms);
    return claim_fence(call, claim);
}

static err_t *claim_body(struct step_call *call, const struct group_now *now, const json_t *point,
                         struct body **ret)
{
    json_t *draft = sync_draft(&now->state);
    err_t *e = claim_draft(call, now, point, draft);

    if (e == NULL)
        return body_seal(draft, ret);
    json_decref(draft);
    return e;
}

/*
 * The claim's transaction was refused.  Unless its outcome is unknown, what stands now tells
 * whether the site has claimed.
 */
static err_t *claim_refused(struct step_call *call, err_t *why)
{
    AUTO(group_now) now = NULL;
    enum err_class class = err_class(why);

    if (class == ERR_CLASS_AMBIGUOUS || class == ERR_CLASS_FENCED)
        return why;
    err_t *e = group_now_load(call, &now);
    call->refused = e == NULL && !claimed_by(call, now);
    call->replan = call->refused && err_is(why, ERR_SYNC_REPLAN);
    err_free(e);
    return why;
}

err_t *claim_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) point = NULL;
    struct safety_evidence evidence;
    struct sync_force force;
    struct fence fence = {call->op->id, call->op->generation, call->owner};

    TRY(group_now_load(call, &now));
    TRY(point_of(call, &point));
    TRY(evidence_read(call, now, point, &evidence));
    claim_force(call, &evidence, &force);
    TRY(claim_body(call, now, point, &force.body));
    struct exchange_claim claim = {force.plan, &evidence, force.body};
    err_t *e = is_handover(call)
                   ? exchange_claim(exchange_of(call), call->db, &fence, call->op->pg_id, &claim)
                   : exchange_force(exchange_of(call), call->db, &fence, call->op->pg_id, &force);
    if (e != NULL)
        return claim_refused(call, e);
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms;
    return NULL;
}

/* ---- the outcome ---- */

/* The fact and the mark that it was made are one transaction (exchange_finish). */
err_t *finish_probe(struct step_call *call, enum step_answer *ret)
{
    AUTO(operation) op = NULL;

    TRY(operation_get(call->db, call->op->id, NULL, &op));
    const json_t *marked = json_object_get(op->result, EXCHANGE_FINISHED);
    *ret = marked != NULL ? STEP_DONE : STEP_ABSENT;
    if (marked != NULL)
        json_set(call->result, "recovered",
                 json_deep_copy(json_obj(op->result, EXCHANGE_FINISHED)));
    return NULL;
}

/* Whether the member's server runs here as it should; else why not, which the caller frees. */
static err_t *member_outcome(struct step_call *call, const char *id, bool *ret_done, char **ret_why,
                             json_t **ret_server)
{
    static const char *const steps[] = {"kept.release", "port.create", "server.boot"};

    *ret_why = NULL;
    *ret_server = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(steps) && *ret_why == NULL; i++) {
        json_decref(*ret_server);
        TRY(step_outcome_of(call, steps[i], id, ret_done, ret_why, ret_server));
    }
    return NULL;
}

/* What one member became here, into the draft: its server and volumes, or why it is not running. */
static err_t *finish_member(struct step_call *call, const char *self, const json_t *member,
                            json_t *draft, json_t *recovered)
{
    g_autoptr(json_t) server = NULL;
    g_autofree char *why = NULL;
    const char *id = json_str_or(member, "id", "");
    bool done = false;
    size_t i;
    json_t *volume;

    TRY(member_outcome(call, id, &done, &why, &server));
    const char *server_id = json_str(server, "server_id");
    done = done && server_id != NULL;
    json_set_bool(recovered, id, done);
    if (!done)
        return body_member_status(draft, id, "unrecovered",
                                  why != NULL ? why : "its server was not started at this site");
    TRY(body_member_status(draft, id, "protected", NULL));
    TRY(body_local_set(draft, self, "servers", id, json_string(server_id)));
    json_array_foreach(json_arr(call->plan, "volumes"), i, volume)
    {
        g_autoptr(json_t) made = NULL;
        const char *volume_id = json_str_or(volume, "id", "");
        if (g_strcmp0(json_str(volume, "member"), id) != 0)
            continue;
        TRY(step_result_of(call, "volume.manage", volume_id, &made));
        if (json_str(made, "volume_id") != NULL)
            TRY(body_local_set(draft, self, "volumes", volume_id,
                               json_string(json_str(made, "volume_id"))));
    }
    return NULL;
}

static err_t *finish_draft(struct step_call *call, const struct group_now *now, json_t *draft)
{
    json_t *recovered = json_object();
    size_t i;
    json_t *member;

    json_set(call->result, "recovered", recovered);
    json_array_foreach(json_arr(call->plan, "members"), i, member)
    {
        bool left = body_member(draft, json_str_or(member, "id", "")) == NULL; /* removed since */
        if (!left)
            TRY(finish_member(call, now->self, member, draft, recovered));
    }
    body_transition_clear(draft);
    if (!json_bool(call->op->params, "reverse_replication", true))
        body_replication_set(draft, false);
    body_failover_done(draft, call->now_ms);
    body_touch(draft, call->now_ms);
    return NULL;
}

/*
 * While a change is staged, or the two sites have diverged, the outcome stays here, in the journal:
 * it becomes a fact as soon as that is decided.
 */
static err_t *finish_later(struct step_call *call, err_t *e, enum step_answer *ret)
{
    if (e != NULL && !err_is(e, ERR_SYNC_STAGED))
        return e;
    bool later = e != NULL;
    err_free(e);
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + (later ? FINISH_LATER_MS : 0);
    return NULL;
}

err_t *finish_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    struct body *body = NULL;
    struct fence fence = {call->op->id, call->op->generation, call->owner};

    TRY(group_now_load(call, &now));
    json_t *draft = sync_draft(&now->state);
    err_t *e = finish_draft(call, now, draft);
    if (e != NULL) {
        json_decref(draft);
        return e;
    }
    TRY(body_seal(draft, &body));
    struct exchange_finish what = {body, json_obj(call->result, "recovered")};
    e = exchange_finish(exchange_of(call), call->db, &fence, call->op->pg_id, &what);
    return finish_later(call, e, ret);
}

/* ---- the report ---- */

/* Another operation that would make this site active: a failover that has preempted a handover. */
static err_t *others_claim(struct step_call *call, bool *ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = false;
    TRY(operation_list_open(call->db, call->op->pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        *ret = *ret || (exchange_preclaim(op) && !g_str_equal(op->id, call->op->id));
    }
    return NULL;
}

/*
 * Ended before its claim: if this site serves a handover that nobody is going to claim any more,
 * its source is told, and takes its group back.  What could not be started again there from here,
 * its own engine starts then.
 */
static err_t *handover_over(struct step_call *call)
{
    AUTO(group_now) now = NULL;
    bool others = false;

    TRY(group_now_load(call, &now));
    TRY(others_claim(call, &others));
    if (*now->state.serving == '\0' || others)
        return NULL;
    return exchange_abort(exchange_of(call), call->db, call->op->pg_id, now->state.serving);
}

/* Since when nothing ran at the source: the group's downtime began there. */
static err_t *downtime_note(struct step_call *call)
{
    int64_t began_ms = call->now_ms;
    size_t i;
    json_t *member;

    json_array_foreach(json_arr(call->plan, "members"), i, member)
    {
        g_autoptr(json_t) stopped = NULL;
        TRY(step_result_of(call, "source.stop", json_str_or(member, "id", ""), &stopped));
        began_ms = MIN(began_ms, json_int(stopped, "seen_at_ms", began_ms));
    }
    json_set_int(call->result, "downtime_s", (call->now_ms - began_ms) / 1000);
    json_set_bool(call->result, "zero_loss", true); /* the claim was refused otherwise */
    return NULL;
}

/* Nothing was moved, and what is missing is said. */
static err_t *kept_told(struct step_call *call)
{
    g_autofree char *text = g_strdup_printf(
        "the volumes are those that this site had kept: what the other site wrote since %s is "
        "missing",
        json_str_or(call->plan, "kept_since", "it became active"));

    json_set_str(call->result, "data", text);
    return NULL;
}

/* What was recovered, from when, and how long it took: the operation's result. */
err_t *failover_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) point = NULL;
    g_autoptr(json_t) finish = NULL;
    const struct protector_driver *driver = world_options_of(call->world)->driver;
    int64_t point_ms = 0, began_ms = call->op->created_at_ms;

    if (!call->op->past_pivot && !g_str_equal(status, "completed"))
        return handover_over(call);
    TRY(point_of(call, &point));
    TRY(step_result_of(call, "group.finish", "", &finish));
    point_ms = json_int(point, "time_ms", 0);
    if (point_ms > 0) {
        g_autofree char *at = time_format(point_ms);
        json_set(call->result, "point",
                 json_pack("{s:s, s:s}", "id", json_str_or(point, "id", ""), "at", at));
        json_set_int(call->result, "rpo_s", MAX(began_ms - point_ms, 0) / 1000);
    }
    json_set_int(call->result, "rto_s", MAX(call->now_ms - began_ms, 0) / 1000);
    predicted_keep(call);
    json_set_int(call->result, "epoch", json_int(call->plan, "epoch", 0));
    json_set(call->result, "recovered", json_deep_copy(json_obj(finish, "recovered")));
    json_set(call->result, "left_out", json_deep_copy(json_obj(point, "left_out")));
    if (is_handover(call))
        TRY(downtime_note(call));
    if (g_strcmp0(json_str(point, "id"), POINT_KEPT) == 0)
        return kept_told(call);
    bool moved = driver != NULL && (driver->can & PROTECTOR_MAKES_IN_CINDER) == 0;
    json_set_str(call->result, "data",
                 moved ? "the volumes hold the data of the recovery point"
                       : "no data was moved: this storage driver makes boot volumes from images "
                         "and empty data volumes");
    return NULL;
}
