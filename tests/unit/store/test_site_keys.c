/* SPDX-License-Identifier: Apache-2.0 */
/* site_keys: our own rows follow the file, a peer's pin moves along certificates, in an order. */
#include "store/site_keys.h"
#include "tests/unit/store/both.h"

#define SELF "11111111-1111-4111-8111-111111111111"
#define PEER "22222222-2222-4222-8222-222222222222"

static struct keypairs *follow(const struct keypairs *keys, const char *site)
{
    struct keypairs *next = keypairs_create(&env_system);

    keypairs_follow(next, keys, certificate_make(keys, site, next));
    return next;
}

static struct site *new_site(const char *id, const struct keypairs *keys, bool local)
{
    struct site *site = site_create();

    site->id = g_strdup(id);
    site->name = g_strdup(id);
    site->auth_url = g_strdup(id);
    site->region_name = g_strdup("RegionOne");
    site->status = g_strdup("active");
    site->is_local = local;
    site->sign_public = g_strdup(keypairs_sign_public(keys));
    site->seal_public = g_strdup(keypairs_seal_public(keys));
    site->fingerprint = g_strdup(keypairs_fingerprint(keys));
    site->created_at_ms = BOTH_NOW;
    return site;
}

static err_t *insert_local(struct db *db, void *data)
{
    const struct keypairs *keys = data;
    struct local_site local = {
        .site_id = (char *)SELF,
        .sign_public = (char *)keypairs_sign_public(keys),
        .seal_public = (char *)keypairs_seal_public(keys),
        .fingerprint = (char *)keypairs_fingerprint(keys),
        .incarnation = (char *)"1-a",
        .key_check = (char *)"check",
        .created_at_ms = BOTH_NOW,
    };
    AUTO(site) own = new_site(SELF, keys, true);

    TRY(local_site_insert(db, &local));
    return site_insert(db, own);
}

struct own {
    const struct keypairs *keys;
    bool fits;
};

static err_t *own_in_tx(struct db *db, void *data)
{
    struct own *o = data;
    AUTO(local_site) local = NULL;

    TRY(local_site_find(db, &local));
    return site_keys_own(db, o->keys, local, BOTH_NOW + 1, &o->fits);
}

/* The row and the record name the keys; or the keys do not fit, and nothing is written. */
static void own_is(struct both *b, const struct keypairs *given, bool fits,
                   const struct keypairs *then)
{
    struct own o = {given, !fits};
    AUTO(local_site) local = NULL;
    AUTO(site) own = NULL;

    OK(db_tx(b->db, own_in_tx, &o));
    assert_int_equal(o.fits, fits);
    OK(local_site_find(b->db, &local));
    assert_string_equal(local->fingerprint, keypairs_fingerprint(then));
    assert_string_equal(local->sign_public, keypairs_sign_public(then));
    assert_string_equal(local->seal_public, keypairs_seal_public(then));
    assert_string_equal(local->key_check, "check");
    OK(site_find_local(b->db, &own));
    assert_string_equal(own->fingerprint, keypairs_fingerprint(then));
}

static void test_own(void **state)
{
    struct both *b = *state;
    AUTO(keypairs) one = keypairs_create(&env_system);
    AUTO(keypairs) two = follow(one, SELF);
    AUTO(keypairs) three = follow(two, SELF);
    AUTO(keypairs) stranger = keypairs_create(&env_system);
    AUTO(db_rows) audit = NULL;

    OK(db_tx(b->db, insert_local, one));
    own_is(b, one, true, one);
    own_is(b, stranger, false, one);
    own_is(b, three, true, three); /* a row that is two rotations behind */
    own_is(b, two, false, three);  /* a file that is behind */
    own_is(b, three, true, three);
    OK(db_query(b->db, &audit, "SELECT details FROM audit_log WHERE action = ?", "s",
                "site.keys_changed"));
    assert_int_equal(db_rows_count(audit), 1);
}

struct adoption {
    const struct keypairs *last; /* whose certificates are shown */
    const char *key_id;
};

static err_t *adopt_in_tx(struct db *db, void *data)
{
    const struct adoption *a = data;
    g_autoptr(GPtrArray) way = NULL;
    AUTO(site) site = NULL;

    TRY(site_get(db, PEER, &site));
    TRY(certificates_follow(keypairs_certificates(a->last), PEER, site->sign_public, a->key_id,
                            &way));
    return site_keys_adopt(db, site, way, BOTH_NOW + 1);
}

static void test_adopt(void **state)
{
    struct both *b = *state;
    AUTO(keypairs) one = keypairs_create(&env_system);
    AUTO(keypairs) two = follow(one, PEER);
    AUTO(keypairs) three = follow(two, PEER);
    AUTO(keypairs) rival = follow(one, PEER);
    AUTO(site) peer = new_site(PEER, one, false);
    AUTO(site) now = NULL;
    AUTO(db_rows) audit = NULL;
    const struct keypairs *order[] = {one, two, three};

    OK(site_insert(b->db, peer));
    assert_false(site_keys_changed(peer));
    struct adoption a = {three, keypairs_key_id(three)};
    OK(db_tx(b->db, adopt_in_tx, &a));
    OK(site_get(b->db, PEER, &now));
    assert_true(site_keys_changed(now));
    assert_string_equal(now->fingerprint, keypairs_fingerprint(three));
    assert_string_equal(now->seal_public, keypairs_seal_public(three));
    for (int i = 0; i < (int)G_N_ELEMENTS(order); i++) {
        assert_int_equal(site_keys_place(now, keypairs_key_id(order[i])), i);
        assert_string_equal(site_keys_at(now, i), keypairs_sign_public(order[i]));
    }
    assert_int_equal(site_keys_place(now, keypairs_key_id(rival)), SITE_KEY_UNKNOWN);
    a = (struct adoption){rival, keypairs_key_id(rival)};
    FAILS(db_tx(b->db, adopt_in_tx, &a), SYNC_SIGNATURE); /* of the first key, which is no pin */
    OK(db_query(b->db, &audit, "SELECT details FROM audit_log WHERE action = ?", "s",
                "site.keys_adopted"));
    assert_int_equal(db_rows_count(audit), 1);

    site_keys_replace(now, keypairs_sign_public(rival), keypairs_seal_public(rival));
    assert_true(site_keys_changed(now));
    assert_int_equal(site_keys_place(now, keypairs_key_id(rival)), 0);
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
        assert_int_equal(site_keys_place(now, keypairs_key_id(order[i])), SITE_KEY_UNKNOWN);
    assert_string_equal(now->fingerprint, keypairs_fingerprint(rival));
}

static void test_heard(void **state)
{
    struct both *b = *state;
    char *heard = NULL;

    OK(site_keys_heard(b->db, "pg-1", &heard));
    assert_null(heard);
    OK(site_keys_hear(b->db, "pg-1", "0123456789abcdef"));
    OK(site_keys_hear(b->db, "pg-2", "other"));
    OK(site_keys_hear(b->db, "pg-1", "fedcba9876543210"));
    OK(site_keys_heard(b->db, "pg-1", &heard));
    assert_string_equal(heard, "fedcba9876543210");
    g_free(heard);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {BOTH(test_own), BOTH(test_adopt), BOTH(test_heard)};

    secrets_init();
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
