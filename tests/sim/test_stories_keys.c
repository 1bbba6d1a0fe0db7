/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Story B11 of the sync protocol on two whole sites: keys are changed while messages are on their
 * way, in files, at one site or at both; whoever still signs with a replaced key is not believed,
 * and nothing that was validly signed is lost.
 */
#include "tests/sim/bench_internal.h"

#include "base/certificate.h"
#include "base/keyfile.h"
#include "client/client_internal.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

static const char *const peer_row = " FROM sites WHERE is_local = 0";

static const char *fingerprint(struct bench *b, int site)
{
    return keypairs_fingerprint(b->site[site].p.identity.keys);
}

static char *path_of(struct bench *b, const char *name)
{
    return g_strdup_printf("%s/%s.json", b->dir, name);
}

static void carry(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_settle(b);
}

static void update(struct bench *b, int site, const char *text)
{
    json_decref(
        bench_ok(b, bench_tenant(site), "protection-group update", WEB, "description", text, NULL));
    bench_settle(b);
}

/* What 'site' has pinned of the other one is its present key, with so many before it. */
static void pinned(struct bench *b, int site, int64_t before)
{
    g_autofree char *sql = g_strconcat("SELECT fingerprint", peer_row, NULL);
    g_autofree char *old_sql = g_strconcat("SELECT old_keys", peer_row, NULL);
    g_autofree char *pin = bench_sql(b, site, sql);
    g_autofree char *old = bench_sql(b, site, old_sql);
    g_autoptr(json_t) keys = old != NULL ? json_loads(old, 0, NULL) : NULL;

    assert_string_equal(pin, fingerprint(b, 1 - site));
    assert_int_equal(json_array_size(keys), before);
}

static void export_at(struct bench *b, int site, const char *group, const char *file)
{
    json_decref(bench_ok(b, bench_tenant(site), "protection-group sync-export", "protection-group",
                         group, "file", file, NULL));
}

static void import_at(struct bench *b, int site, const char *file)
{
    json_decref(
        bench_ok(b, bench_tenant(site), "protection-group sync-import", "file", file, NULL));
    bench_settle(b);
}

/* The keys as they stand: what a thief or a clone has. */
static struct keypairs *stolen(struct bench *b, int site)
{
    struct keypairs *keys = NULL;

    bench_must(keyfile_site(&env_system, process_state_path(&b->site[site].p), false, &keys),
               "site.keys");
    return keys;
}

/* Each message of the file as if 'keys' had signed it, with certificates to them (or NULL). */
static void forge(const char *file, const struct keypairs *keys, json_t *certificates)
{
    g_autoptr(json_t) j = json_load_file(file, 0, NULL);
    size_t i;
    json_t *message;

    json_array_foreach(json_arr(j, "messages"), i, message)
    {
        g_autoptr(json_t) envelope = envelope_of(message);
        json_set_str(envelope, "key_id", keypairs_key_id(keys));
        g_autofree char *text = json_print_canonical(envelope);
        g_autofree char *signature = keypairs_sign(keys, text, strlen(text));
        json_set_str(message, "envelope", text);
        json_set_str(message, "signature", signature);
        json_object_del(message, "keys");
        if (certificates != NULL)
            json_object_set(message, "keys", certificates);
    }
    json_decref(certificates);
    assert_true(json_array_size(json_arr(j, "messages")) > 0);
    assert_int_equal(json_dump_file(j, file, 0), 0);
}

/* B refuses the file with the code, and nothing of the group has moved. */
static void refused(struct bench *b, const char *file, const char *code)
{
    g_autofree char *before = bench_position(b, SIM_SITE_B);

    bench_fails(b, code, "prod-b", "protection-group sync-import", "file", file, NULL);
    bench_settle(b);
    g_autofree char *after = bench_position(b, SIM_SITE_B);
    assert_string_equal(before, after);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
}

/* ---- what is on its way ---- */

