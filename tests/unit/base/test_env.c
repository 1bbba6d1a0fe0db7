/* SPDX-License-Identifier: Apache-2.0 */
/* env: uuids, the system's clock and chance, ISO-8601 times both ways. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glib.h>
#include <string.h>

#include "base/env.h"

static void random_ones(void *data G_GNUC_UNUSED, void *buffer, size_t size)
{
    memset(buffer, 0xff, size);
}

static void test_uuid_is_version_4(void **state G_GNUC_UNUSED)
{
    const struct env env = {.random = random_ones};
    char uuid[37];
    env_uuid(&env, uuid);
    assert_string_equal(uuid, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    g_autofree char *id = env_id(&env, "pg-");
    assert_string_equal(id, "pg-ffffffff-ffff-4fff-bfff-ffffffffffff");
}

static void test_uuids_differ(void **state G_GNUC_UNUSED)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int i = 0; i < 1000; i++) {
        char uuid[37];
        env_uuid(&env_system, uuid);
        assert_true(g_uuid_string_is_valid(uuid));
        assert_true(g_hash_table_add(seen, g_strdup(uuid)));
    }
}

static void test_system_clocks(void **state G_GNUC_UNUSED)
{
    int64_t now = env_now_ms(&env_system);
    assert_true(now > INT64_C(1700000000000));
    assert_true(ABS(now - g_get_real_time() / 1000) < 60000);
    int64_t mono = env_mono_ms(&env_system);
    assert_true(env_mono_ms(&env_system) >= mono);
}

static void test_random_fills_every_byte(void **state G_GNUC_UNUSED)
{
    unsigned char buffer[4097], seen[4097] = {0};
    for (int round = 0; round < 8; round++) {
        memset(buffer, 0, sizeof buffer);
        env_system.random(NULL, buffer, sizeof buffer - 1);
        assert_int_equal(buffer[sizeof buffer - 1], 0);
        for (size_t i = 0; i < sizeof buffer; i++)
            seen[i] |= buffer[i];
    }
    for (size_t i = 0; i < sizeof buffer - 1; i++)
        assert_int_not_equal(seen[i], 0); /* 2^-64 to be zero in 8 rounds */
}

static void test_time_format(void **state G_GNUC_UNUSED)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {INT64_C(1795261124999), "2026-11-21T11:38:44Z"},
        {INT64_C(951827696000), "2000-02-29T12:34:56Z"},
        {INT64_C(253402300799000), "9999-12-31T23:59:59Z"},
        {-1, "1969-12-31T23:59:59Z"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = time_format(rows[i].ms);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_time_parse(void **state G_GNUC_UNUSED)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"2026-11-21T11:38:44Z", INT64_C(1795261124000)},
        {"2026-11-21T11:38:44", INT64_C(1795261124000)},
        {"2026-11-21 11:38:44", INT64_C(1795261124000)},
        {"2026-11-21T11:38:44+00:00", INT64_C(1795261124000)},
        {"2026-11-21T11:38:44.5Z", INT64_C(1795261124500)},
        {"2026-11-21T11:38:44.123999", INT64_C(1795261124123)},
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29T12:34:56Z", INT64_C(951827696000)},
        {"2100-02-29T00:00:00Z", -1},
        {"2026-02-30T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-00-01T00:00:00Z", -1},
        {"2026-01-01T24:00:00Z", -1},
        {"2026-01-01T00:60:00Z", -1},
        {"2026-01-01T00:00:00.Z", -1},
        {"2026-01-01T00:00:00+01:00", -1},
        {"2026-01-01T00:00:00ZZ", -1},
        {"2026-01-01", -1},
        {"26-01-01T00:00:00Z", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"", -1},
        {NULL, -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (time_parse(rows[i].text) != rows[i].ms)
            fail_msg("'%s' became %" G_GINT64_FORMAT, rows[i].text, time_parse(rows[i].text));
}

static void test_times_round_trip(void **state G_GNUC_UNUSED)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    for (int i = 0; i < 20000; i++) {
        int64_t ms = (int64_t)(g_rand_double(random) * 253402300799.0) * 1000;
        g_autofree char *text = time_format(ms);
        assert_int_equal(time_parse(text), ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uuid_is_version_4), cmocka_unit_test(test_uuids_differ),
        cmocka_unit_test(test_system_clocks),     cmocka_unit_test(test_random_fills_every_byte),
        cmocka_unit_test(test_time_format),       cmocka_unit_test(test_time_parse),
        cmocka_unit_test(test_times_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
