/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policies - the replication policy of a group.  Tokens are sealed to both sites on receipt; no
 * plain text is stored, and no reply shows one.
 */
#include "api/change.h"
#include "api/resources.h"
#include "api/view.h"

#include "base/secrets.h"
#include "model/body.h"
#include "store/idempotency.h"
#include "store/policy.h"

static const struct field fields_create[] = {
    {"primary_fa_url", FIELD_TEXT, true, 1, 2048, NULL},
    {"primary_fa_token", FIELD_TEXT, true, 1, 4096, NULL},
    {"secondary_fa_url", FIELD_TEXT, true, 1, 2048, NULL},
    {"secondary_fa_token", FIELD_TEXT, true, 1, 4096, NULL},
    {"pure_pg_name", FIELD_TEXT, true, 1, 255, NULL},
    {"replication_interval", FIELD_INT, false, 1, BODY_INTERVAL_MAX_S, NULL},
    {"rpo_minutes", FIELD_INT, false, 1, BODY_RPO_MAX_MIN, NULL},
    {"verify_data", FIELD_BOOL, false, 0, 0, NULL},
    {0},
};
static const struct field fields_update[] = {
    {"primary_fa_url", FIELD_TEXT, false, 1, 2048, NULL},
    {"primary_fa_token", FIELD_TEXT, false, 1, 4096, NULL},
    {"secondary_fa_url", FIELD_TEXT, false, 1, 2048, NULL},
    {"secondary_fa_token", FIELD_TEXT, false, 1, 4096, NULL},
    {"pure_pg_name", FIELD_TEXT, false, 1, 255, NULL},
    {"replication_interval", FIELD_INT, false, 1, BODY_INTERVAL_MAX_S, NULL},
    {"rpo_minutes", FIELD_INT, false, 1, BODY_RPO_MAX_MIN, NULL},
    {"verify_data", FIELD_BOOL, false, 0, 0, NULL},
    {0},
};

#define URLS                                                                                       \
    "\"primary_fa_url\": \"https://array-a.lab\", \"secondary_fa_url\": "                          \
    "\"https://array-b.lab\""
const struct body_spec policies_create_bodies[] = {
    {"policy", fields_create, true,
     "{" URLS ", \"primary_fa_token\": \"T-a\", \"secondary_fa_token\": \"T-b\", "
     "\"pure_pg_name\": \"pg-web\", \"replication_interval\": 60, \"rpo_minutes\": 15}"},
    {0},
};
const struct body_spec policies_update_bodies[] = {
    {"policy", fields_update, true, "{\"rpo_minutes\": 30}"},
    {0},
};

static json_t *policy_view(const json_t *body)
{
    static const char *const shown[] = {"id",           "primary_fa_url",       "secondary_fa_url",
                                        "pure_pg_name", "replication_interval", "rpo_minutes"};
    json_t *out = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(shown); i++)
        json_set(out, shown[i], json_incref(json_object_get(body_policy(body), shown[i])));
    json_set_bool(out, "verify_data", body_verifies(body));
    json_set_str(out, "primary_fa_token", "***");
    json_set_str(out, "secondary_fa_token", "***");
    return out;
}

err_t *policies_show(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autoptr(json_t) body = NULL;

    TRY(change_group(r, &g));
    TRY(change_body(g, &body));
    if (body_policy(body) == NULL)
        return err(NOT_FOUND, "group '%s' has no replication policy", g->name);
    reply_json(r, 200, json_pack("{s:o}", "policy", policy_view(body)));
    return NULL;
}

/* {uuid: box} for both sites. */
static err_t *token_boxes(struct request *r, const struct group_row *g, const char *token,
                          json_t **ret)
{
    const struct site_identity *self = r->o->exchange->identity;
    AUTO(site) peer = NULL;
    json_t *boxes = json_object();

    err_t *e = site_get(r->db, g->peer_site_id, &peer);
    g_autofree char *mine = seal(r->o->env, keypairs_seal_public(identity_keys(self)), token);
    g_autofree char *theirs =
        e == NULL && peer->seal_public != NULL ? seal(r->o->env, peer->seal_public, token) : NULL;
    if (e == NULL && theirs == NULL)
        e = err(CONFIG, "site '%s' has no key to seal secrets to", peer->name);
    if (e != NULL) {
        json_decref(boxes);
        return e;
    }
    json_set_str(boxes, self->site_id, mine);
    json_set_str(boxes, peer->id, theirs);
    *ret = boxes;
    return NULL;
}

/* The fields as body_policy_set takes them. */
static err_t *policy_params(struct request *r, const struct group_row *g, const json_t *in,
                            json_t **ret)
{
    static const char *const tokens[] = {"primary_fa_token", "secondary_fa_token"};
    g_autoptr(json_t) params = json_deep_copy(in);
    json_t *boxes = json_object();

    json_set(params, "tokens", boxes);
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++) {
        const char *token = json_str(in, tokens[i]);
        json_t *sealed = NULL;
        json_object_del(params, tokens[i]);
        if (token == NULL)
            continue;
        TRY(token_boxes(r, g, token, &sealed));
        json_set(boxes, tokens[i], sealed);
    }
    if (json_object_size(boxes) == 0)
        json_object_del(params, "tokens");
    *ret = TAKE(params);
    return NULL;
}

