/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - the bytes of a group's metadata, and reading them.
 *
 * Neighbours: body_check.c (what is valid), body_change.c (successors).
 * Invariants: a struct body is never written to after it is made; its hash is over its exact bytes.
 */
#include "model/body.h"

#include <string.h>

struct body {
    char *text;
    size_t size;
    char hash[HASH_HEX_SIZE];
    json_t *json;
};

static void clear(void *data)
{
    struct body *body = data;
    g_free(body->text);
    json_decref(body->json);
}

/* Takes both. */
static struct body *make(char *text, size_t size, json_t *json)
{
    struct body *body = g_rc_box_new0(struct body);
    body->text = text;
    body->size = size;
    body->json = json;
    hash_hex(text, size, body->hash);
    return body;
}

err_t *body_parse(const char *text, size_t size, struct body **ret)
{
    if (size > BODY_SIZE_MAX)
        return err(TOO_LARGE, "the metadata of a group has %zu bytes, at most %d are taken", size,
                   BODY_SIZE_MAX);
    g_autoptr(json_t) json = NULL;
    TRY(json_parse(text, size, "the metadata of a group", &json));
    TRY(body_check(json));
    *ret = make(g_strndup(text, size), size, TAKE(json));
    return NULL;
}

struct body *body_ref(const struct body *body)
{
    return body == NULL ? NULL : g_rc_box_acquire((struct body *)body);
}

void body_unref(struct body *body)
{
    if (body != NULL)
        g_rc_box_release_full(body, clear);
}

const char *body_text(const struct body *body)
{
    return body->text;
}

size_t body_size(const struct body *body)
{
    return body->size;
}

const char *body_hash(const struct body *body)
{
    return body->hash;
}

const json_t *body_json(const struct body *body)
{
    return body->json;
}

json_t *body_draft(const struct body *base)
{
    return json_deep_copy(base->json);
}

err_t *body_seal(json_t *draft, struct body **ret)
{
    g_autoptr(json_t) json = draft;
    TRY(body_check(json));
    g_autofree char *text = json_print_canonical(json);
    size_t size = strlen(text);
    if (size > BODY_SIZE_MAX)
        return err(
            TOO_LARGE,
            "with this change the metadata of the group would have %zu bytes, at most %d can "
            "be carried",
            size, BODY_SIZE_MAX);
    *ret = make(TAKE(text), size, TAKE(json));
    return NULL;
}

/* ---- reading ---- */

int64_t body_schema(const json_t *j)
{
    return json_int(j, "schema", 0);
}

const char *body_group(const json_t *j)
{
    return json_str(j, "id");
}

const char *body_name(const json_t *j)
{
    return json_str(j, "name");
}

const char *body_replication_type(const json_t *j)
{
    return json_str(j, "replication_type");
}

const char *body_primary_site(const json_t *j)
{
    return json_str(j, "primary_site");
}

const char *body_secondary_site(const json_t *j)
{
    return json_str(j, "secondary_site");
}

const char *body_other_site(const json_t *j, const char *site)
{
    const char *primary = body_primary_site(j), *secondary = body_secondary_site(j);
    if (g_strcmp0(site, primary) == 0)
        return secondary;
    return g_strcmp0(site, secondary) == 0 ? primary : NULL;
}

json_t *body_site(const json_t *j, const char *site)
{
    return json_obj(json_obj(j, "sites"), site);
}

const char *body_project(const json_t *j, const char *site)
{
    return json_str(body_site(j, site), "project_id");
}

const char *body_volume_type(const json_t *j, const char *site)
{
    return json_str(body_site(j, site), "volume_type");
}

json_t *body_policy(const json_t *j)
{
    return json_obj(j, "policy");
}

bool body_verifies(const json_t *j)
{
    return json_bool(body_policy(j), "verify_data", false);
}

const char *body_token_box(const json_t *j, const char *token, const char *site)
{
    return json_str(json_obj(json_obj(body_policy(j), "tokens"), token), site);
}

json_t *body_members(const json_t *j)
{
    return json_arr(j, "members");
}

json_t *body_member(const json_t *j, const char *id_or_instance)
{
    json_t *members = body_members(j);
    for (size_t i = 0; i < json_array_size(members); i++) {
        json_t *member = json_array_get(members, i);
        if (g_strcmp0(json_str(member, "id"), id_or_instance) == 0 ||
            g_strcmp0(json_str(member, "instance_id"), id_or_instance) == 0)
            return member;
    }
    return NULL;
}

