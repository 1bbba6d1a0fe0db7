/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/sync where its rows are not as it left them: a damaged history, a state that is
 * gone, somebody who was faster.
 */
#include "tests/unit/store/both.h"

#include "model/sync.h"
#include "store/sync.h"

#define GROUP "pg-00000000-0000-4000-8000-000000000001"
#define A     "0aaaaaaa-0000-4000-8000-000000000000"
#define B     "1bbbbbbb-0000-4000-8000-000000000000"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static guint drawn;

static void draw(void *data, void *buffer, size_t size)
{
    (void)data;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] =
            (unsigned char)(g_atomic_int_add(&drawn, 1) * 2654435761u >> 13);
}

static const struct sync_context context = {
    .now_ms = BOTH_NOW,
    .incarnation = "1-000102030405060708090a0b0c0d0e0f",
    .random = draw,
};

/* ---- two sites in memory, of which the first is stored */

struct pair {
    struct sync_state a, b;
};

/* Delivers what 'effects' sends or answers; both are empty afterwards. */
static void deliver(struct sync_state *to, struct sync_effects *from, struct sync_effects *ret)
{
    const struct message *m =
        from->reply != NULL ? from->reply : g_ptr_array_index(from->messages, 0);
    sync_effects_init(ret);
    OK(sync_receive(to, m, &context, ret));
    sync_effects_fini(from);
}

static struct body *first_body(void)
{
    struct body_create_spec spec = {.group = GROUP,
                                    .name = "web",
                                    .replication_type = "async",
                                    .consistency_group_id = "cg-1",
                                    .primary = {A, "site-a", "project-a", "gold", NULL},
                                    .secondary = {B, "site-b", "project-b", "silver", NULL},
                                    .now_ms = BOTH_NOW};
    json_t *draft = NULL;
    struct body *body = NULL;
    OK(body_create(&spec, &draft));
    OK(body_seal(draft, &body));
    return body;
}

/* A group that both hold. */
static void pair_init(struct pair *p)
{
    AUTO(body) body = first_body();
    struct sync_effects one, two;
    sync_state_init(&p->a, GROUP, A, B);
    sync_state_init(&p->b, GROUP, B, A);
    sync_effects_init(&one);
    OK(sync_create(&p->a, &context, &one));
    OK(sync_hello(&p->a, &context, &one));
    const struct message *hello = g_ptr_array_index(one.messages, 0);
    g_autofree char *nonce = g_strdup(hello->nonce);
    deliver(&p->b, &one, &two);
    deliver(&p->a, &two, &one);
    OK(sync_reserve(&p->a, &context, "op-1", NULL, nonce, &one));
    OK(sync_stage(&p->a, &context, "op-1", body, &one));
    g_clear_pointer(&one.reply, message_destroy);
    deliver(&p->b, &one, &two);
    deliver(&p->a, &two, &one);
    sync_effects_fini(&one);
    assert_int_equal(p->b.role, ROLE_STANDBY);
    assert_string_equal(p->a.pos, p->b.pos);
}

static void pair_fini(struct pair *p)
{
    sync_state_fini(&p->a);
    sync_state_fini(&p->b);
}

struct saving {
    const struct sync_state *before, *after;
};

static char project_a[] = "project-a";

static err_t *save_body(struct db *db, void *data)
{
    static const struct group_row seed = {.project_id = project_a};
    const struct saving *s = data;
    return store_sync_save(db, s->before, s->after, &seed, BOTH_NOW);
}

static err_t *save(struct both *b, const struct sync_state *before, const struct sync_state *after)
{
    struct saving s = {before, after};
    return db_tx(b->db, save_body, &s);
}

static void store(struct both *b, struct pair *p)
{
    struct sync_state nothing;
    sync_state_init(&nothing, GROUP, A, B);
    OK(save(b, &nothing, &p->a));
    sync_state_fini(&nothing);
}

static err_t *load(struct both *b)
{
    struct sync_state loaded;
    bool found = false;
    TRY(store_sync_load(b->db, GROUP, &loaded, &found));
    assert_true(found);
    sync_state_fini(&loaded);
    return NULL;
}

