/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs - how the mock's verbs are spread over its files; mock.c puts them into the driver.
 *
 * groups.c: groups, volumes, fences, direction, health, tags.  points.c: points.  copies.c: copies.
 */
#pragma once

#include "drivers/mock/store.h"

/* One point, wherever it comes from. */
struct mock_point {
    char id[PROTECTOR_ID_SIZE];
    int64_t time_ms;
    int64_t completes_ms; /* when the transfer is finished; INT64_MAX: never */
    int64_t lineage;
    char made_by[64];
    int live;       /* 1: its volumes are the members at 'members_at', not rows of its own */
    int members_at; /* 0 or 1: the end whose members count (live) */
};

/* ---- groups.c ---- */
enum protector_status mock_volume_find(struct protector_handle *h,
                                       const struct protector_call *call,
                                       const struct protector_volume *volume,
                                       struct protector_volume_place *ret,
                                       struct protector_error *error);
enum protector_status mock_group_ensure(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error);
enum protector_status mock_group_delete(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error);
enum protector_status mock_volume_add(struct protector_handle *h, const struct protector_call *call,
                                      const struct protector_volume *volume,
                                      struct protector_error *error);
enum protector_status mock_volume_remove(struct protector_handle *h,
                                         const struct protector_call *call, const char *subject,
                                         struct protector_error *error);
enum protector_status mock_replication_start(struct protector_handle *h,
                                             const struct protector_call *call,
                                             struct protector_error *error);
enum protector_status mock_replication_stop(struct protector_handle *h,
                                            const struct protector_call *call,
                                            struct protector_error *error);
enum protector_status mock_fence(struct protector_handle *h, const struct protector_call *call,
                                 struct protector_error *error);
enum protector_status mock_unfence(struct protector_handle *h, const struct protector_call *call,
                                   struct protector_error *error);
enum protector_status mock_reverse(struct protector_handle *h, const struct protector_call *call,
                                   struct protector_error *error);
enum protector_status mock_health(struct protector_handle *h, const struct protector_call *call,
                                  struct protector_health *ret, struct protector_error *error);
enum protector_status mock_tag_get(struct protector_handle *h, const struct protector_call *call,
                                   protector_tag_row *row, void *data,
                                   struct protector_error *error);
enum protector_status mock_tag_set(struct protector_handle *h, const struct protector_call *call,
                                   const struct protector_tag *tag, struct protector_error *error);
enum protector_status mock_tag_list(struct protector_handle *h, const struct protector_call *call,
                                    protector_tag_of_row *row, void *data,
                                    struct protector_error *error);

/* NOT_FOUND unless group_ensure was called at this end. */
enum protector_status mock_side_check(struct protector_handle *h, const struct protector_call *call,
                                      int site, struct protector_error *error);
/* When the target was fenced against the source, or -1. */
enum protector_status mock_fenced_since(struct protector_handle *h,
                                        const struct protector_call *call, int64_t *ret_ms,
                                        struct protector_error *error);

/* ---- points.c ---- */
enum protector_status mock_points_list(struct protector_handle *h,
                                       const struct protector_call *call, protector_point_row *row,
                                       void *data, struct protector_error *error);
enum protector_status mock_replicate_now(struct protector_handle *h,
                                         const struct protector_call *call, const char *key,
                                         struct protector_point_state *ret,
                                         struct protector_error *error);
enum protector_status mock_point_status(struct protector_handle *h,
                                        const struct protector_call *call, const char *point_id,
                                        struct protector_point_state *ret,
                                        struct protector_error *error);
/* Inside a transaction: the point at the target; NOT_FOUND. */
enum protector_status mock_point_find(struct protector_handle *h, const struct protector_call *call,
                                      const char *point_id, struct mock_point *ret,
                                      struct protector_error *error);
/* Inside a transaction: the newest complete point's time of this lineage from the source; 0: none.
 */
enum protector_status mock_newest_ms(struct protector_handle *h, const struct protector_call *call,
                                     int64_t *ret_ms, struct protector_error *error);
/* Prepares a query for subject, size_bytes, image_id of a point's volumes. */
enum protector_status mock_point_volumes(struct protector_handle *h,
                                         const struct protector_call *call,
                                         const struct mock_point *point, sqlite3_stmt **ret,
                                         struct protector_error *error);

/* ---- copies.c ---- */
enum protector_status mock_recover(struct protector_handle *h, const struct protector_call *call,
                                   const struct protector_recover *what, struct protector_copy *ret,
                                   struct protector_error *error);
enum protector_status mock_clone(struct protector_handle *h, const struct protector_call *call,
                                 const struct protector_recover *what, struct protector_copy *ret,
                                 struct protector_error *error);
enum protector_status mock_copy_find(struct protector_handle *h, const struct protector_call *call,
                                     const char *key, struct protector_copy *ret,
                                     struct protector_error *error);
enum protector_status mock_copies_list(struct protector_handle *h,
                                       const struct protector_call *call, protector_copy_row *row,
                                       void *data, struct protector_error *error);
enum protector_status mock_copy_release(struct protector_handle *h,
                                        const struct protector_call *call, const char *key,
                                        struct protector_error *error);
enum protector_status mock_copy_delete(struct protector_handle *h,
                                       const struct protector_call *call, const char *key,
                                       struct protector_error *error);
