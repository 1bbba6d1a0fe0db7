/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds_steps - what the corpus of `steps` begins with: each operation of a group's life, as its
 * database has it when it has come to each of its steps, forward and unwinding.
 */
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/steps_world.h"

static json_t *parsed(const char *text)
{
    json_t *j = NULL;

    if (text != NULL)
        err_free(json_parse(text, strlen(text), "a seed", &j));
    return j;
}

/* The rows; from 'front' on nothing has been done yet. */
static json_t *rows_to(const struct db_rows *rows, size_t front)
{
    json_t *steps = json_array();

    for (size_t r = 0; r < db_rows_count(rows); r++) {
        json_t *step = json_object();
        json_set_str(step, "step_key", db_str(rows, r, 0));
        json_set_str(step, "subject", db_str(rows, r, 1));
        json_set_int(step, "wave", db_int(rows, r, 2));
        json_set_str(step, "state", r < front ? db_str(rows, r, 3) : "pending");
        if (r < front)
            json_set(step, "result", parsed(db_str(rows, r, 4)));
        json_array_append_new(steps, step);
    }
    return steps;
}

static bool is_past(const struct db_rows *rows, size_t front)
{
    bool past = false;

    for (size_t r = 0; r < front; r++)
        past = past || g_str_equal(db_str(rows, r, 0), "group.claim") ||
               g_str_equal(db_str(rows, r, 0), "metadata.stage");
    return past;
}

static void seed(struct bench *b, int site, const char *id, const char *type, const char *params,
                 const char *plan)
{
    g_autofree char *sql = g_strdup_printf("SELECT step_key, subject, wave, state, result FROM"
                                           " dr_steps WHERE op_id = '%s' ORDER BY seq",
                                           id);
    AUTO(db_rows) rows = bench_rows(b, site, sql);

    for (size_t front = 0; front < db_rows_count(rows); front++) {
        bool same = front > 0 && g_str_equal(db_str(rows, front - 1, 0), db_str(rows, front, 0));
        bool past = is_past(rows, front);
        g_autofree char *name = g_strdup_printf("%s-%d-%zu", type, site, front);
        g_autofree char *back = g_strconcat(name, "-back", NULL);
        g_autoptr(json_t) forward =
            json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "type", type, "status", "running",
                      "past_pivot", past, "params", parsed(params), "plan", parsed(plan), "steps",
                      rows_to(rows, front));
        if (same)
            continue;
        g_autofree char *text = json_print(forward);
        seed_write("steps", name, text);
        json_set_str(forward, "status", "rolling_back");
        g_autofree char *unwound = json_print(forward);
        if (!past && front > 0)
            seed_write("steps", back, unwound);
    }
}

void seeds_steps(void)
{
    AUTO(bench) b = steps_world();

    for (int site = 0; site < BENCH_SITES; site++) {
        AUTO(db_rows)
        ops = bench_rows(b, site, "SELECT id, operation_type, params, plan FROM dr_operations");
        for (size_t i = 0; i < db_rows_count(ops); i++)
            seed(b, site, db_str(ops, i, 0), db_str(ops, i, 1), db_str(ops, i, 2),
                 db_str(ops, i, 3));
    }
}
