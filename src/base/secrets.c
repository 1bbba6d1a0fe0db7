/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets - keys, signatures, boxes and encryption at rest on libsodium; no other file includes it.
 *
 * Masking of logs is in mask.c.  Key pairs are made of two 32-byte seeds drawn from struct env, so
 * a simulation has the same keys on every run.  Sealed boxes are libsodium's crypto_box_seal
 * format, made by hand because the library draws its ephemeral key itself.
 */
#include "base/secrets.h"

#include <sodium.h>
#include <string.h>

#include "base/json.h"

#define HASH_SIZE        32
#define SHORT_HEX_LENGTH 16
#define KEYPAIRS_FORMAT  1 /* keys that never were others */
#define KEYPAIRS_FORMAT2 2 /* with "former" and "certificates" */
#define REST_PREFIX      "v1:"

G_STATIC_ASSERT(REST_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

/* What is left of keys that were replaced. */
struct former {
    unsigned char seal_seed[crypto_box_SEEDBYTES];
    unsigned char seal_secret[crypto_box_SECRETKEYBYTES];
    unsigned char seal_key[crypto_box_PUBLICKEYBYTES];
    char *sign_public;
    char *seal_public;
    char *fingerprint;
};

struct keypairs {
    unsigned char sign_seed[crypto_sign_SEEDBYTES];
    unsigned char sign_secret[crypto_sign_SECRETKEYBYTES];
    unsigned char sign_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char seal_seed[crypto_box_SEEDBYTES];
    unsigned char seal_secret[crypto_box_SECRETKEYBYTES];
    unsigned char seal_key[crypto_box_PUBLICKEYBYTES];
    char *sign_public; /* base64 of the keys above */
    char *seal_public;
    char *fingerprint;
    char *key_id;
    GPtrArray *former;    /* of struct former, oldest first */
    json_t *certificates; /* likewise */
};

void secrets_init(void)
{
    int rc = sodium_init();
    g_assert(rc >= 0);
}

/* ---- wiping and base64 ---- */

void secret_wipe(void *data, size_t size)
{
    sodium_memzero(data, size);
}

void secret_free(char *text)
{
    if (text != NULL)
        sodium_memzero(text, strlen(text));
    g_free(text);
}

static char *to_base64(const void *data, size_t size)
{
    size_t text_size = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    char *text = g_malloc(text_size);
    return sodium_bin2base64(text, text_size, data, size, sodium_base64_VARIANT_ORIGINAL);
}

/* Decodes strictly (canonical, padded, no blanks); NULL if 'text' is none.  Caller frees. */
static unsigned char *from_base64(const char *text, size_t *ret_size)
{
    if (text == NULL)
        return NULL;
    size_t length = strlen(text);
    g_autofree unsigned char *data = g_malloc(length / 4 * 3 + 3);
    const char *end = NULL;
    int rc = sodium_base642bin(data, length / 4 * 3 + 3, text, length, NULL, ret_size, &end,
                               sodium_base64_VARIANT_ORIGINAL);
    return rc == 0 && end == text + length ? g_steal_pointer(&data) : NULL;
}

/* Decodes text that must be exactly 'size' bytes. */
static bool key_from_base64(const char *text, unsigned char *ret, size_t size)
{
    size_t got = 0;
    g_autofree unsigned char *data = from_base64(text, &got);
    bool ok = data != NULL && got == size;
    if (ok)
        memcpy(ret, data, size);
    if (data != NULL)
        sodium_memzero(data, got);
    return ok;
}

/* ---- hashes ---- */

static void hash_finish(crypto_generichash_state *state, char ret[HASH_HEX_SIZE])
{
    unsigned char hash[HASH_SIZE];
    crypto_generichash_final(state, hash, sizeof hash);
    sodium_bin2hex(ret, HASH_HEX_SIZE, hash, sizeof hash);
}

void hash_hex(const void *data, size_t size, char ret[HASH_HEX_SIZE])
{
    unsigned char hash[HASH_SIZE];
    crypto_generichash(hash, sizeof hash, data, size, NULL, 0);
    sodium_bin2hex(ret, HASH_HEX_SIZE, hash, sizeof hash);
}

void hash_strings(char ret[HASH_HEX_SIZE], const char *first, ...)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, HASH_SIZE);
    va_list args;
    va_start(args, first);
    for (const char *text = first; text != NULL; text = va_arg(args, const char *)) {
        uint64_t length = GUINT64_TO_LE((uint64_t)strlen(text));
        crypto_generichash_update(&state, (const void *)&length, sizeof length);
        crypto_generichash_update(&state, (const void *)text, strlen(text));
    }
    va_end(args);
    hash_finish(&state, ret);
}

