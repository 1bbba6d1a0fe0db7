/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange - how this site takes part in the sync protocol: load a group's state, let one of
 * model's pure functions act on it, save it with everything it ordered, in one transaction; then
 * sign.
 *
 * The API applies messages and users' wishes through it, the engine its facts and claims.  Both are
 * callers of one function, exchange_act.  What the effects order (operations to start, complete,
 * fail or supersede; log rows; alarms) is written in the same transaction; the engine finds the
 * operations there.
 *
 * Neighbours: model/sync.h (what may happen), sync.c (load and save), operation.c, group.c.
 */
#pragma once

#include "base/env.h"
#include "model/sync.h"
#include "store/db.h"
#include "store/lease.h"

struct local_site;
struct operation;

/* Who this site is.  Loaded once by a daemon (daemons/identity.c) or made by a test. */
struct site_identity {
    char site_id[UUID_SIZE];    /* its incarnation stands in the database alone (local.h) */
    struct keypairs *keys;      /* read by identity_keys: another thread may exchange them */
    unsigned char rest_key[32]; /* encryption at rest */
};

/* They stay valid as long as the process lives. */
static inline struct keypairs *identity_keys(const struct site_identity *identity)
{
    return g_atomic_pointer_get((struct keypairs **)&identity->keys);
}

struct exchange {
    const struct env *env;
    const struct site_identity *identity;
    const char *state_dir; /* state_path: what outlives the database (restored.h) */
    /*
     * The site's row names other keys than the identity has: reads them anew, in a transaction.
     * NULL: the identity's keys are not compared.
     */
    err_t *(*keys_read)(void *data, struct db *db, struct local_site *local);
    void *keys_data;
};

/* Inside the transaction. */
struct exchange_tx {
    const struct exchange *exchange;
    struct db *db;
    struct sync_state *state;
    struct sync_context context;
    struct sync_effects *effects;
    int64_t now_ms;
    void *data; /* of the caller */
};
/* Calls a sync_… action on tx->state, and may write rows of its own.  Runs again after a deadlock.
 */
typedef err_t *exchange_fn(struct exchange_tx *tx);

/*
 * Runs 'fn' on the group's state (role NONE if the group is unknown here; then 'peer' must name the
 * other site).  'fence' (or NULL) must hold.  '*ret_reply' (may be NULL): the signed reply in its
 * carried form, or NULL if there is none.
 */
struct exchange_call {
    const char *pg_id;
    const char *peer;          /* uuid; needed only for a group that is unknown here */
    const struct fence *fence; /* of an engine's write, or NULL */
    exchange_fn *fn;
    void *data;
};
err_t *exchange_act(const struct exchange *x, struct db *db, const struct exchange_call *call,
                    json_t **ret_reply) MUST_CHECK;

/* The keys in memory are those of the site's row, or are read anew.  KEYS_STALE. */
err_t *exchange_keys_current(const struct exchange *x, struct db *db,
                             struct local_site *local) MUST_CHECK;

/* ---- messages ---- */

/*
 * Applies a message as a client carried it: verifies the signature by the pinned keys of the peer's
 * site record, checks the address, acts.  'project_id' is the token's: the group's own at this
 * site, or NULL for a caller that may carry for every project.  '*ret_operation' (NULL: none): the
 * operation that must run before there is a reply (202).
 */
err_t *exchange_receive(const struct exchange *x, struct db *db, const char *project_id,
                        const char *pg_id, const json_t *carried, json_t **ret_reply,
                        char **ret_operation) MUST_CHECK;
/* What this site wants carried for a group: array of carried messages. */
err_t *exchange_outbox(const struct exchange *x, struct db *db, const char *pg_id,
                       json_t **ret) MUST_CHECK;
/* A challenge for the peer, HELLO in its carried form; project and peer as above. */
err_t *exchange_hello(const struct exchange *x, struct db *db, const char *project_id,
                      const char *pg_id, const char *peer, json_t **ret) MUST_CHECK;

/* This site's Cinder group of a group; NULL if it is not known.  Caller frees. */
err_t *exchange_cinder_group(struct db *db, const char *pg_id, char **ret) MUST_CHECK;

/* ---- what the API asks ---- */

/*
 * A user's change: reserves the slot for 'op' and writes the operation, in one transaction.  With
 * 'create' the group's row is made first (role ACTIVE, pos EMPTY; 'op->params' is the create's).
 * Errors of sync_reserve.
 */
struct exchange_change {
    struct operation *op; /* complete but for its id's uniqueness; borrowed */
    const char *peer;     /* for create */
    const char *if_match; /* NULL with create */
    const char *nonce;
    bool create;
    /* Called last, in the same transaction: what is written or refused with the change.  May be
     * NULL. */
    err_t *(*also)(struct db *db, void *data);
    void *also_data;
};
err_t *exchange_reserve(const struct exchange *x, struct db *db,
                        const struct exchange_change *change) MUST_CHECK;
