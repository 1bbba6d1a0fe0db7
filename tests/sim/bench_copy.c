/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_copy - one world for many processes; see bench.h.
 *
 * The clouds are memory, which a fork copies; the databases of the sites and of the mock's arrays
 * are files in b->dir, which no two processes may share, so their bytes are kept beside it.
 */
#include "tests/sim/bench_internal.h"

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
