/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a row whose cause to fail is being taken away (run.h, enum run_hope). */
#include "tests/unit/run/room.h"

/* What another operation makes room for waits, as long as that lasts; then it is tried as usual. */
static void test_hope(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "second", "m1", 1, 2 * RUN_TRIES_MAX, ERR_CLOUD_QUOTA);
    room->hope = RUN_HOPE_COMING;
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make second m1"), 2 * RUN_TRIES_MAX + 1);
    room_clear(room);
    room_trouble(room, "make", "second", "m1", 1, 2 * RUN_TRIES_MAX, ERR_CLOUD_QUOTA);
    room->hope = RUN_HOPE_CAME;
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "rolled_back");
    assert_int_equal(room_count(room, "make second m1"), RUN_TRIES_MAX);
}

/* Nor for ever: not while it comes, and not if each try but waits before it fails. */
static void test_hope_ends(void **state)
{
    struct room *room = *state;
    room_trouble(room, "make", "second", "m1", 1, 100000, ERR_CLOUD_QUOTA);
    room->hope = RUN_HOPE_COMING;
    room_operation(room, "four");
    int64_t began_ms = room->now_ms;
    room_run(room);
    room_run(room); /* one goes no further than 300 looks */
    STATUS(room, "rolled_back");
    assert_true(room->now_ms - began_ms >= RUN_HOPE_MAX_MS);
    g_string_truncate(room->wrong, 0);
    room_clear(room);
    room_trouble(room, "make", "second", "m1", 1, 100000, WAITS);
    for (int i = 1; i < 200; i++)
        room_trouble(room, "probe", "second", "m1", 2 * i, 2 * i, ERR_VOLUME_ERROR);
    room->hope = RUN_HOPE_CAME;
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "rolled_back");
}

int main(void)
{
    const struct CMUnitTest tests[] = {ROOM(test_hope), ROOM(test_hope_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
