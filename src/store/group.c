/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group - see group.h.
 */
#include "store/group.h"

#include "store/record.h"

#include <string.h>

static void group_row_destroy_row(void *row);

#define SHOWN (COLUMN_SORT | COLUMN_FILTER)

static const struct column columns[] = {
    RECORD_TEXT(group_row, id, COLUMN_KEY | SHOWN),
    RECORD_TEXT(group_row, project_id, COLUMN_ONCE),
    RECORD_TEXT(group_row, peer_project_id, 0),
    RECORD_TEXT(group_row, name, SHOWN),
    RECORD_TEXT(group_row, living_name, 0),
    RECORD_TEXT(group_row, description, 0),
    RECORD_TEXT(group_row, status, SHOWN),
    RECORD_TEXT(group_row, role, COLUMN_FILTER),
    RECORD_INT(group_row, flags, 0),
    RECORD_BOOL(group_row, listed, 0),
    RECORD_TEXT(group_row, primary_site_id, COLUMN_FILTER),
    RECORD_TEXT(group_row, secondary_site_id, COLUMN_FILTER),
    RECORD_TEXT(group_row, current_primary_site_id, COLUMN_FILTER),
    RECORD_TEXT(group_row, peer_site_id, 0),
    RECORD_TEXT(group_row, replication_type, COLUMN_FILTER),
    RECORD_TEXT(group_row, volume_type, COLUMN_FILTER),
    RECORD_TEXT(group_row, volume_type_id, 0),
    RECORD_TEXT(group_row, secondary_volume_type, 0),
    RECORD_TEXT(group_row, secondary_volume_type_id, 0),
    RECORD_TEXT(group_row, consistency_group_id, 0),
    RECORD_INT(group_row, epoch, 0),
    RECORD_INT(group_row, version, 0),
    RECORD_TEXT(group_row, position, 0),
    RECORD_TEXT(group_row, known_peer, 0),
    RECORD_TEXT(group_row, staged, 0),
    RECORD_TEXT(group_row, staged_op, 0),
    RECORD_TEXT(group_row, serving, 0),
    RECORD_TEXT(group_row, frozen_for, 0),
    RECORD_TEXT(group_row, rival, 0),
    RECORD_INT(group_row, minted, 0),
    RECORD_INT(group_row, floor, 0),
    RECORD_INT(group_row, lineage, 0),
    RECORD_INT(group_row, member_count, 0),
    RECORD_INT(group_row, failover_count, 0),
    RECORD_TIME(group_row, last_failover_at, 0),
    RECORD_TIME(group_row, last_replication_at, COLUMN_ONCE),
    RECORD_INT(group_row, outbox_count, 0),
    RECORD_BOOL(group_row, owing, 0),
    RECORD_TEXT(group_row, body, COLUMN_ONCE | COLUMN_HEAVY),
    RECORD_TIME(group_row, created_at, COLUMN_ONCE | COLUMN_SORT),
    RECORD_TIME(group_row, updated_at, COLUMN_SORT),
    RECORD_END,
};

#define LISTED    "listed = 1"
#define LISTED_OF "project_id = ? AND listed = 1"

static const struct record_index indexes[] = {
    {LISTED_OF, "created_at", "ix_protection_groups_created"},
    {LISTED_OF, "updated_at", "ix_protection_groups_updated"},
    {LISTED_OF, "name", "ix_protection_groups_name"},
    {LISTED_OF, "status", "ix_protection_groups_status"},
    {LISTED, "created_at", "ix_protection_groups_all"},
    {NULL, NULL, NULL},
};

static const struct record record = {
    .table = "protection_groups",
    .what = "protection group",
    .columns = columns,
    .size = sizeof(struct group_row),
    .destroy = group_row_destroy_row,
    .absent = ERR_GROUP_NOT_FOUND,
    .marker_column = "id",
    .order = {"created_at", true},
    .indexes = indexes,
};

RECORD_DEFINE(group_row, record)

