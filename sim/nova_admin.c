/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_admin - zones, services, hypervisors, limits and quotas; and the corner of Placement
 * that clients look into.
 */
#include "sim/nova.h"

#include <string.h>

struct http_response *sim_nova_zones(struct call *call)
{
    return sim_call_json(call, 200,
                         js("{s:[{s:s, s:{s:b}, s:n}]}", "availabilityZoneInfo", "zoneName", "nova",
                            "zoneState", "available", 1, "hosts"));
}

struct http_response *sim_nova_zones_detail(struct call *call)
{
    g_autofree char *host = sim_nova_host(call->site);
    json_t *service = js("{s:b, s:b, s:o}", "available", 1, "active", 1, "updated_at",
                         js_stamp(call->sim->now_ms, STAMP_US));
    return sim_call_json(call, 200,
                         js("{s:[{s:s, s:{s:b}, s:{s:{s:o}}}]}", "availabilityZoneInfo", "zoneName",
                            "nova", "zoneState", "available", 1, "hosts", host, "nova-compute",
                            service));
}

struct http_response *sim_nova_services(struct call *call)
{
    static const char *const binaries[] = {"nova-conductor", "nova-scheduler", "nova-compute"};
    const char *binary = sim_call_query(call, "binary");
    g_autofree char *host = sim_nova_host(call->site);
    json_t *views = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(binaries); i++) {
        bool compute = strcmp(binaries[i], "nova-compute") == 0;
        if (binary != NULL && strcmp(binary, binaries[i]) != 0)
            continue;
        json_t *id = call->mv >= 53 ? js_take(g_strdup_printf("00000000-0000-4000-8000-%012zu", i))
                                    : json_integer((json_int_t)i + 1);
        json_t *view =
            js("{s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:n}", "binary", binaries[i], "host", host,
               "id", id, "zone", compute ? "nova" : "internal", "status", "enabled", "state", "up",
               "updated_at", js_stamp(call->sim->now_ms, STAMP_US), "disabled_reason");
        if (call->mv >= 11)
            json_set_bool(view, "forced_down", false);
        json_array_append_new(views, view);
    }
    return sim_call_json(call, 200, js("{s:o}", "services", views));
}

/* The sum of a flavor's number over the servers of a project (NULL: all). */
static int64_t used_of_flavor(struct site *site, const char *project_id, const char *key)
{
    int64_t sum = 0;
    const char *id = NULL;
    json_t *server = NULL;
    sim_site_each(site, "servers", id, server)
    {
        if (project_id == NULL || g_strcmp0(json_str(server, "project_id"), project_id) == 0)
            sum += json_int(json_obj(server, "flavor"), key, 0);
    }
    return sum;
}

int64_t sim_nova_used(struct site *site, const char *table, const char *project_id)
{
    int64_t count = 0;
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, table, id, row)
    {
        count += project_id == NULL || g_strcmp0(json_str(row, "project_id"), project_id) == 0;
    }
    return count;
}

struct http_response *sim_nova_hypervisors(struct call *call)
{
    g_autofree char *host = sim_nova_host(call->site);
    return sim_call_json(call, 200,
                         js("{s:[{s:i, s:s, s:s, s:s}]}", "hypervisors", "id", 1,
                            "hypervisor_hostname", host, "state", "up", "status", "enabled"));
}

struct http_response *sim_nova_hypervisors_detail(struct call *call)
{
    g_autofree char *host = sim_nova_host(call->site);
    int64_t servers = sim_nova_used(call->site, "servers", NULL);
    int64_t ram = 512 + used_of_flavor(call->site, NULL, "ram");
    json_t *view =
        js("{s:i, s:s, s:s, s:s, s:s, s:i, s:s, s:{s:i, s:s, s:n}}", "id", 1, "hypervisor_hostname",
           host, "state", "up", "status", "enabled", "hypervisor_type", "fake",
           "hypervisor_version", 1000, "host_ip", call->site->options.address, "service", "id", 3,
           "host", host, "disabled_reason");
    if (call->mv < 88) {
        json_t *numbers =
            js("{s:i, s:i, s:i, s:I, s:I, s:i, s:I, s:i, s:i, s:I, s:i, s:s}", "vcpus", 1000,
               "memory_mb", 800000, "local_gb", 600000, "vcpus_used",
               (json_int_t)used_of_flavor(call->site, NULL, "vcpus"), "memory_mb_used",
               (json_int_t)ram, "local_gb_used", 0, "free_ram_mb", (json_int_t)(800000 - ram),
               "free_disk_gb", 600000, "current_workload", 0, "running_vms", (json_int_t)servers,
               "disk_available_least", 0, "cpu_info",
               "{\"arch\": \"x86_64\", \"model\": \"Nehalem\", \"vendor\": \"Intel\", "
               "\"features\": [\"pge\", \"clflush\"], \"topology\": {\"cores\": 1, \"threads\": 1, "
               "\"sockets\": 4}}");
        json_object_update(view, numbers);
        json_decref(numbers);
    }
    return sim_call_json(call, 200, js("{s:[o]}", "hypervisors", view));
}

