/* SPDX-License-Identifier: Apache-2.0 */
/* oracle - see oracle.h. */
#include "tests/sim/oracle.h"

#include "model/safety.h"
#include "store/sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What is remembered of a group. */
struct watched {
    char *id;
    struct safety_watch *safety;
    int64_t epoch[BENCH_SITES]; /* highest that each site was seen to hold */
};

struct oracle {
    struct bench *b;
    GHashTable *ended; /* id of an operation that has ended -> its journal as it stood then */
    GPtrArray *groups; /* struct watched */
    GString *unrest;
    bool restored[BENCH_SITES];   /* at any time */
    bool old_ledger[BENCH_SITES]; /* and it is not at rest since: groups are still unknown there */
};

/* Both sites' state of a group; 'of' by site, 'by_ordinal' as safety.h wants it. */
struct both {
    struct sync_state of[BENCH_SITES];
    const struct sync_state *by_ordinal[BENCH_SITES];
};

static void watched_free(gpointer p)
{
    struct watched *w = p;

    safety_watch_destroy(w->safety);
    g_free(w->id);
    g_free(w);
}

/* ---- databases ---- */

static void must(err_t *e, const char *what)
{
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    err_free(e);
    fail_msg("%s: %s", what, text);
}

static void load(struct bench *b, int site, const char *group, struct sync_state *ret)
{
    struct db *db = process_db_get(&b->site[site].p);
    bool found = false;
    err_t *e = store_sync_load(db, group, ret, &found);

    process_db_put(&b->site[site].p, db);
    must(e, group);
    if (found)
        return;
    g_autofree char *self = bench_sql(b, site, "SELECT site_id FROM local_site");
    g_autofree char *peer = bench_sql(b, 1 - site, "SELECT site_id FROM local_site");
    sync_state_init(ret, group, self, peer);
}

static void both_load(struct bench *b, const char *group, struct both *ret)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        load(b, i, group, &ret->of[i]);
        ret->by_ordinal[ret->of[i].self] = &ret->of[i];
    }
}

static void both_fini(struct both *both)
{
    for (int i = 0; i < BENCH_SITES; i++)
        sync_state_fini(&both->of[i]);
}

/* ---- what users were told ---- */

static void told(struct bench *b, int site, struct watched *w)
{
    g_autofree char *operations = g_strdup_printf(
        "SELECT status, result FROM dr_operations WHERE pg_id = '%s' AND result IS NOT NULL",
        w->id);
    g_autofree char *log =
        g_strdup_printf("SELECT position FROM sync_log WHERE pg_id = '%s' AND position IS NOT NULL",
                        w->id);
    AUTO(db_rows) rows = bench_rows(b, site, operations);
    AUTO(db_rows) logged = bench_rows(b, site, log);

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        g_autoptr(json_t) result = json_loads(db_str(rows, i, 1), 0, NULL);
        const char *accepted = json_str(result, "accepted");
        const char *refused = json_str(json_obj(result, "refused"), "position");
        if (accepted != NULL && g_str_equal(db_str(rows, i, 0), "completed"))
            safety_watch_acknowledged(w->safety, accepted);
        if (refused != NULL)
            safety_watch_refused(w->safety, refused);
    }
    for (size_t i = 0; i < db_rows_count(logged); i++)
        safety_watch_logged(w->safety, db_str(logged, i, 0));
}

static struct watched *watched_of(struct oracle *o, const char *id)
{
    for (guint i = 0; i < o->groups->len; i++) {
        struct watched *w = g_ptr_array_index(o->groups, i);
        if (g_str_equal(w->id, id))
            return w;
    }
    struct watched *w = g_new0(struct watched, 1);
    w->id = g_strdup(id);
    w->safety = safety_watch_create();
    g_ptr_array_add(o->groups, w);
    return w;
}

static void groups_find(struct oracle *o)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        AUTO(db_rows) rows = bench_rows(o->b, i, "SELECT id FROM protection_groups ORDER BY id");
        for (size_t row = 0; row < db_rows_count(rows); row++)
            told(o->b, i, watched_of(o, db_str(rows, row, 0)));
    }
}

/* ---- after every event ---- */

static void epochs_never_fall(struct watched *w, const struct both *both)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        int64_t epoch = sync_epoch(&both->of[i]);
        if (epoch < w->epoch[i])
            fail_msg("%s of %s: the epoch fell from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                     w->id, bench_site_name(i), w->epoch[i], epoch);
        w->epoch[i] = epoch;
    }
}

