/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate - the certificates beside a message: whatever they are, no way leads to a key that
 * the pinned one has not certified.
 */
#include "base/certificate.h"
#include "tests/fuzz/fuzz.h"

#define SITE "11111111-1111-4111-8111-111111111111"

static struct keypairs *pinned, *stranger;

void fuzz_init(void)
{
    secrets_init();
    pinned = keypairs_create(&fuzz_env);
    stranger = keypairs_create(&fuzz_env);
}

static bool follows(const json_t *carried, const struct keypairs *to)
{
    g_autoptr(GPtrArray) way = NULL;

    return !fuzz_refused(certificates_follow(carried, SITE, keypairs_sign_public(pinned),
                                             keypairs_key_id(to), &way));
}

/* One alone is taken for one whatever signed it: what it says must be whole. */
static void form(const json_t *one)
{
    AUTO(certificate) c = NULL;

    if (fuzz_refused(certificate_read(one, &c)))
        return;
    FUZZ_MUST(public_key_valid(c->sign_public) && public_key_valid(c->seal_public), "no keys");
    FUZZ_MUST(c->site != NULL && c->key_id != NULL, "no site");
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) carried = NULL;
    size_t i;
    json_t *one;

    if (fuzz_refused(json_parse(data, size, "certificates", &carried)))
        return;
    json_array_foreach(carried, i, one) form(one);
    FUZZ_MUST(!follows(carried, stranger), "a stranger's key is believed");
    json_t *real = certificate_make(pinned, SITE, stranger);
    if (json_is_array(carried) && json_array_size(carried) == 0) {
        json_array_append(carried, real);
        FUZZ_MUST(follows(carried, stranger), "a real one is not");
    }
    json_decref(real);
}
