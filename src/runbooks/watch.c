/* SPDX-License-Identifier: Apache-2.0 */
/* watch - see watch.h. */
#include "runbooks/watch.h"

#include "cloud/nova.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/exchange_watch.h"

struct watch {
    struct world *world;
    GHashTable *silent; /* arrays and clouds that did not answer the last time they were asked */
};

/* What an array or a cloud said in this round. */
struct answer {
    bool failed;
    GHashTable *floors; /* array: "group writer" -> highest epoch the writer was active in */
    json_t *servers;    /* cloud */
};

struct round {
    struct watch *watch;
    struct db *db;
    const char *owner;
    int64_t now_ms;
    bool stop;
    GHashTable *arrays; /* url -> struct answer */
    GHashTable *clouds; /* "site" and "site project" -> struct answer */
    void (*report)(void *data, const char *pg_id, const err_t *e);
    void *report_data;
};

/* What is known of one group so far. */
struct look {
    struct round *round;
    const struct watched_group *group;
    struct operation op;
    struct step_call call;
    bool told;     /* by the array: the cloud need not be asked */
    int64_t epoch; /* out: highest in which the peer was active */
    const char *where;
};

static void answer_free(void *data)
{
    struct answer *a = data;

    if (a->floors != NULL)
        g_hash_table_destroy(a->floors);
    json_decref(a->servers);
    g_free(a);
}

struct watch *watch_create(struct world *world)
{
    struct watch *w = g_new0(struct watch, 1);

    w->world = world;
    w->silent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return w;
}

void watch_destroy(struct watch *watch)
{
    if (watch == NULL)
        return;
    g_hash_table_destroy(watch->silent);
    g_free(watch);
}

/* ---- who does not answer ---- */

static void tell(const struct look *l, const err_t *e)
{
    if (l->round->report != NULL)
        l->round->report(l->round->report_data, l->group->id, e);
}

/* Takes 'e'; NULL: it has answered. */
static void heard(const struct look *l, struct answer *a, const char *who, err_t *e)
{
    GHashTable *silent = l->round->watch->silent;
    g_autoptr(err_t) why = e;

    a->failed = why != NULL;
    if (why == NULL)
        g_hash_table_remove(silent, who);
    else if (g_hash_table_add(silent, g_strdup(who)))
        tell(l, why);
}

static struct answer *answer_of(GHashTable *answers, const char *who, bool *ret_fresh)
{
    struct answer *a = g_hash_table_lookup(answers, who);

    *ret_fresh = a == NULL;
    if (a == NULL) {
        a = g_new0(struct answer, 1);
        g_hash_table_insert(answers, g_strdup(who), a);
    }
    return a;
}

/* ---- the peer's array ---- */

static int tag_note(void *data, const char *group, const struct protector_tag *tag)
{
    struct answer *a = data;
    int64_t *floor = g_new(int64_t, 1);

    *floor = tag->floor;
    g_hash_table_replace(a->floors, g_strdup_printf("%s %s", group, tag->writer), floor);
    return 0;
}

struct of_group {
    struct answer *answer;
    const char *group;
};

static int tag_note_of(void *data, const struct protector_tag *tag)
{
    struct of_group *of = data;

    return tag_note(of->answer, of->group, tag);
}

/* All tags of the array if the driver lists them, else those of this group. */
static err_t *tags_read(struct look *l, struct answer *a)
{
    AUTO(group_now) now = NULL;
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};
    struct protector_call at;
    struct of_group of = {a, l->group->id};

    TRY(group_now_load(&l->call, &now));
    TRY(drive_open(&l->call, now->body, now->self, sync_epoch(&now->state), &drive));
    TRY(drive_call(&l->call, drive, 1 - drive->local, &at));
    enum protector_status status =
        drive_can(drive, PROTECTOR_CAN_TAG_LIST)
            ? drive->driver->tag_list(drive->handle, &at, tag_note, a, &error)
            : drive->driver->tag_get(drive->handle, &at, tag_note_of, &of, &error);
    err_t *e = drive_error(drive, status, &error, "looking for a newer epoch at the other array");
    return e != NULL ? err_wrap(e, "the array of site '%s'", drive->ends[1 - drive->local].name)
                     : NULL;
}

static void array_look(struct look *l)
{
    const struct protector_driver *driver = world_options_of(l->round->watch->world)->driver;
    const char *url = l->group->peer_array;
    bool fresh = true;

    if (url == NULL || driver == NULL || !(driver->can & PROTECTOR_CAN_TAG))
        return;
    struct answer *a = answer_of(l->round->arrays, url, &fresh);
    if (a->floors == NULL)
        a->floors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (!a->failed && (fresh || !(driver->can & PROTECTOR_CAN_TAG_LIST)))
        heard(l, a, url, tags_read(l, a));
    if (a->failed)
        return;
    g_autofree char *key = g_strdup_printf("%s %s", l->group->id, l->group->peer);
    const int64_t *floor = g_hash_table_lookup(a->floors, key);
    l->told = true;
    l->epoch = floor != NULL ? *floor : 0;
    l->where = "a tag at its array";
}

