/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - see bench.h; bench_client.c gives the commands, bench_faults.c has what goes wrong,
 * bench_copy.c worlds that are used many times, bench_look.c what looks and the usual world.
 */
#include "tests/sim/bench_internal.h"

#include "api/auth/policy.h"
#include "api/auth/token.h"
#include "drivers/host.h"
#include "drivers/registry.h"
#include "runbooks/drift.h"
#include "runbooks/readiness.h"
#include "runbooks/room.h"
#include "runbooks/runbooks.h"
#include "runbooks/tags.h"
#include "runbooks/ticks.h"
#include "store/migrate.h"
#include "store/operation.h"
#include "store/prune.h"
#include "store/restored.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH_MS        1795232356000
#define EXCHANGE_MS     2    /* an exchange takes so long */
#define STEP_MAX_MS     1000 /* engines look at least so often */
#define ROUND_MAX_MS    60000
#define INTERVAL_MAX_MS ((int64_t)86400 * 1000)
#define SETTLE_MS       200
#define LEASE_TTL_MS    90000

bool bench_tracing(void)
{
    return g_getenv("BENCH_TRACE") != NULL;
}

void bench_must(err_t *e, const char *what)
{
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    err_free(e);
    fail_msg("%s: %s", what, text);
}

/* ---- clock and chance ---- */

static int64_t clock_now(void *data)
{
    return EPOCH_MS + ((struct bench *)data)->clock_ms;
}

static int64_t clock_mono(void *data)
{
    return ((struct bench *)data)->clock_ms;
}

/* A site's own clock may be wrong. */
static int64_t site_now(void *data)
{
    struct bench_site *site = data;

    return clock_now(site->bench) + site->skew_ms;
}

static int64_t site_mono(void *data)
{
    return clock_mono(((struct bench_site *)data)->bench);
}

/* xorshift */
static void chance(void *data, void *buffer, size_t size)
{
    struct bench *b = data;

    for (size_t i = 0; i < size; i++) {
        b->seed ^= b->seed << 13;
        b->seed ^= b->seed >> 7;
        b->seed ^= b->seed << 17;
        ((unsigned char *)buffer)[i] = (unsigned char)(b->seed >> 32);
    }
}

static struct bench *sodium_bench; /* libsodium has one source of chance per process */

static void site_random(void *data, void *buffer, size_t size)
{
    chance(((struct bench_site *)data)->bench, buffer, size);
}

static const char *sodium_name(void)
{
    return "bench";
}

static void sodium_buf(void *const buffer, const size_t size)
{
    chance(sodium_bench, buffer, size);
}

static uint32_t sodium_random(void)
{
    uint32_t value;

    chance(sodium_bench, &value, sizeof value);
    return value;
}

static struct randombytes_implementation sodium_chance = {.implementation_name = sodium_name,
                                                          .random = sodium_random,
                                                          .buf = sodium_buf};

/* ---- the network ---- */

static void trace(struct bench *b, const struct bench_link *link, const struct http_request *req,
                  const struct http_response *resp, const err_t *e)
{
    g_autofree char *line =
        g_strdup_printf("%6" G_GINT64_FORMAT " %s %s %s %d%s%s", b->clock_ms,
                        link->site < 0 ? "client" : bench_site_name(link->site), req->method,
                        req->url, resp != NULL ? resp->status : 0, e != NULL ? " " : "",
                        e != NULL ? err_code_text(e) : "");

    g_string_append_printf(b->trace, "%s\n", line);
    if (!bench_tracing())
        return;
    fprintf(stderr, "%s\n", line);
    if (resp != NULL && resp->status >= 400 && resp->body != NULL)
        fprintf(stderr, "       %.300s\n", resp->body);
}

static struct http_response *api_serve(struct bench_site *site, const struct http_request *req)
{
    const char *path = req->url + strlen(site->api_origin);
    AUTO(http_request) served = http_request_create(req->method, *path != '\0' ? path : "/");

