/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/sync: the protocol's state of two sites goes through their databases at every step
 * and comes back as it was; rows derived from it say what it says; a transaction happens whole or
 * not. Site A lives in the database under test, site B in an SQLite in memory.
 */
#include "tests/unit/store/both.h"

#include "model/sync.h"
#include "store/cg.h"
#include "store/faulty.h"
#include "store/local.h"
#include "store/member.h"
#include "store/operation.h"
#include "store/policy.h"
#include "store/resource_mapping.h"
#include "store/sync.h"
#include "store/sync_log.h"
#include "store/tx.h"

#define GROUP "pg-00000000-0000-4000-8000-000000000001"
#define A     "0aaaaaaa-0000-4000-8000-000000000000"
#define B     "1bbbbbbb-0000-4000-8000-000000000000"
#define OP    "op-00000000-0000-4000-8000-000000000001"

static guint drawn;

static void draw(void *data, void *buffer, size_t size)
{
    (void)data;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] =
            (unsigned char)(g_atomic_int_add(&drawn, 1) * 2654435761u >> 13);
}

static int64_t clock_ms = BOTH_NOW;

static int64_t now(void *data)
{
    (void)data;
    return clock_ms;
}

static const struct env test_env = {.now_ms = now, .mono_ms = now, .random = draw};

static const struct sync_context context = {
    .now_ms = BOTH_NOW,
    .incarnation = "1-000102030405060708090a0b0c0d0e0f",
    .random = draw,
};

/* ---- one transaction at a site */

struct act {
    const char *self;
    const char *peer;
    err_t *(*fn)(struct sync_state *state, void *data, struct sync_effects *effects);
    void *data;
    const struct group_row *seed;
    GPtrArray *messages;   /* out, of struct message */
    struct message *reply; /* out */
};

static void check_same(const struct sync_state *one, const struct sync_state *two)
{
    g_autoptr(json_t) a = sync_state_to_json(one);
    g_autoptr(json_t) b = sync_state_to_json(two);
    g_autofree char *a_text = json_print_canonical(a);
    g_autofree char *b_text = json_print_canonical(b);
    assert_string_equal(a_text, b_text);
    assert_int_equal(chain_count(one->chain), chain_count(two->chain));
    for (size_t i = 0; i < chain_count(one->chain); i++) {
        g_autoptr(json_t) p = position_to_json(chain_at(one->chain, i));
        g_autoptr(json_t) q = position_to_json(chain_at(two->chain, i));
        assert_true(json_equal(p, q));
    }
    assert_true((one->body == NULL) == (two->body == NULL));
    if (one->body != NULL)
        assert_string_equal(body_text(one->body), body_text(two->body));
}

/* What was saved is what is loaded. */
static err_t *check_saved(struct db *db, const struct sync_state *saved)
{
    struct sync_state loaded;
    bool found = false;
    TRY(store_sync_load(db, saved->group, &loaded, &found));
    assert_true(found);
    check_same(saved, &loaded);
    sync_state_fini(&loaded);
    return NULL;
}

static err_t *act_on(struct db *db, struct act *act, const struct sync_state *before)
{
    struct sync_state after;
    struct sync_effects effects;
    sync_state_copy(before, &after);
    sync_effects_init(&effects);
    err_t *e = act->fn(&after, act->data, &effects);
    if (e == NULL && effects.changed)
        e = store_sync_save(db, before, &after, act->seed, BOTH_NOW);
    if (e == NULL && effects.changed)
        e = check_saved(db, &after);
    g_clear_pointer(&act->messages, g_ptr_array_unref);
    g_clear_pointer(&act->reply, message_destroy);
    act->messages = g_steal_pointer(&effects.messages);
    act->reply = g_steal_pointer(&effects.reply);
    effects.messages = g_ptr_array_new();
    sync_effects_fini(&effects);
    sync_state_fini(&after);
    return e;
}

static err_t *act_body(struct db *db, void *data)
{
    struct act *act = data;
    struct sync_state before;
    bool found = false;
    TRY(store_sync_load(db, GROUP, &before, &found));
    if (!found)
        sync_state_init(&before, GROUP, act->self, act->peer);
    err_t *e = act_on(db, act, &before);
    sync_state_fini(&before);
    return e;
}