static void group_look(struct oracle *o, struct watched *w)
{
    struct both both;

    both_load(o->b, w->id, &both);
    for (int i = 0; i < BENCH_SITES; i++) {
        if (o->restored[i])
            safety_watch_restored(w->safety, both.of[i].self);
    }
    const char *wrong = safety_all(w->safety, both.by_ordinal);
    if (wrong != NULL)
        fail_msg("%s: %s", w->id, wrong);
    epochs_never_fall(w, &both);
    both_fini(&both);
}

static int open_operations(struct bench *b, int site)
{
    return (int)bench_sql_int(b, site, "SELECT COUNT(*) FROM dr_operations WHERE is_open <> 0");
}

/*
 * What has ended stays as it is: an engine that lost its lease writes nothing any more.  By site: a
 * handover's operation and the stub of it have one id.
 */
static void ended_stays(struct oracle *o, int site)
{
    AUTO(db_rows)
    rows = bench_rows(
        o->b, site,
        "SELECT o.id, o.status, s.step_key, s.subject, s.state, s.attempt, s.finished_at FROM"
        " dr_operations o LEFT JOIN dr_steps s ON s.op_id = o.id WHERE o.is_open = 0 ORDER BY o.id,"
        " s.seq");
    g_autoptr(GString) journal = g_string_new(NULL);

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *id = db_str(rows, i, 0);
        for (size_t column = 1; column < 7; column++)
            g_string_append_printf(journal, "%s ",
                                   db_is_null(rows, i, column) ? "-" : db_str(rows, i, column));
        if (i + 1 < db_rows_count(rows) && g_str_equal(db_str(rows, i + 1, 0), id))
            continue;
        g_autofree char *key = g_strdup_printf("%d %s", site, id);
        const char *before = g_hash_table_lookup(o->ended, key);
        if (before != NULL && !g_str_equal(before, journal->str))
            fail_msg("%s: operation %s has ended, and its journal changes: %s; now %s",
                     bench_site_name(site), id, before, journal->str);
        if (before == NULL)
            g_hash_table_insert(o->ended, TAKE(key), g_strdup(journal->str));
        g_string_truncate(journal, 0);
    }
}

static void ledger_look(struct oracle *o, int site)
{
    if (open_operations(o->b, site) == 0 && !o->old_ledger[site])
        bench_ledger_holds(o->b, site);
}

/* A7: what an old database calls running is parked as soon as that is noticed. */
static void nothing_old_runs(struct bench *b, int site)
{
    AUTO(db_rows)
    rows = bench_rows(b, site,
                      "SELECT o.operation_type, o.id, o.status FROM dr_operations o JOIN"
                      " protection_groups g ON g.id = o.pg_id WHERE o.is_open <> 0 AND"
                      " g.role IN ('RECOVERING', 'NONE')");

    if (db_rows_count(rows) > 0)
        fail_msg("%s: %s %s of a database that was put back is still %s", bench_site_name(site),
                 db_str(rows, 0, 0), db_str(rows, 0, 1), db_str(rows, 0, 2));
}

void oracle_restored(struct oracle *o, int site, bool noticed)
{
    if (noticed)
        nothing_old_runs(o->b, site);
    o->restored[site] = o->old_ledger[site] = o->b->site[site].forgets = true;
    g_hash_table_remove_all(o->ended);
    for (guint i = 0; noticed && i < o->groups->len; i++)
        ((struct watched *)g_ptr_array_index(o->groups, i))->epoch[site] = 0;
}

/* A11: what was planted at an array is never made volumes of. */
static void points_are_of_the_lineage(struct bench *b)
{
    static const char sql[] = "SELECT COUNT(*) FROM copies WHERE point_id LIKE 'planted%'";

    if (bench_arrays_int(b, sql) > 0)
        fail_msg("a recovery point of another lineage was used");
}

void oracle_look(struct oracle *o)
{
    groups_find(o);
    points_are_of_the_lineage(o->b);
    for (guint i = 0; i < o->groups->len; i++)
        group_look(o, g_ptr_array_index(o->groups, i));
    for (int i = 0; i < BENCH_SITES; i++) {
        ended_stays(o, i);
        ledger_look(o, i);
    }
}

/* ---- while engines work ---- */

/*
 * Servers of the name that run at a site; 'group' not NULL: but for those left by another group;
 * 'ours': but for those that somebody started by hand.  One that was kept beside its successor is
 * its owner's.
 */
