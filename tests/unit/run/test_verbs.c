/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person may do (store/verb.h), and what the runner makes of it: retry, skip with a reason,
 * abandon, cancel; each refused where it must be, and then nothing changes.
 */
#include "tests/unit/run/room.h"

#include "store/verb.h"

static err_t *say(struct room *room, enum operation_verb which, const char *step,
                  const char *subject, const char *reason)
{
    struct verb_call verb = {.op_id = OP,
                             .verb = which,
                             .step = step,
                             .subject = subject,
                             .reason = reason,
                             .now_ms = room->now_ms};
    return verb_apply(room->watch, &verb);
}

/* An operation past its pivot whose row "fourth m1" failed. */
static void needs_operator(struct room *room, enum err_code code)
{
    room_trouble(room, "make", "fourth", "m1", 1, 1, (int)code);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "needs_operator");
    g_string_truncate(room->log, 0);
}

static void test_waits_for_a_person(void **state)
{
    struct room *room = *state;
    needs_operator(room, ERR_CONFLICT);
    for (int i = 0; i < 5; i++) {
        room_pass(room, RUN_BACKOFF_MAX_MS);
        room_tick(room);
    }
    CALLS(room, "");
    STATUS(room, "needs_operator");
    assert_int_equal(room_ledger_count(room, "released"), 0);
}

static void test_retry(void **state)
{
    struct room *room = *state;
    needs_operator(room, ERR_CONFLICT);
    OK(say(room, OPERATION_RETRY, NULL, NULL, NULL));
    STATUS(room, "running");
    AUTO(operation) op = room_op(room);
    assert_int_equal(op->generation, 2);
    room_run(room);
    STATUS(room, "completed");
    CALLS(room, "probe fourth m1, make fourth m1");
    ROW(room, "fourth", "m1", "done");
}

/* It fails again: asked again, with all its tries. */
static void test_retry_in_vain(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "fourth", "m1", 1, 1000, ERR_CLOUD_BUSY);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "needs_operator");
    OK(say(room, OPERATION_RETRY, NULL, NULL, NULL));
    room_run(room);
    STATUS(room, "needs_operator");
    assert_int_equal(room_count(room, "make fourth m1"), 2 * RUN_TRIES_MAX);
}

/* A person who is quicker than the cloud settles waits with it. */
static void test_retry_settles(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "fourth", "m1", 1, 1000, ERR_TIMEOUT);
    room_operation(room, "four");
    for (int i = 0; i < 30 && room_count(room, "make fourth m1") < RUN_TRIES_MAX - 1; i++) {
        room_tick(room);
        room_pass(room, RUN_BACKOFF_MAX_MS);
    }
    room_last_trouble(room)->happens = true;
    room_last_trouble(room)->late_ms = SETTLE_MS;
    room_tick(room);
    STATUS(room, "needs_operator");
    OK(say(room, OPERATION_RETRY, NULL, NULL, NULL));
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make fourth m1"), RUN_TRIES_MAX);
}

static void test_skip(void **state)
{
    struct room *room = *state;
    needs_operator(room, ERR_CONFLICT);
    OK(say(room, OPERATION_SKIP, "fourth", "m1", "rebuilt by hand"));
    room_run(room);
    STATUS(room, "completed");
    CALLS(room, "");
    ROW(room, "fourth", "m1", "skipped");
    AUTO(op_step) row = room_row(room, "fourth", "m1");
    g_autoptr(err_t) why = err_from_json(row->error);
    assert_string_equal(err_message(why), "rebuilt by hand");
    assert_int_equal(err_code(why), ERR_SKIPPED);
}

/* Without a subject: every failed row of the step, and no other. */
static void test_skip_all(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "fourth", "m2", 1, 1, ERR_CONFLICT);
    needs_operator(room, ERR_CONFLICT);
    OK(say(room, OPERATION_SKIP, "fourth", "m2", "later"));
    room_run(room);
    STATUS(room, "needs_operator"); /* m1 has failed as well */
    OK(say(room, OPERATION_SKIP, "fourth", NULL, "later"));
    room_run(room);
    STATUS(room, "completed");
    ROW(room, "second", "m1", "done");
}

static char *journal(struct room *room)
{
    g_autoptr(GPtrArray) rows = NULL;
    GString *text = g_string_new(NULL);
    AUTO(operation) op = room_op(room);
    OK(op_step_list(room->watch, OP, &rows));
    for (guint i = 0; i < rows->len; i++)
        g_string_append_printf(text, "%s ",
                               ((const struct op_step *)g_ptr_array_index(rows, i))->state);
    g_string_append_printf(text, "%s %d", op->status, (int)op->generation);
    return g_string_free(text, FALSE);
}

/* The pivot may not be skipped: safety rests on it. */
static void test_no_skip(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "pivot", "", 1, 1, ERR_CONFLICT);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "needs_operator");
    g_autofree char *before = journal(room);
    FAILS(say(room, OPERATION_SKIP, "pivot", NULL, "I know better"), SAFETY_NO_SKIP);
    g_autofree char *after = journal(room);
    assert_string_equal(before, after);
    OK(say(room, OPERATION_RETRY, NULL, NULL, NULL));
    room_run(room);
    STATUS(room, "completed");
}