static void act_end(struct act *act)
{
    g_clear_pointer(&act->messages, g_ptr_array_unref);
    g_clear_pointer(&act->reply, message_destroy);
}

/* ---- actions */

static err_t *do_create(struct sync_state *state, void *data, struct sync_effects *effects)
{
    (void)data;
    return sync_create(state, &context, effects);
}

static err_t *do_hello(struct sync_state *state, void *data, struct sync_effects *effects)
{
    (void)data;
    return sync_hello(state, &context, effects);
}

static err_t *do_receive(struct sync_state *state, void *data, struct sync_effects *effects)
{
    return sync_receive(state, data, &context, effects);
}

static err_t *do_reserve(struct sync_state *state, void *data, struct sync_effects *effects)
{
    return sync_reserve(state, &context, OP, sync_is_empty(state) ? NULL : state->pos, data,
                        effects);
}

static err_t *do_stage(struct sync_state *state, void *data, struct sync_effects *effects)
{
    return sync_stage(state, &context, OP, data, effects);
}

static err_t *do_fact(struct sync_state *state, void *data, struct sync_effects *effects)
{
    bool committed = false;
    TRY(sync_fact(state, &context, data, &committed, effects));
    assert_true(committed);
    return NULL;
}

/* ---- bodies */

static struct body *seal_body(json_t *draft)
{
    struct body *body = NULL;
    OK(body_seal(draft, &body));
    return body;
}

static struct body *first_body(void)
{
    struct body_create_spec spec = {
        .group = GROUP,
        .name = "web \xf0\x9f\x94\xa5",
        .description = "a 'quoted' \\ text",
        .replication_type = "async",
        .consistency_group_id = "cg-1",
        .primary = {A, "site-a", "project-a", "gold", "gold-id"},
        .secondary = {B, "site-b", "project-b", "silver", NULL},
        .now_ms = BOTH_NOW,
    };
    json_t *draft = NULL;
    OK(body_create(&spec, &draft));
    return seal_body(draft);
}

static json_t *a_member(const char *id, int volumes)
{
    json_t *member =
        json_pack("{s:s, s:s, s:s, s:s, s:{s:s}, s:s, s:[]}", "id", id, "instance_id",
                  id + strlen("member-"), "instance_name", "server", "status", "protected",
                  "config", "flavor", "m1.small", "added_at", "2026-11-21T11:38:44Z", "volumes");
    for (int i = 0; i < volumes; i++) { /* the first is the root disk */
        g_autofree char *volume = g_strdup_printf("%s-vol-%d", id, i);
        json_t *v = json_pack("{s:s, s:s, s:i, s:s, s:s, s:b}", "id", volume, "name", "data",
                              "size", 10 + i, "type", "gold", "device",
                              i == 0 ? "/dev/vda" : "/dev/vdb", "bootable", i == 0);
        if (i == 0)
            json_set_int(v, "boot_index", 0);
        json_array_append_new(json_arr(member, "volumes"), v);
    }
    return member;
}

/* ---- the two sites */

struct pair {
    struct db *a, *b;
    struct act act_a, act_b;
};

static void pair_init(struct pair *p, struct both *b)
{
    *p =
        (struct pair){.a = b->db, .act_a = {.self = A, .peer = B}, .act_b = {.self = B, .peer = A}};
    OK(db_open("sqlite://", &p->b));
    OK(store_sync(p->b, BOTH_NOW, NULL));
}

static void pair_fini(struct pair *p)
{
    act_end(&p->act_a);
    act_end(&p->act_b);
    db_destroy(p->b);
}

#define AT_A(p, f, d) at((p)->a, &(p)->act_a, (f), (d))
#define AT_B(p, f, d) at((p)->b, &(p)->act_b, (f), (d))

static void at(struct db *db, struct act *act,
               err_t *(*fn)(struct sync_state *, void *, struct sync_effects *), void *data)
{
    act->fn = fn;
    act->data = data;
    OK(db_tx(db, act_body, act));
}

