/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_check - what a body must look like: one table per object, and what no table can say.
 *
 * Only fields that are known here are checked; others pass (a newer version wrote them).
 *
 * Neighbours: body.c (parses), body_change.c (makes).
 */
#include "model/body.h"

#include <inttypes.h>
#include <string.h>

enum field_type { F_TEXT, F_NAME, F_ID, F_UUID, F_URL, F_INT, F_BOOL, F_OBJECT, F_ARRAY };
enum { OPTIONAL = 0, REQUIRED = 1, NULLABLE = 2 };

struct field {
    const char *key;
    enum field_type type;
    int64_t max; /* characters, value or elements; F_INT counts from 0 */
    int flags;
};

static const struct field group_fields[] = {
    {"schema", F_INT, 1000000, REQUIRED},
    {"id", F_ID, GROUP_SIZE - 1, REQUIRED},
    {"name", F_NAME, BODY_NAME_MAX, REQUIRED},
    {"description", F_TEXT, BODY_DESCRIPTION_MAX, NULLABLE},
    {"replication_type", F_ID, 5, REQUIRED},
    {"consistency_group_id", F_ID, BODY_ID_MAX, REQUIRED},
    {"idempotency_key", F_TEXT, BODY_NAME_MAX, NULLABLE},
    {"created_at", F_ID, 40, REQUIRED},
    {"updated_at", F_ID, 40, NULLABLE},
    {"primary_site", F_UUID, 0, REQUIRED},
    {"secondary_site", F_UUID, 0, REQUIRED},
    {"sites", F_OBJECT, SITES, REQUIRED},
    {"policy", F_OBJECT, 100, NULLABLE},
    {"members", F_ARRAY, BODY_MEMBERS_MAX, REQUIRED},
    {"mappings", F_OBJECT, SITES, REQUIRED},
    {"deleting", F_BOOL, 0, REQUIRED},
    {"transition", F_OBJECT, 100, NULLABLE},
    {"lineage", F_INT, POSITION_NUMBER_MAX, REQUIRED},
    {"claim", F_OBJECT, 100, NULLABLE},
    {"failover_count", F_INT, POSITION_NUMBER_MAX, REQUIRED},
    {"last_failover_at", F_ID, 40, NULLABLE},
    {"sealed_to", F_OBJECT, SITES, OPTIONAL},
    {"replication_off", F_BOOL, 0, OPTIONAL},
};
static const struct field site_fields[] = {
    {"name", F_NAME, BODY_NAME_MAX, REQUIRED},
    {"project_id", F_ID, BODY_ID_MAX, REQUIRED},
    {"volume_type", F_NAME, BODY_NAME_MAX, REQUIRED},
    {"volume_type_id", F_ID, BODY_ID_MAX, NULLABLE},
    {"local", F_OBJECT, 1000, NULLABLE},
};
static const struct field policy_fields[] = {
    {"id", F_ID, BODY_ID_MAX, REQUIRED},
    {"primary_fa_url", F_URL, BODY_URL_MAX, REQUIRED},
    {"secondary_fa_url", F_URL, BODY_URL_MAX, REQUIRED},
    {"pure_pg_name", F_NAME, BODY_NAME_MAX, REQUIRED},
    {"replication_interval", F_INT, BODY_INTERVAL_MAX_S, NULLABLE},
    {"rpo_minutes", F_INT, BODY_RPO_MAX_MIN, NULLABLE},
    {"verify_data", F_BOOL, 0, OPTIONAL},
    {"tokens", F_OBJECT, 16, REQUIRED},
};
static const struct field member_fields[] = {
    {"id", F_ID, BODY_ID_MAX, REQUIRED},
    {"instance_id", F_ID, BODY_ID_MAX, REQUIRED},
    {"instance_name", F_NAME, BODY_NAME_MAX, REQUIRED},
    {"status", F_ID, 20, REQUIRED},
    {"error_message", F_TEXT, BODY_TEXT_MAX, NULLABLE},
    {"config", F_OBJECT, 1000, REQUIRED},
    {"added_at", F_ID, 40, NULLABLE},
    {"priority", F_INT, BODY_PRIORITY_LAST, OPTIONAL},
    {"start_delay_s", F_INT, BODY_START_DELAY_MAX_S, OPTIONAL},
    {"start_check", F_TEXT, BODY_START_CHECK_MAX, OPTIONAL},
    {"start_timeout_s", F_INT, BODY_START_DELAY_MAX_S, OPTIONAL},
    {"volumes", F_ARRAY, BODY_VOLUMES_MAX, REQUIRED},
};
static const struct field volume_fields[] = {
    {"id", F_ID, BODY_ID_MAX, REQUIRED},       {"name", F_TEXT, BODY_NAME_MAX, NULLABLE},
    {"size", F_INT, 1 << 24, REQUIRED}, /* GiB */
    {"type", F_NAME, BODY_NAME_MAX, REQUIRED}, {"device", F_TEXT, BODY_NAME_MAX, NULLABLE},
    {"boot_index", F_INT, 1000, NULLABLE},     {"bootable", F_BOOL, 0, REQUIRED},
};
static const struct field transition_fields[] = {
    {"operation", F_ID, OPERATION_SIZE - 1, REQUIRED},
    {"target", F_UUID, 0, REQUIRED},
    {"asked", F_OBJECT, 100, OPTIONAL},
};

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* What is wrong with a text, or NULL. */
static const char *wrong_text(const struct field *f, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL)
        return "is not a text";
    if (f->type == F_UUID)
        return uuid_valid(text) ? NULL : "is not a uuid";
    if (g_utf8_strlen(text, -1) > f->max)
        return "is too long";
    if (f->type == F_TEXT)
        return NULL;
    if (text[0] == '\0')
        return "is empty";
    if (has_control(text))
        return "has control characters";
    if (f->type == F_URL && !g_str_has_prefix(text, "https://"))
        return "is not an https:// URL";
    return NULL;
}

