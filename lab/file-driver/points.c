/* SPDX-License-Identifier: Apache-2.0 */
/*
 * points - reading the points at an end.  See file.h; replicate.c makes them.
 *
 * A point is a folder.  With a sound manifest it is complete; with a plan alone it is on its way
 * (or was given up); with neither it is nothing.
 */
#include "file.h"

#include <stdlib.h>
#include <string.h>

struct path point_path(struct protector_handle *h, const struct protector_call *call, int site,
                       const char *point_id)
{
    return path_of("%s/points/%s", path_group(h, call, site).text, point_id);
}

void point_free(struct point *point)
{
    free(point->members);
    point->members = NULL;
}

/* ---- the text of a plan or a manifest ---- */

void point_print(const struct point *point, struct text *ret)
{
    text_add(ret, "point %s\ntime_ms %lld\nlineage %lld\nmade_by %s\n", point->id,
             (long long)point->time_ms, (long long)point->lineage, point->made_by);
    for (size_t i = 0; i < point->member_count; i++) {
        const struct member *m = &point->members[i];

        text_add(ret, "volume %s %lld %s %s\n", m->subject, (long long)m->size_bytes, m->image_id,
                 m->digest[0] != '\0' ? m->digest : m->file);
    }
}

/* One word of a line; returns where the next begins. */
static const char *word_take(const char *line, char *ret, size_t size)
{
    size_t length = strcspn(line, " \n");

    (void)snprintf(ret, size, "%.*s", (int)length, line);
    line += length;
    return *line == ' ' ? line + 1 : line;
}

/* "volume <subject> <size> <image> <digest or file>", from behind "volume ". */
static void member_parse(const char *line, int is_manifest, struct member *ret)
{
    char number[32];

    line = word_take(line, ret->subject, sizeof ret->subject);
    line = word_take(line, number, sizeof number);
    ret->size_bytes = strtoll(number, NULL, 10);
    if (ret->size_bytes < 0) /* a damaged file may say anything */
        ret->size_bytes = 0;
    line = word_take(line, ret->image_id, sizeof ret->image_id);
    if (is_manifest)
        (void)word_take(line, ret->digest, sizeof ret->digest);
    else
        (void)word_take(line, ret->file, sizeof ret->file);
}

static void point_parse(const struct text *text, int is_manifest, struct point *ret)
{
    static const char mark[] = "volume ";
    const char *line = text->data;
    size_t lines = 1;

    for (const char *c = text->data; (c = strchr(c, '\n')) != NULL; c++)
        lines++;
    text_get(text, "point", ret->id, sizeof ret->id);
    text_get(text, "made_by", ret->made_by, sizeof ret->made_by);
    ret->time_ms = text_int(text, "time_ms", 0);
    ret->lineage = text_int(text, "lineage", -1);
    ret->members = calloc(lines, sizeof *ret->members);
    if (ret->members == NULL)
        abort();
    while (*line != '\0') {
        size_t size = strcspn(line, "\n");

        if (strncmp(line, mark, sizeof mark - 1) == 0)
            member_parse(line + sizeof mark - 1, is_manifest, &ret->members[ret->member_count++]);
        line += size + (line[size] == '\n');
    }
}

/* ---- reading ---- */

