/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crash is an ordinary event: the engine dies at every boundary of a runbook of four steps, and
 * at every statement that it sends to the database, on the way forward and while unwinding; then
 * another one goes on with the same database.  The end is that of an undisturbed run, nothing is
 * made twice (also where the cloud shows it only after settle_ms), everything is in the ledger.
 */
#include "tests/unit/run/room.h"

#define DEATHS_MAX 2000

struct course {
    const char *runbook;
    const struct runbook *const *books;
    const char *fails; /* the step at which it turns back; NULL: none */
    const char *status;
    guint things;
    const char *ledger; /* all rows end in this state */
    int rows;
};

static const struct course forward = {"four", four_books, NULL, "completed", 6, "released", 6};
static const struct course backward = {"safe", safe_books, "fourth", "rolled_back", 0, "gone", 0};

static void begin(struct room *room, const struct course *course)
{
    room_clear(room);
    room_books(room, course->books);
    if (course->fails != NULL) {
        room_trouble(room, "make", course->fails, NULL, 1, 1000, ERR_CONFLICT);
        room_trouble(room, "undo", "second", "m1", 1, 1, ERR_CLOUD_BUSY);
        room_trouble(room, "undo", "third", NULL, 1, 1, WAITS);
    } else {
        room->lag_ms = SETTLE_MS;
    }
    room_operation(room, course->runbook);
}

/* Runs until the engine dies; false if it came to its end. */
static bool run_to_death(struct room *room)
{
    for (int i = 0; i < 300 && !room->dead; i++) {
        int64_t wake_at_ms = 0;
        err_free(runner_tick(room->runner, &wake_at_ms));
        AUTO(operation) op = room_op(room);
        if (!room->dead && !room_runs(op))
            return false;
        if (!room->dead)
            room_pass(room, CLAMP(op->wake_at_ms - room->now_ms, 1, RUN_BACKOFF_MAX_MS));
    }
    return true;
}

static void ends_well(struct room *room, const struct course *course, const char *how, int nth)
{
    AUTO(operation) op = room_op(room);
    room_ledger_holds(room);
    if (!g_str_equal(op->status, course->status))
        room_wrong(room, "the operation is %s", op->status);
    if (g_hash_table_size(room->things) != course->things)
        room_wrong(room, "there are %u things", g_hash_table_size(room->things));
    int rows = room_ledger_count(room, course->ledger), all = room_ledger_count(room, NULL);
    if (rows != all || (course->things > 0 && rows != course->rows))
        room_wrong(room, "%d of %d rows of the ledger are %s", rows, all, course->ledger);
    if (room->wrong->len > 0)
        room_wrong(room, "after the death at %s %d; calls: %s", how, nth, room->log->str);
    room_must_be_right(room);
}

/* Goes on with another engine: of this host at once, or of another one after a whole TTL. */
static void survive(struct room *room, bool same_host)
{
    room_reopen(room, "two");
    room->same_host = same_host;
    if (!same_host) {
        room_tick(room);
        room_pass(room, TTL_MS);
    }
    room_run(room);
}

/* Returns how many deaths there were. */
static int each_boundary(struct room *room, const struct course *course, bool same_host)
{
    int nth = 1;
    for (; nth < DEATHS_MAX; nth++) {
        begin(room, course);
        room->die_at = nth;
        bool died = run_to_death(room);
        if (died)
            survive(room, same_host);
        ends_well(room, course, "boundary", nth);
        if (!died)
            break;
    }
    return nth - 1;
}

static int each_statement(struct room *room, const struct course *course, int step, bool after)
{
    int nth = 1;
    for (; nth < DEATHS_MAX; nth += step) {
        begin(room, course);
        room->die_at_statement = nth;
        room->die_after = after;
        bool died = run_to_death(room);
        if (died)
            survive(room, true);
        ends_well(room, course, after ? "the commit, which happened," : "statement", nth);
        if (!died)
            break;
    }
    return (nth - 1) / step;
}

/* Six rows with four boundaries each. */
static void test_boundaries_forward(void **state)
{
    assert_int_equal(each_boundary(*state, &forward, true), 24);
}

static void test_boundaries_forward_other_host(void **state)
{
    assert_int_equal(each_boundary(*state, &forward, false), 24);
}

/* Five rows with four boundaries, then seven undos (two of them twice) with three. */
static void test_boundaries_backward(void **state)
{
    assert_int_equal(each_boundary(*state, &backward, true), 20 + 21);
}

static void test_boundaries_backward_other_host(void **state)
{
    assert_int_equal(each_boundary(*state, &backward, false), 20 + 21);
}

static void test_statements_forward(void **state)
{
    assert_true(each_statement(*state, &forward, 2, false) > 50);
}

static void test_statements_backward(void **state)
{
    assert_true(each_statement(*state, &backward, 2, false) > 50);
}

static void test_lost_commits_forward(void **state)
{
    assert_true(each_statement(*state, &forward, 1, true) > 25);
}

static void test_lost_commits_backward(void **state)
{
    assert_true(each_statement(*state, &backward, 1, true) > 25);
}

/* On MariaDB a sample: the statements are the same. */
static void test_statements_sample(void **state)
{
    assert_true(each_statement(*state, &forward, 17, false) > 5);
    assert_true(each_statement(*state, &backward, 17, false) > 5);
}

/* ---- again and again */

/* Each life gets a little further and dies: at the end everything was made once all the same. */
static void test_many_deaths(void **state)
{
    struct room *room = *state;
    const struct course *courses[] = {&forward, &backward};
    for (size_t i = 0; i < G_N_ELEMENTS(courses); i++) {
        int deaths = 0;
        begin(room, courses[i]);
        for (room->die_at = 3; run_to_death(room) && deaths < 100; deaths++) {
            room_reopen(room, "again");
            room->same_host = true;
            room->boundary = 0;
            room->die_at = 5 + deaths % 3;
        }
        ends_well(room, courses[i], "one of many deaths", deaths);
        assert_in_range(deaths, 3, 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_BOTH(test_boundaries_forward),  ROOM(test_boundaries_forward_other_host),
        ROOM_BOTH(test_boundaries_backward), ROOM(test_boundaries_backward_other_host),
        ROOM(test_statements_forward),       ROOM(test_statements_backward),
        ROOM(test_lost_commits_forward),     ROOM(test_lost_commits_backward),
        ROOM_BOTH(test_statements_sample),   ROOM_BOTH(test_many_deaths),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
