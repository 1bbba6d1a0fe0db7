/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sites - two sites with keys of their own, whose databases carry signed messages to each other
 * through store/exchange.  Site B lives in the database under test, A in an SQLite in memory.  For
 * the programs in this folder only.
 *
 *     struct pair p;
 *     pair_init(&p, *state);
 *     create(&p);                              a group, active at A
 *     propose(&p, "op-change", describe);      a change of A, signed
 *     carried(&p.a, &p.b);                     what A owes, and B's answer back
 *     pair_fini(&p);
 */
#pragma once

#include "tests/unit/store/both.h"

#include "base/secrets.h"
#include "store/exchange_internal.h"
#include "store/local.h"
#include "store/sync.h"
#include "store/tenant_mapping.h"
#include "store/trust.h"

#include <glib/gstdio.h>

#define GROUP  "pg-00000000-0000-4000-8000-000000000001"
#define A      "0aaaaaaa-0000-4000-8000-000000000000"
#define B      "1bbbbbbb-0000-4000-8000-000000000000"
#define CREATE "op-create"
#define ENGINE "engine"

static inline void draw(void *data, void *buffer, size_t size)
{
    static guint32 drawn;
    (void)data;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = (unsigned char)(drawn++ * 2654435761u >> 13);
}

static inline int64_t now(void *data)
{
    (void)data;
    return BOTH_NOW;
}

static const struct env test_env = {.now_ms = now, .mono_ms = now, .random = draw};

/* ---- two sites */

struct site_here {
    struct db *db;
    const char *project;
    struct site_identity identity;
    struct exchange x;
    const struct site_here *peer;
    int ops;
};

struct pair {
    struct site_here a, b;
};

static inline struct site *site_row(const struct site_here *s, bool local)
{
    struct site *row = site_create();
    row->id = g_strdup(s->identity.site_id);
    row->name = g_strdup(s->project);
    row->auth_url = g_strdup(s->project);
    row->region_name = g_strdup("R");
    row->status = g_strdup("active");
    row->is_local = local;
    row->sign_public = g_strdup(keypairs_sign_public(s->identity.keys));
    row->seal_public = g_strdup(keypairs_seal_public(s->identity.keys));
    row->fingerprint = g_strdup(keypairs_fingerprint(s->identity.keys));
    row->created_at_ms = BOTH_NOW;
    return row;
}

static inline err_t *insert_rows(struct db *db, void *data)
{
    const struct site_here *s = data;
    AUTO(site) own = site_row(s, true);
    AUTO(site) other = site_row(s->peer, false);
    AUTO(tenant_mapping) mapping = tenant_mapping_create();
    AUTO(trust) trust = trust_create();
    struct local_site local = {.site_id = own->id,
                               .sign_public = own->sign_public,
                               .seal_public = own->seal_public,
                               .fingerprint = own->fingerprint,
                               .incarnation = (char *)"1-000102030405060708090a0b0c0d0e0f",
                               .created_at_ms = BOTH_NOW};

    TRY(local_site_insert(db, &local));
    TRY(site_insert(db, own));
    TRY(site_insert(db, other));
    mapping->id = g_strdup("mapping-1");
    mapping->local_site_id = g_strdup(own->id);
    mapping->local_project_id = g_strdup(s->project);
    mapping->remote_site_id = g_strdup(other->id);
    mapping->remote_project_id = g_strdup(s->peer->project);
    TRY(tenant_mapping_insert(db, mapping));
    trust->id = g_strdup("trust-1");
    trust->project_id = g_strdup(s->project);
    trust->user_id = g_strdup("ann");
    trust->trust = g_strdup("sealed");
    trust->roles = json_array();
    trust->status = g_strdup("verified");
    return trust_put(db, trust);
}

static inline void site_open(struct site_here *s, struct db *db, const char *id,
                             const char *project)
{
    s->db = db;
    s->project = project;
    g_strlcpy(s->identity.site_id, id, sizeof s->identity.site_id);
    s->identity.keys = keypairs_create(&env_system);
    s->x = (struct exchange){.env = &test_env,
                             .identity = &s->identity,
                             .state_dir = g_dir_make_tmp("exchange-XXXXXX", NULL)};
}

static inline void site_close(struct site_here *s)
{
    static const char *const names[] = {"marks.json", "marks.lock"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(s->x.state_dir, names[i], NULL);
        g_remove(path);
    }
    g_rmdir(s->x.state_dir);
    g_free((char *)s->x.state_dir);
    keypairs_destroy(s->identity.keys);
}

static inline void pair_init(struct pair *p, struct both *b)
{
    struct db *db = NULL;
    *p = (struct pair){0};
    OK(db_open("sqlite://", &db));
    OK(store_sync(db, BOTH_NOW, NULL));
    site_open(&p->a, db, A, "project-a");
    site_open(&p->b, b->db, B, "project-b");
    p->a.peer = &p->b;
    p->b.peer = &p->a;
    OK(db_tx(p->a.db, insert_rows, &p->a));
    OK(db_tx(p->b.db, insert_rows, &p->b));
}

