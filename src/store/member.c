/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member - see member.h.
 */
#include "store/member.h"

#include "base/env.h"
#include "base/secrets.h"
#include "model/body.h"
#include "store/group.h"
#include "store/record.h"

#include <string.h>

static void member_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(member, pg_id, COLUMN_KEY),
    RECORD_TEXT(member, id, COLUMN_KEY | COLUMN_SORT),
    RECORD_TEXT(member, instance_id, COLUMN_FILTER),
    RECORD_TEXT(member, instance_name, COLUMN_SORT | COLUMN_FILTER),
    RECORD_TEXT(member, status, COLUMN_SORT | COLUMN_FILTER),
    RECORD_TEXT(member, error_message, 0),
    RECORD_INT(member, volume_count, 0),
    RECORD_JSON(member, config, COLUMN_HEAVY),
    RECORD_JSON(member, volumes, COLUMN_HEAVY),
    RECORD_BOOL(member, in_body, 0),
    RECORD_TEXT(member, digest, 0),
    RECORD_TIME(member, created_at, COLUMN_SORT),
    RECORD_TIME(member, updated_at, COLUMN_SORT),
    RECORD_END,
};

#define OF_GROUP "pg_id = ?"

static const struct record_index indexes[] = {
    {OF_GROUP, "created_at", "ix_pg_members_created"},
    {OF_GROUP, "instance_name", "ix_pg_members_name"},
    {NULL, NULL, NULL},
};

static const struct record record = {
    .table = "pg_members",
    .what = "member",
    .columns = columns,
    .size = sizeof(struct member),
    .destroy = member_destroy_row,
    .absent = ERR_MEMBER_NOT_FOUND,
    .marker_column = "id",
    .order = {"created_at", false},
    .indexes = indexes,
};

RECORD_DEFINE(member, record)

#define BY_EITHER "pg_id = ? AND (id = ? OR instance_id = ?)"

err_t *member_get(struct db *db, const char *pg_id, const char *id_or_instance, struct member **ret)
{
    void *row = NULL;
    TRY(record_get(db, &record, &row, id_or_instance, BY_EITHER, "sss", pg_id, id_or_instance,
                   id_or_instance));
    *ret = row;
    return NULL;
}

err_t *member_find(struct db *db, const char *pg_id, const char *id_or_instance,
                   struct member **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, BY_EITHER, "sss", pg_id, id_or_instance, id_or_instance));
    *ret = row;
    return NULL;
}

err_t *member_list(struct db *db, const char *pg_id, const struct list_query *query,
                   GPtrArray **ret)
{
    return record_list(db, &record, query, ret, OF_GROUP, "s", pg_id);
}

static err_t *group_of(struct db *db, const char *sql, const char *id, const char *but, char **ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, sql, "ss", id, but != NULL ? but : ""));
    *ret = db_rows_count(rows) > 0 ? g_strdup(db_str(rows, 0, 0)) : NULL;
    return NULL;
}

/* Whether the body of a group knows the server as one that was recovered. */
static err_t *recovered_in(struct db *db, const char *pg_id, const char *instance_id, bool *ret)
{
    AUTO(group_row) group = NULL;
    json_t *body = NULL;

    *ret = false;
    TRY(group_find(db, pg_id, &group));
    if (group == NULL || !group->listed || group->body == NULL)
        return NULL;
    TRY(json_parse(group->body, strlen(group->body), "the metadata of a group", &body));
    *ret = body_member_of_server(body, instance_id) != NULL;
    json_decref(body);
    return NULL;
}

/* The ledger names the groups for which this site made the server; their bodies decide. */
static err_t *group_of_recovered(struct db *db, const char *instance_id, const char *but,
                                 char **ret_group)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows,
                 "SELECT DISTINCT pg_id FROM dr_resources WHERE cloud_id = ? AND kind = 'server'"
                 " AND pg_id <> ?",
                 "ss", instance_id, but));
    for (size_t i = 0; i < db_rows_count(rows) && *ret_group == NULL; i++) {
        bool is = false;
        TRY(recovered_in(db, db_str(rows, i, 0), instance_id, &is));
        if (is)
            *ret_group = g_strdup(db_str(rows, i, 0));
    }
    return NULL;
}