    for (guint i = 0; i < req->headers->len; i++) {
        const struct http_header *h = g_ptr_array_index(req->headers, i);
        http_request_add(served, h->name, h->value);
    }
    if (req->body != NULL)
        http_request_body(served, req->body, req->body_size);
    served->peer = g_strdup("192.0.2.1");
    return api_handle(site->api, served);
}

err_t *bench_route(struct bench *b, const struct http_request *req, struct http_response **ret)
{
    g_autofree char *origin = url_origin(req->url);

    for (int i = 0; i < BENCH_SITES; i++) {
        struct bench_site *site = &b->site[i];
        if (g_strcmp0(origin, site->api_origin) != 0)
            continue;
        if (site->api_down)
            return err(NET_REFUSED, "nothing listens at %s", origin);
        *ret = api_serve(site, req);
        return NULL;
    }
    if (bench_guest_answers(b, req, ret))
        return NULL;
    return http_send(sim_transport(b->sim), req, ret);
}

static err_t *link_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct bench_link *link = data;
    struct bench *b = link->bench;

    b->clock_ms += EXCHANGE_MS;
    bench_stall(b, link, req);
    if (link->site >= 0 && b->on_engine != NULL)
        b->on_engine(b->on_engine_data, link->site, req);
    *ret = NULL;
    err_t *e = NULL;
    if (link->site < 0)
        e = bench_client_route(b, req, ret);
    else if (b->between != NULL)
        e = b->between(b->between_data, link->site, req, ret);
    else
        e = bench_route(b, req, ret);
    trace(b, link, req, *ret, e);
    return e;
}

/* ---- a site ---- */

static void report_fault(void *data, const char *request_id, const err_t *e)
{
    struct bench_site *site = data;
    g_autofree char *text = err_text(e);

    (void)request_id;
    g_string_append_printf(site->bench->log, "%s\n", text);
    if (bench_tracing())
        fprintf(stderr, "       api %s: %s\n", bench_site_name(site->index), text);
}

static void report_policy(void *data, const err_t *e)
{
    report_fault(data, NULL, e);
}

/* ---- a database that does not answer ---- */

static err_t *down_run(void *backend, const char *sql, const struct db_value *values, size_t count,
                       struct db_rows **ret_rows, int64_t *ret_affected)
{
    (void)backend, (void)sql, (void)values, (void)count, (void)ret_rows, (void)ret_affected;
    return err(DB_CONNECT, "the database is down, by the test");
}

static err_t *down_begin(void *backend)
{
    (void)backend;
    return err(DB_CONNECT, "the database is down, by the test");
}

static void down_end(void *backend)
{
    (void)backend;
}

static const struct db_ops down = {
    .name = "sqlite",
    .run = down_run,
    .begin = down_begin,
    .commit = down_begin,
    .rollback = down_end,
    .close = down_end,
};

static struct db *site_db_get(void *data)
{
    struct bench_site *site = data;
    guint idle = site->p.idle->len;
    if (site->bench->site[site->index].db_down)
        return db_create(&down, NULL);
    struct db *db = process_db_get(&site->p);

    if (idle == 0 && site->on_db != NULL)
        site->on_db(site->on_db_data, site, db);
    if (site->on_take != NULL)
        site->on_take(site->on_take_data, site, db);
    return db;
}

static void site_db_put(void *data, struct db *db)
{
    if (db_has_ops(db, &down))
        db_destroy(db);
    else
        process_db_put(&((struct bench_site *)data)->p, db);
}