/* The peer learns the new key by the next message; what was sealed before is opened as ever. */
static void test_next_message(void **state)
{
    AUTO(bench) b = bench_create_protected(1101);
    (void)state;

    bench_rotate(b, SIM_SITE_A);
    update(b, SIM_SITE_A, "by the new key");
    pinned(b, SIM_SITE_B, 1);
    pinned(b, SIM_SITE_A, 0);
    bench_in_sync(b);
    bench_rotate(b, SIM_SITE_B);
    carry(b);
    pinned(b, SIM_SITE_A, 1);
    bench_in_sync(b);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B)); /* its engine opens its tokens of the arrays */
    bench_restore(b, SIM_SITE_A);
    bench_settle(b);
    carry(b);
    bench_role_is(b, SIM_SITE_B, "ACTIVE");
    bench_role_is(b, SIM_SITE_A, "STANDBY");
    bench_in_sync(b);
}

/* A proposal was fetched before the rotation and arrives after it, from a file. */
static void test_in_flight(void **state)
{
    AUTO(bench) b = bench_create_protected(1102);
    g_autofree char *file = path_of(b, "proposal");
    (void)state;

    bench_change_left(b);
    export_at(b, SIM_SITE_A, "web", file);
    bench_rotate(b, SIM_SITE_A);
    import_at(b, SIM_SITE_B, file);
    carry(b);
    pinned(b, SIM_SITE_B, 1);
    bench_in_sync(b);
    import_at(b, SIM_SITE_B, file); /* an old key may repeat itself */
    bench_in_sync(b);
}

/* The same, and the peer hears the new key first: what A still says is signed anew. */
static void test_in_flight_overtaken(void **state)
{
    AUTO(bench) b = bench_create_protected(1103);
    g_autofree char *file = path_of(b, "proposal");
    g_autofree char *later = path_of(b, "later");
    (void)state;

    update(b, SIM_SITE_A, "one");
    bench_fact(b, NULL);
    export_at(b, SIM_SITE_A, "web", file); /* a fact */
    bench_rotate(b, SIM_SITE_A);
    carry(b);
    pinned(b, SIM_SITE_B, 1);
    bench_in_sync(b);
    import_at(b, SIM_SITE_B, file); /* it is in the chain */
    bench_change_left(b);
    export_at(b, SIM_SITE_A, "web", later);
    import_at(b, SIM_SITE_B, later);
    carry(b);
    bench_in_sync(b);
}

/*
 * The site adopts by a message about one group; the only copy of another group's change is a file
 * that the key before has signed, and its maker is gone.  That group has not heard the new key.
 */
static void test_other_group(void **state)
{
    AUTO(bench) b = bench_create_protected(1104);
    g_autofree char *file = path_of(b, "other");
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", "other",
                         "replication-type", "async", "primary-site", "site-a", "secondary-site",
                         "site-b", "volume-type", "replicated-ssd", "!wait", NULL));
    bench_settle(b);
    bench_client_dies_after(b, "PUT", "*/protection-groups/*");
    json_decref(bench_try(b, "prod-a", "protection-group update", "protection-group", "other",
                          "description", "only here", NULL));
    bench_client_lives(b);
    bench_settle(b);
    export_at(b, SIM_SITE_A, "other", file);
    bench_rotate(b, SIM_SITE_A);
    carry(b);
    pinned(b, SIM_SITE_B, 1);
    bench_lose(b, SIM_SITE_A);
    import_at(b, SIM_SITE_B, file);
    g_autofree char *text =
        bench_sql(b, SIM_SITE_B,
                  "SELECT description FROM protection_groups WHERE living_name = 'other'");
    assert_string_equal(text, "only here");
}

static void test_both_at_once(void **state)
{
    AUTO(bench) b = bench_create_protected(1105);
    (void)state;

    bench_change_left(b);
    bench_rotate(b, SIM_SITE_A);
    bench_rotate(b, SIM_SITE_B);
    carry(b);
    bench_in_sync(b);
    pinned(b, SIM_SITE_A, 1);
    pinned(b, SIM_SITE_B, 1);
}

