/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - protector-engine: takes operations from the ledger under leases and runs their runbooks.
 *
 * Threads: the main one finds what is due and hands it out; a pool runs operations, a second one
 * the rows of their steps (an operation waits for its rows, never a row for an operation); one
 * beats the leases; one makes recovery points for drivers that need ticks, one writes the tags that
 * are owed, one watches for newer epochs at the other site, one for drift, one for what a failover
 * would need, one forgets what a database need not keep.
 */
#include "daemons/process.h"
#include "drivers/host.h"
#include "drivers/registry.h"
#include "run/run.h"
#include "runbooks/drift.h"
#include "runbooks/readiness.h"
#include "runbooks/room.h"
#include "runbooks/runbooks.h"
#include "runbooks/tags.h"
#include "runbooks/ticks.h"
#include "runbooks/watch.h"
#include "runbooks/world.h"
#include "store/prune.h"
#include "store/restored.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM            "protector-engine"
#define OPERATIONS_AT_ONCE 8
#define ROWS_AT_ONCE       16
#define POLL_MS            1000
#define ROUND_AGAIN_MS     5000  /* after a round that the database let fail */
#define ROUND_MAX_MS       60000 /* between two rounds at most */

struct engine;
/* What the engine does beside its operations, in rounds. */
struct rounds {
    /* 'state' is its own; '*ret_next_ms': by the clock that 'now_ms' is of, INT64_MAX: nothing. */
    err_t *(*run)(struct engine *e, void *state, struct db *db, int64_t now_ms,
                  int64_t *ret_next_ms);
    const char *fails; /* for the log */
    int64_t max_ms;    /* between two of them at most */
};

struct engine {
    struct process p;
    struct registry *registry;
    const struct protector_driver *driver;
    struct driver_host *host;
    struct world *world;
    struct runner *runner;
    struct watch *watch;
    struct rounds watch_rounds;
    int64_t watch_wait_ms;
    GThreadPool *operations, *rows;
    GMutex lock;           /* of 'under_way' */
    GHashTable *under_way; /* ids of operations handed out */
    char *owner;
    char *driver_problem;
    int lock_fd, bell_fd;
    atomic_bool stopping;
};

/* ---- the driver ---- */

static const char *driver_option(void *data, const char *name)
{
    struct engine *e = data;

    return conf_driver_option(e->p.conf, name);
}

static void driver_log(void *data, enum protector_log_level level, const char *driver,
                       const char *message)
{
    struct engine *e = data;

    log_write(e->p.log, (enum log_level)level, driver, NULL, "%s", message);
}

static void driver_pause(void *data, int64_t ms)
{
    (void)data;
    g_usleep((gulong)ms * 1000);
}

static void driver_absent(struct engine *e, const char *name, err_t *why)
{
    g_autofree char *text = err_text(why);
    g_autofree char *names = registry_names(e->registry);

    e->driver_problem = g_strdup_printf("storage driver '%s' is not there: %s (this build has: %s)",
                                        name, text, names);
    log_write(e->p.log, LOG_LEVEL_WARNING, PROGRAM, NULL,
              "%s. The engine runs, but every verb that needs an array is refused.",
              e->driver_problem);
    err_free(why);
}

static void driver_unusable(struct engine *e, const char *name, const char *why)
{
    e->driver_problem = g_strdup_printf("storage driver '%s' cannot be used: %s", name, why);
    e->driver = NULL;
    log_write(e->p.log, LOG_LEVEL_ERROR, PROGRAM, NULL, "%s", e->driver_problem);
}

/* Its own options: are there others, are the values of their kinds, and what does it say itself? */
static void driver_configure(struct engine *e, const char *name)
{
    g_autoptr(GPtrArray) warnings = process_driver_warnings(e->p.conf, e->driver);
    struct protector_error error = {0};
    g_autoptr(err_t) wrong = driver_host_check(e->host);

    for (guint i = 0; i < warnings->len; i++)
        log_write(e->p.log, LOG_LEVEL_WARNING, PROGRAM, NULL, "%s", (char *)warnings->pdata[i]);
    if (wrong != NULL)
        driver_unusable(e, name, err_message(wrong));
    else if (e->driver->configure != NULL &&
             e->driver->configure(e->driver, driver_host_table(e->host), &error) != PROTECTOR_OK)
        driver_unusable(e, name, error.message);
    else if (e->driver->can & PROTECTOR_FOR_TESTS)
        log_write(e->p.log, LOG_LEVEL_WARNING, PROGRAM, NULL,
                  "STORAGE DRIVER '%s' IS FOR TESTS: NO DATA IS PROTECTED", name);
}

