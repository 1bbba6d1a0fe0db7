/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_keys - by which keys a message is believed, and with which we sign (story B11).
 *
 * A peer that has changed its keys sends certificates beside its messages; one that begins at the
 * pinned key moves the pin.  What an earlier key has signed counts for a group until the group
 * holds what a later one has signed.  From then on it may repeat what is known and change nothing,
 * as whoever still has that key may not be the peer any more.  Why that loses nothing:
 * docs/decisions/keys.md.
 */
#include "store/exchange_internal.h"
#include "store/tx.h"

#include <string.h>

/* ---- our own ---- */

struct refresh {
    const struct exchange *x;
    struct local_site *local;
};

static err_t *refresh_in_tx(struct db *db, void *data)
{
    const struct refresh *r = data;

    return r->x->keys_read(r->x->keys_data, db, r->local);
}

err_t *exchange_keys_current(const struct exchange *x, struct db *db, struct local_site *local)
{
    struct refresh r = {x, local};
    const struct keypairs *keys = identity_keys(x->identity);

    if (x->keys_read == NULL || g_strcmp0(local->fingerprint, keypairs_fingerprint(keys)) == 0)
        return NULL;
    return db_in_tx(db) ? refresh_in_tx(db, &r) : store_tx(db, x->env, refresh_in_tx, &r);
}

static char *sign(void *keys, const void *bytes, size_t size)
{
    return keypairs_sign(keys, bytes, size);
}

/* The newest that may travel; NULL if the keys never were others. */
static json_t *certificates_of(const struct keypairs *keys)
{
    const json_t *all = keypairs_certificates(keys);
    size_t count = json_array_size(all);
    json_t *newest = NULL;

    for (size_t i = count > CERTIFICATES_MAX ? count - CERTIFICATES_MAX : 0; i < count; i++) {
        if (newest == NULL)
            newest = json_array();
        json_array_append(newest, json_array_get(all, i));
    }
    return newest;
}

err_t *exchange_sign(const struct exchange *x, const struct message *m, json_t **ret)
{
    struct keypairs *keys = identity_keys(x->identity); /* once: they may be others the next time */
    json_t *certificates = NULL;

    TRY(message_encode(m, keypairs_key_id(keys), sign, keys, ret));
    certificates = certificates_of(keys);
    if (certificates != NULL)
        json_set(*ret, "keys", certificates);
    return NULL;
}

/* ---- the peer's ---- */

void exchange_verify_fini(struct exchange_verify *v)
{
    if (v->site != NULL)
        site_destroy(v->site);
    if (v->way != NULL)
        g_ptr_array_unref(v->way);
    err_free(v->error);
}

static err_t *unknown_key(struct exchange_verify *v, const char *key_id, err_t *takes)
{
    return err_remedy(
        err_recode(SYNC_SIGNATURE, takes,
                   "a message of site '%s' is signed by key '%.16s', which is not pinned here "
                   "(fingerprint %s is)",
                   v->site->name, key_id, v->site->fingerprint),
        "compare protector site show %s with that site's own protector-manage doctor; if its keys "
        "were lost, or the pinned ones stolen: protector site rekey %s --fingerprint FINGERPRINT",
        v->site->name, v->site->name);
}

/* The public key to verify by; NULL, or an error in 'v', if there is none. */
static const char *key_of(struct exchange_verify *v, const char *key_id)
{
    int place = site_keys_place(v->site, key_id);

    if (place != SITE_KEY_UNKNOWN)
        return site_keys_at(v->site, place);
    if (v->site->sign_public == NULL)
        return NULL;
    err_t *e = certificates_follow(json_arr(v->carried, "keys"), v->site->id, v->site->sign_public,
                                   key_id, &v->way);
    if (e != NULL) {
        v->error = unknown_key(v, key_id, e);
        return NULL;
    }
    const struct certificate *last = g_ptr_array_index(v->way, v->way->len - 1);
    return last->sign_public;
}

bool exchange_verify(void *data, const char *from, const char *key_id, const void *bytes,
                     size_t size, const char *signature)
{
    struct exchange_verify *v = data;

    v->error = site_find(v->db, from, &v->site);
    if (v->error != NULL || v->site == NULL)
        return false;
    const char *public_key = key_of(v, key_id);
    return public_key != NULL && signature_valid(public_key, bytes, size, signature);
}

/* The record is read anew: another message may have been faster, or an admin. */
static err_t *adopt_in_tx(struct db *db, void *data)
{
    struct exchange_verify *v = data;
    const struct certificate *last = g_ptr_array_index(v->way, v->way->len - 1);
    g_autofree char *key_id = keys_id(last->sign_public);
    g_autoptr(GPtrArray) way = NULL;
    AUTO(site) site = NULL;

    TRY(site_get(db, v->site->id, &site));
    if (site_keys_place(site, key_id) != SITE_KEY_UNKNOWN)
        return NULL;
    TRY(certificates_follow(json_arr(v->carried, "keys"), site->id, site->sign_public, key_id,
                            &way));
    return site_keys_adopt(db, site, way, env_now_ms(v->env));
}

err_t *exchange_adopt(struct exchange_verify *v)
{
    return v->way != NULL ? store_tx(v->db, v->env, adopt_in_tx, v) : NULL;
}

/* ---- a message by an earlier key than the group has heard ---- */

static err_t *key_old(const struct message *m, const struct site *site)
{
    return err_remedy(
        err(SYNC_KEY_OLD,
            "a message %s of site '%s' is signed by key '%s', which that site has replaced; this "
            "group has heard the new one",
            message_type_text(m->type), site->name, m->key_id),
        "carry what the site says now: protector protection-group sync-force; instead of a file: "
        "a new one (sync-export there)");
}

err_t *exchange_key_judge(struct db *db, const struct message *m, struct exchange_key *ret)
{
    g_autofree char *heard = NULL;
    AUTO(site) site = NULL;

    *ret = (struct exchange_key){0};
    TRY(site_get(db, m->from, &site));
    int place = site_keys_place(site, m->key_id);
    if (place == SITE_KEY_UNKNOWN) /* the pin was replaced since the signature was looked at */
        return err(SYNC_SIGNATURE, "the key '%s' is not pinned for site '%s' any more", m->key_id,
                   site->name);
    if (json_array_size(site->old_keys) == 0)
        return NULL;
    TRY(site_keys_heard(db, m->group, &heard));
    int latest = heard != NULL ? site_keys_place(site, heard) : SITE_KEY_UNKNOWN;
    ret->overtaken = place < latest;
    ret->newer = place > latest;
    return ret->overtaken && m->nonce[0] != '\0' ? key_old(m, site) : NULL;
}

/* The chain holds what the message stands for: whatever the sender has signed before is in it. */
static bool held(const struct sync_state *s, const struct message *m)
{
    return m->position[0] != '\0' && chain_knows(s->chain, m->position) &&
           chain_covered(s->chain, m->position, s->pos);
}

err_t *exchange_key_done(struct exchange_tx *tx, const struct message *m,
                         const struct exchange_key *key)
{
    const struct sync_effects *e = tx->effects;
    AUTO(site) site = NULL;

    if (key->newer && held(tx->state, m))
        return site_keys_hear(tx->db, m->group, m->key_id);
    bool says_new = e->changed || e->orders->len > 0 || e->entries->len > 0; /* alarms: changed */
    if (!key->overtaken || !says_new)
        return NULL;
    TRY(site_get(tx->db, m->from, &site));
    return key_old(m, site);
}
