/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cinder - the simulated Cinder with bytes: files in a folder, as the lab's driver keeps them;
 * managing, groups, snapshots, quotas by type, what a tenant does not see.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

struct place {
    struct bench b;
    struct user prod, admin; /* at site-b */
    char *dir;
};

static void place_open(struct place *p)
{
    struct sim_options options;
    sim_options_init(&options);
    p->dir = g_dir_make_tmp("sim-XXXXXX", NULL);
    assert_non_null(p->dir);
    options.site[SIM_SITE_B].volumes_dir = p->dir;
    bench_open(&p->b, &options);
    p->prod = login(&p->b, SIM_SITE_B, "prod-user", "prod");
    p->admin = login(&p->b, SIM_SITE_B, "protector", "service");
}

static void place_close(struct place *p)
{
    GDir *dir = g_dir_open(p->dir, 0, NULL);
    const char *name = NULL;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(p->dir, name, NULL);
        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(p->dir);
    g_free(p->dir);
    logout(&p->prod);
    logout(&p->admin);
    bench_close(&p->b);
}

static char *file_of(const struct place *p, const char *prefix, const char *id)
{
    g_autofree char *name = g_strconcat(prefix, id, NULL);
    return g_build_filename(p->dir, name, NULL);
}

/* Size of a file, -1 if it is not there. */
static int64_t size_of(const char *path)
{
    GStatBuf st;
    return g_stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static void put_bytes(const char *path, off_t at, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
    close(fd);
}

static void has_bytes(const char *path, off_t at, const char *text)
{
    char got[64] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && strlen(text) < sizeof got);
    assert_int_equal(pread(fd, got, strlen(text), at), strlen(text));
    close(fd);
    assert_string_equal(got, text);
}

static char *make_volume(const struct place *p, const char *name, json_t *more)
{
    json_t *volume =
        json_pack("{s:i, s:s, s:s}", "size", 1, "name", name, "volume_type", "replicated-ssd");
    if (more != NULL)
        json_object_update(volume, more);
    json_decref(more);
    g_autoptr(json_t) made = expect(&p->prod, "POST", "cinder:/volumes",
                                    json_pack("{s:o}", "volume", volume), NULL, 202);
    return g_strdup(json_str_at(made, "volume/id"));
}

#define GIB ((int64_t)1 << 30)

static void volumes_are_files(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    g_autofree char *id =
        make_volume(&p, "root",
                    json_pack("{s:s}", "imageRef", id_by_name(&p.b, SIM_SITE_B, "images", "tiny")));
    g_autofree char *path = file_of(&p, "volume-", id);
    assert_int_equal(size_of(path), -1); /* still creating */
    bench_settle(&p.b);
    assert_int_equal(size_of(path), GIB);
    has_bytes(path, 0, "two-site lab tiny image\n");
    GStatBuf st;
    assert_int_equal(g_stat(path, &st), 0);
    assert_true((int64_t)st.st_blocks * 512 < 1024 * 1024); /* sparse */
    g_autofree char *act = g_strdup_printf("cinder:/volumes/%s/action", id);
    json_decref(expect(&p.prod, "POST", act, json_pack("{s:{s:i}}", "os-extend", "new_size", 3),
                       NULL, 202));
    bench_settle(&p.b);
    assert_int_equal(size_of(path), 3 * GIB);
    g_autofree char *one = g_strconcat("cinder:/volumes/", id, NULL);
    json_decref(expect(&p.prod, "DELETE", one, NULL, NULL, 202));
    bench_settle(&p.b);
    assert_int_equal(size_of(path), -1);
    place_close(&p);
}

static json_t *manage_body(const char *ref, const char *name, bool bootable)
{
    return json_pack("{s:{s:s, s:{s:s}, s:s, s:s, s:b}}", "volume", "host", "cinder-b@lab#lab",
                     "ref", "source-name", ref, "name", name, "volume_type", "replicated-ssd",
                     "bootable", bootable);
}

