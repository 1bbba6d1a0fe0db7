/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_admin - services, pools, limits, quotas and what else surrounds the volumes.
 */
#include "sim/cinder.h"

#include <string.h>

/* ---- services and pools ---- */

static json_t *service_view(struct call *call, const char *binary, const char *host)
{
    bool volume = strcmp(binary, "cinder-volume") == 0;
    json_t *view =
        js("{s:s, s:s, s:s, s:s, s:s, s:o}", "binary", binary, "host", host, "zone", "nova",
           "status", "enabled", "state", "up", "updated_at", js_stamp(call->sim->now_ms, STAMP_US));
    if (volume && call->mv >= 49)
        json_set_str(view, "backend_state", "up");
    if (call->mv >= 7)
        json_set(view, "cluster", NULL);
    json_set(view, "disabled_reason", NULL);
    if (volume) {
        json_set_str(view, "replication_status", "enabled");
        json_set(view, "active_backend_id", NULL);
        json_set_bool(view, "frozen", false);
    }
    return view;
}

struct http_response *sim_cinder_services(struct call *call)
{
    if (!call->admin) /* the policy may allow it; the database layer does not */
        return sim_call_fail(call, 403, "User does not have admin privileges");
    g_autofree char *scheduler = g_strconcat("cinder-", call->site->options.suffix, NULL);
    g_autofree char *volume = sim_cinder_service_host(call->site);
    const char *const rows[][2] = {{"cinder-scheduler", scheduler}, {"cinder-volume", volume}};
    const char *binary = sim_call_query(call, "binary");
    const char *host = sim_call_query(call, "host");
    json_t *views = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if ((binary == NULL || strcmp(binary, rows[i][0]) == 0) &&
            (host == NULL || strcmp(host, rows[i][1]) == 0))
            json_array_append_new(views, service_view(call, rows[i][0], rows[i][1]));
    }
    return sim_call_json(call, 200, js("{s:o}", "services", views));
}

static int64_t used_gb(struct site *site, const char *project_id, const char *type_id)
{
    int64_t total_gb = 0;
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, "volumes", id, row)
    {
        if ((project_id == NULL || g_strcmp0(json_str(row, "project_id"), project_id) == 0) &&
            (type_id == NULL || g_strcmp0(json_str(row, "type_id"), type_id) == 0))
            total_gb += json_int(row, "size", 0);
    }
    return total_gb;
}

static int64_t used_rows(struct site *site, const char *table, const char *project_id,
                         const char *type_id)
{
    int64_t count = 0;
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, table, id, row)
    {
        count += g_strcmp0(json_str(row, "project_id"), project_id) == 0 &&
                 (type_id == NULL || g_strcmp0(json_str(row, "type_id"), type_id) == 0);
    }
    return count;
}

struct http_response *sim_cinder_pools(struct call *call)
{
    g_autofree char *name = sim_cinder_host(call->site);
    json_t *pool = js("{s:s}", "name", name);
    const char *detail = sim_call_query(call, "detail");
    if (detail != NULL && g_ascii_strcasecmp(detail, "true") == 0) {
        int64_t used = used_gb(call->site, NULL, NULL);
        json_t *c =
            js("{s:s, s:i, s:f, s:f, s:i, s:f, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, "
               "s:[s], s:[s], s:I, s:s, s:s, s:s, s:s, s:o, s:n, s:n}",
               "pool_name", CINDER_BACKEND, "total_capacity_gb", 10000, "free_capacity_gb",
               10000.0 - (double)used, "provisioned_capacity_gb", (double)used,
               "reserved_percentage", 0, "max_over_subscription_ratio", 20.0,
               "thin_provisioning_support", 1, "thick_provisioning_support", 0, "QoS_support", 0,
               "multiattach", 1, "online_extend_support", 1, "consistent_group_snapshot_enabled", 1,
               "consistent_group_replication_enabled", 1, "replication_enabled", 1,
               "replication_type", "async", "replication_targets", "remote",
               "allocated_capacity_gb", (json_int_t)used, "volume_backend_name", CINDER_BACKEND,
               "storage_protocol", "local", "vendor_name", "Lab", "driver_version", "1.0",
               "timestamp", js_stamp(call->sim->now_ms, STAMP_EXACT), "filter_function",
               "goodness_function");
        json_set(pool, "capabilities", c);
    }
    return sim_call_json(call, 200, js("{s:[o]}", "pools", pool));
}

/* ---- quotas ---- */

