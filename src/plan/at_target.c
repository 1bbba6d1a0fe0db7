/* SPDX-License-Identifier: Apache-2.0 */
/*
 * at_target - what the target holds of the members from when they ran there, in a plan: looked at,
 * judged by kept.c, its ports given to the new servers.
 */
#include "model/body.h"
#include "plan/kept.h"
#include "plan/planning.h"

bool planning_captured_here(const struct planning *p, const json_t *config)
{
    size_t i;
    json_t *port;

    json_array_foreach(json_arr(config, "ports"), i, port)
    {
        const json_t *there = planning_item(json_arr(p->in->inventory, "networks"),
                                            json_str_or(port, "network_id", ""));
        if (g_strcmp0(json_str(there, "id"), json_str(port, "network_id")) == 0)
            return true;
    }
    return false;
}

/* The name that the member's flavor has at the target, as far as it is known. */
static const char *flavor_there(struct planning *p, const json_t *config)
{
    const char *name = json_str_or(json_obj(config, "flavor"), "name", ""), *how = NULL;
    const char *said = planning_said(p, "flavor", NULL, name, &how);
    const json_t *item =
        planning_item(json_arr(p->in->inventory, "flavors"), said != NULL ? said : name);

    return json_str(item, "name");
}

static void kept_find(struct planning *p, const json_t *member)
{
    const char *id = json_str_or(member, "id", "");
    const json_t *config = json_obj(member, "config");
    const char *server = json_string_value(body_local(p->in->body, p->in->target, "servers", id));
    const json_t *there =
        server != NULL ? planning_item(json_arr(p->in->inventory, "servers"), server) : NULL;

    if (there == NULL || json_str(json_obj(there, "metadata"), PLAN_KEPT) != NULL)
        return; /* one that gave way before is not the member's any more */
    p->here = planning_captured_here(p, config);
    struct plan_kept_input in = {
        .body = p->in->body,
        .target = p->in->target,
        .server = there,
        .member = member,
        .flavor = flavor_there(p, config),
        .ports = json_arr(p->in->inventory, "ports"),
        .acted = json_arr(json_obj(p->in->inventory, "acted"), server),
        .replace = p->in->replace,
        .resumes = p->in->planned,
        .all_resume = p->in->from_kept,
    };
    json_set(p->kept, id, plan_kept(&in));
}

static bool gives_up_ports(const struct planning *p, const char *server)
{
    const char *id;
    json_t *kept;

    json_object_foreach(p->kept, id, kept)
    {
        if (g_strcmp0(json_str(kept, "server_id"), server) == 0)
            return g_str_equal(json_str_or(kept, "verdict", ""), PLAN_TAKES_OVER);
    }
    return false;
}

/* The addresses of servers that give way are free. */
static void inventory_free(struct planning *p)
{
    json_t *left = json_array();
    size_t i;
    json_t *port;

    p->inventory = json_copy((json_t *)p->in->inventory);
    json_array_foreach(json_arr(p->in->inventory, "ports"), i, port)
    {
        if (!gives_up_ports(p, json_str(port, "device_id")))
            json_array_append(left, port);
    }
    json_set(p->inventory, "ports", left);
}

void planning_kept(struct planning *p)
{
    size_t i;
    json_t *member;

    json_array_foreach(body_members(p->in->body), i, member)
    {
        if (!p->in->drill)
            kept_find(p, member);
    }
    inventory_free(p);
}

void planning_kept_notes(struct planning *p, const char *server, const json_t *kept)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *verdict = json_str_or(kept, "verdict", "");
    size_t i;
    json_t *why;

    json_array_foreach(json_arr(kept, "differs"), i, why)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", json_string_value(why));
    if (p->in->from_kept)
        planning_note(p, g_strdup_printf("%s: its own server %s is started as it was kept%s%s",
                                         server, json_str_or(kept, "server_id", ""),
                                         text->len > 0 ? ", and changed since: " : "", text->str));
    else if (g_str_equal(verdict, PLAN_RESUMES))
        planning_note(
            p, g_strdup_printf("%s: was not recovered at the other site: its own server %s is "
                               "started",
                               server, json_str_or(kept, "server_id", "")));
    else if (g_str_equal(verdict, PLAN_KEEPS_BOTH))
        planning_note(
            p, g_strdup_printf("%s: conflict: the server %s that is kept here was changed (%s); "
                               "both are kept, and the new one gets other addresses",
                               server, json_str_or(kept, "server_id", ""), text->str));
    else if (text->len > 0)
        planning_note(
            p, g_strdup_printf("%s: the server %s that is kept here gives way although it was "
                               "changed (%s)",
                               server, json_str_or(kept, "server_id", ""), text->str));
}

static bool port_planned(const struct planning *p, const char *id)
{
    size_t i;
    json_t *port;

    json_array_foreach(p->ports, i, port)
    {
        if (g_strcmp0(json_str(port, "id"), id) == 0)
            return true;
    }
    return false;
}

const json_t *planning_taken_over(struct planning *p, const char *member, const json_t *nic,
                                  const json_t *port)
{
    const json_t *kept = json_obj(p->kept, member);
    g_autoptr(json_t) ports =
        plan_server_ports(json_arr(p->in->inventory, "ports"), json_str_or(kept, "server_id", "-"));
    const json_t *found = NULL;
    size_t i;
    json_t *row;

    if (g_strcmp0(json_str(kept, "verdict"), PLAN_TAKES_OVER) != 0)
        return NULL;
    json_array_foreach(ports, i, row)
    {
        bool fits = g_strcmp0(json_str(row, "network_id"), json_str(nic, "network_id")) == 0 &&
                    !port_planned(p, json_str(row, "id"));
        bool same = g_strcmp0(json_str(row, "mac_address"), json_str(port, "mac")) == 0;
        if (fits && (found == NULL || same))
            found = row;
    }
    return found;
}
