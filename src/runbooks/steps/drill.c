/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drill - a rehearsal of a failover: clones of a recovery point, in networks that nothing reaches,
 * beside a production that is not touched.  Everything bears the drill's own keys, stays open in
 * the ledger until it is cleaned up, and is taken away by the same functions that unwind it.
 *
 * The cleanup is an operation of its own: its plan is the drill's plan, so that subjects and keys
 * are the drill's.  It may be repeated; what is gone already is no error.
 */
#include "cloud/neutron.h"
#include "cloud/nova.h"
#include "model/safety.h"
#include "plan/checks.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"
#include "store/operation.h"
#include "store/resource.h"

static err_t *tenant(struct step_call *call, struct cloud *ret)
{
    return world_tenant(call, json_str_or(call->plan, "project_id", ""), ret);
}

/* ---- isolated networks ---- */

static void network_made(struct step_call *call, const json_t *network, struct made *ret,
                         char **ret_name)
{
    made_init(call, "network", "neutron", json_str_or(network, "id", ""), NULL, NULL, ret);
    *ret_name = key_name("network", ret->key);
    ret->name = *ret_name;
}

static err_t *networks_named(const struct cloud *c, const char *name, json_t **ret)
{
    struct neutron_filter named = {"name", (const char *const[]){name, NULL}};

    return neutron_network_list(c, &named, ret);
}

/*
 * The network of this name, NULL if there is none.  A create may have been answered twice: the
 * first is kept, nothing is in the others yet.
 */
static err_t *network_swept(struct step_call *call, const struct cloud *c, const char *name,
                            json_t **ret)
{
    g_autoptr(json_t) there = NULL;

    TRY(networks_named(c, name, &there));
    for (size_t i = 1; i < json_array_size(there); i++) {
        const char *id = json_str_or(json_array_get(there, i), "id", "");
        swept_note(call, id);
        TRY(neutron_network_delete(c, id));
    }
    *ret = json_incref(json_array_get(there, 0));
    return NULL;
}

static err_t *network_make(struct step_call *call, const struct cloud *c, const json_t *network,
                           json_t **ret)
{
    g_autofree char *name = NULL;
    struct made made;

    network_made(call, network, &made, &name);
    TRY(network_swept(call, c, name, ret));
    if (*ret == NULL) {
        g_autofree char *text = made_text(call, &made);
        g_autoptr(json_t) created = NULL;
        TRY(ledger_intend(call, &made));
        TRY(neutron_network_create(c, name, text, &created));
        TRY(network_swept(call, c, name, ret));
    }
    if (*ret == NULL)
        return err(CLOUD_PARTIAL, "%s: the list of networks lacks '%s', which was just made",
                   cloud_name(c), name);
    return ledger_made(call, &made, json_str(*ret, "id"));
}

/* Of a network's subnets the one of this range; made if there is none. */
static err_t *subnet_make(struct step_call *call, const struct cloud *c, const char *network_id,
                          const json_t *subnet, json_t **ret)
{
    const char *cidr = json_str_or(subnet, "cidr", "");
    g_autofree char *subject = g_strdup_printf("%s/%s", network_id, cidr);
    g_autoptr(json_t) there = NULL;
    struct neutron_filter in = {"network_id", (const char *const[]){network_id, NULL}};
    struct made made;

    made_init(call, "subnet", "neutron", subject, cidr, NULL, &made);
    TRY(neutron_subnet_list(c, &in, &there));
    *ret = json_incref(cloud_find(there, "cidr", cidr));
    if (*ret == NULL) {
        g_autofree char *name = key_name("subnet", made.key);
        g_autofree char *text = made_text(call, &made);
        struct neutron_new_subnet wanted = {name, text, network_id, cidr, json_obj(subnet, "pool")};
        TRY(ledger_intend(call, &made));
        TRY(neutron_subnet_create(c, &wanted, ret));
    }
    return ledger_made(call, &made, json_str(*ret, "id"));
}

