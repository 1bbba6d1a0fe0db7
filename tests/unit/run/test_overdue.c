/* SPDX-License-Identifier: Apache-2.0 */
/* What a cloud has accepted and never does: how long a row may answer WAIT (run.h, wait_max_s). */
#include "tests/unit/run/room.h"

#include "store/verb.h"

#define LOOK_MS 20000
#define LOOKS   (RUN_WAITING_MAX_S * 1000 / LOOK_MS + 1) /* the first one has waited for nothing */

/* 'call' of a step says WAIT from its first time to the n-th. */
static void waits(struct room *room, const char *call, const char *step, const char *subject, int n)
{
    room_trouble(room, call, step, subject, 1, n, WAITS);
    room_last_trouble(room)->wake_ms = LOOK_MS;
}

static void retry(struct room *room)
{
    struct verb_call verb = {.op_id = OP, .verb = OPERATION_RETRY, .now_ms = room->now_ms};
    OK(verb_apply(room->watch, &verb));
}

/* What is not too long is not; a look more, and a person is asked, whose retry begins anew. */
static void test_person_is_asked(void **state)
{
    struct room *room = *state;
    waits(room, "probe", "fourth", "m1", LOOKS - 1);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "completed");
    AUTO(op_step) row = room_row(room, "fourth", "m1");
    assert_null(json_object_get(row->result, "waited_ms"));
    room_clear(room);
    waits(room, "probe", "fourth", "m1", 2 * LOOKS);
    room_operation(room, "four");
    int64_t began_ms = room->now_ms;
    for (int i = 0; i < 2; i++) {
        room_run(room);
        STATUS(room, "needs_operator");
        assert_in_range(room->now_ms - began_ms, RUN_WAITING_MAX_S * 1000LL,
                        RUN_WAITING_MAX_S * 1000LL + LOOK_MS);
        ROW(room, "fourth", "m1", "failed");
        g_autofree char *text = room_error_text(room);
        SAYS(text, "'Make fourth' is still under way after 30 minutes");
        began_ms = room->now_ms;
        retry(room);
    }
    room_run(room);
    STATUS(room, "completed");
}

/* So does his retry of whatever else it failed for. */
static void test_retry_begins_anew(void **state)
{
    struct room *room = *state;
    waits(room, "probe", "fourth", "m1", LOOKS - 1);
    room_trouble(room, "probe", "fourth", "m1", LOOKS, LOOKS, ERR_SERVER_ERROR);
    room_trouble(room, "probe", "fourth", "m1", LOOKS + 1, 2 * LOOKS - 1, WAITS);
    room_last_trouble(room)->wake_ms = LOOK_MS;
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "needs_operator");
    g_autofree char *text = room_error_text(room);
    SAYS(text, "as ordered");
    retry(room);
    room_run(room);
    STATUS(room, "completed");
}

/* Before the pivot it is taken back. */
static void test_taken_back(void **state)
{
    struct room *room = *state;
    waits(room, "make", "second", "m2", LOOKS);
    waits(room, "probe", "second", "m2", 2 * LOOKS);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(g_hash_table_size(room->things), 0);
}

/* That each WAIT lets the tries begin anew helps nobody past the end. */
static void test_errors_between(void **state)
{
    struct room *room = *state;
    waits(room, "probe", "fourth", "m1", 100000);
    for (int i = 1; i < 250; i++)
        room_trouble(room, "probe", "fourth", "m2", 2 * i, 2 * i, ERR_TIMEOUT);
    waits(room, "probe", "fourth", "m2", 100000);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "needs_operator");
    ROW(room, "fourth", "m1", "failed");
    for (int i = 0; i < 3; i++)
        room_run(room);
    ROW(room, "fourth", "m2", "failed");
}

/* An engine that was down for a day, and a cloud that was silent, have waited for nothing. */
static void test_only_looks_count(void **state)
{
    struct room *room = *state;
    waits(room, "probe", "fourth", "m1", LOOKS - 30);
    room_operation(room, "four");
    room_tick(room);
    ROW(room, "fourth", "m1", "waiting");
    for (int i = 0; i < 3; i++) {
        room_reopen(room, i % 2 == 0 ? "another" : "one");
        room_tick(room); /* whose lease is watched from now on */
        room_pass(room, DAY_MS);
        room->now_ms += i * 400 * DAY_MS; /* and somebody sets the clock */
        room_tick(room);
    }
    room_run(room);
    STATUS(room, "completed");
}

#define WAITING(key_, max_s_)                                                                      \
    {                                                                                              \
        .key = (key_), .says = "Wait " key_, .probe = room_probe, .make = room_make,               \
        .progress = 100, .wait_max_s = (max_s_)                                                    \
    }

static const struct step endless_steps[] = {WAITING("endless", STEP_ENDLESS), {0}};
static const struct runbook endless_book = {.name = "endless",
                                            .version = 1,
                                            .steps = endless_steps,
                                            .plan = room_plan};
static const struct step short_steps[] = {WAITING("short", 60), {0}};
static const struct runbook short_book = {.name = "short",
                                          .version = 1,
                                          .steps = short_steps,
                                          .plan = room_plan};
static const struct runbook ever_book = {.name = "ever",
                                         .version = 1,
                                         .steps = short_steps,
                                         .plan = room_plan,
                                         .flags = RUNBOOK_FOREVER};
static const struct runbook *const books[] = {&endless_book, &short_book, &ever_book, NULL};

static void test_as_the_step_says(void **state)
{
    struct room *room = *state;
    room_books(room, books);
    waits(room, "probe", "endless", "", 2 * LOOKS);
    room_operation(room, "endless");
    room_run(room);
    STATUS(room, "completed");
    room_clear(room);
    waits(room, "probe", "short", "", 4);
    room_operation(room, "short");
    room_run(room);
    STATUS(room, "failed");
}

/* What nobody ends waits on, and says so. */
static void test_forever(void **state)
{
    struct room *room = *state;
    room_books(room, books);
    waits(room, "probe", "short", "", 20);
    room_operation(room, "ever");
    for (int i = 0; i < 10; i++) {
        room_tick(room);
        room_pass(room, LOOK_MS);
    }
    ROW(room, "short", "", "waiting");
    AUTO(op_step) row = room_row(room, "short", "");
    g_autofree char *error = json_print(row->error);
    SAYS(error, "still under way after 1 minutes");
    room_run(room);
    STATUS(room, "completed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM(test_person_is_asked), ROOM(test_retry_begins_anew), ROOM(test_taken_back),
        ROOM(test_errors_between),  ROOM(test_only_looks_count),  ROOM(test_as_the_step_says),
        ROOM(test_forever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
