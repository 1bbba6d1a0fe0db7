/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pivot finds that its plan fits no longer: another one takes its place if it adopts what was
 * made, else everything is taken back first; and there is an end to it.
 */
#include "room.h"

static int moved;         /* how many times the pivot finds the world moved on */
static bool adopts_all;   /* what the next plan makes of the old one's rows */
static bool time_is_up;   /* the runbook gives no more time */
static err_t *time_fails; /* and cannot tell; taken */

static err_t *claim_make(struct step_call *call, enum step_answer *ret)
{
    if (moved == 0)
        return room_make(call, ret);
    moved--;
    call->refused = call->replan = true;
    return err(SYNC_REPLAN, "the group has moved on");
}

static bool adopts(const json_t *before, const json_t *after)
{
    assert_non_null(before);
    assert_non_null(after);
    return adopts_all;
}

static err_t *expired(struct step_call *call, err_t **ret_why)
{
    (void)call;
    if (time_fails != NULL)
        return TAKE(time_fails);
    *ret_why = time_is_up ? err(TIMEOUT, "the time is up") : NULL;
    return NULL;
}

static const struct step steps[] = {
    FULL("first", GROUP, 0, 20),
    FULL("second", MEMBER, 0, 50),
    {.key = "pivot",
     .says = "Claim",
     .per = STEP_PER_GROUP,
     .probe = room_probe,
     .make = claim_make,
     .flags = STEP_PIVOT | STEP_NO_SKIP,
     .progress = 60},
    FULL("fourth", MEMBER, 0, 100),
    {0},
};
static const struct runbook book = {.name = "claims",
                                    .version = 1,
                                    .steps = steps,
                                    .plan = room_plan,
                                    .adopts = adopts,
                                    .expired = expired};
static const struct runbook stranger_book = {.name = "strangers",
                                             .version = 1,
                                             .steps = steps,
                                             .plan = room_plan};
static const struct runbook *const books[] = {&book, &stranger_book, NULL};

static void begin(struct room *room, int times, bool adopted)
{
    moved = times;
    adopts_all = adopted;
    time_is_up = false;
    room_clear(room);
    room_books(room, books);
    room_operation(room, "claims");
}

static void test_adopted(void **state)
{
    struct room *room = *state;
    begin(room, 1, true);
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "plan of op-1"), 2);
    assert_int_equal(room_count(room, "make first"), 1); /* what was made stays */
    assert_int_equal(room_count(room, "undo first"), 0);
    SAYS(room->reports->str, "planned anew, adopting what was made");
}

static void test_taken_back(void **state)
{
    struct room *room = *state;
    begin(room, 1, false);
    room->spins = true; /* what is taken back is planned at once */
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "undo first"), 1);
    assert_int_equal(room_count(room, "make first"), 2);
    assert_int_equal(room_count(room, "plan of op-1"), 3); /* one shows that it fits no longer */
    SAYS(room->reports->str, "planned anew, after taking back what was made");
}

/* A runbook that does not say what it adopts adopts nothing. */
static void test_adopts_nothing(void **state)
{
    struct room *room = *state;
    moved = 1;
    room_books(room, books);
    room_operation(room, "strangers");
    room->spins = true;
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "undo first"), 1);
    assert_int_equal(room_count(room, "make first"), 2);
}

/* A cloud that is busy while the next plan is made is asked again; nothing is taken back for it. */
static void test_planned_later(void **state)
{
    struct room *room = *state;
    static const int codes[] = {ERR_CLOUD_BUSY, ERR_TIMEOUT, WAITS};
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        begin(room, 2, true); /* the pivot finds the same once more after the wait */
        room_trouble(room, "plan", NULL, NULL, 2, 2, codes[i]);
        room_run(room);
        STATUS(room, "completed");
        assert_int_equal(room_count(room, "plan of op-1"), 3);
        assert_int_equal(room_count(room, "undo first"), 0);
    }
}

/* There is no other plan: the pivot has failed before it happened, and all is taken back. */
static void test_no_other_plan(void **state)
{
    struct room *room = *state;
    begin(room, 1, true);
    room_trouble(room, "plan", NULL, NULL, 2, 2, ERR_PLAN_INCOMPLETE);
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(g_hash_table_size(room->things), 0);
    g_autofree char *text = room_error_text(room);
    SAYS(text, "plan of 'op-1' fails as ordered");
}

/* Who has lost the lease meanwhile writes nothing; the next engine begins at the same place. */
static void test_fenced(void **state)
{
    struct room *room = *state;
    begin(room, 2, true);
    room_trouble(room, "plan", NULL, NULL, 2, 2, ERR_CLOUD_DEADLINE);
    room->spins = true;
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "undo first"), 0);
}

static void test_there_is_an_end(void **state)
{
    struct room *room = *state;
    begin(room, 1000, true);
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(1000 - moved, RUN_REPLANS_MAX + 1);
    assert_int_equal(room_count(room, "plan of op-1"), RUN_REPLANS_MAX + 1);
    g_autofree char *text = room_error_text(room);
    SAYS(text, "the group has moved on");
}

/* ---- the time that a runbook gives */

static void test_time_is_up_before_the_start(void **state)
{
    struct room *room = *state;
    begin(room, 0, true);
    time_is_up = true;
    room_run(room);
    STATUS(room, "failed");
    CALLS(room, "");
    g_autofree char *text = room_error_text(room);
    SAYS(text, "the time is up");
}

static void test_time_is_up_underway(void **state)
{
    struct room *room = *state;
    begin(room, 0, true);
    room_trouble(room, "probe", "second", "m2", 1, 3, WAITS);
    room_tick(room);
    STATUS(room, "running");
    time_is_up = true;
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(g_hash_table_size(room->things), 0);
}

/* Past the pivot nobody asks any more. */
static void test_time_is_up_too_late(void **state)
{
    struct room *room = *state;
    begin(room, 0, true);
    room_trouble(room, "probe", "fourth", "m2", 1, 3, WAITS);
    room_tick(room);
    time_is_up = true;
    room_run(room);
    STATUS(room, "completed");
}

static void test_time_cannot_be_told(void **state)
{
    struct room *room = *state;
    int64_t wake_at_ms = 0;
    begin(room, 0, true);
    time_fails = err(DB_CONNECT, "the database is away");
    g_autoptr(err_t) e = runner_tick(room->runner, &wake_at_ms);
    assert_int_equal(err_code(e), ERR_DB_CONNECT);
    room_run(room);
    STATUS(room, "completed");
}

/* ---- operations and leases that are gone */

static void test_no_such_operation(void **state)
{
    struct room *room = *state;
    bool ran = false;
    begin(room, 0, true);
    OK(runner_run(room->runner, "op-none", &ran));
    CALLS(room, "");
    STATUS(room, "pending");
    runner_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM(test_adopted),
        ROOM(test_taken_back),
        ROOM(test_adopts_nothing),
        ROOM(test_planned_later),
        ROOM(test_no_other_plan),
        ROOM(test_fenced),
        ROOM(test_there_is_an_end),
        ROOM(test_time_is_up_before_the_start),
        ROOM(test_time_is_up_underway),
        ROOM(test_time_is_up_too_late),
        ROOM(test_time_cannot_be_told),
        ROOM(test_no_such_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
