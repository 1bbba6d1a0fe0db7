/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an operation begins: the plan and what keeps it from being made, the table that belongs to
 * it, runbooks that never fail; the page that a runbook prints, and what a step reads of others.
 */
#include "tests/unit/run/room.h"

static void test_plan_is_tried_again(void **state)
{
    struct room *room = *state;
    room_trouble(room, "plan", NULL, NULL, 1, RUN_TRIES_MAX - 1, ERR_CLOUD_UNREACHABLE);
    room_operation(room, "four");
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "plan of op-1"), RUN_TRIES_MAX);
}

static void test_plan_fails(void **state)
{
    struct room *room = *state;
    static const struct {
        enum err_code code;
        int calls;
    } cases[] = {{ERR_PLAN_INCOMPLETE, 1},
                 {ERR_CONFLICT, 1},
                 {ERR_CLOUD_UNREACHABLE, RUN_TRIES_MAX},
                 {ERR_TIMEOUT, RUN_TRIES_MAX}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) rows = NULL;
        room_clear(room);
        room_trouble(room, "plan", NULL, NULL, 1, 1000, (int)cases[i].code);
        room_operation(room, "four");
        room_run(room);
        STATUS(room, "failed");
        assert_int_equal(room_count(room, "plan of op-1"), cases[i].calls);
        OK(op_step_list(room->watch, OP, &rows));
        assert_int_equal(rows->len, 0);
        g_autofree char *text = room_error_text(room);
        SAYS(text, "plan of 'op-1' fails as ordered");
    }
}

static void test_plan_waits(void **state)
{
    struct room *room = *state;
    room_trouble(room, "plan", NULL, NULL, 1, 1, WAITS);
    room_trouble(room, "plan", NULL, NULL, 2, 2, WAITS);
    room_last_trouble(room)->wake_ms = 9876;
    room_operation(room, "four");
    room_tick(room);
    STATUS(room, "pending");
    AUTO(operation) one = room_op(room);
    assert_int_equal(one->wake_at_ms - room->now_ms, POLL_MS);
    room_pass(room, POLL_MS);
    room_tick(room);
    AUTO(operation) two = room_op(room);
    assert_int_equal(two->wake_at_ms - room->now_ms, 9876);
    room_run(room);
    STATUS(room, "completed");
}

static void test_plan_fenced(void **state)
{
    struct room *room = *state;
    room_trouble(room, "plan", NULL, NULL, 1, 1, ERR_CLOUD_DEADLINE);
    room_operation(room, "four");
    room->spins = true;
    room_tick(room);
    AUTO(operation) op = room_op(room);
    assert_string_equal(op->status, "pending");
    assert_null(op->error);
    room_run(room);
    STATUS(room, "completed");
}

