/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/orders and store/exchange_watch: which operations begin, end, give way or stay
 * when the protocol says so.
 */
#include "tests/unit/store/sites.h"

#include "model/safety.h"
#include "store/exchange_watch.h"

/* ---- what realize is told */

/* A proposal that comes again starts nothing twice, and names the operation it waits for. */
static void test_proposal_comes_again(void **state)
{
    struct pair p;
    json_t *reply = NULL;
    g_autofree char *op = NULL;
    pair_init(&p, *state);
    propose_create(&p);
    op_add(&p.b, "op-later", "look", "running");
    g_autoptr(GPtrArray) open = open_of(&p.b, "realize");
    g_autoptr(json_t) m = outbox(&p.a);
    OK(try_receive(&p.b, m, &reply, &op));
    assert_null(reply);
    assert_int_equal(open->len, 1);
    assert_string_equal(op, g_ptr_array_index(open, 0));
    open_are(&p.b, "realize", 1);
    pair_fini(&p);
}

/* The create is withdrawn while B makes its part: that is unwound, and only that. */
static void test_withdrawn_create_is_unwound(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    propose_create(&p);
    op_add(&p.b, "op-look", "look", "running");
    op_add(&p.b, "op-other", "realize", "running");
    OP_SET(&p.b, "op-other", "params", "{\"position\": \"another\"}");
    g_autoptr(GPtrArray) open = open_of(&p.b, "realize");
    OP_SET(&p.b, g_ptr_array_index(open, 0), "status", "running");
    OK(exchange_withdraw(&p.a.x, p.a.db, GROUP));
    carried(&p.a, &p.b);
    role_is(&p.b, ROLE_TOMBSTONE);
    AUTO(operation) op = op_of(&p.b, g_ptr_array_index(open, 0));
    assert_string_equal(op->status, "rolling_back");
    assert_string_equal(json_str(op->result, "ending"), "cancelled");
    assert_string_equal(json_str(op->result, "ending_text"), "the peer withdrew the group");
    status_is(&p.b, "op-other", "running");
    status_is(&p.b, "op-look", "running");
    pair_fini(&p);
}

/* What the operation's result says already stays beside the peer's answer. */
static void test_answers_join_the_result(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    for (int refuse = 0; refuse < 2; refuse++) {
        const char *id = refuse ? "op-refused" : "op-accepted";
        propose(&p, id, describe);
        OP_SET(&p.a, id, "result", "{\"kept\": 1}");
        if (refuse)
            op_add(&p.b, "op-failover", "failover", "running");
        carried(&p.a, &p.b);
        AUTO(operation) op = op_of(&p.a, id);
        assert_int_equal(json_int(op->result, "kept", 0), 1);
        assert_non_null(json_object_get(op->result, refuse ? "refused" : "accepted"));
    }
    pair_fini(&p);
}

/* ---- an unplanned failover at B */

static struct operation *force_op(struct site_here *s)
{
    return op_new(s, "op-force", "failover");
}

static void test_force_begins_beside(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    op_add(&p.b, "op-reclaim", "reclaim", "running");
    op_add(&p.b, "op-demote", "demote", "running");
    AUTO(operation) op = force_op(&p.b);
    OK(exchange_begin_force(&p.b.x, p.b.db, op));
    status_is(&p.b, "op-reclaim", "running"); /* preempted at the pivot, not before */
    AUTO(operation) second = op_new(&p.b, "op-second", "failover");
    FAILS(exchange_begin_force(&p.b.x, p.b.db, second), OPERATION_IN_PROGRESS);
    pair_fini(&p);
}

static err_t *force(struct exchange_tx *tx)
{
    static const struct safety_evidence evidence = {.data = SAFETY_IN_PLACE, .recorded = true};
    struct sync_force f = {.evidence = &evidence,
                           .operation = "op-force",
                           .reason = "A burns",
                           .who = "ann"};
    json_t *draft = sync_draft(tx->state);
    AUTO(body) body = NULL;

    describe(draft);
    TRY(body_seal(draft, &body));
    sync_plan_init(tx->state, &f.plan);
    f.body = body;
    return sync_force(tx->state, &tx->context, &f, tx->effects);
}

static void ending_is(const struct site_here *s, const char *id, const char *status,
                      const char *ending)
{
    AUTO(operation) op = op_of(s, id);
    const char *said = json_str(op->result, "ending");
    if (!g_str_equal(op->status, status) || g_strcmp0(said, ending) != 0)
        fail_msg("%s: %s, ending %s", id, op->status, said != NULL ? said : "none");
}

/* What is before its pivot gives way; what has claimed, or what the peer has stored, does not. */
static void test_force_preempts(void **state)
{
    struct pair p;
    struct site_here *b = &p.b;
    pair_init(&p, *state);
    create(&p);
    op_add(b, "op-force", "failover", "running");
    op_add(b, "op-claimed", "failover", "running");
    op_claims(b, "op-claimed");
    op_add(b, "op-stored", "update", "running");
    OP_SET(b, "op-stored", "result", "{\"accepted\": \"position\"}");
    op_add(b, "op-settle", "settle", "running");
    op_add(b, "op-drill", "test_failover", "running");
    op_add(b, "op-demote", "demote", "running");
    op_add(b, "op-pending", "look", "pending");
    op_add(b, "op-unwinding", "reclaim", "rolling_back");
    op_add(b, "op-replanning", "reclaim", "rolling_back");
    OP_SET(b, "op-replanning", "result", "{\"replanning\": true}");
    act(b, force, NULL);
    role_is(b, ROLE_ACTIVE);
    ending_is(b, "op-force", "running", NULL);
    ending_is(b, "op-claimed", "running", NULL);
    ending_is(b, "op-stored", "running", NULL);
    ending_is(b, "op-settle", "running", NULL);
    ending_is(b, "op-drill", "rolling_back", "superseded");
    ending_is(b, "op-demote", "rolling_back", "superseded");
    ending_is(b, "op-pending", "superseded", "superseded");
    ending_is(b, "op-unwinding", "rolling_back", NULL); /* it has its ending already */
    ending_is(b, "op-replanning", "rolling_back", "superseded");
    pair_fini(&p);
}