static char *conf_text(struct bench *b, int i)
{
    g_autofree char *keystone = sim_origin(b->sim, i, SIM_KEYSTONE);
    g_autofree char *file =
        g_strdup_printf("sqlite:///%s/%s/protector.db", b->dir, bench_site_name(i));

    return g_strdup_printf(
        "[DEFAULT]\nstate_path = %s/%s\nsettle_ms = %d\nlease_ttl_ms = %d\n"
        "[database]\nconnection = %s\n"
        "[keystone_authtoken]\nwww_authenticate_uri = %s\nauth_url = %s\nauth_type = password\n"
        "project_name = service\nusername = protector\npassword = lab\nregion_name = Region%c\n"
        "[site:%s]\nusername = protector\npassword = lab\nproject_name = service\n"
        "[storage]\ndriver = mock\nmock_storage_dir = %s/arrays\n",
        b->dir, bench_site_name(i), SETTLE_MS, LEASE_TTL_MS, b->dsn[i] != NULL ? b->dsn[i] : file,
        keystone, keystone, 'A' + i, bench_site_name(1 - i), b->dir);
}

static struct conf *conf_of(struct bench *b, int i, const char *more)
{
    g_autofree char *usual = conf_text(b, i);
    g_autofree char *text = g_strconcat(usual, more, NULL);
    struct conf *conf = conf_create(NULL, NULL);

    bench_must(conf_parse(conf, text, strlen(text), "protector.conf"), "protector.conf");
    bench_must(conf_check(conf), "protector.conf");
    return conf;
}

static void site_process(struct bench *b, int i)
{
    struct bench_site *site = &b->site[i];
    g_autofree char *state = g_strdup_printf("%s/%s", b->dir, bench_site_name(i));

    g_mkdir_with_parents(state, 0700);
    site->p = (struct process){.program = "bench", .env = &site->env, .conf = conf_of(b, i, "")};
    site->p.idle = g_ptr_array_new_with_free_func((GDestroyNotify)db_destroy);
    g_mutex_init(&site->p.lock);
    struct db *db = process_db_get(&site->p);
    bench_must(store_sync(db, env_now_ms(&site->env), NULL), "db sync");
    process_db_put(&site->p, db);
    bench_must(process_identity(&site->p, true), "identity");
}

static void site_session(struct bench_site *site)
{
    const char *url = conf_str(site->p.conf, "keystone_authtoken", "auth_url");
    struct keystone_credentials credentials = {.method = KEYSTONE_PASSWORD,
                                               .auth_url = url,
                                               .username = "protector",
                                               .password = "lab",
                                               .user_domain_name = "Default",
                                               .project_name = "service",
                                               .project_domain_name = "Default"};
    struct cloud_options options = {
        .transport = &site->transport,
        .env = &site->env,
        .cloud = "this site",
        .credentials = &credentials,
        .region = conf_str(site->p.conf, "keystone_authtoken", "region_name"),
        .interface = conf_str(site->p.conf, "keystone_authtoken", "interface"),
        .timeout_ms = TOKEN_TIMEOUT_MS,
    };

    site->session = cloud_session_create(&options);
}

static void site_api(struct bench_site *site)
{
    struct policy_options policy = {.report = report_policy, .report_data = site};

    site_session(site);
    bench_must(policy_create(&policy, &site->policy), "policy");
    struct token_options tokens = {
        .session = site->session,
        .env = &site->env,
        .cache_ms = conf_int(site->p.conf, "keystone_authtoken", "token_cache_time") * 1000,
        .service_roles = conf_list(site->p.conf, "keystone_authtoken", "service_token_roles"),
    };
    site->tokens = token_validator_create(&tokens);
    struct api_options options = {
        .env = &site->env,
        .conf = site->p.conf,
        .exchange = &site->p.exchange,
        .policy = site->policy,
        .tokens = site->tokens,
        .transport = &site->transport,
        .db_get = site_db_get,
        .db_put = site_db_put,
        .db_data = site,
        .report = report_fault,
        .report_data = site,
    };
    site->api_options = options;
    site->api = api_create(&options);
}

/* ---- its engine ---- */

static const char *driver_option(void *data, const char *name)
{
    return conf_driver_option(((struct bench_site *)data)->p.conf, name);
}

static struct db *engine_db_get(void *world)
{
    return site_db_get(world_options_of(world)->db_data);
}

