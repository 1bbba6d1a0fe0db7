/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows towards their goal: order, probe before make, what each class of error does, waiting,
 * waves, what is skipped, the plan.  room.h checks the rest in every test.
 */
#include "tests/unit/run/room.h"

#include "store/verb.h"

/* ---- the way */

static void test_four_steps(void **state)
{
    struct room *room = *state;
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "completed");
    CALLS(room, "plan of op-1, probe first, make first, probe second m1, make second m1, "
                "probe second m2, make second m2, probe pivot, make pivot, "
                "probe fourth m1, make fourth m1, probe fourth m2, make fourth m2");
    AUTO(operation) op = room_op(room);
    assert_int_equal(op->progress, 100);
    assert_true(op->past_pivot);
    assert_true(op->completed_at_ms >= op->started_at_ms && op->started_at_ms >= BOTH_NOW);
    AUTO(lease) lease = NULL;
    OK(lease_get(room->watch, OP, &lease));
    assert_null(lease);
    assert_int_equal(room_ledger_count(room, "released"), 6);
    assert_int_equal(room_ledger_count(room, NULL), 6);
    AUTO(op_step) row = room_row(room, "second", "m2");
    assert_string_equal(row->says, "Make second");
    assert_int_equal(row->attempt, 1);
    assert_int_equal(json_int(row->result, "attempt", 0), 1);
}

static void test_found_is_not_made(void **state)
{
    struct room *room = *state;
    room_put(room, "first", 0);
    room_put(room, "second m2", 0);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "completed");
    CALLS(room, "plan of op-1, probe first, probe second m1, make second m1, probe second m2, "
                "probe pivot, make pivot, "
                "probe fourth m1, make fourth m1, probe fourth m2, make fourth m2");
}

static void test_progress(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "second", "m2", 1, 3, WAITS);
    room_operation(room, "four");
    room_tick(room);
    AUTO(operation) half = room_op(room);
    assert_int_equal(half->progress, 35); /* first done: 20; one of two of 20-50 */
    assert_string_equal(half->status, "running");
    room_run(room);
    STATUS(room, "completed");
}

/* ---- classes of error */

/* What 'code' at the first makes of "second m1" leads to, before and after the pivot. */
static const struct {
    enum err_code code;
    bool again;
} classes[] = {
    {ERR_CLOUD_BUSY, true},   {ERR_TIMEOUT, true},   {ERR_CONFLICT, false},
    {ERR_CLOUD_QUOTA, false}, {ERR_INTERNAL, false},
};

static void test_class_before_the_pivot(void **state)
{
    struct room *room = *state;
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
        room_clear(room);
        room_trouble(room, "make", "second", "m1", 1, 1, (int)classes[i].code);
        room_operation(room, "four");
        room_run(room);
        STATUS(room, classes[i].again ? "completed" : "rolled_back");
        assert_int_equal(room_count(room, "make second m1"), classes[i].again ? 2 : 1);
    }
}

static void test_class_after_the_pivot(void **state)
{
    struct room *room = *state;
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
        room_clear(room);
        room_trouble(room, "make", "fourth", "m1", 1, 1, (int)classes[i].code);
        room_operation(room, "four");
        room_run(room);
        STATUS(room, classes[i].again ? "completed" : "needs_operator");
        assert_int_equal(room_count(room, "undo first"), 0);
        assert_int_equal(room_count(room, "make fourth m1"), classes[i].again ? 2 : 1);
    }
    g_autofree char *text = room_error_text(room);
    SAYS(text, "step 'fourth' (Make fourth) failed for m1");
    SAYS(text, "make of 'fourth' fails as ordered");
    SAYS(room->reports->str, "needs_operator: step 'fourth'");
    AUTO(operation) op = room_op(room);
    assert_true(op->wake_at_ms == OPERATION_NEVER);
}

