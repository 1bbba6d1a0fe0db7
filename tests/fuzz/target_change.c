/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change - {"type", "params", "body"}: the parameters of a change as an operation keeps them, put
 * upon a group's metadata.  What comes out can be sealed, or is refused with words.
 */
#include "plan/change.h"

#include "model/body.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
    secrets_init();
}

static void seal_it(json_t *draft)
{
    AUTO(body) sealed = NULL;

    if (!fuzz_refused(body_seal(draft, &sealed)))
        FUZZ_MUST(body_check(body_json(sealed)) == NULL, "sealed, and yet refused");
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) in = fuzz_object(data, size);
    const json_t *params = json_obj(in, "params"), *base = json_obj(in, "body");
    const char *type = json_str(in, "type");
    json_t *draft = NULL;

    if (type == NULL || params == NULL)
        return;
    /* the metadata of a group have been checked before; a create has none */
    if (base != NULL ? fuzz_refused(body_check(base)) : strcmp(type, "create") != 0)
        return;
    if (base != NULL && !fuzz_refused(body_fold(draft = json_deep_copy(base), params)))
        seal_it(json_incref(draft));
    json_decref(draft);
    draft = NULL;
    if (!fuzz_refused(
            plan_change(type, params, base != NULL ? json_deep_copy(base) : NULL, 1, &draft)))
        seal_it(draft);
}