static const char *wrong_value(const struct field *f, const json_t *value)
{
    switch (f->type) {
    case F_TEXT:
    case F_NAME:
    case F_ID:
    case F_UUID:
    case F_URL:
        return wrong_text(f, value);
    case F_INT:
        if (!json_is_integer(value))
            return "is not a whole number";
        return json_integer_value(value) < 0 || json_integer_value(value) > f->max
                   ? "is out of range"
                   : NULL;
    case F_BOOL:
        return json_is_boolean(value) ? NULL : "is neither true nor false";
    case F_OBJECT:
        if (!json_is_object(value))
            return "is not an object";
        return json_object_size(value) > (size_t)f->max ? "has too many fields" : NULL;
    case F_ARRAY:
        if (!json_is_array(value))
            return "is not a list";
        return json_array_size(value) > (size_t)f->max ? "has too many elements" : NULL;
    }
    g_assert_not_reached();
}

static err_t *check_field(const char *where, const struct field *f, const json_t *value)
{
    if (value == NULL && !(f->flags & REQUIRED))
        return NULL;
    if (json_is_null(value) && (f->flags & NULLABLE))
        return NULL;
    const char *wrong = value == NULL ? "is missing" : wrong_value(f, value);
    if (wrong == NULL)
        return NULL;
    if (f->max > 0 && value != NULL)
        return err(BODY_INVALID, "%s: '%s' %s (at most %" PRId64 ")", where, f->key, wrong, f->max);
    return err(BODY_INVALID, "%s: '%s' %s", where, f->key, wrong);
}

static err_t *check_fields(const char *where, const json_t *j, const struct field *fields,
                           size_t count)
{
    if (!json_is_object(j))
        return err(BODY_INVALID, "%s is not an object", where);
    for (size_t i = 0; i < count; i++)
        TRY(check_field(where, &fields[i], json_object_get(j, fields[i].key)));
    return NULL;
}
#define CHECK(where, j, table) check_fields(where, j, table, G_N_ELEMENTS(table))

/* ---- what no table says ---- */

static err_t *check_local(const char *where, const json_t *local)
{
    const char *section;
    json_t *value;
    json_object_foreach((json_t *)local, section, value)
    {
        if (!json_is_object(value))
            return err(BODY_INVALID, "%s: section '%.64s' of 'local' is not an object", where,
                       section);
    }
    return NULL;
}

static err_t *check_sites(const json_t *j)
{
    const char *pair[SITES] = {body_primary_site(j), body_secondary_site(j)};
    if (strcmp(pair[0], pair[1]) == 0)
        return err(BODY_INVALID, "group: primary and secondary site are the same");
    if (json_object_size(json_obj(j, "sites")) != SITES)
        return err(BODY_INVALID, "group: 'sites' does not hold exactly the two sites of the pair");
    for (int i = 0; i < SITES; i++) {
        g_autofree char *where = g_strdup_printf("site %s", pair[i]);
        const json_t *site = body_site(j, pair[i]);
        if (site == NULL)
            return err(BODY_INVALID, "group: %s is not in 'sites'", where);
        TRY(CHECK(where, site, site_fields));
        TRY(check_local(where, json_obj(site, "local")));
    }
    return NULL;
}

static err_t *check_tokens(const json_t *j, const json_t *tokens)
{
    const char *token, *site;
    json_t *boxes, *box;
    json_object_foreach((json_t *)tokens, token, boxes)
    {
        if (!json_is_object(boxes))
            return err(BODY_INVALID, "policy: token '%.64s' is not an object", token);
        json_object_foreach(boxes, site, box)
        {
            if (body_site(j, site) == NULL || !json_is_string(box) ||
                json_string_length(box) == 0 || json_string_length(box) > BODY_BOX_MAX)
                return err(BODY_INVALID, "policy: token '%.64s' has no valid box for site %.64s",
                           token, site);
        }
    }
    return NULL;
}

