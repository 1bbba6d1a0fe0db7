/* SPDX-License-Identifier: Apache-2.0 */
/* certificate: the way from one key to a later one; everything that is none is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/certificate.h"

#define KEYS 5
#define SITE "11111111-1111-4111-8111-111111111111"

struct chain {
    struct keypairs *keys[KEYS];
    json_t *carried; /* all certificates, oldest first */
};

static int setup(void **state)
{
    struct chain *c = g_new0(struct chain, 1);

    secrets_init();
    c->keys[0] = keypairs_create(&env_system);
    for (int i = 1; i < KEYS; i++) {
        c->keys[i] = keypairs_create(&env_system);
        keypairs_follow(c->keys[i], c->keys[i - 1],
                        certificate_make(c->keys[i - 1], SITE, c->keys[i]));
    }
    c->carried = json_deep_copy(keypairs_certificates(c->keys[KEYS - 1]));
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct chain *c = *state;

    for (int i = 0; i < KEYS; i++)
        keypairs_destroy(c->keys[i]);
    json_decref(c->carried);
    g_free(c);
    return 0;
}

/* So many steps lead from one key to the other; 0: none do. */
static guint steps(const struct chain *c, const json_t *carried, int from, int to)
{
    g_autoptr(GPtrArray) way = NULL;
    g_autoptr(err_t) e = certificates_follow(carried, SITE, keypairs_sign_public(c->keys[from]),
                                             keypairs_key_id(c->keys[to]), &way);

    assert_true((e == NULL) == (way != NULL));
    if (e != NULL)
        return 0;
    const struct certificate *last = g_ptr_array_index(way, way->len - 1);
    assert_string_equal(last->sign_public, keypairs_sign_public(c->keys[to]));
    assert_string_equal(last->seal_public, keypairs_seal_public(c->keys[to]));
    return way->len;
}

static void test_each_way(void **state)
{
    const struct chain *c = *state;

    assert_int_equal(json_array_size(c->carried), KEYS - 1);
    for (int from = 0; from < KEYS; from++)
        for (int to = 0; to < KEYS; to++)
            assert_int_equal(steps(c, c->carried, from, to), to > from ? to - from : 0);
}

/* In any order, beside others' certificates; without the one in between there is no way. */
static void test_any_order(void **state)
{
    const struct chain *c = *state;
    AUTO(keypairs) stranger = keypairs_create(&env_system);
    AUTO(keypairs) next = keypairs_create(&env_system);
    g_autoptr(json_t) mixed = json_array();

    json_array_append_new(mixed, certificate_make(stranger, SITE, next));
    for (size_t i = json_array_size(c->carried); i > 0; i--)
        json_array_append(mixed, json_array_get(c->carried, i - 1));
    assert_int_equal(steps(c, mixed, 0, KEYS - 1), KEYS - 1);
    json_array_remove(mixed, 2);
    assert_int_equal(steps(c, mixed, 0, KEYS - 1), 0);
    assert_int_equal(steps(c, NULL, 0, 1), 0);
}

/* A ring of certificates ends. */
static void test_ring(void **state)
{
    const struct chain *c = *state;
    g_autoptr(json_t) ring = json_array();

    json_array_append_new(ring, certificate_make(c->keys[0], SITE, c->keys[1]));
    json_array_append_new(ring, certificate_make(c->keys[1], SITE, c->keys[0]));
    assert_int_equal(steps(c, ring, 0, 3), 0);
}

/* A certificate with one value of its text set or removed, signed again by the key it names. */
static json_t *resigned(const struct chain *c, const char *key, json_t *value)
{
    const json_t *one = json_array_get(c->carried, 0);
    const char *text = json_str(one, "certificate");
    g_autoptr(json_t) j = json_loads(text, 0, NULL);

    if (value != NULL)
        json_object_set_new(j, key, value);
    else
        json_object_del(j, key);
    g_autofree char *changed = json_print_canonical(j);
    g_autofree char *signature = keypairs_sign(c->keys[0], changed, strlen(changed));
    return json_pack("[{s:s, s:s}]", "certificate", changed, "signature", signature);
}