/* The way of a failover: a file that replication left is taken over, its bytes unchanged. */
static void manage_takes_a_file(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    g_autoptr(err_t) e = sim_backend_put(p.b.sim, SIM_SITE_B, "replica-1", 2);
    assert_null(e);
    g_autofree char *source = g_build_filename(p.dir, "replica-1", NULL);
    put_bytes(source, 5 * 1024 * 1024, "fingerprint");
    g_autoptr(json_t) made = expect(&p.prod, "POST", "cinder:/os-volume-manage",
                                    manage_body("replica-1", "data", true), NULL, 202);
    assert_string_equal(json_str_at(made, "volume/status"), "creating");
    bench_settle(&p.b);
    const json_t *row = sim_find(p.b.sim, SIM_SITE_B, "volumes", "data");
    assert_string_equal(json_str(row, "status"), "available");
    assert_int_equal(json_int(row, "size", 0), 2);
    assert_true(json_bool(row, "bootable", false));
    g_autofree char *path = file_of(&p, "volume-", json_str(row, "id"));
    assert_int_equal(size_of(source), -1);
    has_bytes(path, 5 * 1024 * 1024, "fingerprint");
    /* the same reference again: accepted, and then in error, for it is gone */
    json_decref(expect(&p.prod, "POST", "cinder:/os-volume-manage",
                       manage_body("replica-1", "again", true), NULL, 202));
    bench_settle(&p.b);
    g_autofree char *again =
        g_strconcat("cinder:/volumes/", id_by_name(&p.b, SIM_SITE_B, "volumes", "again"), NULL);
    g_autoptr(json_t) shown = expect(&p.prod, "GET", again, NULL, NULL, 200);
    assert_string_equal(json_str_at(shown, "volume/status"), "error");
    /* and what is managed is not managed twice */
    g_autofree char *managed = g_strconcat("volume-", json_str(row, "id"), NULL);
    expect_error(&p.prod, "POST", "cinder:/os-volume-manage", manage_body(managed, "x", true), NULL,
                 400, "already managed");
    /* a bad name reaches nothing outside the folder */
    json_decref(expect(&p.prod, "POST", "cinder:/os-volume-manage",
                       manage_body("../../etc/passwd", "bad", true), NULL, 202));
    bench_settle(&p.b);
    assert_string_equal(json_str(sim_find(p.b.sim, SIM_SITE_B, "volumes", "bad"), "status"),
                        "error_managing");
    place_close(&p);
}

static void unmanage_leaves_the_file(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    g_autofree char *id = make_volume(&p, "v", NULL);
    bench_settle(&p.b);
    g_autofree char *act = g_strdup_printf("cinder:/volumes/%s/action", id);
    json_decref(expect(&p.prod, "POST", act, json_pack("{s:{}}", "os-unmanage"), NULL, 202));
    bench_settle(&p.b);
    g_autofree char *one = g_strconcat("cinder:/volumes/", id, NULL);
    json_decref(expect(&p.prod, "GET", one, NULL, NULL, 404));
    g_autofree char *path = file_of(&p, "volume-", id);
    assert_int_equal(size_of(path), GIB);
    /* and it can be found and taken again */
    const char *url = "cinder:/manageable_volumes/detail?host=cinder-b@lab%23lab";
    g_autoptr(json_t) list = expect(&p.admin, "GET", url, NULL, "3.70", 200);
    const json_t *entry = json_array_get(json_arr(list, "manageable-volumes"), 0);
    assert_true(json_bool(entry, "safe_to_manage", false));
    g_autofree char *name = g_strconcat("volume-", id, NULL);
    assert_string_equal(json_str_at(entry, "reference/source-name"), name);
    json_decref(expect(&p.prod, "POST", "cinder:/os-volume-manage", manage_body(name, "v2", false),
                       NULL, 202));
    bench_settle(&p.b);
    assert_string_equal(json_str(sim_find(p.b.sim, SIM_SITE_B, "volumes", "v2"), "status"),
                        "available");
    place_close(&p);
}

