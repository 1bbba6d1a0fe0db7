/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask - takes secrets out of texts for logs: secrets_mask of secrets.h.
 *
 * One pass over the text.  At each word that is the name of something secret, the value behind it
 * is replaced: KEY=VALUE, KEY: VALUE, "KEY": "VALUE", \"KEY\": \"VALUE\", 'KEY': 'VALUE', --KEY
 * VALUE. Besides: the password in scheme://user:password@host, Fernet tokens wherever they stand,
 * and the id of a trust behind that word ("/trusts/ID", "Could not find trust: ID").
 *
 * It prefers to hide too much.  The one exception is prose: in "cannot check the token: keystone
 * answered 503" the word behind the colon stays, being an unquoted word of small letters only.
 */
#include "base/secrets.h"

#include <string.h>

#define MASK              "***"
#define FERNET_PREFIX     "gAAAAA"
#define FERNET_LENGTH_MIN 32
#define TRUST_ID_LENGTH   32
#define PROSE_LENGTH_MAX  20
#define NAME_LENGTH_MAX   64

/* Whole names, and endings of names behind a '_'.  '-' counts as '_', and a capital within a word
 * starts a new part. */
static const char *const secret_names[] = {
    "password", "passwd",      "passphrase",    "secret",      "token",
    "tokens",   "user_data",   "userdata",      "trust_id",    "admin_pass",
    "auth_key", "private_key", "authorization", "cookie",      "set_cookie",
    "passcode", "credential",  "api_key",       "sign_seed",   "seal_seed",
    "userpass", "secret_key",  "access_key",    "signing_key", "encryption_key",
};

static bool is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '-';
}

/* Writes the end of a word as the table has it: adminPass and Admin-Pass become admin_pass. */
static size_t normalize(const char *word, size_t length, char ret[2 * NAME_LENGTH_MAX + 1])
{
    size_t size = 0;
    for (size_t i = length > NAME_LENGTH_MAX ? length - NAME_LENGTH_MAX : 0; i < length; i++) {
        if (i > 0 && g_ascii_isupper(word[i]) && g_ascii_islower(word[i - 1]))
            ret[size++] = '_';
        ret[size++] = word[i] == '-' ? '_' : g_ascii_tolower(word[i]);
    }
    ret[size] = 0;
    return size;
}

static bool name_is_secret(const char *word, size_t word_length)
{
    char name[2 * NAME_LENGTH_MAX + 1];
    size_t length = normalize(word, word_length, name);
    for (size_t i = 0; i < G_N_ELEMENTS(secret_names); i++) {
        size_t n = strlen(secret_names[i]);
        if (n <= length && strcmp(name + length - n, secret_names[i]) == 0 &&
            (n == length || name[length - n - 1] == '_'))
            return true;
    }
    return false;
}

/* ---- values ---- */

/* Skips "\"" or "\\\"" and the like: backslashes and one quote.  0 if there is none. */
static size_t quote_length(const char *at)
{
    size_t backslashes = strspn(at, "\\");
    char quote = at[backslashes];
    return quote == '"' || quote == '\'' ? backslashes + 1 : 0;
}

/*
 * The end of a value whose opening quote is the 'length' characters at 'at': where its closing one
 * starts.  In a string within a string a quote has 1 backslash, in one deeper 3: level = 2^k - 1.
 * After n backslashes a quote closes this string iff n mod 2(level + 1) = level; with fewer than
 * 'level' it closes an outer one, which ends ours too.
 */
static const char *quoted_end(const char *at, size_t length)
{
    size_t level = length - 1;
    char quote = at[level];
    for (at += length; *at != 0; at++) {
        size_t backslashes = strspn(at, "\\");
        if (at[backslashes] == quote && backslashes < level)
            return at;
        if (at[backslashes] == quote && backslashes % (2 * (level + 1)) == level)
            return at + backslashes - level;
        if (backslashes > 0)
            at += backslashes - (at[backslashes] == 0);
    }
    return at;
}

/* The end of an unquoted value. */
static const char *bare_end(const char *at, bool whole_line)
{
    return at + strcspn(at, whole_line ? "\r\n\"'" : " \t\r\n,;&\"'<>)}]\\");
}

/* The end of a list that starts at 'at' with '['. */
static const char *list_end(const char *at)
{
    int depth = 0;
    for (; *at != 0; at++) {
        depth += (*at == '[') - (*at == ']');
        if (depth == 0)
            return at + 1;
    }
    return at;
}