/* ---- flags */

#define FLAG(name, field)                                                                          \
    {                                                                                              \
        GROUP_FLAG_##name, offsetof(struct group_view, field)                                      \
    }

static const struct {
    int64_t flag;
    size_t offset;
} flags[] = {
    FLAG(UNPROTECTED, unprotected),
    FLAG(SPLIT, split),
    FLAG(CLOSED, closed),
    FLAG(SUPERSEDED, superseded),
    FLAG(PEER_GONE, peer_gone),
    FLAG(EMPTY, empty),
    FLAG(DELETING, deleting),
    FLAG(STAGED, staged),
    FLAG(OWED, owed),
    FLAG(SERVING, serving),
    FLAG(TRANSITION, transition),
    FLAG(UNRECOVERED, unrecovered),
    FLAG(POLICY, policy),
    FLAG(ACTIVE_HERE, active_here),
    FLAG(ACTIVE_IS_PRIMARY, active_is_primary),
    FLAG(SELF_IS_PRIMARY, self_is_primary),
};

int64_t group_flags_of(const struct group_view *view)
{
    int64_t set = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
        if (*(const bool *)((const char *)view + flags[i].offset))
            set |= flags[i].flag;
    return set;
}

void group_view_of(const struct group_row *row, const struct group_local *local,
                   struct group_view *ret)
{
    *ret = (struct group_view){.local = *local};
    ret->role = sync_role_of(row->role);
    g_assert(ret->role != SYNC_ROLES);
    ret->active_site = row->current_primary_site_id;
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
        *(bool *)((char *)ret + flags[i].offset) = (row->flags & flags[i].flag) != 0;
}

/* ---- reading */

err_t *group_find(struct db *db, const char *id, struct group_row **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "id = ?", "s", id));
    *ret = row;
    return NULL;
}

err_t *group_get(struct db *db, const char *project_id, const char *id, struct group_row **ret)
{
    void *row = NULL;
    if (project_id == NULL)
        TRY(record_get(db, &record, &row, id, "id = ? AND listed = 1", "s", id));
    else
        TRY(record_get(db, &record, &row, id, "id = ? AND listed = 1 AND project_id = ?", "ss", id,
                       project_id));
    *ret = row;
    return NULL;
}

/* MariaDB takes "web" and "web " for the same name; we do not. */
static err_t *find_name(struct db *db, const char *project_id, const char *name, GPtrArray **ret)
{
    g_autoptr(GPtrArray) rows = NULL;
    if (project_id == NULL)
        TRY(record_select(db, &record, false, &rows, "WHERE listed = 1 AND name = ? LIMIT 3", "s",
                          name));
    else
        TRY(record_select(db, &record, false, &rows,
                          "WHERE project_id = ? AND listed = 1 AND name = ? LIMIT 3", "ss",
                          project_id, name));
    for (guint i = rows->len; i > 0; i--) {
        const struct group_row *row = g_ptr_array_index(rows, i - 1);
        if (strcmp(row->name, name) != 0)
            g_ptr_array_remove_index(rows, i - 1);
    }
    *ret = g_steal_pointer(&rows);
    return NULL;
}

err_t *group_resolve(struct db *db, const char *project_id, const char *id_or_name,
                     struct group_row **ret)
{
    g_autoptr(GPtrArray) named = NULL;
    err_t *e = group_get(db, project_id, id_or_name, ret);
    if (e == NULL || !err_is(e, ERR_GROUP_NOT_FOUND))
        return e;
    err_free(e);
    TRY(find_name(db, project_id, id_or_name, &named));
    if (named->len == 0)
        return err(GROUP_NOT_FOUND, "protection group %s does not exist", id_or_name);
    if (named->len > 1)
        return err_remedy(err(CONFLICT, "more than one protection group is named %s", id_or_name),
                          "name it by its id");
    const struct group_row *row = g_ptr_array_index(named, 0);
    return group_get(db, project_id, row->id, ret);
}

