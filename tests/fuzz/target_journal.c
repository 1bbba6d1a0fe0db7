/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal - {"steps": [{column: value}]}: rows of dr_steps as some version, or some hand, left
 * them.  They are read, or the error says which row is damaged; what was read can be written.
 */
#include "run/journal.h"
#include "store/migrate.h"
#include "tests/fuzz/fuzz.h"

#define ROWS_MAX 8

static struct db *db;

void fuzz_init(void)
{
    FUZZ_MUST(db_open("sqlite://", &db) == NULL, "no database");
    FUZZ_MUST(store_sync(db, 1, NULL) == NULL, "no tables");
    /* the rows' operation is not there */
    FUZZ_MUST(db_exec(db, NULL, "PRAGMA foreign_keys = OFF", "") == NULL, "no pragma");
}

/* A column as its JSON has it: texts as they are, anything else printed. */
static char *column(const json_t *row, const char *name, const char *fallback)
{
    const json_t *value = json_object_get(row, name);

    if (value == NULL || json_is_null(value))
        return g_strdup(fallback);
    return json_is_string(value) ? g_strdup(json_string_value(value)) : json_print(value);
}

static err_t *insert(const json_t *row, int64_t seq)
{
    g_autofree char *key = column(row, "step_key", "server.boot");
    g_autofree char *subject = column(row, "subject", "");
    g_autofree char *state = column(row, "state", "pending");
    g_autofree char *result = column(row, "result", NULL);
    g_autofree char *error = column(row, "error", NULL);

    return db_exec(db, NULL,
                   "INSERT INTO dr_steps (op_id, seq, step_key, subject, wave, state, attempt, "
                   "tries, flags, wake_at, result, error, started_at, finished_at) VALUES "
                   "('op-1', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
                   "issisiiiiss", seq, key, subject, json_int(row, "wave", 0), state,
                   json_int(row, "attempt", 0), json_int(row, "tries", 0),
                   json_int(row, "flags", 0), json_int(row, "wake_at", 0), result, error);
}

/* False if a row of the same step and subject is there. */
static bool inserted(const json_t *row, int64_t seq)
{
    g_autoptr(err_t) e = insert(row, seq);

    FUZZ_MUST(e == NULL || err_is(e, ERR_DB_DUPLICATE), "not written: %s", err_message(e));
    return e == NULL;
}

static void row_told(const struct journal_row *row)
{
    FUZZ_MUST(row_state_of(row_state_text(row->state)) == row->state, "a state that is none");
    FUZZ_MUST(json_is_object(row->result), "a result that is no object");
    if (row->error != NULL)
        err_free(err_from_json(row->error));
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) in = fuzz_object(data, size);
    const json_t *steps = json_arr(in, "steps");
    const struct journal j = {db, &fuzz_env, "op-1", 1, "engine"};
    g_autoptr(GPtrArray) rows = NULL;

    if (steps == NULL)
        return;
    FUZZ_MUST(db_exec(db, NULL, "DELETE FROM dr_steps", "") == NULL, "not empty");
    for (size_t i = 0; i < MIN(json_array_size(steps), ROWS_MAX); i++)
        if (!inserted(json_array_get(steps, i), (int64_t)i))
            return;
    if (fuzz_refused(journal_rows(&j, &rows)))
        return;
    for (guint i = 0; i < rows->len; i++)
        row_told(g_ptr_array_index(rows, i));
}
