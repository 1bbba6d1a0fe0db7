/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cinder - volumes, types and groups, as Protector uses them.
 *
 * Objects are Cinder's own JSON at the negotiated microversion (3.62 to 3.70), without the
 * envelope. An admin also sees "os-vol-host-attr:host"; Victoria's volumes lack volume_type_id.
 *
 * Facts: manage answers 202 and the volume is "creating", size 0; a reference that does not exist
 * ends in "error" without a word why.  A volume in a wrong state is 400 at Cinder, CLOUD_CONFLICT
 * here; over quota is 413, CLOUD_QUOTA.  Services, pools, manageable lists, hosts and hidden extra
 * specs are for the service account only, whatever the policy file says.
 */
#pragma once

#include "cloud/session.h"

/*
 * Volumes that one change of a group may add, or remove: Cinder takes the ids as one text of at
 * most 255 characters.  More of them need more changes.
 */
#define CINDER_GROUP_VOLUMES_MAX 6

/* ---- volumes ---- */

err_t *cinder_volume_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;
/*
 * With details.  'project_id' NULL: the identity's own project; else an admin's look into that one.
 * 'key' and 'value' (or NULL): only those with this metadata.
 */
err_t *cinder_volume_list(const struct cloud *c, const char *project_id, const char *key,
                          const char *value, json_t **ret) MUST_CHECK;

static inline const char *cinder_status(const json_t *volume)
{
    return json_str_or(volume, "status", "");
}
/* "host@backend#pool" as an admin sees it, or NULL. */
static inline const char *cinder_host(const json_t *volume)
{
    return json_str(volume, "os-vol-host-attr:host");
}
static inline bool cinder_is_bootable(const json_t *volume)
{
    return g_strcmp0(json_str(volume, "bootable"), "true") == 0;
}
/* "host@backend" of "host@backend#pool".  Caller frees. */
char *cinder_backend(const char *host);

struct cinder_new_volume {
    int64_t size_gib;
    const char *name;
    const char *description; /* or NULL */
    const char *type;        /* name or id */
    const char *availability_zone;
    const char *image_id;   /* or NULL: empty */
    const json_t *metadata; /* object of texts, or NULL */
};
err_t *cinder_volume_create(const struct cloud *c, const struct cinder_new_volume *volume,
                            json_t **ret) MUST_CHECK;
/* Gone already is success.  The data are deleted with it. */
err_t *cinder_volume_delete(const struct cloud *c, const char *id) MUST_CHECK;
err_t *cinder_volume_set_bootable(const struct cloud *c, const char *id, bool bootable) MUST_CHECK;
/* Adds or replaces the pairs, keeps the others. */
err_t *cinder_metadata_set(const struct cloud *c, const char *id,
                           const json_t *metadata) MUST_CHECK;
/* The image's properties that the hypervisor heeds (hw_disk_bus …), adds or replaces. */
err_t *cinder_image_metadata_set(const struct cloud *c, const char *id,
                                 const json_t *metadata) MUST_CHECK;

/* ---- volumes that the array made ---- */

struct cinder_managed_volume {
    const char *host;  /* "host@backend#pool" */
    const json_t *ref; /* {"source-name": …} as the storage driver gave it */
    const char *name;
    const char *description; /* or NULL */
    const char *type;        /* name or id */
    const char *availability_zone;
    bool bootable;
    const json_t *metadata; /* or NULL */
};
/*
 * Takes a volume of the backend over into the identity's project.  CLOUD_FORBIDDEN keeps Cinder's
 * words ("Policy doesn't allow volume_extension:volume_manage to be performed.") and names the
 * remedy.
 */
err_t *cinder_volume_manage(const struct cloud *c, const struct cinder_managed_volume *volume,
                            json_t **ret) MUST_CHECK;
/* Takes it out of Cinder; its data stay on the backend.  Gone already is success. */
err_t *cinder_volume_unmanage(const struct cloud *c, const char *id) MUST_CHECK;
/*
 * Whether the identity may manage volumes, without doing it (asks for an unknown host).  NULL: yes.
 * CLOUD_FORBIDDEN: the policy of the site lacks the rules.
 */