/* Rows stand in the journal as planned: table by table, wave by wave, before anything is called. */
static void test_rows(void **state)
{
    struct room *room = *state;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    json_decref(room->plan);
    room->plan = room_json("{'members':[{'id':'m1','wave':2},{'id':'m2','wave':1}],'volumes':[]}");
    room_trouble(room, "probe", "first", "", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    OK(op_step_list(room->watch, OP, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct op_step *row = g_ptr_array_index(rows, i);
        g_string_append_printf(text, "%d %s %s %d%s; ", (int)row->seq, row->step_key, row->subject,
                               (int)row->wave,
                               op_step_flag(row, OP_STEP_NO_SKIP) ? " no skip" : "");
    }
    assert_string_equal(text->str, "1 first  0; 2 second m2 1; 3 second m1 2; 4 pivot  0 no skip; "
                                   "5 fourth m2 1; 6 fourth m1 2; ");
}

/* Only a step that says so goes wave by wave; one goes backwards. */
static const struct step order_steps[] = {
    FULL("together", MEMBER, 0, 30),
    FULL("upwards", MEMBER, STEP_IN_WAVES, 60),
    FULL("backwards", MEMBER, STEP_WAVES_BACK, 100),
    {0},
};
static const struct runbook order_book = {.name = "order",
                                          .version = 1,
                                          .steps = order_steps,
                                          .plan = room_plan};
static const struct runbook *const order_books[] = {&order_book, NULL};

static void test_order(void **state)
{
    struct room *room = *state;
    room_books(room, order_books);
    json_decref(room->plan);
    room->plan =
        room_json("{'members':[{'id':'b','wave':2},{'id':'c','wave':3},{'id':'a','wave':1},"
                  "{'id':'b2','wave':2}],'volumes':[]}");
    static const char *const slow[] = {"together", "upwards", "backwards"};
    for (size_t i = 0; i < G_N_ELEMENTS(slow); i++) {
        room_trouble(room, "make", slow[i], "b", 1, 1, WAITS);
        room_last_trouble(room)->happens = true;
        room_last_trouble(room)->late_ms = POLL_MS;
    }
    room_operation(room, "order");
    room_run(room);
    STATUS(room, "completed");
    CALLS(room, "plan of op-1, "
                "probe together b, make together b, probe together c, make together c, "
                "probe together a, make together a, probe together b2, make together b2, "
                "probe together b, "
                "probe upwards a, make upwards a, probe upwards b, make upwards b, "
                "probe upwards b2, make upwards b2, probe upwards b, "
                "probe upwards c, make upwards c, "
                "probe backwards c, make backwards c, probe backwards b, make backwards b, "
                "probe backwards b2, make backwards b2, probe backwards b, "
                "probe backwards a, make backwards a");
}

/* A plan that would be made differently now is finished as it was made. */
static void test_plan_is_frozen(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "second", "m1", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    json_decref(room->plan);
    room->plan = room_json("{'members':[{'id':'m1'},{'id':'m2'},{'id':'m3'}],'volumes':[]}");
    room_reopen(room, "two");
    room->same_host = true;
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "plan of op-1"), 1);
    assert_int_equal(room_count(room, "make fourth m3"), 0);
}

/* ---- an upgrade in the middle */

static const struct step new_steps[] = {
    FULL("first", GROUP, 0, 20),
    FULL("instead", MEMBER, 0, 100),
    {0},
};
static const struct runbook new_book = {.name = "four",
                                        .version = 2,
                                        .steps = new_steps,
                                        .plan = room_plan};
static const struct runbook *const both_books[] = {&new_book, &four_book, NULL};
static const struct runbook *const new_books[] = {&new_book, NULL};

