/* SPDX-License-Identifier: Apache-2.0 */
/* tags - see tags.h. */
#include "runbooks/tags.h"

#include "model/body.h"
#include "runbooks/group.h"
#include "store/group.h"
#include "store/local.h"
#include "store/restored.h"

struct tags {
    struct world *world;
    GHashTable *written; /* "group end" -> the tag as text, as the array has it */
};

struct round {
    struct tags *tags;
    struct db *db;
    const char *owner;
    int64_t now_ms;
    void (*report)(void *data, const char *pg_id, const err_t *e);
    void *report_data;
};

struct tags *tags_create(struct world *world)
{
    struct tags *t = g_new0(struct tags, 1);

    t->world = world;
    t->written = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return t;
}

void tags_destroy(struct tags *tags)
{
    if (tags == NULL)
        return;
    g_hash_table_destroy(tags->written);
    g_free(tags);
}

/* All that the tag at an end says, and where it stands: another array is owed it anew. */
static char *tag_text(const struct group_now *now, const struct drive *drive, int end)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s",
                           now->state.minted, now->state.floor, sync_epoch(&now->state),
                           sync_active(&now->state), drive->ends[end].url);
}

struct own_tag {
    const char *writer;
    struct protector_tag tag;
    bool found;
};

static int own_tag_row(void *data, const struct protector_tag *tag)
{
    struct own_tag *own = data;

    if (!g_str_equal(tag->writer, own->writer))
        return 0;
    own->tag = *tag;
    own->found = true;
    return 1;
}

static err_t *incarnation_known(struct db *db, const struct group_now *now, const char *incarnation,
                                bool *ret)
{
    g_autoptr(GPtrArray) known = NULL;

    *ret = false;
    TRY(incarnation_list(db, now->self, &known));
    for (guint i = 0; i < known->len; i++) {
        const struct incarnation *one = g_ptr_array_index(known, i);
        *ret = *ret || g_str_equal(one->incarnation, incarnation);
    }
    return NULL;
}

/*
 * A tag of ours that knows more than this database bears witness that the database was restored:
 * this is admitted, and the tag stays as it is until its numbers are taken over.
 */
static err_t *witness_check(struct round *r, struct step_call *call, const struct group_now *now,
                            struct drive *drive, int end)
{
    struct own_tag own = {.writer = now->self};
    struct protector_error error = {0};
    struct protector_call at;
    bool known = true;

    TRY(drive_call(call, drive, end, &at));
    enum protector_status status =
        drive->driver->tag_get(drive->handle, &at, own_tag_row, &own, &error);
    TRY(drive_error(drive, status, &error, "reading the tag of the epoch"));
    if (own.found)
        TRY(incarnation_known(r->db, now, own.tag.incarnation, &known));
    bool more = own.found &&
                (own.tag.minted > now->state.minted || own.tag.floor > now->state.floor || !known);
    if (!more)
        return NULL;
    g_autofree char *why = g_strdup_printf("the tag of group '%s' at the array of site '%s' knows "
                                           "more of this site than its database",
                                           now->state.group, drive->ends[end].name);
    struct restored_tag tag = {now->state.group, own.tag.incarnation, own.tag.minted,
                               own.tag.floor};
    TRY(restored_admit(world_options_of(call->world)->exchange, r->db, why, &tag));
    return err_remedy(err(SYNC_RECOVERING, "%s: it was restored from an older copy", why),
                      "carry both sites' outboxes: protector protection-group sync-force PG");
}

static err_t *tag_renew(struct round *r, struct step_call *call, const struct group_now *now,
                        struct drive *drive, int end)
{
    TRY(witness_check(r, call, now, drive, end));
    return drive_tag(call, drive, &now->state, end);
}

/* False: the tag there showed that 'now' is of a restored database, and it is no more. */
static bool end_tag(struct round *r, struct step_call *call, const struct group_now *now,
                    struct drive *drive, int end)
{
    const char *pg_id = call->op->pg_id;
    g_autofree char *key = g_strdup_printf("%s %d", pg_id, end);
    g_autofree char *text = tag_text(now, drive, end);

    if (g_strcmp0(g_hash_table_lookup(r->tags->written, key), text) == 0)
        return true;
    g_autoptr(err_t) e = tag_renew(r, call, now, drive, end);
    if (e == NULL)
        g_hash_table_replace(r->tags->written, TAKE(key), TAKE(text));
    else if (r->report != NULL)
        r->report(r->report_data, pg_id, e);
    return e == NULL || !err_is(e, ERR_SYNC_RECOVERING);
}

/* The first epoch is nobody's claim: there is nothing to tell before one was minted. */
static bool wants_tag(const struct group_row *row)
{
    return row != NULL && row->minted > 0 && (row->flags & GROUP_FLAG_POLICY) &&
           !g_str_equal(row->role, "NONE") && !g_str_equal(row->role, "TOMBSTONE");
}

static err_t *group_tags(struct round *r, const char *pg_id)
{
    AUTO(group_row) row = NULL;
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct operation op = {.id = (char *)"tag", .pg_id = (char *)pg_id};
    struct step_call call = world_call(r->tags->world, r->db, &op, r->owner, r->now_ms);

    TRY(group_find(r->db, pg_id, &row));
    if (!wants_tag(row))
        return NULL;
    TRY(group_now_load(&call, &now));
    if (body_policy(now->body) == NULL || sync_active(&now->state) == NULL)
        return NULL;
    TRY(drive_open(&call, now->body, sync_active(&now->state), sync_epoch(&now->state), &drive));
    for (int end = 0; end < 2 && end_tag(r, &call, now, drive, end); end++)
        continue;
    return NULL;
}

static err_t *group_told(void *data, const char *pg_id)
{
    struct round *r = data;
    g_autoptr(err_t) e = group_tags(r, pg_id);

    if (e != NULL && r->report != NULL)
        r->report(r->report_data, pg_id, e);
    return NULL;
}

err_t *tags_run(struct tags *tags, struct db *db, const char *owner, int64_t now_ms,
                void (*report)(void *data, const char *pg_id, const err_t *e), void *report_data,
                int64_t *ret_next_ms)
{
    struct round r = {tags, db, owner, now_ms, report, report_data};
    const struct protector_driver *driver = world_options_of(tags->world)->driver;

    *ret_next_ms = INT64_MAX;
    if (driver == NULL || !(driver->can & PROTECTOR_CAN_TAG))
        return NULL;
    TRY(group_each(db, group_told, &r));
    *ret_next_ms = now_ms + TAGS_ROUND_MS;
    return NULL;
}
