/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/lease (story B14): a lease is taken by compare-and-set on an unchanged beat only,
 * and a write of one who lost it, or whose operation has moved on, is refused.
 */
#include "tests/unit/store/both.h"

#include "store/faulty.h"
#include "store/op_step.h"
#include "store/operation.h"
#include "store/resource.h"

#define OP "op-1"

static void make_operation(struct db *db)
{
    AUTO(operation) op = operation_create();
    op->id = g_strdup(OP);
    op->pg_id = g_strdup("pg-1");
    op->project_id = g_strdup("p");
    op->operation_type = g_strdup("failover");
    op->runbook = g_strdup("failover");
    op->runbook_version = 1;
    op->created_at_ms = BOTH_NOW;
    OK(operation_insert(db, op));
}

static int64_t claim(struct db *db, const char *owner, const struct lease *seen, bool expected)
{
    int64_t beat = 0;
    bool held = false;
    OK(lease_claim(db, OP, owner, seen, &beat, &held));
    assert_int_equal(held, expected);
    return beat;
}

static struct lease *see(struct db *db)
{
    struct lease *lease = NULL;
    OK(lease_get(db, OP, &lease));
    return lease;
}

static void test_unowned(void **state)
{
    struct both *b = *state;
    assert_null(see(b->db));
    assert_int_equal(claim(b->db, "one", NULL, true), 1);
    AUTO(lease) lease = see(b->db);
    assert_string_equal(lease->owner, "one");
    assert_int_equal(lease->beat, 1);
    claim(b->db, "two", NULL, false);
    OK(lease_release(b->db, OP, "two")); /* not his */
    claim(b->db, "two", NULL, false);
    OK(lease_release(b->db, OP, "one"));
    assert_null(see(b->db));
    claim(b->db, "two", NULL, true);
    claim(b->db, "one", lease, false); /* what was seen is gone */
}

static void test_unchanged_beat(void **state)
{
    struct both *b = *state;
    int64_t beat = claim(b->db, "one", NULL, true);
    bool held = false;
    AUTO(lease) seen = see(b->db);
    OK(lease_renew(b->db, OP, "one", beat, &beat, &held));
    assert_true(held);
    assert_int_equal(beat, 2);
    claim(b->db, "two", seen, false); /* it beats */
    AUTO(lease) still = see(b->db);
    claim(b->db, "two", still, true);
    claim(b->db, "three", still, false); /* two takers saw the same: one wins */
    OK(lease_renew(b->db, OP, "one", beat, &beat, &held));
    assert_false(held);
    AUTO(lease) last = see(b->db);
    assert_string_equal(last->owner, "two");
    assert_int_equal(last->beat, 3);
}

/* A renewal that was sent twice (a lost answer) holds once only. */
static void test_renew_twice(void **state)
{
    struct both *b = *state;
    int64_t beat = claim(b->db, "one", NULL, true);
    int64_t next = 0;
    bool held = false;
    OK(lease_renew(b->db, OP, "one", beat, &next, &held));
    OK(lease_renew(b->db, OP, "one", beat, &next, &held));
    assert_false(held);
}

/* A released lease that nobody took meanwhile may be taken, by one. */
static void test_released_beat_rises(void **state)
{
    struct both *b = *state;
    claim(b->db, "one", NULL, true);
    AUTO(lease) seen = see(b->db);
    OK(lease_release(b->db, OP, "one"));
    assert_int_equal(claim(b->db, "one", NULL, true), 3);
    claim(b->db, "two", seen, false); /* same owner, another life */
}

/* ---- writes under the fence */

struct write {
    struct fence fence;
    err_t *(*fn)(struct db *db, const struct fence *fence);
};

static err_t *write_body(struct db *db, void *data)
{
    const struct write *write = data;
    return write->fn(db, &write->fence);
}

static err_t *write_insert(struct db *db, const struct fence *fence)
{
    AUTO(op_step) row = op_step_create();
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    row->op_id = g_strdup(fence->op_id);
    row->seq = 1;
    row->step_key = g_strdup("group.claim");
    row->subject = g_strdup("");
    row->state = g_strdup("pending");
    g_ptr_array_add(rows, row);
    return op_step_insert(db, fence, rows);
}

static err_t *write_step(struct db *db, const struct fence *fence)
{
    AUTO(op_step) row = NULL;
    TRY(op_step_find(db, fence->op_id, "group.claim", "", &row));
    assert_non_null(row);
    g_free(row->state);
    row->state = g_strdup("done");
    row->attempt++;
    return op_step_write(db, fence, row);
}

static err_t *write_skip(struct db *db, const struct fence *fence)
{
    return op_step_write_subject(db, fence, "", "done", "skipped", NULL, BOTH_NOW, NULL);
}

static err_t *write_plan(struct db *db, const struct fence *fence)
{
    g_autoptr(json_t) plan = json_pack("{s:[]}", "members");
    return operation_write_plan(db, fence, plan, 1, BOTH_NOW + 1);
}

static err_t *write_status(struct db *db, const struct fence *fence)
{
    return operation_write_status(db, fence, "needs_operator", NULL, OPERATION_NEVER, BOTH_NOW + 2);
}

