/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - composes a line, masks it (mask.c), makes it harmless, and writes it out; see log.h.
 *
 * Invariant: 'file' is changed under 'mutex' and lines are written under it, so a line never goes
 * to a descriptor that was closed meanwhile.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/secrets.h"

#define FILE_MODE 0640

struct log {
    const struct env *env;
    char *dir;  /* NULL: no file */
    char *path; /* of the file */
    int file;   /* -1: none */
    gint debug; /* atomic */
    gint to_stderr;
    GMutex mutex;
};

static const char *level_text(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return "DEBUG";
    case LOG_LEVEL_INFO:
        return "INFO";
    case LOG_LEVEL_WARNING:
        return "WARNING";
    case LOG_LEVEL_ERROR:
        return "ERROR";
    case LOG_LEVEL_CRITICAL:
        return "CRITICAL";
    }
    g_assert_not_reached();
}

/* ---- the file ---- */

/* A file made by root belongs to whom its directory belongs, or the service could not open it. */
static void give_to_owner(int file, const char *dir)
{
    struct stat st;
    if (geteuid() == 0 && stat(dir, &st) == 0 && fchown(file, st.st_uid, st.st_gid) != 0)
        return; /* the next start of the service says that it cannot open the file */
}

static err_t *open_file(const struct log *log, int *ret)
{
    int file = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
    if (file < 0)
        return err_remedy(err(CONFIG, "cannot open log file '%s': %s", log->path,
                              g_strerror(errno)),
                          "make the directory '%s' of [DEFAULT] log_dir and let the service's user "
                          "write to it",
                          log->dir);
    give_to_owner(file, log->dir);
    *ret = file;
    return NULL;
}

err_t *log_create(const struct env *env, const char *program, const char *dir, struct log **ret)
{
    AUTO(log) log = g_new0(struct log, 1);
    log->env = env;
    log->file = -1;
    log->to_stderr = true;
    g_mutex_init(&log->mutex);
    if (dir != NULL) {
        log->dir = g_strdup(dir);
        log->path = g_strdup_printf("%s/%s.log", dir, program);
        TRY(open_file(log, &log->file));
    }
    *ret = TAKE(log);
    return NULL;
}

void log_destroy(struct log *log)
{
    if (log == NULL)
        return;
    if (log->file >= 0)
        close(log->file);
    g_mutex_clear(&log->mutex);
    g_free(log->dir);
    g_free(log->path);
    g_free(log);
}

err_t *log_reopen(struct log *log)
{
    int file = -1;
    if (log->path == NULL)
        return NULL;
    TRY(open_file(log, &file));
    g_mutex_lock(&log->mutex);
    int old = log->file;
    log->file = file;
    g_mutex_unlock(&log->mutex);
    close(old);
    return NULL;
}

void log_set_debug(struct log *log, bool debug)
{
    g_atomic_int_set(&log->debug, debug);
}

bool log_is_debug(const struct log *log)
{
    return g_atomic_int_get(&log->debug) != 0;
}

void log_set_stderr(struct log *log, bool on)
{
    g_atomic_int_set(&log->to_stderr, on);
}

/* ---- a line ---- */

/* "2026-11-21 11:38:44.123" in local time, as Python's logging does it. */
static void append_time(GString *out, int64_t now_ms)
{
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)(now_ms / 1000);
    localtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    g_string_append_printf(out, "%s.%03d", text, (int)(now_ms % 1000));
}

/* "[-]", or "[None req-… user project domain system user-domain project-domain]". */
static void append_context(GString *out, const struct log_context *context)
{
    if (context == NULL) {
        g_string_append(out, "[-] ");
        return;
    }
    const char *const fields[] = {context->request_id,    context->user,
                                  context->project,       context->domain,
                                  context->system_scope,  context->user_domain,
                                  context->project_domain};
    const char *global = context->global_request_id;
    g_string_append_printf(out, "[%s", global != NULL ? global : "None");
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        g_string_append_printf(out, " %s", fields[i] != NULL ? fields[i] : "-");
    g_string_append(out, "] ");
}

/* Appends 'text' with control characters and broken UTF-8 written as escapes, at most 'max' bytes.
 */
static void append_harmless(GString *out, const char *text, size_t max)
{
    size_t start = out->len;
    for (const char *at = text; *at != 0;) {
        if (out->len - start >= max) {
            g_string_append_printf(out, "… (%zu bytes cut)", strlen(at));
            return;
        }
        gunichar c = g_utf8_get_char_validated(at, -1);
        size_t size = c < 0x80 || c >= (gunichar)-2 ? 1 : (size_t)(g_utf8_next_char(at) - at);
        if (*at == '\n' || *at == '\r' || *at == '\t')
            g_string_append_printf(out, "\\%c", *at == '\n' ? 'n' : *at == '\r' ? 'r' : 't');
        else if (c >= (gunichar)-2 || c < 0x20 || c == 0x7f)
            g_string_append_printf(out, "\\x%02x", (unsigned char)*at);
        else if (g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029)
            g_string_append_printf(out, "\\u%04x", c);
        else
            g_string_append_len(out, at, (gssize)size);
        at += size;
    }
}

/* Writes all of it in one call where the system lets us. */
static void write_whole(int file, const char *text, size_t size)
{
    while (size > 0) {
        struct iovec iov = {(void *)(uintptr_t)text, size};
        ssize_t done = writev(file, &iov, 1);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* full disk, closed pipe: there is nobody to tell */
        text += done;
        size -= (size_t)done;
    }
}

static void write_line(struct log *log, enum log_level level, const char *name,
                       const struct log_context *context, const char *message)
{
    g_autoptr(GString) head = g_string_new(name);
    g_string_append_c(head, ' ');
    append_context(head, context);
    g_autofree char *masked_head = secrets_mask(head->str);
    g_autofree char *masked = secrets_mask(message);
    g_autoptr(GString) out = g_string_sized_new(256);
    append_time(out, env_now_ms(log->env));
    g_string_append_printf(out, " %d %s ", (int)getpid(), level_text(level));
    append_harmless(out, masked_head, LOG_LINE_MAX);
    append_harmless(out, masked, LOG_LINE_MAX);
    g_string_append_c(out, '\n');
    g_mutex_lock(&log->mutex);
    if (g_atomic_int_get(&log->to_stderr))
        write_whole(STDERR_FILENO, out->str, out->len);
    if (log->file >= 0)
        write_whole(log->file, out->str, out->len);
    g_mutex_unlock(&log->mutex);
}

void log_write(struct log *log, enum log_level level, const char *name,
               const struct log_context *context, const char *format, ...)
{
    if (level == LOG_LEVEL_DEBUG && !log_is_debug(log))
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    write_line(log, level, name, context, message);
}

void log_err(struct log *log, enum log_level level, const char *name,
             const struct log_context *context, const err_t *e, const char *format, ...)
{
    if (level == LOG_LEVEL_DEBUG && !log_is_debug(log))
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *doing = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *chain = err_text(e);
    g_autofree char *where = err_where(e);
    const char *remedy = err_remedy_text(e);
    g_autofree char *message =
        g_strdup_printf("%s: %s%s%s (%s, %s)", doing, chain, *remedy != 0 ? "; " : "", remedy,
                        err_code_text(e), where);
    write_line(log, level, name, context, message);
}
