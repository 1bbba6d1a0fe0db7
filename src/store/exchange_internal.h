/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_internal - what the files of the exchange share; nobody else includes it.
 *
 *     exchange.c         the one transaction: load, act, save, sign; messages
 *     exchange_ask.c     what the API asks
 *     exchange_engine.c  what the engine does
 *     exchange_log.c     the ordinary life of the metadata, as rows of the log
 */
#pragma once

#include "store/exchange.h"
#include "store/group.h"
#include "store/operation.h"
#include "store/restored.h"

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
/* Records the Cinder group of a site, once it is known. */
err_t *exchange_cinder_note(struct db *db, const struct sync_state *s, const char *site,
                            const char *id, int64_t now_ms) MUST_CHECK;
/* Operations that have not claimed yet and would be overtaken by a change. */
bool exchange_preclaim(const struct operation *op);
/* The group was never made: its Idempotency-Key stands for nothing. */
err_t *exchange_key_forget(struct exchange_tx *tx) MUST_CHECK;
