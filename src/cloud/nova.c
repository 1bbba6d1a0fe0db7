/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nova - servers and what is around them.  See nova.h.
 */
#include "cloud/nova.h"

#include <string.h>

#define STATUS_UNKNOWN "UNKNOWN" /* of an object in a cell that is down */

/* ---- reading ---- */

err_t *nova_server_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/servers/%s", id);
    g_autoptr(json_t) server = NULL;
    TRY(cloud_call_object(c, CLOUD_COMPUTE, "GET", path, NULL, "server", &server));
    if (strcmp(nova_status(server), STATUS_UNKNOWN) == 0)
        return err(CLOUD_PARTIAL,
                   "%s: nova knows of server %s only that it exists: its cell is down",
                   cloud_name(c), id);
    *ret = TAKE(server);
    return NULL;
}

static bool any_unknown(const json_t *items)
{
    return cloud_find(items, "status", STATUS_UNKNOWN) != NULL;
}

err_t *nova_server_list(const struct cloud *c, const char *project_id, bool *ret_partial,
                        json_t **ret)
{
    /* No other filter and no limit: with one, Nova leaves servers of dead cells out silently. */
    g_autofree char *path =
        project_id != NULL ? cloud_path("/servers/detail?all_tenants=1&project_id=%s", project_id)
                           : g_strdup("/servers/detail");
    g_autoptr(json_t) servers = NULL;
    TRY(cloud_list(c, CLOUD_COMPUTE, path, "servers", &servers));
    bool partial = any_unknown(servers);
    if (partial && ret_partial == NULL)
        return err(CLOUD_PARTIAL, "%s: nova cannot list all servers: a cell is down",
                   cloud_name(c));
    if (ret_partial != NULL)
        *ret_partial = partial;
    *ret = TAKE(servers);
    return NULL;
}

err_t *nova_attachment_list(const struct cloud *c, const char *server_id, json_t **ret)
{
    g_autofree char *path = cloud_path("/servers/%s/os-volume_attachments", server_id);
    return cloud_list(c, CLOUD_COMPUTE, path, "volumeAttachments", ret);
}

err_t *nova_interface_list(const struct cloud *c, const char *server_id, json_t **ret)
{
    g_autofree char *path = cloud_path("/servers/%s/os-interface", server_id);
    return cloud_list(c, CLOUD_COMPUTE, path, "interfaceAttachments", ret);
}

err_t *nova_action_list(const struct cloud *c, const char *server_id, json_t **ret)
{
    g_autofree char *path = cloud_path("/servers/%s/os-instance-actions", server_id);
    return cloud_list(c, CLOUD_COMPUTE, path, "instanceActions", ret);
}

const char *nova_metadata(const json_t *server, const char *key)
{
    return json_str(json_obj(server, "metadata"), key);
}

/* ---- making ---- */

static void set_if(json_t *j, const char *key, const char *value)
{
    if (value != NULL)
        json_set_str(j, key, value);
}

static json_t *networks_of(const struct nova_new_server *s)
{
    if (s->port_count == 0)
        return json_string("none");
    json_t *networks = json_array();
    for (size_t i = 0; i < s->port_count; i++) {
        json_t *network = json_object();
        json_set_str(network, "port", s->ports[i]);
        json_array_append_new(networks, network);
    }
    return networks;
}

static json_t *volumes_of(const struct nova_new_server *s)
{
    json_t *mapping = json_array();
    for (size_t i = 0; i < s->volume_count; i++) {
        const struct nova_boot_volume *v = &s->volumes[i];
        json_t *row = json_object();
        json_set_str(row, "uuid", v->volume_id);
        json_set_str(row, "source_type", "volume");
        json_set_str(row, "destination_type", "volume");
        json_set_int(row, "boot_index", v->boot_index);
        json_set_bool(row, "delete_on_termination", false);
        set_if(row, "device_name", v->device);
        set_if(row, "tag", v->tag);
        json_array_append_new(mapping, row);
    }
    return mapping;
}

static json_t *server_body(const struct nova_new_server *s)
{
    json_t *server = json_object();
    json_set_str(server, "name", s->name);
    json_set_str(server, "flavorRef", s->flavor_id);
    set_if(server, "description", s->description);
    set_if(server, "key_name", s->key_name);
    set_if(server, "availability_zone", s->availability_zone);
    set_if(server, "user_data", s->user_data);
    json_set_bool(server, "config_drive", s->config_drive);
    json_set(server, "networks", networks_of(s));
    json_set(server, "block_device_mapping_v2", volumes_of(s));
    if (s->metadata != NULL)
        json_set(server, "metadata", json_deep_copy(s->metadata));
    if (s->tags != NULL && json_array_size(s->tags) > 0)
        json_set(server, "tags", json_deep_copy(s->tags));
    json_t *body = json_object();
    json_set(body, "server", server);
    if (s->server_group_id != NULL) {
        json_t *hints = json_object();
        json_set_str(hints, "group", s->server_group_id);
        json_set(body, "os:scheduler_hints", hints);
    }
    return body;
}

