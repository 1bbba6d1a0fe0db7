/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failover - see failover.h.  Neighbours: addresses.c decides about fixed IPs and MACs, print.c
 * shows the plan; runbooks/ gather the inventory and execute.
 */
#include "plan/failover.h"

#include "model/body.h"
#include "plan/addresses.h"

#define PLAN_ZONE_DEFAULT "nova" /* the zone of whoever asks for none: nothing is lost with it */

struct planning {
    const struct plan_failover_input *in;
    json_t *plan;
    json_t *mappings, *problems, *notes, *members, *volumes, *groups, *keys;
    json_t *ports; /* planned so far, as Neutron lists them; not part of the plan */
};

static void note(struct planning *p, char *text)
{
    json_array_append_new(p->notes, json_string(text));
    g_free(text);
}

static void problem(struct planning *p, const char *code, const char *member, char *text,
                    char *remedy)
{
    json_t *row = json_object();

    json_set_str(row, "code", code);
    json_set_str(row, "member", member);
    json_set_str(row, "text", text);
    json_set_str(row, "remedy", remedy);
    json_array_append_new(p->problems, row);
    g_free(text);
    g_free(remedy);
}

/* ---- mappings ---- */

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

/* The item whose id is 'text', else the first of that name. */
static json_t *item_find(const json_t *items, const char *text)
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

/* What a mapping given at the call or stored says about 'id' or 'name'; NULL: nothing. */
static const char *mapping_said(struct planning *p, const char *kind, const char *id,
                                const char *name, const char **ret_how)
{
    const json_t *call = json_obj(p->in->call_mappings, kind);
    const char *said = id != NULL ? json_str(call, id) : NULL;

    if (said == NULL && name != NULL)
        said = json_str(call, name);
    *ret_how = "call";
    if (said != NULL)
        return said;
    *ret_how = "stored";
    said = id != NULL ? body_mapping(p->in->body, p->in->source, kind, id) : NULL;
    if (said == NULL && name != NULL)
        said = body_mapping(p->in->body, p->in->source, kind, name);
    return said;
}

static void mapping_note(struct planning *p, const char *kind, const char *source,
                         const json_t *target, const char *how)
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

/*
 * The target's network, flavor or image for the source's.  Said by a mapping, else the same name.
 * NULL, with a problem noted, if there is none.
 */
static json_t *mapping_apply(struct planning *p, const char *kind, const char *list,
                             const char *member, const char *id, const char *name)
{
    const json_t *items = json_arr(p->in->inventory, list);
    const char *how = NULL;
    const char *said = mapping_said(p, kind, id, name, &how);
    const char *shown = name != NULL ? name : id;
    json_t *item = said != NULL ? item_find(items, said) : item_find(items, shown);

    if (said == NULL)
        how = "same name";
    const char *sought = said != NULL ? said : shown;
    int named = items_named(items, sought);
    if (item != NULL && (named < 2 || g_strcmp0(json_str(item, "id"), sought) == 0)) {
        mapping_note(p, kind, shown, item, how);
        return item;
    }
    if (item != NULL)
        problem(p, "mapping", member,
                g_strdup_printf("the target site has %d %ss named '%s'", named, kind, sought),
                g_strdup_printf("map it to one of them by its id: --%s-mapping %s=ID", kind,
                                shown));
    else if (said != NULL)
        problem(p, "mapping", member,
                g_strdup_printf("%s '%s' is mapped to '%s', which the target site does not have",
                                kind, shown, said),
                g_strdup_printf("map it to one that exists: --%s-mapping %s=NAME", kind, shown));
    else
        problem(p, "mapping", member,
                g_strdup_printf("the target site has no %s named '%s'", kind, shown),
                g_strdup_printf("map it: --%s-mapping %s=NAME, or create it there", kind, shown));
    return NULL;
}

