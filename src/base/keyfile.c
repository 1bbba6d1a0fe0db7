/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile - reads and makes the files of state_path, see keyfile.h.
 *
 * A file is written under a temporary name, synced, and then put in its place: by link (which fails
 * if the name is taken) or by rename (which replaces); then the directory is synced.  What is read,
 * compared and replaced (the marks, the site's keys) has a lock on a file of its own, which is
 * never removed.
 */
#include "base/keyfile.h"

#include "base/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE  0600
#define OPEN_TO    (S_IRWXG | S_IRWXO) /* bits that no key file may have */
#define MARKS_LOCK "marks.lock"
#define SITE_LOCK  "site.lock"

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define AUTO_FD __attribute__((cleanup(close_fd))) int

/* "cannot <verb> '<dir>/<name>': <errno>", with a remedy for what one meets in practice. */
static err_t *system_error(const char *verb, const char *dir, const char *name, int number)
{
    err_t *e = err(CONFIG, "cannot %s '%s/%s': %s", verb, dir, name, g_strerror(number));
    if (number == EACCES || number == EPERM)
        return err_remedy(e,
                          "let '%s' and its files belong to the user the service runs as: "
                          "chown -R protector: '%s'",
                          dir, dir);
    if (number == ENOENT || number == ENOTDIR)
        return err_remedy(e,
                          "make the directory of [DEFAULT] state_path: install -d -o protector "
                          "-g protector -m 0750 '%s'",
                          dir);
    return e;
}

/* ---- reading ---- */

static err_t *judge(const char *dir, const char *name, const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return err(CONFIG, "'%s/%s' is no regular file", dir, name);
    if ((st->st_mode & OPEN_TO) != 0)
        return err_remedy(err(CONFIG, "'%s/%s' has mode %04o: others may read or change it", dir,
                              name, (unsigned)(st->st_mode & 07777)),
                          "chmod 0600 '%s/%s', and make new keys if a stranger may have read it",
                          dir, name);
    if (st->st_size > KEYFILE_SIZE_MAX)
        return err(CONFIG, "'%s/%s' is larger than %d bytes", dir, name, KEYFILE_SIZE_MAX);
    return NULL;
}

/* Reads up to 'size' bytes; -1 with errno if that fails. */
static ssize_t read_whole(int fd, char *buffer, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = read(fd, buffer + have, size - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

err_t *keyfile_read(const char *dir, const char *name, char **ret)
{
    struct stat st;
    g_autofree char *path = g_build_filename(dir, name, NULL);
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT && access(dir, F_OK) == 0)
        return err(NOT_FOUND, "there is no file '%s'", path);
    if (fd < 0 || fstat(fd, &st) != 0)
        return system_error("open", dir, name, errno);
    TRY(judge(dir, name, &st));
    char *text = g_malloc0((size_t)st.st_size + 1);
    ssize_t size = read_whole(fd, text, (size_t)st.st_size);
    if (size < 0 || strlen(text) != (size_t)size) {
        err_t *e = size < 0 ? system_error("read", dir, name, errno)
                            : err(CONFIG, "'%s' holds a NUL: it is no text", path);
        secret_wipe(text, (size_t)st.st_size);
        g_free(text);
        return e;
    }
    *ret = g_realloc(text, (size_t)size + 1);
    return NULL;
}

/* ---- writing ---- */

static bool write_whole(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, text, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        text += done;
        size -= (size_t)done;
    }
    return true;
}

/* What root makes belongs to the owner of the directory. */
static bool give_to_owner(int fd, int dir_fd)
{
    struct stat st;
    return geteuid() != 0 || (fstat(dir_fd, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0);
}

/* Writes the file 'name' of the directory, which must not exist; false with errno. */
static bool write_new(int dir_fd, const char *name, const char *text)
{
    AUTO_FD fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    return fd >= 0 && fchmod(fd, FILE_MODE) == 0 && give_to_owner(fd, dir_fd) &&
           write_whole(fd, text, strlen(text)) && fsync(fd) == 0;
}

/* Puts 'text' under 'name'; 'replace' says whether an older one may be there. */
static err_t *place(const struct env *env, const char *dir, const char *name, const char *text,
                    bool replace)
{
    char uuid[37];
    env_uuid(env, uuid);
    g_autofree char *temporary = g_strdup_printf(".%s.%s", name, uuid);
    AUTO_FD dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return system_error("open the directory of", dir, name, errno);
    bool done = write_new(dir_fd, temporary, text) &&
                (replace ? renameat(dir_fd, temporary, dir_fd, name)
                         : linkat(dir_fd, temporary, dir_fd, name, 0)) == 0;
    int number = errno;
    unlinkat(dir_fd, temporary, 0); /* after a rename there is nothing to remove */
    if (!done && number == EEXIST)
        return err(CONFLICT, "'%s/%s' exists already", dir, name);
    if (!done || fsync(dir_fd) != 0)
        return system_error("write", dir, name, done ? errno : number);
    return NULL;
}

err_t *keyfile_create(const struct env *env, const char *dir, const char *name, const char *text)
{
    return place(env, dir, name, text, false);
}

err_t *keyfile_replace(const struct env *env, const char *dir, const char *name, const char *text)
{
    return place(env, dir, name, text, true);
}

/* Takes a lock; released when the descriptor is closed. */
static err_t *lock_file(const char *dir, const char *name, int *ret)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    AUTO_FD dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || dir_fd < 0 || !give_to_owner(fd, dir_fd))
        return system_error("open", dir, name, errno);
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return system_error("lock", dir, name, errno);
    *ret = fd;
    fd = -1;
    return NULL;
}

