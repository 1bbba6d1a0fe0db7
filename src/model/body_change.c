/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_change - successors: what users and operations write into a draft.
 *
 * Every function leaves a draft that body_check accepts, or an error; body_seal checks once more.
 *
 * Neighbours: body.c, body_check.c.
 */
#include "model/body.h"

#include "base/env.h"

#include <string.h>

static void set_time(json_t *j, const char *key, int64_t now_ms)
{
    g_autofree char *text = time_format(now_ms);
    json_set_str(j, key, text);
}

void body_touch(json_t *draft, int64_t now_ms)
{
    set_time(draft, "updated_at", now_ms);
}

static json_t *site_json(const struct body_site_spec *spec)
{
    json_t *site = json_object();
    json_set_str(site, "name", spec->name);
    json_set_str(site, "project_id", spec->project_id);
    json_set_str(site, "volume_type", spec->volume_type);
    json_set_str(site, "volume_type_id", spec->volume_type_id);
    json_set(site, "local", json_object());
    return site;
}

err_t *body_create(const struct body_create_spec *spec, json_t **ret)
{
    g_autoptr(json_t) j = json_object();
    if (!uuid_valid(spec->primary.uuid) || !uuid_valid(spec->secondary.uuid))
        return err(BODY_INVALID, "primary_site and secondary_site must be uuids");
    json_set_int(j, "schema", BODY_SCHEMA);
    json_set_str(j, "id", spec->group);
    json_set_str(j, "name", spec->name);
    json_set_str(j, "description", spec->description);
    json_set_str(j, "replication_type", spec->replication_type);
    json_set_str(j, "consistency_group_id", spec->consistency_group_id);
    json_set_str(j, "idempotency_key", spec->idempotency_key);
    set_time(j, "created_at", spec->now_ms);
    set_time(j, "updated_at", spec->now_ms);
    json_set_str(j, "primary_site", spec->primary.uuid);
    json_set_str(j, "secondary_site", spec->secondary.uuid);
    json_t *sites = json_object();
    json_set(sites, spec->primary.uuid, site_json(&spec->primary));
    json_set(sites, spec->secondary.uuid, site_json(&spec->secondary));
    json_set(j, "sites", sites);
    json_set(j, "policy", NULL);
    json_set(j, "members", json_array());
    json_set(j, "mappings", json_object());
    json_set_bool(j, "deleting", false);
    json_set(j, "transition", NULL);
    json_set_int(j, "lineage", 0);
    json_set(j, "claim", NULL);
    json_set_int(j, "failover_count", 0);
    json_set(j, "last_failover_at", NULL);
    TRY(body_check(j));
    *ret = TAKE(j);
    return NULL;
}

err_t *body_update(json_t *draft, const char *name, const char *description)
{
    if (name != NULL)
        json_set_str(draft, "name", name);
    if (description != NULL)
        json_set_str(draft, "description", description[0] != '\0' ? description : NULL);
    return body_check(draft);
}

/* ---- policy ---- */

static const char *const policy_keys[] = {
    "id",          "primary_fa_url", "secondary_fa_url", "pure_pg_name", "replication_interval",
    "rpo_minutes", "verify_data"};
static const char *const policy_tokens[] = {"primary_fa_token", "secondary_fa_token"};

static bool is_policy_key(const char *key)
{
    for (size_t i = 0; i < G_N_ELEMENTS(policy_keys); i++)
        if (strcmp(key, policy_keys[i]) == 0)
            return true;
    return false;
}

/* As it is without a word is not written; null is as absent. */
static void policy_verify(json_t *policy, const json_t *value)
{
    if (json_is_true(value))
        json_set_bool(policy, "verify_data", true);
    else if (json_is_false(value))
        json_object_del(policy, "verify_data");
}

static err_t *policy_merge(json_t *policy, const json_t *fields)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)fields, key, value)
    {
        if (strcmp(key, "tokens") == 0 && json_is_object(value))
            json_object_update(json_obj(policy, "tokens"), value);
        else if (strcmp(key, "verify_data") == 0)
            policy_verify(policy, value);
        else if (is_policy_key(key))
            json_object_set(policy, key, value);
        else
            return err(BODY_INVALID, "policy: '%.64s' is not a field of a policy", key);
    }
    return NULL;
}