err_t *group_name_taken(struct db *db, const char *project_id, const char *name, const char *but,
                        bool *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT 1 FROM protection_groups"
                 " WHERE project_id = ? AND living_name = ? AND id <> ? LIMIT 1",
                 "sss", project_id, name, but != NULL ? but : ""));
    *ret = db_rows_count(rows) > 0;
    return NULL;
}

err_t *group_list(struct db *db, const char *project_id, const struct list_query *query,
                  GPtrArray **ret)
{
    return project_id == NULL ? record_list(db, &record, query, ret, LISTED, "")
                              : record_list(db, &record, query, ret,
                                            "project_id = ? AND listed = 1", "s", project_id);
}

static GPtrArray *ids_of(const struct db_rows *rows)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < db_rows_count(rows); i++)
        g_ptr_array_add(ids, g_strdup(db_str(rows, i, 0)));
    return ids;
}

err_t *group_list_outbox(struct db *db, const char *project_id, const char *marker, int limit,
                         GPtrArray **ret_ids)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT id FROM protection_groups WHERE project_id = ? AND owing = 1"
                 " AND id > ? ORDER BY id LIMIT ?",
                 "ssi", project_id, marker != NULL ? marker : "", (int64_t)limit));
    *ret_ids = ids_of(rows);
    return NULL;
}

err_t *group_list_ids(struct db *db, const char *marker, int limit, GPtrArray **ret_ids)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, "SELECT id FROM protection_groups WHERE id > ? ORDER BY id LIMIT ?",
                 "si", marker != NULL ? marker : "", (int64_t)limit));
    *ret_ids = ids_of(rows);
    return NULL;
}

#define EACH_AT 200 /* read from the database at once */

err_t *group_each(struct db *db, err_t *(*fn)(void *data, const char *pg_id), void *data)
{
    g_autofree char *marker = NULL;
    guint count = EACH_AT;

    while (count == EACH_AT) {
        g_autoptr(GPtrArray) ids = NULL;
        TRY(group_list_ids(db, marker, EACH_AT, &ids));
        count = ids->len;
        for (guint i = 0; i < count; i++)
            TRY(fn(data, g_ptr_array_index(ids, i)));
        g_free(marker);
        marker = count > 0 ? g_strdup(g_ptr_array_index(ids, count - 1)) : NULL;
    }
    return NULL;
}

err_t *group_count_recovering(struct db *db, int64_t *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, "SELECT COUNT(*) FROM protection_groups WHERE role = 'RECOVERING'",
                 ""));
    *ret = db_int(rows, 0, 0);
    return NULL;
}

err_t *group_list_of_peer(struct db *db, const char *site_id, const char *marker, int limit,
                          GPtrArray **ret_ids)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT id FROM protection_groups WHERE peer_site_id = ?"
                 " AND role NOT IN ('NONE', 'TOMBSTONE') AND id > ? ORDER BY id LIMIT ?",
                 "ssi", site_id, marker != NULL ? marker : "", (int64_t)limit));
    *ret_ids = ids_of(rows);
    return NULL;
}

err_t *group_uses_site(struct db *db, const char *site_id, bool *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT 1 FROM protection_groups"
                 " WHERE listed = 1 AND (primary_site_id = ? OR secondary_site_id = ?) LIMIT 1",
                 "ss", site_id, site_id));
    *ret = db_rows_count(rows) > 0;
    return NULL;
}

err_t *group_uses_projects(struct db *db, const char *project_id, const char *peer_project_id,
                           bool *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT 1 FROM protection_groups"
                 " WHERE project_id = ? AND listed = 1 AND peer_project_id = ? LIMIT 1",
                 "ss", project_id, peer_project_id));
    *ret = db_rows_count(rows) > 0;
    return NULL;
}

err_t *group_others_live(struct db *db, const char *project_id, const char *but, bool *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT 1 FROM protection_groups"
                 " WHERE project_id = ? AND (role <> 'TOMBSTONE' OR listed = 1) AND id <> ?"
                 " LIMIT 1",
                 "ss", project_id, but));
    *ret = db_rows_count(rows) > 0;
    return NULL;
}

