/* SPDX-License-Identifier: Apache-2.0 */
/* readiness - see readiness.h. */
#include "model/readiness.h"

#include "base/env.h"

struct row {
    const char *id, *says, *needs;
    enum ready_by by;
    enum ready_then then[READY_KINDS]; /* unplanned, handover, drill */
    const char *remedy;
};

/* clang-format off */
#define NOTHING READY_NOTHING
#define NOTE READY_NOTE
#define LESS READY_LESS
#define PARTIAL READY_PARTIAL
#define HALTS READY_HALTS
#define UNDONE READY_UNDONE
#define REFUSED READY_REFUSED
#define TARGET READY_BY_TARGET
#define CLIENT READY_BY_CLIENT
static const struct row checks[READY_CHECKS] = {
    [READY_STATE] = {"group.state", "It may begin now", "the status of the group at both sites", CLIENT,
        {REFUSED, REFUSED, REFUSED}, "wait for what runs, or see protection-group show"},
    [READY_IN_SYNC] = {"group.in_sync", "Both sites hold the same version", "the position of the group at both sites", CLIENT,
        {LESS, REFUSED, LESS}, "protection-group sync-force"},
    [READY_PEER] = {"peer.api", "The other site answers", "its Keystone and its Protector, from where you are", CLIENT,
        {NOTE, REFUSED, NOTE}, "see that the other site runs and is reached; an unplanned failover does without it"},
    [READY_MEMBERS] = {"members.protected", "Every member is protected", "the metadata", TARGET,
        {NOTE, REFUSED, NOTE}, "remove the member and add it again"},
    [READY_POLICY] = {"policy", "It has a replication policy", "the metadata", TARGET,
        {REFUSED, REFUSED, REFUSED}, "protection-group policy-create"},
    [READY_DRIFT] = {"members.drift", "The servers are as they were captured", "the last look of the active site's engine", CLIENT,
        {LESS, LESS, LESS}, "any change of the group captures them anew, for example protection-group update GROUP --description TEXT"},
    [READY_TRUST] = {"trust", "A trust of the project works", "a login by trust", TARGET,
        {REFUSED, REFUSED, REFUSED}, "any command of a member of the project at that site makes a new one"},
    [READY_RIGHTS] = {"rights.volume_manage", "Tenants may manage volumes into Cinder", "Cinder's answer to a harmless manage", TARGET,
        {UNDONE, REFUSED, REFUSED}, "give the role member volume_extension:volume_manage and volume_unmanage in Cinder's policy"},
    [READY_BACKEND] = {"volume.backend", "The volume type is there and a backend serves it", "Cinder's types, pools and services", TARGET,
        {UNDONE, REFUSED, REFUSED}, "start and enable the cinder-volume that serves the type"},
    [READY_SOURCE] = {"source.cloud", "The other site's cloud lets this one in", "a login with its service credentials", TARGET,
        {NOTHING, REFUSED, NOTHING}, "store its service credentials: site create with --service-username"},
    [READY_NETWORKS] = {"mapping.networks", "Every network has its counterpart", "networks of the project", TARGET,
        {REFUSED, REFUSED, REFUSED}, "--network-mapping, or mapping-set"},
    [READY_FLAVORS] = {"mapping.flavors", "Every flavor has its counterpart", "flavors the project may use", TARGET,
        {REFUSED, REFUSED, REFUSED}, "--flavor-mapping, or mapping-set"},
    [READY_IMAGES] = {"mapping.images", "Every image has its counterpart", "images, where volumes are made of them", TARGET,
        {REFUSED, REFUSED, REFUSED}, "--image-mapping, or mapping-set"},
    [READY_OUTSIDE] = {"mapping.outside", "What is mapped is there", "zones, floating IPs and external networks", TARGET,
        {REFUSED, REFUSED, REFUSED}, "correct the mapping"},
    [READY_KEPT] = {"kept", "Servers are kept here", "servers that this site has kept", TARGET,
        {REFUSED, NOTHING, NOTHING}, "fail over from a recovery point: without --from kept"},
    [READY_KEYPAIRS] = {"keypairs", "Key pairs of these names are the same ones", "key pairs of the trust's user", TARGET,
        {LESS, LESS, LESS}, "rename or delete the other key pair at that site"},
    [READY_ADDRESSES] = {"network.addresses", "The networks have enough free addresses", "subnets, and every port on them", TARGET,
        {PARTIAL, REFUSED, REFUSED}, "widen the subnet's allocation pool, delete ports, or map to another network"},
    [READY_INSTANCES] = {"quota.instances", "Quota of instances", "Nova's limits of the project", TARGET,
        {PARTIAL, REFUSED, REFUSED}, "openstack quota set --instances N PROJECT"},
    [READY_CORES] = {"quota.cores", "Quota of cores", "Nova's limits of the project", TARGET,
        {PARTIAL, REFUSED, REFUSED}, "openstack quota set --cores N PROJECT"},
    [READY_RAM] = {"quota.ram", "Quota of memory", "Nova's limits of the project", TARGET,
        {PARTIAL, REFUSED, REFUSED}, "openstack quota set --ram MIB PROJECT"},
    [READY_SERVER_GROUPS] = {"quota.server_groups", "Quota of server groups", "Nova's limits of the project", TARGET,
        {LESS, LESS, REFUSED}, "openstack quota set --server-groups N PROJECT"},
    [READY_VOLUMES] = {"quota.volumes", "Quota of volumes", "Cinder's quotas of the project", TARGET,
        {UNDONE, REFUSED, REFUSED}, "openstack quota set --volumes N PROJECT"},
    [READY_GIGABYTES] = {"quota.gigabytes", "Quota of gigabytes", "Cinder's quotas of the project", TARGET,
        {UNDONE, REFUSED, REFUSED}, "openstack quota set --gigabytes N PROJECT"},
    [READY_VOLUMES_OF_TYPE] = {"quota.volumes_of_type", "Quota of volumes of the type", "Cinder's quotas of the project", TARGET,
        {UNDONE, REFUSED, REFUSED}, "openstack quota set --volumes N --volume-type TYPE PROJECT"},
    [READY_GIGABYTES_OF_TYPE] = {"quota.gigabytes_of_type", "Quota of gigabytes of the type", "Cinder's quotas of the project", TARGET,
        {UNDONE, REFUSED, REFUSED}, "openstack quota set --gigabytes N --volume-type TYPE PROJECT"},
    [READY_VOLUME_SIZE] = {"quota.per_volume_gigabytes", "Quota of gigabytes of one volume", "Cinder's quotas of the project", TARGET,
        {UNDONE, REFUSED, REFUSED}, "openstack quota set --per-volume-gigabytes N PROJECT"},
    [READY_PORTS] = {"quota.ports", "Quota of ports", "Neutron's quota and the project's ports", TARGET,
        {PARTIAL, REFUSED, REFUSED}, "openstack quota set --ports N PROJECT"},
    [READY_SECURITY_GROUPS] = {"quota.security_groups", "Quota of security groups", "Neutron's quota and the project's groups", TARGET,
        {HALTS, REFUSED, REFUSED}, "openstack quota set --secgroups N PROJECT"},
    [READY_SECURITY_RULES] = {"quota.security_group_rules", "Quota of security group rules", "Neutron's quota and the project's rules", TARGET,
        {HALTS, REFUSED, REFUSED}, "openstack quota set --secgroup-rules N PROJECT"},
    [READY_FLOATING_IPS] = {"quota.floating_ips", "Quota of floating IPs", "Neutron's quota and the project's floating IPs", TARGET,
        {LESS, LESS, NOTHING}, "openstack quota set --floating-ips N PROJECT"},
    [READY_DRILL_NETWORKS] = {"quota.networks", "Quota of networks, for isolated ones", "Neutron's quota and the project's networks", TARGET,
        {NOTHING, NOTHING, REFUSED}, "openstack quota set --networks N PROJECT, or map to a test network: --network-mapping"},
    [READY_DRILL_SUBNETS] = {"quota.subnets", "Quota of subnets, for isolated networks", "Neutron's quota and the project's subnets", TARGET,
        {NOTHING, NOTHING, REFUSED}, "openstack quota set --subnets N PROJECT, or map to a test network: --network-mapping"},
    [READY_POINT] = {"point", "There is a recovery point to recover from", "the points that this site's array lists", TARGET,
        {UNDONE, NOTHING, REFUSED}, "wait for the next recovery point; at the active site: consistency-group sync"},
    [READY_POINT_WHOLE] = {"point.whole", "The recovery point holds every member", "the same", TARGET,
        {LESS, NOTHING, LESS}, "wait for the next recovery point; at the active site: consistency-group sync"},
    [READY_LINK] = {"replication.link", "The arrays replicate to each other", "the storage driver's health", TARGET,
        {NOTE, REFUSED, NOTE}, "see to the connection of the arrays; consistency-group sync shows whether points arrive"},
    [READY_LAG] = {"replication.lag", "The newest recovery point is within the objective (RPO)", "the storage driver's health, and the policy", TARGET,
        {LESS, NOTE, LESS}, "see why points arrive late; or change the objective: policy-update --rpo-minutes"},
    [READY_WITNESS] = {"replication.witness", "The array can tell who is active", "what the storage driver can", TARGET,
        {NOTE, NOTE, NOTE}, "nothing: the clouds are asked instead"},
    [READY_REHEARSED] = {"drill.age", "A drill has passed lately", "drills of the group at this site", TARGET,
        {NOTE, NOTE, NOTE}, "protector test-failover GROUP --auto-cleanup"},
};
#undef NOTHING
#undef NOTE
#undef LESS
#undef PARTIAL
#undef HALTS
#undef UNDONE
#undef REFUSED
#undef TARGET
#undef CLIENT