/* Interval and RPO: both for async, neither for sync. */
static err_t *policy_intervals(const json_t *draft)
{
    const json_t *policy = body_policy(draft);
    bool async = strcmp(body_replication_type(draft), "async") == 0;
    static const char *const keys[] = {"replication_interval", "rpo_minutes"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const json_t *value = json_object_get(policy, keys[i]);
        bool given = value != NULL && !json_is_null(value);
        if (async && (!given || json_integer_value(value) == 0))
            return err(BODY_INVALID, "policy: '%s' is required for an async group", keys[i]);
        if (!async && given)
            return err(BODY_INVALID, "policy: '%s' does not apply to a sync group", keys[i]);
    }
    return NULL;
}

static err_t *policy_sealed(const json_t *draft)
{
    const char *sites[SITES] = {body_primary_site(draft), body_secondary_site(draft)};
    for (size_t t = 0; t < G_N_ELEMENTS(policy_tokens); t++)
        for (size_t s = 0; s < SITES; s++)
            if (body_token_box(draft, policy_tokens[t], sites[s]) == NULL)
                return err(BODY_INVALID, "policy: '%s' is missing or not sealed to both sites",
                           policy_tokens[t]);
    return NULL;
}

err_t *body_policy_set(json_t *draft, const json_t *fields)
{
    json_t *policy = body_policy(draft);
    if (policy == NULL) {
        policy = json_object();
        json_set(policy, "tokens", json_object());
        json_set(draft, "policy", policy);
    }
    TRY(policy_merge(policy, fields));
    body_replication_set(draft, true);
    TRY(body_check(draft));
    TRY(policy_intervals(draft));
    return policy_sealed(draft);
}

err_t *body_policy_delete(json_t *draft)
{
    if (body_policy(draft) == NULL)
        return err(NOT_FOUND, "group '%s' has no replication policy", body_name(draft));
    json_set(draft, "policy", NULL);
    return NULL;
}

/* ---- members ---- */

static size_t member_index(const json_t *draft, const char *id_or_instance)
{
    json_t *members = body_members(draft), *member = body_member(draft, id_or_instance);
    size_t i = 0;
    while (i < json_array_size(members) && json_array_get(members, i) != member)
        i++;
    return i;
}

err_t *body_member_add(json_t *draft, json_t *member)
{
    g_autoptr(json_t) own = member;
    json_t *members = body_members(draft);
    const char *keys[] = {json_str(own, "id"), json_str(own, "instance_id")};
    for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
        size_t i = keys[k] != NULL ? member_index(draft, keys[k]) : json_array_size(members);
        if (i < json_array_size(members))
            json_array_remove(members, i);
    }
    json_array_append(members, own);
    return body_check(draft);
}

static err_t *no_member(const json_t *draft, const char *id)
{
    return err(NOT_FOUND, "group '%s' has no member %.64s", body_name(draft), id);
}

err_t *body_member_remove(json_t *draft, const char *id)
{
    size_t i = member_index(draft, id);
    if (i >= json_array_size(body_members(draft)))
        return no_member(draft, id);
    json_array_remove(body_members(draft), i);
    return NULL;
}

/* What every member has unless it is said otherwise is not written. */
static void number_or_absent(json_t *j, const char *key, int64_t value, int64_t otherwise)
{
    if (value == otherwise)
        json_object_del(j, key);
    else
        json_set_int(j, key, value);
}

const char *const body_order_keys[] = {"priority", "start_delay_s", "start_check",
                                       "start_timeout_s", NULL};