static err_t *isolated_make(struct step_call *call, const struct cloud *c, const json_t *network,
                            json_t *ids)
{
    g_autoptr(json_t) made = NULL;
    json_t *subnets = json_object();
    json_t *row = json_object();
    size_t i;
    json_t *subnet;

    json_set(ids, json_str_or(network, "id", ""), row);
    json_set(row, "subnets", subnets);
    TRY(network_make(call, c, network, &made));
    json_set_str(row, "network_id", json_str(made, "id"));
    json_array_foreach(json_arr(network, "subnets"), i, subnet)
    {
        g_autoptr(json_t) there = NULL;
        TRY(subnet_make(call, c, json_str_or(made, "id", ""), subnet, &there));
        json_set_str(subnets, json_str_or(subnet, "cidr", ""), json_str(there, "id"));
    }
    return NULL;
}

err_t *networks_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    json_t *ids = json_object();
    size_t i;
    json_t *network;

    json_set(call->result, "ids", ids);
    *ret = STEP_DONE;
    TRY(tenant(call, &c));
    json_array_foreach(json_arr(call->plan, "networks"), i, network)
        TRY(isolated_make(call, &c, network, ids));
    return NULL;
}

static err_t *network_take_away(struct step_call *call, const struct cloud *c,
                                const json_t *network, enum step_answer *ret)
{
    g_autofree char *name = NULL;
    g_autoptr(json_t) there = NULL;
    struct made made;
    size_t i;
    json_t *row;

    network_made(call, network, &made, &name);
    TRY(networks_named(c, name, &there));
    json_array_foreach(there, i, row)
    {
        err_t *e = neutron_network_delete(c, json_str_or(row, "id", ""));
        if (e != NULL && !err_is(e, ERR_CLOUD_CONFLICT))
            return e;
        err_free(e); /* a port is still in it */
        *ret = STEP_WAIT;
    }
    if (json_array_size(there) > 0)
        return NULL;
    return ledger_gone(call, &made);
}

/* The subnets go with their networks; their rows are closed when those are gone. */
static err_t *subnets_gone(struct step_call *call)
{
    g_autoptr(GPtrArray) rows = NULL;

    TRY(resource_list_group(call->db, call->op->pg_id, NULL, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct resource *r = g_ptr_array_index(rows, i);
        struct made made;
        made_init(call, r->kind, r->service, r->subject, r->name, r->point_id, &made);
        if (g_str_equal(r->kind, "subnet") && g_str_equal(made.key, r->resource_key) &&
            !g_str_equal(r->state, resource_state_text(RESOURCE_GONE)))
            TRY(ledger_gone(call, &made));
    }
    return NULL;
}

err_t *networks_undo(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    size_t i;
    json_t *network;

    *ret = STEP_DONE;
    TRY(tenant(call, &c));
    json_array_foreach(json_arr(call->plan, "networks"), i, network)
        TRY(network_take_away(call, &c, network, ret));
    return *ret == STEP_DONE ? subnets_gone(call) : NULL;
}

/* ---- the plan, the checks, the outcome ---- */

err_t *drill_plan(struct step_call *call, json_t **ret)
{
    AUTO(group_now) now = NULL;
    size_t i;
    json_t *member;

    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_BOOT, SAFETY_DRILL));
    TRY(drill_target_plan(call, now, ret));
    const json_t *checks = json_obj(call->op->params, "checks");
    json_array_foreach(json_arr(*ret, "members"), i, member)
        json_set(member, "checks",
                 plan_checks_of(checks, body_member(now->body, json_str_or(member, "id", ""))));
    return NULL;
}

/* The group has ended here, or this site is about to be active: it ends, and takes back all. */
err_t *drill_expired(struct step_call *call, err_t **ret_why)
{
    AUTO(group_now) now = NULL;

    TRY(group_now_load(call, &now));
    err_t *e = sync_leaving(&now->state) ? err(GROUP_DELETING, "the group ends at this site")
                                         : safety_act(&now->state, SAFETY_BOOT, SAFETY_DRILL);
    if (e != NULL)
        *ret_why = err_recode(OPERATION_ENDED, e, "this site may not go on with the drill");
    return NULL;
}