static void test_skip_of_nothing(void **state)
{
    struct room *room = *state;
    static const char *const wrong[][2] = {{"fourth", "m2"},
                                           {"fourth", "m9"},
                                           {"second", NULL},
                                           {"nonsense", NULL}};
    needs_operator(room, ERR_CONFLICT);
    g_autofree char *before = journal(room);
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        FAILS(say(room, OPERATION_SKIP, wrong[i][0], wrong[i][1], "r"), NOT_FOUND);
    g_autofree char *after = journal(room);
    assert_string_equal(before, after);
}

/* ---- abandon */

static const struct step final_steps[] = {
    FULL("pivot", GROUP, STEP_PIVOT | STEP_NO_SKIP, 20),
    FULL("boot", MEMBER, 0, 70),
    FULL("more", MEMBER, 0, 90),
    FULL("report", GROUP, STEP_NO_SKIP | STEP_FINAL, 100),
    {0},
};
static const struct runbook final_book = {.name = "final",
                                          .version = 1,
                                          .steps = final_steps,
                                          .plan = room_plan};
static const struct runbook *const final_books[] = {&final_book, NULL};

/* Past the pivot: it ends, what was made stays and is handed over, the outcome is recorded. */
static void test_abandon(void **state)
{
    struct room *room = *state;
    room_books(room, final_books);
    room_trouble(room, "make", "boot", "m1", 1, 1, ERR_CONFLICT);
    room_operation(room, "final");
    room_run(room);
    STATUS(room, "needs_operator");
    g_string_truncate(room->log, 0);
    OK(say(room, OPERATION_ABANDON, NULL, NULL, "the hall burns"));
    room_run(room);
    STATUS(room, "abandoned");
    CALLS(room, "probe report, make report");
    ROW(room, "boot", "m1", "skipped");
    ROW(room, "boot", "m2", "done");
    ROW(room, "more", "m2", "skipped");
    ROW(room, "report", "", "done");
    AUTO(operation) op = room_op(room);
    assert_string_equal(json_str(op->result, "ending_text"), "the hall burns");
    assert_int_equal(room_ledger_count(room, "released"), room_ledger_count(room, NULL));
    assert_int_equal(room_count(room, "undo boot m2"), 0);
}

/* The outcome itself could not be recorded: it is tried again, and does not ask the same person. */
static void test_abandon_at_the_end(void **state)
{
    struct room *room = *state;
    room_books(room, final_books);
    room_trouble(room, "make", "report", "", 1, 1, ERR_CONFLICT);
    room_operation(room, "final");
    room_run(room);
    STATUS(room, "needs_operator");
    OK(say(room, OPERATION_ABANDON, NULL, NULL, "it does not matter"));
    room_run(room);
    STATUS(room, "abandoned");
    ROW(room, "report", "", "done");
}

/* A failure before the pivot whose unwinding hangs at "second m1". */
static void unwinding_hangs(struct room *room, int code)
{
    room_books(room, safe_books);
    room_trouble(room, "make", "third", "", 1, 1, ERR_CONFLICT);
    room_trouble(room, "undo", "second", "m1", 1, 1000, code);
    room_operation(room, "safe");
    room_tick(room);
    STATUS(room, "rolling_back");
    g_string_truncate(room->log, 0);
}

static void abandon(struct room *room)
{
    OK(say(room, OPERATION_ABANDON, NULL, NULL, "the cloud is gone"));
    ROW(room, "second", "m1", "orphaned");
    room->spins = true; /* the engine learns of it by being refused */
    room_tick(room);
    room->spins = false;
    room_run(room);
    STATUS(room, "abandoned");
}

/* What hangs is left, named; what was not tried yet is taken back. */
static void test_abandon_unwinding(void **state)
{
    struct room *room = *state;
    static const int codes[] = {WAITS, ERR_CLOUD_BUSY, ERR_TIMEOUT};
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        room_clear(room);
        unwinding_hangs(room, codes[i]);
        abandon(room);
        CALLS(room, "undo first");
        ROW(room, "second", "m2", "undone");
        ROW(room, "first", "", "undone");
        assert_int_equal(room_ledger_count(room, "made"), 1);
        assert_int_equal(room_ledger_count(room, "gone"), 3);
        AUTO(op_step) row = room_row(room, "second", "m1");
        g_autoptr(err_t) why = err_from_json(row->error);
        g_autofree char *text = err_text(why);
        SAYS(text, "given up: the cloud is gone");
        g_autofree char *error = room_error_text(room);
        SAYS(error, "protector-manage orphans");
        AUTO(operation) op = room_op(room);
        assert_string_equal(json_str(op->result, "ending_text"), "the cloud is gone");
    }
}