/* A transient error is tried RUN_TRIES_MAX times, further and further apart. */
static void test_limit(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "fourth", "m1", 1, 1000, ERR_CLOUD_BUSY);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "needs_operator");
    assert_int_equal(room_count(room, "make fourth m1"), RUN_TRIES_MAX);
    assert_int_equal(room_count(room, "probe fourth m1"), RUN_TRIES_MAX);
    int64_t before = 0, gap = RUN_BACKOFF_FIRST_MS;
    for (guint i = 0; i < room->made_at->len; i++) {
        int64_t at = g_array_index(room->made_at, int64_t, i);
        if (i >= 6) /* after the five above and the first of m2 come the repeats of m1 */
            assert_true(at - before >= gap && at - before < 2 * gap);
        gap = i >= 6 ? MIN(2 * gap, RUN_BACKOFF_MAX_MS) : gap;
        before = at;
    }
    ROW(room, "fourth", "m1", "failed");
    ROW(room, "fourth", "m2", "done");
}

/* A busy service says when to come back: not sooner, and not later than is reasonable. */
static void test_retry_after(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } table[] = {{"7", 7000},
                 {"86400", RUN_WAIT_MAX_MS},
                 {"-5", RUN_BACKOFF_FIRST_MS},
                 {"Wed, 21 Oct 2026 07:28:00 GMT", RUN_BACKOFF_FIRST_MS}};
    struct room *room = *state;

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        room_clear(room);
        room_trouble(room, "make", "second", "m1", 1, 1, ERR_CLOUD_BUSY);
        room_last_trouble(room)->retry_after = table[i].text;
        room_operation(room, "four");
        room_tick(room);
        room_pass(room, table[i].ms - 1);
        room_tick(room);
        assert_int_equal(room_count(room, "make second m1"), 1);
        room_pass(room, 1);
        room_tick(room);
        assert_int_equal(room_count(room, "make second m1"), 2);
        room_run(room);
        STATUS(room, "completed");
    }
}

/* What was transient for a while counts from one again after an answer. */
static void test_limit_is_of_errors_in_a_row(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "first", "", 1, 7, ERR_CLOUD_BUSY);
    room_trouble(room, "make", "first", "", 8, 8, WAITS);
    room_trouble(room, "make", "first", "", 9, 15, ERR_CLOUD_BUSY);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make first"), 16);
}

/* ---- rule 3 */

/* Neither known to have happened nor not: nothing is asked before the cloud has settled. */
static void test_ambiguous_settles(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "second", "m1", 1, 1, ERR_TIMEOUT);
    room_last_trouble(room)->happens = true;
    room_last_trouble(room)->late_ms = SETTLE_MS;
    room_operation(room, "four");
    room_tick(room);
    CALLS(room, "plan of op-1, probe first, make first, probe second m1, make second m1, "
                "probe second m2, make second m2");
    ROW(room, "second", "m1", "intent");
    room_pass(room, SETTLE_MS - 1);
    room_tick(room);
    CALLS(room, "");
    room_pass(room, 1);
    room_tick(room);
    CALLS(room, "probe second m1, probe pivot, make pivot, probe fourth m1, make fourth m1, "
                "probe fourth m2, make fourth m2");
    STATUS(room, "completed");
}

/* A wall clock that jumps neither shortens the settling nor prolongs it. */
static void test_clock_jumps(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "first", "", 1, 1, ERR_TIMEOUT);
    room_last_trouble(room)->happens = true;
    room_trouble(room, "probe", "second", "m1", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    ROW(room, "first", "", "intent");
    room->now_ms += DAY_MS;
    room_tick(room);
    assert_int_equal(room_count(room, "probe first"), 1);
    room_pass(room, SETTLE_MS);
    room_tick(room);
    assert_int_equal(room_count(room, "probe first"), 2);
    ROW(room, "second", "m1", "waiting");
    room->now_ms -= 2 * DAY_MS;
    room_pass(room, POLL_MS);
    room_tick(room);
    STATUS(room, "completed");
}