static void driver_open(struct engine *e)
{
    const char *name = conf_str(e->p.conf, "storage", "driver");
    g_autofree char *state = g_strdup_printf("%s/driver-%s", process_state_path(&e->p), name);
    struct driver_host_config config = {.env = e->p.env,
                                        .data = e,
                                        .option = driver_option,
                                        .log = driver_log,
                                        .pause_ms = driver_pause,
                                        .transport = &e->p.http,
                                        .state_dir = state};

    e->registry = registry_create(conf_str(e->p.conf, "storage", "driver_path"));
    err_t *why = registry_find(e->registry, name, NULL, &e->driver);
    if (why != NULL) {
        e->driver = NULL;
        driver_absent(e, name, why);
        return;
    }
    (void)!mkdir(state, 0700);
    e->host = driver_host_create(&config, e->driver);
    driver_configure(e, name);
}

/* ---- running ---- */

static void report(void *world, const char *op_id, const char *event, const err_t *why)
{
    struct engine *e = world_options_of(world)->db_data;

    if (why != NULL)
        log_err(e->p.log, LOG_LEVEL_WARNING, "protector.engine", NULL, why, "operation %s: %s",
                op_id, event);
    else
        log_write(e->p.log, LOG_LEVEL_INFO, "protector.engine", NULL, "operation %s: %s", op_id,
                  event);
}

static struct db *engine_db_get(void *world)
{
    return process_db_get(&((struct engine *)world_options_of(world)->db_data)->p);
}

static void engine_db_put(void *world, struct db *db)
{
    process_db_put(&((struct engine *)world_options_of(world)->db_data)->p, db);
}

/* Leases of an earlier engine of this host: it is dead, as we hold the lock file. */
static bool lease_is_ours(void *world, const char *owner)
{
    struct engine *e = world_options_of(world)->db_data;
    g_autofree char *prefix = g_strdup_printf("%s:", g_get_host_name());

    return e->lock_fd >= 0 && g_str_has_prefix(owner, prefix) && !g_str_equal(owner, e->owner);
}

/* Before an operation is worked on: an older copy of the database may stand there now. */
static err_t *restored_guard(void *world, struct db *db)
{
    struct engine *e = world_options_of(world)->db_data;
    bool restored = false;

    TRY(restored_check(&e->p.exchange, db, &restored));
    if (restored)
        log_write(e->p.log, LOG_LEVEL_ERROR, "protector.engine", NULL, PROCESS_RESTORED_TEXT);
    return NULL;
}

/* Rows of one step: handed to the pool, waited for. */
struct batch {
    void (*fn)(void *item);
    GMutex lock;
    GCond done;
    size_t left;
};
struct batch_item {
    struct batch *batch;
    void *item;
};

static void row_run(void *data, void *unused)
{
    struct batch_item *b = data;

    (void)unused;
    b->batch->fn(b->item);
    g_mutex_lock(&b->batch->lock);
    if (--b->batch->left == 0)
        g_cond_signal(&b->batch->done);
    g_mutex_unlock(&b->batch->lock);
}

static void rows_map(void *data, void (*fn)(void *item), void **items, size_t count)
{
    struct engine *e = data;
    struct batch batch = {.fn = fn, .left = count};
    g_autofree struct batch_item *list = g_new(struct batch_item, count);

    g_mutex_init(&batch.lock);
    g_cond_init(&batch.done);
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct batch_item){&batch, items[i]};
        g_thread_pool_push(e->rows, &list[i], NULL);
    }
    g_mutex_lock(&batch.lock);
    while (batch.left > 0)
        g_cond_wait(&batch.done, &batch.lock);
    g_mutex_unlock(&batch.lock);
    g_mutex_clear(&batch.lock);
    g_cond_clear(&batch.done);
}

static void operation_run(void *data, void *user)
{
    struct engine *e = user;
    g_autofree char *id = data;
    bool ran = false;
    g_autoptr(err_t) why = runner_run(e->runner, id, &ran);

    if (why != NULL)
        log_err(e->p.log, LOG_LEVEL_ERROR, "protector.engine", NULL, why,
                "operation %s stands still", id);
    g_mutex_lock(&e->lock);
    g_hash_table_remove(e->under_way, id);
    g_mutex_unlock(&e->lock);
    if (ran)
        bell_ring(&e->p);
}