/* Once, and not for long. */
static void test_abandon_tries_once(void **state)
{
    struct room *room = *state;
    unwinding_hangs(room, WAITS);
    room_trouble(room, "undo", "first", "", 1, 1000, ERR_CLOUD_BUSY);
    abandon(room);
    CALLS(room, "undo first");
    ROW(room, "first", "", "orphaned");
    room_clear(room);
    unwinding_hangs(room, WAITS);
    room_trouble(room, "undo", "first", "", 1, 1000, WAITS);
    room_last_trouble(room)->wake_ms = 10000;
    int64_t began_ms = room->now_ms;
    abandon(room);
    ROW(room, "first", "", "orphaned");
    assert_in_range(room->now_ms - began_ms, RUN_UNDO_ONCE_MAX_MS, RUN_UNDO_ONCE_MAX_MS + 20000);
}

/* What was overtaken past its pivot takes nothing back: there is nothing to give up. */
static void test_abandon_overtaken(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "fourth", "m1", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    OK(db_exec(room->watch, NULL, "UPDATE dr_operations SET status = 'rolling_back'", ""));
    FAILS(say(room, OPERATION_ABANDON, NULL, NULL, "r"), OPERATION_STATE);
    ROW(room, "fourth", "m2", "done");
    room_run(room);
    STATUS(room, "superseded");
}

/* ---- cancel */

static void test_cancel(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "pivot", "", 1, 1000, WAITS);
    room_operation(room, "four");
    room_tick(room);
    OK(say(room, OPERATION_CANCEL, NULL, NULL, "not today"));
    STATUS(room, "rolling_back");
    room->spins = true; /* the engine learns of it by being refused */
    room_tick(room);
    room->spins = false;
    room_run(room);
    STATUS(room, "cancelled");
    assert_int_equal(g_hash_table_size(room->things), 0);
    assert_int_equal(room_ledger_count(room, "gone"), room_ledger_count(room, NULL));
    AUTO(operation) op = room_op(room);
    assert_string_equal(json_str(op->result, "ending_text"), "not today");
}

static void test_cancel_pending(void **state)
{
    struct room *room = *state;
    room_operation(room, "four");
    OK(say(room, OPERATION_CANCEL, NULL, NULL, NULL));
    room_run(room);
    STATUS(room, "cancelled");
    CALLS(room, "");
}

static void test_cancel_past_the_pivot(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "fourth", "m1", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    STATUS(room, "running");
    g_autofree char *before = journal(room);
    FAILS(say(room, OPERATION_CANCEL, NULL, NULL, NULL), OPERATION_STATE);
    g_autofree char *after = journal(room);
    assert_string_equal(before, after);
    room_run(room);
    STATUS(room, "completed");
}

static void cancelled(struct room *room, struct step_call *call)
{
    if (g_str_equal(call->step->key, "second") && g_str_equal(call->subject, "m2"))
        OK(say(room, OPERATION_CANCEL, NULL, NULL, NULL));
}

/* In the middle of a call: it is not known to have happened, so it settles and is undone. */
static void test_cancel_inside_a_call(void **state)
{
    struct room *room = *state;
    room->meanwhile = cancelled;
    room_operation(room, "four");
    room->spins = true;
    room_tick(room);
    ROW(room, "second", "m2", "intent");
    room_run(room);
    STATUS(room, "cancelled");
    assert_int_equal(room_count(room, "make pivot"), 0);
    assert_int_equal(room_count(room, "undo second m2"), 1);
    assert_int_equal(g_hash_table_size(room->things), 0);
}

/* ---- which verb when */

static void test_wrong_status(void **state)
{
    struct room *room = *state;
    room_operation(room, "four");
    FAILS(say(room, OPERATION_RETRY, NULL, NULL, NULL), OPERATION_STATE);
    FAILS(say(room, OPERATION_ABANDON, NULL, NULL, NULL), OPERATION_STATE);
    FAILS(say(room, OPERATION_SKIP, "first", NULL, "r"), OPERATION_STATE);
    room_run(room);
    STATUS(room, "completed");
    for (int v = 0; v < OPERATION_VERBS; v++)
        FAILS(say(room, (enum operation_verb)v, "first", NULL, "r"), OPERATION_STATE);
    struct verb_call verb = {.op_id = "op-9", .verb = OPERATION_RETRY, .now_ms = room->now_ms};
    FAILS(verb_apply(room->watch, &verb), OPERATION_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM(test_waits_for_a_person),
        ROOM_BOTH(test_retry),
        ROOM(test_retry_in_vain),
        ROOM(test_retry_settles),
        ROOM_BOTH(test_skip),
        ROOM(test_skip_all),
        ROOM(test_no_skip),
        ROOM(test_skip_of_nothing),
        ROOM_BOTH(test_abandon),
        ROOM(test_abandon_at_the_end),
        ROOM_BOTH(test_abandon_unwinding),
        ROOM(test_abandon_tries_once),
        ROOM(test_abandon_overtaken),
        ROOM_BOTH(test_cancel),
        ROOM(test_cancel_pending),
        ROOM(test_cancel_past_the_pivot),
        ROOM(test_cancel_inside_a_call),
        ROOM(test_wrong_status),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
