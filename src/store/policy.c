/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - see policy.h.
 */
#include "store/policy.h"

#include "base/secrets.h"
#include "store/record.h"

#include <string.h>

static void replication_policy_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(replication_policy, pg_id, COLUMN_KEY),
    RECORD_TEXT(replication_policy, id, 0),
    RECORD_TEXT(replication_policy, primary_fa_url, 0),
    RECORD_TEXT(replication_policy, secondary_fa_url, 0),
    RECORD_TEXT(replication_policy, pure_pg_name, 0),
    {"replication_interval", COLUMN_INT,
     offsetof(struct replication_policy, replication_interval_s), 0},
    RECORD_INT(replication_policy, rpo_minutes, 0),
    RECORD_TEXT(replication_policy, primary_array, 0),
    RECORD_TEXT(replication_policy, secondary_array, 0),
    RECORD_TIME(replication_policy, created_at, COLUMN_ONCE),
    RECORD_TIME(replication_policy, updated_at, 0),
    RECORD_END,
};

static const struct record record = {
    .table = "replication_policies",
    .what = "replication policy",
    .columns = columns,
    .size = sizeof(struct replication_policy),
    .destroy = replication_policy_destroy_row,
    .absent = ERR_POLICY_NOT_FOUND,
    .marker_column = "pg_id",
};

RECORD_DEFINE(replication_policy, record)

err_t *policy_find(struct db *db, const char *pg_id, struct replication_policy **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "pg_id = ?", "s", pg_id));
    *ret = row;
    return NULL;
}

char *policy_array_key(const char *url, const char *array_group)
{
    char key[HASH_HEX_SIZE];
    g_autofree char *plain = g_ascii_strdown(url, -1);
    for (size_t size = strlen(plain); size > 0 && plain[size - 1] == '/'; size--)
        plain[size - 1] = '\0';
    hash_strings(key, plain, array_group, NULL);
    return g_strdup(key);
}

err_t *policy_group_of_array(struct db *db, const char *url, const char *array_group,
                             const char *but, char **ret_group)
{
    AUTO(db_rows) rows = NULL;
    g_autofree char *key = policy_array_key(url, array_group);
    TRY(db_query(db, &rows,
                 "SELECT pg_id FROM replication_policies"
                 " WHERE (primary_array = ? OR secondary_array = ?) AND pg_id <> ? LIMIT 1",
                 "sss", key, key, but != NULL ? but : ""));
    *ret_group = db_rows_count(rows) > 0 ? g_strdup(db_str(rows, 0, 0)) : NULL;
    return NULL;
}

static char *key_of(const json_t *policy, const char *field)
{
    const char *url = json_str(policy, field);
    const char *array_group = json_str(policy, "pure_pg_name");
    return url != NULL && array_group != NULL ? policy_array_key(url, array_group) : NULL;
}

static const char *const ends[] = {"primary_fa_url", "secondary_fa_url"};

/* Whether two policies, as bodies have them, name the same group at the same array. */
static bool arrays_meet(const json_t *a, const json_t *b)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *mine = key_of(a, ends[i]);
        for (size_t k = 0; k < G_N_ELEMENTS(ends); k++) {
            g_autofree char *theirs = key_of(b, ends[k]);
            if (mine != NULL && g_strcmp0(mine, theirs) == 0)
                return true;
        }
    }
    return false;
}

/* What a group's policy will be: its row with the fields of a change over it. */
static err_t *policy_coming(struct db *db, const char *pg_id, const char *params, json_t **ret)
{
    AUTO(replication_policy) row = NULL;
    json_t *change = NULL;
    g_autoptr(json_t) out = json_object();

    TRY(policy_find(db, pg_id, &row));
    if (row != NULL) {
        json_set_str(out, ends[0], row->primary_fa_url);
        json_set_str(out, ends[1], row->secondary_fa_url);
        json_set_str(out, "pure_pg_name", row->pure_pg_name);
    }
    TRY(json_parse(params, strlen(params), "the change of a policy", &change));
    json_object_update(out, change);
    json_decref(change);
    *ret = TAKE(out);
    return NULL;
}

/* Among the changes under way.  Reserved slots only: what is signed is still open, too. */
static err_t *arrays_coming(struct db *db, const json_t *policy, const char *but, char **ret_group)
{
    AUTO(db_rows) rows = NULL;

    TRY(db_query(db, &rows,
                 "SELECT pg_id, params FROM dr_operations WHERE is_open = 1"
                 " AND operation_type = 'policy_set' AND pg_id <> ?",
                 "s", but));
    for (size_t i = 0; i < db_rows_count(rows) && *ret_group == NULL; i++) {
        g_autoptr(json_t) coming = NULL;
        TRY(policy_coming(db, db_str(rows, i, 0), db_str(rows, i, 1), &coming));
        if (arrays_meet(policy, coming))
            *ret_group = g_strdup(db_str(rows, i, 0));
    }
    return NULL;
}

err_t *policy_arrays_taken(struct db *db, const json_t *policy, const char *but, char **ret_group)
{
    const char *name = json_str(policy, "pure_pg_name");

    *ret_group = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(ends) && *ret_group == NULL; i++) {
        const char *url = json_str(policy, ends[i]);
        if (url != NULL && name != NULL)
            TRY(policy_group_of_array(db, url, name, but, ret_group));
    }
    return *ret_group == NULL ? arrays_coming(db, policy, but, ret_group) : NULL;
}

err_t *policy_put(struct db *db, const char *pg_id, const json_t *policy, int64_t now_ms)
{
    if (policy == NULL)
        return record_delete(db, &record, NULL, "pg_id = ?", "s", pg_id);
    AUTO(replication_policy) row = replication_policy_create();
    bool found = false;
    row->pg_id = g_strdup(pg_id);
    row->id = g_strdup(json_str_or(policy, "id", ""));
    row->primary_fa_url = g_strdup(json_str(policy, "primary_fa_url"));
    row->secondary_fa_url = g_strdup(json_str(policy, "secondary_fa_url"));
    row->pure_pg_name = g_strdup(json_str(policy, "pure_pg_name"));
    row->replication_interval_s = json_int(policy, "replication_interval", 0);
    row->rpo_minutes = json_int(policy, "rpo_minutes", 0);
    row->primary_array = key_of(policy, "primary_fa_url");
    row->secondary_array = key_of(policy, "secondary_fa_url");
    row->created_at_ms = now_ms;
    row->updated_at_ms = now_ms;
    TRY(record_update(db, &record, row, &found, NULL, ""));
    return found ? NULL : record_insert(db, &record, row);
}