static int running(struct bench *b, int site, const char *name, const char *group, bool ours)
{
    const char *id;
    json_t *row;
    int count = 0;

    json_object_foreach((json_t *)sim_table(b->sim, site, "servers"), id, row)
    {
        const char *of = json_str(json_obj(row, "metadata"), "protector:group");
        bool others = group != NULL && of != NULL && !g_str_equal(of, group);
        bool kept = json_str(json_obj(row, "metadata"), "protector:kept") != NULL;
        kept = kept || json_str(json_obj(row, "metadata"), "protector:drill") != NULL;
        bool not_ours = kept || (ours && json_bool(row, "by_hand", false));
        count += g_strcmp0(json_str(row, "name"), name) == 0 && !others && !not_ours &&
                 g_strcmp0(json_str(row, "vm_state"), "active") == 0;
    }
    return count;
}

static bool starts_servers(const struct http_request *req)
{
    return g_str_equal(req->method, "POST") && strstr(req->url, ":8774/") != NULL &&
           (g_str_has_suffix(req->url, "/servers") ||
            (g_str_has_suffix(req->url, "/action") && req->body != NULL &&
             (strstr(req->body, "os-start") != NULL || strstr(req->body, "reboot") != NULL)));
}

/* Some group of the site is in a state of which this is true. */
static bool any_group(struct oracle *o, int site, bool (*is)(const struct sync_state *state))
{
    AUTO(db_rows) rows = bench_rows(o->b, site, "SELECT id FROM protection_groups");
    bool ret = false;

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        struct sync_state state;
        load(o->b, site, db_str(rows, i, 0), &state);
        ret = ret || is(&state);
        sync_state_fini(&state);
    }
    return ret;
}

/* "or it unwinds its own handover before ABORTED (restart at the source)". */
static bool unwinds_handover(const struct sync_state *state)
{
    return state->role == ROLE_STANDBY && *state->serving != '\0';
}

/* At the other site's cloud: nothing but the start of what a handover has stopped there. */
static void peer_started(struct oracle *o, int site, const struct http_request *req)
{
    bool boots = g_str_has_suffix(req->url, "/servers");

    if (boots || !any_group(o, site, unwinds_handover))
        fail_msg("the engine of %s starts a server at the other site", bench_site_name(site));
}

/* Active by a claim that nobody has forced: then nothing of the group runs at the other site. */
static bool serves_unforced(const struct sync_state *state)
{
    const json_t *claim = state->body != NULL ? body_claim(body_json(state->body)) : NULL;

    return safety_may_run(state) && claim != NULL && !json_bool(claim, "forced", true);
}

static void booted(struct oracle *o, int site, const struct http_request *req)
{
    AUTO(db_rows) rows = bench_rows(o->b, site, "SELECT id FROM protection_groups");
    g_autoptr(json_t) body = NULL;
    g_autoptr(err_t) no = json_parse(req->body, req->body_size, "a server", &body);
    const char *name = json_str_at(body, "server/name");
    const char *of = json_str_at(body, "server/metadata/protector:group");

    for (size_t i = 0; no == NULL && i < db_rows_count(rows); i++) {
        struct sync_state state;
        load(o->b, site, db_str(rows, i, 0), &state);
        bool alone = g_strcmp0(of, db_str(rows, i, 0)) == 0 && serves_unforced(&state);
        sync_state_fini(&state);
        if (alone && running(o->b, 1 - site, name, of, false) > 0)
            fail_msg("%s boots %s, which runs at the other site, and nobody has forced it",
                     bench_site_name(site), name);
    }
}

static bool rehearses(const struct sync_state *state)
{
    g_autoptr(err_t) no = safety_act(state, SAFETY_BOOT, SAFETY_DRILL);

    return no == NULL;
}

/* WHAT MAY RUN SERVERS, asked at the instant an engine calls Nova. */
static void engine_sends(void *data, int site, const struct http_request *req)
{
    struct oracle *o = data;
    g_autofree char *peer = sim_origin(o->b->sim, 1 - site, SIM_NOVA);

    if (!starts_servers(req))
        return;
    if (g_str_has_prefix(req->url, peer)) {
        peer_started(o, site, req);
        return;
    }
    bool drill = req->body != NULL && strstr(req->body, "protector:drill") != NULL;
    if (drill && any_group(o, site, rehearses))
        return;
    bool may = any_group(o, site, safety_may_run);
    if (!may)
        fail_msg("%s starts a server and is active in no group: %s", bench_site_name(site),
                 req->body);
    if (g_str_has_suffix(req->url, "/servers"))
        booted(o, site, req);
}

/* ---- at rest ---- */

static bool gone(const struct sync_state *s)
{
    return s->role == ROLE_NONE || s->role == ROLE_TOMBSTONE;
}