/* The names and ids that a mapping of 'kind' may name: what the members have at the source. */
static void mapping_sources(const struct planning *p, const char *kind, json_t *known)
{
    size_t i, k;
    json_t *member, *port;

    json_array_foreach(body_members(p->in->body), i, member)
    {
        const json_t *config = json_obj(member, "config");
        if (!g_str_equal(kind, "network")) {
            const json_t *item = json_obj(config, kind);
            json_set_bool(known, json_str_or(item, "id", ""), true);
            json_set_bool(known, json_str_or(item, "name", ""), true);
            continue;
        }
        json_array_foreach(json_arr(config, "ports"), k, port)
        {
            json_set_bool(known, json_str_or(port, "network_id", ""), true);
            json_set_bool(known, json_str_or(port, "network_name", ""), true);
        }
    }
}

/* A mapping that is given at the call and names nothing of the group is a slip: it is not left out
 * in silence. */
static void mappings_unknown(struct planning *p)
{
    const char *kind, *source;
    json_t *rows, *target;

    json_object_foreach((json_t *)p->in->call_mappings, kind, rows)
    {
        g_autoptr(json_t) known = json_object();
        mapping_sources(p, kind, known);
        json_object_foreach(rows, source, target)
        {
            if (json_object_get(known, source) == NULL)
                problem(p, "mapping", NULL,
                        g_strdup_printf("the %s mapping %s=%s fits nothing: no member of the group "
                                        "has one of that name or id",
                                        kind, source, json_string_value(target)),
                        g_strdup_printf("correct or leave out --%s-mapping %s=%s", kind, source,
                                        json_string_value(target)));
        }
    }
}

/* ---- members ---- */

static json_t *nic_plan(struct planning *p, const json_t *member, const json_t *port, size_t index)
{
    const char *id = json_str_or(member, "id", "");
    json_t *network = mapping_apply(p, "network", "networks", id, json_str(port, "network_id"),
                                    json_str(port, "network_name"));
    json_t *nic = json_object();

    json_set_int(nic, "index", (int64_t)index);
    json_set(nic, "security_groups", json_deep_copy(json_arr(port, "security_groups")));
    json_set_bool(nic, "port_security", json_bool(port, "port_security", true));
    json_set(nic, "allowed_address_pairs", json_deep_copy(json_arr(port, "allowed_address_pairs")));
    json_set_str(nic, "source_port", json_str(port, "id"));
    if (network == NULL)
        return nic;
    json_set_str(nic, "network_id", json_str(network, "id"));
    json_set_str(nic, "network_name", json_str(network, "name"));
    plan_addresses(p->in->inventory, network, port, json_str_or(member, "instance_name", id),
                   p->ports, nic, p->notes);
    return nic;
}

static void member_identity(const json_t *member, const json_t *config, json_t *row)
{
    json_set_str(row, "id", json_str(member, "id"));
    json_set_str(row, "instance_id", json_str(member, "instance_id"));
    json_set_str(row, "name", json_str_or(config, "name", json_str(member, "instance_name")));
    json_set_int(row, "wave", json_int(member, "priority", 3));
    json_set_str(row, "key_name", json_str(json_obj(config, "key"), "name"));
    json_set_bool(row, "config_drive", json_bool(config, "config_drive", false));
    json_set(row, "metadata", json_deep_copy(json_obj(config, "metadata")));
    json_set(row, "tags", json_deep_copy(json_arr(config, "tags")));
    json_set_str(row, "root_device", json_str(config, "root_device"));
    json_set_str(row, "description", json_str(config, "description"));
}

