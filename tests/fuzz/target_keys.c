/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - site.keys, a text encrypted at rest, a sealed box, a peer's keys and signature: what was
 * not made with the key is never taken for it.
 */
#include "base/secrets.h"
#include "tests/fuzz/fuzz.h"

static struct keypairs *own;
static const unsigned char rest_key[REST_KEY_SIZE] = {7};

void fuzz_init(void)
{
    secrets_init();
    own = keypairs_create(&fuzz_env);
}

static void file(const char *text)
{
    AUTO(keypairs) keys = NULL;

    if (fuzz_refused(keypairs_parse(text, &keys)))
        return;
    char *printed = keypairs_print(keys);
    AUTO(keypairs) back = NULL;
    FUZZ_MUST(keypairs_parse(printed, &back) == NULL, "printed keys cannot be read");
    fuzz_same("the fingerprint", keypairs_fingerprint(keys), keypairs_fingerprint(back));
    secret_free(printed);
}

void fuzz_one(const char *data, size_t size)
{
    g_autofree char *text = g_strndup(size > 0 ? data : "", size);
    g_autofree char *id G_GNUC_UNUSED = keys_id(text);
    g_autofree char *fingerprint G_GNUC_UNUSED = keys_fingerprint(text, text);
    g_autofree char *box G_GNUC_UNUSED = seal(&fuzz_env, text, "plain");
    char *plain = NULL;

    file(text);
    FUZZ_MUST(fuzz_refused(rest_decrypt(rest_key, text, &plain)), "decrypted: %s", plain);
    FUZZ_MUST(fuzz_refused(keypairs_open(own, text, &plain)), "opened: %s", plain);
    FUZZ_MUST(!signature_valid(keypairs_sign_public(own), "bytes", 5, text), "a signature");
    (void)signature_valid(text, "bytes", 5, "AAAA");
}