/* An engine whose clock was a day ahead left its wake times behind. */
static void test_clock_was_ahead(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "first", "", 1, 1, ERR_TIMEOUT);
    room_last_trouble(room)->happens = true;
    room->same_host = true;
    room_operation(room, "four");
    room_tick(room);
    ROW(room, "first", "", "intent");
    room->now_ms -= DAY_MS;
    room_reopen(room, "host:2:engine");
    room_tick(room);
    assert_int_equal(room_count(room, "probe first"), 1); /* it settles all the same */
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make first"), 1);
}

/* The same when the outcome could not even be written: the intent stands, and the cloud settles. */
static void database_goes(struct room *room, struct step_call *call)
{
    (void)call;
    room->dead = g_str_equal(call->step->key, "first"); /* until the test brings it back */
}

static void test_database_away_after_a_make(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "first", "", 1, 1, ERR_TIMEOUT);
    room_last_trouble(room)->happens = true;
    room_last_trouble(room)->late_ms = SETTLE_MS;
    room_trouble(room, "plan", NULL, NULL, 1, 1, WAITS);
    room_last_trouble(room)->wake_ms = 3 * SETTLE_MS;
    room_operation(room, "four");
    room_tick(room);                /* the lease is taken */
    room_pass(room, 3 * SETTLE_MS); /* and older than any settling */
    room->meanwhile = database_goes;
    int64_t wake_at_ms = 0;
    FAILS(runner_tick(room->runner, &wake_at_ms), DB_CONNECT);
    room->dead = false;
    room->meanwhile = NULL;
    ROW(room, "first", "", "intent");
    room_tick(room);
    assert_int_equal(room_count(room, "probe first"), 1);
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make first"), 1);
}

/* A probe that does not know is not a probe that finds nothing. */
static void test_unknown_is_not_absent(void **state)
{
    struct room *room = *state;
    room_put(room, "first", 0); /* there, but the list is cut */
    room_trouble(room, "probe", "first", "", 1, 7, ERR_CLOUD_PARTIAL);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make first"), 0);
    assert_int_equal(room_count(room, "probe first"), 8);
}

static void test_unknown_for_ever(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "second", "m1", 1, 1000, ERR_CLOUD_PARTIAL);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(room_count(room, "probe second m1"), RUN_TRIES_MAX);
    assert_int_equal(room_count(room, "make second m1"), 0);
    assert_int_equal(room_count(room, "undo second m1"), 0); /* never begun */
    assert_int_equal(room_count(room, "undo second m2"), 1);
}

/* A probe that fails after an intent leaves the intent: the outcome is as unknown as before. */
static void test_unknown_after_intent(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "first", "", 1, 1, ERR_TIMEOUT);
    room_last_trouble(room)->happens = true;
    room_trouble(room, "probe", "first", "", 2, 4, ERR_CLOUD_BUSY);
    room_operation(room, "four");
    room_tick(room);
    for (int i = 0; i < 3; i++) {
        AUTO(operation) op = room_op(room);
        room_pass(room, op->wake_at_ms - room->now_ms);
        room_tick(room);
        ROW(room, "first", "", "intent");
    }
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make first"), 1);
}

/* ---- rule 4: where forward begins */

static void test_pivot_not_begun(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "pivot", "", 1, 1, ERR_CONFLICT);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "rolled_back");
    AUTO(operation) op = room_op(room);
    assert_false(op->past_pivot);
    assert_int_equal(g_hash_table_size(room->things), 0);
    assert_int_equal(room_ledger_count(room, "gone"), 3);
}

static void test_pivot_begun(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "pivot", "", 1, 1, ERR_CONFLICT);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "needs_operator");
    AUTO(operation) op = room_op(room);
    assert_true(op->past_pivot);
    assert_int_equal(g_hash_table_size(room->things), 3);
}

/* The probe of a pivot that finds it done is as good as its making. */
static void test_pivot_found(void **state)
{
    struct room *room = *state;
    room_put(room, "pivot", 0);
    room_trouble(room, "make", "fourth", "m2", 1, 1, ERR_CONFLICT);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "needs_operator");
    AUTO(operation) op = room_op(room);
    assert_true(op->past_pivot);
}

/* ---- rule 7: waiting */