static const struct {
    const char *text, *means;
} thens[READY_THENS] = {
    [READY_NOTHING] = {"nothing", "no bearing on it"},
    [READY_NOTE] = {"note", "it succeeds all the same"},
    [READY_LESS] = {"less", "it succeeds, with less than was protected"},
    [READY_PARTIAL] = {"partial", "the site is active, and the servers that are named wait for a person: retry, or skip"},
    [READY_HALTS] = {"halts", "the site is active, and no server starts until a person says retry"},
    [READY_UNDONE] = {"undone", "it fails before the site is active, and is taken back"},
    [READY_REFUSED] = {"refused", "it ends before anything is made"},
};
/* clang-format on */

static const char *const kinds[READY_KINDS] = {"unplanned failover", "planned failover or failback",
                                               "test failover"};
static const char *const results[] = {"ok", "failed", "unknown"};

const char *ready_kind_text(enum ready_kind kind)
{
    return kinds[kind];
}

const char *ready_then_text(enum ready_then then)
{
    return thens[then].text;
}

enum ready_then ready_then_of(const char *text)
{
    enum ready_then then = READY_NOTHING;

    while (then < READY_THENS && g_strcmp0(thens[then].text, text) != 0)
        then++;
    return then;
}

const char *ready_id(enum ready_check check)
{
    return checks[check].id;
}

