/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/exchange: whose word is believed, what runs here while the peer proposes, and that
 * a failing database decides nothing.
 */
#include "tests/unit/store/sites.h"

#include "store/cg.h"
#include "store/faulty.h"

/* ---- whose word counts */

static err_t *nothing(struct exchange_tx *tx)
{
    (void)tx;
    return NULL;
}

static void test_unknown_group(void **state)
{
    struct pair p;
    json_t *none = NULL;
    g_autofree char *op = NULL;
    struct exchange_call call = {.pg_id = GROUP, .fn = nothing};
    pair_init(&p, *state);
    FAILS(exchange_act(&p.b.x, p.b.db, &call, NULL), GROUP_NOT_FOUND);
    FAILS(exchange_outbox(&p.b.x, p.b.db, GROUP, &none), GROUP_NOT_FOUND);
    g_autoptr(json_t) asked = hello(&p.a);
    FAILS(exchange_receive(&p.b.x, p.b.db, p.b.project, "pg-another", asked, &none, &op),
          SYNC_ADDRESSEE);
    pair_fini(&p);
}

/* A database that has not been through db sync says nothing in anybody's name. */
static void test_database_of_no_site(void **state)
{
    struct pair p;
    json_t *none = NULL;
    pair_init(&p, *state);
    OK(db_exec(p.b.db, NULL, "DELETE FROM local_site", ""));
    FAILS(exchange_hello(&p.b.x, p.b.db, p.b.project, GROUP, A, &none), DB_SCHEMA);
    assert_null(none);
    pair_fini(&p);
}

static void refuse_signature(struct pair *p, const json_t *carried)
{
    json_t *none = NULL;
    g_autofree char *op = NULL;
    FAILS(try_receive(&p->b, carried, &none, &op), SYNC_SIGNATURE);
}

static void test_signatures(void **state)
{
    struct pair p;
    json_t *none = NULL;
    g_autofree char *op = NULL;
    pair_init(&p, *state);
    g_autoptr(json_t) asked = hello(&p.a);
    g_autoptr(json_t) other = hello(&p.a);
    g_autoptr(json_t) damaged = json_deep_copy(asked);
    json_set_str(damaged, "signature", json_str(other, "signature"));
    refuse_signature(&p, damaged);
    struct faulty *faulty = faulty_stack(p.b.db);
    faulty_arm(faulty, FAULTY_STATEMENT, 1, 1, ERR_DB_CONNECT, false);
    FAILS(try_receive(&p.b, asked, &none, &op), DB_CONNECT); /* nobody says that it is forged */
    OK(db_exec(p.b.db, NULL, "UPDATE sites SET sign_public = NULL WHERE id = ?", "s", A));
    refuse_signature(&p, asked);
    OK(db_exec(p.b.db, NULL, "DELETE FROM sites WHERE id = ?", "s", A));
    refuse_signature(&p, asked);
    pair_fini(&p);
}

struct reader {
    int asked;
    bool fails;
};

static err_t *read_keys(void *data, struct db *db, struct local_site *local)
{
    struct reader *r = data;
    assert_true(db_in_tx(db));
    r->asked++;
    if (r->fails)
        return err(KEYS_STALE, "the keys in memory are not those of the database");
    g_free(local->fingerprint);
    local->fingerprint = g_strdup("read anew");
    return NULL;
}

/* Keys that were exchanged between the request's first look and its transaction. */
static void test_keys_exchanged_meanwhile(void **state)
{
    struct pair p;
    struct reader reader = {0};
    json_t *none = NULL;
    pair_init(&p, *state);
    p.b.x.keys_read = read_keys;
    p.b.x.keys_data = &reader;
    json_decref(hello(&p.b));
    assert_int_equal(reader.asked, 0);
    OK(db_exec(p.b.db, NULL, "UPDATE local_site SET fingerprint = 'another'", ""));
    json_decref(hello(&p.b));
    assert_int_equal(reader.asked, 1);
    reader.fails = true;
    FAILS(exchange_hello(&p.b.x, p.b.db, p.b.project, GROUP, A, &none), KEYS_STALE);
    pair_fini(&p);
}