static void test_waits(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "first", "", 1, 1, WAITS); /* the runner's choice */
    room_trouble(room, "probe", "first", "", 2, 2, WAITS);
    room_last_trouble(room)->wake_ms = 3333;
    room_operation(room, "four");
    room_tick(room);
    AUTO(operation) one = room_op(room);
    assert_int_equal(one->wake_at_ms - room->now_ms, POLL_MS);
    room_pass(room, POLL_MS);
    room_tick(room);
    AUTO(operation) two = room_op(room);
    assert_int_equal(two->wake_at_ms - room->now_ms, 3333);
    ROW(room, "first", "", "waiting");
    room_pass(room, 3332);
    room_tick(room);
    assert_int_equal(room_count(room, "probe first"), 2);
    room_pass(room, 1);
    room_tick(room);
    STATUS(room, "completed");
}

/* A step that would sleep for a day is asked sooner. */
static void test_waits_within_bounds(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "first", "", 1, 1, WAITS);
    room_last_trouble(room)->wake_ms = DAY_MS;
    room_operation(room, "four");
    room_tick(room);
    AUTO(operation) op = room_op(room);
    assert_int_equal(op->wake_at_ms - room->now_ms, RUN_WAIT_MAX_MS);
    room_run(room);
    STATUS(room, "completed");
}

/* Steps that only wait, and steps that cannot be probed. */
static const struct step odd_steps[] = {
    {.key = "wait", .says = "Wait", .probe = room_probe, .progress = 50},
    {.key = "blind", .says = "Make it blindly", .make = room_make, .progress = 100},
    {0},
};
static const struct runbook odd_book = {.name = "odd",
                                        .version = 1,
                                        .steps = odd_steps,
                                        .plan = room_plan};
static const struct runbook *const odd_books[] = {&odd_book, NULL};

static void test_step_without_make(void **state)
{
    struct room *room = *state;
    room_books(room, odd_books);
    room_operation(room, "odd");
    room_tick(room);
    room_pass(room, POLL_MS);
    room_tick(room);
    CALLS(room, "plan of op-1, probe wait, probe wait");
    room_put(room, "wait", 0);
    room_run(room);
    STATUS(room, "completed");
    CALLS(room, "probe wait, make blind");
}

/* ---- rule 6: barriers, waves, together */

static void test_barrier(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "second", "m1", 1, 1, WAITS);
    room_last_trouble(room)->happens = true;
    room_trouble(room, "probe", "second", "m1", 2, 2, WAITS);
    room_operation(room, "four");
    room_tick(room);
    room_pass(room, POLL_MS);
    room_tick(room);
    CALLS(room, "plan of op-1, probe first, make first, probe second m1, make second m1, "
                "probe second m2, make second m2, probe second m1");
    ROW(room, "second", "m2", "done");
    ROW(room, "pivot", "", "pending");
    room_run(room);
    STATUS(room, "completed");
}

struct together {
    GString *text; /* rows of each map */
};

static void note_map(void *data, void (*fn)(void *item), void **items, size_t count)
{
    struct together *t = data;
    g_string_append_printf(t->text, "%zu ", count);
    for (size_t i = count; i > 0; i--) /* any order will do */
        fn(items[i - 1]);
}

static void test_waves(void **state)
{
    struct room *room = *state;
    struct together t = {g_string_new(NULL)};
    struct run_executor executor = {&t, note_map};
    room->executor = &executor;
    json_decref(room->plan);
    room->plan = room_json("{'members':[{'id':'late','wave':2},{'id':'a','wave':1},"
                           "{'id':'b','wave':1},{'id':'first','wave':0}],'volumes':[]}");
    room_trouble(room, "make", "fourth", "b", 1, 1, WAITS);
    room_last_trouble(room)->happens = true;
    room_last_trouble(room)->late_ms = POLL_MS;
    room_books(room, four_books);
    room_operation(room, "four");
    room_tick(room);
    assert_string_equal(t.text->str, "1 1 2 1 1 1 2 ");
    ROW(room, "fourth", "a", "done");
    ROW(room, "fourth", "b", "waiting");
    ROW(room, "fourth", "late", "pending");
    room_run(room);
    STATUS(room, "completed");
    assert_string_equal(t.text->str, "1 1 2 1 1 1 2 1 1 ");
    g_string_free(t.text, TRUE);
}

