/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failovers - how many whole failovers the simulation tells in a minute: two sites are built,
 * registered and paired, two servers are protected, one site is lost, the servers run at the other
 * one.  Two processes, as the proofs use them; BENCH_SECONDS (20).
 *
 * The figure decides how many seeds a proof can afford.  The share of a failover alone, without the
 * world before it, is printed beside it.
 */
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PROCESSES 2
#define SECONDS   20

struct figures {
    int count[PROCESSES];
    double failover_s[PROCESSES]; /* spent on failovers alone */
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double one(uint64_t seed)
{
    AUTO(bench) b = bench_create_protected(seed);
    double begun_s = now_s();

    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    return now_s() - begun_s;
}

static void work(struct figures *f, int process, double seconds)
{
    double end_s = now_s() + seconds;

    for (uint64_t seed = 1; now_s() < end_s; seed++) {
        f->failover_s[process] += one(seed * PROCESSES + (uint64_t)process);
        f->count[process]++;
    }
    exit(0);
}

int main(void)
{
    const char *text = g_getenv("BENCH_SECONDS");
    double seconds = text != NULL ? g_ascii_strtod(text, NULL) : SECONDS;
    struct figures *f =
        mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int count = 0, status = 0;
    double failover_s = 0;

    g_assert(f != MAP_FAILED);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        g_assert(pid >= 0);
        if (pid == 0)
            work(f, i, seconds);
    }
    while (wait(&status) > 0) {
        if (status != 0)
            return 1;
    }
    for (int i = 0; i < PROCESSES; i++) {
        count += f->count[i];
        failover_s += f->failover_s[i];
    }
    printf("whole failovers per minute, %d processes: %.0f\n", PROCESSES, count * 60 / seconds);
    printf("of each: %.0f ms the world before it, %.0f ms the failover\n",
           (seconds * PROCESSES - failover_s) * 1000 / count, failover_s * 1000 / count);
    return 0;
}