static void engine_db_put(void *world, struct db *db)
{
    site_db_put(world_options_of(world)->db_data, db);
}

/* The engine holds the lock file: whoever had the lease before is dead. */
static bool lease_is_ours(void *world, const char *owner)
{
    struct bench_site *site = world_options_of(world)->db_data;

    return site->lock_file && !g_str_equal(owner, site->owner);
}

static void report(void *world, const char *op_id, const char *event, const err_t *e)
{
    struct bench_site *site = world_options_of(world)->db_data;
    g_autofree char *text = e != NULL ? err_text(e) : g_strdup("");

    g_string_append_printf(site->bench->log, "%s %s %s\n", op_id, event, text);
    if (bench_tracing())
        fprintf(stderr, "       engine %s: operation %s: %s %s\n", bench_site_name(site->index),
                op_id, event, text);
}

/* As the engine's own (daemons/engine.c). */
static err_t *guard(void *world, struct db *db)
{
    return restored_check(world_options_of(world)->exchange, db, NULL);
}

static void engine_driver(struct bench_site *site, const struct protector_driver **ret)
{
    struct protector_error error = {0};
    struct driver_host_config config = {.env = &site->env,
                                        .data = site,
                                        .option = driver_option,
                                        .transport = &site->transport,
                                        .state_dir = site->bench->dir};

    site->registry = registry_create(NULL);
    bench_must(registry_find(site->registry, "mock", NULL, ret), "driver");
    site->host = driver_host_create(&config, *ret);
    if ((*ret)->configure != NULL &&
        (*ret)->configure(*ret, driver_host_table(site->host), &error) != PROTECTOR_OK)
        fail_msg("driver: %s", error.message);
}

void bench_engine_start(struct bench_site *site)
{
    const struct protector_driver *driver = NULL;

    engine_driver(site, &driver);
    site->driver = *driver;
    site->driver.can &= ~site->driver_lacks;
    site->owner = g_strdup_printf("bench-%d:%d:engine", site->index, ++site->engines);
    struct world_options world = {
        .env = &site->env,
        .conf = site->engine_conf != NULL ? site->engine_conf : site->p.conf,
        .transport = &site->transport,
        .exchange = &site->p.exchange,
        .db_get = site_db_get,
        .db_put = site_db_put,
        .db_data = site,
        .driver = site->driver_absent ? NULL : &site->driver,
        .driver_problem = "storage driver 'mock' is not there",
        .host = driver_host_table(site->host),
        .call_timeout_ms = LEASE_TTL_MS / 4,
    };
    site->world = world_create(&world);
    site->ticks = ticks_create(site->world, LEASE_TTL_MS);
    site->tags = tags_create(site->world);
    site->watch = watch_create(site->world);
    struct runner_options runner = {
        .env = &site->env,
        .runbooks = runbooks_all,
        .world = site->world,
        .db_get = engine_db_get,
        .db_put = engine_db_put,
        .executor = &run_executor_inline,
        .owner = site->owner,
        .lease_ttl_ms = LEASE_TTL_MS,
        .settle_ms = SETTLE_MS,
        .poll_ms = 500,
        .boundary = bench_boundary,
        .boundary_data = site,
        .lease_is_ours = lease_is_ours,
        .guard = guard,
        .hope = room_hope,
        .report = report,
    };
    site->runner = runner_create(&runner);
    if (!site->bench->site[site->index].db_down)
        bench_db_noticed(site->bench, site->index); /* as process_identity does */
    site->next_tick_ms = site->next_tags_ms = site->next_watch_ms = site->next_prune_ms = 0;
    site->next_drift_ms = env_mono_ms(&site->env) + drift_first_ms(site->world);
    site->next_readiness_ms = env_mono_ms(&site->env) + readiness_first_ms(site->world);
}

