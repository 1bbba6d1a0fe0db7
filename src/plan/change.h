/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change - the successor of a group's metadata that a user's change makes: one table, from the type
 * of the operation to the function that applies its parameters to a draft.
 *
 * The API applies it to refuse bad input before anything runs; the engine applies it again, to the
 * position that then stands, when it signs the change.  Pure.
 *
 * Parameters (JSON), by type:
 *   create         {group, name, description, replication_type, consistency_group_id,
 * idempotency_key, primary: {uuid, name, project_id, volume_type, volume_type_id}, secondary: {…}}
 *   update         {name?, description?}
 *   policy_set     the policy's fields, tokens sealed (model/body.h)
 *   policy_delete  {}
 *   member_add     {member: {id, instance_id, and body_order_keys}}  and at signing time
 *                  "captured" (the member as captured)
 *   member_update  {member_id, and body_order_keys}
 *   member_remove  {member_id}
 *   mappings_set   {source_site, mappings: {kind: {source: target|null}}}
 *   reprotect, delete  {}
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

/*
 * The new draft.  'base' is the present one (taken, also on error; NULL for create).  Errors:
 * BODY_INVALID naming field and limit, NOT_FOUND, BAD_REQUEST for a type that is no change.
 */
err_t *plan_change(const char *type, const json_t *params, json_t *base, int64_t now_ms,
                   json_t **ret) MUST_CHECK;
/* True if 'type' is a change of a user that goes through stage and commit. */
bool plan_is_change(const char *type);