static void test_twice_unheard(void **state)
{
    AUTO(bench) b = bench_create_protected(1106);
    (void)state;

    bench_rotate(b, SIM_SITE_A);
    bench_rotate(b, SIM_SITE_A);
    bench_rotate(b, SIM_SITE_A);
    update(b, SIM_SITE_A, "by the fourth key");
    pinned(b, SIM_SITE_B, 3);
    bench_in_sync(b);
}

/* More rotations than certificates travel: a person tells. */
static void test_too_many_unheard(void **state)
{
    AUTO(bench) b = bench_create_protected(1117);
    (void)state;

    for (int i = 0; i < CERTIFICATES_MAX; i++)
        bench_rotate(b, SIM_SITE_A);
    carry(b);
    pinned(b, SIM_SITE_B, CERTIFICATES_MAX);
    for (int i = 0; i < CERTIFICATES_MAX + 1; i++)
        bench_rotate(b, SIM_SITE_A);
    bench_fails(b, "protector.sync.signature", "prod-a", "protection-group sync-force", WEB, "!yes",
                NULL);
    json_decref(bench_ok(b, "site-b", "site rekey", "site", "site-a", "fingerprint",
                         fingerprint(b, SIM_SITE_A), NULL));
    carry(b);
    pinned(b, SIM_SITE_B, 0);
    bench_in_sync(b);
}

/* ---- secrets ---- */

/* A box of the policy's token as it stands at both sites.  Caller frees. */
static char *box_of(struct bench *b, int at, int of)
{
    g_autofree char *text =
        bench_sql(b, at, "SELECT body FROM protection_groups WHERE living_name = 'web'");
    g_autoptr(json_t) body = json_loads(text, 0, NULL);

    return g_strdup(body_token_box(body, "primary_fa_token", b->site[of].p.identity.site_id));
}

static bool opens(const struct keypairs *keys, const char *box)
{
    char *plain = NULL;
    g_autoptr(err_t) e = keypairs_open(keys, box, &plain);
    bool right = e == NULL && g_str_equal(plain, "T-a");

    secret_free(plain);
    return right;
}

/*
 * B12: "rotation re-seals by a user change": the next one, whatever it changes, seals all secrets
 * to the present keys of both sites; one after it leaves the boxes as they are.
 */
static void test_resealed(void **state)
{
    (void)state;
    for (int site = 0; site < BENCH_SITES; site++) {
        AUTO(bench) b = bench_create_protected(1116);
        AUTO(keypairs) before = stolen(b, site);
        g_autofree char *old = box_of(b, SIM_SITE_A, site);
        assert_true(opens(before, old));
        bench_rotate(b, site);
        carry(b);
        g_autofree char *same = box_of(b, SIM_SITE_B, site);
        assert_string_equal(same, old); /* nobody but a user seals anew */
        update(b, SIM_SITE_A, "whatever");
        for (int at = 0; at < BENCH_SITES; at++) {
            g_autofree char *box = box_of(b, at, site);
            assert_false(opens(before, box));
            assert_true(opens(b->site[site].p.identity.keys, box));
        }
        g_autofree char *now = box_of(b, SIM_SITE_A, site);
        update(b, SIM_SITE_A, "once more");
        g_autofree char *again = box_of(b, SIM_SITE_B, site);
        assert_string_equal(again, now);
        bench_in_sync(b);
    }
}

/* ---- who still has a replaced key ---- */

static int64_t old_incarnation_rows(struct bench *b)
{
    return bench_sql_int(b, SIM_SITE_B,
                         "SELECT COUNT(*) FROM sync_log WHERE event = 'old incarnation'");
}

