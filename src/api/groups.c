/* SPDX-License-Identifier: Apache-2.0 */
/* groups - protection groups: create, list, show, update, delete, and the actions on them. */
#include "api/change.h"
#include "api/handover.h"
#include "api/resources.h"
#include "api/view.h"

#include "base/secrets.h"
#include "model/body.h"
#include "plan/change.h"
#include "plan/checks.h"
#include "plan/kept.h"
#include "store/drift.h"
#include "store/idempotency.h"
#include "store/judge.h"
#include "store/tenant_mapping.h"
#include "store/trust.h"

#include <string.h>

/* ---- reading ---- */

/* Whether this site holds a verified trust of the project. */
static err_t *trusts_view(struct request *r, const char *project, json_t *out)
{
    g_autoptr(GPtrArray) list = NULL;
    json_t *trusts = json_object();

    json_set(out, "trusts", trusts);
    TRY(trust_list(r->db, project, &list));
    const struct trust *first = list->len > 0 ? g_ptr_array_index(list, 0) : NULL;
    json_set_str(trusts, "local", first != NULL ? first->status : "missing");
    return NULL;
}

/* Why a group is in error: what its operation says that waits for a person. */
static err_t *trouble_view(struct request *r, const struct group_row *g, json_t *out)
{
    g_autoptr(GPtrArray) open = NULL;

    json_set_str(out, "error_message", NULL);
    TRY(operation_list_open(r->db, g->id, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (!g_str_equal(op->status, "needs_operator") || op->error == NULL)
            continue;
        g_autoptr(err_t) e = err_from_json(op->error);
        g_autofree char *text = err_text(e);
        g_autofree char *whole = g_strdup_printf("%s: %s", op->id, text);
        json_set_str(out, "error_message", whole);
    }
    return NULL;
}

/* "web-1: its flavor is …" for each thing that an engine here saw to differ; when it looked, 0:
 * not yet. */
static err_t *drift_texts(struct request *r, const struct group_row *g, json_t *texts,
                          int64_t *ret_seen_at_ms)
{
    g_autoptr(json_t) found = NULL;
    g_autoptr(json_t) body = NULL;
    const char *id;
    json_t *list, *text;
    size_t i;

    TRY(drift_get(r->db, g->id, &found, ret_seen_at_ms));
    if (json_object_size(found) > 0)
        TRY(change_body(g, &body));
    json_object_foreach(found, id, list)
    {
        const char *name = json_str(body_member(body, id), "instance_name");
        json_array_foreach(list, i, text)
        {
            g_autofree char *line = g_strdup_printf("%s: %s", name, json_string_value(text));
            if (name != NULL) /* it has left since */
                json_array_append_new(texts, json_string(line));
        }
    }
    return NULL;
}

/* A failback may have been asked to leave the replication off: then nothing protects the group. */
static err_t *replication_texts(const struct group_row *g, json_t *texts, bool *ret_off)
{
    g_autoptr(json_t) body = NULL;

    if (!g_str_equal(g->role, "ACTIVE"))
        return NULL;
    TRY(change_body(g, &body));
    *ret_off = body_policy(body) != NULL && !body_replicates(body);
    if (*ret_off)
        json_array_append_new(texts,
                              json_string("the last failback left the replication off: no recovery "
                                          "point is made; protection-group policy-update turns it "
                                          "on again"));
    return NULL;
}

/* What this site's engines have seen: the worst of it in a word, all of it in sentences. */
static err_t *health_view(struct request *r, const struct group_row *g, json_t *out)
{
    json_t *texts = json_array();
    bool superseded = (g->flags & GROUP_FLAG_SUPERSEDED) != 0;

    json_set(out, "health_details", texts);
    if (superseded)
        json_array_append_new(texts,
                              json_string("the other site was seen to be active in a newer epoch: "
                                          "carry its metadata here (sync-force), or keep this site "
                                          "(failover --unplanned)"));
    bool drift = false;
    int64_t seen_at_ms = 0;
    if (g_str_equal(g->role, "ACTIVE")) {
        TRY(drift_texts(r, g, texts, &seen_at_ms));
        drift = json_array_size(texts) > superseded;
    }
    view_time(out, "health_seen_at", seen_at_ms);
    bool alone = false;
    TRY(replication_texts(g, texts, &alone));
    json_set_str(out, "health",
                 superseded ? "superseded"
                 : alone    ? "not replicated"
                 : drift    ? "drift"
                            : "ok");
    return NULL;
}

static err_t *group_view_full(struct request *r, const struct group_row *g, json_t **ret)
{
    AUTO(site_names) names = NULL;

    TRY(site_names_read(r->db, &names));
    g_autoptr(json_t) out = view_group(r, g, names);
    TRY(trusts_view(r, g->project_id, out));
    TRY(trouble_view(r, g, out));
    TRY(health_view(r, g, out));
    *ret = TAKE(out);
    return NULL;
}

err_t *groups_show(struct request *r)
{
    AUTO(group_row) g = NULL;
    json_t *out = NULL;

    TRY(change_group(r, &g));
    TRY(group_view_full(r, g, &out));
    reply_json(r, 200, json_pack("{s:o}", "protection_group", out));
    return NULL;
}

err_t *groups_index(struct request *r)
{
    struct list_query query;
    AUTO(site_names) names = NULL;
    g_autoptr(GPtrArray) rows = NULL;

    TRY(request_list(r, "name status replication_type", &query));
    TRY(site_names_read(r->db, &names));
    TRY(group_list(r->db, r->project, &query, &rows));
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, view_group(r, g_ptr_array_index(rows, i), names));
    json_t *out = json_pack("{s:o}", "protection_groups", list);
    const struct group_row *last = rows->len > 0 ? g_ptr_array_index(rows, rows->len - 1) : NULL;
    reply_links(r, out, "protection_groups", last != NULL ? last->id : NULL, rows->len,
                query.limit);
    reply_json(r, 200, out);
    return NULL;
}

