/* SPDX-License-Identifier: Apache-2.0 */
/* steps_world - the world of target_steps.c, and of its seeds: the same ids in both. */
#pragma once

#include "tests/sim/bench.h"

/* Site B has failed the group over, site A is back and follows. */
static inline struct bench *steps_world(void)
{
    struct bench *b = bench_create_protected(5);

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_restore(b, SIM_SITE_A);
    json_decref(bench_ok(b, "prod-b", "protection-group sync-force", "protection-group", "web",
                         "!yes", NULL));
    bench_settle(b);
    return b;
}
