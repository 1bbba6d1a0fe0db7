/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota - whether there is room at the target for what a plan makes: the project's limits, and free
 * addresses of its networks.
 *
 * What is wanted is counted from the plan: a server that was kept and is started again, or a port
 * that is taken over, is there already.
 */
#include "model/body.h"
#include "plan/addresses.h"
#include "plan/kept.h"
#include "plan/planning.h"
#include "plan/ready_internal.h"

typedef int64_t wanted_fn(const struct plan_ready_input *in);

/* ---- what is wanted ---- */

static bool boots(const json_t *member)
{
    return g_strcmp0(plan_kept_verdict(member), PLAN_RESUMES) != 0;
}

static int64_t servers_wanted(const struct plan_ready_input *in)
{
    int64_t count = 0;
    size_t i;
    json_t *member;

    json_array_foreach(json_arr(in->plan, "members"), i, member) count += boots(member);
    return count;
}

static int64_t flavors_wanted(const struct plan_ready_input *in, const char *what)
{
    int64_t sum = 0;
    size_t i;
    json_t *member;

    json_array_foreach(json_arr(in->plan, "members"), i, member)
    {
        const json_t *flavor =
            planning_item(json_arr(in->inventory, "flavors"), json_str_or(member, "flavor_id", ""));
        if (boots(member))
            sum += json_int(flavor, what, 0);
    }
    return sum;
}

static int64_t cores_wanted(const struct plan_ready_input *in)
{
    return flavors_wanted(in, "vcpus");
}

static int64_t ram_wanted(const struct plan_ready_input *in)
{
    return flavors_wanted(in, "ram");
}

/* As steps/server_group.c takes one that is there: of the name and policy, and empty. */
static bool group_there(const struct plan_ready_input *in, const json_t *wanted)
{
    size_t i;
    json_t *group;

    json_array_foreach(json_arr(in->seen, "server_groups"), i, group)
    {
        if (g_strcmp0(json_str(group, "name"), json_str(wanted, "name")) == 0 &&
            g_strcmp0(json_str(group, "policy"), json_str(wanted, "policy")) == 0 &&
            json_array_size(json_arr(group, "members")) == 0)
            return true;
    }
    return false;
}

static int64_t server_groups_wanted(const struct plan_ready_input *in)
{
    int64_t count = 0;
    size_t i;
    json_t *group;

    json_array_foreach(json_arr(in->plan, "server_groups"), i, group) count +=
        !group_there(in, group);
    return count;
}

static int64_t volumes_wanted(const struct plan_ready_input *in)
{
    return (int64_t)json_array_size(json_arr(in->plan, "volumes"));
}

static int64_t gigabytes_wanted(const struct plan_ready_input *in)
{
    int64_t sum = 0;
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(in->plan, "volumes"), i, volume) sum +=
        json_int(volume, "size_gib", 0);
    return sum;
}

static int64_t largest_wanted(const struct plan_ready_input *in)
{
    int64_t most = 0;
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(in->plan, "volumes"), i, volume) most =
        MAX(most, json_int(volume, "size_gib", 0));
    return most;
}

/* Calls 'fn' for each nic that gets a port of its own. */
static int64_t nics_sum(const struct plan_ready_input *in, int64_t (*fn)(const json_t *nic))
{
    int64_t sum = 0;
    size_t i, k;
    json_t *member, *nic;

    json_array_foreach(json_arr(in->plan, "members"), i, member)
    {
        json_array_foreach(json_arr(member, "nics"), k, nic) sum += boots(member) ? fn(nic) : 0;
    }
    return sum;
}

static int64_t port_of(const json_t *nic)
{
    return json_str(nic, "taken_over") == NULL;
}

static int64_t subnets_wanted(const struct plan_ready_input *in);

/* Neutron's DHCP has a port of the project in each isolated subnet. */
static int64_t ports_wanted(const struct plan_ready_input *in)
{
    return nics_sum(in, port_of) + subnets_wanted(in);
}

static int64_t floating_of(const json_t *nic)
{
    int64_t count = 0;
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(nic, "floating_ips"), i, row) count +=
        json_str(row, "network_id") != NULL;
    return count;
}

static int64_t floating_wanted(const struct plan_ready_input *in)
{
    return nics_sum(in, floating_of);
}

static int64_t groups_sum(const struct plan_ready_input *in, bool rules)
{
    int64_t sum = 0;
    size_t i;
    json_t *group;

    json_array_foreach(json_arr(in->plan, "security_groups"), i, group)
    {
        /* a group comes with two rules; one more that is there already wants room all the same */
        int64_t count = MAX((int64_t)json_array_size(json_arr(group, "rules")), 2) + 1;
        if (!json_bool(group, "exists", false))
            sum += rules ? count : 1;
    }
    return sum;
}

static int64_t security_groups_wanted(const struct plan_ready_input *in)
{
    return groups_sum(in, false);
}

static int64_t rules_wanted(const struct plan_ready_input *in)
{
    return groups_sum(in, true);
}