/* ---- create ---- */

static const struct field create_fields[] = {
    {"id", FIELD_TEXT, false, 39, 39, NULL},
    {"name", FIELD_TEXT, true, 1, 255, NULL},
    {"description", FIELD_TEXT, false, 0, 1024, NULL},
    {"replication_type", FIELD_TEXT, true, 1, 16, NULL},
    {"primary_site_id", FIELD_TEXT, true, 1, 255, NULL},
    {"secondary_site_id", FIELD_TEXT, true, 1, 255, NULL},
    {"volume_type", FIELD_TEXT, true, 1, 255, NULL},
    {"secondary_volume_type", FIELD_TEXT, false, 1, 255, NULL},
    {0},
};
const struct body_spec groups_create_bodies[] = {
    {"protection_group", create_fields, true,
     "{\"name\": \"prod-web-app\", \"replication_type\": \"async\", \"primary_site_id\": "
     "\"site-a\", \"secondary_site_id\": \"site-b\", \"volume_type\": \"replicated-ssd\"}"},
    {0},
};

/* A site named in a body: its absence is a bad request, not a missing resource. */
static err_t *site_named(struct request *r, const json_t *in, const char *field, struct site **ret)
{
    err_t *e = site_resolve(r->db, json_str_or(in, field, ""), ret);

    if (e != NULL && err_code(e) != ERR_SITE_NOT_FOUND)
        return e;
    if (e != NULL)
        return err_recode(BAD_REQUEST, e, "'%s' names no site", field);
    TRY(site_open_check(*ret));
    if (!g_str_equal((*ret)->status, "active"))
        return err_remedy(err(CONFLICT, "site '%s' is %s", (*ret)->name, (*ret)->status),
                          "protector site validate %s", (*ret)->name);
    return NULL;
}

static json_t *site_params(const struct site *s, const char *project, const char *type)
{
    json_t *out = json_object();

    json_set_str(out, "uuid", s->id);
    json_set_str(out, "name", s->name);
    json_set_str(out, "project_id", project);
    json_set_str(out, "volume_type", type);
    return out;
}

