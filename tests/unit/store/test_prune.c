/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune - what a database forgets (B23): of a deleted group its metadata and every sealed secret;
 * never the chain, the tombstone, the words of the log, a refusal.
 */
#include "tests/unit/store/both.h"

#include "store/drift.h"
#include "store/group.h"
#include "store/operation.h"
#include "store/prune.h"
#include "store/tx.h"

#define GONE  "pg-00000000-0000-4000-8000-000000000001"
#define GIVEN "pg-00000000-0000-4000-8000-000000000002"
#define NEVER "pg-00000000-0000-4000-8000-000000000003"
#define OP    "op-00000000-0000-4000-8000-000000000001"
#define BOX   "c2VhbGVk"

static const char body[] =
    "{\"name\":\"web\",\"policy\":{\"rpo_minutes\":15,\"tokens\":{\"primary_fa_token\":{\"a\":"
    "\"" BOX "\",\"b\":\"" BOX "\"}}},\"members\":[{\"config\":{\"user_data\":{\"a\":\"" BOX
    "\"},\"name\":\"web-1\"}}]}";

static void put_group(struct db *db, const char *id, const char *role, bool listed)
{
    struct group_row row = {.id = (char *)id,
                            .project_id = (char *)"p",
                            .name = (char *)"web",
                            .status = (char *)"deleting",
                            .role = (char *)role,
                            .listed = listed,
                            .position = (char *)"",
                            .created_at_ms = BOTH_NOW,
                            .updated_at_ms = BOTH_NOW};

    OK(group_insert(db, &row));
    OK(db_exec(db, NULL, "UPDATE protection_groups SET body = ? WHERE id = ?", "ss", body, id));
    OK(db_exec(db, NULL,
               "INSERT INTO positions (pg_id, hash, seq, parent, parent2, epoch, version, kind,"
               " forced, minter, claim_id, body_hash, incarnation, rejoined, body, created_at)"
               " VALUES (?, 'h', 0, '', '', 0, 1, 'USER', 0, 'm', 'c', 'b', '', '', ?, 1)",
               "ss", id, body));
    OK(db_exec(db, NULL,
               "INSERT INTO sync_log (pg_id, event, position, epoch, version, message, bundle,"
               " created_at) VALUES (?, 'lost', 'h', 0, 1, 'words', ?, 1)",
               "ss", id, body));
}

static void put_operation(struct db *db, const char *pg_id)
{
    g_autofree char *plan = g_strdup_printf("{\"body\":%s}", body);
    struct operation op = {.id = (char *)OP,
                           .pg_id = (char *)pg_id,
                           .project_id = (char *)"p",
                           .operation_type = (char *)"policy_set",
                           .runbook = (char *)"policy_set",
                           .runbook_version = 1,
                           .created_at_ms = BOTH_NOW};

    OK(operation_insert(db, &op));
    g_free(op.status);
    OK(db_exec(db, NULL, "UPDATE dr_operations SET plan = ?, params = ?, result = ? WHERE id = ?",
               "ssss", plan, body, plan, OP));
    OK(db_exec(db, NULL,
               "INSERT INTO dr_steps (op_id, seq, step_key, subject, wave, state, attempt, tries,"
               " flags, wake_at, result, started_at, finished_at) VALUES (?, 1, 'server.capture',"
               " '', 0, 'done', 1, 0, 0, 0, ?, 1, 1)",
               "ss", OP, body));
}

static void end_operation(struct db *db)
{
    OK(db_exec(db, NULL, "UPDATE dr_operations SET is_open = 0, status = 'completed' WHERE id = ?",
               "s", OP));
}

static void prune(struct db *db)
{
    int64_t next_ms = 0;

    OK(prune_run(db, BOTH_NOW, &next_ms));
    assert_true(next_ms > BOTH_NOW);
}

static char *value(struct db *db, const char *sql, const char *id)
{
    AUTO(db_rows) rows = NULL;

    OK(db_query(db, &rows, sql, "s", id));
    assert_int_equal(db_rows_count(rows), 1);
    return g_strdup(db_str(rows, 0, 0));
}

static const char *const documents[] = {
    "SELECT bundle FROM sync_log WHERE pg_id = ?",
    "SELECT plan FROM dr_operations WHERE pg_id = ?",
    "SELECT params FROM dr_operations WHERE pg_id = ?",
    "SELECT result FROM dr_operations WHERE pg_id = ?",
    "SELECT s.result FROM dr_steps s JOIN dr_operations o ON o.id = s.op_id WHERE o.pg_id = ?",
};

static void boxes_are(struct db *db, const char *id, bool there)
{
    for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autofree char *text = value(db, documents[i], id);
        if ((strstr(text, BOX) != NULL) != there)
            fail_msg("%s: %s", documents[i], text);
    }
}