/* Two messages that show the same new key are read at once: it is pinned once. */
static void test_new_key_shown_twice(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    struct keypairs *next = keypairs_create(&env_system);
    keypairs_follow(next, p.a.identity.keys, certificate_make(p.a.identity.keys, A, next));
    keypairs_destroy(p.a.identity.keys);
    p.a.identity.keys = next;
    g_autoptr(json_t) one = hello(&p.a);
    g_autoptr(json_t) two = hello(&p.a);
    struct exchange_verify v[] = {{.db = p.b.db, .env = &test_env, .carried = one},
                                  {.db = p.b.db, .env = &test_env, .carried = two}};
    for (size_t i = 0; i < G_N_ELEMENTS(v); i++) {
        AUTO(message) m = NULL;
        OK(message_decode(v[i].carried, exchange_verify, &v[i], &m));
        assert_non_null(v[i].way);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(v); i++) {
        OK(exchange_adopt(&v[i]));
        exchange_verify_fini(&v[i]);
    }
    AUTO(site) site = NULL;
    OK(site_get(p.b.db, A, &site));
    assert_string_equal(site->sign_public, keypairs_sign_public(next));
    assert_int_equal(json_array_size(site->old_keys), 1);
    pair_fini(&p);
}

/* The admin pins another key between the signature and the transaction. */
static void test_pin_replaced_meanwhile(void **state)
{
    struct pair p;
    struct exchange_key key;
    AUTO(message) m = NULL;
    AUTO(site) site = NULL;
    pair_init(&p, *state);
    g_autoptr(json_t) asked = hello(&p.a);
    struct exchange_verify v = {.db = p.b.db, .env = &test_env, .carried = asked};
    OK(message_decode(asked, exchange_verify, &v, &m));
    exchange_verify_fini(&v);
    OK(exchange_key_judge(p.b.db, m, &key));
    AUTO(keypairs) other = keypairs_create(&env_system);
    OK(site_get(p.b.db, A, &site));
    site_keys_replace(site, keypairs_sign_public(other), keypairs_seal_public(other));
    OK(site_update(p.b.db, site));
    FAILS(exchange_key_judge(p.b.db, m, &key), SYNC_SIGNATURE);
    pair_fini(&p);
}

/* ---- proposals, and what runs at the site that is asked */

/* Before its pivot an operation keeps changes out that would overtake it; other work does not. */
static void test_changes_wait_for_claims(void **state)
{
    static const struct {
        const char *type;
        bool past_pivot, blocks;
    } rows[] = {
        {"failover", false, true}, {"reclaim", false, true},        {"failback", false, true},
        {"failover", true, false}, {"failback", true, false},       {"settle", false, false},
        {"look", false, false},    {"test_failover", false, false},
    };
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *id = g_strdup_printf("op-change-%zu", i);
        op_add(&p.b, id, rows[i].type, "running");
        op_add(&p.b, "op-later", "look", "running");
        if (rows[i].past_pivot)
            op_claims(&p.b, id);
        propose(&p, id, describe);
        g_autoptr(json_t) reply = carry(&p.a, &p.b);
        if (rows[i].blocks)
            refused_as(reply, "protector.operation.in_progress");
        else
            type_is(reply, "ACCEPT");
        OK(db_exec(p.b.db, NULL, "DELETE FROM dr_operations WHERE is_open = 1", ""));
    }
    pair_fini(&p);
}

static err_t *hand_over(struct exchange_tx *tx)
{
    g_autofree char *nonce = g_strdup(tx->data);
    json_t *draft = sync_draft(tx->state);
    AUTO(body) body = NULL;
    body_transition_set(draft, "op-handover", B);
    TRY(body_seal(draft, &body));
    tx->context.operation_any = false;
    return sync_handover(tx->state, &tx->context, "op-handover", tx->state->pos, nonce, body,
                         tx->effects);
}

/* A drill keeps a handover out.  Without one it is taken, and its one operation begins. */
static void test_handover_and_drill(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    op_add(&p.b, "op-drill", "test_failover", "running");
    op_add(&p.b, "op-later", "look", "running");
    g_autofree char *nonce = prove(&p.a, &p.b);
    act(&p.a, hand_over, nonce);
    role_is(&p.a, ROLE_FROZEN);
    g_autoptr(json_t) refused = carry(&p.a, &p.b);
    refused_as(refused, "protector.drill.running");
    role_is(&p.a, ROLE_ACTIVE);
    open_are(&p.a, "resume", 1);
    OK(db_exec(p.b.db, NULL, "DELETE FROM dr_operations WHERE id = 'op-drill'", ""));
    g_autofree char *again = prove(&p.a, &p.b);
    act(&p.a, hand_over, again);
    g_autoptr(json_t) accepted = carry(&p.a, &p.b);
    type_is(accepted, "ACCEPT");
    struct sync_state b = state_of(&p.b);
    assert_string_equal(b.serving, b.pos);
    sync_state_fini(&b);
    AUTO(operation) op = NULL;
    OK(operation_get(p.b.db, "op-handover", NULL, &op));
    assert_string_equal(op->operation_type, "failover");
    assert_string_equal(op->runbook, "handover");
    assert_true(op->planned);
    pair_fini(&p);
}

