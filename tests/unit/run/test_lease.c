/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One owner (rule 5): who may take an operation and when, what a sleeper may still do, and until
 * when a call to the outside may last.  The compare-and-set itself: store/test_lease.
 */
#include "tests/unit/run/room.h"

#include "run/runner_internal.h"
#include "store/faulty.h"

/* An operation whose engine has just died in the middle of a make of "first". */
static void died(struct room *room)
{
    room_operation(room, "four");
    room->die_at = 3; /* after-call */
    int64_t wake_at_ms = 0;
    err_free(runner_tick(room->runner, &wake_at_ms));
    assert_true(room->dead);
    ROW(room, "first", "", "intent");
}

static char *owner(struct room *room)
{
    AUTO(lease) lease = NULL;
    OK(lease_get(room->watch, OP, &lease));
    return lease != NULL ? TAKE(lease->owner) : g_strdup("");
}

static void test_whole_ttl(void **state)
{
    struct room *room = *state;
    died(room);
    room_reopen(room, "two");
    room_tick(room); /* sees the beat for the first time */
    room_pass(room, TTL_MS - 1);
    room_tick(room);
    g_autofree char *still = owner(room);
    assert_string_equal(still, "one");
    room_pass(room, 1);
    room_tick(room);
    g_autofree char *now = owner(room);
    assert_string_equal(now, "two");
    CALLS(room, "plan of op-1, probe first, make first"); /* it settles first */
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make first"), 1);
}

/* Nobody's wall clock counts, nor how long the taker has not looked. */
static void test_own_monotonic_clock(void **state)
{
    struct room *room = *state;
    died(room);
    room_reopen(room, "two");
    room->now_ms += 24 * 3600 * 1000;
    room_tick(room);
    room->now_ms += 24 * 3600 * 1000;
    room_tick(room);
    g_autofree char *still = owner(room);
    assert_string_equal(still, "one");
    room->mono_ms += TTL_MS;
    room->now_ms -= 48 * 3600 * 1000;
    room_tick(room); /* by the wall it is early: due since before */
    g_autofree char *now = owner(room);
    assert_string_equal(now, "two");
}

/* Every beat of the owner starts the taker's waiting anew. */
static void test_a_beat_resets(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "first", "", 1, 1000, WAITS);
    room_operation(room, "four");
    room_tick(room);
    struct runner *taker = room_runner(room, "two");
    for (int i = 0; i < 20; i++) {
        bool ran = true;
        OK(runner_run(taker, OP, &ran));
        assert_false(ran);
        room_pass(room, TTL_MS / 2); /* "one" beats */
    }
    bool ran = false;
    OK(runner_run(taker, OP, &ran));
    room->now_ms += TTL_MS; /* "one" is asleep from here */
    room->mono_ms += TTL_MS;
    OK(runner_run(taker, OP, &ran));
    assert_true(ran);
    g_autofree char *now = owner(room);
    assert_string_equal(now, "two");
    runner_destroy(taker);
}

static void test_two_takers(void **state)
{
    struct room *room = *state;
    bool ran[2] = {false, false};
    died(room);
    room_reopen(room, "two");
    struct runner *other = room_runner(room, "three");
    room_tick(room);
    OK(runner_run(other, OP, &ran[1]));
    room->now_ms += TTL_MS;
    room->mono_ms += TTL_MS;
    OK(runner_run(other, OP, &ran[1]));
    OK(runner_run(room->runner, OP, &ran[0]));
    assert_true(ran[1]);
    assert_false(ran[0]);
    runner_destroy(other);
}

/* The lock file says that the engine of this host is dead: no TTL, but the cloud still settles. */
static void test_own_host(void **state)
{
    struct room *room = *state;
    g_hash_table_remove_all(room->things);
    died(room);
    int64_t *seen = g_hash_table_lookup(room->things, "first");
    *seen = room->mono_ms + SETTLE_MS; /* the call is still on its way through the cloud */
    room_reopen(room, "two");
    room->same_host = true;
    room_tick(room);
    g_autofree char *now = owner(room);
    assert_string_equal(now, "two");
    assert_int_equal(room_count(room, "probe first"), 1);
    AUTO(operation) op = room_op(room);
    assert_int_equal(op->wake_at_ms - room->now_ms, SETTLE_MS);
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make first"), 1);
}

/* An engine that knows of no lock file waits a TTL like any other. */
static void test_no_lock_file(void **state)
{
    struct room *room = *state;
    died(room);
    room_reopen(room, "two");
    room->same_host = true;
    room->runner->o.lease_is_ours = NULL;
    room_tick(room);
    g_autofree char *still = owner(room);
    assert_string_equal(still, "one");
    room_pass(room, TTL_MS);
    room_tick(room);
    g_autofree char *now = owner(room);
    assert_string_equal(now, "two");
}