static void *call_item(void *data)
{
    void **pair = data;
    ((void (*)(void *))pair[0])(pair[1]);
    return NULL;
}

static void threads_map(void *data, void (*fn)(void *item), void **items, size_t count)
{
    void *pairs[64][2];
    GThread *threads[64];
    (void)data;
    assert_true(count <= G_N_ELEMENTS(threads));
    for (size_t i = 0; i < count; i++) {
        pairs[i][0] = (void *)fn;
        pairs[i][1] = items[i];
        threads[i] = g_thread_new("row", call_item, pairs[i]);
    }
    for (size_t i = 0; i < count; i++)
        g_thread_join(threads[i]);
}

/* Rows of a step in threads of their own, each with a connection of its own. */
static void test_threads(void **state)
{
    static const struct run_executor executor = {NULL, threads_map};
    struct room *room = *state;
    room->executor = &executor;
    json_decref(room->plan);
    room->plan = room_json("{'members':[{'id':'1'},{'id':'2'},{'id':'3'},{'id':'4'},{'id':'5'},"
                           "{'id':'6'},{'id':'7'},{'id':'8'}],'volumes':[]}");
    room_trouble(room, "make", "second", "5", 1, 2, ERR_CLOUD_BUSY);
    room_books(room, four_books);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make second 5"), 3);
    assert_int_equal(g_hash_table_size(room->things), 18);
}

/* ---- one list call for all */

static err_t *observed_probe(struct step_call *call, enum step_answer *ret)
{
    g_autofree char *key = room_key(call->step->key, call->subject);
    g_string_append_printf(((struct room *)call->world)->log, ", look %s", key);
    *ret = json_bool(call->observed, key, false) ? STEP_DONE : STEP_ABSENT;
    return NULL;
}

static const struct step observed_steps[] = {
    {.key = "list",
     .says = "Make what no list has",
     .per = STEP_PER_MEMBER,
     .probe = observed_probe,
     .make = room_make,
     .observe = room_observe,
     .progress = 100},
    {0},
};
static const struct runbook observed_book = {.name = "observed",
                                             .version = 1,
                                             .steps = observed_steps,
                                             .plan = room_plan};
static const struct runbook *const observed_books[] = {&observed_book, NULL};

static void test_observe(void **state)
{
    struct room *room = *state;
    room_books(room, observed_books);
    room_trouble(room, "make", NULL, NULL, 1, 1, WAITS);
    room_last_trouble(room)->happens = true;
    room_operation(room, "observed");
    room_run(room);
    STATUS(room, "completed");
    CALLS(room, "plan of op-1, observe list, look list m1, make list m1, look list m2, "
                "make list m2, observe list, look list m1, look list m2");
}

/* A list that fails is no list without entries. */
static void test_observe_fails(void **state)
{
    struct room *room = *state;
    room_books(room, observed_books);
    room_trouble(room, "observe", NULL, NULL, 1, 2, ERR_CLOUD_PARTIAL);
    room_operation(room, "observed");
    room_tick(room);
    CALLS(room, "plan of op-1, observe list");
    AUTO(op_step) row = room_row(room, "list", "m2");
    assert_int_equal(row->tries, 1);
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "observe list"), 3);
}

static void test_observe_fenced(void **state)
{
    struct room *room = *state;
    room_books(room, observed_books);
    room_trouble(room, "observe", NULL, NULL, 1, 1, ERR_CLOUD_DEADLINE);
    room->spins = true; /* dropped without a word: it is due as before */
    room_operation(room, "observed");
    room_tick(room);
    CALLS(room, "plan of op-1, observe list");
    AUTO(op_step) row = room_row(room, "list", "m1");
    assert_int_equal(row->tries, 0);
    assert_null(row->error);
    room_run(room);
    STATUS(room, "completed");
}

