/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change - what every change of a group goes through in the API: the verb's place in the grid, the
 * input tried on the present metadata, the slot reserved, the operation written.  Private to api/.
 */
#pragma once

#include "api/request.h"
#include "model/states.h"
#include "store/group.h"
#include "store/operation.h"

/* The group of the path's {pg}, by id or name, within the caller's project. */
err_t *change_group(struct request *r, struct group_row **ret) MUST_CHECK;
/* May 'verb' begin here now?  With the active site in the error's details. */
err_t *change_allowed(struct request *r, const struct group_row *g, enum verb verb) MUST_CHECK;
/* A new operation of the group with the caller's ids; status pending. */
struct operation *change_operation(struct request *r, const struct group_row *g, const char *type);
/* One of this site alone, for all to see. */
struct operation *change_local_operation(struct request *r, const struct group_row *g,
                                         const char *type);
/*
 * Begins a change of 'type' with 'params' (taken): plan_change decides whether they are good.  A
 * request equal to the one that holds the slot gets that operation.  '*ret_op' may be NULL.
 */
err_t *change_begin(struct request *r, const struct group_row *g, enum verb verb, const char *type,
                    json_t *params, char **ret_op) MUST_CHECK;
/* The same, with a look (or a refusal) of the caller's in the change's own transaction. */
struct change_also {
    err_t *(*fn)(struct db *db, void *data);
    void *data;
};
err_t *change_begin_also(struct request *r, const struct group_row *g, enum verb verb,
                         const char *type, json_t *params, const struct change_also *also,
                         char **ret_op) MUST_CHECK;
/* The body of the group as an object; {} if it has none. */
err_t *change_body(const struct group_row *g, json_t **ret) MUST_CHECK;