static inline void pair_fini(struct pair *p)
{
    db_destroy(p->a.db);
    site_close(&p->a);
    site_close(&p->b);
}

/* ---- messages */

static inline err_t *try_receive(struct site_here *s, const json_t *carried, json_t **ret,
                                 char **ret_op)
{
    return exchange_receive(&s->x, s->db, s->project, GROUP, carried, ret, ret_op);
}

/* The reply, or NULL. */
static inline json_t *receive(struct site_here *s, const json_t *carried)
{
    json_t *reply = NULL;
    g_autofree char *op = NULL;
    OK(try_receive(s, carried, &reply, &op));
    return reply;
}

static inline json_t *envelope(const json_t *carried)
{
    json_t *j = json_loads(json_str_or(carried, "envelope", ""), 0, NULL);
    assert_non_null(j);
    return j;
}

static inline void type_is(const json_t *carried, const char *type)
{
    g_autoptr(json_t) e = envelope(carried);
    assert_string_equal(json_str(e, "type"), type);
}

static inline void refused_as(const json_t *carried, const char *code)
{
    g_autoptr(json_t) e = envelope(carried);
    assert_string_equal(json_str(e, "type"), "REFUSE");
    assert_string_equal(json_str(e, "reason"), code);
}

static inline json_t *hello(struct site_here *s)
{
    json_t *ret = NULL;
    OK(exchange_hello(&s->x, s->db, s->project, GROUP, s->peer->identity.site_id, &ret));
    return ret;
}

/* The peer is shown to be reachable; the nonce that says so. */
static inline char *prove(struct site_here *from, struct site_here *to)
{
    g_autoptr(json_t) asked = hello(from);
    g_autoptr(json_t) here = receive(to, asked);
    g_autoptr(json_t) e = envelope(asked);
    json_decref(receive(from, here));
    return g_strdup(json_str(e, "nonce"));
}

/* What the site wants carried first. */
static inline json_t *outbox(struct site_here *s)
{
    g_autoptr(json_t) list = NULL;
    OK(exchange_outbox(&s->x, s->db, GROUP, &list));
    assert_true(json_array_size(list) > 0);
    return json_incref(json_array_get(list, 0));
}

/* The oldest duty of 'from' and its answer, which goes back; the caller's. */
static inline json_t *carry(struct site_here *from, struct site_here *to)
{
    g_autoptr(json_t) m = outbox(from);
    json_t *reply = receive(to, m);
    if (reply != NULL)
        json_decref(receive(from, reply));
    return reply;
}

static inline void carried(struct site_here *from, struct site_here *to)
{
    json_decref(carry(from, to));
}

/* ---- actions */

/* One of model's, in a transaction of the exchange. */
static inline void act(struct site_here *s, exchange_fn *fn, void *data)
{
    struct exchange_call call = {.pg_id = GROUP, .fn = fn, .data = data};
    OK(exchange_act(&s->x, s->db, &call, NULL));
}

static inline struct sync_state state_of(const struct site_here *s)
{
    struct sync_state ret;
    bool found = false;
    OK(store_sync_load(s->db, GROUP, &ret, &found));
    assert_true(found);
    return ret;
}

static inline void role_is(const struct site_here *s, enum sync_role role)
{
    struct sync_state state = state_of(s);
    assert_string_equal(sync_role_text(state.role), sync_role_text(role));
    sync_state_fini(&state);
}

static inline char *position(const struct site_here *s)
{
    struct sync_state state = state_of(s);
    char *ret = g_strdup(state.pos);
    sync_state_fini(&state);
    return ret;
}

/* A successor of what the site holds. */
static inline struct body *next_body(const struct site_here *s, void (*edit)(json_t *draft))
{
    struct sync_state state = state_of(s);
    json_t *draft = sync_draft(&state);
    struct body *ret = NULL;
    edit(draft);
    OK(body_seal(draft, &ret));
    sync_state_fini(&state);
    return ret;
}

static inline void describe(json_t *draft)
{
    static int n;
    g_autofree char *text = g_strdup_printf("change %d", ++n);
    OK(body_update(draft, NULL, text));
}

/* The array's group at either site has to be made first. */
static inline void set_policy(json_t *draft)
{
    g_autoptr(json_t) fields =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:{s:{s:s, s:s}, s:{s:s, s:s}}}", "id", "p-1",
                  "primary_fa_url", "https://fa-a", "secondary_fa_url", "https://fa-b",
                  "pure_pg_name", "pg-web", "replication_interval", 300, "rpo_minutes", 15,
                  "tokens", "primary_fa_token", A, "box", B, "box", "secondary_fa_token", A, "box",
                  B, "box");
    OK(body_policy_set(draft, fields));
}

static inline struct body *first_body(void)
{
    struct body_create_spec spec = {
        .group = GROUP,
        .name = "web",
        .replication_type = "async",
        .consistency_group_id = "cg-1",
        .primary = {A, "site-a", "project-a", "gold", NULL},
        .secondary = {B, "site-b", "project-b", "gold", NULL},
        .now_ms = BOTH_NOW,
    };
    json_t *draft = NULL;
    struct body *ret = NULL;
    OK(body_create(&spec, &draft));
    OK(body_seal(draft, &ret));
    return ret;
}

