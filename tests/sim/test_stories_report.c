/* SPDX-License-Identifier: Apache-2.0 */
/* test_stories_report - reports of drills and failovers, from either site, signed and verified. */
#include "tests/sim/bench.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

/* A file that the test's end takes away. */
struct paper {
    char *folder, *path;
};

static struct paper paper(const char *name)
{
    struct paper p = {.folder = g_dir_make_tmp("protector-report-XXXXXX", NULL)};

    assert_non_null(p.folder);
    p.path = g_build_filename(p.folder, name, NULL);
    return p;
}

static void paper_fini(struct paper *p)
{
    g_remove(p->path);
    g_rmdir(p->folder);
    g_free(p->path);
    g_free(p->folder);
}

static char *operation_of(struct bench *b, int site, const char *type)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT id FROM dr_operations WHERE operation_type = '%s' ORDER BY created_at DESC LIMIT 1",
        type);

    return bench_sql(b, site, sql);
}

static json_t *report_of(const json_t *said)
{
    return json_obj(json_obj(said, "object"), "report");
}

/* Written to a file of each form by one site, verified by the other. */
static void verified(struct bench *b, const char *op)
{
    static const char *const names[] = {"r.html", "r.md", "r.json"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct paper p = paper(names[i]);
        json_decref(
            bench_ok(b, "prod-a", "operation report", "operation", op, "file", p.path, NULL));
        g_autoptr(json_t) said =
            bench_ok(b, "prod-b", "operation report-verify", "file", p.path, NULL);
        assert_non_null(strstr(json_str_or(said, "text", ""), "signed by site 'site-b'"));
        g_autofree char *text = NULL;
        assert_true(g_file_get_contents(p.path, &text, NULL, NULL));
        GString *other = g_string_new(text);
        assert_true(g_string_replace(other, "web-1", "web-9", 1) == 1);
        assert_true(g_file_set_contents(p.path, other->str, -1, NULL));
        g_string_free(other, TRUE);
        bench_fails(b, "protector.report.changed", "prod-b", "operation report-verify", "file",
                    p.path, NULL);
        paper_fini(&p);
    }
}

static void test_drill(void **state)
{
    AUTO(bench) b = bench_create_protected(1501);
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group test-failover", WEB, NULL));
    g_autofree char *op = operation_of(b, SIM_SITE_B, "test_failover");
    g_autoptr(json_t) said = bench_ok(b, "prod-a", "operation report", "operation", op, NULL);
    const json_t *report = report_of(said);
    assert_string_equal(json_str(report, "title"), "Test failover of web: completed");
    assert_non_null(strstr(json_str_or(said, "text", ""), "# Test failover of web: completed"));
    assert_int_equal(json_array_size(json_arr(report, "members")), 2);
    const json_t *member = json_array_get(json_arr(report, "members"), 0);
    assert_string_equal(json_str(member, "outcome"), "runs");
    assert_string_equal(json_str(json_array_get(json_arr(member, "checks"), 0), "result"),
                        "passed");
    assert_int_equal(json_int(json_obj(report, "targets"), "rpo_s", 0), 15 * 60);
    assert_true(json_int(json_obj(report, "measured"), "rto_s", -1) >= 0);
    assert_true(json_array_size(json_arr(report, "made")) > 4);
    verified(b, op);
}

/* It may be read while the operation runs, and says so. */
static void test_failed_member(void **state)
{
    AUTO(bench) b = bench_create_protected(1502);
    (void)state;
    struct sim_fault full = {.site = SIM_SITE_B,
                             .service = "nova",
                             .method = "POST",
                             .path = "*/servers",
                             .skip = 1,
                             .kind = SIM_FAULT_STATUS,
                             .status = 403,
                             .body = "{\"forbidden\": {\"message\": \"<b>no</b>\"}}"};

    sim_fault_add(b->sim, &full);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                          "fire", NULL));
    g_autofree char *op = operation_of(b, SIM_SITE_B, "failover");
    g_autoptr(json_t) said =
        bench_ok(b, "prod-b", "operation report", "operation", op, "as", "html", NULL);
    const json_t *report = report_of(said);
    assert_string_equal(json_str(json_obj(report, "operation"), "status"), "needs_operator");
    assert_string_equal(json_str(json_obj(report, "operation"), "reason"), "fire");
    const char *page = json_str_or(said, "text", "");
    assert_non_null(strstr(page, "<svg"));
    assert_null(strstr(page, "<b>no</b>"));
    int runs = 0;
    size_t i;
    json_t *member;
    json_array_foreach(json_arr(report, "members"), i, member) runs +=
        strcmp(json_str_or(member, "outcome", ""), "runs") == 0;
    assert_int_equal(runs, 1);
}

/* Keys that were changed since; keys that nobody knows; a fingerprint that is given. */
static void test_keys(void **state)
{
    AUTO(bench) b = bench_create_protected(1503);
    struct paper p = paper("drill.md");
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group test-failover", WEB, NULL));
    g_autofree char *op = operation_of(b, SIM_SITE_B, "test_failover");
    g_autoptr(json_t) said =
        bench_ok(b, "prod-a", "operation report", "operation", op, "file", p.path, NULL);
    g_autofree char *fingerprint =
        g_strdup(json_str(json_obj(json_obj(said, "object"), "signature"), "fingerprint"));
    bench_rotate(b, SIM_SITE_B);
    json_decref(bench_ok(b, "prod-a", "protection-group update", WEB, "description", "x", NULL));
    bench_settle(b);
    static const char *const clouds[] = {"prod-a", "prod-b"};
    for (size_t i = 0; i < G_N_ELEMENTS(clouds); i++) {
        g_autoptr(json_t) old =
            bench_ok(b, clouds[i], "operation report-verify", "file", p.path, NULL);
        assert_non_null(
            strstr(json_str_or(old, "text", ""), "with keys that it has changed since"));
    }
    json_decref(bench_ok(b, "prod-a", "operation report-verify", "file", p.path, "fingerprint",
                         fingerprint, NULL));
    bench_fails(b, "protector.report.keys", "prod-a", "operation report-verify", "file", p.path,
                "fingerprint", "0000:0000:0000:0000", NULL);
    AUTO(bench) elsewhere = bench_create_protected(1504);
    bench_fails(elsewhere, "protector.report.keys", "prod-a", "operation report-verify", "file",
                p.path, NULL);
    paper_fini(&p);
}

static void test_refused(void **state)
{
    AUTO(bench) b = bench_create_protected(1505);
    (void)state;

    bench_fails(b, "protector.operation.not_found", "prod-a", "operation report", "operation",
                "op-00000000-0000-4000-8000-000000000000", NULL);
    g_autofree char *op = operation_of(b, SIM_SITE_A, "member_add");
    bench_fails(b, "protector.client.usage", "prod-a", "operation report", "operation", op, "as",
                "pdf", NULL);
    bench_fails(b, "protector.io", "prod-a", "operation report", "operation", op, "file",
                "/nonexistent/folder/r.md", NULL);
    bench_fails(b, "protector.io", "prod-a", "operation report-verify", "file", "/nonexistent/r.md",
                NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drill),
        cmocka_unit_test(test_failed_member),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
