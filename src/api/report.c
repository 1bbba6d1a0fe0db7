/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what an operation did, from its journal and its ledger, signed by this site; see
 * report/report.h for its fields.
 */
#include "report/report.h"

#include "api/change.h"
#include "api/resources.h"
#include "api/view.h"
#include "model/body.h"
#include "store/group.h"
#include "store/op_step.h"
#include "store/operation.h"
#include "store/resource.h"

struct writing {
    struct request *r;
    const struct operation *op;
    const GPtrArray *steps;
    json_t *out;
};

/* The name of a row's subject: a member or a volume of the plan. */
static const char *subject_name(const struct operation *op, const char *subject)
{
    static const char *const lists[] = {"members", "volumes"};
    size_t i;
    json_t *entry;

    for (size_t k = 0; k < G_N_ELEMENTS(lists); k++) {
        json_array_foreach(json_arr(op->plan, lists[k]), i, entry)
        {
            if (g_strcmp0(json_str(entry, "id"), subject) == 0)
                return json_str_or(entry, "name", subject);
        }
    }
    return subject;
}

static char *error_text(const json_t *error)
{
    g_autoptr(err_t) e = error != NULL ? err_from_json(error) : NULL;

    return e != NULL ? err_text(e) : NULL;
}

static void operation_write(const struct writing *w)
{
    const struct operation *op = w->op;
    g_autofree char *error = error_text(op->error);
    json_t *out = json_object();

    json_set(w->out, "operation", out);
    json_set_str(out, "id", op->id);
    json_set_str(out, "type", op->operation_type);
    json_set_str(out, "status", op->status);
    json_set_bool(out, "planned", op->planned);
    json_set_str(out, "reason", json_str(op->params, "reason"));
    json_set_str(out, "user_id", op->user_id);
    json_set_str(out, "request_id", op->request_id);
    view_time(out, "created_at", op->created_at_ms);
    view_time(out, "started_at", op->started_at_ms);
    view_time(out, "completed_at", op->completed_at_ms);
    json_set_str(out, "error", error);
}

static err_t *sites_write(const struct writing *w)
{
    AUTO(site_names) names = NULL;
    json_t *out = json_obj(w->out, "operation");

    TRY(site_names_read(w->r->db, &names));
    json_set_str(out, "source_site", site_names_get(names, w->op->source_site_id));
    json_set_str(out, "target_site", site_names_get(names, w->op->target_site_id));
    json_set_str(out, "executing_site", site_names_get(names, w->op->executing_site_id));
    return NULL;
}

/* The group as it is called now, and what its policy promises. */
static err_t *group_write(const struct writing *w)
{
    AUTO(group_row) g = NULL;
    json_t *group = json_object();
    json_t *targets = json_object();
    const char *name = json_str(w->op->plan, "group");

    json_set(w->out, "group", group);
    json_set(w->out, "targets", targets);
    json_set_str(group, "id", w->op->pg_id);
    if (w->op->pg_id != NULL)
        TRY(group_find(w->r->db, w->op->pg_id, &g));
    g_autoptr(json_t) body = NULL;
    if (g != NULL)
        TRY(change_body(g, &body));
    json_set_str(group, "name", name != NULL ? name : g != NULL ? g->name : NULL);
    int64_t minutes = json_int(body_policy(body), "rpo_minutes", 0);
    if (minutes > 0)
        json_set_int(targets, "rpo_s", minutes * 60);
    return NULL;
}

static void measured_write(const struct writing *w)
{
    static const char *const keys[] = {"rto_s", "rpo_s", "downtime_s", "zero_loss",
                                       "epoch", "data",  "verdict",    "checks"};
    json_t *out = json_object();

    json_set(w->out, "measured", out);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(w->op->result, keys[i]);
        if (value != NULL)
            json_object_set(out, keys[i], value);
    }
    json_set(w->out, "point", json_incref(json_obj(w->op->result, "point")));
    json_t *predicted = json_obj(w->op->result, "predicted");
    if (predicted != NULL)
        json_object_set(w->out, "predicted", predicted);
}

