/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_copy - one world for many processes; see bench.h.
 *
 * The clouds are memory, which a fork copies; the databases of the sites and of the mock's arrays
 * are files in b->dir, which no two processes may share, so their bytes are kept beside it.
 */
#include "tests/sim/bench_internal.h"

#include "store/migrate.h"
#include "store/restored.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void bench_folder_remove(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            bench_folder_remove(child);
        else
            g_remove(child);
    }
    g_rmdir(path);
}

static void file_copy(const char *from, const char *to, int mode)
{
    g_autofree char *bytes = NULL;
    gsize size = 0;

    assert_true(g_file_get_contents(from, &bytes, &size, NULL));
    assert_true(
        g_file_set_contents_full(to, bytes, (gssize)size, G_FILE_SET_CONTENTS_NONE, mode, NULL));
}

/* Modes too: nobody takes a key file that others may read. */
static void folder_copy(const char *from, const char *to)
{
    g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
    const char *name;

    assert_non_null(dir);
    assert_int_equal(g_mkdir(to, 0700), 0);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(from, name, NULL);
        g_autofree char *copy = g_build_filename(to, name, NULL);
        GStatBuf of;
        assert_int_equal(g_stat(child, &of), 0);
        if (S_ISDIR(of.st_mode))
            folder_copy(child, copy);
        else
            file_copy(child, copy, of.st_mode & 0777);
    }
}

static char *kept(const struct bench *b, const char *name)
{
    return g_strconcat(b->dir, ".", name, NULL);
}

void bench_still(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        bench_engine_stop(&b->site[i]);
        g_ptr_array_set_size(b->site[i].p.idle, 0);
    }
}

void bench_wake(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        if (!b->site[i].engine_down)
            bench_engine_start(&b->site[i]);
    }
}

void bench_save(struct bench *b, const char *name)
{
    g_autofree char *copy = kept(b, name);

    folder_copy(b->dir, copy);
}

void bench_back(struct bench *b, const char *name)
{
    g_autofree char *copy = kept(b, name);

    bench_folder_remove(b->dir);
    folder_copy(copy, b->dir);
}

void bench_forget(struct bench *b, const char *name)
{
    g_autofree char *copy = kept(b, name);

    bench_folder_remove(copy);
}

/* ---- the database of one site ---- */

static char *database_of(const struct bench *b, int site)
{
    return g_strdup_printf("%s/%s/protector.db", b->dir, bench_site_name(site));
}

static char *database_kept(const struct bench *b, int site, const char *name)
{
    return g_strdup_printf("%s/%s.%s.db", b->dir, bench_site_name(site), name);
}

/* Closing the last connection writes everything into the one file. */
static void database_close(struct bench *b, int site)
{
    g_ptr_array_set_size(b->site[site].p.idle, 0);
}

void bench_db_keep(struct bench *b, int site, const char *name)
{
    g_autofree char *from = database_of(b, site);
    g_autofree char *to = database_kept(b, site, name);

    database_close(b, site);
    file_copy(from, to, 0600);
}

void bench_db_copy(struct bench *b, int site, const char *name)
{
    g_autofree char *to = database_kept(b, site, name);
    struct process *p = &b->site[site].p;
    struct db *db = process_db_get(p);

    bench_must(db_exec(db, NULL, "VACUUM INTO ?", "s", to), "backup");
    process_db_put(p, db);
}

void bench_db_put_back(struct bench *b, int site, const char *name)
{
    g_autofree char *to = database_of(b, site);
    g_autofree char *from = database_kept(b, site, name);

    database_close(b, site);
    file_copy(from, to, 0600);
}

void bench_db_lose(struct bench *b, int site)
{
    g_autofree char *path = database_of(b, site);
    struct process *p = &b->site[site].p;

    database_close(b, site);
    g_remove(path);
    struct db *db = process_db_get(p);
    bench_must(store_sync(db, env_now_ms(p->env), NULL), "db sync");
    process_db_put(p, db);
    keypairs_destroy(TAKE(p->identity.keys));
    bench_must(process_identity(p, true), "identity");
}

void bench_rotate(struct bench *b, int site)
{
    bench_must(process_keys_rotate(&b->site[site].p), "keys rotate");
}

bool bench_db_noticed(struct bench *b, int site)
{
    struct process *p = &b->site[site].p;
    struct db *db = process_db_get(p);
    bool noticed = false;

    bench_must(restored_check(&p->exchange, db, &noticed), "a start");
    process_db_put(p, db);
    return noticed;
}
