/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync - see sync.h.  The state's JSON stands in column 'state', the present body in 'body', the
 * chain in table positions; the rest of the row is derived.
 */
#include "store/sync.h"

#include "store/cg.h"
#include "store/local.h"
#include "store/project.h"

#include <string.h>

/* ---- the chain */

#define POSITION_COLUMNS                                                                           \
    "hash, parent, parent2, epoch, version, kind, forced, minter, claim_id, body_hash,"            \
    " incarnation, rejoined, drop_list, floor2"

static err_t *read_drop(struct position *p, const char *text)
{
    if (text == NULL)
        return NULL;
    g_auto(GStrv) hashes = g_strsplit(text, " ", -1);
    for (size_t i = 0; hashes[i] != NULL; i++) {
        if (i >= POSITION_DROP_MAX)
            return err(DB, "position %s drops more than it can", p->hash);
        g_strlcpy(p->drop[i], hashes[i], HASH_HEX_SIZE);
        p->drop_count = i + 1;
    }
    return NULL;
}

static char *print_drop(const struct position *p)
{
    if (p->drop_count == 0)
        return NULL;
    char *hashes[POSITION_DROP_MAX + 1] = {NULL};
    for (size_t i = 0; i < p->drop_count; i++)
        hashes[i] = (char *)p->drop[i];
    return g_strjoinv(" ", hashes);
}

static err_t *read_position(const struct db_rows *rows, size_t i, struct position *ret)
{
    struct position p = {0};
    struct {
        char *field;
        size_t size;
        size_t column;
    } texts[] = {
        {p.hash, sizeof(p.hash), 0},
        {p.parent, sizeof(p.parent), 1},
        {p.parent2, sizeof(p.parent2), 2},
        {p.minter, sizeof(p.minter), 7},
        {p.claim_id, sizeof(p.claim_id), 8},
        {p.body_hash, sizeof(p.body_hash), 9},
        {p.incarnation, sizeof(p.incarnation), 10},
        {p.rejoined, sizeof(p.rejoined), 11},
    };
    for (size_t t = 0; t < G_N_ELEMENTS(texts); t++)
        g_strlcpy(texts[t].field, db_str(rows, i, texts[t].column), texts[t].size);
    p.epoch = db_int(rows, i, 3);
    p.version = db_int(rows, i, 4);
    p.kind = position_kind_of(db_str(rows, i, 5));
    p.forced = db_int(rows, i, 6) != 0;
    p.floor2 = db_int(rows, i, 13);
    TRY(read_drop(&p, db_str(rows, i, 12)));
    *ret = p;
    return NULL;
}

/*
 * Reads that a save will follow look at what is committed now, not at the transaction's snapshot,
 * which may be older than the lock on the group's row.
 */
static bool locks(struct db *db)
{
    return db_in_tx(db) && !db_is_sqlite(db);
}

static err_t *load_chain(struct db *db, const char *group_id, struct chain **ret)
{
    AUTO(chain) chain = chain_create();
    AUTO(db_rows) rows = NULL;
    g_autofree char *sql = g_strconcat("SELECT " POSITION_COLUMNS
                                       " FROM positions WHERE pg_id = ? ORDER BY seq LIMIT ?",
                                       locks(db) ? " LOCK IN SHARE MODE" : "", NULL);
    TRY(db_query(db, &rows, sql, "si", group_id, (int64_t)CHAIN_ROWS_MAX));
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        struct position read;
        TRY(read_position(rows, i, &read));
        AUTO(position) p = position_new(&read);
        err_t *e = chain_add(chain, p);
        if (e != NULL)
            return err_recode(DB, e, "the history of group %s is damaged", group_id);
    }
    *ret = TAKE(chain);
    return NULL;
}

static err_t *insert_position(struct db *db, const char *group_id, size_t seq,
                              const struct position *p, int64_t now_ms)
{
    g_autofree char *drop = print_drop(p);
    return db_exec(db, NULL,
                   "INSERT INTO positions (pg_id, seq, created_at, " POSITION_COLUMNS ")"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "siisssiisissssssi", group_id, (int64_t)seq, now_ms, p->hash, p->parent,
                   p->parent2, p->epoch, p->version, position_kind_text(p->kind),
                   (int64_t)p->forced, p->minter, p->claim_id, p->body_hash, p->incarnation,
                   p->rejoined, drop, p->floor2);
}

/* Every incarnation that a position names is known from then on. */
static err_t *note_named(struct db *db, const char *site, const char *incarnation, int64_t now_ms)
{
    return *incarnation == '\0'
               ? NULL
               : incarnation_note(db, site, incarnation, "named by a position", now_ms);
}

