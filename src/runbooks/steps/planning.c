/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planning - what an operation would make at this site, from its cloud as it is now: the plan of a
 * failover, a handover's target, a drill, a reclaim.  Reads only.
 *
 * Neighbours: plan/ decides, pure; claim.c makes this site active by such a plan.
 */
#include "cloud/glance.h"
#include "cloud/neutron.h"
#include "cloud/nova.h"
#include "plan/failover.h"
#include "runbooks/group.h"
#include "runbooks/steps/foresight.h"
#include "runbooks/steps/steps.h"
#include "store/operation.h"

/*
 * Another one that unwinds was told to leave what it made to this one (exchange_begin_force), under
 * the same keys, or to delete nothing more of what was kept: it has ended before this one looks, so
 * that no call of it is still under way.
 */
static err_t *earlier_ended(struct step_call *call, bool *ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = true;
    TRY(operation_list_open(call->db, call->op->pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        bool leaves =
            g_strcmp0(json_str(op->result, OPERATION_UNWIND), OPERATION_UNWIND_LEAVE) == 0;
        bool deletes = g_str_equal(op->operation_type, "cleanup_source");
        *ret = *ret && ((!leaves && !deletes) || g_str_equal(op->id, call->op->id));
    }
    return NULL;
}

/* What is the whole site's: every port, every zone. */
static err_t *site_lists_read(struct step_call *call, const char *of, json_t **ret)
{
    struct cloud tenant, service;
    g_autoptr(json_t) lists = json_object();
    json_t *list = NULL;

    TRY(world_tenant(call, of, &tenant));
    TRY(world_service(call, &service));
    TRY(neutron_port_list(&service, NULL, &list));
    json_set(lists, "ports", list);
    TRY(nova_zone_list(&tenant, &list));
    json_set(lists, "zones", list);
    *ret = TAKE(lists);
    return NULL;
}

/* What every plan of a project looks into. */
static err_t *project_lists_read(struct step_call *call, const char *project, json_t **ret)
{
    struct neutron_filter mine = {"project_id", (const char *const[]){project, NULL}};
    struct cloud tenant, service;
    g_autoptr(json_t) lists = json_object();
    json_t *list = NULL;

    TRY(world_tenant(call, project, &tenant));
    TRY(world_service(call, &service));
    json_set_str(lists, "project_id", project);
    TRY(nova_flavor_list(&tenant, false, &list));
    json_set(lists, "flavors", list);
    TRY(neutron_network_list(&tenant, NULL, &list));
    json_set(lists, "networks", list);
    TRY(neutron_subnet_list(&tenant, NULL, &list));
    json_set(lists, "subnets", list);
    TRY(neutron_security_group_list(&tenant, &mine, &list));
    json_set(lists, "security_groups", list);
    TRY(glance_image_list(&tenant, NULL, &list));
    json_set(lists, "images", list);
    TRY(neutron_floating_ip_list(&tenant, &mine, &list));
    json_set(lists, "floating_ips", list);
    TRY(nova_server_list(&service, project, NULL, &list));
    json_set(lists, "servers", list);
    *ret = TAKE(lists);
    return NULL;
}

#define LISTS_FAILED "failed" /* in the place of lists: why they were not read */

/* Read once in a round; what failed is not waited for again with each other group. */
static err_t *lists_once(struct step_call *call, const char *key, const char *project,
                         err_t *(*read)(struct step_call *call, const char *project, json_t **ret),
                         GHashTable *before, json_t **ret)
{
    json_t *known = foresight_before(before, key);
    const char *failed = json_str(known, LISTS_FAILED);

    if (failed != NULL)
        return err(UNAVAILABLE, "%s", failed);
    *ret = json_incref(known);
    if (known != NULL)
        return NULL;
    err_t *e = read(call, project, ret);
    g_autofree char *text = e != NULL ? err_text(e) : NULL;
    g_autoptr(json_t) kept = e != NULL ? json_pack("{s:s}", LISTS_FAILED, text) : json_incref(*ret);
    foresight_keep(before, key, kept);
    return e;
}

/* What the plan of a group looks into. */
static err_t *inventory_read(struct step_call *call, const struct group_now *now,
                             GHashTable *before, json_t **ret)
{
    const char *project = group_project(now->body, now->self);
    g_autofree char *key = g_strdup_printf("lists %s", project);
    g_autoptr(json_t) lists = NULL;
    g_autoptr(json_t) site = NULL;

    TRY(lists_once(call, key, project, project_lists_read, before, &lists));
    TRY(lists_once(call, "lists of the site", project, site_lists_read, before, &site));
    g_autoptr(json_t) inventory = json_copy(lists);
    json_object_update(inventory, site);
    TRY(kept_read(call, now, inventory));
    *ret = TAKE(inventory);
    return NULL;
}

/* What claim and keys need to know later, beside what will be made. */
static void plan_frame(struct step_call *call, const struct group_now *now, json_t *plan)
{
    struct sync_plan made_from;

    sync_plan_init(&now->state, &made_from);
    json_set_str(plan, "group_id", call->op->pg_id);
    json_set_str(plan, "project_id", group_project(now->body, now->self));
    json_set_str(plan, "volume_type", body_volume_type(now->body, now->self));
    json_set_str(plan, "position", made_from.position);
    json_set_int(plan, "epoch", made_from.epoch);
    if (body_verifies(now->body)) /* false: the command has said so */
        json_set_bool(plan, PLAN_VERIFY, json_bool(call->op->params, "verify_data", true));
}

static bool from_kept(const struct step_call *call)
{
    return g_strcmp0(json_str(call->op->params, "from"), "kept") == 0;
}

/* Since when the other site's writes are missing in what was kept here: it took over then. */
static const char *kept_since(const struct group_now *now)
{
    const json_t *claim = body_claim(now->body);
    const json_t *point = json_obj(claim, json_obj(claim, "point") != NULL ? "point" : "data_from");

    return json_str_or(point, "at", json_str(claim, "at"));
}

const char *planning_type(const struct operation *op)
{
    return json_str_or(op->params, "operation", op->operation_type);
}

enum ready_kind planning_kind(const struct operation *op)
{
    const char *type = planning_type(op);

    if (g_str_equal(type, "test_failover"))
        return READY_DRILL;
    return op->planned || g_str_equal(type, "failback") ? READY_HANDOVER : READY_UNPLANNED;
}

err_t *planning_look(struct step_call *call, const struct group_now *now, GHashTable *before,
                     struct planned **ret)
{
    const struct protector_driver *driver = world_options_of(call->world)->driver;
    AUTO(planned) p = g_new0(struct planned, 1);

    p->kind = planning_kind(call->op);
    if (now->body == NULL)
        return err(GROUP_STATE, "group '%s' was lost at this site: nothing is known of its members",
                   call->op->pg_id);
    if (driver == NULL)
        return err(DRIVER_ABSENT, "%s", world_options_of(call->world)->driver_problem);
    TRY(inventory_read(call, now, before, &p->inventory));
    struct plan_failover_input input = {
        .body = now->body,
        .source = now->peer,
        .target = now->self,
        .call_mappings = json_obj(call->op->params, "mappings"),
        .inventory = p->inventory,
        .makes_in_cinder = (driver->can & PROTECTOR_MAKES_IN_CINDER) != 0,
        .planned = p->kind == READY_HANDOVER,
        .drill = p->kind == READY_DRILL,
        .from_kept = from_kept(call),
        .replace = g_strcmp0(json_str(call->op->params, "on_conflict"), PLAN_REPLACE) == 0,
    };
    TRY(plan_failover(&input, &p->plan));
    *ret = TAKE(p);
    return NULL;
}

void planned_destroy(struct planned *p)
{
    if (p == NULL)
        return;
    json_decref(p->inventory);
    json_decref(p->plan);
    g_free(p);
}

/*
 * What will be made at this site, and why it cannot be.  What waits for nobody is refused before
 * anything is made if it would not succeed; an unplanned failover does what it can.  One that is
 * planned anew counts what it has made itself, and is not judged again.
 */
static err_t *planned_check(struct step_call *call, const struct group_now *now,
                            const struct planned *p, json_t *seen)
{
    TRY(plan_problems(p->plan));
    TRY(plan_agreed(p->plan, json_str(call->op->params, "plan")));
    return p->kind == READY_UNPLANNED || call->op->plan != NULL
               ? NULL
               : foresight_required(call, now, p, seen);
}

static err_t *target_plan(struct step_call *call, const struct group_now *now, json_t **ret)
{
    AUTO(planned) p = NULL;
    g_autoptr(json_t) seen = json_object();
    json_t *predicted = NULL;

    TRY(planning_look(call, now, NULL, &p));
    TRY(planned_check(call, now, p, seen));
    TRY(foresight_predict(call, p, seen, &predicted));
    json_set(p->plan, PLAN_PREDICTED, predicted);
    kept_lost(call, now, p->inventory, p->plan);
    if (from_kept(call))
        json_set_str(p->plan, "kept_since", kept_since(now));
    plan_frame(call, now, p->plan);
    *ret = json_incref(p->plan);
    return NULL;
}

err_t *drill_target_plan(struct step_call *call, const struct group_now *now, json_t **ret)
{
    TRY(target_plan(call, now, ret));
    json_set_str(*ret, "drill_op", call->op->id);
    json_set_int(*ret, "epoch", sync_epoch(&now->state)); /* nothing is claimed */
    return NULL;
}

err_t *failover_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    bool alone = false;

    TRY(earlier_ended(call, &alone));
    if (!alone)
        return NULL;
    TRY(group_now_load(call, &now));
    TRY(sync_force_allowed(&now->state));
    return target_plan(call, now, ret);
}