/* The member's key pair among those to bring; without its public key nobody can bring it. */
static void key_plan(struct planning *p, const json_t *config, json_t *member)
{
    const json_t *key = json_obj(config, "key");
    const char *name = json_str(key, "name");
    const char *server = json_str_or(member, "name", "");
    size_t i;
    json_t *row;

    if (key == NULL)
        return;
    if (json_str(key, "public_key") == NULL) {
        note(p, g_strdup_printf("%s: boots without its key pair '%s', which was deleted", server,
                                name));
        json_set_str(member, "key_name", NULL);
        return;
    }
    json_array_foreach(p->keys, i, row)
    {
        if (g_strcmp0(json_str(row, "name"), name) != 0)
            continue;
        if (g_strcmp0(json_str(row, "public_key"), json_str(key, "public_key")) != 0)
            note(p, g_strdup_printf("%s: gets another member's key pair '%s', which has the name "
                                    "of its own",
                                    server, name));
        return;
    }
    json_array_append_new(p->keys, json_deep_copy(key));
}

static void groups_plan(struct planning *p, const json_t *config, const char *server)
{
    size_t i;
    json_t *group;

    json_array_foreach(json_arr(config, "security_groups"), i, group)
    {
        const char *name = json_str_or(group, "name", "");
        const json_t *planned = item_find(p->groups, name);
        if (planned != NULL &&
            g_strcmp0(json_str(planned, "source_id"), json_str(group, "id")) != 0)
            note(p, g_strdup_printf("%s: gets another security group '%s', which has the name of "
                                    "its own",
                                    server, name));
        if (planned != NULL)
            continue;
        json_t *row = json_deep_copy(group);
        json_set_str(row, "source_id", json_str(group, "id"));
        json_t *there = item_find(json_arr(p->in->inventory, "security_groups"), name);
        json_set_bool(row, "exists", there != NULL);
        json_set_str(row, "id", there != NULL ? json_str(there, "id") : NULL);
        json_array_append_new(p->groups, row);
    }
}

/* What belongs to the source's cloud and is not made again. */
static void left_notes(struct planning *p, const json_t *config, const char *server)
{
    const char *zone = json_str(config, "availability_zone");
    const json_t *group = json_obj(config, "server_group");
    size_t i, k;
    json_t *port, *floating;

    if (zone != NULL && !g_str_equal(zone, PLAN_ZONE_DEFAULT))
        note(p,
             g_strdup_printf("%s: availability zone %s is not kept (Nova chooses)", server, zone));
    if (group != NULL)
        note(p,
             g_strdup_printf("%s: server group %s (%s) is not kept", server,
                             json_str_or(group, "name", "?"), json_str_or(group, "policy", "?")));
    json_array_foreach(json_arr(config, "ports"), i, port)
    {
        json_array_foreach(json_arr(port, "floating_ips"), k, floating)
            note(p, g_strdup_printf("%s: floating IP %s is not kept", server,
                                    json_str_or(floating, "ip", "?")));
    }
}

static void member_plan(struct planning *p, const json_t *member)
{
    const json_t *config = json_obj(member, "config");
    const json_t *flavor = json_obj(config, "flavor");
    json_t *row = json_object();
    json_t *nics = json_array();
    size_t i;
    json_t *port;

    member_identity(member, config, row);
    json_t *there = mapping_apply(p, "flavor", "flavors", json_str(member, "id"), NULL,
                                  json_str_or(flavor, "name", ""));
    json_set_str(row, "flavor_id", json_str(there, "id"));
    json_set_str(row, "flavor_name", json_str(there, "name"));
    json_array_foreach(json_arr(config, "ports"), i, port)
        json_array_append_new(nics, nic_plan(p, member, port, i));
    json_set(row, "nics", nics);
    const char *server = json_str_or(row, "name", "");
    key_plan(p, config, row);
    groups_plan(p, config, server);
    left_notes(p, config, server);
    json_array_append_new(p->members, row);
}

/* ---- volumes ---- */