static void test_refused_texts(void **state)
{
    const struct chain *c = *state;
    const struct {
        const char *key;
        json_t *value; /* NULL: removed */
    } bad[] = {
        {"protocol", json_string("protector/2")},
        {"protocol", NULL},
        {"type", json_string("STATE")},
        {"type", NULL},
        {"site", json_string("22222222-2222-4222-8222-222222222222")},
        {"site", json_integer(1)},
        {"site", NULL},
        {"key_id", json_string("0123456789abcdef")},
        {"key_id", NULL},
        {"sign_public", json_string("AAAA")},
        {"sign_public", NULL},
        {"seal_public", json_string("not a key")},
        {"seal_public", NULL},
        {"colour", json_string("red")},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_t) wrong = resigned(c, bad[i].key, bad[i].value);
        if (steps(c, wrong, 0, 1) != 0)
            fail_msg("accepted: %s (%zu)", bad[i].key, i);
    }
    g_autoptr(json_t) right = resigned(c, "type", json_string("CERTIFICATE"));
    assert_int_equal(steps(c, right, 0, 1), 1);
}

static void test_refused_carriers(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[[]]",
        "[1]",
        "[{\"certificate\": \"{}\", \"signature\": \"\"}]",
        "[{\"certificate\": 1, \"signature\": \"\"}]",
        "[{\"certificate\": \"[]\"}]",
        "[{\"certificate\": \"{\", \"signature\": \"AAAA\"}]",
    };
    const struct chain *c = *state;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(json_t) wrong = json_loads(texts[i], 0, NULL);
        assert_int_equal(steps(c, wrong, 0, 1), 0);
    }
    g_autoptr(json_t) damaged = json_deep_copy(c->carried);
    json_set_str(json_array_get(damaged, 0), "signature", "AAAA");
    assert_int_equal(steps(c, damaged, 0, 1), 0);
    json_set_str(json_array_get(damaged, 0), "more", "x");
    assert_int_equal(steps(c, damaged, 0, 1), 0);
}

/* What the keys know of those before. */
static void test_keys_remember(void **state)
{
    const struct chain *c = *state;
    const struct keypairs *last = c->keys[KEYS - 1];

    assert_int_equal(keypairs_former(last), KEYS - 1);
    for (int i = 0; i < KEYS; i++) {
        g_autofree char *box = seal(&env_system, keypairs_seal_public(c->keys[i]), "T-1");
        char *plain = NULL;
        g_autoptr(err_t) e = keypairs_open(last, box, &plain);
        assert_null(e);
        assert_string_equal(plain, "T-1");
        secret_free(plain);
        assert_int_equal(keypairs_were(last, keypairs_fingerprint(c->keys[i])), i < KEYS - 1);
    }
    g_autofree char *later = seal(&env_system, keypairs_seal_public(last), "T-2");
    char *plain = NULL;
    g_autoptr(err_t) no = keypairs_open(c->keys[0], later, &plain);
    assert_int_equal(err_code(no), ERR_SECRET_DAMAGED);
}

static void test_keys_file(void **state)
{
    static const char *const needed[] = {"former", "certificates"};
    const struct chain *c = *state;
    char *text = keypairs_print(c->keys[KEYS - 1]);
    g_autoptr(json_t) j = json_loads(text, 0, NULL);
    AUTO(keypairs) back = NULL;
    g_autoptr(err_t) e = keypairs_parse(text, &back);

    assert_null(e);
    char *again = keypairs_print(back);
    assert_string_equal(text, again);
    for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
        g_autoptr(json_t) cut = json_copy(j);
        json_object_del(cut, needed[i]);
        g_autofree char *changed = json_print(cut);
        struct keypairs *none = NULL;
        g_autoptr(err_t) no = keypairs_parse(changed, &none);
        assert_int_equal(err_code(no), ERR_PARSE);
    }
    for (int i = 0; i < KEYS - 1; i++) { /* what could sign is nowhere any more */
        char *one = keypairs_print(c->keys[i]);
        g_autoptr(json_t) before = json_loads(one, 0, NULL);
        assert_null(strstr(text, json_str(before, "sign_secret")));
        secret_free(one);
    }
    secret_free(again);
    secret_free(text);
}

static void test_former_damaged(void **state)
{
    static const char *const fields[] = {"sign_public", "seal_public", "seal_secret"};
    const struct chain *c = *state;
    char *text = keypairs_print(c->keys[KEYS - 1]);
    g_autoptr(json_t) j = json_loads(text, 0, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autoptr(json_t) damaged = json_deep_copy(j);
        json_set_str(json_array_get(json_arr(damaged, "former"), 1), fields[i], "AAAA");
        g_autofree char *changed = json_print(damaged);
        struct keypairs *none = NULL;
        g_autoptr(err_t) no = keypairs_parse(changed, &none);
        assert_int_equal(err_code(no), ERR_PARSE);
    }
    secret_free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_way),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_refused_texts),
        cmocka_unit_test(test_refused_carriers),
        cmocka_unit_test(test_keys_remember),
        cmocka_unit_test(test_keys_file),
        cmocka_unit_test(test_former_damaged),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
