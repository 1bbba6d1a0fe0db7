/* SPDX-License-Identifier: Apache-2.0 */
/* url - addresses: their parts, their query, their encoding; and times as other clouds write them.
 */
#include "net/http.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

static void encoding(const char *data, size_t size, const char *text)
{
    g_autofree char *decoded = url_decode(data, size);
    g_autofree char *encoded = url_encode(text);
    g_autofree char *back = url_decode(encoded, strlen(encoded));

    if (decoded != NULL)
        FUZZ_MUST(g_utf8_validate(decoded, -1, NULL), "decoded to what is no UTF-8");
    if (g_utf8_validate(text, -1, NULL))
        fuzz_same("a text that was encoded", text, back);
}

static void parts(const char *text)
{
    g_autofree char *origin = url_origin(text);
    g_autofree char *path = url_path(text);
    g_autofree char *joined = url_join(text, path);
    g_autoptr(GPtrArray) query = NULL;

    FUZZ_MUST(path != NULL && strchr(path, '?') == NULL, "path '%s'", path);
    if (origin != NULL || text[0] == '/')
        FUZZ_MUST(path[0] == '/', "path '%s'", path);
    FUZZ_MUST(joined != NULL, "no address");
    if (origin != NULL) {
        g_autofree char *again = url_origin(origin);
        fuzz_same("the origin of an origin", origin, again);
        FUZZ_MUST(strchr(origin, '@') == NULL, "a user in the origin %s", origin);
    }
    if (fuzz_refused(url_query(text, &query)))
        FUZZ_MUST(query == NULL, "refused, and yet a result");
}

static void moment(const char *text)
{
    int64_t ms = time_parse(text);

    if (ms < 0)
        return;
    g_autofree char *printed = time_format(ms);
    FUZZ_MUST(time_parse(printed) == ms - ms % 1000, "%s was read as %s", text, printed);
}

void fuzz_one(const char *data, size_t size)
{
    g_autofree char *text = g_strndup(size > 0 ? data : "", size);

    encoding(data, size, text);
    parts(text);
    moment(text);
}
