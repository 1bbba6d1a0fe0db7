/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strike_db - strike.h for databases: exactly one statement, BEGIN or COMMIT of an engine or API
 * meets exactly one fault.  Linked in place of strike.c: the sweep and its judge are the same.
 */
#include "tests/sim/strike.h"

#include "store/backend.h"

#include <string.h>

#define SHOWN_MAX 60 /* bytes of a statement */

static const struct {
    const char *name;
    enum err_code code; /* of a statement; of a COMMIT that is lost DB_COMMIT_UNKNOWN */
    bool happens;       /* it takes effect, its answer is lost */
    bool lost;
} kinds[] = {
    {"deadlock", ERR_DB_DEADLOCK, false, false},
    {"not-ready", ERR_DB_NOT_READY, false, false},
    {"lost-before", ERR_DB_CONNECT, false, true},
    {"lost-after", ERR_DB_CONNECT, true, true},
};

const struct strike_deviation strike_deviations[] = {{0}};

int strike_kinds(void)
{
    return (int)G_N_ELEMENTS(kinds);
}

const char *strike_name(int kind)
{
    return kinds[kind].name;
}

int strike_kind_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* ---- the filter on each connection ---- */

struct struck {
    const struct db_ops *next;
    void *backend;
    struct strike *strike;
    int site;
};

/* Counts a call; true if it is the one. */
static bool is_struck(const struct struck *f, const char *sql)
{
    struct strike *s = f->strike;

    if (s->bench->looks)
        return false;
    s->calls++;
    g_autofree char *what = g_strdup_printf("%s %.*s", bench_site_name(f->site), SHOWN_MAX, sql);
    if (s->calls_told != NULL)
        fprintf(s->calls_told, "%4d %s\n", s->calls, what);
    if (s->calls != s->nth)
        return false;
    s->what = g_steal_pointer(&what);
    if (g_getenv("BENCH_TRACE") != NULL)
        fprintf(stderr, "       STRUCK by %s: %s\n", kinds[s->kind].name, s->what);
    return true;
}

static err_t *failure(const struct struck *f, bool commit)
{
    int kind = f->strike->kind;
    enum err_code code = commit && kinds[kind].lost ? ERR_DB_COMMIT_UNKNOWN : kinds[kind].code;

    return err_make(__FILE__, __LINE__, code, "struck by the sweep: %s", kinds[kind].name);
}

static err_t *run(void *backend, const char *sql, const struct db_value *values, size_t count,
                  struct db_rows **ret_rows, int64_t *ret_affected)
{
    struct struck *f = backend;
    bool struck = is_struck(f, sql);

    if (struck && !kinds[f->strike->kind].happens)
        return failure(f, false);
    TRY(f->next->run(f->backend, sql, values, count, ret_rows, ret_affected));
    if (struck && ret_rows != NULL)
        g_clear_pointer(ret_rows, db_rows_destroy);
    return struck ? failure(f, false) : NULL;
}

static err_t *begin(void *backend)
{
    struct struck *f = backend;

    return is_struck(f, "BEGIN") ? failure(f, false) : f->next->begin(f->backend);
}

static err_t *commit(void *backend)
{
    struct struck *f = backend;
    bool struck = is_struck(f, "COMMIT");

    if (struck && !kinds[f->strike->kind].happens)
        return failure(f, true);
    TRY(f->next->commit(f->backend));
    return struck ? failure(f, true) : NULL;
}

static void rollback(void *backend)
{
    struct struck *f = backend;

    f->next->rollback(f->backend);
}

static void close_it(void *backend)
{
    struct struck *f = backend;

    f->next->close(f->backend);
    g_free(f);
}

static const struct db_ops ops = {
    .name = "sqlite",
    .run = run,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .close = close_it,
};

/* Once on each connection, also on one that the test itself has opened. */
static void on_take(void *data, struct bench_site *site, struct db *db)
{
    if (db_has_ops(db, &ops))
        return;
    struct struck *f = g_new0(struct struck, 1);
    *f = (struct struck){.strike = data, .site = site->index};
    db_stack(db, &ops, f, &f->next, &f->backend);
}

/* ---- the hook ---- */

void strike_begin(struct strike *s, struct bench *b)
{
    s->bench = b;
    for (int i = 0; i < BENCH_SITES; i++) {
        b->site[i].on_take = on_take;
        b->site[i].on_take_data = s;
    }
}

void strike_end(struct strike *s)
{
    for (int i = 0; i < BENCH_SITES; i++)
        s->bench->site[i].on_take = NULL;
}

void strike_fini(struct strike *s)
{
    g_free(s->what);
    g_free(s->name);
    s->what = s->name = NULL;
}
