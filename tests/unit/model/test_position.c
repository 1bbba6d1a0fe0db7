/* SPDX-License-Identifier: Apache-2.0 */
/* Positions, their codecs, and the order of a chain against a plain definition of it. */
#include "model/position.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char *const uuids[SITES] = {"0a000000-0000-4000-8000-000000000000",
                                         "fb000000-0000-4000-8000-000000000000"};
#define INCARNATION "1-00112233445566778899aabbccddeeff"

static void assert_ok(err_t *e)
{
    if (e != NULL)
        fail_msg("%s", err_message(e));
}

static void assert_code(err_t *e, enum err_code code)
{
    assert_non_null(e);
    assert_int_equal(err_code(e), code);
    err_free(e);
}

/* A child of 'parent' (NULL: EMPTY). */
static struct position child(const struct position *parent, enum position_kind kind, int site,
                             unsigned n)
{
    struct position p = {.kind = kind, .version = 1};
    if (parent != NULL) {
        g_strlcpy(p.parent, parent->hash, sizeof p.parent);
        p.version = parent->version + 1;
        p.epoch = parent->epoch;
    }
    if (position_opens_epoch(kind)) {
        p.epoch = position_next_epoch(site, p.epoch, 0);
        g_strlcpy(p.incarnation, INCARNATION, sizeof p.incarnation);
    } else if (parent != NULL) {
        site = strcmp(parent->minter, uuids[0]) == 0 ? 0 : 1;
    }
    g_strlcpy(p.minter, uuids[site], sizeof p.minter);
    g_snprintf(p.claim_id, sizeof p.claim_id, "%032x", n);
    hash_hex("body", 4, p.body_hash);
    position_seal(&p);
    return p;
}

static void add(struct chain *chain, const struct position *p)
{
    AUTO(position) counted = position_new(p);
    assert_ok(chain_add(chain, counted));
}

/* ---- numbers and names ---- */

static void epochs_by_parity(void **state)
{
    (void)state;
    assert_int_equal(position_next_epoch(0, 0, 0), 2);
    assert_int_equal(position_next_epoch(1, 0, 0), 1);
    assert_int_equal(position_next_epoch(0, 2, 0), 4);
    assert_int_equal(position_next_epoch(0, 3, 0), 4);
    assert_int_equal(position_next_epoch(1, 3, 9), 11); /* above all it ever used */
    for (int64_t above = 0; above < 50; above++)
        for (int64_t minted = 0; minted < 50; minted++) {
            int64_t a = position_next_epoch(0, above, minted),
                    b = position_next_epoch(1, above, minted);
            assert_true(a % 2 == 0 && b % 2 == 1);
            assert_true(a > MAX(above, minted) && a <= MAX(above, minted) + 2);
            assert_true(b > MAX(above, minted) && b <= MAX(above, minted) + 2);
        }
    assert_int_equal(site_ordinal(uuids[0], uuids[1]), 0);
    assert_int_equal(site_ordinal(uuids[1], uuids[0]), 1);
}

static void incarnations_are_ordered(void **state)
{
    (void)state;
    char first[INCARNATION_SIZE], second[INCARNATION_SIZE];
    unsigned char random[16] = {0xff};
    const char *known[] = {NULL, "", "nonsense", "3-00112233445566778899aabbccddeeff"};
    incarnation_next(known, 0, random, first);
    incarnation_next(known, G_N_ELEMENTS(known), random, second);
    assert_string_equal(first, "1-ff000000000000000000000000000000");
    assert_int_equal(incarnation_number(second), 4);
    static const char *const none[] = {NULL,
                                       "",
                                       "-",
                                       "0-00112233445566778899aabbccddeeff",
                                       "x-00112233445566778899aabbccddeeff",
                                       "1-0011",
                                       "1",
                                       "01-00112233445566778899aabbccddeeff",
                                       "99999999999999999999-00112233445566778899aabbccddeeff"};
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
        assert_int_equal(incarnation_number(none[i]), 0);
}

