/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nova - servers and what they are made of, as Protector uses them.
 *
 * Objects are Nova's own JSON at the negotiated microversion (2.87 to 2.93), without the envelope
 * ("server" …): a server has its flavor embedded, tags, locked; seen by an admin also host,
 * root_device_name and user_data.  '*ret' is a new reference.
 *
 * Facts: start of a running and stop of a stopped server are CLOUD_CONFLICT; an action on a server
 * that is not placed yet is CLOUD_NOT_FOUND; over quota is 403 at Nova, CLOUD_QUOTA here.  A server
 * in a cell that is down has status UNKNOWN and few fields.  Nova shows such servers on the first
 * page only and only without filters; that is how the lists here ask.
 */
#pragma once

#include "cloud/session.h"

#define NOVA_TAGS_MAX    50
#define NOVA_VOLUMES_MAX 255
#define NOVA_KEY_EPOCH   "protector:epoch" /* metadata key of the epoch stamp */
#define NOVA_KEY_DRILL   "protector:drill" /* of a drill's server: its operation */
#define NOVA_DEVICE_MAX  32

/* ---- reading ---- */

/* CLOUD_PARTIAL if its cell is down. */
err_t *nova_server_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;
/*
 * All servers of a project with details.  'project_id' NULL: the identity's own; else an admin's
 * look into that project.  With 'ret_partial' NULL, servers of a cell that is down make it
 * CLOUD_PARTIAL; else they are in the list with status UNKNOWN and '*ret_partial' is true. A
 * project of more than a page (1000) may hide such servers: who must prove absence asks the ports.
 */
err_t *nova_server_list(const struct cloud *c, const char *project_id, bool *ret_partial,
                        json_t **ret) MUST_CHECK;
/* [{volumeId, device, delete_on_termination, tag …}] */
err_t *nova_attachment_list(const struct cloud *c, const char *server_id, json_t **ret) MUST_CHECK;
/* [{port_id, net_id, mac_addr, fixed_ips, port_state}] in no order that means anything. */
err_t *nova_interface_list(const struct cloud *c, const char *server_id, json_t **ret) MUST_CHECK;

/*
 * What was done to a server, newest first: [{action: "stop", user_id, start_time …}].  Locking and
 * unlocking stand in it too.  GET /servers/{id}/os-instance-actions.
 */
err_t *nova_action_list(const struct cloud *c, const char *server_id, json_t **ret) MUST_CHECK;

static inline const char *nova_status(const json_t *server)
{
    return json_str_or(server, "status", "");
}
/* "powering-off" …; NULL: nothing is under way. */
static inline const char *nova_task(const json_t *server)
{
    return json_str(server, "OS-EXT-STS:task_state");
}
/* When it last changed, as Nova prints it; NULL where it is not told. */
static inline const char *nova_updated(const json_t *server)
{
    return json_str(server, "updated");
}
/* Whether the hypervisor runs it, whatever its status says. */
static inline bool nova_has_power(const json_t *server)
{
    return json_int(server, "OS-EXT-STS:power_state", 0) == 1;
}
static inline bool nova_is_locked(const json_t *server)
{
    return json_bool(server, "locked", false);
}
/* "No valid host was found. ", or NULL. */
static inline const char *nova_fault(const json_t *server)
{
    return json_str_at(server, "fault/message");
}
/* A value of its metadata, or NULL. */
const char *nova_metadata(const json_t *server, const char *key);

/* ---- making ---- */

struct nova_boot_volume {
    const char *volume_id;
    const char *device; /* "/dev/vda", or NULL: Nova chooses */
    int boot_index;     /* 0 = root, -1 = data */
    const char *tag;    /* device role tag, or NULL */
};

/* A server made from ports and volumes that exist already: it cannot be made twice. */
struct nova_new_server {
    const char *name;
    const char *flavor_id;
    const char *description;       /* or NULL */
    const char *key_name;          /* or NULL */
    const char *availability_zone; /* or NULL */
    const char *user_data;         /* base64, or NULL */
    const char *server_group_id;   /* or NULL */
    bool config_drive;
    const char *const *ports; /* ids in the order of the NICs; none: the server has no network */
    size_t port_count;
    const struct nova_boot_volume *volumes;
    size_t volume_count;
    const json_t *metadata; /* object of texts, or NULL */
    const json_t *tags;     /* array of texts, or NULL */
};
/* '*ret' has "id" and little more; Nova's adminPass is dropped. */
err_t *nova_server_create(const struct cloud *c, const struct nova_new_server *server,
                          json_t **ret) MUST_CHECK;