/* The parameters of the operation: what plan_change makes the first body of. */
static err_t *create_params(struct request *r, const json_t *in, const char *id, json_t **ret,
                            char **ret_peer)
{
    AUTO(site) primary = NULL;
    AUTO(site) secondary = NULL;
    AUTO(tenant_mapping) mapping = NULL;
    const char *type = json_str(in, "volume_type");
    const char *other = json_str_or(in, "secondary_volume_type", type);

    TRY(site_named(r, in, "primary_site_id", &primary));
    TRY(site_named(r, in, "secondary_site_id", &secondary));
    if (g_str_equal(primary->id, secondary->id))
        return err(BAD_REQUEST, "primary and secondary site must differ");
    if (!primary->is_local)
        return err_detail(err(GROUP_NOT_ACTIVE, "a group is created at its primary site, '%s'",
                              primary->name),
                          "active_site", primary->id);
    TRY(tenant_mapping_find(r->db, r->project, secondary->id, &mapping));
    if (mapping == NULL)
        return err_remedy(err(MAPPING_MISSING,
                              "project '%s' is not mapped to a project of site '%s'", r->project,
                              secondary->name),
                          "an admin creates it: protector tenant mapping create --local-tenant %s "
                          "--remote-site %s --remote-tenant PROJECT",
                          r->project, secondary->name);
    json_t *params = json_object();
    g_autofree char *cg = env_id(r->o->env, "cg-");
    json_set_str(params, "group", id);
    json_set_str(params, "name", json_str(in, "name"));
    json_set_str(params, "description", json_str(in, "description"));
    json_set_str(params, "replication_type", json_str(in, "replication_type"));
    json_set_str(params, "consistency_group_id", cg);
    json_set_str(params, "idempotency_key", request_header(r, "Idempotency-Key"));
    json_set(params, "primary", site_params(primary, r->project, type));
    json_set(params, "secondary", site_params(secondary, mapping->remote_project_id, other));
    *ret_peer = g_strdup(secondary->id);
    *ret = params;
    return NULL;
}

/* A group that is made already by an equal request: the same key, or the same id. */
static err_t *create_again(struct request *r, const json_t *in, const char *hash, bool *ret_done)
{
    const char *key = request_header(r, "Idempotency-Key");
    AUTO(idempotency) known = NULL;
    AUTO(group_row) g = NULL;
    json_t *out = NULL;

    *ret_done = false;
    if (key != NULL)
        TRY(idempotency_find(r->db, r->project, key, &known));
    if (known != NULL && !g_str_equal(known->request_hash, hash))
        return err(CONFLICT, "Idempotency-Key '%s' was used for another request", key);
    const char *id = known != NULL ? known->subject_id : json_str(in, "id");
    if (id == NULL)
        return NULL;
    TRY(group_find(r->db, id, &g));
    if (g == NULL || g_str_equal(g->role, "NONE"))
        return NULL;
    if (!g_str_equal(g->project_id, r->project) || g_str_equal(g->role, "TOMBSTONE"))
        return err(GROUP_GONE, "the id '%s' is of a group that is gone", id);
    if (g_strcmp0(g->name, json_str(in, "name")) != 0)
        return err(CONFLICT, "the id '%s' is of group '%s'", id, g->name);
    *ret_done = true;
    TRY(group_view_full(r, g, &out));
    if (g->staged_op == NULL) {
        reply_json(r, 200, json_pack("{s:o}", "protection_group", out));
        return NULL;
    }
    return reply_operation(r, g->staged_op, json_pack("{s:o}", "protection_group", out));
}

/* With the group, so that neither is ever without the other. */
static err_t *key_keep(struct db *db, void *data)
{
    const struct idempotency *row = data;

    if (row->idem_key == NULL)
        return NULL;
    err_t *e = idempotency_insert(db, row);
    if (e == NULL || err_code(e) != ERR_DB_DUPLICATE)
        return e;
    return err_recode(CONFLICT, e, "another request came with this Idempotency-Key: repeat it");
}

static err_t *create_reserve(struct request *r, const char *id, json_t *params, const char *peer,
                             const char *hash)
{
    const char *key = request_header(r, "Idempotency-Key");
    struct group_row g = {.id = (char *)id, .project_id = r->project, .peer_site_id = (char *)peer};
    AUTO(operation) op = change_operation(r, &g, "create");
    struct idempotency row = {r->project,   (char *)key, "protection_group.create",
                              (char *)hash, (char *)id,  op->id,
                              r->now_ms};
    struct exchange_change change = {.op = op,
                                     .peer = peer,
                                     .create = true,
                                     .nonce = request_header(r, "Protector-Peer"),
                                     .also = key_keep,
                                     .also_data = &row};
    AUTO(group_row) made = NULL;
    json_t *out = NULL;

    op->params = params;
    TRY(exchange_reserve(r->o->exchange, r->db, &change));
    TRY(request_audit(r, "protection_group.create", id));
    request_ring(r);
    TRY(group_get(r->db, r->project, id, &made));
    TRY(group_view_full(r, made, &out));
    return reply_operation(r, op->id, json_pack("{s:o}", "protection_group", out));
}

