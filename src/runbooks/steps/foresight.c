/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foresight - see foresight.h.  Looks at all that plan/ready.h judges; a look that fails is
 * evidence too, and keeps none of the others from being made.
 */
#include "runbooks/steps/foresight.h"

#include "cloud/cinder.h"
#include "cloud/neutron.h"
#include "cloud/nova.h"
#include "model/body.h"
#include "plan/failover.h"
#include "plan/predict.h"
#include "plan/ready.h"
#include "runbooks/runbooks.h"
#include "runbooks/steps/steps.h"

/* What is looked at, and what for. */
struct looking {
    struct step_call *call;
    const struct group_now *now;
    const struct planned *p; /* NULL: there is no plan */
    enum ready_kind kind;
    json_t *seen;
    GHashTable *before; /* or NULL */
    struct cloud tenant, service;
    const char *project;
};

GHashTable *foresight_round(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
}

json_t *foresight_before(GHashTable *before, const char *key)
{
    return before != NULL ? g_hash_table_lookup(before, key) : NULL;
}

void foresight_keep(GHashTable *before, const char *key, json_t *value)
{
    if (before != NULL)
        g_hash_table_insert(before, g_strdup(key), json_incref(value));
}

/*
 * Takes 'e'.  Where the look asks for leave, being refused is an answer; a quota or a list that may
 * not be read says nothing.
 */
static json_t *failed_look(err_t *e, bool asks)
{
    g_autofree char *text = err_text(e);
    json_t *row = json_object();
    bool certain = err_class(e) == ERR_CLASS_PERMANENT || err_class(e) == ERR_CLASS_PERSON;

    err_free(e);
    json_set_str(row, "error", text);
    json_set_bool(row, "certain", asks && certain);
    return row;
}

/* Takes 'e' and 'value'; 'value' NULL: it went well, and that is all. */
static void looked(struct looking *l, const char *key, bool asks, err_t *e, json_t *value)
{
    json_t *row = e != NULL ? failed_look(e, asks) : value != NULL ? value : json_object();

    json_set(l->seen, key, row);
}

/* ---- the target's services ---- */

/* One look at a project, or at the site. */
struct look {
    const char *key; /* of 'seen' */
    err_t *(*read)(struct looking *l, json_t **ret);
    bool asks; /* failed_look */
};

static err_t *compute_read(struct looking *l, json_t **ret)
{
    return nova_limits(&l->tenant, ret);
}

static err_t *volume_read(struct looking *l, json_t **ret)
{
    return cinder_quota(&l->tenant, l->project, ret);
}

static err_t *network_read(struct looking *l, json_t **ret)
{
    return neutron_quota(&l->tenant, l->project, ret);
}

static err_t *groups_read(struct looking *l, json_t **ret)
{
    return nova_group_list(&l->tenant, ret);
}

/* Under a trust; the service account brings them under names of its own (keypair.c). */
static err_t *keypairs_read(struct looking *l, json_t **ret)
{
    g_autoptr(json_t) list = NULL;

    if (json_str(l->call->result, WORLD_ACTED_AS) == NULL)
        TRY(nova_keypair_list(&l->tenant, &list));
    *ret = json_object();
    if (list != NULL)
        json_set(*ret, "list", TAKE(list));
    return NULL;
}

static err_t *rights_read(struct looking *l, json_t **ret)
{
    const struct protector_driver *driver = world_options_of(l->call->world)->driver;
    bool managed = driver != NULL && (driver->can & PROTECTOR_MAKES_IN_CINDER) == 0;

    (void)ret;
    return managed ? cinder_manage_check(&l->tenant) : NULL;
}

static const struct look looks[] = {
    {"compute", compute_read, false},   {"volume", volume_read, false},
    {"network", network_read, false},   {"server_groups", groups_read, false},
    {"keypairs", keypairs_read, false}, {"rights", rights_read, true},
};

/* Once for all groups of a round that have 'of' (a project, a volume type) in common. */
static void look_once(struct looking *l, const struct look *look, const char *of)
{
    g_autofree char *key = g_strdup_printf("%s %s", look->key, of);
    json_t *value = foresight_before(l->before, key);

    if (value != NULL) {
        json_object_set(l->seen, look->key, value);
        return;
    }
    err_t *e = look->read(l, &value);
    looked(l, look->key, look->asks, e, value);
    foresight_keep(l->before, key, json_object_get(l->seen, look->key));
}

