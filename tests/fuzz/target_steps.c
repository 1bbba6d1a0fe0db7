/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps - {"type", "status", "past_pivot", "params", "plan", "result", "steps": [{column: value}]}:
 * an operation as a database gives it back, which an engine takes up.  Site B has failed a group
 * over and is active; its cloud answers what is asked and refuses what would change it.  "answers":
 * {glob: body} is what it says instead to a look at such an address.
 *
 * Whatever the plan and the rows say, the engine goes on, or its operation tells in words why not.
 * Each input finds the same world: all that it writes lies in one transaction, which is rolled
 * back, and the arrays are put back.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/steps_world.h"

#include "runbooks/runbooks.h"
#include "store/backend.h"

#include <fcntl.h>
#include <unistd.h>

#define SITE        SIM_SITE_B
#define HEADER_SIZE 100 /* of a database file of SQLite */
#define ROWS_MAX    48
#define TURNS       4 /* the engine looks so often, a minute apart */
#define TURN_MS     60000

static struct world_kept {
    struct bench *b;
    struct db *db; /* the only connection */
    int64_t clock_ms;
    char *pg, *project, *site;
    json_t *input;        /* the present one */
    char *arrays, *bytes; /* the arrays' file, and as it was */
    gsize size;
} w;

/* ---- one transaction around all of an input ---- */

struct lasting {
    const struct db_ops *next;
    void *backend;
} lasting;

static err_t *statement(const struct lasting *f, const char *sql)
{
    return f->next->run(f->backend, sql, NULL, 0, NULL, NULL);
}

static err_t *begin(void *backend)
{
    return statement(backend, "SAVEPOINT input");
}

static err_t *commit(void *backend)
{
    return statement(backend, "RELEASE input");
}

static void rollback(void *backend)
{
    err_free(statement(backend, "ROLLBACK TO input"));
    err_free(statement(backend, "RELEASE input"));
}

static err_t *run(void *backend, const char *sql, const struct db_value *values, size_t count,
                  struct db_rows **ret_rows, int64_t *ret_affected)
{
    struct lasting *f = backend;

    return f->next->run(f->backend, sql, values, count, ret_rows, ret_affected);
}

static void close_it(void *backend)
{
    struct lasting *f = backend;

    f->next->close(f->backend);
}

static const struct db_ops lasting_ops = {"sqlite", run, begin, commit, rollback, close_it};

static struct db *db_get(void *world G_GNUC_UNUSED)
{
    return w.db;
}

static void db_put(void *world G_GNUC_UNUSED, struct db *db G_GNUC_UNUSED)
{
}

/* ---- the world ---- */

/* What the input says in place of the cloud; NULL: nothing. */
static json_t *answer_of(const char *url)
{
    const char *glob;
    json_t *body;

    json_object_foreach(json_obj(w.input, "answers"), glob, body)
    {
        if (g_pattern_match_simple(glob, url))
            return body;
    }
    return NULL;
}

/* A cloud that is looked at. */
static err_t *looks_only(void *data, int site G_GNUC_UNUSED, const struct http_request *req,
                         struct http_response **ret)
{
    bool login = g_str_has_suffix(req->url, "/auth/tokens");
    const json_t *instead = strcmp(req->method, "GET") == 0 ? answer_of(req->url) : NULL;

    if (instead != NULL) {
        *ret = http_response_create(200);
        http_response_json(*ret, instead);
        return NULL;
    }
    if (login || strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0)
        return bench_route(data, req, ret);
    g_autoptr(json_t) body = json_pack("{s:{s:i, s:s, s:s}}", "error", "code", 403, "title",
                                       "Forbidden", "message", "nothing is changed here");
    *ret = http_response_create(403);
    http_response_json(*ret, body);
    return NULL;
}

void fuzz_init(void)
{
    w.b = steps_world();
    w.pg = bench_sql(w.b, SITE, "SELECT id FROM protection_groups");
    w.project = bench_sql(w.b, SITE, "SELECT project_id FROM protection_groups");
    w.site = bench_sql(w.b, SITE, "SELECT site_id FROM local_site");
    w.arrays = g_build_filename(w.b->dir, "arrays", "mock.db", NULL);
    FUZZ_MUST(g_file_get_contents(w.arrays, &w.bytes, &w.size, NULL), "no arrays");
    w.b->between = looks_only;
    w.b->between_data = w.b;
    w.db = process_db_get(&w.b->site[SITE].p);
    db_stack(w.db, &lasting_ops, &lasting, &lasting.next, &lasting.backend);
    w.clock_ms = w.b->clock_ms;
}

/* SQLite counts the changes of a file in its header. */
static bool arrays_changed(void)
{
    char header[HEADER_SIZE] = "";
    int fd = open(w.arrays, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, header, sizeof header) : 0;

    if (fd >= 0)
        close(fd);
    return size != HEADER_SIZE || memcmp(header, w.bytes, HEADER_SIZE) != 0;
}

