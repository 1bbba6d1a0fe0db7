/* SPDX-License-Identifier: Apache-2.0 */
/* keyfile: modes, owners, races, damaged files, and marks that never go back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/keyfile.h"

#define RACERS_COUNT 8
#define RAISES_COUNT 25

static const char incarnation[] = "5f4d0a52-6f5c-4f0b-8a53-0c1f1f6b7e11";
static const char site[] = "5f4d0a52-6f5c-4f0b-8a53-0c1f1f6b7e10";
static const char another[] = "5f4d0a52-6f5c-4f0b-8a53-0c1f1f6b7e12";

static int setup(void **state)
{
    *state = g_dir_make_tmp("keyfile-XXXXXX", NULL);
    return *state == NULL;
}

static GPtrArray *names_in(const char *dir)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) handle = g_dir_open(dir, 0, NULL);
    for (const char *n = g_dir_read_name(handle); n != NULL; n = g_dir_read_name(handle))
        g_ptr_array_add(names, g_strdup(n));
    return names;
}

static int teardown(void **state)
{
    g_autofree char *dir = *state;
    g_autoptr(GPtrArray) names = names_in(dir);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir, g_ptr_array_index(names, i), NULL);
        g_remove(path);
    }
    return g_rmdir(dir);
}

static void assert_mode(const char *dir, const char *name, mode_t mode)
{
    struct stat st;
    g_autofree char *path = g_build_filename(dir, name, NULL);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void set_mode(const char *dir, const char *name, int mode)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    assert_int_equal(g_chmod(path, mode), 0);
}

/* The code of the error, which is freed; ERR_COUNT for success. */
static enum err_code code_of(err_t *e)
{
    enum err_code code = e != NULL ? err_code(e) : ERR_COUNT;
    err_free(e);
    return code;
}

static void test_create_read_replace(void **state)
{
    const char *dir = *state;
    char *text = NULL;
    mode_t old = umask(0);
    assert_int_equal(code_of(keyfile_create(&env_system, dir, "f", "one")), ERR_COUNT);
    assert_int_equal(code_of(keyfile_create(&env_system, dir, "f", "two")), ERR_CONFLICT);
    umask(0777);
    assert_int_equal(code_of(keyfile_replace(&env_system, dir, "g", "three")), ERR_COUNT);
    assert_int_equal(code_of(keyfile_replace(&env_system, dir, "g", "four")), ERR_COUNT);
    umask(old);
    assert_mode(dir, "f", 0600);
    assert_mode(dir, "g", 0600);
    assert_int_equal(code_of(keyfile_read(dir, "f", &text)), ERR_COUNT);
    assert_string_equal(text, "one");
    secret_free(text);
    assert_int_equal(code_of(keyfile_read(dir, "g", &text)), ERR_COUNT);
    assert_string_equal(text, "four");
    secret_free(text);
    g_autoptr(GPtrArray) names = names_in(dir);
    assert_int_equal(names->len, 2); /* no temporary file is left */
}

static void test_open_modes_are_refused(void **state)
{
    static const int modes[] = {0604, 0640, 0620, 0602, 0601, 0644, 0666, 0610};
    const char *dir = *state;
    char *text = NULL;
    assert_int_equal(code_of(keyfile_create(&env_system, dir, "f", "hidden")), ERR_COUNT);
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        set_mode(dir, "f", modes[i]);
        g_autoptr(err_t) e = keyfile_read(dir, "f", &text);
        g_autofree char *mode = g_strdup_printf("/f' has mode %04o", (unsigned)modes[i]);
        assert_int_equal(err_code(e), ERR_CONFIG);
        assert_non_null(strstr(err_message(e), mode));
        assert_non_null(strstr(err_remedy_text(e), "chmod 0600"));
        assert_null(strstr(err_message(e), "hidden"));
    }
    set_mode(dir, "f", 0400);
    assert_int_equal(code_of(keyfile_read(dir, "f", &text)), ERR_COUNT);
    secret_free(text);
}

