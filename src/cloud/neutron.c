/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neutron - networks, ports, security groups, floating IPs.  See neutron.h.
 */
#include "cloud/neutron.h"

#include <string.h>

static void set_if(json_t *j, const char *key, const char *value)
{
    if (value != NULL)
        json_set_str(j, key, value);
}

static json_t *envelope(const char *key, json_t *value)
{
    json_t *body = json_object();
    json_set(body, key, value);
    return body;
}

/* ---- lists ---- */

/* "/ports?device_id=a&device_id=b" of at most NEUTRON_FILTER_MAX values; '*values' moves on. */
static char *filter_path(const char *collection, const char *field, const char *const **values)
{
    GString *path = g_string_new("/");
    g_string_append(path, collection);
    for (int i = 0; i < NEUTRON_FILTER_MAX && **values != NULL; i++, (*values)++) {
        g_autofree char *pair = cloud_path("%s=%s", field, **values);
        g_string_append_c(path, i == 0 ? '?' : '&');
        g_string_append(path, pair);
    }
    return g_string_free(path, FALSE);
}

/* The items under 'key' of "/<collection>". */
static err_t *list(const struct cloud *c, const char *collection, const char *key,
                   const struct neutron_filter *filter, json_t **ret)
{
    if (filter == NULL || filter->field == NULL) {
        g_autofree char *path = cloud_path("/%s", collection);
        return cloud_list(c, CLOUD_NETWORK, path, key, ret);
    }
    g_autoptr(json_t) all = json_array();
    const char *const *values = filter->values;
    while (*values != NULL) {
        g_autofree char *path = filter_path(collection, filter->field, &values);
        g_autoptr(json_t) some = NULL;
        TRY(cloud_list(c, CLOUD_NETWORK, path, key, &some));
        json_array_extend(all, some);
    }
    *ret = TAKE(all);
    return NULL;
}

err_t *neutron_network_list(const struct cloud *c, const struct neutron_filter *filter,
                            json_t **ret)
{
    return list(c, "networks", "networks", filter, ret);
}

err_t *neutron_subnet_list(const struct cloud *c, const struct neutron_filter *filter, json_t **ret)
{
    return list(c, "subnets", "subnets", filter, ret);
}

err_t *neutron_port_list(const struct cloud *c, const struct neutron_filter *filter, json_t **ret)
{
    return list(c, "ports", "ports", filter, ret);
}

err_t *neutron_security_group_list(const struct cloud *c, const struct neutron_filter *filter,
                                   json_t **ret)
{
    return list(c, "security-groups", "security_groups", filter, ret);
}

err_t *neutron_floating_ip_list(const struct cloud *c, const struct neutron_filter *filter,
                                json_t **ret)
{
    return list(c, "floatingips", "floatingips", filter, ret);
}

err_t *neutron_extension_list(const struct cloud *c, json_t **ret)
{
    return list(c, "extensions", "extensions", NULL, ret);
}

/* ---- single objects ---- */

err_t *neutron_network_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/networks/%s", id);
    return cloud_call_object(c, CLOUD_NETWORK, "GET", path, NULL, "network", ret);
}

err_t *neutron_port_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/ports/%s", id);
    return cloud_call_object(c, CLOUD_NETWORK, "GET", path, NULL, "port", ret);
}

err_t *neutron_quota(const struct cloud *c, const char *project_id, json_t **ret)
{
    g_autofree char *path = cloud_path("/quotas/%s", project_id);
    return cloud_call_object(c, CLOUD_NETWORK, "GET", path, NULL, "quota", ret);
}

static err_t *delete_at(const struct cloud *c, const char *collection, const char *id)
{
    g_autofree char *path = cloud_path("/%s/%s", collection, id);
    return cloud_gone_is_fine(cloud_call(c, CLOUD_NETWORK, "DELETE", path, NULL, NULL));
}

err_t *neutron_port_delete(const struct cloud *c, const char *id)
{
    return delete_at(c, "ports", id);
}

err_t *neutron_network_delete(const struct cloud *c, const char *id)
{
    return delete_at(c, "networks", id);
}

err_t *neutron_security_group_delete(const struct cloud *c, const char *id)
{
    return delete_at(c, "security-groups", id);
}

err_t *neutron_security_group_rule_delete(const struct cloud *c, const char *id)
{
    return delete_at(c, "security-group-rules", id);
}

err_t *neutron_floating_ip_delete(const struct cloud *c, const char *id)
{
    return delete_at(c, "floatingips", id);
}

/* ---- making ---- */

