/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outside - what ties a member to the cloud around it, in a failover's plan: its availability zone
 * and the floating IPs by which it is reached.  Neither has a like-named one at another site, so
 * both go by mapping alone; at home they are what they were.
 *
 * Neighbours: failover.c asks for each member and nic, mappings.c knows what is said.
 */
#include "plan/planning.h"

#define PLAN_ZONE_DEFAULT "nova" /* the zone of whoever asks for none: nothing is lost with it */

/* Said with the command, and to be corrected there; what is stored must not hold up a failover. */
static bool said_now(const char *how)
{
    return g_strcmp0(how, "call") == 0;
}

/* ---- the availability zone ---- */

static bool zone_there(const struct planning *p, const char *name)
{
    size_t i;
    json_t *zone;

    json_array_foreach(json_arr(p->in->inventory, "zones"), i, zone)
    {
        if (g_strcmp0(json_str(zone, "zoneName"), name) == 0)
            return json_bool(json_obj(zone, "zoneState"), "available", false);
    }
    return false;
}

static void mapped(struct planning *p, const char *kind, const char *source, const char *target,
                   const char *id, const char *how)
{
    g_autoptr(json_t) item = json_object();

    json_set_str(item, "name", target);
    json_set_str(item, "id", id != NULL ? id : target);
    planning_mapped(p, kind, source, item, how);
}

void planning_zone(struct planning *p, const json_t *config, json_t *member)
{
    const char *zone = json_str(config, "availability_zone"), *how = NULL;
    const char *said =
        zone != NULL ? planning_said(p, "availability_zone", NULL, zone, &how) : NULL;
    const char *server = json_str_or(member, "name", "");
    const char *sought = said != NULL ? said : p->here ? zone : NULL;
    bool plain = zone == NULL || g_str_equal(zone, PLAN_ZONE_DEFAULT);

    if (said == NULL && plain)
        return;
    if (sought != NULL && zone_there(p, sought)) {
        json_set_str(member, "availability_zone", sought);
        mapped(p, "availability_zone", zone, sought, NULL, said != NULL ? how : "same name");
        return;
    }
    if (said == NULL || !said_now(how)) {
        planning_note(p,
                      g_strdup_printf("%s: availability zone %s is not kept (%s%s%sNova chooses)",
                                      server, zone, said != NULL ? "'" : "",
                                      said != NULL ? said : "",
                                      said != NULL ? "' is not available; " : ""));
        return;
    }
    planning_problem(
        p, "outside", json_str(member, "id"),
        g_strdup_printf("availability zone '%s' is mapped to '%s', which the target site does not "
                        "have, or has no host for",
                        zone, said),
        g_strdup_printf("map it to one that is available: --availability-zone-mapping %s=ZONE",
                        zone));
}

/* ---- floating IPs ---- */

/* By address or id. */
static const json_t *address_find(const struct planning *p, const char *text)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(p->in->inventory, "floating_ips"), i, row)
    {
        if (g_strcmp0(json_str(row, "floating_ip_address"), text) == 0 ||
            g_strcmp0(json_str(row, "id"), text) == 0)
            return row;
    }
    return NULL;
}

/* The port of somebody who goes on having it: not of a server that gives way. */
static bool held(const struct planning *p, const char *port, const json_t *nic)
{
    return port != NULL && *port != '\0' && g_strcmp0(port, json_str(nic, "taken_over")) != 0 &&
           planning_item(json_arr(p->inventory, "ports"), port) != NULL;
}

static json_t *floating_row(json_t *nic, const char *source)
{
    json_t *list = json_arr(nic, "floating_ips");
    json_t *row = json_object();

    if (list == NULL)
        json_set(nic, "floating_ips", list = json_array());
    json_set_str(row, "source", source);
    json_array_append_new(list, row);
    return row;
}

static void address_use(struct planning *p, const char *server, json_t *nic, const char *source,
                        const json_t *there, const char *how)
{
    const char *id = json_str_or(there, "id", "");
    const char *address = json_str_or(there, "floating_ip_address", "?");
    const char *port = json_str(there, "port_id");

    if (held(p, port, nic) || json_object_get(p->floating, id) != NULL) {
        planning_note(p, g_strdup_printf("%s: floating IP %s is not kept: %s is in use", server,
                                         source, address));
        return;
    }
    json_set_bool(p->floating, id, true);
    json_t *row = floating_row(nic, source);
    json_set_str(row, "id", id);
    json_set_str(row, "address", address);
    json_set_str(row, "holder", port);
    mapped(p, "floating_ip", source, address, id, how);
}

static void network_use(struct planning *p, json_t *nic, const char *source, const json_t *network,
                        const char *how)
{
    json_t *row = floating_row(nic, source);

    json_set_str(row, "network_id", json_str(network, "id"));
    json_set_str(row, "network_name", json_str(network, "name"));
    mapped(p, "floating_ip", source, json_str_or(network, "name", ""), json_str(network, "id"),
           how);
}

static void floating_plan(struct planning *p, const char *server, json_t *nic, const char *source)
{
    const char *how = NULL;
    const char *said = p->in->drill ? NULL : planning_said(p, "floating_ip", NULL, source, &how);
    const char *sought = said != NULL ? said : p->here && !p->in->drill ? source : NULL;
    const json_t *there = sought != NULL ? address_find(p, sought) : NULL;
    const json_t *network =
        said != NULL ? planning_item(json_arr(p->in->inventory, "networks"), said) : NULL;

    if (there != NULL)
        address_use(p, server, nic, source, there, said != NULL ? how : "same address");
    else if (json_bool(network, "router:external", false))
        network_use(p, nic, source, network, how);
    else if (said == NULL || !said_now(how))
        planning_note(p, g_strdup_printf("%s: floating IP %s is not kept%s%s%s", server, source,
                                         said != NULL ? ": there is no '" : "",
                                         said != NULL ? said : "", said != NULL ? "'" : ""));
    else
        planning_problem(
            p, "outside", NULL,
            g_strdup_printf("floating IP '%s' is mapped to '%s', which is neither a floating IP of "
                            "the project at the target site nor an external network there",
                            source, said),
            g_strdup_printf("map it to one of them: --floating-ip-mapping %s=ADDRESS", source));
}

void planning_floating(struct planning *p, const char *server, const json_t *port, json_t *nic)
{
    size_t i;
    json_t *floating;

    json_array_foreach(json_arr(port, "floating_ips"), i, floating)
        floating_plan(p, server, nic, json_str_or(floating, "ip", "?"));
}