static err_t *save_chain(struct db *db, const struct sync_state *before,
                         const struct sync_state *after, int64_t now_ms)
{
    size_t old = chain_count(before->chain);
    g_assert(chain_count(after->chain) >= old);
    for (size_t i = old; i < chain_count(after->chain); i++) {
        const struct position *p = chain_at(after->chain, i);
        const char *other =
            strcmp(p->minter, after->site[0]) == 0 ? after->site[1] : after->site[0];
        TRY(insert_position(db, after->group, i, p, now_ms));
        TRY(note_named(db, p->minter, p->incarnation, now_ms));
        TRY(note_named(db, other, p->rejoined, now_ms));
    }
    return NULL;
}

err_t *store_position_time(struct db *db, const char *group_id, const char *hash, int64_t *ret_ms)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows, "SELECT created_at FROM positions WHERE pg_id = ? AND hash = ?", "ss",
                 group_id, hash));
    *ret_ms = db_rows_count(rows) > 0 ? db_int(rows, 0, 0) : 0;
    return NULL;
}

/* ---- bodies of earlier positions */

err_t *store_position_body(struct db *db, const char *group_id, const char *hash, char **ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT body FROM protection_groups WHERE id = ? AND position = ?"
                 " UNION ALL SELECT body FROM positions WHERE pg_id = ? AND hash = ?",
                 "ssss", group_id, hash, group_id, hash));
    *ret = NULL;
    for (size_t i = 0; i < db_rows_count(rows) && *ret == NULL; i++)
        *ret = g_strdup(db_str(rows, i, 0));
    return NULL;
}

/* Keeps the body that is left behind until the peer has proved to hold it. */
static err_t *keep_bodies(struct db *db, const struct sync_state *before,
                          const struct sync_state *after)
{
    AUTO(db_rows) kept = NULL;
    bool moved = strcmp(before->pos, after->pos) != 0;
    if (!moved && strcmp(before->known_peer, after->known_peer) == 0)
        return NULL;
    if (moved && before->body != NULL)
        TRY(db_exec(db, NULL, "UPDATE positions SET body = ? WHERE pg_id = ? AND hash = ?", "sss",
                    body_text(before->body), after->group, before->pos));
    TRY(db_query(db, &kept, "SELECT hash FROM positions WHERE pg_id = ? AND body IS NOT NULL", "s",
                 after->group));
    for (size_t i = 0; i < db_rows_count(kept); i++) {
        const char *hash = db_str(kept, i, 0);
        if (chain_ancestor(after->chain, hash, after->known_peer))
            TRY(db_exec(db, NULL, "UPDATE positions SET body = NULL WHERE pg_id = ? AND hash = ?",
                        "ss", after->group, hash));
    }
    return NULL;
}

/* ---- refusals, for people who look */

static err_t *save_refusals(struct db *db, const struct sync_state *before,
                            const struct sync_state *after, int64_t now_ms)
{
    const struct sync_refused *r = after->refused;
    size_t count = after->refused_count;
    if (count == before->refused_count) /* an action adds one, or forgets those of an epoch */
        return NULL;
    TRY(db_exec(db, NULL, "DELETE FROM refusals WHERE pg_id = ?", "s", after->group));
    for (size_t i = 0; i < count; i++)
        TRY(db_exec(db, NULL,
                    "INSERT INTO refusals (pg_id, hash, epoch, rejoin, reason, message, created_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    "ssiissi", after->group, r[i].hash, r[i].epoch, (int64_t)r[i].rejoin,
                    r[i].reason, r[i].text, now_ms));
    return NULL;
}

/* ---- the row */

static void set(char **field, const char *value)
{
    char *copy = g_strdup(value);
    g_free(*field);
    *field = copy;
}

/* NULL for the empty text. */
static void set_some(char **field, const char *value)
{
    set(field, value == NULL || *value == '\0' ? NULL : value);
}

/* What the protocol's state says. */
static void fill_state(struct group_row *row, const struct sync_state *s)
{
    bool signed_one = s->staged.kind == STAGED_PROPOSAL;
    set(&row->role, sync_role_text(s->role));
    set(&row->peer_site_id, sync_peer(s));
    set(&row->position, s->pos);
    set(&row->known_peer, s->known_peer);
    set_some(&row->staged, signed_one ? s->staged.position->hash : NULL);
    set_some(&row->staged_op, s->staged.kind != STAGED_NONE ? s->staged.operation : NULL);
    set_some(&row->serving, s->serving);
    set_some(&row->frozen_for, s->frozen_for);
    set_some(&row->rival, s->rival);
    row->epoch = sync_epoch(s);
    row->version = sync_version(s);
    row->minted = s->minted;
    row->floor = s->floor;
    row->outbox_count = (int64_t)sync_outbox_count(s);
    row->owing = row->outbox_count > 0 || s->role == ROLE_RECOVERING;
    row->listed = s->role != ROLE_NONE && (s->role != ROLE_TOMBSTONE || s->unprotected);
}

