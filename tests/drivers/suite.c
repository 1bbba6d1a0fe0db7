/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite - the conformance suite of storage drivers: suite DRIVER [FILTERS [MODULE_FOLDER
 * [OPTION=VALUE…]]].
 *
 * What a driver must pass before anybody trusts it with a failover; see docs/drivers.md.
 */
#include "cases.h"

static const struct cases *const all[] = {
    &cases_groups, &cases_points, &cases_copies, &cases_direction,
    &cases_watch,  &cases_crash,  &cases_bytes,
};

int main(int argc, char **argv)
{
    g_autoptr(GArray) tests = g_array_new(FALSE, TRUE, sizeof(struct CMUnitTest));
    g_autofree char *title = NULL;

    bench_configure(argc, argv);
    title = bench_title();
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        if (all[i] != &cases_crash || !bench_filtered()) /* deaths are the driver's own matter */
            g_array_append_vals(tests, all[i]->tests, (guint)all[i]->count);
    return _cmocka_run_group_tests(title, (const struct CMUnitTest *)(void *)tests->data,
                                   tests->len, NULL, NULL);
}
