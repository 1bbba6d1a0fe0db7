/* SPDX-License-Identifier: Apache-2.0 */
/* certificate - see certificate.h. */
#include "base/certificate.h"

#include <string.h>

#define PROTOCOL "protector/1"
#define TYPE     "CERTIFICATE"
#define TEXT_MAX 1024 /* uuid, id and two keys; there is no room for more */
#define FIELDS   6

void certificate_destroy(struct certificate *c)
{
    if (c == NULL)
        return;
    g_free(c->site);
    g_free(c->key_id);
    g_free(c->sign_public);
    g_free(c->seal_public);
    g_free(c);
}

json_t *certificate_make(const struct keypairs *by, const char *site, const struct keypairs *next)
{
    g_autoptr(json_t) j = json_object();

    json_set_str(j, "protocol", PROTOCOL);
    json_set_str(j, "type", TYPE);
    json_set_str(j, "site", site);
    json_set_str(j, "key_id", keypairs_key_id(by));
    json_set_str(j, "sign_public", keypairs_sign_public(next));
    json_set_str(j, "seal_public", keypairs_seal_public(next));
    g_autofree char *text = json_print_canonical(j);
    g_autofree char *signature = keypairs_sign(by, text, strlen(text));
    json_t *carried = json_object();
    json_set_str(carried, "certificate", text);
    json_set_str(carried, "signature", signature);
    return carried;
}

static err_t *bad(const char *what)
{
    return err(SYNC_ENVELOPE, "a certificate of the peer's keys is not valid: %s", what);
}

err_t *certificate_read(const json_t *carried, struct certificate **ret)
{
    const char *text = json_str(carried, "certificate");
    g_autoptr(json_t) j = NULL;

    if (text == NULL || json_str(carried, "signature") == NULL || json_object_size(carried) != 2)
        return bad("it is not {certificate, signature}");
    if (strlen(text) > TEXT_MAX)
        return bad("it is too long");
    TRY(json_parse(text, strlen(text), "a certificate", &j));
    const char *site = json_str(j, "site"), *key_id = json_str(j, "key_id");
    const char *sign_public = json_str(j, "sign_public"), *seal_public = json_str(j, "seal_public");
    if (g_strcmp0(json_str(j, "protocol"), PROTOCOL) != 0 ||
        g_strcmp0(json_str(j, "type"), TYPE) != 0 || json_object_size(j) != FIELDS)
        return bad("it is not one of " PROTOCOL);
    if (site == NULL || key_id == NULL || !public_key_valid(sign_public) ||
        !public_key_valid(seal_public))
        return bad("it names no site or no keys");
    struct certificate *c = g_new0(struct certificate, 1);
    c->site = g_strdup(site);
    c->key_id = g_strdup(key_id);
    c->sign_public = g_strdup(sign_public);
    c->seal_public = g_strdup(seal_public);
    *ret = c;
    return NULL;
}

/* The one that the key 'sign_public' of the site has signed; NULL in '*ret' if there is none. */
static err_t *next_of(const json_t *carried, const char *site, const char *sign_public,
                      struct certificate **ret)
{
    g_autofree char *id = keys_id(sign_public);
    size_t i;
    json_t *one;

    *ret = NULL;
    json_array_foreach(carried, i, one)
    {
        AUTO(certificate) c = NULL;
        TRY(certificate_read(one, &c));
        const char *text = json_str(one, "certificate");
        if (strcmp(c->site, site) != 0 || strcmp(c->key_id, id) != 0 ||
            !signature_valid(sign_public, text, strlen(text), json_str(one, "signature")))
            continue;
        *ret = TAKE(c);
        return NULL;
    }
    return NULL;
}

static void destroy_one(void *c)
{
    certificate_destroy(c);
}

err_t *certificates_follow(const json_t *carried, const char *site, const char *sign_public,
                           const char *key_id, GPtrArray **ret)
{
    g_autoptr(GPtrArray) way = g_ptr_array_new_with_free_func(destroy_one);

    for (int i = 0; i < CERTIFICATES_MAX; i++) {
        struct certificate *c = NULL;
        TRY(next_of(carried, site, sign_public, &c));
        if (c == NULL)
            break;
        g_ptr_array_add(way, c);
        sign_public = c->sign_public;
        g_autofree char *id = keys_id(sign_public);
        if (strcmp(id, key_id) != 0)
            continue;
        *ret = TAKE(way);
        return NULL;
    }
    return err(SYNC_SIGNATURE, "no certificate leads from the pinned key to the key '%.16s'",
               key_id);
}
