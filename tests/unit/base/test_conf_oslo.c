/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf against Debian's python3-oslo.config: the same random files and environments are read by
 * both, and every option must have the same value, or both must refuse the case.
 *
 * Files are put together from lines that are mostly right and sometimes wrong.  Left out on
 * purpose, because we differ: empty numbers (ours takes the default), numbers with units or '_'
 * (ours takes units, Python '_'), references to lists (Python prints ['a']) and to DEFAULT by name
 * (oslo refuses), and broken encodings.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/wait.h>
#include <string.h>

#include "base/conf.h"
#include "base/json.h"

#define CASES_COUNT  600
#define SEED         20
#define SKIP_EXIT    77
#define AGREEING_MIN 100 /* of both kinds, or the generator is worth nothing */

static const char *const type_names[] = {
    [CONF_STRING] = "string", [CONF_SECRET] = "secret", [CONF_INT] = "int",
    [CONF_BOOL] = "bool",     [CONF_LIST] = "list",
};

static const char *pick(GRand *random, const char *const *from, size_t count)
{
    return from[g_rand_int_range(random, 0, (gint32)count)];
}
#define PICK(random, array) pick(random, array, G_N_ELEMENTS(array))

/* ---- random files ---- */

static const char *const strings[] = {
    "x",
    "a b",
    "\"q w\"",
    "'q'",
    "'open",
    "a # b",
    "x=y:z",
    "$$",
    "\\$d",
    "é",
    "${",
    "$",
    "http://h:5000/v3",
    "'  in  '",
    "x${debug}y",
    "$storage.driver",
    "${api.bind_host}",
    "$api.workers",
    "-$debug-",
    "$1",
    "\"a\"\"b\"",
    "\\",
};
static const char *const wrong_strings[] = {
    "$nope",    "$api.nope", "$nope.x", "$api",      "${bind_port.}", "$password.",
    "$log_dir", "",          "\"",      "$username", "$state_path/z"};
static const char *const numbers[] = {"+5", "007", " 60", "'50'", "$api.workers"};
static const char *const wrong_numbers[] = {"x",    "-7",  "99999999", "1.0",
                                            "0x10", "1 2", "--1",      "$bind_port"};
static const char *const truths[] = {"true", "FALSE", "1", "0", "Yes", "no", "on", "off", "$debug"};
static const char *const wrong_truths[] = {"", "y", "2", " maybe", "tru"};
static const char *const lists[] = {"a", "a,b", " a , b ", "a,,b,", "$debug,x", "a\n b"};
static const char *const wrong_lists[] = {",", "", "$nope", " , "};
static const char *const noise[] = {
    "# comment = x", "; other", "", "   ", "\t", "#", "[unheard]", "[oslo_messaging_rabbit]"};
static const char *const broken[] = {"nonsense", "= 5", "[api", "[]", "  odd continuation", ": 5"};
static const char *const more_lines[] = {"  more", "\tmore still ", "  # not a comment", "  $$"};
static const char *const signs[] = {"=", " = ", ":", " : ", "=  "};
static const char *const breaks[] = {"\n", "\n", "\n", "\r\n"};
static const char *const sites[] = {"b", "site-c"};

static const char *random_value(GRand *random, const struct conf_option *option)
{
    bool wrong = g_rand_int_range(random, 0, 100) == 0;
    switch (option->type) {
    case CONF_INT:
        if (option->min > 1 && !wrong)
            return option->fallback;
        return wrong ? PICK(random, wrong_numbers) : PICK(random, numbers);
    case CONF_BOOL:
        return wrong ? PICK(random, wrong_truths) : PICK(random, truths);
    case CONF_LIST:
        return wrong ? PICK(random, wrong_lists) : PICK(random, lists);
    case CONF_STRING:
    case CONF_SECRET:
        if (option->choices != NULL && !wrong)
            return option->fallback;
        return wrong ? PICK(random, wrong_strings) : PICK(random, strings);
    }
    g_assert_not_reached();
}

static char *random_section(GRand *random, const struct conf_option *option)
{
    bool capitals = g_rand_int_range(random, 0, 8) == 0;
    if (strcmp(option->section, "site:") == 0)
        return g_strconcat("site:", PICK(random, sites), NULL);
    if (capitals && strcmp(option->section, "DEFAULT") != 0)
        return g_ascii_strup(option->section, -1);
    return g_strdup(option->section);
}

