/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serial - keeps a driver's thread model, so that the engine may call any driver from any thread.
 *
 * Invariant: a lock taken in before is released in after, always of the same call.
 */
#include "drivers/filters/filter.h"

#include <pthread.h>

struct serial {
    enum protector_threads threads;
    pthread_mutex_t all;
};

static void serial_init(void *state, const struct protector_driver *next)
{
    struct serial *serial = state;

    serial->threads = next->threads;
    pthread_mutex_init(&serial->all, NULL);
}

static void serial_fini(void *state)
{
    struct serial *serial = state;

    pthread_mutex_destroy(&serial->all);
}

/* The lock that this call needs, or NULL. */
static pthread_mutex_t *serial_lock(struct filter_call *c)
{
    struct serial *serial = c->state;

    switch (serial->threads) {
    case PROTECTOR_THREADS_ONE:
        return &serial->all;
    case PROTECTOR_THREADS_HANDLE:
        return c->handle_lock;
    case PROTECTOR_THREADS_ANY:
        return NULL;
    }
    return &serial->all;
}

static enum protector_status serial_before(struct filter_call *c, struct protector_error *error)
{
    pthread_mutex_t *lock = serial_lock(c);

    (void)error;
    if (lock != NULL)
        pthread_mutex_lock(lock);
    return PROTECTOR_OK;
}

static enum protector_status serial_after(struct filter_call *c, enum protector_status status,
                                          struct protector_error *error)
{
    pthread_mutex_t *lock = serial_lock(c);

    (void)error;
    if (lock != NULL)
        pthread_mutex_unlock(lock);
    return status;
}

const struct filter_ops filter_serial = {
    .name = "serial",
    .state_size = sizeof(struct serial),
    .init = serial_init,
    .fini = serial_fini,
    .before = serial_before,
    .after = serial_after,
};