/* What the project's trust, or who stands in for it, can see. */
static void look_tenant(struct looking *l)
{
    err_t *e = world_tenant(l->call, l->project, &l->tenant);
    bool in = e == NULL;

    looked(l, "trust", true, e, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(looks); i++) {
        if (in)
            look_once(l, &looks[i], l->project);
        else
            json_set(l->seen, looks[i].key,
                     json_pack("{s:s}", "error", "no trust of the project lets this site in"));
    }
}

static err_t *backend_read(struct looking *l, json_t **ret)
{
    const char *name = body_volume_type(l->now->body, l->now->self);
    g_autoptr(json_t) type = NULL;
    g_autoptr(json_t) pools = NULL;

    TRY(world_service(l->call, &l->service));
    TRY(cinder_type_find(&l->service, name != NULL ? name : "", &type));
    TRY(cinder_type_pools(&l->service, type, &pools));
    *ret = json_object();
    json_set_str(*ret, "type", json_str(type, "name"));
    return NULL;
}

static void look_service(struct looking *l)
{
    static const struct look backend = {"backend", backend_read, true};
    const char *type = body_volume_type(l->now->body, l->now->self);

    look_once(l, &backend, type != NULL ? type : "");
}

/* As it will be needed: to see the servers there. */
static err_t *source_read(struct looking *l)
{
    const struct group_now *now = l->now;
    struct cloud peer;
    g_autoptr(json_t) servers = NULL;

    TRY(world_peer(l->call, now->peer, &peer));
    return nova_server_list(&peer, group_project(now->body, now->peer), NULL, &servers);
}

/* ---- replication ---- */

static const char *link_text(enum protector_link link)
{
    switch (link) {
    case PROTECTOR_LINK_UP:
        return "up";
    case PROTECTOR_LINK_DEGRADED:
        return "degraded";
    case PROTECTOR_LINK_DOWN:
        return "down";
    case PROTECTOR_LINK_UNKNOWN:
        break;
    }
    return "unknown";
}

static err_t *health_read(struct looking *l, json_t **ret)
{
    AUTO(drive) drive = NULL;
    struct protector_call at;
    struct protector_health health = {0};
    struct protector_error error = {0};

    TRY(drive_open(l->call, l->now->body, l->now->peer, sync_epoch(&l->now->state), &drive));
    TRY(drive_call(l->call, drive, drive->local, &at));
    enum protector_status status = drive->driver->health(drive->handle, &at, &health, &error);
    TRY(drive_error(drive, status, &error, "asking the arrays how they are"));
    *ret = json_object();
    json_set_str(*ret, "link", link_text(health.link));
    json_set_int(*ret, "lag_ms", health.lag_ms);
    json_set_int(*ret, "last_point_ms", health.last_point_ms);
    json_set_str(*ret, "detail", health.detail);
    return NULL;
}

/* Arrays that did not answer for one group of a round are not waited for with each other one. */
static void look_health(struct looking *l)
{
    const json_t *policy = body_policy(l->now->body);
    g_autofree char *key =
        g_strdup_printf("arrays %s %s", json_str_or(policy, "primary_fa_url", ""),
                        json_str_or(policy, "secondary_fa_url", ""));
    json_t *silent = foresight_before(l->before, key), *health = NULL;

    if (silent != NULL) {
        json_object_set(l->seen, "health", silent);
        return;
    }
    err_t *e = health_read(l, &health);
    bool failed = e != NULL;
    looked(l, "health", false, e, health);
    if (failed)
        foresight_keep(l->before, key, json_object_get(l->seen, "health"));
}

static void look_replication(struct looking *l)
{
    const struct protector_driver *driver = world_options_of(l->call->world)->driver;
    json_t *point = NULL;

    json_set_bool(l->seen, "tags", driver != NULL && (driver->can & PROTECTOR_CAN_TAG) != 0);
    look_health(l);
    bool chooses = l->kind != READY_HANDOVER && l->p != NULL &&
                   json_array_size(json_arr(l->p->plan, "volumes")) > 0;
    if (!chooses)
        return;
    err_t *e = point_look(l->call, l->now, l->p->plan, &point);
    looked(l, "point", true, e, point);
}

/* The last drill of the group at this site that went to its end. */
static err_t *look_drill(struct looking *l)
{
    AUTO(operation) drill = NULL;

    TRY(operation_find_last(l->call->db, l->now->state.group, "test_failover", &drill));
    if (drill == NULL)
        return NULL;
    bool failed = g_strcmp0(json_str(drill->result, "verdict"), "failed") == 0;
    json_t *row = json_object();
    json_set_int(row, "ended_at_ms", drill->completed_at_ms);
    json_set_bool(row, "passed", !failed);
    json_set(l->seen, "drill", row);
    return NULL;
}

