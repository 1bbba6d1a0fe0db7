/* SPDX-License-Identifier: Apache-2.0 */
/* walk_events - what may happen in a walk: commands of users and operators, and trouble. */
#include "tests/sim/walk_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DAY_MS      86400000
#define LASTING_MAX 2
#define COMMAND_MAX 200 /* a client that dies does so within so many requests */

/* ---- commands ---- */

bool walk_command(struct walk *w, int site, const char *name, json_t *args)
{
    struct bench *b = w->b;
    int budget = b->client_budget;
    const char *dies = TAKE(b->client_dies_method);
    g_autofree char *text = json_print(args);

    b->client_budget = -1;
    if (w->depth == 0 && walk_dice(w, 8) == 0)
        bench_client_dies_at(b, 1 + (int)walk_dice(w, COMMAND_MAX / 4), walk_dice(w, 2) == 0);
    walk_say(w, "%s: %s %s", bench_tenant(site), name, text);
    g_autoptr(json_t) result = bench_run(b, bench_tenant(site), name, args);
    if (result == NULL)
        walk_say(w, "  %s", b->last_error);
    b->client_dies_method = dies;
    b->client_budget = budget;
    return result != NULL;
}

static int some_site(struct walk *w)
{
    return (int)walk_dice(w, BENCH_SITES);
}

/* Mostly a site of the role, as a sensible user would choose it. */
static int some_site_of(struct walk *w, const char *role)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT id FROM protection_groups WHERE living_name = 'web' AND role = '%s'", role);

    for (int i = 0; i < BENCH_SITES && walk_dice(w, 5) != 0; i++) {
        g_autofree char *id = bench_sql(w->b, i, sql);
        if (id != NULL)
            return i;
    }
    return some_site(w);
}

static json_t *web(void)
{
    return json_pack("{ss}", "protection-group", "web");
}

json_t *walk_with(json_t *args, const char *key, const char *value)
{
    json_object_set_new(args, key, json_string(value));
    return args;
}

json_t *walk_flag(json_t *args, const char *key)
{
    json_object_set_new(args, key, json_true());
    return args;
}

static bool create(struct walk *w)
{
    int site = some_site(w);
    json_t *args =
        json_pack("{ss ss ss ss ss}", "name", walk_dice(w, 6) == 0 ? "other" : "web",
                  "replication-type", "async", "primary-site", bench_site_name(site),
                  "secondary-site", bench_site_name(1 - site), "volume-type", "replicated-ssd");

    return walk_command(w, site, "protection-group create",
                        walk_dice(w, 2) == 0 ? walk_flag(args, "wait") : args);
}

static bool delete_group(struct walk *w)
{
    return walk_command(w, some_site(w), "protection-group delete", web());
}

static bool update(struct walk *w)
{
    g_autofree char *text = g_strdup_printf("description %u", ++w->told);

    return walk_command(w, some_site(w), "protection-group update",
                        walk_with(web(), "description", text));
}

static bool rename_group(struct walk *w)
{
    json_t *args = json_pack("{ss}", "protection-group", walk_dice(w, 2) == 0 ? "other" : "web");

    return walk_command(w, some_site(w), "protection-group update",
                        walk_with(args, "name", walk_dice(w, 2) == 0 ? "other" : "web"));
}

static bool policy_create(struct walk *w)
{
    json_t *args = walk_with(walk_with(web(), "primary-fa-url", "https://array-a.lab"),
                             "primary-fa-token", "T-a");

    walk_with(walk_with(args, "secondary-fa-url", "https://array-b.lab"), "secondary-fa-token",
              "T-b");
    walk_with(walk_with(walk_with(args, "pure-pg-name", "pg-web"), "replication-interval", "60"),
              "rpo-minutes", "15");
    return walk_command(w, some_site(w), "protection-group policy-create", args);
}