/* ---- quotas ---- */

static const struct {
    const char *name;
    int limit;
    int gone; /* from this microversion on it is not shown */
} quotas[] = {
    {"cores", -1, 0},
    {"fixed_ips", -1, 36},
    {"floating_ips", -1, 36},
    {"injected_file_content_bytes", 10240, 57},
    {"injected_file_path_bytes", 255, 57},
    {"injected_files", 5, 57},
    {"instances", -1, 0},
    {"key_pairs", 1000, 0},
    {"metadata_items", 128, 0},
    {"ram", -1, 0},
    {"security_group_rules", -1, 36},
    {"security_groups", -1, 36},
    {"server_group_members", 10, 0},
    {"server_groups", 100, 0},
};

int64_t sim_nova_quota_limit(struct site *site, const char *project_id, const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(quotas); i++) {
        if (strcmp(quotas[i].name, name) == 0)
            return json_int(sim_site_row(site, "nova_quotas", project_id), name, quotas[i].limit);
    }
    return -1;
}

/* "Quota exceeded for cores, instances: Requested 2, 1, but already used 4, 2 of 4, 2 cores, …" */
struct http_response *sim_nova_quota_check(struct call *call, int64_t servers, int64_t cores,
                                           int64_t ram_mb)
{
    struct site *site = call->site;
    const char *project = call->project_id;
    const struct {
        const char *name;
        int64_t more;
        int64_t used;
    } wants[] = {
        {"cores", cores, used_of_flavor(site, project, "vcpus")},
        {"instances", servers, sim_nova_used(site, "servers", project)},
        {"ram", ram_mb, used_of_flavor(site, project, "ram")},
    };
    g_autoptr(GString) names = g_string_new(NULL);
    g_autoptr(GString) more = g_string_new(NULL);
    g_autoptr(GString) used = g_string_new(NULL);
    g_autoptr(GString) limits = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(wants); i++) {
        int64_t limit = sim_nova_quota_limit(site, project, wants[i].name);
        if (limit < 0 || wants[i].used + wants[i].more <= limit)
            continue;
        const char *comma = names->len > 0 ? ", " : "";
        g_string_append_printf(names, "%s%s", comma, wants[i].name);
        g_string_append_printf(more, "%s%" G_GINT64_FORMAT, comma, wants[i].more);
        g_string_append_printf(used, "%s%" G_GINT64_FORMAT, comma, wants[i].used);
        g_string_append_printf(limits, "%s%" G_GINT64_FORMAT, comma, limit);
    }
    if (names->len == 0)
        return NULL;
    return sim_call_fail(call, 403,
                         "Quota exceeded for %s: Requested %s, but already used %s of %s %s",
                         names->str, more->str, used->str, limits->str, names->str);
}

static json_t *quota_set(struct call *call, const char *project_id)
{
    json_t *set = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(quotas); i++) {
        if (quotas[i].gone == 0 || call->mv < quotas[i].gone)
            json_set_int(set, quotas[i].name,
                         sim_nova_quota_limit(call->site, project_id, quotas[i].name));
    }
    return set;
}

struct http_response *sim_nova_quota_show(struct call *call)
{
    if (!call->admin && g_strcmp0(call->arg[0], call->project_id) != 0)
        return sim_call_forbid(call, "os_compute_api:os-quota-sets:show");
    json_t *set = quota_set(call, call->arg[0]);
    json_set_str(set, "id", call->arg[0]);
    return sim_call_json(call, 200, js("{s:o}", "quota_set", set));
}

struct http_response *sim_nova_quota_update(struct call *call)
{
    const json_t *given = json_obj(call->body, "quota_set");
    if (given == NULL)
        return sim_call_fail(call, 400, "Invalid input for field/attribute quota_set.");
    json_t *row = sim_site_row(call->site, "nova_quotas", call->arg[0]);
    if (row == NULL)
        row = sim_site_add(call->site, "nova_quotas", js("{s:s}", "id", call->arg[0]));
    for (size_t i = 0; i < G_N_ELEMENTS(quotas); i++) {
        json_t *value = json_object_get(given, quotas[i].name);
        if (json_is_integer(value))
            json_object_set(row, quotas[i].name, value);
    }
    return sim_call_json(call, 200, js("{s:o}", "quota_set", quota_set(call, call->arg[0])));
}

