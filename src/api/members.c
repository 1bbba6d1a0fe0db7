/* SPDX-License-Identifier: Apache-2.0 */
/* members - the servers of a group. */
#include "api/change.h"
#include "api/resources.h"
#include "api/view.h"

#include "model/body.h"
#include "plan/checks.h"
#include "store/drift.h"

/*
 * By its id, by the server it was added as, or by one that it was recovered as at either site.
 * Error: MEMBER_NOT_FOUND.
 */
static err_t *member_named(struct request *r, const struct group_row *g, const json_t *body,
                           struct member **ret)
{
    const char *named = r->params[1];
    const json_t *known = body_member_of_server(body, named);

    return member_get(r->db, g->id, known != NULL ? json_str_or(known, "id", named) : named, ret);
}

/* What an engine here saw to differ, of one member. */
static void health_view(const struct group_row *g, const json_t *found, json_t *member)
{
    const json_t *texts = json_arr(found, json_str_or(member, "id", ""));
    bool drift = g_str_equal(g->role, "ACTIVE") && json_array_size(texts) > 0;

    json_set_str(member, "health", drift ? "drift" : "ok");
    json_set(member, "health_details", drift ? json_incref((json_t *)texts) : json_array());
}

err_t *members_index(struct request *r)
{
    AUTO(group_row) g = NULL;
    struct list_query query;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(json_t) body = NULL;
    g_autoptr(json_t) found = NULL;
    int64_t seen_at_ms = 0;

    TRY(request_list(r, "status", &query));
    TRY(change_group(r, &g));
    TRY(change_body(g, &body));
    TRY(member_list(r->db, g->id, &query, &rows));
    TRY(drift_get(r->db, g->id, &found, &seen_at_ms));
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++) {
        json_t *member = view_member(g_ptr_array_index(rows, i), body);
        health_view(g, found, member);
        json_array_append_new(list, member);
    }
    json_t *out = json_pack("{s:o}", "members", list);
    const struct member *last = rows->len > 0 ? g_ptr_array_index(rows, rows->len - 1) : NULL;
    reply_links(r, out, "members", last != NULL ? last->id : NULL, rows->len, query.limit);
    reply_json(r, 200, out);
    return NULL;
}

err_t *members_show(struct request *r)
{
    AUTO(group_row) g = NULL;
    AUTO(member) m = NULL;
    g_autoptr(json_t) body = NULL;
    g_autoptr(json_t) found = NULL;
    int64_t seen_at_ms = 0;

    TRY(change_group(r, &g));
    TRY(change_body(g, &body));
    TRY(member_named(r, g, body, &m));
    TRY(drift_get(r->db, g->id, &found, &seen_at_ms));
    json_t *out = view_member(m, body);
    health_view(g, found, out);
    reply_json(r, 200, json_pack("{s:o}", "member", out));
    return NULL;
}

/* body_order_keys */
#define ORDER_FIELDS                                                                               \
    {"priority", FIELD_INT, false, BODY_PRIORITY_FIRST, BODY_PRIORITY_LAST, NULL},                 \
        {"start_delay_s", FIELD_INT, false, 0, BODY_START_DELAY_MAX_S, NULL},                      \
        {"start_check", FIELD_TEXT, false, 0, BODY_START_CHECK_MAX, NULL},                         \
        {"start_timeout_s", FIELD_INT, false, 1, BODY_START_DELAY_MAX_S, NULL},                    \
    {                                                                                              \
        0                                                                                          \
    }

static const struct field create_fields[] = {
    {"instance_id", FIELD_TEXT, true, 1, 64, NULL},
    ORDER_FIELDS,
};
const struct body_spec members_create_bodies[] = {
    {"member", create_fields, true, "{\"instance_id\": \"baa340cd-6261-45fb-b429-9f467ccec895\"}"},
    {0},
};
static const struct field update_fields[] = {
    ORDER_FIELDS,
};
const struct body_spec members_update_bodies[] = {
    {"member", update_fields, true, "{\"priority\": 1, \"start_delay_s\": 30}"},
    {0},
};

/* When the member starts, and what others wait for, as far as it is said. */
static err_t *order_take(const json_t *in, json_t *out)
{
    const char *text = json_str_or(in, "start_check", "");
    g_autoptr(json_t) check = NULL;

    if (*text != '\0')
        TRY(plan_check_read(text, &check));
    for (const char *const *key = body_order_keys; *key != NULL; key++) {
        json_t *value = json_object_get(in, *key);
        if (value != NULL && !json_is_null(value))
            json_object_set(out, *key, value);
    }
    return NULL;
}

