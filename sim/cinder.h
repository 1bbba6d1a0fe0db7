/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cinder - what the files of the simulated Cinder share, and what Nova and advance.c ask it.
 *
 * Tables: volumes, volume_types, group_types, groups, group_snapshots, snapshots, attachments,
 * sim_cinder_quotas; "backend" holds the names of unmanaged volumes where there are no files.
 * A volume's row has the status of the database ("managing"); views print the API's ("creating").
 */
#pragma once

#include "sim/call.h"

#define CINDER_BACKEND "lab"
#define CINDER_GIB     ((int64_t)1024 * 1024 * 1024)

/* ---- sim_cinder_files.c: the bytes ---- */

/* All return false, with nothing done, if the file or name is not there or the disk refuses. */
bool sim_cinder_file_create(struct site *site, const char *name, int64_t size_gb);
bool sim_cinder_file_copy(struct site *site, const char *from, const char *to, int64_t size_gb);
bool sim_cinder_file_extend(struct site *site, const char *name, int64_t size_gb);
bool sim_cinder_file_rename(struct site *site, const char *from, const char *to);
bool sim_cinder_file_remove(struct site *site, const char *name);
/* Writes 'size' bytes at the start (an image). */
bool sim_cinder_file_write(struct site *site, const char *name, const void *data, size_t size);
/* Size in GiB, rounded up; -1 if it is not there. */
int64_t sim_cinder_file_size_gb(struct site *site, const char *name);
/* Names of all files but snapshots, sorted.  New array of strings. */
json_t *sim_cinder_file_list(struct site *site);
/* "volume-<id>", "snapshot-<id>".  Caller frees. */
char *sim_cinder_volume_name(const char *id);
char *sim_cinder_snapshot_name(const char *id);

/* ---- transitions, by id ---- */

void sim_cinder_volume_done(struct site *site, const char *id);
void sim_cinder_volume_gone(struct site *site, const char *id);
void sim_cinder_manage_done(struct site *site, const char *id);
void sim_cinder_attached(struct site *site, const char *id);
void sim_cinder_detached(struct site *site, const char *id);
void sim_cinder_snapshot_done(struct site *site, const char *id);
void sim_cinder_snapshot_gone(struct site *site, const char *id);
void sim_cinder_group_done(struct site *site, const char *id);
void sim_cinder_group_gone(struct site *site, const char *id);
void sim_cinder_group_snapshot_done(struct site *site, const char *id);
void sim_cinder_group_snapshot_gone(struct site *site, const char *id);

/* ---- for Nova: sim_cinder_attachments.c ---- */

/*
 * Reserves a volume for a server and makes the attachment; NULL if its status forbids it.  A volume
 * that is not multiattach has one attachment at most: this is what makes a boot exclusive.
 */
json_t *sim_cinder_reserve(struct site *site, json_t *volume, const char *server_id,
                           const char *device);
/* The reserved attachment becomes attached after the latency; 'host' is Nova's. */
void sim_cinder_attach(struct site *site, json_t *attachment, const char *host);
/* Lets go of it: at once if it was reserved only, else after the latency. */
void sim_cinder_detach(struct site *site, const char *attachment_id);
/* As sim_cinder_detach, without any latency. */
void sim_cinder_release(struct site *site, const char *attachment_id);

/* ---- shared by the files ---- */

enum sim_cinder_view {
    CINDER_VIEW_MANAGED, /* the answer of a manage: as at the first microversion */
    CINDER_VIEW_NEW,     /* the answer of a create or an update */
    CINDER_VIEW_FULL,    /* read back: with what the extensions add */
};
json_t *sim_cinder_volume_view(struct call *call, json_t *volume, enum sim_cinder_view form);
/* Adds a volume in 'creating' with the caller's project; 'fields' (taken) override. */
json_t *sim_cinder_volume_add(struct site *site, const char *project_id, const char *user_id,
                              const char *type_id, int64_t size_gb, json_t *fields);
