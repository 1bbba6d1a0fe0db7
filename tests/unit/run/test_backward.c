/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwinding before the pivot: newest first, each undo journalled before it is called, repeated
 * until it is done or given up; and what an operation that ends otherwise says.
 */
#include "tests/unit/run/room.h"

#include "store/orders.h"

static void fail_at(struct room *room, const char *step, const char *subject)
{
    room_trouble(room, "make", step, subject, 1, 1, ERR_CONFLICT);
}

static void start(struct room *room)
{
    room_books(room, safe_books);
    room_operation(room, "safe");
}

static void test_newest_first(void **state)
{
    struct room *room = *state;
    fail_at(room, "fourth", "");
    room_last_trouble(room)->happens = true; /* refused, and there nevertheless */
    start(room);
    room_run(room);
    STATUS(room, "rolled_back");
    CALLS(room, "plan of op-1, probe first, make first, probe second m1, make second m1, "
                "probe second m2, make second m2, probe third, make third, probe fourth, "
                "make fourth, undo fourth, undo third, undo second m2, undo second m1, "
                "undo first");
    ROW(room, "first", "", "undone");
    ROW(room, "fourth", "", "undone");
    assert_int_equal(g_hash_table_size(room->things), 0);
    assert_int_equal(room_ledger_count(room, "gone"), 5);
    assert_int_equal(room_ledger_count(room, NULL), 5);
    g_autofree char *text = room_error_text(room);
    SAYS(text, "step 'fourth' (Make fourth) failed");
    AUTO(operation) op = room_op(room);
    assert_false(op->past_pivot);
    assert_true(op->completed_at_ms > 0);
}

/* Only what was begun is undone. */
static void test_only_what_was_begun(void **state)
{
    struct room *room = *state;
    fail_at(room, "second", "m1");
    start(room);
    room_run(room);
    STATUS(room, "rolled_back");
    CALLS(room, "plan of op-1, probe first, make first, probe second m1, make second m1, "
                "probe second m2, make second m2, undo second m2, undo second m1, undo first");
    ROW(room, "third", "", "pending");
}

static void test_nothing_made(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "first", "", 1, 1, ERR_CONFLICT);
    start(room);
    room_run(room);
    STATUS(room, "failed");
    CALLS(room, "plan of op-1, probe first");
}

/* An undo that waits: its time is kept, and older rows wait for it. */
static void test_undo_waits(void **state)
{
    struct room *room = *state;
    fail_at(room, "third", "");
    room_trouble(room, "undo", "second", "m1", 1, 1, WAITS);
    room_last_trouble(room)->wake_ms = 4321;
    room_trouble(room, "undo", "second", "m1", 2, 2, WAITS);
    start(room);
    room_tick(room);
    STATUS(room, "rolling_back");
    ROW(room, "second", "m1", "undo_waiting");
    ROW(room, "second", "m2", "undone");
    AUTO(operation) op = room_op(room);
    assert_int_equal(op->wake_at_ms - room->now_ms, 4321);
    room_pass(room, 4321);
    room_tick(room);
    AUTO(operation) again = room_op(room);
    assert_int_equal(again->wake_at_ms - room->now_ms, POLL_MS);
    assert_int_equal(room_count(room, "undo first"), 0);
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(room_count(room, "undo second m1"), 3);
    assert_int_equal(room_count(room, "undo second m2"), 1);
}