err_t *groups_create(struct request *r)
{
    const json_t *in = r->in;
    g_autofree char *peer = NULL;
    g_autofree char *text = NULL;
    g_autoptr(json_t) params = NULL;
    g_autoptr(json_t) draft = NULL;
    char hash[HASH_HEX_SIZE];
    bool done = false, taken = false;

    g_autoptr(json_t) asked = json_copy((json_t *)in); /* a client that repeats draws another id */
    json_object_del(asked, "id");
    text = json_print_canonical(asked);
    hash_hex(text, strlen(text), hash);
    TRY(create_again(r, in, hash, &done));
    if (done)
        return NULL;
    g_autofree char *id =
        json_str(in, "id") != NULL ? g_strdup(json_str(in, "id")) : env_id(r->o->env, "pg-");
    if (!g_str_has_prefix(id, "pg-") || !uuid_valid(id + 3))
        return err(BAD_REQUEST, "'id' must be pg-<uuid>, not '%s'", id);
    TRY(create_params(r, in, id, &params, &peer));
    TRY(plan_change("create", params, NULL, r->now_ms, &draft));
    TRY(group_name_taken(r->db, r->project, json_str(in, "name"), NULL, &taken));
    if (taken)
        return err(GROUP_NAME_TAKEN, "the project has a protection group named '%s' already",
                   json_str(in, "name"));
    return create_reserve(r, id, TAKE(params), peer, hash);
}

/* ---- update, delete ---- */

static const struct field update_fields[] = {
    {"name", FIELD_TEXT, false, 1, 255, NULL},
    {"description", FIELD_TEXT, false, 0, 1024, NULL},
    {0},
};
const struct body_spec groups_update_bodies[] = {
    {"protection_group", update_fields, true, "{\"description\": \"the web servers\"}"},
    {0},
};

err_t *groups_update(struct request *r)
{
    const json_t *in = r->in;
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;
    bool taken = false;

    TRY(change_group(r, &g));
    if (json_str(in, "name") != NULL)
        TRY(group_name_taken(r->db, r->project, json_str(in, "name"), g->id, &taken));
    if (taken)
        return err(GROUP_NAME_TAKEN, "the project has a protection group named '%s' already",
                   json_str(in, "name"));
    TRY(change_begin(r, g, VERB_UPDATE, "update", json_deep_copy(in), &op));
    TRY(request_audit(r, "protection_group.update", g->id));
    return reply_operation(r, op, NULL);
}

err_t *groups_delete(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;

    TRY(change_group(r, &g));
    TRY(request_audit(r, "protection_group.delete", g->id));
    if ((g->flags & GROUP_FLAG_EMPTY) && g_str_equal(g->role, "ACTIVE")) {
        TRY(exchange_withdraw(r->o->exchange, r->db, g->id));
        request_ring(r);
        reply_empty(r, 204);
        return NULL;
    }
    if (g->flags & GROUP_FLAG_UNPROTECTED)
        return exits_delete_unprotected(r);
    bool ours = g_str_equal(g->role, "ACTIVE") || g_str_equal(g->role, "RECOVERING");
    if ((g->flags & GROUP_FLAG_PEER_GONE) && ours)
        return exits_delete_told(r);
    TRY(judge_held(r->db, g->id));
    TRY(change_begin(r, g, VERB_DELETE, "delete", json_object(), &op));
    return reply_operation(r, op, NULL);
}

/* ---- actions ---- */

