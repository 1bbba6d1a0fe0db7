/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - what a failover, failback or drill would make at this site, and whether it would succeed:
 * this site's engine looks, nothing is changed.  Asked at the site where the servers would start.
 */
#include "api/change.h"
#include "api/resources.h"

#define LOOKS_MAX 2 /* of a group at once: each takes a thread of the engine for some seconds */

static const char *const operations[] = {"failover", "failback", "test_failover", NULL};

static const struct field plan_fields[] = {
    {"operation", FIELD_TEXT, true, 1, 32, NULL},
    {"planned", FIELD_BOOL, false, 0, 0, NULL},
    {"from", FIELD_TEXT, false, 1, 16, NULL},
    {"on_conflict", FIELD_TEXT, false, 1, 16, NULL},
    {"network_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"flavor_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"image_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"floating_ip_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"availability_zone_mapping", FIELD_MAP, false, 0, 255, NULL},
    {0},
};
const struct body_spec groups_plan_bodies[] = {
    {"plan", plan_fields, false, "{\"operation\": \"failover\", \"planned\": true}"},
    {0},
};

static err_t *plan_input_check(const json_t *in)
{
    const char *operation = json_str_or(in, "operation", "");
    const char *from = json_str_or(in, "from", "point");
    bool kept = g_str_equal(from, "kept");

    if (!g_strv_contains(operations, operation))
        return err(BAD_REQUEST, "'operation' is failover, failback or test_failover, not '%s'",
                   operation);
    if (json_bool(in, "planned", false) && !g_str_equal(operation, "failover"))
        return err(BAD_REQUEST, "'planned' is said of a failover alone");
    if (!kept && !g_str_equal(from, "point"))
        return err(BAD_REQUEST, "'from' is point or kept, not '%s'", from);
    if (kept && (!g_str_equal(operation, "failover") || json_bool(in, "planned", false)))
        return err(BAD_REQUEST, "an unplanned failover alone takes what is kept");
    return groups_conflict_check(in);
}

/* Servers start at the other site than the one where the group runs. */
static err_t *plan_place_check(const struct request *r, const struct group_row *g)
{
    const char *self = r->o->exchange->identity->site_id;

    if (g_strcmp0(g->current_primary_site_id, self) != 0)
        return NULL;
    return err_detail(err_remedy(err(GROUP_ALREADY_ACTIVE,
                                     "group '%s' is active at this site: a plan is made where its "
                                     "servers would start",
                                     g->name),
                                 "ask the other site"),
                      "active_site", self);
}

/* Towards the site where the group is at home a planned failover is a failback. */
static struct operation *look_new(struct request *r, const struct group_row *g)
{
    const char *operation = json_str_or(r->in, "operation", "");
    bool planned = json_bool(r->in, "planned", false) || g_str_equal(operation, "failback");
    bool home = g_strcmp0(g->primary_site_id, r->o->exchange->identity->site_id) == 0;
    struct operation *op = change_operation(r, g, "plan_look");

    op->planned = planned;
    op->params = groups_failover_params(r->in);
    json_set_str(op->params, "operation", planned && home ? "failback" : operation);
    return op;
}

/* One that looks ahead to the very same is followed; of others few run at once. */
static err_t *look_open(struct request *r, const struct group_row *g, const struct operation *op,
                        char **ret)
{
    g_autoptr(GPtrArray) open = NULL;
    int looks = 0;

    *ret = NULL;
    TRY(operation_list_open(r->db, g->id, &open));
    for (guint i = 0; i < open->len && *ret == NULL; i++) {
        const struct operation *other = g_ptr_array_index(open, i);
        if (!g_str_equal(other->operation_type, op->operation_type))
            continue;
        looks++;
        if (other->planned == op->planned && json_equal(other->params, op->params))
            *ret = g_strdup(other->id);
    }
    if (*ret == NULL && looks >= LOOKS_MAX)
        return err_remedy(err(OPERATION_IN_PROGRESS, "%d looks at group '%s' run already", looks,
                              g->name),
                          "wait until they have ended");
    return NULL;
}

err_t *groups_plan(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *open = NULL;

    TRY(request_allowed(r, "protector:protection_groups:show", r->project));
    TRY(plan_input_check(r->in));
    TRY(change_group(r, &g));
    TRY(plan_place_check(r, g));
    AUTO(operation) op = look_new(r, g);
    TRY(look_open(r, g, op, &open));
    if (open != NULL)
        return reply_operation(r, open, NULL);
    TRY(operation_insert(r->db, op));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}