/* A snapshot keeps the bytes of its moment; a volume made of it has them. */
static void snapshots_have_bytes(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    g_autofree char *id = make_volume(&p, "v", NULL);
    bench_settle(&p.b);
    g_autofree char *path = file_of(&p, "volume-", id);
    put_bytes(path, 700000, "old");
    g_autoptr(json_t) snapshot =
        expect(&p.prod, "POST", "cinder:/snapshots",
               json_pack("{s:{s:s, s:s}}", "snapshot", "volume_id", id, "name", "s"), NULL, 202);
    bench_settle(&p.b);
    put_bytes(path, 700000, "new");
    g_autofree char *copy =
        make_volume(&p, "copy",
                    json_pack("{s:s}", "snapshot_id", json_str_at(snapshot, "snapshot/id")));
    bench_settle(&p.b);
    g_autofree char *copied = file_of(&p, "volume-", copy);
    has_bytes(copied, 700000, "old");
    assert_int_equal(size_of(copied), GIB);
    g_autofree char *one = g_strconcat("cinder:/volumes/", id, NULL);
    expect_error(&p.prod, "DELETE", one, NULL, NULL, 400, "have snapshots");
    g_autofree char *cascade = g_strconcat(one, "?cascade=True", NULL);
    json_decref(expect(&p.prod, "DELETE", cascade, NULL, NULL, 202));
    bench_settle(&p.b);
    assert_int_equal(json_object_size(sim_table(p.b.sim, SIM_SITE_B, "snapshots")), 0);
    place_close(&p);
}

static json_t *group_body(const char *key, const char *value)
{
    return json_pack("{s:{s:s}}", "group", key, value);
}

static void groups(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    g_autofree char *in = make_volume(&p, "in", NULL);
    g_autofree char *plain = make_volume(&p, "plain", json_pack("{s:s}", "volume_type", "plain"));
    bench_settle(&p.b);
    g_autoptr(json_t) made =
        expect(&p.prod, "POST", "cinder:/groups",
               json_pack("{s:{s:s, s:s, s:[s]}}", "group", "name", "g", "group_type",
                         id_by_name(&p.b, SIM_SITE_B, "group_types", "consistent"), "volume_types",
                         id_by_name(&p.b, SIM_SITE_B, "volume_types", "replicated-ssd")),
               "3.70", 202);
    g_autofree char *path = g_strconcat("cinder:/groups/", json_str_at(made, "group/id"), NULL);
    g_autofree char *act = g_strconcat(path, "/action", NULL);
    expect_error(&p.prod, "PUT", path, group_body("add_volumes", in), "3.70", 400,
                 "Group status must be available."); /* still creating */
    bench_settle(&p.b);
    expect_error(&p.prod, "PUT", path, group_body("add_volumes", plain), "3.70", 400,
                 "is not supported by the group");
    expect_error(&p.prod, "PUT", path, group_body("add_volumes", "nobody"), "3.70", 400,
                 "volume cannot be found");
    expect_error(&p.prod, "PUT", path, group_body("remove_volumes", in), "3.70", 400,
                 "is not in the group");
    expect_error(&p.prod, "PUT", path, group_body("name", "g"), "3.70", 400, "no valid name");
    json_decref(expect(&p.prod, "PUT", path, group_body("add_volumes", in), "3.70", 202));
    const json_t *row = sim_find(p.b.sim, SIM_SITE_B, "volumes", "in");
    assert_null(json_str(row, "group_id")); /* updating */
    bench_settle(&p.b);
    assert_string_equal(json_str(row, "group_id"), json_str_at(made, "group/id"));
    json_decref(expect(&p.prod, "PUT", path, group_body("description", "d"), "3.70", 202));
    expect_error(&p.prod, "POST", act, json_pack("{s:{s:b}}", "delete", "delete-volumes", 0),
                 "3.70", 400, "still contains volumes");
    json_decref(expect(&p.prod, "POST", act, json_pack("{s:{s:b}}", "delete", "delete-volumes", 1),
                       "3.70", 202));
    bench_settle(&p.b);
    json_decref(expect(&p.prod, "GET", path, NULL, "3.70", 404));
    assert_null(sim_find(p.b.sim, SIM_SITE_B, "volumes", "in"));
    g_autofree char *file = file_of(&p, "volume-", in);
    assert_int_equal(size_of(file), -1);
    place_close(&p);
}

/* A group with so many volumes in it; its path.  '*ret_ids': their ids, with commas. */
static char *group_with(struct place *p, int count, char **ret_ids)
{
    GString *ids = g_string_new(NULL);
    for (int i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf("v%d", i);
        g_autofree char *id = make_volume(p, name, NULL);
        g_string_append_printf(ids, "%s%s", i > 0 ? "," : "", id);
    }
    g_autoptr(json_t) made =
        expect(&p->prod, "POST", "cinder:/groups",
               json_pack("{s:{s:s, s:s, s:[s]}}", "group", "name", "g", "group_type",
                         id_by_name(&p->b, SIM_SITE_B, "group_types", "consistent"), "volume_types",
                         id_by_name(&p->b, SIM_SITE_B, "volume_types", "replicated-ssd")),
               "3.70", 202);
    bench_settle(&p->b);
    *ret_ids = g_string_free(ids, FALSE);
    return g_strconcat("cinder:/groups/", json_str_at(made, "group/id"), NULL);
}