/* ---- what is skipped */

static err_t *choose_make(struct step_call *call, enum step_answer *ret)
{
    step_skip_subject(call, "m1", "no point holds its volume");
    *ret = STEP_DONE;
    return NULL;
}

static const struct step choose_steps[] = {
    {.key = "choose", .says = "Choose", .make = choose_make, .progress = 10},
    FULL("volume", VOLUME, 0, 50),
    FULL("server", MEMBER, STEP_NO_SKIP, 100),
    {0},
};
static const struct runbook choose_book = {.name = "choose",
                                           .version = 1,
                                           .steps = choose_steps,
                                           .plan = room_plan};
static const struct runbook *const choose_books[] = {&choose_book, NULL};

/* A member that is left out is left out with its volumes; no row comes or goes. */
static void test_left_out(void **state)
{
    struct room *room = *state;
    g_autoptr(GPtrArray) rows = NULL;
    room_books(room, choose_books);
    json_decref(room->plan);
    room->plan = room_json("{'members':[{'id':'m1'},{'id':'m2'}],'volumes':[{'id':'v1','member':"
                           "'m1'},{'id':'v2','member':'m2'},{'id':'v3','member':'m1'}]}");
    room_operation(room, "choose");
    room_run(room);
    STATUS(room, "completed");
    CALLS(room, "plan of op-1, probe volume v2, make volume v2, probe server m2, make server m2");
    ROW(room, "volume", "v1", "skipped");
    ROW(room, "volume", "v3", "skipped");
    ROW(room, "server", "m1", "skipped");
    AUTO(op_step) row = room_row(room, "volume", "v3");
    g_autoptr(err_t) why = err_from_json(row->error);
    SAYS(err_message(why), "no point holds its volume");
    OK(op_step_list(room->watch, OP, &rows));
    assert_int_equal(rows->len, 6);
}

static const struct step soft_steps[] = {
    FULL("soft", MEMBER, STEP_BEST_EFFORT, 50),
    FULL("hard", GROUP, 0, 100),
    {0},
};
static const struct runbook soft_book = {.name = "soft",
                                         .version = 1,
                                         .steps = soft_steps,
                                         .plan = room_plan};
static const struct runbook *const soft_books[] = {&soft_book, NULL};

static void test_best_effort(void **state)
{
    struct room *room = *state;
    room_books(room, soft_books);
    room_trouble(room, "make", "soft", "m1", 1, 1, ERR_CONFLICT);
    room_trouble(room, "make", "soft", "m2", 1, 1000, ERR_CLOUD_BUSY);
    room_operation(room, "soft");
    room_run(room);
    STATUS(room, "completed");
    ROW(room, "soft", "m1", "skipped");
    ROW(room, "soft", "m2", "skipped");
    AUTO(op_step) row = room_row(room, "soft", "m2");
    assert_int_equal(row->attempt, RUN_TRIES_MAX);
    g_autoptr(err_t) why = err_from_json(row->error);
    SAYS(err_message(why), "fails as ordered");
}

static const struct step each_steps[] = {
    FULL("pivot", GROUP, STEP_PIVOT, 10),
    FULL("each", MEMBER, STEP_PER_MEMBER_FAIL | STEP_IN_WAVES, 100),
    {0},
};
static const struct runbook each_book = {.name = "each",
                                         .version = 1,
                                         .steps = each_steps,
                                         .plan = room_plan};
static const struct step all_steps[] = {
    FULL("pivot", GROUP, STEP_PIVOT, 10),
    FULL("each", MEMBER, STEP_IN_WAVES, 100),
    {0},
};
static const struct runbook all_book = {.name = "all",
                                        .version = 1,
                                        .steps = all_steps,
                                        .plan = room_plan};
static const struct runbook *const each_books[] = {&each_book, &all_book, NULL};

