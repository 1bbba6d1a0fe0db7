/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clouds - which entry is taken, from which file, and what secure.yaml adds to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "client/client_internal.h"

#include <string.h>

#define CLOUDS                                                                                     \
    "clouds:\n"                                                                                    \
    "  mine:\n"                                                                                    \
    "    region_name: RegionA\n"                                                                   \
    "    auth: {auth_url: 'http://a:5000/v3', username: ann, password: old}\n"                     \
    "  other: {region_name: RegionB, auth: {auth_url: 'http://a:5000'}}\n"                         \
    "  anywhere: {auth: {auth_url: 'http://b:5000/'}}\n"                                           \
    "  broken: 7\n"

struct fixture {
    char *folder;
    const char *variables[8][2]; /* ended by a NULL */
    struct protector_client_options o;
    struct protector_client *c;
};

static const char *variable(void *data, const char *name)
{
    const struct fixture *f = data;

    for (size_t i = 0; f->variables[i][0] != NULL; i++)
        if (g_str_equal(f->variables[i][0], name))
            return f->variables[i][1];
    return NULL;
}

static int no_wait(void *data, int64_t ms)
{
    (void)data, (void)ms;
    return 1;
}

static err_t *nobody(void *data, const struct http_request *req, struct http_response **ret)
{
    (void)data, (void)ret;
    return err(NET_REFUSED, "nothing listens at %s", req->url);
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(f->folder, name, NULL);

    assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* HOME is the folder of the test; its .config/openstack has both files. */
static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    g_autofree char *inner = NULL;

    f->folder = g_dir_make_tmp("clouds-XXXXXX", NULL);
    inner = g_build_filename(f->folder, ".config", "openstack", NULL);
    assert_int_equal(g_mkdir_with_parents(inner, 0700), 0);
    write_file(f, ".config/openstack/clouds.yaml", CLOUDS);
    write_file(f, ".config/openstack/secure.yaml", "clouds: {}\n");
    f->variables[0][0] = "HOME";
    f->variables[0][1] = f->folder;
    f->o = (struct protector_client_options){.size = sizeof f->o,
                                             .data = f,
                                             .getenv = variable,
                                             .wait = no_wait};
    *state = f;
    return 0;
}

static struct protector_client *opened(struct fixture *f)
{
    static const struct http_transport transport = {.data = NULL, .send = nobody};