char *keys_id(const char *sign_public)
{
    char hash[HASH_HEX_SIZE];
    hash_strings(hash, sign_public, NULL);
    return g_strndup(hash, SHORT_HEX_LENGTH);
}

char *keys_fingerprint(const char *sign_public, const char *seal_public)
{
    char h[HASH_HEX_SIZE];
    hash_strings(h, sign_public, seal_public, NULL);
    return g_strdup_printf("%.4s:%.4s:%.4s:%.4s", h, h + 4, h + 8, h + 12);
}

/* ---- key pairs ---- */

bool public_key_valid(const char *public_key)
{
    unsigned char key[crypto_sign_PUBLICKEYBYTES];
    return key_from_base64(public_key, key, sizeof key);
}

static void former_destroy(void *data)
{
    struct former *f = data;
    g_free(f->sign_public);
    g_free(f->seal_public);
    g_free(f->fingerprint);
    sodium_memzero(f, sizeof *f);
    g_free(f);
}

/* Derives the rest from seed and public signing key, which are set. */
static void former_derive(struct former *f)
{
    crypto_box_seed_keypair(f->seal_key, f->seal_secret, f->seal_seed);
    f->seal_public = to_base64(f->seal_key, sizeof f->seal_key);
    f->fingerprint = keys_fingerprint(f->sign_public, f->seal_public);
}

static void former_add(struct keypairs *keys, const char *sign_public, const unsigned char *seed)
{
    struct former *f = g_new0(struct former, 1);
    memcpy(f->seal_seed, seed, sizeof f->seal_seed);
    f->sign_public = g_strdup(sign_public);
    former_derive(f);
    g_ptr_array_add(keys->former, f);
}

static struct keypairs *keypairs_new(void)
{
    struct keypairs *keys = g_new0(struct keypairs, 1);
    keys->former = g_ptr_array_new_with_free_func(former_destroy);
    keys->certificates = json_array();
    return keys;
}

/* Derives everything from the two seeds, which are set. */
static void keypairs_derive(struct keypairs *keys)
{
    crypto_sign_seed_keypair(keys->sign_key, keys->sign_secret, keys->sign_seed);
    crypto_box_seed_keypair(keys->seal_key, keys->seal_secret, keys->seal_seed);
    keys->sign_public = to_base64(keys->sign_key, sizeof keys->sign_key);
    keys->seal_public = to_base64(keys->seal_key, sizeof keys->seal_key);
    keys->fingerprint = keys_fingerprint(keys->sign_public, keys->seal_public);
    keys->key_id = keys_id(keys->sign_public);
}

struct keypairs *keypairs_create(const struct env *env)
{
    struct keypairs *keys = keypairs_new();
    env->random(env->data, keys->sign_seed, sizeof keys->sign_seed);
    env->random(env->data, keys->seal_seed, sizeof keys->seal_seed);
    keypairs_derive(keys);
    return keys;
}

void keypairs_destroy(struct keypairs *keys)
{
    if (keys == NULL)
        return;
    g_free(keys->sign_public);
    g_free(keys->seal_public);
    g_free(keys->fingerprint);
    g_free(keys->key_id);
    g_ptr_array_unref(keys->former);
    json_decref(keys->certificates);
    sodium_memzero(keys, sizeof *keys);
    g_free(keys);
}

void keypairs_follow(struct keypairs *next, const struct keypairs *keys, json_t *certificate)
{
    for (guint i = 0; i < keys->former->len; i++) {
        const struct former *f = g_ptr_array_index(keys->former, i);
        former_add(next, f->sign_public, f->seal_seed);
    }
    former_add(next, keys->sign_public, keys->seal_seed);
    json_array_extend(next->certificates, keys->certificates);
    json_array_append_new(next->certificates, certificate);
}

/* ---- the file ---- */

#define FORMER_TEXT_SIZE 320 /* three keys in base64 and what is around them */