static void uuids_and_hashes(void **state)
{
    (void)state;
    assert_true(uuid_valid(uuids[0]));
    assert_false(uuid_valid("0A000000-0000-4000-8000-000000000000")); /* one spelling */
    assert_false(uuid_valid("0a000000-0000-4000-8000-00000000000"));
    assert_false(uuid_valid("0a000000x0000-4000-8000-000000000000"));
    assert_false(uuid_valid(NULL));
    assert_false(hash_valid("ab"));
}

/* The form that is hashed never changes: databases hold these names. */
static void hash_is_fixed(void **state)
{
    (void)state;
    struct position p = child(NULL, POSITION_USER, 0, 1);
    const char text[] =
        "protector/1 position\nparent -\nparent2 -\nepoch 0\nversion 1\nkind USER\nforced 0\n"
        "minter 0a000000-0000-4000-8000-000000000000\nclaim "
        "00000000000000000000000000000001\nbody ";
    g_autofree char *whole =
        g_strdup_printf("%s%s\nincarnation -\nrejoined -\n", text, p.body_hash);
    char hash[HASH_HEX_SIZE];
    hash_hex(whole, strlen(whole), hash);
    assert_string_equal(p.hash, hash);
}

/* Every field is part of the name. */
static void hash_covers_everything(void **state)
{
    (void)state;
    struct position root = child(NULL, POSITION_USER, 0, 1);
    struct position p = child(&root, POSITION_REJOIN, 1, 2);
    g_strlcpy(p.rejoined, INCARNATION, sizeof p.rejoined);
    position_seal(&p);
    assert_ok(position_check(&p));
    struct position other[9];
    for (size_t i = 0; i < G_N_ELEMENTS(other); i++)
        other[i] = p;
    other[0].epoch += 2;
    other[1].version++;
    other[2].kind = POSITION_CLAIM;
    g_strlcpy(other[3].minter, uuids[0], UUID_SIZE);
    other[4].claim_id[0] = 'f';
    other[5].body_hash[0] = other[5].body_hash[0] == '0' ? '1' : '0';
    other[6].parent[0] = '\0';
    other[7].rejoined[0] = '2';
    g_strlcpy(other[8].drop[other[8].drop_count++], root.hash, HASH_HEX_SIZE);
    for (size_t i = 0; i < G_N_ELEMENTS(other); i++) {
        assert_code(position_check(&other[i]), ERR_SYNC_POSITION);
        position_seal(&other[i]);
        assert_string_not_equal(other[i].hash, p.hash);
    }
}

static void checks_refuse(void **state)
{
    (void)state;
    struct position root = child(NULL, POSITION_USER, 0, 1), p;
    p = child(&root, POSITION_USER, 0, 2);
    g_strlcpy(p.incarnation, INCARNATION, sizeof p.incarnation);
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
    p = child(&root, POSITION_CLAIM, 1, 2);
    p.incarnation[0] = '\0';
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
    p = child(&root, POSITION_FACT, 0, 2);
    p.forced = true;
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
    p = child(&root, POSITION_USER, 0, 2);
    g_strlcpy(p.drop[p.drop_count++], root.hash, HASH_HEX_SIZE);
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
    p = child(&root, POSITION_CLAIM, 1, 2);
    g_strlcpy(p.parent2, root.hash, HASH_HEX_SIZE);
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
    p = child(&root, POSITION_CLAIM, 1, 2);
    p.floor2 = 1;
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION); /* only a resolve gives up epochs */
    p = child(&root, POSITION_RESOLVE, 1, 2);
    p.floor2 = p.epoch;
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION); /* and lies above them */
    p = child(&root, POSITION_RESOLVE, 1, 2);
    p.floor2 = -1;
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
    p.floor2 = POSITION_NUMBER_MAX + 1;
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
    p = child(&root, POSITION_USER, 0, 2);
    p.version = 0;
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
    p = child(&root, POSITION_USER, 0, 2);
    p.claim_id[5] = 'X';
    position_seal(&p);
    assert_code(position_check(&p), ERR_SYNC_POSITION);
}