/* Errors of an undo: tried again by class, then left as an orphan; the rest is still undone. */
static void test_orphan(void **state)
{
    struct room *room = *state;
    static const struct {
        enum err_code code;
        int calls;
    } cases[] = {{ERR_CLOUD_BUSY, RUN_TRIES_MAX}, {ERR_TIMEOUT, RUN_TRIES_MAX}, {ERR_CONFLICT, 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        room_clear(room);
        fail_at(room, "third", "");
        room_trouble(room, "undo", "second", "m1", 1, 1000, (int)cases[i].code);
        start(room);
        room_run(room);
        STATUS(room, "rolled_back");
        ROW(room, "second", "m1", "orphaned");
        ROW(room, "second", "m2", "undone");
        ROW(room, "first", "", "undone");
        assert_int_equal(room_count(room, "undo second m1"), cases[i].calls);
        g_autofree char *text = room_error_text(room);
        SAYS(text, "not everything could be taken back");
        SAYS(text, "protector-manage orphans");
        SAYS(text, "step 'third'");
        assert_int_equal(g_hash_table_size(room->things), 1);
    }
}

/* An undo that only ever waits is given up after a while, and the rest is still taken back. */
static void test_undo_waits_for_ever(void **state)
{
    struct room *room = *state;
    fail_at(room, "third", "");
    room_trouble(room, "undo", "second", "m1", 1, 1000, WAITS);
    room_last_trouble(room)->wake_ms = 50000;
    start(room);
    int64_t began_ms = room->now_ms;
    room_run(room);
    STATUS(room, "rolled_back");
    ROW(room, "second", "m1", "orphaned");
    ROW(room, "second", "m2", "undone");
    ROW(room, "first", "", "undone");
    assert_in_range(room->now_ms - began_ms, RUN_UNDO_MAX_MS, RUN_UNDO_MAX_MS + 60000);
    AUTO(op_step) row = room_row(room, "second", "m1");
    g_autoptr(err_t) why = err_from_json(row->error);
    SAYS(err_message(why), "still being taken back after 900 s");
}

/* Errors and waits in turn: each answer grants new tries, and still it ends. */
static void test_undo_in_turns(void **state)
{
    struct room *room = *state;
    fail_at(room, "third", "");
    for (int i = 1; i < 100; i += 2) {
        room_trouble(room, "undo", "second", "m1", i, i, WAITS);
        room_last_trouble(room)->wake_ms = 30000;
        room_trouble(room, "undo", "second", "m1", i + 1, i + 1, ERR_CLOUD_BUSY);
    }
    start(room);
    room_run(room);
    STATUS(room, "rolled_back");
    ROW(room, "second", "m1", "orphaned");
    ROW(room, "first", "", "undone");
}

/* The tries that a make used up are none of its undo's. */
static void test_undo_has_tries_of_its_own(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "second", "m1", 1, 1000, ERR_CLOUD_BUSY);
    room_trouble(room, "undo", "second", "m1", 1, RUN_TRIES_MAX - 1, ERR_CLOUD_BUSY);
    start(room);
    room_run(room);
    STATUS(room, "rolled_back");
    ROW(room, "second", "m1", "undone");
    assert_int_equal(room_count(room, "undo second m1"), RUN_TRIES_MAX);
}

/* The last ambiguous make settles too, before its undo looks for what it may have left. */
static void test_undo_settles(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "second", "m1", 1, 1000, ERR_TIMEOUT);
    start(room);
    room_tick(room);
    for (int i = 0; i < 20 && room_count(room, "make second m1") < RUN_TRIES_MAX - 1; i++) {
        room_pass(room, RUN_BACKOFF_MAX_MS);
        room_tick(room);
    }
    room_last_trouble(room)->happens = true; /* the last one is on its way to the cloud */
    room_last_trouble(room)->late_ms = SETTLE_MS;
    room_pass(room, RUN_BACKOFF_MAX_MS);
    room_tick(room);
    assert_int_equal(room_count(room, "make second m1"), RUN_TRIES_MAX);
    STATUS(room, "rolling_back");
    assert_int_equal(room_count(room, "undo second m1"), 0);
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(g_hash_table_size(room->things), 0);
}

/* An undo without time left is no failed undo: nothing is written, it is done with the next lease.
 */
static void test_undo_fenced(void **state)
{
    struct room *room = *state;
    fail_at(room, "third", "");
    room_trouble(room, "undo", "second", "m1", 1, 1, ERR_CLOUD_DEADLINE);
    room->spins = true;
    start(room);
    room_tick(room);
    AUTO(op_step) row = room_row(room, "second", "m1");
    assert_string_equal(row->state, "undo_intent");
    assert_int_equal(row->tries, 0);
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(room_count(room, "undo second m1"), 2);
}

