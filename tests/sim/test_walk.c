/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_walk - random walks over many seeds.
 *
 *     sim-walk                      seeds 1 … 300, those that failed once, then fresh ones for 60 s
 *     sim-walk --from N --count N   these
 *     sim-walk --seed N             this one, and all that happens in it
 *     sim-walk --favour EVENT …     before one of them, repeatable: that event happens more often
 *
 * WALK_SEEDS and WALK_SECONDS in the environment take the place of 300 and 60.  A seed that fails
 * is printed with its whole story; it is a bug report: the same seed tells the same story again. At
 * the end: how often each event happened, walks per minute.
 */
#include "tests/sim/seeds.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SEEDS   300
#define FRESH_S 60

/*
 * Beyond SEEDS, each of them found what was mended since, with the events of its time: a new event
 * makes other stories of them.  What they found has tests of its own.
 */
static const uint64_t found[] = {305,   365,   597,   923,    1771,         1900, 2069,
                                 2442,  3094,  3178,  3718,   4596,         8472, 8894,
                                 20060, 37043, 37082, 200772, 1796135823029};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t number(const char *text, uint64_t otherwise)
{
    return text != NULL ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, count = number(g_getenv("WALK_SEEDS"), SEEDS);
    uint64_t fresh = (uint64_t)time(NULL) * 1000;
    double fresh_s = (double)number(g_getenv("WALK_SECONDS"), FRESH_S), start = now_s();
    AUTO(seeds) s = seeds_create();

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--favour") == 0) {
            walk_favour(argv[i + 1]);
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0)
            return seeds_here(number(argv[i + 1], 0));
        fresh_s = 0;
        if (strcmp(argv[i], "--from") == 0)
            from = number(argv[i + 1], 0);
        else if (strcmp(argv[i], "--count") == 0)
            count = number(argv[i + 1], 0);
    }
    for (uint64_t i = 0; i < count; i++)
        seeds_start(s, from + i);
    for (size_t i = 0; count == SEEDS && i < G_N_ELEMENTS(found); i++)
        seeds_start(s, found[i]);
    double fresh_start = now_s();
    while (now_s() - fresh_start < fresh_s)
        seeds_start(s, fresh++);
    seeds_wait(s);
    seeds_print(s);
    double all = seeds_passed(s) + seeds_failed(s), seconds = now_s() - start;
    printf("%.0f walks in %.0f s: %.0f per minute\n", all, seconds, all * 60 / seconds);
    printf("%d passed, %d failed\n", seeds_passed(s), seeds_failed(s));
    return seeds_failed(s) > 0;
}