/* A copy of A, a staging site say, signs as A with the key before. */
static void test_clone(void **state)
{
    AUTO(bench) b = bench_create_protected(1107);
    g_autofree char *file = path_of(b, "forged");
    AUTO(keypairs) clone = stolen(b, SIM_SITE_A);
    (void)state;

    bench_rotate(b, SIM_SITE_A);
    carry(b);
    bench_change_left(b);
    export_at(b, SIM_SITE_A, "web", file);
    forge(file, clone, NULL);
    refused(b, file, "protector.sync.key_old");
    json_decref(bench_ok(b, "prod-a", "protection-group sync-export", WEB, "file", file,
                         "!challenge", NULL));
    forge(file, clone, NULL);
    refused(b, file, "protector.sync.key_old");
    carry(b);
    bench_in_sync(b);
}

/* Nor does it help to certify another key by the one before. */
static void test_clone_rotates(void **state)
{
    AUTO(bench) b = bench_create_protected(1108);
    g_autofree char *file = path_of(b, "forged");
    AUTO(keypairs) clone = stolen(b, SIM_SITE_A);
    AUTO(keypairs) own = keypairs_create(&env_system);
    json_t *certificate = certificate_make(clone, b->site[SIM_SITE_A].p.identity.site_id, own);
    (void)state;

    bench_rotate(b, SIM_SITE_A);
    carry(b);
    bench_change_left(b);
    export_at(b, SIM_SITE_A, "web", file);
    forge(file, own, json_pack("[o]", certificate));
    refused(b, file, "protector.sync.signature");
    pinned(b, SIM_SITE_B, 1);
}

/*
 * A's database is put back, and what A said before is signed by a replaced key: B's log does not
 * even take it for the word of an earlier incarnation.
 */
