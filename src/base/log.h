/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - lines as oslo.log writes them, to standard error and to <log_dir>/<program>.log.
 *
 *     2026-11-21 11:38:44.123 4711 INFO protector.engine [None req-… user project - - - -] message
 *     2026-11-21 11:38:44.123 4711 INFO protector.engine [-] message            (without a context)
 *
 * Only daemons log: libraries return errors, and the top writes each error once with its chain.
 * Secrets are masked on every line whatever its level; line breaks and other control characters are
 * written as \n, \t, \x1b, so that no foreign text can pretend to be a line of ours.  A line is one
 * writev to each place.  All functions may be called by any thread at any time.
 */
#pragma once

#include "base/auto.h"
#include "base/env.h"
#include "base/err.h"

#define LOG_LINE_MAX 16384 /* bytes of a message; the rest is cut and counted */

enum log_level {
    LOG_LEVEL_DEBUG, /* written only with [DEFAULT] debug */
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_CRITICAL,
};

/* Who a line is written for; NULL members are printed as oslo.log does. */
struct log_context {
    const char *global_request_id;
    const char *request_id;
    const char *user;
    const char *project;
    const char *domain;
    const char *system_scope;
    const char *user_domain;
    const char *project_domain;
};

struct log;

/*
 * Opens the log of 'program' ("protector-api").  'dir' NULL: standard error only.  The file is
 * appended to, made with mode 0640, and belongs to the owner of 'dir' also when made by root.
 * 'env' must outlive the log.  Code CONFIG if the file cannot be opened.
 */
err_t *log_create(const struct env *env, const char *program, const char *dir,
                  struct log **ret) MUST_CHECK;
void log_destroy(struct log *log);
AUTO_DEFINE(log, log_destroy)

/* Opens the file again under its name, after a rotation.  On failure the old one stays in use. */
err_t *log_reopen(struct log *log) MUST_CHECK;
/* Switches debug lines on or off. */
void log_set_debug(struct log *log, bool debug);
/* True if debug lines are written: spares the work of composing them. */
bool log_is_debug(const struct log *log);
/* Standard error gets the lines too (the default), or not. */
void log_set_stderr(struct log *log, bool on);

/*
 * Writes one line.  'name' is the part of the program ("protector.api.sites"), 'context' may be
 * NULL.  A disk that is full loses lines; nobody is stopped by it.
 */
void log_write(struct log *log, enum log_level level, const char *name,
               const struct log_context *context, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/*
 * Writes an error with its chain, its code, its remedy and where it was made.  Does not take 'e'.
 * The format says what was going on: "cannot validate site 'b'".
 */
void log_err(struct log *log, enum log_level level, const char *name,
             const struct log_context *context, const err_t *e, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