static err_t *check_policy(const json_t *j)
{
    const json_t *policy = body_policy(j);
    if (policy == NULL)
        return NULL;
    TRY(CHECK("policy", policy, policy_fields));
    return check_tokens(j, json_obj(policy, "tokens"));
}

static bool known_status(const char *status)
{
    return strcmp(status, "protected") == 0 || strcmp(status, "error") == 0 ||
           strcmp(status, "unrecovered") == 0;
}

/* Adds a text to a set; false if it was there. */
static bool first_time(GHashTable *set, const char *text)
{
    return g_hash_table_add(set, (gpointer)text);
}

static err_t *check_member(const json_t *member, GHashTable *seen, GHashTable *seen_volumes)
{
    g_autofree char *where =
        g_strdup_printf("member %.64s", json_str_or(member, "instance_name", "without a name"));
    TRY(CHECK(where, member, member_fields));
    if (!known_status(json_str(member, "status")))
        return err(BODY_INVALID, "%s: status '%s' is not known", where, json_str(member, "status"));
    if (body_member_priority(member) < BODY_PRIORITY_FIRST)
        return err(BODY_INVALID, "%s: 'priority' is from %d to %d", where, BODY_PRIORITY_FIRST,
                   BODY_PRIORITY_LAST);
    if (!first_time(seen, json_str(member, "id")) ||
        !first_time(seen, json_str(member, "instance_id")))
        return err(BODY_INVALID, "%s is listed twice", where);
    const json_t *volumes = json_arr(member, "volumes");
    for (size_t i = 0; i < json_array_size(volumes); i++) {
        const json_t *volume = json_array_get(volumes, i);
        TRY(CHECK(where, volume, volume_fields));
        if (!first_time(seen_volumes, json_str(volume, "id")))
            return err(BODY_INVALID, "%s: volume %s is listed twice", where,
                       json_str(volume, "id"));
    }
    return NULL;
}

static err_t *check_members(const json_t *j)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) volumes = g_hash_table_new(g_str_hash, g_str_equal);
    const json_t *members = body_members(j);
    for (size_t i = 0; i < json_array_size(members); i++)
        TRY(check_member(json_array_get(members, i), seen, volumes));
    return NULL;
}

static bool mapping_text(const char *text)
{
    return text != NULL && text[0] != '\0' && g_utf8_strlen(text, -1) <= BODY_NAME_MAX &&
           !has_control(text);
}

const char *const body_mapping_kinds[] = {"network",           "flavor", "image", "floating_ip",
                                          "availability_zone", NULL};

static err_t *check_mapping_kind(const char *kind, const json_t *rows)
{
    if (!g_strv_contains(body_mapping_kinds, kind)) {
        g_autofree char *kinds = g_strjoinv(", ", (char **)body_mapping_kinds);
        return err(BODY_INVALID, "mappings: '%.64s' is none of %s", kind, kinds);
    }
    if (!json_is_object(rows) || json_object_size(rows) > BODY_MAPPINGS_MAX)
        return err(BODY_INVALID, "mappings: %s is not an object of at most %d rows", kind,
                   BODY_MAPPINGS_MAX);
    const char *source;
    json_t *target;
    json_object_foreach((json_t *)rows, source, target)
    {
        if (!mapping_text(source) || !mapping_text(json_string_value(target)))
            return err(BODY_INVALID, "mappings: a row of %s is empty, too long or not a text",
                       kind);
    }
    return NULL;
}

static err_t *check_mappings(const json_t *j)
{
    const char *site, *kind;
    json_t *kinds, *rows;
    json_object_foreach(json_obj(j, "mappings"), site, kinds)
    {
        if (body_site(j, site) == NULL || !json_is_object(kinds))
            return err(BODY_INVALID, "mappings: '%.64s' is not a site of the pair", site);
        json_object_foreach(kinds, kind, rows)
        {
            TRY(check_mapping_kind(kind, rows));
        }
    }
    return NULL;
}

static err_t *check_transition(const json_t *j)
{
    const json_t *transition = json_obj(j, "transition");
    if (transition == NULL)
        return NULL;
    TRY(CHECK("transition", transition, transition_fields));
    if (body_site(j, body_transition_target(j)) == NULL)
        return err(BODY_INVALID, "transition: the target is not a site of the pair");
    return NULL;
}

err_t *body_check(const json_t *j)
{
    TRY(CHECK("group", j, group_fields));
    const char *type = body_replication_type(j);
    if (strcmp(type, "sync") != 0 && strcmp(type, "async") != 0)
        return err(BODY_INVALID, "group: replication_type '%s' is neither sync nor async", type);
    TRY(check_sites(j));
    TRY(check_policy(j));
    TRY(check_members(j));
    TRY(check_mappings(j));
    return check_transition(j);
}