/* Another owner is another life, also at the beat that was seen before. */
static void test_another_owner_at_the_same_beat(void **state)
{
    struct room *room = *state;
    died(room);
    room_reopen(room, "two");
    room_tick(room);
    OK(db_exec(room->watch, NULL, "UPDATE leases SET owner = 'three'", ""));
    room_pass(room, TTL_MS);
    room_tick(room);
    g_autofree char *still = owner(room);
    assert_string_equal(still, "three");
    room_pass(room, TTL_MS);
    room_tick(room);
    g_autofree char *now = owner(room);
    assert_string_equal(now, "two");
}

/* ---- the sleeper */

struct sleeper {
    struct runner *other;
    const char *step;
};

/* While "one" sleeps inside a make, "two" waits a TTL, takes over and ends the operation. */
static void overtaken(struct room *room, struct step_call *call)
{
    struct sleeper *s = room->data;
    if (!g_str_equal(call->step->key, s->step))
        return;
    room->meanwhile = NULL;
    s->other = room_runner(room, "two");
    for (int i = 0; i < 40; i++) {
        bool ran = false;
        OK(runner_run(s->other, OP, &ran));
        room->now_ms += TTL_MS / 2;
        room->mono_ms += TTL_MS / 2;
        OK(runner_beat(s->other));
    }
    g_string_append(room->log, ", awake");
}

static char *everything(struct room *room)
{
    static const char *const queries[] = {
        ("SELECT seq, state, attempt, tries, result, error, wake_at, finished_at FROM dr_steps"
         " ORDER BY seq"),
        "SELECT status, error, result, generation, progress, wake_at FROM dr_operations",
        "SELECT resource_key, state, updated_at FROM dr_resources ORDER BY resource_key",
        "SELECT owner, beat, writes FROM leases",
    };
    static const size_t columns[] = {8, 6, 3, 3};
    GString *text = g_string_new(NULL);
    for (size_t q = 0; q < G_N_ELEMENTS(queries); q++) {
        AUTO(db_rows) rows = NULL;
        OK(db_query(room->watch, &rows, queries[q], ""));
        for (size_t i = 0; i < db_rows_count(rows); i++) {
            for (size_t c = 0; c < columns[q]; c++)
                g_string_append_printf(text, "%s|", db_str(rows, i, c));
        }
    }
    return g_string_free(text, FALSE);
}

static void test_sleeper(void **state)
{
    struct room *room = *state;
    static const char *const steps[] = {"first", "second", "pivot", "fourth"};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        struct sleeper sleeper = {NULL, steps[i]};
        room_clear(room);
        room->data = &sleeper;
        room->meanwhile = overtaken;
        room_operation(room, "four");
        int64_t wake_at_ms = 0;
        OK(runner_tick(room->runner, &wake_at_ms)); /* no error: it drops it without a word */
        STATUS(room, "completed");
        const char *after = strstr(room->log->str, "awake");
        assert_non_null(after);
        assert_null(strstr(after, "make"));
        g_autofree char *before = everything(room);
        OK(runner_beat(room->runner));
        OK(runner_tick(room->runner, &wake_at_ms));
        g_autofree char *now = everything(room);
        assert_string_equal(before, now);
        AUTO(op_step) row = room_row(room, "fourth", "m2");
        assert_null(row->error);
        runner_destroy(sleeper.other);
    }
}

/* ---- until when a call may last */

static void fits_inside(struct room *room, struct step_call *call)
{
    int64_t *deadline = room->data;
    *deadline = call->deadline_mono_ms;
    assert_true(runner_call_fits(room->runner, OP, *deadline - room->mono_ms));
    assert_false(runner_call_fits(room->runner, OP, *deadline - room->mono_ms + 1));
}

static void test_deadline(void **state)
{
    struct room *room = *state;
    int64_t deadline = 0;
    assert_false(runner_call_fits(room->runner, OP, 1)); /* not ours at all */
    room->data = &deadline;
    room->meanwhile = fits_inside;
    room_trouble(room, "probe", "second", "m1", 1, 1, WAITS);
    room_last_trouble(room)->wake_ms = TTL_MS;
    room_operation(room, "four");
    int64_t taken = room->mono_ms;
    room_tick(room);
    assert_int_equal(deadline, taken + TTL_MS);
    room->mono_ms += 1234; /* no beat: less and less time is left */
    assert_true(runner_call_fits(room->runner, OP, TTL_MS - 1234));
    assert_false(runner_call_fits(room->runner, OP, TTL_MS - 1233));
    room_pass(room, TTL_MS);
    int64_t beaten = room->mono_ms;
    room_tick(room);
    assert_true(deadline > taken + TTL_MS && deadline <= beaten + TTL_MS);
    STATUS(room, "completed");
    assert_false(runner_call_fits(room->runner, OP, 1)); /* given back */
}