static void append_random_lines(GRand *random, GString *out, const struct conf_option *option)
{
    const char *end = PICK(random, breaks);
    const char *sign = PICK(random, signs);
    const char *value = random_value(random, option);
    int dice = g_rand_int_range(random, 0, 300);
    g_string_append_printf(out, "%s%s%s%s", option->name, sign, value, end);
    if (dice < 6 && option->type == CONF_STRING)
        g_string_append_printf(out, "%s%s", PICK(random, more_lines), end);
    else if (dice < 40)
        g_string_append_printf(out, "%s%s", PICK(random, noise), end);
    else if (dice == 299)
        g_string_append_printf(out, "%s%s", PICK(random, broken), end);
}

static char *random_file(GRand *random)
{
    GString *out = g_string_new(NULL);
    for (int n = g_rand_int_range(random, 1, 7); n > 0; n--) {
        gint32 first = g_rand_int_range(random, 0, (gint32)conf_options_count);
        const char *pattern = conf_options[first].section;
        g_autofree char *section = random_section(random, &conf_options[first]);
        g_string_append_printf(out, "[%s]%s", section, PICK(random, breaks));
        for (size_t i = 0; i < conf_options_count; i++)
            if (strcmp(conf_options[i].section, pattern) == 0 &&
                g_rand_int_range(random, 0, 3) == 0)
                append_random_lines(random, out, &conf_options[i]);
    }
    return g_string_free(out, FALSE);
}

static json_t *random_environment(GRand *random)
{
    json_t *env = json_object();
    for (int n = g_rand_int_range(random, 0, 3); n > 0; n--) {
        gint32 row = g_rand_int_range(random, 0, (gint32)conf_options_count);
        g_autofree char *section = random_section(random, &conf_options[row]);
        g_autofree char *name = g_strdup_printf("OS_%s__%s", section, conf_options[row].name);
        g_autofree char *upper = g_ascii_strup(name, -1);
        json_set_str(env, upper, random_value(random, &conf_options[row]));
    }
    return env;
}

static json_t *random_case(GRand *random)
{
    json_t *j = json_object();
    json_t *files = json_array();
    for (int n = g_rand_int_range(random, 1, 3); n > 0; n--) {
        g_autofree char *text = random_file(random);
        json_array_append_new(files, json_string(text));
    }
    json_set(j, "files", files);
    json_set(j, "env", random_environment(random));
    json_t *names = json_array();
    for (size_t i = 0; i < G_N_ELEMENTS(sites); i++)
        json_array_append_new(names, json_string(sites[i]));
    json_set(j, "sites", names);
    return j;
}

/* ---- our side ---- */

static const char *lookup(void *data, const char *name)
{
    return json_str(data, name);
}

static json_t *value_json(const struct conf *conf, const struct conf_option *o, const char *section)
{
    switch (o->type) {
    case CONF_INT:
        return json_integer(conf_int(conf, section, o->name));
    case CONF_BOOL:
        return json_boolean(conf_bool(conf, section, o->name));
    case CONF_LIST: {
        json_t *list = json_array();
        for (char *const *item = conf_list(conf, section, o->name); *item != NULL; item++)
            json_array_append_new(list, json_string(*item));
        return list;
    }
    case CONF_STRING:
    case CONF_SECRET: {
        const char *text = conf_str(conf, section, o->name);
        return text != NULL ? json_string(text) : json_null();
    }
    }
    g_assert_not_reached();
}

static void add_values(const struct conf *conf, const struct conf_option *o, json_t *ret)
{
    bool pattern = strcmp(o->section, "site:") == 0;
    for (size_t i = 0; i < (pattern ? G_N_ELEMENTS(sites) : 1); i++) {
        g_autofree char *section = g_strconcat(o->section, pattern ? sites[i] : NULL, NULL);
        g_autofree char *key = g_strdup_printf("%s %s", section, o->name);
        json_set(ret, key, value_json(conf, o, section));
    }
}