static bool policy_update(struct walk *w)
{
    g_autofree char *minutes = g_strdup_printf("%u", 15 + walk_dice(w, 20));

    return walk_command(w, some_site(w), "protection-group policy-update",
                        walk_with(web(), "rpo-minutes", minutes));
}

static bool policy_delete(struct walk *w)
{
    return walk_command(w, some_site(w), "protection-group policy-delete", web());
}

static const char *some_server(struct walk *w, int site)
{
    const json_t *row =
        sim_find(w->b->sim, site, "servers", walk_dice(w, 2) == 0 ? "web-1" : "db-1");

    return json_str_or(row, "id", "00000000-0000-0000-0000-000000000000");
}

static bool member_add(struct walk *w)
{
    int site = some_site_of(w, "ACTIVE");

    return walk_command(w, site, "protection-group member-add",
                        walk_with(web(), "instance-id", some_server(w, site)));
}

static bool member_remove(struct walk *w)
{
    int site = some_site_of(w, "ACTIVE");

    return walk_command(w, site, "protection-group member-remove",
                        walk_with(web(), "member-id", some_server(w, site)));
}

static bool start_order(struct walk *w)
{
    int site = some_site_of(w, "ACTIVE");
    g_autofree char *priority = g_strdup_printf("%u", 1 + walk_dice(w, 5));
    g_autofree char *delay = g_strdup_printf("%u", 10 * walk_dice(w, 4));

    json_t *args = walk_with(web(), "member-id", some_server(w, site));
    return walk_command(w, some_site(w), "protection-group member-update",
                        walk_with(walk_with(args, "priority", priority), "start-delay", delay));
}

static bool mapping_set(struct walk *w)
{
    json_t *args = web();
    g_autofree char *floating = bench_floating_mapping(w->b, SIM_SITE_A);

    json_object_set_new(args, "network-mapping", json_pack("[s]", "net-app=net-app"));
    json_object_set_new(args, "floating-ip-mapping", json_pack("[s]", floating));
    return walk_command(w, some_site(w), "protection-group mapping-set", args);
}

static bool failover(struct walk *w)
{
    json_t *args = walk_with(walk_flag(web(), "unplanned"), "reason", "the walk");

    json_object_set_new(args, "network-mapping", json_pack("[s]", "net-app=net-app"));
    if (walk_dice(w, 6) == 0)
        json_set_str(args, "from", "kept");
    if (walk_dice(w, 4) != 0)
        walk_flag(args, "force");
    if (walk_dice(w, 4) == 0)
        walk_flag(args, "no-wait");
    return walk_command(w, some_site_of(w, "STANDBY"), "protection-group failover", args);
}

/* Of whichever groups there are; the one that asks may be anywhere but standby. */
static bool fail_site_over(struct walk *w)
{
    int site = some_site_of(w, "STANDBY");
    json_t *args = walk_with(json_object(), "site", bench_site_name(1 - site));

    walk_flag(walk_with(args, "reason", "the walk"), "yes");
    if (walk_dice(w, 4) != 0)
        walk_flag(args, "force");
    if (walk_dice(w, 4) == 0)
        walk_flag(args, "no-wait");
    return walk_command(w, site, "site failover", args);
}

static bool handover(struct walk *w)
{
    json_t *args = walk_flag(web(), "planned");

    json_object_set_new(args, "network-mapping", json_pack("[s]", "net-app=net-app"));
    if (walk_dice(w, 4) == 0)
        walk_flag(args, "no-wait");
    return walk_command(w, some_site(w), "protection-group failover", args);
}

/* Servers that the walk started by hand are conflicts: both ways out of them. */
static bool failback(struct walk *w)
{
    json_t *args = web();

    if (walk_dice(w, 2) == 0)
        json_set_str(args, "on-conflict", walk_dice(w, 2) == 0 ? "replace" : "keep-both");
    if (walk_dice(w, 4) == 0)
        walk_flag(args, "no-wait");
    return walk_command(w, some_site(w), "protection-group failback", args);
}

