/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_group - the server groups (affinity, anti-affinity) in which members are booted.
 *
 * Nova's groups bear no key and their names are not unique.  A group that has members is never
 * used: servers that were kept here are still in theirs, and would keep new ones off their hosts.
 * One of the name and policy without members will do, whoever made it.
 */
#include "cloud/nova.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"
#include "store/resource.h"

static err_t *tenant(struct step_call *call, struct cloud *ret)
{
    return world_tenant(call, json_str_or(call->plan, "project_id", ""), ret);
}

/* A group on its way. */
struct bringing {
    struct step_call *call;
    const struct cloud *c;
    const json_t *list, *row;
    struct made made;
    char *name; /* at Nova: a drill's has a part that no other drill has, and nobody else */
};

static void bringing_init(struct step_call *call, const struct cloud *c, const json_t *list,
                          const json_t *row, struct bringing *ret)
{
    const char *name = json_str_or(row, "name", ""), *drill = json_str(call->plan, "drill_op");

    *ret = (struct bringing){.call = call, .c = c, .list = list, .row = row};
    ret->name = drill != NULL ? g_strdup_printf("%s-%.11s", name, drill) : g_strdup(name);
    made_init(call, "server_group", "nova", name, name, NULL, &ret->made);
}

static bool fits(const struct bringing *b, const json_t *there)
{
    return g_strcmp0(json_str(there, "name"), b->name) == 0 &&
           g_strcmp0(json_str(there, "policy"), json_str(b->row, "policy")) == 0 &&
           json_array_size(json_arr(there, "members")) == 0;
}

static const json_t *group_find_empty(const struct bringing *b)
{
    size_t i;
    json_t *there;

    json_array_foreach((json_t *)b->list, i, there)
    {
        if (fits(b, there))
            return there;
    }
    return NULL;
}

/* The id that the ledger knows of an earlier attempt, if the group still stands. */
static err_t *group_known(const struct bringing *b, char **ret)
{
    AUTO(resource) known = NULL;

    TRY(resource_find(b->call->db, b->made.key, &known));
    const char *id = known != NULL ? known->cloud_id : NULL;
    if (id != NULL && cloud_find(b->list, "id", id) != NULL)
        *ret = g_strdup(id);
    return NULL;
}

static err_t *group_bring(struct bringing *b, char **ret_id)
{
    g_autoptr(json_t) group = NULL;

    TRY(group_known(b, ret_id));
    if (*ret_id != NULL)
        return NULL;
    const json_t *there = group_find_empty(b);
    if (there != NULL) {
        *ret_id = g_strdup(json_str_or(there, "id", ""));
        return ledger_found(b->call, &b->made, *ret_id);
    }
    TRY(ledger_intend(b->call, &b->made));
    err_t *e = nova_group_create(b->c, b->name, json_str_or(b->row, "policy", ""),
                                 json_obj(b->row, "rules"), &group);
    TRY(ledger_refused(b->call, &b->made, e));
    *ret_id = g_strdup(json_str_or(group, "id", ""));
    return ledger_made(b->call, &b->made, *ret_id);
}

err_t *server_groups_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) list = NULL;
    const json_t *rows = json_arr(call->plan, "server_groups");
    json_t *ids = json_object();
    size_t i;
    json_t *row;

    *ret = STEP_DONE;
    json_set(call->result, "ids", ids);
    if (json_array_size(rows) == 0)
        return NULL;
    TRY(tenant(call, &c));
    TRY(nova_group_list(&c, &list));
    json_array_foreach((json_t *)rows, i, row)
    {
        g_autofree char *id = NULL;
        struct bringing b;
        bringing_init(call, &c, list, row, &b);
        err_t *e = group_bring(&b, &id);
        g_free(b.name);
        if (e != NULL)
            return err_wrap(e, "making the server group '%s'", json_str_or(row, "name", ""));
        json_set_str(ids, json_str_or(row, "name", ""), id);
    }
    return NULL;
}

/* Of a drill: all of the name, should an answer have been lost; until the list has none. */
static err_t *group_take_away(const struct bringing *b, enum step_answer *ret)
{
    bool ours = false, found = false;
    size_t i;
    json_t *there;

    TRY(ledger_open(b->call, &b->made, &ours));
    if (!ours)
        return NULL;
    json_array_foreach((json_t *)b->list, i, there)
    {
        if (g_strcmp0(json_str(there, "name"), b->name) != 0)
            continue;
        TRY(nova_group_delete(b->c, json_str_or(there, "id", "")));
        found = true;
    }
    if (!found)
        return ledger_gone(b->call, &b->made);
    *ret = STEP_WAIT;
    return NULL;
}

err_t *server_groups_undo(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) list = NULL;
    const json_t *rows = json_arr(call->plan, "server_groups");
    size_t i;
    json_t *row;

    *ret = STEP_DONE;
    if (json_array_size(rows) == 0)
        return NULL;
    TRY(tenant(call, &c));
    TRY(nova_group_list(&c, &list));
    json_array_foreach((json_t *)rows, i, row)
    {
        struct bringing b;
        bringing_init(call, &c, list, row, &b);
        err_t *e = group_take_away(&b, ret);
        g_free(b.name);
        TRY(e);
    }
    return NULL;
}

err_t *server_group_of(struct step_call *call, char **ret)
{
    g_autoptr(json_t) made = NULL;
    const char *name = json_str(call->input, "server_group");

    *ret = NULL;
    if (name == NULL)
        return NULL;
    TRY(step_result_of(call, "compute.server_groups", "", &made));
    *ret = g_strdup(json_str(json_obj(made, "ids"), name));
    return NULL;
}