static int64_t networks_wanted(const struct plan_ready_input *in)
{
    return (int64_t)json_array_size(json_arr(in->plan, "networks"));
}

static int64_t subnets_wanted(const struct plan_ready_input *in)
{
    int64_t sum = 0;
    size_t i;
    json_t *network;

    json_array_foreach(json_arr(in->plan, "networks"), i, network) sum +=
        (int64_t)json_array_size(json_arr(network, "subnets"));
    return sum;
}

/* ---- what is used: Neutron's quota does not say ---- */

static bool is_ours(const struct plan_ready_input *in, const json_t *item)
{
    return g_strcmp0(json_str(item, "project_id"), json_str(in->inventory, "project_id")) == 0;
}

static int64_t rules_used(const struct plan_ready_input *in)
{
    int64_t sum = 0;
    size_t i;
    json_t *group;

    json_array_foreach(json_arr(in->inventory, "security_groups"), i, group) sum +=
        (int64_t)json_array_size(json_arr(group, "security_group_rules"));
    return sum;
}

static int64_t list_used(const struct plan_ready_input *in, const char *list)
{
    int64_t count = 0;
    size_t i;
    json_t *item;

    json_array_foreach(json_arr(in->inventory, list), i, item) count += is_ours(in, item);
    return count;
}

/* ---- the limits ---- */

enum whose {
    NOVAS,         /* absolute limits: the limit under one key, what is used under another */
    CINDERS,       /* {limit, in_use, reserved} under one key */
    CINDERS_TYPES, /* the same, under the key with the volume type behind it */
    NEUTRONS,      /* the limit; what is used is counted in a list of the inventory */
};

/* clang-format off */
static const struct quota {
    enum ready_check check;
    enum whose whose;
    const char *limit;
    const char *used;  /* Nova's other key; Neutron's list, NULL: rules_used */
    wanted_fn *wanted;
    const char *unit;
} quotas[] = {
    {READY_INSTANCES, NOVAS, "maxTotalInstances", "totalInstancesUsed", servers_wanted, ""},
    {READY_CORES, NOVAS, "maxTotalCores", "totalCoresUsed", cores_wanted, ""},
    {READY_RAM, NOVAS, "maxTotalRAMSize", "totalRAMUsed", ram_wanted, " MiB"},
    {READY_SERVER_GROUPS, NOVAS, "maxServerGroups", "totalServerGroupsUsed", server_groups_wanted, ""},
    {READY_VOLUMES, CINDERS, "volumes", NULL, volumes_wanted, ""},
    {READY_GIGABYTES, CINDERS, "gigabytes", NULL, gigabytes_wanted, " GiB"},
    {READY_VOLUMES_OF_TYPE, CINDERS_TYPES, "volumes", NULL, volumes_wanted, ""},
    {READY_GIGABYTES_OF_TYPE, CINDERS_TYPES, "gigabytes", NULL, gigabytes_wanted, " GiB"},
    {READY_VOLUME_SIZE, CINDERS, "per_volume_gigabytes", NULL, largest_wanted, " GiB in one volume"},
    {READY_PORTS, NEUTRONS, "port", "ports", ports_wanted, ""},
    {READY_SECURITY_GROUPS, NEUTRONS, "security_group", "security_groups", security_groups_wanted, ""},
    {READY_SECURITY_RULES, NEUTRONS, "security_group_rule", NULL, rules_wanted, ""},
    {READY_FLOATING_IPS, NEUTRONS, "floatingip", "floating_ips", floating_wanted, ""},
    {READY_DRILL_NETWORKS, NEUTRONS, "network", "networks", networks_wanted, ""},
    {READY_DRILL_SUBNETS, NEUTRONS, "subnet", "subnets", subnets_wanted, ""},
};
static const char *const look_of[] = {
    [NOVAS] = "compute", [CINDERS] = "volume", [CINDERS_TYPES] = "volume", [NEUTRONS] = "network",
};
/* clang-format on */

/* All volumes of a group are of one type; Cinder knows its name, the metadata may have its id. */
static const json_t *cinders(const struct plan_ready_input *in, const struct quota *q,
                             const json_t *quotas_seen)
{
    const char *type = json_str_or(json_obj(in->seen, "backend"), "type",
                                   body_volume_type(in->body, json_str_or(in->plan, "target", "")));
    g_autofree char *key = q->whose == CINDERS_TYPES
                               ? g_strdup_printf("%s_%s", q->limit, type != NULL ? type : "")
                               : g_strdup(q->limit);

    return json_obj(quotas_seen, key);
}

/* How much of it a drill has that gives way. */
static int64_t drill_has(const struct plan_ready_input *in, const struct quota *q)
{
    struct plan_ready_input of = *in;

    of.plan = json_obj(json_obj(in->seen, "drill_left"), "plan");
    return q->whose == NEUTRONS || q->wanted == largest_wanted ? 0 : q->wanted(&of);
}