static bool rehearse(struct walk *w)
{
    json_t *args = web();

    if (walk_dice(w, 3) == 0)
        walk_flag(args, "auto-cleanup");
    if (walk_dice(w, 3) == 0)
        json_object_set_new(args, "network-mapping", json_pack("[s]", "net-app=net-app"));
    if (walk_dice(w, 4) == 0)
        walk_flag(args, "no-wait");
    return walk_command(w, some_site(w), "protection-group test-failover", args);
}

static bool reprotect(struct walk *w)
{
    return walk_command(w, some_site(w), "protection-group reprotect", web());
}

static bool point_now(struct walk *w)
{
    return walk_command(w, some_site(w), "consistency-group sync", web());
}

static bool clean_up(struct walk *w)
{
    return walk_command(w, some_site(w), "protection-group test-cleanup", web());
}

/* The mock moves no data: whoever wants it gives up all that was ever written there. */
static bool cleanup_source(struct walk *w)
{
    json_t *args = web();

    walk_flag(args, "yes");
    if (walk_dice(w, 6) != 0)
        json_set_str(args, "discard-writes-after", "1970-01-01T00:00:00Z");
    if (walk_dice(w, 3) == 0)
        json_set_str(args, "site", bench_site_name(some_site(w)));
    if (walk_dice(w, 4) == 0)
        walk_flag(args, "no-wait");
    return walk_command(w, some_site(w), "protection-group cleanup-source", args);
}

/* The site whose handover the other one is about to claim, or -1. */
static int handed_over(struct walk *w)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        if (bench_sql_int(w->b, i,
                          "SELECT COUNT(*) FROM dr_operations WHERE runbook IN"
                          " ('handover', 'failback') AND is_open <> 0 AND past_pivot = 0 AND plan "
                          "IS NOT NULL") > 0)
            return 1 - i;
    }
    return -1;
}

/* A site that follows; -1: none. */
static int standby(struct walk *w)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        if (bench_sql_int(w->b, i,
                          "SELECT COUNT(*) FROM protection_groups WHERE living_name = 'web' AND"
                          " role = 'STANDBY'") > 0)
            return i;
    }
    return -1;
}

/* B7: somebody starts what a handover has stopped; B8: what was kept at the standby. */
static bool server_started(struct walk *w)
{
    const char *name = walk_dice(w, 2) == 0 ? "web-1" : "db-1";
    int site = handed_over(w);

    if (site < 0 && walk_dice(w, 4) == 0)
        site = standby(w);
    if (site < 0 || !bench_start_by_hand(w->b, site, name))
        return false;
    walk_say(w, "somebody starts %s at %s", name, bench_site_name(site));
    return true;
}

static bool forced_sync(struct walk *w)
{
    return walk_command(w, some_site(w), "protection-group sync-force", walk_flag(web(), "yes"));
}

static bool status(struct walk *w)
{
    return walk_command(w, some_site(w), "protection-group sync-status", web());
}

static bool resolve(struct walk *w)
{
    int site = some_site_of(w, "ACTIVE");

    json_t *args = walk_dice(w, 2) == 0 ? walk_flag(web(), "yes") : web();
    return walk_command(w, site, "protection-group sync-resolve",
                        walk_with(walk_with(args, "keep",
                                            bench_site_name(walk_dice(w, 3) ? site : 1 - site)),
                                  "reason", "the walk"));
}

static bool show(struct walk *w)
{
    return walk_command(w, some_site(w), "protection-group show", web());
}

/* An operation that waits for a person, or one that runs. */
char *walk_operation(struct walk *w, int site, const char *where)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT id FROM dr_operations WHERE %s ORDER BY created_at DESC, id LIMIT 1", where);

    return bench_sql(w->b, site, sql);
}

static bool decide(struct walk *w)
{
    static const char *const verbs[] = {"operation retry", "operation abandon"};
    int site = some_site(w);
    g_autofree char *id = walk_operation(w, site, "status = 'needs_operator'");

    return id != NULL &&
           walk_command(w, site, verbs[walk_dice(w, 2)], json_pack("{ss}", "operation", id));
}