/* ---- steps */

/* Since the operation was created; a clock that was set back meanwhile does not go below. */
static int64_t since(const struct writing *w, int64_t at_ms)
{
    return MAX(at_ms - w->op->created_at_ms, 0);
}

static void steps_write(const struct writing *w)
{
    json_t *list = json_array();

    json_set(w->out, "steps", list);
    for (guint i = 0; i < w->steps->len; i++) {
        const struct op_step *s = g_ptr_array_index(w->steps, i);
        json_t *out = json_object();
        g_autofree char *error = error_text(s->error);
        json_array_append_new(list, out);
        json_set_int(out, "seq", s->seq);
        json_set_str(out, "key", s->step_key);
        json_set_str(out, "says", s->says);
        json_set_str(out, "subject", s->subject);
        json_set_str(out, "name", subject_name(w->op, s->subject));
        json_set_str(out, "state", s->state);
        json_set_int(out, "attempts", s->attempt);
        json_set(out, "from_ms",
                 s->started_at_ms > 0 ? json_integer(since(w, s->started_at_ms)) : NULL);
        json_set(out, "to_ms",
                 s->finished_at_ms > 0 ? json_integer(since(w, s->finished_at_ms)) : NULL);
        json_set_str(out, "error", error);
    }
}

static const struct op_step *row_of(const struct writing *w, const char *key, const char *subject)
{
    for (guint i = 0; i < w->steps->len; i++) {
        const struct op_step *s = g_ptr_array_index(w->steps, i);
        if (g_str_equal(s->step_key, key) && g_str_equal(s->subject, subject))
            return s;
    }
    return NULL;
}

/* Why a member does not run: its first row that failed or was left out.  Caller frees; NULL. */
static char *trouble_of(const struct writing *w, const char *member)
{
    for (guint i = 0; i < w->steps->len; i++) {
        const struct op_step *s = g_ptr_array_index(w->steps, i);
        bool failed = g_str_equal(s->state, "failed") || g_str_equal(s->state, "skipped");
        if (failed && g_str_equal(s->subject, member) && s->error != NULL)
            return error_text(s->error);
    }
    return NULL;
}

static char *outcome_of(const struct writing *w, const char *member)
{
    const struct op_step *boot = row_of(w, "server.boot", member);
    const char *left_out = json_str(json_obj(w->op->result, "left_out"), member);
    g_autofree char *trouble = trouble_of(w, member);

    if (left_out != NULL)
        return g_strdup_printf("left out: %s", left_out);
    if (trouble != NULL)
        return g_strdup(trouble);
    if (boot == NULL)
        return g_strdup("");
    return g_strdup(g_str_equal(boot->state, "done") ? "runs" : boot->state);
}

static void members_write(const struct writing *w)
{
    json_t *list = json_array();
    size_t i;
    json_t *member;

    json_set(w->out, "members", list);
    json_array_foreach(json_arr(w->op->plan, "members"), i, member)
    {
        const char *id = json_str_or(member, "id", "");
        const struct op_step *boot = row_of(w, "server.boot", id);
        const struct op_step *check = row_of(w, "drill.check", id);
        g_autofree char *outcome = outcome_of(w, id);
        json_t *out = json_object();
        json_array_append_new(list, out);
        json_set_str(out, "name", json_str(member, "name"));
        json_set_str(out, "server_id", boot != NULL ? json_str(boot->result, "server_id") : NULL);
        json_set_str(out, "outcome", outcome);
        json_t *checks = json_arr(check != NULL  ? check->result
                                  : boot != NULL ? boot->result
                                                 : NULL,
                                  "checks");
        json_set(out, "checks", checks != NULL ? json_incref(checks) : json_array());
    }
}

