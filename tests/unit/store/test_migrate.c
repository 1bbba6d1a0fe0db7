/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/migrate: the same tables on both databases, whatever happens while they are made;
 * names as users expect them; the check that finds what somebody changed by hand.
 */
#include "tests/unit/store/both.h"

#include "store/faulty.h"
#include "store/migrations.h"

#include <unistd.h>

static void check_clean(struct db *db)
{
    g_autoptr(GPtrArray) faults = NULL;
    OK(store_check(db, &faults));
    for (guint i = 0; i < faults->len; i++)
        print_error("fault: %s\n", (char *)g_ptr_array_index(faults, i));
    assert_int_equal(faults->len, 0);
}

static void check_fault(struct db *db, const char *words)
{
    g_autoptr(GPtrArray) faults = NULL;
    bool found = false;
    OK(store_check(db, &faults));
    for (guint i = 0; i < faults->len; i++)
        found = found || strstr(g_ptr_array_index(faults, i), words) != NULL;
    if (!found)
        print_error("no fault says '%s'\n", words);
    assert_true(found);
}

static void test_from_nothing(void **state)
{
    struct both *b = *state;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    int ran = 0;
    OK(store_version(b->db, &before));
    assert_null(before);
    check_fault(b->db, "version is none");
    OK(store_sync(b->db, BOTH_NOW, &ran));
    assert_int_equal(ran, migrations_count);
    OK(store_version(b->db, &after));
    assert_string_equal(after, store_version_wanted());
    check_clean(b->db);
    OK(store_sync(b->db, BOTH_NOW, &ran));
    assert_int_equal(ran, 0);
}

/* SHOW TABLES of the manual, at least. */
static void test_manual_tables(void **state)
{
    struct both *b = *state;
    static const char *const tables[] = {
        "alembic_version", "consistency_groups", "cg_volumes",           "dr_operations",
        "pg_members",      "protection_groups",  "replication_policies", "sites",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *sql = g_strdup_printf("SELECT COUNT(*) FROM %s", tables[i]);
        AUTO(db_rows) rows = NULL;
        OK(db_query(b->db, &rows, sql, ""));
    }
}

/* Cut off after any number of statements, the next sync ends it. */
static void test_cut_off(void **state)
{
    struct both *b = *state;
    const char *const *statements = migrations[0].statements;
    size_t count = g_strv_length((char **)(uintptr_t)statements);
    for (size_t i = 0; i < count; i += 7) {
        g_autofree char *sql = migration_sql(statements[i], db_is_sqlite(b->db));
        err_t *e = db_exec(b->db, NULL, sql, "");
        err_free(e); /* an index whose table is missing yet */
    }
    OK(store_sync(b->db, BOTH_NOW, NULL));
    check_clean(b->db);
}

/* A failure in the middle: SQLite has nothing of it; the next sync ends it on both. */
static void test_fails_half_way(void **state)
{
    struct both *b = *state;
    struct faulty *faulty = faulty_stack(b->db);
    faulty_arm(faulty, FAULTY_STATEMENT, 12, 1, ERR_DB, false);
    FAILS(store_sync(b->db, BOTH_NOW, NULL), DB);
    if (db_is_sqlite(b->db)) {
        AUTO(db_rows) rows = NULL;
        OK(db_query(b->db, &rows, "SELECT COUNT(*) FROM sqlite_master", ""));
        assert_int_equal(db_int(rows, 0, 0), 0);
    }
    OK(store_sync(b->db, BOTH_NOW, NULL));
    check_clean(b->db);
}

static gpointer sync_thread(gpointer data)
{
    AUTO(db) db = both_open(data);
    return store_sync(db, BOTH_NOW, NULL);
}

static void test_several_at_once(void **state)
{
    struct both *b = *state;
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("sync", sync_thread, b);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        OK(g_thread_join(threads[i]));
    check_clean(b->db);
    AUTO(db_rows) rows = NULL;
    OK(db_query(b->db, &rows, "SELECT COUNT(*) FROM alembic_version", ""));
    assert_int_equal(db_int(rows, 0, 0), 1);
}

static void test_newer_database(void **state)
{
    struct both *b = *state;
    OK(db_exec(b->db, NULL, "UPDATE alembic_version SET version_num = '9999_future'", ""));
    g_autoptr(err_t) e = store_sync(b->db, BOTH_NOW, NULL);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_DB_SCHEMA);
    assert_non_null(strstr(err_message(e), "9999_future"));
    check_fault(b->db, "version is 9999_future");
}

static void test_check_finds(void **state)
{
    struct both *b = *state;
    bool sqlite = db_is_sqlite(b->db);
    OK(db_exec(b->db, NULL, "DROP TABLE refusals", ""));
    check_fault(b->db, "table refusals is missing");
    OK(db_exec(b->db, NULL, "ALTER TABLE trusts DROP COLUMN roles", ""));
    check_fault(b->db, "column trusts.roles longtext is missing");
    OK(db_exec(b->db, NULL,
               sqlite ? "ALTER TABLE outbox RENAME COLUMN position TO place"
                      : "ALTER TABLE outbox MODIFY position varchar(10) NOT NULL",
               ""));
    check_fault(b->db, "column outbox.position varchar(64) not null is missing");
    OK(db_exec(b->db, NULL,
               sqlite ? "DROP INDEX ix_dr_operations_due"
                      : "ALTER TABLE dr_operations DROP INDEX ix_dr_operations_due",
               ""));
    check_fault(b->db, "index dr_operations (is_open, wake_at, id) is missing");
    OK(db_exec(b->db, NULL, "ALTER TABLE leases ADD COLUMN more bigint", ""));
    g_autoptr(GPtrArray) faults = NULL;
    OK(store_check(b->db, &faults));
    for (guint i = 0; i < faults->len; i++)
        assert_null(strstr(g_ptr_array_index(faults, i), "leases"));
}