static void group_unrest(struct oracle *o, const struct watched *w)
{
    struct both both;

    both_load(o->b, w->id, &both);
    const char *why = safety_l1(both.by_ordinal);
    if (gone(&both.of[0]) && gone(&both.of[1]) && !both.of[0].gone_owed && !both.of[1].gone_owed)
        why = NULL; /* a create that nobody took, or a finished delete */
    if (why != NULL)
        g_string_append_printf(o->unrest, "%s: %s", w->id, why);
    for (int i = 0; i < BENCH_SITES && why != NULL; i++) {
        const struct sync_state *s = &both.of[i];
        g_string_append_printf(o->unrest,
                               "; %s: %s epoch %" G_GINT64_FORMAT " version %" G_GINT64_FORMAT
                               "%s%s%s%s",
                               bench_site_name(i), sync_role_text(s->role), sync_epoch(s),
                               sync_version(s), s->staged.kind != STAGED_NONE ? " staged" : "",
                               sync_owed(s) ? " owed" : "", s->gone_owed ? " gone owed" : "",
                               s->split ? " split" : "");
    }
    if (why != NULL)
        g_string_append_c(o->unrest, '\n');
    both_fini(&both);
}

const char *oracle_unrest(struct oracle *o)
{
    g_string_truncate(o->unrest, 0);
    groups_find(o);
    for (guint i = 0; i < o->groups->len; i++)
        group_unrest(o, g_ptr_array_index(o->groups, i));
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *open = bench_sql(
            o->b, i,
            "SELECT operation_type || ' ' || id || ' is ' || status FROM dr_operations WHERE"
            " is_open <> 0");
        if (open != NULL)
            g_string_append_printf(o->unrest, "%s: %s\n", bench_site_name(i), open);
    }
    return o->unrest->len > 0 ? o->unrest->str : NULL;
}

/* It stands still, and nobody of ours holds it: its user had stopped it before it became a member.
 */
static bool rests_by_itself(struct bench *b, int site, const char *name)
{
    const char *id;
    json_t *row;
    bool ret = false;

    json_object_foreach((json_t *)sim_table(b->sim, site, "servers"), id, row)
    {
        bool held = json_bool(row, "locked", false) ||
                    json_str(json_obj(row, "metadata"), "protector:stopped_for") != NULL;
        ret = ret || (g_strcmp0(json_str(row, "name"), name) == 0 && !held);
    }
    return ret;
}

/* Servers of the name that run at a site and were left there by groups that have ended. */
static int left_by_ended(struct bench *b, int site, const char *name)
{
    AUTO(db_rows)
    living =
        bench_rows(b, site, "SELECT id FROM protection_groups WHERE role IN ('ACTIVE', 'STANDBY')");
    const char *id;
    json_t *row;
    int count = 0;

    json_object_foreach((json_t *)sim_table(b->sim, site, "servers"), id, row)
    {
        const char *of = json_str(json_obj(row, "metadata"), "protector:group");
        bool ended = of != NULL;
        for (size_t i = 0; i < db_rows_count(living); i++)
            ended = ended && !g_str_equal(of, db_str(living, i, 0));
        count += ended && g_strcmp0(json_str(row, "name"), name) == 0 &&
                 g_strcmp0(json_str(row, "vm_state"), "active") == 0;
    }
    return count;
}

/* A member of a living group runs once, and only where the group is active.  What a group that has
 * ended left running there is its owner's, though he may have made another one of the same servers.
 */
static void members_run_once(struct oracle *o, int site)
{
    struct bench *b = o->b;
    AUTO(db_rows)
    rows = bench_rows(
        b, site,
        "SELECT g.role, g.status, m.instance_name, m.status, g.id FROM pg_members m JOIN"
        " protection_groups g ON g.id = m.pg_id WHERE m.in_body <> 0 AND g.role IN ('ACTIVE',"
        " 'STANDBY')");

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *name = db_str(rows, i, 2);
        bool active = g_str_equal(db_str(rows, i, 0), "ACTIVE");
        const char *group = db_str(rows, i, 4);
        int count = running(b, site, name, active ? NULL : group, true);
        if (active && count > 1)
            count -= left_by_ended(b, site, name);
        if (!active && count > 0)
            fail_msg("%s runs at %s, the standby", name, bench_site_name(site));
        if (count > 1)
            fail_msg("%s runs %d times at %s", name, count, bench_site_name(site));
        bool forgotten = o->restored[0] || o->restored[1]; /* which servers ran: a person looks */
        bool due = active && running(b, site, name, NULL, false) == 0 && !forgotten &&
                   !rests_by_itself(b, site, name);
        if (due && g_str_equal(db_str(rows, i, 3), "protected"))
            fail_msg("%s is protected (the group %s) and does not run at %s, which is active", name,
                     db_str(rows, i, 1), bench_site_name(site));
    }
}

