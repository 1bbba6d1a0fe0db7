/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds - what corpora begin with, from two whole sites of the bench that protect a group and fail
 * it over: carried messages, bodies, states, plans, journals, and a request for each body of each
 * route.
 *
 *     fuzz-seeds FOLDER      writes FOLDER/<target>/<name>
 *
 * seeds.py adds what real clouds said; `tools/fuzz --merge` keeps what reaches new code.
 */
#include "api/request.h"
#include "store/sync.h"
#include "tests/fuzz/seeds.h"
#include "tests/sim/bench.h"

#include <stdio.h>
#include <string.h>

static const char *folder;

void seed_write(const char *target, const char *name, const char *text)
{
    g_autofree char *dir = g_build_filename(folder, target, NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_mkdir_with_parents(dir, 0755);
    if (!g_file_set_contents(path, text, -1, NULL))
        g_error("cannot write %s", path);
}

/* Takes 'j'. */
static void write_json(const char *target, const char *name, json_t *j)
{
    g_autofree char *text = json_print(j);

    seed_write(target, name, text);
    json_decref(j);
}

static json_t *parsed(const char *text)
{
    json_t *j = NULL;

    if (text != NULL)
        err_free(json_parse(text, strlen(text), "a seed", &j));
    return j;
}

/* ---- requests ---- */

static void requests(void)
{
    static const char *const names[][2] = {{"{pg}", "@pg"},
                                           {"{member}", "@member"},
                                           {"{op}", "@op"},
                                           {"{site}", "@peer"},
                                           {"{mapping}", "@peer"}};
    int n = 0;

    for (const struct route *r = routes; r->method != NULL; r++) {
        static const struct body_spec none[] = {{"", NULL, false, NULL}, {0}};
        const struct body_spec *bodies = r->bodies != NULL ? r->bodies : none;
        for (const struct body_spec *s = bodies; s->key != NULL; s++, n++) {
            g_autoptr(GString) text = g_string_new(NULL);
            g_autofree char *name = g_strdup_printf("route-%02d", n);
            const char *query = r->query != NULL ? "?limit=2&marker=@pg&sort=name:desc" : "";
            g_string_printf(text, "%s /v1/%s%s%s\nX-Auth-Token: @admin\n", r->method,
                            r->flags & ROUTE_ADMIN ? "" : "@project/", r->path, query);
            g_string_append(text, "OpenStack-API-Version: protector 1.1\n\n");
            if (s->example != NULL && *s->key != '\0')
                g_string_append_printf(text, "{\"%s\": %s}", s->key, s->example);
            else
                g_string_append(text, s->example != NULL ? s->example : "");
            for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                g_string_replace(text, names[i][0], names[i][1], 0);
            seed_write("api", name, text->str);
        }
    }
    seed_write("api", "versions", "GET /\n\n");
    seed_write("api", "version", "GET /v1/\nAccept: application/json\n\n");
    seed_write("api", "no-token", "GET /v1/sites\n\n");
}

/* ---- the protocol ---- */

static void state_load(struct bench *b, int site, struct sync_state *ret)
{
    struct db *db = process_db_get(&b->site[site].p);
    g_autofree char *group = bench_sql(b, site, "SELECT id FROM protection_groups LIMIT 1");
    bool found = false;

    if (group == NULL || store_sync_load(db, group, ret, &found) != NULL || !found)
        g_error("no group at site %d", site);
    process_db_put(&b->site[site].p, db);
}

/* The messages to 'site' that were carried from 'from' on. */
static json_t *messages_to(struct bench *b, const char *site, size_t from)
{
    g_auto(GStrv) lines = g_strsplit(b->carried->str + from, "\n", -1);
    json_t *list = json_array();

    for (char **line = lines; *line != NULL; line++) {
        g_autoptr(json_t) carried = parsed(*line);
        json_t *message = json_obj(carried, "message");
        g_autoptr(json_t) envelope = parsed(json_str(message, "envelope"));
        if (envelope != NULL && g_strcmp0(json_str(envelope, "to"), site) == 0)
            json_array_append(list, message);
    }
    return list;
}

/* Both sites as they are, each with what is carried to it by 'command'. */
static void stage(struct bench *b, const char *name, void (*command)(struct bench *b))
{
    struct sync_state states[BENCH_SITES];
    size_t from = b->carried->len;

    for (int i = 0; i < BENCH_SITES; i++)
        state_load(b, i, &states[i]);
    command(b);
    for (int i = 0; i < BENCH_SITES; i++) {
        struct sync_state *s = &states[i];
        g_autofree char *file = g_strdup_printf("%s-%d", name, i);
        g_autoptr(GPtrArray) rows = chain_history(s->chain, s->pos);
        g_autoptr(json_t) messages = messages_to(b, sync_self(s), from);
        json_t *seed = json_object();
        size_t n;
        json_t *message;
        json_set(seed, "state", sync_state_to_json(s));
        json_set(seed, "history", history_to_json(rows));
        if (s->body != NULL) {
            json_set_str(seed, "body", body_text(s->body));
            seed_write("body", file, body_text(s->body));
        }
        json_set(seed, "messages", json_incref(messages));
        write_json("sync", file, seed);
        json_array_foreach(messages, n, message)
        {
            g_autofree char *each = g_strdup_printf("%s-%zu", file, n);
            write_json("message", each, json_incref(message));
        }
        if (rows->len > 0)
            write_json("position", file,
                       json_pack("{s:o, s:o}", "row",
                                 position_to_json(g_ptr_array_index(rows, rows->len - 1)),
                                 "history", history_to_json(rows)));
        sync_state_fini(s);
    }
}

/* ---- operations ---- */

static void operations(struct bench *b, int site)
{
    AUTO(db_rows)
    ops = bench_rows(b, site,
                     "SELECT id, operation_type, params, plan FROM "
                     "dr_operations");
    g_autofree char *body = bench_sql(b, site, "SELECT body FROM protection_groups LIMIT 1");

    for (size_t i = 0; i < db_rows_count(ops); i++) {
        const char *type = db_str(ops, i, 1);
        g_autofree char *name = g_strdup_printf("%s-%d", type, site);
        g_autofree char *sql = g_strdup_printf(
            "SELECT step_key, subject, state, result, error, flags FROM dr_steps WHERE op_id = "
            "'%s' ORDER BY seq LIMIT 8",
            db_str(ops, i, 0));
        AUTO(db_rows) rows = bench_rows(b, site, sql);
        json_t *steps = json_array();
        for (size_t r = 0; r < db_rows_count(rows); r++) {
            json_t *step = json_object();
            json_set_str(step, "step_key", db_str(rows, r, 0));
            json_set_str(step, "subject", db_str(rows, r, 1));
            json_set_str(step, "state", db_str(rows, r, 2));
            json_set(step, "result", parsed(db_str(rows, r, 3)));
            json_set(step, "error", parsed(db_str(rows, r, 4)));
            json_set_int(step, "flags", db_int(rows, r, 5));
            json_array_append_new(steps, step);
        }
        write_json("journal", name, json_pack("{s:o}", "steps", steps));
        json_t *params = parsed(db_str(ops, i, 2)), *plan = parsed(db_str(ops, i, 3));
        write_json("change", name,
                   json_pack("{s:s, s:o, s:o*}", "type", type, "params",
                             params != NULL ? params : json_object(), "body",
                             strcmp(type, "create") == 0 ? NULL : parsed(body)));
        if (plan != NULL)
            write_json("plan", name,
                       json_pack("{s:o, s:[{s:s, s:s, s:i, s:{}}]}", "plan", plan, "points", "id",
                                 "p1", "name", "g.1", "time_ms", 1000, "subjects"));
    }
}

/* The report of an operation, in each of its forms, and unsigned. */
static void report(struct bench *b, int site, const char *op)
{
    static const char *const forms[] = {"json", "markdown", "html"};
    const char *cloud = bench_tenant(site);

    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *file = g_strdup_printf("%s-%s", op, forms[i]);
        g_autoptr(json_t) said =
            bench_ok(b, cloud, "operation report", "operation", op, "as", forms[i], NULL);
        seed_write("report", file, json_str_or(said, "text", ""));
        if (i == 0)
            write_json("report", op, json_incref(json_obj(json_obj(said, "object"), "report")));
    }
}

