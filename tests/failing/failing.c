/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failing - see failing.h.  Each function counts, fails or passes on to the next definition of its
 * name, which is libc's.
 */
#include "tests/failing/failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a call is: which hows it heeds, and what FAILING_IO is for it. */
enum what { WRITES = 1, TAKES_BYTES = 2, MAY_BE_INTERRUPTED = 4 };

static struct {
    int left; /* calls until it fails; 0: none does */
    enum failing_how how;
    const char *name;
    bool struck;
} state = {.name = ""};

static bool heeds(enum failing_how how, int what)
{
    switch (how) {
    case FAILING_FULL:
        return (what & WRITES) != 0;
    case FAILING_SIGNAL:
        return (what & MAY_BE_INTERRUPTED) != 0;
    case FAILING_SHORT:
        return (what & TAKES_BYTES) != 0;
    default:
        return true;
    }
}

static void tell(void);

/* Whether this call is the one.  errno is set for it. */
static bool strikes(const char *name, int what, int number)
{
    if (__atomic_load_n(&state.left, __ATOMIC_SEQ_CST) <= 0 || !heeds(state.how, what) ||
        __atomic_sub_fetch(&state.left, 1, __ATOMIC_SEQ_CST) != 0)
        return false;
    state.name = name;
    state.struck = true;
    tell();
    errno = state.how == FAILING_FULL ? ENOSPC : state.how == FAILING_SIGNAL ? EINTR : number;
    return true;
}

void failing_arm(int nth, enum failing_how how)
{
    state.how = how;
    state.struck = false;
    state.name = "";
    __atomic_store_n(&state.left, nth, __ATOMIC_SEQ_CST);
}

bool failing_disarm(void)
{
    __atomic_store_n(&state.left, 0, __ATOMIC_SEQ_CST);
    return state.struck;
}

const char *failing_name(void)
{
    return state.name;
}

/* Preloaded. */
__attribute__((constructor)) static void from_environment(void)
{
    const char *at = getenv("FAILING_AT");
    gint64 nth = 0;

    if (at != NULL && g_ascii_string_to_signed(at, 10, 1, G_MAXINT, &nth, NULL))
        failing_arm((int)nth, FAILING_IO);
}