err_t *nova_server_create(const struct cloud *c, const struct nova_new_server *server, json_t **ret)
{
    g_assert(server->name != NULL && server->flavor_id != NULL);
    g_autoptr(json_t) body = server_body(server);
    json_t *made = NULL;
    TRY(cloud_call_object(c, CLOUD_COMPUTE, "POST", "/servers", body, "server", &made));
    json_object_del(made, "adminPass");
    *ret = made;
    return NULL;
}

err_t *nova_server_delete(const struct cloud *c, const char *id)
{
    g_autofree char *path = cloud_path("/servers/%s", id);
    return cloud_gone_is_fine(cloud_call(c, CLOUD_COMPUTE, "DELETE", path, NULL, NULL));
}

/* POST …/action {"<action>": value}.  Takes 'value' (NULL = null). */
static err_t *act(const struct cloud *c, const char *id, const char *action, json_t *value)
{
    g_autofree char *path = cloud_path("/servers/%s/action", id);
    g_autoptr(json_t) body = json_object();
    json_set(body, action, value);
    return cloud_call(c, CLOUD_COMPUTE, "POST", path, body, NULL);
}

err_t *nova_console(const struct cloud *c, const char *id, int lines, char **ret)
{
    g_autofree char *path = cloud_path("/servers/%s/action", id);
    g_autoptr(json_t) body = json_pack("{s:{s:i}}", "os-getConsoleOutput", "length", lines);
    g_autoptr(json_t) reply = NULL;
    TRY(cloud_call(c, CLOUD_COMPUTE, "POST", path, body, &reply));
    *ret = g_strdup(json_str_or(reply, "output", ""));
    return NULL;
}

err_t *nova_server_start(const struct cloud *c, const char *id)
{
    return act(c, id, "os-start", NULL);
}

err_t *nova_server_stop(const struct cloud *c, const char *id)
{
    return act(c, id, "os-stop", NULL);
}

err_t *nova_server_unrescue(const struct cloud *c, const char *id)
{
    return act(c, id, "unrescue", NULL);
}

err_t *nova_server_confirm_resize(const struct cloud *c, const char *id)
{
    return act(c, id, "confirmResize", NULL);
}

err_t *nova_server_lock(const struct cloud *c, const char *id, const char *reason)
{
    json_t *lock = json_object();
    json_set_str(lock, "locked_reason", reason);
    return act(c, id, "lock", lock);
}

err_t *nova_server_unlock(const struct cloud *c, const char *id)
{
    return act(c, id, "unlock", NULL);
}

err_t *nova_metadata_set(const struct cloud *c, const char *id, const json_t *metadata)
{
    g_autofree char *path = cloud_path("/servers/%s/metadata", id);
    g_autoptr(json_t) body = json_object();
    json_set(body, "metadata", json_deep_copy(metadata));
    return cloud_call(c, CLOUD_COMPUTE, "POST", path, body, NULL);
}

err_t *nova_metadata_delete(const struct cloud *c, const char *id, const char *key)
{
    g_autofree char *path = cloud_path("/servers/%s/metadata/%s", id, key);
    return cloud_gone_is_fine(cloud_call(c, CLOUD_COMPUTE, "DELETE", path, NULL, NULL));
}

err_t *nova_server_rename(const struct cloud *c, const char *id, const char *name)
{
    g_autofree char *path = cloud_path("/servers/%s", id);
    g_autoptr(json_t) server = json_object();
    g_autoptr(json_t) body = json_object();

    json_set_str(server, "name", name);
    json_set(body, "server", json_incref(server));
    return cloud_call(c, CLOUD_COMPUTE, "PUT", path, body, NULL);
}

err_t *nova_interface_detach(const struct cloud *c, const char *id, const char *port_id)
{
    g_autofree char *path = cloud_path("/servers/%s/os-interface/%s", id, port_id);
    return cloud_gone_is_fine(cloud_call(c, CLOUD_COMPUTE, "DELETE", path, NULL, NULL));
}

/* ---- around servers ---- */