static const struct step soft_steps[] = {
    FULL("soft", GROUP, STEP_BEST_EFFORT, 50),
    FULL("hard", GROUP, 0, 100),
    {0},
};
static const struct runbook soft_book = {.name = "soft",
                                         .version = 1,
                                         .steps = soft_steps,
                                         .plan = room_plan};
static const struct runbook *const soft_books[] = {&soft_book, NULL};

/* A best effort that was given up may have had an effect: it is undone like the others. */
static void test_best_effort_is_undone(void **state)
{
    struct room *room = *state;
    room_books(room, soft_books);
    room_trouble(room, "make", "soft", "", 1, 1000, ERR_TIMEOUT);
    fail_at(room, "hard", "");
    room_operation(room, "soft");
    for (int i = 0; i < 20 && room_count(room, "make soft") < RUN_TRIES_MAX - 1; i++) {
        room_tick(room);
        room_pass(room, RUN_BACKOFF_MAX_MS);
    }
    struct trouble *last = &g_array_index(room->troubles, struct trouble, 0);
    last->happens = true;
    last->late_ms = SETTLE_MS;
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(room_count(room, "undo soft"), 1);
    assert_int_equal(g_hash_table_size(room->things), 0);
}

static const struct step one_way_steps[] = {
    {.key = "kept", .says = "Make what is kept", .probe = room_probe, .make = room_make},
    FULL("undone", GROUP, 0, 50),
    FULL("last", GROUP, 0, 100),
    {0},
};
static const struct runbook one_way_book = {.name = "one_way",
                                            .version = 1,
                                            .steps = one_way_steps,
                                            .plan = room_plan};
static const struct runbook *const one_way_books[] = {&one_way_book, NULL};

static void test_step_without_undo(void **state)
{
    struct room *room = *state;
    room_books(room, one_way_books);
    fail_at(room, "last", "");
    room_operation(room, "one_way");
    room_run(room);
    STATUS(room, "rolled_back");
    CALLS(room, "plan of op-1, probe kept, make kept, probe undone, make undone, probe last, "
                "make last, undo last, undo undone");
    ROW(room, "kept", "", "done");
    assert_int_equal(room_ledger_count(room, "made"), 1); /* still this operation's */
    assert_int_equal(room_ledger_count(room, "released"), 0);
}

/* ---- ends that somebody else ordered */

struct order {
    const char *ending;
    int64_t now_ms;
};

static err_t *order_tx(struct db *db, void *data)
{
    const struct order *order = data;
    AUTO(operation) op = NULL;
    TRY(operation_get(db, OP, NULL, &op));
    return orders_unwind(db, op, order->ending, "a failover was started", order->now_ms);
}

static void order(struct room *room, const char *ending)
{
    struct order o = {ending, room->now_ms};
    OK(db_tx(room->watch, order_tx, &o));
}

static void test_superseded_while_waiting(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "third", "", 1, 1000, WAITS);
    start(room);
    room_tick(room);
    order(room, "superseded");
    room->spins = true; /* the next pass begins with a lease that it must take anew */
    room_tick(room);
    room->spins = false;
    room_run(room);
    STATUS(room, "superseded");
    g_autofree char *text = room_error_text(room);
    SAYS(text, "a failover was started");
    assert_int_equal(g_hash_table_size(room->things), 0);
}

static void superseded(struct room *room, struct step_call *call)
{
    if (g_str_equal(call->step->key, "third"))
        order(room, "superseded");
}

/* Overtaken in the middle of a call: its outcome is not written, and it is undone as unknown. */
static void test_superseded_inside_a_call(void **state)
{
    struct room *room = *state;
    room->meanwhile = superseded;
    room->spins = true;
    start(room);
    room_tick(room);
    ROW(room, "third", "", "intent");
    STATUS(room, "rolling_back");
    int undos = room_count(room, "undo third");
    room_tick(room);
    room_pass(room, SETTLE_MS - 1);
    room_tick(room);
    assert_int_equal(room_count(room, "undo third"), undos);
    room_run(room);
    STATUS(room, "superseded");
    assert_int_equal(room_count(room, "undo third"), 1);
    assert_int_equal(room_count(room, "make fourth"), 0);
    assert_int_equal(g_hash_table_size(room->things), 0);
}

