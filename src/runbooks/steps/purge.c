/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purge - what an earlier attempt of this epoch made of another recovery point than the one that is
 * chosen now is taken away first: volumes out of Cinder, then the copies they were made of.
 *
 * Only unreleased rows of operations that ended before their pivot are touched (design section 6,
 * rule 2).  It is best effort and short: a failover does not wait for what only tidies up; what
 * could not be taken away stays open in the ledger, where `protector-manage orphans` lists it.
 */
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"
#include "store/operation.h"
#include "store/resource.h"

#define PURGE_MAX_MS   30000
#define PURGE_AGAIN_MS 2000

/* Whether the row's operation has ended before its pivot, or is this one. */
static err_t *row_is_ours(struct step_call *call, const struct resource *row, bool *ret)
{
    AUTO(operation) op = NULL;

    *ret = g_str_equal(row->op_id, call->op->id);
    if (*ret)
        return NULL;
    TRY(operation_find(call->db, row->op_id, &op));
    *ret = op != NULL && !op->is_open && !op->past_pivot;
    return NULL;
}

static bool row_is_left(const struct step_call *call, const struct resource *row, const char *point)
{
    bool open = g_str_equal(row->state, resource_state_text(RESOURCE_INTENT)) ||
                g_str_equal(row->state, resource_state_text(RESOURCE_MADE));

    return open && row->epoch == json_int(call->plan, "epoch", -1) && row->point_id != NULL &&
           !g_str_equal(row->point_id, point);
}

static err_t *row_purge(struct step_call *call, const struct resource *row, enum step_answer *ret)
{
    const struct protector_driver *driver = world_options_of(call->world)->driver;
    bool manage = driver != NULL && (driver->can & PROTECTOR_MAKES_IN_CINDER) == 0;
    struct made made;

    *ret = STEP_DONE;
    made_init(call, row->kind, row->service, row->subject, row->name, row->point_id, &made);
    if (!g_str_equal(made.key, row->resource_key)) /* a drill's: its own cleanup takes it */
        return NULL;
    swept_note(call, row->resource_key);
    return g_str_equal(row->kind, "volume")
               ? volume_take_away(call, &made, manage, ret)
               : copy_take_away(call, row->subject, row->name, row->point_id, ret);
}

/* All that is left of a kind.  '*ret' STEP_WAIT while something of it still moves. */
static err_t *kind_purge(struct step_call *call, const GPtrArray *rows, const char *kind,
                         const char *point, enum step_answer *ret)
{
    *ret = STEP_DONE;
    for (guint i = 0; i < rows->len; i++) {
        const struct resource *row = g_ptr_array_index(rows, i);
        enum step_answer one = STEP_DONE;
        bool ours = false;
        if (!g_str_equal(row->kind, kind) || !row_is_left(call, row, point))
            continue;
        TRY(row_is_ours(call, row, &ours));
        if (ours)
            TRY(row_purge(call, row, &one));
        if (one == STEP_WAIT)
            *ret = STEP_WAIT;
    }
    return NULL;
}

static err_t *purge(struct step_call *call, enum step_answer *ret)
{
    g_autoptr(json_t) chosen = NULL;
    g_autoptr(GPtrArray) rows = NULL;

    *ret = STEP_DONE;
    TRY(point_of(call, &chosen));
    const char *point = json_str_or(chosen, "id", "");
    TRY(resource_list_group(call->db, call->op->pg_id, NULL, &rows));
    TRY(kind_purge(call, rows, "volume", point, ret));
    return *ret == STEP_WAIT ? NULL : kind_purge(call, rows, "copy", point, ret);
}

err_t *purge_make(struct step_call *call, enum step_answer *ret)
{
    int64_t began_ms = json_int(call->result, "began_ms", call->now_ms);
    bool over = call->now_ms - began_ms >= PURGE_MAX_MS;

    json_set_int(call->result, "began_ms", began_ms);
    g_autoptr(err_t) e = purge(call, ret);
    if (e != NULL && err_class(e) == ERR_CLASS_FENCED)
        return TAKE(e);
    if (e == NULL && *ret == STEP_DONE)
        return NULL;
    if (over)
        return err(CONFLICT, "what was made of another recovery point is still there: %s",
                   e != NULL ? err_message(e) : "Cinder is still at work");
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms + PURGE_AGAIN_MS;
    return NULL;
}