/* Why a volume was not compared, of whose row nothing is told. */
static const char *not_compared(const struct writing *w, const struct op_step *copy)
{
    if (!json_bool(w->op->plan, "verify_data", false))
        return "the command has said so";
    return copy != NULL && g_str_equal(copy->state, "done") ? "it was made before that was asked"
                                                            : "it was not made";
}

/* How each volume compares with the recovery point, where the group's policy asks for it. */
static void volumes_write(const struct writing *w)
{
    static const char *const keys[] = {"verified", "digest_point", "digest_copy", "verify_error"};
    json_t *list = json_array();
    size_t i;
    json_t *volume;

    json_set(w->out, "volumes", list);
    if (json_object_get(w->op->plan, "verify_data") == NULL)
        return;
    json_array_foreach(json_arr(w->op->plan, "volumes"), i, volume)
    {
        const struct op_step *copy = row_of(w, "storage_promo", json_str_or(volume, "id", ""));
        const json_t *result = copy != NULL ? copy->result : NULL;
        json_t *out = json_pack("{s:s}", "name", json_str_or(volume, "name", ""));
        json_array_append_new(list, out);
        for (size_t k = 0; k < G_N_ELEMENTS(keys); k++)
            json_set_str(out, keys[k], json_str(result, keys[k]));
        if (json_str(result, "digest_copy") == NULL && json_str(result, "verified") == NULL) {
            json_set_str(out, "verified", "cannot");
            json_set_str(out, "verify_error", not_compared(w, copy));
        }
    }
}

/* ---- the ledger, the plan */

static err_t *made_write(const struct writing *w)
{
    g_autoptr(GPtrArray) rows = NULL;
    json_t *list = json_array();

    json_set(w->out, "made", list);
    TRY(resource_list_op(w->r->db, w->op->id, NULL, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct resource *row = g_ptr_array_index(rows, i);
        json_t *out = json_object();
        json_array_append_new(list, out);
        json_set_str(out, "kind", row->kind);
        json_set_str(out, "name", row->name);
        json_set_str(out, "id", row->cloud_id);
        json_set_str(out, "state", row->state);
    }
    return NULL;
}

static void plan_write(const struct writing *w)
{
    static const char *const keys[] = {"mappings", "notes"};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *list = json_arr(w->op->plan, keys[i]);
        json_set(w->out, keys[i], list != NULL ? json_deep_copy(list) : json_array());
    }
}

static void title_write(const struct writing *w)
{
    const char *name = json_str(json_obj(w->out, "group"), "name");
    g_autofree char *type = g_strdelimit(g_strdup(w->op->operation_type), "_", ' ');
    g_autofree char *title = g_strdup_printf("%s%s%s: %s", type, name != NULL ? " of " : "",
                                             name != NULL ? name : "", w->op->status);

    title[0] = g_ascii_toupper(title[0]);
    json_set_str(w->out, "title", title);
}

static err_t *report_write(const struct writing *w)
{
    json_set_str(w->out, "format", REPORT_FORMAT);
    view_time(w->out, "written_at", w->r->now_ms);
    operation_write(w);
    TRY(sites_write(w));
    TRY(group_write(w));
    title_write(w);
    measured_write(w);
    steps_write(w);
    members_write(w);
    volumes_write(w);
    TRY(made_write(w));
    plan_write(w);
    return NULL;
}

err_t *operations_report(struct request *r)
{
    AUTO(operation) op = NULL;
    g_autoptr(GPtrArray) steps = NULL;
    g_autoptr(json_t) report = json_object();
    const struct site_identity *self = r->o->exchange->identity;

    TRY(operation_of(r, &op));
    TRY(op_step_list(r->db, op->id, &steps));
    struct writing w = {r, op, steps, report};
    TRY(report_write(&w));
    reply_json(r, 200, report_sign(identity_keys(self), self->site_id, TAKE(report)));
    return NULL;
}
