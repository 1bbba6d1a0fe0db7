/* SPDX-License-Identifier: Apache-2.0 */
/* site_keys - see site_keys.h. */
#include "store/site_keys.h"

#include "store/audit.h"

#include <string.h>

static void text_put(char **field, const char *value)
{
    g_free(*field);
    *field = g_strdup(value);
}

/* Whose keys were changed, from which to which. */
static err_t *audit(struct db *db, const char *action, const char *site_id, const char *before,
                    const char *fingerprint, int64_t now_ms)
{
    g_autoptr(json_t) details = json_object();
    struct audit_entry entry = {
        .action = (char *)action,
        .target = (char *)site_id,
        .outcome = (char *)"done",
        .details = details,
        .created_at_ms = now_ms,
    };

    json_set_str(details, "before", before);
    json_set_str(details, "fingerprint", fingerprint);
    err_t *e = audit_append(db, &entry);
    g_free(entry.previous_hash);
    g_free(entry.hash);
    return e;
}

/* ---- our own ---- */

/* This site's own record, which the client copies to peers; there is none before site create. */
static err_t *own_record(struct db *db, const struct keypairs *keys, int64_t now_ms)
{
    AUTO(site) own = NULL;

    TRY(site_find_local(db, &own));
    if (own == NULL)
        return NULL;
    text_put(&own->sign_public, keypairs_sign_public(keys));
    text_put(&own->seal_public, keypairs_seal_public(keys));
    text_put(&own->fingerprint, keypairs_fingerprint(keys));
    own->updated_at_ms = now_ms;
    return site_update(db, own);
}

err_t *site_keys_put(struct db *db, const struct keypairs *keys, struct local_site *local,
                     int64_t now_ms)
{
    TRY(audit(db, "site.keys_changed", local->site_id, local->fingerprint,
              keypairs_fingerprint(keys), now_ms));
    text_put(&local->sign_public, keypairs_sign_public(keys));
    text_put(&local->seal_public, keypairs_seal_public(keys));
    text_put(&local->fingerprint, keypairs_fingerprint(keys));
    TRY(local_site_update_keys(db, local));
    return own_record(db, keys, now_ms);
}

err_t *site_keys_own(struct db *db, const struct keypairs *keys, struct local_site *local,
                     int64_t now_ms, bool *ret_fits)
{
    bool same = g_strcmp0(local->fingerprint, keypairs_fingerprint(keys)) == 0;

    *ret_fits = same || keypairs_were(keys, local->fingerprint);
    return same || !*ret_fits ? NULL : site_keys_put(db, keys, local, now_ms);
}

/* ---- a peer's ---- */

int site_keys_place(const struct site *site, const char *key_id)
{
    g_autofree char *present = site->sign_public != NULL ? keys_id(site->sign_public) : NULL;
    int before = (int)json_array_size(site->old_keys);

    if (g_strcmp0(present, key_id) == 0)
        return before;
    for (int i = 0; i < before; i++)
        if (g_strcmp0(json_str(json_array_get(site->old_keys, (size_t)i), "key_id"), key_id) == 0)
            return i;
    return SITE_KEY_UNKNOWN;
}

const char *site_keys_at(const struct site *site, int place)
{
    size_t i = (size_t)place;

    return i < json_array_size(site->old_keys)
               ? json_str(json_array_get(site->old_keys, i), "sign_public")
               : site->sign_public;
}

static void pin(struct site *site, const char *sign_public, const char *seal_public)
{
    g_autofree char *fingerprint = keys_fingerprint(sign_public, seal_public);

    text_put(&site->sign_public, sign_public);
    text_put(&site->seal_public, seal_public);
    text_put(&site->fingerprint, fingerprint);
}

/* The pinned key becomes the latest of those before. */
static void retire(struct site *site)
{
    g_autofree char *id = keys_id(site->sign_public);
    json_t *old = json_object();

    json_set_str(old, "key_id", id);
    json_set_str(old, "sign_public", site->sign_public);
    json_set_str(old, "fingerprint", site->fingerprint);
    if (site->old_keys == NULL)
        site->old_keys = json_array();
    json_array_append_new(site->old_keys, old);
}

err_t *site_keys_adopt(struct db *db, struct site *site, const GPtrArray *way, int64_t now_ms)
{
    g_autofree char *before = g_strdup(site->fingerprint);

    for (guint i = 0; i < way->len; i++) {
        const struct certificate *c = g_ptr_array_index(way, i);
        retire(site);
        pin(site, c->sign_public, c->seal_public);
    }
    site->updated_at_ms = now_ms;
    TRY(site_update(db, site));
    return audit(db, "site.keys_adopted", site->id, before, site->fingerprint, now_ms);
}

void site_keys_replace(struct site *site, const char *sign_public, const char *seal_public)
{
    json_decref(site->old_keys);
    site->old_keys = json_array(); /* not NULL: they were changed */
    pin(site, sign_public, seal_public);
}

bool site_keys_changed(const struct site *site)
{
    return site->old_keys != NULL;
}

/* ---- what a group has heard ---- */

err_t *site_keys_heard(struct db *db, const char *pg_id, char **ret)
{
    AUTO(db_rows) rows = NULL;

    *ret = NULL;
    TRY(db_query(db, &rows, "SELECT key_id FROM peer_keys WHERE pg_id = ?", "s", pg_id));
    if (db_rows_count(rows) > 0)
        *ret = g_strdup(db_str(rows, 0, 0));
    return NULL;
}

err_t *site_keys_hear(struct db *db, const char *pg_id, const char *key_id)
{
    TRY(db_exec(db, NULL, "DELETE FROM peer_keys WHERE pg_id = ?", "s", pg_id));
    return db_exec(db, NULL, "INSERT INTO peer_keys (pg_id, key_id) VALUES (?, ?)", "ss", pg_id,
                   key_id);
}
