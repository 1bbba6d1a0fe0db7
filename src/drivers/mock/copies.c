/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copies - the mock's copies: rows that say what Cinder is to make (PROTECTOR_CREATE).
 *
 * Invariant: a key names one copy of one subject of one point, for as long as its row is there.
 */
#include "drivers/mock/verbs.h"

#include <string.h>

#define COPY_SELECT "SELECT " MOCK_COPY_COLUMNS " FROM copies WHERE array=? AND grp=?"

static int key_fits(const char *key)
{
    return strlen(key) == PROTECTOR_KEY_SIZE - 1 &&
           strspn(key, "0123456789abcdef") == PROTECTOR_KEY_SIZE - 1;
}

static enum protector_status key_check(const char *key, struct protector_error *error)
{
    if (key_fits(key))
        return PROTECTOR_OK;
    return protector_fail(error, PROTECTOR_PERMANENT, "'%.80s' is no key: 64 hex digits are", key);
}

static void copy_read(sqlite3_stmt *stmt, const struct protector_call *call,
                      struct protector_copy *ret)
{
    *ret = (struct protector_copy){
        .epoch = sqlite3_column_int64(stmt, 3),
        .purpose = (enum protector_purpose)sqlite3_column_int(stmt, 4),
        .action = PROTECTOR_CREATE,
        .size_bytes = sqlite3_column_int64(stmt, 5),
        .finished = 1,
        .released = sqlite3_column_int(stmt, 7),
    };
    (void)snprintf(ret->key, sizeof ret->key, "%s", store_text(stmt, 0));
    (void)snprintf(ret->group_id, sizeof ret->group_id, "%s", call->group->id);
    (void)snprintf(ret->subject, sizeof ret->subject, "%s", store_text(stmt, 1));
    (void)snprintf(ret->point_id, sizeof ret->point_id, "%s", store_text(stmt, 2));
    (void)snprintf(ret->image_id, sizeof ret->image_id, "%s", store_text(stmt, 6));
}

/* The copy of 'key'; NOT_FOUND. */
static enum protector_status copy_get(struct protector_handle *h, const struct protector_call *call,
                                      const char *key, struct protector_copy *ret,
                                      struct protector_error *error)
{
    sqlite3_stmt *stmt = NULL;
    int found = 0;
    enum protector_status status = store_prepare(h, &stmt, error, COPY_SELECT " AND key=?", "sss",
                                                 h->url[call->site], call->group->id, key);

    if (status == PROTECTOR_OK) {
        found = store_step(h, stmt, &status, error) == 1;
        if (found)
            copy_read(stmt, call, ret);
    }
    (void)sqlite3_finalize(stmt);
    if (status == PROTECTOR_OK && !found)
        return protector_fail(error, PROTECTOR_NOT_FOUND, "there is no copy with key %s at %s", key,
                              h->url[call->site]);
    return status;
}

/* Finds the volume in the point; fills size and image of 'copy'. */
static enum protector_status
point_volume(struct protector_handle *h, const struct protector_call *call,
             const struct mock_point *point, const struct protector_volume *volume,
             struct protector_copy *copy, struct protector_error *error)
{
    sqlite3_stmt *stmt = NULL;
    int found = 0;
    enum protector_status status = mock_point_volumes(h, call, point, &stmt, error);

    while (status == PROTECTOR_OK && !found && store_step(h, stmt, &status, error) == 1) {
        if (strcmp(store_text(stmt, 0), volume->subject) != 0)
            continue;
        found = 1;
        copy->size_bytes = sqlite3_column_int64(stmt, 1);
        (void)snprintf(copy->image_id, sizeof copy->image_id, "%s", store_text(stmt, 2));
    }
    (void)sqlite3_finalize(stmt);
    if (status == PROTECTOR_OK && !found)
        return protector_fail(error, PROTECTOR_NOT_FOUND, "volume %s is not in point '%s'",
                              volume->subject, point->id);
    if (volume->bootable && volume->image_id != NULL)
        (void)snprintf(copy->image_id, sizeof copy->image_id, "%s", volume->image_id);
    return status;
}

static enum protector_status copy_make(struct protector_handle *h,
                                       const struct protector_call *call,
                                       const struct protector_recover *what,
                                       enum protector_purpose purpose, struct protector_copy *ret,
                                       struct protector_error *error)
{
    struct mock_point point;
    enum protector_status status = mock_point_find(h, call, what->point_id, &point, error);

    if (status != PROTECTOR_OK)
        return status;
    if (point.completes_ms > h->host->now_ms(h->host->data))
        return protector_fail(error, PROTECTOR_TRANSIENT, "point '%s' is not complete yet",
                              point.id);
    *ret = (struct protector_copy){0};
    status = point_volume(h, call, &point, what->volume, ret, error);
    if (status == PROTECTOR_OK)
        status = store_run(h, error,
                           "INSERT INTO copies(array, grp, " MOCK_COPY_COLUMNS
                           ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                           "sssssiiis", h->url[call->site], call->group->id, what->key,
                           what->volume->subject, point.id, call->group->epoch, (int64_t)purpose,
                           ret->size_bytes, ret->image_id);
    if (status == PROTECTOR_OK)
        status = copy_get(h, call, what->key, ret, error);
    return status;
}

