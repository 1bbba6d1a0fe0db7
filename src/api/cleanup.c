/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup - what this site has kept of a group is looked at, or deleted as it was confirmed: by the
 * hash of the list that the look has told, so that nothing goes that nobody has seen.
 */
#include "api/change.h"
#include "api/resources.h"

#include "store/exchange.h"

/* Either a look, or the hash of what was seen in one. */
static err_t *input_check(const json_t *in)
{
    const char *after = json_str(in, "discard_writes_after");
    bool look = json_bool(in, "dry_run", false);

    if (look == (json_str(in, "plan") != NULL))
        return err_remedy(err(BAD_REQUEST, "'cleanup_source' wants either 'dry_run' or 'plan'"),
                          "look first (dry_run): the result of that operation has the list and its "
                          "'hash', which is the 'plan' of the call that deletes it");
    if (after != NULL && time_parse(after) < 0)
        return err(BAD_REQUEST,
                   "'discard_writes_after' is no time: '%s' (it is written as "
                   "2026-11-30T12:00:00Z)",
                   after);
    return NULL;
}

static json_t *params_of(const json_t *in)
{
    json_t *params = json_object();

    json_set_str(params, "plan", json_str(in, "plan"));
    json_set_str(params, "discard_writes_after", json_str(in, "discard_writes_after"));
    return params;
}

err_t *groups_cleanup_source(struct request *r)
{
    AUTO(group_row) g = NULL;
    bool look = json_bool(r->in, "dry_run", false);

    TRY(request_allowed(r, "protector:protection_groups:action", r->project));
    TRY(input_check(r->in));
    TRY(change_group(r, &g));
    TRY(change_allowed(r, g, VERB_CLEANUP_SOURCE));
    AUTO(operation)
    op = look ? change_operation(r, g, "cleanup_look")
              : change_local_operation(r, g, "cleanup_source");
    op->params = params_of(r->in);
    TRY(operation_insert(r->db, op));
    if (!look)
        TRY(request_audit_with(r, "protection_group.cleanup_source", g->id,
                               json_deep_copy(op->params)));
    request_ring(r);
    return reply_operation(r, op->id, NULL);
}