static void assert_says(err_t *e, enum err_code code, const char *words)
{
    assert_non_null(e);
    g_autofree char *text = err_text(e);
    if (err_code(e) != code || strstr(text, words) == NULL)
        fail_msg("%s: '%s' does not say '%s'", err_code_text(e), text, words);
    err_free(e);
}

/* ---- damage */

static void test_damaged_rows(void **state)
{
    struct both *b = *state;
    static const struct {
        const char *damage, *repair;
        enum err_code code;
        const char *words;
    } rows[] = {
        {"UPDATE positions SET drop_list = '" ZEROS " " ZEROS "'",
         "UPDATE positions SET drop_list = NULL", ERR_DB, "drops more than it can"},
        {"UPDATE positions SET drop_list = '" ZEROS "'", "UPDATE positions SET drop_list = NULL",
         ERR_DB, "is damaged"},
        {"UPDATE positions SET version = 7", "UPDATE positions SET version = 1", ERR_DB,
         "is damaged"},
        {"UPDATE positions SET kind = 'WISH'", "UPDATE positions SET kind = 'USER'", ERR_DB,
         "is damaged"},
        {"UPDATE protection_groups SET state = 'x'", NULL, ERR_PARSE, "cannot read the state"},
        {"UPDATE protection_groups SET state = '{}'", NULL, ERR_PARSE, "'self'"},
        {"UPDATE protection_groups SET state = NULL", NULL, ERR_DB, "has no state"},
        {"UPDATE protection_groups SET body = 'x'", NULL, ERR_PARSE, "cannot read the state"},
        {"UPDATE protection_groups SET body = NULL", NULL, ERR_PARSE, "without its bytes"},
    };
    struct pair p;
    pair_init(&p);
    store(b, &p);
    g_autoptr(json_t) j = sync_state_to_json(&p.a);
    g_autofree char *good = json_print(j);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        OK(load(b));
        OK(db_exec(b->db, NULL, rows[i].damage, ""));
        assert_says(load(b), rows[i].code, rows[i].words);
        if (rows[i].repair != NULL)
            OK(db_exec(b->db, NULL, rows[i].repair, ""));
        OK(db_exec(b->db, NULL, "UPDATE protection_groups SET state = ?, body = ?", "ss", good,
                   body_text(p.a.body)));
    }
    pair_fini(&p);
}

/* ---- somebody was faster */

static void test_overtaken(void **state)
{
    struct both *b = *state;
    struct pair p;
    struct sync_state nothing, changed;
    struct sync_effects e;
    pair_init(&p);
    store(b, &p);
    OK(load(b));
    /* a change from a state that is not the stored one */
    sync_state_init(&nothing, GROUP, A, B);
    sync_state_copy(&p.a, &changed);
    sync_effects_init(&e);
    OK(sync_hello(&changed, &context, &e));
    sync_effects_fini(&e);
    assert_says(save(b, &nothing, &changed), ERR_DB_DEADLOCK, "has changed since it was read");
    OK(save(b, &p.a, &changed));
    sync_state_fini(&nothing);
    sync_state_fini(&changed);
    pair_fini(&p);
}

/* What a site holds of a position stays with its time; of one that it does not hold there is none.
 */
static void test_positions_are_told(void **state)
{
    struct both *b = *state;
    struct pair p;
    int64_t at_ms = -1;
    pair_init(&p);
    store(b, &p);
    OK(store_position_time(b->db, GROUP, p.a.pos, &at_ms));
    assert_int_equal(at_ms, BOTH_NOW);
    OK(store_position_time(b->db, GROUP, ZEROS, &at_ms));
    assert_int_equal(at_ms, 0);
    g_autofree char *body = NULL;
    OK(store_position_body(b->db, GROUP, p.a.pos, &body));
    assert_string_equal(body, body_text(p.a.body));
    g_autofree char *none = NULL;
    OK(store_position_body(b->db, GROUP, ZEROS, &none));
    assert_null(none);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_damaged_rows),
        BOTH(test_overtaken),
        BOTH(test_positions_are_told),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