/* Hands out what is due and not under way.  Returns how long to wait. */
static int64_t hand_out(struct engine *e)
{
    g_autoptr(GPtrArray) ids = NULL;
    int64_t wake_at_ms = INT64_MAX;
    g_autoptr(err_t) why = runner_due(e->runner, &ids, &wake_at_ms);

    if (why != NULL) {
        log_err(e->p.log, LOG_LEVEL_ERROR, "protector.engine", NULL, why,
                "the database is not usable, trying again");
        return POLL_MS;
    }
    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        g_mutex_lock(&e->lock);
        bool fresh = g_hash_table_add(e->under_way, g_strdup(id));
        g_mutex_unlock(&e->lock);
        if (fresh)
            g_thread_pool_push(e->operations, g_strdup(id), NULL);
    }
    int64_t wait_ms = wake_at_ms - runner_clock_ms(e->runner);
    return CLAMP(wait_ms, 20, POLL_MS);
}

static void *beat_thread(void *data)
{
    struct engine *e = data;
    int64_t every_ms = conf_int(e->p.conf, "DEFAULT", "lease_ttl_ms") / 4;

    while (!e->stopping) {
        g_autoptr(err_t) why = runner_beat(e->runner);
        if (why != NULL)
            log_err(e->p.log, LOG_LEVEL_ERROR, "protector.engine", NULL, why,
                    "leases could not be beaten");
        for (int64_t slept = 0; slept < every_ms && !e->stopping; slept += 100)
            g_usleep(100000);
    }
    return NULL;
}

static void report_tick(void *data, const char *pg_id, const err_t *why)
{
    struct engine *e = data;

    log_err(e->p.log, LOG_LEVEL_WARNING, "protector.engine", NULL, why,
            "no recovery point of group %s", pg_id);
}

static void report_tag(void *data, const char *pg_id, const err_t *why)
{
    struct engine *e = data;

    log_err(e->p.log, LOG_LEVEL_WARNING, "protector.engine", NULL, why,
            "an array is owed the tag of group %s", pg_id);
}

static void report_watch(void *data, const char *pg_id, const err_t *why)
{
    struct engine *e = data;

    log_err(e->p.log, LOG_LEVEL_WARNING, "protector.engine", NULL, why,
            "the epoch watch of group %s", pg_id);
}

static void report_drift(void *data, const char *pg_id, const err_t *why)
{
    struct engine *e = data;

    log_err(e->p.log, LOG_LEVEL_WARNING, "protector.engine", NULL, why,
            "the servers of group %s (and of the others of its project) are not compared", pg_id);
}

static void report_readiness(void *data, const char *pg_id, const err_t *why)
{
    struct engine *e = data;

    log_err(e->p.log, LOG_LEVEL_WARNING, "protector.engine", NULL, why,
            "whether group %s could fail over is not known", pg_id);
}

static bool readiness_over(void *data)
{
    const struct engine *e = data;

    return e->stopping;
}

/* One round.  Returns how long to wait for the next one: no clock that jumps keeps it away. */
static int64_t round_run(struct engine *e, const struct rounds *rounds, void *state)
{
    int64_t now_ms = env_now_ms(e->p.env), next_ms = INT64_MAX;
    struct db *db = process_db_get(&e->p);
    g_autoptr(err_t) why = rounds->run(e, state, db, now_ms, &next_ms);

    process_db_put(&e->p, db);
    if (why != NULL) {
        log_err(e->p.log, LOG_LEVEL_ERROR, "protector.engine", NULL, why, "%s", rounds->fails);
        return ROUND_AGAIN_MS;
    }
    return next_ms == INT64_MAX ? rounds->max_ms : CLAMP(next_ms - now_ms, 0, rounds->max_ms);
}

/* 'wait_ms': until the first one. */
static void rounds_run(struct engine *e, const struct rounds *rounds, void *state, int64_t wait_ms)
{
    int64_t next_mono_ms = env_mono_ms(e->p.env) + wait_ms;

    while (!e->stopping) {
        g_usleep(200000);
        if (env_mono_ms(e->p.env) >= next_mono_ms)
            next_mono_ms = round_run(e, rounds, state) + env_mono_ms(e->p.env);
    }
}

static err_t *tick_round(struct engine *e, void *state, struct db *db, int64_t now_ms,
                         int64_t *ret_next_ms)
{
    return ticks_run(state, db, e->owner, now_ms, report_tick, e, ret_next_ms);
}