/* Of sizes that a damaged file may have told: as many as there can be, at most. */
static int64_t sum_capped(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* How much of an incomplete point is here. */
static int point_progress(const struct path *folder, const struct point *point)
{
    int64_t all = 0;
    int64_t done = 0;

    for (size_t i = 0; i < point->member_count; i++) {
        struct path sums = path_of("%s/%s.sums", folder->text, point->members[i].subject);

        all = sum_capped(all, point->members[i].size_bytes);
        done = sum_capped(done, copy_done_bytes(sums.text, point->members[i].size_bytes));
    }
    return all == 0 ? 0 : (int)(done / (all / 999 + 1));
}

enum protector_status point_read(struct protector_handle *h, const struct protector_call *call,
                                 int site, const char *point_id, struct point *ret,
                                 struct protector_error *error)
{
    struct path folder;
    struct text text = {0};
    enum protector_status status = group_check(h, call, site, error);

    *ret = (struct point){.lineage = -1};
    if (status != PROTECTOR_OK)
        return status;
    if (!name_fits(point_id))
        return protector_fail(error, PROTECTOR_NOT_FOUND, "there is no point '%.200s'", point_id);
    folder = point_path(h, call, site, point_id);
    status = small_read(h, path_of("%s/manifest", folder.text).text, &text, error);
    ret->complete = status == PROTECTOR_OK;
    ret->damaged = status == PROTECTOR_PERMANENT;
    if (status == PROTECTOR_NOT_FOUND || status == PROTECTOR_PERMANENT)
        status = small_read(h, path_of("%s/plan", folder.text).text, &text, error);
    if (status == PROTECTOR_NOT_FOUND)
        return protector_fail(error, status,
                              "there is no point '%s' of group %s at the array of %s", point_id,
                              call->group->id, h->end[site].name);
    if (status != PROTECTOR_OK)
        return status;
    point_parse(&text, ret->complete, ret);
    text_free(&text);
    if (strcmp(ret->id, point_id) != 0) {
        point_free(ret);
        return protector_fail(error, PROTECTOR_PERMANENT,
                              "point '%s' of group %s at the array of %s is damaged: it names '%s'",
                              point_id, call->group->id, h->end[site].name, ret->id);
    }
    ret->progress_permille = ret->complete ? 1000 : point_progress(&folder, ret);
    return PROTECTOR_OK;
}

/* ---- listing ---- */

/* Shows every point at the target to 'see'; those that are nothing, or damaged wholly, are left
 * out. */
static enum protector_status points_walk(struct protector_handle *h,
                                         const struct protector_call *call,
                                         int (*see)(void *data, const struct point *point),
                                         void *data, struct protector_error *error)
{
    int target = protector_target(call->group);
    char **names = NULL;
    size_t count = 0;
    int ended = 0;
    enum protector_status status = group_check(h, call, target, error);

    if (status != PROTECTOR_OK)
        return status;
    status = dir_list(path_of("%s/points", path_group(h, call, target).text).text, &names, &count,
                      error);
    for (size_t i = 0; i < count && status == PROTECTOR_OK && !ended; i++) {
        struct point point;

        status = point_read(h, call, target, names[i], &point, error);
        if (status == PROTECTOR_OK)
            ended = see(data, &point);
        else if (status == PROTECTOR_NOT_FOUND || status == PROTECTOR_PERMANENT)
            status = PROTECTOR_OK;
        point_free(&point);
    }
    names_free(names, count);
    return status;
}

struct listing {
    protector_point_row *row;
    void *data;
};

static int list_see(void *data, const struct point *point)
{
    const struct listing *list = data;
    const char **subjects = calloc(point->member_count + 1, sizeof *subjects);
    struct protector_point row = {.id = point->id,
                                  .name = point->id,
                                  .time_ms = point->time_ms,
                                  .complete = point->complete,
                                  .progress_permille = point->progress_permille,
                                  .lineage = point->lineage,
                                  .made_by = point->made_by,
                                  .subjects = subjects,
                                  .subject_count = point->member_count};
    int ended;

    if (subjects == NULL)
        abort();
    for (size_t i = 0; i < point->member_count; i++)
        subjects[i] = point->members[i].subject;
    ended = list->row(list->data, &row);
    free(subjects);
    return ended;
}

enum protector_status file_points_list(struct protector_handle *h,
                                       const struct protector_call *call, protector_point_row *row,
                                       void *data, struct protector_error *error)
{
    struct listing list = {row, data};

    return points_walk(h, call, list_see, &list, error);
}

struct newest {
    const char *made_by;
    int64_t lineage;
    int64_t time_ms;
};

static int newest_see(void *data, const struct point *point)
{
    struct newest *newest = data;

    if (point->complete && point->lineage == newest->lineage &&
        strcmp(point->made_by, newest->made_by) == 0 && point->time_ms > newest->time_ms)
        newest->time_ms = point->time_ms;
    return 0;
}

enum protector_status point_newest_ms(struct protector_handle *h, const struct protector_call *call,
                                      int64_t *ret_ms, struct protector_error *error)
{
    struct newest newest = {h->end[call->group->source].site, call->group->lineage, 0};
    enum protector_status status = points_walk(h, call, newest_see, &newest, error);

    *ret_ms = newest.time_ms;
    return status;
}

enum protector_status file_point_status(struct protector_handle *h,
                                        const struct protector_call *call, const char *point_id,
                                        struct protector_point_state *ret,
                                        struct protector_error *error)
{
    struct point point;
    enum protector_status status =
        point_read(h, call, protector_target(call->group), point_id, &point, error);

    if (status != PROTECTOR_OK)
        return status;
    *ret = (struct protector_point_state){.time_ms = point.time_ms,
                                          .complete = point.complete,
                                          .progress_permille = point.progress_permille};
    (void)snprintf(ret->id, sizeof ret->id, "%s", point.id);
    point_free(&point);
    return PROTECTOR_OK;
}
