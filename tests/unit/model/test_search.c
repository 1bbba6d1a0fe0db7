/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real code, searched: every state that two sites and a bag reach within small budgets keeps S1
 * to S5 and ends in L1.  Budgets: user changes, handovers, forced claims, facts, restores,
 * resolves.
 *
 * MODEL_SEARCH="2,1,2,1,0,2" in the environment searches those budgets alone, however long it
 * takes.
 */
#include "search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void search_budget(const int budget[BUDGETS])
{
    struct search s;
    search_init(&s);
    const char *wrong = search_run(&s, budget);
    printf("%d,%d,%d,%d,%d,%d: %zu states, %zu moves tried, %zu ends, depth %d\n", budget[0],
           budget[1], budget[2], budget[3], budget[4], budget[5], s.states, s.moves, s.ends,
           s.depth_max);
    if (wrong != NULL)
        search_print(&s);
    assert_null(wrong);
    assert_true(s.ends > 0);
    search_fini(&s);
}

#define SEARCH(name, ...)                                                                          \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        const int budget[BUDGETS] = {__VA_ARGS__};                                                 \
        search_budget(budget);                                                                     \
    }

SEARCH(search_tiny, 1, 1, 1, 0, 0, 1)
SEARCH(search_two_forces, 1, 1, 2, 0, 0, 2)
SEARCH(search_two_handovers, 0, 2, 1, 0, 0, 1)
SEARCH(search_restored_in_a_handover, 0, 1, 0, 0, 1, 0)
SEARCH(search_restored_after_a_force, 0, 1, 1, 0, 1, 1)
SEARCH(search_restored_with_facts, 1, 0, 1, 1, 1, 1)

static int teardown(void **state)
{
    (void)state;
    world_bodies_free();
    return 0;
}

int main(void)
{
    int budget[BUDGETS];
    if (search_budget_of(getenv("MODEL_SEARCH"), budget)) {
        search_budget(budget);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_tiny),
        cmocka_unit_test(search_two_forces),
        cmocka_unit_test(search_two_handovers),
        cmocka_unit_test(search_restored_in_a_handover),
        cmocka_unit_test(search_restored_after_a_force),
        cmocka_unit_test(search_restored_with_facts),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
