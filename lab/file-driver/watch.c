/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - health and tags.  See file.h.
 *
 * A tag is a small file per writer; the gate of the end orders writers, so that numbers never go
 * down.
 */
#include "file.h"

#include <stdlib.h>
#include <string.h>

#define TAG_PREFIX "tag-"

/* ---- health ---- */

/* What the source tells, as far as it answers. */
static enum protector_status health_source(struct protector_handle *h,
                                           const struct protector_call *call,
                                           struct protector_health *ret,
                                           struct protector_error *error)
{
    int source = call->group->source;
    struct protector_error ignored = {0};
    struct side side;
    struct member *members = NULL;
    size_t count = 0;
    enum protector_status status = side_read(h, call, source, &side, &ignored);

    ret->volume_count = -1;
    if (status == PROTECTOR_TRANSIENT) {
        ret->link = PROTECTOR_LINK_DOWN;
        (void)snprintf(ret->detail, sizeof ret->detail, "%s", ignored.message);
        return PROTECTOR_OK;
    }
    ret->link = PROTECTOR_LINK_UP;
    if (status == PROTECTOR_NOT_FOUND) {
        ret->volume_count = 0;
        return PROTECTOR_OK;
    }
    if (status == PROTECTOR_OK)
        status = members_read(h, call, source, &members, &count, error);
    if (status == PROTECTOR_OK) {
        ret->volume_count = (int)count;
        ret->replicating = side.replicating && strcmp(side.source, h->end[source].site) == 0;
    }
    free(members);
    return status;
}

enum protector_status file_health(struct protector_handle *h, const struct protector_call *call,
                                  struct protector_health *ret, struct protector_error *error)
{
    struct protector_health health = {.lag_ms = -1};
    enum protector_status status = group_check(h, call, protector_target(call->group), error);

    if (status == PROTECTOR_OK)
        status = health_source(h, call, &health, error);
    if (status == PROTECTOR_OK)
        status = point_newest_ms(h, call, &health.last_point_ms, error);
    if (status != PROTECTOR_OK)
        return status;
    health.fenced = is_fenced(h, call);
    if (health.last_point_ms != 0)
        health.lag_ms = h->host->now_ms(h->host->data) - health.last_point_ms;
    *ret = health;
    return PROTECTOR_OK;
}

/* ---- tags ---- */

static enum protector_status tag_read(struct protector_handle *h, const char *path,
                                      struct protector_tag *ret, struct protector_error *error)
{
    struct text text;
    enum protector_status status = small_read(h, path, &text, error);

    if (status != PROTECTOR_OK)
        return status;
    *ret = (struct protector_tag){.minted = text_int(&text, "minted", 0),
                                  .floor = text_int(&text, "floor", 0),
                                  .epoch = text_int(&text, "epoch", 0)};
    text_get(&text, "writer", ret->writer, sizeof ret->writer);
    text_get(&text, "incarnation", ret->incarnation, sizeof ret->incarnation);
    text_get(&text, "active_site", ret->active_site, sizeof ret->active_site);
    text_free(&text);
    return PROTECTOR_OK;
}

enum protector_status file_tag_get(struct protector_handle *h, const struct protector_call *call,
                                   protector_tag_row *row, void *data,
                                   struct protector_error *error)
{
    struct path folder;
    char **names = NULL;
    size_t count = 0;
    enum protector_status status = group_check(h, call, call->site, error);

    if (status != PROTECTOR_OK)
        return status;
    folder = path_group(h, call, call->site);
    status = dir_list(folder.text, &names, &count, error);
    for (size_t i = 0; i < count && status == PROTECTOR_OK; i++) {
        struct path path = path_of("%s/%s", folder.text, names[i]);
        struct protector_tag tag;

        if (strncmp(names[i], TAG_PREFIX, sizeof TAG_PREFIX - 1) != 0)
            continue;
        status = tag_read(h, path.text, &tag, error);
        if (status == PROTECTOR_OK && strcmp(tag.writer, names[i] + sizeof TAG_PREFIX - 1) != 0)
            status = protector_fail(error, PROTECTOR_PERMANENT,
                                    "%s is damaged: it is a tag of '%s'", path.text, tag.writer);
        if (status == PROTECTOR_OK && row(data, &tag) != 0)
            break;
    }
    names_free(names, count);
    return status;
}

static enum protector_status tag_write(struct protector_handle *h, const char *path,
                                       const struct protector_tag *tag,
                                       struct protector_error *error)
{
    struct protector_tag before;
    struct protector_tag merged = *tag;
    struct text text = {0};
    enum protector_status status = tag_read(h, path, &before, error);

    if (status == PROTECTOR_OK)
        merged = protector_tag_merge(&before, tag);
    else if (status != PROTECTOR_NOT_FOUND)
        return status;
    text_add(&text,
             "writer %s\nincarnation %s\nminted %lld\nfloor %lld\nepoch %lld\nactive_site %s\n",
             merged.writer, merged.incarnation, (long long)merged.minted, (long long)merged.floor,
             (long long)merged.epoch, merged.active_site);
    status = small_write(h, path, &text, error);
    text_free(&text);
    return status;
}

/* May 'value' stand in a line of a small file? */
static int value_fits(const char *value, size_t size)
{
    return memchr(value, '\0', size) != NULL && strpbrk(value, "\n\r") == NULL;
}

enum protector_status file_tag_set(struct protector_handle *h, const struct protector_call *call,
                                   const struct protector_tag *tag, struct protector_error *error)
{
    struct path group;
    struct path lock;
    struct path path;
    int fd = -1;
    enum protector_status status = group_check(h, call, call->site, error);

    if (!name_fits(tag->writer) || !value_fits(tag->incarnation, sizeof tag->incarnation) ||
        !value_fits(tag->active_site, sizeof tag->active_site))
        return protector_fail(error, PROTECTOR_PERMANENT, "tag of '%.64s' holds what no tag may",
                              tag->writer);
    if (status != PROTECTOR_OK || call->phase == PROTECTOR_CHECK)
        return status;
    group = path_group(h, call, call->site);
    lock = path_of("%s/lock-tags", group.text);
    path = path_of("%s/" TAG_PREFIX "%s", group.text, tag->writer);
    status = dir_make(group.text, error);
    if (status == PROTECTOR_OK)
        status = lock_take(h, lock.text, file_until_ms(h, call), &fd, error);
    if (status == PROTECTOR_OK)
        status = tag_write(h, path.text, tag, error);
    lock_drop(fd);
    return status;
}
