/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - finds storage drivers by name: those built in, and modules in [storage] driver_path
 * (libprotector-driver-NAME.so).
 *
 * What it hands out is complete: wrapped in a filter that keeps the driver's thread model and
 * answers PROTECTOR_UNSUPPORTED for verbs that the driver lacks, so no verb but configure is NULL.
 */
#pragma once

#include <protector/driver.h>

#include "base/auto.h"
#include "base/err.h"

#define REGISTRY_DRIVERS_MAX 64 /* looked at in driver_path */
#define REGISTRY_FILTERS_MAX 8

struct registry;

/* 'driver_path' is a folder or NULL (only drivers that are built in).  Never fails. */
struct registry *registry_create(const char *driver_path);
/* No handle of a driver from here may be open.  Accepts NULL. */
void registry_destroy(struct registry *registry);
AUTO_DEFINE(registry, registry_destroy)

/*
 * The driver 'name' under 'filters' ("log,fault": log sees a call first; NULL or "": none).  It
 * belongs to the registry and is the same each time.  Codes: DRIVER_ABSENT (with the list, also as
 * detail "drivers"), DRIVER_ABI (the module does not fit this engine), CONFIG (an unknown filter, a
 * bad name).
 */
err_t *registry_find(struct registry *registry, const char *name, const char *filters,
                     const struct protector_driver **ret) MUST_CHECK;
/*
 * A driver in the place of one that could not be found: it has the name, can nothing, and its open
 * refuses with the words of 'why'.  So an engine runs without its driver, and each verb that needs
 * an array says what is missing.
 */
const struct protector_driver *registry_absent(struct registry *registry, const char *name,
                                               const err_t *why);
bool registry_is_absent(const struct protector_driver *driver);

/* "file, mock": every name that registry_find would take.  Caller frees. */
char *registry_names(const struct registry *registry);
/*
 * The options of [storage] that belong to drivers built in and to filters, for the sample of
 * protector.conf and its check: table 'i' (ended by a NULL name; NULL if that one has no options),
 * for i below registry_option_tables().  A module's table is in the driver that registry_find
 * gives.
 */
size_t registry_option_tables(void);
const struct protector_option *registry_option_table(size_t i);

/*
 * Does 'driver' fit: size and ABI, a name, and every verb its capabilities promise?  Code
 * DRIVER_ABI, with 'from' (a file) in the message.
 */
err_t *registry_check(const struct protector_driver *driver, const char *from) MUST_CHECK;