json_t *body_member_of_server(const json_t *j, const char *server_id)
{
    json_t *member = body_member(j, server_id);
    const char *site, *id;
    json_t *section, *value;

    if (member != NULL)
        return member;
    json_object_foreach(json_obj(j, "sites"), site, section)
    {
        json_object_foreach(json_obj(json_obj(section, "local"), "servers"), id, value)
        {
            if (g_strcmp0(json_string_value(value), server_id) == 0)
                return body_member(j, id); /* removed ones leave their server's id behind */
        }
    }
    return NULL;
}

int64_t body_member_priority(const json_t *member)
{
    return json_int(member, "priority", BODY_PRIORITY_DEFAULT);
}

int64_t body_member_start_delay_s(const json_t *member)
{
    return json_int(member, "start_delay_s", 0);
}

const char *body_member_start_check(const json_t *member)
{
    return json_str(member, "start_check");
}

int64_t body_member_start_timeout_s(const json_t *member)
{
    return json_int(member, "start_timeout_s", BODY_START_TIMEOUT_S);
}

bool body_deleting(const json_t *j)
{
    return json_bool(j, "deleting", false);
}

const char *body_transition_operation(const json_t *j)
{
    return json_str(json_obj(j, "transition"), "operation");
}

const json_t *body_transition_asked(const json_t *j)
{
    return json_obj(json_obj(j, "transition"), "asked");
}

const char *body_transition_target(const json_t *j)
{
    return json_str(json_obj(j, "transition"), "target");
}

int64_t body_lineage(const json_t *j)
{
    return json_int(j, "lineage", 0);
}

bool body_replicates(const json_t *j)
{
    return body_policy(j) != NULL && !json_bool(j, "replication_off", false);
}

int64_t body_failover_count(const json_t *j)
{
    return json_int(j, "failover_count", 0);
}

json_t *body_claim(const json_t *j)
{
    return json_obj(j, "claim");
}

bool body_unrecovered(const json_t *j)
{
    json_t *members = body_members(j);
    for (size_t i = 0; i < json_array_size(members); i++)
        if (g_strcmp0(json_str(json_array_get(members, i), "status"), "unrecovered") == 0)
            return true;
    return false;
}

const json_t *body_local(const json_t *j, const char *site, const char *section, const char *key)
{
    return json_object_get(json_obj(json_obj(body_site(j, site), "local"), section), key);
}

/* The key under which 'target' stands in a map of one kind, or NULL. */
static const char *key_of(json_t *map, const char *target)
{
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value)
    {
        if (g_strcmp0(json_string_value(value), target) == 0)
            return key;
    }
    return NULL;
}

const char *body_mapping(const json_t *j, const char *source_site, const char *kind,
                         const char *source)
{
    json_t *mappings = json_obj(j, "mappings");
    const char *other = body_other_site(j, source_site);
    const char *target = json_str(json_obj(json_obj(mappings, source_site), kind), source);
    if (target == NULL && other != NULL)
        target = key_of(json_obj(json_obj(mappings, other), kind), source);
    return target;
}

/* Every element of array 'before' has one with the same id in 'after'. */
static bool all_there(json_t *before, json_t *after)
{
    for (size_t i = 0; i < json_array_size(before); i++) {
        const char *id = json_str(json_array_get(before, i), "id");
        bool found = false;
        for (size_t k = 0; k < json_array_size(after) && !found; k++)
            found = g_strcmp0(json_str(json_array_get(after, k), "id"), id) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool volumes_taken_away(const json_t *base, const json_t *next)
{
    json_t *members = body_members(base);
    if (!all_there(members, body_members(next)))
        return true;
    for (size_t i = 0; i < json_array_size(members); i++) {
        json_t *member = json_array_get(members, i);
        json_t *after = body_member(next, json_str(member, "id"));
        if (!all_there(json_arr(member, "volumes"), json_arr(after, "volumes")))
            return true;
    }
    return false;
}

bool body_needs_settle(const json_t *base, const json_t *next)
{
    if (next == NULL || base == NULL) /* without a base: a create, or a group that was lost */
        return next != NULL && (body_policy(next) != NULL || body_deleting(next));
    if (body_deleting(next) && !body_deleting(base))
        return true;
    json_t *old = body_policy(base), *new = body_policy(next);
    if ((old == NULL) != (new == NULL) || (old != NULL && !json_equal(old, new)))
        return true;
    return volumes_taken_away(base, next);
}