/* Past its pivot nothing is cancelled. */
static void test_cancelled_too_late(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "fourth", "m1", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    order(room, "cancelled");
    room_run(room);
    STATUS(room, "completed");
}

/* Of a site that was overtaken past its pivot: nothing more is made, nothing is taken back. */
static void test_superseded_past_pivot(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "fourth", "m1", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    unsigned made = g_hash_table_size(room->things);
    assert_true(made > 0);
    order(room, "superseded");
    room_run(room);
    STATUS(room, "superseded");
    assert_int_equal(g_hash_table_size(room->things), made);
    assert_int_equal(room_count(room, "undo third"), 0);
    assert_int_equal(room_count(room, "undo second"), 0);
}

static void overtaken_inside(struct room *room, struct step_call *call)
{
    if (g_str_equal(call->step->key, "fourth"))
        order(room, "superseded");
}

/* What its call came to is not asked any more: the journal says so, and leaves nothing begun. */
static void test_overtaken_inside_a_call(void **state)
{
    struct room *room = *state;
    room->meanwhile = overtaken_inside;
    room_operation(room, "four");
    room->spins = true;
    room_tick(room);
    room->spins = false;
    room_run(room);
    STATUS(room, "superseded");
    ROW(room, "fourth", "m1", "orphaned");
    ROW(room, "pivot", "", "done");
}

/* Before the pivot, and of a step that takes nothing back. */
static void test_superseded_signing(void **state)
{
    static const struct step steps[] = {
        FULL("first", GROUP, 0, 20),
        {.key = "fourth", .says = "Sign", .per = STEP_PER_GROUP, .make = room_make},
        {0},
    };
    static const struct runbook book = {.name = "sign",
                                        .version = 1,
                                        .steps = steps,
                                        .plan = room_plan};
    static const struct runbook *const books[] = {&book, NULL};
    struct room *room = *state;
    room->meanwhile = overtaken_inside;
    room_books(room, books);
    room_operation(room, "sign");
    room->spins = true;
    room_tick(room);
    room->spins = false;
    room_run(room);
    STATUS(room, "superseded");
    ROW(room, "first", "", "undone");
    ROW(room, "fourth", "", "failed");
    g_autofree char *text = room_error_text(room);
    assert_null(strstr(text, "orphans"));
}

static err_t *leave_tx(struct db *db, void *data)
{
    const struct order *order = data;
    AUTO(operation) op = NULL;
    TRY(operation_get(db, OP, NULL, &op));
    return orders_leave(db, op, "a failover was started", order->now_ms);
}

static void leave(struct room *room)
{
    struct order o = {NULL, room->now_ms};
    OK(db_tx(room->watch, leave_tx, &o));
    room->spins = true; /* the engine learns of it by being refused */
    room_tick(room);
    room->spins = false;
    room_run(room);
}

/* Another failover needs the keys: nothing more is called, and what is left stays as it is. */
static void test_left_to_another(void **state)
{
    struct room *room = *state;
    fail_at(room, "third", "");
    room_trouble(room, "undo", "second", "m1", 1, 1000, WAITS);
    start(room);
    room_tick(room);
    STATUS(room, "rolling_back");
    g_string_truncate(room->log, 0);
    int64_t began_ms = room->now_ms;
    leave(room);
    STATUS(room, "superseded");
    CALLS(room, "");
    assert_in_range(room->now_ms - began_ms, 0, POLL_MS);
    ROW(room, "second", "m1", "orphaned");
    ROW(room, "first", "", "orphaned");
    ROW(room, "second", "m2", "undone");
    assert_int_equal(g_hash_table_size(room->things), 2);
    assert_int_equal(room_ledger_count(room, "made"), 2);
    g_autofree char *text = room_error_text(room);
    SAYS(text, "step 'third'");
}

