/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search can fail: with any one of these guards deleted from the code it finds what breaks.
 *
 * Linked with the room built with MUTANTS, where each guard asks whether it is deleted.
 */
#include "search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

/* What must break, and the budgets within which it does. */
static const struct planted {
    const char *name, *breaks;
    enum mutant mutant;
    int budget[BUDGETS];
    bool remember; /* answers nobody waits for matter here */
} mutants[] = {
    {"EPOCH_PLUS_ONE", "S1", MUTANT_EPOCH_PLUS_ONE, {1, 0, 2, 0, 0, 1}, false},
    {"LOCAL_FIRST", "S3", MUTANT_LOCAL_FIRST, {1, 0, 0, 0, 0, 0}, false},
    {"FREEZE_LATE", "S2", MUTANT_FREEZE_LATE, {0, 1, 0, 0, 0, 0}, false},
    {"SUCCESSOR_ONLY", "L1", MUTANT_SUCCESSOR_ONLY, {0, 0, 1, 1, 0, 0}, false},
    {"ABORT_NOT_FINAL", "S2", MUTANT_ABORT_NOT_FINAL, {0, 1, 0, 0, 0, 0}, true},
    {"ABORT_UNBOUND", "S2", MUTANT_ABORT_UNBOUND, {0, 2, 0, 0, 0, 0}, true},
    {"REFUSAL_FORGOTTEN", "S4", MUTANT_REFUSAL_FORGOTTEN, {1, 0, 0, 0, 0, 0}, false},
    {"RESTORE_RESUMES", "S", MUTANT_RESTORE_RESUMES, {0, 1, 0, 0, 1, 0}, true},
    {"RECOVER_ALONE", "S2", MUTANT_RECOVER_ALONE, {0, 1, 0, 0, 1, 0}, false},
    {"FACT_WHILE_STAGED", "L1", MUTANT_FACT_WHILE_STAGED, {1, 0, 0, 1, 0, 0}, false},
    {"REJOIN_IGNORES_FLOOR", "L1", MUTANT_REJOIN_IGNORES_FLOOR, {0, 0, 1, 1, 1, 1}, false},
    {"TEXT_REFUSE", "S4", MUTANT_TEXT_REFUSE, {0, 1, 0, 0, 1, 0}, false},
    {"TEXT_ADOPT", "L1", MUTANT_TEXT_ADOPT, {0, 1, 0, 0, 1, 0}, false},
    {"TEXT_REFUSED", "S4", MUTANT_TEXT_REFUSED, {0, 2, 1, 0, 1, 0}, false},
    {"TEXT_RESOLVE", "L1", MUTANT_TEXT_RESOLVE, {0, 0, 1, 1, 1, 0}, false},
    {"TEXT_LOST", "L1", MUTANT_TEXT_LOST, {1, 0, 1, 0, 1, 1}, false},
};

static void kill_mutant(void **state)
{
    const struct planted *m = *state;
    struct search s;
    search_init(&s);
    s.forget = !m->remember;
    s.lenient = true;
    mutant = m->mutant;
    s.skip_l1 = m->breaks[0] == 'S';
    int budget[BUDGETS];
    bool own = search_budget_of(getenv("MODEL_SEARCH"), budget);
    const char *wrong = search_run(&s, own ? budget : m->budget);
    mutant = MUTANT_NONE;
    printf("%s: %zu states: %s\n", m->name, s.states, wrong != NULL ? wrong : "survives");
    if (wrong != NULL && (!g_str_has_prefix(wrong, m->breaks) || getenv("MODEL_TRACE") != NULL))
        search_print(&s);
    assert_non_null(wrong);
    assert_true(g_str_has_prefix(wrong, m->breaks));
    search_fini(&s);
}

/* The same build, with no guard deleted, breaks nothing. */
static void no_mutant_lives(void **state)
{
    (void)state;
    struct search s;
    search_init(&s);
    const int budget[BUDGETS] = {1, 1, 1, 0, 0, 1};
    assert_null(search_run(&s, budget));
    search_fini(&s);
}

static int teardown(void **state)
{
    (void)state;
    world_bodies_free();
    return 0;
}

int main(void)
{
    const char *only = getenv("MODEL_MUTANT");
    struct CMUnitTest tests[G_N_ELEMENTS(mutants) + 1] = {cmocka_unit_test(no_mutant_lives)};
    for (size_t i = 0; i < G_N_ELEMENTS(mutants); i++)
        tests[i + 1] = (struct CMUnitTest){.name = mutants[i].name,
                                           .test_func = kill_mutant,
                                           .initial_state = (void *)&mutants[i]};
    cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, NULL, teardown);
}
