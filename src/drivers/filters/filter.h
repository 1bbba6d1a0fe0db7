/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - a driver around a driver: every verb is passed on, with a look before and after.
 *
 * A filter has the shape of a driver and so stacks on any, filters too.  It keeps to the driver
 * interface alone (no other header of the project), as any driver does.  Verbs that the wrapped
 * driver lacks answer PROTECTOR_UNSUPPORTED, so that the outermost filter has no NULL verb but
 * configure.  fault.c, delay.c, log.c and serial.c are the filters.
 */
#pragma once

#include <protector/driver.h>

enum filter_verb {
#define VERB(name, can) FILTER_VERB_##name,
#include "drivers/filters/verbs.def"
#undef VERB
    FILTER_VERB_COUNT
};

/* "recover"; never NULL for a verb below FILTER_VERB_COUNT. */
const char *filter_verb_name(enum filter_verb verb);

/* One call that passes through. */
struct filter_call {
    enum filter_verb verb;
    const struct protector_call *call;
    const char *about; /* the key, point or subject it names, or NULL */
    const struct protector_host *host;
    void *state;       /* of the filter */
    void *handle_lock; /* pthread_mutex_t of this handle */
    int64_t begun_ms;  /* by the monotonic clock; set by 'before' of filters that want it */
};

struct filter_ops {
    const char *name;
    const struct protector_option *options; /* of [storage]; or NULL */
    size_t state_size;                      /* of the filter's state, zeroed at create */
    void (*init)(void *state, const struct protector_driver *next);
    void (*fini)(void *state);
    /* Not PROTECTOR_OK: that is the result, the call goes no further and 'after' is not called. */
    enum protector_status (*before)(struct filter_call *c, struct protector_error *error);
    /* Gets the status from below and gives the one to return. */
    enum protector_status (*after)(struct filter_call *c, enum protector_status status,
                                   struct protector_error *error);
};

extern const struct filter_ops filter_fault;  /* fails calls as a file says */
extern const struct filter_ops filter_delay;  /* makes calls slow */
extern const struct filter_ops filter_log;    /* tells each call to the log */
extern const struct filter_ops filter_serial; /* keeps the wrapped driver's thread model */

/* Wraps 'next', which must outlive it.  Same name, capabilities and options.  Aborts on exhaustion.
 */
const struct protector_driver *filter_create(const struct filter_ops *ops,
                                             const struct protector_driver *next);
/* Frees the filter, not what it wraps.  No handle of it may be open.  Accepts NULL. */
void filter_destroy(const struct protector_driver *filter);
