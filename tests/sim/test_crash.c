/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine dies at every boundary of the journal (before and after each intent, call and outcome)
 * of every runbook (one without a sweep fails the test); while it unwinds what a cloud has refused;
 * and once more while it takes up what the first death left.  After each death a new engine goes
 * on: the command ends as if nothing had happened, nothing is made twice, and every object under
 * our keys stands in the ledger.
 *
 *     sim-crash                     all sweeps; of the second deaths a part
 *     sim-crash --every             all of them
 *     sim-crash --again N           those of every N-th first death (default 7; 0: none)
 *     sim-crash --stride N          every N-th first death (default 1)
 *     sim-crash --mariadb [N]       on MariaDB: every N-th death (default 1), no second one
 *     sim-crash --asleep            nobody dies: the engine sleeps past its lease between each
 * intent and its call, another one ends the operation, and it wakes sim-crash --sweep NAME that one
 * only sim-crash --at NAME:N[:M]     this death, and the second one M boundaries later; --asleep
 * before it: this sleep
 *
 * A world is made once for each sweep and each death is a process forked from it; then everything
 * is put back.  A first run, in which nobody dies, tells how many boundaries there are; each must
 * then have been died at.
 */
#include "runbooks/runbooks.h"
#include "tests/lib/mariadb.h"
#include "tests/sim/verbs.h"

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

#define BOUNDARIES_MAX 600
#define BOUNDARIES_MIN 3    /* fewer, and nothing was swept */
#define AGAIN_MAX      6    /* boundaries after the first death at which the second one comes */
#define AGAIN_STRIDE   7    /* first deaths that have second ones, unless --every */
#define RUN_MAX_S      300  /* a run that takes longer hangs */
#define SHOWN_MAX      3000 /* bytes of a failed run's words */

/* A cloud that refuses, so that an operation unwinds. */
struct refusal {
    int site; /* whose engine is refused */
    const char *method, *glob;
    int let;    /* such calls that are let through first */
    int status; /* 0: nothing is refused */
};

struct sweep {
    const char *name;
    int site;
    const char *type; /* the runbook of the operation that dies */
    const char *verb; /* the command, see verbs.h */
    int stride;       /* every so many boundaries; 0: each */
    bool other_host;  /* the new engine has no lock file: it waits until the lease has run out */
    struct refusal refusal;
};

/* clang-format off */
#define B_GROUP   {SIM_SITE_B, "POST", "*:8776/*/groups", 0, 413}
#define B_VOLUMES {SIM_SITE_B, "POST", "*:8776/*/volumes", 2, 413}
#define A_VOLUMES {SIM_SITE_A, "POST", "*:8776/*/volumes", 2, 413}
#define A_LOOKS   {SIM_SITE_A, "GET", "*:8776/*list_volume=True", 2, 403}

