/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - what a client carries: decoded, encoded and decoded again it is the same; signed by us
 * and then altered by one byte it is refused.
 */
#include "model/message.h"
#include "tests/fuzz/fuzz.h"

static struct keypairs *keys;
static char *key_id;

void fuzz_init(void)
{
    secrets_init();
    keys = keypairs_create(&fuzz_env);
    key_id = keys_id(keypairs_sign_public(keys));
}

static char *sign(void *data G_GNUC_UNUSED, const void *bytes, size_t size)
{
    return keypairs_sign(keys, bytes, size);
}

static bool verify(void *data G_GNUC_UNUSED, const char *from G_GNUC_UNUSED, const char *key,
                   const void *bytes, size_t size, const char *signature)
{
    return strcmp(key, key_id) == 0 &&
           signature_valid(keypairs_sign_public(keys), bytes, size, signature);
}

/* One character of what 'key' holds becomes another, at a place that the text itself names. */
static void altered(const json_t *carried, const char *key)
{
    const char *text = json_str(carried, key);
    char place[HASH_HEX_SIZE];
    AUTO(message) m = NULL;

    if (text == NULL || *text == '\0')
        return;
    hash_hex(text, strlen(text), place);
    g_autoptr(json_t) other = json_deep_copy(carried);
    g_autofree char *changed = g_strdup(text);
    size_t at = (size_t)g_ascii_strtoull(place + 56, NULL, 16) % strlen(text);
    changed[at] = changed[at] == 'a' ? 'b' : 'a';
    if (!g_utf8_validate(changed, -1, NULL))
        return;
    json_set_str(other, key, changed);
    FUZZ_MUST(fuzz_refused(message_decode(other, verify, NULL, &m)), "byte %zu of the %s", at, key);
}

void fuzz_one(const char *data, size_t size)
{
    AUTO(message) m = NULL;
    AUTO(message) back = NULL;
    g_autoptr(json_t) carried = NULL;
    g_autoptr(json_t) again = NULL;

    if (fuzz_refused(message_decode_text(data, size, NULL, NULL, &m))) {
        FUZZ_MUST(m == NULL, "refused, and yet a result");
        return;
    }
    FUZZ_MUST(fuzz_refused(message_decode_text(data, size, verify, NULL, &back)),
              "taken without a signature of ours");
    if (fuzz_refused(message_encode(m, key_id, sign, NULL, &carried)))
        return; /* too large */
    FUZZ_MUST(message_decode(carried, verify, NULL, &back) == NULL, "our own cannot be read");
    FUZZ_MUST(message_encode(back, key_id, sign, NULL, &again) == NULL, "cannot be told again");
    fuzz_same_json("the message", carried, again);
    altered(carried, "envelope");
    altered(carried, "body");
}