/* What the best body at hand says. */
static void fill_body(struct group_row *row, const struct sync_state *s, const json_t *body)
{
    const char *primary = body_primary_site(body);
    const char *secondary = body_secondary_site(body);
    const json_t *one = body_site(body, primary);
    const json_t *two = body_site(body, secondary);
    set(&row->name, body_name(body));
    set(&row->description, json_str(body, "description"));
    set(&row->peer_project_id, body_project(body, sync_peer(s)));
    set(&row->primary_site_id, primary);
    set(&row->secondary_site_id, secondary);
    set(&row->replication_type, body_replication_type(body));
    set(&row->volume_type, body_volume_type(body, primary));
    set(&row->secondary_volume_type, body_volume_type(body, secondary));
    set(&row->volume_type_id, json_str(one, "volume_type_id"));
    set(&row->secondary_volume_type_id, json_str(two, "volume_type_id"));
    set(&row->consistency_group_id, json_str(body, "consistency_group_id"));
    row->lineage = body_lineage(body);
    row->member_count = (int64_t)json_array_size(body_members(body));
    row->failover_count = body_failover_count(body);
    int64_t last = time_parse(json_str_or(body, "last_failover_at", ""));
    row->last_failover_at_ms = MAX(last, 0);
}

static void set_known(char **to, const char *value)
{
    if (value != NULL)
        set(to, value);
}

/*
 * What of 'seed' tells of a group that has no body yet.  A seed that knows less than the row (that
 * of a message knows the project alone) takes nothing away.
 */
static void fill_seed(struct group_row *row, const struct group_row *seed)
{
    set_known(&row->name, seed->name);
    set_known(&row->description, seed->description);
    set_known(&row->peer_project_id, seed->peer_project_id);
    set_known(&row->primary_site_id, seed->primary_site_id);
    set_known(&row->secondary_site_id, seed->secondary_site_id);
    set_known(&row->replication_type, seed->replication_type);
    set_known(&row->volume_type, seed->volume_type);
    set_known(&row->volume_type_id, seed->volume_type_id);
    set_known(&row->secondary_volume_type, seed->secondary_volume_type);
    set_known(&row->secondary_volume_type_id, seed->secondary_volume_type_id);
    set_known(&row->consistency_group_id, seed->consistency_group_id);
}

/* The body that tells most: of pos, else what is on its way to become it. */
static const json_t *best_body(const struct sync_state *s)
{
    const struct body *bodies[] = {s->body, s->staged.body, s->incoming.body};
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++)
        if (bodies[i] != NULL)
            return body_json(bodies[i]);
    return NULL;
}

static err_t *fill_status(struct db *db, struct group_row *row, const struct sync_state *s)
{
    struct group_local local;
    struct group_view view;
    TRY(group_local_read(db, row->id, &local));
    group_view_init(&view, s, &local);
    row->flags = group_flags_of(&view);
    set(&row->status, group_status_text(group_status(&view, NULL)));
    const char *active = sync_active(s);
    set(&row->current_primary_site_id, active != NULL ? active : row->primary_site_id);
    return NULL;
}

/*
 * A group that came over from the peer may bear a name that another one has here: both are listed,
 * and found by their ids.
 */
static err_t *fill_living_name(struct db *db, struct group_row *row)
{
    bool taken = false;
    if (row->listed && *row->name != '\0')
        TRY(group_name_taken(db, row->project_id, row->name, row->id, &taken));
    set_some(&row->living_name, row->listed && !taken ? row->name : NULL);
    return NULL;
}

static err_t *new_row(const struct sync_state *s, const struct group_row *seed, int64_t now_ms,
                      struct group_row **ret)
{
    const json_t *body = best_body(s);
    const char *project = body != NULL ? body_project(body, sync_self(s)) : NULL;
    if (project == NULL && seed != NULL)
        project = seed->project_id;
    if (project == NULL)
        return err_remedy(err(GROUP_NOT_FOUND,
                              "protection group '%s' is not known at this site, and the message "
                              "does not say of which project it is",
                              s->group),
                          "hand it in with a token of the project that the group is of");
    struct group_row *row = group_row_create();
    row->id = g_strdup(s->group);
    row->project_id = g_strdup(project);
    row->name = g_strdup("");
    row->created_at_ms = now_ms;
    *ret = row;
    return NULL;
}

