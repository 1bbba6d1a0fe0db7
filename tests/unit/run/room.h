/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room - the runner by itself: tiny runbooks over a world in memory that writes down every call, a
 * virtual clock, and the real database.  For the programs in this folder only.
 *
 * What every test gets checked without asking for it, in room_close:
 *  - a make finds its own intent in the journal, an undo its undo_intent, read by another
 *    connection (rule 1); the make of a pivot finds the operation past its pivot;
 *  - nothing is made where it is already, nothing is called by an engine that has died;
 *  - after a pass nothing is due at once (rule 7: no thread waits, and none spins), and the runner
 *    names the time at which it must come back;
 *  - every object of the world stands in the ledger, and nothing that is 'gone' is there.
 */
#pragma once

#include "tests/unit/store/both.h"

#include "run/journal.h"
#include "run/run.h"
#include "store/backend.h"
#include "store/lease.h"
#include "store/op_step.h"
#include "store/operation.h"
#include "store/resource.h"
#include "store/tx.h"

#define OP        "op-1"
#define TTL_MS    20000
#define SETTLE_MS 5000
#define POLL_MS   700
#define DAY_MS    (24 * 3600 * 1000LL)
#define WAITS     (-1) /* trouble: the function answers STEP_WAIT */

/* What a function of a step answers instead of doing its work. */
struct trouble {
    const char *call;           /* "probe", "make", "undo", "observe", "plan" */
    const char *step, *subject; /* NULL: any */
    int from, to;               /* which calls of it, from 1 */
    int code;                   /* enum err_code, or WAITS */
    bool happens;               /* make, undo: done nevertheless */
    int64_t late_ms;            /* make: what happens is seen only so much later */
    int64_t wake_ms;            /* WAITS: wake_at_ms from now; 0: the runner's choice */
    const char *retry_after;    /* that the error carries; NULL: nothing */
};

struct room;
typedef void room_hook(struct room *room);

struct room {
    struct both *b;
    struct db *watch; /* reads what is durable, whatever the engine's connections do */
    struct env env;
    int64_t now_ms, mono_ms;
    uint64_t seed;
    GPtrArray *idle; /* connections */
    GMutex lock;
    GHashTable *things; /* "step subject" -> int64_t: when it is seen */
    GHashTable *counts; /* "call step subject" -> calls so far */
    GArray *troubles;
    GString *log, *wrong, *reports;
    GArray *made_at; /* int64_t now_ms of each make */
    json_t *plan;
    const struct runbook *const *books;
    const struct run_executor *executor;
    struct runner *runner;
    const char *owner;
    int64_t lag_ms;     /* how much later than its make a thing is seen */
    bool same_host;     /* the lock file is held: old leases of this host are ours */
    enum run_hope hope; /* of what fails */
    bool spins;         /* this test expects to be due at once */
    int boundary, die_at;
    int statements, die_at_statement;
    bool die_after; /* only commits count, and are done before the engine dies */
    bool dead;
    void (*meanwhile)(struct room *room, struct step_call *call); /* inside a make */
    /* After the engine's first statement that has 'sql_part' in it; then no more. */
    room_hook *after_sql;
    const char *sql_part;
    void *data;
};

static inline void room_wrong(struct room *room, const char *format, ...) G_GNUC_PRINTF(2, 3);
static inline void room_wrong(struct room *room, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_string_append_vprintf(room->wrong, format, list);
    g_string_append_c(room->wrong, '\n');
    va_end(list);
}

/* ---- the clock */

static inline int64_t room_now(void *data)
{
    return ((struct room *)data)->now_ms;
}

static inline int64_t room_mono(void *data)
{
    return ((struct room *)data)->mono_ms;
}

static inline void room_random(void *data, void *buffer, size_t size)
{
    struct room *room = data;
    for (size_t i = 0; i < size; i++) {
        room->seed = room->seed * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)buffer)[i] = (unsigned char)(room->seed >> 33);
    }
}

/* ---- connections: a filter that dies at a statement, then for ever */

/* Processes die here, the machine does not: nobody waits for the disk. */
static inline struct db *room_open(const struct both *b)
{
    struct db *db = both_open(b);
    AUTO(db_rows) rows = NULL;
    if (db_is_sqlite(db))
        OK(db_query(db, &rows, "PRAGMA synchronous = OFF", ""));
    return db;
}

