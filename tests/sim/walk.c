/* SPDX-License-Identifier: Apache-2.0 */
/* walk - see walk.h. */
#include "tests/sim/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define EVENTS_MIN  10
#define EVENTS_MAX  40
#define PATIENCE_MS 600000 /* then a user presses Control-C: what was begun goes on */
#define ROUNDS_MAX  24     /* of carrying and deciding until both sites rest */

/* splitmix64: another stream than the bench's, so that the product's draws do not shift ours. */
static uint64_t draw(struct walk *w)
{
    uint64_t z = w->chance += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

unsigned walk_dice(struct walk *w, unsigned sides)
{
    return (unsigned)(draw(w) % sides);
}

void walk_say(struct walk *w, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    g_autofree char *text = g_strdup_vprintf(format, list);
    va_end(list);
    g_string_append_printf(w->story, "%8" G_GINT64_FORMAT " %*s%s\n", w->b->clock_ms, 2 * w->depth,
                           "", text);
    fprintf(stderr, "%8" G_GINT64_FORMAT " %*s%s\n", w->b->clock_ms, 2 * w->depth, "", text);
}

/* ---- the world before ---- */

static void begin(struct walk *w)
{
    bench_register(w->b);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_site_admin(w->b, i, "prod-user", "prod");
    if (walk_dice(w, 3) == 0)
        bench_server_group(w->b, SIM_SITE_A, "soft-anti-affinity");
    if (walk_dice(w, 6) == 0)
        return; /* nothing is there: the walk makes it */
    json_decref(bench_ok(w->b, "prod-a", "protection-group create", "name", "web",
                         "replication-type", "async", "primary-site", "site-a", "secondary-site",
                         "site-b", "volume-type", "replicated-ssd", "!wait", NULL));
    if (walk_dice(w, 6) == 0)
        return;
    bench_protect_group(w->b);
    if (walk_dice(w, 4) != 0)
        bench_wait_point(w->b);
}

/* ---- the end: L1 ---- */

static void end(struct walk *w)
{
    const char *why = NULL;

    walk_heal(w);
    walk_visit(w);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bench_settle(w->b);
        bench_carry(w->b);
        bench_settle(w->b);
        why = oracle_unrest(w->oracle);
        if (why == NULL)
            break;
        walk_say(w, "not at rest: %s", why);
        walk_decide(w);
    }
    oracle_rest(w->oracle);
}

/* ---- trouble within a command ---- */

static bool on_client(void *data, const struct http_request *req)
{
    struct walk *w = data;

    (void)req;
    if (--w->mid_at > 0)
        return false;
    w->mid_at = 0;
    w->depth++;
    walk_event(w, true);
    w->depth--;
    return true;
}

static void arm(struct walk *w)
{
    w->b->on_client = NULL;
    w->mid_at = 0;
    if (walk_dice(w, 3) != 0)
        return;
    w->mid_at = 1 + (int)walk_dice(w, 40);
    w->b->on_client = on_client;
    w->b->on_client_data = w;
}

static void on_boundary(void *data, struct bench_site *site, const char *where, const char *step)
{
    struct walk *w = data;
    struct bench_site second = *site;

    if (!w->sleeps[site->index] || !g_str_equal(where, "after-intent"))
        return;
    w->sleeps[site->index] = false;
    walk_say(w, "the engine of %s sleeps before %s", bench_site_name(site->index), step);
    bool lock_file = site->lock_file;
    site->lock_file = second.lock_file = false;
    bench_second_engine(site, &second);
    site->lock_file = lock_file;
    oracle_look(w->oracle); /* what has ended by now stays as it is */
}

void walk_run(uint64_t seed, GString *story)
{
    struct walk w = {.chance = seed * 0xd1342543de82ef95u + 1, .story = story};
    AUTO(bench) b = bench_create(seed);
    AUTO(oracle) oracle = oracle_create(b);

    w.b = b;
    b->patience_ms = PATIENCE_MS;
    w.oracle = oracle;
    begin(&w);
    for (int i = 0; i < BENCH_SITES; i++)
        bench_db_copy(b, i, "0");
    w.kept[0] = w.kept[1] = 1;
    for (int i = 0; i < BENCH_SITES; i++) {
        if (walk_dice(&w, 4) == 0) {
            walk_say(&w, "%s has two engines", bench_site_name(i));
            bench_twin(b, i);
        }
    }
    for (int i = 0; i < BENCH_SITES; i++) {
        b->site[i].on_boundary = on_boundary;
        b->site[i].on_boundary_data = &w;
    }
    int events = EVENTS_MIN + (int)walk_dice(&w, EVENTS_MAX - EVENTS_MIN);
    for (int i = 0; i < events; i++) {
        arm(&w);
        walk_event(&w, false);
        oracle_look(oracle);
    }
    b->on_client = NULL;
    end(&w);
    g_string_append(story, b->trace->str);
    for (int i = 0; i < BENCH_SITES; i++) { /* a hash over all that was ever signed */
        g_autofree char *position = bench_position(b, i);
        g_string_append_printf(story, "%s: %s\n", bench_site_name(i),
                               position != NULL ? position : "no group");
    }
}