void bench_engine_stop(struct bench_site *site)
{
    g_clear_pointer(&site->runner, runner_destroy);
    g_clear_pointer(&site->ticks, ticks_destroy);
    g_clear_pointer(&site->tags, tags_destroy);
    g_clear_pointer(&site->watch, watch_destroy);
    g_clear_pointer(&site->world, world_destroy);
    g_clear_pointer(&site->host, driver_host_destroy);
    g_clear_pointer(&site->registry, registry_destroy);
    g_clear_pointer(&site->owner, g_free);
}

void bench_engine_conf(struct bench *b, int i, const char *more)
{
    struct bench_site *site = &b->site[i];
    bool up = !site->engine_down;

    if (up)
        bench_engine_stop(site);
    conf_destroy(site->engine_conf);
    site->engine_conf = conf_of(b, i, more);
    if (up)
        bench_engine_start(site);
}

/* ---- time ---- */

/* A round of what the engine does beside its operations; tried again soon if the database failed.
 */
static void beside(struct bench_site *site, err_t *e, int64_t now_ms, int64_t max_ms,
                   int64_t *next_ms)
{
    int64_t wait_ms = *next_ms == INT64_MAX ? max_ms : *next_ms - now_ms;

    if (e != NULL) {
        report_fault(site, NULL, e);
        wait_ms = STEP_MAX_MS;
    }
    err_free(e);
    *next_ms = env_mono_ms(&site->env) + CLAMP(wait_ms, 0, max_ms);
}

static void engine_beside(struct bench_site *site)
{
    int64_t now_ms = env_now_ms(&site->env), mono_ms = env_mono_ms(&site->env);
    struct db *db = site_db_get(site);

    if (mono_ms >= site->next_tick_ms)
        beside(site,
               ticks_run(site->ticks, db, site->owner, now_ms, report_fault, site,
                         &site->next_tick_ms),
               now_ms, ROUND_MAX_MS, &site->next_tick_ms);
    if (mono_ms >= site->next_tags_ms)
        beside(site,
               tags_run(site->tags, db, site->owner, now_ms, report_fault, site,
                        &site->next_tags_ms),
               now_ms, ROUND_MAX_MS, &site->next_tags_ms);
    if (mono_ms >= site->next_prune_ms)
        beside(site, prune_run(db, now_ms, &site->next_prune_ms), now_ms, INTERVAL_MAX_MS,
               &site->next_prune_ms);
    if (mono_ms >= site->next_drift_ms)
        beside(site,
               drift_run(site->world, db, site->owner, now_ms, report_fault, site,
                         &site->next_drift_ms),
               now_ms, INTERVAL_MAX_MS, &site->next_drift_ms);
    if (site->bench->foresees && mono_ms >= site->next_readiness_ms)
        beside(site,
               readiness_run(site->world, db, site->owner, now_ms,
                             &(struct readiness_host){.report = report_fault, .data = site},
                             &site->next_readiness_ms),
               now_ms, INTERVAL_MAX_MS, &site->next_readiness_ms);
    site_db_put(site, db);
}

/* Before its operations, as an engine that starts does. */
static void engine_watch(struct bench_site *site)
{
    int64_t now_ms = env_now_ms(&site->env);
    struct db *db = site_db_get(site);

    if (!site->unwatched && env_mono_ms(&site->env) >= site->next_watch_ms)
        beside(site,
               watch_run(site->watch, db, site->owner, now_ms, report_fault, site,
                         &site->next_watch_ms),
               now_ms, INTERVAL_MAX_MS, &site->next_watch_ms);
    site_db_put(site, db);
}