struct mortal {
    struct db_ops ops;
    const struct db_ops *next;
    void *next_backend;
    struct room *room;
};

/* True if this call fails.  With 'die_after' only commits count, and the last one is done. */
static inline bool mortal_dies(struct mortal *m, bool commit)
{
    struct room *room = m->room;
    if (room->dead)
        return true;
    if (room->die_at_statement == 0 || (room->die_after && !commit) ||
        ++room->statements < room->die_at_statement)
        return false;
    room->dead = true;
    return true;
}

static inline err_t *mortal_run(void *backend, const char *sql, const struct db_value *values,
                                size_t count, struct db_rows **ret_rows, int64_t *ret_affected)
{
    struct mortal *m = backend;
    if (mortal_dies(m, false))
        return err(DB_CONNECT, "the engine dies at a statement");
    TRY(m->next->run(m->next_backend, sql, values, count, ret_rows, ret_affected));
    room_hook *after_sql = m->room->after_sql;
    if (after_sql == NULL || strstr(sql, m->room->sql_part) == NULL)
        return NULL;
    m->room->after_sql = NULL;
    after_sql(m->room);
    return NULL;
}

static inline err_t *mortal_begin(void *backend)
{
    struct mortal *m = backend;
    if (!mortal_dies(m, false))
        return m->next->begin(m->next_backend);
    return err(DB_CONNECT, "the engine dies at a begin");
}

static inline err_t *mortal_commit(void *backend)
{
    struct mortal *m = backend;
    bool before = m->room->dead;
    if (!mortal_dies(m, true))
        return m->next->commit(m->next_backend);
    if (!before && m->room->die_after)
        TRY(m->next->commit(m->next_backend));
    return err(DB_CONNECT, "the engine dies at a commit");
}

static inline void mortal_rollback(void *backend)
{
    struct mortal *m = backend;
    m->next->rollback(m->next_backend);
}

static inline void mortal_close(void *backend)
{
    struct mortal *m = backend;
    m->next->close(m->next_backend);
    g_free(m);
}

static inline struct db *room_connection(struct room *room)
{
    struct mortal *m = g_new0(struct mortal, 1);
    struct db *db = room_open(room->b);
    m->room = room;
    m->ops = (struct db_ops){.run = mortal_run,
                             .begin = mortal_begin,
                             .commit = mortal_commit,
                             .rollback = mortal_rollback,
                             .close = mortal_close};
    db_stack(db, &m->ops, m, &m->next, &m->next_backend);
    m->ops.name = m->next->name;
    return db;
}

static inline struct db *room_db_get(void *world)
{
    struct room *room = world;
    g_mutex_lock(&room->lock);
    struct db *db = room->idle->len > 0 ? g_ptr_array_steal_index(room->idle, room->idle->len - 1)
                                        : room_connection(room);
    g_mutex_unlock(&room->lock);
    return db;
}

static inline void room_db_put(void *world, struct db *db)
{
    struct room *room = world;
    g_mutex_lock(&room->lock);
    g_ptr_array_add(room->idle, db);
    g_mutex_unlock(&room->lock);
}

/* ---- the world */

static inline char *room_key(const char *step, const char *subject)
{
    return *subject ? g_strdup_printf("%s %s", step, subject) : g_strdup(step);
}

static inline bool room_seen(struct room *room, const char *key)
{
    const int64_t *at = g_hash_table_lookup(room->things, key);
    return at != NULL && *at <= room->mono_ms;
}

static inline void room_put(struct room *room, const char *key, int64_t late_ms)
{
    int64_t *at = g_new(int64_t, 1);
    *at = room->mono_ms + late_ms;
    if (g_hash_table_contains(room->things, key))
        room_wrong(room, "'%s' was made twice", key);
    g_hash_table_replace(room->things, g_strdup(key), at);
}

static inline void room_trouble(struct room *room, const char *call, const char *step,
                                const char *subject, int from, int to, int code)
{
    struct trouble t = {call, step, subject, from, to, code, false, 0, 0, NULL};
    g_array_append_val(room->troubles, t);
}