/* One group of an array serves one protection group: looked at before, and with the change. */
struct arrays {
    const struct group_row *group;
    json_t *policy; /* as it will be */
};

static err_t *arrays_free(struct db *db, void *data)
{
    const struct arrays *a = data;
    g_autofree char *other = NULL;

    TRY(policy_arrays_taken(db, a->policy, a->group->id, &other));
    return other == NULL
               ? NULL
               : err(CONFLICT, "'%s' is the array's group of another protection group already",
                     json_str_or(a->policy, "pure_pg_name", ""));
}

/* ---- a create that is repeated under its Idempotency-Key ---- */

struct attaching {
    struct arrays arrays;
    struct idempotency key; /* idem_key NULL: none was given */
    char **op;              /* the operation's id, known when the change begins */
};

/* In the change's own transaction. */
static err_t *attach_tx(struct db *db, void *data)
{
    struct attaching *a = data;

    TRY(arrays_free(db, &a->arrays));
    if (a->key.idem_key == NULL)
        return NULL;
    a->key.operation_id = *a->op;
    return idempotency_insert(db, &a->key);
}

/* The same request again is answered with its operation, unless that came to nothing. */
static err_t *attach_again(struct request *r, const struct idempotency *key, bool *ret_done)
{
    AUTO(idempotency) known = NULL;
    AUTO(operation) op = NULL;

    *ret_done = false;
    if (key->idem_key == NULL)
        return NULL;
    TRY(idempotency_find(r->db, r->project, key->idem_key, &known));
    if (known == NULL)
        return NULL;
    if (!g_str_equal(known->request_hash, key->request_hash))
        return err(CONFLICT, "Idempotency-Key '%s' was used for another request", key->idem_key);
    TRY(operation_get(r->db, known->operation_id, NULL, &op));
    enum operation_status status = operation_status_of(op->status);
    if (operation_status_terminal(status) && status != OPERATION_COMPLETED)
        return idempotency_forget(r->db, r->project, known->subject_id);
    *ret_done = true;
    return reply_operation(r, op->id, NULL);
}

static err_t *policy_merged(const struct group_row *g, const json_t *in, json_t **ret)
{
    g_autoptr(json_t) body = NULL;

    TRY(change_body(g, &body));
    const json_t *present = body_policy(body);
    *ret = present != NULL ? json_deep_copy(present) : json_object();
    json_object_update(*ret, (json_t *)in);
    return NULL;
}

static err_t *policy_change(struct request *r, const struct group_row *g, json_t *params,
                            const struct change_also *also, const char *action, char **op)
{
    TRY(change_begin_also(r, g, VERB_POLICY_SET, "policy_set", params, also, op));
    TRY(request_audit(r, action, g->id));
    return reply_operation(r, *op, NULL);
}

err_t *policies_create(struct request *r)
{
    AUTO(group_row) g = NULL;
    json_t *params = NULL;
    g_autoptr(json_t) merged = NULL;
    g_autofree char *op = NULL;
    g_autofree char *text = json_print_canonical(r->in);
    char id[37], hash[HASH_HEX_SIZE];
    bool done = false;

    TRY(change_group(r, &g));
    env_uuid(r->o->env, id);
    hash_strings(hash, "policy.create", g->id, text, NULL);
    secret_free(TAKE(text));
    struct attaching a = {{g, NULL},
                          {r->project, (char *)request_header(r, "Idempotency-Key"),
                           "policy.create", hash, id, NULL, r->now_ms},
                          &op};
    TRY(attach_again(r, &a.key, &done));
    if (done)
        return NULL;
    if (g->flags & GROUP_FLAG_POLICY)
        return err(CONFLICT, "group '%s' has a replication policy already", g->name);
    TRY(policy_merged(g, r->in, &merged));
    a.arrays.policy = merged;
    TRY(arrays_free(r->db, &a.arrays));
    TRY(policy_params(r, g, r->in, &params));
    json_set_str(params, "id", id);
    struct change_also also = {attach_tx, &a};
    return policy_change(r, g, params, &also, "policy.create", &op);
}

err_t *policies_update(struct request *r)
{
    AUTO(group_row) g = NULL;
    json_t *params = NULL;
    g_autoptr(json_t) merged = NULL;
    g_autofree char *op = NULL;

    TRY(change_group(r, &g));
    if (!(g->flags & GROUP_FLAG_POLICY))
        return err(NOT_FOUND, "group '%s' has no replication policy", g->name);
    TRY(policy_merged(g, r->in, &merged));
    struct arrays arrays = {g, merged};
    TRY(arrays_free(r->db, &arrays));
    TRY(policy_params(r, g, r->in, &params));
    struct change_also also = {arrays_free, &arrays};
    return policy_change(r, g, params, &also, "policy.update", &op);
}

err_t *policies_delete(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;

    TRY(change_group(r, &g));
    if ((g->flags & GROUP_FLAG_POLICY) == 0)
        return err(NOT_FOUND, "group '%s' has no replication policy", g->name);
    TRY(change_begin(r, g, VERB_POLICY_DELETE, "policy_delete", json_object(), &op));
    TRY(request_audit(r, "policy.delete", g->id));
    return reply_operation(r, op, NULL);
}