static struct message *first_message(const struct act *act)
{
    assert_true(act->messages->len > 0);
    return g_ptr_array_index(act->messages, 0);
}

static char project_a[] = "project-a";
static char group_name[] = "web \xf0\x9f\x94\xa5";
static char async[] = "async";
static char site_a[] = A;
static char site_b[] = B;
static char project_b[] = "project-b";

static const struct group_row create_seed = {.project_id = project_a,
                                             .name = group_name,
                                             .replication_type = async,
                                             .primary_site_id = site_a,
                                             .secondary_site_id = site_b};
static const struct group_row hello_seed = {.project_id = project_b};

/* A proof that B is reachable; its nonce. */
static char *prove(struct pair *p)
{
    AT_A(p, do_hello, NULL);
    struct message *hello = first_message(&p->act_a);
    char *nonce = g_strdup(hello->nonce);
    AT_B(p, do_receive, hello);
    assert_int_equal(p->act_b.reply->type, MESSAGE_HERE);
    AT_A(p, do_receive, p->act_b.reply);
    return nonce;
}

static void create(struct pair *p)
{
    AUTO(body) body = first_body();
    p->act_a.seed = &create_seed;
    p->act_b.seed = &hello_seed;
    AUTO(group_row) there = NULL;
    OK(group_find(p->a, GROUP, &there));
    if (there == NULL)
        AT_A(p, do_create, NULL);
    g_autofree char *nonce = prove(p);
    AT_A(p, do_reserve, nonce);
    AT_A(p, do_stage, body);
    struct message *propose = first_message(&p->act_a);
    assert_int_equal(propose->type, MESSAGE_PROPOSE);
    AT_B(p, do_receive, propose);
    assert_int_equal(p->act_b.reply->type, MESSAGE_ACCEPT);
    AT_A(p, do_receive, p->act_b.reply);
}

static struct group_row *row_of(struct db *db)
{
    struct group_row *row = NULL;
    OK(group_find(db, GROUP, &row));
    assert_non_null(row);
    return row;
}

/* A carries what it owes to B, and B's reply back. */
static void carry(struct pair *p)
{
    struct sync_state loaded;
    bool found = false;
    OK(store_sync_load(p->a, GROUP, &loaded, &found));
    g_autoptr(GPtrArray) outbox = sync_outbox(&loaded, &context);
    assert_true(outbox->len > 0);
    AT_B(p, do_receive, g_ptr_array_index(outbox, 0));
    AT_A(p, do_receive, p->act_b.reply);
    sync_state_fini(&loaded);
}

static void fact(struct pair *p, json_t *member)
{
    AUTO(group_row) row = row_of(p->a);
    AUTO(body) old = NULL;
    OK(body_parse(row->body, strlen(row->body), &old));
    json_t *draft = body_draft(old);
    if (member != NULL)
        OK(body_member_add(draft, member));
    body_touch(draft, ++clock_ms);
    AUTO(body) body = seal_body(draft);
    AT_A(p, do_fact, body);
}

/* ---- tests */

static void test_create(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    p.act_a.seed = &create_seed;
    AT_A(&p, do_create, NULL);
    AUTO(group_row) creating = row_of(p.a);
    assert_string_equal(creating->status, "creating");
    assert_string_equal(creating->role, "ACTIVE");
    assert_string_equal(creating->name, group_name);
    assert_string_equal(creating->living_name, group_name);
    assert_string_equal(creating->position, "");
    assert_string_equal(creating->current_primary_site_id, A);
    assert_true(creating->listed);
    assert_null(creating->body);
    create(&p);
    AUTO(group_row) a = row_of(p.a);
    AUTO(group_row) b = row_of(p.b);
    assert_string_equal(a->status, "active");
    assert_string_equal(a->role, "ACTIVE");
    assert_int_equal(a->version, 1);
    assert_string_equal(a->position, b->position);
    assert_string_equal(a->known_peer, a->position);
    assert_null(a->staged);
    assert_string_equal(a->description, "a 'quoted' \\ text");
    assert_string_equal(a->volume_type, "gold");
    assert_string_equal(a->volume_type_id, "gold-id");
    assert_string_equal(a->secondary_volume_type, "silver");
    assert_string_equal(a->peer_project_id, "project-b");
    assert_string_equal(a->peer_site_id, B);
    assert_string_equal(b->status, "active");
    assert_string_equal(b->role, "STANDBY");
    assert_string_equal(b->project_id, "project-b");
    assert_string_equal(b->name, group_name);
    assert_string_equal(b->current_primary_site_id, A);
    assert_string_equal(a->body, b->body);
    pair_fini(&p);
}