static void world_back(void)
{
    lasting.next->rollback(lasting.backend);
    if (arrays_changed())
        FUZZ_MUST(g_file_set_contents(w.arrays, w.bytes, (gssize)w.size, NULL),
                  "the arrays cannot be put back");
    w.b->clock_ms = w.clock_ms;
    g_string_truncate(w.b->log, 0);
    g_string_truncate(w.b->trace, 0);
}

/* ---- the operation ---- */

/* A column as its JSON has it: texts as they are, anything else printed.  Caller frees. */
static char *column(const json_t *row, const char *name, const char *fallback)
{
    const json_t *value = json_object_get(row, name);

    if (value == NULL || json_is_null(value))
        return g_strdup(fallback);
    return json_is_string(value) ? g_strdup(json_string_value(value)) : json_print(value);
}

static err_t *operation_write(const json_t *in)
{
    g_autofree char *type = column(in, "type", "failover");
    g_autofree char *status = column(in, "status", "running");
    g_autofree char *params = column(in, "params", "{}");
    g_autofree char *plan = column(in, "plan", NULL);
    g_autofree char *result = column(in, "result", NULL);

    return db_exec(
        w.db, NULL,
        "INSERT INTO dr_operations (id, pg_id, project_id, operation_type, runbook,"
        " runbook_version, planned, status, is_open, hidden, progress,"
        " executing_site_id, params, plan, result, generation, past_pivot, wake_at,"
        " created_at, started_at, completed_at, updated_at) VALUES ('op-1', ?, ?, ?, ?, 1,"
        " 0, ?, 1, 0, 0, ?, ?, ?, ?, 1, ?, 0, 0, 0, 0, 0)",
        "sssssssssi", w.pg, w.project, type, type, status, w.site, params, plan, result,
        (int64_t)json_bool(in, "past_pivot", false));
}

static err_t *row_write(const json_t *row, int64_t seq)
{
    g_autofree char *key = column(row, "step_key", "server.boot");
    g_autofree char *subject = column(row, "subject", "");
    g_autofree char *state = column(row, "state", "pending");
    g_autofree char *result = column(row, "result", NULL);
    g_autofree char *error = column(row, "error", NULL);

    return db_exec(w.db, NULL,
                   "INSERT INTO dr_steps (op_id, seq, step_key, subject, wave, state, attempt, "
                   "tries, flags, wake_at, result, error, started_at, finished_at) VALUES "
                   "('op-1', ?, ?, ?, ?, ?, 0, 0, 0, 0, ?, ?, 0, 0)",
                   "ississs", seq, key, subject, json_int(row, "wave", 0), state, result, error);
}

static err_t *written(const json_t *in)
{
    const json_t *steps = json_arr(in, "steps");

    TRY(operation_write(in));
    for (size_t i = 0; i < MIN(json_array_size(steps), ROWS_MAX); i++)
        TRY(row_write(json_array_get(steps, i), (int64_t)i));
    return NULL;
}

/* ---- the engine ---- */

static void told(void)
{
    AUTO(db_rows) rows = NULL;
    g_autoptr(json_t) error = NULL;

    FUZZ_MUST(db_query(w.db, &rows, "SELECT status, error FROM dr_operations WHERE id = 'op-1'",
                       "") == NULL &&
                  db_rows_count(rows) == 1,
              "the operation is gone");
    const char *status = db_str(rows, 0, 0), *text = db_str(rows, 0, 1);
    bool ended = strcmp(status, "failed") == 0 || strcmp(status, "needs_operator") == 0 ||
                 strcmp(status, "rolled_back") == 0;
    if (!ended || text == NULL)
        return;
    FUZZ_MUST(json_parse(text, strlen(text), "its error", &error) == NULL, "no error: %s", text);
    fuzz_refused(err_from_json(error));
}

static void engine(void)
{
    struct bench_site *site = &w.b->site[SITE];
    struct runner_options options = {
        .env = &site->env,
        .runbooks = runbooks_all,
        .world = site->world,
        .db_get = db_get,
        .db_put = db_put,
        .executor = &run_executor_inline,
        .owner = "fuzz:1:engine",
        .lease_ttl_ms = TURN_MS * (TURNS + 1),
        .settle_ms = 500,
        .poll_ms = 500,
    };
    struct runner *runner = runner_create(&options);
    bool refused = false;

    for (int i = 0; i < TURNS && !refused; i++) {
        bool ran = false;
        refused = fuzz_refused(runner_run(runner, "op-1", &ran));
        w.b->clock_ms += TURN_MS;
    }
    if (!refused)
        told();
    runner_destroy(runner);
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) in = fuzz_object(data, size);

    if (in == NULL)
        return;
    w.input = in;
    FUZZ_MUST(lasting.next->begin(lasting.backend) == NULL, "no transaction");
    g_autoptr(err_t) e = written(in);
    FUZZ_MUST(e == NULL || err_is(e, ERR_DB_DUPLICATE), "not written: %s", err_message(e));
    if (e == NULL)
        engine();
    world_back();
}
