/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of lists: pages in any order lose and repeat nothing, keys are checked, another project's
 * rows are not there, and the database enters by an index (EXPLAIN), however many rows there are.
 */
#include "tests/unit/store/both.h"

#include "store/group.h"
#include "store/operation.h"

#define GROUPS 57

static char *group_id(int i)
{
    return g_strdup_printf("pg-%04d", (i * 37) % GROUPS); /* ids do not follow times */
}

static err_t *add_group(struct db *db, const char *id, const char *project, const char *name,
                        const char *status, int64_t created_at_ms)
{
    struct group_row row = {
        .id = (char *)id,
        .project_id = (char *)project,
        .name = (char *)name,
        .living_name = (char *)name,
        .status = (char *)status,
        .role = (char[]){"ACTIVE"},
        .position = (char[]){""},
        .listed = true,
        .created_at_ms = created_at_ms,
        .updated_at_ms = created_at_ms,
    };
    return group_insert(db, &row);
}

static err_t *fill(struct db *db, void *data)
{
    static const char *const statuses[] = {"active", "error", "failed_over"};
    (void)data;
    for (int i = 0; i < GROUPS; i++) {
        g_autofree char *id = group_id(i);
        g_autofree char *name = g_strdup_printf("name-%d", (i * 11) % GROUPS);
        g_autofree char *other = g_strdup_printf("other-%d", i);
        TRY(add_group(db, id, "p", name, statuses[i % 3], BOTH_NOW + i / 4)); /* equal times */
        TRY(add_group(db, other, "q", name, "active", BOTH_NOW));
    }
    return NULL;
}

/* All pages of 'query' as one text of ids. */
static char *walk(struct db *db, struct list_query query, int *ret_pages)
{
    GString *ids = g_string_new("");
    g_autofree char *marker = NULL;
    *ret_pages = 0;
    for (;;) {
        g_autoptr(GPtrArray) page = NULL;
        query.marker = marker;
        OK(group_list(db, "p", &query, &page));
        (*ret_pages)++;
        for (guint i = 0; i < page->len; i++) {
            const struct group_row *row = g_ptr_array_index(page, i);
            g_string_append_printf(ids, "%s ", row->id);
        }
        if ((int64_t)page->len < query.limit)
            return g_string_free(ids, FALSE);
        const struct group_row *last = g_ptr_array_index(page, page->len - 1);
        g_free(marker);
        marker = g_strdup(last->id);
    }
}

static void test_pages(void **state)
{
    struct both *b = *state;
    static const struct list_query queries[] = {
        {0},
        {.sort_count = 1, .sorts = {{"name", false}}},
        {.sort_count = 1, .sorts = {{"created_at", false}}},
        {.sort_count = 1, .sorts = {{"id", true}}},
        {.sort_count = 2, .sorts = {{"status", true}, {"name", false}}},
        {.sort_count = 3, .sorts = {{"status", false}, {"created_at", true}, {"name", true}}},
        {.sort_count = 2, .sorts = {{"id", true}, {"name", false}}},
        {.sort_count = 1,
         .sorts = {{"updated_at", true}},
         .filter_count = 1,
         .filters = {{"status", "error"}}},
    };
    OK(db_tx(b->db, fill, NULL));
    for (size_t q = 0; q < G_N_ELEMENTS(queries); q++) {
        struct list_query whole = queries[q];
        int pages = 0;
        whole.limit = 1000;
        g_autofree char *expected = walk(b->db, whole, &pages);
        g_auto(GStrv) ids = g_strsplit(expected, " ", -1);
        assert_int_equal(g_strv_length(ids) - 1, whole.filter_count > 0 ? GROUPS / 3 : GROUPS);
        for (int64_t limit = 1; limit <= 20; limit += 6) {
            struct list_query paged = queries[q];
            paged.limit = limit;
            g_autofree char *got = walk(b->db, paged, &pages);
            assert_string_equal(expected, got);
            assert_true(pages >= 2);
        }
    }
}

static void test_order(void **state)
{
    struct both *b = *state;
    g_autoptr(GPtrArray) rows = NULL;
    struct list_query query = {.sort_count = 2, .sorts = {{"status", true}, {"created_at", false}}};
    OK(db_tx(b->db, fill, NULL));
    OK(group_list(b->db, "p", &query, &rows));
    for (guint i = 1; i < rows->len; i++) {
        const struct group_row *one = g_ptr_array_index(rows, i - 1);
        const struct group_row *two = g_ptr_array_index(rows, i);
        int statuses = strcmp(one->status, two->status);
        assert_true(statuses > 0 || (statuses == 0 && one->created_at_ms <= two->created_at_ms));
    }
}