/* The volume's type's replication_enabled is '<is> True'. */
bool sim_cinder_type_replicated(const json_t *type);
/* By name or id; NULL if there is none. */
json_t *sim_cinder_type_named(struct site *site, const char *name);
json_t *sim_cinder_default_type(struct site *site);
bool sim_cinder_volume_attached(struct site *site, const char *volume_id);
bool sim_cinder_volume_has_snapshots(struct site *site, const char *volume_id);
/* Marks a volume as deleting and lets it go. */
void sim_cinder_volume_delete_now(struct site *site, json_t *volume);
json_t *sim_cinder_snapshot_add(struct site *site, const json_t *volume, const char *user_id,
                                const char *name, const char *description,
                                const char *group_snapshot);
/* "cinder-a@lab#lab", "cinder-a@lab".  Caller frees. */
char *sim_cinder_host(struct site *site);
char *sim_cinder_service_host(struct site *site);
/* The rows of a table that the caller may list (all_tenants for admins), newest first; new array.
 */
json_t *sim_cinder_listed(struct call *call, const char *table);
/* A page of rows as {"<collection>": views, "<collection>_links"?}. */
struct http_response *sim_cinder_list(struct call *call, const char *collection, json_t *rows,
                                      json_t *(*view)(struct call *call, json_t *row));
/* NULL: fits.  Else the 413. */
struct http_response *sim_cinder_quota_check(struct call *call, int64_t volumes, int64_t gigabytes,
                                             int64_t snapshots, const json_t *type);
/* The 413 if one volume may not be so large. */
struct http_response *sim_cinder_quota_size(struct call *call, int64_t size_gb);
/* Whether there is room for a volume that is being managed (its row counts, with no size yet). */
bool sim_cinder_quota_managed(struct site *site, const json_t *volume, int64_t size_gb);
struct http_response *sim_cinder_quota_groups(struct call *call);
json_t *sim_cinder_links(struct call *call, const char *collection, const char *id);
/* The one key of an action's body; NULL if it is no action. */
const char *sim_cinder_action(const struct call *call, json_t **ret_value);

sim_call_fn sim_cinder_versions, sim_cinder_version;
sim_call_fn sim_cinder_volume_create, sim_cinder_volume_list, sim_cinder_volume_detail,
    sim_cinder_volume_show, sim_cinder_volume_update, sim_cinder_volume_delete,
    sim_cinder_volume_action;
sim_call_fn sim_cinder_metadata_show, sim_cinder_metadata_add, sim_cinder_metadata_put,
    sim_cinder_metadata_delete;
sim_call_fn sim_cinder_type_list, sim_cinder_type_show, sim_cinder_type_create,
    sim_cinder_type_delete, sim_cinder_type_specs, sim_cinder_type_specs_add;
sim_call_fn sim_cinder_group_type_list, sim_cinder_group_type_show, sim_cinder_group_type_create,
    sim_cinder_group_type_specs_add, sim_cinder_group_type_specs;
sim_call_fn sim_cinder_group_create, sim_cinder_group_list, sim_cinder_group_detail,
    sim_cinder_group_show, sim_cinder_group_update, sim_cinder_group_action,
    sim_cinder_group_from_src;
sim_call_fn sim_cinder_group_snapshot_create, sim_cinder_group_snapshot_list,
    sim_cinder_group_snapshot_detail, sim_cinder_group_snapshot_show,
    sim_cinder_group_snapshot_delete;
sim_call_fn sim_cinder_snapshot_create, sim_cinder_snapshot_list, sim_cinder_snapshot_detail,
    sim_cinder_snapshot_show, sim_cinder_snapshot_delete;
sim_call_fn sim_cinder_manage_create, sim_cinder_manage_list, sim_cinder_manage_detail;
sim_call_fn sim_cinder_attachment_list, sim_cinder_attachment_detail, sim_cinder_attachment_show,
    sim_cinder_attachment_create, sim_cinder_attachment_delete;
sim_call_fn sim_cinder_services, sim_cinder_pools, sim_cinder_limits, sim_cinder_quota_show,
    sim_cinder_quota_update, sim_cinder_quota_delete, sim_cinder_messages, sim_cinder_zones;
