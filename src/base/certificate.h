/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate - one key of a site says which one follows it, so that a peer which has pinned the
 * one can believe the other.
 *
 *     {"certificate": "<the exact text that was signed>", "signature": "<base64>"}
 *
 * The text is canonical JSON {"protocol": "protector/1", "type": "CERTIFICATE", "site", "key_id",
 * "sign_public", "seal_public"}: 'key_id' names the key that signs, the two others are the keys
 * that follow it.  No message has this type, so neither can stand for the other.
 *
 * Certificates stand in site.keys (secrets.h) and travel beside a message (model/message.h).
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/secrets.h"

/* The newest that travel: a peer that has missed more rotations than these must be told by hand. */
#define CERTIFICATES_MAX 16

struct certificate {
    char *site;   /* uuid */
    char *key_id; /* of the key that has signed it */
    char *sign_public;
    char *seal_public;
};
void certificate_destroy(struct certificate *c);
AUTO_DEFINE(certificate, certificate_destroy)

/* 'by' says that 'next' follows it at the site.  New reference. */
json_t *certificate_make(const struct keypairs *by, const char *site, const struct keypairs *next);
/* The form alone, strictly; nothing is verified.  SYNC_ENVELOPE. */
err_t *certificate_read(const json_t *carried, struct certificate **ret) MUST_CHECK;
/*
 * The way from the key 'sign_public' of the site to the one called 'key_id': of struct certificate,
 * in order, each signed by the key before it.  SYNC_SIGNATURE if 'carried' (an array) has none.
 */
err_t *certificates_follow(const json_t *carried, const char *site, const char *sign_public,
                           const char *key_id, GPtrArray **ret) MUST_CHECK;