static const struct field probe_fields[] = {
    {"keystone", FIELD_TEXT, false, 0, 64, NULL},
    {"nova", FIELD_TEXT, false, 0, 64, NULL},
    {"protector", FIELD_TEXT, false, 0, 64, NULL},
    {0},
};
static const struct field failover_fields[] = {
    {"planned", FIELD_BOOL, false, 0, 0, NULL},
    {"reason", FIELD_TEXT, false, 0, 1024, NULL},
    {"force", FIELD_BOOL, false, 0, 0, NULL},
    {"from", FIELD_TEXT, false, 1, 16, NULL},
    {"on_conflict", FIELD_TEXT, false, 1, 16, NULL},
    {"verify_data", FIELD_BOOL, false, 0, 0, NULL},
    {"network_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"flavor_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"image_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"floating_ip_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"availability_zone_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"client_probe", FIELD_OBJECT, false, 0, 0, probe_fields},
    {"plan", FIELD_TEXT, false, 64, 64, NULL},
    {0},
};
static const struct field failback_fields[] = {
    {"reason", FIELD_TEXT, false, 0, 1024, NULL},
    {"on_conflict", FIELD_TEXT, false, 1, 16, NULL},
    {"reverse_replication", FIELD_BOOL, false, 0, 0, NULL},
    {"network_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"flavor_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"image_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"floating_ip_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"availability_zone_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"plan", FIELD_TEXT, false, 64, 64, NULL},
    {0},
};
static const struct field drill_fields[] = {
    {"auto_cleanup", FIELD_BOOL, false, 0, 0, NULL},
    {"keep", FIELD_BOOL, false, 0, 0, NULL},
    {"checks", FIELD_OBJECT, false, 0, 0, NULL},
    {"check_timeout_s", FIELD_INT, false, 0, CHECK_TIMEOUT_MAX_S, NULL},
    {"check_threshold_percent", FIELD_INT, false, 0, 100, NULL},
    {"network_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"flavor_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"image_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"floating_ip_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"availability_zone_mapping", FIELD_MAP, false, 0, 255, NULL},
    {"plan", FIELD_TEXT, false, 64, 64, NULL},
    {0},
};
static const struct field cleanup_fields[] = {
    {"dry_run", FIELD_BOOL, false, 0, 0, NULL},
    {"plan", FIELD_TEXT, false, 1, 128, NULL},
    {"discard_writes_after", FIELD_TEXT, false, 1, 64, NULL},
    {0},
};
static const struct field look_fields[] = {{0}};
const struct body_spec groups_action_bodies[] = {
    {"failover", failover_fields, false,
     "{\"planned\": false, \"reason\": \"the other site lost its power\"}"},
    {"failback", failback_fields, false, "{\"on_conflict\": \"keep-both\"}"},
    {"test_failover", drill_fields, false, "{\"auto_cleanup\": true}"},
    {"test_cleanup", look_fields, false, "{}"},
    {"cleanup_source", cleanup_fields, false, "{\"dry_run\": true}"},
    {"reprotect", look_fields, false, "{}"},
    {"sync", look_fields, false, "{}"},
    {"look", look_fields, false, "{}"},
    {"delete_peer_gone", exits_word_fields, false, "{\"reason\": \"site-b burnt down\"}"},
    {"unprotect", exits_word_fields, false, "{\"reason\": \"site-b burnt down\"}"},
    {0},
};

json_t *groups_failover_params(const json_t *in)
{
    json_t *params = json_object();
    json_t *mappings = json_object();

    for (size_t i = 0; body_mapping_kinds[i] != NULL; i++) {
        g_autofree char *key = g_strdup_printf("%s_mapping", body_mapping_kinds[i]);
        json_set(mappings, body_mapping_kinds[i], json_deep_copy(json_obj(in, key)));
    }
    json_set(params, "mappings", mappings);
    json_set_str(params, "reason", json_str(in, "reason"));
    json_set_bool(params, "force", json_bool(in, "force", false));
    json_set_str(params, "from", json_str_or(in, "from", "point"));
    json_set_str(params, "on_conflict", json_str_or(in, "on_conflict", PLAN_KEEP_BOTH));
    json_set_bool(params, "reverse_replication", json_bool(in, "reverse_replication", true));
    if (!json_bool(in, "verify_data", true))
        json_set_bool(params, "verify_data", false);
    if (json_str(in, "plan") != NULL)
        json_set_str(params, "plan", json_str(in, "plan"));
    json_set(params, "client_probe", json_deep_copy(json_obj(in, "client_probe")));
    return params;
}

err_t *groups_conflict_check(const json_t *in)
{
    const char *said = json_str_or(in, "on_conflict", PLAN_KEEP_BOTH);

    if (g_str_equal(said, PLAN_KEEP_BOTH) || g_str_equal(said, PLAN_REPLACE))
        return NULL;
    return err(BAD_REQUEST, "'on_conflict' is %s or %s, not '%s'", PLAN_KEEP_BOTH, PLAN_REPLACE,
               said);
}

static err_t *failover_check(const json_t *in)
{
    const char *reason = json_str(in, "reason");

    TRY(groups_conflict_check(in));
    const char *from = json_str_or(in, "from", "point");
    bool kept = g_str_equal(from, "kept");
    if (!kept && !g_str_equal(from, "point"))
        return err(BAD_REQUEST, "'from' is point or kept, not '%s'", from);
    if (kept && json_bool(in, "planned", false))
        return err(BAD_REQUEST, "a planned failover takes its data from the point that it makes");
    if (json_bool(in, "planned", false) && !json_bool(in, "verify_data", true))
        return err_remedy(err(BAD_REQUEST, "'verify_data' of a planned failover is the policy's"),
                          "change it first: protection-group policy-update --no-verify-data");
    if (!json_bool(in, "planned", false) && (reason == NULL || *reason == '\0'))
        return err(BAD_REQUEST, "an unplanned failover wants a 'reason'");
    return NULL;
}

/* A look that has begun and not ended tells the same. */
static err_t *look_open(struct request *r, const struct group_row *g, char **ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = NULL;
    TRY(operation_list_open(r->db, g->id, &open));
    for (guint i = 0; i < open->len && *ret == NULL; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, "look"))
            *ret = g_strdup(op->id);
    }
    return NULL;
}

