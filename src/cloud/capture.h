/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture - everything that must be known of a server to make it again elsewhere, and the reasons
 * for which a server cannot be protected.
 *
 * A capture is one JSON object that depends on no cloud any more (design section 4, "captured
 * configuration"); it goes into the group's metadata.  user_data is a secret: seal it before it
 * travels.  Fields (absent values are null, lists are [] and never absent):
 *
 *   id name description status project_id user_id availability_zone locked root_device
 *   boot             "volume" or "image"
 *   config_drive     bool
 *   flavor           {name vcpus ram_mib disk_gib ephemeral_gib swap_mib extra_specs{}}
 *   image            {id name}: the server's, or what its root volume was made from; or null
 *   key              {name type public_key fingerprint} or null; public_key null: deleted since
 *   metadata         {}
 *   tags             []
 *   server_group     {id name policy rules{}} or null
 *   user_data        base64 or null
 *   ports            in the order of the NICs (see capture_form.c):
 *                    [{id name description network_id network_name mac vnic_type admin_state_up
 *                      port_security
 *                      fixed_ips[{ip subnet_id subnet_name cidr}]
 *                      floating_ips[{id ip fixed_ip network_id network_name}]
 *                      security_groups["web"…] security_group_ids[] (in the same order)
 *                      allowed_address_pairs[] tags[]}]
 *   security_groups  those of the ports and those their rules name:
 *                    [{id name description stateful rules[{direction ethertype protocol port_min
 *                      port_max remote_ip_prefix remote_group remote_group_id
 *                      remote_address_group_id description}]}]
 *                    remote_group is a name, null if the project does not see that group; Neutron
 *                    lets names repeat, ids do not
 *   volumes          root first, then by device:
 *                    [{id name description size type type_id device boot_index bootable host
 *                      group_id encrypted multiattach delete_on_termination status
 *                      availability_zone metadata{} image_metadata{}}]
 *                    size in GiB; boot_index 0 = root, -1 = data;
 *                    host "host@backend#pool"
 */
#pragma once

#include "cloud/session.h"

#define CAPTURE_VOLUMES_MAX 64 /* as BODY_VOLUMES_MAX */
#define CAPTURE_PORTS_MAX   64

/*
 * Captures a server in a bounded number of calls (at most 11, whatever it has).  'service' is the
 * service account, 'tenant' the trust of the project: a server of another project is
 * CLOUD_NOT_FOUND. CLOUD_PARTIAL if something the server names was not in a list.
 */
err_t *capture_server(const struct cloud *service, const struct cloud *tenant,
                      const char *server_id, json_t **ret) MUST_CHECK;

/*
 * The capture as a member of a group's body (model/body.h) has it: {instance_id, instance_name,
 * config: the capture without its volumes, volumes}.  user_data is still plain.  New reference.
 */
json_t *capture_member(const json_t *capture);

/* What a group demands of its members. */
struct capture_rules {
    const char *site;           /* name, for messages */
    const char *volume_type;    /* name of the group's type at this site */
    const char *volume_type_id; /* which counts, or NULL: then the name does */
    const char *backend;  /* "host@backend" of the volumes in the group; NULL: it has none yet */
    const char *group_id; /* the group's own Cinder group, or NULL */
};

/* One reason; 'check' returns it or NULL. */
struct capture_check {
    const char *key;
    const char *says;
    err_t *(*check)(const struct capture_rules *rules, const json_t *capture);
};
/* All of them, in the order in which they are asked; ended by a row without key. */
extern const struct capture_check capture_checks[];

/* The first reason for which the server cannot be a member, or NULL. */
err_t *capture_refusal(const struct capture_rules *rules, const json_t *capture) MUST_CHECK;