/* The values, or null if the case is refused. */
static json_t *run_case(json_t *test)
{
    AUTO(conf) conf = conf_create(lookup, json_obj(test, "env"));
    json_t *files = json_arr(test, "files");
    g_autoptr(err_t) e = NULL;
    for (size_t i = 0; i < json_array_size(files) && e == NULL; i++) {
        const char *text = json_string_value(json_array_get(files, i));
        e = conf_parse(conf, text, strlen(text), "f");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(sites) && e == NULL; i++) {
        g_autofree char *text = g_strdup_printf("[site:%s]", sites[i]); /* as the peer registers */
        e = conf_parse(conf, text, strlen(text), "sites");
    }
    if (e == NULL)
        e = conf_check(conf);
    if (e != NULL)
        return json_null();
    json_t *values = json_object();
    for (size_t i = 0; i < conf_options_count; i++)
        add_values(conf, &conf_options[i], values);
    return values;
}

/* ---- the peer's side ---- */

static json_t *option_rows(void)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < conf_options_count; i++) {
        const struct conf_option *o = &conf_options[i];
        json_t *row = json_object();
        json_set_str(row, "section", o->section);
        json_set_str(row, "name", o->name);
        json_set_str(row, "type", type_names[o->type]);
        json_set_str(row, "default", o->fallback);
        json_set_int(row, "min", o->min);
        json_set_int(row, "max", o->max);
        json_set_str(row, "choices", o->choices);
        json_array_append_new(rows, row);
    }
    return rows;
}

/* What oslo.config makes of the cases; NULL if it is not installed. */
static json_t *ask_peer(json_t *cases)
{
    g_autoptr(json_t) work = json_object();
    json_set(work, "options", option_rows());
    json_set(work, "cases", json_incref(cases));
    g_autofree char *text = json_print(work);
    g_autofree char *folder = g_dir_make_tmp("oslo-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "work.json", NULL);
    g_autofree char *script =
        g_build_filename(g_getenv("SOURCE_ROOT"), "tests/unit/base/oslo_config_peer.py", NULL);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    char *argv[] = {(char *)"/usr/bin/python3", script, path, NULL};
    g_autofree char *out = NULL;
    int status = 0;
    bool ran =
        g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, &status, NULL);
    g_unlink(path);
    g_rmdir(folder);
    if (!ran || g_spawn_check_wait_status(status, NULL) == FALSE) {
        if (ran && WIFEXITED(status) && WEXITSTATUS(status) != SKIP_EXIT)
            fail_msg("oslo_config_peer.py failed with status %d", status);
        return NULL;
    }
    json_t *answers = NULL;
    g_autoptr(err_t) e = json_parse(out, strlen(out), "the peer's answer", &answers);
    assert_null(e);
    return answers;
}

static void compare(json_t *test, const json_t *ours, const json_t *theirs)
{
    if (json_equal(ours, theirs))
        return;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)ours, key, value)
    {
        g_autofree char *a = json_print(value);
        g_autofree char *b = json_print(json_object_get(theirs, key));
        if (json_is_object(theirs) && strcmp(a, b) != 0)
            print_error("[%s]: ours %s, oslo.config's %s\n", key, a, b);
    }
    g_autofree char *text = json_print_pretty(test);
    fail_msg("ours is %s, oslo.config's is %s, for %s", json_is_null(ours) ? "refused" : "accepted",
             json_is_null(theirs) ? "refused" : "accepted", text);
}

static void test_against_oslo(void **state G_GNUC_UNUSED)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(SEED);
    g_autoptr(json_t) cases = json_array();
    for (int i = 0; i < CASES_COUNT; i++)
        json_array_append_new(cases, random_case(random));
    g_autoptr(json_t) answers = ask_peer(cases);
    if (answers == NULL) {
        printf("SKIP: python3-oslo.config is not installed, nothing was compared\n");
        skip();
    }
    assert_int_equal(json_array_size(answers), CASES_COUNT);
    int refused = 0;
    for (size_t i = 0; i < CASES_COUNT; i++) {
        json_t *test = json_array_get(cases, i);
        g_autoptr(json_t) ours = run_case(test);
        refused += json_is_null(ours);
        compare(test, ours, json_array_get(answers, i));
    }
    printf("%d files: %d accepted and %d refused by both\n", CASES_COUNT, CASES_COUNT - refused,
           refused);
    assert_in_range(refused, AGREEING_MIN, CASES_COUNT - AGREEING_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_oslo)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