err_t *nova_flavor_list(const struct cloud *c, bool all, json_t **ret)
{
    return cloud_list(c, CLOUD_COMPUTE, all ? "/flavors/detail?is_public=none" : "/flavors/detail",
                      "flavors", ret);
}

err_t *nova_flavor_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/flavors/%s", id);
    return cloud_call_object(c, CLOUD_COMPUTE, "GET", path, NULL, "flavor", ret);
}

err_t *nova_keypair_get(const struct cloud *c, const char *name, const char *user_id, json_t **ret)
{
    g_autofree char *path = user_id != NULL
                                ? cloud_path("/os-keypairs/%s?user_id=%s", name, user_id)
                                : cloud_path("/os-keypairs/%s", name);
    return cloud_call_object(c, CLOUD_COMPUTE, "GET", path, NULL, "keypair", ret);
}

err_t *nova_keypair_list(const struct cloud *c, json_t **ret)
{
    g_autoptr(json_t) rows = NULL;
    size_t i;
    json_t *row;

    TRY(cloud_list(c, CLOUD_COMPUTE, "/os-keypairs", "keypairs", &rows));
    json_t *keys = *ret = json_object();
    json_array_foreach(rows, i, row)
    {
        const json_t *key = json_obj(row, "keypair");
        json_set_str(keys, json_str_or(key, "name", ""), json_str(key, "public_key"));
    }
    return NULL;
}

err_t *nova_keypair_create(const struct cloud *c, const char *name, const char *type,
                           const char *public_key, json_t **ret)
{
    g_autoptr(json_t) body = json_object();
    json_t *keypair = json_object();
    json_set_str(keypair, "name", name);
    json_set_str(keypair, "type", type != NULL ? type : "ssh");
    json_set_str(keypair, "public_key", public_key);
    json_set(body, "keypair", keypair);
    return cloud_call_object(c, CLOUD_COMPUTE, "POST", "/os-keypairs", body, "keypair", ret);
}

err_t *nova_keypair_delete(const struct cloud *c, const char *name)
{
    g_autofree char *path = cloud_path("/os-keypairs/%s", name);
    return cloud_gone_is_fine(cloud_call(c, CLOUD_COMPUTE, "DELETE", path, NULL, NULL));
}

err_t *nova_group_list(const struct cloud *c, json_t **ret)
{
    return cloud_list(c, CLOUD_COMPUTE, "/os-server-groups", "server_groups", ret);
}

err_t *nova_group_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/os-server-groups/%s", id);
    return cloud_call_object(c, CLOUD_COMPUTE, "GET", path, NULL, "server_group", ret);
}

err_t *nova_group_create(const struct cloud *c, const char *name, const char *policy,
                         const json_t *rules, json_t **ret)
{
    g_autoptr(json_t) body = json_object();
    json_t *group = json_object();
    json_set_str(group, "name", name);
    json_set_str(group, "policy", policy);
    if (rules != NULL && json_object_size(rules) > 0)
        json_set(group, "rules", json_deep_copy(rules));
    json_set(body, "server_group", group);
    return cloud_call_object(c, CLOUD_COMPUTE, "POST", "/os-server-groups", body, "server_group",
                             ret);
}

err_t *nova_group_delete(const struct cloud *c, const char *id)
{
    g_autofree char *path = cloud_path("/os-server-groups/%s", id);
    return cloud_gone_is_fine(cloud_call(c, CLOUD_COMPUTE, "DELETE", path, NULL, NULL));
}

err_t *nova_zone_list(const struct cloud *c, json_t **ret)
{
    return cloud_list(c, CLOUD_COMPUTE, "/os-availability-zone", "availabilityZoneInfo", ret);
}

err_t *nova_limits(const struct cloud *c, json_t **ret)
{
    g_autoptr(json_t) limits = NULL;
    TRY(cloud_call_object(c, CLOUD_COMPUTE, "GET", "/limits", NULL, "limits", &limits));
    json_t *absolute = json_obj(limits, "absolute");
    if (absolute == NULL)
        return err(CLOUD_ERROR, "%s: nova GET /limits answered without 'absolute'", cloud_name(c));
    *ret = json_incref(absolute);
    return NULL;
}

err_t *nova_service_list(const struct cloud *c, json_t **ret)
{
    g_autoptr(json_t) services = NULL;
    TRY(cloud_list(c, CLOUD_COMPUTE, "/os-services", "services", &services));
    if (any_unknown(services))
        return err(CLOUD_PARTIAL, "%s: nova cannot list all its services: a cell is down",
                   cloud_name(c));
    *ret = TAKE(services);
    return NULL;
}