const char *ready_says(enum ready_check check)
{
    return checks[check].says;
}

enum ready_by ready_by(enum ready_check check)
{
    return checks[check].by;
}

enum ready_then ready_then(enum ready_check check, enum ready_kind kind)
{
    return checks[check].then[kind];
}

const char *ready_remedy(enum ready_check check)
{
    return checks[check].remedy;
}

void ready_add(json_t *rows, enum ready_kind kind, enum ready_check check, enum ready_result result,
               char *seen, const char *remedy, int64_t now_ms)
{
    const struct row *c = &checks[check];
    enum ready_then then = c->then[kind];
    g_autofree char *text = seen;
    g_autofree char *at = time_format(now_ms);

    if (then == READY_NOTHING)
        return;
    json_t *row = json_object();
    json_set_str(row, "id", c->id);
    json_set_str(row, "says", c->says);
    json_set_str(row, "result", results[result]);
    json_set_str(row, "seen", text);
    json_set_str(row, "at", at);
    json_set_str(row, "then", thens[then].text);
    json_set_str(row, "means", thens[then].means);
    json_set_str(row, "remedy", remedy != NULL ? remedy : c->remedy);
    json_array_append_new(rows, row);
}

/* More than a note comes of it. */
static bool matters(const json_t *row, enum ready_then least)
{
    enum ready_then then = ready_then_of(json_str(row, "then"));

    return then >= least && then < READY_THENS;
}