/* True if the value at 'at' is a word of a sentence, as in "the token: keystone answered". */
static bool is_prose(const char *text, const char *word, const char *at)
{
    if (word == text || word[-1] != ' ' || word - text < 2 || !is_word(word[-2]))
        return false;
    size_t length = 0;
    while (g_ascii_islower(at[length]) || at[length] == '\'')
        length++;
    return length > 0 && length <= PROSE_LENGTH_MAX && (at[length] == ' ' || at[length] == 0);
}

/*
 * 'word' is a secret's name of 'length' characters.  If a value follows, appends everything up to
 * it and the mask to 'out' and returns what comes after the value; else NULL.
 */
static const char *mask_value(const char *text, const char *word, size_t length, GString *out)
{
    const char *at = word + length;
    bool is_option = strncmp(word, "--", 2) == 0;
    size_t key_quote = quote_length(at);
    at += key_quote;
    size_t blanks = strspn(at, " \t");
    bool has_sign = at[blanks] == '=' || at[blanks] == ':';
    bool colon = at[blanks] == ':';
    if (!has_sign && !(is_option && blanks > 0))
        return NULL;
    at += blanks + has_sign;
    if (at[-1] == '=' && at[0] == '=') /* a comparison */
        return NULL;
    at += strspn(at, " \t");
    size_t quote = quote_length(at);
    if (*at == 0 || *at == '\n' || *at == '\r' || *at == '{' ||
        (colon && strncmp(at, "//", 2) == 0))
        return NULL;
    if (colon && quote == 0 && key_quote == 0 && is_prose(text, word, at))
        return NULL;
    bool whole_line = g_ascii_strncasecmp(word, "authorization", 13) == 0 ||
                      g_ascii_strncasecmp(word + length - 6, "cookie", 6) == 0;
    const char *end = quote > 0    ? quoted_end(at, quote)
                      : *at == '[' ? list_end(at)
                                   : bare_end(at, whole_line);
    if (end == at)
        return NULL;
    g_string_append_len(out, word, at + quote - word);
    g_string_append(out, MASK);
    return end;
}

/* ---- the other forms ---- */

/* At "://": the password of "user:password@", masked as above; NULL if there is none. */
static const char *mask_url(const char *at, GString *out)
{
    const char *user = at + 3;
    size_t length = strcspn(user, "/?# \t\r\n\"'<>");
    const char *host = NULL;
    for (size_t i = 0; i < length; i++)
        if (user[i] == '@')
            host = user + i;
    const char *colon = host != NULL ? memchr(user, ':', (size_t)(host - user)) : NULL;
    if (colon == NULL)
        return NULL;
    g_string_append_len(out, at, colon + 1 - at);
    g_string_append(out, MASK);
    return host;
}

static bool is_fernet(const char *word, size_t length)
{
    return length >= FERNET_LENGTH_MIN && g_str_has_prefix(word, FERNET_PREFIX);
}

/* At the word "trust" or "trusts": the id behind it, masked; NULL if there is none. */
static const char *mask_trust(const char *word, size_t length, GString *out)
{
    const char *id = word + length + strspn(word + length, "/:'\" ");
    size_t digits = strspn(id, "0123456789abcdef");

    if (id == word + length || digits != TRUST_ID_LENGTH || is_word(id[digits]))
        return NULL;
    g_string_append_len(out, word, id - word);
    g_string_append(out, MASK);
    return id + digits;
}

static bool is_trust(const char *word, size_t length)
{
    return (length == 5 || length == 6) && g_ascii_strncasecmp(word, "trusts", length) == 0;
}

char *secrets_mask(const char *text)
{
    GString *out = g_string_sized_new(strlen(text) + 1);
    for (const char *at = text; *at != 0;) {
        const char *after = NULL;
        size_t length = 0;
        while (is_word(at[length]))
            length++;
        if (is_fernet(at, length)) {
            g_string_append(out, MASK);
            after = at + length + strspn(at + length, "=");
        } else if (length > 0 && name_is_secret(at, length)) {
            after = mask_value(text, at, length, out);
        } else if (is_trust(at, length)) {
            after = mask_trust(at, length, out);
        } else if (strncmp(at, "://", 3) == 0) {
            after = mask_url(at, out);
        }
        if (after == NULL) {
            after = at + MAX(length, 1);
            g_string_append_len(out, at, after - at);
        }
        at = after;
    }
    return g_string_free(out, FALSE);
}