/* ---- the story ---- */

static void change(struct bench *b)
{
    json_decref(bench_ok(b, "prod-a", "protection-group update", "protection-group", "web",
                         "description", "told", NULL));
    bench_settle(b);
}

static void fail_over(struct bench *b)
{
    bench_lose(b, SIM_SITE_A);
    json_decref(bench_failover(b, SIM_SITE_B));
    bench_settle(b);
}

static void come_back(struct bench *b)
{
    bench_restore(b, SIM_SITE_A);
    json_decref(bench_try(b, "prod-b", "protection-group sync-force", "protection-group", "web",
                          "!yes", NULL));
    bench_settle(b);
}

static void take_away(struct bench *b)
{
    json_decref(bench_try(b, "prod-b", "protection-group member-remove", "protection-group", "web",
                          "instance", "web-1", NULL));
    json_decref(bench_try(b, "prod-b", "protection-group delete", "protection-group", "web", NULL));
    bench_settle(b);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        g_error("fuzz-seeds FOLDER");
    folder = argv[1];
    requests();
    AUTO(bench) b = bench_create(3);
    bench_register(b);
    bench_protect(b);
    bench_wait_point(b);
    stage(b, "change", change);
    stage(b, "failover", fail_over);
    operations(b, SIM_SITE_A);
    operations(b, SIM_SITE_B);
    g_autofree char *op =
        bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations WHERE operation_type = 'failover'");
    report(b, SIM_SITE_B, op);
    stage(b, "back", come_back);
    stage(b, "away", take_away);
    operations(b, SIM_SITE_A);
    seeds_client();
    seeds_steps();
    printf("%s\n", folder);
    return 0;
}
