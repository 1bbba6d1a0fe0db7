/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module - small driver modules, good and bad, by -DKIND_…: what the registry must take and refuse.
 *
 * GOOD: nothing wrong.  SHORT: built with an older header, whose table ended behind tag_get.  LONG:
 * a newer one.  ABI: another ABI.  LIAR: another name inside.  HOLE: lacks a verb.  PROMISE: says
 * it can fence and cannot.  EMPTY: exports nothing.
 */
#include <protector/driver.h>

static enum protector_status module_open(const struct protector_driver *self,
                                         const struct protector_host *host,
                                         const struct protector_pair *pair,
                                         struct protector_handle **ret,
                                         struct protector_error *error)
{
    (void)self;
    (void)host;
    (void)pair;
    (void)error;
    *ret = NULL;
    return PROTECTOR_OK;
}

static void module_close(struct protector_handle *handle)
{
    (void)handle;
}

static enum protector_status plain(struct protector_handle *handle,
                                   const struct protector_call *call, struct protector_error *error)
{
    (void)handle;
    (void)call;
    (void)error;
    return PROTECTOR_OK;
}

static enum protector_status of_volume(struct protector_handle *handle,
                                       const struct protector_call *call,
                                       const struct protector_volume *volume,
                                       struct protector_error *error)
{
    (void)volume;
    return plain(handle, call, error);
}

static enum protector_status of_text(struct protector_handle *handle,
                                     const struct protector_call *call, const char *text,
                                     struct protector_error *error)
{
    (void)text;
    return plain(handle, call, error);
}

static enum protector_status find(struct protector_handle *handle,
                                  const struct protector_call *call,
                                  const struct protector_volume *volume,
                                  struct protector_volume_place *ret, struct protector_error *error)
{
    (void)volume;
    (void)ret;
    return plain(handle, call, error);
}

static enum protector_status list_points(struct protector_handle *handle,
                                         const struct protector_call *call,
                                         protector_point_row *row, void *data,
                                         struct protector_error *error)
{
    (void)row;
    (void)data;
    return plain(handle, call, error);
}

static enum protector_status of_point(struct protector_handle *handle,
                                      const struct protector_call *call, const char *text,
                                      struct protector_point_state *ret,
                                      struct protector_error *error)
{
    (void)ret;
    return of_text(handle, call, text, error);
}

static enum protector_status make(struct protector_handle *handle,
                                  const struct protector_call *call,
                                  const struct protector_recover *what, struct protector_copy *ret,
                                  struct protector_error *error)
{
    (void)what;
    (void)ret;
    return plain(handle, call, error);
}

static enum protector_status find_copy(struct protector_handle *handle,
                                       const struct protector_call *call, const char *key,
                                       struct protector_copy *ret, struct protector_error *error)
{
    (void)ret;
    return of_text(handle, call, key, error);
}

static enum protector_status list_copies(struct protector_handle *handle,
                                         const struct protector_call *call, protector_copy_row *row,
                                         void *data, struct protector_error *error)
{
    (void)row;
    (void)data;
    return plain(handle, call, error);
}

__attribute__((unused)) static enum protector_status health(struct protector_handle *handle,
                                                            const struct protector_call *call,
                                                            struct protector_health *ret,
                                                            struct protector_error *error)
{
    (void)ret;
    return plain(handle, call, error);
}

#define TABLE_SIZE sizeof(struct protector_driver)
#define TABLE_ABI  PROTECTOR_DRIVER_ABI
#define TABLE_NAME KIND_NAME
#define TABLE_CAN  PROTECTOR_CAN_ASYNC
#define TABLE_LAST health

#if defined(KIND_SHORT)
#undef TABLE_SIZE
#define TABLE_SIZE offsetof(struct protector_driver, tag_set)
#elif defined(KIND_LONG)
#undef TABLE_SIZE
#define TABLE_SIZE sizeof(struct protector_driver) + sizeof(void *)
#elif defined(KIND_ABI)
#undef TABLE_ABI
#define TABLE_ABI PROTECTOR_DRIVER_ABI + 1
#elif defined(KIND_LIAR)
#undef TABLE_NAME
#define TABLE_NAME "honest"
#elif defined(KIND_HOLE)
#undef TABLE_LAST
#define TABLE_LAST NULL
#elif defined(KIND_PROMISE)
#undef TABLE_CAN
#define TABLE_CAN PROTECTOR_CAN_ASYNC | PROTECTOR_CAN_FENCE
#endif

PROTECTOR_EXPORT const struct protector_driver module_driver = {
    .size = TABLE_SIZE,
    .abi = TABLE_ABI,
    .name = TABLE_NAME,
    .title = "A module of the tests",
    .version = "1",
    .can = TABLE_CAN,
    .threads = PROTECTOR_THREADS_ANY,
    .open = module_open,
    .close = module_close,
    .volume_find = find,
    .group_ensure = plain,
    .group_delete = plain,
    .volume_add = of_volume,
    .volume_remove = of_text,
    .replication_start = plain,
    .replication_stop = plain,
    .points_list = list_points,
    .replicate_now = of_point,
    .point_status = of_point,
    .recover = make,
    .clone = make,
    .copy_find = find_copy,
    .copies_list = list_copies,
    .copy_release = of_text,
    .copy_delete = of_text,
    .health = TABLE_LAST,
};

#ifndef KIND_EMPTY
PROTECTOR_DRIVER(module_driver)
#endif
