/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - the typed, addressed, signed envelopes that clients carry between two sites.
 *
 *     {"envelope": "<the exact text that was signed>", "signature": "<base64>",
 *      "body": "<the exact body>"?, "history": {…}?, "keys": [<certificate>…]?}
 *
 * The envelope is canonical JSON {"protocol": "protector/1", "type", "from", "to", "incarnation",
 * "key_id", "group", "position", "epoch", "version", "parent", "body_hash", "history_hash", …}; it
 * holds the hashes of body and history, so that one signature covers all.  'keys' stands beside
 * it: certificates (base/certificate.h) that need no signature but their own.  Signing and
 * verifying are the caller's (base/secrets.h): this file knows no keys.
 *
 * Neighbours: sync.h says what a message means; api/ and client/ move them.
 * Invariants: what message_decode returns is complete for its type and consistent in itself (the
 * body has the hash that the position names, the position is the last row of the history).
 */
#pragma once

#include "model/body.h"

#define MESSAGE_SIZE_MAX     (8 * 1024 * 1024)
#define MESSAGE_ENVELOPE_MAX (64 * 1024)
#define MESSAGE_NONCE_SIZE   33 /* 128 random bits as hex */
#define MESSAGE_REASON_SIZE  64
#define MESSAGE_TEXT_MAX     1024
#define MESSAGE_PROTOCOL     "protector/1"

enum message_type {
    MESSAGE_PROPOSE, /* (p, body, history)  by s for what it has staged */
    MESSAGE_ACCEPT,  /* (p)  the peer holds p and has what p needs */
    MESSAGE_REFUSE,  /* (p, reason)  the peer will never accept p */
    MESSAGE_STATE,   /* (pos [, body, history]) */
    MESSAGE_ABORTED, /* (h)  the target of handover h has unwound and will never claim for it */
    MESSAGE_HELLO,   /* (nonce, pos)  a challenge */
    MESSAGE_HERE,   /* (nonce, pos, role, serving, frozen_for, schema [, body, history])  its answer
                     */
    MESSAGE_CLOSE,  /* (nonce, rival)  asks the loser of a fork for its closing position */
    MESSAGE_CLOSED, /* (nonce, pos, floor, body, history) */
    MESSAGE_GONE,   /* (last hash)  by a tombstone */
    MESSAGE_AMNESIA, /* (nonce, pos, floor, history)  by a RECOVERING site, fresh */
    MESSAGE_TYPES
};

/* Role of a site for one group (sync.h); here because HERE tells it. */
enum sync_role {
    ROLE_NONE,
    ROLE_STANDBY,
    ROLE_ACTIVE,
    ROLE_FROZEN,
    ROLE_RECOVERING,
    ROLE_TOMBSTONE,
    SYNC_ROLES
};
const char *sync_role_text(enum sync_role role); /* "NONE" … */
enum sync_role sync_role_of(const char *text);   /* SYNC_ROLES if it names none */

struct message {
    enum message_type type;
    char from[UUID_SIZE], to[UUID_SIZE];
    char incarnation[INCARNATION_SIZE]; /* the sender's */
    char key_id[64];                    /* the sender's signing key; filled by message_encode */
    char group[GROUP_SIZE];
    char position[HASH_HEX_SIZE];     /* p, pos, h, rival or last hash; POSITION_EMPTY for EMPTY */
    int64_t epoch, version;           /* of 'position', as the sender knows it */
    char addressee[INCARNATION_SIZE]; /* PROPOSE of a create: the receiver's, as its HERE told it;
                                         of any other change "" */
    char nonce[MESSAGE_NONCE_SIZE];
    enum sync_role role;              /* STATE, HERE, CLOSED */
    bool split;                       /* STATE, HERE, CLOSED */
    char serving[HASH_HEX_SIZE];      /* STATE, HERE */
    char frozen_for[HASH_HEX_SIZE];   /* STATE, HERE */
    int64_t schema;                   /* HERE: highest body schema the sender understands */
    int64_t floor;                    /* CLOSED, AMNESIA */
    char reason[MESSAGE_REASON_SIZE]; /* REFUSE: a code (protector.…) */
    char *text;                       /* REFUSE: for people; may be NULL */
    json_t *observations; /* ACCEPT, HERE: ids made at the sender, member servers; may be NULL */
    struct body *body;    /* may be NULL */
    GPtrArray *history;   /* anc(position), parents first; may be NULL */
};

const char *message_type_text(enum message_type type); /* "PROPOSE" … */
enum message_type message_type_of(const char *text);   /* MESSAGE_TYPES if it names none */

struct message *message_create(enum message_type type);
void message_destroy(struct message *m); /* accepts NULL */
AUTO_DEFINE(message, message_destroy)
struct message *message_copy(const struct message *m); /* shares body and rows */
/* The row of 'position' (the last of the history), or NULL. */
const struct position *message_row(const struct message *m);

/* Signs 'size' bytes; base64, caller frees with g_free. */
typedef char *message_sign_fn(void *data, const void *bytes, size_t size);
/* True iff 'signature' by the key 'key_id' of site 'from' is good for these bytes. */
typedef bool message_verify_fn(void *data, const char *from, const char *key_id, const void *bytes,
                               size_t size, const char *signature);

/* The carried form.  'key_id' names the key that 'sign' uses.  Code TOO_LARGE. */
err_t *message_encode(const struct message *m, const char *key_id, message_sign_fn *sign,
                      void *data, json_t **ret) MUST_CHECK;
/*
 * Reads the carried form, strictly.  'verify' NULL: the signature is not looked at (a client that
 * only wants type and addressee).  Codes SYNC_ENVELOPE, SYNC_SIGNATURE, SYNC_POSITION,
 * BODY_INVALID, TOO_LARGE.
 */
err_t *message_decode(const json_t *carried, message_verify_fn *verify, void *data,
                      struct message **ret) MUST_CHECK;
/* The same from bytes (a file, a request body); at most MESSAGE_SIZE_MAX. */
err_t *message_decode_text(const char *text, size_t size, message_verify_fn *verify, void *data,
                           struct message **ret) MUST_CHECK;
/*
 * A message is for one site and from one site.  Code SYNC_ADDRESSEE.  'group' may be NULL.
 */
err_t *message_check_address(const struct message *m, const char *self, const char *peer,
                             const char *group) MUST_CHECK;
