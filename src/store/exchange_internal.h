/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_internal - what the files of the exchange share; nobody else includes it.
 *
 *     exchange.c         the one transaction: load, act, save, sign; messages
 *     exchange_ask.c     what the API asks
 *     exchange_engine.c  what the engine does
 *     exchange_keys.c    by which keys a message is believed, and with which we sign
 *     exchange_log.c     the ordinary life of the metadata, as rows of the log
 */
#pragma once

#include "store/exchange.h"
#include "store/group.h"
#include "store/operation.h"
#include "store/restored.h"
#include "store/site_keys.h"

/* The context's callbacks are pure for the model: what they need was read before. */
struct knowledge {
    const struct exchange *exchange;
    struct db *db;
    const char *project_id; /* of the group at this site, or of the token for an unknown group */
    err_t *error;           /* of a query a callback made */
};

/* One run of exchange_run. */
struct exchange_run {
    const struct exchange *x;
    const struct exchange_call *call;
    const char *project_id;
    const struct group_row *seed;
    bool challenge; /* what is asked for is a message of our own, not a reply */
    json_t *observations;
    struct message *reply;    /* out */
    struct marks *marks;      /* recalled before the transaction */
    struct local_site *local; /* as the transaction leaves it */
    int64_t minted, floor;    /* likewise, of the group */
    bool nested;              /* a part of the caller's transaction */
    bool restored;            /* the database is older than the marks; nothing was done */
    struct knowledge knowledge;
};

/* The transaction (or a part of the caller's), then the signed reply; uses 'r' up. */
err_t *exchange_run(struct exchange_run *r, struct db *db, json_t **ret_reply) MUST_CHECK;
/* ---- exchange_keys.c ---- */

/* The carried form, with the certificates of our keys. */
err_t *exchange_sign(const struct exchange *x, const struct message *m, json_t **ret) MUST_CHECK;

struct exchange_verify {
    struct db *db;
    const struct env *env;
    const json_t *carried;
    struct site *site; /* out: who is said to have signed */
    GPtrArray *way;    /* out: from the pinned key to that of the message; NULL: it is known */
    err_t *error;      /* out: why there is no key; NULL: the message is not valid, or is */
};
void exchange_verify_fini(struct exchange_verify *v);
/* A message_verify_fn. */
bool exchange_verify(void *data, const char *from, const char *key_id, const void *bytes,
                     size_t size, const char *signature);
/* Pins the key that the verified message has shown. */
err_t *exchange_adopt(struct exchange_verify *v) MUST_CHECK;

struct exchange_key {
    bool newer;     /* than any that the group has heard */
    bool overtaken; /* the group has heard a later one */
};
/* Before the message acts.  SYNC_KEY_OLD for what is fresh by nature. */
err_t *exchange_key_judge(struct db *db, const struct message *m,
                          struct exchange_key *ret) MUST_CHECK;
/* After it has acted.  SYNC_KEY_OLD for what an overtaken key may not change. */
err_t *exchange_key_done(struct exchange_tx *tx, const struct message *m,
                         const struct exchange_key *key) MUST_CHECK;

/* ---- exchange.c ---- */

/* Records the Cinder group of a site, once it is known. */
err_t *exchange_cinder_note(struct db *db, const struct sync_state *s, const char *site,
                            const char *id, int64_t now_ms) MUST_CHECK;
/* The group was never made: its Idempotency-Key stands for nothing. */
err_t *exchange_key_forget(struct exchange_tx *tx) MUST_CHECK;
