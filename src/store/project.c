/* SPDX-License-Identifier: Apache-2.0 */
/*
 * project - see project.h.  Members are compared by the digest of their entry, so that a fact about
 * one server does not rewrite the rows of five hundred.
 */
#include "store/project.h"

#include "model/body.h"
#include "store/member.h"
#include "store/policy.h"

/* ---- volumes of one member */

static err_t *forget_volumes(struct db *db, const char *group_id, const char *member_id)
{
    return db_exec(db, NULL, "DELETE FROM cg_volumes WHERE pg_id = ? AND member_id = ?", "ss",
                   group_id, member_id);
}

static err_t *put_volumes(struct db *db, const char *group_id, const char *cg_id,
                          const json_t *entry)
{
    const char *member = json_str_or(entry, "id", "");
    size_t i = 0;
    const json_t *v = NULL;
    TRY(forget_volumes(db, group_id, member));
    json_array_foreach(json_arr(entry, "volumes"), i, v)
    {
        const char *id = json_str_or(v, "id", "");
        /* One volume is listed once, whatever a body says. */
        TRY(db_exec(db, NULL, "DELETE FROM cg_volumes WHERE pg_id = ? AND volume_id = ?", "ss",
                    group_id, id));
        TRY(db_exec(db, NULL,
                    "INSERT INTO cg_volumes (pg_id, volume_id, consistency_group_id, member_id,"
                    " name, volume_type, device, size_gb, boot_index, bootable)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    "sssssssiii", group_id, id, cg_id, member, json_str(v, "name"),
                    json_str(v, "type"), json_str(v, "device"), json_int(v, "size", 0),
                    json_int(v, "boot_index", -1), (int64_t)json_bool(v, "bootable", false)));
    }
    return NULL;
}

/* ---- members */

/* Member id -> digest of the rows that stand in the body. */
static err_t *read_digests(struct db *db, const char *group_id, GHashTable **ret)
{
    AUTO(db_rows) rows = NULL;
    TRY(db_query(db, &rows, "SELECT id, digest FROM pg_members WHERE pg_id = ? AND in_body = 1",
                 "s", group_id));
    GHashTable *digests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (size_t i = 0; i < db_rows_count(rows); i++)
        g_hash_table_insert(digests, g_strdup(db_str(rows, i, 0)), g_strdup(db_str(rows, i, 1)));
    *ret = digests;
    return NULL;
}

static err_t *put_member(struct db *db, const char *group_id, const json_t *body,
                         const json_t *entry, GHashTable *digests, int64_t now_ms)
{
    AUTO(member) member = member_of_body(group_id, entry, now_ms);
    const char *old = g_hash_table_lookup(digests, member->id);
    bool same = g_strcmp0(old, member->digest) == 0;
    g_hash_table_remove(digests, member->id);
    if (same)
        return NULL;
    TRY(db_exec(db, NULL, "DELETE FROM pg_members WHERE pg_id = ? AND instance_id = ? AND id <> ?",
                "sss", group_id, member->instance_id, member->id));
    TRY(member_put(db, member));
    return put_volumes(db, group_id, json_str_or(body, "consistency_group_id", ""), entry);
}

static err_t *forget_members(struct db *db, const char *group_id, GHashTable *digests)
{
    g_autoptr(GList) ids = g_list_sort(g_hash_table_get_keys(digests), (GCompareFunc)g_strcmp0);
    for (const GList *id = ids; id != NULL; id = id->next) {
        TRY(db_exec(db, NULL, "DELETE FROM pg_members WHERE pg_id = ? AND id = ?", "ss", group_id,
                    (const char *)id->data));
        TRY(forget_volumes(db, group_id, id->data));
    }
    return NULL;
}

static err_t *project_members(struct db *db, const char *group_id, const json_t *body,
                              int64_t now_ms)
{
    g_autoptr(GHashTable) digests = NULL;
    size_t i = 0;
    const json_t *entry = NULL;
    TRY(read_digests(db, group_id, &digests));
    json_array_foreach(body != NULL ? body_members(body) : NULL, i, entry)
        TRY(put_member(db, group_id, body, entry, digests, now_ms));
    return forget_members(db, group_id, digests);
}

/* ---- mappings: {<source site>: {<kind>: {source: target}}} */

static err_t *put_mappings(struct db *db, const char *group_id, const char *site, const char *kind,
                           json_t *pairs)
{
    const char *source = NULL;
    json_t *target = NULL;
    json_object_foreach(pairs, source, target) if (json_is_string(target))
        TRY(db_exec(db, NULL,
                    "INSERT INTO resource_mappings (pg_id, source_site_id, kind, source,"
                    " target) VALUES (?, ?, ?, ?, ?)",
                    "sssss", group_id, site, kind, source, json_string_value(target)));
    return NULL;
}

static err_t *project_mappings(struct db *db, const char *group_id, const json_t *body)
{
    const char *site = NULL;
    const char *kind = NULL;
    json_t *kinds = NULL;
    json_t *pairs = NULL;
    TRY(db_exec(db, NULL, "DELETE FROM resource_mappings WHERE pg_id = ?", "s", group_id));
    json_object_foreach(json_obj(body, "mappings"), site, kinds)
        json_object_foreach(kinds, kind, pairs) TRY(put_mappings(db, group_id, site, kind, pairs));
    return NULL;
}

err_t *project_body(struct db *db, const char *group_id, const json_t *body, int64_t now_ms)
{
    TRY(project_members(db, group_id, body, now_ms));
    TRY(policy_put(db, group_id, body != NULL ? body_policy(body) : NULL, now_ms));
    return project_mappings(db, group_id, body);
}