/* At once, as a daemon may end by a signal; by calls that nothing here counts. */
static void tell(void)
{
    const char *path = getenv("FAILING_TOLD");
    long fd = path != NULL ? syscall(SYS_openat, AT_FDCWD, path,
                                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
                           : -1;

    if (fd >= 0 && syscall(SYS_write, fd, state.name, strlen(state.name)) > 0)
        syscall(SYS_close, fd);
}

/* ---- the functions ---- */

#define EXPORT __attribute__((visibility("default")))
/* The next definition of the enclosing function's name. */
#define NEXT(type, name)                                                                           \
    static type next;                                                                              \
    if (next == NULL)                                                                              \
    next = (type)dlsym(RTLD_NEXT, name)

/* A call that succeeds with 0 or a descriptor, or fails with -1. */
#define PLAIN(name, flags, number, parameters, ...)                                                \
    EXPORT int name parameters;                                                                    \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        typedef int fn parameters;                                                                 \
        NEXT(fn *, #name);                                                                         \
        return strikes(#name, flags, number) ? -1 : next(__VA_ARGS__);                             \
    }

/* A call that moves 'size' bytes of 'fd'. */
#define BYTES(name, flags, number, parameters, ...)                                                \
    EXPORT ssize_t name parameters;                                                                \
    EXPORT ssize_t name parameters                                                                 \
    {                                                                                              \
        typedef ssize_t fn parameters;                                                             \
        NEXT(fn *, #name);                                                                         \
        if (fd > STDERR_FILENO && size > 0 &&                                                      \
            strikes(#name, (flags) | MAY_BE_INTERRUPTED | (size > 1 ? TAKES_BYTES : 0), number)) { \
            if (state.how != FAILING_SHORT)                                                        \
                return -1;                                                                         \
            size = 1;                                                                              \
        }                                                                                          \
        return next(__VA_ARGS__);                                                                  \
    }

/* clang-format off */
BYTES(read,     0,      EIO,        (int fd, void *data, size_t size), fd, data, size)
BYTES(pread,    0,      EIO,        (int fd, void *data, size_t size, off_t at), fd, data, size, at)
BYTES(pread64,  0,      EIO,        (int fd, void *data, size_t size, off_t at), fd, data, size, at)
BYTES(__read_chk, 0,    EIO,        (int fd, void *data, size_t size, size_t room), fd, data, size, room)
BYTES(write,    WRITES, EIO,        (int fd, const void *data, size_t size), fd, data, size)
BYTES(pwrite,   WRITES, EIO,        (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
BYTES(pwrite64, WRITES, EIO,        (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
BYTES(recv,     0,      ECONNRESET, (int fd, void *data, size_t size, int flags), fd, data, size, flags)
BYTES(__recv_chk, 0,    ECONNRESET, (int fd, void *data, size_t size, size_t room, int flags), fd, data, size, room, flags)
BYTES(send,     0,      ECONNRESET, (int fd, const void *data, size_t size, int flags), fd, data, size, flags)
PLAIN(fsync,     WRITES, EIO,    (int fd), fd)
PLAIN(fdatasync, WRITES, EIO,    (int fd), fd)
PLAIN(ftruncate, WRITES, EIO,    (int fd, off_t size), fd, size)
PLAIN(ftruncate64, WRITES, EIO,  (int fd, off_t size), fd, size)
PLAIN(rename,    WRITES, EIO,    (const char *from, const char *to), from, to)
PLAIN(renameat,  WRITES, EIO,    (int from_fd, const char *from, int to_fd, const char *to), from_fd, from, to_fd, to)
PLAIN(link,      WRITES, EIO,    (const char *from, const char *to), from, to)
PLAIN(linkat,    WRITES, EIO,    (int from_fd, const char *from, int to_fd, const char *to, int flags), from_fd, from, to_fd, to, flags)
PLAIN(unlink,    0,      EIO,    (const char *path), path)
PLAIN(unlinkat,  0,      EIO,    (int fd, const char *path, int flags), fd, path, flags)
PLAIN(mkdir,     WRITES, EIO,    (const char *path, mode_t mode), path, mode)
PLAIN(flock,     MAY_BE_INTERRUPTED, EIO, (int fd, int operation), fd, operation)
PLAIN(fork,      0, EAGAIN,      (void))
PLAIN(connect,   0, ECONNREFUSED, (int fd, const struct sockaddr *to, socklen_t size), fd, to, size)
PLAIN(socket,    0, EMFILE,      (int domain, int type, int protocol), domain, type, protocol)
PLAIN(bind,      0, EADDRINUSE,  (int fd, const struct sockaddr *to, socklen_t size), fd, to, size)
PLAIN(listen,    0, EADDRINUSE,  (int fd, int backlog), fd, backlog)
PLAIN(accept4,   0, ECONNABORTED, (int fd, struct sockaddr *from, socklen_t *size, int flags), fd, from, size, flags)
/* clang-format on */

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count);
EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    typedef ssize_t fn(int, const struct iovec *, int);
    NEXT(fn *, "writev");
    if (fd > STDERR_FILENO && strikes("writev", WRITES | MAY_BE_INTERRUPTED, EIO))
        return -1;
    return next(fd, parts, count);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags);
EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    typedef ssize_t fn(int, const struct msghdr *, int);
    NEXT(fn *, "sendmsg");
    return strikes("sendmsg", MAY_BE_INTERRUPTED, ECONNRESET) ? -1 : next(fd, message, flags);
}

/* Those that take a mode with O_CREAT. */
#define OPENS(name, parameters, ...)                                                               \
    EXPORT int name parameters;                                                                    \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        typedef int fn parameters;                                                                 \
        NEXT(fn *, #name);                                                                         \
        mode_t mode = 0;                                                                           \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                  \
            mode = va_arg(args, mode_t);                                                           \
        va_end(args);                                                                              \
        int what = (flags & O_CREAT) != 0 ? WRITES : 0;                                            \
        return strikes(#name, what, EMFILE) ? -1 : next(__VA_ARGS__, flags, mode);                 \
    }

OPENS(open, (const char *path, int flags, ...), path)
OPENS(open64, (const char *path, int flags, ...), path)
OPENS(openat, (int fd, const char *path, int flags, ...), fd, path)
OPENS(openat64, (int fd, const char *path, int flags, ...), fd, path)