static void test_check_finds_mariadb(void **state)
{
    struct both *b = *state;
    OK(db_exec(b->db, NULL, "ALTER TABLE sites DROP INDEX uq_sites_name", ""));
    check_fault(b->db, "unique sites (name) is missing");
    OK(db_exec(b->db, NULL, "ALTER TABLE outbox ENGINE=Aria", ""));
    check_fault(b->db, "table outbox is Aria");
    OK(db_exec(b->db, NULL, "ALTER TABLE sync_log CONVERT TO CHARACTER SET utf8mb3", ""));
    check_fault(b->db, "table sync_log is InnoDB, utf8mb3_general_ci");
}

static err_t *insert_group(struct db *db, const char *id, const char *project, const char *name)
{
    return db_exec(db, NULL,
                   "INSERT INTO protection_groups (id, project_id, name, living_name, status, role,"
                   " flags, listed, epoch, version, minted, floor, lineage, member_count,"
                   " failover_count, last_failover_at, last_replication_at, outbox_count, owing,"
                   " created_at, updated_at)"
                   " VALUES (?, ?, ?, ?, 'active', 'ACTIVE', 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,"
                   " 0, 0)",
                   "ssss", id, project, name, name);
}

/* In a database made by the manual's "CHARACTER SET utf8" too. */
static void test_names(void **state)
{
    struct both *b = *state;
    static const char *const names[] = {
        "web",
        "Web",
        "\xc3\xa9",
        "e\xcc\x81", /* an e and an accent: another name */
        "\xf0\x9f\x94\xa5 on fire",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *id = g_strdup_printf("pg-%zu", i);
        OK(insert_group(b->db, id, "p", names[i]));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        AUTO(db_rows) rows = NULL;
        OK(db_query(b->db, &rows, "SELECT name FROM protection_groups WHERE name = ?", "s",
                    names[i]));
        assert_int_equal(db_rows_count(rows), 1);
        assert_string_equal(db_str(rows, 0, 0), names[i]);
    }
    FAILS(insert_group(b->db, "pg-x", "p", names[4]), DB_DUPLICATE);
    OK(insert_group(b->db, "pg-x", "another", names[4]));
}

/* Two tombstones may bear one name. */
static void test_names_of_the_dead(void **state)
{
    struct both *b = *state;
    for (int i = 0; i < 2; i++) {
        g_autofree char *id = g_strdup_printf("pg-%d", i);
        OK(insert_group(b->db, id, "p", "web"));
        OK(db_exec(b->db, NULL, "UPDATE protection_groups SET living_name = NULL WHERE id = ?", "s",
                   id));
    }
}

static void test_sqlite_file_is_private(void **state)
{
    struct both *b = *state;
    GStatBuf status;
    g_autofree char *path = g_build_filename(b->folder, "test.db", NULL);
    assert_int_equal(g_stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* db sync as root must leave a file that the owner of the folder can open. */
static void test_sqlite_file_owner(void **state)
{
    struct both *b = *state;
    if (geteuid() != 0)
        return;
    g_autofree char *folder = g_build_filename(b->folder, "state", NULL);
    g_autofree char *path = g_build_filename(folder, "p.db", NULL);
    g_autofree char *dsn = g_strdup_printf("sqlite:///%s", path);
    assert_int_equal(g_mkdir(folder, 0700), 0);
    assert_int_equal(chown(folder, 12345, 12346), 0);
    struct db *db = NULL;
    OK(db_open(dsn, &db));
    OK(store_sync(db, BOTH_NOW, NULL));
    static const char *const names[] = {"p.db-wal", "p.db-shm", "p.db"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = g_build_filename(folder, names[i], NULL);
        GStatBuf status;
        assert_int_equal(g_stat(file, &status), 0);
        assert_int_equal(status.st_uid, 12345);
    }
    db_destroy(db);
    g_unlink(path);
    g_rmdir(folder);
}

#define SQLITE(test)                                                                               \
    {                                                                                              \
#test, test, both_sqlite, both_close, NULL                                                 \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH_BARE(test_from_nothing),
        BOTH_BARE(test_cut_off),
        BOTH_BARE(test_fails_half_way),
        BOTH_BARE(test_several_at_once),
        BOTH(test_manual_tables),
        BOTH(test_newer_database),
        BOTH(test_check_finds),
        {"test_check_finds_mariadb", test_check_finds_mariadb, both_mariadb, both_close, NULL},
        BOTH(test_names),
        BOTH(test_names_of_the_dead),
        SQLITE(test_sqlite_file_is_private),
        SQLITE(test_sqlite_file_owner),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