static bool cancel(struct walk *w)
{
    int site = some_site(w);
    g_autofree char *id = walk_operation(w, site, "is_open <> 0");

    return id != NULL &&
           walk_command(w, site, walk_dice(w, 3) == 0 ? "operation abandon" : "operation cancel",
                        json_pack("{ss}", "operation", id));
}

/* ---- trouble ---- */

static const enum sim_service services[] = {SIM_KEYSTONE, SIM_NOVA, SIM_CINDER, SIM_NEUTRON,
                                            SIM_GLANCE};

static void everything_up(struct walk *w)
{
    struct bench *b = w->b;

    for (int i = 0; i < BENCH_SITES; i++) {
        if (b->site[i].lost)
            bench_restore(b, i);
        sim_site_down(b->sim, i, NULL, false);
        bench_api(b, i, true);
        bench_engine(b, i, true);
        b->cut[i] = b->site[i].db_down = false;
    }
}

static bool passes(struct walk *w)
{
    int64_t ms = 100 * (1 + (int64_t)walk_dice(w, 10)) * (1 + (int64_t)walk_dice(w, 150));

    walk_say(w, "%" G_GINT64_FORMAT " ms pass", ms);
    bench_pass(w->b, ms);
    return true;
}

/* What is down or cut and stays so: a world of ruins tells no stories. */
static int lasting(const struct walk *w)
{
    int count = 0;

    for (int i = 0; i < BENCH_SITES; i++) {
        const struct bench_site *s = &w->b->site[i];
        count += s->lost ? 1 : s->api_down + s->engine_down;
        count += w->b->cut[i] + s->db_down;
        for (size_t j = 0; j < G_N_ELEMENTS(services) && !s->lost; j++)
            count += sim_is_down(w->b->sim, i, services[j]);
    }
    return count;
}

/* True if one more may go down. */
static bool bearable(const struct walk *w)
{
    return lasting(w) < LASTING_MAX;
}

static bool repair(struct walk *w)
{
    if (lasting(w) == 0)
        return false;
    walk_say(w, "everything is repaired");
    everything_up(w);
    return true;
}

static bool site_lost(struct walk *w)
{
    int site = some_site(w);
    struct bench_site *s = &w->b->site[site];

    if (!s->lost && !bearable(w))
        return false;
    if (s->lost) {
        walk_say(w, "%s comes back", bench_site_name(site));
        bench_restore(w->b, site);
    } else {
        walk_say(w, "%s is lost", bench_site_name(site));
        bench_lose(w->b, site);
    }
    return true;
}

static bool api_down(struct walk *w)
{
    struct bench_site *s = &w->b->site[some_site(w)];

    if (s->lost || (!s->api_down && !bearable(w)))
        return false;
    walk_say(w, "the API of %s is %s", bench_site_name(s->index), s->api_down ? "up" : "down");
    bench_api(w->b, s->index, s->api_down);
    return true;
}

static bool engine_down(struct walk *w)
{
    struct bench_site *s = &w->b->site[some_site(w)];

    if (s->lost || (!s->engine_down && !bearable(w)))
        return false;
    walk_say(w, "the engine of %s is %s", bench_site_name(s->index),
             s->engine_down ? "up" : "down");
    bench_engine(w->b, s->index, s->engine_down);
    return true;
}

static bool database_down(struct walk *w)
{
    struct bench_site *s = &w->b->site[some_site(w)];

    if (s->lost || (!s->db_down && !bearable(w)))
        return false;
    s->db_down = !s->db_down;
    walk_say(w, "the database of %s is %s", bench_site_name(s->index), s->db_down ? "down" : "up");
    return true;
}

