/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - see check.h: trees, and the walk that answers.  check_read.c makes the trees.
 *
 * Modelled on oslo_policy/_checks.py.
 */
#include "api/auth/check_internal.h"

#include "api/auth/pytext.h"

#include <string.h>

/* ---- trees ---- */

static void check_free(gpointer p)
{
    check_destroy(p);
}

struct check *check_new(enum kind kind)
{
    struct check *c = g_new0(struct check, 1);

    c->kind = kind;
    if (kind == KIND_NOT || kind == KIND_AND || kind == KIND_OR)
        c->children = g_ptr_array_new_with_free_func(check_free);
    return c;
}

void check_destroy(struct check *c)
{
    if (c == NULL)
        return;
    if (c->children != NULL)
        g_ptr_array_unref(c->children);
    g_free(c->text);
    g_strfreev(c->path);
    if (c->match != NULL)
        g_array_unref(c->match);
    g_free(c);
}

struct check *check_of(enum kind kind, struct check *first, struct check *second)
{
    struct check *c = check_new(kind);

    g_ptr_array_add(c->children, first);
    if (second != NULL)
        g_ptr_array_add(c->children, second);
    return c;
}

struct check *check_add(struct check *c, struct check *child)
{
    g_ptr_array_add(c->children, child);
    return c;
}

/* ---- asking ---- */

static enum check_result ask(const struct check *c, const struct check_world *w, int depth);

/* Fills the right side in; '*ret' is the caller's to free if the result is ALLOW. */
static enum check_result match_text(const struct check *c, const struct check_world *w, char **ret)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < c->match->len; i++) {
        const struct piece *piece = &g_array_index(c->match, struct piece, i);
        g_autofree char *value = NULL;

        if (!piece->is_name) {
            g_string_append(text, piece->text);
            continue;
        }
        if (json_object_get(w->target, piece->text) == NULL)
            return CHECK_DENY;
        value = pytext_str(json_object_get(w->target, piece->text));
        if (value == NULL)
            return CHECK_BROKEN;
        g_string_append(text, value);
    }
    if (c->match_broken)
        return CHECK_BROKEN;
    *ret = g_string_free(g_steal_pointer(&text), FALSE);
    return CHECK_ALLOW;
}

static enum check_result ask_role(const struct check_world *w, const char *match)
{
    const json_t *roles = json_object_get(w->creds, "roles");
    g_autofree char *wanted = g_utf8_strdown(match, -1);
    enum check_result result = CHECK_DENY;
    const json_t *role;
    size_t i;

    if (roles == NULL)
        return CHECK_DENY;
    if (!json_is_array(roles))
        return CHECK_BROKEN;
    json_array_foreach(roles, i, role)
    {
        g_autofree char *name = NULL;
        if (!json_is_string(role))
            return CHECK_BROKEN;
        name = g_utf8_strdown(json_string_value(role), -1);
        if (strcmp(name, wanted) == 0)
            result = CHECK_ALLOW;
    }
    return result;
}

static enum check_result same(const json_t *value, const char *match)
{
    g_autofree char *text = pytext_str(value);

    if (text == NULL)
        return CHECK_BROKEN;
    return strcmp(text, match) == 0 ? CHECK_ALLOW : CHECK_DENY;
}

/* GenericCheck._find_in_dict */
static enum check_result find(const json_t *value, char *const *path, const char *match)
{
    const json_t *item;
    size_t i;

    if (*path == NULL)
        return same(value, match);
    if (!json_is_object(value))
        return CHECK_BROKEN;
    value = json_object_get(value, *path);
    if (value == NULL)
        return CHECK_DENY;
    if (!json_is_array(value))
        return find(value, path + 1, match);
    json_array_foreach(value, i, item)
    {
        enum check_result result = find(item, path + 1, match);
        if (result != CHECK_DENY)
            return result;
    }
    return CHECK_DENY;
}

/* ROLE, LITERAL, PATH and what has a broken left side. */
static enum check_result ask_match(const struct check *c, const struct check_world *w)
{
    g_autofree char *match = NULL;
    enum check_result result = match_text(c, w, &match);

    if (result != CHECK_ALLOW)
        return result;
    if (c->kind == KIND_ROLE)
        return ask_role(w, match);
    if (c->kind == KIND_LITERAL)
        return strcmp(c->text, match) == 0 ? CHECK_ALLOW : CHECK_DENY;
    if (c->kind == KIND_PATH)
        return find(w->creds, c->path, match);
    return CHECK_BROKEN;
}

static enum check_result ask_not(enum check_result result)
{
    switch (result) {
    case CHECK_DENY:
        return CHECK_ALLOW;
    case CHECK_ALLOW:
        return CHECK_DENY;
    case CHECK_BROKEN:
        break;
    }
    return CHECK_BROKEN;
}

/* AND goes on while children allow, OR while they deny; both end with that if none says otherwise.
 */
static enum check_result ask_children(const struct check *c, const struct check_world *w,
                                      enum check_result usual, int depth)
{
    for (guint i = 0; i < c->children->len; i++) {
        enum check_result result = ask(c->children->pdata[i], w, depth);
        if (result != usual)
            return result;
    }
    return usual;
}

static enum check_result ask(const struct check *c, const struct check_world *w, int depth)
{
    const struct check *rule;

    if (depth > CHECK_DEPTH_MAX)
        return CHECK_BROKEN;
    switch (c->kind) {
    case KIND_TRUE:
        return CHECK_ALLOW;
    case KIND_FALSE:
        return CHECK_DENY;
    case KIND_NOT:
        return ask_not(ask(c->children->pdata[0], w, depth + 1));
    case KIND_AND:
        return ask_children(c, w, CHECK_ALLOW, depth + 1);
    case KIND_OR:
        return ask_children(c, w, CHECK_DENY, depth + 1);
    case KIND_RULE:
        rule = w->rule(w->data, c->text);
        return rule != NULL ? ask(rule, w, depth + 1) : CHECK_DENY;
    case KIND_BROKEN:
        return c->match != NULL ? ask_match(c, w) : CHECK_BROKEN;
    case KIND_ROLE:
    case KIND_LITERAL:
    case KIND_PATH:
        return ask_match(c, w);
    }
    g_assert_not_reached();
}

enum check_result check_ask(const struct check *c, const struct check_world *w)
{
    return ask(c, w, 0);
}

void check_references(const struct check *c, void (*found)(void *data, const char *name),
                      void *data)
{
    if (c->kind == KIND_RULE)
        found(data, c->text);
    for (guint i = 0; c->children != NULL && i < c->children->len; i++)
        check_references(c->children->pdata[i], found, data);
}
