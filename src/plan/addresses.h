/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addresses - which fixed IPs and which MAC a port keeps at the target: what its network allows and
 * nobody holds, nor another port of the same plan; else Neutron chooses, and the plan says so.
 */
#pragma once

#include "base/json.h"

/*
 * Adds "fixed_ips" (list or null), "mac" (or null) and "foreign" (the network belongs to another
 * project, so only the service account may fix addresses there) to 'nic'.  'port' is the captured
 * one, 'server' its name for the notes.  'planned' lists the ports planned so far, as the inventory
 * lists those that are there; this one is added.
 */
void plan_addresses(const json_t *inventory, const json_t *network, const json_t *port,
                    const char *server, json_t *planned, json_t *nic, json_t *notes);

/*
 * How many IPv4 addresses Neutron may still give out on a network: those of its subnets' pools that
 * neither the inventory's ports hold nor the nics of 'asked' ask for.  -1: it has no IPv4 subnet.
 */
int64_t plan_addresses_free(const json_t *inventory, const char *network_id, const json_t *asked);

/* True iff 'ip' lies in 'cidr' ("10.0.0.0/24", IPv4 or IPv6). */
bool address_in_cidr(const char *ip, const char *cidr);