/*
 * What an operation made before its pivot and has taken back, as its journal says, is gone from the
 * ledger too; what it could not take back stands as orphaned in the journal.
 */
static void unwound_is_gone(struct bench *b, int site)
{
    AUTO(db_rows)
    rows = bench_rows(
        b, site,
        "SELECT r.kind, r.name, o.operation_type, o.id FROM dr_resources r JOIN dr_operations o ON"
        " o.id = r.op_id WHERE r.state IN ('intent', 'made') AND o.is_open = 0 AND o.past_pivot = 0"
        " AND o.status <> 'completed' AND NOT EXISTS (SELECT 1 FROM dr_steps s WHERE s.op_id = o.id"
        " AND s.state = 'orphaned')");

    if (db_rows_count(rows) > 0)
        fail_msg("%s: %s %s of %s %s, which was taken back, stands open in the ledger",
                 bench_site_name(site), db_str(rows, 0, 0), db_str(rows, 0, 1), db_str(rows, 0, 2),
                 db_str(rows, 0, 3));
}

/* Each living group has its Cinder group at the site; besides, what the ledger names as orphans. */
static void groups_are_made(struct bench *b, int site)
{
    static const char orphans[] =
        "SELECT COUNT(*) FROM dr_resources r JOIN dr_operations o ON o.id = r.op_id WHERE"
        " r.kind = 'cinder_group' AND r.state IN ('intent', 'made') AND o.is_open = 0 AND EXISTS"
        " (SELECT 1 FROM dr_steps s WHERE s.op_id = o.id AND s.state = 'orphaned')";
    AUTO(db_rows)
    rows =
        bench_rows(b, site, "SELECT id FROM protection_groups WHERE role IN ('ACTIVE', 'STANDBY')");
    size_t made = json_object_size(sim_table(b->sim, site, "groups"));

    size_t living = db_rows_count(rows);
    size_t more = made > living ? made - living : 0;
    bool known =
        more > 0 && (b->site[site].forgets || more <= (size_t)bench_sql_int(b, site, orphans));
    if (made != living && !known)
        fail_msg("%s holds %zu groups and has %zu in Cinder", bench_site_name(site),
                 db_rows_count(rows), made);
}

/* Every operation that ended can be told from its journal, but one that a restore has parked. */
static void journals_are_whole(struct bench *b, int site)
{
    AUTO(db_rows)
    rows = bench_rows(
        b, site,
        "SELECT o.id, o.operation_type, o.status, s.step_key, s.state FROM dr_operations o"
        " JOIN dr_steps s ON s.op_id = o.id WHERE o.is_open = 0 AND (o.error IS NULL OR o.error NOT"
        " LIKE '%parked:%') AND (o.status = 'completed'"
        " AND s.state NOT IN ('done', 'skipped') OR s.state IN ('intent', 'undo_intent'))");

    if (db_rows_count(rows) > 0)
        fail_msg("%s: %s %s is %s, and its step %s is %s", bench_site_name(site),
                 db_str(rows, 0, 1), db_str(rows, 0, 0), db_str(rows, 0, 2), db_str(rows, 0, 3),
                 db_str(rows, 0, 4));
}

void oracle_rest(struct oracle *o)
{
    const char *why = oracle_unrest(o);

    if (why != NULL)
        fail_msg("the sites do not come to rest: %s", why);
    memset(o->old_ledger, 0, sizeof o->old_ledger); /* rebuilt, or it never will be */
    oracle_look(o);
    for (int i = 0; i < BENCH_SITES; i++) {
        members_run_once(o, i);
        groups_are_made(o->b, i);
        unwound_is_gone(o->b, i);
        journals_are_whole(o->b, i);
    }
}

/* ---- life ---- */

struct oracle *oracle_create(struct bench *b)
{
    struct oracle *o = g_new0(struct oracle, 1);

    o->b = b;
    o->groups = g_ptr_array_new_with_free_func(watched_free);
    o->unrest = g_string_new(NULL);
    o->ended = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    b->on_engine = engine_sends;
    b->on_engine_data = o;
    return o;
}

void oracle_destroy(struct oracle *o)
{
    if (o == NULL)
        return;
    o->b->on_engine = NULL;
    g_ptr_array_unref(o->groups);
    g_string_free(o->unrest, TRUE);
    g_hash_table_destroy(o->ended);
    g_free(o);
}
