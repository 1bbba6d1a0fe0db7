/* SPDX-License-Identifier: Apache-2.0 */
/* bench_faults - what goes wrong: deaths of the client and of engines, sites that are away. */
#include "tests/sim/bench_internal.h"

#include "model/sync.h"
#include "store/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the client ---- */

static bool client_dies_now(const struct bench *b, const struct http_request *req)
{
    if (b->client_dies_method != NULL)
        return g_str_equal(req->method, b->client_dies_method) &&
               g_pattern_match_simple(b->client_dies_at, req->url);
    return b->client_budget == 1;
}

/* Every address of a site, its cloud's and its Protector's, has the same host. */
static bool is_cut(const struct bench *b, const struct http_request *req)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *host = g_strdup_printf("://127.0.%d.1:", 10 * (i + 1));
        if (b->cut[i] && strstr(req->url, host) != NULL)
            return true;
    }
    return false;
}

/* The client's own death: at a request by number or by address; that one arrives or does not. */
err_t *bench_client_route(struct bench *b, const struct http_request *req,
                          struct http_response **ret)
{
    if (b->client_budget == 0)
        return err(NET_REFUSED, "the client is dead");
    bool (*told)(void *data, const struct http_request *req) = TAKE(b->on_client);
    if (told != NULL && !told(b->on_client_data, req))
        b->on_client = told;
    b->client_sent++;
    bool dies = client_dies_now(b, req);
    if (b->client_budget > 0)
        b->client_budget--;
    if (dies)
        b->client_budget = 0;
    if (dies && !b->client_last_arrives)
        return err(NET_REFUSED, "the client dies before it sends");
    if (is_cut(b, req))
        return err(NET_TIMEOUT, "the client's link to %s is cut", req->url);
    TRY(bench_route(b, req, ret));
    if (!dies)
        return NULL;
    http_response_destroy(TAKE(*ret));
    return err(NET_LOST, "the client dies before the answer");
}

/* What the client sends may be long under way; messages it carries are kept for who looks. */
void bench_stall(struct bench *b, const struct bench_link *link, const struct http_request *req)
{
    if (link->site >= 0)
        return;
    if (strstr(req->url, "/sync/inbox") != NULL && req->body != NULL)
        g_string_append_printf(b->carried, "%s\n", req->body);
    if (b->stall_ms == 0 || strcmp(req->method, "POST") != 0 ||
        strstr(req->url, b->stall_at) == NULL)
        return;
    int64_t ms = b->stall_ms;
    b->stall_ms = 0;
    bench_pass(b, ms);
}

/* ---- an engine ---- */

bool bench_boundary(void *data, const char *op_id, const char *where, const char *step,
                    const char *subject)
{
    struct bench_site *site = data;

    if (site->crashed)
        return true;
    if (site->crash_type != NULL) {
        g_autofree char *sql =
            g_strdup_printf("SELECT runbook FROM dr_operations WHERE id = '%s'", op_id);
        g_autofree char *type = bench_sql(site->bench, site->index, sql);
        if (g_strcmp0(type, site->crash_type) != 0)
            return false;
    }
    site->boundaries++;
    if (site->on_boundary != NULL)
        site->on_boundary(site->on_boundary_data, site, where, step);
    if (site->boundaries != site->crash_at)
        return false;
    site->crashed = true;
    site->deaths++;
    g_free(site->crash_where);
    site->crash_where =
        g_strdup_printf("boundary %d: %s %s %s", site->crash_at, where, step, subject);
    if (bench_tracing())
        fprintf(stderr, "       engine %s dies at %s\n", bench_site_name(site->index),
                site->crash_where);
    return true;
}

/* ---- trouble ---- */

void bench_api(struct bench *b, int site, bool up)
{
    b->site[site].api_down = !up;
}

void bench_engine(struct bench *b, int site, bool up)
{
    struct bench_site *s = &b->site[site];

    if (up == !s->engine_down)
        return;
    s->engine_down = !up;
    if (up)
        bench_engine_start(s);
    else
        bench_engine_stop(s);
    if (s->twin == NULL)
        return;
    s->twin->engine_down = !up;
    if (up)
        bench_engine_start(s->twin);
    else
        bench_engine_stop(s->twin);
}

void bench_lose(struct bench *b, int site)
{
    sim_power_cut(b->sim, site);
    b->site[site].lost = true;
    bench_api(b, site, false);
    bench_engine(b, site, false);
}

void bench_restore(struct bench *b, int site)
{
    sim_power_restore(b->sim, site);
    b->site[site].lost = false;
    bench_api(b, site, true);
    bench_engine(b, site, true);
}

void bench_crash_at(struct bench *b, int site, const char *type, int nth)
{
    struct bench_site *s = &b->site[site];

    g_free(s->crash_type);
    s->crash_type = g_strdup(type);
    s->crash_at = nth;
    s->crash_again = 0;
    s->boundaries = s->deaths = 0;
    g_clear_pointer(&s->crash_where, g_free);
}

static void die_there(void *data, struct bench_site *site, const char *where, const char *step)
{
    struct bench_death *d = data;

    if (d->died || d->step == NULL || !g_str_equal(where, d->where) || !g_str_equal(step, d->step))
        return;
    d->died = true;
    site->crash_at = site->boundaries;
}

