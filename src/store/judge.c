/* SPDX-License-Identifier: Apache-2.0 */
/* judge - see judge.h. */
#include "store/judge.h"

#include "store/group.h"
#include "store/operation.h"
#include "store/policy.h"
#include "store/resource.h"
#include "store/site.h"
#include "store/tenant_mapping.h"
#include "store/trust.h"

#include <string.h>

#define HELD_NAMED_MAX 6

/* ---- what is held ---- */

/* "server 'web-1' (9c1f…)" */
static void held_name(GString *words, const struct resource *r)
{
    g_string_append_printf(words, "%s%s", words->len > 0 ? ", " : "", r->kind);
    if (r->name != NULL)
        g_string_append_printf(words, " '%s'", r->name);
    if (r->cloud_id != NULL)
        g_string_append_printf(words, " (%s)", r->cloud_id);
}

static err_t *held_error(const GPtrArray *held, const struct operation *op)
{
    g_autoptr(GString) words = g_string_new(NULL);
    const struct resource *first = g_ptr_array_index(held, 0);
    bool runs = op != NULL && op->is_open;

    for (guint i = 0; i < held->len && i < HELD_NAMED_MAX; i++)
        held_name(words, g_ptr_array_index(held, i));
    if (held->len > HELD_NAMED_MAX)
        g_string_append_printf(words, " and %u more", held->len - HELD_NAMED_MAX);
    err_t *e = err_detail(err(DELETE_HELD,
                              "%u objects of operation '%s' (%s), which %s, are still held at this "
                              "site: %s",
                              held->len, first->op_id, op != NULL ? op->operation_type : "unknown",
                              runs ? "has not ended" : "could not take them back", words->str),
                          "operation", first->op_id);
    if (runs)
        return err_remedy(e,
                          "wait until operation '%s' has ended, or abandon it, then delete the "
                          "group",
                          first->op_id);
    return err_remedy(e,
                      "an operator of that site deletes in its cloud what is not wanted and hands "
                      "the rest over to the project: protector-manage orphans release %s; then "
                      "delete the group",
                      first->op_id);
}

/* A drill that has not ended may hold nothing yet, and go on after this. */
static err_t *drill_ended(struct db *db, const char *pg_id)
{
    g_autoptr(GPtrArray) open = NULL;

    TRY(operation_list_open(db, pg_id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, "test_failover"))
            return err_remedy(err_detail(err(DRILL_RUNNING,
                                             "drill '%s' of the group has not ended at this site",
                                             op->id),
                                         "operation", op->id),
                              "wait until it has ended, or cancel it, and clean it up: "
                              "test-cleanup; then delete the group");
    }
    return NULL;
}

err_t *judge_held(struct db *db, const char *pg_id)
{
    g_autoptr(GPtrArray) held = NULL;
    AUTO(operation) op = NULL;

    TRY(drill_ended(db, pg_id));
    TRY(resource_list_held(db, pg_id, &held));
    if (held->len == 0)
        return NULL;
    const struct resource *first = g_ptr_array_index(held, 0);
    TRY(operation_find(db, first->op_id, &op));
    return held_error(held, op);
}

/* ---- what is proposed ---- */

/*
 * One group of an array serves one protection group.  The peer stores first, so of two changes that
 * were made at once it sees the other one here.
 */
static err_t *array_check(struct db *db, const struct sync_state *state, const json_t *next)
{
    const json_t *before = state->body != NULL ? body_json(state->body) : NULL;
    const json_t *policy = body_policy(next);
    g_autofree char *other = NULL;

    if (policy == NULL ||
        (before != NULL && json_equal(json_object_get(before, "policy"), (json_t *)policy)))
        return NULL;
    TRY(policy_arrays_taken(db, policy, state->group, &other));
    return other == NULL ? NULL
                         : err(CONFLICT, "'%s' is the array's group of another protection group",
                               json_str_or(policy, "pure_pg_name", ""));
}

static err_t *names_check(struct db *db, const struct sync_state *state, const json_t *next)
{
    const char *mine = body_project(next, sync_self(state));
    const char *theirs = body_project(next, sync_peer(state));
    AUTO(tenant_mapping) mapping = NULL;
    bool taken = false;

    TRY(group_name_taken(db, mine, body_name(next), state->group, &taken));
    if (taken)
        return err(GROUP_NAME_TAKEN, "the project has a group named '%s' at this site already",
                   body_name(next));
    TRY(tenant_mapping_find(db, mine, sync_peer(state), &mapping));
    if (mapping == NULL || !g_str_equal(mapping->remote_project_id, theirs))
        return err(MAPPING_MISSING,
                   "project '%s' is not mapped to the other site's '%s' at this site", mine,
                   theirs);
    return NULL;
}

/* A site that was given up for ever here joins nothing any more. */
static err_t *peer_check(struct db *db, const char *peer)
{
    AUTO(site) site = NULL;

    TRY(site_find(db, peer, &site));
    return site != NULL ? site_open_check(site) : NULL;
}

err_t *judge_content(struct db *db, const char *project_id, const struct sync_state *state,
                     const struct body *body)
{
    const json_t *j = body_json(body);
    const char *mine = body_project(j, sync_self(state));
    const char *theirs = body_project(j, sync_peer(state));
    g_autoptr(GPtrArray) trusts = NULL;

    if (mine == NULL || theirs == NULL)
        return err(BODY_INVALID, "the group does not join this site and its peer");
    if (project_id != NULL && !g_str_equal(mine, project_id))
        return err(FORBIDDEN, "the group is of another project at this site");
    if (body_schema(j) > BODY_SCHEMA)
        return err(BODY_SCHEMA, "the metadata is of schema %d, this site knows %d",
                   (int)body_schema(j), BODY_SCHEMA);
    if (body_deleting(j))
        return judge_held(db, state->group);
    TRY(peer_check(db, sync_peer(state)));
    TRY(names_check(db, state, j));
    TRY(array_check(db, state, j));
    TRY(trust_list(db, mine, &trusts));
    return trusts->len > 0 ? NULL
                           : err(TRUST_MISSING, "this site has no trust of project '%s'", mine);
}

void judge_refusal(const err_t *why, struct sync_refusal *ret)
{
    const char *remedy = err_remedy_text(why);
    g_autofree char *text = err_text(why);
    g_autofree char *whole =
        *remedy != '\0' ? g_strdup_printf("%s. Action: %s", text, remedy) : g_strdup(text);
    const char *end = NULL;

    g_strlcpy(ret->code, err_code_text(why), sizeof ret->code);
    g_strlcpy(ret->text, whole, sizeof ret->text);
    if (!g_utf8_validate(ret->text, -1, &end)) /* cut in the midst of a character */
        ret->text[end - ret->text] = '\0';
}