/* The peer tells its Cinder group while this site still makes its part of the create. */
static void test_peers_cinder_group_is_noted_early(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    struct fence fence;
    AUTO(cg) cg = NULL;
    propose_create(&p);
    fence = (struct fence){CREATE, 1, ENGINE};
    OK(exchange_cinder_found(&p.a.x, p.a.db, &fence, GROUP, "cinder-a"));
    g_free(prove(&p.b, &p.a));
    OK(cg_find(p.b.db, GROUP, &cg));
    assert_non_null(cg);
    assert_string_equal(cg->peer_cg_id, "cinder-a");
    assert_string_equal(cg->id, "cg-1");
    assert_null(cg->local_cg_id);
    realize(&p, NULL); /* this site has made none */
    AUTO(cg) still = NULL;
    OK(cg_find(p.b.db, GROUP, &still));
    assert_null(still->local_cg_id);
    assert_string_equal(still->peer_cg_id, "cinder-a");
    carried(&p.a, &p.b);
    role_is(&p.b, ROLE_STANDBY);
    pair_fini(&p);
}

/*
 * Each statement of 'fn' fails in turn: the error says so, and no failure of the database is taken
 * for a reason to refuse, as a refusal is for ever.  True if some failed while a proposal was
 * judged.
 */
static bool fails_and_refuses_nothing(struct site_here *s, err_t *(*fn)(void *data), void *data)
{
    struct faulty *faulty = faulty_stack(s->db);
    bool judging = false;
    for (int n = 1;; n++) {
        int failed = faulty_failed(faulty, FAULTY_STATEMENT);
        faulty_arm(faulty, FAULTY_STATEMENT, n, 1, ERR_DB, false);
        err_t *e = fn(data);
        faulty_arm(faulty, FAULTY_STATEMENT, 0, 0, ERR_DB, false);
        if (faulty_failed(faulty, FAULTY_STATEMENT) == failed) {
            OK(e);
            return judging;
        }
        assert_non_null(e);
        g_autofree char *text = err_text(e);
        judging = judging || strstr(text, "judging a proposal") != NULL;
        FAILS(e, DB);
        AUTO(db_rows) rows = NULL;
        OK(db_query(s->db, &rows, "SELECT COUNT(*) FROM refusals", ""));
        assert_int_equal(db_int(rows, 0, 0), 0);
    }
}

struct arrival {
    struct site_here *to;
    const json_t *message;
};

static err_t *arrives(void *data)
{
    const struct arrival *a = data;
    g_autoptr(json_t) reply = NULL;
    g_autofree char *op = NULL;
    TRY(try_receive(a->to, a->message, &reply, &op));
    type_is(reply, "ACCEPT");
    return NULL;
}

static void test_database_fails_on_arrival(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    propose(&p, "op-change", describe);
    g_autoptr(json_t) m = outbox(&p.a);
    struct arrival arrival = {&p.b, m};
    assert_true(fails_and_refuses_nothing(&p.b, arrives, &arrival));
    pair_fini(&p);
}

struct making {
    struct site_here *at;
    struct fence fence;
    const char *hash;
};

static err_t *is_made(void *data)
{
    const struct making *m = data;
    return exchange_realized(&m->at->x, m->at->db, &m->fence, GROUP, m->hash, NULL);
}

/* The same when the part of this site is made, and the proposal is judged once more. */
static void test_database_fails_when_it_is_made(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    propose_create(&p);
    g_autoptr(GPtrArray) open = open_of(&p.b, "realize");
    AUTO(operation) op = op_of(&p.b, g_ptr_array_index(open, 0));
    struct making making = {&p.b, fence_of(&p.b, op->id), json_str(op->params, "position")};
    assert_true(fails_and_refuses_nothing(&p.b, is_made, &making));
    role_is(&p.b, ROLE_STANDBY);
    pair_fini(&p);
}

/* ---- rows that others write */

/* Another worker has written the group's row first: it is looked at again, and goes on from there.
 */