/* A hello for a group that never comes leaves a row that nobody sees, and that is forgotten. */
static void test_hello_only(void **state)
{
    struct both *b = *state;
    struct pair p;
    struct group_row *none = NULL;
    struct list_query query = {0};
    g_autoptr(GPtrArray) listed = NULL;
    pair_init(&p, b);
    p.act_a.seed = &create_seed;
    AT_A(&p, do_hello, NULL);
    FAILS(group_get(b->db, NULL, GROUP, &none), GROUP_NOT_FOUND);
    OK(group_list(b->db, NULL, &query, &listed));
    assert_int_equal(listed->len, 0);
    AUTO(group_row) row = row_of(b->db);
    assert_null(row->living_name);
    OK(group_prune(b->db, BOTH_NOW));
    OK(group_find(b->db, GROUP, &none));
    assert_non_null(none);
    group_row_destroy(none);
    OK(group_prune(b->db, BOTH_NOW + 1));
    OK(group_find(b->db, GROUP, &none));
    assert_null(none);
    pair_fini(&p);
}

/* Nobody says whose the group is: it is not known here, and is not written. */
static void test_nobodys_group(void **state)
{
    struct both *b = *state;
    struct pair p;
    struct group_row *none = NULL;
    pair_init(&p, b);
    p.act_a.seed = NULL;
    p.act_a.fn = do_hello;
    p.act_a.data = NULL;
    FAILS(db_tx(b->db, act_body, &p.act_a), GROUP_NOT_FOUND);
    OK(group_find(b->db, GROUP, &none));
    assert_null(none);
    pair_fini(&p);
}

static void test_view_from_row(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    fact(&p, NULL);
    struct sync_state loaded;
    bool found = false;
    OK(store_sync_load(p.a, GROUP, &loaded, &found));
    AUTO(group_row) row = row_of(p.a);
    struct group_local local = {.drill = true};
    struct group_view from_state, from_row;
    group_view_init(&from_state, &loaded, &local);
    group_view_of(row, &local, &from_row);
    assert_int_equal(group_flags_of(&from_state), group_flags_of(&from_row));
    assert_true(from_row.owed);
    assert_true(from_row.active_here);
    assert_true(from_row.self_is_primary);
    assert_false(from_row.policy);
    assert_int_equal(from_state.role, from_row.role);
    assert_string_equal(from_state.active_site, from_row.active_site);
    assert_true(from_row.local.drill);
    assert_int_equal(row->outbox_count, sync_outbox_count(&loaded));
    assert_true(row->outbox_count > 0);
    sync_state_fini(&loaded);
    pair_fini(&p);
}

/* Bodies that the peer has not proved to hold are kept, others are not. */
static void test_kept_bodies(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    AUTO(group_row) first = row_of(p.a);
    fact(&p, NULL);
    AUTO(group_row) second = row_of(p.a);
    fact(&p, NULL);
    AUTO(group_row) third = row_of(p.a);
    g_autofree char *gone = NULL;
    g_autofree char *kept = NULL;
    g_autofree char *present = NULL;
    OK(store_position_body(p.a, GROUP, first->position, &gone));
    assert_null(gone);
    OK(store_position_body(p.a, GROUP, second->position, &kept));
    assert_string_equal(kept, second->body);
    OK(store_position_body(p.a, GROUP, third->position, &present));
    assert_string_equal(present, third->body);
    /* B follows and says so. */
    carry(&p);
    AUTO(group_row) proved = row_of(p.a);
    assert_string_equal(proved->known_peer, third->position);
    g_autofree char *dropped = NULL;
    OK(store_position_body(p.a, GROUP, second->position, &dropped));
    assert_null(dropped);
    AUTO(group_row) followed = row_of(p.b);
    assert_string_equal(followed->position, third->position);
    assert_int_equal(followed->version, 3);
    pair_fini(&p);
}

