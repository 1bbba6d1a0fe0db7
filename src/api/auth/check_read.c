/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_read - reads rules into the trees of check.h.
 *
 * Modelled on oslo_policy/_parser.py.  The text is cut at white space, leading and trailing
 * parentheses are peeled off, and each token is shifted onto a stack whose top is reduced as long
 * as a row of 'reductions' fits.  No two rows fit at once.
 */
#include "api/auth/check_internal.h"

#include "api/auth/pytext.h"

#include <string.h>

static void warn(GPtrArray *warnings, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void warn(GPtrArray *warnings, const char *format, ...)
{
    va_list arguments;

    if (warnings == NULL)
        return;
    va_start(arguments, format);
    g_ptr_array_add(warnings, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* ---- one check ---- */

static void piece_clear(gpointer p)
{
    struct piece *piece = p;

    g_free(piece->text);
}

static void match_add(struct check *c, bool is_name, const char *text, gsize size)
{
    struct piece piece = {.is_name = is_name, .text = g_strndup(text, size)};

    g_array_append_val(c->match, piece);
}

/* The size of "(name)" at 'text', with parentheses within the name; 0 if it is none. */
static gsize name_size(const char *text)
{
    int open = 0;

    for (const char *t = text; *t != '\0'; t++) {
        if (*t == '(')
            open++;
        else if (*t == ')')
            open--;
        if (open == 0)
            return *t == ')' ? (gsize)(t - text) + 1 : 0;
    }
    return 0;
}

/* Takes the right side apart. */
static void match_read(struct check *c, const char *match, GPtrArray *warnings)
{
    const char *rest = match;

    c->match = g_array_new(FALSE, FALSE, sizeof(struct piece));
    g_array_set_clear_func(c->match, piece_clear);
    for (;;) {
        gsize plain = strcspn(rest, "%");
        gsize size;

        match_add(c, false, rest, plain);
        rest += plain;
        if (*rest == '\0')
            return;
        if (rest[1] == '%') {
            match_add(c, false, "%", 1);
            rest += 2;
            continue;
        }
        size = name_size(rest + 1);
        if (size > 0)
            match_add(c, true, rest + 2, size - 2);
        if (size == 0 || rest[1 + size] != 's')
            break; /* the name is looked up before the rest is found to be wrong */
        rest += size + 2;
    }
    c->match_broken = true;
    warn(warnings, "'%s' holds a '%%' that is neither %%(name)s nor %%%%: denies", match);
}

static struct check *generic_read(const char *kind, const char *match, GPtrArray *warnings)
{
    struct check *c = check_new(KIND_BROKEN);
    g_autofree char *text = NULL;

    match_read(c, match, warnings);
    switch (pytext_literal(kind, &text)) {
    case PYTEXT_LITERAL:
        c->kind = KIND_LITERAL;
        c->text = g_steal_pointer(&text);
        break;
    case PYTEXT_PATH:
        c->kind = KIND_PATH;
        c->path = g_strsplit(kind, ".", -1);
        break;
    case PYTEXT_BROKEN:
        warn(warnings, "'%s:%s' compares with '%s', which is neither a name nor a constant: denies",
             kind, match, kind);
        break;
    }
    return c;
}

/* _parse_check */
static err_t *one_read(const char *text, GPtrArray *warnings, struct check **ret)
{
    const char *colon = strchr(text, ':');
    g_autofree char *kind = NULL;

    if (strcmp(text, "!") == 0 || strcmp(text, "@") == 0) {
        *ret = check_new(*text == '!' ? KIND_FALSE : KIND_TRUE);
        return NULL;
    }
    if (colon == NULL) {
        warn(warnings, "'%s' is no check (kind:match): denies", text);
        *ret = check_new(KIND_FALSE);
        return NULL;
    }
    kind = g_strndup(text, (gsize)(colon - text));
    if (strcmp(kind, "http") == 0 || strcmp(kind, "https") == 0)
        return err(CONFIG,
                   "'%s': %s checks, which ask another server, are not supported; write "
                   "the rule with role:, rule: and comparisons",
                   text, kind);
    if (strcmp(kind, "rule") == 0) {
        *ret = check_new(KIND_RULE);
        (*ret)->text = g_strdup(colon + 1);
    } else if (strcmp(kind, "role") == 0) {
        *ret = check_new(KIND_ROLE);
        match_read(*ret, colon + 1, warnings);
    } else {
        *ret = generic_read(kind, colon + 1, warnings);
    }
    return NULL;
}

/* ---- the stack ---- */

enum token {
    TOKEN_NONE,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_STRING,
    TOKEN_CHECK,
    TOKEN_AND_EXPR,
    TOKEN_OR_EXPR,
};

struct item {
    enum token token;
    struct check *check; /* of CHECK and the two EXPR */
};

struct reader {
    GArray *stack; /* of struct item */
    size_t tokens;
    GPtrArray *warnings;
};

static struct check *make_wrap(const struct item *i)
{
    return i[1].check;
}

static struct check *make_and(const struct item *i)
{
    return check_of(KIND_AND, i[0].check, i[2].check);
}

static struct check *make_or(const struct item *i)
{
    return check_of(KIND_OR, i[0].check, i[2].check);
}

static struct check *make_not(const struct item *i)
{
    return check_of(KIND_NOT, i[1].check, NULL);
}

static struct check *make_longer(const struct item *i)
{
    return check_add(i[0].check, i[2].check);
}

/* "a or b" and c: the last alternative takes the 'and'. */
static struct check *make_mix(const struct item *i)
{
    struct check *alternatives = i[0].check;
    struct check *last =
        g_ptr_array_steal_index(alternatives->children, alternatives->children->len - 1);

    if (last->kind == KIND_AND)
        check_add(last, i[2].check);
    else
        last = check_of(KIND_AND, last, i[2].check);
    return check_add(alternatives, last);
}

static const struct reduction {
    enum token from[3]; /* from the left; NONE comes first if there are two */
    enum token to;
    struct check *(*make)(const struct item *items);
} reductions[] = {
    {{TOKEN_OPEN, TOKEN_CHECK, TOKEN_CLOSE}, TOKEN_CHECK, make_wrap},
    {{TOKEN_OPEN, TOKEN_AND_EXPR, TOKEN_CLOSE}, TOKEN_CHECK, make_wrap},
    {{TOKEN_OPEN, TOKEN_OR_EXPR, TOKEN_CLOSE}, TOKEN_CHECK, make_wrap},
    {{TOKEN_CHECK, TOKEN_AND, TOKEN_CHECK}, TOKEN_AND_EXPR, make_and},
    {{TOKEN_OR_EXPR, TOKEN_AND, TOKEN_CHECK}, TOKEN_OR_EXPR, make_mix},
    {{TOKEN_AND_EXPR, TOKEN_AND, TOKEN_CHECK}, TOKEN_AND_EXPR, make_longer},
    {{TOKEN_CHECK, TOKEN_OR, TOKEN_CHECK}, TOKEN_OR_EXPR, make_or},
    {{TOKEN_AND_EXPR, TOKEN_OR, TOKEN_CHECK}, TOKEN_OR_EXPR, make_or},
    {{TOKEN_OR_EXPR, TOKEN_OR, TOKEN_CHECK}, TOKEN_OR_EXPR, make_longer},
    {{TOKEN_NONE, TOKEN_NOT, TOKEN_CHECK}, TOKEN_CHECK, make_not},
};

static bool reduce_by(GArray *stack, const struct reduction *r)
{
    guint size = r->from[0] == TOKEN_NONE ? 2 : 3;
    const enum token *from = r->from + 3 - size;
    const struct item *items;
    struct item made = {.token = r->to};

    if (stack->len < size)
        return false;
    items = &g_array_index(stack, struct item, stack->len - size);
    for (guint i = 0; i < size; i++)
        if (items[i].token != from[i])
            return false;
    made.check = r->make(items);
    g_array_set_size(stack, stack->len - size);
    g_array_append_val(stack, made);
    return true;
}

static bool reduce(GArray *stack)
{
    for (size_t i = 0; i < G_N_ELEMENTS(reductions); i++)
        if (reduce_by(stack, &reductions[i]))
            return true;
    return false;
}

static err_t *shift(struct reader *r, enum token token, struct check *check)
{
    struct item item = {.token = token, .check = check};

    g_array_append_val(r->stack, item);
    if (++r->tokens > CHECK_TOKENS_MAX)
        return err(CONFIG, "the rule has more than %d words", CHECK_TOKENS_MAX);
    while (reduce(r->stack))
        ;
    return NULL;
}

/* ---- words ---- */

static bool is_blank(gunichar c)
{
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

static enum token word_token(const char *word)
{
    if (g_ascii_strcasecmp(word, "and") == 0)
        return TOKEN_AND;
    if (g_ascii_strcasecmp(word, "or") == 0)
        return TOKEN_OR;
    if (g_ascii_strcasecmp(word, "not") == 0)
        return TOKEN_NOT;
    return TOKEN_NONE;
}

/* 'word' is what stood between the leading parentheses and the white space; 'clean' ends before the
 * trailing ones. */
static err_t *shift_word(struct reader *r, const char *word, const char *clean)
{
    size_t size = strlen(word);
    enum token token = word_token(clean);
    struct check *check = NULL;

    if (token != TOKEN_NONE)
        return shift(r, token, NULL);
    if (*clean == '\0')
        return NULL;
    if (size >= 2 && (word[0] == '"' || word[0] == '\'') && word[size - 1] == word[0])
        return shift(r, TOKEN_STRING, NULL);
    TRY(one_read(clean, r->warnings, &check));
    return shift(r, TOKEN_CHECK, check);
}

static err_t *read_word(struct reader *r, const char *text, size_t size)
{
    g_autofree char *word = g_strndup(text, size);
    size_t leading = strspn(word, "(");
    g_autofree char *clean = g_strdup(word + leading);
    size_t end = strlen(clean);
    size_t trailing = 0;

    while (end > 0 && clean[end - 1] == ')') {
        clean[--end] = '\0';
        trailing++;
    }
    for (size_t i = 0; i < leading; i++)
        TRY(shift(r, TOKEN_OPEN, NULL));
    TRY(shift_word(r, word + leading, clean));
    for (size_t i = 0; i < trailing; i++)
        TRY(shift(r, TOKEN_CLOSE, NULL));
    return NULL;
}

static err_t *read_words(struct reader *r, const char *text)
{
    const char *start = text;
    const char *t = text;

    for (;;) {
        gunichar c = g_utf8_get_char(t);
        if (c == 0 || is_blank(c)) {
            if (t > start)
                TRY(read_word(r, start, (size_t)(t - start)));
            if (c == 0)
                return NULL;
            start = g_utf8_next_char(t);
        }
        t = g_utf8_next_char(t);
    }
}

/* What is left on the stack must be one check.  A lone word is what it is in Python: an error. */
static struct check *stack_result(struct reader *r, const char *text)
{
    struct item *only = r->stack->len == 1 ? &g_array_index(r->stack, struct item, 0) : NULL;

    if (only != NULL && only->check != NULL)
        return g_steal_pointer(&only->check);
    warn(r->warnings, "'%s' cannot be understood: denies", text);
    return check_new(only != NULL ? KIND_BROKEN : KIND_FALSE);
}

static void item_clear(gpointer p)
{
    struct item *item = p;

    check_destroy(item->check);
}

/* _parse_text_rule */
static err_t *text_read(const char *text, GPtrArray *warnings, struct check **ret)
{
    struct reader r = {.warnings = warnings};
    err_t *e;

    if (*text == '\0') {
        *ret = check_new(KIND_TRUE);
        return NULL;
    }
    if (strlen(text) > CHECK_TEXT_MAX)
        return err(CONFIG, "the rule is longer than %d bytes", CHECK_TEXT_MAX);
    r.stack = g_array_new(FALSE, FALSE, sizeof(struct item));
    e = read_words(&r, text);
    if (e == NULL)
        *ret = stack_result(&r, text);
    for (guint i = 0; i < r.stack->len; i++)
        item_clear(&g_array_index(r.stack, struct item, i));
    g_array_unref(r.stack);
    return e;
}

/* ---- the old form ---- */

/* Reads a list of texts, all of which must hold. */
static err_t *inner_read(const json_t *list, GPtrArray *warnings, struct check **ret)
{
    AUTO(check) all = check_new(KIND_AND);
    const json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
    {
        struct check *check = NULL;
        if (!json_is_string(value))
            return err(CONFIG, "the inner list of a rule holds something that is no text");
        TRY(one_read(json_string_value(value), warnings, &check));
        check_add(all, check);
    }
    *ret = TAKE(all);
    return NULL;
}

/* _parse_list_rule */
static err_t *list_read(const json_t *list, GPtrArray *warnings, struct check **ret)
{
    AUTO(check) any = check_new(KIND_OR);
    const json_t *value;
    size_t i;

    if (json_array_size(list) > CHECK_TOKENS_MAX)
        return err(CONFIG, "the rule has more than %d parts", CHECK_TOKENS_MAX);
    if (json_array_size(list) == 0) {
        *ret = check_new(KIND_TRUE);
        return NULL;
    }
    json_array_foreach(list, i, value)
    {
        struct check *check = NULL;
        if (!json_is_string(value) && !json_is_array(value))
            return err(CONFIG, "the list of a rule holds something that is neither text nor list");
        if (json_is_string(value) ? json_string_length(value) == 0 : json_array_size(value) == 0)
            continue;
        if (json_is_string(value))
            TRY(one_read(json_string_value(value), warnings, &check));
        else
            TRY(inner_read(value, warnings, &check));
        check_add(any, check);
    }
    if (any->children->len == 0)
        warn(warnings, "the rule is a list of nothing: denies");
    *ret = TAKE(any);
    return NULL;
}

err_t *check_read(const json_t *rule, GPtrArray *warnings, struct check **ret)
{
    if (json_is_string(rule))
        return text_read(json_string_value(rule), warnings, ret);
    if (json_is_array(rule))
        return list_read(rule, warnings, ret);
    return err(CONFIG, "a rule must be a text or a list; to allow everybody write \"@\", to deny "
                       "everybody \"!\"");
}