static void test_row_written_by_another_worker(void **state)
{
    struct pair p;
    int again = 0;
    bool whole = false;
    pair_init(&p, *state);
    struct faulty *faulty = faulty_stack(p.b.db);
    for (int n = 1; !whole; n++) {
        g_autoptr(json_t) asked = NULL;
        int failed = faulty_failed(faulty, FAULTY_STATEMENT);
        OK(db_exec(p.b.db, NULL, "DELETE FROM protection_groups", ""));
        faulty_arm(faulty, FAULTY_STATEMENT, n, 1, ERR_DB_DUPLICATE, false);
        err_t *e = exchange_hello(&p.b.x, p.b.db, p.b.project, GROUP, A, &asked);
        faulty_arm(faulty, FAULTY_STATEMENT, 0, 0, ERR_DB, false);
        whole = faulty_failed(faulty, FAULTY_STATEMENT) == failed;
        again += e == NULL && !whole;
        if (e == NULL)
            type_is(asked, "HELLO");
        else
            FAILS(e, DB_DUPLICATE);
    }
    assert_int_equal(again, 1); /* at the INSERT into protection_groups */
    pair_fini(&p);
}

static void rename_group(json_t *draft)
{
    OK(body_update(draft, "taken", NULL));
}

static err_t *rename_fact(struct exchange_tx *tx)
{
    bool committed = false;
    json_t *draft = sync_draft(tx->state);
    AUTO(body) body = NULL;

    rename_group(draft);
    TRY(body_seal(draft, &body));
    return sync_fact(tx->state, &tx->context, body, &committed, tx->effects);
}

/* A fact of the peer brings a name that another group has here: both are listed. */
static void test_name_taken_here(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    AUTO(group_row) row = NULL;
    OK(group_find(p.b.db, GROUP, &row));
    assert_string_equal(row->living_name, "web");
    struct group_row other = {.id = (char *)"pg-other",
                              .project_id = (char *)p.b.project,
                              .name = (char *)"taken",
                              .living_name = (char *)"taken",
                              .status = (char *)"active",
                              .role = (char *)"ACTIVE",
                              .position = (char *)"",
                              .listed = true};
    OK(group_insert(p.b.db, &other));
    act(&p.a, rename_fact, NULL);
    carried(&p.a, &p.b);
    AUTO(group_row) renamed = NULL;
    OK(group_find(p.b.db, GROUP, &renamed));
    assert_string_equal(renamed->name, "taken");
    assert_null(renamed->living_name);
    assert_true(renamed->listed);
    pair_fini(&p);
}

/* ---- what the active site is told */

/* The create's operation ends while its proposal is at the peer: what was signed is not unsigned.
 */
static void test_create_failed_after_it_was_proposed(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    propose_create(&p);
    OK(exchange_create_failed(&p.a.x, p.a.db, GROUP, CREATE));
    struct sync_state a = state_of(&p.a);
    assert_int_equal(a.role, ROLE_ACTIVE);
    assert_int_equal(a.staged.kind, STAGED_PROPOSAL);
    sync_state_fini(&a);
    realize(&p, "cinder-b");
    carried(&p.a, &p.b);
    role_is(&p.b, ROLE_STANDBY);
    pair_fini(&p);
}

/* A fact while a change is undecided is not made, and the operation is not said to be done. */
static void test_fact_waits_for_a_change(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    op_add(&p.a, "op-fact", "failover", "running");
    struct fence fence = fence_of(&p.a, "op-fact");
    g_autoptr(json_t) outcome = json_pack("{s:b}", "done", 1);
    propose(&p, "op-change", describe);
    struct exchange_finish early = {.body = next_body(&p.a, describe), .outcome = outcome};
    FAILS(exchange_finish(&p.a.x, p.a.db, &fence, GROUP, &early), SYNC_STAGED);
    AUTO(operation) before = op_of(&p.a, "op-fact");
    assert_null(json_object_get(before->result, EXCHANGE_FINISHED));
    carried(&p.a, &p.b);
    struct exchange_finish late = {.body = next_body(&p.a, describe), .outcome = outcome};
    OK(exchange_finish(&p.a.x, p.a.db, &fence, GROUP, &late));
    AUTO(operation) after = op_of(&p.a, "op-fact");
    assert_true(json_equal(json_object_get(after->result, EXCHANGE_FINISHED), outcome));
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_unknown_group),
        BOTH(test_database_of_no_site),
        BOTH(test_signatures),
        BOTH(test_keys_exchanged_meanwhile),
        BOTH(test_new_key_shown_twice),
        BOTH(test_pin_replaced_meanwhile),
        BOTH(test_changes_wait_for_claims),
        BOTH(test_handover_and_drill),
        BOTH(test_peers_cinder_group_is_noted_early),
        BOTH(test_database_fails_on_arrival),
        BOTH(test_database_fails_when_it_is_made),
        BOTH(test_row_written_by_another_worker),
        BOTH(test_name_taken_here),
        BOTH(test_create_failed_after_it_was_proposed),
        BOTH(test_fact_waits_for_a_change),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