/* ---- status */

/* Clones of a drill that are neither deleted nor handed over. */
#define DRILL_LEFT                                                                                 \
    "EXISTS (SELECT 1 FROM dr_resources r JOIN dr_operations d ON d.id = r.op_id"                  \
    " WHERE r.pg_id = ? AND r.state IN ('intent', 'made') AND d.operation_type = 'test_failover')"

err_t *group_local_read(struct db *db, const char *id, struct group_local *ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows,
                 "SELECT"
                 " SUM(CASE WHEN status = 'needs_operator' AND operation_type IN"
                 " ('failover', 'failback', 'reclaim', 'test_failover') THEN 1 ELSE 0 END),"
                 " SUM(CASE WHEN operation_type IN ('failover', 'reclaim') AND planned = 0"
                 " AND past_pivot = 0 THEN 1 ELSE 0 END),"
                 " SUM(CASE WHEN operation_type = 'test_failover' THEN 1 ELSE 0 END),"
                 " COUNT(*), CASE WHEN " DRILL_LEFT " THEN 1 ELSE 0 END"
                 " FROM dr_operations WHERE pg_id = ? AND is_open = 1 AND"
                 " operation_type NOT IN ('look', 'cleanup_look', 'plan_look')",
                 "ss", id, id));
    *ret = (struct group_local){
        .needs_operator = db_int(rows, 0, 0) > 0,
        .unplanned = db_int(rows, 0, 1) > 0,
        .drill = db_int(rows, 0, 2) > 0 || db_int(rows, 0, 4) > 0,
        .running = db_int(rows, 0, 3) > 0,
    };
    return NULL;
}

err_t *group_refresh_of(struct db *db, const char *op_id, int64_t now_ms)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, "SELECT pg_id FROM dr_operations WHERE id = ?", "s", op_id));
    const char *group = db_rows_count(rows) > 0 ? db_str(rows, 0, 0) : NULL;
    return group != NULL ? group_refresh(db, group, now_ms) : NULL;
}

err_t *group_refresh(struct db *db, const char *id, int64_t now_ms)
{
    AUTO(group_row) row = NULL;
    struct group_local local;
    struct group_view view;
    TRY(group_find(db, id, &row));
    if (row == NULL)
        return NULL;
    TRY(group_local_read(db, id, &local));
    group_view_of(row, &local, &view);
    const char *status = group_status_text(group_status(&view, NULL));
    if (strcmp(status, row->status) == 0)
        return NULL;
    return db_exec(db, NULL, "UPDATE protection_groups SET status = ?, updated_at = ? WHERE id = ?",
                   "sis", status, now_ms, id);
}

err_t *group_replicated(struct db *db, const char *id, int64_t last_replication_at_ms)
{
    return db_exec(db, NULL, "UPDATE protection_groups SET last_replication_at = ? WHERE id = ?",
                   "is", last_replication_at_ms, id);
}

err_t *group_prune(struct db *db, int64_t before_ms)
{
    return db_exec(db, NULL,
                   "DELETE FROM protection_groups WHERE role = 'NONE' AND position = ''"
                   " AND staged IS NULL AND updated_at < ? AND NOT EXISTS"
                   " (SELECT 1 FROM dr_operations o WHERE o.pg_id = protection_groups.id)"
                   " AND NOT EXISTS"
                   " (SELECT 1 FROM refusals f WHERE f.pg_id = protection_groups.id)",
                   "i", before_ms);
}

err_t *group_insert(struct db *db, const struct group_row *row)
{
    return record_insert(db, &record, row);
}

err_t *group_update(struct db *db, const struct group_row *row, const char *position,
                    const char *role, bool *ret_found)
{
    return record_update(db, &record, row, ret_found, "position = ? AND role = ?", "ss", position,
                         role);
}
