/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_verify - copies are read again and compared with their recovery point, where the
 * policy asks for it.  The bytes are played: real ones are tests/drivers' and the stories' of
 * tests/story.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

/* What the storage does when a copy is read again. */
static struct {
    int calls, pending, transient; /* so many calls come first */
    bool differs, damaged;
} play;

static enum protector_status played(struct protector_handle *handle,
                                    const struct protector_call *call,
                                    const struct protector_recover *what,
                                    struct protector_digests *ret, struct protector_error *error)
{
    int nth = play.calls++;
    (void)handle;
    (void)call;

    if (nth < play.pending)
        return protector_fail(error, PROTECTOR_PENDING, "read half of it");
    if (nth < play.pending + play.transient)
        return protector_fail(error, PROTECTOR_TRANSIENT, "nothing answers, by the test");
    if (play.damaged)
        return protector_fail(error, PROTECTOR_PERMANENT, "the point is damaged, by the test");
    g_strlcpy(ret->point, what->key, sizeof ret->point);
    g_strlcpy(ret->copy, play.differs ? "0123" : what->key, sizeof ret->copy);
    return PROTECTOR_OK;
}

/* A protected group whose policy asks for it, on storage that can. */
static struct bench *verified(uint64_t seed)
{
    struct bench *b = bench_create_protected(seed);

    memset(&play, 0, sizeof play);
    for (int i = 0; i < BENCH_SITES; i++) {
        b->site[i].driver.can |= PROTECTOR_CAN_VERIFY;
        b->site[i].driver.verify = played;
    }
    json_decref(bench_ok(b, "prod-a", "protection-group policy-update", WEB, "!verify-data", NULL));
    bench_settle(b);
    bench_wait_point(b);
    return b;
}

/* What the report of the last operation of a type says of all its volumes: "same same …". */
static void told_is(struct bench *b, int site, const char *type, const char *wanted)
{
    g_autoptr(json_t) report = bench_report(b, site, type);
    g_autoptr(GString) text = g_string_new(NULL);
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(report, "volumes"), i, volume)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "",
                               json_str_or(volume, "verified", "-"));
    assert_string_equal(text->str, wanted);
}

static json_t *planned(struct bench *b)
{
    return bench_try(b, "prod-a", "protection-group failover", WEB, "!planned", NULL);
}

/* Read in slices, and once the array does not answer: each volume is compared in the end. */
static void test_same(void **state)
{
    AUTO(bench) b = verified(1701);
    (void)state;

    play.pending = 2;
    play.transient = 2;
    json_decref(planned(b));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    told_is(b, SIM_SITE_B, "failover", "same same same same");
    assert_int_equal(play.calls, 4 + 4);
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    told_is(b, SIM_SITE_A, "failback", "same same same same");
}

/* Nothing has been lost yet: production goes on where it is. */
static void test_differs_planned(void **state)
{
    AUTO(bench) b = verified(1702);
    (void)state;

    play.differs = true;
    assert_null(planned(b));
    assert_non_null(strstr(b->last_error, "does not hold what recovery point"));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_ledger_holds(b, SIM_SITE_B);
    assert_int_equal(bench_arrays_int(b, "SELECT COUNT(*) FROM copies"), 0);
    play.differs = false;
    json_decref(planned(b));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
}

static void test_differs_drill(void **state)
{
    AUTO(bench) b = verified(1703);
    (void)state;

    play.differs = true;
    bench_fails(b, "protector.copy.differs", "prod-a", "protection-group test-failover", WEB, NULL);
    bench_settle(b);
    bench_ledger_holds(b, SIM_SITE_B);
    assert_int_equal(bench_arrays_int(b, "SELECT COUNT(*) FROM copies"), 0);
    bench_status_is(b, SIM_SITE_B, "active");
}