static const struct sweep sweeps[] = {
    {"create", SIM_SITE_A, "create", "create", 0, false, {0}},
    {"realize of a create", SIM_SITE_B, "realize", "create", 0, false, {0}},
    {"member_add", SIM_SITE_A, "member_add", "member_add", 0, false, {0}},
    {"failover", SIM_SITE_B, "failover", "failover", 0, false, {0}},
    {"site failover", SIM_SITE_B, "site_failover", "site_failover", 0, false, {0}},
    {"handover", SIM_SITE_B, "handover", "handover", 0, false, {0}},
    {"failback", SIM_SITE_A, "failback", "failback", 0, false, {0}},
    {"cleanup of the source", SIM_SITE_A, "cleanup_source", "cleanup_source", 0, false, {0}},
    {"look before it", SIM_SITE_A, "cleanup_look", "cleanup_source", 0, false, {0}},
    {"failover from what was kept", SIM_SITE_A, "failover", "from_kept", 0, false, {0}},
    {"reprotect", SIM_SITE_B, "reprotect", "reprotect", 0, false, {0}},
    {"sync", SIM_SITE_A, "sync", "sync", 0, false, {0}},
    {"drill", SIM_SITE_B, "test_failover", "drill", 0, false, {0}},
    {"cleanup of a drill", SIM_SITE_B, "test_cleanup", "cleanup", 0, false, {0}},
    {"failover, another host", SIM_SITE_B, "failover", "failover", 7, true, {0}},
    {"member_add, another host", SIM_SITE_A, "member_add", "member_add", 2, true, {0}},
    {"policy_set", SIM_SITE_A, "policy_set", "policy_set", 0, false, {0}},
    {"member_update", SIM_SITE_A, "member_update", "member_update", 0, false, {0}},
    {"member_remove", SIM_SITE_A, "member_remove", "member_remove", 0, false, {0}},
    {"settle of a member_remove", SIM_SITE_A, "settle", "member_remove", 0, false, {0}},
    {"demote", SIM_SITE_A, "demote", "demote", 0, false, {0}},
    {"update that takes in drift", SIM_SITE_A, "update", "take_in", 0, false, {0}},
    {"superseded_stop", SIM_SITE_A, "superseded_stop", "superseded", 0, false, {0}},
    {"resume", SIM_SITE_A, "resume", "take_back", 0, false, {0}},
    {"delete", SIM_SITE_A, "delete", "delete", 0, false, {0}},
    {"settle of a delete", SIM_SITE_A, "settle", "delete", 0, false, {0}},
    {"settle of a delete alone", SIM_SITE_A, "settle", "delete_alone", 0, false, {0}},
    {"settle of what was unprotected", SIM_SITE_A, "settle", "delete_unprotected", 0, false, {0}},
    {"settle of a delete at the peer", SIM_SITE_B, "settle", "delete", 0, false, {0}},
    {"policy_delete", SIM_SITE_A, "policy_delete", "policy_delete", 0, false, {0}},
    {"mappings_set", SIM_SITE_A, "mappings_set", "mappings_set", 0, false, {0}},
    {"reclaim", SIM_SITE_A, "reclaim", "reclaim", 0, false, {0}},
    {"rebuild", SIM_SITE_B, "rebuild", "rebuild", 0, false, {0}},
    {"look", SIM_SITE_A, "look", "look", 0, false, {0}},
    {"plan", SIM_SITE_B, "plan_look", "plan", 0, false, {0}},
    {"site_validate", SIM_SITE_B, "site_validate", "site_validate", 0, false, {0}},
    {"site_types", SIM_SITE_B, "site_volume_types", "site_types", 0, false, {0}},
    {"create, unwound", SIM_SITE_A, "create", "create", 0, false, B_GROUP},
    {"realize, unwound", SIM_SITE_B, "realize", "create", 0, false, B_GROUP},
    {"member_add, unwound", SIM_SITE_A, "member_add", "member_add", 0, false, A_LOOKS},
    {"handover, unwound", SIM_SITE_B, "handover", "handover", 0, false, B_VOLUMES},
    {"drill, unwound", SIM_SITE_B, "test_failover", "drill", 0, false, B_VOLUMES},
    {"failback, unwound", SIM_SITE_A, "failback", "failback", 0, false, A_VOLUMES},
    {"failover, unwound", SIM_SITE_B, "failover", "failover", 0, false, B_VOLUMES},
};
/* clang-format on */
#define SWEEPS G_N_ELEMENTS(sweeps)

/* What all processes see. */
struct shared {
    int boundaries; /* of the last run */
    bool died, again, slept;
    bool intent[BOUNDARIES_MAX + 1]; /* by boundary: a call comes next */
};

static struct {
    struct shared *shared;
    const struct sweep *sweep;
    struct bench *world;            /* its engines stopped */
    GString *back;                  /* SQL that puts its databases back, on MariaDB */
    struct mariadb_server *mariadb; /* NULL: SQLite */
    int nth, later;                 /* the first death, and the second so many boundaries later */
    int let;                        /* of the refusal */
    bool asleep;                    /* nobody dies: the engine sleeps there */
} run;

/* ---- the world ---- */

static void prepare(struct bench *b)
{
    const struct verb *verb = verb_of(run.sweep->verb);

    bench_register(b);
    if (verb->prepare != NULL)
        verb->prepare(b);
    bench_settle(b);
}

static const char *const databases[BENCH_SITES] = {"site_a", "site_b"};