    protector_client_close(f->c);
    f->c = client_open_with(&f->o, &transport, &env_system);
    return f->c;
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    for (const char *n = dir ? g_dir_read_name(dir) : NULL; n != NULL; n = g_dir_read_name(dir)) {
        g_autofree char *child = g_build_filename(path, n, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    protector_client_close(f->c);
    remove_tree(f->folder);
    g_free(f->folder);
    g_free(f);
    return 0;
}

static void set_variable(struct fixture *f, const char *name, const char *value)
{
    size_t i = 0;

    while (f->variables[i][0] != NULL && !g_str_equal(f->variables[i][0], name))
        i++;
    assert_true(i + 1 < G_N_ELEMENTS(f->variables));
    f->variables[i][0] = name;
    f->variables[i][1] = value;
}

/* The entry 'name' has this at 'path'. */
static void assert_entry(struct protector_client *c, const char *name, const char *path,
                         const char *want)
{
    g_autoptr(json_t) entry = NULL;
    g_autoptr(err_t) e = clouds_entry(c, name, &entry);

    if (e != NULL)
        fail_msg("%s", err_message(e));
    assert_string_equal(json_str_at(entry, path), want);
}

static void assert_refused(struct protector_client *c, const char *name, enum err_code code,
                           const char *words)
{
    json_t *entry = NULL;
    g_autoptr(err_t) e = clouds_entry(c, name, &entry);

    assert_non_null(e);
    assert_null(entry);
    assert_int_equal(err_code(e), code);
    if (strstr(err_message(e), words) == NULL)
        fail_msg("no '%s' in: %s", words, err_message(e));
}

/* ---- which entry ---- */

/* The name that is asked for, else the option's, else OS_CLOUD's; an empty variable is none. */
static void an_entry_is_named(void **state)
{
    struct fixture *f = *state;
    static const char url[] = "auth/auth_url";

    assert_entry(opened(f), "anywhere", url, "http://b:5000/");
    assert_refused(opened(f), NULL, ERR_CLIENT_CLOUD, "no cloud is named");
    set_variable(f, "OS_CLOUD", "");
    assert_refused(opened(f), NULL, ERR_CLIENT_CLOUD, "no cloud is named");
    set_variable(f, "OS_AUTH_URL", "http://c:5000");
    assert_entry(opened(f), NULL, url, "http://c:5000");
    set_variable(f, "OS_CLOUD", "mine");
    assert_entry(opened(f), NULL, url, "http://a:5000/v3");
    f->o.cloud = "anywhere";
    assert_entry(opened(f), NULL, url, "http://b:5000/");
    assert_refused(f->c, "nowhere", ERR_CLIENT_CLOUD, "no entry 'nowhere'");
    assert_refused(f->c, "broken", ERR_CLIENT_CLOUD, "no entry 'broken'");
}

/* An entry without a region is the cloud in every region. */
static void an_entry_is_found_by_its_address(void **state)
{
    struct fixture *f = *state;
    struct protector_client *c = opened(f);
    static const struct {
        const char *url, *region, *want;
    } rows[] = {
        {"http://a:5000", "RegionA", "mine"},     {"http://a:5000/v3/", "RegionB", "other"},
        {"http://a:5000", "RegionC", NULL},       {"http://a:5000", NULL, "mine"},
        {"http://b:5000", "RegionA", "anywhere"}, {"http://b:5000/v3", NULL, "anywhere"},
        {"http://nobody:5000", "RegionA", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *name = "?";
        g_autoptr(err_t) e = clouds_find(c, rows[i].url, rows[i].region, &name);
        assert_null(e);
        if (g_strcmp0(name, rows[i].want) != 0)
            fail_msg("%s in %s is %s", rows[i].url, rows[i].region, name);
    }
}

/* ---- which files ---- */

/* Secrets are merged key by key; what is no object in either file is replaced. */
static void secrets_are_merged(void **state)
{
    struct fixture *f = *state;

    write_file(f, ".config/openstack/secure.yaml",
               "clouds:\n  mine: {auth: {password: new}}\n  other: {auth: x}\n"
               "  broken: {auth: {auth_url: 'http://d:5000'}}\n");
    struct protector_client *c = opened(f);
    assert_entry(c, "mine", "auth/password", "new");
    assert_entry(c, "mine", "auth/username", "ann");
    assert_entry(c, "other", "auth", "x");
    assert_entry(c, "other", "region_name", "RegionB");
    assert_entry(c, "broken", "auth/auth_url", "http://d:5000");
}

/* A file that is named must be there; one that is looked for may be missing, but not unreadable. */
static void files_that_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    g_autofree char *none = g_build_filename(f->folder, "none.yaml", NULL);
    g_autofree char *secure =
        g_build_filename(f->folder, ".config", "openstack", "secure.yaml", NULL);

    f->o.config_file = none;
    assert_refused(opened(f), "mine", ERR_CLIENT_CLOUD, "none.yaml");
    f->o.config_file = NULL;
    set_variable(f, "OS_CLIENT_SECURE_FILE", none);
    assert_refused(opened(f), "mine", ERR_CLIENT_CLOUD, "none.yaml");
    set_variable(f, "OS_CLIENT_SECURE_FILE", "");
    assert_entry(opened(f), "mine", "auth/password", "old");
    g_remove(secure);
    assert_int_equal(g_mkdir(secure, 0700), 0);
    assert_refused(opened(f), "mine", ERR_CLIENT_CLOUD, "secure.yaml");
    write_file(f, ".config/openstack/clouds.yaml", "clouds: [\n");
    assert_refused(opened(f), "mine", ERR_PARSE, "clouds.yaml");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_entry_is_named),
        TEST(an_entry_is_found_by_its_address),
        TEST(secrets_are_merged),
        TEST(files_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