/* There may be nothing else: it goes on, and the report says what it goes on with. */
static void test_unplanned_goes_on(void **state)
{
    (void)state;
    static const struct {
        bool differs, damaged;
        int transient, calls;
        const char *says;
    } cases[] = {
        {true, false, 0, 4, "differs differs differs differs"},
        {false, true, 0, 4, "cannot cannot cannot cannot"},
        {false, false, 1000, 12, "cannot cannot cannot cannot"}, /* tried three times */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AUTO(bench) b = verified(1704 + i);
        play.differs = cases[i].differs;
        play.damaged = cases[i].damaged;
        play.transient = cases[i].transient;
        bench_lose(b, SIM_SITE_A);
        json_decref(bench_failover(b, SIM_SITE_B));
        bench_servers_are(b, SIM_SITE_B, "active");
        told_is(b, SIM_SITE_B, "failover", cases[i].says);
        assert_int_equal(play.calls, cases[i].calls);
        bench_ledger_holds(b, SIM_SITE_B);
    }
}

/* On the day itself somebody has no time for it; the policy cannot be changed without the peer. */
static void test_not_today(void **state)
{
    AUTO(bench) b = verified(1709);
    (void)state;

    bench_fails(b, "protector.bad_request", "prod-a", "protection-group failover", WEB, "!planned",
                "!no-verify-data", NULL);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason",
                         "fire", "!no-verify-data", NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    assert_int_equal(play.calls, 0);
    told_is(b, SIM_SITE_B, "failover", "cannot cannot cannot cannot");
}

/* Storage that cannot is not asked, and it is told; where nobody asks, nothing is. */
static void test_cannot(void **state)
{
    AUTO(bench) b = verified(1706);
    (void)state;

    for (int i = 0; i < BENCH_SITES; i++)
        b->site[i].driver.can &= ~PROTECTOR_CAN_VERIFY;
    json_decref(planned(b));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    told_is(b, SIM_SITE_B, "failover", "cannot cannot cannot cannot");
    assert_int_equal(play.calls, 0);
    for (int i = 0; i < BENCH_SITES; i++)
        b->site[i].driver.can |= PROTECTOR_CAN_VERIFY;
    json_decref(
        bench_ok(b, "prod-b", "protection-group policy-update", WEB, "!no-verify-data", NULL));
    bench_settle(b);
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, NULL));
    bench_settle(b);
    told_is(b, SIM_SITE_A, "failback", "");
    assert_int_equal(play.calls, 0);
}

/* It is shown where it is on; else the table is the manual's. */
static void test_shown(void **state)
{
    AUTO(bench) b = verified(1707);
    (void)state;

    for (int i = 0; i < BENCH_SITES; i++) {
        g_autoptr(json_t) shown =
            bench_ok(b, bench_tenant(i), "protection-group policy-show", WEB, NULL);
        assert_true(json_bool(json_obj(shown, "object"), "verify_data", false));
    }
    bench_fails(b, "protector.client.usage", "prod-a", "protection-group policy-update", WEB,
                "!verify-data", "!no-verify-data", NULL);
    json_decref(
        bench_ok(b, "prod-a", "protection-group policy-update", WEB, "rpo-minutes", "20", NULL));
    g_autoptr(json_t) kept = bench_ok(b, "prod-b", "protection-group policy-show", WEB, NULL);
    g_autofree char *text = json_print(kept);
    assert_non_null(strstr(text, "verify_data"));
    json_decref(
        bench_ok(b, "prod-a", "protection-group policy-update", WEB, "!no-verify-data", NULL));
    g_autoptr(json_t) off = bench_ok(b, "prod-b", "protection-group policy-show", WEB, NULL);
    g_autofree char *plain = json_print(json_arr(off, "fields"));
    assert_null(strstr(plain, "verify_data"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),          cmocka_unit_test(test_differs_planned),
        cmocka_unit_test(test_differs_drill), cmocka_unit_test(test_unplanned_goes_on),
        cmocka_unit_test(test_cannot),        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_not_today),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