static err_t *tag_round(struct engine *e, void *state, struct db *db, int64_t now_ms,
                        int64_t *ret_next_ms)
{
    return tags_run(state, db, e->owner, now_ms, report_tag, e, ret_next_ms);
}

static err_t *watch_round(struct engine *e, void *state, struct db *db, int64_t now_ms,
                          int64_t *ret_next_ms)
{
    return watch_run(state, db, e->owner, now_ms, report_watch, e, ret_next_ms);
}

static void *tick_thread(void *data)
{
    static const struct rounds rounds = {tick_round, "recovery points are not made", ROUND_MAX_MS};
    struct engine *e = data;
    AUTO(ticks) ticks = ticks_create(e->world, conf_int(e->p.conf, "DEFAULT", "lease_ttl_ms"));

    rounds_run(e, &rounds, ticks, 0);
    return NULL;
}

/* In a thread of its own: an array of a dead site takes its time to not answer. */
static void *tag_thread(void *data)
{
    static const struct rounds rounds = {tag_round, "tags that are owed are not written",
                                         ROUND_MAX_MS};
    struct engine *e = data;
    AUTO(tags) tags = tags_create(e->world);

    rounds_run(e, &rounds, tags, 0);
    return NULL;
}

/*
 * The first look is taken before the first operation is: whoever comes back from the dead makes
 * nothing before.
 */
static void watch_begin(struct engine *e)
{
    e->watch = watch_create(e->world);
    e->watch_rounds =
        (struct rounds){watch_round, "the other site is not watched for newer epochs",
                        conf_int(e->p.conf, "DEFAULT", "epoch_watch_interval_s") * 1000};
    e->watch_wait_ms = round_run(e, &e->watch_rounds, e->watch);
}

static err_t *drift_round(struct engine *e, void *state, struct db *db, int64_t now_ms,
                          int64_t *ret_next_ms)
{
    (void)state;
    return drift_run(e->world, db, e->owner, now_ms, report_drift, e, ret_next_ms);
}

static void *drift_thread(void *data)
{
    struct engine *e = data;
    struct rounds rounds = {drift_round, "servers are not compared with the metadata",
                            conf_int(e->p.conf, "DEFAULT", "drift_interval_s") * 1000};

    rounds_run(e, &rounds, NULL, drift_first_ms(e->world));
    return NULL;
}

static err_t *readiness_round(struct engine *e, void *state, struct db *db, int64_t now_ms,
                              int64_t *ret_next_ms)
{
    const struct readiness_host host = {report_readiness, readiness_over, e};

    (void)state;
    return readiness_run(e->world, db, e->owner, now_ms, &host, ret_next_ms);
}

static void *readiness_thread(void *data)
{
    struct engine *e = data;
    struct rounds rounds = {readiness_round, "it is not looked whether groups could fail over",
                            conf_int(e->p.conf, "DEFAULT", "readiness_interval_s") * 1000};

    rounds_run(e, &rounds, NULL, readiness_first_ms(e->world));
    return NULL;
}

static err_t *prune_round(struct engine *e, void *state, struct db *db, int64_t now_ms,
                          int64_t *ret_next_ms)
{
    (void)e, (void)state;
    return prune_run(db, now_ms, ret_next_ms);
}

static void *prune_thread(void *data)
{
    static const struct rounds rounds = {prune_round, "what need not be kept is not forgotten",
                                         PRUNE_ROUND_MS};

    rounds_run(data, &rounds, NULL, 0);
    return NULL;
}

static void *watch_thread(void *data)
{
    struct engine *e = data;

    rounds_run(e, &e->watch_rounds, e->watch, e->watch_wait_ms);
    return NULL;
}

/* ---- start and end ---- */

