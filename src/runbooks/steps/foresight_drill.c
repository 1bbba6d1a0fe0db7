/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foresight_drill - what a drill of the group that has ended still holds at this site.  An
 * unplanned failover takes it away and waits for the room (runbooks/room.h), so that its servers,
 * volumes, ports and security groups do not count against one.  (Its server groups do: a failover
 * does without.)
 */
#include "runbooks/steps/foresight.h"

#include "runbooks/steps/steps.h"
#include "store/resource.h"

/* Entries of the drill's plan that are there, as the ledger knows by their ids. */
static json_t *entries_made(const json_t *plan, const char *list, const json_t *subjects)
{
    json_t *made = json_array(), *entry;
    size_t i;

    json_array_foreach(json_arr(plan, list), i, entry)
    {
        if (json_object_get(subjects, json_str_or(entry, "id", "")) != NULL)
            json_array_append(made, entry);
    }
    return made;
}

/* By "server" and "volume" the subjects of what is there; by "ids" everything. */
static json_t *held_by(const GPtrArray *rows)
{
    json_t *held = json_pack("{s:{}, s:{}, s:{}}", "ids", "server", "volume");

    for (guint i = 0; i < rows->len; i++) {
        const struct resource *row = g_ptr_array_index(rows, i);
        if (row->cloud_id != NULL)
            json_set_bool(json_obj(held, "ids"), row->cloud_id, true);
        if (json_obj(held, row->kind) != NULL && row->subject != NULL)
            json_set_bool(json_obj(held, row->kind), row->subject, true);
    }
    return held;
}

err_t *foresight_drill_left(struct step_call *call, const char *pg_id, json_t **ret)
{
    g_autofree char *id = NULL;
    AUTO(operation) drill = NULL;
    g_autoptr(GPtrArray) rows = NULL;

    *ret = NULL;
    TRY(operation_drill_left(call->db, pg_id, &id));
    if (id == NULL)
        return NULL;
    TRY(operation_get(call->db, id, NULL, &drill));
    TRY(resource_list_op(call->db, id, resource_state_text(RESOURCE_MADE), &rows));
    g_autoptr(json_t) held = held_by(rows);
    json_t *plan = json_object();
    json_set_str(plan, "target", json_str(drill->plan, "target"));
    json_set(plan, "members", entries_made(drill->plan, "members", json_obj(held, "server")));
    json_set(plan, "volumes", entries_made(drill->plan, "volumes", json_obj(held, "volume")));
    *ret = json_object();
    json_set(*ret, "ids", json_incref(json_obj(held, "ids")));
    json_set(*ret, "plan", plan);
    return NULL;
}

/* By itself, or with its network: Neutron's DHCP has a port there. */
static bool goes(const json_t *ids, const json_t *item)
{
    return json_object_get(ids, json_str_or(item, "id", "")) != NULL ||
           json_object_get(ids, json_str_or(item, "network_id", "")) != NULL;
}

json_t *foresight_without(const json_t *inventory, const json_t *ids)
{
    static const char *const lists[] = {"ports", "security_groups", "floating_ips"};
    json_t *copy = json_copy((json_t *)inventory), *item;
    size_t k;

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        json_t *kept = json_array();
        json_array_foreach(json_arr(inventory, lists[i]), k, item)
        {
            if (!goes(ids, item))
                json_array_append(kept, item);
        }
        json_set(copy, lists[i], kept);
    }
    return copy;
}
