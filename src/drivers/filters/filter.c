/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - the part that all filters share: the forwarding of every verb.  See filter.h.
 *
 * Invariant: after is called once for each before that returned PROTECTOR_OK (serial.c unlocks
 * there).
 */
#include "drivers/filters/filter.h"

#include <pthread.h>
#include <stdlib.h>

struct filter {
    struct protector_driver driver; /* what is handed out; driver.data points here */
    const struct filter_ops *ops;
    const struct protector_driver *next;
    void *state;
};

struct protector_handle {
    const struct filter *filter;
    const struct protector_host *host;
    struct protector_handle *next;
    pthread_mutex_t lock;
};

const char *filter_verb_name(enum filter_verb verb)
{
    static const char *const names[] = {
#define VERB(name, can) #name,
#include "drivers/filters/verbs.def"
#undef VERB
    };
    return verb < FILTER_VERB_COUNT ? names[verb] : "?";
}

static void *must_alloc(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL)
        abort();
    return memory;
}

/* ---- life ---- */

static enum protector_status filter_configure(const struct protector_driver *self,
                                              const struct protector_host *host,
                                              struct protector_error *error)
{
    const struct filter *filter = self->data;

    if (filter->next->configure == NULL)
        return PROTECTOR_OK;
    return filter->next->configure(filter->next, host, error);
}

static enum protector_status filter_open(const struct protector_driver *self,
                                         const struct protector_host *host,
                                         const struct protector_pair *pair,
                                         struct protector_handle **ret,
                                         struct protector_error *error)
{
    const struct filter *filter = self->data;
    struct protector_handle *next = NULL;
    enum protector_status status = filter->next->open(filter->next, host, pair, &next, error);
    struct protector_handle *handle;

    if (status != PROTECTOR_OK)
        return status;
    handle = must_alloc(sizeof *handle);
    handle->filter = filter;
    handle->host = host;
    handle->next = next;
    pthread_mutex_init(&handle->lock, NULL);
    *ret = handle;
    return PROTECTOR_OK;
}

static void filter_close(struct protector_handle *handle)
{
    if (handle == NULL)
        return;
    handle->filter->next->close(handle->next);
    pthread_mutex_destroy(&handle->lock);
    free(handle);
}

/* ---- verbs ---- */

static struct filter_call call_begin(struct protector_handle *handle, enum filter_verb verb,
                                     const struct protector_call *call, const char *about)
{
    return (struct filter_call){.verb = verb,
                                .call = call,
                                .about = about,
                                .host = handle->host,
                                .state = handle->filter->state,
                                .handle_lock = &handle->lock};
}

static enum protector_status call_before(struct protector_handle *handle, struct filter_call *c,
                                         struct protector_error *error)
{
    const struct filter_ops *ops = handle->filter->ops;

    *error = (struct protector_error){0};
    return ops->before == NULL ? PROTECTOR_OK : ops->before(c, error);
}

static enum protector_status call_after(struct protector_handle *handle, struct filter_call *c,
                                        enum protector_status status, struct protector_error *error)
{
    const struct filter_ops *ops = handle->filter->ops;

    if (status == PROTECTOR_OK)
        error->message[0] = '\0'; /* a driver may have asked itself something that failed */
    return ops->after == NULL ? status : ops->after(c, status, error);
}

static enum protector_status call_absent(struct protector_handle *handle, enum filter_verb verb,
                                         struct protector_error *error)
{
    return protector_fail(error, PROTECTOR_UNSUPPORTED, "storage driver '%s' cannot do '%s'",
                          handle->filter->driver.name, filter_verb_name(verb));
}