static inline struct trouble *room_last_trouble(struct room *room)
{
    return &g_array_index(room->troubles, struct trouble, room->troubles->len - 1);
}

/* Writes the call down; what is to go wrong with it, or NULL. */
static inline const struct trouble *room_call(struct room *room, const char *call, const char *step,
                                              const char *subject)
{
    g_autofree char *key = room_key(step, subject);
    g_autofree char *counted = g_strdup_printf("%s %s", call, key);
    int nth = GPOINTER_TO_INT(g_hash_table_lookup(room->counts, counted)) + 1;
    g_hash_table_replace(room->counts, g_strdup(counted), GINT_TO_POINTER(nth));
    g_string_append_printf(room->log, "%s%s", room->log->len > 0 ? ", " : "", counted);
    for (guint i = 0; i < room->troubles->len; i++) {
        const struct trouble *t = &g_array_index(room->troubles, struct trouble, i);
        if (g_str_equal(t->call, call) && (t->step == NULL || g_str_equal(t->step, step)) &&
            (t->subject == NULL || g_str_equal(t->subject, subject)) && nth >= t->from &&
            nth <= t->to)
            return t;
    }
    return NULL;
}

static inline int room_count(struct room *room, const char *counted)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(room->counts, counted));
}

static inline err_t *room_error(const struct trouble *t, const char *call, const char *step)
{
    err_t *e = err_make(__FILE__, __LINE__, (enum err_code)t->code, "%s of '%s' fails as ordered",
                        call, step);
    return t->retry_after != NULL ? err_detail(e, "retry_after", t->retry_after) : e;
}

/* ---- what must be durable */

static inline void room_must_state(struct room *room, const struct step_call *call,
                                   const char *const *states)
{
    AUTO(op_step) row = NULL;
    OK(op_step_find(room->watch, call->op->id, call->step->key, call->subject, &row));
    if (row == NULL || !g_strv_contains(states, row->state))
        room_wrong(room, "'%s %s' is called while the journal says '%s'", call->step->key,
                   call->subject, row != NULL ? row->state : "nothing");
}

static inline void room_must_pivot(struct room *room, const struct step_call *call)
{
    AUTO(operation) op = NULL;
    OK(operation_find(room->watch, call->op->id, &op));
    if (!op->past_pivot)
        room_wrong(room, "the pivot '%s' is made before the journal says so", call->step->key);
}

/* ---- the ledger, as runbooks/ledger.c writes it */

struct ledger_row {
    struct fence fence;
    struct resource row;
};

static inline err_t *room_ledger_tx(struct db *db, void *data)
{
    struct ledger_row *l = data;
    return resource_write(db, &l->fence, &l->row);
}

static inline err_t *room_ledger(struct step_call *call, const char *key, enum resource_state state)
{
    struct ledger_row l = {
        .fence = {call->op->id, call->op->generation, call->owner},
        .row = {.resource_key = (char *)key,
                .op_id = call->op->id,
                .pg_id = call->op->pg_id,
                .epoch = 1,
                .subject = (char *)call->subject,
                .kind = (char *)call->step->key,
                .site_id = (char *)"site",
                .service = (char *)"world",
                .cloud_id = (char *)(state == RESOURCE_MADE ? key : NULL),
                .name = (char *)key,
                .project_id = (char *)"p",
                .state = (char *)resource_state_text(state),
                .created_at_ms = call->now_ms,
                .updated_at_ms = call->now_ms},
    };
    return store_tx(call->db, call->env, room_ledger_tx, &l);
}

/* ---- the functions of every step */

static inline err_t *room_probe(struct step_call *call, enum step_answer *ret)
{
    struct room *room = call->world;
    g_autofree char *key = room_key(call->step->key, call->subject);
    if (room->dead)
        return err(FENCED, "dead");
    g_mutex_lock(&room->lock);
    const struct trouble *t = room_call(room, "probe", call->step->key, call->subject);
    bool seen = room_seen(room, key);
    g_mutex_unlock(&room->lock);
    if (t != NULL && t->code != WAITS)
        return room_error(t, "probe", call->step->key);
    *ret = t != NULL ? STEP_WAIT : seen ? STEP_DONE : STEP_ABSENT;
    if (t != NULL && t->wake_ms > 0)
        call->wake_at_ms = call->now_ms + t->wake_ms;
    return t == NULL && seen ? room_ledger(call, key, RESOURCE_MADE) : NULL;
}

