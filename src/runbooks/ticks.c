/* SPDX-License-Identifier: Apache-2.0 */
/* ticks - see ticks.h. */
#include "runbooks/ticks.h"

#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/group.h"
#include "store/lease.h"

#define TICK_MS 1000

/* The lease of another engine as it was first seen. */
struct sighting {
    char *owner;
    int64_t beat, since_mono_ms;
};

struct ticks {
    struct world *world;
    int64_t lease_ttl_ms;
    GHashTable *seen; /* key of a lease -> struct sighting */
};

struct tick {
    struct ticks *ticks;
    struct world *world;
    struct db *db;
    const char *owner;
    int64_t now_ms;
    int64_t next_ms; /* out */
};

static void sighting_free(void *data)
{
    struct sighting *s = data;

    g_free(s->owner);
    g_free(s);
}

struct ticks *ticks_create(struct world *world, int64_t lease_ttl_ms)
{
    struct ticks *t = g_new0(struct ticks, 1);

    t->world = world;
    t->lease_ttl_ms = lease_ttl_ms;
    t->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, sighting_free);
    return t;
}

void ticks_destroy(struct ticks *ticks)
{
    if (ticks == NULL)
        return;
    g_hash_table_destroy(ticks->seen);
    g_free(ticks);
}

/* Makes (or goes on making) the point of the bucket that 'now' lies in. */
static err_t *point_make(struct tick *t, struct step_call *call, struct group_now *now)
{
    AUTO(drive) drive = NULL;
    struct protector_point_state point = {0};
    struct protector_error error = {0};

    if (!body_replicates(now->body))
        return NULL;
    TRY(drive_open(call, now->body, now->self, sync_epoch(&now->state), &drive));
    int64_t interval_ms = MAX(drive->group.interval_ms, TICK_MS);
    int64_t bucket = t->now_ms / interval_ms;
    t->next_ms = MIN(t->next_ms, (bucket + 1) * interval_ms);
    g_autofree char *key =
        g_strdup_printf("p%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT, drive->group.lineage, bucket);
    struct protector_call at;
    TRY(drive_call(call, drive, drive->local, &at));
    enum protector_status status =
        drive->driver->replicate_now(drive->handle, &at, key, &point, &error);
    if (status == PROTECTOR_PENDING || (status == PROTECTOR_OK && !point.complete)) {
        t->next_ms = MIN(t->next_ms, t->now_ms + TICK_MS);
        return NULL;
    }
    if (status ==
        PROTECTOR_DENIED) /* the target is fenced: it has become active, we shall hear of it */
        return NULL;
    TRY(drive_error(drive, status, &error, "making a recovery point"));
    return group_replicated(t->db, call->op->pg_id, point.time_ms);
}

/* True when 'lease' has stood unchanged for a whole time to live: whoever took it has died with it.
 */
static bool lease_abandoned(struct tick *t, const char *key, const struct lease *lease)
{
    int64_t mono_ms = env_mono_ms(world_options_of(t->world)->env);
    struct sighting *s = g_hash_table_lookup(t->ticks->seen, key);

    if (s != NULL && s->beat == lease->beat && g_str_equal(s->owner, lease->owner))
        return mono_ms - s->since_mono_ms >= t->ticks->lease_ttl_ms;
    s = g_new0(struct sighting, 1);
    s->owner = g_strdup(lease->owner);
    s->beat = lease->beat;
    s->since_mono_ms = mono_ms;
    g_hash_table_insert(t->ticks->seen, g_strdup(key), s);
    return false;
}

/* One engine at a time: a lease that is given back at once. */
static err_t *tick_lease(struct tick *t, const char *pg_id, bool *ret_held, char **ret_key)
{
    AUTO(lease) seen = NULL;
    int64_t beat = 0;

    *ret_key = g_strdup_printf("tick:%s", pg_id);
    *ret_held = false;
    TRY(lease_get(t->db, *ret_key, &seen));
    bool free_now = seen == NULL || *seen->owner == '\0' || g_str_equal(seen->owner, t->owner);
    if (!free_now && !lease_abandoned(t, *ret_key, seen))
        return NULL;
    g_hash_table_remove(t->ticks->seen, *ret_key);
    return lease_claim(t->db, *ret_key, t->owner, seen, &beat, ret_held);
}

static err_t *group_tick(struct tick *t, const char *pg_id)
{
    AUTO(group_row) row = NULL;
    AUTO(group_now) now = NULL;
    g_autofree char *lease = NULL;
    bool held = false;

    TRY(group_find(t->db, pg_id, &row));
    bool mine = row != NULL && g_str_equal(row->role, "ACTIVE") &&
                (row->flags & GROUP_FLAG_POLICY) &&
                !(row->flags & (GROUP_FLAG_DELETING | GROUP_FLAG_SUPERSEDED)) &&
                g_strcmp0(row->replication_type, "async") == 0 && row->member_count > 0;
    if (!mine)
        return NULL;
    TRY(tick_lease(t, pg_id, &held, &lease));
    if (!held)
        return NULL;
    struct operation op = {.id = (char *)"tick", .pg_id = (char *)pg_id};
    struct step_call call = world_call(t->world, t->db, &op, t->owner, t->now_ms);
    bool may = false;
    err_t *e = group_now_load(&call, &now);
    if (e == NULL)
        e = array_is_current(&call, now, &may);
    if (e == NULL && may)
        e = point_make(t, &call, now);
    err_t *released = lease_release(t->db, lease, t->owner);
    if (e != NULL) {
        err_free(released);
        return e;
    }
    return released;
}

err_t *ticks_run(struct ticks *ticks, struct db *db, const char *owner, int64_t now_ms,
                 void (*report)(void *data, const char *pg_id, const err_t *e), void *report_data,
                 int64_t *ret_next_ms)
{
    struct tick t = {ticks, ticks->world, db, owner, now_ms, now_ms + 5 * TICK_MS};
    const struct protector_driver *driver = world_options_of(ticks->world)->driver;
    g_autoptr(GPtrArray) ids = NULL;

    *ret_next_ms = INT64_MAX;
    if (driver == NULL || !(driver->can & PROTECTOR_NEEDS_TICKS))
        return NULL;
    TRY(group_list_ids(db, NULL, TICKS_GROUPS_MAX, &ids));
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(err_t) e = group_tick(&t, g_ptr_array_index(ids, i));
        if (e != NULL && report != NULL)
            report(report_data, g_ptr_array_index(ids, i), e);
    }
    *ret_next_ms = t.next_ms;
    return NULL;
}
