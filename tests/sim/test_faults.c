/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_faults - every call of every command to every cloud service meets every kind of fault; as
 * sim-statements, linked with strike_db.c, every statement of every command to its database.
 *
 *     sim-faults                    each call of each command meets one kind, each kind many calls
 *     sim-faults --every            each call meets each kind
 *     sim-faults --calls N          only every N-th call
 *     sim-faults --verb NAME        that command only
 *     sim-faults --list NAME        its calls
 *     sim-faults --told FILE        a line in FILE for each run that ended well
 *     sim-faults --at NAME:N:KIND   this one, and all that happens in it (BENCH_TRACE=1)
 *
 * A command's world is made once; each run is a process forked from it, and an undisturbed one
 * comes first and tells how many calls there are.  See strike.h, fault_judge.h and verbs.h.
 */
#include "tests/sim/fault_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define JOBS      2
#define VERBS_MAX 32
#define RUN_MAX_S 300  /* a run that takes longer hangs */
#define SHOWN_MAX 3000 /* bytes of a failed run's words */
#define WHAT_MAX  400
#define CALLS_MIN 2 /* of a command: fewer, and nothing was swept */

struct figures {
    int calls, struck, failed;
    int deviated[STRIKE_DEVIATIONS_MAX];
    int verdicts[VERDICTS];
};

struct shared {
    struct figures of[VERBS_MAX];
    struct {
        int calls;           /* of the undisturbed run */
        char what[WHAT_MAX]; /* the call that was struck last */
    } job[JOBS];
};

/* What one process does. */
static struct {
    struct shared *shared;
    struct figures *figures;
    int job;
    bool every, list;
    const char *only; /* this command; NULL: all */
    FILE *told;       /* gets a line for each run that ended well; may be NULL */
    int stride;
    struct bench *world; /* of the command, its engines stopped */
    const struct verb *verb;
    struct strike strike;
} sweep;

/* ---- one run ---- */

static void one(void **state)
{
    struct strike *s = &sweep.strike;
    int nth = s->nth;

    (void)state;
    s->calls_told = sweep.list ? stdout : NULL;
    enum verdict verdict = fault_run(sweep.world, sweep.verb, s);
    if (nth == 0)
        assert_int_equal(verdict, VERDICT_DONE);
    else
        __atomic_add_fetch(&sweep.figures->verdicts[verdict], 1, __ATOMIC_RELAXED);
    sweep.shared->job[sweep.job].calls = s->during;
    if (sweep.told != NULL && nth > 0)
        fprintf(sweep.told, "%s:%d:%s %s: %s\n", sweep.verb->name, nth, strike_name(s->kind),
                s->what, verdict_name(verdict));
}

static int one_after(void **state)
{
    struct strike *s = &sweep.strike;

    (void)state;
    g_strlcpy(sweep.shared->job[sweep.job].what, s->what != NULL ? s->what : "", WHAT_MAX);
    strike_fini(s);
    return 0;
}

static int run(void)
{
    const struct CMUnitTest tests[] = {{"fault", one, NULL, one_after, NULL}};

    alarm(RUN_MAX_S);
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}

static void child(FILE *output)
{
    if (output != NULL) {
        dup2(fileno(output), STDOUT_FILENO);
        dup2(fileno(output), STDERR_FILENO);
    }
    int code = run();
    if (code == 0) { /* so that what it lost can be seen */
        bench_destroy(sweep.world);
        sweep.world = NULL;
    }
    fflush(NULL);
    exit(code);
}

static void failure_show(FILE *output, int status)
{
    static char text[SHOWN_MAX + 1];

    fseek(output, 0, SEEK_END);
    fseek(output, MAX(ftell(output) - SHOWN_MAX, 0), SEEK_SET);
    text[fread(text, 1, SHOWN_MAX, output)] = '\0';
    printf("---- %s:%d:%s %s (%s %d):\n%s\n---- again: sim-faults --at %s:%d:%s\n",
           sweep.verb->name, sweep.strike.nth, strike_name(sweep.strike.kind),
           sweep.shared->job[sweep.job].what, WIFSIGNALED(status) ? "signal" : "code",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), text, sweep.verb->name,
           sweep.strike.nth, strike_name(sweep.strike.kind));
    fflush(stdout);
}

/* The row of the table that a failed run is, or NULL. */
static int *deviation_of(void)
{
    const char *what = sweep.shared->job[sweep.job].what;
    const char *kind = strike_name(sweep.strike.kind);

    for (size_t i = 0; strike_deviations[i].verb != NULL && sweep.strike.nth > 0; i++) {
        if (strcmp(strike_deviations[i].verb, sweep.verb->name) == 0 &&
            strcmp(strike_deviations[i].kind, kind) == 0 &&
            g_pattern_match_simple(strike_deviations[i].call, what))
            return &sweep.figures->deviated[i];
    }
    return NULL;
}

/* A process of its own; true if it ended well.  The world's files are as before afterwards. */
static bool one_forked(bool shown)
{
    FILE *output = shown ? NULL : tmpfile();
    int status = 0;

    sweep.shared->job[sweep.job].what[0] = '\0';
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        child(output);
    waitpid(pid, &status, 0);
    int *deviated = status != 0 && WIFEXITED(status) ? deviation_of() : NULL;
    if (deviated != NULL)
        __atomic_add_fetch(deviated, 1, __ATOMIC_RELAXED);
    else if (status != 0 && !shown)
        failure_show(output, status);
    if (output != NULL)
        fclose(output);
    bench_back(sweep.world, "kept");
    return status == 0 || deviated != NULL;
}

/* ---- one command ---- */