static void check_volumes(struct db *db, int64_t expected)
{
    int64_t count = 0;
    OK(cg_volume_count(db, GROUP, &count));
    assert_int_equal(count, expected);
}

static void test_projection(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    fact(&p, a_member("member-1", 2));
    fact(&p, a_member("member-2", 1));
    AUTO(member) one = NULL;
    OK(member_get(p.a, GROUP, "member-1", &one));
    assert_string_equal(one->instance_id, "1");
    assert_int_equal(one->volume_count, 2);
    assert_string_equal(json_str(one->config, "flavor"), "m1.small");
    assert_true(one->in_body);
    assert_int_equal(one->created_at_ms, time_parse("2026-11-21T11:38:44Z"));
    check_volumes(p.a, 3);
    g_autoptr(GPtrArray) volumes = NULL;
    OK(cg_volume_list(p.a, GROUP, &volumes));
    const struct cg_volume *data = g_ptr_array_index(volumes, 0);
    const struct cg_volume *root = g_ptr_array_index(volumes, 1);
    assert_string_equal(data->device, "/dev/vdb");
    assert_int_equal(root->boot_index, 0);
    assert_true(root->bootable);
    g_autofree char *group = NULL;
    OK(member_group_of_instance(p.a, "2", NULL, &group));
    assert_string_equal(group, GROUP);
    g_autofree char *other = NULL;
    OK(member_group_of_instance(p.a, "2", GROUP, &other));
    assert_null(other);
    g_autofree char *owner = NULL;
    OK(member_group_of_volume(p.a, "member-1-vol-1", NULL, &owner));
    assert_string_equal(owner, GROUP);
    AUTO(group_row) row = row_of(p.a);
    assert_int_equal(row->member_count, 2);
    /* A changed entry replaces its row; B gets all in one go. */
    fact(&p, a_member("member-1", 1));
    check_volumes(p.a, 2);
    carry(&p);
    check_volumes(p.b, 2);
    pair_fini(&p);
}

static void test_failed_member(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    g_autoptr(json_t) entry = a_member("member-1", 1);
    g_autoptr(err_t) why =
        err_remedy(err_wrap(err(CLOUD_BAD_REQUEST, "wrong backend"), "step 'cg.add' failed"),
                   "move it");
    g_autoptr(json_t) error = err_to_json(why);
    bool dropped = false;
    for (int i = 0; i < 2; i++) /* repeatable */
        OK(member_failed(p.a, GROUP, entry, error, BOTH_NOW));
    AUTO(member) failed = NULL;
    OK(member_get(p.a, GROUP, "1", &failed));
    assert_string_equal(failed->status, "error");
    assert_string_equal(failed->error_message,
                        "step 'cg.add' failed: wrong backend. Action: move it");
    assert_false(failed->in_body);
    g_autofree char *group = NULL;
    OK(member_group_of_instance(p.a, "1", NULL, &group));
    assert_null(group); /* it is in no group yet */
    fact(&p, NULL);     /* another change leaves it */
    OK(member_drop(p.a, GROUP, "member-1", &dropped));
    assert_true(dropped);
    OK(member_failed(p.a, GROUP, entry, error, BOTH_NOW));
    fact(&p, a_member("member-9", 0));
    g_autoptr(json_t) again = a_member("member-1", 1);
    json_set_str(again, "id", "member-7"); /* a repeated add has an id of its own */
    fact(&p, g_steal_pointer(&again));
    AUTO(member) added = NULL;
    OK(member_get(p.a, GROUP, "1", &added));
    assert_string_equal(added->id, "member-7");
    assert_string_equal(added->status, "protected");
    OK(member_drop(p.a, GROUP, "1", &dropped));
    assert_false(dropped);
    OK(member_failed(p.a, GROUP, entry, error, BOTH_NOW)); /* the body has it: nothing */
    struct list_query query = {.sort_count = 1, .sorts = {{"instance_name", false}}};
    g_autoptr(GPtrArray) all = NULL;
    OK(member_list(p.a, GROUP, &query, &all));
    assert_int_equal(all->len, 2);
    pair_fini(&p);
}

