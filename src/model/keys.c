/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - names by which what an operation makes is found again.
 *
 * Neighbours: base/secrets.h (the hash).  The tuple that is hashed never changes its form.
 */
#include "model/keys.h"

#include "base/secrets.h"

#include <inttypes.h>
#include <string.h>

#define NAME_PREFIX "protector-"

void key_make(const struct key_scope *scope, const char *subject, const char *kind,
              const char *point, char ret[KEY_SIZE])
{
    char epoch[32], hash[HASH_HEX_SIZE];
    g_snprintf(epoch, sizeof epoch, "%" PRId64, scope->epoch);
    bool drill = scope->drill_op != NULL;
    hash_strings(hash, "protector/1 key", scope->group, drill ? "drill" : "epoch",
                 drill ? scope->drill_op : epoch, subject, kind, point != NULL ? "point" : "none",
                 point != NULL ? point : "", NULL);
    g_strlcpy(ret, hash, KEY_SIZE);
}

char *key_name(const char *kind, const char key[KEY_SIZE])
{
    return g_strdup_printf(NAME_PREFIX "%s-%s", kind, key);
}

bool key_valid(const char *text)
{
    if (text == NULL || strlen(text) != KEY_SIZE - 1)
        return false;
    for (; *text != '\0'; text++)
        if (!g_ascii_isxdigit(*text) || g_ascii_isupper(*text))
            return false;
    return true;
}

bool key_of_name(const char *name, char ret[KEY_SIZE])
{
    const char *dash = strrchr(name, '-'); /* the prefix has one */
    if (!g_str_has_prefix(name, NAME_PREFIX) || !key_valid(dash + 1))
        return false;
    g_strlcpy(ret, dash + 1, KEY_SIZE);
    return true;
}
