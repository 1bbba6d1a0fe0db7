/* SPDX-License-Identifier: Apache-2.0 */
/*
 * points - the mock's recovery points.
 *
 * Three kinds, told apart by their id: "now" (sync: what is at the target at this moment);
 * "e<lineage>-<site>-<key>", a row that replicate_now made; "auto-e<lineage>-<n>", the n-th
 * interval since the target's part of the group was made, for a target that shares no database with
 * its source.
 */
#include "drivers/mock/verbs.h"

#include <stdlib.h>
#include <string.h>

#define MOCK_POINTS_KEPT     20
#define MOCK_AUTO_LISTED     3
#define MOCK_SUBJECTS_MAX    4096
#define SOURCE_SITE(h, call) ((h)->site[(call)->group->source])
#define TARGET_URL(h, call)  ((h)->url[protector_target((call)->group)])

static int64_t transfer_ms(struct protector_handle *h)
{
    const char *text = h->host->option(h->host->data, "mock_transfer_ms");

    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

/* Does this database also hold the source's end? */
static enum protector_status is_shared(struct protector_handle *h,
                                       const struct protector_call *call, int *ret,
                                       struct protector_error *error)
{
    enum protector_status status = mock_side_check(h, call, call->group->source, error);

    *ret = status == PROTECTOR_OK;
    return status == PROTECTOR_NOT_FOUND ? PROTECTOR_OK : status;
}

/* ---- points without rows ---- */

static enum protector_status now_point(struct protector_handle *h,
                                       const struct protector_call *call, struct mock_point *ret,
                                       struct protector_error *error)
{
    int64_t fenced_ms;
    int shared = 0;
    int64_t lineage = -1;
    enum protector_status status = mock_fenced_since(h, call, &fenced_ms, error);

    if (status == PROTECTOR_OK)
        status = is_shared(h, call, &shared, error);
    if (status == PROTECTOR_OK)
        status =
            store_int(h, &lineage, error, "SELECT lineage FROM sides WHERE array=? AND grp=?", "ss",
                      shared ? h->url[call->group->source] : TARGET_URL(h, call), call->group->id);
    *ret =
        (struct mock_point){.id = "now",
                            .time_ms = fenced_ms >= 0 ? fenced_ms : h->host->now_ms(h->host->data),
                            .lineage = lineage,
                            .live = 1,
                            .members_at =
                                shared ? call->group->source : protector_target(call->group)};
    ret->completes_ms = ret->time_ms;
    (void)snprintf(ret->made_by, sizeof ret->made_by, "%s", SOURCE_SITE(h, call));
    return status;
}

/* What the target of a database of its own knows: since when, of which lineage, fenced when. */
struct auto_rule {
    int64_t since_ms;
    int64_t lineage;
    int64_t until_ms; /* nothing later: now, or the fence */
    int64_t last;     /* number of the newest point */
};

/* last = 0: there are none (shared, not this direction, sync, no interval). */
static enum protector_status auto_rule(struct protector_handle *h,
                                       const struct protector_call *call, struct auto_rule *ret,
                                       struct protector_error *error)
{
    int64_t fenced_ms = -1;
    int shared = 0;
    sqlite3_stmt *stmt = NULL;
    enum protector_status status = is_shared(h, call, &shared, error);

    *ret = (struct auto_rule){0};
    if (status != PROTECTOR_OK || shared || call->group->interval_ms <= 0)
        return status;
    status = mock_fenced_since(h, call, &fenced_ms, error);
    if (status == PROTECTOR_OK)
        status = store_prepare(h, &stmt, error,
                               "SELECT since_ms, lineage FROM sides WHERE array=? AND grp=? AND"
                               " source=?",
                               "sss", TARGET_URL(h, call), call->group->id, SOURCE_SITE(h, call));
    if (status == PROTECTOR_OK && store_step(h, stmt, &status, error) == 1) {
        ret->since_ms = sqlite3_column_int64(stmt, 0);
        ret->lineage = sqlite3_column_int64(stmt, 1);
        ret->until_ms = fenced_ms >= 0 ? fenced_ms : h->host->now_ms(h->host->data);
        ret->last = (ret->until_ms - ret->since_ms) / call->group->interval_ms;
    }
    (void)sqlite3_finalize(stmt);
    return status;
}

static struct mock_point auto_point(struct protector_handle *h, const struct protector_call *call,
                                    const struct auto_rule *rule, int64_t n)
{
    struct mock_point point = {.time_ms = rule->since_ms + n * call->group->interval_ms,
                               .lineage = rule->lineage,
                               .live = 1,
                               .members_at = protector_target(call->group)};

    point.completes_ms = point.time_ms + transfer_ms(h);
    if (point.completes_ms > rule->until_ms && rule->until_ms < h->host->now_ms(h->host->data))
        point.completes_ms = INT64_MAX; /* the fence came first */
    (void)snprintf(point.id, sizeof point.id, "auto-e%lld-%lld", (long long)rule->lineage,
                   (long long)n);
    (void)snprintf(point.made_by, sizeof point.made_by, "%s", SOURCE_SITE(h, call));
    return point;
}

/* ---- points with rows ---- */

#define POINT_SELECT                                                                               \
    "SELECT id, time_ms, completes_ms, lineage, made_by FROM points WHERE array=? AND grp=?"

static struct mock_point row_point(sqlite3_stmt *stmt)
{
    struct mock_point point = {.time_ms = sqlite3_column_int64(stmt, 1),
                               .completes_ms = sqlite3_column_int64(stmt, 2),
                               .lineage = sqlite3_column_int64(stmt, 3)};

    (void)snprintf(point.id, sizeof point.id, "%s", store_text(stmt, 0));
    (void)snprintf(point.made_by, sizeof point.made_by, "%s", store_text(stmt, 4));
    return point;
}

/* Reads one row of a prepared query and finalizes it; 'ret_found' tells whether there was one. */
static enum protector_status row_point_one(struct protector_handle *h, sqlite3_stmt *stmt,
                                           struct mock_point *ret, int *ret_found,
                                           struct protector_error *error)
{
    enum protector_status status = PROTECTOR_OK;

    *ret_found = store_step(h, stmt, &status, error) == 1;
    if (*ret_found)
        *ret = row_point(stmt);
    (void)sqlite3_finalize(stmt);
    return status;
}

enum protector_status mock_point_find(struct protector_handle *h, const struct protector_call *call,
                                      const char *point_id, struct mock_point *ret,
                                      struct protector_error *error)
{
    int found = 0;
    struct auto_rule rule;
    sqlite3_stmt *stmt = NULL;
    enum protector_status status;

    if (call->group->mode == PROTECTOR_SYNC && strcmp(point_id, "now") == 0)
        return now_point(h, call, ret, error);
    if (strncmp(point_id, "auto-", 5) == 0) {
        int64_t n = strtoll(strrchr(point_id, '-') + 1, NULL, 10);

        status = auto_rule(h, call, &rule, error);
        if (status != PROTECTOR_OK)
            return status;
        *ret = auto_point(h, call, &rule, n);
        found = n >= 1 && n <= rule.last && strcmp(ret->id, point_id) == 0;
    } else {
        status = store_prepare(h, &stmt, error, POINT_SELECT " AND id=?", "sss",
                               TARGET_URL(h, call), call->group->id, point_id);
        if (status == PROTECTOR_OK)
            status = row_point_one(h, stmt, ret, &found, error);
        if (status != PROTECTOR_OK)
            return status;
    }
    if (!found)
        return protector_fail(error, PROTECTOR_NOT_FOUND,
                              "there is no point '%s' of group %s at %s", point_id, call->group->id,
                              TARGET_URL(h, call));
    return PROTECTOR_OK;
}

enum protector_status mock_point_volumes(struct protector_handle *h,
                                         const struct protector_call *call,
                                         const struct mock_point *point, sqlite3_stmt **ret,
                                         struct protector_error *error)
{
    if (point->live)
        return store_prepare(h, ret, error,
                             "SELECT subject, size_bytes, image_id FROM members WHERE array=? AND"
                             " grp=? ORDER BY subject",
                             "ss", h->url[point->members_at], call->group->id);
    return store_prepare(h, ret, error,
                         "SELECT subject, size_bytes, image_id FROM point_volumes WHERE array=? AND"
                         " grp=? AND point_id=? ORDER BY subject",
                         "sss", TARGET_URL(h, call), call->group->id, point->id);
}

/* ---- listing ---- */

struct listing {
    struct protector_handle *h;
    const struct protector_call *call;
    protector_point_row *row;
    void *data;
    int64_t now_ms;
    int ended; /* the caller wants no more */
};

/* One from the future was made before the clock was set back: its transfer does not wait for that.
 */
static int is_complete(const struct mock_point *point, int64_t now_ms)
{
    return now_ms >= point->completes_ms ||
           (now_ms < point->time_ms && point->completes_ms != INT64_MAX);
}

static int progress_permille(const struct mock_point *point, int64_t now_ms)
{
    int64_t whole_ms = point->completes_ms - point->time_ms;

    if (is_complete(point, now_ms))
        return 1000;
    if (point->completes_ms == INT64_MAX || whole_ms <= 0 || now_ms <= point->time_ms)
        return 0;
    return (int)((now_ms - point->time_ms) * 999 / whole_ms);
}

static void subjects_free(char **subjects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(subjects[i]);
    free(subjects);
}

/* The subjects of a point: an array of strings, freed by subjects_free. */
static enum protector_status subjects_read(struct protector_handle *h,
                                           const struct protector_call *call,
                                           const struct mock_point *point, char ***ret,
                                           size_t *ret_count, struct protector_error *error)
{
    sqlite3_stmt *stmt = NULL;
    char **subjects = calloc(MOCK_SUBJECTS_MAX, sizeof *subjects);
    size_t count = 0;
    enum protector_status status = mock_point_volumes(h, call, point, &stmt, error);

    if (subjects == NULL)
        abort();
    while (status == PROTECTOR_OK && store_step(h, stmt, &status, error) == 1) {
        if (count == MOCK_SUBJECTS_MAX) {
            status =
                protector_fail(error, PROTECTOR_PERMANENT, "point '%s' has more than %d volumes",
                               point->id, MOCK_SUBJECTS_MAX);
            break;
        }
        subjects[count] = strdup(store_text(stmt, 0));
        if (subjects[count++] == NULL)
            abort();
    }
    (void)sqlite3_finalize(stmt);
    *ret = subjects;
    *ret_count = count;
    return status;
}

static enum protector_status list_one(struct listing *list, const struct mock_point *point,
                                      struct protector_error *error)
{
    char **subjects = NULL;
    size_t count = 0;
    enum protector_status status =
        subjects_read(list->h, list->call, point, &subjects, &count, error);

    if (status == PROTECTOR_OK) {
        struct protector_point row = {.id = point->id,
                                      .name = point->id,
                                      .time_ms = point->time_ms,
                                      .complete = is_complete(point, list->now_ms),
                                      .progress_permille = progress_permille(point, list->now_ms),
                                      .lineage = point->lineage,
                                      .made_by = point->made_by,
                                      .subjects = (const char *const *)subjects,
                                      .subject_count = count};

        list->ended = list->row(list->data, &row) != 0;
    }
    subjects_free(subjects, count);
    return status;
}

static enum protector_status list_rows(struct listing *list, struct protector_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum protector_status status =
        store_prepare(list->h, &stmt, error, POINT_SELECT " ORDER BY time_ms DESC, id", "ss",
                      TARGET_URL(list->h, list->call), list->call->group->id);

    while (status == PROTECTOR_OK && !list->ended &&
           store_step(list->h, stmt, &status, error) == 1) {
        struct mock_point point = row_point(stmt);

        status = list_one(list, &point, error);
    }
    (void)sqlite3_finalize(stmt);
    return status;
}

static enum protector_status list_auto(struct listing *list, struct protector_error *error)
{
    struct auto_rule rule;
    enum protector_status status = auto_rule(list->h, list->call, &rule, error);

    for (int64_t n = rule.last; n > 0 && n > rule.last - MOCK_AUTO_LISTED; n--) {
        struct mock_point point = auto_point(list->h, list->call, &rule, n);

        if (status != PROTECTOR_OK || list->ended)
            break;
        status = list_one(list, &point, error);
    }
    return status;
}

static enum protector_status list_sync(struct listing *list, struct protector_error *error)
{
    struct mock_point point;
    enum protector_status status = now_point(list->h, list->call, &point, error);

    if (status != PROTECTOR_OK || point.lineage < 0)
        return status; /* no end of the group is known: no point */
    return list_one(list, &point, error);
}

enum protector_status mock_points_list(struct protector_handle *h,
                                       const struct protector_call *call, protector_point_row *row,
                                       void *data, struct protector_error *error)
{
    struct listing list = {
        .h = h, .call = call, .row = row, .data = data, .now_ms = h->host->now_ms(h->host->data)};
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    if (call->group->mode == PROTECTOR_SYNC) {
        status = list_sync(&list, error);
    } else {
        status = list_rows(&list, error);
        if (status == PROTECTOR_OK && !list.ended)
            status = list_auto(&list, error);
    }
    return store_end(h, call, status, error);
}

enum protector_status mock_newest_ms(struct protector_handle *h, const struct protector_call *call,
                                     int64_t *ret_ms, struct protector_error *error)
{
    int64_t now_ms = h->host->now_ms(h->host->data);
    struct mock_point now;
    struct auto_rule rule;
    enum protector_status status;

    *ret_ms = 0;
    if (call->group->mode == PROTECTOR_SYNC) {
        status = now_point(h, call, &now, error);
        if (status == PROTECTOR_OK && now.lineage == call->group->lineage)
            *ret_ms = now.time_ms;
        return status;
    }
    status = store_int(h, ret_ms, error,
                       "SELECT max(time_ms) FROM points WHERE array=? AND grp=? AND made_by=? AND"
                       " lineage=? AND completes_ms<=?",
                       "sssii", TARGET_URL(h, call), call->group->id, SOURCE_SITE(h, call),
                       call->group->lineage, now_ms);
    if (status == PROTECTOR_OK)
        status = auto_rule(h, call, &rule, error);
    for (int64_t n = rule.last; status == PROTECTOR_OK && n > 0 && *ret_ms == 0; n--) {
        struct mock_point point = auto_point(h, call, &rule, n);

        if (rule.lineage != call->group->lineage || rule.last - n > MOCK_AUTO_LISTED)
            break;
        if (point.completes_ms <= now_ms)
            *ret_ms = point.time_ms;
    }
    return status;
}

/* ---- making ---- */

static int key_fits(const char *key)
{
    size_t length = strlen(key);

    return length > 0 && length <= 64 &&
           strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static void state_of(const struct mock_point *point, int64_t now_ms,
                     struct protector_point_state *ret)
{
    *ret = (struct protector_point_state){.time_ms = point->time_ms,
                                          .complete = is_complete(point, now_ms),
                                          .progress_permille = progress_permille(point, now_ms)};
    memcpy(ret->id, point->id, sizeof ret->id);
}

/* Writes a new point with the members of this moment, and forgets those beyond MOCK_POINTS_KEPT. */
static enum protector_status point_make(struct protector_handle *h,
                                        const struct protector_call *call, const char *key,
                                        int64_t now_ms, struct mock_point *ret,
                                        struct protector_error *error)
{
    const struct protector_group *group = call->group;
    const char *target = TARGET_URL(h, call);
    enum protector_status status;

    *ret = (struct mock_point){.time_ms = now_ms,
                               .completes_ms = now_ms + transfer_ms(h),
                               .lineage = group->lineage};
    (void)snprintf(ret->made_by, sizeof ret->made_by, "%s", SOURCE_SITE(h, call));
    (void)snprintf(ret->id, sizeof ret->id, "e%lld-%.8s-%s", (long long)group->lineage,
                   ret->made_by, key);
    status = store_run(h, error, "INSERT INTO points VALUES(?, ?, ?, ?, ?, ?, ?, ?)", "ssssiiis",
                       target, group->id, ret->id, key, ret->time_ms, ret->completes_ms,
                       ret->lineage, ret->made_by);
    if (status == PROTECTOR_OK)
        status = store_run(h, error,
                           "INSERT INTO point_volumes SELECT ?, grp, ?, subject, size_bytes,"
                           " image_id FROM members WHERE array=? AND grp=?",
                           "ssss", target, ret->id, h->url[group->source], group->id);
    if (status == PROTECTOR_OK)
        status = store_run(h, error,
                           "DELETE FROM points WHERE array=?1 AND grp=?2 AND id NOT IN (SELECT id"
                           " FROM points WHERE array=?1 AND grp=?2 ORDER BY rowid DESC"
                           " LIMIT ?3)",
                           "ssi", target, group->id, (int64_t)MOCK_POINTS_KEPT);
    if (status == PROTECTOR_OK)
        status = store_run(h, error,
                           "DELETE FROM point_volumes WHERE array=?1 AND grp=?2 AND point_id NOT IN"
                           " (SELECT id FROM points WHERE array=?1 AND grp=?2)",
                           "ss", target, group->id);
    return status;
}

/* The point that this key of the source made before; EXISTS if it is of another lineage. */
static enum protector_status point_of_key(struct protector_handle *h,
                                          const struct protector_call *call, const char *key,
                                          struct mock_point *ret, int *ret_found,
                                          struct protector_error *error)
{
    sqlite3_stmt *stmt = NULL;
    enum protector_status status =
        store_prepare(h, &stmt, error, POINT_SELECT " AND key=? AND made_by=?", "ssss",
                      TARGET_URL(h, call), call->group->id, key, SOURCE_SITE(h, call));

    if (status == PROTECTOR_OK)
        status = row_point_one(h, stmt, ret, ret_found, error);
    if (status == PROTECTOR_OK && *ret_found && ret->lineage != call->group->lineage)
        return protector_fail(error, PROTECTOR_EXISTS,
                              "key '%s' has made point %s of lineage %lld already", key, ret->id,
                              (long long)ret->lineage);
    return status;
}

static enum protector_status replicate(struct protector_handle *h,
                                       const struct protector_call *call, const char *key,
                                       struct mock_point *ret, struct protector_error *error)
{
    int64_t fenced_ms = -1;
    int found = 0;
    enum protector_status status = mock_side_check(h, call, call->group->source, error);

    if (status == PROTECTOR_OK && call->group->mode == PROTECTOR_SYNC)
        return now_point(h, call, ret, error);
    if (status == PROTECTOR_OK)
        status = point_of_key(h, call, key, ret, &found, error);
    if (status != PROTECTOR_OK || found)
        return status;
    status = mock_fenced_since(h, call, &fenced_ms, error);
    if (status == PROTECTOR_OK && fenced_ms >= 0)
        return protector_fail(error, PROTECTOR_DENIED,
                              "%s takes no points of group %s from %s: it is fenced",
                              h->name[protector_target(call->group)], call->group->id,
                              h->name[call->group->source]);
    if (status != PROTECTOR_OK)
        return status;
    return point_make(h, call, key, h->host->now_ms(h->host->data), ret, error);
}

enum protector_status mock_replicate_now(struct protector_handle *h,
                                         const struct protector_call *call, const char *key,
                                         struct protector_point_state *ret,
                                         struct protector_error *error)
{
    struct mock_point point;
    enum protector_status status;

    if (!key_fits(key))
        return protector_fail(error, PROTECTOR_PERMANENT, "'%s' is no key for a point", key);
    status = store_begin(h, call, error);
    if (status != PROTECTOR_OK)
        return status;
    status = replicate(h, call, key, &point, error);
    status = store_end(h, call, status, error);
    if (status == PROTECTOR_OK)
        state_of(&point, h->host->now_ms(h->host->data), ret);
    return status;
}

enum protector_status mock_point_status(struct protector_handle *h,
                                        const struct protector_call *call, const char *point_id,
                                        struct protector_point_state *ret,
                                        struct protector_error *error)
{
    struct mock_point point;
    enum protector_status status = store_begin(h, call, error);

    if (status != PROTECTOR_OK)
        return status;
    status = mock_point_find(h, call, point_id, &point, error);
    status = store_end(h, call, status, error);
    if (status == PROTECTOR_OK)
        state_of(&point, h->host->now_ms(h->host->data), ret);
    return status;
}