/* ---- keys ---- */

/* What makes the text of a new file.  Freed with secret_free. */
typedef char *make_fn(const struct env *env);

/* Reads 'name', which is made first if it is missing and may be. */
static err_t *obtain(const struct env *env, const char *dir, const char *name, make_fn *make,
                     bool may_make, char **ret)
{
    g_autoptr(err_t) e = keyfile_read(dir, name, ret);
    if (e == NULL || err_code(e) != ERR_NOT_FOUND)
        return g_steal_pointer(&e);
    if (!may_make)
        return err_remedy(
            g_steal_pointer(&e),
            "copy '%s' from another controller of this site (same owner, mode 0600), or "
            "from the backup that belongs to this database; a new one would not fit it",
            name);
    char *text = make(env);
    g_clear_pointer(&e, err_free);
    e = keyfile_create(env, dir, name, text);
    secret_free(text);
    if (e != NULL && err_code(e) != ERR_CONFLICT) /* CONFLICT: another process was faster */
        return g_steal_pointer(&e);
    return keyfile_read(dir, name, ret);
}

static char *make_rest(const struct env *env)
{
    unsigned char key[REST_KEY_SIZE];
    env->random(env->data, key, sizeof key);
    char *base64 = g_base64_encode(key, sizeof key);
    char *text = g_strconcat(base64, "\n", NULL);
    secret_wipe(key, sizeof key);
    secret_free(base64);
    return text;
}

err_t *keyfile_rest(const struct env *env, const char *dir, bool may_make,
                    unsigned char ret[REST_KEY_SIZE])
{
    char *text = NULL;
    gsize size = 0;
    TRY(obtain(env, dir, KEYFILE_REST, make_rest, may_make, &text));
    guchar *key = g_base64_decode(g_strstrip(text), &size);
    char *again = g_base64_encode(key, size);
    bool ok = size == REST_KEY_SIZE && strcmp(again, text) == 0;
    if (ok)
        memcpy(ret, key, REST_KEY_SIZE);
    secret_wipe(key, size);
    g_free(key);
    secret_free(again);
    secret_free(text);
    return ok ? NULL
              : err(CONFIG, "'%s/%s' does not hold a key: %d bytes in base64 are expected", dir,
                    KEYFILE_REST, REST_KEY_SIZE);
}

static char *make_site(const struct env *env)
{
    AUTO(keypairs) keys = keypairs_create(env);
    return keypairs_print(keys);
}

err_t *keyfile_site(const struct env *env, const char *dir, bool may_make, struct keypairs **ret)
{
    char *text = NULL;
    TRY(obtain(env, dir, KEYFILE_SITE, make_site, may_make, &text));
    err_t *e = keypairs_parse(text, ret);
    secret_free(text);
    return e == NULL ? NULL : err_recode(CONFIG, e, "cannot use '%s/%s'", dir, KEYFILE_SITE);
}

err_t *keyfile_site_rotate(const struct env *env, const char *dir, const char *site_id,
                           struct keypairs **ret)
{
    AUTO(keypairs) keys = NULL;
    AUTO_FD lock = -1;
    TRY(lock_file(dir, SITE_LOCK, &lock));
    TRY(keyfile_site(env, dir, false, &keys));
    AUTO(keypairs) next = keypairs_create(env);
    keypairs_follow(next, keys, certificate_make(keys, site_id, next));
    char *text = keypairs_print(next);
    err_t *e = keyfile_replace(env, dir, KEYFILE_SITE, text);
    secret_free(text);
    if (e == NULL)
        *ret = TAKE(next);
    return e;
}

/* ---- marks ---- */

struct marks *marks_create(const char *site_id, const char *incarnation, int64_t counter)
{
    struct marks *marks = g_new0(struct marks, 1);

    g_strlcpy(marks->site_id, site_id, sizeof marks->site_id);
    g_strlcpy(marks->incarnation, incarnation, sizeof marks->incarnation);
    marks->counter = counter;
    marks->epochs = json_object();
    return marks;
}

void marks_destroy(struct marks *marks)
{
    if (marks == NULL)
        return;
    json_decref(marks->epochs);
    g_free(marks);
}

void marks_epochs(const struct marks *marks, const char *group, int64_t *ret_minted,
                  int64_t *ret_floor)
{
    const json_t *pair = json_object_get(marks->epochs, group);

    *ret_minted = json_integer_value(json_array_get(pair, 0));
    *ret_floor = json_integer_value(json_array_get(pair, 1));
}