/* What keeps the tables of a site's database beside it, and what puts them back. */
static void tables_keep(struct bench *b, int site, GString *keep)
{
    const char *db = databases[site];
    AUTO(db_rows)
    rows = bench_rows(b, site,
                      "SELECT table_name FROM information_schema.tables WHERE table_schema ="
                      " DATABASE() ORDER BY table_name");

    g_string_append_printf(keep, "DROP DATABASE IF EXISTS kept_%s; CREATE DATABASE kept_%s;", db,
                           db);
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *t = db_str(rows, i, 0);
        g_string_append_printf(keep,
                               "CREATE TABLE kept_%s.%s LIKE %s.%s;"
                               "INSERT INTO kept_%s.%s SELECT * FROM %s.%s;",
                               db, t, db, t, db, t, db, t);
        g_string_append_printf(run.back,
                               "DELETE FROM %s.%s;INSERT INTO %s.%s SELECT * FROM kept_%s.%s;", db,
                               t, db, t, db, t);
    }
}

static struct bench *world_on_mariadb(void)
{
    g_autoptr(GString) keep = g_string_new(NULL);
    g_autofree char *a = mariadb_dsn(run.mariadb, databases[SIM_SITE_A]);
    g_autofree char *b = mariadb_dsn(run.mariadb, databases[SIM_SITE_B]);

    for (int i = 0; i < BENCH_SITES; i++)
        mariadb_fresh(run.mariadb, databases[i]);
    struct bench *world = bench_create_on(3, (const char *const[]){a, b});
    prepare(world);
    run.back = g_string_new("SET FOREIGN_KEY_CHECKS=0;START TRANSACTION;");
    for (int i = 0; i < BENCH_SITES; i++)
        tables_keep(world, i, keep);
    g_string_append(run.back, "COMMIT;");
    bench_still(world);
    mariadb_sql(run.mariadb, keep->str);
    return world;
}

static struct bench *world_on_sqlite(void)
{
    struct bench *world = bench_create(3);

    prepare(world);
    bench_still(world);
    return world;
}

static void world_make(void)
{
    run.world = run.mariadb != NULL ? world_on_mariadb() : world_on_sqlite();
    bench_save(run.world, "kept");
}

/* After a run: as it was made. */
static void world_back(void)
{
    bench_back(run.world, "kept");
    if (run.mariadb != NULL)
        mariadb_sql(run.mariadb, run.back->str);
}

static void world_end(void)
{
    bench_forget(run.world, "kept");
    bench_destroy(run.world);
    run.world = NULL;
    if (run.back != NULL)
        g_string_free(run.back, TRUE);
    run.back = NULL;
}

/* ---- a cloud that refuses ---- */

/* Until the operation unwinds. */
static bool refuses(struct bench *b, int site, const struct http_request *req)
{
    const struct refusal *r = &run.sweep->refusal;
    g_autofree char *sql = NULL;

    if (r->status == 0 || site != r->site || strcmp(req->method, r->method) != 0 ||
        !g_pattern_match_simple(r->glob, req->url))
        return false;
    sql = g_strdup_printf("SELECT COUNT(*) FROM dr_operations WHERE runbook = '%s' AND"
                          " status IN ('rolling_back', 'rolled_back')",
                          run.sweep->type);
    return bench_sql_int(b, run.sweep->site, sql) == 0 && run.let-- <= 0;
}

static err_t *between(void *data, int site, const struct http_request *req,
                      struct http_response **ret)
{
    struct bench *b = data;

    if (!refuses(b, site, req))
        return bench_route(b, req, ret);
    g_autoptr(json_t) body = json_pack("{s{si ss ss}}", "error", "code", run.sweep->refusal.status,
                                       "title", "The sweep", "message", "refused by the sweep");
    *ret = http_response_create(run.sweep->refusal.status);
    http_response_json(*ret, body);
    return NULL;
}

/* What was refused left nothing open, and succeeds now. */
static void said_again(struct bench *b, const struct verb *verb)
{
    g_autofree char *first = g_strdup(b->last_error);

    b->between = NULL;
    for (int i = 0; i < BENCH_SITES; i++)
        assert_int_equal(bench_sql_int(b, i,
                                       "SELECT COUNT(*) FROM dr_operations WHERE is_open = 1"),
                         0);
    g_autoptr(json_t) said = verb->command(b);
    if (said == NULL)
        fail_msg("said again it failed again: %s\nat first: %s", b->last_error, first);
    bench_settle(b);
}

/* ---- one run ---- */