/* A row that was written in between, or a name that was taken in between: run again, look again. */
static err_t *overtaken(err_t *e, const char *group_id)
{
    return e != NULL && err_is(e, ERR_DB_DUPLICATE)
               ? err_recode(DB_DEADLOCK, e, "group %s was written by somebody else", group_id)
               : e;
}

static err_t *write_row(struct db *db, const struct group_row *row, bool is_new,
                        const struct sync_state *before)
{
    bool found = true;
    TRY(overtaken(is_new ? group_insert(db, row)
                         : group_update(db, row, before->pos, sync_role_text(before->role), &found),
                  row->id));
    return found ? NULL : err(DB_DEADLOCK, "group %s has changed since it was read", row->id);
}

/* A body comes and goes with its position, and nothing moves back to EMPTY. */
static bool body_moved(const struct sync_state *before, const struct sync_state *after)
{
    return strcmp(before->pos, after->pos) != 0;
}

static err_t *write_state(struct db *db, const struct sync_state *before,
                          const struct sync_state *after)
{
    g_autoptr(json_t) j = sync_state_to_json(after);
    g_autofree char *text = json_print(j);
    TRY(db_exec(db, NULL, "UPDATE protection_groups SET state = ? WHERE id = ?", "ss", text,
                after->group));
    if (!body_moved(before, after))
        return NULL;
    return db_exec(db, NULL, "UPDATE protection_groups SET body = ? WHERE id = ?", "ss",
                   body_text(after->body), after->group);
}

err_t *store_sync_save(struct db *db, const struct sync_state *before,
                       const struct sync_state *after, const struct group_row *seed, int64_t now_ms)
{
    AUTO(group_row) row = NULL;
    g_assert(db_in_tx(db));
    TRY(group_find(db, after->group, &row));
    bool is_new = row == NULL;
    if (is_new)
        TRY(new_row(after, seed, now_ms, &row));
    const json_t *body = best_body(after);
    if (body != NULL)
        fill_body(row, after, body);
    else if (seed != NULL)
        fill_seed(row, seed);
    fill_state(row, after);
    TRY(fill_status(db, row, after));
    TRY(fill_living_name(db, row));
    row->updated_at_ms = now_ms;
    TRY(write_row(db, row, is_new, before));
    TRY(write_state(db, before, after));
    TRY(save_chain(db, before, after, now_ms));
    TRY(keep_bodies(db, before, after));
    TRY(save_refusals(db, before, after, now_ms));
    if (after->role == ROLE_TOMBSTONE && !after->unprotected) {
        TRY(cg_delete(db, after->group));
        return project_body(db, after->group, NULL, now_ms); /* its array's group is free again */
    }
    if (!body_moved(before, after))
        return NULL;
    return project_body(db, after->group, body_json(after->body), now_ms);
}

/* ---- loading */

static err_t *parse_state(const struct db_rows *rows, const char *group_id, struct chain *chain,
                          struct sync_state *ret)
{
    AUTO(chain) mine = chain;
    AUTO(body) body = NULL;
    g_autoptr(json_t) j = NULL;
    const char *state = db_str(rows, 0, 0);
    const char *text = db_str(rows, 0, 1);
    if (state == NULL)
        return err(DB, "group %s has no state", group_id);
    TRY(json_parse(state, strlen(state), "the state of a group", &j));
    if (text != NULL)
        TRY(body_parse(text, strlen(text), &body));
    return sync_state_from_json(j, TAKE(mine), TAKE(body), ret);
}

err_t *store_sync_load(struct db *db, const char *group_id, struct sync_state *ret, bool *ret_found)
{
    AUTO(db_rows) rows = NULL;
    struct chain *chain = NULL;
    TRY(db_query(db, &rows,
                 locks(db) ? "SELECT state, body FROM protection_groups WHERE id = ? FOR UPDATE"
                           : "SELECT state, body FROM protection_groups WHERE id = ?",
                 "s", group_id));
    *ret_found = db_rows_count(rows) > 0;
    if (!*ret_found)
        return NULL;
    TRY(load_chain(db, group_id, &chain));
    err_t *e = parse_state(rows, group_id, chain, ret);
    return e == NULL ? NULL : err_wrap(e, "cannot read the state of group %s", group_id);
}