static bool engine_dies(struct walk *w)
{
    struct bench_site *s = &w->b->site[some_site(w)];

    walk_say(w, "the engine of %s is to die soon", bench_site_name(s->index));
    s->crash_at = s->boundaries + 1 + (int)walk_dice(w, 40);
    return true;
}

static bool engine_sleeps(struct walk *w)
{
    w->sleeps[some_site(w)] = true;
    return true;
}

static bool cut(struct walk *w)
{
    int site = some_site(w);

    if (!w->b->cut[site] && !bearable(w))
        return false;
    w->b->cut[site] = !w->b->cut[site];
    walk_say(w, "clients %s %s", w->b->cut[site] ? "do not reach" : "reach", bench_site_name(site));
    return true;
}

static bool service_down(struct walk *w)
{
    int site = some_site(w);
    enum sim_service service = services[walk_dice(w, G_N_ELEMENTS(services))];
    bool down = !sim_is_down(w->b->sim, site, service);

    if (w->b->site[site].lost || (down && !bearable(w)))
        return false;
    walk_say(w, "%s of %s is %s", sim_service_name(service), bench_site_name(site),
             down ? "down" : "up");
    sim_site_down(w->b->sim, site, sim_service_name(service), down);
    return true;
}

static bool call_fails(struct walk *w)
{
    static const int statuses[] = {401, 403, 404, 409, 413, 429, 500, 503};
    struct sim_fault fault = {
        .site = some_site(w),
        .service = sim_service_name(services[walk_dice(w, G_N_ELEMENTS(services))]),
        .method = walk_dice(w, 2) == 0 ? "POST" : NULL,
        .skip = (int)walk_dice(w, 8),
        .count = 1 + (int)walk_dice(w, 3),
        .kind = (enum sim_fault_kind)walk_dice(w, SIM_FAULT_DUPLICATE + 1),
        .status = statuses[walk_dice(w, G_N_ELEMENTS(statuses))],
        .body = walk_dice(w, 2) == 0 ? "{\"error\": {\"message\": \"trouble\"}}" : "<html>",
    };

    walk_say(w, "%d calls of %s at %s fail (%d, %d)", fault.count, fault.service,
             bench_site_name(fault.site), (int)fault.kind, fault.status);
    sim_fault_add(w->b->sim, &fault);
    return true;
}

/* A cell of Nova is down: lists lack what lies in it, and one row says so (API 2.69). */
static bool list_cut(struct walk *w)
{
    struct sim_fault cut = {
        .site = some_site(w),
        .service = "nova",
        .method = "GET",
        .path = "*/servers/detail*",
        .count = 1 + (int)walk_dice(w, 4),
        .kind = SIM_FAULT_STATUS,
        .status = 200,
        .body = "{\"servers\": [{\"id\": \"0d2e4d2c-6a5c-4b8e-9d7e-1f6a3c2b1a00\", \"status\": "
                "\"UNKNOWN\", \"created\": \"2026-11-21T14:15:43Z\", \"links\": []}]}"};

    walk_say(w, "%d lists of Nova at %s are cut", cut.count, bench_site_name(cut.site));
    sim_fault_add(w->b->sim, &cut);
    return true;
}

static bool clock_jumps(struct walk *w)
{
    static const int64_t skews_ms[] = {0, DAY_MS, -DAY_MS, 61000, -61000};
    struct bench_site *s = &w->b->site[some_site(w)];

    s->skew_ms = skews_ms[walk_dice(w, G_N_ELEMENTS(skews_ms))];
    walk_say(w, "the clock of %s is wrong by %" G_GINT64_FORMAT " ms", bench_site_name(s->index),
             s->skew_ms);
    return true;
}

/* Something that was carried once arrives again, by somebody's hand. */
static bool replay(struct walk *w)
{
    g_auto(GStrv) lines = g_strsplit(w->b->carried->str, "\n", -1);
    guint count = g_strv_length(lines);
    int site = some_site(w);

    if (count < 2 || w->b->site[site].api_down || w->b->cut[site] ||
        sim_is_down(w->b->sim, site, SIM_KEYSTONE))
        return false;
    const char *line = lines[walk_dice(w, count - 1)];
    walk_say(w, "an old message arrives at %s", bench_site_name(site));
    bench_deliver(w->b, site, line);
    return true;
}

