/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - all that the steps of a runbook reach out to: this site's identity and settings, sessions
 * at the clouds, the storage driver.  Built once by the daemon (or by a bench) and shared by all
 * threads; sessions and handles are made on demand and kept.
 *
 * Neighbours: steps/ use it; run/ passes it through without looking.
 */
#pragma once

#include "base/conf.h"
#include "base/env.h"
#include "cloud/keystone.h"
#include "cloud/session.h"
#include "run/run.h"
#include "store/db.h"
#include "store/exchange.h"
#include "store/operation.h"

#include <protector/driver.h>

struct world;
struct drive;
struct sync_state; /* model/sync.h */

struct world_options {
    const struct env *env;
    const struct conf *conf;
    const struct http_transport *transport;
    const struct exchange *exchange; /* this site in the protocol; outlives the world */
    /* Connections, one per thread of control. */
    struct db *(*db_get)(void *data);
    void (*db_put)(void *data, struct db *db);
    void *db_data;
    const struct protector_driver *driver; /* NULL: this build lacks the configured one */
    const struct protector_host *host;
    const char *driver_problem; /* why 'driver' is NULL, for refusals; else NULL */
    int64_t call_timeout_ms;    /* of one exchange with a cloud */
};

struct world *world_create(const struct world_options *options);
void world_destroy(struct world *world);
const struct world_options *world_options_of(const struct world *world);

/*
 * What an engine does beside its operations, as a call of the step functions: no lease of an
 * operation bounds it.  'op' names the group; all is borrowed.
 */
struct step_call world_call(struct world *world, struct db *db, const struct operation *op,
                            const char *owner, int64_t now_ms);

/* ---- clouds.  Views are plain values, valid during the step. ---- */

/* The service account of this site. */
err_t *world_service(struct step_call *call, struct cloud *ret) MUST_CHECK;
/*
 * The first trust of 'project_id' at this site that lets us in, verified ones first.  One that does
 * not is marked as failed; it is tried again when no other serves, as Keystone may take it back.
 * TRUST_MISSING: there is none that works.
 */
err_t *world_by_trust(struct step_call *call, const char *project_id, struct cloud *ret) MUST_CHECK;
/*
 * The service account in the project, where [service_credentials] fallback = service_admin: told in
 * the audit log once of each operation, and in the row's result as WORLD_ACTED_AS.  TRUST_MISSING:
 * it has no role there, or one that no trust would give.  Takes 'why' no trust serves; without the
 * option that is what is returned.
 */
#define WORLD_ACTED_AS "acted_as"
err_t *world_without_trust(struct step_call *call, const char *project_id, err_t *takes_why,
                           struct cloud *ret) MUST_CHECK;
/* By trust, else without one. */
err_t *world_tenant(struct step_call *call, const char *project_id, struct cloud *ret) MUST_CHECK;
/*
 * The peer's cloud without credentials, for what needs no login (keystone_version); whatever logs
 * in fails with CONFIG.
 */
err_t *world_peer_door(struct step_call *call, const char *site_id, struct cloud *ret) MUST_CHECK;
/*
 * Gives the trusts of a project back, at Keystone and in the database: nothing of the project is
 * protected here any more.  '*ret_count' is how many.
 */
err_t *world_trusts_end(struct step_call *call, const char *project_id, int *ret_count) MUST_CHECK;
/* The peer's cloud with its service credentials; PEER_CREDENTIALS_MISSING without any. */
err_t *world_peer(struct step_call *call, const char *site_id, struct cloud *ret) MUST_CHECK;
/*
 * The Cinder group of a protection group at this site, from our own records; NULL in '*ret' if
 * there is none.  Caller frees.
 */
err_t *world_cinder_group(struct step_call *call, const char *pg_id, char **ret) MUST_CHECK;
/* Seals a secret to both sites of the operation's group: adds {uuid: box} to 'boxes'. */
err_t *world_seal_for_pair(struct step_call *call, const char *plain, json_t *boxes) MUST_CHECK;
/* The user_data of a member, opened from its box; NULL if it has none.  Free with secret_free. */
err_t *world_user_data(struct step_call *call, const char *member, char **ret) MUST_CHECK;

/* ---- storage ---- */

/*
 * One pair of arrays and one group, opened for a step with the tokens of its policy.  DRIVER_ABSENT
 * lists the drivers of this build; GROUP_NO_POLICY if the body has none.
 */
struct drive {
    const struct protector_driver *driver;
    struct protector_handle *handle;
    struct protector_end ends[2];
    struct protector_pair pair;
    struct protector_group group;
    int local; /* 0: this site is the primary's array */
    int64_t budget_ms;
    char *owned[8]; /* what 'pair' points to; the first two are secrets */
    char *text[2];  /* what 'group' points to */
};
/* 'source' is the uuid of the site from where data flows. */
err_t *drive_open(struct step_call *call, const json_t *body, const char *source, int64_t epoch,
                  struct drive **ret) MUST_CHECK;
void drive_close(struct drive *drive);
AUTO_DEFINE(drive, drive_close)
bool drive_can(const struct drive *drive, uint64_t capability);
/*
 * What the next verb gets; 'site' 0 or 1 as in the pair.  Made anew for each call: DRIVER_DEADLINE
 * if the verb could outlast what remains of the operation's lease.
 */
err_t *drive_call(const struct step_call *call, const struct drive *drive, int site,
                  struct protector_call *ret) MUST_CHECK;
/* NULL for OK; PENDING is DRIVER_PENDING (TRANSIENT).  'tried' names verb and object. */
err_t *drive_error(const struct drive *drive, enum protector_status status,
                   const struct protector_error *error, const char *tried) MUST_CHECK;
/* Writes this site's tag of the group, as 'state' has it, at an end. */
err_t *drive_tag(struct step_call *call, struct drive *drive, const struct sync_state *state,
                 int site) MUST_CHECK;
/* A body's volume as drivers see it; borrows from 'volume'. */
struct protector_volume drive_volume(const json_t *volume, const char *cinder_id);