static const struct {
    const char *name;
    const char *table; /* counted there; NULL: not counted */
} quotas[] = {
    {"volumes", "volumes"},     {"per_volume_gigabytes", NULL},
    {"snapshots", "snapshots"}, {"gigabytes", NULL},
    {"backups", NULL},          {"backup_gigabytes", NULL},
};

static int64_t quota_limit(struct site *site, const char *project_id, const char *name)
{
    return json_int(sim_site_row(site, "cinder_quotas", project_id), name, -1);
}

static int64_t quota_used(struct site *site, const char *project_id, const char *name,
                          const char *type_id)
{
    if (strcmp(name, "gigabytes") == 0)
        return used_gb(site, project_id, type_id);
    if (strcmp(name, "volumes") == 0 || strcmp(name, "groups") == 0 ||
        (strcmp(name, "snapshots") == 0 && type_id == NULL))
        return used_rows(site, name, project_id, type_id);
    return 0;
}

static char *quota_name(const char *name, const json_t *type)
{
    return type != NULL ? g_strdup_printf("%s_%s", name, json_str(type, "name")) : g_strdup(name);
}

/* The 413 if 'more' of a resource do not fit, of all types or of one. */
static struct http_response *quota_fits(struct call *call, const char *name, int64_t more,
                                        const json_t *type)
{
    g_autofree char *typed = quota_name(name, type);
    int64_t limit = quota_limit(call->site, call->project_id, typed);
    int64_t used = quota_used(call->site, call->project_id, name, json_str(type, "id"));
    if (more <= 0 || limit < 0 || used + more <= limit)
        return NULL;
    if (strcmp(name, "gigabytes") == 0)
        return sim_call_fail(
            call, 413,
            "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds "
            "allowed %s quota. Requested %" G_GINT64_FORMAT "G, quota is %" G_GINT64_FORMAT
            "G and %" G_GINT64_FORMAT "G has been consumed.",
            typed, more, limit, used);
    if (strcmp(name, "snapshots") == 0)
        return sim_call_fail(call, 413,
                             "SnapshotLimitExceeded: Maximum number of snapshots allowed "
                             "(%" G_GINT64_FORMAT ") exceeded",
                             limit);
    if (strcmp(name, "groups") == 0)
        return sim_call_fail(
            call, 413,
            "GroupLimitExceeded: Maximum number of groups allowed (%" G_GINT64_FORMAT ") exceeded",
            limit);
    return sim_call_fail(call, 413,
                         "VolumeLimitExceeded: Maximum number of volumes allowed (%" G_GINT64_FORMAT
                         ") exceeded for quota '%s'.",
                         limit, typed);
}

struct http_response *sim_cinder_quota_check(struct call *call, int64_t volumes, int64_t gigabytes,
                                             int64_t snapshots, const json_t *type)
{
    const struct {
        const char *name;
        int64_t more;
    } wants[] = {{"volumes", volumes}, {"snapshots", snapshots}, {"gigabytes", gigabytes}};
    for (size_t i = 0; i < G_N_ELEMENTS(wants); i++) {
        struct http_response *refusal = quota_fits(call, wants[i].name, wants[i].more, NULL);
        if (refusal == NULL && type != NULL)
            refusal = quota_fits(call, wants[i].name, wants[i].more, type);
        if (refusal != NULL)
            return refusal;
    }
    return NULL;
}

struct http_response *sim_cinder_quota_size(struct call *call, int64_t size_gb)
{
    int64_t limit = quota_limit(call->site, call->project_id, "per_volume_gigabytes");
    if (limit < 0 || size_gb <= limit)
        return NULL;
    return sim_call_fail(call, 413,
                         "VolumeSizeExceedsLimit: Requested volume size %" G_GINT64_FORMAT
                         "G is larger than maximum allowed limit %" G_GINT64_FORMAT "G.",
                         size_gb, limit);
}

/* Of all types, or of one; the rows that count are there already. */
static bool quota_kept(struct site *site, const char *project, const char *name, const json_t *type,
                       int64_t more)
{
    g_autofree char *typed = quota_name(name, type);
    int64_t limit = quota_limit(site, project, typed);
    int64_t used = quota_used(site, project, name, json_str(type, "id"));
    return limit < 0 || used + more <= limit;
}

bool sim_cinder_quota_managed(struct site *site, const json_t *volume, int64_t size_gb)
{
    const char *project = json_str(volume, "project_id");
    const json_t *type = sim_site_row(site, "volume_types", json_str(volume, "type_id"));
    int64_t most_gb = quota_limit(site, project, "per_volume_gigabytes");
    return quota_kept(site, project, "volumes", NULL, 0) &&
           quota_kept(site, project, "volumes", type, 0) &&
           quota_kept(site, project, "gigabytes", NULL, size_gb) &&
           quota_kept(site, project, "gigabytes", type, size_gb) &&
           (most_gb < 0 || size_gb <= most_gb);
}