/* ---- codecs ---- */

static void position_json(void **state)
{
    (void)state;
    struct position root = child(NULL, POSITION_USER, 0, 1);
    struct position p = child(&root, POSITION_CLAIM, 1, 2);
    p.forced = true;
    g_strlcpy(p.drop[p.drop_count++], root.hash, HASH_HEX_SIZE);
    position_seal(&p);
    g_autoptr(json_t) j = position_to_json(&p);
    struct position *back = NULL;
    assert_ok(position_from_json(j, &back));
    assert_memory_equal(back, &p, sizeof p);
    position_unref(back);
    struct position resolve = child(&p, POSITION_RESOLVE, 0, 3);
    g_strlcpy(resolve.parent2, root.hash, HASH_HEX_SIZE);
    resolve.floor2 = 1;
    position_seal(&resolve);
    g_autoptr(json_t) k = position_to_json(&resolve);
    assert_int_equal(json_int(k, "floor2", 0), 1);
    assert_ok(position_from_json(k, &back));
    assert_memory_equal(back, &resolve, sizeof resolve);
    position_unref(back);
    json_set_str(k, "floor2", "1");
    assert_code(position_from_json(k, &back), ERR_SYNC_POSITION);
    /* strict */
    json_set_int(j, "floor2", 0);
    assert_code(position_from_json(j, &back), ERR_SYNC_POSITION);
    json_object_del(j, "floor2");
    json_set_str(j, "colour", "red");
    assert_code(position_from_json(j, &back), ERR_SYNC_POSITION);
    json_object_del(j, "colour");
    json_set_int(j, "version", 77);
    assert_code(position_from_json(j, &back), ERR_SYNC_POSITION); /* another hash */
    json_set_str(j, "version", "2");
    assert_code(position_from_json(j, &back), ERR_SYNC_POSITION);
    json_object_del(j, "hash");
    assert_code(position_from_json(j, &back), ERR_SYNC_POSITION);
}

/* A chain with every kind of row: 0 U - 1 U - 2 handover, 3 claim; fork 4 claim of 1; 5 resolve. */
static struct chain *sample(struct position p[6])
{
    struct chain *chain = chain_create();
    p[0] = child(NULL, POSITION_USER, 0, 1);
    p[1] = child(&p[0], POSITION_USER, 0, 2);
    p[2] = child(&p[1], POSITION_HANDOVER, 0, 3);
    p[3] = child(&p[2], POSITION_CLAIM, 1, 4);
    p[4] = child(&p[1], POSITION_CLAIM, 0, 5);
    p[4].forced = true;
    g_strlcpy(p[4].drop[p[4].drop_count++], p[2].hash, HASH_HEX_SIZE);
    position_seal(&p[4]);
    p[5] = child(&p[4], POSITION_RESOLVE, 0, 6);
    g_strlcpy(p[5].parent2, p[3].hash, HASH_HEX_SIZE);
    p[5].floor2 = 3;
    position_seal(&p[5]);
    for (int i = 0; i < 6; i++)
        add(chain, &p[i]);
    return chain;
}

static void history_json(void **state)
{
    (void)state;
    struct position p[6];
    AUTO(chain) chain = sample(p);
    g_autoptr(GPtrArray) rows = chain_history(chain, p[5].hash);
    assert_int_equal(rows->len, 6);
    g_autoptr(json_t) j = history_to_json(rows);
    g_autoptr(GPtrArray) back = NULL;
    assert_ok(history_from_json(j, &back));
    assert_int_equal(back->len, 6);
    for (guint i = 0; i < 6; i++)
        assert_memory_equal(g_ptr_array_index(back, i), g_ptr_array_index(rows, i),
                            sizeof(struct position));
    AUTO(chain) other = chain_create();
    assert_ok(chain_merge(other, back));
    assert_true(chain_ancestor(other, p[0].hash, p[5].hash));
    assert_ok(chain_merge(other, back)); /* again: nothing */
    assert_int_equal(chain_count(other), 6);
}