static void test_old_key_of_an_old_incarnation(void **state)
{
    AUTO(bench) b = bench_create_protected(1119);
    g_autofree char *file = path_of(b, "fact");
    (void)state;

    bench_db_keep(b, SIM_SITE_A, "old");
    bench_fact(b, NULL);
    export_at(b, SIM_SITE_A, "web", file); /* nobody has heard of it yet */
    bench_db_put_back(b, SIM_SITE_A, "old");
    carry(b);
    bench_carry(b);
    bench_settle(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_in_sync(b);
    import_at(b, SIM_SITE_B, file); /* said by an incarnation that has ended */
    assert_int_equal(old_incarnation_rows(b), 1);
    bench_rotate(b, SIM_SITE_A);
    carry(b);
    pinned(b, SIM_SITE_B, 1);
    refused(b, file, "protector.sync.key_old");
    assert_int_equal(old_incarnation_rows(b), 1);
    bench_in_sync(b);
}

/* ---- keys that are lost or stolen ---- */

static const char *recovered = "protection-group sync-force";

static void rekey(struct bench *b, const char *print)
{
    json_decref(bench_ok(b, "site-b", "site rekey", "site", "site-a", "fingerprint", print, NULL));
}

/* The admin compares; what does not fit changes nothing. */
static void test_rekey_compares(void **state)
{
    AUTO(bench) b = bench_create_protected(1112);
    (void)state;

    bench_rotate(b, SIM_SITE_A);
    bench_fails(b, "protector.conflict", "site-b", "site rekey", "site", "site-a", "fingerprint",
                "0000:0000:0000:0000", NULL);
    bench_fails(b, "protector.client.usage", "site-b", "site rekey", "site", "site-b",
                "fingerprint", fingerprint(b, SIM_SITE_B), NULL);
    bench_fails(b, "protector.forbidden", "prod-b", "site rekey", "site", "site-a", "fingerprint",
                fingerprint(b, SIM_SITE_A), NULL);
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM incarnations"), 1);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    carry(b);
    pinned(b, SIM_SITE_B, 1);
    bench_in_sync(b);
}

/* The thief's word counts no more, not even with a certificate; the groups recover. */
static void test_stolen(void **state)
{
    AUTO(bench) b = bench_create_protected(1113);
    g_autofree char *file = path_of(b, "forged");
    AUTO(keypairs) thief = stolen(b, SIM_SITE_A);
    AUTO(keypairs) own = keypairs_create(&env_system);
    json_t *certificate = certificate_make(thief, b->site[SIM_SITE_A].p.identity.site_id, own);
    (void)state;

    bench_change_left(b);
    export_at(b, SIM_SITE_A, "web", file);
    forge(file, own, json_pack("[o]", certificate));
    import_at(b, SIM_SITE_B, file); /* the thief was faster than the operator */
    bench_rotate(b, SIM_SITE_A);
    bench_fails(b, "protector.sync.signature", "prod-a", recovered, WEB, "!yes", NULL);
    rekey(b, fingerprint(b, SIM_SITE_A));
    bench_role_is(b, SIM_SITE_B, "RECOVERING");
    pinned(b, SIM_SITE_B, 0);
    bench_fails(b, "protector.sync.signature", "prod-b", "protection-group sync-import", "file",
                file, NULL);
    carry(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_in_sync(b);
    int64_t known = bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM incarnations");
    rekey(b, fingerprint(b, SIM_SITE_A)); /* repeated */
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM incarnations"), known);
    bench_in_sync(b);
    bench_rotate(b, SIM_SITE_A);
    update(b, SIM_SITE_A, "on");
    pinned(b, SIM_SITE_B, 1);
    bench_in_sync(b);
}

/* The same where the site that pins is the active one: its servers run all the time. */
static void test_stolen_of_the_standby(void **state)
{
    AUTO(bench) b = bench_create_protected(1114);
    (void)state;

    bench_rotate(b, SIM_SITE_B);
    carry(b);
    bench_rotate(b, SIM_SITE_B);
    json_decref(bench_ok(b, "site-a", "site rekey", "site", "site-b", "fingerprint",
                         fingerprint(b, SIM_SITE_B), NULL));
    bench_role_is(b, SIM_SITE_A, "RECOVERING");
    bench_status_is(b, SIM_SITE_A, "recovering");
    bench_servers_are(b, SIM_SITE_A, "active");
    carry(b);
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_in_sync(b);
}

/* site.keys is lost: new ones, and B pins them; what was sealed to the lost ones is given anew. */
static void test_lost(void **state)
{
    AUTO(bench) b = bench_create_protected(1115);
    struct process *p = &b->site[SIM_SITE_A].p;
    g_autofree char *keys = g_build_filename(process_state_path(p), KEYFILE_SITE, NULL);
    (void)state;

    g_autoptr(err_t) e = process_keys_replace(p);
    assert_int_equal(err_code(e), ERR_CONFLICT);
    g_remove(keys);
    keypairs_destroy(TAKE(p->identity.keys));
    bench_must(process_keys_replace(p), "keys replace");
    bench_fails(b, "protector.sync.signature", "prod-a", recovered, WEB, "!yes", NULL);
    rekey(b, fingerprint(b, SIM_SITE_A));
    carry(b);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    json_decref(bench_ok(b, "prod-a", "protection-group policy-update", WEB, "primary-fa-token",
                         "T-a", "secondary-fa-token", "T-b", NULL));
    bench_settle(b);
    bench_in_sync(b);
    bench_wait_point(b);
}

/* ---- what dies, and what is put back ---- */

/* The operator's command died between file and row: the next start completes it. */
static void test_half_a_rotation(void **state)
{
    AUTO(bench) b = bench_create_protected(1109);
    struct process *p = &b->site[SIM_SITE_A].p;
    AUTO(keypairs) made = NULL;
    (void)state;

    bench_must(keyfile_site_rotate(&b->site[SIM_SITE_A].env, process_state_path(p),
                                   p->identity.site_id, &made),
               "site.keys");
    update(b, SIM_SITE_A, "by the key in memory");
    pinned(b, SIM_SITE_B, 0);
    keypairs_destroy(TAKE(p->identity.keys));
    bench_must(process_identity(p, false), "a start");
    assert_string_equal(fingerprint(b, SIM_SITE_A), keypairs_fingerprint(made));
    update(b, SIM_SITE_A, "by the new one");
    pinned(b, SIM_SITE_B, 1);
    bench_in_sync(b);
}

/* Another process has changed the keys: this one reads them before it signs, or works at all. */
static void test_rotated_elsewhere(void **state)
{
    AUTO(bench) b = bench_create_protected(1110);
    struct process other = {.program = "other", .env = &b->site[SIM_SITE_A].env};
    (void)state;

    other.conf = b->site[SIM_SITE_A].p.conf;
    other.idle = g_ptr_array_new_with_free_func((GDestroyNotify)db_destroy);
    g_mutex_init(&other.lock);
    bench_must(process_identity(&other, false), "identity");
    bench_must(process_keys_rotate(&other), "keys rotate");
    bench_db_noticed(b, SIM_SITE_A); /* as an engine does before each operation */
    assert_string_equal(fingerprint(b, SIM_SITE_A), keypairs_fingerprint(other.identity.keys));
    bench_must(process_keys_rotate(&other), "keys rotate");
    update(b, SIM_SITE_A, "by keys read anew");
    assert_string_equal(fingerprint(b, SIM_SITE_A), keypairs_fingerprint(other.identity.keys));
    pinned(b, SIM_SITE_B, 2);
    bench_in_sync(b);
    other.conf = NULL;
    process_end(&other);
}

/* A controller whose file is behind signs nothing until it has a copy. */
static void test_stale_file(void **state)
{
    AUTO(bench) b = bench_create_protected(1118);
    struct process *p = &b->site[SIM_SITE_A].p;
    char *old = NULL, *now = NULL;
    (void)state;

    bench_must(keyfile_read(process_state_path(p), KEYFILE_SITE, &old), KEYFILE_SITE);
    bench_rotate(b, SIM_SITE_A);
    bench_must(keyfile_read(process_state_path(p), KEYFILE_SITE, &now), KEYFILE_SITE);
    keypairs_destroy(TAKE(p->identity.keys)); /* the other controller, with what it has */
    bench_must(keypairs_parse(old, &p->identity.keys), KEYFILE_SITE);
    bench_must(keyfile_replace(&b->site[SIM_SITE_A].env, process_state_path(p), KEYFILE_SITE, old),
               KEYFILE_SITE);
    bench_fails(b, "protector.keys.stale", "prod-a", "protection-group update", WEB, "description",
                "not signed", NULL);
    bench_must(keyfile_replace(&b->site[SIM_SITE_A].env, process_state_path(p), KEYFILE_SITE, now),
               KEYFILE_SITE);
    update(b, SIM_SITE_A, "copied");
    pinned(b, SIM_SITE_B, 1);
    bench_in_sync(b);
    secret_free(old);
    secret_free(now);
}

/* A database from before the rotation, at the site that rotated and at the one that adopted. */
static void test_restored(void **state)
{
    (void)state;
    for (int site = 0; site < BENCH_SITES; site++) {
        AUTO(bench) b = bench_create_protected(1111);
        bench_db_keep(b, site, "old");
        bench_rotate(b, SIM_SITE_A);
        update(b, SIM_SITE_A, "kept");
        bench_db_put_back(b, site, "old");
        carry(b);
        json_decref(bench_ok(b, "prod-a", "protection-group show", WEB, NULL));
        bench_settle(b);
        pinned(b, SIM_SITE_B, 1);
        bench_role_is(b, SIM_SITE_A, "ACTIVE");
        bench_role_is(b, SIM_SITE_B, "STANDBY");
        bench_in_sync(b);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_message),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_in_flight_overtaken),
        cmocka_unit_test(test_other_group),
        cmocka_unit_test(test_both_at_once),
        cmocka_unit_test(test_twice_unheard),
        cmocka_unit_test(test_too_many_unheard),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_clone_rotates),
        cmocka_unit_test(test_old_key_of_an_old_incarnation),
        cmocka_unit_test(test_half_a_rotation),
        cmocka_unit_test(test_rotated_elsewhere),
        cmocka_unit_test(test_stale_file),
        cmocka_unit_test(test_restored),
        cmocka_unit_test(test_rekey_compares),
        cmocka_unit_test(test_stolen),
        cmocka_unit_test(test_stolen_of_the_standby),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_resealed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
