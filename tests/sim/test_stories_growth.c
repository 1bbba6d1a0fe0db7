/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Story B23 of the sync protocol on two whole sites: bodies are cut where both sites are known to
 * hold them, the chain stays, and of a deleted group nothing is left that opens anything.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB     "protection-group", "web"
#define HOUR_MS 3600000

static int64_t bodies(struct bench *b, int site)
{
    return bench_sql_int(b, site, "SELECT COUNT(*) FROM positions WHERE body IS NOT NULL");
}

static void update(struct bench *b, const char *text)
{
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", text, NULL));
}

/* What the peer holds is cut, what it does not is kept; the rows are all there, at both sites. */
static void test_bodies_are_cut(void **state)
{
    AUTO(bench) b = bench_create_protected(981);
    (void)state;

    for (int i = 0; i < 5; i++)
        update(b, i % 2 == 0 ? "one" : "two");
    int64_t version = bench_sql_int(b, SIM_SITE_A, "SELECT version FROM protection_groups");
    for (int i = 0; i < BENCH_SITES; i++) {
        assert_int_equal(bodies(b, i), 0);
        assert_int_equal(bench_sql_int(b, i, "SELECT COUNT(*) FROM positions"), version);
    }
    bench_fact(b, NULL);
    bench_fact(b, NULL);
    assert_int_equal(bodies(b, SIM_SITE_A), 1); /* B has not heard of the first of them */
    json_decref(bench_ok(b, "prod-a", "protection-group sync-force", WEB, NULL));
    bench_in_sync(b);
    assert_int_equal(bodies(b, SIM_SITE_A) + bodies(b, SIM_SITE_B), 0);
    update(b, "three");
    assert_int_equal(bench_sql_int(b, SIM_SITE_B, "SELECT COUNT(*) FROM positions"), version + 3);
}

/* Nothing that comes later needs a body that was cut: a failover, a fork, its end. */
static void test_nothing_needs_them(void **state)
{
    AUTO(bench) b = bench_create_protected(982);
    (void)state;

    update(b, "one");
    update(b, "two");
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    b->site[SIM_SITE_A].unwatched = true;
    bench_restore(b, SIM_SITE_A);
    bench_api(b, SIM_SITE_B, false);
    bench_fact(b, NULL); /* A goes on: a fork */
    bench_api(b, SIM_SITE_B, true);
    json_decref(bench_try(b, "prod-a", "protection-group sync-force", WEB, "!yes", NULL));
    bench_status_is(b, SIM_SITE_A, "split_brain");
    json_decref(bench_ok(b, "prod-b", "protection-group sync-resolve", WEB, "keep", "site-b",
                         "reason", "it serves", "!yes", NULL));
    bench_settle(b);
    bench_in_sync(b);
    for (int i = 0; i < BENCH_SITES; i++) { /* what A alone had stands in the log, whole */
        assert_int_equal(bodies(b, i), 0);
        assert_true(bench_sql_int(b, i,
                                  "SELECT COUNT(*) FROM sync_log WHERE event = 'lost' AND bundle"
                                  " IS NOT NULL") > 0);
    }
}

/* ---- what a deleted group leaves ---- */

/* Sealed boxes of a group: the tokens of its policy and the user_data of its members, per site. */
static GPtrArray *boxes(struct bench *b)
{
    g_autofree char *text = bench_sql(b, SIM_SITE_A, "SELECT body FROM protection_groups");
    g_autoptr(json_t) body = json_loads(text, 0, NULL);
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    const char *name, *site;
    json_t *token, *box, *member;
    size_t i;

    json_object_foreach(json_obj(json_obj(body, "policy"), "tokens"), name, token)
        json_object_foreach(token, site, box)
            g_ptr_array_add(found, g_strdup(json_string_value(box)));
    json_array_foreach(json_arr(body, "members"), i, member)
        json_object_foreach(json_obj(json_obj(member, "config"), "user_data"), site, box)
            g_ptr_array_add(found, g_strdup(json_string_value(box)));
    return found;
}

/* Columns that hold any of them: "table.column". */
static char *where_is(struct bench *b, int site, const GPtrArray *found)
{
    AUTO(db_rows)
    columns = bench_rows(b, site,
                         "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name)"
                         " p WHERE m.type = 'table' ORDER BY m.name, p.name");
    GString *where = g_string_new("");

    for (size_t i = 0; i < db_rows_count(columns); i++) {
        for (guint k = 0; k < found->len; k++) {
            g_autofree char *sql =
                g_strdup_printf("SELECT COUNT(*) FROM %s WHERE instr(CAST(%s AS TEXT), '%s') > 0",
                                db_str(columns, i, 0), db_str(columns, i, 1),
                                (char *)found->pdata[k]);
            if (bench_sql_int(b, site, sql) > 0) {
                g_string_append_printf(where, "%s.%s ", db_str(columns, i, 0),
                                       db_str(columns, i, 1));
                break;
            }
        }
    }
    return g_string_free(where, FALSE);
}

static void test_secrets_go_with_the_group(void **state)
{
    AUTO(bench) b = bench_create_protected(983);
    (void)state;

    g_autoptr(GPtrArray) found = boxes(b);
    assert_true(found->len >= 4); /* two tokens for two sites */
    g_autofree char *before = where_is(b, SIM_SITE_A, found);
    assert_non_null(strstr(before, "protection_groups.body"));
    json_decref(bench_ok(b, "prod-a", "protection-group delete", WEB, NULL));
    bench_settle(b);
    bench_pass(b, HOUR_MS + 60000);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *where = where_is(b, i, found);
        if (*where != '\0')
            fail_msg("%s keeps sealed secrets of a deleted group in %s", bench_site_name(i), where);
        assert_int_equal(bodies(b, i), 0);
        assert_true(bench_sql_int(b, i, "SELECT COUNT(*) FROM positions") >= 4);
        g_autofree char *state_text = bench_sql(b, i, "SELECT state FROM protection_groups");
        if (strlen(state_text) > 600)
            fail_msg("a tombstone of %zu bytes: %s", strlen(state_text), state_text);
    }
    /* it is a tombstone all the same: an old message about it is answered, and changes nothing */
    g_auto(GStrv) lines = g_strsplit(b->carried->str, "\n", 2);
    bench_deliver(b, SIM_SITE_B, lines[0]);
    bench_role_is(b, SIM_SITE_B, "TOMBSTONE");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_are_cut),
        cmocka_unit_test(test_nothing_needs_them),
        cmocka_unit_test(test_secrets_go_with_the_group),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stories B23", tests, NULL, NULL);
}