/* ---- the whole ---- */

/*
 * Rows of model/readiness.h; what was seen is added to 'seen'.  'p' NULL: 'why' there is no plan is
 * taken.
 */
static err_t *rows_make(struct step_call *call, const struct group_now *now, GHashTable *before,
                        const struct planned *p, err_t *why, json_t *seen, json_t **ret)
{
    struct looking l = {.call = call,
                        .now = now,
                        .p = p,
                        .kind = planning_kind(call->op),
                        .seen = seen,
                        .before = before,
                        .project = group_project(now->body, now->self)};

    json_t *left = NULL;
    looked(&l, "inventory", false, why, NULL);
    if (l.kind == READY_UNPLANNED)
        TRY(foresight_drill_left(call, now->state.group, &left));
    if (left != NULL)
        json_set(seen, "drill_left", left);
    look_tenant(&l);
    look_service(&l);
    if (l.kind == READY_HANDOVER)
        looked(&l, "source", true, source_read(&l), NULL);
    look_replication(&l);
    TRY(look_drill(&l));
    g_autoptr(json_t) inventory = p != NULL && left != NULL
                                      ? foresight_without(p->inventory, json_obj(left, "ids"))
                                      : json_incref(p != NULL ? p->inventory : NULL);
    struct plan_ready_input in = {.kind = l.kind,
                                  .body = now->body,
                                  .plan = p != NULL ? p->plan : NULL,
                                  .inventory = inventory,
                                  .seen = seen,
                                  .now_ms = call->now_ms};
    *ret = plan_ready(&in);
    return NULL;
}

err_t *foresight_checks(struct step_call *call, const struct group_now *now, GHashTable *before,
                        struct planned **ret_plan, json_t **ret_seen, json_t **ret_rows)
{
    AUTO(planned) p = NULL;
    g_autoptr(json_t) seen = json_object();
    err_t *why = planning_look(call, now, before, &p);

    if (why != NULL && err_class(why) == ERR_CLASS_FENCED)
        return why;
    TRY(rows_make(call, now, before, p, why, seen, ret_rows));
    *ret_plan = TAKE(p);
    *ret_seen = TAKE(seen);
    return NULL;
}

err_t *foresight_required(struct step_call *call, const struct group_now *now,
                          const struct planned *p, json_t *seen)
{
    g_autoptr(json_t) rows = NULL;
    g_autofree char *remedy = NULL;

    TRY(rows_make(call, now, NULL, p, NULL, seen, &rows));
    g_autofree char *text = ready_failed(rows, READY_REFUSED, &remedy);
    if (text == NULL)
        return NULL;
    return err_remedy(err(PLAN_NOT_READY, "it would not succeed: %s", text), "%s", remedy);
}

/* ---- predictions ---- */

static bool measured(const struct operation *op)
{
    return op != NULL && json_int(op->result, "rto_s", -1) >= 0;
}

/* How long the last one of the same kind took, else the last drill; a failover and its drill are
 * the same work. */
static err_t *last_measured(struct step_call *call, enum ready_kind kind, struct operation **ret)
{
    const char *type = planning_type(call->op);
    AUTO(operation) same = NULL;

    TRY(operation_find_last(call->db, call->op->pg_id, type, &same));
    bool alike =
        measured(same) && (kind == READY_DRILL || same->planned == (kind == READY_HANDOVER));
    if (alike) {
        *ret = TAKE(same);
        return NULL;
    }
    return operation_find_last(call->db, call->op->pg_id, "test_failover", ret);
}

static err_t *rto_predict(struct step_call *call, const struct planned *p, json_t *out)
{
    AUTO(operation) last = NULL;

    TRY(last_measured(call, p->kind, &last));
    if (measured(last)) {
        g_autofree char *at = time_format(last->completed_at_ms);
        g_autofree char *from =
            g_strdup_printf("as %s %s took, which ended %s", last->operation_type, last->id, at);
        json_set_int(out, "rto_s", json_int(last->result, "rto_s", 0));
        json_set_str(out, "rto_from", from);
        return NULL;
    }
    json_set_int(out, "rto_s", plan_rto_guess_s(p->plan));
    json_set_str(out, "rto_from", "a rule of thumb: none has been measured at this site yet");
    return NULL;
}