static err_t *members_checked(struct step_call *call, json_t *out)
{
    size_t i;
    json_t *member;

    json_array_foreach(json_arr(call->plan, "members"), i, member)
    {
        g_autoptr(json_t) result = NULL;
        json_t *row = json_object();
        const char *id = json_str_or(member, "id", "");
        TRY(step_result_of(call, "drill.check", id, &result));
        json_set_str(row, "member", id);
        json_set_str(row, "name", json_str(member, "name"));
        json_set(row, "checks", json_deep_copy(json_arr(result, "checks")));
        json_array_append_new(out, row);
    }
    return NULL;
}

/* Cleaned up by an operation of its own, at once, as the user asked. */
static err_t *cleanup_begin(struct step_call *call)
{
    g_autofree char *id = env_id(call->env, "op-");
    AUTO(operation) op = operation_cleanup_of(call->op, id, call->now_ms);

    json_set_str(call->result, "cleanup", id);
    return operation_insert(call->db, op);
}

err_t *drill_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) point = NULL;
    int64_t began_ms = call->op->created_at_ms;

    if (call->plan == NULL)
        return NULL;
    json_t *members = json_array();
    json_set(call->result, "members", members);
    TRY(members_checked(call, members));
    TRY(point_of(call, &point));
    int64_t point_ms = json_int(point, "time_ms", 0);
    if (point_ms > 0) {
        g_autofree char *at = time_format(point_ms);
        json_set(call->result, "point",
                 json_pack("{s:s, s:s}", "id", json_str_or(point, "id", ""), "at", at));
        json_set_int(call->result, "rpo_s", MAX(began_ms - point_ms, 0) / 1000);
    }
    json_set_int(call->result, "rto_s", MAX(call->now_ms - began_ms, 0) / 1000);
    predicted_keep(call);
    json_set(call->result, "left_out", json_deep_copy(json_obj(point, "left_out")));
    bool well = drill_checks_sum(call, members, call->result);
    bool kept = !well && json_bool(call->op->params, "keep", false);
    bool cleaned = json_bool(call->op->params, "auto_cleanup", false) && !kept;
    return cleaned && g_str_equal(status, "completed") ? cleanup_begin(call) : NULL;
}

/* ---- the cleanup ---- */

/* What the drill planned, and of which point: under its keys everything of it is found. */
err_t *cleanup_plan(struct step_call *call, json_t **ret)
{
    const char *id = json_str_or(call->op->params, "drill", "");
    const struct protector_driver *driver = world_options_of(call->world)->driver;
    AUTO(operation) drill = NULL;
    g_autoptr(json_t) point = NULL;
    g_autoptr(json_t) keypairs = NULL;

    TRY(operation_find(call->db, id, &drill));
    if (drill == NULL || drill->plan == NULL)
        return err(OPERATION_NOT_FOUND, "nothing is known any more of what drill '%s' made", id);
    if (drill->is_open) { /* it ends, or unwinds by itself, first */
        call->wake_at_ms = call->now_ms + 1000;
        return NULL;
    }
    struct step_call of = *call;
    of.op = drill;
    TRY(step_result_of(&of, "point.choose", "", &point));
    TRY(step_result_of(&of, "compute.keypairs", "", &keypairs));
    *ret = json_deep_copy(drill->plan);
    if (json_str(keypairs, "user_id") != NULL)
        json_set_str(*ret, KEYPAIRS_USER, json_str(keypairs, "user_id"));
    json_set(*ret, "point", json_deep_copy(point));
    json_set_str(*ret, "copies",
                 driver != NULL && (driver->can & PROTECTOR_MAKES_IN_CINDER) ? "create" : "manage");
    return NULL;
}