static inline void room_make_checks(struct room *room, struct step_call *call)
{
    static const char *const intent[] = {"intent", NULL};
    if (room->dead)
        room_wrong(room, "'%s %s' is made by an engine that has died", call->step->key,
                   call->subject);
    room_must_state(room, call, intent);
    if (call->step->flags & STEP_PIVOT)
        room_must_pivot(room, call);
}

static inline err_t *room_make(struct step_call *call, enum step_answer *ret)
{
    struct room *room = call->world;
    g_autofree char *key = room_key(call->step->key, call->subject);
    g_mutex_lock(&room->lock);
    room_make_checks(room, call);
    const struct trouble *t = room_call(room, "make", call->step->key, call->subject);
    g_array_append_val(room->made_at, room->now_ms);
    g_mutex_unlock(&room->lock);
    TRY(room_ledger(call, key, RESOURCE_INTENT));
    json_set_int(call->result, "attempt", call->attempt);
    if (t == NULL || t->happens) {
        g_mutex_lock(&room->lock);
        room_put(room, key, t != NULL ? t->late_ms : room->lag_ms);
        g_mutex_unlock(&room->lock);
    }
    if (room->meanwhile != NULL)
        room->meanwhile(room, call);
    if (t != NULL && t->code != WAITS)
        return room_error(t, "make", call->step->key);
    *ret = t != NULL ? STEP_WAIT : STEP_DONE;
    if (t != NULL && t->wake_ms > 0)
        call->wake_at_ms = call->now_ms + t->wake_ms;
    return t == NULL ? room_ledger(call, key, RESOURCE_MADE) : NULL;
}

static inline err_t *room_undo(struct step_call *call, enum step_answer *ret)
{
    static const char *const states[] = {"undo_intent", "undo_waiting", NULL};
    struct room *room = call->world;
    g_autofree char *key = room_key(call->step->key, call->subject);
    g_mutex_lock(&room->lock);
    if (room->dead)
        room_wrong(room, "'%s' is undone by an engine that has died", key);
    room_must_state(room, call, states);
    const struct trouble *t = room_call(room, "undo", call->step->key, call->subject);
    if ((t == NULL || t->happens) && room_seen(room, key))
        g_hash_table_remove(room->things, key);
    g_mutex_unlock(&room->lock);
    if (t != NULL && t->code != WAITS)
        return room_error(t, "undo", call->step->key);
    *ret = t != NULL ? STEP_WAIT : STEP_DONE;
    if (t != NULL && t->wake_ms > 0)
        call->wake_at_ms = call->now_ms + t->wake_ms;
    return t == NULL ? room_ledger(call, key, RESOURCE_GONE) : NULL;
}

/* The list of everything that is seen. */
static inline err_t *room_observe(struct step_call *call, json_t **ret)
{
    struct room *room = call->world;
    const struct trouble *t = room_call(room, "observe", call->step->key, call->subject);
    if (t != NULL)
        return room_error(t, "observe", call->step->key);
    *ret = json_object();
    GHashTableIter iter;
    void *key = NULL;
    g_hash_table_iter_init(&iter, room->things);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (room_seen(room, key))
            json_set_bool(*ret, key, true);
    }
    return NULL;
}

static inline err_t *room_plan(struct step_call *call, json_t **ret)
{
    struct room *room = call->world;
    const struct trouble *t = room_call(room, "plan", "of", call->op->id);
    if (t != NULL && t->code != WAITS)
        return room_error(t, "plan", call->op->id);
    *ret = t != NULL ? NULL : json_deep_copy(room->plan);
    if (t != NULL && t->wake_ms > 0)
        call->wake_at_ms = call->now_ms + t->wake_ms;
    return NULL;
}

/* ---- runbooks */

#define FULL(key_, per_, flags_, progress_)                                                        \
    {                                                                                              \
        .key = (key_), .says = "Make " key_, .per = STEP_PER_##per_, .probe = room_probe,          \
        .make = room_make, .undo = room_undo, .flags = (flags_), .progress = (progress_)           \
    }