void bench_dies_at(struct bench *b, int site, const char *type, struct bench_death *death)
{
    struct bench_site *s = &b->site[site];

    bench_crash_at(b, site, type, 0);
    s->on_boundary = die_there;
    s->on_boundary_data = death;
    s->stays_dead = true;
}

void bench_revive(struct bench *b, int site)
{
    b->site[site].stays_dead = false;
    b->site[site].on_boundary = NULL;
    bench_engine(b, site, true);
}

void bench_second_engine(struct bench_site *site, struct bench_site *room)
{
    struct bench *b = site->bench;

    *room = *site;
    room->on_boundary = NULL;
    room->crash_at = 0;
    room->engines = 100;
    bench_engine_start(room);
    for (int i = 0; i < 400; i++) {
        int64_t wake_at_ms = INT64_MAX;
        bench_must(runner_beat(room->runner), "beat");
        bench_must(runner_tick(room->runner, &wake_at_ms), "tick");
        b->clock_ms += 500;
        sim_advance(b->sim);
    }
    bench_engine_stop(room);
}

void bench_twin(struct bench *b, int site)
{
    struct bench_site *s = &b->site[site], *twin = g_new(struct bench_site, 1);

    s->lock_file = false; /* the other one lives */
    *twin = *s;
    twin->twin = NULL;
    twin->on_boundary = NULL;
    twin->crash_type = twin->crash_where = NULL;
    twin->crash_at = 0;
    twin->engines = 1000;
    s->twin = twin;
    s->turns = b->seed + (uint64_t)site;
    if (!s->engine_down)
        bench_engine_start(twin);
}

void bench_client_dies_after(struct bench *b, const char *method, const char *address)
{
    b->client_dies_method = method;
    b->client_dies_at = address;
    b->client_last_arrives = true;
}

void bench_client_dies_at(struct bench *b, int request, bool arrives)
{
    b->client_dies_method = NULL;
    b->client_budget = request;
    b->client_last_arrives = arrives;
}

void bench_client_lives(struct bench *b)
{
    b->client_dies_method = NULL;
    b->client_budget = -1;
}

/* ---- what stories begin with ---- */

void bench_change_left(struct bench *b)
{
    bench_client_dies_after(b, "PUT", "*/protection-groups/pg-*");
    json_decref(bench_try(b, "prod-a", "protection-group update", "protection-group", "web",
                          "description", "undecided", NULL));
    bench_client_lives(b);
    bench_settle(b);
    g_autofree char *staged = bench_sql(b, SIM_SITE_A, "SELECT staged FROM protection_groups");
    assert_true(staged != NULL && *staged != '\0');
}

static err_t *fact_of_a(struct exchange_tx *tx)
{
    void (**edit)(json_t *) = tx->data;
    struct body *body = NULL;
    bool committed = false;
    json_t *draft = sync_draft(tx->state);

    body_touch(draft, tx->now_ms);
    if (*edit != NULL)
        (*edit)(draft);
    TRY(body_seal(draft, &body));
    err_t *e = sync_fact(tx->state, &tx->context, body, &committed, tx->effects);
    body_unref(body);
    assert_true(e != NULL || committed);
    return e;
}

void bench_fact(struct bench *b, void (*edit)(json_t *draft))
{
    struct bench_site *a = &b->site[SIM_SITE_A];
    struct db *db = process_db_get(&a->p);
    g_autofree char *group = bench_sql(b, SIM_SITE_A, "SELECT id FROM protection_groups");
    struct exchange_call call = {.pg_id = group, .fn = fact_of_a, .data = (void *)&edit};
    err_t *e = exchange_act(&a->p.exchange, db, &call, NULL);

    process_db_put(&a->p, db);
    bench_must(e, "a fact of site-a");
}

void bench_cinder_full(struct bench *b, int site, int skip, int count)
{
    struct sim_fault full = {.site = site,
                             .service = "cinder",
                             .method = "POST",
                             .path = "*/volumes",
                             .skip = skip,
                             .count = count,
                             .kind = SIM_FAULT_STATUS,
                             .status = 400,
                             .body = "{\"badRequest\": {\"message\": \"no\"}}"};

    sim_fault_add(b->sim, &full);
}

static void group_make(struct bench *b, const char *name, const char *server)
{
    g_autofree char *array = g_strdup_printf("pg-%s", name);

    json_decref(bench_ok(b, "prod-a", "protection-group create", "name", name, "replication-type",
                         "async", "primary-site", "site-a", "secondary-site", "site-b",
                         "volume-type", "replicated-ssd", "!wait", NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group policy-create", "protection-group", name,
                         "primary-fa-url", "https://array-a.lab", "primary-fa-token", "T-a",
                         "secondary-fa-url", "https://array-b.lab", "secondary-fa-token", "T-b",
                         "pure-pg-name", array, "replication-interval", "60", "rpo-minutes", "15",
                         NULL));
    json_decref(bench_ok(b, "prod-a", "protection-group member-add", "protection-group", name,
                         "instance-id", bench_server_id(b, SIM_SITE_A, server), NULL));
    bench_settle(b);
}

struct bench *bench_create_two(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    group_make(b, "web", "web-1");
    group_make(b, "db", "db-1");
    bench_pass(b, 130000);
    return b;
}
