/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_quotas - quotas: one row per resource; all are unlimited but rbac_policy, as in the
 * lab.
 */
#include "sim/neutron.h"

#include <string.h>

static const struct {
    const char *name;
    int limit;
    const char *table; /* counted there; NULL: there are none of it here */
} resources[] = {
    {"network", -1, "networks"},
    {"subnet", -1, "subnets"},
    {"subnetpool", -1, NULL},
    {"port", -1, "ports"},
    {"router", -1, "routers"},
    {"floatingip", -1, "floatingips"},
    {"rbac_policy", 10, NULL},
    {"security_group", -1, "security_groups"},
    {"security_group_rule", -1, "security_group_rules"},
};

static int64_t limit_of(struct site *site, const char *project_id, size_t i)
{
    return json_int(sim_site_row(site, "neutron_quotas", project_id), resources[i].name,
                    resources[i].limit);
}

static int64_t used_of(struct site *site, const char *project_id, size_t i)
{
    int64_t used = 0;
    const char *id = NULL;
    json_t *row = NULL;
    if (resources[i].table == NULL)
        return 0;
    sim_site_each(site, resources[i].table, id, row)
    {
        used += g_strcmp0(json_str(row, "project_id"), project_id) == 0;
    }
    return used;
}

struct http_response *sim_neutron_quota_check(struct call *call,
                                              const struct sim_neutron_kind *kind,
                                              const char *project_id)
{
    for (size_t i = 0; i < G_N_ELEMENTS(resources); i++) {
        if (strcmp(resources[i].name, kind->quota) != 0)
            continue;
        int64_t limit = limit_of(call->site, project_id, i);
        if (limit >= 0 && used_of(call->site, project_id, i) >= limit)
            return sim_call_fail_type(call, 409, "OverQuota",
                                      "Quota exceeded for resources: ['%s'].", kind->quota);
    }
    return NULL;
}

static struct http_response *quota_answer(struct call *call, const char *project_id)
{
    json_t *quota = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(resources); i++)
        json_set_int(quota, resources[i].name, limit_of(call->site, project_id, i));
    return sim_call_json(call, 200, js("{s:o}", "quota", quota));
}

static struct http_response *quota_gate(struct call *call, const char *rule)
{
    if (call->admin || g_strcmp0(call->arg[0], call->project_id) == 0)
        return NULL;
    return sim_call_forbid(call, rule);
}

struct http_response *sim_neutron_quota_show(struct call *call)
{
    struct http_response *refusal = quota_gate(call, "get_quota");
    return refusal != NULL ? refusal : quota_answer(call, call->arg[0]);
}

struct http_response *sim_neutron_quota_details(struct call *call)
{
    struct http_response *refusal = quota_gate(call, "get_quota");
    if (refusal != NULL)
        return refusal;
    json_t *quota = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(resources); i++)
        json_set(quota, resources[i].name,
                 js("{s:I, s:I, s:i}", "limit", (json_int_t)limit_of(call->site, call->arg[0], i),
                    "used", (json_int_t)used_of(call->site, call->arg[0], i), "reserved", 0));
    return sim_call_json(call, 200, js("{s:o}", "quota", quota));
}

struct http_response *sim_neutron_quota_update(struct call *call)
{
    const json_t *given = json_obj(call->body, "quota");
    if (given == NULL)
        return sim_call_fail_type(call, 400, "HTTPBadRequest",
                                  "Unable to find 'quota' in request body");
    json_t *row = sim_site_row(call->site, "neutron_quotas", call->arg[0]);
    if (row == NULL)
        row = sim_site_add(call->site, "neutron_quotas", js("{s:s}", "id", call->arg[0]));
    for (size_t i = 0; i < G_N_ELEMENTS(resources); i++) {
        json_t *value = json_object_get(given, resources[i].name);
        if (json_is_integer(value))
            json_object_set(row, resources[i].name, value);
    }
    return quota_answer(call, call->arg[0]);
}

struct http_response *sim_neutron_quota_delete(struct call *call)
{
    sim_site_drop(call->site, "neutron_quotas", call->arg[0]);
    return sim_call_empty(call, 204, NULL);
}