err_t *member_group_of_instance(struct db *db, const char *instance_id, const char *but,
                                char **ret_group)
{
    TRY(group_of(db,
                 "SELECT pg_id FROM pg_members"
                 " WHERE instance_id = ? AND in_body = 1 AND pg_id <> ? LIMIT 1",
                 instance_id, but, ret_group));
    return *ret_group != NULL
               ? NULL
               : group_of_recovered(db, instance_id, but != NULL ? but : "", ret_group);
}

err_t *member_group_of_volume(struct db *db, const char *volume_id, const char *but,
                              char **ret_group)
{
    return group_of(db, "SELECT pg_id FROM cg_volumes WHERE volume_id = ? AND pg_id <> ? LIMIT 1",
                    volume_id, but, ret_group);
}

struct member *member_of_body(const char *pg_id, const json_t *entry, int64_t now_ms)
{
    struct member *member = member_create();
    char digest[HASH_HEX_SIZE];
    g_autofree char *text = json_print_canonical(entry);
    hash_hex(text, strlen(text), digest);
    member->pg_id = g_strdup(pg_id);
    member->id = g_strdup(json_str_or(entry, "id", ""));
    member->instance_id = g_strdup(json_str_or(entry, "instance_id", ""));
    member->instance_name = g_strdup(json_str_or(entry, "instance_name", ""));
    member->status = g_strdup(json_str_or(entry, "status", ""));
    member->error_message = g_strdup(json_str(entry, "error_message"));
    member->volumes = json_deep_copy(json_arr(entry, "volumes"));
    member->volume_count = (int64_t)json_array_size(member->volumes);
    member->config = json_deep_copy(json_obj(entry, "config"));
    member->in_body = true;
    member->digest = g_strdup(digest);
    int64_t added_at_ms = time_parse(json_str_or(entry, "added_at", ""));
    member->created_at_ms = added_at_ms >= 0 ? added_at_ms : now_ms;
    member->updated_at_ms = now_ms;
    return member;
}

err_t *member_put(struct db *db, const struct member *member)
{
    bool found = false;
    TRY(record_update(db, &record, member, &found, NULL, ""));
    return found ? NULL : record_insert(db, &record, member);
}

err_t *member_drop(struct db *db, const char *pg_id, const char *id_or_instance, bool *ret_dropped)
{
    int64_t count = 0;
    TRY(record_delete(db, &record, &count, BY_EITHER " AND in_body = 0", "sss", pg_id,
                      id_or_instance, id_or_instance));
    *ret_dropped = count > 0;
    return NULL;
}

/* The whole chain, and what to do about it.  Caller frees. */
static char *reason_of(const json_t *error)
{
    g_autoptr(err_t) why = error != NULL ? err_from_json(error) : NULL;
    if (why == NULL)
        return g_strdup("adding the server failed");
    g_autofree char *text = err_text(why);
    const char *remedy = err_remedy_text(why);
    return *remedy != '\0' ? g_strdup_printf("%s. Action: %s", text, remedy) : TAKE(text);
}

err_t *member_failed(struct db *db, const char *pg_id, const json_t *entry, const json_t *error,
                     int64_t now_ms)
{
    AUTO(member) member = member_of_body(pg_id, entry, now_ms);
    AUTO(member) there = NULL;
    bool dropped = false;
    TRY(member_drop(db, pg_id, member->instance_id, &dropped));
    TRY(member_find(db, pg_id, member->instance_id, &there));
    if (there != NULL)
        return NULL;
    member->in_body = false;
    g_free(member->status);
    member->status = g_strdup("error");
    g_free(member->error_message);
    member->error_message = reason_of(error);
    return record_insert(db, &record, member);
}