#define UNPACK(...) __VA_ARGS__
/* VERB, what it is about, its parameters and its arguments between call and error. */
#define FORWARD(verb, about_, params, args)                                                        \
    static enum protector_status forward_##verb(struct protector_handle *handle,                   \
                                                const struct protector_call *call UNPACK params,   \
                                                struct protector_error *error)                     \
    {                                                                                              \
        const struct protector_driver *next = handle->filter->next;                                \
        struct filter_call c = call_begin(handle, FILTER_VERB_##verb, call, (about_));             \
        enum protector_status status = call_before(handle, &c, error);                             \
                                                                                                   \
        if (status != PROTECTOR_OK)                                                                \
            return status;                                                                         \
        status = next->verb == NULL ? call_absent(handle, FILTER_VERB_##verb, error)               \
                                    : next->verb(handle->next, call UNPACK args, error);           \
        return call_after(handle, &c, status, error);                                              \
    }

FORWARD(volume_find, volume->cinder_id,
        (, const struct protector_volume *volume, struct protector_volume_place *ret),
        (, volume, ret))
FORWARD(group_ensure, NULL, (), ())
FORWARD(group_delete, NULL, (), ())
FORWARD(volume_add, volume->subject, (, const struct protector_volume *volume), (, volume))
FORWARD(volume_remove, subject, (, const char *subject), (, subject))
FORWARD(replication_start, NULL, (), ())
FORWARD(replication_stop, NULL, (), ())
FORWARD(points_list, NULL, (, protector_point_row *row, void *data), (, row, data))
FORWARD(replicate_now, key, (, const char *key, struct protector_point_state *ret), (, key, ret))
FORWARD(point_status, point_id, (, const char *point_id, struct protector_point_state *ret),
        (, point_id, ret))
FORWARD(recover, what->volume->subject,
        (, const struct protector_recover *what, struct protector_copy *ret), (, what, ret))
FORWARD(clone, what->volume->subject,
        (, const struct protector_recover *what, struct protector_copy *ret), (, what, ret))
FORWARD(overwrite, what->volume->subject,
        (, const struct protector_recover *what, const struct protector_volume *existing,
         const char *safety_key, struct protector_copy *ret_safety),
        (, what, existing, safety_key, ret_safety))
FORWARD(copy_find, key, (, const char *key, struct protector_copy *ret), (, key, ret))
FORWARD(copies_list, NULL, (, protector_copy_row *row, void *data), (, row, data))
FORWARD(copy_release, key, (, const char *key), (, key))
FORWARD(copy_delete, key, (, const char *key), (, key))
FORWARD(fence, NULL, (), ())
FORWARD(unfence, NULL, (), ())
FORWARD(reverse, NULL, (), ())
FORWARD(promote, NULL, (), ())
FORWARD(demote, NULL, (), ())
FORWARD(health, NULL, (, struct protector_health *ret), (, ret))
FORWARD(tag_get, NULL, (, protector_tag_row *row, void *data), (, row, data))
FORWARD(tag_set, NULL, (, const struct protector_tag *tag), (, tag))
FORWARD(tag_list, NULL, (, protector_tag_of_row *row, void *data), (, row, data))
FORWARD(verify, what->volume->subject,
        (, const struct protector_recover *what, struct protector_digests *ret), (, what, ret))

const struct protector_driver *filter_create(const struct filter_ops *ops,
                                             const struct protector_driver *next)
{
    struct filter *filter = must_alloc(sizeof *filter);

    filter->driver = (struct protector_driver){
        PROTECTOR_DRIVER_STAMP,
        .name = next->name,
        .title = next->title,
        .version = next->version,
        .can = next->can,
        .threads = ops == &filter_serial ? PROTECTOR_THREADS_ANY : next->threads,
        .options = next->options,
        .data = filter,
        .configure = filter_configure,
        .open = filter_open,
        .close = filter_close,
#define VERB(name, can) .name = forward_##name,
#include "drivers/filters/verbs.def"
#undef VERB
    };
    filter->ops = ops;
    filter->next = next;
    if (ops->state_size > 0)
        filter->state = must_alloc(ops->state_size);
    if (ops->init != NULL)
        ops->init(filter->state, next);
    return &filter->driver;
}

void filter_destroy(const struct protector_driver *driver)
{
    struct filter *filter;

    if (driver == NULL)
        return;
    filter = (struct filter *)driver; /* its first member; made by filter_create */
    if (filter->ops->fini != NULL)
        filter->ops->fini(filter->state);
    free(filter->state);
    free(filter);
}