/* '*ret_limit' -1: there is none.  False: it is not told of. */
static bool quota_read(const struct plan_ready_input *in, const struct quota *q, const json_t *seen,
                       int64_t *ret_limit, int64_t *ret_used)
{
    switch (q->whose) {
    case NOVAS:
        *ret_limit = json_int(seen, q->limit, -1);
        *ret_used = json_int(seen, q->used, 0);
        break;
    case CINDERS:
    case CINDERS_TYPES:
        seen = cinders(in, q, seen);
        if (seen == NULL)
            return false;
        *ret_limit = json_int(seen, "limit", -1);
        *ret_used = json_int(seen, "in_use", 0) + json_int(seen, "reserved", 0);
        break;
    case NEUTRONS:
        *ret_limit = json_int(seen, q->limit, -1);
        *ret_used = q->used != NULL ? list_used(in, q->used) : rules_used(in);
        break;
    }
    return true;
}

static char *quota_text(const struct quota *q, int64_t wanted, int64_t limit, int64_t used,
                        int64_t freed)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%" G_GINT64_FORMAT "%s wanted, ", wanted, q->unit);
    if (limit < 0)
        g_string_append(text, "no limit");
    else
        g_string_append_printf(text, "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " in use", used,
                               limit);
    if (limit >= 0 && freed > 0)
        g_string_append_printf(text, ", %" G_GINT64_FORMAT " of them by a drill that gives way",
                               freed);
    return g_string_free(text, FALSE);
}

static void judge_quota(struct judging *j, const struct quota *q)
{
    const json_t *seen = NULL;
    int64_t limit = -1, used = 0;

    if (ready_then(q->check, j->in->kind) == READY_NOTHING || !judged_planned(j, q->check) ||
        (seen = judged_look(j, q->check, look_of[q->whose])) == NULL)
        return;
    if (!quota_read(j->in, q, seen, &limit, &used)) {
        judged_unknown(j, q->check, g_strdup("Cinder does not tell of it"));
        return;
    }
    int64_t wanted = q->wanted(j->in), freed = MIN(drill_has(j->in, q), used);
    char *text = quota_text(q, wanted, limit, used, freed);
    if (limit >= 0 && wanted > 0 && wanted > limit - used + freed)
        judged_failed(j, q->check, text);
    else
        judged_ok(j, q->check, text);
}

/* ---- free addresses ---- */

/* A port that leaves the choice of its address to Neutron. */
static bool wants_any(const json_t *nic, const char *network)
{
    return json_str(nic, "taken_over") == NULL && json_str(nic, "isolated") == NULL &&
           json_array_size(json_arr(nic, "fixed_ips")) == 0 &&
           g_strcmp0(json_str(nic, "network_id"), network) == 0;
}

/* How many such ports the plan has on a network; the addresses that it asks for go to 'asked'. */
static int64_t any_wanted(const struct plan_ready_input *in, const char *network, json_t *asked)
{
    int64_t count = 0;
    size_t i, k;
    json_t *member, *nic;

    json_array_foreach(json_arr(in->plan, "members"), i, member)
    {
        json_array_foreach(json_arr(member, "nics"), k, nic)
        {
            bool here = g_strcmp0(json_str(nic, "network_id"), network) == 0;
            count += boots(member) && wants_any(nic, network);
            if (here && boots(member) && json_str(nic, "taken_over") == NULL)
                json_array_append_new(asked, json_deep_copy(nic));
        }
    }
    return count;
}

static void network_full(struct judging *j, const json_t *network, GString *text)
{
    const char *id = json_str_or(network, "id", "");
    g_autoptr(json_t) asked = json_array();
    int64_t wanted = any_wanted(j->in, id, asked);
    int64_t free = wanted > 0 ? plan_addresses_free(j->in->inventory, id, asked) : 0;

    if (free >= 0 && free < wanted && !is_ours(j->in, network)) /* its use is not ours to tell */
        g_string_append_printf(text, "%snetwork '%s' has not enough free addresses",
                               text->len > 0 ? "; " : "", json_str_or(network, "name", id));
    else if (free >= 0 && free < wanted)
        g_string_append_printf(text,
                               "%snetwork '%s' has %" G_GINT64_FORMAT " free, %" G_GINT64_FORMAT
                               " wanted",
                               text->len > 0 ? "; " : "", json_str_or(network, "name", id), free,
                               wanted);
}

static void judge_addresses(struct judging *j)
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t i;
    json_t *network;

    if (!judged_planned(j, READY_ADDRESSES))
        return;
    json_array_foreach(json_arr(j->in->inventory, "networks"), i, network)
        network_full(j, network, text);
    if (text->len > 0)
        judged_failed(j, READY_ADDRESSES, g_strdup(text->str));
    else
        judged_ok(j, READY_ADDRESSES, g_strdup("enough"));
}

void judge_quotas(struct judging *j)
{
    judge_addresses(j);
    for (size_t i = 0; i < G_N_ELEMENTS(quotas); i++)
        judge_quota(j, &quotas[i]);
}
