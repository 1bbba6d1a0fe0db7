/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders - what the protocol's effects order becomes rows: operations started, ended or unwound,
 * and the log.  Private to store/; exchange.c calls it inside its transaction.
 */
#pragma once

#include "store/exchange.h"

/* Everything of tx->effects but messages.  'before' is the body as it was, or NULL. */
err_t *orders_write(struct exchange_tx *tx, const struct body *before) MUST_CHECK;

/*
 * Unwinds an operation (pending: ends it at once); of one that has passed its pivot the engine
 * takes nothing back: it hands over what was made, and ends it.  'ending' is the status it will end
 * with: "superseded", "cancelled", "failed".
 */
err_t *orders_unwind(struct db *db, struct operation *op, const char *ending, const char *text,
                     int64_t now_ms) MUST_CHECK;

/*
 * One that unwinds gives way to another operation over the same keys: it calls nothing any more,
 * leaves what is not taken back yet to that one, and ends ("superseded", unless somebody ordered
 * another end before).
 */
err_t *orders_leave(struct db *db, struct operation *op, const char *text,
                    int64_t now_ms) MUST_CHECK;

/* The ordinary life of the metadata between 'before' and tx->state, as rows of the log.  In
 * exchange_log.c. */
err_t *exchange_log_routine(struct exchange_tx *tx, const struct sync_state *before) MUST_CHECK;