static void history_is_strict(void **state)
{
    (void)state;
    struct position p[6];
    AUTO(chain) chain = sample(p);
    g_autoptr(GPtrArray) rows = chain_history(chain, p[5].hash);
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "{\"sites\":[],\"rows\":{}}",
                                      "{\"sites\":[],\"rows\":[],\"x\":1}",
                                      "{\"sites\":[\"a\",\"b\",\"c\"],\"rows\":[]}",
                                      "{\"sites\":[],\"rows\":[[0,1,\"U\",0]]}",
                                      "{\"sites\":[],\"rows\":[[0,1,\"U\",0,\"\",\"\",-1]]}",
                                      "{\"sites\":[],\"rows\":[7]}"};
    GPtrArray *back = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_t) j = NULL;
        assert_ok(json_parse(bad[i], strlen(bad[i]), "history", &j));
        assert_code(history_from_json(j, &back), ERR_SYNC_POSITION);
    }
    /* a row that names a later one, or one that is not there */
    for (int64_t index = 1; index < 100; index += 49) {
        g_autoptr(json_t) j = history_to_json(rows);
        json_array_set_new(json_array_get(json_arr(j, "rows"), 1), 6, json_integer(index));
        assert_code(history_from_json(j, &back), ERR_SYNC_POSITION);
    }
    g_autoptr(json_t) j = history_to_json(rows);
    json_array_set_new(json_array_get(json_arr(j, "rows"), 0), 2, json_string("UU"));
    assert_code(history_from_json(j, &back), ERR_SYNC_POSITION);
}

/* ---- the chain ---- */

static void chain_refuses(void **state)
{
    (void)state;
    struct position p[6];
    AUTO(chain) chain = sample(p);
    size_t count = chain_count(chain);
    struct position bad = child(&p[1], POSITION_USER, 0, 9);
    bad.version = 9;
    position_seal(&bad);
    AUTO(position) wrong_version = position_new(&bad);
    assert_code(chain_add(chain, wrong_version), ERR_SYNC_POSITION);
    bad = child(&p[3], POSITION_USER, 0, 9);
    g_strlcpy(bad.minter, uuids[0], UUID_SIZE); /* not the site that opened the epoch */
    position_seal(&bad);
    AUTO(position) wrong_minter = position_new(&bad);
    assert_code(chain_add(chain, wrong_minter), ERR_SYNC_POSITION);
    bad = child(&p[5], POSITION_CLAIM, 1, 9);
    bad.epoch = 1; /* below its parent's */
    position_seal(&bad);
    AUTO(position) wrong_epoch = position_new(&bad);
    assert_code(chain_add(chain, wrong_epoch), ERR_SYNC_POSITION);
    struct position orphan = child(&bad, POSITION_USER, 0, 10);
    AUTO(position) unknown = position_new(&orphan);
    assert_code(chain_add(chain, unknown), ERR_SYNC_POSITION);
    /* a merge that fails takes everything back */
    g_autoptr(GPtrArray) rows = history_new();
    struct position good = child(&p[5], POSITION_USER, 0, 11);
    g_ptr_array_add(rows, position_new(&good));
    g_ptr_array_add(rows, position_ref(unknown));
    assert_code(chain_merge(chain, rows), ERR_SYNC_POSITION);
    assert_int_equal(chain_count(chain), count);
    assert_false(chain_knows(chain, good.hash));
}