/* The other site is lost: what that costs is no reason against its failover. */
static bool site_is_lost(const json_t *rows)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)rows, i, row)
    {
        if (g_strcmp0(json_str(row, "id"), checks[READY_PEER].id) == 0)
            return g_strcmp0(json_str(row, "result"), results[READY_OK]) != 0;
    }
    return false;
}

bool ready_all(const json_t *rows)
{
    enum ready_then least = site_is_lost(rows) ? READY_PARTIAL : READY_LESS;
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)rows, i, row)
    {
        const char *result = json_str(row, "result");
        bool failed = g_strcmp0(result, results[READY_FAILED]) == 0;
        bool unknown = !failed && g_strcmp0(result, results[READY_OK]) != 0;
        if ((failed && matters(row, least)) || (unknown && matters(row, READY_PARTIAL)))
            return false;
    }
    return true;
}

char *ready_failed(const json_t *rows, enum ready_then least, char **ret_remedy)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) remedy = g_string_new(NULL);
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)rows, i, row)
    {
        if (!matters(row, least) || g_strcmp0(json_str(row, "result"), "failed") != 0)
            continue;
        g_string_append_printf(text, "%s%s: %s", text->len > 0 ? "; " : "",
                               json_str_or(row, "id", "?"), json_str_or(row, "seen", "?"));
        g_string_append_printf(remedy, "%s%s", remedy->len > 0 ? "; " : "",
                               json_str_or(row, "remedy", ""));
    }
    if (text->len == 0)
        return NULL;
    *ret_remedy = g_string_free(g_steal_pointer(&remedy), FALSE);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *readiness_markdown(void)
{
    GString *s =
        g_string_new("\n## The checks\n\n| check | what must hold | looked at | judged by |");

    for (enum ready_kind kind = READY_UNPLANNED; kind < READY_KINDS; kind++)
        g_string_append_printf(s, " %s |", kinds[kind]);
    g_string_append(s, " what to do |\n|---|---|---|---|---|---|---|---|\n");
    for (enum ready_check check = READY_STATE; check < READY_CHECKS; check++) {
        const struct row *c = &checks[check];
        g_string_append_printf(s, "| `%s` | %s | %s | %s |", c->id, c->says, c->needs,
                               c->by == READY_BY_TARGET ? "the target's engine" : "the client");
        for (enum ready_kind kind = READY_UNPLANNED; kind < READY_KINDS; kind++)
            g_string_append_printf(s, " %s |",
                                   c->then[kind] == READY_NOTHING ? "" : thens[c->then[kind]].text);
        g_string_append_printf(s, " %s |\n", c->remedy);
    }
    g_string_append(s, "\n## What comes of it\n\n| word | if the check fails |\n|---|---|\n");
    for (enum ready_then then = READY_NOTE; then < READY_THENS; then++)
        g_string_append_printf(s, "| %s | %s |\n", thens[then].text, thens[then].means);
    return g_string_free(s, FALSE);
}