err_t *cinder_manage_check(const struct cloud *c) MUST_CHECK;
/* [{reference, size, safe_to_manage, reason_not_safe, cinder_id}] of a host (admin). */
err_t *cinder_manageable_list(const struct cloud *c, const char *host, json_t **ret) MUST_CHECK;

/* ---- types ---- */

/* With all extra specs and private types (admin). */
err_t *cinder_type_list(const struct cloud *c, json_t **ret) MUST_CHECK;
/* By id or name (admin).  CLOUD_NOT_FOUND names type and site. */
err_t *cinder_type_find(const struct cloud *c, const char *id_or_name, json_t **ret) MUST_CHECK;
/*
 * Whether a type (with its extra specs) may be protected: replication_enabled '<is> True' and
 * replication_type '<in> async' or '<in> sync'; 'replication_type' "async" or "sync" asks for that
 * one, NULL for any.  VOLUME_TYPE_NOT_ELIGIBLE names site, type and the missing property, and its
 * remedy is the command that sets it.
 */
err_t *cinder_type_eligible(const char *site, const json_t *type,
                            const char *replication_type) MUST_CHECK;

/* ---- groups ---- */

/* With group_specs (admin). */
err_t *cinder_group_type_list(const struct cloud *c, json_t **ret) MUST_CHECK;
/*
 * The group type for protection groups: consistent_group_snapshot_enabled '<is> True', and not
 * Cinder's own default_cgsnapshot_type, which no group may have; the first by name.  NULL if there
 * is none.  Borrowed.
 */
json_t *cinder_group_type_pick(const json_t *group_types);
/* Makes one with consistent_group_snapshot_enabled (admin). */
err_t *cinder_group_type_create(const struct cloud *c, const char *name, json_t **ret) MUST_CHECK;

/* '*ret' has id and name only.  'volume_types' are names or ids, NULL-ended. */
err_t *cinder_group_create(const struct cloud *c, const char *name, const char *description,
                           const char *group_type_id, const char *const *volume_types,
                           const char *availability_zone, json_t **ret) MUST_CHECK;
/* With "volumes", an array of ids. */
err_t *cinder_group_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;
err_t *cinder_group_list(const struct cloud *c, json_t **ret) MUST_CHECK;
/*
 * Adds and removes volumes (NULL-ended ids, or NULL; each at most CINDER_GROUP_VOLUMES_MAX); 202:
 * poll the group until "available".
 */
err_t *cinder_group_update(const struct cloud *c, const char *id, const char *const *add,
                           const char *const *remove) MUST_CHECK;
/* Its volumes are deleted with it only if asked; otherwise a group with volumes is refused by
 * Cinder. Gone already is success. */
err_t *cinder_group_delete(const struct cloud *c, const char *id, bool delete_volumes) MUST_CHECK;

/* ---- the backend ---- */

/* [{binary, host, status, state …}] of cinder-volume (admin). */
err_t *cinder_service_list(const struct cloud *c, json_t **ret) MUST_CHECK;
/* [{name "host@backend#pool", capabilities}] (admin). */
err_t *cinder_pool_list(const struct cloud *c, json_t **ret) MUST_CHECK;
/* Whether a pool serves a type: its volume_backend_name (any, if the type names none). */
bool cinder_pool_serves(const json_t *pool, const json_t *type);
/*
 * The pools of a type whose service is up and enabled, as array of names, in order (admin).
 * CLOUD_NOT_FOUND if there is none, naming type and site; CLOUD_BUSY if there is none yet: a
 * cinder-volume is up, and the scheduler, which has started lately, knows no pool of it.
 */
err_t *cinder_type_pools(const struct cloud *c, const json_t *type, json_t **ret) MUST_CHECK;
/*
 * The quotas of the identity's project: volumes, gigabytes, per_volume_gigabytes …, and for each
 * volume type volumes_TYPE, gigabytes_TYPE …, each {limit (-1 = none), in_use, reserved}.
 */
err_t *cinder_quota(const struct cloud *c, const char *project_id, json_t **ret) MUST_CHECK;