static err_t *write_progress(struct db *db, const struct fence *fence)
{
    return operation_write_progress(db, fence, 45, BOTH_NOW);
}

static err_t *write_result(struct db *db, const struct fence *fence)
{
    g_autoptr(json_t) result = json_pack("{s:i}", "rto_s", 42);
    return operation_write_result(db, fence, result, BOTH_NOW);
}

static err_t *write_pivot(struct db *db, const struct fence *fence)
{
    return operation_write_pivot(db, fence, true);
}

static err_t *write_resource(struct db *db, const struct fence *fence)
{
    AUTO(resource) r = resource_create();
    r->resource_key = g_strdup("0123456789abcdef01234567");
    r->op_id = g_strdup(fence->op_id);
    r->pg_id = g_strdup("pg-1");
    r->subject = g_strdup("member-1");
    r->kind = g_strdup("server");
    r->site_id = g_strdup("s");
    r->service = g_strdup("nova");
    r->state = g_strdup(resource_state_text(RESOURCE_INTENT));
    return resource_write(db, fence, r);
}

static err_t *write_release(struct db *db, const struct fence *fence)
{
    return resource_release_all(db, fence, BOTH_NOW);
}

static err_t *write_end(struct db *db, const struct fence *fence)
{
    return operation_write_end(db, fence, "completed", NULL, NULL, BOTH_NOW + 3);
}

static err_t *(*const writes[])(struct db *db, const struct fence *fence) = {
    write_insert, write_step,     write_skip,    write_plan,  write_status, write_progress,
    write_result, write_resource, write_release, write_pivot, write_end,
};

/* Everything that an engine writes, as one text. */
static char *snapshot(struct db *db)
{
    static const char *const queries[] = {
        "SELECT status, is_open, progress, plan, result, past_pivot, wake_at FROM dr_operations",
        "SELECT seq, step_key, state, attempt FROM dr_steps",
        "SELECT resource_key, state FROM dr_resources",
    };
    GString *text = g_string_new("");
    for (size_t q = 0; q < G_N_ELEMENTS(queries); q++) {
        AUTO(db_rows) rows = NULL;
        static const size_t columns[] = {7, 4, 2};
        OK(db_query(db, &rows, queries[q], ""));
        for (size_t i = 0; i < db_rows_count(rows); i++)
            for (size_t c = 0; c < columns[q]; c++)
                g_string_append_printf(text, "%s|", db_str(rows, i, c));
    }
    return g_string_free(text, FALSE);
}

static void test_every_write_is_fenced(void **state)
{
    struct both *b = *state;
    static const struct fence strangers[] = {
        {OP, 1, "two"}, {OP, 2, "one"}, {OP, 0, "one"}, {"op-2", 1, "one"}, {OP, 1, ""},
    };
    make_operation(b->db);
    claim(b->db, "one", NULL, true);
    for (size_t i = 0; i < G_N_ELEMENTS(writes); i++) {
        g_autofree char *before = snapshot(b->db);
        for (size_t s = 0; s < G_N_ELEMENTS(strangers); s++) {
            struct write write = {strangers[s], writes[i]};
            if (writes[i] == write_step && strcmp(strangers[s].op_id, OP) != 0)
                continue;
            FAILS(db_tx(b->db, write_body, &write), FENCED);
        }
        g_autofree char *between = snapshot(b->db);
        assert_string_equal(before, between);
        struct write write = {{OP, 1, "one"}, writes[i]};
        OK(db_tx(b->db, write_body, &write));
        g_autofree char *after = snapshot(b->db);
        assert_string_not_equal(before, after);
    }
    AUTO(operation) op = NULL;
    OK(operation_get(b->db, OP, NULL, &op));
    assert_string_equal(op->status, "completed");
    assert_false(op->is_open);
    assert_true(op->past_pivot);
    assert_int_equal(op->progress, 100);
    assert_int_equal(op->started_at_ms, BOTH_NOW + 1);
    assert_int_equal(op->completed_at_ms, BOTH_NOW + 3);
    assert_non_null(op->plan);
}

static void test_taken_over(void **state)
{
    struct both *b = *state;
    struct write one = {{OP, 1, "one"}, write_progress};
    struct write two = {{OP, 1, "two"}, write_progress};
    make_operation(b->db);
    claim(b->db, "one", NULL, true);
    OK(db_tx(b->db, write_body, &one));
    AUTO(lease) seen = see(b->db);
    claim(b->db, "two", seen, true);
    FAILS(db_tx(b->db, write_body, &one), FENCED);
    OK(db_tx(b->db, write_body, &two));
}

static err_t *change_body(struct db *db, void *data)
{
    AUTO(operation) op = NULL;
    (void)data;
    TRY(operation_get(db, OP, NULL, &op));
    g_free(op->status);
    op->status = g_strdup("rolling_back");
    return operation_change(db, op, BOTH_NOW + 9);
}

