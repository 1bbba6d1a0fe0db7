/* SPDX-License-Identifier: Apache-2.0 */
/* secrets: known answers, and that every flipped byte and every wrong key is noticed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/secrets.h"

/* Chance that repeats itself: a counter, 0, 1, 2 … per byte. */
static void random_counter(void *data, void *buffer, size_t size)
{
    unsigned char *next = data, *bytes = buffer;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (*next)++;
}

static const unsigned char key[REST_KEY_SIZE] = "0123456789abcdef0123456789abcdef";

/* Calls 'intact' on 'text' with each character replaced in turn; it must never say true. */
static void each_flip(const char *text, bool (*intact)(const char *changed, void *data), void *data)
{
    g_autofree char *changed = g_strdup(text);
    for (size_t i = 0; changed[i] != 0; i++) {
        char was = changed[i];
        changed[i] = was == 'A' ? 'B' : 'A';
        if (intact(changed, data))
            fail_msg("a change at %zu of '%s' was not noticed", i, text);
        changed[i] = was;
    }
}

static void test_hashes(void **state G_GNUC_UNUSED)
{
    char a[HASH_HEX_SIZE], b[HASH_HEX_SIZE];
    hash_hex("abc", 3, a); /* BLAKE2b-256, as b2sum -l 256 prints it */
    assert_string_equal(a, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    hash_strings(a, "ab", "c", NULL);
    hash_strings(b, "a", "bc", NULL);
    assert_string_not_equal(a, b);
    hash_strings(a, "abc", NULL);
    hash_strings(b, "abc", "", NULL);
    assert_string_not_equal(a, b);
}

static void test_key_pairs_follow_from_chance(void **state G_GNUC_UNUSED)
{
    unsigned char next = 0, again = 0;
    const struct env env = {.data = &next, .random = random_counter};
    const struct env env2 = {.data = &again, .random = random_counter};
    AUTO(keypairs) keys = keypairs_create(&env);
    AUTO(keypairs) same = keypairs_create(&env2);
    AUTO(keypairs) other = keypairs_create(&env);
    /* the public key of seed 00 01 … 1f (RFC 8032 tooling agrees) */
    assert_string_equal(keypairs_sign_public(keys), "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=");
    assert_string_equal(keypairs_sign_public(keys), keypairs_sign_public(same));
    assert_string_equal(keypairs_seal_public(keys), keypairs_seal_public(same));
    assert_string_not_equal(keypairs_sign_public(keys), keypairs_sign_public(other));
    assert_int_equal(strlen(keypairs_fingerprint(keys)), 19);
    g_autofree char *print =
        keys_fingerprint(keypairs_sign_public(keys), keypairs_seal_public(keys));
    assert_string_equal(print, keypairs_fingerprint(keys));
    g_autofree char *id = keys_id(keypairs_sign_public(keys));
    assert_int_equal(strlen(id), 16);
}

static void test_key_pairs_file(void **state G_GNUC_UNUSED)
{
    AUTO(keypairs) keys = keypairs_create(&env_system);
    char *text = keypairs_print(keys);
    AUTO(keypairs) back = NULL;
    g_autoptr(err_t) e = keypairs_parse(text, &back);
    assert_null(e);
    char *text_back = keypairs_print(back);
    assert_string_equal(text, text_back);
    secret_free(text_back);
    secret_free(text);
}

static bool keypairs_parses(const char *changed, void *data G_GNUC_UNUSED)
{
    AUTO(keypairs) keys = NULL;
    g_autoptr(err_t) e = keypairs_parse(changed, &keys);
    return e == NULL;
}

static void test_key_pairs_file_changed(void **state G_GNUC_UNUSED)
{
    AUTO(keypairs) keys = keypairs_create(&env_system);
    AUTO(keypairs) other = keypairs_create(&env_system);
    char *text = keypairs_print(keys);
    g_autoptr(json_t) j = json_loads(text, 0, NULL);
    static const char *const names[] = {"sign_public", "seal_public", "sign_secret", "seal_secret",
                                        "format"};
    char *strange = keypairs_print(other);
    g_autoptr(json_t) others = json_loads(strange, 0, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(json_t) mixed = json_copy(j);
        json_object_del(mixed, names[i]);
        g_autofree char *cut = json_print(mixed);
        assert_false(keypairs_parses(cut, NULL));
        json_object_set(mixed, names[i], json_object_get(others, names[i]));
        g_autofree char *swapped = json_print(mixed);
        assert_int_equal(keypairs_parses(swapped, NULL), strcmp(names[i], "format") == 0);
    }
    assert_false(keypairs_parses("", NULL));
    assert_false(keypairs_parses("[]", NULL));
    secret_free(strange);
    secret_free(text);
}

struct signed_text {
    const char *sign_public;
    const char *text;
};

static bool signature_accepted(const char *changed, void *data)
{
    const struct signed_text *s = data;
    return signature_valid(s->sign_public, s->text, strlen(s->text), changed);
}

static bool signer_accepted(const char *changed, void *data)
{
    const struct signed_text *s = data;
    return signature_valid(changed, "the text", 8, s->text);
}

static void test_signatures(void **state G_GNUC_UNUSED)
{
    AUTO(keypairs) keys = keypairs_create(&env_system);
    AUTO(keypairs) other = keypairs_create(&env_system);
    g_autofree char *signature = keypairs_sign(keys, "the text", 8);
    const char *public = keypairs_sign_public(keys);
    assert_true(signature_valid(public, "the text", 8, signature));
    assert_false(signature_valid(public, "the texT", 8, signature));
    assert_false(signature_valid(public, "the text", 7, signature));
    assert_false(signature_valid(keypairs_sign_public(other), "the text", 8, signature));
    assert_false(signature_valid(keypairs_seal_public(keys), "the text", 8, signature));
    struct signed_text s = {public, "the text"};
    each_flip(signature, signature_accepted, &s);
    struct signed_text by = {NULL, signature};
    each_flip(public, signer_accepted, &by);
    assert_false(signature_valid(public, "the text", 8, ""));
    assert_false(signature_valid(public, "the text", 8, NULL));
    assert_false(signature_valid("no key", "the text", 8, signature));
}

static bool box_opens(const char *changed, void *data)
{
    char *plain = NULL;
    g_autoptr(err_t) e = keypairs_open(data, changed, &plain);
    if (e != NULL)
        assert_int_equal(err_code(e), ERR_SECRET_DAMAGED);
    secret_free(plain);
    return e == NULL;
}

static void test_boxes(void **state G_GNUC_UNUSED)
{
    AUTO(keypairs) keys = keypairs_create(&env_system);
    AUTO(keypairs) other = keypairs_create(&env_system);
    g_autofree char *box = seal(&env_system, keypairs_seal_public(keys), "T-1234 é");
    char *plain = NULL;
    g_autoptr(err_t) e = keypairs_open(keys, box, &plain);
    assert_null(e);
    assert_string_equal(plain, "T-1234 é");
    secret_free(plain);
    assert_false(box_opens(box, other));
    each_flip(box, box_opens, keys);
    assert_false(box_opens("", keys));
    assert_false(box_opens("AAAA", keys));
    assert_null(seal(&env_system, "no key", "x"));
    g_autofree char *twice = seal(&env_system, keypairs_seal_public(keys), "T-1234 é");
    assert_string_not_equal(box, twice);
    g_autofree char *empty = seal(&env_system, keypairs_seal_public(keys), "");
    assert_true(box_opens(empty, keys));
}

static void test_boxes_repeat_in_a_simulation(void **state G_GNUC_UNUSED)
{
    AUTO(keypairs) keys = keypairs_create(&env_system);
    unsigned char next = 9, again = 9;
    const struct env env = {.data = &next, .random = random_counter};
    const struct env env2 = {.data = &again, .random = random_counter};
    g_autofree char *a = seal(&env, keypairs_seal_public(keys), "x");
    g_autofree char *b = seal(&env2, keypairs_seal_public(keys), "x");
    assert_string_equal(a, b);
    assert_true(box_opens(a, keys));
}

static bool rest_opens(const char *changed, void *data G_GNUC_UNUSED)
{
    char *plain = NULL;
    g_autoptr(err_t) e = rest_decrypt(key, changed, &plain);
    if (e != NULL)
        assert_true(err_is(e, ERR_SECRET_DAMAGED) || err_is(e, ERR_SECRET_WRONG_KEY));
    secret_free(plain);
    return e == NULL;
}

static void test_rest(void **state G_GNUC_UNUSED)
{
    g_autofree char *text = rest_encrypt(&env_system, key, "the array's token");
    assert_null(strstr(text, "token"));
    char *plain = NULL;
    g_autoptr(err_t) e = rest_decrypt(key, text, &plain);
    assert_null(e);
    assert_string_equal(plain, "the array's token");
    secret_free(plain);
    each_flip(text, rest_opens, NULL);
    g_autofree char *cut = g_strndup(text, strlen(text) - 4);
    assert_false(rest_opens(cut, NULL));
    assert_false(rest_opens("", NULL));
    assert_false(rest_opens("v1:", NULL));
    assert_false(rest_opens("the array's token", NULL));
    g_autofree char *twice = rest_encrypt(&env_system, key, "the array's token");
    assert_string_not_equal(text, twice);
}

static void test_rest_wrong_key_is_named(void **state G_GNUC_UNUSED)
{
    unsigned char other[REST_KEY_SIZE] = "another key another key another!";
    char id[REST_KEY_ID_SIZE], other_id[REST_KEY_ID_SIZE];
    rest_key_id(key, id);
    rest_key_id(other, other_id);
    g_autofree char *text = rest_encrypt(&env_system, key, "x");
    char *plain = NULL;
    g_autoptr(err_t) e = rest_decrypt(other, text, &plain);
    assert_int_equal(err_code(e), ERR_SECRET_WRONG_KEY);
    assert_int_equal(err_class(e), ERR_CLASS_PERSON);
    assert_non_null(strstr(err_message(e), id));
    assert_non_null(strstr(err_message(e), other_id));
    assert_null(strstr(id, "0123456789abcdef"));
}

static int setup(void **state G_GNUC_UNUSED)
{
    secrets_init();
    secrets_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_key_pairs_follow_from_chance),
        cmocka_unit_test(test_key_pairs_file),
        cmocka_unit_test(test_key_pairs_file_changed),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_boxes_repeat_in_a_simulation),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_rest_wrong_key_is_named),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
