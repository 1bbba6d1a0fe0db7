/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty - see faulty.h.  It stands between db.c and a back end (backend.h, db_stack).
 */
#include "store/faulty.h"

#include "store/backend.h"

struct fault {
    int until; /* calls until it strikes; 0 = not armed */
    int times; /* strikes left; -1 = no end */
    enum err_code code;
    bool happens;
    int seen;
    int failed;
};

struct faulty {
    struct db_ops ops;
    const struct db_ops *next;
    void *next_backend;
    struct fault faults[FAULTY_POINT_COUNT];
};

/* Counts a call; true if it is to fail. */
static bool strikes(struct fault *fault)
{
    fault->seen++;
    if (fault->until == 0)
        return false;
    if (fault->until > 1) {
        fault->until--;
        return false;
    }
    if (fault->times > 0 && --fault->times == 0)
        fault->until = 0;
    fault->failed++;
    return true;
}

static err_t *strike(const struct fault *fault, const char *what)
{
    return err_make(__FILE__, __LINE__, fault->code, "%s failed as ordered by a test", what);
}

static err_t *run(void *backend, const char *sql, const struct db_value *values, size_t count,
                  struct db_rows **ret_rows, int64_t *ret_affected)
{
    struct faulty *f = backend;
    struct fault *fault = &f->faults[FAULTY_STATEMENT];
    bool fail = strikes(fault);
    if (fail && !fault->happens)
        return strike(fault, "statement");
    TRY(f->next->run(f->next_backend, sql, values, count, ret_rows, ret_affected));
    if (fail && ret_rows != NULL)
        g_clear_pointer(ret_rows, db_rows_destroy);
    return fail ? strike(fault, "statement") : NULL;
}

static err_t *begin(void *backend)
{
    struct faulty *f = backend;
    struct fault *fault = &f->faults[FAULTY_BEGIN];
    return strikes(fault) ? strike(fault, "begin") : f->next->begin(f->next_backend);
}

static err_t *commit(void *backend)
{
    struct faulty *f = backend;
    struct fault *fault = &f->faults[FAULTY_COMMIT];
    bool fail = strikes(fault);
    if (fail && !fault->happens)
        return strike(fault, "commit");
    TRY(f->next->commit(f->next_backend));
    return fail ? strike(fault, "commit") : NULL;
}

static void rollback(void *backend)
{
    struct faulty *f = backend;
    f->next->rollback(f->next_backend);
}

static void faulty_close(void *backend)
{
    struct faulty *f = backend;
    f->next->close(f->next_backend);
    g_free(f);
}

struct faulty *faulty_stack(struct db *db)
{
    struct faulty *f = g_new0(struct faulty, 1);
    f->ops = (struct db_ops){
        .run = run, .begin = begin, .commit = commit, .rollback = rollback, .close = faulty_close};
    db_stack(db, &f->ops, f, &f->next, &f->next_backend);
    f->ops.name = f->next->name;
    return f;
}

void faulty_arm(struct faulty *faulty, enum faulty_point point, int nth, int times,
                enum err_code code, bool happens)
{
    g_assert(nth >= 0 && times >= 0);
    struct fault *fault = &faulty->faults[point];
    fault->until = nth;
    fault->times = times == 0 ? -1 : times;
    fault->code = code;
    fault->happens = happens;
}

int faulty_seen(const struct faulty *faulty, enum faulty_point point)
{
    return faulty->faults[point].seen;
}

int faulty_failed(const struct faulty *faulty, enum faulty_point point)
{
    return faulty->faults[point].failed;
}