/* One look of an engine.  Returns when it wants to come back, by the bench's clock. */
static int64_t engine_round(struct bench_site *site)
{
    int64_t wake_at_ms = INT64_MAX;

    if (site->engine_down)
        return INT64_MAX;
    engine_watch(site);
    err_t *e = runner_beat(site->runner);
    if (e == NULL)
        e = runner_tick(site->runner, &wake_at_ms);
    if (e != NULL)
        report_fault(site, NULL, e);
    err_free(e);
    if (site->crashed) {
        bench_engine_stop(site);
        site->crashed = false;
        site->crash_at = site->crash_again > 0 ? site->boundaries + site->crash_again : 0;
        site->crash_again = 0;
        if (!site->stays_dead)
            bench_engine_start(site);
        site->engine_down = site->stays_dead;
        return 0;
    }
    engine_beside(site);
    if (wake_at_ms != INT64_MAX)
        wake_at_ms += site->bench->clock_ms - runner_clock_ms(site->runner);
    return MIN(wake_at_ms, MIN(site->next_tick_ms, site->next_tags_ms));
}

/* Of a site with two engines the one or the other looks first. */
static int64_t site_round(struct bench_site *site)
{
    if (site->twin == NULL)
        return engine_round(site);
    site->turns = site->turns * 6364136223846793005u + 1442695040888963407u;
    bool twin_first = site->turns >> 63;
    int64_t first = engine_round(twin_first ? site->twin : site);
    int64_t second = engine_round(twin_first ? site : site->twin);
    return MIN(first, second);
}

static int64_t round_both(struct bench *b)
{
    int64_t first = site_round(&b->site[0]), second = site_round(&b->site[1]);
    int64_t wake_at_ms = MIN(first, second);

    sim_advance(b->sim);
    return wake_at_ms;
}

void bench_pass(struct bench *b, int64_t ms)
{
    int64_t end_ms = b->clock_ms + ms;

    do {
        int64_t wake_at_ms = round_both(b);
        int64_t wait_ms = wake_at_ms == INT64_MAX ? STEP_MAX_MS : wake_at_ms - b->clock_ms;
        b->clock_ms += MAX(MIN(CLAMP(wait_ms, 20, STEP_MAX_MS), end_ms - b->clock_ms), 0);
    } while (b->clock_ms < end_ms);
}

/* Of one site: "settle op-… running, step array.settle waiting; …" */
#define OPEN_TOLD                                                                                  \
    "SELECT group_concat(o.operation_type || ' ' || o.id || ' ' || o.status || ' ' || ("           \
    "SELECT coalesce(group_concat(s.step_key || ' ' || s.state || ' ' || coalesce(s.error, '')), " \
    "'') FROM dr_steps s WHERE s.op_id = o.id AND (s.state NOT IN ('done', 'skipped', 'pending') " \
    "OR s.error IS NOT NULL)),"                                                                    \
    " '; ') FROM dr_operations o WHERE o.is_open <> 0"

void bench_settle(struct bench *b)
{
    /* a change that only waits for the other site is at rest, and an outcome that waits for a
     * person to end a fork */
    static const char open[] =
        "SELECT COUNT(*) FROM dr_operations o WHERE (o.status IN ('pending', 'running', "
        "'rolling_back') AND NOT EXISTS (SELECT 1 FROM dr_steps s JOIN protection_groups g ON "
        "g.id = o.pg_id WHERE s.op_id = o.id AND s.step_key = 'group.finish' AND "
        "s.state = 'waiting' AND g.status = 'split_brain')) OR (o.status = 'waiting_for_peer' AND "
        "EXISTS (SELECT 1 FROM dr_steps s "
        "WHERE s.op_id = o.id AND s.state NOT IN ('done', 'skipped') AND (s.step_key <> "
        "'peer.commit' OR s.state <> 'waiting' OR s.wake_at = 0)))";

    for (int i = 0; i < 600; i++) {
        bench_pass(b, 1000);
        bool busy = false;
        for (int s = 0; s < BENCH_SITES; s++)
            busy = busy || (!b->site[s].engine_down && bench_sql_int(b, s, open) > 0);
        if (!busy)
            return;
    }
    g_autofree char *a = bench_sql(b, 0, OPEN_TOLD);
    g_autofree char *z = bench_sql(b, 1, OPEN_TOLD);
    fail_msg("the engines do not come to rest: %s; %s", a != NULL ? a : "-", z != NULL ? z : "-");
}