/* Which of this site's servers of the group run: its engine looks, nothing is changed. */
static err_t *groups_look(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *open = NULL;

    TRY(request_allowed(r, "protector:protection_groups:show", r->project));
    TRY(change_group(r, &g));
    TRY(look_open(r, g, &open));
    if (open != NULL)
        return reply_operation(r, open, NULL);
    AUTO(operation) op = change_operation(r, g, "look");
    op->params = json_object();
    TRY(operation_insert(r->db, op));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}

/* A failover by the plan that is named has begun and not ended: whoever asks again follows it. */
static err_t *failover_open(struct request *r, const struct group_row *g, const char *plan,
                            char **ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = NULL;
    if (plan == NULL)
        return NULL;
    TRY(operation_list_open(r->db, g->id, &open));
    for (guint i = 0; i < open->len && *ret == NULL; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, "failover") && !op->planned &&
            g_strcmp0(json_str(op->params, "plan"), plan) == 0)
            *ret = g_strdup(op->id);
    }
    return NULL;
}

/*
 * Where the group is active already, with a change nobody answers, or frozen for a handover, or was
 * active, as far as a restored database knows, the claim is made in place: there it is a reclaim.
 */
static err_t *groups_failover(struct request *r)
{
    const json_t *in = r->in;
    AUTO(group_row) g = NULL;
    g_autofree char *open = NULL;

    TRY(request_allowed(r, "protector:protection_groups:action", r->project));
    TRY(failover_check(in));
    TRY(change_group(r, &g));
    if (!json_bool(in, "planned", false))
        TRY(failover_open(r, g, json_str(in, "plan"), &open));
    if (open != NULL)
        return reply_operation(r, open, NULL);
    if (json_bool(in, "planned", false))
        return handover_begin(r, g, VERB_FAILOVER_PLANNED, groups_failover_params(in));
    TRY(change_allowed(r, g, VERB_FAILOVER_UNPLANNED));
    const char *self = r->o->exchange->identity->site_id;
    bool was_active =
        g_str_equal(g->role, "RECOVERING") && g_strcmp0(g->current_primary_site_id, self) == 0;
    bool in_place = g_str_equal(g->role, "ACTIVE") || g_str_equal(g->role, "FROZEN") || was_active;
    if (in_place && json_str(in, "plan") != NULL)
        return err(BAD_REQUEST, "the group is active at this site, or was: it is claimed in place, "
                                "by no plan");
    if (in_place || json_bool(in, "force", false))
        TRY(request_allowed(r, "protector:sync:force", r->project));
    AUTO(operation) op = change_operation(r, g, in_place ? "reclaim" : "failover");
    g_free(op->source_site_id);
    g_free(op->target_site_id);
    op->source_site_id = g_strdup(g->peer_site_id);
    op->target_site_id = g_strdup(r->o->exchange->identity->site_id);
    op->hidden = false;
    op->params = groups_failover_params(in);
    TRY(exchange_begin_force(r->o->exchange, r->db, op));
    TRY(request_audit(r, "protection_group.failover", g->id));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}

/* Home again: the same handover, to the site where the group was made. */
static err_t *groups_failback(struct request *r)
{
    AUTO(group_row) g = NULL;

    TRY(request_allowed(r, "protector:protection_groups:action", r->project));
    TRY(groups_conflict_check(r->in));
    TRY(change_group(r, &g));
    return handover_begin(r, g, VERB_FAILBACK, groups_failover_params(r->in));
}

