/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small - paths, small files that are written whole, folders and locks.  See file.h.
 *
 * Invariant: a small file ends in "digest <64 hex>\n" over all bytes before; one that does not is
 * damaged and is never believed.
 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST_LINE    (7 + FILE_SUM_SIZE) /* "digest " and a sum */
#define LOCK_POLL_MS   20
#define LOCK_TRIES_MAX 500

/* ---- names and paths ---- */

struct path path_of(const char *format, ...)
{
    struct path path;
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(path.text, sizeof path.text, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof path.text)
        abort();
    return path;
}

struct path path_group(struct protector_handle *h, const struct protector_call *call, int site)
{
    return path_of("%s/groups/%s", h->end[site].side, call->group->id);
}

int name_fits(const char *name)
{
    size_t length = name == NULL ? 0 : strlen(name);

    return length > 0 && length <= FILE_NAME_MAX && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               length;
}

int key_fits(const char *key)
{
    return strlen(key) == PROTECTOR_KEY_SIZE - 1 &&
           strspn(key, "0123456789abcdef") == PROTECTOR_KEY_SIZE - 1;
}

/* ---- errors ---- */

enum protector_status small_fail(struct protector_error *error, const char *what, const char *path)
{
    int number = errno;
    enum protector_status status = PROTECTOR_TRANSIENT; /* full, busy, out of something, broken */

    if (number == ENOENT)
        status = PROTECTOR_NOT_FOUND;
    else if (number == EACCES || number == EPERM || number == EROFS)
        status = PROTECTOR_DENIED;
    else if (number == EXDEV || number == ENOTDIR || number == ENAMETOOLONG || number == ELOOP ||
             number == EISDIR || number == EINVAL)
        status = PROTECTOR_PERMANENT;
    else if (number == EEXIST)
        status = PROTECTOR_EXISTS;
    return protector_fail(error, status, "cannot %s %s: %s", what, path, strerror(number));
}

enum protector_status array_check(struct protector_handle *h, int site,
                                  struct protector_error *error)
{
    const struct end *end = &h->end[site];
    struct stat st;

    if (stat(end->volumes, &st) != 0 || !S_ISDIR(st.st_mode))
        return protector_fail(error, PROTECTOR_TRANSIENT,
                              "the array of %s (%s) does not answer: %s", end->name, end->url,
                              end->volumes);
    return PROTECTOR_OK;
}

/* ---- texts ---- */

void text_add(struct text *text, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        abort();
    if (text->size + (size_t)size + 1 > text->room) {
        text->room = (text->size + (size_t)size + 1) * 2;
        text->data = realloc(text->data, text->room);
        if (text->data == NULL)
            abort();
    }
    va_start(args, format);
    (void)vsnprintf(text->data + text->size, text->room - text->size, format, args);
    va_end(args);
    text->size += (size_t)size;
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

void text_get(const struct text *text, const char *key, char *ret, size_t size)
{
    size_t length = strlen(key);
    const char *line = text->data == NULL ? "" : text->data;

    ret[0] = '\0';
    while (*line != '\0') {
        size_t end = strcspn(line, "\n");

        if (end > length && strncmp(line, key, length) == 0 && line[length] == ' ') {
            (void)snprintf(ret, size, "%.*s", (int)(end - length - 1), line + length + 1);
            return;
        }
        line += end + (line[end] == '\n');
    }
}

int64_t text_int(const struct text *text, const char *key, int64_t fallback)
{
    char value[32];
    char *end = NULL;
    int64_t number;

    text_get(text, key, value, sizeof value);
    number = strtoll(value, &end, 10);
    return value[0] == '\0' || *end != '\0' ? fallback : number;
}

/* ---- small files ---- */

static enum protector_status write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return PROTECTOR_TRANSIENT;
        data += n;
        size -= (size_t)n;
    }
    return PROTECTOR_OK;
}

enum protector_status dir_sync(const char *path, struct protector_error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int bad = fd < 0 || fsync(fd) != 0;
    enum protector_status status = bad ? small_fail(error, "sync", path) : PROTECTOR_OK;

    if (fd >= 0)
        (void)close(fd);
    return status;
}

/* Writes a new file durably under a temporary name. */
static enum protector_status temporary_write(const char *path, const struct text *text,
                                             struct protector_error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    enum protector_status status = PROTECTOR_OK;

    if (fd < 0)
        return small_fail(error, "create", path);
    if (write_all(fd, text->data, text->size) != PROTECTOR_OK || fsync(fd) != 0)
        status = small_fail(error, "write", path);
    if (close(fd) != 0 && status == PROTECTOR_OK)
        status = small_fail(error, "write", path);
    return status;
}

enum protector_status small_write(struct protector_handle *h, const char *path, struct text *text,
                                  struct protector_error *error)
{
    int folder = (int)(strrchr(path, '/') - path);
    struct path dir = path_of("%.*s", folder, path);
    struct path temporary = path_of("%s/.%s.tmp", dir.text, path + folder + 1);
    char digest[PROTECTOR_KEY_SIZE];
    enum protector_status status;

    h->host->digest(h->host->data, text->data, text->size, digest);
    text_add(text, "digest %s\n", digest);
    status = temporary_write(temporary.text, text, error);
    file_step(h, "written %s", temporary.text);
    if (status == PROTECTOR_OK && rename(temporary.text, path) != 0)
        status = small_fail(error, "rename to", path);
    if (status == PROTECTOR_OK)
        status = dir_sync(dir.text, error);
    file_step(h, "renamed to %s", path);
    return status;
}