static void test_refused(void **state)
{
    struct both *b = *state;
    g_autoptr(GPtrArray) rows = NULL;
    static const struct {
        struct list_query query;
        const char *words;
    } bad[] = {
        {{.sort_count = 1, .sorts = {{"body", false}}}, "sorted by 'body'"},
        {{.sort_count = 1, .sorts = {{"id; DROP TABLE sites", false}}}, "sorted by 'id; DROP"},
        {{.filter_count = 1, .filters = {{"project_id", "q"}}}, "filtered by 'project_id'"},
        {{.marker = "pg-9999"}, "marker 'pg-9999'"},
        {{.marker = "other-3"}, "marker 'other-3'"}, /* another project's */
    };
    OK(db_tx(b->db, fill, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(err_t) e = group_list(b->db, "p", &bad[i].query, &rows);
        assert_non_null(e);
        assert_int_equal(err_code(e), ERR_BAD_REQUEST);
        assert_non_null(strstr(err_message(e), bad[i].words));
    }
    struct list_query number = {.filter_count = 1, .filters = {{"planned", "maybe"}}};
    struct operation_scope scope = {.project_id = "p"};
    FAILS(operation_list(b->db, &scope, &number, &rows), BAD_REQUEST);
}

static void test_names(void **state)
{
    struct both *b = *state;
    struct group_row *row = NULL;
    bool taken = false;
    OK(add_group(b->db, "pg-1", "p", "web", "active", 1));
    OK(add_group(b->db, "pg-2", "q", "web", "active", 2));
    OK(add_group(b->db, "web", "q", "odd", "active", 3)); /* an id before a name */
    OK(group_resolve(b->db, "p", "web", &row));
    assert_string_equal(row->id, "pg-1");
    g_clear_pointer(&row, group_row_destroy);
    OK(group_resolve(b->db, "q", "web", &row));
    assert_string_equal(row->id, "web");
    g_clear_pointer(&row, group_row_destroy);
    FAILS(group_resolve(b->db, "p", "pg-2", &row), GROUP_NOT_FOUND);
    FAILS(group_resolve(b->db, "p", "WEB", &row), GROUP_NOT_FOUND);
    FAILS(group_resolve(b->db, "p", "web ", &row), GROUP_NOT_FOUND);
    OK(db_exec(b->db, NULL, "UPDATE protection_groups SET listed = 0 WHERE id = 'web'", ""));
    FAILS(group_resolve(b->db, NULL, "web", &row), CONFLICT);
    OK(group_name_taken(b->db, "p", "web", NULL, &taken));
    assert_true(taken);
    OK(group_name_taken(b->db, "p", "web", "pg-1", &taken));
    assert_false(taken);
    OK(group_uses_projects(b->db, "p", "none", &taken));
    assert_false(taken);
}

/* ---- operations */

static err_t *add_operation(struct db *db, int i, const char *status, bool hidden, int64_t wake)
{
    g_autofree char *id = g_strdup_printf("op-%03d", i);
    AUTO(operation) op = operation_create();
    op->id = g_strdup(id);
    op->pg_id = g_strdup_printf("pg-%d", i % 2);
    op->project_id = g_strdup("p");
    op->operation_type = g_strdup(hidden ? "settle" : "failover");
    op->runbook = g_strdup("x");
    op->status = g_strdup(status);
    op->hidden = hidden;
    op->created_at_ms = BOTH_NOW + i;
    op->wake_at_ms = wake;
    op->params = json_pack("{s:i}", "i", i);
    op->plan = json_pack("{s:i}", "plan", i);
    return operation_insert(db, op);
}

static void test_operations(void **state)
{
    struct both *b = *state;
    g_autoptr(GPtrArray) shown = NULL;
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GPtrArray) open = NULL;
    struct list_query query = {0};
    for (int i = 0; i < 10; i++)
        OK(add_operation(b->db, i, i < 4 ? "completed" : "running", i % 3 == 0, 0));
    struct operation_scope scope = {.project_id = "p", .pg_id = "pg-0"};
    OK(operation_list(b->db, &scope, &query, &shown));
    assert_int_equal(shown->len, 3);
    const struct operation *newest = g_ptr_array_index(shown, 0);
    assert_string_equal(newest->id, "op-008");
    assert_null(newest->plan);
    assert_int_equal(json_int(newest->params, "i", 0), 8);
    scope = (struct operation_scope){.all = true};
    OK(operation_list(b->db, &scope, &query, &all));
    assert_int_equal(all->len, 10);
    OK(operation_list_open(b->db, "pg-1", &open));
    assert_int_equal(open->len, 3);
    AUTO(operation) one = NULL;
    struct operation *none = NULL;
    OK(operation_get(b->db, "op-008", "p", &one));
    assert_int_equal(json_int(one->plan, "plan", 0), 8);
    assert_int_equal(one->generation, 1);
    FAILS(operation_get(b->db, "op-008", "q", &none), OPERATION_NOT_FOUND);
    OK(operation_find(b->db, "op-x", &none));
    assert_null(none);
}