static void left(struct room *room, struct step_call *call)
{
    struct order o = {NULL, room->now_ms};
    if (!g_str_equal(call->step->key, "second") || !g_str_equal(call->subject, "m2"))
        return;
    order(room, "cancelled");
    OK(db_tx(room->watch, leave_tx, &o));
}

/* A call that was under way settles first: whoever adopts its object must see it. */
static void test_left_inside_a_call(void **state)
{
    struct room *room = *state;
    room->meanwhile = left;
    start(room);
    room->spins = true;
    room_tick(room);
    int64_t began_ms = room->now_ms;
    room_tick(room);
    room_pass(room, SETTLE_MS - 1);
    room_tick(room);
    STATUS(room, "rolling_back");
    room->spins = false;
    room_run(room);
    STATUS(room, "cancelled"); /* as was ordered before */
    assert_true(room->now_ms - began_ms >= SETTLE_MS);
    assert_int_equal(room_count(room, "undo second m2"), 0);
    assert_int_equal(room_count(room, "undo first"), 0);
    ROW(room, "second", "m2", "orphaned");
}

static void test_cancelled_before_the_start(void **state)
{
    struct room *room = *state;
    room_operation(room, "four");
    order(room, "cancelled");
    room_tick(room);
    STATUS(room, "cancelled");
    CALLS(room, "");
}

/* ---- what runs with the end */

static err_t *ended(struct step_call *call, const char *status)
{
    struct room *room = call->world;
    g_string_append_printf(room->log, ", ended %s", status);
    json_set_str(call->result, "report", status);
    return room_count(room, "make last") > 0 ? NULL : err(CONFLICT, "no report");
}

static const struct step last_steps[] = {FULL("last", GROUP, 0, 100), {0}};
static const struct runbook last_book = {
    .name = "last", .version = 1, .steps = last_steps, .plan = room_plan, .ended = ended};
static const struct runbook *const last_books[] = {&last_book, NULL};

static void test_ended(void **state)
{
    struct room *room = *state;
    static const char *const ends[] = {"completed", "rolled_back"};
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        room_clear(room);
        room_books(room, last_books);
        if (i == 1)
            fail_at(room, "last", "");
        room_operation(room, "last");
        room_run(room);
        STATUS(room, ends[i]);
        AUTO(operation) op = room_op(room);
        assert_string_equal(json_str(op->result, "report"), ends[i]);
    }
}

/* A report that cannot be written keeps the end from being written: one transaction. */
static void test_ended_fails(void **state)
{
    struct room *room = *state;
    int64_t wake_at_ms = 0;
    room_put(room, "last", 0);
    room_books(room, last_books);
    room_operation(room, "last");
    FAILS(runner_tick(room->runner, &wake_at_ms), CONFLICT);
    STATUS(room, "running");
    AUTO(operation) op = room_op(room);
    assert_int_equal(op->completed_at_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM(test_newest_first),
        ROOM(test_only_what_was_begun),
        ROOM(test_nothing_made),
        ROOM(test_undo_waits),
        ROOM(test_orphan),
        ROOM(test_undo_waits_for_ever),
        ROOM(test_undo_in_turns),
        ROOM(test_undo_has_tries_of_its_own),
        ROOM(test_undo_settles),
        ROOM(test_undo_fenced),
        ROOM(test_best_effort_is_undone),
        ROOM(test_step_without_undo),
        ROOM(test_superseded_while_waiting),
        ROOM(test_superseded_inside_a_call),
        ROOM(test_cancelled_too_late),
        ROOM(test_superseded_past_pivot),
        ROOM(test_overtaken_inside_a_call),
        ROOM(test_superseded_signing),
        ROOM(test_left_to_another),
        ROOM(test_left_inside_a_call),
        ROOM(test_cancelled_before_the_start),
        ROOM(test_ended),
        ROOM(test_ended_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