/* The ids of one change are one text of at most 255 characters: six of them. */
static void groups_move_six_at_once(void **state)
{
    (void)state;
    struct place p;
    g_autofree char *ids = NULL;
    place_open(&p);
    g_autofree char *path = group_with(&p, 7, &ids);
    expect_error(&p.prod, "PUT", path, group_body("add_volumes", ids), "3.70", 400, "is too long");
    expect_error(&p.prod, "PUT", path, group_body("remove_volumes", ids), "3.70", 400,
                 "Invalid input for field/attribute remove_volumes.");
    ids[6 * 37 - 1] = '\0';
    json_decref(expect(&p.prod, "PUT", path, group_body("add_volumes", ids), "3.70", 202));
    bench_settle(&p.b);
    json_decref(expect(&p.prod, "PUT", path, group_body("remove_volumes", ids), "3.70", 202));
    place_close(&p);
}

static void group_is(struct place *p, const char *path, const char *group, const char *volume)
{
    g_autofree char *url = g_strconcat(path, "?list_volume=True", NULL);
    g_autoptr(json_t) shown = expect(&p->prod, "GET", url, NULL, "3.70", 200);
    const json_t *row = sim_find(p->b.sim, SIM_SITE_B, "volumes", "v0");
    assert_string_equal(json_str_at(shown, "group/status"), group);
    assert_string_equal(json_str(row, "status"), volume);
}

/* A driver that fails leaves group and volumes in error, as cinder-volume does; admins reset them.
 */
static void groups_fail_with_the_driver(void **state)
{
    (void)state;
    struct place p;
    g_autofree char *ids = NULL;
    place_open(&p);
    g_autofree char *path = group_with(&p, 1, &ids);
    g_autofree char *act = g_strconcat(path, "/action", NULL);
    sim_driver_fails(p.b.sim, SIM_SITE_B, 1);
    json_decref(expect(&p.prod, "PUT", path, group_body("add_volumes", ids), "3.70", 202));
    bench_settle(&p.b);
    group_is(&p, path, "error", "error");
    assert_null(json_str(sim_find(p.b.sim, SIM_SITE_B, "volumes", "v0"), "group_id"));
    expect_error(&p.prod, "PUT", path, group_body("add_volumes", ids), "3.70", 400,
                 "because volume is in an invalid state: error");
    expect_error(&p.prod, "POST", act,
                 json_pack("{s:{s:s}}", "reset_status", "status", "available"), "3.70", 403,
                 "group:reset_status");
    json_decref(expect(&p.admin, "POST", act,
                       json_pack("{s:{s:s}}", "reset_status", "status", "available"), "3.70", 202));
    g_autofree char *volume = g_strdup_printf("cinder:/volumes/%s/action", ids);
    json_decref(expect(&p.admin, "POST", volume,
                       json_pack("{s:{s:s}}", "os-reset_status", "status", "available"), NULL,
                       202));
    json_decref(expect(&p.prod, "PUT", path, group_body("add_volumes", ids), "3.70", 202));
    bench_settle(&p.b);
    group_is(&p, path, "available", "available");
    sim_driver_fails(p.b.sim, SIM_SITE_B, 1);
    json_decref(expect(&p.prod, "PUT", path, group_body("remove_volumes", ids), "3.70", 202));
    bench_settle(&p.b);
    group_is(&p, path, "error", "error");
    expect_error(&p.prod, "PUT", path, group_body("remove_volumes", ids), "3.70", 400,
                 "Group status must be available.");
    place_close(&p);
}

