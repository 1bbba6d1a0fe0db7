/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failover - see failover.h.  Neighbours: addresses.c decides about fixed IPs and MACs, print.c
 * shows the plan; runbooks/ gather the inventory and execute.
 */
#include "plan/failover.h"

#include "model/body.h"
#include "plan/addresses.h"
#include "plan/checks.h"
#include "plan/kept.h"
#include "plan/planning.h"

void planning_note(struct planning *p, char *text)
{
    json_array_append_new(p->notes, json_string(text));
    g_free(text);
}

void planning_problem(struct planning *p, const char *code, const char *member, char *text,
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

/* ---- members ---- */

/* As it is: its address is the one by which the server is known here. */
static void nic_take_over(struct planning *p, json_t *nic, const json_t *network,
                          const json_t *port)
{
    const char *owner = json_str(network, "project_id");
    const char *project = json_str(p->in->inventory, "project_id");

    json_set_str(nic, "taken_over", json_str(port, "id"));
    json_set(nic, "fixed_ips", json_deep_copy(json_arr(port, "fixed_ips")));
    json_set_str(nic, "mac", json_str(port, "mac_address"));
    json_set_bool(nic, "foreign", owner != NULL && project != NULL && !g_str_equal(owner, project));
    json_array_append(p->ports, (json_t *)port);
}

static json_t *nic_plan(struct planning *p, const json_t *member, const json_t *port, size_t index)
{
    const char *id = json_str_or(member, "id", "");
    bool isolated = planning_isolates(p, port);
    json_t *network = isolated
                          ? NULL
                          : planning_map(p, "network", "networks", id, json_str(port, "network_id"),
                                         json_str(port, "network_name"));
    json_t *nic = json_object();

    json_set_int(nic, "index", (int64_t)index);
    json_set(nic, "security_groups", json_deep_copy(json_arr(port, "security_groups")));
    json_set_bool(nic, "port_security", json_bool(port, "port_security", true));
    json_set(nic, "allowed_address_pairs", json_deep_copy(json_arr(port, "allowed_address_pairs")));
    json_set_str(nic, "source_port", json_str(port, "id"));
    if (isolated)
        planning_isolate(p, json_str_or(member, "instance_name", id), port, nic);
    if (network == NULL)
        return nic;
    json_set_str(nic, "network_id", json_str(network, "id"));
    json_set_str(nic, "network_name", json_str(network, "name"));
    const json_t *old = planning_taken_over(p, id, nic, port);
    if (old == NULL)
        plan_addresses(p->inventory, network, port, json_str_or(member, "instance_name", id),
                       p->ports, nic, p->notes);
    else
        nic_take_over(p, nic, network, old);
    return nic;
}

/* Not to be taken for the server that it rehearses. */
static void drill_name(json_t *row)
{
    g_autofree char *name = plan_name_with(json_str_or(row, "name", ""), "-drill");

    json_set_str(row, "name", name);
}

/* What servers of later priorities wait for. */
static void start_plan(struct planning *p, const json_t *member, json_t *row)
{
    const char *text = body_member_start_check(member);
    json_t *check = NULL;

    json_set_int(row, "start_delay_s", body_member_start_delay_s(member));
    if (text == NULL)
        return;
    err_t *e = plan_check_read(text, &check); /* a newer Protector may know more kinds */
    if (e != NULL) {
        planning_note(p, g_strdup_printf("%s: nobody waits for its start check: %s",
                                         json_str_or(row, "name", ""), err_message(e)));
        err_free(e);
        return;
    }
    json_set(row, "start_check", check);
    json_set_int(row, "start_timeout_s", body_member_start_timeout_s(member));
}

static void member_identity(struct planning *p, const json_t *member, const json_t *config,
                            json_t *row)
{
    json_set_str(row, "id", json_str(member, "id"));
    json_set_str(row, "instance_id", json_str(member, "instance_id"));
    json_set_str(row, "name", json_str_or(config, "name", json_str(member, "instance_name")));
    if (p->in->drill)
        drill_name(row);
    json_set_int(row, "wave", body_member_priority(member));
    start_plan(p, member, row);
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
        planning_note(p, g_strdup_printf("%s: boots without its key pair '%s', which was deleted",
                                         server, name));
        json_set_str(member, "key_name", NULL);
        return;
    }
    json_array_foreach(p->keys, i, row)
    {
        if (g_strcmp0(json_str(row, "name"), name) != 0)
            continue;
        if (g_strcmp0(json_str(row, "public_key"), json_str(key, "public_key")) != 0)
            planning_note(
                p, g_strdup_printf("%s: gets another member's key pair '%s', which has the name "
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
        const json_t *planned = planning_item(p->groups, name);
        if (planned != NULL &&
            g_strcmp0(json_str(planned, "source_id"), json_str(group, "id")) != 0)
            planning_note(
                p, g_strdup_printf("%s: gets another security group '%s', which has the name of "
                                   "its own",
                                   server, name));
        if (planned != NULL)
            continue;
        json_t *row = json_deep_copy(group);
        json_set_str(row, "source_id", json_str(group, "id"));
        json_t *there = planning_item(json_arr(p->in->inventory, "security_groups"), name);
        json_set_bool(row, "exists", there != NULL);
        json_set_str(row, "id", there != NULL ? json_str(there, "id") : NULL);
        json_array_append_new(p->groups, row);
    }
}

/*
 * The server's group, made anew: at most one of a name.  A drill's own is not taken for the one
 * that it rehearses.
 */
static void server_group_plan(struct planning *p, const json_t *config, json_t *member)
{
    const json_t *group = json_obj(config, "server_group");
    const char *policy = json_str_or(group, "policy", "");

    if (group == NULL)
        return;
    g_autofree char *name =
        plan_name_with(json_str_or(group, "name", ""), p->in->drill ? "-drill" : "");
    const json_t *planned = planning_item(p->server_groups, name);
    if (planned != NULL && g_strcmp0(json_str(planned, "policy"), policy) != 0) {
        planning_note(p, g_strdup_printf("%s: server group '%s' (%s) is not kept: another member's "
                                         "has the name",
                                         json_str_or(member, "name", ""), name, policy));
        return;
    }
    json_set_str(member, "server_group", name);
    if (planned != NULL)
        return;
    json_t *row = json_object();
    json_set_str(row, "name", name);
    json_set_str(row, "policy", policy);
    json_set(row, "rules", json_deep_copy(json_obj(group, "rules")));
    json_array_append_new(p->server_groups, row);
}

static void member_boots(struct planning *p, const json_t *member, const json_t *config,
                         json_t *row)
{
    const json_t *flavor = json_obj(config, "flavor");
    json_t *nics = json_array();
    size_t i;
    json_t *port;

    json_t *there = planning_map(p, "flavor", "flavors", json_str(member, "id"), NULL,
                                 json_str_or(flavor, "name", ""));
    json_set_str(row, "flavor_id", json_str(there, "id"));
    json_set_str(row, "flavor_name", json_str(there, "name"));
    const char *server = json_str_or(row, "name", "");
    json_array_foreach(json_arr(config, "ports"), i, port)
        json_array_append_new(nics, nic_plan(p, member, port, i));
    json_set(row, "nics", nics);
    key_plan(p, config, row);
    groups_plan(p, config, server);
    server_group_plan(p, config, row);
    planning_zone(p, config, row);
    json_array_foreach(json_arr(config, "ports"), i, port)
        planning_floating(p, server, port, json_array_get(nics, i));
}

static void volumes_plan(struct planning *p, const json_t *member);

/* In a handover a member that the other site never recovered goes on here, or is not taken along.
 */
static void member_plan(struct planning *p, const json_t *member)
{
    const json_t *config = json_obj(member, "config");
    json_t *kept = json_obj(p->kept, json_str_or(member, "id", ""));
    bool unrecovered = g_strcmp0(json_str(member, "status"), "unrecovered") == 0;
    json_t *row = json_object();

    member_identity(p, member, config, row);
    const char *server = json_str_or(row, "name", "");
    if (p->in->planned && unrecovered && kept == NULL) {
        planning_note(
            p, g_strdup_printf("%s: was not recovered at the other site, and there is no server "
                               "of it here: it stays so",
                               server));
        json_decref(row);
        return;
    }
    if (p->in->from_kept && kept == NULL) {
        json_set_str(json_obj(p->plan, "left_out"), json_str_or(member, "id", ""),
                     "this site has kept no server of it");
        planning_note(p,
                      g_strdup_printf("%s: left out: this site has kept no server of it", server));
        json_decref(row);
        return;
    }
    json_array_append_new(p->members, row);
    p->here = planning_captured_here(p, config);
    if (kept != NULL) {
        json_set(row, "kept", json_incref(kept));
        planning_kept_notes(p, server, kept);
    }
    if (g_strcmp0(plan_kept_verdict(row), PLAN_RESUMES) == 0) {
        json_set(row, "nics", json_array());
        return;
    }
    member_boots(p, member, config, row);
    volumes_plan(p, member);
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
        planning_problem(
            p, "image", json_str(member, "id"),
            g_strdup_printf("boot volume '%s' was made of no image, and this storage driver moves "
                            "no data",
                            json_str_or(volume, "name", "")),
            g_strdup("use a storage driver that replicates, or leave this server out"));
        return;
    }
    json_t *there = planning_item(json_arr(p->in->inventory, "images"), id);
    if (there == NULL)
        there =
            planning_map(p, "image", "images", json_str(member, "id"), id, json_str(image, "name"));
    else
        planning_mapped(p, "image", json_str_or(image, "name", id), there, "same id");
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

/* ---- the start order ---- */

void plan_waves_end(json_t *members)
{
    int64_t last = 0;
    size_t i;
    json_t *member;

    json_array_foreach(members, i, member) last = MAX(last, json_int(member, "wave", 0));
    json_array_foreach(members, i, member)
    {
        if (json_int(member, "wave", 0) != last)
            continue;
        json_object_del(member, "start_delay_s");
        json_object_del(member, "start_check");
    }
}

/* ---- the whole ---- */

static void planning_init(struct planning *p, const struct plan_failover_input *input)
{
    *p = (struct planning){.in = input};
    p->ports = json_array();
    p->floating = json_object();
    p->kept = json_object();
    p->plan = json_object();
    bool home = input->planned && g_strcmp0(body_primary_site(input->body), input->target) == 0;
    json_set_str(p->plan, "operation",
                 input->drill ? "test failover"
                 : home       ? "failback"
                              : "failover");
    json_set_str(p->plan, "source", input->source);
    json_set_str(p->plan, "target", input->target);
    json_set_str(p->plan, "group", body_name(input->body));
    json_set_str(p->plan, "project_id", body_project(input->body, input->target));
    json_set_str(p->plan, "volume_type", body_volume_type(input->body, input->target));
    json_set(p->plan, "members", p->members = json_array());
    json_set(p->plan, "volumes", p->volumes = json_array());
    json_set(p->plan, "mappings", p->mappings = json_array());
    json_set(p->plan, "security_groups", p->groups = json_array());
    json_set(p->plan, "keys", p->keys = json_array());
    json_set(p->plan, "server_groups", p->server_groups = json_array());
    if (input->from_kept)
        json_set(p->plan, "left_out", json_object());
    if (input->drill)
        json_set(p->plan, "networks", p->networks = json_array());
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
    planning_kept(&p);
    json_array_foreach(body_members(input->body), i, member) member_plan(&p, member);
    if (input->from_kept && json_array_size(p.members) == 0 &&
        json_array_size(body_members(input->body)) > 0)
        planning_problem(&p, "kept", NULL, g_strdup("this site has kept no server of the group"),
                         g_strdup("fail over from a recovery point: without --from kept"));
    plan_waves_end(p.members);
    planning_unknown(&p);
    planning_pools(&p);
    if (json_array_size(body_members(input->body)) == 0)
        planning_note(&p, g_strdup("the group has no members: only its role moves"));
    json_decref(p.ports);
    json_decref(p.floating);
    json_decref(p.kept);
    json_decref(p.inventory);
    *ret = p.plan;
    return NULL;
}

static void said_once(GString *list, GHashTable *said, const char *text)
{
    if (text != NULL && g_hash_table_add(said, (char *)text))
        g_string_append_printf(list, "%s%s", list->len > 0 ? "; " : "", text);
}

void plan_problem_words(const json_t *plan, const char *code, GString *text, GString *remedy)
{
    g_autoptr(GHashTable) texts = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) remedies = g_hash_table_new(g_str_hash, g_str_equal);
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(plan, "problems"), i, row)
    {
        if (code != NULL && g_strcmp0(json_str(row, "code"), code) != 0)
            continue;
        said_once(text, texts, json_str(row, "text"));
        said_once(remedy, remedies, json_str(row, "remedy"));
    }
}

err_t *plan_problems(const json_t *plan)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) remedy = g_string_new(NULL);

    plan_problem_words(plan, NULL, text, remedy);
    if (text->len == 0)
        return NULL;
    return err_remedy(err(PLAN_INCOMPLETE, "the target site is not ready: %s", text->str), "%s",
                      remedy->str);
}

void plan_hash(const json_t *plan, char ret[HASH_HEX_SIZE])
{
    g_autofree char *text = json_print_canonical(plan);

    hash_strings(ret, "plan", text, NULL);
}

err_t *plan_agreed(const json_t *plan, const char *hash)
{
    char is[HASH_HEX_SIZE];

    if (hash == NULL)
        return NULL;
    plan_hash(plan, is);
    if (g_str_equal(is, hash))
        return NULL;
    return err(PLAN_CHANGED, "what would be made is not what plan %.12s said any more", hash);
}

bool plan_needs_realize(const json_t *base_body, const json_t *next_body)
{
    if (base_body == NULL)
        return true;
    return body_policy(next_body) != NULL && !body_deleting(next_body) &&
           !json_equal(json_object_get(base_body, "policy"), json_object_get(next_body, "policy"));
}