static enum protector_status copy_ensure(struct protector_handle *h,
                                         const struct protector_call *call,
                                         const struct protector_recover *what,
                                         enum protector_purpose purpose, struct protector_copy *ret,
                                         struct protector_error *error)
{
    enum protector_status status = copy_get(h, call, what->key, ret, error);

    if (status == PROTECTOR_NOT_FOUND)
        return copy_make(h, call, what, purpose, ret, error);
    if (status != PROTECTOR_OK)
        return status;
    if (strcmp(ret->point_id, what->point_id) != 0 ||
        strcmp(ret->subject, what->volume->subject) != 0 || ret->purpose != purpose)
        return protector_fail(error, PROTECTOR_EXISTS,
                              "key %s is that of a copy of volume %s of point '%s'", what->key,
                              ret->subject, ret->point_id);
    return PROTECTOR_OK;
}

static enum protector_status copy_verb(struct protector_handle *h,
                                       const struct protector_call *call,
                                       const struct protector_recover *what,
                                       enum protector_purpose purpose, struct protector_copy *ret,
                                       struct protector_error *error)
{
    struct protector_copy copy = {0};
    enum protector_status status = key_check(what->key, error);

    if (status == PROTECTOR_OK)
        status = store_begin(h, call, error);
    if (status != PROTECTOR_OK)
        return status;
    status = copy_ensure(h, call, what, purpose, &copy, error);
    status = store_end(h, call, status, error);
    if (status == PROTECTOR_OK)
        *ret = copy;
    return status;
}

enum protector_status mock_recover(struct protector_handle *h, const struct protector_call *call,
                                   const struct protector_recover *what, struct protector_copy *ret,
                                   struct protector_error *error)
{
    return copy_verb(h, call, what, PROTECTOR_FOR_RECOVERY, ret, error);
}

enum protector_status mock_clone(struct protector_handle *h, const struct protector_call *call,
                                 const struct protector_recover *what, struct protector_copy *ret,
                                 struct protector_error *error)
{
    return copy_verb(h, call, what, PROTECTOR_FOR_DRILL, ret, error);
}

enum protector_status mock_copy_find(struct protector_handle *h, const struct protector_call *call,
                                     const char *key, struct protector_copy *ret,
                                     struct protector_error *error)
{
    enum protector_status status = key_check(key, error);

    return status == PROTECTOR_OK ? copy_get(h, call, key, ret, error) : status;
}

enum protector_status mock_copies_list(struct protector_handle *h,
                                       const struct protector_call *call, protector_copy_row *row,
                                       void *data, struct protector_error *error)
{
    sqlite3_stmt *stmt = NULL;
    struct protector_copy copy;
    enum protector_status status = store_prepare(h, &stmt, error, COPY_SELECT " ORDER BY key", "ss",
                                                 h->url[call->site], call->group->id);

    while (status == PROTECTOR_OK && store_step(h, stmt, &status, error) == 1) {
        copy_read(stmt, call, &copy);
        if (row(data, &copy) != 0)
            break;
    }
    (void)sqlite3_finalize(stmt);
    return status;
}

enum protector_status mock_copy_release(struct protector_handle *h,
                                        const struct protector_call *call, const char *key,
                                        struct protector_error *error)
{
    struct protector_copy copy;
    enum protector_status status = key_check(key, error);

    if (status == PROTECTOR_OK)
        status = store_begin(h, call, error);
    if (status != PROTECTOR_OK)
        return status;
    status = copy_get(h, call, key, &copy, error);
    if (status == PROTECTOR_OK)
        status =
            store_run(h, error, "UPDATE copies SET released=1 WHERE array=? AND grp=? AND key=?",
                      "sss", h->url[call->site], call->group->id, key);
    return store_end(h, call, status, error);
}

static enum protector_status copy_drop(struct protector_handle *h,
                                       const struct protector_call *call, const char *key,
                                       struct protector_error *error)
{
    struct protector_copy copy;
    enum protector_status status = copy_get(h, call, key, &copy, error);

    if (status == PROTECTOR_NOT_FOUND)
        return PROTECTOR_OK;
    if (status != PROTECTOR_OK)
        return status;
    if (copy.released)
        return protector_fail(error, PROTECTOR_DENIED,
                              "copy %s was released: it belongs to its user", key);
    return store_run(h, error, "DELETE FROM copies WHERE array=? AND grp=? AND key=?", "sss",
                     h->url[call->site], call->group->id, key);
}

enum protector_status mock_copy_delete(struct protector_handle *h,
                                       const struct protector_call *call, const char *key,
                                       struct protector_error *error)
{
    enum protector_status status = key_check(key, error);

    if (status == PROTECTOR_OK)
        status = store_begin(h, call, error);
    if (status != PROTECTOR_OK)
        return status;
    status = copy_drop(h, call, key, error);
    return store_end(h, call, status, error);
}