/*
 * An unplanned failover: checks that force may be called, preempts what is before its pivot (and
 * drills), writes the operation.
 */
err_t *exchange_begin_force(const struct exchange *x, struct db *db,
                            struct operation *op) MUST_CHECK;
/* The same by an engine, as a part of another operation, whose 'fence' is held meanwhile. */
err_t *exchange_begin_child(const struct exchange *x, struct db *db, const struct fence *fence,
                            struct operation *op) MUST_CHECK;
/*
 * A drill at the standby: refused while a handover runs here (SYNC_ROLE …) or the site follows no
 * more; in the same transaction the operation is written, so that no handover is accepted beside
 * it.
 */
err_t *exchange_begin_drill(const struct exchange *x, struct db *db,
                            struct operation *op) MUST_CHECK;
/*
 * A handover: signs it and writes the stub of its operation, which runs at the other site.  'body'
 * names the operation in its transition; it is taken.  Errors of sync_handover.
 */
struct exchange_handover {
    struct operation *op; /* complete; borrowed */
    const char *if_match, *nonce;
    struct body *body;
};
err_t *exchange_handover(const struct exchange *x, struct db *db,
                         const struct exchange_handover *handover) MUST_CHECK;
/* Takes an unaccepted create back; its Idempotency-Key is forgotten. */
err_t *exchange_withdraw(const struct exchange *x, struct db *db, const char *pg_id) MUST_CHECK;
err_t *exchange_resolve(const struct exchange *x, struct db *db, const char *pg_id, const char *who,
                        const char *reason) MUST_CHECK;

/* Whether it would make a site active, and has not claimed yet. */
bool exchange_preclaim(const struct operation *op);

/* ---- what the engine does; each under the lease of its operation ---- */

/*
 * Signs the change: 'body' is taken.  From now on the operation is waiting_for_peer.  Repeating it
 * is no error.
 */
err_t *exchange_stage(const struct exchange *x, struct db *db, const struct fence *fence,
                      const char *pg_id, struct body *body) MUST_CHECK;
/* Frees the reserved slot of an operation that unwound. */
err_t *exchange_release(const struct exchange *x, struct db *db, const char *pg_id,
                        const char *op_id) MUST_CHECK;
/*
 * The same for a create that ended unmade: the group that nobody has heard of becomes a tombstone,
 * its name and Idempotency-Key are free again.  What the peer has decided meanwhile stands.
 */
err_t *exchange_create_failed(const struct exchange *x, struct db *db, const char *pg_id,
                              const char *op_id) MUST_CHECK;
/*
 * The peer's proposal 'hash' has what it needs here: accepts or refuses.  'cinder_group' (may be
 * NULL) is this site's Cinder group, recorded and told beside the acceptance.
 */
err_t *exchange_realized(const struct exchange *x, struct db *db, const struct fence *fence,
                         const char *pg_id, const char *hash, const char *cinder_group) MUST_CHECK;
/* This site's Cinder group was found again: recorded. */
err_t *exchange_cinder_found(const struct exchange *x, struct db *db, const struct fence *fence,
                             const char *pg_id, const char *cinder_group) MUST_CHECK;
err_t *exchange_realize_failed(const struct exchange *x, struct db *db, const char *pg_id,
                               const char *hash, const err_t *why) MUST_CHECK;
/*
 * Commits the last fact of an operation and marks the operation's result with what it was, in one
 * transaction.  SYNC_STAGED while a user's change is staged or the sites have diverged: the caller
 * makes the body anew and comes back.
 */
#define EXCHANGE_FINISHED "finished" /* key of the operation's result */
struct exchange_finish {
    struct body *body;     /* the present one with what the operation did; taken */
    const json_t *outcome; /* an object, kept under EXCHANGE_FINISHED */
};
err_t *exchange_finish(const struct exchange *x, struct db *db, const struct fence *fence,
                       const char *pg_id, const struct exchange_finish *what) MUST_CHECK;
/* The pivot, forced: 'force->body' is taken. */
err_t *exchange_force(const struct exchange *x, struct db *db, const struct fence *fence,
                      const char *pg_id, const struct sync_force *force) MUST_CHECK;
/* The pivot of a handover: 'claim->body' is taken. */
struct exchange_claim {
    struct sync_plan plan;
    const struct safety_evidence *evidence;
    struct body *body;
};
err_t *exchange_claim(const struct exchange *x, struct db *db, const struct fence *fence,
                      const char *pg_id, const struct exchange_claim *claim) MUST_CHECK;
/* The handover has unwound: says so to its source, unless something else has ended it already. */
err_t *exchange_abort(const struct exchange *x, struct db *db, const char *pg_id,
                      const char *handover) MUST_CHECK;
err_t *exchange_tombstone(const struct exchange *x, struct db *db, const struct fence *fence,
                          const char *pg_id) MUST_CHECK;