/* The usual one: two members with a row each, a pivot, and what comes after it. */
static const struct step four_steps[] = {
    FULL("first", GROUP, 0, 20),
    FULL("second", MEMBER, STEP_IN_WAVES, 50),
    FULL("pivot", GROUP, STEP_PIVOT | STEP_NO_SKIP, 60),
    FULL("fourth", MEMBER, STEP_IN_WAVES, 100),
    {0},
};
static const struct runbook four_book = {.name = "four",
                                         .version = 1,
                                         .steps = four_steps,
                                         .plan = room_plan};
static const struct runbook *const four_books[] = {&four_book, NULL};

/* The same way forward, before any pivot. */
static const struct step safe_steps[] = {
    FULL("first", GROUP, 0, 20),
    FULL("second", MEMBER, 0, 50),
    FULL("third", GROUP, 0, 70),
    FULL("fourth", GROUP, 0, 100),
    {0},
};
static const struct runbook safe_book = {.name = "safe",
                                         .version = 1,
                                         .steps = safe_steps,
                                         .plan = room_plan};
static const struct runbook *const safe_books[] = {&safe_book, NULL};

#define TWO_MEMBERS "{'members':[{'id':'m1'},{'id':'m2'}],'volumes':[]}"

/* JSON with ' for ". */
static inline json_t *room_json(const char *text)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    json_t *j = NULL;
    OK(json_parse(quoted, strlen(quoted), "test", &j));
    return j;
}

/* ---- engines */

static inline bool room_boundary(void *data, const char *op_id, const char *where,
                                 const char *step_key, const char *subject)
{
    struct room *room = data;
    (void)op_id, (void)where, (void)step_key, (void)subject;
    if (++room->boundary != room->die_at)
        return false;
    room->dead = true;
    return true;
}

static inline bool room_ours(void *world, const char *owner)
{
    (void)owner;
    return ((struct room *)world)->same_host;
}

static inline void room_report(void *world, const char *op_id, const char *event, const err_t *e)
{
    struct room *room = world;
    (void)op_id;
    g_string_append_printf(room->reports, "%s: %s\n", event, e != NULL ? err_message(e) : "");
}

static inline enum run_hope room_hope(void *world, struct db *db, const struct operation *op,
                                      const err_t *e)
{
    (void)db, (void)op, (void)e;
    return ((struct room *)world)->hope;
}

static inline struct runner *room_runner(struct room *room, const char *owner)
{
    struct runner_options o = {.env = &room->env,
                               .runbooks = room->books,
                               .world = room,
                               .db_get = room_db_get,
                               .db_put = room_db_put,
                               .executor = room->executor,
                               .owner = owner,
                               .lease_ttl_ms = TTL_MS,
                               .settle_ms = SETTLE_MS,
                               .poll_ms = POLL_MS,
                               .boundary = room_boundary,
                               .boundary_data = room,
                               .lease_is_ours = room_ours,
                               .hope = room_hope,
                               .report = room_report};
    return runner_create(&o);
}

/* A new engine on the same database. */
static inline void room_reopen(struct room *room, const char *owner)
{
    runner_destroy(room->runner);
    room->dead = false;
    room->die_at = room->die_at_statement = 0;
    room->owner = owner;
    room->runner = room_runner(room, owner);
}

static inline void room_books(struct room *room, const struct runbook *const *books)
{
    room->books = books;
    room_reopen(room, room->owner);
}

/* The clock goes on, and the thread that beats the leases with it. */
static inline void room_pass(struct room *room, int64_t ms)
{
    while (ms > 0) {
        int64_t part = MIN(ms, TTL_MS / 4);
        room->now_ms += part;
        room->mono_ms += part;
        ms -= part;
        err_t *e = runner_beat(room->runner);
        if (room->dead)
            g_clear_pointer(&e, err_free);
        OK(e);
    }
}

/* ---- operations */

static inline void room_operation(struct room *room, const char *runbook)
{
    AUTO(operation) op = operation_create();
    op->id = g_strdup(OP);
    op->pg_id = g_strdup("pg-1");
    op->project_id = g_strdup("p");
    op->operation_type = g_strdup(runbook);
    op->runbook = g_strdup(runbook);
    op->runbook_version = 1;
    op->created_at_ms = room->now_ms;
    OK(operation_insert(room->watch, op));
}