/* True if something has risen. */
static bool epochs_raise(struct marks *marks, const char *group, int64_t minted, int64_t floor)
{
    int64_t known_minted, known_floor;

    marks_epochs(marks, group, &known_minted, &known_floor);
    if (minted <= known_minted && floor <= known_floor)
        return false;
    json_t *pair = json_array();
    json_array_append_new(pair, json_integer(MAX(minted, known_minted)));
    json_array_append_new(pair, json_integer(MAX(floor, known_floor)));
    json_set(marks->epochs, group, pair);
    return true;
}

void marks_epochs_raise(struct marks *marks, const char *group, int64_t minted, int64_t floor)
{
    epochs_raise(marks, group, minted, floor);
}

static bool epochs_valid(const json_t *epochs)
{
    const char *group;
    json_t *pair;

    json_object_foreach((json_t *)epochs, group, pair)
    {
        if (json_array_size(pair) != 2 || !json_is_integer(json_array_get(pair, 0)) ||
            !json_is_integer(json_array_get(pair, 1)))
            return false;
    }
    return json_is_object(epochs);
}

static err_t *parse_marks(const char *dir, const char *text, struct marks **ret)
{
    g_autoptr(json_t) j = NULL;
    err_t *e = json_parse(text, strlen(text), "the file", &j);
    if (e != NULL)
        return err_recode(CONFIG, e, "cannot use '%s/%s'", dir, KEYFILE_MARKS);
    AUTO(marks)
    marks = marks_create(json_str_or(j, "site", ""), json_str_or(j, "incarnation", ""),
                         json_int(j, "counter", -1));
    json_t *epochs = json_object_get(j, "epochs");
    bool valid = g_uuid_string_is_valid(marks->site_id) && marks->incarnation[0] != '\0' &&
                 marks->counter >= 0 && epochs_valid(epochs);
    if (!valid)
        return err_remedy(err(CONFIG, "'%s/%s' lacks a usable site, incarnation, counter or epochs",
                              dir, KEYFILE_MARKS),
                          "take it from a backup of the folder, or remove it and say "
                          "protector-manage db restored");
    json_decref(marks->epochs);
    marks->epochs = json_incref(epochs);
    *ret = TAKE(marks);
    return NULL;
}

err_t *keyfile_marks(const char *dir, struct marks **ret)
{
    g_autofree char *text = NULL;
    g_autoptr(err_t) e = keyfile_read(dir, KEYFILE_MARKS, &text);
    if (e == NULL)
        return parse_marks(dir, text, ret);
    if (err_code(e) != ERR_NOT_FOUND)
        return g_steal_pointer(&e);
    *ret = marks_create("", "", 0);
    return NULL;
}

static err_t *write_marks(const struct env *env, const char *dir, const struct marks *marks)
{
    g_autoptr(json_t) j = json_object();

    g_assert(marks->incarnation[0] != '\0' && marks->counter >= 0);
    json_set_str(j, "site", marks->site_id);
    json_set_str(j, "incarnation", marks->incarnation);
    json_set_int(j, "counter", marks->counter);
    json_set(j, "epochs", json_incref(marks->epochs));
    g_autofree char *text = json_print(j);
    return keyfile_replace(env, dir, KEYFILE_MARKS, text);
}

/* Takes what 'from' knows of any group into 'to'; true if something has risen. */
static bool epochs_merge(struct marks *to, const struct marks *from)
{
    bool risen = false;
    const char *group;
    json_t *pair;

    json_object_foreach(from->epochs, group, pair)
    {
        int64_t minted, floor;
        marks_epochs(from, group, &minted, &floor);
        risen |= epochs_raise(to, group, minted, floor);
    }
    return risen;
}

err_t *keyfile_marks_raise(const struct env *env, const char *dir, const struct marks *marks)
{
    AUTO(marks) now = NULL;
    AUTO_FD lock = -1;
    TRY(lock_file(dir, MARKS_LOCK, &lock));
    TRY(keyfile_marks(dir, &now));
    bool first = now->incarnation[0] == '\0';
    if (!first && strcmp(now->incarnation, marks->incarnation) != 0)
        return err(FENCED,
                   "'%s/%s' belongs to incarnation %s, this process to %s: the database was "
                   "restored or exchanged while it ran",
                   dir, KEYFILE_MARKS, now->incarnation, marks->incarnation);
    bool risen = epochs_merge(now, marks) || marks->counter > now->counter;
    if (!first && !risen)
        return NULL;
    g_strlcpy(now->site_id, marks->site_id, sizeof now->site_id);
    g_strlcpy(now->incarnation, marks->incarnation, sizeof now->incarnation);
    now->counter = MAX(now->counter, marks->counter);
    return write_marks(env, dir, now);
}

err_t *keyfile_marks_set(const struct env *env, const char *dir, const struct marks *marks)
{
    AUTO(marks) now = NULL;
    AUTO_FD lock = -1;
    TRY(lock_file(dir, MARKS_LOCK, &lock));
    TRY(keyfile_marks(dir, &now));
    AUTO(marks) next = marks_create(marks->site_id, marks->incarnation, marks->counter);
    epochs_merge(next, now);
    epochs_merge(next, marks);
    return write_marks(env, dir, next);
}
