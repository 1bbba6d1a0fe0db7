/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rest - how a server comes to rest, and back: what `demote`, `resume` and a handover do to
 * servers, whichever cloud they are in.
 */
#pragma once

#include "cloud/nova.h"

enum rest {
    REST_WAIT, /* something is under way that ends by itself */
    REST_IS,   /* it neither runs nor writes, and a lock keeps it so */
    REST_STOP,
    REST_UNRESCUE,
    REST_CONFIRM,
};

enum rest server_rest(const json_t *server);
/* Does what the server needs to come to rest; nothing for REST_WAIT and REST_IS. */
err_t *server_to_rest(const struct cloud *c, const char *id, enum rest rest) MUST_CHECK;

/*
 * It rests because it was stopped (SERVER_WAS in its metadata): whoever had stopped it before finds
 * it stopped.
 */
bool server_wants_start(const json_t *server);
/* Takes a lock of ours away; a lock of somebody else's stays. */
err_t *server_unlock(const struct cloud *c, const json_t *server) MUST_CHECK;
