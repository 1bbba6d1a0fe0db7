/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cinder_files - the bytes of the volumes: sparse files in the site's volumes_dir, as the lab's
 * Cinder driver keeps them.  Without a volumes_dir the same calls work on names in the table
 * "backend".
 *
 * Invariant: names have no slash (checked), so nothing outside the folder is touched.
 */
#include "sim/cinder.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define COPY_CHUNK_BYTES 65536

char *sim_cinder_volume_name(const char *id)
{
    return g_strconcat("volume-", id, NULL);
}

char *sim_cinder_snapshot_name(const char *id)
{
    return g_strconcat("snapshot-", id, NULL);
}

/* NULL: there are no files. */
static char *file_path(struct site *site, const char *name)
{
    if (site->options.volumes_dir == NULL)
        return NULL;
    g_assert(strchr(name, '/') == NULL && name[0] != '\0' && name[0] != '.');
    return g_build_filename(site->options.volumes_dir, name, NULL);
}

static bool name_is_safe(const char *name)
{
    return name != NULL && name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

static bool set_add(struct site *site, const char *name, int64_t size_gb)
{
    if (sim_site_row(site, "backend", name) != NULL)
        return false;
    sim_site_add(site, "backend", js("{s:s, s:I}", "id", name, "size_gb", (json_int_t)size_gb));
    return true;
}

static bool set_size(const char *path, int64_t size_gb, int flags)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0640);
    if (fd < 0)
        return false;
    bool good = ftruncate(fd, size_gb * CINDER_GIB) == 0;
    close(fd);
    return good;
}

bool sim_cinder_file_create(struct site *site, const char *name, int64_t size_gb)
{
    g_autofree char *path = file_path(site, name);
    if (path == NULL)
        return set_add(site, name, size_gb);
    if (g_mkdir_with_parents(site->options.volumes_dir, 0755) != 0)
        return false;
    return set_size(path, size_gb, O_CREAT | O_EXCL);
}

bool sim_cinder_file_extend(struct site *site, const char *name, int64_t size_gb)
{
    g_autofree char *path = file_path(site, name);
    json_t *row = sim_site_row(site, "backend", name);
    if (path != NULL)
        return set_size(path, size_gb, 0);
    if (row != NULL)
        json_set_int(row, "size_gb", size_gb);
    return row != NULL;
}

/* Copies the bytes from..to of 'in' to the same place of 'out'. */
static bool copy_range(int in, int out, off_t from, off_t to)
{
    char buffer[COPY_CHUNK_BYTES];
    while (from < to) {
        size_t want = (size_t)MIN((off_t)sizeof buffer, to - from);
        ssize_t got = pread(in, buffer, want, from);
        if (got <= 0 || pwrite(out, buffer, (size_t)got, from) != got)
            return false;
        from += got;
    }
    return true;
}

/* Copies what is no hole. */
static bool copy_data(int in, int out)
{
    off_t end = lseek(in, 0, SEEK_END);
    off_t at = lseek(in, 0, SEEK_DATA);
    while (at >= 0 && at < end) {
        off_t hole = lseek(in, at, SEEK_HOLE);
        if (hole < 0 || !copy_range(in, out, at, hole))
            return false;
        at = lseek(in, hole, SEEK_DATA);
    }
    return true;
}

static bool copy_file(const char *from, const char *to, int64_t size_gb)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return false;
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    bool good = out >= 0;
    if (good) {
        off_t size = MAX(lseek(in, 0, SEEK_END), (off_t)(size_gb * CINDER_GIB));
        good = ftruncate(out, size) == 0 && copy_data(in, out);
        close(out);
    }
    close(in);
    return good;
}

bool sim_cinder_file_copy(struct site *site, const char *from, const char *to, int64_t size_gb)
{
    g_autofree char *source = file_path(site, from);
    g_autofree char *target = file_path(site, to);
    if (source != NULL)
        return copy_file(source, target, size_gb);
    int64_t old_gb = sim_cinder_file_size_gb(site, from);
    return old_gb >= 0 && set_add(site, to, MAX(old_gb, size_gb));
}

bool sim_cinder_file_rename(struct site *site, const char *from, const char *to)
{
    if (!name_is_safe(from))
        return false;
    g_autofree char *source = file_path(site, from);
    g_autofree char *target = file_path(site, to);
    if (source != NULL)
        return g_file_test(source, G_FILE_TEST_IS_REGULAR) && g_rename(source, target) == 0;
    int64_t size_gb = sim_cinder_file_size_gb(site, from);
    if (size_gb < 0)
        return false;
    sim_site_drop(site, "backend", from);
    return set_add(site, to, size_gb);
}

bool sim_cinder_file_remove(struct site *site, const char *name)
{
    g_autofree char *path = file_path(site, name);
    if (path != NULL)
        return g_unlink(path) == 0;
    bool there = sim_site_row(site, "backend", name) != NULL;
    sim_site_drop(site, "backend", name);
    return there;
}

bool sim_cinder_file_write(struct site *site, const char *name, const void *data, size_t size)
{
    g_autofree char *path = file_path(site, name);
    if (path == NULL)
        return true;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = pwrite(fd, data, size, 0) == (ssize_t)size;
    close(fd);
    return good;
}

int64_t sim_cinder_file_size_gb(struct site *site, const char *name)
{
    if (!name_is_safe(name))
        return -1;
    g_autofree char *path = file_path(site, name);
    if (path == NULL)
        return json_int(sim_site_row(site, "backend", name), "size_gb", -1);
    GStatBuf st;
    if (g_stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return -1;
    return MAX((st.st_size + CINDER_GIB - 1) / CINDER_GIB, 1);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *sim_cinder_file_list(struct site *site)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name = NULL;
    if (site->options.volumes_dir != NULL) {
        GDir *dir = g_dir_open(site->options.volumes_dir, 0, NULL);
        while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
            g_ptr_array_add(names, g_strdup(name));
        if (dir != NULL)
            g_dir_close(dir);
    } else {
        json_t *row = NULL;
        sim_site_each(site, "backend", name, row)
        {
            g_ptr_array_add(names, g_strdup(name));
        }
    }
    g_ptr_array_sort(names, by_name);
    json_t *list = json_array();
    for (guint i = 0; i < names->len; i++) {
        name = g_ptr_array_index(names, i);
        if (!g_str_has_prefix(name, "snapshot-") && name_is_safe(name))
            json_array_append_new(list, json_string(name));
    }
    return list;
}

err_t *sim_backend_put(struct sim *sim, int site, const char *name, int64_t size_gb)
{
    if (!name_is_safe(name) || !sim_cinder_file_create(&sim->site[site], name, size_gb))
        return err(CONFLICT,
                   "cannot make a volume \"%s\" in the backend of %s: it is there, or the "
                   "folder refuses",
                   name, sim->site[site].options.name);
    return NULL;
}
