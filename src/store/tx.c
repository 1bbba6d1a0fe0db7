/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx - see tx.h.
 */
#include "store/tx.h"

struct marked {
    char nonce[37];
    int64_t now_ms;
    bool maybe_done; /* an earlier COMMIT was not confirmed */
    bool answered;   /* the database has said whether the nonce was there */
    db_tx_fn *body;
    void *data;
};

static err_t *marked_body(struct db *db, void *data)
{
    struct marked *marked = data;
    err_t *e = db_exec(db, NULL, "INSERT INTO commits (nonce, created_at) VALUES (?, ?)", "si",
                       marked->nonce, marked->now_ms);
    if (e != NULL && err_is(e, ERR_DB_DUPLICATE) && marked->maybe_done) {
        err_free(e);
        return NULL;
    }
    if (e != NULL)
        return e;
    marked->answered = true;
    return marked->body(db, marked->data);
}

err_t *store_tx(struct db *db, const struct env *env, db_tx_fn *body, void *data)
{
    struct marked marked = {.now_ms = env_now_ms(env), .body = body, .data = data};
    env_uuid(env, marked.nonce);
    err_t *unknown = NULL;
    for (int tries = 0; tries < TX_UNKNOWN_TRIES_MAX; tries++) {
        marked.answered = false;
        err_t *e = db_tx(db, marked_body, &marked);
        bool known = e == NULL || (marked.answered && !err_is(e, ERR_DB_COMMIT_UNKNOWN));
        if (known || (unknown == NULL && !err_is(e, ERR_DB_COMMIT_UNKNOWN))) {
            err_free(unknown);
            return e;
        }
        /* Nothing but an answer of the database ends the doubt about an earlier try. */
        if (unknown == NULL)
            unknown = e;
        else
            err_free(e);
        marked.maybe_done = true;
    }
    return unknown;
}

err_t *store_tx_prune(struct db *db, int64_t now_ms)
{
    return db_exec(db, NULL, "DELETE FROM commits WHERE created_at < ?", "i", now_ms - TX_KEEP_MS);
}
