/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz - see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW_MS 1764000000000 /* 2025-11-24T16:00:00Z */

static uint64_t chance;

static int64_t now(void *data G_GNUC_UNUSED)
{
    return NOW_MS;
}

static void random_bytes(void *data G_GNUC_UNUSED, void *buffer, size_t size)
{
    unsigned char *bytes = buffer;

    for (size_t i = 0; i < size; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(chance >> 56);
    }
}

const struct env fuzz_env = {.now_ms = now, .mono_ms = now, .random = random_bytes};

void fuzz_env_reset(void)
{
    chance = 1;
}

void fuzz_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    fprintf(stderr, "broken: %s\n", text);
    abort();
}

bool fuzz_refused(err_t *e)
{
    if (e == NULL)
        return false;
    g_autofree char *text = err_text(e);
    g_autoptr(json_t) told = err_to_json(e);
    g_autoptr(err_t) back = err_from_json(told);
    g_autoptr(json_t) again = err_to_json(back);

    FUZZ_MUST(err_code(e) != ERR_INTERNAL, "an internal error: %s", text);
    FUZZ_MUST(*err_message(e) != '\0' && *err_title(e) != '\0', "an error without words");
    FUZZ_MUST(g_utf8_validate(text, -1, NULL), "an error that cannot be shown: %s", text);
    fuzz_same_json("an error's JSON", told, again);
    err_free(e);
    return true;
}

void fuzz_same(const char *what, const char *before, const char *after)
{
    if (g_strcmp0(before, after) != 0)
        fuzz_fail("%s is not the same:\n%s\n%s", what, before, after);
}

void fuzz_same_json(const char *what, const json_t *before, const json_t *after)
{
    g_autofree char *a = json_print_canonical(before);
    g_autofree char *b = json_print_canonical(after);

    fuzz_same(what, a, b);
}

json_t *fuzz_object(const char *data, size_t size)
{
    json_t *j = NULL;

    if (fuzz_refused(json_parse(data, size, "the input", &j)))
        return NULL;
    if (json_is_object(j))
        return j;
    json_decref(j);
    return NULL;
}

char *fuzz_line(const char **data, size_t *size)
{
    const char *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t length = end != NULL ? (size_t)(end - *data) : *size;
    size_t taken = end != NULL ? length + 1 : length;
    char *line = g_strndup(length > 0 ? *data : "", length);

    *data += taken;
    *size -= taken;
    return line;
}