/* In mock mode boot volumes are made of an image; which one at the target? */
static void volume_image(struct planning *p, const json_t *member, const json_t *volume,
                         json_t *row)
{
    const json_t *image = json_obj(json_obj(member, "config"), "image");
    const char *id = json_str(image, "id");

    if (!p->in->makes_in_cinder || json_int(volume, "boot_index", -1) != 0)
        return;
    if (id == NULL) {
        problem(
            p, "image", json_str(member, "id"),
            g_strdup_printf("boot volume '%s' was made of no image, and this storage driver moves "
                            "no data",
                            json_str_or(volume, "name", "")),
            g_strdup("use a storage driver that replicates, or leave this server out"));
        return;
    }
    json_t *there = item_find(json_arr(p->in->inventory, "images"), id);
    if (there == NULL)
        there = mapping_apply(p, "image", "images", json_str(member, "id"), id,
                              json_str(image, "name"));
    else
        mapping_note(p, "image", json_str_or(image, "name", id), there, "same id");
    json_set_str(row, "image_id", json_str(there, "id"));
    json_set_str(row, "image_name", json_str(there, "name"));
}

static void volumes_plan(struct planning *p, const json_t *member)
{
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(member, "volumes"), i, volume)
    {
        json_t *row = json_object();
        json_set_str(row, "id", json_str(volume, "id"));
        json_set_str(row, "member", json_str(member, "id"));
        json_set_str(row, "name", json_str(volume, "name"));
        json_set_int(row, "size_gib", json_int(volume, "size", 0));
        json_set_bool(row, "bootable", json_bool(volume, "bootable", false));
        json_set_int(row, "boot_index", json_int(volume, "boot_index", -1));
        json_set_str(row, "device", json_str(volume, "device"));
        volume_image(p, member, volume, row);
        json_array_append_new(p->volumes, row);
    }
}

/* ---- the whole ---- */

static void planning_init(struct planning *p, const struct plan_failover_input *input)
{
    p->in = input;
    p->ports = json_array();
    p->plan = json_object();
    json_set_str(p->plan, "operation", "failover");
    json_set_str(p->plan, "source", input->source);
    json_set_str(p->plan, "target", input->target);
    json_set_str(p->plan, "group", body_name(input->body));
    json_set(p->plan, "members", p->members = json_array());
    json_set(p->plan, "volumes", p->volumes = json_array());
    json_set(p->plan, "mappings", p->mappings = json_array());
    json_set(p->plan, "security_groups", p->groups = json_array());
    json_set(p->plan, "keys", p->keys = json_array());
    json_set(p->plan, "problems", p->problems = json_array());
    json_set(p->plan, "notes", p->notes = json_array());
}

err_t *plan_failover(const struct plan_failover_input *input, json_t **ret)
{
    struct planning p;
    size_t i;
    json_t *member;

    if (body_site(input->body, input->source) == NULL ||
        body_site(input->body, input->target) == NULL)
        return err(BAD_REQUEST, "group '%s' does not join the sites '%s' and '%s'",
                   body_name(input->body), input->source, input->target);
    planning_init(&p, input);
    json_array_foreach(body_members(input->body), i, member)
    {
        member_plan(&p, member);
        volumes_plan(&p, member);
    }
    mappings_unknown(&p);
    if (json_array_size(p.members) == 0)
        note(&p, g_strdup("the group has no members: only its role moves"));
    json_decref(p.ports);
    *ret = p.plan;
    return NULL;
}

err_t *plan_problems(const json_t *plan)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) remedy = g_string_new(NULL);
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(plan, "problems"), i, row)
    {
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "", json_str_or(row, "text", ""));
        g_string_append_printf(remedy, "%s%s", i > 0 ? "; " : "", json_str_or(row, "remedy", ""));
    }
    if (text->len == 0)
        return NULL;
    return err_remedy(err(PLAN_INCOMPLETE, "the target site is not ready: %s", text->str), "%s",
                      remedy->str);
}

bool plan_needs_realize(const json_t *base_body, const json_t *next_body)
{
    if (base_body == NULL)
        return true;
    return body_policy(next_body) != NULL && !body_deleting(next_body) &&
           !json_equal(json_object_get(base_body, "policy"), json_object_get(next_body, "policy"));
}
