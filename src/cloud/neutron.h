/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neutron - networks, ports, security groups and floating IPs, as Protector uses them.
 *
 * Objects are Neutron's own JSON without the envelope.  Lists take at most one filter with several
 * values (Neutron ors them); a tenant sees its project's and shared objects, an admin everything:
 * name the project then.
 *
 * Facts: over quota is 409 OverQuota, CLOUD_QUOTA here; an address or MAC that is taken, or a
 * subnet without a free one, is CLOUD_ADDRESS_TAKEN.
 */
#pragma once

#include "cloud/session.h"

#define NEUTRON_FILTER_MAX 200 /* values of a filter; more are asked for in several calls */

/* Which of a list: 'field' (NULL: all) has one of 'values' (NULL-ended). */
struct neutron_filter {
    const char *field;
    const char *const *values;
};

/* ---- networks ---- */

err_t *neutron_network_list(const struct cloud *c, const struct neutron_filter *filter,
                            json_t **ret) MUST_CHECK;
err_t *neutron_network_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;
err_t *neutron_subnet_list(const struct cloud *c, const struct neutron_filter *filter,
                           json_t **ret) MUST_CHECK;

/* ---- ports ---- */

err_t *neutron_port_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;
err_t *neutron_port_list(const struct cloud *c, const struct neutron_filter *filter,
                         json_t **ret) MUST_CHECK;

/* A network of the project's own, without a router: nothing reaches it, and it reaches nothing. */
err_t *neutron_network_create(const struct cloud *c, const char *name, const char *description,
                              json_t **ret) MUST_CHECK;
/* With its subnets and the ports that Neutron made in it.  Gone already is success; a port of
 * somebody's in it is CLOUD_CONFLICT. */
err_t *neutron_network_delete(const struct cloud *c, const char *id) MUST_CHECK;

struct neutron_new_subnet {
    const char *name;
    const char *description; /* or NULL */
    const char *network_id;
    const char *cidr;
    const json_t *pool; /* {start, end}: from where Neutron chooses addresses; NULL: its choice */
};
/* Without a gateway, with DHCP. */
err_t *neutron_subnet_create(const struct cloud *c, const struct neutron_new_subnet *subnet,
                             json_t **ret) MUST_CHECK;

struct neutron_new_port {
    const char *name;
    const char *description; /* or NULL */
    const char *network_id;
    const char *project_id;              /* the owner, when an admin makes it; else NULL */
    const char *mac_address;             /* or NULL: Neutron's choice */
    const json_t *fixed_ips;             /* [{subnet_id, ip_address}], or NULL: Neutron's choice */
    const json_t *security_groups;       /* array of ids; NULL: the project's default group */
    const json_t *allowed_address_pairs; /* or NULL */
    bool without_port_security;
};
err_t *neutron_port_create(const struct cloud *c, const struct neutron_new_port *port,
                           json_t **ret) MUST_CHECK;
/* Gone already is success. */
err_t *neutron_port_delete(const struct cloud *c, const char *id) MUST_CHECK;

/* ---- security groups ---- */

/* With "security_group_rules". */
err_t *neutron_security_group_list(const struct cloud *c, const struct neutron_filter *filter,
                                   json_t **ret) MUST_CHECK;
/* Comes with Neutron's own two egress rules. */
err_t *neutron_security_group_create(const struct cloud *c, const char *name,
                                     const char *description, bool stateful,
                                     json_t **ret) MUST_CHECK;
err_t *neutron_security_group_delete(const struct cloud *c, const char *id) MUST_CHECK;
/* 'rule' as Neutron takes it (direction, ethertype, protocol …) without security_group_id.  A rule
 * that is there already is success with '*ret' NULL.  'ret' may be NULL. */
err_t *neutron_security_group_rule_create(const struct cloud *c, const char *group_id,
                                          const json_t *rule, json_t **ret) MUST_CHECK;
err_t *neutron_security_group_rule_delete(const struct cloud *c, const char *id) MUST_CHECK;

/* ---- floating IPs ---- */

err_t *neutron_floating_ip_list(const struct cloud *c, const struct neutron_filter *filter,
                                json_t **ret) MUST_CHECK;
/* On an external network, for a port (or NULL).  'address' asks for that one (admin), else NULL. */
err_t *neutron_floating_ip_create(const struct cloud *c, const char *network_id,
                                  const char *port_id, const char *address, const char *description,
                                  json_t **ret) MUST_CHECK;
/* 'port_id' NULL: takes it off. */
err_t *neutron_floating_ip_associate(const struct cloud *c, const char *id,
                                     const char *port_id) MUST_CHECK;
err_t *neutron_floating_ip_delete(const struct cloud *c, const char *id) MUST_CHECK;

/* ---- around ---- */

/* {"port": limit, …} of a project, -1 = none. */
err_t *neutron_quota(const struct cloud *c, const char *project_id, json_t **ret) MUST_CHECK;
/* [{alias, name …}] */
err_t *neutron_extension_list(const struct cloud *c, json_t **ret) MUST_CHECK;