/*
 * A newer point of a lineage that is not the group's, or that the wrong site made.  Its lineage is
 * one that the group never comes to: a database that is put back brings older ones to life again.
 */
static bool old_point(struct walk *w)
{
    int site = some_site_of(w, "STANDBY");
    int64_t lineage =
        bench_sql_int(w->b, site,
                      "SELECT lineage FROM protection_groups WHERE living_name = 'web'");
    g_autofree char *other = g_strdup_printf("%" G_GINT64_FORMAT, lineage + 1000);
    g_autofree char *id = g_strdup_printf("planted-%u", ++w->told);
    bool maker = walk_dice(w, 2) == 0;

    if (w->b->site[site].lost ||
        !bench_plant(w->b, site, id, maker ? NULL : other, maker ? "'somebody else'" : NULL))
        return false;
    walk_say(w, "a point of %s appears at %s", maker ? "somebody else" : "another lineage",
             bench_site_name(site));
    return true;
}

static void keep(struct walk *w, int site, const char *when)
{
    g_autofree char *name = g_strdup_printf("%u", w->kept[site]++);

    walk_say(w, "the database of %s is backed up%s", bench_site_name(site), when);
    bench_db_copy(w->b, site, name);
}

static void keep_within(void *data, struct bench_site *site, const char *where, const char *step)
{
    g_autofree char *when = g_strdup_printf(", %s %s", where, step);

    site->on_boundary = NULL;
    keep(data, site->index, when);
}

/* At once, or while an operation runs: at the next boundary of its journal. */
static bool database_kept(struct walk *w)
{
    int site = some_site(w);
    struct bench_site *s = &w->b->site[site];

    if (walk_dice(w, 2) == 0) {
        keep(w, site, "");
        return true;
    }
    s->on_boundary = keep_within;
    s->on_boundary_data = w;
    return true;
}

/* An older copy, and services that start on it. */
static bool database_put_back(struct walk *w)
{
    int site = some_site(w);

    if (w->restored || w->kept[site] == 0)
        return false;
    g_autofree char *name = g_strdup_printf("%u", walk_dice(w, w->kept[site]));
    walk_say(w, "the database of %s is put back to copy %s", bench_site_name(site), name);
    w->restored = true;
    bench_db_put_back(w->b, site, name);
    oracle_restored(w->oracle, site, bench_db_noticed(w->b, site));
    return true;
}

/* The peer learns the new keys by whatever comes next; old messages bear old signatures. */
static bool keys_changed(struct walk *w)
{
    int site = some_site(w);

    if (w->b->site[site].db_down)
        return false;
    walk_say(w, "the keys of %s are changed", bench_site_name(site));
    bench_rotate(w->b, site);
    return true;
}

static bool client_dies(struct walk *w)
{
    if (w->depth == 0)
        return false;
    walk_say(w, "the client dies");
    bench_client_dies_at(w->b, 1, walk_dice(w, 2) == 0);
    return true;
}

/* Another client, in the middle of the first one's command. */
static bool second_client(struct walk *w)
{
    if (w->depth != 1)
        return false;
    walk_event(w, false);
    return true;
}

/* ---- the table ---- */

