/* SPDX-License-Identifier: Apache-2.0 */
/* mask - foreign text on its way into a log: what is masked stays so, and no secret gets through.
 */
#include "base/secrets.h"
#include "tests/fuzz/fuzz.h"

#define SECRET "s3cr3tw0rd"

void fuzz_init(void)
{
    secrets_init();
}

void fuzz_one(const char *data, size_t size)
{
    g_autofree char *text = g_strndup(size > 0 ? data : "", size);
    g_autofree char *after = g_strconcat(text, "\n", "{\"password\": \"" SECRET "\"}", NULL);
    g_autofree char *masked = secrets_mask(after);
    FUZZ_MUST(strstr(text, SECRET) != NULL || strstr(masked, SECRET) == NULL, "told: %s", masked);
}