/* Which server of the source each member is there. */
static void plan_sources(const struct group_now *now, json_t *plan)
{
    size_t i;
    json_t *member;

    json_array_foreach(json_arr(plan, "members"), i, member)
        json_set_str(member, "source_server",
                     group_server_at(now->body, now->peer, json_str_or(member, "id", "")));
    json_set_bool(plan, "handover", true);
    json_set_int(plan, "source_epoch", sync_epoch(&now->state));
    json_set_str(plan, "source_project", group_project(now->body, now->peer));
}

/*
 * The handover that this operation serves still stands, and its source's cloud lets us in: without
 * that nothing could be stopped there.
 */
err_t *handover_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    struct cloud peer;

    TRY(group_now_load(call, &now));
    if (g_strcmp0(now->state.serving, json_str(call->op->params, "position")) != 0)
        return err(OPERATION_ENDED, "the handover does not run at this site any more");
    TRY(world_peer(call, now->peer, &peer));
    TRY(target_plan(call, now, ret));
    if (*ret != NULL)
        plan_sources(now, *ret);
    return NULL;
}

err_t *reclaim_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    bool alone = false;

    TRY(earlier_ended(call, &alone));
    if (!alone)
        return NULL;
    TRY(group_now_load(call, &now));
    TRY(sync_force_allowed(&now->state));
    json_t *plan = json_object();
    plan_frame(call, now, plan);
    json_set_bool(plan, "in_place", true);
    json_set_str(plan, "source", now->peer);
    json_set_str(plan, "target", now->self);
    *ret = plan;
    return NULL;
}

/* The same rows under the same keys: of the same epoch, over the same volumes and members. */
bool failover_adopts(const json_t *before, const json_t *after)
{
    size_t i;
    json_t *member;
    json_t *old = json_arr(before, "members"), *new = json_arr(after, "members");

    if (json_int(before, "epoch", -1) != json_int(after, "epoch", -2) ||
        json_array_size(old) != json_array_size(new))
        return false;
    json_array_foreach(old, i, member)
    {
        const json_t *other = json_array_get(new, i);
        if (g_strcmp0(json_str(member, "id"), json_str(other, "id")) != 0 ||
            json_int(member, "wave", 0) != json_int(other, "wave", 0))
            return false;
    }
    bool none = json_arr(before, "volumes") == NULL && json_arr(after, "volumes") == NULL;
    return none || json_equal(json_arr(before, "volumes"), json_arr(after, "volumes"));
}