static void test_what_cannot_be_read(void **state)
{
    const char *dir = *state;
    char *text = NULL;
    g_autofree char *folder = g_build_filename(dir, "folder", NULL);
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
    g_autofree char *large = g_strnfill(KEYFILE_SIZE_MAX + 1, 'x');
    g_autofree char *path = g_build_filename(dir, "nul", NULL);
    assert_int_equal(code_of(keyfile_read(dir, "absent", &text)), ERR_NOT_FOUND);
    assert_int_equal(g_mkdir(folder, 0700), 0);
    assert_int_equal(code_of(keyfile_read(dir, "folder", &text)), ERR_CONFIG);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(code_of(keyfile_read(dir, "fifo", &text)), ERR_CONFIG);
    assert_int_equal(code_of(keyfile_create(&env_system, dir, "large", large)), ERR_COUNT);
    assert_int_equal(code_of(keyfile_read(dir, "large", &text)), ERR_CONFIG);
    assert_true(g_file_set_contents_full(path, "a\0b", 3, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    assert_int_equal(code_of(keyfile_read(dir, "nul", &text)), ERR_CONFIG);
    g_autoptr(err_t) e = keyfile_read("/nonexistent", "f", &text);
    assert_int_equal(err_code(e), ERR_CONFIG);
    assert_non_null(strstr(err_remedy_text(e), "install -d"));
    g_autoptr(err_t) e2 = keyfile_create(&env_system, "/nonexistent", "f", "x");
    assert_int_equal(err_code(e2), ERR_CONFIG);
    g_rmdir(folder);
}

static void test_root_gives_files_to_the_owner_of_the_directory(void **state)
{
    const char *dir = *state;
    struct stat st;
    unsigned char key[REST_KEY_SIZE];
    AUTO(marks) marks = marks_create(site, incarnation, 1);
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(dir, 12345, 23456), 0);
    assert_int_equal(code_of(keyfile_rest(&env_system, dir, true, key)), ERR_COUNT);
    assert_int_equal(code_of(keyfile_marks_raise(&env_system, dir, marks)), ERR_COUNT);
    g_autoptr(GPtrArray) names = names_in(dir);
    assert_int_equal(names->len, 3);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(dir, g_ptr_array_index(names, i), NULL);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_uid, 12345);
        assert_int_equal(st.st_gid, 23456);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
}