/* ---- operations */

static inline struct operation *op_new(struct site_here *s, const char *id, const char *type)
{
    struct operation *op = operation_create();
    op->id = g_strdup(id);
    op->pg_id = g_strdup(GROUP);
    op->project_id = g_strdup(s->project);
    op->operation_type = g_strdup(type);
    op->runbook = g_strdup(type);
    op->executing_site_id = g_strdup(s->identity.site_id);
    op->created_at_ms = BOTH_NOW + s->ops++;
    return op;
}

static inline void op_add(struct site_here *s, const char *id, const char *type, const char *status)
{
    AUTO(operation) op = op_new(s, id, type);
    op->status = g_strdup(status);
    OK(operation_insert(s->db, op));
}

static inline struct operation *op_of(const struct site_here *s, const char *id)
{
    struct operation *op = NULL;
    OK(operation_get(s->db, id, NULL, &op));
    return op;
}

static inline void status_is(const struct site_here *s, const char *id, const char *status)
{
    AUTO(operation) op = op_of(s, id);
    assert_string_equal(op->status, status);
}

/* Writes a field of the row by SQL. */
#define OP_SET(s, id, field, value)                                                                \
    OK(db_exec((s)->db, NULL, "UPDATE dr_operations SET " field " = ? WHERE id = ?", "ss", value,  \
               id))

/* Its pivot is behind it. */
static inline void op_claims(struct site_here *s, const char *id)
{
    OK(db_exec(s->db, NULL, "UPDATE dr_operations SET past_pivot = 1 WHERE id = ?", "s", id));
}

/* The open operations of a type, oldest first: their ids. */
static inline GPtrArray *open_of(const struct site_here *s, const char *type)
{
    g_autoptr(GPtrArray) open = NULL;
    GPtrArray *ret = g_ptr_array_new_with_free_func(g_free);
    OK(operation_list_open(s->db, GROUP, &open));
    for (guint i = 0; i < open->len; i++) {
        const struct operation *op = g_ptr_array_index(open, i);
        if (g_str_equal(op->operation_type, type))
            g_ptr_array_add(ret, g_strdup(op->id));
    }
    return ret;
}

static inline void open_are(const struct site_here *s, const char *type, guint count)
{
    g_autoptr(GPtrArray) open = open_of(s, type);
    assert_int_equal(open->len, count);
}

/* The engine takes the operation's lease. */
static inline struct fence fence_of(struct site_here *s, const char *id)
{
    int64_t beat = 0;
    bool held = false;
    OK(lease_claim(s->db, id, ENGINE, NULL, &beat, &held));
    assert_true(held);
    return (struct fence){id, 1, ENGINE};
}

/* ---- the ordinary way */

static inline void reserve(struct pair *p, const char *id, const char *type)
{
    g_autofree char *nonce = prove(&p->a, &p->b);
    g_autofree char *pos = NULL;
    AUTO(operation) op = op_new(&p->a, id, type);
    struct exchange_change change = {.op = op, .peer = B, .nonce = nonce};
    change.create = g_str_equal(type, "create");
    op->params = change.create ? json_pack("{s:s, s:{s:s}, s:{s:s}}", "name", "web", "primary",
                                           "uuid", A, "secondary", "uuid", B)
                               : json_object();
    if (!change.create)
        change.if_match = pos = position(&p->a);
    OK(exchange_reserve(&p->a.x, p->a.db, &change));
}

static inline void stage(struct pair *p, const char *id, struct body *body)
{
    struct fence fence = fence_of(&p->a, id);
    OK(exchange_stage(&p->a.x, p->a.db, &fence, GROUP, body));
    status_is(&p->a, id, "waiting_for_peer");
}

/* A proposes its create, and B's engine is to make its part. */
static inline void propose_create(struct pair *p)
{
    reserve(p, CREATE, "create");
    stage(p, CREATE, first_body());
    g_autoptr(json_t) none = carry(&p->a, &p->b);
    assert_null(none);
}

/* B's engine has made its part of what A proposed. */
static inline void realize(struct pair *p, const char *cinder_group)
{
    g_autoptr(GPtrArray) open = open_of(&p->b, "realize");
    const char *id = g_ptr_array_index(open, open->len - 1);
    AUTO(operation) op = op_of(&p->b, id);
    struct fence fence = fence_of(&p->b, id);
    OK(exchange_realized(&p->b.x, p->b.db, &fence, GROUP, json_str(op->params, "position"),
                         cinder_group));
    OP_SET(&p->b, id, "status", "completed");
    OK(db_exec(p->b.db, NULL, "UPDATE dr_operations SET is_open = 0 WHERE id = ?", "s", id));
}

static inline void create(struct pair *p)
{
    propose_create(p);
    realize(p, "cinder-b");
    carried(&p->a, &p->b);
    role_is(&p->a, ROLE_ACTIVE);
    role_is(&p->b, ROLE_STANDBY);
}

static inline void propose(struct pair *p, const char *id, void (*edit)(json_t *draft))
{
    reserve(p, id, "update");
    stage(p, id, next_body(&p->a, edit));
}