static void late_beat(struct room *room, struct step_call *call)
{
    if (!g_str_equal(call->step->key, "first"))
        return;
    room->now_ms += 2 * TTL_MS;
    room->mono_ms += 2 * TTL_MS;
}

/* An engine that could not beat for a TTL calls nothing more before it has beaten again. */
static void test_no_call_without_a_lease(void **state)
{
    struct room *room = *state;
    int64_t wake_at_ms = 0;
    room->meanwhile = late_beat;
    room_operation(room, "four");
    OK(runner_tick(room->runner, &wake_at_ms));
    CALLS(room, "plan of op-1, probe first, make first");
    room->meanwhile = NULL;
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make first"), 1);
}

/* A call that did not fit is no failure of the row: nothing is written, it is done later. */
static void test_call_that_did_not_fit(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "second", "m1", 1, 1, ERR_CLOUD_DEADLINE);
    room_operation(room, "four");
    room->spins = true;
    room_tick(room);
    AUTO(op_step) row = room_row(room, "second", "m1");
    assert_string_equal(row->state, "intent");
    assert_int_equal(row->tries, 0);
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make second m1"), 2);
}

/* ---- beats */

/* Operations that wait, "op-1" to "op-3". */
static void three_wait(struct room *room)
{
    static const char *const ids[] = {"op-1", "op-2", "op-3"};
    room_trouble(room, "probe", "first", "", 1, 1000, WAITS);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        AUTO(operation) op = operation_create();
        op->id = g_strdup(ids[i]);
        op->project_id = g_strdup("p");
        op->operation_type = g_strdup("four");
        op->runbook = g_strdup("four");
        op->runbook_version = 1;
        op->created_at_ms = room->now_ms;
        OK(operation_insert(room->watch, op));
    }
    room_tick(room);
}

/* A beat that fails for one operation is not the end of the others. */
static void test_beat_goes_on(void **state)
{
    struct room *room = *state;
    three_wait(room);
    room->mono_ms += TTL_MS / 2;
    struct db *db = room_db_get(room);
    struct faulty *faulty = faulty_stack(db);
    faulty_arm(faulty, FAULTY_STATEMENT, 1, 1, ERR_DB, false);
    room_db_put(room, db);
    FAILS(runner_beat(room->runner), DB);
    assert_int_equal(faulty_failed(faulty, FAULTY_STATEMENT), 1);
    assert_false(runner_call_fits(room->runner, "op-1", TTL_MS));
    assert_true(runner_call_fits(room->runner, "op-2", TTL_MS));
    assert_true(runner_call_fits(room->runner, "op-3", TTL_MS));
    OK(runner_beat(room->runner));
    assert_true(runner_call_fits(room->runner, "op-1", TTL_MS));
}

/* A beat that was lost to another engine ends the lease here, without an error. */
static void test_beat_of_a_lost_lease(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "first", "", 1, 1000, WAITS);
    room_operation(room, "four");
    room_tick(room);
    AUTO(lease) seen = NULL;
    int64_t beat = 0;
    bool held = false;
    OK(lease_get(room->watch, OP, &seen));
    OK(lease_claim(room->watch, OP, "two", seen, &beat, &held));
    assert_true(held);
    OK(runner_beat(room->runner));
    assert_false(runner_call_fits(room->runner, OP, 1));
    AUTO(lease) now = NULL;
    OK(lease_get(room->watch, OP, &now));
    assert_int_equal(now->beat, beat);
}

/* ---- the thread that beats, and those that work */

/* "two" has taken over what this engine still believes to hold. */
static void taken_by_two(struct room *room, const char *id)
{
    AUTO(lease) seen = NULL;
    int64_t beat = 0;
    bool held = false;
    OK(lease_get(room->watch, id, &seen));
    OK(lease_claim(room->watch, id, "two", seen, &beat, &held));
    assert_true(held);
}

static void lost_by_work(struct room *room)
{
    bool ran = false;
    const char *id = room->data;
    taken_by_two(room, id);
    OK(runner_run(room->runner, id, &ran)); /* its write is fenced */
    assert_false(runner_call_fits(room->runner, id, 1));
}

