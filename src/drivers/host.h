/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - what the engine gives to a storage driver, and what it makes of a driver's answers.
 *
 * The engine's side of <protector/driver.h>: adapts struct env, the configuration, the log and an
 * HTTP transport to struct protector_host, and a driver's status to an err_t.  Beside it registry.h
 * finds drivers; drivers themselves (mock/, filters/, modules) see neither.
 */
#pragma once

#include <protector/driver.h>

#include "base/auto.h"
#include "base/env.h"
#include "base/err.h"
#include "net/http.h"

/* Where the services come from.  Everything must outlive the host; 'data' goes to each function. */
struct driver_host_config {
    const struct env *env;
    void *data;
    /* The value in [storage], or NULL if it is not set. */
    const char *(*option)(void *data, const char *name);
    /* One line.  NULL: nobody listens. */
    void (*log)(void *data, enum protector_log_level level, const char *driver,
                const char *message);
    /* Waits.  NULL: returns at once (a simulation's clock moves by itself). */
    void (*pause_ms)(void *data, int64_t ms);
    /* It heeds the TLS settings of each request.  NULL: there is none. */
    const struct http_transport *transport;
    /* The driver's folder, or NULL. */
    const char *state_dir;
};

/* A host for one driver.  Copies 'config'; 'driver' (its name and option table) must outlive it. */
struct driver_host *driver_host_create(const struct driver_host_config *config,
                                       const struct protector_driver *driver);
void driver_host_destroy(struct driver_host *host);
AUTO_DEFINE(driver_host, driver_host_destroy)
/* The table to give to configure and open.  Belongs to 'host'. */
const struct protector_host *driver_host_table(const struct driver_host *host);

/*
 * Are the values of the driver's options (and of the filters') of their kinds?  Numbers are 0 to
 * 10^15, so that a driver need not doubt them.  To be asked once, before configure.  Code CONFIG.
 */
err_t *driver_host_check(const struct driver_host *host) MUST_CHECK;

/*
 * The error of a verb: NULL for PROTECTOR_OK.  The message names driver and verb.  Codes:
 * DRIVER_<STATUS>; PENDING too (DRIVER_PENDING, transient), for callers that do not wait.
 */
err_t *driver_error(const struct protector_driver *driver, const char *verb,
                    enum protector_status status, const struct protector_error *error) MUST_CHECK;
