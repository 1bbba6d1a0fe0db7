/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden - compares a text with a file of tests/plans, line by line.  A difference fails and is
 * shown as a diff; PLANS_WRITE=1 in the environment writes the files anew instead: an explicit act,
 * to be read in the commit.  For the programs in this folder only.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"

#include <glib/gstdio.h>

static inline void check_ok(err_t *e, const char *file, int line)
{
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    err_free(e);
    print_error("%s\n", text);
    _fail(file, line);
}
#define OK(expr) check_ok((expr), __FILE__, __LINE__)

/* JSON with ' for ". */
static inline json_t *json_of(const char *text)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    json_t *j = NULL;
    OK(json_parse(quoted, strlen(quoted), text, &j));
    return j;
}

static inline char *golden_path(const char *name)
{
    g_autofree char *file = g_strconcat(name, ".txt", NULL);
    return g_build_filename(g_getenv("SOURCE_ROOT"), "tests", "plans", file, NULL);
}

/* Length of the longest common subsequence of a[i..] and b[k..], for all i and k. */
static inline guint *golden_common(char **a, guint na, char **b, guint nb)
{
    guint *t = g_new0(guint, (gsize)(na + 1) * (nb + 1));
    for (guint i = na; i-- > 0;) {
        for (guint k = nb; k-- > 0;) {
            guint *here = &t[i * (nb + 1) + k];
            if (g_str_equal(a[i], b[k]))
                *here = 1 + t[(i + 1) * (nb + 1) + k + 1];
            else
                *here = MAX(t[(i + 1) * (nb + 1) + k], t[i * (nb + 1) + k + 1]);
        }
    }
    return t;
}

/* Lines only in 'expected' with "-", only in 'got' with "+", the others not at all. */
static inline char *golden_diff(const char *expected, const char *got)
{
    g_auto(GStrv) a = g_strsplit(expected, "\n", -1);
    g_auto(GStrv) b = g_strsplit(got, "\n", -1);
    guint na = g_strv_length(a), nb = g_strv_length(b), i = 0, k = 0;
    g_autofree guint *t = golden_common(a, na, b, nb);
    GString *out = g_string_new(NULL);
    while (i < na || k < nb) {
        if (i < na && k < nb && g_str_equal(a[i], b[k])) {
            i++, k++;
        } else if (k >= nb || (i < na && t[(i + 1) * (nb + 1) + k] >= t[i * (nb + 1) + k + 1])) {
            g_string_append_printf(out, "%5u  -%s\n", i + 1, a[i]);
            i++;
        } else {
            g_string_append_printf(out, "%5u  +%s\n", k + 1, b[k]);
            k++;
        }
    }
    return g_string_free(out, FALSE);
}

/* True if the file says the same; else the difference is printed. */
static inline bool golden_same(const char *name, const char *got)
{
    g_autofree char *path = golden_path(name);
    g_autofree char *expected = NULL;
    if (g_strcmp0(g_getenv("PLANS_WRITE"), "1") == 0) {
        assert_true(g_file_set_contents(path, got, -1, NULL));
        return true;
    }
    if (!g_file_get_contents(path, &expected, NULL, NULL))
        expected = g_strdup("");
    if (g_str_equal(expected, got))
        return true;
    g_autofree char *diff = golden_diff(expected, got);
    g_auto(GStrv) lines = g_strsplit(diff, "\n", -1);
    print_error("%s differs (PLANS_WRITE=1 accepts it):\n", path);
    for (guint i = 0; lines[i] != NULL; i++)
        print_error("%s\n", lines[i]);
    return false;
}