static void test_due(void **state)
{
    struct both *b = *state;
    g_autoptr(GPtrArray) ids = NULL;
    g_autoptr(GPtrArray) few = NULL;
    g_autoptr(GPtrArray) later = NULL;
    g_autoptr(GPtrArray) far = NULL;
    int64_t wake = 0;
    OK(add_operation(b->db, 1, "running", false, BOTH_NOW + 300));
    OK(add_operation(b->db, 2, "pending", false, BOTH_NOW - 1));
    OK(add_operation(b->db, 3, "needs_operator", false, BOTH_NOW - 9));
    OK(add_operation(b->db, 4, "waiting_for_peer", false, BOTH_NOW - 9));
    OK(add_operation(b->db, 5, "completed", false, BOTH_NOW - 9));
    OK(add_operation(b->db, 6, "rolling_back", false, BOTH_NOW - 2));
    OK(add_operation(b->db, 7, "waiting_for_peer", false, OPERATION_NEVER));
    OK(operation_list_due(b->db, BOTH_NOW, BOTH_NOW + 1000, 10, &ids, &wake));
    assert_int_equal(ids->len, 3);
    assert_string_equal(g_ptr_array_index(ids, 0), "op-004");
    assert_string_equal(g_ptr_array_index(ids, 1), "op-006");
    assert_string_equal(g_ptr_array_index(ids, 2), "op-002");
    assert_int_equal(wake, BOTH_NOW + 300);
    OK(operation_list_due(b->db, BOTH_NOW, BOTH_NOW + 1000, 1, &few, &wake));
    assert_int_equal(few->len, 1);
    OK(operation_list_due(b->db, BOTH_NOW + 300, BOTH_NOW + 1000, 10, &later, &wake));
    assert_int_equal(later->len, 4);
    assert_true(wake == OPERATION_NEVER);
    OK(operation_list_due(b->db, BOTH_NOW, BOTH_NOW + 299, 10, &far, &wake));
    assert_int_equal(far->len, 4); /* a clock that was wrong wrote that */
    assert_string_equal(g_ptr_array_index(far, 3), "op-001");
}

/* ---- EXPLAIN */

struct plan {
    const char *sql;
    const char *table;
};

/* What lists send, with values put in; see record.c. */
static const struct plan plans[] = {
    {"SELECT id FROM protection_groups WHERE project_id = 'p' AND listed = 1"
     " ORDER BY created_at DESC, id DESC LIMIT 20",
     "protection_groups"},
    {"SELECT id FROM protection_groups WHERE project_id = 'p' AND listed = 1 AND created_at <= 5"
     " AND (created_at < 5 OR (created_at = 5 AND (id < 'pg-3')))"
     " ORDER BY created_at DESC, id DESC LIMIT 20",
     "protection_groups"},
    {"SELECT id FROM protection_groups WHERE project_id = 'p' AND listed = 1 AND name >= 'n'"
     " AND (name > 'n' OR (name = 'n' AND (id > 'pg-3'))) ORDER BY name ASC, id ASC LIMIT 20",
     "protection_groups"},
    {"SELECT id FROM protection_groups WHERE listed = 1 ORDER BY created_at DESC, id DESC LIMIT 20",
     "protection_groups"},
    {"SELECT id FROM protection_groups WHERE project_id = 'p' AND owing = 1 AND id > ''"
     " ORDER BY id LIMIT 20",
     "protection_groups"},
    {"SELECT id FROM protection_groups WHERE project_id = 'p' AND listed = 1 AND name = 'n' LIMIT "
     "3",
     "protection_groups"},
    {"SELECT id FROM dr_operations WHERE hidden = 0 AND project_id = 'p'"
     " ORDER BY created_at DESC, id DESC LIMIT 20",
     "dr_operations"},
    {"SELECT id FROM dr_operations WHERE pg_id = 'pg-1' AND is_open = 1 ORDER BY created_at, id",
     "dr_operations"},
    {"SELECT id, wake_at FROM dr_operations WHERE is_open = 1 AND status IN"
     " ('pending', 'running', 'rolling_back') AND wake_at <= 5 ORDER BY wake_at, id LIMIT 64",
     "dr_operations"},
    {"SELECT id FROM sync_log WHERE pg_id = 'pg-1' AND id < 99 ORDER BY id DESC LIMIT 10",
     "sync_log"},
    {"SELECT id FROM pg_members WHERE pg_id = 'pg-1' ORDER BY created_at ASC, id ASC LIMIT 20",
     "pg_members"},
    {"SELECT pg_id FROM pg_members WHERE instance_id = 'i' AND in_body = 1 LIMIT 1", "pg_members"},
    {"SELECT hash FROM positions WHERE pg_id = 'pg-1' ORDER BY seq LIMIT 20000", "positions"},
};