static void order_of_the_sample(void **state)
{
    (void)state;
    struct position p[6];
    AUTO(chain) chain = sample(p);
    assert_true(chain_ancestor(chain, POSITION_EMPTY, p[0].hash));
    assert_true(chain_ancestor(chain, p[2].hash, p[5].hash)); /* over the second parent */
    assert_false(chain_in_line(chain, p[2].hash, p[5].hash)); /* but not its content */
    assert_true(chain_in_line(chain, p[1].hash, p[5].hash));
    assert_true(chain_before(chain, p[2].hash, p[4].hash)); /* dropped there */
    assert_true(chain_fork(chain, p[3].hash, p[4].hash));
    assert_true(chain_before(chain, p[3].hash, p[5].hash));
    assert_true(chain_before(chain, POSITION_EMPTY, p[0].hash));
    assert_false(chain_before(chain, p[0].hash, p[0].hash));
    assert_true(chain_claimed(chain, p[5].hash, p[2].hash));
    assert_false(chain_claimed(chain, p[4].hash, p[2].hash));
    assert_string_equal(chain_active(chain, p[3].hash), uuids[1]);
    assert_null(chain_active(chain, POSITION_EMPTY));
    assert_true(chain_names(chain, p[5].hash, INCARNATION));
    assert_false(chain_names(chain, p[2].hash, INCARNATION));
    assert_string_equal(chain_incarnation(chain, p[5].hash, uuids[1]), INCARNATION);
    assert_string_equal(chain_incarnation(chain, p[4].hash, uuids[1]), "");
    assert_true(chain_forced_apart(chain, p[3].hash, p[4].hash));
    assert_false(chain_forced_apart(chain, p[2].hash, p[3].hash));
    assert_string_equal(chain_epoch_site(chain, p[5].hash, 0), uuids[0]);
    assert_null(chain_epoch_site(chain, p[5].hash, 1)); /* not in its first-parent line */
    g_autoptr(GPtrArray) lost = chain_lost(chain, p[3].hash, p[5].hash);
    assert_int_equal(lost->len, 2);
    assert_string_equal(((struct position *)g_ptr_array_index(lost, 0))->hash, p[2].hash);
    /* what is not known stands for itself alone */
    char unknown[HASH_HEX_SIZE];
    hash_hex("?", 1, unknown);
    assert_true(chain_fork(chain, unknown, p[0].hash));
    assert_true(chain_covered(chain, unknown, unknown));
    assert_false(chain_knows(chain, unknown));
    assert_int_equal(chain_epoch(chain, unknown), 0);
}

/* ---- the order against its definition, on random graphs ---- */

#define RANDOM_ROWS 40

/* The definition, with sets as bits. */
struct plain {
    uint64_t anc[RANDOM_ROWS], drop[RANDOM_ROWS], line[RANDOM_ROWS];
};

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245U + 12345U;
    return *seed >> 16;
}

static void random_row(struct position *p, struct plain *d, int i, unsigned *seed)
{
    int parent = i == 0 ? -1 : (int)(next_random(seed) % (unsigned)i);
    enum position_kind kind = i == 0 ? POSITION_USER : (enum position_kind)(next_random(seed) % 6);
    p[i] = child(parent >= 0 ? &p[parent] : NULL, kind, (int)(next_random(seed) % 2), (unsigned)i);
    d->anc[i] = 1ULL << i | (parent >= 0 ? d->anc[parent] : 0);
    d->line[i] = 1ULL << i | (parent >= 0 ? d->line[parent] : 0);
    d->drop[i] = parent >= 0 ? d->drop[parent] : 0;
    if (kind == POSITION_RESOLVE) {
        int second = (int)(next_random(seed) % (unsigned)i);
        int64_t above = MAX(p[parent].epoch, p[second].epoch);
        g_strlcpy(p[i].parent2, p[second].hash, HASH_HEX_SIZE);
        p[i].epoch = position_next_epoch(strcmp(p[i].minter, uuids[1]) == 0, above, 0);
        d->anc[i] |= d->anc[second];
        d->drop[i] |= d->drop[second];
    }
    if (position_opens_epoch(kind) && next_random(seed) % 2) {
        int dropped = (int)(next_random(seed) % (unsigned)i);
        g_strlcpy(p[i].drop[p[i].drop_count++], p[dropped].hash, HASH_HEX_SIZE);
        d->drop[i] |= 1ULL << dropped;
    }
    position_seal(&p[i]);
}

