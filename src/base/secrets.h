/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets - the one door to libsodium: hashes, signatures, sealed boxes, encryption at rest.
 *
 * Ed25519 signs (a site's identity), X25519 seals (crypto_box_seal: a secret for one site),
 * XChaCha20-Poly1305 encrypts what rests in the database under the key file of 'state_path'.
 * Binary values travel as standard base64 (keys, signatures, boxes) or lower-case hex (hashes).
 * Secret bytes are wiped when freed.
 */
#pragma once

#include "base/auto.h"
#include "base/env.h"
#include "base/err.h"
#include "base/json.h"

#define HASH_HEX_SIZE 65 /* 64 hex digits and a NUL */

/* Must be called once before anything else here (idempotent). */
void secrets_init(void);

/* BLAKE2b-256 of 'size' bytes as lower-case hex. */
void hash_hex(const void *data, size_t size, char ret[HASH_HEX_SIZE]);
/* The hash of several NUL-terminated strings, each with its length, ended by NULL: for keys. */
void hash_strings(char ret[HASH_HEX_SIZE], const char *first, ...) __attribute__((sentinel));

/*
 * The keys of a site: one to sign with, one to open boxes with, and of the keys that it had before
 * those that open older boxes.  Opaque; holds secret halves.
 */
struct keypairs;
struct keypairs *keypairs_create(const struct env *env);
void keypairs_destroy(struct keypairs *keys);
AUTO_DEFINE(keypairs, keypairs_destroy)
/*
 * 'next' was made to follow 'keys': it opens what was sealed to them and to those before, and
 * 'certificate' (taken: what 'keys' signed of it, see certificate.h) is the newest of those it has.
 * The signing halves of older keys are nowhere any more.
 */
void keypairs_follow(struct keypairs *next, const struct keypairs *keys, json_t *certificate);
/* Text form of the file (JSON, secret!).  Caller frees with secret_free. */
char *keypairs_print(const struct keypairs *keys);
err_t *keypairs_parse(const char *text, struct keypairs **ret) MUST_CHECK;
const char *keypairs_sign_public(const struct keypairs *keys); /* base64 */
const char *keypairs_seal_public(const struct keypairs *keys); /* base64 */
const char *keypairs_key_id(const struct keypairs *keys);      /* of the signing key: keys_id */
/* How often the keys were changed, and what tells of it: an array, oldest first.  Borrowed. */
size_t keypairs_former(const struct keypairs *keys);
const json_t *keypairs_certificates(const struct keypairs *keys);
/* The fingerprints that the site had before these keys, oldest first.  New reference. */
json_t *keypairs_former_fingerprints(const struct keypairs *keys);
/* True if this fingerprint was the site's before these keys. */
bool keypairs_were(const struct keypairs *keys, const char *fingerprint);
/* First 16 hex digits of the hash of both public keys, in groups of four by colons: for people. */
const char *keypairs_fingerprint(const struct keypairs *keys);
/* The same of a peer's two public keys.  Caller frees. */
char *keys_fingerprint(const char *sign_public, const char *seal_public);
/* Names a signing key in envelopes: first 16 hex digits of the hash of the public key.  Caller
 * frees. */
char *keys_id(const char *sign_public);
/* True if the text is a public key: 32 bytes in base64. */
bool public_key_valid(const char *public_key);

/* Detached signature over 'size' bytes, base64.  Caller frees. */
char *keypairs_sign(const struct keypairs *keys, const void *data, size_t size);
/* True iff 'signature' (base64) is sign_public's over the bytes. */
bool signature_valid(const char *sign_public, const void *data, size_t size, const char *signature);

/*
 * Seals 'plain' to a site's public key, with chance from 'env', so that a simulation repeats itself
 * byte by byte; NULL if the key is none.  base64; caller frees.
 */
char *seal(const struct env *env, const char *seal_public, const char *plain);
/* Opens a box that was sealed to us, also before a rotation.  Caller frees with secret_free. */
err_t *keypairs_open(const struct keypairs *keys, const char *box, char **ret) MUST_CHECK;

/*
 * Encryption at rest.  'key' is the 32 bytes of the key file.  The text is
 * "v1:<id of the key>:<base64 of nonce and cipher>"; all of it is authenticated.  Decryption fails
 * with SECRET_WRONG_KEY if the text names another key, with SECRET_DAMAGED if it was changed.
 */
#define REST_KEY_SIZE    32
#define REST_KEY_ID_SIZE 17 /* 16 hex digits and a NUL */
/* Names a key without telling it: the database keeps this, so that a wrong file is noticed. */
void rest_key_id(const unsigned char key[REST_KEY_SIZE], char ret[REST_KEY_ID_SIZE]);
char *rest_encrypt(const struct env *env, const unsigned char key[REST_KEY_SIZE],
                   const char *plain);
err_t *rest_decrypt(const unsigned char key[REST_KEY_SIZE], const char *text,
                    char **ret) MUST_CHECK;

/* Overwrites 'size' bytes so that no compiler leaves it out. */
void secret_wipe(void *data, size_t size);
/* Wipes and frees a secret string.  Accepts NULL. */
void secret_free(char *text);
/*
 * Replaces the values of sensitive keys (password, token, *-fa-token, user_data, X-Auth-Token …) in
 * a text for logs by '***', be it JSON (also quoted within JSON), a header, an option, a query or a
 * command line; also passwords in URLs and anything that looks like a Keystone token.  Caller
 * frees.
 */
char *secrets_mask(const char *text);