static err_t *fill_more(struct db *db, void *data)
{
    (void)data;
    for (int i = 0; i < 3000; i++) {
        g_autofree char *id = g_strdup_printf("many-%d", i);
        g_autofree char *project = g_strdup_printf("p%d", i % 50);
        TRY(add_group(db, id, project, id, "active", i));
        TRY(add_operation(db, 1000 + i, i % 10 == 0 ? "running" : "completed", false, i + 1));
    }
    return NULL;
}

static void check_sqlite_plan(struct db *db, const struct plan *plan)
{
    g_autofree char *sql = g_strconcat("EXPLAIN QUERY PLAN ", plan->sql, NULL);
    AUTO(db_rows) rows = NULL;
    OK(db_query(db, &rows, sql, ""));
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *detail = db_str(rows, i, 3);
        if (g_str_has_prefix(detail, "SCAN") || strstr(detail, "TEMP B-TREE FOR ORDER BY") != NULL)
            fail_msg("%s: %s", detail, plan->sql);
    }
}

static void check_mariadb_plan(struct db *db, const struct plan *plan)
{
    g_autofree char *sql = g_strconcat("EXPLAIN ", plan->sql, NULL);
    AUTO(db_rows) rows = NULL;
    OK(db_query(db, &rows, sql, ""));
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *type = db_str(rows, i, 3);
        const char *key = db_str(rows, i, 5);
        if (g_strcmp0(type, "ALL") == 0 || key == NULL)
            fail_msg("type %s, no key: %s", type, plan->sql);
    }
}

static void test_no_scans(void **state)
{
    struct both *b = *state;
    OK(db_tx(b->db, fill, NULL));
    OK(db_tx(b->db, fill_more, NULL));
    if (!db_is_sqlite(b->db)) {
        AUTO(db_rows) rows = NULL;
        OK(db_query(b->db, &rows, "ANALYZE TABLE protection_groups, dr_operations", ""));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(plans); i++) {
        if (db_is_sqlite(b->db)) {
            /* Open operations of one group are few: sorting them is no matter. */
            if (strstr(plans[i].sql, "pg_id = 'pg-1' AND is_open") == NULL)
                check_sqlite_plan(b->db, &plans[i]);
        } else {
            check_mariadb_plan(b->db, &plans[i]);
        }
    }
}

static int64_t rows_read(struct db *db)
{
    AUTO(db_rows) rows = NULL;
    OK(db_query(db, &rows,
                "SELECT SUM(variable_value) FROM information_schema.session_status"
                " WHERE variable_name LIKE 'HANDLER_READ%'",
                ""));
    return db_int(rows, 0, 0);
}

/* The same by counting: a page of 20 among 3000 reads some 20 rows. */
static void test_page_reads_few_rows(void **state)
{
    struct both *b = *state;
    struct list_query query = {.limit = 20, .marker = "many-1500"};
    OK(db_tx(b->db, fill_more, NULL));
    for (int i = 0; i < 2; i++) {
        g_autoptr(GPtrArray) page = NULL;
        int64_t before = rows_read(b->db);
        int64_t counting = rows_read(b->db) - before; /* what counting itself reads */
        OK(group_list(b->db, i == 0 ? "p0" : NULL, &query, &page));
        int64_t reads = rows_read(b->db) - before - 2 * counting;
        assert_int_equal(page->len, 20);
        if (reads > 60)
            fail_msg("a page of 20 read %" G_GINT64_FORMAT " rows", reads);
    }
}

#define MARIADB(test)                                                                              \
    {                                                                                              \
#test " (mariadb)", test, both_mariadb, both_close, NULL                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_pages),      BOTH(test_order),
        BOTH(test_refused),    BOTH(test_names),
        BOTH(test_operations), BOTH(test_due),
        BOTH(test_no_scans),   MARIADB(test_page_reads_few_rows),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