/* ---- the bench ---- */

static void sim_build(struct bench *b)
{
    struct sim_options options;
    char *urls[BENCH_SITES];

    sim_options_init(&options);
    for (int i = 0; i < BENCH_SITES; i++) {
        b->site[i].api_origin = g_strdup_printf("http://127.0.%d.1:8788", 10 * (i + 1));
        urls[i] = g_strdup_printf("%s/v1/%%(tenant_id)s", b->site[i].api_origin);
        options.site[i].protector_url = urls[i];
    }
    b->sim = sim_create(&b->env, &options);
    for (int i = 0; i < BENCH_SITES; i++)
        g_free(urls[i]);
}

static void clouds_write(struct bench *b)
{
    g_autofree char *text = sim_clouds_yaml(b->sim);

    b->clouds = g_strdup_printf("%s/clouds.yaml", b->dir);
    assert_true(g_file_set_contents(b->clouds, text, -1, NULL));
}

struct bench *bench_create(uint64_t seed)
{
    return bench_create_on(seed, NULL);
}

struct bench *bench_create_on(uint64_t seed, const char *const dsn[BENCH_SITES])
{
    struct bench *b = g_new0(struct bench, 1);
    const char *base = g_file_test("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : g_get_tmp_dir();
    g_autofree char *template = g_strdup_printf("%s/protector-bench-XXXXXX", base);

    for (int i = 0; dsn != NULL && i < BENCH_SITES; i++)
        b->dsn[i] = g_strdup(dsn[i]);
    b->env = (struct env){b, clock_now, clock_mono, chance};
    b->client_budget = -1;
    b->trace = g_string_new(NULL);
    b->log = g_string_new(NULL);
    b->carried = g_string_new(NULL);
    b->asked = g_string_new(NULL);
    b->events = g_string_new(NULL);
    b->link = (struct bench_link){b, -1};
    b->transport = (struct http_transport){.data = &b->link, .send = link_send};
    b->seed = 1;
    sodium_bench = b;
    randombytes_set_implementation(&sodium_chance);
    secrets_init(); /* draws in a process' first bench alone: the seed is set after it */
    b->seed = 88172645463325252u ^ (seed * 0x9e3779b97f4a7c15u);
    b->dir = g_strdup(g_mkdtemp(template));
    sim_build(b);
    clouds_write(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        struct bench_site *site = &b->site[i];
        site->bench = b;
        site->index = i;
        site->lock_file = true;
        site->env = (struct env){site, site_now, site_mono, site_random};
        site->link = (struct bench_link){b, i};
        site->transport = (struct http_transport){.data = &site->link,
                                                  .send = link_send,
                                                  .connect = bench_guest_connect};
        site_process(b, i);
        site_api(site);
        bench_engine_start(site);
    }
    return b;
}

void bench_destroy(struct bench *b)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        struct bench_site *site = &b->site[i];
        bench_engine_stop(site);
        if (site->twin != NULL)
            bench_engine_stop(site->twin);
        g_free(site->twin);
        conf_destroy(site->engine_conf);
        api_destroy(site->api);
        token_validator_destroy(site->tokens);
        policy_destroy(site->policy);
        cloud_session_destroy(site->session);
        process_end(&site->p);
        g_free(site->api_origin);
        g_free(site->crash_type);
        g_free(site->crash_where);
        g_free(b->dsn[i]);
    }
    sim_destroy(b->sim);
    bench_folder_remove(b->dir);
    g_string_free(b->trace, TRUE);
    g_string_free(b->log, TRUE);
    g_string_free(b->carried, TRUE);
    g_string_free(b->asked, TRUE);
    g_string_free(b->events, TRUE);
    g_free(b->dir);
    g_free(b->clouds);
    g_free(b->last_error);
    g_free(b);
}