/* The site that was overtaken: also what has claimed ends, what the peer has stored does not. */
static void test_overtaken_site_ends_all(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    op_add(&p.a, "op-claimed", "failover", "running");
    op_claims(&p.a, "op-claimed");
    op_add(&p.a, "op-stored", "update", "running");
    OP_SET(&p.a, "op-stored", "result", "{\"accepted\": \"position\"}");
    act(&p.b, force, NULL);
    carried(&p.b, &p.a);
    role_is(&p.a, ROLE_STANDBY);
    ending_is(&p.a, "op-claimed", "rolling_back", "superseded");
    ending_is(&p.a, "op-stored", "running", NULL);
    open_are(&p.a, "demote", 1);
    pair_fini(&p);
}

/* ---- a standby that was told to leave by a person, while the peer is not gone */

static err_t *delete_alone(struct exchange_tx *tx)
{
    return sync_delete_alone(tx->state, &tx->context, NULL, "ann", "A is gone", tx->effects);
}

static err_t *policy_fact(struct exchange_tx *tx)
{
    bool committed = false;
    json_t *draft = sync_draft(tx->state);
    AUTO(body) body = NULL;

    set_policy(draft);
    TRY(body_seal(draft, &body));
    TRY(sync_fact(tx->state, &tx->context, body, &committed, tx->effects));
    assert_true(committed);
    return NULL;
}

/*
 * B's clean-up runs when A says what it holds now: that is settled as well, by an operation that
 * takes nothing else away.
 */
static void test_peer_is_not_gone(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    act(&p.b, delete_alone, NULL);
    g_autoptr(GPtrArray) one = open_of(&p.b, "settle");
    assert_int_equal(one->len, 1);
    AUTO(operation) leaving = op_of(&p.b, g_ptr_array_index(one, 0));
    assert_true(json_bool(leaving->params, "leaving", false));
    act(&p.a, policy_fact, NULL);
    carried(&p.a, &p.b);
    g_autofree char *here = position(&p.b);
    g_autofree char *there = position(&p.a);
    assert_string_equal(here, there);
    g_autoptr(GPtrArray) two = open_of(&p.b, "settle");
    assert_int_equal(two->len, 2);
    for (guint i = 0; i < two->len; i++) {
        AUTO(operation) op = op_of(&p.b, g_ptr_array_index(two, i));
        bool first = g_str_equal(op->id, leaving->id);
        assert_int_equal(json_bool(op->params, "leaving", false), first);
        assert_true(first || g_str_equal(json_str(op->params, "position"), here));
    }
    pair_fini(&p);
}

/* ---- the epoch watch */

static bool sighted(struct site_here *s, int64_t epoch, bool stop)
{
    const struct exchange_sighting seen = {epoch, stop};
    bool news = false;
    OK(exchange_superseded(&s->x, s->db, GROUP, &seen, &news));
    return news;
}

static void stop_completed(struct site_here *s)
{
    OK(db_exec(s->db, NULL,
               "UPDATE dr_operations SET status = 'completed', is_open = 0, completed_at = ?"
               " WHERE operation_type = ?",
               "is", (int64_t)BOTH_NOW, WATCH_STOP));
}

/* A stops its servers once for each position at which it is seen to be superseded. */
static void test_superseded_stops_once(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    assert_false(sighted(&p.a, 0, true)); /* it knows this epoch */
    open_are(&p.a, WATCH_STOP, 0);
    assert_true(sighted(&p.a, 1, false));
    open_are(&p.a, WATCH_STOP, 0);
    assert_false(sighted(&p.a, 1, true)); /* on_superseded was set meanwhile */
    open_are(&p.a, WATCH_STOP, 1);
    assert_false(sighted(&p.a, 1, true));
    open_are(&p.a, WATCH_STOP, 1);
    act(&p.a, force, NULL); /* a person takes the group back here */
    op_add(&p.a, "op-look", "look", "running");
    assert_true(sighted(&p.a, 3, true));
    stop_completed(&p.a);
    assert_false(sighted(&p.a, 3, true));
    open_are(&p.a, WATCH_STOP, 0);
    act(&p.a, force, NULL);
    assert_true(sighted(&p.a, 5, true));
    open_are(&p.a, WATCH_STOP, 1);
    pair_fini(&p);
}

static void test_watched_in_pages(void **state)
{
    struct pair p;
    pair_init(&p, *state);
    create(&p);
    const struct {
        const char *marker;
        guint count;
    } pages[] = {{NULL, 1}, {"pg-0", 1}, {GROUP, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        g_autoptr(GPtrArray) list = NULL;
        OK(watched_group_list(p.a.db, pages[i].marker, 10, &list));
        assert_int_equal(list->len, pages[i].count);
    }
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_proposal_comes_again),    BOTH(test_withdrawn_create_is_unwound),
        BOTH(test_answers_join_the_result), BOTH(test_force_begins_beside),
        BOTH(test_force_preempts),          BOTH(test_overtaken_site_ends_all),
        BOTH(test_peer_is_not_gone),        BOTH(test_superseded_stops_once),
        BOTH(test_watched_in_pages),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