/* One server that does not start keeps no later wave from starting, if the step says so. */
static void test_member_fails_alone(void **state)
{
    struct room *room = *state;
    static const struct {
        const char *runbook, *other;
    } cases[] = {{"each", "done"}, {"all", "pending"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        room_clear(room);
        room_books(room, each_books);
        json_decref(room->plan);
        room->plan =
            room_json("{'members':[{'id':'m1','wave':1},{'id':'m2','wave':2}],'volumes':[]}");
        room_trouble(room, "make", "each", "m1", 1, 1, ERR_CONFLICT);
        room_operation(room, cases[i].runbook);
        room_run(room);
        STATUS(room, "needs_operator");
        ROW(room, "each", "m1", "failed");
        ROW(room, "each", "m2", cases[i].other);
    }
}

static const struct step member_steps[] = {
    FULL("pivot", GROUP, STEP_PIVOT, 10),
    FULL("port", MEMBER, STEP_PER_MEMBER_FAIL, 30),
    FULL("boot", MEMBER, STEP_PER_MEMBER_FAIL | STEP_NEEDS_EARLIER, 60),
    FULL("sweep", MEMBER, STEP_PER_MEMBER_FAIL, 80),
    FULL("finish", GROUP, 0, 100),
    {0},
};
static const struct runbook member_book = {.name = "member",
                                           .version = 1,
                                           .steps = member_steps,
                                           .plan = room_plan};
static const struct runbook *const member_books[] = {&member_book, NULL};

/* A member whose port fails: the other one goes on through its own steps, then a person is asked.
 */
static void member_stuck(struct room *room)
{
    room_clear(room);
    room_books(room, member_books);
    room_trouble(room, "make", "port", "m1", 1, 1, ERR_CONFLICT);
    room_operation(room, "member");
    room_run(room);
    STATUS(room, "needs_operator");
    CALLS(room, "plan of op-1, probe pivot, make pivot, probe port m1, make port m1, "
                "probe port m2, make port m2, probe boot m2, make boot m2, probe sweep m2, "
                "make sweep m2");
    ROW(room, "port", "m1", "failed");
    ROW(room, "boot", "m1", "pending");
    ROW(room, "boot", "m2", "done");
    ROW(room, "finish", "", "pending");
}

static void member_verb(struct room *room, enum operation_verb verb, const char *step)
{
    struct verb_call call = {.op_id = OP,
                             .verb = verb,
                             .step = step,
                             .subject = step != NULL ? "m1" : NULL,
                             .reason = step != NULL ? "rebuilt by hand" : NULL,
                             .now_ms = room->now_ms};
    OK(verb_apply(room->watch, &call));
    room_run(room);
    STATUS(room, "completed");
}

static void test_member_goes_on(void **state)
{
    struct room *room = *state;
    member_stuck(room);
    member_verb(room, OPERATION_RETRY, NULL);
    CALLS(room, "probe port m1, make port m1, probe boot m1, make boot m1, probe sweep m1, "
                "make sweep m1, probe finish, make finish");
    member_stuck(room);
    member_verb(room, OPERATION_SKIP, "port"); /* what needs it is left out with it */
    CALLS(room, "probe sweep m1, make sweep m1, probe finish, make finish");
    ROW(room, "port", "m1", "skipped");
    ROW(room, "boot", "m1", "skipped");
    AUTO(op_step) row = room_row(room, "boot", "m1");
    g_autoptr(err_t) why = err_from_json(row->error);
    assert_string_equal(err_message(why), "rebuilt by hand");
}

/* Before the pivot nothing goes on behind a failure: it is taken back. */
static const struct step early_steps[] = {
    FULL("port", MEMBER, STEP_PER_MEMBER_FAIL, 30),
    FULL("boot", MEMBER, STEP_PER_MEMBER_FAIL, 60),
    {0},
};
static const struct runbook early_book = {.name = "early",
                                          .version = 1,
                                          .steps = early_steps,
                                          .plan = room_plan};
static const struct runbook *const early_books[] = {&early_book, NULL};

static void test_member_fails_early(void **state)
{
    struct room *room = *state;
    room_books(room, early_books);
    room_trouble(room, "make", "port", "m1", 1, 1, ERR_CONFLICT);
    room_operation(room, "early");
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(room_count(room, "make port m2"), 1);
    assert_int_equal(room_count(room, "make boot m2"), 0);
}

/* What is under way ends before a person is asked. */
static void test_failure_waits_for_others(void **state)
{
    struct room *room = *state;
    room_books(room, each_books);
    room_trouble(room, "make", "each", "m1", 1, 1, ERR_CONFLICT);
    room_trouble(room, "make", "each", "m2", 1, 1, WAITS);
    room_last_trouble(room)->happens = true;
    room_last_trouble(room)->late_ms = POLL_MS;
    room_operation(room, "all");
    room_tick(room);
    STATUS(room, "running");
    room_run(room);
    STATUS(room, "needs_operator");
    ROW(room, "each", "m2", "done");
}

/* A group has no member that could fail alone: what comes after a failed row of it goes on. */
static const struct step group_steps[] = {
    FULL("pivot", GROUP, STEP_PIVOT, 10),
    FULL("tags", GROUP, STEP_PER_MEMBER_FAIL, 50),
    FULL("rules", GROUP, STEP_PER_MEMBER_FAIL, 100),
    {0},
};
/* What is left out in a step of another kind is no reason to leave its member out. */
static const struct step other_steps[] = {
    FULL("pivot", GROUP, STEP_PIVOT, 10),
    FULL("soft", MEMBER, STEP_BEST_EFFORT, 50),
    FULL("boot", MEMBER, STEP_PER_MEMBER_FAIL | STEP_NEEDS_EARLIER, 100),
    {0},
};
static const struct runbook group_book = {.name = "group",
                                          .version = 1,
                                          .steps = group_steps,
                                          .plan = room_plan};
static const struct runbook other_book = {.name = "other",
                                          .version = 1,
                                          .steps = other_steps,
                                          .plan = room_plan};
static const struct runbook *const other_books[] = {&group_book, &other_book, NULL};

static void test_group_rows_fail_alone(void **state)
{
    struct room *room = *state;
    room_books(room, other_books);
    room_trouble(room, "make", "tags", "", 1, 1, ERR_CONFLICT);
    room_operation(room, "group");
    room_run(room);
    STATUS(room, "needs_operator");
    ROW(room, "tags", "", "failed");
    ROW(room, "rules", "", "done");
}

static void test_left_out_by_another_kind(void **state)
{
    struct room *room = *state;
    room_books(room, other_books);
    room_trouble(room, "make", "soft", "m1", 1, 1, ERR_CONFLICT);
    room_operation(room, "other");
    room_run(room);
    STATUS(room, "completed");
    ROW(room, "soft", "m1", "skipped");
    ROW(room, "boot", "m1", "done");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM(test_four_steps),
        ROOM(test_found_is_not_made),
        ROOM(test_progress),
        ROOM(test_class_before_the_pivot),
        ROOM(test_class_after_the_pivot),
        ROOM(test_limit),
        ROOM(test_retry_after),
        ROOM(test_limit_is_of_errors_in_a_row),
        ROOM(test_ambiguous_settles),
        ROOM(test_clock_jumps),
        ROOM(test_clock_was_ahead),
        ROOM(test_database_away_after_a_make),
        ROOM(test_unknown_is_not_absent),
        ROOM(test_unknown_for_ever),
        ROOM(test_unknown_after_intent),
        ROOM(test_pivot_not_begun),
        ROOM(test_pivot_begun),
        ROOM(test_pivot_found),
        ROOM(test_waits),
        ROOM(test_waits_within_bounds),
        ROOM(test_step_without_make),
        ROOM(test_barrier),
        ROOM(test_waves),
        ROOM(test_threads),
        ROOM(test_observe),
        ROOM(test_observe_fails),
        ROOM(test_observe_fenced),
        ROOM(test_left_out),
        ROOM(test_best_effort),
        ROOM(test_member_fails_alone),
        ROOM(test_member_goes_on),
        ROOM(test_member_fails_early),
        ROOM(test_failure_waits_for_others),
        ROOM(test_group_rows_fail_alone),
        ROOM(test_left_out_by_another_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
