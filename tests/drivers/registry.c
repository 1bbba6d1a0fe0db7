/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - drivers found, refused and stood in for: registry MODULE_FOLDER.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/registry.h"

static const char *modules;

static void names_are_listed(void **state)
{
    AUTO(registry) all = registry_create(modules);
    AUTO(registry) lonely = registry_create(NULL);
    AUTO(registry) nowhere = registry_create("/nonexistent/folder");
    g_autofree char *names = registry_names(all);
    g_autofree char *builtin = registry_names(lonely);
    g_autofree char *same = registry_names(nowhere);

    (void)state;
    assert_non_null(strstr(names, "good"));
    assert_non_null(strstr(names, "mock"));
    assert_string_equal("mock", builtin);
    assert_string_equal("mock", same);
}

static void absent_driver_is_refused_with_the_list(void **state)
{
    AUTO(registry) r = registry_create(NULL);
    const struct protector_driver *driver = NULL;
    g_autoptr(err_t) e = registry_find(r, "pure", NULL, &driver);
    g_autofree char *text = err_text(e);

    (void)state;
    assert_string_equal("protector.driver.absent", err_code_text(e));
    assert_string_equal("storage driver 'pure' is not in this build; there are: mock", text);
    assert_string_equal("mock", err_detail_get(e, "drivers"));
    assert_null(driver);
}

static void absent_driver_has_a_stand_in(void **state)
{
    AUTO(registry) r = registry_create(NULL);
    const struct protector_driver *driver = NULL;
    const struct protector_driver *mock = NULL;
    g_autoptr(err_t) e = registry_find(r, "pure", NULL, &driver);
    struct protector_handle *handle = NULL;
    struct protector_error error = {0};

    (void)state;
    driver = registry_absent(r, "pure", e);
    assert_true(registry_is_absent(driver));
    assert_string_equal("pure", driver->name);
    assert_int_equal(PROTECTOR_UNSUPPORTED, driver->open(driver, NULL, NULL, &handle, &error));
    assert_non_null(strstr(error.message, "there are: mock"));
    assert_non_null(strstr(error.message, "driver_path"));
    assert_null(handle);
    assert_null(registry_find(r, "mock", NULL, &mock));
    assert_false(registry_is_absent(mock));
}

static void found_driver_is_complete_and_the_same(void **state)
{
    AUTO(registry) r = registry_create(modules);
    const struct protector_driver *a = NULL;
    const struct protector_driver *b = NULL;
    const struct protector_driver *c = NULL;

    (void)state;
    assert_null(registry_find(r, "mock", NULL, &a));
    assert_null(registry_find(r, "mock", "", &b));
    assert_null(registry_find(r, "mock", " log , fault", &c));
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_non_null(a->promote); /* answers, though mock has none */
    assert_int_equal(PROTECTOR_THREADS_ANY, a->threads);
    assert_string_equal("mock", c->name);
    assert_int_equal(a->can, c->can);
}

static void modules_are_judged(void **state)
{
    static const struct {
        const char *name;
        const char *code; /* NULL: taken */
        const char *words;
    } rows[] = {
        {"good", NULL, NULL},
        {"short", NULL, NULL},
        {"long", "protector.driver.abi", "newer than this engine"},
        {"abi", "protector.driver.abi", "speaks ABI 2"},
        {"liar", "protector.driver.abi", "calls itself 'honest'"},
        {"hole", "protector.driver.abi", "lacks the verb 'health'"},
        {"promise", "protector.driver.abi", "lacks the verb 'fence'"},
        {"empty", "protector.driver.abi", "has no protector_driver_entry"},
        {"../good", "protector.driver.absent", "not in this build"},
        {"Good", "protector.driver.absent", "not in this build"},
        {"", "protector.driver.absent", "not in this build"},
    };
    AUTO(registry) r = registry_create(modules);

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const struct protector_driver *driver = NULL;
        g_autoptr(err_t) e = registry_find(r, rows[i].name, NULL, &driver);

        if (rows[i].code == NULL) {
            assert_null(e);
            assert_string_equal(rows[i].name, driver->name);
            continue;
        }
        assert_non_null(e);
        assert_string_equal(rows[i].code, err_code_text(e));
        assert_non_null(strstr(err_message(e), rows[i].words));
        assert_null(driver);
    }
}

static void older_module_lacks_newer_verbs_only(void **state)
{
    AUTO(registry) r = registry_create(modules);
    const struct protector_driver *driver = NULL;
    struct protector_handle *handle = NULL;
    struct protector_group group = {.id = "pg-1"};
    struct protector_call call = {.group = &group, .budget_ms = 1};
    struct protector_tag tag = {.epoch = 1};
    struct protector_error error;

    (void)state;
    assert_null(registry_find(r, "short", NULL, &driver));
    assert_int_equal(PROTECTOR_OK, driver->open(driver, NULL, NULL, &handle, &error));
    assert_int_equal(PROTECTOR_OK, driver->group_ensure(handle, &call, &error));
    assert_int_equal(PROTECTOR_UNSUPPORTED, driver->tag_set(handle, &call, &tag, &error));
    driver->close(handle);
}

static void unknown_filters_are_refused(void **state)
{
    AUTO(registry) r = registry_create(NULL);
    const struct protector_driver *driver = NULL;
    g_autoptr(err_t) e = registry_find(r, "mock", "log,nonsense", &driver);
    g_autoptr(err_t) many =
        registry_find(r, "mock", "log,log,log,log,log,log,log,log,log", &driver);

    (void)state;
    assert_true(err_is(e, ERR_CONFIG));
    assert_non_null(strstr(err_message(e), "'nonsense' is no filter"));
    assert_true(err_is(many, ERR_CONFIG));
    assert_null(driver);
}

static void options_are_told(void **state)
{
    int known = 0;

    (void)state;
    for (size_t i = 0; i < registry_option_tables(); i++)
        for (const struct protector_option *o = registry_option_table(i); o && o->name; o++)
            known += strcmp(o->name, "mock_storage_dir") == 0 ||
                     strcmp(o->name, "filter_fault_file") == 0;
    assert_int_equal(2, known);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_listed),
        cmocka_unit_test(absent_driver_is_refused_with_the_list),
        cmocka_unit_test(absent_driver_has_a_stand_in),
        cmocka_unit_test(found_driver_is_complete_and_the_same),
        cmocka_unit_test(modules_are_judged),
        cmocka_unit_test(older_module_lacks_newer_verbs_only),
        cmocka_unit_test(unknown_filters_are_refused),
        cmocka_unit_test(options_are_told),
    };

    modules = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