/* The text has room for it: no copy of a secret is left behind by growing. */
static void print_former(const struct keypairs *keys, GString *text)
{
    g_string_append(text, ",\n  \"former\": [");
    for (guint i = 0; i < keys->former->len; i++) {
        const struct former *f = g_ptr_array_index(keys->former, i);
        char *seed = to_base64(f->seal_seed, sizeof f->seal_seed);
        g_string_append_printf(text,
                               "%s\n    {\"sign_public\": \"%s\", \"seal_public\": \"%s\", "
                               "\"seal_secret\": \"%s\"}",
                               i > 0 ? "," : "", f->sign_public, f->seal_public, seed);
        secret_free(seed);
    }
    g_string_append(text, "\n  ]");
}

char *keypairs_print(const struct keypairs *keys)
{
    char *sign_seed = to_base64(keys->sign_seed, sizeof keys->sign_seed);
    char *seal_seed = to_base64(keys->seal_seed, sizeof keys->seal_seed);
    g_autofree char *certificates = json_print(keys->certificates);
    bool changed = keys->former->len > 0;
    GString *text =
        g_string_sized_new((keys->former->len + 2) * FORMER_TEXT_SIZE + strlen(certificates) + 64);
    g_string_append_printf(text,
                           "{\n  \"format\": %d,\n"
                           "  \"sign_public\": \"%s\",\n  \"seal_public\": \"%s\",\n"
                           "  \"sign_secret\": \"%s\",\n  \"seal_secret\": \"%s\"",
                           changed ? KEYPAIRS_FORMAT2 : KEYPAIRS_FORMAT, keys->sign_public,
                           keys->seal_public, sign_seed, seal_seed);
    if (changed)
        print_former(keys, text);
    if (changed)
        g_string_append_printf(text, ",\n  \"certificates\": %s", certificates);
    g_string_append(text, "\n}\n");
    secret_free(sign_seed);
    secret_free(seal_seed);
    return g_string_free(text, FALSE);
}

/* Wipes a string that jansson holds; it would free it as it is. */
static void json_str_wipe(const json_t *j, const char *key)
{
    json_t *value = json_object_get(j, key);
    if (json_is_string(value))
        sodium_memzero((char *)(uintptr_t)json_string_value(value), json_string_length(value));
}

static err_t *parse_former_one(struct keypairs *keys, const json_t *row)
{
    unsigned char seed[crypto_box_SEEDBYTES];
    const char *sign_public = json_str(row, "sign_public");
    bool ok = public_key_valid(sign_public) &&
              key_from_base64(json_str(row, "seal_secret"), seed, sizeof seed);
    if (ok)
        former_add(keys, sign_public, seed);
    sodium_memzero(seed, sizeof seed);
    json_str_wipe(row, "seal_secret");
    if (!ok)
        return err(PARSE, "the key file has a former key without usable sign_public and "
                          "seal_secret");
    const struct former *f = g_ptr_array_index(keys->former, keys->former->len - 1);
    return g_strcmp0(json_str(row, "seal_public"), f->seal_public) == 0
               ? NULL
               : err(PARSE, "a former public key in the key file does not belong to its secret");
}

/* What keys that were changed have besides. */
static err_t *parse_former(struct keypairs *keys, const json_t *j)
{
    const json_t *rows = json_arr(j, "former"), *certificates = json_arr(j, "certificates");
    err_t *e = NULL;
    size_t i;
    json_t *row;

    if (rows == NULL || certificates == NULL || json_array_size(rows) == 0)
        return err(PARSE, "the key file of format %d lacks former keys or certificates",
                   KEYPAIRS_FORMAT2);
    json_array_foreach(rows, i, row)
    {
        if (e == NULL)
            e = parse_former_one(keys, row);
        json_str_wipe(row, "seal_secret");
    }
    if (e == NULL)
        json_array_extend(keys->certificates, (json_t *)certificates);
    return e;
}

