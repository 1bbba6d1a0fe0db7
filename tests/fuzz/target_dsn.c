/* SPDX-License-Identifier: Apache-2.0 */
/* dsn - [database] connection: what is shown of it never holds the password. */
#include "store/dsn.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

void fuzz_one(const char *data, size_t size)
{
    g_autofree char *text = g_strndup(size > 0 ? data : "", size);
    AUTO(dsn) dsn = NULL;

    if (fuzz_refused(dsn_parse(text, &dsn))) {
        FUZZ_MUST(dsn == NULL, "refused, and yet a result");
        return;
    }
    g_autofree char *shown = dsn_print(dsn);
    if (dsn->kind != DSN_MARIADB || dsn->password == NULL)
        return;
    g_free(dsn->password);
    dsn->password = g_strdup("another");
    g_autofree char *other = dsn_print(dsn);
    fuzz_same("what is shown", shown, other);
}
