/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_manage - taking volumes of the backend under management, and listing those that could
 * be.
 *
 * As in the real service (cinder/volume/flows/manager/manage_existing.py) a request whose reference
 * is not there, or for which no quota is left, is accepted; the volume then ends in error_managing.
 * By the lab's policy tenants may manage, but the listing wants an admin whatever the policy says.
 */
#include "sim/cinder.h"

#include <string.h>

#include "sim/advance.h"

char *sim_cinder_service_host(struct site *site)
{
    return g_strdup_printf("cinder-%s@%s", site->options.suffix, CINDER_BACKEND);
}

char *sim_cinder_host(struct site *site)
{
    return g_strdup_printf("cinder-%s@%s#%s", site->options.suffix, CINDER_BACKEND, CINDER_BACKEND);
}

/* True iff a volume service of that name runs; the pool is not looked at. */
static bool host_known(struct site *site, const char *host)
{
    g_autofree char *own = sim_cinder_service_host(site);
    g_auto(GStrv) parts = g_strsplit(host, "#", 2);
    return strcmp(parts[0], own) == 0;
}

/* NULL: the request makes sense. */
static struct http_response *manage_check(struct call *call, const json_t *asked)
{
    static const char *const known[] = {"description", "availability_zone",
                                        "bootable",    "volume_type",
                                        "name",        "host",
                                        "ref",         "metadata",
                                        "cluster"};
    const json_t *ref = json_object_get(asked, "ref");
    if (ref == NULL)
        return sim_call_fail(call, 400,
                             "Invalid input for field/attribute volume. 'ref' is a required "
                             "property");
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)asked, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
            found = found || strcmp(known[i], key) == 0;
        if (!found || (strcmp(key, "cluster") == 0 && call->mv < 16))
            return sim_call_fail(
                call, 400,
                "Invalid input for field/attribute volume. Additional properties are "
                "not allowed ('%s' was unexpected)",
                key);
    }
    const char *host = json_str(asked, "host");
    if (host == NULL || *host == '\0')
        return sim_call_fail(call, 400, "Invalid input received: %s",
                             call->mv >= 16 ? "One and only one of cluster and host must be set."
                                            : "Host field is missing.");
    const char *type = json_str(asked, "volume_type");
    if (type != NULL && sim_cinder_type_named(call->site, type) == NULL)
        return sim_call_fail(call, 400,
                             "Invalid volume type: Cannot find requested '%s' volume type", type);
    const char *name = json_str_or(ref, "source-name", "");
    if (g_str_has_prefix(name, "volume-") &&
        sim_site_row(call->site, "volumes", name + strlen("volume-")) != NULL)
        return sim_call_fail(call, 400,
                             "Invalid volume: Unable to manage existing volume. The volume "
                             "is already managed");
    if (!host_known(call->site, host))
        return sim_call_fail(call, 400, "Host '%s' not found", host);
    return NULL;
}

struct http_response *sim_cinder_manage_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "volume");
    struct http_response *refusal = manage_check(call, asked);
    if (refusal != NULL)
        return refusal;
    const char *type_name = json_str(asked, "volume_type");
    const json_t *type = type_name != NULL ? sim_cinder_type_named(call->site, type_name)
                                           : sim_cinder_default_type(call->site);
    json_t *metadata = json_obj(asked, "metadata");
    json_t *fields =
        js("{s:s, s:o, s:o, s:o, s:O, s:b, s:s, s:n}", "status", "managing", "name",
           js_str(json_str(asked, "name")), "description", js_str(json_str(asked, "description")),
           "metadata", metadata != NULL ? json_deep_copy(metadata) : json_object(), "ref",
           json_object_get(asked, "ref"), "bootable", json_bool(asked, "bootable", false), "host",
           json_str(asked, "host"), "service_uuid");
    json_t *volume = sim_cinder_volume_add(call->site, call->project_id, call->user_id,
                                           json_str(type, "id"), 0, fields);
    sim_advance_add(call->site, EVENT_VOLUME_MANAGE, json_str(volume, "id"),
                    call->sim->options.latency.manage_ms);
    return sim_call_json(call, 202,
                         js("{s:o}", "volume",
                            sim_cinder_volume_view(call, volume, CINDER_VIEW_MANAGED)));
}

void sim_cinder_manage_done(struct site *site, const char *id)
{
    json_t *volume = sim_site_row(site, "volumes", id);
    if (volume == NULL || strcmp(json_str(volume, "status"), "managing") != 0)
        return;
    const char *from = json_str(json_object_get(volume, "ref"), "source-name");
    g_autofree char *to = sim_cinder_volume_name(id);
    int64_t size_gb = sim_cinder_file_size_gb(site, from);
    bool good = size_gb >= 0 && sim_cinder_quota_managed(site, volume, size_gb) &&
                sim_cinder_file_rename(site, from, to);
    json_set_int(volume, "updated_ms", site->sim->now_ms);
    if (!good) {
        json_set_str(volume, "status", "error_managing");
        return;
    }
    const json_t *type = sim_site_row(site, "volume_types", json_str(volume, "type_id"));
    json_set_str(volume, "status", "available");
    json_set_int(volume, "size", size_gb);
    json_set_str(volume, "replication_status",
                 sim_cinder_type_replicated(type) ? "enabled" : "disabled");
}

/* ---- what could be managed ---- */

static json_t *manageable_entry(struct site *site, const char *name, bool detail)
{
    const char *id = g_str_has_prefix(name, "volume-") ? name + strlen("volume-") : NULL;
    bool managed = id != NULL && sim_site_row(site, "volumes", id) != NULL;
    json_t *entry = js("{s:{s:s}, s:I, s:b}", "reference", "source-name", name, "size",
                       (json_int_t)sim_cinder_file_size_gb(site, name), "safe_to_manage", !managed);
    if (detail) {
        json_set(entry, "reason_not_safe", js_str(managed ? "already managed" : NULL));
        json_set(entry, "cinder_id", js_str(managed ? id : NULL));
        json_set(entry, "extra_info", NULL);
    }
    return entry;
}

static struct http_response *manageable(struct call *call, bool detail)
{
    if (!call->admin)
        return sim_call_fail(call, 403,
                             "User does not have admin privileges\nTraceback (most recent "
                             "call last):\n\n  File \"/usr/lib/python3/dist-packages/cinder/"
                             "db/sqlalchemy/api.py\", line 160, in wrapper\n    raise "
                             "exception.AdminRequired()\n\ncinder.exception.AdminRequired: "
                             "User does not have admin privileges\n");
    const char *host = sim_call_query(call, "host");
    if (host == NULL)
        return sim_call_fail(call, 400, "Invalid input received: Host field is missing.");
    if (!host_known(call->site, host))
        return sim_call_fail(call, 400, "Service %s could not be found.", host);
    g_autoptr(json_t) names = sim_cinder_file_list(call->site);
    json_t *entries = json_array();
    size_t i = 0;
    json_t *name = NULL;
    json_array_foreach(names, i, name)
        json_array_append_new(entries,
                              manageable_entry(call->site, json_string_value(name), detail));
    return sim_call_json(call, 200, js("{s:o}", "manageable-volumes", entries));
}

struct http_response *sim_cinder_manage_list(struct call *call)
{
    return manageable(call, false);
}

struct http_response *sim_cinder_manage_detail(struct call *call)
{
    return manageable(call, true);
}