static void tenants_are_apart(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    g_free(make_volume(&p, "v", NULL));
    bench_settle(&p.b);
    struct user admin_project = login(&p.b, SIM_SITE_B, "admin", "admin");
    g_autoptr(json_t) own = expect(&admin_project, "GET", "cinder:/volumes", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_arr(own, "volumes")), 0);
    g_autoptr(json_t) all =
        expect(&admin_project, "GET", "cinder:/volumes?all_tenants=1", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_arr(all, "volumes")), 1);
    /* the project in the address must be the token's */
    g_autofree char *url =
        g_strdup_printf("http://127.0.20.1:8776/v3/%s/volumes", admin_project.project_id);
    struct answer a = ask_url(&p.b, p.prod.token, "GET", url, NULL, NULL);
    assert_int_equal(a.status, 400);
    answer_free(&a);
    logout(&admin_project);
    place_close(&p);
}

/* What a quota has no room for is accepted all the same, and then in error; the file stays. */
static void manage_within_quota(void **state)
{
    static const struct {
        const char *resource;
        int64_t limit;
        const char *status;
    } cases[] = {{"volumes", 0, "error_managing"},
                 {"gigabytes_replicated-ssd", 1, "error_managing"},
                 {"per_volume_gigabytes", 1, "error_managing"},
                 {"gigabytes", 2, "available"}};
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct place p;
        place_open(&p);
        g_autoptr(err_t) e = sim_backend_put(p.b.sim, SIM_SITE_B, "replica-1", 2);
        assert_null(e);
        sim_set_quota(p.b.sim, SIM_SITE_B, "cinder", "prod", cases[i].resource, cases[i].limit);
        json_decref(expect(&p.prod, "POST", "cinder:/os-volume-manage",
                           manage_body("replica-1", "data", true), NULL, 202));
        bench_settle(&p.b);
        const json_t *row = sim_find(p.b.sim, SIM_SITE_B, "volumes", "data");
        assert_string_equal(json_str(row, "status"), cases[i].status);
        place_close(&p);
    }
}

static void quota_of_one_volume(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    sim_set_quota(p.b.sim, SIM_SITE_B, "cinder", "prod", "per_volume_gigabytes", 2);
    expect_error(&p.prod, "POST", "cinder:/volumes",
                 json_pack("{s:{s:i, s:s}}", "volume", "size", 3, "name", "large"), NULL, 413,
                 "larger than maximum allowed limit 2G");
    json_decref(expect(&p.prod, "POST", "cinder:/volumes",
                       json_pack("{s:{s:i, s:s}}", "volume", "size", 2, "name", "fits"), NULL,
                       202));
    place_close(&p);
}

static void quota_by_type(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    sim_set_quota(p.b.sim, SIM_SITE_B, "cinder", "prod", "volumes_plain", 0);
    expect_error(&p.prod, "POST", "cinder:/volumes",
                 json_pack("{s:{s:i, s:s}}", "volume", "size", 1, "volume_type", "plain"), NULL,
                 413, "exceeded for quota 'volumes_plain'");
    g_free(make_volume(&p, "v", NULL));
    sim_set_quota(p.b.sim, SIM_SITE_B, "cinder", "prod", "groups", 0);
    expect_error(&p.prod, "POST", "cinder:/groups",
                 json_pack("{s:{s:s, s:[s]}}", "group", "group_type", "consistent", "volume_types",
                           "replicated-ssd"),
                 "3.70", 413, "Maximum number of groups allowed (0) exceeded");
    place_close(&p);
}

/* A type that asks for a backend which is not there. */
static void no_such_backend(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    json_decref(expect(&p.admin, "POST", "cinder:/types",
                       json_pack("{s:{s:s, s:{s:s}}}", "volume_type", "name", "elsewhere",
                                 "extra_specs", "volume_backend_name", "pure"),
                       NULL, 200));
    g_free(make_volume(&p, "v", json_pack("{s:s}", "volume_type", "elsewhere")));
    bench_settle(&p.b);
    assert_string_equal(json_str(sim_find(p.b.sim, SIM_SITE_B, "volumes", "v"), "status"), "error");
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_are_files),
        cmocka_unit_test(manage_takes_a_file),
        cmocka_unit_test(unmanage_leaves_the_file),
        cmocka_unit_test(snapshots_have_bytes),
        cmocka_unit_test(groups),
        cmocka_unit_test(groups_move_six_at_once),
        cmocka_unit_test(groups_fail_with_the_driver),
        cmocka_unit_test(tenants_are_apart),
        cmocka_unit_test(quota_by_type),
        cmocka_unit_test(manage_within_quota),
        cmocka_unit_test(quota_of_one_volume),
        cmocka_unit_test(no_such_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
