/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mappings - which network, flavor and image of the target stands for one of the source, and what
 * is said of zones and floating IPs.
 *
 * Neighbours: failover.c asks for each member, planning.h is what is common to both.
 */
#include "model/body.h"
#include "plan/planning.h"

/* How many items bear the name. */
static int items_named(const json_t *items, const char *name)
{
    int count = 0;
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)items, i, item) count +=
        g_strcmp0(json_str(item, "name"), name) == 0;
    return count;
}

json_t *planning_item(const json_t *items, const char *text)
{
    size_t i;
    json_t *item, *by_name = NULL;

    json_array_foreach((json_t *)items, i, item)
    {
        if (g_strcmp0(json_str(item, "id"), text) == 0)
            return item;
        if (by_name == NULL && g_strcmp0(json_str(item, "name"), text) == 0)
            by_name = item;
    }
    return by_name;
}

const char *planning_said(struct planning *p, const char *kind, const char *id, const char *name,
                          const char **ret_how)
{
    const json_t *call = json_obj(p->in->call_mappings, kind);
    const char *said = id != NULL ? json_str(call, id) : NULL;

    if (said == NULL && name != NULL)
        said = json_str(call, name);
    *ret_how = "call";
    if (said != NULL || p->here)
        return said;
    *ret_how = "stored";
    said = id != NULL ? body_mapping(p->in->body, p->in->source, kind, id) : NULL;
    if (said == NULL && name != NULL)
        said = body_mapping(p->in->body, p->in->source, kind, name);
    return said;
}

void planning_mapped(struct planning *p, const char *kind, const char *source, const json_t *target,
                     const char *how)
{
    size_t i;
    json_t *row;

    json_array_foreach(p->mappings, i, row)
    {
        if (g_str_equal(json_str_or(row, "kind", ""), kind) &&
            g_str_equal(json_str_or(row, "source", ""), source))
            return;
    }
    row = json_object();
    json_set_str(row, "kind", kind);
    json_set_str(row, "source", source);
    json_set_str(row, "target", json_str_or(target, "name", json_str_or(target, "id", "")));
    json_set_str(row, "target_id", json_str(target, "id"));
    json_set_str(row, "how", how);
    json_array_append_new(p->mappings, row);
}

json_t *planning_map(struct planning *p, const char *kind, const char *list, const char *member,
                     const char *id, const char *name)
{
    const json_t *items = json_arr(p->in->inventory, list);
    const char *how = NULL;
    const char *said = planning_said(p, kind, id, name, &how);
    const char *shown = name != NULL ? name : id;
    bool same = said == NULL && p->here && id != NULL && planning_item(items, id) != NULL;
    const char *sought = said != NULL ? said : same ? id : shown;
    json_t *item = planning_item(items, sought);

    if (said == NULL)
        how = same ? "same id" : "same name";
    int named = items_named(items, sought);
    if (item != NULL && (named < 2 || g_strcmp0(json_str(item, "id"), sought) == 0)) {
        planning_mapped(p, kind, shown, item, how);
        return item;
    }
    if (item != NULL)
        planning_problem(p, kind, member,
                         g_strdup_printf("the target site has %d %ss named '%s'", named, kind,
                                         sought),
                         g_strdup_printf("map it to one of them by its id: --%s-mapping %s=ID",
                                         kind, shown));
    else if (said != NULL)
        planning_problem(
            p, kind, member,
            g_strdup_printf("%s '%s' is mapped to '%s', which the target site does not have", kind,
                            shown, said),
            g_strdup_printf("map it to one that exists: --%s-mapping %s=NAME", kind, shown));
    else
        planning_problem(p, kind, member,
                         g_strdup_printf("the target site has no %s named '%s'", kind, shown),
                         g_strdup_printf("map it: --%s-mapping %s=NAME, or create it there", kind,
                                         shown));
    return NULL;
}

static void sources_of_port(const json_t *port, const char *kind, json_t *known)
{
    size_t i;
    json_t *floating;

    if (g_str_equal(kind, "network")) {
        json_set_bool(known, json_str_or(port, "network_id", ""), true);
        json_set_bool(known, json_str_or(port, "network_name", ""), true);
        return;
    }
    json_array_foreach(json_arr(port, "floating_ips"), i, floating)
        json_set_bool(known, json_str_or(floating, "ip", ""), true);
}

/* What a mapping of 'kind' may name: ids, names, addresses of what the members have at the source.
 */
static void mapping_sources(const struct planning *p, const char *kind, json_t *known)
{
    bool of_ports = g_str_equal(kind, "network") || g_str_equal(kind, "floating_ip");
    size_t i, k;
    json_t *member, *port;

    json_array_foreach(body_members(p->in->body), i, member)
    {
        const json_t *config = json_obj(member, "config");
        const json_t *item = json_obj(config, kind);
        json_set_bool(known, json_str_or(item, "id", ""), true);
        json_set_bool(known, json_str_or(item, "name", ""), true);
        if (g_str_equal(kind, "availability_zone"))
            json_set_bool(known, json_str_or(config, kind, ""), true);
        json_array_foreach(json_arr(config, "ports"), k, port)
        {
            if (of_ports)
                sources_of_port(port, kind, known);
        }
    }
}

void planning_unknown(struct planning *p)
{
    const char *kind, *source;
    json_t *rows, *target;

    json_object_foreach((json_t *)p->in->call_mappings, kind, rows)
    {
        g_autoptr(json_t) known = json_object();
        mapping_sources(p, kind, known);
        json_object_foreach(rows, source, target)
        {
            g_autofree char *option = g_strdelimit(g_strdup(kind), "_", '-');
            if (json_object_get(known, source) == NULL)
                planning_problem(
                    p, "outside", NULL,
                    g_strdup_printf("the %s mapping %s=%s fits nothing: no member of the group "
                                    "has one of that name or id",
                                    kind, source, json_string_value(target)),
                    g_strdup_printf("correct or leave out --%s-mapping %s=%s", option, source,
                                    json_string_value(target)));
        }
    }
}