err_t *keypairs_parse(const char *text, struct keypairs **ret)
{
    g_autoptr(json_t) j = NULL;
    AUTO(keypairs) keys = keypairs_new();
    TRY(json_parse(text, strlen(text), "the key file", &j));
    int64_t format = json_int(j, "format", 0);
    err_t *e = format == KEYPAIRS_FORMAT2 ? parse_former(keys, j) : NULL;
    bool ok =
        key_from_base64(json_str(j, "sign_secret"), keys->sign_seed, sizeof keys->sign_seed) &&
        key_from_base64(json_str(j, "seal_secret"), keys->seal_seed, sizeof keys->seal_seed);
    json_str_wipe(j, "sign_secret");
    json_str_wipe(j, "seal_secret");
    if (e != NULL)
        return e;
    if (format != KEYPAIRS_FORMAT && format != KEYPAIRS_FORMAT2)
        return err(PARSE, "the key file is not of format %d or %d", KEYPAIRS_FORMAT,
                   KEYPAIRS_FORMAT2);
    if (!ok)
        return err(PARSE, "the key file has no usable sign_secret and seal_secret");
    keypairs_derive(keys);
    if (g_strcmp0(json_str(j, "sign_public"), keys->sign_public) != 0 ||
        g_strcmp0(json_str(j, "seal_public"), keys->seal_public) != 0)
        return err(PARSE, "the public keys in the key file do not belong to its secret ones");
    *ret = TAKE(keys);
    return NULL;
}

const char *keypairs_sign_public(const struct keypairs *keys)
{
    return keys->sign_public;
}

const char *keypairs_seal_public(const struct keypairs *keys)
{
    return keys->seal_public;
}

const char *keypairs_fingerprint(const struct keypairs *keys)
{
    return keys->fingerprint;
}

const char *keypairs_key_id(const struct keypairs *keys)
{
    return keys->key_id;
}

size_t keypairs_former(const struct keypairs *keys)
{
    return keys->former->len;
}

const json_t *keypairs_certificates(const struct keypairs *keys)
{
    return keys->certificates;
}

json_t *keypairs_former_fingerprints(const struct keypairs *keys)
{
    json_t *out = json_array();

    for (guint i = 0; i < keys->former->len; i++) {
        const struct former *f = g_ptr_array_index(keys->former, i);
        json_array_append_new(out, json_string(f->fingerprint));
    }
    return out;
}

bool keypairs_were(const struct keypairs *keys, const char *fingerprint)
{
    for (guint i = 0; i < keys->former->len; i++) {
        const struct former *f = g_ptr_array_index(keys->former, i);
        if (g_strcmp0(f->fingerprint, fingerprint) == 0)
            return true;
    }
    return false;
}

/* ---- signatures ---- */

char *keypairs_sign(const struct keypairs *keys, const void *data, size_t size)
{
    unsigned char signature[crypto_sign_BYTES];
    crypto_sign_detached(signature, NULL, data, size, keys->sign_secret);
    return to_base64(signature, sizeof signature);
}

bool signature_valid(const char *sign_public, const void *data, size_t size, const char *signature)
{
    unsigned char key[crypto_sign_PUBLICKEYBYTES];
    unsigned char bytes[crypto_sign_BYTES];
    return key_from_base64(sign_public, key, sizeof key) &&
           key_from_base64(signature, bytes, sizeof bytes) &&
           crypto_sign_verify_detached(bytes, data, size, key) == 0;
}

/* ---- sealed boxes ---- */

char *seal(const struct env *env, const char *seal_public, const char *plain)
{
    unsigned char key[crypto_box_PUBLICKEYBYTES];
    unsigned char seed[crypto_box_SEEDBYTES];
    unsigned char once_secret[crypto_box_SECRETKEYBYTES];
    unsigned char once_and_key[2 * crypto_box_PUBLICKEYBYTES];
    unsigned char nonce[crypto_box_NONCEBYTES];
    if (!key_from_base64(seal_public, key, sizeof key))
        return NULL;
    env->random(env->data, seed, sizeof seed);
    crypto_box_seed_keypair(once_and_key, once_secret, seed);
    memcpy(once_and_key + sizeof key, key, sizeof key);
    crypto_generichash(nonce, sizeof nonce, once_and_key, sizeof once_and_key, NULL, 0);

    size_t size = strlen(plain), box_size = size + crypto_box_SEALBYTES;
    g_autofree unsigned char *box = g_malloc(box_size);
    memcpy(box, once_and_key, crypto_box_PUBLICKEYBYTES);
    int rc = crypto_box_easy(box + crypto_box_PUBLICKEYBYTES, (const void *)plain, size, nonce, key,
                             once_secret);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(once_secret, sizeof once_secret);
    return rc == 0 ? to_base64(box, box_size) : NULL;
}