/* An intent is written and the call comes next: meanwhile another engine ends the operation. */
static void sleep_there(void *data, struct bench_site *site, const char *where, const char *step)
{
    struct bench_site second;
    bool intent = g_str_equal(where, "after-intent") || g_str_equal(where, "after-undo-intent");

    (void)data;
    (void)step;
    if (site->boundaries <= BOUNDARIES_MAX)
        run.shared->intent[site->boundaries] = intent;
    if (!intent || run.shared->slept || site->boundaries != run.nth)
        return;
    run.shared->slept = true;
    bench_second_engine(site, &second);
}

static void judge(struct bench *b, const struct verb *verb, const json_t *said)
{
    if (run.sweep->refusal.status != 0) {
        assert_null(said);
        said_again(b, verb);
    } else if (said == NULL && run.asleep) {
        said_again(b, verb); /* the client did not wait that long */
    } else if (said == NULL) {
        fail_msg("%s", b->last_error);
    }
    verb->check(b);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_ledger_holds(b, i);
}

static void one(void **state)
{
    struct bench *b = run.world;
    const struct verb *verb = verb_of(run.sweep->verb);
    struct bench_site *site = &b->site[run.sweep->site];

    (void)state;
    bench_wake(b);
    b->between = between;
    b->between_data = b;
    run.let = run.sweep->refusal.let;
    site->lock_file = !run.sweep->other_host;
    bench_crash_at(b, run.sweep->site, run.sweep->type, run.asleep ? 0 : run.nth);
    site->crash_again = run.later;
    if (run.asleep) {
        site->lock_file = false; /* another host */
        site->on_boundary = sleep_there;
    }
    g_autoptr(json_t) said = verb->command(b);
    bench_settle(b);
    run.shared->boundaries = site->boundaries;
    run.shared->died = site->deaths > 0;
    run.shared->again = site->deaths > 1;
    bench_crash_at(b, run.sweep->site, run.sweep->type, 0); /* what is judged lives */
    judge(b, verb, said);
}

static void child(FILE *output)
{
    const struct CMUnitTest tests[] = {{"death", one, NULL, NULL, NULL}};

    if (output != NULL) {
        dup2(fileno(output), STDOUT_FILENO);
        dup2(fileno(output), STDERR_FILENO);
    }
    alarm(RUN_MAX_S);
    int code = cmocka_run_group_tests_name("death", tests, NULL, NULL);
    fflush(NULL);
    _exit(code != 0);
}

static void failure_show(FILE *output)
{
    static char text[SHOWN_MAX + 1];

    fseek(output, 0, SEEK_END);
    fseek(output, MAX(ftell(output) - SHOWN_MAX, 0), SEEK_SET);
    text[fread(text, 1, SHOWN_MAX, output)] = '\0';
    printf("---- %s: boundary %d, then %d:\n%s\n---- again: sim-crash --at '%s:%d:%d'\n",
           run.sweep->name, run.nth, run.later, text, run.sweep->name, run.nth, run.later);
    fflush(stdout);
}

/* A process of its own; true if it ended well. */
static bool death(int nth, int later, bool shown)
{
    FILE *output = shown ? NULL : tmpfile();
    int status = 0;

    run.nth = nth;
    run.later = later;
    *run.shared = (struct shared){0};
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        child(output);
    waitpid(pid, &status, 0);
    if (status != 0 && !shown)
        failure_show(output);
    if (output != NULL)
        fclose(output);
    world_back();
    return status == 0;
}

/* ---- one sweep ---- */

struct figures {
    int boundaries, visited, again, failed;
};

static void seconds_deaths(struct figures *f, int nth)
{
    for (int later = 1; later <= AGAIN_MAX; later++) {
        bool well = death(nth, later, false);
        f->failed += !well;
        f->again += run.shared->again;
        if (well && !run.shared->again)
            return; /* the operation ended before */
    }
}

/* Before each call of the operation. */
static struct figures sweep_asleep(void)
{
    struct figures f = {0};

    world_make();
    f.failed += !death(0, 0, false);
    struct shared first = *run.shared;
    for (int nth = 1; nth <= MIN(first.boundaries, BOUNDARIES_MAX); nth++) {
        if (!first.intent[nth])
            continue;
        f.boundaries++;
        f.failed += !death(nth, 0, false);
        f.visited += run.shared->slept;
    }
    world_end();
    printf("  %-32s %3d calls, slept before %3d%s\n", run.sweep->name, f.boundaries, f.visited,
           f.failed > 0 ? ": FAILED" : "");
    f.failed += f.visited != f.boundaries || f.boundaries == 0;
    return f;
}