/* Nothing that opens anything is left of a deleted group; that it was, and what was lost, is. */
static void test_deleted(void **state)
{
    struct both *b = *state;
    g_autoptr(json_t) found = json_pack("{s:[s]}", "member-1", "its flavor is another");
    json_t *drift = NULL;
    int64_t seen = 0;

    put_group(b->db, GONE, "TOMBSTONE", false);
    put_operation(b->db, GONE);
    OK(drift_put(b->db, GONE, found, BOTH_NOW));
    prune(b->db); /* an operation is open: it may have to unwind with a token */
    boxes_are(b->db, GONE, true);
    end_operation(b->db);
    prune(b->db);
    boxes_are(b->db, GONE, false);
    g_autofree char *row = value(b->db, "SELECT body FROM protection_groups WHERE id = ?", GONE);
    g_autofree char *kept = value(b->db, "SELECT body FROM positions WHERE pg_id = ?", GONE);
    assert_null(row);
    assert_null(kept);
    g_autofree char *log = value(b->db, "SELECT bundle FROM sync_log WHERE pg_id = ?", GONE);
    g_autofree char *words = value(b->db, "SELECT message FROM sync_log WHERE pg_id = ?", GONE);
    assert_non_null(strstr(log, "web-1"));
    assert_string_equal(words, "words");
    OK(drift_get(b->db, GONE, &drift, &seen));
    assert_int_equal(json_object_size(drift), 0);
    assert_int_equal(seen, 0);
    json_decref(drift);
}

/* A group that was given up with its servers is shown: it keeps what it is. */
static void test_unprotected(void **state)
{
    struct both *b = *state;

    put_group(b->db, GIVEN, "TOMBSTONE", true);
    put_operation(b->db, GIVEN);
    end_operation(b->db);
    prune(b->db);
    boxes_are(b->db, GIVEN, true);
}

/* Who has refused a create must be able to refuse it for ever. */
static void test_refusal_stays(void **state)
{
    struct both *b = *state;
    struct group_row *row = NULL;
    int64_t next_ms = 0;

    put_group(b->db, NEVER, "NONE", false);
    OK(db_exec(b->db, NULL,
               "INSERT INTO refusals (pg_id, hash, epoch, rejoin, reason, created_at) VALUES"
               " (?, 'h', 0, 0, 'protector.name.taken', 1)",
               "s", NEVER));
    OK(prune_run(b->db, BOTH_NOW + 100 * PRUNE_HELLO_MS, &next_ms));
    OK(group_find(b->db, NEVER, &row));
    assert_non_null(row);
    group_row_destroy(row);
    OK(db_exec(b->db, NULL, "DELETE FROM refusals", ""));
    OK(prune_run(b->db, BOTH_NOW + 100 * PRUNE_HELLO_MS, &next_ms));
    OK(group_find(b->db, NEVER, &row));
    assert_null(row);
}

/* Marks of transactions whose outcome nobody asks about any more. */
static void test_marks(void **state)
{
    struct both *b = *state;
    int64_t next_ms = 0;
    AUTO(db_rows) rows = NULL;

    OK(db_exec(b->db, NULL, "INSERT INTO commits (nonce, created_at) VALUES ('old', ?)", "i",
               BOTH_NOW));
    OK(db_exec(b->db, NULL, "INSERT INTO commits (nonce, created_at) VALUES ('new', ?)", "i",
               BOTH_NOW + TX_KEEP_MS));
    OK(prune_run(b->db, BOTH_NOW + TX_KEEP_MS + 1, &next_ms));
    OK(db_query(b->db, &rows, "SELECT nonce FROM commits", ""));
    assert_int_equal(db_rows_count(rows), 1);
    assert_string_equal(db_str(rows, 0, 0), "new");
}

/* What was only looked at goes after a day, with its steps; while it runs, or as history, it stays.
 */
static void test_looks(void **state)
{
    struct both *b = *state;
    int64_t next_ms = 0;
    AUTO(db_rows) steps = NULL;
    struct operation *op = NULL;

    put_group(b->db, GIVEN, "STANDBY", true);
    put_operation(b->db, GIVEN);
    OK(db_exec(b->db, NULL, "UPDATE dr_operations SET operation_type = 'plan_look', updated_at = ?",
               "i", BOTH_NOW));
    OK(prune_run(b->db, BOTH_NOW + PRUNE_LOOK_MS + 1, &next_ms)); /* it runs */
    end_operation(b->db);
    OK(prune_run(b->db, BOTH_NOW + PRUNE_LOOK_MS, &next_ms)); /* it is young */
    OK(operation_find(b->db, OP, &op));
    assert_non_null(op);
    operation_destroy(op);
    OK(prune_run(b->db, BOTH_NOW + PRUNE_LOOK_MS + 1, &next_ms));
    OK(operation_find(b->db, OP, &op));
    assert_null(op);
    OK(db_query(b->db, &steps, "SELECT seq FROM dr_steps WHERE op_id = ?", "s", OP));
    assert_int_equal(db_rows_count(steps), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_deleted), BOTH(test_unprotected), BOTH(test_refusal_stays),
        BOTH(test_marks),   BOTH(test_looks),
    };
    return cmocka_run_group_tests_name("prune", tests, both_start, both_stop);
}