struct http_response *sim_cinder_quota_groups(struct call *call)
{
    return quota_fits(call, "groups", 1, NULL);
}

/* One entry of a quota set: the limit, or with usage the three numbers. */
static void quota_entry(struct call *call, json_t *set, const char *project_id, const char *name,
                        const json_t *type, bool usage)
{
    g_autofree char *typed = quota_name(name, type);
    int64_t limit = quota_limit(call->site, project_id, typed);
    if (!usage) {
        json_set_int(set, typed, limit);
        return;
    }
    int64_t used = quota_used(call->site, project_id, name, json_str(type, "id"));
    json_set(set, typed,
             js("{s:I, s:I, s:i}", "limit", (json_int_t)limit, "in_use", (json_int_t)used,
                "reserved", 0));
}

static json_t *quota_set(struct call *call, const char *project_id, bool usage)
{
    static const char *const typed[] = {"volumes", "gigabytes", "snapshots"};
    json_t *set = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(quotas); i++)
        quota_entry(call, set, project_id, quotas[i].name, NULL, usage);
    const char *id = NULL;
    json_t *type = NULL;
    sim_site_each(call->site, "volume_types", id, type)
    {
        for (size_t i = 0; i < G_N_ELEMENTS(typed); i++)
            quota_entry(call, set, project_id, typed[i], type, usage);
    }
    quota_entry(call, set, project_id, "groups", NULL, usage);
    return set;
}

struct http_response *sim_cinder_quota_show(struct call *call)
{
    if (!call->admin && g_strcmp0(call->arg[0], call->project_id) != 0)
        return sim_call_forbid(call, "volume_extension:quotas:show");
    const char *usage = sim_call_query(call, "usage");
    json_t *set =
        quota_set(call, call->arg[0], usage != NULL && g_ascii_strcasecmp(usage, "true") == 0);
    json_set_str(set, "id", call->arg[0]);
    return sim_call_json(call, 200, js("{s:o}", "quota_set", set));
}

struct http_response *sim_cinder_quota_update(struct call *call)
{
    const json_t *given = json_obj(call->body, "quota_set");
    if (given == NULL)
        return sim_call_fail(call, 400, "'quota_set' is a required property");
    json_t *row = sim_site_row(call->site, "cinder_quotas", call->arg[0]);
    if (row == NULL)
        row = sim_site_add(call->site, "cinder_quotas", js("{s:s}", "id", call->arg[0]));
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)given, key, value)
    {
        if (json_is_integer(value))
            json_set_int(row, key, json_integer_value(value));
    }
    return sim_call_json(call, 200, js("{s:o}", "quota_set", quota_set(call, call->arg[0], false)));
}

struct http_response *sim_cinder_quota_delete(struct call *call)
{
    sim_site_drop(call->site, "cinder_quotas", call->arg[0]);
    return sim_call_empty(call, 200, "application/json");
}

struct http_response *sim_cinder_limits(struct call *call)
{
    const char *project = call->project_id;
    struct site *site = call->site;
    json_t *absolute =
        js("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "maxTotalVolumes",
           (json_int_t)quota_limit(site, project, "volumes"), "maxTotalSnapshots",
           (json_int_t)quota_limit(site, project, "snapshots"), "maxTotalVolumeGigabytes",
           (json_int_t)quota_limit(site, project, "gigabytes"), "maxTotalBackups",
           (json_int_t)quota_limit(site, project, "backups"), "maxTotalBackupGigabytes",
           (json_int_t)quota_limit(site, project, "backup_gigabytes"), "totalVolumesUsed",
           (json_int_t)used_rows(site, "volumes", project, NULL), "totalGigabytesUsed",
           (json_int_t)used_gb(site, project, NULL), "totalSnapshotsUsed",
           (json_int_t)used_rows(site, "snapshots", project, NULL), "totalBackupsUsed", 0,
           "totalBackupGigabytesUsed", 0);
    return sim_call_json(call, 200, js("{s:{s:[], s:o}}", "limits", "rate", "absolute", absolute));
}

struct http_response *sim_cinder_messages(struct call *call)
{
    return sim_call_json(call, 200, js("{s:[]}", "messages"));
}

struct http_response *sim_cinder_zones(struct call *call)
{
    return sim_call_json(call, 200,
                         js("{s:[{s:s, s:{s:b}}]}", "availabilityZoneInfo", "zoneName", "nova",
                            "zoneState", "available", 1));
}
