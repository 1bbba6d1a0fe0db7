/* SPDX-License-Identifier: Apache-2.0 */
/* seeds - see seeds.h. */
#include "tests/sim/seeds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define JOBS        2
#define TWICE_EVERY 20  /* every so many seeds the story is told again, and must be the same */
#define WALK_MAX_S  300 /* a walk that takes longer hangs */
#define EVENTS_MAX  64
#define STORY_MAX   (256 * 1024) /* bytes of a failed walk's story that are kept */

/* Memory that all processes share. */
struct counts {
    struct walk_count event[EVENTS_MAX];
};

struct job {
    pid_t pid;
    uint64_t seed;
    FILE *output;
};

struct seeds {
    struct counts *counts;
    struct job jobs[JOBS];
    int passed, failed;
    bool silent;
    char *why; /* of failed_seed, the first that failed */
    uint64_t failed_seed;
    GString *failures; /* all of them, as seeds_print tells them */
};

/* ---- one walk ---- */

static uint64_t walked_seed;

static void once(void **state)
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

int seeds_here(uint64_t seed)
{
    return walk(seed, once);
}

/* ---- processes ---- */

static void child(struct counts *counts, uint64_t seed, int fd)
{
    size_t count = 0;

    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    int code = walk(seed, seed % TWICE_EVERY == 0 ? twice : once);
    const struct walk_count *here = walk_counts(&count);
    g_assert(count <= EVENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct walk_count *all = &counts->event[i];
        __atomic_add_fetch(&all->happened, here[i].happened, __ATOMIC_RELAXED);
        __atomic_add_fetch(&all->succeeded, here[i].succeeded, __ATOMIC_RELAXED);
    }
    exit(code);
}

static char *story_of(const struct job *job, int status)
{
    g_autofree char *text = g_malloc0(STORY_MAX + 1);
    bool signaled = WIFSIGNALED(status);

    rewind(job->output);
    size_t size = fread(text, 1, STORY_MAX, job->output);
    text[size] = '\0';
    return g_strdup_printf("---- seed %" G_GUINT64_FORMAT
                           " (%s %d):\n%s\n---- again: sim-walk --seed "
                           "%" G_GUINT64_FORMAT "\n",
                           job->seed, signaled ? "signal" : "code",
                           signaled ? WTERMSIG(status) : WEXITSTATUS(status), text, job->seed);
}

/* The line of a story that says why it failed. */
static char *reason(const char *story)
{
    g_auto(GStrv) lines = g_strsplit(story, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "ERROR: ") || g_str_has_prefix(*line, "ERROR:../") ||
            strstr(*line, "ERROR **") != NULL)
            return g_strdup(*line);
    }
    return g_strdup("it died without a word");
}

static void job_failed(struct seeds *s, const struct job *job, int status)
{
    g_autofree char *story = story_of(job, status);
    g_autofree char *why = reason(story);

    if (!s->silent)
        printf("%s", story);
    fflush(stdout);
    g_string_append_printf(s->failures, "failed: sim-walk --seed %" G_GUINT64_FORMAT ": %s\n",
                           job->seed, why);
    if (s->why == NULL) {
        s->why = g_steal_pointer(&why);
        s->failed_seed = job->seed;
    }
}

static void job_ended(struct seeds *s, struct job *job, int status)
{
    s->passed += status == 0;
    s->failed += status != 0;
    if (status != 0)
        job_failed(s, job, status);
    fclose(job->output);
    job->pid = 0;
}

/* Waits until a job has ended. */
static void job_wait(struct seeds *s)
{
    int status = 0;
    pid_t pid = waitpid(-1, &status, 0);

    for (int i = 0; i < JOBS; i++) {
        if (pid > 0 && s->jobs[i].pid == pid)
            job_ended(s, &s->jobs[i], status);
    }
}

static struct job *job_free(struct seeds *s)
{
    for (int i = 0; i < JOBS; i++) {
        if (s->jobs[i].pid == 0)
            return &s->jobs[i];
    }
    return NULL;
}

void seeds_start(struct seeds *s, uint64_t seed)
{
    struct job *job;

    while ((job = job_free(s)) == NULL)
        job_wait(s);
    job->seed = seed;
    job->output = tmpfile();
    g_assert(job->output != NULL);
    fflush(stdout);
    job->pid = fork();
    g_assert(job->pid >= 0);
    if (job->pid == 0)
        child(s->counts, seed, fileno(job->output));
}

void seeds_wait(struct seeds *s)
{
    for (int i = 0; i < JOBS; i++) {
        while (s->jobs[i].pid != 0)
            job_wait(s);
    }
}

/* ---- what came of it ---- */

int seeds_passed(const struct seeds *s)
{
    return s->passed;
}

int seeds_failed(const struct seeds *s)
{
    return s->failed;
}

const char *seeds_failure(const struct seeds *s, uint64_t *ret_seed)
{
    *ret_seed = s->failed_seed;
    return s->why;
}

void seeds_tell(struct seeds *s, bool tell)
{
    s->silent = !tell;
}

void seeds_print(const struct seeds *s)
{
    size_t count = 0;
    const struct walk_count *names = walk_counts(&count);

    for (size_t i = 0; i < count; i++)
        printf("  %-14s happened %6u, carried out %6u\n", names[i].name,
               s->counts->event[i].happened, s->counts->event[i].succeeded);
    printf("%s", s->failures->str);
}

struct seeds *seeds_create(void)
{
    struct seeds *s = g_new0(struct seeds, 1);

    s->counts =
        mmap(NULL, sizeof *s->counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_assert(s->counts != MAP_FAILED);
    s->failures = g_string_new(NULL);
    return s;
}

void seeds_destroy(struct seeds *s)
{
    if (s == NULL)
        return;
    seeds_wait(s);
    munmap(s->counts, sizeof *s->counts);
    g_free(s->why);
    g_string_free(s->failures, TRUE);
    g_free(s);
}