static inline struct operation *room_op(struct room *room)
{
    struct operation *op = NULL;
    OK(operation_get(room->watch, OP, NULL, &op));
    return op;
}

static inline bool room_runs(const struct operation *op)
{
    return g_str_equal(op->status, "pending") || g_str_equal(op->status, "running") ||
           g_str_equal(op->status, "rolling_back");
}

static inline void room_due_later(struct room *room, int64_t wake_at_ms)
{
    AUTO(operation) op = room_op(room);
    AUTO(lease) lease = NULL;
    OK(lease_get(room->watch, OP, &lease));
    bool ours = lease != NULL && g_str_equal(lease->owner, room->owner);
    if (room->spins || room->dead || !ours || !room_runs(op))
        return;
    if (op->wake_at_ms <= runner_clock_ms(room->runner))
        room_wrong(room, "%s is due again at once", op->status);
    if (wake_at_ms > op->wake_at_ms)
        room_wrong(room, "%s would be woken too late", op->status);
}

static inline void room_tick(struct room *room)
{
    int64_t wake_at_ms = 0;
    OK(runner_tick(room->runner, &wake_at_ms));
    room_due_later(room, wake_at_ms);
}

/* As the engine does it, until the operation has ended or waits for a person. */
static inline void room_run(struct room *room)
{
    for (int i = 0; i < 300; i++) {
        room_tick(room);
        AUTO(operation) op = room_op(room);
        if (!room_runs(op))
            return;
        room_pass(room,
                  CLAMP(op->wake_at_ms - runner_clock_ms(room->runner), 1, RUN_BACKOFF_MAX_MS));
    }
    room_wrong(room, "the operation does not end");
}

static inline void room_status_is(struct room *room, const char *expected, int line)
{
    AUTO(operation) op = room_op(room);
    if (g_str_equal(op->status, expected))
        return;
    g_autofree char *error = op->error != NULL ? json_print(op->error) : NULL;
    print_error("status '%s', expected '%s'; error %s\n", op->status, expected, error);
    _fail(__FILE__, line);
}
#define STATUS(room, expected) room_status_is(room, expected, __LINE__)

/* The calls since the last look, as "probe first, make first, …". */
static inline void room_log_is(struct room *room, const char *expected, int line)
{
    bool same = g_str_equal(room->log->str, expected);
    if (!same)
        print_error("calls:    %s\nexpected: %s\n", room->log->str, expected);
    g_string_truncate(room->log, 0);
    if (!same)
        _fail(__FILE__, line);
}
#define CALLS(room, expected) room_log_is(room, expected, __LINE__)

static inline void room_row_is(struct room *room, const char *step, const char *subject,
                               const char *state, int line)
{
    AUTO(op_step) row = NULL;
    OK(op_step_find(room->watch, OP, step, subject, &row));
    if (row != NULL && g_str_equal(row->state, state))
        return;
    print_error("row '%s %s' is '%s', expected '%s'\n", step, subject,
                row != NULL ? row->state : "absent", state);
    _fail(__FILE__, line);
}
#define ROW(room, step, subject, state) room_row_is(room, step, subject, state, __LINE__)

static inline struct op_step *room_row(struct room *room, const char *step, const char *subject)
{
    struct op_step *row = NULL;
    OK(op_step_find(room->watch, OP, step, subject, &row));
    assert_non_null(row);
    return row;
}

/* The text of the operation's error, "" if it has none.  Caller frees. */
static inline char *room_error_text(struct room *room)
{
    AUTO(operation) op = room_op(room);
    g_autoptr(err_t) e = op->error != NULL ? err_from_json(op->error) : NULL;
    return e != NULL ? err_text(e) : g_strdup("");
}

static inline void room_says(const char *text, const char *part, int line)
{
    if (strstr(text, part) != NULL)
        return;
    print_error("'%s' does not say '%s'\n", text, part);
    _fail(__FILE__, line);
}
#define SAYS(text, part) room_says(text, part, __LINE__)