/* ---- the peer's cloud ---- */

static err_t *servers_read(struct look *l, struct answer *a)
{
    struct cloud peer;
    bool partial = false;

    TRY(world_peer(&l->call, l->group->peer, &peer));
    return nova_server_list(&peer, l->group->peer_project, &partial, &a->servers);
}

/* Epochs that the peer opened are of its parity: a stamp with another one is this site's own. */
static int64_t stamp_of(const struct look *l, const json_t *server)
{
    const struct site_identity *self = world_options_of(l->round->watch->world)->exchange->identity;
    int ordinal = strcmp(l->group->peer, self->site_id) < 0 ? 0 : 1;
    const char *group = nova_metadata(server, SERVER_GROUP);
    const char *stamp = nova_metadata(server, NOVA_KEY_EPOCH);
    int64_t epoch = stamp != NULL ? g_ascii_strtoll(stamp, NULL, 10) : 0;

    return g_strcmp0(group, l->group->id) == 0 && epoch % 2 == ordinal ? epoch : 0;
}

static void cloud_look(struct look *l)
{
    g_autofree char *who = g_strdup_printf("%s %s", l->group->peer, l->group->peer_project);
    bool fresh = true, first = true;
    size_t i;
    json_t *server;

    struct answer *site = answer_of(l->round->clouds, l->group->peer, &first);
    struct answer *project = answer_of(l->round->clouds, who, &fresh);
    if (fresh && !site->failed)
        heard(l, site, l->group->peer, servers_read(l, project));
    json_array_foreach(project->servers, i, server)
    {
        l->epoch = MAX(l->epoch, stamp_of(l, server));
        l->where = "a server in its cloud";
    }
}

/* ---- a group ---- */

static void superseded_tell(const struct look *l)
{
    g_autoptr(err_t) e = err_remedy(
        err(SYNC_SUPERSEDED,
            "%s says that the other site was active in epoch %" G_GINT64_FORMAT
            ", this site knows %" G_GINT64_FORMAT ": %s",
            l->where, l->epoch, l->group->epoch,
            l->round->stop ? "its servers are stopped and locked"
                           : "nothing is stopped ([site] on_superseded = alarm)"),
        "carry the other site's metadata: protector protection-group sync-force PG; to keep this "
        "site: protector protection-group failover PG --unplanned here");

    tell(l, e);
}

static err_t *group_watch(struct round *r, const struct watched_group *group)
{
    struct look l = {.round = r, .group = group};
    bool news = false;

    l.op = (struct operation){.id = (char *)"watch", .pg_id = group->id};
    l.call = world_call(r->watch->world, r->db, &l.op, r->owner, r->now_ms);
    array_look(&l);
    if (!l.told && group->peer_project != NULL)
        cloud_look(&l);
    if (l.epoch <= group->epoch)
        return NULL;
    struct exchange_sighting seen = {.epoch = l.epoch, .stop = r->stop};
    TRY(exchange_superseded(world_options_of(r->watch->world)->exchange, r->db, group->id, &seen,
                            &news));
    if (news)
        superseded_tell(&l);
    return NULL;
}

static err_t *groups_watch(struct round *r)
{
    g_autofree char *marker = NULL;
    guint count = WATCH_GROUPS_AT;

    while (count == WATCH_GROUPS_AT) {
        g_autoptr(GPtrArray) page = NULL;
        TRY(watched_group_list(r->db, marker, WATCH_GROUPS_AT, &page));
        count = page->len;
        for (guint i = 0; i < count; i++) {
            const struct watched_group *g = g_ptr_array_index(page, i);
            g_autoptr(err_t) e = group_watch(r, g);
            if (e != NULL && r->report != NULL)
                r->report(r->report_data, g->id, e);
            g_free(marker);
            marker = g_strdup(g->id);
        }
    }
    return NULL;
}

err_t *watch_run(struct watch *watch, struct db *db, const char *owner, int64_t now_ms,
                 void (*report)(void *data, const char *pg_id, const err_t *e), void *report_data,
                 int64_t *ret_next_ms)
{
    const struct conf *conf = world_options_of(watch->world)->conf;
    struct round r = {.watch = watch,
                      .db = db,
                      .owner = owner,
                      .now_ms = now_ms,
                      .report = report,
                      .report_data = report_data};

    r.stop = g_str_equal(conf_str(conf, "site", "on_superseded"), "stop");
    r.arrays = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, answer_free);
    r.clouds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, answer_free);
    *ret_next_ms = now_ms + conf_int(conf, "DEFAULT", "epoch_watch_interval_s") * 1000;
    err_t *e = groups_watch(&r);
    g_hash_table_destroy(r.arrays);
    g_hash_table_destroy(r.clouds);
    return e;
}
