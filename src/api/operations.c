/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operations - list, show, steps, and the verbs of a person (store/verb.h).
 */
#include "api/resources.h"
#include "api/view.h"

#include "store/op_step.h"
#include "store/site.h"
#include "store/tenant_mapping.h"
#include "store/verb.h"

err_t *operations_index(struct request *r)
{
    struct list_query query;
    struct operation_scope scope = {.project_id = r->project,
                                    .pg_id = request_query(r, "pg_id"),
                                    .all = request_query(r, "all") != NULL};
    AUTO(site_names) names = NULL;
    g_autoptr(GPtrArray) rows = NULL;

    TRY(request_list(r, "status operation_type", &query));
    TRY(site_names_read(r->db, &names));
    TRY(operation_list(r->db, &scope, &query, &rows));
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, view_operation(r, g_ptr_array_index(rows, i), names));
    json_t *out = json_pack("{s:o}", "operations", list);
    const struct operation *last = rows->len > 0 ? g_ptr_array_index(rows, rows->len - 1) : NULL;
    reply_links(r, out, "operations", last != NULL ? last->id : NULL, rows->len, query.limit);
    reply_json(r, 200, out);
    return NULL;
}

/*
 * An operation lives at the site that executes it alone: where the project has one other site, who
 * asks here for an id that is unknown is sent there.
 */
static err_t *see_other(struct request *r, err_t *takes)
{
    const struct list_query query = {.limit = 2};
    g_autoptr(GPtrArray) rows = NULL;
    AUTO(site) site = NULL;
    g_autoptr(err_t) no = tenant_mapping_list(r->db, r->project, &query, &rows);

    if (no != NULL || rows->len != 1)
        return takes;
    const struct tenant_mapping *mapping = g_ptr_array_index(rows, 0);
    no = site_find(r->db, mapping->remote_site_id, &site);
    if (no != NULL || site == NULL)
        return takes;
    return err_remedy(err_detail(takes, "see_other", site->id),
                      "an operation is shown by the site that runs it: ask '%s'", site->name);
}

err_t *operation_of(struct request *r, struct operation **ret)
{
    err_t *e = operation_get(r->db, r->params[0], request_is_admin(r) ? NULL : r->project, ret);

    return e != NULL && err_is(e, ERR_OPERATION_NOT_FOUND) ? see_other(r, e) : e;
}

err_t *operations_show(struct request *r)
{
    AUTO(operation) op = NULL;
    AUTO(site_names) names = NULL;

    TRY(operation_of(r, &op));
    TRY(site_names_read(r->db, &names));
    g_autoptr(json_t) out = view_operation(r, op, names);
    TRY(view_operation_steps(r, op, out));
    json_set(out, "result", json_incref(op->result));
    json_t *plan = op->plan != NULL ? json_copy(op->plan) : NULL;
    if (plan != NULL)
        json_object_del(plan, "body");
    json_set(out, "plan", plan);
    reply_json(r, 200, json_pack("{s:O}", "operation", out));
    return NULL;
}

err_t *operations_steps(struct request *r)
{
    AUTO(operation) op = NULL;
    g_autoptr(GPtrArray) rows = NULL;

    TRY(operation_of(r, &op));
    TRY(op_step_list(r->db, op->id, &rows));
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++) {
        const struct op_step *s = g_ptr_array_index(rows, i);
        json_t *out = json_object();
        json_set_int(out, "seq", s->seq);
        json_set_str(out, "key", s->step_key);
        json_set_str(out, "says", s->says);
        json_set_str(out, "subject", s->subject);
        json_set_str(out, "state", s->state);
        json_set_int(out, "attempt", s->attempt);
        json_set(out, "result", json_incref(s->result));
        json_set(out, "error", json_incref(s->error));
        view_time(out, "started_at", s->started_at_ms);
        view_time(out, "finished_at", s->finished_at_ms);
        json_array_append_new(list, out);
    }
    reply_json(r, 200, json_pack("{s:o}", "steps", list));
    return NULL;
}

err_t *reply_operation(struct request *r, const char *op_id, json_t *takes)
{
    AUTO(operation) op = NULL;
    AUTO(site_names) names = NULL;
    g_autoptr(json_t) out = takes != NULL ? takes : json_object();

    TRY(operation_get(r->db, op_id, NULL, &op));
    TRY(site_names_read(r->db, &names));
    json_set(out, "operation", view_operation(r, op, names));
    g_autofree char *href = g_strdup_printf("/v1/%s/operations/%s", op->project_id, op->id);
    reply_header(r, "Location", href);
    reply_json(r, 202, json_incref(out));
    return NULL;
}

/* ---- verbs: store/verb.h ---- */

static const struct field reason_fields[] = {
    {"reason", FIELD_TEXT, false, 1, 1024, NULL},
    {0},
};
static const struct field skip_fields[] = {
    {"step", FIELD_TEXT, true, 1, 64, NULL},
    {"subject", FIELD_TEXT, false, 0, 255, NULL},
    {"reason", FIELD_TEXT, true, 1, 1024, NULL},
    {0},
};
/* In the order of enum operation_verb. */
const struct body_spec operations_action_bodies[] = {
    [OPERATION_RETRY] = {"retry", reason_fields, false, "{}"},
    [OPERATION_SKIP] = {"skip", skip_fields, true,
                        "{\"step\": \"server.boot\", \"reason\": \"rebuilt by hand\"}"},
    [OPERATION_ABANDON] = {"abandon", reason_fields, false, "{}"},
    [OPERATION_CANCEL] = {"cancel", reason_fields, false, "{}"},
    [OPERATION_VERBS] = {0},
};

err_t *operations_action(struct request *r)
{
    AUTO(operation) op = NULL;
    enum operation_verb verb = (enum operation_verb)(r->spec - operations_action_bodies);

    TRY(operation_of(r, &op));
    if (g_strcmp0(op->executing_site_id, r->o->exchange->identity->site_id) != 0)
        return err_detail(err(OPERATION_STATE, "operation '%s' runs at the other site", op->id),
                          "see_other", op->executing_site_id);
    struct verb_call call = {.op_id = op->id,
                             .verb = verb,
                             .step = json_str(r->in, "step"),
                             .subject = json_str(r->in, "subject"),
                             .reason = json_str(r->in, "reason"),
                             .now_ms = r->now_ms};
    TRY(verb_apply(r->db, &call));
    TRY(request_audit(r, "operation.action", op->id));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}
