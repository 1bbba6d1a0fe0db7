/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_walk - random walks over many seeds, each in a process of its own, two at a time.
 *
 *     sim-walk                      seeds 1 … 300, then fresh ones for 60 s (WALK_SECONDS)
 *     sim-walk --from N --count N   these
 *     sim-walk --seed N             this one, and all that happens in it
 *
 * A seed that fails is printed with its whole story; it is a bug report: the same seed tells the
 * same story again.  At the end: how often each event happened, walks per minute.
 */
#include "tests/sim/walk.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SEEDS       300
#define FRESH_S     60
#define JOBS        2
#define TWICE_EVERY 20  /* every so many seeds the story is told again, and must be the same */
#define WALK_MAX_S  300 /* a walk that takes longer hangs */
#define EVENTS_MAX  64
#define FAILURE_MAX (256 * 1024) /* bytes of a failed walk's story that are shown */

struct shared {
    struct walk_count counts[EVENTS_MAX];
};

struct job {
    pid_t pid;
    uint64_t seed;
    FILE *output;
};

struct run {
    struct shared *shared;
    struct job jobs[JOBS];
    int passed, failed;
};

static uint64_t walked_seed;

static void one(void **state)
{
    g_autoptr(GString) story = g_string_new(NULL);

    (void)state;
    walk_run(walked_seed, story);
}

/* A seed is a bug report: it tells the same story each time. */
static void twice(void **state)
{
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) second = g_string_new(NULL);

    (void)state;
    walk_run(walked_seed, first);
    walk_run(walked_seed, second);
    assert_true(first->len > 1000);
    assert_string_equal(first->str, second->str);
}

static int walk(uint64_t seed, void (*how)(void **state))
{
    const struct CMUnitTest tests[] = {{"walk", how, NULL, NULL, NULL}};

    walked_seed = seed;
    alarm(WALK_MAX_S);
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}

/* ---- processes ---- */

static void child(struct shared *shared, uint64_t seed, int fd)
{
    size_t count = 0;

    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    int code = walk(seed, seed % TWICE_EVERY == 0 ? twice : one);
    const struct walk_count *counts = walk_counts(&count);
    for (size_t i = 0; i < count; i++) {
        __atomic_add_fetch(&shared->counts[i].happened, counts[i].happened, __ATOMIC_RELAXED);
        __atomic_add_fetch(&shared->counts[i].succeeded, counts[i].succeeded, __ATOMIC_RELAXED);
    }
    exit(code);
}

static void failure_show(struct job *job, int status)
{
    g_autofree char *text = g_malloc0(FAILURE_MAX + 1);

    rewind(job->output);
    size_t size = fread(text, 1, FAILURE_MAX, job->output);
    text[size] = '\0';
    printf("---- seed %" G_GUINT64_FORMAT
           " (%s %d):\n%s\n---- again: sim-walk --seed %" G_GUINT64_FORMAT "\n",
           job->seed, WIFSIGNALED(status) ? "signal" : "code",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), text, job->seed);
    fflush(stdout);
}

/* Waits until a job has ended; its place. */
static struct job *job_wait(struct run *r)
{
    int status = 0;
    pid_t pid = waitpid(-1, &status, 0);

    for (int i = 0; i < JOBS; i++) {
        struct job *job = &r->jobs[i];
        if (job->pid != pid || pid <= 0)
            continue;
        if (status == 0)
            r->passed++;
        else
            failure_show(job, status);
        r->failed += status != 0;
        fclose(job->output);
        job->pid = 0;
        return job;
    }
    return NULL;
}

static struct job *job_free(struct run *r)
{
    for (int i = 0; i < JOBS; i++) {
        if (r->jobs[i].pid == 0)
            return &r->jobs[i];
    }
    return job_wait(r);
}

static void job_start(struct run *r, uint64_t seed)
{
    struct job *job = job_free(r);

    job->seed = seed;
    job->output = tmpfile();
    fflush(stdout);
    job->pid = fork();
    if (job->pid == 0)
        child(r->shared, seed, fileno(job->output));
}

static void jobs_end(struct run *r)
{
    for (int i = 0; i < JOBS; i++) {
        while (r->jobs[i].pid != 0)
            job_wait(r);
    }
}

/* ---- figures ---- */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void figures(const struct run *r, double seconds)
{
    size_t count = 0;
    const struct walk_count *names = walk_counts(&count);

    for (size_t i = 0; i < count; i++)
        printf("  %-14s happened %6u, carried out %6u\n", names[i].name,
               r->shared->counts[i].happened, r->shared->counts[i].succeeded);
    printf("%d walks in %.0f s: %.0f per minute\n", r->passed + r->failed, seconds,
           (r->passed + r->failed) * 60 / seconds);
    printf("%d passed, %d failed\n", r->passed, r->failed);
}

static uint64_t number(const char *text)
{
    return g_ascii_strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    const char *seconds = g_getenv("WALK_SECONDS");
    uint64_t from = 1, count = SEEDS, fresh = (uint64_t)time(NULL) * 1000;
    double fresh_s = seconds != NULL ? g_ascii_strtod(seconds, NULL) : FRESH_S, start = now_s();
    struct run r = {0};

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            return walk(number(argv[i + 1]), one);
        fresh_s = 0;
        if (strcmp(argv[i], "--from") == 0)
            from = number(argv[i + 1]);
        else if (strcmp(argv[i], "--count") == 0)
            count = number(argv[i + 1]);
    }
    r.shared =
        mmap(NULL, sizeof *r.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (uint64_t i = 0; i < count; i++)
        job_start(&r, from + i);
    double fresh_start = now_s();
    while (now_s() - fresh_start < fresh_s)
        job_start(&r, fresh++);
    jobs_end(&r);
    figures(&r, now_s() - start);
    return r.failed > 0;
}