/*
 * The last 'lines' of what the server wrote to its console (compute API, "os-getConsoleOutput";
 * drivers without a console answer 404, 409 or 501).  Caller frees.
 */
err_t *nova_console(const struct cloud *c, const char *id, int lines, char **ret) MUST_CHECK;
/* Gone already is success.  Volumes and ports made before stay. */
err_t *nova_server_delete(const struct cloud *c, const char *id) MUST_CHECK;
err_t *nova_server_start(const struct cloud *c, const char *id) MUST_CHECK;
err_t *nova_server_stop(const struct cloud *c, const char *id) MUST_CHECK;
/* A rescued server, and one whose resize nobody has confirmed, cannot be stopped: these two make it
 * an ordinary one. */
err_t *nova_server_unrescue(const struct cloud *c, const char *id) MUST_CHECK;
err_t *nova_server_confirm_resize(const struct cloud *c, const char *id) MUST_CHECK;
/* Made with the service account: a lock of the owner's own (or of a trust) stops nobody. */
err_t *nova_server_lock(const struct cloud *c, const char *id, const char *reason) MUST_CHECK;
err_t *nova_server_unlock(const struct cloud *c, const char *id) MUST_CHECK;
/* Adds or replaces the pairs of 'metadata' (object of texts), keeps the others. */
err_t *nova_metadata_set(const struct cloud *c, const char *id, const json_t *metadata) MUST_CHECK;
/* One that is not there is success. */
err_t *nova_metadata_delete(const struct cloud *c, const char *id, const char *key) MUST_CHECK;

err_t *nova_server_rename(const struct cloud *c, const char *id, const char *name) MUST_CHECK;
/*
 * Takes a port from a server that runs, is paused or stopped: asked for, done when the port says so
 * (202).  A port that Nova made goes with it, another one stays.  Gone already is success.
 */
err_t *nova_interface_detach(const struct cloud *c, const char *id, const char *port_id) MUST_CHECK;

/* ---- around servers ---- */

/* With extra_specs.  'all' (admin): also those that are not public. */
err_t *nova_flavor_list(const struct cloud *c, bool all, json_t **ret) MUST_CHECK;
err_t *nova_flavor_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;

/* 'user_id' (admin): another user's; NULL: the identity's own. */
err_t *nova_keypair_get(const struct cloud *c, const char *name, const char *user_id,
                        json_t **ret) MUST_CHECK;
/* The identity's own, by name: {name: public key}. */
err_t *nova_keypair_list(const struct cloud *c, json_t **ret) MUST_CHECK;
/* Imports a public key for the identity (a trust: the trustor).  'type' "ssh" or "x509", NULL =
 * ssh. CLOUD_CONFLICT: it has one of that name. */
err_t *nova_keypair_create(const struct cloud *c, const char *name, const char *type,
                           const char *public_key, json_t **ret) MUST_CHECK;

/* Of the identity's own user.  Gone already is success. */
err_t *nova_keypair_delete(const struct cloud *c, const char *name) MUST_CHECK;
err_t *nova_group_list(const struct cloud *c, json_t **ret) MUST_CHECK;
err_t *nova_group_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;
/* 'policy' "anti-affinity" …; 'rules' object or NULL. */
err_t *nova_group_create(const struct cloud *c, const char *name, const char *policy,
                         const json_t *rules, json_t **ret) MUST_CHECK;
/* Gone already is success; its servers stay as they are. */
err_t *nova_group_delete(const struct cloud *c, const char *id) MUST_CHECK;

/* [{zoneName, zoneState:{available}}] */
err_t *nova_zone_list(const struct cloud *c, json_t **ret) MUST_CHECK;
/* The absolute limits of the identity's project: maxTotalInstances, totalInstancesUsed … (-1 =
 * none). */
err_t *nova_limits(const struct cloud *c, json_t **ret) MUST_CHECK;
/* [{binary, host, zone, status, state …}] (admin).  CLOUD_PARTIAL if a cell is down. */
err_t *nova_service_list(const struct cloud *c, json_t **ret) MUST_CHECK;