/* Every thing is named by a row that is not 'gone', every 'gone' has no thing. */
static inline void room_ledger_holds(struct room *room)
{
    g_autoptr(GPtrArray) rows = NULL;
    guint named = 0;
    OK(resource_list_op(room->watch, OP, NULL, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct resource *row = g_ptr_array_index(rows, i);
        bool there = g_hash_table_contains(room->things, row->resource_key);
        bool gone = g_str_equal(row->state, "gone");
        if (there && gone)
            room_wrong(room, "'%s' is gone by the ledger, and there", row->resource_key);
        named += there;
    }
    if (named != g_hash_table_size(room->things))
        room_wrong(room, "the ledger names %u of %u things", named,
                   g_hash_table_size(room->things));
}

static inline int room_ledger_count(struct room *room, const char *state)
{
    g_autoptr(GPtrArray) rows = NULL;
    OK(resource_list_op(room->watch, OP, state, &rows));
    return (int)rows->len;
}

/* ---- setup */

static inline struct room *room_create(struct both *b)
{
    struct room *room = g_new0(struct room, 1);
    room->b = b;
    room->watch = room_open(b);
    room->env = (struct env){room, room_now, room_mono, room_random};
    room->now_ms = BOTH_NOW;
    room->mono_ms = 1000;
    room->seed = 7;
    g_mutex_init(&room->lock);
    room->idle = g_ptr_array_new_with_free_func((GDestroyNotify)db_destroy);
    room->things = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    room->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    room->troubles = g_array_new(FALSE, FALSE, sizeof(struct trouble));
    room->made_at = g_array_new(FALSE, FALSE, sizeof(int64_t));
    room->log = g_string_new(NULL);
    room->wrong = g_string_new(NULL);
    room->reports = g_string_new(NULL);
    room->plan = room_json(TWO_MEMBERS);
    room->books = four_books;
    room->executor = &run_executor_inline;
    room->owner = "one";
    room->runner = room_runner(room, room->owner);
    return room;
}

/* Back to the first day: the same database without the operation. */
static inline void room_clear(struct room *room)
{
    static const char *const tables[] = {"dr_steps", "dr_resources", "dr_operations", "leases",
                                         "commits"};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *sql = g_strdup_printf("DELETE FROM %s", tables[i]);
        OK(db_exec(room->watch, NULL, sql, ""));
    }
    g_hash_table_remove_all(room->things);
    g_hash_table_remove_all(room->counts);
    g_array_set_size(room->troubles, 0);
    g_array_set_size(room->made_at, 0);
    g_string_truncate(room->log, 0);
    g_string_truncate(room->reports, 0);
    room->boundary = room->statements = 0;
    room->die_after = room->same_host = false;
    room->lag_ms = 0;
    room_reopen(room, "one");
}

static inline void room_must_be_right(struct room *room)
{
    if (room->wrong->len > 0)
        print_error("%s", room->wrong->str);
    assert_int_equal(room->wrong->len, 0);
}

static inline void room_destroy(struct room *room)
{
    runner_destroy(room->runner);
    g_ptr_array_unref(room->idle);
    db_destroy(room->watch);
    g_hash_table_destroy(room->things);
    g_hash_table_destroy(room->counts);
    g_array_unref(room->troubles);
    g_array_unref(room->made_at);
    g_string_free(room->log, TRUE);
    g_string_free(room->wrong, TRUE);
    g_string_free(room->reports, TRUE);
    json_decref(room->plan);
    g_mutex_clear(&room->lock);
    g_free(room);
}

static inline int room_sqlite(void **state)
{
    both_sqlite(state);
    *state = room_create(*state);
    return 0;
}

static inline int room_mariadb(void **state)
{
    both_mariadb(state);
    *state = room_create(*state);
    return 0;
}

static inline int room_close(void **state)
{
    struct room *room = *state;
    void *b = room->b;
    room_ledger_holds(room);
    bool wrong = room->wrong->len > 0;
    if (wrong)
        print_error("%s", room->wrong->str);
    room_destroy(room);
    both_close(&b);
    return wrong ? -1 : 0;
}

#define ROOM(test)                                                                                 \
    {                                                                                              \
#test, test, room_sqlite, room_close, NULL                                                 \
    }
#define ROOM_BOTH(test)                                                                            \
    {#test " (sqlite)", test, room_sqlite, room_close, NULL},                                      \
    {                                                                                              \
#test " (mariadb)", test, room_mariadb, room_close, NULL                                   \
    }