/* What 'said' has of it; what it lacks stays. */
static void member_order_set(json_t *member, const json_t *said)
{
    static const struct {
        const char *key;
        int64_t otherwise;
    } numbers[] = {{"priority", BODY_PRIORITY_DEFAULT},
                   {"start_delay_s", 0},
                   {"start_timeout_s", BODY_START_TIMEOUT_S}};
    const char *check = json_str(said, "start_check");

    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (json_is_integer(json_object_get(said, numbers[i].key))) /* null is as absent */
            number_or_absent(member, numbers[i].key, json_int(said, numbers[i].key, 0),
                             numbers[i].otherwise);
    }
    if (check != NULL && *check == '\0')
        json_object_del(member, "start_check");
    else if (check != NULL)
        json_set_str(member, "start_check", check);
}

err_t *body_member_renew(json_t *draft, json_t *member)
{
    g_autoptr(json_t) own = member;
    const char *id = json_str_or(own, "id", "");
    json_t *old = body_member(draft, id);
    if (old == NULL)
        return no_member(draft, id);
    json_set_str(own, "status", json_str(old, "status"));
    member_order_set(own, old);
    json_array_set(body_members(draft), member_index(draft, id), own);
    return body_check(draft);
}

err_t *body_member_order(json_t *draft, const char *id, const json_t *said)
{
    json_t *member = body_member(draft, id);
    if (member == NULL)
        return no_member(draft, id);
    member_order_set(member, said);
    return body_check(draft);
}

err_t *body_member_status(json_t *draft, const char *id, const char *status, const char *message)
{
    json_t *member = body_member(draft, id);
    if (member == NULL)
        return no_member(draft, id);
    json_set_str(member, "status", status);
    if (message != NULL)
        json_set_str(member, "error_message", message);
    else
        json_object_del(member, "error_message");
    return body_check(draft);
}

/* ---- mappings, sites ---- */

/* The object at 'key', made if it is not there. */
static json_t *object_at(json_t *j, const char *key)
{
    json_t *value = json_obj(j, key);
    if (value == NULL) {
        value = json_object();
        json_set(j, key, value);
    }
    return value;
}

err_t *body_mapping_set(json_t *draft, const char *source_site, const char *kind,
                        const char *source, const char *target)
{
    if (body_site(draft, source_site) == NULL)
        return err(BODY_INVALID, "mappings: '%.64s' is not a site of the pair", source_site);
    json_t *mappings = object_at(draft, "mappings");
    json_t *rows = object_at(object_at(mappings, source_site), kind);
    if (target != NULL)
        json_set_str(rows, source, target);
    else if (json_object_del(rows, source) != 0)
        return err(NOT_FOUND, "group '%s' has no %s mapping of '%.64s'", body_name(draft), kind,
                   source);
    return body_check(draft);
}

err_t *body_local_set(json_t *draft, const char *site, const char *section, const char *key,
                      json_t *value)
{
    g_autoptr(json_t) own = value;
    json_t *at = body_site(draft, site);
    if (at == NULL)
        return err(BODY_INVALID, "sites: '%.64s' is not a site of the pair", site);
    json_t *rows = object_at(object_at(at, "local"), section);
    if (own != NULL)
        json_object_set(rows, key, own);
    else
        json_object_del(rows, key);
    return NULL;
}

/* ---- delete, transitions, claims ---- */

err_t *body_delete(json_t *draft)
{
    if (body_deleting(draft))
        return err(GROUP_DELETING, "group '%s' is being deleted already", body_name(draft));
    json_set_bool(draft, "deleting", true);
    return NULL;
}

void body_transition_set(json_t *draft, const char *operation, const char *target)
{
    json_t *transition = json_object();
    json_set_str(transition, "operation", operation);
    json_set_str(transition, "target", target);
    json_set(draft, "transition", transition);
}

void body_transition_ask(json_t *draft, json_t *asked)
{
    json_set(json_object_get(draft, "transition"), "asked", asked);
}

void body_transition_clear(json_t *draft)
{
    json_set(draft, "transition", NULL);
}

void body_claim_set(json_t *draft, json_t *claim, int64_t lineage)
{
    json_set(draft, "claim", claim);
    body_replication_set(draft, true);
    if (lineage >= 0)
        json_set_int(draft, "lineage", lineage);
}