static void test_old_plan_old_table(void **state)
{
    struct room *room = *state;
    room_trouble(room, "probe", "second", "m1", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    room_books(room, both_books);
    room->same_host = true;
    room_run(room);
    STATUS(room, "completed");
    assert_int_equal(room_count(room, "make instead m1"), 0);
    assert_int_equal(room_count(room, "make fourth m2"), 1);
}

/* What was not yet planned is planned with the newest table, and says so. */
static void test_new_plan_new_table(void **state)
{
    struct room *room = *state;
    static const struct runbook *const orders[][3] = {{&new_book, &four_book, NULL},
                                                      {&four_book, &new_book, NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        room_clear(room);
        room_books(room, orders[i]);
        room_operation(room, "four"); /* version 1, by the API of the older release */
        room_run(room);
        STATUS(room, "completed");
        assert_int_equal(room_count(room, "make instead m1"), 1);
        AUTO(operation) op = room_op(room);
        assert_int_equal(op->runbook_version, 2);
    }
}

/* An engine without the old table touches nothing, says it once and lets another one do it. */
static void test_table_is_lacking(void **state)
{
    struct room *room = *state;
    int64_t wake_at_ms = 0;
    bool ran = true;
    room_trouble(room, "probe", "second", "m1", 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    room_books(room, new_books);
    room->same_host = true;
    room_pass(room, POLL_MS);
    g_string_truncate(room->log, 0);
    for (int i = 0; i < 3; i++)
        OK(runner_tick(room->runner, &wake_at_ms));
    OK(runner_run(room->runner, OP, &ran));
    assert_false(ran);
    CALLS(room, "");
    STATUS(room, "running");
    assert_string_equal(room->reports->str,
                        "not run: operation 'op-1' wants version 1 of runbook 'four', which this "
                        "engine lacks\n");
    AUTO(lease) lease = NULL;
    OK(lease_get(room->watch, OP, &lease));
    assert_null(lease);
    room_books(room, four_books);
    room->same_host = false;
    room_run(room);
    STATUS(room, "completed");
}

static void test_unknown_runbook(void **state)
{
    struct room *room = *state;
    int64_t wake_at_ms = 0;
    room_operation(room, "nonsense");
    OK(runner_tick(room->runner, &wake_at_ms));
    STATUS(room, "pending");
    SAYS(room->reports->str, "runbook 'nonsense', which this engine lacks");
}

/* A row that some hand has written: the engine says which, and goes on with others. */
static void test_unknown_step(void **state)
{
    struct room *room = *state;
    int64_t wake_at_ms = 0;
    room_trouble(room, "make", NULL, NULL, 1, 1, WAITS);
    room_operation(room, "four");
    room_tick(room);
    STATUS(room, "running");
    OK(db_exec(room->watch, NULL, "UPDATE dr_steps SET step_key = 'nobody.knows' WHERE seq = 4",
               ""));
    room_pass(room, DAY_MS);
    g_autoptr(err_t) e = runner_tick(room->runner, &wake_at_ms);
    assert_non_null(e);
    SAYS(err_message(e), "is damaged: runbook 'four' has no step 'nobody.knows'");
}

/* ---- for ever */

static const struct step ever_steps[] = {
    FULL("ever", GROUP, 0, 100),
    {0},
};
static const struct runbook ever_book = {
    .name = "ever", .version = 1, .steps = ever_steps, .plan = room_plan, .flags = RUNBOOK_FOREVER};
static const struct runbook *const ever_books[] = {&ever_book, NULL};

static void test_forever(void **state)
{
    struct room *room = *state;
    static const enum err_code codes[] = {ERR_CONFLICT, ERR_CLOUD_QUOTA, ERR_CLOUD_BUSY,
                                          ERR_TIMEOUT, ERR_INTERNAL};
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        room_clear(room);
        room_books(room, ever_books);
        room_trouble(room, "plan", NULL, NULL, 1, 2 * RUN_TRIES_MAX, (int)codes[i]);
        room_trouble(room, "probe", NULL, NULL, 1, 2 * RUN_TRIES_MAX, (int)codes[i]);
        room_trouble(room, "make", NULL, NULL, 1, 2 * RUN_TRIES_MAX, (int)codes[i]);
        room_operation(room, "ever");
        room_run(room);
        STATUS(room, "completed");
        assert_int_equal(room_count(room, "make ever"), 2 * RUN_TRIES_MAX + 1);
        assert_int_equal(g_hash_table_size(room->things), 1);
    }
}

static const struct step ever_waves_steps[] = {
    FULL("ever", MEMBER, STEP_IN_WAVES, 100),
    {0},
};
static const struct runbook ever_waves_book = {.name = "ever",
                                               .version = 1,
                                               .steps = ever_waves_steps,
                                               .plan = room_plan,
                                               .flags = RUNBOOK_FOREVER};
static const struct runbook *const ever_waves_books[] = {&ever_waves_book, NULL};

/* What fails for ever is tried for ever, and keeps no later wave waiting; one that only waits does.
 */
static void test_forever_holds_nobody_up(void **state)
{
    struct room *room = *state;
    json_decref(room->plan);
    room->plan = room_json("{'members':[{'id':'m1','wave':1},{'id':'m2','wave':2},"
                           "{'id':'m3','wave':3}],'volumes':[]}");
    room_books(room, ever_waves_books);
    room_trouble(room, "make", "ever", "m1", 1, 100, ERR_CONFLICT);
    room_trouble(room, "make", "ever", "m2", 1, 1, WAITS);
    room_last_trouble(room)->happens = true;
    room_last_trouble(room)->late_ms = POLL_MS;
    room_operation(room, "ever");
    room_tick(room); /* m1 fails, and m2 waits for the world */
    ROW(room, "ever", "m2", "waiting");
    ROW(room, "ever", "m3", "pending");
    room_pass(room, POLL_MS);
    room_tick(room);
    ROW(room, "ever", "m2", "done");
    ROW(room, "ever", "m3", "done");
    ROW(room, "ever", "m1", "pending");
    STATUS(room, "running");
    room_run(room);
    STATUS(room, "completed");
}

/* ---- many */

/* More operations than one tick takes: the rest is due at once, none waits behind the others. */
static void test_many(void **state)
{
    struct room *room = *state;
    int64_t wake_at_ms = 1;
    for (int i = 0; i < RUN_OPS_PER_TICK_MAX + 3; i++) {
        AUTO(operation) op = operation_create();
        op->id = g_strdup_printf("op-%03d", i);
        op->project_id = g_strdup("p");
        op->operation_type = g_strdup("nothing");
        op->runbook = g_strdup("nothing");
        op->runbook_version = 1;
        op->created_at_ms = room->now_ms;
        OK(operation_insert(room->watch, op));
    }
    static const struct step no_steps[] = {{0}};
    static const struct runbook book = {.name = "nothing",
                                        .version = 1,
                                        .steps = no_steps,
                                        .plan = room_plan};
    static const struct runbook *const books[] = {&book, NULL};
    room_books(room, books);
    OK(runner_tick(room->runner, &wake_at_ms));
    assert_int_equal(wake_at_ms, 0);
    OK(runner_tick(room->runner, &wake_at_ms));
    assert_true(wake_at_ms == INT64_MAX);
    AUTO(db_rows) rows = NULL;
    OK(db_query(room->watch, &rows, "SELECT COUNT(*) FROM dr_operations WHERE status = 'completed'",
                ""));
    assert_int_equal(db_int(rows, 0, 0), RUN_OPS_PER_TICK_MAX + 3);
}

/* ---- the page */

static const struct step page_steps[] = {
    {.key = "a", .says = "Look", .per = STEP_PER_GROUP, .flags = STEP_BEST_EFFORT},
    {.key = "b", .says = "Make", .per = STEP_PER_VOLUME, .undo = room_undo},
    {.key = "c", .says = "Claim", .per = STEP_PER_GROUP, .flags = STEP_PIVOT | STEP_NO_SKIP},
    {.key = "d", .says = "Boot", .per = STEP_PER_MEMBER},
    {.key = "e", .says = "Start", .per = STEP_PER_MEMBER, .flags = STEP_IN_WAVES},
    {.key = "f", .says = "Stop", .per = STEP_PER_MEMBER, .flags = STEP_WAVES_BACK},
    {0},
};

static void test_print(void **state)
{
    static const struct runbook book = {.name = "page", .version = 3, .steps = page_steps};
    g_autofree char *text = runbook_print(&book);
    (void)state;
    assert_string_equal(text, "## page (version 3)\n\n"
                              "| step | what it does | per | |\n|---|---|---|---|\n"
                              "| `a` | Look | group | best effort  |\n"
                              "| `b` | Make | volume | undone on failure |\n"
                              "| `c` | Claim | group | **pivot** no skip  |\n"
                              "| `d` | Boot | member |  |\n"
                              "| `e` | Start | member | in waves  |\n"
                              "| `f` | Stop | member | in waves, backwards  |\n");
}

static void test_state_texts(void **state)
{
    (void)state;
    for (int i = 0; i < ROW_STATE_COUNT; i++)
        assert_int_equal(row_state_of(row_state_text((enum row_state)i)), i);
    assert_int_equal(row_state_of("nonsense"), ROW_STATE_COUNT);
}

/* ---- results of earlier rows */

/* Of a row that is done, of one that failed, of one that nobody has begun, of none. */
static err_t *reads_outcomes(struct step_call *call)
{
    static const struct {
        const char *step, *subject, *why;
        bool done;
    } rows[] = {{"first", "", NULL, true},
                {"soft", "", "make of 'soft' fails as ordered", false},
                {"last", "", NULL, false},
                {"second", "m9", NULL, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        bool done = !rows[i].done;
        g_autofree char *why = NULL;
        g_autoptr(json_t) result = NULL;
        TRY(step_outcome_of(call, rows[i].step, rows[i].subject, &done, &why, &result));
        assert_int_equal(done, rows[i].done);
        assert_int_equal(why != NULL, rows[i].why != NULL);
        if (why != NULL)
            SAYS(why, rows[i].why);
        bool begun = rows[i].done || rows[i].why != NULL;
        assert_int_equal(json_object_size(result) > 0, begun);
    }
    return NULL;
}

static err_t *reads_make(struct step_call *call, enum step_answer *ret)
{
    g_autoptr(json_t) first = NULL;
    g_autoptr(json_t) second = NULL;
    g_autoptr(json_t) none = NULL;
    TRY(step_result_of(call, "first", "", &first));
    TRY(step_result_of(call, "second", "m2", &second));
    TRY(step_result_of(call, "second", "m9", &none));
    json_set_int(call->result, "first", json_int(first, "attempt", 0));
    json_set_int(call->result, "second", json_int(second, "attempt", 0));
    json_set_int(call->result, "none", (int64_t)json_object_size(none));
    TRY(reads_outcomes(call));
    *ret = STEP_DONE;
    return NULL;
}

static const struct step reads_steps[] = {
    FULL("first", GROUP, 0, 20),
    FULL("second", MEMBER, 0, 50),
    FULL("soft", GROUP, STEP_BEST_EFFORT, 60),
    {.key = "reads", .says = "Read", .make = reads_make, .progress = 90},
    FULL("last", GROUP, 0, 100),
    {0},
};
static const struct runbook reads_book = {.name = "reads",
                                          .version = 1,
                                          .steps = reads_steps,
                                          .plan = room_plan};
static const struct runbook *const reads_books[] = {&reads_book, NULL};

static void test_results(void **state)
{
    struct room *room = *state;
    room_books(room, reads_books);
    room_trouble(room, "make", "second", "m2", 1, 2, ERR_CLOUD_BUSY);
    room_trouble(room, "make", "soft", "", 1, 1, ERR_CONFLICT);
    room_operation(room, "reads");
    room_run(room);
    STATUS(room, "completed");
    AUTO(op_step) row = room_row(room, "reads", "");
    assert_int_equal(json_int(row->result, "first", 0), 1);
    assert_int_equal(json_int(row->result, "second", 0), 3);
    assert_int_equal(json_int(row->result, "none", 9), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM(test_plan_is_tried_again),
        ROOM(test_plan_fails),
        ROOM(test_plan_waits),
        ROOM(test_plan_fenced),
        ROOM(test_rows),
        ROOM(test_order),
        ROOM(test_forever_holds_nobody_up),
        ROOM(test_plan_is_frozen),
        ROOM(test_old_plan_old_table),
        ROOM(test_new_plan_new_table),
        ROOM(test_table_is_lacking),
        ROOM(test_unknown_runbook),
        ROOM(test_unknown_step),
        ROOM(test_forever),
        ROOM(test_many),
        cmocka_unit_test(test_print),
        ROOM(test_results),
        cmocka_unit_test(test_state_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
