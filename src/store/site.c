/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - see site.h.
 */
#include "store/site.h"

#include "store/record.h"

static void site_destroy_row(void *row);

static const struct column columns[] = {
    RECORD_TEXT(site, id, COLUMN_KEY | COLUMN_SORT),
    RECORD_TEXT(site, name, COLUMN_SORT | COLUMN_FILTER),
    RECORD_TEXT(site, description, 0),
    RECORD_TEXT(site, site_type, COLUMN_FILTER),
    RECORD_TEXT(site, auth_url, 0),
    RECORD_TEXT(site, region_name, COLUMN_FILTER),
    RECORD_TEXT(site, status, COLUMN_SORT | COLUMN_FILTER),
    RECORD_TEXT(site, status_reason, 0),
    RECORD_BOOL(site, is_local, COLUMN_FILTER),
    RECORD_TEXT(site, protector_url, 0),
    RECORD_TEXT(site, compute_url, 0),
    RECORD_TEXT(site, sign_public, 0),
    RECORD_TEXT(site, seal_public, 0),
    RECORD_TEXT(site, fingerprint, 0),
    RECORD_JSON(site, old_keys, 0),
    RECORD_TEXT(site, credentials, 0),
    RECORD_JSON(site, checks, 0),
    RECORD_JSON(site, peer_user, 0),
    RECORD_TIME(site, validated_at, 0),
    RECORD_TIME(site, created_at, COLUMN_ONCE | COLUMN_SORT),
    RECORD_TIME(site, updated_at, COLUMN_SORT),
    RECORD_END,
};

static const struct record record = {
    .table = "sites",
    .what = "site",
    .columns = columns,
    .size = sizeof(struct site),
    .destroy = site_destroy_row,
    .absent = ERR_SITE_NOT_FOUND,
    .marker_column = "id",
    .order = {"name", false},
};

RECORD_DEFINE(site, record)

static err_t *find(struct db *db, struct site **ret, const char *where, const char *one,
                   const char *two)
{
    void *row = NULL;
    if (two == NULL)
        TRY(record_find(db, &record, &row, where, "s", one));
    else
        TRY(record_find(db, &record, &row, where, "ss", one, two));
    *ret = row;
    return NULL;
}

err_t *site_find(struct db *db, const char *id, struct site **ret)
{
    return find(db, ret, "id = ?", id, NULL);
}

err_t *site_find_name(struct db *db, const char *name, struct site **ret)
{
    return find(db, ret, "name = ?", name, NULL);
}

err_t *site_find_cloud(struct db *db, const char *auth_url, const char *region_name,
                       struct site **ret)
{
    return find(db, ret, "auth_url = ? AND region_name = ?", auth_url, region_name);
}

err_t *site_find_local(struct db *db, struct site **ret)
{
    void *row = NULL;
    TRY(record_find(db, &record, &row, "is_local = 1", ""));
    *ret = row;
    return NULL;
}

err_t *site_get(struct db *db, const char *id, struct site **ret)
{
    void *row = NULL;
    TRY(record_get(db, &record, &row, id, "id = ?", "s", id));
    *ret = row;
    return NULL;
}

err_t *site_resolve(struct db *db, const char *id_or_name, struct site **ret)
{
    struct site *site = NULL;
    TRY(site_find(db, id_or_name, &site));
    if (site == NULL)
        TRY(site_find_name(db, id_or_name, &site));
    if (site == NULL)
        return err(SITE_NOT_FOUND, "site %s does not exist", id_or_name);
    *ret = site;
    return NULL;
}

err_t *site_list(struct db *db, const struct list_query *query, GPtrArray **ret)
{
    return record_list(db, &record, query, ret, NULL, "");
}

err_t *site_insert(struct db *db, const struct site *site)
{
    return record_insert(db, &record, site);
}

err_t *site_update(struct db *db, const struct site *site)
{
    bool found = false;
    TRY(record_update(db, &record, site, &found, NULL, ""));
    return found ? NULL : err(SITE_NOT_FOUND, "site %s does not exist", site->id);
}

err_t *site_delete(struct db *db, const char *id)
{
    int64_t count = 0;
    TRY(record_delete(db, &record, &count, "id = ?", "s", id));
    return count > 0 ? NULL : err(SITE_NOT_FOUND, "site %s does not exist", id);
}

bool site_is_closed(const struct site *site)
{
    return g_strcmp0(site->status, SITE_DECOMMISSIONING) == 0 ||
           g_strcmp0(site->status, SITE_DECOMMISSIONED) == 0;
}

err_t *site_open_check(const struct site *site)
{
    if (!site_is_closed(site))
        return NULL;
    return err_remedy(err(SITE_DECOMMISSIONED, "site '%s' was decommissioned here%s%s", site->name,
                          site->status_reason != NULL ? ", " : "",
                          site->status_reason != NULL ? site->status_reason : ""),
                      "to join it anew, delete what is left of its groups, its tenant mappings and "
                      "its record, then register it: protector site delete %s",
                      site->name);
}