/* What a child without rights finds, as the text of its error; run as 'nobody'. */
static void test_no_rights(void **state)
{
    const char *dir = *state;
    unsigned char key[REST_KEY_SIZE];
    if (geteuid() != 0)
        skip();
    assert_int_equal(code_of(keyfile_rest(&env_system, dir, true, key)), ERR_COUNT);
    assert_int_equal(g_chmod(dir, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(9);
        err_t *read_error = keyfile_rest(&env_system, dir, true, key);
        err_t *make_error = keyfile_create(&env_system, dir, "f", "x");
        bool ok = read_error != NULL && err_code(read_error) == ERR_CONFIG &&
                  strstr(err_message(read_error), "Permission denied") != NULL &&
                  strstr(err_remedy_text(read_error), "chown") != NULL && make_error != NULL &&
                  err_code(make_error) == ERR_CONFIG;
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_rest_key(void **state)
{
    const char *dir = *state;
    unsigned char key[REST_KEY_SIZE], again[REST_KEY_SIZE];
    g_autoptr(err_t) e = keyfile_rest(&env_system, dir, false, key);
    assert_int_equal(err_code(e), ERR_NOT_FOUND);
    assert_non_null(strstr(err_remedy_text(e), "copy 'encryption.key' from another controller"));
    assert_int_equal(code_of(keyfile_rest(&env_system, dir, true, key)), ERR_COUNT);
    assert_int_equal(code_of(keyfile_rest(&env_system, dir, true, again)), ERR_COUNT);
    assert_memory_equal(key, again, sizeof key);
    assert_int_equal(code_of(keyfile_rest(&env_system, dir, false, again)), ERR_COUNT);
    assert_mode(dir, KEYFILE_REST, 0600);
    char *text = NULL;
    assert_int_equal(code_of(keyfile_read(dir, KEYFILE_REST, &text)), ERR_COUNT);
    assert_int_equal(strlen(text), 45); /* base64 of 32 bytes, and a line break */
    secret_free(text);
}

static void test_damaged_keys(void **state)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "AAAA",
                                        "not base64 at all, but long enough ______",
                                        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
                                        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZnaA=="};
    const char *dir = *state;
    unsigned char key[REST_KEY_SIZE];
    struct keypairs *keys = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        assert_int_equal(code_of(keyfile_replace(&env_system, dir, KEYFILE_REST, texts[i])),
                         ERR_COUNT);
        assert_int_equal(code_of(keyfile_rest(&env_system, dir, true, key)), ERR_CONFIG);
        assert_int_equal(code_of(keyfile_replace(&env_system, dir, KEYFILE_SITE, texts[i])),
                         ERR_COUNT);
        assert_int_equal(code_of(keyfile_site(&env_system, dir, true, &keys)), ERR_CONFIG);
        assert_null(keys);
    }
}

static void test_site_keys(void **state)
{
    const char *dir = *state;
    AUTO(keypairs) keys = NULL;
    AUTO(keypairs) again = NULL;
    struct keypairs *none = NULL;
    assert_int_equal(code_of(keyfile_site(&env_system, dir, false, &none)), ERR_NOT_FOUND);
    assert_int_equal(code_of(keyfile_site(&env_system, dir, true, &keys)), ERR_COUNT);
    assert_int_equal(code_of(keyfile_site(&env_system, dir, false, &again)), ERR_COUNT);
    assert_string_equal(keypairs_fingerprint(keys), keypairs_fingerprint(again));
    assert_mode(dir, KEYFILE_SITE, 0600);
}

/* New keys follow those that are there; there is no other way to them. */
static void test_rotate(void **state)
{
    const char *dir = *state;
    AUTO(keypairs) first = NULL;
    AUTO(keypairs) second = NULL;
    AUTO(keypairs) read = NULL;
    struct keypairs *none = NULL;
    assert_int_equal(code_of(keyfile_site_rotate(&env_system, dir, site, &none)), ERR_NOT_FOUND);
    assert_int_equal(code_of(keyfile_site(&env_system, dir, true, &first)), ERR_COUNT);
    assert_int_equal(code_of(keyfile_site_rotate(&env_system, dir, site, &second)), ERR_COUNT);
    assert_string_not_equal(keypairs_fingerprint(first), keypairs_fingerprint(second));
    assert_true(keypairs_were(second, keypairs_fingerprint(first)));
    assert_int_equal(code_of(keyfile_site(&env_system, dir, false, &read)), ERR_COUNT);
    assert_string_equal(keypairs_fingerprint(read), keypairs_fingerprint(second));
    assert_mode(dir, KEYFILE_SITE, 0600);
}

/* Runs 'body' in RACERS_COUNT processes at once; all must succeed. */
static void race(const char *dir, bool (*body)(const char *dir, int number))
{
    pid_t children[RACERS_COUNT];
    for (int i = 0; i < RACERS_COUNT; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(body(dir, i) ? 0 : 1);
    }
    for (int i = 0; i < RACERS_COUNT; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}

/* Makes the key, and writes what it got into a file of its own. */
static bool obtain_key(const char *dir, int number)
{
    unsigned char key[REST_KEY_SIZE];
    char id[REST_KEY_ID_SIZE];
    g_autofree char *name = g_strdup_printf("got-%d", number);
    if (code_of(keyfile_rest(&env_system, dir, true, key)) != ERR_COUNT)
        return false;
    rest_key_id(key, id);
    return code_of(keyfile_create(&env_system, dir, name, id)) == ERR_COUNT;
}

static void test_racing_starts_get_one_key(void **state)
{
    const char *dir = *state;
    unsigned char key[REST_KEY_SIZE];
    char id[REST_KEY_ID_SIZE];
    race(dir, obtain_key);
    assert_int_equal(code_of(keyfile_rest(&env_system, dir, false, key)), ERR_COUNT);
    rest_key_id(key, id);
    for (int i = 0; i < RACERS_COUNT; i++) {
        g_autofree char *name = g_strdup_printf("got-%d", i);
        char *got = NULL;
        assert_int_equal(code_of(keyfile_read(dir, name, &got)), ERR_COUNT);
        assert_string_equal(got, id);
        secret_free(got);
    }
}

static bool rotate_once(const char *dir, int number G_GNUC_UNUSED)
{
    AUTO(keypairs) now = NULL;
    return code_of(keyfile_site_rotate(&env_system, dir, site, &now)) == ERR_COUNT;
}

/* Each follows the one before: no key is lost between two. */
static void test_racing_rotations(void **state)
{
    const char *dir = *state;
    AUTO(keypairs) first = NULL;
    AUTO(keypairs) last = NULL;
    assert_int_equal(code_of(keyfile_site(&env_system, dir, true, &first)), ERR_COUNT);
    race(dir, rotate_once);
    assert_int_equal(code_of(keyfile_site(&env_system, dir, false, &last)), ERR_COUNT);
    assert_int_equal(keypairs_former(last), RACERS_COUNT);
    assert_true(keypairs_were(last, keypairs_fingerprint(first)));
}

static bool raised(const char *dir, const char *of, int64_t counter, enum err_code *ret)
{
    AUTO(marks) marks = marks_create(site, of, counter);
    *ret = code_of(keyfile_marks_raise(&env_system, dir, marks));
    return *ret == ERR_COUNT;
}

static void assert_marks(const char *dir, const char *of, int64_t counter)
{
    AUTO(marks) now = NULL;
    assert_int_equal(code_of(keyfile_marks(dir, &now)), ERR_COUNT);
    assert_string_equal(now->incarnation, of);
    assert_int_equal(now->counter, counter);
}

static void test_marks(void **state)
{
    const char *dir = *state;
    enum err_code code;
    AUTO(marks) restored = marks_create(site, another, 1);
    assert_marks(dir, "", 0);
    assert_true(raised(dir, incarnation, 7, &code));
    assert_true(raised(dir, incarnation, 5, &code));
    assert_marks(dir, incarnation, 7);
    assert_false(raised(dir, another, 9, &code));
    assert_int_equal(code, ERR_FENCED);
    assert_marks(dir, incarnation, 7);
    assert_int_equal(code_of(keyfile_marks_set(&env_system, dir, restored)), ERR_COUNT);
    assert_marks(dir, another, 1);
    assert_mode(dir, KEYFILE_MARKS, 0600);
}

static void assert_epochs(const char *dir, const char *group, int64_t minted, int64_t floor)
{
    AUTO(marks) now = NULL;
    int64_t has_minted, has_floor;
    assert_int_equal(code_of(keyfile_marks(dir, &now)), ERR_COUNT);
    marks_epochs(now, group, &has_minted, &has_floor);
    assert_int_equal(has_minted, minted);
    assert_int_equal(has_floor, floor);
}

/* What is known of a group never falls, also where the counter stays or the incarnation is new. */
static void test_epochs(void **state)
{
    const char *dir = *state;
    AUTO(marks) high = marks_create(site, incarnation, 1);
    AUTO(marks) low = marks_create(site, incarnation, 1);
    AUTO(marks) reborn = marks_create(site, another, 0);
    marks_epochs_raise(high, "pg-1", 7, 5);
    marks_epochs_raise(low, "pg-1", 3, 6);
    marks_epochs_raise(low, "pg-2", 2, 0);
    marks_epochs_raise(low, "pg-2", 1, 0);
    assert_int_equal(code_of(keyfile_marks_raise(&env_system, dir, high)), ERR_COUNT);
    assert_epochs(dir, "pg-1", 7, 5);
    assert_int_equal(code_of(keyfile_marks_raise(&env_system, dir, low)), ERR_COUNT);
    assert_epochs(dir, "pg-1", 7, 6);
    assert_epochs(dir, "pg-2", 2, 0);
    assert_epochs(dir, "pg-3", 0, 0);
    assert_int_equal(code_of(keyfile_marks_set(&env_system, dir, reborn)), ERR_COUNT);
    assert_epochs(dir, "pg-1", 7, 6);
    assert_marks(dir, another, 0);
}

static void test_damaged_marks(void **state)
{
#define SITE "\"site\": \"5f4d0a52-6f5c-4f0b-8a53-0c1f1f6b7e11\", "
    static const char *const texts[] = {
        "",
        "{}",
        "{" SITE "\"incarnation\": \"1-a\", \"counter\": 1}",
        "{" SITE "\"incarnation\": \"\", \"counter\": 1, \"epochs\": {}}",
        "{" SITE "\"incarnation\": \"1-a\", \"counter\": -1, \"epochs\": {}}",
        "{" SITE "\"incarnation\": \"1-a\", \"counter\": \"1\", \"epochs\": {}}",
        "{" SITE "\"incarnation\": \"1-a\", \"counter\": 1, \"epochs\": []}",
        "{" SITE "\"incarnation\": \"1-a\", \"counter\": 1, \"epochs\": {\"pg-1\": [1]}}",
        "{" SITE "\"incarnation\": \"1-a\", \"counter\": 1, \"epochs\": {\"pg-1\": [1, \"2\"]}}",
        "{\"site\": \"x\", \"incarnation\": \"1-a\", \"counter\": 1, \"epochs\": {}}",
    };
    const char *dir = *state;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        AUTO(marks) now = NULL;
        enum err_code code;
        assert_int_equal(code_of(keyfile_replace(&env_system, dir, KEYFILE_MARKS, texts[i])),
                         ERR_COUNT);
        assert_int_equal(code_of(keyfile_marks(dir, &now)), ERR_CONFIG);
        assert_false(raised(dir, incarnation, 7, &code));
        assert_int_equal(code, ERR_CONFIG);
    }
}

static bool raise_marks(const char *dir, int number)
{
    for (int i = 0; i < RAISES_COUNT; i++) {
        AUTO(marks) now = NULL;
        enum err_code code;
        int64_t mine = i * RACERS_COUNT + number;
        if (!raised(dir, incarnation, mine, &code) ||
            code_of(keyfile_marks(dir, &now)) != ERR_COUNT || now->counter < mine)
            return false;
    }
    return true;
}

static void test_marks_never_go_back_in_a_race(void **state)
{
    const char *dir = *state;
    race(dir, raise_marks);
    assert_marks(dir, incarnation, RACERS_COUNT * RAISES_COUNT - 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_create_read_replace),
        CASE(test_open_modes_are_refused),
        CASE(test_what_cannot_be_read),
        CASE(test_root_gives_files_to_the_owner_of_the_directory),
        CASE(test_no_rights),
        CASE(test_rest_key),
        CASE(test_damaged_keys),
        CASE(test_site_keys),
        CASE(test_rotate),
        CASE(test_racing_rotations),
        CASE(test_racing_starts_get_one_key),
        CASE(test_marks),
        CASE(test_epochs),
        CASE(test_damaged_marks),
        CASE(test_marks_never_go_back_in_a_race),
    };
    secrets_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