static void change(struct pair *p, struct body *body)
{
    g_autofree char *nonce = prove(p);
    AT_A(p, do_reserve, nonce);
    AT_A(p, do_stage, body);
    AT_B(p, do_receive, first_message(&p->act_a));
    assert_int_equal(p->act_b.reply->type, MESSAGE_ACCEPT);
    AT_A(p, do_receive, p->act_b.reply);
}

static void test_policy_and_mappings(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    AUTO(body) base = first_body();
    json_t *draft = body_draft(base);
    g_autoptr(json_t) fields =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:{s:{s:s, s:s}, s:{s:s, s:s}}}", "id",
                  "policy-1", "primary_fa_url", "https://fa-a.example/", "secondary_fa_url",
                  "https://FA-B.example", "pure_pg_name", "pg-web", "replication_interval", 300,
                  "rpo_minutes", 15, "tokens", "primary_fa_token", A, "box", B, "box",
                  "secondary_fa_token", A, "box", B, "box");
    OK(body_policy_set(draft, fields));
    OK(body_mapping_set(draft, A, "network", "net-a", "net-b"));
    OK(body_mapping_set(draft, A, "flavor", "m1", "m2"));
    AUTO(body) with = seal_body(draft);
    change(&p, with);
    for (int site = 0; site < 2; site++) {
        struct db *db = site == 0 ? p.a : p.b;
        AUTO(replication_policy) policy = NULL;
        g_autofree char *group = NULL;
        g_autofree char *none = NULL;
        g_autoptr(GPtrArray) mappings = NULL;
        OK(policy_find(db, GROUP, &policy));
        assert_string_equal(policy->pure_pg_name, "pg-web");
        assert_int_equal(policy->replication_interval_s, 300);
        OK(policy_group_of_array(db, "https://fa-b.example/", "pg-web", NULL, &group));
        assert_string_equal(group, GROUP);
        OK(policy_group_of_array(db, "https://fa-b.example/", "pg-web", GROUP, &none));
        assert_null(none);
        OK(resource_mapping_list(db, GROUP, &mappings));
        assert_int_equal(mappings->len, 2);
        const struct resource_mapping *flavor = g_ptr_array_index(mappings, 0);
        assert_string_equal(flavor->kind, "flavor");
        assert_string_equal(flavor->target, "m2");
    }
    AUTO(body) without = first_body();
    change(&p, without);
    AUTO(replication_policy) policy = NULL;
    OK(policy_find(p.b, GROUP, &policy));
    assert_null(policy);
    pair_fini(&p);
}

/* ---- whole or not at all */

static char *print_all(struct db *db)
{
    GString *text = g_string_new("");
    static const struct {
        const char *sql;
        size_t columns;
    } queries[] = {
        {"SELECT position, known_peer, state, body, version, role FROM protection_groups", 6},
        {"SELECT hash, seq, body FROM positions ORDER BY seq", 3},
        {"SELECT id, digest FROM pg_members ORDER BY id", 2},
        {"SELECT volume_id FROM cg_volumes ORDER BY volume_id", 1},
    };
    for (size_t q = 0; q < G_N_ELEMENTS(queries); q++) {
        AUTO(db_rows) rows = NULL;
        OK(db_query(db, &rows, queries[q].sql, ""));
        for (size_t i = 0; i < db_rows_count(rows); i++)
            for (size_t c = 0; c < queries[q].columns; c++)
                g_string_append_printf(text, "%s|", db_str(rows, i, c));
    }
    return g_string_free(text, FALSE);
}

