/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failovers - how many whole failovers the simulation tells in a minute: a site is lost, two
 * servers with their volumes run at the other one, and everything is at rest.  Two processes, as
 * the proofs use them; BENCH_SECONDS (20).
 *
 * The world before it (two sites built, registered and paired, two servers protected, a recovery
 * point) is made once in each process; every failover begins with a copy of it, in a process forked
 * from that one, as in the fault sweep.  What a world costs is printed beside it: a random walk
 * makes its own.
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
    double world_s[PROCESSES];
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void failover(struct bench *b)
{
    bench_wake(b);
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_B, "active");
    _exit(0);
}

static void must_end_well(pid_t pid)
{
    int status = 0;

    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        exit(1);
}

static void work(struct figures *f, int process, double seconds)
{
    double begun_s = now_s();
    AUTO(bench) b = bench_create_protected((uint64_t)process + 1);

    f->world_s[process] = now_s() - begun_s;
    bench_still(b);
    bench_save(b, "kept");
    for (double end_s = now_s() + seconds; now_s() < end_s; f->count[process]++) {
        pid_t pid = fork();
        if (pid == 0)
            failover(b);
        must_end_well(pid);
        bench_back(b, "kept");
    }
    bench_forget(b, "kept");
}

int main(void)
{
    const char *text = g_getenv("BENCH_SECONDS");
    double seconds = text != NULL ? g_ascii_strtod(text, NULL) : SECONDS, world_s = 0;
    struct figures *f =
        mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int count = 0;
    pid_t pids[PROCESSES];

    g_assert(f != MAP_FAILED);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            work(f, i, seconds);
            exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        must_end_well(pids[i]);
        count += f->count[i];
        world_s += f->world_s[i];
    }
    printf("whole failovers per minute, %d processes: %.0f\n", PROCESSES, count * 60 / seconds);
    printf("of each: %.0f ms; the world before them: %.0f ms\n", seconds * PROCESSES * 1000 / count,
           world_s * 1000 / PROCESSES);
    return 0;
}