err_t *neutron_network_create(const struct cloud *c, const char *name, const char *description,
                              json_t **ret)
{
    json_t *network = json_object();
    json_set_str(network, "name", name);
    set_if(network, "description", description);
    g_autoptr(json_t) body = envelope("network", network);
    return cloud_call_object(c, CLOUD_NETWORK, "POST", "/networks", body, "network", ret);
}

err_t *neutron_subnet_create(const struct cloud *c, const struct neutron_new_subnet *subnet,
                             json_t **ret)
{
    json_t *row = json_object();
    json_set_str(row, "name", subnet->name);
    set_if(row, "description", subnet->description);
    json_set_str(row, "network_id", subnet->network_id);
    json_set_str(row, "cidr", subnet->cidr);
    json_set_int(row, "ip_version", strchr(subnet->cidr, ':') != NULL ? 6 : 4);
    json_set(row, "gateway_ip", NULL);
    json_set_bool(row, "enable_dhcp", true);
    if (subnet->pool != NULL)
        json_set(row, "allocation_pools", json_pack("[O]", subnet->pool));
    g_autoptr(json_t) body = envelope("subnet", row);
    return cloud_call_object(c, CLOUD_NETWORK, "POST", "/subnets", body, "subnet", ret);
}

static json_t *port_body(const struct neutron_new_port *p)
{
    json_t *port = json_object();
    set_if(port, "name", p->name);
    set_if(port, "description", p->description);
    json_set_str(port, "network_id", p->network_id);
    set_if(port, "tenant_id", p->project_id);
    set_if(port, "mac_address", p->mac_address);
    if (p->fixed_ips != NULL)
        json_set(port, "fixed_ips", json_deep_copy(p->fixed_ips));
    if (p->without_port_security) {
        json_set_bool(port, "port_security_enabled", false);
        json_set(port, "security_groups", json_array());
        return envelope("port", port);
    }
    if (p->security_groups != NULL)
        json_set(port, "security_groups", json_deep_copy(p->security_groups));
    if (p->allowed_address_pairs != NULL && json_array_size(p->allowed_address_pairs) > 0)
        json_set(port, "allowed_address_pairs", json_deep_copy(p->allowed_address_pairs));
    return envelope("port", port);
}

err_t *neutron_port_create(const struct cloud *c, const struct neutron_new_port *port, json_t **ret)
{
    g_assert(port->network_id != NULL);
    g_autoptr(json_t) body = port_body(port);
    return cloud_call_object(c, CLOUD_NETWORK, "POST", "/ports", body, "port", ret);
}

err_t *neutron_security_group_create(const struct cloud *c, const char *name,
                                     const char *description, bool stateful, json_t **ret)
{
    json_t *group = json_object();
    json_set_str(group, "name", name);
    set_if(group, "description", description);
    if (!stateful) /* an extension of its own: not named where the default serves */
        json_set_bool(group, "stateful", false);
    g_autoptr(json_t) body = envelope("security_group", group);
    return cloud_call_object(c, CLOUD_NETWORK, "POST", "/security-groups", body, "security_group",
                             ret);
}

err_t *neutron_security_group_rule_create(const struct cloud *c, const char *group_id,
                                          const json_t *rule, json_t **ret)
{
    json_t *whole = json_deep_copy(rule);
    json_set_str(whole, "security_group_id", group_id);
    g_autoptr(json_t) body = envelope("security_group_rule", whole);
    g_autoptr(json_t) made = NULL;
    err_t *e = cloud_call_object(c, CLOUD_NETWORK, "POST", "/security-group-rules", body,
                                 "security_group_rule", &made);
    if (e != NULL && g_strcmp0(err_detail_get(e, "cloud_type"), "SecurityGroupRuleExists") == 0) {
        err_free(e);
        e = NULL;
    }
    if (e == NULL && ret != NULL)
        *ret = TAKE(made);
    return e;
}

err_t *neutron_floating_ip_create(const struct cloud *c, const char *network_id,
                                  const char *port_id, const char *address, const char *description,
                                  json_t **ret)
{
    json_t *ip = json_object();
    json_set_str(ip, "floating_network_id", network_id);
    set_if(ip, "port_id", port_id);
    set_if(ip, "floating_ip_address", address);
    set_if(ip, "description", description);
    g_autoptr(json_t) body = envelope("floatingip", ip);
    return cloud_call_object(c, CLOUD_NETWORK, "POST", "/floatingips", body, "floatingip", ret);
}

err_t *neutron_floating_ip_associate(const struct cloud *c, const char *id, const char *port_id)
{
    json_t *ip = json_object();
    json_set_str(ip, "port_id", port_id);
    g_autoptr(json_t) body = envelope("floatingip", ip);
    g_autofree char *path = cloud_path("/floatingips/%s", id);
    return cloud_call(c, CLOUD_NETWORK, "PUT", path, body, NULL);
}