/* 'stride' of first deaths, 'again' of those that have second ones (0: none). */
static struct figures sweep_run(int stride, int again)
{
    struct figures f = {0};

    world_make();
    f.failed += !death(0, 0, false);
    f.boundaries = run.shared->boundaries;
    for (int nth = 1, n = 0; nth <= MIN(f.boundaries, BOUNDARIES_MAX); nth += stride, n++) {
        f.failed += !death(nth, 0, false);
        f.visited += run.shared->died;
        if (again > 0 && n % again == 0)
            seconds_deaths(&f, nth);
    }
    world_end();
    int due = (f.boundaries + stride - 1) / stride;
    printf("  %-32s %3d boundaries, died at %3d of %3d, again at %d%s\n", run.sweep->name,
           f.boundaries, f.visited, due, f.again, f.failed > 0 ? ": FAILED" : "");
    f.failed += f.visited != due || f.boundaries < BOUNDARIES_MIN || f.boundaries > BOUNDARIES_MAX;
    return f;
}

/* A runbook that no sweep runs would be one whose deaths nobody has seen. */
static int runbooks_unswept(void)
{
    int count = 0;

    for (const struct runbook *const *book = runbooks_all; *book != NULL; book++) {
        bool swept = false;
        for (size_t i = 0; i < SWEEPS; i++)
            swept = swept || strcmp(sweeps[i].type, (*book)->name) == 0;
        if (!swept)
            printf("  runbook '%s' has no sweep: FAILED\n", (*book)->name);
        count += !swept;
    }
    return count;
}

static int sweep_all(const char *only, int stride, int again)
{
    struct figures all = {.failed = runbooks_unswept()};

    for (size_t i = 0; i < SWEEPS; i++) {
        if (only != NULL && strcmp(only, sweeps[i].name) != 0)
            continue;
        run.sweep = &sweeps[i];
        struct figures f =
            run.asleep ? sweep_asleep() : sweep_run(MAX(stride, sweeps[i].stride), again);
        all.boundaries += f.boundaries;
        all.visited += f.visited;
        all.again += f.again;
        all.failed += f.failed;
    }
    if (run.asleep)
        printf("%d calls, slept before %d\n", all.boundaries, all.visited);
    else
        printf("%d boundaries, %d deaths, %d second deaths\n", all.boundaries, all.visited,
               all.again);
    printf("%d passed, %d failed\n", all.visited + all.again, all.failed);
    return all.failed > 0 || all.visited == 0;
}

static int number(const char *text)
{
    return text != NULL ? (int)g_ascii_strtoll(text, NULL, 10) : 0;
}

static int one_shown(const char *at)
{
    g_auto(GStrv) parts = g_strsplit(at, ":", 3);

    for (size_t i = 0; i < SWEEPS; i++)
        if (strcmp(parts[0], sweeps[i].name) == 0)
            run.sweep = &sweeps[i];
    if (run.sweep == NULL)
        g_error("there is no sweep '%s'", parts[0]);
    world_make();
    bool well = death(number(parts[1]), parts[1] != NULL ? number(parts[2]) : 0, true);
    world_end();
    return !well;
}

int main(int argc, char **argv)
{
    const char *only = NULL, *at = NULL;
    int stride = 1, again = AGAIN_STRIDE;

    for (int i = 1; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(option, "--every") == 0)
            again = 1;
        else if (strcmp(option, "--again") == 0)
            again = number(value);
        else if (strcmp(option, "--asleep") == 0)
            run.asleep = true;
        else if (strcmp(option, "--sweep") == 0)
            only = value;
        else if (strcmp(option, "--at") == 0)
            at = value;
        else if (strcmp(option, "--stride") == 0)
            stride = MAX(number(value), 1);
        else if (strcmp(option, "--mariadb") == 0) {
            run.mariadb = mariadb_start();
            stride = MAX(number(value), 1);
            again = 0;
        }
    }
    run.shared =
        mmap(NULL, sizeof *run.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int code = at != NULL ? one_shown(at) : sweep_all(only, stride, again);
    mariadb_stop(run.mariadb);
    return code;
}