/* With the present key, else with those before it, newest first. */
static bool open_with_any(const struct keypairs *keys, const unsigned char *data, size_t size,
                          char *plain)
{
    if (crypto_box_seal_open((void *)plain, data, size, keys->seal_key, keys->seal_secret) == 0)
        return true;
    for (guint i = keys->former->len; i > 0; i--) {
        const struct former *f = g_ptr_array_index(keys->former, i - 1);
        if (crypto_box_seal_open((void *)plain, data, size, f->seal_key, f->seal_secret) == 0)
            return true;
    }
    return false;
}

err_t *keypairs_open(const struct keypairs *keys, const char *box, char **ret)
{
    size_t size = 0;
    g_autofree unsigned char *data = from_base64(box, &size);
    if (data == NULL || size < crypto_box_SEALBYTES)
        return err(SECRET_DAMAGED, "cannot open a sealed secret: it is no box of ours");
    char *plain = g_malloc0(size - crypto_box_SEALBYTES + 1);
    if (!open_with_any(keys, data, size, plain)) {
        g_free(plain);
        return err(SECRET_DAMAGED,
                   "cannot open a sealed secret with key %s or the %u before it: it was changed, "
                   "or sealed to another key",
                   keys->fingerprint, keys->former->len);
    }
    *ret = plain;
    return NULL;
}

/* ---- encryption at rest ---- */

void rest_key_id(const unsigned char key[REST_KEY_SIZE], char ret[REST_KEY_ID_SIZE])
{
    static const char purpose[] = "protector: id of a key at rest";
    unsigned char hash[HASH_SIZE];
    crypto_generichash(hash, sizeof hash, (const void *)purpose, sizeof purpose, key,
                       REST_KEY_SIZE);
    sodium_bin2hex(ret, REST_KEY_ID_SIZE, hash, (REST_KEY_ID_SIZE - 1) / 2);
}

/* "v1:<id of the key>:", which is also the additional data of the cipher. */
static char *rest_head(const unsigned char key[REST_KEY_SIZE])
{
    char id[REST_KEY_ID_SIZE];
    rest_key_id(key, id);
    return g_strdup_printf(REST_PREFIX "%s:", id);
}

char *rest_encrypt(const struct env *env, const unsigned char key[REST_KEY_SIZE], const char *plain)
{
    const size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    size_t size = strlen(plain);
    size_t total = nonce_size + size + crypto_aead_xchacha20poly1305_ietf_ABYTES;
    g_autofree unsigned char *data = g_malloc(total);
    g_autofree char *head = rest_head(key);
    env->random(env->data, data, nonce_size);
    crypto_aead_xchacha20poly1305_ietf_encrypt(data + nonce_size, NULL, (const void *)plain, size,
                                               (const void *)head, strlen(head), NULL, data, key);
    g_autofree char *text = to_base64(data, total);
    return g_strconcat(head, text, NULL);
}

err_t *rest_decrypt(const unsigned char key[REST_KEY_SIZE], const char *text, char **ret)
{
    const size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    const size_t extra = nonce_size + crypto_aead_xchacha20poly1305_ietf_ABYTES;
    g_autofree char *head = rest_head(key);
    size_t head_length = strlen(head);
    if (!g_str_has_prefix(text, REST_PREFIX) || strlen(text) < head_length ||
        text[head_length - 1] != ':')
        return err(SECRET_DAMAGED, "cannot decrypt: the text is not in our form v1:KEY:DATA");
    if (strncmp(text, head, head_length) != 0)
        return err(SECRET_WRONG_KEY,
                   "cannot decrypt: the text was encrypted under key %.16s, the key "
                   "file holds key %.16s",
                   text + strlen(REST_PREFIX), head + strlen(REST_PREFIX));
    size_t size = 0;
    g_autofree unsigned char *data = from_base64(text + head_length, &size);
    if (data == NULL || size < extra)
        return err(SECRET_DAMAGED, "cannot decrypt: the text is cut or no base64");
    char *plain = g_malloc0(size - extra + 1);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt((void *)plain, NULL, NULL, data + nonce_size,
                                                   size - nonce_size, (const void *)head,
                                                   head_length, data, key) != 0) {
        g_free(plain);
        return err(SECRET_DAMAGED, "cannot decrypt: the text was changed after it was encrypted");
    }
    *ret = plain;
    return NULL;
}