void body_failover_done(json_t *draft, int64_t now_ms)
{
    json_set_int(draft, "failover_count", body_failover_count(draft) + 1);
    set_time(draft, "last_failover_at", now_ms);
}

void body_replication_set(json_t *draft, bool on)
{
    if (on)
        json_object_del(draft, "replication_off");
    else
        json_set_bool(draft, "replication_off", true);
}

/* Two members of an object change places; one that is absent stays so, under the other's name. */
static void swap(json_t *j, const char *one, const char *other)
{
    json_t *first = json_incref(json_object_get(j, one));
    json_t *second = json_incref(json_object_get(j, other));
    json_object_del(j, one);
    json_object_del(j, other);
    if (first != NULL)
        json_object_set_new(j, other, first);
    if (second != NULL)
        json_object_set_new(j, one, second);
}

void body_swap(json_t *draft)
{
    json_t *policy = body_policy(draft);
    swap(draft, "primary_site", "secondary_site");
    if (policy == NULL)
        return;
    swap(policy, "primary_fa_url", "secondary_fa_url");
    swap(json_obj(policy, "tokens"), "primary_fa_token", "secondary_fa_token");
}

/* ---- facts ---- */

/* What only a user changes, at the top and in a member. */
static const char *const user_keys[] = {
    "schema",     "id",       "name",           "description",    "replication_type",
    "created_at", "policy",   "primary_site",   "secondary_site", "consistency_group_id",
    "mappings",   "deleting", "idempotency_key"};
static const char *const user_member_keys[] = {"instance_id", "config",         "volumes",
                                               "added_at",    "priority",       "start_delay_s",
                                               "start_check", "start_timeout_s"};
static const char *const user_site_keys[] = {"name", "project_id", "volume_type", "volume_type_id"};

static err_t *refuse_keys(const char *where, const json_t *delta, const char *const *keys,
                          size_t count)
{
    if (!json_is_object(delta))
        return err(BODY_INVALID, "%s of a fact is not an object", where);
    for (size_t i = 0; i < count; i++)
        if (json_object_get(delta, keys[i]) != NULL)
            return err(BODY_INVALID, "a fact may not change '%s' of the %s", keys[i], where);
    return NULL;
}

/* Objects key by key, null removes, everything else replaces. */
static void merge(json_t *into, const json_t *delta)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)delta, key, value)
    {
        json_t *old = json_object_get(into, key);
        if (json_is_null(value))
            json_object_del(into, key);
        else if (json_is_object(old) && json_is_object(value))
            merge(old, value);
        else
            json_set(into, key, json_deep_copy(value));
    }
}

/* Members are matched by id; one that is not in the group any more is left out. */
static err_t *fold_members(json_t *draft, const json_t *members)
{
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *delta = json_array_get(members, i);
        TRY(refuse_keys("member", delta, user_member_keys, G_N_ELEMENTS(user_member_keys)));
        const char *id = json_str(delta, "id");
        json_t *member = id != NULL ? body_member(draft, id) : NULL;
        if (member != NULL)
            merge(member, delta);
    }
    return NULL;
}

static err_t *check_site_deltas(const json_t *sites)
{
    const char *uuid;
    json_t *site;
    json_object_foreach((json_t *)sites, uuid, site)
    {
        TRY(refuse_keys("site", site, user_site_keys, G_N_ELEMENTS(user_site_keys)));
    }
    return NULL;
}

err_t *body_fold(json_t *draft, const json_t *delta)
{
    TRY(refuse_keys("group", delta, user_keys, G_N_ELEMENTS(user_keys)));
    TRY(check_site_deltas(json_object_get(delta, "sites")));
    g_autoptr(json_t) rest = json_copy((json_t *)delta);
    TRY(fold_members(draft, json_object_get(rest, "members")));
    json_object_del(rest, "members");
    static const char *const nullable[] = {"transition", "claim", "last_failover_at"};
    merge(draft, rest);
    for (size_t i = 0; i < G_N_ELEMENTS(nullable); i++)
        if (json_object_get(draft, nullable[i]) == NULL)
            json_set(draft, nullable[i], NULL);
    return body_check(draft);
}