/*
 * What would be lost, if it began now: nothing, where the servers come to rest first; else what was
 * written since the point, if one was looked at.  No array is asked for a prediction's sake.
 */
static void loss_predict(const struct step_call *call, const struct planned *p, const json_t *seen,
                         json_t *out)
{
    int64_t time_ms = json_int(json_obj(seen, "point"), "time_ms", 0);

    if (p->kind == READY_HANDOVER)
        json_set_int(out, "data_loss_s", 0);
    else if (time_ms > 0)
        json_set_int(out, "data_loss_s", MAX(call->now_ms - time_ms, 0) / 1000);
}

err_t *foresight_predict(struct step_call *call, const struct planned *p, const json_t *seen,
                         json_t **ret)
{
    g_autoptr(json_t) out = json_object();

    TRY(rto_predict(call, p, out));
    loss_predict(call, p, seen, out);
    *ret = TAKE(out);
    return NULL;
}

void predicted_keep(struct step_call *call)
{
    const json_t *predicted = json_obj(call->plan, PLAN_PREDICTED);

    if (predicted != NULL)
        json_set(call->result, PLAN_PREDICTED, json_deep_copy(predicted));
}

/* ---- shown ---- */

err_t *plan_look_plan(struct step_call *call, json_t **ret)
{
    *ret = json_object();
    json_set_str(*ret, "group_id", call->op->pg_id);
    return NULL;
}

/* The runbook that the operation would run. */
static const struct runbook *book_of(enum ready_kind kind, const char *type)
{
    const char *name = kind == READY_DRILL             ? "test_failover"
                       : g_str_equal(type, "failback") ? "failback"
                       : kind == READY_HANDOVER        ? "handover"
                                                       : "failover";

    for (const struct runbook *const *b = runbooks_all; *b != NULL; b++) {
        if (g_str_equal((*b)->name, name))
            return *b;
    }
    g_assert_not_reached();
}

static size_t subjects_of(const struct step *step, const json_t *plan)
{
    if (step->per == STEP_PER_GROUP)
        return 1;
    return json_array_size(json_arr(plan, step->per == STEP_PER_VOLUME ? "volumes" : "members"));
}

static json_t *steps_of(const struct runbook *book, const json_t *plan)
{
    json_t *steps = json_array();

    for (const struct step *step = book->steps; step->key != NULL; step++) {
        json_t *row = json_object();
        json_set_str(row, "key", step->key);
        json_set_str(row, "says", step->says);
        json_set_int(row, "subjects", (int64_t)subjects_of(step, plan));
        json_array_append_new(steps, row);
    }
    return steps;
}

static const char *site_name(const struct group_now *now, const char *site)
{
    return json_str_or(body_site(now->body, site), "name", site);
}

/* What there is besides the checks, where a plan could be made. */
static err_t *plan_tell(struct step_call *call, const struct planned *p, const json_t *seen)
{
    char hash[HASH_HEX_SIZE];
    json_t *predicted = NULL;

    TRY(foresight_predict(call, p, seen, &predicted));
    json_set(call->result, PLAN_PREDICTED, predicted);
    plan_hash(p->plan, hash);
    json_set_str(call->result, "hash", hash);
    g_autofree char *text = plan_print(p->plan);
    json_set_str(call->result, "text", text);
    json_set(call->result, "plan", json_incref(p->plan));
    json_set(call->result, "steps", steps_of(book_of(p->kind, planning_type(call->op)), p->plan));
    return NULL;
}

err_t *plan_look_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(planned) p = NULL;
    g_autoptr(json_t) seen = NULL;
    g_autoptr(json_t) rows = NULL;

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    if (now->body == NULL)
        return err(GROUP_STATE, "group '%s' was lost at this site: nothing is known of its members",
                   call->op->pg_id);
    TRY(foresight_checks(call, now, NULL, &p, &seen, &rows));
    json_set_str(call->result, "operation", ready_kind_text(planning_kind(call->op)));
    json_set_str(call->result, "source", site_name(now, now->peer));
    json_set_str(call->result, "target", site_name(now, now->self));
    json_set_bool(call->result, "ready", ready_all(rows));
    json_set(call->result, "checks", json_incref(rows));
    return p != NULL ? plan_tell(call, p, seen) : NULL;
}

err_t *plan_look_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) seen = NULL;

    if (!g_str_equal(status, "completed"))
        return NULL;
    TRY(step_result_of(call, "plan.look", "", &seen));
    json_object_update(call->result, seen);
    return NULL;
}