/* While the leases are beaten one after the other, a worker finds that one is lost. */
static void test_lost_before_its_beat(void **state)
{
    struct room *room = *state;
    three_wait(room);
    room->data = (void *)"op-2";
    room->sql_part = "UPDATE leases SET beat";
    room->after_sql = lost_by_work;
    OK(runner_beat(room->runner));
    AUTO(lease) now = NULL;
    OK(lease_get(room->watch, "op-2", &now));
    assert_string_equal(now->owner, "two");
    assert_false(runner_call_fits(room->runner, "op-2", 1));
    assert_true(runner_call_fits(room->runner, "op-3", TTL_MS));
}

/* Between the beat in the database and its entry here: the lease stays lost. */
static void test_lost_inside_its_beat(void **state)
{
    struct room *room = *state;
    three_wait(room);
    room->data = (void *)OP;
    room->sql_part = "UPDATE leases SET beat";
    room->after_sql = lost_by_work;
    OK(runner_beat(room->runner));
    assert_false(runner_call_fits(room->runner, OP, 1));
}

static void lost_and_taken(struct room *room)
{
    bool ran = false;
    OK(runner_beat(room->runner)); /* by what this engine knows: in vain */
    OK(runner_run(room->runner, OP, &ran));
    assert_true(ran);
}

/* Likewise, and taken anew: the entry is that of the later claim. */
static void test_taken_inside_its_beat(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "first", "", 1, 1000, WAITS);
    room_operation(room, "four");
    room_tick(room);
    room->sql_part = "UPDATE leases SET beat";
    room->after_sql = lost_and_taken;
    OK(runner_beat(room->runner));
    AUTO(lease) before = NULL;
    OK(lease_get(room->watch, OP, &before));
    OK(runner_beat(room->runner));
    AUTO(lease) now = NULL;
    OK(lease_get(room->watch, OP, &now));
    assert_string_equal(now->owner, "one");
    assert_int_equal(now->beat, before->beat + 1);
    assert_true(runner_call_fits(room->runner, OP, TTL_MS));
}

static void lost_by_beat(struct room *room)
{
    taken_by_two(room, OP);
    OK(runner_beat(room->runner));
}

/* The lease goes while the operation is read: nothing is called. */
static void test_lost_while_read(void **state)
{
    struct room *room = *state;
    bool ran = false;
    room_trouble(room, "probe", "first", "", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    room_pass(room, POLL_MS);
    CALLS(room, "plan of op-1, probe first");
    room->sql_part = "FROM dr_operations";
    room->after_sql = lost_by_beat;
    OK(runner_run(room->runner, OP, &ran));
    CALLS(room, "");
    g_autofree char *now = owner(room);
    assert_string_equal(now, "two");
}

/* ---- preemption */

struct raise {
    int64_t now_ms;
};

static err_t *raise_tx(struct db *db, void *data)
{
    const struct raise *raise = data;
    AUTO(operation) op = NULL;
    TRY(operation_get(db, OP, NULL, &op));
    return operation_change(db, op, raise->now_ms);
}

static void raised(struct room *room, struct step_call *call)
{
    struct raise raise = {room->now_ms};
    if (!g_str_equal(call->step->key, "second"))
        return;
    room->meanwhile = NULL;
    OK(db_tx(room->watch, raise_tx, &raise));
}

/* A raised generation refuses the outcome, though the lease is the same; then it is read anew. */
static void test_generation(void **state)
{
    struct room *room = *state;
    room->meanwhile = raised;
    room_operation(room, "four");
    room->spins = true;
    room_tick(room);
    ROW(room, "second", "m1", "intent");
    g_autofree char *still = owner(room);
    assert_string_equal(still, "one");
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make second m1"), 1);
    AUTO(operation) op = room_op(room);
    assert_int_equal(op->generation, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_BOTH(test_whole_ttl),
        ROOM(test_own_monotonic_clock),
        ROOM(test_a_beat_resets),
        ROOM_BOTH(test_two_takers),
        ROOM_BOTH(test_own_host),
        ROOM(test_no_lock_file),
        ROOM(test_another_owner_at_the_same_beat),
        ROOM_BOTH(test_sleeper),
        ROOM(test_deadline),
        ROOM(test_no_call_without_a_lease),
        ROOM(test_call_that_did_not_fit),
        ROOM(test_beat_goes_on),
        ROOM_BOTH(test_beat_of_a_lost_lease),
        ROOM_BOTH(test_lost_before_its_beat),
        ROOM_BOTH(test_lost_inside_its_beat),
        ROOM_BOTH(test_taken_inside_its_beat),
        ROOM_BOTH(test_lost_while_read),
        ROOM_BOTH(test_generation),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