/* The lock file says that no other engine of this host lives; without it leases are waited out. */
static void lock_take(struct engine *e)
{
    g_autofree char *path = g_strdup_printf("%s/engine.lock", process_state_path(&e->p));

    e->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (e->lock_fd >= 0 && flock(e->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        close(e->lock_fd);
        e->lock_fd = -1;
    }
}

static void engine_build(struct engine *e, struct run_executor *executor)
{
    char uuid[37];

    env_uuid(e->p.env, uuid);
    e->owner = g_strdup_printf("%s:%d:%s", g_get_host_name(), (int)getpid(), uuid);
    struct world_options world = {
        .env = e->p.env,
        .conf = e->p.conf,
        .transport = &e->p.http,
        .exchange = &e->p.exchange,
        .db_get = process_db_get,
        .db_put = process_db_put,
        .db_data = e,
        .driver = e->driver,
        .host = e->host != NULL ? driver_host_table(e->host) : NULL,
        .driver_problem = e->driver_problem,
        .call_timeout_ms = conf_int(e->p.conf, "DEFAULT", "lease_ttl_ms") / 4,
    };
    e->world = world_create(&world);
    *executor = (struct run_executor){e, rows_map};
    struct runner_options runner = {
        .env = e->p.env,
        .runbooks = runbooks_all,
        .world = e->world,
        .db_get = engine_db_get,
        .db_put = engine_db_put,
        .executor = executor,
        .owner = e->owner,
        .lease_ttl_ms = conf_int(e->p.conf, "DEFAULT", "lease_ttl_ms"),
        .settle_ms = conf_int(e->p.conf, "DEFAULT", "settle_ms"),
        .poll_ms = 500,
        .lease_is_ours = lease_is_ours,
        .guard = restored_guard,
        .hope = room_hope,
        .report = report,
    };
    e->runner = runner_create(&runner);
}

static volatile sig_atomic_t asked_to_stop, asked_to_reopen;

static void on_signal(int number)
{
    if (number == SIGHUP)
        asked_to_reopen = 1;
    else
        asked_to_stop = 1;
}

/* After a rotation of the log, at the latest a poll later. */
static void reopen(struct engine *e)
{
    if (!asked_to_reopen)
        return;
    asked_to_reopen = 0;
    g_autoptr(err_t) why = log_reopen(e->p.log);
    if (why != NULL)
        log_err(e->p.log, LOG_LEVEL_ERROR, PROGRAM, NULL, why, "the log is not opened anew");
}

static err_t *engine_run(struct engine *e)
{
    struct run_executor executor;

    TRY(process_check(e->p.conf));
    TRY(process_identity(&e->p, true));
    process_connect(&e->p);
    lock_take(e);
    TRY(bell_open(&e->p, &e->bell_fd));
    driver_open(e);
    engine_build(e, &executor);
    watch_begin(e);
    g_mutex_init(&e->lock);
    e->under_way = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    e->rows = g_thread_pool_new(row_run, e, ROWS_AT_ONCE, FALSE, NULL);
    e->operations = g_thread_pool_new(operation_run, e, OPERATIONS_AT_ONCE, FALSE, NULL);
    GThread *beat = g_thread_new("beat", beat_thread, e);
    GThread *tick = g_thread_new("tick", tick_thread, e);
    GThread *tag = g_thread_new("tag", tag_thread, e);
    GThread *watch = g_thread_new("watch", watch_thread, e);
    GThread *drift = g_thread_new("drift", drift_thread, e);
    GThread *readiness = g_thread_new("readiness", readiness_thread, e);
    GThread *prune = g_thread_new("prune", prune_thread, e);
    log_write(e->p.log, LOG_LEVEL_INFO, PROGRAM, NULL, "running as %s", e->owner);
    while (!asked_to_stop) {
        reopen(e);
        if (bell_wait(e->bell_fd, hand_out(e)))
            log_write(e->p.log, LOG_LEVEL_DEBUG, PROGRAM, NULL, "rung");
    }
    log_write(e->p.log, LOG_LEVEL_INFO, PROGRAM, NULL, "stopping: what is under way is finished");
    g_thread_pool_free(e->operations, FALSE, TRUE);
    e->stopping = true;
    g_thread_join(beat);
    g_thread_join(tick);
    g_thread_join(tag);
    g_thread_join(watch);
    g_thread_join(drift);
    g_thread_join(readiness);
    g_thread_join(prune);
    g_thread_pool_free(e->rows, FALSE, TRUE);
    runner_destroy(e->runner);
    watch_destroy(e->watch);
    world_destroy(e->world);
    driver_host_destroy(e->host);
    registry_destroy(e->registry);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct engine e = {.lock_fd = -1};
    struct conf *conf = NULL;
    struct sigaction action = {.sa_handler = on_signal};
    int code = 0;

    (void)argc;
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (process_said_enough(PROGRAM, argv, &code))
        return code;
    err_t *why = process_conf(PROGRAM, argv, &conf);
    if (why != NULL)
        return process_fail(&e.p, PROGRAM, why);
    process_begin(&e.p, PROGRAM, conf, true);
    why = engine_run(&e);
    if (why != NULL)
        code = process_fail(&e.p, PROGRAM, why);
    process_end(&e.p);
    return code;
}