static void world_make(const struct verb *verb)
{
    struct bench *b = bench_create(3);

    sweep.world = b;
    sweep.verb = verb;
    bench_register(b);
    if (verb->prepare != NULL)
        verb->prepare(b);
    bench_settle(b);
    bench_still(b);
    bench_save(b, "kept");
}

static void world_end(void)
{
    bench_forget(sweep.world, "kept");
    bench_destroy(sweep.world);
    sweep.world = NULL;
}

/*
 * Whether a call meets a kind in this run: each call meets one, each kind is met in turn, and the
 * first calls of all commands, which are alike, meet different ones.
 */
static bool chosen(int call, int kind)
{
    int turn = call / sweep.stride * 5 + (int)(sweep.verb - verbs_all) * 3;

    return call % sweep.stride == 0 && (sweep.every || kind == turn % strike_kinds());
}

static void verb_sweep(const struct verb *verb)
{
    struct figures *f = &sweep.shared->of[verb - verbs_all];
    int pair = 0;

    sweep.figures = f;
    world_make(verb);
    sweep.strike = (struct strike){0};
    if (!one_forked(false)) {
        f->failed++;
        world_end();
        return;
    }
    int calls = f->calls = sweep.shared->job[sweep.job].calls;
    for (int call = 1; call <= calls; call++) {
        for (int kind = 0; kind < strike_kinds(); kind++) {
            if (!chosen(call, kind) || pair++ % JOBS != sweep.job)
                continue;
            sweep.strike = (struct strike){.nth = call, .kind = kind};
            bool well = one_forked(false);
            __atomic_add_fetch(&f->struck, 1, __ATOMIC_RELAXED);
            __atomic_add_fetch(&f->failed, !well, __ATOMIC_RELAXED);
        }
    }
    world_end();
}

/* ---- all ---- */

static void job(int number)
{
    sweep.job = number;
    for (const struct verb *v = verbs_all; v->name != NULL; v++) {
        if (sweep.only == NULL || strcmp(sweep.only, v->name) == 0)
            verb_sweep(v);
    }
    exit(0);
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How often each known deviation was seen; how many rows are out of date. */
static int deviations_tell(void)
{
    int stale = 0;

    for (size_t i = 0; strike_deviations[i].verb != NULL; i++) {
        int count = 0;
        for (size_t v = 0; v < VERBS_MAX; v++)
            count += sweep.shared->of[v].deviated[i];
        printf("  known: %s, %s, %s: %d times: %s\n", strike_deviations[i].verb,
               strike_deviations[i].call, strike_deviations[i].kind, count,
               strike_deviations[i].why);
        stale += sweep.every && sweep.stride == 1 && sweep.only == NULL && count == 0;
    }
    return stale;
}

/* A line for each command, and the sum; how many cases failed. */
static int tell(double seconds, int crashed)
{
    struct figures all = {.failed = crashed};

    for (const struct verb *v = verbs_all; v->name != NULL; v++) {
        const struct figures *f = &sweep.shared->of[v - verbs_all];
        if (f->calls == 0 && f->failed == 0)
            continue;
        printf("  %-14s calls %4d, faults %5d:", v->name, f->calls, f->struck);
        for (int i = 0; i < VERDICTS; i++) {
            printf(" %s %d,", verdict_name((enum verdict)i), f->verdicts[i]);
            all.verdicts[i] += f->verdicts[i];
        }
        printf(" failed %d\n", f->failed);
        all.struck += f->struck;
        all.failed += f->failed + (f->calls < CALLS_MIN);
    }
    all.failed += deviations_tell();
    printf("%d faults in %.0f s\n", all.struck, seconds);
    printf("%d passed, %d failed\n", all.struck - MIN(all.failed, all.struck), all.failed);
    return all.failed;
}

static int sweep_all(void)
{
    double start = now_s();
    int crashed = 0;

    for (const struct verb *v = verbs_all; v->name != NULL; v++)
        g_assert(v - verbs_all < VERBS_MAX);
    for (int i = 0; i < JOBS; i++) {
        fflush(stdout);
        if (fork() == 0)
            job(i);
    }
    for (int i = 0; i < JOBS; i++) {
        int status = 0;
        wait(&status);
        crashed += status != 0;
    }
    return tell(now_s() - start, crashed) > 0;
}

static int number(const char *text)
{
    return (int)g_ascii_strtoll(text, NULL, 10);
}

/* "NAME:N:KIND", or "NAME" alone: undisturbed. */
static int one_shown(const char *at)
{
    g_auto(GStrv) parts = g_strsplit(at, ":", 3);
    guint count = g_strv_length(parts);

    world_make(verb_of(parts[0]));
    sweep.figures = &sweep.shared->of[0];
    if (count == 3)
        sweep.strike = (struct strike){.nth = number(parts[1]), .kind = strike_kind_of(parts[2])};
    if (sweep.strike.kind < 0)
        fail_msg("there is no kind of fault '%s'", parts[2]);
    bool well = one_forked(true);
    world_end();
    return !well;
}

int main(int argc, char **argv)
{
    const char *at = NULL;

    sweep.stride = 1;
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        sweep.every = sweep.every || strcmp(option, "--every") == 0;
        if (strcmp(option, "--calls") == 0)
            sweep.stride = MAX(number(value), 1);
        else if (strcmp(option, "--verb") == 0)
            sweep.only = value;
        else if (strcmp(option, "--told") == 0)
            sweep.told = fopen(value, "a");
        else if (strcmp(option, "--at") == 0 || strcmp(option, "--list") == 0)
            at = value;
        sweep.list = sweep.list || strcmp(option, "--list") == 0;
    }
    sweep.shared =
        mmap(NULL, sizeof *sweep.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    setvbuf(stdout, NULL, _IOFBF, 65536);
    return at != NULL ? one_shown(at) : sweep_all();
}