static json_t *drill_params(const json_t *in)
{
    static const char *const keys[] = {"auto_cleanup", "keep", "checks", "check_timeout_s",
                                       "check_threshold_percent"};
    json_t *params = groups_failover_params(in);

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(in, keys[i]);
        if (value != NULL)
            json_set(params, keys[i], json_deep_copy(value));
    }
    return params;
}

/* A rehearsal at the standby: production is not asked, nor told. */
static err_t *groups_test_failover(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autoptr(json_t) body = NULL;

    TRY(request_allowed(r, "protector:protection_groups:action", r->project));
    TRY(change_group(r, &g));
    TRY(change_allowed(r, g, VERB_TEST_FAILOVER));
    TRY(change_body(g, &body));
    TRY(plan_checks_valid(json_obj(r->in, "checks"), body));
    AUTO(operation) op = change_local_operation(r, g, "test_failover");
    op->params = drill_params(r->in);
    TRY(exchange_begin_drill(r->o->exchange, r->db, op));
    TRY(request_audit(r, "protection_group.test_failover", g->id));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}

/* A cleanup that has begun and not ended is the same one. */
static err_t *cleanup_open(struct request *r, const struct group_row *g, char **ret)
{
    g_autoptr(GPtrArray) open = NULL;

    *ret = NULL;
    TRY(operation_list_open(r->db, g->id, &open));
    for (guint i = 0; i < open->len && *ret == NULL; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, "test_cleanup"))
            *ret = g_strdup(op->id);
    }
    return NULL;
}

static err_t *groups_test_cleanup(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *open = NULL;
    g_autofree char *left = NULL;
    AUTO(operation) drill = NULL;

    TRY(request_allowed(r, "protector:protection_groups:action", r->project));
    TRY(change_group(r, &g));
    TRY(cleanup_open(r, g, &open));
    if (open != NULL)
        return reply_operation(r, open, NULL);
    TRY(change_allowed(r, g, VERB_TEST_CLEANUP));
    TRY(operation_drill_left(r->db, g->id, &left));
    if (left == NULL)
        return err_remedy(err(OPERATION_IN_PROGRESS, "the drill of group '%s' still runs", g->name),
                          "wait until it has ended, or cancel it: then it takes back what it made");
    TRY(operation_get(r->db, left, NULL, &drill));
    g_autofree char *id = env_id(r->o->env, "op-");
    AUTO(operation) op = operation_cleanup_of(drill, id, r->now_ms);
    g_free(op->user_id);
    op->user_id = g_strdup(r->auth->user_id);
    op->request_id = g_strdup(r->request_id);
    TRY(operation_insert(r->db, op));
    TRY(request_audit(r, "protection_group.test_cleanup", g->id));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}

/* The site where it runs becomes its home: a change like any other, which the peer stores first. */
static err_t *groups_reprotect(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;

    TRY(request_allowed(r, "protector:protection_groups:action", r->project));
    TRY(change_group(r, &g));
    TRY(change_begin(r, g, VERB_REPROTECT, "reprotect", json_object(), &op));
    TRY(request_audit(r, "protection_group.reprotect", g->id));
    return reply_operation(r, op, NULL);
}

/* A recovery point now. */
static err_t *groups_sync(struct request *r)
{
    AUTO(group_row) g = NULL;

    TRY(request_allowed(r, "protector:protection_groups:action", r->project));
    TRY(change_group(r, &g));
    TRY(change_allowed(r, g, VERB_REPLICATE));
    AUTO(operation) op = change_operation(r, g, "sync");
    op->hidden = false;
    op->params = json_object();
    TRY(operation_insert(r->db, op));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}

err_t *groups_action(struct request *r)
{
    static const struct {
        const char *key;
        route_handler *run;
    } actions[] = {
        {"failover", groups_failover},
        {"failback", groups_failback},
        {"test_failover", groups_test_failover},
        {"test_cleanup", groups_test_cleanup},
        {"cleanup_source", groups_cleanup_source},
        {"reprotect", groups_reprotect},
        {"sync", groups_sync},
        {"look", groups_look},
        {"delete_peer_gone", exits_delete_alone},
        {"unprotect", exits_unprotect},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (g_str_equal(r->spec->key, actions[i].key))
            return actions[i].run(r);
    }
    g_assert_not_reached();
}
