/* SPDX-License-Identifier: Apache-2.0 */
/* Resource keys: stable, distinct, fit for names. */
#include "model/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static char *key(const char *group, int64_t epoch, const char *drill, const char *subject,
                 const char *kind, const char *point)
{
    char k[KEY_SIZE];
    struct key_scope scope = {group, epoch, drill};
    key_make(&scope, subject, kind, point, k);
    return g_strdup(k);
}

/* Databases and clouds hold these: the form never changes. */
static void keys_never_change(void **state)
{
    (void)state;
    g_autofree char *k = key("pg-1", 3, NULL, "member-1", "server", NULL);
    g_autofree char *again = key("pg-1", 3, NULL, "member-1", "server", NULL);
    assert_string_equal(k, again);
    assert_string_equal(k, "b1ecf2a8f38662cca0ef7ba2");
}

static void every_part_counts(void **state)
{
    (void)state;
    char *keys[] = {
        key("pg-1", 3, NULL, "member-1", "server", NULL),
        key("pg-2", 3, NULL, "member-1", "server", NULL),
        key("pg-1", 4, NULL, "member-1", "server", NULL),
        key("pg-1", 3, "op-1", "member-1", "server", NULL),
        key("pg-1", 3, "op-2", "member-1", "server", NULL),
        key("pg-1", 3, NULL, "member-2", "server", NULL),
        key("pg-1", 3, NULL, "member-1", "port", NULL),
        key("pg-1", 3, NULL, "member-1", "server", "point-1"),
        key("pg-1", 3, NULL, "member-1", "server", ""),
        key("pg-1", 3, NULL, "member-1server", "", NULL), /* lengths count: no gluing */
        key("pg-13", 3, NULL, "member-1", "server", NULL),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        assert_true(key_valid(keys[i]));
        g_free(keys[i]);
    }
    /* of a drill the epoch is no part */
    g_autofree char *a = key("pg-1", 3, "op-1", "m", "server", NULL);
    g_autofree char *b = key("pg-1", 5, "op-1", "m", "server", NULL);
    assert_string_equal(a, b);
}

static void names(void **state)
{
    (void)state;
    g_autofree char *k = key("pg-1", 3, NULL, "member-1", "server", NULL);
    g_autofree char *name = key_name("server", k);
    char back[KEY_SIZE];
    assert_true(strlen(name) <= 63);
    assert_true(key_of_name(name, back));
    assert_string_equal(back, k);
    assert_false(key_of_name("protector-server-XYZ", back));
    assert_false(key_of_name("web-1", back));
    assert_false(key_of_name("other-server-0123456789abcdef01234567", back));
    assert_false(key_valid("0123456789ABCDEF01234567"));
    assert_false(key_valid(NULL));
    assert_false(key_valid("0123456789abcdef0123456g"));
    assert_false(key_valid("0123456789abcdef0123456"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_never_change),
        cmocka_unit_test(every_part_counts),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