/* A member that stands in the metadata already is returned; a failed add is replaced. */
static err_t *member_again(struct request *r, const struct group_row *g, const char *instance,
                           bool *ret_done)
{
    AUTO(member) m = NULL;
    g_autofree char *other = NULL;
    g_autoptr(json_t) body = NULL;

    *ret_done = false;
    TRY(change_body(g, &body));
    const json_t *known = body_member_of_server(body, instance);
    TRY(member_find(r->db, g->id, known != NULL ? json_str_or(known, "id", "") : instance, &m));
    if (m != NULL && m->in_body) {
        reply_json(r, 200, json_pack("{s:o}", "member", view_member(m, body)));
        *ret_done = true;
        return NULL;
    }
    TRY(member_group_of_instance(r->db, instance, g->id, &other));
    if (other != NULL)
        return err(CONFLICT, "server '%s' is a member of another protection group", instance);
    return NULL;
}

/* An add of the same server that is on its way: followed, not begun again. */
static err_t *member_on_its_way(struct request *r, const struct group_row *g, const char *instance,
                                char **ret_op, char **ret_member)
{
    g_autoptr(GPtrArray) open = NULL;

    TRY(operation_list_open(r->db, g->id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        const json_t *member = json_obj(op->params, "member");
        if (!g_str_equal(op->operation_type, "member_add") ||
            g_strcmp0(json_str(member, "instance_id"), instance) != 0)
            continue;
        *ret_op = g_strdup(op->id);
        *ret_member = g_strdup(json_str(member, "id"));
    }
    return NULL;
}

err_t *members_create(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;
    g_autofree char *id = NULL;
    bool done = false;
    const char *instance = json_str_or(r->in, "instance_id", "");

    if (!uuid_valid(instance))
        return err(BAD_REQUEST, "'instance_id' must be the uuid of a server, not '%s'", instance);
    TRY(change_group(r, &g));
    TRY(member_again(r, g, instance, &done));
    if (done)
        return NULL;
    TRY(member_on_its_way(r, g, instance, &op, &id));
    if (op == NULL) {
        id = env_id(r->o->env, "member-");
        g_autoptr(json_t) member = json_pack("{s:s, s:s}", "id", id, "instance_id", instance);
        TRY(order_take(r->in, member));
        TRY(change_begin(r, g, VERB_MEMBER_ADD, "member_add", json_pack("{s:O}", "member", member),
                         &op));
        TRY(request_audit(r, "member.create", instance));
    }
    json_t *out = json_object();
    json_set_str(out, "id", id);
    json_set_str(out, "instance_id", instance);
    json_set_str(out, "status", "adding");
    return reply_operation(r, op, json_pack("{s:o}", "member", out));
}

err_t *members_update(struct request *r)
{
    AUTO(group_row) g = NULL;
    AUTO(member) m = NULL;
    g_autoptr(json_t) body = NULL;
    g_autofree char *op = NULL;

    TRY(change_group(r, &g));
    TRY(change_body(g, &body));
    TRY(member_named(r, g, body, &m));
    g_autoptr(json_t) params = json_pack("{s:s}", "member_id", m->id);
    TRY(order_take(r->in, params));
    TRY(change_begin(r, g, VERB_UPDATE, "member_update", json_incref(params), &op));
    TRY(request_audit(r, "member.update", m->id));
    return reply_operation(r, op, json_pack("{s:{s:s}}", "member", "id", m->id));
}

err_t *members_delete(struct request *r)
{
    AUTO(group_row) g = NULL;
    AUTO(member) m = NULL;
    g_autoptr(json_t) body = NULL;
    g_autofree char *op = NULL;
    bool dropped = false;

    TRY(change_group(r, &g));
    TRY(change_body(g, &body));
    TRY(member_named(r, g, body, &m));
    TRY(request_audit(r, "member.delete", m->id));
    if (!m->in_body) { /* an add that failed: it stands in no version, the peer need not know */
        TRY(member_drop(r->db, g->id, m->id, &dropped));
        reply_empty(r, 204);
        return NULL;
    }
    json_t *params = json_object();
    json_set_str(params, "member_id", m->id);
    TRY(change_begin(r, g, VERB_MEMBER_REMOVE, "member_remove", params, &op));
    return reply_operation(r, op, NULL);
}
