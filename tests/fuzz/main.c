/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - of every target: libFuzzer's, or the replay of files.
 *
 *     fuzz-conf FILE|FOLDER…     each file is an input; the last line is "N passed, N failed"
 */
#include "tests/fuzz/fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* g_error's SIGTRAP, which libFuzzer takes for no finding: it would keep no input of it. */
static void on_trap(int number)
{
    (void)number;
    abort();
}

static void begin(void)
{
    static bool begun;

    if (!begun) {
        signal(SIGTRAP, on_trap);
        fuzz_init();
    }
    begun = true;
}

/* Exactly 'size' bytes of their own, so that a sanitizer sees a read beyond them. */
static void one(const void *data, size_t size)
{
    char *copy = malloc(size); /* of no bytes too: GLib would give NULL */

    g_assert(copy != NULL);
    memcpy(copy, data, size);
    begin();
    fuzz_env_reset();
    fuzz_one(copy, size);
    free(copy);
}

#ifdef LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    one(data, size);
    return 0;
}

#else

static int replay_file(const char *path)
{
    g_autofree char *data = NULL;
    g_autoptr(GError) why = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &data, &size, &why))
        g_error("%s", why->message);
    printf("%s\n", path); /* the last one that is told is the one that failed */
    fflush(stdout);
    one(data, size);
    return 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int replay(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    int count = 0;

    if (dir == NULL)
        return replay_file(path);
    while ((name = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(files, g_build_filename(path, name, NULL));
    g_ptr_array_sort(files, by_name);
    for (guint i = 0; i < files->len; i++)
        count += replay_file(g_ptr_array_index(files, i));
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    one("", 0);
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d passed, %d failed\n", count, count == 0); /* an empty corpus proves nothing */
    return count == 0;
}

#endif