struct http_response *sim_nova_quota_delete(struct call *call)
{
    sim_site_drop(call->site, "nova_quotas", call->arg[0]);
    return sim_call_empty(call, 202, "application/json");
}

struct http_response *sim_nova_limits(struct call *call)
{
    static const struct {
        const char *shown;
        const char *quota;
        int gone;
    } rows[] = {
        {"maxTotalInstances", "instances", 0},
        {"maxTotalCores", "cores", 0},
        {"maxTotalRAMSize", "ram", 0},
        {"maxServerMeta", "metadata_items", 0},
        {"maxImageMeta", "metadata_items", 39},
        {"maxPersonality", "injected_files", 57},
        {"maxPersonalitySize", "injected_file_content_bytes", 57},
        {"maxTotalKeypairs", "key_pairs", 0},
        {"maxServerGroups", "server_groups", 0},
        {"maxServerGroupMembers", "server_group_members", 0},
        {"maxTotalFloatingIps", "floating_ips", 36},
        {"maxSecurityGroups", "security_groups", 36},
        {"maxSecurityGroupRules", "security_group_rules", 36},
    };
    struct site *site = call->site;
    const char *project = call->project_id;
    json_t *absolute = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].gone == 0 || call->mv < rows[i].gone)
            json_set_int(absolute, rows[i].shown,
                         sim_nova_quota_limit(site, project, rows[i].quota));
    }
    json_set_int(absolute, "totalRAMUsed", used_of_flavor(site, project, "ram"));
    json_set_int(absolute, "totalCoresUsed", used_of_flavor(site, project, "vcpus"));
    json_set_int(absolute, "totalInstancesUsed", sim_nova_used(site, "servers", project));
    json_set_int(absolute, "totalServerGroupsUsed", sim_nova_used(site, "server_groups", project));
    if (call->mv < 36) {
        json_set_int(absolute, "totalFloatingIpsUsed", 0);
        json_set_int(absolute, "totalSecurityGroupsUsed", 0);
    }
    return sim_call_json(call, 200, js("{s:{s:[], s:o}}", "limits", "rate", "absolute", absolute));
}

/* ---- placement ---- */

static struct http_response *sim_placement_fail(struct call *call, int status, const char *type,
                                                const char *message)
{
    (void)type;
    return sim_call_json(call, status,
                         js("{s:[{s:i, s:s, s:s}]}", "errors", "status", status, "title",
                            sim_call_reason(status), "detail", message));
}

static void sim_placement_decorate(struct call *call, struct http_response *resp)
{
    g_autofree char *id = env_id(call->sim->env, "req-");
    http_response_set(resp, "openstack-api-version", "placement 1.0");
    http_response_set(resp, "vary", "openstack-api-version");
    http_response_set(resp, "x-openstack-request-id", id);
}

static struct http_response *sim_placement_versions(struct call *call)
{
    return sim_call_json(call, 200,
                         js("{s:[{s:s, s:s, s:s, s:s, s:[{s:s, s:s}]}]}", "versions", "id", "v1.0",
                            "max_version", "1.39", "min_version", "1.0", "status", "CURRENT",
                            "links", "rel", "self", "href", ""));
}

static struct http_response *sim_placement_providers(struct call *call)
{
    g_autofree char *host = sim_nova_host(call->site);
    g_autofree char *id =
        g_strdup_printf("00000000-0000-4000-8000-00000000000%d", call->site->index + 1);
    static const char *const parts[] = {"", "/inventories", "/usages"};
    static const char *const rels[] = {"self", "inventories", "usages"};
    json_t *links = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *href = g_strdup_printf("/resource_providers/%s%s", id, parts[i]);
        json_array_append_new(links, js("{s:s, s:s}", "rel", rels[i], "href", href));
    }
    return sim_call_json(call, 200,
                         js("{s:[{s:s, s:s, s:i, s:o}]}", "resource_providers", "uuid", id, "name",
                            host, "generation", 1, "links", links));
}

static const struct route sim_placement_routes[] = {
    {"GET", "", sim_placement_versions, NULL, 0, ROUTE_PUBLIC},
    {"GET", "resource_providers", sim_placement_providers, "placement:resource_providers:list", 0,
     0},
    {NULL, NULL, NULL, NULL, 0, 0},
};

const struct service sim_placement_service = {
    .id = SIM_PLACEMENT,
    .routes = sim_placement_routes,
    .fail = sim_placement_fail,
    .decorate = sim_placement_decorate,
};