static struct body *next_body(struct db *db, const char *member)
{
    AUTO(group_row) row = row_of(db);
    AUTO(body) old = NULL;
    OK(body_parse(row->body, strlen(row->body), &old));
    json_t *draft = body_draft(old);
    OK(body_member_add(draft, a_member(member, 2)));
    return seal_body(draft);
}

/* Every statement of a save fails in turn: nothing of it is there; rolled back, it runs again. */
static void test_every_statement_fails(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    AUTO(body) body = next_body(p.a, "member-1");
    struct faulty *faulty = faulty_stack(p.a);
    g_autofree char *before = print_all(p.a);
    p.act_a.fn = do_fact;
    p.act_a.data = body;
    int n = 1;
    for (;; n++) {
        int failed = faulty_failed(faulty, FAULTY_STATEMENT);
        faulty_arm(faulty, FAULTY_STATEMENT, n, 1, ERR_DB, n % 2 == 0);
        err_t *e = db_tx(p.a, act_body, &p.act_a);
        faulty_arm(faulty, FAULTY_STATEMENT, 0, 0, ERR_DB, false);
        if (faulty_failed(faulty, FAULTY_STATEMENT) == failed) {
            OK(e);
            break;
        }
        FAILS(e, DB);
        g_autofree char *after = print_all(p.a);
        assert_string_equal(before, after);
    }
    assert_true(n > 10);
    AUTO(group_row) row = row_of(p.a);
    assert_int_equal(row->version, 2);
    pair_fini(&p);
}

static void test_lost_commit_is_read_back(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    AUTO(body) body = next_body(p.a, "member-1");
    struct faulty *faulty = faulty_stack(p.a);
    p.act_a.fn = do_fact;
    p.act_a.data = body;
    for (int happened = 0; happened < 2; happened++) {
        AUTO(group_row) before = row_of(p.a);
        faulty_arm(faulty, FAULTY_COMMIT, 1, 1, ERR_DB_COMMIT_UNKNOWN, happened == 1);
        OK(store_tx(p.a, &test_env, act_body, &p.act_a));
        AUTO(group_row) after = row_of(p.a);
        assert_int_equal(after->version, before->version + 1);
    }
    /* Nobody can be asked: the doubt is passed on. */
    faulty_arm(faulty, FAULTY_COMMIT, 1, 0, ERR_DB_COMMIT_UNKNOWN, false);
    FAILS(store_tx(p.a, &test_env, act_body, &p.act_a), DB_COMMIT_UNKNOWN);
    faulty_arm(faulty, FAULTY_COMMIT, 1, 1, ERR_DB_COMMIT_UNKNOWN, true);
    faulty_arm(faulty, FAULTY_BEGIN, 2, 0, ERR_DB_CONNECT, false);
    FAILS(store_tx(p.a, &test_env, act_body, &p.act_a), DB_COMMIT_UNKNOWN);
    faulty_arm(faulty, FAULTY_BEGIN, 0, 0, ERR_DB, false);
    pair_fini(&p);
}

static err_t *refuse_body(struct db *db, void *data)
{
    int *runs = data;
    (void)db;
    (*runs)++;
    return err(CONFLICT, "no");
}

static void test_tx_errors_pass(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    int runs = 0;
    FAILS(store_tx(b->db, &test_env, refuse_body, &runs), CONFLICT);
    assert_int_equal(runs, 1);
    faulty_arm(faulty, FAULTY_BEGIN, 1, 1, ERR_DB_NOT_READY, false);
    FAILS(store_tx(b->db, &test_env, refuse_body, &runs), DB_NOT_READY);
    assert_int_equal(runs, 1);
    AUTO(db_rows) rows = NULL;
    OK(store_tx_prune(b->db, BOTH_NOW + TX_KEEP_MS + 1000));
    OK(db_query(b->db, &rows, "SELECT COUNT(*) FROM commits", ""));
    assert_int_equal(db_int(rows, 0, 0), 0);
}

struct worker {
    struct both *both;
    int done;
};

#define WORKER_FACTS 15

