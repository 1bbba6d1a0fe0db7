/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - what the three programs begin with: options, protector.conf, log, the identity of the
 * site, connections to the database, the transport.  Made after fork().
 */
#pragma once

#include "base/conf.h"
#include "base/env.h"
#include "base/log.h"
#include "cloud/keystone.h"
#include "net/curl.h"
#include "store/exchange.h"

#include <protector/driver.h>

#define PROCESS_CONNECTIONS_MAX 64 /* idle ones that are kept */
#define PROCESS_RESTORED_TEXT                                                                      \
    "THE DATABASE WAS RESTORED FROM AN OLDER COPY: every protection group recovers, what ran is "  \
    "parked.  do: carry both sites' outboxes (protector protection-group sync-force)"

struct process {
    const char *program; /* "protector-api" */
    const struct env *env;
    struct conf *conf;
    struct log *log;
    struct site_identity identity;
    struct exchange exchange;
    struct curl_transport *curl;
    struct http_transport http; /* over it; with debug each exchange is a line */
    GMutex lock;                /* of 'idle' */
    GPtrArray *idle;            /* connections not in use */
    GPtrArray *retired;         /* keys that were exchanged; others may still hold them */
};

/*
 * The arguments that are not --config-file FILE or --config-dir FOLDER.  '*ret' NULL: one of these
 * has no value (said on standard error).  Caller frees with g_strfreev.
 */
void process_words(const char *program, char **argv, char ***ret);
/*
 * For the two services, which take no other arguments: true if there is nothing to start, and the
 * exit code: 0 after --help or --version, 2 after anything that is not understood.
 */
bool process_said_enough(const char *program, char **argv, int *ret_code);
/* --config-file FILE and --config-dir FOLDER (repeatable), else the default places. */
err_t *process_conf(const char *program, char **argv, struct conf **ret) MUST_CHECK;
/*
 * What the configuration says that will not be as one may think: unknown options, and those that
 * are accepted and not used yet.  Of char *; freed by g_ptr_array_unref.
 */
GPtrArray *process_warnings(const struct conf *conf);
/* The same of the driver's own options, which only its table knows. */
GPtrArray *process_driver_warnings(const struct conf *conf, const struct protector_driver *driver);
/* The service account, as [keystone_authtoken] has it; borrows from 'conf'. */
struct keystone_credentials process_credentials(const struct conf *conf);
/* What no start may go on without: credentials that can be used, a cafile that can be read. */
err_t *process_check(const struct conf *conf) MUST_CHECK;
/*
 * Configuration and log.  A service ('has_file') writes to log_dir too; a log_dir that cannot be
 * written is a warning.  Warnings are logged.
 */
void process_begin(struct process *p, const char *program, struct conf *conf, bool has_file);
/* Why a service ends: into its log, or on standard error if there is none yet.  Frees 'e'; 1. */
int process_fail(const struct process *p, const char *program, err_t *e);
/* DB_SCHEMA unless the tables are those of this program. */
err_t *process_schema(struct db *db) MUST_CHECK;
/* Keys of state_path and the site's row; with 'may_make' they are made where there are none. */
err_t *process_identity(struct process *p, bool may_make) MUST_CHECK;
/* New keys of the site, or those of a rotation that was begun here: site.keys, then the row. */
err_t *process_keys_rotate(struct process *p) MUST_CHECK;
/* New keys in place of lost ones.  CONFLICT if there is a site.keys. */
err_t *process_keys_replace(struct process *p) MUST_CHECK;
/* The transport (after fork, as its handles do not survive one). */
void process_connect(struct process *p);
void process_end(struct process *p);

/* A connection; never NULL: one that cannot be opened answers every statement with its error. */
struct db *process_db_get(void *process);
void process_db_put(void *process, struct db *db);
const char *process_state_path(const struct process *p);

/* The doorbell: a datagram to the engine's socket in state_path.  Losing one delays work only. */
void bell_ring(void *process);
err_t *bell_open(const struct process *p, int *ret_fd) MUST_CHECK;
/* Waits for a ring, at most 'ms'; true if there was one. */
bool bell_wait(int fd, int64_t ms);