static void compare(const struct chain *chain, const struct position *p, const struct plain *d,
                    int x, int y)
{
    bool xy = (d->anc[x] & ~(d->anc[y] | d->drop[y])) == 0;
    bool yx = (d->anc[y] & ~(d->anc[x] | d->drop[x])) == 0;
    const char *hx = p[x].hash, *hy = p[y].hash;
    assert_int_equal(chain_ancestor(chain, hx, hy), d->anc[y] >> x & 1);
    assert_int_equal(chain_in_line(chain, hx, hy), d->line[y] >> x & 1);
    assert_int_equal(chain_covered(chain, hx, hy), xy);
    assert_int_equal(chain_before(chain, hx, hy), xy && !yx);
    assert_int_equal(chain_fork(chain, hx, hy), !xy && !yx);
    assert_int_equal(chain_dropped(chain, hx, hy), d->drop[y] >> x & 1);
    g_autoptr(GPtrArray) lost = chain_lost(chain, hx, hy);
    assert_int_equal(lost->len, __builtin_popcountll(d->anc[x] & ~d->line[y]));
}

static void order_is_its_definition(void **state)
{
    (void)state;
    for (unsigned run = 1; run <= 12; run++) {
        struct position p[RANDOM_ROWS];
        struct plain d;
        unsigned seed = run;
        AUTO(chain) chain = chain_create();
        for (int i = 0; i < RANDOM_ROWS; i++) {
            random_row(p, &d, i, &seed);
            add(chain, &p[i]);
        }
        AUTO(chain) copy = chain_copy(chain);
        for (int x = 0; x < RANDOM_ROWS; x++)
            for (int y = 0; y < RANDOM_ROWS; y++)
                compare(run % 2 ? chain : copy, p, &d, x, y);
    }
}

/* 10,000 positions: asked, carried and read back. */
static void ten_thousand(void **state)
{
    (void)state;
    enum { ROWS = 10000 };
    AUTO(chain) chain = chain_create();
    struct position p = child(NULL, POSITION_USER, 0, 0);
    add(chain, &p);
    char first[HASH_HEX_SIZE], middle[HASH_HEX_SIZE] = "";
    memcpy(first, p.hash, sizeof first);
    for (unsigned i = 1; i < ROWS; i++) {
        p = child(&p, i % 100 == 0 ? POSITION_CLAIM : POSITION_FACT, (int)(i / 100 % 2), i);
        add(chain, &p);
        if (i == ROWS / 2)
            memcpy(middle, p.hash, sizeof middle);
    }
    for (int i = 0; i < 1000; i++) {
        assert_true(chain_before(chain, middle, p.hash));
        assert_true(chain_in_line(chain, first, p.hash));
    }
    g_autoptr(GPtrArray) rows = chain_history(chain, p.hash);
    g_autoptr(json_t) j = history_to_json(rows);
    g_autofree char *text = json_print(j);
    printf("%d rows: %zu bytes\n", ROWS, strlen(text));
    assert_true(strlen(text) < 2 * 1024 * 1024);
    g_autoptr(GPtrArray) back = NULL;
    assert_ok(history_from_json(j, &back));
    AUTO(chain) other = chain_create();
    assert_ok(chain_merge(other, back));
    assert_int_equal(chain_count(other), ROWS);
    chain_rollback(other, 10);
    assert_int_equal(chain_count(other), 10);
    assert_false(chain_knows(other, p.hash));
    assert_ok(chain_merge(other, back));
    assert_true(chain_covered(other, middle, p.hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_by_parity),       cmocka_unit_test(incarnations_are_ordered),
        cmocka_unit_test(uuids_and_hashes),       cmocka_unit_test(hash_is_fixed),
        cmocka_unit_test(hash_covers_everything), cmocka_unit_test(checks_refuse),
        cmocka_unit_test(position_json),          cmocka_unit_test(history_json),
        cmocka_unit_test(history_is_strict),      cmocka_unit_test(chain_refuses),
        cmocka_unit_test(order_of_the_sample),    cmocka_unit_test(order_is_its_definition),
        cmocka_unit_test(ten_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