static err_t *do_touch(struct sync_state *state, void *data, struct sync_effects *effects)
{
    bool committed = false;
    json_t *draft = sync_draft(state);
    (void)data;
    json_set_int(draft, "extra", (int64_t)chain_count(state->chain));
    AUTO(body) body = seal_body(draft);
    return sync_fact(state, &context, body, &committed, effects);
}

static gpointer work(gpointer data)
{
    struct worker *worker = data;
    AUTO(db) db = both_open(worker->both);
    struct act act = {.self = A, .peer = B, .fn = do_touch};
    while (worker->done < WORKER_FACTS) {
        err_t *e = db_tx(db, act_body, &act);
        bool again = e != NULL && err_is(e, ERR_DB_DEADLOCK);
        if (!again)
            OK(e);
        else
            err_free(e);
        worker->done += !again;
    }
    act_end(&act);
    return NULL;
}

/* Two workers on one group: each fact stands on the one before. */
static void test_workers(void **state)
{
    struct pair p;
    struct worker workers[3] = {{*state, 0}, {*state, 0}, {*state, 0}};
    GThread *threads[3];
    pair_init(&p, *state);
    create(&p);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("worker", work, &workers[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    AUTO(group_row) row = row_of(p.a);
    assert_int_equal(row->version, 1 + 3 * WORKER_FACTS);
    pair_fini(&p);
}

/* ---- status and log */

static err_t *add_operation(struct db *db, void *data)
{
    const char *status = data;
    AUTO(operation) op = operation_create();
    op->id = g_strdup(OP);
    op->pg_id = g_strdup(GROUP);
    op->project_id = g_strdup("project-a");
    op->operation_type = g_strdup("failover");
    op->runbook = g_strdup("failover");
    op->status = g_strdup(status);
    op->created_at_ms = BOTH_NOW;
    TRY(operation_insert(db, op));
    return group_refresh(db, GROUP, BOTH_NOW + 5);
}

static void test_status_follows_operations(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    OK(db_tx(p.a, add_operation, (char[]){"needs_operator"}));
    AUTO(group_row) error = row_of(p.a);
    assert_string_equal(error->status, "error");
    assert_int_equal(error->updated_at_ms, BOTH_NOW + 5);
    OK(db_exec(p.a, NULL, "UPDATE dr_operations SET status = 'completed', is_open = 0", ""));
    OK(group_refresh(p.a, GROUP, BOTH_NOW + 6));
    AUTO(group_row) active = row_of(p.a);
    assert_string_equal(active->status, "active");
    pair_fini(&p);
}

static void test_log(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    AUTO(group_row) row = row_of(p.a);
    for (int i = 0; i < 5; i++) {
        struct sync_log_entry entry = {
            .pg_id = row->id,
            .event = (char[]){"lost"},
            .position = row->position,
            .epoch = 0,
            .version = i,
            .message = (char[]){"what was lost"},
            .created_at_ms = BOTH_NOW + i,
        };
        OK(sync_log_add(p.a, &entry));
    }
    g_autoptr(GPtrArray) last = NULL;
    OK(sync_log_list(p.a, GROUP, 0, 2, &last));
    assert_int_equal(last->len, 2);
    const struct sync_log_entry *older = g_ptr_array_index(last, 1);
    assert_int_equal(older->version, 3);
    assert_null(older->bundle);
    g_autoptr(GPtrArray) rest = NULL;
    OK(sync_log_list(p.a, GROUP, older->id, 10, &rest));
    assert_int_equal(rest->len, 3);
    AUTO(sync_log_entry) whole = NULL;
    OK(sync_log_get(p.a, GROUP, older->id, &whole));
    assert_string_equal(whole->bundle, row->body);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_create),
        BOTH(test_hello_only),
        BOTH(test_nobodys_group),
        BOTH(test_view_from_row),
        BOTH(test_kept_bodies),
        BOTH(test_projection),
        BOTH(test_failed_member),
        BOTH(test_policy_and_mappings),
        BOTH(test_every_statement_fails),
        BOTH(test_lost_commit_is_read_back),
        BOTH(test_tx_errors_pass),
        BOTH(test_workers),
        BOTH(test_status_follows_operations),
        BOTH(test_log),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