enum protector_status small_read_raw(const char *path, size_t max, struct text *ret,
                                     struct protector_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum protector_status status = PROTECTOR_OK;
    struct stat st;

    *ret = (struct text){0};
    if (fd < 0)
        return small_fail(error, "open", path);
    if (fstat(fd, &st) != 0 || (uint64_t)st.st_size > max) {
        (void)close(fd);
        return protector_fail(error, PROTECTOR_PERMANENT, "%s is larger than %zu bytes", path, max);
    }
    ret->room = (size_t)st.st_size + 1;
    ret->data = calloc(1, ret->room);
    if (ret->data == NULL)
        abort();
    while (ret->size < (size_t)st.st_size) {
        ssize_t n = read(fd, ret->data + ret->size, (size_t)st.st_size - ret->size);

        if (n < 0 && errno != EINTR)
            status = small_fail(error, "read", path);
        if (n == 0 || status != PROTECTOR_OK)
            break;
        ret->size += n > 0 ? (size_t)n : 0;
    }
    (void)close(fd);
    if (status != PROTECTOR_OK)
        text_free(ret);
    return status;
}

enum protector_status small_read(struct protector_handle *h, const char *path, struct text *ret,
                                 struct protector_error *error)
{
    char digest[PROTECTOR_KEY_SIZE];
    enum protector_status status = small_read_raw(path, FILE_SMALL_MAX, ret, error);
    size_t body;

    if (status != PROTECTOR_OK)
        return status;
    body = ret->size < DIGEST_LINE ? 0 : ret->size - DIGEST_LINE;
    h->host->digest(h->host->data, ret->data, body, digest);
    if (ret->size < DIGEST_LINE || memchr(ret->data, '\0', ret->size) != NULL ||
        strncmp(ret->data + body, "digest ", 7) != 0 ||
        strncmp(ret->data + body + 7, digest, PROTECTOR_KEY_SIZE - 1) != 0) {
        text_free(ret);
        return protector_fail(error, PROTECTOR_PERMANENT, "%s is damaged: its digest does not fit",
                              path);
    }
    ret->data[body] = '\0';
    ret->size = body;
    return PROTECTOR_OK;
}

enum protector_status file_unlink(const char *path, struct protector_error *error)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return small_fail(error, "remove", path);
    return PROTECTOR_OK;
}

/* ---- folders ---- */

enum protector_status dir_make(const char *path, struct protector_error *error)
{
    struct path part = path_of("%s", path);

    for (char *slash = part.text + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (mkdir(part.text, 0755) != 0 && errno != EEXIST)
            return small_fail(error, "make folder", part.text);
        *slash = '/';
    }
    if (mkdir(part.text, 0755) != 0 && errno != EEXIST)
        return small_fail(error, "make folder", part.text);
    return PROTECTOR_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

enum protector_status dir_list(const char *path, char ***ret, size_t *ret_count,
                               struct protector_error *error)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    *ret = NULL;
    *ret_count = 0;
    if (dir == NULL)
        return errno == ENOENT ? PROTECTOR_OK : small_fail(error, "list", path);
    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        char **more;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        more = realloc(*ret, (*ret_count + 1) * sizeof *more);
        if (more == NULL)
            abort();
        *ret = more;
        more[*ret_count] = strdup(entry->d_name);
        if (more[(*ret_count)++] == NULL)
            abort();
        errno = 0;
    }
    if (errno != 0) {
        enum protector_status status = small_fail(error, "list", path);

        (void)closedir(dir);
        names_free(*ret, *ret_count);
        return status;
    }
    (void)closedir(dir);
    if (*ret_count > 0)
        qsort(*ret, *ret_count, sizeof **ret, compare_names);
    return PROTECTOR_OK;
}

enum protector_status dir_remove(const char *path, const char *keep, struct protector_error *error)
{
    char **names = NULL;
    size_t count = 0;
    int kept = 0;
    enum protector_status status = dir_list(path, &names, &count, error);

    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        struct path entry = path_of("%s/%s", path, names[i]);

        if (keep != NULL && strcmp(names[i], keep) == 0) {
            kept = 1;
            continue;
        }
        if (unlink(entry.text) == 0 || errno == ENOENT)
            continue;
        status = errno == EISDIR || errno == EPERM ? dir_remove(entry.text, NULL, error)
                                                   : small_fail(error, "remove", entry.text);
    }
    names_free(names, count);
    if (status == PROTECTOR_OK && !kept && rmdir(path) != 0 && errno != ENOENT)
        return small_fail(error, "remove", path);
    return status;
}

/* ---- locks ---- */

static enum protector_status lock_file(struct protector_handle *h, const char *path,
                                       int64_t until_ms, enum protector_status busy, int *ret_fd,
                                       struct protector_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    int tries = 0;

    if (fd < 0)
        return small_fail(error, "open", path);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (++tries > LOCK_TRIES_MAX || h->host->mono_ms(h->host->data) >= until_ms) {
            (void)close(fd);
            error->retry_after_ms = 10 * LOCK_POLL_MS;
            return protector_fail(error, busy, "another process works on %s", path);
        }
        h->host->pause_ms(h->host->data, LOCK_POLL_MS);
    }
    *ret_fd = fd;
    return PROTECTOR_OK;
}

enum protector_status lock_take(struct protector_handle *h, const char *path, int64_t until_ms,
                                int *ret_fd, struct protector_error *error)
{
    return lock_file(h, path, until_ms, PROTECTOR_TRANSIENT, ret_fd, error);
}

enum protector_status lock_work(struct protector_handle *h, const char *path, int *ret_fd,
                                struct protector_error *error)
{
    return lock_file(h, path, 0, PROTECTOR_PENDING, ret_fd, error);
}

void lock_drop(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