static const struct {
    const char *name;
    bool (*happens)(struct walk *w); /* true: it did, and a command was carried out */
    unsigned weight;
    bool trouble; /* may also strike in the middle of a command */
} events[] = {
    {"create", create, 5, false},
    {"delete", delete_group, 1, false},
    {"update", update, 8, false},
    {"rename", rename_group, 1, false},
    {"policy-create", policy_create, 3, false},
    {"policy-update", policy_update, 2, false},
    {"policy-delete", policy_delete, 1, false},
    {"member-add", member_add, 8, false},
    {"member-remove", member_remove, 3, false},
    {"start order", start_order, 2, false},
    {"mapping-set", mapping_set, 1, false},
    {"failover", failover, 7, false},
    {"site failover", fail_site_over, 2, false},
    {"planned", handover, 5, false},
    {"failback", failback, 5, false},
    {"drill", rehearse, 4, false},
    {"cleanup", clean_up, 3, false},
    {"cleanup source", cleanup_source, 4, false},
    {"reprotect", reprotect, 3, false},
    {"point now", point_now, 1, false},
    {"sync-force", forced_sync, 6, false},
    {"sync-status", status, 2, false},
    {"sync-resolve", resolve, 3, false},
    {"show", show, 2, false},
    {"decide", decide, 4, false},
    {"cancel", cancel, 2, false},
    {"time passes", passes, 10, true},
    {"repair", repair, 14, false},
    {"site lost", site_lost, 4, true},
    {"api down", api_down, 4, true},
    {"engine down", engine_down, 4, true},
    {"database down", database_down, 4, true},
    {"engine dies", engine_dies, 6, true},
    {"engine sleeps", engine_sleeps, 2, true},
    {"cut", cut, 4, true},
    {"service down", service_down, 4, true},
    {"call fails", call_fails, 8, true},
    {"list cut", list_cut, 4, true},
    {"clock jumps", clock_jumps, 2, true},
    {"old point", old_point, 6, true},
    {"replay", replay, 6, true},
    {"server started", server_started, 6, true},
    {"database kept", database_kept, 3, true},
    {"database put back", database_put_back, 2, false},
    {"keys changed", keys_changed, 2, true},
    {"client dies", client_dies, 6, true},
    {"second client", second_client, 10, true},
};

static struct walk_count counts[G_N_ELEMENTS(events)];

/* Then half of the time the first row's turn comes. */
static bool nothing_lives(struct walk *w)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        if (bench_sql_int(w->b, i,
                          "SELECT COUNT(*) FROM protection_groups WHERE living_name = 'web'") > 0)
            return false;
    }
    return true;
}

/* Events that happen so many times as often: of a bug that only they can betray. */
#define FAVOUR       12
#define FAVOURED_MAX 8
static const char *favoured[FAVOURED_MAX + 1];

void walk_favour(const char *event)
{
    size_t i = 0;

    if (event == NULL)
        memset(favoured, 0, sizeof favoured);
    while (i < FAVOURED_MAX && favoured[i] != NULL)
        i++;
    favoured[MIN(i, FAVOURED_MAX - 1)] = event;
}

static unsigned weight_of(size_t i, bool trouble)
{
    if (trouble && !events[i].trouble)
        return 0;
    return events[i].weight * (g_strv_contains(favoured, events[i].name) ? FAVOUR : 1);
}

void walk_event(struct walk *w, bool trouble)
{
    unsigned all = 0;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(events); i++)
        all += weight_of(i, trouble);
    unsigned at = nothing_lives(w) && !trouble && walk_dice(w, 2) == 0 ? 0 : walk_dice(w, all);
    for (i = 0; i < G_N_ELEMENTS(events); i++) {
        unsigned weight = weight_of(i, trouble);
        if (at < weight)
            break;
        at -= weight;
    }
    counts[i].happened++;
    if (events[i].happens(w))
        counts[i].succeeded++;
}

const struct walk_count *walk_counts(size_t *ret)
{
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++)
        counts[i].name = events[i].name;
    *ret = G_N_ELEMENTS(events);
    return counts;
}

/* ---- the end ---- */

void walk_heal(struct walk *w)
{
    struct bench *b = w->b;

    walk_say(w, "faults stop");
    bench_client_lives(b);
    sim_fault_clear(b->sim);
    everything_up(w);
    for (int i = 0; i < BENCH_SITES; i++) {
        b->site[i].crash_at = 0;
        w->sleeps[i] = false;
    }
}