/* A person's verb raises the generation: the engine's next write is refused, and it reads again. */
static void test_preempted(void **state)
{
    struct both *b = *state;
    struct write old = {{OP, 1, "one"}, write_progress};
    struct write new = {{OP, 2, "one"}, write_progress};
    make_operation(b->db);
    claim(b->db, "one", NULL, true);
    OK(db_tx(b->db, write_body, &old));
    OK(db_tx(b->db, change_body, NULL));
    FAILS(db_tx(b->db, write_body, &old), FENCED);
    OK(db_tx(b->db, write_body, &new));
}

struct overtaking {
    struct db *other;
    int runs;
    bool claim; /* the other takes the lease; else it raises the generation */
};

/* The other acts after this transaction has read, before it writes. */
static err_t *overtaken_body(struct db *db, void *data)
{
    struct overtaking *o = data;
    AUTO(operation) op = NULL;
    TRY(operation_get(db, OP, NULL, &op));
    if (o->runs++ == 0 && o->claim) {
        AUTO(lease) seen = see(o->other);
        claim(o->other, "two", seen, true);
    } else if (o->runs == 1) {
        OK(db_tx(o->other, change_body, NULL));
    }
    struct fence fence = {OP, op->generation, "one"};
    return operation_write_progress(db, &fence, 50, BOTH_NOW);
}

static void test_overtaken(void **state)
{
    struct both *b = *state;
    AUTO(db) other = both_open(b);
    make_operation(b->db);
    claim(b->db, "one", NULL, true);
    struct overtaking raised = {.other = other};
    OK(db_tx(b->db, overtaken_body, &raised)); /* runs again and reads the new generation */
    assert_int_equal(raised.runs, 2);
    struct overtaking taken = {.other = other, .claim = true};
    FAILS(db_tx(b->db, overtaken_body, &taken), FENCED);
}

static err_t *change_stale_body(struct db *db, void *data)
{
    return operation_change(db, data, BOTH_NOW + 10);
}

/* operation_change does not overwrite what it has not read. */
static void test_change_is_conditional(void **state)
{
    struct both *b = *state;
    AUTO(operation) op = NULL;
    make_operation(b->db);
    OK(db_tx(b->db, change_body, NULL));
    OK(operation_get(b->db, OP, NULL, &op));
    assert_int_equal(op->generation, 2);
    assert_string_equal(op->status, "rolling_back");
    assert_true(op->is_open);
    /* One that was read before another changed it. */
    OK(db_tx(b->db, change_body, NULL));
    g_free(op->status);
    op->status = g_strdup("completed");
    FAILS(db_tx(b->db, change_stale_body, op), DB_DEADLOCK);
    AUTO(operation) now = NULL;
    OK(operation_get(b->db, OP, NULL, &now));
    assert_string_equal(now->status, "rolling_back");
    assert_int_equal(op->generation, 2); /* as it was read */
}

/* A claim whose answer is lost: the row says who has it; nothing is believed without it. */
static void test_lost_claim(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    int64_t beat = 0;
    bool held = false;
    faulty_arm(faulty, FAULTY_STATEMENT, 2, 1, ERR_DB_COMMIT_UNKNOWN, true);
    FAILS(lease_claim(b->db, OP, "one", NULL, &beat, &held), DB_COMMIT_UNKNOWN);
    assert_false(held);
    AUTO(lease) seen = see(b->db);
    assert_string_equal(seen->owner, "one");
    claim(b->db, "one", seen, true);
}

static gpointer claim_thread(gpointer data)
{
    AUTO(db) db = both_open(data);
    static gint next = 0;
    g_autofree char *owner = g_strdup_printf("owner-%d", g_atomic_int_add(&next, 1));
    int64_t beat = 0;
    bool held = false;
    for (int i = 0; i < 20; i++) {
        g_autofree char *key = g_strdup_printf("key-%d", i);
        bool one = false;
        OK(lease_claim(db, key, owner, NULL, &beat, &one));
        held = one;
        if (one)
            OK(db_exec(db, NULL, "UPDATE leases SET writes = writes + 100 WHERE lease_key = ?", "s",
                       key));
    }
    return GINT_TO_POINTER(held);
}

static void test_many_takers(void **state)
{
    struct both *b = *state;
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("taker", claim_thread, b);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    AUTO(db_rows) rows = NULL;
    OK(db_query(b->db, &rows, "SELECT COUNT(*), MIN(writes), MAX(writes) FROM leases", ""));
    assert_int_equal(db_int(rows, 0, 0), 20);
    assert_int_equal(db_int(rows, 0, 1), 100);
    assert_int_equal(db_int(rows, 0, 2), 100);
}

#define MARIADB(test)                                                                              \
    {                                                                                              \
#test " (mariadb)", test, both_mariadb, both_close, NULL                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_unowned),
        BOTH(test_unchanged_beat),
        BOTH(test_renew_twice),
        BOTH(test_released_beat_rises),
        BOTH(test_every_write_is_fenced),
        BOTH(test_taken_over),
        BOTH(test_preempted),
        MARIADB(test_overtaken),
        BOTH(test_change_is_conditional),
        BOTH(test_lost_claim),
        BOTH(test_many_takers),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
